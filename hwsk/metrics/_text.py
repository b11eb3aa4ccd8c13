"""Evaluate recognized text: error rates, and alignments of characters.

Every metric is made of four sums over lines: edits, matches, and the lengths of references and
predictions. `_counts` aligns each line once, `_METRICS` says which tokens a metric aligns and what
it makes of the sums; weights, the micro average and the bootstrap are written once for all.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from rapidfuzz.distance import Levenshtein
from sklearn.utils import check_random_state
from sklearn.utils.validation import _check_sample_weight, check_consistent_length

__all__ = [
    "bootstrap_interval",
    "character_accuracy",
    "character_error_rate",
    "character_f1",
    "character_precision",
    "character_recall",
    "word_error_rate",
]

Form = Literal["NFC", "NFD", "NFKC", "NFKD"]
Normalize = Form | Callable[[str], str]
Tokenizer = Literal["whitespace", "punctuation"] | Callable[[str], Sequence[str]]


def character_error_rate(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalize: Normalize = "NFC",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the character error rate: edits of all lines over their reference characters.

    Edits are the fewest insertions, deletions and substitutions of characters that turn a
    prediction into its reference [1]_. The average is micro: a long line counts for more than a
    short one. It can exceed 1, when more is inserted than there is to read.

    Parameters
    ----------
    y_true : array-like of str or int of shape (n_lines,)
        The references. Integers are read as their digits.
    y_pred : array-like of str or int of shape (n_lines,)
        The predictions.
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or callable, default="NFC"
        What is done to both sides first: a Unicode normal form, or a function of a string, such as
        `str.casefold`, whose result is brought into NFC.
    sample_weight : array-like of shape (n_lines,), default=None
        A weight for the edits and the characters of each line.

    Returns
    -------
    float
        The error rate, 0 at best.

    See Also
    --------
    word_error_rate : The same over words.
    character_accuracy : One minus this.
    bootstrap_interval : How far to trust the figure.

    Notes
    -----
    A character is a Unicode code point after normalisation; spaces count, at the ends too. What is
    predicted for an empty reference counts as insertions. When all references are empty, the
    edits are divided by 1, as jiwer does: 0 if all predictions are empty too.

    References
    ----------
    .. [1] V. I. Levenshtein, "Binary codes capable of correcting deletions, insertions, and
       reversals", Soviet Physics Doklady, 10(8), 1966, pp. 707-710.

    Examples
    --------
    >>> from hwsk.metrics import character_error_rate
    >>> character_error_rate(["a quick", "fox"], ["a quack", "fax"])
    0.2
    """
    return _score(character_error_rate, y_true, y_pred, sample_weight, normalize=normalize)


