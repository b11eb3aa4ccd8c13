"""Evaluate the segmenter on the pages of writers that it has not seen.

    python -m benchmarks.pages.evaluate --pool /root/pages/pool --model models/page-lines.hwsk
    python -m benchmarks.pages.evaluate --pool /root/pages/pool --model ... --turned --parts
    python -m benchmarks.pages.evaluate --pool /root/pages/pool --model models/english-pages.hwsk

prints the F1 of lines (boxes that overlap by half of their union) with an interval over pages, for
IAM and for Copiste, of the segmenter and of projection profiles. Of IAM the area of the handwriting
counts: found lines whose centre lies elsewhere (print, signatures) are left out. --parts cuts a
quarter, three, two and one line out of each page: small pages with large writing. Of a line that is
cut lengthwise, less than half is not counted either way.

Of a PageReader it prints the character error rate of the handwriting of IAM pages, beside that of
the same lines cut by their official boxes.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

import hwsk
from benchmarks.pages.data import load_part
from hwsk._data.decoding import read_image
from hwsk.documents import Line, Page, Region, cut_lines
from hwsk.documents._matching import box_of, match_lines
from hwsk.metrics import bootstrap_interval, character_error_rate
from hwsk.recognition import detokenize

Find = Callable[[NDArray[np.uint8]], list[Line]]


def in_region(line: Line, page: Page) -> bool:
    """Indicate a line whose centre lies in the area of the handwriting."""
    region = page.regions[0]
    if region.polygon is None:
        return True
    box = box_of(line)
    return bool(region.box[1] <= (box[1] + box[3]) / 2 <= region.box[3])


def turn_image(
    image: NDArray[np.uint8], quarters: int, degrees: float
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Turn an image counterclockwise, all of it seen; also the matrix that brings points back."""
    matrix = np.eye(3)
    for _ in range(quarters):  # new x = y, new y = width - x
        step = np.array([[0, 1, 0], [-1, 0, image.shape[1]], [0, 0, 1.0]])
        image, matrix = np.rot90(image), step @ matrix
    if degrees:
        height, width = image.shape
        step = np.vstack([cv2.getRotationMatrix2D((0, 0), degrees, 1), [0, 0, 1]])
        corners = step @ [[0, width, 0, width], [0, 0, height, height], [1, 1, 1, 1]]
        step[:2, 2] -= corners[:2].min(axis=1)
        new_width, new_height = np.ceil(np.ptp(corners[:2], axis=1)).astype(int).tolist()
        paper = float(np.median(image))
        image = cv2.warpAffine(
            np.ascontiguousarray(image), step[:2], (new_width, new_height), borderValue=paper
        )
        matrix = step @ matrix
    return np.ascontiguousarray(image), np.linalg.inv(matrix)


def counts(
    pages: Any, find: Find, quarters: int = 0, degrees: float = 0.0
) -> tuple[NDArray[np.int64], float]:
    """Matched, true and found lines of each page, and the seconds that a page takes."""
    rows, seconds = [], 0.0
    for path, page in zip(pages.images, pages.pages, strict=True):
        image, back = turn_image(read_image(path), quarters, degrees)
        start = time.perf_counter()
        found = find(image)
        seconds += time.perf_counter() - start
        for line in found:
            line.polygon = line.polygon @ back[:2, :2].T + back[:2, 2]
        found = [line for line in found if in_region(line, page)]
        rows.append((len(match_lines(page.lines, found)), len(page.lines), len(found)))
    return np.array(rows), seconds / max(1, len(rows))


def cut_part(
    image: NDArray[np.uint8], page: Page, n_lines: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], Page]:
    """Cut some lines out of a page, with a quarter of a line around; 0 lines: a quarter of it."""
    boxes = np.array([box_of(line) for line in page.lines])
    margin = np.median(boxes[:, 3] - boxes[:, 1]) / 4
    if n_lines:
        first = int(rng.integers(max(1, len(boxes) - n_lines + 1)))
        chosen = boxes[first : first + n_lines]
        area = np.r_[chosen[:, :2].min(axis=0) - margin, chosen[:, 2:].max(axis=0) + margin]
    else:
        size = np.array(image.shape[::-1]) / 2
        low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
        corner = low - margin + rng.random(2) * np.maximum(0, high - low - size + 2 * margin)
        area = np.r_[corner, corner + size]
    left, top = np.maximum(0, area[:2]).astype(int)
    right, bottom = np.minimum(image.shape[::-1], area[2:]).astype(int)
    lines = []
    for box in boxes:
        part = np.r_[np.maximum(box[:2], [left, top]), np.minimum(box[2:], [right, bottom])]
        width, height = part[2:] - part[:2]
        if width > 2 * margin and height > 0.5 * (box[3] - box[1]):
            lines.append(Line(polygon=part - [left, top, left, top]))
    region = page.regions[0].polygon
    if region is not None:
        region = region - [left, top]
    part = Page(right - left, bottom - top, [Region(lines, region)])
    return np.ascontiguousarray(image[top:bottom, left:right]), part


def count_parts(pages: Any, find: Find, n_lines: int) -> NDArray[np.int64]:
    """Matched, true and found lines of a part of each page."""
    rows = []
    for i, (path, page) in enumerate(zip(pages.images, pages.pages, strict=True)):
        image, part = cut_part(read_image(path), page, n_lines, np.random.default_rng(i))
        height = np.median([box_of(line)[3] - box_of(line)[1] for line in part.lines])
        found = [line for line in find(image) if in_region(line, part)]
        # The rest of a line beside the part that was cut is neither right nor wrong.
        kept = [line for line in found if box_of(line)[3] - box_of(line)[1] > height / 2]
        rows.append((len(match_lines(part.lines, kept)), len(part.lines), len(kept)))
    return np.array(rows)


