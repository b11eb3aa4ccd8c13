"""Define the limits of a server: what it takes, keeps and queues."""

from __future__ import annotations

from dataclasses import dataclass

from hwsk._limits import UPLOAD_BYTES, UPLOAD_PAGES, UPLOAD_PIXELS


@dataclass(frozen=True)
class Settings:
    """Limits of a server.

    Parameters
    ----------
    host : str, default="127.0.0.1"
        Address that the server listens on. Its name is accepted in the header ``Host``.
    names : tuple of str, default=()
        Other names that lead here, such as that of a proxy.
    token : str, default=None
        What every request has to show. None asks for nothing.
    upload_bytes : int, default=64000000
        Most bytes of a request, all its files together.
    json_bytes : int, default=2000000
        Most bytes of a request of JSON.
    pixels : int, default=60000000
        Most pixels of an image, or of a page of a PDF at its resolution.
    all_pixels : int, default=240000000
        Most pixels of a request of several images, all together.
    pages : int, default=50
        Most pages of a file.
    page_seconds : float, default=60
        Most seconds to draw a page of a PDF.
    pdf_bytes : int, default=2000000000
        Most bytes of memory to draw a PDF, where the system can limit them.
    files : int, default=300
        Most files of a request.
    queued : int, default=8
        Most jobs that wait in a lane; one more is refused with the status 429.
    queued_files : int, default=64
        Most files that wait to be made: a page asks for all pictures of a letter at once.
    kept : int, default=64
        Most ended jobs of a lane whose results are kept; those of longest ago go first.
    kept_bytes : int, default=256000000
        Most bytes of kept results.
    kept_seconds : float, default=3600
        How long results are kept after they were last asked for.
    """

    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()
    token: str | None = None
    upload_bytes: int = UPLOAD_BYTES
    json_bytes: int = 2_000_000
    pixels: int = UPLOAD_PIXELS
    all_pixels: int = 240_000_000
    pages: int = UPLOAD_PAGES
    page_seconds: float = 60
    pdf_bytes: int = 2_000_000_000
    files: int = 300
    queued: int = 8
    queued_files: int = 64
    kept: int = 64
    kept_bytes: int = 256_000_000
    kept_seconds: float = 3600
