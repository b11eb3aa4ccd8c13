"""Whether lines that the synthesizer wrote help a recognizer that has few real ones.

    python -m benchmarks.strokes.augmentation models/synthesizer.hwsk

A small `CTCRecognizer` learns from real lines of IAM-OnDB's trainset, drawn as images, and from 0,
1 or 4 times as many lines that were written by the synthesizer, half of them in the hand of one of
those real lines; it is judged on drawn lines of testset_t, whose writers neither has seen. All have
seen as many lines in all when they end. The synthesizer itself has learnt from all lines of
trainset and testset_f: what it adds is what those have taught it.
"""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.pipeline import make_pipeline

import hwsk
from benchmarks.strokes.train_iam import load
from hwsk.metrics import bootstrap_interval, character_error_rate
from hwsk.preprocessing import Deslanter, HeightNormalizer, StrokeRasterizer
from hwsk.recognition import CTCRecognizer

HEIGHT = 32


def prepare(strokes: Any) -> np.ndarray:
    """Strokes as images of the recognizer's height."""
    steps = StrokeRasterizer(height=96), Deslanter(), HeightNormalizer(HEIGHT)
    return make_pipeline(*steps).fit_transform(strokes)


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--data-home", default="runs/data", type=click.Path())
@click.option("--lines", "n_lines", default=300, help="Real lines to learn from.")
@click.option("--seen", default=15_000, help="Lines that each recognizer sees, with repetition.")
@click.option("--seeds", default=2)
def main(model: Path, data: str, data_home: str, n_lines: int, seen: int, seeds: int) -> None:
    """Print the table."""
    synthesizer = hwsk.load(model)
    train, test = load(data, data_home, "train"), load(data, data_home, "test_t")
    chosen = np.random.default_rng(0).permutation(len(test.text))[:400]
    truth, writers, images = test.text[chosen], test.writer[chosen], prepare(test.strokes[chosen])
    print(
        f"{date.today()} {model.name}; {n_lines} real lines of IAM-OnDB's trainset, {len(truth)} "
        f"of testset_t to judge; {seen} lines seen by each; seeds 0 to {seeds - 1}",
        flush=True,
    )
    read: dict[int, list[Any]] = {}
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        rows = rng.permutation(len(train.text))
        real, others = rows[:n_lines], rows[n_lines : 5 * n_lines]
        texts = list(train.text[others])
        hands = [(train.strokes[i], train.text[i]) for i in np.resize(real, len(texts))]
        half = len(texts) // 2
        start = time.time()
        made = [
            *synthesizer.sample(texts=texts[:half], prime=hands[:half], random_state=seed),
            *synthesizer.sample(texts=texts[half:], random_state=seed),
        ]
        print(f"seed {seed}: {len(made)} lines written in {time.time() - start:.0f} s", flush=True)
        order = rng.permutation(len(made))
        known, drawn = list(prepare(train.strokes[real])), list(prepare(made))
        for times in (0, 1, 4):
            # A line that ran together has no time step for each character: CTC can't learn it.
            wide = [i for i in order if drawn[i].shape[1] >= 6 * len(texts[i])]
            more = wide[: times * n_lines]
            recognizer = CTCRecognizer(
                height=HEIGHT,
                channels=(16, 32, 64),
                dense_units=96,
                hidden_units=96,
                max_epochs=round(seen / (n_lines * (1 + times))),
                batch_size=8,
                lr=2e-3,
                random_state=seed,
            )
            recognizer.fit(
                known + [drawn[i] for i in more],
                [*train.text[real], *(texts[i] for i in more)],
            )
            read.setdefault(times, []).append(recognizer.predict(images))
            error = character_error_rate(truth, read[times][-1])
            print(f"seed {seed}, {times}x: CER {error:.4f}", flush=True)
    for times, readings in read.items():
        errors = [character_error_rate(truth, recognized) for recognized in readings]
        low, high = bootstrap_interval(
            character_error_rate,
            np.tile(truth, seeds),
            np.concatenate(readings),
            groups=np.tile(writers, seeds),
            random_state=0,
        )
        print(f"{times}x: CER {np.mean(errors):.4f} [{low:.4f}, {high:.4f}]")


if __name__ == "__main__":
    main()
