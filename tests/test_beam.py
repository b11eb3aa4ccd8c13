"""The beam search: equal to brute force; a language model of words does no harm to unknown ones."""

import itertools
import math
import sys
from string import ascii_lowercase

import numpy as np
import pytest

from hwsk.metrics import word_error_rate
from hwsk.recognition import CTCDecoder, NgramLanguageModel, _beam, _decoding
from hwsk.recognition._ngrams import END, START

ALPHABET = "ab "
TEXTS = ["ab a", "a ab ab", "b ab"]
LINES = np.log(np.random.default_rng(0).dirichlet(np.ones(len(ALPHABET) + 1), (6, 6)))
MODELS = {
    "none": None,
    "characters": NgramLanguageModel(3).fit(TEXTS),
    "words": NgramLanguageModel(2, "word").fit(TEXTS),
}


def log_probs_of_texts(line):
    """Sum the probabilities of all paths of each text."""
    found = {}
    for path in itertools.product(range(line.shape[1]), repeat=len(line)):
        text = "".join(
            ALPHABET[i - 1]
            for i, before in zip(path, (0, *path), strict=False)
            if i and i != before
        )
        found[text] = np.logaddexp(
            found.get(text, -np.inf), line[np.arange(len(line)), list(path)].sum()
        )
    return found


def log_prob_of_language(model, text):
    """As the docstring of `CTCDecoder` has it."""
    if model is None:
        return 0.0
    if model.unit == "char":
        return model.log_prob([text])[0]
    words = text.split(" ") if text else []
    log_prob = model.log_prob([" ".join(word or "<unk>" for word in words)])[0]
    n_classes = len(ALPHABET) + 1
    for word in words:
        if word not in model.symbols_:
            log_prob += math.log(len(model.symbols_) - 1) + log_prob_of_spelling(model, word)
    return log_prob + len(text) * math.log(n_classes) / 2


def log_prob_of_spelling(model, word):
    """No character is less likely than one drawn from all classes."""
    spelling = NgramLanguageModel(5).fit(model.symbols_[3:])._checked_ngrams()
    symbols = sorted({c for known in model.symbols_[3:] for c in known})
    node, log_prob = START + 1, 0.0
    for symbol in [*(symbols.index(c) + 3 for c in word), END]:
        log10_prob, node = _beam._predict(spelling, node, symbol)
        log_prob += max(log10_prob * math.log(10), -math.log(len(ALPHABET) + 1))
    return log_prob


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("lexicon", [None, ["ab", "a"]])
def test_a_wide_beam_finds_the_best_texts(name, lexicon):
    model, weight, bonus = MODELS[name], 0.7, 0.3
    decoder = CTCDecoder(
        ALPHABET,
        beam_width=3000,
        min_probability=0,
        language_model=model,
        lm_weight=weight,
        word_bonus=bonus,
        lexicon=lexicon,
    ).fit(LINES)
    for line, readings in zip(LINES, decoder.predict_n_best(LINES, 5), strict=True):
        scores = {
            text: log_prob + weight * log_prob_of_language(model, text) + bonus * len(text.split())
            for text, log_prob in log_probs_of_texts(line).items()
            if lexicon is None or set(text.split()) <= set(lexicon)
        }
        expected = sorted(scores.items(), key=lambda item: -item[1])[:5]
        assert [text for text, _ in readings] == [text for text, _ in expected]
        np.testing.assert_allclose([s for _, s in readings], [s for _, s in expected], rtol=1e-5)


SEEN = [
    "the old house stood on the hill above the river",
    "she wrote a long letter to her brother in the city",
    "no one had seen the ship since the storm last week",
    "he opened the door and looked out into the dark garden",
    "they walked along the road until the sun went down",
]
LETTERS = " " + ascii_lowercase


def posteriors(texts, confidence, seed=0):
    """Two time steps a character; what the right class lacks is shared among a few others."""
    rng, classes = np.random.default_rng(seed), {c: i for i, c in enumerate(LETTERS, 1)}
    lines = []
    for text in texts:
        steps = (1 - confidence) * rng.dirichlet(np.full(len(LETTERS) + 1, 0.1), 2 * len(text))
        steps[np.arange(0, len(steps), 2), 0] += confidence
        steps[np.arange(1, len(steps), 2), [classes[c] for c in text]] += confidence
        lines.append(np.log(steps + 1e-9))
    return lines


