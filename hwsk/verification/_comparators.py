"""Compare the embeddings or local descriptors of a pair of images."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from numbers import Real
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from torch import Tensor

from hwsk._limits import COPIES, whole
from hwsk._training.canvas import in_order
from hwsk._training.writer_batches import unit
from hwsk.networks.matching import LocalDescriptors, matched_distance
from hwsk.networks.registration import REGISTERED_REACH, find_registrations, registered
from hwsk.networks.siamese import grid_size, reach_mask_on

__all__ = ["LocalDescriptorMatching"]

_SPREAD_SHARE = 0.5  # of the distance from duplicates that is taken off
_AT_ONCE = {"embeddings": 65_536, "matched": 256, "registered": 64}  # pairs compared at once

Outputs = Iterable[tuple[list[int], Any]]
"""(rows, output of the network), batch by batch."""


class LocalDescriptorMatching(BaseEstimator):
    """Compare two images by their local descriptors, each with its nearest neighbour in the other.

    The `comparator` of a :class:`SiameseVerifier`. The network learns a descriptor for each point
    of a grid of 8 x 8 pixels, along with the embedding; the distance of two images is the mean
    distance of keypoints matched within reach, both ways. It is better than the distance of
    embeddings where both texts are the same, as of a signature and its forgery, and slower.

    Parameters
    ----------
    registration : bool, default=False
        Whether an affine map is estimated from the matches of each pair, and each image is matched
        again after it was registered on the other: better where the size of a writer's samples
        varies. Each pair then goes through the network twice: some 10 ms on one core.
    n_duplicates : int, default=0
        Copies of each image, augmented by the verifier's `augment`, that the image is compared
        with, as with the duplicates of signatures in [1]_. Half of the mean distance from them is
        taken off the distance of a pair, since some names vary more than others.
    scale : float, default=1.0
        Enlargement of images before keypoints are described, from 0.5 to 4: networks may resolve
        more on images larger than those of training [2]_. Rounded to 8 pixels a side. The time
        grows with its square.

    Notes
    -----
    No parameter takes part in training: all can be set, and searched, on a fitted verifier
    (`comparator__registration`). A threshold holds for the parameters that it was found with.

    References
    ----------
    .. [1] M. Diaz et al., "Generation of duplicated off-line signature images for verification
       systems", IEEE TPAMI 39, 2017.
    .. [2] H. Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019.

    Examples
    --------
    >>> from hwsk.datasets import make_signatures
    >>> from hwsk.verification import LocalDescriptorMatching, SiameseVerifier
    >>> verifier = SiameseVerifier(comparator=LocalDescriptorMatching(registration=True))
    >>> verifier.set_params(comparator__registration=False).comparator
    LocalDescriptorMatching()
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "registration": ["boolean"],
        "n_duplicates": [whole(0, COPIES)],
        "scale": [Interval(Real, 0.5, 4, closed="both")],
    }

    def __init__(
        self, *, registration: bool = False, n_duplicates: int = 0, scale: float = 1.0
    ) -> None:
        self.registration = registration
        self.n_duplicates = n_duplicates
        self.scale = scale


