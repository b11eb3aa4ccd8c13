"""Hold what constrains and scores texts in a beam search (`Language`)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk.recognition._ngrams import Ngrams
from hwsk.recognition._trie import Trie

NO_MODEL, CHARACTERS, WORDS = range(3)
BLANK = 0  # CTC's class of no character; no last character, in a prefix


class Language(NamedTuple):
    """Constrain and score texts in the search.

    Parameters
    ----------
    unit : int
        What the language model is of: `NO_MODEL`, `CHARACTERS` or `WORDS`.
    ngrams : Ngrams
        The language model.
    start : int
        Its node before a text.
    symbols : ndarray of int32 of shape (n_classes,)
        The symbol of each class in a model of characters, be it `ngrams` or `spelling`.
    vocabulary : Trie
        The symbols of a model of words, by the classes of their characters.
    spelling : Ngrams
        A model of the characters of words, for those that the vocabulary lacks; `symbols` are its.
    n_unknown : float
        Log10 of the number of words that "<unk>" stands for.
    least_spelling : float
        Log10 of the least probability of a character in the spelling of a word.
    character_bonus : float
        Added for each character, blanks among them.
    lm_weight : float
        Factor of the model's log10 probabilities.
    word_bonus : float
        Added for each word.
    space : int
        The class between words; -1 if there is none.
    constrained : bool
        Whether all words are those of the lexicon.
    lexicon : Trie
        Words, 1 where one ends.
    free : ndarray of bool of shape (n_classes,)
        Classes that may stand between words of the lexicon.
    """

    unit: int
    ngrams: Ngrams
    start: int
    symbols: NDArray[np.int32]
    vocabulary: Trie
    spelling: Ngrams
    n_unknown: float
    least_spelling: float
    character_bonus: float
    lm_weight: float
    word_bonus: float
    space: int
    constrained: bool
    lexicon: Trie
    free: NDArray[np.bool_]
