"""Check texts; errors name the row."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from hwsk._data.decoding import cut_value
from hwsk._data.images import some_rows
from hwsk._warn import warn_caller
from hwsk._wording import some_of

_NOT_WRITTEN = ("Cc", "Cs", "Zl", "Zp")  # categories: control, half of a pair, breaks of lines
_WIDE_BLANK = "\u3000"  # as wide as a Chinese character
_INVISIBLE = frozenset("\u00ad\u200b\u2060\ufeff")  # a joiner and a non-joiner change letters


def check_texts(
    texts: Any, name: str = "X", *, allow_empty: bool = True, one_line: bool = False
) -> list[str]:
    """Validate texts, and bring them into Unicode's form NFC.

    Parameters
    ----------
    texts : iterable of str
        A list, a 1-D array, a Series, or a single column.
    name : str, default="X"
        What the messages call them.
    allow_empty : bool, default=True
        Whether a text may be empty or hold blanks alone.
    one_line : bool, default=False
        Whether texts are what a line of writing shows: they may hold no control characters, such as
        line breaks, and no halves of surrogate pairs.

    Raises
    ------
    ValueError
        If `texts` is empty, a row is not a string, or it holds characters that are refused; the
        message names the row.
    """
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"{name} is one string ({cut_value(texts)}); pass a list of texts")
    if isinstance(texts, Mapping) or not isinstance(texts, Iterable):
        raise ValueError(
            f"{name} is {cut_value(texts)} ({type(texts).__name__}); pass a list of texts"
        )
    if hasattr(texts, "__array__"):
        array = np.asarray(texts)
        if array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1:
            raise ValueError(
                f"{name} has shape {array.shape}; texts are a list or a 1-D array of str"
            )
        texts = array.tolist()
    found = list(texts)
    if not found:
        raise ValueError(f"{name} holds no text; give 1 or more")
    for row, text in enumerate(found):
        if not isinstance(text, str):
            raise ValueError(
                f"{name} holds {cut_value(text)} ({type(text).__name__}) in row {row}; texts are "
                f"str: numbers become texts by np.asarray({name}).astype(str), and rows without a "
                "text are to be left out"
            )
    empty = [row for row, text in enumerate(found) if not text.strip()]
    if empty and not allow_empty:
        raise ValueError(
            f"{some_of(len(empty), len(found), f'texts in {name}', 'are empty')}"
            f", rows {some_rows(empty)}: leave those rows out"
        )
    if one_line:
        _refuse_not_written(found, name)
    return [unicodedata.normalize("NFC", text) for text in found]


def _refuse_not_written(texts: list[str], name: str) -> None:
    rows, which = _rows_with(texts, lambda c: unicodedata.category(c) in _NOT_WRITTEN)
    if rows:
        raise ValueError(
            f"{some_of(len(rows), len(texts), f'texts in {name}', 'hold')} line breaks or other "
            f"control characters ({which!r}), rows {some_rows(rows)}; row {rows[0]}: "
            f"{cut_value(texts[rows[0]])}. A line of writing has none: ' '.join(text.split()) "
            "drops them at the ends of a text, and makes blanks of those inside"
        )


def warn_of_blanks(texts: list[str], name: str) -> None:
    """Warn of characters that an image shows as a blank or not at all: they are learnt apart."""
    rows, which = _rows_with(texts, _looks_blank)
    if rows:
        warn_caller(
            f"{some_of(len(rows), len(texts), f'texts in {name}', 'hold')} {which!r} "
            f"({unicodedata.name(which).lower()}), which an image shows as a blank or not at all, "
            f"rows {some_rows(rows)}: it becomes a character of its own. Replace it by a common "
            "blank, or leave it out"
        )


def base_letter(character: str) -> str:
    """Return a letter without its accents: e for é, and other characters as they are."""
    return unicodedata.normalize("NFD", character)[0]


def _looks_blank(c: str) -> bool:
    return c in _INVISIBLE or (unicodedata.category(c) == "Zs" and c not in (" ", _WIDE_BLANK))


def _rows_with(texts: list[str], is_such: Callable[[str], bool]) -> tuple[list[int], str]:
    """Rows of texts that hold one of such characters, and the first of these."""
    such = {c for c in set().union(*texts) if is_such(c)}
    rows = [row for row, text in enumerate(texts) if such and not such.isdisjoint(text)]
    return rows, next((c for c in texts[rows[0]] if c in such), "") if rows else ""
