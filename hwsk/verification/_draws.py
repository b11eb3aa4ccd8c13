"""Draw sides of samples, and pairs of them, to calibrate a comparison of sides on."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from hwsk._warn import collect_warnings, warn_caller
from hwsk._wording import some_of
from hwsk.model_selection import make_pairs

FEWEST_WRITERS = 10  # to calibrate for more than one image a side
_REPEATS = 10  # how often references are drawn of each writer

Rows = NDArray[np.intp]


class Draw(NamedTuple):
    """Sides, and the pairs of them that a calibration is learnt from."""

    sides: list[Rows]
    """The rows of the samples of each."""
    writers: Rows
    """Of each side; -1 of a forgery."""
    groups: Rows
    pairs: Rows
    same: NDArray[np.int64]
    weights: NDArray[np.float64] | None
    """Of the pairs; None counts all alike."""


def draw_sides(
    writers: Rows,
    groups: Rows | None,
    size: int,
    names: NDArray[Any],
    rng: np.random.RandomState,
    *,
    warn: bool,
) -> Draw | None:
    """Draw sides of so many samples, and as many positive as negative pairs of them.

    None, if too few writers have two sides of several samples. Raise, if no writer has two samples.
    """
    sides, of_writer, of_group = _cut_into_sides(writers, groups, size, rng)
    table = pd.DataFrame({"writer": of_writer, "group": of_group})
    n_groups = table.groupby("writer")["group"].nunique()
    able = n_groups.index[n_groups > 1]
    apart = "one sample" if groups is None else "samples of one group"
    if size > 1:
        if len(able) < FEWEST_WRITERS:
            return None
        kept = np.flatnonzero(np.isin(of_writer, able))
        sides, of_writer, of_group = [sides[i] for i in kept], of_writer[kept], of_group[kept]
    elif not len(able):
        raise ValueError(
            f"each of the {len(n_groups)} writers to calibrate on has {apart}, so "
            "that no pair by the same writer can be made"
        )
    elif len(able) < len(n_groups) and warn:
        alone = names[n_groups.index[n_groups == 1]].tolist()
        warn_caller(
            f"{some_of(len(alone), len(n_groups), 'writers to calibrate on', f'have {apart}')}"
            f", such as {alone[0]!r}: of these there are only pairs by different writers",
        )
    with collect_warnings():  # of the same, in other words
        pairs, same = make_pairs(
            of_writer,
            groups=of_group,
            positives="across_groups",
            balanced=True,
            random_state=rng,
        )
    return Draw(sides, of_writer, of_group, pairs, same, None)


def draw_questioned(
    writers: Rows, forged: NDArray[np.bool_], size: int, rng: np.random.RandomState
) -> Draw | None:
    """Draw so many references of each writer who was forged, and pair each other sample with them.

    Each writer counts the same, as many genuine as forged samples. None, if too few writers have
    more genuine samples than that. Raise, if no writer has two, and a forgery.
    """
    sides: list[Rows] = []
    whose: list[int] = []
    pairs: list[tuple[int, int]] = []
    kinds: list[tuple[int, int]] = []
    for _ in range(_REPEATS):
        for writer in np.unique(writers[forged]):
            own = rng.permutation(np.flatnonzero((writers == writer) & ~forged))
            if len(own) <= size:
                continue
            asked = np.concatenate([own[size:], np.flatnonzero((writers == writer) & forged)])
            pairs += [(len(sides) + 1 + i, len(sides)) for i in range(len(asked))]
            kinds += [(int(writer), int(fake)) for fake in forged[asked]]
            sides += [own[:size], *asked[:, np.newaxis]]
            whose += [int(writer), *np.where(forged[asked], -1, writer).tolist()]
    n_writers = len({writer for writer, _ in kinds})
    if size == 1 and not n_writers:
        raise ValueError(
            "no writer to calibrate on has two genuine samples and a forgery, of which "
            "genuine and forged pairs are made"
        )
    if size > 1 and n_writers < FEWEST_WRITERS:
        return None
    number, counts = np.unique(kinds, axis=0, return_inverse=True, return_counts=True)[1:]
    weights = 1 / counts[number.ravel()]
    return Draw(
        sides,
        np.array(whose, np.intp),
        np.arange(len(sides)),
        np.array(pairs, np.intp),
        1 - np.array(kinds, np.int64)[:, 1],
        weights * len(weights) / weights.sum() / _REPEATS,
    )


def _cut_into_sides(
    writers: Rows, groups: Rows | None, size: int, rng: np.random.RandomState
) -> tuple[list[Rows], Rows, Rows]:
    """Cut the samples of each writer and group into sets of a size; their writers and groups.

    Without groups, each set is its own.
    """
    together = np.zeros_like(writers) if groups is None else groups
    sides: list[Rows] = []
    whose: list[tuple[int, int]] = []
    for writer, group in np.unique(np.column_stack([writers, together]), axis=0):
        rows = rng.permutation(np.flatnonzero((writers == writer) & (together == group)))
        n_sides = len(rows) // size
        if n_sides:
            sides += np.split(rows[: n_sides * size], n_sides)
            whose += [(writer, group)] * n_sides
    of_writer, of_group = np.array(whose, dtype=np.intp).reshape(-1, 2).T
    return sides, of_writer, np.arange(len(sides)) if groups is None else of_group
