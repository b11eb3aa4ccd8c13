"""Define the command line: `hwsk demo`, `hwsk recognize`, `hwsk info`."""

from __future__ import annotations

import csv
import io
import json
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
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
@click.option(
    "--json",
    "layout",
    flag_value="json",
    help="Print a JSON list: path, text, and where each word and character stands and how sure.",
)
@click.option("--csv", "layout", flag_value="csv", help="Print CSV with a header.")
def recognize(model: Path, images: tuple[str, ...], layout: str | None) -> None:
    """Read images of lines.

    Prints path, tab, text for each.

    An image that can't be read does not keep the others from it: it is named at the end, on
    standard error, and the exit code is 1. Images that don't look like one upright line of text,
    and readings in doubt, are named on standard error, too.
    """
    from sklearn.utils.validation import check_is_fitted

    recognizer = hwsk.load(model)
    if not hasattr(recognizer, "predict"):
        raise ValueError(f"{model} holds a {type(recognizer).__name__}, which reads nothing")
    check_is_fitted(recognizer)
    bad: list[str] = []
    if layout == "json":
        click.echo(_as_json(_read(_detailed(recognizer), images, bad)))
    else:
        if layout == "csv":
            click.echo("path,text")
        for path, text in _read(recognizer.predict, images, bad):
            click.echo(_csv_row(path, str(text)) if layout == "csv" else f"{path}\t{text}")
    for message in bad:
        click.echo(f"Error: {message}", err=True)
    if bad:
        click.echo(f"{len(bad)} of {len(images)} images could not be read", err=True)
        sys.exit(1)


@main.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("text", required=False)
@click.option(
    "-o", "--output", required=True, help="A .svg, .png, .gif or .inkml file; or a folder."
)
@click.option(
    "--lines",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Instead of TEXT: write each line of this file as an image, with a table of all.",
)
@click.option("--bias", type=float, help="How neatly: 0 as people do, 1 tidily.")
@click.option("--seed", type=int, help="The same seed, the same writing.")
@click.option(
    "--hand",
    type=(click.Path(), str),
    metavar="FILE SAYS",
    help="Write in the hand of a line in a .svg or .inkml file; and what that line says.",
)
@click.option("--reader", default="iam-lines", help="The model that must recognize each word.")
@click.option("--unchecked", is_flag=True, help="Write once, and check nothing.")
@click.option("--replace", is_flag=True, help="Replace characters that can't be written: é by e.")
def write(
    model: Path,
    text: str | None,
    output: str,
    lines: Path | None,
    bias: float | None,
    seed: int | None,
    hand: tuple[str, str] | None,
    reader: str,
    unchecked: bool,
    replace: bool,
) -> None:
    """Write TEXT by hand, on A4 sheets.

    "-" reads the text from standard input. Each word is written again until the reader recognizes
    it; if that does not help, nothing is saved, the words are named, and the exit code is 1.

    With --lines, the folder OUTPUT gets an image of each line, and lines.csv with their paths and
    texts. Lines with a word that is not recognized are left out and named, and the exit code is 1.
    """
    from hwsk.datasets import load_strokes
    from hwsk.writing import write as write_page
    from hwsk.writing import write_folder

    if (text is None) == (lines is None):
        raise click.UsageError("give either TEXT or --lines FILE")

    synthesizer = hwsk.load(model)
    if not hasattr(synthesizer, "sample") or not hasattr(synthesizer, "alphabet_"):
        raise ValueError(f"{model} holds a {type(synthesizer).__name__}, which writes no text")
    options: dict[str, Any] = {
        "reader": None if unchecked else reader,
        "prime": None if hand is None else (load_strokes(hand[0]), hand[1]),
        "bias": bias,
        "unsupported": "replace" if replace else "error",
        "random_state": seed,
        "verbose": sys.stderr.isatty(),
    }
    if lines is not None:
        texts = [line for line in lines.read_text("utf-8").splitlines() if line.strip()]
        legibility = write_folder(texts, output, synthesizer, **options)
        click.echo(Path(output) / "lines.csv")
    else:
        text = sys.stdin.read() if text == "-" else text
        sheets = write_page(text, synthesizer, **options)
        legibility = sheets.legibility
        for file in sheets.save(output):
            click.echo(file)
    if legibility is not None:
        click.echo(legibility, err=True)


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
        click.echo(f"characters: {alphabet!r}")
    click.echo("parameters:")
    for name, value in estimator.get_params().items():
        if isinstance(value, BaseEstimator) and value.get_params():
            click.echo(f"  {name}: {type(value).__name__}")
        elif name not in ("steps", "transformers"):
            click.echo(f"  {name}: {value!r}")


def _detailed(recognizer: Any) -> Callable[[Any], list[dict[str, Any]]]:
    """A function that reads images and gives records: with details, where the model has them."""
    from sklearn.pipeline import Pipeline

    from hwsk.recognition import predict_details

    last = recognizer[-1] if isinstance(recognizer, Pipeline) else recognizer
    if hasattr(last, "predict_details"):
        return lambda images: predict_details(recognizer, images)
    return lambda images: [{"text": str(text)} for text in recognizer.predict(images)]


def _as_json(readings: Iterator[tuple[str, dict[str, Any]]]) -> str:
    found = [{"path": path, **record} for path, record in readings]
    short = json.loads(json.dumps(found), parse_float=lambda digits: round(float(digits), 4))
    return json.dumps(short, ensure_ascii=False, indent=1)


def _read(
    read: Callable[[Any], Any], paths: Sequence[str], bad: list[str]
) -> Iterator[tuple[str, Any]]:
    """Yield path and what `read` gives; what is wrong with an image is added to `bad`."""
    from hwsk._data.decoding import decode

    for start in range(0, len(paths), BATCH):
        good = []
        for path in paths[start : start + BATCH]:
            try:
                decode(path)  # once more in `read`, which names files in its warnings
                good.append(path)
            except (OSError, ValueError) as error:
                bad.append(_message(error))
        if good:
            try:
                yield from zip(good, _read_aloud(read, good), strict=True)
            except ValueError:
                yield from _read_singly(read, good, bad)


def _read_singly(
    read: Callable[[Any], Any], paths: Sequence[str], bad: list[str]
) -> Iterator[tuple[str, Any]]:
    """As `_read`, where an image can be decoded but the model can't take it."""
    for path in paths:
        try:
            yield path, _read_aloud(read, [path])[0]
        except ValueError as error:
            bad.append(_message(error))


def _read_aloud(read: Callable[[Any], Any], paths: Sequence[str]) -> Any:
    """Return what `read` gives; warnings become lines on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        result = read(paths)
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            click.echo(f"Warning: {warning.message}", err=True)
    return result


def _message(error: Exception) -> str:
    """An error in one line."""
    if isinstance(error, FileNotFoundError) and error.filename is not None:
        return f"no such file: {error.filename}"
    return " ".join(str(error).split())


def _csv_row(*cells: str) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(cells)
    return row.getvalue()
