"""Page images, line images and searchable PDFs."""

import base64
import io
import re
import shutil
import struct
import subprocess
import warnings
import zlib

import cv2
import numpy as np
import pytest
from pages import small_page
from PIL import Image

from hwsk.documents import Line, Page, PageImage, Region, Word, cut_lines, read_pages, save_pdf

pdfium = pytest.importorskip("pypdfium2", reason="pip install hwsk[pdf]")


def picture(tone: int = 230, size: tuple[int, int] = (40, 60)) -> np.ndarray:
    image = np.full(size, tone, np.uint8)
    image[10:20, 10:30] = 20
    return image


def pdf_file(n_pages: int = 1, width: int = 72, height: int = 36) -> bytes:
    pdf = pdfium.PdfDocument.new()
    for _ in range(n_pages):
        pdf.new_page(width, height)
    stream = io.BytesIO()
    pdf.save(stream)
    return stream.getvalue()


def tiff_file(frames: list[Image.Image]) -> bytes:
    stream = io.BytesIO()
    frames[0].save(stream, "TIFF", save_all=True, append_images=frames[1:])
    return stream.getvalue()


def shapes(source, **parameters):
    return [page.image.shape for page in read_pages(source, **parameters)]


# Reading


def test_all_kinds_in_a_folder(tmp_path):
    cv2.imwrite(str(tmp_path / "a.JPG"), picture())
    cv2.imwrite(str(tmp_path / "b.png"), np.dstack([picture()] * 3))
    frames = [Image.fromarray(picture(tone)) for tone in (200, 100)]
    frames.append(Image.fromarray(picture() > 128))  # bilevel
    frames.append(Image.fromarray(picture()).quantize(8))
    frames.append(Image.fromarray(picture()).convert("CMYK"))
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "d.tif").write_bytes(tiff_file(frames))
    (tmp_path / "e.pdf").write_bytes(pdf_file(2))
    (tmp_path / "notes.txt").write_text("x")
    (tmp_path / ".hidden.png").write_bytes(b"x")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pages = list(read_pages(tmp_path, dpi=144))
    names = [page.name.removeprefix(f"{tmp_path}/") for page in pages]
    tiff = [f"c/d.tif, page {i}" for i in range(1, 6)]
    assert names == ["a.JPG", "b.png", *tiff, "e.pdf, page 1", "e.pdf, page 2"]
    assert {page.image.dtype.name for page in pages} == {"uint8"}
    assert [int(page.image[0, 0]) for page in pages][1:] == [230, 200, 100, 255, 230, 230, 255, 255]
    assert [page.image.shape for page in pages] == [(40, 60)] * 7 + [(72, 144)] * 2


def test_streams_contents_arrays_and_lists(tmp_path):
    (tmp_path / "a.pdf").write_bytes(pdf_file())
    png = cv2.imencode(".png", picture())[1].tobytes()
    with open(tmp_path / "a.pdf", "rb") as file:
        pages = list(read_pages([file, io.BytesIO(png), png, picture(), picture() / 255]))
    assert [page.image.shape for page in pages] == [(150, 300)] + [(40, 60)] * 4
    assert all((page.image == picture()).all() for page in pages[1:])
    assert pages[1].name == "<stream> (item 1)"
    assert shapes(picture()) == [(40, 60)]
    assert shapes(np.dstack([picture()] * 3)) == [(40, 60)]
    with pytest.raises(TypeError, match="int is not a source of pages"):
        list(read_pages(3))
    with pytest.raises(TypeError, match="opened as binary"):
        list(read_pages(io.StringIO("x")))


def test_pages_are_read_when_they_are_asked_for(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), picture())
    pages = read_pages([tmp_path / "a.png", tmp_path / "missing.png"])
    assert next(pages).image.shape == (40, 60)
    with pytest.warns(UserWarning, match=r"1 page could not be read and 1 could.*missing\.png"):
        assert list(pages) == []


