"""Find where two images match: the keypoints whose descriptors are nearest to each other."""

from __future__ import annotations

from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from hwsk._data.images import check_images
from hwsk._data.levels import to_bytes
from hwsk._data.scan import walk
from hwsk.networks.matching import cosines, nearest_neighbours
from hwsk.networks.registration import REGISTERED_REACH
from hwsk.networks.siamese import grid_size, reach_mask_on

_ZOOM, _GAP = 3, 12  # of drawn images, and pixels between them
_MOST_DRAWN = 24  # matches: more can't be distinguished
_OPACITY = 0.8
_COLORS = [(0, 114, 178), (213, 94, 0), (0, 158, 115), (204, 121, 167), (86, 180, 233)]
"""Red, green and blue, of colours that the colour-blind can tell apart."""


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


class PlacesOfPair(NamedTuple):
    """Hold the matched places of one pair of images of a comparison.

    Parameters
    ----------
    part : str
        The part of the representation that matches.
    images : tuple of (int, int)
        The number of the image on either side.
    places : MatchedPlaces
        Images as compared, and matches.
    """

    part: str
    images: tuple[int, int]
    places: MatchedPlaces


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
    images = verifier._images([a, b], reset=False)
    return find_places(verifier, images, verifier._describe_images(images), 0, 1, most)


def find_places(
    verifier: Any, images: Any, described: list[Any], row: int, other: int, most: int = 40
) -> MatchedPlaces:
    """Find the keypoints of a row of images, that were described, in another one."""
    view = described[0]
    chosen = check_images([images[row], images[other]])
    first, second = (image for _, image in walk(chosen))
    size, scale = verifier.image_size_, float(verifier.comparator.scale)
    one, two = view.of(torch.tensor([row])), view.of(torch.tensor([other]))
    reach = (3 * REGISTERED_REACH[0], 3 * REGISTERED_REACH[1])
    mask = reach_mask_on(size, reach, scale)
    there, back = nearest_neighbours(one.descriptors, two.descriptors, mask)
    similarity = cosines(one, two, there)[0].double().numpy()
    found, returned = there[0].numpy(), back[0].numpy()
    rows = np.arange(len(found))
    weights = np.minimum(one.weights[0].numpy(), two.weights[0].numpy()[found])
    weights = np.where(returned[found] == rows, weights * np.maximum(similarity, 0), 0.0)
    best = np.argsort(-weights, kind="stable")[:most]
    best = best[weights[best] > 0]
    height, width = grid_size(size, scale)
    return MatchedPlaces(
        (first, second),
        _positions(best, height, width),
        _positions(found[best], height, width),
        similarity[best],
    )


def draw_places(places: MatchedPlaces) -> NDArray[np.uint8]:
    """Draw both images, one above the other, with lines between the matched places, in RGB."""
    upper, lower = (
        cv2.resize(to_bytes(image), None, fx=_ZOOM, fy=_ZOOM, interpolation=cv2.INTER_LINEAR)
        for image in places.images
    )
    width = max(upper.shape[1], lower.shape[1])
    top = upper.shape[0] + _GAP
    canvas = np.full((top + lower.shape[0], width), 255, np.uint8)
    canvas[: upper.shape[0], : upper.shape[1]] = upper
    canvas[top:, : lower.shape[1]] = lower
    plain = np.repeat(canvas[..., np.newaxis], 3, axis=2)
    drawn = plain.copy()
    drawn[upper.shape[0] : top] = 235
    ends = zip(
        np.rint(places.first[:_MOST_DRAWN] * upper.shape[::-1]).astype(int).tolist(),
        np.rint(places.second[:_MOST_DRAWN] * lower.shape[::-1] + (0, top)).astype(int).tolist(),
        strict=True,
    )
    for number, (start, end) in enumerate(ends):
        color = _COLORS[number % len(_COLORS)]
        cv2.line(drawn, start, end, color, 1, cv2.LINE_AA)
        for point in (start, end):
            cv2.circle(drawn, point, 4, color, 2, cv2.LINE_AA)
    return np.asarray(cv2.addWeighted(drawn, _OPACITY, plain, 1 - _OPACITY, 0), np.uint8)


def _positions(rows: NDArray[Any], height: int, width: int) -> NDArray[np.float64]:
    """Return the middles of cells of a grid, from 0 to 1."""
    y, x = np.divmod(rows, width)
    return np.column_stack([(x + 0.5) / width, (y + 0.5) / height])
