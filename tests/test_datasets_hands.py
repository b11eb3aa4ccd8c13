"""Words with named features, signatures, sketches: official layouts, and what can be wrong."""

import io
import json
import os
import pickle
import re
import tarfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from hwsk.datasets import (
    load_bhsig260,
    load_cedar_and,
    load_cedar_signatures,
    load_sketches,
    make_signatures,
)
from hwsk.preprocessing import StrokeRasterizer

DATA = Path(__file__).parents[2] / "shared" / "data"
MEANINGS = (
    "Value,Features,,\r\n"
    ',Pen Pressure,Slantness,"Staff of ""A"""\r\n'
    "1,Strong,normal,no staff\r\n"
    "2,Medium,slight right ,loopy\r\n"
    "3,,left,\r\n"
)
FEATURES = """\
imagename,pen_pressure,slantness,staff_of_a
0002b_num1.png,2,3,1
0001a_num1.png,1,2,
0001aa_num1.png,2,1,2
"""
LISTS = {
    "unseen_train": "0001a_num1.png\n0001aa_num1.png\n",
    "unseen_val": "",
    "seen_train": "0002b_num1.png\n0001a_num1.png\n",
    "seen_val": "0001a_num1.png\n0003c_num2.png\n",
}
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


def put_image(path: Path, image=None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    assert cv2.imwrite(str(path), np.full((4, 6), 200, np.uint8) if image is None else image)
    return path


def pack(archive: Path, folder: Path) -> Path:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    archive.parent.mkdir(parents=True, exist_ok=True)
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as file:
            for p in files:
                file.write(p, p.relative_to(folder))
    else:
        with tarfile.open(archive, "w:gz") as tar:
            for p in files:
                tar.add(p, p.relative_to(folder))
    return archive


# Words with features


@pytest.fixture
def words(tmp_path):
    folder = tmp_path / "and"
    for level, name in enumerate(("0001a_num1", "0001aa_num1", "0002b_num1", "0003c_num2")):
        put_image(folder / f"images/{name}.png", np.full((64, 64), level, np.uint8))
    put(folder / "15features.csv", FEATURES)
    put(folder / "15FeatureClassValueInformation.csv", MEANINGS)
    for name, text in LISTS.items():
        put(folder / f"splits/{name}.txt", text)
    return folder


def test_words_with_features(words):
    data = load_cedar_and(words, partition=None)
    assert data.images.shape == (4, 64, 64)
    assert data.images.dtype == np.uint8
    assert data.ids.tolist() == ["0001a_num1", "0001aa_num1", "0002b_num1", "0003c_num2"]
    assert data.writer.tolist() == ["0001", "0001", "0002", "0003"]
    assert data.page.tolist() == ["0001a", "0001a", "0002b", "0003c"]  # aa is a second sheet of a
    features = data.features
    assert list(features) == ["pen_pressure", "slantness", "staff_of_a"]
    assert features["slantness"].tolist()[:3] == ["slight right", "normal", "left"]
    assert features.isna().to_numpy().tolist() == [[0, 0, 1], [0] * 3, [0] * 3, [1] * 3]
    assert features["slantness"].cat.codes.tolist() == [1, 0, 2, -1]  # the values less 1
    assert features["pen_pressure"].cat.ordered
    assert not features["slantness"].cat.ordered
    assert data.feature_values.loc[2].tolist() == ["Medium", "slight right", "loopy"]
    assert pd.isna(data.feature_values.loc[3, "pen_pressure"])
    assert "4 images" in data.DESCR
    assert "3 writers;\n3 of them" in data.DESCR


def test_partitions_and_subsets(words):
    assert load_cedar_and(words).ids.tolist() == ["0001a_num1", "0001aa_num1"]
    val = load_cedar_and(words, partition="seen", subset="val")
    assert val.ids.tolist() == ["0001a_num1", "0003c_num2"]
    assert val.images[:, 0, 0].tolist() == [0, 3]
    assert val.features["slantness"].tolist()[0] == "slight right"
    both = load_cedar_and(words, partition="seen", subset="all")
    assert both.ids.tolist() == ["0002b_num1", "0001a_num1", "0003c_num2"]  # each once
    X, y = load_cedar_and(words, partition="seen", return_X_y=True)
    assert X.shape == (2, 64, 64)
    assert list(y.columns) == ["pen_pressure", "slantness", "staff_of_a"]


def test_words_from_archives(words, tmp_path):
    expected = load_cedar_and(words).images
    pack(words / "images.tgz", words / "images")
    for file in (words / "images").iterdir():
        file.unlink()
    assert_array_equal(load_cedar_and(words).images, expected)
    assert_array_equal(load_cedar_and(pack(tmp_path / "all.zip", words)).images, expected)


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("15features.csv", "0002b_num1", "9999a_num1", "15features.csv, line 2: there is no image"),
        ("15features.csv", "1,2,", "1,4,", "line 3, slantness is '4'; .* knows 1 \\(normal\\), 2"),
        ("15features.csv", "2,3,1", "3,3,1", "line 2, pen_pressure is '3'"),
        ("15features.csv", "0001aa", "0001a", "line 4: 0001a_num1.png has a row already"),
        ("15features.csv", "slantness", "slant", "no column slantness"),
        ("15features.csv", "2,3,1", "2,3", "line 2 has 3 fields"),
        ("15FeatureClassValueInformation.csv", "Value", "Wert", "is not a table of values"),
        ("15FeatureClassValueInformation.csv", "3,,left", "x,,left", "line 5: expected a value"),
        ("15FeatureClassValueInformation.csv", "left", "normal", "line 5: slantness has"),
        ("15FeatureClassValueInformation.csv", "Slantness", "Pen Pressure", "line 2: a feature"),
        ("splits/unseen_train.txt", "0001aa", "0009a", "line 2: there is no image '0009a_num1.png"),
    ],
)
def test_wrong_rows_of_words_are_named(words, file, old, new, message):
    text = (words / file).read_bytes().decode()
    assert old in text
    put(words / file, text.replace(old, new, 1))
    with pytest.raises(ValueError, match=message):
        load_cedar_and(words)


