"""Check pairs of samples, and list their entries, each once."""

from __future__ import annotations

import os
from collections.abc import Hashable, Sequence
from hashlib import sha256
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hwsk._data.decoding import cut_value, is_path
from hwsk._data.images import some_rows
from hwsk._wording import some_of

Kind = Literal["images", "vectors", "ids"]

_CHANNELS = (1, 3, 4)  # grey, colour, colour and opacity


class Pairs(NamedTuple):
    """Entries of pairs, each once, and the numbers of the two entries of each pair."""

    entries: list[Any]
    rows: NDArray[np.intp]  # (n_pairs, 2)


def holds_pairs(X: Any, kind: Kind = "images") -> bool:
    """Find out whether X holds pairs, `(n, 2, ...)`, not single samples.

    Parameters
    ----------
    X : object
        Arrays, lists, or a DataFrame.
    kind : {"images", "vectors", "ids"}, default="images"
        What an entry is: an image or its path; a row of numbers; or whatever names an image to
        a preprocessor. An array `(n, 2, w)` is pairs of vectors, or images 2 pixels high.
    """
    if isinstance(X, pd.DataFrame):
        X = X.to_numpy()
    if isinstance(X, (list, tuple)):
        return len(X) > 0 and _is_pair(X[0], kind)
    if not hasattr(X, "__array__") or hasattr(X, "toarray"):
        return False
    array = np.asarray(X)
    if array.dtype == object and array.ndim == 1:
        return len(array) > 0 and _is_pair(array[0], kind)
    if array.ndim < 2 or array.shape[1] != 2:
        return False
    if array.ndim == 2:
        return kind == "ids" or (array.dtype.kind in "OUST" and _is_pair(array[0], kind))
    if kind == "vectors":
        return array.ndim == 3
    has_channels = array.ndim == 4 and array.shape[3] in _CHANNELS
    return array.ndim >= 4 and not has_channels


def _is_pair(item: Any, kind: Kind) -> bool:
    """Check whether one item of a collection is two entries."""
    if isinstance(item, np.ndarray) and item.dtype != object and item.dtype.kind not in "UST":
        if kind == "ids":
            return item.shape == (2,)
        return holds_pairs(item[np.newaxis], kind)
    if not isinstance(item, (list, tuple, np.ndarray)) or len(item) != 2:
        return False
    return kind == "ids" or all(_is_entry(entry, kind) for entry in item)


def _is_entry(item: Any, kind: Kind) -> bool:
    """Check whether an item can be an entry of a pair: one sample, or several by one writer."""
    if is_path(item) or hasattr(item, "getbands"):  # the latter is an image of Pillow
        return True
    depth = _depth(item)
    return depth > (0 if kind == "vectors" else 1)


def _depth(item: Any) -> int:
    """Count the indices that lead to the first number; a path or an image counts as two."""
    if is_path(item) or hasattr(item, "getbands"):
        return 2
    if isinstance(item, np.ndarray) and item.dtype != object:
        return item.ndim
    if isinstance(item, (list, tuple, np.ndarray)):
        return 1 + (_depth(item[0]) if len(item) else 0)
    return 0


def check_pairs(X: Any, kind: Kind = "images") -> Pairs:
    """Validate pairs and take their entries, each once.

    Entries are the same if their contents are: arrays of equal values, equal paths.

    Parameters
    ----------
    X : array-like of shape (n_pairs, 2, ...)
        An array; a list or object array of two entries each; or a DataFrame of two columns.
    kind : {"images", "vectors", "ids"}, default="images"
        As in `holds_pairs`.

    Returns
    -------
    pairs : Pairs

    Raises
    ------
    ValueError
        If X is empty or does not hold pairs; the message names the first row that is none.
    """
    if isinstance(X, pd.DataFrame):
        X = X.to_numpy()
    _check_rows(X, kind)
    if not holds_pairs(X, kind) or not len(X):
        is_collection = hasattr(X, "__len__") and hasattr(X, "__iter__") and not is_path(X)
        two = kind == "images" and is_collection and [_depth(entry) for entry in X] == [2, 2]
        shape = f"of shape {np.shape(X)}" if hasattr(X, "shape") else f"a {type(X).__name__}"
        raise ValueError(
            f"pairs are needed, (n, 2, ...), and this is {shape}; "
            "hwsk.model_selection.make_pairs makes pairs of samples"
            + "; two images a and b are one pair in [[a, b]]"
            * two
        )
    flat = [entry for pair in X for entry in pair]
    entries, found = take_once(flat)
    return Pairs(entries, found.reshape(-1, 2))


