"""Write the card of a model that `hwsk train` has made."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from datetime import date
from typing import Any

import hwsk
from hwsk._wording import count
from hwsk.cli._app import one_line, show_name
from hwsk.cli._common import last_step
from hwsk.cli._data import summarize
from hwsk.cli._jobs import JOBS, Score
from hwsk.cli._layouts import Samples


def unit(job: str, samples: Samples) -> str:
    """Return what intervals are over; the writers of the job "writers" are its classes.

    One writer or one page alone has no interval: there it is over samples.
    """
    by_writer = samples.writer is not None and job != "writers"
    groups = samples.writer if by_writer else samples.page
    if groups is None or len(set(groups)) < 2:
        return "samples"
    return "writers" if by_writer else "pages"


def describe(samples: Samples) -> str:
    """Return how many samples, writers, pages and forgeries there are."""
    found = summarize(samples)
    nouns = {"samples": "sample", "writers": "writer", "pages": "page", "forgeries": "forgery"}
    return ", ".join(
        count(found[plural], noun, plural) for plural, noun in nouns.items() if plural in found
    )


def make_card(
    name: str,
    job: str,
    model: Any,
    of: tuple[Samples, Samples | None, int],
    scores: Sequence[Score],
    data: str,
    start: str,
) -> str:
    """Return the card of a model: what it is, data, parameters, scores, how it was made.

    `of` holds the training samples, the test samples, and how many of these are in both. `start`
    says from which model it was fine-tuned, if from one: that model's training data are in it, too.
    """
    samples, held_out, n_seen = of
    last = last_step(model)
    default = type(last)()
    changed = {
        key: value
        for key, value in last.get_params(deep=False).items()
        if repr(value) != repr(getattr(default, key)) and key not in ("callbacks", "verbose")
    }
    steps = " → ".join(type(step).__name__ for _, step in getattr(model, "steps", []))
    command = shlex.join(sys.argv[1:])
    lines = [
        f"# {name}",
        "",
        f"A `{type(last).__module__.rpartition('.')[0]}.{type(last).__name__}`: {JOBS[job].what}.",
        "",
        "| | |",
        "| --- | --- |",
        *([f"| steps | {steps} |"] if steps else []),
        f"| training data | {describe(samples)}; layout {show_name(data)} |",
        *([f"| fine-tuned from | {start}; its card says more of data and use |"] if start else []),
        f"| parameters | {', '.join(f'`{k}={one_line(repr(v))}`' for k, v in changed.items())} |",
        f"| training | {count(last.n_iter_, 'epoch')}, hwsk {hwsk.__version__}, {date.today()} |",
        f"| command | `hwsk {show_name(command)}` |",
        "",
        "## Results",
        "",
    ]
    if held_out is None:
        lines.append("Not evaluated: no data were held out.")
    else:
        seen = (
            f", {n_seen} of them in the training set" if n_seen else " that training has not seen"
        )
        lines += [
            f"On {describe(held_out)}{seen}; 95% bootstrap intervals over {unit(job, held_out)}:",
            "",
            "| score | |",
            "| --- | --- |",
        ]
        lines += [f"| {s.name} | {s.value:.4g} {s.interval} |" for s in scores]
    return "\n".join([*lines, ""])
