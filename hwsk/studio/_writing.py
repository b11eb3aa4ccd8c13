"""Write text by hand, in a hand of the synthesizer's own or in the one that was drawn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from hwsk.studio._ink import Stroke, Strokes
from hwsk.studio._jobs import File, Job
from hwsk.studio._models import INK, LINES, Models
from hwsk.studio._state import Body, Studio, read_body, start_job, studio_of

HANDS = 8
_TRIAL = "the quick brown fox jumps over a dog"  # what a hand of the synthesizer's own is shown by
_SAMPLES = 6  # of which the one that is read best stands for a hand
_SIZES = {"a4": (210.0, 297.0), "a5": (148.0, 210.0), "card": (148.0, 105.0)}
_AT_ONCE = 720  # characters sampled between two looks at whether the job was cancelled
_GAP = 400.0  # between two drawn lines that are laid side by side: about three x-heights
_KINDS: dict[
    str, tuple[str, dict[str, Any], str]
] = {  # of files: what Sheets.save is asked for, and the media type
    "svg": (".svg", {}, "image/svg+xml"),
    "animated.svg": (".svg", {"style": "animated"}, "image/svg+xml"),
    "plotter.svg": (".svg", {"style": "plotter"}, "image/svg+xml"),
    "png": (".png", {"dpi": 200}, "image/png"),
    "gif": (".gif", {"dpi": 75}, "image/gif"),
    "pdf": (".pdf", {}, "application/pdf"),
    "inkml": (".inkml", {}, "application/inkml+xml"),
}

Colour = Annotated[str, Field(pattern="^#[0-9a-fA-F]{6}$")]


class DrawnLine(Body):
    """Hold a line that was drawn, and what it says."""

    text: Annotated[str, Field(min_length=1, max_length=200)]
    strokes: Strokes


class Letter(Body):
    """Say what is to be written, and how."""

    text: Annotated[str, Field(min_length=1, max_length=2000)]
    hand: int | None = Field(
        1, ge=1, le=HANDS, description="One of the synthesizer's own hands; null: a new one."
    )
    drawn: list[DrawnLine] = Field(
        [], max_length=4, description="Lines in the hand to write in, instead of `hand`."
    )
    bias: float | None = Field(None, ge=0, le=3, description="0: as people write; 1: tidily.")
    size: Literal["a4", "a5", "card"] = "a4"
    ink: Colour = "#1d2b64"
    paper: Colour = "#ffffff"
    checked: bool = Field(True, description="Write each word until it is recognized.")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="The same seed, the same writing.")


class _Interruptible:
    """Sample lines as a synthesizer does, some at a time, so that the job can be cancelled."""

    def __init__(self, synthesizer: Any, job: Job) -> None:
        self.synthesizer = synthesizer
        self.job = job
        self.alphabet_: str = synthesizer.alphabet_
        self.bias = synthesizer.bias

    def sample(
        self,
        *,
        texts: Sequence[str],
        bias: Any,
        random_state: int,
        tries: int = 4,
        **hands: Sequence[Any],
    ) -> Any:
        """Draw a sample of each text, in the hands of primes or styles."""
        samples: list[Any] = []
        while len(samples) < len(texts):
            self.job.check()
            start = len(samples)
            sizes = np.cumsum([len(text) for text in texts[start:]])
            part = slice(start, start + max(1, int((sizes <= _AT_ONCE).sum())))
            samples.extend(
                self.synthesizer.sample(
                    texts=texts[part],
                    bias=bias,
                    tries=tries,
                    random_state=(random_state + start) % 2**32,
                    **{name: of_texts[part] for name, of_texts in hands.items()},
                )
            )
        return samples


async def start_writing(request: Request) -> Response:
    """Queue a text to be written."""
    studio = studio_of(request)
    letter = await read_body(request, Letter)
    return await start_job(request, "write", "work", lambda job: write_letter(studio, job, letter))


def write_letter(studio: Studio, job: Job, letter: Letter) -> dict[str, Any]:
    """Write a text on sheets."""
    from hwsk.writing import write

    job.reach(0, None, "loading the models")
    synthesizer = studio.models.get("synthesizer")
    readers = _legibility_readers(studio.models) if letter.checked else None
    if letter.drawn:
        prime = _drawn_hand(letter.drawn)
    elif letter.hand is not None:
        prime = _own_hand(studio.models, letter.hand, job)
    else:
        prime = None
    job.reach(0, None, "writing")
    unit = "lines" if readers is None else "words"
    sheets = write(
        letter.text,
        _Interruptible(synthesizer, job),
        readers,
        prime=prime,
        bias=letter.bias,
        size=_SIZES[letter.size],
        margin=20.0 if letter.size == "a4" else 12.0,
        ink=letter.ink,
        paper=letter.paper,
        on_failure="ignore",
        unsupported="replace",
        random_state=letter.seed,
        on_progress=lambda done, total, note: job.reach(
            done, total, f"{done} of {total} {unit} written" + f"; {note}" * bool(note)
        ),
    )
    job.size = sum(stroke.nbytes for sheet in sheets.sheets for _, line in sheet for stroke in line)
    count = len(sheets.sheets)
    for kind in _KINDS:
        for number in range(1, count + 1):
            if kind == "pdf" and number > 1:  # it holds all sheets
                continue
            name = f"letter.{kind}" if count == 1 or kind == "pdf" else f"letter-{number}.{kind}"
            job.files[name] = _giver(sheets, number, kind)
    legibility = sheets.legibility
    return {
        "sheets": count,
        "width": sheets.size[0],
        "height": sheets.size[1],
        "files": {name: f"/api/jobs/{job.id}/files/{name}" for name in job.files},
        "unread": [] if legibility is None else [word.text for word in legibility.unread],
    }


def _legibility_readers(models: Models) -> list[Any]:
    """Return the readers that check what was written; they have no language model that guesses."""
    from hwsk.writing._reader import load_reader

    return [
        models.once(f"{name} without language model", partial(load_reader, name))
        for name in (LINES, INK)
    ]


def _giver(sheets: Any, number: int, kind: str) -> Callable[[], File]:
    """Make what makes a file when it is asked for."""

    def give() -> File:
        from dataclasses import replace

        suffix, options, media = _KINDS[kind]
        whole = kind == "pdf"
        part = sheets if whole else replace(sheets, sheets=[sheets.sheets[number - 1]])
        with tempfile.TemporaryDirectory(prefix="hwsk-") as folder:
            (file,) = part.save(Path(folder, f"letter{suffix}"), **options)
            return file.read_bytes(), media

    return give


def _own_hand(models: Models, number: int, job: Job) -> tuple[NDArray[np.float32], str]:
    """Return a line in one of the synthesizer's hands: the same whatever is written then."""
    from hwsk.writing._reader import Readers

    def sample() -> tuple[NDArray[np.float32], str]:
        job.reach(0, None, f"finding hand {number}")
        synthesizer = models.get("synthesizer")
        samples = synthesizer.sample(texts=[_TRIAL] * _SAMPLES, random_state=number)
        words = [_TRIAL.split()] * _SAMPLES
        readings = Readers(_legibility_readers(models)).read(list(samples), words)
        misread = [sum(reading.misread) for reading in readings]
        return samples[int(np.argmin(misread))], _TRIAL

    found: tuple[NDArray[np.float32], str] = models.once(f"hand {number}", sample)
    return found


