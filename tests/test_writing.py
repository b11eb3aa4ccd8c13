"""Pages of writing: text wrapped, lines levelled and placed, and the files that pages become."""

import dataclasses
import re
import sys
import xml.etree.ElementTree as ET

import numpy as np
import pypdfium2
import pytest
from PIL import Image
from sklearn.exceptions import NotFittedError

import hwsk
from hwsk._data.images import object_array
from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk.datasets import load_strokes, make_handwriting
from hwsk.writing import Sheets, _progress, draw, write
from hwsk.writing._curves import cut_by_width, shorten_way, subdivided, whole
from hwsk.writing._reader import load_reader

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPRSTUVWXYZ0123456789.,-'"


class Synthesizer:
    """Writes with made letters, uphill or downhill, larger or smaller; keeps what it was asked."""

    alphabet_ = LETTERS + " "

    def __init__(self):
        self.calls = []

    def sample(self, texts, *, prime=None, bias=None, tries=4, random_state=None):
        self.calls.append((list(texts), prime, bias, random_state))
        rng = np.random.default_rng(random_state)
        return object_array([self._line(text, rng) for text in texts])

    def _line(self, text, rng):
        strokes = make_handwriting(1, n_writers=1, texts=[text], random_state=3).strokes[0].copy()
        strokes[:, :2] *= rng.uniform(0.9, 1.1)
        strokes[:, 1] += rng.uniform(-0.08, 0.08) * strokes[:, 0]
        return strokes


class Broken(Synthesizer):
    def _line(self, text, rng):
        strokes = super()._line(text, rng)
        strokes[7, 0] = np.nan
        return strokes


@pytest.fixture
def synthesizer():
    return Synthesizer()


@pytest.fixture
def page():
    cross = [np.array([[10.0, 10.0], [20.0, 20.0]]), np.array([[10.0, 20.0], [20.0, 10.0]])]
    dot = [np.array([[25.5, 12.5]])]
    return Sheets([[("x<", cross), ("", dot)]], size=(40, 30), pen_width=1.0, ink="#ff0000")


def texts_of(page):
    return [[text for text, _ in sheet] for sheet in page.sheets]


def line_of(strokes):
    """Slope, mean baseline, and x-height of a placed line."""
    x = np.concatenate(strokes)[:, 0]
    baseline, x_height = fit_text_line(list(strokes))
    slope = np.polyfit(x, baseline, 1)[0]
    return slope, np.mean(baseline), x_height


def ink_of(page, sheet=0):
    points = np.concatenate([s for _, strokes in page.sheets[sheet] for s in strokes])
    return points.min(axis=0), points.max(axis=0)


def test_lines_lie_on_even_baselines(synthesizer):
    text = "some lines of an even hand\nare written here now\nseven more words on one line"
    page = write(text, synthesizer, None, raggedness=0, line_height=11, random_state=0)
    fits = np.array([line_of(strokes) for _, strokes in page.sheets[0]])
    assert np.abs(fits[:, 0]).max() < 0.012
    np.testing.assert_allclose(np.diff(fits[:, 1]), 11, atol=0.25)
    np.testing.assert_allclose(fits[:, 2], 2.5, rtol=0.15)
    lefts = [np.concatenate(strokes)[:, 0].min() for _, strokes in page.sheets[0]]
    np.testing.assert_allclose(lefts, 20)


def test_bent_line_is_straightened():
    strokes = make_handwriting(1, texts=["a bent line of even letters"], random_state=3).strokes[0]
    points = np.concatenate(split_strokes(strokes))
    half = np.ptp(points[:, 0]) / 2
    along = (points[:, 0] - points[:, 0].mean()) / half
    level = fit_text_line(split_strokes(strokes)).baseline
    bent = np.column_stack([points[:, 0], points[:, 1] + 0.04 * half * along**2])
    ends = np.flatnonzero(strokes[:-1, 2] == 1) + 1
    found = fit_text_line(np.split(bent, ends)).baseline - 0.04 * half * along**2
    x_height = fit_text_line(split_strokes(strokes)).x_height
    assert np.abs(found - level).max() < 0.35 * x_height


