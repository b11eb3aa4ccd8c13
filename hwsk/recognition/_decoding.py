"""Decode time steps to characters: the best path, and `CTCDecoder`."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array
from hwsk._data.texts import base_letter, check_texts
from hwsk._limits import BATCH, whole
from hwsk.metrics import character_error_rate
from hwsk.recognition._alternatives import make_weigher
from hwsk.recognition._details import Details, describe, find_characters
from hwsk.recognition._language import BLANK, CHARACTERS, NO_MODEL, WORDS, Language
from hwsk.recognition._language_model import NgramLanguageModel, symbols_of
from hwsk.recognition._ngrams import START, UNKNOWN, Ngrams
from hwsk.recognition._plain_beam import Factors
from hwsk.recognition._plain_beam import search as search_plainly
from hwsk.recognition._trie import Trie, build_trie

if TYPE_CHECKING:
    from torch import Tensor

Reading = tuple[str, float]
Found = tuple[Sequence[int], Sequence[int], Sequence[int], Sequence[float]]


def greedy_decode(log_probs: Tensor, lengths: Tensor) -> list[NDArray[np.int64]]:
    """Best class of each time step, repeats merged, blanks dropped (best path decoding).

    Parameters
    ----------
    log_probs : Tensor of shape (time, n, n_classes)
        Log-probabilities, or other scores that grow with them.
    lengths : Tensor of shape (n,)
        Time steps of each line.

    Returns
    -------
    classes : list of n ndarray of int64
        Classes read in each line, no blanks among them.
    """
    best = log_probs.detach().argmax(dim=2).cpu().numpy().T
    return [_merge(row[:n]) for row, n in zip(best, lengths.cpu().numpy(), strict=True)]


def _merge(path: NDArray[np.int64]) -> NDArray[np.int64]:
    """Collapse a path through the time steps to its text."""
    return path[(path != BLANK) & (path != np.r_[BLANK, path[:-1]])]


class CTCDecoder(BaseEstimator):
    """Read text from the class probabilities of a network that was trained with CTC.

    As `decoder` of a :class:`CTCRecognizer` it reads the output of its network. Alone, it is fitted
    on what `predict_log_proba` gives: so a search over `lm_weight`, say, runs no network.

    Parameters
    ----------
    alphabet : str, default=None
        Characters of the classes: class 0 is CTC's blank, class i is `alphabet[i - 1]`. `fit` needs
        it; a recognizer gives its own `alphabet_`.
    method : {"beam", "greedy"}, default="beam"
        "beam" looks for the most probable text, all its alignments together, by prefix beam search
        [1]_ [2]_, with the language model if there is one, and among texts whose words are in the
        lexicon if there is one [3]_. With a lexicon, or a language model of words, it needs numba:
        ``pip install 'hwsk[decode]'``. "greedy" reads the best class of each time step, and uses no
        other parameter.
    beam_width : int, default=25
        Prefixes kept after each time step. More take longer, and miss the best text less often.
    language_model : NgramLanguageModel, default=None
        A fitted model of characters, or of words: it is then asked at the end of each word.
    lm_weight : float, default=0.6
        Factor of the language model's log-probability.
    word_bonus : float, default=0.0
        Added for each word, that is, what stands between blanks; above 0 it counters a language
        model's liking for few words.
    lexicon : array-like of str, default=None
        Words that may be written. None allows all. A character that is not a letter and occurs in
        none of them (punctuation, digits, the blank) may stand between words.
    min_probability : float, default=1e-4
        Classes less probable than this at a time step are not read there. Larger values are faster,
        and miss the best text more often. 0 reads all, and so does a lexicon, whose words may need
        classes that are hardly probable.

    Attributes
    ----------
    alphabet_ : str
        Characters of the classes.

    See Also
    --------
    CTCRecognizer : Reads images.
    NgramLanguageModel : Makes language models, and reads ARPA files.

    Notes
    -----
    The beam searches for the text of the highest

        log p(text | line) + lm_weight * log p_lm(text) + word_bonus * words

    with natural logarithms, and the end of the text being part of it for the language model. A
    beam as wide as there are prefixes finds the best text for certain, with `min_probability=0`.

    A letter with an accent that a model of characters does not know has the probability of the
    letter without, so that the image decides between the two. Another unknown character has that of
    "<unk>". An unknown word has that of its spelling, too, so that two words are not less likely
    than the same letters in one:

        p(word | history) = min(1, V p(<unk> | history)) p(spelling)

    Kneser-Ney smoothing, as here and in KenLM [4]_, gives "<unk>" the probability of one of V
    unknown words, as many as there are symbols; V of them have the mass of all unknown words. The
    spelling is by n-grams of the characters of the known words, 5 long, the word's end among them
    [5]_; no character of it, however rare after those before it, is less likely than one drawn
    from all C classes. A blank that no word stands before, as the second of two, ends an unknown
    word of no characters. While a word goes on, the beam holds its spelling against it, be it
    known or not, and takes that back where it ends (look-ahead [6]_). pyctcdecode has a constant
    for this, `unk_score_offset`, whatever the length of the word.

    With a model of words each character of the text, blanks among them, adds

        lm_weight * log(C) / 2

    since a product of probabilities favours short texts: it would drop characters of unknown words.

    References
    ----------
    .. [1] A. Y. Hannun, A. L. Maas, D. Jurafsky, A. Y. Ng, "First-pass large vocabulary continuous
       speech recognition using bi-directional recurrent DNNs", arXiv:1408.2873, 2014.
    .. [2] A. Graves, N. Jaitly, "Towards end-to-end speech recognition with recurrent neural
       networks", ICML 2014.
    .. [3] H. Scheidl, S. Fiel, R. Sablatnig, "Word beam search: a connectionist temporal
       classification decoding algorithm", ICFHR 2018.
    .. [4] K. Heafield, I. Pouzyrevsky, J. H. Clark, P. Koehn, "Scalable modified Kneser-Ney
       language model estimation", ACL 2013.
    .. [5] I. Bazzi, "Modelling out-of-vocabulary words for robust speech recognition", PhD thesis,
       MIT, 2002.
    .. [6] S. Ortmanns, H. Ney, A. Eiden, "Language-model look-ahead for large vocabulary speech
       recognition", ICSLP 1996.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.recognition import CTCDecoder
    >>> line = np.log([[0.6, 0.4], [0.6, 0.4]])  # two time steps; the blank and "a"
    >>> decoder = CTCDecoder("a").fit([line])
    >>> decoder.predict([line])  # "-a", "a-" and "aa": 0.64
    array(['a'], dtype=object)
    >>> decoder.set_params(method="greedy").predict([line])  # blank, blank: 0.36
    array([''], dtype=object)
    """

    alphabet_: str

    _native_data = "posteriors"
    _parameter_constraints: dict[str, list[Any]] = {
        "alphabet": [str, None],
        "method": [StrOptions({"beam", "greedy"})],
        "beam_width": [whole(1, BATCH)],
        "language_model": [NgramLanguageModel, None],
        "lm_weight": [Interval(Real, 0, None, closed="left")],
        "word_bonus": [Interval(Real, None, None, closed="neither")],
        "lexicon": ["array-like", None],
        "min_probability": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(
        self,
        alphabet: str | None = None,
        *,
        method: str = "beam",
        beam_width: int = 25,
        language_model: NgramLanguageModel | None = None,
        lm_weight: float = 0.6,
        word_bonus: float = 0.0,
        lexicon: Sequence[str] | None = None,
        min_probability: float = 1e-4,
    ) -> None:
        self.alphabet = alphabet
        self.method = method
        self.beam_width = beam_width
        self.language_model = language_model
        self.lm_weight = lm_weight
        self.word_bonus = word_bonus
        self.lexicon = lexicon
        self.min_probability = min_probability

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> CTCDecoder:
        """Check the parameters; nothing is learnt.

        All parameters but `alphabet` may be changed afterwards, without another `fit`.

        Parameters
        ----------
        X : array-like of n_samples ndarray of shape (time, n_classes)
            As in `predict`.
        y : array-like of str of shape (n_samples,), default=None
            What is written; only checked.

        Returns
        -------
        self : CTCDecoder
            The decoder.
        """
        lines = _check_lines(X)
        if y is not None:
            check_consistent_length(lines, check_texts(y, "y"))
        if self.alphabet is None:
            raise ValueError(
                "alphabet=None: pass the characters of the classes, such as the recognizer's "
                "alphabet_"
            )
        self._reader(self.alphabet)
        self.alphabet_ = self.alphabet
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Read lines.

        Parameters
        ----------
        X : array-like of n_samples ndarray of shape (time, n_classes)
            A list, an object array or a 3-D array of log-probabilities, as `predict_log_proba` of
            :class:`CTCRecognizer` gives them. What is not normalised is brought to the sum 1 by
            a softmax at each time step.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Strings (dtype object).

        Raises
        ------
        ValueError
            If a line holds NaN, infinity, probabilities or another number of classes, or if
            language model or lexicon can't be used; the message names the row.
        """
        return object_array([readings[0][0] for readings in self._read(X, 1)])

    def predict_n_best(self, X: Any, n_best: int = 5) -> list[list[tuple[str, float]]]:
        """Read lines, with alternatives.

        Parameters
        ----------
        X : array-like of n_samples ndarray of shape (time, n_classes)
            As in `predict`.
        n_best : int, default=5
            Readings wanted of each line.

        Returns
        -------
        readings : list of list of (str, float)
            For each line, texts and scores, the best first; fewer than `n_best` where the beam ends
            with fewer, and one if `method` is "greedy". The score is that of the notes of
            :class:`CTCDecoder`, of the alignments that the beam has kept; of "greedy", the
            log-probability of the one alignment. -inf marks a line in which the search found no
            text of words of the lexicon: it is cut back to the last whole word.
        """
        check_scalar(n_best, "n_best", Integral, min_val=1)
        return list(self._read(X, n_best))

    def predict_details(self, X: Any) -> list[Details]:
        """Read lines, and say where each character and word stands and how sure it is.

        Parameters
        ----------
        X : array-like of n_samples ndarray of shape (time, n_classes)
            As in `predict`.

        Returns
        -------
        details : list of dict
            As :meth:`CTCRecognizer.predict_details` gives them, but `start` and `stop` are time
            steps.
        """
        check_is_fitted(self)
        weigh = make_weigher(self, self.alphabet_)
        return [
            describe(text, weigh(find_characters(line, text, self.alphabet_)), len(line))
            for line, ((text, _), *_) in self._read_lines(X, 1)
        ]

    def score(self, X: Any, y: Any) -> float:
        """Compute the character accuracy: 1 - character error rate (micro average); may be below 0.

        Parameters
        ----------
        X : array-like of n_samples ndarray of shape (time, n_classes)
            As in `predict`.
        y : array-like of str of shape (n_samples,)
            What is written.

        Returns
        -------
        score : float
            1 - character error rate over all of X: 1 is best, and it may be negative.
        """
        texts = check_texts(y, "y")
        read = [readings[0][0] for readings in self._read(X, 1)]
        check_consistent_length(read, texts)
        return 1 - character_error_rate(texts, read)

    def _read(self, X: Any, n_best: int) -> Iterator[list[Reading]]:
        return (readings for _, readings in self._read_lines(X, n_best))

    def _read_lines(
        self, X: Any, n_best: int
    ) -> Iterator[tuple[NDArray[np.float64], list[Reading]]]:
        """The log-probabilities of each line, and its readings."""
        check_is_fitted(self)
        lines = _check_lines(X)
        read = self._reader(self.alphabet_)
        for row, line in enumerate(lines):
            checked = _check_line(line, row, len(self.alphabet_) + 1)
            yield checked, read(checked, n_best)

    def _reader(self, alphabet: str) -> Callable[[NDArray[np.float64], int], list[Reading]]:
        """A function that reads the log-probabilities of one line."""
        self._validate_params()
        if self.alphabet not in (None, alphabet):
            raise ValueError(
                f"the decoder's alphabet is {self.alphabet!r}, and that of the classes is "
                f"{alphabet!r}; leave it out (alphabet=None) in a recognizer"
            )
        twice = {c for c in alphabet if alphabet.count(c) > 1}
        if twice:
            raise ValueError(f"alphabet holds {min(twice)!r} more than once")
        if self.method == "greedy":
            return lambda line, n_best: [_read_greedily(line, alphabet)]
        language = self._language(alphabet)
        search = _searcher(language, self.beam_width)
        all_count = self.min_probability == 0 or language.constrained
        least = -math.inf if all_count else math.log(self.min_probability)

        def read(line: NDArray[np.float64], n_best: int) -> list[Reading]:
            if np.isnan(line).any():
                raise ValueError("the log-probabilities of a line hold NaN")
            likely = (line >= least) | (line == line.max(axis=1, keepdims=True))
            parent, last, beam, scores = search(np.where(likely, line, -np.inf))
            readings = []
            for prefix, score in zip(beam[:n_best], scores, strict=False):
                text = ""
                while prefix:
                    text = alphabet[last[prefix] - 1] + text
                    prefix = parent[prefix]
                readings.append((text, score))
            return readings

        return read

    def _language(self, alphabet: str) -> Language:
        """Express the language model in terms of the network's classes, for the search."""
        classes = {character: i for i, character in enumerate(alphabet, 1)}
        symbols = np.zeros(len(alphabet) + 1, np.int32)
        vocabulary, unit, n_unknown = _EMPTY, NO_MODEL, 0.0
        ngrams = spelling = _NO_NGRAMS
        model = self.language_model
        if model is not None:
            ngrams, of_characters = model._checked_ngrams(), model
            if model.unit == "word":
                unit = WORDS
                words = model.symbols_[3:]
                vocabulary = _words(words, classes, 3, "language model")
                of_characters = NgramLanguageModel(_SPELLING_ORDER).fit(words)
                spelling = of_characters._checked_ngrams()
                # Kneser-Ney shares the mass of all unknown words among as many as there are known.
                n_unknown = math.log10(len(model.symbols_) - 1)
            numbers = {symbol: i for i, symbol in enumerate(of_characters.symbols_)}
            symbols[1:] = [_number_of(symbols_of(c, "char")[0], numbers) for c in alphabet]
            if model.unit == "char":
                unit = CHARACTERS
                if not symbols.any():
                    raise ValueError(
                        f"the language model knows none of the alphabet's characters {alphabet!r}; "
                        f"it was fitted on {''.join(model.symbols_[3:])!r:.60}"
                    )
        lexicon, free = _EMPTY, np.ones(len(alphabet) + 1, bool)
        if self.lexicon is not None:
            lexicon, free = _check_lexicon(self.lexicon, classes)
        return Language(
            unit,
            ngrams,
            START + 1,
            symbols,
            vocabulary,
            spelling,
            n_unknown,
            -math.log10(len(alphabet) + 1),
            _REFUND * math.log(len(alphabet) + 1) * self.lm_weight if unit == WORDS else 0.0,
            float(self.lm_weight) * math.log(10),
            float(self.word_bonus),
            classes.get(" ", -1),
            self.lexicon is not None,
            lexicon,
            free,
        )


