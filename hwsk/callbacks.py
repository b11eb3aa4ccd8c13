"""skorch callbacks: the learning rate's course, progress, checkpoints."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import torch
from skorch.callbacks import Callback, EarlyStopping, LRScheduler
from torch import Tensor
from tqdm.auto import tqdm

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
        """What a checkpoint at the end of an epoch needs beside the module, which is the average.

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
    """A progress bar over the batches of the whole fit (verbose=1), a line an epoch (verbose=2)."""

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
                disable=self.verbose != 1,
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
        if self.verbose > 1:
            print(f"epoch {len(net.history)}: {text} {row['dur']:.1f} s", flush=True)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        if getattr(self, "bar_", None) is not None:
            self.bar_.close()
        self.bar_ = None


class Checkpoint(Callback):
    """Keep the state of a fit in a file after each epoch, and go on from it in the next fit.

    Weights, optimizer, history, random state and the state of early stopping are kept: a fit that
    was interrupted and started again with the same parameters and data ends as if it had not been
    (on a GPU but for the course of dropout). The file is removed by nobody; a finished fit that is
    started again trains no further. A fit on another number of samples, with another random state
    or network finds the file foreign and raises ValueError.

    Parameters
    ----------
    path : str or path
        The file; it is made if it is not there.

    Examples
    --------
    >>> from hwsk.callbacks import Checkpoint
    >>> callbacks = [Checkpoint("lines.ckpt")]
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
        # What a fit is known by: another split, or the clones of a grid search, are other fits.
        self.fit_ = [len(X), X.seed, *(weight.numel() for weight in net.module_.parameters())]
        if _weight_average(net) is not None:
            self.fit_.append("ema")
        if _plateau(net) is not None:
            self.fit_.append("plateau")
        path = Path(self.path)
        if not path.parent.is_dir():  # said before an epoch is spent
            raise FileNotFoundError(f"the folder of the checkpoint {path} does not exist")
        if not path.exists():
            return
        try:
            state = torch.load(path, map_location=net.device, weights_only=True)
            known = state["fit"]
        except OSError:
            raise
        except Exception as error:  # torch raises anything over bytes that it did not write
            raise ValueError(
                f"{path} is damaged or no checkpoint: remove it, or name another path ({error!r})"
            ) from error
        if known != self.fit_:
            raise ValueError(
                f"{path} was left by another fit: other data ({known[0]} samples there, "
                f"{len(X)} here), random_state or network; remove it, or name another path"
            )
        net.module_.load_state_dict(state["module"])
        net.criterion_.load_state_dict(state["criterion"])
        net.optimizer_.load_state_dict(state["optimizer"])
        for row in state["history"]:
            net.history.new_epoch()
            for name, value in row.items():
                net.history.record(name, value)
        torch.set_rng_state(state["torch_rng"].cpu())
        _early_stopping(net).update(state.get("early_stopping", {}))
        average, plateau = _weight_average(net), _plateau(net)
        if average is not None:
            average.set_state(net, state["average"])
        if plateau is not None:
            plateau.lr_scheduler_.load_state_dict(state["plateau"])

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
            raise KeyboardInterrupt  # skorch's way to end a fit

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Write the file anew.

        Parameters
        ----------
        net : NeuralNet
            The net in training.
        **kwargs : dict
            Not used.
        """
        state = {
            "fit": self.fit_,
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
        partial = Path(f"{os.fspath(self.path)}.part")
        torch.save(state, partial)
        os.replace(partial, self.path)


def _early_stopping(net: Any) -> dict[str, Any]:
    """The attributes of the net's early stopping, if it has one."""
    return next((vars(cb) for _, cb in net.callbacks_ if isinstance(cb, EarlyStopping)), {})


def _weight_average(net: Any) -> WeightAverage | None:
    return next((cb for _, cb in net.callbacks_ if isinstance(cb, WeightAverage)), None)


def _plateau(net: Any) -> LRScheduler | None:
    return next((cb for _, cb in net.callbacks_ if isinstance(cb, LRScheduler)), None)


def epoch_rows(history: Any) -> list[dict[str, float]]:
    """A skorch history without its batches: one dict of plain numbers a completed epoch."""
    counts = ("epoch", "active_units")
    names = ("epoch", "train_loss", "valid_loss", "valid_score", "active_units", "dur")
    return [
        {name: row[name] if name in counts else float(row[name]) for name in names if name in row}
        for row in history
        if "train_loss" in row  # else it was interrupted
    ]
