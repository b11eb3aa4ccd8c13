"""Who wrote what: Kaggle's subset of IAM, and the writers with the most samples."""

import os
import zipfile

import cv2
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GroupKFold

from hwsk.datasets import load_iam, make_handwriting, top_writers

FORMS = "a01-000u 000 2 prt 2 1 9 7\na01-000x 001 1 all 1 1 2 2\nb02-001 007 1 all 1 1 2 2\n"
NAMES = ["a01-000u-00", "a01-000u-s00-01", "a01-000x-s01-00", "b02-001-s01-00"]


@pytest.fixture
def subset(tmp_path, monkeypatch):
    """The subset as Kaggle has it, below a folder `input`."""
    monkeypatch.setenv("HWSK_DATA", str(tmp_path / "home"))
    folder = tmp_path / "input" / "iam-handwriting-top50"
    images = folder / "data_subset" / "data_subset"
    images.mkdir(parents=True)
    (folder / "forms_for_parsing.txt").write_text(FORMS)
    for name in NAMES:
        cv2.imwrite(str(images / f"{name}.png"), np.full((4, 6), 200, np.uint8))
    return folder


def pack(archive, folder, base):
    """Archive what is in a folder, by its paths from `base`."""
    with zipfile.ZipFile(archive, "w") as file:
        for root, _, names in os.walk(folder):
            for name in names:
                path = os.path.join(root, name)
                file.write(path, os.path.relpath(path, base))
    return archive


def check(lines):
    assert lines.ids.tolist() == NAMES
    assert lines.form.tolist() == ["a01-000u", "a01-000u", "a01-000x", "b02-001"]
    assert lines.writer.tolist() == ["000", "000", "001", "007"]
    assert lines.segmentation.tolist() == ["err", "err", "ok", "ok"]
    assert set(lines.text) == {""}
    assert all(map(os.path.isfile, lines.images))


@pytest.mark.parametrize("below", ["..", ".", "data_subset", "data_subset/data_subset"])
def test_kaggle_subset_by_any_of_its_folders(subset, below):
    check(load_iam(subset / below))
    elsewhere = subset.parent / "another" / "picture.png"  # nobody's business
    elsewhere.parent.mkdir()
    elsewhere.write_bytes(b"")
    check(load_iam(subset / below))


def test_kaggle_subset_flat(subset):
    images = subset / "data_subset" / "data_subset"
    for name in NAMES:
        (images / f"{name}.png").rename(images.parent / f"{name}.png")
    images.rmdir()
    check(load_iam(subset))


@pytest.mark.parametrize("base", [".", ".."])
def test_kaggle_subset_in_an_archive(subset, tmp_path, base):
    check(load_iam(pack(tmp_path / "archive.zip", subset, subset / base)))


