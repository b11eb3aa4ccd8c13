"""Plot the confusion matrix of characters."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import ConfusionMatrixDisplay

from hwsk.plotting._matplotlib import import_pyplot

_MOST_WITH_NUMBERS = 12
_WHAT = {
    "true": "share of the true class",
    "pred": "share of the predicted class",
    "all": "share of all samples",
    None: "samples",
}


class ConfusionDisplay(ConfusionMatrixDisplay):
    """Draw a confusion matrix of many classes, in which rare errors can be seen.

    scikit-learn's display, drawn otherwise. Rows add up to 1, and the colour follows the cube root
    of the value, so that 1 in 1000 takes a tenth of the scale. The labels have room for some fifty
    classes, and distinguish O from 0. Numbers stand in the cells of up to 12 classes only.

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
