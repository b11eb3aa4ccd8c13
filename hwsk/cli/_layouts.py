"""Read data sets by the name of their layout, as samples with labels and writers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from inspect import signature
from pathlib import Path
from typing import Any

import click
import numpy as np

from hwsk._wording import count
from hwsk.cli._app import show_name

Rows = Any  # an array of row numbers


@dataclass(frozen=True)
class Samples:
    """Samples of a data set, row by row."""

    X: Any
    """Images (arrays or paths) or strokes."""
    text: Any = None
    writer: Any = None
    page: Any = None
    """What a split of one writer's samples must not divide."""
    hand: Any = None
    """Who held the pen, where forgeries are among the samples."""
    forged: Any = None
    features: Any = None
    """DataFrame of named features."""

    def __len__(self) -> int:
        return len(self.X)

    @property
    def are_strokes(self) -> bool:
        """Whether the samples are pen strokes; otherwise they are images."""
        return len(self) > 0 and np.ndim(self.X[0]) == 2 and np.shape(self.X[0])[1] == 3

    def take(self, rows: Rows) -> Samples:
        """Return some of the rows."""
        chosen = {}
        for name, value in vars(self).items():
            if value is not None:
                chosen[name] = value.iloc[rows] if hasattr(value, "iloc") else value[rows]
        return replace(self, **chosen)


@dataclass(frozen=True)
class Layout:
    """How a data set lies in files."""

    what: str
    loader: str
    license: str
    source: str
    files: str
    """How it lies in files."""
    read: Callable[[Any], Samples] = field(repr=False)
    """Make samples of what the loader gives."""
    options: dict[str, Any] = field(default_factory=dict)


def _complete(name: str, labels: Any) -> Any:
    """Return labels if every sample has one, otherwise None; warn if some have."""
    if labels is None or all(labels):
        return labels
    if any(labels):
        n_missing = sum(not label for label in labels)
        warnings.warn(
            f"{name} is not given for {n_missing} of {count(len(labels), 'sample')}, so it is used "
            "for none: fill the gaps, or leave these samples out",
            stacklevel=1,
        )
    return None


def _labelled(bunch: Any) -> Samples:
    page = bunch.get("form", bunch.get("page"))
    writer = _complete("writer", bunch.get("writer"))
    return Samples(bunch.images, bunch.get("text"), writer, page)


def _signatures(bunch: Any) -> Samples:
    return Samples(bunch.images, writer=bunch.writer, hand=bunch.hand, forged=bunch.forged)


def _words(bunch: Any) -> Samples:
    return Samples(bunch.images, None, bunch.writer, bunch.page, features=bunch.features)


def _strokes(bunch: Any) -> Samples:
    return Samples(bunch.strokes, bunch.text, _complete("writer", bunch.writer), bunch.form)


def _sketches(bunch: Any) -> Samples:
    return Samples(bunch.strokes)


def _pages(bunch: Any) -> Samples:
    return Samples(bunch.lines, bunch.text, page=bunch.page)


def _own(bunch: Any) -> Samples:
    return Samples(**bunch)


_OWN = "yours"
LAYOUTS = {
    "lines": Layout(
        "your own lines with transcripts",
        "load_lines",
        _OWN,
        "",
        "a1.png with a1.gt.txt; or a CSV: path, text, writer",
        _labelled,
    ),
    "pages": Layout(
        "your own pages (PAGE, ALTO)", "load_pages", _OWN, "", "p1.jpg with p1.xml", _pages
    ),
    "table": Layout(
        "your own images or pen strokes with labels",
        "load_table",
        _OWN,
        "",
        "a CSV: path; text, writer, page, any features",
        _own,
    ),
    "iam": Layout(
        "IAM lines",
        "load_iam",
        "research use",
        "fki.tic.heia-fr.ch/databases",
        "lines.tgz, ascii.tgz",
        _labelled,
    ),
    "iam-words": Layout(
        "IAM words",
        "load_iam",
        "research use",
        "fki.tic.heia-fr.ch/databases",
        "words.tgz, ascii.tgz",
        _labelled,
        {"level": "word"},
    ),
    "iam-online": Layout(
        "IAM-OnDB, pen strokes",
        "load_iam_online",
        "research use",
        "fki.tic.heia-fr.ch/databases",
        "lineStrokes-all.tar.gz, ascii-all.tar.gz, task1/",
        _strokes,
    ),
    "sketches": Layout(
        "drawings as pen strokes (sketch-rnn, Quick, Draw!)",
        "load_sketches",
        "by file",
        "github.com/googlecreativelab/quickdraw-dataset",
        "NAME.npz or NAME.ndjson",
        _sketches,
    ),
    "emnist": Layout(
        "EMNIST letters and digits",
        "load_emnist",
        "public",
        "nist.gov/itl/products-and-services/emnist-dataset",
        "gzip.zip, or its idx or csv files",
        _labelled,
    ),
    "mnist": Layout(
        "MNIST digits",
        "load_mnist",
        "public",
        "yann.lecun.com/exdb/mnist",
        "train-images-idx3-ubyte.gz and three more",
        _labelled,
    ),
    "and": Layout(
        'CEDAR words "and" with 15 features',
        "load_cedar_and",
        "research use",
        "cedar.buffalo.edu",
        "images.tgz (0001a_num1.png), 15features.csv, splits/",
        _words,
        {"partition": None},
    ),
    "cedar": Layout(
        "CEDAR signatures and forgeries",
        "load_cedar_signatures",
        "research use",
        "cedar.buffalo.edu/NIJ",
        "full_org/original_1_1.png, full_forg/forgeries_1_1.png",
        _signatures,
    ),
    "bhsig260": Layout(
        "Bengali and Hindi signatures and forgeries",
        "load_bhsig260",
        "research use",
        "drive.google.com/file/d/0B29vNACcjvzVc1RfVkg5dUh2b1E",
        "Bengali/001/B-S-1-G-01.tif, Hindi/001/H-S-1-F-01.tif",
        _signatures,
    ),
}
"""The layouts that commands read, by name."""


