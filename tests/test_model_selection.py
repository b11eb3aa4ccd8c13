"""Pairs against a loop over all of them, and splits by who is on which side."""

from __future__ import annotations

import time
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate

from hwsk.model_selection import WriterDisjointPairSplit, make_pairs


@st.composite
def collections(draw):
    n = draw(st.integers(2, 12))
    writers = draw(st.lists(st.sampled_from("ABCD"), min_size=n, max_size=n))
    forged = draw(st.none() | st.lists(st.booleans(), min_size=n, max_size=n))
    groups = draw(st.lists(st.sampled_from([1, 2]), min_size=n, max_size=n))
    return writers, forged, groups


def by_hand(writers, forged, groups, positives, negatives):
    """Each pair as a set, with its label; a skilled forgery's as a tuple."""
    forged = forged or [False] * len(writers)
    expected = {}
    for i in range(len(writers)):
        for j in range(len(writers)):
            if i == j or forged[i]:
                continue
            alike, page = writers[i] == writers[j], groups[i] == groups[j]
            if forged[j]:
                if alike and negatives != "random":
                    expected[i, j] = 0
            elif alike:
                wanted = {"all": True, "within_groups": page, "across_groups": not page}
                if wanted[positives] and i < j:
                    expected[i, j] = 1
            elif i < j and negatives != "skilled":
                expected[i, j] = 0
    return expected


def as_dict(pairs, y, forged):
    forged = np.zeros(99, bool) if forged is None else np.array(forged)
    rows = [tuple(row) if forged[row[1]] else tuple(sorted(row)) for row in pairs.tolist()]
    assert len(set(rows)) == len(rows)
    return dict(zip(rows, y.tolist(), strict=True))


POSITIVES = st.sampled_from(["all", "within_groups", "across_groups"])
NEGATIVES = st.sampled_from(["all", "random", "skilled"])


@given(collections(), POSITIVES, NEGATIVES)
def test_all_pairs_by_hand(data, positives, negatives):
    writers, forged, groups = data
    expected = by_hand(*data, positives, negatives)
    options = {"forged": forged, "groups": groups, "positives": positives, "negatives": negatives}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if set(expected.values()) != {0, 1}:
            with pytest.raises(
                ValueError, match=r"no pair is by|no sample is|no forged|all genuine"
            ):
                make_pairs(writers, **options)
            return
        pairs, y = make_pairs(writers, **options)
        assert as_dict(pairs, y, forged) == expected
        assert y.dtype == np.int64


@given(collections(), st.integers(2, 30), st.booleans(), st.integers(0, 9), POSITIVES, NEGATIVES)
def test_drawn_pairs_are_some_of_all(data, n_pairs, balanced, seed, positives, negatives):
    writers, forged, groups = data
    expected = by_hand(*data, positives, negatives)
    assume(set(expected.values()) == {0, 1})
    n_same = sum(expected.values())
    n_different = len(expected) - n_same
    options = {
        "forged": forged, "groups": groups, "positives": positives, "negatives": negatives,
        "n_pairs": n_pairs, "balanced": balanced, "random_state": seed,
    }  # fmt: skip
    half = n_pairs // 2
    enough = (n_same >= half and n_different >= n_pairs - half) if balanced else True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if n_pairs > len(expected) or not enough:
            with pytest.raises(ValueError, match=f"n_pairs={n_pairs}"):
                make_pairs(writers, **options)
            return
        try:
            pairs, y = make_pairs(writers, **options)
        except ValueError as error:
            assert f"none of the n_pairs={n_pairs} pairs drawn" in str(error)
            assert not balanced and n_pairs <= max(n_same, n_different)
            return
        assert set(y.tolist()) == {0, 1}
        again, _ = make_pairs(writers, **options)
        np.testing.assert_array_equal(pairs, again)
    drawn = as_dict(pairs, y, forged)
    assert len(drawn) == n_pairs and drawn.items() <= expected.items()
    if balanced:
        assert y.sum() == half


