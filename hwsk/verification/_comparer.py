"""Compare two samples by several representations, with the reasons (`HandComparer`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import (
    _safe_indexing,
    check_consistent_length,
    column_or_1d,
)
from sklearn.utils._param_validation import HasMethods, Interval, validate_params
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted, validate_data

from hwsk._data.images import looks_like_table
from hwsk._data.pairs import Kind, check_pairs
from hwsk._data.seeds import own_generator
from hwsk._limits import COPIES, whole
from hwsk._training.rollback import restored_on_failure
from hwsk.metrics._verification import _check_forged
from hwsk.verification._candidates import (
    CandidateList,
    check_sides,
    list_candidates,
    refuse_copies,
)
from hwsk.verification._comparison import HandComparison
from hwsk.verification._representation import fit_parts, needs_fit, parts_of, shared_steps
from hwsk.verification._side_comparison import MEAN_OF_RATIOS, SideComparison
from hwsk.verification._sides import (
    Side,
    checksum,
    find_copy,
    keep,
    refuse_blank,
    take_samples,
)

__all__ = ["HandComparer"]


class HandComparer(SideComparison, BaseEstimator):
    """Compare two samples of handwriting by several representations, with reasons.

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
        Most images a side to calibrate for. More images of a writer are nearer to its mean, so each
        number up to this one has a logistic function of its own, where ten writers at least have
        twice as many images; a comparison takes the one that suits it best.
    calibration_fraction : float, default=0.3
        Share of the writers that the parts are not fitted on, but the logistic functions are. If
        nothing is to be fitted, all writers serve that.
    random_state : int, RandomState instance or None, default=None
        Decides which writers are held out, which images make up a side, and which pairs of two
        writers are taken.

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
        Medians of the distances of pairs by the same writer and by different writers.
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
    least_alike_ : ndarray of shape (n_sizes,)
        For sides of 2, 3, ... images by one writer, how alike the two groups that they fall into
        are at least, but for 1% of draws; a side below it looks like one of two writers.
    sample_ranges_ : ndarray of shape (n_measures, 2) or None
        The least and the largest measure of the ink of the images, which samples are compared with;
        None of strokes, rows, tiny images, and fewer than 50.
    longest_shape_ : float or None
        How many times as long for its height as usual of its writer an image was at most, of those
        that fall into two parts like a whole one. What is longer, and falls into two parts like a
        sample of the other side, is taken for two samples. None where `sample_ranges_` is, or texts
        differ in length, so that it says nothing.
    calibrated_with_ : dict of str to str
        Of parts that match, how the verifier compared pairs: after a change, `fit` again.
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

    The logistic functions are fitted on as many pairs by the same writer as by different writers,
    so that their logits are log-likelihood ratios [1]_. A logit far from 0 is an extrapolation: no
    set of 50 writers can show that something happens to one in a million [2]_. So
    `log_likelihood_ratio` and probabilities end at the number of writers; `score` and
    `decision_function` do not, so that they rank all pairs.

    The ratio of a feature is one of counts: in how many writers the classifier says these two
    classes of two sides by the same writer, against in how many it would by chance, a half added to
    either [3]_, so that classes hardly seen have no weight. Rare classes that agree weigh more than
    common ones. Features depend on each other, so that their ratios must not be multiplied, and are
    no summands of the whole.

    The pairs by different writers are of people who did not try to write alike, and the ratios say
    nothing of a forgery, unless `fit` was given forged samples.

    A part that is a :class:`SiameseVerifier` with a `comparator` takes its pair scores: the
    distance of two sides is the mean over the pairs of their images, less 80% of the mean distance
    among the images of a side. `compare` gives no ratio where samples are unlike those of the
    calibration.

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

    def _pair_kind(self) -> Kind:
        return "vectors" if self.representation is None else "images"

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self, X: Any, y: Any, groups: Any = None, features: Any = None, forged: Any = None
    ) -> HandComparer:
        """Fit the parts on some writers, and learn from others what distances mean.

        Parameters
        ----------
        X : array-like
            Samples, of whatever kind the representation takes: images as elsewhere, strokes where a
            StrokeRasterizer stands in front, or rows.
        y : array-like of shape (n_samples,)
            The writer of each; of a forgery, who is imitated.
        groups : array-like of shape (n_samples,), default=None
            What samples of a writer have in common beside the hand, as a rule the page. If given,
            the calibration takes pairs by the same writer from two groups only, and the images of a
            side from one: the question is then whether the same writer wrote two pages.
        features : DataFrame or array-like of shape (n_samples, n_features), default=None
            What a :class:`MultiTaskClassifier` in the representation learns, if it is not frozen.
        forged : array-like of bool of shape (n_samples,), default=None
            Which samples are skilled forgeries. If any are, the calibration is for signatures: one
            questioned sample, genuine or forged, against 1 to `n_images` genuine references of the
            same writer. `groups` must then be None.

        Returns
        -------
        self : HandComparer
            The fitted comparer.

        Raises
        ------
        ValueError
            If no writer has two samples, there are too few writers, or `forged` holds others than
            True and False, or comes with `groups`.

        Warns
        -----
        UserWarning
            If some writers have one sample only (or samples of one group), so that they have no
            pair by the same writer.
        """
        if y is None:
            raise ValueError(
                "HandComparer requires y to be passed, but the target y is None: pass the writer "
                "of each sample"
            )
        with restored_on_failure(self):
            self._fit(X, y, groups, features, forged)
        return self

    def _fit(self, X: Any, y: Any, groups: Any, features: Any, forged: Any) -> None:
        if self.representation is None:
            X = validate_data(self, X, dtype=np.float64)
        else:
            for name in ("n_features_in_", "feature_names_in_"):  # of a table before
                self.__dict__.pop(name, None)
        self._of_table = looks_like_table(X)
        names, writers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        check_consistent_length(X, writers, groups, features)
        fakes = _check_forged(forged, len(writers))
        if fakes.any() and groups is not None:
            raise ValueError(
                "groups keep pairs of genuine samples apart, and forged samples are compared with "
                "genuine ones of any group: give one of both"
            )
        rng = own_generator(self.random_state)
        learn, calibrate = self._split_writers(len(names), len(writers), rng)
        if len(learn):
            rows = np.flatnonzero(np.isin(writers, learn))
            self.representation_ = fit_parts(
                self.representation,
                _safe_indexing(X, rows),
                # A forgery is by a writer of its own.
                np.where(fakes, len(names) + np.arange(len(fakes)), writers)[rows]
                if fakes.any()
                else names[writers[rows]],
                None if features is None else _safe_indexing(features, rows),
            )
        else:
            self.representation_ = self.representation
        rows = np.flatnonzero(np.isin(writers, calibrate))
        parts = parts_of(self.representation_)
        self.part_names_ = [part.name for part in parts]
        self.feature_names_ = [name for part in parts for name in part.features]
        samples = _safe_indexing(X, rows)
        described = self._describe(samples)
        self.classes_ = np.array([0, 1])
        # scores are log-likelihood ratios
        self.threshold_, self.calibrated_with_ = 0.0, self._comparison_parameters()
        if groups is not None:
            groups = np.unique(column_or_1d(groups), return_inverse=True)[1][rows]
        self._across_groups, self._of_forgeries = groups is not None, bool(fakes.any())
        self._calibrate(described, names, writers[rows], groups, fakes[rows], rng)
        self.calibration_writers_ = names[np.unique(writers[rows])]
        if self._of_forgeries:
            self.calibration_writers_ = names[np.unique(writers[rows][fakes[rows]])]
        images = [] if self._of_table else self._images_of([("X", samples)])
        self._learn_looks(images[0][1] if images else None, writers[rows], fakes[rows])

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

        Warns
        -----
        UserWarning
            If images are unlike those of the calibration; `compare` gives no ratio of these.
        """
        check_is_fitted(self)
        checked = check_pairs(pairs, self._pair_kind())
        self._warn_of_pairs(checked)
        found = self._compare_sides(*checked)
        same = expit(np.clip(found.scores, -found.limits, found.limits))
        return np.column_stack([1 - same, same])

    def compare(self, a: Any, b: Any) -> HandComparison:
        """Compare two samples: how strongly they support the same writer, with reasons.

        Parameters
        ----------
        a : image, path, or list of such
            One sample as in `fit`, or several by one writer.
        b : image, path, or list of such
            The other sample, or several by one writer. The more, the better.

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
        images: list[Side] = []
        if not self._of_table and all(len(samples) for _, samples in sides):
            if copy := find_copy(sides):
                names = " and ".join(copy.names)
                raise ValueError(f"{names} are identical: a copy, not a comparison")
            images = self._images_of(sides)
            refuse_blank(images)
        shown = [samples for _, samples in images] or [(), ()]
        digests = [tuple(map(checksum, side)) for side in shown]
        found = self._compare_sides([a, b], np.array([[0, 1]]))
        size, score, limit = int(found.sizes[0]), float(found.scores[0]), found.limits[0]
        doubts = self._find_doubts([name for name, _ in sides], images, found)
        same, different = self.typical_distances_[size].T
        return HandComparison(
            score=score,
            log_likelihood_ratio=0.0 if doubts else float(np.clip(score, -limit, limit)),
            distances=pd.DataFrame(
                {
                    "distance": found.distances[0],
                    "same_writer": same,
                    "different_writers": different,
                },
                index=pd.Index(self.part_names_, name="part"),
            ),
            features=self._compare_features(found, size),
            n_images=(len(found.sides[0]), len(found.sides[1])),
            samples=(keep(shown[0]), keep(shown[1])),
            digests=(digests[0], digests[1]),
            basis=self._describe_basis(limit),
            doubts=tuple(doubts),
            places=tuple(self._find_places(found)),
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
            One sample by an unknown writer, as in `fit`, or several.
        known : dict of image, path, or list of such
            What each known writer wrote, by name. The more, the better.
        prior : float, default=0.5
            Probability beforehand, above 0 and below 1, that one of the known writers wrote it,
            each as likely as the others. A larger value makes "none of these" less likely.

        Returns
        -------
        candidates : CandidateList
            The known writers with their probabilities, the most likely first, and the probability
            of none of them. If there are `doubts`, these are the probabilities of beforehand.

        Raises
        ------
        ValueError
            If nobody is known, a writer has no image, an image has no ink, or an image is there
            twice, such as among the known and questioned ones.

        Warns
        -----
        UserWarning
            If samples are unlike those of the calibration, copies of each other, or images of one
            writer look like those of two; they are named.
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
        images: list[Side] = []
        if not self._of_table:
            refuse_copies(sides)
            images = self._images_of(sides)
            refuse_blank(images)
        pairs = np.column_stack([np.zeros(len(names), np.intp), 1 + np.arange(len(names))])
        found = self._compare_sides(entries, pairs)
        ranking = pd.DataFrame(
            {
                "log_likelihood_ratio": np.clip(found.scores, -found.limits, found.limits),
                "score": found.scores,
                "n_images": [len(side) for side in found.sides[1:]],
                **{
                    f"distance_{name}": of_part
                    for name, of_part in zip(self.part_names_, found.distances.T, strict=True)
                },
            },
            index=pd.Index(names, name="writer", tupleize_cols=False),
        )
        size = int(found.sizes.min())  # the fewest images, and so the lowest bound
        mean_of_ratios = np.tile(MEAN_OF_RATIOS, (size + 1, 1))
        coef = getattr(self, "search_coef_", mean_of_ratios)[size]  # a file of before has none
        doubts = self._find_doubts(titles, images, found)
        basis = self._describe_basis(found.limits.min())
        return list_candidates(ranking, coef, prior, len(found.sides[0]), basis, doubts)

    def _images_of(self, sides: Sequence[Side]) -> list[Side]:
        """Return the images of each side, as the shared steps make them; none of strokes."""
        front, _ = shared_steps(self.representation_)
        if front is not None:
            return [(name, front.transform(samples)) for name, samples in sides]
        return super()._images_of(sides)

    def _describe_basis(self, limit: float) -> dict[str, Any]:
        """Say what ratios rest on, for reports."""
        return {
            "writers": len(self.calibration_writers_),
            "images": len(self.coef_),
            "bound": float(np.exp(limit)),
            "across_groups": getattr(self, "_across_groups", False),
            "forgeries": self._of_forgeries,
            "parts": {
                f"part {part.name}": part.transformer
                for part in parts_of(self.representation_)
                if part.transformer is not None
            },
        }
