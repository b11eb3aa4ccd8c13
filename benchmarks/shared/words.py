"""The AND words that the benchmarks share: writers to train, to validate, and to test on."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from sklearn.utils import Bunch

from hwsk.datasets import load_cedar_and
from hwsk.metrics import bootstrap_interval, equal_error_rate, pair_bootstrap_interval

SPLIT_SEED = 0
VALID, TEST = 0.08, 0.17  # of the writers
N_RESAMPLES = 200


def load_split(path: str) -> tuple[Bunch, np.ndarray, np.ndarray, np.ndarray]:
    """All AND words, and the rows for training, validation and test: no writer in two of them."""
    words = load_cedar_and(f"{path}/and", partition="unseen", subset="train")
    writers = np.unique(words.writer)
    order = np.random.default_rng(SPLIT_SEED).permutation(writers)
    n_valid, n_test = (round(share * len(writers)) for share in (VALID, TEST))
    valid = np.isin(words.writer, order[:n_valid])
    test = np.isin(words.writer, order[n_valid : n_valid + n_test])
    rows = (np.flatnonzero(part) for part in (~valid & ~test, valid, test))
    train, valid, test = rows
    return words, train, valid, test


def print_pairs(name: str, X: np.ndarray, writer: np.ndarray, page: np.ndarray) -> float:
    """Print what the cosines of all pairs of samples are worth, with intervals over writers."""
    vectors = X / np.linalg.norm(X, axis=1, keepdims=True)
    index = np.column_stack(np.triu_indices(len(writer), 1))
    scores = (vectors @ vectors.T)[index[:, 0], index[:, 1]]
    return print_scores(name, scores, index, writer, page)


def print_scores(
    name: str, scores: np.ndarray, index: np.ndarray, writer: np.ndarray, page: np.ndarray
) -> float:
    """Print what the scores of some pairs of rows are worth, with intervals over writers."""
    first, second = index.T
    same, cross = writer[first] == writer[second], page[first] != page[second]
    rate = equal_error_rate(same, scores)
    low, high = pair_bootstrap_interval(
        equal_error_rate, same, scores, writer[index], n_resamples=N_RESAMPLES, random_state=0
    )
    own = ~(same & cross)  # of positive pairs, those on one page; all negative ones
    print(
        f"{name}: EER {rate:.4f} [{low:.4f}, {high:.4f}], AUC {roc_auc_score(same, scores):.4f}; "
        f"EER within a page {equal_error_rate(same[own], scores[own]):.4f}, "
        f"across pages {equal_error_rate(same[cross], scores[cross]):.4f} ({len(same)} pairs)",
        flush=True,
    )
    return rate


def print_features(name: str, y: pd.DataFrame, predicted: pd.DataFrame, writer: Any) -> None:
    """Print the accuracy of each feature, and their means with intervals over writers."""
    y, predicted = y.astype(str).to_numpy(), predicted.astype(str).to_numpy()

    def mean(metric: Any) -> Any:
        return lambda true, said: float(
            np.mean([metric(t, s) for t, s in zip(np.array(true).T, np.array(said).T, strict=True)])
        )

    for label, metric in (("accuracy", accuracy_score), ("balanced", balanced_accuracy_score)):
        with warnings.catch_warnings():  # a class that no drawn writer has
            warnings.simplefilter("ignore")
            low, high = bootstrap_interval(
                mean(metric), y, predicted, groups=writer, n_resamples=N_RESAMPLES, random_state=0
            )
        print(f"{name}: mean {label} {mean(metric)(y, predicted):.4f} [{low:.4f}, {high:.4f}]")


def print_table(name: str, y: pd.DataFrame, predicted: pd.DataFrame) -> None:
    """Print a line a feature: accuracy, balanced accuracy, the share of the commonest class."""
    for feature in y:
        true, said = y[feature].astype(str), predicted[feature].astype(str)
        print(
            f"{name}, {feature}: accuracy {accuracy_score(true, said):.3f}, balanced "
            f"{balanced_accuracy_score(true, said):.3f}, majority "
            f"{true.value_counts(normalize=True).max():.3f}"
        )
