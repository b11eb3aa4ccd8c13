"""Define `hwsk write`."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
from pathlib import Path
from typing import Any

import click

from hwsk._warn import warn_caller
from hwsk.cli._app import show_name
from hwsk.cli._common import (
    Number,
    check_folder,
    check_output,
    force_option,
    load_model,
    refuse_inputs,
)

# Options that are called otherwise than the parameters of `write_folder`.
_OPTIONS = {
    "texts": "the lines",
    "synthesizer": "MODEL",
    "reader": "--reader or --unchecked",
    "prime": "--hand",
    "style": "--style",
    "candidates": "--candidates",
    "bias": "--bias",
    "random_state": "--seed",
    "version": "the version of hwsk",
}


@click.command()
@click.argument("model")
@click.argument("text", required=False)
@click.option(
    "-o", "--output", required=True, help="A .svg, .pdf, .png, .gif or .inkml file; or a folder."
)
@click.option(
    "--lines",
    type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    help="Instead of TEXT: write each line of this file (- for standard input) as an image, with a "
    "table of all.",
)
@click.option("--bias", type=Number(0, 100), help="How neatly: 0 as people do, 1 tidily.")
@click.option("--seed", type=click.IntRange(0, 2**32 - 1), help="The same seed, the same writing.")
@click.option("--n-jobs", type=int, help="Of --lines: processes that write; -1 for all cores.")
@click.option(
    "--hand",
    type=(click.Path(), str),
    metavar="FILE TEXT",
    help="Write in the hand of a line in a .svg, .inkml or .json file; and the text of that line.",
)
@click.option(
    "--style",
    metavar="NUMBER|FILE",
    help="Write in a hand that the model knows by number, or in that of such a file.",
)
@click.option(
    "--candidates",
    type=click.IntRange(1),
    help="Sample each line so often, and take what is most like the hand; 1.",
)
@click.option("--size", type=click.Choice(["a4", "a5", "letter"]), help="Of a sheet; A4.")
@click.option(
    "--margin",
    type=Number(0),
    nargs=4,
    metavar="TOP RIGHT BOTTOM LEFT",
    help="Millimetres around the text; 20.",
)
@click.option("--letterhead", type=Number(0), help="Millimetres more, on the first sheet.")
@click.option("--columns", type=click.IntRange(1, 20), help="Columns of a sheet.")
@click.option(
    "--ruling", type=click.Choice(["none", "lined", "squared"]), help="Lines on the paper."
)
@click.option("--x-height", type=Number(0, min_open=True), help="Of an x, in millimetres; 2.5.")
@click.option("--pressure", type=Number(0, 1), help="How much the width of the ink varies.")
@click.option("--ink", help="Colour of the ink, as in CSS.")
@click.option("--paper", help="Colour of the paper, as in CSS.")
@click.option("--plotter", is_flag=True, help="A .svg of bare strokes, for a pen plotter.")
@click.option(
    "--reader",
    multiple=True,
    help="A model that must recognize each word; may be given several times. iam-lines, ink-lines.",
)
@click.option("--unchecked", is_flag=True, help="Write once, and check nothing.")
@click.option(
    "--on-failure",
    type=click.Choice(["error", "warn"]),
    help="When words are not recognized in the end: save nothing, or warn and save their best "
    "samples; of --lines, exit with 1 or only warn. error.",
)
@click.option("--replace", is_flag=True, help="Replace characters that can't be written: é by e.")
@click.option("--resume", is_flag=True, help="Of --lines: go on with a run that was interrupted.")
@force_option
def write(
    model: str,
    text: str | None,
    output: str,
    lines: Path | None,
    bias: float | None,
    seed: int | None,
    n_jobs: int | None,
    hand: tuple[str, str] | None,
    style: str | None,
    candidates: int | None,
    plotter: bool,
    reader: tuple[str, ...],
    unchecked: bool,
    on_failure: str | None,
    replace: bool,
    resume: bool,
    force: bool,
    **layout: Any,
) -> None:
    """Write TEXT by hand, on sheets of paper.

    "-" reads the text from standard input. Of several sheets each gets a file of its own
    (letter-1.svg, letter-2.svg), except in a .pdf. Each word is written again until the reader
    recognizes it, up to 28 times, and then its capitals, digits and signs one by one, which takes
    some seconds a word; if that does not help, nothing is saved, the words are named, and the exit
    code is 1. A TEXT that begins with a dash follows "--".

    With --lines, the folder OUTPUT gets an image of each line, and lines.csv with their paths and
    texts. Lines with a word that is not recognized are left out and named, and the exit code is 1.
    Lines are saved 128 at a time, and lines.ckpt keeps the state until all are; interrupted, the
    same command with --resume goes on, and the folder ends as if nothing had happened.
    """
    from hwsk.writing import write as write_sheets
    from hwsk.writing._legibility import report_unread
    from hwsk.writing._sheets import SUFFIXES

    if (text is None) == (lines is None):
        raise click.UsageError("give either TEXT or --lines FILE")
    if hand is not None and style is not None:
        raise click.UsageError("--hand and --style both say which hand to write in: give one")
    if unchecked and (reader or on_failure is not None):
        given = "--reader" if reader else "--on-failure"
        raise click.UsageError(f"{given} is of words that are checked; --unchecked checks none")
    layout = {name: value for name, value in layout.items() if value is not None}
    if lines is not None and (layout or plotter or force):
        others = [*layout, *(["plotter"] if plotter else []), *(["force"] if force else [])]
        raise click.UsageError(
            f"--{others[0].replace('_', '-')} is of sheets; with --lines each line is an image"
        )
    if style is not None and candidates is not None:
        raise click.UsageError(
            "--candidates are compared with the line of a --hand; a --style has none"
        )
    if lines is None and n_jobs is not None:
        raise click.UsageError("--n-jobs is of --lines; sheets are written in one process")
    if lines is None and resume:
        raise click.UsageError("--resume is of --lines; sheets are saved at the end, or not at all")
    if lines is not None and candidates is not None and hand is None:
        raise click.UsageError("of --lines, --candidates are compared with a --hand: give one")
    target = Path(output)
    if lines is not None:
        _check_lines_folder(target, resume)
    if lines is None:
        if target.suffix.lower() not in SUFFIXES:
            raise click.BadParameter(
                f"{show_name(target)}: sheets are saved as {', '.join(SUFFIXES)}", param_hint="-o"
            )
        if plotter and target.suffix.lower() != ".svg":
            raise click.BadParameter(
                f"{show_name(target)}: a plotter's file is a .svg", param_hint="--plotter"
            )
        check_output(target, force)
        if target.suffix.lower() != ".pdf":  # how many sheets there are is known at the end
            for file in _numbered(target):
                check_output(file, force)
        shown = [hand[0]] if hand is not None else [style] if style is not None else []
        refuse_inputs([target, *_numbered(target)], shown)
    rows = None if lines is None else _read_lines(lines)
    if text is not None and os.path.isfile(text):
        warn_caller(
            f"{show_name(text)} is a file, and its name is written; - < FILE writes what it holds"
        )
    synthesizer = load_model(model, "write")
    options: dict[str, Any] = {
        "reader": None if unchecked else reader or ("iam-lines", "ink-lines"),
        **_hand_options(synthesizer, hand, style, replace),
        "bias": bias,
        "on_failure": "ignore",
        "random_state": seed,
        "verbose": True,
        **({} if candidates is None else {"candidates": candidates}),
    }
    on_failure = on_failure or "error"
    if rows is not None:
        name = "standard input" if str(lines) == "-" else show_name(lines)
        known = _to_known("\n".join(rows), synthesizer, name, replace).split("\n")
        options.update(n_jobs=n_jobs, resume=resume)
        _write_rows(known, target, synthesizer, name, on_failure, options)
        return
    if text is not None and r"\n" in text and "\\" not in synthesizer.alphabet_:
        raise click.UsageError(
            r"TEXT has \n, of which a shell makes no line break: read the text from standard input "
            "(- < letter.txt)"
        )
    text = _to_known(_read_input() if text == "-" else text or "", synthesizer, "TEXT", replace)
    sheets = write_sheets(text, synthesizer, **options, **layout)
    way_out = "Another --seed may help; --on-failure warn saves all the same"
    report_unread(sheets.legibility, on_failure, way_out=way_out)
    for file in sheets.save(output, style="plotter" if plotter else "ink"):
        click.echo(show_name(file))
    if sheets.legibility is not None:
        click.echo(sheets.legibility, err=True)


def _write_rows(
    rows: list[str],
    folder: Path,
    synthesizer: Any,
    name: str,
    on_failure: str,
    options: dict[str, Any],
) -> None:
    """Write the rows of a file that are not blank into a folder; name unread words by row."""
    from hwsk.writing import write_folder
    from hwsk.writing._course import STATE, OtherLinesError
    from hwsk.writing._legibility import report_unread

    numbers = [number for number, row in enumerate(rows) if row.strip()]
    if not numbers:
        raise ValueError(f"{name} has blank lines alone: there is nothing to write")
    try:
        legibility = write_folder([rows[i] for i in numbers], folder, synthesizer, **options)
    except OtherLinesError as error:
        differing = error.describe(lambda parameter: _OPTIONS.get(parameter, parameter))
        raise ValueError(
            f"{show_name(folder / STATE)} was left by a run that differs in {differing}; --resume "
            "takes the same lines and options, and a new folder begins anew"
        ) from None
    except (KeyboardInterrupt, OSError):
        if (folder / STATE).exists():
            state = show_name(folder / STATE)
            click.echo(f"{state} keeps what is done: --resume goes on with it", err=True)
        raise
    click.echo(show_name(folder / "lines.csv"))
    if legibility is None:
        return
    click.echo(legibility, err=True)
    unread = tuple(word._replace(line=numbers[word.line]) for word in legibility.unread)
    report_unread(
        dataclasses.replace(legibility, unread=unread),
        on_failure,
        "; their lines are left out",
        "Another --seed may help",
    )


def _check_lines_folder(folder: Path, resume: bool) -> None:
    """Refuse a folder in which lines can neither be begun nor gone on with."""
    from hwsk._files import is_empty
    from hwsk.writing._course import LACKS, STATE

    check_folder(folder)
    state = folder / STATE
    is_new = not folder.is_dir() or is_empty(folder)
    if resume and is_new:
        click.echo(f"{show_name(state)} is not there: writing begins anew", err=True)
    elif state.exists() and not resume:
        raise click.BadParameter(
            f"{show_name(state)} is left from a run that was interrupted: --resume goes on with "
            "it, and a new folder begins anew",
            param_hint="-o",
        )
    elif not is_new and not state.exists():
        raise click.BadParameter(
            f"{show_name(folder)} is not empty{LACKS * resume}: lines are written into a new "
            "folder",
            param_hint="-o",
        )


def _read_lines(file: Path) -> list[str]:
    """Return the lines of a file or of standard input, each blank in them a plain one."""
    from hwsk.datasets._data_home import read_text_lines

    rows = _read_input().split("\n") if str(file) == "-" else read_text_lines(file)
    return [re.sub(r"\s", " ", row) if row.strip() else "" for row in rows]


def _to_known(text: str, synthesizer: Any, name: str, replace: bool) -> str:
    """Bring a text to the characters of a synthesizer; errors name the options of this command."""
    from hwsk.writing._text import prepare_text

    unsupported = "replace" if replace else "error"
    way_out = None if replace else "--replace writes é as e"
    return prepare_text(text, synthesizer.alphabet_, name, unsupported, way_out)


def _hand_options(
    synthesizer: Any, hand: tuple[str, str] | None, style: str | None, replace: bool
) -> dict[str, Any]:
    from hwsk.datasets import load_strokes

    if hand is not None:
        text = _to_known(hand[1], synthesizer, "the text of --hand", replace)
        return {"prime": (load_strokes(hand[0]), text)}
    if style is None:
        return {}
    if re.fullmatch(r"-?[0-9]+", style) and not Path(style).exists():
        return {"style": int(style)}
    return {"style": synthesizer.encode_style([load_strokes(style)])[0]}


def _numbered(target: Path) -> list[Path]:
    """List the files that are called like one of several sheets: letter-1.svg, letter-2.svg."""
    name = re.compile(rf"{re.escape(target.stem)}-[1-9]\d*{re.escape(target.suffix)}")
    return sorted(file for file in target.parent.iterdir() if name.fullmatch(file.name))


def _read_input() -> str:
    """Read standard input; bytes that its encoding lacks are an error, not surrogates."""
    encoding = sys.stdin.encoding
    try:
        text = sys.stdin.buffer.read().decode(encoding)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"standard input is not {encoding}: {error.reason} at byte {error.start}"
        ) from None
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
