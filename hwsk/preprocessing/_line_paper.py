"""Find paper, dark edges and ruled lines in images of text lines."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk.preprocessing._paper import find_rules

SMALL = 72  # height in pixels at which the line is looked for
RULE = 1.5  # in heights: no handwriting runs level as far as a ruled line
_STROKE = 0.4  # of the height: what is wider is background
_EDGE = 0.15  # of a side: the deepest dark edge of a scan
_THICKNESS = 0.05  # of the height: thickest ruled line
_INK = 0.88 * 255  # darker pixels may belong to a ruled line


def shrink(gray: NDArray[np.uint8], scale: float) -> NDArray[np.uint8]:
    """Scale an image down by a mean over areas; an image that is small enough is kept."""
    if scale >= 1:
        return gray
    height, width = gray.shape
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def has_light_ink(small: NDArray[np.uint8]) -> bool:
    """Judge the polarity by the skewness of the tones around their local mean."""
    tones = small.astype(np.float32)
    side = 2 * (min(small.shape) // 4) + 1
    difference = tones - cv2.blur(tones, (side, side))
    deviation = float(difference.std())
    if deviation < 1:  # hardly any ink: judge the paper alone
        return bool(np.median(small) < 128)
    return float((difference**3).mean()) > 0


def estimate_background(small: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Tone of the paper at each pixel: a closing that no stroke survives, smoothed."""
    side = 2 * int(_STROKE * min(small.shape) / 2) + 1
    # Two passes of a smaller mean first: the lightest pixel of noisy paper is lighter than it.
    smooth = cv2.blur(small, (3, 3))
    closed = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    return np.maximum(cv2.blur(closed.astype(np.float32), (side, side)), 1)


def find_dark_edges(darkness: NDArray[np.float64]) -> tuple[int, int, int, int]:
    """First and last row and column (as slices have them) inside the dark edges of a scan."""
    bounds = []
    for axis in (1, 0):
        profile = (darkness > 0.4).mean(axis=axis)
        depth = max(1, int(_EDGE * len(profile)))
        for ends in (profile[:depth], profile[::-1][:depth]):
            dark = np.flatnonzero(ends > 0.7)
            bounds.append(int(dark[-1]) + 2 if ends[0] > 0.7 else 0)
    height, width = darkness.shape
    return bounds[0], height - bounds[1], bounds[2], width - bounds[3]


def remove_rules(level: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turn the ruled lines of a text line on white paper white; strokes across them stay."""
    height, width = level.shape
    length = round(RULE * height)
    if length >= width:
        return level
    is_ink = (level < _INK).astype(np.uint8)
    rules = find_rules(is_ink, length, max(2, round(_THICKNESS * height)))
    if not rules.any():
        return level
    # The rim of a ruled line is lighter than what counts as ink.
    soft = cv2.dilate(rules.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    soft &= (is_ink == 0) | rules
    return np.where(soft, np.uint8(255), level)
