"""Learn from corrections: fine-tune a copy of the recognizer, and say what it is worth."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pydantic import Field
from skorch.callbacks import Callback
from starlette.requests import Request
from starlette.responses import Response

from hwsk._wording import count
from hwsk.studio._errors import Refusal
from hwsk.studio._jobs import File, Job
from hwsk.studio._models import PAGES
from hwsk.studio._reading import Correction, ReadPage, cut, find_line, kept_pages
from hwsk.studio._state import Body, Studio, read_body, start_job, studio_of

FEWEST = 8
"""Lines: two are held out, and six are few enough to learn from."""
_HELD_OUT = 4  # every so manieth line is held out


class Lesson(Body):
    """Give the right texts of lines of a job that has read."""

    job: str = Field(max_length=100, description="The job that has read the pages.")
    lines: list[Correction] = Field(
        max_length=2000, description="Lines with their right texts, those that were right, too."
    )
    model: str = Field(PAGES, max_length=100, description="The reader to start from.")
    epochs: int | None = Field(None, ge=1, le=30, description="null: as `fine_tune` chooses.")


class _Report(Callback):
    """Report the epochs as progress, and end the training if the job is cancelled."""

    def __init__(self, job: Job) -> None:
        self.job = job

    def on_batch_end(self, net: Any, **kwargs: Any) -> None:
        """Stop if the job was cancelled."""
        self.job.check()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Report an epoch."""
        done, total = len(net.history), int(net.max_epochs)
        self.job.reach(done, total, f"epoch {done} of {total}")


async def start_learning(request: Request) -> Response:
    """Queue corrections to be learnt from; it takes minutes, beside the other jobs."""
    studio = studio_of(request)
    lesson = await read_body(request, Lesson)
    pages = kept_pages(studio, lesson.job)
    if lesson.model not in studio.models.readers():
        names = ", ".join(studio.models.readers())
        raise Refusal(422, "invalid", f"model is {lesson.model!r:.60}; expected one of {names}")
    places = {(line.page, line.line) for line in lesson.lines}
    if len(places) < len(lesson.lines):
        raise Refusal(422, "invalid", "lines: a line is given twice")
    for line in lesson.lines:
        find_line([kept.page for kept in pages], line)
    lines = [line for line in lesson.lines if line.text.strip()]
    if len(lines) < FEWEST:
        raise Refusal(
            422,
            "too-few",
            f"{count(len(lines), 'corrected line')} with a text; learning needs "
            f"{FEWEST} or more, better 20: a quarter is held out, and lines that were right count",
        )
    lesson = lesson.model_copy(update={"lines": lines})
    return await start_job(
        request, "learn", "learning", lambda job: learn(studio, job, pages, lesson)
    )


def learn(studio: Studio, job: Job, pages: list[ReadPage], lesson: Lesson) -> dict[str, Any]:
    """Fine-tune a copy of a reader; the former one stays."""
    from sklearn.frozen import FrozenEstimator

    from hwsk.documents import PageReader
    from hwsk.metrics import character_error_rate
    from hwsk.recognition import fine_tune
    from hwsk.recognition._details import as_returned

    job.reach(0, None, "cutting lines")
    segmenter, former = studio.models.get(lesson.model)._parts()
    images: list[Any] = []
    texts: list[str] = []
    for number in sorted({line.page for line in lesson.lines}):
        of_page = [line for line in lesson.lines if line.page == number]
        places = [find_line([kept.page for kept in pages], line) for line in of_page]
        images += cut(pages, number, places)
        texts += [" ".join(line.text.split()) for line in of_page]
    held = list(range(_HELD_OUT - 1, len(texts), _HELD_OUT))
    learnt = [row for row in range(len(texts)) if row not in set(held)]
    held_images, held_texts = [images[i] for i in held], [texts[i] for i in held]
    job.reach(0, None, "reading the held-out lines with the former model")

    def error_rate(reader: Any) -> float:
        right = as_returned(reader, held_texts)
        return float(character_error_rate(right, list(reader.predict(held_images))))

    before = error_rate(former)
    job.reach(0, None, "learning")
    tuned = fine_tune(
        former,
        [images[i] for i in learnt],
        [texts[i] for i in learnt],
        max_epochs=lesson.epochs,
        random_state=0,
        callbacks=[_Report(job)],
    )
    job.reach(0, None, "reading the held-out lines with the new model")
    after = error_rate(tuned)
    if not math.isfinite(after):
        raise RuntimeError("the new model reads nothing; the former one stays")
    job.check()
    name = studio.models.add(PageReader(FrozenEstimator(segmenter), tuned))
    job.files[f"{name}.hwsk"] = _saver(tuned)
    return {
        "model": name,
        "former": lesson.model,
        "learnt": len(learnt),
        "held_out": len(held),
        "cer_before": round(before, 4),
        "cer_after": round(after, 4),
        "file": f"/api/jobs/{job.id}/files/{name}.hwsk",
    }


def _saver(recognizer: Any) -> Callable[[], File]:
    """Make what saves a recognizer when its file is asked for."""

    def give() -> File:
        from hwsk import save

        with tempfile.TemporaryDirectory(prefix="hwsk-") as folder:
            target = Path(folder, "model.hwsk")
            save(recognizer, target)
            return target.read_bytes(), "application/octet-stream"

    return give
