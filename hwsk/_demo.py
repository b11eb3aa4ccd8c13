"""Train a recognizer on generated handwriting in some minutes: `hwsk demo`."""

from __future__ import annotations

import shlex
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neighbors import NearestNeighbors

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.metrics import bootstrap_interval, character_error_rate, word_error_rate
from hwsk.recognition import CTCRecognizer

WORDS = """
the and that with from have this they which would there their about people other many new some
time could these may then first any such like our over made even most after also did before must
through years where much your way well down should because each just those
"""
YOUR_OWN = """\
    import hwsk
    model = hwsk.CTCRecognizer(verbose=1).fit(*hwsk.datasets.load_lines("LINES", return_X_y=True))
    print(model.predict(["another_line.png"]))

LINES is a folder of a1.png with its transcript in a1.gt.txt, and so on, or a CSV of path,text."""


def run(output: Path, *, quick: bool = False, echo: Callable[[str], Any] = print) -> None:
    """Run the demo.

    Parameters
    ----------
    output : path
        Folder for `reading.png`, `line.png` and `model.hwsk`; made if need be.
    quick : bool, default=False
        Take a tenth of the data and of the training.
    echo : callable, default=print
        Where the report goes, line by line.
    """
    start = time.perf_counter()
    output.mkdir(parents=True, exist_ok=True)

    n_samples, n_writers = (150, 15) if quick else (3000, 300)
    echo(f"Making {n_samples} pieces of handwriting by {n_writers} writers ...")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS.split(), rng.integers(1, 3))) for _ in range(n_samples)]
    data = make_handwriting(n_samples, n_writers=n_writers, texts=texts, height=32, random_state=0)
    split = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    train, test = next(split.split(data.images, groups=data.writer))
    X, y = data.images[train], data.text[train]
    X_unseen, y_unseen, writers = data.images[test], data.text[test], data.writer[test]

    echo(f"Learning from {len(X)} of them; the {len(set(writers))} other writers stay unseen.")
    model = CTCRecognizer(
        height=32,
        channels=(16, 32, 64),
        dense_units=64,
        hidden_units=96,
        num_layers=1,
        max_epochs=2 if quick else 10,
        batch_size=8,
        lr=3e-3,
        random_state=0,
        verbose=1,
    ).fit(X, y)
    nearest = NearestNeighbors(n_neighbors=1).fit(_thumbnails(X))
    readings = {
        "nearest training image": y[nearest.kneighbors(_thumbnails(X_unseen))[1].ravel()],
        "CTCRecognizer": model.predict(X_unseen),
    }

    echo("\nOn the unseen writers       characters wrong (95% interval)   words wrong")
    for name, read in readings.items():
        cer = character_error_rate(y_unseen, read)
        low, high = bootstrap_interval(
            character_error_rate, y_unseen, read, groups=writers, random_state=0
        )
        wer = word_error_rate(y_unseen, read)
        echo(f"  {name:24}  {cer:8.1%}  ({low:.1%} to {high:.1%}) {wer:20.1%}")

    echo("\nSome of their lines, and how they were read:")
    shown = slice(0, 8)
    for true, read in zip(y_unseen[shown], readings["CTCRecognizer"][shown], strict=True):
        echo(f"  {true:28}  {read}")

    hwsk.save(model, output / "model.hwsk")
    (output / "line.png").write_bytes(cv2.imencode(".png", X_unseen[0])[1].tobytes())
    echo(f"\nThe model:    {output / 'model.hwsk'}")
    _draw(model, X_unseen[shown], y_unseen[shown], output / "reading.png", echo)
    program = ["hwsk"] if shutil.which("hwsk") else [sys.executable, "-m", "hwsk"]
    files = [(output / name).as_posix() for name in ("model.hwsk", "line.png")]
    echo(f"\nRead one unseen line with it:\n\n    {shlex.join([*program, 'recognize', *files])}")
    echo(f"\nThe same with lines of your own (minutes to hours):\n\n{YOUR_OWN}")
    echo(f"\nDone in {time.perf_counter() - start:.0f} seconds.")


def _draw(model: Any, X: Any, y: Any, path: Path, echo: Callable[[str], Any]) -> None:
    from hwsk.plotting import ReadingDisplay

    try:
        display = ReadingDisplay.from_estimator(model, X, y)
    except ImportError as error:
        echo(f"No picture:   {error}")
        return
    display.figure_.savefig(path, dpi=150)
    echo(f"The picture:  {path}")


def _thumbnails(images: Any) -> NDArray[np.uint8]:
    """Images as rows of pixels, all scaled to one size."""
    return np.array([cv2.resize(image, (96, 16)).ravel() for image in images])
