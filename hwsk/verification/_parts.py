"""Describe samples by a part of a representation, and compute the distances of sides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hwsk.verification._places import MatchedPlaces, find_places
from hwsk.verification._representation import Part

Rows = NDArray[np.intp]

_AT_ONCE = 50_000  # pairs whose vectors are held at once
OWN_SHARE = 0.8  # of the distance within sides that is taken off, chosen on NFI's signatures


class Described(Protocol):
    """Samples as a part describes them."""

    def distances(self, sides: Sequence[Rows], pairs: Rows) -> NDArray[np.float64]:
        """Compute the distance of each pair of sides; a side is the rows of its samples."""


class Vectors:
    """Samples as vectors: sides are compared by their means."""

    def __init__(self, vectors: Any, *, probabilities: bool) -> None:
        self.vectors = np.asarray(vectors, dtype=np.float64)
        self.probabilities = probabilities

    def means(self, sides: Sequence[Rows]) -> NDArray[np.float64]:
        """Average the vectors of each side."""
        counts = np.array([len(side) for side in sides])
        sums = np.add.reduceat(self.vectors[np.concatenate(sides)], np.cumsum(counts) - counts)
        return np.asarray(sums / counts[:, np.newaxis])

    def distances(self, sides: Sequence[Rows], pairs: Rows) -> NDArray[np.float64]:
        """Compute Euclidean distances of means; of probabilities those of Hellinger."""
        means = self.means(sides)
        if self.probabilities:
            means = np.sqrt(means / 2)
        distances = np.empty(len(pairs))
        for start in range(0, len(pairs), _AT_ONCE):
            first, second = pairs[start : start + _AT_ONCE].T
            distances[start : start + _AT_ONCE] = np.linalg.norm(
                means[first] - means[second], axis=1
            )
        return distances


class MatchedImages:
    """Images as the comparator of a verifier describes them: compared pair by pair.

    The distance of two sides is the mean over the pairs of their images, less a share of the mean
    distance within the sides, as far as these have several images: some writers vary more than
    others, as in the energy distance [1]_.

    References
    ----------
    .. [1] G. J. Székely, M. L. Rizzo, "Energy statistics: a class of statistics based on
       distances", Journal of Statistical Planning and Inference 143(8), 2013.
    """

    def __init__(self, verifier: Any, X: Any) -> None:
        self.verifier = verifier
        self.images = verifier._images(X, reset=False)
        self.described = verifier._describe_images(self.images)
        self._known: dict[int, float] = {}  # of pairs of rows, as one number

    def distances(self, sides: Sequence[Rows], pairs: Rows) -> NDArray[np.float64]:
        """Compute distances of sides from those of images, each pair of which is compared once."""
        between = [_all_pairs(sides[i], sides[j]) for i, j in pairs]
        distances = self._means(between)
        several = np.array([len(side) > 1 for side in sides])
        within = np.full(len(sides), np.nan)
        asked = [number for number in np.unique(pairs) if several[number]]
        within[asked] = self._means([own_pairs(sides[number]) for number in asked])
        known = several[pairs]
        own = np.where(known, within[pairs], 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1)
        return distances - OWN_SHARE * own

    def image_distances(self, index: Rows) -> NDArray[np.float64]:
        """Compute the distance of each pair of images."""
        index = np.sort(index, axis=1)
        keys = (index[:, 0] << 32) + index[:, 1]
        new, firsts = np.unique(keys, return_index=True)
        kept = [i for i, key in enumerate(new.tolist()) if key not in self._known]
        if kept:
            found = self.verifier._comparison().distances(self.described, index[firsts[kept]])
            self._known.update(zip(new[kept].tolist(), found.tolist(), strict=True))
        return np.array([self._known[key] for key in keys.tolist()])

    def places(self, row: int, other: int) -> MatchedPlaces:
        """Find where two images match."""
        return find_places(self.verifier, self.images, self.described, row, other)

    def _means(self, groups: list[Rows]) -> NDArray[np.float64]:
        """Average the distances of each group of pairs of images."""
        if not groups:
            return np.empty(0)
        counts = np.array([len(group) for group in groups])
        sums = np.add.reduceat(
            self.image_distances(np.concatenate(groups)), np.cumsum(counts) - counts
        )
        return np.asarray(sums / counts)


def describe(part: Part, X: Any) -> Vectors | MatchedImages:
    """Describe samples by a part."""
    if part.verifier is not None:
        return MatchedImages(part.verifier, X if part.front is None else part.front.transform(X))
    vectors = X if part.transformer is None else part.transformer.transform(X)
    return Vectors(vectors, probabilities=part.classes is not None)


def _all_pairs(one: Rows, other: Rows) -> Rows:
    return np.column_stack([np.repeat(one, len(other)), np.tile(other, len(one))])


def own_pairs(side: Rows) -> Rows:
    """List the pairs of samples of one side."""
    first, second = np.triu_indices(len(side), 1)
    return np.column_stack([side[first], side[second]])
