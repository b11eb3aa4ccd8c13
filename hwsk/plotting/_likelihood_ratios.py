"""Plot likelihood ratios of pairs: Tippett plots, and the cost over priors (ECE)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit
from sklearn.utils.validation import check_is_fitted

from hwsk.metrics import empirical_cross_entropy, log_likelihood_ratio_cost
from hwsk.metrics._verification import check_classes, check_pairs
from hwsk.plotting._matplotlib import import_pyplot

__all__ = ["ECEDisplay", "TippettDisplay"]

# Blue and orange that the colour-blind can tell, as in ComparisonDisplay.
_SAME, _DIFFERENT = "#0072b2", "#d55e00"
_LEAST_REACH = 1.0  # decimal logarithm: what a Tippett plot shows at least
_MOST_REACH = 8.0  # and at most, where ratios are infinite


def _log_ratios(estimator: Any, pairs: Any) -> NDArray[np.float64]:
    """Natural logarithms of the likelihood ratios of pairs, from probabilities at even odds."""
    check_is_fitted(estimator)
    if not hasattr(estimator, "predict_proba"):
        raise TypeError(
            f"{type(estimator).__name__} gives no probabilities; a HandComparer, or a "
            "SiameseVerifier after calibrate_threshold, does"
        )
    ratios: NDArray[np.float64] = logit(estimator.predict_proba(pairs)[:, 1])
    return ratios


class TippettDisplay:
    """Draw the share of pairs whose likelihood ratio exceeds each value, for both kinds of pair.

    Examiners read from it how often a ratio misleads: the height of the curve of pairs by different
    writers at 1 is the share of them whose ratio supports the same writer [1]_. The farther apart
    the curves, the better.

    Parameters
    ----------
    log_likelihood_ratio_same : ndarray of shape (n_same,)
        Natural logarithms of the ratios of pairs by the same writer.
    log_likelihood_ratio_different : ndarray of shape (n_different,)
        Those of pairs by different writers.
    cost : float, default=None
        The cost of the ratios (Cllr), for the title.
    name : str, default=None
        Name of the curves in the legend.

    Attributes
    ----------
    misleading_ : tuple of (float, float)
        Share of the pairs by the same writer with a ratio below 1, and share of the pairs by
        different writers with a ratio above 1.
    lines_ : list of matplotlib.lines.Line2D
        The curves of pairs by the same writer and by different writers.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    ECEDisplay : What the ratios cost at each prior.
    hwsk.metrics.log_likelihood_ratio_cost : The cost as one number.

    References
    ----------
    .. [1] D. Meuwly, D. Ramos, R. Haraksim, "A guideline for the validation of likelihood ratio
       methods used for forensic evidence evaluation", Forensic Science International 276, 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.plotting import TippettDisplay
    >>> ratios = np.array([20.0, 3.0, 0.5, 0.1, 2.0])
    >>> display = TippettDisplay.from_predictions([1, 1, 1, 0, 0], np.log(ratios))
    >>> [round(share, 2) for share in display.misleading_]
    [0.33, 0.5]
    """

    def __init__(
        self,
        log_likelihood_ratio_same: NDArray[Any],
        log_likelihood_ratio_different: NDArray[Any],
        *,
        cost: float | None = None,
        name: str | None = None,
    ) -> None:
        self.log_likelihood_ratio_same = log_likelihood_ratio_same
        self.log_likelihood_ratio_different = log_likelihood_ratio_different
        self.cost = cost
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, pairs: Any, y: ArrayLike, *, name: str | None = None, ax: Any = None
    ) -> TippettDisplay:
        """Compare pairs with a fitted estimator, and plot their ratios.

        Parameters
        ----------
        estimator : HandComparer or SiameseVerifier
            A fitted estimator with calibrated probabilities.
        pairs : array-like of shape (n_pairs, 2, ...)
            Pairs of writers whom neither training nor calibration has seen.
        y : array-like of shape (n_pairs,)
            1 for pairs by the same writer, 0 or -1 for others.
        name : str, default=None
            Name of the curves in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        TippettDisplay
            The display, plotted.
        """
        return cls.from_predictions(y, _log_ratios(estimator, pairs), name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls, y_true: ArrayLike, y_score: ArrayLike, *, name: str | None = None, ax: Any = None
    ) -> TippettDisplay:
        """Plot ratios.

        Parameters
        ----------
        y_true : array-like of shape (n_pairs,)
            1 for pairs by the same writer, 0 or -1 for others.
        y_score : array-like of shape (n_pairs,)
            Natural logarithms of likelihood ratios.
        name : str, default=None
            Name of the curves in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        TippettDisplay
            The display, plotted.
        """
        same, ratios, weight = check_pairs(y_true, y_score, None)
        check_classes(same, weight)
        cost = log_likelihood_ratio_cost(same, ratios)
        return cls(ratios[same], ratios[~same], cost=cost, name=name).plot(ax=ax)

    def plot(self, ax: Any = None, **kwargs: Any) -> TippettDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's `step`, for both.

        Returns
        -------
        self : TippettDisplay
            With `figure_`, `ax_`, `lines_` and `misleading_`.
        """
        if ax is None:
            _, ax = import_pyplot().subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        sides = [
            np.sort(np.asarray(ratios, dtype=np.float64)) / np.log(10)
            for ratios in (self.log_likelihood_ratio_same, self.log_likelihood_ratio_different)
        ]
        finite = np.concatenate([side[np.isfinite(side)] for side in sides])
        reach = max([_LEAST_REACH, *np.abs(finite).tolist()])
        if any(np.isinf(side).any() for side in sides):
            reach = max(reach, _MOST_REACH)
        self.misleading_ = (float(np.mean(sides[0] < 0)), float(np.mean(sides[1] > 0)))
        self.lines_ = []
        kinds = ((_SAME, "same writer"), (_DIFFERENT, "different writers"))
        for side, (color, kind), wrong in zip(sides, kinds, self.misleading_, strict=True):
            x = np.concatenate([[-1.05 * reach], side.clip(-1.05 * reach, 1.05 * reach)])
            above = np.linspace(1, 0, len(x))  # share of the pairs whose ratio is larger
            label = kind if self.name is None else f"{self.name}, {kind}"
            label = f"{label}: {wrong:.1%} mislead"
            options = {"color": color, "label": label, **kwargs}
            self.lines_ += ax.step([*x, 1.05 * reach], [*above, 0], where="post", **options)
        ax.axvline(0, color="0.7", linewidth=1, zorder=0)
        ax.set(
            xlabel="decimal logarithm of the likelihood ratio",
            ylabel="share of pairs with a larger ratio",
            xlim=(-1.05 * reach, 1.05 * reach),
            ylim=(0, 1.02),
        )
        if self.cost is not None:
            ax.set_title(f"Cllr {self.cost:.3f}")
        ax.legend()
        return self


