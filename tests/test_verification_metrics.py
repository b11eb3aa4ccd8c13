"""Error rates of pairs against brute force and their properties; the protocols against loops."""

from __future__ import annotations

import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import det_curve, pairwise_distances, roc_auc_score
from sklearn.model_selection import cross_val_score

from hwsk.metrics import (
    equal_error_rate,
    false_acceptance_rate,
    false_rejection_rate,
    false_rejection_rate_at,
    get_scorer,
    log_likelihood_ratio_cost,
    pair_bootstrap_interval,
    writer_dependent_report,
    writer_independent_report,
)
from hwsk.model_selection import make_pairs

RATES = [
    equal_error_rate,
    partial(false_acceptance_rate, threshold=0.5),
    partial(false_rejection_rate, threshold=0.5),
    partial(false_rejection_rate_at, far=0.1),
    log_likelihood_ratio_cost,
]


@st.composite
def scored(draw):
    """Labels with both classes, and scores of which many tie."""
    y = draw(st.lists(st.sampled_from([1, 0]), max_size=10))
    y = np.array(draw(st.permutations([1, 0, *y])))
    scores = draw(st.lists(st.integers(-3, 3), min_size=len(y), max_size=len(y)))
    return y, np.array(scores, float)


def by_hand(y, scores):
    """Both error rates at every threshold that differs, from the highest down."""
    thresholds = [np.inf, *sorted(set(scores), reverse=True)]
    far = [(scores[y == 0] >= t).mean() for t in thresholds]
    return np.array(far), np.array([(scores[y == 1] < t).mean() for t in thresholds])


@given(scored())
def test_equal_error_rate_by_hand(data):
    far, frr = by_hand(*data)
    fine = np.linspace(0, len(far) - 1, 5041)  # along the lines
    places = np.arange(len(far))
    a, b = np.interp(fine, places, far), np.interp(fine, places, frr)
    nearest = np.abs(a - b).argmin()
    assert equal_error_rate(*data) == pytest.approx((a[nearest] + b[nearest]) / 2, abs=2e-3)


@given(scored())
def test_equal_error_rate_does_not_ask_which_class_is_which(data):
    y, scores = data
    rate = equal_error_rate(y, scores)
    assert equal_error_rate(1 - y, -scores) == pytest.approx(rate)
    assert equal_error_rate(y, -scores) == pytest.approx(1 - rate)
    assert 0 <= rate <= 1


@given(scored(), st.randoms())
def test_only_the_ranking_counts(data, random):
    y, scores = data
    order = random.sample(range(len(y)), len(y))
    for other in (np.exp(scores), scores**3, np.where(scores == 3, np.inf, scores)):
        assert equal_error_rate(y[order], other[order]) == pytest.approx(
            equal_error_rate(y, scores)
        )
        far = random.random()
        assert false_rejection_rate_at(y, other, far=far) == pytest.approx(
            false_rejection_rate_at(y, scores, far=far)
        )


@given(scored(), st.floats(0, 1))
def test_rejection_at_an_acceptance_rate_by_hand(data, allowed):
    far, frr = by_hand(*data)
    assert false_rejection_rate_at(*data, far=allowed) == frr[far <= allowed].min()


@given(scored(), st.floats(-4, 4))
def test_rates_at_a_threshold_by_hand(data, threshold):
    y, scores = data
    taken = scores >= threshold
    assert false_acceptance_rate(y, scores, threshold=threshold) == taken[y == 0].mean()
    assert false_rejection_rate(y, scores, threshold=threshold) == (~taken)[y == 1].mean()


def test_rates_lie_on_the_curve_of_scikit_learn():
    rng = np.random.default_rng(0)
    y = rng.integers(0, 2, 500)
    scores = y + rng.normal(size=500)
    far, frr, thresholds = det_curve(y, scores)
    for i in range(0, len(far), 50):
        assert false_acceptance_rate(y, scores, threshold=thresholds[i]) == pytest.approx(far[i])
        assert false_rejection_rate(y, scores, threshold=thresholds[i]) == pytest.approx(frr[i])
    rate = equal_error_rate(y, scores)
    assert far[far >= frr].min() >= rate >= far[far <= frr].max()


