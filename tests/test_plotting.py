"""The displays: what is drawn, in which colour, and what without matplotlib."""

from __future__ import annotations

import sys
from itertools import pairwise

import matplotlib

matplotlib.use("Agg")

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.metrics import confusion_matrix
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from hwsk.metrics import confused_pairs
from hwsk.plotting import ConfusedPairsDisplay, ConfusionDisplay, ReadingDisplay
from hwsk.plotting._matplotlib import NOTHING, RIGHT, WRONG

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


# -- confused characters


MANY = [chr(code) for code in range(65, 112)]  # 47, as EMNIST has
Y_TRUE = list("OOOO0000155")
Y_PRED = list("OO0000O0155")
glyphs = np.arange(11 * 6, dtype=np.uint8).reshape(11, 3, 2)  # each its own


def digits():
    X, y = load_digits(return_X_y=True)
    return GaussianNB().fit(X[:900], y[:900]), X[900:], y[900:]


def shown(display):
    """The images drawn, with the colour of their frames."""
    frames = [to_hex(frame.get_edgecolor()) for frame in display.ax_.patches]
    pictures = [image.get_array() for image in display.ax_.images]
    return list(zip(pictures, frames, strict=True))


def titles(display):
    return [text.get_text() for text in display.ax_.texts]


def test_confusion_of_many_classes_is_legible():
    rng = np.random.default_rng(0)
    y_true, y_pred = rng.choice(MANY, (2, 3000))
    y_pred[300:] = y_true[300:]
    display = ConfusionDisplay.from_predictions(y_true, y_pred)
    np.testing.assert_allclose(display.confusion_matrix.sum(axis=1), 1)
    assert display.text_ is None
    display.figure_.canvas.draw()
    labels = display.ax_.get_xticklabels()[:47]  # those at the top follow
    assert [label.get_text() for label in labels] == MANY
    boxes = [label.get_window_extent() for label in labels]
    assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
    boxes = [label.get_window_extent() for label in display.ax_.get_yticklabels()[:47]]
    assert all(upper.y0 > lower.y1 - 2 for upper, lower in pairwise(boxes))
    assert display.im_.norm(0.01) > 0.2  # rare errors show
    for name in (display.ax_.xaxis.label, display.ax_.yaxis.label):
        box = name.get_window_extent()
        assert min(box.x0, box.y0) >= 0


def test_confusion_of_few_classes_has_numbers():
    classifier, X, y = digits()
    display = ConfusionDisplay.from_estimator(classifier, X, y, normalize=None)
    counts = confusion_matrix(y, classifier.predict(X))
    np.testing.assert_array_equal(display.confusion_matrix, counts)
    assert [int(text.get_text()) for text in display.text_.flat] == counts.ravel().tolist()
    for value, text in zip(counts.flat, display.text_.flat, strict=True):
        assert (text.get_color() == "white") == (value > 15)
    assert display.im_.colorbar.ax.get_ylabel() == "samples"
    assert len(display.im_.colorbar.get_ticks()) >= 5
    red = ConfusionDisplay.from_predictions([1, 2], [1, 2], text_kw={"color": "red"})
    assert {text.get_color() for text in red.text_.flat} == {"red"}


def test_confusion_takes_what_scikit_learn_takes():
    _, ax = plt.subplots()
    display = ConfusionDisplay.from_predictions(
        ["cat", "dog", "cat"],
        ["cat", "cat", "cat"],
        sample_weight=[1, 2, 3],
        display_labels=["Cat", "$Dog$"],
        normalize="all",
        include_values=False,
        colorbar=False,
        cmap="viridis",
        im_kw={"vmax": 0.5},
        ax=ax,
    )
    assert display.ax_ is ax and display.text_ is None and display.im_.colorbar is None
    assert display.im_.norm(0.25) == 0.5 and display.im_.cmap.name == "viridis"
    assert display.confusion_matrix[1, 0] == pytest.approx(2 / 6)
    assert {label.get_rotation() for label in ax.get_xticklabels()} == {90}
    assert not ax.get_xticklabels()[1].get_parse_math()
    assert ConfusionDisplay(np.eye(3, dtype=int)).plot().display_labels is None
    with pytest.raises(ValueError, match="only supports classifiers"):
        ConfusionDisplay.from_estimator(Reader().fit(images), images, ["a", "b"])