def test_kaggle_subset_with_its_images_in_an_archive(subset):
    images = subset / "data_subset"
    pack(subset / "data_subset.zip", images, subset)
    for path in sorted(images.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    images.rmdir()
    check(load_iam(subset))
    (subset / "forms_for_parsing.txt").unlink()
    with pytest.raises(FileNotFoundError, match=r"no forms\.txt or forms_for_parsing\.txt in"):
        load_iam(subset / "data_subset.zip")


def test_kaggle_subset_has_lines_only(subset):
    for level in ("form", "word"):
        with pytest.raises(ValueError, match=f"which has lines only; .*not '{level}'") as error:
            load_iam(subset, level=level)
        assert str(subset) in str(error.value)
    image = subset / "data_subset/data_subset/z09-000-s00-00.png"
    cv2.imwrite(str(image), np.zeros((4, 6), np.uint8))
    with pytest.raises(ValueError, match=r"form 'z09-000' is not in .*forms_for_parsing") as error:
        load_iam(subset)
    assert str(image) in str(error.value)


def test_a_folder_with_transcripts_is_no_subset(subset):
    (subset / "lines.txt").write_text("a01-000u-00 ok 1 1 1 0 5 6 A|MOVE\n")
    assert load_iam(subset).text.tolist() == ["A MOVE"]


@pytest.mark.parametrize(
    ("level", "ids"),
    [
        ("form", ["a01-000u", "a01-000x", "b02-001"]),
        ("line", ["a01-000u-00", "a01-000x-00", "b02-001-00"]),
        ("word", ["a01-000u-00-00", "a01-000x-00-00", "b02-001-00-00"]),
    ],
)
def test_every_level_gives_writers_and_forms(tmp_path, level, ids):
    (tmp_path / "ascii").mkdir()
    (tmp_path / "ascii/forms.txt").write_text(FORMS)
    rows = {"line": "{} ok 1 1 1 1 5 6 A\n", "word": "{} ok 1 1 1 5 6 AT A\n"}
    if level in rows:
        table = "".join(rows[level].format(name) for name in ids)
        (tmp_path / f"ascii/{level}s.txt").write_text(table)
    (tmp_path / f"{level}s").mkdir()
    for name in ids:
        cv2.imwrite(str(tmp_path / f"{level}s/{name}.png"), np.zeros((4, 6), np.uint8))
    read = load_iam(tmp_path, level=level)
    assert read.ids.tolist() == ids
    assert read.form.tolist() == ["a01-000u", "a01-000x", "b02-001"]
    assert read.writer.tolist() == ["000", "001", "007"]


# The writers with the most samples


@pytest.mark.parametrize(
    "writers",
    [
        list("cabacbad"),
        np.array(list("cabacbad"), object),
        pd.Series(list("cabacbad"), index=range(10, 18)),
        [30, 10, 20, 10, 30, 20, 10, 40],
        [3.0, 1.0, 2.0, 1.0, 3.0, 2.0, 1.0, 4.0],
    ],
    ids=["list", "objects", "series", "integers", "floats"],
)
def test_top_writers(writers):
    assert top_writers(writers, 1).tolist() == [1, 3, 6]
    assert top_writers(writers, 2).tolist() == [1, 2, 3, 5, 6]  # b before c, as many samples
    assert top_writers(writers, 3).tolist() == [0, 1, 2, 3, 4, 5, 6]
    rows = top_writers(writers, 4)
    assert rows.tolist() == list(range(8)) and rows.dtype == np.intp


def test_an_unknown_writer_is_none():
    assert top_writers(["", "a", "", "b", "b", ""], 2).tolist() == [1, 3, 4]
    with pytest.raises(ValueError, match=r"k=3 .* there are 2 \(and 1 rows whose writer is not"):
        top_writers(["a", "", "b"], 3)


def test_top_writers_bad_input():
    with pytest.raises(ValueError, match=r"k=3 writers were asked for, and there are 2; k may be"):
        top_writers(["a", "b", "b"], 3)
    with pytest.raises(ValueError, match="'k' parameter of top_writers must be an int in"):
        top_writers(["a"], 0)
    for missing in (None, np.nan):
        with pytest.raises(ValueError, match=r"no id in 1 of its 3 rows \(None or NaN\): 1;"):
            top_writers(np.array(["a", missing, "b"], object), 1)
    with pytest.raises(TypeError, match="ids of the types int, str, which can't be sorted"):
        top_writers(np.array(["a", 1], object), 1)
    with pytest.raises(ValueError, match="1d array"):
        top_writers(np.eye(3), 1)
    with pytest.raises(ValueError, match="k=1 writers were asked for, and there are 0"):
        top_writers([], 1)


def test_rows_compose():
    made = make_handwriting(30, n_writers=5, random_state=0)
    rows = top_writers(made.writer, 3)
    assert len(set(made.writer[rows])) == 3
    pages = [f"{writer}-{i % 2}" for i, writer in enumerate(made.writer[rows])]
    for train, test in GroupKFold(2).split(rows, groups=pages):
        assert len(made.images[rows[train]]) + len(made.images[rows[test]]) == len(rows)
    assert len(made.style.iloc[rows]) == len(rows)
