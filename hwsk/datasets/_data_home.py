"""Locate unpacked archives, find parts of data sets, and read text files."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import logging
import os
import shutil
import tarfile
import tempfile
import time
import unicodedata
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from hwsk._files import naming, read_file
from hwsk._warn import warn_caller
from hwsk._wording import count

logger = logging.getLogger(__name__)

StrPath = str | os.PathLike[str]
IMAGE_SUFFIXES = {".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".webp"}
_ARCHIVE_SUFFIXES = (".tgz", ".tar.gz", ".txz", ".tar.xz", ".tbz2", ".tar.bz2", ".tar", ".zip")
_OWN_FOLDERS = ("downloaded", "models", "unpacked", "parsed")
_UNPACKING = ".unpacking-"
_ABANDONED = 24 * 3600  # seconds after which it is not an unpacking that still goes on
_LEAST_LIMIT = 1 << 30  # bytes that any archive may unpack to
_MOST_RATIO = 100  # times its size; images and texts come to ten
_MOST_MEMBERS = 5_000_000
_NOT_ITS_FAULT = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def get_data_home(data_home: StrPath | None = None) -> Path:
    """Return the folder where downloads and parsed data are kept and archives unpacked.

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
    home = data_home_path(data_home)
    home.mkdir(parents=True, exist_ok=True)
    return home


def data_home_path(data_home: StrPath | None = None) -> Path:
    """Return the path of the data home without making it."""
    return Path(data_home or os.environ.get("HWSK_DATA") or "~/hwsk_data").expanduser().absolute()


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
    _remove_abandoned(target.parent)
    with tempfile.TemporaryDirectory(prefix=_UNPACKING, dir=target.parent) as temporary:
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


def _remove_abandoned(folder: Path) -> None:
    """Remove what a process left that was killed while it unpacked, a day ago or longer."""
    for part in folder.glob(f"{_UNPACKING}*"):
        with contextlib.suppress(OSError):  # another process may do the same
            if time.time() - part.stat().st_mtime > _ABANDONED:
                logger.info("removing %s, which was never unpacked to its end", part)
                shutil.rmtree(part)


def largest_content(size: int) -> int:
    """To how many bytes a file of a size may unpack: beyond that, it was made to fill a disk."""
    return max(_LEAST_LIMIT, _MOST_RATIO * size)


class _Budget:
    """Counts what an archive unpacks to."""

    def __init__(self, archive: Path) -> None:
        self.archive = archive
        self.bytes = largest_content(archive.stat().st_size)
        self.members = _MOST_MEMBERS

    def take(self, size: int) -> None:
        self.bytes -= size
        self.members -= 1
        if self.bytes < 0 or self.members < 0:
            raise _UnsafeArchive(
                f"{self.archive} unpacks to more than "
                f"{largest_content(self.archive.stat().st_size) >> 20} MB or {_MOST_MEMBERS} "
                "members; nothing was unpacked. If you trust it, unpack it yourself and pass the "
                "folder"
            )


def _extract_tar(archive: Path, folder: Path) -> None:
    with _naming(archive), tarfile.open(archive) as tar:
        budget, made, has_links = _Budget(archive), {folder}, False
        for member in tar:
            tar.members = []  # type: ignore[attr-defined]  # of all read so far, which is not needed
            _check_member(archive, member.name)
            budget.take(member.size)
            if member.isreg() and not has_links:
                content = tar.extractfile(member)
                assert content is not None
                _write_file(folder, member.name, content, made)
                continue
            # Links, folders and devices: what is allowed is left to tarfile, which is slower, as is
            # every file behind a link, that may lead through it.
            has_links = has_links or member.issym() or member.islnk()
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
        budget, made = _Budget(archive), {folder}
        for member in file.infolist():
            _check_member(archive, member.filename)
            budget.take(member.file_size)
            if member.is_dir():
                (folder / member.filename).mkdir(parents=True, exist_ok=True)
            else:
                with file.open(member) as content:
                    _write_file(folder, member.filename, content, made)


def _write_file(folder: Path, name: str, content: IO[bytes], made: set[Path]) -> None:
    target = folder / name
    if target.parent not in made:
        target.parent.mkdir(parents=True, exist_ok=True)
        made.add(target.parent)
    with naming(target), open(target, "wb") as file:
        shutil.copyfileobj(content, file)


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
    folder = find_written(Path(path).expanduser().absolute())
    if folder.is_file() and folder.name.lower().endswith(_ARCHIVE_SUFFIXES):
        return unpack(folder, data_home)
    if not folder.exists():
        raise FileNotFoundError(f"{folder} does not exist; expected {layout}")
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is neither a folder nor an archive; expected {layout}")
    return folder


def find_written(path: Path) -> Path:
    """A path as it is written, or if there is none such, in the other form of its accents.

    macOS writes an é of a file's name as two characters, other systems as one; both look the same.
    """
    if path.exists():
        return path
    found = Path(path.anchor)
    for part in path.parts[len(found.parts) :]:
        forms = (part, unicodedata.normalize("NFC", part), unicodedata.normalize("NFD", part))
        found = next((found / form for form in forms if (found / form).exists()), found / part)
    return found if found.exists() else path


def find_listed(table: Path, name: str) -> Path | None:
    """The file that a table names, from its own folder, with ``/`` or ``\\``; None without one."""
    name = name.strip()
    for form in (name, name.replace("\\", "/")):  # a table from Windows
        if name and (file := find_written(table.parent / form)).is_file():
            return file
    return None


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


def read_text_lines(file: Path, encoding: str = "utf-8", *, as_written: bool = False) -> list[str]:
    """The lines of a text file, without line ends; in NFC, unless `as_written`.

    Raises
    ------
    ValueError
        If a line can't be decoded; the message names file and line.
    """
    lines = []
    for number, line in enumerate(read_file(file).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        try:
            text = line.removesuffix(b"\r").decode(encoding)
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{file}, line {number}: not {encoding.upper()} ({error.reason} at byte "
                f"{error.start}: {line[:60]!r}); save the file as {encoding.upper()}"
            ) from None
        lines.append(text if as_written else unicodedata.normalize("NFC", text))
    return lines


def warn_left_out(
    noun: str, what: str, names: Sequence[str], category: type[Warning] = UserWarning
) -> None:
    """One warning that counts what is left out and names the first few; none if nothing is."""
    if names:
        first = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        warn_caller(f"{count(len(names), noun)} {what}: left out ({first})", category)


def read_table(
    file: Path, columns: Sequence[str], optional: Sequence[str] = (), paths: Sequence[str] = ()
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a CSV or TSV file with a header, each with its line number.

    In a TSV file a quotation mark is a character like any other. `columns` have to be there, and
    are found, as the `optional` ones, whatever their case. All text is in NFC but that of the
    columns `paths`.
    """
    lines = [f"{line}\n" for line in read_text_lines(file, as_written=True)]
    names = {name.lower(): name for name in (*columns, *optional)}
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
                header = [unicodedata.normalize("NFC", field.strip()) for field in fields]
                header = [names.get(field.lower(), field) for field in header]
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
                row = dict(zip(header, fields, strict=True))
                for name in row.keys() - set(paths):
                    row[name] = unicodedata.normalize("NFC", row[name])
                rows.append((reader.line_num, row))
    except csv.Error as error:
        raise ValueError(
            f"{file}, line {reader.line_num}: {error} (a quotation mark that is not closed or "
            "not doubled?)"
        ) from None
    if not header:
        raise ValueError(f"{file} is empty; expected a header with {', '.join(columns)}, then rows")
    return rows
