"""Generate handwriting from single-stroke letter forms, with a style for each writer."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from numbers import Integral
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.utils import Bunch, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._letter_forms import LetterForm, letter_forms
from hwsk.preprocessing._stroke_drawing import draw_strokes

Points = NDArray[np.float64]

_STEP = 1 / 12  # x-heights between the points of a letter
_LINK = 10  # points of a stroke that joins two letters
_STRETCH = np.array([[1, 1], [0.6, 0.6]])  # along x and y, relative
_WAVES = 3  # of a smooth deformation
_HAND, _LETTER, _SAMPLE = range(3)  # what a random stream is for

_WORDS = """
I the of and a to in is was he for it with as his on be at by had not are but from or have an they
which one you were her all she there would their we him been has when who will more no if out so
said what up its about into than them can only other new some could time these two may then do
first any my now such like our over man me even most made after also did many before must through
back years where much your way well down should because each just those people how too little
state good very make world still own see men work long here get both between life being under
never day same another know while last might us great old year off come since against go came
right used take three house hand quick box journey zero quiet xylophone just lazy jump vex prize
it's don't can't I'm o'clock Anna London Monday Mrs.
"""
_SENTENCES = """
The kettle was already cold.|We walked home along the river.|Please send the keys by Friday.
Nobody knew where the cat had gone.|It rained for three days.|She kept every letter he wrote.
A quick answer is not always right.|My brother plays the violin.|The train leaves at 7:45.
Are you coming with us?|He paid 12 pounds for the lamp.|What a lovely morning!
They moved to the coast in 1936.|"No," she said, "not today."|Zoe fixed the old clock.
Five boxes of jam, please.|I can't remember his name.|Dear Anna, thank you for the book.
Turn left after the bridge.|Six wizards vexed a judge.|There were 28 people in the room.
The last page was missing.|Open the window, it's warm.|Mr. Quill lives next door.
Keep this in a dry place.|Her garden is full of roses.|You may leave now; we are done.
His uncle (a sailor) knew better.|A half-empty glass stood there.|Why not try again?
"""

_DESCR = """\
Generated handwriting
---------------------

Letters of the Hershey fonts (A. V. Hershey, 1967, public domain) and a few of hwsk's own, drawn
by made-up writers. No person's handwriting is in it.

