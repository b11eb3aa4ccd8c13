"""Write a text on sheets of paper, wrapped into lines (`write`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk.writing._hands import Hand, Primes, check_hands
from hwsk.writing._hands import Line as LineOfHand
from hwsk.writing._layout import RULINGS, SIZES, Layout
from hwsk.writing._legibility import report_unread
from hwsk.writing._likeness import load_likeness
from hwsk.writing._line_writer import LineWriter
from hwsk.writing._lines import READING_CONSTRAINTS, check_synthesizer
from hwsk.writing._progress import OnProgress
from hwsk.writing._reader import load_readers
from hwsk.writing._sheets import INK, PAPER, PEN_WIDTH, POSITIVE, Sheets
from hwsk.writing._text import Line, prepare_text, wrap
from hwsk.writing._words import cut_words, join_legible, split_line

Points = NDArray[np.float64]

_HANDS = 8  # samples from which a new hand is chosen
_LONGEST = 60  # characters; a synthesizer has learnt from lines, and few are longer
_SHORTEST = 5
_TRIAL = 40  # characters of the line that shows what a new hand is like
_SPARE = 0.95  # of the width is planned for, as not every line is as wide as its characters say
_LINE_HEIGHT = 4.0  # x-heights: an ascender, a descender, and some paper between
_SIZE_RANGE = 0.8, 1.25  # what a line's size may differ from its hand's; the rest is misjudged
_LITTLE_TEXT = 30  # characters that say as much of the size as the rest of the hand does
_INDENT = 3.0  # the left edge is as many times as ragged as the baseline


@validate_params(
    {
        "text": [str],
        "prime": [list, tuple, None],
        "line_length": [Interval(Integral, 2, None, closed="left"), None],
        "x_height": POSITIVE,
        "line_height": [*POSITIVE, None],
        "size": [tuple, StrOptions(set(SIZES))],
        "margin": [Interval(Real, 0, None, closed="left"), tuple, list],
        "columns": [Interval(Integral, 1, 20, closed="both")],
        "gutter": [Interval(Real, 0, None, closed="left")],
        "letterhead": [Interval(Real, 0, None, closed="left")],
        "ruling": [StrOptions(set(RULINGS))],
        "align": [StrOptions({"left", "center"})],
        "raggedness": [Interval(Real, 0, None, closed="left")],
        "pen_width": POSITIVE,
        "pressure": [Interval(Real, 0, 1, closed="both")],
        "ink": [str],
        "paper": [str],
        **READING_CONSTRAINTS,
    },
    prefer_skip_nested_validation=True,
)
def write(
    text: str,
    synthesizer: Any,
    reader: Any = ("iam-lines", "ink-lines"),
    *,
    prime: Primes = None,
    style: Any = None,
    candidates: int = 1,
    embedder: Any = "iam-writers",
    bias: float | None = None,
    line_length: int | None = None,
    x_height: float = 2.5,
    line_height: float | None = None,
    size: str | tuple[float, float] = "a4",
    margin: float | Sequence[float] = 20.0,
    letterhead: float = 0.0,
    columns: int = 1,
    gutter: float = 10.0,
    ruling: str = "none",
    align: str = "left",
    raggedness: float = 0.1,
    pen_width: float = PEN_WIDTH,
    pressure: float = 0.0,
    ink: str = INK,
    paper: str = PAPER,
    tolerance: float = 0.0,
    tries: int = 4,
    on_failure: str = "error",
    unsupported: str = "error",
    random_state: int | np.random.RandomState | None = None,
    verbose: bool = False,
    on_progress: OnProgress | None = None,
) -> Sheets:
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
    reader : estimator, str, path, list of these or None, default=("iam-lines", "ink-lines")
        Recognizes lines, so that every word is legible: see :func:`write_lines`. None writes each
        line once and checks nothing: text may be lost without a word.
    prime : (strokes, text), or list of such, default=None
        The hand to write in: a line of it, as an array (T, 3), and what it says. Of several hands
        each writes what stands between two blank lines, in turn. None: a hand that the synthesizer
        makes up, the same for the whole text.
    style : int, array-like of shape (style_units,), or several of either, default=None
        Instead of a prime, for a synthesizer with `style_units`: the number of a hand (a row of its
        `styles_`) or the vector of one, as `encode_style` gives it; several take turns, as primes.
    candidates : int, default=1
        Samples of a line to choose from, in the hand of a prime or one that is made up: see
        :func:`write_lines`.
    embedder : estimator, str or path, default="iam-writers"
        What compares the candidates' hands: see :func:`write_lines`.
    bias : float, default=None
        How neatly to write, from 0 (as the writers do) upwards; None leaves it to the synthesizer.
    line_length : int, default=None
        Characters of a line at most. None: as many as fit on the page in this hand, but 60 at
        most.
    x_height : float, default=2.5
        Height of an "x" in millimetres.
    line_height : float, default=None
        Millimetres from one baseline to the next. None: four times `x_height`.
    size : {"a4", "a5", "letter"} or (float, float), default="a4"
        The sheets, or their width and height in millimetres.
    margin : float or (float, float, float, float), default=20.0
        Millimetres of paper around the text, or at its top, right, bottom and left.
    letterhead : float, default=0.0
        Millimetres that stay free at the top of the first sheet, beside the margin; whole lines
        are left out.
    columns : int, default=1
        Columns of a sheet, written one after another.
    gutter : float, default=10.0
        Millimetres between columns.
    ruling : {"none", "lined", "squared"}, default="none"
        What is printed on the paper: a line under each line of text, or squares of half its height
        (5 mm with the default `x_height`).
    align : {"left", "center"}, default="left"
        Whether lines begin below each other or have their middles below each other.
    raggedness : float, default=0.1
        How far lines leave their place, as nobody writes evenly without ruled paper: the standard
        deviation across the baseline, in x-heights. Left edges vary three times as much. 0: not.
    pen_width : float, default=0.4
        Width of the line in millimetres.
    pressure : float, default=0.0
        How much the width varies, from 0 (as a fineliner's) to 1 (as a fountain pen's): where the
        pen moves slowly, the line is wider.
    ink : str, default="#1d2b64"
        Colour of the ink: a name or ``#rrggbb``, as in CSS.
    paper : str, default="white"
        Colour of the paper.
    tolerance : float, default=0.0
        Share of a word's characters that may be misread, in [0, 1). Larger values take fewer
        tries.
    tries : int, default=4
        How often a whole line is sampled at most, as long as more than half of its words are
        missing and the last sample had one that was read right. Larger values leave fewer words to
        be written alone.
    on_failure : {"error", "warn", "ignore"}, default="error"
        What happens when words were not recognized in the end. With "warn" and "ignore" the best
        sample is taken; all such words are in `legibility.unread` of the result.
    unsupported : {"error", "replace"}, default="error"
        What happens to characters that the synthesizer has never seen: an error names them, or
        they are replaced, with one warning; see :func:`write_lines`.
    random_state : int, RandomState instance or None, default=None
        Decides the writing and its place.
    verbose : bool, default=False
        Whether to show a progress bar.
    on_progress : callable, default=None
        Called before each round of samples and at the end, with the number of words that are
        recognized so far, which never falls, that of all words, and a note on the round; without
        a reader, lines are counted. What it raises ends the writing.

    Returns
    -------
    Sheets
        The sheets, to be saved or shown. Their `legibility` says how many words were recognized at
        the first try and in the end, and names the others.

    Raises
    ------
    ImportError
        If what draws is not installed: ``pip install 'hwsk[write]'``.
    ValueError
        If words can't be written so that the reader recognizes them (all are quoted); if the text
        is blank, or has characters that the synthesizer does not know (all are named, with line and
        column); if a prime is not a pair, or not even one line fits on a sheet; if what the
        synthesizer gives can't be drawn.

    Warns
    -----
    UserWarning
        With ``on_failure="warn"``, if words were not recognized; with ``unsupported="replace"``,
        if letters were replaced.

    See Also
    --------
    write_lines : Write lines, checked by a reader, as strokes.
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
    >>> from hwsk.writing import write
    >>> synthesizer = hwsk.load("synthesizer")  # doctest: +SKIP
    >>> sheets = write("Dear Ada,\\n\\nthank you.", synthesizer)  # doctest: +SKIP
    >>> sheets.save("letter.svg")  # doctest: +SKIP
    [PosixPath('letter.svg')]
    """
    known = check_synthesizer(synthesizer)
    text = prepare_text(text, known, "text", unsupported)
    if not text.strip():
        raise ValueError("text is blank: there is nothing to write")
    given = check_hands(prime, style, synthesizer)

    layout = Layout(
        size, margin, line_height or _LINE_HEIGHT * x_height, x_height, columns, gutter, letterhead
    )
    blank = Sheets(  # a wrong colour or width is an error before any work is done
        [], layout.size, pen_width, ink, paper, pressure=pressure, rules=layout.rules(ruling)
    )
    rng = check_random_state(random_state)
    likeness = load_likeness(embedder, candidates, style is None)
    writer = LineWriter(synthesizer, load_readers(reader), bias, tolerance, tries, rng, likeness)

    of_text = given if isinstance(given, list) else [] if given is None else [given]
    hands = _try_hands(text, of_text, writer)
    lengths = [line_length or _fitting_length(shown, layout.width / x_height) for _, shown in hands]
    lines = wrap(text, lengths, hyphen="-" if "-" in known else "")
    inked = [line for line in lines if line is not None]
    written = writer.write(
        [line.text for line in inked], [hands[line.hand][0] for line in inked], verbose, on_progress
    )
    report_unread(written.legibility, on_failure)
    placed = iter(_normalize(written.strokes, inked, x_height, layout.width))

    sheets: list[list[tuple[str, list[Points]]]] = []
    for number, line in enumerate(lines):
        place = layout.place(number)
        sheets += [[] for _ in range(place.sheet + 1 - len(sheets))]
        if line is None:
            continue
        strokes, width = next(placed)
        astray = rng.normal(0, raggedness * x_height, 2) * (_INDENT, 1)
        left = max((layout.width - width) / 2 if align == "center" else astray[0], 0.0)
        left = min(left, layout.width - width)
        origin = np.array([place.left + left, place.baseline + astray[1]])
        sheets[-1].append((line.text, _inside([s + origin for s in strokes], blank)))
    return replace(blank, sheets=sheets, legibility=written.legibility)


