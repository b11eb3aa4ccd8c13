"""Define `hwsk read`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import click

import hwsk
from hwsk._files import write_file
from hwsk._wording import count
from hwsk.cli._app import error_line, show_name
from hwsk.cli._common import (
    Number,
    force_option,
    load_model,
    make_folder,
    model_option,
)

_SUFFIXES = {
    "txt": ".txt",
    "json": ".json",
    "hocr": ".hocr",
    "alto": ".alto.xml",
    "page": ".page.xml",
    "pdf": ".pdf",
}
_XML = ("hocr", "alto", "page")  # one document a page: those of several can't be printed


@click.command()
@click.argument("pages", nargs=-1, required=True, metavar="PAGE...")
@click.option(
    "-f",
    "--format",
    "layout",
    type=click.Choice(list(_SUFFIXES)),
    default="txt",
    show_default=True,
    help="Plain text, JSON, hOCR, ALTO, PAGE XML, or a searchable PDF.",
)
@click.option(
    "-o",
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for a file for each page. Default: print; JSON as one line for each page.",
)
@model_option("read", "english-pages")
@click.option(
    "--doubtful",
    type=Number(0, 1),
    metavar="P",
    help="In plain text, mark words that hold a character of a lower probability: word[?].",
)
@click.option(
    "--dpi",
    type=Number(1, 10_000),
    default=300.0,
    show_default=True,
    help="Pixels per inch at which pages of a PDF are drawn.",
)
@force_option
def read(
    pages: tuple[str, ...],
    layout: str,
    output: Path | None,
    model: str,
    doubtful: float | None,
    dpi: float,
    force: bool,
) -> None:
    """Read whole pages: find their lines and recognize them.

    PAGE is an image, a TIFF or PDF with any number of pages, or a folder of those. With a model
    that recognizes lines, such as latin-lines or your own, page-lines finds the lines.

    A page that can't be read does not keep the others from it: it is named at the end, on standard
    error, and the exit code is 1. So are pages on which most lines are in doubt, like photographs,
    and pages in another language or script; their text is written nevertheless. Pages without a
    handwritten line are named, too.
    """
    if layout == "pdf" and output is None:
        raise click.UsageError("a PDF is not printed: name a folder for it (-o)")
    if doubtful is not None and layout != "txt":
        raise click.UsageError(
            f"--doubtful marks plain text; {layout} holds the probabilities themselves"
        )
    from hwsk.documents._images import iterate_items
    from hwsk.documents._reader import DOUBTS, PageRemarks

    names = [name for page in pages for _, name in iterate_items(page)]
    inputs = set(map(os.path.realpath, names))
    prints_xml = output is None and layout in _XML
    if prints_xml:
        _check_single(layout, len(names), names)
    reader = _load_reader(model)
    if output is not None:
        make_folder(output)
    bad: list[str] = []
    doubted: list[str] = []
    remarks = PageRemarks()
    written: set[Path] = set()
    hidden = output is None or not sys.stderr.isatty()
    bar: Any = nullcontext(pages) if hidden else click.progressbar(pages, file=sys.stderr)
    with bar as sources:
        for source in sources:
            try:
                for page, image, said in _read_source(reader, source, dpi, bad):
                    if prints_xml:
                        _check_single(layout, image.count, [image.path])
                    doubt = [remark for remark in said if remark in DOUBTS]
                    doubted += [f"{show_name(image.name)}: {remark}" for remark in doubt]
                    said = [remark for remark in said if remark not in DOUBTS]
                    remarks.add(show_name(image.name), said)
                    if output is None:
                        click.echo(_as_printed(page, layout, doubtful))
                        continue
                    number = f"-{image.number:03}" if image.count > 1 else ""
                    target = output / (Path(image.path).stem + number + _SUFFIXES[layout])
                    if target in written or (target.exists() and not force):
                        raise ValueError(
                            f"{show_name(target)} is there already; --force overwrites files of "
                            "former runs, and pages of one name need folders of their own"
                        )
                    if os.path.realpath(target) in inputs:
                        raise ValueError(
                            f"{show_name(target)} is an input: it would be overwritten; name "
                            "another folder (-o)"
                        )
                    written.add(target)
                    _write(target, page, image, layout, doubtful)
            except BrokenPipeError:  # nobody reads on, such as `head`
                raise
            except (OSError, ValueError) as error:
                bad.append(error_line(error))
    for message in remarks.messages():
        click.echo(f"Warning: {message}", err=True)
    for message in doubted + bad:
        click.echo(f"Error: {message}", err=True)
    if doubted:
        click.echo(f"{count(len(doubted), 'page')} in doubt", err=True)
    if bad:
        items = count(len(bad), "file or page", "files or pages")
        click.echo(f"{items} could not be read or written", err=True)
    if doubted or bad:
        raise click.exceptions.Exit(1)


def _check_single(layout: str, n_pages: int, names: list[str]) -> None:
    """Refuse to print XML of several pages, which no program takes for one document."""
    if n_pages > 1:
        first = show_name(names[0]) + ", ..." * (len(names) > 1)
        raise click.UsageError(
            f"-f {layout} prints a single page, and there are {n_pages} ({first}): name a folder "
            "for a file for each (-o)"
        )


def _load_reader(model: str) -> Any:
    from hwsk.documents import PageReader

    reader = load_model(model, "read", also="CTCRecognizer")
    if isinstance(reader, PageReader):
        return reader
    return PageReader(hwsk.load("page-lines"), reader)


def _read_source(
    reader: Any, source: str, dpi: float, bad: list[str]
) -> Iterator[tuple[Any, Any, list[str]]]:
    """Yield pages with image and remarks; what can't be read is entered in `bad`."""
    from hwsk.documents._images import iterate_pages

    held: list[Any] = []

    def images() -> Iterator[Any]:
        for image in iterate_pages(source, dpi, bad):
            held.append(image)
            yield image

    for page, said in reader._read_each(images()):
        yield page, held.pop(0), said


def _as_text(page: Any, layout: str, doubtful: float | None) -> str:
    """Return the content of a file of a page."""
    if layout == "txt":
        return page.to_text() if doubtful is None else _marked(page, doubtful)
    made: str = getattr(page, {"page": "to_page_xml"}.get(layout, f"to_{layout}"))()
    return made


def _as_printed(page: Any, layout: str, doubtful: float | None) -> str:
    """The same as it is printed: JSON in one line, so that several pages are JSON Lines."""
    if layout == "json":
        line: str = page.to_json(indent=None)
        return line
    return _as_text(page, layout, doubtful)


def _marked(page: Any, doubtful: float) -> str:
    """Return the text of a page with doubtful words marked."""
    rows = []
    for line in page.lines:
        words = []
        for word in line.words:
            least = min((c.confidence for c in word.characters), default=word.confidence)
            words.append(word.text + "[?]" * (least < doubtful))
        rows.append(" ".join(words))
    return "\n".join(rows)


def _write(target: Path, page: Any, image: Any, layout: str, doubtful: float | None) -> None:
    if layout == "pdf":
        from hwsk.documents import save_pdf

        save_pdf(target, [page], [image])
        return
    write_file(target, _as_text(page, layout, doubtful) + "\n")
