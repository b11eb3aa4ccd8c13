"""Identify and retrieve IAM's writers by local descriptors and VLAD, without a network.

    python -m benchmarks.writers.vlad --data ../shared/data

Identification: the 10 and the 50 writers with the most lines; each form is tested once, and
everything is learnt from the forms of the other fold. Retrieval: all writers with two forms or
more, every form asks for the others; what is learnt is learnt, without labels, from writers with
one form, who are none of these. Intervals are 95%, over forms and over writers.
"""

from __future__ import annotations

import time
from datetime import date

import click
import numpy as np
from sklearn.metrics import accuracy_score, pairwise_distances
from sklearn.svm import LinearSVC
from sklearn.utils import Bunch

from benchmarks.writers.data import folds, load_others, load_writers
from hwsk.identification import LocalDescriptors, VLADEncoder
from hwsk.metrics import (
    bootstrap_interval,
    hard_top_k_accuracy,
    mean_average_precision,
    soft_top_k_accuracy,
)

SEED = 0
KINDS = {"sift": ["sift"], "hog": ["hog"], "sift and hog": ["sift", "hog"]}
RETRIEVAL = {
    "top-1": (soft_top_k_accuracy, {}),
    "soft top-5": (soft_top_k_accuracy, {"k": 5}),
    "hard top-2": (hard_top_k_accuracy, {"k": 2}),
    "mAP": (mean_average_precision, {}),
}


def describe(images: np.ndarray, kind: str) -> list[np.ndarray]:
    """Descriptors of all lines, in memory."""
    start = time.process_time()
    found = list(LocalDescriptors(kind).fit_transform(images))
    seconds = (time.process_time() - start) / len(images)
    mean = np.mean([len(descriptors) for descriptors in found])
    print(f"{kind}: {mean:.0f} descriptors a line, in {1000 * seconds:.0f} ms", flush=True)
    return found


def take(found: list[np.ndarray], rows: np.ndarray) -> list[np.ndarray]:
    return [found[row] for row in rows]


def encode_forms(others: Bunch, bunch: Bunch, forms: np.ndarray, kind: str = "sift") -> np.ndarray:
    """A vector for each of the forms of `bunch`, by what the lines of the `others` show."""
    found = describe(bunch.images, kind)
    return vectors_of_forms(describe(others.images, kind), found, bunch.form, forms, {})


def vectors_of_forms(
    known: list[np.ndarray],
    found: list[np.ndarray],
    form: np.ndarray,
    forms: np.ndarray,
    options: dict,
) -> np.ndarray:
    encoder = VLADEncoder(**options, random_state=SEED).fit(known)
    names, first = np.unique(form, return_index=True)
    return encoder.transform(found, pages=form)[first[np.searchsorted(names, forms)]]


def judge(lines: Bunch, found: list[np.ndarray], options: dict) -> dict[str, np.ndarray]:
    """Score each writer, for each line alone and for its form; (n_lines, n_writers)."""
    n_writers = len(np.unique(lines.writer))
    scores = {level: np.empty((len(found), n_writers)) for level in ("line", "form")}
    for train, test in folds(lines):
        encoder = VLADEncoder(**options, random_state=SEED)
        classifier = LinearSVC(random_state=SEED)
        classifier.fit(encoder.fit_transform(take(found, train)), lines.writer[train])
        for level, pages in (("line", None), ("form", lines.form[test])):
            vectors = encoder.transform(take(found, test), pages=pages)
            scores[level][test] = classifier.decision_function(vectors)
    return scores


def report_identification(name: str, lines: Bunch, scores: list[dict[str, np.ndarray]]) -> None:
    """Print how often the writer is right, by line and by form."""
    classes = np.unique(lines.writer)
    first = np.unique(lines.form, return_index=True)[1]
    for level, rows in (("line", np.arange(len(lines.form))), ("form", first)):
        predicted = classes[sum(of_kind[level] for of_kind in scores)[rows].argmax(axis=1)]
        right = accuracy_score(lines.writer[rows], predicted)
        low, high = bootstrap_interval(
            accuracy_score,
            lines.writer[rows],
            predicted,
            groups=lines.form[rows],
            random_state=SEED,
        )
        print(
            f"top-{len(classes)} writers, {name}: {len(rows)} {level}s: "
            f"top-1 {right:.4f} [{low:.4f}, {high:.4f}]",
            flush=True,
        )


def report_retrieval(name: str, writers: np.ndarray, distances: np.ndarray) -> None:
    """Print how well a writer's other forms are found."""
    for label, (metric, options) in RETRIEVAL.items():
        values = metric(writers, distances, average=None, **options)
        asked = ~np.isnan(values)
        low, high = bootstrap_interval(
            lambda _, drawn: float(np.mean(drawn)),
            writers[asked],
            values[asked],
            groups=writers[asked],
            random_state=SEED,
        )
        macro = metric(writers, distances, average="macro", **options)
        print(
            f"retrieval, {name}: {asked.sum()} forms of {len(set(writers[asked]))} writers: "
            f"{label} {values[asked].mean():.4f} [{low:.4f}, {high:.4f}], "
            f"mean of writers {macro:.4f}",
            flush=True,
        )


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--vocabularies", default=1)
def main(data: str, vocabularies: int) -> None:
    """Print the figures of the VLAD tier."""
    several, others = load_writers(data), load_others(data, None)
    options = {"n_vocabularies": vocabularies}
    print(f"{date.today()} VLAD: {options}, seed {SEED}", flush=True)
    parts = [np.flatnonzero(np.isin(several.ids, load_writers(data, k).ids)) for k in (10, 50)]
    lines = [Bunch(writer=several.writer[rows], form=several.form[rows]) for rows in parts]
    forms, first = np.unique(several.form, return_index=True)

    scores: dict[str, list[dict[str, np.ndarray]]] = {}
    distances = {}
    for kind in ("sift", "hog"):
        found = describe(several.images, kind)
        scores[kind] = [
            judge(part, take(found, rows), options) for part, rows in zip(lines, parts, strict=True)
        ]
        known = describe(others.images, kind)
        vectors = vectors_of_forms(known, found, several.form, forms, options)
        distances[kind] = pairwise_distances(vectors)
    for i, part in enumerate(lines):
        for name, kinds in KINDS.items():
            report_identification(name, part, [scores[kind][i] for kind in kinds])
    for name, kinds in KINDS.items():
        total = sum(distances[kind] for kind in kinds)
        report_retrieval(name, several.writer[first], total)


if __name__ == "__main__":
    main()
