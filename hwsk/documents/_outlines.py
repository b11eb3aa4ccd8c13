"""Draw the outline of each line: seams between neighbours, and the ink within them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk.documents._elements import Points
from hwsk.documents._tracing import Trace

_TALLEST, _DEEPEST = 1.3, 1.4  # of the predicted height: how far ink reaches that is the line's
_STEEPEST = 3  # rows that a seam may change in a column, at half resolution


def outline_lines(ink: NDArray[np.uint8], traces: Sequence[Trace]) -> list[Points]:
    """Draw the polygon of each line.

    Between neighbours runs a seam that crosses as little ink as it can; within it, a line reaches
    as far as its ink, and not much further than its predicted height.

    Parameters
    ----------
    ink : ndarray of shape (height, width), dtype uint8
        Ink 255 on paper 0, in pixels of the network.
    traces : sequence of Trace
        The lines.

    Returns
    -------
    polygons : list of ndarray of shape (m, 2)
        In pixels of the network.
    """
    height, width = ink.shape
    smaller = max(1, width // 2), max(1, height // 2)
    half = np.asarray(cv2.resize(ink, smaller, interpolation=cv2.INTER_AREA), np.uint8)
    x = np.arange(half.shape[1]) * 2 + 1.0
    levels = [trace.at(x) for trace in traces]
    tops = [level - _TALLEST * t.above for level, t in zip(levels, traces, strict=True)]
    bottoms = [level + _DEEPEST * t.below for level, t in zip(levels, traces, strict=True)]
    for i, upper in enumerate(traces):
        for j, lower in enumerate(traces):
            first = int(max(upper.left, lower.left) / 2)
            last = int(min(upper.right, lower.right, width) / 2)
            if i == j or last - first < 2:
                continue
            part = slice(first, last)
            distance = levels[j][part] - levels[i][part]
            reach = _DEEPEST * upper.below + _TALLEST * lower.above
            if np.median(distance) <= 0 or distance.min() > reach:
                continue
            seam = _find_seam(half, levels[i][part], levels[j][part], upper, lower, first)
            bottoms[i][part] = np.minimum(bottoms[i][part], seam)
            tops[j][part] = np.maximum(tops[j][part], seam)
    return [
        _outline(half, trace, level, top, bottom)
        for trace, level, top, bottom in zip(traces, levels, tops, bottoms, strict=True)
    ]


def _find_seam(
    half: NDArray[np.uint8],
    over: NDArray[np.float64],
    under: NDArray[np.float64],
    upper: Trace,
    lower: Trace,
    first: int,
) -> NDArray[np.float64]:
    """Find the rows of the path between two baselines that crosses the least ink."""
    # From a little below the upper baseline to the middle of the small letters below.
    start = over + 0.1 * upper.below
    stop = np.maximum(under - 0.35 * lower.above, start + 4)
    n = max(3, int(np.max(stop - start) / 2) + 1)
    share = np.linspace(0, 1, n)[:, np.newaxis]
    rows = start + share * (stop - start)
    columns = np.arange(first, first + len(over))
    inside = np.clip((rows / 2).astype(int), 0, half.shape[0] - 1)
    middle = over + (under - over) * upper.below / (upper.below + lower.above)
    away = np.abs(rows - middle) / np.maximum(under - over, 4)
    cost = half[inside, columns] / 255.0 + 0.15 * away
    total = cost[:, 0]
    came = np.zeros(cost.shape, np.int64)
    index = np.arange(n)[:, np.newaxis] + np.arange(-_STEEPEST, _STEEPEST + 1)
    beyond = (index < 0) | (index >= n)
    index = np.clip(index, 0, n - 1)
    penalty = np.where(beyond, np.inf, 0.04 * np.abs(np.arange(-_STEEPEST, _STEEPEST + 1)))
    for column in range(1, cost.shape[1]):
        choices = total[index] + penalty
        best = choices.argmin(axis=1)
        came[:, column] = index[np.arange(n), best]
        total = choices[np.arange(n), best] + cost[:, column]
    path = np.empty(cost.shape[1], np.int64)
    path[-1] = int(total.argmin())
    for column in range(cost.shape[1] - 1, 0, -1):
        path[column - 1] = came[path[column], column]
    return np.asarray(rows[path, np.arange(len(path))])


def _outline(
    half: NDArray[np.uint8],
    trace: Trace,
    level: NDArray[np.float64],
    top: NDArray[np.float64],
    bottom: NDArray[np.float64],
) -> Points:
    """Follow the ink of a line between its limits, smoothly."""
    margin = 0.15 * (trace.above + trace.below)
    first = max(0, int((trace.left - margin) / 2))
    last = min(half.shape[1], int((trace.right + margin) / 2) + 1)
    part = slice(first, last)
    level, top, bottom = level[part], top[part], bottom[part]
    rows = np.arange(half.shape[0])[:, np.newaxis] * 2 + 1
    low, high = max(0, int(top.min() / 2)), min(len(half), int(bottom.max() / 2) + 2)
    rows = rows[low:high]
    is_ink = (half[low:high, part] > 100) & (rows >= top) & (rows <= bottom)
    inked = is_ink.any(axis=0)
    upper = np.where(inked, rows[is_ink.argmax(axis=0), 0] - 2.0, np.inf)
    lower = np.where(inked, rows[len(rows) - 1 - is_ink[::-1].argmax(axis=0), 0] + 2.0, -np.inf)
    # A letter's width of the line has one outline, at least that of small letters.
    side = 2 * max(1, int(0.25 * trace.above)) + 1
    kernel = np.ones((1, side), np.uint8)
    upper = np.minimum(upper, level - 0.5 * trace.above)
    lower = np.maximum(lower, level + 0.25 * trace.below)
    upper = cv2.erode(upper[np.newaxis].astype(np.float32), kernel)[0]
    lower = cv2.dilate(lower[np.newaxis].astype(np.float32), kernel)[0]
    upper, lower = np.maximum(upper, top), np.minimum(lower, bottom)
    lower = np.maximum(lower, upper + 1)
    x = np.arange(first, last) * 2 + 1.0
    x[0], x[-1] = first * 2, last * 2
    around = np.concatenate([np.column_stack([x, upper]), np.column_stack([x, lower])[::-1]])
    few = cv2.approxPolyDP(around[:, np.newaxis].astype(np.float32), 1.0, closed=True)[:, 0]
    return np.asarray(few if len(few) > 2 else around, np.float64)
