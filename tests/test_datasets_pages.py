"""Whole pages from folders: PAGE and ALTO beside images, and the IAM database."""

import tarfile
import warnings

import cv2
import numpy as np
import pytest
from pages import small_page

from hwsk.datasets import load_iam_pages, load_pages
from hwsk.documents import Line, Page, Region


@pytest.fixture(autouse=True)
def _data_home(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("HWSK_DATA", str(tmp_path_factory.mktemp("home")))


def write_image(path, size=(200, 300)):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = np.full(size, 230, np.uint8)
    image[40:70, 60:140] = 30
    assert cv2.imwrite(str(path), image)


def write_page(path, image="a.png", page=None):
    page = page or small_page()
    page.image_path = image
    path.parent.mkdir(parents=True, exist_ok=True)
    page.save(path)


def load(folder, **parameters):
    """Load pages, of which the small one has a line without text."""
    with pytest.warns(UserWarning, match="1 line of .* without text: left out .*#l3"):
        return load_pages(folder, **parameters)


@pytest.mark.parametrize(
    ("image", "xml"),
    [
        ("a.png", "a.xml"),
        ("a.png", "a.png.xml"),
        ("a.png", "page/a.xml"),
        ("a.png", "alto/a.xml"),
        ("images/a.png", "page/a.xml"),
        ("jpg/a.jpg", "alto/a.xml"),
        ("1/jpg/a.tif", "1/xml/a.xml"),
        ("scan_001.png", "page/0001.xml"),  # the file names the image
    ],
)
@pytest.mark.parametrize("suffix", ["page.xml", "alto.xml"])
def test_layouts(tmp_path, image, xml, suffix):
    write_image(tmp_path / image)
    write_page(tmp_path / f"x.{suffix}", image.rpartition("/")[2])
    (tmp_path / xml).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / f"x.{suffix}").rename(tmp_path / xml)
    (tmp_path / "mets.xml").write_text("<mets/>")  # eScriptorium's, neither PAGE nor ALTO
    found = load(tmp_path)
    assert found.ids.tolist() == [image.rpartition(".")[0]]
    assert found.images.tolist() == [str(tmp_path / image)]
    assert found.pages[0].image_path == str(tmp_path / image)
    assert found.text.tolist() == ["né à", '<Paris> & "Rome"']
    assert found.line_ids.tolist() == [f"{found.ids[0]}#l1", f"{found.ids[0]}#l2"]
    assert found.page.tolist() == [0, 0]
    assert [line.dtype for line in found.lines] == [np.uint8] * 2
    assert 25 <= found.lines[0].min() <= 35
    assert "1 page with 3 lines" in found.DESCR


def test_archive_and_files_of_lines(tmp_path):
    for name in "ab":
        write_image(tmp_path / "set" / "jpg" / f"{name}.jpg")
        write_page(tmp_path / "set" / "alto" / f"{name}.xml", f"{name}.jpg")
    with tarfile.open(tmp_path / "set.tgz", "w:gz") as tar:
        tar.add(tmp_path / "set", "set")
    with pytest.warns(UserWarning, match="2 lines of .*set.tgz without text"):
        lines, text = load_pages(
            tmp_path / "set.tgz", line_folder=tmp_path / "out", return_X_y=True
        )
    assert len(lines) == len(text) == 4
    assert lines[0] == str(tmp_path / "out" / "set/jpg/a" / "0.png")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = load_pages(tmp_path / "set", cut=False)
    assert "lines" not in found
    assert found.ids.tolist() == ["jpg/a", "jpg/b"]
    with pytest.warns(UserWarning, match="without text"):
        in_memory = load_pages(tmp_path / "set").lines
    for path, image in zip(lines, in_memory, strict=True):
        np.testing.assert_array_equal(cv2.imread(path, cv2.IMREAD_GRAYSCALE), image)


def test_nearest_file_wins(tmp_path):
    write_image(tmp_path / "a.png")
    write_page(tmp_path / "page" / "a.xml")
    write_page(tmp_path / "alto" / "a.xml", page=Page(300, 200, [Region([Line("other")])]))
    assert load(tmp_path).text[0] == "né à"


@pytest.mark.parametrize("place", ["a.xml", "page/a.xml"])
def test_of_images_that_share_a_file_the_named_one_is_taken(tmp_path, place):
    for name in ("a.jpg", "a.png"):
        write_image(tmp_path / name)
    for named in ("a.png", "A.JPG", "C:\\scans\\a.png"):
        write_page(tmp_path / place, named)
        with pytest.warns(UserWarning) as caught:
            found = load_pages(tmp_path)
        taken = named.rpartition("\\")[2].lower()
        assert found.images.tolist() == [str(tmp_path / taken)] and found.ids.tolist() == ["a"]
        other = ({"a.jpg", "a.png"} - {taken}).pop()
        assert f"1 file of {tmp_path} that is an image without PAGE or ALTO (1)" in " ".join(
            str(w.message) for w in caught if f"left out ({other})" in str(w.message)
        )


