"""Encode plain values as JSON and arrays, and decode them.

What JSON has no word for becomes an object with one key that starts with "$". Numeric arrays go to
a dict, and the JSON names them. How an estimator is written is said in `_estimators`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator

Arrays = dict[str, NDArray[Any]]
Encode = Callable[[BaseEstimator, str, "Writer"], dict[str, Any]]
Decode = Callable[[dict[str, Any], "Reader"], BaseEstimator]

_BUILTINS = {cls.__name__: cls for cls in (bool, int, float, str, object)}
MOST_ESTIMATORS = 1000  # each costs more than the bytes that name it
_STATE_SIZE = 624  # words of a Mersenne twister


class Writer:
    """Makes JSON of values, and collects their numeric arrays.

    Parameters
    ----------
    encode_estimator : callable
        Makes a node of an estimator.
    """

    def __init__(self, encode_estimator: Encode) -> None:
        self.arrays: Arrays = {}
        self.lost: list[str] = []  # what to warn of
        self._encode_estimator = encode_estimator

    def write(self, value: Any, where: str) -> Any:
        """A value as JSON; `where` is its place in the estimator, for messages and names."""
        if isinstance(value, np.str_):
            return {"$scalar": ["U", str(value)]}
        if value is None or isinstance(value, (bool, str)) or type(value) is int:
            return value
        if type(value) is float:
            return value if math.isfinite(value) else {"$float": str(value)}
        if isinstance(value, list):
            return [self.write(item, f"{where}[{i}]") for i, item in enumerate(value)]
        if type(value) is tuple:
            return {"$tuple": self.write(list(value), where)}
        if isinstance(value, dict):
            items = [(key, self.write(item, f"{where}[{key!r}]")) for key, item in value.items()]
            if all(isinstance(key, str) and not key.startswith("$") for key in value):
                return dict(items)
            return {"$dict": [[self.write(key, f"{where} key"), item] for key, item in items]}
        if isinstance(value, slice):
            return {"$slice": [value.start, value.stop, value.step]}
        if isinstance(value, np.generic):
            return {"$scalar": [value.dtype.str, self.write(value.item(), where)]}
        if type(value) in (np.ndarray, np.memmap):
            if value.dtype.kind in "OU":
                items = [self.write(item, f"{where}[{i}]") for i, item in enumerate(value.flat)]
                return {"$items": items, "shape": list(value.shape), "dtype": value.dtype.kind}
            return self._write_array(value, where)
        if isinstance(value, np.dtype):
            return {"$dtype": value.str}
        if isinstance(value, type) and issubclass(value, np.generic):
            return {"$type": np.dtype(value).str}
        if isinstance(value, type) and value in _BUILTINS.values():
            return {"$type": value.__name__}
        if isinstance(value, np.random.RandomState):
            return {"$random_state": self.write(list(value.get_state(legacy=True)), where)}
        if isinstance(value, BaseEstimator):
            return self._encode_estimator(value, where, self)
        raise TypeError(
            f"{where} is {_short(value)} ({type(value).__name__}), which hwsk.save can't store as "
            "plain data"
        )

    def _write_array(self, array: NDArray[Any], where: str) -> dict[str, Any]:
        if array.dtype.kind not in "biuf" or array.dtype.itemsize > 8:
            raise TypeError(f"{where} is an array of {array.dtype}, which hwsk.save can't store")
        name = f"{len(self.arrays)}:{where}"
        # products of matrices differ in their last bits with the order in memory: it is kept
        turned = array.flags.f_contiguous and not array.flags.c_contiguous
        native = array.astype(array.dtype.newbyteorder("="), copy=False)
        self.arrays[name] = np.asarray(native.T if turned else native, order="C")
        return {"$array": name, "order": "F"} if turned else {"$array": name}


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}..."


class Reader:
    """Makes values of what a `Writer` wrote, within a budget.

    Each array is given out once, so that arrays together take no more memory than the file; arrays
    of strings, whose items are all as wide as the longest, have a budget of their own.

    Parameters
    ----------
    arrays : dict of str to ndarray
        The arrays of the file.
    string_bytes : int
        What arrays of strings may take together.
    decode_estimator : callable
        Makes an estimator of its node.
    """

    def __init__(self, arrays: Arrays, string_bytes: int, decode_estimator: Decode) -> None:
        self._arrays = dict(arrays)
        self._string_bytes = string_bytes
        self._decode_estimator = decode_estimator
        self._n_estimators = 0

    def read(self, node: Any) -> Any:
        """The value of a node. Raises any exception for what a `Writer` can't have written."""
        if isinstance(node, list):
            return [self.read(item) for item in node]
        if not isinstance(node, dict):
            return node
        kind = next((key for key in node if key.startswith("$")), None)
        if kind is None:
            return {key: self.read(value) for key, value in node.items()}
        content = node[kind]
        if kind == "$estimator":
            self._n_estimators += 1
            if self._n_estimators > MOST_ESTIMATORS:
                raise ValueError(f"it holds more than {MOST_ESTIMATORS} estimators or steps")
            return self._decode_estimator(node, self)
        if kind == "$float":
            return float(content)
        if kind == "$tuple":
            return tuple(self.read(content))
        if kind == "$dict":
            return {self.read(key): self.read(value) for key, value in content}
        if kind == "$slice":
            return slice(*content)
        if kind == "$scalar":
            dtype, value = content
            if str(dtype).lstrip("<>=|").startswith("U"):
                return np.str_(value)
            return _plain_dtype(dtype).type(self.read(value))
        if kind == "$array":
            return self._read_array(content, node.get("order"))
        if kind == "$items":
            return self._read_items(content, node["shape"], node["dtype"])
        if kind == "$dtype":
            return _plain_dtype(content)
        if kind == "$type":
            return _BUILTINS[content] if content in _BUILTINS else _plain_dtype(content).type
        if kind == "$random_state":
            return self._read_random_state(content)
        raise ValueError(f"{kind!r} is not a kind of content")

    def _read_array(self, name: str, order: Any) -> NDArray[Any]:
        if name not in self._arrays:
            raise ValueError(f"the array {name!r} is not there, or is named more than once")
        array = self._arrays.pop(name).copy()  # safetensors gives views that can't be written to
        return array.T if order == "F" else array

    def _read_items(self, content: list[Any], shape: list[int], kind: str) -> NDArray[Any]:
        items = np.empty(len(content), object)
        for i, item in enumerate(content):
            items[i] = self.read(item)
        if kind == "U":
            if not all(isinstance(item, str) for item in items):
                raise ValueError("an array of strings holds items that are not strings")
            self._string_bytes -= 4 * len(items) * max(map(len, items), default=0)
            if self._string_bytes < 0:
                raise ValueError(
                    f"an array of {len(items)} strings, the longest of {max(map(len, items))} "
                    "characters, takes more memory than the arrays of strings in a file of this "
                    "size may"
                )
        return items.reshape(shape).astype({"O": object, "U": str}[kind])

    def _read_random_state(self, content: Any) -> np.random.RandomState:
        name, keys, position, *rest = self.read(content)
        if np.shape(keys) != (_STATE_SIZE,) or not 0 <= int(position) <= _STATE_SIZE:
            raise ValueError("the state of a random generator is damaged")  # numpy does not look
        random_state = np.random.RandomState(0)
        random_state.set_state((name, keys, position, *rest))
        return random_state


def _plain_dtype(name: str) -> np.dtype[Any]:
    dtype = np.dtype(str(name))
    if dtype.kind not in "biufcOUS" or dtype.itemsize > 32:
        raise ValueError(f"{name!r} is not a plain type of number")
    return dtype
