"""How often `predict` warns of right lines, and how often of what is not one upright line of text.

    python -m benchmarks.lines.checks --data ../shared/data

Right: IAM's lines of validation writers, the grey lines, lines cut from grey pages by writers that
no line of IAM is of, generated lines. Wrong: the same turned by 180 degrees or mirrored, two lines
in one crop, the handwriting of a page, whole pages. The thresholds in `hwsk/_data/lines.py` and
`hwsk/recognition/_doubt.py` were chosen on IAM's lines of all writers; here they are judged.
"""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path

import click
import numpy as np
import pandas as pd

import hwsk
from benchmarks.lines.train_iam import load_gray
from benchmarks.shared.iam import load_split
from hwsk._data.decoding import read_image
from hwsk.datasets import make_handwriting
from hwsk.datasets._data_home import unpack

KINDS = {
    "lines of text": "several lines",
    "a page of text": "several lines",
    "lose over half": "lost ink",
    "no ink": "no ink",
    "upside down": "upside down",
    "low mean confidence": "low confidence",
}
_CHUNK = 10  # images at a time: a message names ten rows


def cut_pages(data: str, seen: set[str]) -> tuple[dict[str, list[np.ndarray]], list[np.ndarray]]:
    """Crops (`line`, `two lines`, `text block`) by boxes, and pages; of writers not in `seen`."""
    folder = Path(data) / "iam_pages"
    pages = unpack(folder / "pages.tgz")
    rows = [r.split(" ", 8) for r in (folder / "ascii/lines.txt").read_text().splitlines()]
    boxes = pd.DataFrame([[r[0][:-3], *map(int, r[4:8])] for r in rows if r[0] and r[0][0] != "#"])
    forms = [r.split()[:2] for r in (folder / "ascii/forms.txt").read_text().splitlines()]
    unseen = [row[0] for row in forms if row and row[0][0] != "#" and row[1] not in seen]
    crops: dict[str, list[np.ndarray]] = {"line": [], "two lines": [], "text block": []}
    whole = []
    for form in unseen:
        path = next(pages.rglob(f"{form}.jpg"), None)
        found = boxes[boxes[0] == form].iloc[:, 1:].to_numpy() // 2  # pages are half as large
        if path is None or not len(found):
            continue
        page = read_image(path)
        whole.append(page)
        crops["line"] += [crop(page, found[[i]]) for i in range(len(found))]
        crops["two lines"] += [crop(page, found[i : i + 2]) for i in range(0, len(found) - 1, 2)]
        crops["text block"].append(crop(page, found))
    return crops, whole


def crop(page: np.ndarray, boxes: np.ndarray, margin: int = 4) -> np.ndarray:
    """The part of a page that holds some boxes (x, y, width, height)."""
    left, top = np.maximum(boxes[:, :2].min(axis=0) - margin, 0)
    right, bottom = (boxes[:, :2] + boxes[:, 2:]).max(axis=0) + margin
    return page[top:bottom, left:right]


def judge(model, images: list[np.ndarray]) -> Counter:
    """Number of images warned of, by kind; `any` counts an image once."""
    counts: Counter = Counter()
    for start in range(0, len(images), _CHUNK):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.predict(images[start : start + _CHUNK])
        rows: dict[str, set[str]] = {}
        for message in (str(warning.message) for warning in caught):
            kind = next((kind for words, kind in KINDS.items() if words in message), None)
            if kind is not None:
                named = re.search(r"rows ([\d, ]+)", message)[1].split(",")
                rows.setdefault(kind, set()).update(row.strip() for row in named if row.strip())
        for kind, named in rows.items():
            counts[kind] += len(named)
        counts["any"] += len(set().union(*rows.values()))
    return counts


@click.command()
@click.option("--data", default="../shared/data", show_default=True)
@click.option("--model", default="models/iam-lines.hwsk", show_default=True)
@click.option("--most", default=700, show_default=True, help="Images of each kind.")
def main(data: str, model: str, most: int) -> None:
    """Print the share of images that each warning names."""
    reader = hwsk.load(model)
    lines, _, valid = load_split(data)
    iam = [read_image(path) for path in lines.images[valid]]
    gray = [read_image(path) for path in load_gray(data)[0]]
    crops, pages = cut_pages(data, set(lines.writer))
    made = list(make_handwriting(400, level="line", n_writers=80, random_state=7).images)

    def turn(images: list[np.ndarray]) -> list[np.ndarray]:
        return [np.ascontiguousarray(image[::-1, ::-1]) for image in images]

    right = {
        "IAM, validation writers": iam,
        "IAM, grey lines": gray,
        "pages of unseen writers, lines": crops["line"],
        "generated lines": made,
    }
    wrong = {
        "IAM upside down": turn(iam[:200]),
        "grey lines upside down": turn(gray),
        "generated upside down": turn(made[:100]),
        "IAM mirrored": [np.ascontiguousarray(image[:, ::-1]) for image in iam[:200]],
        "two lines": crops["two lines"],
        "text block": crops["text block"],
        "whole page": pages,
    }
    kinds = [*dict.fromkeys(KINDS.values()), "any"]
    rows = {}
    for name, images in (right | wrong).items():
        counts = judge(reader, images[:most])
        n = len(images[:most])
        rows[name] = [n, *(f"{100 * counts[kind] / n:.1f}" for kind in kinds)]
        click.echo(f"{name}: " + ", ".join(map(str, rows[name])))
    click.echo(pd.DataFrame.from_dict(rows, "index", columns=["n", *kinds]).to_string())


if __name__ == "__main__":
    main()
