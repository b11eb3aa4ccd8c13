"""Match local descriptors: each keypoint of an image with its nearest neighbour in another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import at_least_float32

_FAR = -9.0  # added to the similarity of keypoints that must not be matched; cosines start at -1
REACH = (4, 7)  # rows and columns of the grid that a keypoint may have moved by
_MOST = (96, 160, 64)  # pairs of a batch that are compared: same writer; different writers of the
# same text; others
_AT_ONCE = 2_600_000  # similarities computed at once: what fits into a processor's cache
_SHARPNESS = 16.0  # of the soft assignment to codewords: factor of the cosines
_SPREAD = (1.5, 2.5)  # rows and columns over which a keypoint is spread among cells
_CELL = 2  # keypoints in the side of a histogram's cell
_SHARE_NEAR = 0.6  # of the loss of negative pairs: for those of the same text
_SHARE_RANKED = 0.5  # of the loss: for the order of pairs, not for the threshold


class LocalDescriptors(NamedTuple):
    """Descriptors on the keypoint grid of images, and the weight of each keypoint.

    Maybe also the images, and the distance of each from its duplicates.
    """

    descriptors: Tensor  # (n, n_keypoints, n_channels), of length 1
    weights: Tensor  # (n, n_keypoints), of sum 1
    images: Tensor | None = None  # (n, 1, height, width)
    spreads: Tensor | None = None  # (n,)

    def of(self, rows: Tensor) -> LocalDescriptors:
        """Take those of some images."""
        # Not part[rows]: in its gradient the sums of several threads race.
        extra = (None if part is None else part.index_select(0, rows) for part in self[2:])
        descriptors, weights = (part.index_select(0, rows) for part in self[:2])
        return LocalDescriptors(descriptors, weights, *extra)


class DescriptorHead(nn.Module):
    """Local descriptors on a grid, from the last two maps of an encoder.

    Parameters
    ----------
    channels : sequence of (int, int)
        Filters of the two maps, the finer first.
    dim : int
        Length of the descriptors.
    """

    def __init__(self, channels: Sequence[int], dim: int) -> None:
        super().__init__()
        self.descriptor = nn.Conv2d(sum(channels), dim, 1)
        self.gate = nn.Conv2d(sum(channels), 1, 1)
        for parameter in self.gate.parameters():
            nn.init.zeros_(parameter)  # at first a keypoint's weight is its ink

    def forward(self, images: Tensor, fine: Tensor, coarse: Tensor) -> LocalDescriptors:
        """Describe images `(n, 1, height, width)` on the grid of `fine`."""
        size = fine.shape[2], fine.shape[3]
        wide = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        seen = torch.cat([fine, wide], dim=1)
        descriptors = at_least_float32(self.descriptor(seen).flatten(2))
        gates = at_least_float32(self.gate(seen).flatten(1)).sigmoid()
        ink = F.adaptive_avg_pool2d(images, size).flatten(1)
        weights = gates * ink
        weights = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-6)
        return LocalDescriptors(F.normalize(descriptors, dim=1).transpose(1, 2), weights, images)


def reach_mask(height: int, width: int, reach: tuple[int, int] = REACH) -> Tensor:
    """Make what is added to similarities, so that no keypoint matches one out of reach.

    `reach` is in rows and columns of a grid of `height` times `width` keypoints.
    """
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    moved = [(along[:, None] - along).abs() for along in (rows, columns)]
    return _FAR * ((moved[0] > reach[0]) | (moved[1] > reach[1])).float()


def scaled(reach: tuple[int, int], scale: float) -> tuple[int, int]:
    """Scale a reach to images that are enlarged."""
    return round(reach[0] * scale), round(reach[1] * scale)


def match(one: LocalDescriptors, other: LocalDescriptors, reach_mask: Tensor) -> Tensor:
    """Compute the mean cosine of matched keypoints of pairs of images, `(n,)`.

    Each keypoint is matched with its nearest neighbour within reach in the other image, as in [1]_,
    and counts by its weight. Matches are found without gradients.

    Parameters
    ----------
    one, other : LocalDescriptors
        Of `n` images each.
    reach_mask : Tensor of shape (n_keypoints, n_keypoints)
        As the function of that name gives it.

    References
    ----------
    .. [1] O. Khattab and M. Zaharia, "ColBERT: efficient and effective passage search via
       contextualized late interaction over BERT", SIGIR 2020, equation 3 (there without reach, and
       one way).
    """
    return _both_ways(one, other, *_matched(one, other, reach_mask))


def matched_distance(one: LocalDescriptors, other: LocalDescriptors, reach_mask: Tensor) -> Tensor:
    """Compute the mean Euclidean distance of keypoints matched as by `match`, `(n,)`.

    A keypoint without a counterpart in the other image, such as a flourish or a speck, counts for
    less than in the mean cosine, which is that of squared distances. An image without ink has the
    distance of orthogonal descriptors from every other.
    """
    far = math.sqrt(2)
    nearness = [
        far - (2 - 2 * cosine).clamp_min(0).sqrt() for cosine in _matched(one, other, reach_mask)
    ]
    return far - _both_ways(one, other, *nearness)


def _matched(one: LocalDescriptors, other: LocalDescriptors, reach_mask: Tensor) -> list[Tensor]:
    """Compute the cosine of each keypoint and its nearest neighbour, both ways."""
    there, back = nearest_neighbours(one.descriptors, other.descriptors, reach_mask)
    return [cosines(one, other, there), cosines(other, one, back)]


def _both_ways(
    one: LocalDescriptors, other: LocalDescriptors, there: Tensor, back: Tensor
) -> Tensor:
    """Average over the keypoints of both images by their weights."""
    return ((there * one.weights).sum(dim=1) + (back * other.weights).sum(dim=1)) / 2


@torch.no_grad()
def nearest_neighbours(one: Tensor, other: Tensor, reach_mask: Tensor) -> list[Tensor]:
    """Find each keypoint's nearest neighbour in the other image, both ways: `(n, n_keypoints)`."""
    found: list[list[Tensor]] = [[], []]
    far = reach_mask.to(one.dtype)[None]
    at_once = max(1, _AT_ONCE // reach_mask.numel())
    for a, b in zip(one.split(at_once), other.split(at_once), strict=True):
        alike = torch.baddbmm(far, a, b.transpose(1, 2))
        found[0].append(alike.max(dim=2).indices)  # argmax is slower by half
        found[1].append(alike.max(dim=1).indices)
    return [torch.cat(parts) for parts in found]


def cosines(one: LocalDescriptors, other: LocalDescriptors, found: Tensor) -> Tensor:
    """Compute the cosines of keypoints and those found for them."""
    rows = found[..., None].expand(-1, -1, one.descriptors.shape[2])
    return (one.descriptors * other.descriptors.gather(1, rows)).sum(dim=2)


def descriptor_histograms(
    described: LocalDescriptors, codebook: Tensor, map_size: tuple[int, int]
) -> Tensor:
    """Compute spatial histograms of codewords, as vectors of length 1.

    Each keypoint is assigned softly to the codewords [1]_ and to the cells of a coarser grid.
    Histograms are square-rooted, so that Euclidean distances are Hellinger's [2]_.

    Parameters
    ----------
    described : LocalDescriptors
        Of `n` images.
    codebook : Tensor of shape (n_codes, n_channels)
        Codewords, of length 1.
    map_size : tuple of (int, int)
        Rows and columns of the keypoint grid.

    Returns
    -------
    vectors : Tensor of shape (n, n_codes * n_cells)

    References
    ----------
    .. [1] J. van Gemert et al., "Visual word ambiguity", IEEE TPAMI 32, 2010.
    .. [2] R. Arandjelovic and A. Zisserman, "Three things everyone should know to improve object
       retrieval", CVPR 2012.
    """
    assigned = (_SHARPNESS * described.descriptors @ codebook.t()).softmax(dim=2)
    shares = (assigned * described.weights[..., None]).unflatten(1, map_size)
    down, across = (_spread(n, width) for n, width in zip(map_size, _SPREAD, strict=True))
    cells = torch.einsum("rh,nhwk,cw->nkrc", down.to(shares), shares, across.to(shares))
    return F.normalize(cells.flatten(1).sqrt(), dim=1)


def _spread(n: int, width: float) -> Tensor:
    """Compute how much each of `n` keypoints in a row counts in each cell."""
    cells = torch.arange((_CELL - 1) / 2, max(n, _CELL / 2), _CELL)
    return torch.softmax(-(((cells[:, None] - torch.arange(n)) / width) ** 2) / 2, dim=1)


class MatchingLoss(nn.Module):
    """Logistic loss of pairs by their mean matched cosine.

    Some pairs of each batch are taken: same writer, different writers of the same text, and others.
    Pairs of the same text by two writers with one sample each are left out: both may be forgeries
    by one writer. Positive pairs have to be above one learnt threshold [1]_, and above the negative
    pairs of the same text [2]_, since the similarity of a writer's samples varies with the text.

    Parameters
    ----------
    reach_mask : Tensor of shape (n_keypoints, n_keypoints)
        As the function of that name gives it.

    References
    ----------
    .. [1] X. Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023.
    .. [2] C. Burges et al., "Learning to rank using gradient descent", ICML 2005.
    """

    reach_mask: Tensor

    def __init__(self, reach_mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("reach_mask", reach_mask)
        self.slope = nn.Parameter(torch.tensor(30.0))
        self.threshold = nn.Parameter(torch.tensor(0.75))

    def forward(
        self, described: LocalDescriptors, writers: Tensor, contexts: Tensor, alone: Tensor
    ) -> Tensor:
        """Compute the loss of a batch; `alone` marks the only samples of their writers."""
        first, second = torch.triu_indices(len(writers), len(writers), 1, device=writers.device)
        same = writers[first] == writers[second]
        near = contexts[first] == contexts[second]
        unknown = near & alone[first] & alone[second]
        kinds = (same, near & ~same & ~unknown, ~near & ~same)
        rows = torch.cat([_some(kind, most) for kind, most in zip(kinds, _MOST, strict=True)])
        first, second, same, near = first[rows], second[rows], same[rows], near[rows]
        return self.of_pairs(described, first, second, same, near, contexts[first])

    def of_pairs(
        self,
        described: LocalDescriptors,
        first: Tensor,
        second: Tensor,
        same: Tensor,
        near: Tensor,
        contexts: Tensor | None = None,
    ) -> Tensor:
        """Compute the loss of given pairs of rows.

        `same` says whether both are by the same writer, `near` whether both are of the same text;
        with `contexts`, the texts, pairs are ranked among each other.
        """
        described = described._replace(images=None)
        alike = match(described.of(first), described.of(second), self.reach_mask)
        logits = self.slope * (alike - self.threshold)
        losses = F.softplus(torch.where(same, -logits, logits))
        kinds = (
            (same, 0.5),
            (~same & near, 0.5 * _SHARE_NEAR),
            (~same & ~near, 0.5 * (1 - _SHARE_NEAR)),
        )
        means = [weight * losses[kind].mean() for kind, weight in kinds if kind.any()]
        loss = torch.stack([*means, logits.sum() * 0]).sum()
        if contexts is None:
            return loss
        rivals = (near & same)[:, None] & (near & ~same) & (contexts[:, None] == contexts)
        if not rivals.any():
            return loss
        ranked = F.softplus((logits - logits[:, None])[rivals]).mean()
        return (1 - _SHARE_RANKED) * loss + _SHARE_RANKED * ranked


def _some(chosen: Tensor, most: int) -> Tensor:
    """Take the chosen rows, or at most so many of them at random."""
    rows = torch.nonzero(chosen)[:, 0]
    return rows[torch.randperm(len(rows), device=rows.device)[:most]]
