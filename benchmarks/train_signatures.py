"""Train `models/signature-verifier.hwsk` on the CEDAR signatures and on other hands.

    python benchmarks/train_signatures.py train --out runs/signatures --seed 0
    python benchmarks/train_signatures.py judge runs/signatures/seed0.hwsk
    python benchmarks/train_signatures.py train --final

Learns from signatures (with skilled forgeries), their mirror images as those of other hands, made
signatures, the AND words and words of IAM, where different hands have written the same. Stops and
goes on: run it again with the same --out and it continues from the last epoch. The test writers are
kept out, but for --final. Threshold and probabilities are calibrated on the validation writers,
with their skilled forgeries.
"""

from __future__ import annotations

import time
import warnings
from datetime import date
from pathlib import Path

import click
import numpy as np
import torch
from scipy.spatial.distance import squareform
from signatures import SIZE, SPLIT_SEED, cleaner, load_split, other_hands, print_report
from signatures import turned as with_turned

import hwsk
from hwsk._images import object_array
from hwsk.callbacks import Checkpoint
from hwsk.metrics import false_acceptance_rate, false_rejection_rate
from hwsk.model_selection import make_pairs
from hwsk.preprocessing.augmentation import (
    Compose,
    ElasticDistortion,
    RandomAffine,
    RandomBlur,
    RandomMorphology,
)
from hwsk.verification import SiameseVerifier

STRENGTH = 1.0  # of what changes the images in training


def augmentation(strength: float) -> Compose:
    """What the same hand with another pen and scanner might have given."""
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
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/signatures", type=click.Path(path_type=Path))
@click.option("--epochs", default=4)
@click.option("--seed", default=0)
@click.option("--final", is_flag=True, help="Learn from the test writers, too.")
def train(data: str, out: Path, epochs: int, seed: int, final: bool) -> None:
    """Train, calibrate, save."""
    out.mkdir(parents=True, exist_ok=True)
    signatures, rows, valid, test = load_split(data)
    name = "final" if final else f"seed{seed}"
    if final:
        rows = np.sort(np.concatenate([rows, test]))
    own = with_turned(signatures.images[rows], signatures.hand[rows], signatures.writer[rows])
    others = other_hands(data, seed)
    images, hands, contexts = (one + other for one, other in zip(own, others, strict=True))
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; {len(rows)} "
        f"signatures of {len(set(signatures.writer[rows]))} writers to train, and {len(others[0])} "
        f"images of {len(set(others[1]))} other hands; {len(valid)} signatures of "
        f"{len(set(signatures.writer[valid]))} writers to validate; split seed {SPLIT_SEED}, seed "
        f"{seed}",
        flush=True,
    )
    start = time.time()
    verifier = SiameseVerifier(
        "multi_similarity",
        matching=True,
        texture=True,
        image_size=SIZE,
        preprocessor=cleaner(),
        max_epochs=epochs,
        batch_size=64,
        lr=2e-3,
        ema_decay=0.998,
        augment=augmentation(STRENGTH),
        callbacks=[Checkpoint(out / f"{name}.ckpt")],
        random_state=seed,
        verbose=2,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # forgeries are hands of their own
        verifier.fit(object_array(images), hands, contexts=contexts)
    print(f"{time.time() - start:.0f} s", flush=True)
    finish(verifier, signatures, valid)
    hwsk.save(verifier, out / f"{name}.hwsk", half_precision=True)


def finish(verifier, signatures, valid: np.ndarray) -> None:
    """Leave out what only training needs, and calibrate on the validation writers."""
    verifier.set_params(callbacks=None, verbose=0)
    pairs, same = make_pairs(
        signatures.writer[valid], forged=signatures.forged[valid], negatives="skilled"
    )
    verifier.calibrate_threshold(signatures.images[valid][pairs], same)


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
def judge(model: Path, data: str) -> None:
    """Print the figures of a verifier."""
    signatures, _, valid, test = load_split(data)
    verifier = hwsk.load(model)
    print(f"{date.today()} {model.name}")
    for part, rows in (("validation", valid), ("test", test)):
        if not ("final" in model.name and part == "test"):
            distances = distances_of(verifier, signatures, rows)
            print_report(f"{part} writers, places", signatures, rows, distances=distances)
            vectors = verifier.transform(signatures.images[rows])
            print_report(f"{part} writers, vectors", signatures, rows, vectors)
    pairs, same = make_pairs(
        signatures.writer[rows], forged=signatures.forged[rows], negatives="skilled"
    )
    scores = verifier.decision_function(signatures.images[rows][pairs])
    for label, rate in (("FAR", false_acceptance_rate), ("FRR", false_rejection_rate)):
        value = rate(same, scores, threshold=verifier.threshold_)
        print(f"{part} writers, skilled: {label} {value:.4f} at the validation writers' threshold")


def distances_of(verifier, signatures, rows: np.ndarray) -> np.ndarray:
    """Distance of each two signatures that the protocols ask for; of others 2, the largest."""
    first, second = np.triu_indices(len(rows), 1)
    writer, forged = signatures.writer[rows], signatures.forged[rows]
    known = ~forged[first] | ~forged[second]
    asked = known & (writer[first] == writer[second]) | ~forged[first] & ~forged[second]
    pairs = np.column_stack([first, second])[asked]
    distances = np.full(len(first), 2.0)
    start = time.process_time()
    distances[asked] = verifier.pair_distance(signatures.images[rows][pairs])
    seconds = time.process_time() - start
    print(f"{len(rows)} images, {len(pairs)} pairs: {seconds:.0f} s of one processor", flush=True)
    return squareform(distances)


if __name__ == "__main__":
    main()
