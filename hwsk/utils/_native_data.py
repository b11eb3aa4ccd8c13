"""Make small native inputs of each kind, for checks of estimators."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk._data.images import object_array
from hwsk._data.pairs import all_pairs
from hwsk.datasets import make_handwriting
from hwsk.documents import Line, Page, Region


@dataclass(frozen=True)
class NativeData:
    """Hold data that an estimator is fitted on, and data that it predicts from.

    For `check_estimator`, where none of its kinds of input is that of an estimator.

    Parameters
    ----------
    X : sequence
        Samples: images of different sizes, strokes, texts, or posteriors.
    y : sequence or None
        Targets.
    queries : sequence
        What methods beside `fit` are given; as `X`, or pairs.
    query_y : sequence or None
        Targets of the queries, for `score`.
    images : bool, default=False
        Whether samples are images, which can also be files.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import Binarizer
    >>> from hwsk.utils.estimator_checks import NativeData, check_estimator
    >>> rng = np.random.default_rng(0)
    >>> words = [rng.integers(0, 256, (20, 30 + i), np.uint8) for i in range(12)]
    >>> data = NativeData(X=words, y=None, queries=words[:4], query_y=None, images=True)
    >>> records = check_estimator(Binarizer(), data=data)
    >>> sum(record["status"] == "failed" for record in records)
    0
    """

    X: Any
    y: Any
    queries: Any
    query_y: Any
    images: bool = field(default=False)

    def rows(self, rows: Any) -> tuple[Any, Any]:
        """Take some samples and their targets.

        Parameters
        ----------
        rows : sequence of int
            Row numbers.

        Returns
        -------
        X : list
            The samples.
        y : list or None
            Their targets.
        """
        X = [self.X[row] for row in rows]
        return X, None if self.y is None else [self.y[row] for row in rows]


def _words(n: int = 36, **options: Any) -> Any:
    return make_handwriting(n, n_writers=6, height=32, random_state=0, **options)


def _lines() -> NativeData:
    words = _words(texts=["on", "no", "none"])
    X, y = list(words.images), [str(text) for text in words.text]
    return NativeData(X, y, X[:10], y[:10], images=True)


def _writers() -> NativeData:
    words = _words(texts=["and"])
    X, y = list(words.images), list(words.writer)
    return NativeData(X, y, X[:10], y[:10], images=True)


def _pairs() -> NativeData:
    data = _writers()
    index, same = all_pairs(np.array(data.y[:8]))
    queries = [(data.X[i], data.X[j]) for i, j in index]
    return NativeData(data.X, data.y, queries, same.astype(int).tolist(), images=True)


def _characters() -> NativeData:
    words = make_handwriting(40, texts=list("ox"), n_writers=10, random_state=0)
    X = [_square(image) for image in words.images]
    y = [str(text) for text in words.text]
    return NativeData(X, y, X[:10], y[:10], images=True)


def _square(image: NDArray[Any], side: int = 20) -> NDArray[np.uint8]:
    square = np.full((side, side), 255, np.uint8)
    cut = image[:: max(1, image.shape[0] // side), :: max(1, image.shape[1] // side)]
    cut = cut[:side, :side]
    square[: cut.shape[0], : cut.shape[1]] = cut
    return square


def _pages() -> NativeData:
    """Small pages of two words below each other, with the lines of each."""
    words = _words(24, texts=["on", "no"])
    X, y = [], []
    for i in range(0, 24, 2):
        image = np.full((110, 90), 255, np.uint8)
        lines = []
        for row, top in ((i, 10), (i + 1, 62)):
            ink = words.images[row][:, :80]
            height, width = ink.shape
            image[top : top + height, 5 : 5 + width] = ink
            box = [5, top, 5 + width, top + height]
            base = [[5, top + height - 8], [5 + width, top + height - 8]]
            lines.append(Line(str(words.text[row]), base, box))
        X.append(image)
        y.append(Page(90, 110, [Region(lines)]))
    return NativeData(X, y, X[:6], y[:6], images=True)


def _strokes() -> NativeData:
    words = _words(16, texts=["on", "no"])
    X = list(words.strokes)
    return NativeData(X, None, X[:6], None)


def _strokes_to_texts() -> NativeData:
    words = _words(texts=["on", "no", "none"])
    X, y = list(words.strokes), [str(text) for text in words.text]
    return NativeData(X, y, X[:10], y[:10])


def _texts_to_strokes() -> NativeData:
    words = _words(16, texts=["on", "no"])
    X, y = [str(text) for text in words.text], list(words.strokes)
    return NativeData(X, y, X[:6], y[:6])


def _texts() -> NativeData:
    X = ["the cat sat", "on the mat", "a cat that sat", "the mat", "that cat on the mat"] * 4
    return NativeData(X, None, X[:5], None)


def _posteriors() -> NativeData:
    rng = np.random.default_rng(0)
    X = [np.log(rng.dirichlet(np.ones(3), rng.integers(4, 9))) for _ in range(12)]
    y = [str(text) for text in rng.choice(["on", "no", "o"], 12)]
    return NativeData(X, y, X[:5], y[:5])


def _descriptors() -> NativeData:
    rng = np.random.default_rng(0)
    X = [rng.random((rng.integers(5, 9), 8), np.float32) for _ in range(24)]
    return NativeData(X, None, X[:6], None)


def _readings() -> NativeData:
    X = ["the cst sat", "on teh mat", "a cat thst sat", "the mat", "that cat on tbe mat"] * 4
    y = ["the cat sat", "on the mat", "a cat that sat", "the mat", "that cat on the mat"] * 4
    return NativeData(X, y, X[:5], y[:5])


KINDS: dict[str, Callable[[], NativeData]] = {
    "lines": _lines,
    "characters": _characters,
    "writers": _writers,
    "pairs": _pairs,
    "pages": _pages,
    "strokes": _strokes,
    "strokes_to_texts": _strokes_to_texts,
    "texts_to_strokes": _texts_to_strokes,
    "texts": _texts,
    "posteriors": _posteriors,
    "descriptors": _descriptors,
    "readings": _readings,
}
"""Kinds of native input by name."""


def as_objects(items: Any) -> Any:
    """Make an object array of a list of samples; pairs become an array `(n, 2)`."""
    if items and isinstance(items[0], tuple):
        flat = object_array([entry for pair in items for entry in pair])
        return flat.reshape(len(items), -1)
    return object_array(items)
