"""Name images that seem to hold two samples: in the shape of two of the others, with a gap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.images import check_images
from hwsk._data.levels import invert, is_negative, to_bytes
from hwsk._data.scan import walk
from hwsk.preprocessing._signatures import separate_ink
from hwsk.verification._sides import Side, name_image

_LONGER = 1.7  # times as long as the others in proportion; two samples are about twice as long
_BEYOND = 1.05  # times the longest that were no two, in the calibration
_USUAL = 0.995  # of a calibration's images
_LIKE = 0.6, 1.6  # proportions of a part, in those of the others
_GAP = 0.08  # heights of ink, at least
_GAPS = 3  # the widest are tried


class Shape(NamedTuple):
    """How long ink is for its height, and its parts on both sides of the widest gaps."""

    length: float
    parts: list[tuple[float, float]]


def measure_shapes(image: Image) -> list[Shape]:
    """Shapes of the ink of an image, along it and across; none without ink."""
    ink = separate_ink(to_bytes(invert(image) if is_negative(image) else image))
    if not ink.any():
        return []
    left, top, width, height = cv2.boundingRect(ink)
    ink = ink[top : top + height, left : left + width]
    return [_measure_along(ink), _measure_along(np.ascontiguousarray(ink.T))]


def _measure_along(ink: NDArray[np.uint8]) -> Shape:
    columns = np.flatnonzero(ink.max(axis=0))
    gaps = np.diff(columns) - 1
    parts = []
    for k in np.argsort(-gaps)[:_GAPS]:
        if gaps[k] >= _GAP * ink.shape[0]:
            place = columns[k] + 1
            parts.append((_length(ink[:, :place]), _length(ink[:, place:])))
    return Shape(_length(ink), parts)


def _length(ink: NDArray[np.uint8]) -> float:
    _, _, width, height = cv2.boundingRect(np.ascontiguousarray(ink))
    return width / height


def find_longest(images: Any, writers: NDArray[np.intp], forged: NDArray[np.bool_]) -> float:
    """How many times as long as usual of its writer an image is that falls into two, at most.

    But for one of 200 images: some forgers get the proportions wrong.

    Parameters
    ----------
    images : sequence of images
    writers : ndarray of shape (n_samples,)
        Of a forgery, whose hand it imitates.
    forged : ndarray of shape (n_samples,)

    Returns
    -------
    longest : float
        1 at least.
    """
    measured = [measure_shapes(image) for _, image in walk(check_images(images))]
    lengths = np.ones(len(measured))
    for writer in np.unique(writers):
        own = np.flatnonzero(writers == writer)
        for axis in range(2):
            usual = [measured[i][axis].length for i in own if not forged[i] and measured[i]]
            for i in own if usual else ():
                shape = measured[i][axis] if measured[i] else None
                if shape is not None and _has_like_parts(shape, float(np.median(usual))):
                    lengths[i] = max(lengths[i], shape.length / float(np.median(usual)))
    return float(np.quantile(lengths, _USUAL))


def name_joined(sides: Sequence[Side], longest: float) -> list[str]:
    """Name each image that is as long as two of the other side, and falls into two such parts."""
    measured = [
        [(i, measure_shapes(image)) for i, image in walk(check_images(samples))]
        for _, samples in sides
    ]
    doubts = []
    for (side, samples), own, others in zip(sides, measured, measured[::-1], strict=True):
        for i, shapes in own:
            for axis, shape in enumerate(shapes):
                lengths = [other[axis].length for _, other in others if other]
                if lengths and _is_of_two(shape, float(np.median(lengths)), longest):
                    where = "one above the other" if axis else "side by side"
                    doubts.append(
                        f"{name_image(i, side, samples[i])}: it has the shape of two of the other "
                        f"side's, with a gap between (two samples {where}?)"
                    )
    return doubts


def _is_of_two(shape: Shape, usual: float, longest: float) -> bool:
    limit = max(_LONGER, _BEYOND * longest)
    return shape.length >= limit * usual and _has_like_parts(shape, usual)


def _has_like_parts(shape: Shape, usual: float) -> bool:
    least, most = (limit * usual for limit in _LIKE)
    return any(all(least <= part <= most for part in parts) for parts in shape.parts)
