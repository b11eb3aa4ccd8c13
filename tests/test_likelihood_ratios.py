"""Test likelihood ratios: their cost, the least cost, ECE, and the plots of them."""

from itertools import pairwise

import matplotlib as mpl
import numpy as np
import pytest
from scipy.optimize import minimize

from hwsk.metrics import (
    empirical_cross_entropy,
    log_likelihood_ratio_cost,
    minimal_log_likelihood_ratio_cost,
)
from hwsk.plotting import ECEDisplay, TippettDisplay
from hwsk.verification import HandComparer

mpl.use("agg")


@pytest.fixture
def pairs():
    rng = np.random.default_rng(0)
    same = rng.random(200) < 0.3
    return same.astype(int), rng.normal(2.0 * same, 1.5).round(1)


def test_least_cost_is_that_of_the_best_monotone_ratios(pairs):
    y, scores = pairs[0][:30], pairs[1][:30]
    values, place = np.unique(scores, return_inverse=True)

    def cost(steps):  # the first ratio, then by how much the next ones are larger
        ratios = np.cumsum([steps[0], *np.square(steps[1:])])
        return log_likelihood_ratio_cost(y, ratios[place])

    found = minimize(cost, np.full(len(values), 0.3), options={"maxiter": 5000})
    least = minimal_log_likelihood_ratio_cost(y, scores)
    assert least <= found.fun + 1e-9
    assert least == pytest.approx(found.fun, abs=5e-3)


def test_least_cost_is_of_the_order_alone(pairs):
    y, scores = pairs
    least = minimal_log_likelihood_ratio_cost(y, scores)
    assert least == pytest.approx(minimal_log_likelihood_ratio_cost(y, np.exp(scores) - 5))
    assert least <= log_likelihood_ratio_cost(y, scores)
    assert minimal_log_likelihood_ratio_cost(y, -scores) <= 1 + 1e-12  # nothing said at worst
    assert minimal_log_likelihood_ratio_cost(y, y) == 0


def test_weights_are_as_copies(pairs):
    y, scores = pairs
    weight = np.arange(len(y)) % 3
    repeated = np.repeat(np.arange(len(y)), weight)
    for metric in (minimal_log_likelihood_ratio_cost, log_likelihood_ratio_cost):
        weighed = metric(y, scores, sample_weight=weight)
        assert weighed == pytest.approx(metric(y[repeated], scores[repeated]))
    priors = np.log([0.1, 1, 10])
    np.testing.assert_allclose(
        empirical_cross_entropy(y, scores, priors, sample_weight=weight),
        empirical_cross_entropy(y[repeated], scores[repeated], priors),
    )


def test_entropy_by_its_definition(pairs):
    y, scores = pairs
    for odds in (0.01, 0.5, 1, 30):
        share, ratio = odds / (1 + odds), np.exp(scores)
        of_same = np.log2(1 + 1 / (ratio[y == 1] * odds)).mean()
        of_different = np.log2(1 + ratio[y == 0] * odds).mean()
        found = empirical_cross_entropy(y, scores, [np.log(odds)])
        assert found == pytest.approx([share * of_same + (1 - share) * of_different])
    assert empirical_cross_entropy(y, scores) == pytest.approx(
        [log_likelihood_ratio_cost(y, scores)]
    )
    calibrated = empirical_cross_entropy(y, scores, calibrated=True)
    assert calibrated == pytest.approx([minimal_log_likelihood_ratio_cost(y, scores)])
    neutral = empirical_cross_entropy(y, np.zeros(len(y)), np.log([1 / 3]))
    assert neutral == pytest.approx([-(0.25 * np.log2(0.25) + 0.75 * np.log2(0.75))])


def test_what_is_wrong_is_named(pairs):
    y, scores = pairs
    with pytest.raises(ValueError, match="log_prior_odds is inf in place 1; it should be finite"):
        empirical_cross_entropy(y, scores, [0, np.inf])
    with pytest.raises(ValueError, match="no pair is by different writers"):
        minimal_log_likelihood_ratio_cost([1, 1], [1.0, 2.0])
    with pytest.raises(ValueError, match="y_score is NaN in row 1"):
        TippettDisplay.from_predictions([1, 0], [1.0, np.nan])


def test_tippett_curves_are_shares_of_larger_ratios(pairs):
    y, scores = pairs
    display = TippettDisplay.from_predictions(y, scores, name="made")
    assert display.misleading_ == (np.mean(scores[y == 1] < 0), np.mean(scores[y == 0] > 0))
    for line, side in zip(display.lines_, (scores[y == 1], scores[y == 0]), strict=True):
        x, above = line.get_data()
        assert all(a >= b for a, b in pairwise(above)) and above[0] == 1 and above[-1] == 0
        for at in (-1.0, 0.123, 1.5):
            share = above[np.searchsorted(x, at / np.log(10), side="right") - 1]
            assert share == pytest.approx(np.mean(side > at))
    assert display.ax_.get_title() == f"Cllr {log_likelihood_ratio_cost(y, scores):.3f}"
    labels = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    kinds = [label.split(":")[0] for label in labels]
    assert kinds == ["made, same writer", "made, different writers"]
    assert labels[1].endswith(f": {np.mean(scores[y == 0] > 0):.1%} mislead")


def test_infinite_ratios_are_drawn_at_the_edge():
    display = TippettDisplay.from_predictions([1, 1, 0, 0], [np.inf, 1.0, -1.0, -np.inf])
    assert display.ax_.get_xlim()[1] > 8
    assert all(np.isfinite(line.get_xdata()).all() for line in display.lines_)


def test_ece_lies_above_the_best_calibration(pairs):
    y, scores = pairs
    display = ECEDisplay.from_predictions(y, 3 * scores, reach=2)
    assert (display.minimal_cost <= display.cost + 1e-12).all()
    assert (display.minimal_cost <= display.neutral_cost + 1e-12).all()
    assert display.log_prior_odds[[0, -1]] == pytest.approx(np.log([0.01, 100]))
    assert [len(line.get_xdata()) for line in display.lines_] == [101] * 3


def test_displays_of_an_estimator_are_those_of_its_ratios():
    rng = np.random.default_rng(0)
    writers = np.repeat(np.arange(30), 4)
    vectors = rng.normal(size=(30, 5))[writers] + rng.normal(0, 0.6, size=(120, 5))
    comparer = HandComparer(random_state=0).fit(vectors[:80], writers[:80])
    index = rng.integers(80, 120, (50, 2))
    pairs, y = vectors[index], writers[index[:, 0]] == writers[index[:, 1]]
    proba = comparer.predict_proba(pairs)
    ratios = np.log(proba[:, 1] / proba[:, 0])
    display = TippettDisplay.from_estimator(comparer, pairs, y)
    np.testing.assert_allclose(np.sort(display.log_likelihood_ratio_same), np.sort(ratios[y]))
    cost = log_likelihood_ratio_cost(y, ratios)
    assert display.cost == pytest.approx(cost)
    ece = ECEDisplay.from_estimator(comparer, pairs, y)
    assert ece.cost[50] == pytest.approx(cost)  # at even odds
    with pytest.raises(TypeError, match="not an estimator"):
        TippettDisplay.from_estimator("comparer", pairs, y)
