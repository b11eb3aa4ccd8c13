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
_ENDED = 0.2  # line ends this probable on both sides of a gap keep parts separate (ends have 0.3)
_SURE = 0.5  # mean probability of a baseline, from where on it is that of a line
_SHORTEST = 0.27  # heights of a line, times its confidence: what is shorter is a speck. Chosen on
# validation pages (benchmarks/pages/short.py), for short words such as "it." alone in a line


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

    @property
    def length(self) -> float:
        """Length in heights of the line."""
        return (self.right - self.left) / (self.above + self.below)


def trace_lines(maps: Maps, threshold: float) -> list[Trace]:
    """Trace the ridges of the map of baselines, join the parts of a line, leave out specks."""
    traces = join_parts(_find_ridges(maps, threshold), maps[ENDS])
    return [trace for trace in traces if trace.length * trace.confidence >= _SHORTEST]


def join_parts(parts: list[Trace], ends: NDArray[np.float32]) -> list[Trace]:
    """Join parts that follow each other, the nearest first."""
    refused: set[tuple[int, int]] = set()  # pairs of objects, all of which `known` keeps alive
    known = list(parts)
    joined = True
    while joined:
        joined = False
        for gap, i, j in sorted(_gaps(parts)):
            pair = id(parts[i]), id(parts[j])
            if pair in refused:
                continue
            if _is_one_line(parts[i], parts[j], gap, ends):
                parts[i] = _join(parts[i], parts[j])
                known.append(parts[i])
                del parts[j]
                joined = True
                break
            refused.add(pair)
    return parts


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
    first = np.array([part.columns[0] for part in parts])
    last = np.array([part.columns[-1] for part in parts])
    height = np.array([part.above + part.below for part in parts])
    gaps = first - last[:, np.newaxis]  # from part i to part j
    reach = _GAP * np.maximum(height, height[:, np.newaxis]) / _STRIDE
    later = first > first[:, np.newaxis]
    before, after = np.nonzero(later & (gaps >= -1) & (gaps <= reach))
    return list(zip(gaps[before, after].tolist(), before.tolist(), after.tolist(), strict=True))


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
