"""What `CTCRecognizer.fit` costs over a hand-written PyTorch loop: same network, batches, epochs.

    python benchmarks/overhead.py

Both train on the same generated lines, in turns, in one process; the ratios of each round's wall
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

from hwsk.base import WidthBatches, collate_rasters, resolve_device, resolve_precision
from hwsk.datasets import make_handwriting
from hwsk.networks.crnn import CRNN, CTCLoss
from hwsk.preprocessing import HeightNormalizer
from hwsk.recognition import CTCRecognizer


class Recorded(CTCRecognizer):
    """A recognizer that remembers its training set, so that the loop can take the same batches."""

    def _dataset(self, images, targets=None, augment=None, seed=0):
        dataset = super()._dataset(images, targets, augment, seed)
        if targets is not None:
            self.dataset = dataset
        return dataset


def clocks() -> np.ndarray:
    """Wall and processor time, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def plain_loop(dataset, n_classes: int, epochs: int, batch_size: int) -> np.ndarray:
    """Wall and processor seconds of the loop that one would write by hand."""
    dtype = resolve_precision("auto", resolve_device("cpu"))
    batches = []
    for epoch in range(epochs):
        dataset.epoch = epoch
        sampler = WidthBatches(dataset, batch_size, shuffle=True)
        batches += [collate_rasters([dataset[i] for i in rows]) for rows in sampler]
    network = CRNN(n_classes).to(memory_format=torch.channels_last).train()
    loss_function = CTCLoss()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    start = clocks()
    for X, y in batches:
        optimizer.zero_grad()
        X["images"] = X["images"].contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
            output = network(**X)
        loss = loss_function(output, y)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        loss.item()
    return clocks() - start


@click.command()
@click.option("--lines", default=512)
@click.option("--epochs", default=2)
@click.option("--rounds", default=5)
@click.option("--batch-size", default=16)
def main(lines: int, epochs: int, rounds: int, batch_size: int) -> None:
    """Print the ratio of times, fit over loop."""
    data = make_handwriting(lines, level="line", random_state=0)
    images = HeightNormalizer(40).fit_transform(data.images)
    recognizer = Recorded(max_epochs=epochs, batch_size=batch_size, random_state=0)
    ratios = []
    for i in range(rounds + 1):
        start = clocks()
        recognizer.fit(images, data.text)
        fitted = clocks() - start
        classes = len(recognizer.alphabet_) + 1
        by_hand = plain_loop(recognizer.dataset, classes, epochs, batch_size)
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
        f"{lines} lines, {epochs} epochs, batch {batch_size}, {rounds} rounds: "
        f"median ratio of wall time {wall:.3f}, of processor time {processor:.3f}"
    )


if __name__ == "__main__":
    main()
