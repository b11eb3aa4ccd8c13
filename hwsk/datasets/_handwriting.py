"""Generate handwriting from single-stroke letter forms, with a style for each writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from numbers import Integral
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._hands import SAMPLE, Hand, root_seed
from hwsk.datasets._made_texts import TextMaker, check_characters, check_texts
from hwsk.preprocessing._stroke_drawing import draw_strokes

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
        printable ASCII, £ and €, accented Latin letters and typographic quotes and dashes.
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
    root = root_seed(random_state)
    if alphabet is not None:
        check_characters([alphabet], "alphabet")
    rngs = [np.random.default_rng((root, SAMPLE, i)) for i in range(n_samples)]
    if texts is None:
        compose = TextMaker(level, alphabet)
        written = [compose(rng) for rng in rngs]
    else:
        given = check_texts(texts, alphabet)
        in_order = len(given) == n_samples
        written = [given[i if in_order else rng.integers(len(given))] for i, rng in enumerate(rngs)]
    hands = [Hand(root, writer, height) for writer in range(min(n_writers, n_samples))]
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
