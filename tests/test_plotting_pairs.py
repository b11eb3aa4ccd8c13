"""Pairs side by side: which are shown, in which colour, and where."""

import cv2
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from hwsk.plotting._pairs import _RIGHT, _WRONG, PairDisplay

GREEN, RED = _RIGHT["color"], _WRONG["color"]
IMAGES = np.arange(8 * 12, dtype=np.uint8).reshape(8, 3, 4)  # each its own
PAIRS = np.array([[0, 1], [2, 3], [4, 5], [0, 6], [1, 7], [2, 5]])
SAME = np.array([1, 1, 1, 0, 0, 0])
SCORES = np.array([0.9, 0.2, 0.6, 0.7, 0.1, 0.3])


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def draw(X=IMAGES[PAIRS], y=SAME, scores=SCORES, threshold=0.5, **options):
    return PairDisplay.from_predictions(X, y, scores, threshold=threshold, **options)


def shown(display):
    """The rows of both images of each pair drawn, the colour of its frame, and its title."""
    ax = display.ax_
    rows = [int(image.get_array()[0, 0]) // 12 for image in ax.images]
    titles = [text.get_text() for text in ax.texts if "score" in text.get_text()]
    frames = [to_hex(frame.get_edgecolor()) for frame in ax.patches]
    return list(zip(rows[::2], rows[1::2], frames, titles, strict=True))


def test_the_hardest_pairs():
    display = draw(n_pairs=2)
    assert [rows.tolist() for rows in display.rows_] == [[1, 2], [3, 5]]
    assert shown(display) == [
        (2, 3, RED, "✗ score 0.2"), (4, 5, GREEN, "✓ score 0.6"),
        (0, 6, RED, "✗ score 0.7"), (2, 5, GREEN, "✓ score 0.3"),
    ]  # fmt: skip
    solid, dashed = (display.ax_.patches[i].get_linestyle() for i in (1, 0))
    assert solid != dashed  # for those who see no colours
    assert [text.get_text() for text in display.ax_.texts if "writer" in text.get_text()] == [
        "same writer", "different writers",
    ]  # fmt: skip


def test_which_pairs_to_show():
    assert [r.tolist() for r in draw(select="errors").rows_] == [[1], [3]]
    assert [r.tolist() for r in draw(select="easiest").rows_] == [[0, 2, 1], [4, 5, 3]]
    assert [r.tolist() for r in draw(select=[4, 0, 3], n_pairs=1).rows_] == [[0], [4, 3]]
    display = draw(select="errors", threshold=0.65)
    assert [r.tolist() for r in display.rows_] == [[1, 2], [3]]
    assert [r.tolist() for r in draw(select=[0, 1]).rows_] == [[0, 1], []]
    with pytest.raises(ValueError, match="there is no error to show"):
        draw(scores=SAME, select="errors")
    with pytest.raises(ValueError, match="select is 'worst'; it is one of"):
        draw(select="worst")
    with pytest.raises(ValueError, match="select has the rows 6, -1, and there are 6 pairs"):
        draw(select=[0, 6, -1])
    for bad in ([], [0.5], [[0]]):
        with pytest.raises(ValueError, match="or numbers of pairs"):
            draw(select=bad)


def test_forms_of_pairs(tmp_path):
    expected = shown(draw())
    of_objects = np.empty((6, 2), object)
    for row, (i, j) in enumerate(PAIRS):
        of_objects[row, 0], of_objects[row, 1] = IMAGES[i], IMAGES[j]
    for X in (of_objects, [list(pair) for pair in of_objects], list(IMAGES[PAIRS])):
        assert shown(draw(X)) == expected
    assert shown(draw(PAIRS, images=IMAGES)) == expected
    assert shown(draw(PAIRS.tolist(), images=list(IMAGES))) == expected
    for row in (2, 3, 0, 6):  # only what is shown is decoded
        cv2.imwrite(str(tmp_path / f"{row}.png"), IMAGES[row])
    paths = np.array([str(tmp_path / f"{row}.png") for row in range(8)])
    for X in (paths[PAIRS], paths.astype(object)[PAIRS]):
        assert [found[:2] for found in shown(draw(X, n_pairs=1))] == [(2, 3), (0, 6)]


def test_labels_may_be_minus_one():
    assert shown(draw(y=np.where(SAME, 1, -1))) == shown(draw())


class Judge(ClassifierMixin, BaseEstimator):
    """Scores pairs by how near their first pixels are."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def decision_function(self, X):
        return np.array([-abs(float(np.ravel(a)[0]) - float(np.ravel(b)[0])) for a, b in X])

    def predict(self, X):
        return np.where(self.decision_function(X) >= -24, 1, -1)


def test_an_estimator_is_asked():
    judge = Judge().fit(None)
    X = IMAGES[PAIRS]
    display = PairDisplay.from_estimator(judge, X, SAME, n_pairs=1)
    np.testing.assert_array_equal(display.y_score, judge.decision_function(X))
    assert shown(display) == [(0, 1, GREEN, "✓ score -12"), (2, 5, GREEN, "✓ score -36")]
    pipeline = make_pipeline(FunctionTransformer(), Judge()).fit(X)
    assert shown(PairDisplay.from_estimator(pipeline, X, SAME, n_pairs=1)) == shown(display)
    by_row = PairDisplay.from_estimator(judge, PAIRS, SAME, images=IMAGES, select=[5])
    assert shown(by_row) == [(2, 5, RED, "✗ score -3")]  # rows are near
    with pytest.raises(NotFittedError):
        PairDisplay.from_estimator(Judge(), X, SAME)


@pytest.mark.parametrize("width", [1, 4, 7, 40])
def test_nothing_covers_another(width):
    images = np.full((8, 4, width), 255, np.uint8)
    display = draw(images[PAIRS])
    display.figure_.canvas.draw()
    frames = [frame.get_window_extent() for frame in display.ax_.patches]
    boxes = frames + [text.get_window_extent() for text in display.ax_.texts]
    boxes += [image.get_window_extent() for image in display.ax_.images]
    whole = display.figure_.bbox
    assert all(box.x1 <= whole.x1 and box.y0 >= 0 and box.y1 <= whole.y1 for box in boxes)
    pictures = boxes[-len(display.ax_.images) :]
    others = boxes[: -len(display.ax_.images)]
    for group in (pictures, others):
        for i, box in enumerate(group):
            assert not [k for k, other in enumerate(group[:i]) if box.overlaps(other)]
    for i, frame in enumerate(frames):  # both images in their frame
        for picture in pictures[2 * i : 2 * i + 2]:
            assert frame.x0 <= picture.x0 and picture.x1 <= frame.x1
            assert frame.y0 <= picture.y0 and picture.y1 <= frame.y1
    below = pictures[1].y1 < pictures[0].y0
    assert below == (width == 40)


def test_bad_input():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        draw(y=SAME[:3])
    with pytest.raises(ValueError, match="y_true has the label 2 in row 0"):
        draw(y=SAME + 1)
    with pytest.raises(ValueError, match="y_score is NaN in row 5"):
        draw(scores=[*SCORES[:5], np.nan])
    with pytest.raises(ValueError, match=r"X has shape \(6, 3, 4\); pairs are \(n_pairs, 2"):
        draw(IMAGES[:6])
    with pytest.raises(ValueError, match="X holds 1 images in row 1; a pair is two"):
        draw([[IMAGES[0], IMAGES[1]], [IMAGES[2]]])
    with pytest.raises(ValueError, match="pass the images that they are the rows of"):
        draw(PAIRS)
    with pytest.raises(ValueError, match="holds no row numbers of images"):
        draw(images=IMAGES)
    with pytest.raises(ValueError, match="X has the rows 9, and there are 8 images"):
        draw(PAIRS + 2 * (PAIRS == 7), images=IMAGES)
    with pytest.raises(ValueError, match="n_pairs == 0, must be >= 1"):
        draw(n_pairs=0)


def test_on_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    display = draw(ax=right)
    assert display.ax_ is right and display.figure_ is figure and not left.images
    assert display.plot(n_pairs=1) is display and display.figure_ is not figure
