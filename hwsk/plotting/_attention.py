"""Plot the attention of the synthesizer to its text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from hwsk.plotting._matplotlib import NOTHING
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

_CHARACTER = 0.16  # inches, for the name of a character
_MOST_CHARACTERS = 8.0  # inches, for all of them


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
        synthesizer = last_step(estimator)
        if not hasattr(synthesizer, "attention"):
            raise TypeError(
                f"{type(synthesizer).__name__} has no attention: it looks at no text; "
                "hwsk.synthesis.HandwritingSynthesizer does"
            )
        text = before_last(estimator, check_text(text))
        line = synthesizer.predict([text])[0] if strokes is None else check_line(strokes)
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
        text, line, phi = check_text(self.text), check_line(self.strokes), np.asarray(self.phi)
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
        colors = [*(TURNS[i % len(TURNS)] for i in range(n)), NOTHING]
        width = figure_width(line)
        rows = min(_CHARACTER * (n + 1), _MOST_CHARACTERS)
        self.figure_, self.axes_ = make_axes(ax, width, [ink_height(line, width), rows])
        ink, window = self.axes_
        seen = np.concatenate([self.seen_[:1], self.seen_])  # the first point is given
        draw_ink(ink, line, [colors[i] for i in seen], linewidth=1.5)
        self.im_ = window.imshow(
            phi.T,
            cmap="Greys",
            vmin=0,
            vmax=float(np.percentile(phi.max(axis=1), MOST_SHOWN)) or None,
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
