"""Define mixture densities of the next pen offset (Gaussians) and of the pen lift."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks.noise import WeightNoise

LOG_SCALES = (-7.0, 5.0)  # e^-7 of a deviation is far below the tablet's resolution
CORRELATION = 0.9999


class Mixture(NamedTuple):
    """Parameters of a density over the next point, K components each."""

    log_weights: Tensor  # (..., K)
    means: Tensor  # (..., K, 2)
    log_scales: Tensor  # (..., K, 2)
    correlations: Tensor  # (..., K)
    lift_logits: Tensor  # (...), of the pen's being lifted after the point


def n_outputs(n_mixtures: int) -> int:
    """Count the outputs that a network needs for one density."""
    return 6 * n_mixtures + 1


def make_mixture(outputs: Tensor, n_mixtures: int, bias: float | Tensor = 0.0) -> Mixture:
    """The density that a network's outputs stand for.

    Parameters
    ----------
    outputs : Tensor of shape (..., 6 * n_mixtures + 1)
    n_mixtures : int
    bias : float or Tensor, default=0.0
        Probability bias: above 0, components are narrower and the likely ones likelier [1]_.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, equations 18 to 22, 61 and 62.
    """
    K = n_mixtures
    logits, means, log_scales, rest = outputs.split([K, 2 * K, 2 * K, K + 1], dim=-1)
    log_scales = log_scales.unflatten(-1, (K, -1)).clamp(*LOG_SCALES) - bias
    return Mixture(
        torch.log_softmax(logits * (1 + bias), dim=-1),
        means.unflatten(-1, (K, -1)),
        log_scales,
        CORRELATION * torch.tanh(rest[..., :K]),
        rest[..., K],
    )


def log_density(mixture: Mixture, points: Tensor) -> Tensor:
    """Logarithm of the density of points `(..., 3)`, in nats (equations 23 to 26)."""
    z = (points[..., None, :2] - mixture.means) * torch.exp(-mixture.log_scales)
    rest = 1 - mixture.correlations**2
    log_norm = mixture.log_scales.sum(dim=-1) + math.log(2 * math.pi) + rest.log() / 2
    squares = z.square().sum(dim=-1) - 2 * mixture.correlations * z.prod(dim=-1)
    log_p = torch.logsumexp(mixture.log_weights - squares / rest / 2 - log_norm, dim=-1)
    return log_p - F.binary_cross_entropy_with_logits(
        mixture.lift_logits, points[..., 2], reduction="none"
    )


class MixtureLoss(nn.Module):
    """Negative log-likelihood of sequences of points, in nats a sequence.

    Parameters
    ----------
    n_mixtures : int
    derivative_clip : float or None, default=None
        Limit of the derivatives of a sequence's loss by the network's outputs.
    noise : WeightNoise or None, default=None
        Of the network's weights; its deviations are learnt with them.
    """

    def __init__(
        self,
        n_mixtures: int,
        derivative_clip: float | None = None,
        noise: WeightNoise | None = None,
    ) -> None:
        super().__init__()
        self.n_mixtures = n_mixtures
        self.derivative_clip = derivative_clip
        self.noise = noise

    def forward(self, outputs: Any, target: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of a batch.

        Parameters
        ----------
        outputs : Tensor of shape (n, n_steps, n_outputs), or a tuple that starts with it
        target : (Tensor of shape (n, n_steps, 3), Tensor of shape (n,))
            The points, padded, and how many each sequence has.
        """
        outputs = outputs[0] if isinstance(outputs, tuple) else outputs
        points, lengths = target
        given = mask(lengths.to(points.device), points.shape[1])
        chosen = outputs[given]
        if self.derivative_clip is not None:
            chosen = _ClipDerivative.apply(chosen, self.derivative_clip / len(lengths))
        log_p = log_density(make_mixture(chosen, self.n_mixtures), points[given])
        return -log_p.sum() / len(lengths)


def mask(lengths: Tensor, n_steps: int) -> Tensor:
    """Mask the places of padded sequences, `(n, n_steps)`, that are points."""
    return torch.arange(n_steps, device=lengths.device) < lengths[:, None]


class _ClipDerivative(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, limit: float) -> Tensor:
        ctx.limit = limit
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:  # type: ignore[override]
        return gradient.clamp(-ctx.limit, ctx.limit), None