def test_an_empty_list_says_so(words):
    with pytest.raises(ValueError, match=r"unseen_val.txt names no image.*kept aside"):
        load_cedar_and(words, subset="val")


def test_wrong_word_images_are_named(words):
    put_image(words / "images/0001a_num1.png")
    with pytest.raises(ValueError, match=r"0001a_num1.png has 4 x 6 pixels; expected 64 x 64"):
        load_cedar_and(words, on_error="raise")
    (words / "images/0001aa_num1.png").write_bytes(b"")
    with pytest.raises(ValueError, match=r"0001a_num1.*; .*0001aa_num1.png"):
        load_cedar_and(words)  # none is left
    put_image(words / "images/1a.png")
    with pytest.raises(ValueError, match=r"1a.png: the name does not tell writer"):
        load_cedar_and(words, partition=None)


def test_damaged_word_images_are_left_out(words):
    (words / "images/0001a_num1.png").write_bytes(b"")
    with pytest.warns(UserWarning, match=r"1 image .*damaged.*0001a_num1.png"):
        data = load_cedar_and(words)
    assert data.ids.tolist() == ["0001aa_num1"]
    assert len(data.images) == len(data.features) == len(data.writer) == len(data.page) == 1


@pytest.mark.parametrize(
    "missing", ["15features.csv", "15FeatureClassValueInformation.csv", "splits/unseen_train.txt"]
)
def test_missing_tables_of_words(words, missing):
    (words / missing).unlink()
    with pytest.raises(FileNotFoundError, match=re.escape(Path(missing).name)):
        load_cedar_and(words)


