"""Count n-grams, estimate a back-off model, and look up its probabilities.

A model is a trie. Node 0 is the empty n-gram; the node of an n-gram is a child of the node of its
first n-1 symbols. Nodes are numbered by length, then parent, then symbol: so the children of a node
stand together, sorted, and the unigram of symbol s is node s + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

UNKNOWN, START, END = range(3)
SPECIAL = ("<unk>", "<s>", "</s>")
_TINY = 1e-12  # a probability in place of 0
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
        if not np.isfinite(self.log10_prob).all() or not np.isfinite(self.log10_backoff).all():
            raise ValueError("the language model is damaged: it has n-grams with NaN or infinity")
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


def prune(
    ngrams: Ngrams, n_ngrams: list[int], tokens: Ids, sentences: Ids, least_gain: float
) -> tuple[Ngrams, list[int]]:
    """Drop n-grams that hardly change the probability of the training texts.

    The gain of an n-gram is by how much it raises their log-likelihood over backing off [1]_. The
    weights for backing off are derived anew, so that probabilities sum to 1.

    Parameters
    ----------
    ngrams, n_ngrams
        As `estimate` gives them, of the same `tokens` and `sentences`.
    tokens, sentences : ndarray of int64
        As in `estimate`.
    least_gain : float
        In nats. N-grams of a lower gain are dropped, unless a longer one that is kept begins with
        them; characters alone are kept.

    References
    ----------
    .. [1] K. Seymore, R. Rosenfeld, "Scalable backoff language models", ICSLP 1996.
    """
    parent, n_symbols = ngrams.parents(), n_ngrams[0]
    levels = np.cumsum([0, 1, *n_ngrams])
    prob = np.log(10) * ngrams.log10_prob.astype(float)
    backoff = np.log(10) * ngrams.log10_backoff.astype(float)
    nodes = _nodes(ngrams, n_symbols, len(n_ngrams), tokens, sentences)
    counts = sum(np.bincount(found[found >= 0], minlength=levels[-1]) for found in nodes[1:])
    gain = counts * (prob - backoff[parent] - prob[ngrams.suffix])
    kept = np.zeros(levels[-1], bool)
    kept[: levels[2]] = True
    for length in range(len(n_ngrams), 1, -1):
        level = np.arange(levels[length], levels[length + 1])
        kept[level] |= gain[level] >= least_gain
        kept[parent[level[kept[level]]]] = True
    for length in range(2, len(n_ngrams) + 1):
        histories = slice(levels[length - 1], levels[length])
        level = np.arange(levels[length], levels[length + 1])
        below = prob[ngrams.suffix[level]]
        mass = []
        for p in (prob[level], below):
            p = np.where(kept[level], np.exp(p), 0.0)
            mass.append(1 - np.bincount(parent[level], p, levels[length])[histories])
        backoff[histories] = np.log(np.maximum(mass[0], _TINY) / np.maximum(mass[1], _TINY))
        prob[level] = np.where(kept[level], prob[level], backoff[parent[level]] + below)
    place = np.cumsum(kept) - 1
    suffix = ngrams.suffix
    while not kept[suffix].all():
        suffix = np.where(kept[suffix], suffix, suffix[suffix])
    n_left = [int(kept[start:stop].sum()) for start, stop in pairwise(levels[1:])]
    return Ngrams(
        np.searchsorted(place[parent[1:]][kept[1:]], np.arange(sum(n_left) + 2)).astype(np.int32)
        + 1,
        ngrams.symbol[kept],
        place[suffix[kept]].astype(np.int32),
        (prob[kept] / np.log(10)).astype(np.float32),
        (backoff[kept] / np.log(10)).astype(np.float32),
    ), [n for n in n_left if n]


def quantize(values: NDArray[np.float32], n_levels: int) -> NDArray[np.float32]:
    """Replace numbers by `n_levels` different ones: the means of groups of equal size."""
    distinct, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    if len(distinct) <= n_levels:
        return values
    ranks = np.cumsum(counts) - counts / 2
    group = (ranks * n_levels / len(values)).astype(int)
    total = np.bincount(group, counts, n_levels)
    mean = np.bincount(group, counts * distinct, n_levels) / np.maximum(total, 1)
    return mean[group][inverse].astype(np.float32)


def _discounts(counts: Ids) -> tuple[float, ...]:
    """Compute the discounts of counts 1, 2, and more: [1]_ of `estimate`, equation 26."""
    seen = np.bincount(counts[counts < 5], minlength=5).astype(float)
    if not seen[1:4].all():
        return _FALLBACK
    y = seen[1] / (seen[1] + 2 * seen[2])
    discounts = tuple(j - (j + 1) * y * seen[j + 1] / seen[j] for j in (1, 2, 3))
    sound = all(0 < discount <= j for j, discount in enumerate(discounts, 1))
    return discounts if sound else _FALLBACK


def pack(ngrams: Ngrams) -> dict[str, NDArray[Any]]:
    """Express a model by smaller arrays, for a file; nothing is lost.

    Numbers that are few are stored as codes, and suffixes, which follow from the rest, not at all.
    """
    packed = {"n_children": np.diff(ngrams.children), "symbol": ngrams.symbol}
    packed = {name: array.astype(np.min_scalar_type(array.max())) for name, array in packed.items()}
    for name in ("log10_prob", "log10_backoff"):
        values, codes = np.unique(getattr(ngrams, name), return_inverse=True)
        if len(values) <= 256:
            packed[name], packed[f"{name}_values"] = codes.astype(np.uint8), values
        else:
            packed[name] = getattr(ngrams, name)
    if not np.array_equal(_suffixes(ngrams.children, ngrams.symbol), ngrams.suffix):
        packed["suffix"] = ngrams.suffix
    return packed


def unpack(packed: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Undo `pack`.

    Raises
    ------
    ValueError
        If an array is missing, or doesn't fit the others.
    """
    try:
        n_children, symbol = packed["n_children"], packed["symbol"].astype(np.int32)
        children = np.r_[1, 1 + np.cumsum(n_children, dtype=np.int64)]
        if symbol.ndim != 1 or children.shape != (len(symbol) + 1,) or children[-1] != len(symbol):
            raise ValueError("the numbers of children don't fit the n-grams")
        numbers = {
            name: packed[f"{name}_values"][packed[name]]
            if f"{name}_values" in packed
            else packed[name]
            for name in ("log10_prob", "log10_backoff")
        }
        children = children.astype(np.int32)
        suffix = packed["suffix"] if "suffix" in packed else _suffixes(children, symbol)
    except (KeyError, IndexError) as error:
        raise ValueError(f"the language model is damaged: {error}") from error
    return {"children": children, "symbol": symbol, "suffix": suffix, **numbers}


