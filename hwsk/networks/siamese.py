"""Define the Siamese network: encoder, embedding, feature heads, local descriptors."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import at_least_float32
from hwsk.networks.encoder import ConvEncoder, pool
from hwsk.networks.losses import EmbeddingLoss, TaskLoss
from hwsk.networks.matching import (
    REACH,
    DescriptorHead,
    MatchingLoss,
    reach_mask,
    scaled,
)

_LEAST_SIDE = 32  # smaller images are padded: a map of one pixel has no statistics
_GRID_STEP = 8  # pixels between keypoints: the stride of the last map but one


class SiameseNetwork(nn.Module):
    """An encoder over images, whose features make an embedding and the classes of several tasks.

    The last maps are not pooled: position on the canvas is characteristic of a writer, too.

    Parameters
    ----------
    image_size : tuple of (int, int)
        Height and width of the images.
    channels : tuple of int
        Filters of the encoder's stages.
    hidden_units : int
        Features that a dense layer makes of the encoder's maps.
    embedding_dim : int or None
        Length of the embedding; None leaves it out.
    task_sizes : tuple of int
        Classes of each task.
    dropout : float
        Before the embedding and the heads.
    texture : bool
        Whether the dense layer also sees mean and maximum of each feature of the last two stages,
        which do not depend on position.
    descriptor_dim : int or None
        Length of the local descriptors for `match`; None leaves them out.
    """

    def __init__(
        self,
        image_size: tuple[int, int],
        channels: tuple[int, ...],
        hidden_units: int,
        embedding_dim: int | None = None,
        task_sizes: tuple[int, ...] = (),
        dropout: float = 0.0,
        texture: bool = False,
        descriptor_dim: int | None = None,
    ) -> None:
        super().__init__()
        self.encoder = ConvEncoder(channels)
        self.texture = texture
        sides = [max(_LEAST_SIDE, side) for side in image_size]
        n_places = math.prod(-(-side // self.encoder.stride) for side in sides)
        n_pooled = 2 * sum(channels[-2:]) if texture else 0
        self.dense = nn.Linear(n_places * channels[-1] + n_pooled, hidden_units)
        self.norm = nn.LayerNorm(hidden_units)
        self.dropout = nn.Dropout(dropout)
        self.embedding = None if embedding_dim is None else nn.Linear(hidden_units, embedding_dim)
        self.heads = nn.ModuleList(nn.Linear(hidden_units, size) for size in task_sizes)
        self.descriptors: DescriptorHead | None = None
        if descriptor_dim is not None:
            self.descriptors = DescriptorHead(channels[-2:], descriptor_dim)

    def forward(self, images: Tensor, resized: Tensor | None = None) -> tuple[Any, ...]:
        """Vectors and logits of images.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width), float
            Ink is 1, paper 0.
        resized : Tensor of shape (2,), int, default=None
            If given, only `described` comes back, of images resized to this height and width.

        Returns
        -------
        vectors : Tensor of shape (n, embedding_dim or hidden_units), float32 or float64
            The embedding, or the features where there is none.
        logits : tuple of Tensor of shape (n, n_classes)
            Of each task.
        features : Tensor of shape (n, hidden_units)
            What embedding and heads see.
        described : LocalDescriptors
            If there is a descriptor head.
        """
        height, width = images.shape[2:]  # larger where registered images come back
        images = F.pad(images, (0, max(0, _LEAST_SIDE - width), 0, max(0, _LEAST_SIDE - height)))
        if resized is not None:
            assert self.descriptors is not None
            size = resized.tolist()
            if size != list(images.shape[2:]):
                images = F.interpolate(images, size, mode="bilinear", antialias=True)
            return (self.descriptors(images, *self.encoder.all_maps(images)[-2:]),)
        maps = self.encoder.all_maps(images)
        seen = [maps[-1].flatten(1)]
        if self.texture:
            seen += [pool(maps[-2]), pool(maps[-1])]
        features = F.relu(self.norm(self.dense(torch.cat(seen, dim=1))))
        x = self.dropout(features)
        vectors = features if self.embedding is None else self.embedding(x)
        logits = tuple(at_least_float32(head(x)) for head in self.heads)
        output = at_least_float32(vectors), logits, at_least_float32(features)
        return (
            output if self.descriptors is None else (*output, self.descriptors(images, *maps[-2:]))
        )


def enlarged(image_size: tuple[int, int], scale: float = 1.0) -> tuple[int, int]:
    """Multiply the size of what a network sees by `scale`, rounded to the keypoint grid."""
    sides = (max(_LEAST_SIDE, side) for side in image_size)
    if scale != 1:
        sides = (round(side * scale / _GRID_STEP) * _GRID_STEP for side in sides)
    height, width = sides
    return height, width


@cache
def reach_mask_on(
    image_size: tuple[int, int], reach: tuple[int, int] = REACH, scale: float = 1.0
) -> Tensor:
    """Make the `reach_mask` of the keypoint grid of images of that size."""
    return reach_mask(*grid_size(image_size, scale), scaled(reach, scale))


def grid_size(image_size: tuple[int, int], scale: float = 1.0) -> tuple[int, int]:
    """Compute rows and columns of the keypoint grid of images of that size, enlarged."""
    height, width = (-(-side // _GRID_STEP) for side in enlarged(image_size, scale))
    return height, width


class SiameseLoss(nn.Module):
    """The losses of the embedding, of the tasks and of matched keypoints, added.

    Parameters
    ----------
    embedding : EmbeddingLoss or None
    tasks : TaskLoss or None
    matching : MatchingLoss or None
    embedding_weight, task_weight : float, default=1.0
        Factors of the first two.
    """

    def __init__(
        self,
        embedding: EmbeddingLoss | None,
        tasks: TaskLoss | None = None,
        matching: MatchingLoss | None = None,
        embedding_weight: float = 1.0,
        task_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.tasks = tasks
        self.matching = matching
        self.embedding_weight = embedding_weight
        self.task_weight = task_weight

    def forward(self, output: tuple[Any, ...], target: tuple[Tensor, ...]) -> Tensor:
        """Loss of a batch; target is (writers, samples, classes of the tasks), and for matching
        also whether they are the only ones of their writers, and the text written in them.
        """
        vectors, logits, _, *described = output
        loss = vectors.new_zeros(())
        if self.embedding is not None:
            loss = loss + self.embedding_weight * self.embedding(vectors, target[0])
        if self.tasks is not None:
            loss = loss + self.task_weight * self.tasks(logits, target[2])
        if self.matching is not None:
            contexts = target[4] if len(target) > 4 else torch.zeros_like(target[0])
            loss = loss + self.matching(described[0], target[0], contexts, target[3])
        return loss
