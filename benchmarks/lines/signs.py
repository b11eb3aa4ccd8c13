"""Text lines full of figures, signs and capitals, of which the other sources have few.

Half are composed of the words and the characters of IAM-OnDB's writers (`benchmarks.strokes.data`)
and drawn with a pen. In the others, which hold no small letters, digits and capitals are EMNIST's,
each of another writer; signs are drawn from letter forms, and so are the capitals with which EMNIST
keeps a small letter of another shape.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.lines.paper import Image
from benchmarks.shared.iam import spaced_punctuation
from benchmarks.strokes.data import Bank, Lines, draw_form, draw_signs
from hwsk.datasets import load_emnist
from hwsk.preprocessing import StrokeRasterizer

MAX_POINTS = 2000  # of a composed line
_SHORT = 24  # characters, after which no word is added
_MIXED = "IJLMY"  # EMNIST's classes of two shapes


def draw_strokes(strokes: Any, rng: np.random.Generator | None) -> Image:
    """Draw a line with a pen of random width; without `rng` with a usual one."""
    height, pen_width = 96, 3.0
    if rng is not None:
        height = int(rng.integers(60, 128))
        pen_width = max(1.0, height * float(rng.uniform(0.018, 0.06)))
    image: Image = StrokeRasterizer(height, pen_width=pen_width).fit_transform([strokes])[0]
    return image


def compose_lines(
    path: Path, n_lines: int, rng: np.random.Generator
) -> tuple[list[str], list[partial[Image]]]:
    """Texts of composed lines, and how to draw them."""
    bank = Bank(Lines(path, "train"))
    texts, reads = [], []
    while len(texts) < n_lines:
        strokes, text, _ = bank.compose(True, rng)
        if len(strokes) <= MAX_POINTS:
            words = [w if any(map(str.isdigit, w)) else spaced_punctuation(w) for w in text.split()]
            texts.append(" ".join(words))
            reads.append(partial(draw_strokes, strokes))
    return texts, reads


def emnist_lines(
    path: str, n_lines: int, rng: np.random.Generator
) -> tuple[list[str], list[partial[Image]]]:
    """Texts of lines of EMNIST's digits and capitals, and how to draw them."""
    emnist = load_emnist(path)
    rows = defaultdict(list)
    for row, character in enumerate(emnist.text):
        if character.isdigit() or (character.isupper() and character not in _MIXED):
            rows[str(character)].append(row)
    texts, reads = [], []
    for _ in range(n_lines):
        words: list[str] = []
        while not words or (len(" ".join(words)) < _SHORT and rng.random() < 0.7):
            words += draw_signs(rng)
        glyphs = [
            [emnist.images[rows[c][rng.integers(len(rows[c]))]] if c in rows else c for c in word]
            for word in words
        ]
        texts.append(" ".join(words))
        reads.append(partial(paste_glyphs, glyphs))
    return texts, reads


def paste_glyphs(glyphs: Sequence[Sequence[Any]], rng: np.random.Generator | None) -> Image:
    """Draw a line of images of characters; those that are strings are drawn from letter forms."""
    rng = np.random.default_rng(0) if rng is None else rng
    height = float(rng.uniform(28, 56))  # of capitals
    pen = max(1, round(height * rng.uniform(0.06, 0.13)))
    tight, blank = height * rng.uniform(0.02, 0.25), height * rng.uniform(0.5, 1.1)
    slope, wobble = rng.normal(0, 0.015), 0.04 * height
    placed: list[tuple[NDArray[np.uint8], int, int]] = []  # ink, left, top from the baseline
    x = 0.3 * height
    for word in glyphs:
        for glyph in word:
            if isinstance(glyph, str):
                ink, top = _draw_sign(glyph, height, pen, rng)
            else:
                ink, top = _cut_glyph(glyph, height * rng.uniform(0.85, 1.15))
            y = top + slope * x + rng.normal(0, wobble)
            placed.append((ink, round(x), round(y)))
            x += ink.shape[1] + tight * rng.uniform(0.3, 1.7)
        x += blank * rng.uniform(0.8, 1.3)
    lowest = min(y for _, _, y in placed)
    highest = max(y + ink.shape[0] for ink, _, y in placed)
    canvas = np.zeros((highest - lowest + 8, round(x + 4)), np.uint8)
    for ink, left, y in placed:
        part = canvas[y - lowest + 4 :][: ink.shape[0], left : left + ink.shape[1]]
        np.maximum(part, ink[: part.shape[0], : part.shape[1]], out=part)
    return 255 - canvas


def _cut_glyph(image: Any, height: float) -> tuple[NDArray[np.uint8], float]:
    """Cut a character, light on dark, to its ink, as high as is wanted."""
    ink = np.asarray(image, np.uint8)
    rows, columns = (np.flatnonzero(ink.max(axis=axis) > 60) for axis in (1, 0))
    cut = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    scale = height / cut.shape[0]
    size = max(2, round(cut.shape[1] * min(scale, 2 * height / cut.shape[1]))), round(height)
    return np.asarray(cv2.resize(cut, size, interpolation=cv2.INTER_CUBIC), np.uint8), -height


def _draw_sign(
    sign: str, height: float, pen: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], float]:
    """Draw a sign from its letter form, whose capitals are 2 units high."""
    points = draw_form(sign, height / 2, rng).points
    top, margin = points[:, 1].min(), pen
    shape = np.ceil(np.ptp(points[:, :2], axis=0)).astype(int) + 2 * margin + 1
    ink = np.zeros((shape[1], shape[0]), np.uint8)
    for stroke in np.split(points, np.flatnonzero(points[:-1, 2] == 1) + 1):
        corners = np.rint((stroke[:, :2] - [0, top] + margin) * 16).astype(np.int32)
        cv2.polylines(ink, [corners], False, 255, pen, cv2.LINE_AA, shift=4)
    return ink, float(top) - margin
