"""Read MNIST's and EMNIST's idx and csv files: small images of characters with labels."""

from __future__ import annotations

import gzip
import io
import os
import re
import warnings
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hwsk._data.images import object_array
from hwsk._files import read_file
from hwsk.datasets._data_home import largest_content, walk_files

Labelled = tuple[NDArray[np.uint8], NDArray[np.uint8]]

SIDE = 28  # of every image, in pixels
_GZIP = b"\x1f\x8b"
_NDIM = {1: "labels", 3: "images"}


def find_together(folder: Path, *names: str) -> list[Path] | None:
    """The files with all these names, gzipped or not, from one folder: this one or one below it.

    Raises
    ------
    ValueError
        If several folders at the same depth have them: MNIST and Fashion-MNIST, say, lie beside
        each other under the same file names.
    """
    found = []
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        there = [Path(root, n) for name in names for n in (name, f"{name}.gz") if n in files]
        chosen = {file.name.removesuffix(".gz"): file for file in reversed(there)}
        if len(chosen) == len(names):
            found.append([chosen[name] for name in names])
    depth = min((len(files[0].parts) for files in found), default=0)
    nearest = [files for files in found if len(files[0].parts) == depth]
    if len(nearest) > 1:
        first, second = (files[0].parent for files in nearest[:2])
        raise ValueError(
            f"{' and '.join(names)} are in {first} and in {second}; say which: pass that folder"
        )
    return nearest[0] if nearest else None


def not_found(folder: Path, what: str, looked_for: Sequence[str], mark: str) -> FileNotFoundError:
    """The error that names what was looked for, and the files with `mark` in the name instead."""
    held = [p.name for p in walk_files(folder, {"", ".gz", ".csv", ".mat"}) if mark in p.name]
    held = [name for name in held if "mapping" not in name]
    return FileNotFoundError(
        f"no {what} in {folder} or a folder below it; looked for {', or '.join(looked_for)}, each "
        f"gzipped (.gz) or not; it holds {', '.join(held) or f'no file named *{mark}*'}"
    )


def read_bytes(file: Path) -> bytes:
    """Read a file; gzip is recognized by its first bytes, whatever its name.

    Raises
    ------
    ValueError
        If the file is empty or its compression is damaged; the message names it.
    """
    data = read_file(file)
    if data.startswith(_GZIP):
        limit = largest_content(len(data))
        try:
            with gzip.open(io.BytesIO(data)) as stream:
                content = stream.read(limit + 1)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(
                f"{file} is damaged or cut short; fetch it again ({error}; {len(data)} bytes)"
            ) from None
        if len(content) > limit:
            raise ValueError(
                f"{file} ({len(data)} bytes) unpacks to more than {limit >> 20} MB; if you trust "
                "it, unpack it yourself"
            )
        data = content
    if not data:
        raise ValueError(f"{file} is empty")
    return data


def read_idx_pair(images_file: Path, labels_file: Path) -> Labelled:
    """The images, `(n, 28, 28)` as stored, and the labels of two idx files."""
    labels = read_idx(labels_file, ndim=1)
    images = read_idx(images_file, ndim=3)
    if images.shape[1:] != (SIDE, SIDE):
        height, width = images.shape[1:]
        raise ValueError(
            f"{images_file}, bytes 8 to 15: images of {height} x {width} pixels; expected "
            f"{SIDE} x {SIDE}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{images_file} holds {len(images)} images and {labels_file} {len(labels)} labels; "
            "expected as many labels as images (files of two subsets?)"
        )
    return images, labels


