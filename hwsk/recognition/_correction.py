"""Correct words of low confidence by a lexicon (`SpellingCorrector`)."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import process
from rapidfuzz.distance import Levenshtein
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.model_selection import check_cv, cross_val_predict
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array
from hwsk._data.texts import check_texts
from hwsk._limits import LAYERS, whole
from hwsk.metrics import character_error_rate
from hwsk.recognition._details import as_returned, predict_details
from hwsk.recognition._language_model import NgramLanguageModel

_NOTHING = 0  # row of what is inserted, column of what is missed
_WEIGHT = 10.0  # times that a character has to be seen, to count as much as all together
_SPELLING_ORDER = 5
_CORE = re.compile(r"(\w(?:\S*\w)?)")  # a word without punctuation around it

Edits = list[tuple[int, int]]


class SpellingCorrector(BaseEstimator):
    """Correct words that a recognizer was unsure of and that are in no lexicon.

    A noisy channel [1]_ [2]_: a word of the lexicon was written, and the recognizer made of it what
    was read, by errors that it is prone to. Which ones, is learnt from lines that it has not been
    trained on. A word is left alone if it is in the lexicon, if the recognizer is sure of it, and
    if no word of the lexicon explains it better than that it is a word the lexicon lacks.

    Parameters
    ----------
    recognizer : estimator, default=None
        What reads: a :class:`CTCRecognizer`, a Pipeline that ends in one, a :class:`CTCDecoder`
        over the output of a network, or another estimator that predicts texts. None: X holds texts
        that have been read already.
    lexicon : array-like of str, default=None
        Words that may be written. A word that stands there several times is likelier: the words of
        many texts, one after the other, make a good lexicon. None takes those of `y`. A word in
        small letters may begin with a capital, too.
    max_edits : int, default=2
        Characters that may be exchanged, missed or inserted in a word; half of its characters at
        most.
    max_confidence : float, default=0.9
        A word is left alone if the least probable of its characters is more probable than that.
        Where a recognizer gives no confidence (`predict_details`), all words may be corrected.
    min_gain : float, default=2.0
        By how much the logarithm of a correction's probability must be above that of no error.
        Above 0, words that are right and not in the lexicon are harmed less often.
    cv : int, cross-validation generator, iterable or "prefit", default=None
        How lines are read by recognizers that were not trained on them: as in
        :func:`~sklearn.model_selection.cross_val_predict`; None makes 5 folds. "prefit": the
        recognizer is fitted already, and X holds lines that it has not been trained on.

    Attributes
    ----------
    recognizer_ : estimator
        The recognizer, fitted on all of X; where there is one.
    words_ : list of str
        The words of the lexicon.
    counts_ : ndarray of int64 of shape (n_words,)
        How often each stands there.
    alphabet_ : str
        Characters of the lexicon, the texts and the readings.
    confusions_ : ndarray of int64 of shape (1 + n_characters, 1 + n_characters)
        How often what is written (row) was read as what (column). Row and column 0 stand for
        nothing: what is inserted, and what is missed.
    spelling_ : NgramLanguageModel
        How words are spelt that the lexicon lacks.

    See Also
    --------
    CTCDecoder : A language model has its say while a line is read, which is better where it can.
    TextNormalizer : Spaces, Unicode forms and case.

    Notes
    -----
    With c for a word of the lexicon and r for what was read, c is looked for that makes
    log p(r | c) + log p(c) largest. p(r | c) is the product over a shortest alignment, p(c) the
    share of the lexicon. For r being right, there stand in their place p(r | r) and p(r) by the
    n-grams of characters `spelling_`; a word that the lexicon lacks has the probability T / (N + T)
    of T different words among N [3]_.

    Words are not parted or joined.

    References
    ----------
    .. [1] M. D. Kernighan, K. W. Church, W. A. Gale, "A spelling correction program based on a
       noisy channel model", COLING 1990.
    .. [2] E. Brill, R. C. Moore, "An improved error model for noisy channel spelling correction",
       ACL 2000.
    .. [3] I. H. Witten, T. C. Bell, "The zero-frequency problem", IEEE Transactions on Information
       Theory 37(4), 1991.

    Examples
    --------
    >>> from hwsk.recognition import SpellingCorrector
    >>> read = ["the rivor", "a rivor", "the cat", "rivers"]
    >>> corrector = SpellingCorrector().fit(read, ["the river", "a river", "the cat", "rivers"])
    >>> corrector.predict(["the rivor of Rhodes"])
    array(['the river of Rhodes'], dtype=object)
    """

    words_: list[str]
    alphabet_: str

    _native_data = "readings"
    _parameter_constraints: dict[str, list[Any]] = {
        "recognizer": [HasMethods(["fit", "predict"]), None],
        "lexicon": ["array-like", None],
        "max_edits": [whole(0, LAYERS)],
        "max_confidence": [Interval(Real, 0, 1, closed="both")],
        "min_gain": [Interval(Real, 0, None, closed="left")],
        "cv": ["cv_object", StrOptions({"prefit"})],
    }

    def __init__(
        self,
        recognizer: Any = None,
        *,
        lexicon: Sequence[str] | None = None,
        max_edits: int = 2,
        max_confidence: float = 0.9,
        min_gain: float = 2.0,
        cv: Any = None,
    ) -> None:
        self.recognizer = recognizer
        self.lexicon = lexicon
        self.max_edits = max_edits
        self.max_confidence = max_confidence
        self.min_gain = min_gain
        self.cv = cv

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.one_d_array = self.recognizer is None
        tags.input_tags.three_d_array = self.recognizer is not None
        return tags

    @_fit_context(prefer_skip_nested_validation=False)  # the recognizer checks its own parameters
    def fit(self, X: Any, y: Any, groups: Any = None) -> SpellingCorrector:
        """Learn the errors and the lexicon, and train the recognizer.

        Parameters
        ----------
        X : array-like
            What the recognizer takes: images. Without a recognizer, texts as they were read.
        y : array-like of str of shape (n_samples,)
            What is written.
        groups : array-like of shape (n_samples,), default=None
            Writers, for a `cv` that keeps them apart.

        Returns
        -------
        self : SpellingCorrector
            The corrector.

        Raises
        ------
        ValueError
            If the lexicon is empty or holds something else than words, or if X and y differ in
            length.
        """
        truths = check_texts(y, "y", allow_empty=self.recognizer is None)
        if self.recognizer is None:
            readings = check_texts(X)
            check_consistent_length(readings, truths)
        else:
            readings = self._read_out_of_fold(X, y, groups)
        words = " ".join(truths).split() if self.lexicon is None else _check_lexicon(self.lexicon)
        if not words:
            raise ValueError("there is no word in y; give a lexicon")
        self._learn_words(words)
        self.alphabet_ = "".join(sorted({c for text in (*words, *truths, *readings) for c in text}))
        self.confusions_ = _count_edits(
            as_returned(getattr(self, "recognizer_", None), truths), readings, self.alphabet_
        )
        return self

    def _read_out_of_fold(self, X: Any, y: Any, groups: Any) -> list[str]:
        if self.cv == "prefit":
            check_is_fitted(self.recognizer)
            self.recognizer_ = self.recognizer
            readings = self.recognizer.predict(X)
            check_consistent_length(readings, y)
        else:
            cv = check_cv(self.cv)
            readings = cross_val_predict(self.recognizer, X, y, groups=groups, cv=cv)
            self.recognizer_ = clone(self.recognizer).fit(X, y)
        return [str(text) for text in readings]

    def _learn_words(self, words: list[str]) -> None:
        counts = Counter(words)
        self.spelling_ = NgramLanguageModel(order=_SPELLING_ORDER).fit(list(counts.elements()))
        for word in list(counts):
            if word[0].islower():
                counts.setdefault(word[0].upper() + word[1:], 1)
        self.words_ = list(counts)
        self.counts_ = np.array(list(counts.values()), np.int64)

    def predict(self, X: Any) -> NDArray[Any]:
        """Read, and correct what was read.

        Parameters
        ----------
        X : array-like
            As in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Strings (dtype object), or int64 if `fit` was given integers.
        """
        return object_array(self._predict(X))

    def score(self, X: Any, y: Any) -> float:
        """Compute the character accuracy: 1 - character error rate (micro average); may be below 0.

        Parameters
        ----------
        X : array-like
            As in `fit`.
        y : array-like of str of shape (n_samples,)
            What is written.

        Returns
        -------
        score : float
            1 - character error rate over all of X: 1 is best, and it may be negative.
        """
        truths = check_texts(y, "y")
        corrected = self._predict(X)
        check_consistent_length(corrected, truths)
        truths = as_returned(getattr(self, "recognizer_", None), truths)
        return 1 - character_error_rate(truths, corrected)

    def _predict(self, X: Any) -> list[str]:
        check_is_fitted(self)
        self._validate_params()
        correct = self._corrector()
        if self.recognizer is None:
            return [correct(text, None) for text in check_texts(X)]
        last = self.recognizer_
        last = last[-1] if isinstance(last, Pipeline) else last
        if not hasattr(last, "predict_details"):
            return [correct(str(text), None) for text in self.recognizer_.predict(X)]
        return [
            correct(details["text"], [word["minimum"] for word in details["words"]])
            for details in predict_details(self.recognizer_, X)
        ]

    def _corrector(self) -> Callable[[str, list[float] | None], str]:
        """A function of a text, and of the confidence of each of its words."""
        classes = {c: i for i, c in enumerate(self.alphabet_, 1)}
        log_prob = _log_probs_of_edits(self.confusions_)
        n, n_words = int(self.counts_.sum()), len(self.words_)
        prior = dict(zip(self.words_, np.log(self.counts_ / (n + n_words)).tolist(), strict=True))
        unknown = math.log(n_words / (n + n_words))

        def channel(written: str, read: str) -> float:
            return sum(log_prob[edit] for edit in _edits(written, read, classes))

        def best(word: str) -> str:
            most = min(self.max_edits, len(word) // 2)
            found = process.extract(
                word, self.words_, scorer=Levenshtein.distance, score_cutoff=most, limit=None
            )
            if not found:
                return word
            right = unknown + self.spelling_.log_prob([word])[0] + channel(word, word)
            score, candidate = max((channel(c, word) + prior[c], c) for c, _, _ in found)
            return candidate if score > right + self.min_gain else word

        def correct(text: str, confidence: list[float] | None) -> str:
            parts = re.split(r"(\s+)", text)  # words, and what stands between them
            number = 0
            for i, part in enumerate(parts):
                if not part or part.isspace():
                    continue
                sure = confidence is not None and confidence[number] > self.max_confidence
                number += 1
                core = _CORE.search(part)
                if sure or part in prior or core is None or not any(map(str.isalpha, part)):
                    continue
                if core[1] not in prior:
                    parts[i] = part[: core.start()] + best(core[1]) + part[core.end() :]
            return "".join(parts)

        return correct


def _check_lexicon(lexicon: Sequence[str]) -> list[str]:
    if not len(lexicon):
        raise ValueError(f"lexicon={lexicon!r} is empty; give the words that may be written")
    for i, word in enumerate(lexicon):
        if not isinstance(word, str) or len(word.split()) != 1:
            raise ValueError(f"lexicon[{i}] is {word!r}; it holds words, as str")
    return check_texts(list(lexicon), "lexicon")


def _edits(written: str, read: str, classes: dict[str, int]) -> Edits:
    """Align two texts with the fewest edits, and list pairs of true and recognized character."""
    a, b = ([classes.get(c, _NOTHING) for c in text] for text in (written, read))
    pairs: Edits = []
    for block in Levenshtein.opcodes(written, read):
        left = a[block.src_start : block.src_end] or [_NOTHING] * len(b)
        right = b[block.dest_start : block.dest_end] or [_NOTHING] * len(a)
        pairs += zip(left, right, strict=False)
    return pairs


def _count_edits(truths: list[str], readings: list[str], alphabet: str) -> NDArray[np.int64]:
    classes = {c: i for i, c in enumerate(alphabet, 1)}
    counts = np.zeros((len(alphabet) + 1,) * 2, np.int64)
    for written, read in zip(truths, readings, strict=True):
        for edit in _edits(written, read, classes):
            counts[edit] += 1
        counts[_NOTHING, _NOTHING] += len(written)  # places where something might be inserted
    return counts


def _log_probs_of_edits(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """Estimate log-probabilities of edits; rare characters err like all together."""
    n, same = counts.sum(axis=1), np.diag(counts)
    of_all = np.full_like(counts, 0.0, dtype=np.float64)
    for rows in (slice(0, 1), slice(1, None)):  # what is inserted; what is misread or missed
        error = (n[rows].sum() - same[rows].sum() + 0.5) / (n[rows].sum() + 1)
        of_all[rows] = error / max(len(counts) - 1, 1)
        of_all[rows, rows][np.eye(len(of_all[rows]), dtype=bool)] = 1 - error
    return np.log((counts + _WEIGHT * of_all) / (n + _WEIGHT)[:, np.newaxis])
