"""Where the evidence lies, and the nearest images: what is drawn, where, in which colour."""

import sys

import matplotlib

matplotlib.use("Agg")

import cv2
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin
from sklearn.exceptions import NotFittedError
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline

from hwsk.plotting import PatchMapDisplay, RetrievalDisplay
from hwsk.plotting._matplotlib import RIGHT
from hwsk.plotting._retrieval import _OTHER, _SAME
from hwsk.preprocessing import InkCropper

GREEN, RED = _SAME["color"], _OTHER["color"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


# -- where the evidence lies


class Judge(ClassifierMixin, BaseEstimator):
    """Takes each patch of 8 x 8 pixels for the writer whose number of ink pixels it is nearest."""

    def fit(self, X, y=None):
        self.classes_ = np.array(["Ada", "Bob", "Eva"])
        return self

    def predict(self, X):
        return self.classes_[:1].repeat(len(X))

    def predict_patches(self, image):
        rows = []
        for top in range(0, image.shape[0], 8):
            for left in range(0, image.shape[1], 8):
                ink = int((image[top : top + 8, left : left + 8] < 128).sum())
                logits = -np.abs(ink - np.array([8, 16, 24.0])) / 8
                rows.append([top, left, 8, 8, ink, *logits - np.log(np.exp(logits).sum())])
        return pd.DataFrame(rows, columns=["top", "left", "height", "width", "ink", *self.classes_])


def draw_page():
    page = np.full((16, 24), 255, np.uint8)
    page[0, :8] = page[4:6, 8:16] = page[8, 16:] = page[12, :8] = 0
    return page


def table(*rows, classes=("Ada", "Bob", "Eva")):
    """Patches, of which a row is given as top, left, and the log-probabilities."""
    columns = ["top", "left", "height", "width", "ink", *classes]
    return pd.DataFrame([[*row[:2], 4, 4, 3, *row[2:]] for row in rows], columns=columns)


def test_the_map_holds_the_odds_against_the_runner_up():
    patches = table((0, 0, -0.5, -1.5, -3.0), (0, 2, -1.0, -0.5, -2.0), (4, 4, -0.2, -2.0, -9.0))
    display = PatchMapDisplay.from_predictions(draw_page()[:8, :8], patches)
    assert (display.writer_, display.against_) == ("Ada", "Bob")
    assert display.values_.tolist() == pytest.approx([1.0, -0.5, 1.8])
    expected = np.full((8, 8), np.nan)
    expected[:4, :2], expected[:4, 2:4], expected[:4, 4:6] = 1.0, 0.25, -0.5
    expected[4:, 4:] = 1.8
    np.testing.assert_allclose(display.map_, expected, rtol=1e-6)
    drawn, ink = display.ax_.images
    assert drawn is display.im_ and drawn.norm.vmin == -drawn.norm.vmax < 0
    np.testing.assert_array_equal(ink.get_array(), draw_page()[:8, :8])
    assert ink.cmap(0)[3] == 1 and ink.cmap(255)[3] == 0  # paper lets the map through
    blue, red = drawn.cmap(drawn.norm(1.8)), drawn.cmap(drawn.norm(-1.8))
    assert blue[2] > blue[0] and red[0] > red[2]


def test_whom_to_look_for_can_be_said():
    patches = table((0, 0, -0.5, -1.5, -3.0), (4, 4, -0.4, -2.0, -1.0))
    page = draw_page()
    display = PatchMapDisplay.from_predictions(page, patches, writer="Eva", against="Bob")
    assert display.values_.tolist() == pytest.approx([-1.5, 1.0])
    assert PatchMapDisplay.from_predictions(page, patches, writer="Bob").against_ == "Ada"
    display = PatchMapDisplay.from_predictions(page, patches, quantity="log_proba")
    assert (display.writer_, display.against_) == ("Ada", None)
    assert display.values_.tolist() == [-0.5, -0.4]
    assert display.im_.norm.vmax == 0
    labels = [axes.get_ylabel() for axes in display.figure_.axes]
    assert "log-probability of Ada" in labels
    numbers = table((0, 0, -0.5, -1.5), classes=(3, 7))
    assert PatchMapDisplay.from_predictions(page, numbers, writer=7).against_ == 3


def test_patches_may_reach_beyond_the_image():
    display = PatchMapDisplay.from_predictions(
        draw_page()[:3, :5], table((-1, -2, -0.5, -1.5, -3.0), (-1, 4, -0.4, -2.0, -1.0))
    )
    shown = np.isfinite(display.map_)
    np.testing.assert_array_equal(shown, [[True, True, False, False, True]] * 3)


def test_a_classifier_is_asked_for_its_patches(tmp_path):
    judge = Judge().fit(None)
    display = PatchMapDisplay.from_estimator(judge, draw_page(), writer="Bob")
    np.testing.assert_allclose(display.map_[::8, ::8].ravel(), display.values_)
    assert display.values_.idxmax() == 1  # 16 pixels of ink
    path = tmp_path / "page.png"
    cv2.imwrite(str(path), draw_page())
    for image in (path, str(path)):
        np.testing.assert_array_equal(
            PatchMapDisplay.from_estimator(judge, image, writer="Bob").map_, display.map_
        )
    pipeline = make_pipeline(InkCropper(margin=0), Judge()).fit([draw_page()])
    for image in (path, draw_page()):
        display = PatchMapDisplay.from_estimator(pipeline, image)
        assert display.image.shape == display.map_.shape == (13, 24)
    alone = make_pipeline(Judge()).fit([draw_page()])
    assert PatchMapDisplay.from_estimator(alone, draw_page()).image.shape == (16, 24)


def test_bad_input_of_the_map():
    page, patches = draw_page(), table((0, 0, -0.5, -1.5, -3.0))
    with pytest.raises(NotFittedError):
        PatchMapDisplay.from_estimator(Judge(), page)
    with pytest.raises(TypeError, match="GaussianNB has no predict_patches"):
        PatchMapDisplay.from_estimator(GaussianNB().fit([[0], [1]], [0, 1]), page)
    for name in ("writer", "against"):
        with pytest.raises(ValueError, match=f"{name} is 'Tom', and there are . to choose: "):
            PatchMapDisplay.from_predictions(page, patches, **{name: "Tom"})
    with pytest.raises(ValueError, match="against is 'Ada'"):
        PatchMapDisplay.from_predictions(page, patches, writer="Ada", against="Ada")
    with pytest.raises(ValueError, match="quantity is 'odds'; it is log_odds or log_proba"):
        PatchMapDisplay.from_predictions(page, patches, quantity="odds")
    with pytest.raises(ValueError, match=r"columns left, height.*; expected top, left, height"):
        PatchMapDisplay.from_predictions(page, patches.drop(columns="top"))
    with pytest.raises(ValueError, match="expected top, left, height, width, ink, then"):
        PatchMapDisplay.from_predictions(page, patches.iloc[:, :5])
    with pytest.raises(ValueError, match="no row: there is no ink"):
        PatchMapDisplay.from_predictions(page, patches[:0])
    with pytest.raises(ValueError, match="Ada is the only class"):
        PatchMapDisplay.from_predictions(page, patches.iloc[:, :6])


@pytest.mark.parametrize("shape", [(16, 24), (60, 20), (8, 200)])
def test_all_of_the_map_is_on_the_figure(shape):
    page = np.full(shape, 255, np.uint8)
    display = PatchMapDisplay.from_predictions(page, table((0, 0, -0.5, -1.5, -3.0)))
    display.figure_.canvas.draw()
    whole = display.figure_.bbox
    for axes in display.figure_.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= whole.x1 + 1 and box.y1 <= whole.y1 + 1
    assert max(display.figure_.get_size_inches()) <= 12


def test_the_map_on_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    patches = table((0, 0, -0.5, -1.5, -3.0))
    display = PatchMapDisplay.from_predictions(draw_page(), patches, ax=right, colorbar=False)
    assert display.ax_ is right and display.figure_ is figure and not left.images
    assert len(figure.axes) == 2 and right.get_title() == "log-odds for Ada against Bob"
    again = display.plot(cmap="PuOr")
    assert again is display and display.figure_ is not figure and display.im_.cmap.name == "PuOr"


# -- the nearest images

WRITERS = np.array(list("aabbcca"))
PAGES = np.array(["a1", "a1", "b1", "b2", "c1", "c1", "a2"])
PLACES = np.array([0.0, 0.1, 1.0, 1.2, 3.0, 3.1, 0.5])
DISTANCES = np.abs(PLACES[:, None] - PLACES)
IMAGES = np.arange(7 * 12, dtype=np.uint8).reshape(7, 3, 4)  # each its own


class Place(TransformerMixin, BaseEstimator):
    """The first pixel of an image says where it lies."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return PLACES[[int(image[0, 0]) // 12 for image in X]][:, None]


def shown(display):
    """The row of each image drawn, with the colour of its frame and its title."""
    ax = display.ax_
    parts = zip(ax.images, ax.patches, ax.texts, strict=True)
    return [
        (int(i.get_array()[0, 0]) // 12, to_hex(f.get_edgecolor()), t.get_text())
        for i, f, t in parts
    ]


def test_the_nearest_of_other_pages_are_shown():
    display = RetrievalDisplay.from_predictions(
        IMAGES, WRITERS, DISTANCES, groups=PAGES, queries=[0, 3], n_neighbors=3
    )
    assert [rows.tolist() for rows in display.neighbors_] == [[6, 2, 3, 4, 5], [2, 6, 1, 0, 4, 5]]
    assert shown(display) == [
        (0, RIGHT, "query: a"), (6, GREEN, "✓ a"), (2, RED, "✗ b"), (3, RED, "✗ b"),
        (3, RIGHT, "query: b"), (2, GREEN, "✓ b"), (6, RED, "✗ a"), (1, RED, "✗ a"),
    ]  # fmt: skip
    solid, dashed = (display.ax_.patches[i].get_linestyle() for i in (1, 2))
    assert solid != dashed  # for those who see no colours


def test_without_groups_each_image_is_a_page():
    display = RetrievalDisplay.from_predictions(IMAGES, WRITERS, DISTANCES, queries=[0])
    assert display.neighbors_[0].tolist() == [1, 6, 2, 3, 4, 5]


def test_queries_have_something_to_find():
    options = {"groups": PAGES, "n_neighbors": 1}
    for count, rows in ((9, [0, 1, 2, 3, 6]), (2, [0, 6]), (1, [0])):
        display = RetrievalDisplay.from_predictions(
            IMAGES, WRITERS, DISTANCES, queries=count, **options
        )
        assert display.queries_.tolist() == rows  # c wrote one page
    with pytest.raises(ValueError, match="no writer has images from two groups"):
        RetrievalDisplay.from_predictions(IMAGES, WRITERS, DISTANCES, groups=WRITERS)


def test_a_transformer_is_asked_for_vectors():
    place = Place().fit(IMAGES)
    display = RetrievalDisplay.from_estimator(
        place, IMAGES, WRITERS, groups=PAGES, metric="euclidean", queries=[0, 3], n_neighbors=2
    )
    assert [row for row, *_ in shown(display)] == [0, 6, 2, 3, 2, 6]
    np.testing.assert_allclose(display.distances, DISTANCES)
    with pytest.raises(NotFittedError):
        RetrievalDisplay.from_estimator(Place(), IMAGES, WRITERS)


def test_fewer_neighbors_than_asked_for():
    pages = ["x", "x", "x", "x", "x", "x", "y"]
    display = RetrievalDisplay.from_predictions(
        IMAGES, WRITERS, DISTANCES, groups=pages, queries=[0, 6], n_neighbors=3
    )
    assert [row for row, *_ in shown(display)] == [0, 6, 6, 1, 0, 2]


@pytest.mark.parametrize("width", [3, 6, 40])
def test_nothing_covers_another(width):
    images = [np.full((4, width + i), 255, np.uint8) for i in range(7)]
    display = RetrievalDisplay.from_predictions(images, WRITERS, DISTANCES, queries=3)
    display.figure_.canvas.draw()
    boxes = [frame.get_window_extent() for frame in display.ax_.patches]
    boxes += [title.get_window_extent() for title in display.ax_.texts]
    for i, box in enumerate(boxes):
        assert not [k for k, other in enumerate(boxes[:i]) if box.overlaps(other)]
    whole = display.figure_.bbox
    assert all(box.x1 <= whole.x1 and box.y0 >= 0 and box.y1 <= whole.y1 for box in boxes)
    below = display.ax_.patches[1].get_y() > display.ax_.patches[0].get_y()
    assert below == (width == 40)


def test_only_what_is_shown_is_decoded(tmp_path):
    for row in (0, 1, 6):
        cv2.imwrite(str(tmp_path / f"{row}.png"), IMAGES[row])
    paths = [str(tmp_path / f"{row}.png") for row in range(7)]
    display = RetrievalDisplay.from_predictions(
        paths, WRITERS, DISTANCES, queries=[0], n_neighbors=2
    )
    assert [row for row, *_ in shown(display)] == [0, 1, 6]


def test_bad_input_of_retrieval():
    def retrieve(images=IMAGES, y=WRITERS, distances=DISTANCES, **options):
        return RetrievalDisplay.from_predictions(images, y, distances, **options)

    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        retrieve(y=WRITERS[:3])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        retrieve(groups=PAGES[:3])
    with pytest.raises(ValueError, match=r"distances has shape \(7, 3\), and there are 7 images"):
        retrieve(distances=DISTANCES[:, :3])
    with pytest.raises(ValueError, match="distances contains NaN"):
        retrieve(distances=np.full((7, 7), np.nan))
    with pytest.raises(ValueError, match="n_neighbors == 0, must be >= 1"):
        retrieve(n_neighbors=0)
    with pytest.raises(ValueError, match="queries == 0, must be >= 1"):
        retrieve(queries=0)
    with pytest.raises(ValueError, match="queries has the rows 7, -1, and there are 7 images"):
        retrieve(queries=[0, 7, -1])
    for bad in ([], [0.5], [[0]], "a"):
        with pytest.raises(ValueError, match="it is a number of images, or row numbers"):
            retrieve(queries=bad)


def test_retrieval_on_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    display = RetrievalDisplay.from_predictions(IMAGES, WRITERS, DISTANCES, ax=right)
    assert display.ax_ is right and display.figure_ is figure and not left.images
    assert display.plot(queries=1) is display and display.figure_ is not figure


def test_without_matplotlib(monkeypatch):
    for module in [name for name in sys.modules if name.partition(".")[0] == "matplotlib"]:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"pip install hwsk\[plot\]"):
        PatchMapDisplay.from_predictions(draw_page(), table((0, 0, -0.5, -1.5, -3.0)))
    with pytest.raises(ImportError, match=r"pip install hwsk\[plot\]"):
        RetrievalDisplay.from_predictions(IMAGES, WRITERS, DISTANCES)
