"""How many lines of one short word are found, such as "it." at the end of a paragraph.

    python -m benchmarks.pages.short --pool POOL | python -m benchmarks.record pages/short

Every third line of the pages of the validation set is painted over but for its first word, if that
is at most 75 pixels wide. A word is found if the centre of a line that is found lies within it.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

import hwsk
from benchmarks.pages.data import load_part
from hwsk._data.decoding import read_image
from hwsk.documents import Line, Page
from hwsk.documents._elements import Box
from hwsk.documents._matching import box_of
from hwsk.preprocessing._paper import estimate_paper, page_ink

_STEP = 3  # lines from one that is shortened to the next
_BLANK = 7  # columns without ink that end a word
_LEAST, _MOST = 8, 75  # pixels that a word is wide
_LEAST_INK = 25  # pixels, so that a point is not a word
_INK = 110  # from where on a pixel is ink
_WIDTHS = (25, 35, 50, _MOST + 1)  # pixels: the bands that are counted


def first_words(ink: NDArray[np.uint8], page: Page) -> Iterator[tuple[Line, int]]:
    """Yield lines that begin with a short word, and the column where it ends."""
    last = -_STEP
    for number, line in enumerate(page.lines):
        left, top, right, bottom = (max(0, int(side)) for side in line.box)
        if number - last < _STEP or right - left < 2 * _MOST:
            continue
        edge = (bottom - top) // 5  # there are letters of the neighbours
        columns = (ink[top + edge : bottom - edge, left:right] > _INK).sum(axis=0)
        blank = np.convolve(columns, np.ones(_BLANK), "same") == 0
        for width in range(_LEAST, _MOST):
            if blank[width] and columns[:width].sum() > _LEAST_INK:
                last = number
                yield line, left + width
                break


def shorten_lines(image: NDArray[np.uint8], page: Page) -> tuple[NDArray[np.uint8], list[Box]]:
    """Paint lines over but for their first words; also the boxes of these."""
    paper, shortened, boxes = estimate_paper(image), image.copy(), []
    for line, stop in first_words(page_ink(image), page):
        left, top, right, bottom = (max(0, int(side)) for side in line.box)
        rest = slice(top, bottom), slice(stop, right + 10)
        shortened[rest] = paper[rest]
        boxes.append((left, top, stop, bottom))
    return shortened, boxes


def is_found(word: Box, lines: list[Line]) -> bool:
    """Indicate a word within which the centre of a line lies."""
    for line in lines:
        left, top, right, bottom = box_of(line)
        x, y = (left + right) / 2, (top + bottom) / 2
        if word[0] <= x <= word[2] and word[1] <= y <= word[3]:
            return True
    return False


@click.command()
@click.option("--pool", type=click.Path(path_type=Path), required=True)
@click.option("--model", default="page-lines", show_default=True)
def main(pool: Path, model: str) -> None:
    """Count the words that are found on the pages of POOL, by their width."""
    warnings.simplefilter("ignore")
    segmenter = hwsk.load(model).set_params(orient=False)
    pages = load_part(pool, "validation")
    all_words, found = Counter[int](), Counter[int]()
    for path, page in zip(pages.images, pages.pages, strict=True):
        image, words = shorten_lines(read_image(path), page)
        lines = [line for region in segmenter.segment(image) for line in region.lines]
        for word in words:
            band = next(width for width in _WIDTHS if word[2] - word[0] < width)
            all_words[band] += 1
            found[band] += is_found(word, lines)
    print(f"{date.today()} writers of the validation set")
    for low, band in zip((_LEAST, *_WIDTHS), _WIDTHS, strict=False):
        share = found[band] / max(1, all_words[band])
        print(f"{low} to {band - 1} pixels wide: found {share:.3f}, {all_words[band]} words")
    print(f"all words: found {found.total() / all_words.total():.3f}, {all_words.total()} words")


if __name__ == "__main__":
    main()
