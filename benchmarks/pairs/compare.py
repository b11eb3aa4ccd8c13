"""What each part of a comparison of hands is worth on AND, and all together.

    python -m benchmarks.pairs.compare --data ../shared/data --models models

Takes `and-vae.hwsk`, `and-verifier.hwsk` and `and-features.hwsk` as they are, calibrates a
`HandComparer` on the validation writers (by each part alone, and by all), and prints for test
writers the equal error rate, the area under the ROC curve and the cost of the log-likelihood
ratios, with 95% bootstrap intervals over writers: for all pairs of images, for images of two pages,
and for two pages with `--per-page` images of each. Then what each named feature is worth alone, and
two comparisons as text.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import FeatureUnion

import hwsk
from benchmarks.shared.words import N_RESAMPLES, SPLIT_SEED, load_split
from hwsk._data.images import object_array
from hwsk.metrics import (
    equal_error_rate,
    log_likelihood_ratio_cost,
    pair_bootstrap_interval,
)
from hwsk.verification import HandComparer

PARTS = {"latents": "and-vae", "hand": "and-verifier", "features": "and-features"}
SEED = 0


def load_parts(folder: str) -> list[tuple[str, FrozenEstimator]]:
    """The trained estimators of a folder, as parts of a union."""
    estimators = {name: hwsk.load(Path(folder) / f"{model}.hwsk") for name, model in PARTS.items()}
    estimators["features"].set_params(transform_kind="probabilities")
    return [(name, FrozenEstimator(estimator)) for name, estimator in estimators.items()]


def draw_sides(page: np.ndarray, size: int) -> list[np.ndarray]:
    """Rows of so many images of each page that has them."""
    rng = np.random.default_rng(SEED)
    pages = [rng.permutation(np.flatnonzero(page == name)) for name in np.unique(page)]
    return [rows[:size] for rows in pages if len(rows) >= size]


def judge(
    name: str, comparer: HandComparer, sides: Any, writer: Any, page: Any, across: bool
) -> None:
    """Print scores of the ratios of all pairs of sides; positive ones `across` pages alone."""
    first, second = np.triu_indices(len(sides), 1)
    same = writer[first] == writer[second]
    if across:
        kept = ~same | (page[first] != page[second])
        first, second, same = first[kept], second[kept], same[kept]
    scores = comparer.decision_function(sides[np.column_stack([first, second])])
    n_images = 1 if np.ndim(sides[0]) == 2 else len(sides[0])
    limit = comparer.limits_[min(n_images, len(comparer.limits_)) - 1]
    figures = [f"AUC {roc_auc_score(same, scores):.4f}"]
    for label, metric, values in (
        ("EER", equal_error_rate, scores),
        ("Cllr", log_likelihood_ratio_cost, np.clip(scores, -limit, limit)),
    ):
        low, high = pair_bootstrap_interval(
            metric,
            same,
            values,
            np.column_stack([writer[first], writer[second]]),
            n_resamples=N_RESAMPLES,
            random_state=SEED,
        )
        figures.append(f"{label} {metric(same, values):.4f} [{low:.4f}, {high:.4f}]")
    n_same = f"{same.sum()} of {len(same)} by the same writer"
    print(f"{name}: {', '.join(figures)} ({n_same})", flush=True)


def judge_features(comparer: HandComparer, classifier: Any, images: Any, writer: Any) -> None:
    """Print what each feature's own ratio is worth, and the sum of all, over pairs of images."""
    first, second = np.triu_indices(len(images), 1)
    same = writer[first] == writer[second]
    predicted, total = classifier.predict(images), np.zeros(len(same))
    for feature, classes, ratios in zip(
        classifier.task_names_, classifier.classes_, comparer.feature_ratios_, strict=True
    ):
        codes = [list(classes).index(value) for value in predicted[feature]]
        of_pairs = ratios[0][np.array(codes)[first], np.array(codes)[second]]
        total += of_pairs
        print(
            f"{feature}: AUC {roc_auc_score(same, of_pairs):.3f}, "
            f"Cllr {log_likelihood_ratio_cost(same, of_pairs):.3f}, ratios "
            f"{np.exp(of_pairs.min()):.2f} to {np.exp(of_pairs.max()):.1f}"
        )
    print(
        f"the sum of all features: AUC {roc_auc_score(same, total):.4f}, "
        f"Cllr {log_likelihood_ratio_cost(same, total):.4f}"
    )


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--models", default="models", type=click.Path(exists=True))
@click.option("--per-page", default=3, help="Images a side, of two pages.")
def main(data: str, models: str, per_page: int) -> None:
    """Print the table."""
    words, _, valid, test = load_split(data)
    print(
        f"{date.today()} AND words: calibrated on {len(valid)} of "
        f"{len(set(words.writer[valid]))} writers, tested on {len(test)} of "
        f"{len(set(words.writer[test]))}, split seed {SPLIT_SEED}, seed {SEED}"
    )
    images = object_array(list(words.images[test]))
    writer, page = words.writer[test], words.page[test]
    rows = draw_sides(page, per_page)
    firsts = [of_side[0] for of_side in rows]
    sides = object_array([images[of_side] for of_side in rows])
    parts = load_parts(models)
    for name, union in [*((name, [(name, part)]) for name, part in parts), ("all", parts)]:
        for groups in (None, words.page[valid]):
            comparer = HandComparer(FeatureUnion(union), n_images=per_page, random_state=SEED)
            comparer.fit(words.images[valid], words.writer[valid], groups=groups)
            if groups is None:
                judge(f"{name}, 1 image", comparer, images, writer, page, across=False)
                continue
            judge(f"{name}, 1 image, two pages", comparer, images, writer, page, across=True)
            judge(
                f"{name}, {per_page} images, two pages",
                comparer,
                sides,
                writer[firsts],
                page[firsts],
                across=True,
            )
    judge_features(comparer, parts[-1][1].estimator, words.images[test], writer)
    of_sides = writer[firsts]
    one = np.flatnonzero(of_sides[1:] == of_sides[:-1])[0]  # pages of a writer stand together
    two = np.flatnonzero(of_sides != of_sides[one])[0]
    for other in (one + 1, two):
        print(comparer.compare(sides[one], sides[other]))


if __name__ == "__main__":
    main()
