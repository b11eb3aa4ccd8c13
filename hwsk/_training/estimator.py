"""Connect a scikit-learn estimator with a skorch net.

An estimator holds its parameters and nothing else until `fit`. `fit` looks at the data, builds a
torch module from its dimensions, and hands both to `NetworkEstimator._train`, which runs a skorch
net and keeps it as `net_`. Networks know nothing of this file; this file knows no network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from hwsk._training.batches import Batched
from hwsk._training.devices import resolve_device, resolve_precision, seeded
from hwsk._training.net import (
    BatchScore,
    BestEpoch,
    Net,
    NonFiniteLoss,
    PredictingNet,
    StopAtNonFiniteLoss,
)
from hwsk._training.prediction import NetworkPredictor
from hwsk._training.progress import Progress
from hwsk._training.schedules import OneCycle, WeightAverage
from hwsk._warn import warn_caller
from hwsk._wording import count
from hwsk.callbacks import FitEnded, epoch_rows

Split = Callable[[int, Any, int], tuple[NDArray[Any], NDArray[Any]]]


class NetworkEstimator(NetworkPredictor):
    """Train a network; base of every estimator with a network.

    A subclass has the parameters of `TRAINING_CONSTRAINTS`, and says

    - `_make_module()`: its torch module, from its parameters and what `fit` has learnt;
    - `_make_criterion()`: its loss;
    - `_score_batch(output, target)`: errors and their possible number, for early stopping.
    """

    _net_class: type[Net] = Net
    _gradient_norm = 5.0  # a step's gradient is shortened to this length

    def _validate_params(self) -> None:
        super()._validate_params()
        for callback in self.callbacks or []:  # skorch takes pairs of a name and a callback, too
            if not isinstance(callback[-1] if isinstance(callback, tuple) else callback, Callback):
                raise TypeError(
                    f"callbacks holds {callback!r}; each is an instance of a skorch callback, such "
                    "as hwsk.callbacks.Checkpoint(path)"
                )

    def _optimizer(self) -> type[torch.optim.Optimizer]:
        return torch.optim.AdamW

    def _make_net(
        self, module: nn.Module, callbacks: Sequence[Callback] = (), device: str | None = None
    ) -> Net:
        resolved = resolve_device(device or self.device)
        dtype = resolve_precision(self.precision, resolved)
        return self._net_class(
            # torch documents this form of `to`, and its type stubs lack it
            module.to(  # type: ignore[call-overload]
                torch.float64 if dtype == torch.float64 else torch.float32,
                memory_format=torch.channels_last,
            ),
            self._make_criterion(),
            optimizer=self._optimizer(),
            optimizer__weight_decay=self.weight_decay,
            lr=self.lr,
            batch_size=self.batch_size,
            max_epochs=self.max_epochs,
            train_split=None,
            callbacks=list(callbacks),
            callbacks__print_log=None,
            device=str(resolved),
            dtype=dtype,
            n_jobs=self.n_jobs,
            verbose=0,
        ).initialize()

    def _train(
        self,
        make_dataset: Callable[[NDArray[np.int64], bool, int], Batched],
        n_samples: int,
        groups: Any = None,
        make_module: Callable[[], nn.Module] | None = None,
        max_epochs: int | None = None,
        split: Split | None = None,
    ) -> None:
        """Train a module and keep the net as `net_`.

        Parameters
        ----------
        make_dataset : callable
            `make_dataset(rows, training, seed)`.
        n_samples : int
        groups : array-like of shape (n_samples,), optional
            Not divided by the validation split.
        make_module : callable, optional
            Makes the module, its weights drawn from `random_state`; `_make_module` by default.
        max_epochs : int, optional
            Other than the parameter (for `partial_fit`, which also keeps the rate constant).
        split : callable, optional
            `split(n_samples, groups, seed)` gives the rows to train and to validate on, for early
            stopping; `_split` by default.
        """
        epochs = self.max_epochs if max_epochs is None else max_epochs
        if max_epochs is None and not self.warm_start and self._is_pretrained():
            warn_caller(
                f"fit discards the pretrained network of this {type(self).__name__} and begins "
                "with random weights; to go on from it, set warm_start=True first"
            )
        with seeded(self.random_state, resolve_device(self.device)) as seed:
            train, valid = np.arange(n_samples), None
            finite = StopAtNonFiniteLoss()
            callbacks: list[Callback] = [GradientNormClipping(self._gradient_norm)]
            schedule = self.lr_schedule
            if schedule == "auto":
                schedule = "plateau" if self.early_stopping else "one_cycle"
            if max_epochs is None and schedule == "one_cycle":
                callbacks.append(OneCycle(epochs))
            if max_epochs is None and schedule == "plateau":
                callbacks.append(
                    LRScheduler(
                        ReduceLROnPlateau,
                        monitor="valid_loss" if self.early_stopping else "train_loss",
                        patience=self.n_iter_no_change // 3,
                    )
                )
            if self.ema_decay:
                callbacks.append(WeightAverage(self.ema_decay))
            if max_epochs is None and self.early_stopping:
                train, valid = (split or self._split)(n_samples, groups, seed)
                callbacks += [
                    BatchScore(self._score_batch),
                    BestEpoch(
                        "valid_score",
                        patience=self.n_iter_no_change,
                        lower_is_better=False,
                        threshold=0,
                        load_best=True,
                        sink=_silent,
                    ),
                ]
            if self.verbose:
                callbacks.append(Progress(epochs, int(self.verbose)))
            module = (make_module or self._make_module)()
            net = self._make_net(module, callbacks + (self.callbacks or []))
            if max_epochs is not None and hasattr(self, "net_"):
                _hand_over_optimizer(self.net_, net)
            if valid is not None:
                valid_dataset = make_dataset(valid, False, seed)
                net.train_split = predefined_split(valid_dataset)
            # `finite` is last: what it keeps is what the other callbacks have made of the weights.
            net.callbacks_ += [("finite", finite)]
            dataset = make_dataset(train, True, seed)
            try:
                net.partial_fit(dataset, epochs=epochs)
            except Exception as error:  # of a callback, as a rule
                if finite.go_back(net):
                    self._keep(net)
                    error.keeps_fit = True  # type: ignore[attr-defined]
                    error.add_note(
                        f"the {type(self).__name__} keeps what it learnt in "
                        f"{count(self.n_iter_, 'epoch')}"
                    )
                raise
            self._end(net, finite, epochs)

    def _is_pretrained(self) -> bool:
        """Whether the network was loaded from a file, and not trained since."""
        return isinstance(getattr(self, "net_", None), PredictingNet)

    def _end(self, net: Net, finite: StopAtNonFiniteLoss, epochs: int) -> None:
        """Keep the net, and warn of a fit that ended before it should."""
        epoch = len(net.history)
        if isinstance(net.ended_by, NonFiniteLoss):
            loss = net.history[-1, "batches", -1, "train_loss"]
            spoilt = "the weights became NaN or infinite"
            if not np.isfinite(loss):
                spoilt = f"the training loss became {loss}"
            what = f"{spoilt} in epoch {epoch} of {epochs}"
            if not finite.go_back(net):
                raise ValueError(f"{what}: nothing was learnt; lower lr (now {self.lr})")
            warn_caller(
                f"{what}: training stopped, and the weights are those of epoch {finite.n_epochs}; "
                f"lower lr (now {self.lr})",
                ConvergenceWarning,
            )
        elif net.ended_by is not None and not isinstance(net.ended_by, FitEnded):
            warn_caller(
                f"training was interrupted in epoch {epoch} of {epochs}: the "
                f"{type(self).__name__} keeps what it had learnt by then, and is not what a whole "
                "fit gives",
                ConvergenceWarning,
            )
        self._keep(net)

    def _module_to_train_further(self) -> nn.Module:
        """The fitted weights in a module of the present parameters."""
        module = self._make_module()
        try:
            module.load_state_dict(self.net_.module_.state_dict())
        except RuntimeError as error:
            raise ValueError(
                "training goes on from a network of another architecture; set warm_start=False or "
                f"take the former parameters ({str(error).splitlines()[-1].strip()})"
            ) from None
        return module

    def _split(self, n: int, groups: Any, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
        if groups is not None and (absent := np.flatnonzero(pd.isna(list(groups)))).size:
            raise ValueError(
                f"groups has no value in {absent.size} of {n} rows, first in row {absent[0]}; "
                "leave those samples out, or give each a group of its own"
            )
        kind = ShuffleSplit if groups is None else GroupShuffleSplit
        if (n if groups is None else len(set(groups))) < 2:
            raise ValueError(
                f"early_stopping holds samples out, and there {'is' if n == 1 else 'are'} only "
                f"{n} sample(s){'' if groups is None else ' of one group'}; set "
                "early_stopping=False"
            )
        split = kind(1, test_size=self.validation_fraction, random_state=seed)
        train, valid = next(split.split(np.zeros(n), groups=groups))
        return train, valid

    def _keep(self, net: Net) -> None:
        """Keep what predicts, and drop what only training needed (callbacks, batch records)."""
        self.history_ = epoch_rows(net.history)
        self.n_iter_ = len(self.history_)
        self.net_ = self._make_net(net.module_)
        _hand_over_optimizer(net, self.net_)


def _hand_over_optimizer(old: Net, new: Net) -> None:
    """Let `new` go on with the optimizer's moments; its rates are its own.

    Not if the network has grown, another optimizer goes on, or the old one was only to predict.
    """
    if old.optimizer_ is None:
        return
    learnt = [net.get_all_learnable_params() for net in (old, new)]
    shapes = [[weight.shape for _, weight in weights] for weights in learnt]
    if shapes[0] == shapes[1] and type(old.optimizer_) is type(new.optimizer_):
        moments = deepcopy(old.optimizer_.state_dict()["state"])  # training may fail
        new.optimizer_.load_state_dict({**new.optimizer_.state_dict(), "state": moments})


def _silent(text: str) -> None:
    """Discard what skorch's early stopping would print."""
