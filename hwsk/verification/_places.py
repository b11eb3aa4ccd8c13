"""Find where two images match: the keypoints whose descriptors are nearest to each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hwsk._data.images import check_images
from hwsk._data.scan import walk
from hwsk.networks.matching import cosines, nearest_neighbours
from hwsk.networks.registration import REGISTERED_REACH
from hwsk.networks.siamese import grid_size, reach_mask_on


class MatchedPlaces(NamedTuple):
    """Hold what a verifier compared of two images, and the places that match.

    Parameters
    ----------
    images : tuple of ndarray
        Both images after the verifier's `preprocessor`, uint8, dark ink on light paper.
    first, second : ndarray of shape (n, 2)
        Matched places (x, y), each from 0 to 1 of the width and the height of its image.
    similarity : ndarray of shape (n,)
        Cosine of the two descriptors, the weightiest match first.
    """

    images: tuple[NDArray[Any], NDArray[Any]]
    first: NDArray[np.float64]
    second: NDArray[np.float64]
    similarity: NDArray[np.float64]


def match_places(verifier: Any, a: Any, b: Any, most: int = 40) -> MatchedPlaces:
    """Find the keypoints of an image with their nearest neighbours in another.

    Kept are mutual nearest neighbours on ink. They are taken before registration, so that each
    stands where it is in its image.

    Parameters
    ----------
    verifier : SiameseVerifier
        A fitted verifier whose `comparator` matches local descriptors.
    a, b : image
        As `verifier.pair_score` takes them.
    most : int, default=40
        How many matches to return.

    Returns
    -------
    MatchedPlaces
        The images as compared, and the matches.

    Raises
    ------
    ValueError
        If the verifier compares embeddings: they have no places.
    """
    if verifier.comparator is None:
        raise ValueError("the verifier compares embeddings, which have no places (comparator=None)")
    prepared = verifier._images([a, b], reset=False)
    images = [image for _, image in walk(check_images(prepared))]
    described = verifier._describe_images(prepared)[0]
    size, scale = verifier.image_size_, float(verifier.comparator.scale)
    one, other = described.of(torch.tensor([0])), described.of(torch.tensor([1]))
    reach = (3 * REGISTERED_REACH[0], 3 * REGISTERED_REACH[1])
    mask = reach_mask_on(size, reach, scale)
    there, back = nearest_neighbours(one.descriptors, other.descriptors, mask)
    similarity = cosines(one, other, there)[0].double().numpy()
    found, returned = there[0].numpy(), back[0].numpy()
    rows = np.arange(len(found))
    weights = np.minimum(one.weights[0].numpy(), other.weights[0].numpy()[found])
    weights = np.where(returned[found] == rows, weights * np.maximum(similarity, 0), 0.0)
    best = np.argsort(-weights, kind="stable")[:most]
    best = best[weights[best] > 0]
    height, width = grid_size(size, scale)
    return MatchedPlaces(
        (images[0], images[1]),
        _positions(best, height, width),
        _positions(found[best], height, width),
        similarity[best],
    )


def _positions(rows: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """Return the middles of cells of a grid, from 0 to 1."""
    y, x = np.divmod(rows, width)
    return np.column_stack([(x + 0.5) / width, (y + 0.5) / height])
