"""Read the registry: what is known of each pretrained model without its file."""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@cache
def registry() -> dict[str, dict[str, Any]]:
    """Return the record of each model, by name."""
    return tomllib.loads(files("hwsk.models").joinpath("registry.toml").read_text("utf-8"))


def record_of(name: str) -> dict[str, Any]:
    """Return the record of a model.

    Raises
    ------
    ValueError
        If there is no such model; the message lists the names.
    """
    models = registry()
    if name not in models:
        near = difflib.get_close_matches(name, models, 1)
        meant = f"; did you mean {near[0]!r}?" if near else ";"
        raise ValueError(
            f"no pretrained model is called {name!r}{meant} the models: {', '.join(models)}"
        )
    return models[name]


def list_models(task: str | None = None) -> pd.DataFrame:
    """List the pretrained models that :func:`hwsk.load` loads by name.

    Parameters
    ----------
    task : str, default=None
        Only models of this task: "recognize", "verify", "identify", "describe", "represent",
        "predict strokes", "write" or "model language". None lists all.

    Returns
    -------
    models : DataFrame
        A row for each model, by name, with the columns

        task
            What the model is for.
        summary
            The same in a sentence.
        class
            The estimator, the last step where it is a Pipeline.
        input
            What it takes.
        file
            Name of the file.
        size
            Its size in bytes.
        data, license
            What it was trained on, and the terms of these data.
        metric, score, low, high, test
            How good it is: a score, its 95% interval, and on which data.
        sha256
            Checksum of the file.

    Raises
    ------
    ValueError
        If no model has such a task.

    See Also
    --------
    get_model : The file of a model.
    hwsk.load : The model itself.

    Examples
    --------
    >>> from hwsk.models import list_models
    >>> models = list_models("verify")
    >>> models.index.tolist()
    ['and-verifier', 'signature-verifier']
    >>> models.loc["signature-verifier", "metric"]
    'equal error rate'
    """
    import pandas as pd

    models = pd.DataFrame.from_dict(registry(), orient="index").rename_axis("name")
    models["file"] = models.index + ".hwsk"
    columns = "task summary class input file size data license metric score low high test sha256"
    models = models[columns.split()]
    if task is None:
        return models
    tasks = sorted(models["task"].unique())
    if task not in tasks:
        raise ValueError(f"task is {task!r}; expected one of {', '.join(map(repr, tasks))}")
    return models[models["task"] == task]
