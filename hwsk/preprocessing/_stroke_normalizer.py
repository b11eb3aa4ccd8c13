"""Bring pen strokes to one size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array
from hwsk._data.outputs import ObjectOutputMixin
from hwsk._data.strokes import check_strokes


class StrokeNormalizer(ObjectOutputMixin, TransformerMixin, BaseEstimator):
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
        Mean of dx and dy, zeros without `with_mean`.
    scale_ : ndarray of shape (2,)
        What dx and dy are divided by: deviations, or 1 where nothing varies.

    See Also
    --------
    StrokeRasterizer : Draw strokes as images.
    JumpCapper : Shorten the long jumps of the lifted pen, on which the deviation depends.

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

    _gives = "strokes"
    _native_data = "strokes"
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
        strokes = check_strokes(X)
        offsets = np.concatenate([sample[:, :2] for sample in strokes]).astype(np.float64)
        self.mean_ = offsets.mean(axis=0) if self.with_mean else np.zeros(2)
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
            The same with standardised dx, dy.
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
            Strokes in the units of those that were fitted.
        """
        return self._map(X, lambda offsets: offsets * self.scale_ + self.mean_)

    def _map(self, X: Any, change: Callable[[NDArray[Any]], NDArray[Any]]) -> NDArray[Any]:
        check_is_fitted(self)
        strokes = check_strokes(X)
        changed = [np.column_stack([change(s[:, :2]), s[:, 2]]).astype(np.float32) for s in strokes]
        return object_array(changed)

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
