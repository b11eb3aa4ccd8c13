"""`SpellingCorrector` and `TextNormalizer`: what they mend, and what they leave alone."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_words import draw, draw_words, small_recognizer

import hwsk
from hwsk.recognition import SpellingCorrector, TextNormalizer
from hwsk.utils.estimator_checks import check_estimator

pytestmark = pytest.mark.filterwarnings("ignore:after .* epochs the recognizer reads nothing")
TEXTS = ["the river flows", "a cat on the mat", "the hat", "rivers flow", "a flat mat"] * 3
MISREAD = [text.replace("v", "n") for text in TEXTS[:10]] + TEXTS[10:]  # v is often read as n


@pytest.fixture(scope="module")
def corrector():
    return SpellingCorrector(min_gain=0.0).fit(MISREAD, TEXTS)


class Sure(BaseEstimator):
    """Predict the given texts, with the given confidence of each character."""

    def __init__(self, confidence=0.5):
        self.confidence = confidence

    def fit(self, X, y):
        self.seen_ = list(y)
        return self

    def predict(self, X):
        return np.array(list(X), object)

    def predict_details(self, X):
        return [
            {"text": text, "words": [{"minimum": self.confidence} for _ in text.split()]}
            for text in X
        ]


# --- correction


def test_errors_that_it_has_seen_are_mended(corrector):
    read = ["the riner", "a  riner (riners) flows.", "Riner"]
    assert corrector.predict(read).tolist() == ["the river", "a  river (rivers) flows.", "River"]


def test_edits_weigh_what_they_are_worth():
    """Of two words as far away, the one whose error the recognizer makes."""
    lexicon = ["cat", "cot"] * 5
    written = ["cat"] * 20 + ["cot"] * 20
    likes_a = SpellingCorrector(lexicon=lexicon, min_gain=0.0).fit(
        ["cut"] * 20 + ["cot"] * 20, written
    )
    likes_o = SpellingCorrector(lexicon=lexicon, min_gain=0.0).fit(
        ["cat"] * 20 + ["cut"] * 20, written
    )
    assert (likes_a.predict(["cut"])[0], likes_o.predict(["cut"])[0]) == ("cat", "cot")


def test_common_words_are_likelier():
    for words in (["cat"] * 50 + ["cot"], ["cot"] * 50 + ["cat"]):
        corrector = SpellingCorrector(lexicon=words, min_gain=0.0).fit(["cut", "x"], ["cxt", "x"])
        assert corrector.predict(["czt"])[0] == words[0]


def test_confusions_are_counts():
    corrector = SpellingCorrector().fit(["aab", "b"], ["ab", "ab"])
    assert corrector.alphabet_ == "ab"
    # written: nothing, a, b; read as: nothing, a, b
    assert corrector.confusions_.tolist() == [[4, 1, 0], [1, 1, 0], [0, 0, 2]]


@given(st.lists(st.sampled_from(" ".join(TEXTS).split()), max_size=5), st.sampled_from(" \t\n"))
def test_words_of_the_lexicon_are_never_changed(words, blank):
    corrector = SpellingCorrector(min_gain=0.0).fit(MISREAD, TEXTS)
    text = blank.join([*words, *(word.capitalize() for word in words), "17", "—", ""])
    assert corrector.predict([text])[0] == text


def test_words_that_no_word_is_like_are_left_alone(corrector):
    for text in ("Constantinople", "q", "", "  ", "x3", "mmat?!"):
        assert corrector.predict([text])[0] == text or text == "mmat?!"


def test_right_text_of_unknown_words_is_left_alone():
    """Where nothing was misread, nothing is corrected, even if it looks much like another word."""
    texts = ["the river flows", "a cat on the mat", "the quick brown fox jumps", "my dogs"] * 20
    corrector = SpellingCorrector().fit(texts, texts)
    unknown = ["the rival", "a bat", "riverbed", "the fowl", "slow", "hit", "raven"]
    assert corrector.predict(unknown).tolist() == unknown


def test_margin_and_edits_bound_corrections(corrector):
    assert corrector.predict(["riner"])[0] == "river"
    assert copy.copy(corrector).set_params(min_gain=1e3).predict(["riner"])[0] == "riner"
    assert copy.copy(corrector).set_params(max_edits=0).predict(["riner"])[0] == "riner"
    assert corrector.predict(["rinen"])[0] == "river"  # two edits
    assert copy.copy(corrector).set_params(max_edits=1).predict(["rinen"])[0] == "rinen"


# --- around a recognizer


def test_sure_words_are_left_alone():
    for confidence, expected in ((0.5, "river"), (0.95, "riner")):
        corrector = SpellingCorrector(Sure(confidence), cv=3, min_gain=0.0).fit(MISREAD, TEXTS)
        assert corrector.predict(["riner"])[0] == expected


class Memory(BaseEstimator):
    """Reads right what it was trained on, and everything else as nonsense."""

    def fit(self, X, y):
        self.known_ = dict(zip(X, y, strict=True))
        return self

    def predict(self, X):
        return np.array([self.known_.get(x, "zzz") for x in X], object)


def test_confusions_are_learnt_out_of_fold():
    X, y = [f"image {i}" for i in range(6)], ["abc"] * 6
    corrector = SpellingCorrector(Memory(), cv=3).fit(X, y)
    assert corrector.confusions_[corrector.alphabet_.index("a") + 1, -1] == 6  # a as z
    assert len(corrector.recognizer_.known_) == 6  # and in the end it is trained on all
    groups = [0, 0, 1, 1, 2, 2]
    corrector = SpellingCorrector(Memory(), cv=GroupKFold(3)).fit(X, y, groups=groups)
    assert corrector.confusions_[corrector.alphabet_.index("a") + 1, -1] == 6


def test_a_recognizer_that_is_fitted_already():
    fitted = Memory().fit(["image"], ["abc"])
    corrector = SpellingCorrector(fitted, cv="prefit").fit(["image", "other"], ["abc", "abc"])
    assert corrector.recognizer_ is fitted
    assert np.diag(corrector.confusions_)[1:].sum() == 3
    with pytest.raises(NotFittedError):
        SpellingCorrector(small_recognizer(), cv="prefit").fit(*draw_words(4))


def test_around_a_network():
    X, y = draw_words(40)
    reader = make_pipeline(FunctionTransformer(), small_recognizer(max_epochs=6)).fit(X, y)
    rng = np.random.default_rng(0)
    truth = ["abc", "bca", "cab", "bbaacc"] * 10
    unseen = [draw(text, rng) for text in truth]
    corrector = SpellingCorrector(reader, lexicon=truth, cv="prefit", max_confidence=1.0)
    corrector.fit(*draw_words(30, seed=6))
    assert corrector.score(unseen, truth) > reader.score(unseen, truth)
    kept = copy.copy(corrector).set_params(max_confidence=0.0)
    assert_array_equal(kept.predict(unseen), reader.predict(unseen))
    again = pickle.loads(pickle.dumps(corrector))
    assert_array_equal(again.predict(unseen), corrector.predict(unseen))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_contract_around_a_network():
    """`tests/test_public.py` looks at a corrector of texts."""
    recognizer = small_recognizer(height=8, channels=(2, 2, 2), dense_units=4, hidden_units=4)
    checks = check_estimator(SpellingCorrector(recognizer, cv=2), data="lines")
    assert sum(check["status"] == "passed" for check in checks) >= 40


def test_save_and_clone(tmp_path):
    X, y = draw_words(12)
    corrector = SpellingCorrector(small_recognizer(), cv=2).fit(X, y)
    hwsk.save(corrector, tmp_path / "corrector.hwsk")
    again = hwsk.load(tmp_path / "corrector.hwsk")
    assert_array_equal(again.predict(X), corrector.predict(X))
    assert_array_equal(clone(corrector).fit(X, y).confusions_, corrector.confusions_)


def test_a_search_over_its_parameters():
    search = GridSearchCV(
        SpellingCorrector(Sure(), min_gain=0.0),
        {"max_edits": [0, 1], "recognizer__confidence": [0.5]},
    )
    assert search.fit(MISREAD, TEXTS).best_params_["max_edits"] == 1


@pytest.mark.parametrize(
    ("params", "X", "y", "message"),
    [
        ({}, TEXTS, TEXTS[:3], "inconsistent numbers of samples"),
        ({}, [], [], "holds no text"),
        ({}, "abc", ["a"] * 3, "X is one string"),
        ({}, ["a", None], ["a", "b"], r"X holds None \(NoneType\) in row 1; texts are str"),
        ({"lexicon": []}, TEXTS, TEXTS, r"lexicon=\[\] is empty"),
        ({"lexicon": ["a", ""]}, TEXTS, TEXTS, r"lexicon\[1\] is ''"),
        ({"lexicon": ["a", "b c"]}, TEXTS, TEXTS, r"lexicon\[1\] is 'b c'"),
        ({"lexicon": ["a", 3]}, TEXTS, TEXTS, r"lexicon\[1\] is 3"),
        ({}, TEXTS, [""] * len(TEXTS), "there is no word in y"),
        ({"max_confidence": 2.0}, TEXTS, TEXTS, "The 'max_confidence' parameter"),
        ({"cv": "last"}, TEXTS, TEXTS, "The 'cv' parameter"),
        ({"recognizer": 3}, TEXTS, TEXTS, "The 'recognizer' parameter"),
    ],
)
def test_what_is_refused(params, X, y, message):
    with pytest.raises(ValueError, match=message):
        SpellingCorrector(**params).fit(X, y)


def test_before_fit():
    with pytest.raises(NotFittedError, match="SpellingCorrector"):
        SpellingCorrector().predict(["a"])


# --- normalization

PRINTED = [
    'He said, "No!" (twice).',
    "Mr. Quill paid 1,200.50 at 7:45; don't wait...",
    "A half-empty glass: why not?",
    "",
]
APART = [
    'He said , " No ! " ( twice ) .',
    "Mr . Quill paid 1,200.50 at 7:45 ; don't wait ...",
    "A half-empty glass : why not ?",
    "",
]


def test_punctuation_apart_and_attached():
    assert TextNormalizer(punctuation="apart").transform(PRINTED).tolist() == APART
    assert TextNormalizer(punctuation="attached").transform(APART).tolist() == PRINTED


@given(
    st.lists(
        st.text(st.sampled_from("aé1É \t.,;:!?()\"'-e\u0301ﬁ"), max_size=12), min_size=1, max_size=4
    ),
    st.sampled_from(["NFC", "NFD", "NFKC"]),
    st.sampled_from([None, "apart", "attached"]),
    st.sampled_from([None, "lower", "upper", "casefold"]),
)
def test_text_in_the_form_stays(texts, form, punctuation, case):
    normalizer = TextNormalizer(form, punctuation=punctuation, case=case)
    once = normalizer.transform(texts)
    assert_array_equal(normalizer.transform(once), once)


def test_printed_text_stays():
    for punctuation in (None, "attached"):
        assert TextNormalizer(punctuation=punctuation).transform(PRINTED).tolist() == PRINTED


def test_forms_blanks_and_case():
    assert TextNormalizer().transform(["  Cafe\u0301\t  au \n lait "]).tolist() == ["Café au lait"]
    assert TextNormalizer("NFD").transform(["é"]).tolist() == ["e\u0301"]
    assert TextNormalizer("NFKC", case="casefold").transform(["ﬁn Straße"])[0] == "fin strasse"


def test_before_a_corrector():
    pipeline = make_pipeline(TextNormalizer(case="lower"), SpellingCorrector(min_gain=0.0))
    assert pipeline.fit(MISREAD, TEXTS).predict(["THE  RINER"])[0] == "the river"


@pytest.mark.parametrize(
    ("X", "message"),
    [("abc", "X is one string"), (["a", 3], r"X holds 3 \(int\) in row 1; texts are str")],
)
def test_what_a_normalizer_refuses(X, message):
    with pytest.raises(ValueError, match=message):
        TextNormalizer().fit(X)
