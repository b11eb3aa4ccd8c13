"""Images laid over each other, by the places that were matched."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hwsk.networks.matching import Places, cosines, likest, out_of_reach, scaled

REGISTERED_REACH = (2, 4)  # rows and columns that a place may lie off in registered images
_REACH = (6, 10)  # and before
_STIFFNESS = 0.15  # how much holds against turning and scaling; places have a variance of about .2
_SHIFT_STIFFNESS = 0.0075
_SPREAD = 1.5  # places: matches that lie off by more count less and less
_N_ROUNDS = 4


def find_maps(one: Places, other: Places, map_size: tuple[int, int], scale: float = 1.0) -> Tensor:
    """Where what is in images lies in others: affine maps, by the places that match.

    Least squares, in rounds [1]_: in each, matches count less the farther they are off the map
    that was found before, as under Cauchy's distribution. What few matches say is held to the
    identity by a ridge.

    Parameters
    ----------
    one, other : Places
        Of `n` images each.
    map_size : tuple of (int, int)
        Rows and columns of the places.
    scale : float, default=1.0
        How many times as many there are a side as usual: so much farther are matches looked for.

    Returns
    -------
    maps : Tensor of shape (n, 3, 2)
        (1, y, x) of `one` times a map is (y, x) of `other`, from the middle of the image, in
        halves of its height.

    References
    ----------
    .. [1] P. W. Holland and R. E. Welsch, "Robust regression using iteratively reweighted
       least-squares", Communications in Statistics 6, 1977.
    """
    height, width = map_size
    far = out_of_reach(height, width, scaled(_REACH, scale)).to(one.descriptors)
    found = likest(one.descriptors, other.descriptors, far)[0]
    counts = one.weights * cosines(one, other, found).clamp_min(0).square()
    counts = counts / counts.sum(dim=1, keepdim=True).clamp_min(1e-6)
    y, x = (_middles(side, height).to(far) for side in map_size)
    at = torch.stack([y.repeat_interleave(width), x.repeat(height)], dim=1)
    here = torch.cat([torch.ones_like(at[:, :1]), at], dim=1)
    there = at[found]
    ridge = torch.tensor([_SHIFT_STIFFNESS, _STIFFNESS, _STIFFNESS]).to(far)
    still = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]).to(far)
    trusted = counts
    for _ in range(_N_ROUNDS):
        weighted = here.t() * trusted[:, None]
        change = torch.linalg.solve(weighted @ here + ridge.diag(), weighted @ (there - at))
        maps = still + change
        off = (here @ maps - there).norm(dim=2) * height / 2
        trusted = counts / (1 + (off / (scale * _SPREAD)).square())
    return maps


def registered(images: Tensor, maps: Tensor) -> Tensor:
    """Images `(n, 1, height, width)` seen where `maps` of `find_maps` lead, as in [1]_.

    References
    ----------
    .. [1] M. Jaderberg et al., "Spatial transformer networks", NIPS 2015, section 3.2.
    """
    height, width = images.shape[2:]
    y, x = (_middles(side, height).to(maps) for side in (height, width))
    here = torch.stack(torch.meshgrid(torch.ones(1).to(maps), y, x, indexing="ij"), dim=-1)
    there = here.reshape(-1, 3) @ maps
    grid = torch.stack([there[..., 1] * height / width, there[..., 0]], dim=-1)
    return F.grid_sample(
        images, grid.reshape(-1, height, width, 2), align_corners=False, padding_mode="zeros"
    )


def _middles(n: int, height: int) -> Tensor:
    """Where the middles of `n` pixels or places lie, in halves of a height of so many."""
    return (torch.arange(n) - (n - 1) / 2) / (height / 2)