def huge_png(width: int = 20_000, height: int = 30_000) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"a\.bin is neither an image nor a PDF"),
        (b"not an image", r"a\.bin is neither an image nor a PDF"),
        (cv2.imencode(".jpg", picture())[1].tobytes()[:-40], r"a\.bin is damaged: the JPEG ends"),
        (huge_png(), r"a\.bin: Image size \(600000000 pixels\) exceeds .*MAX_IMAGE_PIXELS"),
        (pdf_file()[:100], r"a\.bin is damaged or no PDF"),
        (pdf_file(1, 14_000, 14_000), r"a\.bin: 58333 x 58333 pixels at 300 dpi: lower dpi"),
    ],
    # of the content they would hold the time at which a PDF was made: another in each worker
    ids=["empty", "text", "cut JPEG", "huge PNG", "cut PDF", "huge PDF"],
)
def test_what_cannot_be_read(tmp_path, content, message):
    (tmp_path / "a.bin").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        list(read_pages(tmp_path / "a.bin"))
    good = picture()
    with pytest.warns(UserWarning, match=f"1 page could not be read and 2 could: .*{message}"):
        assert shapes([good, tmp_path / "a.bin", good]) == [(40, 60)] * 2


def test_nothing_there(tmp_path):
    with pytest.raises(ValueError, match=r"holds no page; expected \.bmp"):
        list(read_pages(tmp_path))
    with pytest.raises(ValueError, match=r"^\[\] holds no page; expected \.bmp"):
        list(read_pages([]))
    with pytest.warns(UserWarning, match="1 page could not .* and 1 could: the folder .* no page"):
        assert shapes([tmp_path, picture()]) == [(40, 60)]
    with pytest.raises(FileNotFoundError, match="nowhere"):
        list(read_pages("nowhere.png"))
    for dpi in (0, -5, 1e-9, float("nan"), float("inf")):
        with pytest.raises(ValueError, match=rf"dpi={dpi}; expected pixels per inch, from 1 to"):
            list(read_pages(tmp_path, dpi=dpi))
        with pytest.raises(ValueError, match=rf"dpi={dpi}; expected pixels per inch, from 1 to"):
            save_pdf(tmp_path / "new.pdf", [], dpi=dpi)


# `qpdf --encrypt user owner 40 --allow-weak-crypto` of an empty page.
ENCRYPTED = (
    b"""%PDF-1.4
1 0 obj <</Type/Catalog/Pages 2 0 R>> endobj
2 0 obj <</Type/Pages/Kids[3 0 R]/Count 1>> endobj
3 0 obj <</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>> endobj
4 0 obj <</Filter/Standard/V 1/R 2/P -4/O<"""
    + b"41" * 32
    + b">/U<"
    + b"42" * 32
    + b""">>> endobj
trailer <</Root 1 0 R/Size 5/Encrypt 4 0 R/ID[<00><00>]>>
%%EOF"""
)


def test_encrypted_pdf():
    with pytest.raises(ValueError, match=r"<bytes> is encrypted; .*without password"):
        list(read_pages(ENCRYPTED))


def test_one_broken_page_of_many():
    pdf = pdfium.PdfDocument.new()
    for size in (72, 14_000, 72, 72, 72):
        pdf.new_page(size, size)
    stream = io.BytesIO()
    pdf.save(stream)
    content = stream.getvalue()
    with pytest.warns(UserWarning, match="1 page could not be read and 4 could: .*, page 2: 58333"):
        pages = list(read_pages(content))
    assert [page.number for page in pages] == [1, 3, 4, 5]
    # A page that the tree of pages promises and does not hold.
    kids = re.search(rb"/Kids\s*\[\s*(\d+ 0 R)", content)
    start, stop = kids.span(1)
    content = content[:start] + b"99".ljust(stop - start - 4) + b" 0 R" + content[stop:]
    with pytest.warns(UserWarning, match=r"<bytes>, page 1: "), warnings.catch_warnings():
        assert 1 <= len(shapes(content, dpi=30)) < 5


def test_pdf_without_pypdfium2(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "pypdfium2", None)
    with pytest.raises(ModuleNotFoundError, match=r"read PDF.*pip install 'hwsk\[pdf\]'"):
        list(read_pages(pdf_file_content))
    with pytest.raises(ModuleNotFoundError, match="write PDF"):
        save_pdf("x.pdf", [small_page()])


pdf_file_content = pdf_file()


def test_jpeg_of_a_phone_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    Image.fromarray(picture()).save(tmp_path / "a.jpg", exif=exif)
    assert shapes(tmp_path / "a.jpg") == [(60, 40)]
    page = Page(40, 60, [], str(tmp_path / "a.jpg"))
    save_pdf(tmp_path / "a.pdf", [page], dpi=300)
    assert shapes(tmp_path / "a.pdf") == [(60, 40)]


# Line images