def test_confused_pairs_are_counted_both_ways():
    pairs = confused_pairs([*Y_TRUE, "1", "1", "1"], [*Y_PRED, "5", "7", "1"])
    assert pairs.columns.tolist() == ["class_a", "class_b", "a_as_b", "b_as_a", "rate"]
    assert pairs.values.tolist() == [
        ["0", "O", 1, 2, 3 / 8],
        ["1", "7", 1, 0, 1 / 4],  # no true 7
        ["1", "5", 1, 0, 1 / 6],
    ]
    objects = np.array([*Y_TRUE, "S"], object), np.array([*Y_PRED, "S"])
    assert confused_pairs(*objects).rate.tolist() == [3 / 8]
    assert confused_pairs([3, 2, 3], [2, 3, 3]).loc[0, ["class_a", "class_b"]].tolist() == [2, 3]
    nothing = confused_pairs(["a"], ["a"])
    assert nothing.empty and nothing.columns.tolist() == pairs.columns.tolist()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        confused_pairs(["a", "b"], ["a"])


def test_confused_pairs_in_pictures():
    display = ConfusedPairsDisplay.from_predictions(glyphs, Y_TRUE, Y_PRED)
    assert len(display.pairs_) == 1
    assert titles(display) == ["37.5%", "0", "0 read as O: 1 of 4", "O read as 0: 2 of 4", "O"]
    order = [4, 5, 7, 6, 2, 3, 0, 1]
    for (picture, frame), row in zip(shown(display), order, strict=True):
        np.testing.assert_array_equal(picture, glyphs[row])
        assert frame == (WRONG if row in (6, 2, 3) else NOTHING)
    fewer = ConfusedPairsDisplay.from_predictions(glyphs, Y_TRUE, Y_PRED, n_images=1)
    assert [int(picture[0, 0]) // 6 for picture, _ in shown(fewer)] == [4, 6, 2, 0]


def test_confused_pairs_of_a_classifier_and_a_table():
    classifier, X, y = digits()
    pipeline = make_pipeline(FunctionTransformer(), classifier)
    display = ConfusedPairsDisplay.from_estimator(pipeline, X, y, n_pairs=2, n_images=3)
    assert len(display.pairs_) > 2
    assert [title for title in titles(display) if "%" in title] == [
        f"{rate:.1%}" for rate in display.pairs_.rate[:2]
    ]
    assert {picture.shape for picture, _ in shown(display)} == {(8, 8)}
    assert {image.norm.vmax for image in display.ax_.images} <= {15, 16}
    oblong = ConfusedPairsDisplay.from_estimator(classifier, X, y, image_shape=(4, 16))
    assert shown(oblong)[0][0].shape == (4, 16)
    line = ConfusedPairsDisplay.from_predictions(np.ones((2, 5)), ["a", "b"], ["b", "b"])
    assert shown(line)[0][0].shape == (1, 5)
    with pytest.raises(ValueError, match="product is the number of columns of X, 64"):
        ConfusedPairsDisplay.from_estimator(classifier, X, y, image_shape=(7, 9))
    with pytest.raises(NotFittedError):
        ConfusedPairsDisplay.from_estimator(GaussianNB(), X, y)


def test_only_what_is_shown_is_decoded(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), glyphs[0])
    cv2.imwrite(str(tmp_path / "2.png"), glyphs[2])
    paths = [str(tmp_path / f"{row}.png") for row in range(3)]  # there is no 1.png
    display = ConfusedPairsDisplay.from_predictions(paths, list("OS0"), list("OSO"))
    np.testing.assert_array_equal([picture for picture, _ in shown(display)], glyphs[[2, 0]])


def test_nothing_confused_is_said():
    for y in ("abc", "aaa"):
        display = ConfusedPairsDisplay.from_predictions(glyphs[:3], list(y), list(y))
        assert display.pairs_.empty and not display.ax_.images
        assert titles(display) == ["nothing confused: all 3 read rightly"]


def test_bad_input_of_confused_pairs():
    for bad in [(glyphs[:3], list("ab"), list("ab")), (glyphs[:2], list("ab"), list("a"))]:
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            ConfusedPairsDisplay.from_predictions(*bad)
    for name in ("n_pairs", "n_images"):
        with pytest.raises(ValueError, match=f"{name} == 0, must be >= 1"):
            ConfusedPairsDisplay.from_predictions(glyphs, Y_TRUE, Y_PRED, **{name: 0})


def test_pairs_on_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    display = ConfusedPairsDisplay.from_predictions(glyphs, Y_TRUE, Y_PRED, ax=right)
    assert display.ax_ is right and display.figure_ is figure and not left.images
    assert display.plot(n_images=1) is display and display.figure_ is not figure


def test_without_matplotlib(monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install hwsk\[plot\]"):
        ReadingDisplay.from_predictions(images, ["a", "b"])
    for display in (ConfusionDisplay, ConfusedPairsDisplay):
        data = [glyphs] * (display is ConfusedPairsDisplay)
        with pytest.raises(ImportError, match=r"pip install hwsk\[plot\]"):
            display.from_predictions(*data, Y_TRUE, Y_PRED)
