"""Declare which attributes of an estimator are stored and loaded, for each class.

Only declared attributes are written and restored; an estimator that has others can't be saved, and
a file that names others is refused. A declaration is a text of names, each followed by what it is:

- `name=kind`: a value of one of `KINDS`, or of several with | between them;
- `name`: a plain value (None, a bool, a number, a string, a type of numbers);
- `name[c f]`: an array of numbers of that shape; a letter is the same length wherever it stands in
  an estimator, and `f` is its `n_features_in_`;
- `name[f|c f|]`: one of several shapes, or (nothing behind the last |) a number or None;
- `name:[c]`: such an array of anything, as of the names of classes;
- `name*`: lists, tuples and dicts of such values, or estimators.

A `!` behind any of these: no fitted estimator lacks it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

from hwsk._limits import SIDE

_ENTRY = re.compile(r"(\w+)(?:=([\w|]+)|(\*|:?)(?:\[([^\]]*)\])?)(!?)(?:\s+|$)")
_PLAIN = (bool, int, float, str, np.generic, np.dtype, type, type(None))
COMMON = "n_features_in_ feature_names_in_:[f] _sklearn_output_config*"
"""Attributes of every estimator: scikit-learn's own."""

State = dict[str, Any]


def _is_number(value: Any, least: float = -np.inf) -> bool:
    kinds = (int, float, np.integer, np.floating)
    if not isinstance(value, kinds) or isinstance(value, bool):
        return False
    return bool(least <= value <= sys.float_info.max)


def _is_count(value: Any, least: int = 0, most: int = 1 << 63) -> bool:
    return isinstance(value, (int, np.integer)) and _is_number(value, least) and bool(value <= most)


def _is_list(value: Any, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, (list, tuple)) and all(map(of, value))


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray) and value.dtype.kind in "biuf"


def _is_plain_array(value: Any) -> bool:
    if not isinstance(value, np.ndarray):
        return False
    return value.dtype != object or all(isinstance(item, _PLAIN) for item in value.flat)


def _is_classes(value: Any) -> bool:
    return _is_plain_array(value) and value.ndim == 1


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    """Whether it names a column: a text, or a number as the columns of an array have."""
    return _is_text(value) or _is_number(value)


def _is_dict(value: Any, of: Callable[[Any], bool]) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(of, value.values()))


def _is_tasks(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"names", "classes", "kind"}
        and _is_list(value["names"], _is_name)
        and _is_list(value["classes"], _is_classes)
        and len(value["names"]) == len(value["classes"])
        and value["kind"] in ("frame", "array", "column")
    )


def _is_estimator(value: Any, method: str) -> bool:
    return isinstance(value, BaseEstimator) and hasattr(value, method)


KINDS: dict[str, Callable[[Any], bool]] = {
    "none": lambda value: value is None,
    "bool": lambda value: isinstance(value, (bool, np.bool_)),
    "count": _is_count,
    "number": _is_number,
    "positive": lambda value: _is_number(value, sys.float_info.min),
    "text": _is_text,
    "texts": lambda value: _is_list(value, _is_text),
    "names": lambda value: _is_list(value, _is_name),
    "counts": lambda value: _is_list(value, _is_count),
    "two_numbers": lambda value: _is_list(value, _is_number) and len(value) == 2,
    "levels": lambda value: _is_list(value, _is_number) and len(set(value)) == len(value) == 2,
    "polarity": lambda value: value in ("dark", "light"),
    "direction": lambda value: value in ("ltr", "rtl", "visual"),
    "size": lambda value: (
        _is_list(value, partial(_is_count, least=1, most=SIDE)) and len(value) == 2
    ),
    "arrays": lambda value: _is_list(value, _is_array),
    "named_arrays": lambda value: _is_dict(value, _is_array),
    "classes_of_tasks": lambda value: _is_list(value, _is_classes) or _is_classes(value),
    "tasks": _is_tasks,
    "named_texts": lambda value: _is_dict(value, _is_text),
    "history": lambda value: _is_list(value, lambda row: _is_dict(row, _is_number)),
    "estimator": lambda value: _is_estimator(value, "fit"),
    "predictor": lambda value: _is_estimator(value, "predict"),
    "transformer": lambda value: _is_estimator(value, "transform"),
    "segmenter": lambda value: _is_estimator(value, "segment"),
    "language_model": lambda value: _is_estimator(value, "score"),
}
"""What a declared attribute may be."""
Check = Callable[[State, dict[str, Any]], None]


