"""Load drawings as pen strokes: sketch-rnn's npz files, and ndjson files of Quick, Draw!"""

from __future__ import annotations

import io
import json
import os
import pickle
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from numbers import Integral
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._data_home import (
    StrPath,
    find_written,
    largest_content,
    open_folder,
    walk_files,
    warn_left_out,
)
from hwsk.preprocessing._stroke_drawing import _draw_lines

Strokes = NDArray[np.float32]

_SUBSETS = ("train", "valid", "test")
_NPZ, _NDJSON = ".npz", ".ndjson"
# What the files of Quick, Draw! bear around the name of the category.
_CATEGORY = re.compile(r"(?:full_simplified_|full_raw_|full_binary_|sketchrnn_)?(.+?)(?:\.full)?")
_LAYOUT = (
    "a .npz file of sketch-rnn (arrays train, valid, test), an .ndjson file of Quick, Draw!, or a "
    "folder or archive of such files"
)
_DESCR = """\
Sketches
{n} drawings as pen strokes, of {n_categories} categories: {categories}. No writers.
From {files} file(s) in the form of sketch-rnn or Quick, Draw!; who may use them depends on the set:
Quick, Draw! is CC BY 4.0 (Google), Aaron Koblin's sheep CC BY-NC 4.0, KanjiVG CC BY-SA 3.0,
Omniglot MIT.
D. Ha and D. Eck, A neural representation of sketch drawings, ICLR 2018, arXiv:1704.03477.
"""


class _Sketch(NamedTuple):
    strokes: Strokes
    category: str
    subset: str
    id: str
    recognized: bool | None


