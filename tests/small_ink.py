"""Words as pen strokes, and a small `InkRecognizer` that has learnt to read them."""

from functools import cache

import numpy as np
from sklearn.utils import Bunch

from hwsk.datasets import make_handwriting
from hwsk.recognition import InkRecognizer

WORDS = ["on", "no", "ten", "toe"]
SMALL = {"channels": (16, 24, 32), "hidden_units": 32, "num_layers": 1, "random_state": 0}


@cache
def ink_words(seed: int = 0, n_samples: int = 200) -> Bunch:
    """Words by twenty writers; those of another seed are by others."""
    return make_handwriting(n_samples, texts=WORDS, n_writers=20, random_state=seed)


@cache
def ink_recognizer() -> InkRecognizer:
    """Train for some seconds."""
    recognizer = InkRecognizer(**SMALL, dropout=0.0, max_epochs=16, batch_size=8, lr=1e-2)
    return recognizer.fit(ink_words().strokes, ink_words().text)


def split_pen_ups(sample: np.ndarray) -> list[np.ndarray]:
    """Strokes as lists of positions."""
    points = np.cumsum(sample[:, :2], axis=0, dtype=np.float64)
    return np.split(points, np.flatnonzero(sample[:-1, 2]) + 1)
