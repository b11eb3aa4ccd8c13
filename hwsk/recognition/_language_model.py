"""Model the probability of a text (`NgramLanguageModel`)."""

from __future__ import annotations

import copy
import math
import os
import unicodedata
from numbers import Real
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.texts import check_texts
from hwsk._limits import LAYERS, UNITS, whole
from hwsk.recognition import _arpa
from hwsk.recognition._language_fit import sample_gain
from hwsk.recognition._ngrams import (
    END,
    SPECIAL,
    START,
    UNKNOWN,
    Ngrams,
    estimate,
    log10_probs,
    pack,
    prune,
    quantize,
    unpack,
)

# Of each model its n-grams and the gain sampled from them: beside it, as predicting with a model
# changes nothing of it, and no file would keep them.
_TYPICAL_GAINS: WeakKeyDictionary[NgramLanguageModel, tuple[Any, float]] = WeakKeyDictionary()


class NgramLanguageModel(BaseEstimator):
    """Model the probability of a text by n-grams of its characters or words.

    The model is estimated by interpolated modified Kneser-Ney smoothing [1]_, as KenLM's `lmplz`
    does [2]_, and is exchanged with other programs as an ARPA file.

    Parameters
    ----------
    order : int, default=6
        Symbols of the longest n-grams: a symbol is judged by the `order - 1` before it. 5 to 8 suit
        characters, 2 to 4 words.
    unit : {"char", "word"}, default="char"
        What a symbol is: a character (white space of any kind is a blank), or what stands between
        ASCII's white space, as in ARPA files: a no-break space is part of a word.
    least_gain : float, default=0.0
        N-grams that raise the log-likelihood of the training texts by less than this, in nats, are
        dropped [3]_. 0 keeps all; 4 leaves about a third of the n-grams of a million words.
    n_levels : int, default=None
        Number of different probabilities that are kept, and of different weights for backing off:
        each is replaced by the mean of its group. 256 makes a file four times smaller. None keeps
        all.

    Attributes
    ----------
    symbols_ : list of str
        "<unk>" (all that `fit` has not seen), "<s>" (before a text), "</s>" (behind it), then what
        was seen, sorted.
    n_ngrams_ : list of int
        Number of n-grams of length 1, 2, ...; as long as `order`, unless all texts are shorter.
    ngrams_ : dict of str to ndarray
        The n-grams as a trie, a row a node: `children`, `symbol` and `suffix` (int32),
        `log10_prob` and `log10_backoff` (float32).

    See Also
    --------
    CTCDecoder : Reads with a language model.

    Notes
    -----
    Texts are brought into Unicode's form NFC. Where an n-gram length has too few different counts
    to derive the discounts from, 0.5, 1 and 1.5 are taken, as with `lmplz --discount_fallback`.

    A fitted model is data for whoever holds it as a parameter: scikit-learn's `clone` copies it
    with what it has learnt. Nothing changes the copy but a `fit` of its own.

    References
    ----------
    .. [1] S. F. Chen, J. Goodman, "An empirical study of smoothing techniques for language
       modeling", Harvard University, TR-10-98, 1998.
    .. [2] K. Heafield, I. Pouzyrevsky, J. H. Clark, P. Koehn, "Scalable modified Kneser-Ney
       language model estimation", ACL 2013.
    .. [3] K. Seymore, R. Rosenfeld, "Scalable backoff language models", ICSLP 1996.

    Examples
    --------
    >>> from hwsk.recognition import NgramLanguageModel
    >>> model = NgramLanguageModel(order=3).fit(["the cat", "the hat", "a cat that"])
    >>> model.log_prob(["that cat", "tact hat"]).round(1)
    array([ -9.5, -15.9])
    """

    symbols_: list[str]
    n_ngrams_: list[int]
    ngrams_: dict[str, NDArray[Any]]

    _native_data = "texts"
    _parameter_constraints: dict[str, list[Any]] = {
        "order": [whole(1, LAYERS)],
        "unit": [StrOptions({"char", "word"})],
        "least_gain": [Interval(Real, 0, None, closed="left")],
        "n_levels": [whole(2, UNITS), None],
    }

    def __init__(
        self,
        order: int = 6,
        unit: str = "char",
        *,
        least_gain: float = 0.0,
        n_levels: int | None = None,
    ) -> None:
        self.order = order
        self.unit = unit
        self.least_gain = least_gain
        self.n_levels = n_levels

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.one_d_array = True
        tags.input_tags.string = True
        return tags

    def __sklearn_clone__(self) -> NgramLanguageModel:
        if hasattr(self, "ngrams_"):
            return copy.copy(self)
        return super().__sklearn_clone__()

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> NgramLanguageModel:
        """Count n-grams and estimate their probabilities.

        Parameters
        ----------
        X : array-like of str of shape (n_texts,)
            Texts: lines or sentences, as they are to be read.
        y : None
            Ignored.

        Returns
        -------
        self : NgramLanguageModel
            The fitted model.

        Raises
        ------
        ValueError
            If there is no text, or if a text holds the word "<s>" or "</s>".
        """
        texts = self._split(X)
        seen = {symbol for text in texts for symbol in text}
        if self.unit == "word":
            for row, text in enumerate(texts):
                for word in SPECIAL[1:]:
                    if word in text:
                        raise ValueError(
                            f"text {row} holds the word {word!r}, which stands for an end of a text"
                        )
        self.symbols_ = [*SPECIAL, *sorted(seen - set(SPECIAL))]
        tokens, sentences = self._number(texts)
        ngrams, self.n_ngrams_ = estimate(tokens, sentences, len(self.symbols_), self.order)
        if self.least_gain > 0:
            ngrams, self.n_ngrams_ = prune(
                ngrams, self.n_ngrams_, tokens, sentences, self.least_gain
            )
        if self.n_levels is not None:
            ngrams = ngrams._replace(
                log10_prob=quantize(ngrams.log10_prob, self.n_levels),
                log10_backoff=quantize(ngrams.log10_backoff, self.n_levels),
            )
        self.ngrams_ = ngrams._asdict()
        return self

    def log_prob(self, X: Any) -> NDArray[np.float64]:
        """Compute the logarithm of the probability of each text, its end included.

        Parameters
        ----------
        X : array-like of str of shape (n_texts,)
            Texts. What `fit` has not seen counts as "<unk>".

        Returns
        -------
        log_prob : ndarray of float64 of shape (n_texts,)
            Natural logarithms; 0 would be certain.
        """
        return self._log_prob(X)[0]

    def score(self, X: Any, y: Any = None) -> float:
        """Average `log_prob` over texts: higher is better.

        Parameters
        ----------
        X : array-like of str of shape (n_texts,)
            Texts.
        y : None
            Ignored.

        Returns
        -------
        score : float
            The mean.
        """
        return float(np.mean(self._log_prob(X)[0]))

    def perplexity(self, X: Any) -> float:
        """Compute the perplexity: the mean number of equally likely symbols to choose from.

        Parameters
        ----------
        X : array-like of str of shape (n_texts,)
            Texts.

        Returns
        -------
        perplexity : float
            Inverse of the geometric mean of all symbols' probabilities, the ends of the texts
            included; 1 is best.
        """
        log_prob, n_predicted = self._log_prob(X)
        return math.exp(-log_prob.sum() / n_predicted)

    def write_arpa(self, path: str | os.PathLike[str]) -> None:
        """Write the model to an ARPA file, a blank among characters as "<space>".

        Parameters
        ----------
        path : str or path-like
            The file; it is replaced. Numbers are written so that `read_arpa` gets the same ones.
        """
        _arpa.write(path, self._checked_ngrams(), self.symbols_)

    @classmethod
    def read_arpa(cls, path: str | os.PathLike[str], unit: str = "char") -> NgramLanguageModel:
        """Read an ARPA file that `write_arpa` or another program wrote.

        Parameters
        ----------
        path : str or path-like
            The file, in UTF-8.
        unit : {"char", "word"}, default="char"
            What its symbols are. Among characters, "<space>" is read as the blank, and so is
            another white space character of Unicode's where there is no "<space>". Symbols are
            brought into NFC, as texts are, unless the file has the same symbol in NFC, too.

        Returns
        -------
        model : NgramLanguageModel
            The fitted model, of the file's order. Where the file has no "<unk>", its log10
            probability is -100, as in KenLM.

        Raises
        ------
        ValueError
            If the file is cut short, its sections are out of order, its counts don't fit, or a line
            can't be read; the message names file and line.
        """
        model = cls(unit=unit)
        model._validate_params()
        ngrams, model.symbols_, model.n_ngrams_ = _arpa.read(path, unit)
        model.ngrams_ = ngrams._asdict()
        return model.set_params(order=len(model.n_ngrams_))

    def _pack_state(self, state: dict[str, Any]) -> dict[str, Any]:
        """The attributes as a file holds them."""
        if "ngrams_" not in state:
            return state
        return {**state, "ngrams_": pack(self._checked_ngrams())}

    @staticmethod
    def _unpack_state(state: dict[str, Any]) -> dict[str, Any]:
        """The attributes of what a file holds; files of before they were packed have them."""
        if "ngrams_" not in state:
            return state
        packed = state["ngrams_"]
        ngrams = unpack(packed) if "n_children" in packed else packed
        _check_ngrams(ngrams, state["symbols_"])
        return {**state, "ngrams_": ngrams}

    def _split(self, X: Any) -> list[list[str]]:
        """The symbols of each text."""
        return [symbols_of(text, self.unit) for text in check_texts(X)]

    def _number(self, texts: list[list[str]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All symbols of all texts as numbers, with the ends, and which text each is of."""
        numbers = {symbol: i for i, symbol in enumerate(self.symbols_) if i not in (START, END)}
        tokens, lengths = [], []
        for text in texts:
            tokens += [START, *(numbers.get(symbol, UNKNOWN) for symbol in text), END]
            lengths.append(len(text) + 2)
        return np.array(tokens), np.repeat(np.arange(len(texts)), lengths)

    def _log_prob(self, X: Any) -> tuple[NDArray[np.float64], int]:
        """Log-probability of each text, and how many symbols were predicted in all."""
        check_is_fitted(self)
        texts = self._split(X)
        tokens, sentences = self._number(texts)
        values = log10_probs(
            self._checked_ngrams(), len(self.symbols_), len(self.n_ngrams_), tokens, sentences
        )
        log_prob = np.bincount(sentences, values) * math.log(10)
        return log_prob.astype(np.float64, copy=False), len(tokens) - len(texts)

    def _typical_gain(self) -> float:
        """The gain of texts that are sampled from the model, of which a fit needs one sample."""
        sampled_of, gain = _TYPICAL_GAINS.get(self, (None, 0.0))
        if sampled_of is not self.ngrams_:
            gain = sample_gain(self)
            _TYPICAL_GAINS[self] = self.ngrams_, gain
        return gain

    def _checked_ngrams(self) -> Ngrams:
        check_is_fitted(self)
        return _check_ngrams(self.ngrams_, self.symbols_)


def _check_ngrams(arrays: dict[str, Any], symbols: list[str]) -> Ngrams:
    try:
        ngrams = Ngrams(**arrays)
    except TypeError as error:
        raise ValueError(f"the language model is damaged: {error}") from error
    ngrams.check(len(symbols))
    return ngrams


def symbols_of(text: str, unit: str) -> list[str]:
    """Characters or words of a text in NFC."""
    text = unicodedata.normalize("NFC", text)
    if unit == "word":
        return _arpa.split_words(text)
    return [" " if character.isspace() else character for character in text]