def _check_rows(X: Any, kind: Kind) -> None:
    """Refuse rows that are not pairs, where others are."""
    is_objects = isinstance(X, np.ndarray) and X.dtype == object
    if not isinstance(X, (list, tuple)) and not is_objects:
        return
    if is_objects and X.ndim == 2 and X.shape[1] != 2:
        return
    odd = [row for row, pair in enumerate(X) if not _is_pair(pair, kind)]
    if not odd:
        return
    first = X[odd[0]]
    is_list = isinstance(first, (list, tuple))
    if len(odd) == len(X) and (not is_list or (len(first) == 2 and _depth(first) == 2)):
        return  # single samples, lists of numbers among them
    n = len(first) if isinstance(first, (list, tuple, np.ndarray)) else None
    if n == 2:
        wrong = next((part for part in first if not _is_entry(part, kind)), first)
        said = f"holds {cut_value(wrong)} ({type(wrong).__name__})"
    elif n is None or (isinstance(first, np.ndarray) and first.dtype != object):
        said = "is " + (f"an array of shape {first.shape}" if n else cut_value(first))
    else:
        said = f"holds {n} entries"
    raise ValueError(
        f"{some_of(len(odd), len(X), 'rows of X', 'hold no pair')}"
        f", rows {some_rows(odd)}; row {odd[0]} {said}; a row is two images or paths"
    )


def take_once(items: Sequence[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """Take each item once, in the order of their first occurrence, and number all items by that."""
    numbers: dict[Hashable, int] = {}
    known: dict[int, int] = {}  # by identity, since the key of an image is a digest of its pixels
    found = []
    for item in items:
        if id(item) not in known:
            known[id(item)] = numbers.setdefault(_key(item), len(numbers))
        found.append(known[id(item)])
    _, firsts = np.unique(found, return_index=True)
    return [items[i] for i in firsts], np.array(found, dtype=np.intp)


def _key(entry: Any) -> Hashable:
    """Return a key that two entries have in common if they are the same."""
    if is_path(entry):
        return os.fspath(entry)
    if hasattr(entry, "getbands"):
        return entry.mode, entry.size, sha256(entry.tobytes()).digest()
    if isinstance(entry, np.ndarray) and entry.dtype != object:
        return entry.shape, entry.dtype.str, sha256(entry.tobytes()).digest()
    if isinstance(entry, (list, tuple, np.ndarray)):
        return tuple(_key(part) for part in entry)
    return type(entry), entry


def all_pairs(labels: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Make all pairs of rows, and say of each whether both have the same label."""
    first, second = np.triu_indices(len(labels), 1)
    return np.column_stack([first, second]), labels[first] == labels[second]


def check_same(y: Any, n: int) -> NDArray[np.int64]:
    """Validate labels of pairs: 1 for the same writer, 0 or -1 for different writers.

    Raises
    ------
    ValueError
        If there are more or fewer than `n`, or others; the message names rows.
    """
    labels = np.asarray(y)
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.shape != (n,):
        raise ValueError(f"there are {n} pairs, and the shape of y is {labels.shape}, not ({n},)")
    wrong = np.flatnonzero(~np.isin(labels, [1, 0, -1]))
    if len(wrong):
        raise ValueError(
            f"labels of pairs are 1 (same writer), 0 or -1 (different writers); {len(wrong)} of "
            f"{n} are others, rows {some_rows(wrong)}; row {wrong[0]}: "
            f"{labels.tolist()[wrong[0]]!r}"
        )
    return labels.astype(np.int64)
