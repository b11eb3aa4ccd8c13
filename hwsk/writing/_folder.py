"""Write lines as images with their transcripts into a folder (`write_folder`)."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, validate_params

import hwsk
from hwsk._data.digest import digest
from hwsk._files import is_empty, locked
from hwsk._limits import N_JOBS
from hwsk._warn import collect_warnings, warn_caller
from hwsk.preprocessing import StrokeRasterizer
from hwsk.writing._course import LACKS, PART, STATE, Course, Given, count_parts, identify
from hwsk.writing._hands import Hand, Primes
from hwsk.writing._legibility import Legibility, report_unread
from hwsk.writing._likeness import load_likeness
from hwsk.writing._line_writer import LineWriter
from hwsk.writing._lines import READING_CONSTRAINTS, prepare_lines
from hwsk.writing._progress import OnProgress, Progress
from hwsk.writing._reader import load_readers


@validate_params(
    {
        "texts": ["array-like", str],
        "folder": [str, os.PathLike],
        "prime": [list, tuple, None],
        "height": [Interval(Integral, 16, None, closed="left")],
        "n_jobs": N_JOBS,
        "resume": ["boolean"],
        **READING_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def write_folder(
    texts: Sequence[str],
    folder: str | os.PathLike[str],
    synthesizer: Any,
    reader: Any = ("iam-lines", "ink-lines"),
    *,
    prime: Primes = None,
    style: Any = None,
    candidates: int = 1,
    embedder: Any = "iam-writers",
    height: int = 96,
    bias: float | None = None,
    tolerance: float = 0.0,
    tries: int = 4,
    on_failure: str = "error",
    unsupported: str = "error",
    n_jobs: int | None = None,
    random_state: int | np.random.RandomState | None = None,
    resume: bool = False,
    verbose: bool = False,
) -> Legibility | None:
    """Write lines as images into a folder, with a table that `load_lines` reads.

    The folder gets ``000001.png`` and so on, and ``lines.csv`` with the columns path and text. A
    line that has a word which is not recognized is not saved: it would be a wrong training sample.

    Lines are saved 128 at a time. Until all are, the folder has ``lines.ckpt``, too: the state that
    `resume` goes on from. At any time ``lines.csv`` names images alone that are whole.

    Parameters
    ----------
    texts : sequence of str
        A line each.
    folder : str or path
        Where to; it must be new or empty, unless `resume` goes on in it.
    synthesizer : HandwritingSynthesizer
        A fitted synthesizer.
    reader : estimator, str, path, list of these or None, default=("iam-lines", "ink-lines")
        Recognizes lines: see :func:`write_lines`. None checks nothing.
    prime : (strokes, text), or list of such, default=None
        The hand to write in, or one for each text. None: another hand for each.
    style : int, array-like of shape (style_units,), or several of either, default=None
        Instead of a prime: see :func:`write_lines`.
    candidates : int, default=1
        Samples of a line to choose from, where a prime shows the hand: see :func:`write_lines`.
    embedder : estimator, str or path, default="iam-writers"
        What compares the candidates' hands: see :func:`write_lines`.
    height : int, default=96
        Height of the images in pixels.
    bias : float, default=None
        How neatly to write at first, from 0 upwards; None leaves it to the synthesizer.
    tolerance : float, default=0.0
        Share of a word's characters that may be misread, in [0, 1). Larger values take fewer
        tries.
    tries : int, default=4
        How often a whole line is sampled at most, as long as more than half of its words are
        missing and the last sample had one that was read right. Larger values leave fewer words to
        be written alone.
    on_failure : {"error", "warn", "ignore"}, default="error"
        What happens, once all lines are done, if some were left out.
    unsupported : {"error", "replace"}, default="error"
        What happens to characters that the synthesizer has never seen: an error names them, or
        they are replaced, with one warning; see :func:`write_lines`.
    n_jobs : int, default=None
        Processes that write, 128 lines at a time; None means 1, -1 all cores. What is written does
        not depend on it.
    random_state : int, RandomState instance or None, default=None
        Decides the writing.
    resume : bool, default=False
        Whether to go on in the folder of a run that was interrupted. The same texts and parameters
        are needed, but for `n_jobs`, `on_failure` and `verbose`; the folder then ends as if nothing
        had happened, and so does the result. A new or empty folder is begun.
    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    legibility : Legibility or None
        How many words were recognized; None without a reader. `unread` has the lines' places in
        `texts`, from 0.

    Raises
    ------
    ValueError
        If lines were left out (their words are quoted), a text is blank or has unknown characters,
        a prime is not a pair, or the synthesizer knows no such hand. If `resume` finds that the
        folder was begun with other texts or parameters, which are named, or that its state is
        damaged. If another process is writing into the folder.
    FileExistsError
        If the folder is not empty, and holds nothing that `resume` could go on from.

    Warns
    -----
    UserWarning
        If images that an interrupted run has saved are missing or were changed: their lines, and
        those that were saved with them, are written again.

    See Also
    --------
    hwsk.datasets.load_lines : Load the folder's table.

    Examples
    --------
    >>> import hwsk
    >>> from hwsk.datasets import load_lines
    >>> from hwsk.writing import write_folder
    >>> synthesizer = hwsk.load("synthesizer")  # doctest: +SKIP
    >>> write_folder(["one line", "two lines"], "made", synthesizer)  # doctest: +SKIP
    >>> made = load_lines("made/lines.csv")  # doctest: +SKIP
    """
    lines, hands = prepare_lines(texts, synthesizer, prime, style, unsupported)
    effective_n_jobs(n_jobs)  # refuses 0
    readers = load_readers(reader)
    likeness = load_likeness(embedder, candidates, prime is not None)
    rng = check_random_state(random_state)
    seeds = rng.randint(np.iinfo(np.int32).max, size=count_parts(lines)).tolist()
    given = {
        "texts": digest(lines),
        "synthesizer": identify(synthesizer),
        "reader": None if readers is None else digest([identify(one) for one in readers.models]),
        "prime": None if prime is None else _digest_hands(hands),
        "style": None if style is None else _digest_hands(hands),
        "candidates": int(candidates),
        "embedder": None if likeness is None else identify(likeness.embedder),
        "height": int(height),
        "bias": None if bias is None else float(bias),
        "tolerance": float(tolerance),
        "tries": int(tries),
        "random_state": None if random_state is None else digest(seeds[0]),
        "version": hwsk.__version__,
    }
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    with locked(target):
        course = _open_course(target, lines, given, seeds, resume)
        missing = course.missing()
        n_processes = min(effective_n_jobs(n_jobs), max(1, len(missing)))
        with Progress(len(lines), "line", verbose) as progress:

            def show_words(done: int, n_words: int, note: str) -> None:
                unit = "lines" if readers is None else "words"
                sequel = f", {note}" if note else ""
                progress.reach(progress.done, f"{done} of {n_words} {unit} of the next{sequel}")

            def writer(number: int) -> LineWriter:
                rng = np.random.RandomState(course.seeds[number])
                return LineWriter(synthesizer, readers, bias, tolerance, tries, rng, likeness)

            progress.reach(
                course.n_done(),
                f"{PART} at a time in each of {n_processes} processes" if n_processes > 1 else "",
            )
            jobs = Parallel(n_processes, return_as="generator")(
                delayed(_write_part)(
                    writer(number),
                    [lines[row] for row in course.rows(number)],
                    [hands[row] for row in course.rows(number)],
                    height,
                    None if n_processes > 1 else show_words,
                )
                for number in missing
            )
            for number, (legibility, images, said) in zip(missing, jobs, strict=True):
                rows = course.rows(number)
                for warning in said:
                    warn_caller(f"texts {rows[0]} to {rows[-1]}: {warning}", type(warning))
                course.keep(number, legibility, images)
                progress.reach(course.n_done())
        total = course.finish()
    report_unread(total, on_failure, "; their lines are left out")
    return total


def _digest_hands(hands: Sequence[Hand | None]) -> str:
    """Digest the hands of all lines; one that many lines have is looked at once."""
    digests = {key: digest(hand) for key, hand in {id(hand): hand for hand in hands}.items()}
    return digest([digests[id(hand)] for hand in hands])


def _open_course(
    folder: Path, lines: Sequence[str], given: Given, seeds: list[int], resume: bool
) -> Course:
    """Begin in an empty folder, or go on in that of an interrupted run."""
    if is_empty(folder):
        return Course.begin(folder, lines, given, seeds)
    is_begun = (folder / STATE).exists()
    if resume and is_begun:
        return Course.resume(folder, lines, given)
    if is_begun:
        raise FileExistsError(
            f"{folder} has the {STATE} of an interrupted run: resume=True goes on with it, and a "
            "new folder begins anew"
        )
    raise FileExistsError(
        f"{folder} is not empty{LACKS * resume}: lines are written into a new folder"
    )


def _write_part(
    writer: LineWriter,
    texts: Sequence[str],
    hands: Sequence[Hand | None],
    height: int,
    on_progress: OnProgress | None,
) -> tuple[Legibility | None, list[bytes], list[Warning]]:
    """Write some lines, and draw them: what a worker does, whose warnings nobody would hear."""
    with collect_warnings() as said:
        written = writer.write(texts, hands, on_progress=on_progress)
        images = StrokeRasterizer(height=height).fit_transform(written.strokes)
    encoded = [cv2.imencode(".png", image)[1].tobytes() for image in images]
    _release_memory()
    return written.legibility, encoded, said


def _release_memory() -> None:
    """Give freed memory back to the system; glibc keeps what lies between blocks in use.

    Networks that read lines of many widths leave hundreds of megabytes of that. joblib takes it for
    a leak, and replaces the worker with a warning.
    """
    if sys.platform == "linux" and (trim := getattr(ctypes.CDLL(None), "malloc_trim", None)):
        trim(0)
