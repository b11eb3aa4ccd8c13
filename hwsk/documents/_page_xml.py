"""Read PAGE XML in all versions, write it in 2019-07-15."""

from __future__ import annotations

import copy
import math
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import PureWindowsPath
from typing import Any

import numpy as np
from lxml import etree

from hwsk.documents._elements import Character, Line, Points, Region, Word
from hwsk.documents._formats import clip_to_page
from hwsk.documents._page import Page
from hwsk.documents._xml import (
    Ids,
    Remarks,
    XmlFile,
    add,
    check_text,
    child,
    children,
    flatten_order,
    outline,
    serialize,
    tag,
)

_NAMESPACE = "http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"
_NAMESPACES: dict[Any, str] = {None: _NAMESPACE}
_KINDS = {  # what the schema allows as the type of a text region
    "paragraph", "heading", "caption", "header", "footer", "page-number", "drop-capital", "credit",
    "floating", "signature-mark", "catch-word", "marginalia", "footnote", "footnote-continued",
    "endnote", "TOC-entry", "list-label", "other",
}  # fmt: skip
_CUSTOM_INDEX = re.compile(r"readingOrder\s*\{[^}]*?\bindex\s*:\s*(\d+)")
_CUSTOM_KIND = re.compile(r"structure\s*\{[^}]*?\btype\s*:\s*([^;}]*)")


def read_page_xml(source: Any, remarks: Remarks) -> tuple[Page, str]:
    """The page, and the name of the file for messages."""
    file = XmlFile(source, remarks)
    if tag(file.root) != "PcGts":
        raise file.error(file.root, "not PAGE XML; its root is PcGts")
    found = child(file.root, "Page")
    if found is None:
        raise file.error(file.root, "has no Page")
    size = []
    for attribute in ("imageWidth", "imageHeight"):
        value = file.number(found, attribute)
        if value is None or value < 1:
            raise file.error(found, f"{attribute} is {value}; expected a number of pixels")
        size.append(round(value))
    page = Page(size[0], size[1], _regions(file, found), found.get("imageFilename") or "")
    clip_to_page(page, remarks)
    return page, file.name


def _regions(file: XmlFile, page: Any) -> list[Region]:
    """The regions in reading order."""
    order = child(page, "ReadingOrder")
    ids = [] if order is None else list(flatten_order(order, "regionRef"))
    rank = {name: number for number, name in reversed(list(enumerate(ids)))}
    found = list(_find_regions(page, rank, math.inf))
    known = {element.get("id") for element in page.iter("*")}
    for name in rank.keys() - known:
        file.remarks.add("reference to a region that is missing, ignored", repr(name))
    if not rank:
        elements = _by_index([element for _, element in found])
    else:  # those that the order doesn't name follow the region around them, or come last
        elements = [element for _, element in sorted(found, key=lambda pair: pair[0])]
    return [_read_region(file, element) for element in elements]


def _find_regions(parent: Any, rank: dict[str, int], around: float) -> Iterator[tuple[float, Any]]:
    """Text regions and table cells below an element, each with its place in the order."""
    for element in parent:
        if tag(element).endswith("Region") or tag(element) == "TableCell":
            place = rank.get(element.get("id"), around)
            if tag(element) in ("TextRegion", "TableCell"):
                yield place, element
            yield from _find_regions(element, rank, place)


def _by_index(elements: list[Any]) -> list[Any]:
    """Elements in the order of their indices, if each has one."""
    places = []
    for element in elements:
        match = _CUSTOM_INDEX.search(element.get("custom") or "")
        place = match[1] if match else (element.get("index") or "").strip()
        if not place.isdigit():
            return elements
        places.append(int(place))
    return [elements[i] for i in np.argsort(places, kind="stable")]


def _read_region(file: XmlFile, element: Any) -> Region:
    lines = [_read_line(file, line) for line in _by_index(list(children(element, "TextLine")))]
    if not lines and _read_text(file, element)[0]:
        file.remarks.add("text of a region without lines, ignored", file.where(element))
    custom = _CUSTOM_KIND.search(element.get("custom") or "")
    kind = custom[1].strip() if custom else element.get("type") or ""
    return Region(lines, _coords(file, element), kind, element.get("id") or "")


def _read_line(file: XmlFile, element: Any) -> Line:
    words = [_read_word(file, word) for word in children(element, "Word")]
    text, confidence = _read_text(file, element)
    baseline = child(element, "Baseline")
    return Line(
        " ".join(word.text for word in words if word.text) if text is None else text,
        None if baseline is None else _points(file, baseline, 2),
        _coords(file, element),
        confidence,
        words,
        element.get("id") or "",
    )


