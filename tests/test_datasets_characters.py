"""EMNIST and MNIST: official files as they are and as they break, and the download."""

import gzip
import hashlib
import io
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hwsk.datasets import _emnist as emnist
from hwsk.datasets import fetch_emnist, load_emnist, load_mnist
from hwsk.datasets._idx import read_idx, read_pixel_csv

DATA = Path(__file__).parents[2] / "shared" / "data"
FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
IMAGES = np.random.default_rng(0).integers(0, 256, (4, 28, 28), dtype=np.uint8)  # as stored
LABELS = np.array([0, 10, 36, 46], np.uint8)
TEXT = ["0", "A", "a", "t"]


@pytest.fixture(autouse=True)
def home(tmp_path_factory, monkeypatch):
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("HWSK_DATA", str(folder))
    return folder


def idx(array):
    header = [0x800 + array.ndim, *array.shape]
    return b"".join(number.to_bytes(4, "big") for number in header) + array.tobytes()


def csv(images=IMAGES, labels=LABELS):
    table = np.column_stack([labels, images.reshape(len(images), -1)])
    return "".join(",".join(map(str, row)) + "\n" for row in table.tolist()).encode()


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    content = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def put_emnist(folder, name="emnist-balanced-train", suffix=".gz", labels=LABELS):
    put(folder / f"{name}-images-idx3-ubyte{suffix}", idx(IMAGES))
    put(folder / f"{name}-labels-idx1-ubyte{suffix}", idx(labels))
    return folder


def put_mnist(folder, prefix="train", mark="-", suffix=".gz", images=IMAGES):
    put(folder / f"{prefix}-images{mark}idx3-ubyte{suffix}", idx(images))
    put(folder / f"{prefix}-labels{mark}idx1-ubyte{suffix}", idx(np.array([5, 0, 4, 9], np.uint8)))
    return folder


# EMNIST


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_emnist_idx(tmp_path, suffix):
    characters = load_emnist(put_emnist(tmp_path / "deep/gzip", suffix=suffix).parents[1])
    np.testing.assert_array_equal(characters.images, IMAGES.transpose(0, 2, 1))
    assert characters.images.dtype == np.uint8
    assert characters.images.flags.writeable
    assert characters.text.tolist() == TEXT
    assert characters.text.dtype == characters.target_names.dtype == object
    assert characters.target.tolist() == LABELS.tolist()
    assert characters.target.dtype == np.int64
    assert "".join(characters.target_names) == "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabdefghnqrt"
    assert "4 handwritten characters of 47 classes" in characters.DESCR
    X, y = load_emnist(tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X, characters.images)
    assert y.tolist() == TEXT


@pytest.mark.parametrize("suffix", [".gz", ""])
def test_emnist_csv(tmp_path, suffix):
    put(tmp_path / f"emnist-balanced-train.csv{suffix}", csv().replace(b"\n", b"\r\n"))
    X, y = load_emnist(tmp_path, return_X_y=True)
    np.testing.assert_array_equal(X, IMAGES.transpose(0, 2, 1))
    assert y.tolist() == TEXT
    put_emnist(tmp_path / "gzip", labels=LABELS[::-1].copy())  # idx goes before csv
    assert load_emnist(tmp_path).text.tolist() == TEXT[::-1]


def test_emnist_gzip_is_recognized_by_content(tmp_path):
    put_emnist(tmp_path)
    for file in tmp_path.iterdir():  # one browser unpacks and keeps the name, another the reverse
        content = gzip.decompress(file.read_bytes()) if "labels" in file.name else file.read_bytes()
        file.unlink()
        name = file.name if "labels" in file.name else file.name.removesuffix(".gz")
        (tmp_path / name).write_bytes(content)
    assert load_emnist(tmp_path).text.tolist() == TEXT


