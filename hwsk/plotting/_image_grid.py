"""Plot images in rows and columns."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_scalar

from hwsk._data.images import Image, fit_to_canvas, paper_level, some_rows
from hwsk._data.levels import find_ink
from hwsk.plotting._matplotlib import import_pyplot

FIGURE_WIDTH = 10  # inches
GAP = 0.06  # between images, in their widths
LABEL = 0.9  # inches to the left of the images
TITLE = 0.25  # inches above them


class ImageGrid:
    """Images of one size in rows and columns of one axes, whose unit is an inch.

    Parameters
    ----------
    shape : tuple of (int, int)
        Rows and columns.
    image_shape : tuple of (int, int)
        Height and width of an image.
    ax : matplotlib.axes.Axes or None
        Axes to draw in.
    """

    def __init__(self, shape: Sequence[int], image_shape: Sequence[int], ax: Any) -> None:
        self.width = min(1.2, (FIGURE_WIDTH - LABEL) / (shape[1] * (1 + GAP)))
        self.height = self.width * image_shape[0] / image_shape[1]
        self.gap = GAP * self.width
        right = LABEL + shape[1] * (self.width + self.gap)
        bottom = TITLE + shape[0] * (self.height + self.gap)
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(right, bottom), layout="constrained")
        self.ax = ax
        ax.set_axis_off()
        ax.set(xlim=(0, right), ylim=(bottom, 0), aspect="equal")

    def draw(
        self,
        image: Image,
        row: int,
        column: int,
        limits: tuple[float, float],
        cmap: str = "gray",
    ) -> None:
        left = LABEL + column * (self.width + self.gap)
        top = TITLE + row * (self.height + self.gap)
        extent = (left, left + self.width, top + self.height, top)
        bounds = self.ax.get_xlim(), self.ax.get_ylim()
        self.ax.imshow(image, cmap=cmap, vmin=limits[0], vmax=limits[1], extent=extent)
        self.ax.set(xlim=bounds[0], ylim=bounds[1])  # imshow moves them
        frame = [left, left + self.width, left + self.width, left, left]
        sides = [top, top, top + self.height, top + self.height, top]
        self.ax.plot(frame, sides, color="#cccccc", linewidth=0.5)

    def title(self, column: int, text: str) -> None:
        middle = LABEL + column * (self.width + self.gap) + self.width / 2
        self.ax.text(middle, TITLE - 0.04, text, ha="center", va="bottom", fontsize=8)

    def label(self, row: int, text: str) -> None:
        middle = TITLE + row * (self.height + self.gap) + self.height / 2
        self.ax.text(LABEL - 0.08, middle, text, ha="right", va="center", fontsize=8)


def fitted(image: Image, size: tuple[int, ...]) -> Image:
    """An image as an encoder sees it whose canvas has this size."""
    ink = (1 - image / paper_level(image)).astype(np.float32)
    return fit_to_canvas(image, find_ink(ink), (size[0], size[1]))


def gray_limits(images: Any) -> tuple[float, float]:
    """Return the values of black and white: 0 and 1, and beyond where values are free."""
    lowest = min(float(image.min()) for image in images)
    highest = max(float(image.max()) for image in images)
    return min(0.0, lowest), max(1.0, highest)


def choose_rows(rows: Any, n: int, name: str = "rows", of: str = "images") -> NDArray[np.intp]:
    """The first of a number of rows, or those that are named."""
    if isinstance(rows, Integral):
        check_scalar(rows, name, Integral, min_val=1)
        return np.arange(min(int(rows), n))
    chosen: NDArray[Any] = np.asarray(rows)
    if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
        raise ValueError(f"{name} is {rows!r}; it is a number of {of}, or which of them")
    if (outside := chosen[(chosen < 0) | (chosen >= n)]).size:
        raise ValueError(f"{name} has {some_rows(outside)}, and there are {n} {of}")
    return chosen.astype(np.intp)