def test_no_words(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no images in .*images.tgz"):
        load_cedar_and(tmp_path)
    with pytest.raises(FileNotFoundError, match="does not exist"):
        load_cedar_and(tmp_path / "other")


@FUZZ
@given(
    st.sampled_from(["15features.csv", "15FeatureClassValueInformation.csv"]),
    st.binary(max_size=4),
    st.integers(0, 90),
    st.integers(0, 8),
)
def test_any_damage_of_a_table_is_read_or_named(words, file, inserted, at, cut):
    good = FEATURES.encode() if file == "15features.csv" else MEANINGS.encode()
    put(words / file, good[:at] + inserted + good[at + cut :])
    try:
        assert len(load_cedar_and(words).features) == 2
    except ValueError as error:
        assert "15" in str(error)
    finally:
        put(words / file, good)


# Signatures


@pytest.fixture
def cedar(tmp_path):
    folder = tmp_path / "cedar"
    for writer in (10, 2):
        for number in (1, 2):
            put_image(folder / f"signatures/full_org/original_{writer}_{number}.png")
            put_image(folder / f"signatures/full_forg/forgeries_{writer}_{number}.png")
    put(folder / "signatures/Readme.txt", "of CEDAR")
    return folder


def test_cedar_signatures(cedar):
    data = load_cedar_signatures(cedar)
    assert data.ids.tolist()[:4] == [
        "original_2_1",
        "original_2_2",
        "forgeries_2_1",
        "forgeries_2_2",
    ]
    assert data.writer.tolist() == ["2"] * 4 + ["10"] * 4
    assert data.forged.tolist() == [False, False, True, True] * 2
    assert data.hand.tolist()[:4] == ["2", "2", "forgeries_2_1", "forgeries_2_2"]
    assert [Path(path).stem for path in data.images] == data.ids.tolist()
    assert "4 genuine signatures and 4 skilled forgeries of 2 writers" in data.DESCR
    assert "script" not in data
    X, hand = load_cedar_signatures(cedar, as_arrays=True, return_X_y=True)
    assert X[0].shape == (4, 6)
    assert_array_equal(hand, data.hand)


@pytest.mark.parametrize("name", ["signatures.tgz", "signatures.zip"])
def test_cedar_signatures_from_archives(cedar, tmp_path, name):
    archive = pack(tmp_path / "given" / name, cedar / "signatures")
    expected = load_cedar_signatures(cedar).ids
    assert_array_equal(load_cedar_signatures(archive).ids, expected)
    assert_array_equal(load_cedar_signatures(archive.parent).ids, expected)


def test_signatures_of_any_depth_and_colour(tmp_path):
    ink = np.zeros((5, 7), bool)
    ink[2, 2:5] = True
    paper = np.where(ink, 0, 255)
    transparent = np.zeros((5, 7, 4), np.uint8)
    transparent[..., 3] = 255 * ink  # black on nothing
    forms = {
        "1_1.png": paper.astype(np.uint8),
        "1_2.png": (paper * 257).astype(np.uint16),
        "1_3.png": np.dstack([paper.astype(np.uint8)] * 3),
        "1_4.png": transparent,
        "1_5.tif": paper.astype(np.uint8),
    }
    for name, image in forms.items():
        put_image(tmp_path / f"full_org/original_{name}", image)
    put_image(tmp_path / "full_org/original_1_6.png", paper.astype(np.uint8))
    for image in load_cedar_signatures(tmp_path, as_arrays=True).images:
        assert_array_equal(image, paper)
        assert image.dtype == np.uint8


def test_wrong_signatures_are_named(cedar, tmp_path):
    put_image(cedar / "signatures/scan.png")
    with pytest.warns(UserWarning, match=r"1 image .* left out \(signatures/scan.png\)"):
        assert len(load_cedar_signatures(cedar).ids) == 8
    put_image(cedar / "copy/original_2_1.png")
    with pytest.raises(ValueError, match=r"original_2_1.*are both original_2_1.*two copies"):
        load_cedar_signatures(cedar)
    put_image(tmp_path / "other/a.png")
    with pytest.raises(FileNotFoundError, match=r"holds 1 other images, such as a.png"):
        load_cedar_signatures(tmp_path / "other")
    with pytest.raises(FileNotFoundError, match=r"no image; expected .*full_org/original_1_1.png"):
        load_cedar_signatures(put(tmp_path / "empty/x.txt").parent)
    with pytest.raises(NotADirectoryError, match=r"unpack a \.rar first"):
        load_cedar_signatures(put(tmp_path / "signatures.rar", b"Rar!"))


PUBLISHED = {
    "Bengali/001/B-S-1-G-02.tif": ("B-1", False, "Bengali", "B-S-1-G-02"),
    "Bengali/001/B-S-1-F-01.tif": ("B-1", True, "Bengali", "B-S-1-F-01"),
    "Hindi/002/H-S-2-G-01.tif": ("H-2", False, "Hindi", "H-S-2-G-01"),
    # In the published set the files of one folder bear the number of the next.
    "Hindi/010/H-S-11-F-03.tif": ("H-10", True, "Hindi", "H-S-10-F-03"),
}
CONVERTED = {
    "Bengali/1/true/a.png": ("B-1", False, "Bengali", "Bengali/1/true/a"),
    "Bengali/1/false/a.png": ("B-1", True, "Bengali", "Bengali/1/false/a"),
    "Hindi/Forged/2/x.jpg": ("H-2", True, "Hindi", "Hindi/Forged/2/x"),
    "BHSig160_Hindi/Genuine/H-S-10-G-01.tif": ("H-10", False, "Hindi", "H-S-10-G-01"),
}


@pytest.mark.parametrize("files", [PUBLISHED, CONVERTED])
@pytest.mark.parametrize("archive", ["", "BHSig260.zip"])
def test_bhsig260(tmp_path, files, archive):
    folder = tmp_path / "tree"
    for file in files:
        put_image(folder / file)
    put(folder / "Bengali/list.genuine", "001/B-S-1-G-02.tif\n")
    data = load_bhsig260(pack(tmp_path / archive, folder) if archive else folder)
    found = list(zip(data.writer, data.forged, data.script, data.ids, strict=True))
    assert sorted(found) == sorted(files.values())
    scripts = data.script.tolist()
    assert scripts == sorted(scripts)
    assert all(
        hand == (name if forged else writer)
        for writer, forged, name, hand in zip(
            data.writer, data.forged, data.ids, data.hand, strict=True
        )
    )
    assert "Bengali" in data.DESCR


def test_one_script_and_archives_of_each(tmp_path):
    put_image(tmp_path / "all/Hindi/001/H-S-1-G-01.tif")
    assert load_bhsig260(tmp_path / "all/Hindi").script.tolist() == ["Hindi"]
    put_image(tmp_path / "b/Bengali/001/B-S-1-G-01.tif")
    pack(tmp_path / "packed/Hindi.zip", tmp_path / "all/Hindi")
    pack(tmp_path / "packed/Bengali.tgz", tmp_path / "b/Bengali")
    data = load_bhsig260(tmp_path / "packed", as_arrays=True)
    assert data.writer.tolist() == ["B-1", "H-1"]
    assert data.images[0].shape == (4, 6)
    images, hand = load_bhsig260(tmp_path / "packed", return_X_y=True)
    assert hand.tolist() == ["B-1", "H-1"]
    assert images[0].endswith("B-S-1-G-01.tif")


def test_wrong_bhsig260(tmp_path):
    folder = put_image(tmp_path / "Hindi/1/true/a.png").parents[3]
    put_image(folder / "Hindi/1/b.png")
    put_image(folder / "bhsig260-hindi-bengali/1/true/c.png")  # which script?
    with pytest.warns(UserWarning, match=r"2 images .* left out"):
        assert load_bhsig260(folder).writer.tolist() == ["H-1"]
    put_image(folder / "Hindi/1/true/H-S-1-F-01.tif")
    with pytest.raises(
        ValueError, match=r"H-S-1-F-01.tif: by its name it is a forged Hindi .* a genuine Hindi"
    ):
        load_bhsig260(folder)
    with pytest.raises(FileNotFoundError, match=r"Bengali/001/B-S-1-G-01\.tif"):
        load_bhsig260(put(tmp_path / "empty/list.genuine").parent)


# Sketches

SQUARE = np.array([[4, 0, 0], [0, 4, 0], [-4, 0, 0], [0, -4, 1]], np.int16)  # from the origin
CROSS = np.array([[0, 0, 0], [6, 3, 1], [-6, 0, 0], [6, -3, 1]], np.int16)  # with its start
# What Python 2 wrote: an object array that holds one int16 array, [[1, 2, 0], [3, 4, 1]].
PYTHON2 = (
    b"\x80\x02cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87R"
    b"(K\x01K\x01\x85cnumpy\ndtype\nq\x03U\x02O8K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xff"
    b"J\xff\xff\xff\xffK?tb\x89]h\x01h\x02K\x00\x85U\x01b\x87R(K\x01K\x02K\x03\x86h\x03U\x02i2K\x00"
    b"K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89"
    b"U\x0c\x01\x00\x02\x00\x00\x00\x03\x00\x04\x00\x01\x00tbatb."
)


def ragged(*arrays):
    out = np.empty(len(arrays), object)
    out[:] = arrays
    return out


def put_npy(path: Path, pickled: bytes) -> Path:
    """An npz file whose array `train` is an object array pickled so."""
    header = b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
    header += b" " * (-(10 + len(header) + 1) % 16) + b"\n"
    content = b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + pickled
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("train.npy", content)
    return path


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (b"\x80\x02r\xff\xff\xff\x0f.", "no readable array"),  # a memo of 4 GB, to C's unpickler
        (b"\x80\x02c_codecs\nencode\n}X\x01\x00\x00\x00xK\x01sb.", "no readable array"),
    ],
)
def test_pickles_that_take_too_much_are_refused(pickled, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        load_sketches(put_npy(tmp_path / "a.npz", pickled))


def test_a_drawing_named_many_times_is_refused(tmp_path):
    large = np.zeros((2000, 3), np.int16)
    with pytest.raises(ValueError, match="drawings are named more than once"):
        load_sketches(put_npy(tmp_path / "a.npz", pickle.dumps(ragged(*[large] * 50), 2)))


def test_a_header_of_more_than_there_is_is_refused(tmp_path):
    path = tmp_path / "a.npz"
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        stream, {"descr": "<i2", "fortran_order": False, "shape": (10**12, 5, 3)}
    )
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("train.npy", stream.getvalue() + bytes(60))
    with pytest.raises(ValueError, match="its header says 30000000000000 bytes"):
        load_sketches(path)
    np.savez(path, train=np.zeros((2, 4, 3), np.int16))
    assert len(load_sketches(path).strokes) == 2


