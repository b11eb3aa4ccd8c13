"""From a page to its lines: maps, traces, outlines, reading order, and what is refused."""

import pickle

import cv2
import numpy as np
import pytest
from lines_of_pages import draw_page

import hwsk
from hwsk.documents import Line, LineSegmenter, Page, find_lines_by_profile
from hwsk.documents._crops import HEIGHT_UNIT, PageCrops, draw_maps, shape_line
from hwsk.documents._layout import View
from hwsk.documents._matching import line_f1, match_lines
from hwsk.documents._order import order_lines
from hwsk.documents._outlines import outline_lines
from hwsk.documents._tracing import Trace, baseline_points, trace_lines
from hwsk.networks.segmentation import ABOVE, BASELINE, BELOW, BODY, ENDS, VALID

TEXTS = [
    "the old hill", "a long way home", "no rain today", "we met again", "under the bridge",
    "five red boats",
]  # fmt: skip
SMALL = {"resolution": 400, "channels": (8, 16, 16), "crop_size": 256, "batch_size": 4}


def pages(n, first=0):
    drawn = []
    for seed in range(first, first + n):
        texts = list(np.random.default_rng(seed).permutation(TEXTS))
        drawn.append(draw_page(texts, seed=seed, left=30 + 5 * (seed % 4)))
    images, truth = zip(*drawn, strict=True)
    return list(images), list(truth)


@pytest.fixture(scope="module")
def segmenter():
    images, truth = pages(12)  # with 6, versions of torch decide whether all lines are found
    return LineSegmenter(**SMALL, max_epochs=40, lr=0.01, random_state=0).fit(images, truth)


def line(left, right, base, above=24, below=10, slope=0.0):
    ends = [[left, base], [right, base + slope * (right - left)]]
    low, high = min(ends[0][1], ends[1][1]), max(ends[0][1], ends[1][1])
    return Line(baseline=ends, polygon=[left, low - above, right, high + below])


def maps_of(lines, size=(100, 150), limits=(0, 600)):
    return draw_maps([shape_line(each, "line") for each in lines], size, limits)


# Targets, and what is traced in them


def test_a_box_around_a_sloping_line_gives_its_least_height():
    shape = shape_line(line(100, 300, 100, above=24, below=10, slope=0.05), "line")
    assert shape.above == pytest.approx(24, abs=1.5)
    assert shape.below == pytest.approx(10, abs=1.5)


def test_a_line_without_baseline_gets_one_above_its_lower_edge():
    shape = shape_line(Line(polygon=[10, 20, 90, 60]), "line")
    np.testing.assert_array_equal(shape.baseline, [[10, 50], [90, 50]])
    assert (shape.above, shape.below) == (30, 10)


def test_a_line_with_nothing_to_learn_is_named():
    with pytest.raises(ValueError, match=r"line 3 of p\.png has neither baseline nor polygon"):
        shape_line(Line("text"), "line 3 of p.png")


def test_maps_hold_the_line():
    maps = maps_of([line(100, 300, 200)])
    rows, columns = np.nonzero(maps[BASELINE] > 0.6)
    assert set(rows) == {49, 50}  # 200 / 4 lies between these pixels
    assert (columns.min(), columns.max()) == (25, 74)
    assert np.exp(maps[ABOVE, 49, 40]) * HEIGHT_UNIT == pytest.approx(24)
    assert np.exp(maps[BELOW, 49, 40]) * HEIGHT_UNIT == pytest.approx(10)
    assert maps[BODY, 45, 40] == 1 and maps[BODY, 40, 40] == 0
    assert maps[ENDS, 48, 25] == 1 and maps[ENDS, 48, 50] == 0
    assert (maps[VALID] == 1).all()


def test_lines_end_at_the_limits_of_a_column():
    maps = maps_of([line(100, 500, 200)], limits=(0, 300))
    assert maps[BASELINE, 49, 70] > 0.5
    assert not maps[BASELINE, :, 76:].any() and not maps[BODY, :, 76:].any()
    assert maps[ENDS, 48, 75] == 1


