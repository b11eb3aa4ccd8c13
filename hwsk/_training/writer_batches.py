"""Draw batches with positive pairs, and count errors of the nearest neighbour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from torch.utils.data import Sampler

from hwsk._training.batches import RasterDataset

_TOGETHER = 2  # samples of a writer that come into a batch together
_CLUSTER = 16  # samples of a context that do
_POSITIVES = 4  # of these, by one writer


class PositivePairBatches(Sampler[list[int]]):
    """Draw batches of positive pairs: both samples of a pair are by one writer, if it has two.

    The first part of each of the dataset's targets is the writer's number.
    """

    def __init__(self, dataset: RasterDataset, batch_size: int) -> None:
        self.dataset = dataset
        self.batch_size = batch_size
        assert dataset.targets is not None
        self.writers = np.array([target[0] for target in dataset.targets])

    def __len__(self) -> int:
        return self.dataset.n_batches(self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.dataset.seed, self.dataset.epoch])
        pairs = [
            rows[start : start + _TOGETHER]
            for rows in _runs(rng.permutation(len(self.writers)), self.writers)
            for start in range(0, len(rows), _TOGETHER)
        ]
        mixed = np.concatenate([pairs[i] for i in rng.permutation(len(pairs))])
        for start in range(0, len(mixed), self.batch_size):
            yield mixed[start : start + self.batch_size].tolist()


class ContextBatches(PositivePairBatches):
    """Draw batches in which different writers have written the same text (hard negatives).

    Samples of one context (a word, a name) are put into clusters, in which some are by one writer,
    and a batch is made of several clusters. The last part of each target is the context's number.
    """

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.dataset.seed, self.dataset.epoch])
        assert self.dataset.targets is not None
        contexts = np.array([target[-1] for target in self.dataset.targets])
        clusters = []
        for rows in _runs(rng.permutation(len(contexts)), contexts):
            positives = [
                group[start : start + _POSITIVES]
                for group in _runs(rows, self.writers)
                for start in range(0, len(group), _POSITIVES)
            ]
            mixed = np.concatenate([positives[i] for i in rng.permutation(len(positives))])
            clusters += [mixed[i : i + _CLUSTER] for i in range(0, len(mixed), _CLUSTER)]
        mixed = np.concatenate([clusters[i] for i in rng.permutation(len(clusters))])
        for start in range(0, len(mixed), self.batch_size):
            yield mixed[start : start + self.batch_size].tolist()


def _runs(rows: NDArray[np.intp], labels: NDArray[Any]) -> list[NDArray[np.intp]]:
    """The rows of each label, in the order in which they come."""
    order = rows[np.argsort(labels[rows], kind="stable")]
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)


def unit(vectors: NDArray[Any]) -> NDArray[Any]:
    """Vectors scaled to length 1; those of length 0 as they are."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def nearest_errors(
    vectors: NDArray[Any], writers: NDArray[Any], samples: NDArray[Any]
) -> tuple[float, float]:
    """Count queries whose nearest neighbour is another writer's, and all queries.

    Neighbours are looked for in other samples; queries without a positive there are not counted.
    """
    distances = cdist(unit(vectors), unit(vectors))
    other = samples[:, None] != samples
    distances[~other] = np.inf
    same_writer = writers[:, None] == writers
    counted = (other & same_writer).any(axis=1)
    right = same_writer[np.arange(len(writers)), distances.argmin(axis=1)]
    return float((counted & ~right).sum()), float(counted.sum())
