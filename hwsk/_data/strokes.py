"""Check pen strokes; errors name the row and the point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import validate_data


def check_strokes(
    X: Any, estimator: Any, *, reset: bool = False
) -> tuple[list[NDArray[np.float32]], NDArray[Any] | None]:
    """Validate a collection of strokes.

    Parameters
    ----------
    X : array-like
        List or object array of `(T, 3)` arrays `[dx, dy, pen_up]`, or one `(n, T, 3)` array, or a
        2-D array whose rows are sequences of one channel.
    estimator : estimator
        What the messages name, and what remembers `n_features_in_` of a 2-D array.
    reset : bool
        True in `fit`: the number of columns is learnt, else compared.

    Returns
    -------
    strokes : list of ndarray of shape (T, 3)
        Empty where X is a table.
    table : ndarray of shape (n_samples, n_features) or None
    """
    is_array = hasattr(X, "shape") or hasattr(X, "__array__")  # a sparse one may be a dict
    if not is_array and (isinstance(X, (str, Mapping)) or not hasattr(X, "__len__")):
        raise TypeError(f"X is {type(X).__name__}; strokes come as a list or an array")
    if _is_table(X):
        return [], validate_data(estimator, X, reset=reset, dtype=[np.float64, np.float32])
    if not len(X):
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: no strokes given"
        )
    strokes = [check_sample(sample, f"strokes in row {row}") for row, sample in enumerate(X)]
    if reset:  # a table before, strokes now
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                delattr(estimator, name)
    elif hasattr(estimator, "n_features_in_"):
        raise ValueError(
            f"{type(estimator).__name__} was fitted on a 2-D array of {estimator.n_features_in_} "
            "columns, and X holds strokes"
        )
    return strokes, None


def _is_table(X: Any) -> bool:
    if hasattr(X, "columns") or hasattr(X, "toarray"):  # data frame, sparse matrix
        return True
    if isinstance(X, (list, tuple)):
        return bool(X) and X[0] is not None and np.ndim(X[0]) < 2
    array = np.asarray(X)
    return array.ndim < 3 and not (array.dtype == object and array.ndim == 1)


def check_sample(sample: Any, name: str) -> NDArray[np.float32]:
    """Validate one `(T, 3)` array of strokes; the messages call it `name`."""
    try:
        array = np.asarray(sample, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} are no array of numbers: {error}") from None
    if array.ndim != 2 or array.shape[1] != 3:
        raise ValueError(f"{name} have shape {array.shape}; they are (T, 3): dx, dy, pen_up")
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
