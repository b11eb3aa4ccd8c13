"""Encode the local descriptors of an image as one vector (`DescriptorHistogram`)."""

from __future__ import annotations

import copy
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils._param_validation import HasMethods
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._limits import UNITS, whole
from hwsk._training.devices import draw_seed
from hwsk._training.writer_batches import unit
from hwsk.networks.matching import LocalDescriptors, descriptor_histograms
from hwsk.networks.siamese import grid_size
from hwsk.verification._comparators import LocalDescriptorMatching

__all__ = ["DescriptorHistogram"]

_MOST_DESCRIPTORS = 30_000  # that the codebook is learnt from


class DescriptorHistogram(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Describe images by spatial histograms of the local descriptors of a verifier.

    For classifiers of vectors, such as a support vector machine for each writer [1]_. Descriptors
    are assigned softly to a codebook and to cells of 16 x 16 pixels; histograms are square-rooted,
    so that their Euclidean distance is Hellinger's.

    Parameters
    ----------
    verifier : SiameseVerifier
        Fitted, with a :class:`LocalDescriptorMatching` as `comparator`. Wrap it in a
        :class:`~sklearn.frozen.FrozenEstimator` where the transformer is cloned, as in a search.
    n_codes : int, default=256
        Codewords; fewer where there are fewer descriptors.
    random_state : int, RandomState instance or None, default=None
        Decides which descriptors the codebook is learnt from, and the initial codewords.

    Attributes
    ----------
    codebook_ : ndarray of shape (n_codes, 64)
        Codewords, float32, of length 1.

    See Also
    --------
    SiameseVerifier : What learns the descriptors.

    References
    ----------
    .. [1] L. G. Hafemann, R. Sabourin, L. S. Oliveira, "Learning features for offline handwritten
       signature verification using deep convolutional neural networks", Pattern Recognition 70,
       2017.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.verification import DescriptorHistogram, LocalDescriptorMatching, SiameseVerifier
    >>> words = make_handwriting(40, texts=["and"], n_writers=8, random_state=0)
    >>> verifier = SiameseVerifier(
    ...     comparator=LocalDescriptorMatching(), image_size=(32, 64), max_epochs=1, random_state=0
    ... ).fit(words.images, words.writer)
    >>> histogram = DescriptorHistogram(verifier, n_codes=16, random_state=0)
    >>> histogram.fit_transform(words.images).shape  # 16 codewords in 2 x 4 cells
    (40, 128)
    """

    _native_data = "writers"
    _parameter_constraints: dict[str, list[Any]] = {
        "verifier": [HasMethods(["pair_distance", "transform"])],
        "n_codes": [whole(1, UNITS)],
        "random_state": ["random_state"],
    }

    def __init__(self, verifier: Any, *, n_codes: int = 256, random_state: Any = None) -> None:
        self.verifier = verifier
        self.n_codes = n_codes
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn the codebook from images.

        Parameters
        ----------
        X : array-like of images
            As the verifier takes them.
        y : object
            Not used.

        Returns
        -------
        self : DescriptorHistogram
            The fitted transformer.
        """
        rng = np.random.default_rng(draw_seed(self.random_state))
        described = self._describe(X)
        kept = described.weights > described.weights.mean() / 2
        descriptors = described.descriptors[kept].float().numpy()
        descriptors = descriptors[rng.permutation(len(descriptors))[:_MOST_DESCRIPTORS]]
        means = MiniBatchKMeans(
            min(self.n_codes, len(descriptors)),
            batch_size=4096,
            n_init=1,
            random_state=int(rng.integers(2**31)),
        ).fit(descriptors)
        self.codebook_ = unit(means.cluster_centers_).astype(np.float32)
        self._n_features_out = self._histograms(described.of(torch.tensor([0]))).shape[1]
        return self

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Compute the histogram of each image.

        Parameters
        ----------
        X : array-like of images
            As the verifier takes them.

        Returns
        -------
        histograms : ndarray of shape (n_samples, n_codes * n_cells)
            Float32, of length 1.
        """
        check_is_fitted(self)
        return self._histograms(self._describe(X))

    def _describe(self, X: Any) -> LocalDescriptors:
        check_is_fitted(self.verifier)
        if self.verifier.comparator is None:
            raise ValueError(
                "the verifier has no local descriptors: fit it with "
                "comparator=LocalDescriptorMatching()"
            )
        plain = copy.copy(self.verifier)  # without duplicates and copies, which are not used
        plain.test_augmentations = 0
        plain.comparator = LocalDescriptorMatching(scale=self.verifier.comparator.scale)
        return plain._describe_images(plain._images(X, reset=False))[0]

    def _histograms(self, described: LocalDescriptors) -> NDArray[np.float32]:
        size = grid_size(self.verifier.image_size_, self.verifier.comparator.scale)
        codebook = torch.from_numpy(self.codebook_)
        return descriptor_histograms(described, codebook, size).numpy()