@pytest.fixture
def cat(tmp_path):
    file = tmp_path / "sketchrnn_cat.full.npz"
    np.savez(file, train=ragged(SQUARE, CROSS), valid=ragged(CROSS), test=ragged(SQUARE))
    return file


def test_sketches_of_sketch_rnn(cat):
    data = load_sketches(cat)
    assert data.category.tolist() == ["cat"] * 4
    assert data.subset.tolist() == ["train", "train", "valid", "test"]
    assert data.ids[0] == "sketchrnn_cat.full-train-00000"
    assert data.recognized.tolist() == [None] * 4
    # The pen starts at the origin; where the file leaves this out, it is put back.
    assert data.strokes[0].tolist() == [[0, 0, 0], *SQUARE.tolist()]
    assert_array_equal(data.strokes[1], CROSS)
    assert data.strokes[0].dtype == np.float32
    assert "4 drawings" in data.DESCR
    assert load_sketches(cat, subset="valid").ids.tolist() == ["sketchrnn_cat.full-valid-00000"]
    assert len(load_sketches(cat, limit=1).ids) == 3
    strokes, category = load_sketches(cat, subset="test", return_X_y=True)
    assert (len(strokes), category.tolist()) == (1, ["cat"])
    assert StrokeRasterizer(height=16).fit_transform(data.strokes)[0].shape[0] == 16