def _read_word(file: XmlFile, element: Any) -> Word:
    characters = []
    for glyph in children(element, "Glyph"):
        text, confidence = _read_text(file, glyph)
        characters.append(Character(text or "", _coords(file, glyph), confidence))
    text, confidence = _read_text(file, element)
    if text is None:
        text = "".join(character.text for character in characters)
    return Word(text, _coords(file, element), confidence, characters, element.get("id") or "")


def _read_text(file: XmlFile, element: Any) -> tuple[str | None, float | None]:
    """Text and confidence of an element; of several texts, those of the lowest index."""
    texts = list(children(element, "TextEquiv"))
    if not texts:
        return None, None
    indices = [file.number(text, "index") for text in texts]
    best = texts[int(np.argmin([math.inf if i is None else i for i in indices]))]
    unicode = child(best, "Unicode")
    text = None if unicode is None else "".join(unicode.itertext())
    return text, file.confidence(best, "conf")


def _coords(file: XmlFile, element: Any) -> Points | None:
    coords = child(element, "Coords")
    return None if coords is None else _points(file, coords, 3)


def _points(file: XmlFile, element: Any, least: int) -> Points | None:
    text = element.get("points")
    if text is None:  # before 2013 points were elements
        points = children(element, "Point")
        text = " ".join(f"{point.get('x')},{point.get('y')}" for point in points)
    return file.points(element, text, least)


def write_page_xml(page: Page) -> str:
    page = copy.deepcopy(page)
    remarks = Remarks()
    clip_to_page(page, remarks)
    remarks.warn(
        "to_page_xml",
    )

    root = etree.Element(f"{{{_NAMESPACE}}}PcGts", nsmap=_NAMESPACES)
    metadata = add(root, "Metadata")
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    for name, text in (("Creator", "hwsk"), ("Created", now), ("LastChange", now)):
        add(metadata, name).text = text
    element = add(
        root,
        "Page",
        imageFilename=PureWindowsPath(page.image_path).name,  # knows both kinds of slash
        imageWidth=page.width,
        imageHeight=page.height,
    )
    ids = Ids()
    names = [ids.give(region.id, f"r{i}") for i, region in enumerate(page.regions)]
    if names:
        group = add(add(element, "ReadingOrder"), "OrderedGroup", id=ids.give("", "order"))
        for i, name in enumerate(names):
            add(group, "RegionRefIndexed", index=i, regionRef=name)
    whole = Region(polygon=[0, 0, page.width, page.height])
    for name, region in zip(names, page.regions, strict=True):
        _write_region(element, name, region, whole, ids)
    return serialize(root)


def _write_region(parent: Any, name: str, region: Region, page: Region, ids: Ids) -> None:
    known = region.kind in _KINDS or not region.kind
    element = add(
        parent,
        "TextRegion",
        id=name,
        type=region.kind or None if known else "other",
        custom=None if known else f"structure {{type:{region.kind};}}",
    )
    _write_coords(element, region, page)
    for i, line in enumerate(region.lines):
        line_name = ids.give(line.id, f"{name}_l{i}")
        line_element = add(element, "TextLine", id=line_name)
        _write_coords(line_element, line, region, page)
        if line.baseline is not None:
            add(line_element, "Baseline", points=_format_points(line.baseline))
        for j, word in enumerate(line.words):
            word_name = ids.give(word.id, f"{line_name}_w{j}")
            word_element = add(line_element, "Word", id=word_name)
            _write_coords(word_element, word, line, region, page)
            for k, character in enumerate(word.characters):
                glyph = add(word_element, "Glyph", id=ids.give("", f"{word_name}_c{k}"))
                _write_coords(glyph, character, word, line, region, page)
                _write_text(glyph, character)
            _write_text(word_element, word)
        _write_text(line_element, line)


def _write_coords(element: Any, *candidates: Any) -> None:
    points = outline(*candidates)
    assert points is not None  # the last candidate is the page
    add(element, "Coords", points=_format_points(points))


def _write_text(element: Any, part: Any) -> None:
    confidence = None if part.confidence is None else f"{part.confidence:.6g}"
    equivalent = add(element, "TextEquiv", conf=confidence)
    add(equivalent, "Unicode").text = check_text(part.text)


def _format_points(points: Points) -> str:
    return " ".join(f"{x},{y}" for x, y in np.rint(points).astype(int).tolist())
