"""The network that compares hands: an encoder, an embedding, and heads for named features."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import at_least_float32
from hwsk.networks.encoder import ConvEncoder, pool
from hwsk.networks.losses import EmbeddingLoss, TaskLoss

_LEAST_SIDE = 32  # smaller images are padded: a map of one place has no statistics


class HandNetwork(nn.Module):
    """An encoder over images, whose features make an embedding and the classes of several tasks.

    The encoder's last maps are not pooled: where on the canvas something is tells of the hand, too.

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
        Whether the dense layer also sees mean and maximum of each feature of the last two stages:
        what there is, wherever it is.
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
    ) -> None:
        super().__init__()
        self.encoder = ConvEncoder(channels)
        self.texture = texture
        sides = [max(_LEAST_SIDE, side) for side in image_size]
        self.padding = (0, sides[1] - image_size[1], 0, sides[0] - image_size[0])
        n_places = math.prod(-(-side // self.encoder.stride) for side in sides)
        n_pooled = 2 * sum(channels[-2:]) if texture else 0
        self.dense = nn.Linear(n_places * channels[-1] + n_pooled, hidden_units)
        self.norm = nn.LayerNorm(hidden_units)
        self.dropout = nn.Dropout(dropout)
        self.embedding = None if embedding_dim is None else nn.Linear(hidden_units, embedding_dim)
        self.heads = nn.ModuleList(nn.Linear(hidden_units, size) for size in task_sizes)

    def forward(self, images: Tensor) -> tuple[Tensor, tuple[Tensor, ...], Tensor]:
        """Vectors and logits of images.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width), float
            Ink is 1, paper 0.

        Returns
        -------
        vectors : Tensor of shape (n, embedding_dim or hidden_units), float32 or float64
            The embedding, or the features where there is none.
        logits : tuple of Tensor of shape (n, n_classes)
            Of each task.
        features : Tensor of shape (n, hidden_units)
            What embedding and heads see.
        """
        maps = self.encoder.all_maps(F.pad(images, self.padding))
        seen = [maps[-1].flatten(1)]
        if self.texture:
            seen += [pool(maps[-2]), pool(maps[-1])]
        features = F.relu(self.norm(self.dense(torch.cat(seen, dim=1))))
        x = self.dropout(features)
        vectors = features if self.embedding is None else self.embedding(x)
        logits = tuple(at_least_float32(head(x)) for head in self.heads)
        return at_least_float32(vectors), logits, at_least_float32(features)


class HandLoss(nn.Module):
    """The loss of the embedding and that of the tasks, added.

    Parameters
    ----------
    embedding : EmbeddingLoss or None
    tasks : TaskLoss or None
    embedding_weight, task_weight : float, default=1.0
        Factors of the two.
    """

    def __init__(
        self,
        embedding: EmbeddingLoss | None,
        tasks: TaskLoss | None = None,
        embedding_weight: float = 1.0,
        task_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.tasks = tasks
        self.embedding_weight = embedding_weight
        self.task_weight = task_weight

    def forward(
        self, output: tuple[Tensor, tuple[Tensor, ...], Tensor], target: tuple[Tensor, ...]
    ) -> Tensor:
        """Loss of a batch; target is (writers, samples, classes of the tasks)."""
        vectors, logits, _ = output
        loss = vectors.new_zeros(())
        if self.embedding is not None:
            loss = loss + self.embedding_weight * self.embedding(vectors, target[0])
        if self.tasks is not None:
            loss = loss + self.task_weight * self.tasks(logits, target[2])
        return loss
