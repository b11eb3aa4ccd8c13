"""The CEDAR signatures that the benchmarks share: cleaning, folds over writers, protocols."""

from __future__ import annotations

import warnings
from functools import partial
from typing import Any

import cv2
import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from hwsk.datasets import load_cedar_signatures
from hwsk.metrics import (
    bootstrap_interval,
    equal_error_rate,
    pair_bootstrap_interval,
    writer_dependent_report,
    writer_independent_report,
)
from hwsk.preprocessing import Grayscale
from hwsk.preprocessing._signatures import SignatureNormalizer

CANVAS = (64, 128)
PEN_WIDTH, MARGIN = 2.0, 2  # pixels of the canvas
SPLIT_SEED = 0
N_FOLDS = 3
N_VALID = 5  # writers that thresholds are taken from
N_REFERENCES = 12

Fold = tuple[np.ndarray, np.ndarray, np.ndarray]


def load(path: str) -> Bunch:
    """All CEDAR signatures as arrays, 24 genuine and 24 forged ones of each writer."""
    return load_cedar_signatures(f"{path}/cedar_signatures", as_arrays=True)


def preprocessing(pen_width: float | None = PEN_WIDTH) -> list[Any]:
    """What makes scans alike: the ink on a canvas of one size, drawn with one pen."""
    return [Grayscale(), SignatureNormalizer(CANVAS, pen_width=pen_width, margin=MARGIN)]


def folds(writer: np.ndarray) -> list[Fold]:
    """Rows to train, validate and test on: no writer on two sides, each tested once.

    With 45 writers, a single test set has so few of them that its interval says little.
    """
    order = np.random.default_rng(SPLIT_SEED).permutation(sorted(set(writer), key=int))
    parts = []
    for i in range(N_FOLDS):
        test, rest = order[i::N_FOLDS], np.delete(order, np.s_[i::N_FOLDS])
        sides = (rest[N_VALID:], rest[:N_VALID], test)
        train, valid, tested = (np.flatnonzero(np.isin(writer, side)) for side in sides)
        parts.append((train, valid, tested))
    return parts


def final_split(writer: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train the model on that is shipped, and those that calibrate it."""
    train, valid, test = folds(writer)[0]
    return np.union1d(train, test), valid


def degrade(image: np.ndarray, how: str, rng: np.random.Generator) -> np.ndarray:
    """A signature as another pen or scanner would have left it, bilevel."""
    _, ink = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    if how == "thicker pen":
        return cv2.erode(ink, np.ones((4, 4), np.uint8))
    if how == "thinner pen":
        large = cv2.resize(ink, None, fx=2, fy=2, interpolation=cv2.INTER_LINEAR)
        large = cv2.dilate(large, np.ones((4, 4), np.uint8))
        small = cv2.resize(large, ink.shape[::-1], interpolation=cv2.INTER_AREA)
        return np.where(small > 200, np.uint8(255), np.uint8(0))
    if how == "half the resolution":
        small = cv2.resize(ink, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return np.where(small > 170, np.uint8(255), np.uint8(0))
    noisy = cv2.GaussianBlur(image.astype(np.float32), (0, 0), 1.2)
    noisy = np.clip(noisy + rng.normal(scale=12, size=noisy.shape), 0, 255).astype(np.uint8)
    return cv2.threshold(noisy, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)[1]


DEGRADED = ("thicker pen", "thinner pen", "half the resolution", "blurred and noisy")


def pair_trials(X: np.ndarray, writer: np.ndarray, forged: np.ndarray) -> pd.DataFrame:
    """Scores of all pairs of genuine signatures, and of genuine with skilled forgeries."""
    _, trials = writer_independent_report(X, writer, forged, return_trials=True)
    return trials


def dependent_trials(X: np.ndarray, writer: np.ndarray, forged: np.ndarray) -> pd.DataFrame:
    """Scores by a classifier a user, trained on 12 references."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, trials = writer_dependent_report(
            X, writer, forged, n_references=N_REFERENCES, return_trials=True, random_state=0
        )
    return trials


def print_figures(name: str, pairs: list[pd.DataFrame], dependent: list[pd.DataFrame]) -> None:
    """Print EERs with 95% intervals over writers; thresholds are those of each fold."""
    for kind in ("skilled", "random"):
        values = [eer(trials, kind) for trials in pairs]
        ends = [interval(trials, kind) for trials in pairs]
        print(
            f"{name}: pairs, {kind} forgeries, EER {np.mean(values):.3f}; by fold "
            + ", ".join(
                f"{value:.3f} [{low:.3f}, {high:.3f}]"
                for value, (low, high) in zip(values, ends, strict=True)
            ),
            flush=True,
        )
    for kind in ("skilled", "random"):
        of_users = np.concatenate([of_each_user(trials, kind) for trials in dependent])
        users = np.arange(len(of_users))
        low, high = bootstrap_interval(
            mean_of_first, of_users, of_users, groups=users, random_state=0
        )
        shared = np.mean([eer(trials, kind) for trials in dependent])
        print(
            f"{name}: writer-dependent, {N_REFERENCES} references, {kind} forgeries, EER with "
            f"user thresholds {of_users.mean():.3f} [{low:.3f}, {high:.3f}], with one {shared:.3f}",
            flush=True,
        )


def eer(trials: pd.DataFrame, kind: str) -> float:
    chosen = trials[trials["kind"].isin(["genuine", kind])]
    return equal_error_rate(chosen["kind"] == "genuine", chosen["score"])


def interval(trials: pd.DataFrame, kind: str) -> tuple[float, float]:
    chosen = trials[trials["kind"].isin(["genuine", kind])]
    return pair_bootstrap_interval(
        equal_error_rate,
        chosen["kind"] == "genuine",
        chosen["score"],
        chosen[["user", "writer"]].to_numpy(),
        n_resamples=300,
        random_state=0,
    )


def of_each_user(trials: pd.DataFrame, kind: str) -> np.ndarray:
    """Mean over the repeats of each user's own equal error rate."""
    found = {
        key: eer(of_user, kind) for key, of_user in trials.groupby(["user", "repeat"], sort=True)
    }
    return pd.Series(found).groupby(level=0).mean().to_numpy()


def mean_of_first(values: np.ndarray, _: np.ndarray) -> float:
    return float(np.mean(values))


interval_over = partial(bootstrap_interval, random_state=0)
