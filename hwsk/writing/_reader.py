"""Read what was written, to check it (`Readers`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from hwsk._warn import collect_warnings
from hwsk.preprocessing import StrokeRasterizer
from hwsk.writing._comparison import count_misread

HEIGHT = 96  # pixels of the images that readers are given


class Reading(NamedTuple):
    """What was recognized of a line."""

    text: str  # of the reader that has the fewest characters wrong
    misread: list[int]  # characters of each word that every reader has wrong
    doubted: list[int]  # of the characters that it knows, those that some reader has wrong
    doubt: str  # of the reader that has the most characters wrong


class Readers:
    """Recognizers that check what was written: a word is right where one of them reads it."""

    def __init__(self, readers: Sequence[Any]) -> None:
        self.models = list(readers)
        self._readers = [(reader, _takes_strokes(reader)) for reader in readers]
        alphabets = [getattr(_last_step(reader), "alphabet_", None) for reader in readers]
        self._known = [None if given is None else set("".join(given)) for given in alphabets]
        self._draw = StrokeRasterizer(height=HEIGHT)

    def read(
        self, samples: Sequence[NDArray[np.float32]], words: Sequence[Sequence[str]]
    ) -> list[Reading]:
        """Read samples, and compare each with its words."""
        images = (
            None
            if all(strokes for _, strokes in self._readers)
            else self._draw.fit_transform(samples)
        )
        by_reader = [
            _predict(reader, samples if takes_strokes else images, len(samples))
            for reader, takes_strokes in self._readers
        ]
        result = []
        for of_line, *texts in zip(words, *by_reader, strict=True):
            counts = [count_misread(of_line, text) for text in texts]
            in_order = sorted(range(len(texts)), key=lambda i: sum(counts[i]))
            best, worst = texts[in_order[0]], texts[in_order[-1]]
            doubts = [
                [
                    max(n - _count_unknown(word, known), 0)
                    for word, n in zip(of_line, of, strict=True)
                ]
                for of, known in zip(counts, self._known, strict=True)
            ]
            by_all, by_some = zip(*counts, strict=True), zip(*doubts, strict=True)
            misread, doubted = list(map(min, by_all)), list(map(max, by_some))
            result.append(Reading(best, misread, doubted, worst))
        return result


def _count_unknown(word: str, known: set[str] | None) -> int:
    """Count the characters that a reader can't but misread, as iam-lines has never met a £."""
    return 0 if known is None else sum(c not in known for c in word if not c.isspace())


def _predict(reader: Any, samples: Any, n: int) -> list[str]:
    with collect_warnings():  # of doubtful readings: they are compared anyway
        texts = list(reader.predict(samples))
    if len(texts) != n or not all(isinstance(text, str) for text in texts):
        kind = type(reader).__name__
        raise ValueError(f"the {kind} must return a string for each of {n} lines")
    return texts


def load_readers(reader: Any) -> Readers | None:
    """Return the readers; those that are given by the name or the file of a model are loaded."""
    if reader is None:
        return None
    given = list(reader) if isinstance(reader, (list, tuple)) else [reader]
    if not given:
        raise ValueError("reader is an empty list: give recognizers, or None to check nothing")
    return Readers([load_reader(one) for one in given])


def load_reader(reader: Any) -> Any:
    """Return a reader; one that is given by the name or the file of a model is loaded.

    It decodes without a language model, which would guess words that are not legible.
    """
    if not isinstance(reader, (str, os.PathLike)):
        if not hasattr(reader, "predict"):
            raise TypeError(
                "a reader must be a recognizer, or the name or the file of one; this is "
                f"{type(reader).__name__}"
            )
        return reader
    from hwsk.persistence import load

    loaded = load(reader)
    last = _last_step(loaded)
    if not hasattr(last, "predict_details"):
        kind = type(last).__name__
        raise ValueError(f"{os.fspath(reader)} holds a {kind}, which recognizes no lines")
    if getattr(getattr(last, "decoder", None), "language_model", None) is not None:
        last.set_params(decoder__language_model=None)
    return loaded


def _takes_strokes(reader: Any) -> bool:
    from hwsk.recognition import InkRecognizer

    return isinstance(_last_step(reader), InkRecognizer)


def _last_step(reader: Any) -> Any:
    return reader[-1] if isinstance(reader, Pipeline) else reader
