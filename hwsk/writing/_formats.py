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

Points = NDArray[np.float64]
Sheet = Sequence[tuple[str, Sequence[Points]]]  # lines: what is written, and its strokes

INKML = "http://www.w3.org/2003/InkML"

_MM_PER_INCH, _POINTS_PER_INCH = 25.4, 72
_FRAME = 0.08  # seconds; browsers slow down what is much faster
_LAST_FRAME = 2.0  # seconds for which the whole page is seen
_TONES = 17  # of ink and paper mixed, in a GIF
_SUBDIVISIONS = 4  # straight pieces that stand for the curve between two points, in an image


class Paper(NamedTuple):
    """Describe what sheets are made of: lengths in millimetres, colours as in CSS."""

    size: tuple[float, float]
    pen_width: float
    ink: str
    colour: str


def as_svg(paper: Paper, sheets: Sequence[Sheet], style: str, seconds: float) -> str:
    """An SVG image of sheets below each other; `style` as in `Sheets.save`."""
    draw = _import("drawsvg")
    width, height = paper.size
    drawing = draw.Drawing(_short(width), _short(height * len(sheets)))
    drawing.set_render_size(f"{_short(width)}mm", f"{_short(height * len(sheets))}mm")
    pen: dict[str, Any] = {"fill": "none", "stroke": "black"}
    if style != "plotter":
        drawing.append(draw.Rectangle(0, 0, width, height * len(sheets), fill=paper.colour))
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
        times = iter(_timetable(sheet))
        for text, strokes in sheet:
            line = draw.Group()
            if text:
                line.append_title(text)
            if style == "plotter":
                for stroke in strokes:
                    line.append(draw.Path(d=_straight_path(stroke)))
            elif style == "ink":
                line.append(draw.Path(d="".join(map(_smooth_path, strokes))))
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
    path = draw.Path(d=_smooth_path(stroke), pathLength=1, stroke_dasharray="1 2")
    if begin >= 0.001:  # a duration of nothing would be taken for one without end
        path.append_anim(draw.Set("visibility", f"{begin:.3f}s", to="hidden", begin="0s"))
    grow = draw.Animate("stroke-dashoffset", f"{max(end - begin, 0.001):.3f}s", "1;0")
    grow.args["begin"] = f"{begin:.3f}s"
    path.append_anim(grow)
    return path


def _straight_path(stroke: Points) -> str:
    points = np.repeat(stroke, 2, axis=0) if len(stroke) == 1 else stroke  # a dot has a line, too
    return "M" + "L".join(f"{_short(x)} {_short(y)}" for x, y in points)


def _smooth_path(stroke: Points) -> str:
    """A curve through all points: Catmull-Rom's, as Bezier curves."""
    if len(stroke) < 3:
        return _straight_path(stroke)
    start, out, into, end = (
        [f"{_short(x)} {_short(y)}" for x, y in corner] for corner in _beziers(stroke)
    )
    curves = "".join(f"C{a} {b} {c}" for a, b, c in zip(out, into, end, strict=True))
    return f"M{start[0]}{curves}"


def _beziers(stroke: Points) -> tuple[Points, Points, Points, Points]:
    """Start, both handles and end of the cubic curves between each two points."""
    padded = np.concatenate([stroke[:1], stroke, stroke[-1:]])
    handle = (padded[2:] - padded[:-2]) / 6
    return stroke[:-1], stroke[:-1] + handle[:-1], stroke[1:] - handle[1:], stroke[1:]


def _subdivided(stroke: Points) -> Points:
    """The curve of `_smooth_path` as a polyline."""
    if len(stroke) < 3:
        return stroke
    t = (np.arange(_SUBDIVISIONS) / _SUBDIVISIONS)[:, np.newaxis]
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    corners = _beziers(stroke)
    curve = sum(w * c[:, np.newaxis] for w, c in zip(weights, corners, strict=True))
    return np.concatenate([np.reshape(curve, (-1, 2)), stroke[-1:]])


def _short(number: float) -> str:
    """Millimetres to a thousandth, without zeros at the end."""
    return f"{number:.3f}".rstrip("0").rstrip(".")


def _timetable(sheet: Sheet) -> Points:
    """For each stroke when it begins and ends, 1 being the whole; the pen has one speed."""
    strokes = [stroke for _, line in sheet for stroke in line]
    if not strokes:
        return np.empty((0, 2))
    drawn = [_along(stroke)[-1] for stroke in strokes]
    starts, ends = np.array([s[0] for s in strokes]), np.array([s[-1] for s in strokes])
    lifted = np.r_[0, np.linalg.norm(starts[1:] - ends[:-1], axis=1)]
    passed = np.cumsum(np.column_stack([lifted, drawn])).reshape(-1, 2)
    return passed / max(passed[-1, 1], 1e-9)


