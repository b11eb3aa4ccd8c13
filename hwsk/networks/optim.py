"""Define the optimizer of Graves' paper."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer


class CentredRMSprop(Optimizer):
    """RMSprop as Graves has it: centred, with momentum, its floor inside the root.

    PyTorch's `RMSprop(centered=True)` adds `eps` outside the root, where the same number means a
    floor a hundred times lower, and multiplies the momentum by the present rate.

    Parameters
    ----------
    params : iterable of Tensor or dict
        What is learnt.
    lr : float, default=1e-4
        Learning rate.
    weight_decay : float, default=0.0
        Decoupled: each step takes `lr * weight_decay` of a weight away.
    alpha : float, default=0.95
        Memory of the gradients' mean and mean square.
    momentum : float, default=0.9
        Memory of the steps.
    eps : float, default=1e-4
        Added to the variance, under the root.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, equations 38 to 45.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1e-4,
        weight_decay: float = 0.0,
        alpha: float = 0.95,
        momentum: float = 0.9,
        eps: float = 1e-4,
    ) -> None:
        settings = {"alpha": alpha, "momentum": momentum, "eps": eps}
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, **settings})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:  # type: ignore[override]
        """One step; `closure` computes the loss and its gradients."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    self._step_of(weight, group)
        return loss

    def _step_of(self, weight: Tensor, group: dict[str, Any]) -> None:
        state = self.state[weight]
        if not state:
            state.update({name: torch.zeros_like(weight) for name in ("square", "mean", "move")})
        square, mean, move = state["square"], state["mean"], state["move"]
        alpha = group["alpha"]
        square.mul_(alpha).addcmul_(weight.grad, weight.grad, value=1 - alpha)
        mean.lerp_(weight.grad, 1 - alpha)
        root = (square - mean**2 + group["eps"]).sqrt_()
        move.mul_(group["momentum"]).addcdiv_(weight.grad, root, value=-group["lr"])
        weight.mul_(1 - group["lr"] * group["weight_decay"]).add_(move)