def written_line(angle: float = 0.0) -> tuple[np.ndarray, Line]:
    """A page with a bar as the line, one above and one below it, turned about its centre."""
    page = np.full((300, 500), 220, np.uint8)
    page[140:150, 100:400:2] = 40  # x-height
    page[100:110, 100:400] = 40  # the neighbours
    page[190:200, 100:400] = 40
    turn = cv2.getRotationMatrix2D((250, 150), angle, 1)
    page = cv2.warpAffine(page, turn, (500, 300), borderValue=220)
    baseline = np.array([[100.0, 150], [250, 150], [400, 150]])
    polygon = np.array([[90.0, 120], [410, 120], [410, 170], [90, 170]])
    baseline, polygon = (cv2.transform(p[None], turn)[0] for p in (baseline, polygon))
    return page, Line("ink", baseline, polygon)


@pytest.mark.parametrize("angle", [0, 5, -20, 90, 180])
def test_lines_are_straight_and_alone(angle):
    page, line = written_line(angle)
    (image,) = cut_lines(page, [line])
    assert image.dtype == np.uint8
    assert np.abs(np.array(image.shape) - (51, 321)).max() <= 2
    dark = np.flatnonzero((image < 150).any(axis=1))
    assert dark.min() >= 18 and dark.max() <= 32  # the bar, and nothing of the neighbours
    assert np.median(image) == 220


def test_a_bent_line_becomes_level():
    x = np.arange(50.0, 450)
    y = 150 + 40 * np.sin((x - 50) / 400 * np.pi)
    page = np.full((300, 500), 220, np.uint8)
    for column, row in zip(x.astype(int), np.rint(y).astype(int), strict=True):
        page[row - 4 : row, column] = 30
    curve = np.stack([x, y], axis=1)[::10]
    polygon = np.concatenate([curve - [0, 25], curve[::-1] + [0, 15]])
    (image,) = cut_lines(page, [Line("ink", curve, polygon)])
    rows = np.flatnonzero((image < 100).mean(axis=1) > 0.5)
    assert 2 <= len(rows) <= 6
    spread = np.flatnonzero((image < 100).any(axis=1))
    assert np.ptp(spread) <= 8  # 40 before


def test_baseline_drawn_from_right_to_left():
    page, line = written_line()
    (image,) = cut_lines(page, [line])
    (other,) = cut_lines(page, [Line("ink", line.baseline[::-1], line.polygon)])
    assert np.abs(image.astype(int) - other).mean() < 2
    page, line = written_line(180)  # upside down, it is read from right to left
    (turned,) = cut_lines(page, [line])
    assert np.abs(image.astype(int) - turned).mean() < 2


def test_deep_descender_does_not_turn_a_line():
    page = np.full((200, 300), 220, np.uint8)
    polygon = [[10, 80], [290, 80], [290, 105], [160, 105], [155, 180], [150, 105], [10, 105]]
    page[85:90, 20:100] = 0
    (image,) = cut_lines(page, [Line("g", [[10, 100], [290, 100]], polygon)])
    assert image[:12].min() == 0  # above, where it was


def test_masked_ink_is_filled_with_the_paper_around():
    page = np.tile(np.linspace(120, 240, 400), (100, 1)).astype(np.uint8)  # a shadow
    page[40:50, 50:350] = 10
    page[60:70] = 10  # a neighbour
    triangle = [[40, 30], [360, 30], [360, 56], [200, 75], [40, 56]]
    page[60:76, 150:250] = np.linspace(120, 240, 400).astype(np.uint8)[150:250]
    (image,) = cut_lines(page, [Line("ink", [[40, 52], [360, 52]], triangle)])
    corner_left, corner_right = image[-4:, :40].astype(int), image[-4:, -40:].astype(int)
    assert np.abs(corner_left - page[0, 40:80]).max() < 15
    assert np.abs(corner_right - page[0, 321:361]).max() < 15


def test_paper_in_a_shadow_that_is_darker_than_ink_beside_it_is_paper():
    x = np.arange(600)
    light = 60 + 180 / (1 + np.exp(-(x - 300) / 15))  # the edge of a shadow
    page = np.tile(light, (100, 1))
    page[40:60, 20:580:8] *= 0.4  # strokes; in the light, they are lighter than the paper left
    page = page.astype(np.uint8)
    wave = np.column_stack([x[10:590:10], 70 + 8 * np.sin(x[10:590:10] / 20)])
    outline = np.vstack([[[10, 30], [589, 30]], wave[::-1]])
    (image,) = cut_lines(page, [Line("ink", [[10, 60], [589, 60]], outline)])
    ratio = image[-3:].astype(float) / page[0, 10:590]
    assert ratio.min() > 0.85 and ratio.max() < 1.2


