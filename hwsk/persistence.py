"""Save a fitted estimator to one file, and load it without running any code that the file holds.

A `.hwsk` file is a safetensors file. Its tensors are all numeric arrays of the estimator, the
weights of networks among them. Its metadata has one entry, `hwsk`, of three parts with a space
between them: the version of this layout; a SHA-256 of the rest, against damage; and JSON, the
estimator as nested plain values (`_encode` says how) and the versions that wrote it.

Loading parses JSON and tensors; it makes objects only of `BaseEstimator` classes that live in hwsk
or scikit-learn.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import secrets
import struct
import warnings
from importlib import import_module
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

__all__ = ["load", "save"]

FORMAT = 1
Arrays = dict[str, NDArray[Any]]
_ALLOWED = re.compile(r"(hwsk|sklearn)(\.[A-Za-z_]\w*)+")
_DUMPS = (".joblib", ".pkl", ".pickle")
_HINT = "; a joblib or pickle file? load it with joblib.load, if you trust it"
_NO_HOME = {"__main__", "conftest", "tests", "externals"}  # modules that are not to be imported
_OF_NETWORK = ".net_"  # what the names of weights have in them
_BUILTINS = {cls.__name__: cls for cls in (bool, int, float, str, object)}


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
        The file, by custom `NAME.hwsk`. It is replaced in one step: whoever reads it meanwhile
        sees the old file or the new one.
    half_precision : bool, default=False
        Keep the weights of networks as float16: half the size, and rounded to three digits. Once
        loaded they are float32 again.

    Raises
    ------
    TypeError
        If the estimator holds something that can't be stored as plain data, such as a function or
        a tree of scikit-learn's; the message says where.

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
        raise TypeError(f"{estimator!r} is no estimator: hwsk.save takes a scikit-learn estimator")
    arrays: Arrays = {}
    try:
        encoded = _encode(estimator, type(estimator).__name__, arrays)
    except TypeError as error:
        if hasattr(estimator, "best_estimator_"):
            raise TypeError(f"{error}; save search.best_estimator_ instead") from error
        raise
    if half_precision:
        for name, array in arrays.items():
            if _OF_NETWORK in name and array.dtype.kind == "f":
                arrays[name] = array.astype(np.float16)
    model = {"versions": _versions(), "estimator": encoded}
    _write(Path(path), json.dumps(model, allow_nan=False), arrays)


def load(path: str | os.PathLike[str]) -> Any:
    """Load an estimator that `save` wrote. Nothing is unpickled.

    Parameters
    ----------
    path : str or path-like
        The file.

    Returns
    -------
    estimator
        As it was saved. A network is put on the device that its `device` parameter means here.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, was not written by `save`, or is of a newer format; the message
        names it and the trouble.

    Warns
    -----
    UserWarning
        If the file holds estimators of scikit-learn, and another minor version wrote them.

    See Also
    --------
    save : Write the file.

    Examples
    --------
    >>> import tempfile
    >>> import hwsk
    >>> with tempfile.NamedTemporaryFile(suffix=".hwsk") as file:
    ...     hwsk.save(hwsk.CTCRecognizer(height=32), file.name)
    ...     hwsk.load(file.name)
    CTCRecognizer(height=32)
    """
    path = Path(path)
    model, arrays = read_model(path)
    try:
        estimator = _decode(model["estimator"], arrays)
        if not isinstance(estimator, BaseEstimator):
            raise ValueError("it holds no estimator")
    except Exception as error:  # a hostile file can provoke any, and none of them is of use
        trouble = str(error) if type(error) is ValueError else repr(error)
        raise ValueError(f"{path} can't be loaded: {trouble}") from error
    then, now = str(model["versions"].get("scikit-learn")), sklearn.__version__
    borrowed = re.search(r'"\$estimator": "sklearn', json.dumps(model["estimator"]))
    if borrowed and then.split(".")[:2] != now.split(".")[:2]:
        warnings.warn(
            f"{path} holds estimators of scikit-learn {then}, and {now} is installed: check that "
            "its predictions are the same",
            stacklevel=2,
        )
    return estimator


def read_model(path: Path) -> tuple[dict[str, Any], Arrays]:
    """The checked content of a file: versions and encoded estimator, and the arrays."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder, not a file written by hwsk.save")
    data = path.read_bytes()  # FileNotFoundError names the path
    try:
        arrays = safetensors.numpy.load(data)
        (length,) = struct.unpack("<Q", data[:8])
        entry = json.loads(data[8 : 8 + length])["__metadata__"]["hwsk"]
        written_in, checksum, text = entry.split(" ", 2)
        newer = int(written_in) > FORMAT
    except (SafetensorError, KeyError, ValueError, TypeError, struct.error) as error:
        dumped = data.startswith(b"\x80") or path.suffix in _DUMPS
        raise ValueError(
            f"{path} ({len(data)} bytes) is no file written by hwsk.save, or it is damaged or cut "
            "short" + _HINT * dumped
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
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"can't write {path}: the folder {path.parent} does not exist")
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_bytes(data)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


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


