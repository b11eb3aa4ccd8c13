"""Detect what is not one whole line or word, upright and in its proportions."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.levels import invert, is_inverted, otsu_ink, to_bytes

# Chosen on IAM's lines and pages; benchmarks/lines/checks.py prints what they find and miss.
_SMOOTHING = 0.01  # deviation of the blur of the profile, in heights of the ink
_LEAST = 0.4  # of the ink of the fullest rows: fainter lines may be parts of the lines beside
_VALLEY = 0.3  # of the ink of the emptier neighbour: the gap between lines has less
_STROKES = 5  # that a row in a line crosses: an i and its dot are not two lines
PAGE_LINES = 6  # lines from where on an image is called a page
_TALL = 3  # times the width: the ink of a line that was turned by a quarter
_MANY_STROKES = 8  # that a column of it crosses, or a row of a word: a few letters
_WIDE_CHARACTER = 2.0  # times the height: wider is more than one character, if strokes are many
_SMALLEST = 16  # rows: lower ink can't hold two lines that anyone could read
_CUT = 0.5  # of the strokes of the fullest row: so many are at the border of a line that is cut
_WIDE, _NARROW = 2.0, 0.35  # width of strokes by their height, of lines that were scaled unevenly
_RULE = 1.5  # in heights: strokes are not that wide
_TONES = 72  # rows in which tones are compared
_STRIP = 0.6  # in heights: width of the parts in which they are
_CONTRAST = 20.0  # standard deviation of tones where there is ink
_SKEWED = 0.5  # skewness of the tones around ink


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
    return bool(np.count_nonzero(ink[1:] & ~ink[:-1], axis=0).max() >= _MANY_STROKES)


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


def remark_line(image: Image) -> str | None:
    """Say of an image as it was cut out that it does not look like one upright line of text."""
    return _remark_tones(image) or remark_lines(image) or _remark_cut(_find_ink(image))


def remark_crop(image: Image) -> str | None:
    """The same of what can't be found once tones are cleaned and margins are cut off."""
    return _remark_tones(image) or _remark_cut(_find_ink(image))


def remark_lines(image: Image) -> str | None:
    """Say of an image that it looks like several lines, like one that stands or that is scaled."""
    ink = _find_ink(image)
    lines = _count_lines(ink)
    if lines > 1:
        what = f"{lines} lines of text" if lines < PAGE_LINES else "a page of text"
        return f"look like {what}, where one line or word is expected"
    if _is_turned(ink):
        return "look turned by a quarter: far taller than wide"
    return _remark_width(ink)


def remark_character(image: Image) -> str | None:
    """Say of an image that it holds a word or a line, where one character is expected."""
    ink = _find_ink(image)
    _, _, width, height = cv2.boundingRect(ink.astype(np.uint8))
    strokes = np.count_nonzero(ink[:, 1:] & ~ink[:, :-1], axis=1).max(initial=0)
    if width < _WIDE_CHARACTER * height or strokes < _MANY_STROKES:
        return None
    return (
        f"look like a word or a line: at least {_WIDE_CHARACTER:g} times as wide as high, where "
        "one character is expected"
    )


def _remark_tones(image: Image) -> str | None:
    """Say of an image that a part of it is a negative.

    Around dark ink, most pixels are a little lighter than the mean of their surroundings, and few
    are much darker.
    """
    gray = to_bytes(image)
    height, width = gray.shape
    if min(gray.shape) < _SMALLEST:
        return None
    if height > _TONES:
        size = max(2, round(width * _TONES / height)), _TONES
        gray = np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA))
    tones = gray.astype(np.float32)
    side = 2 * (min(tones.shape) // 4) + 1
    tones -= cv2.blur(tones, (side, side))
    skews = []
    for strip in np.array_split(tones, max(2, round(width / height / _STRIP)), axis=1):
        deviation = float(strip.std())
        if deviation >= _CONTRAST:
            skews.append(float((strip**3).mean()) / deviation**3)
    if not skews or max(skews) < _SKEWED or min(skews) > -_SKEWED:
        return None
    return "look inverted in a part: dark ink on light paper, and light ink on dark paper"


def _remark_cut(ink: NDArray[np.bool_]) -> str | None:
    """Say that strokes end at the upper or lower border, as in a crop of half a line."""
    strokes = np.count_nonzero(ink[:, 1:] & ~ink[:, :-1], axis=1)
    if strokes.max(initial=0) < _STROKES:
        return None
    depth = max(1, len(ink) // 50)
    for border, rows in (("upper", strokes[:depth]), ("lower", strokes[-depth:])):
        if rows.max() >= _CUT * strokes.max():
            return f"look cut off: most strokes reach the {border} border"
    return None


def _remark_width(ink: NDArray[np.bool_]) -> str | None:
    """Say that strokes are far wider than high, or higher than wide, as of a line that was scaled.

    The mean lengths of runs of ink along rows and along columns are compared. Ruled lines and
    edges are no strokes.
    """
    mask = ink.astype(np.uint8)
    length = round(_RULE * len(mask))
    if length < mask.shape[1]:
        rules = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((1, length), np.uint8)) > 0
        ink = ink & ~rules
    ink = np.pad(ink, 1)
    starts = ink[:, 1:] & ~ink[:, :-1]
    strokes = np.count_nonzero(starts, axis=1).max()
    if strokes < _STROKES:
        return None
    ratio = np.count_nonzero(ink[1:] & ~ink[:-1]) / np.count_nonzero(starts)
    if ratio >= _WIDE:
        change = f"stretched in width: strokes at least {_WIDE:g}"
    elif ratio <= _NARROW and strokes >= 2 * _MANY_STROKES:  # words as "MINIMUM" have less
        change = f"squeezed in width: strokes at most {_NARROW:g}"
    else:
        return None
    # The same words for all such images: a warning counts images by what is said of them.
    return f"look {change} times as wide as high"
