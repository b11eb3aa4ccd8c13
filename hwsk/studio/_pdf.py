"""Draw the pages of a PDF in a process of its own, which may hang, grow or die without harm.

A small PDF can ask for hours and for all memory, and no thread can be stopped while it is drawn.
"""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from hwsk.documents._images import PageImage, import_pdfium, iterate_pages
from hwsk.studio._errors import Refusal
from hwsk.studio._settings import Settings
from hwsk.studio._uploads import Upload, check_sizes

DPI = 300
_LOOK = 0.2  # seconds between two looks at whether the job was cancelled


def draw_pages(
    upload: Upload, settings: Settings, check: Callable[[], None], failures: list[str]
) -> Iterator[PageImage]:
    """Yield the pages of a PDF as images.

    Parameters
    ----------
    upload : Upload
        The PDF.
    settings : Settings
        Limits of pages, pixels, seconds and memory.
    check : callable
        Called while pages are drawn; what it raises ends the drawing.
    failures : list of str
        Takes the pages that can't be drawn.

    Yields
    ------
    PageImage
        A page in grey.

    Raises
    ------
    Refusal
        If the pages are too many or too large.
    """
    import_pdfium("read PDF")  # an error that says how to install it
    context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_draw, args=(theirs, upload, settings), daemon=True)
    process.start()
    theirs.close()
    number = 0
    try:
        while True:
            until = time.monotonic() + settings.page_seconds
            while not ours.poll(_LOOK):
                check()
                if time.monotonic() > until:
                    failures.append(
                        f"{upload.name}: page {number + 1} takes more than "
                        f"{settings.page_seconds:g} seconds to draw; it and what follows are left "
                        "out"
                    )
                    return
            try:
                found = ours.recv()
            except EOFError:
                failures.append(
                    f"{upload.name}: page {number + 1} can't be drawn: it asks for too much "
                    "memory, or is damaged; it and what follows are left out"
                )
                return
            if isinstance(found, Refusal):
                raise found
            if not isinstance(found, PageImage):
                failures.extend(found)
                return
            number = found.number
            yield found
    finally:
        process.kill()
        process.join()
        ours.close()


def _draw(connection: Connection, upload: Upload, settings: Settings) -> None:
    """Send each page, then the list of those that failed; or a `Refusal`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the server's, which ends this process
    _limit_memory(settings.pdf_bytes)
    failures: list[str] = []
    try:
        check_sizes(upload.name, _sizes(upload.content), settings)
    except Refusal as error:
        connection.send(error)
        return
    for page in iterate_pages(upload.open(), DPI, failures):
        connection.send(page)
    connection.send(failures)


def _limit_memory(size: int) -> None:
    try:
        import resource
    except ModuleNotFoundError:  # Windows
        return
    limit: Any = resource.RLIMIT_DATA
    resource.setrlimit(limit, (size, size))


def _sizes(content: bytes) -> Iterator[tuple[float, float]]:
    """Yield the sizes of pages in pixels; none of a damaged file, which is named later."""
    pdfium = import_pdfium("read PDF")
    try:
        with pdfium.PdfDocument(content) as pdf:
            for number in range(len(pdf)):
                width, height = pdf.get_page_size(number)
                yield width * DPI / 72, height * DPI / 72
    except pdfium.PdfiumError:
        return
