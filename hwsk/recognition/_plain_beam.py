"""Search prefixes by a beam, in plain Python: what works after a plain install.

The search is that of `_beam`, for models of characters and without a lexicon, and gives the same
texts. It is quick where few classes are possible at a time step, as `CTCDecoder` leaves them.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator
from heapq import heapify, heappush, heapreplace

import numpy as np
from numpy.typing import NDArray

from hwsk.recognition._language import BLANK, Language
from hwsk.recognition._ngrams import END, Ngrams

_MOST = 200_000  # factors that are kept for the lines that follow
_LEAST = 1e-300  # a weight in place of those that are too small for a float


class Factors:
    """Look up the factor of a symbol in the weight of a prefix, and the n-gram after it.

    Parameters
    ----------
    ngrams : Ngrams
        The model of characters.
    weight : float
        Factor of the model's log10 probabilities, in nats.
    """

    def __init__(self, ngrams: Ngrams, weight: float) -> None:
        self._weight = weight
        self._children, self._symbol = ngrams.children.data, ngrams.symbol.data
        self._suffix = ngrams.suffix.data
        self._log10_prob = ngrams.log10_prob.data
        self._log10_backoff = ngrams.log10_backoff.data
        self._known: dict[tuple[int, int], tuple[float, int]] = {}

    def __call__(self, node: int, symbol: int) -> tuple[float, int]:
        """Return the factor of a symbol after the n-gram of a node, and the node after it."""
        key = node, symbol
        if key not in self._known:
            if len(self._known) > _MOST:
                self._known.clear()
            self._known[key] = self._look_up(node, symbol)
        return self._known[key]

    def _look_up(self, node: int, symbol: int) -> tuple[float, int]:
        log10_prob = 0.0
        while True:  # all symbols are children of the root, where backing off ends
            stop = self._children[node + 1]
            child = bisect_left(self._symbol, symbol, self._children[node], stop)
            if child < stop and self._symbol[child] == symbol:
                log10_prob += self._log10_prob[child]
                return max(math.exp(self._weight * log10_prob), _LEAST), child
            log10_prob += self._log10_backoff[node]
            node = self._suffix[node]


def search(
    log_probs: NDArray[np.float64], language: Language, factors: Factors | None, beam_width: int
) -> tuple[list[int], list[int], list[int], list[float]]:
    """Find the best texts of one line.

    Parameters
    ----------
    log_probs : ndarray of float64 of shape (time, n_classes)
        Log-probabilities, class 0 the blank. Classes of -inf cost no time.
    language : Language
        What may be written: without a lexicon, and no model of words.
    factors : Factors or None
        Look-up in the model of characters, if there is one.
    beam_width : int
        Prefixes kept after each time step.

    Returns
    -------
    parent, last, beam, scores : list
        As those of `_beam.search`.

    Notes
    -----
    The weight of a prefix is its probability times the factors of language model and word bonus.
    After each time step, weights are divided by the largest, so that products stay in range.
    """
    bonus, space, symbols = math.exp(language.word_bonus), language.space, language.symbols.tolist()
    most_gain = max(bonus, 1.0)  # a language model gives none
    # the tree of prefixes; prefix 0 is empty
    parent, last, state, factor = [-1], [BLANK], [language.start], [1.0]
    children: list[dict[int, int]] = [{}]
    beam, log_scale = [(1.0, 0, 1.0, 0.0)], 0.0  # weight, prefix, weights with a last blank and not
    for step in _possible(log_probs):
        blank_prob = step.pop(BLANK, 0.0)
        if not step:  # most time steps: all prefixes stay
            log_scale += math.log(blank_prob)
            beam = [(both, node, both, 0.0) for both, node, _, _ in beam]
            continue
        weights = {node: (both, blank) for both, node, blank, _ in beam}
        heap = []
        for both, node, blank, other in beam:  # prefixes that stay
            blank, end = both * blank_prob, last[node]
            if end in step:
                before = weights.get(parent[node])
                if before is not None:
                    other += factor[node] * before[last[parent[node]] == end]
                other *= step[end]
            else:
                other = 0.0
            heap.append((blank + other, node, blank, other))
        heapify(heap)
        for both, node, blank, _ in beam:  # prefixes that grow, likely ones first
            family, end = children[node], last[node]
            for new, prob in step.items():
                full = len(heap) == beam_width
                if full and both * prob * most_gain <= heap[0][0]:
                    break
                found = family.get(new, -1)
                if found in weights:
                    continue  # counted above, as staying
                if found < 0:
                    gain, after = 1.0, 0
                    if factors is not None:
                        gain, after = factors(state[node], symbols[new])
                    if new != space and end in (BLANK, space):
                        gain *= bonus
                    found = family[new] = len(parent)
                    parent.append(node)
                    last.append(new)
                    state.append(after)
                    factor.append(gain)
                    children.append({})
                weight = prob * factor[found] * (blank if new == end else both)
                if not full:
                    heappush(heap, (weight, found, 0.0, weight))
                elif weight > heap[0][0]:
                    heapreplace(heap, (weight, found, 0.0, weight))
        heap.sort(reverse=True)
        scale = heap[0][0]
        log_scale += math.log(scale)
        beam = [(w / scale, node, b / scale, o / scale) for w, node, b, o in heap if w]
    scored = [(math.log(weight) + log_scale, node) for weight, node, _, _ in beam]
    if factors is not None:  # a product of weights might be too small for a float
        scored = [(s + math.log(factors(state[node], END)[0]), node) for s, node in scored]
        scored.sort(reverse=True)
    return parent, last, [node for _, node in scored], [score for score, _ in scored]


def _possible(log_probs: NDArray[np.float64]) -> Iterator[dict[int, float]]:
    """Yield the probabilities of the classes that are possible at each time step, sorted."""
    rows, classes = np.nonzero(log_probs > -np.inf)
    likely = np.lexsort([-log_probs[rows, classes], rows])
    classes = classes[likely]
    probs = np.exp(log_probs[rows, classes]).tolist()
    ends = np.cumsum(np.bincount(rows, minlength=len(log_probs))).tolist()
    start, numbers = 0, classes.tolist()
    for end in ends:
        yield dict(zip(numbers[start:end], probs[start:end], strict=True))
        start = end
