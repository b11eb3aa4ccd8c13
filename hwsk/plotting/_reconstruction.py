"""Plot reconstructions and latent dimensions of an autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import (
    Image,
    check_images,
    fit_to_canvas,
    paper_level,
    some_rows,
)
from hwsk._data.levels import as_float, find_ink
from hwsk.plotting._matplotlib import import_pyplot

__all__ = ["LatentTraversalDisplay", "ReconstructionDisplay"]

_FIGURE_WIDTH = 10  # inches
_GAP = 0.06  # between images, in their widths
_LABEL = 0.9  # inches to the left of the images
_TITLE = 0.25  # inches above them
_RANGE = (2.5, 97.5)  # percentiles of a latent dimension: from where to where it is traversed


class ReconstructionDisplay:
    """Images above what an autoencoder makes of them, and above the difference.

    In the third row ink that the reconstruction lacks is red, ink that is not in the image blue.
    The number above an image is its mean squared error, with ink from 0 to 1.

    Parameters
    ----------
    images : array-like of images
        Dark ink on light paper, uint8 or float from 0 to 1; or a 2-D array with an image a row.
    reconstructions : array-like of images
        One for each, float from 0 to 1; or rows, on the scale of those of `images`. Where it has
        another size than its image, the image is shown as fitted to that size: cut to its ink,
        scaled and centred.
    image_shape : tuple of (int, int), default=None
        Height and width of the images where they are rows. None takes them as square if the number
        of columns is a square number.

    Attributes
    ----------
    errors_ : ndarray of shape (n_shown,)
        Mean squared error of each image shown.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    LatentTraversalDisplay : What each number of a vector changes.
    hwsk.representation.VariationalAutoencoder : What makes such vectors.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.decomposition import PCA
    >>> from hwsk.plotting import ReconstructionDisplay
    >>> X = 1 - load_digits().data / 16  # dark ink on light paper
    >>> pca = PCA(16).fit(X[:1000])
    >>> display = ReconstructionDisplay.from_estimator(pca, X[1000:], rows=6)
    >>> display.errors_.shape
    (6,)
    """

    def __init__(
        self, images: Any, reconstructions: Any, image_shape: tuple[int, int] | None = None
    ) -> None:
        self.images = images
        self.reconstructions = reconstructions
        self.image_shape = image_shape

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        *,
        rows: Any = 8,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
    ) -> ReconstructionDisplay:
        """Turn images into vectors and back, and plot both.

        Parameters
        ----------
        estimator : estimator
            A fitted transformer that has `inverse_transform`, or a Pipeline that ends in one: then
            the images are those that its last step is given.
        X : array-like of images
            The images, or paths of them.
        rows : int or array-like of int, default=8
            How many images to show, the first ones, or which.
        image_shape : tuple of (int, int), default=None
            Height and width of the images where X is a 2-D array.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        rows = _choose_rows(rows, len(X))
        X = X[rows] if hasattr(X, "shape") else [X[row] for row in rows]
        if isinstance(estimator, Pipeline):
            X, estimator = estimator[:-1].transform(X), estimator[-1]
        again = estimator.inverse_transform(estimator.transform(X))
        return cls.from_predictions(X, again, rows=len(rows), image_shape=image_shape, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        images: Any,
        reconstructions: Any,
        *,
        rows: Any = 8,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
    ) -> ReconstructionDisplay:
        """Plot images and reconstructions that are there already.

        Parameters
        ----------
        images : array-like of images
            Dark ink on light paper; or a 2-D array with an image a row.
        reconstructions : array-like of images
            One for each.
        rows : int or array-like of int, default=8
            How many images to show, the first ones, or which.
        image_shape : tuple of (int, int), default=None
            Height and width of the images where they are rows.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        ReconstructionDisplay
            The display, plotted.
        """
        return cls(images, reconstructions, image_shape).plot(rows=rows, ax=ax)

    def plot(self, *, rows: Any = 8, ax: Any = None) -> ReconstructionDisplay:
        """Draw images, reconstructions and differences.

        Parameters
        ----------
        rows : int or array-like of int, default=8
            How many images to show, the first ones, or which.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : ReconstructionDisplay
            With `errors_`, `ax_` and `figure_`.
        """
        images = check_images(self.images, image_shape=self.image_shape)
        again = check_images(self.reconstructions, image_shape=self.image_shape)
        if len(images) != len(again):
            raise ValueError(f"there are {len(images)} images, and {len(again)} reconstructions")
        chosen = [int(row) for row in _choose_rows(rows, len(images))]
        redrawn = [as_float(again[row]) for row in chosen]
        shown = [
            as_float(_fitted(images[row], image.shape))
            for row, image in zip(chosen, redrawn, strict=True)
        ]
        differences = [new - old for new, old in zip(redrawn, shown, strict=True)]
        self.errors_ = np.array([float((image**2).mean()) for image in differences])
        grid = _Grid((3, len(chosen)), redrawn[0].shape, ax)
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        limits = _limits(shown)
        reach = limits[1] - limits[0]
        for j, (old, new, difference) in enumerate(zip(shown, redrawn, differences, strict=True)):
            grid.draw(old, 0, j, limits)
            grid.draw(new, 1, j, limits)
            grid.draw(difference, 2, j, (-reach, reach), cmap="RdBu_r")
            grid.title(j, f"{self.errors_[j]:.3f}")
        for i, label in enumerate(["image", "again", "difference"]):
            grid.label(i, label)
        return self


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
        dims = _choose_rows(dims, Z.shape[1], "dims", "dimensions")
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
        grid = _Grid(values.shape, images.shape[2:], ax)
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        limits = _limits(images)
        for i, dim in enumerate(self.dims):
            for j, image in enumerate(images[i]):
                grid.draw(image, i, j, limits)
            grid.label(i, f"{dim}: {values[i, 0]:.1f}\nto {values[i, -1]:.1f}")
        return self