@pytest.mark.parametrize(
    ("split", "labels", "text", "n_classes"),
    [
        ("bymerge", [0, 10, 36, 46], "0Aat", 47),
        ("byclass", [0, 10, 36, 61], "0Aaz", 62),
        ("letters", [1, 2, 25, 26], "ABYZ", 26),
        ("digits", [0, 1, 8, 9], "0189", 10),
        ("mnist", [0, 1, 8, 9], "0189", 10),
    ],
)
def test_emnist_splits(tmp_path, split, labels, text, n_classes):
    put_emnist(tmp_path, f"emnist-{split}-test", labels=np.array(labels, np.uint8))
    characters = load_emnist(tmp_path, split=split, subset="test")
    assert "".join(characters.text) == text
    assert len(characters.target_names) == n_classes
    assert (characters.target_names[characters.target] == characters.text).all()
    assert characters.target.tolist() == [label - (split == "letters") for label in labels]


def test_emnist_mapping_file(tmp_path):
    put_emnist(tmp_path / "gzip", "emnist-letters-train", labels=np.array([1, 2, 1, 2], np.uint8))
    put(tmp_path / "gzip/emnist-letters-mapping.txt", "1 65 97\r\n2 66 98 \n\n")
    letters = load_emnist(tmp_path, split="letters")
    assert letters.text.tolist() == ["A", "B", "A", "B"]
    assert letters.target_names.tolist() == ["A", "B"]
    put(tmp_path / "gzip/emnist-letters-mapping.txt", "2 33\n1 63\n")
    assert load_emnist(tmp_path, split="letters").text.tolist() == ["?", "!", "?", "!"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty; expected a class and its ASCII code"),
        ("0 48\n1\n", "line 2: expected a class and its ASCII code, or codes; found: '1'"),
        ("0 x\n", "line 1: expected a class"),
        ("0 -48\n", "line 1: expected a class"),
        ("0 10\n", "line 1: class 0, code 10; expected"),
        ("300 48\n", "line 1: class 300, code 48; expected a class of at most 255"),
        ("0 48\n0 49\n", "line 2: class 0 stands there already"),
        (b"0 48\n\xff\n", "line 2: not UTF-8"),
        ("0 48\n10 65\n36 97\n", r"row 4 of 4 has the label 46, which .* expected 0 to 36"),
    ],
)
def test_emnist_bad_mapping(tmp_path, content, message):
    put_emnist(tmp_path)
    put(tmp_path / "emnist-balanced-mapping.txt", content)
    with pytest.raises(ValueError, match=message) as error:
        load_emnist(tmp_path)
    assert str(tmp_path) in str(error.value)


