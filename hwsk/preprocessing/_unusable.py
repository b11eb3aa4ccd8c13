"""Leave out images that can't be used, in `fit` and in prediction (`SkipUnusable`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, MetaEstimatorMixin, _fit_context, clone
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import (
    _check_method_params,
    _is_fitted,
    check_consistent_length,
)

from hwsk._data.decoding import is_path
from hwsk._data.images import LazyImages, check_images, name_rows
from hwsk._data.pairs import check_pairs, holds_pairs
from hwsk._warn import warn_caller
from hwsk._wording import some_of

_MOST_NAMED = 3  # errors that a warning repeats


def _has(method: str) -> Callable[[SkipUnusable], bool]:
    return lambda self: hasattr(self._inner(), method)


class SkipUnusable(MetaEstimatorMixin, BaseEstimator):
    """Let an estimator or a Pipeline go on where some image files can't be used.

    Estimators of hwsk raise one error that names all files that are empty, damaged or missing.
    Wrapped in this class, they learn from the other images, and predict nothing for these: the rows
    of the result stay those of X.

    Parameters
    ----------
    estimator : estimator
        What takes images, as arrays or file paths, or pairs of them. It is cloned by `fit`; one
        that is fitted predicts without it.
    on_error : {"warn", "raise"}, default="warn"
        What to do about files that can't be used. With "warn" they are left out, and counted and
        named in one warning; with "raise" the estimator gets them, and its error names all.

    Attributes
    ----------
    estimator_ : estimator
        The fitted clone.

    See Also
    --------
    hwsk.datasets.load_lines : Leaves such images out while loading.

    Notes
    -----
    With "warn", all files are decoded once more beforehand. Arrays that can't be used raise an
    error all the same.

    Examples
    --------
    >>> import tempfile, warnings
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> from sklearn.pipeline import make_pipeline
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.preprocessing import HeightNormalizer, SkipUnusable
    >>> from hwsk.recognition import CTCRecognizer
    >>> made = make_handwriting(2, texts=["one", "two"], random_state=0)
    >>> recognizer = CTCRecognizer(max_epochs=1, hidden_units=8, random_state=0)
    >>> reader = SkipUnusable(make_pipeline(HeightNormalizer(40), recognizer))
    >>> with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(record=True) as said:
    ...     warnings.simplefilter("always")
    ...     paths = [f"{folder}/{i}.png" for i in range(3)]
    ...     for path, image in zip(paths, made.images):
    ...         Image.fromarray(image).save(path)
    ...     Path(paths[2]).touch()  # 0 bytes
    ...     len(reader.fit(paths, ["one", "two", "three"]).predict(paths))
    3
    >>> str(said[0].message)[:32]
    '1 of 3 images is left out of fit'
    """

    estimator_: Any

    _parameter_constraints: dict[str, list[Any]] = {
        "estimator": [HasMethods(["fit"])],
        "on_error": [StrOptions({"warn", "raise"})],
    }

    def __init__(self, estimator: Any, *, on_error: str = "warn") -> None:
        self.estimator = estimator
        self.on_error = on_error

    def _inner(self) -> Any:
        return getattr(self, "estimator_", self.estimator)

    def __sklearn_tags__(self) -> Tags:
        tags: Tags = get_tags(self.estimator)
        return tags

    @property
    def _native_data(self) -> Any:
        return getattr(self.estimator, "_native_data", None)

    def __sklearn_is_fitted__(self) -> bool:
        return bool(_is_fitted(self._inner()))

    @property
    def classes_(self) -> NDArray[Any]:
        """Classes of the wrapped estimator."""
        classes: NDArray[Any] = self._inner().classes_
        return classes

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: Any, y: Any = None, **params: Any) -> SkipUnusable:
        """Fit a clone of the estimator on the images that can be used.

        Parameters
        ----------
        X : array-like of images or of pairs of images
            As the estimator takes them.
        y : array-like of shape (n_samples,), default=None
            Targets.
        **params : dict
            Further arguments of the estimator's `fit`; those with a value for each image, such as
            `groups`, lose the same rows.

        Returns
        -------
        self : SkipUnusable
            The wrapper.

        Raises
        ------
        ValueError
            If no image can be used.

        Warns
        -----
        UserWarning
            If images are left out.
        """
        X, y, params = self._keep_usable(X, y, params, "fit")
        self.estimator_ = clone(self.estimator).fit(X, *(() if y is None else (y,)), **params)
        return self

    @available_if(_has("predict"))
    def predict(self, X: Any, **params: Any) -> Any:
        """Predict from the images that can be used.

        Parameters
        ----------
        X : array-like of images or of pairs of images
            As in `fit`.
        **params : dict
            Further arguments of the estimator's `predict`.

        Returns
        -------
        y : ndarray
            As the estimator gives it. In rows of images that can't be used: `""` among strings,
            NaN among numbers (integers become floats), otherwise None.

        Warns
        -----
        UserWarning
            If images are left out.
        """
        return self._apply("predict", X, params)

    @available_if(_has("predict_proba"))
    def predict_proba(self, X: Any, **params: Any) -> Any:
        """Predict probabilities from the images that can be used.

        Parameters
        ----------
        X : array-like of images or of pairs of images
            As in `fit`.
        **params : dict
            Further arguments of the estimator's `predict_proba`.

        Returns
        -------
        proba : ndarray
            As `predict` gives it.
        """
        return self._apply("predict_proba", X, params)

    @available_if(_has("predict_log_proba"))
    def predict_log_proba(self, X: Any, **params: Any) -> Any:
        """Predict the logarithm of the probabilities from the images that can be used.

        Parameters
        ----------
        X : array-like of images or of pairs of images
            As in `fit`.
        **params : dict
            Further arguments of the estimator's `predict_log_proba`.

        Returns
        -------
        log_proba : ndarray
            As `predict` gives it.
        """
        return self._apply("predict_log_proba", X, params)

    @available_if(_has("decision_function"))
    def decision_function(self, X: Any, **params: Any) -> Any:
        """Compute scores of the images that can be used.

        Parameters
        ----------
        X : array-like of images or of pairs of images
            As in `fit`.
        **params : dict
            Further arguments of the estimator's `decision_function`.

        Returns
        -------
        scores : ndarray
            As `predict` gives it.
        """
        return self._apply("decision_function", X, params)

    @available_if(_has("predict_details"))
    def predict_details(self, X: Any, **params: Any) -> Any:
        """Predict details of the images that can be used.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        **params : dict
            Further arguments of the estimator's `predict_details`.

        Returns
        -------
        details : list
            As the estimator gives it; None in the rows of other images.
        """
        return self._apply("predict_details", X, params)

    @available_if(_has("transform"))
    def transform(self, X: Any, **params: Any) -> Any:
        """Transform the images that can be used.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        **params : dict
            Further arguments of the estimator's `transform`.

        Returns
        -------
        transformed : ndarray
            As `predict` gives it.
        """
        return self._apply("transform", X, params)

    @available_if(_has("get_feature_names_out"))
    def get_feature_names_out(self, input_features: Any = None) -> Any:
        """Return the names of the columns that `transform` gives.

        Parameters
        ----------
        input_features : array-like of str, default=None
            As the estimator takes them.

        Returns
        -------
        names : ndarray of str
            As the estimator gives them.
        """
        return self._inner().get_feature_names_out(input_features)

    @available_if(_has("set_output"))
    def set_output(self, *, transform: str | None = None) -> SkipUnusable:
        """Choose the output of `transform`, on the wrapped estimator.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"}, default=None
            None leaves it as it is.

        Returns
        -------
        self : SkipUnusable
            The wrapper.
        """
        for estimator in {id(each): each for each in (self.estimator, self._inner())}.values():
            estimator.set_output(transform=transform)
        return self

    @available_if(_has("score"))
    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """Compute the score of the images that can be used.

        Parameters
        ----------
        X : array-like of images or of pairs of images
            As in `fit`.
        y : array-like of shape (n_samples,), default=None
            Targets.
        **params : dict
            Further arguments of the estimator's `score`.

        Returns
        -------
        score : float
            As the estimator gives it.
        """
        X, y, params = self._keep_usable(X, y, params, "score")
        return float(self._inner().score(X, *(() if y is None else (y,)), **params))

    def _keep_usable(
        self, X: Any, y: Any, params: dict[str, Any], method: str
    ) -> tuple[Any, Any, dict[str, Any]]:
        """Drop the rows that can't be used."""
        rows = self._usable(X, method, "")
        if rows is None:
            return X, y, params
        check_consistent_length(X, y)
        params = _check_method_params(X, params, rows)
        return _safe_indexing(X, rows), None if y is None else _safe_indexing(y, rows), params

    def _apply(self, method: str, X: Any, params: dict[str, Any]) -> Any:
        """Call a method with the rows that can be used, and put its results into all rows."""
        rows = self._usable(X, method, "; their results are empty, NaN or None")
        call = getattr(self._inner(), method)
        if rows is None:
            return call(X, **params)
        params = _check_method_params(X, params, rows)
        return _spread(call(_safe_indexing(X, rows), **params), rows, len(X))

    def _usable(self, X: Any, method: str, consequence: str) -> NDArray[np.intp] | None:
        """Give the rows that can be used; None if these are all."""
        if self.on_error == "raise":
            return None
        images, row_of = _entries(X)
        errors: dict[int, str] = {}
        for entry, row in enumerate(row_of):
            if not is_path(images.sources[entry]):  # a wrong array is a mistake of the caller's
                continue
            try:
                images.decode(entry)
            except (OSError, ValueError) as error:
                errors.setdefault(int(row), str(error))
        if not errors:
            return None
        n = int(row_of[-1]) + 1
        bad = list(errors)
        reasons = "; ".join(f"row {row}: {errors[row]}" for row in bad[:_MOST_NAMED])
        if len(bad) == n:
            raise ValueError(f"none of {n} images can be used; {reasons}")
        what = "images" if len(images) == n else "rows"
        named = name_rows(images if len(images) == n else None, bad)
        warn_caller(
            f"{some_of(len(bad), n, what, f'are left out of {method}')}"
            f", rows {named}{consequence}; {reasons}{'; ...' * (len(bad) > _MOST_NAMED)}"
        )
        return np.setdiff1d(np.arange(n), bad)