@pytest.mark.parametrize("protocol", [0, 2, 3, 4])
def test_any_protocol_and_python2(tmp_path, protocol):
    pickled = pickle.dumps(ragged(CROSS, SQUARE.astype(">f4")), protocol=protocol)
    data = load_sketches(put_npy(tmp_path / "a.npz", pickled))
    assert_array_equal(data.strokes[0], CROSS)
    assert_array_equal(data.strokes[1][1:], SQUARE)
    data = load_sketches(put_npy(tmp_path / "a.npz", PYTHON2))
    assert data.strokes[0].tolist() == [[0, 0, 0], [1, 2, 0], [3, 4, 1]]


def test_drawings_of_one_length_are_no_object_array(tmp_path):
    np.savez(tmp_path / "a.npz", train=np.stack([CROSS, CROSS]))
    assert len(load_sketches(tmp_path).strokes) == 2


class Evil:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_a_pickle_runs_nothing(tmp_path):
    target = tmp_path / "made-by-the-pickle"
    file = put_npy(tmp_path / "a.npz", pickle.dumps(ragged(Evil(target), CROSS)))
    with pytest.raises(ValueError, match=r"a.npz, train: .* asks for .*mkdir, which may run code"):
        load_sketches(file)
    assert not target.exists()
    # A type whose flags say that it holds no objects would make numpy take bytes for pointers.
    forged = PYTHON2.replace(b"K?tb\x89", b"K\x00tb\x89").replace(b"U\x02i2", b"U\x02O8")
    with pytest.raises(ValueError, match=r"a\.npz, train"):
        load_sketches(put_npy(tmp_path / "a.npz", forged))


