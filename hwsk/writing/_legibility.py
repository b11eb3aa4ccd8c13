"""Say how much of what was written a reader recognizes (`Legibility`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hwsk._warn import warn_caller
from hwsk._wording import count

_WAY_OUT = (
    "Another random_state, more tries or a tolerance may help; on_failure='warn' goes on all the "
    "same"
)


class UnreadWord(NamedTuple):
    """Name a word that the reader never recognized.

    Parameters
    ----------
    line : int
        The line that it is in, from 0.
    word : str
        The word.
    reading : str
        What was recognized of its best sample.

    Examples
    --------
    >>> from hwsk.writing import UnreadWord
    >>> UnreadWord(0, "Zoe", "Goe").reading
    'Goe'
    """

    line: int
    word: str
    reading: str


@dataclass(frozen=True)
class Legibility:
    """Say how much of a text was recognized by a reader.

    Parameters
    ----------
    n_words : int
        Words that were written.
    n_first : int
        Of these, the words recognized in the first sample of their line.
    n_samples : int
        Lines and single words that were sampled.
    unread : tuple of UnreadWord
        The words that were not recognized in the end: `line` (from 0), `word`, `reading`.

    Examples
    --------
    >>> from hwsk.writing import Legibility, UnreadWord
    >>> print(Legibility(4, 2, 9, (UnreadWord(0, "Zoe", "Goe"),)))
    4 words, 50.0% recognized at the first try, 75.0% in the end; 9 samples
    """

    n_words: int
    n_first: int
    n_samples: int
    unread: tuple[UnreadWord, ...] = ()

    def after(self, other: Legibility | None, n_lines: int) -> Legibility:
        """Add what was written before.

        Parameters
        ----------
        other : Legibility or None
            Of the lines before.
        n_lines : int
            Number of these lines.

        Returns
        -------
        Legibility
            Of all.
        """
        moved = tuple(word._replace(line=word.line + n_lines) for word in self.unread)
        if other is None:
            return Legibility(self.n_words, self.n_first, self.n_samples, moved)
        return Legibility(
            other.n_words + self.n_words,
            other.n_first + self.n_first,
            other.n_samples + self.n_samples,
            other.unread + moved,
        )

    def __str__(self) -> str:
        return (
            f"{count(self.n_words, 'word')}, {self.first:.1%} recognized at the first try, "
            f"{self.final:.1%} in the end; {count(self.n_samples, 'sample')}"
        )

    @property
    def first(self) -> float:
        """Share of the words recognized at the first try."""
        return self.n_first / self.n_words

    @property
    def final(self) -> float:
        """Share of the words recognized in the end."""
        return 1 - len(self.unread) / self.n_words


def report_unread(
    legibility: Legibility | None, on_failure: str, sequel: str = "", way_out: str = _WAY_OUT
) -> None:
    """Raise or warn if words were not recognized, and quote them all."""
    if legibility is None or not legibility.unread or on_failure == "ignore":
        return
    words = ", ".join(
        f"{word!r} (line {line + 1}, read as {reading!r})"
        for line, word, reading in legibility.unread
    )
    message = (
        f"{len(legibility.unread)} of {count(legibility.n_words, 'word')} could not be written so "
        f"that the reader recognizes them: {words}{sequel}"
    )
    if on_failure == "error":
        raise ValueError(f"{message}. {way_out}")
    warn_caller(message)
