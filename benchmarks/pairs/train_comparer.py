"""Calibrate `models/and-comparer.hwsk` on the validation writers of AND, and judge the file.

    python -m benchmarks.pairs.train_comparer --out runs/and-comparer.hwsk

The parts are `and-verifier.hwsk` and `and-features.hwsk` as they are; positive pairs are of two
pages. Printed are the figures of the saved file on the test writers, whom no part and no
calibration has seen, with 95% bootstrap intervals over writers.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import numpy as np
from sklearn.pipeline import FeatureUnion

import hwsk
from benchmarks.pairs.compare import SEED, draw_sides, judge, load_parts
from benchmarks.shared.words import SPLIT_SEED, load_split
from hwsk._data.images import object_array
from hwsk.metrics import minimal_log_likelihood_ratio_cost
from hwsk.verification import HandComparer

PARTS = ("hand", "features")


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--models", default="models", type=click.Path(exists=True))
@click.option("--out", default="runs/and-comparer.hwsk", type=click.Path(path_type=Path))
@click.option("--images", default=3, help="Most images a side to calibrate for.")
def main(data: str, models: str, out: Path, images: int) -> None:
    """Calibrate, save, load, judge."""
    words, _, valid, test = load_split(data)
    print(
        f"{date.today()} AND words: calibrated on {len(valid)} of "
        f"{len(set(words.writer[valid]))} writers, tested on {len(test)} of "
        f"{len(set(words.writer[test]))}, split seed {SPLIT_SEED}, seed {SEED}",
        flush=True,
    )
    parts = [(name, part) for name, part in load_parts(models) if name in PARTS]
    comparer = HandComparer(FeatureUnion(parts), n_images=images, random_state=SEED)
    comparer.fit(words.images[valid], words.writer[valid], groups=words.page[valid])
    out.parent.mkdir(parents=True, exist_ok=True)
    hwsk.save(comparer, out, half_precision=True)
    comparer = hwsk.load(out)
    samples = object_array(list(words.images[test]))
    writer, page = words.writer[test], words.page[test]
    judge("1 image, two pages", comparer, samples, writer, page, across=True)
    for size in range(2, images + 1):
        rows = draw_sides(page, size)
        firsts = [of_side[0] for of_side in rows]
        sides = object_array([samples[of_side] for of_side in rows])
        judge(f"{size} images, two pages", comparer, sides, writer[firsts], page[firsts], True)
    first, second = np.triu_indices(len(sides), 1)
    same = writer[firsts][first] == writer[firsts][second]
    scores = comparer.decision_function(sides[np.column_stack([first, second])])
    least = minimal_log_likelihood_ratio_cost(same, scores)
    print(f"{images} images, all pairs: Cllr-min {least:.4f}")


if __name__ == "__main__":
    main()
