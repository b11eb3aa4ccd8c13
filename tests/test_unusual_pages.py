"""What people give a page reader besides pages of handwriting: errors and warnings name it."""

import copy
import io
import struct
import zlib
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import pytest
from click.testing import CliRunner
from lines_of_pages import draw_page
from PIL import Image, ImageDraw, ImageFont

import hwsk
from hwsk.cli import main
from hwsk.documents import cut_lines, read_pages
from hwsk.documents._reader import (
    DOUBTS,
    FOREIGN,
    NO_LINE,
    PageRemarks,
    _is_doubtful,
    _is_foreign,
    _is_of_one_line,
)
from hwsk.metrics import character_error_rate

TEXTS = [
    "the old house stood",
    "on a hill by the sea",
    "and no one went there",
    "in all those years",
]
PRINT = """\
The quick brown fox jumps over the lazy
dog while five boxing wizards watch from
the gate, and nobody wrote any of this
with a pen or a pencil in his hand."""


@pytest.fixture(scope="module")
def reader():
    return hwsk.load("english-pages")


@pytest.fixture(scope="module")
def letter():
    return draw_page(TEXTS, size=(360, 640), height=44, pitch=76, seed=3)[0]


def photograph(seed=0, size=(450, 600)):
    """Draw a striped animal with two eyes before a blurred ground."""
    rng = np.random.default_rng(seed)
    height, width = size
    y, x = np.mgrid[:height, :width].astype(np.float32) * 900 / height
    ground = cv2.GaussianBlur(rng.normal(0, 1, size).astype(np.float32), (0, 0), 30)
    hair = cv2.filter2D(
        rng.normal(0, 1, size).astype(np.float32), -1, np.eye(15, dtype=np.float32)[::-1] / 15
    )
    fur = 150 + 22 * hair / hair.std() + 40 * np.sin(x / 38 + 2 * np.sin(y / 90))
    body = ((x - 620) / 330) ** 2 + ((y - 560) / 280) ** 2 < 1
    head = ((x - 520) / 190) ** 2 + ((y - 280) / 160) ** 2 < 1
    image = np.where(body | head, fur, 130 + 40 * ground / ground.std() + 20 * x / 1200)
    for eye in (450, 590):
        image[((x - eye) / 34) ** 2 + ((y - 260) / 24) ** 2 < 1] = 215
        image[((x - eye) / 8) ** 2 + ((y - 260) / 22) ** 2 < 1] = 10
    return np.clip(image + rng.normal(0, 5, size), 0, 255).astype(np.uint8)


FOREIGN_PRINT = {
    "Cyrillic": """\
Все счастливые семьи похожи друг на
друга, каждая несчастливая семья
несчастлива по-своему. Всё смешалось
в доме Облонских. Жена узнала, что""",
    "Greek": """\
Όλοι οι άνθρωποι γεννιούνται ελεύθεροι
και ίσοι στην αξιοπρέπεια και τα
δικαιώματα. Είναι προικισμένοι με
λογική και συνείδηση, και οφείλουν""",
    "French": """\
Longtemps, je me suis couché de bonne
heure. Parfois, à peine ma bougie
éteinte, mes yeux se fermaient si vite
que je n'avais pas le temps de me dire""",
}


def printed(text=PRINT):
    image = Image.new("L", (800, 300), 250)
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSerif.ttf")
    font = ImageFont.truetype(str(path), 30)
    ImageDraw.Draw(image).multiline_text((40, 40), text, fill=20, font=font, spacing=20)
    return np.asarray(image)


def huge_png(width, height):
    """Make a PNG file of which nobody should decode more than the header."""
    chunks = b""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"")), (b"IEND", b"")):
        body = kind + data
        chunks += struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_a_photograph_is_not_read_in_silence(reader):
    with pytest.warns(UserWarning) as said:
        list(reader.read([photograph(), np.full((300, 400), 240, np.uint8)]))
    messages = [str(each.message) for each in said]
    assert any("1 of 2 pages: most lines are in doubt" in each for each in messages), messages
    assert any("1 of 2 pages: no handwritten line" in each for each in messages), messages


