"""Read pages and lines, and write what was read, with corrections, in several formats."""

from __future__ import annotations

import copy
import io
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from hwsk._warn import collect_warnings
from hwsk.documents._images import PageImage, iterate_pages
from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import File, Job
from hwsk.studio._pdf import DPI, draw_pages
from hwsk.studio._settings import Settings
from hwsk.studio._state import Body, Studio, attach, read_body, start_job, studio_of
from hwsk.studio._uploads import Upload, check_pixels, encode, read_form

LAYOUTS = ("auto", "page", "line")
_LINE_ASPECT = 6.0  # width by height from which an image is taken for a line
_FORMATS = {  # method of Page, end of the file name, media type
    "text": ("to_text", ".txt", "text/plain; charset=utf-8"),
    "json": ("to_json", ".json", "application/json"),
    "page": ("to_page_xml", ".page.xml", "application/xml"),
    "alto": ("to_alto", ".alto.xml", "application/xml"),
    "hocr": ("to_hocr", ".hocr", "text/html; charset=utf-8"),
    "pdf": ("", ".pdf", "application/pdf"),
}


class Correction(Body):
    """Give the right text of a line."""

    page: int = Field(ge=1, description="The page, from 1.")
    line: int = Field(ge=0, description="The line in its page, from 0.")
    text: str = Field(max_length=2000, description="What is written there.")


class Export(Body):
    """Ask for a file of what was read, with corrections."""

    format: Literal["text", "json", "page", "alto", "hocr", "pdf"]
    corrections: list[Correction] = Field(default=[], max_length=20_000)


class ReadPage(NamedTuple):
    """Hold a page that was read: its lines, and its image as a JPEG file."""

    page: Any
    jpeg: bytes


async def start_reading(request: Request) -> Response:
    """Queue a file to be read."""
    studio = studio_of(request)
    form = await read_form(request, studio.settings)
    (upload,) = form.need("file", 1)
    layout = form.choose("layout", LAYOUTS)
    model = form.choose("model", studio.models.readers())
    return await start_job(
        request, "read", "work", lambda job: read(studio, job, upload, layout, model)
    )


def read(studio: Studio, job: Job, upload: Upload, layout: str, model: str) -> dict[str, Any]:
    """Read all pages of a file; those that fail are named in the remarks."""
    job.reach(0, None, "loading the model")
    reader = studio.models.get(model)
    failures: list[str] = []
    said: Sequence[Warning | str]
    job.kept = []
    job.reach(0, None, "reading page 1")
    for image in _images(upload, studio.settings, job, failures):
        number = len(job.kept) + 1
        job.reach(number - 1, image.count, f"reading page {number} of {image.count}")
        is_line = layout == "line" or (
            layout == "auto" and image.image.shape[1] >= _LINE_ASPECT * image.image.shape[0]
        )
        if is_line:
            with collect_warnings() as said:
                page = _read_line(reader, image)
        else:
            ((page, said),) = reader._read_each(iter([image]))
        job.remark(said, f"page {number}: ")
        read_page = ReadPage(page, encode(image.image, "JPEG"))
        job.kept.append(read_page)
        job.size += len(read_page.jpeg)
        if job.size > studio.settings.kept_bytes:
            raise Refusal(
                413,
                "too-large",
                f"the images of {number} pages come to more than "
                f"{studio.settings.kept_bytes:,} bytes, which is the limit: send fewer at once",
            )
        job.files[f"page-{number}.jpg"] = read_page.jpeg, "image/jpeg"
    if not job.kept:
        raise ValueError("; ".join(failures) or f"{upload.name} holds no page")
    pages = [as_json(job, number, kept.page) for number, kept in enumerate(job.kept, 1)]
    job.remark(failures)
    return {"name": upload.name, "model": model, "pages": pages}


def _images(
    upload: Upload, settings: Settings, job: Job, failures: list[str]
) -> Iterator[PageImage]:
    if upload.is_pdf:
        return draw_pages(upload, settings, job.check, failures)
    check_pixels([upload], settings)
    return iterate_pages(upload.open(), DPI, failures)


def _read_line(reader: Any, image: Any) -> Any:
    """Read an image that is one line as a page of it."""
    from hwsk.documents import Line, Page, Region
    from hwsk.documents._reader import _enter_text
    from hwsk.recognition import predict_details

    height, width = image.image.shape
    line = Line(polygon=[0, 0, max(1, width - 1), max(1, height - 1)])
    _enter_text(line, predict_details(reader._parts()[1], [image.image])[0])
    return Page(width, height, [Region([line])], image.name)


