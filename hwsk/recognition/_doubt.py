"""Warn of lines whose confidence is low as a whole (turned, another script), or read as a word."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from hwsk._data.decoding import Image
from hwsk._data.images import LazyImages, name_rows
from hwsk._data.levels import is_blank
from hwsk._warn import warn_caller
from hwsk._wording import some_of

# Chosen on IAM's lines and words; benchmarks/lines/checks.py prints what they find and miss.
# All levels are parts of the confidence that readings have on average.
_LOW = 0.75  # below it, a reading is warned of
_LOW_OF_WORD = 0.65  # the same where fewer characters than in a line were read
_WORD = 12
_LOW_OF_FEW = 0.4  # the same of a few: there confidence varies
_FEW = 5
_DOUBTFUL = 0.9  # below it, the image is read turned and mirrored, too
_BETTER = 0.08  # by how much that has to be better
_BETTER_OF_WORD = 0.3  # the same where fewer characters than in a line were read
_LONGEST_WORD = 20  # letters; longer ones without a blank among them are several words

_OTHER_WAYS: dict[str, Callable[[Image], Image]] = {
    "look upside down: turned": lambda image: np.ascontiguousarray(image[::-1, ::-1]),
    "look mirrored: from right to left": lambda image: np.ascontiguousarray(image[:, ::-1]),
    "look mirrored: from bottom to top": lambda image: np.ascontiguousarray(image[::-1]),
}


def reading_confidence(log_probs: NDArray[np.float64], temperature: float) -> tuple[float, int]:
    """Mean probability of the characters of the greedy reading at their peaks, and their number."""
    best = log_probs.argmax(axis=1)
    starts = np.flatnonzero(np.r_[True, best[1:] != best[:-1]])
    scaled = log_softmax(log_probs / temperature, axis=1)
    peaks = np.maximum.reduceat(scaled[np.arange(len(best)), best], starts)
    peaks = np.exp(peaks[best[starts] != 0])
    return (float(peaks.mean()), len(peaks)) if len(peaks) else (0.0, 0)


def is_doubtful(found: NDArray[np.float64], typical: float) -> NDArray[np.bool_]:
    """Mark readings of clearly less than the typical confidence; short ones may have less."""
    confidence, count = found.T / [[typical], [1]]
    least = np.select([count < _FEW, count < _WORD], [_LOW_OF_FEW, _LOW_OF_WORD], _LOW)
    return confidence < least


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
        others = [read(images[doubtful].map(way))[:, 0] / typical for way in _OTHER_WAYS.values()]
        best = np.argmax(others, axis=0)
        gain = np.max(others, axis=0) - confidence[doubtful]
        better = gain > np.where(count[doubtful] < _WORD, _BETTER_OF_WORD, _BETTER)
        turned[doubtful] = better
        for i, way in enumerate(_OTHER_WAYS):
            which = np.zeros(len(images), bool)
            which[doubtful] = better & (best == i)
            if which.any():
                _warn(images, which, found, f"{way}, read with more confidence")
    low = is_doubtful(found, typical) & ~turned
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
        f"{some_of(len(rows), len(images), 'images', what)}; mean confidence {levels}"
        f"{', ...' * (len(rows) > 10)}, rows {name_rows(images, rows)}"
    )


def warn_of_long_words(images: LazyImages, texts: Sequence[str]) -> None:
    """Warn of lines that are read as one word, as a recognizer of words reads them.

    Only letters that have a capital form count: their scripts put blanks between words.
    """
    letters = np.array([sum(c.lower() != c.upper() for c in text) for text in texts])
    joined = np.array([" " not in text for text in texts])
    rows = np.flatnonzero((letters > _LONGEST_WORD) & joined)
    if len(rows):
        warn_caller(
            f"{some_of(len(rows), len(images), 'images', 'look like a line of several words')}"
            f", read as one word of over {_LONGEST_WORD} letters, rows {name_rows(images, rows)}: "
            "a recognizer of words reads no blanks; take one of lines, such as 'iam-lines'"
        )
