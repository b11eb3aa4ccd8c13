"""Define `hwsk identify`."""

from __future__ import annotations

from typing import Any

import click
import numpy as np

from hwsk.cli._app import show_name
from hwsk.cli._common import (
    for_each_image,
    json_option,
    last_step,
    load_model,
    model_option,
    report_bad,
    to_json,
)


@click.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...")
@model_option("identify", "iam-writers")
@click.option("--top", default=3, show_default=True, help="How many writers to name.")
@click.option("--pool", is_flag=True, help="Judge all images together, as lines of one page.")
@json_option
def identify(images: tuple[str, ...], model: str, top: int, pool: bool, as_json: bool) -> None:
    """Identify the writer of each image among those the model knows.

    Prints path, tab, writers and their probabilities. A writer whom the model does not know is
    taken for one of those it knows.
    """
    classifier = load_model(model, "identify")
    classes = last_step(classifier).classes_
    bad: list[str] = []
    if pool:
        good = [path for path, _ in for_each_image(lambda paths: paths, images, bad)]
        rows = classifier.predict_log_proba(good, pages=["one page"] * len(good)) if good else []
        found = [(" + ".join(good), rows[0])] if good else []
    else:
        found = list(for_each_image(classifier.predict_log_proba, images, bad))
    records: list[dict[str, Any]] = []
    for path, log_proba in found:
        best = np.argsort(-log_proba, kind="stable")[:top]
        writers = [{"writer": classes[i], "probability": np.exp(log_proba[i])} for i in best]
        records.append({"path": path, "writers": writers})
    if as_json:
        click.echo(to_json(records))
    else:
        for record in records:
            names = [f"{of['writer']} {of['probability']:.3f}" for of in record["writers"]]
            click.echo(f"{show_name(record['path'])}\t{', '.join(names)}")
    report_bad(bad, len(images))
