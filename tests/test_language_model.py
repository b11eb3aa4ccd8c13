"""`NgramLanguageModel`: the numbers of KenLM, ARPA files, and what holds for any text."""

import math
import pickle
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

import hwsk
from hwsk.recognition import NgramLanguageModel
from hwsk.recognition._ngrams import START, Ngrams, _discounts, log10_probs, pack, unpack

TINY = ["a b c a", "a b a", "b a c d", "c a b", "e"]
# What lmplz (KenLM 0.3.0) -o 3 --discount_fallback makes of TINY.
TINY_ARPA = """\\data\\
ngram 1=8
ngram 2=14
ngram 3=14

\\1-grams:
-1.1783128	<unk>	0
0	<s>	-0.30103
-0.61101484	</s>	0
-0.7607771	a	-0.30103
-0.86089236	b	-0.30103
-0.7607771	c	-0.30103
-0.9912261	d	-0.30103
-0.9912261	e	-0.30103

\\2-grams:
-0.491539	a </s>	0
-0.60651433	b </s>	0
-0.20589624	d </s>	0
-0.20589624	e </s>	0
-0.54251975	<s> a	-0.30103
-0.4727121	b a	-0.30103
-0.37668037	c a	-0.30103
-0.7724281	<s> b	-0.30103
-0.5704454	a b	-0.30103
-0.72877496	<s> c	-0.30103
-0.72877496	a c	-0.30103
-0.674208	b c	-0.30103
-0.6621674	c d	-0.30103
-0.8209644	<s> e	-0.30103

\\3-grams:
-0.38592103	b a </s>
-0.38592103	c a </s>
-0.53701663	a b </s>
-0.090858966	c d </s>
-0.090858966	<s> e </s>
-0.17498475	<s> b a
-0.4749111	a b a
-0.14872085	<s> c a
-0.14872085	b c a
-0.1976103	<s> a b
-0.41517282	c a b
-0.46424103	b a c
-0.5645793	a b c
-0.21549429	a c d

\\end\\
"""
# Counts of counts are sound here for lengths 2 and 3. (The last word stands once: in its counts of
# counts lmplz takes the last n-gram of each length by how often it stands, not by what it follows.)
CATS = """the cat sat on the mat
the dog sat on the log
a cat and a dog sat
the mat is on the log
a log is a log and a mat is a mat
the cat and the dog and the mat
one cat is on a log
on and on the dog sat on a cat
so it is and so it was
it was the cat that sat
that is that and it is so
was it the dog or was it the cat
or so it was that the cat is the dog
one and one is two or so it is
a hapax""".splitlines()
CATS_BY_LMPLZ = {  # log10 probability, and back-off weight
    "<unk>": (-1.6471384, 0),
    "</s>": (-0.9167599, 0),
    "the": (-1.0317144, -0.26268497),
    "hapax": (-1.4710472, -0.30103),
    "cat </s>": (-0.8715799, 0),
    "<s> the": (-0.75438803, -0.30103),
    "was the": (-0.800161, -0.30103),
    "a mat": (-1.2075237, -0.30103),
}


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def listed(path):
    """The n-grams of an ARPA file, each with its numbers."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").splitlines()]
    return {fields[1]: [float(f) for f in fields[::2]] for fields in lines if len(fields) > 1}


@pytest.fixture
def tiny(tmp_path):
    return write(tmp_path / "tiny.arpa", TINY_ARPA)


# --- estimation


def test_numbers_of_kenlm_with_its_fallback(tiny, tmp_path):
    model = NgramLanguageModel(order=3, unit="word").fit(TINY)
    assert model.n_ngrams_ == [8, 14, 14]
    model.write_arpa(tmp_path / "own.arpa")
    own, kenlm = listed(tmp_path / "own.arpa"), listed(tiny)
    assert own.keys() == kenlm.keys()
    for ngram, numbers in kenlm.items():
        assert_allclose(own[ngram], numbers, atol=2e-6, err_msg=ngram)


def test_numbers_of_kenlm_with_discounts_from_counts(tmp_path):
    model = NgramLanguageModel(order=3, unit="word").fit(CATS)
    assert model.n_ngrams_ == [21, 71, 97]
    model.write_arpa(tmp_path / "cats.arpa")
    own = listed(tmp_path / "cats.arpa")
    for ngram, numbers in CATS_BY_LMPLZ.items():
        assert_allclose(own[ngram], numbers, atol=2e-6, err_msg=ngram)


def kneser_ney(texts, order, n_symbols):
    """p(symbol | history) from the definitions, one n-gram at a time."""
    raw, before = defaultdict(int), defaultdict(set)
    for text in texts:
        symbols = ("<s>", *text, "</s>")
        for i in range(len(symbols)):
            for j in range(i + 1, min(len(symbols), i + order) + 1):
                raw[symbols[i:j]] += 1
                if i:
                    before[symbols[i:j]].add(symbols[i - 1])
    counts = {
        ngram: n if len(ngram) == order or ngram[0] == "<s>" else len(before[ngram])
        for ngram, n in raw.items()
        if ngram != ("<s>",)
    }
    discounts = {
        k: _discounts(np.array([n for ngram, n in counts.items() if len(ngram) == k] + [0]))
        for k in range(1, order + 1)
    }

    def probability(symbol, history):
        following = [n for ngram, n in counts.items() if ngram[:-1] == history]
        lower = probability(symbol, history[1:]) if history else 1 / (n_symbols - 1)
        if not following:
            return lower
        discount = (0, *discounts[len(history) + 1])
        taken = sum(discount[min(n, 3)] for n in following)
        n = counts.get((*history, symbol), 0)
        return (n - discount[min(n, 3)] + taken * lower) / sum(following)

    return probability


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.text("ab ", max_size=8), min_size=1, max_size=8),
    st.text("abx ", max_size=6),
    st.integers(1, 4),
)
def test_agrees_with_the_definitions(texts, text, order):
    model = NgramLanguageModel(order=order).fit(texts)
    probability = kneser_ney(texts, order, len(model.symbols_))
    known = [c if c in model.symbols_ else "<unk>" for c in text]
    symbols = ["<s>", *known, "</s>"]
    expected = sum(
        math.log(probability(symbols[i], tuple(symbols[max(0, i - order + 1) : i])))
        for i in range(1, len(symbols))
    )
    assert_allclose(model.log_prob([text])[0], expected, atol=1e-5)


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.text("abc", max_size=6), min_size=1, max_size=6),
    st.text("abcx", max_size=4),
    st.integers(1, 5),
)
def test_what_may_follow_sums_to_one(texts, history, order):
    model = NgramLanguageModel(order=order).fit(texts)
    n_symbols = len(model.symbols_)
    tokens, _ = model._number([list(history)])
    following = [i for i in range(n_symbols) if i != START]
    tokens = np.concatenate([[*tokens[:-1], symbol] for symbol in following])
    sentences = np.repeat(np.arange(len(following)), len(history) + 2)
    ngrams = Ngrams(**model.ngrams_)
    values = log10_probs(ngrams, n_symbols, len(model.n_ngrams_), tokens, sentences)
    last = values[len(history) + 1 :: len(history) + 2]
    assert (10**last).sum() == pytest.approx(1, abs=1e-5)


def test_log_prob_score_and_perplexity():
    model = NgramLanguageModel(order=2).fit(["ab", "ab", "b"])
    log_prob = model.log_prob(["ab", "ba", ""])
    assert log_prob.shape == (3,)
    assert log_prob[0] > log_prob[1]
    assert model.score(["ab", "ba", ""]) == pytest.approx(log_prob.mean())
    assert model.perplexity(["ab", "ba", ""]) == pytest.approx(math.exp(-log_prob.sum() / 7))


def test_white_space_and_unicode_forms_are_one():
    model = NgramLanguageModel(order=3).fit(["a é", "b\té"])
    assert " " in model.symbols_
    assert "\t" not in model.symbols_
    assert_array_equal(model.log_prob(["a\u00a0e\u0301"]), model.log_prob(["a é"]))


def test_unknown_symbols():
    model = NgramLanguageModel(order=2).fit(["ab", "ba"])
    assert_array_equal(model.log_prob(["aψ"]), model.log_prob(["aж"]))
    assert model.log_prob(["ψ"])[0] < model.log_prob(["a"])[0]
    words = NgramLanguageModel(order=2, unit="word").fit(["one two"])
    assert_array_equal(words.log_prob(["one three"]), words.log_prob(["one <s>"]))


def test_order_is_chosen_by_a_search():
    texts = ["the cat sat on the mat", "the mat sat on the cat"] * 6
    search = GridSearchCV(NgramLanguageModel(), {"order": [1, 4]}, cv=3).fit(texts)
    assert search.best_params_ == {"order": 4}


def test_texts_shorter_than_the_order():
    model = NgramLanguageModel(order=6).fit(["ab", "c"])
    assert len(model.n_ngrams_) == 4
    assert np.isfinite(model.log_prob(["abcabcabc"])).all()


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ("one string", "X is one string"),
        ([], "holds no text"),
        (["a", 3], r"X holds 3 \(int\) in row 1"),
        (["a", None], r"None \(NoneType\) in row 1"),
        (["a </s> b"], "text 0 holds the word '</s>'"),
    ],
)
def test_bad_texts(texts, message):
    with pytest.raises(ValueError, match=message):
        NgramLanguageModel(unit="word").fit(texts)


def test_before_fit(tmp_path):
    for method in ("log_prob", "score", "perplexity"):
        with pytest.raises(NotFittedError):
            getattr(NgramLanguageModel(), method)(["a"])
    with pytest.raises(NotFittedError):
        NgramLanguageModel().write_arpa(tmp_path / "a.arpa")


# --- copies


def test_a_fitted_model_is_cloned_with_what_it_learnt(tmp_path):
    model = NgramLanguageModel(order=3).fit(["ab", "ba"])
    hwsk.save(model, tmp_path / "model.hwsk")
    copies = [clone(model), pickle.loads(pickle.dumps(model)), hwsk.load(tmp_path / "model.hwsk")]
    for copy in copies:
        assert copy.get_params() == model.get_params()
        assert_array_equal(copy.log_prob(["abba", "x"]), model.log_prob(["abba", "x"]))
    copies[0].set_params(order=1).fit(["c"])
    assert model.symbols_[3:] == ["a", "b"]
    assert not hasattr(clone(NgramLanguageModel()), "ngrams_")


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("children", 1, 400),
        ("children", -1, 10**6),
        ("symbol", 7, -1),
        ("symbol", 7, 99),
        ("suffix", 9, 9),
        ("suffix", 9, -2),
        ("log10_prob", 3, np.nan),
    ],
)
def test_a_damaged_model_is_refused(name, place, value):
    model = NgramLanguageModel(order=3).fit(["ab", "ba"])
    model.ngrams_[name][place] = value
    with pytest.raises(ValueError, match="is damaged"):
        model.log_prob(["ab"])


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("ngrams_", {"symbol": np.arange(9)}, "wrong types"),
        ("ngrams_", {"other": np.arange(9)}, "unexpected keyword"),
        ("symbols_", ["a", "b"], "hang together"),
    ],
)
def test_parts_of_other_kinds_are_refused(attribute, value, message):
    model = NgramLanguageModel(order=3).fit(["ab", "ba"])
    if isinstance(value, dict):
        value = {**model.ngrams_, **value}
    setattr(model, attribute, value)
    with pytest.raises(ValueError, match=f"is damaged: .*{message}"):
        model.log_prob(["ab"])


# --- ARPA files


def test_reads_what_kenlm_writes(tiny):
    model = NgramLanguageModel.read_arpa(tiny, unit="word")
    assert (model.order, model.unit) == (3, "word")
    assert model.symbols_ == ["<unk>", "<s>", "</s>", *"abcde"]
    # <s> c, then "<s> c a", then "c a" backs off to "a", which backs off to "e", then "a e"
    log10 = -0.72877496 - 0.14872085 + (-0.30103 - 0.30103 - 0.9912261) + (-0.20589624)
    assert model.log_prob(["c a e"])[0] == pytest.approx(log10 * math.log(10), rel=1e-6)


@pytest.mark.parametrize("unit", ["char", "word"])
def test_round_trip_is_exact(unit, tmp_path):
    model = NgramLanguageModel(order=4, unit=unit).fit(["the cat, the hat", "ça va", "a"])
    model.write_arpa(tmp_path / "a.arpa")
    read = NgramLanguageModel.read_arpa(tmp_path / "a.arpa", unit)
    assert read.symbols_ == model.symbols_
    assert read.n_ngrams_ == model.n_ngrams_
    for name, array in model.ngrams_.items():
        assert_array_equal(read.ngrams_[name], array)
    read.write_arpa(tmp_path / "b.arpa")
    assert (tmp_path / "a.arpa").read_bytes() == (tmp_path / "b.arpa").read_bytes()


def test_a_pruned_file(tmp_path):
    """ "b c" is gone, "a b c" is not: after "a b c" one goes on from "c"."""
    text = TINY_ARPA.replace("-0.674208	b c	-0.30103\n", "").replace(
        "ngram 2=14", "ngram 2=13"
    )
    for trigram in ("-0.14872085	b c a\n", "-0.1976103	<s> a b\n"):
        text = text.replace(trigram, "")
    text = text.replace("ngram 3=14", "ngram 3=12")
    model = NgramLanguageModel.read_arpa(write(tmp_path / "pruned.arpa", text), "word")
    expected = (  # "<s> a", back off from it to "a b", "a b c", and from "c" on "c a", "c a </s>"
        -0.54251975 - 0.30103 - 0.5704454 - 0.5645793 - 0.37668037 - 0.38592103
    )
    assert model.log_prob(["a b c a"])[0] == pytest.approx(expected * math.log(10), rel=1e-6)


def test_a_file_without_unk(tmp_path):
    text = TINY_ARPA.replace("-1.1783128	<unk>	0\n", "").replace("ngram 1=8", "ngram 1=7")
    model = NgramLanguageModel.read_arpa(write(tmp_path / "a.arpa", text), "word")
    assert model.log_prob(["never"])[0] < -100 * math.log(10)


def cut(text, line):
    return "\n".join(text.splitlines()[:line]) + "\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"line 1: the file ends before \\end"),
        ("hello\n" * 200, r"line 101: no \\data\\ so far"),
        (cut(TINY_ARPA, 20), r"line 21: the file ends before \\end\\: is it cut short"),
        (cut(TINY_ARPA, -1), r"line 48: the file ends before \\end"),
        (
            TINY_ARPA.replace("ngram 2=14", "ngram 2=13"),
            r"line 30: expected is \\3-grams: after 13",
        ),
        (TINY_ARPA.replace("ngram 2=14", "ngram 2=15"), "line 32: 14 2-grams where the head .* 15"),
        (
            TINY_ARPA.replace("ngram 2=14\n", ""),
            "line 3: 'ngram 3=14' where expected is 'ngram 2='",
        ),
        (TINY_ARPA.replace("ngram 3=14\n", ""), r"line 31: expected is \\end\\ after 14 2-grams"),
        (TINY_ARPA.replace("\\2-grams", "\\3-grams"), r"line 16: expected is \\2-grams: after 8"),
        (
            TINY_ARPA.replace("c d	-0.3", "c	-0.3"),
            "line 29: 3 fields; a 2-gram has 3|line 29",
        ),
        (TINY_ARPA.replace("<s> e	", "<s> f	"), "line 30: 'f' is not among the 1-grams"),
        (TINY_ARPA.replace("<s> e	", "<s> c	"), "line 30: the 2-gram stands in line 26, too"),
        (TINY_ARPA.replace("-0.8209644", "-0.82.09"), "line 30: '-0.82.09' is not a number"),
        (TINY_ARPA.replace("-0.8209644", "nan"), "line 30: 'nan' is not a finite number"),
        (TINY_ARPA.replace("-0.8209644", "0.8"), "line 30: the log-probability 0.8 is above 0"),
        (TINY_ARPA.replace("a c d", "e c d"), "line 46: the first 2 symbols of the 3-gram are no"),
        (TINY_ARPA.replace("</s>", "f"), "has no 1-gram </s>"),
    ],
)
def test_bad_files(text, message, tmp_path):
    path = write(tmp_path / "bad.arpa", text)
    with pytest.raises(ValueError, match=message) as caught:
        NgramLanguageModel.read_arpa(path, unit="word")
    assert str(path) in str(caught.value)


def test_words_read_as_characters(tmp_path):
    NgramLanguageModel(order=2, unit="word").fit(["one two"]).write_arpa(tmp_path / "a.arpa")
    with pytest.raises(ValueError, match=r"line 9: 'one' is not a single character.*unit='word'"):
        NgramLanguageModel.read_arpa(tmp_path / "a.arpa")


def test_a_binary_file(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"mmap lm \xff\xfe\x00")
    with pytest.raises(ValueError, match="is not text in UTF-8"):
        NgramLanguageModel.read_arpa(tmp_path / "a.bin")


def test_unknown_in_capitals_is_the_unknown_word(tmp_path, tiny):
    text = tiny.read_text().replace("<unk>", "<UNK>")
    assert "<UNK>" in text
    model = NgramLanguageModel.read_arpa(write(tmp_path / "capitals.arpa", text), "word")
    other = NgramLanguageModel.read_arpa(tiny, "word")
    assert model.symbols_ == other.symbols_
    assert_array_equal(model.log_prob(["never seen"]), other.log_prob(["never seen"]))


def test_a_no_break_space_is_part_of_a_word(tmp_path):
    words = ["10\u00a0000", "a\u2003b", "\u3000"]
    lines = "".join(f"-1.0\t{word}\n" for word in ("<s>", "</s>", "<unk>", *words))
    text = f"\\data\\\nngram 1=6\n\n\\1-grams:\n{lines}\n\\end\\\n"
    model = NgramLanguageModel.read_arpa(write(tmp_path / "a.arpa", text), "word")
    assert set(model.symbols_) >= set(words)


def test_counts_beyond_the_file_are_refused_at_once(tmp_path):
    path = write(tmp_path / "a.arpa", "\\data\\\nngram 1=500000000\n\n\\1-grams:\n-1\ta\n")
    with pytest.raises(ValueError, match=r"line 2: 500000000 n-grams are counted, and the file of"):
        NgramLanguageModel.read_arpa(path, "word")


TEXTS = [f"{a} {b} {c}" for a in ("the", "a", "one") for b in ("cat", "hat", "rat") for c in "xyz"]


def test_a_pruned_model_is_smaller_and_sums_to_one():
    whole = NgramLanguageModel(4).fit(TEXTS)
    pruned = NgramLanguageModel(4, least_gain=12.0).fit(TEXTS)
    assert sum(pruned.n_ngrams_) < 0.8 * sum(whole.n_ngrams_)
    assert pruned.n_ngrams_[0] == whole.n_ngrams_[0] == len(whole.symbols_)
    assert whole.perplexity(TEXTS) < pruned.perplexity(TEXTS) < 1.3 * whole.perplexity(TEXTS)
    ngrams = pruned._checked_ngrams()
    n_symbols = len(pruned.symbols_)
    symbols = np.arange(n_symbols)
    for history in ("the c", "a ", "", "one hat", "zz"):
        ids = [1, *(pruned.symbols_.index(c) for c in history)]
        tokens = np.concatenate([[*ids, s] for s in symbols if s != 1])
        values = log10_probs(
            ngrams, n_symbols, 4, tokens, np.repeat(np.arange(n_symbols - 1), len(ids) + 1)
        )
        assert (10 ** values[len(ids) :: len(ids) + 1]).sum() == pytest.approx(1, abs=1e-5)


def test_few_levels_change_little_and_make_a_small_file(tmp_path):
    whole = NgramLanguageModel(5).fit(TEXTS)
    coarse = NgramLanguageModel(5, n_levels=16).fit(TEXTS)
    for name in ("log10_prob", "log10_backoff"):
        assert len(np.unique(coarse.ngrams_[name])) <= 16 < len(np.unique(whole.ngrams_[name])) + 16
    np.testing.assert_allclose(coarse.log_prob(TEXTS), whole.log_prob(TEXTS), rtol=0.2)
    hwsk.save(coarse, tmp_path / "model.hwsk")
    loaded = hwsk.load(tmp_path / "model.hwsk")
    for name, array in coarse.ngrams_.items():
        np.testing.assert_array_equal(loaded.ngrams_[name], array)
        assert loaded.ngrams_[name].dtype == array.dtype


@pytest.mark.parametrize("params", [{}, {"least_gain": 12.0}])
def test_packing_loses_nothing(params):
    ngrams = NgramLanguageModel(5, **params).fit(TEXTS)._checked_ngrams()
    packed = pack(ngrams)
    assert packed["symbol"].dtype == np.uint8 and "suffix" not in packed
    for name, array in unpack(packed).items():
        np.testing.assert_array_equal(getattr(ngrams, name), array)
    packed["n_children"] = packed["n_children"][:-1]
    with pytest.raises(ValueError, match="numbers of children"):
        unpack(packed)
    del packed["symbol"]
    with pytest.raises(ValueError, match="damaged: 'symbol'"):
        unpack(packed)


@pytest.mark.parametrize("path", ["/dev/zero", "/"])
def test_what_is_not_a_regular_file_is_not_read(path):
    with pytest.raises(ValueError, match=r"is not a regular file|is a folder"):
        NgramLanguageModel.read_arpa(path)


_FOREIGN = """\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-1.0\t<unk>
-99\t<s>\t-0.3
-0.7\t</s>
-0.5\t{first}\t-0.2
-0.9\t{second}\t-0.1

