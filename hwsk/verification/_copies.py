"""Name images that are nearly identical: copies of one, in another format or size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from hwsk.verification._inked import Inked, length_of

_ALIKE = 0.9  # correlation, that no two signatures by hand reach, and nearly all copies
_PROPORTION = 1.1  # times as long for its height as its original a copy may be


def name_copies(samples: Sequence[Inked]) -> list[str]:
    """Name each two samples that are nearly identical, whatever their format and size."""
    return [
        f"{one.name} and {other.name} are nearly identical (copies of one image?)"
        for one, other in combinations(samples, 2)
        if _are_copies(one, other)
    ]


def _are_copies(one: Inked, other: Inked) -> bool:
    if not one.ink.size or not other.ink.size:
        return False
    proportion = length_of(one.ink) / length_of(other.ink)
    if not 1 / _PROPORTION <= proportion <= _PROPORTION:
        return False
    return float(one.print @ other.print) >= _ALIKE
