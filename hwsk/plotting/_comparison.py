"""Plot a comparison of two samples with its reasons."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, check_images, paper_level
from hwsk.plotting._matplotlib import NOTHING, RIGHT, import_pyplot, place_of
from hwsk.verification import HandComparison
from hwsk.verification._comparison import SUPPORT, describe_feature
from hwsk.verification._representation import shared_steps
from hwsk.verification._sides import unfold

__all__ = ["ComparisonDisplay"]

# Blue and orange that the colour-blind can tell; what they mean also stands at the axes.
_SAME, _DIFFERENT = "#0072b2", "#d55e00"
_FIGURE_WIDTH = 10  # inches
_ROW, _MARGIN, _SCALE = 0.27, 0.8, 1.1  # inches: a feature or part, what surrounds them, the scale
_MOST_IMAGES = 6  # of a side, that are shown
_GAP = 0.06  # between images, share of the room for one
_REACH = (-1.5, 2.5)  # how far distances are shown: 0: different writers, 1: same
_LEAST_REACH = 4  # decimal logarithm: what the scale shows at least


class ComparisonDisplay:
    """Draw a comparison: support for the same writer and for different writers, with reasons.

    On the left the images of both sides. On the right a bar for each named feature, to the right
    where its values in both support the same writer, to the left where they support different
    writers. Below these, for each part of the representation, the distance of the sides between the
    median of pairs by different writers and the median of pairs by the same writer. At the bottom
    the likelihood ratio on the verbal scale.

    Parameters
    ----------
    comparison : HandComparison
        What `HandComparer.compare` gave.
    first : sequence of ndarray of shape (height, width)
        Images of one side.
    second : sequence of ndarray of shape (height, width)
        Images of the other.

    Attributes
    ----------
    axes_ : dict of str to matplotlib.axes.Axes
        The axes of "first", "second", "features", "parts" and "scale". Without a feature there is
        no "features".
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    hwsk.verification.HandComparer : Makes comparisons.
    PairDisplay : The pairs that are taken for what they are not.

    Notes
    -----
    The bars don't add up to the likelihood ratio: features depend on each other, and the distances
    say more than they do.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from hwsk.verification import HandComparer
    >>> from hwsk.plotting import ComparisonDisplay
    >>> digits = load_digits()
    >>> comparer = HandComparer(random_state=0).fit(digits.data, digits.target)
    >>> comparison = comparer.compare(digits.data[0], digits.data[10])
    >>> display = ComparisonDisplay.from_predictions(
    ...     comparison, [16 - digits.images[0]], [16 - digits.images[10]]
    ... )
    >>> list(display.axes_)
    ['first', 'second', 'parts', 'scale']
    """

    def __init__(
        self, comparison: HandComparison, first: Sequence[Image], second: Sequence[Image]
    ) -> None:
        self.comparison = comparison
        self.first = first
        self.second = second

    @classmethod
    def from_estimator(cls, estimator: Any, a: Any, b: Any, *, ax: Any = None) -> ComparisonDisplay:
        """Compare two samples and plot the comparison.

        Parameters
        ----------
        estimator : HandComparer
            A fitted comparer of images, or of what its first steps make images of.
        a : image, path, or list of such
            One sample, or several by one writer, as `compare` takes them.
        b : image, path, or list of such
            The other sample, or several by one writer.
        ax : matplotlib.axes.Axes, default=None
            Axes in whose place to draw; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            The display, plotted.
        """
        check_is_fitted(estimator)
        if estimator._of_table:
            raise TypeError(
                "this HandComparer takes a 2-D array, whose rows can't be shown; pass its "
                "comparison and images to from_predictions"
            )
        comparison = estimator.compare(a, b)
        front, _ = shared_steps(estimator.representation_)
        sides = [unfold([side], False)[0] for side in (a, b)]
        if front is not None:
            sides = [front.transform(side) for side in sides]
        return cls.from_predictions(comparison, *sides, ax=ax)

    @classmethod
    def from_predictions(
        cls, comparison: HandComparison, first: Any, second: Any, *, ax: Any = None
    ) -> ComparisonDisplay:
        """Plot a comparison that is made already.

        Parameters
        ----------
        comparison : HandComparison
            What `compare` gave.
        first : array-like of images
            Images of one side, or paths.
        second : array-like of images
            Images of the other.
        ax : matplotlib.axes.Axes, default=None
            Axes in whose place to draw; None makes a figure.

        Returns
        -------
        ComparisonDisplay
            The display, plotted.
        """
        return cls(comparison, check_images(first), check_images(second)).plot(ax=ax)

    def plot(self, ax: Any = None) -> ComparisonDisplay:
        """Draw images, features, distances and scale.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes in whose place to draw; None makes a figure.

        Returns
        -------
        self : ComparisonDisplay
            With `figure_` and `axes_`.
        """
        pyplot = import_pyplot()
        n_features, n_parts = len(self.comparison.features), len(self.comparison.distances)
        rows = [_ROW * n + _MARGIN for n in (n_features, n_parts) if n]
        heights = [sum(rows), _SCALE]
        if ax is None:
            self.figure_ = pyplot.figure(
                figsize=(_FIGURE_WIDTH, sum(heights)), layout="constrained"
            )
            grid = self.figure_.add_gridspec(2, 1, height_ratios=heights)
        else:
            self.figure_ = ax.figure
            grid = place_of(ax).subgridspec(2, 1, height_ratios=heights)
        left, right = grid[0].subgridspec(1, 2, width_ratios=[2, 3])
        right = right.subgridspec(len(rows), 1, height_ratios=rows)
        left = left.subgridspec(2, 1)
        add = self.figure_.add_subplot
        self.axes_ = {"first": add(left[0]), "second": add(left[1])}
        room = 0.38 * _FIGURE_WIDTH, heights[0] / 2
        for name, images in (("first", self.first), ("second", self.second)):
            _draw_side(self.axes_[name], images, room, name)
        if n_features:
            self.axes_["features"] = add(right[0])
            self._draw_features(self.axes_["features"])
        self.axes_["parts"] = add(right[-1])
        self._draw_parts(self.axes_["parts"])
        self.axes_["scale"] = add(grid[1])
        self._draw_scale(self.axes_["scale"])
        return self

    def _draw_features(self, ax: Any) -> None:
        features = self.comparison.features
        weights = features["log_likelihood_ratio"].to_numpy() / np.log(10)
        rows = np.arange(len(features))
        ax.barh(rows, weights, color=np.where(weights > 0, _SAME, _DIFFERENT), height=0.7)
        ax.axvline(0, color=RIGHT, linewidth=0.8)
        words = [describe_feature(name, row) for name, row in features.iterrows()]
        ax.set_yticks(rows, words, fontsize=8, parse_math=False)
        ax.tick_params("y", length=0)
        ax.set_ylim(len(rows) - 0.4, -0.6)
        reach = max(0.55, 1.05 * float(np.abs(weights).max()))
        ax.set_xlim(-reach, reach)
        times = [n for n in (1, 3, 10, 30, 100, 300, 1000) if np.log10(n) <= reach]
        ticks = [*(-np.log10(times[:0:-1])), *np.log10(times)]
        ax.set_xticks(ticks, [f"{n}\N{MULTIPLICATION SIGN}" for n in [*times[:0:-1], *times]])
        ax.tick_params("x", labelsize=7)
        _name_sides(ax, "likelier for different writers", "likelier for the same writer")

    def _draw_parts(self, ax: Any) -> None:
        distances = self.comparison.distances
        same = distances["same_writer"].to_numpy()
        different = distances["different_writers"].to_numpy()
        gap = np.where(different == same, 1, different - same)
        place = (different - distances["distance"].to_numpy()) / gap  # 1, to the right: same writer
        rows = np.arange(len(distances))
        ax.axvline(0, color=_DIFFERENT, linewidth=1.2, linestyle=(0, (3, 1.5)))
        ax.axvline(1, color=_SAME, linewidth=1.2)
        low, high = _REACH
        for marker, chosen in (
            ("D", (place >= low) & (place <= high)),
            ("<", place < low),
            (">", place > high),
        ):
            if chosen.any():  # what is empty and not clipped would confound the layout
                at = np.clip(place[chosen], low, high)
                ax.plot(at, rows[chosen], marker, color=RIGHT, markersize=6, clip_on=False)
        names = [f"distance of {name}" for name in distances.index]
        ax.set_yticks(rows, names, fontsize=8, parse_math=False)
        ax.tick_params("y", length=0)
        ax.set(xlim=_REACH, ylim=(len(rows) - 0.4, -0.6))
        ax.set_xticks([0, 1], ["different writers", "same writer"], fontsize=8)
        for label, color in zip(ax.get_xticklabels(), (_DIFFERENT, _SAME), strict=True):
            label.set_color(color)
        ax.set_xlabel("what is typical of", fontsize=8)
        ax.spines[:].set_color(NOTHING)

    def _draw_scale(self, ax: Any) -> None:
        decimal = self.comparison.log_likelihood_ratio / np.log(10)
        reach = max(_LEAST_REACH, ceil(abs(decimal)))
        starts = [np.log10(least) for least in SUPPORT.values()]
        for i, (word, start) in enumerate(zip(SUPPORT, starts, strict=True)):
            end = min(starts[i + 1] if i + 1 < len(starts) else reach, reach)
            if start >= reach:
                break
            for sign, color in ((1, _SAME), (-1, _DIFFERENT)):
                shade = 0.12 + 0.12 * i
                ax.axvspan(sign * start, sign * end, color=color, alpha=min(shade, 0.8), lw=0)
                text = word.replace(" ", "\n")
                middle = sign * (start + end) / 2
                ax.text(middle, 0.36, text, ha="center", va="center", fontsize=8, color=RIGHT)
        ax.plot(decimal, 1.0, "v", color=RIGHT, markersize=10, clip_on=False)
        ax.plot([decimal, decimal], [0.7, 1], color=RIGHT, linewidth=1.5)
        ax.set(xlim=(-reach, reach), ylim=(0, 1), yticks=[])
        ticks = np.arange(-reach, reach + 1)
        ax.set_xticks(ticks, [f"{10 ** abs(int(tick)):,}" for tick in ticks], fontsize=8)
        ax.set_title(self.comparison.explanation.splitlines()[0], fontsize=10, pad=10)
        _name_sides(
            ax, "times likelier for different writers", "times likelier for the same writer"
        )
        ax.spines[:].set_color(NOTHING)


def _name_sides(ax: Any, left: str, right: str) -> None:
    """Say below an axis what its left and right halves mean."""
    ax.set_xlabel(f"\N{LEFTWARDS ARROW} {left}      {right} \N{RIGHTWARDS ARROW}", fontsize=8)
    ax.spines[:].set_color(NOTHING)


def _draw_side(ax: Any, images: Sequence[Image], room: tuple[float, float], name: str) -> None:
    """Images side by side, in as many columns as make them largest."""
    shown = [images[i] for i in range(min(len(images), _MOST_IMAGES))]
    widest = max(image.shape[1] for image in shown)
    highest = max(image.shape[0] for image in shown)

    def scale(columns: int) -> float:
        lines = ceil(len(shown) / columns)
        return min(room[0] / columns / widest, room[1] / lines / highest)

    columns = max(range(1, len(shown) + 1), key=scale)
    lines = ceil(len(shown) / columns)
    for i, image in enumerate(shown):
        line, column = divmod(i, columns)
        left = column * (1 + _GAP) * widest + (widest - image.shape[1]) / 2
        top = line * (1 + _GAP) * highest + (highest - image.shape[0]) / 2
        ax.imshow(
            image,
            cmap="gray",
            vmin=0,
            vmax=paper_level(image),
            extent=(left, left + image.shape[1], top + image.shape[0], top),
        )
    edge = _GAP * highest
    ax.set(
        xlim=(-edge, columns * (1 + _GAP) * widest - _GAP * widest + edge),
        ylim=(lines * (1 + _GAP) * highest - _GAP * highest + edge, -edge),
        xticks=[],
        yticks=[],
    )
    more = f", {len(shown)} of {len(images)} images" if len(images) > len(shown) else ""
    ax.set_title(f"{name}{more}", fontsize=9, loc="left")
    ax.spines[:].set_color(NOTHING)
