"""Download whole files, checked against a published checksum."""

from __future__ import annotations

import hashlib
import http.client
import os
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm.auto import tqdm

from hwsk._warn import warn_caller
from hwsk.datasets._data_home import logger

_TIMEOUT = 60.0  # seconds without a byte
_BLOCK = 1 << 20
_NETWORK_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
    ssl.SSLError,
)


def download(
    url: str, file: Path, md5: str, *, n_retries: int, delay: float, otherwise: str
) -> None:
    """Bring what is at `url` to `file`, unless it is there already.

    A transfer that was cut goes on where it stopped, if the server can do that, else from the
    start. `otherwise` ends every message: what to do without a network.

    Raises
    ------
    OSError
        If it can't be had, or has another checksum; nothing is left behind.
    """
    if file.exists():
        if _md5(file) == md5:
            return
        warn_caller(
            f"{file} is damaged (its MD5 is not {md5}): downloading it again",
            UserWarning,
        )
    logger.info("downloading %s to %s", url, file)
    file.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".downloading-", dir=file.parent) as temporary:
        part = Path(temporary, file.name)
        part.touch()
        for left in range(n_retries, -1, -1):
            try:
                _transfer(url, part)
                break
            except _NETWORK_ERRORS as error:
                if isinstance(error, urllib.error.HTTPError):
                    error.close()  # it holds the connection
                if not left or not _may_pass(error):
                    raise OSError(f"can't download {url}: {error}. {otherwise}") from error
                warn_caller(
                    f"{url}: {error}; {left} more {'try' if left == 1 else 'tries'}",
                    UserWarning,
                )
                time.sleep(delay)
        if (found := _md5(part)) != md5:
            raise OSError(
                f"what is at {url} has the MD5 {found} ({part.stat().st_size} bytes), expected "
                f"{md5}: another file, or a page of your network's; nothing was kept. {otherwise}"
            )
        os.replace(part, file)


def _transfer(url: str, part: Path) -> None:
    """Add to `part` what it lacks."""
    have = part.stat().st_size
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    with urllib.request.urlopen(request, timeout=_TIMEOUT) as response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:  # it sends all of it
            have = 0
        length = response.headers.get("Content-Length")
        total = have + int(length) if length else None
        bar = tqdm(desc=part.name, initial=have, total=total, unit="B", unit_scale=True)
        with bar, open(part, "r+b") as out:
            out.truncate(have)
            out.seek(have)
            while block := response.read(_BLOCK):
                bar.update(out.write(block))
            have = out.tell()
    if total is not None and have < total:
        raise ConnectionError(f"the transfer was cut after {have} of {total} bytes")


def _may_pass(error: Exception) -> bool:
    """Return whether to try again: a page that is not there won't be there in a second."""
    if isinstance(error, urllib.error.HTTPError):
        return error.code >= 500 or error.code in (
            http.HTTPStatus.REQUEST_TIMEOUT,
            http.HTTPStatus.TOO_MANY_REQUESTS,
        )
    return True


def _md5(file: Path) -> str:
    with open(file, "rb") as stream:
        digest = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False))
    return digest.hexdigest()
