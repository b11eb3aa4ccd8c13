"""Load IAM-OnDB: pen strokes of English text written on a whiteboard."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import xml.etree.ElementTree as ET
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk._files import naming, read_file
from hwsk.datasets._data_home import (
    StrPath,
    find_file,
    find_parts,
    get_data_home,
    logger,
    open_folder,
    read_table,
    read_text_lines,
    walk_files,
    warn_left_out,
)

_LAYOUT = (
    "the folder of IAM-OnDB with lineStrokes-all.tar.gz and ascii-all.tar.gz (or folders "
    "lineStrokes and ascii), and for subsets task1/trainset.txt"
)
_LISTS = {"train": "trainset.txt"} | {f"test_{x}": f"testset_{x}.txt" for x in "tfv"}
_PLACEHOLDER = "Please Enter Transcription here"  # what the authors' tool left where no one typed
_DESCR = """\
IAM On-Line Handwriting Database (IAM-OnDB), subset: {subset}
Lines of English text written on a whiteboard, as strokes. {n} lines, {n_writers} known writers.
Free for non-commercial research after registration with the owners; not to be passed on.
M. Liwicki and H. Bunke, IAM-OnDB: an on-line English sentence database acquired from handwritten
text on a whiteboard, ICDAR 2005, 956-961.
"""


@validate_params(
    {
        "path": [str, os.PathLike],
        "subset": [StrOptions({"all", *_LISTS})],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_iam_online(
    path: StrPath,
    *,
    subset: str = "all",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load the lines of IAM-OnDB, as pen strokes, from a folder you have.

    Parameters
    ----------
    path : str or path
        The folder (or one archive of it) as distributed: ``lineStrokes-all.tar.gz`` (or
        ``.tar.xz``) and ``ascii-all.tar.gz``, or folders ``lineStrokes`` and ``ascii``; lists as
        ``task1/trainset.txt``; and, if there is one, ``writers.csv`` with columns form, writer.
    subset : {"all", "train", "test_t", "test_f", "test_v"}, default="all"
        Forms of the official lists (``trainset``, ``testset_t``, ...), whose writers are disjoint.
    data_home : str or path, default=None
        Where archives are unpacked and the parsed strokes are kept, so that a second call takes
        a second; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(strokes, text)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, all object arrays of the same length and order:

        strokes
            Float32 arrays ``(T, 3)``: dx, dy, pen_up; in the pen's own units, y downwards. The
            first row's offset is zero; the pen is lifted after a row whose third column is 1.
        text
            Transcripts, runs of blanks made one.
        writer
            Writer ids; ``""`` where ``writers.csv`` does not tell: such a line may be by anyone,
            also by one of the known writers, so leave it out where writers must be kept apart.
        form
            Form ids, such as ``"a01-000u"``.
        ids
            Line ids, such as ``"a01-000u-01"``.
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder, the strokes, the transcripts or the list are not there.
    ValueError
        If a file can't be read (it is named), or an archive is damaged or unsafe.

    Warns
    -----
    UserWarning
        If lines have no transcript or no ink: they are left out, counted.

    See Also
    --------
    load_iam : The same kind of text, on paper, as images.
    hwsk.preprocessing.StrokeRasterizer : Strokes to images.

    References
    ----------
    .. [1] M. Liwicki and H. Bunke, "IAM-OnDB: an on-line English sentence database acquired from
       handwritten text on a whiteboard", ICDAR 2005, 956-961.

    Examples
    --------
    >>> from hwsk.datasets import load_iam_online
    >>> lines = load_iam_online("iamondb", subset="train")  # doctest: +SKIP
    >>> lines.text[0], lines.strokes[0].shape  # doctest: +SKIP
    ('By Trevor Williams. A move to', (590, 3))
    """
    folder = open_folder(path, data_home, _LAYOUT)
    forms = None if subset == "all" else _read_list(folder, subset, data_home)
    strokes = {
        name: points
        for name, points in _read_strokes(folder, data_home)
        if forms is None or _split_id(name)[0] in forms
    }
    texts = _read_transcripts(folder, data_home, forms)

    kept = [name for name in strokes if name in texts and len(strokes[name])]
    if not kept:
        raise ValueError(
            f"no line of {folder} has strokes and a transcript: {len(strokes)} stroke files and "
            f"{len(texts)} lines of transcripts in the subset {subset!r}; expected {_LAYOUT}"
        )
    no_text = [name for name in strokes if name not in texts]
    no_ink = [name for name in texts if name not in strokes or not len(strokes[name])]
    warn_left_out(
        "line",
        f"of {folder} without transcript ({len(no_text)}) or without ink ({len(no_ink)})",
        no_text + no_ink,
    )
    data = object_array([strokes[name] for name in kept])
    text = object_array([texts[name] for name in kept])
    if return_X_y:
        return data, text
    table = find_file([folder], "writers.csv")
    rows = read_table(table, ["form", "writer"]) if table else []
    writers = {row["form"].strip(): row["writer"].strip() for _, row in rows}
    form = object_array([_split_id(name)[0] for name in kept])
    writer = object_array([writers.get(name, "") for name in form])
    n_writers = len(set(writer) - {""})
    return Bunch(
        strokes=data,
        text=text,
        writer=writer,
        form=form,
        ids=object_array(kept),
        DESCR=_DESCR.format(subset=subset, n=len(kept), n_writers=n_writers),
    )


