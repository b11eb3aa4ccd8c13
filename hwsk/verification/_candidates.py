"""Hold the result of an open-set identification: ranked writers, and "none of these"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit, logsumexp, softmax
from sklearn.linear_model import LogisticRegression

from hwsk._wording import count
from hwsk.verification._comparison import name_times
from hwsk.verification._sides import Side, find_copy

__all__ = ["CandidateList"]

_SHOWN = 5  # candidates that are printed
_C = 10.0  # inverse strength of the penalty: more shrinks ratios less
_SEARCHES = 20  # that are drawn for each writer of a calibration
_FEWEST_WRITERS, _MOST_WRITERS = 10, 500  # that searches are drawn of


@dataclass(frozen=True)
class CandidateList:
    """Hold the result of `HandComparer.identify`: who of the known writers, or none of them.

    Parameters
    ----------
    ranking : DataFrame
        A row for each known writer, the most likely first, with the `probability` that he or she
        wrote the questioned samples, the `log_likelihood_ratio` against a writer of the
        calibration, kept within its bounds, the `score` before that, `n_images` and, for each part
        of the representation, `distance_PART`.
    none_probability : float
        Probability that none of them did. With those of the ranking the sum is 1.
    log_likelihood_ratio : float
        Natural logarithm of how many times likelier what was found is if one of the known writers
        wrote the questioned samples than if another did, within the bounds of the calibration.
    score : float
        The same without bounds: what a threshold is set on.
    prior : float
        Probability beforehand that one of the known writers wrote them.
    n_images : int
        Questioned samples.
    basis : dict, default={}
        What the calibration rests on, as in :class:`HandComparison`.
    doubts : tuple of str, default=()
        Samples that the calibration does not hold for, as in :class:`HandComparison`. If there are
        any, the ratios are 0 and the probabilities those of beforehand; `score` remains.

    See Also
    --------
    HandComparison : One questioned side against one known.
    hwsk.metrics.detection_and_identification_rate : Evaluate such lists.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.verification import HandComparer
    >>> rng = np.random.default_rng(0)
    >>> writers = np.repeat(np.arange(60), 4)
    >>> vectors = rng.normal(size=(60, 5))[writers] + rng.normal(0, 0.2, size=(240, 5))
    >>> comparer = HandComparer(random_state=0).fit(vectors[40:], writers[40:])
    >>> known = {f"writer {i}": vectors[4 * i : 4 * i + 2] for i in range(5)}
    >>> candidates = comparer.identify(vectors[2], known)
    >>> candidates.ranking.index[0]
    'writer 0'
    >>> comparer.identify(vectors[30], known).none_probability > 0.5
    True
    """

    ranking: pd.DataFrame
    none_probability: float
    log_likelihood_ratio: float
    score: float
    prior: float
    n_images: int
    basis: Mapping[str, Any] = field(default_factory=dict, repr=False)
    doubts: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.doubts:
            return f"no result, the calibration does not hold: {'; '.join(self.doubts)}"
        rows = [
            f"  {name}: {row.probability:.3f}" for name, row in self.ranking.head(_SHOWN).iterrows()
        ]
        left = self.ranking["probability"][_SHOWN:]
        if len(left):
            rows.append(f"  {count(len(left), 'other')}: {left.sum():.3f}")
        writer = "one of these writers" if self.log_likelihood_ratio > 0 else "another writer"
        first = (
            f"{name_times(self.log_likelihood_ratio)} likelier if {writer} wrote it; probabilities "
            f"at {self.prior:.2g} beforehand for one of the {len(self.ranking)} known:"
        )
        return "\n".join([first, *rows, f"  none of these: {self.none_probability:.3f}"])


def check_sides(sides: Sequence[Side]) -> None:
    """Raise where nobody is known, or a side has no sample."""
    if len(sides) < 2:
        raise ValueError(
            "known is empty: give the images of each known writer, {name: [image, ...]}"
        )
    for title, samples in sides:
        if not len(samples):
            raise ValueError(f"{title} has no image; give one or more")


def refuse_copies(sides: Sequence[Side]) -> None:
    """Raise where an image is there twice: the first side is questioned, the others are known."""
    if (copy := find_copy(sides)) is None:
        return
    first, second = copy.sides
    why = "a copy, not a comparison; take it out of the known ones"
    if first == second:
        why = "give each image once"
    elif first:
        why = "are these two names of one writer? Give each image under one name"
    raise ValueError(f"{' and '.join(copy.names)} are identical: {why}")


def list_candidates(
    ranking: pd.DataFrame,
    coef: NDArray[np.float64],
    prior: float,
    n_images: int,
    basis: Mapping[str, Any],
    doubts: Sequence[str],
) -> CandidateList:
    """Make probabilities of the scores of each known writer.

    Each is as likely beforehand, so that among themselves they are as likely as their ratios. If
    there are doubts, nothing is learnt.
    """
    scores = ranking["score"].to_numpy()
    score = float(_features(scores[np.newaxis])[0] @ coef)
    limit = np.log(basis["bound"])
    ratio = 0.0 if doubts else float(np.clip(score, -limit, limit))
    one_of_these = float(expit(ratio + logit(prior)))
    if doubts:
        ranking["log_likelihood_ratio"] = 0.0
    share = softmax(np.zeros_like(scores) if doubts else scores)
    ranking.insert(0, "probability", one_of_these * share)
    return CandidateList(
        ranking=ranking.sort_values("score", ascending=False, kind="stable"),
        none_probability=1 - one_of_these,
        log_likelihood_ratio=ratio,
        score=score,
        prior=prior,
        n_images=n_images,
        basis=basis,
        doubts=tuple(doubts),
    )


def _features(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the scores of all known writers say together, for each search: `(n_searches, 3)`."""
    n_searches, n_known = scores.shape
    total = logsumexp(scores, axis=1)
    return np.column_stack([total, np.full(n_searches, np.log(n_known)), np.ones(n_searches)])


