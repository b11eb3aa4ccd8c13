"""Lay a module out without memory, no larger than the weights that are there for it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.modules.module import (
    register_module_buffer_registration_hook,
    register_module_parameter_registration_hook,
)

Weights = Mapping[str, NDArray[Any]]


@contextmanager
def limit_size(weights: Weights) -> Iterator[None]:
    """Let no module be made, in this thread, that is clearly larger than its weights.

    A module of 20,000 layers is a matter of a few characters in a file, and takes minutes to make
    even where it takes no memory.
    """
    thread = threading.get_ident()
    left = {"tensors": 2 * len(weights) + 16, "numbers": 2 * sum(w.size for w in weights.values())}

    def count(module: nn.Module, name: str, value: Tensor | None) -> None:
        if value is None or threading.get_ident() != thread:
            return
        left["tensors"] -= 1
        left["numbers"] -= value.numel()
        if min(left.values()) < 0:
            raise ValueError(
                f"the parameters make a network larger than its {len(weights)} weights: its "
                f"{type(module).__name__} has a {name} of shape {tuple(value.shape)}"
            )

    hooks = [
        register_module_parameter_registration_hook(count),
        register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def fit_weights(module: nn.Module, weights: Weights) -> dict[str, Tensor]:
    """The weights in the number formats of a module.

    Raises
    ------
    ValueError
        If a weight is missing, is not of the module, or has another shape or kind of number.
    """
    wanted = module.state_dict()
    if missing := sorted(wanted.keys() - weights.keys()):
        raise ValueError(f"the network lacks the weights {', '.join(missing[:5])}")
    if foreign := sorted(weights.keys() - wanted.keys()):
        raise ValueError(f"the network has no weights {', '.join(map(str, foreign[:5]))}")
    fitting = {}
    for name, there in wanted.items():
        value = torch.from_numpy(weights[name].copy())
        if value.shape != there.shape or value.is_floating_point() != there.is_floating_point():
            raise ValueError(
                f"the weight {name} is of shape {tuple(value.shape)} and {value.dtype}, and the "
                f"parameters ask for {tuple(there.shape)} and {there.dtype}"
            )
        fitting[name] = value.to(there.dtype)
    return fitting
