"""Transform images of handwriting into images."""

from __future__ import annotations

from abc import abstractmethod
from numbers import Real
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from hwsk._data.images import (
    Image,
    LazyImages,
    check_images,
    is_one_column,
    object_array,
    pack_images,
    paper_level,
    resize_to_height,
)
from hwsk._data.levels import (
    MIN_CONTRAST,
    invert,
    is_inverted,
    is_negative,
    otsu_ink,
    remark_polarity,
    to_bytes,
    without_texture,
)
from hwsk._data.lines import remark_lines
from hwsk._data.scan import walk
from hwsk._limits import SIDE, upto, whole

_MOST_WIDENING = 1.6
_MAX_SIDE = 32766  # OpenCV's warps count pixels in 16 bits
_SCANNED = 56  # pixels of a character in NIST's scans, by the softness of EMNIST's edges
_SUPERSAMPLING = 4  # characters are drawn so many times as large, then scaled down


_MOSTLY_SPECKS = (
    "lose over half of their ink, which is in pieces too small for a word or line of that height "
    "(a page of text?)"
)


class _ImageTransformer(TransformerMixin, BaseEstimator):
    """Transform images one by one, lazily for files; stateless base of the image transformers."""

    _parameter_constraints: dict[str, list[Any]] = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> _ImageTransformer:
        """Check the parameters and X; nothing is learnt and no file is opened.

        Parameters
        ----------
        X : array-like of images
            An array `(n, h, w)` or `(n, h, w, c)`, a list of 2-D arrays or of file paths, or a
            2-D array, whose rows are images one pixel high.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.
        """
        check_images(X, self, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Change every image.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        images : ndarray or LazyImages
            An object array of 2-D arrays; an array `(n, h, w)` or `(n, pixels)` if X was one and
            the sizes still agree. Of file paths, images that are decoded when asked for; of a table
            of one column of paths or images, as a `ColumnTransformer` gives it, the images in such
            a column.
        """
        self._validate_params()
        images = check_images(X, self)
        # A copy: what is decoded later must not follow a later set_params.
        copy = clone(self)
        changed = images.map(copy._transform_one, copy._remark)
        if is_one_column(X):
            return object_array([image for _, image in walk(changed)]).reshape(-1, 1)
        if images is X or images.decodes:
            return changed
        stack = hasattr(X, "ndim") and X.ndim > 1
        made = [image for _, image in walk(changed)]
        return pack_images(made, is_table=images.is_table, stack=stack)

    def _remark(self, image: Image, changed: Image) -> str | None:
        """Return a remark on an image for a warning; see `LazyImages`."""
        return None

    @abstractmethod
    def _transform_one(self, image: Image) -> Image:
        """Change one image, a 2-D array of uint8 or float32."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class Grayscale(_ImageTransformer):
    """Make images grey, with dark ink on light paper.

    Colour becomes luminance, transparency is laid on white and 16 bits become 8, as for every
    image that hwsk takes; this transformer does only that and settles the polarity.

    Parameters
    ----------
    polarity : {"auto", "keep", "invert"}, default="auto"
        Which of ink and paper is the lighter. "auto" turns an image round if most of its pixels are
        nearer to its dark than to its light end: there is more paper than ink. "keep" never does
        and "invert" always does.

    See Also
    --------
    Binarizer : Make ink black and paper white.

    Notes
    -----
    An image of nearly one tone is taken as blank, so "auto" inverts it if the tone is dark.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import Grayscale
    >>> chalk = np.zeros((1, 3, 4), np.uint8)
    >>> chalk[0, 1, 1:3] = 255
    >>> Grayscale().fit_transform(chalk)[0]
    array([[255, 255, 255, 255],
           [255,   0,   0, 255],
           [255, 255, 255, 255]], dtype=uint8)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "polarity": [StrOptions({"auto", "keep", "invert"})],
    }

    def __init__(self, polarity: str = "auto") -> None:
        self.polarity = polarity

    def _transform_one(self, image: Image) -> Image:
        if self.polarity == "keep" or (self.polarity == "auto" and not is_inverted(image)):
            return image
        return invert(image)


class Binarizer(_ImageTransformer):
    """Make ink black (0) and paper white (255).

    Parameters
    ----------
    method : {"otsu", "sauvola"}, default="otsu"
        How it is done. "otsu": one threshold for the image [1]_. "sauvola": one for each pixel,
        from the mean and the deviation around it, for uneven light and stained paper [2]_.
    window : int, default=35
        Side of Sauvola's square neighbourhood in pixels, a few pen widths.
    k : float, default=0.2
        How far below the local mean Sauvola's threshold lies: a larger value gives less ink.

    See Also
    --------
    Grayscale : Settle the polarity first, if some images are light on dark.

    Notes
    -----
    If what is found to be ink is on average less than a tenth of the scale darker than the rest,
    the image is blank with paper texture, and becomes all paper: noise is not amplified.

    References
    ----------
    .. [1] N. Otsu, "A threshold selection method from gray-level histograms", IEEE Transactions
       on Systems, Man, and Cybernetics, 9(1), 1979.
    .. [2] J. Sauvola and M. Pietikäinen, "Adaptive document image binarization", Pattern
       Recognition, 33(2), 2000.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import Binarizer
    >>> Binarizer().fit_transform([np.array([[200, 90, 210], [60, 220, 205]], np.uint8)])[0]
    array([[255,   0, 255],
           [  0, 255, 255]], dtype=uint8)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "method": [StrOptions({"otsu", "sauvola"})],
        "window": [whole(3, SIDE)],
        "k": [Interval(Real, 0, 1, closed="neither")],
    }

    def __init__(self, method: str = "otsu", *, window: int = 35, k: float = 0.2) -> None:
        self.method = method
        self.window = window
        self.k = k

    def _transform_one(self, image: Image) -> Image:
        if self.method == "otsu":
            return cv2.bitwise_not(otsu_ink(image))
        gray = to_bytes(image)
        ink = without_texture(gray, _sauvola(gray, self.window, self.k))
        return cv2.bitwise_not(ink)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class Deskewer(_ImageTransformer):
    """Rotate images so that the line of writing is level.

    Of the angles up to `max_angle`, the one is taken at which the ink, counted row by row, is
    most concentrated [1]_. Works on words, lines and pages; the paper is enlarged as needed.

    Parameters
    ----------
    max_angle : float, default=10
        Largest skew that is corrected, in degrees. Below 45.

    See Also
    --------
    Deslanter : Make the strokes upright.

    Notes
    -----
    An image without ink, or one pixel high, stays as it is.

    References
    ----------
    .. [1] W. Postl, "Detection of linear oblique structures and skew scan in digitized
       documents", Proceedings of the 8th ICPR, 1986.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import Deskewer
    >>> image = np.full((50, 200), 255, np.uint8)
    >>> columns = np.arange(20, 180)
    >>> image[10 + columns // 8, columns] = 0
    >>> level = Deskewer().fit_transform([image])[0]
    >>> rows = np.flatnonzero((level < 128).any(axis=1))
    >>> bool(np.ptp(rows) <= 2)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "max_angle": [Interval(Real, 0, 45, closed="left")],
    }

    def __init__(self, max_angle: float = 10.0) -> None:
        self.max_angle = max_angle

    def _transform_one(self, image: Image) -> Image:
        rows, columns = _ink_points(image)
        slope = _sharpest_shear(rows, columns, np.tan(np.deg2rad(self.max_angle)))
        if not slope:
            return image
        cosine = 1 / np.hypot(1, slope)
        sine = slope * cosine
        return _warp_whole(image, np.array([[cosine, sine], [-sine, cosine]]))


class Deslanter(_ImageTransformer):
    """Shear images so that slanted writing stands upright.

    Of the shears up to `max_shear`, the one is taken at which the ink, counted column by column,
    is most concentrated: upright strokes fall into few columns [1]_.

    Parameters
    ----------
    max_shear : float, default=1.0
        Largest slant that is corrected, to the side for each unit of height: 1 is a slant of 45
        degrees.

    See Also
    --------
    Deskewer : Make the line level; do that first.

    Notes
    -----
    An image without ink, or one pixel high, stays as it is.

    References
    ----------
    .. [1] A. Vinciarelli and J. Luettin, "A new normalization technique for cursive handwritten
       words", Pattern Recognition Letters, 22(9), 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import Deslanter
    >>> image = np.full((40, 60), 255, np.uint8)
    >>> rows = np.arange(5, 35)
    >>> image[rows, 45 - rows // 2] = 0
    >>> upright = Deslanter().fit_transform([image])[0]
    >>> columns = np.flatnonzero((upright < 128).any(axis=0))
    >>> bool(np.ptp(columns) <= 2)
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "max_shear": [Interval(Real, 0, 3, closed="both")],
    }

    def __init__(self, max_shear: float = 1.0) -> None:
        self.max_shear = max_shear

    def _transform_one(self, image: Image) -> Image:
        rows, columns = _ink_points(image)
        shear = _sharpest_shear(columns, rows, self.max_shear)
        return _warp_whole(image, np.array([[1.0, -shear], [0.0, 1.0]])) if shear else image


