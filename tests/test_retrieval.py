"""Retrieval metrics: against a loop over queries, scikit-learn, and by their properties."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from hwsk.metrics import hard_top_k_accuracy, mean_average_precision, soft_top_k_accuracy

METRICS = [mean_average_precision, soft_top_k_accuracy, hard_top_k_accuracy]


@st.composite
def retrievals(draw, ties=True):
    """Labels, distances (few different ones, so that many tie) and groups."""
    n = draw(st.integers(2, 9))
    y = draw(st.lists(st.sampled_from("ABC"), min_size=n, max_size=n))
    groups = draw(st.none() | st.lists(st.integers(0, 4), min_size=n, max_size=n))
    if ties:
        numbers = draw(st.lists(st.integers(-2, 5), min_size=n * n, max_size=n * n))
    else:
        numbers = draw(st.permutations(range(n * n)))
    return y, np.array(numbers, float).reshape(n, n), groups


def ranking(i, y, distances, groups):
    """Whether each sample is of query i's class, from the nearest on; others first on a tie."""
    others = [
        j for j in range(len(y)) if j != i and (groups is None or groups[j] != groups[i])
    ]  # fmt: skip
    return [y[j] == y[i] for j in sorted(others, key=lambda j: (distances[i, j], y[j] == y[i]))]


def by_hand(metric, y, distances, groups, k):
    values = []
    for i in range(len(y)):
        hits = ranking(i, y, distances, groups)
        if metric is hard_top_k_accuracy:
            values.append(all(hits[:k]) if sum(hits) >= k else np.nan)
        elif metric is soft_top_k_accuracy:
            values.append(any(hits[:k]) if any(hits) else np.nan)
        else:
            precisions = [sum(hits[: r + 1]) / (r + 1) for r, hit in enumerate(hits) if hit]
            values.append(np.mean(precisions) if precisions else np.nan)
    return np.array(values, float)


def check_averages(metric, expected, y, distances, groups, **options):
    """Compare with the expected figure of each query (NaN: not counted)."""
    if np.isnan(expected).all():
        with pytest.raises(ValueError, match="no query can be answered"):
            metric(y, distances, groups=groups, **options)
        return
    values = metric(y, distances, groups=groups, average=None, **options)
    np.testing.assert_allclose(values, expected)
    assert metric(y, distances, groups=groups, **options) == pytest.approx(np.nanmean(expected))
    macro = pd.Series(expected).groupby(list(y)).mean().mean()
    assert metric(y, distances, groups=groups, average="macro", **options) == pytest.approx(macro)


@settings(deadline=None)
@given(retrievals(), st.integers(1, 4))
@pytest.mark.parametrize("metric", METRICS[1:])
def test_top_k_by_hand(metric, data, k):
    check_averages(metric, by_hand(metric, *data, k), *data, k=k)


@settings(deadline=None)
@given(retrievals(ties=False))
def test_mean_average_precision_by_hand(data):
    check_averages(mean_average_precision, by_hand(mean_average_precision, *data, None), *data)


@settings(deadline=None)
@given(retrievals())
def test_ties_as_in_scikit_learn(data):
    y, distances, groups = data
    expected = []
    for i in range(len(y)):
        rows = [j for j in range(len(y)) if j != i and (groups is None or groups[j] != groups[i])]
        right = [y[j] == y[i] for j in rows]
        score = average_precision_score(right, -distances[i, rows]) if any(right) else np.nan
        expected.append(score)
    check_averages(mean_average_precision, np.array(expected), y, distances, groups)


@settings(deadline=None)
@given(retrievals())
def test_first_hits_agree(data):
    y, distances, groups = data
    try:
        soft = soft_top_k_accuracy(y, distances, groups=groups)
    except ValueError:
        return
    assert soft == hard_top_k_accuracy(y, distances, groups=groups)
    assert mean_average_precision(y, distances, groups=groups) >= soft / max(1, len(y) - 1)


