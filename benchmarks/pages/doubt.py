"""How often a page is in doubt, or warned of, though it is right; and of pages that are wrong.

    python -m benchmarks.pages.doubt --pool POOL | python -m benchmarks.record pages/doubt

Right: pages of writers that no part of the reader has seen, IAM forms for `english-pages`, and
these and Copiste for `page-lines` with `latin-lines`. Wrong: Copiste for the English reader,
photographs, noise, and pages printed in Greek and Cyrillic letters. In doubt is a page with which
`hwsk read` ends with exit code 1.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_images

import hwsk
from benchmarks.pages.data import load_part
from hwsk.documents import PageReader
from hwsk.documents._images import read_pages
from hwsk.documents._reader import UNREADABLE

PRINT = {
    "Greek print": "Πάντα ρεῖ καὶ οὐδὲν μένει, ὁ ἄνθρωπος φύσει",
    "Cyrillic print": "Все счастливые семьи похожи друг на друга",
}


def draw_print(text: str) -> Any:
    """Draw a page of ten printed lines."""
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    page = Image.new("L", (1100, 900), 250)
    lines = "\n".join([text] * 10)
    font = ImageFont.truetype(str(path), 36)
    ImageDraw.Draw(page).multiline_text((60, 60), lines, fill=10, font=font, spacing=36)
    return np.asarray(page)


def wrong_pages() -> Iterator[tuple[str, list[Any]]]:
    """Yield kinds of pages that hold nothing that the models can read."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 500), dtype=np.uint8)
    yield "photographs", list(load_sample_images().images)
    yield "noise", [noise]
    for name, text in PRINT.items():
        yield name, [draw_print(text)]


def judge(reader: PageReader, name: str, pages: Iterable[Any]) -> None:
    """Print how many pages are in doubt, and how many have a warning of any kind."""
    said = [remarks for _, remarks in reader._read_each(read_pages(list(pages)))]
    doubt = sum(UNREADABLE in remarks for remarks in said)
    warned = sum(bool(remarks) for remarks in said)
    print(
        f"{name}: in doubt {doubt / len(said):.3f}, warned of {warned / len(said):.3f}, "
        f"{len(said)} pages",
        flush=True,
    )


@click.command()
@click.option("--pool", type=click.Path(path_type=Path), required=True)
def main(pool: Path) -> None:
    """Read the validation pages of POOL, and wrong ones."""
    warnings.simplefilter("ignore")
    pages = load_part(pool, "validation")
    iam, copiste = (pages.images[pages.kind == kind] for kind in ("iam", "copiste"))
    english = hwsk.load("english-pages")
    latin = PageReader(hwsk.load("page-lines"), hwsk.load("latin-lines"))
    print(f"{date.today()} writers of the validation set")
    judge(english, "right: IAM, english-pages", iam)
    judge(latin, "right: Copiste, latin-lines", copiste)
    judge(latin, "right: IAM, latin-lines", iam)
    judge(english, "another language: Copiste, english-pages", copiste)
    for name, wrong in wrong_pages():
        judge(english, f"wrong: {name}, english-pages", wrong)
        judge(latin, f"wrong: {name}, latin-lines", wrong)


if __name__ == "__main__":
    main()
