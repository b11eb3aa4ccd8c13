"""What the estimators share that learn from pairs of samples by one writer."""

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
_FELLOWS = 4  # of them by one writer


class FellowBatches(Sampler[list[int]]):
    """Batches of pairs of samples: the two of a pair are by one writer, where there are two.

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


class ContextBatches(FellowBatches):
    """Batches in which different hands have written the same.

    Samples of one context (a word, a name) are put into clusters, in which some are by one writer,
    and a batch is made of several clusters. The last part of each target is the context's number.
    """

    def __iter__(self) -> Iterator[list[int]]:
        rng = np.random.default_rng([self.dataset.seed, self.dataset.epoch])
        assert self.dataset.targets is not None
        contexts = np.array([target[-1] for target in self.dataset.targets])
        clusters = []
        for rows in _runs(rng.permutation(len(contexts)), contexts):
            fellows = [
                group[start : start + _FELLOWS]
                for group in _runs(rows, self.writers)
                for start in range(0, len(group), _FELLOWS)
            ]
            mixed = np.concatenate([fellows[i] for i in rng.permutation(len(fellows))])
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
    """How often the nearest vector of another sample is another writer's, of how many queries.

    Queries with no fellow in another sample are not counted.
    """
    distances = cdist(unit(vectors), unit(vectors))
    other = samples[:, None] != samples
    distances[~other] = np.inf
    same_writer = writers[:, None] == writers
    counted = (other & same_writer).any(axis=1)
    right = same_writer[np.arange(len(writers)), distances.argmin(axis=1)]
    return float((counted & ~right).sum()), float(counted.sum())
