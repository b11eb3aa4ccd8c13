"""Load the IAM Handwriting Database: offline English text, as lines, words and forms."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._data_home import (
    IMAGE_SUFFIXES,
    StrPath,
    find_file,
    find_parts,
    open_folder,
    read_text_lines,
    walk_files,
    warn_left_out,
)
from hwsk.datasets._usable import keep_usable

_LAYOUT = (
    "the folder of the IAM database with lines.tgz, words.tgz or forms.tgz (or folders lines, "
    "words, forms) and ascii/forms.txt, ascii/lines.txt, ascii/words.txt"
)
_DESCR = """\
IAM Handwriting Database, level: {level}
Offline English handwriting with transcripts and writers. {n} images, {n_writers} writers.
Free for non-commercial research after registration with the owners; not to be passed on.
U.-V. Marti and H. Bunke, The IAM-database: an English sentence database for offline handwriting
recognition, IJDAR 5 (2002) 39-46.
"""
_ID = {"line": re.compile(r"(.+)-\d+"), "word": re.compile(r"(.+?)-\d+-\d+")}
_FIELDS = {
    "line": "id, ok|err, gray level, components, x, y, w, h, transcription",
    "word": "id, ok|err, gray level, x, y, w, h, tag, transcription",
    "form": "id, writer, sentences, prt|all, lines, lines ok, words, words ok",
}


class Row(NamedTuple):
    id: str
    form: str
    segmentation: str
    text: str
    box: tuple[int, ...] = ()  # x, y, width, height on the page, of lines and words


class _Subset(NamedTuple):
    folder: Path  # holds the table
    parts: list[Path]  # hold the images


@validate_params(
    {
        "path": [str, os.PathLike],
        "level": [StrOptions({"line", "word", "form"})],
        "segmentation": [StrOptions({"all", "ok"})],
        "as_arrays": ["boolean"],
        "on_error": [StrOptions({"warn", "raise"})],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_iam(
    path: StrPath,
    *,
    level: str = "line",
    segmentation: str = "all",
    as_arrays: bool = False,
    on_error: str = "warn",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load lines, words or forms of the IAM Handwriting Database from a folder you have.

    Parameters
    ----------
    path : str or path
        The folder (or one archive of it) as distributed: ``lines.tgz``, ``words.tgz``,
        ``forms*.tgz`` or folders of these names unpacked, and ``ascii/*.txt`` (or ``ascii.tgz``,
        or the text files beside the archives). Kaggle's subset of line images, which has no
        transcripts, is read too: ``data_subset/data_subset/*.png`` and ``forms_for_parsing.txt``,
        by its folder, the folder above, the folder of the images, or an archive of it.
    level : {"line", "word", "form"}, default="line"
        What one image shows.
    segmentation : {"all", "ok"}, default="all"
        With "ok", only lines whose word segmentation is marked ``ok`` (words: likewise; forms:
        those where all lines are). A line marked ``err`` has a right transcript and a right image
        all the same; it is its division into words that failed.
    as_arrays : bool, default=False
        Whether to decode the images. Otherwise they are file paths, which every estimator takes.
    on_error : {"warn", "raise"}, default="warn"
        What to do about image files that can't be used. With "warn" they are left out and counted
        in one warning; with "raise", one error names all. Empty, cut short and foreign files
        are always found, damage inside where images are decoded.
    data_home : str or path, default=None
        Where archives are unpacked, once; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, text)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, all object arrays of the same length and order:

        images
            File paths, or 2-D uint8 arrays.
        text
            Transcripts; the words of a line are separated by blanks (a punctuation mark is a word),
            the lines of a form by line breaks. Empty where there is none.
        writer
            Writer ids as in ``forms.txt``, such as ``"000"``: the groups of a split.
        form
            Form ids, such as ``"a01-000u"``.
        ids
            Ids of the line, word or form.
        segmentation
            ``"ok"`` or ``"err"``.
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder, a table or the images are not there.
    ValueError
        If a row can't be read or its form is unknown, if an archive is damaged or unsafe, or if
        words or forms are asked for and there is only Kaggle's subset.

    Warns
    -----
    UserWarning
        If rows have no image, or one that can't be used: they are left out, counted.

    See Also
    --------
    load_iam_online : The same texts on a whiteboard, as pen strokes.
    load_lines : Your own images.
    top_writers : Rows of the writers with the most samples.

    References
    ----------
    .. [1] U.-V. Marti and H. Bunke, "The IAM-database: an English sentence database for offline
       handwriting recognition", IJDAR 5, 2002, 39-46.

    Examples
    --------
    >>> from hwsk.datasets import load_iam
    >>> lines = load_iam("iam", level="line")  # doctest: +SKIP
    >>> lines.text[0], lines.writer[0]  # doctest: +SKIP
    ('A MOVE to stop Mr. Gaitskell from', '000')
    """
    folder = open_folder(path, data_home, _LAYOUT)
    if (subset := _find_subset(folder, data_home)) is not None:
        if level != "line":
            raise ValueError(
                f"{subset.folder} holds Kaggle's subset of IAM, which has lines only; pass "
                f"level='line', not {level!r}"
            )
        folder, tables, parts = subset.folder, [subset.folder], subset.parts
    else:
        tables = [folder, *find_parts(folder, "ascii", data_home)]
        parts = find_parts(folder, f"{level}s", data_home) or [folder]
    forms_file = find_table(tables, "forms.txt", "forms_for_parsing.txt")
    forms = parse_forms(read_text_lines(forms_file), str(forms_file))
    images = index_images(folder, parts, level)
    if subset is not None:
        table, rows = forms_file, _subset_rows(images, forms, str(forms_file))
    elif level == "form":
        table, rows = forms_file, _form_rows(tables, forms)
    else:
        table = find_table(tables, f"{level}s.txt")
        rows = parse_rows(read_text_lines(table), str(table), level, forms)

    kept = [row for row in rows if row.id in images]
    if not kept:
        example = rows[0].id if rows else "a01-000u-00"
        raise ValueError(
            f"{table}: none of its {len(rows)} rows has its image among the {len(images)} under "
            f"{folder}; a {level} image is named by its id, e.g. {example}.png"
        )
    without = [r.id for r in rows if r.id not in images]
    warn_left_out("row", f"of {table} without an image", without)
    if segmentation == "ok":
        kept = [row for row in kept if row.segmentation == "ok"]
        if not kept:
            raise ValueError(f"no {level} of {table} that has an image is marked ok")
    paths = [images[row.id] for row in kept]
    kept, found = keep_usable(kept, paths, as_arrays, on_error)
    data = object_array(found)
    text = object_array([row.text for row in kept])
    if return_X_y:
        return data, text
    writer = object_array([forms[row.form][0] for row in kept])
    return Bunch(
        images=data,
        text=text,
        writer=writer,
        form=object_array([row.form for row in kept]),
        ids=object_array([row.id for row in kept]),
        segmentation=object_array([row.segmentation for row in kept]),
        DESCR=_DESCR.format(level=level, n=len(kept), n_writers=len(np.unique(writer))),
    )


