"""Convert a page to JSON and back: the fields of its parts by name."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any

import numpy as np

from hwsk.documents._elements import Character, Line, Region, Word
from hwsk.documents._formats import clip_to_page
from hwsk.documents._page import Page
from hwsk.documents._xml import Remarks, read_source

_FORMAT = "hwsk page, version 1"
_PARTS = {"regions": Region, "lines": Line, "words": Word, "characters": Character}
_LARGEST = 10**6  # pixels of a side
_NUMBERS: dict[str, Any] = {"width": int, "height": int, "confidence": (int, float)}


def write_json(page: Page, indent: int | None) -> str:
    return json.dumps({"format": _FORMAT, **_encode(page)}, ensure_ascii=False, indent=indent)


def _encode(part: Any) -> dict[str, Any]:
    encoded = {}
    for name in (field.name for field in fields(part)):
        value = getattr(part, name)
        if isinstance(value, np.ndarray):
            encoded[name] = value.tolist()
        elif isinstance(value, list):
            if value:
                encoded[name] = [_encode(item) for item in value]
        elif value not in (None, ""):
            encoded[name] = value
    return encoded


def read_json(source: Any) -> Page:
    data, name = read_source(source)
    try:
        content = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name}: not JSON ({error})") from None
    if not isinstance(content, dict) or content.pop("format", None) != _FORMAT:
        raise ValueError(f'{name}: not the JSON of a page; expected "format": "{_FORMAT}"')
    page: Page = _decode(Page, content, f"{name}: page")
    remarks = Remarks()
    clip_to_page(page, remarks)
    remarks.warn(name)
    return page


def _decode(kind: type, content: Any, where: str) -> Any:
    if not isinstance(content, dict):
        raise ValueError(f"{where} is {content!r:.60}; expected an object")
    known = {field.name for field in fields(kind)}
    if unknown := content.keys() - known:
        raise ValueError(f"{where} has the unknown key {min(unknown)!r}; known: {sorted(known)}")
    values: dict[str, Any] = {"text": ""} if kind in (Word, Character) else {}
    for key, value in content.items():
        if key in _PARTS:
            if not isinstance(value, list):
                raise ValueError(f"{where}: {key} is {value!r:.60}; expected a list")
            part = _PARTS[key]
            value = [_decode(part, item, f"{where}.{key}[{i}]") for i, item in enumerate(value)]
        elif key in ("polygon", "baseline"):
            if not isinstance(value, list):
                raise ValueError(f"{where}: {key} is {value!r:.60}; expected pairs of numbers")
        elif not isinstance(value, _NUMBERS.get(key, str)) or isinstance(value, bool):
            raise ValueError(f"{where}: {key} is {value!r:.60}")
        elif key in ("width", "height") and not 0 < value <= _LARGEST:
            raise ValueError(f"{where}: {key} is {value!r:.60}; expected 1 to {_LARGEST} pixels")
        values[key] = value
    try:
        return kind(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from None
