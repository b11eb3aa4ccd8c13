"""Support classifiers with a network: classes, sample weights, the loss."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import _check_sample_weight, check_is_fitted
from torch import nn

from hwsk._data.images import some_rows
from hwsk._training.estimator import NetworkEstimator
from hwsk._wording import some_of
from hwsk.networks.losses import WeightedCrossEntropy


class NetworkClassifier(ClassifierMixin, NetworkEstimator):
    """A network whose outputs are the logits of `classes_`.

    A subclass has the parameters `class_weight` and `label_smoothing`, and gives the targets of its
    batches as (class numbers, weights).
    """

    classes_: NDArray[Any]

    def _learn_classes(self, y: NDArray[Any], classes: Any, further: bool) -> None:
        if further:
            if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"classes={classes!r} is not what it was on the first call to partial_fit: "
                    f"{self.classes_!r}"
                )
            return
        self.classes_ = np.unique(y if classes is None else column_or_1d(classes))
        if len(self.classes_) < 2:
            only = self.classes_.tolist()[0]
            raise ValueError(f"there is one class only, {only!r}: a classifier needs two at least")

    def _encode(self, y: NDArray[Any]) -> NDArray[np.int64]:
        """Class numbers of labels, all of which must be among `classes_`."""
        unknown = [row for row, known in enumerate(np.isin(y, self.classes_)) if not known]
        if unknown:
            raise ValueError(
                f"{some_of(len(unknown), len(y), 'labels', 'are none')} of the "
                f"{len(self.classes_)} classes that the network has, rows {some_rows(unknown)}; "
                f"row {unknown[0]}: {y.tolist()[unknown[0]]!r}. Training that goes on can't take "
                "new classes: fit anew, or name all classes in the first partial_fit"
            )
        return np.searchsorted(self.classes_, y)

    def _weights(
        self, y: NDArray[Any], encoded: NDArray[np.int64], given: Any, *, may_be_one: bool
    ) -> NDArray[np.float64]:
        """Weight of each sample, 1 on average."""
        table = np.empty((len(y), 1))  # only its length is looked at
        weights = _check_sample_weight(given, table, dtype=np.float64, ensure_non_negative=True)
        if not may_be_one and len(np.unique(encoded[weights > 0])) < 2:
            raise ValueError(
                "less than two classes have a sample of positive weight: a classifier needs two "
                "classes at least"
            )
        if self.class_weight is not None:
            # Training that goes on may see a part of the classes.
            numbers = np.unique(encoded) if self.class_weight == "balanced" else slice(None)
            of_class = np.ones(len(self.classes_))
            of_class[numbers] = compute_class_weight(
                self.class_weight, classes=self.classes_[numbers], y=y, sample_weight=weights
            )
            weights = weights * of_class[encoded]
        if not weights.sum() > 0:
            raise ValueError("all weights are 0: there is nothing to learn from")
        return weights / weights.mean()

    def _check_balance_is_known(self) -> None:
        """Refuse `partial_fit` with weights that depend on the whole data."""
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight='balanced' is of all data, and partial_fit sees a part: give the "
                "weights as a dict, sklearn.utils.compute_class_weight makes them"
            )

    def _make_criterion(self) -> nn.Module:
        return WeightedCrossEntropy(self.label_smoothing)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        classes, weights = (part.cpu() for part in target)
        wrong = output.argmax(dim=1).cpu() != classes
        return float((wrong * weights).sum()), float(weights.sum())

    def predict(self, X: Any) -> NDArray[Any]:
        """Predict the class of each image.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The most probable of `classes_` for each image.
        """
        check_is_fitted(self)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def predict_log_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
            Columns as in `classes_`.
        """
        with np.errstate(divide="ignore"):  # of a probability of 0
            return np.log(self.predict_proba(X))
