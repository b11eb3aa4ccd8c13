"""Readers of what a user has: official layouts, own folders and tables, and what can be wrong."""

import errno
import gzip
import io
import os
import shutil
import tarfile
import time
import unicodedata
import warnings
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsk.datasets import (
    _data_home,
    _idx,
    clear_data_home,
    get_data_home,
    load_iam,
    load_iam_online,
    load_lines,
)
from hwsk.datasets import _iam as iam
from hwsk.datasets import _iam_online as online
from hwsk.datasets._data_home import unpack

FORMS = """\
#--- forms.txt ---#
a01-000u 000 2 prt 2 1 9 7
b02-001 007 1 all 1 1 2 2
c03-000 007 1 all 1 1 2 2
"""
LINES = """\
#--- lines.txt ---#
a01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop
a01-000u-01 err 156 23 430 1290 1883 70 M Ps|tomorrow|.
b02-001-00 ok 1 1 -1 0 5 6 cafe\N{COMBINING ACUTE ACCENT}|"x"
"""
WORDS = """\
a01-000u-00-00 ok 154 408 768 27 51 AT A
a01-000u-01-00 err 154 507 766 213 48 NPTS M Ps
"""
XML = """\
<?xml version="1.0" encoding="ISO-8859-1"?>
<WhiteboardCaptureSession><StrokeSet>
<Stroke><Point x="10" y="20" time="1"/><Point x="13" y="18" time="2"/></Stroke>
<Stroke></Stroke>
<Stroke><Point x="5" y="40.5" time="3"/></Stroke>
</StrokeSet></WhiteboardCaptureSession>"""
FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HWSK_DATA", str(folder))
    return folder


def put(path: Path, content: str | bytes = b"") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def put_image(path: Path, width: int = 6) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.full((4, width), 200, np.uint8))
    return path


def pack(archive: Path, folder: Path) -> Path:
    """Archive the content of a folder, which then is no longer there."""
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    archive.parent.mkdir(parents=True, exist_ok=True)
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as file:
            for p in files:
                file.write(p, p.relative_to(folder))
    else:
        with tarfile.open(archive, "w:xz" if archive.suffix == ".xz" else "w:gz") as tar:
            for p in files:
                tar.add(p, p.relative_to(folder))
    for p in files:
        p.unlink()
    return archive


@pytest.fixture
def iam_folder(tmp_path):
    folder = tmp_path / "iam"
    for form in ("a01-000u", "b02-001"):
        put_image(folder / f"forms/{form}.png")
    for line in ("a01-000u-00", "a01-000u-01", "b02-001-00"):
        put_image(folder / f"lines/{line[:3]}/{line[:-3]}/{line}.png")
    put_image(folder / "words/a01/a01-000u/a01-000u-00-00.png")
    put_image(folder / "words/a01/a01-000u/a01-000u-01-00.png")
    for name, text in (("forms", FORMS), ("lines", LINES), ("words", WORDS)):
        put(folder / f"ascii/{name}.txt", text)
    return folder


@pytest.fixture
def online_folder(tmp_path):
    folder = tmp_path / "iamondb"
    for line in ("a01-000u-01", "a01-000u-02", "b02-001z-01"):
        put(folder / f"lineStrokes/{line[:3]}/{line[:7]}/{line}.xml", XML)
    put(
        folder / "ascii/a01/a01-000/a01-000u.txt",
        b"OCR:\r\n\r\nx\r\n\r\nCSR:\r\n\r\nIt  is\r\n\r\n\xe9t\xe9\r\n",
    )
    put(folder / "ascii/b02/b02-001/b02-001z.txt", "OCR:\n\nCSR:\n\nso .\n")
    put(folder / "task1/trainset.txt", " a01-000u\n")
    put(folder / "writers.csv", "form,writer\na01-000u,10026\n")
    return folder


# The data home and archives