def _encode(value: Any, where: str, arrays: Arrays) -> Any:
    """A value as JSON; numeric arrays go to `arrays`, and the JSON names them.

    What JSON has no word for becomes an object with one key that starts with "$". `where` is the
    value's place in the estimator, for messages and as the name of an array.
    """
    if value is None or isinstance(value, (bool, str)) or type(value) is int:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"$float": str(value)}
    if isinstance(value, list):
        return [_encode(item, f"{where}[{i}]", arrays) for i, item in enumerate(value)]
    if type(value) is tuple:
        return {"$tuple": _encode(list(value), where, arrays)}
    if isinstance(value, dict):
        items = [(key, _encode(item, f"{where}[{key!r}]", arrays)) for key, item in value.items()]
        if all(isinstance(key, str) and not key.startswith("$") for key in value):
            return dict(items)
        return {"$dict": [[_encode(key, f"{where} key", arrays), item] for key, item in items]}
    if isinstance(value, slice):
        return {"$slice": [value.start, value.stop, value.step]}
    if isinstance(value, np.generic):
        return {"$scalar": [value.dtype.str, _encode(value.item(), where, arrays)]}
    if type(value) in (np.ndarray, np.memmap):
        return _encode_array(value, where, arrays)
    if isinstance(value, np.dtype):
        return {"$dtype": value.str}
    if isinstance(value, type) and issubclass(value, np.generic):
        return {"$type": np.dtype(value).str}
    if isinstance(value, type) and value in _BUILTINS.values():
        return {"$type": value.__name__}
    if isinstance(value, np.random.RandomState):
        return {"$random_state": _encode(list(value.get_state(legacy=True)), where, arrays)}
    if isinstance(value, BaseEstimator):
        return _encode_estimator(value, where, arrays)
    raise TypeError(
        f"{where} is {value!r} ({type(value).__name__}), which hwsk.save can't store as plain data"
    )


def _encode_array(array: NDArray[Any], where: str, arrays: Arrays) -> dict[str, Any]:
    if array.dtype.kind in "OU":
        items = [_encode(item, f"{where}[{i}]", arrays) for i, item in enumerate(array.flat)]
        return {"$items": items, "shape": list(array.shape), "dtype": array.dtype.kind}
    if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
        raise TypeError(f"{where} is an array of {array.dtype}, which hwsk.save can't store")
    name = f"{len(arrays)}:{where}"
    # products of matrices differ in their last bits with the order in memory: it is kept
    turned = array.flags.f_contiguous and not array.flags.c_contiguous
    native = array.astype(array.dtype.newbyteorder("="), copy=False)
    arrays[name] = np.asarray(native.T if turned else native, order="C")
    return {"$array": name, "order": "F"} if turned else {"$array": name}