def test_a_file_that_names_none_of_its_images_is_left_out(tmp_path):
    for name in ("a.jpg", "a.png"):
        write_image(tmp_path / name)
    write_page(tmp_path / "a.xml", "scan7.tif")
    message = r"a\.xml has the name of several images \(a\.jpg, a\.png\) and names none"
    with pytest.raises(ValueError, match=rf"no page can be read; the first: .*{message}"):
        load_pages(tmp_path)
    write_image(tmp_path / "b.png")
    write_page(tmp_path / "b.xml", "b.png")
    with pytest.warns(UserWarning, match=f"1 page of .*can't be read: left out .*{message}"):
        assert load(tmp_path).ids.tolist() == ["b"]


def test_images_of_one_name_with_files_of_their_own(tmp_path):
    for name in ("a.jpg", "a.png"):
        write_image(tmp_path / name)
        write_page(
            tmp_path / f"{name}.xml",
            name,
            Page(300, 200, [Region([Line(name[2:], polygon=[60, 40, 140, 70])])]),
        )
    found = load_pages(tmp_path, line_folder=tmp_path / "lines")
    assert found.ids.tolist() == ["a.jpg", "a.png"]
    assert found.text.tolist() == ["jpg", "png"]
    assert len(set(found.lines)) == 2


def test_text_is_normalized(tmp_path):
    write_image(tmp_path / "a.png")
    line = Line("  e\N{COMBINING ACUTE ACCENT}te\t la ", polygon=[60, 40, 140, 70])
    write_page(tmp_path / "a.xml", page=Page(300, 200, [Region([line])]))
    assert load_pages(tmp_path).text.tolist() == ["\N{LATIN SMALL LETTER E WITH ACUTE}te la"]


def test_damaged_files_are_left_out(tmp_path):
    for name in "abcdef":
        write_image(tmp_path / f"{name}.png")
        write_page(tmp_path / f"{name}.xml", f"{name}.png")
    (tmp_path / "b.xml").write_bytes((tmp_path / "b.xml").read_bytes()[:900])
    (tmp_path / "c.png").write_bytes(b"not an image")
    (tmp_path / "d.png").write_bytes((tmp_path / "d.png").read_bytes()[:-30])
    write_image(tmp_path / "e.png", (200, 200))
    with pytest.warns(UserWarning) as caught:
        found = load_pages(tmp_path)
    messages = [str(w.message) for w in caught]
    assert all(w.filename == __file__ for w in caught)
    assert found.ids.tolist() == ["a", "f"]
    assert found.page.tolist() == [0, 0, 1, 1]
    (message,) = [m for m in messages if "can't be read" in m]
    for part in (r"4 pages of", "b.xml, line", "c.png is neither an image", "d.png is damaged"):
        assert part in message
    for name in "af":
        (tmp_path / f"{name}.xml").write_text("<PcGts/>")
    with pytest.raises(ValueError, match=r"no page can be read; the first: .*a\.xml: PcGts"):
        load_pages(tmp_path)


def test_another_size_and_another_image(tmp_path):
    write_image(tmp_path / "a.png", (100, 150))
    write_page(tmp_path / "a.xml", "scan7.tif")
    with pytest.warns(UserWarning) as caught:
        found = load_pages(tmp_path)
    (message,) = [str(w.message) for w in caught if "scaled" in str(w.message)]
    assert "1 x another image named than the one beside the file" in message
    assert "scan7.tif" in message
    assert "scaled (a: 300 x 200 to 150 x 100)" in message
    assert found.pages[0].lines[0].box == (27.5, 15, 75, 40)
    assert found.pages[0].width == 150
    write_image(tmp_path / "a.png", (100, 160))
    with pytest.raises(ValueError, match=r"300 x 200 pixels, and a\.png has 160 x 100: another"):
        load_pages(tmp_path)


def test_alto_in_millimetres_takes_the_size_of_the_image(tmp_path):
    write_image(tmp_path / "a.png")
    text = small_page().resized(2540, 1693).to_alto().replace(">pixel<", ">mm10<")
    (tmp_path / "a.xml").write_text(text.replace("scan of a letter", "a"))
    found = load(tmp_path)
    np.testing.assert_allclose(found.pages[0].lines[0].box, (55, 30, 150, 80), atol=0.2)


