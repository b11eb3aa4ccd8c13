"""PAGE and ALTO as others write it, and what can be wrong with it."""

import time
import warnings
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pages import small_page

from hwsk.documents import Page

NS = "http://schema.primaresearch.org/PAGE/gts/pagecontent/"
ALTO = "http://www.loc.gov/standards/alto/"


def page_xml(content: str, version: str = "2013-07-15") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<PcGts xmlns="{NS}{version}"><Metadata/>\n'
        f'<Page imageFilename="a.jpg" imageWidth="400" imageHeight="300">\n{content}\n'
        "</Page></PcGts>"
    ).encode()


def alto(content: str, version: str = "ns-v4#", unit: str = "pixel", size: str = "") -> bytes:
    size = size or 'WIDTH="400" HEIGHT="300"'
    namespace = f' xmlns="{ALTO}{version}"' if version else ""
    return (
        f"<alto{namespace}><Description><MeasurementUnit>{unit}</MeasurementUnit>"
        "<sourceImageInformation><fileName> a.jpg </fileName></sourceImageInformation>"
        f'</Description>\n<Layout><Page ID="p" {size}><PrintSpace>\n{content}\n'
        "</PrintSpace></Page></Layout></alto>"
    ).encode()


def block(lines: str) -> str:
    return f'<TextBlock ID="b">{lines}</TextBlock>'


def text_line(name: str, text: str, extra: str = "", attributes: str = "") -> str:
    return (
        f'<TextLine id="{name}" {attributes}>{extra}<TextEquiv><Unicode>{text}</Unicode>'
        "</TextEquiv></TextLine>"
    )


def region(name: str, attributes: str = "", inside: str = "") -> str:
    return (
        f'<TextRegion id="{name}" {attributes}>{text_line("l" + name, name)}{inside}</TextRegion>'
    )


def order_of(content: str) -> str:
    return "".join(line.text for line in Page.from_page_xml(page_xml(content)).lines)


# PAGE


@pytest.mark.parametrize("version", ["2010-01-12", "2010-03-19"])
def test_points_as_elements(version):
    corners = [(10, 20), (90, 20), (90, 40), (10, 40)]
    points = "".join(f'<Point x="{x}" y="{y}"/>' for x, y in corners)
    content = (
        f'<TextRegion id="r">{text_line("l", "old", f"<Coords>{points}</Coords>")}</TextRegion>'
    )
    line = Page.from_page_xml(page_xml(content, version)).lines[0]
    assert (line.text, line.box) == ("old", (10, 20, 90, 40))


@pytest.mark.parametrize("version", ["2013-07-15", "2016-07-15", "2017-07-15", "2019-07-15"])
def test_newer_versions_and_baselines(version):
    extra = '<Coords points="10,20 90,20 90,40"/><Baseline points="10,38 90,39"/>'
    content = f'<TextRegion id="r">{text_line("l", "new", extra)}</TextRegion>'
    page = Page.from_page_xml(page_xml(content, version))
    assert page.image_path == "a.jpg"
    assert page.lines[0].baseline.tolist() == [[10, 38], [90, 39]]
    assert page.lines[0].polygon.shape == (3, 2)


def test_nested_reading_order():
    order = """<ReadingOrder><OrderedGroup id="g">
        <RegionRefIndexed index="2" regionRef="a"/>
        <UnorderedGroupIndexed id="u" index="1"><RegionRef regionRef="d"/><RegionRef regionRef="c"/>
        </UnorderedGroupIndexed>
        <OrderedGroupIndexed id="o" index="10" regionRef="b"><RegionRefIndexed index="0"
        regionRef="e"/></OrderedGroupIndexed></OrderedGroup></ReadingOrder>"""
    regions = "".join(map(region, "abcdef"))
    assert order_of(order + regions) == "dcabef"  # f, which it doesn't name, last


def test_reading_order_of_indices():
    regions = [
        region(name, f'custom="readingOrder {{index:{i};}}"') for i, name in [(1, "a"), (0, "b")]
    ]
    assert order_of("".join(regions)) == "ba"
    regions[1] = region("b")  # one has none: the order of the file
    assert order_of("".join(regions)) == "ab"
    lines = text_line("1", "y", attributes='index="1"') + text_line(
        "0", "x", attributes='index="0"'
    )
    assert order_of(f'<TextRegion id="r">{lines}</TextRegion>') == "xy"


