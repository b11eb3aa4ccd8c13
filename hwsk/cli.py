"""The command line: `hwsk demo`, `hwsk recognize`, `hwsk info`."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

import hwsk

BATCH = 256  # images in memory at a time


class Commands(click.Group):
    """A group whose commands report what went wrong in one line, not in a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; errors of files, values and missing packages become messages."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):  # both are RuntimeErrors
            raise
        except (OSError, ValueError, TypeError, RuntimeError, ImportError) as error:
            if isinstance(error, BrokenPipeError):
                raise
            raise click.ClickException(_message(error)) from error


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(hwsk.__version__)
def main() -> None:
    """Read handwriting with models that hwsk.save wrote."""


@main.command()
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("hwsk_demo"),
    show_default=True,
    help="Folder for the pictures and the model.",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Seconds instead of minutes: it reads nothing then; checks the installation.",
)
def demo(output: Path, quick: bool) -> None:
    """Learn to read made handwriting, in minutes.

    Shows how well that went, and leaves a picture, a line and the model in a folder.
    """
    from hwsk._demo import run

    run(output, quick=quick, echo=click.echo)


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option("--json", "layout", flag_value="json", help="Print a JSON list of path and text.")
@click.option("--csv", "layout", flag_value="csv", help="Print CSV with a header.")
def recognize(model: Path, images: tuple[str, ...], layout: str | None) -> None:
    """Read images of lines.

    Prints path, tab, text for each.

    An image that can't be read does not keep the others from it: it is named at the end, on
    standard error, and the exit code is 1.
    """
    from sklearn.utils.validation import check_is_fitted

    recognizer = hwsk.load(model)
    if not hasattr(recognizer, "predict"):
        raise ValueError(f"{model} holds a {type(recognizer).__name__}, which reads nothing")
    check_is_fitted(recognizer)
    bad: list[str] = []
    readings = _read(recognizer, images, bad)
    if layout == "json":
        found = [{"path": path, "text": text} for path, text in readings]
        click.echo(json.dumps(found, ensure_ascii=False, indent=1))
    else:
        if layout == "csv":
            click.echo("path,text")
        for path, text in readings:
            click.echo(_csv_row(path, text) if layout == "csv" else f"{path}\t{text}")
    for message in bad:
        click.echo(f"Error: {message}", err=True)
    if bad:
        click.echo(f"{len(bad)} of {len(images)} images could not be read", err=True)
        sys.exit(1)


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
def info(model: Path) -> None:
    """Say what a model file holds.

    Prints its class, parameters, characters and versions.
    """
    from sklearn.base import BaseEstimator

    from hwsk.persistence import read_model

    content, arrays = read_model(model)
    estimator = hwsk.load(model)
    numbers = sum(array.size for array in arrays.values())
    versions = ", ".join(f"{name} {number}" for name, number in content["versions"].items())
    click.echo(f"{model}: {type(estimator).__name__}")
    click.echo(f"size: {model.stat().st_size / 1e6:.1f} MB, {numbers:,} numbers")
    click.echo(f"written by: {versions}")
    last = estimator[-1] if hasattr(estimator, "steps") else estimator
    if alphabet := getattr(last, "alphabet_", ""):
        click.echo(f"reads: {alphabet!r}")
    click.echo("parameters:")
    for name, value in estimator.get_params().items():
        if isinstance(value, BaseEstimator) and value.get_params():
            click.echo(f"  {name}: {type(value).__name__}")
        elif name not in ("steps", "transformers"):
            click.echo(f"  {name}: {value!r}")


def _read(recognizer: Any, paths: Sequence[str], bad: list[str]) -> Iterator[tuple[str, str]]:
    """Yield path and reading; what is wrong with an image is added to `bad`."""
    from hwsk._images import read_image

    for start in range(0, len(paths), BATCH):
        good, images = [], []
        for path in paths[start : start + BATCH]:
            try:
                images.append(read_image(path))
                good.append(path)
            except (OSError, ValueError) as error:
                bad.append(_message(error))
        if good:
            try:
                yield from zip(good, map(str, recognizer.predict(images)), strict=True)
            except ValueError:
                yield from _read_singly(recognizer, good, bad)


def _read_singly(
    recognizer: Any, paths: Sequence[str], bad: list[str]
) -> Iterator[tuple[str, str]]:
    """As `_read`, where an image can be decoded but the model can't take it."""
    for path in paths:
        try:
            yield path, str(recognizer.predict([path])[0])
        except ValueError as error:
            bad.append(_message(error))


def _message(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"no such file: {error.filename}"
    return " ".join(str(error).split())


def _csv_row(*cells: str) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(cells)
    return row.getvalue()
