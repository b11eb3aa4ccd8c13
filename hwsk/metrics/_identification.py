"""Evaluate open-set identification: how many are found, where few of the unknown are named."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_array, check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, validate_params
from sklearn.utils.validation import _check_sample_weight

__all__ = ["detection_and_identification_rate"]


@validate_params(
    {
        "y_true": ["array-like"],
        "y_score": ["array-like"],
        "labels": ["array-like"],
        "false_alarm_rate": [Interval(Real, 0, 1, closed="both")],
        "rank": [Interval(Integral, 1, None, closed="left")],
        "threshold": [Interval(Real, None, None, closed="both"), None],
        "sample_weight": ["array-like", None],
    },
    prefer_skip_nested_validation=True,
)
def detection_and_identification_rate(
    y_true: ArrayLike,
    y_score: ArrayLike,
    *,
    labels: ArrayLike,
    false_alarm_rate: float = 0.01,
    rank: int = 1,
    threshold: float | None = None,
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the detection and identification rate: share of the known writers who are named.

    Each search compares one sample with all known writers. An alarm is raised where the highest
    score reaches a threshold; where the sample is by none of the known writers, it is a false
    alarm. Of the samples by known writers, those count whose writer reaches the threshold and is
    among the `rank` highest [1]_. ISO/IEC 19795-1 [2]_ calls it the true-positive identification
    rate, 1 - FNIR, at a false-positive identification-error rate (FPIR).

    Parameters
    ----------
    y_true : array-like of shape (n_searches,)
        Who wrote each sample: one of `labels`, or anyone else.
    y_score : array-like of shape (n_searches, n_labels)
        Score of each known writer, higher where it is rather he or she. -inf where a writer was not
        among those compared.
    labels : array-like of shape (n_labels,)
        The known writers, in the order of the columns.
    false_alarm_rate : float, default=0.01
        Share of the samples by nobody known for whom an alarm may be raised, from 0 to 1. The
        threshold is the lowest that keeps to it on these very searches.
    rank : int, default=1
        How many of the highest scores are looked at.
    threshold : float, default=None
        The threshold instead, found on other writers; `false_alarm_rate` is then without effect.
    sample_weight : array-like of shape (n_searches,), default=None
        How much each search counts, such as in a bootstrap over writers.

    Returns
    -------
    float
        The rate, from 0 to 1.

    Raises
    ------
    ValueError
        If shapes don't fit, a score is NaN, a label comes twice, no sample is by a known writer,
        or, without `threshold`, none is by another.

    See Also
    --------
    soft_top_k_accuracy : The rate where everyone is known.
    log_likelihood_ratio_cost : Whether probabilities hold.

    Notes
    -----
    Where other writers score as high as the right one, they are ranked first. With fewer than
    `1 / false_alarm_rate` searches by nobody known, the threshold lies above all of them.

    References
    ----------
    .. [1] P. J. Phillips, P. Grother, R. Micheals, "Evaluation methods in face recognition", in
       "Handbook of Face Recognition", Springer 2005.
    .. [2] ISO/IEC 19795-1:2021, "Biometric performance testing and reporting, part 1".

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import detection_and_identification_rate
    >>> scores = np.array([[9, 1], [2, 8], [4, 3], [5, 2], [1, 0]])
    >>> writers = ["A", "B", "A", "C", "C"]
    >>> rate = detection_and_identification_rate(
    ...     writers, scores, labels=["A", "B"], false_alarm_rate=0.01
    ... )
    >>> round(rate, 3)  # an alarm from above 5 on, which one of three does not reach
    0.667
    """
    scores, columns, weight = _check_searches(y_true, y_score, labels, sample_weight)
    known = columns >= 0
    if not weight[known].sum():
        raise ValueError("no sample is by a writer in labels: there is nobody to find")
    if threshold is None:
        if not weight[~known].sum():
            raise ValueError(
                "all samples are by writers in labels: without samples by others there are no "
                "false alarms; give threshold"
            )
        highest = scores[~known].max(axis=1)
        threshold = _lowest_threshold(highest, weight[~known], false_alarm_rate)
    of_known = scores[known]
    own = np.take_along_axis(of_known, columns[known][:, np.newaxis], axis=1)
    ahead = (of_known >= own).sum(axis=1) - 1  # its own is as high as itself
    found = (own[:, 0] >= threshold) & (own[:, 0] > -np.inf) & (ahead < rank)
    return float(np.average(found, weights=weight[known]))


def _lowest_threshold(
    highest: NDArray[np.float64], weight: NDArray[np.float64], false_alarm_rate: float
) -> float:
    """Find the threshold that no larger share of the highest scores reaches."""
    values, of_value = np.unique(highest, return_inverse=True)
    reached = np.cumsum(np.bincount(of_value, weights=weight)[::-1])[::-1] / weight.sum()
    too_many = values[reached > false_alarm_rate + 1e-12]
    return float(np.nextafter(too_many[-1], np.inf)) if len(too_many) else -np.inf


def _check_searches(
    y_true: Any, y_score: Any, labels: Any, sample_weight: Any
) -> tuple[NDArray[np.float64], NDArray[np.intp], NDArray[np.float64]]:
    """Check scores; find the column of each sample's writer, -1 where nobody known wrote it."""
    scores = check_array(y_score, dtype=np.float64, ensure_all_finite=False, input_name="y_score")
    missing = np.argwhere(np.isnan(scores))
    if len(missing):
        row, column = missing[0].tolist()
        raise ValueError(f"y_score is NaN in row {row}, column {column}")
    names, writers = column_or_1d(labels).tolist(), column_or_1d(y_true).tolist()
    check_consistent_length(scores, writers)
    if len(names) != scores.shape[1]:
        raise ValueError(
            f"y_score has {scores.shape[1]} columns, and there are {len(names)} labels; a column "
            "for each known writer is needed"
        )
    numbers = {name: i for i, name in enumerate(names)}
    if len(numbers) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"labels has {twice!r} twice; each known writer is one column")
    columns = np.array([numbers.get(writer, -1) for writer in writers], dtype=np.intp)
    return scores, columns, _check_sample_weight(sample_weight, scores, dtype=np.float64)