def _number_of(character: str, numbers: dict[str, int]) -> int:
    """The symbol of a character; of one with an accent that no text had, that of its letter."""
    return numbers.get(character, numbers.get(base_letter(character), UNKNOWN))


def _searcher(language: Language, beam_width: int) -> Callable[[NDArray[np.float64]], Found]:
    """A function that searches the best texts of one line."""
    if language.unit != WORDS and not language.constrained:
        factors = None
        if language.unit == CHARACTERS:
            factors = Factors(language.ngrams, language.lm_weight)
        return lambda line: search_plainly(line, language, factors, beam_width)
    try:
        from hwsk.recognition import _beam
    except ImportError as error:
        raise ImportError(
            "the beam search of CTCDecoder with a lexicon or a language model of words needs numba "
            f"({error}): pip install 'hwsk[decode]' (a language model of characters does without)"
        ) from error

    def search(line: NDArray[np.float64]) -> Found:
        parent, last, beam, scores = _beam.search(line, language, beam_width)
        return parent, last, beam, scores.tolist()

    return search


_EMPTY = build_trie([], [])
_SPELLING_ORDER = 5
_REFUND = 0.5  # chosen on validation lines of IAM: less drops characters, more inserts them
_NO_NGRAMS = Ngrams(*(np.zeros(1, t) for t in ("i4", "i4", "i4", "f4", "f4")))


