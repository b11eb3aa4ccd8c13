"""Words of four easy letters, 16 pixels high, and a recognizer that learns them in two seconds."""

from typing import Any

import numpy as np

from hwsk.recognition import CTCRecognizer

LETTERS = {  # rows and columns of ink in a cell of 16 x 8 pixels
    "a": (slice(1, 7), slice(1, 7)),
    "b": (slice(9, 15), slice(1, 7)),
    "c": (slice(0, 16), slice(3, 6)),
    "d": (slice(6, 10), slice(0, 7)),
}


def draw(text: str, rng: np.random.Generator) -> np.ndarray:
    image = np.full((16, 8 * len(text) + rng.integers(1, 6)), 255, np.uint8)
    for i, letter in enumerate(text):
        rows, columns = LETTERS[letter]
        image[rows, 8 * i + columns.start : 8 * i + columns.stop] = rng.integers(60)
    return image


def draw_words(n: int, letters: str = "abc", seed: int = 0) -> tuple[list[np.ndarray], list[str]]:
    """Images of words of two or three letters, and the words; all letters occur."""
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list(letters), rng.integers(2, 4))) for _ in range(n - 2)]
    texts += [letters[:2], letters[-2:]]
    return [draw(text, rng) for text in texts], texts


def small_recognizer(**params: Any) -> CTCRecognizer:
    defaults = {
        "height": 16,
        "channels": (4, 8, 8),
        "dense_units": 16,
        "hidden_units": 16,
        "num_layers": 1,
        "dropout": 0.0,
        "max_epochs": 1,
        "batch_size": 8,
        "lr": 0.02,
        "precision": "float32",
        "random_state": 0,
    }
    return CTCRecognizer(**{**defaults, **params})


def weights(recognizer: CTCRecognizer) -> np.ndarray:
    """All numbers of the network, end to end."""
    state = recognizer.net_.module_.state_dict()
    return np.concatenate([value.double().cpu().numpy().ravel() for value in state.values()])