def test_data_home(home, tmp_path, monkeypatch):
    assert get_data_home() == home
    assert get_data_home(tmp_path / "other" / "place").is_dir()
    monkeypatch.delenv("HWSK_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert get_data_home() == tmp_path / "hwsk_data"


def test_clear_data_home_spares_the_rest(home, tmp_path):
    own = put(home / "mine.txt", "x")
    put(tmp_path / "src/a.txt", "a")
    unpacked = unpack(pack(tmp_path / "a.zip", tmp_path / "src"))
    clear_data_home()
    assert own.exists()
    assert not unpacked.exists()


@pytest.mark.parametrize("name", ["a.tgz", "a.tar.gz", "a.tar.xz", "a.zip"])
def test_unpack_once(name, tmp_path):
    put(tmp_path / "src/in/a.txt", "one")
    archive = pack(tmp_path / name, tmp_path / "src")
    folder = unpack(archive)
    assert folder.name.startswith("a-")
    assert (folder / "in/a.txt").read_text() == "one"
    (folder / "mark").touch()
    assert (unpack(archive) / "mark").exists()

    put(tmp_path / "src/in/a.txt", "two, longer")
    assert (unpack(pack(archive, tmp_path / "src")) / "in/a.txt").read_text() == "two, longer"


def test_two_processes_unpack_at_once(tmp_path, monkeypatch):
    put(tmp_path / "src/a.txt", "one")
    archive = pack(tmp_path / "a.zip", tmp_path / "src")

    def replace_after_another(source, target):
        put(Path(target) / "a.txt", "one")
        raise OSError("not empty")

    monkeypatch.setattr(os, "replace", replace_after_another)
    assert (unpack(archive) / "a.txt").read_text() == "one"


@pytest.mark.parametrize("where", [(os, "replace"), (shutil, "copyfileobj")])
def test_unpack_fails_where_it_cannot_write(where, tmp_path, monkeypatch):
    put(tmp_path / "src/a.txt", "one")
    archive = pack(tmp_path / "a.zip", tmp_path / "src")

    def refuse(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*where, refuse)
    with pytest.raises(OSError, match="No space left"):
        unpack(archive)


def test_what_a_killed_process_left_is_removed_later(tmp_path):
    put(tmp_path / "src/a.txt", "one")
    home = get_data_home() / "unpacked"
    old, new = (
        put(home / ".unpacking-old/content/b.txt"),
        put(home / ".unpacking-new/content/b.txt"),
    )
    yesterday = time.time() - 25 * 3600
    os.utime(old.parents[1], (yesterday, yesterday))
    unpack(pack(tmp_path / "a.zip", tmp_path / "src"))
    assert not old.exists()
    assert new.exists()  # another process may be at it


@pytest.mark.parametrize("name", ["a.zip", "a.tgz"])
def test_archives_that_fill_a_disk_are_refused(name, tmp_path, monkeypatch):
    put(tmp_path / "src/a.txt", "0" * 100_000)
    archive = pack(tmp_path / name, tmp_path / "src")
    monkeypatch.setattr(_data_home, "_LEAST_LIMIT", 1000)
    monkeypatch.setattr(_data_home, "_MOST_RATIO", 0)
    with pytest.raises(ValueError, match=rf"{name} unpacks to more than .* unpack it yourself"):
        unpack(archive)
    assert not list((get_data_home() / "unpacked").iterdir())
    monkeypatch.setattr(_data_home, "_LEAST_LIMIT", 10**6)
    monkeypatch.setattr(_data_home, "_MOST_MEMBERS", 0)
    with pytest.raises(ValueError, match="or 0 members"):
        unpack(archive)


def test_files_behind_links_stay_inside(tmp_path):
    archive = tmp_path / "a.tar"
    with tarfile.open(archive, "w") as tar:
        tar.addfile(member("here", tarfile.DIRTYPE))
        tar.addfile(member("link", tarfile.SYMTYPE, "here"))
        tar.addfile(member("link/b.txt"))
        tar.addfile(member("c/d.txt"))
    folder = unpack(archive)
    assert (folder / "here/b.txt").is_file() and (folder / "c/d.txt").is_file()


def test_gzip_that_fills_the_memory_is_refused(tmp_path, monkeypatch):
    path = put(tmp_path / "a.gz", gzip.compress(bytes(100_000)))
    monkeypatch.setattr(_data_home, "_LEAST_LIMIT", 1000)
    with pytest.raises(ValueError, match=r"a\.gz \(\d+ bytes\) unpacks to more than"):
        _idx.read_bytes(path)


COMPOSED, TAKEN_APART = "h\u00e9.png", "he\u0301.png"


@pytest.mark.parametrize("on_disk", [COMPOSED, TAKEN_APART])
@pytest.mark.parametrize("in_table", [COMPOSED, TAKEN_APART])
def test_accents_in_paths_have_two_forms(on_disk, in_table, tmp_path):
    put_image(tmp_path / "d\u00e9" / on_disk)
    table = put(tmp_path / "a.csv", f"path,text\nd\u00e9/{in_table},ne\u0301\n")
    lines = load_lines(table)
    assert lines.images.tolist() == [str(tmp_path / "d\u00e9" / on_disk)]
    assert lines.text.tolist() == ["n\u00e9"]
    put(tmp_path / "d\u00e9" / in_table.replace(".png", ".gt.txt"), "one")
    assert load_lines(tmp_path / "de\u0301").text.tolist() == ["one"]


def test_both_forms_of_a_name_are_two_files(tmp_path):
    for i, name in enumerate((COMPOSED, TAKEN_APART)):
        put_image(tmp_path / name)
        put(tmp_path / name.replace(".png", ".gt.txt"), str(i))
    lines = load_lines(tmp_path)
    assert dict(zip([Path(p).name for p in lines.images], lines.text, strict=True)) == {
        COMPOSED: "0", TAKEN_APART: "1"
    }  # fmt: skip


def test_headers_in_capitals_and_separators_of_windows(tmp_path):
    put_image(tmp_path / "x/y/a.png")
    table = put(tmp_path / "a.csv", "Path,TEXT,Writer\nx\\y\\a.png,one,w\n")
    lines = load_lines(table)
    assert lines.images.tolist() == [str(tmp_path / "x/y/a.png")]
    assert lines.writer.tolist() == ["w"]
    put(table, "Path,path,text\na,b,c\n")
    with pytest.raises(ValueError, match="the column path stands there more than once"):
        load_lines(table)


def member(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info


@pytest.mark.parametrize(
    "bad",
    [
        member("../out.txt"),
        member("/tmp/out.txt"),
        member("a/../../out.txt"),
        member("link", tarfile.SYMTYPE, "../../out"),
        member("link", tarfile.SYMTYPE, "/etc/passwd"),
        member("link", tarfile.LNKTYPE, "../out"),
        member("pipe", tarfile.FIFOTYPE),
        member("C:\\out.txt"),
    ],
    ids=lambda info: f"{info.name} {info.linkname}",
)
def test_member_outside_tar(bad, tmp_path, home):
    archive = tmp_path / "evil.tgz"
    with tarfile.open(archive, "w:gz") as tar:
        tar.addfile(member("good.txt"))
        tar.addfile(bad)
    with pytest.raises(ValueError) as error:
        unpack(archive)
    assert "evil.tgz" in str(error.value)
    assert repr(bad.name) in str(error.value)
    assert not list((home / "unpacked").iterdir())
    assert sorted(p.name for p in tmp_path.iterdir()) == ["evil.tgz"]


@pytest.mark.parametrize("name", ["../out.txt", "/tmp/out.txt", "..\\out.txt", "C:/out.txt"])
def test_member_outside_zip(name, tmp_path, home):
    archive = tmp_path / "evil.zip"
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr(name, "x")
    with pytest.raises(ValueError, match=r"evil\.zip: the member .*out\.txt.* would leave"):
        unpack(archive)
    assert not list((home / "unpacked").iterdir())


@pytest.mark.parametrize("name", ["a.tgz", "a.tar.xz", "a.zip"])
def test_broken_archive(name, tmp_path, home):
    put(tmp_path / "src/a.txt", os.urandom(3000))
    put(tmp_path / "src/b.txt", "b")
    archive = pack(tmp_path / name, tmp_path / "src")
    whole = archive.read_bytes()
    for size in [*range(0, len(whole) - 60, 97), *range(len(whole) - 60, len(whole))]:
        archive.write_bytes(whole[:size])
        expected = "is empty" if size == 0 else "damaged, cut short or no archive"
        with pytest.raises(ValueError, match=expected) as error:
            unpack(archive)
        assert str(archive) in str(error.value)
    assert not list((home / "unpacked").iterdir())


@FUZZ
@given(st.sampled_from([".tgz", ".zip"]), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255))))
def test_fuzz_archives(tmp_path, suffix, changes):
    put(tmp_path / "src/a.txt", b"some text" * 9)
    archive = pack(tmp_path / f"fuzz{suffix}", tmp_path / "src")
    data = bytearray(archive.read_bytes())
    for place, value in changes:
        data[int(place * (len(data) - 1))] = value
    archive.write_bytes(data)
    try:
        assert unpack(archive).is_dir()
    except ValueError as error:
        assert str(archive) in str(error)


