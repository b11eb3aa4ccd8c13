"""Locate characters in a line with their confidence, and group them into words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.pipeline import Pipeline

from hwsk._data.images import Image, check_images
from hwsk._data.scan import walk

Details = dict[str, Any]

GAP = "[…]"  # what stands for a word that is too unsure
NEVER = -1e4  # a log-probability in place of -inf: a forced path has to go somewhere
_LEAST = 1e-12  # a probability in place of 0, where its logarithm is taken


class Found(NamedTuple):
    """A text that has been found again in the time steps.

    Parameters
    ----------
    steps : ndarray of int64 of shape (n, 2)
        First time step of each character, and the one behind its last.
    at_peak : ndarray of float64 of shape (n, n_classes)
        The log-probabilities at the time step where the character is likeliest.
    classes : ndarray of int64 of shape (n,)
        The characters.
    """

    steps: NDArray[np.int64]
    at_peak: NDArray[np.float64]
    classes: NDArray[np.int64]

    def probabilities(self, temperature: float = 1.0) -> NDArray[np.float64]:
        """Probability of each character at its peak."""
        scaled = log_softmax(np.maximum(self.at_peak, NEVER) / temperature, axis=1)
        return np.exp(scaled[np.arange(len(self.classes)), self.classes])

    def select(self, places: NDArray[np.int64]) -> Found:
        """Return some of the characters."""
        return Found(self.steps[places], self.at_peak[places], self.classes[places])


def find_characters(log_probs: NDArray[np.float64], text: str, alphabet: str) -> Found:
    """Align a text with the time steps, the most probable way [1]_.

    Parameters
    ----------
    log_probs : ndarray of shape (time, n_classes)
        Log-probabilities; class 0 is the blank.
    text : str
        Characters of the alphabet; it needs no more time steps than there are.
    alphabet : str
        Characters of the classes from 1.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, "Connectionist temporal
       classification", ICML 2006, section 4.1: its graph, with the maximum in place of the sum.
    """
    classes = np.array([alphabet.index(c) + 1 for c in text], np.int64)
    steps = _align(np.maximum(log_probs, NEVER), classes)
    peaks = [
        start + int(log_probs[start:stop, c].argmax())
        for (start, stop), c in zip(steps.tolist(), classes, strict=True)
    ]
    return Found(steps, log_probs[np.array(peaks, np.int64)], classes)


def _align(log_probs: NDArray[np.float64], classes: NDArray[np.int64]) -> NDArray[np.int64]:
    if not len(classes):
        return np.zeros((0, 2), np.int64)
    n_steps, n_states = len(log_probs), 2 * len(classes) + 1
    states = np.zeros(n_states, np.int64)  # blank, character, blank, character, ..., blank
    states[1::2] = classes
    skips = np.full(n_states, -np.inf)  # the blank before it: not between equal neighbours
    skips[3::2][classes[1:] != classes[:-1]] = 0
    emitted = log_probs[:, states]
    came = np.zeros((n_steps, n_states), np.int64)  # how many states forward
    score = np.full(n_states, -np.inf)
    score[:2] = emitted[0, :2]
    moves = np.full((3, n_states), -np.inf)
    for t in range(1, n_steps):
        moves[0] = score
        moves[1, 1:] = score[:-1]
        moves[2, 2:] = score[:-2] + skips[2:]
        came[t] = moves.argmax(axis=0)
        score = moves.max(axis=0) + emitted[t]
    state = n_states - 2 + int(score[-2:].argmax())
    path = np.empty(n_steps, np.int64)
    for t in range(n_steps - 1, -1, -1):
        path[t] = state
        state -= came[t, state]
    characters = np.arange(1, n_states, 2)
    return np.searchsorted(path, np.column_stack([characters, characters + 1]))


def fit_temperature(found: Sequence[Found], right: Sequence[NDArray[np.bool_]]) -> float:
    """The temperature at which the probabilities fit what was right: the least log loss."""
    truth = np.concatenate(right)
    whole = Found(*(np.concatenate(parts) for parts in zip(*found, strict=True)))

    def log_loss(log_temperature: float) -> float:
        p = whole.probabilities(math.exp(log_temperature))
        return -float(np.log(np.clip(np.where(truth, p, 1 - p), _LEAST, 1)).mean())

    best = minimize_scalar(log_loss, bounds=(math.log(0.1), math.log(10)), method="bounded")
    return math.exp(best.x)


def describe(
    text: str,
    found: Found,
    n_steps: int,
    image: Image | None = None,
    temperature: float = 1.0,
    places: NDArray[np.int64] | None = None,
    ink: tuple[float, float] | None = None,
) -> Details:
    """A reading as a record; positions in pixels of an image or, without one, in time steps.

    Character i of the text is that at `places[i]` among those that were found; None: all, in order.
    `ink` says between which time steps there is ink; None: it is looked for in the image, if any.
    """
    probabilities = found.probabilities(temperature)
    scale = 1.0
    if image is not None:
        scale = image.shape[1] / max(n_steps, 1)
        columns = np.flatnonzero(_ink_of_columns(image))
        ink = (columns[0] / scale, (columns[-1] + 1) / scale) if len(columns) else None
    edges = _edges(found.steps, n_steps, ink) * scale
    if places is not None:
        probabilities, edges = probabilities[places], edges[places]
    characters = [
        {"text": c, "probability": float(p), "start": start, "stop": stop}
        for c, p, (start, stop) in zip(text, probabilities, edges.tolist(), strict=True)
    ]
    words, place = [], 0
    for word in text.split():
        start = text.index(word, place)
        place = start + len(word)
        words.append(
            {
                "text": word,
                **_means(probabilities[start:place]),
                "start": float(edges[start:place, 0].min()),
                "stop": float(edges[start:place, 1].max()),
            }
        )
    details = {"text": text, **_means(probabilities), "words": words, "characters": characters}
    if image is not None:
        _trim(details, image)
    return details


def _trim(details: Details, image: Image) -> None:
    """Let words and characters begin and end where their ink does."""
    inked = np.flatnonzero(_ink_of_columns(image))
    for part in (*details["words"], *details["characters"]):
        inside = inked[(inked + 0.5 > part["start"]) & (inked + 0.5 < part["stop"])]
        if len(inside) and not part["text"].isspace():
            part["start"] = max(part["start"], float(inside[0]))
            part["stop"] = min(part["stop"], float(inside[-1] + 1))


def _means(probabilities: NDArray[np.float64]) -> dict[str, float]:
    if not len(probabilities):
        return {"mean": 0.0, "minimum": 0.0, "geometric_mean": 0.0}
    logarithms = np.log(np.maximum(probabilities, _LEAST))
    return {
        "mean": float(probabilities.mean()),
        "minimum": float(probabilities.min()),
        "geometric_mean": float(np.exp(logarithms.mean())),
    }


def _edges(
    steps: NDArray[np.int64], n_steps: int, ink: tuple[float, float] | None
) -> NDArray[np.float64]:
    """Find the time steps at which each character begins and ends.

    CTC shows a character for a step or two of its width, and a network may do so early or late, by
    up to a character. So the peaks are moved, by no more than the distance of two, until the first
    and the last stand half of that from where the ink begins and ends. A character reaches half way
    to its neighbours; the first and the last, outwards as far as their neighbours stand.
    """
    if len(steps) < 2:
        return np.tile([0.0, n_steps], (len(steps), 1))
    middle = steps.mean(axis=1)
    apart = (middle[-1] - middle[0]) / (len(middle) - 1)
    if ink is not None:
        off = np.array([ink[0] + apart / 2 - middle[0], ink[1] - apart / 2 - middle[-1]])
        most = apart * min(1.0, 0.4 * (len(middle) - 1))  # so that they stay in order
        middle = middle + np.interp(middle, middle[[0, -1]], np.clip(off, -most, most))
    between = (middle[:-1] + middle[1:]) / 2
    first = max(0.0, 2 * middle[0] - middle[1])
    last = min(float(n_steps), 2 * middle[-1] - middle[-2])
    return np.array(list(pairwise([first, *between, last])))


def as_returned(reader: Any, texts: Sequence[str]) -> list[str]:
    """Bring true texts into the form in which a reader returns texts, to compare both."""
    last = reader[-1] if isinstance(reader, Pipeline) else reader
    return last._as_returned(texts) if hasattr(last, "_as_returned") else list(texts)


def with_gaps(details: Details, min_confidence: float) -> str:
    """The text, words that hold a character less probable than that replaced by a mark."""
    return " ".join(
        GAP if word["minimum"] < min_confidence else word["text"] for word in details["words"]
    )


def predict_details(reader: Any, X: Any) -> list[Details]:
    """Read images, and say where each character and word stands and how sure it is.

    It is `predict_details` of :class:`CTCRecognizer`, for a Pipeline that ends in one: positions
    are then those in the images that the Pipeline is given, whatever its steps do to them.

    Parameters
    ----------
    reader : CTCRecognizer or Pipeline
        A fitted recognizer, or a fitted Pipeline that ends in one.
    X : array-like of images
        As the reader's `predict` takes them.

    Returns
    -------
    details : list of dict
        A record for each image; :meth:`CTCRecognizer.predict_details` says what is in it.

    Raises
    ------
    TypeError
        If the reader has no `predict_details`.

    Notes
    -----
    Cropping, scaling, deslanting and deskewing move all ink alike, as seen from above. So positions
    are carried over by the scale and the shift that bring the ink of the image that the recognizer
    is given to where it stands in the image that the Pipeline is given. Where much of what is dark
    is not writing (ruled lines, a black border), they can be off by as much.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.preprocessing import HeightNormalizer
    >>> from hwsk.recognition import CTCRecognizer, predict_details
    >>> words = make_handwriting(20, texts=["on", "no"], height=64, random_state=0)
    >>> recognizer = CTCRecognizer(
    ...     height=16, channels=(4, 8, 8), hidden_units=8, max_epochs=1, random_state=0
    ... )
    >>> reader = make_pipeline(HeightNormalizer(16), recognizer).fit(words.images, words.text)
    >>> sorted(predict_details(reader, words.images[:1])[0])
    ['characters', 'geometric_mean', 'language_fit', 'mean', 'minimum', 'relative', 'text', 'words']
    """
    recognizer = reader[-1] if isinstance(reader, Pipeline) else reader
    if not hasattr(recognizer, "predict_details"):
        raise TypeError(
            f"{type(recognizer).__name__} has no predict_details; a CTCRecognizer has, and a "
            "Pipeline that ends in one"
        )
    if recognizer is reader:
        return recognizer.predict_details(X)
    if not hasattr(recognizer, "height"):  # images are lined up by their ink
        raise TypeError(
            f"positions in what a Pipeline ending in {type(recognizer).__name__} is given are not "
            "known; call reader[-1].predict_details(reader[:-1].transform(X)) for those of its "
            "last step"
        )
    images = check_images(X, recognizer)
    # Made once, whoever goes over them: in height and number they are less than the records.
    lazy = check_images(reader[:-1].transform(X))
    prepared = images.loaded([image for _, image in walk(lazy)])
    details = recognizer.predict_details(prepared)
    for image, seen, record in zip(images, prepared, details, strict=True):
        scale, shift = _line_up(seen, image)
        for part in (*record["words"], *record["characters"]):
            for end in ("start", "stop"):
                part[end] = min(max(scale * part[end] + shift, 0.0), float(image.shape[1]))
        _trim(record, image)
    return details


def _line_up(seen: Image, image: Image) -> tuple[float, float]:
    """Scale and shift that carry columns of one image to those of another of the same ink."""
    from_, to = _quantiles(seen), _quantiles(image)
    if np.ptp(from_) == 0:  # no ink, or one stroke
        return image.shape[1] / seen.shape[1], 0.0
    scale, shift = np.polyfit(from_, to, 1)
    return float(scale), float(shift)


def _quantiles(image: Image) -> NDArray[np.float64]:
    """Columns that have 1%, 2%, ... 99% of the ink to their left."""
    ink = _ink_of_columns(image)
    if not ink.any():
        return np.zeros(99)
    share = np.r_[0, np.cumsum(ink)] / ink.sum()
    return np.interp(np.arange(1, 100) / 100, share, np.arange(len(share)))


def _ink_of_columns(image: Image) -> NDArray[np.int64]:
    """Pixels of ink in each column, be it light or dark: what stands out from most of the image."""
    contrast = np.abs(image.astype(np.float32) - np.median(image))
    return (contrast > contrast.max() / 2).sum(axis=0)
