"""Pages: written, read back, and given to the readers of others."""

import io
import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pages import random_pages, small_page

from hwsk.documents import Character, Line, Page, Region, Word

FAST = settings(max_examples=30, deadline=None, derandomize=True, database=None)


def test_points_and_boxes():
    line = Line("x", baseline=[[1, 2], [3, 4]], polygon=[1, 2, 9, 8])
    assert line.box == (1, 2, 9, 8)
    assert line.polygon.tolist() == [[1, 2], [9, 2], [9, 8], [1, 8]]
    assert Line().box is None
    with pytest.raises(ValueError, match=r"polygon of Line\(text='x'.*shape \(2, 2\)"):
        Line("x", polygon=[[1, 2], [3, 4]])
    with pytest.raises(ValueError, match="NaN"):
        Word("x", polygon=[1, 2, 3, np.nan])
    with pytest.raises(ValueError, match=r"confidence of .* is 50; expected 0 to 1"):
        Character("x", confidence=50)
    with pytest.raises(ValueError, match="0 x 5 pixels"):
        Page(0, 5)


def test_text_and_order():
    page = small_page()
    assert page.to_text() == 'né à\n<Paris> & "Rome"\n'
    assert [line.id for line in page.lines] == ["l1", "l2", "l3"]
    assert [type(part).__name__ for part in page.elements()][:5] == [
        "Region", "Line", "Word", "Character", "Character",
    ]  # fmt: skip


def test_resized_is_a_copy():
    page = small_page()
    twice = page.resized(600, 300)
    assert (twice.width, twice.height) == (600, 300)
    assert twice.lines[0].box == (110, 45, 300, 120)
    assert twice.lines[0].words[0].characters[0].box == (120, 60, 180, 105)
    assert page.lines[0].box == (55, 30, 150, 80)


@FAST
@given(random_pages())
def test_json_round_trip(page):
    text = page.to_json()
    assert Page.from_json(text.encode()).to_json() == text


@FAST
@given(random_pages())
def test_page_xml_round_trip(page):
    assert Page.from_page_xml(page.to_page_xml().encode()).to_json() == page.to_json()


@FAST
@given(random_pages(), st.data())
def test_alto_round_trip(page, data):
    for line in page.lines:
        for word in line.words:
            if any(len(character.text) != 1 for character in word.characters):
                word.characters = []
    again = Page.from_alto(page.to_alto().encode())
    for line, read in zip(page.lines, again.lines, strict=True):
        if len(line.words) == 1 and not line.words[0].characters and not read.words:
            read.words, read.confidence = line.words, None  # it stood for the line
    assert again.to_json() == page.to_json()


@FAST
@given(random_pages())
def test_hocr_says_the_same(page):
    root = ET.fromstring(page.to_hocr())
    lines = root.findall(".//*[@class='ocr_line']")
    assert ["".join(line.itertext()) for line in lines] == [line.text for line in page.lines]
    for element, line in zip(lines, page.lines, strict=True):
        assert element.get("title").startswith("bbox " + " ".join(f"{v:.0f}" for v in line.box))
        words = element.findall("*[@class='ocrx_word']")
        assert [word.text for word in words] == [word.text for word in line.words]


@pytest.mark.parametrize("write", ["to_page_xml", "to_alto", "to_hocr"])
def test_control_characters_are_named(write):
    page = Page(10, 10, [Region([Line("a\x02b", polygon=[0, 0, 5, 5])])])
    with pytest.raises(ValueError, match=r"can't hold the character U\+0002"):
        getattr(page, write)()


def test_what_has_no_place_gets_the_place_around_it():
    word = Word("ab", characters=[Character("a", [5, 5, 9, 9]), Character("b", [9, 5, 13, 9])])
    lines = [Line("ab", words=[word]), Line("c", baseline=[[1, 20], [30, 21]]), Line("d")]
    page = Page(40, 50, [Region(lines), Region()])
    page = Page.from_page_xml(page.to_page_xml().encode())
    assert [line.box for line in page.lines] == [(5, 5, 13, 9), (1, 20, 30, 21), (1, 5, 30, 21)]
    assert page.lines[0].words[0].box == (5, 5, 13, 9)
    assert [region.box for region in page.regions] == [(1, 5, 30, 21), (0, 0, 40, 50)]


def test_points_outside_are_clipped_on_writing():
    page = Page(40, 50, [Region([Line("a", polygon=[-5, 5, 20, 20], id="l7")], [0, 0, 40, 60])])
    with pytest.warns(UserWarning, match=r"2 x polygon partly outside.*Line 'l7'"):
        text = page.to_page_xml()
    assert Page.from_page_xml(text.encode()).lines[0].box == (0, 5, 20, 20)
    assert page.lines[0].box == (-5, 5, 20, 20)


def test_words_that_do_not_spell_the_line_are_left_out_of_alto():
    words = [Word("Dear", [0, 0, 5, 5]), Word("Sit", [6, 0, 9, 5])]
    page = Page(40, 50, [Region([Line("Dear Sir", polygon=[0, 0, 9, 5], words=words)])])
    with pytest.warns(UserWarning, match="1 x words that don't spell .* 'r0_l0'"):
        text = page.to_alto()
    assert Page.from_alto(text.encode()).to_text() == "Dear Sir"
    assert "Sit" not in page.to_hocr()
    assert "Sit" in page.to_page_xml()  # which has both


