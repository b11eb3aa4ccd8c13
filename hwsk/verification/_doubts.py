"""Keep the looks of the samples of a calibration, and name samples that look otherwise."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk._warn import collect_warnings, warn_caller
from hwsk._wording import count
from hwsk.verification._joined import find_longest, name_joined
from hwsk.verification._sides import Side, are_strokes
from hwsk.verification._typicality import find_ranges, name_unusual

_MOST_NAMED = 3  # images that a warning about many pairs names


class TypicalSamplesMixin:
    """Know which looks the samples of the calibration had: what compares signatures takes no page.

    Scores of other samples are numbers like all others, and a calibration does not hold for them.
    """

    sample_ranges_: NDArray[np.float64] | None
    longest_shape_: float | None

    def _learn_looks(
        self,
        images: Any,
        writers: NDArray[np.intp] | None = None,
        forged: NDArray[np.bool_] | None = None,
    ) -> None:
        """Keep the looks of the images of a calibration; of strokes, tiny and few ones none."""
        with collect_warnings():  # they were given when the images were scored
            self.sample_ranges_ = None if images is None else find_ranges(images)
            self.longest_shape_ = None
            if self.sample_ranges_ is not None and writers is not None and forged is not None:
                self.longest_shape_ = find_longest(images, writers, forged)

    def _name_doubtful(self, sides: Sequence[Side]) -> list[str]:
        """Name images that look otherwise, or, of two sides, like two samples of the other side."""
        doubts = self._name_unusual(sides)
        longest = getattr(self, "longest_shape_", None)
        if longest is None or doubts or len(sides) != 2:  # of several known writers, shapes differ
            return doubts
        return name_joined(sides, longest)

    def _warn_of_unusual(self, sides: Iterable[Side]) -> None:
        """Warn of images that look otherwise; the first ones are named."""
        doubts = self._name_unusual(sides)
        if doubts:
            more = len(doubts) - _MOST_NAMED
            rest = f"; and {count(more, 'more image')}" if more > 0 else ""
            warn_caller(
                f"{count(len(doubts), 'image')} of the pairs, for which no result holds, "
                f"{'is' if len(doubts) == 1 else 'are'} unlike those of the calibration: "
                f"{'; '.join(doubts[:_MOST_NAMED])}{rest}"
            )

    def _name_unusual(self, sides: Iterable[Side]) -> list[str]:
        ranges = getattr(self, "sample_ranges_", None)  # a file of before has none
        if ranges is None:
            return []
        with collect_warnings():  # they are given when the images are compared
            return name_unusual(sides, ranges)

    def _images_of(self, sides: Sequence[Side]) -> list[Side]:
        """Return the images of each side, as they are to be looked at; none of strokes."""
        if any(are_strokes(sample) for _, samples in sides for sample in samples):
            return []
        return list(sides)
