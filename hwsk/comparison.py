"""`HandComparer`: two hands compared by all that estimators see in them, with the reasons."""

from __future__ import annotations

import copy
import os
import warnings
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, _fit_context, clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import (
    _safe_indexing,
    check_consistent_length,
    check_random_state,
    column_or_1d,
    get_tags,
)
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils._tags import ClassifierTags, Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from hwsk._data.images import _is_path, looks_like_table, object_array
from hwsk.model_selection import make_pairs
from hwsk.multitask import MultiTaskClassifier

__all__ = ["HandComparer", "HandComparison", "verbal_equivalent"]

SUPPORT = {
    "weak": 2,
    "moderate": 10,
    "moderately strong": 100,
    "strong": 1000,
    "very strong": 10_000,
    "extremely strong": 1_000_000,
}
"""Likelihood ratios from which support has a name (ENFSI guideline, 2015)."""

_FEWEST_WRITERS = 10  # to calibrate for more than one image a side
_SHRINKAGE = 0.5  # counted beside what was found, and beside what chance would bring
_TELLING = 0.05  # log-likelihood ratio below which a feature tells nothing
_AT_ONCE = 50_000  # pairs whose vectors are held at once


def verbal_equivalent(log_likelihood_ratio: float) -> str:
    """Say in words how strongly a likelihood ratio supports one hand, or two.

    The words are those that the European forensic institutes give as an example [1]_: weak from 2,
    moderate from 10, moderately strong from 100, strong from 1000, very strong from 10,000 and
    extremely strong from a million; of a ratio below 1, its reciprocal counts.

    Parameters
    ----------
    log_likelihood_ratio : float
        Natural logarithm of the ratio.

    Returns
    -------
    str
        Such as "moderate support for one hand".

    References
    ----------
    .. [1] European Network of Forensic Science Institutes, "ENFSI guideline for evaluative
       reporting in forensic science", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.comparison import verbal_equivalent
    >>> verbal_equivalent(np.log(30))
    'moderate support for one hand'
    >>> verbal_equivalent(np.log(1 / 3))
    'weak support for two hands'
    """
    if np.isnan(log_likelihood_ratio):
        raise ValueError("log_likelihood_ratio is NaN")
    strength = abs(log_likelihood_ratio) + 1e-9  # the logarithm of 10 counts as 10
    words = [word for word, least in SUPPORT.items() if strength >= np.log(least)]
    hands = "one hand" if log_likelihood_ratio > 0 else "two hands"
    return f"{words[-1]} support for {hands}" if words else "no support for either"


