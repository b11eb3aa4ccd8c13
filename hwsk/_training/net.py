"""The skorch net that trains every network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from skorch import NeuralNet
from skorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import DataLoader


class Net(NeuralNet):
    """A skorch net over what is `Batched`: mixed precision, channels last, batches by width."""

    def __init__(self, *args: Any, dtype: torch.dtype = torch.float32, **kwargs: Any) -> None:
        self.dtype = dtype
        super().__init__(*args, **kwargs)

    def get_iterator(self, dataset: Any, training: bool = False) -> DataLoader[Any]:
        batches = dataset.batches(self.batch_size, shuffle=training)
        return DataLoader(dataset, batch_sampler=batches, collate_fn=dataset.collate)

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        super().on_epoch_begin(net, dataset_train=dataset_train, **kwargs)
        dataset_train.epoch = len(self.history) - 1  # not a count of its own: a resumed fit agrees

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
