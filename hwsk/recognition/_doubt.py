"""Warn of lines whose confidence is low as a whole: turned, or of another script."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from hwsk._data.images import LazyImages, name_rows
from hwsk._data.levels import is_blank
from hwsk._warn import warn_caller

# Chosen on IAM's lines and words; benchmarks/lines/checks.py prints what they find and miss.
# All but the third are parts of the confidence that readings have on average.
_LOW = 0.75  # below it, a reading is warned of
_LOW_OF_FEW = 0.4  # the same where fewer characters were read: there confidence varies
_FEW = 5
_DOUBTFUL = 0.9  # below it, the image is read upside down, too
_BETTER = 0.08  # by how much that has to be better


def reading_confidence(log_probs: NDArray[np.float64], temperature: float) -> tuple[float, int]:
    """Mean probability of the characters of the greedy reading at their peaks, and their number."""
    best = log_probs.argmax(axis=1)
    starts = np.flatnonzero(np.r_[True, best[1:] != best[:-1]])
    scaled = log_softmax(log_probs / temperature, axis=1)
    peaks = np.maximum.reduceat(scaled[np.arange(len(best)), best], starts)
    peaks = np.exp(peaks[best[starts] != 0])
    return (float(peaks.mean()), len(peaks)) if len(peaks) else (0.0, 0)


def warn_of_doubt(
    images: LazyImages,
    found: NDArray[np.float64],
    typical: float,
    read: Callable[[LazyImages], NDArray[np.float64]],
) -> None:
    """Warn of images whose reading is in doubt, with their rows.

    Parameters
    ----------
    images : LazyImages
        What was read.
    found : ndarray of shape (n_samples, 2)
        `reading_confidence` of each.
    typical : float
        Mean confidence of readings.
    read : callable
        Gives the same of other images.
    """
    confidence, count = found.T / [[typical], [1]]
    turned = np.zeros(len(images), bool)
    doubtful = np.flatnonzero((confidence < _DOUBTFUL) & (count >= _FEW))
    if len(doubtful):
        upside_down = read(images[doubtful].map(_turn))[:, 0] / typical
        turned[doubtful] = upside_down > confidence[doubtful] + _BETTER
    if turned.any():
        what = "look upside down: turned, they are read with more confidence"
        _warn(images, turned, found, what)
    low = (confidence < np.where(count < _FEW, _LOW_OF_FEW, _LOW)) & ~turned
    for row in np.flatnonzero(count == 0):
        low[row] = not is_blank(images[row])  # of blank ones, the network's outputs warn
    if low.any():
        _warn(
            images,
            low,
            found,
            "are read with low mean confidence: not one line of text, another script, turned, too "
            "faint or damaged?",
        )


def _warn(
    images: LazyImages, which: NDArray[np.bool_], found: NDArray[np.float64], what: str
) -> None:
    rows = np.flatnonzero(which)
    levels = ", ".join(f"{found[row, 0]:.2f}" for row in rows[:10])
    warn_caller(
        f"{len(rows)} of {len(images)} images {what}; mean confidence {levels}"
        f"{', ...' * (len(rows) > 10)}, rows {name_rows(images, rows)}"
    )


def _turn(image: NDArray[np.generic]) -> NDArray[np.generic]:
    return np.ascontiguousarray(image[::-1, ::-1])
