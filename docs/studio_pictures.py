"""Take the pictures of the rooms Draw and Compare in docs/studio.rst, at 1,280 and 390 pixels.

    PYTHONPATH=. python docs/studio_pictures.py docs/_static

Lines and signatures are generated, so that nobody's handwriting is shown. Needs Debian's package
`chromium` and `pip install -e '.[browser]'`. Look at them before you commit them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import cv2
from playwright.sync_api import Page, sync_playwright

import hwsk
from benchmarks.speed.studio import draw, launch, on_canvas, serve
from hwsk.datasets import make_signatures

TEXTS = {("studio-draw", 1280): "Dear Ada, thank you", ("studio-draw-phone", 390): "thank you"}


def wait_for_last_reading(page: Page) -> None:
    """Wait until no answer has changed the text for some seconds."""
    text = None
    while text != (text := page.text_content("#draw .reading")) or not text:
        page.wait_for_timeout(5000)


def take_comparison(page: Page, address: str, folder: Path) -> None:
    """Compare two signatures, and save what is seen."""
    images = make_signatures(1, 2, 0, random_state=8).images
    page.goto(f"{address}#compare")
    page.wait_for_selector("html[data-ready]")
    for side, image in zip("ab", images, strict=True):
        _, content = cv2.imencode(".png", image)
        file = {"name": f"{side}.png", "mimeType": "image/png", "buffer": content.tobytes()}
        page.set_input_files(f"#compare input[name={side}]", file)
    page.click("#compare button[type=submit]")
    page.wait_for_selector("#compare .matches")
    page.screenshot(path=folder / "studio-compare.png", full_page=True)


def main() -> None:
    """Draw a line at both widths, choose a word of it, compare, and save what is seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    synthesizer = hwsk.load("synthesizer")
    with serve() as address, sync_playwright() as driver:
        browser = launch(driver)
        for (name, width), text in TEXTS.items():
            (sample,) = synthesizer.sample(texts=[text], bias=1.5, random_state=5)
            page = browser.new_page(viewport={"width": width, "height": 720})
            page.set_default_timeout(180_000)
            page.goto(f"{address}#draw")
            page.wait_for_selector("html[data-ready]")
            draw(page, on_canvas(page, sample))
            wait_for_last_reading(page)
            page.locator("#draw .reading .word > button").last.click()
            page.wait_for_selector("#draw .menu .others button")
            page.screenshot(path=folder / f"{name}.png")
            page.close()
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.set_default_timeout(180_000)
        take_comparison(page, address, folder)
        browser.close()


if __name__ == "__main__":
    main()
