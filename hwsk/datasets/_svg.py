"""Read lines drawn as SVG as points along them."""

from __future__ import annotations

import io
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk._wording import count
from hwsk.datasets._xml import LINE, NUMBER, name_of, read_xml

Points = NDArray[np.float64]

_CURVE = np.linspace(0, 1, 17)[1:]  # where the curve between two points is sampled
_ELEMENT = 10  # how many points cost as much time as an element
_TRANSFORMS = 8  # that cost as much time as a point
_CLOSED = 50  # the square of how many closed parts does as much as a point
_UNMOVED = re.compile(r"[zZ](?!\s*(?:[mM]|$))")  # a closed part from which the line goes on
_NUMBER = re.compile(NUMBER)
_COORDINATES = re.compile(rf"\s*(?:{NUMBER}[\s,]*)*")


def read_svg(file: Path, max_points: int) -> list[Points]:
    tree = read_xml(file, "svg")
    try:
        import svgelements
    except ImportError as error:
        raise ImportError(
            f"to read SVG takes svgelements ({error}): pip install 'hwsk[write]'"
        ) from error
    _check_size(tree, file, max_points)
    for element in tree.iter():
        _check_shape(element, file, svgelements)
    try:
        stream = io.BytesIO(ET.tostring(tree))
        drawing = svgelements.SVG.parse(stream, ppi=25.4)  # so that its pixel is a millimetre
        shapes = [shape for shape in drawing.elements() if isinstance(shape, svgelements.Shape)]
    except Exception as error:  # whatever a transform or a style makes the parser raise
        raise ValueError(f"{file}: can't be read as SVG ({error!r})") from error
    parts: list[list[Points]] = []  # of each line
    n_filled = 0
    for shape in shapes:
        if shape.values.get("visibility") in ("hidden", "collapse"):
            continue
        if not shape.stroke.alpha:  # no colour, or a transparent one
            n_filled += 1
            continue
        for segment in svgelements.Path(shape):
            if isinstance(segment, svgelements.Move):
                parts.append([np.array([segment.end], np.float64)])
            else:
                parts[-1].append(_sample(segment, svgelements))
    lines = [np.concatenate(of_line) for of_line in parts]
    lines = [line[np.r_[True, (np.diff(line, axis=0) != 0).any(axis=1)]] for line in lines]
    if not lines:
        raise ValueError(
            f"{file} holds no ink: nothing in it is drawn as a line"
            + f", but {count(n_filled, 'shape')} filled; a pen can't follow outlines"
            * bool(n_filled)
        )
    return lines


def _check_size(tree: ET.Element, file: Path, max_points: int) -> None:
    """Raise ValueError if what is drawn, each `use` written out, is more than so many points."""
    by_id = {element.get("id"): element for element in tree.iter()}
    sizes: dict[ET.Element, int] = {}
    counts: dict[ET.Element, int] = {}  # of the elements that each draws
    waiting: list[tuple[ET.Element, bool]] = [(tree, False)]
    open_: set[ET.Element] = set()
    while waiting:  # children and what is used first; a file may nest deeper than Python recurses
        element, is_done = waiting.pop()
        parts = [*element]
        used = next((v for k, v in element.attrib.items() if k.rpartition(":")[2] == "href"), "")
        if name_of(element) == "use" and used.removeprefix("#") in by_id:
            parts.append(by_id[used.removeprefix("#")])
        if is_done:
            open_.discard(element)
            numbers = len(_NUMBER.findall(element.get("d", "") + " " + element.get("points", "")))
            # svgelements goes back over all closed parts at each of them, and reads the transforms
            # around an element anew for each.
            closed = len(_UNMOVED.findall(element.get("d", "")))
            counts[element] = 1 + sum(counts[part] for part in parts)
            transforms = element.get("transform", "").count("(") * counts[element]
            own = _ELEMENT + numbers // 2 + closed**2 // _CLOSED + transforms // _TRANSFORMS
            sizes[element] = own + sum(sizes[part] for part in parts)
            if sizes[element] > max_points:
                raise ValueError(
                    f"{file}, line {element.get(LINE)}: <{element.tag}> draws more than "
                    f"{max_points} points; max_points allows more"
                )
        elif element not in sizes:
            open_.add(element)
            waiting.append((element, True))
            for part in parts:
                if part in open_:
                    raise ValueError(
                        f"{file}, line {element.get(LINE)}: <{element.tag}> uses itself"
                    )
                waiting.append((part, False))


def _check_shape(element: ET.Element, file: Path, svgelements: Any) -> None:
    """Raise ValueError where svgelements would leave out, or misread, what it can't read."""
    name, data = name_of(element), ""
    if name == "path":
        data = element.get("d", "")
        try:
            wrong = bool(data.strip()) and not len(svgelements.Path(data))
        except Exception:
            wrong = True
    elif name in ("polyline", "polygon"):
        data = element.get("points", "")
        wrong = not _COORDINATES.fullmatch(data)
    else:
        return
    if wrong:
        place = f"<{element.tag}> {element.get('id', '')}".strip()
        raise ValueError(f"{file}, line {element.get(LINE)}: {place}: can't be read: {data[:60]!r}")


def _sample(segment: Any, svgelements: Any) -> Points:
    """Points along a part of a path, without its start."""
    if isinstance(segment, svgelements.Curve):
        return np.asarray(segment.npoint(_CURVE), np.float64).reshape(-1, 2)
    return np.array([segment.end], np.float64)