@given(scored(), st.data())
@pytest.mark.parametrize("metric", RATES)
def test_weights_are_repeated_pairs(metric, data, draw):
    y, scores = data
    weight = np.array(draw.draw(st.lists(st.integers(0, 3), min_size=len(y), max_size=len(y))))
    weight[[np.argmax(y), np.argmin(y)]] += 1  # something of each class
    repeated = metric(y.repeat(weight), scores.repeat(weight))
    assert metric(y, scores, sample_weight=weight) == pytest.approx(repeated)


def test_known_figures():
    assert equal_error_rate([1, 1, 0, 0], [4, 3, 2, 1]) == 0
    assert equal_error_rate([1, 1, 0, 0], [1, 2, 3, 4]) == 1
    assert equal_error_rate([1, 0, -1, True], [5, 5, 5, 5]) == 0.5
    assert log_likelihood_ratio_cost([1, 0], [0, 0]) == pytest.approx(1)
    assert log_likelihood_ratio_cost([1, 0], [np.inf, -np.inf]) == 0
    assert log_likelihood_ratio_cost([1, 0], [-np.inf, 0]) == np.inf
    expected = (np.log2(1 + 1 / 4) + np.log2(1 + 1 / 2)) / 2 + np.log2(1 + 3)
    assert log_likelihood_ratio_cost([1, 1, 0], np.log([4, 2, 3])) == pytest.approx(expected / 2)


@given(scored())
def test_calibration_lowers_the_cost(data):
    y, scores = data
    flat = log_likelihood_ratio_cost(y, np.zeros(len(y)))
    assert flat == pytest.approx(1)
    assert log_likelihood_ratio_cost(y, scores) >= 0


def test_labels_and_containers():
    y, scores = [1, -1, 1, 0], [0.9, 0.1, 0.4, 0.5]
    rate = equal_error_rate(y, scores)
    assert isinstance(rate, float)
    for truth in (np.array(y), pd.Series(y), np.array(y, float)[:, None], np.array(y) == 1):
        assert equal_error_rate(truth, pd.Series(scores)) == rate


@pytest.mark.parametrize("metric", RATES)
def test_bad_input(metric):
    left = int(metric is not RATES[2])  # a class that is not enough
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        metric([1, 0], [0.5])
    with pytest.raises(ValueError, match=r"y_score is NaN in row 1"):
        metric([1, 0], [0.5, np.nan])
    with pytest.raises(ValueError, match=r"label 2 in row 2; labels are 1 \(same writer\), and"):
        metric([1, 0, 2], [1, 2, 3])
    with pytest.raises(ValueError, match="label 'same' in row 0"):
        metric(["same", "other"], [1, 2])
    with pytest.raises(ValueError, match=r"y_score has shape \(2, 2\)"):
        metric([1, 0], [[0.5, 0.5], [0.1, 0.9]])
    with pytest.raises(ValueError, match="there is no pair to score"):
        metric([], [])
    with pytest.raises(ValueError, match=r"nothing to (accept|reject) falsely"):
        metric([left, left], [1, 2])
    with pytest.raises(ValueError, match=r"nothing to (accept|reject) falsely"):
        metric([1, 0, 0], [1, 2, 3], sample_weight=[left, 1 - left, 0])


def test_bad_rates():
    with pytest.raises(ValueError, match="far"):
        false_rejection_rate_at([1, 0], [1, 2], far=1.5)
    with pytest.raises(ValueError, match="threshold"):
        false_acceptance_rate([1, 0], [1, 2], threshold="high")