class HeightNormalizer(_ImageTransformer):
    """Scale images to one height, keeping their proportions (or widening dense writing).

    Parameters
    ----------
    height : int, default=64
        Height of an image in pixels.
    method : {"box", "moments"}, default="box"
        How it is done. "box" scales the whole image. "moments" first cuts out a band centred on the
        ink's mean and 6.7 standard deviations of its vertical distribution high [1]_, at most as
        high as the image: margins go, and what reaches far above or below the writing.
    stroke_spacing : float, default=None
        Least mean distance between strokes along a row, in pixels of the output: denser writing is
        widened, at most 1.6 times, so that each character has room enough (CTC needs a time step
        for each). None keeps the proportions of all.
    max_aspect : float, default=100
        Largest width of the output, in heights. A wider image (a row of noise scaled up, say) is
        squeezed to that, so that it can't fill the memory.
    min_height : int, default=None
        Images less high than this, in their own pixels, are laid on paper of this height first,
        so that a full stop does not become as large as a letter: for single words of one
        resolution, with "box".

    See Also
    --------
    InkCropper : Cut off the margins first, so that the writing fills the height.

    References
    ----------
    .. [1] M. Kozielski, J. Forster, H. Ney, "Moment-based image normalization for handwritten
       text recognition", ICFHR 2012.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import HeightNormalizer
    >>> images = [np.zeros((20, 30)), np.zeros((80, 200))]
    >>> [image.shape for image in HeightNormalizer(40).fit_transform(images)]
    [(40, 60), (40, 100)]
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "height": [whole(1, SIDE)],
        "method": [StrOptions({"box", "moments"})],
        "stroke_spacing": [upto(SIDE), None],
        "max_aspect": [upto(SIDE)],
        "min_height": [whole(1, SIDE), None],
    }

    def __init__(
        self,
        height: int = 64,
        *,
        method: str = "box",
        stroke_spacing: float | None = None,
        max_aspect: float = 100.0,
        min_height: int | None = None,
    ) -> None:
        self.height = height
        self.method = method
        self.stroke_spacing = stroke_spacing
        self.max_aspect = max_aspect
        self.min_height = min_height

    def _remark(self, image: Image, changed: Image) -> str | None:
        return remark_lines(image)

    def _transform_one(self, image: Image) -> Image:
        lacks = (self.min_height or 0) - image.shape[0]
        if lacks > 0:
            image = cv2.copyMakeBorder(
                image,
                *(lacks // 2, lacks - lacks // 2, 0, 0),
                cv2.BORDER_CONSTANT,
                value=paper_color(image),
            )
        if self.method == "moments":
            image = _ink_window(image)
        height, width = image.shape
        if self.stroke_spacing is not None and (spacing := _stroke_spacing(image)) is not None:
            scaled = spacing * self.height / height
            factor = min(max(self.stroke_spacing / scaled, 1.0), _MOST_WIDENING)
            # Shrinking the height less than the width would: detail along the line is kept.
            image = cv2.resize(
                image, (round(width * factor), height), interpolation=cv2.INTER_LINEAR
            )
            width = image.shape[1]
        widest = max(1, int(self.max_aspect * height))
        if width > widest:
            image = cv2.resize(image, (widest, height), interpolation=cv2.INTER_AREA)
        return resize_to_height(image, int(self.height))


class InkCropper(_ImageTransformer):
    """Cut images to the box around their ink.

    Parameters
    ----------
    margin : int or float, default=4
        Paper to leave around the ink. On each side, as far as there is any: an int counts pixels, a
        float is a fraction of the height of the ink, and so independent of the resolution.
    speck : float, default=0.03
        Connected ink whose area is below `(speck * height)` squared is dirt, and doesn't count.

    See Also
    --------
    HeightNormalizer : Scale what is left to one height.

    Notes
    -----
    What is ink is decided as by `Binarizer`; the image itself stays grey. An image without ink
    (specks aside), or one pixel high, stays as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import InkCropper
    >>> image = np.full((50, 100), 255, np.uint8)
    >>> image[20:30, 40:70] = 0
    >>> InkCropper(margin=2).fit_transform([image])[0].shape
    (14, 34)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "margin": [
            whole(0, SIDE),
            Interval(RealNotInt, 0, 1, closed="both"),
        ],
        "speck": [Interval(Real, 0, 1, closed="both")],
    }

    def __init__(self, margin: float = 4, *, speck: float = 0.03) -> None:
        self.margin = margin
        self.speck = speck

    def _remark(self, image: Image, changed: Image) -> str | None:
        if changed is image or not self.speck:
            return None
        middle = (float(image.min()) + float(image.max())) / 2
        before, after = (np.count_nonzero(part < middle) for part in (image, changed))
        return None if after >= before / 2 else _MOSTLY_SPECKS

    def _transform_one(self, image: Image) -> Image:
        if image.shape[0] == 1:
            return image
        ink = _clean_ink(image, self.speck)
        if not ink.any():
            return image
        left, top, width, height = cv2.boundingRect(ink)
        margin = self.margin
        if isinstance(margin, (float, np.floating)):
            margin = round(margin * height)
        return image[
            max(top - margin, 0) : top + height + margin,
            max(left - margin, 0) : left + width + margin,
        ].copy()


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
            return "hold no ink and come out blank"
        return remark_polarity(image)

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


