"""Define skorch callbacks: learning rate schedule, progress, checkpoints."""

from __future__ import annotations

import io
import math
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from skorch.callbacks import (
    Callback,
    EarlyStopping,
    EpochTimer,
    LRScheduler,
    PassthroughScoring,
    PrintLog,
)
from torch import Tensor
from tqdm.auto import tqdm

from hwsk._data.digest import digest, layout
from hwsk._files import read_file, write_file
from hwsk._warn import warn_caller

__all__ = ["Checkpoint"]


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


class Progress(Callback):
    """Show a progress bar over the batches of the whole fit, or print a line each epoch.

    verbose=1 shows the bar where it can move: in a terminal or a notebook. In a log, where each
    move would be one more line, and with verbose=2, it prints a line each epoch.
    """

    def __init__(self, max_epochs: int, verbose: int = 1) -> None:
        self.max_epochs = max_epochs
        self.verbose = verbose

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        if getattr(self, "bar_", None) is None:
            batches = dataset_train.n_batches(net.batch_size)
            self.bar_ = tqdm(
                total=self.max_epochs * batches,
                initial=(len(net.history) - 1) * batches,  # not 0 where a fit was resumed
                unit="batch",
                disable=self.verbose != 1 or not can_move_bars(),
            )

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if training:
            self.bar_.update()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        row = net.history[-1]
        text = " ".join(
            f"{name} {row[name]:.4g}"
            for name in ("train_loss", "valid_loss", "valid_score")
            if name in row
        )
        self.bar_.set_postfix_str(f"epoch {len(net.history)} {text}")
        if self.verbose and self.bar_.disable:
            print(f"epoch {len(net.history)}: {text} {row['dur']:.1f} s", flush=True)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        if getattr(self, "bar_", None) is not None:
            self.bar_.close()
        self.bar_ = None


def can_move_bars() -> bool:
    """Whether standard error is a terminal, or a notebook draws the bars."""
    notebook = any(base.__name__ == "tqdm_notebook" for base in tqdm.__mro__)
    return notebook or sys.stderr.isatty()


class FitEnded(KeyboardInterrupt):
    """A callback ends the fit: a KeyboardInterrupt is skorch's way to do so."""


class Checkpoint(Callback):
    """Keep the state of a fit in a file after each epoch, and go on from it in the next fit.

    Weights, optimizer, history, random state and the state of early stopping are kept: a fit that
    was interrupted and started again with the same parameters and data ends as if it had not been
    (on a GPU but for the course of dropout). The file is removed by nobody; a finished fit that is
    started again trains no further.

    A file belongs to one fit: to its data, network, first weights, training parameters and random
    state, of which it holds digests. Any other fit, such as another fold of `cross_val_score`,
    raises ValueError, unless the path gives each fit a file of its own.

    Parameters
    ----------
    path : str or path
        The file; it is made if it is not there. ``{fit}`` in it stands for a digest of the fit:
        with ``"lines-{fit}.ckpt"`` each fold and each candidate of a search has its own file.

    Notes
    -----
    An epoch whose loss or weights are not finite is not written: the file keeps the one before. If
    the file can't be written (a full disk), a warning says so and training goes on.

    Of data that is files, the digest takes paths, sizes and times of change, not the pixels.

    Examples
    --------
    >>> from hwsk.callbacks import Checkpoint
    >>> callbacks = [Checkpoint("lines-{fit}.ckpt")]
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = path

    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        """Go on from the file, if there is one.

        Parameters
        ----------
        net : NeuralNet
            The net in training.
        X : RasterDataset
            The training data.
        **kwargs : dict
            Not used.
        """
        self.fit_ = identify_fit(net, X)
        short = digest(self.fit_)[:12]
        path = self.file_ = Path(os.fspath(self.path).replace("{fit}", short))
        if not path.parent.is_dir():  # said before an epoch is spent
            raise FileNotFoundError(f"the folder of the checkpoint {path} does not exist")
        if not path.exists():
            return
        content = read_file(path)
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as parts:
                if spoilt := parts.testzip():  # torch compares no checksums
                    raise ValueError(f"the checksum of {spoilt} does not fit")
            state = torch.load(io.BytesIO(content), map_location=net.device, weights_only=True)
            known = dict(state["fit"])
        except Exception as error:  # torch raises anything over bytes that it did not write
            raise ValueError(_damaged(path, error)) from error
        differing = [name for name, value in self.fit_.items() if known.get(name) != value]
        if differing:
            raise ValueError(
                f"{path} was left by another fit, with other {', other '.join(differing)}; remove "
                "it, name another path, or give each fit its own file by {fit} in the path: "
                f"Checkpoint({_with_placeholder(path)!r})"
            )
        try:
            _restore(net, state)
        except Exception as error:  # what is missing or of another form
            raise ValueError(_damaged(path, error)) from error

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        """End a fit that was complete already.

        Parameters
        ----------
        net : NeuralNet
            The net in training.
        **kwargs : dict
            Not used.
        """
        if len(net.history) > net.max_epochs:  # all was done before
            net.history.pop()
            raise FitEnded

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the file anew, unless the epoch has spoilt the network.

        Parameters
        ----------
        net : NeuralNet
            The net in training.
        **kwargs : dict
            Not used.
        """
        epoch = len(net.history)
        if not is_finite(net):
            warn_caller(
                f"{self.file_}: after epoch {epoch} the loss or the weights are not finite; the "
                "file keeps the epoch before",
            )
            return
        buffer = io.BytesIO()  # so that a full disk is the system's error, not the zip writer's
        torch.save({"fit": self.fit_, **_state(net)}, buffer)
        try:
            write_file(self.file_, bytes(buffer.getbuffer()))
        except OSError as error:
            warn_caller(
                f"the checkpoint {self.file_} can't be written after epoch {epoch} ({error}); "
                "training goes on, and the file is as it was",
            )


