"""The models of the repository: they load, are small, have a card, and read."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

import hwsk
from hwsk.datasets import load_emnist, load_iam, make_handwriting
from hwsk.metrics import character_error_rate
from hwsk.preprocessing import CharacterNormalizer

FOLDER = Path(__file__).parents[1] / "models"
DATA = Path(__file__).parents[2] / "shared" / "data"
MODELS = sorted(FOLDER.glob("*.hwsk"))


def test_the_models_are_there():
    assert {path.stem for path in MODELS} >= {"emnist-characters", "iam-lines", "iam-writers"}


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_model_is_small_and_has_a_card(path):
    assert path.stat().st_size <= 8_000_000
    card = path.with_suffix(".md").read_text()
    assert "hwsk.load" in card
    assert "Research use" in card or "public" in card  # what the terms of the data are


def test_iam_lines_reads_handwriting_it_was_not_trained_on():
    lines = make_handwriting(20, level="line", n_writers=20, random_state=0)
    reader = hwsk.load(FOLDER / "iam-lines.hwsk")
    assert character_error_rate(lines.text, reader.predict(list(lines.images))) < 0.25


def test_emnist_characters_reads_characters_it_was_not_trained_on():
    letters = make_handwriting(200, texts=list("ABCDEFGHKMNPRSTXYZ"), n_writers=40, random_state=0)
    reader = make_pipeline(CharacterNormalizer(), hwsk.load(FOLDER / "emnist-characters.hwsk"))
    assert reader.score(letters.images, letters.text) > 0.6


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_emnist_characters_is_as_good_as_its_card_says():
    test = load_emnist(DATA / "emnist", split="balanced", subset="train")
    reader = hwsk.load(FOLDER / "emnist-characters.hwsk")
    assert reader.score(test.images[::4], test.text[::4]) > 0.88


def test_iam_writers_takes_any_line():
    model = hwsk.load(FOLDER / "iam-writers.hwsk")
    assert len(model.classes_) == 50 and "000" in model.classes_
    lines = make_handwriting(2, level="line", n_writers=2, height=110, random_state=0)
    proba = model.predict_proba(list(lines.images))
    assert proba.shape == (2, 50)


@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_iam_writers_knows_them_by_forms_it_was_not_trained_on(tmp_path):
    model = hwsk.load(FOLDER / "iam-writers.hwsk")
    lines = load_iam(DATA / "iam", data_home=tmp_path)
    known = np.isin(lines.writer.astype(str), model.classes_)
    rows = np.flatnonzero(known & ~np.isin(lines.form.astype(str), model[-1].pages_))
    assert len(set(lines.form[rows])) == 8
    told = model.predict(lines.images[rows])
    assert np.mean(told == lines.writer[rows]) > 0.9