strokes : object array of (T, 3) float32, [dx, dy, pen_up], y downwards
images  : object array of (height, width) uint8, dark ink on white
text    : what is written
writer  : who writes it
style   : DataFrame, for each sample its writer's style
ids     : a name for each sample
"""


@dataclass(frozen=True)
class _Style:
    """Hold the parameters of a generated hand; lengths in x-heights unless stated otherwise."""

    size: float  # of an x-height, in units of the strokes
    slant: float  # to the right, tangent of the angle
    aspect: float  # width of letters; 1 is the fonts'
    ascender: float  # above the x-height
    descender: float
    capitals: float  # height of capitals and digits
    letter_spacing: float
    word_spacing: float
    baseline_slope: float  # downwards
    baseline_wobble: float
    tremor: float
    rounding: int  # passes of smoothing over the corners
    script: float  # share of letters in script forms
    joining: float  # probability that a letter is joined to the next
    own_shapes: float  # how far the writer's letters depart from the model
    variation: float  # how far a letter departs from the writer's usual one
    pen_width: float  # in pixels of the image
    ink: int  # grey level


def _make_style(rng: np.random.Generator, height: int) -> _Style:
    kind = rng.choice(["print", "mixed", "script"], p=[0.4, 0.3, 0.3])
    script = {"print": (0, 0), "mixed": (0.1, 0.6), "script": (0.6, 1)}[kind]
    joining = {"print": (-0.4, 0.4), "mixed": (0.3, 0.95), "script": (0.8, 1)}[kind]
    spacing = {"print": (0.1, 0.5), "mixed": (0.08, 0.4), "script": (-0.05, 0.3)}[kind]
    aspect = {"print": (0.65, 1.3), "mixed": (0.6, 1.2), "script": (0.5, 1.1)}[kind]
    ascender, descender = rng.uniform(0.5, 1.4), rng.uniform(0.45, 1.2)
    width = rng.uniform(*aspect)
    x_height = height / (1.2 + ascender + descender)  # in pixels of an image
    thickest = 0.21 * x_height * min(1.0, width)  # leaves paper between the strokes
    return _Style(
        size=rng.lognormal(np.log(30), 0.25),
        slant=float(np.clip(rng.normal(0.12, 0.28), -0.45, 0.85)),
        aspect=width,
        ascender=ascender,
        descender=descender,
        capitals=(1 + ascender) * rng.uniform(0.85, 1.15),
        letter_spacing=rng.uniform(*spacing),
        word_spacing=rng.uniform(0.6, 1.7),
        baseline_slope=rng.normal(0, 0.015),
        baseline_wobble=rng.uniform(0.01, 0.1),
        tremor=abs(rng.normal(0, 0.012)),
        rounding=int(rng.integers(1, 10)),
        script=rng.uniform(*script),
        joining=max(0.0, rng.uniform(*joining)),
        own_shapes=rng.uniform(0.05, 0.13),
        variation=rng.uniform(0.02, 0.065),
        pen_width=max(1.0, round(rng.uniform(0.4, 1) * thickest * 4) / 4),
        ink=int(rng.triangular(0, 0, 120)),
    )


@dataclass(frozen=True)
class _Glyph:
    """A writer's own form of a character, its left edge at x = 0."""

    points: Points
    ends: list[int]  # behind the last point of each stroke
    n_body: int  # strokes written before the letter is joined; the others are marks
    width: float
    enters: bool  # whether a joining stroke can come in
    leaves: float  # probability that one goes out

    @property
    def last(self) -> int:
        """The point where the pen leaves the body."""
        return self.ends[self.n_body - 1] - 1