@FUZZ
@given(st.integers(0, len(PYTHON2)), st.binary(max_size=3), st.integers(0, 3))
def test_any_damage_of_a_pickle_is_read_or_named(tmp_path, at, inserted, cut):
    damaged = PYTHON2[:at] + inserted + PYTHON2[at + cut :]
    try:
        load_sketches(put_npy(tmp_path / "a.npz", damaged))
    except ValueError as error:
        assert "a.npz" in str(error)


@pytest.mark.parametrize(
    ("drawing", "message"),
    [
        (np.zeros((3, 5)), r"train, drawing 1 has shape \(3, 5\); expected \(T, 3\)"),
        (np.array([[0, 0, 2]]), "drawing 1 holds NaN .* third column is not 0 or 1"),
        (np.array([[np.nan, 0, 1]]), "drawing 1 holds NaN"),
        ("text", r"drawing 1 has shape \(\)"),
    ],
)
def test_wrong_drawings_are_named(tmp_path, drawing, message):
    np.savez(tmp_path / "a.npz", train=ragged(CROSS, drawing))
    with pytest.raises(ValueError, match=message):
        load_sketches(tmp_path)


def test_wrong_sketch_files_are_named(tmp_path, cat):
    with pytest.raises(FileNotFoundError, match=r"no \.npz or \.ndjson file in"):
        load_sketches(put(tmp_path / "other/x.txt").parent)
    np.savez(tmp_path / "images.npz", images=np.zeros((2, 3)))
    with pytest.raises(ValueError, match=r"images.npz has no array train or valid or test; .*'ima"):
        load_sketches(tmp_path / "images.npz")
    with pytest.raises(ValueError, match=r"b.npz is damaged, cut short or no npz file"):
        load_sketches(put(tmp_path / "b.npz", cat.read_bytes()[:100]))
    np.savez(tmp_path / "c.npz", train=ragged(CROSS, np.zeros((0, 3))))
    with pytest.warns(UserWarning, match=r"1 drawing without a point.*c-train-00001"):
        assert len(load_sketches(tmp_path / "c.npz").strokes) == 1


def lines(*records) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def test_sketches_of_quick_draw(tmp_path):
    simplified = {
        "key_id": "589",
        "word": "hot dog",
        "recognized": True,
        "drawing": [[[1, 5], [2, 8]], [[0, 0, 3], [9, 7, 7]]],
    }
    raw = {"drawing": [[[1.5, 2], [0, 1], [0, 16]], [[], [], []]], "recognized": False}
    put(tmp_path / "q/full_raw_dog.ndjson", lines(simplified, raw) + "\n")
    data = load_sketches(tmp_path / "q")
    assert data.strokes[0].tolist() == [[0, 0, 0], [4, 6, 1], [-5, 1, 0], [0, -2, 0], [3, 0, 1]]
    assert data.strokes[1].tolist() == [[0, 0, 0], [0.5, 1, 1]]
    assert data.category.tolist() == ["hot dog", "dog"]
    assert data.ids.tolist() == ["589", "full_raw_dog-00002"]
    assert data.recognized.tolist() == [True, False]
    assert data.subset.tolist() == ["", ""]
    assert len(load_sketches(tmp_path / "q", limit=1).ids) == 1
    with pytest.raises(ValueError, match="no division into subsets"):
        load_sketches(tmp_path / "q", subset="train")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"drawing": [[[1],', "line 2: expected a JSON object"),
        ("[1]", "line 2: expected a JSON object"),
        ('{"word": "x"}', "line 2: expected a JSON object with 'drawing'"),
        ('{"drawing": [[[1, 2], [1]]]}', "line 2: expected strokes"),
        ('{"drawing": [[[1, 2]]]}', "line 2: expected strokes"),
        ('{"drawing": 5}', "line 2: expected strokes"),
        ('{"drawing": [[["a"], [1]]]}', "line 2: expected strokes"),
        ('{"drawing": [[[NaN], [1]]]}', "line 2: expected strokes .* finite"),
        ('{"drawing": [[3, 4]]}', "line 2: expected strokes"),
    ],
)
def test_wrong_lines_are_named(tmp_path, text, message):
    put(tmp_path / "a.ndjson", lines({"drawing": [[[1], [2]]]}) + text)
    with pytest.raises(ValueError, match=message):
        load_sketches(tmp_path)


