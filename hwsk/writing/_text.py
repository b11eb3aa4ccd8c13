"""Prepare texts to be written: characters, lines, words too long for a line."""

from __future__ import annotations

import math
import re
import textwrap
import unicodedata
from collections.abc import Container, Sequence
from itertools import pairwise
from typing import NamedTuple

from hwsk._warn import warn_caller

# By hand these are the same marks, so nothing is lost.
_TYPOGRAPHIC = {
    **dict.fromkeys("‘’‚‛′ʼ", "'"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "…": "...",
    # What leaves no ink, and comes along when text is copied: soft hyphen, zero width space and
    # joiners, directions of writing (but not those that turn letters round), emoji or text style.
    **dict.fromkeys("\u00ad\u200b\u200c\u200d\u2060\ufeff", ""),
    **dict.fromkeys("\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069", ""),
    **dict.fromkeys("\ufe0e\ufe0f", ""),
}
# Letters without an accent to drop that have a usual spelling.
_SPELLINGS = {
    "ß": "ss", "æ": "ae", "Æ": "Ae", "œ": "oe", "Œ": "Oe", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L",
    "đ": "d", "Đ": "D", "þ": "th", "Þ": "Th", "ð": "d", "«": '"', "»": '"', "‹": "'", "›": "'",
    "×": "x", "€": "EUR", "£": "GBP", "•": "-", "·": ".", "´": "'", "`": "'", "~": "-", "{": "(",
    "}": ")", "[": "(", "]": ")", "\u2044": "/",
}  # fmt: skip
_MIXED_NUMBER = re.compile(r"(?<=\d)(?=[¼-¾⅐-⅞↉])")  # 1½ is not 11/2
_WAY_OUT = "unsupported='replace' writes é as e"


class Line(NamedTuple):
    """A line of text, and the number of the hand that writes it."""

    text: str
    hand: int


def prepare_text(
    text: str, known: str, name: str, unsupported: str, way_out: str | None = _WAY_OUT
) -> str:
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
    way_out : str or None
        What a message adds where "replace" would help.

    Raises
    ------
    ValueError
        If there are such characters left; all are named, with line and column.

    Warns
    -----
    UserWarning
        If "replace" has changed letters: each is named, with its replacement.
    """
    (text,) = _to_known([text], known, name, unsupported)
    rows = {f"line {number}": row for number, row in enumerate(text.splitlines(), 1)}
    _check_characters(rows, known, name, way_out)
    return text


def prepare_texts(texts: Sequence[str], known: str, unsupported: str) -> list[str]:
    """Bring texts of a line each to characters that a synthesizer knows, as `prepare_text` does.

    One warning or error names the characters of all texts, by their numbers from 0.
    """
    texts = _to_known(texts, known, "texts", unsupported)
    _check_characters({f"text {row}": text for row, text in enumerate(texts)}, known, "texts")
    return [" ".join(text.split()) for text in texts]


def _to_known(texts: Sequence[str], known: str, name: str, unsupported: str) -> list[str]:
    """Texts with all characters replaced that have an equal, or may be replaced."""
    texts = [unicodedata.normalize("NFC", text) for text in texts]
    texts = ["".join(c if c in known else _TYPOGRAPHIC.get(c, c) for c in text) for text in texts]
    if unsupported == "error":
        return texts
    replaced: dict[str, str | int | None] = {
        character: _spell(character)
        for character in sorted(set().union(*texts) - set(known))
        if _is_replaceable(character, known)
    }
    if replaced:
        pairs = ", ".join(f"{old!r} by {new!r}" for old, new in replaced.items())
        warn_caller(
            f"{name} {'have' if name == 'texts' else 'has'} characters that can't be written; "
            f"replaced {pairs}"
        )
    apart = [_set_apart(text, replaced) for text in texts]
    return [text.translate(str.maketrans(replaced)) for text in apart]


def _set_apart(text: str, replaced: Container[str]) -> str:
    """Set a fraction that is to be spelled apart from the whole number before it."""
    return _MIXED_NUMBER.sub(lambda at: " " if text[at.start()] in replaced else "", text)


def _is_replaceable(character: str, known: str) -> bool:
    if unicodedata.combining(character):  # an accent by itself is left out, as that of é is
        return True
    spelling = _spell(character)
    return not character.isspace() and bool(spelling) and set(spelling) <= set(known)


def _spell(character: str) -> str:
    """A character without its accents, or as it is spelled where it does not exist."""
    if character in _SPELLINGS:
        return _SPELLINGS[character]
    parts = unicodedata.normalize("NFKD", character)
    bare = "".join(part for part in parts if not unicodedata.combining(part))
    return "".join(_SPELLINGS.get(part, part) for part in bare)


def _check_characters(
    rows: dict[str, str], known: str, name: str, way_out: str | None = _WAY_OUT
) -> None:
    """Raise ValueError with all characters of named rows that the synthesizer can't write."""
    places: dict[str, list[str]] = {}
    for row, line in rows.items():
        for column, character in enumerate(line, 1):
            character = " " if character.isspace() else character
            if character not in known:
                places.setdefault(character, []).append(f"{row}, column {column}")
    if places:
        unknown = [
            f"{character!r} ({where[0]}{f' and {len(where) - 1} more' * (len(where) > 1)})"
            for character, where in places.items()
        ]
        helps = way_out and any(_is_replaceable(character, known) for character in places)
        raise ValueError(
            f"the synthesizer's training data has no {', '.join(unknown)} of {name}; "
            f"it knows {''.join(sorted(known))!r}{f'; {way_out}' if helps else ''}"
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
