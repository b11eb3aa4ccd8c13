"""How much of what is no signature is named by a model, and how many signatures are.

    python -m benchmarks.pairs.doubts models/signature-comparer.hwsk
    python -m benchmarks.pairs.doubts models/signature-verifier.hwsk --signatures
    python -m benchmarks.pairs.doubts models/signature-verifier.hwsk --one

Signatures of CEDAR, none of which the comparer's limits were taken from, genuine and forged, are
changed in the ways in which images that people upload are wrong: joined to another one with gaps of
so many heights of the ink, cut, stamped, under a shadow, turned into a negative, or they are a
reference stored again. Beside them: whole pages of IAM. Each is compared with three genuine
signatures of its writer, with --one with a single one, as in a pair. A row is one kind of image,
and the share that is named, whatever the reason given, with a 95% bootstrap interval over writers.
The rules for joined and stamped signatures and for copies were chosen with all of these writers.

With --signatures: all signatures of CEDAR and SigComp2009 as they are, with one reference and with
three of their writer, and with one of another writer. Each that is named is a false alarm, but for
six forgeries of CEDAR that are in the set twice. The limits of the shipped models come from 24 of
the writers of SigComp2009.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np

import hwsk
from benchmarks.pairs.signature_sets import load_sets
from hwsk._data.decoding import read_image
from hwsk._data.levels import to_bytes
from hwsk.datasets import load_cedar_signatures, load_iam_pages
from hwsk.metrics import bootstrap_interval
from hwsk.verification._copies import name_copies
from hwsk.verification._inked import Inked, take_ink
from hwsk.verification._joined import name_joined
from hwsk.verification._typicality import name_unusual

SEED = 0
N_CHOSEN = 30  # writers that are left out: a former rule for joined signatures was chosen on them
Image = np.ndarray


def joined(image: Image, other: Image, gap: float, axis: int) -> Image:
    """Two signatures side by side (axis 1) or one above the other, a gap of so many heights."""
    parts = [_ink(part) for part in (image, other)]
    away = max(1, round(gap * parts[0].shape[0]))
    across = max(part.shape[1 - axis] for part in parts)
    shape = (across, away) if axis else (away, across)
    padded = [_pad(part, across, axis) for part in parts]
    return _frame(np.concatenate([padded[0], np.full(shape, 255, np.uint8), padded[1]], axis=axis))


def _ink(image: Image) -> Image:
    rows, columns = np.nonzero(image < 160)
    return image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]


def _pad(image: Image, across: int, axis: int) -> Image:
    missing = across - image.shape[1 - axis]
    sides = ((missing // 2, missing - missing // 2), (0, 0))
    return np.pad(image, sides if axis else sides[::-1], constant_values=255)


def _frame(image: Image) -> Image:
    return np.pad(image, 12, constant_values=255)


def cut(image: Image) -> Image:
    """The left fifth of a signature."""
    ink = _ink(image)
    return _frame(ink[:, : max(20, ink.shape[1] // 5)])


def stamped(image: Image, kind: str) -> Image:
    """A signature under a stamp: a bare ring, two rings or a frame with two lines of text."""
    image = np.pad(_frame(image), image.shape[0] // 4, constant_values=255)
    height, width = image.shape
    radius, middle = round(0.35 * height), (width // 2, height // 2)
    layer = np.full_like(image, 255)
    pen = max(2, height // 100)
    size = radius / 140
    if kind == "a frame":
        reach = round(1.5 * radius)
        corners = ((middle[0] + x * reach, middle[1] + x * radius) for x in (-1, 1))
        cv2.rectangle(layer, *corners, 70, pen)
    else:
        cv2.circle(layer, middle, radius, 70, pen)
    if kind == "a round stamp":
        cv2.circle(layer, middle, round(0.8 * radius), 70, max(1, pen // 2))
    for row, text in enumerate(() if kind == "a ring" else ("RECEIVED", "29 NOV 2026")):
        place = (middle[0] - round(0.7 * radius), middle[1] + round((row - 0.3) * 0.35 * radius))
        cv2.putText(layer, text, place, cv2.FONT_HERSHEY_DUPLEX, size, 70, max(1, pen // 2))
    turn = cv2.getRotationMatrix2D(middle, 5, 1)
    return np.minimum(image, cv2.warpAffine(layer, turn, (width, height), borderValue=255))


def stored_again(image: Image) -> Image:
    """An image scaled and turned by half a degree, with another margin, as JPEG."""
    padded = np.pad(image, 20, constant_values=255)
    height, width = padded.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), 0.5, 0.8)
    turned = cv2.warpAffine(padded, turn, (width, height), borderValue=255)
    return cv2.imdecode(cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, 75])[1], 0)


def shadowed(image: Image) -> Image:
    """The right half of the paper in the shadow of a hand."""
    dark = np.arange(image.shape[1]) > image.shape[1] / 2
    return np.where(dark, image // 3, image).astype(np.uint8)


def is_named_beside(image: Inked, references: list[Inked], model: Any) -> bool:
    """Check whether an image is named for what its references are."""
    joined = name_joined([image], references, model.longest_shape_)
    return any(doubt.startswith(image.name) for doubt in joined) or any(
        name_copies([image, reference]) for reference in references
    )


def are_unusual(images: list[Inked], model: Any) -> np.ndarray:
    """Check which images are named for themselves."""
    return np.array([bool(name_unusual([image], model.sample_ranges_)) for image in images])


def report(
    name: str,
    images: list[Inked],
    references: list[list[Inked]],
    writers: np.ndarray,
    model: Any,
    unusual: np.ndarray | None = None,
) -> None:
    """Print the share of images that are named beside their references, with an interval."""
    named = are_unusual(images, model) if unusual is None else unusual.copy()
    for i in np.flatnonzero(~named):
        named[i] = is_named_beside(images[i], references[i], model)
    low, high = bootstrap_interval(
        lambda _, drawn: float(np.mean(drawn)), named, named, groups=writers, random_state=SEED
    )
    print(f"{name}: named {named.mean():.3f} [{low:.3f}, {high:.3f}]", flush=True)


def inked(images: list[Image], side: str = "a") -> list[Inked]:
    """Take the ink of images."""
    return take_ink([(side, images)])[0]


def report_signatures(model: Any, data: str, name: str) -> None:
    """Print the share of all signatures that are named, beside some of their writer, and others."""
    sets, _ = load_sets(data)
    rng = np.random.default_rng(SEED)
    print(f"{date.today()} {name}; all signatures of {', '.join(sets)}, seed {SEED}", flush=True)
    for set_name, one in sets.items():
        samples = inked([to_bytes(read_image(image)) for image in one.images])
        unusual = are_unusual(samples, model)
        own = {w: np.flatnonzero((one.writer == w) & ~one.forged) for w in np.unique(one.writer)}
        for kind in (False, True):
            rows = np.flatnonzero(one.forged == kind)
            of_name = [rng.permutation(np.setdiff1d(own[one.writer[i]], i))[:3] for i in rows]
            others = [rng.choice(np.flatnonzero(one.writer != one.writer[i]), 1) for i in rows]
            for beside, known in (
                ("a reference", [of_row[:1] for of_row in of_name]),
                ("three references", of_name),
                ("a signature of another writer", others),
            ):
                report(
                    f"{set_name}, {len(rows)} {'skilled forgeries' if kind else 'genuine ones'} "
                    f"beside {beside}",
                    [samples[i] for i in rows],
                    [[samples[j] for j in of_row] for of_row in known],
                    one.writer[rows],
                    model,
                    unusual[rows],
                )


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--data-home", default="runs/data", type=click.Path())
@click.option("--each", default=8, help="Signatures of each writer; half of them forged.")
@click.option("--signatures", "all_signatures", is_flag=True, help="Judge all signatures alone.")
@click.option("--one", is_flag=True, help="Compare with one reference instead of three.")
def main(
    model: Path, data: str, data_home: str, each: int, all_signatures: bool, one: bool
) -> None:
    """Print the table."""
    comparer = hwsk.load(model)
    if all_signatures:
        report_signatures(comparer, data, model.name)
        return
    signatures = load_cedar_signatures(f"{data}/cedar_signatures")
    rng = np.random.default_rng(SEED)
    rows, references, plain = [], [], []
    for writer in np.unique(signatures.writer)[N_CHOSEN:]:
        genuine, forged = (
            rng.permutation(
                np.flatnonzero((signatures.writer == writer) & (signatures.forged == kind))
            )
            for kind in (False, True)
        )
        rows += [*genuine[3 : 3 + each // 2], *forged[: each // 2]]
        known = [to_bytes(read_image(signatures.images[row])) for row in genuine[:3]]
        plain += [known[0]] * each
        references += [inked(known[: 1 if one else 3], "b")] * each
    images = [to_bytes(read_image(signatures.images[row])) for row in rows]
    writers = signatures.writer[rows]
    ways: dict[str, Callable[[Image, Image], Image]] = {
        "signatures of the writer, genuine and forged": lambda image, _: image,
        "signatures of another writer": lambda _, other: other,
        **{
            f"two side by side, {gap:g} heights apart": partial(joined, gap=gap, axis=1)
            for gap in (0.05, 0.15, 0.3, 0.6, 1.5)
        },
        **{
            f"two above each other, {gap:g} heights apart": partial(joined, gap=gap, axis=0)
            for gap in (0.05, 0.15, 0.6)
        },
        "a fifth of one": lambda image, _: cut(image),
        **{
            f"under {kind}": lambda image, _, kind=kind: stamped(image, kind)
            for kind in ("a ring", "a round stamp", "a frame")
        },
        "half in shadow": lambda image, _: shadowed(image),
        "negative": lambda image, _: 255 - image,
    }
    print(
        f"{date.today()} {model.name}; {len(rows)} signatures of CEDAR, references: "
        f"{1 if one else 3}, seed {SEED}"
    )
    rows_of = np.arange(len(images))
    others = {
        "": np.roll(rows_of, each),
        " of one writer": rows_of // each * each + (rows_of + 1) % each,
    }
    for name, change in ways.items():
        for whose, other in others.items():
            if whose and not name.startswith("two "):
                continue
            made = [change(image, images[i]) for image, i in zip(images, other, strict=True)]
            report(name.replace("two", f"two{whose}"), inked(made), references, writers, comparer)
    again = inked([stored_again(image) for image in plain])
    report("a reference, stored again", again, references, writers, comparer)
    pages = load_iam_pages(f"{data}/iam_pages", data_home=data_home)
    chosen = rng.choice(len(pages.images), 50, replace=False)
    whole = [to_bytes(read_image(pages.images[i])) for i in chosen]
    report("pages of IAM", inked(whole), references[: len(whole)], chosen, comparer)


if __name__ == "__main__":
    main()
