"""Define `hwsk demo` and `hwsk recognize`."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from hwsk.cli._app import show_name
from hwsk.cli._common import Number, for_each_image, last_step, load_model, report_bad, to_json


@click.command()
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
    """Show what the pretrained models do, then train a recognizer.

    Takes some minutes; needs no data and no network. Leaves demo.html, with all results,
    and the pictures and the trained model in a folder.
    """
    from hwsk._demo import run

    run(output, quick=quick, echo=click.echo)


@click.command()
@click.argument("model")
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help="Print a JSON list: path, text, and where each word and character stands and how sure.",
)
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV with a header.")
@click.option(
    "--lm",
    type=click.Path(),
    help="A language model: english-lm, an ARPA file, or one that hwsk.save wrote.",
)
@click.option(
    "--lm-unit",
    type=click.Choice(["char", "word"]),
    default="char",
    show_default=True,
    help="What an ARPA file counts.",
)
@click.option("--lexicon", type=click.Path(), help="A file of the words there may be, one a line.")
@click.option(
    "--doubtful",
    type=Number(0, 1),
    metavar="P",
    help="Mark words that hold a character of a lower probability: word[?].",
)
def recognize(
    model: str,
    images: tuple[str, ...],
    as_json: bool,
    as_csv: bool,
    lm: str | None,
    lm_unit: str,
    lexicon: str | None,
    doubtful: float | None,
) -> None:
    """Recognize the text of line, word or character images, or of files of pen strokes.

    Prints path, tab, text for each. A model of pen strokes takes .inkml, .svg and .json files, one
    line of text each; all others take images.

    A file that can't be read does not keep the others from it: it is named at the end, on
    standard error, and the exit code is 1. Images that don't look like one upright line of text,
    and uncertain results, are named on standard error, too; `hwsk read` reads whole pages.
    """
    if as_json and as_csv:
        raise click.UsageError("give either --json or --csv")
    recognizer = load_model(model, "recognize")
    load = _load_ink if type(last_step(recognizer)).__name__ == "InkRecognizer" else None
    if lm is not None or lexicon is not None:
        _set_decoder(last_step(recognizer), lm, lm_unit, lexicon)
    bad: list[str] = []
    if as_json:
        found = for_each_image(_detailed(recognizer, doubtful), images, bad, load)
        records = [{"path": path, **record} for path, record in found]
        click.echo(to_json(records))
        if load is None:
            _point_to_read([record["path"] for record in records])
        report_bad(bad, len(images))
        return
    if as_csv:
        click.echo("path,text")
    recognized = []
    for path, text in for_each_image(_textual(recognizer, doubtful), images, bad, load):
        row = _csv_row(path, text) if as_csv else f"{show_name(path)}\t{text}"
        click.echo(row)
        recognized.append(path)
    if load is None:
        _point_to_read(recognized)
    report_bad(bad, len(images))


def _point_to_read(paths: Sequence[str]) -> None:
    """Name the command that finds the lines of pages, where an image has several."""
    from hwsk._data.decoding import decode
    from hwsk._data.lines import count_lines

    pages = [show_name(path) for path in paths if count_lines(decode(path).image) > 1]
    if pages:
        more = f" and {len(pages) - 1} more look" if len(pages) > 1 else " looks"
        click.echo(
            f"Hint: {pages[0]}{more} like several lines of text, and `hwsk recognize` takes one; "
            "`hwsk read` finds the lines of pages and recognizes them",
            err=True,
        )


def _load_ink(path: str) -> Any:
    """Load the strokes of a file, in its own unit: a dot or a dash has no size of letters."""
    from hwsk.datasets import load_strokes

    return load_strokes(path, x_height=None)


def _set_decoder(recognizer: Any, lm: str | None, unit: str, lexicon: str | None) -> None:
    """Make a recognizer decode with a language model, a lexicon, or both."""
    from hwsk.models._registry import registry
    from hwsk.recognition import CTCDecoder, NgramLanguageModel

    if not hasattr(recognizer, "decoder"):
        raise ValueError(
            "--lm and --lexicon are for a CTCRecognizer or InkRecognizer, and this is a "
            f"{type(recognizer).__name__}"
        )
    language_model, words = None, None
    if lm is not None and (Path(lm).suffix == ".hwsk" or lm in registry()):
        language_model = load_model(lm, "model language")
    elif lm is not None:
        language_model = NgramLanguageModel.read_arpa(lm, unit=unit)
    if lexicon is not None:
        words = _read_words(Path(lexicon))
    recognizer.set_params(decoder=CTCDecoder(language_model=language_model, lexicon=words))


def _read_words(file: Path) -> list[str]:
    """Read a lexicon: a word a line."""
    from hwsk.datasets._data_home import read_text_lines

    words = []
    for number, line in enumerate(read_text_lines(file), 1):
        if len(parts := line.split()) > 1:
            raise ValueError(
                f"{show_name(file)}, line {number}: {line.strip()!r} is more than one word; a "
                "lexicon has one a line"
            )
        words += parts
    if not words:
        raise ValueError(f"{show_name(file)} has no words; expected one a line")
    return words


def _textual(recognizer: Any, doubtful: float | None) -> Callable[[Any], list[str]]:
    """Return a function that gives the texts of images, doubtful words marked."""
    if doubtful is None:
        return lambda images: [str(text) for text in recognizer.predict(images)]
    detailed = _detailed(recognizer, doubtful)
    return lambda images: [
        " ".join(word["text"] + "[?]" * word["doubtful"] for word in record["words"])
        for record in detailed(images)
    ]


def _detailed(recognizer: Any, doubtful: float | None) -> Callable[[Any], list[dict[str, Any]]]:
    """Return a function that gives records of images: with details, where the model has them."""
    from hwsk.recognition import predict_details

    if not hasattr(last_step(recognizer), "predict_details"):
        if doubtful is not None:
            kind = type(last_step(recognizer)).__name__
            raise ValueError(f"--doubtful needs probabilities of words; a {kind} has none")
        return lambda images: [{"text": str(text)} for text in recognizer.predict(images)]

    def compute(images: Any) -> list[dict[str, Any]]:
        records: list[Any] = predict_details(recognizer, images)
        if doubtful is not None:
            for word in (word for record in records for word in record["words"]):
                word["doubtful"] = word["minimum"] < doubtful
        return records

    return compute


def _csv_row(*cells: str) -> str:
    row = io.StringIO()
    csv.writer(row, lineterminator="").writerow(cells)
    return row.getvalue()
