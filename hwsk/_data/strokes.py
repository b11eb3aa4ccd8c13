"""Check pen strokes; errors name the row and the point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_strokes(X: Any, name: str = "X") -> list[NDArray[np.float32]]:
    """Validate a collection of strokes.

    Parameters
    ----------
    X : array-like
        List or object array of `(T, 3)` arrays `[dx, dy, pen_up]`, or one `(n, T, 3)` array.
    name : str, default="X"
        What the messages call it.

    Returns
    -------
    strokes : list of ndarray of shape (T, 3)
        As float32.
    """
    is_table = hasattr(X, "columns") or hasattr(X, "toarray")  # a DataFrame, a sparse matrix
    if isinstance(X, (str, Mapping)) or is_table or not hasattr(X, "__len__"):
        raise TypeError(f"{name} is {type(X).__name__}; strokes are a list of arrays (T, 3)")
    array = X if isinstance(X, np.ndarray) else None
    if array is not None and array.ndim != 1 and not (array.ndim == 3 and array.shape[2] == 3):
        raise ValueError(
            f"{name} has shape {array.shape}; strokes are a list of arrays (T, 3): dx, dy, pen_up, "
            "and one sample is passed in a list"
        )
    if not len(X):
        raise ValueError(f"{name} holds no strokes; give 1 sample or more")
    return [check_sample(sample, f"strokes in row {row}") for row, sample in enumerate(X)]


def check_sample(sample: Any, name: str) -> NDArray[np.float32]:
    """Validate one `(T, 3)` array of strokes; the messages call it `name`."""
    try:
        array = np.asarray(sample, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} are not an array of numbers: {error}") from None
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(
            f"{name} have shape {array.shape}; they are (T, 3): dx, dy, pen_up, and one sample is "
            "passed in a list"
        )
    if not len(array):
        raise ValueError(f"{name} are empty, shape {array.shape}; give 1 point or more")
    if not np.isfinite(array).all():
        point = np.flatnonzero(~np.isfinite(array).all(axis=1))[0]
        raise ValueError(f"{name} hold NaN or infinity, first at point {point}")
    pen = array[:, 2]
    if (wrong := (pen != 0) & (pen != 1)).any():
        point = np.flatnonzero(wrong)[0]
        raise ValueError(f"{name} have pen_up = {pen[point]} at point {point}; it is 0 or 1")
    return array


def check_augmented(points: Any, row: int) -> NDArray[np.float32]:
    """Refuse what an augmentation has made of the strokes in a row, if it is not strokes."""
    try:
        return check_sample(points, f"strokes in row {row}")
    except ValueError as error:
        raise ValueError(f"augment returned something that is not strokes: {error}") from None
