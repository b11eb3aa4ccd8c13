"""Plot the classes of characters that are confused most, with images."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, check_images, paper_level
from hwsk.metrics import confused_pairs
from hwsk.plotting._matplotlib import NOTHING, WRONG, import_pyplot

_GAP = 0.1  # between images, in sides of an image


class ConfusedPairsDisplay:
    """Draw the pairs of classes that are taken for each other most.

    A row shows a pair, in four blocks: samples of the one class, rightly read; samples of it that
    were read as the other, framed in red; samples of the other that were read as the one, framed
    in red; samples of the other, rightly read. Before them stands how many of both classes are
    taken for each other.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width)
        The samples.
    y_true : array-like of shape (n_samples,)
        The true classes.
    y_pred : array-like of shape (n_samples,)
        The predicted classes.

    Attributes
    ----------
    pairs_ : DataFrame
        All confused pairs, the worst first, as :func:`hwsk.metrics.confused_pairs` gives them.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    hwsk.metrics.confused_pairs : The table without pictures.
    ConfusionDisplay : All classes at once.

    Notes
    -----
    Where there are more samples than places, the samples shown are spread evenly over the data.
    Only what is shown is decoded.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from hwsk.plotting import ConfusedPairsDisplay
    >>> X, y = load_digits(return_X_y=True)
    >>> display = ConfusedPairsDisplay.from_estimator(GaussianNB().fit(X, y), X, y, n_pairs=3)
    >>> display.pairs_.head(2)
       class_a  class_b  a_as_b  b_as_a      rate
    0        2        8      49       0  0.139601
    1        1        8      14       8  0.061798
    """

    def __init__(self, images: Sequence[Image], y_true: Any, y_pred: Any) -> None:
        self.images = images
        self.y_true = y_true
        self.y_pred = y_pred

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        n_pairs: int = 8,
        n_images: int = 4,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
    ) -> ConfusedPairsDisplay:
        """Classify images and plot what was confused.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, or a Pipeline that ends in one.
        X : array-like of images
            As in `from_predictions`.
        y : array-like of shape (n_samples,)
            The true classes.
        n_pairs : int, default=8
            Pairs to show, from the worst.
        n_images : int, default=4
            Images in a block, at most.
        image_shape : tuple of (int, int), default=None
            Height and width of the images where X is a 2-D array.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        ConfusedPairsDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        return cls.from_predictions(
            X,
            y,
            estimator.predict(X),
            n_pairs=n_pairs,
            n_images=n_images,
            image_shape=image_shape,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: Any,
        y_pred: Any,
        *,
        n_pairs: int = 8,
        n_images: int = 4,
        image_shape: tuple[int, int] | None = None,
        ax: Any = None,
    ) -> ConfusedPairsDisplay:
        """Plot what was confused in predictions that are there already.

        Parameters
        ----------
        X : array-like of images
            The samples: `(n, h, w)` array, list of images or of file paths, or a 2-D array with an
            image a row.
        y_true : array-like of shape (n_samples,)
            The true classes.
        y_pred : array-like of shape (n_samples,)
            The predicted classes.
        n_pairs : int, default=8
            Pairs to show, from the worst.
        n_images : int, default=4
            Images in a block, at most.
        image_shape : tuple of (int, int), default=None
            Height and width of the images where X is a 2-D array. None takes them as square if
            the number of columns is a square number, else each as one row of pixels.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        ConfusedPairsDisplay
            The display, plotted.
        """
        images = check_images(X, image_shape=image_shape)
        check_consistent_length(images, y_true, y_pred)
        return cls(images, y_true, y_pred).plot(n_pairs=n_pairs, n_images=n_images, ax=ax)

    def plot(self, *, n_pairs: int = 8, n_images: int = 4, ax: Any = None) -> ConfusedPairsDisplay:
        """Draw the pairs below each other.

        Parameters
        ----------
        n_pairs : int, default=8
            Pairs to show, from the worst.
        n_images : int, default=4
            Images in a block, at most.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : ConfusedPairsDisplay
            With `figure_`, `ax_` and `pairs_`.
        """
        pyplot = import_pyplot()
        check_scalar(n_pairs, "n_pairs", Integral, min_val=1)
        check_scalar(n_images, "n_images", Integral, min_val=1)
        self.pairs_ = confused_pairs(self.y_true, self.y_pred)
        shown = self.pairs_.head(n_pairs)
        block = max(n_images, 3) * (1 + _GAP) + 0.5  # from one block to the next; a title fits
        row = 1.5
        if ax is None:
            width, height = (0.5 * (4 * block + 1), 0.5 * (max(len(shown), 1) * row + 0.5))
            _, ax = pyplot.subplots(figsize=(width, height), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        if shown.empty:
            message = f"nothing confused: all {len(self.images)} read rightly"
            ax.text(0.5, 0.5, message, color=NOTHING, ha="center", transform=ax.transAxes)
            return self
        truth, guess = np.asarray(self.y_true), np.asarray(self.y_pred)
        columns = zip(shown.class_a, shown.class_b, shown.rate, strict=True)
        for i, (a, b, rate) in enumerate(columns):
            ax.text(-0.3, i * row + 0.5, f"{rate:.1%}", ha="right", va="center")
            for j, (true, pred) in enumerate([(a, a), (a, b), (b, a), (b, b)]):
                rows = np.flatnonzero((truth == true) & (guess == pred))
                title, wrong = str(true), j in (1, 2)
                if wrong:
                    title += f" read as {pred}: {len(rows)} of {np.sum(truth == true)}"
                self._draw_block(rows, (j * block, i * row), title, n_images, wrong)
        ax.set(xlim=(-1.5, 4 * block - 0.5), ylim=(len(shown) * row - 0.4, -0.5), aspect="equal")
        return self

    def _draw_block(
        self,
        rows: NDArray[np.intp],
        corner: tuple[float, float],
        title: str,
        n_images: int,
        wrong: bool,
    ) -> None:
        left, top = corner
        self.ax_.text(
            left,
            top - 0.1,
            title,
            color=WRONG if wrong else "black",
            weight="normal" if wrong else "bold",
            fontsize=8,
            family="monospace",
            parse_math=False,
        )
        if len(rows) > n_images:
            rows = rows[np.linspace(0, len(rows) - 1, n_images).astype(int)]
        for k, index in enumerate(rows):
            self._draw_image(self.images[index], left + k * (1 + _GAP), top, wrong)

    def _draw_image(self, image: Image, left: float, top: float, wrong: bool) -> None:
        """An image in a frame, as large as a square of side 1 allows."""
        from matplotlib.patches import Rectangle

        height, width = np.array(image.shape) / max(image.shape)
        left, top = left + (1 - width) / 2, top + (1 - height) / 2
        self.ax_.imshow(
            image,
            cmap="gray",
            vmin=0,
            vmax=paper_level(image),
            extent=(left, left + width, top + height, top),
        )
        color = WRONG if wrong else NOTHING
        self.ax_.add_patch(Rectangle((left, top), width, height, fill=False, edgecolor=color))
