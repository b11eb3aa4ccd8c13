"""Define constraints and docstrings of parameters that estimators with a network share."""

from __future__ import annotations

import inspect
import textwrap
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from sklearn.utils._param_validation import Interval, StrOptions

from hwsk._limits import BATCH, N_JOBS, whole

TRAINING_CONSTRAINTS: dict[str, list[Any]] = {
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [whole(1, BATCH)],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "lr_schedule": [StrOptions({"auto", "one_cycle", "plateau", "constant"})],
    "weight_decay": [Interval(Real, 0, None, closed="left")],
    "ema_decay": [Interval(Real, 0, 1, closed="left")],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
    "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
    "augment": [callable, None],
    "device": [str, torch.device],
    "precision": [StrOptions({"auto", "float32", "bfloat16", "float64"})],
    "n_jobs": N_JOBS,
    "warm_start": ["boolean"],
    "callbacks": [list, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}

_TRAINING_DOC = """\
    max_epochs : int, default={max_epochs}
        Passes over the training data.
    batch_size : int, default={batch_size}
        Samples a step. Samples of similar size are put together.
    lr : float, default={lr}
        Learning rate: the highest of the course that `lr_schedule` takes.
    lr_schedule : {{"auto", "one_cycle", "plateau", "constant"}}, default="auto"
        "one_cycle" warms up over the first tenth of `max_epochs`, then falls to 0 by a cosine;
        "plateau" divides the rate by 10 when the loss (with `early_stopping`, that of the samples
        held out) has not fallen for a third of `n_iter_no_change` epochs. "auto" is "one_cycle", or
        "plateau" with `early_stopping`, which would otherwise stop while the rate is high.
    weight_decay : float, default={weight_decay}
        Decoupled weight decay, as AdamW has it.
    ema_decay : float, default={ema_decay}
        The weights that are kept are an exponential moving average of those of each step, with
        this decay (0.999 remembers about 1000 steps); 0 keeps the last step's.
    early_stopping : bool, default=False
        Hold `validation_fraction` of the samples out, stop when their score has not risen for
        `n_iter_no_change` epochs, and restore the weights of the best epoch.
    validation_fraction : float, default=0.1
        Share held out with `early_stopping`; of the groups, when `fit` is given groups.
    n_iter_no_change : int, default=10
        Patience of `early_stopping`, in epochs.
    augment : callable, default=None
        `augment(image, rng)` returns a changed image (dark ink on light paper, 2-D), or changed
        strokes where those are learnt from; applied afresh each epoch, in training only. See
        `hwsk.preprocessing.augmentation`.
    device : str or torch.device, default="auto"
        "auto" (CUDA, else Apple's MPS, else the CPU) or a torch device such as "cuda:1".
    precision : {{"auto", "float32", "bfloat16", "float64"}}, default="auto"
        Number format of the heavy operations; "auto" takes bfloat16 where the processor computes
        in it, as far as torch can say. Weights, losses and outputs are float32 with all but
        "float64", which is slow, and for where rounding must not count.
    n_jobs : int, default=None
        Worker processes that decode, preprocess and augment samples while the network computes;
        with 1, the process of the network does this as well. -1 is a worker for each processor.
        None is 1, or what `joblib.parallel_config` says. No result depends on it. Within what
        joblib runs in parallel, such as a search, it counts as 1.
    warm_start : bool, default=False
        Go on from the weights of the last `fit` instead of new ones.
    callbacks : list of skorch callbacks, default=None
        Passed to the skorch net, e.g. `hwsk.callbacks.Checkpoint`.
    random_state : int, RandomState instance or None, default=None
        Seed of weights, order, dropout and augmentation. Global generators are left alone.
    verbose : int, default=0
        1 shows a progress bar in a terminal or notebook and prints a line an epoch otherwise, 2
        always prints a line an epoch."""


def fill_docstring(cls: type, name: str, text: str) -> None:
    """Replace the line `{name}` of a class's docstring by paragraphs shared with other classes.

    Python 3.13 strips the indentation of docstrings as it compiles them, so all are stripped here.
    """
    shared = textwrap.dedent(text).strip()
    cls.__doc__ = inspect.cleandoc(cls.__doc__ or "").replace(f"{{{name}}}", shared) + "\n"


def document_training(cls: type) -> type:
    """Put the docstring of the training parameters, and their defaults, at `{training}`."""
    defaults = {
        name: parameter.default for name, parameter in inspect.signature(cls).parameters.items()
    }
    fill_docstring(cls, "training", _TRAINING_DOC.format_map(defaults))
    return cls


def check_channels(channels: Sequence[Any]) -> None:
    """Refuse what is not a number of filters for each of three convolutional stages."""
    if len(channels) != 3 or not all(
        np.issubdtype(type(number), np.integer) and number > 0 for number in channels
    ):
        raise ValueError(f"channels={channels!r}; the three stages need three whole numbers from 1")


def refuse_changed(
    name: str, then: Mapping[str, str], now: Mapping[str, str], used: str, call: str
) -> None:
    """Refuse a calibration `name` that was made with other parameters than those of now.

    `used` says in the plural for what they are used, `call` the method that calibrates again.
    """
    changed = [key for key in {**then, **now} if then.get(key) != now.get(key)]
    if changed:
        was = ", ".join(f"{key}={then.get(key, 'absent')}" for key in changed)
        is_ = ", ".join(f"{key}={now.get(key, 'absent')}" for key in changed)
        raise ValueError(
            f"{name} was made with {was}, and {used} with {is_} now: call {call} again, or set "
            "these back"
        )