def _encode_estimator(estimator: BaseEstimator, where: str, arrays: Arrays) -> dict[str, Any]:
    cls = type(estimator)
    name = _public_name(cls)
    try:
        _find_class(name)
    except ValueError as error:
        raise TypeError(f"{where} can't be saved: {error}") from None
    params = estimator.get_params(deep=False)
    state = {key: value for key, value in vars(estimator).items() if key not in params}
    node = {"$estimator": name}
    if hasattr(estimator, "_get_network_state") and state.pop("net_", None) is not None:
        weights = estimator._get_network_state()
        node["weights"] = _encode(weights, f"{where}{_OF_NETWORK}", arrays)
    for key, part in (("params", params), ("state", state)):
        node[key] = {  # type: ignore[assignment]
            attribute: _encode(value, f"{where}.{attribute}", arrays)
            for attribute, value in part.items()
        }
    return node


def _decode(node: Any, arrays: Arrays) -> Any:
    """The value that `_encode` wrote. Raises any exception for what it can't have written."""
    if isinstance(node, list):
        return [_decode(item, arrays) for item in node]
    if not isinstance(node, dict):
        return node
    kind = next((key for key in node if key.startswith("$")), None)
    if kind is None:
        return {key: _decode(value, arrays) for key, value in node.items()}
    content = node[kind]
    if kind == "$estimator":
        return _decode_estimator(node, arrays)
    if kind == "$float":
        return float(content)
    if kind == "$tuple":
        return tuple(_decode(content, arrays))
    if kind == "$dict":
        return {_decode(key, arrays): _decode(value, arrays) for key, value in content}
    if kind == "$slice":
        return slice(*content)
    if kind == "$scalar":
        return _plain_dtype(content[0]).type(_decode(content[1], arrays))
    if kind == "$array":
        array = arrays[content].copy()  # safetensors gives views that can't be written to
        return array.T if node.get("order") == "F" else array
    if kind == "$items":
        items = np.empty(len(content), object)
        for i, item in enumerate(content):
            items[i] = _decode(item, arrays)
        return items.reshape(node["shape"]).astype({"O": object, "U": str}[node["dtype"]])
    if kind == "$dtype":
        return _plain_dtype(content)
    if kind == "$type":
        return _BUILTINS[content] if content in _BUILTINS else _plain_dtype(content).type
    if kind == "$random_state":
        random_state = np.random.RandomState()
        random_state.set_state(tuple(_decode(content, arrays)))
        return random_state
    raise ValueError(f"{kind!r} means nothing here")


def _decode_estimator(node: dict[str, Any], arrays: Arrays) -> BaseEstimator:
    cls = _find_class(node["$estimator"])
    estimator = cls(**_decode(node["params"], arrays))
    vars(estimator).update(_decode(node["state"], arrays))
    if "weights" in node:
        estimator._set_network_state(_decode(node["weights"], arrays))  # type: ignore[attr-defined]
    return estimator


def _plain_dtype(name: str) -> np.dtype[Any]:
    dtype = np.dtype(str(name))
    if dtype.kind not in "biufcOUS" or dtype.itemsize > 32:
        raise ValueError(f"{name!r} is no plain type of number")
    return dtype


def _public_name(cls: type) -> str:
    """The shortest dotted name a class is found by: private modules move between versions."""
    parts = cls.__module__.split(".")
    for i in range(1, len(parts)):
        package = ".".join(parts[:i])
        if getattr(import_module(package), cls.__name__, None) is cls:
            return f"{package}.{cls.__name__}"
    return f"{cls.__module__}.{cls.__name__}"


def _find_class(name: str) -> type[BaseEstimator]:
    """The estimator class of a name; nothing outside hwsk and scikit-learn is imported."""
    module, _, qualname = str(name).rpartition(".")
    if not _ALLOWED.fullmatch(str(name)) or not _NO_HOME.isdisjoint(module.split(".")):
        raise ValueError(f"{name} is no estimator of hwsk or scikit-learn")
    try:
        cls = getattr(import_module(module), qualname)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"there is no {name} in the versions installed here") from error
    if not (isinstance(cls, type) and issubclass(cls, BaseEstimator)):
        raise ValueError(f"{name} is no estimator")
    if cls.__module__.partition(".")[0] not in ("hwsk", "sklearn"):
        raise ValueError(f"{name} is no estimator of hwsk or scikit-learn")
    return cls