def test_regions_within_regions_and_tables():
    inner = region("b", inside=region("c"))
    table = f'<TableRegion id="t"><TableCell id="d">{text_line("x", "d")}</TableCell></TableRegion>'
    assert order_of(region("a", inside=inner) + table + '<ImageRegion id="i"/>') == "abcd"
    order = (
        '<ReadingOrder><OrderedGroup id="g"><RegionRefIndexed index="0" regionRef="t"/>'
        '<RegionRefIndexed index="1" regionRef="a"/></OrderedGroup></ReadingOrder>'
    )
    assert order_of(order + region("a", inside=inner) + table) == "dabc"


def test_missing_region_in_reading_order_is_counted():
    order = '<ReadingOrder><UnorderedGroup id="g"><RegionRef regionRef="zz"/></UnorderedGroup>'
    order += "</ReadingOrder>"
    with pytest.warns(UserWarning, match="1 x reference to a region that is missing.*'zz'"):
        assert order_of(order + region("a")) == "a"


def test_best_text():
    texts = "".join(
        f"<TextEquiv {attributes}><Unicode>{text}</Unicode></TextEquiv>"
        for attributes, text in [('index="1"', "b"), ("", "c"), ('index="0" conf="0.5"', "a")]
    )
    content = f'<TextRegion id="r"><TextLine id="l">{texts}</TextLine></TextRegion>'
    line = Page.from_page_xml(page_xml(content)).lines[0]
    assert (line.text, line.confidence) == ("a", 0.5)


def test_text_of_words_and_glyphs():
    glyphs = "".join(
        f'<Glyph id="g{c}"><TextEquiv conf="0.5"><Unicode>{c}</Unicode></TextEquiv></Glyph>'
        for c in "Sir"
    )
    word = '<Word id="w"><TextEquiv><Unicode>Dear</Unicode></TextEquiv></Word>'
    line = f'<TextLine id="l">{word}<Word id="v">{glyphs}</Word></TextLine>'
    content = f'<TextRegion id="r">{line}</TextRegion>'
    line = Page.from_page_xml(page_xml(content)).lines[0]
    assert line.text == "Dear Sir"
    assert [c.confidence for c in line.words[1].characters] == [0.5] * 3


def test_kind_of_region():
    custom = 'type="other" custom="readingOrder {index:0;} structure {type:MarginTextZone;}"'
    content = region("a", custom) + region("b", 'type="heading"') + region("c")
    kinds = [r.kind for r in Page.from_page_xml(page_xml(content)).regions]
    assert kinds == ["MarginTextZone", "heading", ""]


def test_remarks_are_one_warning():
    content = f"""<TextRegion id="r"><Coords points="-9,0 500,0 500,99"/>
    {text_line("in", "a", '<Coords points="1,1 9,1 9,9"/>')}
    {text_line("edge", "b", '<Coords points="1,1 999,1 9,9"/><Baseline points="5,5"/>')}
    {text_line("out", "c", '<Coords points="401,1 420,1 420,9"/>')}
    <TextLine id="none"/></TextRegion>
    <TextRegion id="t"><TextEquiv><Unicode>no lines</Unicode></TextEquiv></TextRegion>"""
    with pytest.warns(UserWarning) as caught:
        page = Page.from_page_xml(page_xml(content))
    (message,) = [str(w.message) for w in caught]
    assert caught[0].filename == __file__
    for part in (
        r"2 x polygon partly outside the page, clipped (Region 'r', Line 'edge')",
        r"1 x polygon wholly outside the page, ignored (Line 'out')",
        r"1 x baseline of fewer than 2 points, ignored (Baseline in line 6)",
        r"1 x text of a region without lines, ignored (TextRegion 't' in line 9)",
    ):
        assert part in message
    assert page.lines[1].box == (1, 1, 400, 9)
    assert page.lines[2].polygon is None
    assert (page.lines[3].text, page.lines[3].polygon) == ("", None)


# ALTO


@pytest.mark.parametrize("points", ["10 38 90 39", "10,38 90,39", " 10,38,90,39 "])
def test_baselines(points):
    content = block(
        f'<TextLine ID="l" BASELINE="{points}"><Shape><Polygon POINTS="10,20 90,20 90,40"/></Shape>'
        '<String CONTENT="Dear Sir"/></TextLine>'
    )
    page = Page.from_alto(alto(content))
    assert (page.width, page.height, page.image_path) == (400, 300, "a.jpg")
    line = page.lines[0]
    assert line.baseline.tolist() == [[10, 38], [90, 39]]
    assert (line.text, line.words, line.polygon.shape) == ("Dear Sir", [], (3, 2))


