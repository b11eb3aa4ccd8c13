"""What the pretrained models do, on images that hwsk makes itself."""

from __future__ import annotations

from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import Bunch

import hwsk
from hwsk._demo.html import Section, code, figure, picture, table
from hwsk.datasets import make_handwriting, make_signatures
from hwsk.metrics import character_error_rate

LETTER = """\
Dear Ada,

the machine came this morning, and it has read your
letter. This answer is in its own hand.

Charles
"""
N_WRITERS = 6
DOUBTFUL = 0.8  # words less sure than this are marked
SENTENCES = [
    "there is some more time to write",
    "the people would like another day",
    "their first letter came with many others",
]


def write_letter(output: Path) -> Section:
    """Write a letter."""
    synthesizer = hwsk.load("synthesizer")
    page = hwsk.writing.write(LETTER, synthesizer, random_state=3)
    page.save(output / "letter.svg")
    page.save(output / "letter.png")
    source = """
synthesizer = hwsk.load("synthesizer")
hwsk.writing.write("Dear Ada, ...", synthesizer).save("letter.svg")"""
    return Section(
        "It writes a letter",
        f"  {output / 'letter.svg'}, and letter.png",
        figure(output / "letter.png", LETTER, "Pen strokes from text, drawn on a page.")
        + code(source),
    )


def read_letter(output: Path) -> Section:
    """Read the letter from its image."""
    reader = hwsk.load("english-pages")
    (page,) = reader.read([str(output / "letter.png")])
    lines = [line.text for line in page.lines]
    wrong = character_error_rate([" ".join(LETTER.split())], [" ".join(lines)])
    marked = []
    for line in page.lines:
        words = [
            f"<mark>{escape(word.text)}</mark>"
            if word.confidence is not None and word.confidence < DOUBTFUL
            else escape(word.text)
            for word in line.words
        ]
        marked.append(" ".join(words))
    source = """
reader = hwsk.load("english-pages")
print(reader.predict(["letter.png"])[0])"""
    return Section(
        "It reads the page, finding the lines by itself",
        "\n".join(f"  {line}" for line in lines) + f"\n  {wrong:.1%} of the characters are wrong.",
        "<p>" + "<br>".join(marked) + f"</p><p>{wrong:.1%} of the characters are wrong. Words less "
        f"sure than {DOUBTFUL:.0%} are marked.</p>" + code(source),
    )


def verdict(probability: float) -> str:
    """Put the probability of one writer into words."""
    kind = "same writer" if probability > 0.5 else "different writers"
    return f"{kind}, p = {probability:.3f}"


def compare_signatures(output: Path) -> Section:
    """Compare signatures by two writers."""
    made = make_signatures(2, n_genuine=2, n_forged=0, random_state=4)
    first, again, other = (made.images[i] for i in (0, 1, 2))
    verifier = hwsk.load("signature-verifier")
    probability = verifier.predict_proba([[first, again], [first, other]])[:, 1]
    rows, lines = [], []
    for image, p, hand in zip((again, other), probability, ("the same", "another"), strict=True):
        lines.append(f"  a signature by {hand} writer: {verdict(p)}")
        rows.append([picture(first, "reference"), picture(image, f"by {hand} writer"), verdict(p)])
    source = """
verifier = hwsk.load("signature-verifier")
verifier.predict_proba([["reference.png", "questioned.png"]])"""
    return Section(
        "It compares signatures",
        "\n".join(lines),
        table(rows, ("reference", "questioned", "verdict")) + code(source),
    )


def find_nearest_lines(sentences: list[str]) -> tuple[Bunch, NDArray[np.intp], NDArray[np.intp]]:
    """Generate lines of writers, and find the nearest known line of each questioned one."""
    texts = list(np.resize(sentences, 3 * N_WRITERS))
    made = make_handwriting(len(texts), n_writers=N_WRITERS, texts=texts, random_state=5)
    known = np.arange(2 * N_WRITERS)  # two lines of each writer; the third is questioned
    questioned = np.arange(2 * N_WRITERS, 3 * N_WRITERS)
    vectors = hwsk.load("iam-writers").transform(made.images)
    nearest = NearestNeighbors(n_neighbors=1, metric="cosine").fit(vectors[known])
    return made, questioned, known[nearest.kneighbors(vectors[questioned])[1].ravel()]


def identify_writer(output: Path) -> Section:
    """Find the writer of a line among six that the model has never seen."""
    made, questioned, found = find_nearest_lines(SENTENCES)
    right = int((made.writer[found] == made.writer[questioned]).sum())
    rows = [
        [
            picture(made.images[i], "questioned line"),
            picture(made.images[j], "nearest line of a known writer"),
            "right" if made.writer[i] == made.writer[j] else "wrong",
        ]
        for i, j in zip(questioned[:3], found[:3], strict=True)
    ]
    source = """
vectors = hwsk.load("iam-writers").transform(lines)
KNeighborsClassifier(1, metric="cosine").fit(vectors, writers)"""
    text = f"{right} of {len(questioned)} lines are given to the right writer of {N_WRITERS}"
    return Section(
        "It identifies the writer of a line",
        f"  {text} that the model never saw.",
        f"<p>{text} that the model never saw; three of them:</p>"
        + table(rows, ("questioned", "nearest known line", ""))
        + code(source),
    )


PARTS = (write_letter, read_letter, compare_signatures, identify_writer)
