"""Compose words that resist of pieces that are written alone (`compose_words`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk.datasets import make_handwriting
from hwsk.datasets._letter_forms import letter_forms
from hwsk.writing._hands import Hand
from hwsk.writing._words import Word, is_joined, join_pieces, scale_word, split_word

if TYPE_CHECKING:
    from hwsk.writing._line_writer import Alone, LineWriter

_SHOWN = "summer rain"  # shows how large a made hand is
_ROUNDS = 3  # of samples; the first in the hand of the line
_DRAWINGS = 6  # of a character, each in another hand


@dataclass
class _Piece:
    """A piece of a word."""

    number: int  # of the word
    text: str
    best: Alone | None = None

    @property
    def is_right(self) -> bool:
        return self.best is not None and self.best.rank == (0, 0)

    @property
    def is_drawable(self) -> bool:
        """Whether `make_handwriting` has a form for it that can stand alone."""
        return not is_joined(self.text) and all(map(letter_forms, self.text))


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
    _draw([piece for piece in halves if piece.is_drawable and not piece.is_right], usual, writer)
    composed: list[list[Word]] = [[] for _ in words]
    for piece in halves:
        assert piece.best is not None
        composed[piece.number].append(piece.best.word)
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
            if piece.best is None or new.rank < piece.best.rank:
                piece.best = new


def _draw(pieces: list[_Piece], size: float, writer: LineWriter) -> None:
    """Draw characters of which no sample was read, or of which a drawing is read no worse.

    Of several drawings the one that is read best.
    """
    if not pieces:  # readers take no empty list
        return
    drawings, sizes = [], []
    for piece in pieces:
        for _ in range(_DRAWINGS):
            texts = [piece.text, _SHOWN]
            made = make_handwriting(2, n_writers=1, texts=texts, random_state=writer.rng)
            drawings.append(made.strokes[0])
            sizes.append(fit_text_line(split_strokes(made.strokes[1])).x_height)
    found = writer.choose([piece.text for piece in pieces], drawings)
    for i, (piece, (new, number)) in enumerate(zip(pieces, found, strict=True)):
        if piece.best is None or piece.best.misread or new.rank <= piece.best.rank:
            # The ink of a sign does not say how large it is.
            own = new.word.x_height or sizes[_DRAWINGS * i + number]
            word = scale_word(new.word._replace(x_height=own), size / own if size else 1.0)
            piece.best = new._replace(word=word)
