"""Judge whether texts are of the language of a language model (`measure_fit`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hwsk.recognition._ngrams import END, START, Ngrams, log10_probs
from hwsk.recognition._plain_beam import Factors

if TYPE_CHECKING:
    from hwsk.recognition._language_model import NgramLanguageModel

_ROOT = 0
_SAMPLED = 2500  # symbols, with which the typical gain has a deviation of 2 to 3%
_LONGEST = 200  # symbols of a sampled text: texts of a model of a low order hardly end


def measure_fit(model: NgramLanguageModel, texts: Sequence[str]) -> NDArray[np.float64]:
    """Measure how much a model knows of texts, as a share of what it knows of texts of its own.

    The gain of a text is the mean logarithm of how much more probable its symbols are after those
    before them than alone. Texts of the model's language gain about as much as texts that are
    sampled from the model; in other languages and scripts the symbols before say little. Lines in
    capitals are judged in small letters.

    Returns
    -------
    ndarray of float64 of shape (n_texts,)
        About 1 in the language of the model, 0 for symbols in any order, below 0 for symbols that
        hardly follow each other in it; NaN where the model knows nothing but single symbols.
    """
    typical = model._typical_gain()
    if typical <= 0:
        return np.full(len(texts), np.nan)
    texts = [text.lower() if _is_in_capitals(text) else text for text in texts]
    return measure_gain(model, *model._number(model._split(texts))) / typical


def measure_gain(
    model: NgramLanguageModel, tokens: NDArray[np.int64], sentences: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Mean of the gain of the symbols of each text in nats, its end among them."""
    ngrams, n_symbols = model._checked_ngrams(), len(model.symbols_)
    known, alone = (
        log10_probs(ngrams, n_symbols, order, tokens, sentences)
        for order in (len(model.n_ngrams_), 1)
    )
    gain = np.bincount(sentences, known - alone) / (np.bincount(sentences) - 1)
    return np.asarray(gain * math.log(10), np.float64)


def sample_gain(model: NgramLanguageModel) -> float:
    """Estimate the gain of the symbols of texts that have the probabilities of the model."""
    ngrams = model._checked_ngrams()
    rng = np.random.default_rng(0)
    texts: list[list[int]] = []
    n_sampled = 0
    while n_sampled < _SAMPLED:
        texts.append(_sample_text(ngrams, len(model.symbols_), rng))
        n_sampled += len(texts[-1])
    tokens = np.array([symbol for text in texts for symbol in (START, *text)], np.int64)
    lengths = [1 + len(text) for text in texts]
    sentences = np.repeat(np.arange(len(texts)), lengths)
    weights = np.array(lengths) - 1
    return float(np.average(measure_gain(model, tokens, sentences), weights=weights))


def _sample_text(ngrams: Ngrams, n_symbols: int, rng: np.random.Generator) -> list[int]:
    """Sample a text with its end, which a long one lacks."""
    step = Factors(ngrams, 1.0)
    _, node = step(_ROOT, START)
    text: list[int] = []
    while len(text) < _LONGEST and END not in text[-1:]:
        total = _next_probs(ngrams, n_symbols, node).cumsum()
        text.append(int(np.searchsorted(total, rng.random() * total[-1], side="right")))
        _, node = step(node, text[-1])
    return text


def _next_probs(ngrams: Ngrams, n_symbols: int, node: int) -> NDArray[np.float64]:
    """Probability of each symbol after an n-gram."""
    history = [node]
    while history[-1] != _ROOT:
        history.append(int(ngrams.suffix[history[-1]]))
    probs = np.zeros(n_symbols)
    for node in reversed(history):
        probs *= 10.0 ** ngrams.log10_backoff[node]
        children = slice(ngrams.children[node], ngrams.children[node + 1])
        probs[ngrams.symbol[children]] = 10.0 ** ngrams.log10_prob[children]
    probs[START] = 0  # its number in an ARPA file means nothing
    return probs


def _is_in_capitals(text: str) -> bool:
    return sum(map(str.isupper, text)) > sum(map(str.islower, text))