@pytest.mark.parametrize("slope", [0.0, 0.1, -0.1])
def test_drawn_lines_are_traced_again(slope):
    lines = [line(80, 500, base, slope=slope) for base in (100, 160, 220)]
    traces = sorted(trace_lines(maps_of(lines), 0.3), key=lambda trace: trace.rows[0])
    assert len(traces) == 3
    for trace, true in zip(traces, lines, strict=True):
        x = np.linspace(90, 490, 20)
        wanted = np.interp(x, *true.baseline.T)
        assert np.abs(trace.at(x) - wanted).max() < 1
        assert trace.above == pytest.approx(24, rel=0.1)
        found = baseline_points(trace)
        assert found[0] == pytest.approx(true.baseline[0], abs=4)
        assert found[-1] == pytest.approx(true.baseline[-1], abs=4)


def test_a_gap_in_a_baseline_is_closed_and_columns_stay_apart():
    maps = maps_of([line(80, 250, 100), line(290, 500, 100)])
    ended = trace_lines(maps, 0.3)
    maps[ENDS] = 0
    joined = trace_lines(maps, 0.3)
    assert (len(ended), len(joined)) == (2, 1)


@pytest.mark.parametrize(("confidence", "found"), [(1.0, 1), (0.55, 1), (0.4, 0)])
def test_a_short_word_alone_is_a_line_and_a_faint_speck_is_not(confidence, found):
    maps = maps_of([line(100, 120, 200)])  # 0.6 of its height
    maps[BASELINE] = np.where(maps[BASELINE] > 0.5, confidence, 0)
    assert len(trace_lines(maps, 0.3)) == found


def test_parts_at_other_heights_are_not_joined():
    maps = maps_of([line(80, 250, 100), line(270, 500, 125)])
    maps[ENDS] = 0
    assert len(trace_lines(maps, 0.3)) == 2


def test_a_descender_belongs_to_its_own_line():
    ink = np.zeros((300, 600), np.uint8)
    ink[92:100, 80:500] = ink[142:150, 80:500] = 255  # small letters of two lines
    ink[100:132, 300:304] = 255  # the tail of a letter of the first, down into the second
    lines = [line(80, 500, 100, below=14), line(80, 500, 150, below=14)]
    traces = sorted(trace_lines(maps_of(lines), 0.3), key=lambda trace: trace.rows[0])
    upper, lower = outline_lines(ink, traces)
    near = upper[np.abs(upper[:, 0] - 302) < 8]
    assert near[:, 1].max() > 116  # as deep as a line may reach
    beside = upper[np.abs(upper[:, 0] - 420) < 40]
    assert beside.size == 0 or beside[:, 1].max() < 112
    assert lower[:, 1].max() > 150 and upper[:, 1].min() < 93


# Reading order


def boxes(*rows):
    return [tuple(map(float, row)) for row in rows]


def test_one_column_is_read_from_top_to_bottom():
    found = order_lines(boxes((50, 200, 400, 240), (40, 100, 420, 140), (45, 150, 300, 190)))
    assert found == [("paragraph", [1, 2, 0])]


def test_parts_of_a_row_are_read_from_left_to_right():
    found = order_lines(boxes((300, 104, 420, 140), (40, 100, 250, 140), (45, 150, 410, 190)))
    assert found == [("paragraph", [1, 0, 2])]


def test_two_columns_are_read_one_after_the_other():
    left = [(40, 100 + 50 * i, 300, 140 + 50 * i) for i in range(4)]
    right = [(340, 110 + 50 * i, 600, 150 + 50 * i) for i in range(4)]
    found = order_lines(boxes(*right, *left))
    assert found == [("paragraph", [4, 5, 6, 7]), ("paragraph", [0, 1, 2, 3])]


