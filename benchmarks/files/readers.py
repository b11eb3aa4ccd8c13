"""What `fuzz.py` reads: readers, valid files to damage, files written to do harm, and checks."""

from __future__ import annotations

import copy
import gzip
import io
import json
import lzma
import pickle
import tarfile
import tempfile
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from skorch.callbacks import Callback

import hwsk
from hwsk._data.images import LazyImages
from hwsk.callbacks import Checkpoint, _state, identify_fit
from hwsk.datasets import load_lines, load_sketches, load_strokes, make_handwriting
from hwsk.datasets._data_home import read_text_lines, unpack
from hwsk.datasets._iam import parse_forms, parse_rows
from hwsk.datasets._iam_online import _parse_strokes
from hwsk.datasets._idx import read_idx, read_pixel_csv
from hwsk.documents import Line, Page, Region
from hwsk.persistence._estimators import declared, public_name
from hwsk.recognition import NgramLanguageModel

FORMAT_1 = Path(__file__).parents[2] / "tests" / "data" / "format1"


def anything(result: Any) -> None:
    """Let every result pass."""


@dataclass
class Reader:
    """One reader.

    Parameters
    ----------
    suffix : str
        Of its files.
    read : callable
        `read(path)`.
    seeds : list of bytes
        Valid files.
    hostile : list of bytes
        Files that are to be refused, and at once.
    check : callable
        `check(result)` raises AssertionError for what may never come out.
    is_text : bool
        Whether lines and numbers are changed, too.
    weight : float
        How many files, beside the others.
    """

    suffix: str
    read: Callable[[Path], Any]
    seeds: list[bytes]
    hostile: list[bytes] = field(default_factory=list)
    check: Callable[[Any], None] = anything
    is_text: bool = True
    weight: float = 1.0


def check_strokes(strokes: Any) -> None:
    """Offsets of a pen: three finite numbers a row, the last 0 or 1."""
    assert strokes.ndim == 2 and strokes.shape[1] == 3 and strokes.dtype == np.float32
    assert np.isfinite(strokes).all() and np.isin(strokes[:, 2], (0, 1)).all()


def check_estimator(estimator: Any) -> None:
    """Only declared attributes, none of which hides a method; then it may predict, or raise."""
    cls = type(estimator)
    foreign = vars(estimator).keys() - set(estimator.get_params(deep=False))
    foreign -= declared(public_name(cls)).names() | {"net_"}
    assert not foreign, foreign
    if hasattr(estimator, "net_"):
        for name, weight in estimator.net_.module_.state_dict().items():
            assert bool(torch.isfinite(weight).all()), name
    estimator._repr_html_()
    for method in ("predict", "transform"):
        for inputs in PREDICTED.get(cls.__name__, []):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    getattr(estimator, method)(inputs)
                except Exception:  # values of a model may be senseless; they may not crash or hang
                    continue


def _predicted() -> dict[str, list[Any]]:
    inputs: dict[str, list[Any]] = {}
    for case in sorted(FORMAT_1.glob("*.npz")):
        X = np.load(case)["X"]
        inputs.setdefault(case.stem.partition("-")[0], []).append(
            X.tolist() if X.dtype.kind == "U" else list(X)
        )
    rng = np.random.default_rng(0)
    for name in ("KNeighborsClassifier", "SVC", "KMeans", "OneHotEncoder", "Pipeline", "PCA"):
        inputs.setdefault(name, []).append(rng.normal(size=(3, 5)))
    inputs["CountVectorizer"] = [["the fox", "a dog"]]
    return inputs


PREDICTED = _predicted()


def _saved(estimator: Any) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.hwsk")
        hwsk.save(estimator, path)
        return path.read_bytes()


def model_seeds() -> list[bytes]:
    """A small file of each class of hwsk, of both formats, and some of scikit-learn's."""
    from sklearn.cluster import KMeans
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.preprocessing import OneHotEncoder
    from sklearn.svm import SVC

    seeds = [file.read_bytes() for file in sorted(FORMAT_1.glob("*.hwsk"))]
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for content in list(seeds):
            path = Path(folder, "model.hwsk")
            path.write_bytes(content)
            seeds.append(_saved(hwsk.load(path)))
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(20, 5)), np.arange(20) % 3
    seeds += [
        _saved(SVC(probability=False).fit(X, y)),
        _saved(KNeighborsClassifier(algorithm="brute").fit(X, y)),
        _saved(KMeans(2, n_init=1).fit(X)),
        _saved(OneHotEncoder().fit(X.round())),
        _saved(CountVectorizer().fit(["the fox", "a dog the"])),
    ]
    return seeds


def large_model() -> bytes:
    """A model whose weights take megabytes, of bytes that repeat."""
    return lzma.decompress((FORMAT_1 / "WriterEmbedder.hwsk.xz").read_bytes())


