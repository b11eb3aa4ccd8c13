"""Plot query images with their nearest neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances
from sklearn.utils import check_array, check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, check_images, paper_level, some_rows
from hwsk.plotting._matplotlib import RIGHT, import_pyplot

__all__ = ["RetrievalDisplay"]

# Green and red that the colour-blind can tell, with a mark and a line for those who can't.
_SAME = {"color": "#009e73", "mark": "\N{CHECK MARK}", "linestyle": "-"}
_OTHER = {"color": "#d55e00", "mark": "\N{BALLOT X}", "linestyle": (0, (3, 1.5))}
_MOST_WIDE = 3  # width by height; wider images stand below each other
_WIDEST = 12  # width by height of the room for an image
_FIGURE_WIDTH = 10  # inches
_TITLE = 0.22  # inches, above an image


class RetrievalDisplay:
    """Draw queries, each with its nearest images: right ones green, wrong ones red.

    An image by the same writer has a green frame and a tick, one by another a red, dashed frame and
    a cross. As in :func:`hwsk.metrics.mean_average_precision`, neither the image itself nor
    one of its own group (its page) is found. Wide images stand below the one looked for, others
    beside it.

    Parameters
    ----------
    images : sequence of ndarray of shape (height, width)
        All images.
    y : array-like of shape (n_images,)
        Who wrote them.
    distances : array-like of shape (n_images, n_images)
        How far each is from each.
    groups : array-like of shape (n_images,), default=None
        The page that each image is from; None takes each as a page of its own.

    Attributes
    ----------
    queries_ : ndarray of shape (n_queries,)
        Rows of the images looked for.
    neighbors_ : list of ndarray
        For each of them the rows of all others, the nearest first.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    hwsk.metrics.mean_average_precision : The figure for all images.
    PatchMapDisplay : Where on a page the evidence lies.

    Notes
    -----
    Only what is shown is decoded.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.metrics import pairwise_distances
    >>> from hwsk.plotting import RetrievalDisplay
    >>> digits = load_digits()
    >>> X, y = digits.images[:200], digits.target[:200]
    >>> distances = pairwise_distances(digits.data[:200])
    >>> display = RetrievalDisplay.from_predictions(X, y, distances, queries=[3, 8])
    >>> y[display.neighbors_[1][:5]]
    array([8, 8, 8, 8, 8])
    """

    def __init__(self, images: Sequence[Image], y: Any, distances: Any, groups: Any = None) -> None:
        self.images = images
        self.y = y
        self.distances = distances
        self.groups = groups

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        groups: Any = None,
        metric: str = "cosine",
        queries: Any = 4,
        n_neighbors: int = 5,
        ax: Any = None,
    ) -> RetrievalDisplay:
        """Embed images, and plot the nearest of some.

        Parameters
        ----------
        estimator : estimator
            A fitted transformer of images to vectors, or a Pipeline of such.
        X : array-like of images
            The images, or paths of them.
        y : array-like of shape (n_images,)
            Who wrote them.
        groups : array-like of shape (n_images,), default=None
            The page that each image is from; None takes each as a page of its own.
        metric : str, default="cosine"
            How vectors are compared, as in :func:`sklearn.metrics.pairwise_distances`.
        queries : int or array-like of int, default=4
            How many images to look for, or which rows.
        n_neighbors : int, default=5
            How many of the nearest to show.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        RetrievalDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        return cls.from_predictions(
            X,
            y,
            pairwise_distances(estimator.transform(X), metric=metric),
            groups=groups,
            queries=queries,
            n_neighbors=n_neighbors,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y: Any,
        distances: Any,
        *,
        groups: Any = None,
        queries: Any = 4,
        n_neighbors: int = 5,
        ax: Any = None,
    ) -> RetrievalDisplay:
        """Plot the nearest images by distances that are there already.

        Parameters
        ----------
        X : array-like of images
            The images, or paths of them.
        y : array-like of shape (n_images,)
            Who wrote them.
        distances : array-like of shape (n_images, n_images)
            How far each is from each.
        groups : array-like of shape (n_images,), default=None
            The page that each image is from; None takes each as a page of its own.
        queries : int or array-like of int, default=4
            How many images to look for, or which rows. A number of them is spread evenly over
            those whose writer has an image elsewhere.
        n_neighbors : int, default=5
            How many of the nearest to show.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        RetrievalDisplay
            The display, plotted.
        """
        display = cls(check_images(X), y, distances, groups)
        return display.plot(queries=queries, n_neighbors=n_neighbors, ax=ax)

    def plot(self, *, queries: Any = 4, n_neighbors: int = 5, ax: Any = None) -> RetrievalDisplay:
        """Draw images and what is nearest to them.

        Parameters
        ----------
        queries : int or array-like of int, default=4
            How many images to look for, or which rows.
        n_neighbors : int, default=5
            How many of the nearest to show.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : RetrievalDisplay
            With `figure_`, `ax_`, `queries_` and `neighbors_`.
        """
        pyplot = import_pyplot()
        check_scalar(n_neighbors, "n_neighbors", Integral, min_val=1)
        y, distances, groups = self._check()
        self.queries_ = _choose_queries(queries, y, groups)
        self.neighbors_ = []
        for query in self.queries_:
            rows = np.flatnonzero(groups != groups[query])
            order = np.argsort(distances[query, rows], kind="stable")
            self.neighbors_.append(rows[order])
        shown = [
            [query, *rows[:n_neighbors]]
            for query, rows in zip(self.queries_, self.neighbors_, strict=True)
        ]
        images = {row: self.images[int(row)] for rows in shown for row in rows}
        aspects = [image.shape[1] / image.shape[0] for image in images.values()]
        aspect = float(np.clip(np.median(aspects), 1 / _MOST_WIDE, _WIDEST))
        below = aspect > _MOST_WIDE
        n_columns = len(shown) if below else n_neighbors + 1
        n_rows = n_neighbors + 1 if below else len(shown)
        width = _FIGURE_WIDTH / n_columns
        cell = (width, width / aspect + _TITLE)  # inches, as all places in the axes
        if ax is None:
            size = (_FIGURE_WIDTH, n_rows * cell[1] + 0.1)
            _, ax = pyplot.subplots(figsize=size, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        room = (0.94 * cell[0], 0.94 * (cell[1] - _TITLE))
        for i, (query, *nearest) in enumerate(shown):
            for j, row in enumerate([query, *nearest]):
                column, line = (i, j) if below else (j, i)
                corner = (column * cell[0], line * cell[1] + _TITLE)
                style = None if j == 0 else _SAME if y[row] == y[query] else _OTHER
                self._draw(images[row], str(y[row]), corner, room, style)
        ax.set(xlim=(-0.03, n_columns * cell[0]), ylim=(n_rows * cell[1], 0), aspect="equal")
        return self

    def _check(self) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[Any]]:
        y = np.asarray(self.y)
        groups = np.arange(len(y)) if self.groups is None else np.asarray(self.groups)
        check_consistent_length(self.images, y, groups)
        distances = check_array(self.distances, input_name="distances")
        if distances.shape != (len(y), len(y)):
            raise ValueError(
                f"distances has shape {distances.shape}, and there are {len(y)} images: expected "
                f"{(len(y), len(y))}"
            )
        return y, distances, groups

    def _draw(
        self,
        image: Image,
        title: str,
        corner: tuple[float, float],
        room: tuple[float, float],
        style: dict[str, Any] | None,
    ) -> None:
        """An image in a frame, as large as there is room; without a style, the one looked for."""
        from matplotlib.patches import Rectangle

        left, top = corner
        scale = min(room[0] / image.shape[1], room[1] / image.shape[0])
        height, width = image.shape[0] * scale, image.shape[1] * scale
        self.ax_.imshow(
            image,
            cmap="gray",
            vmin=0,
            vmax=paper_level(image),
            extent=(left, left + width, top + height, top),
        )
        color = RIGHT if style is None else style["color"]
        frame = Rectangle(
            (left, top),
            width,
            height,
            fill=False,
            edgecolor=color,
            linestyle="-" if style is None else style["linestyle"],
            linewidth=1 if style is None else 1.8,
        )
        self.ax_.add_patch(frame)
        self.ax_.text(
            left,
            top - 0.04,
            f"query: {title}" if style is None else f"{style['mark']} {title}",
            color=color,
            weight="bold" if style is None else "normal",
            fontsize=8,
            parse_math=False,
        )


def _choose_queries(queries: Any, y: NDArray[Any], groups: NDArray[Any]) -> NDArray[np.intp]:
    """The rows that are asked for; of a number, rows with something to find, evenly spread."""
    pages = (
        pd.DataFrame({"writer": y, "page": groups}).groupby("writer")["page"].transform("nunique")
    )
    able = np.flatnonzero(pages > 1)
    if not isinstance(queries, Integral):
        rows: NDArray[Any] = np.asarray(queries)
        if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
            raise ValueError(f"queries is {queries!r}; it is a number of images, or row numbers")
        if (outside := rows[(rows < 0) | (rows >= len(y))]).size:
            raise ValueError(
                f"queries has the rows {some_rows(outside)}, and there are {len(y)} images"
            )
        return rows.astype(np.intp)
    check_scalar(queries, "queries", Integral, min_val=1)
    if not len(able):
        raise ValueError("no writer has images from two groups: there is nothing to find")
    count = min(int(queries), len(able))
    return able[np.linspace(0, len(able) - 1, count).astype(int)]