def test_a_heading_over_two_columns_is_read_first_and_a_footer_last():
    left = [(40, 100 + 50 * i, 300, 140 + 50 * i) for i in range(3)]
    right = [(340, 110 + 50 * i, 600, 150 + 50 * i) for i in range(3)]
    found = order_lines(boxes((100, 300, 560, 340), *left, *right, (80, 20, 500, 60)))
    assert [numbers for _, numbers in found] == [[7], [1, 2, 3], [4, 5, 6], [0]]


def test_marginal_notes_are_read_after_the_text():
    text = [(200, 100 + 50 * i, 700, 140 + 50 * i) for i in range(6)]
    note = [(20, 160, 150, 190), (20, 200, 160, 230)]
    found = order_lines(boxes(*note, *text))
    assert found == [("paragraph", [2, 3, 4, 5, 6, 7]), ("marginalia", [0, 1])]


def test_nothing_has_no_order():
    assert order_lines([]) == []


def test_the_rest_of_a_line_that_was_cut_is_no_marginal_note():
    lines = boxes(
        (46, 177, 768, 223), (46, 237, 169, 271), (63, 298, 521, 336), (546, 299, 715, 342),
        (43, 420, 201, 452),
    )  # fmt: skip
    assert order_lines(lines) == [("paragraph", [0, 1, 2, 3, 4])]


# Matching


def test_lines_match_one_to_one():
    true = [line(0, 100, 50), line(0, 100, 100)]
    found = [line(0, 100, 101), line(0, 100, 52), line(0, 100, 51)]
    assert len(match_lines(true, found)) == 2
    assert line_f1([true], [found]) == pytest.approx(0.8)
    assert line_f1([[]], [[]]) == 1


# The estimator


def test_lines_of_other_pages_are_found(segmenter):
    images, truth = pages(3, first=20)
    assert segmenter.score(images, truth) > 0.8
    for found, page in zip(segmenter.predict(images), truth, strict=True):
        tops = [each.box[1] for each in found]
        assert tops == sorted(tops)
        for each in found:
            assert each.baseline.shape[1] == each.polygon.shape[1] == 2
            assert each.polygon.min() >= 0 and each.polygon[:, 0].max() < page.width


def test_lines_of_a_larger_scan_are_found(segmenter):
    images, truth = pages(1, first=30)
    large = images[0].repeat(3, axis=0).repeat(3, axis=1)
    page = truth[0].resized(3 * truth[0].width, 3 * truth[0].height)
    assert segmenter.score([large], [page]) > 0.8


@pytest.mark.parametrize("degrees", [-5, 5])
def test_lines_of_a_skewed_page_are_found_where_they_are(degrees):
    """Levelled before they are traced, and brought back to the page as it was given."""
    segmenter = hwsk.load("page-lines")
    images, truth = pages(2, first=50)
    skewed, lines = [], []
    for image, page in zip(images, truth, strict=True):
        height, width = image.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        turn[:, 2] += 60  # a margin: nothing is cut off
        size = width + 120, height + 120
        skewed.append(cv2.warpAffine(image, turn, size, borderValue=255))
        lines.append([Line(polygon=x.polygon @ turn[:, :2].T + turn[:, 2]) for x in page.lines])
    for image in skewed:
        assert np.rad2deg(segmenter._look(image).skew) == pytest.approx(-degrees, abs=2)
    assert line_f1(lines, list(segmenter.predict(skewed))) > 0.8


@pytest.mark.parametrize("turned", range(4))
def test_points_of_a_levelled_page_come_back(turned):
    trace = Trace(np.arange(10, 60), 30 + np.arange(50) * 0.1, 8, 4, 1.0)
    page = np.zeros((240, 320), np.uint8)
    page[180:183, 40:43] = 255
    upright = np.ascontiguousarray(np.rot90(page, -turned))
    view = View(upright, [trace], turned, 1.0, np.zeros((5, 1, 1), np.float32))
    ink, back = view.level()
    assert np.tan(view.skew) == pytest.approx(0.1, abs=0.01)
    level = view._replace(ink=ink, skewed=(back, upright.shape))
    y, x = (float(np.average(i, weights=ink[ink > 0])) for i in np.nonzero(ink))
    np.testing.assert_allclose(level.to_page(np.array([[x, y]]), page.shape), [[41, 181]], atol=1.5)


