"""Check the hands that texts are to be written in: lines of them, or vectors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk._data.strokes import check_sample
from hwsk.writing._text import prepare_text

Strokes = NDArray[np.float32]
Line = tuple[Strokes, str]
Style = NDArray[np.float32]
Hand = Line | Style
Primes = Line | Sequence[Line] | None


def check_hands(prime: Any, style: Any, synthesizer: Any) -> list[Hand] | Hand | None:
    """Hands as they are given: one, a list of several, or none.

    Parameters
    ----------
    prime : (strokes, text), list of such, or None
    style : int, array-like of shape (style_units,), or several of either, or None
        Numbers are rows of the synthesizer's `styles_`.
    synthesizer : HandwritingSynthesizer
    """
    if style is not None:
        if prime is not None:
            raise ValueError("prime and style both say which hand to write in: give one of them")
        return _check_styles(style, synthesizer)
    known = synthesizer.alphabet_
    if prime is None or (len(prime) == 2 and isinstance(prime[1], str)):
        return None if prime is None else _check_line(prime, known, "prime")
    if not prime:
        raise ValueError("prime is an empty list; give a hand, or None")
    return [_check_line(hand, known, f"prime {number}") for number, hand in enumerate(prime)]


def _check_line(hand: Any, known: str, name: str) -> Line:
    """Return a line of a hand and what it says, in the synthesizer's characters."""
    if not isinstance(hand, (tuple, list)) or len(hand) != 2 or not isinstance(hand[1], str):
        raise ValueError(f"{name} is not a pair (strokes, text)")
    strokes, said = check_sample(hand[0], f"strokes of {name}"), " ".join(hand[1].split())
    if not said:
        raise ValueError(f"the text of {name} is blank: give what its strokes say")
    return strokes, prepare_text(said, known, f"the text of {name}", "error", None)


def _check_styles(style: Any, synthesizer: Any) -> list[Hand] | Hand:
    styles: NDArray[np.float32] = getattr(synthesizer, "styles_", np.zeros((0, 0), np.float32))
    if not len(styles):
        raise ValueError(
            "style needs a synthesizer that was fitted with style_units, and this one was not; a "
            "prime shows it a hand"
        )
    given = np.asarray(style)
    if np.issubdtype(given.dtype, np.integer) and given.ndim < 2:
        if wrong := [int(i) for i in np.atleast_1d(given) if not 0 <= i < len(styles)]:
            raise ValueError(
                f"style is {wrong[0]}; the synthesizer's hands are 0 to {len(styles) - 1}"
            )
        vectors = styles[given]
    else:
        vectors = given.astype(np.float32)
    if vectors.ndim not in (1, 2) or vectors.shape[-1] != styles.shape[1] or not len(vectors):
        raise ValueError(
            f"style has shape {given.shape}; it is a number, a vector of {styles.shape[1]}, or "
            "several of either"
        )
    if not np.isfinite(vectors).all():
        raise ValueError("style has NaN or infinite values")
    return vectors if vectors.ndim == 1 else list(vectors)