def fit_search(
    score: Callable[[NDArray[np.intp]], NDArray[np.float64]],
    writers: NDArray[np.intp],
    groups: NDArray[np.intp],
    rng: np.random.RandomState,
) -> NDArray[np.float64]:
    """Learn the log-likelihood ratio of one known writer having written, from drawn searches.

    Of each writer one side is questioned and one of another group is known. In each search of
    `_SEARCHES` a number of others are known, and the writer is among them, or not. Together, the
    searches of a writer count like two.

    Parameters
    ----------
    score : callable
        `score(pairs)` gives log-likelihood ratios of pairs of sides.
    writers, groups : ndarray of shape (n_sides,)
    rng : RandomState

    Returns
    -------
    coef : ndarray of shape (3,)
        Of the logarithm of the sum of ratios, of that of the number of known writers, and the
        intercept. The mean of the ratios, (1, -1, 0), where there are fewer than ten writers.
    """
    questioned, known = _draw_two_sides(writers, groups, rng)
    n = len(questioned)
    if n < _FEWEST_WRITERS:
        return np.array([1.0, -1.0, 0.0])
    rows = np.stack(np.meshgrid(questioned, known, indexing="ij"), axis=-1).reshape(-1, 2)
    table = score(rows).reshape(n, n)
    features, present = [], []
    for i in range(_SEARCHES * n):
        writer = i % n
        n_known = int(np.exp(rng.uniform(0, np.log(n - 1))))
        others = rng.permutation(np.delete(np.arange(n), writer))[:n_known]
        if i // n % 2:
            others[0] = writer
        features.append(_features(table[writer, others][np.newaxis]))
        present.append(i // n % 2)
    X, y = np.concatenate(features)[:, :2], np.array(present)
    center, spread = X.mean(axis=0), np.maximum(X.std(axis=0), 1e-12)
    weight = np.full(len(y), 2 / _SEARCHES)
    logistic = LogisticRegression(C=_C).fit((X - center) / spread, y, sample_weight=weight)
    slopes = logistic.coef_[0] / spread
    return np.append(slopes, logistic.intercept_[0] - slopes @ center)


def _draw_two_sides(
    writers: NDArray[np.intp], groups: NDArray[np.intp], rng: np.random.RandomState
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw two sides of different groups, of each writer who has them, of some writers."""
    drawn = []
    for writer in rng.permutation(np.unique(writers)):
        sides = rng.permutation(np.flatnonzero(writers == writer))
        others = sides[groups[sides] != groups[sides[0]]]
        if len(others):
            drawn.append((sides[0], others[0]))
    first, second = np.array(drawn[:_MOST_WRITERS], np.intp).reshape(-1, 2).T
    return first, second
