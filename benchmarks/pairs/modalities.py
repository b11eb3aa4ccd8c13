"""One encoder for words, signatures and sketches, beside one for each.

    python -m benchmarks.pairs.modalities --data ../shared/data

Trains verifiers on words and signatures, together and alone, and autoencoders on words, signatures
and sketches, together and alone, for as many epochs and on one canvas; prints what each is worth on
writers (or drawings) that none was trained on, with intervals over writers, for each seed.
"""

from __future__ import annotations

from datetime import date
from typing import Any, NamedTuple

import click
import numpy as np
import torch

from benchmarks.shared.words import SPLIT_SEED, load_split
from hwsk.datasets import load_cedar_signatures, load_sketches
from hwsk.metrics import equal_error_rate, pair_bootstrap_interval
from hwsk.model_selection import make_pairs
from hwsk.preprocessing import SignatureNormalizer
from hwsk.preprocessing.augmentation import Compose, ElasticDistortion, RandomAffine
from hwsk.representation import VariationalAutoencoder
from hwsk.verification import SiameseVerifier

CANVAS = (48, 96)
N_SKETCHES = 1500  # of each of the three collections, to train
SIGNERS = (5, 17)  # where writers of signatures are split: left out, tested, trained on
KINDS = ("words", "signatures", "sketches")


class Modality(NamedTuple):
    """Images on the canvas, who made them, and which are to train and to test on."""

    images: np.ndarray
    hands: np.ndarray
    writers: np.ndarray
    forged: np.ndarray
    train: np.ndarray
    test: np.ndarray


def load(data: str) -> dict[str, Modality]:
    """The three modalities, each image fitted to the canvas."""
    fitted = VariationalAutoencoder(image_size=CANVAS, max_epochs=1, channels=(4, 4, 4, 4))
    words, train, _, test = load_split(data)
    parts = {
        "words": Modality(
            words.images, words.writer, words.writer, np.zeros(len(words.writer), bool), train, test
        )
    }
    signatures = load_cedar_signatures(f"{data}/cedar_signatures")
    writers = np.random.default_rng(SPLIT_SEED).permutation(np.unique(signatures.writer))
    _, test, train = (
        np.flatnonzero(np.isin(signatures.writer, part)) for part in np.split(writers, SIGNERS)
    )
    images = np.stack(
        SignatureNormalizer(size=CANVAS, pen_width=None).fit_transform(signatures.images)
    )
    parts["signatures"] = Modality(
        images, signatures.hand, signatures.writer, signatures.forged, train, test
    )
    sketches = load_sketches(f"{data}/sketches", subset="train", as_images=True, size=CANVAS[0])
    rng = np.random.default_rng(0)
    rows = np.concatenate(
        [
            rng.permutation(np.flatnonzero(sketches.category == category))[: N_SKETCHES + 300]
            for category in np.unique(sketches.category)
        ]
    )
    names = np.array([f"sketch {row}" for row in rows])
    is_test = np.arange(len(rows)) % (N_SKETCHES + 300) >= N_SKETCHES
    parts["sketches"] = Modality(
        np.stack(list(sketches.images[rows])),
        names,
        names,
        np.zeros(len(rows), bool),
        np.flatnonzero(~is_test),
        np.flatnonzero(is_test),
    )
    fitted.fit(parts["words"].images[:64])
    return {
        kind: part._replace(images=np.stack([fitted._on_canvas(image) for image in part.images]))
        for kind, part in parts.items()
    }


def augmentation() -> Compose:
    """Small changes, the same for all."""
    affine = RandomAffine(
        3, 0.1, scale_x=(0.9, 1.1), scale_y=(0.9, 1.1), shift=0.04, keep_size=True
    )
    return Compose([affine, ElasticDistortion(1.0, 10.0)], p=[0.8, 0.5])


def error_rates(verifier: Any, part: Modality, name: str) -> None:
    """Print the equal error rate on the test writers, with random and with skilled forgeries."""
    vectors = verifier.transform(part.images[part.test])
    writers, forged = part.writers[part.test], part.forged[part.test]
    for negatives in ("random", "skilled") if forged.any() else ("random",):
        pairs, same = make_pairs(writers, forged=forged, negatives=negatives, random_state=0)
        scores = -np.linalg.norm(vectors[pairs[:, 0]] - vectors[pairs[:, 1]], axis=1)
        low, high = pair_bootstrap_interval(
            equal_error_rate, same, scores, writers[pairs], n_resamples=200, random_state=0
        )
        rate = equal_error_rate(same, scores)
        print(f"{name}, {negatives}: EER {rate:.4f} [{low:.4f}, {high:.4f}]", flush=True)


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--epochs", default=5)
@click.option("--seeds", default=1)
def main(data: str, epochs: int, seeds: int) -> None:
    """Train alone and together, and print."""
    parts = load(data)
    counts = {kind: (len(part.train), len(part.test)) for kind, part in parts.items()}
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; images to "
        f"train and to test {counts}, canvas {CANVAS}, {epochs} epochs"
    )
    for seed in range(seeds):
        settings = {
            "image_size": CANVAS,
            "max_epochs": epochs,
            "augment": augmentation(),
            "random_state": seed,
        }
        for kinds in (KINDS[:1], KINDS[1:2], KINDS[:2]):
            images, hands = (
                np.concatenate([getattr(parts[kind], of)[parts[kind].train] for kind in kinds])
                for of in ("images", "hands")
            )
            prefix = np.repeat(kinds, [len(parts[kind].train) for kind in kinds])
            labels = np.array([f"{kind} {hand}" for kind, hand in zip(prefix, hands, strict=True)])
            verifier = SiameseVerifier("multi_similarity", **settings).fit(images, labels)
            for kind in kinds:
                error_rates(
                    verifier, parts[kind], f"seed {seed}, verifier of {' + '.join(kinds)}: {kind}"
                )
        for kinds in (*((kind,) for kind in KINDS), KINDS):
            images = np.concatenate([parts[kind].images[parts[kind].train] for kind in kinds])
            vae = VariationalAutoencoder(32, **settings).fit(images)
            for kind in kinds:
                asked = parts[kind].images[parts[kind].test]
                error = np.mean((vae.reconstruct(asked) - asked / np.float32(255)) ** 2)
                print(
                    f"seed {seed}, autoencoder of {' + '.join(kinds)}: {kind}: MSE {error:.4f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
