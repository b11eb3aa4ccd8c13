"""The AND words that the benchmarks share: writers to train, to validate, and to test on."""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from hwsk.datasets import load_cedar_and

SPLIT_SEED = 0
VALID, TEST = 0.08, 0.17  # of the writers


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
