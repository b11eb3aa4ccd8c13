"""Code of README, landing page and quick start runs as written, and so do the README's commands."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from hwsk.cli import main
from hwsk.datasets import make_handwriting, make_signatures

ROOT = Path(__file__).parents[1]
# What takes minutes is made smaller; each of these has to be in the text, or the test says so.
SMALLER = {
    "README.md": {
        "make_handwriting(2000, n_writers=200,": "make_handwriting(24, n_writers=2,",
        "make_handwriting(100, n_writers=5,": "make_handwriting(4, n_writers=2,",
        "max_epochs=20,": "max_epochs=1,",
        "max_epochs=10, batch_size=16": "max_epochs=1, batch_size=100",
        "(X[:1000], y[:1000])": "(X[:200], y[:200])",
    },
    "docs/index.rst": {
        "CTCRecognizer(verbose=1)": "CTCRecognizer(verbose=1, max_epochs=1)",
    },
    "docs/quick_start.rst": {
        "y_train, random_state=0": "y_train, max_epochs=1, random_state=0",
    },
}


def snippets(name: str) -> str:
    """All the Python of a page, in order: who reads the page runs one after the other."""
    text = (ROOT / name).read_text(encoding="utf-8")
    if name.endswith(".md"):
        found = re.findall(r"^```python\n(.*?)^```", text, flags=re.DOTALL | re.MULTILINE)
    else:
        blocks = re.findall(r"^\.\. code-block:: python\n\n((?: {3}.*\n|\n)+)", text, re.MULTILINE)
        found = [re.sub(r"^ {3}", "", block, flags=re.MULTILINE) for block in blocks]
    assert len(found) >= 2, f"{name} shows {len(found)} snippets"
    code = "\n".join(found)
    for large, small in SMALLER[name].items():
        assert large in code, f"{name} no longer holds {large!r}"
        code = code.replace(large, small)
    return code


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where a reader of the README stands: with models, and with images of the named kinds."""
    (tmp_path / "models").symlink_to(ROOT / "models")
    made = make_handwriting(12, n_writers=2, random_state=0)

    def save(name: str, image: Any) -> None:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        assert cv2.imwrite(str(tmp_path / name), image)

    for i, name in enumerate(("line1", "line2", "another_line", "and1", "and2")):
        save(f"{name}.png", made.images[i])
    for i, (image, text) in enumerate(zip(made.images, made.text, strict=True)):
        save(f"my_lines/a{i}.png", image)
        (tmp_path / f"my_lines/a{i}.gt.txt").write_text(text + "\n", encoding="utf-8")
    page = np.full((1754, 1240), 255, np.uint8)
    for i, image in enumerate(make_handwriting(4, level="line", height=48, random_state=0).images):
        page[200 + 90 * i : 248 + 90 * i, 100 : 100 + image.shape[1]] = image[:, :1100]
    save("page.png", page)
    signatures = make_signatures(2, random_state=0)
    save("reference.png", signatures.images[0])
    save("questioned.png", signatures.images[1])
    letter = np.full((40, 40), 255, np.uint8)
    cv2.line(letter, (20, 6), (20, 34), 0, 3)
    save("letter1.png", letter)
    save("letter2.png", letter)
    monkeypatch.chdir(tmp_path)
    yield tmp_path


def test_commands_run_as_written(folder: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    commands = re.findall(r"^\$ hwsk (.*)$", text, flags=re.MULTILINE)
    assert len(commands) >= 4
    for command in commands:
        result = CliRunner().invoke(main, shlex.split(command))
        assert result.exit_code == 0, f"{command}: {result.output}"
    assert (folder / "letter.svg").stat().st_size > 1000
    assert list((folder / "out").iterdir())


@pytest.mark.parametrize("name", SMALLER)
@pytest.mark.filterwarnings("ignore")
def test_python_runs_as_written(
    name: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exec(compile(snippets(name), name, "exec"), {"__name__": "__main__"})
    if name == "README.md":
        assert (folder / "letter.svg").stat().st_size > 1000
        assert (folder / "my_reader.hwsk").is_file()


def test_the_map_of_contributing_names_every_package():
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {name.rstrip("/") for line in rows for name in re.findall(r"`(hwsk/[^`]+)`", line)}
    there = {
        f"hwsk/{path.name}"
        for path in (ROOT / "hwsk").iterdir()
        if (path.suffix == ".py" or (path / "__init__.py").exists()) and path.name[:2] != "__"
    }
    assert named == there