class _Hand:
    """A writer: a style, and letter forms that stay the writer's own."""

    def __init__(self, root: int, writer: int, height: int) -> None:
        self._seed = (root, _LETTER, writer)
        self.style = _make_style(np.random.default_rng((root, _HAND, writer)), height)
        self._glyphs: dict[str, _Glyph] = {}

    def write(self, text: str, rng: np.random.Generator) -> NDArray[np.float32]:
        """The strokes of a text, as it comes out this time."""
        style = self.style
        glyphs, left, base, scale, word = self._lay_out(text, rng)
        first = np.cumsum([0, *(len(glyph.points) for glyph in glyphs)])
        of = np.repeat(np.arange(len(glyphs)), np.diff(first))
        points = np.concatenate([glyph.points for glyph in glyphs])
        points = _deform(points, rng, style.variation, of) * scale[of, np.newaxis]
        points += np.column_stack([left, base])[of]

        joined = [
            (word[i] == word[i + 1]) and glyphs[i + 1].enters and rng.random() < glyphs[i].leaves
            for i in range(len(glyphs) - 1)
        ]
        before = np.flatnonzero(joined)
        last = first[:-1] + [glyph.last for glyph in glyphs]
        links = _links(points, last[before], first[before + 1])
        path, pen_up = _pen_path(glyphs, first, joined, link_start=len(points))
        points = np.concatenate([points, links])[path]
        points = _round_corners(points, pen_up, style.rounding)
        if style.tremor:
            shake = gaussian_filter1d(rng.standard_normal(points.shape), 2.5, axis=0)
            points += 3 * style.tremor * shake  # the filter leaves a third of the noise
        points[:, 0] -= points[:, 1] * (style.slant + rng.normal(0, 0.02))
        points[:, 1] += self._baseline(points[:, 0], rng)
        offsets = np.diff(points * style.size, axis=0, prepend=points[:1] * style.size)
        return np.column_stack([offsets, pen_up]).astype(np.float32)

    def _lay_out(
        self, text: str, rng: np.random.Generator
    ) -> tuple[list[_Glyph], Points, Points, Points, list[int]]:
        """Glyphs, and for each where it starts, its baseline, its scale, the word it is in."""
        style = self.style
        glyphs, left, base, scale, words = [], [], [], [], []
        x = 0.0
        for number, word in enumerate(text.split()):
            if number:
                x += style.word_spacing * rng.uniform(0.75, 1.3)
            word_base, word_scale = rng.normal(0, [0.3 * style.baseline_wobble, 0.03])
            for character in word:
                glyph = self._glyph(character)
                size = 1 + word_scale + rng.normal(0, style.variation)
                glyphs.append(glyph)
                left.append(x)
                base.append(word_base + rng.normal(0, 0.5 * style.variation))
                scale.append(size)
                words.append(number)
                x += glyph.width * size + style.letter_spacing * rng.uniform(0.6, 1.4)
        return glyphs, np.array(left), np.array(base), np.array(scale), words

    def _baseline(self, x: Points, rng: np.random.Generator) -> Points:
        slope = self.style.baseline_slope + rng.normal(0, 0.008)
        waves = rng.uniform(6, 25, 2), rng.uniform(0, 2 * np.pi, 2)
        wobble = sum(
            np.sin(2 * np.pi * x / length + phase) for length, phase in zip(*waves, strict=True)
        )
        return slope * x + self.style.baseline_wobble * wobble

    def _glyph(self, character: str) -> _Glyph:
        if character not in self._glyphs:
            rng = np.random.default_rng((*self._seed, ord(character)))
            self._glyphs[character] = self._make_glyph(character, rng)
        return self._glyphs[character]

    def _make_glyph(self, character: str, rng: np.random.Generator) -> _Glyph:
        style = self.style
        form = _choose(letter_forms(character), style.script, rng)
        strokes = [_resample(stroke, _STEP) for stroke in (*form.body, *form.marks)]
        ends = list(np.cumsum([len(stroke) for stroke in strokes]))
        points = _deform(np.concatenate(strokes), rng, style.own_shapes)
        x, y = points.T
        if character.islower():
            y = np.interp(
                y,
                [-3, -1, 0, 2],
                [-1 - 2 * style.ascender, -1, 0, 2 * style.descender],
            )
        elif character.isalnum():
            x, y = x * style.capitals / 2, y * style.capitals / 2
        x = x * style.aspect
        middle = (y > -1.1) & (y < 0.1) & character.islower()
        zone = x[middle] if middle.any() else x
        x = x - zone.min()
        width = float(np.ptp(zone))
        last = ends[len(form.body) - 1] - 1
        exits = form.script or (x[last] > 0.4 * width and -1.2 < y[last] < 0.3)
        joins = character.isalpha() and exits and style.joining > 0
        likely = style.joining * (1 if character.islower() else 0.5)
        return _Glyph(
            points=np.column_stack([x, y]),
            ends=ends,
            n_body=len(form.body),
            width=width,
            enters=character.islower() and (form.script or y[0] > -1.3),
            leaves=float(np.clip(rng.normal(likely, 0.1), 0, 1)) if joins else 0.0,
        )


def _choose(forms: Sequence[LetterForm], script: float, rng: np.random.Generator) -> LetterForm:
    scripts = [form for form in forms if form.script]
    if scripts and rng.random() < script:
        return scripts[0]
    others = [form for form in forms if not form.script]
    return others[rng.integers(len(others))]