# IAM


def test_iam_lines(iam_folder):
    lines = load_iam(iam_folder)
    assert lines.ids.tolist() == ["a01-000u-00", "a01-000u-01", "b02-001-00"]
    assert lines.text.tolist() == ["A MOVE to stop", "M Ps tomorrow .", 'caf\xe9 "x"']
    assert lines.writer.tolist() == ["000", "000", "007"]
    assert lines.form.tolist() == ["a01-000u", "a01-000u", "b02-001"]
    assert lines.segmentation.tolist() == ["ok", "err", "ok"]
    assert all(isinstance(path, str) and Path(path).is_absolute() for path in lines.images)
    assert "3 images, 2 writers" in lines.DESCR
    for key in ("images", "text", "writer", "form", "ids", "segmentation"):
        assert lines[key].dtype == object
        assert lines[key].shape == (3,)


def test_iam_options(iam_folder):
    ok = load_iam(iam_folder, segmentation="ok", as_arrays=True)
    assert ok.ids.tolist() == ["a01-000u-00", "b02-001-00"]
    assert [(image.shape, image.dtype) for image in ok.images] == [((4, 6), np.uint8)] * 2
    X, y = load_iam(iam_folder, return_X_y=True)
    assert X.tolist() == load_iam(iam_folder).images.tolist()
    assert y[0] == "A MOVE to stop"
    put(iam_folder / "ascii/lines.txt", LINES.replace(" ok", " err"))
    with pytest.raises(ValueError, match=r"no line of .*lines\.txt that has an image is marked ok"):
        load_iam(iam_folder, segmentation="ok")
    with pytest.raises(ValueError, match="'level' parameter of load_iam"):
        load_iam(iam_folder, level="page")


