"""Plot reconstructions of an autoencoder."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import check_images
from hwsk._data.levels import as_float
from hwsk.plotting._image_grid import ImageGrid, choose_rows, fitted, gray_limits


class ReconstructionDisplay:
    """Draw images above their reconstructions, and above the difference.

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
        rows = choose_rows(rows, len(X))
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
        chosen = [int(row) for row in choose_rows(rows, len(images))]
        redrawn = [as_float(again[row]) for row in chosen]
        shown = [
            as_float(fitted(images[row], image.shape))
            for row, image in zip(chosen, redrawn, strict=True)
        ]
        differences = [new - old for new, old in zip(redrawn, shown, strict=True)]
        self.errors_ = np.array([float((image**2).mean()) for image in differences])
        grid = ImageGrid((3, len(chosen)), redrawn[0].shape, ax)
        self.ax_, self.figure_ = grid.ax, grid.ax.figure
        limits = gray_limits(shown)
        reach = limits[1] - limits[0]
        for j, (old, new, difference) in enumerate(zip(shown, redrawn, differences, strict=True)):
            grid.draw(old, 0, j, limits)
            grid.draw(new, 1, j, limits)
            grid.draw(difference, 2, j, (-reach, reach), cmap="RdBu_r")
            grid.title(j, f"{self.errors_[j]:.3f}")
        for i, label in enumerate(["image", "again", "difference"]):
            grid.label(i, label)
        return self