def test_scorer():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 40)
    X = rng.normal(size=(80, 2)) + y[:, None]
    scores = cross_val_score(LogisticRegression(), X, y, scoring=get_scorer("neg_equal_error_rate"))
    assert ((scores < 0) & (scores > -0.5)).all()
    model = LogisticRegression().fit(X, y)
    expected = -equal_error_rate(y, model.decision_function(X))
    assert get_scorer("neg_equal_error_rate")(model, X, y) == expected


# -- the bootstrap


def some_pairs(n_writers=6, n=4, seed=0):
    rng = np.random.default_rng(seed)
    writers = np.repeat([f"w{i}" for i in range(n_writers)], n)
    place = np.repeat(rng.normal(size=n_writers), n) + rng.normal(scale=0.5, size=len(writers))
    pairs, y = make_pairs(writers)
    scores = -np.abs(place[pairs[:, 0]] - place[pairs[:, 1]]).round(1)
    return y, scores, writers[pairs]


def bootstrap_by_hand(metric, y, scores, writers, n_resamples, seed):
    """Repeat the pairs of a draw as often as the definition says."""
    names, codes = np.unique(writers, return_inverse=True)
    codes = codes.reshape(-1, 2)
    _, codes = np.unique(pd.factorize(writers.ravel())[0], return_inverse=True)
    codes = codes.reshape(-1, 2)
    rng = np.random.RandomState(seed)
    values = []
    while len(values) < n_resamples:
        drawn = rng.randint(len(names), size=len(names)).tolist()
        count = [
            drawn.count(a) if a == b else drawn.count(a) * drawn.count(b) for a, b in codes.tolist()
        ]
        if len(np.unique(y.repeat(count))) == 2:
            values.append(metric(y.repeat(count), scores.repeat(count)))
    return np.quantile(values, [0.05, 0.95])


@pytest.mark.parametrize("n_writers", [3, 6])
@pytest.mark.parametrize("metric", [*RATES, roc_auc_score])
def test_bootstrap_by_hand(metric, n_writers):
    y, scores, writers = some_pairs(n_writers)
    order = np.random.default_rng(1).permutation(len(y))
    y, scores, writers = y[order], scores[order], writers[order]
    expected = bootstrap_by_hand(metric, y, scores, writers, 40, 7)
    interval = pair_bootstrap_interval(
        metric, y, scores, writers, n_resamples=40, confidence_level=0.9, random_state=7
    )
    assert interval == pytest.approx(tuple(expected))


def test_bootstrap_of_one_class():
    _, scores, writers = some_pairs()
    metric = partial(false_acceptance_rate, threshold=-1)
    low, high = pair_bootstrap_interval(
        metric, np.zeros(len(scores)), scores, writers, n_resamples=50, random_state=0
    )
    assert 0 <= low < high <= 1
    with pytest.raises(ValueError, match="nothing to reject falsely"):
        pair_bootstrap_interval(equal_error_rate, np.zeros(len(scores)), scores, writers)


def test_bootstrap_is_wider_than_one_of_pairs():
    y, scores, writers = some_pairs(12, 6)
    low, high = pair_bootstrap_interval(equal_error_rate, y, scores, writers, random_state=0)
    rng = np.random.default_rng(0)
    rows = [rng.integers(len(y), size=len(y)) for _ in range(200)]
    naive = np.quantile([equal_error_rate(y[r], scores[r]) for r in rows], [0.025, 0.975])
    assert low < equal_error_rate(y, scores) < high
    assert high - low > 1.5 * (naive[1] - naive[0])


def test_bad_input_of_the_bootstrap():
    y, scores, writers = some_pairs()
    with pytest.raises(ValueError, match=r"writers has shape \(276,\); it should be \(276, 2\)"):
        pair_bootstrap_interval(equal_error_rate, y, scores, writers[:, 0])
    missing = writers.astype(object)
    missing[3, 1] = None
    with pytest.raises(ValueError, match="writers has no value in row 3"):
        pair_bootstrap_interval(equal_error_rate, y, scores, missing)
    with pytest.raises(ValueError, match="all pairs are of one writer, A"):
        pair_bootstrap_interval(equal_error_rate, [1, 0], [1, 2], [["A", "A"]] * 2)
    for options in ({"n_resamples": 0}, {"confidence_level": 1}):
        with pytest.raises(ValueError, match=next(iter(options))):
            pair_bootstrap_interval(equal_error_rate, y, scores, writers, **options)


