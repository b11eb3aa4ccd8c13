"""Evaluate verification of pairs: error rates, the equal error rate, and intervals.

A pair is accepted (as by the same writer) where its score reaches the threshold. Error rates at
all thresholds come from one sorted table (`_error_curve`), which a bootstrap weighs anew without
sorting again.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_consistent_length, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import _check_sample_weight

__all__ = [
    "equal_error_rate",
    "false_acceptance_rate",
    "false_rejection_rate",
    "false_rejection_rate_at",
    "pair_bootstrap_interval",
]

CONSTRAINTS: dict[str, list[Any]] = {
    "y_true": ["array-like"],
    "y_score": ["array-like"],
    "sample_weight": ["array-like", None],
}


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def equal_error_rate(
    y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Compute the equal error rate: where equal shares are falsely accepted and rejected.

    The false acceptance and false rejection rates of neighbouring thresholds are joined by
    straight lines, as for the area under the ROC curve, and the rate at which they cross is
    returned. It needs no threshold chosen beforehand, so it says how well the scores rank, not
    how well a verifier decides.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Scores, higher for pairs that are rather by the same writer: of distances, the negative.
    sample_weight : array-like of shape (n_pairs,), default=None
        How much each pair counts.

    Returns
    -------
    float
        The rate: 0 at best, about 0.5 by chance.

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, a label is another, or one of the classes is missing.

    See Also
    --------
    false_acceptance_rate : One of the two rates, at a given threshold.
    false_rejection_rate_at : The other where few false acceptances are allowed.
    pair_bootstrap_interval : How far to trust the figure.
    sklearn.metrics.DetCurveDisplay : The curve that the rate is a point of.

    Notes
    -----
    Pairs with the same score are accepted together. Scores may be infinite. The rate is the same
    for any rising function of the scores.

    Examples
    --------
    >>> from hwsk.metrics import equal_error_rate
    >>> equal_error_rate([1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.4, 0.6, 0.2, 0.1])
    0.333...
    """
    same, scores, weight = check_pairs(y_true, y_score, sample_weight)
    check_classes(same, weight)
    order, ends = _sort(scores)
    return _crossing(*_error_curve(same[order], weight[order], ends))


