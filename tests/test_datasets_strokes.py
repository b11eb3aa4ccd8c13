"""Strokes of one's own, from InkML and SVG: what is read, and what is refused in which words."""

import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk.datasets import load_strokes, make_handwriting
from hwsk.writing import draw

SVG = '<svg xmlns="http://www.w3.org/2000/svg">\n{}</svg>'
INK = '<ink xmlns="http://www.w3.org/2003/InkML">\n{}</ink>'
FUZZ = settings(
    max_examples=100,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
WHOLE = {
    ".inkml": INK.format(
        '<traceFormat><channel name="X"/><channel name="Y" orientation="-ve"/></traceFormat>'
        "<trace>1125 18432,'23'43,\"7\"-8,3-5</trace><trace>1 2</trace>"
    ),
    ".svg": SVG.format(
        '<g stroke="red" transform="rotate(3) scale(2 1)"><path d="M1 1q2 3 4 5a1 1 0 0 0 3 3z"/>'
        '<polyline points="1,2 3,4"/><circle r="3" style="stroke:blue"/></g>'
    ),
}


@pytest.fixture
def load(tmp_path):
    """Loads the text of a file, in the file's own units."""

    def load(text, suffix=".svg", **options):
        file = tmp_path / f"own{suffix}"
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_strokes(file, **{"x_height": None} | options)

    return load


@pytest.fixture
def load_ink(load):
    return lambda body: load(INK.format(body), ".inkml", spacing=None)


def positions(strokes):
    """Where the pen goes, for each stroke, from where it is first set down."""
    return [line.round(3).tolist() for line in split_strokes(strokes)]


def extent(strokes):
    return np.ptp(np.concatenate(split_strokes(strokes)), axis=0)


def test_ink_is_offsets(load_ink):
    strokes = load_ink("<trace>10 10, 13 14</trace><!-- a dot --><trace>20 5</trace>")
    assert strokes.dtype == np.float32
    assert strokes.tolist() == [[0, 0, 0], [3, 4, 1], [7, -9, 1]]


def test_differences_are_added_up(load_ink):
    """Values as in the example of the recommendation."""
    strokes = load_ink("<trace>1125 18432,'23'43,\"7\"-8,3-5,7 -3,6 2,6 8</trace>")
    x, y = np.array(positions(strokes)[0]).T
    assert x.tolist() == [0, 23, 53, 86, 126, 172, 224]
    assert y.tolist() == [0, 43, 78, 108, 135, 164, 201]


def test_explicit_values_may_follow_differences(load_ink):
    strokes = load_ink("<trace>1 1, '2 '2, !9 !9, 10 10</trace>")
    assert positions(strokes) == [[[0, 0], [2, 2], [8, 8], [9, 9]]]


def test_channels_are_found_by_name(load_ink):
    strokes = load_ink(
        '<traceFormat><channel name="T"/><channel name="Y" orientation="-ve"/><channel name="X"/>'
        '<intermittentChannels><channel name="F"/></intermittentChannels></traceFormat>'
        "<trace>1 5 10, 2 7 11 90</trace>"
    )
    assert positions(strokes) == [[[0, 0], [1, -2]]]


def test_what_is_no_ink_is_left_out(load_ink):
    strokes = load_ink(
        "<definitions><trace>0 0, 9 9</trace></definitions><trace/>"
        '<traceGroup><trace>0 0, 1 1</trace><trace type="penUp">5 5, 6 6</trace></traceGroup>'
        '<trace continuation="begin">2 2</trace><trace continuation="end">3 3</trace>'
    )
    assert positions(strokes) == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]