def _resample(stroke: Points, step: float) -> Points:
    """Points about `step` apart along a polyline."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0], np.cumsum(lengths)])
    at = np.linspace(0, along[-1], max(2, round(along[-1] / step) + 1))
    return np.column_stack([np.interp(at, along, stroke[:, 0]), np.interp(at, along, stroke[:, 1])])


def _deform(
    points: Points, rng: np.random.Generator, amount: float, of: NDArray[np.intp] | None = None
) -> Points:
    """A random smooth deformation: stretched, turned and bent by a few long waves.

    With `of`, each point's group, every group has a deformation of its own.
    """
    group = np.zeros(len(points), np.intp) if of is None else of
    n = group[-1] + 1
    linear = np.eye(2) + amount * rng.normal(0, _STRETCH, (n, 2, 2))
    frequency = rng.normal(0, 2.5, (n, _WAVES, 2))
    phase = rng.uniform(0, 2 * np.pi, (n, _WAVES))
    amplitude = rng.normal(0, amount / np.sqrt(_WAVES), (n, _WAVES, 2))
    angle = np.einsum("pwc,pc->pw", frequency[group], points) + phase[group]
    bent = np.einsum("pwc,pw->pc", amplitude[group], np.sin(angle))
    return np.einsum("pij,pj->pi", linear[group], points) + bent


def _links(points: Points, last: NDArray[np.intp], first: NDArray[np.intp]) -> Points:
    """Cubic curves from the points `last` to the points `first`, `_LINK` points each."""
    start, end = points[last], points[first]
    reach = np.linalg.norm(end - start, axis=1, keepdims=True) * 0.4
    forward = np.array([0.7, 0.0])
    out = _unit(_unit(start - points[last - 3]) * 0.6 + forward) * reach
    into = _unit(_unit(points[first + 3] - end) * 0.6 + forward) * reach
    t = np.linspace(0, 1, _LINK + 2)[1:-1, np.newaxis]
    weights = (1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3
    corners = start, start + out, end - into, end
    curve = sum(w * c[:, np.newaxis] for w, c in zip(weights, corners, strict=True))
    return np.reshape(curve, (-1, 2))


def _unit(vectors: Points) -> Points:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def _pen_path(
    glyphs: Sequence[_Glyph], first: NDArray[np.intp], joined: Sequence[bool], link_start: int
) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """The order in which points are written, and after which the pen is lifted.

    Dots and bars of joined letters are set when the pen has been lifted.
    """
    pieces: list[tuple[int, int]] = []
    lifted: list[bool] = []
    marks: list[tuple[int, int]] = []
    for glyph, start, to_next in zip(glyphs, first[:-1], [*joined, False], strict=True):
        strokes = [(start + a, start + b) for a, b in pairwise([0, *glyph.ends])]
        pieces += strokes[: glyph.n_body]
        lifted += [True] * glyph.n_body
        marks += strokes[glyph.n_body :]
        if to_next:
            lifted[-1] = False
            pieces.append((link_start, link_start + _LINK))
            lifted.append(False)
            link_start += _LINK
        else:
            pieces += marks
            lifted += [True] * len(marks)
            marks = []
    path = np.concatenate([np.arange(a, b) for a, b in pieces])
    pen_up = np.zeros(len(path), bool)
    pen_up[np.cumsum([b - a for a, b in pieces]) - 1] = lifted
    return path, pen_up


def _round_corners(points: Points, pen_up: NDArray[np.bool_], passes: int) -> Points:
    """Smooth each stroke, its ends held."""
    inner = ~(pen_up[1:-1] | pen_up[:-2])[:, np.newaxis]
    for _ in range(passes):
        points[1:-1] = np.where(
            inner, (points[:-2] + 2 * points[1:-1] + points[2:]) / 4, points[1:-1]
        )
    return points


@validate_params(
    {
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "level": [StrOptions({"word", "line"})],
        "n_writers": [Interval(Integral, 1, None, closed="left")],
        "texts": ["array-like", None],
        "alphabet": [str, None],
        "height": [Interval(Integral, 8, None, closed="left")],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_handwriting(
    n_samples: int = 100,
    *,
    level: Literal["word", "line"] = "word",
    n_writers: int = 10,
    texts: Sequence[str] | None = None,
    alphabet: str | None = None,
    height: int = 64,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Bunch | tuple[NDArray[np.object_], NDArray[np.object_]]:
    """Make handwriting by made-up writers, as pen strokes and as images.

    The letters come from the single-stroke Hershey fonts and some forms more. Each writer has a
    style: slant, proportions, spacing, baseline, tremor, pen and ink; a choice of letter forms,
    each bent in a way that stays the writer's own; and a habit of joining letters or not. Within
    a hand, each letter varies a little every time.

    Parameters
    ----------
    n_samples : int, default=100
        Number of words or lines. The samples go round the writers in turn.
    level : {"word", "line"}, default="word"
        What the built-in texts are: single words, or lines of about forty characters. English,
        with capitals, punctuation and numbers now and then.
    n_writers : int, default=10
        Number of writers.
    texts : array-like of str, default=None
        Texts to write instead of the built-in ones: where there are `n_samples` of them, each once
        and in this order, else each sample has one drawn at random.
    alphabet : str, default=None
        The characters that may occur. Built-in texts are restricted to it, or made from its
        characters at random where it spells hardly a word. None: all that can be written, that is
        printable ASCII, accented Latin letters and typographic quotes and dashes.
    height : int, default=64
        Height of the images in pixels.
    random_state : int, RandomState instance or None, default=None
        Decides texts, writers and ink. With an int, sample i and writer j are the same whatever
        `n_samples` and `n_writers` are.
    return_X_y : bool, default=False
        Whether to return `(images, text)` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with attributes

        strokes : object array of ndarray of shape (T, 3)
            Offsets of the pen and whether it is lifted afterwards: dx, dy (downwards), pen_up.
        images : object array of ndarray of shape (height, width)
            uint8, antialiased, dark ink on white: the strokes as
            :class:`~hwsk.preprocessing.StrokeRasterizer` draws them with the `pen_width` and `ink`
            of the writer and a margin of `height // 16`.
        text, writer, ids : object array of str
            What is written, by whom, and a name for each sample. The writers are w000, w001 and so
            on for every seed, but w000 of two seeds are two different persons: rename them before
            you put two sets together.
        style : DataFrame of shape (n_samples, n_values)
            The values of the style of the sample's writer: lengths in x-heights, `pen_width` in
            pixels, `ink` as grey level, `slant` as tangent.
        DESCR : str
            What the data set is.
    (images, text) : tuple
        If `return_X_y`.

    Raises
    ------
    ValueError
        If a text is empty or holds a character that can't be written or is not in `alphabet`.

    See Also
    --------
    load_iam : Real handwriting as images.
    load_iam_online : Real handwriting as strokes.

    References
    ----------
    .. [1] A. V. Hershey, "Calligraphy for computers", U.S. Naval Weapons Laboratory, 1967.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> data = make_handwriting(4, n_writers=2, texts=["seven", "four"], random_state=0)
    >>> data.writer
    array(['w000', 'w001', 'w000', 'w001'], dtype=object)
    >>> data.images[0].shape[0], data.strokes[0].shape[1]
    (64, 3)
    """
    root = _root_seed(random_state)
    if alphabet is not None:
        _check_characters([alphabet], "alphabet")
    rngs = [np.random.default_rng((root, _SAMPLE, i)) for i in range(n_samples)]
    if texts is None:
        compose = _TextMaker(level, alphabet)
        written = [compose(rng) for rng in rngs]
    else:
        given = _check_texts(texts, alphabet)
        in_order = len(given) == n_samples
        written = [given[i if in_order else rng.integers(len(given))] for i, rng in enumerate(rngs)]
    hands = [_Hand(root, writer, height) for writer in range(min(n_writers, n_samples))]
    writer = np.arange(n_samples) % n_writers
    strokes = [
        hands[w].write(text, rng) for w, text, rng in zip(writer, written, rngs, strict=True)
    ]
    styles = [hands[w].style for w in writer]
    images = [
        draw_strokes(s, height, pen_width=style.pen_width, margin=height // 16, ink=style.ink)
        for s, style in zip(strokes, styles, strict=True)
    ]
    if return_X_y:
        return object_array(images), object_array(written)
    return Bunch(
        strokes=object_array(strokes),
        images=object_array(images),
        text=object_array(written),
        writer=object_array([f"w{w:03d}" for w in writer]),
        style=pd.DataFrame([asdict(style) for style in styles]),
        ids=object_array([f"w{w:03d}-{i:05d}" for i, w in enumerate(writer)]),
        DESCR=_DESCR,
    )


def _root_seed(random_state: int | np.random.RandomState | None) -> int:
    if random_state is None:  # fresh, without a step of numpy's global generator
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))


def _check_texts(texts: Iterable[Any], alphabet: str | None) -> list[str]:
    given = []
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{row}] is {text!r} ({type(text).__name__}); texts are str")
        if not text.strip():
            raise ValueError(f"texts[{row}] is {text!r}; there is nothing to write")
        given.append(unicodedata.normalize("NFC", text))
    if not given:
        raise ValueError("texts is empty; give one text or more, or None for the built-in ones")
    _check_characters(given, "texts")
    if alphabet is not None:
        allowed = {*unicodedata.normalize("NFC", alphabet), " "}
        for row, text in enumerate(given):
            if foreign := sorted(set(text) - allowed):
                raise ValueError(f"texts[{row}] holds {foreign[0]!r}, which is not in alphabet")
    return given


def _check_characters(texts: Sequence[str], name: str) -> None:
    for row, text in enumerate(texts):
        for character in unicodedata.normalize("NFC", text):
            if character != " " and not letter_forms(character):
                where = name if name == "alphabet" else f"{name}[{row}]"
                raise ValueError(
                    f"{where} holds {character!r}, for which there is no letter form; there are "
                    "forms of printable ASCII, accented Latin letters, and curly quotes and dashes"
                )


class _TextMaker:
    """Built-in texts, spelt with the characters of an alphabet."""

    def __init__(self, level: str, alphabet: str | None) -> None:
        self._level = level
        self._alphabet = None if alphabet is None else set(unicodedata.normalize("NFC", alphabet))
        if alphabet is not None and not alphabet.strip():
            raise ValueError(f"alphabet is {alphabet!r}; give one character or more to write")
        self._words = [word for word in _WORDS.split() if self._spells(word)]
        sentences = _SENTENCES.strip().replace("\n", "|").split("|")
        self._sentences = [text for text in sentences if self._spells(text)]
        self._letters = sorted((self._alphabet or set()) - {" "})

    def __call__(self, rng: np.random.Generator) -> str:
        if self._level == "word":
            return self._word(rng)
        if self._sentences and rng.random() < 0.3:
            return self._sentences[rng.integers(len(self._sentences))]
        length, words = rng.integers(25, 50), [self._word(rng)]
        while sum(map(len, words)) + len(words) < length:
            words.append(self._word(rng))
        return " ".join(words) if self._spells(" ") else words[0]

    def _spells(self, text: str) -> bool:
        return self._alphabet is None or self._alphabet.issuperset(text)

    def _word(self, rng: np.random.Generator) -> str:
        """A word, perhaps with a capital or punctuation, or a number."""
        if len(self._words) < 10:
            picks = rng.integers(len(self._letters), size=rng.integers(1, 9))
            return "".join(self._letters[pick] for pick in picks)
        word = self._words[rng.integers(len(self._words))]
        number = str(rng.integers(10 ** rng.integers(1, 5)))
        mark = ",,,,,....;:!?-"[rng.integers(14)]
        quotes = ('"{}"', "({})", "'{}'")[rng.integers(3)]
        for changed, probability in (
            (number, 0.04),
            (word[0].upper() + word[1:], 0.15),
            (word + mark, 0.13),
            (quotes.format(word), 0.03),
        ):
            if rng.random() < probability and self._spells(changed):
                return changed
        return word