def paper_color(image: Image) -> float:
    """The tone of the paper: the median along the upper and lower edge."""
    return float(np.median(image[[0, -1]]))


def warp_affine(image: Image, matrix: NDArray[np.float64], size: tuple[int, int]) -> Image:
    """Move the pixels of `image` by a 2x3 `matrix` onto paper of `size` (width, height)."""
    check_warpable(image.shape, size[::-1])
    return cv2.warpAffine(
        image,
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=paper_color(image),
    )


def check_warpable(*shapes: tuple[int, ...]) -> None:
    """Refuse images larger than OpenCV's warps can address."""
    for shape in shapes:
        if max(shape) > _MAX_SIDE:
            raise ValueError(
                f"an image of {shape[0]}x{shape[1]} pixels (height x width) is too large to be "
                f"warped: no side may be over {_MAX_SIDE} pixels; scale it down first"
            )


def _warp_whole(image: Image, linear: NDArray[np.float64]) -> Image:
    """Apply a 2x2 matrix, on paper large enough that nothing is cut off."""
    height, width = image.shape
    corners = linear @ np.array([[0, width, 0, width], [0, 0, height, height]])
    low = corners.min(axis=1)
    size = np.ceil(corners.max(axis=1) - low - 1e-6).astype(int)
    # Pixel (0, 0) has its centre at (0.5, 0.5) of that plane.
    shift = linear @ [0.5, 0.5] - low - 0.5
    return warp_affine(image, np.column_stack([linear, shift]), (int(size[0]), int(size[1])))