def find_table(tables: Sequence[Path], *names: str) -> Path:
    file = find_file(tables, *names)
    if file is None:
        where = ", ".join(map(str, tables))
        raise FileNotFoundError(f"no {' or '.join(names)} in {where}; expected {_LAYOUT}")
    return file


def index_images(folder: Path, parts: Sequence[Path], level: str) -> dict[str, str]:
    """`{id: path}` of the images in the parts, of which the folder is the whole."""
    images = {p.stem: str(p) for part in parts for p in walk_files(part, IMAGE_SUFFIXES)}
    if not images:
        raise FileNotFoundError(
            f"no images in {', '.join(map(str, parts))}; looked for {level}s.tgz, a folder "
            f"{level}s and images below {folder}; expected {_LAYOUT}"
        )
    return images


def parse_forms(lines: Iterable[str], where: str) -> dict[str, tuple[str, str]]:
    """`{form: (writer, "ok" or "err")}` of forms.txt."""
    forms: dict[str, tuple[str, str]] = {}
    for number, line in _rows(lines):
        fields = line.split()
        if len(fields) != 8:
            raise _bad_row(where, number, line, "form", f"has {len(fields)} fields")
        if fields[3] not in ("prt", "all"):
            raise _bad_row(where, number, line, "form", f"has {fields[3]!r} in place of prt or all")
        form, entry = fields[0], (fields[1], "ok" if fields[3] == "all" else "err")
        if forms.setdefault(form, entry)[0] != entry[0]:
            raise ValueError(
                f"{where}, line {number}: form {form} is by writer {entry[0]} here and by "
                f"{forms[form][0]} above"
            )
    return forms


