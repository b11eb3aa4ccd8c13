"""`detokenize`: which blanks go, which stay, and what a recognizer makes of it."""

import copy

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_words import draw_words, small_recognizer

import hwsk
from hwsk.metrics import character_error_rate
from hwsk.recognition import detokenize, predict_details

X, Y = draw_words(40)
UNSEEN, TRUTH = draw_words(60, seed=5)

APART_AND_PRINTED = [
    ("presto ! You 're right , are n't you ?", "presto! You're right, aren't you?"),
    ("I 'm , I 'll , I 've , I 'D , we 're , it 's", "I'm, I'll, I've, I'D, we're, it's"),
    ("as ( almost ) all ; see [ 3 ] , { 4 } .", "as (almost) all; see [3], {4}."),
    ("paid £ 5 , $ 6 or 50 % of 1,200 .", "paid £5, $6 or 50% of 1,200."),
    ("in 1914 , 200 men ; .5 inch - 1/2 in. -", "in 1914, 200 men; .5 inch - 1/2 in. -"),
    ("A settlers' ' camp ' at ten o'clock", "A settlers' 'camp' at ten o'clock"),
    ("well ... . The end", "well.... The end"),
    ('said : " I go , " and " you " , too', 'said: "I go," and "you", too'),
    ("said : “ I go ! ” and ‘ no", "said: “I go!” and ‘no"),
    # lines that begin within a quotation
    ('no knowledge of this ! " The', 'no knowledge of this!" The'),
    ('show " , he said , " and " we', 'show", he said, "and" we'),
    ('the end . "', 'the end."'),
    ('sight , " said Moscow', 'sight," said Moscow'),
    # and those that do not
    ('" We want to', '"We want to'),
    ('pursued Mr. Quill , " You must', 'pursued Mr. Quill, "You must'),
    ('Martyrs ! " " CRICKET , " says', 'Martyrs!" "CRICKET," says'),
    ('on " Piccadilly " ( Polydor ) . I', 'on "Piccadilly" (Polydor). I'),
    ("", ""),
    (' , a  ,b " ', ' , a  ,b" '),
]  # fmt: skip
PROSE = """\
On the 3rd of May - it was a Tuesday - the "Albatross" left Hull at 7.30 a.m., with 1,204 tons of
coal, 6 passengers (two of them boys), a dog that didn't like the sea. "She'll roll," said Captain
Ord's brother; "mark my words." He'd been wrong before: in '91, and again in the winter of '93...
'Is it far?' asked the boy. 'Thirty miles, no more; the ships' boats go there every day.' They paid
£2 10s., or $12.50, which was 50% more than the Smiths' fare. It isn't much! Isn't it? [Here a page
is missing.] A .22 rifle, three 5/8 in. screws and an I.O.U. {signed "J. R. Camp-
bell"} were in the box; all the rest -- all -- was lost. “Well,” he wrote, “that’s ‘fate’, I fear.”
""".splitlines()


@pytest.mark.parametrize(("apart", "printed"), APART_AND_PRINTED)
def test_blanks_that_go(apart, printed):
    assert detokenize(apart) == printed
    assert detokenize(printed) == printed


@pytest.mark.parametrize("line", PROSE)
def test_printed_prose_stays(line):
    assert detokenize(line) == line
    words = line.split()
    assert detokenize(" ".join(words)) == line


@given(st.text(st.sampled_from("aIs' \".,!(£-%“”’n't5"), max_size=30))
def test_only_blanks_go_and_nothing_is_left_to_do(text):
    found = detokenize(text)
    assert found.replace(" ", "") == text.replace(" ", "")
    assert len(found) <= len(text)
    assert detokenize(found) == found


@pytest.mark.parametrize("texts", [None, 3, ["a , b"], np.array(["a , b"]), b"a , b"])
def test_one_text_is_expected(texts):
    with pytest.raises(TypeError, match=r"takes one str; of a list: \[detokenize\(text\) for"):
        detokenize(texts)


@pytest.fixture(scope="module")
def reader():
    """A recognizer of the characters "a", blank and "."."""
    reader = small_recognizer(max_epochs=15).fit(X, Y)
    reader.alphabet_ = "a ."
    return reader


def rename(texts):
    return [text.translate(str.maketrans("abc", "a .")) for text in texts]


def test_a_recognizer_returns_printed_text(reader):
    apart = reader.predict(UNSEEN)
    printed = copy.deepcopy(reader).set_params(detokenize=True)
    texts = printed.predict(UNSEEN)
    assert sum(" ." in text for text in apart) > 5
    assert texts.tolist() == [detokenize(text) for text in apart]
    assert texts.tolist() != apart.tolist()
    assert printed.predict(UNSEEN, 0.0).tolist() == [" ".join(text.split()) for text in texts]


def test_records_spell_the_printed_text(reader):
    before = predict_details(reader, UNSEEN)
    printed = copy.deepcopy(reader).set_params(detokenize=True)
    for one, other in zip(before, predict_details(printed, UNSEEN), strict=True):
        assert other["text"] == detokenize(one["text"])
        assert "".join(c["text"] for c in other["characters"]) == other["text"]
        assert [w["text"] for w in other["words"]] == other["text"].split()
        assert all(c in one["characters"] for c in other["characters"])
        p = [c["probability"] for c in other["characters"]]
        assert other["mean"] == pytest.approx(np.mean(p) if p else 0)


def test_score_and_calibration_compare_printed_texts(reader):
    printed = copy.deepcopy(reader).set_params(detokenize=True)
    apart = rename(TRUTH)
    natural = [detokenize(text) for text in apart]
    read = printed.predict(UNSEEN)
    assert printed.score(UNSEEN, apart) == printed.score(UNSEEN, natural)
    assert printed.score(UNSEEN, apart) == 1 - character_error_rate(natural, list(read))
    temperatures = {
        copy.deepcopy(printed).calibrate_temperature(UNSEEN, y).temperature_
        for y in (apart, natural)
    }
    assert len(temperatures) == 1


def test_training_further_on_printed_text(reader, tmp_path):
    """Transcripts of either form are learnt, read and scored alike."""
    printed = copy.deepcopy(reader).set_params(detokenize=True, warm_start=True, max_epochs=10)
    rows = [i for i, text in enumerate(rename(Y)) if text.strip()]
    images, apart = [X[i] for i in rows], [rename(Y)[i] for i in rows]
    natural = [detokenize(text) for text in apart]
    assert natural != apart
    printed.fit(images, natural)
    assert printed.score(images, natural) > 0.9
    assert np.mean(printed.predict(images) == natural) > 0.8
    hwsk.save(printed, tmp_path / "printed.hwsk")
    again = hwsk.load(tmp_path / "printed.hwsk")
    assert again.detokenize and again.predict(X).tolist() == printed.predict(X).tolist()
