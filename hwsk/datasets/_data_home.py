"""Where archives are unpacked, and what every reader shares: finding parts, reading text files."""

from __future__ import annotations

import csv
import errno
import hashlib
import logging
import os
import shutil
import tarfile
import tempfile
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath

from hwsk._warn import warn_caller

logger = logging.getLogger(__name__)

StrPath = str | os.PathLike[str]
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
_ARCHIVE_SUFFIXES = (".tgz", ".tar.gz", ".txz", ".tar.xz", ".tbz2", ".tar.bz2", ".tar", ".zip")
_OWN_FOLDERS = ("downloaded", "unpacked", "parsed")
_NOT_ITS_FAULT = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def get_data_home(data_home: StrPath | None = None) -> Path:
    """Return the folder where archives are unpacked and parsed data is cached.

    Parameters
    ----------
    data_home : str or path, default=None
        The folder. If None, the environment variable ``HWSK_DATA``, else ``~/hwsk_data``. It is
        made if it does not exist.

    Returns
    -------
    pathlib.Path
        The absolute path of the folder.

    See Also
    --------
    clear_data_home : Empty it.

    Examples
    --------
    >>> import tempfile
    >>> from hwsk.datasets import get_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     get_data_home(folder).is_dir()
    True
    """
    home = Path(data_home or os.environ.get("HWSK_DATA") or "~/hwsk_data").expanduser().absolute()
    home.mkdir(parents=True, exist_ok=True)
    return home


def clear_data_home(data_home: StrPath | None = None) -> None:
    """Delete what hwsk unpacked and cached in the data home, and nothing else there.

    Parameters
    ----------
    data_home : str or path, default=None
        The folder, as for :func:`get_data_home`.

    See Also
    --------
    get_data_home : Where the folder is.

    Examples
    --------
    >>> import tempfile
    >>> from hwsk.datasets import clear_data_home
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clear_data_home(folder)
    """
    home = get_data_home(data_home)
    for name in _OWN_FOLDERS:
        if (home / name).is_dir():
            shutil.rmtree(home / name)


def unpack(archive: StrPath, data_home: StrPath | None = None) -> Path:
    """Unpack an archive into the data home, once, and return the folder.

    The folder is named by the archive's name and a digest of its size, time and last bytes (where
    the checksums are), so a changed archive is unpacked anew. It appears whole or not at all.
    """
    archive = Path(archive)
    target = get_data_home(data_home) / "unpacked" / f"{_stem(archive)}-{_fingerprint(archive)}"
    if target.is_dir():
        return target
    logger.info("unpacking %s into %s", archive, target)
    target.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".unpacking-", dir=target.parent) as temporary:
        content = Path(temporary, "content")
        content.mkdir()
        extract = _extract_zip if archive.suffix.lower() == ".zip" else _extract_tar
        extract(archive, content)
        try:
            os.replace(content, target)
        except OSError:
            if not target.exists():  # else another process was first, which is as good
                raise
    return target


def _extract_tar(archive: Path, folder: Path) -> None:
    with _naming(archive), tarfile.open(archive) as tar:
        for member in tar:
            _check_member(archive, member.name)
            try:
                tar.extract(member, folder, filter="data")
            except tarfile.FilterError as error:
                raise _UnsafeArchive(
                    f"{archive}: the member {member.name!r} is unsafe ({error}); nothing was "
                    "unpacked"
                ) from None
        # tarfile stops at its own end mark; the compression's checksum stands behind that.
        while tar.fileobj and tar.fileobj.read(1 << 20):
            pass


def _extract_zip(archive: Path, folder: Path) -> None:
    with _naming(archive), zipfile.ZipFile(archive) as file:
        for name in file.namelist():
            _check_member(archive, name)
            file.extract(name, folder)


class _UnsafeArchive(ValueError):
    pass


@contextmanager
def _naming(archive: Path) -> Iterator[None]:
    """Turn the many errors of a broken archive into one that names it."""
    if not archive.stat().st_size:
        raise ValueError(f"{archive} is empty (0 bytes), not an archive")
    try:
        yield
    except _UnsafeArchive:
        raise
    except Exception as error:
        if getattr(error, "errno", None) in _NOT_ITS_FAULT:
            raise
        raise ValueError(
            f"{archive} is damaged, cut short or no archive; fetch it again ({error})"
        ) from error


def _check_member(archive: Path, name: str) -> None:
    windows = PureWindowsPath(name)
    absolute = PurePosixPath(name).is_absolute() or windows.drive or windows.root
    if absolute or ".." in windows.parts:
        raise _UnsafeArchive(
            f"{archive}: the member {name!r} would leave the folder; nothing was unpacked"
        )


def _stem(archive: Path) -> str:
    name = archive.name
    return next((name[: -len(s)] for s in _ARCHIVE_SUFFIXES if name.lower().endswith(s)), name)


