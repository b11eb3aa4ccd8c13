"""Check texts as labels: strings, or integers that are read as their digits."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import column_or_1d

from hwsk._data.images import object_array, some_rows


def check_texts(y: Any, *, allow_empty: bool = False) -> tuple[list[str], str]:
    """Labels as NFC strings, and whether they were "str" or "int"."""
    if y is None:
        raise ValueError("requires y to be passed, but the target y is None: pass the texts")
    if isinstance(y, (str, bytes)):
        raise ValueError(f"y is one string ({y!r}); pass a list of texts, one for each image")
    labels = column_or_1d(y, warn=True).tolist() if hasattr(y, "__array__") else list(y)
    if labels and all(_is_whole(label) for label in labels):
        negative = [i for i, label in enumerate(labels) if label < 0]
        if negative:
            raise ValueError(
                f"y holds negative integers, first in row {negative[0]}: {labels[negative[0]]}; "
                "integers are read as their digits"
            )
        return [str(int(label)) for label in labels], "int"
    for i, label in enumerate(labels):
        if not isinstance(label, str):
            raise ValueError(
                f"y holds {label!r} ({type(label).__name__}) in row {i}; Unknown label type: "
                "labels are all strings or all integers from 0"
            )
    texts = [unicodedata.normalize("NFC", label) for label in labels]
    empty = [i for i, text in enumerate(texts) if not text.strip()]
    if empty and not allow_empty:
        raise ValueError(
            f"{len(empty)} of {len(texts)} texts are empty, in rows {some_rows(empty)}: "
            "leave those images out"
        )
    return texts, "str"


def _is_whole(label: Any) -> bool:
    if isinstance(label, bool):
        return False
    return isinstance(label, Integral) or (isinstance(label, float) and label.is_integer())


def as_labels(texts: Sequence[str], label_type: str) -> NDArray[Any]:
    """Texts as `predict` gives them: strings (dtype object), or int64 with -1 for no number."""
    if label_type == "int":
        # 18 digits are what int64 holds
        return np.array(
            [int(text) if text.isdecimal() and len(text) <= 18 else -1 for text in texts]
        )
    return object_array(texts)
