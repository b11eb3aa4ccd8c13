"""Calibrate comparisons of sides, and score, doubt and explain them (for `HandComparer`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import validate_data

from hwsk._data.pairs import Pairs
from hwsk._warn import warn_caller
from hwsk.verification._candidates import fit_search
from hwsk.verification._draws import Draw, draw_questioned, draw_sides
from hwsk.verification._pair_classifier import PairClassifierMixin
from hwsk.verification._parts import Described, MatchedImages, Vectors, describe, own_pairs
from hwsk.verification._places import PlacesOfPair
from hwsk.verification._references import split_references
from hwsk.verification._representation import description_parameters, parts_of, shared_steps
from hwsk.verification._sides import Side, unfold

_SHRINKAGE = 0.5  # counted beside what was found, and beside what chance would bring
_LOWEST = float(np.finfo(np.float64).min)
_ODD_SHARE = 0.01  # of sides by one writer, that look like those of two
MEAN_OF_RATIOS = (1.0, -1.0, 0.0)  # as `search_coef_`
_MOST_PICTURES = 12  # pairs of images whose matched places are kept


class Compared(NamedTuple):
    """Hold distances and scores of pairs of sides."""

    described: list[Described]
    """The samples, for each part."""
    sides: list[NDArray[np.intp]]
    """The rows of the samples of each side."""
    distances: NDArray[np.float64]
    """Of each pair, a column for each part."""
    sizes: NDArray[np.intp]
    """For each pair, which row of the calibration was taken."""
    scores: NDArray[np.float64]
    limits: NDArray[np.float64]


class SideComparison(PairClassifierMixin):
    """Score pairs of sides by the distances of all parts: one logistic function a number of images.

    A subclass has the parameter `n_images`, and once fitted `representation_`, `part_names_` and
    `feature_names_`.
    """

    n_images: int
    representation_: Any
    part_names_: list[str]
    feature_names_: list[str]

    _calibrates_probabilities = False
    _calibrated_by = "fit"
    _of_forgeries = False  # of files of before
    _of_table: bool

    def _calibrate(
        self,
        described: list[Described],
        names: NDArray[Any],
        writers: NDArray[np.intp],
        groups: NDArray[np.intp] | None,
        forged: NDArray[np.bool_],
        rng: np.random.RandomState,
    ) -> None:
        """Learn what distances and features mean, for each number of images a side."""
        coefficients, intercepts, typical, limits = [], [], [], []
        features: list[tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]] = []
        draws: list[Draw] = []
        for size in range(1, self.n_images + 1):
            if self._of_forgeries:
                draw = draw_questioned(writers, forged, size, rng)
            else:
                draw = draw_sides(writers, groups, size, names, rng, warn=not self._of_table)
            if draw is None:
                break
            distances = _distances(described, draw.sides, draw.pairs)
            spread = np.maximum(distances.std(axis=0), 1e-12)  # the penalty is then of no scale
            logistic = LogisticRegression()
            logistic.fit(distances / spread, draw.same, sample_weight=draw.weights)
            coefficients.append(logistic.coef_[0] / spread)
            intercepts.append(logistic.intercept_[0])
            medians = [np.median(distances[draw.same == one], axis=0) for one in (1, 0)]
            typical.append(np.column_stack(medians))
            limits.append(np.log(len(np.unique(draw.writers[draw.writers >= 0]))))
            features.append(_feature_ratios(self.representation_, described, draw))
            draws.append(draw)
        self.coef_, self.intercept_ = np.array(coefficients), np.array(intercepts)
        self.typical_distances_, self.limits_ = np.array(typical), np.array(limits)
        self.feature_ratios_, self.feature_shares_ = (
            [np.array(of_sizes) for of_sizes in zip(*of_kind, strict=True)]
            for of_kind in zip(*features, strict=True)
        )
        self.least_alike_ = np.array([self._least_alike(described, draw) for draw in draws])

        def score(size: int, pairs: NDArray[np.intp]) -> NDArray[np.float64]:
            distances = _distances(described, draws[size].sides, pairs)
            return distances @ self.coef_[size] + self.intercept_[size]

        if self._of_forgeries:  # ratios are against forgers, of whom a search would have to know
            self.search_coef_ = np.tile(MEAN_OF_RATIOS, (len(draws), 1))
            return
        self.search_coef_ = np.array(
            [
                fit_search(partial(score, size), draw.writers, draw.groups, rng)
                for size, draw in enumerate(draws)
            ]
        )

    def _least_alike(self, described: list[Described], draw: Draw) -> float:
        """Return the score of the two groups of a side by one writer that few are below."""
        sides = {
            tuple(side)
            for side, writer in zip(draw.sides, draw.writers, strict=True)
            if writer >= 0 and len(side) > 1
        }
        if not sides:
            return _LOWEST
        found = [self._split_side(described, np.array(side))[1] for side in sorted(sides)]
        return float(np.quantile(found, _ODD_SHARE))

    def _split_side(
        self, described: list[Described], side: NDArray[np.intp]
    ) -> tuple[tuple[list[int], list[int]], float]:
        """Split the samples of a side into two groups, and score how alike these are."""
        n = len(side)
        pairs = own_pairs(np.arange(n))
        distances = _distances(described, list(side[:, np.newaxis]), pairs)
        table = np.full((n, n), np.nan)
        table[tuple(pairs.T)] = distances @ self.coef_[0] + self.intercept_[0]
        table[tuple(pairs.T[::-1])] = table[tuple(pairs.T)]
        groups = split_references(table)
        return groups, float(table[np.ix_(*groups)].mean())

    def _describe(self, X: Any) -> list[Described]:
        """Describe each sample by each part."""
        front, union = shared_steps(self.representation_)
        if union is None:
            X = validate_data(self, X, reset=False, dtype=np.float64)
        if front is not None:
            X = front.transform(X)
        return [describe(part, X) for part in parts_of(self.representation_)]

    def _compare_sides(self, entries: Sequence[Any], pairs: NDArray[np.intp]) -> Compared:
        self._check_calibrated("threshold_")
        samples, sides = unfold(entries, self._of_table)
        described = self._describe(samples)
        distances = _distances(described, sides, pairs)
        counts = np.array([len(side) for side in sides])[pairs]
        if self._of_forgeries:  # one questioned sample, and references
            numbers = counts.max(axis=1)
        else:  # the variance of the difference of means goes by the harmonic mean of their numbers
            numbers = np.rint(2 / (1 / counts).sum(axis=1)).astype(int)
        size = np.clip(numbers, 1, len(self.coef_)) - 1
        scores = (distances * self.coef_[size]).sum(axis=1) + self.intercept_[size]
        return Compared(described, sides, distances, size, scores, self.limits_[size])

    def _drop_stale_calibration(self) -> None:
        """Refuse to set a threshold on scores that `fit` has not calibrated."""
        self._check_calibrated("threshold_")

    def _comparison_parameters(self) -> dict[str, str]:
        return {
            f"{part.name}__{name}": value
            for part in parts_of(self.representation_)
            for name, value in description_parameters(part).items()
        }

    def _score_pairs(self, pairs: Pairs) -> NDArray[np.float64]:
        return self._compare_sides(*pairs).scores

    def _score_samples(self, X: Any, index: NDArray[np.intp]) -> NDArray[np.float64]:
        described = self._describe(X)
        sides = list(np.arange(index.max() + 1)[:, np.newaxis])
        return _distances(described, sides, index) @ self.coef_[0] + self.intercept_[0]

    def _find_doubts(
        self, names: Sequence[str], images: Sequence[Side], found: Compared
    ) -> list[str]:
        """Name samples that the calibration does not hold for, and warn of them."""
        doubts = self._name_doubtful(images)
        least_alike = getattr(self, "least_alike_", np.array([_LOWEST]))
        for name, side in zip(names, found.sides, strict=True):
            if len(side) == 1:
                continue
            groups, score = self._split_side(found.described, side)
            if score < least_alike[min(len(side), len(least_alike)) - 1]:
                numbers = [", ".join(map(str, sorted(group))) for group in groups]
                doubts.append(
                    f"images {numbers[0]} and {numbers[1]} of {name} look like those of two writers"
                )
        if doubts:
            warn_caller(f"no ratio is given: {'; '.join(doubts)}")
        return doubts

    def _find_places(self, found: Compared) -> Iterator[PlacesOfPair]:
        """Find the matched places of the first pairs of images, in each part that matches."""
        pairs = [(i, j) for i in range(len(found.sides[0])) for j in range(len(found.sides[1]))]
        for name, described in zip(self.part_names_, found.described, strict=True):
            if isinstance(described, MatchedImages):
                for i, j in pairs[:_MOST_PICTURES]:
                    places = described.places(int(found.sides[0][i]), int(found.sides[1][j]))
                    yield PlacesOfPair(name, (i, j), places)

    def _compare_features(self, found: Compared, size: int) -> pd.DataFrame:
        """List the classifier's features of both sides with their evidence, the strongest first."""
        rows = []
        unknown = [np.full(ratios.shape[:2], np.nan) for ratios in self.feature_ratios_]
        for (probabilities, classes), ratios, shares in zip(
            _feature_probabilities(self.representation_, found.described, found.sides),
            self.feature_ratios_,
            getattr(self, "feature_shares_", unknown),  # a file of before has none
            strict=True,
        ):
            first, second = probabilities.argmax(axis=1)
            rows.append(
                (
                    classes[first],
                    probabilities[0, first],
                    shares[size, first],
                    classes[second],
                    probabilities[1, second],
                    shares[size, second],
                    first == second,
                    ratios[size, first, second],
                )
            )
        table = pd.DataFrame(
            rows,
            columns=[
                "first",
                "first_probability",
                "first_share",
                "second",
                "second_probability",
                "second_share",
                "agree",
                "log_likelihood_ratio",
            ],
            index=pd.Index(self.feature_names_, name="feature"),
        )
        return table.sort_values("log_likelihood_ratio", key=abs, ascending=False, kind="stable")


