"""Train `models/signature-verifier.hwsk` on the CEDAR signatures and on other writers.

    python -m benchmarks.pairs.train_signatures fold 0  # and 1, 2, 3
    python -m benchmarks.pairs.train_signatures judge runs/signatures
    python -m benchmarks.pairs.train_signatures final

Learns from signatures (with skilled forgeries), names joined of two, the mirror images of all as
those of other writers, generated signatures, the AND words and words of IAM that several writers
wrote. Can be interrupted: run it again with the same --out, and it continues from the last epoch.
In each fold a quarter of the writers is held out, and judged; the final verifier learns from all of
them, and has its threshold and probabilities from those folds.
"""

from __future__ import annotations

import time
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from joblib import Parallel, delayed
from scipy.spatial.distance import squareform
from sklearn.base import clone
from sklearn.utils import Bunch

import hwsk
from benchmarks.pairs.signatures import (
    N_FOLDS,
    SIZE,
    SPLIT_SEED,
    cleaner,
    load_folds,
    other_hands,
    own_hands,
    pooled,
    print_report,
)
from hwsk._data.images import object_array
from hwsk.callbacks import Checkpoint
from hwsk.metrics import false_acceptance_rate, false_rejection_rate
from hwsk.preprocessing.augmentation import (
    Compose,
    ElasticDistortion,
    RandomAffine,
    RandomBlur,
    RandomMorphology,
)
from hwsk.verification import DescriptorHistogram, LocalDescriptorMatching, SiameseVerifier

EPOCHS = 2
STRENGTH = 1.0  # of the augmentation in training
COMPARATOR = LocalDescriptorMatching(registration=True, n_duplicates=4, scale=7 / 6)  # 112 x 224


def augmentation(strength: float) -> Compose:
    """Vary images as the same writer with another pen and scanner might."""
    return Compose(
        [
            RandomAffine(
                rotation=4 * strength,
                shear=0.12 * strength,
                scale_x=(1 / (1 + 0.12 * strength), 1 + 0.06 * strength),
                scale_y=(1 / (1 + 0.12 * strength), 1 + 0.06 * strength),
                shift=0.03 * strength,
                keep_size=True,
            ),
            ElasticDistortion(alpha=0.8 * strength, sigma=14.0),
            RandomMorphology(thicker=1.2 * strength, thinner=0.8 * strength),
            RandomBlur(sigma=0.8 * strength),
        ],
        p=[0.8, 0.6, 0.6, 0.3],
    )


@click.group()
def main() -> None:
    """Train and judge."""


@main.command()
@click.argument("fold", type=click.IntRange(0, N_FOLDS - 1))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/signatures", type=click.Path(path_type=Path))
@click.option("--epochs", default=EPOCHS)
@click.option("--seed", default=0)
def fold(fold: int, data: str, out: Path, epochs: int, seed: int) -> None:
    """Train on the writers of all folds but one."""
    signatures, folds = load_folds(data)
    rows = np.concatenate([part for i, part in enumerate(folds) if i != fold])
    verifier = fitted([signatures], [np.sort(rows)], data, out / f"fold{fold}.ckpt", epochs, seed)
    hwsk.save(verifier, out / f"fold{fold}.hwsk", half_precision=True)


@main.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/signatures", type=click.Path(path_type=Path))
@click.option("--epochs", default=EPOCHS)
@click.option("--seed", default=0)
def final(data: str, out: Path, epochs: int, seed: int) -> None:
    """Train on all writers; threshold and probabilities are those of the folds."""
    missing = [i for i in range(N_FOLDS) if not (out / f"fold{i}.hwsk").is_file()]
    if missing:
        raise click.UsageError(f"the threshold comes from the folds; train {missing} of them first")
    signatures, folds = load_folds(data)
    rows = np.sort(np.concatenate(folds))
    verifier = fitted([signatures], [rows], data, out / "final.ckpt", epochs, seed)
    distances = [
        distances_of(hwsk.load(out / f"fold{i}.hwsk"), signatures, rows, random=False)
        for i, rows in enumerate(folds)
    ]
    same, scores, _ = pooled(signatures, folds, distances, "skilled")
    verifier.calibrate_from_scores(scores, same)
    hwsk.save(verifier, out / "final.hwsk", half_precision=True)