def word_error_rate(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    tokenizer: Tokenizer = "whitespace",
    normalize: Normalize = "NFC",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the word error rate: edits of words over reference words, all lines together.

    Parameters
    ----------
    y_true : array-like of str or int of shape (n_lines,)
        The references.
    y_pred : array-like of str or int of shape (n_lines,)
        The predictions.
    tokenizer : {"whitespace", "punctuation"} or callable, default="whitespace"
        What a word is. "whitespace": what stands between white space, punctuation included.
        "punctuation": the same, and each punctuation mark or symbol is a word of its own (so
        "don't" is three). A callable takes a string and returns its words.
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or callable, default="NFC"
        What is done to both sides first; see `character_error_rate`.
    sample_weight : array-like of shape (n_lines,), default=None
        A weight for the edits and the words of each line.

    Returns
    -------
    float
        The error rate, 0 at best; it can exceed 1.

    See Also
    --------
    character_error_rate : The same over characters; empty references count as there.

    Examples
    --------
    >>> from hwsk.metrics import word_error_rate
    >>> word_error_rate(["To be, or not"], ["To be. or not"])
    0.25
    >>> word_error_rate(["To be, or not"], ["To be. or not"], tokenizer="punctuation")
    0.2
    """
    return _score(
        word_error_rate, y_true, y_pred, sample_weight, normalize=normalize, tokenizer=tokenizer
    )


def character_accuracy(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalize: Normalize = "NFC",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the character accuracy: one minus the character error rate.

    This is the accuracy of the ISRI tests [1]_, `(n - edits) / n`; insertions count against it, so
    that it falls below 0 when more is inserted than there is to read.

    Parameters
    ----------
    y_true : array-like of str or int of shape (n_lines,)
        The references.
    y_pred : array-like of str or int of shape (n_lines,)
        The predictions.
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or callable, default="NFC"
        What is done to both sides first; see `character_error_rate`.
    sample_weight : array-like of shape (n_lines,), default=None
        A weight for each line.

    Returns
    -------
    float
        The accuracy, 1 at best.

    See Also
    --------
    character_recall : The share of the reference that was read, whatever was inserted.

    References
    ----------
    .. [1] S. V. Rice, F. R. Jenkins, T. A. Nartker, "The Fifth Annual Test of OCR Accuracy",
       Information Science Research Institute, TR-96-01, 1996.

    Examples
    --------
    >>> from hwsk.metrics import character_accuracy
    >>> character_accuracy(["a quick", "fox"], ["a quack", "fax"])
    0.8
    """
    return _score(character_accuracy, y_true, y_pred, sample_weight, normalize=normalize)


def character_precision(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalize: Normalize = "NFC",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the share of the predicted characters that an alignment matches.

    Parameters
    ----------
    y_true : array-like of str or int of shape (n_lines,)
        The references.
    y_pred : array-like of str or int of shape (n_lines,)
        The predictions.
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or callable, default="NFC"
        What is done to both sides first; see `character_error_rate`.
    sample_weight : array-like of shape (n_lines,), default=None
        A weight for each line.

    Returns
    -------
    float
        Precision, 0 to 1. Where nothing was predicted: 1 if there was nothing to read, else 0.

    See Also
    --------
    character_recall : The share of the reference that is matched.
    character_f1 : Both in one figure.

    Notes
    -----
    Alignments with the fewest edits differ in how many characters they match ("ab" read as "ba"
    is two substitutions, or one insertion and one deletion). Of those, the ones with the most
    matches count, which makes the figure unique.

    Examples
    --------
    >>> from hwsk.metrics import character_precision
    >>> character_precision(["tree"], ["three"])
    0.8
    """
    return _score(character_precision, y_true, y_pred, sample_weight, normalize=normalize)


def character_recall(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalize: Normalize = "NFC",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the share of the reference characters that an alignment matches.

    Parameters
    ----------
    y_true : array-like of str or int of shape (n_lines,)
        The references.
    y_pred : array-like of str or int of shape (n_lines,)
        The predictions.
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or callable, default="NFC"
        What is done to both sides first; see `character_error_rate`.
    sample_weight : array-like of shape (n_lines,), default=None
        A weight for each line.

    Returns
    -------
    float
        Recall, 0 to 1. Where there is nothing to read: 1 if nothing was predicted, else 0.

    See Also
    --------
    character_precision : The share of the prediction; its notes say which alignment counts.

    Examples
    --------
    >>> from hwsk.metrics import character_recall
    >>> character_recall(["three"], ["tree"])
    0.8
    """
    return _score(character_recall, y_true, y_pred, sample_weight, normalize=normalize)


def character_f1(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    normalize: Normalize = "NFC",
    sample_weight: ArrayLike | None = None,
) -> float:
    """Compute the harmonic mean of character precision and recall.

    Parameters
    ----------
    y_true : array-like of str or int of shape (n_lines,)
        The references.
    y_pred : array-like of str or int of shape (n_lines,)
        The predictions.
    normalize : {"NFC", "NFD", "NFKC", "NFKD"} or callable, default="NFC"
        What is done to both sides first; see `character_error_rate`.
    sample_weight : array-like of shape (n_lines,), default=None
        A weight for each line.

    Returns
    -------
    float
        F1, 0 to 1: twice the matched characters over all characters of both sides. 1 where both
        sides are empty.

    See Also
    --------
    character_precision : The share of the prediction; its notes say which alignment counts.
    character_recall : The share of the reference.

    Examples
    --------
    >>> from hwsk.metrics import character_f1
    >>> character_f1(["abcd"], ["abcdef"])
    0.8
    """
    return _score(character_f1, y_true, y_pred, sample_weight, normalize=normalize)


def bootstrap_interval(
    metric: Callable[..., float],
    y_true: ArrayLike,
    y_pred: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    n_resamples: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[float, float]:
    """Compute a percentile bootstrap interval of a metric, over `groups` where given.

    Lines of one writer are alike, so an interval that draws lines is too narrow for a claim about
    other writers: pass the writers as `groups`, and whole writers are drawn, with replacement
    [1]_.

    Parameters
    ----------
    metric : callable
        `metric(y_true, y_pred) -> float`. The metrics of this module, and `functools.partial` of
        them, are quick: each line is aligned once.
    y_true : array-like of shape (n_lines,)
        The references.
    y_pred : array-like of shape (n_lines,)
        The predictions.
    groups : array-like of shape (n_lines,), default=None
        What is drawn together, as a rule the writer. None draws single lines.
    n_resamples : int, default=1000
        Number of draws.
    confidence_level : float, default=0.95
        Share of the draws inside the interval.
    random_state : int, RandomState instance or None, default=None
        Decides the draws.

    Returns
    -------
    low, high : float
        Ends of the interval.

    References
    ----------
    .. [1] M. Bisani, H. Ney, "Bootstrap estimates for confidence intervals in ASR performance
       evaluation", ICASSP 2004.

    Examples
    --------
    >>> from hwsk.metrics import bootstrap_interval, character_error_rate
    >>> y_true, y_pred = ["one", "two", "six", "ten"], ["one", "twa", "six", "tan"]
    >>> low, high = bootstrap_interval(
    ...     character_error_rate, y_true, y_pred, groups=["A", "A", "B", "B"], random_state=0
    ... )
    >>> round(low, 3), round(high, 3)
    (0.167, 0.167)
    """
    if n_resamples < 1:
        raise ValueError(f"n_resamples is {n_resamples}; it must be at least 1")
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level is {confidence_level}; it must lie between 0 and 1")
    truth, guess = list(cast(Iterable[Any], y_true)), list(cast(Iterable[Any], y_pred))
    labels = np.arange(len(truth)) if groups is None else np.asarray(groups)
    check_consistent_length(truth, guess, labels)
    names, member = np.unique(labels, return_inverse=True)
    draws = check_random_state(random_state).randint(len(names), size=(n_resamples, len(names)))

    options = metric.keywords if isinstance(metric, partial) else {}
    function = metric.func if isinstance(metric, partial) else metric
    if function in _METRICS and not options.keys() - {"normalize", "tokenizer"}:
        sums = np.zeros((len(names), 4))
        np.add.at(sums, member, _counts(function, truth, guess, **options))
        values = [_METRICS[function][1](*sums[draw].sum(axis=0)) for draw in draws]
    else:
        rows = [np.flatnonzero(member == i) for i in range(len(names))]
        values = []
        for draw in draws:
            drawn = np.concatenate([rows[i] for i in draw])
            values.append(metric([truth[i] for i in drawn], [guess[i] for i in drawn]))
    tail = (1 - confidence_level) / 2
    low, high = np.quantile(values, [tail, 1 - tail])
    return float(low), float(high)


def line_counts(
    metric: Callable[..., float], y_true: Any, y_pred: Any
) -> tuple[NDArray[np.float64], Callable[..., float]]:
    """The sums of each line, (n_lines, 4), and the function that makes the metric of them."""
    if metric not in _METRICS:
        names = ", ".join(known.__name__ for known in _METRICS)
        raise ValueError(f"metric is {metric!r}; it must be one of {names} of hwsk.metrics")
    return _counts(metric, y_true, y_pred), _METRICS[metric][1]


def _score(
    metric: Callable[..., float], y_true: Any, y_pred: Any, sample_weight: Any, **options: Any
) -> float:
    counts = _counts(metric, y_true, y_pred, **options)
    weight = _check_sample_weight(sample_weight, counts, dtype=np.float64, ensure_non_negative=True)
    return float(_METRICS[metric][1](*(weight @ counts)))


def _counts(
    metric: Callable[..., float],
    y_true: Any,
    y_pred: Any,
    *,
    normalize: Normalize = "NFC",
    tokenizer: Tokenizer | None = None,
) -> NDArray[np.float64]:
    """Edits, matches, reference length and predicted length of each line: (n_lines, 4)."""
    clean = _normalizer(normalize)
    split = _tokenizer(_METRICS[metric][0] if tokenizer is None else tokenizer)
    truth, guess = check_lines(y_true, y_pred)
    return np.array(
        [_align(split(clean(a)), split(clean(b))) for a, b in zip(truth, guess, strict=True)],
        np.float64,
    )


def check_lines(y_true: Any, y_pred: Any) -> tuple[list[str], list[str]]:
    """References and predictions as strings, as many of each."""
    truth, guess = _texts(y_true, "y_true"), _texts(y_pred, "y_pred")
    if len(truth) != len(guess):
        raise ValueError(
            f"y_true has {len(truth)} lines and y_pred has {len(guess)}: one prediction a reference"
        )
    if not truth:
        raise ValueError("y_true and y_pred are empty: there is no line to score")
    return truth, guess


def _align(true: Sequence[Any], pred: Sequence[Any]) -> tuple[int, int, int, int]:
    """Count an alignment with the fewest edits and, among those, the fewest substitutions.

    A substitution costs one more than `unit`, and there are fewer than `unit` of them: so one
    distance says both how many edits and how many of them substitute.
    """
    n, m = len(true), len(pred)
    unit = min(n, m) + 1
    edits, substitutions = divmod(
        Levenshtein.distance(pred, true, weights=(unit, unit, unit + 1)), unit
    )
    deletions = (edits - substitutions + n - m) // 2  # of the reference: n - m more than inserted
    return edits, n - substitutions - deletions, n, m


def _error_rate(edits: float, matches: float, n_true: float, n_pred: float) -> float:
    return edits / (n_true or 1.0)


def _accuracy(edits: float, matches: float, n_true: float, n_pred: float) -> float:
    return 1.0 - edits / (n_true or 1.0)


def _precision(edits: float, matches: float, n_true: float, n_pred: float) -> float:
    return matches / n_pred if n_pred else float(not n_true)


def _recall(edits: float, matches: float, n_true: float, n_pred: float) -> float:
    return matches / n_true if n_true else float(not n_pred)


def _f1(edits: float, matches: float, n_true: float, n_pred: float) -> float:
    return 2 * matches / (n_true + n_pred) if n_true + n_pred else 1.0


_METRICS: dict[Callable[..., float], tuple[Tokenizer, Callable[..., float]]] = {
    character_error_rate: (list, _error_rate),
    word_error_rate: ("whitespace", _error_rate),
    character_accuracy: (list, _accuracy),
    character_precision: (list, _precision),
    character_recall: (list, _recall),
    character_f1: (list, _f1),
}


def _texts(y: Any, name: str) -> list[str]:
    """Strings of an array-like of strings or integers."""
    if isinstance(y, (str, bytes)):
        raise ValueError(f"{name} is one string, {y!r}; pass a list of lines")
    if np.ndim(y) == 2 and hasattr(y, "shape") and y.shape[1] == 1:
        y = np.ravel(y)
    texts = []
    for i, text in enumerate(y):
        if isinstance(text, str):
            texts.append(text)
        elif isinstance(text, (int, np.integer)) and not isinstance(text, (bool, np.bool_)):
            texts.append(str(int(text)))
        else:
            raise ValueError(
                f"{name}[{i}] is {text!r} ({type(text).__name__}); a line is a str, or an int read "
                "as its digits"
            )
    return texts


def _normalizer(normalize: Normalize) -> Callable[[str], str]:
    if callable(normalize):
        return lambda text: unicodedata.normalize("NFC", normalize(text))
    if normalize not in ("NFC", "NFD", "NFKC", "NFKD"):
        raise ValueError(
            f"normalize is {normalize!r}; it is 'NFC', 'NFD', 'NFKC', 'NFKD' or a function of a str"
        )
    return partial(unicodedata.normalize, normalize)


def _tokenizer(tokenizer: Tokenizer) -> Callable[[str], Sequence[str]]:
    if callable(tokenizer):
        return tokenizer
    if tokenizer == "whitespace":
        return str.split
    if tokenizer == "punctuation":
        return _split_punctuation
    raise ValueError(
        f"tokenizer is {tokenizer!r}; it is 'whitespace', 'punctuation' or a function of a str"
    )


def _split_punctuation(text: str) -> list[str]:
    apart = (f" {c} " if unicodedata.category(c)[0] in "PS" else c for c in text)
    return "".join(apart).split()
