"""Compose words that resist of pieces that are written alone (`compose_words`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk.datasets import make_handwriting
from hwsk.writing._hands import Hand
from hwsk.writing._words import Word, cut_words, is_joined, join_pieces, scale_word, split_word

if TYPE_CHECKING:
    from hwsk.writing._line_writer import Alone, LineWriter

_SHOWN = "summer rain"  # shows how large a made hand is
_ROUNDS = 3  # of samples; the first in the hand of the line


@dataclass
class _Piece:
    """A piece of a word."""

    number: int  # of the word
    text: str
    best: Alone | None = None

    @property
    def is_right(self) -> bool:
        return self.best is not None and not self.best.misread


def count_apart(word: str) -> int:
    """Count the capitals, digits and signs, which can be written alone."""
    return sum(not is_joined(piece) for piece in split_word(word))


def compose_words(
    words: Sequence[str], hands: Sequence[Hand | None], writer: LineWriter
) -> list[Word]:
    """Write words piece by piece, each until it is read.

    A piece that never is, is tried character by character, and drawn at last: some characters
    stand so rarely in a synthesizer's data that it has not learnt them.
    """
    pieces = [_Piece(i, text) for i, word in enumerate(words) for text in split_word(word)]
    _sample(pieces, hands, writer)
    halves = [
        part
        for piece in pieces
        for part in (
            [piece]
            if piece.is_right or len(piece.text) == 1 or is_joined(piece.text)
            else [_Piece(piece.number, character) for character in piece.text]
        )
    ]
    _sample([piece for piece in halves if piece.best is None], hands, writer)
    sizes = [piece.best.word.x_height for piece in halves if piece.best is not None]
    usual = float(np.median([size for size in sizes if size > 0] or [0.0]))
    composed: list[list[Word]] = [[] for _ in words]
    for piece in halves:
        assert piece.best is not None
        drawable = " " < piece.text <= "~" and not is_joined(piece.text)
        composed[piece.number].append(
            _draw(piece.text, usual, writer) if drawable and not piece.is_right else piece.best.word
        )
    return [join_pieces(parts) for parts in composed]


def _sample(pieces: list[_Piece], hands: Sequence[Hand | None], writer: LineWriter) -> None:
    for attempt in range(_ROUNDS):
        missing = [piece for piece in pieces if not piece.is_right]
        if not missing:
            return
        found = writer.sample_alone(
            [piece.text for piece in missing],
            [None if attempt else hands[piece.number] for piece in missing],
            attempt + 1,
        )
        for piece, new in zip(missing, found, strict=True):
            if piece.best is None or new.misread < piece.best.misread:
                piece.best = new


def _draw(character: str, size: float, writer: LineWriter) -> Word:
    """Draw a character in a made hand, whose letters are brought to the size of the others."""
    made = make_handwriting(2, n_writers=1, texts=[character, _SHOWN], random_state=writer.rng)
    words = cut_words(made.strokes[0], [character])
    assert words is not None
    own = fit_text_line(split_strokes(made.strokes[1])).x_height
    return scale_word(words[0]._replace(x_height=own), size / own if size else 1.0)
