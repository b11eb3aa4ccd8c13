"""Calibrate thresholds and probabilities of scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve, roc_curve

STRATEGIES = ("eer", "accuracy", "f_beta", "max_tpr", "max_tnr")


def find_threshold(
    scores: NDArray[np.float64],
    same: NDArray[np.bool_],
    strategy: str = "eer",
    min_rate: float | None = None,
    beta: float = 1.0,
) -> float:
    """Find the score from which pairs are accepted as by the same writer."""
    if strategy == "f_beta":
        precision, recall, thresholds = precision_recall_curve(same, scores)
        weighted = beta**2 * precision + recall
        f = (1 + beta**2) * precision * recall / np.where(weighted > 0, weighted, 1)
        return float(thresholds[f[:-1].argmax()])
    fpr, tpr, thresholds = roc_curve(same, scores, drop_intermediate=False)
    thresholds[0] = np.nextafter(thresholds[1], np.inf)  # instead of infinity: nothing is accepted
    if strategy == "eer":
        return float(thresholds[np.abs(fpr - (1 - tpr)).argmin()])
    if strategy == "accuracy":
        return float(thresholds[(tpr * same.sum() - fpr * (~same).sum()).argmax()])
    if strategy == "max_tpr":
        return float(thresholds[np.where(1 - fpr >= min_rate, tpr, -1).argmax()])
    return float(thresholds[np.where(tpr >= min_rate, 1 - fpr, -1).argmax()])


def fit_logistic(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> tuple[float, float]:
    """Fit slope and intercept of the probability of a score, at even prior odds."""
    spread = max(float(scores.std()), 1e-12)  # so that the penalty is the same for any scale
    logistic = LogisticRegression(class_weight="balanced").fit(scores[:, None] / spread, same)
    return float(logistic.coef_[0, 0]) / spread, float(logistic.intercept_[0])
