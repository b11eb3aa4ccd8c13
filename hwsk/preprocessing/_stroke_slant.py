"""Remove the slope and the slant of pen strokes, and restore them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import theilslopes
from sklearn.utils._param_validation import Interval

from hwsk._data.images import object_array
from hwsk._data.strokes import check_strokes
from hwsk._data.text_line import downstroke_slant
from hwsk.preprocessing._stroke_transformer import Strokes, StrokeTransformer, to_points, written

_MOST_FEET = 500  # points on the baseline that are compared with each other, all with all


def _rotation(angle: float) -> NDArray[np.float64]:
    """Anticlockwise in degrees, y pointing down."""
    cosine, sine = np.cos(np.deg2rad(angle)), np.sin(np.deg2rad(angle))
    return np.array([[cosine, sine], [-sine, cosine]])


def _shear(shear: float) -> NDArray[np.float64]:
    """To the right for each unit upwards, y pointing down."""
    return np.array([[1.0, -shear], [0.0, 1.0]])


class _Straightener(StrokeTransformer):
    """Remove a measured slant or slope by a matrix; base of both transformers."""

    _matrix: Callable[[float], NDArray[np.float64]]

    def measure(self, X: Any) -> NDArray[np.float64]:
        """Find what `transform` takes out of each sample.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy (downwards), pen_up.

        Returns
        -------
        amounts : ndarray of shape (n_samples,)
            Of a `StrokeDeskewer` angles in degrees, positive where the line climbs to the right;
            of a `StrokeDeslanter` tangents, positive where the writing leans to the right. 0 where
            nothing is to be found.
        """
        self._validate_params()
        return np.array([self._measure(sample) for sample in check_strokes(X)])

    @abstractmethod
    def _measure(self, sample: Strokes) -> float:
        """Find the slope or the slant."""

    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        return [_map(sample, self._matrix(-self._measure(sample))) for sample in strokes]


class StrokeDeskewer(_Straightener):
    """Rotate lines of pen strokes so that their baseline is level.

    The baseline is fitted to the lowest points of the strokes by the median of the slopes between
    any two of them [1]_, so that descenders and apostrophes don't draw it to their side.

    Parameters
    ----------
    max_angle : float, default=10.0
        Largest skew that is corrected, in degrees. Below 45. A steeper one is taken for none, and
        such a sample stays as it is.

    See Also
    --------
    rotate_strokes : Undo it, with the angles that `measure` gives.
    StrokeDeslanter : Make the strokes upright; do that next.
    Deskewer : The same for images.

    Notes
    -----
    Ink that is higher than wide stays as it is, and a single word tells little about its slope:
    of those in IAM-OnDB, a word is a few degrees off its line.

    Every line has an angle of its own, which is not to be seen in what comes out: so there is no
    `inverse_transform`. A rotation keeps lengths, and a density of offsets in one unit for both
    axes stays a density in that unit; but that of the angle is not in it.

    References
    ----------
    .. [1] P. K. Sen, "Estimates of the regression coefficient based on Kendall's tau", Journal of
       the American Statistical Association, 63(324), 1968.
    .. [2] M. Liwicki and H. Bunke, "HMM-based on-line recognition of handwritten whiteboard notes",
       IWFHR 2006: slope, slant and what else differs between lines of IAM-OnDB.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeDeskewer, rotate_strokes
    >>> zigzag = np.array([[10, 20 * (-1) ** t, t == 19] for t in range(20)])
    >>> lines = rotate_strokes([zigzag, zigzag], [3, -5])
    >>> deskewer = StrokeDeskewer()
    >>> deskewer.measure(lines).round(3)
    array([ 3., -5.])
    >>> bool(np.allclose(deskewer.fit_transform(lines)[0], zigzag, atol=1e-4))
    True
    """

    _parameter_constraints = {"max_angle": [Interval(Real, 0, 45, closed="left")]}

    _matrix = staticmethod(_rotation)

    def __init__(self, max_angle: float = 10.0) -> None:
        self.max_angle = max_angle

    def _measure(self, sample: Strokes) -> float:
        angle = _climb(sample)
        angle += _climb(_map(sample, _rotation(-angle)))  # once level, the lowest points are sure
        return angle if abs(angle) <= self.max_angle else 0.0


class StrokeDeslanter(_Straightener):
    """Shear pen strokes so that slanted writing stands upright.

    The slant is that of the downstrokes, from which half of all ways downwards leans to the right
    and half to the left: a median, weighted by height.

    Parameters
    ----------
    max_shear : float, default=1.5
        Largest slant that is corrected, to the side for each unit of height: 1 is 45 degrees. A
        larger one is taken for none, and such a sample stays as it is.

    See Also
    --------
    shear_strokes : Undo it, with the slants that `measure` gives.
    StrokeDeskewer : Make the line level; do that first.
    Deslanter : The same for images.

    Notes
    -----
    Every line has a slant of its own, which is not to be seen in what comes out: so there is no
    `inverse_transform`. A shear keeps areas, and a density of offsets in one unit for both axes
    stays a density in that unit; but that of the slant is not in it.

    References
    ----------
    .. [1] M. Liwicki and H. Bunke, "HMM-based on-line recognition of handwritten whiteboard notes",
       IWFHR 2006: slope, slant and what else differs between lines of IAM-OnDB.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeDeslanter, shear_strokes
    >>> upright = np.array([[0, 0, 0], [0, 20, 1], [10, -20, 0], [0, 20, 1]])
    >>> slanted = shear_strokes([upright, upright], [0.5, -0.25])
    >>> deslanter = StrokeDeslanter()
    >>> deslanter.measure(slanted)
    array([ 0.5 , -0.25])
    >>> bool(np.allclose(deslanter.fit_transform(slanted)[0], upright))
    True
    """

    _parameter_constraints = {"max_shear": [Interval(Real, 0, None, closed="left")]}

    _matrix = staticmethod(_shear)

    def __init__(self, max_shear: float = 1.5) -> None:
        self.max_shear = max_shear

    def _measure(self, sample: Strokes) -> float:
        shear, _ = downstroke_slant(written(sample))
        return shear if abs(shear) <= self.max_shear else 0.0


def rotate_strokes(X: Any, angles: ArrayLike) -> NDArray[Any]:
    """Rotate pen strokes, every sample by an angle of its own.

    Parameters
    ----------
    X : list or object array of ndarray of shape (T, 3)
        Strokes: dx, dy (downwards), pen_up.
    angles : float or array-like of shape (n_samples,)
        Angles in degrees, anticlockwise: a level line climbs to the right after a positive one.

    Returns
    -------
    strokes : object array of ndarray of shape (T, 3)
        The rotated strokes, float32.

    Raises
    ------
    ValueError
        If X holds no strokes, or there is neither one angle nor one for each sample.

    See Also
    --------
    StrokeDeskewer : Make lines level.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import rotate_strokes
    >>> rotate_strokes([np.array([[0, 0, 0], [10, 0, 1]])], 90)[0].round(3).tolist()
    [[0.0, 0.0, 0.0], [0.0, -10.0, 1.0]]
    """
    return _map_each(X, angles, _rotation, "angles")


def shear_strokes(X: Any, shears: ArrayLike) -> NDArray[Any]:
    """Slant pen strokes, every sample by a shear of its own.

    Parameters
    ----------
    X : list or object array of ndarray of shape (T, 3)
        Strokes: dx, dy (downwards), pen_up.
    shears : float or array-like of shape (n_samples,)
        To the right for each unit upwards: upright strokes lean to the right after a positive one.

    Returns
    -------
    strokes : object array of ndarray of shape (T, 3)
        The sheared strokes, float32.

    Raises
    ------
    ValueError
        If X holds no strokes, or there is neither one shear nor one for each sample.

    See Also
    --------
    StrokeDeslanter : Make strokes upright.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import shear_strokes
    >>> shear_strokes([np.array([[0, 0, 0], [0, -10, 1]])], 0.5)[0].tolist()
    [[0.0, 0.0, 0.0], [5.0, -10.0, 1.0]]
    """
    return _map_each(X, shears, _shear, "shears")


def _map(sample: Strokes, matrix: NDArray[np.float64]) -> Strokes:
    return np.column_stack([sample[:, :2] @ matrix.T, sample[:, 2]]).astype(np.float32)


def _map_each(
    X: Any, amounts: ArrayLike, matrix: Callable[[float], NDArray[np.float64]], name: str
) -> NDArray[Any]:
    strokes = check_strokes(X)
    each = np.asarray(amounts, dtype=np.float64)
    if each.shape not in ((), (len(strokes),)):
        raise ValueError(
            f"{name} have shape {each.shape}; give one number, or one for each of the "
            f"{len(strokes)} samples"
        )
    if not np.isfinite(each).all():
        raise ValueError(f"{name} hold NaN or infinity")
    each = np.broadcast_to(each, len(strokes))
    return object_array([_map(s, matrix(amount)) for s, amount in zip(strokes, each, strict=True)])


def _climb(sample: Strokes) -> float:
    """The angle in degrees at which the baseline climbs, by the lowest points of the strokes."""
    points = to_points(sample)
    width, height = np.ptp(points, axis=0)
    if width <= height:
        return 0.0
    y = points[:, 1]
    lifted = sample[:-1, 2] == 1
    above_last = np.r_[True, lifted | (y[1:] >= y[:-1])]
    above_next = np.r_[lifted | (y[:-1] > y[1:]), True]
    feet = points[above_last & above_next]
    feet = feet[:: 1 + len(feet) // _MOST_FEET]
    if np.ptp(feet[:, 0]) == 0:
        return 0.0
    with np.errstate(invalid="ignore"):  # in its interval, where most points are the same
        slope = theilslopes(feet[:, 1], feet[:, 0]).slope
    return float(-np.rad2deg(np.arctan(slope)))
