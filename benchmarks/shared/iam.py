"""The IAM lines that the benchmarks share: preprocessing, split by writer, pretraining data."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
from sklearn.model_selection import GroupShuffleSplit
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

import hwsk
from hwsk.datasets import load_iam, load_iam_online
from hwsk.preprocessing import (
    Binarizer,
    Deskewer,
    Deslanter,
    Grayscale,
    HeightNormalizer,
    InkCropper,
    LineCleaner,
    StrokeRasterizer,
)

HEIGHT = 40
SPLIT_SEED = 0
PROLIFIC = 100  # lines; a writer with more is kept for training


def preprocessing() -> list[tuple[str, object]]:
    """Steps that make bilevel crops, grey scans and drawn strokes look alike."""
    return [
        ("clean", LineCleaner()),
        ("gray", Grayscale()),
        ("binarize", Binarizer()),
        ("deskew", Deskewer()),
        ("crop", InkCropper()),
        ("deslant", Deslanter()),
        ("height", HeightNormalizer(HEIGHT, method="moments", stroke_spacing=13.0)),
    ]


def load_spaced(path: str | Path) -> Pipeline:
    """Load a reader that leaves the blanks of IAM's transcripts, for figures to compare."""
    reader = hwsk.load(path)
    reader[-1].set_params(detokenize=False)
    return reader


def load_greedy(path: str | Path) -> Pipeline:
    """Load such a reader without its language model: for training, and for greedy figures."""
    reader = load_spaced(path)
    reader[-1].set_params(decoder=None)
    return reader


def prompt(form: str) -> str:
    """Which text a form has: 'a01-000' of IAM's form 'a01-000u' and of IAM-OnDB's 'a01-000z'."""
    return re.match(r"[a-z]\d\d-\d{3}", form)[0]


def load_split(path: str) -> tuple[Bunch, np.ndarray, np.ndarray]:
    """All IAM lines, and the rows for training and validation: no writer in both.

    Lines marked `err` (a word was segmented wrongly) are kept: line recognition doesn't care.
    """
    lines = load_iam(f"{path}/iam", level="line", segmentation="all")
    writers, counts = np.unique(lines.writer.astype(str), return_counts=True)
    candidates = np.isin(lines.writer.astype(str), writers[counts <= PROLIFIC])
    rows = np.flatnonzero(candidates)
    split = GroupShuffleSplit(1, test_size=0.15, random_state=SPLIT_SEED)
    _, chosen = next(split.split(rows, groups=lines.writer[rows]))
    valid = np.zeros(len(lines.text), bool)
    valid[rows[chosen]] = True
    return lines, np.flatnonzero(~valid), np.flatnonzero(valid)


def spaced_punctuation(text: str) -> str:
    """Text as IAM's transcripts have it: each punctuation mark a token of its own."""
    text = re.sub(r'\s*([,;:!?"()])\s*', r" \1 ", text)
    text = re.sub(r"\b(Mr|Mrs|Dr|St|Ltd)\s+\.", r"\1.", text)
    text = re.sub(r"(?<!\bMr)(?<!\bMrs)(?<!\bDr)(?<!\bSt)(?<![A-Z])\.(?=\s|$)", " .", text)
    return " ".join(text.split())


def load_online(path: str, without_prompts: set[str]) -> tuple[np.ndarray, list[str]]:
    """IAM-OnDB lines drawn as images, without the texts that the validation lines have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lines without ink or transcript: counted in the docs
        lines = load_iam_online(f"{path}/iamondb")
    rows = [i for i, form in enumerate(lines.form) if prompt(form) not in without_prompts]
    images = StrokeRasterizer(height=96).fit_transform(lines.strokes[rows])
    return images, [spaced_punctuation(text) for text in lines.text[rows]]


def prepare(images: object, steps: list[tuple[str, object]]) -> np.ndarray:
    """Run preprocessing steps once, in memory. The steps are an argument, for joblib's cache."""
    return Pipeline(steps).fit_transform(images)
