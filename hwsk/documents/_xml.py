"""Read PAGE and ALTO XML from untrusted files; messages name the element."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from lxml import etree

from hwsk._files import open_file
from hwsk._warn import warn_caller
from hwsk.documents._elements import Line, Points, Region, Word, bounding_box

MOST_BYTES = 64 << 20  # a dense newspaper page with a box for every character has 10 MB


class Remarks:
    """Count what a reader changed or left out, and report it in one warning."""

    def __init__(self) -> None:
        self.places: dict[str, list[str]] = {}

    def add(self, what: str, where: str) -> None:
        self.places.setdefault(what, []).append(where)

    def warn(self, name: str) -> None:
        """Warn once of all that was added, if anything was."""
        if self.places:
            parts = (
                f"{len(places)} x {what} ({', '.join(places[:3])}{', ...' if places[3:] else ''})"
                for what, places in self.places.items()
            )
            warn_caller(
                f"{name}: {'; '.join(parts)}",
                UserWarning,
            )


def read_source(source: Any) -> tuple[bytes, str]:
    """The content of a path, an open binary or text file, or bytes; and a name for messages."""
    if isinstance(source, (bytes, bytearray)):
        return bytes(source), "<bytes>"
    if hasattr(source, "read"):
        data = source.read(MOST_BYTES + 1)
        name = str(getattr(source, "name", "<stream>"))
        return data.encode() if isinstance(data, str) else data, name
    name = os.fspath(source)
    if name.lstrip()[:1] in ("<", "{"):
        raise ValueError(
            f"{name[:30]!r}... is the content of a file, and a str is a path; pass text.encode()"
        )
    with open_file(name) as file:
        return file.read(MOST_BYTES + 1), name


class XmlFile:
    """A parsed XML file whose errors and remarks name file, line and element.

    Entities and document types are refused: neither format needs them, and they are the way to
    make a small file read others or fill the memory.
    """

    def __init__(self, source: Any, remarks: Remarks) -> None:
        data, self.name = read_source(source)
        self.remarks = remarks
        if len(data) > MOST_BYTES:
            raise ValueError(
                f"{self.name} is larger than {MOST_BYTES >> 20} MB, too large for one page"
            )
        if not data.strip():
            raise ValueError(f"{self.name} is empty; expected PAGE XML or ALTO")
        for encoding in ("ascii", "utf-16-le", "utf-16-be"):
            if "<!DOCTYPE".encode(encoding) in data:
                raise ValueError(
                    f"{self.name} declares a document type (<!DOCTYPE), which can hide entities; "
                    "PAGE and ALTO have none: remove the declaration if you trust the file"
                )
        parser = etree.XMLParser(
            resolve_entities=False,
            no_network=True,
            load_dtd=False,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            self.root = etree.fromstring(data, parser)
        except etree.XMLSyntaxError as error:
            raise ValueError(f"{self.name}, line {error.lineno}: not XML ({error.msg})") from None
        if self.root.getroottree().docinfo.internalDTD is not None:  # in a rare encoding
            raise ValueError(f"{self.name} declares a document type (<!DOCTYPE)")

    def where(self, element: Any) -> str:
        """`TextLine 'l3', line 17`: an element as messages name it."""
        name = element.get("id") or element.get("ID")
        return f"{tag(element)}{f' {name!r}' if name else ''} in line {element.sourceline}"

    def error(self, element: Any, problem: str) -> ValueError:
        return ValueError(f"{self.name}: {self.where(element)}: {problem}")

    def number(self, element: Any, attribute: str) -> float | None:
        """A number from an attribute; None where it is missing or empty."""
        text = (element.get(attribute) or "").strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(element, f"{attribute}={text!r} is not a number")
        return value

    def points(self, element: Any, text: str | None, least: int) -> Points | None:
        """Points from `x1,y1 x2,y2` or `x1 y1 x2 y2`; None, with a remark, if too few."""
        numbers = re.split(r"[\s,]+", (text or "").strip())
        if numbers == [""]:
            return None
        try:
            values = np.array(numbers, np.float64)
        except ValueError:
            values = np.array([np.nan])
        if not np.isfinite(values).all():
            raise self.error(element, f"points {text!r:.60} are not pairs of numbers")
        if len(values) % 2:
            raise self.error(element, f"{len(values)} coordinates, an odd number: {text!r:.60}")
        points = values.reshape(-1, 2)
        if len(points) < least:
            what = "polygon" if least == 3 else "baseline"
            self.remarks.add(f"{what} of fewer than {least} points, ignored", self.where(element))
            return None
        return points

    def confidence(self, element: Any, attribute: str) -> float | None:
        """A confidence; None, with a remark, if outside 0 to 1."""
        value = self.number(element, attribute)
        if value is not None and not 0 <= value <= 1:
            what = f"{attribute} outside 0 to 1, ignored"
            self.remarks.add(what, f"{value:g}, {self.where(element)}")
            return None
        return value


def tag(element: Any) -> str:
    """The name of an element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def children(element: Any, *names: str) -> Iterator[Any]:
    """The children with one of these names."""
    return (child for child in element if tag(child) in names)


def child(element: Any, name: str) -> Any:
    """The first child of this name, or None."""
    return next(children(element, name), None)


def flatten_order(group: Any, reference: str) -> Iterator[str]:
    """The ids that a reading order refers to, its groups within groups in their order."""
    members = list(group)
    if all((member.get("index") or "").strip().isdigit() for member in members):
        members.sort(key=lambda member: int(member.get("index")))
    for member in members:
        yield from (member.get(reference) or "").split()
        yield from flatten_order(member, reference)


class Ids:
    """Ids for an XML file: those of the page where they are valid and new, else made up."""

    _VALID = re.compile(r"[^\W\d][\w.\-]*")

    def __init__(self) -> None:
        self._used: set[str] = set()

    def give(self, wanted: str, fallback: str) -> str:
        name = wanted if self._VALID.fullmatch(wanted) else fallback
        number, free = 1, name
        while free in self._used:
            number += 1
            free = f"{name}_{number}"
        self._used.add(free)
        return free


def add(parent: Any, name: str, **attributes: Any) -> Any:
    """Append an element of the parent's namespace; attributes that are None are left out."""
    namespace = parent.tag.rpartition("}")[0] + "}"
    given = {key: check_text(str(value)) for key, value in attributes.items() if value is not None}
    return etree.SubElement(parent, namespace + name, given)


_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def check_text(text: str) -> str:
    """The text, if XML can hold it; otherwise say which character it can't."""
    if found := _FORBIDDEN.search(text):
        start = max(0, found.start() - 20)
        raise ValueError(
            f"XML can't hold the character U+{ord(found[0]):04X} in {text[start : start + 40]!r}"
        )
    return text


def serialize(root: Any) -> str:
    """The file as text, with its XML declaration."""
    etree.indent(root)
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True).decode()


def outline(*candidates: Any) -> Points | None:
    """The polygon of the first of these elements, or the box around its baseline or its parts."""
    for element in candidates:
        if element.polygon is not None:
            return element.polygon
        if (points := _extent(element)) is not None:
            left, top, right, bottom = bounding_box(points)
            return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return None


def _extent(element: Any) -> Points | None:
    parts: Iterable[Any] = ()
    if isinstance(element, Region):
        parts = element.lines
    elif isinstance(element, Line):
        parts = element.words
    elif isinstance(element, Word):
        parts = element.characters
    found = [points for part in parts if (points := outline(part)) is not None]
    if getattr(element, "baseline", None) is not None:
        found.append(element.baseline)
    return np.concatenate(found) if found else None
