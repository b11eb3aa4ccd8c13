"""Legibility of what `write_lines` writes: at the first try, and in the end.

    python -m benchmarks.strokes.written models/synthesizer.hwsk --plain 300 --signs 200
    python -m benchmarks.strokes.written models/synthesizer.hwsk --rapidocr SITE

Plain texts are pieces of 25 to 45 characters of the Brown corpus, small letters, commas and full
stops. The others have names in capitals, dates, times, prices, phone numbers. Each is written by
the synthesizer and checked by `iam-lines` and `ink-lines`, and read once more: by these two, which
flatters as they chose the samples, and by RapidOCR, which did not (pip install --target SITE
rapidocr-onnxruntime). All read greedily. Character error rates are without blanks, and so that
look-alikes count as different. Missing words are those that the readers that chose leave out whole,
without being named as unread.
"""

from __future__ import annotations

import gzip
import sys
import time
import warnings
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
from rapidfuzz.distance import Levenshtein

import hwsk
from benchmarks.shared.iam import load_greedy
from hwsk.preprocessing import StrokeRasterizer
from hwsk.writing import WrittenLines, write_lines
from hwsk.writing._comparison import marks
from hwsk.writing._reader import Readers, load_readers
from hwsk.writing._words import split_line

_MONTHS = "January February March April May June July August September October November December"
_NAMES = """
Zoe Xavier Quentin Jack Katharine Victor Ursula Yvonne Olga Ruth Zuckerman Quinn
Mohammed King Jones Young Vaughan Underwood Kyoto Zurich Quebec Jersey Oxford Utah Kansas Yale
"""


def plain_texts(path: Path, n: int, rng: np.random.Generator) -> list[str]:
    """Pieces of sentences of the Brown corpus, in small letters."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        sentences = [row.rstrip("\n").split("\t")[1].split() for row in file]
    allowed = set("abcdefghijklmnopqrstuvwxyz' ")
    texts: list[str] = []
    while len(texts) < n:
        words = sentences[rng.integers(len(sentences))]
        start, length = int(rng.integers(len(words))), int(rng.integers(25, 46))
        text = words[start]
        for word in words[start + 1 :]:
            joined = text + word if word in {",", "."} else f"{text} {word}"
            if len(joined) > length:
                break
            text = joined
        if len(text) >= 20 and set(text.replace(",", "").replace(".", "")) <= allowed:
            texts.append(text)
    return texts


def sign_texts(n: int, rng: np.random.Generator) -> list[str]:
    """Lines with names, dates, times, prices, phone numbers and words in capitals."""
    names, months = _NAMES.split(), _MONTHS.split()

    def name() -> str:
        return names[rng.integers(len(names))]

    def number(high: int) -> int:
        return int(rng.integers(1, high))

    def digits(count: int) -> str:
        return "".join(map(str, rng.integers(0, 10, count)))

    kinds = [
        lambda: f"{name()} was born on {number(29)} {months[number(12)]} 19{digits(2)}",
        lambda: f"Meet {name()} at {number(24)}:{digits(2)}, not at {number(24)}:{digits(2)}",
        lambda: f"{name()} paid {number(99)}.{digits(2)} for {number(20)} books",
        lambda: f"Call {name()}: {digits(3)}-{digits(4)}, room {number(400)}",
        lambda: f"{name().upper()} AND {name().upper()} ({number(99)})",
        lambda: f"Dear {name()}, {number(31)}/{number(12)}/{digits(2)} is fine",
        lambda: f"{name()} & {name()}, {number(99)} {name()} Road",
        lambda: f"Invoice #{digits(4)}: {number(99)}% of {number(999)}.{digits(2)}",
    ]
    return [kinds[i % len(kinds)]() for i in range(n)]


def load_rapidocr(site: str) -> Any:
    """A function from images to strings: RapidOCR's recognizer, without its detector."""
    sys.path.insert(0, site)
    from rapidocr_onnxruntime import RapidOCR

    engine = RapidOCR()

    def read(images: Any) -> list[str]:
        readings = []
        for image in images:
            found, _ = engine(np.repeat(image[..., None], 3, axis=2), use_det=False, use_cls=False)
            readings.append(found[0][0] if found else "")
        return readings

    return read