def f1(rows: NDArray[np.int64]) -> float:
    """F1 of matched, true and found lines of pages."""
    matched, true, found = rows.sum(axis=0)
    return float(2 * matched / (true + found))


def interval(rows: NDArray[np.int64], seed: int = 0) -> tuple[float, float]:
    """95% interval of the F1, by resampling pages."""
    rng = np.random.default_rng(seed)
    values = [f1(rows[rng.integers(len(rows), size=len(rows))]) for _ in range(1000)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def read_iam(reader: Any, pages: Any) -> None:
    """Print the character error rate of pages, and of their lines in the official boxes.

    Blanks count as IAM's transcripts have them; last, as in print.
    """
    recognizer = reader.recognizer
    recognizer[-1].set_params(detokenize=False)
    true, read, known, seconds = [], [], [], 0.0
    for path, page in zip(pages.images, pages.pages, strict=True):
        image = read_image(path)
        start = time.perf_counter()
        [found] = reader.read(image)
        seconds += time.perf_counter() - start
        true.append(page.to_text())
        read.append("\n".join(line.text for line in found.lines if in_region(line, page)))
        cut = cut_lines(image, page.lines)
        known.append("\n".join(map(str, recognizer.predict(cut))))
    n = np.array([len(text) for text in true])
    edits = [
        [Levenshtein.distance(a, b) for a, b in zip(true, c, strict=True)] for c in (read, known)
    ]
    difference = (np.array(edits[0]) - np.array(edits[1])) / n.mean()
    rng = np.random.default_rng(0)
    rows = rng.integers(len(n), size=(1000, len(n)))
    low, high = np.percentile(difference[rows].mean(axis=1), [2.5, 97.5])
    of_pages = np.array(edits[0])[rows].sum(axis=1) / n[rows].sum(axis=1)
    lowest, highest = np.percentile(of_pages, [2.5, 97.5])
    print(
        f"iam: CER of pages {sum(edits[0]) / n.sum():.3%} [{lowest:.3%}, {highest:.3%}], "
        f"of official boxes "
        f"{sum(edits[1]) / n.sum():.3%}, difference {difference.mean():.3%} "
        f"[{low:.3%}, {high:.3%}], {len(n)} pages, {seconds / len(n):.2f} s a page, found and read",
        flush=True,
    )
    true, read = (
        ["\n".join(map(detokenize, text.split("\n"))) for text in texts] for texts in (true, read)
    )
    low, high = bootstrap_interval(character_error_rate, true, read, random_state=0)
    print(
        f"iam, spaced as in print: CER of pages {character_error_rate(true, read):.3%} "
        f"[{low:.3%}, {high:.3%}]"
    )


@click.command()
@click.option("--pool", type=click.Path(path_type=Path), required=True)
@click.option("--model", required=True)
@click.option("--turned", is_flag=True, help="Also pages turned by 90, 180, 270 and 5 degrees.")
@click.option("--parts", is_flag=True, help="Also parts of pages: small, with large writing.")
@click.option("--every", default=1, help="Take every nth page of each set.")
@click.option("--profiles/--no-profiles", default=True, help="Also projection profiles.")
def main(pool: Path, model: str, turned: bool, parts: bool, every: int, profiles: bool) -> None:
    """Evaluate MODEL on POOL/validation."""
    warnings.simplefilter("ignore")
    segmenter = hwsk.load(model)
    pages = load_part(pool, "validation")
    print(f"{date.today()} {model}, every {every} of the validation pages")
    if hasattr(segmenter, "read"):
        chosen = np.flatnonzero(pages.kind == "iam")[::every]
        read_iam(segmenter, type(pages)(images=pages.images[chosen], pages=pages.pages[chosen]))
        return
    finders: dict[str, Find] = {"network": lambda image: list(segmenter.predict([image])[0])}
    if profiles:
        from hwsk.documents import find_lines_by_profile

        finders["profiles"] = find_lines_by_profile
    for kind in ("iam", "copiste"):
        chosen = np.flatnonzero(pages.kind == kind)[::every]
        part = type(pages)(images=pages.images[chosen], pages=pages.pages[chosen])
        for name, find in finders.items():
            rows, seconds = counts(part, find)
            low, high = interval(rows)
            print(
                f"{kind} {name}: F1 {f1(rows):.3f} [{low:.3f}, {high:.3f}], {len(rows)} pages, "
                f"matched, true, found {rows.sum(axis=0).tolist()}, {seconds:.2f} s a page",
                flush=True,
            )
        if turned:
            for quarters, degrees in ((1, 0), (2, 0), (3, 0), (0, 5), (0, -5)):
                rows, _ = counts(part, finders["network"], quarters, degrees)
                print(f"{kind} turned by {90 * quarters + degrees}: F1 {f1(rows):.3f}", flush=True)
        for n, name in enumerate(("a quarter", "one line", "two lines", "three lines") * parts):
            rows = count_parts(part, finders["network"], n)
            print(f"{kind}, {name} of each page: F1 {f1(rows):.3f}", flush=True)


if __name__ == "__main__":
    main()