class ECEDisplay:
    """Draw the cost of likelihood ratios at each prior: as given, calibrated, and without.

    The curve of the ratios should lie below that of no ratios, wherever a court may begin; its
    distance from the best calibration is what calibration loses [1]_.

    Parameters
    ----------
    log_prior_odds : ndarray of shape (n_priors,)
        Natural logarithms of the prior odds of the same writer.
    cost : ndarray of shape (n_priors,)
        What the ratios cost, in bits.
    minimal_cost : ndarray of shape (n_priors,)
        What they would cost after the best calibration (pool adjacent violators).
    neutral_cost : ndarray of shape (n_priors,)
        What it costs to say nothing: the entropy of the prior.
    name : str, default=None
        Name of the ratios in the legend.

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        The curves of the ratios, of the best calibration, and of no ratios.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    TippettDisplay : How often ratios mislead.
    hwsk.metrics.empirical_cross_entropy : The numbers.

    References
    ----------
    .. [1] D. Ramos, J. Gonzalez-Rodriguez, "Reliable support: measuring calibration of likelihood
       ratios", Forensic Science International, 230(1-3), 2013, pp. 156-169.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.plotting import ECEDisplay
    >>> ratios = np.array([20.0, 3.0, 0.5, 0.1, 2.0])
    >>> display = ECEDisplay.from_predictions([1, 1, 1, 0, 0], np.log(ratios))
    >>> bool((display.minimal_cost <= display.cost + 1e-9).all())
    True
    """

    def __init__(
        self,
        log_prior_odds: NDArray[Any],
        cost: NDArray[Any],
        minimal_cost: NDArray[Any],
        neutral_cost: NDArray[Any],
        *,
        name: str | None = None,
    ) -> None:
        self.log_prior_odds = log_prior_odds
        self.cost = cost
        self.minimal_cost = minimal_cost
        self.neutral_cost = neutral_cost
        self.name = name

    @classmethod
    def from_estimator(
        cls, estimator: Any, pairs: Any, y: ArrayLike, *, name: str | None = None, ax: Any = None
    ) -> ECEDisplay:
        """Compare pairs with a fitted estimator, and plot what their ratios cost.

        Parameters
        ----------
        estimator : HandComparer or SiameseVerifier
            A fitted estimator with calibrated probabilities.
        pairs : array-like of shape (n_pairs, 2, ...)
            Pairs of writers whom neither training nor calibration has seen.
        y : array-like of shape (n_pairs,)
            1 for pairs by the same writer, 0 or -1 for others.
        name : str, default=None
            Name of the ratios in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        ECEDisplay
            The display, plotted.
        """
        return cls.from_predictions(y, _log_ratios(estimator, pairs), name=name, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        y_true: ArrayLike,
        y_score: ArrayLike,
        *,
        reach: float = 2.5,
        name: str | None = None,
        ax: Any = None,
    ) -> ECEDisplay:
        """Plot what ratios cost.

        Parameters
        ----------
        y_true : array-like of shape (n_pairs,)
            1 for pairs by the same writer, 0 or -1 for others.
        y_score : array-like of shape (n_pairs,)
            Natural logarithms of likelihood ratios.
        reach : float, default=2.5
            Largest decimal logarithm of the prior odds, to both sides.
        name : str, default=None
            Name of the ratios in the legend.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        ECEDisplay
            The display, plotted.
        """
        priors = np.linspace(-reach, reach, 101) * np.log(10)
        cost, minimal = (
            empirical_cross_entropy(y_true, y_score, priors, calibrated=calibrated)
            for calibrated in (False, True)
        )
        neutral = empirical_cross_entropy(y_true, np.zeros(np.size(y_score)), priors)
        return cls(priors, cost, minimal, neutral, name=name).plot(ax=ax)

    def plot(self, ax: Any = None, **kwargs: Any) -> ECEDisplay:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.
        **kwargs : dict
            Passed to matplotlib's `plot`, for the curve of the ratios.

        Returns
        -------
        self : ECEDisplay
            With `figure_`, `ax_` and `lines_`.
        """
        if ax is None:
            _, ax = import_pyplot().subplots(layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        priors = np.asarray(self.log_prior_odds) / np.log(10)
        options = {"color": _DIFFERENT, "label": self.name or "likelihood ratios", **kwargs}
        self.lines_ = [
            *ax.plot(priors, self.cost, **options),
            *ax.plot(
                priors, self.minimal_cost, color=_SAME, linestyle="--", label="best calibration"
            ),
            *ax.plot(priors, self.neutral_cost, ":", color="0.4", label="no ratios"),
        ]
        top = 1.2 * max(float(np.max(self.neutral_cost)), float(np.max(self.minimal_cost)))
        ax.set(
            xlabel="decimal logarithm of the prior odds",
            ylabel="empirical cross-entropy, bits",
            xlim=(priors[0], priors[-1]),
            ylim=(0, top),
        )
        ax.legend()
        return self
