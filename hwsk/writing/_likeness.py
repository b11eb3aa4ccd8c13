"""Choose the sample whose hand is most like the one that was shown (`Likeness`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from hwsk._warn import collect_warnings
from hwsk.preprocessing import StrokeRasterizer
from hwsk.writing._hands import Strokes
from hwsk.writing._reader import HEIGHT


class Likeness:
    """Compare hands by the vectors of a network that identifies writers.

    Parameters
    ----------
    embedder : estimator
        Its `transform` takes grey images of lines and returns a vector for each.
    candidates : int
        Samples of a line to choose from.
    """

    def __init__(self, embedder: Any, candidates: int) -> None:
        self.embedder, self.candidates = embedder, candidates
        self._draw = StrokeRasterizer(height=HEIGHT)

    def choose(self, samples: Sequence[Strokes], shown: Sequence[Strokes]) -> list[int]:
        """Return which of the `candidates` samples of each line is most like its hand, from 0.

        Parameters
        ----------
        samples : sequence of ndarray of shape (T, 3)
            Samples of the first line, then those of the next.
        shown : sequence of ndarray of shape (T, 3)
            What shows the hand of each line.
        """
        if not shown:
            return []
        hands = {id(strokes): strokes for strokes in shown}  # many lines may have the same one
        vectors = self._describe([*samples, *hands.values()])
        of_hands = dict(zip(hands, vectors[len(samples) :], strict=True))
        of_lines = vectors[: len(samples)].reshape(len(shown), self.candidates, -1)
        wanted = np.stack([of_hands[id(strokes)] for strokes in shown])
        best: list[int] = (of_lines @ wanted[:, :, None])[:, :, 0].argmax(axis=1).tolist()
        return best

    def _describe(self, strokes: Sequence[Strokes]) -> NDArray[np.float64]:
        """Vectors of length 1."""
        with collect_warnings():  # of lines that look unusual: they are compared anyway
            vectors = np.asarray(self.embedder.transform(self._draw.fit_transform(strokes)), float)
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        unit: NDArray[np.float64] = vectors / np.maximum(norms, 1e-12)
        return unit


def load_likeness(embedder: Any, candidates: int, is_shown: bool) -> Likeness | None:
    """Return what chooses among the candidates; None where there is one."""
    if candidates == 1:
        return None
    if not is_shown:
        raise ValueError(
            f"candidates={candidates} takes what is most like the strokes of a prime, and none is "
            "given: give a prime, or candidates=1"
        )
    if not isinstance(embedder, (str, os.PathLike)):
        return Likeness(embedder, candidates)
    from hwsk.persistence import load

    loaded = load(embedder)
    if not hasattr(loaded, "transform"):
        kind = type(loaded[-1] if isinstance(loaded, Pipeline) else loaded).__name__
        raise ValueError(f"{os.fspath(embedder)} holds a {kind}, which makes no vectors of images")
    return Likeness(loaded, candidates)
