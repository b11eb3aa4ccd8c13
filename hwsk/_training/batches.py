"""Make datasets of images and the batches of a network."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from hwsk._data.images import Image, resize_to_height
from hwsk._data.levels import to_ink

Augmentation = Callable[[Image, np.random.Generator], Image]
Collate = Callable[[list[tuple[NDArray[np.float32], Any]]], tuple[dict[str, Tensor], Any]]

WIDTH_STEP = 32  # batch widths are multiples of this, so oneDNN meets few shapes


class Batched(Protocol):
    """Hold the training samples of a net, and put them into batches."""

    seed: int
    epoch: int
    widths: NDArray[np.int64] | None  # of samples, by which like is put with like

    @property
    def collate(self) -> Callable[[list[Any]], tuple[dict[str, Tensor], Any]]: ...

    def __len__(self) -> int: ...

    def n_batches(self, batch_size: int) -> int: ...

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]: ...


class RasterDataset(Dataset[tuple[NDArray[np.float32], Any]]):
    """Images of one height and any width, with their targets, as ink in [0, 1].

    Parameters
    ----------
    images : sequence of ndarray
        Decoded when asked for, if lazy.
    levels : (float, float)
        Values of paper and of full ink, for images that are not uint8.
    height : int or None
        Height to scale to; None keeps images as they are.
    targets : sequence or None
        Class numbers of each image's characters.
    augment : callable or None
        Changes an image, afresh in each epoch.
    seed : int
        Decides, with the epoch, the order and the augmentation.
    """

    ink = "dark"
    """Ink of the images as they were given, "dark" or "light"."""

    def __init__(
        self,
        images: Sequence[Image] | NDArray[Any],
        levels: tuple[float, float],
        height: int | None = None,
        targets: Sequence[Any] | None = None,
        augment: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.images = images
        self.levels = levels
        self.height = height
        self.targets = targets
        self.augment = augment
        self.seed = seed
        self.epoch = 0
        self.widths: NDArray[np.int64] | None = None
        self.least_widths: NDArray[np.int64] | None = None
        """Images that `augment` makes narrower than this are used unchanged."""
        self.collate: Collate = collate_rasters

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], Any]:
        return self.prepare(i, self.images[i])

    def prepare(self, i: int, image: Image) -> tuple[NDArray[np.float32], Any]:
        """Return the network's input of image i, and its target."""
        scaled = self._scaled(image)
        image = scaled if self.augment is None else self.augmented(i, scaled)
        if self.least_widths is not None and image.shape[1] < self.least_widths[i]:
            image = scaled
        return to_ink(image, self.levels), None if self.targets is None else self.targets[i]

    def augmented(self, i: int, image: Image) -> Image:
        """Image i as it is augmented in this epoch."""
        rng = np.random.default_rng([self.seed, self.epoch, i])
        return self._scaled(self._augmented(self._scaled(image), rng))  # its height may be another

    def _augmented(self, image: Image, rng: np.random.Generator) -> Image:
        assert self.augment is not None
        changed = self.augment(image, rng)
        _check_augmented(changed, image, same_size=self.height is None)
        return changed

    def _scaled(self, image: Image) -> Image:
        return image if self.height is None else resize_to_height(image, self.height)

    def n_batches(self, batch_size: int) -> int:
        return -(-len(self) // batch_size)

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]:
        return WidthBatches(self, batch_size, shuffle)


def _check_augmented(changed: Any, image: Image, same_size: bool) -> None:
    """Refuse what would be read as other grey values than it has, or as no image at all."""
    what = type(changed).__name__
    if isinstance(changed, np.ndarray):
        both_float = changed.dtype.kind == image.dtype.kind == "f"
        right_size = changed.shape == image.shape if same_size else changed.size
        if changed.ndim == 2 and right_size and (changed.dtype == image.dtype or both_float):
            return
        what = f"an array of shape {changed.shape} and dtype {changed.dtype}"
    raise ValueError(
        f"augment was given an image of shape {image.shape} and dtype {image.dtype}, and returned "
        f"{what}; it must return a 2-D array of the same dtype"
        + (" and shape" if same_size else "")
    )


class WidthBatches(Sampler[list[int]]):
    """Batches of samples of similar width, in random order.

    Samples are shuffled, sorted by width within runs of `run` batches, and cut into batches: little
    padding, yet new company each epoch.
    """

    def __init__(self, dataset: Batched, batch_size: int, shuffle: bool, run: int = 50):
        self.dataset = dataset
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.run = run

    def __len__(self) -> int:
        return self.dataset.n_batches(self.batch_size)

    def __iter__(self) -> Iterator[list[int]]:
        n, widths = len(self.dataset), self.dataset.widths
        rng = np.random.default_rng([self.dataset.seed, self.dataset.epoch])
        order = rng.permutation(n) if self.shuffle else np.arange(n)
        run = self.run * self.batch_size if self.shuffle else n
        batches = []
        for start in range(0, n, run):
            part = order[start : start + run]
            if widths is not None:
                part = part[np.argsort(widths[part], kind="stable")]
            batches += [part[i : i + self.batch_size] for i in range(0, len(part), self.batch_size)]
        if self.shuffle:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        return iter([batch.tolist() for batch in batches])


def collate_rasters(batch: list[tuple[NDArray[np.float32], Any]]) -> tuple[dict[str, Tensor], Any]:
    """Images of one height, padded with paper to one width; targets joined end to end."""
    images = [image for image, _ in batch]
    widths = [image.shape[1] for image in images]
    width = -(-max(widths) // WIDTH_STEP) * WIDTH_STEP
    padded = torch.zeros(len(images), 1, images[0].shape[0], width)
    for row, image in zip(padded, images, strict=True):
        row[0, :, : image.shape[1]] = torch.from_numpy(image)
    X = {"images": padded, "widths": torch.tensor(widths)}
    targets = [target for _, target in batch]
    if targets[0] is None:
        return X, torch.zeros(0)
    lengths = torch.tensor([len(target) for target in targets])
    return X, (torch.from_numpy(np.concatenate(targets)), lengths)