def test_balance():
    writers, forged = np.repeat(["a", "b", "c"], 8), np.tile(np.arange(8) >= 5, 3)
    pairs, y = make_pairs(writers, forged=forged, balanced=True, random_state=0)
    assert len(y) == 60 and y.sum() == 30  # of 30, 45 and 75
    skilled = forged[pairs].any(axis=1)
    assert skilled.sum() == 15 and not skilled[y == 1].any()
    assert (forged[pairs[skilled]] == [False, True]).all()
    # With one forgery there are not enough skilled ones for a half: the rest is random.
    one = np.arange(24) == 7
    pairs, y = make_pairs(writers, forged=one, n_pairs=60, balanced=True, random_state=0)
    assert one[pairs].any(axis=1).sum() == 7 and (y == 0).sum() == 30
    # Nor enough random ones.
    writers, forged = ["a"] * 30 + ["b"], [False] * 10 + [True] * 20 + [False]
    with pytest.warns(UserWarning, match="1 of 2 writers has no two genuine samples:"):
        pairs, y = make_pairs(writers, forged=forged, n_pairs=80, balanced=True, random_state=0)
    assert (y == 0).sum() == 40 and (pairs == 30).any(axis=1).sum() == 10


def test_draws_differ_and_cover():
    writers = np.arange(40) // 4
    draws = [make_pairs(writers, n_pairs=200, random_state=seed)[0] for seed in range(40)]
    assert not np.array_equal(draws[0], draws[1])
    assert len({tuple(row) for draw in draws for row in draw.tolist()}) == 780
    share = np.mean([(writers[d[:, 0]] == writers[d[:, 1]]).mean() for d in draws])
    assert share == pytest.approx(60 / 780, abs=0.01)


def test_many_pairs_are_fast():
    start = time.process_time()
    pairs, y = make_pairs(np.arange(2000) % 100)
    assert len(pairs) == 1_999_000 and y.sum() == 100 * 190
    assert time.process_time() - start < 5
    # Nothing is made that isn't drawn: all would be 5,000 million pairs.
    pairs, y = make_pairs(np.arange(100_000) % 1000, n_pairs=1000, balanced=True, random_state=0)
    assert pairs.shape == (1000, 2) and y.sum() == 500


def test_containers():
    writers = pd.Series(["a", "a", "b", "b"], index=[5, 6, 7, 8])
    for other in (list(writers), np.array([3, 3, 1, 1])[:, None], writers.astype("category")):
        pairs, y = make_pairs(other, forged=pd.Series([0, 0, 0, 0]))
        assert sorted(np.sort(pairs[y == 1]).tolist()) == [[0, 1], [2, 3]]
    assert pairs.dtype.kind == "i"


def test_pairs_of_both_kinds_are_in_each_fold():
    """Pairs sorted by kind would leave folds that are runs of rows with one kind."""
    writers = np.repeat(np.arange(12), 3)
    for options in ({}, {"n_pairs": 300}, {"n_pairs": 60, "balanced": True}):
        pairs, y = make_pairs(writers, random_state=0, **options)
        assert all(0 < part.sum() < len(part) for part in np.array_split(y, 3))
        assert (y == (writers[pairs[:, 0]] == writers[pairs[:, 1]])).all()
        again = make_pairs(writers, random_state=0, **options)[0]
        np.testing.assert_array_equal(pairs, again)
        assert (pairs != make_pairs(writers, random_state=1, **options)[0]).any()


def test_pairs_of_one_kind_are_refused():
    """With many writers, a few pairs drawn at random are all of different writers."""
    writers = np.repeat(np.arange(500), 2)
    message = r"none of the n_pairs=40 pairs drawn from 499500 is by the same writer \(500 are\)"
    with pytest.raises(ValueError, match=message):
        make_pairs(writers, n_pairs=40, random_state=0)
    assert make_pairs(writers, n_pairs=40, balanced=True, random_state=0)[1].sum() == 20
    with pytest.raises(ValueError, match=r"is by different writers \(80 are\).* balanced=True"):
        make_pairs(["a"] * 40 + ["b"] * 2, n_pairs=2, random_state=0)