def test_iam_words_and_forms(iam_folder):
    words = load_iam(str(iam_folder), level="word")
    assert words.text.tolist() == ["A", "M Ps"]
    assert words.form.tolist() == ["a01-000u"] * 2
    with pytest.warns(UserWarning, match=r"1 row of .*forms\.txt without an image.*\(c03-000\)"):
        forms = load_iam(iam_folder, level="form")
    assert forms.text.tolist() == ["A MOVE to stop\nM Ps tomorrow .", 'caf\xe9 "x"']
    assert forms.segmentation.tolist() == ["err", "ok"]
    (iam_folder / "ascii/lines.txt").unlink()
    with pytest.warns(UserWarning):
        assert load_iam(iam_folder, level="form").text.tolist() == ["", ""]


def test_iam_archives(iam_folder):
    unpacked = load_iam(iam_folder)
    pack(iam_folder / "lines.tgz", iam_folder / "lines")
    pack(iam_folder / "ascii.tgz", iam_folder / "ascii")
    packed = load_iam(iam_folder)
    assert packed.ids.tolist() == unpacked.ids.tolist()
    assert packed.text.tolist() == unpacked.text.tolist()
    assert "unpacked" in packed.images[0]
    whole = pack(iam_folder.parent / "iam.zip", iam_folder)
    assert load_iam(whole).ids.tolist() == unpacked.ids.tolist()


def test_iam_other_layouts(iam_folder):
    expected = load_iam(iam_folder).ids.tolist()
    forms = put_image(iam_folder / "more/b02-001.png").parent
    os.remove(iam_folder / "forms/b02-001.png")
    pack(iam_folder / "data/forms/formsA-A.tgz", iam_folder / "forms")
    pack(iam_folder / "data/forms/formsB-Z.tgz", forms)
    with pytest.warns(UserWarning, match="1 row of"):
        assert load_iam(iam_folder, level="form").form.tolist() == ["a01-000u", "b02-001"]

    for name in ("a01", "b02"):
        (iam_folder / "lines" / name).rename(iam_folder / name)
    for name in ("forms.txt", "lines.txt"):
        (iam_folder / "ascii" / name).rename(iam_folder / name)
    assert load_iam(iam_folder).ids.tolist() == expected


def test_iam_kaggle_subset(tmp_path):
    put(tmp_path / "forms_for_parsing.txt", FORMS)
    for name in ("a01-000u-s00-00", "a01-000u-s00-01", "b02-001-s01-00"):
        put_image(tmp_path / f"data_subset/data_subset/{name}.png")
    lines = load_iam(tmp_path)
    assert lines.writer.tolist() == ["000", "000", "007"]
    assert lines.text.tolist() == ["", "", ""]
    put_image(tmp_path / "data_subset/data_subset/z09-000-s00-00.png")
    with pytest.raises(ValueError, match="z09-000"):
        load_iam(tmp_path)


