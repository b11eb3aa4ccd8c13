"""Define `hwsk data`."""

from __future__ import annotations

import csv
import io
import warnings
from pathlib import Path
from typing import Any

import click
import numpy as np

from hwsk._files import read_file, replaced, write_file
from hwsk._wording import count
from hwsk.cli._app import error_line, show_name
from hwsk.cli._common import (
    check_folder,
    echo_table,
    force_option,
    json_option,
    refuse_inputs,
    to_json,
)
from hwsk.cli._layouts import LAYOUTS, Samples, read_samples

layout_argument = click.argument("layout", metavar="LAYOUT")


@click.group()
def data() -> None:
    """List layouts of data sets, check and convert data."""


@data.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the layouts that commands read: name, content, terms, source.

    A part of a data set follows its name after a colon, such as emnist:test or iam-online:train.
    """
    if as_json:
        shown = ("what", "loader", "files", "license", "source")
        records = [
            {"layout": name, **{key: getattr(layout, key) for key in shown}}
            for name, layout in LAYOUTS.items()
        ]
        click.echo(to_json(records))
        return
    echo_table(
        f"{'LAYOUT':12}{'CONTENT':54}{'TERMS':14}SOURCE",
        (
            f"{name:12}{layout.what:54}{layout.license:14}{layout.source}".rstrip()
            for name, layout in LAYOUTS.items()
        ),
    )


@data.command("check")
@layout_argument
@click.argument("path", type=click.Path())
@json_option
def check(layout: str, path: str, as_json: bool) -> None:
    """Read a data set in an official LAYOUT, or your own, and every image in it.

    Prints how much there is. Samples that are left out are counted on standard error; if an image
    can't be decoded, it is named, and the exit code is 1.
    """
    from hwsk.datasets._usable import UnusableImagesWarning

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        samples = read_samples(layout, path)
    found = summarize(samples)
    bad = _damaged(samples)
    for warning in said:
        if issubclass(warning.category, UnusableImagesWarning):
            bad.append(str(warning.message))
        else:
            warnings.warn(warning.message, stacklevel=1)
    if as_json:
        click.echo(to_json({**found, "damaged": bad}))
    else:
        for name, value in found.items():
            if name == "characters":
                value = f"{len(value)}: {value}"
            elif name == "features":
                value = ", ".join(value)
            click.echo(f"{name}: {value}")
    for message in bad:
        click.echo(f"Error: {message}", err=True)
    if bad:
        raise click.exceptions.Exit(1)


@data.command("convert")
@layout_argument
@click.argument("path", type=click.Path())
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, help="The new folder."
)
@force_option
def convert(layout: str, path: str, output: Path, force: bool) -> None:
    """Convert a data set of images to a folder of images and a CSV: path, text, writer, page.

    The table is in the layouts `lines` (where there is text) and `table`. Image files are copied as
    they are, and arrays are written as PNG. The folder must not hold data.csv or images yet; with
    --force both may be there, but files that are read are never overwritten, and nothing is
    written into the folder that is read.
    """
    import cv2

    check_folder(output)
    if Path(path).resolve() in (output.resolve(), *output.resolve().parents):
        raise click.BadParameter(
            f"{show_name(output)} is in the folder that is read, where copies would be read next "
            "time; name a folder outside",
            param_hint="-o",
        )
    table = output / "data.csv"
    if table.exists() and not force:
        raise click.BadParameter(
            f"{show_name(table)} is there already; --force overwrites it", param_hint="-o"
        )
    images = output / "images"
    if not force and images.is_dir() and any(images.iterdir()):
        raise click.BadParameter(
            f"the folder {show_name(images)} is not empty; --force overwrites files in it",
            param_hint="-o",
        )
    samples = read_samples(layout, path)
    if samples.are_strokes:
        raise click.BadParameter("pen strokes can't be converted, images can", param_hint="LAYOUT")
    sources = [image if isinstance(image, str | Path) else None for image in samples.X]
    names = [
        f"images/{i:06}{'.png' if source is None else Path(source).suffix}"
        for i, source in enumerate(sources)
    ]
    refuse_inputs(
        [table, *(output / name for name in names)],
        [path, *(source for source in sources if source is not None)],
    )
    labels = {
        name: column
        for name in ("text", "writer", "page")
        if (column := getattr(samples, name)) is not None
    }
    features = {} if samples.features is None else dict(samples.features.items())
    images.mkdir(parents=True, exist_ok=True)
    with replaced(table) as binary, io.TextIOWrapper(binary, "utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", *labels, *features])
        for i, (name, source) in enumerate(zip(names, sources, strict=True)):
            if source is None:
                content = cv2.imencode(".png", samples.X[i])[1].tobytes()
            else:
                content = read_file(source)
            write_file(output / name, content)
            described = [column.iloc[i] for column in features.values()]
            described = ["" if value != value or value is None else value for value in described]
            rows.writerow([name, *(column[i] for column in labels.values()), *described])
    click.echo(f"{show_name(table)}: {count(len(samples), 'sample')}")


def summarize(samples: Samples) -> dict[str, Any]:
    """Count what a data set holds."""
    found: dict[str, Any] = {"samples": len(samples)}
    if samples.writer is not None:
        found["writers"] = len(set(samples.writer))
    if samples.page is not None:
        found["pages"] = len(set(samples.page))
    if samples.forged is not None:
        found["forgeries"] = int(np.sum(samples.forged))
    if samples.text is not None:
        found["characters"] = "".join(sorted(set("".join(map(str, samples.text)))))
    if samples.features is not None:
        found["features"] = [str(name) for name in samples.features.columns]
    return found


def _damaged(samples: Samples) -> list[str]:
    """Return what is wrong with the image files that can't be decoded."""
    from hwsk._data.decoding import decode

    bad = []
    for image in samples.X:
        if isinstance(image, str):
            try:
                decode(image)
            except (OSError, ValueError) as error:
                bad.append(error_line(error))
    return bad
