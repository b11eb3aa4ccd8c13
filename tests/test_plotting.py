"""Lines with their readings: what is drawn, in which colour, and what without matplotlib."""

from __future__ import annotations

import sys
from itertools import pairwise

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

from hwsk.plotting import NOTHING, RIGHT, WRONG, ReadingDisplay

images = [np.full((20, 90), 255, np.uint8), np.zeros((30, 60), np.float32)]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class Reader(BaseEstimator):
    """Says how wide an image is."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def predict(self, X):
        return np.array([str(image.shape[1]) for image in X], object)


def runs(axes):
    return [(text.get_text(), to_hex(text.get_color())) for text in axes.texts]


def test_wrong_characters_are_coloured():
    display = ReadingDisplay.from_predictions(images, ["the rivor", "two"], ["the river", "two"])
    first, second = display.axes_
    assert runs(first) == [
        ("the riv", RIGHT), ("o", WRONG), ("r", RIGHT),
        ("the riv", RIGHT), ("e", WRONG), ("r", RIGHT),
    ]  # fmt: skip
    assert runs(second) == [("two", RIGHT)]
    assert display.axes_[0].images[0].get_array().shape == (20, 90)


def test_missed_and_inserted_characters():
    display = ReadingDisplay.from_predictions(images, ["ab", ""], ["a b", "x"])
    assert runs(display.axes_[0]) == [
        ("a", RIGHT), ("b", RIGHT), ("a", RIGHT), ("\N{OPEN BOX}", WRONG), ("b", RIGHT)
    ]  # fmt: skip
    assert runs(display.axes_[1]) == [("(nothing)", NOTHING), ("x", WRONG)]


def test_nothing_read_is_said():
    display = ReadingDisplay.from_predictions(images, ["", ""], ["", "x"])
    assert runs(display.axes_[0]) == [("(nothing)", NOTHING)]
    display.figure_.canvas.draw()
    reading, truth = (text.get_window_extent() for text in display.axes_[1].texts)
    assert truth.y1 < reading.y0 + 3 and truth.x0 == pytest.approx(reading.x0, abs=1.5)


def test_runs_stand_beside_each_other_and_truth_below():
    display = ReadingDisplay.from_predictions(images[:1], ["the  rivor $x$"], ["the river"])
    display.figure_.canvas.draw()
    boxes = [text.get_window_extent() for text in display.axes_[0].texts]
    count = len(ReadingDisplay.from_predictions(images[:1], ["the  rivor $x$"]).axes_[0].texts)
    assert count == 1
    image = display.axes_[0].get_window_extent()
    assert boxes[0].y1 <= image.y0 + 1
    baseline = [box.x0 for box in boxes]
    second = baseline.index(min(baseline[1:]), 1)  # where the truth starts
    for line in (boxes[:second], boxes[second:]):
        for left, right in pairwise(line):
            assert right.x0 == pytest.approx(left.x1, abs=1.5)
    assert boxes[second].y1 < boxes[0].y0 + 3


def test_from_estimator_reads_the_first_lines():
    reader = Reader().fit(images)
    for X in (images, np.array([*images, None], object)[:2]):
        display = ReadingDisplay.from_estimator(reader, X, ["90", "61"], max_lines=5)
        assert display.y_pred == ["90", "60"]
    display = ReadingDisplay.from_estimator(reader, images, max_lines=1)
    assert len(display.axes_) == 1 and display.y_true is None
    with pytest.raises(NotFittedError):
        ReadingDisplay.from_estimator(Reader(), images)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ReadingDisplay.from_estimator(reader, images, ["90"])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        ReadingDisplay.from_predictions(images, ["90"])


def test_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    display = ReadingDisplay.from_predictions(images, ["a", "b"], ax=right)
    assert display.figure_ is figure and len(display.axes_) == 2
    assert not left.images and len(figure.axes) == 4
    assert display.plot() is display and display.figure_ is not figure
    free = plt.figure().add_axes((0, 0, 1, 1))
    with pytest.raises(ValueError, match=r"plt\.subplots"):
        display.plot(ax=free)


def test_without_matplotlib(monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install hwsk\[plot\]"):
        ReadingDisplay.from_predictions(images, ["a", "b"])