def _try_hands(text: str, hands: list[Hand], writer: LineWriter) -> list[tuple[Hand, LineOfHand]]:
    """Hands, each with a line in it that shows how wide it writes.

    Without hands it is one of the synthesizer's own. Where there is a reader, that of some samples
    which it reads best: what follows is as legible.
    """
    lines = [line.text for line in wrap(text, [_TRIAL], hyphen="") if line is not None]
    trial = max(lines, key=len)  # of the text, to show most of it
    tried: list[tuple[Hand, LineOfHand]] = []
    for hand in hands:
        shown = hand if isinstance(hand, tuple) else (writer.sample([trial], [hand], 0)[0], trial)
        tried.append((hand, shown))
    if tried:
        return tried
    if writer.readers is None:
        made = writer.sample([trial], [None], 0)[0], trial
    else:
        samples = writer.sample([trial] * _HANDS, [None] * _HANDS, 0)
        texts = split_line(trial)
        misread = [reading.misread for reading in writer.read(samples, [texts] * _HANDS)]
        best = min(range(_HANDS), key=lambda i: sum(misread[i]))
        made = samples[best], trial
        if any(misread[best]) and (words := cut_words(samples[best], texts)) is not None:
            made = join_legible(words, texts, [not n for n in misread[best]], _TRIAL) or made
    return [(made, made)]


def _fitting_length(shown: LineOfHand, room: float) -> int:
    """Characters that fill the width of `room` x-heights in the hand of a line."""
    strokes, text = shown
    polylines = split_strokes(strokes)
    x_height = fit_text_line(polylines).x_height
    width = np.ptp(np.concatenate(polylines)[:, 0])
    if not x_height or not width:
        return _TRIAL
    fitting = _SPARE * room * x_height * len(text) / width
    return int(np.clip(fitting, _SHORTEST, _LONGEST))


def _normalize(
    samples: Sequence[NDArray[np.float32]], lines: Sequence[Line], x_height: float, room: float
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


def _inside(strokes: list[Points], page: Sheets) -> list[Points]:
    """Strokes moved as far as it takes for no ink to be cut off at the edge of the sheet."""
    points = np.concatenate(strokes)
    spare = page.pen_width / 2
    shift = np.maximum(spare - points.min(axis=0), 0)
    shift += np.minimum(page.size - (spare + shift + points.max(axis=0)), 0)
    return [stroke + shift for stroke in strokes]
