"""Estimate the baseline, the x-height and the slant of a line of pen strokes."""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

# Shapes of baselines that are tried: rise and bow on half the width, as shares of it. Of the lines
# of IAM-OnDB, 98 in 100 rise by -0.12 to 0.08. The deviations decide for a few letters, which any
# shape fits.
_SHAPES = np.array(list(product(np.linspace(-0.2, 0.2, 41), np.linspace(-0.06, 0.06, 13))))
_UNLIKELY = 0.5 * ((_SHAPES / [0.06, 0.03]) ** 2).sum(axis=1)
_FIRM = np.diag([0, 0.6, 0.9])  # holds the shape as two letters and ten would
_REACH = 0.15  # of the size of letters: so near is on the line


class TextLine(NamedTuple):
    """A line of writing: where its baseline is, and how high an "x" stands above it."""

    baseline: Points  # y (downwards) on it, for each point of the line
    x_height: float  # 0 where nothing stands above the baseline


def split_strokes(strokes: NDArray[np.float32]) -> list[Points]:
    """Valid strokes `(T, 3)` as polylines of positions, one from each pen-down to its pen-up."""
    points = np.cumsum(strokes[:, :2], axis=0, dtype=np.float64)
    return np.split(points, np.flatnonzero(strokes[:-1, 2] == 1) + 1)


def fit_text_line(polylines: list[Points]) -> TextLine:
    """Find the baseline, a parabola, that most of the lower turns lie on, and the x-height.

    Letters turn at the baseline far more often than anywhere else below, and at the x-height than
    anywhere else above. So both are found as modes: descenders, capitals, dots and flourishes
    pull at a mean, and leave a mode where it is.
    """
    points = np.concatenate(polylines)
    turns = [_turns(line) for line in polylines]
    tops, bottoms = (np.concatenate([turn[i] for turn in turns]) for i in (0, 1))
    size = _weighted_median(np.concatenate([tops[:, 2], bottoms[:, 2]]))
    if not size:  # a dash, a dot
        return TextLine(np.full(len(points), np.median(points[:, 1])), 0.0)
    reach = _REACH * size
    low, high = points[:, 0].min(), points[:, 0].max()
    half = max((high - low) / 2, size)

    def terms(x: Points) -> Points:
        along = (x - (low + high) / 2) / half  # from -1 to 1
        return np.stack([np.ones_like(x), along, along**2 - 1 / 3])

    y, of_bottoms = bottoms[:, 1], terms(bottoms[:, 0])
    weights = np.minimum(2 * bottoms[:, 2] / size, 1)
    levels, counts = _mode(y - half * (_SHAPES @ of_bottoms[1:]), weights, reach)
    best = int(np.argmax(counts - _UNLIKELY))
    baseline = np.array([levels[best], *(half * _SHAPES[best])])
    tried = baseline
    for _ in range(3):  # least squares among those near the line
        near = np.exp(-0.5 * ((y - baseline @ of_bottoms) / reach) ** 2)
        if near @ weights < _FEWEST:  # far coordinates leave none
            break
        weighted = of_bottoms * near * weights
        baseline = np.linalg.solve(weighted @ of_bottoms.T + _FIRM, weighted @ y + _FIRM @ tried)
    on_baseline = baseline @ terms(points[:, 0])
    above = on_baseline - points[:, 1]
    middle = np.median(above[above > 0]) if (above > 0).any() else 0.0
    rises = baseline @ terms(tops[:, 0]) - tops[:, 1]
    high_enough = rises > 0.5 * middle
    if not middle or not high_enough.any():
        return TextLine(on_baseline, 0.0)
    weights = np.minimum(2 * tops[:, 2] / size, 1)
    levels, _ = _mode(rises[None, high_enough], weights[high_enough], middle / 4)
    return TextLine(on_baseline, float(levels[0]))


def downstroke_slant(offsets: Points) -> tuple[float, float]:
    """Find the slant of the downstrokes, to the right for each unit upwards, and their length.

    Half of all ways downwards, weighted by height, lean farther to the right: a median.

    Parameters
    ----------
    offsets : ndarray of shape (n, 2)
        dx, dy (downwards) of the pen while it writes.
    """
    dx, dy = offsets.T
    down = dy > 0
    if not down.any():
        return 0.0, 0.0
    slants = -dx[down] / dy[down]
    slant = np.quantile(slants, 0.5, weights=dy[down], method="inverted_cdf")
    return float(slant), float(dy[down].sum())


def _turns(line: Points) -> tuple[Points, Points]:
    """Find the points where the pen turns, starts or ends above its ink, and those below it.

    As rows x, y and the larger of the way down or up before the turn and that after it: where the
    pen trembles or rests, that is small.
    """
    ways = np.diff(line[:, 1])
    moving = np.concatenate([line[:1], line[1:][ways != 0]])
    down = ways[ways != 0] > 0
    if not len(down):  # level: a dash or a dot has neither top nor bottom
        return np.empty((0, 3)), np.empty((0, 3))
    turning = np.concatenate([[True], down[1:] != down[:-1], [True]])
    turns = moving[turning]
    ways = np.concatenate([[0.0], np.abs(np.diff(turns[:, 1])), [0.0]])
    turns = np.column_stack([turns, np.maximum(ways[:-1], ways[1:])])
    is_bottom = np.concatenate([~down[:1], down])[turning]
    return turns[~is_bottom], turns[is_bottom]


def _weighted_median(sizes: Points) -> float:
    """The size at which half of the sum is reached, small ones counting for little."""
    ordered = np.sort(sizes)
    total = np.cumsum(ordered)
    return float(ordered[np.searchsorted(total, total[-1] / 2)]) if len(ordered) else 0.0


def _mode(values: Points, weights: Points, reach: float) -> tuple[Points, Points]:
    """Find the densest place of values within `reach` (a Gaussian's deviation), and their number.

    Of each row of values `(k, n)`, all of which have the weights `(n,)`. Values are counted in bins
    of half a reach, so that many cost no more than a few. What is a hundred letters away from
    most is not counted.
    """
    k, n = values.shape
    # One of the values: between two that are far apart there may be none.
    middle = np.partition(values, (n - 1) // 2, axis=1)[:, [(n - 1) // 2]]
    near = np.abs(values - middle) < _MOST_BINS * reach / 4
    low = np.where(near, values, np.inf).min(axis=1, keepdims=True)
    weights = near * weights
    bins = np.floor(np.where(near, values - low, 0) / (reach / 2)).astype(np.int64)
    width = int(bins.max()) + len(_KERNEL)  # what is smoothed does not run into the next row
    places = (bins + np.arange(k)[:, None] * width).ravel()
    sums = np.bincount(places, weights.ravel(), k * width)
    counts = np.convolve(sums, _KERNEL)[len(_KERNEL) // 2 :][: k * width].reshape(k, width)
    counts = counts[:, : width - len(_KERNEL) + 1]  # beyond are the tails of two rows
    best = counts.argmax(axis=1)
    levels = low[:, 0] + (best + 0.5) * reach / 2
    counted = weights * np.exp(-0.5 * ((values - levels[:, None]) / reach) ** 2)
    return (counted * values).sum(axis=1) / counted.sum(axis=1), counts[np.arange(k), best]


_FEWEST = 1e-6  # turns on the line: fewer decide nothing
_MOST_BINS = 4_000
_KERNEL = np.exp(-0.5 * (np.arange(-6, 7) / 2) ** 2)
