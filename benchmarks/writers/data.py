"""Select the IAM writers to classify, and split them by form, for all benchmarks."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from hwsk.datasets import load_iam
from hwsk.metrics import bootstrap_interval

Fold = tuple[np.ndarray, np.ndarray]


def load_writers(path: str, k: int | None = None, fewest_forms: int = 2) -> Bunch:
    """IAM lines of the `k` writers with the most lines among those with `fewest_forms` or more.

    None takes all of these writers. Lines of writers that tie are ranked by the writer's id.
    """
    bunch = load_iam(f"{path}/iam", level="line", segmentation="all")
    table = pd.DataFrame({"writer": bunch.writer.astype(str), "form": bunch.form.astype(str)})
    of_writer = table.groupby("writer")["form"].agg(["nunique", "size"])
    of_writer = of_writer[of_writer["nunique"] >= fewest_forms]
    chosen = of_writer["size"].sort_values(ascending=False, kind="stable").index[:k]
    rows = np.flatnonzero(table["writer"].isin(chosen))
    images, text = bunch.images[rows], bunch.text[rows]
    writer, form = table["writer"].to_numpy(str)[rows], table["form"].to_numpy(str)[rows]
    return Bunch(images=images, text=text, writer=writer, form=form, ids=bunch.ids[rows])


def folds(bunch: Bunch, n_folds: int = 2, seed: int = 0) -> list[Fold]:
    """Rows to train and to test on: each form is tested once, and no form is on both sides.

    Of a writer's forms in random order, number j is tested in fold `j % n_folds`; so a writer
    with two forms or more has a form in training always.
    """
    rng = np.random.default_rng(seed)
    fold = np.empty(len(bunch.form), int)
    for writer in np.unique(bunch.writer):
        forms = rng.permutation(np.unique(bunch.form[bunch.writer == writer]))
        for j, form in enumerate(forms):
            fold[bunch.form == form] = j % n_folds
    return [(np.flatnonzero(fold != f), np.flatnonzero(fold == f)) for f in range(n_folds)]


def load_others(path: str, k: int | None) -> Bunch:
    """IAM lines of all writers that `load_writers(path, k)` leaves out."""
    bunch = load_iam(f"{path}/iam", level="line", segmentation="all")
    rows = np.flatnonzero(~np.isin(bunch.writer.astype(str), load_writers(path, k).writer))
    return Bunch(images=bunch.images[rows], writer=bunch.writer[rows].astype(str))


def log_proba_of_patches(
    classifier, images: np.ndarray, writers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each image: its patches' log-probabilities summed, their number, how many are right."""
    sums = np.zeros((len(images), len(classifier.classes_)))
    counts, right = np.zeros(len(images)), np.zeros(len(images))
    for row, (image, writer) in enumerate(zip(images, writers, strict=True)):
        table = classifier.predict_patches(image)[classifier.classes_].to_numpy()
        sums[row], counts[row] = table.sum(axis=0), len(table)
        right[row] = (classifier.classes_[table.argmax(axis=1)] == writer).sum()
    return sums, counts, right


def report(
    name: str,
    bunch: Bunch,
    rows: np.ndarray,
    sums: np.ndarray,
    counts: np.ndarray,
    right: np.ndarray,
    classes: np.ndarray,
) -> dict[str, list[float]]:
    """Print top-1 accuracy over patches, lines and forms, with 95% bootstrap over forms."""
    writer, form = bunch.writer[rows], bunch.form[rows]
    of_line = classes[sums.argmax(axis=1)] == writer
    table = pd.DataFrame(sums).groupby(form).sum()
    of_form = pd.Series(classes[table.to_numpy().argmax(axis=1)], index=table.index)
    named = of_form[form].to_numpy()
    ones = np.ones(len(form))
    one = ~pd.Series(form).duplicated().to_numpy()  # one row of each form
    figures = {}
    for level, hits, of in (
        ("patch", right, counts),
        ("line", of_line, ones),
        ("form", (named == writer) & one, one),
    ):
        hits, of = np.asarray(hits, float), np.asarray(of, float)
        value = share(of, hits)
        low, high = bootstrap_interval(share, of, hits, groups=form, random_state=0)
        figures[level] = [value, low, high]
        print(
            f"{name}: {level}-level top-1 {value:.3f} [{low:.3f}, {high:.3f}] of {of.sum():.0f}",
            flush=True,
        )
    of_writer = pd.Series(named == writer)[one].groupby(writer[one]).mean()
    print(f"{name}: form-level, mean over {len(of_writer)} writers {of_writer.mean():.3f}")
    return figures


def share(of: np.ndarray, hits: np.ndarray) -> float:
    return float(np.sum(hits) / np.sum(of))
