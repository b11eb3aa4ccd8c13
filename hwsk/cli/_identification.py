"""Define `hwsk identify`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

import hwsk
from hwsk.cli._app import error_line, show_name
from hwsk.cli._common import (
    Number,
    echo_inputs,
    for_each_image,
    json_option,
    last_step,
    list_images,
    load_model,
    models_for,
    report_bad,
    to_json,
)

_KNOWN_WRITERS, _COMPARER = "iam-writers", "iam-comparer"


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--known",
    type=click.Path(path_type=Path),
    help="A folder with a folder of images for each known writer.",
)
@click.option(
    "-m",
    "--model",
    help=f"A pretrained model ({', '.join(models_for('identify'))}; with --known "
    f"{', '.join(models_for('compare'))}), or a file. By default {_KNOWN_WRITERS}, with --known "
    f"{_COMPARER}.",
)
@click.option(
    "--top",
    type=click.IntRange(1),
    default=3,
    show_default=True,
    help="How many writers to name.",
)
@click.option("--pool", is_flag=True, help="Judge all images together, as lines of one page.")
@click.option("--pages", is_flag=True, help="With --known: images are pages; cut their lines.")
@click.option(
    "--prior",
    type=Number(0, 1, min_open=True, max_open=True),
    help="With --known: probability beforehand that one of them wrote it; 0.5.",
)
@json_option
def identify(
    images: tuple[str, ...],
    known: Path | None,
    model: str | None,
    top: int,
    pool: bool,
    pages: bool,
    prior: float | None,
    as_json: bool,
) -> None:
    """Identify the writer of each image among those the model knows, or among yours.

    Prints path, tab, writers and their probabilities. Without --known, a writer whom the model does
    not know is taken for one of those it knows. With --known FOLDER, the writers are those of
    FOLDER/WRITER/, and "none of these" has a probability, too; an IMAGE may then also be a folder
    of images by one writer. The model is a HandComparer; images that it is not calibrated for get
    no result, but are named, and the exit code is 1.
    """
    bad: list[str] = []
    if known is None:
        if pages or prior is not None:
            raise click.UsageError(f"{'--pages' if pages else '--prior'} goes with --known")
        records = _among_classes(images, model or _KNOWN_WRITERS, top, pool, bad)
    else:
        options = (top, pool, pages, 0.5 if prior is None else prior)
        records = _among_known(images, known, model or _COMPARER, options, bad)
    if as_json:
        click.echo(to_json(records))
    else:
        for record in records:
            if record.get("doubts"):
                click.echo(f"{show_name(record['path'])}\tno result, the calibration does not hold")
                continue
            found = [(of["probability"], of["writer"]) for of in record["writers"]]
            if "none_probability" in record:
                found.append((record["none_probability"], "none of these"))
                found.sort(key=lambda pair: -pair[0])
            names = [f"{show_name(name)} {probability:.3f}" for probability, name in found]
            click.echo(f"{show_name(record['path'])}\t{', '.join(names)}")
    report_bad(bad, len(images))
    if any(record.get("doubts") for record in records):
        echo_inputs("compare", model or _COMPARER)
        raise click.exceptions.Exit(1)


def _among_classes(
    images: Sequence[str], model: str, top: int, pool: bool, bad: list[str]
) -> list[dict[str, Any]]:
    """Identify by a classifier of the writers that it has learnt."""
    classifier = load_model(model, "identify")
    classes = last_step(classifier).classes_
    if pool:
        good = [path for path, _ in for_each_image(lambda paths: paths, images, bad)]
        rows = classifier.predict_log_proba(good, pages=["one page"] * len(good)) if good else []
        found = [(" + ".join(good), rows[0])] if good else []
    else:
        found = list(for_each_image(classifier.predict_log_proba, images, bad))
    records: list[dict[str, Any]] = []
    for path, log_proba in found:
        best = np.argsort(-log_proba, kind="stable")[:top]
        writers = [{"writer": classes[i], "probability": np.exp(log_proba[i])} for i in best]
        records.append({"path": path, "writers": writers})
    return records


def _among_known(
    images: Sequence[str],
    folder: Path,
    model: str,
    options: tuple[int, bool, bool, float],
    bad: list[str],
) -> list[dict[str, Any]]:
    """Identify by comparison with the images of known writers."""
    from hwsk.verification._candidates import refuse_copies

    top, pool, pages, prior = options
    files = _known_files(folder)
    comparer = load_model(model, "compare")
    refuse_copies([("", []), *((f"writer {name!r}", paths) for name, paths in files.items())])
    known = {name: _samples(paths, pages) for name, paths in files.items()}
    questions = [(name, list_images(name)) for name in images]
    if pool:
        questions = [(" + ".join(images), [path for _, paths in questions for path in paths])]
    records: list[dict[str, Any]] = []
    for name, paths in questions:
        try:
            if pages:  # lines that are cut from copies have no names
                sides = ((f"writer {known!r}", of_known) for known, of_known in files.items())
                refuse_copies([("the questioned", paths), *sides])
            found = comparer.identify(_samples(paths, pages), known, prior=prior)
        except (OSError, ValueError) as error:
            bad.append(error_line(error))
            continue
        best = found.ranking.head(top).reset_index()
        columns = ["writer", "probability", "log_likelihood_ratio", "n_images"]
        records.append(
            {
                "path": name,
                "writers": best[columns].to_dict("records"),
                "none_probability": found.none_probability,
                "log_likelihood_ratio": found.log_likelihood_ratio,
                "prior": prior,
                "doubts": list(found.doubts),
            }
        )
    return records


def _known_files(folder: Path) -> dict[str, list[str]]:
    """List the images of each known writer: those of the folders in a folder."""
    from hwsk.datasets._data_home import IMAGE_SUFFIXES, walk_files

    if not folder.is_dir():
        raise ValueError(f"{show_name(folder)} is not a folder of known writers")
    layout = "put the images of each writer into a folder of their own, such as "
    layout += show_name(folder / "Ada" / "1.png")
    shown = [path for path in folder.iterdir() if not path.name.startswith(".")]
    writers = sorted(path for path in shown if path.is_dir())
    beside = [path for path in shown if path.suffix.lower() in IMAGE_SUFFIXES]
    if beside:
        raise ValueError(f"whose is {show_name(min(beside))}? {layout}")
    files = {
        path.name: [str(file) for file in walk_files(path, IMAGE_SUFFIXES)] for path in writers
    }
    empty = [name for name, paths in files.items() if not paths]
    if empty or not files:
        where = folder / empty[0] if empty else folder
        raise ValueError(f"the folder {show_name(where)} holds no image; {layout}")
    return files


def _samples(paths: Sequence[str], pages: bool) -> list[Any]:
    """Take images of lines, or cut the lines of pages."""
    from hwsk._data.decoding import read_image
    from hwsk._data.lines import PAGE_LINES, count_lines

    if pages:
        return _cut(paths)
    for path in paths:
        if (lines := count_lines(read_image(path))) >= PAGE_LINES:
            raise ValueError(
                f"{show_name(path)} looks like a page of {lines} lines, where one line or word is "
                "expected; --pages cuts the lines of pages"
            )
    return list(paths)


def _cut(paths: Sequence[str]) -> list[Any]:
    """Cut the lines of pages that `page-lines` finds."""
    from hwsk.documents import cut_lines

    cut: list[Any] = []
    for path, lines in zip(paths, hwsk.load("page-lines").predict(list(paths)), strict=True):
        if not lines:
            raise ValueError(f"no line is found on the page {show_name(path)}")
        cut += cut_lines(path, lines)
    return cut
