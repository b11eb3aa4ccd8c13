"""hOCR 1.2, written only."""

from __future__ import annotations

from html import escape
from typing import Any

from hwsk.documents._elements import Line, Word, bounding_box
from hwsk.documents._formats import word_gaps
from hwsk.documents._page import Page
from hwsk.documents._xml import Ids, outline

_HEAD = """\
<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<title>{title}</title>
<meta name="ocr-system" content="hwsk">
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_line ocrx_word">
</head>
<body>
"""


def write_hocr(page: Page) -> str:
    ids = Ids()
    image = page.image_path.replace("\\", "\\\\").replace('"', '\\"')
    title = f'image "{image}"; bbox 0 0 {page.width} {page.height}; ppageno 0'
    parts = [_HEAD.format(title=escape(page.image_path))]
    parts.append(f"<div{_attributes('ocr_page', ids.give('', 'page'), title)}>\n")
    for i, region in enumerate(page.regions):
        name = ids.give(region.id, f"r{i}")
        parts.append(f"<div{_attributes('ocr_carea', name, _box(region))}>\n")
        for j, line in enumerate(region.lines):
            line_name = ids.give(line.id, f"{name}_l{j}")
            title = "; ".join(filter(None, [_box(line), _baseline(line)]))
            content = escape(line.text)
            if line.words and (gaps := word_gaps(line)) is not None:
                content = "".join(
                    gap + _write_word(word, ids.give(word.id, f"{line_name}_w{k}"))
                    for k, (gap, word) in enumerate(zip(gaps, line.words, strict=True))
                )
            parts.append(f"<span{_attributes('ocr_line', line_name, title)}>{content}</span>\n")
        parts.append("</div>\n")
    return "".join([*parts, "</div>\n</body>\n</html>\n"])


def _attributes(kind: str, name: str, title: str) -> str:
    return f' class="{kind}" id="{name}"' + (f' title="{escape(title)}"' if title else "")


def _write_word(word: Word, name: str) -> str:
    confidence = "" if word.confidence is None else f"x_wconf {round(100 * word.confidence)}"
    title = "; ".join(filter(None, [_box(word), confidence]))
    return f"<span{_attributes('ocrx_word', name, title)}>{escape(word.text)}</span>"


def _box(part: Any) -> str:
    points = outline(part)
    return "" if points is None else "bbox " + " ".join(str(round(v)) for v in bounding_box(points))


def _baseline(line: Line) -> str:
    """Slope, and how far below the lower left corner of the box the baseline begins."""
    points = outline(line)
    if line.baseline is None or points is None:
        return ""
    (x0, y0), (x1, y1) = line.baseline[0], line.baseline[-1]
    if x1 == x0:
        return ""
    left, _, _, bottom = bounding_box(points)
    slope = (y1 - y0) / (x1 - x0)
    return f"baseline {slope:.4g} {y0 + slope * (left - x0) - bottom:.4g}"
