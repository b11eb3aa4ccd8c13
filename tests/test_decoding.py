"""`CTCDecoder` against all alignments of small cases, and what it refuses."""

import itertools
import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from small_words import draw_words, small_recognizer

import hwsk
from hwsk.networks.crnn import CRNN
from hwsk.recognition import CTCDecoder, NgramLanguageModel

ALPHABET = "ab -"
CHARACTERS = NgramLanguageModel(order=3).fit(["ab a", "aab b-", "b a", "x"])
WORDS = NgramLanguageModel(order=2, unit="word").fit(["a ab", "ab b", "a b-b x"])
LEXICON = ["a", "ab", "b-b", "xx"]
WIDE = 10_000  # more than there are prefixes


def fitted(alphabet, *args, **params):
    """A decoder that has seen a line of as many classes as its alphabet needs."""
    return CTCDecoder(alphabet, *args, **params).fit(np.zeros((1, 1, len(alphabet) + 1)))


def all_texts(line):
    """Log-probability of every text: the sum over all alignments."""
    texts = {}
    for path in itertools.product(range(line.shape[1]), repeat=len(line)):
        log_prob = sum(line[t, c] for t, c in enumerate(path))
        merged = [c for c, before in zip(path, (0, *path), strict=False) if c not in (0, before)]
        text = "".join(ALPHABET[c - 1] for c in merged)
        texts[text] = np.logaddexp(texts.get(text, -np.inf), log_prob)
    return texts


def words_are_in(lexicon, text):
    """Whether a text is words of the lexicon, and between them what no word is made of."""
    between = [c for c in ALPHABET if not c.isalpha() and all(c not in word for word in lexicon)]
    for c in between:
        text = text.replace(c, "\n")
    return all(word in lexicon for word in text.split("\n") if word)


def brute_force(line, model=None, lm_weight=0.0, word_bonus=0.0, lexicon=None):
    """Every text that may be, with its score, the best first."""
    scored = []
    for text, score in all_texts(line).items():
        if score == -np.inf or (lexicon and not words_are_in(lexicon, text)):
            continue
        score += word_bonus * len(text.split())
        if model is not None:
            score += lm_weight * model.log_prob([text])[0]
        scored.append((text, score))
    return sorted(scored, key=lambda reading: -reading[1])


def lines(max_steps=4):
    """Posteriors of a blank and `ALPHABET`, some of their classes impossible."""
    logits = st.floats(-6, 6) | st.just(-math.inf)
    row = st.lists(logits, min_size=5, max_size=5).filter(lambda row: max(row) > -math.inf)
    return st.lists(row, max_size=max_steps).map(
        lambda rows: log_softmax(np.reshape(rows, (-1, 5)).astype(float), axis=1)
    )


def assert_same_readings(readings, expected):
    assert len(readings) == len(expected)
    np.testing.assert_allclose([s for _, s in readings], [s for _, s in expected], atol=1e-5)
    assert {text for text, _ in readings} == {text for text, _ in expected}
    if len(expected) == 1 or expected[0][1] > expected[1][1] + 1e-5:
        assert readings[0][0] == expected[0][0]


# --- against all alignments


@settings(deadline=None, max_examples=60)
@given(
    lines(),
    st.sampled_from([None, CHARACTERS, WORDS]),
    st.floats(0, 3),
    st.floats(-2, 2),
    st.sampled_from([None, LEXICON, ["ab", "b"], ["a", "-a b"]]),
)
def test_a_wide_beam_finds_all_texts(line, model, lm_weight, word_bonus, lexicon):
    decoder = fitted(
        ALPHABET,
        "lexicon" if lexicon else "beam",
        beam_width=WIDE,
        language_model=model,
        lm_weight=lm_weight,
        word_bonus=word_bonus,
        lexicon=lexicon,
    )
    expected = brute_force(line, model, lm_weight, word_bonus, lexicon)
    if expected:
        assert_same_readings(decoder.predict_n_best([line], WIDE)[0], expected)
    else:  # no text of these words: what is left of the best prefix
        ((text, score),) = decoder.predict_n_best([line], WIDE)[0]
        assert score == -np.inf
        assert words_are_in(lexicon, text)