def test_prefixed_elements_are_read(load):
    text = '<i:ink xmlns:i="http://www.w3.org/2003/InkML"><i:trace>0 0, 1 2</i:trace></i:ink>'
    assert positions(load(text, ".inkml", spacing=None)) == [[[0, 0], [1, 2]]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "holds no ink: no trace"),
        ("<trace> </trace>", "holds no ink"),
        ("<trace>1 2, 3</trace>", "own.inkml, line 2: point 2 of a trace, '3', lacks X or Y"),
        ("\n<trace>1 2, nan 3</trace>", "line 3: point 2 .*, holds 'nan', no number"),
        ("<trace>1 2, #F 3</trace>", "point 2 .*, holds '#'"),
        ("<trace>1 2, * 3</trace>", "point 2 of a trace has '\\*' for X or Y"),
        ("<trace>1 2, 1e999 3</trace>", "coordinates are too large"),
        ("<trace>1 2", "line 2: no well-formed XML: mismatched tag"),
        (
            '<traceFormat><channel name="X"/><channel name="F"/></traceFormat><trace>1 2</trace>',
            r"line 2: a traceFormat of the channels \['X', 'F'\] has no X and Y",
        ),
        (
            '<traceFormat><channel name="X"/><channel name="Y"/></traceFormat>'
            '<traceFormat><channel name="Y"/><channel name="X"/></traceFormat><trace>1 2</trace>',
            "more than one traceFormat",
        ),
    ],
)
def test_wrong_ink_is_named(load_ink, body, message):
    with pytest.raises(ValueError, match=message):
        load_ink(body)


def trace_format(name, units="dev"):
    channels = "".join(f'<channel name="{axis}" units="{units}"/>' for axis in "XY")
    return f'<traceFormat xml:id="{name}">{channels}</traceFormat>'


def test_units_are_brought_to_that_of_the_first_trace(load_ink):
    formats = trace_format("mm", "mm") + trace_format("cm", "cm")
    contexts = "".join(f'<context xml:id="{u}s" traceFormatRef="#{u}"/>' for u in ("mm", "cm"))
    body = (
        f"<definitions>{formats}{contexts}</definitions>"
        '<trace contextRef="#mms">0 0, 10 0</trace><trace contextRef="#cms">1 0, 2 1</trace>'
    )
    assert positions(load_ink(body)) == [[[0, 0], [10, 0]], [[10, 0], [20, 10]]]
    alone = '<trace contextRef="#cms">1 0, 2 1</trace>'
    assert positions(load_ink(f"<definitions>{formats}{contexts}</definitions>{alone}")) == [
        [[0, 0], [1, 1]]  # one unit is kept
    ]


def test_a_context_holds_for_the_traces_behind_it(load_ink):
    body = (
        f"<context>{trace_format('a', 'cm')}</context>"
        "<trace>0 0, 1 0</trace>"
        '<context><traceFormat><channel name="Y" units="mm"/><channel name="X" units="mm"/>'
        "</traceFormat></context><traceGroup><trace>5 30, 0 20</trace></traceGroup>"
    )
    assert positions(load_ink(body)) == [[[0, 0], [1, 0]], [[3, 0.5], [2, 0]]]


def test_the_resolution_of_a_device_is_a_unit(load_ink):
    source = (
        '<inkSource xml:id="pad"><traceFormat><channel name="X"/><channel name="Y"/></traceFormat>'
        '<channelProperties><channelProperty channel="X" name="resolution" value="100" '
        'units="1/cm"/><channelProperty channel="Y" name="resolution" value="50" units="1/cm"/>'
        "</channelProperties></inkSource>"
    )
    body = (
        f'<context xml:id="c" inkSourceRef="#pad"/><definitions>{source}'
        f"<context xml:id='i'>{trace_format('in', 'in')}</context>"
        '</definitions><trace contextRef="#c">0 0, 100 100</trace>'
        '<trace contextRef="#i">0 0, 1 0</trace>'
    )
    assert positions(load_ink(body)) == [[[0, 0], [100, 200]], [[0, 0], [254, 0]]]


