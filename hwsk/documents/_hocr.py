"""Write hOCR 1.2."""

from __future__ import annotations

from html import escape
from typing import Any

from hwsk.documents._elements import Line, Region, bounding_box
from hwsk.documents._formats import word_gaps
from hwsk.documents._page import Page
from hwsk.documents._xml import Ids, check_text, outline

# XHTML, since some readers take hOCR for XML and others for HTML.
_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE html>
<html xmlns="http://www.w3.org/1999/xhtml" xml:lang="und">
<head>
<title>{title}</title>
<meta http-equiv="Content-Type" content="text/html; charset=utf-8" />
<meta name="ocr-system" content="hwsk" />
<meta name="ocr-capabilities" content="ocr_page ocr_carea ocr_par ocr_line ocrx_word" />
</head>
<body>
"""


def write_hocr(page: Page) -> str:
    ids = Ids()
    whole = Region(polygon=[0, 0, page.width, page.height])
    image = page.image_path.replace("\\", "\\\\").replace('"', '\\"')
    regions = []
    for i, region in enumerate(page.regions):
        name = ids.give(region.id, f"r{i}")
        lines = [
            _write_line(line, ids.give(line.id, f"{name}_l{j}"), ids, region, whole)
            for j, line in enumerate(region.lines)
        ]
        box = _box(region, whole)
        paragraph = _element("p", "ocr_par", ids.give("", f"{name}_p"), box, "\n".join(lines))
        regions.append(_element("div", "ocr_carea", name, box, paragraph))
    title = f'image "{image}"; {_box(whole)}; ppageno 0'
    body = _element("div", "ocr_page", ids.give("", "page"), title, "\n".join(regions))
    return check_text(_HEAD.format(title=escape(page.image_path)) + body + "\n</body>\n</html>\n")


def _write_line(line: Line, name: str, ids: Ids, *around: Region) -> str:
    content = escape(line.text)
    if line.words and (gaps := word_gaps(line)) is not None:
        content = ""
        for k, (gap, word) in enumerate(zip(gaps, line.words, strict=True)):
            title = _box(word, line, *around)
            if word.confidence is not None:
                title += f"; x_wconf {round(100 * word.confidence)}"
            word_name = ids.give(word.id, f"{name}_w{k}")
            content += gap + _element("span", "ocrx_word", word_name, title, escape(word.text))
    title = _box(line, *around) + _baseline(line)
    return _element("span", "ocr_line", name, title, content)


def _element(tag: str, kind: str, name: str, title: str, content: str) -> str:
    return f'<{tag} class="{kind}" id="{name}" title="{escape(title)}">{content}</{tag}>'


def _box(*candidates: Any) -> str:
    points = outline(*candidates)
    assert points is not None  # the last candidate is the page
    return "bbox " + " ".join(str(round(side)) for side in bounding_box(points))


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
    return f"; baseline {slope:.4g} {y0 + slope * (left - x0) - bottom:.4g}"