def _suffixes(children: NDArray[np.int32], symbol: NDArray[np.int32]) -> NDArray[np.int32]:
    """The longest n-gram that each n-gram ends in."""
    parent = np.r_[-1, np.repeat(np.arange(len(symbol)), np.diff(children))]
    n_symbols = int(symbol.max()) + 1
    keys = parent[1:] * n_symbols + symbol[1:]
    suffix = np.zeros(len(symbol), np.int64)
    start, stop = children[1], children[children[1]]
    while start < stop:  # length by length
        level = np.arange(start, stop)
        found, history = np.zeros(len(level), np.int64), suffix[parent[level]]
        missing = np.arange(len(level))
        while len(missing):
            wanted = history[missing] * n_symbols + symbol[level[missing]]
            place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
            right = keys[place] == wanted
            found[missing[right]] = place[right] + 1
            missing = missing[~right & (history[missing] > 0)]
            history[missing] = suffix[history[missing]]
        suffix[level] = found
        start, stop = stop, children[stop]
    return suffix.astype(np.int32)


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
    n = len(tokens)
    nodes = _nodes(ngrams, n_symbols, order, tokens, sentences)
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


def _nodes(ngrams: Ngrams, n_symbols: int, order: int, tokens: Ids, sentences: Ids) -> list[Ids]:
    """For each length from 0, the n-gram that starts at each token; -1 where there is none."""
    keys = _keys(ngrams, n_symbols)
    n = len(tokens)
    nodes = [np.zeros(n, np.int64)]
    for length in range(1, order + 1):
        starts = _starting(tokens, sentences, length)
        starts = starts[nodes[-1][starts] >= 0]
        wanted = nodes[-1][starts] * n_symbols + tokens[starts + length - 1]
        place = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1)
        nodes.append(np.full(n, -1))
        nodes[-1][starts] = np.where(keys[place] == wanted, place + 1, -1)
    return nodes
