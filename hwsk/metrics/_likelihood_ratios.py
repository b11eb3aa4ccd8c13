"""Evaluate likelihood ratios: their cost, the part of it that calibration can't take, and ECE."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import isotonic_regression
from sklearn.utils._param_validation import validate_params

from hwsk.metrics._verification import CONSTRAINTS, check_classes, check_pairs

__all__ = [
    "empirical_cross_entropy",
    "log_likelihood_ratio_cost",
    "minimal_log_likelihood_ratio_cost",
]


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def log_likelihood_ratio_cost(
    y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Compute the cost of log-likelihood ratios, Cllr: the loss by believing them, in bits.

    A likelihood ratio says how many times likelier a pair is if the same writer wrote both than if
    different writers did. Forensic examiners report it and leave the prior odds to the court [1]_;
    the cost is the mean over all priors of what wrong and badly calibrated ratios cost [2]_. Unlike
    the equal error rate, it falls with calibration.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Natural logarithms of likelihood ratios. Of a probability p that was calibrated at even
        odds it is log(p / (1 - p)).
    sample_weight : array-like of shape (n_pairs,), default=None
        How much each pair counts, within its class.

    Returns
    -------
    float
        The cost: 0 at best, 1 if every ratio is 1 and nothing is said, and more for ratios that
        mislead.

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, a label is another, or one of the classes is missing.

    See Also
    --------
    minimal_log_likelihood_ratio_cost : The part that no calibration takes away.
    empirical_cross_entropy : The cost at each prior.
    equal_error_rate : How well scores rank, calibrated or not.

    Notes
    -----
    Both classes count for a half, however many pairs they have. A ratio of 0 for a pair by the
    same writer costs infinitely much.

    References
    ----------
    .. [1] C. Champod, D. Meuwly, "The inference of identity in forensic speaker recognition",
       Speech Communication, 31(2-3), 2000, pp. 193-203.
    .. [2] N. Brümmer, J. du Preez, "Application-independent evaluation of speaker detection",
       Computer Speech & Language, 20(2-3), 2006, pp. 230-275.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import log_likelihood_ratio_cost
    >>> ratios = np.array([20.0, 3.0, 0.5, 0.1])
    >>> round(log_likelihood_ratio_cost([1, 1, 0, 0], np.log(ratios)), 3)
    0.302
    """
    same, scores, weight = check_pairs(y_true, y_score, sample_weight)
    check_classes(same, weight)
    return float(_entropy(same, scores, weight, np.zeros(1))[0])


@validate_params(CONSTRAINTS, prefer_skip_nested_validation=True)
def minimal_log_likelihood_ratio_cost(
    y_true: ArrayLike, y_score: ArrayLike, *, sample_weight: ArrayLike | None = None
) -> float:
    """Compute the cost of log-likelihood ratios after the best calibration, in bits.

    What remains is lost because the scores do not distinguish the same writer from different ones;
    the difference from `log_likelihood_ratio_cost` is lost by calibration [1]_. The best
    calibration that keeps the order of the scores comes from pool adjacent violators.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Scores, higher for pairs that are rather by the same writer.
    sample_weight : array-like of shape (n_pairs,), default=None
        How much each pair counts, within its class.

    Returns
    -------
    float
        The cost, from 0 to 1.

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, a label is another, or one of the classes is missing.

    See Also
    --------
    log_likelihood_ratio_cost : The cost of the ratios as they are.
    empirical_cross_entropy : With `calibrated` the same at each prior.

    References
    ----------
    .. [1] N. Brümmer, J. du Preez, "Application-independent evaluation of speaker detection",
       Computer Speech & Language, 20(2-3), 2006, pp. 230-275.

    Examples
    --------
    >>> from hwsk.metrics import minimal_log_likelihood_ratio_cost
    >>> minimal_log_likelihood_ratio_cost([1, 1, 0, 0], [9.0, 8.0, 7.0, 2.0])
    0.0
    >>> round(minimal_log_likelihood_ratio_cost([1, 0, 1, 0], [9.0, 8.0, 7.0, 2.0]), 3)
    0.5
    """
    same, scores, weight = check_pairs(y_true, y_score, sample_weight)
    check_classes(same, weight)
    ratios = pool_adjacent_violators(same, scores, weight)
    return float(_entropy(same, ratios, weight, np.zeros(1))[0])


