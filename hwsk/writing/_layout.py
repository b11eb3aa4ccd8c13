"""Divide sheets of paper into the places of lines (`Layout`)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZES = {"a4": (210.0, 297.0), "a5": (148.0, 210.0), "letter": (215.9, 279.4)}
RULINGS = ("none", "lined", "squared")
_BASELINE = 0.65  # of the room of a line lies above its baseline
_SHORTEST = 5  # x-heights: the least width of a column


class Place(NamedTuple):
    """Where a line is written: lengths in millimetres."""

    sheet: int
    left: float
    baseline: float


class Layout:
    """Give each line its place on a sheet.

    Parameters
    ----------
    size : {"a4", "a5", "letter"} or (float, float)
    margin : float or (float, float, float, float)
        Of all sides, or of the top, right, bottom and left.
    line_height : float
    x_height : float
    columns : int
    gutter : float
        Between columns.
    letterhead : float
        Free paper at the top of the first sheet, beside the margin; in whole lines, so that all
        sheets have the same rulings.
    """

    def __init__(
        self,
        size: str | tuple[float, float],
        margin: float | Sequence[float],
        line_height: float,
        x_height: float,
        columns: int,
        gutter: float,
        letterhead: float,
    ) -> None:
        self.size = SIZES[size] if isinstance(size, str) else size
        check_size(self.size)
        self._top, right, bottom, self._left = _four(margin)
        self._line_height, self._columns, self._gutter = line_height, columns, gutter
        across = self.size[0] - self._left - right
        self.width = (across - gutter * (columns - 1)) / columns
        down = self.size[1] - self._top - bottom
        self._rows = int(down // line_height)
        self._rows_above = math.ceil(letterhead / line_height)
        if self._rows <= self._rows_above or self.width < _SHORTEST * x_height:
            room = f"{self.width:g} x {down - self._rows_above * line_height:g} mm"
            of = f"of each of {columns} columns" if columns > 1 else "of a sheet"
            raise ValueError(
                f"no line fits: margins of {margin} leave {room} {of}, for lines {line_height:g} "
                f"apart with an x-height of {x_height:g}"
            )

    def place(self, number: int) -> Place:
        """Return the place of a line: down the columns of a sheet, then on to the next sheet."""
        rows = self._rows - self._rows_above
        sheet, above = 0, self._rows_above
        if number >= self._columns * rows:
            sheet, number = divmod(number - self._columns * rows, self._columns * self._rows)
            sheet, rows, above = sheet + 1, self._rows, 0
        column, row = divmod(number, rows)
        left = self._left + column * (self.width + self._gutter)
        return Place(sheet, left, self._level(row + above))

    def _level(self, row: float) -> float:
        return self._top + (row + _BASELINE) * self._line_height

    def rules(self, ruling: str) -> list[NDArray[np.float64]]:
        """Straight lines (2, 2) printed on each sheet: at baselines, or squares of half a line."""
        width, height = self.size
        step = self._line_height / (2 if ruling == "squared" else 1)
        base = self._level(0)
        if ruling == "none":
            return []
        if ruling == "lined":
            levels = [self._level(row) for row in range(self._rows)]
            return [np.array([[0, y], [width, y]]) for y in levels]
        levels = np.arange(base % step, height, step).tolist()
        across = np.arange(self._left % step, width, step).tolist()
        return [np.array([[0, y], [width, y]]) for y in levels] + [
            np.array([[x, 0], [x, height]]) for x in across
        ]


def check_size(size: Any) -> None:
    """Refuse a size that is not a width and a height."""
    sides = _lengths(size)
    if sides.shape != (2,) or not (np.isfinite(sides) & (sides > 0)).all():
        raise ValueError(f"size is {size}; it is a width and a height in millimetres")


def _four(margin: Any) -> tuple[float, float, float, float]:
    sides = _lengths(margin)
    if sides.shape not in ((), (4,)) or not (np.isfinite(sides) & (sides >= 0)).all():
        raise ValueError(
            f"margin is {margin}; it is a length in millimetres, or four: top, right, bottom, left"
        )
    top, right, bottom, left = np.broadcast_to(sides, 4).tolist()
    return top, right, bottom, left


def _lengths(given: Any) -> NDArray[Any]:
    """Numbers as an array, which is empty for anything else."""
    lengths = np.asarray(given)
    return lengths if lengths.dtype.kind in "iuf" else np.array([])
