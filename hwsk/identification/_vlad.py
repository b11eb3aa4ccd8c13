"""Encode writers by local descriptors of the ink (VLAD), without a network."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.cluster import MiniBatchKMeans
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import LazyImages, some_rows
from hwsk._data.seeds import own_generator
from hwsk._limits import UNITS, whole
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.identification._descriptors import Floats

_BATCH = 4096
_FEWEST_SAMPLES = 1000  # that a vocabulary is learnt from, where there are so many
_CHUNK = 256  # samples, or pages, whose sums are in memory together


class VLADEncoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Make one vector of the local descriptors of an image, a line or a page.

    A vocabulary of `n_clusters` typical descriptors is learnt by k-means. What the descriptors of
    an image differ from their nearest word is summed up for each word (VLAD [1]_, the vector of
    locally aggregated descriptors), and the sums are put in a row; this is done with several
    vocabularies [2]_. Power and L2 normalisation follow, then PCA, whitened, and L2 normalisation
    again [3]_. Vectors are compared by their Euclidean or cosine distance, or by a linear
    classifier. Writers need not be known in `fit`.

    Parameters
    ----------
    n_clusters : int, default=100
        Words of a vocabulary.
    n_vocabularies : int, default=1
        How many vocabularies are learnt, each from another random start.
    power : float, default=0.5
        Exponent of the power normalisation, which tempers strokes that repeat; 1 leaves the sums
        as they are.
    n_components : int, default=256
        Dimensions that the PCA keeps; fewer where `fit` has fewer samples. None does without PCA.
    whiten : bool, default=True
        Whether the dimensions that are kept are scaled to variances nearer to each other; see
        Notes.
    max_samples : int, default=200_000
        Most descriptors that the vocabularies are learnt from, as many from each sample as evenly
        fits.
    random_state : int, RandomState instance or None, default=None
        Decides the vocabularies, and with them all.

    Attributes
    ----------
    vocabularies_ : ndarray of shape (n_vocabularies, n_clusters, n_features)
        The words.
    mean_ : ndarray of shape (n_vocabularies * n_clusters * n_features,)
        What the PCA subtracts; None without PCA.
    components_ : ndarray of shape (n_components, n_vocabularies * n_clusters * n_features)
        Its directions, scaled if whitened; None without PCA.
    n_features_in_ : int
        Length of a descriptor.

    See Also
    --------
    LocalDescriptors : Make descriptors of images.
    hwsk.metrics.mean_average_precision : How well the vectors find a writer's other pages.

    Notes
    -----
    `whiten` divides each dimension by the root of its variance plus the mean variance of all that
    the samples span. Divided by its own variance alone, as a rule of the literature with its many
    pages, all samples of `fit` come to lie at the same distance from each other where they are
    hardly more than the dimensions.

    References
    ----------
    .. [1] H. Jégou, F. Perronnin, M. Douze, J. Sánchez, P. Pérez, C. Schmid, "Aggregating local
       image descriptors into compact codes", IEEE PAMI 34(9), 2012.
    .. [2] H. Jégou, O. Chum, "Negative evidences and co-occurences in image retrieval: the
       benefit of PCA and whitening", ECCV 2012.
    .. [3] V. Christlein, M. Gropp, S. Fiel, A. Maier, "Unsupervised feature learning for writer
       identification and writer retrieval", ICDAR 2017.

    Examples
    --------
    >>> from sklearn.neighbors import KNeighborsClassifier
    >>> from sklearn.pipeline import make_pipeline
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.identification import LocalDescriptors, VLADEncoder
    >>> words = make_handwriting(60, n_writers=3, random_state=0)
    >>> pipeline = make_pipeline(
    ...     LocalDescriptors(),
    ...     VLADEncoder(n_clusters=8, n_components=16, random_state=0),
    ...     KNeighborsClassifier(1),
    ... )
    >>> pipeline = pipeline.fit(words.images[:40], words.writer[:40])
    >>> pipeline.score(words.images[40:], words.writer[40:]) > 0.8
    True
    """

    mean_: Floats | None
    components_: Floats | None

    _native_data = "descriptors"
    _parameter_constraints: dict[str, list[Any]] = {
        "n_clusters": [whole(1, UNITS)],
        "n_vocabularies": [whole(1, UNITS)],
        "power": [Interval(Real, 0, 1, closed="right")],
        "n_components": [whole(1, UNITS), None],
        "whiten": ["boolean"],
        "max_samples": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int = 100,
        *,
        n_vocabularies: int = 1,
        power: float = 0.5,
        n_components: int | None = 256,
        whiten: bool = True,
        max_samples: int = 200_000,
        random_state: Any = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_vocabularies = n_vocabularies
        self.power = power
        self.n_components = n_components
        self.whiten = whiten
        self.max_samples = max_samples
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, pages: Any = None) -> VLADEncoder:
        """Learn the vocabularies and the PCA.

        Parameters
        ----------
        X : array-like of arrays
            Descriptors `(n_i, d)` of each sample, as `LocalDescriptors` gives them.
        y : None
            Ignored.
        pages : array-like of shape (n_samples,), default=None
            Samples that are encoded together, as in `transform`: the PCA is then learnt from
            pages.

        Returns
        -------
        self : VLADEncoder
            The fitted encoder.

        Raises
        ------
        ValueError
            If there are fewer descriptors than words in all, or a sample's are of another length or
            not finite; the message names the row.
        """
        self._fit(
            X,
            pages,
        )
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X: Any, y: Any = None, pages: Any = None) -> Floats:
        """Learn from samples and encode them, in one go.

        Parameters
        ----------
        X : array-like of arrays
            As in `fit`.
        y : None
            Ignored.
        pages : array-like of shape (n_samples,), default=None
            As in `transform`.

        Returns
        -------
        vectors : ndarray of shape (n_samples, n_components)
            As of `transform`.
        """
        sums, of_row = self._fit(
            X,
            pages,
        )
        return self._project(sums)[of_row]

    def transform(self, X: Any, pages: Any = None) -> Floats:
        """Encode samples, or the pages that they are from, as vectors.

        Parameters
        ----------
        X : array-like of arrays
            As in `fit`.
        pages : array-like of shape (n_samples,), default=None
            The page that each sample is from: one vector is made of all descriptors of a page, and
            each of its samples gets that vector. None encodes each sample by itself.

        Returns
        -------
        vectors : ndarray of shape (n_samples, n_components)
            Vectors of length 1, float32; zeros where there is no descriptor.

        Warns
        -----
        UserWarning
            If samples, or pages, have no descriptor.
        """
        check_is_fitted(self)
        samples = self._check_descriptors(X, reset=False)
        rows, of_row = _pool(samples, pages)
        parts = (rows[i : i + _CHUNK] for i in range(0, len(rows), _CHUNK))
        encoded = np.concatenate([self._project(self._aggregate(samples, part)) for part in parts])
        _warn_of_blanks(
            encoded,
            rows,
        )  # scikit-learn wraps this method
        return encoded[of_row]

    def _fit(self, X: Any, pages: Any) -> tuple[Floats, NDArray[np.intp]]:
        """Learn all; give what `_aggregate` makes of each page, and the page of each row."""
        samples = self._check_descriptors(X, reset=True)
        rows, of_row = _pool(samples, pages)
        rng = own_generator(self.random_state)
        drawn = self._draw(samples, rng)
        means = [
            MiniBatchKMeans(self.n_clusters, batch_size=_BATCH, random_state=seed).fit(drawn)
            for seed in rng.randint(np.iinfo(np.int32).max, size=self.n_vocabularies)
        ]
        self.vocabularies_ = np.stack([vocabulary.cluster_centers_ for vocabulary in means])
        sums = self._aggregate(samples, rows)
        _warn_of_blanks(sums, rows)
        self._learn_projection(sums[sums.any(axis=1)], rng)
        return sums, of_row

    def _draw(self, samples: Sequence[Floats], rng: np.random.RandomState) -> Floats:
        """Descriptors to learn the vocabularies from, of samples in random order."""
        share = max(1, self.max_samples // min(len(samples), _FEWEST_SAMPLES))
        drawn: list[Floats] = []
        wanted = self.max_samples
        for row in rng.permutation(len(samples)):
            found = self._get(samples, row)
            if len(found) > share:
                found = found[rng.permutation(len(found))[:share]]
            drawn.append(found[:wanted])
            wanted -= len(drawn[-1])
            if not wanted:
                break
        together = np.concatenate(drawn)
        if len(together) < self.n_clusters:
            raise ValueError(
                f"X holds {len(together)} descriptors in n_samples={len(samples)}, and "
                f"n_clusters={self.n_clusters} words need as many at least"
                + ("; are the images blank?" if not len(together) else "")
            )
        return together

    def _aggregate(self, samples: Sequence[Floats], rows: list[NDArray[np.intp]]) -> Floats:
        """For each group of rows, its residuals summed by word, after both normalisations."""
        sums = np.zeros((len(rows), *self.vocabularies_.shape), np.float32)
        for total, members in zip(sums, rows, strict=True):
            for row in members:
                _add_residuals(total, self._get(samples, row), self.vocabularies_)
        flat = sums.reshape(len(rows), -1)
        return _unit_length(np.copysign(np.abs(flat) ** np.float32(self.power), flat))

    def _learn_projection(self, sums: Floats, rng: np.random.RandomState) -> None:
        self.mean_ = self.components_ = None
        self._n_features_out = self.vocabularies_.size
        if self.n_components is None:
            return
        if len(sums) < 2:
            raise ValueError(
                f"PCA needs 2 samples with descriptors, and X has n_samples={len(sums)} of them; "
                "give more, or set n_components=None"
            )
        rank = min(len(sums) - 1, sums.shape[1])
        pca = PCA(min(self.n_components, rank), random_state=rng).fit(sums)
        self.mean_, self.components_ = pca.mean_, pca.components_
        mean_variance = sums.var(axis=0, ddof=1, dtype=np.float64).sum() / rank
        if self.whiten and mean_variance > 0:
            scale = np.sqrt(pca.explained_variance_ + mean_variance)
            self.components_ = (pca.components_.T / scale).T.astype(np.float32)
        self._n_features_out = len(pca.components_)

    def _project(self, sums: Floats) -> Floats:
        if self.mean_ is None or self.components_ is None:
            return sums
        projected = _unit_length((sums - self.mean_) @ self.components_.T)
        return np.where(sums.any(axis=1, keepdims=True), projected, np.float32(0))

    def _check_descriptors(self, X: Any, *, reset: bool) -> Sequence[Floats]:
        """Samples, as items of descriptors; what these hold is checked when they are asked for."""
        if hasattr(X, "to_numpy"):  # a Series
            X = X.to_numpy()
        if not isinstance(X, (list, tuple, np.ndarray, LazyImages)):
            raise TypeError(
                f"X is {type(X).__name__}; descriptors are a list of arrays (n_descriptors, d)"
            )
        if not len(X):
            raise ValueError("X holds no sample; give 1 or more")
        if np.ndim(X[0]) != 2:
            raise ValueError(
                f"sample 0 of X has shape {np.shape(X[0])}; descriptors are a list of arrays "
                "(n_descriptors, d), and those of one image are passed in a list: [X]"
            )
        if reset:
            self.n_features_in_ = np.shape(X[0])[1]
        return cast(Sequence[Floats], X)

    def _get(self, samples: Sequence[Floats], row: int) -> Floats:
        """The descriptors of one sample, checked."""
        found = np.asarray(samples[row])
        if found.ndim != 2 or found.shape[1] != self.n_features_in_:
            raise ValueError(
                f"sample {row} of X has shape {found.shape}; descriptors are "
                f"(n_descriptors, {self.n_features_in_}) here"
            )
        if found.dtype.kind not in "biuf" or not np.isfinite(found).all():
            raise ValueError(f"sample {row} of X holds NaN, infinity or something not a number")
        return found.astype(np.float32, copy=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _pool(samples: Any, pages: Any) -> tuple[list[NDArray[np.intp]], NDArray[np.intp]]:
    """The rows of each page, and the page of each row; without pages, each row is one."""
    pages = np.arange(len(samples)) if pages is None else column_or_1d(pages)
    check_consistent_length(samples, pages)
    _, of_row, counts = np.unique(pages, return_inverse=True, return_counts=True)
    rows = np.split(np.argsort(of_row, kind="stable"), np.cumsum(counts)[:-1])
    return rows, of_row


def _add_residuals(total: Floats, found: Floats, vocabularies: Floats) -> None:
    """Add to `total`, for each word, what the descriptors nearest to it differ from it."""
    for vocabulary, sums in zip(vocabularies, total, strict=True):
        # The nearest by |x - w|^2 = |x|^2 - 2 (x w - |w|^2 / 2).
        nearness = found @ vocabulary.T - (vocabulary**2).sum(axis=1) / 2
        chosen = np.eye(len(vocabulary), dtype=np.float32)[nearness.argmax(axis=1)]
        sums += chosen.T @ found - chosen.sum(axis=0)[:, np.newaxis] * vocabulary


def _unit_length(vectors: NDArray[Any]) -> Floats:
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.divide(vectors, length, out=np.zeros_like(vectors), where=length > 0)


def _warn_of_blanks(vectors: Floats, rows: list[NDArray[np.intp]]) -> None:
    blank = np.flatnonzero(~vectors.any(axis=1))
    if len(blank):
        grouped = "pages" if any(len(members) > 1 for members in rows) else "samples"
        first = [int(rows[i][0]) for i in blank]
        warn_caller(
            f"{some_of(len(blank), len(rows), grouped, 'have no descriptor')} (is there ink?), "
            f"encoded as zeros: rows {some_rows(first)}",
        )