def _ink_window(image: Image, spread: float = 0.15) -> Image:
    """The rows around the ink, as many that its standard deviation is `spread` of them."""
    ink = _darkness(image).sum(axis=1, dtype=np.float64)
    if not ink.any():
        return image
    mean, deviation = _moments(ink)
    paper = paper_color(image)
    # A dash has hardly any height: it stays a dash.
    size = max(1, round(min(max(deviation / spread, len(ink) / 2), len(ink))))
    top = round(mean - size / 2)
    above, below = max(0, -top), max(0, top + size - len(ink))
    image = cv2.copyMakeBorder(image, above, below, 0, 0, cv2.BORDER_CONSTANT, value=paper)
    return image[top + above : top + above + size]


def _stroke_spacing(image: Image) -> float | None:
    """Mean distance between strokes along the rows of the writing's middle; None without any."""
    dark = _darkness(image)
    ink = dark.sum(axis=1, dtype=np.float64)
    if not ink.any():
        return None
    mean, deviation = _moments(ink)
    middle = dark[int(max(0, mean - 0.7 * deviation)) : int(mean + 0.7 * deviation) + 1]
    inked = middle > dark.max() / 2
    starts = np.count_nonzero(inked[:, 1:] & ~inked[:, :-1]) / len(middle)
    return image.shape[1] / starts if starts else None


