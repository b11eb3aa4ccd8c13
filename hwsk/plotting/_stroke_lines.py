"""Draw lines of pen strokes: what the plots of them share."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from hwsk._data.strokes import check_sample
from hwsk.plotting._matplotlib import import_pyplot, place_of
from hwsk.preprocessing._stroke_transformer import to_points

Strokes = NDArray[np.float32]
_WIDTHS = (5.0, 10.0)  # inches: of a short word, of a line
_POINTS_AN_INCH = 60
_MOST_HIGH = 2.5  # inches, for the strokes
TURNS = ["#0072b2", "#d55e00", "#009e73"]  # of three in turn, two neighbours never look the same
MOST_SHOWN = 95.0  # percentile of what is seen, at which colours end


def last_step(estimator: Any) -> Any:
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def before_last(estimator: Any, sample: Any) -> Any:
    """A text or line as the last step of a pipeline is given it."""
    if not isinstance(estimator, Pipeline) or len(estimator) == 1:
        return sample
    return estimator[:-1].transform([sample])[0]


def check_text(text: Any) -> str:
    if not isinstance(text, str):
        raise ValueError(f"text is {text!r:.60}; one line is drawn: pass one string")
    if not text.strip():
        raise ValueError("text is empty: it is what the strokes say")
    return unicodedata.normalize("NFC", text)


def check_line(strokes: Any) -> Strokes:
    if isinstance(strokes, (list, tuple, np.ndarray)) and len(strokes) and np.ndim(strokes[0]) == 2:
        raise ValueError(
            f"strokes is a collection of {len(strokes)} lines; one line is drawn: pass one of "
            "them, of shape (T, 3)"
        )
    line = check_sample(strokes, "strokes")
    if len(line) < 2:
        raise ValueError("strokes have a single point, and no next one to plot")
    return line


def figure_width(line: Strokes) -> float:
    """Inches for all points of a line side by side."""
    return float(np.clip(len(line) / _POINTS_AN_INCH, *_WIDTHS))


def ink_height(line: Strokes, width: float) -> float:
    """Inches, where the line is so wide."""
    extent = np.ptp(to_points(line), axis=0)
    return float(np.clip(1.2 * width * extent[1] / max(extent[0], 1e-9), 0.6, _MOST_HIGH))


def make_axes(ax: Any, width: float, heights: Sequence[float]) -> tuple[Any, NDArray[Any]]:
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


def draw_ink(ax: Any, line: Strokes, colors: Any, linewidth: float) -> None:
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
