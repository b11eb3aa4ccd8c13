"""Compare two samples by several representations, with the reasons (`HandComparer`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, _fit_context
from sklearn.linear_model import LogisticRegression
from sklearn.utils import (
    _safe_indexing,
    check_consistent_length,
    column_or_1d,
)
from sklearn.utils._param_validation import HasMethods, Interval, validate_params
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from hwsk._data.images import looks_like_table
from hwsk._data.pairs import Kind, Pairs, check_pairs
from hwsk._data.seeds import own_generator
from hwsk._limits import COPIES, whole
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import collect_warnings, warn_caller
from hwsk.model_selection import make_pairs
from hwsk.verification._candidates import (
    CandidateList,
    check_sides,
    fit_search,
    list_candidates,
    refuse_copies,
)
from hwsk.verification._comparison import HandComparison
from hwsk.verification._pair_classifier import PairClassifierMixin
from hwsk.verification._representation import fit_parts, needs_fit, parts_of, shared_steps
from hwsk.verification._sides import (
    Side,
    are_strokes,
    checksum,
    find_copy,
    keep,
    refuse_blank,
    take_samples,
    unfold,
)

__all__ = ["HandComparer"]

_FEWEST_WRITERS = 10  # to calibrate for more than one image a side
_SHRINKAGE = 0.5  # counted beside what was found, and beside what chance would bring
_AT_ONCE = 50_000  # pairs whose vectors are held at once


class _Compared(NamedTuple):
    """Hold distances and scores of pairs of sides."""

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


class HandComparer(PairClassifierMixin, BaseEstimator):
    """Compare two hands by all that several estimators see in them, and say why.

    A representation, such as a FeatureUnion of the latents of a
    :class:`~hwsk.representation.VariationalAutoencoder`, the embedding of a
    :class:`SiameseVerifier` and the probabilities of a
    :class:`MultiTaskClassifier`, makes vectors of images. For each of its parts,
    the distance between the means of both sides is taken; of all distances, a logistic function
    makes the likelihood ratio. It is learnt from writers whom the parts were not trained on. Beside
    that, the named features of the classifier give the reasons.

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
        :class:`MultiTaskClassifier` that gives probabilities.
    feature_ratios_ : list of ndarray of shape (n_sizes, n_classes, n_classes)
        For each feature, and for 1, 2, ... images a side, the log-likelihood ratio of finding these
        two classes in both sides.
    feature_shares_ : list of ndarray of shape (n_sizes, n_classes)
        For each feature, and for 1, 2, ... images a side, the share of the writers of the
        calibration with each class.
    coef_ : ndarray of shape (n_sizes, n_parts)
        Slopes of the logistic functions for 1, 2, ... images a side.
    intercept_ : ndarray of shape (n_sizes,)
        Their intercepts.
    typical_distances_ : ndarray of shape (n_sizes, n_parts, 2)
        Medians of the distances of pairs by one hand and of those by two.
    limits_ : ndarray of shape (n_sizes,)
        How far from 0 log-likelihood ratios may be: the logarithm of the number of writers.
    search_coef_ : ndarray of shape (n_sizes, 3)
        For `identify`, and for 1, 2, ... images a side, how the log-likelihood ratio of one known
        writer having written depends on the logarithm of the sum of their ratios and on that of
        their number, and the intercept.
    calibration_writers_ : ndarray
        The writers whom the logistic functions were learnt from.
    threshold_ : float
        Score from which `predict` accepts a pair as by the same writer: 0 after `fit`, where scores
        are log-likelihood ratios. `calibrate_threshold` moves it, and leaves the ratios.
    calibrated_with_ : dict of str to str
        Empty: scores depend on what `fit` has learnt alone.
    classes_ : ndarray of shape (2,)
        What `predict` gives for different writers, 0, and for the same writer, 1.
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
    >>> from hwsk.verification import HandComparer
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
        "n_images": [whole(1, COPIES)],
        "calibration_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        representation: Any = None,
        *,
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
        tags.input_tags.two_d_array = self.representation is None
        return tags

    _calibrates_probabilities = False

    def _pair_kind(self) -> Kind:
        return "vectors" if self.representation is None else "images"

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
            What a :class:`MultiTaskClassifier` in the representation learns, if it is not frozen.

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
        with restored_on_failure(self):
            self._fit(X, y, groups, features)
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
        rng = own_generator(self.random_state)
        learn, calibrate = self._split_writers(len(names), len(writers), rng)
        if len(learn):
            rows = np.flatnonzero(np.isin(writers, learn))
            self.representation_ = fit_parts(
                self.representation,
                _safe_indexing(X, rows),
                names[writers[rows]],
                None if features is None else _safe_indexing(features, rows),
            )
        else:
            self.representation_ = self.representation
        rows = np.flatnonzero(np.isin(writers, calibrate))
        parts = parts_of(self.representation_)
        self.part_names_ = [part.name for part in parts]
        self.feature_names_ = [name for part in parts for name in part.features]
        vectors = self._vectors(_safe_indexing(X, rows))
        self.classes_ = np.array([0, 1])
        self.threshold_, self.calibrated_with_ = 0.0, {}  # scores are log-likelihood ratios
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
        if not needs_fit(self.representation):
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
        coefficients, intercepts, typical, limits, drawn = [], [], [], [], []
        features: list[tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]] = []
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
                warn_caller(
                    f"{len(alone)} of {len(n_groups)} writers to calibrate on have {apart}, such "
                    f"as {alone[0]!r}: of these there are only pairs by two hands",
                )
            with collect_warnings():  # of the same, in other words
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
            features.append(
                _feature_ratios(self.representation_, means, of_writer, pairs[same == 1])
            )
            drawn.append((means, of_writer, of_group))
        self.coef_, self.intercept_ = np.array(coefficients), np.array(intercepts)
        self.typical_distances_, self.limits_ = np.array(typical), np.array(limits)
        self.feature_ratios_, self.feature_shares_ = (
            [np.array(of_sizes) for of_sizes in zip(*of_kind, strict=True)]
            for of_kind in zip(*features, strict=True)
        )
        self._across_groups = groups is not None

        def score(size: int, pairs: NDArray[np.intp]) -> NDArray[np.float64]:
            distances = self._distances(drawn[size][0], pairs)
            return distances @ self.coef_[size] + self.intercept_[size]

        self.search_coef_ = np.array(
            [
                fit_search(partial(score, size), of_writer, of_group, rng)
                for size, (_, of_writer, of_group) in enumerate(drawn)
            ]
        )
        return names[np.unique(writers)]

    def _vectors(self, X: Any) -> list[NDArray[np.float64]]:
        """Transform each sample by each part."""
        front, union = shared_steps(self.representation_)
        if union is None:
            X = validate_data(self, X, reset=False, dtype=np.float64)
        if front is not None:
            X = front.transform(X)
        return [
            np.asarray(
                X if part.transformer is None else part.transformer.transform(X), dtype=np.float64
            )
            for part in parts_of(self.representation_)
        ]

    def _distances(
        self, means: list[NDArray[np.float64]], pairs: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Distance of both sides of each pair, `(n_pairs, n_parts)`."""
        distances = np.empty((len(pairs), len(means)))
        for i, (part, of_part) in enumerate(
            zip(parts_of(self.representation_), means, strict=True)
        ):
            if part.classes is not None:
                of_part = np.sqrt(of_part / 2)
            for start in range(0, len(pairs), _AT_ONCE):
                first, second = pairs[start : start + _AT_ONCE].T
                difference = of_part[first] - of_part[second]
                distances[start : start + _AT_ONCE, i] = np.linalg.norm(difference, axis=1)
        return distances

    def _compare_sides(self, entries: Sequence[Any], pairs: NDArray[np.intp]) -> _Compared:
        samples, sides = unfold(entries, self._of_table)
        means = _means(self._vectors(samples), sides)
        distances = self._distances(means, pairs)
        counts = np.array([len(side) for side in sides])
        # The variance of the difference of two means goes by the harmonic mean of their numbers.
        harmonic = 2 / (1 / counts[pairs]).sum(axis=1)
        size = np.clip(np.rint(harmonic).astype(int), 1, len(self.coef_)) - 1
        scores = (distances * self.coef_[size]).sum(axis=1) + self.intercept_[size]
        return _Compared(counts, means, distances, size, scores, self.limits_[size])

    def part_distances(self, pairs: Any) -> NDArray[np.float64]:
        """Compute the distances of each pair, one for each part.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            Two samples each, `(n, 2, h, w)`, or an object array, list or DataFrame `(n, 2)`. A side
            may also be a list of several samples by one writer. What comes in several pairs is
            looked at once.

        Returns
        -------
        distances : ndarray of shape (n_pairs, n_parts)
            Columns as in `part_names_`.
        """
        check_is_fitted(self)
        return self._compare_sides(*check_pairs(pairs, self._pair_kind())).distances

    def _score_pairs(self, pairs: Pairs) -> NDArray[np.float64]:
        return self._compare_sides(*pairs).scores

    def _score_samples(self, X: Any, index: NDArray[np.intp]) -> NDArray[np.float64]:
        return self._distances(self._vectors(X), index) @ self.coef_[0] + self.intercept_[0]

    def predict_proba(self, pairs: Any) -> NDArray[np.float64]:
        """Predict the probability of different writers and of the same writer, at even prior odds.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `part_distances`.

        Returns
        -------
        probabilities : ndarray of shape (n_pairs, 2)
            Columns as in `classes_`. The logarithm of their ratio is the log-likelihood ratio, no
            farther from 0 than `limits_`: at other prior odds, add the logarithm of those.
        """
        check_is_fitted(self)
        found = self._compare_sides(*check_pairs(pairs, self._pair_kind()))
        same = expit(np.clip(found.scores, -found.limits, found.limits))
        return np.column_stack([1 - same, same])

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
            in a notebook tables. `to_html` and `to_pdf` write a report.

        Raises
        ------
        ValueError
            If an image has no ink, or is on both sides: a copy is not a comparison.
        """
        check_is_fitted(self)
        sides = [(name, take_samples(side, self._of_table)) for name, side in (("a", a), ("b", b))]
        images: tuple[Sequence[Any], Sequence[Any]] = ((), ())
        if not self._of_table and all(len(samples) for _, samples in sides):
            if copy := find_copy(sides):
                names = " and ".join(copy.names)
                raise ValueError(f"{names} are identical: a copy, not a comparison")
            images = self._check_ink(sides)
        digests = tuple(tuple(map(checksum, side)) for side in images)
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
            features=self._compare_features(found.means, size),
            n_images=(int(found.counts[0]), int(found.counts[1])),
            samples=(keep(images[0]), keep(images[1])),
            digests=(digests[0], digests[1]),
            basis=self._describe_basis(limit),
        )

    @validate_params(
        {
            "self": "no_validation",
            "questioned": "no_validation",
            "known": [Mapping],
            "prior": [Interval(Real, 0, 1, closed="neither")],
        },
        prefer_skip_nested_validation=True,
    )
    def identify(
        self, questioned: Any, known: Mapping[Any, Any], *, prior: float = 0.5
    ) -> CandidateList:
        """Rank known writers by who wrote the questioned samples, or say that none of them did.

        An open-set identification: each known writer is compared with the questioned side. How
        likely one of them is, against someone else, follows from the sum of their likelihood
        ratios, by a logistic function that `fit` has learnt from searches among the writers of the
        calibration. Its ratio is kept within the bounds of a comparison.

        Parameters
        ----------
        questioned : image, path, or list of such
            What one unknown hand wrote: a sample as in `fit`, or several.
        known : dict of image, path, or list of such
            What each known writer wrote, by name. The more, the better.
        prior : float, default=0.5
            Probability beforehand, above 0 and below 1, that one of the known writers wrote it,
            each as likely as the others. A larger value makes "none of these" less likely.

        Returns
        -------
        candidates : CandidateList
            The known writers with their probabilities, the most likely first, and the probability
            of none of them.

        Raises
        ------
        ValueError
            If nobody is known, a writer has no image, an image has no ink, or an image is there
            twice, such as among the known and questioned ones.
        """
        check_is_fitted(self)
        names = list(known)
        titles = ["the questioned", *(f"writer {name!r}" for name in names)]
        entries = [questioned, *known.values()]
        sides = [
            (title, take_samples(entry, self._of_table))
            for title, entry in zip(titles, entries, strict=True)
        ]
        check_sides(sides)
        if not self._of_table:
            refuse_copies(sides)
            self._check_ink(sides)
        pairs = np.column_stack([np.zeros(len(names), np.intp), 1 + np.arange(len(names))])
        found = self._compare_sides(entries, pairs)
        ranking = pd.DataFrame(
            {
                "log_likelihood_ratio": np.clip(found.scores, -found.limits, found.limits),
                "score": found.scores,
                "n_images": found.counts[1:],
                **{
                    f"distance_{name}": of_part
                    for name, of_part in zip(self.part_names_, found.distances.T, strict=True)
                },
            },
            index=pd.Index(names, name="writer", tupleize_cols=False),
        )
        size = int(found.sizes.min())  # the fewest images, and so the lowest bound
        mean_of_ratios = np.tile([1.0, -1.0, 0.0], (size + 1, 1))
        coef = getattr(self, "search_coef_", mean_of_ratios)[size]  # a file of before has none
        basis = self._describe_basis(found.limits.min())
        return list_candidates(ranking, coef, prior, int(found.counts[0]), basis)

    def _check_ink(self, sides: Sequence[Side]) -> Any:
        """Refuse blank images; return the images of each side, none where samples are strokes."""
        front, _ = shared_steps(self.representation_)
        if front is not None:
            sides = [(name, front.transform(samples)) for name, samples in sides]
        elif any(are_strokes(sample) for _, samples in sides for sample in samples):
            return ((),) * len(sides)
        refuse_blank(sides)
        return tuple(samples for _, samples in sides)

    def _describe_basis(self, limit: float) -> dict[str, Any]:
        """Say what ratios rest on, for reports."""
        return {
            "writers": len(self.calibration_writers_),
            "images": len(self.coef_),
            "bound": float(np.exp(limit)),
            "across_groups": getattr(self, "_across_groups", False),
            "parts": {
                f"part {part.name}": part.transformer
                for part in parts_of(self.representation_)
                if part.transformer is not None
            },
        }

    def _compare_features(self, means: list[NDArray[np.float64]], size: int) -> pd.DataFrame:
        """List the classifier's features of both sides with their evidence, the strongest first."""
        rows = []
        unknown = [np.full(ratios.shape[:2], np.nan) for ratios in self.feature_ratios_]
        for (probabilities, classes), ratios, shares in zip(
            _feature_probabilities(self.representation_, means),
            self.feature_ratios_,
            getattr(self, "feature_shares_", unknown),  # a file of before has none
            strict=True,
        ):
            first, second = probabilities.argmax(axis=1)
            rows.append(
                (
                    classes[first],
                    probabilities[0, first],
                    shares[size, first],
                    classes[second],
                    probabilities[1, second],
                    shares[size, second],
                    first == second,
                    ratios[size, first, second],
                )
            )
        table = pd.DataFrame(
            rows,
            columns=[
                "first",
                "first_probability",
                "first_share",
                "second",
                "second_probability",
                "second_share",
                "agree",
                "log_likelihood_ratio",
            ],
            index=pd.Index(self.feature_names_, name="feature"),
        )
        return table.sort_values("log_likelihood_ratio", key=abs, ascending=False, kind="stable")


def _feature_ratios(
    representation: Any,
    means: list[NDArray[np.float64]],
    writers: NDArray[np.intp],
    alike: NDArray[np.intp],
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """For each feature, the log-likelihood ratio of each two of its classes, and their shares.

    Every writer counts the same, however many sides and pairs (`alike`) are his or hers.
    """
    _, numbers, n_sides = np.unique(writers, return_inverse=True, return_counts=True)
    n_pairs = np.bincount(numbers[alike[:, 0]], minlength=len(n_sides))
    ratios, shares = [], []
    for probabilities, _ in _feature_probabilities(representation, means):
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
        shares.append(share)
    return ratios, shares


def _feature_probabilities(
    representation: Any, means: list[NDArray[np.float64]]
) -> Iterator[tuple[NDArray[np.float64], NDArray[Any]]]:
    """For each feature, the probabilities of each side, and the classes they are of."""
    for part, of_part in zip(parts_of(representation), means, strict=True):
        if part.classes is not None:
            ends = np.cumsum([len(classes) for classes in part.classes])[:-1]
            yield from zip(np.split(of_part, ends, axis=1), part.classes, strict=True)


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