def read_samples(layout: str, path: str, job: str = "") -> Samples:
    """Read a data set.

    Parameters
    ----------
    layout : str
        Its name, and after a colon a part of it, such as "emnist:test".
    path : str
        The folder, archive or table.
    job : str, default=""
        What the samples are for. Strokes to recognize keep their units: a dot or a dash has no size
        of letters. Strokes to write from come in the size of IAM-OnDB.

    Raises
    ------
    ValueError
        If the layout has no such part, or the data can't be read.
    """
    from hwsk import datasets

    name, _, subset = layout.partition(":")
    if name not in LAYOUTS:
        raise click.BadParameter(
            f"no layout is called {name!r}; the layouts: {', '.join(LAYOUTS)}",
            param_hint="layout",
        )
    chosen = LAYOUTS[name]
    loader = load_table if name == "table" else getattr(datasets, chosen.loader)
    options = dict(chosen.options)
    if name == "table" and job == "ink":
        options["x_height"] = None
    if subset:
        if "subset" not in signature(loader).parameters:
            raise click.BadParameter(f"{name} has no parts", param_hint="layout")
        options["subset"] = subset
        if name == "and":
            options["partition"] = "unseen"
    elif name == "and":
        options["subset"] = "all"
    return chosen.read(loader(path, **options))


def load_table(path: str, x_height: float | None = 115.0) -> dict[str, Any]:
    """Read a CSV of images or strokes with labels.

    The column `path` counts from the folder of the table. The columns `text`, `writer` and `page`
    mean what they say; all others are named features, empty where nobody has described a sample. A
    column without a name, such as the row numbers that pandas writes, is left out.
    `x_height` is that of `load_strokes`.
    """
    import pandas as pd

    from hwsk._data.images import object_array
    from hwsk.datasets import load_strokes
    from hwsk.datasets._data_home import find_listed, find_written, read_table
    from hwsk.datasets._usable import keep_usable

    table = find_written(Path(path).expanduser().absolute())
    if not table.is_file():
        raise FileNotFoundError(
            f"{show_name(table)} is not a file; expected a CSV with a column path"
        )
    known = ["path", "text", "writer", "page"]
    numbered = read_table(table, ["path"], optional=known[1:], paths=["path"])
    if not numbered:
        raise ValueError(f"{table} has a header and no rows")
    paths = []
    for number, row in numbered:
        file = find_listed(table, row["path"])
        if file is None:
            raise FileNotFoundError(
                f"{table}, line {number}: there is no {row['path']!r}; paths count from "
                f"{table.parent}"
            )
        paths.append(str(file))
    rows = [{name: " ".join(row[name].split()) for name in row if name} for _, row in numbered]
    if all(Path(name).suffix.lower() in (".svg", ".inkml", ".json") for name in paths):
        X: Any = object_array([load_strokes(name, x_height=x_height) for name in paths])
    else:
        rows, images = keep_usable(rows, paths, False, "warn")
        X = object_array(images)
    columns = pd.DataFrame(rows)
    found: dict[str, Any] = {"X": X}
    for name in known[1:]:
        if name in columns:
            found[name] = _complete(name, columns[name].to_numpy(object))
    features = columns.drop(columns=known, errors="ignore")
    if len(features.columns):
        found["features"] = features.replace("", None)
    return found
