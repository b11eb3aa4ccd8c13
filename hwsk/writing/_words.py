"""Cut lines of strokes into words, and put lines together from words."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk._data.text_line import fit_text_line, split_strokes

Points = NDArray[np.float64]

_USUAL_GAP = 1.6  # x-heights between two words; three of four gaps of IAM-OnDB are wider
_INSIDE = 0.45  # of the gap between words: of 20 words of IAM-OnDB one has a wider gap inside
_WIDEST = 6.0  # x-heights; a wider gap is a slip of the pen
_RESIZED = 0.4, 2.5  # how far a word is brought to the size of the others
_LETTER_GAP = 0.35  # x-heights between two letters that are not joined
_SMALL_SIGNS = "'.,;-"  # they stay with the piece before them
# Times the usual width of a character: such a word was cut in a wrong place.
_UNEVEN = 4.0
_SURE, _UNEVEN_SURE = 3, 2.5  # with so many characters widths differ less
_LEAST, _SMALL = 0.5, 0.65  # of the line's x-height: figures that are too small
_MISFIT = 0.8  # of the line's x-height: where words are smaller, it is the height of capitals

# What ink reaches above and below the baseline, in x-heights: medians of words of IAM-OnDB.
_LOW = set("acemnorsuvwxz")
_TOP_LOW, _TOP = 1.2, 2.2
_BOTTOMS = {
    **dict.fromkeys("gjpqyç", 1.5),
    **dict.fromkeys(",;", 0.9),
    **dict.fromkeys("()/[]|", 0.4),
}
_BOTTOM = 0.2
# Signs whose ink does not say how large the writing is: the middle of it above the baseline.
_MIDDLES = {
    ".": 0.0,
    ",": -0.4,
    "-": 0.6,
    "'": 1.8,
    '"': 1.8,
    ":": 0.5,
    ";": 0.3,
    "=": 0.6,
    "+": 0.6,
    "~": 0.6,
    "*": 1.4,
}
_DEPENDENT = set(",.;:!?'")  # alone they can be any of them, a stroke or a dot
_ENOUGH = 4  # small letters; more say themselves where the line is
_SHOWN = 4, 24  # characters that show a hand: at least, and at most but for the last word


class Word(NamedTuple):
    """The strokes of a word: x from its left edge, y from the baseline."""

    strokes: list[Points]
    gap: float  # to the word before it; NaN for the first
    x_height: float  # 0 where its ink does not say it
    middle: float = 0.0  # in x-heights: where the sign stands, if its own baseline is unknown
    has_blank: bool = False  # before a sign that is set apart

    @property
    def width(self) -> float:
        """Width of its ink."""
        return max(float(stroke[:, 0].max()) for stroke in self.strokes)


def cut_words(strokes: NDArray[np.float32], texts: Sequence[str]) -> list[Word] | None:
    """Cut a line where the gaps between its strokes are widest.

    Parameters
    ----------
    strokes : ndarray of shape (T, 3)
        A line.
    texts : sequence of str
        Its words.

    Returns
    -------
    words : list of Word or None
        None where the strokes have fewer gaps than the line has, or widths and texts disagree.
    """
    polylines = split_strokes(strokes)
    if len(texts) == 1 and sum(map(str.islower, texts[0])) < _ENOUGH:
        return [_fit_word(polylines, texts[0])]
    baseline, x_height = fit_text_line(polylines)
    ends = np.cumsum([len(line) for line in polylines])[:-1]
    level = [
        line - np.column_stack([np.zeros(len(line)), of_line])
        for line, of_line in zip(polylines, np.split(baseline, ends), strict=True)
    ]
    order, gaps = _gaps_inside(level)
    n = len(texts)
    if n > 1 and (len(gaps) < n - 1 or np.sort(gaps)[1 - n] <= 0):
        return None
    widest = np.sort(np.argsort(-gaps, kind="stable")[: n - 1]) + 1
    words = []
    for part in np.split(order, widest):
        own = [level[i] for i in sorted(part)]  # in the order of writing
        left = min(float(line[:, 0].min()) for line in own)
        words.append(Word([line - [left, 0] for line in own], np.nan, x_height))
    gaps_before = [np.nan, *(float(gaps[i - 1]) for i in widest)]
    share = _share_of_fit(words, texts)
    words = [word._replace(x_height=word.x_height * share) for word in words]
    words = [
        word._replace(gap=gap, x_height=word.x_height * _shrunk(word, text), has_blank=" " in text)
        for word, gap, text in zip(words, gaps_before, texts, strict=True)
    ]
    widths = np.array([word.width / len(text) for word, text in zip(words, texts, strict=True)])
    uneven = np.abs(np.log(np.maximum(widths, 1e-9) / np.median(widths)))
    limits = [_UNEVEN if len(text) < _SURE else _UNEVEN_SURE for text in texts]
    if (uneven > np.log(limits)).any():
        return None
    return words


def _gaps_inside(strokes: Sequence[Points]) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """Order strokes from left to right, and return the gap before each but the first one."""
    lows = np.array([stroke[:, 0].min() for stroke in strokes])
    order = np.argsort(lows, kind="stable")
    reach = np.maximum.accumulate([strokes[i][:, 0].max() for i in order])
    return order, lows[order][1:] - reach[:-1]


def _fit_word(polylines: list[Points], text: str) -> Word:
    """Find baseline and x-height of a few characters: by how high such characters are.

    The turns of digits or capitals alone say nothing of the x-height.
    """
    points = np.concatenate(polylines)
    (left, top), bottom = points.min(axis=0), points[:, 1].max()
    sized = [character for character in text if character not in _MIDDLES]
    if not sized:
        level = [line - [left, (top + bottom) / 2] for line in polylines]
        return Word(level, np.nan, 0.0, float(np.mean([_MIDDLES[sign] for sign in text])))
    below = max(_BOTTOMS.get(character, _BOTTOM) for character in text)
    above = _TOP_LOW if set(sized) <= _LOW | set("gpqy") else _TOP
    x_height = float(bottom - top) / (above + below)
    return Word([line - [left, bottom - below * x_height] for line in polylines], np.nan, x_height)


def _share_of_fit(words: Sequence[Word], texts: Sequence[str]) -> float:
    """How large the x-height of a line is beside the one that was found, 1 if that is right.

    In a line of figures and capitals with few small letters, those are taken for the x-height:
    the words with small letters say how high they are, or else all words.
    """
    characters = "".join("".join(texts).split())
    if 2 * sum(map(str.islower, characters)) >= len(characters):
        return 1.0
    own = [
        (_fit_word(word.strokes, text).x_height / word.x_height, any(map(str.islower, text)))
        for word, text in zip(words, texts, strict=True)
        if word.x_height
    ]
    sizes = [size for size, is_small in own if is_small and size > 0]
    sizes = sizes or [size for size, _ in own if size > 0]
    share = float(np.median(sizes)) if sizes else 1.0
    return share if share < _MISFIT else 1.0


def _shrunk(word: Word, text: str) -> float:
    """How large a word without small letters is beside its line, 1 where that is usual.

    Figures are often written too small, and are made larger when the line is put together.
    """
    if not word.x_height or any(map(str.islower, text)) or all(sign in _MIDDLES for sign in text):
        return 1.0
    own = _fit_word(word.strokes, text).x_height / word.x_height
    return max(own, _LEAST) if own < _SMALL else 1.0


def split_line(text: str) -> list[str]:
    """Split a line into words; a sign set apart with a blank belongs to the word beside it.

    Alone, nobody could read it.

    Examples
    --------
    >>> split_line("presto ! You 're late , Zoe"), split_line(", and so")
    (['presto !', 'You', "'re", 'late ,', 'Zoe'], [', and', 'so'])
    """
    words: list[str] = []
    for word in text.split():
        if words and (set(word) <= _DEPENDENT or set(words[-1]) <= _DEPENDENT):
            words[-1] += f" {word}"
        else:
            words.append(word)
    return words


def split_word(word: str) -> list[str]:
    """Split a word into pieces that can be written alone.

    Small letters stay together, as many hands join them. Capitals, digits and signs stand apart,
    with the small sign after them, which alone has neither size nor place.

    Examples
    --------
    >>> split_word("Zurich,"), split_word("57.21"), split_word("(AND)")
    (['Z', 'urich,'], ['5', '7.', '2', '1'], ['(', 'A', 'N', 'D', ')'])
    """
    pieces: list[str] = []
    for character in word.replace(" ", ""):
        before = pieces[-1] if pieces else ""
        with_letters = is_joined(before) and is_joined(character) and before[-1].isalpha()
        with_sign = len(before) == 1 or is_joined(before)
        is_small = character in _SMALL_SIGNS or unicodedata.combining(character)
        if before and (with_letters or (with_sign and is_small)):
            pieces[-1] += character
        else:
            pieces.append(character)
    return pieces


def is_joined(piece: str) -> bool:
    """Whether a piece is of letters that many hands join: small ones, or of a script without."""
    return piece[:1].isalpha() and not piece[0].isupper()


def join_pieces(pieces: Sequence[Word]) -> Word:
    """Put the pieces of one word side by side."""
    if len(pieces) == 1:  # a sign keeps its place
        return pieces[0]
    size = _usual_size(pieces)
    strokes = _place(pieces, [_LETTER_GAP * size] * len(pieces), size)
    return Word(strokes, np.nan, size)


def scale_word(word: Word, factor: float) -> Word:
    """Write a word larger or smaller."""
    strokes = [stroke * factor for stroke in word.strokes]
    return word._replace(strokes=strokes, x_height=word.x_height * factor)


def join_words(words: Sequence[Word]) -> NDArray[np.float32]:
    """Put words on one baseline, side by side, as strokes `(T, 3)`."""
    size = _usual_size(words)
    own = [word.gap * _scale(word, size) for word in words]
    gaps = [gap for gap in own if 0 < gap < _WIDEST * size]
    usual = max(float(np.median(gaps)) if gaps else 0.0, _USUAL_GAP * size)
    before = [gap if 0.8 * usual < gap < 2 * usual else usual for gap in own]
    words = [_close_gaps(word, _INSIDE * usual / _scale(word, size)) for word in words]
    placed = _place(words, before, size)
    points = np.concatenate(placed)
    lifted = np.zeros(len(points))
    lifted[np.cumsum([len(stroke) for stroke in placed]) - 1] = 1
    offsets = np.diff(points, axis=0, prepend=points[:1])
    return np.column_stack([offsets, lifted]).astype(np.float32)


def _close_gaps(word: Word, widest: float) -> Word:
    """Move letters together where a gap between them looks like one between words."""
    order, gaps = _gaps_inside(word.strokes)
    excess = np.maximum(gaps - widest, 0.0)
    if word.has_blank or not excess.any():
        return word
    strokes = list(word.strokes)
    for number, shift in zip(order[1:], np.cumsum(excess), strict=True):
        strokes[number] = strokes[number] - [shift, 0]
    return word._replace(strokes=strokes)


def join_legible(
    words: Sequence[Word], texts: Sequence[str], right: Sequence[bool], most: int = _SHOWN[1]
) -> tuple[NDArray[np.float32], str] | None:
    """Put neighbouring words that were read right together, as a line that shows the hand.

    A synthesizer's window loses its way in a line that has other words than it should.

    Parameters
    ----------
    words : sequence of Word
        The words of a line.
    texts : sequence of str
        What they should say.
    right : sequence of bool
        Which of them were read right.
    most : int, default=24
        Characters, but for the last word.

    Returns
    -------
    shown : (ndarray of shape (T, 3), str) or None
        Strokes and what they say; None where too few words are right.
    """
    best, start = slice(0, 0), 0
    for stop, is_right in enumerate(right, start=1):
        if not is_right:
            start = stop
        while _length(texts[start + 1 : stop]) >= most:
            start += 1
        if _length(texts[start:stop]) > _length(texts[best]):
            best = slice(start, stop)
    if _length(texts[best]) < _SHOWN[0]:
        return None
    return join_words(words[best]), " ".join(texts[best])


def _length(texts: Sequence[str]) -> int:
    return len(" ".join(texts))


def _usual_size(words: Sequence[Word]) -> float:
    sizes = [word.x_height for word in words if word.x_height > 0]
    if sizes:
        return float(np.median(sizes))
    # Signs alone: the largest of them is about as wide or high as an x.
    return max(float(np.ptp(np.concatenate(word.strokes), axis=0).max()) for word in words)


def _scale(word: Word, size: float) -> float:
    return float(np.clip(size / word.x_height, *_RESIZED)) if word.x_height > 0 else 1.0


def _place(words: Sequence[Word], gaps: Sequence[float], size: float) -> list[Points]:
    """Strokes of words on one baseline and of one size, each after its gap."""
    placed: list[Points] = []
    right = 0.0
    for number, (word, gap) in enumerate(zip(words, gaps, strict=True)):
        scale = _scale(word, size)
        right += gap if number else 0.0
        placed += [stroke * scale + [right, -word.middle * size] for stroke in word.strokes]
        right += word.width * scale
    return placed
