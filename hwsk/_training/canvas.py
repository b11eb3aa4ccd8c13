"""Support estimators whose network sees images fitted to one canvas."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwsk._data.images import Image, check_images, fit_to_canvas
from hwsk._data.levels import Levels, as_float, find_ink, to_ink
from hwsk._data.scan import run_here, scan_images, walk
from hwsk._limits import check_sides
from hwsk._training.batches import Augmentation, Collate, RasterDataset
from hwsk._training.estimator import NetworkEstimator
from hwsk._training.parameters import fill_docstring

_CANVAS_DOC = """\
    channels : tuple of int, default=(32, 64, 128, 128)
        Filters of each convolutional stage. The encoder has four, and each halves the image.
    image_size : tuple of (int, int), default=None
        Height and width of the canvas that the network sees. An image of that size is taken as it
        is; any other is cut to its ink, scaled to fit with its proportions kept, and centred. None
        takes the size of the images in `fit`, which then is one."""

_TABLE_DOC = """
    image_shape : tuple of (int, int), default=None
        Height and width of the images where X is a 2-D array, a row for each."""


def document_canvas(cls: type) -> type:
    """Put the docstring of the parameters of the canvas at `{canvas}`."""
    takes_tables = "image_shape" in inspect.signature(cls).parameters
    fill_docstring(cls, "canvas", _CANVAS_DOC + _TABLE_DOC * takes_tables)
    return cls


class EncoderEstimator(NetworkEstimator):
    """A network over images fitted to one canvas.

    A subclass has the parameters `channels, image_size` beside those of training, and
    `image_shape` if it takes tables.
    """

    image_shape: tuple[int, int] | None = None

    image_size_: tuple[int, int]

    def _check_channels(self) -> None:
        whole = all(isinstance(n, (int, np.integer)) and n > 0 for n in self.channels)
        if len(self.channels) != 4 or not whole:
            raise ValueError(
                f"channels={self.channels!r}; the four stages need four whole numbers from 1"
            )

    def _look(self, X: Any, *, further: bool) -> NDArray[Any]:
        """Go over all images before training; all of them on the canvas, as one array.

        Values are uint8, or floats from 0 (ink) to 1 (paper).
        """
        images = check_images(X, self, reset=not further, image_shape=self.image_shape)
        scan = scan_images(images, run=self._map_rows if images.decodes else run_here)
        if not further:
            self.levels_ = scan.learn_levels()
            self.image_size_ = self._canvas_size(scan.shapes.tolist(), scan.is_table)
        put = self._canvas_step(scan.is_table)
        canvases = [put(image) for image in scan.kept]
        if scan.is_float.any() and not scan.is_float.all():
            canvases = [as_float(canvas) for canvas in canvases]
        self._warn_blank(scan.blank_rows(self.levels_), len(scan))
        return np.stack(canvases)

    def _canvas_size(self, shapes: list[list[int]], is_table: bool) -> tuple[int, int]:
        if self.image_size is None or is_table:
            other = [row for row, shape in enumerate(shapes) if shape != shapes[0]]
            if other:
                raise ValueError(
                    f"image 0 is {_size(shapes[0])}, and image {other[0]} {_size(shapes[other[0]])}"
                    ": give image_size=(height, width), and each is fitted to that"
                )
            return shapes[0][0], shapes[0][1]
        return check_sides("image_size", self.image_size)

    def _canvas_step(self, is_table: bool) -> Callable[[Image], Image]:
        """Make the step that puts an image on the canvas; it does not refer to the estimator."""
        size = None if is_table else self.image_size_
        return partial(_on_canvas, levels=self.levels_, size=size)

    def _canvases(self, X: Any) -> CanvasDataset:
        """Images to predict from, decoded and fitted when they are asked for."""
        images = check_images(X, self, image_shape=self.image_shape)
        return CanvasDataset(images.map(self._canvas_step(images.is_table)), None)

    def _encode_views(
        self,
        X: Any,
        n_changed: int,
        *,
        keep: bool = False,
        collate: Collate | None = None,
    ) -> Iterator[Iterator[tuple[list[int], Any]]]:
        """Yield what `_encode` does, of the images and of versions of them that `augment` changed.

        Version j of each image is changed by the same random numbers: images that are equal have
        equal outputs, in whatever rows they are. With `keep`, images are decoded once and kept.
        """
        self._check_can_change(n_changed)
        dataset = self._canvases(X)
        dataset.collate = collate or dataset.collate
        if keep and n_changed:
            dataset.images = [image for _, image in walk(dataset.images, run=self._map_rows)]
        yield self._outputs(dataset)
        for view in range(n_changed):
            changed = copy(dataset)
            changed.augment, changed.view = self.augment, view
            yield self._outputs(changed, warn=False)

    def _check_can_change(self, n_changed: int) -> None:
        if n_changed and self.augment is None:
            raise ValueError(
                f"augment=None: there is nothing to make {n_changed} changed versions of each "
                "image by"
            )

    def _encode(self, X: Any) -> Iterator[tuple[list[int], Any]]:
        """Yield (rows, output of the network)."""
        return self._outputs(self._canvases(X))


def _on_canvas(image: Image, levels: Levels, size: tuple[int, int] | None) -> Image:
    if image.dtype != np.uint8:
        paper, ink = levels
        image = (image - np.float32(ink)) / np.float32(paper - ink)
    if size is None or image.shape == size:
        return image
    return fit_to_canvas(image, find_ink(to_ink(image, (1.0, 0.0))), size)


class CanvasDataset(RasterDataset):
    """Images of one size, dark ink on light paper, with a tuple of numbers or arrays for each."""

    def __init__(
        self,
        images: Sequence[Image] | NDArray[Any],
        targets: Sequence[tuple[Any, ...]] | None,
        augment: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(images, (1.0, 0.0), None, targets, augment, seed)
        self.collate = collate_canvases
        self.view: int | None = None
        """Seed by which all images are changed alike; None where each has its own."""

    def _augmented(self, image: Image, rng: np.random.Generator) -> Image:
        if self.view is not None:
            rng = np.random.default_rng(self.view)
        return super()._augmented(image, rng)


def collate_canvases(
    batch: list[tuple[NDArray[np.float32], Any]],
) -> tuple[dict[str, Tensor], Any]:
    """Images of one size as one tensor, and each part of their targets as another."""
    images = torch.from_numpy(np.stack([image for image, _ in batch]))[:, None]
    targets = [target for _, target in batch]
    if targets[0] is None:
        return {"images": images}, torch.zeros(0)
    parts = zip(*targets, strict=True)
    return {"images": images}, tuple(torch.from_numpy(np.stack(part)) for part in parts)


def in_order(rows: list[int], parts: list[NDArray[Any]]) -> NDArray[Any]:
    """Outputs of batches joined, in the order of the samples."""
    return np.concatenate(parts)[np.argsort(rows)]


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} pixels high and {shape[1]} wide"
