"""Read page images one at a time: JPEG, PNG, TIFF, PDF, and folders of those."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from hwsk._data.decoding import decode_image, gray_image
from hwsk._data.levels import to_bytes
from hwsk._files import open_file
from hwsk._warn import warn_caller
from hwsk._wording import count

SUFFIXES = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".pdf"}
_MOST_DPI = 10_000
_ORIENTATION = 0x0112  # the EXIF tag
_TOO_LARGE = "larger pages are not read, unless you raise PIL.Image.MAX_IMAGE_PIXELS"


@dataclass(eq=False)
class PageImage:
    """Hold the image of one page and where it comes from.

    Parameters
    ----------
    image : ndarray of shape (height, width), dtype uint8
        The page in gray; paper is light.
    path : str
        The file, or a name where it was not a file.
    number : int, default=1
        Of the page in the file, from 1.
    count : int, default=1
        Pages of the file.

    Attributes
    ----------
    name : str
        The path, and the number if the file has several pages.

    See Also
    --------
    read_pages : Page images from files.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.documents import PageImage
    >>> PageImage(np.zeros((20, 10), np.uint8), "letters.pdf", number=3, count=8).name
    'letters.pdf, page 3'
    """

    image: NDArray[np.uint8] = field(repr=False)
    path: str
    number: int = 1
    count: int = 1

    @property
    def name(self) -> str:
        """The path, and the number if the file has several pages."""
        return self.path if self.count == 1 else f"{self.path}, page {self.number}"


def read_pages(source: Any, *, dpi: float = 300) -> Iterator[PageImage]:
    """Read page images one at a time, so that a book needs the memory of one page.

    Parameters
    ----------
    source : str, path, file object, bytes, array, or iterable of these
        JPEG, PNG, TIFF (all its pages), BMP, WebP or PDF; a folder of those, read with the folders
        in it in the order of names; the content of such a file; an array (height, width) or
        (height, width, channels).
    dpi : float, default=300
        Resolution at which the pages of a PDF are drawn, in pixels per inch. More makes larger
        images. Reading PDF needs pypdfium2 (``pip install 'hwsk[pdf]'``).

    Yields
    ------
    PageImage
        The gray image of a page and its file and number.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If no page can be read: the file is damaged, encrypted, of another format, or a page has
        more pixels than Pillow's limit against decompression bombs allows (179 million, which
        ``PIL.Image.MAX_IMAGE_PIXELS`` changes).
    ModuleNotFoundError
        If pypdfium2 is needed and missing.

    Warns
    -----
    UserWarning
        At the end, if some of several pages or files could not be read: counted, the first ones
        with the reason.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.documents import read_pages
    >>> [page.image.shape for page in read_pages([np.zeros((30, 20), np.uint8)])]
    [(30, 20)]
    """
    check_dpi(dpi)
    failures: list[str] = []
    n_pages = 0
    for page in iterate_pages(source, dpi, failures):
        n_pages += 1
        yield page
    if not n_pages:
        if failures:
            more = f" (and {len(failures) - 1} more)" if failures[1:] else ""
            raise ValueError(failures[0] + more)
        raise ValueError(_without_pages(f"{source!r:.80}"))
    if failures:
        first = "; ".join(failures[:3]) + ("; ..." if failures[3:] else "")
        warn_caller(
            f"{count(len(failures), 'page')} could not be read and {n_pages} could: {first}",
            UserWarning,
        )


def check_dpi(dpi: float) -> None:
    """Refuse what is not a resolution of scans, such as NaN."""
    if not 1 <= dpi <= _MOST_DPI:
        raise ValueError(f"dpi={dpi}; expected pixels per inch, from 1 to {_MOST_DPI}")


def iterate_pages(source: Any, dpi: float, failures: list[str]) -> Iterator[PageImage]:
    """Yield pages as `read_pages` does; what can't be read is entered in `failures`."""
    for item, name in iterate_items(source):
        try:
            yield from _read_item(item, name, dpi, failures)
        except (ValueError, OSError) as error:
            if isinstance(error, FileNotFoundError) and item is source:
                raise
            failures.append(str(error))