@pytest.mark.parametrize("points", [[[0, 0]], [[0, 0], [50, 0]], [[0, 0], [0, 50]]])
def test_what_has_no_letters_has_a_baseline(points):
    baseline, x_height = fit_text_line([np.array(points, float)])
    assert np.isfinite(baseline).all()
    assert 0 <= x_height <= 50


def test_words_stay_whole_and_blank_lines_blank(synthesizer):
    page = write("one two three\n\nfour  five\n", synthesizer, None, line_length=8, raggedness=0)
    assert texts_of(page) == [["one two", "three", "four", "five"]]
    levels = [line_of(strokes)[1] for _, strokes in page.sheets[0]]
    np.testing.assert_allclose(np.diff(levels), [10, 20, 10], atol=0.6)


def test_columns_follow_each_other(synthesizer):
    words = [f"word{i}" for i in range(30)]
    page = write(
        " ".join(words), synthesizer, None, line_length=6, size=(150, 100), margin=(10, 20, 12, 30),
        columns=2, gutter=8, raggedness=0, random_state=0,
    )  # fmt: skip
    assert [len(texts) for texts in texts_of(page)] == [14, 14, 2]  # (100 - 22) // 10 = 7 rows
    assert [text for sheet in texts_of(page) for text in sheet] == words
    lefts = [np.concatenate(strokes)[:, 0].min() for _, strokes in page.sheets[0]]
    np.testing.assert_allclose(lefts, [30.0] * 7 + [30.0 + 46 + 8] * 7)  # (150 - 50 - 8) / 2 wide
    levels = np.array([line_of(strokes)[1] for _, strokes in page.sheets[0]])
    np.testing.assert_allclose(levels, np.tile(10 + (np.arange(7) + 0.65) * 10, 2), atol=0.6)


def test_a_letterhead_stays_free_on_the_first_sheet(synthesizer):
    words = [f"word{i}" for i in range(12)]
    page = write(
        " ".join(words), synthesizer, None, line_length=6, size=(150, 100), margin=10,
        letterhead=25, raggedness=0, random_state=0,
    )  # fmt: skip
    assert [len(texts) for texts in texts_of(page)] == [5, 7]  # 8 rows, three of them free
    first = [line_of(sheet[0][1])[1] for sheet in page.sheets]
    np.testing.assert_allclose(first, [10 + 3.65 * 10, 10 + 0.65 * 10], atol=0.6)


def test_text_stands_on_the_rules(synthesizer):
    options = {"raggedness": 0, "random_state": 0, "x_height": 2.0}
    lined = write("one\ntwo", synthesizer, None, ruling="lined", size="a5", **options)
    squared = write("one\ntwo", synthesizer, None, ruling="squared", size="a5", **options)
    for page, step in ((lined, 8.0), (squared, 4.0)):
        assert page.size == (148.0, 210.0)
        across = np.array([rule for rule in page.rules if rule[0, 1] == rule[1, 1]])
        np.testing.assert_allclose(np.diff(across[:, 0, 1]), step)
        for _, strokes in page.sheets[0]:
            assert np.abs(across[:, 0, 1] - line_of(strokes)[1]).min() < 0.6
    upright = [rule for rule in squared.rules if rule[0, 0] == rule[1, 0]]
    assert len(upright) == 37 and not any((rule[0] == rule[1]).all() for rule in upright)
    assert write("one", synthesizer, None).rules == []


def test_rules_are_drawn_but_not_plotted(synthesizer, tmp_path):
    bare, ruled = (
        write("a", synthesizer, None, ruling=ruling, size=(60, 60), margin=5, random_state=0)
        for ruling in ("none", "lined")
    )
    for suffix in (".svg", ".pdf", ".png", ".gif"):
        files = [page.save(tmp_path / f"{i}{suffix}")[0] for i, page in enumerate((bare, ruled))]
        assert files[0].read_bytes() != files[1].read_bytes()
    colours = {colour for _, colour in Image.open(tmp_path / "1.png").getcolors(10**6)}
    assert any(abs(r - 0xB7) + abs(g - 0xC7) + abs(b - 0xDD) < 40 for r, g, b in colours)
    plots = [
        page.save(tmp_path / f"{i}.svg", style="plotter")[0] for i, page in enumerate((bare, ruled))
    ]
    assert plots[0].read_text() == plots[1].read_text()


