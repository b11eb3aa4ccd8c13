"""Store words as a trie of their characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Trie(NamedTuple):
    """Words, one row a node; node 0 is where each begins.

    Parameters
    ----------
    children : ndarray of int32 of shape (n_nodes + 1,)
        The children of node i are the nodes from `children[i]` to before `children[i + 1]`, sorted
        by symbol.
    symbol : ndarray of int32 of shape (n_nodes,)
        The character that leads to the node.
    value : ndarray of int32 of shape (n_nodes,)
        What stands for the word that ends here; 0 if none does.
    """

    children: NDArray[np.int32]
    symbol: NDArray[np.int32]
    value: NDArray[np.int32]


def build_trie(words: Sequence[Sequence[int]], values: Sequence[int]) -> Trie:
    """Make a trie of words, given as numbers of their characters, and of the values at their ends.

    Where a word comes twice, its last value counts.
    """
    lengths = np.array([len(word) for word in words], np.int64)
    characters = np.zeros((len(words), lengths.max(initial=0)), np.int64)
    characters[np.arange(characters.shape[1]) < lengths[:, None]] = np.concatenate([[], *words])
    n_symbols = int(characters.max(initial=0)) + 1
    node = np.zeros(len(words), np.int64)
    parents: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    symbols = [np.zeros(1, np.int64)]
    n_nodes = 1
    for depth in range(characters.shape[1]):
        longer = lengths > depth
        keys, inverse = np.unique(
            node[longer] * n_symbols + characters[longer, depth], return_inverse=True
        )
        parents.append(keys // n_symbols)
        symbols.append(keys % n_symbols)
        node[longer] = n_nodes + inverse
        n_nodes += len(keys)
    value = np.zeros(n_nodes, np.int32)
    value[node] = values
    return Trie(
        (1 + np.searchsorted(np.concatenate(parents), np.arange(n_nodes + 1))).astype(np.int32),
        np.concatenate(symbols).astype(np.int32),
        value,
    )
