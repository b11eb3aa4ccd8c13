"""How often a page is in doubt, or warned of, though it is right; and of pages that are wrong.

    python -m benchmarks.pages.doubt --pool POOL | python -m benchmarks.record pages/doubt

Right: pages of writers that no part of the reader has seen, IAM forms for `english-pages`, and
these and Copiste for `page-lines` with `latin-lines`. Wrong: Copiste for the English reader,
photographs, noise, grainy blank paper, and pages printed in other scripts and languages, each in
several fonts. In doubt is a page with which `hwsk read` ends with exit code 1; "no line" is the
warning that a blank page should have.
"""

from __future__ import annotations

import textwrap
import warnings
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont
from sklearn.datasets import load_sample_images

import hwsk
from benchmarks.pages.data import load_part
from hwsk.documents import PageReader
from hwsk.documents._images import read_pages
from hwsk.documents._reader import DOUBTS, FOREIGN, NO_LINE, UNREADABLE

SCRIPTS = {
    "Cyrillic": "Все счастливые семьи похожи друг на друга, каждая несчастливая семья несчастлива "
    "по-своему. Всё смешалось в доме Облонских. Жена узнала, что муж был в связи с бывшею",
    "Greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην αξιοπρέπεια και τα δικαιώματα. "
    "Είναι προικισμένοι με λογική και συνείδηση, και οφείλουν να συμπεριφέρονται μεταξύ τους",
    "Hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם. כולם חוננו בתבונה ובמצפון, "
    "לפיכך חובה עליהם לנהוג איש ברעהו ברוח של אחוה",
    "Georgian": "ყველა ადამიანი იბადება თავისუფალი და თანასწორი თავისი ღირსებითა და უფლებებით. "
    "მათ მინიჭებული აქვთ გონება და სინდისი და ერთმანეთის მიმართ უნდა იქცეოდნენ",
}
LANGUAGES = {
    "French": "Longtemps, je me suis couché de bonne heure. Parfois, à peine ma bougie éteinte, "
    "mes yeux se fermaient si vite que je n'avais pas le temps de me dire: je m'endors.",
    "German": "Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit "
    "Vernunft und Gewissen begabt und sollen einander im Geist der Brüderlichkeit begegnen.",
    "Polish": "Wszyscy ludzie rodzą się wolni i równi pod względem swej godności i swych praw. Są "
    "oni obdarzeni rozumem i sumieniem i powinni postępować wobec innych w duchu braterstwa.",
}
ENGLISH = (
    "All human beings are born free and equal in dignity and rights. They are endowed with reason "
    "and conscience and should act towards one another in a spirit of brotherhood."
)
FONTS = ("Sans", "Serif", "Sans-Oblique", "SansMono", "Serif-Italic", "Sans-Bold")
SIZES = (36, 30, 42, 32, 34, 28)


def draw_print(text: str) -> list[Any]:
    """Draw a page of print in each font that has the letters."""
    pages = []
    for name, size in zip(FONTS, SIZES, strict=True):
        path = Path(matplotlib.get_data_path(), "fonts", "ttf", f"DejaVu{name}.ttf")
        font = ImageFont.truetype(str(path), size)
        if bytes(font.getmask(text[0])) == bytes(
            font.getmask("\uffff")
        ):  # the sign for a missing letter
            continue
        width = int(10 * 980 / font.getlength("n" * 10))
        lines = textwrap.wrap(f"{text} {text}", width)[:12]
        page = Image.new("L", (1100, 1000), 250)
        draw = ImageDraw.Draw(page)
        draw.multiline_text((60, 60), "\n".join(lines), fill=10, font=font, spacing=size)
        pages.append(np.asarray(page))
    return pages


def draw_grain() -> list[Any]:
    """Draw blank pages: grain of scanners and of paper, stains, streaks and specks."""
    rng = np.random.default_rng(0)
    size = (500, 400)
    pages = [235 + rng.normal(0, sigma, size) for sigma in (2, 5, 10, 20)]
    for sigma, spread in ((5, 1), (8, 2), (15, 3), (20, 60)):
        noise = cv2.GaussianBlur(rng.normal(0, 1, size), (0, 0), spread)
        pages.append(230 + sigma * noise / noise.std())
    pages.append(235 + rng.normal(0, 4, (1, size[1])) + rng.normal(0, 3, size))
    specks = np.full(size, 235.0)
    for x, y in rng.integers(0, size[::-1], (80, 2)).tolist():
        cv2.circle(specks, (x, y), 1, (90,), -1)
    pages.append(specks)
    return [np.clip(page, 0, 255).astype(np.uint8) for page in pages]


def wrong_pages() -> Iterator[tuple[str, list[Any]]]:
    """Yield kinds of pages that hold nothing that the models can read."""
    noise = np.random.default_rng(0).integers(0, 256, (700, 500), dtype=np.uint8)
    yield "photographs", list(load_sample_images().images)
    yield "noise", [noise]
    yield "print in other scripts", [p for text in SCRIPTS.values() for p in draw_print(text)]


def judge(reader: PageReader, name: str, pages: Iterable[Any]) -> None:
    """Print how many pages are in doubt, and how many have a warning of any kind."""
    said = [remarks for _, remarks in reader._read_each(read_pages(list(pages)))]
    shares = {
        "in doubt": sum(bool(set(DOUBTS) & set(remarks)) for remarks in said),
        "by confidence": sum(UNREADABLE in remarks for remarks in said),
        "by language": sum(FOREIGN in remarks for remarks in said),
        "no line": sum(NO_LINE in remarks for remarks in said),
        "warned of": sum(bool(remarks) for remarks in said),
    }
    shown = ", ".join(f"{kind} {count / len(said):.3f}" for kind, count in shares.items())
    print(f"{name}: {shown}, {len(said)} pages", flush=True)


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
    judge(english, "right: English print, english-pages", draw_print(ENGLISH))
    judge(latin, "right: Copiste, latin-lines", copiste)
    judge(latin, "right: IAM, latin-lines", iam)
    judge(english, "another language: Copiste, english-pages", copiste)
    printed = [page for text in LANGUAGES.values() for page in draw_print(text)]
    judge(english, "another language: print, english-pages", printed)
    judge(english, "blank: grain and stains, english-pages", draw_grain())
    for name, wrong in wrong_pages():
        judge(english, f"wrong: {name}, english-pages", wrong)
        judge(latin, f"wrong: {name}, latin-lines", wrong)


if __name__ == "__main__":
    main()