@validate_params(
    {**CONSTRAINTS, "log_prior_odds": ["array-like"], "calibrated": ["boolean"]},
    prefer_skip_nested_validation=True,
)
def empirical_cross_entropy(
    y_true: ArrayLike,
    y_score: ArrayLike,
    log_prior_odds: ArrayLike = (0.0,),
    *,
    calibrated: bool = False,
    sample_weight: ArrayLike | None = None,
) -> NDArray[np.float64]:
    """Compute the cost of log-likelihood ratios at each of some prior odds, in bits (ECE).

    What a court would still not know, had it begun with these odds and believed the ratios [1]_.
    At even odds it is `log_likelihood_ratio_cost`.

    Parameters
    ----------
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Natural logarithms of likelihood ratios.
    log_prior_odds : array-like of shape (n_priors,), default=(0.0,)
        Natural logarithms of the odds that the same writer wrote both, before the comparison.
    calibrated : bool, default=False
        Whether the ratios are first replaced by the best that keep their order (pool adjacent
        violators): what remains is a matter of discrimination.
    sample_weight : array-like of shape (n_pairs,), default=None
        How much each pair counts, within its class.

    Returns
    -------
    ndarray of shape (n_priors,)
        The cost at each prior. Ratios that are all 1 cost the entropy of the prior.

    Raises
    ------
    ValueError
        If lengths differ, a score is NaN, a label is another, or one of the classes is missing.

    See Also
    --------
    hwsk.plotting.ECEDisplay : The curve over priors.

    References
    ----------
    .. [1] D. Ramos, J. Gonzalez-Rodriguez, "Reliable support: measuring calibration of likelihood
       ratios", Forensic Science International, 230(1-3), 2013, pp. 156-169.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import empirical_cross_entropy
    >>> ratios = np.array([20.0, 3.0, 0.5, 0.1])
    >>> empirical_cross_entropy([1, 1, 0, 0], np.log(ratios), np.log([0.1, 1, 10])).round(3)
    array([0.161, 0.302, 0.188])
    """
    same, scores, weight = check_pairs(y_true, y_score, sample_weight)
    check_classes(same, weight)
    priors = np.asarray(log_prior_odds, dtype=np.float64).ravel()
    if not np.isfinite(priors).all():
        row = np.flatnonzero(~np.isfinite(priors))[0]
        raise ValueError(f"log_prior_odds is {priors[row]} in place {row}; it should be finite")
    if calibrated:
        scores = pool_adjacent_violators(same, scores, weight)
    return _entropy(same, scores, weight, priors)


def pool_adjacent_violators(
    same: NDArray[np.bool_], scores: NDArray[np.float64], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Compute the log-likelihood ratios of least cost that keep the order of the scores."""
    values, place = np.unique(scores, return_inverse=True)
    share = np.where(same, weight / weight[same].sum(), weight / weight[~same].sum())
    total = np.bincount(place, weights=share, minlength=len(values))
    alike = np.bincount(place, weights=np.where(same, share, 0), minlength=len(values))
    kept = total > 0  # a score of weight 0 alone is nowhere
    posterior = np.full(len(values), np.nan)
    posterior[kept] = isotonic_regression(
        alike[kept] / total[kept], sample_weight=total[kept], y_min=0, y_max=1
    )
    with np.errstate(divide="ignore"):
        ratios: NDArray[np.float64] = np.log(posterior) - np.log1p(-posterior)
    return ratios[place]


def _entropy(
    same: NDArray[np.bool_],
    ratios: NDArray[np.float64],
    weight: NDArray[np.float64],
    log_prior_odds: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Compute the cost at each prior, in bits."""
    counted = weight > 0
    same, ratios, weight = same[counted], ratios[counted], weight[counted]
    costs = []
    for prior in log_prior_odds:
        of_same = np.average(np.logaddexp(0, -ratios[same] - prior), weights=weight[same])
        of_different = np.average(np.logaddexp(0, ratios[~same] + prior), weights=weight[~same])
        share = 1 / (1 + np.exp(-prior))
        costs.append(share * of_same + (1 - share) * of_different)
    return np.array(costs) / np.log(2)