def change(file, what):
    """Rewrite a file, gzipped or not, by a function of its (unpacked) bytes."""
    data = file.read_bytes()
    put(file, what(gzip.decompress(data) if file.suffix == ".gz" else data))


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize(
    ("name", "what", "message"),
    [
        ("images", lambda d: d[:-1], "is cut short: 3151 bytes; .* 4 x 28 x 28 values, .* 3152"),
        ("images", lambda d: d + b"x", "is too long: 3153 bytes; .* expected 3152"),
        ("images", lambda d: d[:10], "is cut short: 10 bytes; its header alone has 16"),
        ("images", lambda d: b"", "is empty"),
        (
            "images",
            lambda d: b"<html>" + d,
            "begins with the magic number 0x3c68746d; .*0x00000803",
        ),
        (
            "images",
            lambda d: idx(LABELS),
            r"0x00000801 \(labels\); expected 0x00000803, idx images",
        ),
        (
            "labels",
            lambda d: idx(IMAGES),
            r"0x00000803 \(images\); expected 0x00000801, idx labels",
        ),
        ("images", lambda d: idx(IMAGES[:, 1:]), "images of 27 x 28 pixels; expected 28 x 28"),
        ("images", lambda d: d[:4] + b"\xff" * 12, r"is cut short: 16 bytes; .*4294967295 x"),
        ("images", lambda d: idx(IMAGES[:0]), "holds 0 images"),
        (
            "images",
            lambda d: idx(IMAGES[:3]),
            "holds 3 images and .*labels.* 4 labels; expected as",
        ),
        ("labels", lambda d: idx(LABELS[:2]), "holds 4 images and .*labels.* 2 labels"),
        ("labels", lambda d: d[:-1] + b"\x2f", "row 4 of 4 has the label 47, .* expected 0 to 46"),
    ],
)
def test_bad_idx(tmp_path, suffix, name, what, message):
    put_emnist(tmp_path, suffix=suffix)
    (file,) = tmp_path.glob(f"*-{name}-*")
    change(file, what)
    with pytest.raises(ValueError, match=message) as error:
        load_emnist(tmp_path)
    assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (2, 784, None, "row 3 has 784 fields; expected 785: the label and 784 pixels"),
        (1, 785, "7", "row 2 has 786 fields"),
        (2, 5, "x", "row 3 has 'x' as pixel 5 of 784; expected a whole number from 0 to 255"),
        (3, 784, "256", "row 4 has '256' as pixel 784"),
        (0, 1, "-1", "row 1 has '-1' as pixel 1"),
        (1, 1, "1.5", "row 2 has '1.5' as pixel 1"),
        (1, 1, "", "row 2 has '' as pixel 1"),
        (1, 9, "9" * 6000, "row 2 has '99999"),
        (1, 9, "é", "row 2 has "),
        (0, 0, "label", r"row 1 has 'label' as label; .*no header"),
        (3, 0, "47", "row 4 of 4 has the label 47, which stands for no character"),
    ],
)
def test_bad_csv(tmp_path, row, column, value, message):
    rows = [line.split(",") for line in csv().decode().splitlines()]
    rows[row][column : column + 1] = [] if value is None else [value]
    text = "\n".join(",".join(fields) for fields in rows)
    for suffix in ("", ".gz"):
        file = put(tmp_path / suffix / f"emnist-balanced-train.csv{suffix}", text)
        with pytest.raises(ValueError, match=message) as error:
            load_emnist(file.parent)
        assert str(file) in str(error.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("\n\n", "no rows; expected rows of 785"),
        ("\n \n", "row 1 has 1 fields"),
        (b"\n".join(line.rpartition(b",")[0] for line in csv().splitlines()), "row 1 has 784 fie"),
    ],
)
def test_bad_csv_wholly(tmp_path, content, message):
    file = put(tmp_path / "emnist-balanced-train.csv", content)
    with pytest.raises(ValueError, match=message) as error:
        load_emnist(tmp_path)
    assert str(file) in str(error.value)


def test_damaged_gzip(tmp_path):
    put_emnist(tmp_path)
    file = tmp_path / "emnist-balanced-train-images-idx3-ubyte.gz"
    whole = file.read_bytes()
    crc = bytes([whole[-6] ^ 1])
    for data in (whole[:5], whole[:99], whole[:-3], whole[:-6] + crc + whole[-5:], whole + b"junk"):
        file.write_bytes(data)
        with pytest.raises(ValueError, match=r"-images-.*\.gz is damaged or cut short; fetch it"):
            load_emnist(tmp_path)


@FUZZ
@given(st.binary(max_size=60), st.floats(0, 1), st.integers(0, 40), st.booleans(), st.booleans())
def test_fuzz(tmp_path, data, place, cut, is_idx, is_gzip):
    whole = idx(IMAGES[:2]) if is_idx else csv(IMAGES[:2], LABELS[:2])
    whole = gzip.compress(whole) if is_gzip else whole
    at = int(place * len(whole))
    file = tmp_path / "fuzz"
    for content in (data, whole[:at] + data + whole[at + cut :]):
        file.write_bytes(content)
        try:
            images = read_idx(file, 3) if is_idx else read_pixel_csv(file)[0]
            assert images.ndim == 3
            assert len(images)
        except ValueError as error:
            assert str(file) in str(error)


