"""Encode sheets as SVG, PDF, PNG, GIF or InkML."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk.preprocessing._stroke_drawing import _draw_lines
from hwsk.writing._curves import (
    Piece,
    Points,
    Sheet,
    along,
    beziers,
    by_width,
    cut_by_width,
    is_straight,
    shorten_way,
    subdivided,
    timetable,
    usual_step,
    whole,
)

INKML = "http://www.w3.org/2003/InkML"

_MM_PER_INCH, _POINTS_PER_INCH = 25.4, 72
_FRAME = 0.08  # seconds; browsers slow down what is much faster
_LAST_FRAME = 2.0  # seconds for which the whole page is seen
_TONES = 17  # of ink and paper mixed, in a GIF
_RULE, _RULE_WIDTH = "#b7c7dd", 0.15  # of ruled paper, in millimetres
_RULED = 224  # grey level from which a pixel of a GIF is one of a rule


class Paper(NamedTuple):
    """Describe what sheets are made of: lengths in millimetres, colours as in CSS."""

    size: tuple[float, float]
    pen_width: float
    ink: str
    colour: str
    pressure: float = 0.0
    rules: Sequence[Points] = ()


def as_svg(paper: Paper, sheets: Sequence[Sheet], style: str, seconds: float) -> str:
    """An SVG image of sheets below each other; `style` as in `Sheets.save`."""
    draw = _import("drawsvg")
    width, height = paper.size
    drawing = draw.Drawing(_short(width), _short(height * len(sheets)))
    drawing.set_render_size(f"{_short(width)}mm", f"{_short(height * len(sheets))}mm")
    pen: dict[str, Any] = {"fill": "none", "stroke": "black"}
    if style != "plotter":
        drawing.append(draw.Rectangle(0, 0, width, height * len(sheets), fill=paper.colour))
        if paper.rules:
            printed = "".join(
                _straight_path(rule + [0, number * height])
                for number in range(len(sheets))
                for rule in paper.rules
            )
            drawing.append(draw.Path(d=printed, stroke=_RULE, stroke_width=_RULE_WIDTH))
        pen |= {
            "stroke": paper.ink,
            "stroke_width": paper.pen_width,
            "stroke_linecap": "round",
            "stroke_linejoin": "round",
        }
    for number, sheet in enumerate(sheets):
        whole = draw.Group(**pen)
        if number:
            whole.args["transform"] = f"translate(0 {_short(number * height)})"
        times = iter(timetable(sheet))
        usual, pen_at = usual_step(sheet), np.zeros(2)
        for text, strokes in sheet:
            line = draw.Group()
            if text:
                line.append_title(text)
            if style == "plotter":
                for stroke in shorten_way(strokes, pen_at):
                    line.append(draw.Path(d=_straight_path(stroke)))
                    pen_at = stroke[-1]
            elif style == "ink":
                for width, pieces in by_width(
                    strokes, paper.pen_width, paper.pressure, usual
                ).items():
                    wide = {} if width == paper.pen_width else {"stroke_width": _short(width)}
                    line.append(draw.Path(d="".join(map(_smooth_path, pieces)), **wide))
            else:
                for stroke in strokes:
                    line.append(_animated(draw, stroke, *(seconds * next(times))))
            whole.append(line)
        drawing.append(whole)
    return str(drawing.as_svg())


def _animated(draw: ModuleType, stroke: Points, begin: float, end: float) -> Any:
    """A stroke that is hidden until `begin`, and then drawn as a dash that grows until `end`.

    What plays no animations shows the stroke.
    """
    path = draw.Path(d=_smooth_path(whole(stroke)), pathLength=1, stroke_dasharray="1 2")
    if begin >= 0.001:  # a duration of nothing would be taken for one without end
        path.append_anim(draw.Set("visibility", f"{begin:.3f}s", to="hidden", begin="0s"))
    grow = draw.Animate("stroke-dashoffset", f"{max(end - begin, 0.001):.3f}s", "1;0")
    grow.args["begin"] = f"{begin:.3f}s"
    path.append_anim(grow)
    return path


def _straight_path(stroke: Points) -> str:
    points = np.repeat(stroke, 2, axis=0) if len(stroke) == 1 else stroke  # a dot has a line, too
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def _smooth_path(piece: Piece) -> str:
    """A curve through all points: Catmull-Rom's, as Bezier curves."""
    if is_straight(piece):
        return _straight_path(piece.points)
    start, out, into, end = (
        [f"{_short(x)} {_short(y)}" for x, y in corner] for corner in beziers(piece)
    )
    curves = "".join(f"C{a} {b} {c}" for a, b, c in zip(out, into, end, strict=True))
    return f"M{start[0]}{curves}"