def test_writers_with_one_sample_are_counted():
    with pytest.warns(
        UserWarning,
        match="2 of 4 writers have no two genuine samples: in no pair by the same writer",
    ) as caught:
        pairs, y = make_pairs(["a", "a", "b", "c", "d", "d"])
    assert caught[0].filename == __file__
    assert y.sum() == 2 and {2, 3} <= set(pairs[y == 0].ravel().tolist())
    with pytest.warns(UserWarning, match="1 of 2 writers has no two genuine samples in two groups"):
        make_pairs(["a", "a", "b", "b"], groups=[1, 2, 1, 1], positives="across_groups")
    with pytest.warns(UserWarning, match="1 of 2 writers has no two genuine samples in one group"):
        make_pairs(["a", "a", "b", "b"], groups=[1, 2, 1, 1], positives="within_groups")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make_pairs(["a", "a", "b", "b"])


def test_bad_input_of_pairs():
    writers = ["a", "a", "b", "b"]
    with pytest.raises(
        ValueError, match="no writer has two genuine samples: no pair is by the same"
    ):
        make_pairs(["a", "b"])
    with pytest.raises(ValueError, match="no writer has two genuine samples in two groups"):
        make_pairs(writers, groups=[1, 1, 1, 1], positives="across_groups")
    with pytest.raises(ValueError, match="all genuine samples are by one writer"):
        make_pairs(["a", "a"])
    with pytest.raises(ValueError, match="negatives='skilled', and no sample is forged"):
        make_pairs(writers, negatives="skilled")
    with pytest.raises(ValueError, match="no forged sample has a genuine one of its writer"):
        make_pairs([*writers, "c"], forged=[0, 0, 0, 0, 1], negatives="skilled")
    with pytest.raises(ValueError, match="positives='within_groups' needs groups"):
        make_pairs(writers, positives="within_groups")
    with pytest.raises(ValueError, match="n_pairs=7, and there are 6 pairs"):
        make_pairs(writers, n_pairs=7)
    with pytest.raises(
        ValueError, match=r"n_pairs=6 .* 3 pairs by the same writer, and there are 2"
    ):
        make_pairs(writers, n_pairs=6, balanced=True)
    with pytest.raises(ValueError, match="forged has 2 values, and there are 4 writers"):
        make_pairs(writers, forged=[0, 1])
    with pytest.raises(ValueError, match="forged is 'no' in row 0"):
        make_pairs(writers, forged=["no"] * 4)
    with pytest.raises(ValueError, match="writers has no value in row 1"):
        make_pairs(["a", None, "b", "b"])
    with pytest.raises(ValueError, match="groups has no value in row 0"):
        make_pairs(writers, groups=[np.nan, 1, 1, 1])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        make_pairs(writers, groups=[1, 1])
    for options in ({"negatives": "forged"}, {"positives": "pages"}, {"n_pairs": 1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            make_pairs(writers, **options)
    with pytest.raises(ValueError, match="no pair is by the same writer"):
        make_pairs([])


# -- splits

WRITERS = np.repeat([f"w{i:02}" for i in range(10)], 3)
PAIRS, SAME = make_pairs(WRITERS)
GROUPS = WRITERS[PAIRS]


@given(st.integers(2, 10), st.booleans(), st.integers(0, 5))
def test_no_writer_is_on_both_sides(n_splits, shuffle, seed):
    cv = WriterDisjointPairSplit(n_splits, shuffle=shuffle, random_state=seed if shuffle else None)
    tested, left_out = [], []
    for train, test in cv.split(PAIRS, SAME, GROUPS):
        known, asked = set(GROUPS[train].ravel()), set(GROUPS[test].ravel())
        assert not known & asked and known | asked == set(WRITERS)
        assert 10 // n_splits <= len(asked) <= -(-10 // n_splits)
        tested += sorted(asked)
        rest = np.setdiff1d(np.arange(len(PAIRS)), np.r_[train, test])
        assert (np.isin(GROUPS[rest], list(known)).sum(axis=1) == 1).all()
        left_out.append(len(rest))
    assert sorted(tested) == sorted(set(WRITERS))
    assert cv.count_left_out(GROUPS).tolist() == left_out
    assert cv.get_n_splits(PAIRS, SAME, GROUPS) == cv.get_n_splits() == n_splits == len(left_out)


def test_share_left_out_is_what_the_docs_say():
    writers = np.arange(1000) % 100
    pairs, y = make_pairs(writers)
    other = writers[pairs[y == 0]]
    shares = WriterDisjointPairSplit().count_left_out(other) / len(other)
    assert shares == pytest.approx(2 / 5 * (1 - 1 / 5), abs=0.005)
    assert (WriterDisjointPairSplit().count_left_out(writers[pairs[y == 1]]) == 0).all()


class Threshold(ClassifierMixin, BaseEstimator):
    """Takes pairs whose numbers are at most so far apart for the same writer."""

    def __init__(self, most=1):
        self.most = most

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        return self.most - np.abs(X[:, 0] - X[:, 1])

    def predict(self, X):
        return (self.decision_function(X) >= 0).astype(int)


def test_in_cross_validation_and_search():
    cv = WriterDisjointPairSplit(3, shuffle=True, random_state=0)
    # Rows of a writer are at most 2 apart.
    scores = cross_val_score(
        Threshold(), PAIRS, SAME, groups=GROUPS, cv=cv, scoring="balanced_accuracy"
    )
    assert scores.shape == (3,) and (scores < 1).all()
    search = GridSearchCV(Threshold(), {"most": [1, 2, 9]}, cv=cv, scoring="balanced_accuracy")
    assert search.fit(PAIRS, SAME, groups=GROUPS).best_params_ == {"most": 2}
    table = pd.DataFrame(GROUPS, columns=["first", "second"])
    by_table = cross_validate(Threshold(), PAIRS, SAME, groups=table, cv=cv)
    assert len(by_table["test_score"]) == 3
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_validate(
            Threshold(), PAIRS, SAME, params={"groups": GROUPS}, cv=cv, scoring="balanced_accuracy"
        )
    np.testing.assert_array_equal(routed["test_score"], scores)


def test_shuffling():
    def folds(**options):
        cv = WriterDisjointPairSplit(**options)
        return [test.tolist() for _, test in cv.split(PAIRS, SAME, GROUPS)]

    assert folds() == folds() != folds(shuffle=True, random_state=0)
    assert folds(shuffle=True, random_state=0) == folds(shuffle=True, random_state=0)
    numbers = np.unique(GROUPS, return_inverse=True)[1].reshape(GROUPS.shape)
    by_number = WriterDisjointPairSplit().split(PAIRS, groups=numbers)
    assert [test.tolist() for _, test in by_number] == folds()


def test_repr():
    shown = repr(WriterDisjointPairSplit(3, shuffle=True))
    assert shown == "WriterDisjointPairSplit(n_splits=3, random_state=None, shuffle=True)"


def test_bad_input_of_splits():
    cv = WriterDisjointPairSplit()
    with pytest.raises(ValueError, match="groups is missing: pass the writers of both sides"):
        next(cv.split(PAIRS, SAME))
    with pytest.raises(ValueError, match=r"groups has shape \(435,\); it should be \(n_pairs, 2\)"):
        next(cv.split(PAIRS, SAME, GROUPS[:, 0]))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        next(cv.split(PAIRS, SAME, GROUPS[:5]))
    with pytest.raises(ValueError, match="n_splits=11, and the pairs have 10 writers"):
        next(WriterDisjointPairSplit(11).split(PAIRS, SAME, GROUPS))
    with pytest.raises(ValueError, match="k-fold"):
        next(WriterDisjointPairSplit(1).split(PAIRS, SAME, GROUPS))
    missing = GROUPS.astype(object)
    missing[2, 0] = None
    with pytest.raises(ValueError, match="groups has no value in row 2"):
        next(cv.split(PAIRS, SAME, missing))
    with pytest.raises(ValueError, match="no pair is left for the training set of fold 0: make"):
        list(
            WriterDisjointPairSplit(2).split([0, 1, 2], groups=[["a", "b"], ["a", "c"], ["b", "d"]])
        )
