"""Seconds and memory of reading pages.

    OMP_NUM_THREADS=1 python -m benchmarks.pages.cost | python -m benchmarks.record pages/cost

prints, for `english-pages`, the seconds that a page of 150 dpi takes on one core, found and read,
with the parts that take most; and the peak memory of a process that reads 500 pages over that of
one that reads 5. The page is written by `synthesizer`; a small one is read 500 times.
"""

from __future__ import annotations

import cProfile
import os
import pstats
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from datetime import date
from pathlib import Path

import click
import cv2
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting

_STEPS = {  # functions whose cumulative time is printed
    "scaling, ink": "scale_ink",
    "network of the segmenter": "_run",
    "tracing": "trace_lines",
    "outlines": "outline_lines",
    "cutting": "cut_lines",
    "recognizing": "predict_details",
}


def draw_page(n_lines: int, size: tuple[int, int], folder: Path) -> str:
    """Write a page of generated lines, and return its path."""
    height, width = size
    page = np.full(size, 245, np.uint8)
    lines = make_handwriting(n_lines, level="line", height=64, n_writers=1, random_state=0).images
    pitch = height / (n_lines + 1)
    for i, line in enumerate(lines):
        scale = min(0.8 * pitch / line.shape[0], 0.85 * width / line.shape[1])
        part = cv2.resize(line, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        top, left = int(pitch * (i + 0.5)), int(0.08 * width)
        np.minimum(
            page[top : top + part.shape[0], left : left + part.shape[1]],
            part,
            out=page[top : top + part.shape[0], left : left + part.shape[1]],
        )
    path = str(folder / f"{n_lines}.png")
    cv2.imwrite(path, page)
    return path


def peak_memory(path: str, n: int) -> float:
    """Peak memory in MB of a process that reads a page n times."""
    command = [sys.executable, "-m", "benchmarks.pages.cost", "--child", path, "--pages", str(n)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def print_seconds(path: str, repeats: int) -> None:
    """Print the least of some times of reading a page, and how it divides."""
    reader = hwsk.load("english-pages")
    (page,) = reader.read(path)  # compiles and fills caches
    wall, processor = [], []
    for _ in range(repeats):
        start = time.perf_counter(), time.process_time()
        list(reader.read(path))
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    print(
        f"one page of {len(page.lines)} lines: wall {min(wall):.2f} s, "
        f"processor {min(processor):.2f} s",
        flush=True,
    )
    profile = cProfile.Profile(time.process_time)
    profile.runcall(lambda: list(reader.read(path)))
    stats = pstats.Stats(profile)
    cumulative = {name[2]: row[3] for name, row in stats.stats.items()}  # type: ignore[attr-defined]
    parts = (f"{label} {cumulative.get(name, 0.0):.2f} s" for label, name in _STEPS.items())
    print(f"profile of processor time: {', '.join(parts)}", flush=True)


@click.command(help=__doc__)
@click.option("--pages", default=500, help="Pages, against 5.")
@click.option("--repeats", default=5, help="Of which the least time counts.")
@click.option("--child", hidden=True)
def main(pages: int, repeats: int, child: str | None) -> None:
    """Print seconds and memory."""
    warnings.simplefilter("ignore")
    if child is not None:
        for _ in hwsk.load("english-pages").read([child] * pages):
            pass
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
        return
    load = os.getloadavg()[0]
    print(f"{date.today()} load {load:.1f} on {os.cpu_count()} cores before the start")
    with tempfile.TemporaryDirectory() as name:
        print_seconds(draw_page(12, (1754, 1240), Path(name)), repeats)
        small = draw_page(2, (160, 480), Path(name))
        few, many = peak_memory(small, 5), peak_memory(small, pages)
        for n, peak in ((5, few), (pages, many)):
            print(f"{n} pages: peak memory {peak:.0f} MB")
        print(f"{pages} pages over 5: peak memory {many / few:.3f}")


if __name__ == "__main__":
    main()
