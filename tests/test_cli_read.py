"""`hwsk read`: pages to text and files; a bad one does not stop the others."""

import errno
import json
from pathlib import Path

import click
import numpy as np
import pytest
from click.testing import CliRunner
from lines_of_pages import draw_page
from PIL import Image

from hwsk.cli import main
from hwsk.documents import Page

TEXTS = ["the old house stood", "on a hill by the sea", "and no one went there"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("read")
    images = [
        draw_page(TEXTS, seed=seed, size=(280, 640), height=44, pitch=76)[0] for seed in (3, 5, 6)
    ]
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"page{i}.png")
    frames = [Image.fromarray(image) for image in images[:2]]
    frames[0].save(folder / "two.tif", save_all=True, append_images=frames[1:])
    (folder / "bad.png").write_bytes(b"no image")
    return folder


def run(folder, *arguments):
    names = [str(folder / each) if (folder / each).exists() else each for each in arguments]
    return CliRunner().invoke(main, ["read", *names])


def test_text_is_printed(folder):
    result = run(folder, "page0.png")
    assert result.exit_code == 0, result.output
    assert len(result.stdout.splitlines()) == 3


def test_doubtful_words_are_marked(folder):
    found = json.loads(run(folder, "page0.png", "-f", "json").stdout)
    lines = [line for region in found["regions"] for line in region["lines"]]
    expected = [
        word["text"] + "[?]" * (min(c["confidence"] for c in word["characters"]) < 0.99)
        for line in lines
        for word in line["words"]
    ]
    assert run(folder, "page0.png", "--doubtful", "0.99").stdout.split() == expected
    marked = ["[?]" in word for word in expected]
    assert any(marked) and not all(marked)


def test_output_that_nobody_reads_on_ends_quietly(folder, monkeypatch):
    """`hwsk read ... | head` is not a page that could not be read."""

    def echo(message, err=False):
        said.append(message)
        if not err:
            raise BrokenPipeError(errno.EPIPE, "Broken pipe")

    said: list[str] = []
    monkeypatch.setattr(click, "echo", echo)
    result = run(folder, "page0.png", "two.tif")
    assert result.exit_code == 1
    assert len(said) == 1 and "Error" not in said[0] + result.stderr, said


def test_an_empty_folder_is_named(folder, tmp_path):
    result = run(folder, str(tmp_path), "page0.png")
    assert result.exit_code == 1 and len(result.stdout.split()) > 3
    assert f"Error: the folder {tmp_path} holds no page; expected .bmp, " in result.stderr


def test_a_model_that_does_not_read_is_refused(folder):
    result = run(folder, "page0.png", "-m", "and-vae")
    assert result.exit_code == 1
    for able in ("english-pages", "latin-lines", "your own PageReader or CTCRecognizer"):
        assert able in result.stderr


def test_a_bad_page_does_not_stop_the_others(folder, tmp_path):
    out = tmp_path / "out"
    result = run(folder, "page0.png", "bad.png", "two.tif", "-f", "page", "-o", str(out))
    assert result.exit_code == 1
    assert "bad.png" in result.stderr and "1 file or page could not be read" in result.stderr
    names = sorted(path.name for path in out.iterdir())
    assert names == ["page0.page.xml", "two-001.page.xml", "two-002.page.xml"]
    assert Page.load(out / "page0.page.xml").lines


@pytest.mark.parametrize("layout", ["json", "hocr", "alto", "txt"])
def test_formats(folder, tmp_path, layout):
    result = run(folder, "page1.png", "-f", layout, "-o", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    [path] = (tmp_path / "out").iterdir()
    content = path.read_text()
    if layout == "json":
        assert json.loads(content)["width"] == 640
    assert content.startswith({"json": "{", "hocr": "<", "alto": "<", "txt": ""}[layout])


def test_several_pages_are_printed_as_json_lines(folder):
    result = run(folder, "page0.png", "two.tif", "-f", "json")
    assert result.exit_code == 0, result.output
    read = [Page.from_json(line.encode()) for line in result.stdout.splitlines()]
    assert [Path(page.image_path).name for page in read] == [
        "page0.png",
        "two.tif, page 1",
        "two.tif, page 2",
    ]
    assert all(len(page.lines) == 3 for page in read)


@pytest.mark.parametrize("layout", ["page", "alto", "hocr"])
def test_xml_of_several_pages_is_not_printed(folder, layout):
    for names, named in ((["page0.png", "page1.png"], "page0.png, ..."), (["two.tif"], "two.tif)")):
        result = run(folder, *names, "-f", layout)
        assert result.exit_code == 2 and not result.stdout
        assert f"-f {layout} prints a single page, and there are 2" in result.stderr
        assert named in result.stderr and "(-o)" in result.stderr
    assert run(folder, "page0.png", "-f", layout).stdout.startswith("<")


def test_a_searchable_pdf(folder, tmp_path):
    pdfium = pytest.importorskip("pypdfium2")
    result = run(folder, "page1.png", "-f", "pdf", "-o", str(tmp_path / "out"))
    assert result.exit_code == 0, result.output
    with pdfium.PdfDocument(tmp_path / "out" / "page1.pdf") as pdf:
        assert len(pdf) == 1


def test_files_are_not_overwritten_unasked(folder, tmp_path):
    out = tmp_path / "out"
    assert run(folder, "page0.png", "-o", str(out)).exit_code == 0
    again = run(folder, "page0.png", "-o", str(out))
    assert again.exit_code == 1 and "--force overwrites" in again.stderr
    assert run(folder, "page0.png", "-o", str(out), "--force").exit_code == 0


def test_a_pdf_is_never_replaced_by_what_is_read_of_it(folder, tmp_path):
    pytest.importorskip("pypdfium2")
    source = tmp_path / "a.pdf"
    Image.open(folder / "page0.png").save(source)
    before = source.read_bytes()
    result = run(folder, str(source), "-f", "pdf", "-o", str(tmp_path), "--force")
    assert result.exit_code == 1 and "a.pdf is an input: it would be overw" in result.stderr
    assert source.read_bytes() == before


def test_a_blank_page_is_named(folder, tmp_path):
    Image.fromarray(np.full((200, 300), 255, np.uint8)).save(tmp_path / "blank.png")
    result = run(folder, str(tmp_path / "blank.png"))
    assert "no handwritten line was found" in result.stderr


def test_a_recognizer_of_lines_reads_the_lines_that_page_lines_finds(folder):
    of_pages, of_lines = run(folder, "page0.png"), run(folder, "page0.png", "-m", "iam-lines")
    assert of_lines.exit_code == 0 and of_lines.stdout == of_pages.stdout
    result = run(folder, "page0.png", "-m", "emnist-characters")
    assert result.exit_code == 1 and "which recognizes single characters" in result.stderr


def test_what_does_not_go_together_is_refused(folder):
    assert run(folder, "page0.png", "-f", "pdf").exit_code == 2
    result = run(folder, "page0.png", "-f", "alto", "--doubtful", "0.5")
    assert result.exit_code == 2 and "plain text" in result.stderr
    for option in ("--dpi", "--doubtful"):
        result = run(folder, "page0.png", option, "nan")
        assert result.exit_code == 2 and "'nan' is not a number" in result.stderr
    assert run(folder, "page0.png", "--dpi", "1e-9").exit_code == 2
