"""Keep the looks of the samples of a calibration, and name samples that look otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk._warn import collect_warnings, warn_caller
from hwsk._wording import count
from hwsk.verification._copies import name_copies
from hwsk.verification._inked import Inked, take_ink
from hwsk.verification._joined import find_longest, name_joined
from hwsk.verification._sides import Side, are_strokes
from hwsk.verification._typicality import find_ranges, name_unusual

_MOST_NAMED = 3  # images, or pairs, that a warning names


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
        """Name images that look otherwise, copies, and, of two sides, images of two samples."""
        ranges = getattr(self, "sample_ranges_", None)  # a file of before has none
        if ranges is None or not sides:
            return []
        with collect_warnings():  # they are given when the images are compared
            inked = take_ink(sides)
        samples = [sample for side in inked for sample in side]
        doubts = name_unusual(samples, ranges)
        if not doubts and len(sides) == 2:  # of several known writers, shapes differ
            doubts += self._name_joined(*inked)
        return doubts + name_copies(samples)

    def _warn_of_unusual(self, sides: Sequence[Side], rows: NDArray[np.intp]) -> None:
        """Warn of images of pairs that no result holds for; the first ones are named.

        Parameters
        ----------
        sides : list of Side
            The entries of pairs, each once.
        rows : ndarray of shape (n_pairs, 2)
            The two entries of each pair.
        """
        ranges = getattr(self, "sample_ranges_", None)
        if ranges is None or not sides:
            return
        with collect_warnings():  # they are given when the images are compared
            inked = take_ink(sides)
        unusual = [name_unusual(samples, ranges) for samples in inked]
        doubts = [doubt for of_entry in unusual for doubt in of_entry]
        if doubts:
            warn_caller(
                f"{count(len(doubts), 'image')} of the pairs, for which no result holds, "
                f"{'is' if len(doubts) == 1 else 'are'} unlike those of the calibration: "
                f"{_list_first(doubts, 'more image')}"
            )
        of_pairs = []
        for one, other in np.unique(np.sort(rows, axis=1), axis=0).tolist():
            if unusual[one] or unusual[other]:
                continue
            found = self._name_joined(inked[one], inked[other])
            found += name_copies([*inked[one], *inked[other]])
            of_pairs += ["; ".join(found)] if found else []
        if of_pairs:
            warn_caller(
                f"no result holds for {count(len(of_pairs), 'pair')}: "
                f"{_list_first(of_pairs, 'more pair')}"
            )

    def _name_joined(self, one: Sequence[Inked], other: Sequence[Inked]) -> list[str]:
        longest = getattr(self, "longest_shape_", None)
        return [] if longest is None else name_joined(one, other, longest)

    def _images_of(self, sides: Sequence[Side]) -> list[Side]:
        """Return the images of each side, as they are to be looked at; none of strokes."""
        if any(are_strokes(sample) for _, samples in sides for sample in samples):
            return []
        return list(sides)


def _list_first(doubts: Sequence[str], more: str) -> str:
    """List the first doubts, and count the others."""
    left = len(doubts) - _MOST_NAMED
    rest = f"; and {count(left, more)}" if left > 0 else ""
    return "; ".join(doubts[:_MOST_NAMED]) + rest