def _drawn_hand(lines: Sequence[DrawnLine]) -> tuple[NDArray[np.float32], str]:
    """Return drawn lines as one, in the size and density that the synthesizer has learnt from."""
    parts = [_as_learnt(line.strokes) for line in lines]
    for before, after in pairwise(parts):
        end = before[:, :2].sum(axis=0)
        left, right = (np.cumsum(part[:, 0]) for part in (after, before))
        shift = right.max() + _GAP - end[0] - min(0.0, float(left.min()))
        after[0, :2] += np.array([shift, -end[1]], np.float32)
    return np.concatenate(parts), " ".join(" ".join(line.text.split()) for line in lines)


def _as_learnt(strokes: Sequence[Stroke]) -> NDArray[np.float32]:
    """Bring a drawn line to the size and the density of points of IAM-OnDB."""
    from hwsk.datasets import load_strokes

    traces = "".join(
        f"<trace>{', '.join(f'{x:.3f} {y:.3f}' for x, y in stroke)}</trace>" for stroke in strokes
    )
    with tempfile.TemporaryDirectory(prefix="hwsk-") as folder:
        file = Path(folder, "drawn.inkml")
        file.write_text(f'<ink xmlns="http://www.w3.org/2003/InkML">{traces}</ink>', "utf-8")
        try:
            return load_strokes(file)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), "a drawn line")) from None
