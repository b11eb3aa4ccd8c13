"""Compute a digest of nearly any value, the same in every process."""

from __future__ import annotations

import functools
import hashlib
import os
import types
from collections.abc import Mapping
from typing import Any

import numpy as np

from hwsk._data.images import LazyImages


def digest(value: Any) -> str:
    """A hexadecimal digest of a value.

    Arrays and tensors count by their content; image files by path, size and time of change; other
    objects by their class and attributes, without those of fitting (with an underscore behind);
    functions by name, code and what they enclose.
    """
    found = hashlib.blake2b(digest_size=16)
    _feed(found, value, ())
    return found.hexdigest()


def _feed(found: Any, value: Any, around: tuple[int, ...]) -> None:
    def put(*parts: Any) -> None:
        for part in parts:
            _feed(found, part, (*around, id(value)))

    if id(value) in around:  # an object that holds itself
        return
    found.update(f"<{type(value).__module__}.{type(value).__qualname__}".encode())
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, np.dtype)):
        found.update(repr(value).encode())
    elif isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        found.update(f"{array.dtype} {array.shape}".encode())
        if array.dtype.hasobject:
            put(*array.flat)
        else:
            found.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    elif hasattr(value, "detach"):  # a tensor: this module does without torch
        put(value.detach().cpu().numpy())
    elif isinstance(value, LazyImages):
        put(value.steps)
        for source in value.sources:
            put(source)
            if isinstance(source, (str, os.PathLike)) and os.path.exists(source):
                status = os.stat(source)
                put(status.st_size, status.st_mtime_ns)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            put(key, item)
    elif isinstance(value, (set, frozenset)):
        found.update(repr(sorted(map(digest, value))).encode())
    elif isinstance(value, (list, tuple)):
        put(*value)
    elif isinstance(value, (type, types.BuiltinFunctionType, np.ufunc)):
        found.update(f"{getattr(value, '__module__', '')}.{value.__name__}".encode())
    elif isinstance(value, types.MethodType):
        put(value.__func__)
    elif isinstance(value, types.FunctionType):
        cells = [cell.cell_contents for cell in value.__closure__ or ()]
        put(value.__module__, value.__qualname__, value.__defaults__, value.__code__, cells)
    elif isinstance(value, types.CodeType):
        put(value.co_code, value.co_consts, value.co_names)
    elif isinstance(value, functools.partial):
        put(value.func, value.args, value.keywords)
    elif hasattr(value, "state_dict"):  # a torch module
        put(value.state_dict(), *layout(value))
    elif hasattr(value, "__dict__"):
        put(_attributes(value))
    found.update(b">")


def layout(module: Any) -> list[Any]:
    """Describe the structure of a torch module, without its weights."""
    return [(type(part), _attributes(part)) for part in module.modules()]


def _attributes(value: Any) -> dict[str, Any]:
    return {
        name: item
        for name, item in sorted(vars(value).items())
        if not name.endswith("_") and not name.startswith("_") and name != "training"
    }