def _short(number: float) -> str:
    """Millimetres to a thousandth, without zeros at the end."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def as_pdf(paper: Paper, sheets: Sequence[Sheet]) -> bytes:
    """A PDF document with a page for each sheet; the curves are those of the SVG."""
    stream, made = io.BytesIO(), {"Creator": "hwsk", "Producer": None, "CreationDate": None}
    with _import("matplotlib.backends.backend_pdf", "plot").PdfPages(stream, metadata=made) as pdf:
        for sheet in sheets:
            pdf.savefig(_figure(paper, sheet))
    return stream.getvalue()


def _figure(paper: Paper, sheet: Sheet) -> Any:
    """A figure as large as the sheet, in whose axes a unit is a millimetre and y points down."""
    (width, height), patches = paper.size, _import("matplotlib.patches", "plot")
    path = _import("matplotlib.path", "plot").Path
    figure = _import("matplotlib.figure", "plot").Figure(
        (width / _MM_PER_INCH, height / _MM_PER_INCH), facecolor=_unit_colour(paper.colour, "paper")
    )
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(height, 0))
    axes.set_axis_off()

    def add(paths: list[Any], colour: str, width: float) -> None:
        line = patches.PathPatch(
            path.make_compound_path(*paths),
            fill=False,
            edgecolor=_unit_colour(colour, "ink"),
            linewidth=width * _POINTS_PER_INCH / _MM_PER_INCH,
            capstyle="round",
            joinstyle="round",
        )
        axes.add_patch(line)

    if paper.rules:
        add([path(rule) for rule in paper.rules], _RULE, _RULE_WIDTH)
    usual = usual_step(sheet)
    for _, strokes in sheet:
        for wide, pieces in by_width(strokes, paper.pen_width, paper.pressure, usual).items():
            add([_curves(path, piece) for piece in pieces], paper.ink, wide)
    return figure


def _curves(path: Any, piece: Piece) -> Any:
    """The curve of `_smooth_path` as a path of matplotlib."""
    points = piece.points
    if is_straight(piece):
        return path(np.repeat(points, 2, axis=0) if len(points) == 1 else points)
    start, *corners = beziers(piece)
    vertices = np.concatenate([start[:1], np.stack(corners, axis=1).reshape(-1, 2)])
    return path(vertices, [path.MOVETO] + [path.CURVE4] * (len(vertices) - 1))


def _unit_colour(colour: str, name: str) -> tuple[float, ...]:
    return tuple(part / 255 for part in parse_colour(colour, name))


def as_png(paper: Paper, sheet: Sheet, dpi: float) -> bytes:
    """A PNG image that knows how large it is to be printed."""
    image = _import("PIL.Image")
    levels = _draw(paper, [], dpi)
    usual = usual_step(sheet)
    found = by_width(
        [stroke for _, strokes in sheet for stroke in strokes],
        paper.pen_width,
        paper.pressure,
        usual,
    )
    for width, pieces in found.items():
        drawn = _draw(paper, [subdivided(piece) for piece in pieces], dpi, width)
        levels = np.minimum(levels, drawn)
    ground = _mix(_draw(paper, paper.rules, dpi, _RULE_WIDTH), _RULE, paper.colour)
    pixels = np.rint(_mix(levels, paper.ink, ground)).astype(np.uint8)
    stream = io.BytesIO()
    image.fromarray(pixels).save(stream, "PNG", dpi=(dpi, dpi))
    return stream.getvalue()


def as_gif(paper: Paper, sheet: Sheet, dpi: float, seconds: float) -> bytes:
    """An animated GIF, repeated without end."""
    image = _import("PIL.Image")
    tones = np.linspace(255, 0, _TONES)
    ruled = _draw(paper, paper.rules, dpi, _RULE_WIDTH) < _RULED
    grounds = [paper.colour, _RULE]
    palette = np.concatenate([_mix(tones, paper.ink, ground) for ground in grounds])
    frames = []
    for levels in _frames(paper, sheet, dpi, max(1, round(seconds / _FRAME))):
        tone = np.rint((255 - levels) * np.float32((_TONES - 1) / 255)) + _TONES * ruled
        frames.append(image.fromarray(tone.astype(np.uint8)))
        frames[-1].putpalette(np.rint(palette).astype(np.uint8).tobytes())
    stream = io.BytesIO()
    durations = [round(1000 * _FRAME)] * (len(frames) - 1) + [round(1000 * _LAST_FRAME)]
    frames[0].save(
        stream, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
    return stream.getvalue()


def _frames(paper: Paper, sheet: Sheet, dpi: float, count: int) -> Iterator[NDArray[np.uint8]]:
    """The ink at `count` moments, the last with everything of it."""
    usual = usual_step(sheet)
    timed = []  # the curves, when the pen is at each point of them, and their width
    strokes = [stroke for _, line in sheet for stroke in line]
    for stroke, (begin, end) in zip(strokes, timetable(sheet), strict=True):
        length = max(along(subdivided(whole(stroke)))[-1], 1e-9)
        passed = begin
        for piece in cut_by_width(stroke, paper.pen_width, paper.pressure, usual):
            curve = subdivided(piece)
            times = passed + (end - begin) * along(curve) / length
            passed = times[-1]
            timed.append((curve, times, piece.width))
    levels = _draw(paper, [], dpi)
    for frame in range(count):
        new: dict[float, list[Points]] = {}
        for curve, times, width in timed:
            begin, end = max(frame / count, times[0]), min((frame + 1) / count, times[-1])
            if frame == count - 1:  # rounding must not leave out the last point
                end = times[-1]
            if begin <= end:
                at = np.r_[begin, times[(times > begin) & (times < end)], end]
                part = np.column_stack([np.interp(at, times, axis) for axis in curve.T])
                new.setdefault(width, []).append(part)
        for width, parts in new.items():
            levels = np.minimum(levels, _draw(paper, parts, dpi, width))
        yield levels


def _draw(
    paper: Paper, lines: Sequence[Points], dpi: float, line_width: float = 0.0
) -> NDArray[np.uint8]:
    """Black lines on a white sheet."""
    scale = dpi / _MM_PER_INCH
    width, height = (max(1, round(side * scale)) for side in paper.size)
    scaled = [line * scale for line in lines]
    return _draw_lines(scaled, (height, width), line_width * scale, ink=0)


def _mix(levels: NDArray[Any], ink: str, ground: Any) -> NDArray[np.float32]:
    """Colours (r, g, b) where black lines on white are of this ink, on a ground of colours."""
    if isinstance(ground, str):
        ground = np.array(parse_colour(ground, "paper"), np.float32)
    coverage = (255 - levels[..., np.newaxis]) / np.float32(255)
    mixed: NDArray[np.float32] = (
        ground + (np.array(parse_colour(ink, "ink"), np.float32) - ground) * coverage
    )
    return mixed


def parse_colour(colour: str, name: str) -> tuple[int, ...]:
    """Red, green and blue of a CSS colour that all formats show alike."""
    try:
        parts = _import("PIL.ImageColor").getrgb(colour)
    except (ValueError, AttributeError):
        parts = ()
    is_css = not colour.lower().startswith(("hsv", "hsb"))  # Pillow knows these, too
    if not is_css or len(parts) != 3 or not all(0 <= part <= 255 for part in parts):
        raise ValueError(
            f"{name} is {colour!r}; it is an opaque colour of CSS, such as 'navy' or '#1d2b64'"
        )
    return tuple(parts)


def as_inkml(sheet: Sheet) -> bytes:
    """Traces in millimetres, a group for each line, with what is written."""
    ink = ET.Element("ink", xmlns=INKML)
    _annotate(ink, "\n".join(text for text, _ in sheet))
    context = ET.SubElement(ET.SubElement(ink, "definitions"), "context")
    context.set("xml:id", "page")
    source = ET.SubElement(context, "inkSource", {"xml:id": "pen"})
    channels = ET.SubElement(source, "traceFormat")
    for name in ("X", "Y"):
        ET.SubElement(channels, "channel", name=name, type="decimal", units="mm")
    for text, strokes in sheet:
        group = ET.SubElement(ink, "traceGroup", contextRef="#page")
        _annotate(group, text)
        for stroke in strokes:
            trace = ET.SubElement(group, "trace")
            trace.text = ", ".join(f"{_short(x)} {_short(y)}" for x, y in stroke)
    ET.indent(ink)
    return ET.tostring(ink, encoding="utf-8", xml_declaration=True)


def _annotate(element: ET.Element, text: str) -> None:
    if text:
        ET.SubElement(element, "annotation", type="truth").text = text


def _import(name: str, extra: str = "write") -> ModuleType:
    """A module of what `pip install 'hwsk[EXTRA]'` installs, or where to get it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"handwriting on sheets needs {name} ({error}): pip install 'hwsk[{extra}]'"
        ) from error
