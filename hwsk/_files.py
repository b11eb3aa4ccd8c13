"""Read regular files, and write files in one step; errors name the file."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import io
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

fcntl: Any
try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_DIGITS = 16  # in the name of a file that is not whole yet
_PART = f".{'[0-9a-f]' * _DIGITS}.part"


@contextlib.contextmanager
def open_file(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a regular file to read: a device may have no end, a pipe no beginning.

    A file of 0 bytes is empty, whatever the kernel would show in it (`/proc/self/mem`) or wait for
    (`/proc/kmsg`).

    Raises
    ------
    OSError
        If it is not there, or can't be read; the error names it.
    ValueError
        If it is a folder, a device, a pipe or a socket, or what no file can be called.
    """
    name = os.fspath(path)
    with naming(name):
        try:
            status = os.stat(name)
        except UnicodeError as error:
            raise _no_path(name, error) from None
        except ValueError:  # whose message differs between versions of Python
            raise _no_path(name, "it contains a null character") from None
        except OSError as error:
            if error.errno != errno.ENAMETOOLONG:
                raise
            raise _no_path(name, error.strerror) from None
        if stat.S_ISDIR(status.st_mode):
            raise ValueError(f"{name} is a folder, not a file")
        if not stat.S_ISREG(status.st_mode):
            raise ValueError(f"{name} is not a regular file, but a device, a pipe or a socket")
        with open(name, "rb") if status.st_size else io.BytesIO() as file:
            yield file


def _no_path(name: str, reason: object) -> ValueError:
    return ValueError(f"{name!r:.60} is not a file path: {reason}")


def read_file(path: str | os.PathLike[str]) -> bytes:
    """Read a regular file whole, as `open_file` opens it."""
    with open_file(path) as file:
        return file.read()


def write_file(
    path: str | os.PathLike[str], content: bytes | str, *, durable: bool = False
) -> None:
    """Write a file as `replaced` does; text as UTF-8.

    A `durable` one is on the disk before it has its name: after a power cut it is whole.
    """
    with replaced(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)
        if durable:
            file.flush()
            os.fsync(file.fileno())


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file that takes the place of the former one at the end, or not at all.

    Whoever reads meanwhile sees the former file. If writing fails, that stays, and nothing else is
    left behind. A link stays a link; devices and pipes are written to as they are.

    Raises
    ------
    OSError
        If the folder is not there, or the file can't be written; the error names the file.
    """
    name = os.fspath(path)
    target = Path(os.path.realpath(name))
    if target.is_dir():
        raise IsADirectoryError(f"{name} is a folder; name a file")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"can't write {name}: the folder {target.parent} does not exist")
    is_regular = target.is_file() or not target.exists()
    part = target.with_name(f".{secrets.token_hex(_DIGITS // 2)}.part") if is_regular else target
    try:
        with naming(name, str(part)):
            with open(part, "wb") as file:
                yield file
            if is_regular:
                if target.exists():
                    shutil.copymode(target, part)
                os.replace(part, target)
    finally:
        if is_regular:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)


def remove_parts(folder: str | os.PathLike[str]) -> None:
    """Remove what `replaced` left behind in a folder where a process was killed."""
    for path in Path(folder).glob(_PART):
        path.unlink(missing_ok=True)


def is_empty(folder: str | os.PathLike[str]) -> bool:
    """Check that a folder has nothing but what `replaced` may have left behind in it."""
    return all(fnmatch.fnmatchcase(path.name, _PART) for path in Path(folder).iterdir())


@contextlib.contextmanager
def locked(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Keep other processes from a folder; the lock ends with the process, however that ends.

    Where the system has no such locks, nothing is locked.

    Raises
    ------
    ValueError
        If another process, or another thread of this one, has locked it.
    """
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ValueError(
                f"another process is writing into {os.fspath(folder)}: wait until it has ended"
            ) from None
        except OSError:  # a file system without locks
            pass
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def naming(name: str | os.PathLike[str], part: str | None = None) -> Iterator[None]:
    """Name the file in errors of the system that name none, or its temporary stand-in."""
    try:
        yield
    except OSError as error:
        if error.errno is None or error.filename not in (None, part):
            raise
        raise OSError(error.errno, error.strerror, os.fspath(name)) from error
