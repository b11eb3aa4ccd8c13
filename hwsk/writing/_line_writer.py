"""Sample lines and words until a reader recognizes them (`LineWriter`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from hwsk._data.strokes import check_sample
from hwsk._warn import collect_warnings, warn_caller
from hwsk.writing._comparison import marks
from hwsk.writing._hands import Hand, Strokes
from hwsk.writing._legibility import Legibility, UnreadWord
from hwsk.writing._likeness import Likeness
from hwsk.writing._pieces import compose_words, count_apart
from hwsk.writing._progress import OnProgress, Progress
from hwsk.writing._reader import Readers, Reading
from hwsk.writing._words import Word, cut_words, join_legible, join_words, split_line

_BATCH = 128  # lines that are sampled at once
_FEW = 0.5  # of a line's words: so many are written alone, rather than with the line
_ALONE = 4  # samples of a word that are drawn at once
_ALONE_ROUNDS = 6
_IN_HAND = 3  # of these rounds write in the line's hand, the others in any: that is more legible
_COMPOSED_ROUNDS = 3  # of words put together from pieces
_BIAS_STEP, _MOST_BIAS = 0.25, 2.0  # each round writes more neatly


class Alone(NamedTuple):
    """A word or a piece of one that was written alone."""

    misread: int
    reading: str
    word: Word
    doubted: int = 0  # characters that some reader has wrong

    @property
    def rank(self) -> tuple[int, int]:
        """Of two samples the lower rank is the more legible one."""
        return self.misread, self.doubted


class WrittenLines(NamedTuple):
    """Hold lines as strokes, with what was read of them.

    Parameters
    ----------
    strokes : list of ndarray of shape (T, 3)
        The lines, float32.
    texts : list of str
        What they say.
    readings : list of str or None
        What was recognized of each; None without a reader.
    legibility : Legibility or None
        How many words were recognized; None without a reader.

    Examples
    --------
    >>> import hwsk
    >>> from hwsk.writing import write_lines
    >>> synthesizer = hwsk.load("synthesizer")  # doctest: +SKIP
    >>> write_lines(["one line"], synthesizer).readings  # doctest: +SKIP
    ['one line']
    """

    strokes: list[Strokes]
    texts: list[str]
    readings: list[str] | None
    legibility: Legibility | None


@dataclass
class _Line:
    """A line that is being written."""

    text: str
    hand: Hand | None
    words: list[str] = field(init=False)
    right: list[Word | None] = field(init=False)  # samples of each word that were read right
    best: list[Alone | None] = field(init=False)  # samples of words alone
    is_hopeless: bool = False  # whether its last whole sample had no word that was read right
    strokes: Strokes | None = None  # of the whole line, once it is done
    reading: str = ""

    def __post_init__(self) -> None:
        self.words = split_line(self.text)
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
        readers: Readers | None,
        bias: float | None,
        tolerance: float,
        tries: int,
        rng: np.random.RandomState,
        likeness: Likeness | None = None,
    ) -> None:
        self.synthesizer, self.readers, self.likeness = synthesizer, readers, likeness
        self.bias, self.tolerance, self.tries, self.rng = bias, tolerance, tries, rng
        self.n_samples = 0
        self._n_candidates = likeness.candidates if likeness is not None else 1

    def write(
        self,
        texts: Sequence[str],
        hands: Sequence[Hand | None],
        verbose: bool = False,
        on_progress: OnProgress | None = None,
    ) -> WrittenLines:
        """Write lines, each in its hand; None is a new hand."""
        self.n_samples = 0
        at_once = max(1, _BATCH // self._n_candidates)
        if self.readers is None:
            given = list(zip(texts, hands, strict=True))
            strokes = [
                sample
                for batch in _batches(given, at_once, verbose, on_progress)
                for sample in self.sample_whole([t for t, _ in batch], [h for _, h in batch], 0)
            ]
            return WrittenLines(strokes, list(texts), None, None)
        lines = [_Line(text, hand) for text, hand in zip(texts, hands, strict=True)]
        n_words = sum(len(line.words) for line in lines)
        n_first = 0
        with Progress(n_words, "word", verbose, on_progress) as progress:
            for attempt in range(self.tries):
                waiting = [
                    line
                    for line in lines
                    if line.strokes is None
                    and not line.is_hopeless
                    and (not attempt or len(line.missing()) > _FEW * len(line.words))
                ]
                for start in range(0, len(waiting), at_once):
                    trying = f"try {attempt + 1} of {self.tries} of whole lines"
                    progress.reach(_count_right(lines), trying)
                    n_right = self._write_whole(waiting[start : start + at_once], attempt)
                    n_first += n_right if not attempt else 0
            self._write_words([line for line in lines if line.strokes is None], progress, lines)
            progress.reach(_count_right(lines))
        unread = tuple(
            UnreadWord(number, line.words[i], best.reading)
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
        samples = self.sample_whole([x.text for x in lines], [x.hand for x in lines], attempt)
        joined: list[_Line] = []
        n_right = 0
        for line, strokes, reading in zip(
            lines, samples, self.read(samples, [line.words for line in lines]), strict=True
        ):
            wrong = _wrong(line.words, reading)
            right = [self._is_right(*pair) for pair in zip(line.words, wrong, strict=True)]
            n_right += sum(right)
            line.is_hopeless = not any(right)
            if all(right):
                self._finish(line, strokes, reading.text)
                continue
            words = cut_words(strokes, line.words)
            if words is None:
                continue
            for i, word in enumerate(words):
                if right[i] and line.right[i] is None:
                    line.right[i] = word
            if line.hand is None:  # the first sample shows the hand of the others
                line.hand = join_legible(words, line.words, right) or (strokes, line.text)
            if not line.missing():
                joined.append(line)
        self._join(joined, final=False)
        return n_right

    def _join(self, lines: list[_Line], *, final: bool) -> None:
        """Put lines together from their words, and read them once more.

        A word that is read wrong in its place is sampled again, unless this is `final`: then what
        was read alone is enough, but one that is left out whole counts as unread.
        """
        if not lines:
            return
        for line in lines if final else []:
            for i in line.missing():
                best = line.best[i]
                if best is not None and self._is_right(line.words[i], best.misread):
                    line.right[i] = best.word
        samples = [
            join_words([_chosen(r, b) for r, b in zip(line.right, line.best, strict=True)])
            for line in lines
        ]
        doubtful: list[tuple[_Line, int]] = []
        for line, strokes, reading in zip(
            lines, samples, self.read(samples, [line.words for line in lines]), strict=True
        ):
            wrong = {
                i: misread
                for i, (word, misread) in enumerate(zip(line.words, reading.misread, strict=True))
                if not self._is_right(word, misread)
            }
            if final or not wrong:
                line.strokes, line.reading = strokes, reading.text
            for i, misread in wrong.items():
                word = line.right[i]
                if word is None:
                    continue
                if not final:
                    doubtful.append((line, i))
                elif misread >= len(marks(line.words[i])):
                    line.right[i], line.best[i] = None, Alone(misread, "", word)
        self._read_alone(doubtful)

    def _read_alone(self, doubtful: list[tuple[_Line, int]]) -> None:
        """Read words alone that were read right in a sample and wrong in a line put together.

        The line was maybe cut in a wrong place.
        """
        if not doubtful:
            return
        words = [line.right[i] for line, i in doubtful]
        samples = [join_words([word]) for word in words if word is not None]
        readings = self.read(samples, [[line.words[i]] for line, i in doubtful])
        for (line, i), word, reading in zip(doubtful, words, readings, strict=True):
            assert word is not None
            found = Alone(reading.misread[0], reading.text, word, reading.doubted[0])
            line.right[i], line.best[i] = None, found

    def _finish(self, line: _Line, strokes: Strokes, reading: str) -> None:
        line.strokes, line.reading = strokes, reading
        line.right = [Word([], np.nan, 0.0)] * len(line.words)

    def _write_words(self, lines: list[_Line], progress: Progress, all_lines: list[_Line]) -> None:
        """Write the words that are still missing alone, and put their lines together."""
        for attempt in range(_ALONE_ROUNDS):
            missing = [
                (line, i)
                for line in lines
                for i in line.missing()
                if attempt < _IN_HAND or not count_apart(line.words[i])
            ]
            for start in range(0, len(missing), _BATCH // _ALONE):
                trying = f"try {_ALONE * (attempt + 1)} of {_ALONE * _ALONE_ROUNDS} of words alone"
                progress.reach(_count_right(all_lines), trying)
                self._write_alone(missing[start : start + _BATCH // _ALONE], attempt)
            lines = self._join_whole(lines)
        for attempt in range(_COMPOSED_ROUNDS):
            missing = [
                (line, i) for line in lines for i in line.missing() if count_apart(line.words[i])
            ]
            if missing:
                trying = f"try {attempt + 1} of {_COMPOSED_ROUNDS} of words in pieces"
                progress.reach(_count_right(all_lines), trying)
                self._compose(missing)
            lines = self._join_whole(lines)
        for start in range(0, len(lines), _BATCH):
            self._join(lines[start : start + _BATCH], final=True)

    def _join_whole(self, lines: list[_Line]) -> list[_Line]:
        """Put the lines together of which no word is missing; return those that aren't done."""
        whole = [line for line in lines if not line.missing()]
        for start in range(0, len(whole), _BATCH):
            self._join(whole[start : start + _BATCH], final=False)
        return [line for line in lines if line.strokes is None]

    def _write_alone(self, missing: list[tuple[_Line, int]], attempt: int) -> None:
        texts = [line.words[i] for line, i in missing]
        hands = [line.hand if attempt < _IN_HAND else None for line, _ in missing]
        found = self.sample_alone(texts, hands, attempt % _IN_HAND + 1)
        self._keep(missing, found)

    def _compose(self, missing: list[tuple[_Line, int]]) -> None:
        texts = [line.words[i] for line, i in missing]
        composed = compose_words(texts, [line.hand for line, _ in missing], self)
        strokes = [join_words([word]) for word in composed]
        readings = self.read(strokes, [[text] for text in texts])
        self._keep(
            missing,
            [
                Alone(reading.misread[0], reading.text, word, reading.doubted[0])
                for reading, word in zip(readings, composed, strict=True)
            ],
        )

    def _keep(self, missing: list[tuple[_Line, int]], found: list[Alone]) -> None:
        """Keep what is read no worse than what was found before: it is written more neatly."""
        for (line, i), new in zip(missing, found, strict=True):
            best = line.best[i]
            if best is None or new.rank <= best.rank:
                line.best[i] = new
                if self._is_right(line.words[i], new.misread):
                    line.right[i] = new.word

    def sample_alone(
        self, texts: Sequence[str], hands: Sequence[Hand | None], attempt: int
    ) -> list[Alone]:
        """Sample words a few times each, and return the sample of each that is read best."""
        repeated = [text for text in texts for _ in range(_ALONE)]
        samples = self.sample(repeated, [hand for hand in hands for _ in range(_ALONE)], attempt)
        return [found for found, _ in self.choose(texts, samples)]

    def choose(self, texts: Sequence[str], samples: list[Strokes]) -> list[tuple[Alone, int]]:
        """Read as many samples of each text, and return the one that is read best, and its number.

        Parameters
        ----------
        texts : sequence of str
            Words or pieces of them.
        samples : list of ndarray of shape (T, 3)
            All of the first text, then all of the second one, and so on.

        Returns
        -------
        found : list of (Alone, int)
            One for each text.
        """
        n = len(samples) // max(1, len(texts))
        readings = self.read(samples, [[text] for text in texts for _ in range(n)])
        found = []
        for i, text in enumerate(texts):
            of_text = range(n * i, n * (i + 1))
            ranks = {j: (_wrong([text], readings[j])[0], readings[j].doubted[0]) for j in of_text}
            best = min(of_text, key=ranks.__getitem__)
            words = cut_words(samples[best], [text])
            assert words is not None  # a single word needs no gap
            misread, doubted = ranks[best]
            reading = readings[best]
            is_read = not reading.misread[0]  # by some reader: if that is not enough, by whom not
            shown = reading.doubt if misread and is_read else reading.text
            found.append((Alone(misread, shown, words[0], doubted), best - n * i))
        return found

    def _is_right(self, word: str, misread: int) -> bool:
        return misread <= self.tolerance * len(marks(word))

    def sample_whole(
        self, texts: Sequence[str], hands: Sequence[Hand | None], attempt: int
    ) -> list[Strokes]:
        """Draw a sample of each line, in hands that are shown the one that is most like them."""
        times = [self._n_candidates if isinstance(hand, tuple) else 1 for hand in hands]
        rows = np.repeat(np.arange(len(texts)), times).tolist()
        samples = self.sample([texts[row] for row in rows], [hands[row] for row in rows], attempt)
        if self.likeness is None:
            return samples
        drawn = iter(samples)
        result = [[next(drawn) for _ in range(of_line)] for of_line in times]
        shown = [(i, hand[0]) for i, hand in enumerate(hands) if isinstance(hand, tuple)]
        chosen = self.likeness.choose(
            [sample for i, _ in shown for sample in result[i]], [strokes for _, strokes in shown]
        )
        for (i, _), place in zip(shown, chosen, strict=True):
            result[i] = [result[i][place]]
        return [sample for (sample,) in result]

    def sample(
        self, texts: Sequence[str], hands: Sequence[Hand | None], attempt: int
    ) -> list[Strokes]:
        """Draw a sample of each text."""
        self.n_samples += len(texts)
        bias = self.bias
        if attempt:
            usual = getattr(self.synthesizer, "bias", None) if bias is None else bias
            if usual is not None:
                bias = max(usual, min(usual + attempt * _BIAS_STEP, _MOST_BIAS))
        seed = self.rng.randint(np.iinfo(np.int32).max)
        result: list[Strokes | None] = [None] * len(texts)
        keywords = [_keyword(hand) for hand in hands]
        for keyword in sorted(set(keywords)):  # `sample` takes primes for all or for none
            rows = [i for i, of_hand in enumerate(keywords) if of_hand == keyword]
            given: dict[str, Any] = {keyword: [hands[i] for i in rows]} if keyword else {}
            if self.readers is not None:  # a reader says itself what is missing of a cut line
                given["tries"] = 1
            asked = [texts[i] for i in rows]
            with collect_warnings() as collected:
                samples = self.synthesizer.sample(
                    texts=asked, bias=bias, random_state=seed, **given
                )
            for warning in collected:  # a reader finds what is missing of a line that was cut
                if self.readers is None or "the window did not come" not in str(warning):
                    warn_caller(str(warning), type(warning))
            if len(samples) != len(asked):
                raise ValueError(
                    f"the synthesizer gave {len(samples)} samples of {len(asked)} lines"
                )
            for i, sample in zip(rows, samples, strict=True):
                name = f"the strokes that the synthesizer gave of {texts[i]!r}"
                result[i] = check_sample(sample, name)
        return [strokes for strokes in result if strokes is not None]

    def read(self, samples: list[Strokes], words: Sequence[Sequence[str]]) -> list[Reading]:
        """Recognize strokes, and compare them with the words that they should be."""
        assert self.readers is not None
        return self.readers.read(samples, words)


def _wrong(words: Sequence[str], reading: Reading) -> list[int]:
    """Characters of each word that are read wrong.

    Figures and capitals are put together from pieces if one reader doubts them: what one makes out
    of them, a person may not.
    """
    return [
        doubted if count_apart(word) > 1 else misread
        for word, misread, doubted in zip(words, reading.misread, reading.doubted, strict=True)
    ]


def _keyword(hand: Hand | None) -> str:
    """The parameter of `sample` that takes a hand; none for one that is made up."""
    return "" if hand is None else "prime" if isinstance(hand, tuple) else "style"


def _chosen(right: Word | None, best: Alone | None) -> Word:
    if right is not None:
        return right
    assert best is not None  # a word that is missing was written alone
    return best.word


def _count_right(lines: Sequence[_Line]) -> int:
    return sum(len(line.words) - len(line.missing()) for line in lines)


def _batches(
    items: list[Any], at_once: int, verbose: bool, on_progress: OnProgress | None
) -> Iterator[list[Any]]:
    with Progress(len(items), "line", verbose, on_progress) as progress:
        for start in range(0, len(items), at_once):
            batch = items[start : start + at_once]
            yield batch
            progress.reach(start + len(batch))
