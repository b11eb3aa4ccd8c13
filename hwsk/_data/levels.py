"""Grey levels: which values are paper and ink, and images that look inverted."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk._data.images import Image, some_rows


def inverted_message(rows: Any, n: int, ink: str = "dark") -> str:
    """What to say of images that are full of ink, where ink is meant to be "dark" or "light"."""
    looks, wanted = "light ink on dark paper", "dark ink on light paper"
    if ink == "light":
        looks, wanted = wanted, looks
    why = "as hwsk.preprocessing.Grayscale makes it" if ink == "dark" else "as most in `fit` have"
    return (
        f"{len(rows)} of {n} images look inverted ({looks}), rows {some_rows(rows)}; "
        f"expected is {wanted}, {why}"
    )


def learn_levels(
    means: NDArray[np.float64],
    is_float: NDArray[np.bool_],
    span: tuple[float, float],
    is_table: bool,
    stacklevel: int,
) -> tuple[float, float]:
    """The values of paper and full ink in images of floats, which span these; dark ink on light.

    Warns of another scale than 0 to 1 and of inverted images; in tables, values are free.
    """
    low, high = span
    if low > -1e-4 and high < 1 + 1e-4:  # what resizing makes of 0 and 1 may be rounded beyond
        low, high = 0.0, 1.0
    elif not is_table:
        warnings.warn(
            f"images of floats hold values from {low:g} to {high:g}, not 0 to 1: "
            f"{high:g} is taken as paper and {low:g} as full ink",
            stacklevel=stacklevel + 1,
        )
    ink = np.where(is_float, (high - means) / (high - low), 1 - means / 255)
    dark = np.flatnonzero(ink > 0.5)
    if len(dark) <= len(ink) / 2:  # most are light: name those that are clearly otherwise
        dark = np.flatnonzero(ink > 0.6)
    if len(dark) and not is_table:
        warnings.warn(inverted_message(dark, len(means)), stacklevel=stacklevel + 1)
    return high, low


def to_ink(image: Image, levels: tuple[float, float]) -> NDArray[np.float32]:
    """Grey values as amount of ink: paper 0, full ink 1."""
    paper, ink = (255.0, 0.0) if image.dtype == np.uint8 else levels
    return ((paper - image.astype(np.float32)) / (paper - ink)).astype(np.float32, copy=False)
