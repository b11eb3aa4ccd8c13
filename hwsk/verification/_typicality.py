"""Name samples that are unlike those of a calibration: whole pages, stamps, shadows, negatives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.images import check_images
from hwsk._data.levels import is_negative
from hwsk._data.scan import walk
from hwsk.preprocessing._character_normalizer import _stroke_width
from hwsk.verification._inked import Ink, Inked, separate
from hwsk.verification._stamps import has_stamp

_BEYOND = 1.5  # how far outside of the calibration's range a sample may be, as a factor: so that
# hardly one of CEDAR's signatures is named, and nearly all pages, stamps and joined signatures are
_FEWEST_IMAGES = 50  # that ranges are taken of
_WITHIN = range(2, 100, 2)  # depths of outlines that lie within others
_SMALLEST = 16  # pixels: the sides of images that are measured


class Measure(NamedTuple):
    """What is measured of the ink of an image, and of which mistake much of it is a sign."""

    name: str
    sign: str
    """Of more than usual; `less` is of less."""
    less: str = ""
    usual: float = 0.0
    """So much is usual, whatever the calibration had."""


MEASURES = (
    Measure("pieces of ink", "a page, or several words?", usual=6),
    Measure("pen widths high", "a page, or two samples, one above the other?", "a fragment?"),
    Measure("pen widths wide", "a page, or two samples side by side?", "a fragment?"),
    Measure("heights of ink in the widest gap", "two samples side by side?", usual=0.35),
    Measure("heights of ink in the highest gap", "two samples, one above the other?", usual=0.35),
    Measure("of its area is ink", "a shadow, or an image filled?", "too faint, or dirt?"),
    Measure("pieces of ink within others", "a stamp, or a frame?", usual=5),
)
"""In the order of `measure_ink`."""


def measure_ink(ink: Ink) -> NDArray[np.float64]:
    """Measure ink, whatever its resolution, as `MEASURES` lists; 0 where there is none."""
    if not ink.size:
        return np.zeros(len(MEASURES))
    height, width = ink.shape
    pen = max(1.0, _stroke_width(ink))
    stats = cv2.connectedComponentsWithStats(ink, connectivity=8)[2]
    contours, hierarchy = cv2.findContours(ink, cv2.RETR_TREE, cv2.CHAIN_APPROX_SIMPLE)
    inner = [
        contour
        for i, contour in enumerate(contours)
        if _depth(i, hierarchy[0]) in _WITHIN and cv2.contourArea(contour) >= pen**2 / 2
    ]
    return np.array(
        [
            (stats[1:, cv2.CC_STAT_AREA] >= pen**2).sum(),
            height / pen,
            width / pen,
            _widest_gap(ink.max(axis=0)) / height,
            _widest_gap(ink.max(axis=1)) / height,
            (ink > 0).mean(),
            len(inner),
        ]
    )


def find_ranges(images: Any) -> NDArray[np.float64] | None:
    """Find the least and the largest value of each measure.

    None for few or tiny images, and where most are negatives: those are then no mistake.
    """
    if len(images) < _FEWEST_IMAGES:
        return None
    found, n_negatives = [], 0
    for _, image in walk(check_images(images)):
        if not _is_large(image.shape):
            return None
        found.append(measure_ink(separate(image)))
        n_negatives += is_negative(image)
    if n_negatives > len(found) / 2:
        return None
    return np.column_stack([np.min(found, axis=0), np.max(found, axis=0)])


def name_unusual(samples: Iterable[Inked], ranges: NDArray[np.float64]) -> list[str]:
    """Name each sample that is unlike those of the calibration, and in which way."""
    named = [(sample.name, _unusual_ways(sample, ranges)) for sample in samples]
    return [f"{name}: {', '.join(ways)}" for name, ways in named if ways]


def _unusual_ways(sample: Inked, ranges: NDArray[np.float64]) -> list[str]:
    if not _is_large(sample.shape):
        return [f"it has {sample.shape[1]} x {sample.shape[0]} pixels (too small to compare)"]
    if sample.is_negative:
        return ["it is a negative, light ink on dark paper (turn it round first)"]
    found = measure_ink(sample.ink)
    if not found.any():
        return ["it has no ink but specks"]
    ways = []
    for measure, value, (least, most) in zip(MEASURES, found, ranges, strict=True):
        if least / _BEYOND <= value <= max(most * _BEYOND, measure.usual):
            continue
        sign = measure.sign if value > most else measure.less
        ways.append(
            f"{value:.3g} {measure.name}, and {least:.3g} to {most:.3g} in the calibration ({sign})"
        )
    if not ways and has_stamp(sample.ink):
        ways.append("it has a circle, or a frame of straight lines (a stamp?)")
    return ways


def _is_large(shape: tuple[int, ...]) -> bool:
    return min(shape) >= _SMALLEST


def _widest_gap(ink: NDArray[Any]) -> int:
    return int(np.diff(np.flatnonzero(ink)).max(initial=1)) - 1


def _depth(contour: int, hierarchy: Sequence[Sequence[int]]) -> int:
    """Count the contours around one: even numbers are outlines of ink, odd ones of holes."""
    depth, outer = 0, hierarchy[contour][3]
    while outer >= 0:
        depth, outer = depth + 1, hierarchy[outer][3]
    return depth