class _Grid:
    """Images of one size in rows and columns of one axes, whose unit is an inch.

    Parameters
    ----------
    shape : tuple of (int, int)
        Rows and columns.
    image_shape : tuple of (int, int)
        Height and width of an image.
    ax : matplotlib.axes.Axes or None
        Axes to draw in.
    """

    def __init__(self, shape: Sequence[int], image_shape: Sequence[int], ax: Any) -> None:
        self.width = min(1.2, (_FIGURE_WIDTH - _LABEL) / (shape[1] * (1 + _GAP)))
        self.height = self.width * image_shape[0] / image_shape[1]
        self.gap = _GAP * self.width
        right = _LABEL + shape[1] * (self.width + self.gap)
        bottom = _TITLE + shape[0] * (self.height + self.gap)
        if ax is None:
            _, ax = import_pyplot().subplots(figsize=(right, bottom), layout="constrained")
        self.ax = ax
        ax.set_axis_off()
        ax.set(xlim=(0, right), ylim=(bottom, 0), aspect="equal")

    def draw(
        self,
        image: Image,
        row: int,
        column: int,
        limits: tuple[float, float],
        cmap: str = "gray",
    ) -> None:
        left = _LABEL + column * (self.width + self.gap)
        top = _TITLE + row * (self.height + self.gap)
        extent = (left, left + self.width, top + self.height, top)
        bounds = self.ax.get_xlim(), self.ax.get_ylim()
        self.ax.imshow(image, cmap=cmap, vmin=limits[0], vmax=limits[1], extent=extent)
        self.ax.set(xlim=bounds[0], ylim=bounds[1])  # imshow moves them
        frame = [left, left + self.width, left + self.width, left, left]
        sides = [top, top, top + self.height, top + self.height, top]
        self.ax.plot(frame, sides, color="#cccccc", linewidth=0.5)

    def title(self, column: int, text: str) -> None:
        middle = _LABEL + column * (self.width + self.gap) + self.width / 2
        self.ax.text(middle, _TITLE - 0.04, text, ha="center", va="bottom", fontsize=8)

    def label(self, row: int, text: str) -> None:
        middle = _TITLE + row * (self.height + self.gap) + self.height / 2
        self.ax.text(_LABEL - 0.08, middle, text, ha="right", va="center", fontsize=8)


def _fitted(image: Image, size: tuple[int, ...]) -> Image:
    """An image as an encoder sees it whose canvas has this size."""
    ink = (1 - image / paper_level(image)).astype(np.float32)
    return fit_to_canvas(image, find_ink(ink), (size[0], size[1]))


def _limits(images: Any) -> tuple[float, float]:
    """Return the values of black and white: 0 and 1, and beyond where values are free."""
    lowest = min(float(image.min()) for image in images)
    highest = max(float(image.max()) for image in images)
    return min(0.0, lowest), max(1.0, highest)


def _choose_rows(rows: Any, n: int, name: str = "rows", of: str = "images") -> NDArray[np.intp]:
    """The first of a number of rows, or those that are named."""
    if isinstance(rows, Integral):
        check_scalar(rows, name, Integral, min_val=1)
        return np.arange(min(int(rows), n))
    chosen: NDArray[Any] = np.asarray(rows)
    if chosen.ndim != 1 or not len(chosen) or chosen.dtype.kind not in "iu":
        raise ValueError(f"{name} is {rows!r}; it is a number of {of}, or which of them")
    if (outside := chosen[(chosen < 0) | (chosen >= n)]).size:
        raise ValueError(f"{name} has {some_rows(outside)}, and there are {n} {of}")
    return chosen.astype(np.intp)
