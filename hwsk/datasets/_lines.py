"""Load a user's own line images, with transcripts beside them or listed in a table."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk._warn import warn_caller
from hwsk._wording import count, some_of
from hwsk.datasets._data_home import (
    IMAGE_SUFFIXES,
    StrPath,
    find_listed,
    find_written,
    open_folder,
    read_table,
    read_text_lines,
    walk_files,
    warn_left_out,
)
from hwsk.datasets._usable import keep_usable

_LAYOUT = (
    "a folder of images with transcripts beside them (a1.png, a1.gt.txt), or a .csv or .tsv file "
    "with the columns path, text and optionally writer"
)
_TABLES = {".csv", ".tsv"}


class _Line(NamedTuple):
    id: str
    image: Path
    text: str
    writer: str


@validate_params(
    {
        "path": [str, os.PathLike],
        "text_suffix": [str],
        "as_arrays": ["boolean"],
        "on_error": [StrOptions({"warn", "raise"})],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_lines(
    path: StrPath,
    *,
    text_suffix: str = ".gt.txt",
    as_arrays: bool = False,
    on_error: str = "warn",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load your own images of words or lines with their transcripts.

    Parameters
    ----------
    path : str or path
        Either a folder (or an archive of one), read with all folders in it, of images with a text
        file of the same name beside each, as kraken, Calamari and OCRopus have it: ``a1.png`` (or
        ``a1.bin.png``) and ``a1.gt.txt``. Or a ``.csv`` or ``.tsv`` file whose header names the
        columns ``path`` (from the table's own folder, with ``/`` or ``\\\\``), ``text`` and, if
        known, ``writer``, in capitals or not. In a ``.tsv`` file a quotation mark is a character
        like any other. All text is UTF-8; it is brought to the normal form NFC. File names are
        taken as they are written, or else in the other form of their accents (NFC, NFD).
    text_suffix : str, default=".gt.txt"
        What the name of a transcript ends in, for a folder.
    as_arrays : bool, default=False
        Whether to decode the images. Otherwise they are file paths, which every estimator takes.
    on_error : {"warn", "raise"}, default="warn"
        What to do about image files that can't be used. With "warn" they are left out and counted
        in one warning; with "raise", one error names all. Empty, cut short and foreign files
        are always found, damage inside where images are decoded.
    data_home : str or path, default=None
        Where an archive is unpacked; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, text)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, all object arrays of the same length and order:

        images
            File paths, or 2-D uint8 arrays.
        text
            Transcripts; runs of white space are one blank.
        writer
            Writers as in the table; ``""`` where none is given.
        ids
            Paths as in the table, or from the folder, with ``/``.
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If there is no such folder or table.
    ValueError
        If text is not UTF-8 or a row can't be read (file and line are named), or nothing is left.

    Warns
    -----
    UserWarning
        If an image lacks its transcript, or a transcript (or table row) its image or its text, or
        if an image can't be used: they are left out, counted. If a table names an image again with
        another text: all rows are kept. If a transcript has several lines of text: they are joined.

    See Also
    --------
    load_iam : The IAM Handwriting Database.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import cv2
    >>> from hwsk.datasets import load_lines, make_handwriting
    >>> made = make_handwriting(2, texts=["one", "two"], random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for i, (image, text) in enumerate(zip(made.images, made.text)):
    ...         _ = cv2.imwrite(f"{folder}/{i}.png", image)
    ...         _ = Path(folder, f"{i}.gt.txt").write_text(text, encoding="utf-8")
    ...     lines = load_lines(folder, as_arrays=True)
    >>> sorted(lines.text)
    ['one', 'two']
    """
    source = find_written(Path(path).expanduser().absolute())
    if source.is_file() and source.suffix.lower() in _TABLES:
        found, no_text, no_image = _from_table(source)
    else:
        folder = open_folder(source, data_home, _LAYOUT)
        found, no_text, no_image = _from_folder(folder, text_suffix)
    lines = [line for line in found if line.text]
    empty = [line.id for line in found if not line.text]
    if not lines:
        raise ValueError(f"{source}: every transcript is empty ({', '.join(empty[:3])})")
    warn_left_out(
        "line",
        f"of {source} without image ({len(no_image)}), transcript ({len(no_text)}) "
        f"or text in it ({len(empty)})",
        no_image + no_text + empty,
    )
    paths = [str(line.image) for line in lines]
    lines, decoded = keep_usable(lines, paths, as_arrays, on_error)
    images = object_array(decoded)
    text = object_array([line.text for line in lines])
    if return_X_y:
        return images, text
    return Bunch(
        images=images,
        text=text,
        writer=object_array([line.writer for line in lines]),
        ids=object_array([line.id for line in lines]),
        DESCR=f"{count(len(lines), 'image')} with transcripts from {source}",
    )