def test_slow_strokes_are_wider(tmp_path):
    slow, fast = (
        np.column_stack([np.arange(0, 40, step), np.full(40 // step, y)])
        for step, y in ((1, 10), (4, 20))
    )
    widths = []
    for pressure in (0.0, 1.0):
        page = Sheets([[("", [slow + 5.0, fast + 5.0])]], (60, 40), pressure=pressure)
        (file,) = page.save(tmp_path / "p.png", dpi=254)
        dark = np.asarray(Image.open(file).convert("L")) < 128
        widths.append([dark[130:170, 200].sum(), dark[230:270, 200].sum()])
        for suffix in (".svg", ".pdf", ".gif"):
            page.save(tmp_path / f"p{suffix}")
    assert widths[0][0] == widths[0][1]
    assert widths[1][0] > widths[1][1]


def test_pieces_of_a_stroke_are_its_curve():
    rng = np.random.default_rng(0)
    stroke = rng.normal(0, 1, (30, 2)).cumsum(axis=0) * np.geomspace(0.2, 3, 30)[:, np.newaxis]
    pieces = cut_by_width(stroke, 0.4, 1.0, 1.0)
    assert len({piece.width for piece in pieces}) > 3
    curves = [subdivided(piece) for piece in pieces]
    joined = np.concatenate([curves[0], *(curve[1:] for curve in curves[1:])])
    np.testing.assert_allclose(joined, subdivided(whole(stroke)))


def test_the_way_between_plotted_strokes_is_short():
    strokes = [np.array([[x, 0.0], [x, 10.0]]) for x in range(6)]
    ordered = shorten_way([*strokes[::2], *strokes[1::2]], np.zeros(2))
    starts = np.array([stroke[0] for stroke in ordered])
    ends = np.array([stroke[-1] for stroke in ordered])
    np.testing.assert_allclose(np.abs(starts[1:] - ends[:-1]).sum(axis=1), 1.0)
    assert sorted(stroke[:, 0].mean() for stroke in ordered) == list(range(6))


def test_a_shorter_way_plots_the_same_strokes():
    rng = np.random.default_rng(0)
    strokes = [rng.uniform(0, 100, (2, 2)) for _ in range(40)]

    def way(ordered):
        at = np.vstack([np.zeros(2), *(stroke[-1] for stroke in ordered)])[:-1]
        return np.linalg.norm(at - [stroke[0] for stroke in ordered], axis=1).sum()

    ordered = shorten_way(strokes, np.zeros(2))
    assert way(ordered) < 0.3 * way(strokes)
    same = [{tuple(stroke[0]), tuple(stroke[-1])} for stroke in (*ordered, *strokes)]
    assert all(same[:40].count(ends) == 1 for ends in same[40:])
    assert shorten_way([], np.zeros(2)) == []


def test_long_word_is_divided(synthesizer):
    page = write("on pneumonoultramicroscopics.", synthesizer, None, line_length=10)
    (lines,) = texts_of(page)
    assert lines == ["on", "pneumonou-", "ltramicr-", "oscopics."]
    assert "".join(lines[1:]).replace("-", "") == "pneumonoultramicroscopics."


def test_number_is_divided_without_hyphen(synthesizer):
    assert texts_of(write("1234567890", synthesizer, None, line_length=8)) == [["12345", "67890"]]


def test_no_text_is_lost_between_sheets(synthesizer):
    words = [f"word{i}" for i in range(40)]
    page = write(" ".join(words), synthesizer, None, line_length=12, size=(148, 105))
    assert len(page.sheets) == 6
    assert " ".join(" ".join(texts) for texts in texts_of(page)).split() == words
    assert sum(len(texts) for texts, *_ in synthesizer.calls) == 1 + 35  # one shows the hand


def test_line_length_follows_from_hand_and_paper(synthesizer):
    text = "the quick brown fox jumps over the lazy dog " * 3
    wide, narrow = (
        write(text, synthesizer, None, size=(w, 200), random_state=0) for w in (200, 100)
    )
    for page, width in ((wide, 160), (narrow, 60)):
        low, high = ink_of(page)
        assert 0.75 * width < high[0] - low[0] <= width + 1e-6
    assert len(wide.sheets[0]) < len(narrow.sheets[0])


def test_too_long_lines_become_smaller(synthesizer):
    page = write(
        "many words " * 8, synthesizer, None, line_length=60, size=(90, 90), random_state=0
    )
    low, high = ink_of(page)
    assert low[0] >= 20 - 1e-6
    assert high[0] <= 70 + 1e-6
    assert max(line_of(strokes)[2] for _, strokes in page.sheets[0]) < 2


def test_nothing_is_cut_off_without_margin(synthesizer):
    page = write("Lofty\njumpy", synthesizer, None, size=(60, 12), margin=0, line_height=4)
    for sheet in range(len(page.sheets)):
        low, high = ink_of(page, sheet)
        assert (low >= 0.2 - 1e-9).all()
        assert (high <= np.array(page.size) - 0.2 + 1e-9).all()


def test_centred_lines_have_one_middle(synthesizer):
    page = write("a short one\nand one that is longer", synthesizer, None, align="center")
    for _, strokes in page.sheets[0]:
        x = np.concatenate(strokes)[:, 0]
        assert (x.min() + x.max()) / 2 == pytest.approx(105)


def test_random_state_decides_the_page(synthesizer):
    first, again, other = (
        write("a few words", synthesizer, None, random_state=s) for s in (0, 0, 1)
    )
    a, b, c = (np.concatenate(page.sheets[0][0][1]) for page in (first, again, other))
    np.testing.assert_array_equal(a, b)
    assert not np.array_equal(a, c)


def test_made_up_hand_is_kept(synthesizer):
    write("a few words\nand a few more of them", synthesizer, None, bias=0.5)
    (trial, none, bias, _), (texts, primes, *_) = synthesizer.calls
    assert trial == ["and a few more of them"]
    assert none is None
    assert bias == 0.5
    assert texts == ["a few words", "and a few more of them"]
    assert [said for _, said in primes] == trial * 2
    assert primes[0][0] is primes[1][0]


def test_hands_take_turns(synthesizer):
    ada, bob = (
        (synthesizer._line(text, np.random.default_rng(0)), text) for text in ("Ada", "Bob")
    )
    write("one\ntwo\n\n\nthree\n\nfour", synthesizer, None, prime=[ada, bob])
    ((texts, primes, *_),) = synthesizer.calls
    assert texts == ["one", "two", "three", "four"]
    assert [said for _, said in primes] == ["Ada", "Ada", "Bob", "Ada"]


@pytest.mark.parametrize("text", ["", " \n\t\n"])
def test_blank_text_is_refused(synthesizer, text):
    with pytest.raises(ValueError, match="text is blank"):
        write(text, synthesizer, None)


def test_all_unknown_characters_are_named_before_work(synthesizer):
    with pytest.raises(ValueError) as error:
        write("Quick\nß and Q!", synthesizer, None)
    message = str(error.value)
    assert "'Q' (line 1, column 1 and 1 more)" in message
    assert "'ß' (line 2, column 1)" in message
    assert "'!' (line 2, column 8)" in message
    assert "it knows" in message
    assert not synthesizer.calls


@pytest.mark.parametrize(
    ("prime", "message"),
    [
        ([], "empty list"),
        ([("a", "b", "c")], "prime 0 is not a pair"),
        ((np.zeros((2, 2)), "a"), r"strokes of prime have shape \(2, 2\)"),
        ((np.full((2, 3), np.nan), "a"), "strokes of prime hold NaN"),
        ((np.zeros((2, 3)), " "), "text of prime is blank"),
        ([(np.zeros((2, 3)), "a"), (np.zeros((2, 3)), "aQ")], "'Q' .*of the text of prime 1"),
    ],
)
def test_wrong_prime_is_named(synthesizer, prime, message):
    with pytest.raises(ValueError, match=message):
        write("a", synthesizer, None, prime=prime)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"size": (30, 30)}, "no line fits: margins of 20.0 leave -10 x -10 mm"),
        ({"size": (0, 30)}, "size is"),
        ({"size": ("a", "b")}, "size is .'a', 'b'.; it is a width and a height"),
        ({"ink": "bleu"}, "ink is 'bleu'"),
        ({"paper": ""}, "paper is ''"),
        ({"ink": "rgb(300,0,0)"}, "ink is 'rgb.300,0,0.'; it is an opaque colour of CSS"),
        ({"ink": "#1d2b6480"}, "ink is '#1d2b6480'; it is an opaque colour of CSS"),
        ({"paper": "hsv(20,50%,50%)"}, "paper is 'hsv.20,50%,50%.'; it is an opaque colour"),
        ({"bias": 101}, "The 'bias' parameter of write must be a float in the range .0.0, 100.0"),
        ({"x_height": 0}, "x_height"),
        ({"align": "right"}, "align"),
        ({"size": "a3"}, "size"),
        ({"margin": (1, 2)}, "margin is .1, 2.; it is a length in millimetres, or four"),
        ({"margin": (1, 2, 3, -4)}, "margin is"),
        ({"margin": (1, 2, 3, "x")}, "margin is .1, 2, 3, 'x'.; it is a length"),
        ({"columns": 9}, "of each of 9 columns"),
        ({"letterhead": 300}, "no line fits"),
        ({"ruling": "dotted"}, "ruling"),
        ({"pressure": 2}, "pressure"),
    ],
)
def test_wrong_layout_is_refused_before_work(synthesizer, wrong, message):
    with pytest.raises(ValueError, match=message):
        write("a", synthesizer, None, **wrong)
    assert not synthesizer.calls


