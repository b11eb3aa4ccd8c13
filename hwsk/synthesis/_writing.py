"""Write a text on pages, wrapped into lines (`write`)."""

from __future__ import annotations

import math
import textwrap
import unicodedata
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params
from tqdm.auto import tqdm

from hwsk._data.strokes import check_sample
from hwsk.preprocessing._text_line import fit_text_line, split_strokes
from hwsk.synthesis._page import INK, PAPER, PEN_WIDTH, POSITIVE, Page

Points = NDArray[np.float64]
Hand = tuple[NDArray[np.float32], str]

_BATCH = 32  # lines that are sampled at once
_LONGEST = 60  # characters; a synthesizer has learnt from lines, and few are longer
_SHORTEST = 5
_TRIAL = 40  # characters of the line that shows what a new hand is like
_SPARE = 0.95  # of the width is planned for, as not every line is as wide as its characters say
_BASELINE = 0.65  # of the room of a line lies above its baseline
_LINE_HEIGHT = 4.0  # x-heights: an ascender, a descender, and some paper between
_SIZE_RANGE = 0.8, 1.25  # what a line's size may differ from its hand's; the rest is misjudged
_LITTLE_TEXT = 30  # characters that say as much of the size as the rest of the hand does
_INDENT = 3.0  # the left edge is as many times as ragged as the baseline


class _Line(NamedTuple):
    text: str
    hand: int