def _check_lexicon(
    lexicon: Sequence[str], classes: dict[str, int]
) -> tuple[Trie, NDArray[np.bool_]]:
    """The words that may be read, and which classes may stand between them."""
    if not len(lexicon):
        raise ValueError("lexicon holds no word; lexicon=None allows all words")
    words = []
    for i, word in enumerate(lexicon):
        if not isinstance(word, str) or not word:
            raise ValueError(f"lexicon[{i}] is {word!r}; it holds words, as str")
        words.append(unicodedata.normalize("NFC", word))
    inside = {character for word in words for character in word}
    free = [c not in inside and unicodedata.category(c)[0] not in "LM" for c in classes]
    return _words(words, classes, None, "lexicon"), np.array([False, *free])


def _words(words: list[str], classes: dict[str, int], first: int | None, what: str) -> Trie:
    """Words that the alphabet can write, with 1 at their ends, or numbers from `first` on."""
    kept = [i for i, word in enumerate(words) if all(c in classes for c in word)]
    if not kept:
        raise ValueError(
            f"no word of the {what} can be written in the alphabet {''.join(classes)!r}; the words "
            f"are {words[:3]!r:.60} ..."
        )
    values = [1 if first is None else first + i for i in kept]
    return build_trie([[classes[c] for c in words[i]] for i in kept], values)


