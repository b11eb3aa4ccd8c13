"""Plot pairs of images side by side, with prediction, score and truth."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, check_images, object_array, paper_level, some_rows
from hwsk.plotting._matplotlib import RIGHT, import_pyplot

__all__ = ["PairDisplay"]

# Green and red that the colour-blind can tell, with a mark and a line for those who can't.
_RIGHT = {"color": "#009e73", "mark": "\N{CHECK MARK}", "linestyle": "-"}
_WRONG = {"color": "#d55e00", "mark": "\N{BALLOT X}", "linestyle": (0, (3, 1.5))}
_MOST_WIDE = 3  # width by height; images of wider ones stand below each other
_WIDEST = 12  # width by height of the room for an image
_CELL_WIDTH = 4.4  # inches at most, of a pair
_MOST_HIGH = 1.3  # inches, of an image
_LEAST_WIDE = 2.2  # inches of a pair: room for its title
_TITLE = 0.22  # inches, above a pair
_GAP = 0.06  # inches, around and between the images of a pair
_HEADING = 0.3  # inches, above all
_SELECT = ("hardest", "errors", "easiest")


class PairDisplay:
    """Draw pairs of images with their scores: right decisions green, wrong ones red.

    Pairs by the same writer stand on the left, pairs by different writers on the right. A pair
    that is taken for what it is has a green frame and a tick, one that is not a red, dashed frame
    and a cross.

    Parameters
    ----------
    first, second : sequence of ndarray of shape (height, width)
        The images of both sides.
    y_true : array-like of shape (n_pairs,)
        1 for pairs by the same writer, 0 or -1 for others.
    y_score : array-like of shape (n_pairs,)
        Scores, higher for pairs that are rather by the same writer.
    y_pred : array-like of shape (n_pairs,)
        What each pair is taken for, labels as those of `y_true`.

    Attributes
    ----------
    rows_ : list of ndarray
        The numbers of the pairs shown on the left and on the right, from the top down.
    ax_ : matplotlib.axes.Axes
        The axes.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    RetrievalDisplay : The images nearest to some.
    sklearn.metrics.DetCurveDisplay : The errors of all pairs at all thresholds.

    Notes
    -----
    Only what is shown is decoded.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from hwsk.model_selection import make_pairs
    >>> from hwsk.plotting import PairDisplay
    >>> digits = load_digits()
    >>> pairs, y = make_pairs(digits.target[:200], n_pairs=500, random_state=0)
    >>> vectors = digits.data[pairs]
    >>> scores = -np.linalg.norm(vectors[:, 0] - vectors[:, 1], axis=1)
    >>> display = PairDisplay.from_predictions(digits.images[pairs], y, scores, threshold=-35)
    >>> y[display.rows_[1]]
    array([0, 0, 0, 0])
    """

    def __init__(self, first: Any, second: Any, y_true: Any, y_score: Any, y_pred: Any) -> None:
        self.first = first
        self.second = second
        self.y_true = y_true
        self.y_score = y_score
        self.y_pred = y_pred

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any,
        *,
        images: Any = None,
        select: Any = "hardest",
        n_pairs: int = 4,
        ax: Any = None,
    ) -> PairDisplay:
        """Score pairs, and plot some.

        Parameters
        ----------
        estimator : estimator
            A fitted classifier of pairs with `decision_function`, as
            :class:`hwsk.verification.SiameseVerifier`, or a Pipeline that ends in one.
        X : array-like of shape (n_pairs, 2, ...)
            Pairs as the estimator takes them.
        y : array-like of shape (n_pairs,)
            1 for pairs by the same writer, 0 or -1 for others.
        images : array-like of images, default=None
            All images, if X holds their row numbers (for an estimator with a `preprocessor`).
        select : {"hardest", "errors", "easiest"} or array-like of int, default="hardest"
            Which pairs to show; see `from_predictions`.
        n_pairs : int, default=4
            How many pairs to show on either side.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        PairDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        first, second = _sides(X, images)
        display = cls(first, second, y, estimator.decision_function(X), estimator.predict(X))
        return display.plot(select=select, n_pairs=n_pairs, ax=ax)

    @classmethod
    def from_predictions(
        cls,
        X: Any,
        y_true: Any,
        y_score: Any,
        *,
        threshold: float,
        images: Any = None,
        select: Any = "hardest",
        n_pairs: int = 4,
        ax: Any = None,
    ) -> PairDisplay:
        """Plot pairs by scores that are there already.

        Parameters
        ----------
        X : array-like of shape (n_pairs, 2, ...)
            Pairs of images or paths, or, with `images`, of row numbers.
        y_true : array-like of shape (n_pairs,)
            1 for pairs by the same writer, 0 or -1 for others.
        y_score : array-like of shape (n_pairs,)
            Scores, higher for pairs that are rather by the same writer.
        threshold : float
            The lowest score that is taken for the same writer.
        images : array-like of images, default=None
            All images, if X holds their row numbers.
        select : {"hardest", "errors", "easiest"} or array-like of int, default="hardest"
            Which pairs to show. "hardest": of those by the same writer the ones with the lowest
            scores, of the others the ones with the highest. "errors": the same, but only where
            the decision is wrong. "easiest": the other way round. Or numbers of pairs, which are
            all shown, in their order.
        n_pairs : int, default=4
            How many pairs to show on either side.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        PairDisplay
            The display, plotted.
        """
        first, second = _sides(X, images)
        taken = (np.asarray(y_score) >= threshold).astype(int)
        display = cls(first, second, y_true, y_score, taken)
        return display.plot(select=select, n_pairs=n_pairs, ax=ax)

    def plot(self, *, select: Any = "hardest", n_pairs: int = 4, ax: Any = None) -> PairDisplay:
        """Draw pairs.

        Parameters
        ----------
        select : {"hardest", "errors", "easiest"} or array-like of int, default="hardest"
            Which pairs to show; see `from_predictions`.
        n_pairs : int, default=4
            How many pairs to show on either side.
        ax : matplotlib.axes.Axes, default=None
            Axes to draw in; None makes a figure.

        Returns
        -------
        self : PairDisplay
            With `figure_`, `ax_` and `rows_`.
        """
        pyplot = import_pyplot()
        check_scalar(n_pairs, "n_pairs", Integral, min_val=1)
        same, right, scores = self._check()
        self.rows_ = _choose(select, n_pairs, same, right, scores)
        shown = np.concatenate(self.rows_)
        images = {int(row): (self.first[int(row)], self.second[int(row)]) for row in shown}
        aspects = [image.shape[1] / image.shape[0] for pair in images.values() for image in pair]
        aspect = float(np.clip(np.median(aspects), 1 / _MOST_WIDE, _WIDEST))
        below = aspect > _MOST_WIDE
        # All places are inches in the axes: room for an image, then a pair, then all of them.
        widest = _CELL_WIDTH - 2 * _GAP if below else (_CELL_WIDTH - 3 * _GAP) / 2
        height = min(widest / aspect, _MOST_HIGH)
        room = (height * aspect, height)
        size = [
            room[side] * (2 if stacked else 1) + _GAP * (3 if stacked else 2)
            for side, stacked in ((0, not below), (1, below))
        ]
        cell = (max(size[0], _LEAST_WIDE) + 0.15, size[1] + _TITLE + 0.1)
        n_lines = max(map(len, self.rows_))
        if ax is None:
            figsize = (2 * cell[0] + 0.1, n_lines * cell[1] + _HEADING + 0.1)
            _, ax = pyplot.subplots(figsize=figsize, layout="constrained")
        self.ax_, self.figure_ = ax, ax.figure
        ax.set_axis_off()
        for column, (rows, heading) in enumerate(
            zip(self.rows_, ("same writer", "different writers"), strict=True)
        ):
            left = column * cell[0]
            ax.text(
                left, _HEADING / 2, heading, color=RIGHT, weight="bold", fontsize=9, va="center"
            )
            for line, row in enumerate(rows):
                top = _HEADING + line * cell[1] + _TITLE
                style = _RIGHT if right[row] else _WRONG
                self._draw_frame((left, top), (size[0], size[1]), style, float(scores[row]))
                for i, image in enumerate(images[int(row)]):
                    step = (room[0] + _GAP) * i, (room[1] + _GAP) * i
                    corner = (left + _GAP + step[0] * (not below), top + _GAP + step[1] * below)
                    self._draw_image(image, corner, room)
        ax.set(xlim=(-0.03, 2 * cell[0]), ylim=(_HEADING + n_lines * cell[1], 0), aspect="equal")
        return self

    def _check(self) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64]]:
        """Return the pairs by one writer, the pairs that are predicted rightly, and the scores."""
        y_true, y_pred = np.ravel(self.y_true), np.ravel(self.y_pred)
        scores = np.ravel(self.y_score).astype(np.float64)
        check_consistent_length(self.first, self.second, y_true, y_pred, scores)
        for name, labels in (("y_true", y_true), ("y_pred", y_pred)):
            if (wrong := np.flatnonzero(~np.isin(labels, (1, 0, -1)))).size:
                raise ValueError(
                    f"{name} has the label {labels.tolist()[wrong[0]]!r} in row {wrong[0]}; "
                    "labels are 1 (same writer), and 0 or -1 (different writers)"
                )
        if np.isnan(scores).any():
            raise ValueError(f"y_score is NaN in row {np.flatnonzero(np.isnan(scores))[0]}")
        return y_true == 1, (y_true == 1) == (y_pred == 1), scores

    def _draw_frame(
        self,
        corner: tuple[float, float],
        size: tuple[float, float],
        style: dict[str, Any],
        score: float,
    ) -> None:
        from matplotlib.patches import Rectangle

        color = style["color"]
        frame = Rectangle(
            corner, *size, fill=False, edgecolor=color, linestyle=style["linestyle"], linewidth=1.8
        )
        self.ax_.add_patch(frame)
        self.ax_.text(
            corner[0],
            corner[1] - 0.04,
            f"{style['mark']} score {score:.3g}",
            color=color,
            fontsize=8,
            parse_math=False,
        )

    def _draw_image(
        self, image: Image, corner: tuple[float, float], room: tuple[float, float]
    ) -> None:
        """An image as large as there is room, in the middle of it."""
        scale = min(room[0] / image.shape[1], room[1] / image.shape[0])
        height, width = image.shape[0] * scale, image.shape[1] * scale
        left, top = corner[0] + (room[0] - width) / 2, corner[1] + (room[1] - height) / 2
        self.ax_.imshow(
            image,
            cmap="gray",
            vmin=0,
            vmax=paper_level(image),
            extent=(left, left + width, top + height, top),
        )