class Comparison(Protocol):
    """Describe images, and compute distances of pairs of them."""

    n_views: int
    """Augmented copies of each image that are needed beside it."""

    @property
    def scale(self) -> float | None:
        """Enlargement of images for local descriptors; None for embeddings."""

    def describe(self, views: Iterable[Outputs]) -> list[Any]:
        """Take what pairs are compared by from the outputs of each view of the images."""

    def distances(self, described: list[Any], index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Compute the distance of each pair of rows."""


def average_over_views(
    described: list[Any],
    index: NDArray[np.intp],
    at_once: int,
    compute: Callable[[Any, NDArray[np.intp]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Compute distances of pairs of rows, chunk by chunk, and average them over the views."""
    # Results that stayed where they were made would lie between what chunks free, which could then
    # not be used again: memory grew by 12 kB a pair.
    total = np.zeros(len(index))
    for view in described:
        for start in range(0, len(index), at_once):
            chunk = slice(start, start + at_once)
            total[chunk] += compute(view, index[chunk])
    return total / len(described)


class EmbeddingComparison:
    """Euclidean distance of embeddings of length 1, averaged over views."""

    scale = None

    def __init__(self, n_augmented: int) -> None:
        self.n_views = n_augmented

    def describe(self, views: Iterable[Outputs]) -> list[Tensor]:
        """Take the mean embedding of each image."""
        embeddings = mean_embeddings(islice(views, 1 + self.n_views))
        return [torch.from_numpy(embeddings).double()]

    def distances(self, described: list[Tensor], index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Compute the distance of each pair of rows, from 0 to 2."""

        def compute(embeddings: Tensor, rows: NDArray[np.intp]) -> NDArray[np.float64]:
            first, second = torch.from_numpy(np.ascontiguousarray(rows.T))
            return (embeddings[first] - embeddings[second]).norm(dim=1).numpy()

        return average_over_views(described, index, _AT_ONCE["embeddings"], compute)


def mean_embeddings(views: Iterable[Outputs]) -> NDArray[np.float32]:
    """Average the embeddings of each image over its views; they have length 1."""

    def embed(outputs: Outputs) -> NDArray[np.float32]:
        done: list[int] = []
        parts = []
        for rows, output in outputs:
            done += rows
            parts.append(unit(output[0].cpu().double().numpy()).astype(np.float32))
        return in_order(done, parts)

    return unit(np.sum([embed(outputs) for outputs in views], axis=0))


class DescriptorComparison:
    """Distance of matched local descriptors, as `LocalDescriptorMatching` says.

    Parameters
    ----------
    comparator : LocalDescriptorMatching
    image_size : tuple of (int, int)
        Height and width of the canvas.
    n_augmented : int
        Augmented copies of each image over which distances are averaged.
    evaluate : callable
        The network: `evaluate(images)` gives `LocalDescriptors` of images `(n, 1, h, w)`.
    """

    def __init__(
        self,
        comparator: LocalDescriptorMatching,
        image_size: tuple[int, int],
        n_augmented: int,
        evaluate: Callable[[Tensor], LocalDescriptors],
    ) -> None:
        self.registration = comparator.registration
        self.n_duplicates = comparator.n_duplicates
        self.scale = float(comparator.scale)
        self.image_size = image_size
        self.n_augmented = n_augmented
        self.n_views = max(n_augmented, self.n_duplicates)
        self.evaluate = evaluate

    def describe(self, views: Iterable[Outputs]) -> list[LocalDescriptors]:
        """Take local descriptors of each view, and the distance of images from duplicates."""
        described: list[LocalDescriptors] = []
        spreads = []
        for number, outputs in enumerate(views):
            view = collect_descriptors(outputs, with_images=self.registration)
            if 0 < number <= self.n_duplicates:
                spreads.append(self._spread(described[0], view))
            if number <= self.n_augmented:
                described.append(view)
        if not spreads:
            return described
        return [view._replace(spreads=torch.stack(spreads).mean(dim=0)) for view in described]

    @torch.inference_mode()
    def _spread(self, images: LocalDescriptors, duplicates: LocalDescriptors) -> Tensor:
        """Compute the distance of each image from its duplicate."""
        mask = reach_mask_on(self.image_size, scale=self.scale)
        parts = torch.arange(len(images.weights)).split(_AT_ONCE["matched"])
        return torch.cat(
            [matched_distance(images.of(rows), duplicates.of(rows), mask) for rows in parts]
        )

    def distances(
        self, described: list[LocalDescriptors], index: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Compute the distance of each pair of rows, from 0 to 2."""
        at_once = _AT_ONCE["registered" if self.registration else "matched"]
        return average_over_views(described, index, at_once, self._compute)

    @torch.inference_mode()
    def _compute(self, view: LocalDescriptors, rows: NDArray[np.intp]) -> NDArray[np.float64]:
        first, second = torch.from_numpy(np.ascontiguousarray(rows.T))
        one, other = view.of(first), view.of(second)
        if self.registration:
            mask = reach_mask_on(self.image_size, REGISTERED_REACH, self.scale)
            distances = matched_distance(one, self._register(one, other), mask) / 2
            distances = distances + matched_distance(self._register(other, one), other, mask) / 2
        else:
            mask = reach_mask_on(self.image_size, scale=self.scale)
            distances = matched_distance(one, other, mask)
        if one.spreads is not None and other.spreads is not None:
            distances = distances - _SPREAD_SHARE * (one.spreads + other.spreads) / 2
        return distances.double().clamp_min(0).numpy()

    def _register(self, one: LocalDescriptors, other: LocalDescriptors) -> LocalDescriptors:
        """Describe the second images of pairs after registration on the first."""
        assert other.images is not None
        size = grid_size(self.image_size, self.scale)
        maps = find_registrations(one, other, size, self.scale)
        return self.evaluate(registered(other.images, maps))


def collect_descriptors(outputs: Outputs, *, with_images: bool) -> LocalDescriptors:
    """Join the local descriptors of batches, in the order of the images."""
    done: list[int] = []
    parts = []
    for rows, (*_, described) in outputs:
        done += rows
        parts.append([part.cpu() for part in described[: 3 if with_images else 2]])
    order = torch.from_numpy(np.argsort(done))
    return LocalDescriptors(*(torch.cat(part)[order] for part in zip(*parts, strict=True)))


def join(one: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """Put what was described of one image, and of another, together, view by view."""
    joined: list[Any] = []
    for a, b in zip(one, other, strict=True):
        if isinstance(a, LocalDescriptors):
            extra = (
                None if x is None or y is None else torch.cat([x, y])
                for x, y in zip(a[2:], b[2:], strict=True)
            )
            parts = [torch.cat(part) for part in zip(a[:2], b[:2], strict=True)]
            joined.append(LocalDescriptors(*parts, *extra))
        else:
            joined.append(torch.cat([a, b]))
    return joined