@pytest.mark.parametrize("order", [1, 3])
def test_made_up_words_stay_apart(order):
    """Each unknown word at the same cost, whatever its length, would join them: WER 0.9."""
    made_up = ["wugo plint dast", "snerb fimod aggle trood", "blick toma vek duns", "pelo nari so"]
    lines = posteriors(made_up * 5, 0.9)
    model = NgramLanguageModel(order, "word").fit(SEEN)
    greedy = CTCDecoder(LETTERS, method="greedy").fit(lines)
    assert word_error_rate(made_up * 5, greedy.predict(lines)) == 0
    read = CTCDecoder(LETTERS, language_model=model).fit(lines).predict(lines)
    assert word_error_rate(made_up * 5, read) <= 0.03


@pytest.mark.parametrize(("share", "text"), [(0.6, "café"), (0.4, "cafe")])
def test_the_image_decides_on_an_accent_that_no_text_had(share, text):
    """As "<unk>", an é would not be read in a word that the model knows without it."""
    model = NgramLanguageModel(3).fit(["the cafe", "a cafe", "face"])
    probabilities = np.full((4, 6), 0.01)  # of the blank, and of a, c, e, f, é
    probabilities[range(3), [2, 1, 4]] = 0.95
    probabilities[3, [3, 5]] = 0.96 * (1 - share), 0.96 * share
    line = np.log(probabilities)
    decoder = CTCDecoder("acefé", language_model=model, lm_weight=1.0).fit([line])
    assert decoder.predict([line])[0] == text


def make_up(n_lines, seed=0):
    """Lines of words of 1 to 12 letters, consonants and vowels in turn."""
    rng = np.random.default_rng(seed)
    kinds = list("bcdfghjklmnprstvwz"), list("aeiouy")
    return [
        " ".join(
            "".join(str(rng.choice(kinds[(i + first) % 2])) for i in range(length))
            for length, first in zip(rng.integers(1, 13, 5), rng.integers(0, 2, 5), strict=True)
        )
        for _ in range(n_lines)
    ]


@pytest.mark.parametrize("order", [1, 3])
@pytest.mark.parametrize("confidence", [0.9, 0.6])
def test_noise_costs_made_up_words_nothing(order, confidence):
    """Charged by its characters alone, a short word goes, and leaves its blanks: WER 0.3."""
    made_up = make_up(40)
    rng, classes = np.random.default_rng(1), {c: i for i, c in enumerate(LETTERS, 1)}
    lines = []
    for text in made_up:
        noise = rng.dirichlet(np.ones(len(LETTERS) + 1), 2 * len(text)) * (1 - confidence)
        noise[np.arange(0, len(noise), 2), 0] += confidence
        noise[np.arange(1, len(noise), 2), [classes[c] for c in text]] += confidence
        lines.append(np.log(noise))
    greedy = CTCDecoder(LETTERS, method="greedy").fit(lines)
    assert list(greedy.predict(lines)) == made_up
    model = NgramLanguageModel(order, "word").fit(SEEN)
    read = CTCDecoder(LETTERS, language_model=model).fit(lines).predict(lines)
    assert word_error_rate(made_up, read) <= 0.02
    assert not any("  " in text or text != text.strip() for text in read)


def test_known_words_gain():
    lines = posteriors(SEEN * 4, 0.45)
    model = NgramLanguageModel(2, "word").fit(SEEN)
    decoder = CTCDecoder(LETTERS, language_model=model).fit(lines)
    rates = [
        word_error_rate(SEEN * 4, decoder.set_params(**params).predict(lines))
        for params in ({}, {"language_model": None})
    ]
    assert rates[0] < 0.5 * rates[1]