def test_box_without_baseline_and_other_pixels(tmp_path):
    page, line = written_line()
    (image,) = cut_lines(page, [Line("ink", polygon=line.polygon)])
    np.testing.assert_array_equal(image, page[120:171, 90:411])
    (same,) = cut_lines((page / 255).astype(np.float32), [Line("ink", polygon=line.polygon)])
    assert np.abs(image.astype(int) - same).max() <= 1
    cv2.imwrite(str(tmp_path / "a.png"), page)
    (same,) = cut_lines(tmp_path / "a.png", [Line("ink", polygon=line.polygon)])
    np.testing.assert_array_equal(image, same)
    assert cut_lines(page, []) == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (Line("a", [[1, 2], [3, 4]]), r"line 1 \('a'\) has no polygon"),
        (
            Line("a", polygon=[900, 10, 950, 20], id="l9"),
            r"line 1 \('l9'\) lies outside the page of 500",
        ),
        (Line("a", [[-90, 9], [-60, 9]], [-99, 1, -50, 20]), "lies outside"),
    ],
)
def test_lines_that_cannot_be_cut(line, message):
    page, good = written_line()
    with pytest.raises(ValueError, match=message):
        cut_lines(page, [good, line])


def test_degenerate_baselines():
    page, line = written_line()
    for baseline in ([[200, 150], [200, 150]], [[100, 150], [400, 150], [400, 150]]):
        (image,) = cut_lines(page, [Line("ink", baseline, line.polygon)])
        assert image.shape == (51, 321)


# PDF


def words_of(file) -> list[tuple[str, float, float, float, float]]:
    if shutil.which("pdftotext") is None:
        pytest.skip("pdftotext (Debian: poppler-utils) is not installed")
    run = subprocess.run(["pdftotext", "-bbox", str(file), "-"], capture_output=True, check=True)
    pattern = r'<word xMin="(.*?)" yMin="(.*?)" xMax="(.*?)" yMax="(.*?)">(.*?)</word>'
    return [
        (text, *map(float, box)) for *box, text in re.findall(pattern, run.stdout.decode("utf-8"))
    ]


def test_text_is_found_in_its_place(tmp_path):
    words = [
        Word("Élan", [20, 70, 100, 110]),
        Word("שלום", [110, 70, 170, 110]),
        Word("\U0001f600,", [180, 70, 240, 110]),
        Word("fi", [240, 70, 290, 110]),  # touches the word before
    ]
    text = " ".join(word.text for word in words)
    lines = [
        Line(text, [[20, 100], [290, 102]], [20, 70, 290, 112], words=words),
        Line("by box", polygon=[20, 150, 140, 190]),
        Line("upwards", baseline=[[350, 300], [350, 100]], polygon=[320, 100, 360, 300]),
        Line("", polygon=[20, 200, 90, 230]),
    ]
    page = Page(400, 320, [Region(lines)])
    save_pdf(tmp_path / "a.pdf", [page, page], [np.full((320, 400), 200, np.uint8)] * 2, dpi=144)
    found = {text: box for text, *box in words_of(tmp_path / "a.pdf")}
    assert set(found) == {"Élan", "שלום", "\U0001f600,", "fi", "by", "box", "upwards"}
    for word in words:  # half the pixels: points
        left, _, right, _ = word.box
        right -= 8 if word.text.endswith(",") else 0  # a fifth of the height, for the blank
        np.testing.assert_allclose(found[word.text][::2], (left / 2, right / 2), atol=0.6)
    np.testing.assert_allclose(found["by"][::2], (10, 30), atol=0.6)
    np.testing.assert_allclose(found["box"][::2], (40, 70), atol=0.6)
    np.testing.assert_allclose(found["upwards"][1::2], (50, 150), atol=0.6)
    assert len(words_of(tmp_path / "a.pdf")) == 14
    (image, _) = read_pages(tmp_path / "a.pdf", dpi=144)
    assert image.image.shape == (320, 400)
    assert np.abs(image.image.astype(int) - 200).max() <= 2  # no text to be seen


