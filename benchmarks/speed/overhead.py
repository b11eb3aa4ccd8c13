"""What `fit` costs over a hand-written PyTorch loop: same network, batches, epochs.

    python -m benchmarks.speed.overhead --job lines
    python -m benchmarks.speed.overhead --job characters

Both train on the same generated images, in turns, in one process; the ratios of each round's wall
and processor times are printed, and their medians. All of `fit` counts: looking at the data, making
batches, the check for an all-blank result. The hand-written loop has its batches padded and made
into tensors beforehand, once for all epochs: it pays for network, loss and optimizer only.
"""

from __future__ import annotations

import time
from datetime import date

import click
import numpy as np
import torch
from skorch.callbacks import Callback

from hwsk._training.batches import WidthBatches
from hwsk._training.devices import resolve_device, resolve_precision
from hwsk.datasets import make_handwriting
from hwsk.networks.characters import CharacterNetwork
from hwsk.networks.crnn import CRNN, CTCLoss
from hwsk.networks.losses import WeightedCrossEntropy
from hwsk.preprocessing import CharacterNormalizer, HeightNormalizer
from hwsk.recognition import CharacterClassifier, CTCRecognizer


class Recorder(Callback):
    """Remembers the training set, so that the loop can take the same batches."""

    def on_train_begin(self, net, X=None, **kwargs):
        self.dataset = X


def clocks() -> np.ndarray:
    """Wall and processor time, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def plain_loop(
    dataset, network, loss_function, epochs: int, batch_size: int, device: str = "cpu"
) -> np.ndarray:
    """Wall and processor seconds of the loop that one would write by hand."""
    dtype = resolve_precision("auto", resolve_device(device))
    batches = []
    for epoch in range(epochs):
        dataset.epoch = epoch
        sampler = WidthBatches(dataset, batch_size, shuffle=True)
        batches += [dataset.collate([dataset[i] for i in rows]) for rows in sampler]
    network = network.to(device, memory_format=torch.channels_last).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    start = clocks()
    for X, y in batches:
        optimizer.zero_grad()
        X = {name: value.to(device) for name, value in X.items()}
        X["images"] = X["images"].contiguous(memory_format=torch.channels_last)
        with torch.autocast(device, dtype, enabled=dtype != torch.float32):
            output = network(**X)
        loss = loss_function(output, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        loss.item()
    return clocks() - start


def lines(n_samples, **params):
    """Images, texts, an estimator, and what its network and its loss are made by."""
    data = make_handwriting(n_samples, level="line", random_state=0)
    images = HeightNormalizer(40).fit_transform(data.images)
    n_classes = len({character for text in data.text for character in text}) + 1
    return images, data.text, CTCRecognizer(**params), lambda: CRNN(n_classes), CTCLoss()


def characters(n_samples, **params):
    """The same for characters: the stacked LSTM over rows, the lightest of the networks."""
    texts = np.resize(list("0123456789abcdefghij"), n_samples)
    data = make_handwriting(n_samples, texts=texts, n_writers=50, random_state=0)
    images = CharacterNormalizer().fit_transform(data.images)
    n_classes = len(set(data.text))
    return (
        images,
        data.text,
        CharacterClassifier(**params),
        lambda: CharacterNetwork((28, 28), n_classes),
        WeightedCrossEntropy(),
    )


@click.command()
@click.option("--job", type=click.Choice(["lines", "characters"]), default="lines")
@click.option("--samples", type=int, help="512 lines or 4096 characters, if not given.")
@click.option("--epochs", default=2)
@click.option("--rounds", default=5)
@click.option("--batch-size", type=int, help="16 or 128, if not given.")
def main(job: str, samples: int | None, epochs: int, rounds: int, batch_size: int | None) -> None:
    """Print the ratio of times, fit over loop."""
    make, samples, batch_size = {
        "lines": (lines, samples or 512, batch_size or 16),
        "characters": (characters, samples or 4096, batch_size or 128),
    }[job]
    recorder = Recorder()
    images, text, estimator, make_network, loss = make(
        samples, max_epochs=epochs, batch_size=batch_size, random_state=0, callbacks=[recorder]
    )
    ratios = []
    for i in range(rounds + 1):
        start = clocks()
        estimator.fit(images, text)
        fitted = clocks() - start
        by_hand = plain_loop(recorder.dataset, make_network(), loss, epochs, batch_size)
        if i:  # the first round warms up
            ratios.append(fitted / by_hand)
            print(
                f"round {i}: fit {fitted[0]:.2f} s, loop {by_hand[0]:.2f} s, "
                f"ratio of wall time {ratios[-1][0]:.3f}, of processor time {ratios[-1][1]:.3f}",
                flush=True,
            )
    wall, processor = np.median(ratios, axis=0)
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"{samples} {job}, {epochs} epochs, batch {batch_size}, {rounds} rounds: "
        f"median ratio of wall time {wall:.3f}, of processor time {processor:.3f}"
    )


if __name__ == "__main__":
    main()
