"""Plot a page with its lines, what was read in them, and how sure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk.documents import Page, read_pages
from hwsk.documents._elements import bounding_box
from hwsk.plotting._matplotlib import import_pyplot

__all__ = ["PageDisplay"]


class PageDisplay:
    """Draw a page with the baselines and outlines of its lines, and their text.

    Lines and words are coloured by their confidence, from red (0) to green (1); lines without one
    are blue. The number of a line is its place in the reading order.

    Parameters
    ----------
    image : ndarray of shape (height, width)
        The page.
    page : Page
        Its lines, in pixels of the image.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes of the page.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    hwsk.documents.PageReader : Reads pages.
    ReadingDisplay : Single lines and their readings.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.documents import Line, Page, Region
    >>> from hwsk.plotting import PageDisplay
    >>> line = Line("Dear Sir,", baseline=[[20, 60], [280, 60]], polygon=[20, 30, 280, 70])
    >>> page = Page(300, 100, [Region([line])])
    >>> display = PageDisplay(np.full((100, 300), 255, np.uint8), page).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['1', 'Dear Sir,']
    """

    def __init__(self, image: NDArray[np.uint8], page: Page) -> None:
        self.image = image
        self.page = page

    @classmethod
    def from_estimator(
        cls, estimator: Any, source: Any, *, ax: Any = None, show_text: bool = True
    ) -> PageDisplay:
        """Segment or read a page, and plot it.

        Parameters
        ----------
        estimator : PageReader or LineSegmenter
            Fitted.
        source : str, path or array of shape (height, width)
            The page; of a file with several pages the first.
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        show_text : bool, default=True
            Whether to write the text over the lines.

        Returns
        -------
        PageDisplay
            The display, plotted.
        """
        image = next(iter(read_pages(source))).image
        if hasattr(estimator, "read"):
            page = next(iter(estimator.read(image)))
        else:
            page = Page(image.shape[1], image.shape[0], estimator.segment(image))
        return cls(image, page).plot(ax=ax, show_text=show_text)

    def plot(self, ax: Any = None, *, show_text: bool = True) -> PageDisplay:
        """Draw the page.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Where to draw; None makes a figure.
        show_text : bool, default=True
            Whether to write the text over the lines.

        Returns
        -------
        self : PageDisplay
            With `figure_` and `ax_`.
        """
        pyplot = import_pyplot()
        if ax is None:
            height, width = self.image.shape
            _, ax = pyplot.subplots(figsize=(7, 7 * height / width), layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.imshow(self.image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        colors = pyplot.get_cmap("RdYlGn")
        for number, line in enumerate(self.page.lines, start=1):
            color = "tab:blue" if line.confidence is None else colors(line.confidence)
            if line.polygon is not None:
                ax.fill(*line.polygon.T, facecolor=(*_rgb(color), 0.15), edgecolor=color, lw=0.8)
            if line.baseline is not None:
                ax.plot(*line.baseline.T, color=color, lw=1.5)
            points = line.baseline if line.baseline is not None else line.polygon
            if points is None:
                continue
            left, top, _, bottom = bounding_box(points)
            y = points[0, 1] if line.baseline is not None else (top + bottom) / 2
            ax.annotate(
                str(number), (left, y), xytext=(-3, 0), textcoords="offset points", ha="right",
                color="tab:blue", fontsize=7,
            )  # fmt: skip
            if show_text and line.text:
                above = top if line.polygon is None else bounding_box(line.polygon)[1]
                ax.annotate(
                    line.text, (left, above), color="tab:blue", fontsize=7, va="center",
                    parse_math=False,
                )  # fmt: skip
        return self


def _rgb(color: Any) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    red, green, blue = to_rgb(color)
    return red, green, blue