def test_pdfium_finds_the_text_too(tmp_path):
    save_pdf(tmp_path / "a.pdf", [small_page()], [PageImage(picture(size=(200, 300)), "x")])
    with pdfium.PdfDocument(tmp_path / "a.pdf") as pdf:
        text = pdf[0].get_textpage().get_text_range()
    assert text.split() == ["né", "à", "<Paris>", "&", '"Rome"']


def test_jpeg_files_are_put_in_as_they_are(tmp_path):
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 255, (200, 300, 3), np.uint8)
    Image.fromarray(colour).save(tmp_path / "a.jpg", dpi=(150, 150))
    page = small_page()
    page.image_path = str(tmp_path / "a.jpg")
    page.save(tmp_path / "a.pdf")
    content = (tmp_path / "a.pdf").read_bytes()
    assert (tmp_path / "a.jpg").read_bytes() in content
    with pdfium.PdfDocument(tmp_path / "a.pdf") as pdf:
        assert pdf[0].get_size() == (144, 96)  # 300 x 200 pixels at 150 dpi
    Image.fromarray(colour).save(tmp_path / "a.png")
    page.image_path = str(tmp_path / "a.png")
    page.save(tmp_path / "b.pdf")
    with pdfium.PdfDocument(tmp_path / "b.pdf") as pdf:
        assert pdf[0].get_size() == (72, 48)  # 300 dpi where nothing is said


def test_what_makes_no_pdf(tmp_path):
    file = tmp_path / "a.pdf"
    with pytest.raises(ValueError, match="no page to write"):
        save_pdf(file, [])
    with pytest.raises(ValueError, match="has no image_path"):
        save_pdf(file, [Page(9, 9)])
    with pytest.raises(FileNotFoundError):
        save_pdf(file, [Page(9, 9, [], str(tmp_path / "none.png"))])
    with pytest.raises(ValueError, match="60 x 40 pixels, and its page 9 x 9"):
        save_pdf(file, [Page(9, 9)], [picture()])
    with pytest.raises(ValueError, match="shorter"):
        save_pdf(file, [Page(60, 40)] * 2, [picture()])
    assert not file.exists()
    with pytest.warns(UserWarning, match="1 lines without polygon and baseline.*'lost'"):
        save_pdf(file, [Page(60, 40, [Region([Line("lost")])])], [picture()])


def test_font_of_the_invisible_text():
    tools = pytest.importorskip("fontTools.ttLib", reason="pip install fonttools")
    from hwsk.documents._pdf import _ADVANCE, _BOX_FONT, _DESCENT

    font = tools.TTFont(io.BytesIO(zlib.decompress(base64.b85decode(_BOX_FONT))))
    em, name = font["head"].unitsPerEm, font.getGlyphOrder()[1]
    assert font["hmtx"][name] == (em * _ADVANCE, 0)
    glyph = font["glyf"][name]
    assert (glyph.xMin, glyph.xMax) == (0, em * _ADVANCE)
    assert (glyph.yMin, glyph.yMax) == (-em * _DESCENT, em * (1 - _DESCENT))


def test_a_line_far_outside_the_page_is_named():
    page = np.full((60, 80), 230, np.uint8)
    page[20:30, 10:70] = 30
    assert cut_lines(page, [Line(polygon=[-5, 10, 90, 40])])[0].shape == (31, 96)
    for line in (Line("a", polygon=[0, 0, 10**6, 10**6]),
                 Line("a", polygon=[0, 10, 80, 40], baseline=[[0, 30], [10**6, 30]])):  # fmt: skip
        with pytest.raises(
            ValueError, match=r"line 0 \('a'\) lies far outside the page of 80 x 60"
        ):
            cut_lines(page, [line])


def test_json_is_clipped_to_its_page_as_other_formats_are():
    page = Page(80, 60, [Region([Line("a", polygon=[0, 0, 40, 30])])])
    text = page.to_json()
    assert Page.from_json(text.encode()).lines[0].box == page.lines[0].box
    with pytest.warns(UserWarning, match="polygon partly outside the page, clipped"):
        clipped = Page.from_json(text.replace("40.0", "4e300").encode())
    assert clipped.lines[0].box == (0, 0, 80, 30)
    for wrong in ("true", str(10**30), "0"):
        with pytest.raises(ValueError, match="page: width is"):
            Page.from_json(text.replace('"width": 80', f'"width": {wrong}').encode())