@validate_params(
    {
        "path": [str, os.PathLike],
        "subset": [StrOptions({*_SUBSETS, "all"})],
        "limit": [Interval(Integral, 1, None, closed="left"), None],
        "as_images": ["boolean"],
        "size": [Interval(Integral, 8, None, closed="left")],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_sketches(
    path: StrPath,
    *,
    subset: str = "all",
    limit: int | None = None,
    as_images: bool = False,
    size: int = 64,
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load drawings as pen strokes, and as images, from files you have.

    Parameters
    ----------
    path : str or path
        One file, or a folder or archive that has such files at any depth: ``.npz`` of sketch-rnn or
        of Quick, Draw!, with the arrays ``train``, ``valid`` and ``test``; or ``.ndjson`` of Quick,
        Draw!, raw or simplified, a drawing in each line.
    subset : {"all", "train", "valid", "test"}, default="all"
        The official division; ndjson files have none.
    limit : int, default=None
        At most so many drawings of each subset of each file, the first ones. None: all.
    as_images : bool, default=False
        Whether to draw them.
    size : int, default=64
        Height and width of the images in pixels.
    data_home : str or path, default=None
        Where archives are unpacked, once; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(strokes, category)`` only; with `as_images`, ``(images, category)``.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, where n is the number of drawings:

        strokes
            Float32 arrays ``(T, 3)``: dx, dy (downwards), pen_up (object array). The first row is
            no movement; where a file of sketch-rnn leaves out this starting point, it is added.
            Lengths in the units of the file.
        images
            With `as_images`: uint8 array ``(n, size, size)``, dark ink on white, the proportions
            kept, in the middle.
        category
            What is drawn: the ``word`` of an ndjson line, else the name of the file (object array).
        subset
            ``"train"``, ``"valid"`` or ``"test"``, ``""`` for ndjson (object array).
        recognized
            Whether the game recognised the drawing; None where the file does not tell (object
            array).
        ids
            The ``key_id`` of an ndjson line, else the file, the subset and the number (object
            array).
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If a file is damaged, has no such subset, or holds something that is not a
        drawing; the message names the file and the drawing or line. Also if an npz file names
        anything but numpy's arrays: it is read by a reader of its own, that calls nothing that the
        file asks for.

    Warns
    -----
    UserWarning
        If drawings have no point: they are left out, counted.

    See Also
    --------
    load_iam_online : Handwriting as pen strokes.
    hwsk.preprocessing.StrokeRasterizer : Draw strokes as images.

    References
    ----------
    .. [1] D. Ha and D. Eck, "A neural representation of sketch drawings", ICLR 2018,
       arXiv:1704.03477.

    Examples
    --------
    >>> from hwsk.datasets import load_sketches
    >>> sheep = load_sketches("aaron_sheep.npz", subset="train", as_images=True)  # doctest: +SKIP
    >>> sheep.images.shape, sheep.category[0]  # doctest: +SKIP
    ((7400, 64, 64), 'aaron_sheep')
    """
    folder, files = _find_files(path, data_home)
    sketches: list[_Sketch] = []
    for file in files:
        name = file.relative_to(folder).with_suffix("").as_posix()
        if file.suffix.lower() == _NPZ:
            sketches += _read_npz(file, name, subset, limit)
        elif subset == "all":
            sketches += islice(_read_ndjson(file, name), limit)
        else:
            raise ValueError(f"{file} has no division into subsets; pass subset='all'")
    without = [sketch.id for sketch in sketches if not len(sketch.strokes)]
    warn_left_out("drawing", f"without a point in {path}", without)
    sketches = [sketch for sketch in sketches if len(sketch.strokes)]
    if not sketches:
        raise ValueError(f"{', '.join(map(str, files[:3]))}: no drawing in the subset {subset!r}")
    strokes = object_array([sketch.strokes for sketch in sketches])
    category = object_array([sketch.category for sketch in sketches])
    images = np.stack([_draw_square(sample, size) for sample in strokes]) if as_images else None
    if return_X_y:
        return strokes if images is None else images, category
    names = sorted(set(category))
    data = Bunch(
        strokes=strokes,
        category=category,
        subset=object_array([sketch.subset for sketch in sketches]),
        recognized=object_array([sketch.recognized for sketch in sketches]),
        ids=object_array([sketch.id for sketch in sketches]),
        DESCR=_DESCR.format(
            n=len(sketches),
            n_categories=len(names),
            categories=", ".join(names[:10]) + (", ..." if len(names) > 10 else ""),
            files=len(files),
        ),
    )
    if images is not None:
        data.images = images
    return data


def _find_files(path: StrPath, data_home: StrPath | None) -> tuple[Path, list[Path]]:
    """The files, and the folder by which they are called."""
    file = find_written(Path(path).expanduser().absolute())
    if file.suffix.lower() in (_NPZ, _NDJSON) and file.is_file():
        return file.parent, [file]
    folder = open_folder(path, data_home, _LAYOUT)
    files = list(walk_files(folder, {_NPZ, _NDJSON}))
    if not files:
        raise FileNotFoundError(
            f"no {_NPZ} or {_NDJSON} file in {folder} or below; expected {_LAYOUT}"
        )
    return folder, files


def _category(file: Path) -> str:
    match = _CATEGORY.fullmatch(file.stem)
    return match[1] if match else file.stem


def _read_npz(file: Path, name: str, subset: str, limit: int | None) -> Iterator[_Sketch]:
    wanted = _SUBSETS if subset == "all" else (subset,)
    try:
        with zipfile.ZipFile(file) as archive:
            held = {Path(member.filename).stem: member for member in archive.infolist()}
            parts = {part: held[part] for part in wanted if part in held}
            most = largest_content(file.stat().st_size)
            if sum(member.file_size for member in parts.values()) > most:
                raise ValueError(f"{file} unpacks to more than {most >> 20} MB")
            data = {part: archive.read(member) for part, member in parts.items()}
    except Exception as error:  # zipfile raises nearly anything over bytes that are not an archive
        raise ValueError(f"{file} is damaged, cut short or no npz file ({error})") from error
    if not data:
        raise ValueError(f"{file} has no array {' or '.join(wanted)}; it holds {sorted(held)}")
    for part, content in data.items():
        for number, array in enumerate(_read_npy(content, f"{file}, {part}")[:limit]):
            strokes = _check_stroke3(array, f"{file}, {part}, drawing {number}")
            yield _Sketch(strokes, _category(file), part, f"{name}-{part}-{number:05d}", None)


def _check_stroke3(array: Any, where: str) -> Strokes:
    shape, kind = np.shape(array), np.asarray(array).dtype.kind
    if len(shape) != 2 or shape[1] != 3 or kind not in "iuf":
        raise ValueError(f"{where} has shape {shape}; expected (T, 3): dx, dy, pen lifted")
    strokes = np.array(array, np.float32)
    if not np.isfinite(strokes).all() or not np.isin(strokes[:, 2], (0, 1)).all():
        raise ValueError(f"{where} holds NaN or infinity, or its third column is not 0 or 1")
    # The pen starts at the origin (Ha and Eck, section 3.1), which most files leave out: without
    # that point the first line of each drawing would be lost.
    if strokes[:1, :2].any():
        strokes = np.concatenate([np.zeros((1, 3), np.float32), strokes])
    return strokes


def _read_ndjson(file: Path, name: str) -> Iterator[_Sketch]:
    with open(file, encoding="utf-8") as lines:
        for number, line in enumerate(_decoded(lines, file), 1):
            if not line.strip():
                continue
            where = f"{file}, line {number}"
            try:
                record = json.loads(line)
                drawing = record["drawing"]
            except (ValueError, KeyError, TypeError, RecursionError) as error:
                raise ValueError(
                    f"{where}: expected a JSON object with 'drawing' ({error!r}; cut short?); "
                    f"found: {line[:60]!r}"
                ) from None
            yield _Sketch(
                _join_lines(drawing, where),
                str(record.get("word", _category(file))),
                "",
                str(record.get("key_id", f"{name}-{number:05d}")),
                record.get("recognized"),
            )


def _decoded(lines: Iterable[str], file: Path) -> Iterator[str]:
    try:
        yield from lines
    except UnicodeDecodeError as error:
        raise ValueError(f"{file} is not UTF-8 ({error.reason} at byte {error.start})") from None


def _join_lines(drawing: Any, where: str) -> Strokes:
    """Lines `[[x, ...], [y, ...]]`, perhaps with times, as offsets."""
    try:
        lines = [np.array([line[0], line[1]], np.float64).T for line in drawing]
    except (TypeError, ValueError, LookupError, OverflowError) as error:
        raise ValueError(
            f"{where}: expected strokes [[x, ...], [y, ...]], as many x as y ({error})"
        ) from None
    lines = [line for line in lines if line.size]
    if not lines:
        return np.empty((0, 3), np.float32)
    points = np.concatenate(lines)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise ValueError(f"{where}: expected strokes [[x, ...], [y, ...]] of finite numbers")
    pen_up = np.zeros(len(points))
    pen_up[np.cumsum([len(line) for line in lines]) - 1] = 1
    offsets = np.diff(points, axis=0, prepend=points[:1])
    with np.errstate(over="ignore"):
        strokes = np.column_stack([offsets, pen_up]).astype(np.float32)
    if not np.isfinite(strokes).all():
        raise ValueError(f"{where}: coordinates are too large")
    return strokes


def _draw_square(strokes: Strokes, size: int) -> NDArray[np.uint8]:
    """The drawing in the middle of a square, as large as its longer side allows."""
    pen_width = max(1.0, size / 32)
    points = np.cumsum(strokes[:, :2], axis=0, dtype=np.float64)
    low, high = points.min(axis=0), points.max(axis=0)
    extent = max(high - low)
    room = size - 2 * (size // 16) - pen_width
    points = (points - (low + high) / 2) * (room / extent if extent else 1.0) + size / 2
    ends = np.flatnonzero(strokes[:-1, 2] == 1) + 1
    return _draw_lines(np.split(points, ends), (size, size), pen_width, ink=0)


# A pickle can name any function to be called on loading. numpy's own constructors are not safe
# either: a dtype's state can make them take bytes for pointers. So stand-ins only record the
# arguments of numpy's constructors, and the arrays are made from these records.


class _PickledType:
    def __init__(self, code: str = "", *_: Any) -> None:
        self.code, self.order = code, "="

    def __setstate__(self, state: Sequence[Any]) -> None:
        self.order = str(state[1])


class _PickledArray:
    def __init__(self, *_: Any) -> None:
        self.state: Any = None

    def __setstate__(self, state: Any) -> None:
        self.state = state

    def restore(self) -> Any:
        """The list of objects of an object array, or an array of numbers."""
        _, shape, dtype, fortran, data = self.state
        if dtype.code.startswith("O"):
            return [item.restore() if isinstance(item, _PickledArray) else item for item in data]
        kind = np.dtype(("=" if dtype.order == "|" else dtype.order) + dtype.code)
        if kind.kind not in "iufb":
            raise ValueError(f"an array of type {kind}")
        content = data.encode("latin1") if isinstance(data, str) else bytes(data)
        return np.frombuffer(content, kind).reshape(shape, order="F" if fortran else "C")


_STAND_INS: dict[tuple[str, str], Any] = {
    ("numpy", "dtype"): _PickledType,
    ("numpy", "ndarray"): _PickledArray,
    ("numpy.core.multiarray", "_reconstruct"): _PickledArray,
    ("numpy._core.multiarray", "_reconstruct"): _PickledArray,
}


class _ArrayUnpickler(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """Python's own unpickler: that in C sizes its memory by numbers in the file."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("_codecs", "encode"):  # how a pickle of protocol 2 writes bytes
            return lambda text, encoding: text.encode("latin1")  # anew: a pickle may set attributes
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which may run code")
        return _STAND_INS[module, name]


def _read_npy(content: bytes, where: str) -> Any:
    """The drawings of an npy file, without running anything that a pickle in it asks for."""
    stream = io.BytesIO(content)
    try:
        version = np.lib.format.read_magic(stream)
        header = np.lib.format.read_array_header_1_0
        header = header if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        if not dtype.hasobject:
            size = dtype.itemsize * int(np.prod(shape, dtype=object))
            if size != len(content) - stream.tell():
                raise ValueError(f"its header says {size} bytes, and there are others")
            stream.seek(0)
            return np.lib.format.read_array(stream, allow_pickle=False)
        array = _ArrayUnpickler(stream, encoding="latin1").load()
        drawings = array.restore() if isinstance(array, _PickledArray) else list(array)
    except Exception as error:  # whatever a damaged or hostile file makes a parser raise
        raise ValueError(f"{where}: no readable array of drawings ({error!r:.200})") from error
    # Each value takes a byte at least, unless one drawing is named many times.
    if sum(np.size(drawing) for drawing in drawings) > len(content):
        raise ValueError(f"{where}: drawings are named more than once")
    return drawings