# -- the protocols


def signatures(n_users=5, n_genuine=8, n_forged=4, spread=0.5, seed=0):
    rng = np.random.default_rng(seed)
    writer = np.repeat([f"u{i}" for i in range(n_users)], n_genuine + n_forged)
    forged = np.tile(np.arange(n_genuine + n_forged) >= n_genuine, n_users)
    place = np.repeat(rng.normal(size=(n_users, 6)), n_genuine + n_forged, axis=0)
    X = place + rng.normal(scale=spread, size=(len(writer), 6)) + 0.6 * forged[:, None]
    order = rng.permutation(len(writer))
    return X[order], writer[order], forged[order]


def own_rate(trials, kind):
    rates = []
    for _, table in trials[trials.kind.isin(["genuine", kind])].groupby("user"):
        rates.append(equal_error_rate(table.kind == "genuine", table.score))
    return np.mean(rates)


def test_single_pairs_by_hand():
    X, writer, forged = signatures()
    report, trials = writer_independent_report(X, writer, forged, return_trials=True)
    distances = pairwise_distances(X)
    for kind in ("skilled", "random"):
        pairs, y = make_pairs(writer, forged=forged, negatives=kind)
        scores = -distances[pairs[:, 0], pairs[:, 1]]
        assert report.loc[kind, "eer"] == pytest.approx(equal_error_rate(y, scores))
        assert report.loc[kind, "auc"] == pytest.approx(roc_auc_score(y, scores))
        assert report.loc[kind, "n_genuine"] == (y == 1).sum()
        twice = 1 if kind == "skilled" else 2
        assert report.loc[kind, "n_forged"] == twice * (y == 0).sum()
        assert report.loc[kind, "eer_user"] == pytest.approx(own_rate(trials, kind))
    assert report["eer_std"].isna().all() and (report["n_users"] == 5).all()
    assert list(report.index) == ["skilled", "random"]
    assert "far" not in report
    assert set(trials.kind) == {"genuine", "skilled", "random"}
    assert (trials.user[trials.kind != "random"] == trials.writer[trials.kind != "random"]).all()
    assert (trials.user[trials.kind == "random"] != trials.writer[trials.kind == "random"]).all()
    precomputed = writer_independent_report(distances, writer, forged, metric="precomputed")
    pd.testing.assert_frame_equal(report, precomputed)


@pytest.mark.parametrize("fusion", ["max", "mean", "median", "min"])
def test_references_are_fused(fusion):
    X, writer, forged = signatures()
    report, trials = writer_independent_report(
        X, writer, forged, n_references=3, fusion=fusion, threshold=-2.0, n_repeats=4,
        return_trials=True, random_state=0,
    )  # fmt: skip
    counts = trials.groupby(["repeat", "user", "kind"]).size().unstack()
    assert (counts == [5, 20, 4]).all(axis=None)  # 8 - 3; those of 4 others; all forgeries
    assert report.loc["skilled", ["n_genuine", "n_forged"]].tolist() == [25, 20]
    eers, rejected, accepted = [], [], []
    for _, table in trials.groupby("repeat"):
        table = table[table.kind != "random"]
        genuine = table.kind == "genuine"
        eers.append(equal_error_rate(genuine, table.score))
        rejected.append((table.score[genuine] < -2).mean())
        accepted.append((table.score[~genuine] >= -2).mean())
    row = report.loc["skilled"]
    assert row["eer"] == pytest.approx(np.mean(eers))
    assert row["eer_std"] == pytest.approx(np.std(eers, ddof=1))
    assert row["frr"] == pytest.approx(np.mean(rejected))
    assert row["far"] == pytest.approx(np.mean(accepted))


