"""Read traces from InkML, in one unit and on one canvas."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk.datasets._xml import LINE, NUMBER, find_all, name_of, read_xml

Points = NDArray[np.float64]

_VALUE = re.compile(rf"[!'\"]?\s*{NUMBER}|[*?TF]")
_NUMBER = re.compile(NUMBER)
_DEEPEST = 100  # views of views, groups in groups, contexts of contexts
_METRES = {
    "m": 1.0,
    "cm": 1e-2,
    "mm": 1e-3,
    "himetric": 1e-5,
    "in": 0.0254,
    "pt": 0.0254 / 72,
    "pc": 0.0254 / 6,
}


class _Layout(NamedTuple):
    """Describe the values of a point.

    Parameters
    ----------
    columns : tuple of int
        Which values are X and Y.
    to_canvas : tuple of float
        The affine mapping (a, b, c, d, e, f): x' = a x + b y + c and y' = d x + e y + f, in which y
        is downwards.
    metres : float or None
        What a unit of the canvas is; None for units of the device.
    """

    columns: tuple[int, int] = (0, 1)
    to_canvas: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
    metres: float | None = None

    def put(self, values: Points) -> Points:
        """Values of X and Y on the canvas."""
        a, b, c, d, e, f = self.to_canvas
        x, y = values.T
        return np.column_stack([a * x + b * y + c, d * x + e * y + f])


def read_inkml(file: Path, max_points: int) -> list[Points]:
    """The lines of a file, in the unit of its first trace."""
    tree = read_xml(file, "ink")
    reader = _Reader(tree, file)
    lines: list[list[Points]] = []  # the parts of each
    units: list[tuple[float | None, str]] = []
    left = max_points
    for trace in reader.traces():
        text = "".join(trace.itertext())
        if not text.strip():
            continue
        where = f"{file}, line {trace.get(LINE)}"
        left -= text.count(",") + 1
        if left < 0:
            raise ValueError(
                f"{where}: the file has more than {max_points} points; max_points allows more"
            )
        layout = reader.layout_of(trace)
        line = _read_trace(text, layout.columns, where)
        units.append((layout.metres, where))
        with np.errstate(all="ignore"):  # values too large are reported later
            line = layout.put(line) * _scale(units)
        if lines and trace.get("continuation") in ("middle", "end"):
            lines[-1].append(line)
        else:
            lines.append([line])
    if not lines:
        raise ValueError(f"{file} holds no ink: no trace with points")
    return [np.concatenate(parts) for parts in lines]


def _scale(units: list[tuple[float | None, str]]) -> float:
    """The factor that brings the last trace to the unit of the first."""
    (first, there), (last, here) = units[0], units[-1]
    if first == last:
        return 1.0
    if first is None or last is None:
        raise ValueError(
            f"{here}: a trace in {_say(last)}, and that of line {there.rpartition(' ')[2]} in "
            f"{_say(first)}: how long one is in the other is not said (a channelProperty "
            "'resolution' of the inkSource would)"
        )
    return last / first


def _say(metres: float | None) -> str:
    if metres is None:
        return "units of the device"
    return next((name for name, m in _METRES.items() if m == metres), f"units of {metres:g} m")


class _Reader:
    """Finds the traces of a file that are ink, and what holds for each."""

    def __init__(self, tree: ET.Element, file: Path) -> None:
        self.tree, self.file = tree, file
        self.parents = {child: parent for parent in tree.iter() for child in parent}
        self.by_id = {
            value: element
            for element in tree.iter()
            for key, value in element.attrib.items()
            if key.rpartition(":")[2] == "id"
        }
        self.defined = {e for part in find_all(tree, "definitions") for e in part.iter()}
        self.resolved: set[ET.Element] = set()
        self.layouts: dict[ET.Element | None, _Layout] = {}  # by context
        self.current: dict[ET.Element, ET.Element] = {}  # the context that stands before a trace
        context = None
        for element in tree.iter():
            if name_of(element) == "context" and element not in self.defined:
                context = element
            elif name_of(element) == "trace" and context is not None:
                self.current[element] = context
        # Many contexts may share a part, which may be long: it is read once.
        self.read_format = cache(self._read_format)
        self.resolution = cache(self._resolution)
        self.affine = cache(self._affine)
        self.first = cache(_find_first)
        self.child = cache(_find_child)

    def _where(self, element: ET.Element) -> str:
        return f"{self.file}, line {element.get(LINE)}"

    def _referred(self, element: ET.Element, attribute: str) -> ET.Element | None:
        """Find the element that an attribute names by `#id`."""
        reference = element.get(attribute)
        if reference is None or reference == "#DefaultContext":
            return None
        found = self.by_id.get(reference.removeprefix("#"))
        if found is None:
            raise ValueError(f"{self._where(element)}: {attribute}={reference!r} names nothing")
        return found

    def traces(self) -> Iterator[ET.Element]:
        """Traces of the pen on paper; those in definitions where a traceView shows them."""
        shown: set[ET.Element] = set()
        for element in self.tree.iter():
            if element in self.defined or name_of(element) not in ("trace", "traceView"):
                continue
            for trace in self._show(element, ()):
                if trace is not element and trace not in self.defined:
                    continue  # it is shown where it stands
                if trace not in shown and trace.get("type", "penDown") == "penDown":
                    shown.add(trace)
                    yield trace

    def _show(self, element: ET.Element, above: tuple[ET.Element, ...]) -> Iterator[ET.Element]:
        """Traces that an element is, holds or refers to; `above` led here."""
        if element in above:
            raise ValueError(
                f"{self._where(element)}: a {name_of(element)} that shows itself by traceDataRef"
            )
        if len(above) > _DEEPEST:
            raise ValueError(
                f"{self._where(element)}: traceViews and traceGroups more than {_DEEPEST} deep"
            )
        if name_of(element) == "trace":
            yield element
            return
        if element in self.resolved:  # each shows its traces once: a file can't multiply them
            return
        above = (*above, element)
        if name_of(element) == "traceView" and element.get("traceDataRef"):
            if element.get("from") or element.get("to"):
                raise ValueError(
                    f"{self._where(element)}: a traceView of a part of a trace is not read"
                )
            data = self._referred(element, "traceDataRef")
            if data is not None:
                yield from self._show(data, above)
        for part in element:
            if name_of(part) in ("trace", "traceGroup", "traceView"):
                yield from self._show(part, above)
        self.resolved.add(element)

    def layout_of(self, trace: ET.Element) -> _Layout:
        """Return the layout of a trace, by its context, or by the only format of the file."""
        element: ET.Element | None = trace
        context = None
        while element is not None and context is None:
            context = self._referred(element, "contextRef")
            element = self.parents.get(element)
        if context is None:
            context = self.current.get(trace)
        if context not in self.layouts:  # to find it walks the file: not for each of many traces
            self.layouts[context] = self._layout_in(context, trace)
        return self.layouts[context]

    def _layout_in(self, context: ET.Element | None, trace: ET.Element) -> _Layout:
        layout = self._inherit(context, "traceFormat")
        source = self._inherit(context, "inkSource")
        if layout is None and source is not None:
            layout = self.first(source, "traceFormat")
        if layout is None:
            if len(self.formats) > 1:
                raise ValueError(
                    f"{self.file}: has more than one traceFormat, with X and Y in different places "
                    f"or units, and the trace of line {trace.get(LINE)} does not say which is its "
                    "own (contextRef)"
                )
            layout = next(iter(self.formats.values()), None)
        read = _Layout() if layout is None else self.read_format(layout, source)
        transform = self._inherit(context, "canvasTransform")
        return read if transform is None else self._transform(read, transform, context)

    @cached_property
    def formats(self) -> dict[_Layout, ET.Element]:
        """The first of the formats of the file that say the same."""
        formats: dict[_Layout, ET.Element] = {}
        for element in find_all(self.tree, "traceFormat"):
            formats.setdefault(self.read_format(element, None), element)
        return formats

    def _inherit(self, context: ET.Element | None, name: str) -> ET.Element | None:
        """A part of a context: in it, named by it, or of the context that it refers to."""
        seen: set[ET.Element] = set()
        while context is not None and context not in seen:
            if len(seen) > _DEEPEST:
                raise ValueError(f"{self._where(context)}: contexts more than {_DEEPEST} deep")
            seen.add(context)
            inside = self.child(context, name)
            found = inside if inside is not None else self._referred(context, f"{name}Ref")
            if found is not None:
                return found
            context = self._referred(context, "contextRef")
        return None

    def _read_format(self, layout: ET.Element, source: ET.Element | None) -> _Layout:
        channels = [channel for channel in layout if name_of(channel) == "channel"]
        names = [channel.get("name") for channel in channels]
        if not {"X", "Y"} <= set(names):
            raise ValueError(
                f"{self._where(layout)}: a traceFormat of the channels {names} has no X and Y"
            )
        places = names.index("X"), names.index("Y")
        x, y = (self._metres(channels[i], source) for i in places)
        if (x is None) != (y is None):
            raise ValueError(f"{self._where(layout)}: X is in {_say(x)}, Y in {_say(y)}")
        ratio = 1.0 if x is None or y is None else y / x
        signs = [-1.0 if channels[i].get("orientation") == "-ve" else 1.0 for i in places]
        (a, c), (e, f) = (self._map_channel(channels[i]) for i in places)
        mapping = (signs[0] * a, 0.0, signs[0] * c, 0.0, signs[1] * e * ratio, signs[1] * f * ratio)
        return _Layout(places, mapping, x)

    def _metres(self, channel: ET.Element, source: ET.Element | None) -> float | None:
        """Return the unit of a channel in metres, by the device's resolution in device units."""
        if channel.get("units") in _METRES:
            return _METRES[channel.get("units", "")]
        return None if source is None else self.resolution(source, channel.get("name"))

    def _resolution(self, source: ET.Element, channel: str | None) -> float | None:
        """Return the resolution of a channel that a device states, as metres of a unit."""
        for found in find_all(source, "channelProperty"):
            unit = found.get("units", "").removeprefix("1/")
            if (
                found.get("channel") == channel
                and found.get("name") == "resolution"
                and unit in _METRES
            ):
                value = found.get("value", "")
                if not _NUMBER.fullmatch(value) or not float(value) > 0:
                    raise ValueError(f"{self._where(found)}: a resolution of {value[:20]!r}")
                return _METRES[unit] / float(value)
        return None

    def _map_channel(self, channel: ET.Element) -> tuple[float, float]:
        """Slope and intercept of a channel's own mapping."""
        slope, intercept = self._numbers(self.first(channel, "mapping"), 2) or (1.0, 0.0)
        return slope, intercept

    def _transform(
        self, layout: _Layout, transform: ET.Element, context: ET.Element | None
    ) -> _Layout:
        """A layout behind the mapping to the canvas, which is in units of its own."""
        numbers = self._numbers(self.child(transform, "mapping"), 6)
        if numbers is None:
            return layout
        m, t = np.array([*numbers, 0, 0, 1]).reshape(3, 3), np.eye(3)
        t[:2] = np.reshape(layout.to_canvas, (2, 3))
        canvas = self._inherit(context, "canvas")
        shape = None if canvas is None else self.first(canvas, "traceFormat")
        metres = None
        if shape is not None:
            drawn = self.read_format(shape, None)
            metres, to_paper = drawn.metres, np.eye(3)
            to_paper[:2] = np.reshape(drawn.to_canvas, (2, 3))
            m = to_paper @ m
        return _Layout(layout.columns, tuple((m @ t)[:2].ravel().tolist()), metres)

    def _numbers(self, mapping: ET.Element | None, n: int) -> tuple[float, ...] | None:
        """The numbers of a mapping, or of that which it refers to; None if it changes nothing."""
        if mapping is None:
            return None
        referred = self._referred(mapping, "mappingRef")
        return self.affine(mapping if referred is None else referred, n)

    def _affine(self, mapping: ET.Element, n: int) -> tuple[float, ...] | None:
        """The numbers of an affine mapping, row by row; None of the identity."""
        kind = mapping.get("type", "identity" if not len(mapping) else "unknown")
        if kind == "identity":
            return None
        if kind != "affine":
            raise ValueError(
                f"{self._where(mapping)}: a mapping of type {kind!r} is not read; 'affine' is"
            )
        binds = list(find_all(mapping, "bind"))
        for end in ("source", "target"):
            bound = [bind.get(end) for bind in binds if bind.get(end)]
            if n == 6 and bound not in ([], ["X", "Y"]):
                raise ValueError(
                    f"{self._where(mapping)}: an affine mapping whose {end}s are {bound}; those of "
                    "X and Y, in this order, are read"
                )
        text = " ".join("".join(part.itertext()) for part in find_all(mapping, "affine"))
        numbers = tuple(map(float, _NUMBER.findall(text)))
        if len(numbers) != n or not np.isfinite(numbers).all():
            raise ValueError(
                f"{self._where(mapping)}: an affine mapping of {len(numbers)} numbers; expected {n}"
            )
        return numbers