def _along(points: Points) -> Points:
    """Length of a polyline up to each of its points."""
    return np.r_[0, np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))]


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
    for _, strokes in sheet:
        paths = [_curves(path, stroke) for stroke in strokes]
        if paths:
            line = patches.PathPatch(
                path.make_compound_path(*paths),
                fill=False,
                edgecolor=_unit_colour(paper.ink, "ink"),
                linewidth=paper.pen_width * _POINTS_PER_INCH / _MM_PER_INCH,
                capstyle="round",
                joinstyle="round",
            )
            axes.add_patch(line)
    return figure


def _curves(path: Any, stroke: Points) -> Any:
    """The curve of `_smooth_path` as a path of matplotlib."""
    if len(stroke) < 3:
        return path(np.repeat(stroke, 2, axis=0) if len(stroke) == 1 else stroke)
    start, *corners = _beziers(stroke)
    vertices = np.concatenate([start[:1], np.stack(corners, axis=1).reshape(-1, 2)])
    return path(vertices, [path.MOVETO] + [path.CURVE4] * (len(vertices) - 1))


def _unit_colour(colour: str, name: str) -> tuple[float, ...]:
    return tuple(part / 255 for part in parse_colour(colour, name))


def as_png(paper: Paper, sheet: Sheet, dpi: float) -> bytes:
    """A PNG image that knows how large it is to be printed."""
    image = _import("PIL.Image")
    lines = [_subdivided(stroke) for _, strokes in sheet for stroke in strokes]
    coverage = (255 - _draw(paper, lines, dpi)[..., np.newaxis]) / np.float32(255)
    pixels = np.rint(_mix(paper, coverage)).astype(np.uint8)
    stream = io.BytesIO()
    image.fromarray(pixels).save(stream, "PNG", dpi=(dpi, dpi))
    return stream.getvalue()


def as_gif(paper: Paper, sheet: Sheet, dpi: float, seconds: float) -> bytes:
    """An animated GIF, repeated without end."""
    image = _import("PIL.Image")
    tones = np.linspace(0, 1, _TONES)[:, np.newaxis]
    palette = np.rint(_mix(paper, tones)).astype(np.uint8).tobytes()
    frames = []
    for levels in _frames(paper, sheet, dpi, max(1, round(seconds / _FRAME))):
        tone = np.rint((255 - levels) * np.float32((_TONES - 1) / 255)).astype(np.uint8)
        frames.append(image.fromarray(tone))
        frames[-1].putpalette(palette)
    stream = io.BytesIO()
    durations = [round(1000 * _FRAME)] * (len(frames) - 1) + [round(1000 * _LAST_FRAME)]
    frames[0].save(
        stream, "GIF", save_all=True, append_images=frames[1:], duration=durations, loop=0
    )
    return stream.getvalue()


def _frames(paper: Paper, sheet: Sheet, dpi: float, count: int) -> Iterator[NDArray[np.uint8]]:
    """The paper at `count` moments, the last with everything on it."""
    strokes = [_subdivided(stroke) for _, line in sheet for stroke in line]
    timed = []  # when the pen is at each point
    for stroke, (begin, end) in zip(strokes, _timetable(sheet), strict=True):
        along = _along(stroke)
        timed.append(begin + (end - begin) * along / max(along[-1], 1e-9))
    levels = _draw(paper, [], dpi)
    for frame in range(count):
        new = []
        for stroke, times in zip(strokes, timed, strict=True):
            begin, end = max(frame / count, times[0]), min((frame + 1) / count, times[-1])
            if begin <= end:
                at = np.r_[begin, times[(times > begin) & (times < end)], end]
                new.append(np.column_stack([np.interp(at, times, axis) for axis in stroke.T]))
        levels = np.minimum(levels, _draw(paper, new, dpi)) if new else levels
        yield levels


def _draw(paper: Paper, lines: list[Points], dpi: float) -> NDArray[np.uint8]:
    """Black lines on a white sheet."""
    scale = dpi / _MM_PER_INCH
    width, height = (max(1, round(side * scale)) for side in paper.size)
    scaled = [line * scale for line in lines]
    return _draw_lines(scaled, (height, width), paper.pen_width * scale, ink=0)


def _mix(paper: Paper, coverage: Any) -> Any:
    """Colours (r, g, b) of paper that is covered with ink from 0 to 1."""
    ink, ground = (
        np.array(parse_colour(colour, name), np.float32)
        for colour, name in ((paper.ink, "ink"), (paper.colour, "paper"))
    )
    return ground + (ink - ground) * coverage


def parse_colour(colour: str, name: str) -> tuple[int, ...]:
    """Red, green and blue of a CSS colour."""
    try:
        return tuple(_import("PIL.ImageColor").getrgb(colour)[:3])
    except (ValueError, AttributeError):
        raise ValueError(
            f"{name} is {colour!r}; it is a colour of CSS, such as 'navy' or '#1d2b64'"
        ) from None


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
