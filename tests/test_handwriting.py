"""make_handwriting and its letter forms."""

from __future__ import annotations

import re
import string
import unicodedata

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hwsk.datasets import make_handwriting
from hwsk.datasets._letter_forms import letter_forms
from hwsk.preprocessing import StrokeRasterizer

PRINTABLE = "".join(chr(code) for code in range(33, 127))
ACCENTED = "àéîõüåçčāăñÄÖÜÉ"


def assert_same(a, b):
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


@pytest.mark.parametrize("level", ["word", "line"])
def test_what_comes_back(level):
    data = make_handwriting(12, level=level, n_writers=5, random_state=0)
    assert len(data.strokes) == len(data.images) == len(data.style) == 12
    for name in ("strokes", "images", "text", "writer", "ids"):
        assert data[name].dtype == object
        assert data[name].shape == (12,)
    for strokes, image in zip(data.strokes, data.images, strict=True):
        assert strokes.dtype == np.float32
        assert strokes.shape[1] == 3
        np.testing.assert_array_equal(strokes[0, :2], 0)
        assert strokes[-1, 2] == 1
        assert set(np.unique(strokes[:, 2])) <= {0, 1}
        assert image.dtype == np.uint8
        assert image.shape[0] == 64
        assert image.min() < 130
        assert np.median(image) == 255, "dark ink on light paper"
    assert len(set(data.writer)) == 5
    assert len(set(data.ids)) == 12
    assert all(unicodedata.is_normalized("NFC", text) and text.strip() for text in data.text)
    lengths = [len(text) for text in data.text]
    assert (np.mean(lengths) > 20) == (level == "line")
    assert "Hershey" in data.DESCR


def test_X_and_y():
    images, text = make_handwriting(3, return_X_y=True, random_state=1)
    data = make_handwriting(3, random_state=1)
    assert_same(images, data.images)
    assert list(text) == list(data.text)


def test_random_state_decides_everything_and_nothing_global_moves():
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = make_handwriting(8, level="line", random_state=3)
    again = make_handwriting(8, level="line", random_state=np.random.RandomState(3))
    other = make_handwriting(8, level="line", random_state=4)
    make_handwriting(1)
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    assert_same(first.strokes, again.strokes)
    assert_same(first.images, again.images)
    assert list(first.text) == list(again.text)
    assert first.style.equals(again.style)
    assert not first.style.equals(other.style)
    assert list(first.text) != list(other.text)


def test_samples_do_not_depend_on_how_many_there_are():
    few = make_handwriting(4, n_writers=4, random_state=0)
    many = make_handwriting(9, n_writers=7, random_state=0)
    assert_same(few.strokes, many.strokes[:4])
    assert few.style.equals(many.style[:4])
    higher = make_handwriting(4, n_writers=4, height=30, random_state=0)
    assert_same(few.strokes, higher.strokes)
    assert {image.shape[0] for image in higher.images} == {30}


def test_samples_of_a_writer_share_the_style_and_vary():
    data = make_handwriting(4, n_writers=2, texts=["minimum"], random_state=0)
    assert data.style.iloc[0].equals(data.style.iloc[2])
    assert not data.style.iloc[0].equals(data.style.iloc[1])
    assert not np.array_equal(data.images[0], data.images[2])


def test_strokes_rasterize_to_the_image():
    data = make_handwriting(6, n_writers=6, height=48, random_state=5)
    for i, strokes in enumerate(data.strokes):
        style = data.style.iloc[i]
        drawn = StrokeRasterizer(
            height=48, margin=3, pen_width=style["pen_width"], ink_level=int(style["ink"])
        ).fit_transform([strokes])[0]
        np.testing.assert_array_equal(drawn, data.images[i])


def test_writers_differ_more_than_samples_of_one_writer():
    n_writers = 12
    data = make_handwriting(
        n_writers * 4, n_writers=n_writers, texts=["handgloves"], random_state=0
    )
    # One pen and ink for all: what is left is the shape of the letters.
    images = StrokeRasterizer(height=48, pen_width=3).fit_transform(data.strokes)
    pixels = np.stack(
        [cv2.GaussianBlur(cv2.resize(image, (160, 32)), (5, 5), 0).ravel() for image in images]
    ).astype(float)
    distance = np.linalg.norm(pixels[:, np.newaxis] - pixels, axis=2)
    same = data.writer[:, np.newaxis] == data.writer
    off_diagonal = ~np.eye(len(same), dtype=bool)
    within, between = distance[same & off_diagonal], distance[~same]
    assert np.median(between) > 1.3 * np.median(within)
    nearest = (distance + 1e9 * ~off_diagonal).argmin(axis=1)
    assert np.mean(data.writer[nearest] == data.writer) > 0.8


