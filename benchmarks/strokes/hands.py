"""Teach the synthesizer's encoder of hands to know writers, before it learns along.

    python -m benchmarks.strokes.hands --data strokes.npz --out encoder.pt

Pieces of IAM-OnDB's lines (trainset, testset_f) are given to their writers; the likelihood of
strokes alone teaches an encoder from nothing slowly, as a hand shows in its points before. The log
has how often the nearest of the other forms' lines is the same writer's, on testset_t, whose
writers are others.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

import hwsk
from benchmarks.strokes.data import Lines
from benchmarks.strokes.train import N_STYLE
from hwsk.networks.strokes import StyleEncoder
from hwsk.synthesis._density import pad

SHARPNESS = 16.0  # of the cosines that are the classes' scores


@torch.inference_mode()
def encode(encoder: StyleEncoder, lines: Lines, synthesizer: Any) -> torch.Tensor:
    """Vectors of all lines."""
    encoder.eval()
    points = [synthesizer._standardize(lines.strokes(row)) for row in range(len(lines))]
    order = np.argsort([len(p) for p in points], kind="stable")
    vectors = torch.empty(len(points), encoder.head.out_features)
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        chosen = [points[row] for row in rows]
        lengths = torch.tensor([len(p) for p in chosen])
        vectors[rows] = encoder(pad(chosen), lengths)
    return vectors


def nearest_is_right(encoder: StyleEncoder, lines: Lines, synthesizer: Any) -> float:
    """Share of lines whose nearest line of another form is by the same writer."""
    vectors = F.normalize(encode(encoder, lines, synthesizer), dim=1)
    writers, forms = np.array(lines.writers), np.array(lines.forms)
    likeness = (vectors @ vectors.T).numpy()
    likeness[forms[:, None] == forms] = -np.inf
    same = (writers[:, None] == writers) & (forms[:, None] != forms)
    asked = same.any(axis=1) & (writers != "")
    return float((writers[likeness.argmax(axis=1)] == writers)[asked].mean())


@click.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--seconds", default=600.0)
@click.option("--batch-size", default=128)
@click.option("--lr", default=2e-3)
@click.option("--seed", default=0)
def main(data: Path, out: Path, seconds: float, batch_size: int, lr: float, seed: int) -> None:
    """Train for some time, and write the encoder's weights."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    synthesizer = hwsk.load("synthesizer")
    train, other = Lines(data, "train"), Lines(data, "validation")
    names = [w or f"form {f}" for w, f in zip(train.writers, train.forms, strict=True)]
    writers, classes = np.unique(names, return_inverse=True)
    points = [synthesizer._standardize(train.strokes(row)) for row in range(len(train))]
    encoder = StyleEncoder(N_STYLE)
    head = nn.Parameter(torch.randn(len(writers), N_STYLE))
    optimizer = torch.optim.AdamW([*encoder.parameters(), head], lr, weight_decay=1e-2)
    print(f"{datetime.now():%F %T} {len(train)} lines, {len(writers)} writers, seed {seed}")
    began, step, losses = time.time(), 0, []
    while (past := (time.time() - began) / seconds) < 1:
        for group in optimizer.param_groups:
            group["lr"] = lr * min(1, (step + 1) / 100) * (1 - past)
        encoder.train()
        rows = rng.integers(len(points), size=batch_size)
        pieces = []
        for row in rows:
            length = min(len(points[row]), int(rng.integers(100, 600)))
            start = rng.integers(len(points[row]) - length + 1)
            pieces.append(points[row][start : start + length])
        lengths = torch.tensor([len(piece) for piece in pieces])
        vectors = encoder(pad(pieces), lengths)
        scores = SHARPNESS * F.normalize(vectors, dim=1) @ F.normalize(head, dim=1).T
        loss = F.cross_entropy(scores, torch.from_numpy(classes[rows]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
        step += 1
        if step % 200 == 0:
            right = nearest_is_right(encoder, other, synthesizer)
            print(
                f"{datetime.now():%F %T} step {step} loss {np.mean(losses):.3f}, nearest of other "
                f"forms right {right:.3f}",
                flush=True,
            )
            losses = []
    out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(encoder.state_dict(), out)
    print(f"{out}: nearest right {nearest_is_right(encoder, other, synthesizer):.3f}")


if __name__ == "__main__":
    main()