def test_fused_score_by_hand():
    # One feature, two users: references are drawn, but all of a user's genuine ones are alike.
    X = np.array([[0.0], [0.0], [0.0], [1.0], [5.0], [5.0], [5.0], [7.0]])
    writer, forged = ["a"] * 4 + ["b"] * 4, [0, 0, 0, 1] * 2
    _, trials = writer_independent_report(
        X, writer, forged, n_references=2, n_repeats=1, return_trials=True
    )
    seen = trials.groupby(["user", "kind"])["score"].unique()
    assert {key: values.tolist() for key, values in seen.items()} == {
        ("a", "genuine"): [0.0], ("a", "skilled"): [-1.0], ("a", "random"): [-5.0],
        ("b", "genuine"): [0.0], ("b", "skilled"): [-2.0], ("b", "random"): [-5.0],
    }  # fmt: skip


def test_more_references_are_better():
    X, writer, forged = signatures(8, 12, 8, spread=0.8)
    few, many = (
        writer_independent_report(X, writer, forged, n_references=k, random_state=0) for k in (1, 6)
    )
    assert (many["eer"] < few["eer"]).all()


def test_user_thresholds_forgive_users_who_differ():
    X, writer, forged = signatures(6, 10, 10, spread=0.4)
    scale = {name: 3.0**i for i, name in enumerate(np.unique(writer))}
    wide = X * np.array([scale[name] for name in writer])[:, None]
    row = writer_independent_report(wide, writer, forged).loc["skilled"]
    assert row["eer_user"] < row["eer"] - 0.05


def test_each_user_has_a_classifier():
    X, writer, forged = signatures(6, 10, 6, spread=0.4)
    report, trials = writer_dependent_report(
        X, writer, forged, n_references=4, n_repeats=3, return_trials=True, random_state=0
    )
    again = writer_dependent_report(X, writer, forged, n_references=4, n_repeats=3, random_state=0)
    pd.testing.assert_frame_equal(report, again)
    counts = trials.groupby(["repeat", "user", "kind"]).size().unstack()
    assert (counts == [6, 30, 6]).all(axis=None)  # only what is nobody's reference
    assert report.loc["random", "eer"] < 0.1 < 0.5 < report.loc["random", "auc"]
    assert (report["eer_std"] > 0).any()
    genuine = trials.kind == "genuine"
    assert report.loc["skilled", "frr"] == pytest.approx((trials.score[genuine] < 0).mean())
    assert (report["n_users"] == 6).all()


class Spy(LogisticRegression):
    seen: list = []

    def fit(self, X, y):
        Spy.seen.append((X, y))
        return super().fit(X, y)


def test_what_a_classifier_is_trained_on():
    X, writer, forged = signatures(4, 6, 3)
    background = np.random.default_rng(1).normal(size=(7, 6))
    genuine = {tuple(x) for x in X[~forged]}
    for negatives, n in ((None, 9), (background, 7)):
        Spy.seen = []
        report = writer_dependent_report(
            X, writer, forged, n_references=3, classifier=Spy(), background=negatives, n_repeats=2
        )
        assert len(Spy.seen) == 8 and list(report.index) == ["skilled", "random"]
        for rows, labels in Spy.seen:
            assert labels.tolist() == [1] * 3 + [-1] * n
            assert all(tuple(x) in genuine for x in rows[: len(rows) if negatives is None else 3])
            assert len({writer[(x == X).all(axis=1)][0] for x in rows[:3]}) == 1


def test_a_classifier_with_probabilities_only():
    class Judge(LogisticRegression):
        decision_function = property()  # as if it had none

        def predict_proba(self, X):
            odds = np.exp(X @ self.coef_[0] + self.intercept_[0])
            return np.stack([1 / (1 + odds), odds / (1 + odds)], axis=1)

    X, writer, forged = signatures(3, 6, 3, spread=0.2)
    report, trials = writer_dependent_report(
        X, writer, forged, n_references=3, classifier=Judge(), n_repeats=1, threshold=0.5,
        return_trials=True,
    )  # fmt: skip
    assert trials.score.between(0, 1).all() and report.loc["random", "eer"] < 0.2


