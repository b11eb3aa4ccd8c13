"""Compare found lines with true ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from hwsk.documents._elements import Box, Line, bounding_box


def box_of(line: Line) -> Box:
    """Box of the polygon of a line; without one, that of its baseline."""
    points = line.polygon if line.polygon is not None else line.baseline
    if points is None:
        raise ValueError(f"line {line.id or line.text!r:.40} has neither polygon nor baseline")
    return bounding_box(points)


def match_lines(
    true: Sequence[Line], found: Sequence[Line], least: float = 0.5
) -> NDArray[np.int64]:
    """Match lines one to one by their boxes, so that the sum of overlaps is largest.

    Parameters
    ----------
    true, found : sequence of Line
        Lines of one page.
    least : float, default=0.5
        Intersection over union from which on two lines match.

    Returns
    -------
    pairs : ndarray of int64 of shape (n_matches, 2)
        Numbers of true and found lines.
    """
    if not len(true) or not len(found):
        return np.zeros((0, 2), np.int64)
    a = np.array([box_of(line) for line in true])[:, np.newaxis]
    b = np.array([box_of(line) for line in found])[np.newaxis]
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    shared = np.clip(sides, 0, None).prod(axis=-1)
    areas = [np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1) for boxes in (a, b)]
    overlap = shared / np.maximum(areas[0] + areas[1] - shared, 1e-9)
    rows, columns = linear_sum_assignment(-np.where(overlap >= least, overlap, 0))
    pairs = np.column_stack([rows, columns])
    return pairs[overlap[rows, columns] >= least]


def line_f1(true: Sequence[Sequence[Line]], found: Sequence[Sequence[Line]]) -> float:
    """F1 of lines over all pages, a match being an intersection over union of at least .5."""
    n_matched = sum(len(match_lines(a, b)) for a, b in zip(true, found, strict=True))
    total = sum(map(len, true)) + sum(map(len, found))
    return 2 * n_matched / total if total else 1.0
