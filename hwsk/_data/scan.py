"""Scan images once: errors, sizes, levels of paper and ink.

`walk` is how every estimator and transformer goes over images: it names all bad rows in one error,
and in the end all remarks, each in one warning with its rows. `scan_images` is the pass before
training.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import Image
from hwsk._data.images import LazyImages, name_rows, some_rows
from hwsk._data.levels import FAINTEST, Levels, inverted_message
from hwsk._warn import warn_caller
from hwsk._wording import some_of

_MOST_NAMED = 5  # errors that one message repeats


@dataclass
class Remarks:
    """Collect remarks on images, by row; the same remark on many is reported once."""

    rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, row: int, said: Sequence[str]) -> None:
        """Note the remarks on an image."""
        for remark in said:
            self.rows.setdefault(remark, []).append(row)

    def warn(self, images: Any) -> None:
        """Issue a warning for each remark, with its rows and files."""
        for remark, rows in self.rows.items():
            warn_caller(
                f"{some_of(len(rows), len(images), 'images', remark)}"
                f", rows {name_rows(images, rows)}"
            )


Run = Callable[[Callable[[int], Any], int], Iterator[Any]]
"""Calls a function with 0 to n - 1 and yields the results in order."""


def run_here(function: Callable[[int], Any], n: int) -> Iterator[Any]:
    """Call a function with 0 to n - 1, in this process."""
    return map(function, range(n))


def walk(
    images: Any,
    prepare: Callable[[int, Image], Any] | None = None,
    *,
    remark: bool = True,
    run: Run = run_here,
) -> Generator[tuple[int, Any], None, None]:
    """Yield (row, image) of all images; in the end warn of all remarks.

    Parameters
    ----------
    images : LazyImages or sequence of ndarray
    prepare : callable, optional
        Takes row and image and returns what is yielded in place of the image.
    remark : bool
        Whether to warn.
    run : callable
        Decodes and prepares the images, maybe in other processes; see `Run`.

    Raises
    ------
    ValueError, FileNotFoundError
        If images can't be used. After the first that can't, nothing more is yielded: the others
        are only tried, and one error names all.
    """
    remarks = Remarks()
    errors: dict[int, Exception] = {}
    for row, tried in enumerate(run(partial(_try, images, prepare), len(images))):
        if tried.error is not None:
            errors[row] = tried.error
        elif not errors:
            remarks.add(row, tried.remarks)
            yield row, tried.prepared
    _raise_all(errors, len(images))
    if remark:
        remarks.warn(images)


class _Tried(NamedTuple):
    prepared: Any
    remarks: Sequence[str]
    error: Exception | None


def _try(images: Any, prepare: Callable[[int, Image], Any] | None, row: int) -> _Tried:
    try:
        image, said = images.decode(row) if hasattr(images, "decode") else (images[row], [])
        return _Tried(image if prepare is None else prepare(row, image), said, None)
    except (OSError, ValueError) as error:
        return _Tried(None, [], error)


def _raise_all(errors: dict[int, Exception], n: int) -> None:
    if len(errors) == 1:
        raise next(iter(errors.values()))
    if errors:
        named = [f"row {row}: {error}" for row, error in list(errors.items())[:_MOST_NAMED]]
        raise ValueError(
            f"{len(errors)} of {n} images can't be used, rows {some_rows(list(errors))}; "
            + "; ".join(named)
            + ("; ..." if len(errors) > len(named) else "")
        )


@dataclass
class Scan:
    """Hold the results of one pass over images; arrays have a row for each image.

    Parameters
    ----------
    shapes : ndarray of int64 of shape (n, 2)
        Heights and widths.
    is_float : ndarray of bool
        Whether values are floats rather than uint8.
    lows, highs, means : ndarray of float64
        Least, greatest and mean grey value.
    kept : list
        What `keep` made of each image; the images themselves without it.
    is_table : bool
        Whether they are rows of a table, whose values are free: nothing is warned of then.
    """

    shapes: NDArray[np.int64]
    is_float: NDArray[np.bool_]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    means: NDArray[np.float64]
    kept: list[Any]
    is_table: bool

    def __len__(self) -> int:
        return len(self.means)

    def span(self, rows: Any = slice(None)) -> tuple[float, float]:
        """Least and greatest value of the floats in some rows; at least 0 to 1, but for tables."""
        floats = self.is_float[rows]
        low = float(self.lows[rows][floats].min(initial=np.inf))
        high = float(self.highs[rows][floats].max(initial=-np.inf))
        if not floats.any():
            return 0.0, 1.0
        if not self.is_table:
            return min(low, 0.0), max(high, 1.0)
        return low, high if high > low else low + 1

    def learn_levels(self) -> Levels:
        """Find the values of paper and full ink, dark ink on light.

        Warns of another scale than 0 to 1 and of inverted images.
        """
        low, high = self.span()
        if low > -1e-4 and high < 1 + 1e-4:  # what resizing makes of 0 and 1 may be rounded beyond
            low, high = 0.0, 1.0
        elif not self.is_table:
            warn_caller(
                f"images of floats hold values from {low:g} to {high:g}, not 0 to 1: "
                f"{high:g} is taken as paper and {low:g} as full ink"
            )
        ink = self.ink((high, low))
        dark = np.flatnonzero(ink > 0.5)
        if len(dark) <= len(ink) / 2:  # most are light: name those that are clearly otherwise
            dark = np.flatnonzero(ink > 0.6)
        if len(dark) and not self.is_table:
            warn_caller(inverted_message(dark, len(self)))
        return high, low

    def ink(self, levels: Levels) -> NDArray[np.float64]:
        """The mean amount of ink in each image: 0 paper, 1 full ink."""
        return self._as_ink(self.means, levels)

    def blank_rows(self, levels: Levels) -> NDArray[np.intp]:
        """Rows of images whose darkest pixel is paper."""
        return np.flatnonzero(self._as_ink(self.lows, levels) <= FAINTEST)

    def _as_ink(self, values: NDArray[np.float64], levels: Levels) -> NDArray[np.float64]:
        paper, full = levels
        return np.where(self.is_float, (paper - values) / (paper - full), 1 - values / 255)


def scan_images(
    images: LazyImages, keep: Callable[[int, Image], Any] | None = None, run: Run = run_here
) -> Scan:
    """Go over all images once before training.

    Parameters
    ----------
    images : LazyImages
        As `check_images` gives them.
    keep : callable, optional
        Takes row and image and returns what to keep; the image itself by default. Its ValueError
        counts as the row's.
    run : callable
        As in `walk`.

    Raises
    ------
    ValueError, FileNotFoundError
        If images can't be used; one error names all.

    Warns
    -----
    UserWarning
        If there are remarks on images.
    """
    found = [measured for _, measured in walk(images, partial(_measure, keep), run=run)]
    shapes, is_float, levels, kept = zip(*found, strict=True)
    lows, highs, means = np.array(levels).T
    return Scan(
        np.array(shapes), np.array(is_float), lows, highs, means, list(kept), images.is_table
    )


def _measure(
    keep: Callable[[int, Image], Any] | None, row: int, image: Image
) -> tuple[tuple[int, ...], bool, tuple[float, ...], Any]:
    levels = float(image.min()), float(image.max()), float(image.mean())
    kept = image if keep is None else keep(row, image)
    return image.shape, image.dtype != np.uint8, levels, kept
