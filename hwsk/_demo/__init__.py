"""Show what hwsk does (`hwsk demo`): the pretrained models first, then learning from scratch."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hwsk._demo.html import render
from hwsk._demo.learning import learn
from hwsk._demo.pretrained import PARTS


def run(output: Path, *, quick: bool = False, echo: Callable[[str], Any] = print) -> None:
    """Run the demo.

    Parameters
    ----------
    output : path
        Folder for `demo.html` and the files that it shows; made if need be.
    quick : bool, default=False
        Take a tenth of the data and of the training when learning from scratch.
    echo : callable, default=print
        Where the report goes, line by line.
    """
    start = time.perf_counter()
    output.mkdir(parents=True, exist_ok=True)
    sections = []
    echo("1. What the pretrained models do")
    for part in PARTS:
        section = part(output)
        echo(f"\n{section.title}\n{section.text}")
        sections.append(section)
    echo(f"\n{time.perf_counter() - start:.0f} seconds so far.")
    echo("\n2. Learning to read from scratch")
    sections.append(learn(output, quick=quick, echo=echo))
    page = output / "demo.html"
    page.write_text(render(sections), encoding="utf-8")
    echo(f"\nAll of it on one page: {page}")
    echo(f"Done in {time.perf_counter() - start:.0f} seconds.")
