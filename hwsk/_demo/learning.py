"""Learn to read generated handwriting from scratch, in some minutes."""

from __future__ import annotations

import shlex
import shutil
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit
from sklearn.neighbors import NearestNeighbors

import hwsk
from hwsk._demo.html import Section, code, figure, table
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
X, y = hwsk.datasets.load_lines("LINES", return_X_y=True)
model = hwsk.CTCRecognizer(verbose=1).fit(X, y)
print(model.predict(["another_line.png"]))
"""
LAYOUT = (
    "LINES is a folder of a1.png with its transcript in a1.gt.txt, and so on, or a CSV of "
    "path,text."
)


def learn(output: Path, *, quick: bool, echo: Callable[[str], Any]) -> Section:
    """Train a recognizer, judge it on writers whom it never saw, save it and say how to go on."""
    n_samples, n_writers = (150, 15) if quick else (3000, 300)
    echo(f"Generating {n_samples} handwritten lines by {n_writers} writers ...")
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS.split(), rng.integers(1, 3))) for _ in range(n_samples)]
    data = make_handwriting(n_samples, n_writers=n_writers, texts=texts, height=32, random_state=0)
    split = GroupShuffleSplit(1, test_size=0.2, random_state=0)
    train, test = next(split.split(data.images, groups=data.writer))
    X, y = data.images[train], data.text[train]
    X_unseen, y_unseen, writers = data.images[test], data.text[test], data.writer[test]

    echo(f"Learning from {len(X)} of them; {len(set(writers))} writers are held out.")
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
    rows = []
    for name, read in readings.items():
        cer = character_error_rate(y_unseen, read)
        low, high = bootstrap_interval(
            character_error_rate, y_unseen, read, groups=writers, random_state=0
        )
        wer = word_error_rate(y_unseen, read)
        echo(f"  {name:24}  {cer:8.1%}  ({low:.1%} to {high:.1%}) {wer:20.1%}")
        rows.append([name, f"{cer:.1%} ({low:.1%} to {high:.1%})", f"{wer:.1%}"])

    echo("\nSome of their lines, and how they were read:")
    shown = slice(0, 8)
    for true, read in zip(y_unseen[shown], readings["CTCRecognizer"][shown], strict=True):
        echo(f"  {true:28}  {read}")

    hwsk.save(model, output / "model.hwsk")
    (output / "line.png").write_bytes(cv2.imencode(".png", X_unseen[0])[1].tobytes())
    echo(f"\nThe model:    {output / 'model.hwsk'}")
    drawn = _draw(model, X_unseen[shown], y_unseen[shown], output / "reading.png", echo)
    program = ["hwsk"] if shutil.which("hwsk") else [sys.executable, "-m", "hwsk"]
    files = [(output / name).as_posix() for name in ("model.hwsk", "line.png")]
    echo(f"\nRead one unseen line with it:\n\n    {shlex.join([*program, 'recognize', *files])}")
    own = textwrap.indent(YOUR_OWN, "    ")
    echo(f"\nThe same with lines of your own (minutes to hours):\n\n{own}\n{LAYOUT}")
    shown_html = (
        figure(
            output / "reading.png",
            "lines and how they were read",
            "Lines of writers whom the recognizer never saw, and how it read them.",
        )
        if drawn
        else ""
    )
    return Section(
        "It learns from scratch",
        "",
        f"<p>From {len(X)} generated lines, tested on {len(set(writers))} other writers:</p>"
        + table(rows, ("", "characters wrong (95% interval)", "words wrong"))
        + shown_html
        + f"<p>The same with lines of your own:</p>{code(YOUR_OWN)}<p>{LAYOUT}</p>",
    )


def _draw(model: Any, X: Any, y: Any, path: Path, echo: Callable[[str], Any]) -> bool:
    from hwsk.plotting import ReadingDisplay

    try:
        display = ReadingDisplay.from_estimator(model, X, y)
    except ImportError as error:
        echo(f"No picture:   {error}")
        return False
    display.figure_.savefig(path, dpi=150)
    echo(f"The picture:  {path}")
    return True


def _thumbnails(images: Any) -> NDArray[np.uint8]:
    """Images as rows of pixels, all scaled to one size."""
    return np.array([cv2.resize(image, (96, 16)).ravel() for image in images])
