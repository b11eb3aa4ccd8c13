"""Resolve device, number format and seeds of a fit."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch

from hwsk._data.seeds import own_generator


def resolve_device(device: str | torch.device) -> torch.device:
    """The torch device that "auto", or a device's name, stands for on this machine."""
    if device == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # no such name; no such device here
        raise ValueError(
            f"device={str(device)!r} can't be used here ({str(error).splitlines()[0]}); take "
            "'auto', 'cpu', or the name of a torch device that this machine has"
        ) from None
    return torch.device(device)


def resolve_precision(precision: str, device: torch.device) -> torch.dtype:
    """The number format that "auto", or a format's name, stands for on a device."""
    if precision != "auto":
        return getattr(torch, precision)
    if device.type == "cuda":
        native = torch.cuda.is_bf16_supported(including_emulation=False)
    elif device.type == "cpu":
        # Older versions of torch can't say.
        able: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
        # "DEFAULT": torch has no vector unit, or was kept from using it.
        vectors = torch.backends.cpu.get_cpu_capability() != "DEFAULT"
        native = vectors and bool(able.get("avx512_bf16") or able.get("amx_bf16"))
    else:
        native = False
    return torch.bfloat16 if native else torch.float32


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute in one thread within the block: for many small steps in turn.

    Threads wait for each other at each step: beside any other work, for most of the time.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def draw_seed(random_state: Any) -> int:
    """Draw a seed from `random_state`; no global generator is moved."""
    return int(own_generator(random_state).randint(2**31 - 1))


_ONE_AT_A_TIME = threading.RLock()  # torch draws dropout from its global generator alone


@contextmanager
def seeded(random_state: Any, device: torch.device) -> Iterator[int]:
    """Seed torch within the block from `random_state`; afterwards all is as it was.

    Dropout has no generator of its own, so what is seeded runs in one thread at a time: fits in
    several threads take turns, and each gives what it gives alone. Yields the seed, for generators
    of one's own.
    """
    with _ONE_AT_A_TIME:
        yield from _seeded(random_state, device)


def _seeded(random_state: Any, device: torch.device) -> Iterator[int]:
    seed = draw_seed(random_state)
    mps_state = torch.mps.get_rng_state() if device.type == "mps" else None
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.default_generator.manual_seed(seed)  # torch.manual_seed seeds every device there is
        if device.type == "cuda":
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        elif device.type == "mps":
            torch.mps.manual_seed(seed)
        try:
            yield seed
        finally:
            if mps_state is not None:
                torch.mps.set_rng_state(mps_state)