@settings(deadline=None, max_examples=60)
@given(lines(6), st.integers(1, 8), st.sampled_from([None, CHARACTERS, WORDS]))
def test_a_narrow_beam_gives_texts_with_scores_that_are_no_better(line, beam_width, model):
    decoder = fitted(ALPHABET, "beam", beam_width=beam_width, language_model=model)
    readings = decoder.predict_n_best([line], WIDE)[0]
    assert 1 <= len(readings) <= beam_width
    scores = [score for _, score in readings]
    assert scores == sorted(scores, reverse=True)
    exact = fitted(ALPHABET, "beam", beam_width=WIDE, language_model=model)
    best = dict(exact.predict_n_best([line], WIDE)[0])
    for text, score in readings:
        assert score <= best[text] + 1e-9


def plain_search(line, beam_width, model, lm_weight, word_bonus):
    """Prefix beam search as it is written in the literature, in plain Python."""

    def language(text):  # of a prefix: without its end
        whole = text.split() if text.endswith(" ") else text.split()[:-1]
        bonus = word_bonus * len(text.split())
        if model is None:
            return bonus
        known = text if model.unit == "char" else " ".join(whole)
        tokens, sentences = model._number([list(known) if model.unit == "char" else whole])
        from hwsk.recognition._ngrams import Ngrams, log10_probs

        order = len(model.n_ngrams_)
        values = log10_probs(Ngrams(**model.ngrams_), len(model.symbols_), order, tokens, sentences)
        return bonus + lm_weight * math.log(10) * values[:-1].sum()

    beam = {"": (0.0, -np.inf)}
    for step in line:
        following = {}

        def add(text, blank, other, following=following):
            former = following.get(text, (-np.inf, -np.inf))
            following[text] = np.logaddexp(former[0], blank), np.logaddexp(former[1], other)

        for text, (blank, other) in beam.items():
            both = np.logaddexp(blank, other)
            add(text, both + step[0], -np.inf)
            for i, c in enumerate(ALPHABET, 1):
                if text.endswith(c):
                    add(text, -np.inf, other + step[i])
                add(text + c, -np.inf, (blank if text.endswith(c) else both) + step[i])
        ranked = sorted(
            following, key=lambda text: -(np.logaddexp(*following[text]) + language(text))
        )
        beam = {text: following[text] for text in ranked[:beam_width]}
    return {text: np.logaddexp(*pair) for text, pair in beam.items()}


@pytest.mark.parametrize("model", [None, CHARACTERS, WORDS], ids=["no model", "chars", "words"])
def test_a_narrow_beam_keeps_what_the_plain_search_keeps(model):
    """No prefix is lost that is left and met again, none is counted twice."""
    rng = np.random.default_rng(0)
    for _ in range(10):
        line = log_softmax(rng.normal(size=(12, 5)), axis=1)
        settings = {"lm_weight": 0.7, "word_bonus": 0.4}
        decoder = fitted(ALPHABET, "beam", beam_width=6, language_model=model, **settings)
        readings = decoder.predict_n_best([line], 6)[0]
        expected = plain_search(line, 6, model, **settings)
        assert {text for text, _ in readings} == expected.keys()
        for text, score in readings:
            score -= settings["word_bonus"] * len(text.split())
            if model is not None:
                score -= settings["lm_weight"] * model.log_prob([text])[0]
            assert score == pytest.approx(expected[text], abs=1e-5)


@settings(deadline=None, max_examples=60)
@given(lines(6))
def test_greedy_reads_the_best_path(line):
    ((text, score),) = fitted(ALPHABET).predict_n_best([line])[0]
    path = line.argmax(axis=1)
    classes = [c for c, before in zip(path, [0, *path], strict=False) if c not in (0, before)]
    assert text == "".join(ALPHABET[c - 1] for c in classes)
    assert score == pytest.approx(line.max(axis=1).sum())