def test_nan_of_the_synthesizer_is_not_drawn():
    with pytest.raises(ValueError, match=r"gave of 'some words' hold NaN.*point 7"):
        write("some words", Broken(), None)


def test_unfitted_synthesizer_is_refused():
    class Unfitted:
        def sample(self, texts, **_):
            raise AssertionError

    with pytest.raises(NotFittedError, match="Unfitted is not fitted"):
        write("a", Unfitted(), None)


def test_progress_is_shown_on_demand(synthesizer, capsys, monkeypatch):
    write("a few words", synthesizer, None)
    write("a few words", synthesizer, None, verbose=True)  # soon done: nothing for a log
    assert not capsys.readouterr().err
    monkeypatch.setattr(_progress, "_SECONDS", 0.0)
    write("a few words", synthesizer, None)
    assert not capsys.readouterr().err
    write("a few words", synthesizer, None, verbose=True)
    printed = capsys.readouterr().err
    assert re.fullmatch(r"(writing: \d+ of \d+ lines? in \d+ s\n)+", printed)
    monkeypatch.setattr(_progress, "can_move_bars", lambda: True)
    write("a few words", synthesizer, None, verbose=True)
    assert "writing: 100%" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("stroke", "message"),
    [
        (np.array([[0.0, np.nan]]), r"sheet 0, line 1 \('b'\): stroke 0 holds NaN"),
        (np.zeros((3, 3)), r"stroke 0 has shape \(3, 3\)"),
        (np.zeros((0, 2)), r"stroke 0 has shape \(0, 2\)"),
    ],
)
def test_page_checks_its_strokes(stroke, message):
    with pytest.raises(ValueError, match=message):
        Sheets([[("a", []), ("b", [stroke])]], size=(10, 10))