def _split_id(name: str) -> tuple[str, int]:
    """`a01-000u-03` is line 3 of form a01-000u; what has no number is line 0, which never is."""
    match = re.fullmatch(r"(.+)-([0-9]+)", name)
    return (match[1], int(match[2])) if match else (name, 0)


def _read_list(folder: Path, subset: str, data_home: StrPath | None) -> set[str]:
    name = _LISTS[subset]
    file = find_file([folder, *find_parts(folder, "task1", data_home)], name)
    if file is None:
        raise FileNotFoundError(f"no {name}, the official list, in {folder} or its folder task1")
    return {line.strip() for line in read_text_lines(file)} - {""}


def _read_transcripts(
    folder: Path, data_home: StrPath | None, forms: set[str] | None
) -> dict[str, str]:
    parts = find_parts(folder, "ascii", data_home)
    if not parts:
        raise FileNotFoundError(
            f"no folder ascii, no ascii-all.tar.gz in {folder}; expected {_LAYOUT}"
        )
    texts = {}
    for part in parts:
        for file in walk_files(part, {".txt"}):
            if forms is None or file.stem in forms:
                for n, text in enumerate(_parse_transcript(read_text_lines(file, "latin-1")), 1):
                    texts[f"{file.stem}-{n:02d}"] = text
    return {name: text for name, text in texts.items() if text != _PLACEHOLDER}


def _parse_transcript(lines: Iterable[str]) -> list[str]:
    """The lines that are not blank after `CSR:`, the corrected transcript."""
    lines = [" ".join(line.split()) for line in lines]
    start = lines.index("CSR:") + 1 if "CSR:" in lines else len(lines)
    return [line for line in lines[start:] if line]


def _read_strokes(folder: Path, data_home: StrPath | None) -> list[tuple[str, NDArray[np.float32]]]:
    """Name and strokes of all files, parsed once and then read from the data home."""
    parts = find_parts(folder, "lineStrokes", data_home) or [folder]
    files = [file for part in parts for file in walk_files(part, {".xml"})]
    if not files:
        raise FileNotFoundError(
            f"no stroke files (*.xml) in {', '.join(map(str, parts))}; looked for "
            f"lineStrokes-all.tar.gz and a folder lineStrokes; expected {_LAYOUT}"
        )
    digest = hashlib.blake2b(digest_size=8)
    for file in files:
        status = file.stat()
        digest.update(f"{file.name} {status.st_size} {status.st_mtime_ns}\n".encode())
    cache = get_data_home(data_home) / "parsed" / f"iam_online-{digest.hexdigest()}.npz"
    names, lengths, points = _load_parsed(cache) or _parse_files(files, cache)
    return list(zip(names, np.split(points, np.cumsum(lengths)[:-1]), strict=True))


_Parsed = tuple[list[str], NDArray[np.int64], NDArray[np.float32]]


def _load_parsed(cache: Path) -> _Parsed | None:
    try:
        with open(cache, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            parsed = arrays["names"].tolist(), arrays["lengths"], arrays["points"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None  # not there, or damaged: parsed anew
    return parsed if parsed[1].sum() == len(parsed[2]) else None


def _parse_files(files: Sequence[Path], cache: Path) -> _Parsed:
    logger.info("parsing %d stroke files, once", len(files))
    strokes = [_parse_strokes(read_file(file), str(file)) for file in files]
    names = [file.stem for file in files]
    lengths = np.array([len(points) for points in strokes], dtype=np.int64)
    points = np.concatenate(strokes)
    cache.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".parsing-", dir=cache.parent) as temporary:
        made = Path(temporary, "parsed.npz")
        with naming(cache):
            np.savez(made, names=np.array(names), lengths=lengths, points=points)
        os.replace(made, cache)
    return names, lengths, points


def _parse_strokes(data: bytes, where: str) -> NDArray[np.float32]:
    """The offsets, `(T, 3)`, of the strokes in one XML file."""
    if not data:
        raise ValueError(f"{where} is empty (0 bytes), not a stroke file")
    try:
        root = ET.fromstring(data)
    except (ET.ParseError, LookupError, ValueError) as error:  # the others: odd encodings
        raise ValueError(f"{where} is damaged or no XML: {error}") from None
    coordinates: list[float] = []
    ends = []
    try:
        for stroke in root.iter("Stroke"):
            for point in stroke.iter("Point"):
                coordinates.append(float(point.attrib["x"]))
                coordinates.append(float(point.attrib["y"]))
            ends.append(len(coordinates) // 2 - 1)
    except KeyError as error:
        raise ValueError(f"{where}: point {len(coordinates) // 2} has no {error}") from None
    except ValueError as error:
        raise ValueError(f"{where}: point {len(coordinates) // 2}: {error}") from None
    points = np.zeros((len(coordinates) // 2, 3), dtype=np.float32)
    if len(points):
        xy = np.array(coordinates, dtype=np.float64).reshape(-1, 2)
        with np.errstate(over="ignore", invalid="ignore"):  # reported below
            points[1:, :2] = np.diff(xy, axis=0)
        points[[end for end in ends if end >= 0], 2] = 1
        if not (np.isfinite(xy).all() and np.isfinite(points).all()):
            raise ValueError(f"{where} holds coordinates that are not finite")
    return points
