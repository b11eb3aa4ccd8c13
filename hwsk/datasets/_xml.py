"""Parse XML of stroke files: no custom entities, each element with its line number."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.parsers import expat

from hwsk._files import read_file

LINE = "data-line"  # where an element starts in the file, as an attribute of it
DEEPEST = 200  # elements in elements; a drawing has some ten
NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"


def read_xml(file: Path, root: str) -> ET.Element:
    """The elements of a file, as they are named there; each tells its line."""
    content = read_file(file)
    if not content.strip():
        raise ValueError(f"{file} is empty")
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True

    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > DEEPEST:  # each trace asks all elements around it
            raise ValueError(
                f"{file}, line {parser.CurrentLineNumber}: elements more than {DEEPEST} deep"
            )
        builder.start(tag, attributes | {LINE: str(parser.CurrentLineNumber)})

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        builder.end(tag)

    def refuse(name: str, *_: Any) -> None:
        raise ValueError(
            f"{file}, line {parser.CurrentLineNumber}: declares the entity {name!r}, which is not "
            "read; save it without (as plain SVG)"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise ValueError(f"{file}, line {error.lineno}: no well-formed XML: {reason}") from None
    tree = builder.close()
    if name_of(tree) != root:
        raise ValueError(f"{file}: the root element is <{tree.tag}>, expected <{root}>")
    return tree


def name_of(element: ET.Element) -> str:
    """The tag, without the prefix of a namespace."""
    return element.tag.rpartition(":")[2]


def find_all(tree: ET.Element, name: str) -> Iterator[ET.Element]:
    """The elements of a name below an element, and itself."""
    return (element for element in tree.iter() if name_of(element) == name)
