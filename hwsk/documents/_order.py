"""Put the lines of a page in reading order: columns from left to right, marginal notes after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from hwsk.documents._elements import Box

_GUTTER = 0.3  # heights of a line: the least width of what separates columns
_GAP = 1.5  # the same beside a single row: what is nearer is the rest of a line that was cut
_OVERLAP = 0.3  # of the height of the text beside it, that a column shares with it
_NOTE = 0.45  # of the width of the text: a narrower column is a marginal note
_FEWER = 0.7  # of the lines of the text that a marginal note may have
_ROW = 0.4  # heights of a line: centres nearer than this stand in one row

Boxes = NDArray[np.float64]
Group = tuple[str, list[int]]


def order_lines(boxes: Sequence[Box]) -> list[Group]:
    """Order lines by their boxes.

    A page is cut at a gutter, a gap between columns; otherwise below the lines that go across the
    page above the columns; otherwise its lines are read from top to bottom.

    Parameters
    ----------
    boxes : sequence of tuple
        Left, top, right, bottom of each line, on a page that is level.

    Returns
    -------
    groups : list of tuple
        Kind ("paragraph" or "marginalia") and numbers of lines of each region, both in reading
        order.
    """
    if not len(boxes):
        return []
    return _order(np.array(boxes, np.float64), list(range(len(boxes))))


def _order(boxes: Boxes, lines: list[int]) -> list[Group]:
    if (cut := _find_gutter(boxes, lines)) is not None:
        return _order_columns(boxes, *cut)
    by_row = sorted(lines, key=lambda i: boxes[i, 1] + boxes[i, 3])
    n = len(by_row)
    for start in range(n - 1):
        for stop in range(n, start + 1, -1):
            if stop - start == n:
                continue
            if _find_gutter(boxes, by_row[start:stop]) is not None:
                parts = by_row[:start], by_row[start:stop], by_row[stop:]
                return [group for part in parts if part for group in _order(boxes, part)]
    return [("paragraph", _by_rows(boxes, by_row))]


def _order_columns(boxes: Boxes, left: list[int], right: list[int]) -> list[Group]:
    for note, text in ((left, right), (right, left)):
        is_narrow = _width(boxes, note) < _NOTE * _width(boxes, text)
        if is_narrow and len(note) <= _FEWER * len(text):
            return [*_order(boxes, text), ("marginalia", _by_rows(boxes, note))]
    return [*_order(boxes, left), *_order(boxes, right)]


def _width(boxes: Boxes, lines: list[int]) -> float:
    return float(boxes[lines, 2].max() - boxes[lines, 0].min())


def _find_gutter(boxes: Boxes, lines: list[int]) -> tuple[list[int], list[int]] | None:
    """Find the widest gap between columns that stand beside each other: lines to either side."""
    if len(lines) < 3:
        return None
    part = boxes[lines]
    height = float(np.median(part[:, 3] - part[:, 1]))
    order = np.argsort(part[:, 0])
    reach = np.maximum.accumulate(part[order, 2])
    gaps = part[order[1:], 0] - reach[:-1]
    for k in np.argsort(-gaps):
        if gaps[k] < _GUTTER * height:
            return None
        left = [lines[i] for i in order[: k + 1]]
        right = [lines[i] for i in order[k + 1 :]]
        if gaps[k] < _GAP * height and min(len(_rows(boxes, side)) for side in (left, right)) == 1:
            continue
        if max(len(left), len(right)) > 1 and _stand_beside(boxes, left, right):
            return left, right
    return None


def _stand_beside(boxes: Boxes, left: list[int], right: list[int]) -> bool:
    """Indicate columns: of the shorter side, most of the height is beside the other."""
    spans = [(boxes[side, 1].min(), boxes[side, 3].max()) for side in (left, right)]
    shared = min(spans[0][1], spans[1][1]) - max(spans[0][0], spans[1][0])
    if shared <= _OVERLAP * min(stop - start for start, stop in spans):
        return False
    # One line cut in two is not two columns.
    rows = [len(_rows(boxes, side)) for side in (left, right)]
    return min(rows) > 1 or max(rows) > 2


def _rows(boxes: Boxes, lines: list[int]) -> list[list[int]]:
    centers = (boxes[:, 1] + boxes[:, 3]) / 2
    height = float(np.median(boxes[lines, 3] - boxes[lines, 1]))
    rows: list[list[int]] = []
    for i in sorted(lines, key=lambda i: centers[i]):
        if rows and centers[i] - np.mean(centers[rows[-1]]) < _ROW * height:
            rows[-1].append(i)
        else:
            rows.append([i])
    return rows


def _by_rows(boxes: Boxes, lines: list[int]) -> list[int]:
    return [i for row in _rows(boxes, lines) for i in sorted(row, key=lambda i: boxes[i, 0])]