_Found = tuple[list[_Line], list[str], list[str]]  # lines, names that lack a text, an image


def _from_table(table: Path) -> _Found:
    rows = read_table(table, ["path", "text"], optional=["writer"], paths=["path"])
    if not rows:
        raise ValueError(f"{table} has a header and no rows")
    found, no_image = [], []
    for number, row in rows:
        name, image = row["path"].strip(), find_listed(table, row["path"])
        if image is None:
            no_image.append(f"line {number}: {name or 'no path'}")
            continue
        text, writer = (_one_blank(row.get(column, "")) for column in ("text", "writer"))
        found.append(_Line(name, image, text, writer))
    _warn_contradictions(table, found)
    if not found:
        raise ValueError(
            f"{table}: none of its {count(len(rows), 'row')} names an image that exists; paths "
            f"count from {table.parent} ({', '.join(no_image[:3])})"
        )
    return found, [], no_image


def _warn_contradictions(table: Path, lines: Sequence[_Line]) -> None:
    """Warn of images that stand in a table with two texts: one of them is wrong."""
    first: dict[str, _Line] = {}
    pairs = []
    for line in lines:
        other = first.setdefault(os.path.realpath(line.image), line)
        if other.text != line.text:
            pairs.append(f"{line.id}: {other.text!r}, {line.text!r}")
    if pairs:
        more = ", ..." if len(pairs) > 3 else ""
        warn_caller(
            f"{table}: {some_of(len(pairs), len(lines), 'rows', 'name an image again')} with "
            f"another text ({'; '.join(pairs[:3])}{more}); all are kept",
            UserWarning,
        )


def _from_folder(folder: Path, text_suffix: str) -> _Found:
    transcripts = {
        file.with_name(file.name.removesuffix(text_suffix)): file
        for file in walk_files(folder, {os.path.splitext(f"a{text_suffix}")[1].lower()})
        if file.name.endswith(text_suffix) and file.name != text_suffix
    }
    forms = {_composed(stem): stem for stem in transcripts}
    found, no_text, several = [], [], []
    for image in walk_files(folder, IMAGE_SUFFIXES):
        name = image.relative_to(folder).as_posix()
        stem = image.with_suffix("")
        if stem.suffix in (".bin", ".nrm") and not {stem, forms.get(_composed(stem))} & set(
            transcripts
        ):  # as OCRopus names them
            stem = stem.with_suffix("")
        if stem not in transcripts:  # the other form of its accents
            stem = forms.get(_composed(stem), stem)
        transcript = transcripts.pop(stem, None)  # a transcript is used once
        if transcript is None:
            no_text.append(name)
        else:
            written = [line for line in read_text_lines(transcript) if line.strip()]
            if len(written) > 1:
                several.append(name)
            found.append(_Line(name, image, _one_blank("\n".join(written)), ""))
    no_image = [file.relative_to(folder).as_posix() for file in transcripts.values()]
    if not found:
        raise ValueError(
            f"{folder}: no image has its transcript beside it; found "
            f"{count(len(no_text), 'image')} and {count(len(no_image), 'file')} "
            f"*{text_suffix}; expected {_LAYOUT}"
        )
    if several:
        warn_caller(
            f"{some_of(len(several), len(found), 'transcripts', 'have more than one line')} of text"
            f" ({', '.join(several[:3])}{', ...' * (len(several) > 3)}), joined by blanks: each is "
            "for the image of one line; hwsk.datasets.load_pages reads pages"
        )
    return found, no_text, no_image


def _composed(path: Path) -> str:
    return unicodedata.normalize("NFC", str(path))


def _one_blank(text: str) -> str:
    return " ".join(text.split())