def test_emnist_missing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere does not exist; expected .*gzip\.zip"):
        load_emnist(tmp_path / "nowhere")
    with pytest.raises(FileNotFoundError, match=r"holds no file named \*emnist-\*"):
        load_emnist(tmp_path)
    put_emnist(tmp_path, "emnist-bymerge-test")
    file = put(tmp_path / "more/emnist-letters-test.csv", csv())
    with pytest.raises(FileNotFoundError) as error:
        load_emnist(tmp_path)
    assert str(error.value) == (
        f"no train subset of EMNIST balanced in {tmp_path} or a folder below it; looked for "
        "emnist-balanced-train-images-idx3-ubyte and emnist-balanced-train-labels-idx1-ubyte, or "
        "emnist-balanced-train.csv, each gzipped (.gz) or not; it holds "
        "emnist-bymerge-test-images-idx3-ubyte.gz, emnist-bymerge-test-labels-idx1-ubyte.gz, "
        "emnist-letters-test.csv"
    )
    with pytest.raises(NotADirectoryError, match=r"letters-test\.csv is neither a folder nor an"):
        load_emnist(file)
    with pytest.raises(ValueError, match="'split' parameter of load_emnist"):
        load_emnist(tmp_path, split="all")


def test_same_names_in_two_folders(tmp_path):
    put_mnist(tmp_path / "FashionMNIST/raw", images=IMAGES[::-1].copy())
    put_mnist(tmp_path / "MNIST/raw")
    with pytest.raises(ValueError, match=r"are in .*FashionMNIST/raw and in .*/MNIST/raw; say whi"):
        load_mnist(tmp_path)
    np.testing.assert_array_equal(load_mnist(tmp_path / "MNIST").images, IMAGES)
    put_mnist(tmp_path)  # what lies nearer goes first
    np.testing.assert_array_equal(load_mnist(tmp_path).images, IMAGES)


# MNIST

WRITERS = "split,index,writer\ntrain,3,2154\ntrain,0,007\ntest,0,5\n"


@pytest.mark.parametrize("suffix", [".gz", ""])
@pytest.mark.parametrize("mark", ["-", "."])
def test_mnist(tmp_path, mark, suffix):
    put_mnist(tmp_path, mark=mark, suffix=suffix)
    digits = load_mnist(tmp_path)
    np.testing.assert_array_equal(digits.images, IMAGES)
    assert digits.images.flags.writeable
    assert digits.text.tolist() == ["5", "0", "4", "9"]
    assert digits.target.tolist() == [5, 0, 4, 9]
    assert "".join(digits.target_names) == "0123456789"
    assert digits.writer.tolist() == [""] * 4
    assert "writers not known" in digits.DESCR
    _, y = load_mnist(tmp_path, return_X_y=True)
    assert y.tolist() == digits.text.tolist()
    with pytest.raises(
        FileNotFoundError, match=r"looked for t10k-images-idx3-ubyte and .*, or t10k"
    ):
        load_mnist(tmp_path, subset="test")


@pytest.mark.parametrize("name", ["writers.csv.gz", "writers.csv"])
def test_mnist_writers(tmp_path, name):
    put_mnist(tmp_path)
    put(tmp_path / name, WRITERS)
    digits = load_mnist(tmp_path)
    assert digits.writer.tolist() == ["007", "", "", "2154"]
    assert digits.writer.dtype == object
    assert "2 known writers" in digits.DESCR
    put_mnist(tmp_path, "t10k")
    assert load_mnist(tmp_path, subset="test").writer.tolist() == ["5", "", "", ""]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "is empty"),
        ("split,index\n", r"line 1: no column writer; the header is \['split', 'index'\]"),
        (
            WRITERS + "\ntrain,4,1\n",
            r"line 6 has an index beyond the 4 images; found: \['train', '4",
        ),
        (WRITERS + "train,-1,1\n", "line 5 has an index that is not a whole number"),
        (WRITERS + "train,1.5,1\n", "line 5 has an index that is not a whole number"),
        (WRITERS + "train,x,1\n", "line 5 has an index that is not a whole number"),
        (WRITERS + "train,3,1\n", "line 5 repeats an index"),
        (WRITERS + "dev,3,1\n", "line 5 has a split other than train or test"),
        (WRITERS + "train,2\n", "line 5 has no value in one"),
        (WRITERS + "train,2,1,9\n", "is not a csv .*line 5, saw 4"),
        (WRITERS.encode() + b"train,2,\xff\n", "is not a csv .*can't decode"),
    ],
)
def test_mnist_bad_writers(tmp_path, content, message):
    file = put(put_mnist(tmp_path) / "writers.csv", content)
    with pytest.raises(ValueError, match=message) as error:
        load_mnist(tmp_path)
    assert str(file) in str(error.value)