def _zipped(files: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def _tarred(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def _npz(**arrays: Any) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    return stream.getvalue()


def _npy(header: dict[str, Any], content: bytes) -> bytes:
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, header)
    return _zipped({"train.npy": stream.getvalue() + content})


OBJECTS = {"descr": "|O", "fortran_order": False, "shape": (1,)}
SVG = '<svg xmlns="http://www.w3.org/2000/svg">{}</svg>'
INK = '<ink xmlns="http://www.w3.org/2003/InkML">{}</ink>'


def _nested_use(depth: int) -> str:
    groups = "".join(
        f'<g id="a{i}">' + f'<use href="#a{i + 1}"/>' * 2 + "</g>" for i in range(depth)
    )
    return SVG.format(f'{groups}<g id="a{depth}"><path stroke="red" d="M0 0L1 9L2 0"/></g>')


def _arpa() -> bytes:
    model = NgramLanguageModel(order=3).fit(["the cat", "the hat", "a cat that"])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.arpa")
        model.write_arpa(path)
        return path.read_bytes()


def read_arpa(path: Path) -> Any:
    """A model, that was asked for probabilities."""
    model = NgramLanguageModel.read_arpa(path)
    return model.log_prob(["the cat sat", "zz"])


def _images() -> dict[str, list[bytes]]:
    image = make_handwriting(1, texts=["on"], height=24, random_state=0).images[0]
    stored = {}
    for suffix in (".png", ".jpg", ".tif", ".bmp", ".webp"):
        stored[suffix] = [cv2.imencode(suffix, image)[1].tobytes()]
        stored[suffix].append(cv2.imencode(suffix, cv2.merge([image] * 3))[1].tobytes())
    return stored


def _png_of(width: int, height: int) -> bytes:
    import struct
    import zlib

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(1000))
    start = b"\x89PNG\r\n\x1a\n"
    return start + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def _read_image(path: Path) -> Any:
    return LazyImages([str(path)])[0]


def check_image(image: Any) -> None:
    """A grey image."""
    assert image.ndim == 2 and image.size and np.isfinite(image.astype(float)).all()


def check_drawings(data: Any) -> None:
    """A set of drawings."""
    for strokes in data.strokes:
        check_strokes(strokes)


def check_lines(data: Any) -> None:
    """Paths with texts, as many of the one as of the other."""
    assert len(data.images) == len(data.text) and all(isinstance(t, str) for t in data.text)


def _pages() -> dict[str, list[bytes]]:
    lines = [
        Line("Dear Sir", polygon=[(1, 1), (90, 1), (90, 20)], baseline=[(1, 15), (90, 15)], id="a"),
        Line("I am", polygon=[(1, 30), (90, 30), (90, 50), (1, 50)], id="b"),
    ]
    page = Page(100, 120, [Region(lines, id="r1")], "a.png")
    return {
        "page": [page.to_page_xml().encode()],
        "alto": [page.to_alto().encode()],
        "json": [page.to_json().encode()],
    }


class _Stop(Callback):
    def on_train_begin(self, net: Any, X: Any = None, **kwargs: Any) -> None:
        self.net, self.dataset = copy.deepcopy(net), X


