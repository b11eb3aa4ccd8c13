"""Define the convolutional encoder that networks over images of one size share."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hwsk.networks._blocks import ConvNorm, Residual


class ConvEncoder(nn.Module):
    """Four residual stages, each at half the size of the one before: 1.9 million weights.

    Parameters
    ----------
    channels : tuple of int, default=(32, 64, 128, 256)
        Filters of the stages.
    """

    least_side = 16

    def __init__(self, channels: tuple[int, ...] = (32, 64, 128, 256)) -> None:
        super().__init__()
        for i, (n_in, n_out) in enumerate(zip((1, *channels), channels, strict=False)):
            first = ConvNorm(n_in, n_out, kernel_size=3 if i else 5, stride=2)
            setattr(self, f"stage{i + 1}", nn.Sequential(first, Residual(n_out)))
        self.stride = 2 ** len(channels)
        self.n_features = 2 * channels[-1]

    def maps(self, x: Tensor) -> Tensor:
        """The last stage's features, `(n, channels[-1], ceil(height / stride), ...)`."""
        return self.all_maps(x)[-1]

    def all_maps(self, x: Tensor) -> list[Tensor]:
        """The features of each stage."""
        maps = []
        for stage in self.children():
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: Tensor) -> Tensor:
        """Mean and maximum of each feature over the image, `(n, n_features)`."""
        return pool(self.maps(x))


def pool(maps: Tensor) -> Tensor:
    """Mean and maximum of each feature over the image."""
    return torch.cat([maps.mean(dim=(2, 3)), maps.amax(dim=(2, 3))], dim=1)
