"""Generate signatures: genuine ones and skilled forgeries."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import make_interp_spline
from scipy.ndimage import gaussian_filter, gaussian_filter1d
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._hands import (
    STEP,
    Hand,
    Points,
    Style,
    deform,
    make_style,
    resample,
    root_seed,
    round_corners,
)
from hwsk.preprocessing._stroke_drawing import draw_strokes

_SIGNER, _GENUINE, _FORGED = range(3, 6)  # what a random stream is for; 0 to 2 are those of _hands
_COARSE = 2.0  # a signature is bent in waves so many times longer than a single letter is
_GIVEN = """
Anna Boris Clara David Elena Frank Greta Hugo Irene Jonas Karin Leo Maria Nils Olga Peter Rosa Simon
Tara Ulrich Vera Walter Xenia Yann Zoe Amira Bela Chen Dmitri Esther
"""
_FAMILY = """
Abel Berger Castillo Dubois Eriksen Fontana Gruber Hansen Ibsen Jansen Keller Lindqvist Moreau Novak
Olsen Pereira Quist Rossi Schmid Tanaka Urban Vogel Weber Yilmaz Zeller Baker Cooper Hughes Miller
Okafor Singh Walsh
"""
_DESCR = """\
Generated signatures
--------------------

Names and scribbles with flourishes, signed by made-up writers and imitated by made-up forgers; the
letters are those of make_handwriting. No person's signature is in it.

