"""Write pages as a searchable PDF: the image, and over it the invisible text."""

from __future__ import annotations

import base64
import ctypes
import io
import os
import zlib
from collections.abc import Iterable, Iterator
from itertools import repeat
from typing import Any, NamedTuple

import cv2
import numpy as np
from PIL import Image as PillowImage

from hwsk._data.decoding import read_image
from hwsk._files import write_file
from hwsk._warn import warn_caller
from hwsk.documents._elements import Line, Points, bounding_box
from hwsk.documents._formats import word_gaps
from hwsk.documents._images import PageImage, check_dpi, image_size, import_pdfium, to_gray
from hwsk.documents._page import Page

# A TrueType font of one glyph, a box half as wide as high (made with fontTools). Invisible text
# needs no shapes, and with one glyph for all characters every script can be searched; but viewers
# skip text without extent.
_BOX_FONT = (
    b"c-nnXK}y3w6n!(3gcfbJP$jsK2(Cn2iFDyY5V~?D?p(-FV+TxZuodghrHAkyUZDr@0=nt}BDfIZo0%Y@=!ZX"
    b"f@BRG$-wXtRChnoIJjiu{Mf3rYP~9G8cNd`vQ}Pq?U6bl_y>Qqgeq`<$3gN2QA%13VntU=9B@sl-Bg#etjWx"
    b"8$k1Wsiv_OD}_??+t={%LE?I+eB$PbFqctRhxe`f2j-k9Cj^_R1y{WmBz$FHb*qEyzef~+O>sHCFL+D+*ueG"
    b"lOjNjJVCe@^wCUp4Eh%Tu^-fY|A-tEyc3IW6AT?XO+2Z>6)*5#>zHKjQx?cE^_85H$H$!*Pox+GHL_PB*y47"
    b"?(IkiXm>0LF3xL+u!jC;uJfX"
)
_ADVANCE = 0.5  # of the font size
_DESCENT = 0.2
_LEAST_GAP = 0.2  # of the height, between words
_USUAL_DPI = 300  # of scans that don't say


class _Run(NamedTuple):
    """Text from one point of the page to another, letters of a height, all in pixels."""

    text: str
    start: Points
    stop: Points
    height: float


def save_pdf(
    path: str | os.PathLike[str],
    pages: Iterable[Page],
    images: Iterable[Any] | None = None,
    *,
    dpi: float | None = None,
) -> None:
    """Write pages as a searchable PDF: the images, and over them the text, invisible.

    Words stand in their boxes; a line without words, or whose words have no place or don't spell
    its text, is laid along its baseline or box as a whole. Needs pypdfium2
    (``pip install 'hwsk[pdf]'``).

    Parameters
    ----------
    path : str or path
        The PDF file to write.
    pages : iterable of Page
        In the order of the book.
    images : iterable of str, path, array or PageImage, default=None
        The image of each page, of its size; None for the files at `Page.image_path`. A JPEG file
        is put in as it is; others are compressed as JPEG.
    dpi : float, default=None
        Pixels per inch, 1 to 10000, which makes the paper size; more makes smaller paper. None for
        what the image file says, otherwise 300.

    Raises
    ------
    FileNotFoundError
        If an image is missing.
    ValueError
        If no page is given, an image is not of the size of its page, or `dpi` is not from 1 to
        10000.
    ModuleNotFoundError
        If pypdfium2 is missing.

    Warns
    -----
    UserWarning
        If lines with text have neither polygon nor baseline: left out, counted.

    See Also
    --------
    Page.save : Other formats.

    Notes
    -----
    The font is one box and carries a table from its glyphs to Unicode, as Tesseract's PDF renderer
    and Chrome's do it.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.documents import Line, Page, Region, save_pdf
    >>> page = Page(300, 100, [Region([Line("Dear Sir,", polygon=[20, 30, 280, 70])])])
    >>> save_pdf("letter.pdf", [page], [np.full((100, 300), 255, np.uint8)])  # doctest: +SKIP
    """
    if dpi is not None:
        check_dpi(dpi)
    pdfium = import_pdfium("write PDF")
    without_place: list[str] = []
    with pdfium.PdfDocument.new() as pdf:
        pairs = zip(pages, repeat(None) if images is None else images, strict=images is not None)
        for page, image in pairs:
            jpeg, own_dpi = _read_jpeg(page, image)
            scale = 72 / (dpi or own_dpi)
            sheet = pdf.new_page(page.width * scale, page.height * scale)
            picture = pdfium.PdfImage.new(pdf)
            picture.load_jpeg(io.BytesIO(jpeg), inline=True)
            picture.set_matrix(pdfium.PdfMatrix().scale(*sheet.get_size()))
            sheet.insert_obj(picture)
            runs = [run for line in page.lines for run in _runs(line, without_place)]
            _insert_text(pdfium.raw, pdf, sheet, runs, scale)
            sheet.gen_content()
            sheet.close()
        if not len(pdf):
            raise ValueError(f"no page to write to {os.fspath(path)}")
        buffer = io.BytesIO()  # what a write of pdfium's own raises is lost
        pdf.save(buffer)
    write_file(path, buffer.getvalue())
    if without_place:
        warn_caller(
            f"{os.fspath(path)}: {len(without_place)} lines without polygon and baseline are left "
            f"out ({', '.join(without_place[:3])})",
            UserWarning,
        )