@dataclass(frozen=True)
class HandComparison:
    """What `HandComparer.compare` found: how likely one hand is, and why.

    Parameters
    ----------
    score : float
        What `decision_function` gives: the log-likelihood ratio as the logistic function has it.
    log_likelihood_ratio : float
        Natural logarithm of how many times likelier these images are if one hand wrote them than if
        two did; no farther from 0 than the writers of the calibration allow.
    distances : DataFrame
        For each part of the representation the `distance` of both sides, and the medians in the
        calibration of pairs by `one_hand` and by `two_hands`.
    features : DataFrame
        For each feature its class in both sides (`first`, `second`) and the probabilities of
        these (`first_probability`, `second_probability`), whether they `agree`, and the
        `log_likelihood_ratio` of finding these two. The most telling come first. Without a
        :class:`~hwsk.multitask.MultiTaskClassifier` it has no row.
    n_images : tuple of (int, int)
        How many images there were on both sides.

    See Also
    --------
    hwsk.plotting.ComparisonDisplay : The same as a figure.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.comparison import HandComparer
    >>> rng = np.random.default_rng(0)
    >>> writers = np.repeat(np.arange(30), 4)
    >>> vectors = rng.normal(size=(30, 5))[writers] + rng.normal(0, 0.3, size=(120, 5))
    >>> comparer = HandComparer(random_state=0).fit(vectors, writers)
    >>> comparison = comparer.compare(vectors[0], vectors[1])
    >>> comparison.probability > 0.9
    True
    >>> print(comparison)
    20 times likelier if one hand wrote both than if two did: moderate support for one hand.
    """

    score: float
    log_likelihood_ratio: float
    distances: pd.DataFrame
    features: pd.DataFrame
    n_images: tuple[int, int]

    @property
    def probability(self) -> float:
        """That one hand wrote both sides, if one and two were as likely beforehand."""
        return float(expit(self.log_likelihood_ratio))

    @property
    def verbal(self) -> str:
        """The log-likelihood ratio in words; see `verbal_equivalent`."""
        return verbal_equivalent(self.log_likelihood_ratio)

    @property
    def explanation(self) -> str:
        """The ratio in words, then what the features say, the most telling first."""
        hands = "one hand wrote both than if two did"
        if self.log_likelihood_ratio < 0:
            hands = "two hands wrote them than if one did"
        lines = [f"{_times(self.log_likelihood_ratio)} likelier if {hands}: {self.verbal}."]
        ratios = self.features["log_likelihood_ratio"]
        for title, chosen in (
            ("speak for one hand", ratios > _TELLING),
            ("speak for two hands", ratios < -_TELLING),
            ("tell nothing", ratios.abs() <= _TELLING),
        ):
            if chosen.any():
                lines.append(f"Features that {title}:")
            lines += [
                f"  {describe_feature(name, row)} ({_times(row.log_likelihood_ratio)})"
                for name, row in self.features[chosen].iterrows()
            ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.explanation

    def _repr_html_(self) -> str:
        from html import escape

        text = f"<p>{escape(self.explanation.splitlines()[0])}</p>"
        tables = [self.features.round(2), self.distances.round(3)]
        return text + "".join(table.to_html() for table in tables if len(table))


def describe_feature(name: Any, row: Any) -> str:
    """One row of `HandComparison.features` in words: 'slant: both very right'."""
    values = f"both {row['first']}" if row["agree"] else f"{row['first']} vs {row['second']}"
    return f"{name}: {values}".replace("_", " ")


def _times(log_ratio: float) -> str:
    """A ratio, or its reciprocal where it is below 1, rounded as its size suggests."""
    ratio = np.exp(abs(log_ratio))
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


class _Part(NamedTuple):
    """One transformer of the representation, and how its vectors are compared."""

    name: str
    transformer: Any
    classes: list[NDArray[Any]] | None
    """Of each feature, where the vectors are probabilities of these; else None."""
    features: list[Any]


class _Compared(NamedTuple):
    """What was found of pairs of sides."""

    counts: NDArray[np.intp]
    """Samples of each side."""
    means: list[NDArray[np.float64]]
    """For each part, the vector of each side."""
    distances: NDArray[np.float64]
    """Of each pair, a column for each part."""
    sizes: NDArray[np.intp]
    """For each pair, which row of the calibration was taken."""
    scores: NDArray[np.float64]
    limits: NDArray[np.float64]


def _is_for_images(self: HandComparer) -> bool:
    if getattr(self, "_of_table", self.representation is None):
        raise AttributeError(
            "this HandComparer takes a 2-D array, whose rows are samples and no pairs; use "
            "pair_score for pairs of rows, (n, 2, columns)"
        )
    return True


class HandComparer(BaseEstimator):
    """Compare two hands by all that several estimators see in them, and say why.

    A representation, such as a FeatureUnion of the latents of a
    :class:`~hwsk.representation.VariationalAutoencoder`, the embedding of a
    :class:`~hwsk.verification.SiameseVerifier` and the probabilities of a
    :class:`~hwsk.multitask.MultiTaskClassifier`, makes vectors of images. For each of its parts,
    the distance between the means of both sides is taken; of all distances, a logistic function
    makes the likelihood ratio. It is learnt from writers whom the parts were not trained on. Beside
    that, the named features of the classifier tell the reasons.

    Parameters
    ----------
    representation : transformer, default=None
        Each transformer of a FeatureUnion is a part; so it is where a Pipeline ends in one, whose
        first steps, such as a :class:`~hwsk.preprocessing.StrokeRasterizer`, all parts share. Any
        other transformer is the only part. What is wrapped in a
        :class:`~sklearn.frozen.FrozenEstimator` is used as it is; the rest is cloned and fitted.
        None takes the rows of a 2-D array as vectors that are made already.
    n_images : int, default=3
        Most images a side to calibrate for. More images of a hand are nearer to its mean, so each
        number up to this one has a logistic function of its own, where ten writers at least have
        twice as many images; a comparison takes the one that suits it best.
    calibration_fraction : float, default=0.3
        Share of the writers that the parts are not fitted on, but the logistic functions are. If
        nothing is to be fitted, all writers serve that.
    random_state : int, RandomState instance or None, default=None
        Decides which writers are held out, which images make up a side, and which pairs by two
        hands are taken.

    Attributes
    ----------
    representation_ : transformer
        The fitted representation; None where X is vectors.
    part_names_ : list of str
        Names of its parts.
    feature_names_ : list
        Names of the features that explain; empty without a
        :class:`~hwsk.multitask.MultiTaskClassifier` that gives probabilities.
    feature_ratios_ : list of ndarray of shape (n_sizes, n_classes, n_classes)
        For each feature, and for 1, 2, ... images a side, the log-likelihood ratio of finding these
        two classes in both sides.
    coef_ : ndarray of shape (n_sizes, n_parts)
        Slopes of the logistic functions for 1, 2, ... images a side.
    intercept_ : ndarray of shape (n_sizes,)
        Their intercepts.
    typical_distances_ : ndarray of shape (n_sizes, n_parts, 2)
        Medians of the distances of pairs by one hand and of those by two.
    limits_ : ndarray of shape (n_sizes,)
        How far from 0 log-likelihood ratios may be: the logarithm of the number of writers.
    calibration_writers_ : ndarray
        The writers whom the logistic functions were learnt from.
    classes_ : ndarray of shape (2,)
        What `predict` says of different hands, 0, and of one hand, 1.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    See Also
    --------
    hwsk.verification.SiameseVerifier : Compares by one embedding.
    hwsk.plotting.ComparisonDisplay : A comparison as a figure.
    hwsk.metrics.log_likelihood_ratio_cost : What the ratios are worth.

    Notes
    -----
    Distances are Euclidean, those between probabilities Hellinger's: Euclidean between square
    roots, divided by the square root of 2, over all features at once.

    The logistic functions are fitted on as many pairs by one hand as by two, so that their logits
    are log-likelihood ratios [1]_. A logit far from 0 is an extrapolation: no set of 50 writers
    can tell that something happens to one in a million [2]_. So `log_likelihood_ratio` and
    probabilities end at the number of writers; `score` and `decision_function` do not, so that
    they rank all pairs.

    The ratio of a feature is one of counts: in how many writers the classifier says these two
    classes of two sides by one hand, against in how many it would by chance, a half added to either
    [3]_, so that classes hardly seen tell nothing. Rare classes that agree weigh more than common
    ones. Features depend on each other, so that their ratios must not be multiplied, and are no
    summands of the whole.

    The pairs by two hands are of two writers who did not try to write alike. The ratios say
    nothing of a forgery.

    References
    ----------
    .. [1] G. S. Morrison, "Tutorial on logistic-regression calibration and fusion: converting a
       score to a likelihood ratio", Australian Journal of Forensic Sciences 45(2), 2013.
    .. [2] P. Vergeer et al., "Numerical likelihood ratios outputted by LR systems are often based
       on extrapolation: when to stop extrapolating?", Science & Justice 56(6), 2016.
    .. [3] G. N. Norén, J. Hopstadius, A. Bate, "Shrinkage observed-to-expected ratios for robust
       and transparent large-scale pattern discovery", Statistical Methods in Medical Research
       22(1), 2013.

    Examples
    --------
    >>> from sklearn.pipeline import FeatureUnion
    >>> from hwsk.comparison import HandComparer
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.representation import VariationalAutoencoder
    >>> from hwsk.verification import SiameseVerifier
    >>> words = make_handwriting(160, texts=["and"], n_writers=40, random_state=0)
    >>> small = {"image_size": (32, 64), "max_epochs": 2, "random_state": 0}
    >>> union = FeatureUnion(
    ...     [("latents", VariationalAutoencoder(8, **small)), ("hand", SiameseVerifier(**small))]
    ... )
    >>> comparer = HandComparer(union, n_images=1, random_state=0)
    >>> comparer = comparer.fit(words.images, words.writer)
    >>> comparer.part_names_
    ['latents', 'hand']
    >>> comparison = comparer.compare(words.images[0], words.images[1])
    >>> 0 < comparison.probability < 1
    True
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "representation": [HasMethods(["fit", "transform"]), None],
        "n_images": [Interval(Integral, 1, None, closed="left")],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        representation: Any = None,
        n_images: int = 3,
        calibration_fraction: float = 0.3,
        random_state: Any = None,
    ) -> None:
        self.representation = representation
        self.n_images = n_images
        self.calibration_fraction = calibration_fraction
        self.random_state = random_state

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        if hasattr(self, "classes_") and hasattr(self, "predict"):  # scorers ask for a classifier
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any, groups: Any = None, features: Any = None) -> HandComparer:
        """Fit the parts on some writers, and learn from others what distances mean.

        Parameters
        ----------
        X : array-like
            Samples, of whatever kind the representation takes: images as elsewhere, strokes where a
            StrokeRasterizer stands in front, or rows.
        y : array-like of shape (n_samples,)
            The writer of each.
        groups : array-like of shape (n_samples,), default=None
            What samples of a writer have in common beside the hand, as a rule the page. If given,
            the calibration takes pairs by one hand from two groups only, and the images of a side
            from one: the question is then whether two pages are by one hand.
        features : DataFrame or array-like of shape (n_samples, n_features), default=None
            What a :class:`~hwsk.multitask.MultiTaskClassifier` in the representation learns, if it
            is not frozen.

        Returns
        -------
        self : HandComparer
            The fitted comparer.

        Raises
        ------
        ValueError
            If no writer has two samples, or there are too few writers.

        Warns
        -----
        UserWarning
            If some writers have one sample only (or samples of one group), so that no pair by one
            hand is theirs.
        """
        if y is None:
            raise ValueError(
                "HandComparer requires y to be passed, but the target y is None: pass the writer "
                "of each sample"
            )
        former = dict(vars(self))
        try:
            self._fit(X, y, groups, features)
        except BaseException:  # a new representation and a former calibration would tell nonsense
            self.__dict__ = former
            raise
        return self

    def _fit(self, X: Any, y: Any, groups: Any, features: Any) -> None:
        if self.representation is None:
            X = validate_data(self, X, dtype=np.float64)
        else:
            for name in ("n_features_in_", "feature_names_in_"):  # of a table before
                self.__dict__.pop(name, None)
        self._of_table = looks_like_table(X)
        names, writers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        check_consistent_length(X, writers, groups, features)
        rng = check_random_state(self.random_state)
        learn, calibrate = self._split_writers(len(names), len(writers), rng)
        if len(learn):
            rows = np.flatnonzero(np.isin(writers, learn))
            self.representation_ = _fit_parts(
                self.representation,
                _safe_indexing(X, rows),
                names[writers[rows]],
                None if features is None else _safe_indexing(features, rows),
            )
        else:
            self.representation_ = self.representation
        rows = np.flatnonzero(np.isin(writers, calibrate))
        parts = _parts_of(self.representation_)
        self.part_names_ = [part.name for part in parts]
        self.feature_names_ = [name for part in parts for name in part.features]
        vectors = self._vectors(_safe_indexing(X, rows))
        self.classes_ = np.array([0, 1])
        if groups is not None:
            groups = np.unique(column_or_1d(groups), return_inverse=True)[1][rows]
        self.calibration_writers_ = self._calibrate(vectors, names, writers[rows], groups, rng)

    def _split_writers(
        self, n_writers: int, n_samples: int, rng: np.random.RandomState
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The writers to fit the parts on, if they are to be fitted, and those to calibrate on."""
        if n_writers < 2:
            raise ValueError(
                f"all n_samples={n_samples} are by one writer: two at least are needed to compare"
            )
        everyone = np.arange(n_writers)
        if not _learns(self.representation):
            return everyone[:0], everyone
        if n_writers < 4:
            raise ValueError(
                f"there are {n_writers} writers: two are needed to fit the representation, and two "
                "others to calibrate. Wrap what is fitted already in a FrozenEstimator"
            )
        held_out = round(self.calibration_fraction * n_writers)
        order = rng.permutation(n_writers)
        held_out = min(max(2, held_out), n_writers - 2)
        return order[held_out:], order[:held_out]

    def _calibrate(
        self,
        vectors: list[NDArray[np.float64]],
        names: NDArray[Any],
        writers: NDArray[np.intp],
        groups: NDArray[np.intp] | None,
        rng: np.random.RandomState,
    ) -> NDArray[Any]:
        """Learn what distances and features mean, for each number of images a side."""
        apart = "one sample" if groups is None else "samples of one group"
        coefficients, intercepts, typical, limits = [], [], [], []
        ratios: list[list[NDArray[np.float64]]] = []
        for size in range(1, self.n_images + 1):
            sides, of_writer, of_group = _draw_sides(writers, groups, size, rng)
            table = pd.DataFrame({"writer": of_writer, "group": of_group})
            n_groups = table.groupby("writer")["group"].nunique()
            able = n_groups.index[n_groups > 1]
            if size > 1:
                if len(able) < _FEWEST_WRITERS:
                    break
                kept = np.flatnonzero(np.isin(of_writer, able))
                sides, of_writer, of_group = (
                    [sides[i] for i in kept],
                    of_writer[kept],
                    of_group[kept],
                )
            elif not len(able):
                raise ValueError(
                    f"each of the {len(n_groups)} writers to calibrate on has {apart}: there is no "
                    "pair by one hand"
                )
            elif len(able) < len(n_groups) and not self._of_table:
                alone = names[n_groups.index[n_groups == 1]].tolist()
                warnings.warn(
                    f"{len(alone)} of {len(n_groups)} writers to calibrate on have {apart}, such "
                    f"as {alone[0]!r}: of these there are only pairs by two hands",
                    stacklevel=5,  # the caller of fit, past its wrapper
                )
            with warnings.catch_warnings():  # of the same, in other words
                warnings.simplefilter("ignore")
                pairs, same = make_pairs(
                    of_writer,
                    groups=of_group,
                    positives="across_groups",
                    balanced=True,
                    random_state=rng,
                )
            means = _means(vectors, sides)
            distances = self._distances(means, pairs)
            spread = np.maximum(distances.std(axis=0), 1e-12)  # the penalty is then of no scale
            logistic = LogisticRegression().fit(distances / spread, same)
            coefficients.append(logistic.coef_[0] / spread)
            intercepts.append(logistic.intercept_[0])
            medians = [np.median(distances[same == one], axis=0) for one in (1, 0)]
            typical.append(np.column_stack(medians))
            limits.append(np.log(len(np.unique(of_writer))))
            ratios.append(self._feature_ratios(means, of_writer, pairs[same == 1]))
        self.coef_, self.intercept_ = np.array(coefficients), np.array(intercepts)
        self.typical_distances_, self.limits_ = np.array(typical), np.array(limits)
        self.feature_ratios_ = [np.array(of_sizes) for of_sizes in zip(*ratios, strict=True)]
        return names[np.unique(writers)]

    def _feature_ratios(
        self,
        means: list[NDArray[np.float64]],
        writers: NDArray[np.intp],
        alike: NDArray[np.intp],
    ) -> list[NDArray[np.float64]]:
        """For each feature, the log-likelihood ratio of each two of its classes.

        Every writer counts the same, however many sides and pairs (`alike`) are his or hers.
        """
        _, numbers, n_sides = np.unique(writers, return_inverse=True, return_counts=True)
        n_pairs = np.bincount(numbers[alike[:, 0]], minlength=len(n_sides))
        ratios = []
        for probabilities, _ in self._told(means):
            k = probabilities.shape[1]
            codes = probabilities.argmax(axis=1)
            share = np.bincount(codes, weights=1 / n_sides[numbers], minlength=k) / len(n_sides)
            found = np.zeros((k, k))
            np.add.at(found, tuple(codes[alike].T), 1 / n_pairs[numbers[alike[:, 0]]])
            expected = found.sum() * np.outer(share, share)
            found, expected = (  # either order is the same
                np.where(np.eye(k), table, table + table.T) for table in (found, expected)
            )
            ratios.append(np.log((found + _SHRINKAGE) / (expected + _SHRINKAGE)))
        return ratios

    def _told(
        self, means: list[NDArray[np.float64]]
    ) -> Iterator[tuple[NDArray[np.float64], NDArray[Any]]]:
        """For each feature, the probabilities of each side, and the classes they are of."""
        for part, of_part in zip(_parts_of(self.representation_), means, strict=True):
            if part.classes is not None:
                ends = np.cumsum([len(classes) for classes in part.classes])[:-1]
                yield from zip(np.split(of_part, ends, axis=1), part.classes, strict=True)

    def _vectors(self, X: Any) -> list[NDArray[np.float64]]:
        """What each part makes of each sample."""
        front, union = _front(self.representation_)
        if union is None:
            X = validate_data(self, X, reset=False, dtype=np.float64)
        if front is not None:
            X = front.transform(X)
        return [
            np.asarray(
                X if part.transformer is None else part.transformer.transform(X), dtype=np.float64
            )
            for part in _parts_of(self.representation_)
        ]

    def _distances(
        self, means: list[NDArray[np.float64]], pairs: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Distance of both sides of each pair, `(n_pairs, n_parts)`."""
        distances = np.empty((len(pairs), len(means)))
        for i, (part, of_part) in enumerate(
            zip(_parts_of(self.representation_), means, strict=True)
        ):
            if part.classes is not None:
                of_part = np.sqrt(of_part / 2)
            for start in range(0, len(pairs), _AT_ONCE):
                first, second = pairs[start : start + _AT_ONCE].T
                difference = of_part[first] - of_part[second]
                distances[start : start + _AT_ONCE, i] = np.linalg.norm(difference, axis=1)
        return distances

    def _compare_sides(self, entries: Sequence[Any], pairs: NDArray[np.intp]) -> _Compared:
        samples, sides = _unfold(entries, self._of_table)
        means = _means(self._vectors(samples), sides)
        distances = self._distances(means, pairs)
        counts = np.array([len(side) for side in sides])
        # The variance of the difference of two means goes by the harmonic mean of their numbers.
        harmonic = 2 / (1 / counts[pairs]).sum(axis=1)
        size = np.clip(np.rint(harmonic).astype(int), 1, len(self.coef_)) - 1
        scores = (distances * self.coef_[size]).sum(axis=1) + self.intercept_[size]
        return _Compared(counts, means, distances, size, scores, self.limits_[size])

    def pair_distance(self, pairs: Any) -> NDArray[np.float64]:
        """Distances of each pair, one for each part.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            Two samples each, `(n, 2, h, w)` or an object array or list `(n, 2)`. A side may also be
            a list of several samples by one hand. What comes in several pairs as the same object
            (as in an object array that is indexed by pairs of rows) or path is looked at once.

        Returns
        -------
        distances : ndarray of shape (n_pairs, n_parts)
            Columns as in `part_names_`.
        """
        check_is_fitted(self)
        return self._compare_sides(*_split_pairs(pairs, self._of_table)).distances

    def pair_score(self, pairs: Any) -> NDArray[np.float64]:
        """Logits of the pairs: higher where one hand is likelier.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `pair_distance`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Log-likelihood ratios without a limit.
        """
        check_is_fitted(self)
        return self._compare_sides(*_split_pairs(pairs, self._of_table)).scores

    @available_if(_is_for_images)
    def decision_function(self, pairs: Any) -> NDArray[np.float64]:
        """The same as `pair_score`, by the name that scikit-learn's scorers look for.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `pair_distance`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Log-likelihood ratios without a limit.
        """
        return self.pair_score(pairs)

    @available_if(_is_for_images)
    def predict_proba(self, pairs: Any) -> NDArray[np.float64]:
        """Probability that each pair is by different hands, and by one, at even odds.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `pair_distance`.

        Returns
        -------
        probabilities : ndarray of shape (n_pairs, 2)
            Columns as in `classes_`. The logarithm of their ratio is the log-likelihood ratio: at
            other odds than even, add the logarithm of those.
        """
        check_is_fitted(self)
        found = self._compare_sides(*_split_pairs(pairs, self._of_table))
        one = expit(np.clip(found.scores, -found.limits, found.limits))
        return np.column_stack([1 - one, one])

    @available_if(_is_for_images)
    def predict(self, pairs: Any) -> NDArray[np.int64]:
        """Tell whether each pair is by one hand.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `pair_distance`.

        Returns
        -------
        y : ndarray of shape (n_pairs,)
            1 where one hand is likelier than two, else 0.
        """
        return self.classes_[(self.pair_score(pairs) > 0).astype(int)]

    def score(self, X: Any, y: Any) -> float:
        """Area under the ROC curve over pairs.

        Parameters
        ----------
        X : array-like
            Single samples, of which all pairs are taken, or pairs.
        y : array-like of shape (n,)
            The writers of samples; of pairs 1 for one hand, 0 or -1 for two.

        Returns
        -------
        score : float
            From 0 to 1; 0.5 is chance.
        """
        check_is_fitted(self)
        labels = column_or_1d(y)
        check_consistent_length(X, labels)
        if _holds_pairs(X, self._of_table):
            if (wrong := np.flatnonzero(~np.isin(labels, [1, 0, -1]))).size:
                raise ValueError(
                    "labels of pairs are 1 (one hand), 0 or -1 (two); row "
                    f"{wrong[0]} of y is {labels.tolist()[wrong[0]]!r}"
                )
            return float(roc_auc_score(labels == 1, self.pair_score(X)))
        pairs = np.column_stack(np.triu_indices(len(labels), 1))
        distances = self._distances(self._vectors(X), pairs)
        return float(
            roc_auc_score(labels[pairs[:, 0]] == labels[pairs[:, 1]], distances @ self.coef_[0])
        )

    def compare(self, a: Any, b: Any) -> HandComparison:
        """Compare two hands, and say why they are rather one, or two.

        Parameters
        ----------
        a : image, path, or list of such
            What one hand wrote: a sample as in `fit`, or several.
        b : image, path, or list of such
            What the other hand wrote, or the same. The more, the better.

        Returns
        -------
        comparison : HandComparison
            The likelihood ratio, distances and features; printed, they are a few lines of text, and
            in a notebook tables.
        """
        check_is_fitted(self)
        found = self._compare_sides([a, b], np.array([[0, 1]]))
        size, score, limit = int(found.sizes[0]), float(found.scores[0]), found.limits[0]
        one_hand, two_hands = self.typical_distances_[size].T
        return HandComparison(
            score=score,
            log_likelihood_ratio=float(np.clip(score, -limit, limit)),
            distances=pd.DataFrame(
                {"distance": found.distances[0], "one_hand": one_hand, "two_hands": two_hands},
                index=pd.Index(self.part_names_, name="part"),
            ),
            features=self._tell_features(found.means, size),
            n_images=(int(found.counts[0]), int(found.counts[1])),
        )

    def _tell_features(self, means: list[NDArray[np.float64]], size: int) -> pd.DataFrame:
        """What the classifier says of both sides, and what it means, the most telling first."""
        rows = []
        for (probabilities, classes), ratios in zip(
            self._told(means), self.feature_ratios_, strict=True
        ):
            first, second = probabilities.argmax(axis=1)
            rows.append(
                (
                    classes[first],
                    probabilities[0, first],
                    classes[second],
                    probabilities[1, second],
                    first == second,
                    ratios[size, first, second],
                )
            )
        table = pd.DataFrame(
            rows,
            columns=[
                "first",
                "first_probability",
                "second",
                "second_probability",
                "agree",
                "log_likelihood_ratio",
            ],
            index=pd.Index(self.feature_names_, name="feature"),
        )
        return table.sort_values("log_likelihood_ratio", key=abs, ascending=False, kind="stable")


def _inmost(transformer: Any) -> Any:
    """What does the work inside of frozen estimators."""
    while isinstance(transformer, FrozenEstimator):
        transformer = transformer.estimator
    return transformer


def _front(representation: Any) -> tuple[Any, Any]:
    """The steps that all parts share, or None, and the union of the parts, or the only one."""
    representation = _inmost(representation)
    if isinstance(representation, Pipeline):
        last = _inmost(representation[-1])
        if isinstance(last, FeatureUnion):
            front = representation[:-1] if len(representation) > 1 else None
            return front, last
    return None, representation


def _parts_of(representation: Any) -> list[_Part]:
    """The parts of a fitted representation."""
    _, union = _front(representation)
    if union is None:
        return [_Part("vectors", None, None, [])]
    if isinstance(union, FeatureUnion):
        named = [(name, part) for name, part in union.transformer_list if part != "drop"]
    else:
        named = [(type(_inmost(union)).__name__.lower(), union)]
    parts = []
    for name, transformer in named:
        last = _inmost(transformer)
        while isinstance(last, Pipeline):
            last = _inmost(last[-1])
        if isinstance(last, MultiTaskClassifier) and last.representation == "probabilities":
            check_is_fitted(last)
            of_one = isinstance(last.classes_, np.ndarray)
            classes = [last.classes_] if of_one else last.classes_
            parts.append(_Part(name, transformer, classes, list(last.task_names_)))
        else:
            parts.append(_Part(name, None if last == "passthrough" else transformer, None, []))
    return parts


def _learns(transformer: Any) -> bool:
    """Whether there is anything to fit."""
    if transformer in (None, "passthrough", "drop") or isinstance(transformer, FrozenEstimator):
        return False
    if isinstance(transformer, FeatureUnion):
        return any(_learns(part) for _, part in transformer.transformer_list)
    if isinstance(transformer, Pipeline):
        return any(_learns(step) for _, step in transformer.steps)
    return bool(get_tags(transformer).requires_fit)


def _fit_parts(transformer: Any, X: Any, writers: NDArray[Any], features: Any) -> Any:
    """A transformer fitted on writers; what tells features, on these."""
    if not _learns(transformer):
        return transformer
    if isinstance(transformer, FeatureUnion):
        union = copy.copy(transformer)
        union.transformer_list = [
            (name, _fit_parts(part, X, writers, features))
            for name, part in transformer.transformer_list
        ]
        return union
    if isinstance(transformer, Pipeline):
        pipeline = copy.copy(transformer)
        pipeline.steps = []
        for name, step in transformer.steps:
            fitted = _fit_parts(step, X, writers, features)
            pipeline.steps.append((name, fitted))
            if fitted not in (None, "passthrough") and len(pipeline.steps) < len(transformer.steps):
                X = fitted.transform(X)
        return pipeline
    if isinstance(transformer, MultiTaskClassifier):
        if features is None:
            raise ValueError(
                "the MultiTaskClassifier in the representation learns features, and there are "
                "none: pass fit(X, y, features=...), or fit it before and wrap it in a "
                "FrozenEstimator"
            )
        return clone(transformer).fit(X, features)
    return clone(transformer).fit(X, writers)


def _draw_sides(
    writers: NDArray[np.intp],
    groups: NDArray[np.intp] | None,
    size: int,
    rng: np.random.RandomState,
) -> tuple[list[NDArray[np.intp]], NDArray[np.intp], NDArray[np.intp]]:
    """Samples of each writer, and of one group, cut into sets of a size; their writers and groups.

    Without groups, each set is its own.
    """
    together = np.zeros_like(writers) if groups is None else groups
    sides: list[NDArray[np.intp]] = []
    whose: list[tuple[int, int]] = []
    for writer, group in np.unique(np.column_stack([writers, together]), axis=0):
        rows = rng.permutation(np.flatnonzero((writers == writer) & (together == group)))
        n_sides = len(rows) // size
        if n_sides:
            sides += np.split(rows[: n_sides * size], n_sides)
            whose += [(writer, group)] * n_sides
    of_writer, of_group = np.array(whose, dtype=np.intp).reshape(-1, 2).T
    return sides, of_writer, np.arange(len(sides)) if groups is None else of_group


def _means(
    vectors: list[NDArray[np.float64]], sides: list[NDArray[np.intp]]
) -> list[NDArray[np.float64]]:
    """For each part, the mean vector of each side."""
    rows = np.concatenate(sides)
    counts = np.array([len(side) for side in sides])
    starts = np.cumsum(counts) - counts
    return [np.add.reduceat(of_part[rows], starts) / counts[:, None] for of_part in vectors]


def _holds_pairs(X: Any, of_table: bool) -> bool:
    """Whether X is pairs, (n, 2, ...), and no single samples."""
    if hasattr(X, "shape"):
        if tuple(X.shape[1:2]) != (2,):
            return False
        array = np.asarray(X)
        of_objects = array.ndim == 2 and array.dtype.kind in "OU"
        return of_objects or array.ndim > 3 - of_table
    if not isinstance(X, (list, tuple)) or not X:
        return False
    first = X[0]
    if isinstance(first, (list, tuple)):  # two samples, or a row of numbers
        return len(first) == 2 and (_is_path(first[0]) or np.ndim(first[0]) > 0)
    return np.ndim(first) > 2 and len(first) == 2


def _split_pairs(pairs: Any, of_table: bool) -> tuple[list[Any], NDArray[np.intp]]:
    """What there is on the sides of pairs, each thing once, and for each pair two numbers of it."""
    if not _holds_pairs(pairs, of_table):
        shape = f"of shape {np.shape(pairs)}" if hasattr(pairs, "shape") else "no list of such"
        raise ValueError(
            f"pairs are needed, (n, 2, ...), and this is {shape}; "
            "hwsk.model_selection.make_pairs makes pairs of samples"
        )
    if hasattr(pairs, "shape"):
        array = np.asarray(pairs)
        flat = list(array.reshape(2 * len(array), *array.shape[2:]))
    else:
        odd = [row for row, pair in enumerate(pairs) if len(pair) != 2]
        if odd:
            raise ValueError(f"row {odd[0]} of X holds {len(pairs[odd[0]])} sides; a pair has two")
        flat = [side for pair in pairs for side in pair]
    sides, numbers = _without_repeats(flat)
    return sides, numbers.reshape(-1, 2)


def _without_repeats(things: Sequence[Any]) -> tuple[list[Any], NDArray[np.intp]]:
    """Each thing once, and for each of `things` its number; paths are told by what they say."""
    keys: list[Hashable] = [os.fspath(t) if _is_path(t) else id(t) for t in things]
    numbers: dict[Hashable, int] = {}
    found = np.array([numbers.setdefault(key, len(numbers)) for key in keys], dtype=np.intp)
    _, first = np.unique(found, return_index=True)
    return [things[i] for i in first], found


def _unfold(sides: Sequence[Any], of_table: bool) -> tuple[Any, list[NDArray[np.intp]]]:
    """The samples of all sides, as a representation takes them, and the rows of each side."""
    several = [_samples(side, of_table) for side in sides]
    empty = [number for number, samples in enumerate(several) if not len(samples)]
    if empty:
        raise ValueError(f"side {empty[0]} of {len(sides)} has no sample: there is nothing to see")
    samples, rows = _without_repeats([sample for side in several for sample in side])
    ends = np.cumsum([len(side) for side in several])[:-1]
    if of_table:
        return np.stack(samples), np.split(rows, ends)
    return samples if _is_path(samples[0]) else object_array(samples), np.split(rows, ends)


def _samples(side: Any, of_table: bool) -> Sequence[Any]:
    """The samples on one side of a pair: one, or several by one hand."""
    if _is_path(side):
        return [side]
    if of_table:
        return list(np.atleast_2d(np.asarray(side)))
    if isinstance(side, np.ndarray) and side.dtype != object and side.dtype.kind not in "US":
        in_color = side.ndim == 3 and side.shape[2] in (3, 4) and min(side.shape[:2]) > 8
        return [side] if side.ndim == 2 or in_color else list(side)
    if len(side) and not _is_path(side[0]) and np.ndim(side[0]) < 2:  # one, as nested lists
        return [np.asarray(side)]
    return list(side)