def iterate_items(source: Any) -> Iterator[tuple[Any, str]]:
    """Files, contents and arrays, each with its name; a folder without pages as itself."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(source)
        if path.is_dir():
            files = [
                file
                for file in sorted(path.rglob("*"))
                if file.suffix.lower() in SUFFIXES
                and file.is_file()
                and not any(part[0] == "." for part in file.relative_to(path).parts)
            ]
            yield from ((file, str(file)) for file in files or [path])
        else:
            yield source, os.fspath(source)
    elif isinstance(source, (bytes, bytearray)):
        yield bytes(source), "<bytes>"
    elif hasattr(source, "read"):
        yield source, str(getattr(source, "name", "<stream>"))
    elif hasattr(source, "__array__") and np.asarray(source).dtype != object:
        yield source, "<array>"
    elif isinstance(source, Iterable):
        for i, item in enumerate(source):
            for part, name in iterate_items(item):
                yield part, f"{name} (item {i})" if name.startswith("<") else name
    else:
        raise TypeError(f"{type(source).__name__} is not a source of pages; pass paths or arrays")


def _without_pages(source: str) -> str:
    return f"{source} holds no page; expected {', '.join(sorted(SUFFIXES))}"


def _read_item(item: Any, name: str, dpi: float, failures: list[str]) -> Iterator[PageImage]:
    if hasattr(item, "__array__"):
        yield PageImage(to_gray(item, name), name)
        return
    if isinstance(item, (str, os.PathLike)):
        if Path(item).is_dir():
            raise ValueError(_without_pages(f"the folder {name}"))
        with open_file(item) as file:
            start = file.read(1024)
            starts_pdf = is_pdf(start)
            content = b"" if starts_pdf else start + file.read()
    else:
        content = _read_content(item)
        starts_pdf = is_pdf(content)
    if starts_pdf:
        yield from _read_pdf(content or os.fspath(item), name, dpi, failures)
        return
    with _open(io.BytesIO(content), name) as opened:
        count = getattr(opened, "n_frames", 1)
        if opened.format != "TIFF" or count == 1:  # an animation counts as its first frame
            yield PageImage(decode_image(content, name), name)
            return
        for number in range(1, count + 1):
            page = PageImage(np.empty((0, 0), np.uint8), name, number, count)
            try:
                opened.seek(number - 1)
                page.image = _gray_frame(opened)
            except (OSError, ValueError, PillowImage.DecompressionBombError) as error:
                failures.append(f"{page.name}: {error}")
            else:
                yield page


def to_gray(image: Any, name: str) -> NDArray[np.uint8]:
    """An array of any kind of pixels as a 2-D uint8 array."""
    return to_bytes(gray_image(image, name))


def _read_content(item: Any) -> bytes:
    content = item if isinstance(item, bytes) else item.read()
    if isinstance(content, str):
        raise TypeError("a file of page images is opened as binary: open(path, 'rb')")
    return bytes(content)


def is_pdf(start: bytes) -> bool:
    """Indicate the beginning of a PDF."""
    return start[:1024].lstrip().startswith(b"%PDF-")


def _open(source: Any, name: str) -> Any:
    """Open an image with Pillow, which reads its header only."""
    try:
        return PillowImage.open(source)
    except UnidentifiedImageError:
        raise ValueError(
            f"{name} is neither an image nor a PDF (empty, damaged, or another format?)"
        ) from None
    except PillowImage.DecompressionBombError as error:
        size = str(error).partition(", could be")[0]
        raise ValueError(f"{name}: {size}; scale it down: {_TOO_LARGE}") from None


def image_size(path: str | os.PathLike[str]) -> tuple[int, int]:
    """Width and height of an image file as `read_image` decodes it, without decoding it.

    Raises
    ------
    ValueError
        If the file is not an image or too large.
    """
    with _open(path, os.fspath(path)) as opened:
        width, height = opened.size
        has_tag = opened.format in ("JPEG", "PNG", "WEBP") and "exif" in opened.info
        turned = has_tag and opened.getexif().get(_ORIENTATION, 1) >= 5
        return (height, width) if turned else (width, height)


def _gray_frame(frame: Any) -> NDArray[np.uint8]:
    if frame.mode not in ("P", "PA"):
        frame.palette = None  # before Pillow 13 that of a page seen before stays, and is applied
    return to_gray(frame, "image")


def _read_pdf(source: Any, name: str, dpi: float, failures: list[str]) -> Iterator[PageImage]:
    pdfium = import_pdfium("read PDF")
    try:
        pdf = pdfium.PdfDocument(source)
    except pdfium.PdfiumError as error:
        if "assword" in str(error):
            raise ValueError(
                f"{name} is encrypted; save it without password first, such as with "
                "`qpdf --decrypt --password=... in.pdf out.pdf`"
            ) from None
        raise ValueError(f"{name} is damaged or no PDF ({error})") from None
    limit = 2 * (PillowImage.MAX_IMAGE_PIXELS or float("inf"))  # where Pillow refuses an image
    with pdf:
        count = len(pdf)
        if not count:
            raise ValueError(f"{name} has no pages")
        for number in range(1, count + 1):
            page_image = PageImage(np.empty((0, 0), np.uint8), name, number, count)
            try:
                page = pdf[number - 1]
                width, height = (side * dpi / 72 for side in page.get_size())
                if width * height > limit:
                    raise ValueError(
                        f"{width:.0f} x {height:.0f} pixels at {dpi:g} dpi: lower dpi; {_TOO_LARGE}"
                    )
                # A little less, so that 2480.0001 pixels don't become 2481.
                bitmap = page.render(scale=dpi / 72 * (1 - 1e-6), grayscale=True)
                page_image.image = np.array(bitmap.to_numpy()).reshape(bitmap.height, -1)
                page.close()
            except (ValueError, pdfium.PdfiumError) as error:
                failures.append(f"{page_image.name}: {error}")
            else:
                yield page_image


def import_pdfium(purpose: str) -> Any:
    """The module pypdfium2, or an error that says how to install it."""
    try:
        import pypdfium2
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"to {purpose}, hwsk needs pypdfium2: pip install 'hwsk[pdf]'", name=error.name
        ) from None
    return pypdfium2
