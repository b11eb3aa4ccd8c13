"""`CharacterClassifier` on MNIST: the official 60,000 and 10,000 digits, no writer in both.

python -m benchmarks.characters.mnist --data ../shared/data
"""

from __future__ import annotations

import time
from datetime import date

import click
import torch
from sklearn.metrics import accuracy_score

from hwsk.datasets import load_mnist
from hwsk.metrics import bootstrap_interval
from hwsk.preprocessing.augmentation import character_augmentation
from hwsk.recognition import CharacterClassifier


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--epochs", default=6)
@click.option("--channels", default="16,32,64", help="Filters of the three stages.")
@click.option("--seed", default=0)
def main(data, epochs, channels, seed) -> None:
    """Train, and print the accuracy on the test images."""
    train = load_mnist(f"{data}/mnist", subset="train")
    test = load_mnist(f"{data}/mnist", subset="test")
    assert not set(train.writer) & set(test.writer)
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; MNIST: "
        f"{len(train.text)} images of {len(set(train.writer))} writers to train, {len(test.text)} "
        f"of {len(set(test.writer))} to test; seed {seed}",
        flush=True,
    )
    classifier = CharacterClassifier(
        architecture="cnn",
        channels=tuple(int(number) for number in channels.split(",")),
        max_epochs=epochs,
        lr=4e-3,
        augment=character_augmentation(0.8),
        random_state=seed,
        verbose=2,
    )
    start = time.time()
    classifier.fit(train.images, train.text)
    seconds = time.time() - start
    weights = sum(weight.numel() for weight in classifier.net_.module_.parameters())
    read = classifier.predict(test.images)
    low, high = bootstrap_interval(
        accuracy_score, test.text, read, groups=test.writer, random_state=0
    )
    print(
        f"test: accuracy {accuracy_score(test.text, read):.4f} [{low:.4f}, {high:.4f}] (95%, over "
        f"writers); {weights} weights, {epochs} epochs, {seconds:.0f} s"
    )


if __name__ == "__main__":
    main()