def _read_jpeg(page: Page, image: Any) -> tuple[bytes, float]:
    """The image of a page as a JPEG file, and its resolution."""
    if isinstance(image, PageImage):
        image = image.image
    own_dpi = 0.0
    if hasattr(image, "__array__"):
        name, pixels = "the image", to_gray(image, "the image")
    else:
        name = os.fspath(image if image is not None else page.image_path)
        if not name:
            raise ValueError("the page has no image_path; pass images")
        image_size(name)  # says what is wrong with a file that is none or too large
        with PillowImage.open(name) as opened:
            own_dpi = float(min(opened.info.get("dpi", (0, 0))))
            upright = opened.getexif().get(0x0112, 1) == 1
            if opened.format == "JPEG" and upright and opened.size == (page.width, page.height):
                with open(name, "rb") as file:
                    return file.read(), own_dpi if own_dpi > 1 else _USUAL_DPI
        pixels = read_image(name)
    if pixels.shape != (page.height, page.width):
        raise ValueError(
            f"{name} is {pixels.shape[1]} x {pixels.shape[0]} pixels, and its page "
            f"{page.width} x {page.height}; see Page.resized"
        )
    _, encoded = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])
    return encoded.tobytes(), own_dpi if own_dpi > 1 else _USUAL_DPI


def _runs(line: Line, without_place: list[str]) -> Iterator[_Run]:
    """The words of a line in their places, otherwise the line as a whole."""
    if not line.text.strip():
        return
    if line.polygon is None and line.baseline is None:
        without_place.append(line.id or repr(line.text[:20]))
        return
    gaps = word_gaps(line)
    if not line.words or gaps is None or any(word.polygon is None for word in line.words):
        yield _Run(line.text, *_place(line.polygon, line.baseline))
        return
    runs = [_Run(word.text, *_place(word.polygon, line.baseline)) for word in line.words]
    for i, run in enumerate(runs):
        if i + 1 == len(runs) or not gaps[i + 1]:
            yield run
            continue
        # A blank between words: viewers go by their distance, so words that touch give way.
        extent = run.stop - run.start
        length = float(np.hypot(*extent))
        gap = float((runs[i + 1].start - run.stop) @ extent) / length
        too_near = min(max(0.0, _LEAST_GAP * run.height - gap), length / 3)
        run = run._replace(stop=run.stop - extent * (too_near / length))
        yield run
        if gap + too_near > 0:
            yield run._replace(text=" ", start=run.stop, stop=runs[i + 1].start)


