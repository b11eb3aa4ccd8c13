"""Verify a questioned sample with several references, by a threshold that adapts to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, validate_params

from hwsk._warn import warn_caller
from hwsk._wording import count
from hwsk.metrics._retrieval import _codes
from hwsk.metrics._verification import _check_forged
from hwsk.verification._pair_classifier import PairClassifierMixin
from hwsk.verification._sides import find_copy, refuse_blank, take_samples

__all__ = ["ReferenceVerification"]

_FEWEST_WRITERS = 5  # that a logistic function is learnt from
_OTHERS = 12  # genuine samples of others that a writer is compared with, where there is no forgery

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ReferenceVerification:
    """Hold the result of verifying a questioned sample with references of one writer.

    Parameters
    ----------
    score : float
        Mean of the pair scores of the questioned sample and each reference.
    threshold : float
        What the score is compared with: higher where the references are like each other, lower
        where they vary.
    probability : float
        Probability that the writer of the references wrote the questioned sample, at even prior
        odds.
    pair_scores : ndarray of shape (n_references,)
        Score of the questioned sample and each reference.
    reference_scores : ndarray of shape (n_references, n_references)
        Scores of the references among each other; NaN on the diagonal.
    doubts : tuple of str, default=()
        Samples that the calibration does not hold for, such as a stamp, a whole page or references
        of two writers. If there are any, `probability` is 0.5.

    See Also
    --------
    SiameseVerifier.verify : Verify with references.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.verification import ReferenceVerification
    >>> nan = np.nan
    >>> found = ReferenceVerification(
    ...     -0.5, -0.6, 0.7, np.array([-0.4, -0.6]), np.array([[nan, -0.5], [-0.5, nan]])
    ... )
    >>> print(found)
    same writer: score -0.5, threshold -0.6 for 2 references, probability 0.700 at even odds
    """

    score: float
    threshold: float
    probability: float
    pair_scores: Floats
    reference_scores: Floats
    doubts: tuple[str, ...] = ()

    @property
    def same_writer(self) -> bool:
        """Whether the score reaches the threshold, which it may by chance if there are doubts."""
        return self.score >= self.threshold

    def __str__(self) -> str:
        if self.doubts:
            return f"no decision, the calibration does not hold: {'; '.join(self.doubts)}"
        n = len(self.pair_scores)
        return (
            f"{'same writer' if self.same_writer else 'different writers'}: score "
            f"{self.score:.4g}, threshold {self.threshold:.4g} for {count(n, 'reference')}, "
            f"probability {self.probability:.3f} at even odds"
        )


class ReferenceVerifierMixin(PairClassifierMixin):
    """Verify with several references, beside pairs."""

    reference_calibration_: Floats

    def verify(self, questioned: Any, references: Any) -> ReferenceVerification:
        """Verify whether the writer of the references wrote the questioned sample.

        The score is the mean over the references. The threshold adapts to them [1]_: who signs
        alike each time is held to it, and who varies is allowed to. Logistic regression on the
        score, and on the mean score of the references among each other, gives the probability.

        Parameters
        ----------
        questioned : image or path
            A sample as in `fit`.
        references : list of image or path
            1 or more samples by one writer. More than were calibrated for are used all the same.

        Returns
        -------
        verification : ReferenceVerification
            Decision, score, threshold, probability and the scores they come from. If there are
            `doubts`, the probability is 0.5.

        Raises
        ------
        NotFittedError
            If there is no calibration: for one reference that of `calibrate_threshold`, for more
            that of `calibrate_references`.
        ValueError
            If there is no reference, an image is there twice or has no ink, or pairs were compared
            in another way in the calibration.

        Warns
        -----
        UserWarning
            If samples are unlike those of the calibration, such as a page among signatures, seem
            to hold two samples, or are copies of one image, or the references look like those of
            two writers; they are named.

        References
        ----------
        .. [1] M. K. Kalera, S. Srihari, A. Xu, "Offline signature verification and identification
           using distance statistics", IJPRAI 18, 2004.
        """
        samples = list(take_samples(references, False))
        if not samples:
            raise ValueError("there is no reference: give one or more samples by the writer")
        name = "calibration_" if len(samples) == 1 else "reference_calibration_"
        self._check_calibrated(name)
        refuse_copies(questioned, samples)
        sides = [("the questioned", [questioned]), ("the references", samples)]
        images = self._images_of(sides)
        refuse_blank(images)
        doubts = self._name_doubtful(images)
        first, second = np.triu_indices(len(samples), 1)
        pairs = [[questioned, sample] for sample in samples]
        pairs += [[samples[i], samples[j]] for i, j in zip(first, second, strict=True)]
        scores = self.pair_score(pairs)
        own, among = scores[: len(samples)], scores[len(samples) :]
        table = np.full((len(samples), len(samples)), np.nan)
        table[first, second] = table[second, first] = among
        score = float(own.mean())
        if len(samples) == 1:
            slope, intercept = self.calibration_
            logit, threshold = slope * score + intercept, self.threshold_
        else:
            row = min(len(samples) - 2, len(self.reference_calibration_) - 1)
            slope, of_references, intercept, lowest = self.reference_calibration_[row]
            offset = of_references * among.mean() + intercept
            logit, threshold = slope * score + offset, float(-offset / slope)
            doubts += _name_mixed(table, lowest)
        if doubts:
            warn_caller(f"no decision is given: {'; '.join(doubts)}")
        probability = 0.5 if doubts else float(expit(logit))
        return ReferenceVerification(score, threshold, probability, own, table, tuple(doubts))

    @validate_params(
        {
            "self": "no_validation",
            "X": "no_validation",
            "writers": ["array-like"],
            "forged": ["array-like", None],
            "max_references": [Interval(Integral, 2, 100, closed="both")],
            "n_repeats": [Interval(Integral, 1, None, closed="left")],
            "random_state": ["random_state"],
        },
        prefer_skip_nested_validation=True,
    )
    def calibrate_references(
        self,
        X: Any,
        writers: Any,
        forged: Any = None,
        *,
        max_references: int = 12,
        n_repeats: int = 10,
        random_state: Any = None,
    ) -> Self:
        """Learn what scores against several references mean, on writers that `fit` did not see.

        Parameters
        ----------
        X : array-like of images
            Samples, as in `fit`.
        writers : array-like of shape (n_samples,)
            Whose sample each is; of a forgery, who is imitated.
        forged : array-like of bool of shape (n_samples,), default=None
            Which ones are skilled forgeries. None, or none of them: genuine samples of other
            writers are compared instead.
        max_references : int, default=12
            Most references, from 2 to 100, that `reference_calibration_` has a row for, as long as
            five writers have more genuine samples than that.
        n_repeats : int, default=10
            How often references are drawn.
        random_state : int, RandomState instance or None, default=None
            Decides the draws.

        Returns
        -------
        self : estimator
            The estimator with another `reference_calibration_`, which knows how these images
            look, if they are 50 or more, and names others in `verify`.

        Raises
        ------
        ValueError
            If fewer than five writers have three genuine samples, or genuine samples do not score
            higher than others.
        """
        check_consistent_length(X, writers)
        codes, fakes = _codes(writers, "writers"), _check_forged(forged, len(writers))
        rng = check_random_state(random_state)
        index = reference_pairs(codes, fakes, rng)
        table = np.full((len(codes), len(codes)), np.nan)
        table[tuple(index.T)] = table[tuple(index.T[::-1])] = self._score_samples(X, index)
        self._drop_stale_calibration()
        self.reference_calibration_ = fit_references(
            table, codes, fakes, max_references, n_repeats, rng
        )
        images = self._images_of([("X", X)])
        self._learn_looks(images[0][1] if images else None, codes, fakes)
        return self


def _name_mixed(table: Floats, lowest: float) -> list[str]:
    """Name references that fall into two groups that one writer hardly wrote."""
    groups = split_references(table)
    score = table[np.ix_(*groups)].mean()
    if score >= lowest:
        return []
    named = [", ".join(str(i) for i in group) for group in groups]
    return [
        f"references {named[0]} and {named[1]} (from 0) look like those of two writers: "
        f"mean score {score:.4g}, and one writer's are below {lowest:.4g} in 1% of cases"
    ]


def refuse_copies(questioned: Any, references: Sequence[Any]) -> None:
    """Raise where an image is there twice."""
    sides = [("the questioned", [questioned]), ("the references", references)]
    if (copy := find_copy(sides)) is not None:
        why = "give each once" if copy.sides[0] else "a copy, not a comparison"
        raise ValueError(f"{' and '.join(copy.names)} are identical: {why}")


def split_references(table: Floats) -> tuple[list[int], list[int]]:
    """Split references into the two groups of average linkage, the larger one first."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(table) == 2:
        return [0], [1]
    first, second = np.triu_indices(len(table), 1)
    scores = table[first, second]
    of_reference = fcluster(linkage(scores.max() - scores, "average"), 2, "maxclust")
    groups = [np.flatnonzero(of_reference == group).tolist() for group in (1, 2)]
    if not groups[1]:  # all are equally far from each other
        return groups[0][:-1], groups[0][-1:]
    larger, smaller = sorted(groups, key=len, reverse=True)
    return larger, smaller


