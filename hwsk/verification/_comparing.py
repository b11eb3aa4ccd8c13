"""Compare images by what a fitted network gives of them; make images of the entries of pairs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import clone
from torch import Tensor

from hwsk._data.pairs import Kind, Pairs
from hwsk._training.canvas import CanvasDataset, EncoderEstimator
from hwsk.networks.matching import LocalDescriptors
from hwsk.networks.siamese import enlarged
from hwsk.verification._comparators import (
    Comparison,
    DescriptorComparison,
    EmbeddingComparison,
    Outputs,
    mean_embeddings,
)
from hwsk.verification._pair_classifier import PairClassifierMixin
from hwsk.verification._samples import collate_resized
from hwsk.verification._sides import Side


class ComparingEncoder(PairClassifierMixin, EncoderEstimator):
    """A network whose embeddings, or local descriptors, pairs of images are compared by.

    A subclass has the parameters `comparator, test_augmentations, augment, preprocessor` beside
    those of the encoder.
    """

    def _embed(self, X: Any) -> NDArray[np.float32]:
        images = self._images(X, reset=False)
        return mean_embeddings(self._encode_views(images, self.test_augmentations))

    def _n_views(self) -> int:
        """Count the augmented copies of each image that pairs are compared by."""
        n_duplicates = 0 if self.comparator is None else self.comparator.n_duplicates
        return max(self.test_augmentations, n_duplicates)

    def _comparison(self) -> Comparison:
        """Make what describes and compares images, by the parameters as they are now."""
        if self.comparator is None:
            return EmbeddingComparison(self.test_augmentations)
        self.comparator._validate_params()
        if self.net_.module_.descriptors is None:
            raise ValueError(
                f"comparator={self.comparator} needs local descriptors, and the network was fitted "
                "without: fit again with this comparator, or set comparator=None"
            )

        def evaluate(images: Tensor) -> LocalDescriptors:
            X = {"images": images, "resized": torch.tensor(images.shape[2:])}
            descriptors, weights, *_ = self.net_.evaluation_step((X, None))[0]
            return LocalDescriptors(descriptors.cpu(), weights.cpu())

        return DescriptorComparison(
            self.comparator, self.image_size_, self.test_augmentations, evaluate
        )

    def _comparison_parameters(self) -> dict[str, str]:
        found = {"comparator": type(self.comparator).__name__}
        if self.comparator is None:
            found["comparator"] = "None"
        else:
            kinds = {
                name: type(value) for name, value in type(self.comparator)().get_params().items()
            }
            for name, value in self.comparator.get_params().items():
                found[f"comparator__{name}"] = str(kinds[name](value))  # 1 is 1.0
        found["test_augmentations"] = str(self.test_augmentations)
        if self._n_views():
            found["augment"] = _describe(self.augment)
        if self.preprocessor is None and hasattr(self, "preprocessor_"):
            found["preprocessor"] = "None"
        elif self._pair_kind() == "ids" and callable(self.preprocessor):
            found["preprocessor"] = _describe(self.preprocessor)
        return found

    def _score_pairs(self, pairs: Pairs) -> NDArray[np.float64]:
        return self._score_samples(pairs.entries, pairs.rows)

    def _score_samples(self, X: Any, index: NDArray[np.intp]) -> NDArray[np.float64]:
        described = self._describe_images(self._images(X, reset=False))
        return -self._comparison().distances(described, index)

    def _describe_images(self, images: Any) -> list[Any]:
        """Take what pairs are compared by from images, view by view."""
        comparison = self._comparison()
        views = self._encode_views(
            images,
            comparison.n_views,
            keep=comparison.scale is not None,
            collate=self._collate_for(comparison),
        )
        return comparison.describe(views)

    def _score_canvases(
        self, canvases: NDArray[Any], index: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Score pairs of rows of canvases, in training."""
        comparison = self._comparison()

        def outputs_of(version: int | None) -> Outputs:
            dataset = CanvasDataset(canvases, None)
            dataset.collate = self._collate_for(comparison) or dataset.collate
            if version is not None:
                dataset.augment, dataset.view = self.augment, version
            return self._outputs(dataset, warn=False)

        views: Iterator[Outputs] = map(outputs_of, [None, *range(comparison.n_views)])
        return -comparison.distances(comparison.describe(views), index)

    def _collate_for(self, comparison: Comparison) -> Any:
        """Make the collate function that asks for local descriptors alone, where these compare."""
        if comparison.scale is None:
            return None
        return collate_resized(enlarged(self.image_size_, comparison.scale))

    def _pair_kind(self) -> Kind:
        names = self.preprocessor is not None and not hasattr(self.preprocessor, "transform")
        return "ids" if names else "images"

    def _images_of(self, sides: Sequence[Side]) -> list[Side]:
        if self._pair_kind() == "ids":
            return [(name, self._images(samples, reset=False)) for name, samples in sides]
        return super()._images_of(sides)

    def _images(self, X: Any, *, reset: bool) -> Any:
        """Make images of the entries of X, by the preprocessor."""
        if self.preprocessor is None:
            return X
        if hasattr(self.preprocessor, "transform"):
            if reset:
                self.preprocessor_ = clone(self.preprocessor).fit(X)
            return self.preprocessor_.transform(X)
        if callable(self.preprocessor):
            return self.preprocessor(list(X))
        return _take_rows(self.preprocessor, X)


def _describe(change: Any) -> str:
    """Describe a function by its name, and an object by its parameters, in a copy alike."""
    name = getattr(change, "__qualname__", None)
    return name or " ".join(re.sub(r" at 0x[0-9A-Fa-f]+", "", repr(change)).split())


def _take_rows(images: Any, X: Any) -> list[Any]:
    """Images by their row numbers."""
    ids, n = np.asarray(X), len(images)
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise ValueError(
            f"X holds row numbers of preprocessor, an array of {n} images, and is of shape "
            f"{ids.shape} and dtype {ids.dtype}; give integers"
        )
    unknown = np.flatnonzero((ids < 0) | (ids >= n))
    if len(unknown):
        raise ValueError(
            f"{len(unknown)} ids in X are none of the {n} rows of preprocessor, such as "
            f"{ids[unknown[0]]}"
        )
    return [images[i] for i in ids]
