"""What the page of `hwsk serve` costs: until it is ready, and until ink that was drawn is read.

    python -m benchmarks.speed.studio

A line of 60 characters in the hand of `synthesizer` is drawn in Chromium on a server of its own
with its models loaded, as `hwsk serve` starts it. Seconds of wall time, so on a machine that is at
rest. Needs `pip install -e '.[browser]'` and Debian's package `chromium`.
"""

from __future__ import annotations

import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import TYPE_CHECKING

import click
import numpy as np

import hwsk
from hwsk.studio._ink import as_offsets, recognize_strokes
from hwsk.studio._models import INK, Models

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Playwright

TEXT = "The garden is full of flowers, and all of us are very well."


@contextmanager
def serve() -> Iterator[str]:
    """Start `hwsk serve` in a process of its own, and yield its address."""
    command = [sys.executable, "-u", "-m", "hwsk", "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().split()[2]
        finally:
            process.terminate()


def launch(driver: Playwright) -> Browser:
    """Start Debian's Chromium."""
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
    return driver.chromium.launch(executable_path=shutil.which("chromium"), args=flags)


def draw(page: Page, strokes: list[list[list[float]]]) -> None:
    """Draw strokes with the mouse."""
    for (x, y), *points in strokes:
        page.mouse.move(x, y)
        page.mouse.down()
        for point in points:
            page.mouse.move(*point)
        page.mouse.up()


def on_canvas(page: Page, sample: np.ndarray) -> list[list[list[float]]]:
    """Bring a line of strokes to the size of the canvas."""
    box = page.locator("#draw canvas").bounding_box()
    assert box is not None
    points = np.cumsum(sample[:, :2], axis=0)
    points -= points.min(axis=0)
    scale = min((box["width"] - 40) / points[:, 0].max(), (box["height"] - 40) / points[:, 1].max())
    places = points * scale + [box["x"] + 20, box["y"] + 20]
    return [part.tolist() for part in np.split(places, np.flatnonzero(sample[:-1, 2]) + 1)]


@click.command()
@click.option("--rounds", default=5, show_default=True)
def main(rounds: int) -> None:
    """Print seconds."""
    from playwright.sync_api import sync_playwright

    (sample,) = hwsk.load("synthesizer").sample(texts=[TEXT], bias=1.0, random_state=0)
    ready, first, last = [], [], []
    with serve() as address, sync_playwright() as driver:
        browser = launch(driver)
        for _ in range(rounds):
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            begin = time.perf_counter()
            page.goto(f"{address}#draw")
            page.wait_for_selector("html[data-ready]")
            ready.append(time.perf_counter() - begin)
            strokes = on_canvas(page, sample)
            draw(page, strokes[:1])
            page.wait_for_selector("#draw .reading .word")
            first.append(time.perf_counter() - begin)
            draw(page, strokes[1:-1])
            page.wait_for_load_state("networkidle")
            begin = time.perf_counter()
            with page.expect_response("**/api/draw*"):
                draw(page, strokes[-1:])
            last.append(time.perf_counter() - begin)
            page.close()
        browser.close()
    models = Models({INK: hwsk.load(INK)})
    line = as_offsets([[tuple(point) for point in stroke] for stroke in strokes])
    costs = {}
    for alternatives in (False, True):
        times = []
        for _ in range(rounds):
            begin = time.process_time()
            recognize_strokes(models, line, alternatives)
            times.append(time.process_time() - begin)
        costs[alternatives] = min(times)
    click.echo(f"{date.today()} Draw, {len(TEXT)} characters, {len(line)} points, {rounds} rounds")
    for name, times in (
        ("page ready", ready),
        ("first answer after the page was asked for", first),
        ("answer after the last stroke of the line", last),
    ):
        click.echo(f"{name}: median {statistics.median(times):.2f} s, longest {max(times):.2f} s")
    click.echo(f"processor time of a reading of the line: {costs[False]:.3f} s")
    click.echo(f"processor time with other readings of each word: {costs[True]:.3f} s")


if __name__ == "__main__":
    main()
