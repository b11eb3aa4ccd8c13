"""Detect images of several lines, a page or a turned line where one line or word is expected."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.levels import invert, is_inverted, otsu_ink

# Chosen on IAM's lines and pages; benchmarks/lines/checks.py prints what they find and miss.
_SMOOTHING = 0.01  # deviation of the blur of the profile, in heights of the ink
_LEAST = 0.4  # of the ink of the fullest rows: fainter lines may be parts of the lines beside
_VALLEY = 0.3  # of the ink of the emptier neighbour: the gap between lines has less
_STROKES = 5  # that a row in a line crosses: an i and its dot are not two lines
_PAGE = 6  # lines from where on an image is called a page
_TALL = 3  # times the width: the ink of a line that was turned by a quarter
_STROKES_OF_TURNED = 8  # that a column of it crosses: a few letters
_SMALLEST = 16  # rows: lower ink can't hold two lines that anyone could read


def count_lines(image: Image) -> int:
    """Count the lines of text in an image by the ink of its rows.

    A line is a peak of the profile, as full of ink as other lines, that crosses many strokes;
    two lines have a valley between them.
    """
    return _count_lines(_find_ink(image))


def _find_ink(image: Image) -> NDArray[np.bool_]:
    return otsu_ink(invert(image) if is_inverted(image) else image) > 0


def _count_lines(ink: NDArray[np.bool_]) -> int:
    rows = np.flatnonzero(ink.any(axis=1))
    if len(rows) < _SMALLEST or np.ptp(rows) < _SMALLEST:
        return min(1, len(rows))
    ink = ink[rows[0] : rows[-1] + 1]
    profile = _smooth(ink.sum(axis=1))
    strokes = _smooth(np.count_nonzero(ink[:, 1:] & ~ink[:, :-1], axis=1))
    peaks = find_peaks(profile)
    peaks = peaks[profile[peaks] >= _LEAST * profile.max()]
    lines: list[int] = []
    for peak in peaks[strokes[peaks] >= _STROKES].tolist():
        if lines:
            lower = min(profile[lines[-1]], profile[peak])
            if profile[lines[-1] : peak].min() > _VALLEY * lower:  # one line, twice full
                lines[-1] = max(lines[-1], peak, key=profile.__getitem__)
                continue
        lines.append(peak)
    # A crop may cut through the lines beside its own.
    if len(lines) > 1 and profile[0] > _VALLEY * profile[lines[0]]:
        del lines[0]
    if len(lines) > 1 and profile[-1] > _VALLEY * profile[lines[-1]]:
        del lines[-1]
    return max(1, len(lines))


def _is_turned(ink: NDArray[np.bool_]) -> bool:
    """Check whether ink stands upright as a line that was turned by a quarter does.

    An I and a bracket are as tall, but one goes down them without crossing many strokes.
    """
    left, top, width, height = cv2.boundingRect(ink.astype(np.uint8))
    if height < _TALL * max(width, 1):
        return False
    ink = ink[top : top + height, left : left + width]
    return bool(np.count_nonzero(ink[1:] & ~ink[:-1], axis=0).max() >= _STROKES_OF_TURNED)


def find_peaks(profile: NDArray[np.float64]) -> NDArray[np.intp]:
    """Find the maxima of a profile between zeros; of a plateau its middle.

    `scipy.signal.find_peaks` does the same, and importing it takes a tenth of a command's start.
    """
    slopes = np.sign(np.diff(profile, prepend=0, append=0))
    steps = np.flatnonzero(slopes)
    tops = np.flatnonzero((slopes[steps[:-1]] > 0) & (slopes[steps[1:]] < 0))
    return (steps[tops] + steps[tops + 1] - 1) // 2


def _smooth(rows: NDArray[np.integer]) -> NDArray[np.float64]:
    sigma = max(1.0, _SMOOTHING * len(rows))
    column = rows.astype(np.float64)[:, np.newaxis]
    size = (1, 2 * int(3 * sigma) + 1)
    smooth = cv2.GaussianBlur(column, size, sigma, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(smooth[:, 0], np.float64)


def remark_lines(image: Image) -> str | None:
    """Say of an image that it looks like more than one line of text, or like one that stands."""
    ink = _find_ink(image)
    lines = _count_lines(ink)
    if lines < 2:
        return (
            "look turned by a quarter: they are far taller than wide" if _is_turned(ink) else None
        )
    what = f"{lines} lines of text" if lines < _PAGE else "a page of text"
    return f"look like {what}, where one line or word is expected"
