"""Write lines so that a reader recognizes every word (`write_lines`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

from hwsk.writing._hands import Hand, Primes, check_hands
from hwsk.writing._legibility import report_unread
from hwsk.writing._likeness import load_likeness
from hwsk.writing._line_writer import LineWriter, WrittenLines
from hwsk.writing._progress import OnProgress
from hwsk.writing._reader import load_readers
from hwsk.writing._text import prepare_texts

READING_CONSTRAINTS: dict[str, Any] = {
    "synthesizer": [HasMethods(["sample"])],
    "reader": [HasMethods(["predict"]), str, os.PathLike, list, tuple, None],
    "candidates": [Interval(Integral, 1, None, closed="left")],
    "embedder": [HasMethods(["transform"]), str, os.PathLike],
    "bias": [Interval(Real, 0, 100, closed="both"), None],
    "tolerance": [Interval(Real, 0, 1, closed="left")],
    "tries": [Interval(Integral, 1, None, closed="left")],
    "on_failure": [StrOptions({"error", "warn", "ignore"})],
    "unsupported": [StrOptions({"error", "replace"})],
    "random_state": ["random_state"],
    "verbose": ["boolean"],
    "on_progress": [callable, None],
}


@validate_params(
    {"texts": ["array-like", str], "prime": [list, tuple, None], **READING_CONSTRAINTS},
    prefer_skip_nested_validation=True,
)
def write_lines(
    texts: Sequence[str],
    synthesizer: Any,
    reader: Any = ("iam-lines", "ink-lines"),
    *,
    prime: Primes = None,
    style: Any = None,
    candidates: int = 1,
    embedder: Any = "iam-writers",
    bias: float | None = None,
    tolerance: float = 0.0,
    tries: int = 4,
    on_failure: str = "error",
    unsupported: str = "error",
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
    on_progress: OnProgress | None = None,
) -> WrittenLines:
    """Write lines so that a reader recognizes every word.

    Each line is sampled and read. A line with many misread words is sampled again as a whole; few
    words are sampled alone, up to 24 times, more neatly each time, and half of the times in any
    hand, which is more legible than a given one. Capitals, digits and signs that resist are
    written one by one, and drawn in a made hand if the synthesizer does not know them. The line is
    put together from the words that were read right. A word that never is counts as unread, and so
    does one that is left out whole in its line.

    Parameters
    ----------
    texts : sequence of str
        A line each.
    synthesizer : HandwritingSynthesizer
        A fitted synthesizer.
    reader : estimator, str, path, list of these or None, default=("iam-lines", "ink-lines")
        Recognizes lines: its `predict` takes grey images with dark ink, or the strokes if it is an
        :class:`~hwsk.recognition.InkRecognizer`, and returns strings. A string is the name or the
        file of a model, for :func:`hwsk.load`, which is used without its language model. Of
        several, one must read a word right; all must read a word with several capitals, digits or
        signs, unless that is put together from pieces. None writes each line once and checks
        nothing: text may be lost without a word.
    prime : (strokes, text), or list of such, default=None
        The hand to write in, or one for each text. None: another hand for each.
    style : int, array-like of shape (style_units,), or several of either, default=None
        Instead of a prime, for a synthesizer with `style_units`: the number of a hand (a row of its
        `styles_`) or the vector of one, as `encode_style` gives it; or one for each text.
    candidates : int, default=1
        How often a line in a shown hand is sampled before it is read: that sample is taken which
        is most like the prime in the eyes of `embedder`. 8 keep a hand a little better, and take
        eight times as long for whole lines. More than 1 need a prime.
    embedder : estimator, str or path, default="iam-writers"
        Compares the candidates' hands: its `transform` takes grey images of lines, and vectors of
        one writer are close. A string is the name or the file of a model.
    bias : float, default=None
        How neatly to write at first, from 0 upwards; None leaves it to the synthesizer.
    tolerance : float, default=0.0
        Share of a word's characters that may be misread, in [0, 1). Larger values take fewer
        tries.
    tries : int, default=4
        How often a whole line is sampled at most, as long as more than half of its words are
        missing and the last sample had one that was read right. Larger values leave fewer words to
        be written alone.
    on_failure : {"error", "warn", "ignore"}, default="error"
        What happens when words were not recognized in the end. With "warn" and "ignore" the best
        sample is taken; all such words are in `legibility.unread`.
    unsupported : {"error", "replace"}, default="error"
        What happens to characters that the synthesizer has never seen: an error names them, or
        they are replaced, with one warning: "é" by "e", "ß" by "ss". Typographic quotes, dashes
        and dots are written as the plain ones, which are the same marks by hand.
    random_state : int, RandomState instance or None, default=None
        Decides the writing.
    verbose : bool, default=False
        Whether to show a progress bar.
    on_progress : callable, default=None
        Called before each round of samples and at the end, with the number of words that are
        recognized so far, which never falls, that of all words, and a note on the round; without
        a reader, lines are counted. What it raises ends the writing.

    Returns
    -------
    WrittenLines
        Named tuple of `strokes` (list of float32 ndarray of shape (T, 3)), `texts` (as written),
        `readings` (list of str) and `legibility` (:class:`Legibility`).

    Raises
    ------
    ValueError
        If words can't be recognized (all are quoted), a text is blank or has unknown characters,
        a prime is not a pair, the synthesizer knows no such hand, or candidates have no prime
        that they could be compared with.

    Warns
    -----
    UserWarning
        With ``on_failure="warn"``, if words were not recognized; with ``unsupported="replace"``,
        if letters were replaced.

    See Also
    --------
    write : Set a text on sheets of paper.

    Notes
    -----
    A word counts as read right where its marks are. Blanks are not compared: readers trained on
    IAM set punctuation off with blanks. Capitals that differ from their small letter in size alone
    (C K O P S U V W X Z) count as the small letter, 0 as o, 1 and I as l, and a curved quote or a
    long dash as the plain one: as marks of a pen they are the same. All other differences of case
    count, and so does punctuation.

    Examples
    --------
    >>> import hwsk
    >>> from hwsk.writing import write_lines
    >>> synthesizer = hwsk.load("synthesizer")  # doctest: +SKIP
    >>> written = write_lines(["Dear Ada,"], synthesizer)  # doctest: +SKIP
    >>> written.legibility.first  # doctest: +SKIP
    1.0
    """
    lines, hands = prepare_lines(texts, synthesizer, prime, style, unsupported)
    rng = check_random_state(random_state)
    likeness = load_likeness(embedder, candidates, prime is not None)
    writer = LineWriter(synthesizer, load_readers(reader), bias, tolerance, tries, rng, likeness)
    written = writer.write(lines, hands, verbose, on_progress)
    report_unread(written.legibility, on_failure)
    return written


def prepare_lines(
    texts: Any, synthesizer: Any, prime: Any, style: Any, unsupported: str
) -> tuple[list[str], Sequence[Hand | None]]:
    """Bring lines to characters that a synthesizer knows, and give each its hand."""
    known = check_synthesizer(synthesizer)
    lines = check_texts(prepare_texts(check_texts(texts), known, unsupported))
    hands = check_hands(prime, style, synthesizer)
    if not isinstance(hands, list):
        return lines, [hands] * len(lines)
    if len(hands) != len(lines):
        name = "prime" if style is None else "style"
        raise ValueError(f"{name} has {len(hands)} hands, texts has {len(lines)} lines")
    return lines, hands


def check_texts(texts: Any) -> list[str]:
    """Lines of text, none of them blank."""
    if isinstance(texts, str):
        raise ValueError(f"texts is one string ({texts[:40]!r}); put it in a list")
    texts = list(texts)
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {row} is {type(text).__name__}; texts are strings")
        if not text.strip():
            raise ValueError(f"text {row} is blank: there is nothing to write")
    if not texts:
        raise ValueError("texts is empty: there is nothing to write")
    return texts


def check_synthesizer(synthesizer: Any) -> str:
    """Return the characters that a synthesizer knows."""
    if not hasattr(synthesizer, "alphabet_"):
        raise NotFittedError(f"this {type(synthesizer).__name__} is not fitted yet: call fit first")
    known: str = synthesizer.alphabet_
    return known
