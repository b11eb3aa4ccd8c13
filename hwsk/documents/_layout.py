"""Lay out the lines that were traced on a page: scale, turn, outlines, reading order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk.documents._elements import Box, Line, Points, Region, bounding_box
from hwsk.documents._order import order_lines
from hwsk.documents._outlines import outline_lines
from hwsk.documents._tracing import Maps, Trace, baseline_points
from hwsk.preprocessing._paper import Ink

_INK = 100  # from where on a pixel counts as ink


class View(NamedTuple):
    """Hold what was computed of a page, upright and in pixels of the network."""

    ink: Ink
    traces: Sequence[Trace]
    turned: int
    scale: float
    maps: Maps
    skewed: tuple[NDArray[np.float64], tuple[int, int]] | None = None
    """Of a page that was levelled: the affine matrix that undoes it, and the shape before."""

    @property
    def skew(self) -> float:
        """Median angle of the lines against the horizontal in radians, positive if they fall."""
        return _median_angle([baseline_points(trace) for trace in self.traces])

    def level(self) -> tuple[Ink, NDArray[np.float64]]:
        """Return the ink turned until the lines are level, and the matrix that undoes it."""
        (height, width), skew = self.ink.shape, self.skew
        cosine, sine = np.cos(skew), np.sin(skew)
        turn = np.array([[cosine, sine], [-sine, cosine]])
        corners = turn @ [[0, width, 0, width], [0, 0, height, height]]
        shift = -corners.min(axis=1)
        size = np.ceil(np.ptp(corners, axis=1)).astype(int).tolist()
        ink: Any = cv2.warpAffine(self.ink, np.column_stack([turn, shift]), size)
        return ink, np.column_stack([turn.T, -turn.T @ shift])

    @property
    def quality(self) -> float:
        """Mean confidence of the lines, times the share of the ink that lies in them."""
        if not self.traces:
            return 0.0
        lengths = np.array([trace.right - trace.left for trace in self.traces])
        confidences = [trace.confidence for trace in self.traces]
        inside = np.zeros(self.ink.shape, np.uint8)
        for trace in self.traces:
            x = np.linspace(trace.left, trace.right, max(2, len(trace.columns) // 4))
            top, bottom = trace.at(x) - trace.above, trace.at(x) + trace.below
            outline = np.column_stack([np.r_[x, x[::-1]], np.r_[top, bottom[::-1]]])
            cv2.fillPoly(inside, [np.rint(outline).astype(np.int32)], (1,))
        is_ink = self.ink > _INK
        covered = np.count_nonzero(is_ink & (inside > 0)) / (np.count_nonzero(is_ink) + 1e-9)
        return float(np.average(confidences, weights=lengths) * covered)

    def to_page(self, points: Points, shape: tuple[int, ...]) -> Points:
        """Return points in pixels of the page as it was given, within it."""
        height, width = self.ink.shape
        if self.skewed is not None:
            back, (height, width) = self.skewed
            points = points @ back[:, :2].T + back[:, 2]
        x, y = points.T
        for _ in range(self.turned):  # undo one turn clockwise, by 90 degrees
            x, y = y, width - x
            height, width = width, height
        scaled = np.column_stack([x / self.scale, y / self.scale])
        return np.clip(scaled, 0, [shape[1] - 1, shape[0] - 1])

    def to_regions(self, shape: tuple[int, ...]) -> list[Region]:
        """Return regions with their lines in reading order, in pixels of the page."""
        baselines = [baseline_points(trace) for trace in self.traces]
        polygons = outline_lines(self.ink, self.traces)
        regions = []
        for kind, numbers in order_lines(_level_boxes(baselines, polygons)):
            lines = [
                Line(
                    baseline=self.to_page(baselines[i], shape),
                    polygon=self.to_page(polygons[i], shape),
                    confidence=min(1.0, max(0.0, self.traces[i].confidence)),
                )
                for i in numbers
            ]
            regions.append(Region(lines, kind=kind))
        return regions


def _level_boxes(baselines: Sequence[Points], polygons: Sequence[Points]) -> list[Box]:
    """Boxes of lines on a page that is turned until its lines are level."""
    if not baselines:
        return []
    angle = _median_angle(baselines)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return [bounding_box(polygon @ turn.T) for polygon in polygons]


def _median_angle(baselines: Sequence[Points]) -> float:
    if not baselines:
        return 0.0
    ends = np.array([path[-1] - path[0] for path in baselines])
    return float(np.median(np.arctan2(ends[:, 1], ends[:, 0])))
