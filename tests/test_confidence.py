"""What confidence is worth: calibration error, errors against coverage, and the curve's picture."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_words import draw_words, small_recognizer

from hwsk.metrics import (
    character_error_rate,
    character_f1,
    expected_calibration_error,
    read_right,
    risk_coverage_curve,
    word_error_rate,
)
from hwsk.plotting import RiskCoverageDisplay

TRUE = ["one two", "three", "four", "five six"]
READ = ["one twa", "three", "foul", "fivesix"]
SURE = [0.5, 0.9, 0.5, 0.7]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


# --- expected calibration error


def test_calibration_error_bin_by_bin():
    rng = np.random.default_rng(0)
    confidence = rng.random(500)
    right = rng.random(500) < confidence**2
    expected = 0.0
    for low in np.arange(5) / 5:
        inside = (confidence >= low) & (confidence < low + 0.2)
        expected += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    assert expected_calibration_error(right, confidence, n_bins=5) == pytest.approx(expected)


def test_calibration_error_at_its_ends():
    assert expected_calibration_error([1, 1, 0], [1.0, 1.0, 0.0]) == 0
    assert expected_calibration_error([0, 0, 1], [1.0, 1.0, 0.0]) == 1
    right = np.random.default_rng(0).random(100_000) < 0.3
    assert expected_calibration_error(right, np.full(100_000, 0.3)) < 0.01


@pytest.mark.parametrize(
    ("y_true", "confidence", "options", "message"),
    [
        ([1, 0], [0.5], {}, "inconsistent numbers of samples"),
        ([], [], {}, "y_true and confidence are empty"),
        ([1, 0], [0.5, 1.5], {}, "confidence is 1.5 in row 1; it must lie between 0 and 1"),
        ([1, 0], [np.nan, 0.5], {}, "confidence is nan in row 0"),
        ([1, 2], [0.5, 0.5], {}, "y_true holds 2; it is 0 or 1"),
        ([1, 0], [0.5, 0.5], {"n_bins": 0}, "n_bins is 0"),
    ],
)
def test_bad_calibration_input(y_true, confidence, options, message):
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(y_true, confidence, **options)


# --- what is right


def test_what_was_read_right():
    characters = read_right(["the river", "", "ab"], ["the rivor", "x", ""])
    expected = [[True] * 7 + [False, True], [False], []]
    assert [right.tolist() for right in characters] == expected
    (words,) = read_right(["one two three"], ["one too  three four"], unit="word")
    assert words.tolist() == [True, False, True, False]
    with pytest.raises(ValueError, match="unit is 'line'; it is 'char' or 'word'"):
        read_right(TRUE, READ, unit="line")
    with pytest.raises(ValueError, match="y_true has 4 lines and y_pred has 1"):
        read_right(TRUE, READ[:1])


# --- errors against coverage

texts = st.text("ab ", max_size=5)


@given(st.lists(st.tuples(texts, texts, st.sampled_from([0.1, 0.5, 0.9])), min_size=1, max_size=8))
def test_the_curve_is_the_metric_of_what_is_kept(rows):
    true, read, sure = (list(column) for column in zip(*rows, strict=True))
    for metric in (character_error_rate, word_error_rate, character_f1):
        coverage, risk, thresholds = risk_coverage_curve(true, read, sure, metric=metric)
        assert coverage[-1] == 1
        assert_array_equal(thresholds, sorted(set(sure), reverse=True))
        for share, value, threshold in zip(coverage, risk, thresholds, strict=True):
            kept = [i for i, s in enumerate(sure) if s >= threshold]
            assert share == pytest.approx(len(kept) / len(sure))
            again = metric([true[i] for i in kept], [read[i] for i in kept])
            assert value == pytest.approx(again)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"confidence": SURE[:3]}, "inconsistent numbers of samples"),
        ({"confidence": [0.5, np.nan, 0.5, 0.5]}, "confidence has NaN in row 1"),
        ({"metric": max}, "metric is .*; it must be one of character_error_rate, word_error_rate,"),
    ],
)
def test_bad_curves(changes, message):
    arguments = {"y_true": TRUE, "y_pred": READ, "confidence": SURE, **changes}
    with pytest.raises(ValueError, match=message):
        risk_coverage_curve(**arguments)


# --- the picture


def test_display():
    display = RiskCoverageDisplay.from_predictions(
        TRUE, READ, SURE, metric=word_error_rate, name="greedy"
    )
    assert_allclose(display.line_.get_xdata(), [0.25, 0.5, 1.0])
    assert_allclose(display.line_.get_ydata(), [0, 2 / 3, 4 / 6])
    assert display.ax_.get_ylabel() == "word error rate"
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["greedy"]
    _, ax = plt.subplots()
    again = RiskCoverageDisplay.from_predictions(TRUE, READ, SURE, ax=ax)
    assert again.ax_ is ax and again.figure_ is ax.figure
    assert ax.get_legend() is None
    assert again.plot(ax=ax, color="red").line_.get_color() == "red"


@pytest.mark.filterwarnings("ignore:after .* epochs the recognizer reads nothing")
def test_display_of_an_estimator():
    X, y = draw_words(30)
    reader = make_pipeline(FunctionTransformer(), small_recognizer(max_epochs=10))
    with pytest.raises(NotFittedError):
        RiskCoverageDisplay.from_estimator(reader, X, y)
    reader.fit(X, y)
    display = RiskCoverageDisplay.from_estimator(reader, X, y)
    assert display.risk[-1] == pytest.approx(1 - reader.score(X, y))
    assert display.name == "Pipeline"
    sure = [record["mean"] for record in reader[-1].predict_details(X)]
    assert display.thresholds[-1] == pytest.approx(min(sure))
