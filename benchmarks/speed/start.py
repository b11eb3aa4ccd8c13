"""What starting a command costs: `hwsk recognize` on one line, beside `import torch`.

    python -m benchmarks.speed.start

Each is started in turns, in a process of its own; the least processor time of all rounds counts,
which other work on the machine changes least. In between stands what any estimator with a network
imports (torch, scikit-learn, skorch): the rest is hwsk's own.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import click
import cv2

from hwsk.datasets import make_handwriting

ROOT = Path(__file__).parents[2]
LIBRARIES = "torch", "sklearn.model_selection", "skorch", "cv2"


def processor_seconds(*arguments: str) -> float:
    """User and system time of a Python process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = [sys.executable, *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(run, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


@click.command()
@click.option("--model", default="models/iam-lines.hwsk", show_default=True)
@click.option("--rounds", default=5, show_default=True)
def main(model: str, rounds: int) -> None:
    """Print seconds of processor time and their ratio."""
    line = make_handwriting(1, level="line", random_state=0).images[0]
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder, "line.png"))
        cv2.imwrite(path, line)
        commands = {
            "import torch": ("-c", "import torch"),
            "libraries": ("-c", f"import {', '.join(LIBRARIES)}"),
            "recognize": ("-m", "hwsk", "recognize", model, path),
        }
        times = {
            name: min(processor_seconds(*command) for _ in range(rounds))
            for name, command in commands.items()
        }
    torch, libraries, command = times.values()
    click.echo(
        f"import torch {torch:.2f} s; with scikit-learn, skorch and OpenCV {libraries:.2f} s; hwsk "
        f"recognize on one line {command:.2f} s: {command / torch:.2f} times the first, "
        f"{command / libraries:.2f} times the second"
    )


if __name__ == "__main__":
    main()