# --- what a language model and a lexicon do


def posterior(text, sure=0.9, alphabet="abcdehot '."):
    """A line that reads a text, a blank after each character."""
    n_classes = len(alphabet) + 1
    line = np.full((2 * len(text), n_classes), (1 - sure) / (n_classes - 1))
    for t, c in enumerate(text):
        line[2 * t, alphabet.index(c) + 1] = line[2 * t + 1, 0] = sure
    return np.log(line)


def test_a_language_model_mends():
    model = NgramLanguageModel(order=4).fit(["the cat", "the hat", "a coat"])
    line = posterior("tha cat", 0.4)
    assert fitted("abcdehot '.").predict([line]) == ["tha cat"]
    assert fitted("abcdehot '.", "beam").predict([line]) == ["tha cat"]
    decoder = fitted("abcdehot '.", "beam", language_model=model, lm_weight=1.0)
    assert decoder.predict([line]) == ["the cat"]
    assert decoder.set_params(lm_weight=0.0).predict([line]) == ["tha cat"]


def test_a_model_of_words_mends():
    model = NgramLanguageModel(order=2, unit="word").fit(["the cat", "the hat", "the coat"])
    decoder = fitted("abcdehot '.", "beam", language_model=model, lm_weight=2.0)
    assert decoder.predict([posterior("tha cat", 0.4)]) == ["the cat"]


def test_the_words_of_the_lexicon_and_what_stands_between_them():
    decoder = fitted("abcdehot '.", "lexicon", lexicon=["the", "cat", "do"])
    lines = [posterior(text, 0.6) for text in ("tha cot", "' the. cat.'", "the do", "tdho")]
    assert_array_equal(decoder.predict(lines), ["the cat", "' the. cat.'", "the do", "the"])
    # an apostrophe within a word stands no more between words
    decoder.set_params(lexicon=["the", "cat", "do", "o'd"])
    assert_array_equal(decoder.predict([posterior("' o'd", 0.9)]), [" o'd"])


def test_a_line_without_a_word_of_the_lexicon():
    line = np.full((3, 12), -np.inf)
    line[0, 2] = line[1, 9] = line[2, 3] = 0.0  # "b c", and nothing else is possible
    decoder = fitted("abcdehot '.", "lexicon", lexicon=["b", "cat"])
    assert decoder.predict_n_best([line]) == [[("b ", -np.inf)]]
    decoder.set_params(lexicon=["cat"])  # not even a prefix
    assert decoder.predict_n_best([line]) == [[("", -np.inf)]]