@pytest.mark.parametrize("place", ["inline", "referred"])
def test_affine_mappings_to_the_canvas_are_followed(load_ink, place):
    mapping = '<mapping xml:id="m" type="affine"><affine>0 -2 5, 3 0 7</affine></mapping>'
    if place == "inline":
        body = f"<context><canvasTransform>{mapping}</canvasTransform></context>"
    else:
        body = (
            f'<definitions>{mapping}<canvasTransform xml:id="t"><mapping mappingRef="#m"/>'
            '</canvasTransform><context xml:id="c" canvasTransformRef="#t"/></definitions>'
        )
        body += '<traceGroup contextRef="#c"><trace>0 0, 1 0, 1 1</trace></traceGroup>'
        assert positions(load_ink(body)) == [[[0, 0], [0, 3], [-2, 3]]]
        return
    assert positions(load_ink(f"{body}<trace>0 0, 1 0, 1 1</trace>")) == [[[0, 0], [0, 3], [-2, 3]]]


def test_a_mapping_of_one_channel_is_followed(load_ink):
    mapping = '<mapping type="affine"><affine>2 1</affine></mapping>'
    body = (
        f'<traceFormat><channel name="X">{mapping}</channel><channel name="Y"/></traceFormat>'
        "<trace>0 0, 3 1</trace>"
    )
    assert positions(load_ink(body)) == [[[0, 0], [6, 1]]]


def test_definitions_are_ink_where_a_view_shows_them(load_ink):
    body = (
        '<definitions><trace xml:id="a">0 0, 1 1</trace><trace xml:id="b">5 5, 6 6</trace>'
        '<traceGroup xml:id="g"><trace>2 2, 3 3</trace></traceGroup></definitions>'
        '<trace xml:id="t">0 4, 1 4</trace>'
        '<traceView><traceView traceDataRef="#g"/><traceView traceDataRef="#a"/></traceView>'
        '<traceView traceDataRef="#a"/><traceView traceDataRef="#t"/>'
    )
    first, second, third = positions(load_ink(body))
    assert first == [[0, 0], [1, 0]]
    assert second == [[2, -2], [3, -1]]
    assert third == [[0, -4], [1, -3]]


@pytest.mark.parametrize(
    ("defined", "shown"),
    [
        ('<traceGroup xml:id="r"><traceView traceDataRef="#a"/></traceGroup>', "#r"),
        ('<traceView xml:id="r" traceDataRef="#a"/>', "#r"),
        ('<traceView xml:id="r"><traceView traceDataRef="#a"/></traceView>', "#r"),
        (
            '<traceView xml:id="r" traceDataRef="#s"/>'
            '<traceGroup xml:id="s"><traceGroup><traceView traceDataRef="#a"/></traceGroup>'
            '<traceView traceDataRef="#a"/></traceGroup>',
            "#r",
        ),
    ],
)
def test_views_of_views_are_followed(load_ink, defined, shown):
    ink = load_ink(
        f'<definitions><trace xml:id="a">5 5, 6 6</trace>{defined}</definitions>'
        f'<traceView traceDataRef="{shown}"/><trace>7 7, 8 8</trace>'
    )
    assert positions(ink) == [[[0, 0], [1, 1]], [[2, 2], [3, 3]]]


@pytest.mark.parametrize(
    ("defined", "message"),
    [
        ('<traceView xml:id="r" traceDataRef="#r"/>', "line 2: a traceView that shows itself"),
        (
            '<traceGroup xml:id="r"><traceView traceDataRef="#s"/></traceGroup>'
            '<traceView xml:id="s" traceDataRef="#r"/>',
            "line 2: a traceGroup that shows itself",
        ),
        (
            "".join(f'<traceView xml:id="r{i}" traceDataRef="#r{i + 1}"/>' for i in range(500))
            + '<trace xml:id="r500">1 1, 2 2</trace><traceView xml:id="r" traceDataRef="#r0"/>',
            "line 2: traceViews and traceGroups more than 100 deep",
        ),
        ('<traceView xml:id="r" traceDataRef="#gone"/>', "traceDataRef='#gone' names nothing"),
    ],
)
def test_views_that_lead_nowhere_are_refused(load_ink, defined, message):
    with pytest.raises(ValueError, match=message):
        load_ink(f'<definitions>{defined}</definitions><traceView traceDataRef="#r"/>')