@pytest.mark.parametrize("version", ["", "ns-v2#", "ns-v3#"])
def test_baseline_of_one_number(version):
    line = '<TextLine ID="l" BASELINE="36" HPOS="10" VPOS="20" WIDTH="80" HEIGHT="20"/>'
    line = Page.from_alto(alto(block(line), version)).lines[0]
    assert line.baseline.tolist() == [[10, 36], [90, 36]]
    assert (line.text, line.box) == ("", (10, 20, 90, 40))


def test_spaces_and_hyphens():
    a, b = (f'<String CONTENT="{t}" HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9" WC=".5"/>' for t in "ab")
    for content, text in [
        (f"{a}<SP/>{b}", "a b"),
        (f"{a}{b}", "a b"),  # many files leave SP out
        (f"{a}<SP/>{b}{b}", "a bb"),
        (f"{a}<SP/>{b}<HYP CONTENT='-'/>", "a b-"),
        (f"{a}<HYP/>", "a-"),
    ]:
        line = Page.from_alto(alto(block(f"<TextLine>{content}</TextLine>"))).lines[0]
        assert line.text == text
        assert "".join(word.text for word in line.words) == text.replace(" ", "").rstrip("-")
        assert line.words[0].confidence == 0.5


def test_string_in_place_of_a_line():
    place = 'HPOS="1" VPOS="1" WIDTH="9" HEIGHT="9"'
    line = f'<TextLine {place}><String CONTENT="one" WC="0.5" {place}/></TextLine>'
    line = Page.from_alto(alto(block(line))).lines[0]
    assert (line.words, line.confidence) == ([], 0.5)


def test_blocks_in_margins_composed_and_tagged():
    tags = '<Tags><OtherTag ID="T1" LABEL="Main"/></Tags><Layout>'
    content = block('<TextLine><String CONTENT="a"/></TextLine>')
    content = f'<ComposedBlock>{content}</ComposedBlock><Illustration ID="i"/>'
    content += '<TextBlock ID="c" TAGREFS="T0 T1"/>'
    data = alto(content).replace(b"<Layout>", tags.encode())
    regions = Page.from_alto(data).regions
    assert [region.kind for region in regions] == ["", "Main"]


@pytest.mark.parametrize("refs", ["c b", "lc lb"])
def test_reading_order_of_alto(refs):
    references = "".join(f'<ElementRef ID="x{r}" REF="{r}"/>' for r in refs.split())
    order = f'<ReadingOrder><OrderedGroup ID="o">{references}</OrderedGroup></ReadingOrder><Layout>'
    blocks = "".join(
        f'<TextBlock ID="{n}"><TextLine ID="l{n}"><String CONTENT="{n}"/></TextLine></TextBlock>'
        for n in "abc"
    )
    page = Page.from_alto(alto(blocks).replace(b"<Layout>", order.encode()))
    assert [line.text for line in page.lines] == ["c", "b", "a"]


LINE = block('<TextLine HPOS="254" VPOS="0" WIDTH="254" HEIGHT="127" BASELINE="127"/>')


def test_units():
    data = alto(LINE, unit="mm10", size='WIDTH="2540" HEIGHT="1270"')
    page = Page.from_alto(data, dpi=300)
    assert (page.width, page.height) == (3000, 1500)
    np.testing.assert_allclose(page.lines[0].box, (300, 0, 600, 150))
    np.testing.assert_allclose(page.lines[0].baseline, [[300, 150], [600, 150]])
    page = Page.from_alto(data, image_size=(1000, 500))
    np.testing.assert_allclose(page.lines[0].box, (100, 0, 200, 50))
    with pytest.raises(ValueError, match=r"<bytes>: MeasurementUnit in line 1: .*mm10.*dpi="):
        Page.from_alto(data)
    settings = "<OCRProcessing><processingStepSettings>scan; 300 DPI"
    settings += "</processingStepSettings></OCRProcessing></Description>"
    page = Page.from_alto(data.replace(b"</Description>", settings.encode()))
    assert page.width == 3000
    page = Page.from_alto(alto(LINE, unit="inch1200", size='WIDTH="600" HEIGHT="300"'), dpi=600)
    assert (page.width, page.lines[0].box) == (300, (127, 0, 254, 63.5))
    with pytest.raises(ValueError, match="unit 'furlong'; expected pixel, mm10, inch1200"):
        Page.from_alto(alto(LINE, unit="furlong"))