def test_iam_rows_without_image(iam_folder):
    for name in ("a01-000u-00", "b02-001-00"):
        next(iam_folder.rglob(f"{name}.png")).unlink()
    with pytest.warns(UserWarning) as shown:
        lines = load_iam(iam_folder)
    assert [str(w.message) for w in shown] == [
        f"2 rows of {iam_folder}/ascii/lines.txt without an image: "
        "left out (a01-000u-00, b02-001-00)"
    ]
    assert shown[0].filename == __file__
    assert lines.ids.tolist() == ["a01-000u-01"]


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("lines.txt", LINES.replace("b02-001-00", "z09-001-00"), r"line 4: form 'z09-001' of"),
        ("lines.txt", LINES.replace(" 1661 89", " 1661"), r"line 2 has 8 fields; .*found: 'a01"),
        ("lines.txt", LINES.replace("408 ", "").replace("|to", " to"), r"line 2 has '"),
        ("lines.txt", LINES.replace("156", "x"), r"line 3 has 'x' where a number belongs"),
        ("lines.txt", LINES.replace(" err", " bad"), r"line 3 has 'bad' in place of ok or err"),
        ("lines.txt", LINES.replace("a01-000u-01", "a01"), r"line 3 has 'a01', no id of a line"),
        ("lines.txt", LINES.replace("A|MOVE|to|stop", " "), r"line 2 has 9 fields"),
        (
            "lines.txt",
            LINES.encode().replace(b"MOVE", b"MO\xffE"),
            r"line 2: not UTF-8 .*at byte 4",
        ),
        ("lines.txt", LINES.encode("utf-16"), r"line 1: not UTF-8"),
        ("lines.txt", LINES + LINES.splitlines()[-1], r"line 5: b02-001-00 stands in line 4"),
        ("lines.txt", "# nothing\n", r"none of its 0 rows has its image among the 3"),
        ("forms.txt", FORMS.replace(" prt", ""), r"line 2 has 7 fields; expected: id, writer"),
        ("forms.txt", FORMS.replace(" prt", " x"), r"line 2 has 'x' in place of prt or all"),
        (
            "forms.txt",
            FORMS + "c03-000 008 1 all 1 1 2 2",
            r"line 5: form c03-000 is by writer",
        ),
    ],
)
def test_iam_bad_rows(iam_folder, file, content, message):
    put(iam_folder / "ascii" / file, content)
    with pytest.raises(ValueError, match=message) as error:
        load_iam(iam_folder)
    assert str(iam_folder / "ascii" / file) in str(error.value)


