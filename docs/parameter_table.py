"""The page of all parameters of all estimators, written from their docstrings."""

from __future__ import annotations

import inspect
import re
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import api_reference
from numpydoc.docscrape import ClassDoc
from sklearn.base import BaseEstimator

INTRODUCTION = """\
.. _parameters:

Parameters
==========
One name means one thing, in whatever class it stands. Options are spelt with underscores, as most
of scikit-learn's are. Parameters after the first or second are passed by keyword.
"""


class Use(NamedTuple):
    """Hold how a class describes one of its parameters."""

    cls: type[BaseEstimator]
    kind: str
    default: str
    meaning: str
    constraint: Any


def find_estimators() -> list[type[BaseEstimator]]:
    """Public classes with parameters in the sense of scikit-learn, by name."""
    found = {
        value.__name__: value
        for package in api_reference.PACKAGES
        for name in import_module(package).__all__
        if inspect.isclass(value := getattr(import_module(package), name))
        and issubclass(value, BaseEstimator)
    }
    return [found[name] for name in sorted(found)]


def collect() -> dict[str, list[Use]]:
    """For each name of a parameter its uses, sorted by name."""
    uses = defaultdict(list)
    for cls in find_estimators():
        documented = {
            name.strip(): parameter
            for parameter in ClassDoc(cls)["Parameters"]
            for name in parameter.name.split(",")
        }
        constraints = getattr(cls, "_parameter_constraints", {})
        for name, parameter in inspect.signature(cls).parameters.items():
            kind, text = documented[name].type, " ".join(documented[name].desc)
            kind = re.sub(r",? default=.*", "", kind)
            default = "" if parameter.default is parameter.empty else repr(parameter.default)
            meaning = re.match(r"(.*?(?<!e\.g)[.:;])( |$)", text)
            assert meaning is not None, f"{cls.__name__}.{name} has no sentence: {text!r}"
            said = re.sub(r"( \[\d+\]_)+", "", meaning[1])  # papers are listed with the class
            said = said.rstrip(":;.") + "."
            uses[name].append(Use(cls, kind, default, said, constraints.get(name)))
    return dict(sorted(uses.items()))


def write(path: Path) -> None:
    """Write the page to `path`."""
    lines = [INTRODUCTION, ".. list-table::", "   :header-rows: 1", "   :widths: 16 20 36 28", ""]
    rows = [("parameter", "kind", "meaning", "classes, with the default")]
    for name, uses in collect().items():
        by_meaning: dict[tuple[str, str], list[Use]] = defaultdict(list)
        for use in uses:
            by_meaning[use.kind, use.meaning].append(use)
        for (kind, meaning), same in by_meaning.items():
            classes = [
                f":class:`~{use.cls.__module__.split('._')[0]}.{use.cls.__name__}`"
                + (f" {_code(use.default)}" if use.default else "")
                for use in same
            ]
            rows.append((f"``{name}``", kind, meaning, ", ".join(classes)))
    for row in rows:
        lines += [f"   {'  ' if i else '* '}- {cell}" for i, cell in enumerate(row)]
    text = "\n".join(lines) + "\n"
    # Untouched, Sphinx need not read it again.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _code(text: str) -> str:
    return f"``{text}``"