def _distances(
    described: Sequence[Described], sides: Sequence[NDArray[np.intp]], pairs: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Distance of both sides of each pair, `(n_pairs, n_parts)`."""
    return np.column_stack([of_part.distances(sides, pairs) for of_part in described])


def _feature_ratios(
    representation: Any, described: Sequence[Described], draw: Draw
) -> tuple[list[NDArray[np.float64]], list[NDArray[np.float64]]]:
    """For each feature, the log-likelihood ratio of each two of its classes, and their shares.

    Every writer counts the same, however many sides and pairs are his or hers.
    """
    genuine = draw.writers >= 0
    _, numbers = np.unique(draw.writers[genuine], return_inverse=True)
    n_sides = np.bincount(numbers)
    of_side = np.zeros(len(genuine), np.intp)  # the number of its writer
    of_side[genuine] = numbers
    alike = draw.pairs[draw.same == 1]
    n_pairs = np.bincount(of_side[alike[:, 0]], minlength=len(n_sides))
    ratios, shares = [], []
    for probabilities, _ in _feature_probabilities(representation, described, draw.sides):
        k = probabilities.shape[1]
        codes = probabilities.argmax(axis=1)
        counted = np.bincount(codes[genuine], weights=1 / n_sides[numbers], minlength=k)
        share = np.asarray(counted / len(n_sides), np.float64)
        found: NDArray[np.float64] = np.zeros((k, k))
        np.add.at(found, tuple(codes[alike].T), 1 / n_pairs[of_side[alike[:, 0]]])
        expected = found.sum() * np.outer(share, share)
        found, expected = (  # either order is the same
            np.where(np.eye(k), table, table + table.T) for table in (found, expected)
        )
        ratios.append(np.log((found + _SHRINKAGE) / (expected + _SHRINKAGE)))
        shares.append(share)
    return ratios, shares


def _feature_probabilities(
    representation: Any, described: Sequence[Described], sides: Sequence[NDArray[np.intp]]
) -> Iterator[tuple[NDArray[np.float64], NDArray[Any]]]:
    """For each feature, the probabilities of each side, and the classes they are of."""
    for part, of_part in zip(parts_of(representation), described, strict=True):
        if part.classes is not None and isinstance(of_part, Vectors):
            ends = np.cumsum([len(classes) for classes in part.classes])[:-1]
            yield from zip(np.split(of_part.means(sides), ends, axis=1), part.classes, strict=True)