@pytest.mark.parametrize("metric", METRICS)
def test_order_of_samples_and_scale_do_not_matter(metric):
    rng = np.random.default_rng(0)
    y, groups = rng.integers(0, 4, 40), rng.integers(0, 20, 40)
    distances = rng.integers(0, 9, (40, 40)).astype(float)
    value = metric(y, distances, groups=groups)
    order = rng.permutation(40)
    assert metric(y[order], distances[np.ix_(order, order)], groups=groups[order]) == (
        pytest.approx(value)
    )
    assert metric(y, 10 * distances.astype(np.float32) - 7, groups=groups) == pytest.approx(value)


@pytest.mark.parametrize("metric", METRICS)
def test_the_diagonal_and_the_own_page_are_not_looked_at(metric):
    rng = np.random.default_rng(1)
    y = np.repeat(["A", "B", "C"], 4)
    pages = np.repeat(np.arange(6), 2)
    distances = rng.random((12, 12))
    value = metric(y, distances, groups=pages)
    same_page = pages[:, np.newaxis] == pages
    assert metric(y, np.where(same_page, 99.0, distances), groups=pages) == value
    alone = metric(y, distances)
    np.fill_diagonal(distances, -99.0)
    assert metric(y, distances) == alone


@pytest.mark.parametrize("metric", METRICS)
def test_perfect_and_constant_distances(metric):
    y = np.repeat([3, 5], 5)
    perfect = (y[:, np.newaxis] != y).astype(float)
    assert metric(y, perfect) == 1
    constant = np.zeros((10, 10))
    share = pytest.approx(4 / 9) if metric is mean_average_precision else 0
    assert metric(y, constant) == share


def test_a_class_without_another_page_is_ranked_but_not_asked():
    y = ["A", "A", "B"]
    distances = np.array([[0, 2, 1], [2, 0, 3], [1, 3, 0]], float)
    values = mean_average_precision(y, distances, average=None)
    np.testing.assert_array_equal(values, [0.5, 1, np.nan])
    assert mean_average_precision(y, distances) == 0.75


def test_macro_average_weighs_writers_alike():
    y = np.array(["A"] * 6 + ["B"] * 2)
    distances = np.where(y == "A", 0.0, 1.0) * np.ones((8, 1))  # all take A to be near
    assert soft_top_k_accuracy(y, distances) == 0.75
    assert soft_top_k_accuracy(y, distances, average="macro") == 0.5


@pytest.mark.parametrize("labels", [[1, 1], ["x", "x"], np.array(["x", "x"], object), [2.5, 2.5]])
def test_labels_of_any_type(labels):
    assert mean_average_precision(pd.Series(labels), pd.DataFrame(np.eye(2))) == 1


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("y", "distances", "groups", "message"),
    [
        (["A"] * 3, np.zeros((3, 4)), None, r"shape \(3, 4\); it should be square"),
        (["A"] * 3, np.zeros((4, 4)), None, r"inconsistent numbers of samples: \[4, 3"),
        (["A"] * 3, np.zeros((3, 3)), [1, 2], r"inconsistent numbers of samples: \[3, 3, 2"),
        (["A"] * 3, np.full((3, 3), np.nan), None, "distances contains NaN"),
        (["A"] * 3, np.full((3, 3), np.inf), None, "distances contains infinity"),
        (["A", None, "A"], np.zeros((3, 3)), None, "y has no value in row 1"),
        (["A"] * 3, np.zeros((3, 3)), [1, 2, np.nan], "groups has no value in row 2"),
        (["A"], np.zeros((1, 1)), None, "1 sample.* minimum of 2"),
        ([["A", "B"]] * 2, np.zeros((2, 2)), None, "y should be a 1d array"),
        (["A", "B", "C"], np.zeros((3, 3)), None, "no query can be answered: .* 1 sample outside"),
        (["A", "A", "B"], np.zeros((3, 3)), [1, 1, 2], "no query can be answered"),
    ],
)
def test_bad_input(metric, y, distances, groups, message):
    with pytest.raises(ValueError, match=message):
        metric(y, distances, groups=groups)


def test_bad_options():
    y, distances = ["A", "A"], np.zeros((2, 2))
    with pytest.raises(ValueError, match="'k' parameter"):
        soft_top_k_accuracy(y, distances, k=0)
    with pytest.raises(ValueError, match="'average' parameter"):
        mean_average_precision(y, distances, average="weighted")
    with pytest.raises(ValueError, match="no class in y has 2 samples outside"):
        hard_top_k_accuracy(y, distances, k=2)
