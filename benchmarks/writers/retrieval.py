"""Leave-one-form-out retrieval on IAM: VLAD, a network that never saw these writers, both joined.

    python -m benchmarks.writers.train pretrain --source single --lines 30000 --out runs/writers
    python -m benchmarks.writers.train pretrain --source single+online --lines 30000 --out ...
    python -m benchmarks.writers.retrieval --out runs/writers

All writers with two forms or more; every form asks for the others. What is learnt (vocabularies,
PCA, networks) is learnt from writers with one form, who are none of these.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import numpy as np
from sklearn.decomposition import PCA
from sklearn.metrics import pairwise_distances
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer

import hwsk
from benchmarks.writers.data import load_others, load_writers
from benchmarks.writers.vlad import encode_forms
from hwsk.metrics import bootstrap_interval, mean_average_precision, soft_top_k_accuracy


def network_vectors(model, others, bunch, forms) -> np.ndarray:
    """Mean of the lines' embeddings for each form, whitened by what the other writers show."""
    whiten = make_pipeline(PCA(128, whiten=True, random_state=0), Normalizer())
    whiten.fit(model.transform(others.images))
    lines = model.transform(bunch.images)
    means = np.stack([lines[bunch.form == form].mean(axis=0) for form in forms])
    return whiten.transform(means)


def score(name: str, writers: np.ndarray, vectors: np.ndarray) -> None:
    """Print top-1 and mAP over forms, with 95% bootstrap intervals over writers."""
    distances = pairwise_distances(vectors, metric="cosine")
    for what, metric in (("top-1", soft_top_k_accuracy), ("mAP", mean_average_precision)):
        values = metric(writers, distances, average=None)
        low, high = bootstrap_interval(
            lambda _, found: float(np.mean(found)), values, values, groups=writers, random_state=0
        )
        print(f"{name}: {what} {values.mean():.3f} [{low:.3f}, {high:.3f}]", flush=True)


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/writers", type=click.Path(path_type=Path))
def main(data, out) -> None:
    """Print the table of retrieval."""
    bunch, others = load_writers(data), load_others(data, None)
    forms, first = np.unique(bunch.form, return_index=True)
    writers = bunch.writer[first]
    print(
        f"{date.today()} retrieval, leave one form out: {len(forms)} forms of "
        f"{len(set(writers))} writers; learnt from {len(others.images)} lines of "
        f"{len(set(others.writer))} others; 95% over writers; seed 0",
        flush=True,
    )
    vlad = encode_forms(others, bunch, forms)
    score("VLAD", writers, vlad)
    for source in ("single", "single+online"):
        model = hwsk.load(out / f"pretrained-{source}.hwsk")
        vectors = network_vectors(model, others, bunch, forms)
        score(f"network, {source}", writers, vectors)
        score(f"VLAD and network, {source}", writers, np.hstack([vlad, vectors]))


if __name__ == "__main__":
    main()