def test_size_missing():
    data = alto(LINE, size='PHYSICAL_IMG_NR="1"')
    with pytest.raises(ValueError, match="Page 'p' in line 2: gives no WIDTH and HEIGHT"):
        Page.from_alto(data)
    assert Page.from_alto(data, image_size=(600, 500)).width == 600


# What is wrong


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('<Coords points="1,2 3"/>', "Coords in line 5: 3 coordinates, an odd number"),
        ('<Coords points="1,2 a,b 3,4"/>', "Coords in line 5: points '1,2 a,b 3,4' are not"),
        (
            '<Coords points="1,2 nan,3 3,4"/>',
            r"Coords in line 5: points .* are not pairs",
        ),
        ('<TextEquiv conf="much"/>', "TextEquiv in line 5: conf='much' is not a number"),
    ],
)
def test_bad_elements_are_named(tmp_path, content, message):
    file = tmp_path / "bad.xml"
    file.write_bytes(
        page_xml(f'<TextRegion id="r">\n<TextLine id="l">{content}</TextLine></TextRegion>')
    )
    with pytest.raises(ValueError, match=rf"bad\.xml: {message}"):
        Page.from_page_xml(file)


def test_confidence_outside_is_ignored():
    content = page_xml(region("a").replace("<TextEquiv>", '<TextEquiv conf="95">'))
    with pytest.warns(UserWarning, match=r"conf outside 0 to 1, ignored \(95, TextEquiv in line 4"):
        assert Page.from_page_xml(content).lines[0].confidence is None


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b"<PcGts><Page>", "line 1: not XML"),
        (b"<PcGts/>", "PcGts in line 1: has no Page"),
        (b"<PcGts><Page imageWidth='9'/></PcGts>", "imageHeight is None"),
        (b"<PcGts><Page imageWidth='9' imageHeight='-1'/></PcGts>", "imageHeight is -1"),
        (b"<svg/>", "svg in line 1: not PAGE XML"),
    ],
)
def test_not_page_xml(data, message):
    with pytest.raises(ValueError, match=f"<bytes>.*{message}"):
        Page.from_page_xml(data)


def test_not_alto():
    with pytest.raises(ValueError, match="not ALTO"):
        Page.from_alto(page_xml(""))
    with pytest.raises(ValueError, match="holds 2 pages"):
        Page.from_alto(alto("").replace(b"</Page>", b"</Page><Page/>"))
    with pytest.raises(ValueError, match="begins b'GIF89a'"):
        Page.load(b"GIF89a")


LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10 if i else "ha" * 10}">' for i in range(12))
BOMBS = {
    "laughs": f"<!DOCTYPE PcGts [{LAUGHS}]>",
    "file": '<!DOCTYPE PcGts [<!ENTITY l11 SYSTEM "file:///etc/passwd">]>',
    "net": '<!DOCTYPE PcGts SYSTEM "http://localhost:9/x.dtd">',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32"])
@pytest.mark.parametrize("bomb", BOMBS)
def test_entities_are_refused(bomb, encoding):
    content = page_xml(region("a").replace(">a<", ">&l11;<")).decode()
    content = content.replace("?>", f"?>{BOMBS[bomb]}", 1).replace("UTF-8", encoding.upper())
    start = time.process_time()
    with pytest.raises(ValueError, match=r"declares a document type|amplification"):
        Page.from_page_xml(content.encode(encoding))
    assert time.process_time() - start < 1


def test_undeclared_entity_and_deep_nesting():
    with pytest.raises(ValueError, match=r"line 4: not XML .*wow"):
        Page.from_page_xml(page_xml(region("a").replace(">a<", ">&wow;<")))
    with pytest.raises(ValueError, match="not XML"):
        Page.from_page_xml(page_xml("<TextRegion>" * 5000 + "</TextRegion>" * 5000))


def test_size_limit(monkeypatch):
    monkeypatch.setattr("hwsk.documents._xml.MOST_BYTES", 1 << 20)
    with pytest.raises(ValueError, match="larger than 1 MB"):
        Page.from_page_xml(page_xml(" " * (1 << 20)))


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_damaged_files_raise_value_errors_only(data):
    page = small_page()
    content = bytearray(
        data.draw(st.sampled_from([page.to_page_xml, page.to_alto, page.to_json]))().encode()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=6))
    with warnings.catch_warnings(), suppress(ValueError):
        warnings.simplefilter("ignore")
        assert isinstance(Page.load(bytes(content)), Page)
