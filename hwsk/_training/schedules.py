"""Schedule learning rates and average weights over the steps of a fit."""

from __future__ import annotations

import math
from typing import Any

from skorch.callbacks import Callback
from torch import Tensor


class OneCycle(Callback):
    """Warm the learning rate up linearly, then let it fall to 0 along a cosine.

    The rate depends on the number of the step alone, so a resumed fit goes on where it stopped.

    Parameters
    ----------
    max_epochs : int
        Epochs of the whole course.
    warmup : float, default=0.1
        Share of the steps that warm up.

    References
    ----------
    .. [1] L. N. Smith, N. Topin, "Super-convergence", 2019. I. Loshchilov, F. Hutter, "SGDR", 2017.
    """

    def __init__(self, max_epochs: int, warmup: float = 0.1) -> None:
        self.max_epochs = max_epochs
        self.warmup = warmup

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.first_epoch_ = len(net.history)

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        self.batches_ = max(1, dataset_train.n_batches(net.batch_size))
        self.batch_ = 0

    def on_batch_begin(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if not training:
            return
        epoch = len(net.history) - 1 - self.first_epoch_
        done = (epoch + self.batch_ / self.batches_) / self.max_epochs
        self.batch_ += 1
        factor = (
            (done + 1 / (self.batches_ * self.max_epochs)) / self.warmup
            if done < self.warmup
            else 0.5 * (1 + math.cos(math.pi * (done - self.warmup) / (1 - self.warmup)))
        )
        for group in net.optimizer_.param_groups:
            group["lr"] = net.lr * min(1.0, factor)


class WeightAverage(Callback):
    """Average the weights over the steps, exponentially; what is scored and kept is the average.

    At the end of each epoch the module holds the average, so that validation, early stopping and
    checkpoints see it; the next epoch's training goes on from the weights as they were.

    Parameters
    ----------
    decay : float
        Of the average's memory at each step. The first steps use less, (1 + t) / (10 + t), so that
        the initial weights are soon forgotten.

    References
    ----------
    .. [1] B. T. Polyak, A. B. Juditsky, "Acceleration of stochastic approximation by averaging",
       SIAM Journal on Control and Optimization 30(4), 1992.
    """

    def __init__(self, decay: float) -> None:
        self.decay = decay

    def on_train_begin(self, net: Any, **kwargs: Any) -> None:
        self.average_ = copy_state(net)
        self.trained_: dict[str, Tensor] | None = None  # held while the module has the average
        self.steps_ = 0

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        if self.trained_ is not None:
            net.module_.load_state_dict(self.trained_)
            self.trained_ = None

    def on_batch_begin(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if not training:
            self._take_average(net)

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if not training:
            return
        decay = min(self.decay, (1 + self.steps_) / (10 + self.steps_))
        self.steps_ += 1
        for name, value in net.module_.state_dict().items():
            if value.is_floating_point():
                self.average_[name].lerp_(value, 1 - decay)
            else:  # a count
                self.average_[name].copy_(value)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        self._take_average(net)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        self._take_average(net)  # a fit may end within an epoch

    def _take_average(self, net: Any) -> None:
        if self.trained_ is None:
            self.trained_ = copy_state(net)
            net.module_.load_state_dict(self.average_)

    def get_state(self) -> dict[str, Any]:
        """Return what a checkpoint needs beside the module, which holds the averaged weights.

        Returns
        -------
        dict
            The trained weights and the number of steps.
        """
        return {"trained": self.trained_, "steps": self.steps_}

    def set_state(self, net: Any, state: dict[str, Any]) -> None:
        """Go on from a checkpoint; the module holds the average."""
        self.average_ = copy_state(net)
        self.trained_ = state["trained"]
        self.steps_ = state["steps"]


class NoisyWeights(Callback):
    """Compute the gradients of each step with noise on the weights: that of the criterion."""

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        self.n_samples_ = len(X)

    def on_batch_begin(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if training:
            weights = list(net.module_.parameters())
            self.means_, self.noise_ = net.criterion_.noise.add(weights)

    def on_grad_computed(self, net: Any, **kwargs: Any) -> None:
        weights = list(net.module_.parameters())
        net.criterion_.noise.take_away(weights, self.means_, self.noise_, self.n_samples_)


def copy_state(net: Any) -> dict[str, Tensor]:
    """The weights of the net's module, which training won't change."""
    return {name: value.detach().clone() for name, value in net.module_.state_dict().items()}
