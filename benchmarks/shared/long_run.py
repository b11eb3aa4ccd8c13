"""What the trainings that go on for days share: learning rate, checkpoints, signals, shares."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import torch

from hwsk._training.devices import resolve_precision


def learning_rate(
    lr: float, step: int, warm_from: int, warmup: int, decay: tuple[int, int] | None
) -> float:
    """Compute the rate of the next step: warm-up, constant, and in a branch a fall to 0.

    `decay` is the step from which the rate falls, and the number of steps that takes.
    """
    rate = lr * min(1.0, (step + 1 - warm_from) / warmup)
    if decay is not None:
        start, steps = decay
        rate *= max(0.0, 1 - ((step - start) / steps) ** 0.5)
    return rate


def last_step(steps: int | None, decay: tuple[int, int] | None) -> int:
    """Return the step before which a run stops."""
    return min(steps or 10**9, sum(decay) if decay else 10**9)


def write_checkpoint(state: dict[str, Any], path: Path) -> None:
    """Write a checkpoint, whole or not at all."""
    part = path.with_suffix(".part")
    torch.save(state, part)
    os.replace(part, path)


def stop_on_signals() -> list[bool]:
    """Return a list that holds something from the first SIGTERM or SIGINT on."""
    stopped: list[bool] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.append(True))
    return stopped


def use_bfloat16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 faster than in float32."""
    return device.type == "cuda" or resolve_precision("auto", device) == torch.bfloat16


def parse_shares(text: str | None, default: dict[str, float]) -> dict[str, float]:
    """Parse 'iam=0.5,copiste=0.5'; None gives the default."""
    if text is None:
        return dict(default)
    return {name: float(share) for name, share in (part.split("=") for part in text.split(","))}
