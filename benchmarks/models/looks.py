"""Give shipped models the looks of the images that they are calibrated on.

    python -m benchmarks.models.looks and-verifier and-comparer iam-comparer

Models that were calibrated before looks were kept, or on vectors of their images, name no image
that is unlike these. The script adds `sample_ranges_` and `longest_shape_` to the files, from the
images that they were calibrated on, and changes nothing beside. For each model it prints how many
held-out samples are named now: words of the test writers, and lines of grey pages of other writers,
each beside another one by its writer.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np

import hwsk
from benchmarks.shared.words import load_split
from benchmarks.writers.identify import load_lines, load_other_pages
from hwsk.metrics import bootstrap_interval
from hwsk.verification._inked import take_ink
from hwsk.verification._joined import name_joined
from hwsk.verification._typicality import name_unusual

SEED = 0
Samples = tuple[Any, np.ndarray]


def words_of(data: str) -> tuple[Samples, Samples]:
    """Words "and" of the writers of the calibration, and of those to test on."""
    words, _, valid, test = load_split(data)
    return (words.images[valid], words.writer[valid]), (words.images[test], words.writer[test])


def lines_of(data: str) -> tuple[Samples, Samples]:
    """Lines of IAM of the calibration, and of pages by writers whom nothing has seen."""
    lines, others = load_lines(data), load_other_pages(data)
    return (lines.images, lines.writer), (others.images, others.writer)


IMAGES = {"and-verifier": words_of, "and-comparer": words_of, "iam-comparer": lines_of}


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(sorted(IMAGES)))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--models", default="models", type=click.Path(exists=True, path_type=Path))
def main(names: tuple[str, ...], data: str, models: Path) -> None:
    """Add the looks, and print how many good samples are named."""
    print(f"{date.today()} good samples that are named, seed {SEED}; 95% bootstrap over writers")
    for name in names:
        (images, writers), (others, of_others) = IMAGES[name](data)
        model = hwsk.load(models / f"{name}.hwsk")
        codes = np.unique(writers, return_inverse=True)[1]
        model._learn_looks(images, codes, np.zeros(len(codes), bool))
        hwsk.save(model, models / f"{name}.hwsk", half_precision=True)
        (inked,) = take_ink([("a", others)])
        rng = np.random.default_rng(SEED)
        named = []
        for i, sample in enumerate(inked):
            own = np.setdiff1d(np.flatnonzero(of_others == of_others[i]), i)
            beside = [inked[rng.choice(own)]] if len(own) else []
            longest = model.longest_shape_
            joined = name_joined([sample], beside, longest) if longest else []
            named.append(bool(name_unusual([sample], model.sample_ranges_) or joined))
        found = np.array(named)
        low, high = bootstrap_interval(
            lambda _, drawn: float(np.mean(drawn)), found, found, groups=of_others, random_state=0
        )
        print(
            f"{name}: named {found.mean():.4f} [{low:.4f}, {high:.4f}] of {len(found)}; "
            f"two samples in one image are {'' if model.longest_shape_ else 'not '}named",
            flush=True,
        )


if __name__ == "__main__":
    main()
