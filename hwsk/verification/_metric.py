"""Compute distances of images as a metric for scikit-learn's neighbours and clustering."""

from __future__ import annotations

import copy
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from hwsk.verification._comparators import join

if TYPE_CHECKING:
    from hwsk.verification._siamese import SiameseVerifier

_REMEMBERED = {True: 200, False: 10_000}  # images with local descriptors, or with embeddings


class PairMetric:
    """Distance of two rows: flattened canvases, or embeddings.

    What the network gives of an image is kept, through copies and pickling, so that each image goes
    through it once, in a search over neighbours, too. The verifier is as it was when the metric was
    made, whatever is set on it later.

    Parameters
    ----------
    verifier : SiameseVerifier
        Fitted.
    """

    def __init__(self, verifier: SiameseVerifier) -> None:
        self.verifier = copy.copy(verifier)
        self.verifier.comparator = copy.copy(verifier.comparator)
        self.known: dict[bytes, list[Any]] = {}

    def __deepcopy__(self, memo: dict[int, Any]) -> PairMetric:
        return self  # scikit-learn clones estimators with it: what is known would be lost

    def __call__(self, row: Any, other: Any) -> float:
        row, other = np.ascontiguousarray(row), np.ascontiguousarray(other)
        n_pixels = int(np.prod(self.verifier.image_size_))
        if len(row) == self.verifier.embedding_dim != n_pixels:
            if self.verifier.comparator is not None:
                raise ValueError(
                    f"rows of {len(row)} numbers are embeddings, and images are compared by "
                    f"{self.verifier.comparator}: give flattened images of {n_pixels} pixels"
                )
            return float(np.linalg.norm(row - other))
        if len(row) != n_pixels:
            raise ValueError(
                f"rows have {len(row)} numbers; they are images of {self.verifier.image_size_} "
                f"flattened ({n_pixels} numbers), or embeddings ({self.verifier.embedding_dim})"
            )
        described = join(self._describe(row), self._describe(other))
        return float(self.verifier._comparison().distances(described, np.array([[0, 1]]))[0])

    def _describe(self, row: Any) -> list[Any]:
        key = sha256(row).digest()
        if key not in self.known:
            if len(self.known) >= _REMEMBERED[self.verifier.comparator is not None]:
                self.known.pop(next(iter(self.known)))  # the oldest
            image = row.reshape(1, *self.verifier.image_size_)
            image = image.astype(np.uint8) if image.max() > 1 else image
            self.known[key] = self.verifier._describe_images(image)
        return self.known[key]