def _find_first(element: ET.Element, name: str) -> ET.Element | None:
    return next(find_all(element, name), None)


def _find_child(element: ET.Element, name: str) -> ET.Element | None:
    return next((part for part in element if name_of(part) == name), None)


def _read_trace(text: str, columns: tuple[int, int], where: str) -> Points:
    """The positions of a trace, whose values may be differences, or differences of those."""
    kind, value, change = ["!", "!"], [0.0, 0.0], [0.0, 0.0]
    points = []
    for number, point in enumerate(text.split(","), 1):
        tokens = _VALUE.findall(point)
        if (rest := _VALUE.sub("", point).strip()) or len(tokens) <= max(columns):
            problem = f"holds {rest[:20]!r}, no number" if rest else "lacks X or Y"
            raise ValueError(
                f"{where}: point {number} of a trace, {point.strip()[:60]!r}, {problem}"
            )
        for axis, token in enumerate([tokens[column] for column in columns]):
            if token in "*?TF":
                raise ValueError(f"{where}: point {number} of a trace has {token!r} for X or Y")
            if token[0] in "!'\"":  # it holds for the points after this one, too
                kind[axis], token = token[0], token[1:]
            given = float(token)
            if kind[axis] == "!":
                change[axis] = given - value[axis]
            elif kind[axis] == "'":
                change[axis] = given
            else:
                change[axis] += given
            value[axis] += change[axis]
        points.append(tuple(value))
    return np.array(points)
