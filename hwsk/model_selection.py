"""Make pairs of samples, and split them so that no writer is on both sides."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.model_selection import BaseCrossValidator, KFold
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils.random import sample_without_replacement

from hwsk._data.seeds import own_generator
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.metrics._retrieval import _codes
from hwsk.metrics._verification import _check_forged

__all__ = ["WriterDisjointPairSplit", "make_pairs"]


@validate_params(
    {
        "writers": ["array-like"],
        "forged": ["array-like", None],
        "groups": ["array-like", None],
        "positives": [StrOptions({"all", "within_groups", "across_groups"})],
        "negatives": [StrOptions({"all", "random", "skilled"})],
        "n_pairs": [Interval(Integral, 2, None, closed="left"), None],
        "balanced": ["boolean"],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def make_pairs(
    writers: ArrayLike,
    *,
    forged: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    positives: str = "all",
    negatives: str = "all",
    n_pairs: int | None = None,
    balanced: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Make pairs of samples, labelled by whether the same writer wrote both.

    Two genuine samples of one writer are a pair by the same writer. Genuine samples of different
    writers are not (a *random forgery* in the field's words), nor are a genuine sample and a
    forgery of it (a *skilled forgery*). Two forgeries never make a pair, nor do a forgery and a
    sample of another writer.

    Parameters
    ----------
    writers : array-like of shape (n_samples,)
        Who wrote each sample; of a forgery, who is imitated.
    forged : array-like of bool of shape (n_samples,), default=None
        Which samples are forgeries. None: all are genuine.
    groups : array-like of shape (n_samples,), default=None
        What samples of one writer have in common, as a rule the page.
    positives : {"all", "within_groups", "across_groups"}, default="all"
        Which pairs by the same writer: all, those of one page (which share its pen and paper), or
        those of two pages. Other pairs are not changed by it.
    negatives : {"all", "random", "skilled"}, default="all"
        Which pairs by different writers: random forgeries, skilled ones, or all.
    n_pairs : int, default=None
        How many pairs to draw, without replacement. None takes all.
    balanced : bool, default=False
        Whether to draw as many pairs by the same writer as by different ones, and of these as many
        skilled as random forgeries where there are enough of both. With `n_pairs=None`, as many
        as the smaller class has.
    random_state : int, RandomState instance or None, default=None
        Decides what is drawn, and the order of the pairs.

    Returns
    -------
    pairs : ndarray of shape (n_pairs, 2)
        The row numbers of both samples; of a skilled forgery the genuine one comes first.
    y : ndarray of int64 of shape (n_pairs,)
        1 for positive pairs (same writer), 0 for negative pairs. The kinds are in random order.

    Raises
    ------
    ValueError
        If lengths differ, a value is missing, one of the two classes would be empty, or there are
        fewer pairs than asked for.

    Warns
    -----
    UserWarning
        If writers have no pair of their own, as a rule since they have one sample; the message
        counts them. They are in pairs with others.

    See Also
    --------
    WriterDisjointPairSplit : Cross-validation over pairs.
    hwsk.metrics.equal_error_rate : Error rate of a verifier over pairs.

    Notes
    -----
    No pair comes twice, in either order. Pairs that are not drawn take no memory.

    Examples
    --------
    >>> from hwsk.model_selection import make_pairs
    >>> writers = ["Ada", "Ada", "Bob", "Bob", "Ada"]
    >>> forged = [False, False, False, False, True]
    >>> pairs, y = make_pairs(writers, forged=forged, random_state=0)
    >>> sorted(pairs[y == 1].tolist())
    [[0, 1], [2, 3]]
    >>> sorted(pairs[y == 0].tolist())
    [[0, 2], [0, 3], [0, 4], [1, 2], [1, 3], [1, 4]]
    """
    same, skilled, random = _all_pairs(writers, forged, groups, positives, negatives)
    n_same, n_skilled, n_random = map(len, (same, skilled, random))
    n_different = n_skilled + n_random
    rng = own_generator(random_state)
    if balanced:
        wanted = 2 * min(n_same, n_different) if n_pairs is None else n_pairs
        take = wanted // 2
        for count, least, what in (
            (n_same, take, "the same writer"),
            (n_different, wanted - take, "different writers"),
        ):
            if count < least:
                raise ValueError(
                    f"n_pairs={n_pairs} of both kinds alike is {least} pairs by {what}, and there "
                    f"are {count}"
                )
        half = min(n_skilled, (wanted - take + 1) // 2)
        n_others = min(n_random, wanted - take - half)
        drawn = [
            kind.take(sample_without_replacement(len(kind), count, random_state=rng))
            for kind, count in (
                (same, take),
                (skilled, wanted - take - n_others),
                (random, n_others),
            )
            if count
        ]
        return _shuffle(np.concatenate(drawn), np.repeat([1, 0], [take, wanted - take]), rng)
    total = n_same + n_different
    if n_pairs is None:
        rows = np.arange(total)
    elif n_pairs > total:
        raise ValueError(f"n_pairs={n_pairs}, and there are {total} pairs")
    else:
        rows = np.sort(sample_without_replacement(total, n_pairs, random_state=rng))
    cuts = np.searchsorted(rows, [n_same, n_same + n_skilled])
    parts = np.split(rows, cuts)
    pairs = [
        kind.take(part - before)
        for kind, part, before in zip(
            (same, skilled, random), parts, (0, n_same, n_same + n_skilled), strict=True
        )
    ]
    y = (rows < n_same).astype(np.int64)
    if y.all() or not y.any():
        kind, count = ("different writers", n_different) if y.all() else ("the same writer", n_same)
        raise ValueError(
            f"none of the n_pairs={n_pairs} pairs drawn from {total} is by {kind} ({count} are): "
            "draw more, or pass balanced=True"
        )
    return _shuffle(np.concatenate(pairs), y, rng)


def _shuffle(
    pairs: NDArray[np.intp], y: NDArray[np.int64], rng: np.random.RandomState
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Put pairs of all kinds in random order: folds that are runs of rows need both kinds."""
    order = rng.permutation(len(y))
    return pairs[order], y[order]


@dataclass(frozen=True)
class _Pairs:
    """Pairs that are numbered, and made when they are asked for.

    Each row of `rows` is paired with a run of `partners`, from `starts` to before `stops`.
    """

    rows: NDArray[np.intp]
    partners: NDArray[np.intp]
    starts: NDArray[np.intp]
    stops: NDArray[np.intp]

    @property
    def lengths(self) -> NDArray[np.intp]:
        return self.stops - self.starts

    def __len__(self) -> int:
        return int(self.lengths.sum())

    def take(self, numbers: NDArray[np.intp]) -> NDArray[np.intp]:
        ends = np.cumsum(self.lengths)
        row = np.searchsorted(ends, numbers, side="right")
        place = self.stops[row] - (ends[row] - numbers)
        return np.stack([self.rows[row], self.partners[place]], axis=1)


def _all_pairs(
    writers: Any, forged: Any, groups: Any, positives: str, negatives: str
) -> tuple[_Pairs, _Pairs, _Pairs]:
    """The pairs by the same writer, and skilled and random forgeries."""
    writer = _codes(writers, "writers")
    group = np.zeros_like(writer) if groups is None else _codes(groups, "groups")
    check_consistent_length(writer, group)
    is_forged = _check_forged(forged, len(writer))
    if positives != "all" and groups is None:
        raise ValueError(f"positives={positives!r} needs groups: the page of each sample")
    if negatives == "skilled" and not is_forged.any():
        raise ValueError("negatives='skilled', and no sample is forged")

    # By writer and page, so that all partners of a sample stand side by side.
    genuine, fakes = np.flatnonzero(~is_forged), np.flatnonzero(is_forged)
    genuine = genuine[np.lexsort((group[genuine], writer[genuine]))]
    fakes = fakes[np.argsort(writer[fakes], kind="stable")]
    place, nothing = np.arange(len(genuine)), np.zeros(len(genuine), np.intp)
    hand, page = writer[genuine], group[genuine]
    writer_ends = np.searchsorted(hand, hand, side="right")
    key = hand * (group.max(initial=0) + 1) + page
    group_ends = np.searchsorted(key, key, side="right")

    starts = group_ends if positives == "across_groups" else place + 1
    stops = group_ends if positives == "within_groups" else writer_ends
    same = _Pairs(genuine, genuine, starts, stops)
    skilled = random = _Pairs(genuine, genuine, nothing, nothing)
    if negatives != "random":
        sides = [np.searchsorted(writer[fakes], hand, side=side) for side in ("left", "right")]
        skilled = _Pairs(genuine, fakes, sides[0], sides[1])
    if negatives != "skilled":
        random = _Pairs(genuine, genuine, writer_ends, np.full(len(genuine), len(genuine)))

    place_of = "two groups" if positives == "across_groups" else "one group"
    where = "" if positives == "all" else f" in {place_of}"
    n_writers = len(np.unique(writer))
    alone = n_writers - len(np.unique(hand[same.lengths > 0]))
    if alone == n_writers:
        raise ValueError(f"no writer has two genuine samples{where}: no pair is by the same writer")
    if not len(skilled) and not len(random):
        raise ValueError(
            "negatives='skilled', and no forged sample has a genuine one of its writer"
            if negatives == "skilled"
            else "all genuine samples are by one writer: no pair is by different writers"
        )
    if alone:
        warn_caller(
            f"{some_of(alone, n_writers, 'writers', f'have no two genuine samples{where}')}: in no "
            "pair by the same writer",
        )
    return same, skilled, random


class WriterDisjointPairSplit(BaseCrossValidator):
    """Split pairs for cross-validation with no writer on both sides.

    The writers are cut into folds. Pairs with both writers in a fold are its test set, pairs with
    neither its training set, and pairs with one of each are left out: a verifier would meet in
    the test a writer whom it was trained on.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds.
    shuffle : bool, default=False
        Whether to shuffle the writers before they are cut into folds; else they are taken in
        sorted order.
    random_state : int, RandomState instance or None, default=None
        Decides the shuffling.

    See Also
    --------
    make_pairs : Pairs from samples with writers.
    sklearn.model_selection.GroupKFold : The same for single samples.

    Notes
    -----
    `groups` is an array of shape (n_pairs, 2), the writers of both sides of each pair, as
    scikit-learn's functions pass it on: `cross_val_score(..., groups=writers[pairs], cv=...)`.
    Of a skilled forgery both sides are the writer who is imitated.

    Of pairs of different writers, a fold tests about one in `n_splits ** 2`, and leaves out
    `2 / n_splits * (1 - 1 / n_splits)`: 32% with five folds; `count_left_out` counts them. Pairs
    within a writer are never left out. So the share of pairs by the same writer is higher in the
    test set than in all pairs.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.model_selection import WriterDisjointPairSplit, make_pairs
    >>> writers = np.repeat(["Ada", "Bob", "Eva", "Tom"], 2)
    >>> pairs, y = make_pairs(writers)
    >>> cv = WriterDisjointPairSplit(n_splits=2)
    >>> for train, test in cv.split(pairs, y, writers[pairs]):
    ...     print(np.unique(writers[pairs[train]]), np.unique(writers[pairs[test]]))
    ['Eva' 'Tom'] ['Ada' 'Bob']
    ['Ada' 'Bob'] ['Eva' 'Tom']
    >>> len(pairs), cv.count_left_out(writers[pairs])
    (28, array([16, 16]))
    """

    # With metadata routing, groups are asked for without set_split_request (as GroupKFold does).
    __metadata_request__split = {"groups": True}

    def __init__(
        self, n_splits: int = 5, *, shuffle: bool = False, random_state: Any = None
    ) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Get the number of folds.

        Parameters
        ----------
        X : object
            Not used.
        y : object
            Not used.
        groups : object
            Not used.

        Returns
        -------
        int
            The number of folds.
        """
        return self.n_splits

    def split(
        self, X: Any, y: Any = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Give the training and test pairs of each fold.

        Parameters
        ----------
        X : array-like of shape (n_pairs, ...)
            The pairs, of which only the number counts.
        y : array-like of shape (n_pairs,), default=None
            Labels, of which only the number counts.
        groups : array-like of shape (n_pairs, 2)
            The writers of both sides of each pair.

        Yields
        ------
        train : ndarray of int
            Numbers of the pairs without a writer of the fold.
        test : ndarray of int
            Numbers of the pairs with both writers from the fold.

        Raises
        ------
        ValueError
            If shapes don't fit, there are fewer writers than folds, or a side has no pair.
        """
        if groups is None:
            raise ValueError("groups is missing: pass the writers of both sides of each pair")
        check_consistent_length(X, y, groups)
        for number, inside in enumerate(self._inside(groups)):
            train, test = np.flatnonzero(inside == 0), np.flatnonzero(inside == 2)
            for rows, name in ((train, "training"), (test, "test")):
                if not len(rows):
                    raise ValueError(
                        f"no pair is left for the {name} set of fold {number}: make more pairs, "
                        f"or fewer folds than {self.n_splits}"
                    )
            yield train, test

    def count_left_out(self, groups: Any) -> NDArray[np.int64]:
        """Count the pairs that are neither trained nor tested on, since they have a writer of each.

        Parameters
        ----------
        groups : array-like of shape (n_pairs, 2)
            The writers of both sides of each pair.

        Returns
        -------
        ndarray of shape (n_splits,)
            The number for each fold. With `shuffle=True`, those of the folds of `split` if
            `random_state` is an integer.
        """
        return np.array([(inside == 1).sum() for inside in self._inside(groups)])

    def _inside(self, groups: Any) -> Iterator[NDArray[np.int64]]:
        """For each fold, how many of the two writers of each pair are its own."""
        table = np.asarray(groups)
        if table.ndim != 2 or table.shape[1] != 2:
            raise ValueError(
                f"groups has shape {table.shape}; it should be (n_pairs, 2), with the writers of "
                "both sides of each pair"
            )
        codes, names = pd.factorize(table.ravel(), sort=True)
        if (codes < 0).any():
            raise ValueError(f"groups has no value in row {np.flatnonzero(codes < 0)[0] // 2}")
        if len(names) < self.n_splits:
            raise ValueError(f"n_splits={self.n_splits}, and the pairs have {len(names)} writers")
        folds = KFold(self.n_splits, shuffle=self.shuffle, random_state=self.random_state)
        for _, chosen in folds.split(names):
            mine = np.zeros(len(names), np.int64)
            mine[chosen] = 1
            yield mine[codes].reshape(-1, 2).sum(axis=1)
