"""Name images that seem to hold two samples: too long, and alike to the others once cut in two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.images import check_images
from hwsk.verification._inked import Ink, Inked, View, cut, length_of, separate, take_view

_LONGER = 1.3  # times as long as the others in proportion, at least; two are about twice as long
_VARIED = 1.7  # times as long as usual: if one sample of a calibration is, length is less of a sign
_BEYOND = 1.05  # times the longest that were no two, in such a calibration
_USUAL = 0.995  # of a calibration's images
_MOST_NAMED = 0.03  # of the good images of a calibration, each beside another one
_LIKE = 0.55, 1.75  # proportions of a part, in those of the others
_GAP = 0.08  # heights of ink, at least, for a calibration
_GAPS = 3  # the widest are tried
_MIDDLE = 0.3, 0.7  # where a cut may lie
_CUTS = 4  # that are tried: the columns of least ink, so far from each other
_APART = 0.06
_WEIGHTS = 1.5, 0.2, -0.6, 0.5  # like logistic regression's on two signatures, and on one
_EVIDENCE = 1.04
"""Of two samples: how alike the better part is, the worse one, the whole, and the logarithm of how
long it is; the sum that hardly one signature in a hundred reaches, another writer's included."""


class Shape(NamedTuple):
    """How long ink is for its height, and its parts on both sides of the widest gaps."""

    length: float
    parts: list[tuple[float, float]]


def measure_shapes(ink: Ink) -> list[Shape]:
    """Shapes of ink, along it and across; none without ink."""
    return [_measure_along(ink), _measure_along(np.ascontiguousarray(ink.T))] if ink.size else []


def _measure_along(ink: Ink) -> Shape:
    columns = np.flatnonzero(ink.max(axis=0))
    gaps = np.diff(columns) - 1
    parts = []
    for k in np.argsort(-gaps)[:_GAPS]:
        if gaps[k] >= _GAP * ink.shape[0]:
            place = columns[k] + 1
            parts.append((length_of(cut(ink[:, :place])), length_of(cut(ink[:, place:]))))
    return Shape(length_of(ink), parts)


def find_longest(images: Any, writers: NDArray[np.intp], forged: NDArray[np.bool_]) -> float | None:
    """How many times as long as usual of its writer an image is that falls into two, at most.

    But for one of 200 images: some forgers get the proportions wrong.

    Parameters
    ----------
    images : sequence of images
    writers : ndarray of shape (n_samples,)
        Of a forgery, whose hand it imitates.
    forged : ndarray of shape (n_samples,)

    Returns
    -------
    longest : float or None
        1 at least. None where writers have written texts of many lengths, such as lines, so that
        too many good images would be named.
    """
    checked = check_images(images)
    lengths, named = np.ones(len(checked)), []
    for writer in np.unique(writers):
        own = np.flatnonzero(writers == writer)
        inks = {int(i): separate(checked[i]) for i in own}
        measured = {i: measure_shapes(ink) for i, ink in inks.items() if ink.size}
        genuine = [i for i in measured if not forged[i]]
        if not genuine:
            continue
        for axis in range(2):
            usual = float(np.median([measured[i][axis].length for i in genuine]))
            for i, shapes in measured.items():
                if _has_like_parts(shapes[axis], usual):
                    lengths[i] = max(lengths[i], shapes[axis].length / usual)
            views = [take_view(inks[i].T if axis else inks[i]) for i in genuine]
            named += [
                find_evidence(one, [other]) > _EVIDENCE
                for one, other in zip(views, views[1:] + views[:1], strict=True)
            ]
    if np.sum(named) > _MOST_NAMED * len(named) / 2:  # each image is looked at along and across
        return None
    return float(np.quantile(lengths, _USUAL))


def _has_like_parts(shape: Shape, usual: float) -> bool:
    return any(all(_is_like(part, usual) for part in parts) for parts in shape.parts)


def _is_like(length: float, usual: float) -> bool:
    least, most = _LIKE
    return least * usual <= length <= most * usual


def name_joined(one: Sequence[Inked], other: Sequence[Inked], longest: float) -> list[str]:
    """Name each image that is too long beside those of the other side, and like two of them."""
    sides = [[sample for sample in side if sample.ink.size] for side in (one, other)]
    least = _LONGER if longest <= _VARIED else _BEYOND * longest
    doubts = []
    for own, others in zip(sides, sides[::-1], strict=True):
        for sample in own if others else ():
            for axis, where in enumerate(("side by side", "one above the other")):
                like = [known.views[axis] for known in others]
                if find_evidence(sample.views[axis], like, least) > _EVIDENCE:
                    doubts.append(
                        f"{sample.name}: it is long, and cut in two it is like the other side "
                        f"(two samples {where}?)"
                    )
    return doubts


def find_evidence(view: View, others: Sequence[View], least: float = _LONGER) -> float:
    """Weigh how much longer an image is than others, and whether its parts are more like them.

    Parameters
    ----------
    view : View
    others : sequence of View
        One at least.
    least : float
        Times as long as the others: what is less long is not cut.

    Returns
    -------
    evidence : float
        Of two samples in the image; minus infinity if there is none.
    """
    usual = float(np.median([other.length for other in others]))
    if view.length < least * usual:
        return -np.inf
    drawn = np.stack([other.drawn for other in others])
    whole, longer = float((drawn @ view.drawn).max()), float(np.log(view.length / usual))
    found = -np.inf
    for place in _find_cuts(view.ink):
        like = []
        for part in (cut(view.ink[:, :place]), cut(view.ink[:, place:])):
            is_like = part.size > 0 and _is_like(length_of(part), usual)
            like.append(float((drawn @ take_view(part).drawn).max()) if is_like else -1.0)
        found = max(found, float(np.dot(_WEIGHTS, (max(like), min(like), whole, longer))))
    return found


def _find_cuts(ink: Ink) -> Iterator[int]:
    """Columns in the middle with the least ink around them."""
    width = ink.shape[1]
    amount = (ink > 0).sum(axis=0).astype(np.float32)[np.newaxis]
    amount = cv2.GaussianBlur(amount, (0, 0), max(1.0, 0.01 * width)).ravel()
    first, end = round(_MIDDLE[0] * width), round(_MIDDLE[1] * width) + 1
    away = max(1, round(_APART * width))
    for _ in range(_CUTS):
        place = first + int(np.argmin(amount[first:end]))
        yield place
        amount[max(0, place - away) : place + away + 1] = np.inf