def test_views_can_not_multiply_traces(load_ink):
    doubled = "".join(
        f'<traceGroup xml:id="g{i}">'
        + f'<traceView traceDataRef="#g{i + 1}"/>' * 2
        + "</traceGroup>"
        for i in range(40)
    )
    ink = load_ink(
        f'<definitions>{doubled}<traceGroup xml:id="g40"><trace>5 5, 6 6</trace></traceGroup>'
        '</definitions><traceView traceDataRef="#g0"/>'
    )
    assert positions(ink) == [[[0, 0], [1, 1]]]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            f"<definitions><context xml:id='a'>{trace_format('f', 'cm')}"
            "</context><context xml:id='b'>"
            + trace_format("g")
            + "</context></definitions><trace contextRef='#a'>1 2</trace>"
            "<trace contextRef='#b'>1 2</trace>",
            "in units of the device, and that of line 2 in cm",
        ),
        ('<trace contextRef="#none">1 2</trace>', "line 2: contextRef='#none' names nothing"),
        (
            '<context><canvasTransform><mapping type="lookup"/></canvasTransform></context>'
            "<trace>1 2</trace>",
            "a mapping of type 'lookup' is not read",
        ),
        (
            '<context><canvasTransform><mapping type="affine"><affine>1 2</affine></mapping>'
            "</canvasTransform></context><trace>1 2</trace>",
            "an affine mapping of 2 numbers; expected 6",
        ),
        (
            '<definitions><trace id="a">1 2</trace></definitions>'
            '<traceView traceDataRef="#a" from="2"/>',
            "line 2: a traceView of a part of a trace is not read",
        ),
    ],
)
def test_ink_that_is_not_understood_is_named(load_ink, body, message):
    with pytest.raises(ValueError, match=message):
        load_ink(body)


@pytest.mark.parametrize(
    ("text", "suffix", "options", "message"),
    [
        (INK.format("<trace>0 0, 1 5, 2 0, 3 5, 1e12 0</trace>"), ".inkml", {}, "points would be"),
        (INK.format("<trace>0 0, 1 5, 2 0, 3 5, 1e300 0</trace>"), ".inkml", {}, "are too large"),
        (
            SVG.format('<path stroke="red" d="M0 0L1 5L2 0L3 5L1e12 0"/>'),
            ".svg",
            {"x_height": 100.0},
            "points would be needed",
        ),
        (INK.format("<trace>" + "0 0," * 50 + "1 1</trace>"), ".inkml", {}, "more than 40 points"),
        (
            SVG.format('<path stroke="red" d="M0 0' + "L1 1" * 50 + '"/>'),
            ".svg",
            {},
            "line 2: <path> draws more than 40 points; max_points allows more",
        ),
        (
            SVG.format(
                "".join(
                    f'<g id="a{i}"><use href="#a{i + 1}"/><use href="#a{i + 1}"/></g>'
                    for i in range(30)
                )
                + '<g id="a30"><path stroke="red" d="M0 0L1 1"/></g>'
            ),
            ".svg",
            {},
            "draws more than 40 points",
        ),
        (SVG.format('<g id="a"><g><use href="#a"/></g></g>'), ".svg", {}, "uses itself"),
        (SVG.format("<g>" * 30_000 + "</g>" * 30_000), ".svg", {"max_points": 10**6}, "own.svg"),
        (SVG.format('<path stroke="red" d="M0 0L1 1"/>' * 4), ".svg", {}, "more than 40 points"),
        (
            SVG.format('<path stroke="red" d="M0 0' + "l1 1z" * 10_000 + '"/>'),
            ".svg",
            {"max_points": 200_000},
            "<path> draws more than 200000 points",
        ),
        (
            SVG.format(
                '<g transform="'
                + "scale(1)" * 3000
                + '">'
                + '<path stroke="red" d="M0 0L1 1"/>' * 3000
                + "</g>"
            ),
            ".svg",
            {"max_points": 200_000},
            "<g> draws more than 200000 points",
        ),
        (
            INK.format("<traceGroup>" * 300 + "<trace>0 0, 1 5</trace>" + "</traceGroup>" * 300),
            ".inkml",
            {},
            "line 2: elements more than 200 deep",
        ),
        (
            INK.format(
                "".join(
                    f'<context xml:id="c{i}" contextRef="#c{i + 1}"/>'
                    f'<trace contextRef="#c{i}">0 0, 1 5</trace>'
                    for i in range(150)
                )
                + '<context xml:id="c150"/>'
            ),
            ".inkml",
            {"max_points": 1000},
            "line 2: contexts more than 100 deep",
        ),
    ],
)
def test_files_that_take_too_much_are_refused_at_once(load, text, suffix, options, message):
    start = time.process_time()
    with pytest.raises(ValueError, match=message):
        load(text, suffix, **{"spacing": 0.17, "max_points": 40} | options)
    assert time.process_time() - start < 5


