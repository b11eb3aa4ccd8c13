"""Hold out samples to evaluate on, and count those that training has seen."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import numpy as np

from hwsk._data.digest import digest
from hwsk._files import read_file
from hwsk.cli._layouts import Samples


def split(
    job: str, samples: Samples, test_size: float, seed: int, *, one_writer: bool = False
) -> tuple[Samples, Samples]:
    """Hold out samples to evaluate on: writers, where they are known.

    The job "writers" holds out pages, of writers who have another, or single samples. Rows of one
    image file stay on one side. With `one_writer`, samples may be all by one writer, whose hand is
    to be learnt: then pages or single samples are held out.
    """
    from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit

    groups = samples.writer if samples.writer is not None else samples.page
    if job == "writers":
        groups = samples.page
    if one_writer and groups is not None and len(set(groups)) < 2:
        pages = samples.page
        groups = pages if pages is not None and len(set(pages)) > 1 else None
    groups = _keep_together(samples, groups)
    kind = ShuffleSplit if groups is None else GroupShuffleSplit
    n = len(samples if groups is None else set(groups))
    if n < 2:
        raise ValueError(
            "all samples are of one writer or page, so none can be held out; give --test DATA, or "
            "--test-size 0"
        )
    if n - math.ceil(n * test_size) < 1:
        raise ValueError(
            f"--test-size {test_size:g} of {n} writers, pages or samples leaves none to train on; "
            "give a smaller one"
        )
    chosen = kind(1, test_size=test_size, random_state=seed)
    train, test = next(chosen.split(np.zeros(len(samples)), groups=groups))
    if job == "writers":
        test = test[np.isin(samples.writer[test], samples.writer[train])]
    if not len(test):
        raise ValueError("no held-out sample is of a writer of the training set; give more samples")
    return samples.take(train), samples.take(test)


def _keep_together(samples: Samples, groups: Any) -> Any:
    """Return groups, those joined that share an image file; as they are if none is shared."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    if not all(isinstance(image, str | Path) for image in samples.X):
        return groups
    _, files = np.unique([os.path.realpath(image) for image in samples.X], return_inverse=True)
    n_files = files.max() + 1
    if n_files == len(samples):
        return groups
    if groups is None:
        return files
    names, group_of = np.unique(np.asarray(groups).astype(str), return_inverse=True)
    n_nodes = n_files + len(names)
    edges = (np.ones(len(files)), (files, n_files + group_of))
    _, component = connected_components(coo_array(edges, (n_nodes, n_nodes)), directed=False)
    return component[files]


def count_shared(training: Samples, test: Samples) -> int:
    """Count the test samples that are training samples, too, by their content."""
    seen = {_digest(image) for image in training.X}
    return sum(_digest(image) in seen for image in test.X)


def _digest(image: Any) -> str:
    """Return a digest of an image file, of an image, or of strokes."""
    is_file = isinstance(image, str | Path)
    return digest(read_file(image) if is_file else np.asarray(image))