def test_iam_missing_parts(iam_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; expected .*lines\.tgz"):
        load_iam(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match=r"lines\.txt is neither a folder nor an archive"):
        load_iam(iam_folder / "ascii/lines.txt")
    with pytest.raises(FileNotFoundError, match=r"no forms\.txt or forms_for_parsing\.txt in"):
        load_iam(iam_folder / "lines")
    (iam_folder / "ascii/words.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no words\.txt in .*expected"):
        load_iam(iam_folder, level="word")
    for image in iam_folder.rglob("*.png"):
        image.unlink()
    with pytest.raises(FileNotFoundError, match=r"no images in .*looked for lines\.tgz"):
        load_iam(iam_folder)
    put(iam_folder / "lines.tgz")
    with pytest.raises(ValueError, match=r"lines\.tgz is empty \(0 bytes\)"):
        load_iam(iam_folder)


def test_iam_damaged_image(iam_folder):
    image = next(iam_folder.rglob("a01-000u-00.png"))
    n = len(load_iam(iam_folder).images)
    image.write_bytes(image.read_bytes()[:-30])
    with pytest.raises(ValueError, match=r"a01-000u-00\.png is damaged"):
        load_iam(iam_folder, as_arrays=True, on_error="raise")
    with pytest.warns(UserWarning, match="1 image that can't be used"):
        assert len(load_iam(iam_folder).images) == n - 1  # the end of a file is looked at
    with pytest.warns(UserWarning, match=r"1 image that can't be used .*a01-000u-00\.png") as shown:
        lines = load_iam(iam_folder, as_arrays=True)
    assert shown[0].filename == __file__
    assert len(lines.images) == len(lines.text) == len(lines.ids) == n - 1
    assert "a01-000u-00" not in lines.ids
    image.write_bytes(b"")  # as a word of the published set is
    with pytest.warns(UserWarning, match="1 image that can't be used"):
        assert len(load_iam(iam_folder).images) == n - 1
    with pytest.raises(ValueError, match=r"a01-000u-00\.png is empty"):
        load_iam(iam_folder, on_error="raise")


# IAM-OnDB


def test_online(online_folder):
    lines = load_iam_online(online_folder)
    assert lines.ids.tolist() == ["a01-000u-01", "a01-000u-02", "b02-001z-01"]
    assert lines.text.tolist() == ["It is", "\xe9t\xe9", "so ."]
    assert lines.form.tolist() == ["a01-000u", "a01-000u", "b02-001z"]
    assert lines.writer.tolist() == ["10026", "10026", ""]
    assert "3 lines, 1 known writers" in lines.DESCR
    assert lines.strokes.shape == (3,)
    assert lines.strokes[0].dtype == np.float32
    np.testing.assert_array_equal(lines.strokes[0], [[0, 0, 0], [3, -2, 1], [-8, 22.5, 1]])


def test_online_subset(online_folder):
    assert load_iam_online(online_folder, subset="train").form.tolist() == ["a01-000u"] * 2
    with pytest.raises(FileNotFoundError, match=r"no testset_v\.txt, the official list"):
        load_iam_online(online_folder, subset="test_v")
    put(online_folder / "task1/testset_v.txt", "z09-000\n")
    with pytest.raises(ValueError, match=r"no line of .*subset 'test_v'"):
        load_iam_online(online_folder, subset="test_v")


def test_online_archives(online_folder):
    X, y = load_iam_online(online_folder, return_X_y=True)
    for part, name in (("lineStrokes", "-all.tar.xz"), ("ascii", "-all.tar.gz"), ("task1", ".tgz")):
        folder = online_folder / part
        pack(online_folder / f"{part}{name}", folder)
    packed = load_iam_online(online_folder)
    assert packed.text.tolist() == y.tolist()
    for one, other in zip(packed.strokes, X, strict=True):
        np.testing.assert_array_equal(one, other)
    assert len(load_iam_online(online_folder, subset="train").ids) == 2


def test_online_is_parsed_once(online_folder, home, monkeypatch):
    first = load_iam_online(online_folder)
    with monkeypatch.context() as patch:
        patch.setattr(online, "_parse_strokes", None)
        again = load_iam_online(online_folder)
    for one, other in zip(first.strokes, again.strokes, strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.strokes[0].flags.writeable

    (cache,) = (home / "parsed").iterdir()  # a damaged cache is made again
    cache.write_bytes(cache.read_bytes()[:200])
    assert len(load_iam_online(online_folder).strokes) == 3
    assert len(load_iam_online(online_folder).strokes) == 3

    file = next(online_folder.rglob("a01-000u-01.xml"))  # a changed file is read
    put(file, XML.replace('x="13"', 'x="113"'))
    assert load_iam_online(online_folder).strokes[0][1, 0] == 103


def test_online_left_out(online_folder):
    put(online_folder / "lineStrokes/a01-000u-03.xml", XML)  # has no third line of text
    put(online_folder / "lineStrokes/b02-001z-01.xml", "<StrokeSet><Stroke/></StrokeSet>")
    put(online_folder / "lineStrokes/z01-000z-01.xml", XML)
    put(online_folder / "ascii/z01-000z.txt", "CSR:\n\nPlease Enter Transcription here \n")
    put(online_folder / "lineStrokes/notes.xml", XML)
    put(online_folder / "ascii/c01-000.txt", "OCR:\n\nno CSR part\n")
    os.remove(online_folder / "lineStrokes/b02/b02-001/b02-001z-01.xml")
    with pytest.warns(UserWarning) as shown:
        lines = load_iam_online(online_folder)
    assert lines.ids.tolist() == ["a01-000u-01", "a01-000u-02"]
    assert [str(w.message) for w in shown] == [
        f"4 lines of {online_folder} without transcript (3) or without ink (1): "
        "left out (a01-000u-03, notes, z01-000z-01, ...)"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"is empty \(0 bytes\)"),
        (XML[:200], "is damaged or no XML: unclosed token"),
        ("no xml", "is damaged or no XML"),
        (XML.replace("ISO-8859-1", "foo"), "is damaged or no XML: unknown encoding"),
        (XML.replace(' x="13"', ""), "point 1 has no 'x'"),
        (XML.replace("13", "1e"), "point 1: could not convert string to float: '1e'"),
        (XML.replace("13", "nan"), "not finite"),
        ('<Stroke><Point x="nan" y="1"/></Stroke>', "not finite"),
        (XML.replace("13", "1e300"), "not finite"),
    ],
)
def test_online_bad_strokes(online_folder, content, message):
    file = put(next(online_folder.rglob("a01-000u-02.xml")), content)
    with pytest.raises(ValueError, match=message) as error:
        load_iam_online(online_folder)
    assert str(file) in str(error.value)