def test_not_utf8(tmp_path):
    put(tmp_path / "a.ndjson", b'{"word": "\xe9"}')
    with pytest.raises(ValueError, match=r"a.ndjson is not UTF-8"):
        load_sketches(tmp_path)


@pytest.mark.parametrize("turn", [[0, 1, 2], [1, 0, 2]])
def test_sketches_are_drawn_in_a_square(tmp_path, turn):
    wide = np.array([[0, 0, 0], [40, 0, 0], [0, 10, 0], [-40, 0, 0], [0, -10, 1]])
    dash = np.array([[0, 0, 0], [50, 0, 1]])
    dot = np.array([[0, 0, 1]])
    np.savez(tmp_path / "a.npz", train=ragged(*(a[:, turn] for a in (wide, dash, dot))))
    images = load_sketches(tmp_path, as_images=True, size=32).images
    assert images.shape == (3, 32, 32)
    assert images.dtype == np.uint8
    assert (images.max(axis=(1, 2)) == 255).all()
    assert (images.min(axis=(1, 2)) < 200).all()
    for image, shape in zip(images, [(8, 29), (1, 29), (1, 1)], strict=True):
        inked = image < 200
        extent = np.array([np.ptp(np.flatnonzero(inked.any(axis=a))) + 1 for a in (1, 0)])
        expected = shape if turn[0] == 0 else shape[::-1]
        assert np.abs(extent - expected).max() <= 2
        rows, columns = np.nonzero(inked)
        assert abs(rows.min() + rows.max() - 31) <= 2  # in the middle
        assert abs(columns.min() + columns.max() - 31) <= 2


# Generated signatures


@pytest.fixture(scope="module")
def made():
    return make_signatures(12, n_genuine=4, n_forged=4, random_state=0)


def test_made_signatures(made):
    assert len(made.images) == len(made.strokes) == len(made.ids) == 12 * 8
    assert set(made.ids) == {
        f"s{w:03d}-{k}{i:02d}" for w in range(12) for k in "gf" for i in range(4)
    }
    assert made.forged.sum() == 48
    assert_array_equal(made.hand[~made.forged], made.writer[~made.forged])
    assert_array_equal(made.hand[made.forged], made.ids[made.forged])
    for image, strokes in zip(made.images, made.strokes, strict=True):
        assert image.dtype == np.uint8
        assert image.shape[0] == 96
        assert image.min() < 150 < np.median(image)
        assert strokes.dtype == np.float32
        assert np.isfinite(strokes).all()
        assert strokes[0, :2].tolist() == [0, 0]
        assert strokes[-1, 2] == 1
        assert set(strokes[:, 2]) <= {0, 1}
    assert StrokeRasterizer().fit_transform(made.strokes)[0].shape[0] == 64


@settings(max_examples=5, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2))
def test_a_made_signature_does_not_depend_on_the_numbers(made, n_writers, n_genuine, n_forged):
    some = make_signatures(n_writers, n_genuine, n_forged, random_state=0)
    assert len(some.ids) == n_writers * (n_genuine + n_forged)
    for name, image, strokes in zip(some.ids, some.images, some.strokes, strict=True):
        at = made.ids.tolist().index(name)
        assert_array_equal(image, made.images[at])
        assert_array_equal(strokes, made.strokes[at])


