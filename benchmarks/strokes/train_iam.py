"""Train `models/stroke-predictor.hwsk` and `models/synthesizer.hwsk` on IAM-OnDB.

    python -m benchmarks.strokes.train_iam train predictor --out runs/strokes
    python -m benchmarks.strokes.train_iam train synthesizer --out runs/strokes
    python -m benchmarks.strokes.train_iam judge runs/strokes/synthesizer-seed0.hwsk

Learns from the official lists trainset and testset_f, is judged on testset_t; the known writers of
the lists are disjoint. Stops and goes on: run it again with the same --out, and it continues from
the last epoch. One thread each is the best use of two cores: OMP_NUM_THREADS=1. Large blocks of
fresh memory cost a fifth of the time; THP_MEM_ALLOC_ENABLE=1 makes them cheaper on Linux.
"""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from sklearn.utils import Bunch

import hwsk
from hwsk.callbacks import Checkpoint
from hwsk.datasets import load_iam_online
from hwsk.metrics import bootstrap_interval
from hwsk.synthesis import HandwritingSynthesizer, StrokePredictor

KINDS = {"predictor": StrokePredictor, "synthesizer": HandwritingSynthesizer}


def load(data: str, data_home: str, *subsets: str) -> Bunch:
    """Lines of IAM-OnDB's official lists, one after another."""
    parts = [load_iam_online(f"{data}/iamondb", subset=s, data_home=data_home) for s in subsets]
    names = ("strokes", "text", "writer", "ids")
    return Bunch(**{name: np.concatenate([part[name] for part in parts]) for name in names})


def arguments(model: Any, lines: Bunch, rows: Any = slice(None)) -> tuple[Any, ...]:
    """What `fit` and `score` of either kind take."""
    strokes = lines.strokes[rows]
    return (strokes,) if isinstance(model, StrokePredictor) else (lines.text[rows], strokes)


def with_pairs(lines: Bunch, seed: int) -> Bunch:
    """The lines, and pairs of lines of one form as one: what goes on in a hand, to learn to."""
    forms: dict[str, list[int]] = {}
    for row in np.random.default_rng(seed).permutation(len(lines.ids)):
        forms.setdefault(lines.ids[row].rsplit("-", 1)[0], []).append(row)
    pairs = [pair for rows in forms.values() for pair in zip(rows[::2], rows[1::2], strict=False)]
    strokes = [join(*(lines.strokes[i] for i in pair), lines.text[pair[0]]) for pair in pairs]
    text = [f"{lines.text[i]} {lines.text[k]}" for i, k in pairs]
    return Bunch(
        strokes=np.array([*lines.strokes, *strokes], dtype=object),
        text=np.array([*lines.text, *text], dtype=object),
    )


def join(one: np.ndarray, other: np.ndarray, text: str) -> np.ndarray:
    """Two lines side by side, a blank of the first apart, the ends level."""
    jumps = np.sort(one[1:, 0][one[:-1, 2] == 1])
    blank = (
        jumps[-max(1, text.count(" ")) :].mean() if len(jumps) else 10 * np.abs(one[:, 0]).mean()
    )
    ink, after = (np.cumsum(points[:, :2], axis=0, dtype=np.float64) for points in (one, other))
    start = (
        ink[:, 0].max() + blank + after[0, 0] - after[:, 0].min(),
        np.median(ink[-100:, 1]) + after[0, 1] - np.median(after[:100, 1]),
    )
    joined = np.concatenate([one, other])
    joined[len(one) - 1, 2] = 1
    joined[len(one), :2] = start - ink[-1]
    return joined


@click.group()
def main() -> None:
    """Train and judge."""


@main.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--data-home", default="runs/data", type=click.Path())
@click.option("--out", default="runs/strokes", type=click.Path(path_type=Path))
@click.option("--epochs", default=8)
@click.option("--hidden", default=400)
@click.option("--lr", default=2e-3)
@click.option("--seed", default=0)
@click.option("--start", type=click.Path(exists=True), help="Go on with the weights of this model.")
@click.option("--pairs", is_flag=True, help="Learn from pairs of lines as one, too.")
def train(
    kind: str,
    data: str,
    data_home: str,
    out: Path,
    epochs: int,
    hidden: int,
    lr: float,
    seed: int,
    start: str | None,
    pairs: bool,
) -> None:
    """Train, save."""
    out.mkdir(parents=True, exist_ok=True)
    lines = load(data, data_home, "train", "test_f")
    if pairs:
        lines = with_pairs(lines, seed)
    model = KINDS[kind](
        hidden_units=hidden,
        max_epochs=epochs,
        batch_size=32,
        lr=lr,
        ema_decay=0.998,
        callbacks=[Checkpoint(out / f"{kind}-seed{seed}.ckpt")],
        random_state=seed,
        verbose=2,
    )
    if start is not None:
        parameters = {**model.get_params(deep=False), "warm_start": True}
        model = hwsk.load(start).set_params(**parameters)
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; IAM-OnDB "
        f"trainset and testset_f: {len(lines.strokes)} lines; seed {seed}; {model}",
        flush=True,
    )
    began = time.time()
    model.fit(*arguments(model, lines))
    weights = sum(weight.numel() for weight in model.net_.module_.parameters())
    print(f"{model.n_iter_} epochs, {time.time() - began:.0f} s, {weights:,} weights", flush=True)
    model.set_params(callbacks=None, verbose=0, warm_start=False)
    hwsk.save(model, out / f"{kind}-seed{seed}.hwsk", half_precision=True)


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--data-home", default="runs/data", type=click.Path())
def judge(model: Path, data: str, data_home: str) -> None:
    """Print the log-likelihood of the validation lines."""
    density = hwsk.load(model)
    lines = load(data, data_home, "test_t")
    print(
        f"{date.today()} {model.name}; IAM-OnDB testset_t: {len(lines.strokes)} lines of "
        f"{np.mean([len(points) for points in lines.strokes]):.1f} points, no cap; deviations of "
        f"the training set {density.scale_.round(3).tolist()}"
    )
    scores = density.score_samples(*arguments(density, lines))
    low, high = bootstrap_interval(
        lambda _, drawn: float(np.mean(drawn)), scores, scores, groups=lines.writer, random_state=0
    )
    points = sum(len(points) - 1 for points in lines.strokes)
    print(
        f"log-likelihood {scores.mean():.1f} nats a line (95% over writers {low:.1f} to "
        f"{high:.1f}), {scores.sum() / points:.4f} nats a point",
        flush=True,
    )


if __name__ == "__main__":
    main()
