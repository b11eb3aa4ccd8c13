"""Limit parameters that ask for memory or time, whoever sets them: a call or a model file.

The limits are far above what handwriting needs. They stand in `_parameter_constraints`, so `fit`,
`hwsk.save` and `hwsk.load` refuse the same values.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval

SIDE = 10_000
"""Pixels of a side of what an image is brought to."""
UNITS = 65_536
"""Units, filters, clusters or dimensions of one layer."""
LAYERS = 100
NGRAM = 32
"""Characters or words of an n-gram that is counted."""
COPIES = 1_000
"""Changed copies of an image, or images of a sample."""
BATCH = 1_000_000
"""Samples of a batch, or beams of a search."""
JOBS = 512
"""Processes; -1 is one for each processor, however many there are."""


def whole(least: int, most: int) -> Interval:
    """Constrain a parameter to whole numbers, both ends included."""
    return Interval(Integral, least, most, closed="both")


def upto(most: float) -> Interval:
    """Constrain a parameter to positive numbers."""
    return Interval(Real, 0, most, closed="right")


N_JOBS = [whole(-JOBS, JOBS), None]


def check_sides(name: str, value: Any) -> tuple[int, int]:
    """Return a height and a width in pixels, or raise ValueError for anything else."""
    sides = tuple(value)
    if len(sides) != 2 or not all(
        isinstance(side, (int, np.integer)) and 1 <= side <= SIDE for side in sides
    ):
        raise ValueError(
            f"{name}={value!r:.200}: it is a height and a width, whole numbers from 1 to {SIDE}"
        )
    return int(sides[0]), int(sides[1])


UPLOAD_BYTES = 64_000_000
"""Bytes of one request to the studio, all files together."""
UPLOAD_PIXELS = 60_000_000
"""Pixels of a page that the studio takes: A3 at 400 dpi has 31 million."""
UPLOAD_PAGES = 50
"""Pages of one file that the studio takes."""
