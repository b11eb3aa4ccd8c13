"""Make datasets of the Siamese network: single samples with writers, and pairs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwsk._data.images import Image
from hwsk._training.batches import Augmentation
from hwsk._training.canvas import CanvasDataset, collate_canvases
from hwsk._training.writer_batches import ContextBatches, PositivePairBatches


class SampleDataset(CanvasDataset):
    """Images with (writer, sample, features, whether it is the writer's only one[, context])."""

    def batches(self, batch_size: int, shuffle: bool) -> PositivePairBatches:
        assert self.targets is not None
        kind = ContextBatches if len(self.targets[0]) > 4 else PositivePairBatches
        return kind(self, batch_size)


class PairDataset(CanvasDataset):
    """Pairs of images, each with whether they are by the same writer."""

    def __init__(
        self,
        stack: NDArray[Any],
        index: NDArray[np.intp],
        same: NDArray[np.bool_],
        augment: Augmentation | None,
        seed: int,
    ) -> None:
        targets = [(label,) for label in np.repeat(same, 2)]
        super().__init__(_ChosenRows(stack, index.ravel()), targets, augment, seed)
        self.collate = _collate_pairs

    def __len__(self) -> int:
        return len(self.images) // 2

    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], Any]:
        one, target = super().__getitem__(2 * i)
        other, _ = super().__getitem__(2 * i + 1)
        return np.stack([one, other]), target


class _ChosenRows(Sequence[Image]):
    """Rows of an array, taken when asked for."""

    def __init__(self, stack: NDArray[Any], rows: NDArray[np.intp]) -> None:
        self.stack = stack
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: Any) -> Any:
        return self.stack[self.rows[i]]


def _collate_pairs(batch: list[tuple[NDArray[np.float32], Any]]) -> Any:
    X, targets = collate_canvases(batch)
    images = X["images"]
    return {"images": images.reshape(-1, 1, *images.shape[3:])}, targets


def collate_resized(size: tuple[int, int]) -> Callable[[Any], tuple[dict[str, Tensor], Any]]:
    """Make a collate function whose batches ask the network for local descriptors alone."""
    return partial(_collate_resized, size=torch.tensor(size))


def _collate_resized(
    batch: list[tuple[NDArray[np.float32], Any]], size: Tensor
) -> tuple[dict[str, Tensor], Any]:
    X, targets = collate_canvases(batch)
    return {**X, "resized": size}, targets