@validate_params(
    {
        "text": [str],
        "synthesizer": [HasMethods(["sample"])],
        "prime": [list, tuple, None],
        "bias": [Interval(Real, 0, None, closed="left"), None],
        "line_length": [Interval(Integral, 2, None, closed="left"), None],
        "x_height": POSITIVE,
        "line_height": [*POSITIVE, None],
        "size": [tuple],
        "margin": [Interval(Real, 0, None, closed="left")],
        "align": [StrOptions({"left", "center"})],
        "raggedness": [Interval(Real, 0, None, closed="left")],
        "pen_width": POSITIVE,
        "ink": [str],
        "paper": [str],
        "random_state": ["random_state"],
        "verbose": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def write(
    text: str,
    synthesizer: Any,
    *,
    prime: Hand | Sequence[Hand] | None = None,
    bias: float | None = None,
    line_length: int | None = None,
    x_height: float = 2.5,
    line_height: float | None = None,
    size: tuple[float, float] = (210.0, 297.0),
    margin: float = 20.0,
    align: str = "left",
    raggedness: float = 0.1,
    pen_width: float = PEN_WIDTH,
    ink: str = INK,
    paper: str = PAPER,
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
) -> Page:
    """Write a text by hand, on as many sheets as it takes.

    Lines are broken between words, and where the text has a newline; a blank line stays one. Runs
    of blanks become one. A word that is longer than a line is divided, with a hyphen between
    letters if the synthesizer knows that.

    Parameters
    ----------
    text : str
        What to write. It is brought to the normal form NFC.
    synthesizer : HandwritingSynthesizer
        A fitted synthesizer.
    prime : (strokes, text), or list of such, default=None
        The hand to write in: a line of it, as an array (T, 3), and what it says. Of several hands
        each writes what stands between two blank lines, in turn. None: a hand that the synthesizer
        makes up, the same for the whole text.
    bias : float, default=None
        How neatly to write, from 0 (as the writers do) upwards; None leaves it to the synthesizer.
    line_length : int, default=None
        Characters of a line at most. None: as many as fit on the page in this hand, but 60 at
        most.
    x_height : float, default=2.5
        Height of an "x" in millimetres.
    line_height : float, default=None
        Millimetres from one baseline to the next. None: four times `x_height`.
    size : (float, float), default=(210.0, 297.0)
        Width and height of a sheet in millimetres; by default A4.
    margin : float, default=20.0
        Millimetres of paper around the text.
    align : {"left", "center"}, default="left"
        Whether lines begin below each other or have their middles below each other.
    raggedness : float, default=0.1
        How far lines leave their place, as nobody writes evenly without ruled paper: the standard
        deviation across the baseline, in x-heights. Left edges vary three times as much. 0: not.
    pen_width : float, default=0.4
        Width of the line in millimetres.
    ink : str, default="#1d2b64"
        Colour of the ink: a name or ``#rrggbb``, as in CSS.
    paper : str, default="white"
        Colour of the paper.
    random_state : int, RandomState instance or None, default=None
        Decides the writing and its place.
    verbose : bool, default=False
        Whether to show a progress bar.

    Returns
    -------
    Page
        The sheets, to be saved or looked at.

    Raises
    ------
    ImportError
        If what draws is not installed: ``pip install 'hwsk[write]'``.
    ValueError
        If the text is blank, or has characters that the synthesizer does not know (all are named,
        with line and column); if a prime is no pair, or not even one line fits on a sheet; if what
        the synthesizer gives can't be drawn.

    See Also
    --------
    draw : Draw bare strokes.
    hwsk.datasets.load_strokes : Your own hand, from a file.

    Notes
    -----
    A synthesizer writes each line uphill or downhill, and larger or smaller, as its teachers did.
    On the page its baseline is made level and straight, and it is brought to the x-height; both are
    found where most strokes turn, and what a short line says of its size counts for less than what
    the other lines of its hand say. A line too wide for the page becomes smaller as a whole; if
    more than one line in five of a hand is too wide, all of that hand do.

    Examples
    --------
    >>> import hwsk
    >>> from hwsk.synthesis import write
    >>> synthesizer = hwsk.load("models/synthesizer.hwsk")  # doctest: +SKIP
    >>> page = write("Dear Ada,\\n\\nthank you.", synthesizer)  # doctest: +SKIP
    >>> page.save("letter.svg")  # doctest: +SKIP
    [PosixPath('letter.svg')]
    """
    if not hasattr(synthesizer, "alphabet_"):
        raise NotFittedError(f"this {type(synthesizer).__name__} is not fitted yet: call fit first")
    known = synthesizer.alphabet_
    text = unicodedata.normalize("NFC", text)
    if not text.strip():
        raise ValueError("text is blank: there is nothing to write")
    _check_characters(text, known, "text")
    hands = _check_hands(prime, known)

    line_height = line_height or _LINE_HEIGHT * x_height
    blank = Page([], size, pen_width, ink, paper)  # tells what is wrong with it at once
    room = np.array(size) - 2 * margin
    per_sheet = int(room[1] // line_height)
    if per_sheet < 1 or room[0] < _SHORTEST * x_height:
        raise ValueError(
            f"no line fits: margins of {margin} leave {room[0]:g} x {room[1]:g} mm of a sheet, for "
            f"lines {line_height:g} apart with an x-height of {x_height:g}"
        )
    rng = check_random_state(random_state)

    if not hands:
        hands = [_new_hand(text, synthesizer, bias, rng)]
    lengths = [line_length or _fitting_length(hand, room[0] / x_height) for hand in hands]
    lines = _wrap(text, lengths, hyphen="-" if "-" in known else "")
    written = [line for line in lines if line is not None]
    samples = _sample(written, synthesizer, hands, bias, rng, verbose)
    placed = iter(_normalize(samples, written, x_height, room[0]))

    sheets = []
    for start in range(0, len(lines), per_sheet):
        sheet = []
        for row, line in enumerate(lines[start : start + per_sheet]):
            if line is None:
                continue
            strokes, width = next(placed)
            astray = rng.normal(0, raggedness * x_height, 2) * (_INDENT, 1)
            left = max((room[0] - width) / 2 if align == "center" else astray[0], 0.0)
            left = min(left, room[0] - width)
            origin = margin + np.array([left, (row + _BASELINE) * line_height + astray[1]])
            sheet.append((line.text, _inside([s + origin for s in strokes], blank)))
        sheets.append(sheet)
    return replace(blank, sheets=sheets)


def _check_characters(text: str, known: str, name: str) -> None:
    """Raise ValueError with all characters that the synthesizer can't write."""
    places: dict[str, list[str]] = {}
    for row, line in enumerate(text.splitlines(), 1):
        for column, character in enumerate(line, 1):
            character = " " if character.isspace() else character
            if character not in known:
                places.setdefault(character, []).append(f"line {row}, column {column}")
    if places:
        unknown = [
            f"{character!r} ({where[0]}{f' and {len(where) - 1} more' * (len(where) > 1)})"
            for character, where in places.items()
        ]
        raise ValueError(
            f"the synthesizer's training data has no {', '.join(unknown)} of {name}; "
            f"it knows {''.join(sorted(known))!r}"
        )


def _check_hands(prime: Any, known: str) -> list[Hand]:
    if prime is None:
        return []
    is_pair = len(prime) == 2 and isinstance(prime[1], str)
    hands = []
    for number, hand in enumerate([prime] if is_pair else prime):
        name = "prime" if is_pair else f"prime {number}"
        if not isinstance(hand, (tuple, list)) or len(hand) != 2 or not isinstance(hand[1], str):
            raise ValueError(f"{name} is no pair (strokes, text)")
        strokes, said = check_sample(hand[0], f"strokes of {name}"), " ".join(hand[1].split())
        if not said:
            raise ValueError(f"the text of {name} is blank: give what its strokes say")
        said = unicodedata.normalize("NFC", said)
        _check_characters(said, known, f"the text of {name}")
        hands.append((strokes, said))
    if not hands:
        raise ValueError("prime is an empty list; give a hand, or None")
    return hands


def _new_hand(text: str, synthesizer: Any, bias: float | None, rng: np.random.RandomState) -> Hand:
    """A line in a hand of the synthesizer's own: the longest of the text, to show most of it."""
    lines = [line.text for line in _wrap(text, [_TRIAL], hyphen="") if line is not None]
    trial = max(lines, key=len)
    return _call(synthesizer, [trial], None, bias, rng)[0], trial


def _fitting_length(hand: Hand, room: float) -> int:
    """Characters that fill the width of `room` x-heights."""
    polylines = split_strokes(hand[0])
    x_height = fit_text_line(polylines).x_height
    width = np.ptp(np.concatenate(polylines)[:, 0])
    if not x_height or not width:
        return _TRIAL
    fitting = _SPARE * room * x_height * len(hand[1]) / width
    return int(np.clip(fitting, _SHORTEST, _LONGEST))


def _wrap(text: str, lengths: Sequence[int], hyphen: str) -> list[_Line | None]:
    """Lines with their hands; None is a blank line."""
    lines: list[_Line | None] = []
    hand, between = 0, True
    for row in text.splitlines():
        words = row.split()
        if not words:
            lines.append(None)
            hand += not between
            between = True
            continue
        between = False
        number = hand % len(lengths)
        length = lengths[number]
        whole = " ".join(piece for word in words for piece in _divide(word, length, hyphen))
        wrapped = textwrap.wrap(whole, length, break_long_words=False)
        lines += [_Line(line, number) for line in wrapped]
    return lines


def _divide(word: str, length: int, hyphen: str) -> list[str]:
    """A word too long for a line in pieces of about the same length, none of a letter or two."""
    if len(word) <= length:
        return [word]
    count = math.ceil(len(word) / (length - len(hyphen)))
    cuts = [round(i * len(word) / count) for i in range(count + 1)]
    pieces = [word[a:b] for a, b in pairwise(cuts)]
    joints = [hyphen if word[i - 1 : i + 1].isalpha() else "" for i in cuts[1:-1]] + [""]
    return [piece + joint for piece, joint in zip(pieces, joints, strict=True)]


def _sample(
    lines: Sequence[_Line],
    synthesizer: Any,
    hands: Sequence[Hand],
    bias: float | None,
    rng: np.random.RandomState,
    verbose: bool,
) -> list[NDArray[np.float32]]:
    """The strokes of all lines."""
    samples = []
    with tqdm(total=len(lines), desc="writing", unit="line", disable=not verbose) as bar:
        for start in range(0, len(lines), _BATCH):
            batch = lines[start : start + _BATCH]
            primes = [hands[line.hand] for line in batch]
            samples += _call(synthesizer, [line.text for line in batch], primes, bias, rng)
            bar.update(len(batch))
    return samples


def _call(
    synthesizer: Any,
    texts: list[str],
    prime: list[Hand] | None,
    bias: float | None,
    rng: np.random.RandomState,
) -> list[NDArray[np.float32]]:
    seed = rng.randint(np.iinfo(np.int32).max)
    samples = synthesizer.sample(texts=texts, prime=prime, bias=bias, random_state=seed)
    if len(samples) != len(texts):
        raise ValueError(f"the synthesizer gave {len(samples)} samples of {len(texts)} lines")
    return [
        check_sample(sample, f"the strokes that the synthesizer gave of {text!r}")
        for sample, text in zip(samples, texts, strict=True)
    ]


def _normalize(
    samples: Sequence[NDArray[np.float32]], lines: Sequence[_Line], x_height: float, room: float
) -> list[tuple[list[Points], float]]:
    """Level strokes in millimetres, left edge and baseline at zero, and the width of each line."""
    polylines = [split_strokes(sample) for sample in samples]
    fits = [fit_text_line(line) for line in polylines]
    result: list[tuple[list[Points], float]] = [([], 0.0)] * len(lines)
    for hand in {line.hand for line in lines}:
        of_hand = [i for i, line in enumerate(lines) if line.hand == hand]
        heights = np.array([fits[i].x_height for i in of_hand])
        usual = np.median(heights[heights > 0]) if (heights > 0).any() else 0.0
        level = [_level(polylines[i], fits[i].baseline) for i in of_hand]
        if usual:
            known = np.where(heights > 0, heights, usual)
            length = np.array([len(lines[i].text) for i in of_hand])
            trust = length / (length + _LITTLE_TEXT)
            heights = usual * np.clip(known / usual, *_SIZE_RANGE) ** trust
        else:  # dashes and dots alone: as large as they are high or wide
            heights = np.array([np.ptp(np.concatenate(line), axis=0).max() or 1 for line in level])
        scales = x_height / heights
        widths = scales * [np.ptp(np.concatenate(line)[:, 0]) for line in level]
        scales *= min(1.0, room / max(np.quantile(widths, 0.8), 1e-9))
        for i, line, scale in zip(of_hand, level, scales, strict=True):
            width = np.ptp(np.concatenate(line)[:, 0])
            scale = min(scale, room / max(width, 1e-9))
            result[i] = [stroke * scale for stroke in line], float(width * scale)
    return result


def _level(polylines: list[Points], baseline: Points) -> list[Points]:
    """A line whose left edge and whole baseline are at zero."""
    points = np.concatenate(polylines)
    points[:, 0] -= points[:, 0].min()
    points[:, 1] -= baseline
    return np.split(points, np.cumsum([len(line) for line in polylines])[:-1])


def _inside(strokes: list[Points], page: Page) -> list[Points]:
    """Strokes moved as far as it takes for no ink to be cut off at the edge of the sheet."""
    points = np.concatenate(strokes)
    spare = page.pen_width / 2
    shift = np.maximum(spare - points.min(axis=0), 0)
    shift += np.minimum(page.size - (spare + shift + points.max(axis=0)), 0)
    return [stroke + shift for stroke in strokes]
