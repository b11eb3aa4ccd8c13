"""Trace the baselines in the maps of a segmenter, and draw the outline of each line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from hwsk.documents._crops import HEIGHT_UNIT
from hwsk.documents._elements import Points
from hwsk.networks.segmentation import ABOVE, BASELINE, BELOW, ENDS, LineNetwork

Maps = NDArray[np.float32]

_STRIDE = LineNetwork.stride
_GAP = 2.5  # heights of a line: parts of one line are at most so far apart
_OFFSET = 0.35  # heights above the baseline by which parts of one line may miss each other
_ENDED = 0.5  # line ends this probable on both sides of a gap keep parts separate
_SHORTEST = 0.8  # heights of a line: what is shorter is a speck
_TALLEST, _DEEPEST = 1.3, 1.4  # of the predicted height: how far ink reaches that is the line's
_STEEPEST = 3  # rows that a seam may change in a column, at half resolution


@dataclass
class Trace:
    """Hold a traced line: a row for each column of the maps, heights in pixels of the network."""

    columns: NDArray[np.int64]
    rows: NDArray[np.float64]
    above: float
    below: float
    confidence: float

    def at(self, x: Any) -> Any:
        """Return the baseline at places x, in pixels of the network; level beyond its ends."""
        return np.interp(x, (self.columns + 0.5) * _STRIDE, (self.rows + 0.5) * _STRIDE)

    @property
    def left(self) -> float:
        return float(self.columns[0] * _STRIDE)

    @property
    def right(self) -> float:
        return float((self.columns[-1] + 1) * _STRIDE)


def trace_lines(maps: Maps, threshold: float) -> list[Trace]:
    """Trace the ridges of the map of baselines, and join the parts of a line."""
    parts = _find_ridges(maps, threshold)
    ends = maps[ENDS]
    joined = True
    while joined:
        joined = False
        for gap, i, j in sorted(_gaps(parts)):
            if _is_one_line(parts[i], parts[j], gap, ends):
                parts[i] = _join(parts[i], parts[j])
                del parts[j]
                joined = True
                break
    return [
        part for part in parts if part.right - part.left >= _SHORTEST * (part.above + part.below)
    ]


def _find_ridges(maps: Maps, threshold: float) -> list[Trace]:
    p = maps[BASELINE]
    padded = np.pad(p, ((1, 1), (0, 0)))
    up, down = padded[:-2], padded[2:]
    ridge = (p > threshold) & (p >= up) & (p > down)
    # The row of the highest point between pixels, by a parabola.
    curvature = np.minimum(up + down - 2 * p, -1e-6)
    offset = np.clip(0.5 * (up - down) / curvature, -0.5, 0.5)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ridge.astype(np.uint8), connectivity=8)
    parts = []
    for label in np.flatnonzero(stats[:, cv2.CC_STAT_WIDTH] >= 3):
        if label == 0:
            continue
        x, y, w, h = stats[label, :4]
        part = labels[y : y + h, x : x + w] == label
        best = np.where(part, p[y : y + h, x : x + w], -1).argmax(axis=0)
        columns = np.arange(x, x + w)
        rows = best + y
        logs = np.clip(maps[ABOVE : BELOW + 1, rows, columns], -3, 3)
        above, below = HEIGHT_UNIT * np.exp(np.median(logs, axis=1))
        parts.append(
            Trace(
                columns,
                rows + offset[rows, columns].astype(np.float64),
                float(above),
                float(below),
                float(p[rows, columns].mean()),
            )
        )
    return parts


def _gaps(parts: Sequence[Trace]) -> list[tuple[int, int, int]]:
    """Columns between parts that may follow each other, with the numbers of the two."""
    found = []
    for i, a in enumerate(parts):
        for j, b in enumerate(parts):
            gap = int(b.columns[0] - a.columns[-1])
            reach = _GAP * max(a.above + a.below, b.above + b.below) / _STRIDE
            if i != j and -1 <= gap <= reach and a.columns[0] < b.columns[0]:
                found.append((gap, i, j))
    return found


def _is_one_line(a: Trace, b: Trace, gap: int, ends: NDArray[np.float32]) -> bool:
    tail, head = slice(-12, None), slice(None, 12)
    middle = (a.columns[-1] + b.columns[0]) / 2
    offset = abs(_extend(a, tail, middle) - _extend(b, head, middle)) * _STRIDE
    if offset > _OFFSET * min(a.above, b.above):
        return False
    if gap <= 2:
        return True
    stop = _near(ends, a.columns[-1], a.rows[-1]), _near(ends, b.columns[0], b.rows[0])
    return not min(stop) > _ENDED


def _extend(part: Trace, piece: slice, column: float) -> float:
    """Row of a part at a column beyond its end, going on in the direction it has there."""
    columns, rows = part.columns[piece], part.rows[piece]
    if len(columns) < 6:
        return float(rows.mean())
    slope = np.clip(np.polyfit(columns, rows, 1)[0], -0.3, 0.3)
    return float(rows.mean() + slope * (column - columns.mean()))


def _near(ends: NDArray[np.float32], column: int, row: float) -> float:
    y, x = int(row), int(column)
    return float(ends[max(0, y - 3) : y + 1, max(0, x - 1) : x + 2].mean())


def _join(a: Trace, b: Trace) -> Trace:
    later = b.columns > a.columns[-1]
    columns = np.arange(a.columns[0], max(a.columns[-1], b.columns[-1]) + 1)
    known = np.concatenate([a.columns, b.columns[later]])
    rows = np.interp(columns, known, np.concatenate([a.rows, b.rows[later]]))
    share = len(a.columns) / (len(a.columns) + len(b.columns))
    return Trace(
        columns,
        rows,
        float(a.above**share * b.above ** (1 - share)),
        float(a.below**share * b.below ** (1 - share)),
        a.confidence * share + b.confidence * (1 - share),
    )


def baseline_points(trace: Trace) -> Points:
    """Return the baseline (k, 2) with as few points as half a pixel of the network allows."""
    rows = gaussian_filter1d(trace.rows, 2.0, mode="nearest")
    x = (trace.columns + 0.5) * _STRIDE
    x[0], x[-1] = trace.left, trace.right
    points = np.column_stack([x, (rows + 0.5) * _STRIDE]).astype(np.float32)
    few = cv2.approxPolyDP(points[:, np.newaxis], 0.7, closed=False)[:, 0]
    return few.astype(np.float64)


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
    half = cv2.resize(ink, (max(1, width // 2), max(1, height // 2)), interpolation=cv2.INTER_AREA)
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