def reference_pairs(
    writers: NDArray[np.int64], forged: NDArray[np.bool_], rng: np.random.RandomState
) -> NDArray[np.intp]:
    """List the pairs of rows whose scores a calibration needs, `(n_pairs, 2)`."""
    pairs: list[NDArray[np.intp]] = []
    for writer in np.unique(writers):
        own = np.flatnonzero((writers == writer) & ~forged)
        others = np.flatnonzero((writers == writer) & forged)
        if not forged.any():
            others = np.flatnonzero(writers != writer)
            others = rng.choice(others, min(_OTHERS, len(others)), replace=False)
        first, second = np.triu_indices(len(own), 1)
        pairs.append(np.column_stack([own[first], own[second]]))
        pairs.append(np.array(np.meshgrid(own, others), dtype=np.intp).reshape(2, -1).T)
    return np.concatenate(pairs)


def fit_references(
    table: Floats,
    writers: NDArray[np.int64],
    forged: NDArray[np.bool_],
    max_references: int,
    n_repeats: int,
    rng: np.random.RandomState,
) -> Floats:
    """Fit a logistic function for each number of references, from 2 on.

    Parameters
    ----------
    table : ndarray of shape (n_samples, n_samples)
        Scores of pairs of samples; NaN for those that were not compared.
    writers, forged : ndarray of shape (n_samples,)
    max_references, n_repeats : int
    rng : RandomState

    Returns
    -------
    calibration : ndarray of shape (n_sizes, 4)
        Slopes of the mean score and of the mean score of the references among each other, the
        intercept, and the mean score between the two groups of one writer's references that 1% of
        draws is below.
    """
    rows = []
    for size in range(2, max_references + 1):
        trials, between = [], []
        for _ in range(n_repeats):
            for writer, own, asked in draw_references(writers, forged, table, size, rng):
                among = table[np.ix_(own, own)]
                score = table[np.ix_(asked, own)].mean(axis=1)
                genuine = (writers[asked] == writer) & ~forged[asked]
                mean = np.full(len(asked), np.nanmean(among))
                of_writer = np.full(len(asked), writer)
                trials.append(np.column_stack([score, mean, genuine, of_writer]))
                between.append(among[np.ix_(*split_references(among))].mean())
        able = len({part[0, 3] for part in trials})
        if able < _FEWEST_WRITERS:
            if size == 2:
                raise ValueError(
                    f"{able} writers have three genuine samples and others to compare with; a "
                    f"calibration for references needs {_FEWEST_WRITERS}"
                )
            break
        rows.append([*_fit_logistic(np.concatenate(trials)), np.quantile(between, 0.01)])
    return np.array(rows)


