"""Identify IAM's writers by whole lines, resized as in published notebooks, and by patches.

    python -m benchmarks.writers.whole_images --data ../shared/data

The same network from the same seed, on the same lines, at a small budget: once on lines resized to
one size, whatever their proportions; once on patches at the writing's own size. Whole lines are
cheaper, and get as many epochs more. Both by the two splits: random lines, as the notebooks have
it, and by form, which is the one that says something of other pages. Of two folds, one is tested.
Intervals are 95%, bootstrapped over forms.
"""

from __future__ import annotations

import time
from datetime import date

import click
import torch
from sklearn.model_selection import StratifiedKFold

from benchmarks.writers.data import folds, load_writers, share
from hwsk.identification import WriterClassifier
from hwsk.metrics import bootstrap_interval
from hwsk.preprocessing.augmentation import writer_augmentation


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--k", default=10, help="Writers.")
@click.option("--side", default=128, help="Side of a resized line, in pixels.")
@click.option("--backbone", default="small")
@click.option("--epochs", default=4, help="Of patches, eight of each line.")
@click.option("--whole-epochs", default=16, help="Of whole lines.")
@click.option("--seed", default=0)
def main(
    data: str, k: int, side: int, backbone: str, epochs: int, whole_epochs: int, seed: int
) -> None:
    """Print accuracies over lines, of both modes by both splits."""
    bunch = load_writers(data, k)
    random = StratifiedKFold(2, shuffle=True, random_state=seed)
    splits = {
        "random lines": next(random.split(bunch.images, bunch.writer)),
        "by form": folds(bunch, 2, seed)[0],
    }
    modes = {
        f"whole lines, {side} x {side}": {
            "patch_size": side,
            "n_patches": None,
            "max_epochs": whole_epochs,
        },
        "patches": {"patch_scale": 0.5, "max_epochs": epochs},
    }
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; "
        f"{k} writers, {len(bunch.writer)} lines of {len(set(bunch.form))} forms; {backbone}, "
        f"{epochs} epochs of patches, {whole_epochs} of whole lines; seed {seed}",
        flush=True,
    )
    for mode, params in modes.items():
        for how, (train, test) in splits.items():
            start = time.process_time()
            classifier = WriterClassifier(
                backbone, **params, augment=writer_augmentation(), random_state=seed
            ).fit(bunch.images[train], bunch.writer[train])
            seconds = time.process_time() - start
            right = (classifier.predict(bunch.images[test]) == bunch.writer[test]).astype(float)
            ones = right * 0 + 1
            low, high = bootstrap_interval(
                share, ones, right, groups=bunch.form[test], random_state=0
            )
            print(
                f"{mode}, {how}: accuracy {right.mean():.3f} [{low:.3f}, {high:.3f}] of {len(test)}"
                f"; {seconds:.0f} s of training",
                flush=True,
            )


if __name__ == "__main__":
    main()
