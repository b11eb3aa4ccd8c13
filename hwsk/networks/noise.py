"""Add noise to the weights in training: fixed, or learnt as a distribution over networks."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class WeightNoise(nn.Module):
    """Gaussian noise on the weights of a network, one deviation each.

    With `adaptive`, deviations are learnt so that the description of weights and data together is
    shortest [1]_: the loss has the divergence of the weights' distribution from a Gaussian prior,
    shared by the number of training samples, and the prior is the best there is.

    Parameters
    ----------
    weights : sequence of Tensor
        As many, and of the shapes, as the network has.
    deviation : float, default=0.075
        Of the noise; where it is learnt, to begin with.
    adaptive : bool, default=False

    References
    ----------
    .. [1] A. Graves, "Practical variational inference for neural networks", NeurIPS 2011,
       sections 4 and 5.
    """

    def __init__(
        self, weights: Sequence[Tensor], deviation: float = 0.075, adaptive: bool = False
    ) -> None:
        super().__init__()
        self.log_deviations = nn.ParameterList(
            nn.Parameter(torch.full(weight.shape, math.log(deviation)), requires_grad=adaptive)
            for weight in weights
        )
        self.adaptive = adaptive

    @torch.no_grad()
    def add(self, weights: Sequence[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        """Add noise to weights, in place; return what they were, and the noise."""
        means = [weight.detach().clone() for weight in weights]
        noise = []
        for weight, log_deviation in zip(weights, self.log_deviations, strict=True):
            noise.append(torch.randn_like(weight).mul_(log_deviation.exp()))
            weight.add_(noise[-1])
        return means, noise

    @torch.no_grad()
    def take_away(
        self,
        weights: Sequence[Tensor],
        means: Sequence[Tensor],
        noise: Sequence[Tensor],
        n_samples: int,
    ) -> None:
        """Restore weights, and complete the gradients of their means and deviations.

        Parameters
        ----------
        weights : sequence of Tensor
            With the gradient of a sample's loss, taken with the noise.
        means, noise : sequence of Tensor
            As `add` gave them.
        n_samples : int
            Over which the divergence is shared.
        """
        for weight, mean in zip(weights, means, strict=True):
            weight.copy_(mean)
        if not self.adaptive:
            return
        count = sum(mean.numel() for mean in means)
        deviations = [log.exp() for log in self.log_deviations]
        prior_mean = sum(float(mean.sum()) for mean in means) / count
        prior_variance = (
            sum(
                float(((mean - prior_mean) ** 2 + deviation**2).sum())
                for mean, deviation in zip(means, deviations, strict=True)
            )
            / count
        )
        for i, weight in enumerate(weights):
            assert weight.grad is not None
            share = 1 / (prior_variance * n_samples)
            self.log_deviations[i].grad = (
                weight.grad * noise[i] + deviations[i] ** 2 * share - 1 / n_samples
            )
            weight.grad += (means[i] - prior_mean) * share
