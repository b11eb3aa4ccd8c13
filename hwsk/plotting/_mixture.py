"""Plot the densities that a network of pen strokes predicts."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from hwsk.plotting._stroke_lines import (
    MOST_SHOWN,
    TURNS,
    Strokes,
    before_last,
    check_line,
    check_text,
    draw_ink,
    figure_width,
    ink_height,
    last_step,
    make_axes,
)
from hwsk.preprocessing._stroke_transformer import to_points

_CELLS_AN_INCH = 90  # of the map of a density
_REACH = 4.0  # standard deviations
_NEGLIGIBLE = 1e-3  # weight of a component
_DECADES = 3.0  # of densities that colours distinguish


class MixtureDisplay:
    """Plot the predicted density of the next pen position along a line.

    Above, the densities of all points, each where the point before was, are added up, with the
    strokes drawn over them: narrow along a stroke, wide where the pen was lifted. Below, time runs
    to the right: the weights of the mixture's components, and the probability that the pen is
    lifted, with a mark where it was.

    Parameters
    ----------
    strokes : ndarray of shape (T, 3)
        The line: dx, dy (downwards), pen_up.
    mixture : mapping
        The densities of all points but the first, as `StrokePredictor.predict_mixture` gives them:
        `weights`, `means`, `scales`, `correlations` and `lift`.

    Attributes
    ----------
    density_ : ndarray of shape (n_rows, n_columns)
        Sum of the densities, of the place where the pen is, mean over each square cell of the map.
    im_ : matplotlib.image.AxesImage
        The map as drawn.
    axes_ : ndarray of matplotlib.axes.Axes
        Of the map, of the weights, and of the pen's lifts.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    AttentionDisplay : Which character is being written.
    hwsk.synthesis.StrokePredictor : What expects it.

    Notes
    -----
    Densities span many powers of ten. The colour goes with the logarithm, over three of them, and
    ends at what nearly nothing under the strokes exceeds: `im_.norm` holds the limits.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, figure 10.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.plotting import MixtureDisplay
    >>> from hwsk.synthesis import StrokePredictor
    >>> words = make_handwriting(20, n_writers=2, random_state=0)
    >>> predictor = StrokePredictor(hidden_units=16, num_layers=1, max_epochs=1)
    >>> predictor = predictor.fit(words.strokes)
    >>> display = MixtureDisplay.from_estimator(predictor, words.strokes[0])
    >>> len(display.axes_)
    3
    """

    def __init__(self, strokes: Strokes, mixture: Any) -> None:
        self.strokes = strokes
        self.mixture = mixture

    @classmethod
    def from_estimator(
        cls, estimator: Any, strokes: Any, text: str | None = None, *, ax: Any = None
    ) -> MixtureDisplay:
        """Ask a network where the pen goes next, and plot it.

        Parameters
        ----------
        estimator : estimator
            A fitted `StrokePredictor` or `HandwritingSynthesizer`, or a Pipeline that ends in one.
            Then the strokes, or the text of a synthesizer, are as the steps before have changed
            them.
        strokes : ndarray of shape (T, 3)
            One line.
        text : str, default=None
            What it says: for a synthesizer, and for no other.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the drawing takes; None makes a figure.

        Returns
        -------
        MixtureDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            If the estimator predicts no mixture.
        ValueError
            If it is not one line, if the line has a single point or holds NaN, if a synthesizer is
            given no text, or a predictor is given one.
        """
        check_is_fitted(estimator)
        density = last_step(estimator)
        name = type(density).__name__
        if not hasattr(density, "predict_mixture"):
            raise TypeError(
                f"{name} has no predict_mixture; StrokePredictor and HandwritingSynthesizer of "
                "hwsk.synthesis have it"
            )
        line = check_line(strokes)
        if not hasattr(density, "attention"):
            if text is not None:
                raise ValueError(f"{name} reads no text, and text is {text!r:.60}: leave it out")
            line = check_line(before_last(estimator, line))
            return cls.from_predictions(line, density.predict_mixture([line])[0], ax=ax)
        if text is None:
            raise ValueError(f"{name} expects strokes by their text: pass what they say as text")
        text = before_last(estimator, check_text(text))
        return cls.from_predictions(line, density.predict_mixture([text], [line])[0], ax=ax)

    @classmethod
    def from_predictions(cls, strokes: Any, mixture: Any, *, ax: Any = None) -> MixtureDisplay:
        """Plot densities that are there already.

        Parameters
        ----------
        strokes : ndarray of shape (T, 3)
            One line.
        mixture : mapping
            What `predict_mixture` gave for it.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the drawing takes; None makes a figure.

        Returns
        -------
        MixtureDisplay
            The display, plotted.
        """
        return cls(strokes, mixture).plot(ax=ax)

    def plot(self, ax: Any = None) -> MixtureDisplay:
        """Draw the map of densities, and weights and lifts below it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the drawing takes; None makes a figure.

        Returns
        -------
        self : MixtureDisplay
            With `figure_`, `axes_`, `im_` and `density_`.
        """
        line = check_line(self.strokes)
        mixture = _check_mixture(self.mixture, len(line))
        n, n_mixtures = len(line), mixture["weights"].shape[1]
        width = figure_width(line)
        height = ink_height(line, width)
        self.figure_, self.axes_ = make_axes(ax, width, [height, 1.3, 0.9])
        plane, components, lifts = self.axes_
        self._draw_map(plane, line, mixture, width)
        times = (0.5, n - 0.5)
        components.imshow(
            mixture["weights"].T,
            cmap="Greys",
            vmin=0,
            vmax=1,
            aspect="auto",
            interpolation="nearest",
            extent=(*times, n_mixtures + 0.5, 0.5),
        )
        components.sharex(lifts)
        components.tick_params("x", labelbottom=False)
        components.yaxis.get_major_locator().set_params(integer=True)
        components.set_ylabel("component")
        lifts.plot(np.arange(1, n), mixture["lift"], color=TURNS[0], linewidth=1)
        lifted = np.flatnonzero(line[1:, 2]) + 1
        lifts.plot(lifted, np.full(len(lifted), 1.1), "v", color=TURNS[1], ms=4, clip_on=False)
        lifts.set(xlim=times, ylim=(0, 1.2), yticks=[0, 1], xlabel="point", ylabel="pen lift")
        return self

    def _draw_map(
        self, ax: Any, line: Strokes, mixture: dict[str, NDArray[Any]], width: float
    ) -> None:
        from matplotlib import colormaps
        from matplotlib.colors import LogNorm

        points = to_points(line)
        low, high = points.min(axis=0), points.max(axis=0)
        margin = max(0.15 * (high[1] - low[1]), 0.02 * (high[0] - low[0])) or 1.0
        low, high = low - margin, high + margin
        cell = (high - low).max() / (width * _CELLS_AN_INCH)
        shape = np.ceil((high - low) / cell).astype(int)
        high = low + cell * shape
        self.density_ = _add_up(mixture, points, low, cell, shape)
        places = ((points[1:] - low) / cell).astype(int)
        most = np.percentile(self.density_[places[:, 1], places[:, 0]], MOST_SHOWN)
        most = most or self.density_.max() or 1.0  # the pen was expected elsewhere
        self.im_ = ax.imshow(
            self.density_,
            cmap=colormaps["YlOrRd"].with_extremes(under="white", bad="white"),
            norm=LogNorm(most / 10**_DECADES, most),
            extent=(low[0], high[0], high[1], low[1]),
        )
        draw_ink(ax, line, "black", linewidth=0.7)
        ax.set(xlim=(low[0], high[0]), ylim=(high[1], low[1]))


def _add_up(
    mixture: dict[str, NDArray[Any]],
    points: NDArray[np.float64],
    corner: NDArray[np.float64],
    cell: float,
    shape: NDArray[np.int64],
) -> NDArray[np.float64]:
    """Sum of the densities of the places of all points but the first, on a grid of square cells."""
    density = np.zeros((shape[1], shape[0]))
    weights = mixture["weights"]
    # Half a cell of blur: a Gaussian narrower than a cell would fall between the cells' middles.
    scales = np.hypot(mixture["scales"], cell / 2)
    shared = mixture["scales"].prod(axis=-1) / scales.prod(axis=-1)
    correlations = mixture["correlations"] * shared
    means = (points[:-1, None] + mixture["means"] - corner) / cell - 0.5  # in cells
    scales = scales / cell
    first = np.ceil(means - _REACH * scales).clip(0, shape).astype(int)
    behind = (np.floor(means + _REACH * scales) + 1).clip(0, shape).astype(int)
    reached = (weights > _NEGLIGIBLE) & (first < behind).all(axis=-1)
    for i in zip(*np.nonzero(reached), strict=True):
        (left, top), (right, bottom) = first[i], behind[i]
        x = (np.arange(left, right) - means[i][0]) / scales[i][0]
        y = (np.arange(top, bottom)[:, None] - means[i][1]) / scales[i][1]
        rest = 1 - correlations[i] ** 2
        squares = (x * x + y * y - 2 * correlations[i] * x * y) / rest
        norm = 2 * np.pi * np.sqrt(rest) * scales[i].prod() * cell**2
        density[top:bottom, left:right] += weights[i] / norm * np.exp(-squares / 2)
    return density


def _check_mixture(mixture: Any, n: int) -> dict[str, NDArray[Any]]:
    """The arrays of densities of all `n` points of a line but the first."""
    n_mixtures = (np.shape(mixture["weights"]) or (0,))[-1]
    each, pair = (n - 1, n_mixtures), (n - 1, n_mixtures, 2)
    shapes: dict[str, tuple[int, ...]] = {
        "weights": each,
        "means": pair,
        "scales": pair,
        "correlations": each,
        "lift": each[:1],
    }
    checked = {name: np.asarray(mixture[name]) for name in shapes}
    for name, shape in shapes.items():
        if checked[name].shape != shape:
            raise ValueError(
                f"mixture has {name} of shape {checked[name].shape}; for {n} points they have "
                f"{shape}, as predict_mixture gives them"
            )
        if not np.isfinite(checked[name]).all():
            point = np.argwhere(~np.isfinite(checked[name]))[0][0] + 1
            raise ValueError(f"mixture has NaN or infinity in {name}, first of point {point}")
    return checked
