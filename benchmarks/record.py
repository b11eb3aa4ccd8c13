"""Keep what a benchmark printed as a CSV file, which the docs render.

    python -m benchmarks.pairs.words_table | python -m benchmarks.record pairs/words_table

A benchmark prints lines of the form `case: score value [low, high] note, score value ...`. Each
value becomes a row of `results/NAME.csv`; a line that begins with a date describes the run, and
stands in `results/runs.csv`. Lines without a value are passed through alone. A file that exists is
written anew.
"""

from __future__ import annotations

import csv
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import click

RESULTS = Path(__file__).parent / "results"
VALUE = re.compile(r"(?:^|(?<=\s))[+-]?\d+(?:\.\d+)?%?(?=\s|$)")
INTERVAL = re.compile(r"\s*\[([^,\]]+), ([^\]]+)\]")
RUNS = ("name", "command", "run")


class Row(NamedTuple):
    """Hold one printed value with its interval, as printed."""

    case: str
    score: str
    value: str
    low: str
    high: str
    note: str


def parse(lines: Iterable[str]) -> tuple[list[str], list[Row]]:
    """Return the descriptions of the run, and a row for each value."""
    described, rows = [], []
    for line in map(str.strip, lines):
        if re.match(r"20\d\d-\d\d-\d\d ", line):
            described.append(line)
        elif line:
            rows += _parse_line(line)
    return described, rows


def _parse_line(line: str) -> Iterator[Row]:
    *cases, rest = _split(line, ": ")
    case, score, last = ": ".join(cases), "", None
    words: list[str] = []  # what stands before a value between commas, without one of its own
    for chunk in _split(rest, ", ", "; "):
        if (value := VALUE.search(chunk)) is None:
            words.append(chunk)
            continue
        if last:
            yield last
        ends = INTERVAL.match(chunk, value.end())
        label = ", ".join([*words, chunk[: value.start()].strip()]).strip(", ")
        low, high = ends.groups() if ends else ("", "")
        note = chunk[ends.end() if ends else value.end() :].strip()
        score = label or ("" if note else score)  # a bare number is one more of the same score
        last, words = Row(case, score, value[0], low, high, note), []
    if last:
        yield last._replace(note=", ".join(filter(None, [last.note, *words])))


def _split(text: str, *marks: str) -> list[str]:
    """Split at the marks that stand outside of brackets."""
    parts, start, depth = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([{") - (letter in ")]}")
        if depth == 0 and i >= start:
            for mark in marks:
                if text.startswith(mark, i):
                    parts.append(text[start:i])
                    start = i + len(mark)
    return [*parts, text[start:]]


def write(name: str, lines: Iterable[str], command: str, results: Path = RESULTS) -> None:
    """Write `NAME.csv`, and the description of the run into `runs.csv`."""
    described, rows = parse(lines)
    if not rows:
        raise click.ClickException(f"{name}: there is no value in what was printed")
    path = results / f"{name}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, Row._fields, rows)
    runs = results / "runs.csv"
    kept = [row for row in read(runs) if row["name"] != name] if runs.exists() else []
    kept.append({"name": name, "command": command, "run": "; ".join(described)})
    kept.sort(key=lambda row: row["name"])
    _write(runs, RUNS, ([row[key] for key in RUNS] for row in kept))


def read(path: Path) -> list[dict[str, str]]:
    """Return the rows of a file, with all values as printed."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _write(path: Path, header: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)


@click.command(help=__doc__)
@click.argument("name")
@click.option("--command", default="", help="the command that printed the lines")
def main(name: str, command: str) -> None:
    """Pass standard input through, and keep it."""
    lines = []
    for line in sys.stdin:
        print(line, end="", flush=True)
        lines.append(line)
    write(name, lines, command or f"python -m benchmarks.{name.replace('/', '.')}")


if __name__ == "__main__":
    main()
