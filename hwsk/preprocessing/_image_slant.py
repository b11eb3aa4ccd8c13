"""Straighten images: the slope of a line, the slant of its letters."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from hwsk._data.images import Image
from hwsk.preprocessing._image_transformer import _ImageTransformer, _ink_points, _warp_whole


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


def _sharpest_shear(position: NDArray[np.intp], along: NDArray[np.intp], limit: float) -> float:
    """The t in [-limit, limit] that concentrates the counts of `position - t * along` most."""
    if not len(position) or not limit or np.ptp(along) == 0:
        return 0.0
    fine = 0.5 / np.ptp(along)  # half a pixel over the whole length
    best, reach = 0.0, float(limit)
    x, y = position.astype(float), along.astype(float)
    x -= 2 * np.floor((x.min() - limit * y.max()) / 2)  # so that none is moved below 0; even, for
    moved = np.empty_like(x)  # halves are rounded to even numbers
    while reach > fine:
        # Nearest to `best` first: on a tie, the smaller change.
        grid = np.linspace(0, reach, 16)
        candidates = np.clip(best + np.concatenate([grid, -grid[1:]]), -limit, limit)
        scores = []
        for shear in candidates:
            np.multiply(y, -shear, out=moved)
            moved += x
            counts = np.bincount(np.rint(moved, out=moved).astype(np.intp))
            scores.append(float(counts @ counts))
        best = float(candidates[int(np.argmax(scores))])
        reach /= 10
    return best
