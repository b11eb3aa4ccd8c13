"""Score, threshold, predict and calibrate pairs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils._tags import ClassifierTags, Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.pairs import Kind, Pairs, all_pairs, check_pairs, check_same, holds_pairs
from hwsk._training.parameters import refuse_changed
from hwsk.verification._calibration import STRATEGIES, find_threshold, fit_logistic
from hwsk.verification._doubts import TypicalSamplesMixin
from hwsk.verification._sides import take_samples


class PairClassifierMixin(TypicalSamplesMixin, ABC):
    """Compare pairs of samples, with the verbs of metric-learn [1]_: pairs are the samples.

    A subclass has `classes_` once fitted, and says

    - `_pair_kind()`: what an entry of a pair is, as in `hwsk._data.pairs`;
    - `_score_pairs(pairs)`: scores of `Pairs`, higher for the same writer;
    - `_score_samples(X, index)`: the same of given rows of single samples;
    - `_comparison_parameters()`: what scores depend on beside what `fit` has learnt.

    References
    ----------
    .. [1] W. de Vazelhes et al., "metric-learn: metric learning algorithms in Python", JMLR 21,
       2020.
    """

    classes_: NDArray[np.int64]
    threshold_: float
    calibration_: tuple[float, float]
    calibrated_with_: dict[str, str]

    _native_data = "pairs"
    _calibrates_probabilities = True  # not what has probabilities from `fit`
    _calibrated_by = "calibrate_threshold"

    def __sklearn_tags__(self) -> Tags:
        # a mixin: the estimator that it is mixed into has the tags
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.target_tags.required = True
        tags.estimator_type = "classifier"
        tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    @abstractmethod
    def _pair_kind(self) -> Kind: ...

    @abstractmethod
    def _score_pairs(self, pairs: Pairs) -> NDArray[np.float64]: ...

    @abstractmethod
    def _score_samples(self, X: Any, index: NDArray[np.intp]) -> NDArray[np.float64]: ...

    def _comparison_parameters(self) -> dict[str, str]:
        return {}

    def pair_score(self, pairs: Any) -> NDArray[np.float64]:
        """Score each pair: higher where the same writer is more likely.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`. An entry that comes in several pairs is looked at once.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            Compared with `threshold_` by `predict`.
        """
        check_is_fitted(self)
        return self._score_pairs(check_pairs(pairs, self._pair_kind()))

    def decision_function(self, pairs: Any) -> NDArray[np.float64]:
        """Score each pair, by the name that scikit-learn's scorers look for.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            The same as `pair_score`.
        """
        return self.pair_score(pairs)

    def predict(self, pairs: Any) -> NDArray[np.int64]:
        """Predict whether each pair is by the same writer.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        y : ndarray of shape (n_pairs,)
            1 where the score is at least `threshold_`, otherwise 0, or -1 if `fit` was given that.

        Raises
        ------
        NotFittedError
            If there is no threshold.
        ValueError
            If the threshold was found for pairs compared in another way.

        Warns
        -----
        UserWarning
            If images are unlike those of the calibration, such as a page among signatures, one
            seems to hold two samples, or both are copies of one; they are named.
        """
        self._check_calibrated("threshold_")
        return self.classes_[(self._score_checked(pairs) >= self.threshold_).astype(int)]

    def predict_proba(self, pairs: Any) -> NDArray[np.float64]:
        """Predict the probability of different writers and of the same writer, at even prior odds.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_pairs, 2)
            Columns as in `classes_`. The logarithm of their ratio is the log-likelihood ratio: at
            other prior odds, add the logarithm of those.

        Raises
        ------
        NotFittedError
            If the scores were never calibrated.
        ValueError
            If they were calibrated for pairs compared in another way.

        Warns
        -----
        UserWarning
            If images are unlike those of the calibration, such as a page among signatures, one
            seems to hold two samples, or both are copies of one; they are named.
        """
        self._check_calibrated("calibration_")
        slope, intercept = self.calibration_
        same = expit(slope * self._score_checked(pairs) + intercept)
        return np.column_stack([1 - same, same])

    def predict_log_proba(self, pairs: Any) -> NDArray[np.float64]:
        """Predict the logarithm of the probabilities of `predict_proba`.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_pairs, 2)
            Columns as in `classes_`.
        """
        return np.log(self.predict_proba(pairs))

    def _score_checked(self, pairs: Any) -> NDArray[np.float64]:
        """Score each pair, and warn of images that no calibration holds for."""
        checked = check_pairs(pairs, self._pair_kind())
        self._warn_of_pairs(checked)
        return self._score_pairs(checked)

    def _warn_of_pairs(self, pairs: Pairs) -> None:
        """Warn of images and pairs that the calibration does not hold for."""
        if getattr(self, "sample_ranges_", None) is None:
            return
        _, firsts = np.unique(pairs.rows, return_index=True)
        sides = [
            (f"side {first % 2} of pair {first // 2}", take_samples(entry, False))
            for entry, first in zip(pairs.entries, firsts.tolist(), strict=True)
        ]
        self._warn_of_unusual(self._images_of(sides), pairs.rows)

    def _check_calibrated(self, name: str) -> None:
        """Refuse a calibration that is not there, or was made with other parameters."""
        check_is_fitted(self)
        if not hasattr(self, name):
            call = {
                "threshold_": "calibrate_threshold(pairs, y) with pairs of writers that `fit` did "
                "not see, or set_threshold",
                "calibration_": "calibrate_threshold(pairs, y) with pairs of writers that `fit` "
                "did not see",
                "reference_calibration_": "calibrate_references(X, writers, forged) with samples "
                "of writers that `fit` did not see",
            }
            raise NotFittedError(f"this {type(self).__name__} has no {name} yet: call {call[name]}")
        refuse_changed(
            name,
            self.calibrated_with_,
            self._comparison_parameters(),
            "pairs are compared",
            "calibrate_references" if name[0] == "r" else self._calibrated_by,
        )

    @validate_params(
        {"self": "no_validation", "threshold": [Interval(Real, None, None, closed="neither")]},
        prefer_skip_nested_validation=True,
    )
    def set_threshold(self, threshold: float) -> Self:
        """Set the score from which `predict` accepts a pair as by the same writer.

        Parameters
        ----------
        threshold : float
            Compared with `decision_function`.

        Returns
        -------
        self : estimator
            The estimator with another `threshold_`.
        """
        check_is_fitted(self)
        self._drop_stale_calibration()
        self.threshold_ = float(threshold)
        return self

    def _drop_stale_calibration(self) -> None:
        """Forget what was calibrated with other parameters, and remember the present ones."""
        now = self._comparison_parameters()
        if getattr(self, "calibrated_with_", now) != now:
            for name in ("threshold_", "calibration_", "reference_calibration_"):
                self.__dict__.pop(name, None)
        self.calibrated_with_ = now

    @validate_params(
        {
            "self": "no_validation",
            "X": "no_validation",
            "y": "no_validation",
            "strategy": [StrOptions(set(STRATEGIES))],
            "min_rate": [Interval(Real, 0, 1, closed="both"), None],
            "beta": [Interval(Real, 0, None, closed="neither")],
        },
        prefer_skip_nested_validation=True,
    )
    def calibrate_threshold(
        self,
        X: Any,
        y: Any,
        strategy: str = "eer",
        *,
        min_rate: float | None = None,
        beta: float = 1.0,
    ) -> Self:
        """Find the threshold, and the probabilities of scores, on held-out pairs.

        Parameters
        ----------
        X : array-like
            Pairs, or single samples of which all pairs are taken, as in `fit`, by writers that
            `fit` did not see.
        y : array-like of shape (n,)
            As in `fit`.
        strategy : {"eer", "accuracy", "f_beta", "max_tpr", "max_tnr"}, default="eer"
            "eer" makes the false acceptance rate equal to the false rejection rate; "accuracy"
            makes the fewest errors, and "f_beta" the best F-score; "max_tpr" has the highest true
            positive rate with a true negative rate of at least `min_rate`, "max_tnr" the other way
            round.
        min_rate : float, default=None
            The rate that "max_tpr" and "max_tnr" keep to.
        beta : float, default=1.0
            Weight of recall in "f_beta".

        Returns
        -------
        self : estimator
            The estimator with another `threshold_` and `calibration_`, which knows how these
            images look, if they are 50 or more, and warns where others are judged.

        Raises
        ------
        ValueError
            If there are no pairs, or all are of one kind.

        References
        ----------
        .. [1] J. Platt, "Probabilistic outputs for support vector machines", 1999.
        """
        scores, same = self._scores(X, y)
        self.calibrate_from_scores(scores, same, strategy, min_rate=min_rate, beta=beta)
        if self._calibrates_probabilities:  # what has them from `fit` knows its samples from there
            self._learn_looks_of(X, y)
        return self

    def _learn_looks_of(self, X: Any, y: Any) -> None:
        """Keep the looks of the images of pairs, or of single samples and their writers."""
        if holds_pairs(X, self._pair_kind()):
            images = self._images_of([("X", check_pairs(X, self._pair_kind()).entries)])
            self._learn_looks(images[0][1] if images else None)
            return
        images = self._images_of([("X", X)])
        _, writers = np.unique(column_or_1d(y), return_inverse=True)
        forged = np.zeros(len(writers), bool)  # has a writer of its own
        self._learn_looks(images[0][1] if images else None, writers, forged)

    def calibrate_from_scores(
        self,
        scores: Any,
        y: Any,
        strategy: str = "eer",
        *,
        min_rate: float | None = None,
        beta: float = 1.0,
    ) -> Self:
        """Find the threshold, and the probabilities, from scores that are already computed.

        Parameters
        ----------
        scores : array-like of shape (n_pairs,)
            Of held-out pairs, as `pair_score` gives them.
        y : array-like of shape (n_pairs,)
            1 for the same writer, 0 or -1 for different writers.
        strategy : {"eer", "accuracy", "f_beta", "max_tpr", "max_tnr"}, default="eer"
            As in `calibrate_threshold`.
        min_rate : float, default=None
            As in `calibrate_threshold`.
        beta : float, default=1.0
            As in `calibrate_threshold`.

        Returns
        -------
        self : estimator
            The estimator with another `threshold_` and `calibration_`.
        """
        check_is_fitted(self)
        if (min_rate is None) == (strategy in ("max_tpr", "max_tnr")):
            needs = "needs min_rate" if min_rate is None else "takes no min_rate"
            raise ValueError(f"strategy={strategy!r} {needs}")
        scores = column_or_1d(scores, dtype=np.float64)
        same = check_same(y, len(scores)) == 1
        if same.all() or not same.any():
            kind = "no pairs" if not len(same) else "pairs by the same writer only"
            if len(same) and not same.any():
                kind = "pairs by different writers only"
            raise ValueError(f"there are {kind}: both kinds are needed to find a threshold")
        self._drop_stale_calibration()
        self.threshold_ = find_threshold(scores, same, strategy, min_rate, beta)
        if self._calibrates_probabilities:
            self.calibration_ = fit_logistic(scores, same)
        return self

    def score(self, X: Any, y: Any) -> float:
        """Compute the area under the ROC curve over pairs.

        Parameters
        ----------
        X : array-like
            Pairs, or single samples of which all pairs are taken, as in `fit`.
        y : array-like of shape (n,)
            Of pairs 1 (same writer), 0 or -1; of single samples their writers.

        Returns
        -------
        score : float
            From 0 to 1; 0.5 is chance.
        """
        scores, same = self._scores(X, y)
        return float(roc_auc_score(same, scores))

    def _scores(self, X: Any, y: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score each pair, and say whether it is by the same writer."""
        check_is_fitted(self)
        if holds_pairs(X, self._pair_kind()):
            same = check_same(y, len(X)) == 1
            return self.pair_score(X), same
        check_consistent_length(X, y)
        index, same = all_pairs(column_or_1d(y))
        return self._score_samples(X, index), same
