"""Bring a line of pen strokes to one size, level and upright, and to points at even distances."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk._data.text_line import downstroke_slant, fit_text_line, split_strokes

Strokes = NDArray[np.float32]

N_FEATURES = 6
"""Features of a point; `Trace` lists them."""
_FIRM = 3.0  # x-heights of downstrokes that half determine the slant
_MOST_SLANT = 1.5  # to the side for a unit of height; a larger one is taken for none
_MOST_HEIGHTS = 12.0  # x-heights of a line's ink; where it is higher, the x-height is doubtful
_LEAST_POINTS = 4  # of a stroke: a full stop needs a time step, too
_LEAST_LIFTED, _MOST_LIFTED = 2, 6  # points of a pen-up movement
_LOWEST, _HIGHEST = -4.0, 4.0  # x-heights
_ROUNDING = 1e-9  # x-heights


class Trace(NamedTuple):
    """Points at even distances along the path of the pen.

    Parameters
    ----------
    features : ndarray of float32 of shape (n_points, 6)
        Of the step that leads to the point: cosine and sine of its direction, log(1 + its length in
        units of the spacing); height above the baseline in x-heights; log(1 + the distance in
        x-heights from the rightmost point so far); whether the pen is lifted.
    rows : ndarray of int64 of shape (n_points,)
        The row of the strokes that the point belongs to.
    """

    features: NDArray[np.float32]
    rows: NDArray[np.int64]


def normalize_ink(sample: Strokes) -> Strokes:
    """Scale a line to x-heights, and take out its baseline and its slant.

    Parameters
    ----------
    sample : ndarray of shape (T, 3)
        Valid strokes: dx, dy (downwards), pen_up, in any unit.

    Returns
    -------
    strokes : ndarray of float32 of shape (T, 3)
        The same rows, an x-height being 1. The first row leads from the baseline (y = 0) to the
        first point.
    """
    polylines = split_strokes(sample)
    line = fit_text_line(polylines)
    points = np.concatenate(polylines)
    points[:, 1] -= line.baseline
    width, height = np.ptp(points, axis=0)
    size = max(line.x_height, height / _MOST_HEIGHTS) or width or 1.0
    points = (points - [points[0, 0], 0]) / size
    offsets = np.diff(points, axis=0)[sample[:-1, 2] == 0]
    slant, length = downstroke_slant(offsets)
    if abs(slant) <= _MOST_SLANT:  # "/" alone keeps most of its slant
        points[:, 0] += slant * length / (length + _FIRM) * points[:, 1]
    normalized = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
    return np.column_stack([normalized, sample[:, 2]]).astype(np.float32)


def count_points(sample: Strokes, spacing: float) -> int:
    """Count the points that `trace_ink` makes of normalized strokes, at most."""
    lengths = np.hypot(*sample[1:, :2].astype(np.float64).T)
    path = lengths[sample[:-1, 2] == 0].sum() / spacing
    strokes = 1 + int(sample[:-1, 2].sum())
    return int(min(path, 1e9)) + (_LEAST_POINTS + _MOST_LIFTED) * strokes


def trace_ink(sample: Strokes, spacing: float) -> Trace:
    """Resample normalized strokes along the ink.

    Parameters
    ----------
    sample : ndarray of shape (T, 3)
        As `normalize_ink` gives them.
    spacing : float
        Distance of points in x-heights. Strokes have 4 points or more, and movements of the lifted
        pen 2 to 6.

    Returns
    -------
    trace : Trace
        Points of strokes and of the movements between them, in the order of writing.
    """
    points = np.cumsum(sample[:, :2], axis=0, dtype=np.float64)
    lengths = np.hypot(*sample[1:, :2].astype(np.float64).T)
    jumps = np.flatnonzero(sample[:-1, 2] == 1)
    away = lengths[jumps]
    lengths[jumps] = 1.0  # whatever their length: they have a few points each
    along = np.concatenate([[0.0], np.cumsum(lengths)])
    # Strokes and the movements between them take turns.
    first, last = np.append(0, jumps + 1), np.append(jumps, len(sample) - 1)
    n_parts = 2 * len(first) - 1
    counts, starts, steps = np.empty(n_parts, np.int64), np.empty(n_parts), np.empty(n_parts)
    written = along[last] - along[first]
    counts[::2] = np.maximum(_LEAST_POINTS, 1 + np.ceil(written / spacing))
    starts[::2], steps[::2] = along[first], written / (counts[::2] - 1)
    counts[1::2] = np.clip(np.rint(away / (2 * spacing)), _LEAST_LIFTED, _MOST_LIFTED)
    steps[1::2] = 1 / (counts[1::2] + 1)
    starts[1::2] = along[jumps] + steps[1::2]
    number = np.repeat(np.arange(n_parts), counts)
    at_part = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    at = starts[number] + at_part * steps[number]
    path = np.column_stack([np.interp(at, along, axis) for axis in points.T])
    lifted = number % 2
    stroke = number // 2
    rows = np.clip(np.searchsorted(along, at - _ROUNDING), first[stroke], last[stroke])
    moves = np.diff(path, axis=0, prepend=path[:1])
    lengths = np.hypot(*moves.T)
    features = np.empty((len(path), N_FEATURES), np.float32)
    features[:, :2] = moves / np.maximum(lengths, _ROUNDING)[:, None]
    features[:, 2] = np.log1p(lengths / spacing)
    features[:, 3] = np.clip(-path[:, 1], _LOWEST, _HIGHEST)
    features[:, 4] = np.log1p(np.maximum.accumulate(path[:, 0]) - path[:, 0])
    features[:, 5] = lifted
    return Trace(features, rows)