def _entries(X: Any) -> tuple[LazyImages, NDArray[np.intp]]:
    """All images in X, and the row in which each is."""
    if not holds_pairs(X):
        images = check_images(X)
        return images, np.arange(len(images))
    pairs = check_pairs(X)
    found: list[Any] = []
    rows: list[int] = []
    for row, pair in enumerate(pairs.rows):
        for number in pair:
            entry = pairs.entries[number]
            several = isinstance(entry, (list, tuple)) and len(entry) and np.ndim(entry[0]) != 1
            parts = entry if several else [entry]
            found += parts
            rows += [row] * len(parts)
    return LazyImages(found), np.array(rows)


def _spread(result: Any, rows: NDArray[np.intp], n: int) -> Any:
    """Put results into their rows, and nothing into the others."""
    if isinstance(result, pd.DataFrame):
        return result.set_axis(rows).reindex(range(n))
    if not isinstance(result, np.ndarray):
        spread: list[Any] = [None] * n
        items: Sequence[Any] = list(result)
        for row, item in zip(rows, items, strict=True):
            spread[row] = item
        return spread
    dtype = result.dtype
    fill: Any = np.nan
    if dtype.kind in "biu":
        dtype = np.result_type(dtype, np.float64)
    elif dtype.kind == "U":
        fill = ""
    elif dtype.kind == "O":
        fill = "" if all(isinstance(item, str) for item in result.flat) else None
    whole = np.full((n, *result.shape[1:]), fill, dtype)
    whole[rows] = result
    return whole
