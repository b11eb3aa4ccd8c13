"""Train `models/and-verifier.hwsk` and `models/and-features.hwsk` on the AND words.

    python -m benchmarks.pairs.train_words train --out runs/and --matching
    python -m benchmarks.pairs.train_words judge runs/and/verifier-seed0.hwsk
    python -m benchmarks.pairs.train_words match runs/and/verifier-seed0.hwsk
    python -m benchmarks.pairs.train_words train --final

One encoder learns both: to tell the writers (multi-similarity loss), and the 15 features. Stops and
goes on: run it again with the same --out and it continues from the last epoch. Without --final the
test writers are kept out; with it, all but the validation writers are learnt from. Thresholds and
probabilities are calibrated on the validation writers. `judge` prints figures on those, and on the
test writers, with and without test augmentation. `match` compares embeddings with matched local
descriptors, of one verifier on the same pairs: all positive ones, and random negative ones.
"""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

import hwsk
from benchmarks.shared.words import (
    SPLIT_SEED,
    load_split,
    print_features,
    print_scores,
    print_table,
)
from hwsk._data.images import object_array
from hwsk.callbacks import Checkpoint
from hwsk.metrics import (
    false_acceptance_rate,
    false_rejection_rate,
    log_likelihood_ratio_cost,
)
from hwsk.preprocessing.augmentation import Compose, ElasticDistortion, RandomAffine
from hwsk.verification import LocalDescriptorMatching, SiameseVerifier

VIEWS, VIEW_STRENGTH = 8, 0.75  # of the changed versions in prediction


def augmentation(strength: float) -> Compose:
    """Small changes that leave hand and features what they are."""
    scale = (1 / (1 + 0.08 * strength), 1 + 0.08 * strength)
    return Compose(
        [
            RandomAffine(
                rotation=3 * strength,
                shear=0.08 * strength,
                scale_x=scale,
                scale_y=scale,
                shift=0.04 * strength,
                keep_size=True,
            ),
            ElasticDistortion(alpha=strength, sigma=8.0),
        ],
        p=[0.8, 0.5],
    )


@click.group()
def main() -> None:
    """Train and judge."""


@main.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/and", type=click.Path(path_type=Path))
@click.option("--epochs", default=32)
@click.option("--strength", default=1.5, help="Strength of the augmentation.")
@click.option("--seed", default=0)
@click.option("--final", is_flag=True, help="Learn from the test writers, too.")
@click.option("--matching", is_flag=True, help="Compare local descriptors, not embeddings.")
def train(
    data: str, out: Path, epochs: int, strength: float, seed: int, final: bool, matching: bool
) -> None:
    """Train, calibrate, save."""
    out.mkdir(parents=True, exist_ok=True)
    words, rows, valid, test = load_split(data)
    if final:
        rows = np.sort(np.concatenate([rows, test]))
    name = "final" if final else f"seed{seed}"
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; AND words: "
        f"{len(rows)} of {len(set(words.writer[rows]))} writers to train, {len(valid)} of "
        f"{len(set(words.writer[valid]))} to validate, {len(test)} of "
        f"{len(set(words.writer[test]))} to test; split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    start = time.time()
    verifier = SiameseVerifier(
        "multi_similarity",
        comparator=LocalDescriptorMatching(registration=False, n_duplicates=0, scale=1.0)
        if matching
        else None,
        feature_weight=1.5,
        max_epochs=epochs,
        batch_size=128,
        lr=1.5e-3,
        ema_decay=0.998,
        augment=augmentation(strength),
        callbacks=[Checkpoint(out / f"{name}.ckpt")],
        random_state=seed,
        verbose=2,
    )
    verifier.fit(words.images[rows], words.writer[rows], features=words.features.iloc[rows])
    print(f"{verifier.n_iter_} epochs, {time.time() - start:.0f} s", flush=True)
    finish(verifier, words, valid, 0 if matching else VIEWS)  # each copy costs a matching of pairs
    hwsk.save(verifier, out / f"verifier-{name}.hwsk")
    classifier = verifier.feature_classifier()  # changed versions don't help it
    classifier.set_params(augment=None, test_augmentations=0, logit_adjustment=0.3)
    hwsk.save(classifier, out / f"features-{name}.hwsk")


