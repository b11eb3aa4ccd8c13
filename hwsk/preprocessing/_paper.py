"""Estimate the paper of a page, and the ink on it."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.levels import to_bytes

Ink = NDArray[np.uint8]

_SMALL = 256  # longer side in pixels at which the paper is estimated
_CLOSING = 0.02  # side of the closing in lengths of the page: no stroke of a pen is as broad
MOST = 4.0  # times that a page is enlarged

_STRIPS = 12  # of a page, for the profiles of its orientation
_FEWEST = 50  # pixels of ink that say something of the orientation
_SIDEWAYS, _UPSIDE_DOWN = 4.0, 10.0  # logits for the logarithm of a ratio, and for an asymmetry

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


def page_ink(gray: Ink) -> Ink:
    """Convert a page to its amount of ink: 0 for paper, 255 for ink as dark as most of it."""
    paper = np.asarray(estimate_paper(gray), np.uint8)
    darkness = np.asarray(255 - cv2.divide(gray, paper, scale=255), np.uint8)
    counts = np.bincount(darkness.ravel(), minlength=256)
    counts[: int(255 * _CONTRAST) + 1] = 0
    full = 255.0
    if (n := counts.sum()) > _FEWEST:
        full = float(np.searchsorted(counts.cumsum(), 0.8 * n))
    return np.asarray(cv2.convertScaleAbs(darkness, alpha=255 / full), np.uint8)


def page_scale(shape: tuple[int, ...], resolution: float) -> float:
    """Factor that gives a page as many pixels as a square of side `resolution` has."""
    return float(min(MOST, resolution / np.sqrt(shape[0] * shape[1])))


def scale_ink(image: NDArray[Any], scale: float) -> Ink:
    """Ink of a page, 255 on paper 0, at another size."""
    gray = to_bytes(image)
    size = max(1, round(gray.shape[1] * scale)), max(1, round(gray.shape[0] * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return page_ink(np.asarray(cv2.resize(gray, size, interpolation=method), np.uint8))


def find_orientation(ink: Ink) -> NDArray[np.float64]:
    """Compare the four orientations of a page by the profiles of its ink.

    Across the lines of a page, the ink changes more than along them. Below a line it ends at the
    baseline, more abruptly than it begins above, where ascenders stand out [1]_: the third powers
    of the differences of neighbouring rows add up to less than 0.

    Parameters
    ----------
    ink : ndarray of shape (height, width)
        The ink of a page at a resolution of about 1000, with 255 for full ink.

    Returns
    -------
    logits : ndarray of shape (4,)
        Of a page turned by 0, 90, 180 and 270 degrees counterclockwise; all 0 without ink.

    References
    ----------
    .. [1] D. S. Bloomberg, G. E. Kopec, L. Dasari, "Measuring document image skew and
       orientation", SPIE 2422, 1995.
    """
    logits = np.zeros(4)
    # A page turned counterclockwise by 90 degrees has its lines upright when it is turned back.
    changes, skews = zip(*(_profile_changes(np.rot90(ink, -k)) for k in (0, 1)), strict=True)
    if min(changes) <= 0:
        return logits
    across = _SIDEWAYS * float(np.log(changes[0] / changes[1]))
    logits[[0, 2]] = across
    logits[0] -= _UPSIDE_DOWN * skews[0]
    logits[2] += _UPSIDE_DOWN * skews[0]
    logits[1] -= _UPSIDE_DOWN * skews[1]
    logits[3] += _UPSIDE_DOWN * skews[1]
    return logits


def _profile_changes(ink: Ink) -> tuple[float, float]:
    """Squares of the changes of profiles for each pixel of ink, and their asymmetry."""
    is_ink = cv2.blur(np.ascontiguousarray(ink), (2, 2)) > 100
    is_rule = cv2.morphologyEx(is_ink.astype(np.uint8), cv2.MORPH_OPEN, np.ones((1, 60), np.uint8))
    is_ink &= cv2.dilate(is_rule, np.ones((3, 1), np.uint8)) == 0
    n_ink = np.count_nonzero(is_ink)
    if n_ink < _FEWEST:
        return 0.0, 0.0
    edges = np.linspace(0, ink.shape[1], _STRIPS + 1).astype(int)
    changes = []
    for first, last in pairwise(edges):
        if last > first:
            profile = is_ink[:, first:last].mean(axis=1, dtype=np.float32)[:, np.newaxis]
            smooth = cv2.GaussianBlur(profile, (1, 13), 2.0)[:, 0]
            changes.append(np.diff(smooth))
    change = np.concatenate(changes).astype(np.float64)
    weight = float((np.abs(change) ** 3).sum())
    return float((change**2).sum()) / n_ink, float((change**3).sum()) / max(weight, 1e-12)


def find_rules(is_ink: NDArray[np.uint8], length: int, thickness: int) -> NDArray[np.bool_]:
    """Mask the pixels of level ruled lines that no stroke crosses."""
    is_ink = np.ascontiguousarray(is_ink)
    # A rule that is not quite level is a chain of runs, which a row more makes one.
    thick = cv2.dilate(is_ink, np.ones((3, 1), np.uint8))
    runs = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    # Ink that is higher than a rule is thick is a stroke, with the pixels beside it.
    tall = cv2.morphologyEx(is_ink, cv2.MORPH_OPEN, np.ones((thickness + 2, 1), np.uint8))
    return (runs > 0) & (is_ink > 0) & (tall == 0)
