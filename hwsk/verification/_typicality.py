"""Name samples that are unlike those of a calibration: whole pages, stamps, shadows, negatives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.images import check_images
from hwsk._data.levels import invert, is_negative, to_bytes
from hwsk._data.scan import walk
from hwsk.preprocessing._character_normalizer import _stroke_width
from hwsk.preprocessing._signatures import separate_ink
from hwsk.verification._sides import Side, name_image

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


def measure_ink(image: Image) -> NDArray[np.float64]:
    """Measure the ink of an image, whatever its resolution, as `MEASURES` lists; 0 without ink."""
    gray = to_bytes(invert(image) if is_negative(image) else image)
    ink = separate_ink(gray)
    if not ink.any():
        return np.zeros(len(MEASURES))
    pen = max(1.0, _stroke_width(ink))
    left, top, width, height = cv2.boundingRect(ink)
    ink = ink[top : top + height, left : left + width]
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
        if not _is_large(image):
            return None
        found.append(measure_ink(image))
        n_negatives += is_negative(image)
    if n_negatives > len(found) / 2:
        return None
    return np.column_stack([np.min(found, axis=0), np.max(found, axis=0)])


def name_unusual(sides: Iterable[Side], ranges: NDArray[np.float64]) -> list[str]:
    """Name each image that is unlike those of the calibration, and in which way."""
    doubts = []
    for side, samples in sides:
        for i, image in walk(check_images(samples)):
            ways = _unusual_ways(image, ranges)
            if ways:
                doubts.append(f"{name_image(i, side, samples[i])}: {', '.join(ways)}")
    return doubts


def _unusual_ways(image: Image, ranges: NDArray[np.float64]) -> list[str]:
    if not _is_large(image):
        return [f"it has {image.shape[1]} x {image.shape[0]} pixels (too small to compare)"]
    if is_negative(image):
        return ["it is a negative, light ink on dark paper (turn it round first)"]
    found = measure_ink(image)
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
    return ways


def _is_large(image: Image) -> bool:
    return min(image.shape) >= _SMALLEST


def _widest_gap(ink: NDArray[Any]) -> int:
    return int(np.diff(np.flatnonzero(ink)).max(initial=1)) - 1


def _depth(contour: int, hierarchy: Sequence[Sequence[int]]) -> int:
    """Count the contours around one: even numbers are outlines of ink, odd ones of holes."""
    depth, outer = 0, hierarchy[contour][3]
    while outer >= 0:
        depth, outer = depth + 1, hierarchy[outer][3]
    return depth
