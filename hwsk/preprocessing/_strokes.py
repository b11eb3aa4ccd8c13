"""Transformers of pen strokes: strokes in, strokes out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils.validation import check_is_fitted

from hwsk._images import object_array
from hwsk._strokes import check_strokes


class StrokeNormalizer(TransformerMixin, BaseEstimator):
    """Standardise the offsets of pen strokes by the mean and deviation of the training set.

    The third column, whether the pen is lifted, stays as it is.

    Parameters
    ----------
    with_mean : bool, default=True
        Whether to subtract the mean offset. Without, rest stays at zero.
    per_axis : bool, default=True
        Whether dx and dy are divided by a deviation each, as Graves does, or by one for both,
        which keeps the aspect of the writing.

    Attributes
    ----------
    mean_ : ndarray of shape (2,)
        Mean of dx and dy, zeros without `with_mean`. Of a 2-D `X`: of shape (1,).
    scale_ : ndarray of shape (2,)
        What dx and dy are divided by: deviations, or 1 where nothing varies. Of a 2-D `X`: of
        shape (1,).
    n_features_in_ : int
        Number of columns of a 2-D `X` seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Names of the columns, where `X` had names that are all strings.

    See Also
    --------
    StrokeRasterizer : Draw strokes as images.

    Notes
    -----
    The rows of a 2-D `X` are sequences of one channel, standardised as a whole.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850, 2013.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import StrokeNormalizer
    >>> strokes = [np.array([[0, 0, 0], [4, 0, 0], [0, 2, 1]])]
    >>> normalizer = StrokeNormalizer(with_mean=False).fit(strokes)
    >>> normalizer.transform(strokes)[0].round(2).tolist()
    [[0.0, 0.0, 0.0], [2.119999885559082, 0.0, 0.0], [0.0, 2.119999885559082, 1.0]]
    """

    _parameter_constraints = {"with_mean": ["boolean"], "per_axis": ["boolean"]}

    def __init__(self, *, with_mean: bool = True, per_axis: bool = True) -> None:
        self.with_mean = with_mean
        self.per_axis = per_axis

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> StrokeNormalizer:
        """Learn the mean and the deviation of the offsets.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy, pen_up.
        y : None
            Ignored.

        Returns
        -------
        self : StrokeNormalizer
            The fitted transformer.
        """
        strokes, table = check_strokes(X, self, reset=True)
        if table is None:
            offsets = np.concatenate([sample[:, :2] for sample in strokes]).astype(np.float64)
        else:
            offsets = table.astype(np.float64).reshape(-1, 1)
        self.mean_ = offsets.mean(axis=0) if self.with_mean else np.zeros(offsets.shape[1])
        variance = offsets.var(axis=0)
        if not self.per_axis:
            variance[:] = variance.mean()
        self.scale_ = np.sqrt(variance)
        self.scale_[self.scale_ == 0] = 1
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Standardise the offsets.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy, pen_up.

        Returns
        -------
        strokes : object array of ndarray of shape (T, 3)
            The same with standardised dx, dy. Of a 2-D `X`: an array of its shape.
        """
        return self._map(X, lambda offsets: (offsets - self.mean_) / self.scale_)

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Bring standardised offsets back to the units of the training set.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Standardised strokes.

        Returns
        -------
        strokes : object array of ndarray of shape (T, 3)
            Strokes in the units of those that were fitted. Of a 2-D `X`: an array of its shape.
        """
        return self._map(X, lambda offsets: offsets * self.scale_ + self.mean_)

    def _map(self, X: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        check_is_fitted(self)
        strokes, table = check_strokes(X, self)
        if table is not None:
            if len(self.mean_) != 1:
                raise ValueError("StrokeNormalizer was fitted on strokes, and X is a 2-D array")
            return change(table).astype(table.dtype, copy=False)
        changed = [np.column_stack([change(s[:, :2]), s[:, 2]]).astype(np.float32) for s in strokes]
        return object_array(changed)


def near_the_rest(points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which points lie no farther from the middle 98% than those extend, in x and in y."""
    low, high = np.percentile(points, [1, 99], axis=0)
    reach = high - low
    reach[0] = max(reach)  # a line of text is wide; a lone tall letter may have a flourish
    reach[reach == 0] = np.inf
    return ((points >= low - reach) & (points <= high + reach)).all(axis=1)