def read_idx(file: Path, ndim: int) -> NDArray[np.uint8]:
    """The array of unsigned bytes in an idx file, read-only.

    The format: a magic number, 0x800 plus the number of dimensions; the dimensions; the values.
    All numbers before the values are big-endian and of 4 bytes.

    Raises
    ------
    ValueError
        If it is not such a file or its length is not what its header says; the message names it.
    """
    data = read_bytes(file)
    start = 4 + 4 * ndim
    magic, expected = int.from_bytes(data[:4], "big"), 0x800 + ndim
    if magic != expected:
        other = next((f" ({_NDIM[n]})" for n in _NDIM if magic == 0x800 + n), "")
        raise ValueError(
            f"{file} begins with the magic number 0x{magic:08x}{other}; expected "
            f"0x{expected:08x}, idx {_NDIM[ndim]}"
        )
    if len(data) < start:
        raise ValueError(f"{file} is cut short: {len(data)} bytes; its header alone has {start}")
    shape = [int.from_bytes(data[at : at + 4], "big") for at in range(4, start, 4)]
    size = start + int(np.prod(shape, dtype=object))
    if len(data) != size:
        problem = "is cut short" if len(data) < size else "is too long"
        raise ValueError(
            f"{file} {problem}: {len(data)} bytes; its header says "
            f"{' x '.join(map(str, shape))} values, so expected {size} bytes"
        )
    if not shape[0]:
        raise ValueError(f"{file} holds 0 {_NDIM[ndim]}")
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


def read_pixel_csv(file: Path) -> Labelled:
    """The images, `(n, 28, 28)` as stored, and the labels of a csv: label, then 784 pixels.

    Raises
    ------
    ValueError
        If a row is anything else; the message names the file, the row and the value.
    """
    data = read_bytes(file)
    n_fields = 1 + SIDE * SIDE
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file without rows: reported below
            # Before numpy 2.3, 1.5 is read as 1 with this warning, and 256 as 0 if asked for uint8.
            warnings.simplefilter("error", DeprecationWarning)
            table = np.loadtxt(
                io.BytesIO(data), delimiter=",", dtype=np.int16, ndmin=2, comments=None
            )
    except (ValueError, DeprecationWarning) as error:
        raise _bad_row(file, data, n_fields, str(error)) from None
    if table.shape[1] != n_fields or not len(table):
        raise _bad_row(file, data, n_fields, "no rows")
    if table.min() < 0 or table.max() > 255:
        raise _bad_row(file, data, n_fields, "values beyond 0 and 255")
    pixels = table[:, 1:].astype(np.uint8)
    return pixels.reshape(-1, SIDE, SIDE), table[:, 0].astype(np.uint8)


def _bad_row(file: Path, data: bytes, n_fields: int, error: str) -> ValueError:
    """Find the first row that is wrong, and say what is wrong with it."""
    rows = [row for row in data.splitlines() if row]
    named = re.search(r"at row (\d+)", error)  # numpy names the row, from 0 or from 1
    start = max(0, int(named[1]) - 1) if named else 0
    for number, row in enumerate(rows[start:], start + 1):
        fields = row.split(b",")
        if len(fields) != n_fields:
            return ValueError(
                f"{file}, row {number} has {len(fields)} fields; expected {n_fields}: the label "
                f"and {n_fields - 1} pixels (found: {row[:40]!r})"
            )
        for column, field in enumerate(fields):
            digits = field.strip()
            if not digits.isdigit() or len(digits) > 3 or int(digits) > 255:
                what = f"as pixel {column} of {n_fields - 1}" if column else "as label"
                return ValueError(
                    f"{file}, row {number} has {field[:40].decode('latin-1')!r} {what}; expected "
                    "a whole number from 0 to 255 (the official csv has no header)"
                )
    return ValueError(f"{file}: {error}; expected rows of {n_fields} whole numbers from 0 to 255")


def name_classes(
    labels: NDArray[np.uint8], characters: Mapping[int, str], file: Path
) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """The class of each label, counted from 0, and the character of each class.

    Raises
    ------
    ValueError
        If a label has no character; the message names `file` and the row (counted from 1).
    """
    numbers = np.full(256, -1, np.int64)
    numbers[sorted(characters)] = np.arange(len(characters))
    target = numbers[labels]
    if (wrong := np.flatnonzero(target < 0)).size:
        row = wrong[0]
        raise ValueError(
            f"{file}: row {row + 1} of {len(labels)} has the label {labels[row]}, which stands for "
            f"no character; expected {min(characters)} to {max(characters)}"
        )
    return target, object_array([characters[label] for label in sorted(characters)])
