"""Plot what the latent dimensions of an autoencoder stand for."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import check_images
from hwsk.plotting._image_grid import ImageGrid, choose_rows, gray_limits

_RANGE = (2.5, 97.5)  # percentiles of a latent dimension: from where to where it is traversed


class LatentTraversalDisplay:
    """Plot the effect of each latent dimension: a row of images in which one number varies.

    Parameters
    ----------
    images : ndarray of shape (n_dims, n_steps, height, width)
        The images that the vectors stand for.
    dims : array-like of int of shape (n_dims,)
        The dimension that varies in each row.
    values : array-like of shape (n_dims, n_steps)
        Its values.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    ReconstructionDisplay : Images above what is made of them.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from hwsk.plotting import LatentTraversalDisplay
    >>> X = 1 - load_digits().data / 16  # dark ink on light paper
    >>> display = LatentTraversalDisplay.from_estimator(PCA(8).fit(X), X, dims=3, n_steps=5)
    >>> display.images.shape
    (3, 5, 8, 8)
    """

    def __init__(self, images: Any, dims: Any, values: Any) -> None:
        self.images = images
        self.dims = dims
        self.values = values

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        start: int | None = None,
        dims: Any = 6,
        n_steps: int = 7,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
    ) -> LatentTraversalDisplay:
        """Vary one number of a vector at a time, and draw what it stands for.

        Parameters
        ----------
        estimator : estimator
            A fitted transformer that has `inverse_transform`, or a Pipeline that ends in one.
        X : array-like of images
            Images: a number varies from the 2.5th to the 97.5th percentile of what it is for them.
        start : int, default=None
            Row of the image whose vector is varied; None takes the mean vector.
        dims : int or array-like of int, default=6
            How many dimensions, those of the greatest variance, or which.
        n_steps : int, default=7
            Images in a row.
        image_shape : tuple of (int, int), default=None
            Height and width of the images where X is a 2-D array.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        LatentTraversalDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        check_scalar(n_steps, "n_steps", Integral, min_val=2)
        if isinstance(estimator, Pipeline):
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        Z = check_array(estimator.transform(X))
        if isinstance(dims, Integral):
            check_scalar(dims, "dims", Integral, min_val=1)
            dims = np.argsort(-Z.var(axis=0), kind="stable")[: int(dims)]
        dims = choose_rows(dims, Z.shape[1], "dims", "dimensions")
        if start is not None:
            check_scalar(start, "start", Integral, min_val=0, max_val=len(Z) - 1)
        vectors = np.tile(Z.mean(axis=0) if start is None else Z[start], (len(dims), n_steps, 1))
        low, high = np.percentile(Z[:, dims], _RANGE, axis=0)
        values = np.linspace(low, high, n_steps, axis=1)
        for i, dim in enumerate(dims):
            vectors[i, :, dim] = values[i]
        drawn = estimator.inverse_transform(vectors.reshape(-1, Z.shape[1]))
        drawn = check_images(drawn, image_shape=image_shape)
        images = np.stack(list(drawn))
        if drawn.is_table:  # nothing holds a row within the scale of the others
            images = images.clip(np.min(X), np.max(X))
        return cls(images.reshape(*values.shape, *images.shape[1:]), dims, values).plot(ax=ax)

    def plot(self, *, ax: Any = None) -> LatentTraversalDisplay:
        """Draw the images.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : LatentTraversalDisplay
            With `ax_` and `figure_`.
        """
        images, values = np.asarray(self.images), np.asarray(self.values)
        if images.ndim != 4 or images.shape[:2] != values.shape or len(self.dims) != len(values):
            raise ValueError(
                f"images of shape {images.shape}, values of shape {values.shape} and "
                f"{len(self.dims)} dims: expected (n_dims, n_steps, height, width), "
                "(n_dims, n_steps) and n_dims"
            )
        grid = ImageGrid(values.shape, images.shape[2:], ax)
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        limits = gray_limits(images)
        for i, dim in enumerate(self.dims):
            for j, image in enumerate(images[i]):
                grid.draw(image, i, j, limits)
            grid.label(i, f"{dim}: {values[i, 0]:.1f}\nto {values[i, -1]:.1f}")
        return self
