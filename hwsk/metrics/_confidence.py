"""Evaluate confidence: calibration and rejection curves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rapidfuzz.distance import Levenshtein
from sklearn.utils import check_consistent_length, column_or_1d

from hwsk.metrics._text import character_error_rate, check_lines, line_counts

__all__ = ["expected_calibration_error", "read_right", "risk_coverage_curve"]


def expected_calibration_error(
    y_true: ArrayLike, confidence: ArrayLike, *, n_bins: int = 10
) -> float:
    """Compute the distance of confidence from how often predictions were right [1]_.

    Predictions are put into bins by their confidence; in each bin, the mean confidence is compared
    with the share that was right, and the differences are averaged, by the bins' sizes.

    Parameters
    ----------
    y_true : array-like of bool of shape (n_samples,)
        Whether each prediction was right.
    confidence : array-like of float of shape (n_samples,)
        The probability that was given for that, 0 to 1.
    n_bins : int, default=10
        Bins of equal width.

    Returns
    -------
    float
        The error: 0 if confidence is what it says, 1 at worst.

    See Also
    --------
    sklearn.calibration.calibration_curve : The same bin by bin.
    hwsk.recognition.CTCRecognizer.calibrate_temperature : Mends it.

    References
    ----------
    .. [1] M. P. Naeini, G. Cooper, M. Hauskrecht, "Obtaining well calibrated probabilities using
       Bayesian binning", AAAI 2015.

    Examples
    --------
    >>> from hwsk.metrics import expected_calibration_error
    >>> round(expected_calibration_error([1, 1, 1, 0], [0.95, 0.95, 0.95, 0.95]), 3)
    0.2
    """
    check_consistent_length(y_true, confidence)
    right = column_or_1d(y_true).astype(np.float64)
    sure = _check_confidence(confidence)
    if n_bins < 1:
        raise ValueError(f"n_bins is {n_bins}; it must be at least 1")
    if not np.isin(right, (0, 1)).all():
        raise ValueError(f"y_true holds {right[~np.isin(right, (0, 1))][0]:g}; it is 0 or 1, each")
    bins = np.minimum((sure * n_bins).astype(np.int64), n_bins - 1)
    return float(np.abs(np.bincount(bins, sure - right)).sum() / len(sure))


def read_right(
    y_true: ArrayLike, y_pred: ArrayLike, *, unit: str = "char"
) -> list[NDArray[np.bool_]]:
    """Mark the characters or words of the predictions that are right.

    Those are right that an alignment with the fewest edits finds in the reference.

    Parameters
    ----------
    y_true : array-like of str of shape (n_lines,)
        The references.
    y_pred : array-like of str of shape (n_lines,)
        The predictions.
    unit : {"char", "word"}, default="char"
        What to look at; words are what stands between white space.

    Returns
    -------
    right : list of n_lines ndarray of bool
        For each line an array as long as the prediction has characters, or words. What the
        prediction misses does not show in it.

    See Also
    --------
    expected_calibration_error : Compares it with how sure the recognizer was.

    Examples
    --------
    >>> from hwsk.metrics import read_right
    >>> read_right(["the river"], ["the rivor"], unit="word")[0].tolist()
    [True, False]
    """
    if unit not in ("char", "word"):
        raise ValueError(f"unit is {unit!r}; it is 'char' or 'word'")
    truth, guess = check_lines(y_true, y_pred)
    result = []
    for true, read in zip(truth, guess, strict=True):
        a, b = (true, read) if unit == "char" else (true.split(), read.split())
        right = np.zeros(len(b), bool)
        for block in Levenshtein.opcodes(b, a):
            right[block.src_start : block.src_end] = block.tag == "equal"
        result.append(right)
    return result


def risk_coverage_curve(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    confidence: ArrayLike,
    *,
    metric: Callable[..., float] = character_error_rate,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Compute the error rate of the lines that are kept, the least confident left out [1]_.

    Parameters
    ----------
    y_true : array-like of str of shape (n_lines,)
        The references.
    y_pred : array-like of str of shape (n_lines,)
        The predictions.
    confidence : array-like of float of shape (n_lines,)
        How sure each prediction is; only the order counts.
    metric : callable, default=character_error_rate
        `character_error_rate` or `word_error_rate`, or another metric of text of this module.

    Returns
    -------
    coverage : ndarray of shape (n_points,)
        Share of the lines that are kept, ascending to 1.
    risk : ndarray of shape (n_points,)
        The metric over the lines that are kept.
    thresholds : ndarray of shape (n_points,)
        The least confidence that is kept. Lines of the same confidence are kept together.

    See Also
    --------
    hwsk.plotting.RiskCoverageDisplay : The curve as a picture.

    References
    ----------
    .. [1] Y. Geifman, R. El-Yaniv, "Selective classification for deep neural networks",
       NeurIPS 2017.

    Examples
    --------
    >>> from hwsk.metrics import risk_coverage_curve
    >>> read = ["one", "twa", "sex", "ten"]
    >>> coverage, risk, thresholds = risk_coverage_curve(
    ...     ["one", "two", "six", "ten"], read, [0.9, 0.6, 0.4, 0.8]
    ... )
    >>> coverage.tolist()
    [0.25, 0.5, 0.75, 1.0]
    >>> risk.round(2).tolist()
    [0.0, 0.0, 0.11, 0.17]
    """
    check_consistent_length(y_true, y_pred, confidence)
    counts, of_counts = line_counts(metric, y_true, y_pred)
    sure = column_or_1d(np.asarray(confidence, np.float64))
    if np.isnan(sure).any():
        raise ValueError(f"confidence has NaN in row {np.flatnonzero(np.isnan(sure))[0]}")
    order = np.argsort(-sure, kind="stable")
    last = np.flatnonzero(np.diff(sure[order], append=-np.inf))  # of lines that are equally sure
    sums = np.cumsum(counts[order], axis=0)[last]
    risk = np.array([of_counts(*row) for row in sums], np.float64)
    return (last + 1) / len(sure), risk, sure[order][last]


def _check_confidence(confidence: Any) -> NDArray[np.float64]:
    sure = column_or_1d(np.asarray(confidence, np.float64))
    if not len(sure):
        raise ValueError("y_true and confidence are empty: give at least one prediction")
    if (bad := ~((sure >= 0) & (sure <= 1))).any():
        row = np.flatnonzero(bad)[0]
        raise ValueError(f"confidence is {sure[row]:g} in row {row}; it must lie between 0 and 1")
    return sure
