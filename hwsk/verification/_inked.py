"""Take the ink of samples, which all that names doubtful samples looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.images import check_images
from hwsk._data.levels import invert, is_negative, to_bytes
from hwsk._data.scan import walk
from hwsk.preprocessing._signatures import separate_ink
from hwsk.verification._sides import Side, name_image

_PRINT, _BLUR = (128, 64), 1.0  # so fine that two samples of one name differ
_VIEW, _VIEW_BLUR = (64, 32), 1.5  # so coarse that they are alike

Ink = NDArray[np.uint8]
"""Ink is 255 and paper 0, cut to the ink; of no size where there is none."""
Drawn = NDArray[np.float32]
"""Ink on a canvas of one size, as a vector: the product of two is their correlation."""


class View(NamedTuple):
    """Hold ink as it is compared with that of others."""

    ink: Ink
    length: float
    """In heights."""
    drawn: Drawn


@dataclass(frozen=True)
class Inked:
    """Hold what is looked at of a sample; what is drawn of its ink is drawn once."""

    name: str
    """For messages."""
    shape: tuple[int, ...]
    is_negative: bool
    ink: Ink

    @cached_property
    def print(self) -> Drawn:
        """The ink, finely: of a copy it is the same."""
        return _draw(self.ink, _PRINT, _BLUR)

    @cached_property
    def views(self) -> tuple[View, View]:
        """The ink as it lies, and on its side."""
        return take_view(self.ink), take_view(self.ink.T)


def take_ink(sides: Sequence[Side]) -> list[list[Inked]]:
    """Take the ink of each sample of each side."""
    return [
        [
            Inked(name_image(i, side, samples[i]), image.shape, is_negative(image), separate(image))
            for i, image in walk(check_images(samples))
        ]
        for side, samples in sides
    ]


def separate(image: Image) -> Ink:
    """Separate the ink of an image from its paper, and cut it out."""
    return cut(separate_ink(to_bytes(invert(image) if is_negative(image) else image)))


def cut(ink: Ink) -> Ink:
    """Cut to the ink."""
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(ink))
    return ink[top : top + height, left : left + width]


def take_view(ink: Ink) -> View:
    """Take ink as it is compared with that of others."""
    return View(ink, length_of(ink), _draw(ink, _VIEW, _VIEW_BLUR))


def length_of(ink: Ink) -> float:
    """Divide width by height."""
    return ink.shape[1] / ink.shape[0]


def _draw(ink: Ink, size: tuple[int, int], blur: float) -> Drawn:
    """Draw ink on a canvas of so many columns and rows, stretched and blurred by so many pixels."""
    fitted = cv2.resize(np.ascontiguousarray(ink), size, interpolation=cv2.INTER_AREA)
    drawn = cv2.GaussianBlur(fitted.astype(np.float32), (0, 0), blur).ravel()
    drawn -= drawn.mean()
    return np.asarray(drawn / max(float(np.linalg.norm(drawn)), 1e-6), np.float32)