def test_clean_paper_and_height():
    X, y = make_signatures(2, 1, 1, height=40, clean=True, random_state=1, return_X_y=True)
    assert y.tolist() == ["s000", "s000-f00", "s001", "s001-f00"]
    assert all(image.shape[0] == 40 and np.median(image) == 255 for image in X)
    other = make_signatures(2, 1, 1, random_state=2)
    assert other.strokes[0].shape != make_signatures(2, 1, 1, random_state=1).strokes[0].shape


def gradients(image):
    """Directions of the edges in 8 x 16 cells, of the ink scaled to 64 x 128 pixels."""
    level, _ = cv2.threshold(image, 0, 255, cv2.THRESH_OTSU)
    ink = np.argwhere(image <= level)
    (top, left), (bottom, right) = ink.min(axis=0), ink.max(axis=0) + 1
    canvas = cv2.resize(image[top:bottom, left:right], (128, 64), interpolation=cv2.INTER_AREA)
    dy, dx = np.gradient(cv2.GaussianBlur(canvas.astype(np.float32), (0, 0), 1.5))
    angle = np.arctan2(dy, dx)
    maps = [np.hypot(dx, dy) * np.cos(2 * angle), np.hypot(dx, dy) * np.sin(2 * angle)]
    cells = [cv2.resize(m, (16, 8), interpolation=cv2.INTER_AREA).ravel() for m in maps]
    vector = np.concatenate(cells)
    return vector / np.linalg.norm(vector)


def test_genuine_are_nearer_than_skilled_and_those_than_random(made):
    vectors = np.stack([gradients(image) for image in made.images])
    similarity = vectors @ vectors.T
    same = made.writer[:, None] == made.writer
    genuine, forged = ~made.forged, made.forged
    pair = np.triu(np.ones_like(same), 1)
    own = similarity[pair & same & genuine[:, None] & genuine].mean()
    skilled = similarity[same & genuine[:, None] & forged].mean()
    random = similarity[pair & ~same & genuine[:, None] & genuine].mean()
    assert own > skilled + 0.02
    assert skilled > random + 0.1


def test_pen_and_paper_do_not_indicate_a_forgery(made):
    tones = np.array([[np.median(i), np.percentile(i, 1), i.std()] for i in made.images])
    spread = tones.std(axis=0)
    gap = np.abs(tones[made.forged].mean(axis=0) - tones[~made.forged].mean(axis=0))
    assert (gap < 3 * spread * np.sqrt(2 / 48)).all()


# The files of ../shared/data


@pytest.mark.slow
@pytest.mark.skipif(not (DATA / "and").is_dir(), reason="no ../shared/data")
def test_shared_words():
    data = load_cedar_and(DATA / "and")
    assert data.images.shape == (12906, 64, 64)
    assert len(set(data.writer)) == 1414
    assert data.features.shape == (12906, 15)
    described = data.features.notna()
    assert described.all(axis=1).sum() == described.any(axis=1).sum() == 12711
    seen = [load_cedar_and(DATA / "and", partition="seen", subset=s) for s in ("train", "val")]
    assert [len(part.ids) for part in seen] == [12004, 906]
    assert len(set(seen[0].ids) & set(seen[1].ids)) == 6


@pytest.mark.skipif(not (DATA / "cedar_signatures").is_dir(), reason="no ../shared/data")
def test_shared_signatures():
    data = load_cedar_signatures(DATA / "cedar_signatures")
    assert (data.forged.sum(), (~data.forged).sum(), len(set(data.writer))) == (1080, 1080, 45)


@pytest.mark.skipif(not (DATA / "sketches").is_dir(), reason="no ../shared/data")
def test_shared_sketches():
    file = DATA / "sketches/kanji/short_kanji.npz"
    data = load_sketches(file, subset="valid", as_images=True)
    assert data.images.shape == (600, 64, 64)
    with np.load(file, allow_pickle=True, encoding="latin1") as arrays:
        for ours, theirs in zip(data.strokes, arrays["valid"], strict=True):
            assert_array_equal(ours[-len(theirs) :], theirs)
