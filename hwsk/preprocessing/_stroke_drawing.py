"""Draw pen strokes as images."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval

from hwsk._data.images import object_array
from hwsk._data.outputs import ObjectOutputMixin
from hwsk._data.strokes import check_strokes
from hwsk._limits import SIDE, upto, whole
from hwsk.preprocessing._stroke_cleaning import near_the_rest

_SUPERSAMPLING = 4  # lines are drawn this many times larger, so pen widths come in quarter pixels
_MAX_ASPECT = 100  # ink flatter than 1 to 100 isn't a line of text, nor enlarged to the height
_SHIFT = 4  # fractional bits of the coordinates that OpenCV is given


class StrokeRasterizer(ObjectOutputMixin, TransformerMixin, BaseEstimator):
    """Draw pen strokes as images: dark, antialiased ink on white paper.

    The ink is scaled, its aspect kept, until it fills the height between the margins; the width
    follows. Points far away from all other ink (a slip of the pen, a lost signal) are left out,
    so that they don't shrink the rest. Ink that is less than a hundredth as high as wide (a dash)
    isn't blown up to the full height, and a lone dot is drawn as a dot.

    Parameters
    ----------
    height : int, default=64
        Height of an image in pixels.
    pen_width : float, default=3.0
        Width of the strokes in pixels. It holds to a quarter of a pixel.
    margin : int, default=4
        Paper to leave around the ink. In pixels, on each side.
    ink_level : int, default=0
        Grey level of the ink, 0 (black) to 255 (as white as the paper).

    See Also
    --------
    StrokeNormalizer : Standardise the offsets for a network that reads the strokes themselves.
    hwsk.datasets.make_handwriting : Make strokes and their images.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeRasterizer
    >>> cross = np.array([[0, 0, 0], [9, 9, 1], [-9, 0, 0], [9, -9, 1]])
    >>> images = StrokeRasterizer(height=32).fit_transform([cross])
    >>> images[0].shape, images[0].dtype
    ((32, 32), dtype('uint8'))
    """

    _gives = "images"
    _native_data = "strokes"
    _parameter_constraints = {
        "height": [whole(1, SIDE)],
        "pen_width": [upto(SIDE)],
        "margin": [whole(0, SIDE)],
        "ink_level": [Interval(Integral, 0, 255, closed="both")],
    }

    def __init__(
        self, height: int = 64, *, pen_width: float = 3.0, margin: int = 4, ink_level: int = 0
    ) -> None:
        self.height = height
        self.pen_width = pen_width
        self.margin = margin
        self.ink_level = ink_level

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> StrokeRasterizer:
        """Validate the parameters and the strokes; nothing is learnt.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy (downwards), pen_up.
        y : None
            Ignored.

        Returns
        -------
        self : StrokeRasterizer
            The transformer itself.
        """
        check_strokes(X)
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Draw the strokes.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy (downwards), pen_up.

        Returns
        -------
        images : object array of ndarray of shape (height, width)
            The images, uint8.
        """
        self._validate_params()
        return object_array([self._draw(sample) for sample in check_strokes(X)])

    def _draw(self, sample: NDArray[np.float32]) -> NDArray[np.uint8]:
        return draw_strokes(
            sample, self.height, pen_width=self.pen_width, margin=self.margin, ink=self.ink_level
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def draw_strokes(
    strokes: NDArray[np.float32], height: int, *, pen_width: float, margin: int, ink: int = 0
) -> NDArray[np.uint8]:
    """One image of valid strokes; what the parameters mean, `StrokeRasterizer` says."""
    points = np.cumsum(strokes[:, :2], axis=0, dtype=np.float64)
    ends = np.flatnonzero(strokes[:-1, 2] == 1) + 1
    inside = near_the_rest(points)
    if not inside.all():  # the line is broken where points are left out
        keep = np.flatnonzero(inside)
        breaks = np.zeros(len(points) + 1, bool)
        breaks[ends] = True
        breaks[np.flatnonzero(~inside) + 1] = True
        run = np.cumsum(breaks[:-1])[keep]
        points, ends = points[keep], np.flatnonzero(np.diff(run)) + 1
    points -= points.min(axis=0)
    ink_width, ink_height = points.max(axis=0)
    room = max(height - 2 * margin - pen_width, 1)
    extent = max(ink_height, ink_width / _MAX_ASPECT)
    points *= room / extent if extent > 0 else 1.0
    ink_width, ink_height = points.max(axis=0)
    border = margin + pen_width / 2
    points += border, (height - ink_height) / 2
    size = (height, int(np.ceil(ink_width + 2 * border)))
    return _draw_lines(np.split(points, ends), size, pen_width, ink)


def _draw_lines(
    lines: list[NDArray[np.float64]], size: tuple[int, int], pen_width: float, ink: int
) -> NDArray[np.uint8]:
    """Polylines (x, y in pixels) drawn large and averaged down: coverage in 17 levels or more."""
    scale = _SUPERSAMPLING
    canvas = np.full((size[0] * scale, size[1] * scale), 255, np.uint8)
    fixed = [np.rint((line * scale - 0.5) * 2**_SHIFT).astype(np.int32) for line in lines]
    fixed = [np.repeat(line, 2, axis=0) if len(line) == 1 else line for line in fixed]  # a dot
    thickness = max(1, round(pen_width * scale))
    cv2.polylines(canvas, fixed, False, int(ink), thickness, cv2.LINE_8, _SHIFT)
    return np.asarray(cv2.resize(canvas, size[::-1], interpolation=cv2.INTER_AREA), np.uint8)
