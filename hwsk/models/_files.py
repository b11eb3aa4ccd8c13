"""Find the file of a pretrained model, or download it."""

from __future__ import annotations

import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from hwsk._download import download, file_digest
from hwsk.datasets._data_home import data_home_path
from hwsk.models._registry import list_models, record_of, registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pandas as pd

CHECKOUT = Path(__file__).parents[2] / "models"


def get_model(name: str, *, download_if_missing: bool = True) -> Path:
    """Find the file of a pretrained model; download it if it is nowhere.

    These places are looked at, in this order: the folder that the environment variable
    ``HWSK_MODELS`` names; ``models/`` of a source checkout; the package ``hwsk-models``, if it is
    installed; ``models`` in the data home (:func:`hwsk.datasets.get_data_home`). A download goes to
    the last, from the address in ``HWSK_MODELS_URL``.

    Parameters
    ----------
    name : str
        The model, such as "iam-lines".
    download_if_missing : bool, default=True
        Whether to download it if no place has it.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    ValueError
        If there is no model of that name; the message lists the names.
    FileNotFoundError
        If no place has the file, and downloading is off or no address is known.
    OSError
        If the download fails, or is not the file of the registry; nothing is left behind.

    See Also
    --------
    list_models : All models.
    hwsk.load : Load the model.

    Examples
    --------
    >>> from hwsk.models import get_model
    >>> get_model("iam-lines").name
    'iam-lines.hwsk'
    """
    record = record_of(name)
    file = f"{name}.hwsk"
    places = list(_places())
    for place in places:
        if (place / file).is_file():
            return place / file
    cached = data_home_path() / "models" / file
    checksum = f"sha256:{record['sha256']}"
    address = os.environ.get("HWSK_MODELS_URL", "").rstrip("/")
    otherwise = (
        "Install the package hwsk-models (pip install ./models in a clone of hwsk), or set "
        f"HWSK_MODELS to a folder that has {file}."
    )
    if cached.is_file() and file_digest(cached) == record["sha256"]:
        return cached
    if not address or not download_if_missing:
        looked = ", ".join(str(place) for place in [*places, cached.parent])
        why = "downloading is off" if address else "HWSK_MODELS_URL names no address to download it"
        raise FileNotFoundError(f"{file} is not in {looked}, and {why}. {otherwise}")
    download(f"{address}/{file}", cached, checksum, n_retries=3, delay=1.0, otherwise=otherwise)
    return cached


def verify_models(names: Sequence[str] | None = None) -> pd.DataFrame:
    """Compare the files of pretrained models with the registry. Nothing is downloaded.

    Parameters
    ----------
    names : sequence of str, default=None
        The models. None takes all.

    Returns
    -------
    found : DataFrame
        A row for each model, by name, with the columns `path` (None where no place has it),
        `status` ("right", "missing", or "other": a file of another size or checksum) and `found`
        (its SHA-256).

    Raises
    ------
    ValueError
        If there is no model of one of the names.

    See Also
    --------
    get_model : Where files are looked for.

    Examples
    --------
    >>> from hwsk.models import verify_models
    >>> verify_models(["iam-lines"]).loc["iam-lines", "status"]
    'right'
    """
    import pandas as pd

    rows = {}
    for name in list_models().index if names is None else names:
        record = record_of(name)
        places = [place / f"{name}.hwsk" for place in (*_places(), data_home_path() / "models")]
        path = next((path for path in places if path.is_file()), None)
        digest = None if path is None else file_digest(path)
        status = "right" if digest == record["sha256"] else "other" if path else "missing"
        rows[name] = {"path": path, "status": status, "found": digest}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")


def find_model(model: str | os.PathLike[str]) -> Path:
    """Return the file that a path or the name of a pretrained model means.

    A string without folder and suffix is a name, unless there is such a file. ``~`` is the home.

    Raises
    ------
    FileNotFoundError
        If a string is neither a file nor a name; the message lists the names, or gives the name
        where the file is called like a pretrained model.
    """
    path = Path(os.path.expanduser(model))
    if path.suffix == ".hwsk" and path.stem in registry() and not path.exists():
        raise FileNotFoundError(
            f"{path} does not exist; the name of the pretrained model is {path.stem!r}, without "
            "folder and suffix"
        )
    if not isinstance(model, str) or path.suffix or path.name != model or path.exists():
        return path
    try:
        return get_model(model)
    except ValueError as error:
        raise FileNotFoundError(f"there is no file {model!r}, and {error}") from None


def find_card(name: str) -> Path | None:
    """Return the card of a model where the file's place has it."""
    card = get_model(name, download_if_missing=False).with_suffix(".md")
    return card if card.is_file() else None


def _places() -> Iterator[Path]:
    """Yield the folders that may hold models, but for the cache."""
    if chosen := os.environ.get("HWSK_MODELS"):
        yield Path(chosen).expanduser()
    if (CHECKOUT / "pyproject.toml").is_file():  # a folder of this name may stand in site-packages
        yield CHECKOUT
    try:
        package = files("hwsk_models")
    except ModuleNotFoundError:
        return
    if isinstance(package, Path):  # not in a zip, which no loader could open
        yield package
