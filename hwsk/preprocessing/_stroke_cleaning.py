"""Take faults of recording out of pen strokes: trembling, spikes and far jumps."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.utils import Tags
from sklearn.utils._param_validation import Interval

from hwsk.preprocessing._stroke_normalizer import StrokeNormalizer
from hwsk.preprocessing._stroke_transformer import Strokes, StrokeTransformer, to_offsets, to_points


class StrokeDenoiser(StrokeTransformer):
    """Remove what the pen did not write, and smooth its path if asked for.

    Points go that lie far from all other ink (a lost signal), that are reached and left again in
    one leap each (a spike), or that repeat the one before. The stroke continues over them; one
    that had no other points goes wholly.

    Parameters
    ----------
    max_step : float, default=6.0
        What is a leap: steps longer than this many median steps of the sample, pen down. It is for
        recordings at an even pace: in a simplified drawing each corner is reached in a leap. None
        leaves spikes in.
    smoothing : float, default=0.0
        Deviation, in points, of the Gaussian that smooths each stroke; its ends stay. 0 is none.

    See Also
    --------
    StrokeResampler : Points at even distances; do that after.
    StrokeRasterizer : Leaves points far from all other ink out as well.

    Notes
    -----
    It can't be undone: likelihoods of what comes out don't compare with those of what went in.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeDenoiser
    >>> line = np.array([[1, 0, t == 19] for t in range(20)])
    >>> line[10, 1], line[11, 1] = -50, 50
    >>> clean = StrokeDenoiser().fit_transform([line])[0]
    >>> len(clean), clean[9:12].tolist()
    (19, [[1.0, 0.0, 0.0], [2.0, 0.0, 0.0], [1.0, 0.0, 0.0]])
    """

    _parameter_constraints = {
        "max_step": [Interval(Real, 1, None, closed="left"), None],
        "smoothing": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, *, max_step: float | None = 6.0, smoothing: float = 0.0) -> None:
        self.max_step = max_step
        self.smoothing = smoothing

    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        return [self._denoise(sample) for sample in strokes]

    def _denoise(self, sample: Strokes) -> Strokes:
        points = to_points(sample)
        stroke = np.cumsum(sample[:, 2]) - sample[:, 2]  # the number of the stroke of each point
        last = stroke[-1]
        kept = near_the_rest(points)
        points, stroke = points[kept], stroke[kept]
        if self.max_step is not None:
            kept = ~_spikes(points, stroke, self.max_step)
            points, stroke = points[kept], stroke[kept]
        moved = (np.diff(points, axis=0) != 0).any(axis=1)
        kept = np.r_[True, moved | (np.diff(stroke) > 0)]
        points, stroke = points[kept], stroke[kept]
        ends = np.flatnonzero(np.diff(stroke)) + 1
        if self.smoothing:
            pieces = np.split(points, ends)
            points = np.concatenate([_smooth(piece, self.smoothing) for piece in pieces])
        pen_up = np.zeros(len(points))
        pen_up[ends - 1] = 1
        pen_up[-1] = sample[-1, 2] if stroke[-1] == last else 1
        return to_offsets(points, pen_up)


class JumpCapper(StrokeTransformer):
    """Shorten long jumps of the lifted pen from one stroke to the next.

    The pen goes far back to dot an i, and far away where a recording was interrupted. A network
    that predicts offsets has few such jumps to learn from, and they cost it most.

    Parameters
    ----------
    max_jump : float, default=25.0
        Longest jump, in deviations of the training set's offsets (over both axes, as those of
        `StrokeNormalizer(per_axis=False)`).
    catch_up : bool, default=True
        Whether the next jumps make up for what was cut, as far as they may: a dot comes to lie too
        near, and what follows where it was. False moves all that follows, which closes wide gaps.

    Attributes
    ----------
    limit_ : float
        Longest jump in the units of the strokes.

    See Also
    --------
    StrokeNormalizer : Divide the offsets by that deviation.

    Notes
    -----
    What was cut is gone, and can't be brought back: likelihoods of what comes out don't compare
    with those of what went in. Graves caps nothing [1]_.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import JumpCapper
    >>> strokes = [np.array([[0, 0, 0], [3, 4, 1], [90, 0, 1], [-9, 0, 1]])]
    >>> capper = JumpCapper(max_jump=1).fit(strokes)
    >>> round(capper.limit_, 1)
    28.4
    >>> capper.transform(strokes)[0][:, 0].round().tolist()
    [0.0, 3.0, 28.0, 28.0]
    >>> JumpCapper(max_jump=1, catch_up=False).fit_transform(strokes)[0][:, 0].round().tolist()
    [0.0, 3.0, 28.0, -9.0]
    """

    _parameter_constraints = {
        "max_jump": [Interval(Real, 0, None, closed="neither")],
        "catch_up": ["boolean"],
    }

    def __init__(self, max_jump: float = 25.0, *, catch_up: bool = True) -> None:
        self.max_jump = max_jump
        self.catch_up = catch_up

    def _learn(self, strokes: list[Strokes]) -> None:
        scale = StrokeNormalizer(per_axis=False).fit(strokes).scale_[0]
        self.limit_ = float(self.max_jump * scale)

    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        return [self._cap(sample) for sample in strokes]

    def _cap(self, sample: Strokes) -> Strokes:
        capped = sample.copy()
        owed = np.zeros(2)
        for jump in np.flatnonzero(sample[:-1, 2]) + 1:
            wanted = sample[jump, :2] + owed
            given = wanted / max(1.0, np.hypot(*wanted) / self.limit_)
            capped[jump, :2] = given
            if self.catch_up:
                owed = wanted - given
        return capped

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = True
        return tags


def near_the_rest(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Mask points no farther from the middle 98% than those extend, in x and in y."""
    low, high = np.percentile(points, [1, 99], axis=0)
    reach = high - low
    reach[0] = max(reach)  # a line of text is wide; a lone tall letter may have a flourish
    reach[reach == 0] = np.inf
    return ((points >= low - reach) & (points <= high + reach)).all(axis=1)


def _spikes(
    points: NDArray[np.float64], stroke: NDArray[Any], max_step: float
) -> NDArray[np.bool_]:
    """Mask points inside a stroke that are reached and left by leaps, to a place one leap away."""
    steps = np.hypot(*np.diff(points, axis=0).T)
    inside = np.diff(stroke) == 0
    spikes = np.zeros(len(points), bool)
    if (inside & (steps > 0)).any():
        longest = max_step * np.median(steps[inside & (steps > 0)])
        leaps = inside & (steps > longest)
        detour = np.hypot(*(points[2:] - points[:-2]).T)
        spikes[1:-1] = leaps[:-1] & leaps[1:] & (detour <= longest)
    return spikes


def _smooth(stroke: NDArray[np.float64], deviation: float) -> NDArray[np.float64]:
    """One stroke, smoothed; point-symmetric beyond its ends, which so stay."""
    if len(stroke) < 3:
        return stroke
    radius = min(int(4 * deviation) + 1, len(stroke) - 1)
    padded = np.pad(stroke, ((radius, radius), (0, 0)), "reflect", reflect_type="odd")
    smooth = gaussian_filter1d(padded, deviation, axis=0, radius=radius)
    return smooth[radius:-radius]
