"""What tells IAM's writers apart without their hand: an audit of shortcuts, and of leakage.

    python -m benchmarks.writers.audit --data ../shared/data

Scores what a classifier of writers must not live on (the size of the crop, where it lay on the
page, the tone of the paper, the width of the pen), by form and by random lines, and a real
classifier by both. Each line is judged once, by a model of the other fold. 95% intervals are
bootstrapped over forms; those of the grey lines, which come from four pages, over lines.
"""

from __future__ import annotations

import warnings
from datetime import date
from functools import partial
from pathlib import Path

import click
import cv2
import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.lines.train_iam import load_gray
from benchmarks.writers.data import folds, load_writers
from hwsk._data.decoding import read_image
from hwsk._data.images import object_array
from hwsk.identification import LocalDescriptors, VLADEncoder
from hwsk.metrics import bootstrap_interval

FEATURES = {
    "size of the crop": ["height", "width", "ratio"],
    "margins in the crop": ["above", "below", "before", "behind"],
    "place on the page": ["x", "y"],
    "stroke width and ink density": ["stroke", "stroke_spread", "density"],
    "tone of the scan (lines.txt)": ["gray"],
}
BY_FORM, RANDOM = "by form", "random lines"
LEAST = -30.0  # log-probability of what a model takes for impossible
EDGES = np.linspace(0, 256, 33)  # of the histogram of paper tones
NOT_PAPER = 11  # pixels: the square around ink that is left out, for its blur
interval = partial(bootstrap_interval, random_state=0)


def measure(image: np.ndarray) -> dict[str, float]:
    """Size, margins and pen of a crop, dark ink on light paper."""
    threshold, _ = cv2.threshold(image, 0, 255, cv2.THRESH_OTSU)
    ink = image <= threshold
    height, width = ink.shape
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    depth = cv2.distanceTransform(ink.astype(np.uint8), cv2.DIST_L2, 5)[ink]
    return {
        "height": height,
        "width": width,
        "ratio": width / height,
        "above": rows[0],
        "below": height - 1 - rows[-1],
        "before": columns[0],
        "behind": width - 1 - columns[-1],
        "stroke": depth.mean(),
        "stroke_spread": depth.std(),
        "density": ink.mean(),
    }


def paper_tones(image: np.ndarray) -> np.ndarray:
    """Histogram of what is left when the ink is taken out, with a margin around it."""
    _, ink = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    paper = image[cv2.dilate(ink, np.ones((NOT_PAPER, NOT_PAPER), np.uint8)) == 0]
    return np.histogram(paper, EDGES)[0] / max(1, paper.size)


def read_boxes(path: Path) -> pd.DataFrame:
    """Place on the page and threshold of binarisation of each line, from the official table."""
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, _, gray, _, x, y, *_ = line.split(" ", 8)
            rows[name] = {"gray": int(gray), "x": int(x), "y": int(y)}
    return pd.DataFrame.from_dict(rows, orient="index")


def judge(model, X, writer, splits) -> pd.DataFrame:
    """Log-probability of each writer for each line, by a model that was trained without it."""
    table = pd.DataFrame(LEAST, index=range(len(writer)), columns=np.unique(writer))
    for train, test in splits:
        fitted = clone(model).fit(X[train], writer[train])
        with np.errstate(divide="ignore"):
            table.loc[test, fitted.classes_] = np.log(fitted.predict_proba(X[test]))
    return table.clip(lower=LEAST)


