"""Check texts; errors name the row."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from hwsk._data.decoding import cut_value
from hwsk._data.images import some_rows
from hwsk._wording import some_of


def check_texts(texts: Any, name: str = "X", *, allow_empty: bool = True) -> list[str]:
    """Validate texts, and bring them into Unicode's form NFC.

    Parameters
    ----------
    texts : iterable of str
        A list, a 1-D array, a Series, or a single column.
    name : str, default="X"
        What the messages call them.
    allow_empty : bool, default=True
        Whether a text may be empty or hold blanks alone.

    Raises
    ------
    ValueError
        If there is no text, or a row is not a string; the message names the row.
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
    return [unicodedata.normalize("NFC", text) for text in found]
