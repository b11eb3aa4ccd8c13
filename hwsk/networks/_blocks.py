"""Define convolutional blocks that several networks use."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ConvNorm(nn.Module):
    """Convolution, batch normalisation, ReLU."""

    def __init__(self, n_in: int, n_out: int, kernel_size: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(
            n_in, n_out, kernel_size, stride, padding=kernel_size // 2, bias=False
        )
        self.norm = nn.BatchNorm2d(n_out)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu_(self.norm(self.conv(x)))


class Residual(nn.Module):
    """Two convolutions and a shortcut; what a mask of 0 and 1 leaves out stays 0."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = ConvNorm(channels, channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(channels)

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        inner = self.conv1(x) if mask is None else self.conv1(x) * mask
        out = F.relu_(x + self.norm2(self.conv2(inner)))
        return out if mask is None else out * mask


def at_least_float32(x: Tensor) -> Tensor:
    """Convert what autocast left in bfloat16 to float32."""
    return x if x.dtype == torch.float64 else x.float()
