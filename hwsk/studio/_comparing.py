"""Compare two signatures, or two pieces of writing: likelihood ratio, matched places, features."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from hwsk._warn import collect_warnings
from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import File, Job
from hwsk.studio._state import Studio, start_job, studio_of
from hwsk.studio._uploads import Upload, check_pixels, decode, encode, read_form

KINDS = {"signature": "signature-comparer", "and": "and-comparer", "lines": "iam-comparer"}
_LIMITS = {
    "and": 'For the word "and" alone.',
    "lines": "For English lines at 300 dots per inch, of one kind of pen a side, none forged.",
}
_MOST_IMAGES = 12  # on a side


async def start_comparing(request: Request) -> Response:
    """Queue two samples to be compared."""
    studio = studio_of(request)
    form = await read_form(request, studio.settings)
    kind = form.choose("kind", list(KINDS))
    a, b = (form.need(side, _MOST_IMAGES) for side in ("a", "b"))
    if kind == "signature" and len(b) > 1:
        raise Refusal(422, "too-many", f"b holds {len(b)} files; one signature is questioned")
    work: Callable[..., dict[str, Any]] = partial(_compare_writing, studio, kind)
    if kind == "signature":
        work = partial(_compare_signatures, studio)
    return await start_job(request, "compare", "work", lambda job: work(job, a, b))


def _compare_signatures(
    studio: Studio, job: Job, references: list[Upload], questioned: list[Upload]
) -> dict[str, Any]:
    """Compare all references with the questioned signature, and show where each matches it."""
    job.reach(0, None, "loading the model")
    comparer = studio.models.get(KINDS["signature"])
    check_pixels([*references, *questioned], studio.settings)
    known, (other,) = map(_decode_side, (references, questioned))
    job.reach(0, None, "comparing")
    with _naming(job, references, questioned) as name:
        comparison = comparer.compare(known, other)
    pairs = []
    for number, pair in enumerate(comparison.places, 1):
        files = f"first-{number}.png", f"second-{number}.png"
        for file, image in zip(files, pair.places.images, strict=True):
            _keep(job, file, image)
        pairs.append(
            {
                "name": references[pair.images[0]].name,
                "images": [f"/api/jobs/{job.id}/files/{file}" for file in files],
                "matches": [
                    {
                        "first": [round(float(value), 4) for value in first],
                        "second": [round(float(value), 4) for value in second],
                        "similarity": round(float(similarity), 3),
                    }
                    for first, second, similarity in zip(*pair.places[1:], strict=True)
                ],
            }
        )
    return {
        "kind": "signature",
        "model": KINDS["signature"],
        "questioned": questioned[0].name,
        "references": len(known),
        **_finding(comparison, name),
        "pairs": pairs,
        "reports": _offer_reports(job, comparison, KINDS["signature"], references, questioned),
        "limits": "Against skilled forgeries: one questioned signature and so many references of "
        "24 Dutch and Australian writers. The ratio is not the probability that the same writer "
        "wrote them all: that depends on the other evidence, too. One reference does not show how "
        "much its writer varies: compare with several.",
    }


@contextmanager
def _naming(job: Job, a: list[Upload], b: list[Upload]) -> Iterator[Callable[[str], str]]:
    """Give images the names of their files in what the library warns of and refuses."""

    def name(text: str) -> str:
        def say(found: re.Match[str]) -> str:
            side, title = (a, "reference") if found["side"] == "a" else (b, "questioned")
            rows = map(int, re.findall(r"\d+", found["rows"]))
            return " and ".join(f"the {title} {side[row].name}" for row in rows)

        return re.sub(r"\bimages? (?P<rows>\d+(?: and \d+)?) of (?P<side>[ab])\b", say, text)

    with collect_warnings() as said:
        try:
            yield name
        except ValueError as error:
            raise ValueError(name(str(error))) from None
    # The page says why no ratio is given.
    job.remark([name(text) for text in map(str, said) if not text.startswith("no ratio is given")])


def _finding(comparison: Any, name: Callable[[str], str]) -> dict[str, Any]:
    """Describe the likelihood ratio of a comparison, or why none is given."""
    return {
        "log_likelihood_ratio": round(float(comparison.log_likelihood_ratio), 4),
        "probability": round(comparison.probability, 5),
        "verbal": comparison.verbal,
        "bound": round(float(comparison.basis["bound"]), 1),
        "doubts": [name(doubt) for doubt in comparison.doubts],
    }


def _compare_writing(
    studio: Studio, kind: str, job: Job, a: list[Upload], b: list[Upload]
) -> dict[str, Any]:
    """Compare words "and" or lines of two sides, by embeddings and the features of words."""
    from hwsk.verification._comparison import describe_feature

    job.reach(0, None, "loading the model")
    comparer = studio.models.get(KINDS[kind])
    check_pixels([*a, *b], studio.settings)
    sides = _decode_side(a), _decode_side(b)
    job.reach(0, None, "comparing")
    with _naming(job, a, b) as name:
        comparison = comparer.compare(*sides)
    for side, images in zip("ab", sides, strict=True):
        for number, image in enumerate(images, 1):
            _keep(job, f"{side}-{number}.png", image)
    return {
        "kind": kind,
        "model": KINDS[kind],
        **_finding(comparison, name),
        "names": [[upload.name for upload in side] for side in (a, b)],
        "images": [
            [f"/api/jobs/{job.id}/files/{side}-{n}.png" for n in range(1, len(images) + 1)]
            for side, images in zip("ab", sides, strict=True)
        ],
        "features": [
            {
                "text": describe_feature(name, row),
                "agree": bool(row["agree"]),
                "log_likelihood_ratio": round(float(row["log_likelihood_ratio"]), 3),
            }
            for name, row in comparison.features.iterrows()
        ],
        "distances": [
            {"part": str(name), **{key: round(float(value), 4) for key, value in row.items()}}
            for name, row in comparison.distances.iterrows()
        ],
        "reports": _offer_reports(job, comparison, KINDS[kind], a, b),
        "limits": f"{_LIMITS[kind]} The ratio is not the probability that the same writer wrote "
        "both: that depends on the other evidence, too.",
    }


def _decode_side(uploads: list[Upload]) -> list[NDArray[np.uint8]]:
    return [decode(upload) for upload in uploads]


def _keep(job: Job, name: str, image: NDArray[Any]) -> None:
    content = encode(np.asarray(image, np.uint8), "PNG")
    job.files[name] = content, "image/png"
    job.size += len(content)


def _offer_reports(
    job: Job, comparison: Any, model: str, a: list[Upload], b: list[Upload]
) -> dict[str, str]:
    """Keep what writes the reports of a comparison; return their addresses."""
    details = {"model": model}
    for side, uploads in (("A", a), ("B", b)):
        for number, upload in enumerate(uploads, 1):
            checksum = hashlib.sha256(upload.content).hexdigest()
            details[f"{side}{number}"] = f"{upload.name}, SHA-256 of the file {checksum}"
    for kind, media in (("html", "text/html; charset=utf-8"), ("pdf", "application/pdf")):
        job.files[f"report.{kind}"] = _report_writer(comparison, details, kind, media)
    return {kind: f"/api/jobs/{job.id}/files/report.{kind}" for kind in ("html", "pdf")}


def _report_writer(
    comparison: Any, details: dict[str, str], kind: str, media: str
) -> Callable[[], File]:
    """Make what writes a report when it is asked for."""

    def give() -> File:
        with tempfile.TemporaryDirectory(prefix="hwsk-") as folder:
            target = Path(folder, f"report.{kind}")
            write = comparison.to_pdf if kind == "pdf" else comparison.to_html
            write(target, details=details)
            return target.read_bytes(), media

    return give
