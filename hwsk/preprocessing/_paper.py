"""Estimate the paper of a page, and the ink on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

_SMALL = 256  # longer side in pixels at which the paper is estimated
_CLOSING = 0.02  # side of the closing in lengths of the page: no stroke of a pen is as broad
_CONTRAST = 0.12  # the least darkness that counts as full ink


def estimate_paper(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Estimate the tone of the paper at each pixel: the lightest near it, smoothed."""
    height, width = gray.shape
    shrink = _SMALL / max(gray.shape)
    size = max(1, round(width * shrink)), max(1, round(height * shrink))
    # Blurred first: the lightest pixel of noisy paper is lighter than the paper.
    small = cv2.blur(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), (3, 3))
    side = 2 * max(2, round(_CLOSING * _SMALL)) + 1
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((side, side), np.uint8))
    smooth = cv2.blur(closed.astype(np.float32), (side, side))
    paper = cv2.resize(np.maximum(smooth, 1), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(paper, np.float32)


def page_ink(gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert a page to its amount of ink: 0 for paper, 255 for ink as dark as most of it."""
    darkness = np.clip(1 - gray / estimate_paper(gray), 0, 1)
    strong = darkness[darkness > _CONTRAST]
    full = float(np.percentile(strong, 80)) if strong.size > 100 else 1.0
    return np.asarray(np.clip(darkness * (255 / full), 0, 255), np.uint8)