class Declaration(NamedTuple):
    """Declare the stored attributes of a class.

    Parameters
    ----------
    attributes : str
        The declaration.
    version : int
        Of the class: one more whenever its parameters or attributes change their meaning.
    check : callable, optional
        `check(state, params)` raises ValueError for values that would harm.
    file : str, optional
        The parameter that may name a file or folder, which `fit` opens.
    no_file : tuple
        What else it may be.
    """

    attributes: str = ""
    version: int = 1
    check: Check | None = None
    file: str | None = None
    no_file: tuple[str, ...] = ()

    def names_file(self, parameter: str, value: Any) -> bool:
        """Return whether the value of a parameter is a place on a machine."""
        return parameter == self.file and not (value is None or value in self.no_file)

    def names(self, *, common: bool = True) -> set[str]:
        """Names of the attributes, as a rule the common ones among them."""
        return set(_parse(f"{self.attributes} {COMMON if common else ''}"))


class _Kind(NamedTuple):
    kinds: list[str]  # of KINDS
    is_free: bool  # *
    of_anything: bool  # :
    shapes: list[str] | None
    is_needed: bool  # !


def _parse(text: str) -> Mapping[str, _Kind]:
    return {
        entry[1]: _Kind(
            kinds=entry[2].split("|") if entry[2] else [],
            is_free=entry[3] == "*",
            of_anything=entry[3] == ":",
            shapes=None if entry[4] is None else [shape.strip() for shape in entry[4].split("|")],
            is_needed=bool(entry[5]),
        )
        for entry in _ENTRY.finditer(text.strip())
    }


def check_state(
    cls: type[BaseEstimator],
    declaration: Declaration,
    state: State,
    params: dict[str, Any],
    *,
    has_weights: bool = False,
) -> None:
    """Raise ValueError unless attributes are those that are declared, and fit together.

    An estimator that has any, or has weights, is fitted, and has all that it needs.
    """
    kinds = _parse(f"{declaration.attributes} {COMMON}")
    lengths: dict[str, int] = {}
    n_features = state.get("n_features_in_")
    if n_features is not None:
        if not isinstance(n_features, (int, np.integer)) or n_features < 0:
            raise ValueError(f"n_features_in_ is {n_features!r}, not a number of columns")
        lengths["f"] = int(n_features)
    config = state.get("_sklearn_output_config", {})
    if not isinstance(config, dict) or not set(map(str, config.values())) <= _CONTAINERS:
        raise ValueError(f"_sklearn_output_config is {str(config)[:80]!r}")
    for name, value in state.items():
        if name not in kinds:
            raise ValueError(f"{cls.__name__} has no attribute {name!r} that a file may set")
        kind = kinds[name]
        if not kind.is_free and not _fits(value, kind, lengths):
            raise ValueError(
                f"{cls.__name__}.{name} is {_describe(value)}, which does not fit "
                f"{_wanted(kind, lengths)}"
            )
    if has_weights or state.keys() & declaration.names(common=False):
        lacking = [name for name, kind in kinds.items() if kind.is_needed and name not in state]
        if lacking:
            raise ValueError(f"the fitted {cls.__name__} lacks its attribute {lacking[0]}")
    if declaration.check is not None:
        declaration.check(state, params)


_CONTAINERS = {"default", "pandas", "polars", "None"}


def _fits(value: Any, kind: _Kind, lengths: dict[str, int]) -> bool:
    if kind.kinds:
        return any(KINDS[name](value) for name in kind.kinds)
    if not isinstance(value, np.ndarray):
        if kind.shapes is None:
            return isinstance(value, _PLAIN)
        return "" in kind.shapes and (value is None or _is_number(value))
    is_right = _is_plain_array(value) if kind.of_anything else _is_array(value)
    if kind.shapes is None or not is_right:
        return False
    for shape in kind.shapes:
        letters = shape.split()
        if not letters or len(letters) != value.ndim:
            continue
        found = dict(lengths)
        fits = all(
            (int(letter) if letter.isdigit() else found.setdefault(letter, n)) == n
            for letter, n in zip(letters, value.shape, strict=True)
        )
        if fits:
            lengths.update(found)
            return True
    return False


def _describe(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape} and type {value.dtype}"
    return f"{str(value)[:60]!r} ({type(value).__name__})"


def _wanted(kind: _Kind, lengths: dict[str, int]) -> str:
    if kind.kinds:
        return " or ".join(kind.kinds)
    if kind.shapes is None:
        return "a plain value"
    shapes = [
        f"({', '.join(str(lengths.get(letter, letter)) for letter in shape.split())})"
        if shape
        else "a plain value"
        for shape in kind.shapes
    ]
    return " or ".join(shapes)
