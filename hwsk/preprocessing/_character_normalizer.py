"""Bring images of single characters to the form of EMNIST."""

from __future__ import annotations

from numbers import Real
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from hwsk._data.images import Image, LazyImages
from hwsk._data.levels import invert, is_negative, remark_polarity
from hwsk._data.lines import remark_character
from hwsk._limits import SIDE, upto, whole
from hwsk.preprocessing._image_sizes import _clean_ink
from hwsk.preprocessing._image_transformer import _ImageTransformer

_SCANNED = 56  # pixels of a character in NIST's scans, by the softness of EMNIST's edges
_SUPERSAMPLING = 4  # characters are drawn so many times as large, then scaled down


class CharacterNormalizer(_ImageTransformer):
    """Make of a single character an image as EMNIST has it: light on dark, centred, of one size.

    The ink is cut out, scaled to fit a square with its proportions kept, softened and centred, and
    its tones are spread over the whole scale. So EMNIST was made from scans [1]_, and a model
    trained on it can read characters from elsewhere.

    Parameters
    ----------
    size : int, default=28
        Height and width of the images that come out.
    margin : int, default=2
        Paper to leave around the ink. In pixels, on the two sides that the character reaches, its
        soft edge included.
    blur : float, default=1.0
        Standard deviation of the Gaussian blur, in pixels of a scan in which the character is 56
        pixels large: about those that EMNIST was made from.
    ink : {"light", "dark"}, default="light"
        The ink of what comes out: "light" on dark as in EMNIST and MNIST, or "dark" on light as
        elsewhere in hwsk. What goes in is dark on light.
    stroke_width : float, default=3.0
        Least width of the strokes in pixels of what comes out: a finer pen is widened to this,
        about that of EMNIST. None leaves every pen as it is.

    See Also
    --------
    Grayscale : Turn light ink on dark round, where there is any; do that first.
    Binarizer : Find the ink in photographs, with "sauvola"; do that first.

    Notes
    -----
    What is ink, and what is a speck, is decided as by `InkCropper`. Negatives (light ink on dark
    paper up to the edges) are turned round. `transform` warns of them, and of images without ink,
    which come out blank; of file paths, whoever decodes them warns.

    References
    ----------
    .. [1] G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to
       handwritten letters", IJCNN 2017, section II, arXiv:1702.05373.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import CharacterNormalizer
    >>> photo = np.full((90, 120), 250, np.uint8)
    >>> photo[20:80, 30:36] = photo[20:26, 10:56] = 40
    >>> characters = CharacterNormalizer().fit_transform([photo])
    >>> characters.shape, int(characters.min()), int(characters.max())
    ((1, 28, 28), 0, 255)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "size": [whole(1, SIDE)],
        "margin": [whole(0, SIDE)],
        "blur": [Interval(Real, 0, _SCANNED / 4, closed="left")],
        "ink": [StrOptions({"light", "dark"})],
        "stroke_width": [upto(SIDE), None],
    }

    def __init__(
        self,
        size: int = 28,
        margin: int = 2,
        *,
        blur: float = 1.0,
        ink: str = "light",
        stroke_width: float | None = 3.0,
    ) -> None:
        self.size = size
        self.margin = margin
        self.blur = blur
        self.ink = ink
        self.stroke_width = stroke_width

    def transform(self, X: Any) -> Any:
        """Normalize every character.

        Parameters
        ----------
        X : array-like of images
            As in `fit`: one character in each, of any size, dark on light or light on dark.

        Returns
        -------
        images : ndarray of shape (n, size, size) or LazyImages
            Images of uint8. If X was a 2-D array, rows `(n, size * size)`. Of file paths, images
            that are decoded when asked for.
        """
        characters = super().transform(X)
        return characters if isinstance(characters, LazyImages) else np.stack(list(characters))

    def _remark(self, image: Image, changed: Image) -> str | None:
        if changed.min() == changed.max():
            return "hold no ink: blank in the output"
        return remark_polarity(image) or remark_character(image)

    def _transform_one(self, image: Image) -> Image:
        ink = _clean_ink(invert(image) if is_negative(image) else image)
        square = self._fit_into_square(ink) if ink.any() else np.zeros((self.size, self.size))
        light = np.rint(255 * square).astype(np.uint8)
        return light if self.ink == "light" else 255 - light

    def _fit_into_square(self, ink: NDArray[np.uint8]) -> Image:
        """Ink of any size (255 on 0) as `size` x `size` pixels in [0, 1]."""
        left, top, width, height = cv2.boundingRect(ink)
        sigma, room = (_SUPERSAMPLING * length for length in self._blur_and_room())
        ink = _enlarge_ink(ink[top : top + height, left : left + width], room)
        longer = max(ink.shape)
        scale, grow = room / longer, 0.0
        if self.stroke_width is not None:
            wanted, found = _SUPERSAMPLING * self.stroke_width, _stroke_width(ink)
            if found * scale < wanted and found < longer:
                # Growing on all sides takes room, so the character has to be drawn smaller.
                grow = (wanted - found * scale) / (1 - found / longer) / 2
                scale -= 2 * grow / longer
        height, width = (max(1, round(scale * length)) for length in ink.shape)
        side = _SUPERSAMPLING * self.size
        left, top = (side - width) // 2, (side - height) // 2
        square: Image = np.zeros((side, side), np.float32)
        square[top : top + height, left : left + width] = cv2.resize(
            ink.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
        )
        reach = np.arange(-int(grow), int(grow) + 1)
        disc = np.hypot(reach, reach[:, np.newaxis]) <= grow
        square = cv2.dilate(square, disc.astype(np.uint8))
        if sigma:
            square = cv2.GaussianBlur(square, (0, 0), sigma)
        square = cv2.resize(square, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return square / square.max()

    def _blur_and_room(self) -> tuple[float, float]:
        """The blur's deviation, and the ink's longer side, without its soft edge of two of them."""
        inside = self.size - 2 * self.margin
        sigma = self.blur * inside / _SCANNED
        return sigma, inside - 4 * sigma

    def _validate_params(self) -> None:
        super()._validate_params()
        room, least = self._blur_and_room()[1], self.stroke_width or 0
        if room <= least:
            raise ValueError(
                f"size={self.size} leaves no room for a character: {room:.3g} pixels within "
                f"margin={self.margin} and blur={self.blur}, with strokes {least} pixels wide"
            )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _stroke_width(ink: NDArray[np.uint8]) -> float:
    """Median width of the strokes in pixels, measured along their middles."""
    to_edge = cv2.distanceTransform(np.pad(ink, 1), cv2.DIST_L2, 5)
    middles = (to_edge > 0) & (to_edge >= cv2.dilate(to_edge, np.ones((3, 3), np.uint8)))
    return float(2 * np.median(to_edge[middles]) - 0.5)  # between odd widths and even ones


def _enlarge_ink(ink: NDArray[np.uint8], least: float) -> NDArray[np.uint8]:
    """Ink a whole number of times as large, its longer side `least` pixels or more."""
    times = int(np.ceil(least / max(ink.shape)))
    if times == 1:
        return ink
    larger = cv2.resize(ink, None, fx=times, fy=times, interpolation=cv2.INTER_CUBIC)
    return np.where(larger > 127, np.uint8(255), np.uint8(0))
