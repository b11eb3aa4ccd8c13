"""Speed of training by precision, of reading, its memory, and the padding of batches.

    python -m benchmarks.speed.lines                     generated lines alone
    python -m benchmarks.speed.lines --model models/iam-lines.hwsk --data ../shared/data

Ratios are of processor time within one run, since wall time on a shared machine is noise.
"""

from __future__ import annotations

import multiprocessing
import pickle
import resource
import statistics
import tempfile
import time
from datetime import date
from pathlib import Path

import click
import cv2
import numpy as np
import torch

import hwsk
from benchmarks.shared.iam import load_spaced, load_split
from hwsk._training.batches import RasterDataset, WidthBatches, collate_rasters
from hwsk.datasets import make_handwriting
from hwsk.metrics import bootstrap_interval, character_error_rate
from hwsk.networks.crnn import CRNN, CTCLoss
from hwsk.preprocessing import HeightNormalizer
from hwsk.recognition import CTCRecognizer


def training_step(bfloat16: bool, channels_last: bool, rounds: int = 5) -> float:
    """Median processor seconds of a step on 16 lines of 32 x 512 pixels."""
    torch.manual_seed(0)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    network = CRNN(80).to(memory_format=layout).train()
    loss_function = CTCLoss()
    images = torch.rand(16, 1, 32, 512).contiguous(memory_format=layout)
    widths, lengths = torch.full((16,), 512), torch.full((16,), 40)
    targets = torch.randint(1, 80, (16 * 40,))
    times = []
    for _ in range(rounds + 1):
        start = time.process_time()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            output = network(images, widths)
        loss_function(output, (targets, lengths)).backward()
        times.append(time.process_time() - start)
    return statistics.median(times[1:])


def peak_memory(model: str, paths: list[str], queue: multiprocessing.Queue) -> None:
    """Read lines in a process of its own; report peak memory in MiB and lines a second."""
    recognizer = hwsk.load(model)
    recognizer.predict(paths[:32])
    start = time.perf_counter()
    recognizer.predict(paths)
    rate = len(paths) / (time.perf_counter() - start)
    queue.put((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, rate))


@click.command()
@click.option("--model", type=click.Path(exists=True))
@click.option("--data", type=click.Path(exists=True))
def main(model: str | None, data: str | None) -> None:
    """Print a table."""
    print(f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads")
    base = None
    for bfloat16 in (False, True):
        for channels_last in (False, True):
            seconds = training_step(bfloat16, channels_last)
            base = base or seconds
            print(
                f"training step, {'bfloat16' if bfloat16 else 'float32':8} "
                f"{'channels last' if channels_last else 'channels first':14} "
                f"{seconds:.3f} s, {base / seconds:.1f} times as fast as the first row"
            )
    lines = make_handwriting(100, level="line", random_state=0)
    with tempfile.TemporaryDirectory() as folder:
        if model is None:
            model = f"{folder}/small.hwsk"
            hwsk.save(CTCRecognizer(max_epochs=1).fit(lines.images[:32], lines.text[:32]), model)
        paths = [f"{folder}/{i}.png" for i in range(len(lines.images))]
        for path, image in zip(paths, lines.images, strict=True):
            cv2.imwrite(path, image)
        context = multiprocessing.get_context("spawn")
        for repeats in (1, 4, 16):
            queue = context.Queue()
            process = context.Process(target=peak_memory, args=(model, paths * repeats, queue))
            process.start()
            memory, rate = queue.get()
            process.join()
            print(
                f"reading {len(paths) * repeats} generated lines from files: "
                f"{rate:.0f} lines/s, peak memory {memory:.0f} MiB"
            )
    if data is not None:
        on_iam(model, data)


def on_iam(model: str, data: str) -> None:
    """Padding on IAM lines, and the error rate by precision on the validation writers."""
    bunch, _, valid = load_split(data)
    dataset = RasterDataset(HeightNormalizer(40).fit_transform(bunch.images), (1.0, 0.0))
    dataset.widths = np.array([image.shape[1] for image in dataset.images])
    shares = {}
    for name, widths in (("grouped by width", dataset.widths), ("in random order", None)):
        dataset.widths, area, ink = widths, 0, 0
        for rows in WidthBatches(dataset, 16, shuffle=True):
            X, _ = collate_rasters([dataset[i] for i in rows])
            area += X["images"].shape[0] * X["images"].shape[3]
            ink += int(X["widths"].sum())
        shares[name] = 1 - ink / area
    for name, share in shares.items():
        print(f"padding of batches of 16 IAM lines {name}: {share:.1%} of the area")
    recognizer = load_spaced(model)
    for precision in ("float32", "bfloat16"):
        recognizer.set_params(recognize__precision=precision)
        reader = pickle.loads(pickle.dumps(recognizer))  # the precision is resolved on loading
        read = reader.predict(bunch.images[valid])
        cer = character_error_rate(bunch.text[valid], read)
        low, high = bootstrap_interval(
            character_error_rate,
            bunch.text[valid],
            read,
            groups=bunch.writer[valid],
            random_state=0,
        )
        print(
            f"{Path(model).name} on validation writers in {precision}: "
            f"CER {cer:.4f} [{low:.4f}, {high:.4f}]"
        )


if __name__ == "__main__":
    main()
