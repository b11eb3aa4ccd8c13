"""Detect the format of a page file; share code of readers and writers."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np

from hwsk.documents._elements import Line
from hwsk.documents._page import Page
from hwsk.documents._xml import Remarks

_ROOT = re.compile(rb"<(?:\w+:)?(PcGts|alto|html)\b", re.IGNORECASE)


def find_format(data: bytes, name: str) -> str:
    """ "page", "alto" or "json", from the start of the content."""
    start = data[:4096].replace(b"\0", b"")  # so that UTF-16 reads like ASCII
    if start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return "json"
    root = _ROOT.search(start)
    kind = root[1].decode().lower() if root else ""
    if kind in ("pcgts", "alto"):
        return "page" if kind == "pcgts" else "alto"
    if kind == "html":
        raise ValueError(f"{name} is HTML or hOCR, which is only written; keep PAGE, ALTO or JSON")
    raise ValueError(f"{name} is neither PAGE XML, ALTO nor JSON; it begins {data[:40]!r}")


def clip_to_page(page: Page, remarks: Remarks) -> None:
    """Move points outside the page to its edge; leave out polygons that lie wholly outside."""
    corner = np.array([page.width, page.height], np.float64)
    numbers: Counter[str] = Counter()
    for element in page.elements():
        kind = type(element).__name__
        numbers[kind] += 1
        for name in ("polygon", "baseline"):
            points = getattr(element, name, None)
            if points is None:
                continue
            inside = np.clip(points, 0, corner)
            if np.array_equal(inside, points):
                continue
            label = getattr(element, "id", "") or getattr(element, "text", "")
            where = f"{kind} {label!r:.40}" if label else f"{kind} number {numbers[kind]}"
            if (points.max(axis=0) < 0).any() or (points.min(axis=0) > corner).any():
                remarks.add(f"{name} wholly outside the page, ignored", where)
                setattr(element, name, None)
            else:
                remarks.add(f"{name} partly outside the page, clipped", where)
                setattr(element, name, inside)


def word_gaps(line: Line) -> list[str] | None:
    """Return the separator before each word of its line, "" or " "; None if anything else."""
    gaps: list[str] = []
    rest = line.text
    for word in line.words:
        gap = " " if gaps and rest.startswith(" ") else ""
        rest = rest.removeprefix(gap)
        if not word.text or not rest.startswith(word.text):
            return None
        gaps.append(gap)
        rest = rest.removeprefix(word.text)
    return None if rest else gaps
