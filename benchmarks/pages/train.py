"""Train the segmenter that ships as `page-lines`.

    python -m benchmarks.pages.train --pool /root/pages/pool --out /root/pages/run --epochs 200
    python -m benchmarks.pages.train --pool /root/pages/pool --out /root/pages/end \\
        --start /root/pages/run/last.hwsk --epochs 10 --decay

The rate is constant, and weights are averaged: a run can be ended after any epoch. A second one
with --decay lets the rate fall to 0. Each epoch is saved.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import torch
from skorch.callbacks import Callback

from benchmarks.pages.data import load_part
from hwsk.documents import LineSegmenter


class _Keep(Callback):
    """Write the weights and one line of the log after each epoch."""

    def __init__(self, out: Path) -> None:
        self.out = out

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        row = net.history[-1]
        torch.save(net.module_.state_dict(), self.out / "last.pt")
        score = row.get("valid_score", float("nan"))
        print(
            f"{time.strftime('%H:%M:%S')} epoch {row['epoch']} loss {row['train_loss']:.4f} "
            f"valid {row.get('valid_loss', float('nan')):.4f} dice {score:.4f} {row['dur']:.0f} s",
            flush=True,
        )


@click.command()
@click.option("--pool", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(path_type=Path), required=True)
@click.option("--start", type=click.Path(path_type=Path), help="last.pt to go on from.")
@click.option("--epochs", default=200)
@click.option("--lr", default=2e-3)
@click.option("--decay", is_flag=True, help="Let the rate fall to 0.")
@click.option("--seed", default=0)
def main(
    pool: Path, out: Path, start: Path | None, epochs: int, lr: float, decay: bool, seed: int
) -> None:
    """Train on the pages of POOL/train."""
    out.mkdir(parents=True, exist_ok=True)
    pages = load_part(pool, "train")
    segmenter = LineSegmenter(
        max_epochs=epochs,
        lr=lr,
        lr_schedule="one_cycle" if decay else "constant",
        batch_size=4,
        ema_decay=0.99,
        warm_start=start is not None,
        callbacks=[_Keep(out)],
        device="cpu",
        precision="float32",
        random_state=seed,
    )
    if start is not None:
        segmenter._set_network_state(
            {name: value.numpy() for name, value in torch.load(start, weights_only=True).items()}
        )
    segmenter.fit(list(map(str, pages.images)), pages.pages)


if __name__ == "__main__":
    main()