def test_lexicon_and_language_model_know_what_they_share_with_the_alphabet():
    decoder = fitted("ab", "lexicon", lexicon=["ab", "a\u00e9"], beam_width=3)
    assert decoder.predict([np.log([[0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])]) == ["ab"]
    decoder.set_params(language_model=NgramLanguageModel(order=2).fit(["axb", "b"]))
    assert decoder.predict([np.log([[0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])]) == ["ab"]


def test_a_word_bonus_makes_words():
    line = posterior("a", 0.99)[:1].repeat(5, axis=0)
    texts = [
        fitted("abcdehot '.", "beam", word_bonus=bonus).predict([line])[0] for bonus in (0, 10)
    ]
    assert len(texts[0].split()) == 1
    assert len(texts[1].split()) == 2


# --- as an estimator


@pytest.mark.parametrize("decoder", ["greedy", "beam", "lexicon"])
def test_details_in_time_steps(decoder):
    lines = [posterior("the cat", 0.7), posterior("", 0.7)]
    reader = fitted("abcdehot '.", decoder, lexicon=["the", "cat"])
    full, empty = reader.predict_details(lines)
    assert full["text"] == "the cat"
    assert [word["text"] for word in full["words"]] == ["the", "cat"]
    assert full["minimum"] == pytest.approx(0.7)
    for i, c in enumerate(full["characters"]):  # each has one step, and half the blank behind it
        assert c["start"] <= 2 * i and 2 * i + 1 <= c["stop"]
    assert empty["text"] == "" and empty["words"] == []
    with pytest.raises(NotFittedError):
        CTCDecoder("ab").predict_details(lines)


def test_a_search_runs_the_network_once(monkeypatch):
    """What `docs/decoding.rst` advises: the network is run before the search, and not in it."""
    runs = []
    forward = CRNN.forward
    monkeypatch.setattr(CRNN, "forward", lambda *args, **x: runs.append(0) or forward(*args, **x))
    X, y = draw_words(16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        recognizer = small_recognizer().fit(X, y)
    runs.clear()
    posteriors = recognizer.predict_log_proba(X)
    once = len(runs)
    assert once > 0
    model = NgramLanguageModel(order=2).fit(y)
    decoder = CTCDecoder(recognizer.alphabet_, "beam", language_model=model)
    grid = {"lm_weight": [0.0, 0.3, 0.6, 1.0], "beam_width": [5, 10]}
    search = GridSearchCV(decoder, grid, cv=2).fit(posteriors, y)
    best = recognizer.set_params(decoder="beam", language_model=model, **search.best_params_)
    assert len(runs) == once
    assert best.score(X, y) == search.score(posteriors, y)  # and what it found holds for images


def test_a_search_over_the_weight_needs_no_network():
    model = NgramLanguageModel(order=4).fit(["the cat", "the hat", "a coat"])
    lines, texts = [posterior("tha cat", 0.4)] * 4, ["the cat"] * 4
    decoder = fitted("abcdehot '.", "beam", language_model=model)
    search = GridSearchCV(decoder, {"lm_weight": [0.0, 1.0]}, cv=2).fit(lines, texts)
    assert search.best_params_ == {"lm_weight": 1.0}
    assert search.best_score_ == 1.0
    assert search.score(np.array(lines), texts) == 1.0


def test_copies_read_the_same(tmp_path):
    decoder = fitted(ALPHABET, "lexicon", language_model=CHARACTERS, lexicon=LEXICON)
    line = log_softmax(np.random.default_rng(0).normal(size=(20, 5)), axis=1)
    expected = decoder.predict_n_best([line])
    hwsk.save(decoder, tmp_path / "decoder.hwsk")
    for copy in (
        clone(decoder).fit([line]),
        pickle.loads(pickle.dumps(decoder)),
        hwsk.load(tmp_path / "decoder.hwsk"),
    ):
        assert copy.predict_n_best([line]) == expected


def test_integers():
    line = np.log(np.full((3, 11), 0.01) + 0.89 * np.eye(11)[[5, 0, 3]])
    decoder = CTCDecoder("0123456789").fit([line], [42])
    read = decoder.predict([line, line[:0]])
    assert read.dtype == np.int64
    assert read.tolist() == [42, -1]
    assert CTCDecoder().fit([line]).predict([line]) == ["42"]


def test_shapes_and_scales():
    rng = np.random.default_rng(0)
    block = rng.normal(size=(3, 8, 5))
    decoder = fitted(ALPHABET, "beam")
    expected = decoder.predict(block)
    ragged = np.empty(3, object)
    ragged[:] = list(block.astype(np.float32))
    assert_array_equal(decoder.predict(ragged), expected)
    assert_array_equal(decoder.predict([log_softmax(line, axis=1) - 3 for line in block]), expected)


def test_a_blank_line_and_one_without_time_steps():
    blank = np.log([[0.98, 0.01, 0.01]] * 5)
    for decoder in ("greedy", "beam", "lexicon"):
        lines = [blank, blank[:0]]
        assert_array_equal(fitted("ab", decoder, lexicon=["a"]).predict(lines), ["", ""])
    model = NgramLanguageModel(order=2).fit(["ab"])
    ((reading,),) = fitted("ab", "beam", language_model=model).predict_n_best([blank[:0]])
    assert reading == ("", pytest.approx(0.6 * model.log_prob([""])[0]))


# --- bad input

LINE = np.log([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["a"], r"X\[0\] has shape \(\) and dtype <U1"),
        ([LINE, LINE[:, :2]], r"X\[1\] has 2 classes; the blank and the 2 characters .* make 3"),
        ([LINE, LINE * np.nan], r"X\[1\] has NaN at time step 0"),
        ([LINE, np.r_[LINE, [[0, np.inf, 0]]]], r"X\[1\] has infinity at time step 2"),
        ([np.r_[LINE, [[-np.inf] * 3]]], r"X\[0\] has no class .* at time step 2"),
        ([np.exp(LINE)], r"X\[0\] holds probabilities; pass their logarithms"),
        ([], "0 sample"),
        (3, "X is int"),
        ("ab", "X is str"),
    ],
)
@pytest.mark.parametrize("decoder", ["greedy", "beam"])
def test_bad_lines(X, message, decoder):
    with pytest.raises(ValueError, match=message):
        fitted("ab", decoder).predict(X)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"decoder": "best"}, "The 'decoder' parameter"),
        ({"beam_width": 0}, "The 'beam_width' parameter"),
        ({"lm_weight": -1.0}, "The 'lm_weight' parameter"),
        ({"language_model": "kenlm"}, "The 'language_model' parameter"),
        ({"alphabet": "aba"}, "alphabet holds 'a' more than once"),
        ({"decoder": "lexicon"}, "decoder='lexicon' needs the words"),
        ({"decoder": "lexicon", "lexicon": []}, "decoder='lexicon' needs the words"),
        ({"decoder": "lexicon", "lexicon": ["a", ""]}, r"lexicon\[1\] is ''"),
        ({"decoder": "lexicon", "lexicon": ["a", 3]}, r"lexicon\[1\] is 3"),
        ({"decoder": "lexicon", "lexicon": ["xy"]}, r"no word of the lexicon .* alphabet 'ab'"),
        (
            {"decoder": "beam", "language_model": NgramLanguageModel().fit(["xyz"])},
            "the language model knows none of the alphabet's characters 'ab'; .* 'xyz'",
        ),
        (
            {"decoder": "beam", "language_model": NgramLanguageModel(unit="word").fit(["xyz"])},
            "no word of the language model",
        ),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        CTCDecoder(**{"alphabet": "ab", **params}).fit([LINE])
    if "alphabet" not in params:
        with pytest.raises(ValueError, match=message):
            fitted("ab").set_params(**params).predict([LINE])


def test_a_language_model_that_was_not_fitted():
    with pytest.raises(NotFittedError, match="NgramLanguageModel"):
        fitted("ab", "beam", language_model=NgramLanguageModel())


def test_before_fit():
    for method in ("predict", "predict_n_best"):
        with pytest.raises(NotFittedError, match="CTCDecoder"):
            getattr(CTCDecoder("ab"), method)([LINE])


def test_a_damaged_language_model():
    model = NgramLanguageModel(order=2).fit(["ab", "b"])
    decoder = fitted("ab", "beam", language_model=model)
    model.ngrams_["suffix"][-1] = 10**6
    with pytest.raises(ValueError, match="the language model is damaged"):
        decoder.predict([LINE])


def test_n_best_is_checked():
    with pytest.raises(ValueError, match="n_best == 0, must be >= 1"):
        fitted("ab").predict_n_best([LINE], 0)


def test_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "hwsk.recognition._beam", None)
    monkeypatch.delattr("hwsk.recognition._beam", raising=False)
    decoder = fitted("ab")
    assert decoder.predict([LINE]) == ["a"]
    with pytest.raises(ImportError, match=r"needs numba .*pip install 'hwsk\[decode\]'"):
        decoder.set_params(decoder="beam").predict([LINE])
