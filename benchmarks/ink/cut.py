"""Check characters that were cut out of words, by what a recognizer reads in each alone.

A word is cut where its strokes make as many groups side by side as it has letters. That goes wrong
where two letters touch and another one has two parts: "Th" is then the T, and half a k the h. Such
a word is left out of training: a recognizer contradicts one label or more.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import ctc_loss

from benchmarks.strokes.data import Lines, Word, split_characters, to_strokes
from hwsk._data.images import object_array

LEAST = 0.02  # as probable as the text that is read, a label has to be


def mark_separable(recognizer: Any, lines: Lines) -> NDArray[np.bool_]:
    """Mark the points of the words of all lines that may be cut into characters."""
    recognizer.set_params(decoder=None)
    words = [lines.words(row) for row in range(len(lines))]
    separable = np.split(
        find_separable(recognizer, [word for line in words for word in line]),
        np.cumsum([len(line) for line in words])[:-1],
    )
    return np.concatenate(
        [
            found[numbers] if len(found) else np.zeros(len(numbers), bool)
            for found, numbers in zip(separable, lines.word_numbers, strict=True)
        ]
    )


def find_separable(recognizer: Any, words: Sequence[Word]) -> NDArray[np.bool_]:
    """Find the words whose characters stand alone, and are those of the text."""
    cut = [split_characters(word) for word in words]
    owner = np.repeat(np.arange(len(words)), [len(characters) for characters in cut])
    separable = np.array([len(characters) > 0 for characters in cut], bool)
    characters = [character for word in cut for character in word]
    if characters:
        separable[owner[~are_possible(recognizer, characters)]] = False
    return separable


def are_possible(recognizer: Any, characters: Sequence[Word]) -> NDArray[np.bool_]:
    """Check for each character that it may be what its label says.

    "O" for an "o" may be, and most misreadings: what is far less probable than the text that is
    read is not.
    """
    ink = object_array([to_strokes(character) for character in characters])
    outputs = recognizer.predict_log_proba(ink)
    read = recognizer.predict(ink)
    possible = np.zeros(len(characters), bool)
    for row, (output, text, character) in enumerate(zip(outputs, read, characters, strict=True)):
        label, best = (_log_probability(recognizer, output, t) for t in (character.text, text))
        possible[row] = label > best + np.log(LEAST)
    return possible


def _log_probability(recognizer: Any, output: NDArray[Any], text: str) -> float:
    """Compute the log-probability of a text by all of its paths."""
    classes = torch.tensor([[recognizer.alphabet_.index(c) + 1 for c in text]], dtype=torch.long)
    lengths = torch.tensor([len(output)]), torch.tensor([len(text)])
    loss = ctc_loss(torch.from_numpy(output)[:, None], classes, *lengths, reduction="sum")
    return -float(loss)
