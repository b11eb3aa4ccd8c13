"""The pages that the segmenter learns from: IAM forms and Copiste, split by writer.

    python -m benchmarks.pages.data --data ../shared/data --out /root/pages/pool

writes `train` and `validation`, folders of page images with PAGE XML beside them. No writer is in
both, and they are those of `benchmarks/lines/data.py`: a page reader is evaluated on writers that
neither its segmenter nor its recognizer has seen.

An IAM form has boxes alone: the baseline of a line is the row, in the direction in which the ink of
its box is concentrated most, below which the ink ends most abruptly. The print above
the second rule has no lines, in IAM as in Copiste: the network learns to leave print out. The
signatures below the third rule have none, either, and are painted over. The region of a validation
page is what lies between the second and the third rule.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch

from benchmarks.lines.data import load_sources
from hwsk._data.decoding import read_image
from hwsk._data.images import object_array
from hwsk.datasets import load_iam_pages, load_pages
from hwsk.datasets._data_home import unpack
from hwsk.documents import Line, Page, Region
from hwsk.preprocessing._line_normalizer import _find_shear
from hwsk.preprocessing._paper import estimate_paper, page_ink

_MARGIN = 6  # pixels at 150 dpi between a rule and what is kept


def volunteer(name: str) -> str:
    """The text that a page of Copiste shows, which two volunteers at most have copied."""
    return re.sub(r"_\d$", "", name).replace("_double", "")


def handwritten_rows(gray: NDArray[np.uint8], page: Page) -> tuple[int, int]:
    """First and last row between the second and the third rule of an IAM form."""
    ink = page_ink(gray)
    is_ink = (ink > 90).astype(np.uint8)
    runs = cv2.morphologyEx(is_ink, cv2.MORPH_OPEN, np.ones((1, gray.shape[1] // 12), np.uint8))
    ruled = np.flatnonzero(runs.sum(axis=1) > 0.4 * gray.shape[1])
    boxes = np.array([line.box for line in page.lines])
    top, bottom = boxes[:, 1].min(), boxes[:, 3].max()
    above, below = ruled[ruled < top + 20], ruled[ruled > bottom - 20]
    first = int(above[-1]) + _MARGIN if len(above) else max(0, int(top) - 30)
    last = int(below[0]) - _MARGIN if len(below) else min(len(gray), int(bottom) + 30)
    return first, last


def find_baseline(ink: NDArray[np.uint8], line: Line) -> NDArray[np.float64]:
    """Estimate the baseline of the ink in the box of a line."""
    left, top, right, bottom = (round(side) for side in line.box)
    part = ink[max(0, top) : bottom, max(0, left) : right] > 110
    rows, columns = np.nonzero(part)
    if len(rows) < 20:
        y = bottom - (bottom - top) / 4
        return np.array([[left, y], [right, y]])
    slope = _find_shear(rows, columns, 0.08)
    level = rows - slope * columns
    low = level.min()
    counts = np.bincount(np.rint(level - low).astype(int)).astype(np.float32)
    window = np.hanning(max(3, len(part) // 8) + 2)[1:-1]
    smooth = np.convolve(counts, window, mode="same")
    fall = -np.gradient(smooth)
    start = int(0.35 * len(fall))
    y = start + int(np.argmax(fall[start:])) + low + top
    return np.array([[left, y], [right, y + slope * (right - left)]])


def write_iam(data: str, writers: set[str], out: Path) -> None:
    """Write IAM forms: cut and with baselines to learn from, whole for validation."""
    iam = load_iam_pages(f"{data}/iam_pages")
    for path, page, writer, name in zip(iam.images, iam.pages, iam.writer, iam.ids, strict=True):
        gray = read_image(path)
        first, last = handwritten_rows(gray, page)
        if f"iam {writer}" in writers:
            region = page.regions[0]
            region.polygon = np.array(
                [[0, first], [gray.shape[1], first], [gray.shape[1], last], [0, last]]
            )
            write(out / "validation", f"iam-{name}", gray, page)
            continue
        ink = page_ink(gray)
        for line in page.lines:
            line.baseline = find_baseline(ink, line)
        gray[last:] = estimate_paper(gray)[last:]  # a signature without a line
        write(out / "train", f"iam-{name}", gray, page)


def write_copiste(data: str, volunteers: set[str], out: Path) -> None:
    """Write the pages of Copiste as they are, but for lines of no size."""
    folder = unpack(Path(data) / "copiste" / "copiste.tgz")
    pages = load_pages(folder)
    for path, page in zip(pages.images, pages.pages, strict=True):
        name = Path(path).stem
        kept = [
            line
            for line in page.lines
            if line.polygon is not None and np.ptp(line.polygon[:, 0]) > 8
        ]
        part = Page(page.width, page.height, [Region(kept)])
        kind = "validation" if f"copiste {volunteer(name)}" in volunteers else "train"
        write(out / kind, f"copiste-{name}", read_image(path), part)


def write(folder: Path, name: str, gray: NDArray[np.uint8], page: Page) -> None:
    """Write an image and its PAGE XML."""
    page.image_path = f"{name}.jpg"
    cv2.imwrite(str(folder / page.image_path), gray, [cv2.IMWRITE_JPEG_QUALITY, 92])
    page.save(folder / f"{name}.xml")


def load_part(out: Path, part: str) -> Any:
    """Images, `Page` objects, and the set that each is of, in the order of names."""
    images = sorted((out / part).glob("*.jpg"))
    return Bunch(
        images=object_array([str(path) for path in images]),
        pages=object_array([Page.load(path.with_suffix(".xml")) for path in images]),
        kind=np.array([path.stem.partition("-")[0] for path in images]),
    )


@click.command()
@click.option("--data", default="../shared/data", help="Folder with iam, iam_pages and copiste.")
@click.option("--out", type=click.Path(path_type=Path), required=True)
def main(data: str, out: Path) -> None:
    """Write the pages to learn from and to validate on."""
    for part in ("train", "validation"):
        (out / part).mkdir(parents=True, exist_ok=True)
    iam, copiste = load_sources(data, ("iam_pages", "copiste"))
    held_out = {
        writer
        for source in (iam, copiste)
        for writer, is_held in zip(source.writers, source.validation, strict=True)
        if is_held
    }
    write_iam(data, {w for w in held_out if w.startswith("iam")}, out)
    write_copiste(
        data, {w.replace("_double", "") for w in held_out if w.startswith("copiste")}, out
    )
    for part in ("train", "validation"):
        print(part, len(list((out / part).glob("*.jpg"))), "pages")


if __name__ == "__main__":
    main()
