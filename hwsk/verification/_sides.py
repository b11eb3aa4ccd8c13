"""Take the samples of the sides of a comparison, and refuse copies and blank images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import is_path
from hwsk._data.images import check_images, object_array
from hwsk._data.levels import is_blank, to_bytes
from hwsk._data.pairs import take_once
from hwsk._data.scan import walk
from hwsk._files import read_file
from hwsk._warn import collect_warnings

Side = tuple[str, Sequence[Any]]
"""The name of a side, for messages, and its samples."""


class Copy(NamedTuple):
    """An image that is there twice: the numbers of both sides, and what to call the images."""

    sides: tuple[int, int]
    names: tuple[str, str]


def find_copy(sides: Iterable[Side]) -> Copy | None:
    """Find an image that is on two sides, or twice on one."""
    known: dict[bytes, tuple[int, str]] = {}
    for number, (side, samples) in enumerate(sides):
        for i, sample in enumerate(samples):
            name = name_image(i, side, sample)
            before, first = known.setdefault(_identity(sample), (number, name))
            if first != name:
                return Copy((before, number), (first, name))
    return None


def refuse_blank(sides: Iterable[Side]) -> None:
    """Raise where an image has no ink."""
    for name, samples in sides:
        for i, image in walk(check_images(samples)) if len(samples) else ():
            if is_blank(image):
                where = name_image(i, name, samples[i])
                raise ValueError(f"{where} has no ink: there is nothing to see")


def name_image(number: int, side: str, sample: Any) -> str:
    """Name an image for messages: its number, its side, and its file if it has one."""
    return f"image {number} of {side}" + (f" ({sample})" if is_path(sample) else "")


def are_strokes(sample: Any) -> bool:
    """Check whether a sample is pen strokes, `(T, 3)`."""
    return isinstance(sample, np.ndarray) and sample.ndim == 2 and sample.shape[1] == 3


def checksum(sample: Any) -> str:
    """Compute the SHA-256 of a file, or of the numbers of an array."""
    content = read_file(sample) if is_path(sample) else np.ascontiguousarray(sample).tobytes()
    return hashlib.sha256(content).hexdigest()


def keep(samples: Sequence[Any]) -> list[Any]:
    """Copy arrays, that may change afterwards; paths stay as they are."""
    return [sample if is_path(sample) else np.array(sample) for sample in samples]


def _identity(sample: Any) -> bytes:
    """What the same image has in whatever format it is stored: its grey levels."""
    if are_strokes(sample):
        array = np.ascontiguousarray(sample)
    else:
        with collect_warnings():  # they are given when the image is compared
            array = to_bytes(check_images(object_array([sample]))[0])
    return hashlib.sha256(f"{array.shape}".encode() + array.tobytes()).digest()


def unfold(sides: Sequence[Any], of_table: bool) -> tuple[Any, list[NDArray[np.intp]]]:
    """Take the samples of all sides, as a representation takes them, and the rows of each side."""
    several = [take_samples(side, of_table) for side in sides]
    empty = [number for number, samples in enumerate(several) if not len(samples)]
    if empty:
        raise ValueError(f"side {empty[0]} of {len(sides)} has no sample: there is nothing to see")
    samples, rows = take_once([sample for side in several for sample in side])
    ends = np.cumsum([len(side) for side in several])[:-1]
    if of_table:
        return np.stack(samples), np.split(rows, ends)
    return samples if is_path(samples[0]) else object_array(samples), np.split(rows, ends)


def take_samples(side: Any, of_table: bool) -> Sequence[Any]:
    """Take the samples on one side of a pair: one, or several by one writer."""
    if is_path(side) or hasattr(side, "getbands"):  # the latter is an image of Pillow
        return [side]
    if of_table:
        return list(np.atleast_2d(np.asarray(side)))
    if hasattr(side, "iloc"):  # of pandas: by position, whatever its index is
        return list(side.to_numpy().ravel())
    if isinstance(side, np.ndarray) and side.dtype != object and side.dtype.kind not in "US":
        in_color = side.ndim == 3 and side.shape[2] in (3, 4) and min(side.shape[:2]) > 8
        return [side] if side.ndim == 2 or in_color else list(side)
    if len(side) and not is_path(side[0]) and np.ndim(side[0]) < 2:  # one, as nested lists
        return [np.asarray(side)]
    return list(side)
