"""Take the pictures of the studio's five rooms in docs/studio.rst, at 1,280 and 390 pixels.

    PYTHONPATH=. python docs/studio_pictures.py docs/_static

Writing and signatures are generated, so that nobody's handwriting is shown. Needs Debian's package
`chromium` and `pip install -e '.[browser]'`. Look at them before you commit them.
"""

from __future__ import annotations

import argparse
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import hwsk
from benchmarks.speed.studio import draw, launch, on_canvas, serve
from hwsk.datasets import make_handwriting, make_signatures
from hwsk.writing import write

LETTER = "Dear Ada,\n\nthank you for the letter\nand for the answer."
WIDTHS = {1280: "", 390: "-phone"}
DRAWN = {1280: "Dear Ada, thank you", 390: "thank you"}


def show_read(page: Page, folder: Path, synthesizer: Any) -> None:
    """Read a letter, and choose a line of it."""
    sheets = write(LETTER, synthesizer, size=(130, 90), margin=10, random_state=3)
    (letter,) = sheets.save(folder / "letter.png", dpi=150)
    page.set_input_files("#read input[type=file]", letter)
    page.click("#read button.primary")
    page.wait_for_selector("#read .lines input")
    page.locator("#read .lines input").nth(1).focus()


def show_draw(page: Page, folder: Path, synthesizer: Any) -> None:
    """Draw a line, and ask for other readings of a word."""
    text = DRAWN[page.viewport_size["width"]]
    (sample,) = synthesizer.sample(texts=[text], bias=1.5, random_state=5)
    draw(page, on_canvas(page, sample))
    read = None
    while read != (read := page.text_content("#draw .reading")) or not read:
        page.wait_for_timeout(5000)  # until no answer has changed it for so long
    page.locator("#draw .reading .word > button").last.click()
    page.wait_for_selector("#draw .menu .others button")


def show_write(page: Page, folder: Path, synthesizer: Any) -> None:
    """Write a letter."""
    page.fill("#write-text", LETTER)
    page.select_option("#write [name=size]", "card")
    page.click("#write button.primary")
    page.wait_for_selector("#write img.written")
    page.wait_for_timeout(12_000)  # until it has written itself


def show_compare(page: Page, folder: Path, synthesizer: Any) -> None:
    """Compare two signatures."""
    images = make_signatures(1, 2, 0, random_state=8).images
    for side, image in zip("ab", images, strict=True):
        cv2.imwrite(str(folder / f"{side}.png"), image)
        page.set_input_files(f"#compare input[name={side}]", folder / f"{side}.png")
    page.click("#compare button[type=submit]")
    page.wait_for_selector("#compare .matches")


def show_who(page: Page, folder: Path, synthesizer: Any) -> None:
    """Look for the writer of a line among three."""
    made = make_handwriting(12, level="line", n_writers=3, height=110, random_state=2)
    order = {writer: i for i, writer in enumerate(dict.fromkeys(made.writer))}
    names = [("ada", "bob", "eve")[order[writer]] for writer in made.writer]
    for i, (image, name) in enumerate(zip(made.images, names, strict=True)):
        known = folder / "known" / name
        known.mkdir(parents=True, exist_ok=True)
        target = folder / "line.png" if i == len(names) - 1 else known / f"{i}.png"
        cv2.imwrite(str(target), image)
    page.set_input_files("#who input[webkitdirectory]", folder / "known")
    page.set_input_files("#who input[name=questioned]", folder / "line.png")
    page.click("#who button.primary")
    page.wait_for_selector("#who .ranking h3")


ROOMS: dict[str, Callable[[Page, Path, Any], None]] = {
    "read": show_read,
    "draw": show_draw,
    "write": show_write,
    "compare": show_compare,
    "who": show_who,
}


def main() -> None:
    """Use each room at both widths, and save what is seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    target = parser.parse_args().folder
    synthesizer = hwsk.load("synthesizer")
    with serve() as address, sync_playwright() as driver:
        browser = launch(driver)
        for room, show in ROOMS.items():
            for width, ending in WIDTHS.items():
                page = browser.new_page(viewport={"width": width, "height": 720})
                page.set_default_timeout(180_000)
                page.goto(f"{address}#{room}")
                page.wait_for_selector("html[data-ready]")
                with tempfile.TemporaryDirectory() as folder:
                    show(page, Path(folder), synthesizer)
                page.evaluate("scrollTo(0, 0)")
                picture = io.BytesIO(page.screenshot(full_page=True))
                few = Image.open(picture).convert("RGB").quantize(256, kmeans=3)  # half the bytes
                few.save(target / f"studio-{room}{ending}.png", optimize=True)
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
