"""Two images compared place by place, each place with the one that suits it best in the other."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import at_least_float32

_FAR = -9.0  # added to the similarity of places that must not be matched; cosines are from -1
REACH = (4, 7)  # rows and columns that a place may have moved by
_MOST = (96, 160, 64)  # pairs of a batch that are compared: by one hand, of two who wrote the same,
# of two others
_AT_ONCE = 2_600_000  # places compared with places at once: what fits into a processor's cache
_SHARPNESS = 16.0  # of shares in kinds of places: factor of the cosines
_SPREAD = (1.5, 2.5)  # how far a place counts in rows and columns
_CELL = 2  # places in the side of a histogram's cell
_SHARE_NEAR = 0.6  # of the loss of different hands that is for those who wrote the same
_SHARE_RANKED = 0.5  # of the loss that is for the order of pairs, not for the threshold


class Places(NamedTuple):
    """What is seen at each place of images, and how much each place counts.

    Maybe also the images, and how far each of them is from changed versions of itself.
    """

    descriptors: Tensor  # (n, n_places, n_channels), of length 1
    weights: Tensor  # (n, n_places), of sum 1
    images: Tensor | None = None  # (n, 1, height, width)
    spreads: Tensor | None = None  # (n,)

    def of(self, rows: Tensor) -> Places:
        """Those of some images."""
        # Not part[rows]: in its gradient the sums of several threads race.
        return Places(*(None if part is None else part.index_select(0, rows) for part in self))


class PlaceDescriptors(nn.Module):
    """Descriptors of the places of images, from the last two maps of an encoder.

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
            nn.init.zeros_(parameter)  # at first a place counts by its ink

    def forward(self, images: Tensor, fine: Tensor, coarse: Tensor) -> Places:
        """Places of images `(n, 1, height, width)`, as many as `fine` has."""
        size = fine.shape[2], fine.shape[3]
        wide = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
        seen = torch.cat([fine, wide], dim=1)
        descriptors = at_least_float32(self.descriptor(seen).flatten(2))
        gates = at_least_float32(self.gate(seen).flatten(1)).sigmoid()
        ink = F.adaptive_avg_pool2d(images, size).flatten(1)
        weights = gates * ink
        weights = weights / weights.sum(dim=1, keepdim=True).clamp_min(1e-6)
        return Places(F.normalize(descriptors, dim=1).transpose(1, 2), weights, images)


def out_of_reach(height: int, width: int, reach: tuple[int, int] = REACH) -> Tensor:
    """What is added to the similarities of all places on a map of that size, so that no place is
    matched with one more rows and columns away than `reach`.
    """
    rows = torch.arange(height).repeat_interleave(width)
    columns = torch.arange(width).repeat(height)
    moved = [(along[:, None] - along).abs() for along in (rows, columns)]
    return _FAR * ((moved[0] > reach[0]) | (moved[1] > reach[1])).float()


def scaled(reach: tuple[int, int], scale: float) -> tuple[int, int]:
    """A reach in images that are enlarged by so much."""
    return round(reach[0] * scale), round(reach[1] * scale)


def match(one: Places, other: Places, out_of_reach: Tensor) -> Tensor:
    """How alike the images of pairs are: the mean cosine of places that were matched, `(n,)`.

    Each place is matched with the likest of those in reach in the other image, as in [1]_, and
    counts by its weight. The matches are found without gradients.

    Parameters
    ----------
    one, other : Places
        Of `n` images each.
    out_of_reach : Tensor of shape (n_places, n_places)
        As the function of that name gives it.

    References
    ----------
    .. [1] O. Khattab and M. Zaharia, "ColBERT: efficient and effective passage search via
       contextualized late interaction over BERT", SIGIR 2020, equation 3 (there without reach, and
       one way).
    """
    return _both_ways(one, other, *_matched(one, other, out_of_reach))


def matched_distance(one: Places, other: Places, out_of_reach: Tensor) -> Tensor:
    """The mean Euclidean distance of places that were matched as by `match`, `(n,)`.

    A place that has no like in the other image, such as a flourish or a speck, counts for less than
    in the mean cosine, which is that of squares. Where nothing is written, there is nothing alike:
    the distance is that of descriptors at right angles.
    """
    far = math.sqrt(2)
    nearness = [
        far - (2 - 2 * cosine).clamp_min(0).sqrt() for cosine in _matched(one, other, out_of_reach)
    ]
    return far - _both_ways(one, other, *nearness)


def _matched(one: Places, other: Places, out_of_reach: Tensor) -> list[Tensor]:
    """How alike each place and the likest in the other image are, both ways."""
    there, back = likest(one.descriptors, other.descriptors, out_of_reach)
    return [cosines(one, other, there), cosines(other, one, back)]


def _both_ways(one: Places, other: Places, there: Tensor, back: Tensor) -> Tensor:
    """The mean over the places of both images, by their weights."""
    return ((there * one.weights).sum(dim=1) + (back * other.weights).sum(dim=1)) / 2