@validate_params(
    {**CONSTRAINTS, "threshold": [Interval(Real, None, None, closed="both")]},
    prefer_skip_nested_validation=True,
)
def false_acceptance_rate(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    threshold: float,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the false acceptance rate: share of pairs by different writers that are accepted.

    In statistics it is the false positive rate, in biometrics also the false match rate.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Scores, higher for pairs that are rather by the same writer.
    threshold : float
        The lowest score that is accepted. It has to come from other writers than those of the
        pairs.
    sample_weight : array-like of shape (n_pairs,), default=None
        How much each pair counts.

    Returns
    -------
    float
        The share, 0 at best.

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, a label is another, or no pair is by different writers.

    See Also
    --------
    false_rejection_rate : The other error.

    Examples
    --------
    >>> from hwsk.metrics import false_acceptance_rate
    >>> false_acceptance_rate([1, 1, 0, 0], [0.9, 0.3, 0.5, 0.1], threshold=0.5)
    0.5
    """
    same, scores, weight = check_pairs(y_true, y_score, sample_weight)
    check_classes(same, weight, needed=[False])
    return float(weight[~same & (scores >= threshold)].sum() / weight[~same].sum())


@validate_params(
    {**CONSTRAINTS, "threshold": [Interval(Real, None, None, closed="both")]},
    prefer_skip_nested_validation=True,
)
def false_rejection_rate(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    threshold: float,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the false rejection rate: share of pairs by one writer that are not accepted.

    In statistics it is the false negative rate, in biometrics also the false non-match rate.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Scores, higher for pairs that are rather by the same writer.
    threshold : float
        The lowest score that is accepted. It has to come from other writers than those of the
        pairs.
    sample_weight : array-like of shape (n_pairs,), default=None
        How much each pair counts.

    Returns
    -------
    float
        The share, 0 at best.

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, a label is another, or no pair is by one writer.

    See Also
    --------
    false_acceptance_rate : The other error.
    false_rejection_rate_at : The rate at a given false acceptance rate.

    Examples
    --------
    >>> from hwsk.metrics import false_rejection_rate
    >>> false_rejection_rate([1, 1, 0, 0], [0.9, 0.3, 0.5, 0.1], threshold=0.5)
    0.5
    """
    same, scores, weight = check_pairs(y_true, y_score, sample_weight)
    check_classes(same, weight, needed=[True])
    return float(weight[same & (scores < threshold)].sum() / weight[same].sum())


@validate_params(
    {**CONSTRAINTS, "far": [Interval(Real, 0, 1, closed="both")]},
    prefer_skip_nested_validation=True,
)
def false_rejection_rate_at(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    far: float,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the false rejection rate where at most a given share is falsely accepted.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Scores, higher for pairs that are rather by the same writer.
    far : float
        The false acceptance rate that is allowed, such as 0.01.
    sample_weight : array-like of shape (n_pairs,), default=None
        How much each pair counts.

    Returns
    -------
    float
        The lowest false rejection rate of all thresholds that keep to it.

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, a label is another, or one of the classes is missing.

    See Also
    --------
    equal_error_rate : Where both rates are the same.

    Notes
    -----
    Nothing is interpolated: the rate belongs to a threshold that exists. A `far` below one over
    the number of pairs by different writers allows no false acceptance.

    Examples
    --------
    >>> from hwsk.metrics import false_rejection_rate_at
    >>> y_true, y_score = [1, 1, 1, 0, 0, 0], [0.9, 0.8, 0.4, 0.6, 0.2, 0.1]
    >>> false_rejection_rate_at(y_true, y_score, far=0.1)
    0.333...
    >>> false_rejection_rate_at(y_true, y_score, far=0.5)
    0.0
    """
    same, scores, weight = check_pairs(y_true, y_score, sample_weight)
    check_classes(same, weight)
    order, ends = _sort(scores)
    return _least_rejected(*_error_curve(same[order], weight[order], ends), far=far)


@validate_params(
    {
        **{name: CONSTRAINTS[name] for name in ("y_true", "y_score")},
        "metric": [callable],
        "writers": ["array-like"],
        "n_resamples": [Interval(Integral, 1, None, closed="left")],
        "confidence_level": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def pair_bootstrap_interval(
    metric: Callable[..., float],
    y_true: ArrayLike,
    y_score: ArrayLike,
    writers: ArrayLike,
    *,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[float, float]:
    """Compute a percentile bootstrap interval of a metric of pairs, drawing whole writers.

    All pairs of a writer depend on that writer, and pairs of different writers on two: pairs are
    far from independent, and an interval that draws pairs is much too narrow. Here writers are
    drawn with replacement, and a pair of two writers counts as often as the product of how often
    each was drawn [1]_ [2]_; a pair within one writer as often as that writer was drawn.

    Parameters
    ----------
    metric : callable
        `metric(y_true, y_score, sample_weight=weight) -> float`, such as `equal_error_rate`,
        :func:`sklearn.metrics.roc_auc_score`, or `functools.partial` of a metric with options.
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Scores, higher for pairs that are rather by the same writer.
    writers : array-like of shape (n_pairs, 2)
        The writers of both sides. Of a forgery it is the writer who is imitated.
    n_resamples : int, default=1000
        Number of draws.
    confidence_level : float, default=0.95
        Share of the draws inside the interval.
    random_state : int, RandomState instance or None, default=None
        Decides the draws.

    Returns
    -------
    low, high : float
        Ends of the interval.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is missing, or there are fewer than two writers.

    See Also
    --------
    bootstrap_interval : The same where each sample has one writer.

    Notes
    -----
    Draws that lack a class that `y_true` has are drawn again. Scores are sorted once for all
    draws: for `equal_error_rate` and `false_rejection_rate_at` a draw takes a few passes over the
    pairs.

    References
    ----------
    .. [1] T. A. B. Snijders, S. P. Borgatti, "Non-parametric standard errors and tests for
       network statistics", Connections, 22(2), 1999, pp. 161-170.
    .. [2] A. B. Owen, "The pigeonhole bootstrap", The Annals of Applied Statistics, 1(2), 2007,
       pp. 386-411.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import equal_error_rate, pair_bootstrap_interval
    >>> from hwsk.model_selection import make_pairs
    >>> rng = np.random.default_rng(0)
    >>> writers = np.repeat(np.arange(20), 5)
    >>> slant = writers + rng.normal(size=100)
    >>> pairs, y = make_pairs(writers, random_state=0)
    >>> scores = -np.abs(slant[pairs[:, 0]] - slant[pairs[:, 1]])
    >>> round(equal_error_rate(y, scores), 2)
    0.14
    >>> low, high = pair_bootstrap_interval(
    ...     equal_error_rate, y, scores, writers[pairs], n_resamples=200, random_state=0
    ... )
    >>> round(low, 2), round(high, 2)
    (0.11, 0.18)
    """
    same, scores, _ = check_pairs(y_true, y_score, None)
    first, second, n_writers = _check_writers(writers, len(scores))
    order, ends = _sort(scores)
    same, scores = same[order], scores[order]
    first, second = first[order], second[order]
    # The second writer of a pair within one writer is one more, who is always drawn once.
    second[first == second] = n_writers
    truth = same.astype(np.int64)
    of_classes = [rows for rows in (np.flatnonzero(same), np.flatnonzero(~same)) if len(rows)]

    options = metric.keywords if isinstance(metric, partial) else {}
    function = metric.func if isinstance(metric, partial) and not metric.args else metric
    from_curve = _FROM_CURVE.get(function) if options.keys() <= {"far"} else None
    if from_curve is not None:
        check_classes(same, np.ones(len(same)))
    rng = check_random_state(random_state)
    values: list[float] = []
    while len(values) < n_resamples:
        drawn = np.bincount(rng.randint(n_writers, size=n_writers), minlength=n_writers + 1)
        drawn[n_writers] = 1
        weight = drawn.take(first) * drawn.take(second)
        if not all(weight.take(rows).any() for rows in of_classes):
            continue
        if from_curve is not None:
            values.append(from_curve(*_error_curve(same, weight, ends), **options))
        else:
            rows = np.flatnonzero(weight)
            values.append(metric(truth[rows], scores[rows], sample_weight=weight[rows]))
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def check_pairs(
    y_true: Any, y_score: Any, sample_weight: Any
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]:
    """Return of each pair whether it is by one writer, its score, and its weight."""
    labels, scores = np.asarray(y_true), np.asarray(y_score)
    for name, values in (("y_true", labels), ("y_score", scores)):
        if values.ndim != 1 and values.shape[1:] != (1,):
            raise ValueError(
                f"{name} has shape {values.shape}; it should have a value for each pair"
            )
    labels, scores = labels.ravel(), scores.ravel()
    check_consistent_length(labels, scores)
    if not len(labels):
        raise ValueError("y_true and y_score are empty: there is no pair to score")
    wrong = np.flatnonzero(~np.isin(labels, (1, 0, -1)))
    if len(wrong):
        raise ValueError(
            f"y_true has the label {labels.tolist()[wrong[0]]!r} in row {wrong[0]}; labels are 1 "
            "(same writer), and 0 or -1 (different writers)"
        )
    scores = scores.astype(np.float64)
    if np.isnan(scores).any():
        raise ValueError(f"y_score is NaN in row {np.flatnonzero(np.isnan(scores))[0]}")
    weight = _check_sample_weight(sample_weight, scores, dtype=np.float64, ensure_non_negative=True)
    return labels == 1, scores, weight


def check_classes(
    same: NDArray[np.bool_], weight: NDArray[np.float64], needed: Any = (True, False)
) -> None:
    """Raise where nothing is left of a class that is needed."""
    for value in needed:
        if not weight[same == value].any():
            raise ValueError(
                "no pair is by one writer (label 1): there is nothing to reject falsely"
                if value
                else "no pair is by different writers (label 0 or -1): there is nothing to accept "
                "falsely"
            )


def _check_writers(writers: Any, n_pairs: int) -> tuple[NDArray[np.intp], NDArray[np.intp], int]:
    """The writers of both sides as integers from 0 on, and how many writers there are."""
    table = np.asarray(writers)
    if table.shape != (n_pairs, 2):
        raise ValueError(
            f"writers has shape {table.shape}; it should be {(n_pairs, 2)}, with the writers of "
            "both sides of each pair"
        )
    codes, names = pd.factorize(table.ravel())
    if (codes < 0).any():
        raise ValueError(f"writers has no value in row {np.flatnonzero(codes < 0)[0] // 2}")
    if len(names) < 2:
        raise ValueError(f"all pairs are of one writer, {names[0]}: there is no other to draw")
    first, second = codes.reshape(-1, 2).T.copy()
    return first, second, len(names)


def _check_forged(forged: Any, n_samples: int) -> NDArray[np.bool_]:
    if forged is None:
        return np.zeros(n_samples, bool)
    values = column_or_1d(forged)
    if len(values) != n_samples:
        raise ValueError(f"forged has {len(values)} values, and there are {n_samples} writers")
    wrong = np.flatnonzero(~np.isin(values, (0, 1)))
    if len(wrong):
        raise ValueError(
            f"forged is {values.tolist()[wrong[0]]!r} in row {wrong[0]}; it is True for "
            "forgeries and False for genuine ones"
        )
    return values.astype(bool)


def _sort(scores: NDArray[np.float64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows from the highest score down, and where in this order each score stands last."""
    order = np.argsort(-scores)
    ranked = scores[order]
    return order, np.append(np.flatnonzero(ranked[1:] != ranked[:-1]), len(ranked) - 1)


def _error_curve(
    same: NDArray[np.bool_], weight: NDArray[Any], ends: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """False acceptance and false rejection rates from the highest threshold, infinity, down."""
    accepted = np.cumsum(weight)[ends]
    rightly = np.cumsum(np.where(same, weight, 0))[ends]
    wrongly = accepted - rightly
    far, frr = np.zeros(len(ends) + 1), np.ones(len(ends) + 1)
    np.divide(wrongly, wrongly[-1], out=far[1:])
    np.divide(rightly[-1] - rightly, rightly[-1], out=frr[1:])
    return far, frr


def _crossing(far: NDArray[np.float64], frr: NDArray[np.float64]) -> float:
    """The rate where the lines cross: at the start acceptance is below, at the end above."""
    gap = far - frr
    after = int(np.searchsorted(gap, 0))
    part = gap[after - 1] / (gap[after - 1] - gap[after])
    return float(far[after - 1] + part * (far[after] - far[after - 1]))


def _least_rejected(far_: NDArray[np.float64], frr: NDArray[np.float64], *, far: float) -> float:
    return float(frr[np.searchsorted(far_, far, side="right") - 1])


_FROM_CURVE: dict[Callable[..., float], Callable[..., float]] = {
    equal_error_rate: _crossing,
    false_rejection_rate_at: _least_rejected,
}
