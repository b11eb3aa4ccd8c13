"""Samples a second of `fit` by `n_jobs`, against one process and against a loop without loading.

    python -m benchmarks.speed.loading --jobs 1,2,4
    python -m benchmarks.speed.loading --jobs 1,4,8,16 --device cuda

A `CTCRecognizer` learns from generated lines in PNG files that it decodes and augments in each
epoch. The hand-written loop trains the same network on the same batches, which were made
beforehand: it shows what the network alone can take. Differences of two fits of other lengths are
printed, so that neither the pass over the files before training nor the start of workers counts.
"""

from __future__ import annotations

import tempfile
import time
import warnings
from datetime import date
from pathlib import Path

import click
import cv2
import torch
from sklearn.exceptions import ConvergenceWarning

from benchmarks.speed.overhead import Recorder, plain_loop
from hwsk.datasets import make_handwriting
from hwsk.networks.crnn import CRNN, CTCLoss
from hwsk.preprocessing.augmentation import default_augmentation
from hwsk.recognition import CTCRecognizer


def write_lines(n: int, folder: Path) -> tuple[list[str], list[str]]:
    """Write generated lines as PNG files; their paths and texts."""
    data = make_handwriting(n, level="line", random_state=0)
    paths = [str(folder / f"{i}.png") for i in range(n)]
    for path, image in zip(paths, data.images, strict=True):
        cv2.imwrite(path, image)
    return paths, list(data.text)


def seconds_per_epoch(recognizer: CTCRecognizer, paths: list[str], text: list[str]) -> float:
    """Time of an epoch more."""
    times = []
    for epochs in (1, 3):
        start = time.perf_counter()
        recognizer.set_params(max_epochs=epochs).fit(paths, text)
        times.append(time.perf_counter() - start)
    return (times[1] - times[0]) / 2


@click.command()
@click.option("--jobs", default="1,2", help="Values of n_jobs, separated by commas.")
@click.option("--samples", default=512)
@click.option("--batch-size", default=16)
@click.option("--device", default="cpu")
def main(jobs: str, samples: int, batch_size: int, device: str) -> None:
    """Print samples a second for each number of workers, and their ratios."""
    warnings.simplefilter("ignore", ConvergenceWarning)  # three epochs teach nothing
    recorder = Recorder()
    recognizer = CTCRecognizer(
        batch_size=batch_size, augment=default_augmentation(), device=device, random_state=0
    )
    with tempfile.TemporaryDirectory() as folder:
        paths, text = write_lines(samples, Path(folder))
        recognizer.set_params(callbacks=[recorder], max_epochs=1).fit(paths, text)
        network = CRNN(len(recognizer.alphabet_) + 1)
        wall, _ = plain_loop(recorder.dataset, network, CTCLoss(), 2, batch_size, device)
        bare = 2 * samples / wall
        recognizer.set_params(callbacks=None)
        rates = {}
        for n_jobs in map(int, jobs.split(",")):
            recognizer.set_params(n_jobs=n_jobs)
            rates[n_jobs] = samples / seconds_per_epoch(recognizer, paths, text)
            print(
                f"n_jobs={n_jobs}: {rates[n_jobs]:.1f} samples/s, "
                f"{rates[n_jobs] / next(iter(rates.values())):.2f} times the first, "
                f"{rates[n_jobs] / bare:.2f} of the loop's {bare:.1f}",
                flush=True,
            )
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads, {device}, "
        f"{samples} lines, batch {batch_size}"
    )


if __name__ == "__main__":
    main()