@torch.no_grad()
def likest(one: Tensor, other: Tensor, out_of_reach: Tensor) -> list[Tensor]:
    """Of each place the likest in the other image, both ways, each `(n, n_places)`."""
    found: list[list[Tensor]] = [[], []]
    far = out_of_reach.to(one.dtype)[None]
    at_once = max(1, _AT_ONCE // out_of_reach.numel())
    for a, b in zip(one.split(at_once), other.split(at_once), strict=True):
        alike = torch.baddbmm(far, a, b.transpose(1, 2))
        found[0].append(alike.max(dim=2).indices)  # argmax is slower by half
        found[1].append(alike.max(dim=1).indices)
    return [torch.cat(parts) for parts in found]


def cosines(one: Places, other: Places, found: Tensor) -> Tensor:
    """How alike each place is to that which was found for it."""
    rows = found[..., None].expand(-1, -1, one.descriptors.shape[2])
    return (one.descriptors * other.descriptors.gather(1, rows)).sum(dim=2)


def place_histograms(places: Places, codebook: Tensor, map_size: tuple[int, int]) -> Tensor:
    """Which kinds of places are about where in images, as vectors of length 1.

    Each place is shared out among the kinds by how like them it is [1]_, and among the cells of a
    coarser map. Of the histograms' values the roots are taken, so that Euclidean distances are
    Hellinger's [2]_: what comes near to `match` in a vector.

    Parameters
    ----------
    places : Places
        Of `n` images.
    codebook : Tensor of shape (n_codes, n_channels)
        Descriptors of the kinds, of length 1.
    map_size : tuple of (int, int)
        Rows and columns of the places.

    Returns
    -------
    vectors : Tensor of shape (n, n_codes * n_cells)

    References
    ----------
    .. [1] J. van Gemert et al., "Visual word ambiguity", IEEE TPAMI 32, 2010.
    .. [2] R. Arandjelovic and A. Zisserman, "Three things everyone should know to improve object
       retrieval", CVPR 2012.
    """
    kinds = (_SHARPNESS * places.descriptors @ codebook.t()).softmax(dim=2)
    shares = (kinds * places.weights[..., None]).unflatten(1, map_size)
    down, across = (_spread(n, width) for n, width in zip(map_size, _SPREAD, strict=True))
    cells = torch.einsum("rh,nhwk,cw->nkrc", down.to(shares), shares, across.to(shares))
    return F.normalize(cells.flatten(1).sqrt(), dim=1)


def _spread(n: int, width: float) -> Tensor:
    """How much each of `n` places in a row counts in each cell."""
    cells = torch.arange((_CELL - 1) / 2, max(n, _CELL / 2), _CELL)
    return torch.softmax(-(((cells[:, None] - torch.arange(n)) / width) ** 2) / 2, dim=1)


class MatchingLoss(nn.Module):
    """Logistic loss of pairs by how alike they are.

    Of a batch some pairs are taken: by one hand, by two hands who wrote the same, and by others.
    Pairs of two hands who wrote the same and of whom there is one sample each are left out: both
    may be forgeries by one hand. Pairs by one hand have to be above a threshold for all [1]_, which
    is learnt along, and above the pairs by two hands where all wrote the same, as in [2]_: how
    alike the samples of a hand are is another thing for each name.

    Parameters
    ----------
    out_of_reach : Tensor of shape (n_places, n_places)
        As the function of that name gives it.

    References
    ----------
    .. [1] X. Zhai et al., "Sigmoid loss for language image pre-training", ICCV 2023.
    .. [2] C. Burges et al., "Learning to rank using gradient descent", ICML 2005.
    """

    out_of_reach: Tensor

    def __init__(self, out_of_reach: Tensor) -> None:
        super().__init__()
        self.register_buffer("out_of_reach", out_of_reach)
        self.slope = nn.Parameter(torch.tensor(30.0))
        self.threshold = nn.Parameter(torch.tensor(0.75))

    def forward(self, places: Places, writers: Tensor, contexts: Tensor, alone: Tensor) -> Tensor:
        """Loss of a batch of samples; `alone` are the only ones of their writers."""
        first, second = torch.triu_indices(len(writers), len(writers), 1, device=writers.device)
        same = writers[first] == writers[second]
        near = contexts[first] == contexts[second]
        unknown = near & alone[first] & alone[second]
        kinds = (same, near & ~same & ~unknown, ~near & ~same)
        rows = torch.cat([_some(kind, most) for kind, most in zip(kinds, _MOST, strict=True)])
        first, second, same, near = first[rows], second[rows], same[rows], near[rows]
        return self.of_pairs(places, first, second, same, near, contexts[first])

    def of_pairs(
        self,
        places: Places,
        first: Tensor,
        second: Tensor,
        same: Tensor,
        near: Tensor,
        contexts: Tensor | None = None,
    ) -> Tensor:
        """Loss of given pairs of rows: by one hand or not, whether both wrote the same, and what,
        if pairs are to be compared with each other.
        """
        places = places._replace(images=None)
        alike = match(places.of(first), places.of(second), self.out_of_reach)
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
    """Rows that are chosen, or as many of them by chance."""
    rows = torch.nonzero(chosen)[:, 0]
    return rows[torch.randperm(len(rows), device=rows.device)[:most]]