def test_orientation_can_be_left_out(segmenter):
    images, truth = pages(1, first=40)
    upright = pickle.loads(pickle.dumps(segmenter)).set_params(orient=False)
    assert upright.score(images, truth) > 0.8


def test_maps_are_probabilities(segmenter):
    images, _ = pages(1)
    [maps] = segmenter.predict_maps(images)
    assert maps.shape[0] == 3 and maps.dtype == np.float32
    assert maps.min() >= 0 and maps.max() <= 1


def test_a_saved_segmenter_finds_the_same(segmenter, tmp_path):
    images, _ = pages(1, first=50)
    hwsk.save(segmenter, tmp_path / "lines.hwsk")
    again = hwsk.load(tmp_path / "lines.hwsk")
    for one, other in zip(segmenter.predict(images)[0], again.predict(images)[0], strict=True):
        np.testing.assert_allclose(one.polygon, other.polygon)


def test_the_seed_decides_the_fit():
    images, truth = pages(4)
    settings = {**SMALL, "max_epochs": 2, "random_state": 3}
    first, second = (LineSegmenter(**settings).fit(images, truth) for _ in range(2))
    weights = first._get_network_state(), second._get_network_state()
    for name in weights[0]:
        np.testing.assert_array_equal(weights[0][name], weights[1][name])


def test_an_empty_page_has_no_line_and_is_named(segmenter):
    blank = np.full((300, 400), 240, np.uint8)
    with pytest.warns(UserWarning, match="1 of 2 pages has no handwritten line, rows 1"):
        found = segmenter.predict([pages(1)[0][0], blank])
    assert list(found[1]) == []


def test_pages_of_any_size_are_taken(segmenter):
    for shape in ((1, 1), (7, 300), (200, 300), (3000, 40)):
        with pytest.warns(UserWarning, match="no handwritten line"):
            assert list(segmenter.predict([np.full(shape, 255, np.uint8)])[0]) == []


def test_what_is_no_list_of_pages_is_refused(segmenter):
    image = pages(1)[0][0]
    with pytest.raises(ValueError, match=r"\[page\] for a single one|one image"):
        segmenter.predict(image)
    with pytest.raises(FileNotFoundError, match=r"absent\.png"):
        segmenter.predict(["absent.png"])


def test_pages_without_lines_teach_nothing():
    images, _ = pages(2)
    with pytest.raises(ValueError, match="none of 2 pages has a line"):
        LineSegmenter(**SMALL).fit(images, [[], []])
    with pytest.raises(TypeError, match=r"y\[0\] is 'text'; expected a Page or a list of Line"):
        LineSegmenter(**SMALL).fit(images, ["text", "text"])


def test_crops_vary_with_the_epoch_and_not_in_validation():
    images, truth = pages(2)
    shapes = [[shape_line(each, "") for each in page.lines] for page in truth]

    def make(vary):
        return PageCrops(np.arange(2), lambda i: 255 - images[i], shapes, 128, None, vary, 0)

    varied, fixed = make(True), make(False)
    first = [dataset[0][0] for dataset in (varied, fixed)]
    varied.epoch = fixed.epoch = 1
    assert (varied[0][0] != first[0]).any()
    assert (fixed[0][0] == first[1]).all()


# Without a network


def test_profiles_find_the_lines_of_a_clean_page():
    images, truth = pages(2)
    found = [find_lines_by_profile(image, resolution=450) for image in images]
    assert line_f1([page.lines for page in truth], found) > 0.8


def test_profiles_of_a_blank_page():
    assert find_lines_by_profile(np.full((300, 400), 240, np.uint8)) == []


def test_regions_are_written_as_page_xml(segmenter):
    image = pages(1, first=60)[0][0]
    regions = segmenter.segment(image)
    page = Page(image.shape[1], image.shape[0], regions)
    assert page.to_page_xml().count("<TextLine") == len(page.lines) > 3