def _place(polygon: Points | None, baseline: Points | None) -> tuple[Points, Points, float]:
    """Find where text on a baseline starts and stops, and its height."""
    if baseline is None:
        assert polygon is not None
        left, top, right, bottom = bounding_box(polygon)
        height = max(1.0, bottom - top)
        y = bottom - _DESCENT * height
        return np.array([left, y]), np.array([max(right, left + 1), y]), height
    chord = baseline[-1] - baseline[0]
    length = float(np.hypot(*chord))
    if polygon is None:
        return baseline[0], baseline[-1], max(1.0, length / 20)
    # In the frame of the chord: how far along it, and how far below.
    along = chord / length if length else np.array([1.0, 0.0])
    below = np.array([-along[1], along[0]])
    frame = np.stack([along, below], axis=1)
    corners, curve = (polygon - baseline[0]) @ frame, (baseline - baseline[0]) @ frame
    order = np.argsort(curve[:, 0], kind="stable")
    ends = np.array([corners[:, 0].min(), max(corners[:, 0].max(), corners[:, 0].min() + 1)])
    offsets = np.interp(ends, curve[order, 0], curve[order, 1])
    points = baseline[0] + np.stack([ends, offsets], axis=1) @ frame.T
    return points[0], points[1], max(1.0, float(np.ptp(corners[:, 1])))


def _insert_text(raw: Any, pdf: Any, sheet: Any, runs: list[_Run], scale: float) -> None:
    """Put text on a sheet of a PDF; `scale` is points in a pixel."""
    if not runs:
        return
    characters = sorted(set("".join(run.text for run in runs)))
    codes = {character: code for code, character in enumerate(characters, 1)}
    font = _load_font(raw, pdf, characters)
    _, height = sheet.get_size()
    for run in runs:
        text = raw.FPDFPageObj_CreateTextObj(pdf.raw, font, 1.0)
        encoded = [codes[character] for character in run.text]
        raw.FPDFText_SetCharcodes(text, (ctypes.c_uint32 * len(encoded))(*encoded), len(encoded))
        raw.FPDFTextObj_SetTextRenderMode(text, raw.FPDF_TEXTRENDERMODE_INVISIBLE)
        step = (run.stop - run.start) * scale
        x, y = step / (len(run.text) * _ADVANCE)
        up = np.array([step[1], -step[0]]) / np.hypot(*step) * run.height * scale
        start = run.start * scale
        # The y of a PDF runs upwards.
        matrix = raw.FS_MATRIX(x, -y, up[0], -up[1], start[0], height - start[1])
        raw.FPDFPageObj_SetMatrix(text, matrix)
        raw.FPDFPage_InsertObject(sheet.raw, text)
    raw.FPDFFont_Close(font)


def _load_font(raw: Any, pdf: Any, characters: list[str]) -> Any:
    """The box font, whose codes 1, 2, ... stand for these characters."""
    data = zlib.decompress(base64.b85decode(_BOX_FONT))
    glyphs = b"\0\1" * (len(characters) + 1)  # the glyph of each code
    font = raw.FPDFText_LoadCidType2Font(
        pdf.raw,
        (ctypes.c_uint8 * len(data)).from_buffer_copy(data),
        len(data),
        _unicode_map(characters),
        (ctypes.c_uint8 * len(glyphs)).from_buffer_copy(glyphs),
        len(glyphs),
    )
    if not font:
        raise RuntimeError("pypdfium2 could not load its font; update it: 5.0 or newer")
    return font


def _unicode_map(characters: list[str]) -> bytes:
    """A PDF "ToUnicode" table from the codes 1, 2, ... to characters."""
    rows = [
        f"<{code:04X}> <{character.encode('utf-16-be', 'replace').hex().upper()}>"
        for code, character in enumerate(characters, 1)
    ]
    parts = [rows[i : i + 100] for i in range(0, len(rows), 100)]  # the most in a section
    sections = (f"{len(part)} beginbfchar\n" + "\n".join(part) + "\nendbfchar" for part in parts)
    return "\n".join(
        [
            "/CIDInit /ProcSet findresource begin",
            "12 dict begin",
            "begincmap",
            "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) /Supplement 0 >> def",
            "/CMapName /Adobe-Identity-UCS def",
            "/CMapType 2 def",
            "1 begincodespacerange",
            "<0000> <FFFF>",
            "endcodespacerange",
            *sections,
            "endcmap",
            "CMapName currentdict /CMap defineresource pop",
            "end",
            "end",
        ]
    ).encode()
