"""Save a fitted estimator to one file, and load it without running any code that the file holds.

A `.hwsk` file is a safetensors file. Its tensors are all numeric arrays of the estimator, the
weights of networks among them. Its metadata has one entry, `hwsk`, of three parts with a space
between them: the version of this layout; a SHA-256 of the rest, against damage; and JSON, the
estimator as nested plain values (`_encoding` says how) and the versions that wrote it.

Loading parses JSON and tensors; it makes objects only of hwsk's estimators (`_classes`) and of some
of scikit-learn's (`_sklearn`), and sets only attributes that are declared there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import struct
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
import sklearn
from numpy.typing import NDArray
from safetensors import SafetensorError
from sklearn.base import BaseEstimator

import hwsk
from hwsk._files import read_file, write_file
from hwsk._warn import warn_caller
from hwsk.models._files import find_model
from hwsk.persistence._encoding import Arrays, Reader, Writer
from hwsk.persistence._estimators import OF_NETWORK, decode_estimator, encode_estimator

__all__ = ["load", "save"]

FORMAT = 2
STRING_BYTES = 64 << 20
"""Bytes that arrays of strings may take when a file is loaded, beside eight times its size."""

_DUMPS = (".joblib", ".pkl", ".pickle")
# What scikit-learn estimators of another version may have learnt otherwise.
_THAT_LEARNS = r'"\$estimator": "sklearn\.(?!pipeline\.|frozen\.)'
_HINT = "; a joblib or pickle file? load it with joblib.load, if you trust it"


def save(
    estimator: BaseEstimator, path: str | os.PathLike[str], *, half_precision: bool = False
) -> None:
    """Save an estimator, fitted or not, to one file.

    Parameters
    ----------
    estimator : estimator
        Any estimator of hwsk; or one of scikit-learn, such as a `Pipeline`, whose parameters and
        fitted attributes are numbers, strings, arrays, estimators, or lists, tuples and dicts of
        such.
    path : str or path-like
        The file, by custom `NAME.hwsk`; ``~`` is the home. It is replaced in one step: whoever
        reads it meanwhile sees the old file or the new one.
    half_precision : bool, default=False
        Keep the weights of networks as float16: half the size, and rounded to three digits. Once
        loaded they are float32 again.

    Raises
    ------
    TypeError
        If the estimator holds something that can't be stored as plain data, such as a function, or
        an estimator of scikit-learn's whose content can't be checked, such as a forest; the message
        says where.
    ValueError
        If a weight of a network is not finite.

    Warns
    -----
    UserWarning
        If what only training needs (`augment`, `callbacks`, `cv`, the folder of a Pipeline's cache,
        the file that training began with) can't be stored: the estimator is fitted, and saved
        without.

    See Also
    --------
    load : The way back.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from sklearn.preprocessing import StandardScaler
    >>> import hwsk
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "scaler.hwsk"
    >>> hwsk.save(StandardScaler().fit([[0.0], [2.0]]), path)
    >>> hwsk.load(path).transform([[2.0]])
    array([[1.]])
    >>> folder.cleanup()
    """
    if not isinstance(estimator, BaseEstimator):
        raise TypeError(
            f"{estimator!r} is not an estimator: hwsk.save takes a scikit-learn estimator"
        )
    writer = Writer(encode_estimator)
    try:
        encoded = writer.write(estimator, type(estimator).__name__)
    except TypeError as error:
        if hasattr(estimator, "best_estimator_"):
            raise TypeError(f"{error}; save search.best_estimator_ instead") from error
        raise
    arrays = writer.arrays
    if half_precision:
        for name, array in arrays.items():
            if OF_NETWORK in name and array.dtype.kind == "f":
                arrays[name] = _halve(array, name)
    model = {"versions": _versions(), "estimator": encoded}
    _write(Path(os.path.expanduser(path)), json.dumps(model, allow_nan=False), arrays)
    if writer.lost:
        warn_caller(
            f"saved without {'; '.join(writer.lost)}: only training needs it; set it again before "
            "the loaded estimator is trained",
        )


def load(path: str | os.PathLike[str]) -> Any:
    """Load a pretrained model by its name, or an estimator that `save` wrote from its file.

    Nothing is unpickled.

    Parameters
    ----------
    path : str or path-like
        The file; or the name of a pretrained model, such as "iam-lines"
        (:func:`hwsk.models.list_models` lists them). A string without folder and suffix is a name,
        unless there is such a file. ``~`` is the home.

    Returns
    -------
    estimator
        As it was saved. A network is put on the device that its `device` parameter means here.

    Raises
    ------
    FileNotFoundError
        If there is no such file, and no model of that name; the message lists the names.
    OSError
        If a pretrained model is to be downloaded, and can't be.
    ValueError
        If the file is damaged, was not written by `save`, is of a newer format, or holds anything
        that `save` would not have written; the message names it and the trouble.

    Warns
    -----
    UserWarning
        If the file holds estimators of scikit-learn that learn, and another minor version wrote
        them; a `Pipeline` or `FeatureUnion` learns nothing of its own.

    See Also
    --------
    save : Write the file.
    hwsk.models.list_models : The pretrained models.

    Examples
    --------
    >>> import tempfile
    >>> import hwsk
    >>> with tempfile.NamedTemporaryFile(suffix=".hwsk") as file:
    ...     hwsk.save(hwsk.CTCRecognizer(height=32), file.name)
    ...     hwsk.load(file.name)
    CTCRecognizer(height=32)
    """
    path = find_model(path)
    model, arrays = read_model(path)
    try:
        size = sum(array.nbytes for array in arrays.values()) + len(json.dumps(model))
        reader = Reader(arrays, STRING_BYTES + 8 * size, decode_estimator)
        estimator = reader.read(model["estimator"])
        if not isinstance(estimator, BaseEstimator):
            raise ValueError("it holds no estimator")
    except Exception as error:  # a hostile file can provoke any, and none of them is of use
        trouble = str(error) if isinstance(error, (ValueError, TypeError)) else repr(error)
        raise ValueError(f"{path} can't be loaded: {trouble:.1000}") from error
    then, now = str(model["versions"].get("scikit-learn")), sklearn.__version__
    borrowed = re.search(_THAT_LEARNS, json.dumps(model["estimator"]))
    if borrowed and then.split(".")[:2] != now.split(".")[:2]:
        warn_caller(
            f"{path} holds estimators of scikit-learn {then}, and {now} is installed: check that "
            "its predictions are the same",
        )
    return estimator


def checksum(estimator: BaseEstimator) -> str:
    """Compute a checksum of all that `save` would store of an estimator.

    Raises
    ------
    TypeError
        If the estimator holds something that can't be stored.
    """
    writer = Writer(encode_estimator)
    encoded = writer.write(estimator, type(estimator).__name__)
    return _checksum(json.dumps(encoded), writer.arrays)


def read_model(path: Path) -> tuple[dict[str, Any], Arrays]:
    """The checked content of a file: versions and encoded estimator, and the arrays."""
    data = read_file(path)
    try:
        arrays = safetensors.numpy.load(data)
        (length,) = struct.unpack("<Q", data[:8])
        entry = json.loads(data[8 : 8 + length])["__metadata__"]["hwsk"]
        written_in, checksum, text = entry.split(" ", 2)
        newer = int(written_in) > FORMAT
    except (SafetensorError, KeyError, ValueError, TypeError, struct.error) as error:
        dumped = data.startswith(b"\x80") or path.suffix in _DUMPS
        raise ValueError(
            f"{path} ({len(data)} bytes) is not a file written by hwsk.save, or it is damaged or "
            "cut short" + _HINT * dumped
        ) from error
    if newer:
        raise ValueError(
            f"{path} is in format {written_in}, written by a newer hwsk; hwsk {hwsk.__version__} "
            f"reads up to format {FORMAT}: pip install --upgrade hwsk"
        )
    if checksum != _checksum(text, arrays):
        raise ValueError(f"{path} is damaged: its checksum does not fit its content")
    try:
        model = json.loads(text)
        return {"versions": dict(model["versions"]), "estimator": model["estimator"]}, arrays
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is damaged: {error!r}") from error


def _write(path: Path, text: str, arrays: Arrays) -> None:
    data = safetensors.numpy.save(arrays, {"hwsk": f"{FORMAT} {_checksum(text, arrays)} {text}"})
    write_file(path, data)


def _halve(array: NDArray[Any], name: str) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        half = array.astype(np.float16)
    if not np.isfinite(half).all():
        raise ValueError(
            f"{name} holds {array[~np.isfinite(half)][0]:g}, more than float16 can hold; save with "
            "half_precision=False"
        )
    return half


def _checksum(text: str, arrays: Arrays) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}".encode())
        digest.update(array.tobytes())
    return digest.hexdigest()


def _versions() -> dict[str, str]:
    versions = {"hwsk": hwsk.__version__}
    for package in ("scikit-learn", "torch", "numpy"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # of torch, say, where only transformers are used
            continue
    return versions
