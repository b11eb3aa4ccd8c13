"""Write lines so that a reader recognizes every word (`write_lines`)."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from tqdm.auto import tqdm

from hwsk._data.strokes import check_sample
from hwsk.preprocessing import StrokeRasterizer
from hwsk.writing._comparison import count_misread, marks
from hwsk.writing._legibility import Legibility, UnreadWord, report_unread
from hwsk.writing._text import prepare_text
from hwsk.writing._words import Word, cut_words, join_words

Strokes = NDArray[np.float32]
Hand = tuple[Strokes, str]

HEIGHT = 96  # pixels of the images that the reader is given
_BATCH = 64  # lines that are sampled at once
_ALONE = 4  # samples of a word that are drawn at once
_ALONE_ROUNDS = 3
_BIAS_STEP, _MOST_BIAS = 0.25, 2.0  # each round writes more neatly

READING_CONSTRAINTS: dict[str, Any] = {
    "synthesizer": [HasMethods(["sample"])],
    "reader": [HasMethods(["predict"]), None],
    "bias": [Interval(Real, 0, None, closed="left"), None],
    "tolerance": [Interval(Real, 0, 1, closed="left")],
    "tries": [Interval(Integral, 1, None, closed="left")],
    "on_failure": [StrOptions({"error", "warn", "ignore"})],
    "unsupported": [StrOptions({"error", "replace"})],
    "random_state": ["random_state"],
    "verbose": ["boolean"],
}


class WrittenLines(NamedTuple):
    """Lines as strokes, what they say, how they are read, and the `Legibility` of all.

    Without a reader, `readings` and `legibility` are None.
    """

    strokes: list[Strokes]
    texts: list[str]
    readings: list[str] | None
    legibility: Legibility | None


@validate_params(
    {"texts": ["array-like", str], "prime": [list, tuple, None], **READING_CONSTRAINTS},
    prefer_skip_nested_validation=True,
)
def write_lines(
    texts: Sequence[str],
    synthesizer: Any,
    reader: Any,
    *,
    prime: Hand | Sequence[Hand] | None = None,
    bias: float | None = None,
    tolerance: float = 0.0,
    tries: int = 4,
    on_failure: str = "error",
    unsupported: str = "error",
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
) -> WrittenLines:
    """Write lines so that a reader recognizes every word.

    Each line is sampled, drawn and read. Words that are read wrong are sampled again with the whole
    line, more neatly each time; the line is put together from the words that were read right. A
    word that is never read right so is written alone, up to 12 times. Then it is given up.

    Parameters
    ----------
    texts : sequence of str
        A line each.
    synthesizer : HandwritingSynthesizer
        A fitted synthesizer.
    reader : estimator or None
        Recognizes images of lines: its `predict` takes grey images with dark ink and returns
        strings, like ``hwsk.load("models/iam-lines.hwsk")``. None writes each line once and
        checks nothing: text may be lost.
    prime : (strokes, text), or list of such, default=None
        The hand to write in, or one for each text. None: another hand for each.
    bias : float, default=None
        How neatly to write at first, from 0 upwards; None leaves it to the synthesizer.
    tolerance : float, default=0.0
        Share of a word's characters that may be misread, in [0, 1). Larger values take fewer
        tries.
    tries : int, default=4
        How often a whole line is sampled at most. Larger values leave fewer words to be written
        alone.
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

    Returns
    -------
    WrittenLines
        Named tuple of `strokes` (list of float32 ndarray of shape (T, 3)), `texts` (as written),
        `readings` (list of str) and `legibility` (:class:`Legibility`).

    Raises
    ------
    ValueError
        If words can't be recognized (all are quoted), a text is blank or has unknown characters,
        or a prime is not a pair.

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
    >>> synthesizer = hwsk.load("models/synthesizer.hwsk")  # doctest: +SKIP
    >>> reader = hwsk.load("models/iam-lines.hwsk")  # doctest: +SKIP
    >>> written = write_lines(["Dear Ada,"], synthesizer, reader)  # doctest: +SKIP
    >>> written.legibility.first  # doctest: +SKIP
    1.0
    """
    known = check_synthesizer(synthesizer)
    texts = [
        " ".join(prepare_text(text, known, f"text {row}", unsupported).split())
        for row, text in enumerate(check_texts(texts))
    ]
    hands: list[Hand | None]
    if isinstance(prime, list) and not (len(prime) == 2 and isinstance(prime[1], str)):
        if len(prime) != len(texts):
            raise ValueError(f"prime has {len(prime)} hands, texts has {len(texts)} lines")
        hands = [check_hand(hand, known, f"prime {row}") for row, hand in enumerate(prime)]
    else:
        hands = [None if prime is None else check_hand(prime, known, "prime")] * len(texts)
    rng = check_random_state(random_state)
    writer = LineWriter(synthesizer, reader, bias, tolerance, tries, rng)
    written = writer.write(texts, hands, verbose)
    report_unread(written.legibility, on_failure)
    return written


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


def check_hand(hand: Any, known: str, name: str) -> Hand:
    """Return a line of a hand and what it says, in the synthesizer's characters."""
    if not isinstance(hand, (tuple, list)) or len(hand) != 2 or not isinstance(hand[1], str):
        raise ValueError(f"{name} is no pair (strokes, text)")
    strokes, said = check_sample(hand[0], f"strokes of {name}"), " ".join(hand[1].split())
    if not said:
        raise ValueError(f"the text of {name} is blank: give what its strokes say")
    return strokes, prepare_text(said, known, f"the text of {name}", "error")