def test_fewer_random_forgeries():
    X, writer, _ = signatures(5, 8, 0)
    report = writer_dependent_report(X, writer, n_references=4, n_repeats=2, n_random=3)
    assert list(report.index) == ["random"]
    assert report.loc["random", "n_forged"] == 15
    report, trials = writer_independent_report(
        X, writer, n_repeats=3, n_random=2, return_trials=True, random_state=0
    )
    assert trials["repeat"].nunique() == 3 and report.loc["random", "eer_std"] > 0
    assert report.loc["random", "n_forged"] == 5 * 8 * 2


@pytest.mark.parametrize("protocol", [writer_independent_report, writer_dependent_report])
def test_users_with_too_few_signatures(protocol):
    X, writer, forged = signatures()
    few = np.flatnonzero((writer == "u3") & ~forged)
    keep = np.setdiff1d(np.arange(len(X)), few[2:])
    with pytest.warns(
        UserWarning, match="1 of 5 users has fewer than 4 genuine .* left out: u3"
    ) as caught:
        _, trials = protocol(
            X[keep], writer[keep], forged[keep], n_references=3, n_repeats=2, return_trials=True
        )
    assert len(caught) == 1 and caught[0].filename == __file__
    assert "u3" not in {*trials.user, *trials.writer}
    with pytest.raises(ValueError, match="0 of 5 users have 9 genuine signatures or more"):
        protocol(X, writer, forged, n_references=8)


def test_a_user_without_forgeries_has_no_skilled_rate():
    X, writer, forged = signatures()
    keep = ~((writer == "u1") & forged)
    report = writer_independent_report(X[keep], writer[keep], forged[keep])
    assert report["n_users"].tolist() == [4, 5]


@pytest.mark.parametrize("protocol", [writer_independent_report, writer_dependent_report])
def test_bad_input_of_the_protocols(protocol):
    X, writer, forged = signatures()
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        protocol(X, writer[:3], forged)
    with pytest.raises(ValueError, match="forged has 3 values, and there are 60 writers"):
        protocol(X, writer, forged[:3])
    with pytest.raises(ValueError, match="forged is 2 in row 0; it is True for forgeries"):
        protocol(X, writer, np.full(60, 2))
    with pytest.raises(ValueError, match="X contains NaN"):
        protocol(np.full_like(X, np.nan), writer, forged)
    with pytest.raises(ValueError, match="writer has no value in row 0"):
        protocol(X, [None, *writer[1:]], forged)
    with pytest.raises(ValueError, match="n_references"):
        protocol(X, writer, forged, n_references=0)


def test_more_bad_input_of_the_protocols():
    X, writer, forged = signatures()
    with pytest.raises(ValueError, match="fusion"):
        writer_independent_report(X, writer, forged, n_references=2, fusion="sum")
    with pytest.raises(ValueError, match=r"X has shape \(60, 6\); with metric='precomputed'"):
        writer_independent_report(X, writer, forged, metric="precomputed")
    with pytest.raises(ValueError, match="background has 3 features, and X has 6"):
        writer_dependent_report(X, writer, forged, n_references=2, background=X[:, :3])
    with pytest.raises(ValueError, match="classifier"):
        writer_dependent_report(X, writer, forged, n_references=2, classifier="svm")


def test_intervals_from_trials():
    X, writer, forged = signatures(8, 8, 6)
    report, trials = writer_independent_report(X, writer, forged, return_trials=True)
    skilled = trials[trials.kind != "random"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        low, high = pair_bootstrap_interval(
            equal_error_rate, skilled.kind == "genuine", skilled.score,
            skilled[["user", "writer"]], n_resamples=100, random_state=0,
        )  # fmt: skip
    assert low < report.loc["skilled", "eer"] < high
