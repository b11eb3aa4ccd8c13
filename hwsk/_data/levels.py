"""Estimate the grey values of paper and ink, and detect inverted images."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.images import paper_level, some_rows
from hwsk._wording import some_of

Levels = tuple[float, float]
"""The values of paper and of full ink in images of floats."""

FAINTEST = 0.1  # ink below this, of the full scale, is paper
MIN_CONTRAST = 0.1  # of the full scale: ink that is on average less dark is paper texture


NEGATIVE = "look inverted (light ink on dark paper): turned round"  # a remark on images


def inverted_message(rows: Any, n: int, ink: str = "dark") -> str:
    """Describe images that are full of ink, where ink is meant to be "dark" or "light"."""
    looks, wanted = "light ink on dark paper", "dark ink on light paper"
    if ink == "light":
        looks, wanted = wanted, looks
    why = "as hwsk.preprocessing.Grayscale makes it" if ink == "dark" else "as most in `fit` have"
    return (
        f"{some_of(len(rows), n, 'images', f'look inverted ({looks})')}, rows {some_rows(rows)}; "
        f"expected is {wanted}, {why}"
    )


def is_blank(image: Image) -> bool:
    """Indicate an image of one tone, but for paper texture."""
    return float(image.max()) - float(image.min()) <= FAINTEST * paper_level(image)


def is_inverted(image: Image) -> bool:
    """Indicate light ink on dark paper: most pixels are nearer to the dark end of the tones."""
    gray = to_bytes(image)
    counts = np.bincount(gray.ravel(), minlength=256).cumsum() / gray.size
    dark, median, light = np.searchsorted(counts, [0.01, 0.5, 0.99])
    if light - dark < 255 * MIN_CONTRAST:  # hardly any ink: judge the paper alone
        return bool(median < 128)
    return bool(median - dark < light - median)


def is_negative(image: Image) -> bool:
    """Indicate a negative for certain: its edges are nearer to the dark end, too.

    A bold character that is cut out closely is mostly ink, and its edges are still paper.
    """
    edges = np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]])
    middle = (float(image.min()) + float(image.max())) / 2
    return bool(np.median(edges) < middle) and is_inverted(image)


def remark_polarity(image: Image) -> str | None:
    """Say of an image that it is turned round, by who does that, or that it may have to be."""
    if not is_inverted(image):
        return None
    if is_negative(image):
        return NEGATIVE
    return "are mostly dark up to parts of the edges, and taken as dark ink on light paper"


def invert(image: Image) -> Image:
    """Turn the tones round: dark becomes light."""
    return np.asarray(paper_level(image) - image, dtype=image.dtype)


def to_bytes(image: Image) -> NDArray[np.uint8]:
    """Grey values as uint8."""
    if image.dtype == np.uint8:
        return image
    scaled = np.clip(image * (255 / paper_level(image)), 0, 255)
    return np.rint(scaled).astype(np.uint8)


def as_float(image: Image) -> Image:
    """Grey values as floats; uint8 as 0 to 1."""
    return image if image.dtype != np.uint8 else image.astype(np.float32) / np.float32(255)


def to_ink(image: Image, levels: Levels) -> NDArray[np.float32]:
    """Grey values as amount of ink: paper 0, full ink 1."""
    paper, ink = (255.0, 0.0) if image.dtype == np.uint8 else levels
    return ((paper - image.astype(np.float32)) / (paper - ink)).astype(np.float32, copy=False)


def find_ink(ink: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Mask the pixels that are ink (1 is full ink): at least half as dark as the darkest."""
    return ink > max(FAINTEST, float(ink.max()) / 2)


def otsu_ink(image: Image) -> NDArray[np.uint8]:
    """Ink (255) on paper (0) by Otsu's threshold; none, if it is hardly darker than the rest."""
    gray = to_bytes(image)
    _, binary = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    return without_texture(gray, np.asarray(binary, np.uint8))


def without_texture(gray: NDArray[np.uint8], ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink (255 on 0); none, if it is on average hardly darker than the paper."""
    dark = cv2.mean(gray, mask=ink)[0]
    paper = cv2.mean(gray, mask=cv2.bitwise_not(ink))[0]
    return ink if paper - dark >= 255 * MIN_CONTRAST else np.zeros_like(ink)