def test_page_is_described_in_a_line(page):
    assert repr(page) == "<Sheets: 1 sheet, 40 x 30 mm: 2 lines>"


def test_draw_fits_the_paper_to_the_ink():
    page = draw([[0, 0, 0], [40, 0, 0], [0, 20, 1]], height=10, margin=2, pen_width=1)
    assert page.size == pytest.approx((25, 15))
    np.testing.assert_allclose(page.sheets[0][0][1][0], [[2.5, 2.5], [22.5, 2.5], [22.5, 12.5]])


def test_draw_takes_dots_and_dashes():
    assert draw([[0, 0, 1]]).size == pytest.approx((6.4, 6.4))
    assert draw([[0, 0, 0], [9, 0, 1]], height=2, margin=1).size == pytest.approx((22.4, 2.4))


def test_draw_refuses_nan():
    with pytest.raises(ValueError, match="strokes hold NaN or infinity, first at point 1"):
        draw([[0, 0, 0], [np.nan, 0, 1]])


def test_svg_has_size_text_and_pen(page, tmp_path):
    assert page.save(tmp_path / "x.SVG") == [tmp_path / "x.SVG"]
    svg = (tmp_path / "x.SVG").read_text()
    root = ET.fromstring(svg)
    assert (root.get("width"), root.get("viewBox")) == ("40mm", "0 0 40 30")
    assert root.find(".//{*}title").text == "x<"
    assert root.find("{*}rect").get("fill") == "white"
    assert root.find("{*}g").get("stroke-linecap") == "round"
    assert page._repr_html_() == svg