strokes : object array of (T, 3) float32, [dx, dy, pen_up], y downwards
images  : object array of (height, width) uint8, dark ink on light paper
writer  : whose signature it is or pretends to be
forged  : whether it is a forgery
hand    : the writer of a genuine one, an id of its own for each forgery
ids     : a name for each sample
"""


@validate_params(
    {
        "n_writers": [Interval(Integral, 1, None, closed="left")],
        "n_genuine": [Interval(Integral, 1, None, closed="left")],
        "n_forged": [Interval(Integral, 0, None, closed="left")],
        "height": [Interval(Integral, 16, None, closed="left")],
        "clean": ["boolean"],
        "random_state": ["random_state"],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def make_signatures(
    n_writers: int = 20,
    n_genuine: int = 8,
    n_forged: int = 8,
    *,
    height: int = 96,
    clean: bool = False,
    random_state: int | np.random.RandomState | None = None,
    return_X_y: bool = False,
) -> Any:
    """Make signatures of made-up writers and skilled forgeries of them.

    A writer signs with a name in letters of his or her own, with an initial and a scribble, or with
    a scribble alone, mostly with a flourish. Genuine signatures vary as one's own do: bent and
    stretched a little, slanted and rounded more or less. A skilled forgery follows the shape of
    the genuine ones; but its slant and proportions lean to the forger's own, local shapes differ,
    and the pen moves slowly: it trembles, and is lifted where the writer would not.

    The pen, the ink and the paper are drawn for each sample from the same distribution, forged or
    not: they do not indicate a forgery.

    Parameters
    ----------
    n_writers : int, default=20
        Number of writers.
    n_genuine : int, default=8
        Number of genuine signatures of each.
    n_forged : int, default=8
        Number of skilled forgeries of each, every one by a forger of its own.
    height : int, default=96
        Height of the images in pixels; the width follows.
    clean : bool, default=False
        Whether the paper is white and without grain.
    random_state : int, RandomState instance or None, default=None
        Decides everything. With an int, the k-th genuine or forged signature of writer j is the
        same whatever the numbers are.
    return_X_y : bool, default=False
        Whether to return `(images, hand)` instead of a Bunch.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        Dictionary-like object, with attributes

        strokes : object array of ndarray of shape (T, 3)
            Offsets of the pen and whether it is lifted afterwards: dx, dy (downwards), pen_up.
            Lengths in x-heights.
        images : object array of ndarray of shape (height, width)
            uint8, dark ink on light paper.
        writer : object array of str
            Whose signature it is or pretends to be: s000, s001 and so on for every seed, but s000
            of two seeds are two persons.
        forged : ndarray of bool
            Whether it is a forgery.
        hand : object array of str
            The writer of a genuine signature; of each forgery an id of its own, so that no pair
            with a forgery is by the same writer. What a verifier is given as `y`.
        ids : object array of str
            A name for each sample.
        DESCR : str
            What the data set is.
    (images, hand) : tuple
        If `return_X_y`.

    See Also
    --------
    load_cedar_signatures : Real ones.
    make_handwriting : Words and lines.

    References
    ----------
    .. [1] M. A. Ferrer, M. Diaz-Cabrera and A. Morales, "Static signature synthesis: a
       neuromotor inspired approach for biometrics", IEEE TPAMI 37, 2015, 667-680.

    Examples
    --------
    >>> from hwsk.datasets import make_signatures
    >>> data = make_signatures(n_writers=2, n_genuine=2, n_forged=1, random_state=0)
    >>> data.hand
    array(['s000', 's000', 's000-f00', 's001', 's001', 's001-f00'],
          dtype=object)
    >>> data.images[0].shape[0], data.strokes[0].shape[1]
    (96, 3)
    """
    root = root_seed(random_state)
    strokes, images, writer, ids, forged = [], [], [], [], []
    for w in range(n_writers):
        signer = _Signer(root, w)
        for number in range(n_genuine + n_forged):
            is_forged = number >= n_genuine
            k = number - n_genuine if is_forged else number
            rng = np.random.default_rng((root, _FORGED if is_forged else _GENUINE, w, k))
            sample = signer.forge(rng) if is_forged else signer.sign(rng)
            strokes.append(sample)
            images.append(_draw(sample, height, clean, rng))
            writer.append(f"s{w:03d}")
            ids.append(f"s{w:03d}-{'f' if is_forged else 'g'}{k:02d}")
            forged.append(is_forged)
    hand = object_array([i if f else w for i, w, f in zip(ids, writer, forged, strict=True)])
    if return_X_y:
        return object_array(images), hand
    return Bunch(
        strokes=object_array(strokes),
        images=object_array(images),
        writer=object_array(writer),
        forged=np.array(forged),
        hand=hand,
        ids=object_array(ids),
        DESCR=_DESCR,
    )


class _Signer:
    """A writer with a signature: a path that each signing repeats, more or less.

    Lengths are in x-heights, the baseline at y = 0 and y downwards, as in `_handwriting`.
    """

    def __init__(self, root: int, writer: int) -> None:
        rng = np.random.default_rng((root, _SIGNER, writer))
        hand = Hand(root, writer, height=64)
        self._style = replace(
            hand.style,
            # Straight and in plain units: slant and wobble are added anew at each signing.
            size=1.0,
            slant=0.0,
            baseline_slope=0.0,
            baseline_wobble=0.0,
            tremor=0.0,
            variation=0.03,
            # A signature is written faster and larger than text.
            joining=rng.uniform(0.75, 1),
            script=rng.uniform(0.3, 1),
            capitals=hand.style.capitals * rng.uniform(1, 1.7),
            letter_spacing=rng.uniform(-0.1, 0.15),
            word_spacing=rng.uniform(0.1, 0.6),
            own_shapes=rng.uniform(0.08, 0.16),
        )
        hand.style = self._style
        self._slant = hand.style.slant + float(np.clip(rng.normal(0.2, 0.3), -0.4, 0.9))
        self._stability = rng.uniform(0.7, 1.3)
        self._rounding = int(rng.integers(3, 12))
        self._points, self._pen_up = _invent(hand, rng)

    def sign(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """A genuine signature."""
        points = self._vary(self._points, rng, self._stability)
        rounding = max(1, round(self._rounding * rng.uniform(0.7, 1.4)))
        points = round_corners(points, self._pen_up, rounding)
        points = _shake(points, rng, abs(rng.normal(0, 0.007)))
        return _as_strokes(points, self._pen_up, self._slant + rng.normal(0, 0.06))

    def forge(self, rng: np.random.Generator) -> NDArray[np.float32]:
        """A skilled forgery: the same path in a hand that has other habits and takes its time."""
        forger = make_style(rng, 64)
        points = round_corners(self._points.copy(), self._pen_up, self._rounding)
        points = _lean(points, self._style, forger, rng.uniform(0.15, 0.4))
        points = self._vary(points, rng, rng.uniform(1.1, 1.7))
        points, pen_up = _hesitate(points, self._pen_up, rng)
        points = _shake(points, rng, rng.uniform(0.006, 0.024))
        slant = self._slant + rng.uniform(0.15, 0.45) * (forger.slant - self._slant)
        return _as_strokes(points, pen_up, slant + rng.normal(0, 0.06))

    def _vary(self, points: Points, rng: np.random.Generator, amount: float) -> Points:
        points = _place(points, self._pen_up, rng, 0.1 * amount)
        points = _modulate(points, rng, 0.1 * amount)
        return deform(points / _COARSE, rng, 0.035 * amount) * _COARSE


def _as_strokes(points: Points, pen_up: NDArray[np.bool_], slant: float) -> NDArray[np.float32]:
    slanted = np.column_stack([points[:, 0] - slant * points[:, 1], points[:, 1]])
    offsets = np.diff(slanted, axis=0, prepend=slanted[:1])
    return np.column_stack([offsets, pen_up]).astype(np.float32)


def _smooth_noise(rng: np.random.Generator, shape: tuple[int, int], length: float) -> Points:
    """Noise of deviation 1 that changes over about `length` points."""
    noise = gaussian_filter1d(rng.standard_normal(shape), length, axis=0, mode="wrap")
    return noise * np.sqrt(2 * length * np.sqrt(np.pi))


def _place(
    points: Points, pen_up: NDArray[np.bool_], rng: np.random.Generator, amount: float
) -> Points:
    """Set down the pen for each stroke not quite where it was the last time."""
    stroke = np.concatenate([[0], np.cumsum(pen_up[:-1])])
    return points + amount * rng.standard_normal((stroke[-1] + 1, 2))[stroke]


def _modulate(points: Points, rng: np.random.Generator, amount: float) -> Points:
    """Go some way faster and some way slower, so that letters come out wider, taller, nearer."""
    offsets = np.diff(points, axis=0, prepend=points[:1])
    offsets *= 1 + amount * _smooth_noise(rng, points.shape, 1.5 / STEP)
    drift = np.cumsum(offsets, axis=0) + points[0] - points
    drift[:, 1] -= gaussian_filter1d(drift[:, 1], 4 / STEP)  # the writer keeps to the baseline
    return points + drift


def _shake(points: Points, rng: np.random.Generator, amount: float) -> Points:
    return points + amount * _smooth_noise(rng, points.shape, 0.15 / STEP)


def _lean(points: Points, own: Style, forger: Style, share: float) -> Points:
    """Proportions that go some way from the writer's to the forger's."""
    above, below = (
        (theirs / mine) ** share
        for mine, theirs in (
            (1 + own.ascender, 1 + forger.ascender),
            (own.descender, forger.descender),
        )
    )
    x, y = points.T
    # The x-height stays; what is above it and below the baseline is stretched.
    y = np.where(y < -1, -1 + (y + 1) * above, np.where(y > 0, y * below, y))
    return np.column_stack([x * (forger.aspect / own.aspect) ** share, y])


def _hesitate(
    points: Points, pen_up: NDArray[np.bool_], rng: np.random.Generator
) -> tuple[Points, NDArray[np.bool_]]:
    """Lift the pen once or twice within a stroke and set it down not quite where it was."""
    points, pen_up = points.copy(), pen_up.copy()
    inner = np.flatnonzero(~pen_up[:-1])
    for at in inner[rng.integers(len(inner), size=rng.integers(0, 3))]:
        pen_up[at] = True
        points[at + 1 :] += rng.normal(0, 0.06, 2)
    return points, pen_up


def _draw(
    strokes: NDArray[np.float32], height: int, clean: bool, rng: np.random.Generator
) -> NDArray[np.uint8]:
    pen = max(1.0, height * rng.uniform(0.018, 0.04))
    ink = int(rng.triangular(0, 20, 110))
    tone, grain, blur = rng.uniform(225, 255), rng.uniform(0, 5), rng.uniform(0.3, 0.8)
    image = draw_strokes(strokes, height, pen_width=pen, margin=height // 16, ink=ink)
    if clean:
        return image
    soft = gaussian_filter(image.astype(np.float64), blur) * tone / 255
    noisy = soft + grain * gaussian_filter(rng.standard_normal(image.shape), 0.7) * 2
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8)


# What a signature looks like: a body, and mostly a flourish.


def _invent(hand: Hand, rng: np.random.Generator) -> tuple[Points, NDArray[np.bool_]]:
    kind = str(rng.choice(["name", "initial", "scribble"], p=[0.5, 0.3, 0.2]))
    given, family = str(rng.choice(_GIVEN.split())), str(rng.choice(_FAMILY.split()))
    initial = given[0]
    if kind == "name":
        patterns = [family, f"{initial}{family}", f"{given} {family}", f"{initial}. {family}"]
        lines = _fade(_written(hand, str(rng.choice(patterns)), rng), rng.uniform(0, 0.6))
    elif kind == "initial":
        lines = _written(hand, family[0] if rng.random() < 0.5 else initial + family[0], rng)
        lines.append(_scribble(rng) + [_right_end(lines), 0.0])
    else:
        lines = [_scribble(rng)]
    if rng.random() < 0.75:
        draw = _FLOURISHES[rng.integers(len(_FLOURISHES))]
        lines.append(_spline(draw(lines, rng)))
    points = np.concatenate(lines)
    pen_up = np.zeros(len(points), bool)
    pen_up[np.cumsum([len(line) for line in lines]) - 1] = True
    return points, pen_up


def _written(hand: Hand, text: str, rng: np.random.Generator) -> list[Points]:
    strokes = hand.write(text, rng)
    points = np.cumsum(strokes[:, :2], axis=0, dtype=np.float64)
    points += -points.min(axis=0)[0], 0.0
    lines = np.split(points, np.flatnonzero(strokes[:-1, 2]) + 1)
    # Strokes begin at zero, wherever that is in the letter: the bulk of the writing lies between
    # the baseline and the x-height, so its middle is half an x-height above the baseline.
    lift = np.median(points[:, 1]) + 0.5
    return [line - [0.0, lift] for line in lines]


def _fade(lines: list[Points], share: float) -> list[Points]:
    """Letters get lower towards the end, which many writers only hint at."""
    right = _right_end(lines)
    return [
        np.column_stack([x, y * (1 - share * np.clip(x / right, 0, 1) ** 0.7)])
        for x, y in (line.T for line in lines)
    ]


def _right_end(lines: Sequence[Points]) -> float:
    return float(max(line[:, 0].max() for line in lines))


def _scribble(rng: np.random.Generator) -> Points:
    """Loops, garlands or arcades that go to the right and mostly get lower."""
    n_turns = int(rng.integers(3, 9))
    length = n_turns * rng.uniform(0.5, 1.1)
    n = 40 * n_turns
    t = np.linspace(0, 1, n)
    knots = np.linspace(0, 1, n_turns + 1)
    pace = np.interp(t, knots, rng.lognormal(0, 0.35, n_turns + 1))
    phase = rng.uniform(0, 2 * np.pi) + 2 * np.pi * n_turns * np.cumsum(pace) / pace.sum()
    tall = np.interp(t, knots, rng.lognormal(0, 0.5, n_turns + 1)) * (1 - rng.uniform(0, 0.7) * t)
    wide = np.interp(t, knots, rng.uniform(0.05, 0.5, n_turns + 1))
    lag = rng.uniform(0, 2 * np.pi)
    deep = np.interp(t, knots, np.maximum(0, rng.normal(0, 0.6, n_turns + 1)))
    x = length * t + wide * np.sin(phase + lag)
    y = -tall * (1 + np.cos(phase)) / 2 + deep * (1 - np.cos(phase)) / 2
    line = np.column_stack([x - x.min(), gaussian_filter1d(y, 3)])
    return resample(line, STEP)


def _spline(corners: Points) -> Points:
    """A smooth line through the points."""
    along = np.concatenate([[0], np.cumsum(np.sqrt(np.hypot(*np.diff(corners, axis=0).T)))])
    curve = make_interp_spline(along, corners, k=min(3, len(corners) - 1))
    return resample(curve(np.linspace(0, along[-1], 200)), STEP)


def _underline(lines: list[Points], rng: np.random.Generator) -> Points:
    left, right = rng.uniform(-0.1, 0.2), rng.uniform(0.9, 1.15)
    x = np.array([left, 0.5, right]) * _right_end(lines)
    return np.column_stack([x, rng.uniform(0.5, 1.1) + rng.normal(0, [0.1, 0.15, 0.3])])


def _paraph(lines: list[Points], rng: np.random.Generator) -> Points:
    """From the end back below the name, and to the right again."""
    x = np.array([1.0, 1.08, 0.6, 0.1, 0.02, 0.4, rng.uniform(0.8, 1.2)]) * _right_end(lines)
    y = np.array([0.0, 0.5, 0.75, 0.8, 1.15, 1.0, 0.85]) * rng.uniform(0.8, 1.6)
    start = lines[-1][-1]
    corners = np.column_stack([x, y]) + rng.normal(0, 0.12, (len(x), 2))
    return np.concatenate([start[np.newaxis], corners[1:]])


def _tail(lines: list[Points], rng: np.random.Generator) -> Points:
    """On from the end, in a long stroke that ends in a hook."""
    length, rise = rng.uniform(1, 4), rng.uniform(-1, 0.6)
    x = np.array([0, 0.4, 0.8, 1.0, 0.85]) * length
    y = np.array([0, 0.15, rise * 0.6, rise, rise + rng.uniform(-0.5, 0.5)])
    return np.column_stack([x, y]) + lines[-1][-1] + rng.normal(0, 0.05, (5, 2))


def _ring(lines: list[Points], rng: np.random.Generator) -> Points:
    """A loop around the beginning, or around all."""
    right = _right_end(lines) * (1 if rng.random() < 0.4 else rng.uniform(0.3, 0.6))
    turn = rng.uniform(0, 2 * np.pi) + np.linspace(0, 2 * np.pi * rng.uniform(0.8, 1.3), 9)
    center, reach = np.array([right / 2, -0.6]), np.array([right * 0.65, rng.uniform(1, 1.9)])
    return center + reach * np.column_stack([np.cos(turn), np.sin(turn)])


def _curls(lines: list[Points], rng: np.random.Generator) -> Points:
    """Loops along a line below the name."""
    n_loops = int(rng.integers(2, 5))
    turn = np.linspace(0, 2 * np.pi * n_loops, 8 * n_loops + 1)
    width = _right_end(lines) * rng.uniform(0.5, 1)
    radius = width / n_loops * rng.uniform(0.25, 0.45)
    x = width * turn / turn[-1] + radius * np.sin(turn)
    y = rng.uniform(0.9, 1.3) + radius * rng.uniform(0.3, 0.7) * np.cos(turn)
    return np.column_stack([x, y])


_FLOURISHES: tuple[Callable[[list[Points], np.random.Generator], Points], ...] = (
    _underline,
    _paraph,
    _tail,
    _ring,
    _curls,
)
