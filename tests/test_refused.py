"""The pages of the documentation on what is refused, held against the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from hwsk._limits import COPIES, JOBS, SIDE, UNITS
from hwsk.persistence import STRING_BYTES
from hwsk.persistence._encoding import MOST_ESTIMATORS
from hwsk.persistence._sklearn import SKLEARN

ROOT = Path(__file__).parents[1]
GAP = "\0"  # where a message has a value


def messages() -> list[str]:
    """All strings of the package, with a gap for each value that is put in."""
    found = []
    for file in sorted((ROOT / "hwsk").rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [p.value if isinstance(p, ast.Constant) else GAP for p in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


MESSAGES = messages()
PHRASES = re.findall(r"^   \* - ``(.+)``$", (ROOT / "docs/refused.rst").read_text(), re.M)


def test_there_are_phrases():
    assert len(PHRASES) > 15


@pytest.mark.parametrize("phrase", PHRASES)
def test_what_the_table_quotes_is_said(phrase):
    assert any(phrase in message for message in MESSAGES)


def test_the_chapter_lists_the_classes_of_scikit_learn():
    text = (ROOT / "docs/persistence.rst").read_text()
    listed = {
        f"{module}.{name}"
        for module, names in re.findall(
            r"^   \* - ``(sklearn[\w.]*)``\n((?:     .*\n)+)", text, re.M
        )
        for name in re.findall(r"``(\w+)``", names)
    }
    assert listed == set(SKLEARN)


def test_the_limits_are_those_of_the_page():
    text = (ROOT / "docs/security.rst").read_text()
    assert f"{STRING_BYTES >> 20} MB and 8 times the file" in text
    assert f"{SIDE:,} pixels, {UNITS:,} units, {COPIES} copies, {JOBS} processes" in text
    assert f"     - {MOST_ESTIMATORS}\n" in text
