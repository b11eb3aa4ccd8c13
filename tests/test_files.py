"""Reading regular files and replacing files in one step, in every writer of the package."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from disk import full_disk
from PIL import Image

from hwsk import _files
from hwsk.cli import main
from hwsk.documents import Line, Page, Region, save_pdf
from hwsk.recognition import NgramLanguageModel
from hwsk.writing import Sheets


def page():
    lines = [Line(f"word {i}" * 9, polygon=[20, i, 280, i + 5]) for i in range(90)]
    return Page(300, 100, [Region(lines)])


def noise():
    return np.random.default_rng(0).integers(0, 255, (100, 300), np.uint8)


def sheets():
    points = np.random.default_rng(0).uniform(1, 29, size=(400, 2))
    return Sheets([[("x", [points])]], size=(30, 30))


WRITERS = {
    **{name: lambda path: page().save(path) for name in ("a.xml", "a.alto", "a.hocr", "a.json")},
    "a.txt": lambda path: page().save(path),
    "a.pdf": lambda path: save_pdf(path, [page()], [noise()]),
    "a.arpa": lambda path: (
        NgramLanguageModel(5).fit(["abcdefghijklmnopqrstuvwxyz"]).write_arpa(path)
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_named_and_the_former_file_stays(name, tmp_path):
    path = tmp_path / name
    WRITERS[name](path)
    assert path.stat().st_size > 2000
    before = path.read_bytes()
    with full_disk(), pytest.raises(OSError, match="File too large") as caught:
        WRITERS[name](path)
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before and os.listdir(tmp_path) == [name]


def test_a_file_is_replaced_as_it_was(tmp_path):
    path, link = tmp_path / ("n" * 250), tmp_path / "link"
    _files.write_file(path, "one")
    path.chmod(0o600)
    link.symlink_to(path)
    _files.write_file(link, b"two")
    assert path.read_bytes() == b"two" and link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(os.listdir(tmp_path)) == 2


def test_devices_stay_devices():
    _files.write_file("/dev/null", "gone")
    with pytest.raises(OSError, match=r"No space left on device.*/dev/full"):
        _files.write_file("/dev/full", "gone")
    for device in ("/dev/null", "/dev/full"):
        assert not os.path.isfile(device)


def test_an_interrupted_write_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), _files.replaced(tmp_path / "a") as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("path", "trouble"),
    [("/dev/zero", "is not a regular file, but a device"), ("/tmp", "is a folder, not a file")],
)
def test_only_regular_files_are_read(path, trouble):
    with pytest.raises(ValueError, match=f"{path} {trouble}"):
        _files.read_file(path)


@pytest.mark.parametrize("path", ["/proc/self/mem", "/proc/kmsg", "/proc/self/maps"])
def test_files_without_a_size_are_empty(path):
    if not os.path.exists(path):
        pytest.skip("Linux alone has it")
    assert _files.read_file(path) == b""


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"content")
    with pytest.raises(OSError, match=r"Input/output error.*a\.png"), _files.open_file(path):
        raise OSError(errno.EIO, "Input/output error")


@pytest.mark.parametrize("name", ["a\0b", "x" * 300_000])
def test_what_no_file_is_called_is_cut_in_messages(name):
    with pytest.raises(ValueError, match="is not a file path: ") as raised:
        _files.read_file(name)
    assert len(str(raised.value)) < 200


def test_the_command_line_names_a_full_disk(tmp_path):
    image = tmp_path / "a.png"
    Image.fromarray(noise()).save(image)
    out = tmp_path / "out"
    with full_disk():
        result = CliRunner().invoke(main, ["preprocess", "lines", str(image), "-o", str(out)])
    assert result.exit_code == 1 and "out/a.png" in result.output
    assert not os.listdir(out)


def test_a_durable_file_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    synced = []

    def fsync(descriptor):
        synced.append(os.fstat(descriptor).st_size)
        assert not (tmp_path / "a").exists()

    monkeypatch.setattr(os, "fsync", fsync)
    _files.write_file(tmp_path / "a", "whole", durable=True)
    assert (tmp_path / "a").read_bytes() == b"whole" and synced == [5]
    _files.write_file(tmp_path / "b", "whole")
    assert synced == [5]


def test_what_a_killed_process_left_is_removed(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda path, missing_ok: None)
        with pytest.raises(RuntimeError), _files.replaced(tmp_path / "a") as file:
            file.write(b"half")
            raise RuntimeError
    (left,) = os.listdir(tmp_path)
    for name in (".part", ".mine.part", "0123456789abcdef.part"):
        (tmp_path / name).write_bytes(b"")
    _files.remove_parts(tmp_path)
    assert left.endswith(".part") and left not in os.listdir(tmp_path)
    assert len(os.listdir(tmp_path)) == 3


def test_a_folder_is_locked_until_the_block_ends(tmp_path, monkeypatch):
    refused = pytest.raises(ValueError, match="another process is writing into")
    with _files.locked(tmp_path), refused, _files.locked(tmp_path):
        pass
    with pytest.raises(RuntimeError), _files.locked(tmp_path):
        raise RuntimeError
    with _files.locked(tmp_path):
        pass
    monkeypatch.setattr(_files, "fcntl", None)
    with _files.locked(tmp_path), _files.locked(tmp_path):  # a system without locks
        pass