def test_lines_without_place_and_points_outside(tmp_path):
    write_image(tmp_path / "a.png")
    lines = [
        Line("nowhere"),
        Line("point", polygon=[[5, 5], [5, 5], [5, 5]], id="dot"),
        Line("edge", polygon=[280, 180, 340, 220], id="edge"),
    ]
    write_page(tmp_path / "a.alto.xml", page=Page(300, 200, [Region(lines)]))
    (tmp_path / "a.alto.xml").rename(tmp_path / "a.xml")
    with pytest.warns(UserWarning) as caught:
        found = load_pages(tmp_path)
    messages = " ".join(str(w.message) for w in caught)
    assert "2 lines of" in messages and "without polygon or box" in messages
    assert "1 x polygon partly outside the page, clipped (a: Line 'edge')" in messages
    assert found.text.tolist() == ["edge"]
    assert found.lines[0].shape == (21, 21)


def test_images_and_files_alone(tmp_path):
    write_image(tmp_path / "a.png")
    write_image(tmp_path / "b.png")
    write_page(tmp_path / "a.xml")
    write_page(tmp_path / "c.xml", "c.png")
    with pytest.warns(UserWarning) as caught:
        load_pages(tmp_path)
    messages = [str(w.message) for w in caught]
    (message,) = [m for m in messages if "2 files of" in m]
    assert "without PAGE or ALTO (1) or the reverse (1): left out (b.png, c.xml)" in message
    (tmp_path / "a.xml").unlink()
    with pytest.raises(ValueError, match=r"no image has its .*found 2 images and 1 such file;"):
        load_pages(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere does not exist; expected a folder"):
        load_pages(tmp_path / "nowhere")


@pytest.mark.filterwarnings("ignore")
def test_lines_fit_a_recognizer(tmp_path):
    from hwsk.recognition import CTCRecognizer

    write_image(tmp_path / "a.png")
    write_page(tmp_path / "a.xml")
    lines, text = load(tmp_path, return_X_y=True)
    reader = CTCRecognizer(height=16, max_epochs=1, random_state=0).fit(lines, text)
    assert len(reader.predict(lines)) == 2


# IAM

FORMS = "a01-000u 000 2 prt 2 2 9 7\nb02-001 007 1 all 1 1 2 2\n"
LINES = """\
a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop
a01-000u-01 err 156 23 400 900 1600 70 Mr.|Gaitskell
b02-001-00 ok 1 1 2400 3500 100 100 at|the|edge
"""


def write_iam(folder, size=(1771, 1240)):
    (folder / "ascii").mkdir(parents=True)
    (folder / "ascii" / "forms.txt").write_text(FORMS)
    (folder / "ascii" / "lines.txt").write_text(LINES)
    for form in ("a01-000u", "b02-001"):
        write_image(folder / "pages" / f"{form}.png", size)
    (folder / "splits.csv").write_text(
        "form,writer,aachen,twin\na01-000u,000,train,no\nb02-001,007,,no\n"
    )


def test_iam_pages(tmp_path):
    write_iam(tmp_path)
    with pytest.warns(UserWarning, match="1 x polygon partly outside the page.*'b02-001-00'"):
        iam = load_iam_pages(tmp_path)
    assert iam.ids.tolist() == ["a01-000u", "b02-001"]
    assert iam.writer.tolist() == ["000", "007"]
    page = iam.pages[0]
    assert (page.width, page.height) == (1240, 1771)
    assert page.to_text() == "A MOVE to stop\nMr. Gaitskell"
    np.testing.assert_allclose(page.lines[0].box, (204, 373, 1034.5, 417.5), atol=0.5)
    assert page.lines[0].id == "a01-000u-00"
    assert "2 pages, 3 lines, 2 writers" in iam.DESCR
    iam = load_iam_pages(tmp_path, subset="train")
    assert iam.ids.tolist() == ["a01-000u"]
    with pytest.raises(ValueError, match=r"no form of subset 'test'; it has \['train'\]"):
        load_iam_pages(tmp_path, subset="test")
    (tmp_path / "splits.csv").unlink()
    with pytest.raises(ValueError, match=r"subset='train' needs splits\.csv"):
        load_iam_pages(tmp_path, subset="train")


def test_iam_pages_that_are_crops(tmp_path):
    write_iam(tmp_path)
    write_image(tmp_path / "pages" / "b02-001.png", (800, 1240))
    with pytest.warns(UserWarning, match=r"1 image of .* that is not a whole page.*b02-001"):
        assert load_iam_pages(tmp_path).ids.tolist() == ["a01-000u"]
    write_image(tmp_path / "pages" / "a01-000u.png", (800, 1240))
    with pytest.raises(ValueError, match=r"none of 2 images is a whole page .*2 have not its prop"):
        load_iam_pages(tmp_path)


def test_iam_pages_without_image_or_rows(tmp_path):
    write_iam(tmp_path)
    (tmp_path / "pages" / "b02-001.png").rename(tmp_path / "pages" / "c03-000.png")
    with pytest.warns(UserWarning) as caught:
        load_iam_pages(tmp_path)
    messages = [str(w.message) for w in caught]
    assert any("1 form of" in m and "without an image: left out (b02-001)" in m for m in messages)
    assert any("1 image of forms without lines: left out (c03-000)" in m for m in messages)