def test_smooth_curve_goes_through_all_points(tmp_path):
    stroke = np.array([[5, 5], [9, 6], [11, 9], [8, 14], [8, 20]], float)
    Sheets([[("", [stroke])]], size=(20, 25)).save(tmp_path / "curve.svg")
    curve = np.cumsum(load_strokes(tmp_path / "curve.svg", x_height=None, spacing=0.02), axis=0)
    away = np.linalg.norm(curve[:, np.newaxis, :2] + stroke[0] - stroke, axis=2).min(axis=0)
    assert away.max() < 0.2


def test_plotter_gets_polylines_alone(page, tmp_path):
    page.save(tmp_path / "x.svg", style="plotter")
    root = ET.fromstring((tmp_path / "x.svg").read_text())
    paths = [path.get("d") for path in root.iterfind(".//{*}path")]
    assert paths == ["M10 10L20 20", "M10 20L20 10", "M25.5 12.5L25.5 12.5"]
    assert root.find("{*}rect") is None
    assert "stroke-width" not in (tmp_path / "x.svg").read_text()


def test_animation_follows_the_pen(page, tmp_path):
    page.save(tmp_path / "x.svg", style="animated", seconds=4)
    root = ET.fromstring((tmp_path / "x.svg").read_text())
    begins = [float(a.get("begin")[:-1]) for a in root.findall(".//{*}animate")]
    lasts = [float(a.get("dur")[:-1]) for a in root.findall(".//{*}animate")]
    assert begins == sorted(begins)
    assert begins[0] == 0
    assert begins[-1] + lasts[-1] == pytest.approx(4, abs=0.01)
    assert lasts[0] == pytest.approx(lasts[1], abs=0.002)
    hidden = [float(a.get("dur")[:-1]) for a in root.findall(".//{*}set")]
    assert hidden == begins[1:]


def test_sheets_get_files_of_their_own(page, tmp_path):
    two = Sheets([*page.sheets, []], size=page.size)
    files = two.save(tmp_path / "x.svg")
    assert [file.name for file in files] == ["x-1.svg", "x-2.svg"]
    assert all(file.exists() for file in files)
    assert 'viewBox="0 0 40 60"' in two._repr_html_()


def test_png_has_ink_where_the_pen_was(page, tmp_path):
    page.save(tmp_path / "x.png", dpi=25.4)
    image = Image.open(tmp_path / "x.png")
    assert image.size == (40, 30)
    assert image.info["dpi"] == pytest.approx((25.4, 25.4), abs=0.1)
    pixels = np.asarray(image)
    assert pixels[5, 5].tolist() == [255, 255, 255]
    assert pixels[14, 14].tolist() == [255, 0, 0]
    assert pixels[12, 25][1] < 128


def test_pdf_has_a_page_a_sheet_that_looks_like_the_png(page, synthesizer, tmp_path):
    curved = draw(synthesizer._line("There and back", np.random.default_rng(0)))
    for number, sheets in enumerate([page, curved]):
        twice = dataclasses.replace(sheets, sheets=[*sheets.sheets] * 2)
        assert twice.save(tmp_path / "x.pdf") == [tmp_path / "x.pdf"]
        first = (tmp_path / "x.pdf").read_bytes()
        twice.save(tmp_path / "x.pdf")
        assert (tmp_path / "x.pdf").read_bytes() == first
        sheets.save(tmp_path / "x.png", dpi=144)
        expected = np.asarray(Image.open(tmp_path / "x.png").convert("L")).astype(float)
        with pypdfium2.PdfDocument(tmp_path / "x.pdf") as document:
            assert len(document) == 2
            assert document[0].get_size() == pytest.approx(np.array(sheets.size) * 72 / 25.4)
            for sheet in document:
                found = sheet.render(scale=2).to_pil().convert("L").resize(expected.shape[::-1])
                off = np.abs(np.asarray(found) - expected)
                assert off.mean() < (255 - expected).mean() / 4, number  # edges differ


