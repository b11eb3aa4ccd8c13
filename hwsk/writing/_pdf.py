"""Encode sheets as a PDF file, the strokes as curves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

from hwsk.documents._images import import_pdfium
from hwsk.writing._formats import Paper, Points, Sheet, beziers, parse_colour

_POINTS = 72 / 25.4  # of PDF, in a millimetre
_ROUND = 1  # caps and joins of lines


def as_pdf(paper: Paper, sheets: Sequence[Sheet]) -> bytes:
    """Encode sheets as the pages of a PDF file; `_formats.as_svg` draws the same curves."""
    pdfium = import_pdfium("write PDF")
    width, height = (side * _POINTS for side in paper.size)
    colour, ink = parse_colour(paper.colour, "paper"), parse_colour(paper.ink, "ink")
    with pdfium.PdfDocument.new() as pdf:
        for sheet in sheets:
            page = pdf.new_page(width, height)
            ground = pdfium.raw.FPDFPageObj_CreateNewRect(0, 0, width, height)
            pdfium.raw.FPDFPageObj_SetFillColor(ground, *colour, 255)
            pdfium.raw.FPDFPath_SetDrawMode(ground, pdfium.raw.FPDF_FILLMODE_WINDING, False)
            pdfium.raw.FPDFPage_InsertObject(page.raw, ground)
            for _, strokes in sheet:
                for stroke in strokes:
                    _insert(pdfium.raw, page, stroke * _POINTS, height, ink, paper.pen_width)
            page.gen_content()
            page.close()
        buffer = io.BytesIO()
        pdf.save(buffer)
    return buffer.getvalue()


def _insert(
    raw: Any, page: Any, stroke: Points, height: float, ink: tuple[int, ...], pen_width: float
) -> None:
    """Put a stroke on a page; the y of a PDF runs upwards."""
    stroke = stroke * [1, -1] + [0, height]
    path = raw.FPDFPageObj_CreateNewPath(*stroke[0])
    if len(stroke) < 3:  # a dot is a line of no length, with round caps
        raw.FPDFPath_LineTo(path, *stroke[-1])
    else:
        for corners in zip(*beziers(stroke)[1:], strict=True):
            raw.FPDFPath_BezierTo(path, *(value for corner in corners for value in corner))
    raw.FPDFPageObj_SetStrokeColor(path, *ink, 255)
    raw.FPDFPageObj_SetStrokeWidth(path, pen_width * _POINTS)
    raw.FPDFPageObj_SetLineCap(path, _ROUND)
    raw.FPDFPageObj_SetLineJoin(path, _ROUND)
    raw.FPDFPath_SetDrawMode(path, raw.FPDF_FILLMODE_NONE, True)
    raw.FPDFPage_InsertObject(page.raw, path)
