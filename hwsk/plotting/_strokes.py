"""Plot attention and predicted densities of the networks of pen strokes."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from hwsk._data.strokes import check_sample
from hwsk.plotting._matplotlib import NOTHING, import_pyplot, place_of
from hwsk.preprocessing._strokes import to_points

__all__ = ["AttentionDisplay", "MixtureDisplay"]

Strokes = NDArray[np.float32]

_WIDTHS = (5.0, 10.0)  # inches: of a short word, of a line
_POINTS_AN_INCH = 60
_MOST_HIGH = 2.5  # inches, for the strokes
_CHARACTER = 0.16  # inches, for the name of a character
_MOST_CHARACTERS = 8.0  # inches, for all of them
_TURNS = ["#0072b2", "#d55e00", "#009e73"]  # of three in turn, two neighbours never look the same
_CELLS_AN_INCH = 90  # of the map of a density
_REACH = 4.0  # standard deviations
_NEGLIGIBLE = 1e-3  # weight of a component
_DECADES = 3.0  # of densities that colours distinguish
_MOST = 95.0  # percentile of what is there to see, at which colours end


class AttentionDisplay:
    """Plot the character that the synthesizer attends to while the pen moves.

    Above stands the line. Below, time runs to the right, the text from top to bottom: the darker,
    the more the window sees of a character before the pen goes to a point. The ink has the colour
    of the character that the window saw most of; where it was beyond the text, it is grey.

    Parameters
    ----------
    text : str
        What the line says.
    strokes : ndarray of shape (T, 3)
        The line: dx, dy (downwards), pen_up.
    phi : ndarray of shape (T - 1, n_characters + 1)
        What the window sees, as `HandwritingSynthesizer.attention` gives it.

    Attributes
    ----------
    seen_ : ndarray of shape (T - 1,)
        The character, counted from 0, of which the window saw most before each point but the
        first; `n_characters` beyond the text.
    im_ : matplotlib.image.AxesImage
        The window as drawn.
    axes_ : ndarray of matplotlib.axes.Axes
        Of the line, and of the window.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    MixtureDisplay : Where the pen is expected to go next.
    hwsk.synthesis.HandwritingSynthesizer : What writes so.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, figure 13.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.plotting import AttentionDisplay
    >>> from hwsk.synthesis import HandwritingSynthesizer
    >>> words = make_handwriting(20, n_writers=2, random_state=0)
    >>> synthesizer = HandwritingSynthesizer(hidden_units=16, num_layers=1, max_epochs=1)
    >>> synthesizer = synthesizer.fit(words.text, words.strokes)
    >>> display = AttentionDisplay.from_estimator(synthesizer, words.text[0], words.strokes[0])
    >>> display.phi.shape == (len(words.strokes[0]) - 1, len(words.text[0]) + 1)
    True
    """

    def __init__(self, text: str, strokes: Strokes, phi: NDArray[Any]) -> None:
        self.text = text
        self.strokes = strokes
        self.phi = phi

    @classmethod
    def from_estimator(
        cls, estimator: Any, text: str, strokes: Any = None, *, ax: Any = None
    ) -> AttentionDisplay:
        """Follow the window over a text and plot it.

        Parameters
        ----------
        estimator : estimator
            A fitted `HandwritingSynthesizer`, or a Pipeline that ends in one: then the text is
            shown as the steps before have changed it.
        text : str
            One text.
        strokes : ndarray of shape (T, 3), default=None
            What was written, in the units of `fit`; None lets the synthesizer write the text.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the drawing takes; None makes a figure.

        Returns
        -------
        AttentionDisplay
            The display, plotted.

        Raises
        ------
        TypeError
            If the estimator has no window over a text.
        ValueError
            If it is not one text and one line, if they are empty or hold NaN, or if the text has a
            character that the synthesizer does not know.
        """
        check_is_fitted(estimator)
        synthesizer = _last_step(estimator)
        if not hasattr(synthesizer, "attention"):
            raise TypeError(
                f"{type(synthesizer).__name__} has no attention: it looks at no text; "
                "hwsk.synthesis.HandwritingSynthesizer does"
            )
        text = _before_last(estimator, _check_text(text))
        line = synthesizer.predict([text])[0] if strokes is None else _check_line(strokes)
        (phi,) = synthesizer.attention([text], [line])
        return cls.from_predictions(text, line, phi, ax=ax)

    @classmethod
    def from_predictions(
        cls, text: str, strokes: Any, phi: Any, *, ax: Any = None
    ) -> AttentionDisplay:
        """Plot a window that is there already.

        Parameters
        ----------
        text : str
            What the line says.
        strokes : ndarray of shape (T, 3)
            The line.
        phi : ndarray of shape (T - 1, n_characters + 1)
            What `HandwritingSynthesizer.attention` gave for them.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the drawing takes; None makes a figure.

        Returns
        -------
        AttentionDisplay
            The display, plotted.
        """
        return cls(text, strokes, phi).plot(ax=ax)

    def plot(self, ax: Any = None) -> AttentionDisplay:
        """Draw the line, and the window below it.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the drawing takes; None makes a figure.

        Returns
        -------
        self : AttentionDisplay
            With `figure_`, `axes_`, `im_` and `seen_`.
        """
        text, line, phi = _check_text(self.text), _check_line(self.strokes), np.asarray(self.phi)
        n = len(text)
        if phi.shape != (len(line) - 1, n + 1):
            raise ValueError(
                f"phi has shape {phi.shape}; for {len(line)} points and {n} characters it is "
                f"{(len(line) - 1, n + 1)}, as HandwritingSynthesizer.attention gives it"
            )
        if not np.isfinite(phi).all():
            point = np.flatnonzero(~np.isfinite(phi).all(axis=1))[0]
            raise ValueError(f"phi holds NaN or infinity, first at point {point}")
        # A window far beyond the text sees nothing at all.
        self.seen_ = np.where(phi.any(axis=1), phi.argmax(axis=1), n)
        colors = [*(_TURNS[i % len(_TURNS)] for i in range(n)), NOTHING]
        width = _figure_width(line)
        rows = min(_CHARACTER * (n + 1), _MOST_CHARACTERS)
        self.figure_, self.axes_ = _make_axes(ax, width, [_ink_height(line, width), rows])
        ink, window = self.axes_
        seen = np.concatenate([self.seen_[:1], self.seen_])  # the first point is given
        _draw_ink(ink, line, [colors[i] for i in seen], linewidth=1.5)
        self.im_ = window.imshow(
            phi.T,
            cmap="Greys",
            vmin=0,
            vmax=float(np.percentile(phi.max(axis=1), _MOST)) or None,
            aspect="auto",
            interpolation="nearest",
            extent=(0.5, len(line) - 0.5, n + 0.5, -0.5),
        )
        room = rows if ax is None else window.get_window_extent().height / self.figure_.dpi
        size = min(9.0, 0.9 * 72 * room / (n + 1))
        labels = [character.replace(" ", "\N{OPEN BOX}") for character in text]
        window.set_yticks(range(n + 1), [*labels, "end"], fontsize=size, parse_math=False)
        for label, color in zip(window.get_yticklabels(), colors, strict=True):
            label.set_color(color)
        window.tick_params("y", length=0)
        window.set_xlabel("point")
        return self


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
        density = _last_step(estimator)
        name = type(density).__name__
        if not hasattr(density, "predict_mixture"):
            raise TypeError(
                f"{name} has no predict_mixture; StrokePredictor and HandwritingSynthesizer of "
                "hwsk.synthesis have it"
            )
        line = _check_line(strokes)
        if not hasattr(density, "attention"):
            if text is not None:
                raise ValueError(f"{name} reads no text, and text is {text!r:.60}: leave it out")
            line = _check_line(_before_last(estimator, line))
            return cls.from_predictions(line, density.predict_mixture([line])[0], ax=ax)
        if text is None:
            raise ValueError(f"{name} expects strokes by their text: pass what they say as text")
        text = _before_last(estimator, _check_text(text))
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
        line = _check_line(self.strokes)
        mixture = _check_mixture(self.mixture, len(line))
        n, n_mixtures = len(line), mixture["weights"].shape[1]
        width = _figure_width(line)
        height = _ink_height(line, width)
        self.figure_, self.axes_ = _make_axes(ax, width, [height, 1.3, 0.9])
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
        lifts.plot(np.arange(1, n), mixture["lift"], color=_TURNS[0], linewidth=1)
        lifted = np.flatnonzero(line[1:, 2]) + 1
        lifts.plot(lifted, np.full(len(lifted), 1.1), "v", color=_TURNS[1], ms=4, clip_on=False)
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
        most = np.percentile(self.density_[places[:, 1], places[:, 0]], _MOST)
        most = most or self.density_.max() or 1.0  # the pen was expected elsewhere
        self.im_ = ax.imshow(
            self.density_,
            cmap=colormaps["YlOrRd"].with_extremes(under="white", bad="white"),
            norm=LogNorm(most / 10**_DECADES, most),
            extent=(low[0], high[0], high[1], low[1]),
        )
        _draw_ink(ax, line, "black", linewidth=0.7)
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


def _last_step(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def _before_last(estimator: Any, sample: Any) -> Any:
    """A text or line as the last step of a pipeline is given it."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return sample
    return estimator[:-1].transform([sample])[0]


