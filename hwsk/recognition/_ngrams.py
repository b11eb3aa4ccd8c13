"""Count n-grams, estimate a back-off model, and look up its probabilities.

A model is a trie. Node 0 is the empty n-gram; the node of an n-gram is a child of the node of its
first n-1 symbols. Nodes are numbered by length, then parent, then symbol: so the children of a node
stand together, sorted, and the unigram of symbol s is node s + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

UNKNOWN, START, END = range(3)
SPECIAL = ("<unk>", "<s>", "</s>")
_FALLBACK = (0.5, 1.0, 1.5)  # discounts where counts give none, as KenLM's --discount_fallback

Ids = NDArray[np.int64]


class Ngrams(NamedTuple):
    """A back-off model, one row a node.

    Parameters
    ----------
    children : ndarray of int32 of shape (n_nodes + 1,)
        The children of node i are the nodes from `children[i]` to before `children[i + 1]`.
    symbol : ndarray of int32 of shape (n_nodes,)
        Last symbol of the n-gram.
    suffix : ndarray of int32 of shape (n_nodes,)
        Node of the longest n-gram that the n-gram ends in: where to go on when it has been read.
    log10_prob, log10_backoff : ndarray of float32 of shape (n_nodes,)
        The numbers of an ARPA file.
    """

    children: NDArray[np.int32]
    symbol: NDArray[np.int32]
    suffix: NDArray[np.int32]
    log10_prob: NDArray[np.float32]
    log10_backoff: NDArray[np.float32]

    def parents(self) -> Ids:
        """The parent of each node; of the root, -1."""
        return np.r_[-1, np.repeat(np.arange(len(self.symbol)), np.diff(self.children))]

    def check(self, n_symbols: int) -> None:
        """Raise ValueError unless a search can walk these arrays safely, from any node."""
        kinds = (np.int32, np.int32, np.int32, np.float32, np.float32)
        n = len(self.symbol)
        if not all(
            isinstance(array, np.ndarray) and array.dtype == kind and array.shape == (n + extra,)
            for array, kind, extra in zip(self, kinds, (1, 0, 0, 0, 0), strict=True)
        ):
            raise ValueError("the language model is damaged: its arrays have wrong types or sizes")
        unigrams = slice(1, n_symbols + 1)
        sound = (
            n > n_symbols >= len(SPECIAL)
            and self.children[0] == 1
            and self.children[1] == n_symbols + 1
            and self.children[-1] == n
            and (np.diff(self.children) >= 0).all()
            and (self.symbol >= 0).all()
            and (self.symbol < n_symbols).all()
            and (np.diff(_keys(self, n_symbols)) > 0).all()
            and (self.suffix[unigrams] == 0).all()
            and (self.suffix >= 0).all()
            and (self.suffix[1:] < np.arange(1, n)).all()  # so that backing off comes to an end
            and np.isfinite(self.log10_prob).all()
            and np.isfinite(self.log10_backoff).all()
        )
        if not sound:
            raise ValueError("the language model is damaged: its n-grams don't hang together")


def _keys(ngrams: Ngrams, n_symbols: int) -> Ids:
    """A number for each node but the root that grows with its parent and its symbol."""
    return ngrams.parents()[1:] * n_symbols + ngrams.symbol[1:]


def _starting(tokens: Ids, sentences: Ids, length: int) -> Ids:
    """Positions at which an n-gram of some length starts that stays in its sentence."""
    last = len(tokens) - length + 1
    return np.flatnonzero(sentences[:last] == sentences[length - 1 :]) if last > 0 else np.arange(0)


def estimate(tokens: Ids, sentences: Ids, n_symbols: int, order: int) -> tuple[Ngrams, list[int]]:
    """Interpolated modified Kneser-Ney [1]_, with the conventions of KenLM's `lmplz` [2]_.

    Parameters
    ----------
    tokens : ndarray of int64
        All sentences end to end, each with `START` before and `END` behind it.
    sentences : ndarray of int64
        The number of each token's sentence.
    n_symbols : int
        Symbols that there are, the three special ones among them.
    order : int
        Symbols of the longest n-grams.

    Returns
    -------
    ngrams : Ngrams
        The model.
    n_ngrams : list of int
        Number of n-grams of each length that occurs.

    Notes
    -----
    With `a` the number of times that an n-gram was seen (for the longest, and for those that begin
    with `<s>`), or else the number of different symbols that were seen before it,

        p(w | h) = (a(hw) - D(a(hw))) / a(h.) + g(h) p(w | h'),

    where h' is h without its first symbol, a(h.) the sum over all w, and g(h), the weight for
    backing off from h, is what the discounts D took. Below the unigrams, p is 1 / |V| for each
    symbol but `<s>`. D depends on a being 1, 2, or more, and follows from how many n-grams have
    a = 1, 2, 3 and 4 ([1]_, equation 26).

    References
    ----------
    .. [1] S. F. Chen, J. Goodman, "An empirical study of smoothing techniques for language
       modeling", Harvard University, TR-10-98, 1998.
    .. [2] K. Heafield, I. Pouzyrevsky, J. H. Clark, P. Koehn, "Scalable modified Kneser-Ney
       language model estimation", ACL 2013.
    """
    # One entry for each length: what an n-gram is made of (numbers within its length), its counts.
    parents, symbols = [np.zeros(n_symbols, np.int64)], [np.arange(n_symbols)]
    suffixes = [np.zeros(n_symbols, np.int64)]
    counts = [np.bincount(tokens, minlength=n_symbols)]
    counts[0][START] = 0  # it is never predicted
    keeps_count = symbols[0] == START
    index = tokens
    for length in range(2, order + 1):
        starts = _starting(tokens, sentences, length)
        if not len(starts):
            break
        keys, first, inverse, seen = np.unique(
            index[starts] * n_symbols + tokens[starts + length - 1],
            return_index=True,
            return_inverse=True,
            return_counts=True,
        )
        suffix = index[starts[first] + 1]
        before = np.bincount(suffix, minlength=len(counts[-1]))
        counts[-1] = np.where(keeps_count, counts[-1], before)
        parents.append(keys // n_symbols)
        symbols.append(keys % n_symbols)
        suffixes.append(suffix)
        counts.append(seen)
        keeps_count = keeps_count[parents[-1]]
        index = np.full(len(tokens), -1)
        index[starts] = inverse

    lower = np.full(1, 1 / (n_symbols - 1))
    log10_prob, log10_backoff = [np.zeros(1)], []
    for count, parent, suffix in zip(counts, parents, suffixes, strict=True):
        discount = np.array([0.0, *_discounts(count)])[np.minimum(count, 3)]
        total = np.bincount(parent, count, len(lower))
        taken = np.bincount(parent, discount, len(lower))
        weight = np.divide(taken, total, out=np.ones(len(lower)), where=total > 0)
        lower = (count - discount) / total[parent] + weight[parent] * lower[suffix]
        log10_backoff.append(np.log10(weight))
        log10_prob.append(np.log10(lower))
    log10_backoff.append(np.zeros(len(lower)))
    log10_backoff[0][:] = log10_prob[1][START] = 0.0  # never used; so KenLM writes it
    n_ngrams = [len(symbol) for symbol in symbols]
    offsets = np.cumsum([0, 1, *n_ngrams])  # of the nodes one shorter
    nodes = [offset + suffix for offset, suffix in zip(offsets, suffixes, strict=False)]
    return assemble(parents, symbols, nodes, log10_prob, log10_backoff), n_ngrams


def _discounts(counts: Ids) -> tuple[float, ...]:
    """Compute the discounts of counts 1, 2, and more: [1]_ of `estimate`, equation 26."""
    seen = np.bincount(counts[counts < 5], minlength=5).astype(float)
    if not seen[1:4].all():
        return _FALLBACK
    y = seen[1] / (seen[1] + 2 * seen[2])
    discounts = tuple(j - (j + 1) * y * seen[j + 1] / seen[j] for j in (1, 2, 3))
    sound = all(0 < discount <= j for j, discount in enumerate(discounts, 1))
    return discounts if sound else _FALLBACK


def assemble(
    parents: Sequence[Ids],
    symbols: Sequence[Ids],
    suffixes: Sequence[Ids],
    log10_prob: Sequence[NDArray[Any]],
    log10_backoff: Sequence[NDArray[Any]],
) -> Ngrams:
    """Put lists with an entry for each length together as a trie.

    Parents are numbers within the n-grams one shorter, suffixes are nodes. `log10_prob` and
    `log10_backoff` begin with an entry for the root.
    """
    offsets = np.cumsum([0, 1, *map(len, symbols)])  # of the root, of unigrams, of bigrams, ...
    nodes = [offset + parent for offset, parent in zip(offsets, parents, strict=False)]
    children = 1 + np.searchsorted(np.concatenate(nodes), np.arange(offsets[-1] + 1))
    return Ngrams(
        children.astype(np.int32),
        np.concatenate([[0], *symbols]).astype(np.int32),
        np.concatenate([[0], *suffixes]).astype(np.int32),
        np.concatenate(log10_prob).astype(np.float32),
        np.concatenate(log10_backoff).astype(np.float32),
    )


def log10_probs(ngrams: Ngrams, n_symbols: int, order: int, tokens: Ids, sentences: Ids) -> Any:
    """Log-probability (base 10) of each token given those before it in its sentence; of START, 0.

    `tokens` and `sentences` are as in `estimate`.
    """
    keys = _keys(ngrams, n_symbols)
    n = len(tokens)
    nodes = [np.zeros(n, np.int64)]  # for each length, the n-gram that starts there; -1 if none
    for length in range(1, order + 1):
        starts = _starting(tokens, sentences, length)
        starts = starts[nodes[-1][starts] >= 0]
        wanted = nodes[-1][starts] * n_symbols + tokens[starts + length - 1]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        nodes.append(np.full(n, -1))
        nodes[-1][starts] = np.where(keys[place] == wanted, place + 1, -1)
    result = np.zeros(n)
    open_ = tokens != START
    for length in range(order, 0, -1):  # the longest n-gram that there is, and what led down to it
        ends = np.flatnonzero(open_)
        ends = ends[ends >= length - 1]
        whole, history = nodes[length][ends - length + 1], nodes[length - 1][ends - length + 1]
        inside = sentences[ends - length + 1] == sentences[ends]
        found = inside & (whole >= 0)
        result[ends[found]] += ngrams.log10_prob[whole[found]]
        backed = inside & (whole < 0) & (history >= 0)
        result[ends[backed]] += ngrams.log10_backoff[history[backed]]
        open_[ends[found]] = False
    return result
