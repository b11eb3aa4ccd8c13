"""Print the table of writers from what `train.py fold` left, both folds joined.

python -m benchmarks.writers.table --out runs/writers
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.writers.data import load_writers, report
from benchmarks.writers.train import NETWORKS, run_name


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/writers", type=click.Path(path_type=Path))
@click.option("--seed", default=0)
def main(data, out, seed) -> None:
    """Print top-1 accuracy at patch, line and form level for every network."""
    for k in (10, 50):
        bunch = load_writers(data, k)
        for network in NETWORKS:
            files = [out / f"{run_name(network, k, fold, seed)}.npz" for fold in (0, 1)]
            parts = [np.load(file) for file in files if file.exists()]
            if not parts:
                continue
            name = f"top {k}, {network}, {len(parts)} of 2 folds"
            part = parts[0]
            print(
                f"{name}: {part['weights']} weights, {part['epochs']} epochs of "
                f"{np.median([p['seconds'] for p in parts]):.0f} s"
            )
            joined = [np.concatenate([p[key] for p in parts]) for key in ("rows", "sums")]
            joined += [np.concatenate([p[key] for p in parts]) for key in ("counts", "right")]
            report(name, bunch, *joined, part["classes"])


if __name__ == "__main__":
    main()
