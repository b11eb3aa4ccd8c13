"""Plot confusions of characters: as a matrix, and with images."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, check_images, paper_level
from hwsk.metrics import confused_pairs
from hwsk.plotting._matplotlib import NOTHING, WRONG, import_pyplot

__all__ = ["ConfusedPairsDisplay", "ConfusionDisplay"]

_MOST_WITH_NUMBERS = 12
_WHAT = {
    "true": "share of the true class",
    "pred": "share of the predicted class",
    "all": "share of all samples",
    None: "samples",
}
_GAP = 0.1  # between images, in sides of an image


class ConfusionDisplay(ConfusionMatrixDisplay):
    """Confusion matrix of many classes, in which rare errors can be seen.

    scikit-learn's display, drawn otherwise. Rows add up to 1, and the colour follows the cube root
    of the value, so that 1 in 1000 takes a tenth of the scale. The labels have room for some fifty
    classes, and tell O from 0. Numbers stand in the cells of up to 12 classes only.

    Parameters
    ----------
    confusion_matrix : ndarray of shape (n_classes, n_classes)
        Counts or shares; a row for each true class.
    display_labels : array-like of shape (n_classes,), default=None
        Names of the classes; None numbers them.

    Attributes
    ----------
    im_ : matplotlib.image.AxesImage
        The matrix as drawn.
    text_ : ndarray of shape (n_classes, n_classes) of matplotlib.text.Text, or None
        The numbers in the cells.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    ConfusedPairsDisplay : The worst pairs of classes, with pictures.
    sklearn.metrics.ConfusionMatrixDisplay : For few classes.

    Examples
    --------
    >>> from hwsk.plotting import ConfusionDisplay
    >>> y_true, y_pred = list("O0OS5S5"), list("OOOS5S5")
    >>> display = ConfusionDisplay.from_predictions(y_true, y_pred)
    >>> display.confusion_matrix[0]
    array([0., 0., 1., 0.])
    """

    def plot(
        self,
        *,
        include_values: bool | None = None,
        cmap: Any = "Blues",
        xticks_rotation: Any = None,
        values_format: str | None = None,
        ax: Any = None,
        colorbar: bool = True,
        im_kw: dict[str, Any] | None = None,
        text_kw: dict[str, Any] | None = None,
    ) -> ConfusionDisplay:
        """Draw the matrix.

        Parameters
        ----------
        include_values : bool, default=None
            Whether numbers stand in the cells; None means up to 12 classes.
        cmap : str or Colormap, default="Blues"
            Colours, from 0 to the largest value.
        xticks_rotation : {"vertical", "horizontal"} or float, default=None
            How the names below are turned; None turns names longer than two characters.
        values_format : str, default=None
            Format of the numbers, as scikit-learn has it.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure large enough for the classes.
        colorbar : bool, default=True
            Whether the scale stands beside the matrix.
        im_kw : dict, default=None
            Arguments of `imshow`; a `norm`, `vmin` or `vmax` replaces the scale of cube roots.
        text_kw : dict, default=None
            Arguments of the numbers' `text`.

        Returns
        -------
        self : ConfusionDisplay
            With `figure_`, `ax_`, `im_` and `text_`.
        """
        pyplot = import_pyplot()
        from matplotlib.colors import PowerNorm

        n_classes = len(self.confusion_matrix)
        if include_values is None:
            include_values = n_classes <= _MOST_WITH_NUMBERS
        if xticks_rotation is None:
            names = range(n_classes) if self.display_labels is None else self.display_labels
            short = max(len(str(name)) for name in names) <= 2
            xticks_rotation = "horizontal" if short else "vertical"
        im_kw = dict(im_kw or {})
        own_scale = not im_kw.keys() & {"norm", "vmin", "vmax"}
        if own_scale:
            im_kw["norm"] = PowerNorm(1 / 3, vmin=0, vmax=max(1, np.max(self.confusion_matrix)))
        if ax is None:
            side = float(np.clip((0.6 if include_values else 0.2) * n_classes, 4, 14))  # inches
            _, ax = pyplot.subplots(figsize=(1.15 * side, side), layout="compressed")
        super().plot(
            include_values=include_values,
            cmap=cmap,
            xticks_rotation=xticks_rotation,
            values_format=values_format,
            ax=ax,
            colorbar=colorbar,
            im_kw=im_kw,
            text_kw=text_kw,
        )
        if self.text_ is not None and "color" not in (text_kw or {}):
            # scikit-learn's choice of black or white is made for a linear scale.
            colors = self.im_.cmap(self.im_.norm(self.confusion_matrix))
            for text, rgba in zip(self.text_.flat, colors.reshape(-1, 4), strict=True):
                text.set_color("black" if rgba[:3] @ [0.299, 0.587, 0.114] > 0.5 else "white")
        if own_scale and self.im_.colorbar is not None:
            self._label_scale(self.im_.colorbar)
        self._make_legible(n_classes)
        return self

    def _label_scale(self, colorbar: Any) -> None:
        """Round values about evenly spaced, where matplotlib would crowd them at the upper end."""
        ticks = [float(f"{tick:.1g}") for tick in colorbar.norm.inverse(np.linspace(0, 1, 6))]
        ticks = [tick for tick in ticks if tick <= colorbar.norm.vmax]
        colorbar.set_ticks(ticks, labels=[f"{tick:g}" for tick in ticks])

    def _make_legible(self, n_classes: int) -> None:
        ax = self.ax_
        points = 72 * self.figure_.get_figheight() * ax.get_position().height / n_classes
        ax.tick_params(labelsize=np.clip(0.8 * points, 3, 10), labelfontfamily="monospace")
        for label in [*ax.get_xticklabels(), *ax.get_yticklabels()]:
            label.set_parse_math(False)
        if n_classes > _MOST_WITH_NUMBERS:  # rows and columns are long
            ax.tick_params(length=0, labeltop=True, labelright=True)
            borders = np.arange(n_classes + 1) - 0.5
            ax.set_xticks(borders, minor=True)
            ax.set_yticks(borders, minor=True)
            ax.grid(which="minor", color="0.92", linewidth=0.5)
            ax.tick_params(which="minor", length=0)

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any, *, normalize: str | None = "true", **params: Any
    ) -> ConfusionDisplay:
        """Classify samples and plot the confusion matrix.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier, or a Pipeline that ends in one.
        X : array-like
            The samples.
        y : array-like of shape (n_samples,)
            The true classes.
        normalize : {"true", "pred", "all"}, default="true"
            What adds up to 1: rows, columns or all; None shows counts.
        **params : dict
            Further arguments of `from_predictions`.

        Returns
        -------
        ConfusionDisplay
            The display, plotted.
        """
        import_pyplot()
        return super().from_estimator(estimator, X, y, normalize=normalize, **_DEFAULTS | params)

    @classmethod
    def from_predictions(
        cls, y_true: Any, y_pred: Any, *, normalize: str | None = "true", **params: Any
    ) -> ConfusionDisplay:
        """Plot the confusion matrix of predictions that are there already.

        Parameters
        ----------
        y_true : array-like of shape (n_samples,)
            The true classes.
        y_pred : array-like of shape (n_samples,)
            The predicted classes.
        normalize : {"true", "pred", "all"}, default="true"
            What adds up to 1: rows, columns or all; None shows counts.
        **params : dict
            `labels`, `sample_weight` and `display_labels` as for scikit-learn's
            `ConfusionMatrixDisplay`; the rest goes to `plot`.

        Returns
        -------
        ConfusionDisplay
            The display, plotted.
        """
        import_pyplot()
        display = super().from_predictions(
            y_true, y_pred, normalize=normalize, **_DEFAULTS | params
        )
        if display.im_.colorbar is not None:
            display.im_.colorbar.set_label(_WHAT[normalize])
        return display


# What scikit-learn's constructors would else pass on to `plot`.
_DEFAULTS = {"include_values": None, "cmap": "Blues", "xticks_rotation": None}


class ConfusedPairsDisplay:
    """The pairs of classes that are taken for each other most, with pictures.

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