def test_gif_writes_itself(page, tmp_path):
    page.save(tmp_path / "x.gif", dpi=25.4, seconds=2)
    image = Image.open(tmp_path / "x.gif")
    ink = []
    for frame in range(image.n_frames):
        image.seek(frame)
        ink.append(int((np.asarray(image.convert("RGB"))[..., 1] < 128).sum()))
    assert image.n_frames > 5
    assert ink == sorted(ink)
    assert 0 < ink[0] < ink[-1] / 2
    page.save(tmp_path / "x.png", dpi=25.4)
    whole = np.asarray(Image.open(tmp_path / "x.png")).astype(int)
    assert np.abs(np.asarray(image.convert("RGB")).astype(int) - whole).max() < 80


def test_inkml_has_text_and_all_points(page, tmp_path):
    page.save(tmp_path / "x.inkml")
    root = ET.parse(tmp_path / "x.inkml").getroot()
    assert [a.text for a in root.findall(".//{*}annotation")] == ["x<\n", "x<"]
    assert [t.text for t in root.findall(".//{*}trace")] == [
        "10 10, 20 20",
        "10 20, 20 10",
        "25.5 12.5",
    ]


def test_inkml_comes_back(synthesizer, tmp_path):
    strokes = synthesizer._line("There and back", np.random.default_rng(0))
    draw(strokes).save(tmp_path / "line.inkml")
    back = load_strokes(tmp_path / "line.inkml", x_height=None, spacing=None)
    there = np.cumsum(strokes[:, :2], axis=0)
    scale = 15 / np.ptp(there[:, 1])
    np.testing.assert_allclose(
        np.cumsum(back[:, :2], axis=0), (there - there[0]) * scale, atol=0.003
    )
    np.testing.assert_array_equal(back[:, 2], strokes[:, 2])


@pytest.mark.parametrize("style", ["ink", "plotter", "animated"])
def test_svg_comes_back(synthesizer, tmp_path, style):
    strokes = synthesizer._line("There and back", np.random.default_rng(0))
    page = draw(strokes)
    page.save(tmp_path / "line.svg", style=style)
    back = load_strokes(tmp_path / "line.svg", x_height=None, spacing=0.02)
    assert back[:, 2].sum() == strokes[:, 2].sum()
    there = np.concatenate(page.sheets[0][0][1])
    points = np.cumsum(back[:, :2], axis=0) + there[0]
    away = np.linalg.norm(points[:, np.newaxis] - there, axis=2)
    assert away.min(axis=0).max() < 0.1  # mm; every point is on a line
    assert away.min(axis=1).max() < 0.5  # and no line is far from points


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("x.txt", {}, "saved as .gif, .inkml, .pdf, .png, .svg"),
        ("x", {}, "saved as"),
        ("x.png", {"style": "plotter"}, "style='plotter' is a kind of .svg"),
        ("x.svg", {"style": "fancy"}, "style"),
        ("x.png", {"dpi": 0}, "dpi"),
    ],
)
def test_wrong_ways_to_save(page, tmp_path, name, options, message):
    with pytest.raises(ValueError, match=message):
        page.save(tmp_path / name, **options)
    assert not list(tmp_path.iterdir())


def test_missing_folder_is_an_error(page, tmp_path):
    with pytest.raises(FileNotFoundError):
        page.save(tmp_path / "no" / "x.png")


@pytest.mark.parametrize("module", ["PIL.ImageColor", "drawsvg"])
def test_missing_library_is_named(page, monkeypatch, tmp_path, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"{module}.*pip install 'hwsk\[write\]'"):
        Sheets(page.sheets, page.size).save(tmp_path / "x.svg")


def test_a_reader_by_name_checks_without_a_language_model():
    assert hwsk.load("iam-lines")[-1].decoder.language_model is not None
    assert load_reader("iam-lines")[-1].decoder.language_model is None
    reader = hwsk.load("iam-lines")
    assert load_reader(reader) is reader and reader[-1].decoder.language_model is not None
