"""Compare two signatures, or two pieces of writing: likelihood ratio, matched places, features."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import File, Job
from hwsk.studio._state import Studio, answer_job, studio_of
from hwsk.studio._uploads import Upload, decode, encode, read_form

KINDS = {"signature": "signature-verifier", "and": "and-comparer", "lines": "iam-comparer"}
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
    job = studio.jobs.submit("compare", "work", lambda job: work(job, a, b))
    return await answer_job(request, job)


def _compare_signatures(
    studio: Studio, job: Job, references: list[Upload], questioned: list[Upload]
) -> dict[str, Any]:
    """Compare each reference with the questioned signature."""
    from hwsk.verification._places import match_places

    job.reach(0, len(references), "loading the model")
    verifier = studio.models.get(KINDS["signature"])
    (other,) = _decode_side(studio, questioned)
    known = _decode_side(studio, references)
    job.reach(0, len(references), "comparing")
    together = verifier.verify(other, known)
    slope, intercept = verifier.calibration_
    pairs = []
    for number, (one, score) in enumerate(zip(known, together.pair_scores, strict=True), 1):
        job.reach(number - 1, len(references), f"matching signature {number}")
        places = match_places(verifier, one, other)
        names = f"first-{number}.png", f"second-{number}.png"
        for name, image in zip(names, places.images, strict=True):
            _keep(job, name, image)
        pairs.append(
            {
                "name": references[number - 1].name,
                **_finding(float(slope * score + intercept), score, verifier.threshold_),
                "images": [f"/api/jobs/{job.id}/files/{name}" for name in names],
                "matches": [
                    {
                        "first": [round(float(value), 4) for value in first],
                        "second": [round(float(value), 4) for value in second],
                        "similarity": round(float(similarity), 3),
                    }
                    for first, second, similarity in zip(
                        places.first, places.second, places.similarity, strict=True
                    )
                ],
            }
        )
    return {
        "kind": "signature",
        "model": KINDS["signature"],
        "questioned": questioned[0].name,
        "references": len(known),
        "together": _finding(
            math.log(together.probability / (1 - together.probability)),
            together.score,
            together.threshold,
        ),
        "pairs": pairs,
        "limits": "At even odds, and as the forgeries of the calibration were made. One reference "
        "does not show how much its writer varies: compare with several.",
    }


def _finding(log_ratio: float, score: float, threshold: float) -> dict[str, Any]:
    """Describe a score and the likelihood ratio that it stands for."""
    from hwsk.verification import verbal_equivalent

    return {
        "same_writer": bool(score >= threshold),
        "score": round(float(score), 5),
        "threshold": round(float(threshold), 5),
        "probability": round(1 / (1 + math.exp(-log_ratio)), 5),
        "log_likelihood_ratio": round(log_ratio, 4),
        "verbal": verbal_equivalent(log_ratio),
    }


def _compare_writing(
    studio: Studio, kind: str, job: Job, a: list[Upload], b: list[Upload]
) -> dict[str, Any]:
    """Compare words "and" or lines of two sides, by embeddings and the features of words."""
    from hwsk.verification._comparison import describe_feature

    job.reach(0, None, "loading the model")
    comparer = studio.models.get(KINDS[kind])
    sides = _decode_side(studio, a), _decode_side(studio, b)
    job.reach(0, None, "comparing")
    comparison = comparer.compare(*sides)
    for side, images in zip("ab", sides, strict=True):
        for number, image in enumerate(images, 1):
            _keep(job, f"{side}-{number}.png", image)
    for end, media in (("html", "text/html; charset=utf-8"), ("pdf", "application/pdf")):
        job.files[f"report.{end}"] = _report_writer(comparison, KINDS[kind], end, media)
    return {
        "kind": kind,
        "model": KINDS[kind],
        "log_likelihood_ratio": round(float(comparison.log_likelihood_ratio), 4),
        "probability": round(comparison.probability, 5),
        "verbal": comparison.verbal,
        "bound": round(float(comparison.basis["bound"]), 1),
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
        "reports": {end: f"/api/jobs/{job.id}/files/report.{end}" for end in ("html", "pdf")},
        "limits": f"{_LIMITS[kind]} The ratio is not the probability that one hand wrote both: "
        "that depends on the other evidence, too.",
    }


def _decode_side(studio: Studio, uploads: list[Upload]) -> list[NDArray[np.uint8]]:
    return [decode(upload, studio.settings) for upload in uploads]


def _keep(job: Job, name: str, image: NDArray[Any]) -> None:
    content = encode(np.asarray(image, np.uint8), "PNG")
    job.files[name] = content, "image/png"
    job.size += len(content)


def _report_writer(comparison: Any, model: str, end: str, media: str) -> Callable[[], File]:
    """Make what writes a report when it is asked for."""

    def give() -> File:
        with tempfile.TemporaryDirectory(prefix="hwsk-") as folder:
            target = Path(folder, f"report.{end}")
            write = comparison.to_pdf if end == "pdf" else comparison.to_html
            write(target, details={"model": model})
            return target.read_bytes(), media

    return give
