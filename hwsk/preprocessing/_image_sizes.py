"""Cut images to their ink and scale them to a height."""

from __future__ import annotations

from numbers import Real
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, RealNotInt, StrOptions

from hwsk._data.images import Image, resize_to_height
from hwsk._data.levels import otsu_ink
from hwsk._data.lines import remark_lines
from hwsk._limits import SIDE, upto, whole
from hwsk.preprocessing._image_transformer import _darkness, _ImageTransformer, paper_color

_MOST_WIDENING = 1.6
_MOSTLY_SPECKS = (
    "lose over half of the ink, which is in pieces too small for a word or line of that height "
    "(a page of text?)"
)


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


def _moments(ink: NDArray[np.float64]) -> tuple[float, float]:
    """Mean row and standard deviation of the ink, given its sum in each row."""
    rows = np.arange(len(ink))
    mean = np.average(rows, weights=ink)
    return mean, np.sqrt(np.average((rows - mean) ** 2, weights=ink))


def _clean_ink(image: Image, speck: float = 0.03) -> NDArray[np.uint8]:
    """Ink (255) on paper (0), without connected pieces below `(speck * height)` squared."""
    ink = otsu_ink(image)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= (speck * len(ink)) ** 2
    kept[0] = False  # the first is the paper
    return np.where(kept[labels], np.uint8(255), np.uint8(0))
