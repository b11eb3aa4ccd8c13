"""Download whole files, checked against a published checksum."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import ssl
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from tqdm.auto import tqdm

from hwsk._files import naming
from hwsk._warn import warn_caller
from hwsk._wording import count

logger = logging.getLogger(__name__)

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
    url: str, file: Path, checksum: str, *, n_retries: int, delay: float, otherwise: str
) -> None:
    """Download `url` to `file`, unless the file is there already.

    A transfer that was cut goes on where it stopped, if the server can do that, otherwise from the
    start. The file appears whole or not at all, also when two processes download it at once.

    Parameters
    ----------
    url : str
        The address.
    file : path
        The file; its folder is made.
    checksum : str
        Algorithm of hashlib, colon, and the hexadecimal digest or its first digits, such as
        ``"sha256:f37072fd"``.
    n_retries : int
        Further tries after a trouble that may pass.
    delay : float
        Seconds between tries.
    otherwise : str
        The end of every message: what to do without a network.

    Raises
    ------
    OSError
        If it can't be downloaded, or has another checksum; nothing is left behind.
    """
    algorithm, _, digest = checksum.partition(":")
    name = {"md5": "MD5", "sha256": "SHA-256"}.get(algorithm, algorithm)
    if file.exists():
        if file_digest(file, algorithm).startswith(digest):
            return
        warn_caller(f"{file} is damaged (its {name} is not {digest}): downloading it again")
    logger.info("downloading %s to %s", url, file)
    file.parent.mkdir(parents=True, exist_ok=True)
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
                warn_caller(f"{url}: {error}; {count(left, 'more try', 'more tries')}")
                time.sleep(delay)
        if not (found := file_digest(part, algorithm)).startswith(digest):
            raise OSError(
                f"what is at {url} has the {name} {found} ({part.stat().st_size} bytes), expected "
                f"{digest}: another file, or a page of your network's; nothing was kept. "
                f"{otherwise}"
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
        with bar, naming(part), open(part, "r+b") as out:
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


def file_digest(file: Path, algorithm: str = "sha256") -> str:
    """Compute the hexadecimal digest of a file."""
    with open(file, "rb") as stream:
        return hashlib.file_digest(
            stream, lambda: hashlib.new(algorithm, usedforsecurity=False)
        ).hexdigest()
