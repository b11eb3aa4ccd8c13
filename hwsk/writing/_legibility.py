"""Say how much of what was written a reader recognizes (`Legibility`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from hwsk._warn import warn_caller


class UnreadWord(NamedTuple):
    """A word that the reader never recognized: where it is, and how it was read at best."""

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
    """

    n_words: int
    n_first: int
    n_samples: int
    unread: tuple[UnreadWord, ...] = ()

    @property
    def first(self) -> float:
        """Share of the words recognized at the first try."""
        return self.n_first / self.n_words

    @property
    def final(self) -> float:
        """Share of the words recognized in the end."""
        return 1 - len(self.unread) / self.n_words


def report_unread(legibility: Legibility | None, on_failure: str) -> None:
    """Raise or warn if words were not recognized, and quote them all."""
    if legibility is None or not legibility.unread or on_failure == "ignore":
        return
    words = ", ".join(
        f"{word!r} (line {line + 1}, read as {reading!r})"
        for line, word, reading in legibility.unread
    )
    message = (
        f"{len(legibility.unread)} of {legibility.n_words} words could not be written so that the "
        f"reader recognizes them: {words}"
    )
    if on_failure == "error":
        raise ValueError(
            f"{message}. Another random_state, more tries or a tolerance may help; "
            "on_failure='warn' takes the best samples"
        )
    warn_caller(message)
