"""The models of the repository: they load, are small, have a card, and read."""

from pathlib import Path

import pytest

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.metrics import character_error_rate

FOLDER = Path(__file__).parents[1] / "models"
MODELS = sorted(FOLDER.glob("*.hwsk"))


def test_the_models_are_there():
    assert {path.stem for path in MODELS} >= {"iam-lines"}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_model_is_small_and_has_a_card(path):
    assert path.stat().st_size < 10 * 2**20
    card = path.with_suffix(".md").read_text()
    assert "hwsk.load" in card
    assert "Research use" in card


def test_iam_lines_reads_handwriting_it_was_not_trained_on():
    lines = make_handwriting(20, level="line", n_writers=20, random_state=0)
    reader = hwsk.load(FOLDER / "iam-lines.hwsk")
    assert character_error_rate(lines.text, reader.predict(list(lines.images))) < 0.25
