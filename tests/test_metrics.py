"""Error rates against jiwer, alignment against brute force, and the rest by its properties."""

from __future__ import annotations

import unicodedata
from functools import lru_cache, partial

import jiwer
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.metrics import make_scorer
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score

from hwsk.metrics import (
    bootstrap_interval,
    character_accuracy,
    character_error_rate,
    character_f1,
    character_precision,
    character_recall,
    get_scorer,
    get_scorer_names,
    word_error_rate,
)

METRICS = [
    character_error_rate,
    word_error_rate,
    character_accuracy,
    character_precision,
    character_recall,
    character_f1,
]
short = st.text("abc ", max_size=6)
pairs = st.lists(st.tuples(short, short), min_size=1, max_size=6)


def brute_force(true: str, pred: str) -> tuple[int, int]:
    """Fewest edits, and the most matches of any alignment with so few: by recursion."""

    @lru_cache
    def best(i: int, j: int) -> tuple[int, int]:
        if not i or not j:
            return i + j, 0
        same = true[i - 1] == pred[j - 1]
        edits, matches = best(i - 1, j - 1)
        options = [(edits + (not same), matches - same)]
        options += [(e + 1, m) for e, m in (best(i - 1, j), best(i, j - 1))]
        return min(options)

    edits, matches = best(len(true), len(pred))
    return edits, -matches


@given(pairs)
def test_error_rates_agree_with_jiwer(lines):
    # jiwer strips lines and runs of spaces, and has no opinion on how they count
    truth, guess = zip(*[(" ".join(a.split()), " ".join(b.split())) for a, b in lines], strict=True)
    assert character_error_rate(truth, guess) == pytest.approx(jiwer.cer(list(truth), list(guess)))
    assert word_error_rate(truth, guess) == pytest.approx(jiwer.wer(list(truth), list(guess)))


@given(pairs)
def test_alignment_agrees_with_brute_force(lines):
    truth, guess = zip(*lines, strict=True)
    edits, matches = np.sum([brute_force(*line) for line in lines], axis=0)
    n, m = len("".join(truth)), len("".join(guess))
    assert character_error_rate(truth, guess) == pytest.approx(edits / max(n, 1))
    assert character_accuracy(truth, guess) == pytest.approx(1 - edits / max(n, 1))
    assert character_recall(truth, guess) == pytest.approx(matches / n if n else float(m == 0))
    assert character_precision(truth, guess) == pytest.approx(matches / m if m else float(n == 0))
    assert character_f1(truth, guess) == pytest.approx(2 * matches / (n + m) if n + m else 1)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_the_truth_is_read_without_error(texts):
    decomposed = [unicodedata.normalize("NFD", text) for text in texts]
    assert [metric(texts, decomposed) for metric in METRICS] == [0, 0, 1, 1, 1, 1]


@given(pairs)
def test_swapping_sides_swaps_precision_and_recall(lines):
    truth, guess = zip(*lines, strict=True)
    assert character_precision(truth, guess) == character_recall(guess, truth)
    assert character_f1(truth, guess) == character_f1(guess, truth)


@given(pairs, st.data())
def test_an_integer_weight_is_repetition(lines, data):
    weight = data.draw(
        st.lists(st.integers(0, 3), min_size=len(lines), max_size=len(lines)).filter(any)
    )
    truth, guess = (np.array(side, object) for side in zip(*lines, strict=True))
    for metric in METRICS:
        repeated = metric(np.repeat(truth, weight), np.repeat(guess, weight))
        assert metric(truth, guess, sample_weight=weight) == pytest.approx(repeated)


def test_micro_average_not_mean_of_lines():
    assert character_error_rate(["a", "abcdefghi"], ["b", "abcdefghi"]) == 0.1


def test_empty_references():
    assert character_error_rate([""], [""]) == word_error_rate([""], [" "]) == 0
    assert character_error_rate(["", "ab"], ["xy", "ab"]) == 1  # insertions count
    assert character_error_rate([""], ["xyz"]) == 3  # over 1, as jiwer
    assert character_accuracy([""], ["xyz"]) == -2
    assert character_precision([""], ["x"]) == character_recall([""], ["x"]) == 0
    assert character_precision(["x"], [""]) == character_recall(["x"], [""]) == 0
    assert [f([""], [""]) for f in (character_precision, character_recall, character_f1)] == [1] * 3


@pytest.mark.parametrize(
    "truth",
    [
        [17, 3],
        np.array([17, 3]),
        ("17", "3"),
        pd.Series([17, 3], index=[5, 5]),
        np.array([["17"], ["3"]]),
        np.array(["17", "3"], object),
    ],
)
def test_kinds_of_y(truth):
    assert character_error_rate(truth, ["11", "3"]) == pytest.approx(1 / 3)


def test_normalisation():
    assert character_error_rate(["\ufb01n"], ["fin"]) == 1
    assert character_error_rate(["\ufb01n"], ["fin"], normalize="NFKC") == 0
    assert character_error_rate(["The"], ["the"], normalize=str.casefold) == 0
    with pytest.raises(ValueError, match="normalize is 'nfc'"):
        character_error_rate(["a"], ["a"], normalize="nfc")