def _damaged(path: Path, error: Exception) -> str:
    return f"{path} is damaged or no checkpoint: remove it, or name another path ({error!r})"


def _with_placeholder(path: Path) -> str:
    return str(path.with_name(f"{path.stem}-{{fit}}{path.suffix}"))


def is_finite(net: Any) -> bool:
    """Check whether the loss of the epoch and the weights of the module are finite."""
    losses = [net.history[-1].get(name, 0.0) for name in ("train_loss", "valid_loss")]
    return bool(np.isfinite(losses).all()) and all(
        bool(torch.isfinite(value).all())
        for value in net.module_.state_dict().values()
        if value.is_floating_point()
    )


def _state(net: Any) -> dict[str, Any]:
    """Collect the state that a fit needs to resume after the end of an epoch."""
    state = {
        "module": net.module_.state_dict(),
        "criterion": net.criterion_.state_dict(),  # a loss may learn, too
        "optimizer": net.optimizer_.state_dict(),
        "history": epoch_rows(net.history),
        "torch_rng": torch.get_rng_state(),
        "early_stopping": {
            name: value
            for name, value in _early_stopping(net).items()
            if name in ("misses_", "dynamic_threshold_", "best_epoch_", "best_model_weights_")
        },
    }
    average, plateau = _weight_average(net), _plateau(net)
    if average is not None:
        state["average"] = average.get_state()
    if plateau is not None:
        state["plateau"] = plateau.lr_scheduler_.state_dict()
    return state


def _restore(net: Any, state: dict[str, Any]) -> None:
    """Put what `_state` gave into a net that begins to train."""
    net.module_.load_state_dict(state["module"])
    net.criterion_.load_state_dict(state["criterion"])
    net.optimizer_.load_state_dict(state["optimizer"])
    for row in state["history"]:
        net.history.new_epoch()
        for name, value in row.items():
            net.history.record(name, value)
    if len(net.history) and not is_finite(net):
        raise ValueError("its loss or weights are not finite")
    torch.set_rng_state(state["torch_rng"].cpu())
    _early_stopping(net).update(state.get("early_stopping", {}))
    average, plateau = _weight_average(net), _plateau(net)
    if average is not None:
        average.set_state(net, state["average"])
    if plateau is not None:
        plateau.lr_scheduler_.load_state_dict(state["plateau"])


def _early_stopping(net: Any) -> dict[str, Any]:
    """The attributes of the net's early stopping, if it has one."""
    return next((vars(cb) for _, cb in net.callbacks_ if isinstance(cb, EarlyStopping)), {})


def _weight_average(net: Any) -> WeightAverage | None:
    return next((cb for _, cb in net.callbacks_ if isinstance(cb, WeightAverage)), None)


def _plateau(net: Any) -> LRScheduler | None:
    return next((cb for _, cb in net.callbacks_ if isinstance(cb, LRScheduler)), None)


# Callbacks that a fit does not depend on: they only report it, or are not set by its parameters.
_ONLOOKERS = (Checkpoint, Progress, EpochTimer, PassthroughScoring, PrintLog)


def identify_fit(net: Any, dataset: Any) -> dict[str, str]:
    """Digests of all that a fit depends on, as it begins."""
    own = [
        callback
        for _, callback in net.callbacks_
        if type(callback).__module__.startswith(("hwsk.", "skorch."))
        and not isinstance(callback, _ONLOOKERS)
    ]
    seed = getattr(dataset, "seed", None)
    data = {k: v for k, v in vars(dataset).items() if k not in ("seed", "epoch", "augment")}
    numbers = (net.lr, net.batch_size, net.max_epochs, str(net.dtype))
    optimizer = {k: v for k, v in vars(net).items() if k.startswith("optimizer__")}
    parts = {
        "data": (type(dataset), data, net.train_split),
        "network": layout(net.module_),
        "first weights": net.module_.state_dict(),
        "training parameters": (
            numbers,
            net.optimizer,
            optimizer,
            net.criterion_,
            getattr(net, "bptt_steps", None),
            getattr(dataset, "augment", None),
            own,
        ),
        "random_state": seed,
    }
    return {name: digest(part) for name, part in parts.items()}


def epoch_rows(history: Any) -> list[dict[str, float]]:
    """A skorch history without its batches: one dict of plain numbers a completed epoch."""
    counts = ("epoch", "active_units")
    names = ("epoch", "train_loss", "valid_loss", "valid_score", "active_units", "dur")
    return [
        {name: row[name] if name in counts else float(row[name]) for name in names if name in row}
        for row in history
        if "train_loss" in row  # else it was interrupted
    ]