def _sides(X: Any, images: Any) -> tuple[Any, Any]:
    """The images of both sides, decoded when they are asked for."""
    pairs = _object_pairs(X) if images is None and not hasattr(X, "shape") else np.asarray(X)
    if pairs.ndim < 2 or pairs.shape[1] != 2:
        raise ValueError(f"X has shape {pairs.shape}; pairs are (n_pairs, 2, ...)")
    if images is None:
        if pairs.ndim == 2 and pairs.dtype.kind not in "OUS":
            raise ValueError(
                f"X has shape {pairs.shape} and dtype {pairs.dtype}, pairs of numbers; pass the "
                "images that they are the rows of as images"
            )
        first, second = (check_images(object_array(pairs[:, side])) for side in (0, 1))
        return first, second
    if pairs.ndim != 2 or pairs.dtype.kind not in "iu":
        raise ValueError(
            f"X of shape {pairs.shape} and dtype {pairs.dtype} holds no row numbers of images"
        )
    whole: Any = check_images(images)
    outside = np.unique(pairs[(pairs < 0) | (pairs >= len(whole))])
    if len(outside):
        raise ValueError(f"X has the rows {some_rows(outside)}, and there are {len(whole)} images")
    return whole[pairs[:, 0]], whole[pairs[:, 1]]