@dataclass
class _Line:
    """A line that is being written."""

    text: str
    hand: Hand | None
    words: list[str] = field(init=False)
    right: list[Word | None] = field(init=False)  # samples of each word that were read right
    best: list[tuple[int, str, Word] | None] = field(init=False)  # misread, reading, sample
    strokes: Strokes | None = None  # of the whole line, once it is done
    reading: str = ""

    def __post_init__(self) -> None:
        self.words = self.text.split()
        self.right = [None] * len(self.words)
        self.best = [None] * len(self.words)

    def missing(self) -> list[int]:
        """Numbers of the words without a sample that was read right."""
        return [i for i, word in enumerate(self.right) if word is None]


class LineWriter:
    """Sample lines and words until a reader recognizes them.

    Parameters are those of `write_lines`.
    """

    def __init__(
        self,
        synthesizer: Any,
        reader: Any,
        bias: float | None,
        tolerance: float,
        tries: int,
        rng: np.random.RandomState,
    ) -> None:
        self.synthesizer, self.reader = synthesizer, reader
        self.bias, self.tolerance, self.tries, self.rng = bias, tolerance, tries, rng
        self.n_samples = 0
        self._draw = StrokeRasterizer(height=HEIGHT)

    def write(
        self, texts: Sequence[str], hands: Sequence[Hand | None], verbose: bool = False
    ) -> WrittenLines:
        """Write lines, each in its hand; None is a new hand."""
        self.n_samples = 0
        if self.reader is None:
            strokes = [
                sample
                for batch in _batches(list(zip(texts, hands, strict=True)), verbose, "line")
                for sample in self.sample([t for t, _ in batch], [h for _, h in batch], 0)
            ]
            return WrittenLines(strokes, list(texts), None, None)
        lines = [_Line(text, hand) for text, hand in zip(texts, hands, strict=True)]
        n_words = sum(len(line.words) for line in lines)
        n_first = 0
        with tqdm(total=n_words, desc="writing", unit="word", disable=not verbose) as bar:
            for attempt in range(self.tries):
                waiting = [line for line in lines if line.strokes is None]
                for start in range(0, len(waiting), _BATCH):
                    n_right = self._write_whole(waiting[start : start + _BATCH], attempt)
                    n_first += n_right if not attempt else 0
                    bar.n = _count_right(lines)
                    bar.refresh()
            self._write_words([line for line in lines if line.strokes is None], bar, lines)
        unread = tuple(
            UnreadWord(number, line.words[i], best[1])
            for number, line in enumerate(lines)
            for i, best in enumerate(line.best)
            if line.right[i] is None and best is not None
        )
        return WrittenLines(
            [line.strokes for line in lines if line.strokes is not None],
            list(texts),
            [line.reading for line in lines],
            Legibility(n_words, n_first, self.n_samples, unread),
        )

    def _write_whole(self, lines: list[_Line], attempt: int) -> int:
        """Sample lines, and keep the words that are read right; return how many these are."""
        samples = self.sample([x.text for x in lines], [x.hand for x in lines], attempt)
        joined: list[_Line] = []
        n_right = 0
        for line, strokes, reading in zip(lines, samples, self.read(samples), strict=True):
            misread = count_misread(line.words, reading)
            right = [self._is_right(*pair) for pair in zip(line.words, misread, strict=True)]
            n_right += sum(right)
            if all(right):
                self._finish(line, strokes, reading)
                continue
            words = cut_words(strokes, line.words)
            if words is None:
                continue
            for i, word in enumerate(words):
                if right[i] and line.right[i] is None:
                    line.right[i] = word
            if line.hand is None:  # the first sample shows the hand of the others
                line.hand = strokes, line.text
            if not line.missing():
                joined.append(line)
        self._join(joined, final=False)
        return n_right

    def _join(self, lines: list[_Line], *, final: bool) -> None:
        """Put lines together from their words, and read them once more.

        Unless `final`, a word that is read wrong in its place is sampled again.
        """
        if not lines:
            return
        samples = [
            join_words([_chosen(r, b) for r, b in zip(line.right, line.best, strict=True)])
            for line in lines
        ]
        for line, strokes, reading in zip(lines, samples, self.read(samples), strict=True):
            misread = count_misread(line.words, reading)
            wrong = [
                i
                for i, pair in enumerate(zip(line.words, misread, strict=True))
                if not self._is_right(*pair)
            ]
            if final or not wrong:
                line.strokes, line.reading = strokes, reading
            for i in [] if final else wrong:
                line.right[i] = None

    def _finish(self, line: _Line, strokes: Strokes, reading: str) -> None:
        line.strokes, line.reading = strokes, reading
        line.right = [Word([], np.nan, 0.0)] * len(line.words)

    def _write_words(self, lines: list[_Line], bar: Any, all_lines: list[_Line]) -> None:
        """Write the words that are still missing alone, and put their lines together."""
        for attempt in range(_ALONE_ROUNDS):
            missing = [(line, i) for line in lines for i in line.missing()]
            for start in range(0, len(missing), _BATCH // _ALONE):
                self._write_alone(missing[start : start + _BATCH // _ALONE], attempt + 1)
                bar.n = _count_right(all_lines)
                bar.refresh()
        for start in range(0, len(lines), _BATCH):
            self._join(lines[start : start + _BATCH], final=True)

    def _write_alone(self, missing: list[tuple[_Line, int]], attempt: int) -> None:
        repeated = [(line, i) for line, i in missing for _ in range(_ALONE)]
        texts = [line.words[i] for line, i in repeated]
        samples = self.sample(texts, [line.hand for line, _ in repeated], attempt)
        for (line, i), text, strokes, reading in zip(
            repeated, texts, samples, self.read(samples), strict=True
        ):
            (misread,) = count_misread([text], reading)
            best = line.best[i]
            if best is None or misread < best[0]:
                (word,) = cut_words(strokes, [text]) or [None]
                assert word is not None  # a single word needs no gap
                line.best[i] = misread, reading, word
                if self._is_right(text, misread):
                    line.right[i] = word

    def _is_right(self, word: str, misread: int) -> bool:
        return misread <= self.tolerance * len(marks(word))

    def sample(self, texts: list[str], hands: Sequence[Hand | None], attempt: int) -> list[Strokes]:
        """Draw a sample of each text."""
        self.n_samples += len(texts)
        bias = self.bias
        if attempt:
            usual = getattr(self.synthesizer, "bias", None) if bias is None else bias
            if usual is not None:
                bias = max(usual, min(usual + attempt * _BIAS_STEP, _MOST_BIAS))
        seed = self.rng.randint(np.iinfo(np.int32).max)
        result: list[Strokes | None] = [None] * len(texts)
        for free in (True, False):  # `sample` takes a prime for all or for none
            rows = [i for i, hand in enumerate(hands) if (hand is None) == free]
            if not rows:
                continue
            prime = None if free else [hands[i] for i in rows]
            asked = [texts[i] for i in rows]
            with warnings.catch_warnings():
                if self.reader is not None:  # it finds what is missing of a line that was cut
                    warnings.filterwarnings("ignore", ".*lines were cut", UserWarning)
                samples = self.synthesizer.sample(asked, prime=prime, bias=bias, random_state=seed)
            if len(samples) != len(asked):
                raise ValueError(
                    f"the synthesizer gave {len(samples)} samples of {len(asked)} lines"
                )
            for i, sample in zip(rows, samples, strict=True):
                name = f"the strokes that the synthesizer gave of {texts[i]!r}"
                result[i] = check_sample(sample, name)
        return [strokes for strokes in result if strokes is not None]

    def read(self, samples: list[Strokes]) -> list[str]:
        """Draw strokes, and recognize them."""
        with warnings.catch_warnings():  # of doubtful readings: they are compared anyway
            warnings.simplefilter("ignore", UserWarning)
            images = self._draw.fit_transform(samples)
            return [str(text) for text in self.reader.predict(images)]


def _chosen(right: Word | None, best: tuple[int, str, Word] | None) -> Word:
    if right is not None:
        return right
    assert best is not None  # a word that is missing was written alone
    return best[2]


def _count_right(lines: Sequence[_Line]) -> int:
    return sum(len(line.words) - len(line.missing()) for line in lines)


def _batches(items: list[Any], verbose: bool, unit: str) -> Iterator[list[Any]]:
    with tqdm(total=len(items), desc="writing", unit=unit, disable=not verbose) as bar:
        for start in range(0, len(items), _BATCH):
            batch = items[start : start + _BATCH]
            yield batch
            bar.update(len(batch))