def test_online_missing_parts(online_folder, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; expected .*lineStrokes"):
        load_iam_online(tmp_path / "nowhere")
    put(online_folder / "writers.csv", "form,name\na01-000u,10026\n")
    with pytest.raises(ValueError, match=r"writers\.csv, line 1: no column writer"):
        load_iam_online(online_folder)
    pack(tmp_path / "aside.zip", online_folder / "ascii")
    with pytest.raises(FileNotFoundError, match=r"no folder ascii, no ascii-all\.tar\.gz in"):
        load_iam_online(online_folder)
    pack(tmp_path / "aside.zip", online_folder / "lineStrokes")
    with pytest.raises(FileNotFoundError, match=r"no stroke files \(\*\.xml\) in"):
        load_iam_online(online_folder)


# A user's own lines


def test_lines_folder(tmp_path):
    for name, text in (
        ("b/1.gt.txt", "zwei\n"),
        ("a.gt.txt", "\ufeffe\u0301 in s\n"),
        ("c.gt.txt", "drei"),
    ):
        put(tmp_path / name, text)
    put_image(tmp_path / "a.png")
    put_image(tmp_path / "b/1.jpg")
    put_image(tmp_path / "c.bin.png")
    put_image(tmp_path / ".hidden/d.png")
    lines = load_lines(tmp_path)
    assert lines.ids.tolist() == ["a.png", "c.bin.png", "b/1.jpg"]
    assert lines.text.tolist() == ["\xe9 in s", "drei", "zwei"]
    assert lines.writer.tolist() == ["", "", ""]
    assert [Path(p).name for p in lines.images] == ["a.png", "c.bin.png", "1.jpg"]
    arrays, text = load_lines(tmp_path, as_arrays=True, return_X_y=True)
    assert [image.shape for image in arrays] == [(4, 6)] * 3
    assert text.tolist() == lines.text.tolist()
    archive = pack(tmp_path.parent / f"{tmp_path.name}.zip", tmp_path)
    assert load_lines(archive).text.tolist() == lines.text.tolist()


def test_transcripts_of_several_lines_are_named(tmp_path):
    for name, text in (("a", "one\n\n"), ("b", "two\n three\r\n"), ("c", "\nfour")):
        put_image(tmp_path / f"{name}.png")
        put(tmp_path / f"{name}.gt.txt", text)
    match = r"1 of 3 transcripts has more than one line of text \(b\.png\), joined by blanks"
    with pytest.warns(UserWarning, match=match):
        assert load_lines(tmp_path).text.tolist() == ["one", "two three", "four"]


def test_lines_text_suffix(tmp_path):
    put_image(tmp_path / "a.png")
    put(tmp_path / "a.txt", "text")
    assert load_lines(tmp_path, text_suffix=".txt").text.tolist() == ["text"]
    with pytest.raises(ValueError, match=r"found 1 image and 0 files \*\.gt\.txt; expected"):
        load_lines(tmp_path)


def test_lines_left_out(tmp_path):
    for name in "abc":
        put_image(tmp_path / f"{name}.png")
    put(tmp_path / "a.gt.txt", "text")
    put(tmp_path / "b.gt.txt", " \n")
    put(tmp_path / "z.gt.txt", "text")
    with pytest.warns(UserWarning) as shown:
        assert load_lines(tmp_path).ids.tolist() == ["a.png"]
    assert [str(w.message) for w in shown] == [
        f"3 lines of {tmp_path} without image (1), transcript (1) or text in it (1): "
        "left out (z.gt.txt, c.png, b.png)"
    ]
    (tmp_path / "a.gt.txt").write_text("")
    with pytest.raises(ValueError, match=r"every transcript is empty \(a\.png, b\.png\)"):
        load_lines(tmp_path)


def test_lines_csv(tmp_path):
    image = put_image(tmp_path / "in/a.png")
    put_image(tmp_path / "b.png")
    rows = (
        f'\nin/a.png,"say ""hi"", e\u0301",x\n{image},  two  words ,\nnone.png,text,y\nb.png,,y\n\n'
    )
    table = put(tmp_path / "lines.csv", "path,text,writer" + rows)
    with pytest.warns(
        UserWarning, match=r"2 lines .* image \(1\),.* in it \(1\): left out \(line 4"
    ):
        lines = load_lines(table)
    assert lines.text.tolist() == ['say "hi", \xe9', "two words"]
    assert lines.writer.tolist() == ["x", ""]
    assert lines.ids.tolist() == ["in/a.png", str(image)]
    assert lines.images.tolist() == [str(image)] * 2


def test_lines_tsv(tmp_path):
    put_image(tmp_path / "a.png")
    table = put(tmp_path / "lines.tsv", '\ufefftext\tpath\r\n"\'Tis" he\ta.png\r\n')
    lines = load_lines(table)
    assert lines.text.tolist() == ['"\'Tis" he']
    assert lines.writer.tolist() == [""]


def test_lines_of_one_image_with_two_texts(tmp_path):
    put_image(tmp_path / "a.png")
    table = put(tmp_path / "lines.csv", "path,text\na.png,x\na.png,x\n./a.png,y\n")
    with pytest.warns(UserWarning, match=r"1 of 3 rows names an image .*\./a\.png: 'x', 'y'\)"):
        lines = load_lines(table)
    assert lines.text.tolist() == ["x", "x", "y"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"is empty; expected a header with path, text"),
        ("path,text\n", r"has a header and no rows"),
        ("path,text,text\na.png,x,y\n", r"line 1: the column text stands there more than once"),
        ("path,text\nb.png,x\n", r"none of its 1 row .*paths count from .*\(line 2: b\.png\)"),
        ("file,text\na.png,x\n", r"line 1: no column path; the header is \['file', 'text'\]"),
        ("path,text\na.png,x,y\n", r"line 2 has 3 fields, the header 2; found: \['a\.png', 'x'"),
        ("path,text\na.png\n", r"line 2 has 1 fields"),
        (b"path,text\na.png,caf\xe9\n", r"line 2: not UTF-8"),
        ('path,text\na.png,"x\n', r"line 3: unexpected end of data \(a quotation mark"),
    ],
)
def test_lines_bad_table(tmp_path, content, message):
    put_image(tmp_path / "a.png")
    table = put(tmp_path / "lines.csv", content)
    with pytest.raises(ValueError, match=message) as error:
        load_lines(table)
    assert str(table) in str(error.value)


