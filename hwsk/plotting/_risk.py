"""Plot the error rate against the share of lines that is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from hwsk.metrics import character_error_rate, risk_coverage_curve
from hwsk.plotting._matplotlib import import_pyplot
from hwsk.recognition import predict_details

__all__ = ["RiskCoverageDisplay"]


class RiskCoverageDisplay:
    """Draw the error rate of the lines that are kept, the least confident left out.

    A person who reads the lines that the recognizer is least sure of, and leaves it the others,
    sees how many to read for how few errors. The curve falls to the left if confidence is worth
    anything; a random choice would make it level.

    Parameters
    ----------
    coverage : ndarray of shape (n_points,)
        Share of the lines that are kept, ascending.
    risk : ndarray of shape (n_points,)
        Their error rate.
    thresholds : ndarray of shape (n_points,), default=None
        The least confidence that is kept.
    name : str, default=None
        Name of the curve in the legend.
    metric_name : str, default="character error rate"
        What the error rate is.

    Attributes
    ----------
    line_ : matplotlib.lines.Line2D
        The curve.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    hwsk.metrics.risk_coverage_curve : The numbers.
    ReadingDisplay : The lines themselves.

    Examples
    --------
    >>> from hwsk.plotting import RiskCoverageDisplay
    >>> display = RiskCoverageDisplay.from_predictions(
    ...     ["one", "two", "six"], ["one", "twa", "sex"], [0.9, 0.6, 0.4]
    ... )
    >>> display.risk.round(2).tolist()
    [0.0, 0.17, 0.22]
    """

    def __init__(
        self,
        coverage: NDArray[Any],
        risk: NDArray[Any],
        thresholds: NDArray[Any] | None = None,
        *,
        name: str | None = None,
        metric_name: str = "character error rate",
    ) -> None:
        self.coverage = coverage
        self.risk = risk
        self.thresholds = thresholds
        self.name = name
        self.metric_name = metric_name

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        metric: Callable[..., float] = character_error_rate,
        name: str | None = None,
        ax: Any = None,
    ) -> RiskCoverageDisplay:
        """Read lines with a fitted recognizer, and plot.

        Parameters
        ----------
        estimator : CTCRecognizer or Pipeline
            A fitted recognizer, or a Pipeline that ends in one.
        X : array-like of images
            The lines, or paths of images of them.
        y : array-like of str of shape (n_lines,)
            What is written.
        metric : callable, default=character_error_rate
            `character_error_rate`, `word_error_rate` or another of the metrics of text.
        name : str, default=None
            Name of the curve in the legend; None takes the estimator's class.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        RiskCoverageDisplay
            The display, plotted. A line's confidence is the mean probability of its characters.
        """
        check_is_fitted(estimator)
        details = predict_details(estimator, X)
        return cls.from_predictions(
            y,
            [record["text"] for record in details],
            [record["mean"] for record in details],
            metric=metric,
            name=name or type(estimator).__name__,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        y_true: Any,
        y_pred: Any,
        confidence: Any,
        *,
        metric: Callable[..., float] = character_error_rate,
        name: str | None = None,
        ax: Any = None,
    ) -> RiskCoverageDisplay:
        """Plot what has been read already.

        Parameters
        ----------
        y_true : array-like of str of shape (n_lines,)
            What is written.
        y_pred : array-like of str of shape (n_lines,)
            What was read.
        confidence : array-like of float of shape (n_lines,)
            How sure each reading is.
        metric : callable, default=character_error_rate
            `character_error_rate`, `word_error_rate` or another of the metrics of text.
        name : str, default=None
            Name of the curve in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        RiskCoverageDisplay
            The display, plotted.
        """
        coverage, risk, thresholds = risk_coverage_curve(y_true, y_pred, confidence, metric=metric)
        metric_name = metric.__name__.replace("_", " ")
        return cls(coverage, risk, thresholds, name=name, metric_name=metric_name).plot(ax=ax)

    def plot(self, ax: Any = None, **kwargs: Any) -> RiskCoverageDisplay:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's `plot`.

        Returns
        -------
        self : RiskCoverageDisplay
            With `figure_`, `ax_` and `line_`.
        """
        if ax is None:
            _, ax = import_pyplot().subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        options = {"label": self.name, **kwargs}
        (self.line_,) = ax.plot(self.coverage, self.risk, **options)
        ax.set(xlabel="share of lines kept", ylabel=self.metric_name, xlim=(0, 1))
        ax.set_ylim(bottom=0)
        if options["label"] is not None:
            ax.legend()
        return self