def test_mnist_bad_label(tmp_path):
    put_mnist(tmp_path, suffix="")
    file = tmp_path / "train-labels-idx1-ubyte"
    change(file, lambda data: data[:-3] + b"\x0a" + data[-2:])
    with pytest.raises(ValueError, match=r"row 2 of 4 has the label 10, .* to 9") as error:
        load_mnist(tmp_path)
    assert str(file) in str(error.value)


# The download


@pytest.fixture
def archive():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as file:
        for name, array in (("images-idx3", IMAGES), ("labels-idx1", LABELS)):
            packed = gzip.compress(idx(array), mtime=0)
            file.writestr(f"gzip/emnist-balanced-train-{name}-ubyte.gz", packed)
        file.writestr("gzip/emnist-balanced-mapping.txt", "0 48\n10 65\n36 97\n46 116\n")
    return content.getvalue()


class Server(ThreadingHTTPServer):
    """Sends one file; `script` says what goes wrong with the first requests."""

    def __init__(self, content):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = content
        self.script = []
        self.ranges = []  # of each request, the header Range
        self.url = f"http://127.0.0.1:{self.server_port}/gzip.zip"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        content, wanted = self.server.content, self.headers.get("Range")
        self.server.ranges.append(wanted)
        step = self.server.script.pop(0) if self.server.script else "good"
        if isinstance(step, int):
            self.send_error(step)
            return
        start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted else 0
        if start and step != "whole":
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            start = 0
            self.send_response(200)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        end = len(content) - 50 if step == "cut" else len(content)
        self.wfile.write(content[start:end])

    def log_message(self, *args):
        pass


