"""A page with its lines: what is drawn, in which colour, and where."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from hwsk.documents import Line, Page, Region
from hwsk.plotting import PageDisplay

pyplot = pytest.importorskip("matplotlib.pyplot")
IMAGE = np.full((200, 300), 230, np.uint8)


@pytest.fixture(autouse=True)
def close():
    yield
    pyplot.close("all")


class Segmenter:
    """Stands for a LineSegmenter: has no `read`."""

    def segment(self, image):
        return [Region([Line(polygon=[10, 20, image.shape[1] - 10, 50], confidence=0.9)])]


class Reader(Segmenter):
    def read(self, image):
        page = Page(image.shape[1], image.shape[0], self.segment(image))
        page.lines[0].text = "$x_1$ and more"
        yield page


def shown(lines, **options):
    return PageDisplay(IMAGE, Page(300, 200, [Region(lines)])).plot(**options)


def test_lines_are_numbered_in_reading_order_and_drawn_in_place():
    lines = [
        Line("first", baseline=[[20, 45], [200, 50]], polygon=[15, 20, 210, 60]),
        Line("second", polygon=[20, 100, 150, 130]),
        Line("no place"),
    ]
    ax = shown(lines).ax_
    assert [text.get_text() for text in ax.texts] == ["1", "first", "2", "second"]
    assert [tuple(text.xy) for text in ax.texts] == [(20, 45), (20, 20), (20, 115), (20, 100)]
    assert len(ax.patches) == 2 and len(ax.lines) == 1
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), [[20, 45], [200, 50]])
    np.testing.assert_array_equal(ax.images[0].get_array(), IMAGE)


def test_colour_says_how_sure():
    box, base = [10, 20, 90, 50], [[10, 45], [90, 45]]
    lines = [Line(baseline=base, polygon=box, confidence=c) for c in (0.0, 1.0, None)]
    ax = shown(lines).ax_
    red, green, unknown = (np.array(to_rgb(line.get_color())) for line in ax.lines)
    assert red[0] > 2 * red[1] and green[1] > 2 * green[0]
    np.testing.assert_allclose(unknown, to_rgb("tab:blue"))
    for line, patch in zip(ax.lines, ax.patches, strict=True):
        np.testing.assert_allclose(patch.get_facecolor(), (*to_rgb(line.get_color()), 0.15))


def test_text_can_be_left_out():
    ax = shown([Line("first", polygon=[15, 20, 210, 60])], show_text=False).ax_
    assert [text.get_text() for text in ax.texts] == ["1"]


def test_estimators_with_and_without_text(tmp_path):
    _, ax = pyplot.subplots()
    display = PageDisplay.from_estimator(Reader(), IMAGE, ax=ax)
    assert display.ax_ is ax and display.figure_ is ax.figure
    assert [text.get_text() for text in ax.texts] == ["1", "$x_1$ and more"]
    assert not ax.texts[1].get_parse_math()  # a price is no formula
    display = PageDisplay.from_estimator(Segmenter(), IMAGE)
    assert display.ax_ is not ax and [text.get_text() for text in display.ax_.texts] == ["1"]
    assert (display.page.width, display.page.height) == (300, 200)
    display.figure_.savefig(tmp_path / "page.png")


def test_a_page_without_lines_is_drawn():
    ax = shown([]).ax_
    assert not ax.texts and len(ax.images) == 1