@pytest.mark.slow
def test_many_traces_are_read_in_seconds(load):
    """The layout of a trace was looked for in the whole file: minutes for these."""
    start = time.process_time()
    strokes = load(INK.format("<trace>1 2, 3 4</trace>" * 10_000), ".inkml", spacing=None)
    assert len(strokes) == 20_000
    assert time.process_time() - start < 8


_FORMAT = '<traceFormat><channel name="X"/><channel name="Y"/></traceFormat>'
_SHARED = {  # a part that thousands of contexts refer to, and how they do
    "source": (f'<inkSource xml:id="s">{{}}{_FORMAT}</inkSource>', 'inkSourceRef="#s"', ""),
    "resolution": (f'<inkSource xml:id="s">{_FORMAT}{{}}</inkSource>', 'inkSourceRef="#s"', ""),
    "context": ('<context xml:id="s">{}</context>', 'contextRef="#s"', ""),
    "mapping": (
        '<mapping xml:id="s" type="affine"><affine>1 0 0 0 1 0</affine>{}</mapping>',
        "",
        '<canvasTransform><mapping mappingRef="#s"/></canvasTransform>',
    ),
    "canvas": (
        f'<mapping xml:id="m" type="affine"><affine>1 0 0 0 1 0</affine></mapping>'
        f'<canvas xml:id="s">{{}}{_FORMAT}</canvas>',
        'canvasRef="#s"',
        '<canvasTransform><mapping mappingRef="#m"/></canvasTransform>',
    ),
    "nothing": ("{}", "", ""),
}


@pytest.mark.slow
@pytest.mark.parametrize("shared", _SHARED)
def test_many_contexts_that_share_a_part_are_read_in_seconds(shared, load):
    """Each context walked what it refers to: with the size of the file went the square of time."""
    (part, refers, inside), n = _SHARED[shared], 8000
    contexts = "".join(
        f'<context xml:id="c{i}" {refers}>{inside}</context>'
        f'<trace contextRef="#c{i}">{i} 2, 3 4</trace>'
        for i in range(n)
    )
    defined = f"<definitions>{part.format('<more/>' * n)}</definitions>"
    start = time.process_time()
    strokes = load(INK.format(defined + contexts), ".inkml", spacing=None)
    assert len(strokes) == 2 * n
    assert time.process_time() - start < 40  # coverage is measured, too; minutes otherwise


@pytest.mark.slow
def test_many_continuations_are_read_in_seconds(load):
    """Each part was put behind a copy of all before it."""
    traces = "".join(f'<trace continuation="middle">{i} 4</trace>' for i in range(30_000))
    start = time.process_time()
    strokes = load(INK.format(f'<trace continuation="begin">1 2</trace>{traces}'), ".inkml",
                   spacing=None)  # fmt: skip
    assert len(strokes) == 30_001 and strokes[:, 2].sum() == 1
    assert time.process_time() - start < 20


def test_the_limit_of_points_can_be_raised(load):
    text = INK.format("<trace>" + ",".join(f"{i} {i % 7}" for i in range(60)) + "</trace>")
    assert len(load(text, ".inkml", spacing=None, max_points=60)) == 60


