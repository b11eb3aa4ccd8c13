"""Register images by their matched keypoints."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from hwsk.networks.matching import LocalDescriptors, cosines, nearest_neighbours, reach_mask, scaled

REGISTERED_REACH = (2, 4)  # rows and columns that a keypoint may be off in registered images
_REACH = (6, 10)  # and before
_STIFFNESS = 0.15  # ridge against rotation and scaling; coordinates have a variance of about .2
_SHIFT_STIFFNESS = 0.0075
_SPREAD = 1.5  # grid steps: matches that are off by more count less and less
_N_ROUNDS = 4


def find_registrations(
    one: LocalDescriptors, other: LocalDescriptors, map_size: tuple[int, int], scale: float = 1.0
) -> Tensor:
    """Estimate affine maps from images to others by their matched keypoints.

    Iteratively reweighted least squares [1]_ with Cauchy weights: matches count less the farther
    they are off the map of the round before. A ridge holds the map to the identity where there are
    few matches.

    Parameters
    ----------
    one, other : LocalDescriptors
        Of `n` images each.
    map_size : tuple of (int, int)
        Rows and columns of the keypoint grid.
    scale : float, default=1.0
        Enlargement of the images: matches are searched for so much farther.

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
    far = reach_mask(height, width, scaled(_REACH, scale)).to(one.descriptors)
    found = nearest_neighbours(one.descriptors, other.descriptors, far)[0]
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
    """Resample images `(n, 1, height, width)` by `maps` of `find_registrations`, as in [1]_.

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
    """Compute the centres of `n` pixels or keypoints, in units of half the height."""
    return (torch.arange(n) - (n - 1) / 2) / (height / 2)