def _read_greedily(line: NDArray[np.float64], alphabet: str) -> Reading:
    path = line.argmax(axis=1)
    text = "".join(alphabet[i - 1] for i in _merge(path))
    return text, float(line.max(axis=1).sum())


def _check_lines(X: Any) -> Any:
    """Lines that are not yet looked at."""
    if not hasattr(X, "__len__") or isinstance(X, (str, bytes, Mapping)) or hasattr(X, "toarray"):
        raise ValueError(f"X is {type(X).__name__}; pass a list of arrays (time, n_classes)")
    if not len(X):
        raise ValueError("X holds no line; give 1 or more")
    return X


def _check_line(line: Any, row: int, n_classes: int) -> NDArray[np.float64]:
    """Normalised log-probabilities of one line."""
    array = np.asarray(line)
    if array.ndim != 2 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"X[{row}] has shape {array.shape} and dtype {array.dtype}; a line is an array of "
            "numbers of shape (time, n_classes), and one line is passed as [line]"
        )
    array = array.astype(np.float64)
    if array.shape[1] != n_classes:
        raise ValueError(
            f"X[{row}] has {array.shape[1]} classes; the blank and the {n_classes - 1} characters "
            f"of the alphabet make {n_classes}"
        )
    for what, bad in (
        ("NaN", np.isnan(array).any(axis=1)),
        ("infinity", (array == np.inf).any(axis=1)),
        ("no class with a probability above 0", (array == -np.inf).all(axis=1)),
    ):
        if bad.any():
            raise ValueError(f"X[{row}] has {what} at time step {np.argmax(bad)}")
    if len(array) and array.min() >= 0 and np.allclose(array.sum(axis=1), 1, atol=1e-3):
        raise ValueError(f"X[{row}] holds probabilities; pass their logarithms: np.log(X[{row}])")
    return log_softmax(array, axis=1)