def error_rate(texts: list[str], readings: list[str]) -> float:
    """Character error rate without blanks."""
    wanted, read = (["".join(text.split()) for text in side] for side in (texts, readings))
    edits = sum(Levenshtein.distance(*pair) for pair in zip(wanted, read, strict=True))
    return edits / sum(map(len, wanted))


def report(
    name: str, texts: list[str], written: WrittenLines, readers: dict[str, Any], checking: Readers
) -> None:
    """Print the error rates of lines."""
    images = StrokeRasterizer(height=96).fit_transform(written.strokes)
    rates = []
    for label, read in readers.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            given = written.strokes if label == "ink-lines" else images
            readings = [str(text) for text in read(given)]
        rates.append(f"{label} CER {error_rate(texts, readings):.4f}")
    unread = written.legibility.unread if written.legibility else ()
    named = {(word.line, word.word) for word in unread}
    words = [split_line(text) for text in texts]
    missing = sum(
        wrong >= len(marks(word)) and (row, word) not in named
        for row, reading in enumerate(checking.read(written.strokes, words))
        for word, wrong in zip(words[row], reading.misread, strict=True)
    )
    rates.append(f"words missing {missing}")
    print(f"{name}: {', '.join(rates)}", flush=True)


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--brown", default="../shared/data/text/brown_sentences.tsv.gz", type=Path)
@click.option("--plain", default=300)
@click.option("--signs", default=200)
@click.option("--bias", default=1.0)
@click.option("--seed", default=0)
@click.option("--rapidocr", type=click.Path(exists=True), help="Where RapidOCR is installed.")
@click.option("--pages", type=click.Path(path_type=Path), help="Folder for images of the lines.")
def main(
    model: Path, brown: Path, plain: int, signs: int, bias: float, seed: int,
    rapidocr: str | None, pages: Path | None,
) -> None:  # fmt: skip
    """Print the figures."""
    synthesizer, ink = hwsk.load(model), hwsk.load("ink-lines").set_params(decoder=None)
    readers = {"iam-lines": load_greedy("models/iam-lines.hwsk").predict, "ink-lines": ink.predict}
    checking = load_readers(["iam-lines", "ink-lines"])
    assert checking is not None
    if rapidocr is not None:
        readers["RapidOCR"] = load_rapidocr(rapidocr)
    rng = np.random.default_rng(seed)
    sets = {"plain": plain_texts(brown, plain, rng), "signs": sign_texts(signs, rng)}
    for name, texts in sets.items():
        if not texts:
            continue
        print(f"{date.today()} {model.name}, bias {bias:g}, seed {seed}; {len(texts)} {name} texts")
        once = write_lines(texts, synthesizer, None, bias=bias, random_state=seed)
        report("  written once", texts, once, readers, checking)
        began, cpu = time.time(), time.process_time()
        written = write_lines(texts, synthesizer, bias=bias, on_failure="ignore", random_state=seed)
        took = f"{time.time() - began:.0f} s ({time.process_time() - cpu:.0f} s of a processor)"
        report("  in the end", texts, written, readers, checking)
        unread = [f"{word} ({reading})" for _, word, reading in written.legibility.unread]
        print(f"  {written.legibility}; {took}; unread: {', '.join(unread)}", flush=True)
        if pages is not None:
            save(pages / f"{name}.png", written)


def save(path: Path, written: WrittenLines) -> None:
    """Save the first dozen lines below each other."""
    import cv2

    images = StrokeRasterizer(height=96).fit_transform(written.strokes[:12])
    width = max(image.shape[1] for image in images)
    rows = [np.pad(i, ((4, 4), (0, width - i.shape[1])), constant_values=255) for i in images]
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.concatenate(rows))


if __name__ == "__main__":
    main()