def _fingerprint(file: Path) -> str:
    status = file.stat()
    digest = hashlib.blake2b(f"{status.st_size} {status.st_mtime_ns} ".encode(), digest_size=8)
    with open(file, "rb") as stream:
        stream.seek(max(0, status.st_size - 65536))
        digest.update(stream.read())
    return digest.hexdigest()


def open_folder(path: StrPath, data_home: StrPath | None, layout: str) -> Path:
    """The folder `path`, or what the archive `path` unpacks to; else say what belongs there."""
    folder = Path(path).expanduser().absolute()
    if folder.is_file() and folder.name.lower().endswith(_ARCHIVE_SUFFIXES):
        return unpack(folder, data_home)
    if not folder.exists():
        raise FileNotFoundError(f"{folder} does not exist; expected {layout}")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is neither a folder nor an archive; expected {layout}")
    return folder


def find_parts(folder: Path, name: str, data_home: StrPath | None) -> list[Path]:
    """The folders that hold one part of a distribution, as `lines` of IAM; empty if there is none.

    A folder of that name, or archives whose names begin so (``lines.tgz``, ``formsA-D.tgz``,
    ``ascii-all.tar.gz``), directly in `folder`, in a ``data`` folder, or in the part's own.
    """
    archives = []
    for base in (folder, folder / "data"):
        part = base / name
        inside = _archives(part, name)
        if not inside and any(files for _, _, files in os.walk(part)):
            return [part]
        archives += _archives(base, name) + inside
    return [unpack(archive, data_home) for archive in archives]


def _archives(folder: Path, name: str) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(
        p
        for p in folder.iterdir()
        if p.is_file() and p.name.startswith(name) and p.name.lower().endswith(_ARCHIVE_SUFFIXES)
    )


def find_file(folders: Sequence[Path], *names: str) -> Path | None:
    """The first file with one of these names, in the folders themselves or below them."""
    for name in names:
        for folder in folders:
            if (folder / name).is_file():
                return folder / name
    below = (f for name in names for folder in folders for f in sorted(folder.rglob(name)))
    return next(below, None)


def walk_files(folder: Path, suffixes: set[str]) -> Iterator[Path]:
    """All files below a folder with one of these suffixes, sorted, hidden ones left out."""
    for root, folders, files in os.walk(folder):
        folders[:] = sorted(f for f in folders if not f.startswith("."))
        for name in sorted(files):
            if os.path.splitext(name)[1].lower() in suffixes and not name.startswith("."):
                yield Path(root, name)


def read_text_lines(file: Path, encoding: str = "utf-8") -> list[str]:
    """The lines of a text file in NFC, without line ends.

    Raises
    ------
    ValueError
        If a line can't be decoded; the message names file and line.
    """
    lines = []
    for number, line in enumerate(file.read_bytes().removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.removesuffix(b"\r").decode(encoding)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{file}, line {number}: not {encoding.upper()} ({error.reason} at byte "
                f"{error.start}: {line[:60]!r}); save the file as {encoding.upper()}"
            ) from None
        lines.append(unicodedata.normalize("NFC", text))
    return lines


def warn_left_out(noun: str, what: str, names: Sequence[str]) -> None:
    """One warning that counts what is left out and names the first few; none if nothing is."""
    if names:
        first = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        count = f"{len(names)} {noun}" + ("s" if len(names) > 1 else "")
        warn_caller(f"{count} {what}: left out ({first})")


def read_table(file: Path, columns: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV or TSV file with a header, each with its line number.

    In a TSV file a quotation mark is a character like any other.
    """
    lines = [f"{line}\n" for line in read_text_lines(file)]
    if file.suffix.lower() == ".tsv":
        reader = csv.reader(lines, delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, strict=True)
    rows: list[tuple[int, dict[str, str]]] = []
    header: list[str] = []
    try:
        for fields in reader:
            if not any(field.strip() for field in fields):
                continue
            if not header:
                header = [field.strip() for field in fields]
                if missing := [name for name in columns if name not in header]:
                    raise ValueError(
                        f"{file}, line {reader.line_num}: no column {', '.join(missing)}; the "
                        f"header is {header}, expected {list(columns)}"
                    )
                if repeated := [name for name in header if name and header.count(name) > 1]:
                    raise ValueError(
                        f"{file}, line {reader.line_num}: the column {repeated[0]} stands there "
                        f"more than once; the header is {header}"
                    )
            elif len(fields) != len(header):
                raise ValueError(
                    f"{file}, line {reader.line_num} has {len(fields)} fields, the header "
                    f"{len(header)}; found: {fields}"
                )
            else:
                rows.append((reader.line_num, dict(zip(header, fields, strict=True))))
    except csv.Error as error:
        raise ValueError(
            f"{file}, line {reader.line_num}: {error} (a quotation mark that is not closed or "
            "not doubled?)"
        ) from None
    if not header:
        raise ValueError(f"{file} is empty; expected a header with {', '.join(columns)}, then rows")
    return rows