def as_json(job: Job, number: int, page: Any) -> dict[str, Any]:
    """Return what the page shows: lines and words with their places and confidences."""

    def describe(part: Any) -> dict[str, Any]:
        outline = None if part.polygon is None else np.rint(part.polygon).astype(int).tolist()
        sure = None if part.confidence is None else round(float(part.confidence), 4)
        return {"text": part.text, "confidence": sure, "polygon": outline}

    lines = [
        {**describe(line), "words": [describe(word) for word in line.words]} for line in page.lines
    ]
    return {
        "number": number,
        "width": page.width,
        "height": page.height,
        "image": f"/api/jobs/{job.id}/files/page-{number}.jpg",
        "lines": lines,
    }


def kept_pages(studio: Studio, job_id: str) -> list[ReadPage]:
    """Return the pages of a job that is done."""
    job = studio.jobs.get(job_id)
    if job.kind != "read" or job.state != "done":
        raise Refusal(409, "not-read", f"the job is {job.kind}, {job.state}; expected read, done")
    pages: list[ReadPage] = job.kept
    return pages


def corrected(pages: Sequence[ReadPage], corrections: Sequence[Correction]) -> list[Any]:
    """Return copies of pages with corrected lines.

    A word keeps its place where the line has as many words as before; otherwise the line has none.
    """
    result = [copy.deepcopy(kept.page) for kept in pages]
    for correction in corrections:
        line = find_line(result, correction)
        line.text = " ".join(correction.text.split())
        words = line.text.split()
        if len(words) != len(line.words):
            line.words = []
        for word, text in zip(line.words, words, strict=False):
            if word.text != text:
                word.text, word.characters, word.confidence = text, [], None
    return result


def find_line(pages: Sequence[Any], correction: Correction) -> Any:
    """Return the line that a correction is of."""
    if correction.page > len(pages):
        raise Refusal(
            422, "invalid", f"corrections: there is no page {correction.page} of {len(pages)}"
        )
    lines = pages[correction.page - 1].lines
    if correction.line >= len(lines):
        raise Refusal(
            422,
            "invalid",
            f"corrections: page {correction.page} has {len(lines)} lines, from 0; there is no line "
            f"{correction.line}",
        )
    return lines[correction.line]


async def export(request: Request) -> Response:
    """Write pages that were read in a format."""
    studio = studio_of(request)
    body = await read_body(request, Export)
    pages = kept_pages(studio, request.path_params["job"])
    result = corrected(pages, body.corrections)

    def write(job: Job) -> File:
        return _write(result, [kept.jpeg for kept in pages], body.format)

    job = studio.jobs.submit("export", "files", write)
    content, kind = await studio.jobs.outcome(job)
    end = ".zip" if kind == "application/zip" else _FORMATS[body.format][1]
    name = PurePosixPath(studio.jobs.get(request.path_params["job"]).result["name"]).stem
    return Response(content, media_type=kind, headers=attach(f"{name}{end}"))


def _write(pages: list[Any], jpegs: list[bytes], layout: str) -> File:
    method, end, kind = _FORMATS[layout]
    if layout == "pdf":
        return _write_pdf(pages, jpegs), kind
    texts = [getattr(page, method)() for page in pages]
    if layout == "text":
        return ("\n\n".join(texts) + "\n").encode(), kind
    if len(texts) == 1:
        return texts[0].encode(), kind
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, text in enumerate(texts, 1):
            archive.writestr(f"page-{number:03}{end}", text)
    return buffer.getvalue(), "application/zip"


def _write_pdf(pages: list[Any], jpegs: list[bytes]) -> bytes:
    from hwsk.documents import save_pdf

    with tempfile.TemporaryDirectory(prefix="hwsk-") as folder:
        images = []
        for number, jpeg in enumerate(jpegs):
            images.append(Path(folder, f"{number}.jpg"))
            images[-1].write_bytes(jpeg)
        target = Path(folder, "read.pdf")
        save_pdf(target, pages, images)
        return target.read_bytes()


def cut(pages: Sequence[ReadPage], number: int, lines: Sequence[Any]) -> list[NDArray[np.uint8]]:
    """Cut the images of lines out of a page."""
    from hwsk._data.decoding import decode_image
    from hwsk._data.levels import to_bytes
    from hwsk.documents import cut_lines

    image = to_bytes(decode_image(pages[number - 1].jpeg, f"page {number}"))
    return cut_lines(image, lines)
