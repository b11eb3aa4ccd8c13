"""Define the network that finds text lines in a page, and its loss."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import ConvNorm, Residual, at_least_float32

BASELINE, BODY, ENDS, ABOVE, BELOW, VALID = range(6)
"""Channels: of the output all but the last, of a target all."""


class LineNetwork(nn.Module):
    """Map a page to baselines, line bodies, line ends and line heights; a small U-Net [1]_.

    As in [2]_, the height of the line above and below the baseline is regressed, so that a
    baseline is enough to draw the outline of its line.

    Parameters
    ----------
    channels : sequence of int, default=(16, 32, 64, 96)
        Filters at each scale. The first works at a quarter of the resolution of the page, each
        further one at half of the one before.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net: convolutional networks for biomedical
       image segmentation", MICCAI 2015.
    .. [2] O. Kodym, M. Hradis, "Page layout analysis system for unconstrained historic
       documents", ICDAR 2021.
    """

    stride = 4
    """Pixels of the page for a pixel of the output."""

    def __init__(self, channels: Sequence[int] = (16, 32, 64, 96)) -> None:
        super().__init__()
        self.multiple = self.stride * 2 ** (len(channels) - 1)
        first = channels[0]
        self.stem = nn.Sequential(
            ConvNorm(1, first // 2 or 1, stride=2), ConvNorm(first // 2 or 1, first, stride=2)
        )
        self.encoder = nn.ModuleList(
            Residual(n)
            if i == 0
            else nn.Sequential(ConvNorm(channels[i - 1], n, stride=2), Residual(n))
            for i, n in enumerate(channels)
        )
        self.decoder = nn.ModuleList(
            nn.Sequential(ConvNorm(n + deeper, n), ConvNorm(n, n))
            for n, deeper in pairwise(channels)
        )
        self.head = nn.Conv2d(first, VALID, 1)
        self.orientation = nn.Conv2d(channels[-1], 4, 1)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps and orientation.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width)
            Ink 1 on paper 0; height and width are multiples of `multiple`.

        Returns
        -------
        maps : Tensor of shape (n, 5, height / 4, width / 4)
            Logits of baseline, body and ends; logarithms of the height of the line above and below
            the baseline, in multiples of 16 pixels.
        orientation : Tensor of shape (n, 4)
            Logits of 0, 90, 180 and 270 degrees by which the page is turned counterclockwise.
        """
        x = self.stem(images)
        kept = []
        for stage in self.encoder:
            x = stage(x)
            kept.append(x)
        weight = F.avg_pool2d(images, self.multiple) + 1e-6
        votes = (self.orientation(x) * weight).sum((2, 3)) / weight.sum((2, 3))
        for stage, shallow in zip(reversed(self.decoder), reversed(kept[:-1]), strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), shallow], dim=1))
        return at_least_float32(self.head(x)), at_least_float32(votes)


class LineLoss(nn.Module):
    """Sum the losses of maps, heights and orientation.

    Baselines count by cross-entropy and by the Dice coefficient, since most pixels have none.
    Pixels that are not valid count nothing, and heights only near a baseline.
    """

    def forward(self, output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        """Compute the loss of a `LineNetwork`'s output.

        Parameters
        ----------
        output : tuple of Tensor
            Maps and orientation.
        target : tuple of Tensor
            Maps `(n, 6, height, width)`, the last of which marks what is valid, and the class
            of orientation `(n,)`.

        Returns
        -------
        loss : Tensor
            A number.
        """
        maps, votes = output
        truth, turned = target
        valid = truth[:, VALID]
        n_valid = valid.sum().clamp(min=1)
        bits = F.binary_cross_entropy_with_logits(
            maps[:, :ABOVE], truth[:, :ABOVE], reduction="none"
        )
        factor = bits.new_tensor([2.0, 0.5, 1.0])[:, None, None]
        loss = (bits * factor * valid[:, None]).sum() / n_valid
        found = maps[:, BASELINE].sigmoid() * valid
        wanted = truth[:, BASELINE] * valid
        overlap = 2 * (found * wanted).sum() + 1
        loss = loss + 0.5 * (1 - overlap / ((found**2).sum() + (wanted**2).sum() + 1))
        near = valid * (truth[:, ABOVE] > -9)
        errors = (maps[:, ABOVE:VALID] - truth[:, ABOVE:VALID]).abs() * near[:, None]
        loss = loss + 0.3 * errors.sum() / near.sum().clamp(min=1)
        return loss + 0.1 * F.cross_entropy(votes, turned)
