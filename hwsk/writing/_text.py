"""Prepare texts to be written: characters, lines, words too long for a line."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from hwsk._warn import warn_caller

# By hand these are the same marks, so nothing is lost.
_TYPOGRAPHIC = {
    **dict.fromkeys("‘’‚‛′ʼ", "'"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
    "\u00ad": "",  # soft hyphen
    "\u200b": "",  # zero width space
    "\ufeff": "",
}
# Letters without an accent to drop that have a usual spelling.
_SPELLINGS = {
    "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "þ": "th", "Þ": "Th", "ð": "d", "«": '"', "»": '"', "‹": "'", "›": "'",
    "×": "x", "€": "EUR", "•": "-", "·": ".", "´": "'", "`": "'", "~": "-", "{": "(", "}": ")",
    "[": "(", "]": ")", "\u2044": "/",
}  # fmt: skip


class Line(NamedTuple):
    """A line of text, and the number of the hand that writes it."""

    text: str
    hand: int


def prepare_text(text: str, known: str, name: str, unsupported: str) -> str:
    """Bring a text to characters that a synthesizer knows.

    Parameters
    ----------
    text : str
    known : str
        The synthesizer's characters.
    name : str
        What the text is, for messages.
    unsupported : {"error", "replace"}
        What to do with characters that are not known and have no equal.

    Raises
    ------
    ValueError
        If there are such characters left; all are named, with line and column.

    Warns
    -----
    UserWarning
        If "replace" has changed letters: each is named, with its replacement.
    """
    text = unicodedata.normalize("NFC", text)
    text = "".join(c if c in known else _TYPOGRAPHIC.get(c, c) for c in text)
    if unsupported == "replace":
        replaced: dict[str, str | int | None] = {}
        for character in sorted(set(text) - set(known)):
            spelling = _spell(character)
            if not character.isspace() and spelling and set(spelling) <= set(known):
                replaced[character] = spelling
        if replaced:
            pairs = ", ".join(f"{old!r} by {new!r}" for old, new in replaced.items())
            warn_caller(f"{name} has characters that can't be written; replaced {pairs}")
            text = text.translate(str.maketrans(replaced))
        _check_characters(text, known, name)
    else:
        way_out = "; unsupported='replace' writes what has an accent without it"
        _check_characters(text, known, name, way_out)
    return text


def _spell(character: str) -> str:
    """A character without its accents, or as it is spelled where it does not exist."""
    if character in _SPELLINGS:
        return _SPELLINGS[character]
    parts = unicodedata.normalize("NFKD", character)
    bare = "".join(part for part in parts if not unicodedata.combining(part))
    return "".join(_SPELLINGS.get(part, part) for part in bare)


def _check_characters(text: str, known: str, name: str, way_out: str = "") -> None:
    """Raise ValueError with all characters that the synthesizer can't write."""
    places: dict[str, list[str]] = {}
    for row, line in enumerate(text.splitlines(), 1):
        for column, character in enumerate(line, 1):
            character = " " if character.isspace() else character
            if character not in known:
                places.setdefault(character, []).append(f"line {row}, column {column}")
    if places:
        unknown = [
            f"{character!r} ({where[0]}{f' and {len(where) - 1} more' * (len(where) > 1)})"
            for character, where in places.items()
        ]
        raise ValueError(
            f"the synthesizer's training data has no {', '.join(unknown)} of {name}; "
            f"it knows {''.join(sorted(known))!r}{way_out}"
        )


def wrap(text: str, lengths: Sequence[int], hyphen: str) -> list[Line | None]:
    """Break a text into lines with their hands; None is a blank line."""
    lines: list[Line | None] = []
    hand, between = 0, True
    for row in text.splitlines():
        words = row.split()
        if not words:
            lines.append(None)
            hand += not between
            between = True
            continue
        between = False
        number = hand % len(lengths)
        length = lengths[number]
        whole = " ".join(piece for word in words for piece in _divide(word, length, hyphen))
        wrapped = textwrap.wrap(whole, length, break_long_words=False)
        lines += [Line(line, number) for line in wrapped]
    return lines


def _divide(word: str, length: int, hyphen: str) -> list[str]:
    """Divide a word too long for a line into pieces of about the same length, none of a letter."""
    if len(word) <= length:
        return [word]
    count = math.ceil(len(word) / (length - len(hyphen)))
    cuts = [round(i * len(word) / count) for i in range(count + 1)]
    pieces = [word[a:b] for a, b in pairwise(cuts)]
    joints = [hyphen if word[i - 1 : i + 1].isalpha() else "" for i in cuts[1:-1]] + [""]
    return [piece + joint for piece, joint in zip(pieces, joints, strict=True)]