def _checkpoint() -> tuple[bytes, Callable[[Path], Any]]:
    images = make_handwriting(6, texts=["on"], height=16, random_state=0)
    keep = _Stop()
    model = hwsk.CTCRecognizer(
        height=16, channels=(2, 2, 2), dense_units=2, hidden_units=2, num_layers=1, max_epochs=1,
        callbacks=[keep], random_state=0, device="cpu",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(images.images, images.text)
    stream = io.BytesIO()
    torch.save({"fit": identify_fit(keep.net, keep.dataset), **_state(keep.net)}, stream)

    def read(path: Path) -> Any:
        net = copy.deepcopy(keep.net)
        Checkpoint(path).on_train_begin(net, keep.dataset)
        return net

    return stream.getvalue(), read


def check_net(net: Any) -> None:
    """Weights that are numbers."""
    assert all(bool(torch.isfinite(value).all()) for value in net.module_.state_dict().values())


def _idx(array: Any) -> bytes:
    header = [0x800 + array.ndim, *array.shape]
    return b"".join(number.to_bytes(4, "big") for number in header) + array.tobytes()


def make_readers() -> dict[str, Reader]:
    """All readers by name."""
    rng = np.random.default_rng(0)
    drawing = np.cumsum(rng.integers(-3, 4, (30, 3)), axis=0).astype(np.int16)
    drawing[:, 2] = 0
    drawing[-1, 2] = 1
    drawings = np.empty(3, object)
    drawings[:] = [drawing, drawing[10:], drawing[5:]]
    wave = ",".join(f"{i} {(i * 7) % 11}" for i in range(40))
    path = (
        "M0 0" + "".join(f"L{i} {(i * 7) % 11}" for i in range(40)) + "C1 2 3 4 5 6a3 3 0 0 1 2 2z"
    )
    checkpoint, read_checkpoint = _checkpoint()
    pages = _pages()
    readers = {
        "load": Reader(
            ".hwsk", hwsk.load, model_seeds(), check=check_estimator, is_text=False, weight=8
        ),
        "inkml": Reader(
            ".inkml",
            load_strokes,
            [
                INK.format(
                    f"<trace>{wave}</trace><trace>50 0, 51 9, '1'2, \"1\"-1</trace>"
                ).encode(),
                INK.format(
                    '<definitions><context xml:id="c"><traceFormat><channel name="X" units="cm"/>'
                    '<channel name="Y" units="cm"/></traceFormat><canvasTransform><mapping '
                    'type="affine"><affine>2 0 1, 0 2 1</affine></mapping></canvasTransform>'
                    f'</context></definitions><trace contextRef="#c">{wave}</trace>'
                ).encode(),
            ],
            [
                INK.format(f"<trace>{wave}, 1e12 0</trace>").encode(),
                INK.format(f"<trace>{wave}, 1e308 -1e308</trace>").encode(),
                INK.format("<traceGroup>" * 50_000 + "</traceGroup>" * 50_000).encode(),
                INK.format("<trace>" + "0 0," * 3_000_000 + "1 1</trace>").encode(),
                b'<!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><ink><trace>&b;</trace></ink>',
            ],
            check_strokes,
        ),
        "svg": Reader(
            ".svg",
            load_strokes,
            [
                SVG.format(f'<g stroke="red" transform="scale(2)"><path d="{path}"/></g>').encode(),
                SVG.format(
                    f'<style>.i{{stroke:blue}}</style><defs><path id="p" d="{path}"/></defs>'
                    '<use href="#p" class="i"/><polyline points="1,2 3,9 5,2" stroke="red"/>'
                ).encode(),
            ],
            [
                _nested_use(30).encode(),
                SVG.format('<g id="a"><use href="#a"/></g>').encode(),
                SVG.format("<g>" * 50_000 + "</g>" * 50_000).encode(),
                SVG.format(f'<path stroke="red" d="{path}L1e13 0"/>').encode(),
                SVG.format(f'<path stroke="red" d="M0 0{"C1 1 2 2 3 3" * 400_000}"/>').encode(),
            ],
            check_strokes,
        ),
        "stroke json": Reader(
            ".json",
            load_strokes,
            [
                json.dumps([[[i, (i * 7) % 11] for i in range(40)], [[50, 0], [51, 9]]]).encode(),
                json.dumps(
                    {"strokes": [{"x": [1, 2, 3, 9], "y": [1, 5, 2, 4], "t": [0, 1, 2, 3]}]}
                ).encode(),
                json.dumps([[{"x": 1, "y": 2}, {"x": 5, "y": 3}, {"x": 6, "y": 9}]]).encode(),
            ],
            [
                b"[" * 200_000 + b"]" * 200_000,
                b"[[[1, 2], [3, 1e400]]]",
                b"[[[1, 2], [NaN, 4]]]",
                b"[[[0, 0], [1e300, 1], [2, 5]]]",
                b"[[" + b"[1, 2]," * 2_000_000 + b"[3, 4]]]",
                b'{"strokes": [{"x": [' + b"9" * 100_000 + b'], "y": [1]}]}',
            ],
            check_strokes,
        ),
        "npz": Reader(
            ".npz",
            load_sketches,
            [
                _npz(train=drawings, valid=drawings[:1], test=drawings[1:]),
                _npz(train=np.stack([drawing, drawing])),
            ],
            [
                _npy({**OBJECTS, "descr": "<i2", "shape": (10**11, 5, 3)}, bytes(90)),
                _npy(OBJECTS, b"\x80\x02r\xff\xff\xff\x0f."),
                _npy(OBJECTS, b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."),
                _npy(OBJECTS, pickle.dumps(np.array([drawing] * 9, object), 2)[:-40]),
                _zipped({"train.npy": bytes(2_000_000_000 >> 1)}),
            ],
            check_drawings,
            is_text=False,
        ),
        "ndjson": Reader(
            ".ndjson",
            load_sketches,
            [
                b'{"word": "cat", "key_id": "1", "recognized": true, '
                b'"drawing": [[[0, 5, 9], [1, 2, 3]], [[4, 4], [8, 9]]]}\n' * 3
            ],
            [
                b'{"drawing": ' + b"[" * 200_000 + b"]" * 200_000 + b"}",
                b'{"drawing": [[[1e300, -1e300], [0, 1]]]}',
                b'{"drawing": [[[' + b"9" * 5000 + b"], [1]]]}",
            ],
            check_drawings,
        ),
        "arpa": Reader(
            ".arpa",
            read_arpa,
            [_arpa()],
            [
                b"\\data\\\nngram 1=500000000\n\n\\1-grams:\n-1\ta\n",
                b"\\data\\\n" + b"ngram 1=1\n" * 100_000,
                b"\\data\\\nngram 1=" + b"9" * 5000 + b"\n\n\\1-grams:\n",
            ],
            lambda values: _assert(np.isfinite(values).all()),
        ),
        "table": Reader(
            ".csv",
            load_lines,
            [b"path,text,writer\na.png,one,w1\na.png,two,w2\n"],
            [
                b'path,text\na.png,"' + b"x" * 1_000_000,
                b"\xff\xfe" + "path,text".encode("utf-16-le"),
            ],
            check_lines,
        ),
        "idx": Reader(
            ".idx",
            lambda path: read_idx(path, ndim=3),
            [
                _idx(rng.integers(0, 256, (3, 28, 28)).astype(np.uint8)),
                gzip.compress(_idx(rng.integers(0, 256, (3, 28, 28)).astype(np.uint8))),
            ],
            [
                b"\x00\x00\x08\x03" + b"\xff" * 12,
                gzip.compress(b"\x00\x00\x08\x03" + bytes(1_500_000_000)),
            ],
            is_text=False,
        ),
        "pixel csv": Reader(
            ".csv",
            read_pixel_csv,
            [b"".join(b",".join([b"%d" % (i % 9)] * 785) + b"\n" for i in range(3))],
        ),
        "archive": Reader(
            ".zip",
            lambda path: unpack(path, path.parent / "home"),
            [_zipped({"a.png": bytes(300), "b/c.txt": b"one two" * 30})],
            [
                _zipped({"../a.txt": b"out"}),
                _zipped({"/a.txt": b"out"}),
                _zipped({"a": bytes(1_300_000_000)}),
            ],
            is_text=False,
        ),
        "tgz": Reader(
            ".tgz",
            lambda path: unpack(path, path.parent / "home"),
            [
                _tarred({"a.png": bytes(300), "b/c.txt": b"one two" * 30}),
                _tarred({"a.txt": b"one"}, "w"),
            ],
            [_tarred({"../a.txt": b"out"}), _tarred({"a": bytes(1_300_000_000)})],
            is_text=False,
        ),
        "iam lines": Reader(
            ".txt",
            lambda path: parse_rows(read_text_lines(path), str(path), "line", _FORMS),
            [b"#--- lines.txt ---#\na01-000u-00 ok 154 19 408 746 1661 89 A|MOVE|to|stop\n" * 2],
        ),
        "iam forms": Reader(
            ".txt",
            lambda path: parse_forms(read_text_lines(path), str(path)),
            [b"a01-000u 000 2 prt 2 1 9 7\nb02-001 007 1 all 1 1 2 2\n"],
        ),
        "iam online": Reader(
            ".xml",
            lambda path: _parse_strokes(path.read_bytes(), str(path)),
            [
                b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<WhiteboardCaptureSession>'
                b'<StrokeSet><Stroke colour="black" start_time="1" end_time="2">'
                b'<Point x="1" y="2" time="1"/><Point x="3" y="5" time="2"/></Stroke><Stroke>'
                b'<Point x="8" y="5" time="3"/></Stroke></StrokeSet></WhiteboardCaptureSession>\n'
            ],
            [
                b'<!DOCTYPE x [<!ENTITY a "haha"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>',
                b"<a>" * 100_000 + b"</a>" * 100_000,
            ],
            check_strokes,
        ),
        "checkpoint": Reader(
            ".ckpt",
            read_checkpoint,
            [checkpoint],
            [pickle.dumps({"fit": 1}, 2), b"\x80\x02cos\nsystem\nX\x02\x00\x00\x00ls\x85R."],
            check_net,
            is_text=False,
            weight=0.5,
        ),
    }
    for suffix, seeds in _images().items():
        hostile = [_png_of(60_000, 60_000), _png_of(30_000, 30_000)] if suffix == ".png" else []
        readers[f"image {suffix}"] = Reader(
            suffix, _read_image, seeds, hostile, check_image, is_text=False, weight=0.5
        )
    for name, seeds in pages.items():
        suffix = ".json" if name == "json" else ".xml"
        readers[f"page {name}"] = Reader(suffix, Page.load, seeds, weight=0.5)
    return readers


_FORMS = {"a01-000u": ("000", "ok")}


def _assert(condition: Any) -> None:
    assert condition