@pytest.mark.parametrize(
    ("body", "end"),
    [
        ('<path d="M1 1L4 5"/>', (3, 4)),
        ('<path d="m1 1l3 4"/>', (3, 4)),
        ('<path d="M1 1H4V5"/>', (3, 4)),
        ('<path d="M0 0C0 1 2 3 3 4S5 5 6 8"/>', (6, 8)),
        ('<path d="M0 0q1 0 2 3t4 5"/>', (6, 8)),
        ('<path d="M0 0a5 5 0 0 1 6 8"/>', (6, 8)),
        ('<path d="M0 0L3 4L6 0z"/>', (0, 0)),
        ('<polyline points="1,1 2,3 4,5"/>', (3, 4)),
        ('<line x1="1" y1="1" x2="4" y2="5"/>', (3, 4)),
        ('<g transform="scale(2) translate(5 5)"><path d="M1 1L4 5"/></g>', (6, 8)),
        ('<path transform="rotate(90)" d="M1 1L5 -2"/>', (3, 4)),
        ('<defs><path id="p" d="M1 1L4 5"/></defs><use href="#p" x="7"/>', (3, 4)),
    ],
)
def test_svg_elements_are_followed_to_their_end(load, body, end):
    strokes = load(SVG.format(f'<g stroke="black" fill="none">{body}</g>'))
    (line,) = positions(strokes)
    assert line[0] == [0, 0]
    np.testing.assert_allclose(line[-1], end, atol=1e-3)


def test_curve_is_followed(load):
    strokes = load(SVG.format('<path stroke="#000" d="M-5 0A5 5 0 0 1 5 0"/>'), spacing=0.1)
    points = np.concatenate(split_strokes(strokes)) - [5, 0]
    np.testing.assert_allclose(np.hypot(*points.T), 5, atol=0.05)
    steps = np.hypot(*strokes[1:, :2].T)
    np.testing.assert_allclose(steps, steps.mean(), rtol=0.02)


def test_only_visible_lines_are_ink(load):
    body = (
        '<rect width="90" height="90"/><path d="M1 1L9 9" fill="red"/>'
        '<g style="stroke:none"><path d="M2 2L3 3"/></g><path class="ink" d="M0 0L3 4M5 5L5 5"/>'
        '<path class="ink" visibility="hidden" d="M0 0L3 4"/><g display="none">'
        '<path class="ink" d="M0 0L3 4"/></g><style>.ink {stroke: navy}</style><text>no</text>'
    )
    style = "<style>.ink {stroke: navy}</style>"
    first, dot = positions(load(SVG.format(style + body)))
    np.testing.assert_allclose(first[-1], [3, 4], atol=1e-3)
    assert dot == [[5, 5]]


def test_millimetres_are_kept(load):
    text = '<svg width="20mm" height="2cm" viewBox="0 0 200 200"><path stroke="red" {}/></svg>'
    np.testing.assert_allclose(extent(load(text.format('d="M0 0L30 40"'))), [3, 4], atol=1e-3)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("", "own.svg holds no ink: nothing in it is drawn as a line$"),
        ('<circle r="3"/>', "but 1 shape filled; a pen can't follow"),
        ('<path d="M0 0L1 1"/><circle r="3"/>', "but 2 shapes filled; a pen can't follow"),
        ('\n<path id="p7" stroke="red" d="M0 0 L nan 1"/>', "line 3: <path> p7: can't be read"),
        ('<path stroke="red" d="L 5 5, 3"/>', "line 2: <path>: can't be read: 'L 5 5, 3'"),
        ('<polyline stroke="red" points="0 0 inf 3"/>', "line 2: <polyline>: can't be read"),
        ('<path stroke="red" d="M0 0L1e999 1"/>', "coordinates are too large, or no numbers"),
        ('<g transform="rotate(x)"><path stroke="red" d="M0 0L1 1"/></g>', "can't be read as SVG"),
        ("<g>", "line 2: no well-formed XML"),
    ],
)
def test_wrong_svg_is_named(load, body, message):
    with pytest.raises(ValueError, match=message):
        load(SVG.format(body))