def parse_rows(
    lines: Iterable[str], where: str, level: str, forms: dict[str, tuple[str, str]]
) -> list[Row]:
    """The rows of lines.txt or words.txt; every form must be among `forms`."""
    rows = []
    seen: dict[str, int] = {}
    for number, line in _rows(lines):
        fields = line.split(" ", 8)  # a transcription may hold blanks: "M Ps"
        if len(fields) != 9 or not fields[8].strip():
            raise _bad_row(where, number, line, level, f"has {len(fields)} fields")
        name, status, *numbers = fields[: 8 if level == "line" else 7]
        if status not in ("ok", "err", "er"):
            raise _bad_row(where, number, line, level, f"has {status!r} in place of ok or err")
        for value in numbers:
            if not re.fullmatch(r"-?[0-9]{1,9}", value):
                raise _bad_row(where, number, line, level, f"has {value!r} where a number belongs")
        match = _ID[level].fullmatch(name)
        if match is None:
            raise _bad_row(where, number, line, level, f"has {name!r}, no id of a {level}")
        if match[1] not in forms:
            raise ValueError(
                f"{where}, line {number}: form {match[1]!r} of {name!r} is not in forms.txt, so "
                "its writer is unknown"
            )
        if seen.setdefault(name, number) != number:
            raise ValueError(f"{where}, line {number}: {name} stands in line {seen[name]} already")
        text = fields[8].strip().replace("|", " ") if level == "line" else fields[8].strip()
        box = tuple(int(value) for value in numbers[-4:])
        rows.append(Row(name, match[1], "ok" if status == "ok" else "err", text, box))
    return rows


def _form_rows(tables: Sequence[Path], forms: dict[str, tuple[str, str]]) -> list[Row]:
    texts: dict[str, list[str]] = {}
    if (file := find_file(tables, "lines.txt")) is not None:
        for row in parse_rows(read_text_lines(file), str(file), "line", forms):
            texts.setdefault(row.form, []).append(row.text)
    return [Row(form, form, ok, "\n".join(texts.get(form, ()))) for form, (_, ok) in forms.items()]


def _find_subset(folder: Path, data_home: StrPath | None) -> _Subset | None:
    """Kaggle's subset, which has line images and no transcripts; None if this is something else."""
    while folder.name == "data_subset":  # the path that notebooks glob; its table lies above
        folder = folder.parent
    for root in (folder, *sorted(part.parent for part in folder.glob("*/data_subset"))):
        if parts := find_parts(root, "data_subset", data_home):
            return _Subset(root, parts) if find_file([folder], "lines.txt") is None else None
    return None


def _subset_rows(
    images: dict[str, str], forms: dict[str, tuple[str, str]], table: str
) -> list[Row]:
    """A row for each image, by its name: `a01-000u-s00-01` is of form `a01-000u`."""
    rows = []
    for name, path in images.items():
        form = re.sub(r"(-s\d+)?-\d+$", "", name)
        if form not in forms:
            raise ValueError(f"{path}: form {form!r} is not in {table}, so its writer is unknown")
        rows.append(Row(name, form, forms[form][1], ""))
    return rows


def _rows(lines: Iterable[str]) -> Iterable[tuple[int, str]]:
    return ((n, line) for n, line in enumerate(lines, 1) if line.strip() and line[0] != "#")


def _bad_row(where: str, number: int, line: str, level: str, problem: str) -> ValueError:
    return ValueError(
        f"{where}, line {number} {problem}; expected: {_FIELDS[level]}; found: {line!r}"
    )