def _object_pairs(X: Any) -> NDArray[np.object_]:
    """A list of pairs as an array, whatever the sizes of the images."""
    pairs = np.empty((len(X), 2), dtype=object)
    for row, pair in enumerate(X):
        if len(pair) != 2:
            raise ValueError(f"X holds {len(pair)} images in row {row}; a pair is two")
        pairs[row, 0], pairs[row, 1] = pair
    return pairs


def _choose(
    select: Any,
    n_pairs: int,
    same: NDArray[np.bool_],
    right: NDArray[np.bool_],
    scores: NDArray[np.float64],
) -> list[NDArray[np.intp]]:
    """Numbers of the pairs to show, of those by one writer and of the others."""
    if not isinstance(select, str):
        rows = np.asarray(select)
        if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
            raise ValueError(f"select is {select!r}; it is one of {_SELECT}, or numbers of pairs")
        if (outside := rows[(rows < 0) | (rows >= len(same))]).size:
            raise ValueError(
                f"select has the rows {some_rows(outside)}, and there are {len(same)} pairs"
            )
        return [rows[same[rows]], rows[~same[rows]]]
    if select not in _SELECT:
        raise ValueError(f"select is {select!r}; it is one of {_SELECT}, or numbers of pairs")
    chosen = []
    for of_one in (True, False):
        rows = np.flatnonzero((same == of_one) & (~right if select == "errors" else True))
        rising = of_one == (select != "easiest")
        order = np.argsort(scores[rows] if rising else -scores[rows], kind="stable")
        chosen.append(rows[order][:n_pairs])
    if not any(map(len, chosen)):
        raise ValueError("no pair is taken for what it is not: there is no error to show")
    return chosen