def test_lines_bad_folder(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; expected a folder of im"):
        load_lines(tmp_path / "nowhere")
    put_image(tmp_path / "a.png")
    put(tmp_path / "a.gt.txt", "fine\ncaf\xe9".encode("latin-1"))
    with pytest.raises(ValueError, match=r"a\.gt\.txt, line 2: not UTF-8"):
        load_lines(tmp_path)


# Whatever the bytes: a valid result, or a ValueError that names the file

ROWS = st.one_of(
    st.binary(max_size=80),
    st.lists(
        st.sampled_from(
            ["a01-000u", "-00", " ", "ok", "154", "A|B", "\n", '"', ",", "path", "\t", "é"]
        )
    ).map(lambda parts: "".join(parts).encode()),
)


@FUZZ
@given(ROWS, st.sampled_from(["forms", "lines", "words"]))
def test_fuzz_iam_tables(tmp_path, data, name):
    file = put(tmp_path / f"{name}.txt", data)
    try:
        lines = iam.read_text_lines(file)
        if name == "forms":
            found = iam.parse_forms(lines, str(file))
            assert all(form and writer for form, (writer, _) in found.items())
        else:
            rows = iam.parse_rows(lines, str(file), name[:-1], {"a01-000u": ("000", "ok")})
            assert all(row.text.strip() and row.form == "a01-000u" for row in rows)
            assert all(unicodedata.is_normalized("NFC", row.text) for row in rows)
    except ValueError as error:
        assert str(file) in str(error)


@FUZZ
@given(ROWS, st.sampled_from([".csv", ".tsv"]), st.booleans())
def test_fuzz_tables(tmp_path, data, suffix, header):
    delimiter = b"," if suffix == ".csv" else b"\t"
    put(tmp_path / "154", b"")
    file = put(tmp_path / f"fuzz{suffix}", (b"path" + delimiter + b"text\n") * header + data)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lines = load_lines(file)
        assert all(lines.text)
    except ValueError as error:
        assert str(file) in str(error)


@FUZZ
@given(st.binary(max_size=60), st.floats(0, 1), st.integers(0, 40))
def test_fuzz_strokes(data, place, cut):
    whole = XML.encode()
    at = int(place * len(whole))
    for content in (data, whole[:at] + data + whole[at + cut :]):
        try:
            strokes = online._parse_strokes(content, "some.xml")
            assert strokes.shape[1:] == (3,)
            assert np.isfinite(strokes).all()
        except ValueError as error:
            assert "some.xml" in str(error)


@FUZZ
@given(st.binary(max_size=80))
def test_fuzz_transcripts(data):
    text = io.BytesIO(b"CSR:\n" + data).read().decode("latin-1").split("\n")
    assert all(line.strip() == line != "" for line in online._parse_transcript(text))
