"""Pack lines for a machine with a GPU: a folder of WebP images that `train.py` takes as pools.

    python -m benchmarks.lines.pack --pools POOLS --out PACKED --megabytes 50

Each source gets a share of the bytes by its weight, and each of its pools an equal part of that.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np

from benchmarks.lines.data import WEIGHTS, Pool, find_pools, write_packed
from benchmarks.lines.train import SAMPLE
from benchmarks.shared.long_run import parse_shares

BYTES = 3300  # of a line, about


def choose_rows(pools: list[Pool], weights: dict[str, float], total: float) -> list[np.ndarray]:
    """Choose rows of each pool at random: `total` lines in all, shared by the weights.

    What a source lacks of its share goes to the others.
    """
    lengths = np.array([len(pool) for pool in pools])
    names = [pool.name for pool in pools]
    shares = np.array([weights.get(name, 0) / names.count(name) for name in names])
    counts = np.zeros(len(pools))
    for _ in pools:
        room = shares * (counts < lengths)
        if total - counts.sum() < 1 or not room.any():
            break
        counts = np.minimum(counts + (total - counts.sum()) * room / room.sum(), lengths)
    rng = np.random.default_rng(0)
    chosen = zip(lengths, counts.astype(int), strict=True)
    return [np.sort(rng.permutation(length)[:count]) for length, count in chosen]


@click.command()
@click.option("--pools", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--megabytes", default=50.0)
@click.option("--weights", help="Of sources: iam=0.5,copiste=0.5")
def main(pools: Path, out: Path, megabytes: float, weights: str | None) -> None:
    """Pack training and validation lines."""
    (out / "validation").mkdir(parents=True, exist_ok=True)
    size, n_lines = 0, 0
    for pool in find_pools(pools / "validation"):
        rows = np.sort(np.random.default_rng(0).permutation(len(pool))[:SAMPLE])
        size += write_packed(out / "validation" / f"{pool.name}.npz", pool, rows, quality=90)
    found = find_pools(pools)
    total = (megabytes * 1e6 - size) / BYTES
    for number, rows in enumerate(choose_rows(found, parse_shares(weights, WEIGHTS), total)):
        if len(rows):
            size += write_packed(out / f"{found[number].name}-{number}.npz", found[number], rows)
            n_lines += len(rows)
    print(f"{n_lines} training lines, {size / 1e6:.1f} MB in {out}")
    if size > megabytes * 1.1e6:
        raise click.ClickException(f"more than {megabytes} MB: give fewer --megabytes")


if __name__ == "__main__":
    main()
