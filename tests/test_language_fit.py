"""Whether a text is of the language of a language model, for models of any size and order."""

import copy

import numpy as np
import pytest
from numpy.testing import assert_allclose
from small_words import draw_words, small_recognizer

import hwsk
from hwsk.recognition import CTCDecoder, NgramLanguageModel
from hwsk.recognition._language_fit import measure_fit, sample_gain
from hwsk.recognition._ngrams import END, START, log10_probs

LETTERS = "abcdefgh"


def texts_of_language(seed, n, length=30):
    """Texts in which each letter is followed by two others mostly, which the seed chooses."""
    chosen = np.random.default_rng(seed)
    weights = np.full((len(LETTERS), len(LETTERS)), 0.03)
    for row in weights:
        row[chosen.choice(len(LETTERS), 2, replace=False)] = 0.5
    weights /= weights.sum(axis=1, keepdims=True)
    rng = np.random.default_rng([seed, n])
    texts = []
    for _ in range(n):
        letters = [rng.integers(len(LETTERS))]
        while len(letters) < length:
            letters.append(rng.choice(len(LETTERS), p=weights[letters[-1]]))
        texts.append("".join(LETTERS[i] for i in letters))
    return texts


@pytest.mark.parametrize(("n", "order", "least_gain"), [(30, 3, 0), (400, 3, 0), (400, 4, 2)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_language_is_known_from_others(n, order, least_gain, seed):
    model = NgramLanguageModel(order, least_gain=least_gain).fit(texts_of_language(seed, n))
    own = measure_fit(model, texts_of_language(seed, 50)).mean()
    other = measure_fit(model, texts_of_language(seed + 10, 50)).mean()
    mixed = [
        "".join(np.random.default_rng(0).permutation([*t])) for t in texts_of_language(seed, 50)
    ]
    unknown = measure_fit(model, ["xyz" * 10]).mean()
    assert 0.75 < own < 1.25
    assert max(other, measure_fit(model, mixed).mean(), unknown) < 0.45


def test_the_typical_gain_is_the_mean_of_the_chain():
    """Of bigrams, it follows from the numbers of visits of each symbol of a Markov chain."""
    model = NgramLanguageModel(2).fit(texts_of_language(3, 100, length=12))
    n = len(model.symbols_)
    ngrams = model._checked_ngrams()

    def log_prob(order, tokens):
        of_one = np.zeros(len(tokens), np.int64)
        return log10_probs(ngrams, n, order, np.array(tokens), of_one)[-1] * np.log(10)

    after = np.array([[log_prob(2, [a, b]) for b in range(n)] for a in range(n)])
    after[:, START], after[END] = -np.inf, -np.inf
    alone = np.array([log_prob(1, [b]) for b in range(n)])
    steps = np.exp(after)
    visits = np.linalg.solve(np.eye(n) - steps.T, np.eye(n)[START])
    gain = (steps * np.where(steps > 0, after - alone, 0)).sum(axis=1)
    assert_allclose(steps.sum(axis=1)[[START, 3]], 1, rtol=1e-5)
    assert_allclose(sample_gain(model), visits @ gain / visits[visits > 0].sum(), rtol=0.1)


def test_lines_in_capitals_are_judged_in_small_letters():
    model = NgramLanguageModel(3).fit(texts_of_language(0, 100))
    texts = texts_of_language(0, 5)
    assert_allclose(measure_fit(model, [t.upper() for t in texts]), measure_fit(model, texts))


def test_a_model_of_single_symbols_says_nothing():
    model = NgramLanguageModel(1).fit(["ab", "ba"])
    assert np.isnan(measure_fit(model, ["ab", ""])).all()


def test_the_typical_gain_is_sampled_once_for_a_fit():
    model = NgramLanguageModel(3).fit(texts_of_language(0, 100))
    first = model._typical_gain()
    assert copy.deepcopy(model)._typical_gain() == model._typical_gain() == first
    model.fit(["ab", "cd", "abc"])
    assert model._typical_gain() == sample_gain(model) != first


def test_a_model_that_has_judged_is_saved_as_before(tmp_path):
    model = NgramLanguageModel(3).fit(texts_of_language(0, 100))
    before = dict(vars(model))
    fit = measure_fit(model, texts_of_language(1, 3))
    assert vars(model).keys() == before.keys()
    hwsk.save(model, tmp_path / "lm.hwsk")
    assert_allclose(measure_fit(hwsk.load(tmp_path / "lm.hwsk"), texts_of_language(1, 3)), fit)


def test_records_say_how_well_the_greedy_reading_fits():
    images, texts = draw_words(40)
    recognizer = small_recognizer(max_epochs=15).fit(images, texts)
    model = NgramLanguageModel(2).fit(["abca", "bcab", "cabc"])
    greedy = recognizer.predict(images)
    assert {r["language_fit"] for r in recognizer.predict_details(images)} == {None}
    recognizer.set_params(decoder=CTCDecoder(language_model=model, lm_weight=3.0))
    assert (recognizer.predict(images) != greedy).any()
    found = [record["language_fit"] for record in recognizer.predict_details(images)]
    assert_allclose(found, measure_fit(model, greedy.tolist()))
    of_words = NgramLanguageModel(2, unit="word").fit(["abca", "bcab"])
    recognizer.set_params(decoder=CTCDecoder(language_model=of_words))
    assert recognizer.predict_details(images[:1])[0]["language_fit"] is None
