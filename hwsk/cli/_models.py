"""Define `hwsk models` and `hwsk info`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

import hwsk
from hwsk._files import read_file, write_file
from hwsk.cli._app import show_name
from hwsk.cli._common import (
    check_output,
    echo_table,
    force_option,
    json_option,
    last_step,
    make_folder,
    to_json,
)


@click.group()
def models() -> None:
    """List, show, get and verify the pretrained models."""


@models.command("list")
@click.option("--task", help="Only models of this task, such as recognize.")
@json_option
def list_(task: str | None, as_json: bool) -> None:
    """List the pretrained models: name, task, size, score."""
    from hwsk.models import list_models

    table = list_models(task)
    if as_json:
        click.echo(to_json(table.reset_index().to_dict("records")))
        return
    echo_table(
        f"{'NAME':20}{'TASK':17}{'SIZE':>8}  SCORE (95% INTERVAL), TEST SET",
        (
            f"{name:20}{row['task']:17}{row['size'] / 1e6:5.1f} MB  {_score(row)}"
            for name, row in table.iterrows()
        ),
    )


@models.command("info")
@click.argument("name")
@json_option
def info_(name: str, as_json: bool) -> None:
    """Show what is known of a pretrained model, and its card."""
    from hwsk.models._files import find_card
    from hwsk.models._registry import record_of

    record = record_of(name)
    try:
        card = find_card(name)
    except FileNotFoundError:  # it is not on this machine, and need not be
        card = None
    if as_json:
        click.echo(to_json({"name": name, **record}))
        return
    click.echo(f"{name}: {record['summary']}")
    for key in ("task", "class", "input", "data", "license"):
        click.echo(f"  {key}: {record[key]}")
    click.echo(f"  size: {record['size'] / 1e6:.1f} MB\n  score: {_score(record)}")
    if card is not None:
        click.echo(f"\n{card.read_text('utf-8')}")


@models.command("get")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "everything", is_flag=True, help="All models.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), help="A folder to copy the files to."
)
@force_option
def get(names: tuple[str, ...], everything: bool, output: Path | None, force: bool) -> None:
    """Find the files of models, download what is missing, and print the paths.

    With -o the files are copied to a folder: set HWSK_MODELS to it on a machine without a network.
    """
    from hwsk.models import get_model, list_models

    if everything == bool(names):
        raise click.UsageError("name models, or give --all")
    if output is not None:
        make_folder(output)
    for name in list_models().index if everything else names:
        path = get_model(name)
        if output is not None:
            target = output / path.name
            if not target.exists() or not target.samefile(path):
                check_output(target, force)
                write_file(target, read_file(path))
            path = target
        click.echo(show_name(path))


@models.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@json_option
def verify_(names: tuple[str, ...], as_json: bool) -> None:
    """Compare the files of models with the registry's checksums; the exit code is 1 if one differs.

    A model that is not on this machine is named and is not an error.
    """
    from hwsk.models import verify_models

    table = verify_models(names or None)
    if as_json:
        click.echo(to_json(table.reset_index().to_dict("records")))
    else:
        places = ("" if path is None else f"  {show_name(path)}" for path in table["path"])
        rows = zip(table.index, table["status"], places, strict=True)
        echo_table(
            f"{'NAME':20}{'STATUS':8}  FILE",
            (f"{name:20}{status:8}{place}" for name, status, place in rows),
        )
    if (table["status"] == "other").any():
        raise click.exceptions.Exit(1)


def _score(row: Any) -> str:
    interval = f"{row['score']:g} ({row['low']:g} to {row['high']:g})"
    return f"{row['metric']} {interval}, {row['test']}"


@click.command()
@click.argument("model")
@json_option
def info(model: str, as_json: bool) -> None:
    """Say what a model file holds.

    Prints its class, parameters, characters and versions.
    """
    from sklearn.base import BaseEstimator

    from hwsk.models._files import find_model
    from hwsk.persistence import read_model

    path = find_model(model)
    content, arrays = read_model(path)
    estimator = hwsk.load(path)
    parameters = {}
    for name, value in estimator.get_params().items():
        if isinstance(value, BaseEstimator) and value.get_params():
            parameters[name] = type(value).__name__
        elif name not in ("steps", "transformers"):
            parameters[name] = repr(value)
    found = {
        "path": path,
        "class": type(estimator).__name__,
        "bytes": path.stat().st_size,
        "numbers": sum(array.size for array in arrays.values()),
        "versions": content["versions"],
        "characters": getattr(last_step(estimator), "alphabet_", ""),
        "parameters": parameters,
    }
    if as_json:
        click.echo(to_json(found))
        return
    versions = ", ".join(f"{name} {number}" for name, number in found["versions"].items())
    click.echo(f"{show_name(model)}: {found['class']}")
    click.echo(f"size: {found['bytes'] / 1e6:.1f} MB, {found['numbers']:,} numbers")
    click.echo(f"written by: {versions}")
    if found["characters"]:
        click.echo(f"characters: {found['characters']!r}")
    click.echo("parameters:")
    for name, text in parameters.items():
        click.echo(f"  {name}: {text}")
