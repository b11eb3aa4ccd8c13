"""Transform pen strokes into pen strokes: what the transformers share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array
from hwsk._data.outputs import ObjectOutputMixin
from hwsk._data.strokes import check_strokes

Strokes = NDArray[np.float32]


class StrokeTransformer(ObjectOutputMixin, TransformerMixin, BaseEstimator):
    """Transform strokes into strokes; base of the stroke transformers, most of them stateless."""

    _gives = "strokes"
    _native_data = "strokes"
    _parameter_constraints: dict[str, list[Any]] = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> StrokeTransformer:
        """Validate the parameters and the strokes, and learn the lengths that are asked for.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy (downwards), pen_up.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.
        """
        self._learn(check_strokes(X))
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Change the strokes of every sample.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy (downwards), pen_up.

        Returns
        -------
        strokes : object array of ndarray of shape (T, 3)
            The changed strokes, float32.
        """
        check_is_fitted(self)
        self._validate_params()
        return object_array(self._change(check_strokes(X)))

    def _learn(self, strokes: list[Strokes]) -> None:
        """Learn from the training set."""

    @abstractmethod
    def _change(self, strokes: list[Strokes]) -> list[Strokes]:
        """Change every sample."""

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def to_points(sample: Strokes) -> NDArray[np.float64]:
    """Compute the position of the pen after each row."""
    return np.cumsum(sample[:, :2], axis=0, dtype=np.float64)


def to_offsets(points: NDArray[np.float64], pen_up: NDArray[Any]) -> Strokes:
    """Strokes of points: the way back from `to_points`."""
    offsets = np.diff(points, axis=0, prepend=np.zeros((1, 2)))
    return np.column_stack([offsets, pen_up]).astype(np.float32)


def written(sample: Strokes) -> NDArray[np.float64]:
    """The offsets of the pen while it writes, without its jumps."""
    return sample[1:, :2][sample[:-1, 2] == 0].astype(np.float64)


def step_lengths(sample: Strokes) -> NDArray[np.float64]:
    return np.hypot(*written(sample).T)
