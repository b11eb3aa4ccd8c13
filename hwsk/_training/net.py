"""Train every network by one skorch net."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback, EarlyStopping
from torch import Tensor
from torch.utils.data import DataLoader

from hwsk._training.schedules import copy_state
from hwsk._training.workers import BatchLoader, count_workers
from hwsk.callbacks import FitEnded, is_finite


class Net(NeuralNet):
    """A skorch net over what is `Batched`: mixed precision, channels last, batches by width."""

    def __init__(
        self,
        *args: Any,
        dtype: torch.dtype = torch.float32,
        n_jobs: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.dtype = dtype
        self.n_jobs = n_jobs
        super().__init__(*args, **kwargs)

    def get_iterator(self, dataset: Any, training: bool = False) -> Any:
        batches = dataset.batches(self.batch_size, shuffle=training)
        n_workers = count_workers(self.n_jobs)
        if n_workers == 1:
            return DataLoader(dataset, batch_sampler=batches, collate_fn=dataset.collate)
        self._loaders.append(BatchLoader(dataset, batches, n_workers))
        return self._loaders[-1]

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        super().on_epoch_begin(net, dataset_train=dataset_train, **kwargs)
        dataset_train.epoch = len(self.history) - 1  # not a count of its own: a resumed fit agrees

    def fit_loop(self, *args: Any, **kwargs: Any) -> Net:
        """Train, and remember in `ended_by` what ended it early, if anything did.

        skorch takes a KeyboardInterrupt for the end of a fit, also one that no callback raised.
        """
        self.ended_by: KeyboardInterrupt | None = None
        self._loaders: list[BatchLoader] = []
        try:
            super().fit_loop(*args, **kwargs)
        except KeyboardInterrupt as interrupt:
            self.ended_by = interrupt
            raise
        finally:
            for loader in self._loaders:
                loader.close()
            del self._loaders
        return self

    def infer(self, x: dict[str, Tensor], **fit_params: Any) -> Any:
        exact = torch.float64 if self.dtype == torch.float64 else torch.float32
        x = {
            name: value.to(self.device, exact if value.is_floating_point() else value.dtype)
            for name, value in x.items()
        }
        if "images" in x:
            x["images"] = x["images"].contiguous(memory_format=torch.channels_last)
        enabled = self.dtype == torch.bfloat16
        with torch.autocast(torch.device(self.device).type, self.dtype, enabled=enabled):
            return self.module_(**x)


class PredictingNet(Net):
    """A net without criterion and optimizer: a second less to make, and no memory beside weights.

    Parameters
    ----------
    module : torch.nn.Module
        The network, with its weights.
    **kwargs : dict
        Parameters of `Net` that count in predicting.
    """

    def __init__(self, module: torch.nn.Module, **kwargs: Any) -> None:
        unused = {"criterion": None, "train_split": None, "callbacks": None, "verbose": 0}
        super().__init__(module, callbacks__print_log=None, **{**unused, **kwargs})

    def initialize_criterion(self) -> PredictingNet:
        self.criterion_ = None
        return self

    def initialize_optimizer(self, triggered_directly: Any = None) -> PredictingNet:
        self.optimizer_ = None
        return self


class NonFiniteLoss(KeyboardInterrupt):
    """A loss or a weight is NaN or infinite: training on would spoil every weight."""


class StopAtNonFiniteLoss(Callback):
    """End the fit at the first loss or weight that is not finite; keep the epoch before."""

    def __init__(self) -> None:
        self.kept: dict[str, Tensor] | None = None
        self.n_epochs = 0

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        if not is_finite(net):  # after the last step of the epoch
            raise NonFiniteLoss
        self.kept = copy_state(net)
        self.n_epochs = len(net.history)

    def go_back(self, net: Net) -> bool:
        """Give a net the weights and the history of the last good epoch, if there was one."""
        if self.kept is None:
            return False
        net.module_.load_state_dict(self.kept)
        while len(net.history) > self.n_epochs:
            net.history.pop()
        return True

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if training and not math.isfinite(net.history[-1, "batches", -1, "train_loss"]):
            raise NonFiniteLoss


class BestEpoch(EarlyStopping):
    """Stop early like skorch, but distinguish the end of a fit from an interruption."""

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        try:
            super().on_epoch_end(net, **kwargs)
        except KeyboardInterrupt:
            raise FitEnded from None


class BatchScore(Callback):
    """Score the validation batches while they are run: no second pass.

    Parameters
    ----------
    score_batch : callable
        `score_batch(output, target)` gives (sum of errors, count); the epoch's score is
        1 - errors / count.
    """

    def __init__(self, score_batch: Callable[[Any, Any], tuple[float, float]]) -> None:
        self.score_batch = score_batch

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.errors_ = self.count_ = 0.0

    def on_batch_end(
        self, net: Any, batch: Any = None, training: bool = False, y_pred: Any = None, **kwargs: Any
    ) -> None:
        if not training:
            errors, count = self.score_batch(y_pred, batch[1])
            self.errors_ += errors
            self.count_ += count

    def on_epoch_end(self, net: Any, dataset_valid: Any = None, **kwargs: Any) -> None:
        if dataset_valid is not None:
            net.history.record("valid_score", 1 - self.errors_ / max(1.0, self.count_))
