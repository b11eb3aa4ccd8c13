"""Connect a scikit-learn estimator with a skorch net.

An estimator holds its parameters and nothing else until `fit`. `fit` looks at the data, builds a
torch module from its dimensions, and hands both to `NetworkEstimator._train`, which runs a skorch
net and keeps it as `net_`. Networks know nothing of this file; this file knows no network.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GroupShuffleSplit, ShuffleSplit
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback, GradientNormClipping, LRScheduler
from skorch.helper import predefined_split
from torch import nn
from torch.optim.lr_scheduler import ReduceLROnPlateau

from hwsk._data.images import Image, some_rows
from hwsk._data.levels import FAINTEST, inverted_message
from hwsk._data.scan import Run, walk
from hwsk._training.batches import Batched, RasterDataset
from hwsk._training.devices import resolve_device, resolve_precision, seeded
from hwsk._training.layout import fit_weights, limit_size
from hwsk._training.net import (
    BatchScore,
    BestEpoch,
    Net,
    NonFiniteLoss,
    PredictingNet,
    StopAtNonFiniteLoss,
)
from hwsk._training.workers import map_rows
from hwsk._warn import warn_caller
from hwsk.callbacks import FitEnded, OneCycle, Progress, WeightAverage, epoch_rows

Split = Callable[[int, Any, int], tuple[NDArray[Any], NDArray[Any]]]

CHUNK = 32  # batches decoded and sorted by width at once in prediction: memory stays flat


class Ink(NamedTuple):
    """Hold mean, largest absolute and largest value of the ink of an image."""

    mean: float
    extreme: float
    most: float


def measure_ink(ink: NDArray[np.float32]) -> Ink:
    """Measure the ink of an image as the network gets it."""
    return Ink(float(ink.mean()), float(abs(ink).max()), float(ink.max()))


class Unlike:
    """Rows of images whose amount of ink shows that they are not what `fit` was given."""

    def __init__(self, ink: str = "dark") -> None:
        self.ink = ink
        self.inverted: list[int] = []
        self.beyond: list[int] = []
        self.blank: list[int] = []

    def look(self, row: int, ink: Ink) -> None:
        """Enter an image."""
        if ink.mean > 0.6:
            self.inverted.append(row)
        if ink.extreme > 1.5:
            self.beyond.append(row)
        elif ink.most <= FAINTEST:
            self.blank.append(row)


def _prepare(dataset: RasterDataset, row: int, image: Image) -> tuple[tuple[Any, Any], Ink]:
    sample = dataset.prepare(row, image)
    return sample, measure_ink(sample[0])


class NetworkEstimator(BaseEstimator):
    """Train a network, batch its outputs, pickle it; base of every estimator with a network.

    A subclass has the parameters of `TRAINING_CONSTRAINTS`, and says

    - `_make_module()`: its torch module, from its parameters and what `fit` has learnt;
    - `_make_criterion()`: its loss;
    - `_score_batch(output, target)`: errors and their possible number, for early stopping.
    """

    net_: Net
    levels_: tuple[float, float]

    _net_class: type[Net] = Net
    _gradient_norm = 5.0  # a step's gradient is shortened to this length

    def _optimizer(self) -> type[torch.optim.Optimizer]:
        return torch.optim.AdamW

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "net_")

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
        for callback in self.callbacks or []:  # skorch takes pairs of a name and a callback, too
            if not isinstance(callback[-1] if isinstance(callback, tuple) else callback, Callback):
                raise TypeError(
                    f"callbacks holds {callback!r}; each is an instance of a skorch callback, such "
                    "as hwsk.callbacks.Checkpoint(path)"
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
                        f"the {type(self).__name__} keeps what it learnt in {self.n_iter_} epochs"
                    )
                raise
            self._end(net, finite, epochs)

    def _end(self, net: Net, finite: StopAtNonFiniteLoss, epochs: int) -> None:
        """Keep the net, and warn of a fit that ended before it should."""
        epoch = len(net.history)
        if isinstance(net.ended_by, NonFiniteLoss):
            loss = net.history[-1, "batches", -1, "train_loss"]
            what = f"the training loss became {loss} in epoch {epoch} of {epochs}"
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

    def _outputs(
        self,
        dataset: RasterDataset,
        *,
        batch_size: int | None = None,
        warn: bool = True,
        run: Run | None = None,
    ) -> Iterator[tuple[list[int], Any]]:
        """Yield (rows, output of the network) batch by batch, similar widths together.

        A chunk of rows is decoded at a time, so memory does not grow with their number. In the
        end, images without ink and images that are clearly unlike those of `fit` are named in
        warnings, and so is what `walk` remarks on.
        """
        check_is_fitted(self)
        size = batch_size or self.batch_size
        unlike = Unlike(dataset.ink)
        prepare = partial(_prepare, dataset)
        samples = walk(dataset.images, prepare, remark=warn, run=run or self._map_rows)
        with closing(samples):  # it may have worker processes
            while chunk := list(islice(samples, CHUNK * size)):
                start, items = chunk[0][0], [item for _, (item, _) in chunk]
                for row, (_, ink) in chunk:
                    unlike.look(row, ink)
                order = np.argsort([item[0].shape[1] for item in items], kind="stable")
                for i in range(0, len(items), size):
                    chosen = order[i : i + size]
                    batch = dataset.collate([items[j] for j in chosen])
                    yield [start + int(j) for j in chosen], self.net_.evaluation_step(batch)
        if warn:
            self._warn_unlike(unlike, len(dataset))

    def _map_rows(self, function: Callable[[int], Any], n: int) -> Iterator[Any]:
        """Call a function with 0 to n - 1, in as many processes as `n_jobs` says."""
        return map_rows(function, n, self.n_jobs)

    def _warn_unlike(self, unlike: Unlike, n: int) -> None:
        """Warn of images whose ink, on average or somewhere, is more than can be, or nothing."""
        if hasattr(self, "n_features_in_"):  # the values of tables are free
            return
        if unlike.beyond:
            warn_caller(
                f"{len(unlike.beyond)} of {n} images hold values far from those of `fit`, where "
                f"paper was {self.levels_[0]:g} and ink {self.levels_[1]:g}, rows "
                f"{some_rows(unlike.beyond)}; floats are 0 to 1, and 0 to 255 is for uint8"
            )
        elif unlike.inverted:
            warn_caller(inverted_message(unlike.inverted, n, unlike.ink))
        self._warn_blank(unlike.blank, n)

    def _warn_blank(self, rows: Any, n: int) -> None:
        if len(rows) and not hasattr(self, "n_features_in_"):
            warn_caller(
                f"{len(rows)} of {n} images have no ink, rows {some_rows(rows)}: they are blank, "
                "or their ink is less than a tenth of the scale darker than their paper; what "
                f"{type(self).__name__} makes of them means nothing"
            )

    def _get_network_state(self) -> dict[str, NDArray[Any]]:
        """The network's weights as arrays, whatever device they are on."""
        return {k: v.detach().cpu().numpy() for k, v in self.net_.module_.state_dict().items()}

    def _set_network_state(self, weights: dict[str, NDArray[Any]]) -> None:
        """Rebuild the network from its weights, on a device that this machine has.

        The module is laid out without memory, as the parameters say, and takes the weights only if
        each has the shape that the layout asks for: nothing is drawn, and a file whose parameters
        and weights don't fit asks for no memory. What is rebuilt predicts; a net that trains is
        made when training goes on.
        """
        with torch.device("meta"), limit_size(weights):
            module = self._make_module()
        if self.precision == "float64":
            module.double()
        module.load_state_dict(fit_weights(module, weights), assign=True)
        device = self.device
        try:
            resolved = resolve_device(device)
        except ValueError as error:
            warn_caller(
                f"{error}; the estimator predicts on another device",
            )
            resolved = resolve_device("auto")
        dtype = resolve_precision(self.precision, resolved)
        self.net_ = PredictingNet(
            module.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
            batch_size=self.batch_size,
            device=str(resolved),
            dtype=dtype,
        ).initialize()

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if "net_" in state:
            del state["net_"]
            state["_weights"] = self._get_network_state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        weights = state.pop("_weights", None)
        super().__setstate__(state)
        if weights is not None:
            self._set_network_state(weights)


def _hand_over_optimizer(old: Net, new: Net) -> None:
    """Let `new` go on with the optimizer's moments; its rates are its own.

    Not if the network has grown, another optimizer goes on, or the old one was only to predict.
    """
    if old.optimizer_ is None:
        return
    learnt = [net.get_all_learnable_params() for net in (old, new)]
    shapes = [[weight.shape for _, weight in weights] for weights in learnt]
    if shapes[0] == shapes[1] and type(old.optimizer_) is type(new.optimizer_):
        moments = old.optimizer_.state_dict()["state"]
        new.optimizer_.load_state_dict({**new.optimizer_.state_dict(), "state": moments})


def _silent(text: str) -> None:
    """Discard what skorch's early stopping would print."""