def draw_references(
    writers: NDArray[np.int64],
    forged: NDArray[np.bool_],
    table: Floats,
    size: int,
    rng: np.random.RandomState,
) -> Iterator[tuple[int, NDArray[np.intp], NDArray[np.intp]]]:
    """Draw references of each writer who has more; the others that were compared are questioned."""
    for writer in np.unique(writers):
        own = rng.permutation(np.flatnonzero((writers == writer) & ~forged))
        if len(own) <= size:
            continue
        compared = np.asarray(np.isfinite(table[:, own[:size]]).all(axis=1))
        compared[own[:size]] = False
        asked = np.flatnonzero(compared)
        genuine = (writers[asked] == writer) & ~forged[asked]
        if genuine.any() and not genuine.all():
            yield int(writer), own[:size], asked


def _fit_logistic(trials: Floats) -> tuple[float, float, float]:
    """Fit slopes and intercept; each writer counts the same in both classes."""
    features, genuine = trials[:, :2], trials[:, 2] == 1
    kinds = np.unique(trials[:, 2:], axis=0, return_inverse=True)[1].ravel()
    weight = 1 / np.bincount(kinds)[kinds]
    center, spread = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-12)
    logistic = LogisticRegression().fit(
        (features - center) / spread, genuine, sample_weight=weight * len(weight) / weight.sum()
    )
    slope, of_references = logistic.coef_[0] / spread
    if slope <= 0:
        raise ValueError(
            "genuine samples do not score higher than others: there is nothing to calibrate"
        )
    intercept = logistic.intercept_[0] - slope * center[0] - of_references * center[1]
    return float(slope), float(of_references), float(intercept)
