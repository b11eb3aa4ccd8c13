"""Find a round stamp, or a frame, over ink: circles and rectangles that no pen draws by hand."""

from __future__ import annotations

from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk.preprocessing._character_normalizer import _stroke_width
from hwsk.verification._inked import Ink

_HEIGHT, _WIDTH = 100, 300  # pixels that ink is scaled into
_SMALLEST, _LARGEST = 0.2, 0.8  # radii of circles, in heights
_FEWEST_PENS = 8  # widths of the pen in a radius, at least: letters are round, too
_CIRCLES = 6  # candidates that are looked at
_ROUND, _STRAIGHT = 0.96, 0.92  # of a circle, and of each side of a frame, is inked at least
_CLEAR = 0.4  # how much less is, so many pixels beside it
_BESIDE = 7
_NEAR = np.arange(-1, 2)  # pixels by which a circle found may be off, and radii by twice as many
_ANGLES = np.linspace(0, 2 * np.pi, 120, endpoint=False)
_LINE = 0.35  # heights that a line of a frame has at least
_SHORT_SIDE, _LONG_SIDE = 0.25, 0.5  # heights, at least
_DIRECTIONS, _LINES = 2, 8  # candidates


def has_stamp(ink: Ink) -> bool:
    """Check whether ink has a large circle, or a frame of four straight lines."""
    if not ink.size or min(ink.shape) < 2 * _FEWEST_PENS * (pen := _stroke_width(ink)):
        return False
    scale = min(_HEIGHT / ink.shape[0], _WIDTH / ink.shape[1])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    size = [max(1, round(scale * side)) for side in ink.shape[::-1]]
    scaled = cv2.resize(np.ascontiguousarray(ink), size, interpolation=method)
    fitted = np.pad(np.where(scaled > 80, np.uint8(255), np.uint8(0)), 20)
    return _has_circle(fitted, scale * pen) or _has_frame(fitted)


def _has_circle(ink: Ink, pen: float) -> bool:
    smooth = cv2.GaussianBlur(ink, (0, 0), 1)
    least = round(max(_SMALLEST * _HEIGHT, _FEWEST_PENS * pen))
    most = max(least, round(_LARGEST * _HEIGHT))
    circles = cv2.HoughCircles(
        smooth, cv2.HOUGH_GRADIENT, 2, 8, param1=100, param2=20, minRadius=least, maxRadius=most
    )
    if circles is None:
        return False
    inked = np.pad(cv2.dilate(ink, np.ones((3, 3), np.uint8)) > 0, 1)
    for x, y, found in circles.reshape(-1, 3)[:_CIRCLES]:
        radii = found + np.arange(-2, 3)
        shares = [_cover_circles(inked, x, y, radii + beside) for beside in (0, -_BESIDE, _BESIDE)]
        if ((shares[0] >= _ROUND) & (shares[0] - np.mean(shares[1:], axis=0) >= _CLEAR)).any():
            return True
    return False


def _cover_circles(
    inked: NDArray[np.bool_], x: float, y: float, radii: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The shares of circles that are inked, around a place and those next to it."""
    columns = np.rint((x + _NEAR)[:, None, None] + radii[:, None] * np.cos(_ANGLES))
    rows = np.rint((y + _NEAR)[:, None, None] + radii[:, None] * np.sin(_ANGLES))
    columns, rows = (  # the padding, which is paper, for what lies outside
        np.clip(places + 1, 0, side - 1).astype(int)
        for places, side in ((columns, inked.shape[1]), (rows, inked.shape[0]))
    )
    return np.asarray(inked[rows[:, None], columns[None]].mean(axis=-1), np.float64)


def _has_frame(ink: Ink) -> bool:
    """Check whether ink has a rectangle, however it is turned."""
    least = round(_LINE * _HEIGHT)
    lines = cv2.HoughLinesP(ink, 1, np.pi / 360, threshold=least, minLineLength=least, maxLineGap=2)
    if lines is None:
        return False
    left, top, right, bottom = lines.reshape(-1, 4).T
    angles = (np.degrees(np.arctan2(bottom - top, right - left)) + 45) % 90 - 45
    bins = np.histogram(angles, 60, (-45, 45))[0]
    for k in np.argsort(-bins)[:_DIRECTIONS]:
        inside = np.abs(angles - (1.5 * k - 44.25)) <= 0.75
        if inside.sum() > 1 and _has_upright(_turn(ink, float(np.median(angles[inside])))):
            return True
    return False


def _turn(ink: Ink, angle: float) -> Ink:
    side = int(np.hypot(*ink.shape)) + 2
    turn = cv2.getRotationMatrix2D((ink.shape[1] / 2, ink.shape[0] / 2), angle, 1)
    turn[:, 2] += (side - ink.shape[1]) / 2, (side - ink.shape[0]) / 2
    turned = cv2.warpAffine(ink, turn, (side, side))
    bilevel = np.where(turned > 100, np.uint8(255), np.uint8(0))
    return np.asarray(cv2.dilate(bilevel, np.ones((3, 3), np.uint8)), np.uint8)


def _has_upright(ink: Ink) -> bool:
    length = round(0.85 * _LINE * _HEIGHT)
    level = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    steep = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((length, 1), np.uint8))
    across = np.ascontiguousarray(ink.T)
    for top, bottom in combinations(_find_lines(level.sum(axis=1)), 2):
        for left, right in combinations(_find_lines(steep.sum(axis=0)), 2):
            short, long = sorted((bottom - top, right - left))
            if (
                short >= _SHORT_SIDE * _HEIGHT
                and long >= _LONG_SIDE * _HEIGHT
                and all(_is_line(ink[:, left:right], y) for y in (top, bottom))
                and all(_is_line(across[:, top:bottom], x) for x in (left, right))
            ):
                return True
    return False


def _is_line(ink: Ink, row: int) -> bool:
    """Check whether a row has ink throughout, and those beside it have not."""
    shares = [
        float((ink[max(0, y - 1) : y + 2].max(axis=0) > 0).mean())
        for y in (row, row - _BESIDE, row + _BESIDE)
    ]
    return shares[0] >= _STRAIGHT and shares[0] - (shares[1] + shares[2]) / 2 >= _CLEAR


def _find_lines(amount: NDArray[np.integer]) -> list[int]:
    """Rows, or columns, with the most of what lies in lines, in order."""
    amount, found = amount.astype(np.int64), []
    for _ in range(_LINES):
        place = int(amount.argmax())
        if amount[place] > 0:
            found.append(place)
        amount[max(0, place - 4) : place + 5] = 0
    return sorted(found)
