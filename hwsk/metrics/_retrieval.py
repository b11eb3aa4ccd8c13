"""Evaluate writer retrieval: mean average precision and top-k criteria."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from hwsk._wording import count

__all__ = ["hard_top_k_accuracy", "mean_average_precision", "soft_top_k_accuracy"]

_CONSTRAINTS: dict[str, list[Any]] = {
    "y": ["array-like"],
    "distances": ["array-like"],
    "groups": ["array-like", None],
    "average": [StrOptions({"micro", "macro"}), None],
}
_TOP_K_CONSTRAINTS = {**_CONSTRAINTS, "k": [Interval(Integral, 1, None, closed="left")]}


@validate_params(_CONSTRAINTS, prefer_skip_nested_validation=True)
def mean_average_precision(
    y: ArrayLike,
    distances: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    average: str | None = "micro",
) -> Any:
    """Compute the mean average precision of retrieval, each sample a query against all others.

    For each query the other samples are ranked by their distance, those of the query's own group
    left out. Its average precision is the mean, over the samples of the query's class, of the
    share of that class among all that are ranked as high or higher [1]_: 1 if the whole class
    comes first.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The class of each sample, as a rule its writer.
    distances : array-like of shape (n_samples, n_samples)
        In row i, how far each sample is from query i; the diagonal is not looked at. To rank by
        similarities, pass their negative.
    groups : array-like of shape (n_samples,), default=None
        What is never retrieved for each other, as a rule the page: lines of the query's own page
        are found by their paper and pen. None leaves out the query alone.
    average : {"micro", "macro"} or None, default="micro"
        "micro" is the mean over queries, and "macro" the mean over classes of the mean over their
        queries: a class counts the same however many samples it has. None gives the figures of
        all queries.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        The mean average precision; with `average=None`, each query's average precision, NaN where
        the query is not counted.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is missing, or no query is left to count.

    See Also
    --------
    soft_top_k_accuracy : Whether the class is found at all.
    hard_top_k_accuracy : Whether nothing else is found.

    Notes
    -----
    A query whose class has no sample outside its group is not counted: there is nothing to find.
    It is ranked for other queries all the same. Samples at the same distance are one step of the
    ranking, as in :func:`sklearn.metrics.average_precision_score`, so that the figure doesn't
    depend on the order of the samples.

    References
    ----------
    .. [1] S. Fiel, F. Kleber, M. Diem, V. Christlein, G. Louloudis, N. Stamatopoulos, B. Gatos,
       "ICDAR2017 Competition on Historical Document Writer Identification (Historical-WI)",
       ICDAR 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import mean_average_precision
    >>> writers = ["A", "A", "B", "B"]
    >>> slant = np.array([0.0, 3.0, 4.0, 5.0])
    >>> float(mean_average_precision(writers, abs(slant[:, None] - slant)))
    0.708...
    """
    labels, table, candidate, relevant = _check_queries(y, distances, groups)
    ranked = np.where(candidate, table, np.inf)
    order = np.argsort(ranked, axis=1)
    found = np.cumsum(np.take_along_axis(relevant, order, axis=1), axis=1)
    ranked = np.take_along_axis(ranked, order, axis=1)
    # The rank at which each step ends: of samples at the same distance, the last one's.
    n_samples = len(labels)
    ends = np.full(ranked.shape, n_samples - 1)
    ends[:, :-1] = np.where(ranked[:, :-1] < ranked[:, 1:], np.arange(n_samples - 1), ends[:, :-1])
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    precision = np.take_along_axis(found, ends, axis=1) / (ends + 1)
    gain = np.diff(found, axis=1, prepend=0)
    n_relevant = found[:, -1]
    counted = n_relevant > 0
    values = np.full(n_samples, np.nan)
    values[counted] = (gain * precision).sum(axis=1)[counted] / n_relevant[counted]
    return _average(values, labels, average, least=1)


@validate_params(_TOP_K_CONSTRAINTS, prefer_skip_nested_validation=True)
def soft_top_k_accuracy(
    y: ArrayLike,
    distances: ArrayLike,
    *,
    k: int = 1,
    groups: ArrayLike | None = None,
    average: str | None = "micro",
) -> Any:
    """Compute the share of queries with a sample of their class among the `k` nearest.

    This is the "soft" criterion of the writer identification contests [1]_. With `k=1` it is the
    accuracy of the nearest neighbour, and the same as the hard criterion.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The class of each sample, as a rule its writer.
    distances : array-like of shape (n_samples, n_samples)
        In row i, how far each sample is from query i; the diagonal is not looked at. To rank by
        similarities, pass their negative.
    k : int, default=1
        How many of the nearest are looked at.
    groups : array-like of shape (n_samples,), default=None
        What is never retrieved for each other, as a rule the page. None leaves out the query
        alone.
    average : {"micro", "macro"} or None, default="micro"
        "micro" is the mean over queries, and "macro" the mean over classes of the mean over their
        queries: a class counts the same however many samples it has. None gives the figures of
        all queries.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        The share; with `average=None`, 1 or 0 for each query, NaN where it is not counted.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is missing, or no query is left to count.

    See Also
    --------
    hard_top_k_accuracy : All of the `k` nearest have to be of the class.
    mean_average_precision : The whole ranking in one figure.

    Notes
    -----
    A query whose class has no sample outside its group is not counted: there is nothing to find.
    At the same distance, other classes are ranked first, so that distances that distinguish
    nothing score nothing.

    References
    ----------
    .. [1] G. Louloudis, B. Gatos, N. Stamatopoulos, A. Papandreou, "ICDAR 2013 Competition on
       Writer Identification", ICDAR 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import soft_top_k_accuracy
    >>> writers = ["A", "A", "B", "B"]
    >>> slant = np.array([0.0, 3.0, 4.0, 5.0])
    >>> [float(soft_top_k_accuracy(writers, abs(slant[:, None] - slant), k=k)) for k in (1, 2)]
    [0.5, 0.75]
    """
    labels, table, candidate, relevant = _check_queries(y, distances, groups)
    nearest = np.where(relevant, table, np.inf).min(axis=1, keepdims=True)
    ahead = (candidate & ~relevant & (table <= nearest)).sum(axis=1)
    values = np.where(relevant.any(axis=1), ahead < k, np.nan)
    return _average(values, labels, average, least=1)


@validate_params(_TOP_K_CONSTRAINTS, prefer_skip_nested_validation=True)
def hard_top_k_accuracy(
    y: ArrayLike,
    distances: ArrayLike,
    *,
    k: int = 1,
    groups: ArrayLike | None = None,
    average: str | None = "micro",
) -> Any:
    """Compute the share of queries whose `k` nearest samples are all of their class.

    This is the "hard" criterion of the writer identification contests [1]_.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The class of each sample, as a rule its writer.
    distances : array-like of shape (n_samples, n_samples)
        In row i, how far each sample is from query i; the diagonal is not looked at. To rank by
        similarities, pass their negative.
    k : int, default=1
        How many of the nearest are looked at.
    groups : array-like of shape (n_samples,), default=None
        What is never retrieved for each other, as a rule the page. None leaves out the query
        alone.
    average : {"micro", "macro"} or None, default="micro"
        "micro" is the mean over queries, and "macro" the mean over classes of the mean over their
        queries: a class counts the same however many samples it has. None gives the figures of
        all queries.

    Returns
    -------
    float or ndarray of shape (n_samples,)
        The share; with `average=None`, 1 or 0 for each query, NaN where it is not counted.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is missing, or no query is left to count.

    See Also
    --------
    soft_top_k_accuracy : One of the `k` nearest is enough.
    mean_average_precision : The whole ranking in one figure.

    Notes
    -----
    A query whose class has fewer than `k` samples outside its group is not counted: no ranking
    could satisfy it. The contests have the same number of pages of each writer, and choose `k`
    below it; elsewhere, figures of different `k` are over different queries. At the same distance,
    other classes are ranked first.

    References
    ----------
    .. [1] G. Louloudis, B. Gatos, N. Stamatopoulos, A. Papandreou, "ICDAR 2013 Competition on
       Writer Identification", ICDAR 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import hard_top_k_accuracy
    >>> writers = ["A", "A", "A", "B"]
    >>> slant = np.array([0.0, 3.0, 4.0, 6.0])
    >>> float(hard_top_k_accuracy(writers, abs(slant[:, None] - slant), k=2))
    0.333...
    """
    labels, table, candidate, relevant = _check_queries(y, distances, groups)
    intruder = np.where(candidate & ~relevant, table, np.inf).min(axis=1, keepdims=True)
    ahead = (relevant & (table < intruder)).sum(axis=1)
    values = np.where(relevant.sum(axis=1) >= k, ahead >= k, np.nan)
    return _average(values, labels, average, least=k)


def _check_queries(
    y: Any, distances: Any, groups: Any
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_], NDArray[np.bool_]]:
    """Labels as integers, distances, and for each query which samples are ranked and right."""
    table = check_array(
        distances, dtype=[np.float64, np.float32], ensure_min_samples=2, input_name="distances"
    )
    if table.shape[0] != table.shape[1]:
        raise ValueError(
            f"distances has shape {table.shape}; it should be square, with a row and a column for "
            "each sample"
        )
    labels = _codes(y, "y")
    members = np.arange(len(labels)) if groups is None else _codes(groups, "groups")
    check_consistent_length(table, labels, members)
    candidate = members[:, np.newaxis] != members
    relevant = candidate & (labels[:, np.newaxis] == labels)
    return labels, table, candidate, relevant


def _codes(values: Any, name: str) -> NDArray[np.int64]:
    """Integers that stand for the values; equal ones for equal values."""
    codes, _ = pd.factorize(column_or_1d(values))
    if (codes < 0).any():
        raise ValueError(f"{name} has no value in row {np.flatnonzero(codes < 0)[0]}")
    return codes.astype(np.int64)


def _average(
    values: NDArray[np.float64], labels: NDArray[Any], average: str | None, *, least: int
) -> Any:
    """The mean over the queries that are counted, NaN being those that are not."""
    counted = ~np.isnan(values)
    if not counted.any():
        raise ValueError(
            f"no query can be answered: no class in y has {count(least, 'sample')} outside the "
            "query's own group"
        )
    if average is None:
        return values
    if average == "micro":
        return float(values[counted].mean())
    return float(pd.Series(values[counted]).groupby(labels[counted]).mean().mean())
