"""Plot images of text lines with the recognized text."""

from __future__ import annotations

from typing import Any

import numpy as np
from rapidfuzz.distance import Levenshtein
from sklearn.utils import check_consistent_length
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, check_images
from hwsk.plotting._matplotlib import NOTHING, RIGHT, WRONG, import_pyplot, place_of

__all__ = ["ReadingDisplay"]


class ReadingDisplay:
    """Draw lines of handwriting with the recognized text, wrong characters coloured.

    Under each image stands its reading; where the truth is known and differs, the truth stands
    below it. Coloured are the characters of the reading that are not in the truth, and those of
    the truth that were missed or misread. Where nothing was read, a grey "(nothing)" stands.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width)
        The lines.
    y_pred : sequence of str
        What was read.
    y_true : sequence of str, default=None
        What is written.

    Attributes
    ----------
    axes_ : ndarray of matplotlib.axes.Axes
        One for each line.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    hwsk.metrics.character_error_rate : The errors as a figure.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.plotting import ReadingDisplay
    >>> paper = np.full((20, 80), 255, np.uint8)
    >>> display = ReadingDisplay.from_predictions([paper], ["the rivor"], ["the river"])
    >>> len(display.axes_)
    1
    """

    def __init__(self, images: Any, y_pred: Any, y_true: Any = None) -> None:
        self.images = images
        self.y_pred = y_pred
        self.y_true = y_true

    @classmethod
    def from_estimator(
        cls, estimator: Any, X: Any, y: Any = None, *, ax: Any = None, max_lines: int = 10
    ) -> ReadingDisplay:
        """Read lines with a fitted recognizer and plot them.

        Parameters
        ----------
        estimator : estimator
            A fitted recognizer, or a Pipeline that ends in one.
        X : array-like of images
            The lines, or paths of images of them.
        y : array-like of str of shape (n_lines,), default=None
            What is written.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the lines take; None makes a figure.
        max_lines : int, default=10
            Lines to read, from the first.

        Returns
        -------
        ReadingDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        images = check_images(X)
        check_consistent_length(images, y)
        count = min(max_lines, len(images))
        head = list(X)[:count] if isinstance(X, (list, tuple)) else X[:count]
        truth = None if y is None else list(y)[:count]
        return cls.from_predictions(head, estimator.predict(head), truth, ax=ax)

    @classmethod
    def from_predictions(
        cls, images: Any, y_pred: Any, y_true: Any = None, *, ax: Any = None
    ) -> ReadingDisplay:
        """Plot lines and readings that are there already.

        Parameters
        ----------
        images : array-like of images
            The lines, or paths of images of them.
        y_pred : array-like of str of shape (n_lines,)
            What was read.
        y_true : array-like of str of shape (n_lines,), default=None
            What is written.
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the lines take; None makes a figure.

        Returns
        -------
        ReadingDisplay
            The display, plotted.
        """
        lines = list(check_images(images))
        check_consistent_length(lines, y_pred, y_true)
        truth = None if y_true is None else [str(text) for text in y_true]
        return cls(lines, [str(text) for text in y_pred], truth).plot(ax=ax)

    def plot(self, ax: Any = None) -> ReadingDisplay:
        """Draw the lines below each other.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes whose place the lines take; None makes a figure.

        Returns
        -------
        self : ReadingDisplay
            With `figure_` and `axes_`.
        """
        pyplot = import_pyplot()
        count = len(self.images)
        if ax is None:
            widest = max(image.shape[1] / image.shape[0] for image in self.images)
            longest = max(len(text) for text in [*self.y_pred, *(self.y_true or [])])
            width = np.clip(max(0.7 * widest, 0.08 * longest), 3, 8)  # inches
            self.figure_ = pyplot.figure(figsize=(width, 1.1 * count), layout="constrained")
            self.axes_ = self.figure_.subplots(count, squeeze=False)[:, 0]
        else:
            self.figure_ = ax.figure
            rows = place_of(ax).subgridspec(count, 1)
            self.axes_ = np.array([self.figure_.add_subplot(row) for row in rows], object)
        truths = [None] * count if self.y_true is None else self.y_true
        for axes, image, pred, true in zip(
            self.axes_, self.images, self.y_pred, truths, strict=True
        ):
            _draw_line(axes, image, pred, true)
        return self


def _draw_line(ax: Any, image: Image, pred: str, true: str | None) -> None:
    top = 255 if image.dtype == np.uint8 else max(1.0, float(image.max()))
    ax.imshow(image, cmap="gray", vmin=0, vmax=top)
    ax.set(xticks=[], yticks=[], anchor="W")
    ax.spines[:].set_visible(False)
    of_pred, of_true = _runs(pred, pred if true is None else true)
    _write(ax, of_pred, line=0, style="normal")
    if true is not None and true != pred:
        _write(ax, of_true, line=1, style="italic")


def _runs(pred: str, true: str) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Both texts in runs of characters that an alignment matches (True) or doesn't."""
    of_pred, of_true = [], []
    for step in Levenshtein.opcodes(pred, true):
        right = step.tag == "equal"
        of_pred.append((pred[step.src_start : step.src_end], right))
        of_true.append((true[step.dest_start : step.dest_end], right))
    return of_pred, of_true


def _write(ax: Any, runs: list[tuple[str, bool]], *, line: int, style: str) -> None:
    """Text below the image, run by run, each where the last ends."""
    place: dict[str, Any] = {
        "xy": (0, 0),
        "xycoords": "axes fraction",
        "xytext": (0, -3 - 12 * line),
        "textcoords": "offset points",
    }
    parts = [
        (text, RIGHT, "normal") if right else (text.replace(" ", "\N{OPEN BOX}"), WRONG, "bold")
        for text, right in runs
        if text
    ]
    for text, color, weight in parts or [("(nothing)", NOTHING, "normal")]:
        run = ax.annotate(
            text,
            **place,
            color=color,
            weight=weight,
            style=style,
            family="monospace",
            fontsize=9,
            va="top" if place["xy"] == (0, 0) else "bottom",
            parse_math=False,
            annotation_clip=False,
        )
        place = {"xy": (1, 0), "xycoords": run}
