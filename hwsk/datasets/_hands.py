"""Write single-stroke letter forms by hands of made-up writers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from sklearn.utils import check_random_state

from hwsk.datasets._letter_forms import LetterForm, letter_forms

Points = NDArray[np.float64]
STEP = 1 / 12  # x-heights between the points of a letter
_LINK = 10  # points of a stroke that joins two letters
_STRETCH = np.array([[1, 1], [0.6, 0.6]])  # along x and y, relative
_WAVES = 3  # of a smooth deformation
HAND, LETTER, SAMPLE = range(3)  # what a random stream is for


@dataclass(frozen=True)
class Style:
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


def make_style(rng: np.random.Generator, height: int) -> Style:
    kind = str(rng.choice(["print", "mixed", "script"], p=[0.4, 0.3, 0.3]))
    script = {"print": (0, 0), "mixed": (0.1, 0.6), "script": (0.6, 1)}[kind]
    joining = {"print": (-0.4, 0.4), "mixed": (0.3, 0.95), "script": (0.8, 1)}[kind]
    spacing = {"print": (0.1, 0.5), "mixed": (0.08, 0.4), "script": (-0.05, 0.3)}[kind]
    aspect = {"print": (0.65, 1.3), "mixed": (0.6, 1.2), "script": (0.5, 1.1)}[kind]
    ascender, descender = rng.uniform(0.5, 1.4), rng.uniform(0.45, 1.2)
    width = rng.uniform(*aspect)
    x_height = height / (1.2 + ascender + descender)  # in pixels of an image
    thickest = 0.21 * x_height * min(1.0, width)  # leaves paper between the strokes
    return Style(
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


class Hand:
    """A writer: a style, and letter forms that stay the writer's own."""

    def __init__(self, root: int, writer: int, height: int) -> None:
        self._seed = (root, LETTER, writer)
        self.style = make_style(np.random.default_rng((root, HAND, writer)), height)
        self._glyphs: dict[str, _Glyph] = {}

    def write(self, text: str, rng: np.random.Generator) -> NDArray[np.float32]:
        """The strokes of a text, as it comes out this time."""
        style = self.style
        glyphs, left, base, scale, word = self._lay_out(text, rng)
        first = np.cumsum([0, *(len(glyph.points) for glyph in glyphs)])
        of = np.repeat(np.arange(len(glyphs)), np.diff(first))
        points = np.concatenate([glyph.points for glyph in glyphs])
        points = deform(points, rng, style.variation, of) * scale[of, np.newaxis]
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
        points = round_corners(points, pen_up, style.rounding)
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
        strokes = [resample(stroke, STEP) for stroke in (*form.body, *form.marks)]
        ends = list(np.cumsum([len(stroke) for stroke in strokes]))
        points = deform(np.concatenate(strokes), rng, style.own_shapes)
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


def resample(stroke: Points, step: float) -> Points:
    """Points about `step` apart along a polyline."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    along = np.concatenate([[0], np.cumsum(lengths)])
    at = np.linspace(0, along[-1], max(2, round(along[-1] / step) + 1))
    return np.column_stack([np.interp(at, along, stroke[:, 0]), np.interp(at, along, stroke[:, 1])])


def deform(
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


def round_corners(points: Points, pen_up: NDArray[np.bool_], passes: int) -> Points:
    """Smooth each stroke, its ends held."""
    inner = ~(pen_up[1:-1] | pen_up[:-2])[:, np.newaxis]
    for _ in range(passes):
        points[1:-1] = np.where(
            inner, (points[:-2] + 2 * points[1:-1] + points[2:]) / 4, points[1:-1]
        )
    return points


def root_seed(random_state: int | np.random.RandomState | None) -> int:
    if random_state is None:  # fresh, without a step of numpy's global generator
        return int(np.random.default_rng().integers(2**31))
    return int(check_random_state(random_state).randint(2**31 - 1))
