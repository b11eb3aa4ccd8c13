"""Cut lines of strokes into words, and put lines together from words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk._data.text_line import fit_text_line, split_strokes

Points = NDArray[np.float64]

_USUAL_GAP = 0.9  # x-heights between two words
_WIDEST = 6.0  # x-heights; a wider gap is a slip of the pen
_RESIZED = 0.8, 1.25  # how far a word is brought to the size of the others: few letters say little
_UNEVEN = 4.0  # times the usual width of a character: such a word was cut in a wrong place


class Word(NamedTuple):
    """The strokes of a word: x from its left edge, y from the baseline."""

    strokes: list[Points]
    gap: float  # to the word before it; NaN for the first
    x_height: float

    @property
    def width(self) -> float:
        """Width of its ink."""
        return max(float(stroke[:, 0].max()) for stroke in self.strokes)


def cut_words(strokes: NDArray[np.float32], texts: Sequence[str]) -> list[Word] | None:
    """Cut a line where the gaps between its strokes are widest.

    Parameters
    ----------
    strokes : ndarray of shape (T, 3)
        A line.
    texts : sequence of str
        Its words.

    Returns
    -------
    words : list of Word or None
        None where the strokes have fewer gaps than the line has, or widths and texts disagree.
    """
    polylines = split_strokes(strokes)
    baseline, x_height = fit_text_line(polylines)
    ends = np.cumsum([len(line) for line in polylines])[:-1]
    level = [
        line - np.column_stack([np.zeros(len(line)), of_line])
        for line, of_line in zip(polylines, np.split(baseline, ends), strict=True)
    ]
    lows = np.array([line[:, 0].min() for line in level])
    order = np.argsort(lows, kind="stable")
    reach = np.maximum.accumulate([level[i][:, 0].max() for i in order])
    gaps = lows[order][1:] - reach[:-1]  # before each stroke but the leftmost
    n = len(texts)
    if n > 1 and (len(gaps) < n - 1 or np.sort(gaps)[1 - n] <= 0):
        return None
    widest = np.sort(np.argsort(-gaps, kind="stable")[: n - 1]) + 1
    words = []
    for part in np.split(order, widest):
        own = [level[i] for i in sorted(part)]  # in the order of writing
        left = lows[part].min()
        words.append(Word([line - [left, 0] for line in own], np.nan, x_height))
    gaps_before = [np.nan, *(float(gaps[i - 1]) for i in widest)]
    words = [word._replace(gap=gap) for word, gap in zip(words, gaps_before, strict=True)]
    widths = np.array([word.width / len(text) for word, text in zip(words, texts, strict=True)])
    usual = np.median(widths)
    if (widths > _UNEVEN * usual).any() or (widths < usual / _UNEVEN).any():
        return None
    return words


def join_words(words: Sequence[Word]) -> NDArray[np.float32]:
    """Put words on one baseline, side by side, as strokes `(T, 3)`."""
    size = float(np.median([word.x_height for word in words]))
    gaps = [word.gap for word in words if 0 < word.gap < _WIDEST * (size or np.inf)]
    usual = float(np.median(gaps)) if gaps else _USUAL_GAP * size
    placed: list[Points] = []
    right = 0.0
    for number, word in enumerate(words):
        scale = float(np.clip(size / word.x_height, *_RESIZED)) if word.x_height > 0 else 1.0
        if number:
            right += word.gap if 0 < word.gap < 2 * usual else usual
        placed += [stroke * scale + [right, 0] for stroke in word.strokes]
        right += word.width * scale
    points = np.concatenate(placed)
    lifted = np.zeros(len(points))
    lifted[np.cumsum([len(stroke) for stroke in placed]) - 1] = 1
    offsets = np.diff(points, axis=0, prepend=points[:1])
    return np.column_stack([offsets, lifted]).astype(np.float32)
