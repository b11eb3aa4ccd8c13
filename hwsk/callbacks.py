"""Define skorch callbacks: checkpoints."""

from __future__ import annotations

import io
import os
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

from hwsk._data.digest import digest, layout
from hwsk._files import read_file, write_file
from hwsk._training.progress import Progress
from hwsk._training.schedules import WeightAverage
from hwsk._warn import warn_caller

__all__ = ["Checkpoint"]


class FitEnded(KeyboardInterrupt):
    """A callback ends the fit: a KeyboardInterrupt is skorch's way to do so."""


class OtherFitError(ValueError):
    """A checkpoint was left by another fit; `differing` says in what."""

    def __init__(self, path: Path, differing: list[str]) -> None:
        self.differing = f"other {', other '.join(differing)}"
        super().__init__(
            f"{path} was left by another fit, with {self.differing}; remove it, name another path, "
            "or give each fit its own file by {fit} in the path: "
            f"Checkpoint({_with_placeholder(path)!r})"
        )


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

    Attributes
    ----------
    interrupted_ : bool
        Whether the last fit ended before its time: by Ctrl-C, or by a loss that is not finite.

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
            raise OtherFitError(path, differing)
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

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        """Note whether the fit was interrupted.

        Parameters
        ----------
        net : NeuralNet
            The net in training.
        **kwargs : dict
            Not used.
        """
        self.interrupted_ = net.ended_by is not None and not isinstance(net.ended_by, FitEnded)


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