def test_a_model_without_unknown_words_allows_none(tmp_path):
    (tmp_path / "closed.arpa").write_text(
        "\\data\\\nngram 1=4\n\n\\1-grams:\n-1 <s>\n-1 </s>\n-1 ab\n-1 a\n\n\\end\\\n"
    )
    model = NgramLanguageModel.read_arpa(tmp_path / "closed.arpa", unit="word")
    read = CTCDecoder(ALPHABET, language_model=model, lm_weight=1.0).fit(LINES).predict(LINES)
    assert set(" ".join(read).split()) <= {"ab", "a"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"alphabet": None}, "alphabet=None: pass the characters"),
        ({"alphabet": "aba"}, "alphabet holds 'a' more than once"),
        ({"alphabet": "abc", "lexicon": ["xyz"]}, "no word of the lexicon can be written"),
        ({"alphabet": "abc", "lexicon": ["a", 3]}, r"lexicon\[1\] is 3"),
    ],
)
def test_what_a_decoder_refuses(params, message):
    with pytest.raises(ValueError, match=message):
        CTCDecoder(**params).fit(LINES)


@pytest.mark.parametrize("name", ["none", "characters"])
@pytest.mark.parametrize("beam_width", [1, 3, 20])
def test_the_plain_search_agrees_with_the_compiled_one(name, beam_width):
    params = {"beam_width": beam_width, "language_model": MODELS[name], "word_bonus": 0.3}
    decoder = CTCDecoder(ALPHABET, **params).fit(LINES)
    language = decoder._language(ALPHABET)
    plain = _decoding._searcher(language, beam_width)
    for line in [*LINES, np.where(np.log(0.1) > LINES[0], -np.inf, LINES[0]), LINES[0][:0]]:
        parent, last, beam, scores = plain(line)
        expected = _beam.search(line, language, beam_width)
        np.testing.assert_allclose(scores, expected[3], rtol=1e-6)
        texts = []
        for tree, ancestors, nodes in ((last, parent, beam), (expected[1], *expected[::2][:2])):
            texts.append([])
            for node in nodes:
                texts[-1].append("")
                while node:
                    texts[-1][-1] = ALPHABET[tree[node] - 1] + texts[-1][-1]
                    node = ancestors[node]
        assert texts[0] == texts[1]


def test_characters_need_no_numba(monkeypatch):
    monkeypatch.setitem(sys.modules, "hwsk.recognition._beam", None)
    monkeypatch.delattr("hwsk.recognition._beam", raising=False)
    decoder = CTCDecoder(ALPHABET, language_model=MODELS["characters"]).fit(LINES)
    assert len(decoder.predict(LINES)) == len(LINES)
    with pytest.raises(ImportError, match=r"lexicon or a language model of words needs numba"):
        decoder.set_params(lexicon=["ab"]).predict(LINES)


def test_a_lexicon_reads_words_of_improbable_letters():
    line = np.log([[1e-6, 1 - 3e-6, 1e-6, 1e-6], [1 - 3e-6, 1e-6, 1e-6, 1e-6]])
    decoder = CTCDecoder(ALPHABET, lexicon=["b"]).fit([line])  # the network is sure of "a"
    assert decoder.predict([line]).tolist() == ["b"]


def test_improbable_classes_are_not_read():
    line = np.log([[0.5, 0.3, 0.15, 0.05]] * 3)
    decoder = CTCDecoder(ALPHABET, min_probability=0.1).fit([line])
    assert not any(" " in text for text, _ in decoder.predict_n_best([line], 100)[0])
    decoder.set_params(min_probability=0.9)  # the best class of each time step is always read
    assert decoder.predict([line]).tolist() == [""]


@pytest.mark.parametrize("weight", [0.0, 50.0, 1e3, 1e5])
def test_large_weights_leave_texts_and_finite_scores(weight):
    """Products of probabilities of the language model are then too small for a float."""
    alphabet = "abcdeghmnost "
    probs = np.random.default_rng(0).dirichlet(np.full(len(alphabet) + 1, 0.05), size=(5, 40))
    X = list(np.log(np.maximum(probs, 1e-30)))
    model = NgramLanguageModel(3).fit(["the cat sat on the mat", "a dog"])
    decoder = CTCDecoder(alphabet, language_model=model, lm_weight=weight).fit(X)
    assert all(decoder.predict(X))
    scores = [score for line in decoder.predict_n_best(X, 3) for _, score in line]
    assert np.isfinite(scores).all()