@pytest.mark.parametrize("suffix", [".svg", ".inkml"])
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"\x89PNG\r\n", "no well-formed XML"),
        (b"<html></html>", "the root element is <html>, expected <"),
        (
            b'<!DOCTYPE x [\n<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>',
            "line 2: declares the entity 'a'",
        ),
        (b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>', "entity 'a'"),
    ],
)
def test_wrong_files_are_refused(load, suffix, text, message):
    with pytest.raises(ValueError, match=message):
        load(text, suffix)


def test_doctype_alone_does_no_harm(load):
    doctype = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://nowhere.invalid/svg11.dtd">'
    strokes = load(doctype + SVG.format('<path stroke="red" d="M0 0L3 4"/>'))
    np.testing.assert_allclose(extent(strokes), [3, 4], atol=1e-3)


def test_other_suffixes_and_missing_files(tmp_path):
    with pytest.raises(ValueError, match=r"read from .inkml, .svg and .json"):
        load_strokes(tmp_path / "own.txt")
    with pytest.raises(FileNotFoundError, match=r"none\.svg"):
        load_strokes(tmp_path / "none.svg")
    with pytest.raises(ValueError, match="an SVG has curves for points"):
        load_strokes(tmp_path / "none.svg", spacing=None)


def test_prime_has_size_and_density_of_iam(tmp_path):
    made = make_handwriting(1, texts=["a line by my own hand"], random_state=0).strokes[0]
    draw(made).save(tmp_path / "mine.svg")
    strokes = load_strokes(tmp_path / "mine.svg")
    lines = split_strokes(strokes)
    assert fit_text_line(lines).x_height == pytest.approx(115, rel=0.1)
    steps = [np.hypot(*np.diff(line, axis=0).T).mean() for line in lines if len(line) > 5]
    assert np.mean(steps) == pytest.approx(0.17 * 115, rel=0.1)
    assert strokes[0, :2].tolist() == [0, 0]
    doubled = load_strokes(tmp_path / "mine.svg", x_height=230)
    np.testing.assert_allclose(doubled[:, :2], 2 * strokes[:, :2], atol=1e-3)


def test_dash_has_no_size_of_letters(load):
    text = SVG.format('<path stroke="red" d="M0 0H30"/>')
    with pytest.raises(ValueError, match=r"no letters to tell the size from.*x_height=None"):
        load(text, x_height=115)
    assert extent(load(text)).tolist() == [30, 0]


def test_far_from_the_origin_shapes_are_kept(load_ink):
    strokes = load_ink("<trace>1e9 1e9, 1000000001 1000000002</trace>")
    assert positions(strokes) == [[[0, 0], [1, 2]]]


def test_missing_library_is_named(load, monkeypatch):
    monkeypatch.setitem(sys.modules, "svgelements", None)
    with pytest.raises(ImportError, match=r"svgelements.*pip install 'hwsk\[write\]'"):
        load(SVG.format(""))


@FUZZ
@given(
    st.sampled_from(sorted(WHOLE)),
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("0-.,'\" <>/=aMZ\x00")), max_size=4),
)
def test_damaged_files_load_or_are_refused(load, suffix, changes):
    text = list(WHOLE[suffix])
    for place, character in changes:
        text[place % len(text)] = character
    try:
        strokes = load("".join(text), suffix)
    except ValueError as error:
        assert "own" in str(error)
    else:
        assert np.isfinite(strokes).all()


@pytest.mark.parametrize("far", ["1e5", "1e6", "1e12"])
def test_one_far_coordinate_is_named_with_the_file(far, tmp_path):
    path = tmp_path / "far.inkml"
    traces = f"<trace>0 0, {far} 5, 3 3</trace><trace>1 1, 2 3</trace>"
    path.write_text(f'<ink xmlns="http://www.w3.org/2003/InkML">{traces}</ink>')
    with pytest.raises(ValueError, match=r"far\.inkml: .* points would be needed"):
        load_strokes(path)