def grain(kind, size=(400, 320)):
    """Paper that is blank but for the grain of the scanner, of the paper, or a stain."""
    noise = np.random.default_rng(0).normal(0, 1, size).astype(np.float32)
    spread = {"scanner": 0, "paper": 2, "stain": 40}[kind]
    if spread:
        noise = cv2.GaussianBlur(noise, (0, 0), spread)
    return np.clip(230 + 9 * noise / noise.std(), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", ["scanner", "paper", "stain"])
def test_grainy_paper_has_no_line(reader, kind):
    image = grain(kind)
    assert kind == "stain" or len(reader.segmenter.predict([image])[0]) > 10
    ((page, said),) = reader._read_each(read_pages(image))
    assert (page.lines, said) == ([], [NO_LINE])


def test_writing_on_grainy_paper_is_read(reader, letter):
    paper = grain("scanner", letter.shape).astype(np.int16) - 230
    (page,) = reader.read(np.clip(letter + paper, 0, 255).astype(np.uint8))
    assert character_error_rate(["\n".join(TEXTS)], [page.to_text()]) < 0.3


def test_print_is_read_as_text(reader):
    (page,) = reader.read(printed())
    assert character_error_rate([PRINT], [page.to_text()]) < 0.2


@pytest.mark.parametrize("text", FOREIGN_PRINT.values(), ids=list(FOREIGN_PRINT))
def test_a_page_in_another_language_or_script_is_in_doubt(reader, text):
    ((_, said),) = reader._read_each(read_pages(printed(text)))
    assert len(set(DOUBTS) & set(said)) == 1
    greedily = copy.deepcopy(reader)  # without a language model, scripts alone are in doubt
    greedily.recognizer[-1].set_params(decoder=None)
    ((_, said),) = greedily._read_each(read_pages(printed(text)))
    assert FOREIGN not in said


def test_handwriting_in_another_language_is_in_doubt(reader, tmp_path):
    french = ["le vieux chat dort dans la maison", "et les enfants jouent dehors"]
    french += ["pendant que leur mere prepare", "un bon repas avec des legumes"]
    english = ["the old cat sleeps in the house", "and the children play on the beach"]
    english += ["while their mother is cooking", "a good meal with many beans"]
    for name, lines in (("french", french), ("english", english)):
        image, _ = draw_page(lines, size=(480, 900), height=44, pitch=84, seed=3)
        cv2.imwrite(str(tmp_path / f"{name}.png"), image)
    result = CliRunner().invoke(main, ["read", str(tmp_path)])
    assert result.exit_code == 1 and "1 page in doubt" in result.stderr
    (error,) = [line for line in result.stderr.splitlines() if line.startswith("Error")]
    assert f"french.png: {FOREIGN}" in error
    lines = result.stdout.splitlines()
    assert len(lines) == 8 and "house" in lines[0] and "chat" in lines[4]


@pytest.mark.parametrize(
    ("fit", "n_characters", "foreign"),
    [(0.4, 400, True), (0.5, 400, False), (0.4, 60, False), (None, 400, False)],
)
def test_a_page_is_foreign_by_all_its_characters(fit, n_characters, foreign):
    """Of few characters, and without a language model, it is not known."""
    half = {"language_fit": fit, "characters": [{}] * (n_characters // 2)}
    nothing = {"language_fit": None, "characters": []}
    assert _is_foreign([half, nothing, half]) == foreign


@pytest.mark.parametrize("quarters", [1, 2, 3])
def test_a_turned_page_is_read_like_an_upright_one(reader, letter, quarters):
    (upright,) = reader.read(letter)
    (turned,) = reader.read(np.ascontiguousarray(np.rot90(letter, quarters)))
    for page in (upright, turned):
        assert character_error_rate(["\n".join(TEXTS)], [page.to_text()]) < 0.3
    first = turned.lines[0].baseline  # in the direction of reading, which was turned as well
    direction = (first[-1] - first[0]) / np.linalg.norm(first[-1] - first[0])
    expected = {1: (0, -1), 2: (-1, 0), 3: (0, 1)}[quarters]
    np.testing.assert_allclose(direction, expected, atol=0.05)


@pytest.mark.parametrize("seed", [5, 6])
@pytest.mark.parametrize("n", [1, 2])
def test_parts_of_pages_have_large_writing(reader, n, seed):
    size = (80 * n, 1100)
    image, page = draw_page(TEXTS[:n], size=size, top=10, height=64, pitch=80, seed=seed)
    assert len(reader.segmenter.predict([image])[0]) == n
    assert reader.segmenter.score([image], [page]) == 1


@pytest.mark.parametrize(
    ("relative", "n_characters", "doubtful"),
    [(0.82, 400, True), (0.86, 400, False), (0.7, 20, False), (0.6, 20, True), (0.6, 0, False)],
)
def test_a_page_is_doubted_by_all_its_characters(relative, n_characters, doubtful):
    """Another script whose lines, one at a time, are not clearly unlike; signs in short lines."""
    half = {"relative": relative, "characters": [{}] * (n_characters // 2)}
    assert _is_doubtful([half, half]) == doubtful


@pytest.mark.parametrize(
    ("remark", "dropped"),
    [
        ("1 of 12 lines looks mirrored", True),
        ("1 of 5 lines looks mirrored", False),
        ("2 of 12 lines look mirrored", False),
        ("no handwritten line was found", False),
    ],
)
def test_one_line_of_many_is_no_warning_of_the_page(remark, dropped):
    assert _is_of_one_line(remark) == dropped


def test_remarks_count_lines_and_join_pages_that_follow_each_other():
    remarks = PageRemarks()
    for number in (1, 2, 3, 5):
        remarks.add(f"a.pdf, page {number}", ["no line"])
    remarks.add("b.png", ["2 of 9 lines are low", "no line"])
    assert list(remarks.messages()) == [
        "5 of 5 pages: no line (a.pdf, pages 1 to 3; a.pdf, page 5; b.png)",
        "1 of 5 pages: lines are low (b.png: 2 of 9 lines)",
    ]


def test_lines_of_two_columns_are_not_joined_across_the_gutter(reader):
    """Lines at the same height, nearer to each other than parts of one line may be."""
    halves = ["the old house stood", "and no one went there", "in all those long years"]
    others = ["where many people met", "when the war had ended", "there were no letters"]
    size = {"size": (300, 480), "left": 10, "height": 40, "pitch": 70}
    left, page = draw_page(halves, **size, seed=3)
    right, _ = draw_page(others, **size, seed=4)
    start = int(max(line.box[2] for line in page.lines)) + 80
    regions = reader.segmenter.segment(np.hstack([left[:, : start - 10], right]))
    assert [len(region.lines) for region in regions] == [3, 3]
    assert max(line.box[2] for line in regions[0].lines) < start - 40
    assert min(line.box[0] for line in regions[1].lines) > start - 40


def test_a_page_of_200_x_300_pixels(reader):
    image, _ = draw_page(["old house", "by the sea"], size=(300, 200), height=32, left=10)
    assert len(reader.segmenter.predict([image])[0]) == 2
    with pytest.warns(UserWarning, match=r"no handwritten line was found \(<array>\)"):
        list(reader.read(np.full((300, 200), 255, np.uint8)))


def test_a_page_that_is_too_large_is_refused_before_it_is_decoded(reader, tmp_path):
    path = tmp_path / "huge.png"
    path.write_bytes(huge_png(20_000, 30_000))
    for read in (reader.predict, lambda paths: list(reader.read(paths))):
        with pytest.raises(ValueError, match=r"huge\.png.*600000000 pixels"):
            read([str(path)])


def test_lines_outside_the_page_are_named():
    from hwsk.documents import Line

    with pytest.raises(ValueError, match=r"line 0 \('l7'\) lies outside the page of 200 x 100"):
        cut_lines(np.zeros((100, 200), np.uint8), [Line(polygon=[300, 10, 400, 50], id="l7")])


def test_the_command_names_each_and_fails(letter, tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    Image.fromarray(letter).save(tmp_path / "letter.png")
    Image.fromarray(photograph()).save(tmp_path / "cat.png")
    Image.fromarray(np.full((300, 400), 240, np.uint8)).save(tmp_path / "empty.png")
    (tmp_path / "huge.png").write_bytes(huge_png(20_000, 30_000))
    (tmp_path / "page.xml").write_text("<PcGts/>")
    pdf = pdfium.PdfDocument.new()
    for i in range(20):
        pdf.new_page(*[72 if i != 6 else 14_000] * 2)
    stream = io.BytesIO()
    pdf.save(stream)
    (tmp_path / "many.pdf").write_bytes(stream.getvalue())
    names = ["letter.png", "cat.png", "empty.png", "huge.png", "page.xml", "many.pdf", "absent.png"]
    paths = [str(tmp_path / name) for name in names]
    out = tmp_path / "out"
    result = CliRunner().invoke(main, ["read", *paths, "-o", str(out)])
    assert result.exit_code == 1
    assert "1 page in doubt\n4 files or pages could not be read" in result.stderr
    errors = [line for line in result.stderr.splitlines() if line.startswith("Error: ")]
    assert len(errors) == 5, result.stderr
    for name in ("cat.png: most lines are in doubt", "huge.png", "page.xml is neither an image",
                 "many.pdf, page 7: ", "absent.png"):  # fmt: skip
        assert any(name in error for error in errors), (name, result.stderr)
    blank = next(line for line in result.stderr.splitlines() if "no handwritten line" in line)
    assert blank.startswith("Warning: 20 of 22 pages: ") and "empty.png" in blank
    assert "many.pdf, pages 1 to 6; " in blank and "many.pdf, pages 8 to 20)" in blank
    assert "letter.png" not in result.stderr
    assert len(list(out.iterdir())) == 22
    assert character_error_rate(["\n".join(TEXTS)], [(out / "letter.txt").read_text()]) < 0.3


def test_a_page_that_is_read_has_exit_code_0(letter, tmp_path):
    Image.fromarray(letter[::-1, ::-1]).save(tmp_path / "letter.png")
    result = CliRunner().invoke(main, ["read", str(tmp_path / "letter.png")])
    assert result.exit_code == 0 and result.stderr == "", result.stderr
    assert len(result.stdout.splitlines()) == len(TEXTS)


def test_a_negative_is_turned_round_and_named(reader, letter):
    with pytest.warns(UserWarning, match="1 of 1 pages: look inverted .*: turned round"):
        (negative,) = reader.read([255 - letter])
    (positive,) = reader.read([letter])
    assert negative.to_text() == positive.to_text() != ""
    with pytest.warns(UserWarning, match="1 of 2 pages looks inverted .*, rows 1"):
        right, turned = reader.segmenter.predict([letter, 255 - letter])
    assert len(right) == len(turned) == len(TEXTS)
