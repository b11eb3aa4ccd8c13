"""Resample pen strokes evenly along the ink."""

from __future__ import annotations

from itertools import pairwise
from numbers import Real

import numpy as np
from numpy.typing import NDArray
from scipy.signal import find_peaks
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval

from hwsk.preprocessing._stroke_transformer import (
    Strokes,
    StrokeTransformer,
    step_lengths,
    to_offsets,
    to_points,
)

_CORNER = np.pi / 3  # a turn from which on a corner is kept
_MOST_POINTS = 1_000_000  # that a line may be divided into


class StrokeResampler(StrokeTransformer):
    """Place points along the path of the pen at even distances, whatever its speed was.

    Each stroke is divided into steps of equal length along it, between its ends and sharp corners,
    which stay; so between two of them steps are a little longer or shorter than `spacing`. The
    number of strokes and where each begins and ends stay, and a dot stays a dot.

    Parameters
    ----------
    spacing : float, default=None
        Distance along the path, in the units of the strokes. None takes the median step of the
        training set, pen down, so that there are about as many points as before.

    Attributes
    ----------
    spacing_ : float
        The distance. Of strokes that are all dots: 1.

    See Also
    --------
    StrokeDenoiser : Remove points that are none; do that before.

    Notes
    -----
    No point of the path is farther from the new one than half a step. The speed of the pen is
    gone, and can't be brought back: likelihoods of what comes out don't compare with those of what
    went in, for the number of points is another as well.

    References
    ----------
    .. [1] S. Jaeger, S. Manke, J. Reichert, A. Waibel, "Online handwriting recognition: the NPen++
       recognizer", International Journal on Document Analysis and Recognition, 3, 2001.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeResampler
    >>> corner = np.array([[0, 0, 0], [1, 0, 0], [7, 0, 0], [0, 6, 1], [3, 0, 1]])
    >>> StrokeResampler(spacing=4).fit_transform([corner])[0].tolist()
    [[0.0, 0.0, 0.0], [4.0, 0.0, 0.0], [4.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 3.0, 1.0],
     [3.0, 0.0, 1.0]]
    """

    _parameter_constraints = {"spacing": [Interval(Real, 0, None, closed="neither"), None]}

    def __init__(self, spacing: float | None = None) -> None:
        self.spacing = spacing

    def _learn(self, strokes: list[Strokes]) -> None:
        if self.spacing is not None:
            self.spacing_ = float(self.spacing)
            return
        steps = np.concatenate([*map(step_lengths, strokes)])
        steps = steps[steps > 0]
        self.spacing_ = float(np.median(steps)) if len(steps) else 1.0

    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        return [self._resample(sample, row) for row, sample in enumerate(strokes)]

    def _resample(self, sample: Strokes, row: int) -> Strokes:
        length = step_lengths(sample).sum()
        if length > _MOST_POINTS * self.spacing_:
            raise ValueError(
                f"strokes in row {row} are {length:.3g} long, over {_MOST_POINTS} steps of "
                f"{self.spacing_:.3g}: take a larger spacing, or StrokeDenoiser before"
            )
        ends = np.flatnonzero(sample[:-1, 2]) + 1
        points = to_points(sample)
        path = points[:, 0] + 1j * points[:, 1]
        pieces = [_resample(stroke, self.spacing_) for stroke in np.split(path, ends)]
        path = np.concatenate(pieces)
        pen_up = np.zeros(len(path))
        pen_up[np.cumsum([len(piece) for piece in pieces]) - 1] = 1
        pen_up[-1] = sample[-1, 2]
        return to_offsets(np.column_stack([path.real, path.imag]), pen_up)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


def _resample(stroke: NDArray[np.complex128], spacing: float) -> NDArray[np.complex128]:
    """One stroke, x + iy, in steps of about `spacing`."""
    steps = np.abs(np.diff(stroke))
    stroke = stroke[np.r_[True, steps > 0]]
    along = np.r_[0, np.cumsum(steps[steps > 0])]
    before = stroke - np.interp(along - spacing, along, stroke)
    after = np.interp(along + spacing, along, stroke) - stroke
    turn = np.abs(np.angle(after * before.conj()))
    fixed = along[np.r_[0, find_peaks(turn, height=_CORNER)[0], len(along) - 1]]
    pieces = [
        np.linspace(start, end, max(1, round((end - start) / spacing)), endpoint=False)
        for start, end in pairwise(fixed)
        if end > start
    ]
    return np.interp(np.concatenate([*pieces, fixed[-1:]]), along, stroke)