def test_tokenizers():
    truth, guess = ["don't  stop!"], ["dont stop"]
    assert word_error_rate(truth, guess) == 1
    assert word_error_rate(truth, guess, tokenizer="punctuation") == 4 / 5
    assert word_error_rate(truth, guess, tokenizer=list) == character_error_rate(truth, guess)
    # vowel signs are no punctuation
    assert word_error_rate(["हिन्दी।"], ["हिन्दी"], tokenizer="punctuation") == 1 / 2
    with pytest.raises(ValueError, match="tokenizer is 'nltk'"):
        word_error_rate(truth, guess, tokenizer="nltk")


@pytest.mark.parametrize(
    ("truth", "guess", "message"),
    [
        (["a", "b"], ["a"], "2 lines and y_pred has 1"),
        ([], [], "no line to score"),
        ("ab", "ab", "y_true is one string"),
        (["a", "b"], ["a", None], r"y_pred\[1\] is None"),
        (["a", float("nan")], ["a", "b"], r"y_true\[1\] is nan"),
        ([True], ["a"], r"y_true\[0\] is True"),
        ([["a"]], [["a"]], r"y_true\[0\] is \['a'\]"),
    ],
)
def test_bad_input_names_the_row(truth, guess, message):
    for metric in METRICS:
        with pytest.raises(ValueError, match=message):
            metric(truth, guess)


@pytest.mark.parametrize("metric", METRICS)
def test_bootstrap_by_counts_equals_bootstrap_by_calls(metric):
    rng = np.random.default_rng(0)
    lines = ["".join(rng.choice(list("ab "), rng.integers(0, 8))) for _ in range(40)]
    options = {"groups": rng.integers(0, 7, 20), "n_resamples": 50, "random_state": 3}
    quick = bootstrap_interval(metric, lines[:20], lines[20:], **options)
    slow = bootstrap_interval(lambda a, b: metric(a, b), lines[:20], lines[20:], **options)
    assert quick == pytest.approx(slow)
    assert quick[0] <= metric(lines[:20], lines[20:]) <= quick[1]


def test_bootstrap_draws_writers():
    truth = ["aaaa"] * 40
    guess = ["aaaa"] * 20 + ["bbbb"] * 20
    writer = np.repeat(["good", "bad"], 20)
    assert bootstrap_interval(character_error_rate, truth, guess, groups=writer) == (0, 1)
    low, high = bootstrap_interval(character_error_rate, truth, guess, random_state=0)
    assert 0.3 < low < 0.5 < high < 0.7
    casefold = partial(character_error_rate, normalize=lambda text: text.replace("b", "a"))
    assert bootstrap_interval(casefold, truth, guess) == (0, 0)
    wide = bootstrap_interval(
        character_error_rate, truth, guess, confidence_level=0.999, random_state=0
    )
    assert wide[0] < low < high < wide[1]


def test_bootstrap_takes_any_metric():
    def bias(y_true, y_pred):
        return float(np.mean(np.array(y_pred) - np.array(y_true)))

    assert bootstrap_interval(bias, [1.5, 2.5], [2.5, 3.5]) == (1, 1)
    with pytest.raises(ValueError, match="n_resamples is 0"):
        bootstrap_interval(bias, [1.0], [1.0], n_resamples=0)
    with pytest.raises(ValueError, match="confidence_level is 95"):
        bootstrap_interval(bias, [1.0], [1.0], confidence_level=95)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        bootstrap_interval(bias, [1.0], [1.0], groups=["A", "B"])


class Constant(BaseEstimator):
    """Reads the same line everywhere."""

    def __init__(self, text="the"):
        self.text = text

    def fit(self, X, y):
        return self

    def predict(self, X):
        return np.full(len(X), self.text, object)


OF_TEXTS = sorted(set(get_scorer_names()) - {"neg_equal_error_rate"})


@pytest.mark.parametrize("name", OF_TEXTS)
def test_scorers_are_higher_is_better(name):
    X, y = np.zeros((2, 1)), ["the", "thy"]
    metric = globals()[name.removeprefix("neg_")]
    score = get_scorer(name)(Constant(), X, y)
    assert abs(score) == pytest.approx(metric(y, ["the", "the"]))
    assert score > get_scorer(name)(Constant("quiz"), X, y)


def test_scorers_in_cross_validation_and_search():
    X, y = np.zeros((12, 1)), np.array(["the", "the", "of"] * 4, object)
    model, cv = Constant(), KFold(3)
    scores = cross_val_score(model, X, y, scoring=get_scorer("neg_word_error_rate"), cv=cv)
    assert (scores < 0).all()
    search = GridSearchCV(
        model,
        {"text": ["the", "q"]},
        scoring={"cer": get_scorer("neg_character_error_rate"), "f1": make_scorer(character_f1)},
        refit="cer",
        cv=cv,
    ).fit(X, y)
    assert search.best_params_ == {"text": "the"}
    assert get_scorer("r2") is not None
    with pytest.raises(ValueError, match="no scorer 'cer'"):
        get_scorer("cer")
