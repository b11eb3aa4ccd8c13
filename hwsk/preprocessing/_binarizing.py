"""Turn images grey or bilevel."""

from __future__ import annotations

from numbers import Real
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from hwsk._data.images import Image
from hwsk._data.levels import invert, is_inverted, otsu_ink, to_bytes, without_texture
from hwsk._limits import SIDE, whole
from hwsk.preprocessing._image_transformer import _ImageTransformer


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


def _sauvola(gray: NDArray[np.uint8], window: int, k: float) -> NDArray[np.uint8]:
    """Ink (255) on paper (0) by a threshold for each pixel."""
    size = (int(window), int(window))
    pixels = gray.astype(np.float64)
    mean = cv2.boxFilter(pixels, -1, size, borderType=cv2.BORDER_REPLICATE)
    square = cv2.boxFilter(pixels * pixels, -1, size, borderType=cv2.BORDER_REPLICATE)
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    threshold = mean * (1 + k * (deviation / 128 - 1))
    return np.where(pixels > threshold, np.uint8(0), np.uint8(255))
