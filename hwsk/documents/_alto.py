"""Read ALTO XML in versions 1 to 4, write it in 4.4."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import PureWindowsPath
from typing import Any

import numpy as np
from lxml import etree

from hwsk.documents._elements import Character, Line, Points, Region, Word, bounding_box
from hwsk.documents._formats import clip_to_page, word_gaps
from hwsk.documents._page import Page, change_points
from hwsk.documents._xml import (
    Ids,
    Remarks,
    XmlFile,
    add,
    child,
    children,
    flatten_order,
    serialize,
    tag,
)

_NAMESPACE = "http://www.loc.gov/standards/alto/ns-v4#"
_SCHEMA = "http://www.loc.gov/standards/alto/v4/alto-4-4.xsd"
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_NAMESPACES: dict[Any, str] = {None: _NAMESPACE, "xsi": _INSTANCE}
_UNITS = {"pixel": None, "mm10": 254.0, "inch1200": 1200.0}  # how many make an inch
_DPI = re.compile(r"(\d+(?:\.\d+)?)\s*dpi\b|\b(?:dpi|resolution)\W{1,3}(\d+(?:\.\d+)?)", re.I)


def read_alto(
    source: Any, remarks: Remarks, dpi: float | None, image_size: tuple[int, int] | None
) -> tuple[Page, str]:
    """The page, and the name of the file for messages."""
    file = XmlFile(source, remarks)
    if tag(file.root) != "alto":
        raise file.error(file.root, "not ALTO; its root is alto")
    layout = child(file.root, "Layout")
    pages = [] if layout is None else list(children(layout, "Page"))
    if len(pages) != 1:
        raise file.error(file.root, f"holds {len(pages)} pages; expected a file for each page")
    name = next((e for e in file.root.iter("{*}fileName", "fileName")), None)
    scale_x, scale_y, width, height = _measures(file, pages[0], dpi, image_size)
    page = Page(width, height, _regions(file, pages[0]), (name is not None and name.text) or "")
    page.image_path = page.image_path.strip()
    if (scale_x, scale_y) != (1, 1):
        change_points(page, lambda points: points * [scale_x, scale_y])
    clip_to_page(page, remarks)
    return page, file.name


def _measures(
    file: XmlFile, page: Any, dpi: float | None, image_size: tuple[int, int] | None
) -> tuple[float, float, int, int]:
    """Pixels in a unit, across and down, and the size of the page in pixels."""
    element = next((e for e in file.root.iter("{*}MeasurementUnit", "MeasurementUnit")), None)
    unit = "pixel" if element is None else (element.text or "").strip()
    if unit not in _UNITS:
        raise file.error(element, f"unit {unit!r}; expected {', '.join(_UNITS)}")
    size = [file.number(page, "WIDTH") or 0.0, file.number(page, "HEIGHT") or 0.0]
    if min(size) < 0:
        raise file.error(page, f"a size of {size[0]:g} x {size[1]:g}")
    per_inch = _UNITS[unit]
    if per_inch is None:
        if min(size) == 0:
            if image_size is None:
                raise file.error(page, "gives no WIDTH and HEIGHT; pass image_size=(width, height)")
            return 1, 1, *image_size
        return 1, 1, max(1, round(size[0])), max(1, round(size[1]))
    if image_size is not None and min(size) > 0:
        return image_size[0] / size[0], image_size[1] / size[1], *image_size
    if dpi is None and (settings := _DPI.search(_settings(file))):
        dpi = float(settings[1] or settings[2])
    if dpi is None:
        raise file.error(
            element,
            f"coordinates are in {unit}, and the file says nothing of the resolution of the image; "
            "pass dpi=... or image_size=(width, height)",
        )
    if min(size) == 0 and image_size is None:
        raise file.error(page, "gives no WIDTH and HEIGHT; pass image_size=(width, height)")
    scale = dpi / per_inch
    width, height = image_size or (round(size[0] * scale), round(size[1] * scale))
    return scale, scale, max(1, width), max(1, height)


def _settings(file: XmlFile) -> str:
    """Read how the image was processed from the description."""
    description = child(file.root, "Description")
    return "" if description is None else " ".join(description.itertext())


def _regions(file: XmlFile, page: Any) -> list[Region]:
    labels = {
        element.get("ID"): element.get("LABEL") or ""
        for tags in children(file.root, "Tags")
        for element in tags
    }
    blocks = [(element, _read_block(file, element, labels)) for element in _find_blocks(page)]
    order = child(file.root, "ReadingOrder")
    ids = [] if order is None else list(flatten_order(order, "REF"))
    rank = {name: number for number, name in reversed(list(enumerate(ids)))}
    if rank:
        # It may name blocks or lines: a block stands where the first thing named of it stands.
        places = {}
        for element, region in blocks:
            inside = [rank[e.get("ID")] for e in element.iter() if e.get("ID") in rank]
            places[id(region)] = min(inside, default=len(ids))
            line_ids = [line.id for line in region.lines]
            if all(name in rank for name in line_ids):
                region.lines.sort(key=lambda line: rank[line.id])
        blocks.sort(key=lambda pair: places[id(pair[1])])
        known = {element.get("ID") for element in page.iter()}
        for name in rank.keys() - known:
            file.remarks.add("reference to an element that is missing, ignored", repr(name))
    return [region for _, region in blocks]


def _find_blocks(parent: Any) -> Iterator[Any]:
    for element in parent:
        if tag(element) == "TextBlock":
            yield element
        else:
            yield from _find_blocks(element)


def _read_block(file: XmlFile, element: Any, labels: dict[str, str]) -> Region:
    names = (element.get("TAGREFS") or "").split()
    kind = next((labels[name] for name in names if labels.get(name)), element.get("TYPE") or "")
    lines = [_read_line(file, line) for line in children(element, "TextLine")]
    return Region(lines, _shape(file, element), kind, element.get("ID") or "")


def _read_line(file: XmlFile, element: Any) -> Line:
    polygon = _shape(file, element)
    strings = list(children(element, "String"))
    words = [_read_string(file, string) for string in strings]
    has_spaces = child(element, "SP") is not None
    text = ""
    for part in children(element, "String", "SP", "HYP"):
        if tag(part) == "SP":
            text += " "
        elif tag(part) == "HYP":
            text += part.get("CONTENT") or "-"
        else:
            between = " " if text and not has_spaces else ""
            text += between + (part.get("CONTENT") or "")
    confidence = None
    if len(strings) == 1 and not words[0].characters and _is_whole_line(file, strings[0], element):
        confidence, words = words[0].confidence, []
    baseline = _read_baseline(file, element, polygon)
    return Line(text, baseline, polygon, confidence, words, element.get("ID") or "")


def _is_whole_line(file: XmlFile, string: Any, line: Any) -> bool:
    """Check whether a String stands for its line, as where only lines were transcribed."""
    box, line_box = _box(file, string), _box(file, line)
    if box is None or (line_box is not None and np.array_equal(box, line_box)):
        return True
    return any(character.isspace() for character in string.get("CONTENT") or "")


def _read_baseline(file: XmlFile, element: Any, polygon: Points | None) -> Points | None:
    text = (element.get("BASELINE") or "").strip()
    if re.fullmatch(r"[-+.\deE]+", text):  # before 4.2: the y of a level line
        y = file.number(element, "BASELINE")
        box = _box(file, element)
        edges = polygon if box is None else box
        if edges is None:
            file.remarks.add("baseline of a line without box, ignored", file.where(element))
            return None
        left, _, right, _ = bounding_box(edges)
        return np.array([[left, y], [right, y]])
    return file.points(element, text, 2)


def _read_string(file: XmlFile, element: Any) -> Word:
    characters = [
        Character(glyph.get("CONTENT") or "", _shape(file, glyph), file.confidence(glyph, "GC"))
        for glyph in children(element, "Glyph")
    ]
    return Word(
        element.get("CONTENT") or "",
        _shape(file, element),
        file.confidence(element, "WC"),
        characters,
        element.get("ID") or "",
    )


def _shape(file: XmlFile, element: Any) -> Points | None:
    """The polygon of an element, otherwise the corners of its box."""
    shape = child(element, "Shape")
    polygon = None if shape is None else child(shape, "Polygon")
    if polygon is not None:
        points = file.points(polygon, polygon.get("POINTS"), 3)
        if points is not None:
            return points
    return _box(file, element)


def _box(file: XmlFile, element: Any) -> Points | None:
    sides = [file.number(element, name) for name in ("HPOS", "VPOS", "WIDTH", "HEIGHT")]
    left, top, width, height = sides
    if left is None or top is None or width is None or height is None:
        return None
    right, bottom = left + width, top + height
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def write_alto(page: Page) -> str:
    root = etree.Element(f"{{{_NAMESPACE}}}alto", nsmap=_NAMESPACES)
    root.set(f"{{{_INSTANCE}}}schemaLocation", f"{_NAMESPACE} {_SCHEMA}")
    description = add(root, "Description")
    add(description, "MeasurementUnit").text = "pixel"
    source = add(description, "sourceImageInformation")
    add(source, "fileName").text = PureWindowsPath(page.image_path).name
    ids, remarks = Ids(), Remarks()
    kinds = dict.fromkeys(region.kind for region in page.regions if region.kind)
    tags = {kind: ids.give("", f"tag{i}") for i, kind in enumerate(kinds)}
    if tags:
        parent = add(root, "Tags")
        for kind, name in tags.items():
            add(parent, "OtherTag", ID=name, LABEL=kind, DESCRIPTION=f"block type {kind}")
    size = {"WIDTH": page.width, "HEIGHT": page.height}
    element = add(add(root, "Layout"), "Page", ID=ids.give("", "page"), PHYSICAL_IMG_NR=1, **size)
    space = add(element, "PrintSpace", HPOS=0, VPOS=0, **size)
    for i, region in enumerate(page.regions):
        name = ids.give(region.id, f"r{i}")
        block = add(space, "TextBlock", ID=name, **_position(region), TAGREFS=tags.get(region.kind))
        _write_shape(block, region)
        for j, line in enumerate(region.lines):
            _write_line(block, ids.give(line.id, f"{name}_l{j}"), line, ids, remarks)
    remarks.warn(
        "to_alto",
    )
    return serialize(root)


def _write_line(parent: Any, name: str, line: Line, ids: Ids, remarks: Remarks) -> None:
    baseline = None if line.baseline is None else _format_points(line.baseline)
    element = add(parent, "TextLine", ID=name, **_position(line), BASELINE=baseline)
    _write_shape(element, line)
    gaps = word_gaps(line)
    if gaps is not None and len(gaps) > 1 and not any(gaps):
        gaps = None  # readers put blanks between Strings without any SP
    if line.words and gaps is None:
        remarks.add("words that don't spell the text of their line, left out", f"Line {name!r}")
    if not line.words or gaps is None:
        add(element, "String", CONTENT=line.text, **_position(line), WC=_confidence(line))
        return
    for i, (word, gap) in enumerate(zip(line.words, gaps, strict=True)):
        if gap:
            add(element, "SP")
        string = add(
            element,
            "String",
            ID=ids.give(word.id, f"{name}_w{i}"),
            CONTENT=word.text,
            **_position(word),
            WC=_confidence(word),
        )
        _write_shape(string, word)
        for character in word.characters:
            if len(character.text) != 1:
                what = "character of several code points, which ALTO doesn't allow, left out"
                remarks.add(what, f"{character.text!r} in {name!r}")
                continue
            glyph = add(
                string,
                "Glyph",
                CONTENT=character.text,
                **_position(character),
                GC=_confidence(character),
            )
            _write_shape(glyph, character)


def _position(part: Any) -> dict[str, int]:
    if part.polygon is None:
        return {}
    left, top, right, bottom = (round(side) for side in bounding_box(part.polygon))
    return {"HPOS": left, "VPOS": top, "WIDTH": right - left, "HEIGHT": bottom - top}


def _write_shape(element: Any, part: Any) -> None:
    if part.polygon is not None:
        add(add(element, "Shape"), "Polygon", POINTS=_format_points(part.polygon))


def _confidence(part: Any) -> str | None:
    return None if part.confidence is None else f"{part.confidence:.6g}"


def _format_points(points: Points) -> str:
    return " ".join(str(value) for value in np.rint(points).astype(int).ravel().tolist())
