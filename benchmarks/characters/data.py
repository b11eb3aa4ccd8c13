"""The EMNIST characters that the benchmarks share: training, validation and test images.

Training is on the official ByMerge test split, since that is the part of ByMerge that
`../shared/data` holds; the test is on its rows of the official Balanced training split. Images that
are in both are dropped from training. EMNIST names no writers, so the same writer may be on both
sides, as in the official splits.
"""

from __future__ import annotations

import numpy as np
from sklearn.utils import Bunch

from hwsk.datasets import load_emnist

SPLIT_SEED = 0
VALIDATION = 60  # images of each class


def load_split(path: str) -> tuple[Bunch, Bunch, Bunch]:
    """Training, validation and test images (`images`, `text`); no image is in two of them."""
    bymerge = load_emnist(f"{path}/emnist", split="bymerge", subset="test")
    balanced = load_emnist(f"{path}/emnist", split="balanced", subset="train")
    test_images = {image.tobytes() for image in balanced.images}
    kept = [i for i, image in enumerate(bymerge.images) if image.tobytes() not in test_images]
    rng = np.random.default_rng(SPLIT_SEED)
    shuffled = rng.permutation(kept)
    validation = np.concatenate(
        [
            shuffled[bymerge.target[shuffled] == number][:VALIDATION]
            for number in range(len(bymerge.target_names))
        ]
    )
    train = np.setdiff1d(kept, validation)
    # Some images are in ByMerge twice.
    held_out = {bymerge.images[i].tobytes() for i in validation}
    train = train[[bymerge.images[i].tobytes() not in held_out for i in train]]
    parts = (bymerge, train), (bymerge, validation), (balanced, slice(None))
    return tuple(Bunch(images=b.images[rows], text=b.text[rows]) for b, rows in parts)