def test_alto_of_abutting_words_and_punctuation():
    words = [Word("Sir", [0, 0, 5, 5]), Word(",", [5, 0, 6, 5]), Word("I", [8, 0, 9, 5])]
    page = Page(40, 50, [Region([Line("Sir, I", polygon=[0, 0, 9, 6], words=words)])])
    read = Page.from_alto(page.to_alto().encode()).lines[0]
    assert (read.text, [word.text for word in read.words]) == ("Sir, I", ["Sir", ",", "I"])
    page.lines[0].words, page.lines[0].text = words[:2], "Sir,"
    with pytest.warns(UserWarning, match="don't spell"):
        assert Page.from_alto(page.to_alto().encode()).lines[0].text == "Sir,"


def test_double_and_invalid_ids_are_replaced():
    lines = [Line("a", polygon=[0, 0, 5, 5], id=name) for name in ("1 a", "x", "x", "")]
    page = Page(9, 9, [Region(lines, id="x")])
    for text in (page.to_page_xml(), page.to_alto()):
        root = etree.fromstring(text.encode())
        ids = [v for e in root.iter() for k, v in e.attrib.items() if k.lower() == "id"]
        assert len(set(ids)) == len(ids)
        assert {"x", "x_2", "x_3"} <= set(ids)


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.xml", "PcGts"),
        ("a.page.xml", "PcGts"),
        ("a.alto.xml", "<alto"),
        ("A.ALTO", "<alto"),
        ("a.hocr", "ocr_page"),
        ("a.json", '"hwsk page'),
        ("a.txt", "né à"),
    ],
)
def test_save_by_suffix_and_load_by_content(tmp_path, name, start):
    small_page().save(tmp_path / name)
    text = (tmp_path / name).read_text(encoding="utf-8")
    assert start in text
    if name.endswith(("hocr", "txt")):
        with pytest.raises(ValueError, match=rf"{name} is (HTML or hOCR|neither)"):
            Page.load(tmp_path / name)
    else:
        (tmp_path / name).rename(tmp_path / "unknown")
        assert Page.load(tmp_path / "unknown").to_text() == small_page().to_text()
        with open(tmp_path / "unknown", "rb") as file:
            assert Page.load(file).to_text() == small_page().to_text()


def test_save_refuses_other_suffixes(tmp_path):
    with pytest.raises(ValueError, match=r"a\.docx ends in none of .*\.alto\.xml"):
        small_page().save(tmp_path / "a.docx")


def test_content_in_place_of_a_path():
    with pytest.raises(ValueError, match=r"a str is a path; pass text\.encode"):
        Page.from_page_xml(small_page().to_page_xml())
    with pytest.raises(FileNotFoundError, match="nowhere"):
        Page.load("nowhere.xml")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page.update(format="x"), 'expected "format"'),
        (lambda page: page.update(colour="x"), "page has the unknown key 'colour'"),
        (lambda page: page.update(width="x"), "page: width is 'x'"),
        (lambda page: page.update(regions={}), "regions is {}; expected a list"),
        (lambda page: page.pop("height"), "page: .*height"),
        (lambda page: page["regions"][0]["lines"].append(3), r"regions\[0\].lines\[2\] is 3"),
        (
            lambda page: page["regions"][1]["lines"][0].update(polygon=[[1, "x"]]),
            r"regions\[1\].lines\[0\]: could not convert",
        ),
        (lambda page: page["regions"][1]["lines"][0].update(baseline=4), "baseline is 4"),
    ],
)
def test_bad_json_is_named(tmp_path, change, message):
    content = json.loads(small_page().to_json())
    change(content)
    (tmp_path / "bad.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"bad.json: .*{message}"):
        Page.from_json(tmp_path / "bad.json")


def test_page_formats_need_no_torch():
    code = (
        "from hwsk.documents import Page, cut_lines, read_pages, save_pdf; import sys;"
        "print(*{'torch', 'skorch', 'pypdfium2', 'matplotlib'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""


# Readers and schemas of others. They are no part of the `test` extra where they would pin what
# hwsk pins otherwise (pypxml: lxml 6.0) or bring a server along (ocrd).


def _folder_of(package):
    spec = find_spec(package)
    if spec is None:
        pytest.skip(f"{package} is not installed (pip install --no-deps)")
    return Path(spec.submodule_search_locations[0])


def test_page_xml_fits_the_official_schema():
    file = _folder_of("ocrd_validators") / "page.xsd"  # pip install --no-deps ocrd
    schema = etree.XMLSchema(etree.parse(str(file)))

    @FAST
    @given(random_pages())
    def check(page):
        page.regions.append(Region([Line("no place"), Line("", [[0, 0], [1, 1]])], kind="x"))
        schema.assertValid(etree.fromstring(page.to_page_xml().encode()))

    check()


def test_alto_tools_reads_alto(capsys):
    alto_tools = pytest.importorskip("alto_tools.alto_tools", reason="pip install alto-tools")
    stream = io.StringIO(small_page().to_alto())
    stream.name = "a.xml"
    _, tree, namespace = alto_tools.alto_parse(stream)
    alto_tools.alto_text(tree, namespace)
    lines = [line.strip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line] == ["né à", '<Paris> & "Rome"']


def test_pypxml_reads_page_xml(tmp_path):
    pypxml = pytest.importorskip("pypxml", reason="pip install --no-deps pypxml")
    small_page().save(tmp_path / "a.xml")
    page = pypxml.PageXML.open(tmp_path / "a.xml")
    assert [region.attributes["id"] for region in page.regions] == ["r1", "r2"]
    lines = [part for part in page.regions[0].elements if "TextLine" in repr(part)]
    found = [pypxml.PageUtil.find_text(line) for line in lines]
    assert found == ["né à", '<Paris> & "Rome"']