def finish(verifier: SiameseVerifier, words: Any, valid: np.ndarray, n_views: int = VIEWS) -> None:
    """Set what prediction needs, and calibrate on the validation writers."""
    verifier.set_params(
        callbacks=None, augment=augmentation(VIEW_STRENGTH), test_augmentations=n_views, verbose=0
    )
    verifier.calibrate_threshold(words.images[valid], words.writer[valid])


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
def judge(model: Path, data: str) -> None:
    """Print the figures of a verifier and of its features."""
    words, _, valid, test = load_split(data)
    verifier = hwsk.load(model)
    print(f"{date.today()} {model.name}")
    for n_views in (0, VIEWS) if verifier.comparator is None else (0,):
        finish(verifier, words, valid, n_views)
        for part, rows in (("validation", valid), ("test", test)):
            if not ("final" in model.name and part == "test"):
                report(verifier, words, rows, f"{part} writers, {n_views} changed versions")


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--part", type=click.Choice(["validation", "test"]), default="validation")
@click.option("--n-different", default=60_000, help="Random pairs by different writers.")
@click.option("--views", default=0, help="Augmented copies over which scores are averaged.")
def match(model: Path, data: str, part: str, n_different: int, views: int) -> None:
    """Print figures of embeddings and of matching with each of its parameters."""
    words, _, *parts = load_split(data)
    rows = parts[part == "test"]
    images, writer, page = words.images[rows], words.writer[rows], words.page[rows]
    index = np.column_stack(np.triu_indices(len(rows), 1))
    same = np.equal(*writer[index].T)
    different = np.random.default_rng(SPLIT_SEED).permutation(np.flatnonzero(~same))[:n_different]
    index = index[np.sort(np.concatenate([np.flatnonzero(same), different]))]
    entries = object_array(list(images))
    verifier = hwsk.load(model)
    augment = augmentation(VIEW_STRENGTH)
    print(f"{date.today()} {model.name}, {part} writers, {views} augmented copies")
    variants = [{}, {"scale": 1.5}, {"registration": True}, {"n_duplicates": 4}]
    comparators = [LocalDescriptorMatching(**variant) for variant in variants]
    embedding_scores = None
    for comparator in (None, *comparators):
        verifier.set_params(comparator=comparator, augment=augment, test_augmentations=views)
        start = time.process_time()
        scores = verifier.pair_score(entries[index])
        pace = f"{1e3 * (time.process_time() - start) / len(index):.2f} ms a pair"
        name = "embeddings" if comparator is None else str(comparator)
        name = f"{part}, {name}"
        print_scores(f"{name} ({pace})", scores, index, writer, page)
        if embedding_scores is None:
            embedding_scores = scores
        else:  # both distances go from 0 to 2
            print_scores(f"{name} + embeddings", scores + embedding_scores, index, writer, page)


def report(verifier: SiameseVerifier, words: Any, rows: np.ndarray, name: str) -> None:
    """Print the figures on some rows."""
    images, writers = words.images[rows], words.writer[rows]
    index = np.column_stack(np.triu_indices(len(rows), 1))
    same = np.equal(*writers[index].T)
    scores = verifier.pair_score(object_array(list(images))[index])
    print_scores(name, scores, index, writers, words.page[rows])
    slope, intercept = verifier.calibration_
    far, frr = (
        rate(same, scores, threshold=verifier.threshold_)
        for rate in (false_acceptance_rate, false_rejection_rate)
    )
    cost = log_likelihood_ratio_cost(same, slope * scores + intercept)
    print(f"{name}: calibrated on validation writers FAR {far:.4f}, FRR {frr:.4f}, Cllr {cost:.3f}")
    asked = words.features.iloc[rows].notna().all(axis=1).to_numpy()
    y = words.features.iloc[rows[asked]].reset_index(drop=True)
    classifier = verifier.feature_classifier()
    for adjustment in (0.5, 0.3, 0.0):
        predicted = classifier.set_params(logit_adjustment=adjustment).predict(images[asked])
        label = f"{name}, logit adjustment {adjustment}"
        print_features(label, y, predicted, writers[asked])
    print_table(name, y, predicted)


if __name__ == "__main__":
    main()
