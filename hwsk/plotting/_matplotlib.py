"""Import matplotlib lazily, and define the colours of the displays."""

from __future__ import annotations

from typing import Any

RIGHT, WRONG, NOTHING = "#222222", "#d62728", "#999999"


def import_pyplot() -> Any:
    """Import `matplotlib.pyplot`, or say how to install it."""
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise ImportError(
            "hwsk.plotting needs matplotlib; install it with: pip install hwsk[plot]"
        ) from error
    return pyplot


def place_of(ax: Any) -> Any:
    """Take the place of axes in their figure's grid, to be divided; the axes are emptied."""
    place = ax.get_subplotspec()
    if place is None:
        raise ValueError("ax stands free in its figure; take one made by plt.subplots")
    ax.set_axis_off()
    return place
