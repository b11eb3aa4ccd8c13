"""Write parts of pages: commands, data sets, pretrained models with their cards, results."""

from __future__ import annotations

import csv
from itertools import groupby
from pathlib import Path

import click

import hwsk.cli
import hwsk.datasets
from hwsk.cli._app import SECTIONS
from hwsk.cli._layouts import LAYOUTS
from hwsk.models import list_models


def write(docs: Path) -> None:
    """Write the generated parts into the folder of the docs."""
    _put(docs / "generated" / "commands.inc", commands())
    _put(docs / "generated" / "models.inc", models())
    _put(docs / "generated" / "datasets.inc", datasets())
    _put(docs / "generated" / "printed.inc", printed(docs.parent / "benchmarks" / "results"))
    for name in list_models().index:
        _put(docs / "models" / f"{name}.md", f"```{{include}} ../../models/{name}.md\n```\n")


def commands() -> str:
    """Return reStructuredText on every command, by job."""
    parts = []
    for title, names in SECTIONS.items():
        parts.append(_heading(title, "-"))
        for name in names:
            parts += _command(hwsk.cli.main.commands[name], f"hwsk {name}")
    return "\n".join(parts)


def _command(command: click.Command, path: str) -> list[str]:
    parts = [f".. _command-{path.replace(' ', '-')}:\n", _heading(path, "~"), _prose(command.help)]
    if isinstance(command, click.Group):
        for name, below in command.commands.items():
            parts += _command(below, f"{path} {name}")
        return parts
    context = click.Context(command, info_name=path)
    usage = " ".join(command.collect_usage_pieces(context))
    parts.append(f".. code-block:: text\n\n   {path} {usage}\n")
    for parameter in command.params:
        if isinstance(parameter, click.Option) and (record := parameter.get_help_record(context)):
            parts.append(f"``{record[0]}``\n   {_literal(record[1])}\n")
    return parts


def _prose(text: str | None) -> str:
    """Return the help of a command with its backquotes doubled: they are literals."""
    lines = (line.strip() for line in (text or "").splitlines())
    return _literal("\n".join(lines)) + "\n"


def _literal(text: str) -> str:
    return text.replace("`", "``")


def _heading(text: str, underline: str) -> str:
    return f"{text}\n{underline * len(text)}\n"


def models() -> str:
    """Return the table of pretrained models."""
    rows = ["Model", "For", "Size", "Result, 95% interval", "Training data, licence"]
    text = ".. list-table::\n   :header-rows: 1\n   :widths: 16 22 8 28 26\n\n"
    text += _row(rows)
    for name, row in list_models().iterrows():
        interval = f"{row['score']:g} ({row['low']:g} to {row['high']:g})"
        text += _row(
            [
                f":doc:`{name} <models/{name}>`",
                row["summary"],
                f"{row['size'] / 1e6:.1f} MB",
                f"{row['metric']} {interval}, {row['test']}",
                f"{row['data']}; {row['license']}",
            ]
        )
    return text


def datasets() -> str:
    """Return the table of data sets: one row for each layout that the commands read."""
    text = ".. list-table::\n   :header-rows: 1\n   :widths: 24 18 12 28 18\n\n"
    text += _row(["Content", "Loader", "Layout", "Files", "Terms, source"])
    for name, layout in LAYOUTS.items():
        is_public = hasattr(hwsk.datasets, layout.loader)
        source = f"`{layout.source.partition('/')[0]} <https://{layout.source}>`__"
        text += _row(
            [
                layout.what,
                f":func:`{layout.loader}`" if is_public else "the commands alone",
                f"``{name}``",
                layout.files,
                layout.license + (f"; {source}" if layout.source else ""),
            ]
        )
    return text


def _row(cells: list[str]) -> str:
    return "".join(f"   {'*' if i == 0 else ' '} - {cell}\n" for i, cell in enumerate(cells))


def printed(results: Path) -> str:
    """Return a table for each run that `benchmarks/results/runs.csv` names, by job."""
    with open(results / "runs.csv", newline="", encoding="utf-8") as file:
        runs = list(csv.DictReader(file))
    parts = []
    for job, of_job in groupby(runs, lambda run: run["name"].partition("/")[0]):
        parts.append(_heading(job.capitalize(), "-"))
        for run in of_job:
            table = f"   .. csv-table::\n      :file: ../../benchmarks/results/{run['name']}.csv\n"
            said = f"   ``{run['run']}``\n\n" if run["run"] else ""
            parts.append(
                f".. dropdown:: ``{run['command']}``\n\n{said}{table}      :header-rows: 1\n"
            )
    return "\n".join(parts)


def _put(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    # Untouched, Sphinx need not read it again.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
