"""Search prefixes by a beam, compiled by numba.

A prefix is the text that the first time steps may hold. All alignments that read the same prefix
are one entry of the beam, with two probabilities: of those that end in a blank, and of the others
[1]_. The prefixes that were ever in the beam are kept as a tree, each once, with what a language
model and a lexicon know of them: so this is computed when a prefix is first met.

References
----------
.. [1] A. Y. Hannun, A. L. Maas, D. Jurafsky, A. Y. Ng, "First-pass large vocabulary continuous
   speech recognition using bi-directional recurrent DNNs", arXiv:1408.2873, 2014.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from hwsk.recognition._language import BLANK, CHARACTERS, NO_MODEL, WORDS
from hwsk.recognition._ngrams import END, UNKNOWN


def _jit(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile on first use, and keep the code on disk where there is a place to write."""
    try:
        return numba.njit(cache=True)(function)
    except RuntimeError:
        return numba.njit(function)


@_jit
def _log_add(a, b):
    if a < b:
        a, b = b, a
    return a if b == -np.inf else a + np.log1p(np.exp(b - a))


@_jit
def _child(children, symbol, node, wanted):
    """The child of a node by a symbol, -1 if there is none."""
    low, high = children[node], children[node + 1]
    while low < high:
        middle = (low + high) // 2
        if symbol[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    return low if low < children[node + 1] and symbol[low] == wanted else -1


@_jit
def _predict(ngrams, node, symbol):
    """Log10 probability of a symbol after the n-gram of a node, and the node after it."""
    log10_prob = 0.0
    while True:  # all symbols are children of the root, where backing off ends
        child = _child(ngrams.children, ngrams.symbol, node, symbol)
        if child > 0:
            return log10_prob + ngrams.log10_prob[child], child
        log10_prob += ngrams.log10_backoff[node]
        node = ngrams.suffix[node]


@_jit
def _predict_all(ngrams, node, log10_probs):
    """As `_predict`, of all symbols at once: less work than to ask for most of them in turn."""
    log10_probs[:] = np.inf
    backed_off = 0.0
    while True:
        for child in range(ngrams.children[node], ngrams.children[node + 1]):
            if log10_probs[ngrams.symbol[child]] == np.inf:
                log10_probs[ngrams.symbol[child]] = backed_off + ngrams.log10_prob[child]
        if node == 0:
            return
        backed_off += ngrams.log10_backoff[node]
        node = ngrams.suffix[node]


@_jit
def _spell(language, spelling, symbol):
    """As `_predict`, for a character of a word, or its end."""
    log10_prob, spelling = _predict(language.spelling, spelling, symbol)
    return max(log10_prob, language.least_spelling), spelling


@_jit
def _say_word(language, lm, word, spelling, spelt):
    """As `_predict`, for the word that ends at a node of the vocabulary (-1: in none of its).

    A word without a symbol is one of all those that "<unk>" stands for, by its characters: `spelt`
    is their log10 probability, and `spelling` the node after them.
    """
    symbol = language.vocabulary.value[word] if word >= 0 else UNKNOWN
    log10_prob, lm = _predict(language.ngrams, lm, symbol)
    if symbol == UNKNOWN:
        log10_prob = min(log10_prob + language.n_unknown, 0.0)
        log10_prob += spelt + _spell(language, spelling, END)[0]
    return log10_prob, lm


@_jit
def _extend(language, lm, word, spelling, spelt, entry, last, new):
    """Let a class follow a prefix, but for what a model of characters says.

    `lm`, `word`, `spelling` and `entry` are the prefix's nodes in the language model, its
    vocabulary, the spelling of its last word and the lexicon; -1 stands for a word that the
    vocabulary lacks. `spelt` is the log10 probability of the last word's characters, which counts
    until the word ends, and then that of the word.

    Returns what is added to the score, -inf if the class can't follow, and the new nodes.
    """
    gain = language.character_bonus
    in_word = last != BLANK and last != language.space
    if language.constrained:
        child = _child(language.lexicon.children, language.lexicon.symbol, entry, new)
        between = entry == 0 or language.lexicon.value[entry] == 1
        if child < 0 and not (between and language.free[new]):
            return -np.inf, lm, word, spelling, spelt, entry
        entry = max(child, 0)
    if new != language.space:
        if not in_word:
            gain += language.word_bonus
        if language.unit == WORDS:
            if word >= 0:
                word = _child(language.vocabulary.children, language.vocabulary.symbol, word, new)
            log10_prob, spelling = _spell(language, spelling, language.symbols[new])
            spelt += log10_prob
            gain += language.lm_weight * log10_prob
    elif language.unit == WORDS:
        # a blank after a blank ends an unknown word of no characters
        ends = word if in_word else -1
        log10_prob, lm = _say_word(language, lm, ends, spelling, spelt)
        gain += language.lm_weight * (log10_prob - spelt)
        word, spelling, spelt = 0, language.start, 0.0
    return gain, lm, word, spelling, spelt, entry


@_jit
def _may_end(language, entry):
    return not language.constrained or entry == 0 or language.lexicon.value[entry] == 1


@_jit
def _end(language, lm, word, spelling, spelt, last):
    """Return the score that the end of the text adds."""
    if language.unit == NO_MODEL:
        return 0.0
    log10_prob = 0.0
    if language.unit == WORDS and last != BLANK:
        ends = word if last != language.space else -1
        log10_prob, lm = _say_word(language, lm, ends, spelling, spelt)
        log10_prob -= spelt
    return language.lm_weight * (log10_prob + _predict(language.ngrams, lm, END)[0])


@_jit
def _find(first_child, sibling, last, node, new):
    """The prefix that a class makes of a prefix, -1 if it was never in the beam."""
    node = first_child[node]
    while node >= 0 and last[node] != new:
        node = sibling[node]
    return node


@_jit
def search(log_probs, language, beam_width):
    """Find the best texts of one line.

    Parameters
    ----------
    log_probs : ndarray of float64 of shape (time, n_classes)
        Log-probabilities, class 0 the blank.
    language : Language
        What may be written, and how likely it is.
    beam_width : int
        Prefixes kept after each time step.

    Returns
    -------
    parent, last : ndarray of int32
        All prefixes that were in the beam: the prefix without its last class, and that class.
        Prefix 0 is empty.
    beam : ndarray of int32
        The prefixes in the beam at the end that are texts, the best first.
    scores : ndarray of float64
        Of these: log p(text | line) + lm_weight * log10 p(text) + word_bonus * words +
        character_bonus * characters. A single -inf
        where no prefix may end where the line ends. The text is then the best prefix, cut back to
        its last whole word.
    """
    n_steps = len(log_probs)
    size = n_steps * beam_width + 1
    # the tree of prefixes; prefix 0 is empty
    parent = np.full(size, -1, np.int32)
    first_child = np.full(size, -1, np.int32)
    sibling = np.full(size, -1, np.int32)
    place = np.full(size, -1, np.int32)  # in the beam
    last = np.zeros(size, np.int32)
    lm = np.zeros(size, np.int32)
    word = np.zeros(size, np.int32)
    spelling = np.zeros(size, np.int32)
    spelt = np.zeros(size)
    entry = np.zeros(size, np.int32)
    score = np.zeros(size)  # what the language adds
    lm[0] = spelling[0] = language.start
    n_prefixes = 1
    # the beam: prefixes, and log-probabilities of ending in a blank, otherwise, and of both
    beam = np.zeros(beam_width, np.int32)
    blank = np.full(beam_width, -np.inf)
    other = np.full(beam_width, -np.inf)
    both = np.full(beam_width, -np.inf)
    blank[0] = 0.0
    n = 1
    # the next beam: where in the beam a prefix comes from, what class follows, and its numbers
    origin = np.zeros(beam_width, np.int32)
    follows = np.zeros(beam_width, np.int32)
    rank = np.empty(beam_width)
    next_blank = np.empty(beam_width)
    next_other = np.empty(beam_width)
    # of each prefix in the beam, what a model of characters says of all that may follow
    of_characters = language.unit == CHARACTERS
    n_symbols = language.ngrams.children[1] - 1 if of_characters else 0
    said = np.zeros((beam_width, n_symbols))
    next_said = np.zeros((beam_width, n_symbols))
    if of_characters:
        _predict_all(language.ngrams, lm[0], said[0])
    # a language model gives none, but where words end
    most_gain = max(language.word_bonus, 0.0) + language.character_bonus
    for t in range(n_steps):
        step = log_probs[t]
        for k in range(n):
            place[beam[k]] = k
            both[k] = _log_add(blank[k], other[k])
        rank[:] = -np.inf
        for k in range(n):  # prefixes that stay
            node = beam[k]
            new = last[node]
            origin[k], follows[k] = k, BLANK
            next_blank[k] = both[k] + step[BLANK]
            next_other[k] = -np.inf
            if node:
                next_other[k] = other[k] + step[new]
                j = place[parent[node]]
                if j >= 0:
                    before = blank[j] if last[beam[j]] == new else both[j]
                    next_other[k] = _log_add(next_other[k], before + step[new])
            rank[k] = score[node] + _log_add(next_blank[k], next_other[k])
        worst = np.argmin(rank)
        for new in np.argsort(-step):  # prefixes that grow, the likely ones first
            if new == BLANK:
                continue
            for k in range(n):
                node = beam[k]
                most = score[node] + both[k] + step[new] + most_gain
                if new != language.space and most <= rank[worst]:
                    break  # nor can the prefixes behind it, which are sorted, get into the beam
                found = _find(first_child, sibling, last, node, new)
                if found >= 0 and place[found] >= 0:
                    continue  # counted above, as staying
                reading = step[new] + (blank[k] if new == last[node] else both[k])
                gain = _extend(
                    language,
                    lm[node],
                    word[node],
                    spelling[node],
                    spelt[node],
                    entry[node],
                    last[node],
                    new,
                )[0]
                if of_characters:
                    gain += language.lm_weight * said[k, language.symbols[new]]
                if score[node] + gain + reading > rank[worst]:
                    origin[worst], follows[worst] = k, new
                    next_blank[worst], next_other[worst] = -np.inf, reading
                    rank[worst] = score[node] + gain + reading
                    worst = np.argmin(rank)
        for k in range(n):
            place[beam[k]] = -1
        former = beam.copy()
        n = 0
        for i in np.argsort(-rank):
            if rank[i] == -np.inf:
                break
            node, new = former[origin[i]], follows[i]
            if new == BLANK:
                next_said[n] = said[origin[i]]
            else:
                found = _find(first_child, sibling, last, node, new)
                if found < 0:
                    found = n_prefixes
                    n_prefixes += 1
                    (
                        gain,
                        lm[found],
                        word[found],
                        spelling[found],
                        spelt[found],
                        entry[found],
                    ) = _extend(
                        language,
                        lm[node],
                        word[node],
                        spelling[node],
                        spelt[node],
                        entry[node],
                        last[node],
                        new,
                    )
                    if of_characters:
                        symbol = language.symbols[new]
                        gain += language.lm_weight * said[origin[i], symbol]
                        lm[found] = _predict(language.ngrams, lm[node], symbol)[1]
                    score[found] = score[node] + gain
                    last[found], parent[found] = new, node
                    sibling[found], first_child[node] = first_child[node], found
                node = found
                if of_characters:
                    _predict_all(language.ngrams, lm[node], next_said[n])
            beam[n], blank[n], other[n] = node, next_blank[i], next_other[i]
            n += 1
        said, next_said = next_said, said

    rank[:] = -np.inf
    for k in range(n):
        node = beam[k]
        if _may_end(language, entry[node]):
            rank[k] = score[node] + _log_add(blank[k], other[k])
            rank[k] += _end(language, lm[node], word[node], spelling[node], spelt[node], last[node])
    order = np.argsort(-rank)[: max(1, np.sum(rank > -np.inf))]
    if rank[order[0]] == -np.inf:
        node = beam[0] if n else 0
        while not _may_end(language, entry[node]):
            node = parent[node]
        beam[order[0]] = node
    return parent[:n_prefixes], last[:n_prefixes], beam[order], rank[order]
