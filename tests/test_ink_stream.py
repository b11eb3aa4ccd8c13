"""`InkRecognizer.stream`: strokes come and go, and the text is that of `predict`."""

import copy

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError
from small_ink import ink_recognizer, ink_words, split_pen_ups

from hwsk.recognition import CTCDecoder, InkRecognizer


@pytest.fixture(scope="module")
def recognizer():
    return ink_recognizer()


@pytest.fixture(scope="module")
def others():
    return ink_words(1, 24)


def test_text_is_that_of_predict_after_every_stroke(recognizer, others):
    for sample in others.strokes:
        stream = recognizer.stream()
        for stroke in split_pen_ups(sample):
            stream.add(stroke)
            assert stream.text == recognizer.predict([stream.strokes])[0]
        np.testing.assert_allclose(stream.strokes[1:], sample[1:], atol=1e-3)
        assert stream.text == recognizer.predict([sample])[0]
        assert stream.details() == recognizer.predict_details([stream.strokes])[0]


def test_undo_leaves_nothing_behind(recognizer, others):
    first, second = (split_pen_ups(sample) for sample in others.strokes[:2])
    stream, texts = recognizer.stream(), [""]
    assert stream.text == "" and len(stream) == 0 and stream.strokes.shape == (0, 3)
    for stroke in first:
        stream.add(stroke)
        texts.append(stream.text)
    for stroke in second:
        stream.add(stroke)
    stream.undo(len(second))
    while len(stream):
        assert stream.text == texts.pop()
        stream.undo()
    assert texts == [""] and stream.text == ""
    for stroke in second:
        stream.add(stroke.tolist())
    stream.clear()
    assert len(stream) == 0 and stream.text == ""


def test_another_decoder_counts_from_the_next_stroke_on(recognizer, others):
    changed = copy.deepcopy(recognizer)
    stream = changed.stream()
    for stroke in split_pen_ups(others.strokes[0]):
        stream.add(stroke)
    assert isinstance(stream.text, str)
    changed.set_params(decoder=CTCDecoder(beam_width=3))
    stream.add([[0, 0]])
    assert stream.text == changed.predict([stream.strokes])[0]


def test_a_partial_text_warns_of_nothing(recognizer, recwarn):
    stream = recognizer.stream()
    stream.add([[0, 0], [3, 3]])
    assert isinstance(stream.text, str) and isinstance(stream.details()["text"], str)
    assert not recwarn.list


@pytest.mark.parametrize(
    ("stroke", "message"),
    [
        ([], r"stroke 1 has shape \(0,\)"),
        ([1, 2], r"stroke 1 has shape \(2,\)"),
        ([[1, 2, 0]], r"stroke 1 has shape \(1, 3\)"),
        ([[1, 2], [np.nan, 1]], r"stroke 1 holds NaN.*first at point 1"),
        ([[1, 2], [1e31, 1]], r"stroke 1 holds NaN.*first at point 1"),
        ([["a", 2]], "stroke 1 is not a list of points"),
    ],
)
def test_what_is_no_stroke_is_refused(recognizer, stroke, message):
    stream = recognizer.stream()
    stream.add([[0, 0], [3, 3]])
    with pytest.raises(ValueError, match=message):
        stream.add(stroke)
    assert len(stream) == 1


def test_undo_of_more_than_there_is_is_refused(recognizer):
    stream = recognizer.stream()
    for n in (0, 1, -1):
        with pytest.raises(ValueError, match=f"n_strokes={n}: there are 0 strokes"):
            stream.undo(n)
    with pytest.raises(ValueError, match="no stroke was added yet"):
        stream.details()


def test_a_stream_needs_a_fitted_recognizer():
    with pytest.raises(NotFittedError):
        InkRecognizer().stream()