\\2-grams:
-0.2\t<s> {first}
-0.3\t{first} {second}

\\end\\
"""


@pytest.mark.parametrize(
    ("unit", "symbol", "text"),
    [
        ("word", "10\u00a0km", "the 10\u00a0km"),
        ("word", "a\u2009b", "the\ta\u2009b "),
        ("word", "x\u3000y", "the x\u3000y"),
        ("word", "z\x85w", "the z\x85w\n"),
        ("word", "u\u2028v", "the u\u2028v"),
        ("word", "\u00a0", "the \u00a0"),
        ("word", "cafe\u0301", "the caf\u00e9"),
        ("word", "cafe\u0301", "the cafe\u0301"),
        ("char", "e\u0301", "t\u00e9"),
        ("char", "\u00a0", "t "),
        ("char", "\u00a0", "t\u00a0"),
        ("char", "<space>", "t\u2009"),
    ],
)
def test_symbols_of_an_arpa_file_are_found_in_texts(tmp_path, unit, symbol, text):
    first = "the" if unit == "word" else "t"
    (tmp_path / "a.arpa").write_text(_FOREIGN.format(first=first, second=symbol), newline="")
    model = NgramLanguageModel.read_arpa(tmp_path / "a.arpa", unit=unit)
    log10_prob = -0.2 - 0.3 - 0.1 - 0.7
    np.testing.assert_allclose(model.log_prob([text]), log10_prob * np.log(10), rtol=1e-5)


def test_words_with_other_blanks_come_back(tmp_path):
    texts = ["the 10\u00a0km run", "the 10\u00a0km walk"]
    model = NgramLanguageModel(2, "word").fit(texts)
    assert "10\u00a0km" in model.symbols_
    model.write_arpa(tmp_path / "a.arpa")
    again = NgramLanguageModel.read_arpa(tmp_path / "a.arpa", unit="word")
    np.testing.assert_allclose(again.log_prob(texts), model.log_prob(texts))


def test_a_symbol_in_both_forms_is_kept(tmp_path):
    both = _FOREIGN.format(first="caf\u00e9", second="cafe\u0301")
    (tmp_path / "a.arpa").write_text(both, newline="")
    model = NgramLanguageModel.read_arpa(tmp_path / "a.arpa", unit="word")
    np.testing.assert_allclose(model.log_prob(["cafe\u0301"]), (-0.4 - 0.7) * np.log(10), rtol=1e-5)