def report(name, table, bunch, *, forms=True) -> None:
    """Print the accuracy over lines, and over forms: by the mean over a form's lines."""
    names, first = np.unique(bunch.form, return_index=True)
    levels = [("line", table, slice(None))]
    if forms:
        levels.append(("form", table.groupby(bunch.form).mean().loc[names], first))
    for level, answers, rows in levels:
        guess = answers.idxmax(axis=1).to_numpy(str)
        right = guess == bunch.writer[rows]
        low, high = interval(share, right, right, groups=bunch.form[rows])
        with warnings.catch_warnings():  # that a writer was never guessed
            warnings.simplefilter("ignore")
            mean = balanced_accuracy_score(bunch.writer[rows], guess)
        print(
            f"{name}, {level}: {right.mean():.3f} [{low:.3f}, {high:.3f}], "
            f"mean over writers {mean:.3f}",
            flush=True,
        )


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--k", default=50, help="Writers.")
@click.option("--n-folds", default=2)
@click.option("--seed", default=0)
def main(data, k, n_folds, seed) -> None:
    """Print the audit."""
    bunch = load_writers(data, k)
    shuffled = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    splits = {
        BY_FORM: folds(bunch, n_folds, seed),
        RANDOM: list(shuffled.split(bunch.ids, bunch.writer)),
    }
    print(
        f"{date.today()} IAM, {k} writers: {len(bunch.ids)} lines of {len(set(bunch.form))} forms; "
        f"{n_folds} folds, seed {seed}; chance {1 / k:.3f}",
        flush=True,
    )
    images = [read_image(path) for path in bunch.images]
    measures = pd.DataFrame([measure(image) for image in images], index=bunch.ids)
    measures = measures.join(read_boxes(Path(data) / "iam" / "ascii" / "lines.txt"))
    majority = judge(DummyClassifier(), measures.to_numpy(), bunch.writer, splits[BY_FORM])
    report("always the writer with the most lines", majority, bunch)

    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    forest = RandomForestClassifier(200, min_samples_leaf=2, random_state=seed)
    in_image = [column for column in measures if column not in ("x", "y", "gray")]
    for name, columns in (FEATURES | {"all that is in the crop": in_image}).items():
        for kind, model in (("linear", linear), ("forest", forest)):
            for how, split in splits.items():
                table = judge(model, measures[columns].to_numpy(float), bunch.writer, split)
                report(f"{name}, {kind}, {how}", table, bunch, forms=how == BY_FORM)
    audit_paper(data, n_folds, seed, linear)
    measure_leak(bunch, splits, seed)


def audit_paper(data, n_folds, seed, model) -> None:
    """The tone of blank paper in the grey lines, which come from a page a writer."""
    paths, _, writer = load_gray(data)
    writer = writer.astype(str)
    X = np.array([paper_tones(read_image(path)) for path in paths])
    shuffled = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    guess = judge(model, X, writer, list(shuffled.split(X, writer))).idxmax(axis=1).to_numpy(str)
    right = guess == writer
    low, high = interval(share, right, right)
    print(
        f"blank paper of {len(writer)} grey lines, {len(set(writer))} pages, linear, random lines: "
        f"{right.mean():.3f} [{low:.3f}, {high:.3f}]; "
        f"majority {max(np.unique(writer, return_counts=True)[1]) / len(writer):.3f}"
    )


def measure_leak(bunch, splits, seed) -> None:
    """A classifier of hands by both splits, and how much lines of one's own page flatter it."""
    X = object_array(list(LocalDescriptors().fit_transform(bunch.images)))
    model = make_pipeline(
        VLADEncoder(n_clusters=32, random_state=seed),
        LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"),
    )
    right = {}
    for how, split in splits.items():
        table = judge(model, X, bunch.writer, split)
        report(f"VLAD and LDA, {how}", table, bunch, forms=how == BY_FORM)
        right[how] = table.idxmax(axis=1).to_numpy(str) == bunch.writer
    random, honest = right[RANDOM], right[BY_FORM]
    low, high = interval(difference, random, honest, groups=bunch.form)
    print(f"gap over lines: {difference(random, honest):.3f} [{low:.3f}, {high:.3f}]")


def share(right, _) -> float:
    return float(np.mean(right))


def difference(a, b) -> float:
    return float(np.mean(a) - np.mean(b))


if __name__ == "__main__":
    main()
