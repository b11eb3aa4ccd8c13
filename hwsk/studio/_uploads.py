"""Take the files of a request: their contents, never their names as paths; count their pixels."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from hwsk.documents._images import is_pdf
from hwsk.studio._errors import Refusal
from hwsk.studio._settings import Settings

_JOINERS = "\u200c\u200d"  # not printable, and needed by scripts such as Persian


class Upload(NamedTuple):
    """Hold a file of a request: its name, which is shown and not opened, and its content."""

    name: str
    content: bytes

    def open(self) -> io.BytesIO:
        """Return the content as a file whose name appears in messages."""
        file = io.BytesIO(self.content)
        file.name = self.name
        return file

    @property
    def is_pdf(self) -> bool:
        """Whether the content begins as a PDF does."""
        return is_pdf(self.content)


class Form(NamedTuple):
    """Hold the files and the texts of a form, each by the name of its field."""

    files: dict[str, list[Upload]]
    texts: dict[str, list[str]]

    def need(self, field: str, most: int | None = None) -> list[Upload]:
        """Return the files of a field; raise `Refusal` if there is none, or more than `most`."""
        found = self.files.get(field, [])
        if not found:
            given = ", ".join(sorted({*self.files, *self.texts})) or "no field"
            raise Refusal(422, "missing", f"the field {field!r} holds no file; given: {given}")
        if most is not None and len(found) > most:
            raise Refusal(422, "too-many", f"the field {field!r} holds {len(found)} files; {most}")
        return found

    def choose(self, field: str, choices: Sequence[str]) -> str:
        """Return the text of a field, by default the first choice."""
        given = self.texts.get(field, [choices[0]])[-1]
        if given not in choices:
            raise Refusal(
                422, "invalid", f"{field} is {given!r:.60}; expected one of {', '.join(choices)}"
            )
        return given


async def read_form(request: Request, settings: Settings) -> Form:
    """Read a form whole. Temporary files, of which Starlette makes some, are gone afterwards."""
    if not request.headers.get("content-type", "").startswith("multipart/form-data"):
        raise Refusal(415, "content-type", "files are sent as multipart/form-data")
    files: dict[str, list[Upload]] = {}
    texts: dict[str, list[str]] = {}
    form: FormData
    async with request.form(max_files=settings.files, max_fields=2 * settings.files) as form:
        for field, value in form.multi_items():
            if isinstance(value, UploadFile):
                name = _clean(value.filename or "")
                files.setdefault(field, []).append(Upload(name, await value.read()))
            else:
                texts.setdefault(field, []).append(value)
    return Form(files, texts)


def _clean(name: str) -> str:
    """Return the name of a file without folders, and without what no XML and no terminal takes."""
    last = PurePosixPath(name.replace("\\", "/")).name
    kept = (c if c.isprintable() or c in _JOINERS else " " for c in last)
    return "".join(kept).strip()[:100] or "file"


def check_pixels(uploads: Sequence[Upload], settings: Settings) -> None:
    """Refuse images whose pages are too many or too large, before any is decoded.

    What is not an image is left to whoever decodes it, whose message says so.
    """
    total = 0.0
    for upload in uploads:
        total += check_sizes(upload.name, _frame_sizes(upload), settings)
    if len(uploads) > 1 and total > settings.all_pixels:
        raise Refusal(
            413,
            "too-many-pixels",
            f"{len(uploads)} images have {total:,.0f} pixels together, more than "
            f"{settings.all_pixels:,}: scale them down, or send fewer",
        )


def check_sizes(name: str, sizes: Iterable[tuple[float, float]], settings: Settings) -> float:
    """Refuse a file by the sizes of its pages; return their pixels."""
    total = 0.0
    for number, (width, height) in enumerate(sizes, 1):
        if number > settings.pages:
            raise Refusal(413, "too-many-pages", f"{name} has more than {settings.pages} pages")
        if width * height > settings.pixels:
            raise Refusal(
                413,
                "too-many-pixels",
                f"{name}: page {number} has {width:.0f} x {height:.0f} pixels, more than "
                f"{settings.pixels:,}: scale it down first",
            )
        total += width * height
    return total


def _frame_sizes(upload: Upload) -> Iterator[tuple[float, float]]:
    try:
        with Image.open(upload.open()) as image:
            yield image.size
            while image.format == "TIFF":
                image.seek(image.tell() + 1)
                yield image.size
    except EOFError:
        return
    except Refusal:
        raise
    except Exception:  # decoders raise many kinds on damaged files; the library names them
        return


def decode(upload: Upload) -> NDArray[np.uint8]:
    """Decode an image of a request to grey levels, dark ink on light paper."""
    from hwsk._data.decoding import decode_image
    from hwsk._data.levels import to_bytes

    return to_bytes(decode_image(upload.content, upload.name))


def encode(image: NDArray[np.uint8], kind: str) -> bytes:
    """Encode a grey image as ``"JPEG"`` or ``"PNG"``."""
    file = io.BytesIO()
    Image.fromarray(image).save(file, kind, **({"quality": 90} if kind == "JPEG" else {}))
    return file.getvalue()