@pytest.fixture
def server(archive, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Server(archive) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setattr(emnist, "URL", server.url)
        monkeypatch.setattr(emnist, "MD5", hashlib.md5(archive).hexdigest())
        yield server
        server.shutdown()
        thread.join()


def left_behind(home):
    folder = home / "downloaded"
    return [path.name for path in folder.iterdir()] if folder.exists() else []


def test_fetch(server, home, archive, capsys):
    characters = fetch_emnist()
    assert characters.text.tolist() == TEXT
    np.testing.assert_array_equal(characters.images, IMAGES.transpose(0, 2, 1))
    assert "emnist-gzip.zip: 100%" in capsys.readouterr().err
    assert left_behind(home) == ["emnist-gzip.zip"]

    _, y = fetch_emnist(return_X_y=True)
    assert y.tolist() == TEXT
    assert fetch_emnist(download_if_missing=False).text.tolist() == TEXT
    assert server.ranges == [None]

    with pytest.raises(
        FileNotFoundError, match=r"looked for emnist-letters-test-images.* it holds"
    ):
        fetch_emnist(split="letters", subset="test")


def test_fetch_damaged_cache(server, home):
    fetch_emnist()
    put(home / "downloaded/emnist-gzip.zip", b"half")
    with pytest.warns(
        UserWarning, match=r"emnist-gzip\.zip is damaged .* downloading it again"
    ) as w:
        assert fetch_emnist().text.tolist() == TEXT
    assert w[0].filename == __file__
    assert len(server.ranges) == 2


def test_fetch_elsewhere(server, tmp_path, monkeypatch):
    monkeypatch.setattr(emnist, "URL", "http://127.0.0.1:9/gzip.zip")
    assert fetch_emnist(url=server.url, data_home=tmp_path).text.tolist() == TEXT
    assert (tmp_path / "downloaded/emnist-gzip.zip").exists()


@pytest.mark.parametrize(
    ("step", "ranges"),
    [("good", [None, "bytes={}-"]), ("whole", [None, "bytes={}-"])],  # it can go on, or not
)
def test_fetch_heals_a_cut_transfer(server, home, archive, step, ranges):
    server.script = ["cut", step]
    cut = len(archive) - 50
    with pytest.warns(UserWarning, match=f"after {cut} of {len(archive)} bytes; 3 more tries") as w:
        assert fetch_emnist(delay=0).text.tolist() == TEXT
    assert w[0].filename == __file__
    assert server.ranges == [range and range.format(cut) for range in ranges]
    assert left_behind(home) == ["emnist-gzip.zip"]


def test_fetch_gives_up_a_cut_transfer(server, home):
    server.script = ["cut", "cut"]
    with (
        pytest.warns(UserWarning, match="1 more try"),
        pytest.raises(OSError, match=r"can't download http://.*cut after .* bytes\. You can downl"),
    ):
        fetch_emnist(n_retries=1, delay=0)
    assert left_behind(home) == []


def test_fetch_wrong_hash(server, home, archive):
    server.content = archive[:-1] + b"x"
    found = hashlib.md5(server.content).hexdigest()
    with pytest.raises(
        OSError, match=rf"MD5 {found} \({len(archive)} bytes\), expected .* by hand"
    ):
        fetch_emnist()
    assert len(server.ranges) == 1
    assert left_behind(home) == []


def test_fetch_not_found(server, home):
    server.script = [404]
    with pytest.raises(OSError, match=r"HTTP Error 404.* pass the archive to load_emnist") as error:
        fetch_emnist()
    assert server.url in str(error.value)
    assert len(server.ranges) == 1  # not tried again
    assert error.value.__cause__.fp.closed
    assert left_behind(home) == []


def test_fetch_server_error(server, home):
    server.script = [503, 500]
    with pytest.warns(UserWarning, match="HTTP Error 50[03].* [23] more tries") as caught:
        assert fetch_emnist(delay=0).text.tolist() == TEXT
    assert [w.category for w in caught].count(UserWarning) == 2
    assert server.ranges == [None] * 3


def test_fetch_without_network(home, monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with pytest.raises(
        FileNotFoundError, match=r"emnist-gzip\.zip is not there, and downloading is"
    ):
        fetch_emnist(download_if_missing=False)
    with (
        pytest.warns(UserWarning, match="1 more try"),
        pytest.raises(
            OSError, match=r"can't download .* You can download https://biometrics\.nist"
        ),
    ):
        fetch_emnist(url="http://127.0.0.1:9/gzip.zip", n_retries=1, delay=0)
    assert left_behind(home) == []


# The real files


@pytest.mark.skipif(not (DATA / "emnist").is_dir(), reason="no ../shared/data")
def test_real_emnist_overlap():
    merged, text = load_emnist(DATA / "emnist", split="bymerge", subset="test", return_X_y=True)
    assert merged.shape == (116323, 28, 28)
    balanced = load_emnist(DATA / "emnist")
    assert len(balanced.images) == 4560
    known = {image.tobytes(): character for image, character in zip(merged, text, strict=True)}
    shared = [
        (character, known[image.tobytes()])
        for image, character in zip(balanced.images, balanced.text, strict=True)
        if image.tobytes() in known
    ]
    assert len(shared) == 611
    assert all(one == other for one, other in shared)


@pytest.mark.skipif(not (DATA / "mnist").is_dir(), reason="no ../shared/data")
def test_real_mnist():
    train, test = (load_mnist(DATA / "mnist", subset=subset) for subset in ("train", "test"))
    assert (len(train.images), len(test.images)) == (60000, 10000)
    assert "".join(train.text[:5]) == "50419"
    assert (len(set(train.writer)), len(set(test.writer))) == (539, 297)
    assert not set(train.writer) & set(test.writer)