def _darkness(image: Image) -> NDArray[np.float32]:
    """Measure how much darker than paper each pixel is; paper's own texture counts nothing."""
    darkness = paper_color(image) - image.astype(np.float32)
    darkness[darkness < MIN_CONTRAST * paper_level(image)] = 0
    return darkness


def _moments(ink: NDArray[np.float64]) -> tuple[float, float]:
    """Mean row and standard deviation of the ink, given its sum in each row."""
    rows = np.arange(len(ink))
    mean = np.average(rows, weights=ink)
    return mean, np.sqrt(np.average((rows - mean) ** 2, weights=ink))


def _sauvola(gray: NDArray[np.uint8], window: int, k: float) -> NDArray[np.uint8]:
    """Ink (255) on paper (0) by a threshold for each pixel."""
    size = (int(window), int(window))
    pixels = gray.astype(np.float64)
    mean = cv2.boxFilter(pixels, -1, size, borderType=cv2.BORDER_REPLICATE)
    square = cv2.boxFilter(pixels * pixels, -1, size, borderType=cv2.BORDER_REPLICATE)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    threshold = mean * (1 + k * (deviation / 128 - 1))
    return np.where(pixels > threshold, np.uint8(0), np.uint8(255))


def _clean_ink(image: Image, speck: float = 0.03) -> NDArray[np.uint8]:
    """Ink (255) on paper (0), without connected pieces below `(speck * height)` squared."""
    ink = otsu_ink(image)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= (speck * len(ink)) ** 2
    kept[0] = False  # the first is the paper
    return np.where(kept[labels], np.uint8(255), np.uint8(0))


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


def _ink_points(image: Image) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the ink, at most some 20,000 of them; none in an image one pixel high."""
    if image.shape[0] == 1:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    rows, columns = np.nonzero(otsu_ink(image))
    step = 1 + len(rows) // 20_000
    return rows[::step], columns[::step]


def _sharpest_shear(position: NDArray[np.intp], along: NDArray[np.intp], limit: float) -> float:
    """The t in [-limit, limit] that concentrates the counts of `position - t * along` most."""
    if not len(position) or not limit or np.ptp(along) == 0:
        return 0.0
    fine = 0.5 / np.ptp(along)  # half a pixel over the whole length
    best, reach = 0.0, float(limit)
    while reach > fine:
        # Nearest to `best` first: on a tie, the smaller change.
        grid = np.linspace(0, reach, 16)
        candidates = np.clip(best + np.concatenate([grid, -grid[1:]]), -limit, limit)
        scores = []
        for shear in candidates:
            moved = np.rint(position - shear * along).astype(np.intp)
            counts = np.bincount(moved - moved.min())
            scores.append(float(counts @ counts))
        best = float(candidates[int(np.argmax(scores))])
        reach /= 10
    return best
