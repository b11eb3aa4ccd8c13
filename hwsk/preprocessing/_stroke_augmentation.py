"""Augment pen strokes in training, by a callable `(strokes, rng) -> strokes`."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval

from hwsk._data.strokes import check_sample
from hwsk._data.text_line import Points, split_strokes

Strokes = NDArray[np.float32]

_SHARE = [Interval(Real, 0, 1, closed="left")]
_SMOOTH = 8  # points over which one of the two tremors is smooth


class RandomStrokeDistortion(BaseEstimator):
    """Rotate, slant, stretch, shake and resample pen strokes, within limits.

    For what a person varies from line to line, and for what devices vary: rate and error of
    sampling. It is the value of the `augment` parameter of an estimator of strokes.

    Parameters
    ----------
    rotation : float, default=3.0
        Largest angle in degrees, either way.
    shear : float, default=0.3
        Largest slant, either way, to the side for each unit of height.
    scale_x, scale_y : tuple of (float, float), default=(0.75, 1.3) and (0.8, 1.25)
        Smallest and largest factor for the width and the height of the writing. They are drawn
        evenly by their logarithm.
    jitter : float, default=0.03
        Largest deviation by which points are moved, in the unit of the strokes. Half of a tremor is
        smooth along the stroke, the other half is not.
    drop : float, default=0.3
        Largest share of the points that are left out. The ends of strokes stay.
    move : float, default=0.08
        Deviation by which each stroke is moved as a whole, in the unit of the strokes.

    See Also
    --------
    hwsk.recognition.InkRecognizer : It gives strokes whose unit is the x-height, the baseline at 0.
    default_augmentation : The same kind of changes, for images.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing.augmentation import RandomStrokeDistortion
    >>> line = np.array([[1, 0, t == 19] for t in range(20)])
    >>> changed = RandomStrokeDistortion(drop=0.0)(line, np.random.default_rng(0))
    >>> changed.shape, changed.dtype
    ((20, 3), dtype('float32'))
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "rotation": [Interval(Real, 0, 45, closed="both")],
        "shear": [Interval(Real, 0, 100, closed="both")],
        "scale_x": [tuple, list],
        "scale_y": [tuple, list],
        "jitter": [Interval(Real, 0, 100, closed="both")],
        "drop": _SHARE,
        "move": [Interval(Real, 0, 100, closed="both")],
    }

    def __init__(
        self,
        *,
        rotation: float = 3.0,
        shear: float = 0.3,
        scale_x: tuple[float, float] = (0.75, 1.3),
        scale_y: tuple[float, float] = (0.8, 1.25),
        jitter: float = 0.03,
        drop: float = 0.3,
        move: float = 0.08,
    ) -> None:
        self.rotation = rotation
        self.shear = shear
        self.scale_x = scale_x
        self.scale_y = scale_y
        self.jitter = jitter
        self.drop = drop
        self.move = move

    def _validate_params(self) -> None:
        super()._validate_params()
        for name in ("scale_x", "scale_y"):
            limits = getattr(self, name)
            if len(limits) != 2 or not 0.1 <= limits[0] <= limits[1] <= 10:
                raise ValueError(
                    f"{name}={limits!r}: should be the least and the largest factor, 0.1 to 10"
                )

    def __call__(self, strokes: Strokes, rng: np.random.Generator) -> Strokes:
        """Change the strokes of one sample.

        Parameters
        ----------
        strokes : ndarray of shape (T, 3)
            dx, dy (downwards), pen_up. They are not written to.
        rng : numpy.random.Generator
            Where all randomness comes from.

        Returns
        -------
        strokes : ndarray of float32 of shape (T or fewer, 3)
            The changed strokes. They turn around the first point.
        """
        self._validate_params()
        sample = check_sample(strokes, "the strokes")
        polylines = split_strokes(sample)
        angle = np.deg2rad(rng.uniform(-self.rotation, self.rotation))
        shear = rng.uniform(-self.shear, self.shear)
        scale = [_draw_factor(limits, rng) for limits in (self.scale_x, self.scale_y)]
        jitter, drop = rng.uniform(0, self.jitter), rng.uniform(0, self.drop)
        matrix = np.array([[scale[0], -shear * scale[1]], [0, scale[1]]])
        turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
        changed, lifted = [], []
        origin = (polylines[0][0] @ matrix.T) * [0, 1]
        for line in polylines:
            kept = rng.random(len(line)) >= drop
            kept[[0, -1]] = True
            points = line[kept] @ matrix.T
            points = origin + (points - origin) @ turn.T + rng.normal(0, self.move, 2)
            changed.append(points + _draw_tremor(len(points), jitter, rng))
            lifted.append(np.arange(len(points)) == len(points) - 1)
        path, pen_up = np.concatenate(changed), np.concatenate(lifted).astype(float)
        pen_up[-1] = sample[-1, 2]
        offsets = np.diff(path, axis=0, prepend=np.zeros((1, 2)))
        return np.column_stack([offsets, pen_up]).astype(np.float32)


def _draw_factor(limits: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(limits))))


def _draw_tremor(n: int, deviation: float, rng: np.random.Generator) -> Points:
    """Deviations of points along a stroke, a part of them smooth."""
    each = rng.normal(0, deviation / 2, (n, 2))
    knots = rng.normal(0, deviation, (n // _SMOOTH + 2, 2))
    at, along = np.arange(n) / _SMOOTH, np.arange(len(knots))
    return each + np.column_stack([np.interp(at, along, axis) for axis in knots.T])