def _check_text(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError(f"text is {text!r:.60}; one line is drawn: pass one string")
    if not text.strip():
        raise ValueError("text is empty: it is what the strokes say")
    return unicodedata.normalize("NFC", text)


def _check_line(strokes: Any) -> Strokes:
    if isinstance(strokes, (list, tuple, np.ndarray)) and len(strokes) and np.ndim(strokes[0]) == 2:
        raise ValueError(
            f"strokes is a collection of {len(strokes)} lines; one line is drawn: pass one of "
            "them, of shape (T, 3)"
        )
    line = check_sample(strokes, "strokes")
    if len(line) < 2:
        raise ValueError("strokes have a single point: there is no next one")
    return line


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


def _figure_width(line: Strokes) -> float:
    """Inches for all points of a line side by side."""
    return float(np.clip(len(line) / _POINTS_AN_INCH, *_WIDTHS))


def _ink_height(line: Strokes, width: float) -> float:
    """Inches, where the line is so wide."""
    extent = np.ptp(to_points(line), axis=0)
    return float(np.clip(1.2 * width * extent[1] / max(extent[0], 1e-9), 0.6, _MOST_HIGH))


def _make_axes(ax: Any, width: float, heights: Sequence[float]) -> tuple[Any, NDArray[Any]]:
    """A figure and axes below each other; with `ax`, they share its place."""
    if ax is None:
        size = (width, sum(heights) + 0.6)  # and labels
        figure = import_pyplot().figure(figsize=size, layout="constrained")
        grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    else:
        figure = ax.figure
        grid = place_of(ax).subgridspec(len(heights), 1, height_ratios=heights)
    axes = [figure.add_subplot(grid[row]) for row in range(len(heights))]
    return figure, np.array(axes, object)


def _draw_ink(ax: Any, line: Strokes, colors: Any, linewidth: float) -> None:
    """Strokes as they lie on paper; `colors` are one, or one for each point."""
    from matplotlib.collections import LineCollection

    points = to_points(line)
    before = np.arange(len(points)) - 1
    down = np.concatenate([[False], line[:-1, 2] == 0])
    starts = np.where(down[:, None], points[before], points)  # of no length where a stroke begins
    segments = list(np.stack([starts, points], axis=1))
    ax.add_collection(
        LineCollection(segments, colors=colors, linewidths=linewidth, capstyle="round")
    )
    ax.set(xticks=[], yticks=[], aspect="equal")
    ax.spines[:].set_visible(False)
    ax.margins(0.01, 0.1)
    ax.autoscale()
    ax.yaxis.set_inverted(True)