def fitted(
    sets: list[Bunch],
    rows: list[np.ndarray],
    data: str,
    checkpoint: Path,
    epochs: int,
    seed: int,
) -> SiameseVerifier:
    """Fit a verifier on these signatures of each set, and on words and generated ones by others."""
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    parts = [own_hands(one, chosen, seed) for one, chosen in zip(sets, rows, strict=True)]
    own, others = sum(parts[1:], parts[0]), other_hands(data, seed)
    n_writers = sum(len(set(one.writer[part])) for one, part in zip(sets, rows, strict=True))
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; "
        f"{sum(map(len, rows))} "
        f"signatures of {n_writers} writers, {len(own.images)} with those "
        f"of joined names and mirror images; {len(others.images)} images of "
        f"{len(set(others.hands))} other writers; split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    start = time.time()
    images, hands, contexts = own + others
    verifier = SiameseVerifier(
        "multi_similarity",
        comparator=clone(COMPARATOR),
        texture=True,
        image_size=SIZE,
        preprocessor=cleaner(),
        max_epochs=epochs,
        batch_size=64,
        lr=2e-3,
        ema_decay=0.998,
        augment=augmentation(STRENGTH),
        callbacks=[Checkpoint(checkpoint)],
        random_state=seed,
        verbose=2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forgeries are hands of their own
        verifier.fit(object_array(images), hands, contexts=contexts)
    print(f"{time.time() - start:.0f} s", flush=True)
    return verifier.set_params(callbacks=None, verbose=0)  # which only training needs


@main.command()
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--jobs", default=2, help="Folds that are evaluated side by side.")
@click.option("--registration/--no-registration", default=True, help="Register images of pairs.")
@click.option("--n-duplicates", default=COMPARATOR.n_duplicates, help="Duplicates of each image.")
@click.option("--scale", default=COMPARATOR.scale, help="Enlargement of images.")
def judge(folder: Path, data: str, jobs: int, **parameters: Any) -> None:
    """Print the results: each writer is judged by the verifier that has not seen them."""
    signatures, folds = load_folds(data)
    print(
        f"{date.today()} {folder}: {N_FOLDS} folds over {len(set(signatures.writer))} writers; "
        + ", ".join(f"{name}={value:.4g}" for name, value in parameters.items())
    )
    comparator = LocalDescriptorMatching(**parameters)
    verifiers = [
        hwsk.load(folder / f"fold{i}.hwsk").set_params(comparator=comparator)
        for i in range(N_FOLDS)
    ]
    distances = Parallel(n_jobs=jobs, verbose=1)(
        delayed(distances_of)(verifier, signatures, rows)
        for verifier, rows in zip(verifiers, folds, strict=True)
    )
    print_report("matching", signatures, folds, distances, precomputed=True)
    histograms = [histograms_of(verifiers[i], signatures, folds, i) for i in range(N_FOLDS)]
    print_report("histograms", signatures, folds, histograms)
    embeddings = [
        verifier.transform(signatures.images[rows])
        for verifier, rows in zip(verifiers, folds, strict=True)
    ]
    print_report("embeddings", signatures, folds, embeddings)
    rates = []
    for i, verifier in enumerate(verifiers):
        others = [(folds[k], distances[k]) for k in range(N_FOLDS) if k != i]
        same, scores, _ = pooled(signatures, *zip(*others, strict=True), "skilled")
        verifier.calibrate_from_scores(scores, same)
        same, scores, _ = pooled(signatures, [folds[i]], [distances[i]], "skilled")
        rates.append(
            [
                rate(same, scores, threshold=verifier.threshold_)
                for rate in (false_acceptance_rate, false_rejection_rate)
            ]
        )
    for label, values in zip(("FAR", "FRR"), np.transpose(rates), strict=True):
        print(
            f"skilled forgeries, at the threshold of the other folds: {label} {values.mean():.4f}; "
            "by fold " + ", ".join(f"{value:.4f}" for value in values)
        )


def histograms_of(
    verifier: SiameseVerifier, signatures: Bunch, folds: list[np.ndarray], fold: int
) -> np.ndarray:
    """Compute histograms of a fold's signatures; the codebook is learnt from the other folds."""
    others = np.concatenate([rows for i, rows in enumerate(folds) if i != fold])
    histogram = DescriptorHistogram(verifier, random_state=0)
    histogram.fit(signatures.images[np.sort(others)])
    return histogram.transform(signatures.images[folds[fold]])


def distances_of(
    verifier: SiameseVerifier, signatures: Bunch, rows: np.ndarray, *, random: bool = True
) -> np.ndarray:
    """Compute the distance of each pair of the protocols; of other pairs 2, the largest.

    Without `random`, pairs of genuine signatures of two writers are among the others.
    """
    first, second = np.triu_indices(len(rows), 1)
    writer, forged = signatures.writer[rows], signatures.forged[rows]
    by_one = writer[first] == writer[second]
    asked = by_one & (~forged[first] | ~forged[second])
    if random:
        asked |= ~forged[first] & ~forged[second]
    pairs = np.column_stack([first, second])[asked]
    distances = np.full(len(first), 2.0)
    start = time.process_time()
    distances[asked] = verifier.pair_distance(signatures.images[rows][pairs])
    seconds = time.process_time() - start
    print(f"{len(rows)} images, {len(pairs)} pairs: {seconds:.0f} s of one processor", flush=True)
    return squareform(distances)


if __name__ == "__main__":
    main()
