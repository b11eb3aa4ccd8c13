"""The EMNIST table: trained networks side by side, their ensemble, and baselines at the foot.

    python -m benchmarks.characters.table --data ../shared/data --out runs/emnist

Reads what `train.py` left in --out. The baselines are trained here, on the same images.
"""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path

import click
import numpy as np
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

import hwsk
from benchmarks.characters.data import SPLIT_SEED, load_split
from benchmarks.characters.train import NETWORKS, report
from hwsk.metrics import confused_pairs
from hwsk.preprocessing.augmentation import character_augmentation

VOTERS = ["bilstm-distorted", "cnn", "cnn-rows"]


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/emnist", type=click.Path(path_type=Path))
@click.option("--seed", default=0)
@click.option("--best", default="cnn", help="Network to look at closer: pairs, augmentation.")
def main(data, out, seed, best) -> None:
    """Print the table."""
    train, valid, test = load_split(data)
    print(f"{date.today()} EMNIST, {len(train.text)} images to train; split seed {SPLIT_SEED}")
    trained = {
        name: hwsk.load(out / f"{name}-{seed}.hwsk")
        for name in NETWORKS
        if (out / f"{name}-{seed}.hwsk").exists()
    }
    for name, network in trained.items():
        figures = json.loads((out / f"{name}-{seed}.json").read_text())
        print(
            f"{name}: {figures['weights']} weights, {figures['epochs']} epochs of "
            f"{figures['seconds']:.0f} s"
        )
        report(f"{name}, validation", valid.text, network.predict(valid.images))
        report(f"{name}, test", test.text, network.predict(test.images))
    voters = [(name, FrozenEstimator(trained[name])) for name in VOTERS if name in trained]
    voting = VotingClassifier(voters, voting="soft").fit(valid.images, valid.text)
    report(f"vote of {', '.join(name for name, _ in voters)}, test", test.text,
           voting.predict(test.images))  # fmt: skip
    pairs = confused_pairs(test.text, trained[best].predict(test.images))
    print(f"{best}, test, the pairs confused most:\n{pairs.head(8).to_string()}")
    for strength in (0.3, 0.6):
        changed = trained[best].set_params(
            test_augmentations=8, augment=character_augmentation(strength)
        )
        for part, images in (("validation", valid), ("test", test)):
            report(f"{best}, mean over 8 distortions of strength {strength}, {part}",
                   images.text, changed.predict(images.images))  # fmt: skip
    pixels = [part.images.reshape(len(part.text), -1).astype(np.float32) / 255
              for part in (train, test)]  # fmt: skip
    for baseline in (
        LogisticRegression(C=0.01, max_iter=200, class_weight="balanced"),
        KNeighborsClassifier(5, weights="distance"),
    ):
        start = time.time()
        baseline.fit(pixels[0], train.text)
        report(f"{baseline}, test", test.text, baseline.predict(pixels[1]))
        print(f"    {time.time() - start:.0f} s")


if __name__ == "__main__":
    main()
