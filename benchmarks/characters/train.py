"""Train the networks of the EMNIST table, `models/emnist-characters.hwsk` among them.

    python -m benchmarks.characters.train cnn --data ../shared/data --out runs/emnist

Stops and goes on: run it again with the same --out and it continues from the last epoch.
Prints a line an epoch, and at the end the figures on the validation and the test images.
"""

from __future__ import annotations

import copy
import json
from datetime import date
from pathlib import Path

import click
import numpy as np
import torch
from sklearn.metrics import accuracy_score, f1_score
from skorch.callbacks import Callback

import hwsk
from benchmarks.characters.data import SPLIT_SEED, load_split
from hwsk.callbacks import Checkpoint
from hwsk.metrics import bootstrap_interval
from hwsk.preprocessing.augmentation import character_augmentation
from hwsk.recognition import CharacterClassifier

# name: (parameters, epochs, learning rate, strength of distortions, epochs at the end with a third
# of that strength). "lstm" is the published system; "lstm-short" stands beside "bilstm",
# which was trained as long.
CNN = {"architecture": "cnn", "label_smoothing": 0.1}
CNN_ROWS = {"architecture": "cnn_rows", "label_smoothing": 0.1, "bidirectional": True}
NETWORKS = {
    "lstm": ({}, 15, 3e-3, 0.0, 0),
    "lstm-short": ({}, 8, 3e-3, 0.0, 0),
    "bilstm": ({"bidirectional": True}, 8, 3e-3, 0.0, 0),
    "bilstm-distorted": ({"bidirectional": True}, 15, 3e-3, 1.0, 0),
    "cnn": (CNN, 18, 2e-3, 1.0, 4),
    "cnn_rows": (CNN_ROWS, 7, 2e-3, 1.0, 2),
}


class Watch(Callback):
    """Print the accuracy on the validation images after each epoch."""

    def __init__(self, estimator, images, text):
        self.estimator, self.images, self.text = estimator, images, text

    def on_epoch_end(self, net, **kwargs):
        fitted = copy.copy(self.estimator)
        fitted.net_ = net
        print(f"    validation accuracy {fitted.score(self.images, self.text):.4f}", flush=True)


def macro_f1(y_true, y_pred):
    return f1_score(y_true, y_pred, average="macro")


def report(name, y_true, y_pred):
    """Print accuracy and macro F1 with 95% bootstrap intervals over the images."""
    figures = {}
    for metric in (accuracy_score, macro_f1):
        value = metric(y_true, y_pred)
        low, high = bootstrap_interval(metric, y_true, y_pred, random_state=0)
        figures[metric.__name__] = [value, low, high]
        print(
            f"{name}: {len(y_true)} images: {metric.__name__} {value:.4f} [{low:.4f}, {high:.4f}]",
            flush=True,
        )
    return figures


@click.command()
@click.argument("network", type=click.Choice(list(NETWORKS)))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/emnist", type=click.Path(path_type=Path))
@click.option("--epochs", type=int, help="Other than the network's own number, before the finish.")
@click.option("--weight-decay", default=0.05)
@click.option("--seed", default=0)
def main(network, data, out, epochs, weight_decay, seed) -> None:
    """Train one NETWORK of the table."""
    out.mkdir(parents=True, exist_ok=True)
    train, valid, test = load_split(data)
    parameters, own_epochs, lr, strength, finish = NETWORKS[network]
    name = f"{network}-{seed}"
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; {name}: "
        f"{len(train.text)} images to train, {len(valid.text)} to validate, {len(test.text)} to "
        f"test; split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    classifier = CharacterClassifier(
        **parameters,
        class_weight="balanced",  # the test is balanced, the training images are not
        max_epochs=epochs or own_epochs,
        lr=lr,
        weight_decay=weight_decay,
        augment=character_augmentation(strength) if strength else None,
        callbacks=[Checkpoint(out / f"{name}.ckpt")],
        random_state=seed,
        verbose=2,
    )
    watch = Watch(classifier, valid.images, valid.text)
    classifier.callbacks.append(watch)
    classifier.fit(train.images, train.text)
    history = classifier.history_
    if finish:
        classifier.set_params(
            max_epochs=finish,
            lr=lr / 2,
            augment=character_augmentation(strength / 3),
            warm_start=True,
            callbacks=[Checkpoint(out / f"{name}-finish.ckpt"), watch],
        )
        classifier.fit(train.images, train.text)
        history = history + classifier.history_
    classifier.set_params(callbacks=None, verbose=0, warm_start=False)
    hwsk.save(classifier, out / f"{name}.hwsk")
    classifier = hwsk.load(out / f"{name}.hwsk")
    weights = sum(weight.numel() for weight in classifier.net_.module_.parameters())
    seconds = np.median([epoch["dur"] for epoch in history])
    print(f"{name}: {weights} weights, {seconds:.0f} s an epoch, {len(history)} epochs")
    figures = {"weights": weights, "seconds": seconds, "epochs": len(history)}
    for part, images in (("validation", valid), ("test", test)):
        figures[part] = report(f"{name}, {part}", images.text, classifier.predict(images.images))
    (out / f"{name}.json").write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