def test_style_does_what_it_says():
    data = make_handwriting(60, n_writers=60, texts=["lll"], random_state=0)
    joins = np.array([3 - strokes[:, 2].sum() for strokes in data.strokes])
    assert joins[data.style["joining"] > 0.85].mean() > 1
    assert not joins[data.style["joining"] == 0].any()
    single = make_handwriting(60, n_writers=60, texts=["l"], random_state=0)
    slant = [np.polyfit(*np.cumsum(s[:, :2], axis=0).T[::-1], 1)[0] for s in single.strokes]
    assert np.corrcoef(-np.array(slant), single.style["slant"])[0, 1] > 0.8


def test_texts_in_order_or_drawn():
    texts = ["one", "two", "three"]
    assert list(make_handwriting(3, texts=texts, random_state=0).text) == texts
    drawn = make_handwriting(40, texts=np.array(texts), random_state=0).text
    assert set(drawn) == set(texts)
    decomposed = unicodedata.normalize("NFD", "café")
    assert make_handwriting(1, texts=[decomposed]).text[0] == "café"


@pytest.mark.parametrize("character", PRINTABLE + ACCENTED + "£€‘’“”–—")
def test_every_character_has_forms(character):
    forms = letter_forms(character)
    assert forms
    for form in forms:
        assert form.body
        points = np.concatenate([*form.body, *form.marks])
        assert np.isfinite(points).all()
        assert points[:, 1].min() > -3.5
        assert points[:, 1].max() < 1.6
    if character.isalpha():
        assert len(forms) > 1
    if character.isascii() and character.islower() and character not in "bdfhiklt":
        for form in forms:
            assert -1.3 < np.concatenate(form.body)[:, 1].min() < -0.6, "as high as an x"


def test_accents_are_set_on():
    plain, accented = letter_forms("e")[0], letter_forms("é")[0]
    assert len(accented.marks) == len(plain.marks) + 1
    assert accented.marks[-1][:, 1].max() < min(stroke[:, 1].min() for stroke in plain.body)
    assert len(letter_forms("ï")[0].marks) == 2, "instead of the dot"


@pytest.mark.parametrize("character", ["ж", "漢", "\n", "\t", "¥", "ß", "\u0301"])
def test_a_character_without_form_is_named(character):
    assert letter_forms(character) == ()
    with pytest.raises(ValueError, match=re.escape(f"texts[1] holds {character!r}")):
        make_handwriting(2, texts=["fine", f"not {character}"])
    with pytest.raises(ValueError, match="alphabet holds"):
        make_handwriting(2, alphabet=character + "abc")


@pytest.mark.parametrize("level", ["word", "line"])
@pytest.mark.parametrize(
    "alphabet",
    [string.digits, "a", string.ascii_lowercase, string.ascii_letters + " ", "é ", "xyz"],
)
def test_alphabet_restricts_the_built_in_texts(level, alphabet):
    data = make_handwriting(30, level=level, alphabet=alphabet, random_state=0)
    assert set("".join(data.text)) <= set(alphabet)
    assert all(text.strip() for text in data.text)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"texts": ["ab", "ax"], "alphabet": "ab"}, r"texts\[1\] holds 'x'.* not in alphabet"),
        ({"texts": ["ab", " "]}, r"texts\[1\] is ' '; there is nothing to write"),
        ({"texts": []}, "texts is empty"),
        ({"texts": "abc"}, "texts"),
        ({"alphabet": " "}, "one character or more"),
        ({"level": "page"}, "level"),
        ({"n_writers": 0}, "n_writers"),
        ({"n_samples": 0}, "n_samples"),
        ({"height": 2}, "height"),
    ],
)
def test_wrong_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        make_handwriting(**{"n_samples": 4, **parameters})


def test_texts_that_are_no_strings():
    with pytest.raises(TypeError, match=r"texts\[1\] is 7 \(int\)"):
        make_handwriting(2, texts=["a", 7])


@settings(max_examples=40, deadline=None)
@given(
    st.text(alphabet=PRINTABLE + ACCENTED + " ", min_size=1, max_size=25).filter(str.strip),
    st.integers(0, 10**6),
)
def test_any_text_can_be_written(text, seed):
    data = make_handwriting(2, n_writers=2, texts=[text], random_state=seed)
    assert data.text[0] == text
    for strokes, image in zip(data.strokes, data.images, strict=True):
        assert np.isfinite(strokes).all()
        assert strokes[:, 2].sum() >= 1
        assert image.min() < 200
