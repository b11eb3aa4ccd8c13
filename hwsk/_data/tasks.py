"""Check labels of several classification tasks, some of which may be missing."""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.multiclass import check_classification_targets

from hwsk._data.images import some_rows

MISSING = -1
"""The class number where a label is missing."""


class Tasks(TypedDict):
    """Hold the tasks of y: a name for each task, its classes, and how y was given."""

    names: list[Any]
    classes: list[NDArray[Any]]
    kind: str
    """"frame", "array" of two dimensions, or "column" of one."""


def as_frame(y: Any) -> tuple[pd.DataFrame, str]:
    """Labels as a table, a column for each task, and as what they came."""
    if isinstance(y, pd.DataFrame):
        return y.reset_index(drop=True), "frame"
    if isinstance(y, pd.Series):
        y = y.to_numpy()
    array = np.asarray(y)
    if array.dtype.kind in "fc":  # NaN is a label that is missing, infinity a mistake
        array = check_array(
            array, ensure_2d=False, allow_nd=True, ensure_all_finite="allow-nan", input_name="y"
        )
    if array.ndim not in (1, 2):
        raise ValueError(
            f"y has shape {array.shape}; it should be (n_samples, n_tasks), or (n_samples,)"
        )
    return pd.DataFrame(array), "array" if array.ndim == 2 else "column"


def learn_tasks(y: Any) -> Tasks:
    """The classes of each column, sorted; of categories, those that occur, in their order.

    Raises
    ------
    ValueError
        If a column has one class only, or no label at all.
    """
    frame, kind = as_frame(y)
    if not frame.shape[1]:
        raise ValueError("y has no column: there is nothing to tell apart")
    classes = []
    for name in frame:
        column = frame[name]
        known = column.dropna()
        if len(known) and known.dtype.kind == "f":
            check_classification_targets(known.to_numpy())  # refuses what is continuous
        if isinstance(column.dtype, pd.CategoricalDtype):
            kinds = known.cat.remove_unused_categories().cat.categories.to_numpy()
        else:
            kinds = np.unique(known.to_numpy())
        if len(kinds) < 2:
            has = f"one class only, {kinds.tolist()[0]!r}" if len(kinds) else "no label"
            of = "" if kind == "column" else f" column {name!r} of y has"
            raise ValueError(
                f"{of or 'y has'} {has}: a classifier needs two classes at least".strip()
            )
        classes.append(kinds)
    return {"names": list(frame), "classes": classes, "kind": kind}


def encode_tasks(y: Any, tasks: Tasks) -> NDArray[np.int64]:
    """Class numbers `(n, n_tasks)` of labels, `MISSING` where there is none.

    Raises
    ------
    ValueError
        If columns are not those of `tasks`, or a label is none of a task's classes.
    """
    frame, kind = as_frame(y)
    names = tasks["names"]
    if frame.shape[1] != len(names):
        raise ValueError(
            f"y has {frame.shape[1]} columns, and {len(names)} tasks were learnt: {names}"
        )
    if kind == "frame" and tasks["kind"] == "frame" and set(frame) == set(names):
        frame = frame[names]
    elif kind == "frame" and tasks["kind"] == "frame":
        raise ValueError(f"y has the columns {list(frame)}, and the tasks are {names}")
    codes = np.full(frame.shape, MISSING, np.int64)
    for i, classes in enumerate(tasks["classes"]):
        column = frame.iloc[:, i]
        found = pd.Index(classes).get_indexer(column.to_numpy(dtype=object))
        unknown = np.flatnonzero((found < 0) & column.notna().to_numpy())
        if len(unknown):
            raise ValueError(
                f"{len(unknown)} labels of column {names[i]!r} are none of its classes "
                f"{classes.tolist()}, rows {some_rows(unknown)}; row {unknown[0]}: "
                f"{column.iloc[unknown[0]]!r}"
            )
        codes[:, i] = found
    return codes


def count_classes(codes: NDArray[np.int64], tasks: Tasks) -> list[NDArray[np.int64]]:
    """Count each class of each task."""
    return [
        np.bincount(column[column != MISSING], minlength=len(classes))
        for column, classes in zip(codes.T, tasks["classes"], strict=True)
    ]
