"""Right-to-left lines: the order of characters, and a recognizer that learns them."""

import copy
import unicodedata
import warnings

import numpy as np
import pytest
from bidi import get_display
from hypothesis import assume, given
from hypothesis import strategies as st
from small_words import LETTERS, draw_words, small_recognizer

import hwsk
from hwsk.recognition import CTCDecoder, NgramLanguageModel, fine_tune, predict_details
from hwsk.recognition._direction import (
    drop_marks,
    find_direction,
    from_reading_order,
    mirror,
    to_reading_order,
)

LINES = [  # as typed, and as an image shows it from left to right
    ("שלום עולם", "םלוע םולש"),
    ("שלום, עולם!", "!םלוע ,םולש"),
    ("רחוב 12-14, תל־אביב", "ביבא־לת ,12-14 בוחר"),
    ("שולם 1,250.50 ₪ (50%)", "(50%) ₪ 1,250.50 םלוש"),
    ("ראה (סעיף 3) [א]", "[א] (3 ףיעס) האר"),
    ("גרסה Windows 10 חדשה", "השדח Windows 10 הסרג"),
    ("אמר f(x) = 2 לנו", "ונל f(x) = 2 רמא"),
    ("שמי (John) וגילי 30", "30 יליגו (John) ימש"),
    ("London 12 May 1912", "London 12 May 1912"),
    ("שָׁלוֹם", "םוֹלשָׁ"),
    ("كتاب (كبير) جدا", "ادج (ريبك) باتك"),
    ("في ١٢٣ يوم و 12/5/2020", "12/5/2020 و موي ١٢٣ يف"),
    ("من 12-14 مايو", "ويام 14-12 نم"),
    ("قال «نعم» ثم ذهب؟", "؟بهذ مث «معن» لاق"),
    ("می\u200cخواهم", "مهاوخی\u200cم"),
    ("", ""),
]
ALPHABET = 'אבגشب١٢abX12 .,-%:/+()[]\u05b8"'


def seen(text, direction="rtl"):
    """The characters of a line from left to right in the image, marks behind their letters."""
    units = []
    for c in to_reading_order(text, direction):
        if units and unicodedata.bidirectional(c) in ("NSM", "BN"):
            units[-1] += c
        else:
            units.append(c)
    return mirror("".join(units[::-1])) if direction == "rtl" else "".join(units)


@pytest.mark.parametrize(("typed", "image"), LINES)
def test_lines_as_the_image_shows_them_and_back(typed, image):
    assert seen(typed) == image
    text, places = from_reading_order(to_reading_order(typed, "rtl"), "rtl")
    assert text == typed
    assert sorted(places) == [*range(len(typed))]


def test_a_right_to_left_word_in_an_english_line():
    assert seen("the word שלום (peace) is", "ltr") == "the word םולש (peace) is"
    assert seen("the (שלום עולם) is", "ltr") == "the (םלוע םולש) is"
    for line in ("so שלום, עולם! it", "a (כן) b (לא) c", "of « نعم جدا » it"):
        assert from_reading_order(to_reading_order(line, "ltr"), "ltr")[0] == line


@given(st.text(st.sampled_from(ALPHABET.replace("\u05b8", "")), max_size=14))
def test_the_order_is_that_of_the_algorithm(text):
    """As python-bidi has it, which does not mirror brackets."""
    assume(text == text.strip())
    for base, direction in (("L", "ltr"), ("R", "rtl")):
        expected = get_display(text, base_dir=base) if text else ""
        plain = str.maketrans(")]", "([")
        assert seen(text, direction).translate(plain) == expected.translate(plain)


@given(st.text(st.sampled_from(ALPHABET), max_size=14), st.sampled_from(["ltr", "rtl"]))
def test_all_characters_come_back_once(text, direction):
    read, places = from_reading_order(text, direction)
    assert sorted(places) == [*range(len(text))]
    assert all(a in (b, mirror(b)) for a, b in zip(read, (text[i] for i in places), strict=True))
    assert sorted(mirror(read) + read) == sorted(mirror(text) + text)


WORDS = st.sampled_from(
    ["שלום", "(עולם)", "12", "1,250", "30%", "[א-ב]", "בית,", "كتاب", "١٢", "לא!"]
)


@given(st.lists(WORDS, max_size=6))
def test_lines_of_words_and_numbers_come_back(words):
    text = " ".join(words)
    assert from_reading_order(to_reading_order(text, "rtl"), "rtl")[0] == text


def test_directions_marks_and_brackets():
    assert find_direction(["שלום ab", "12"]) == "rtl"
    assert find_direction(["of שלם is", "12"]) == "ltr"
    assert find_direction(["12", "(!)"]) is None
    assert drop_marks("a\u200fb\u2067") == "ab"
    assert to_reading_order("א\u200f!", "rtl") == "א!"
    assert mirror("(a] «b» <5") == ")a[ »b« >5"
    assert from_reading_order("ab ג", "visual")[0] == "ab ג"


# --- a recognizer

SHAPES = {  # rows and columns of ink in a cell of 16 x 8 pixels
    **dict(zip("אב12", LETTERS.values(), strict=True)),
    "(": (slice(0, 16), slice(0, 3)),
    ")": (slice(2, 14), slice(5, 8)),
    " ": (slice(0, 0), slice(0, 0)),
}
CELL = 8


def draw_lines(n, seed):
    """Lines of Hebrew words, numbers and brackets; also what stands in each cell from the left."""
    rng = np.random.default_rng(seed)
    images, typed, shown = [], [], []
    for _ in range(n):
        words, cells = [], []
        for _ in range(rng.integers(1, 4)):
            kind = rng.integers(4)
            word = "".join(rng.choice([*("12" if kind == 0 else "אב")], rng.integers(2, 4)))
            back = word if kind == 0 else word[::-1]
            words.append(f"({word})" if kind == 1 else word)
            cells.append(f"({back})" if kind == 1 else back)
        typed.append(" ".join(words))
        shown.append(" ".join(cells[::-1]))
        image = np.full((16, CELL * len(shown[-1])), 255, np.uint8)
        for i, c in enumerate(shown[-1]):
            rows, columns = SHAPES[c]
            image[rows, CELL * i + columns.start : CELL * i + columns.stop] = rng.integers(60)
        images.append(image)
    return images, typed, shown


X, Y, _ = draw_lines(120, 0)
UNSEEN, TRUTH, SHOWN = draw_lines(40, 1)


@pytest.fixture(scope="module")
def reader():
    return small_recognizer(max_epochs=40, lr=0.01).fit(X, Y)


def test_a_right_to_left_text_is_learnt(reader, tmp_path):
    assert reader.text_direction_ == "rtl"
    assert reader.score(UNSEEN, TRUTH) > 0.95
    assert reader.score(UNSEEN, [f"\u200f{text}" for text in TRUTH]) == reader.score(UNSEEN, TRUTH)
    hwsk.save(reader, tmp_path / "hebrew.hwsk")
    again = hwsk.load(tmp_path / "hebrew.hwsk")
    assert again.text_direction_ == "rtl"
    assert again.predict(UNSEEN).tolist() == reader.predict(UNSEEN).tolist()


def test_records_of_right_to_left_lines(reader):
    off = []
    for record, typed, shown in zip(reader.predict_details(UNSEEN), TRUTH, SHOWN, strict=True):
        assert "".join(c["text"] for c in record["characters"]) == record["text"]
        assert [w["text"] for w in record["words"]] == record["text"].split()
        if record["text"] != typed:
            continue
        from_left = sorted(record["characters"], key=lambda c: c["start"] + c["stop"])
        assert all(c["text"] in (s, mirror(s)) for c, s in zip(from_left, shown, strict=True))
        stop = len(shown)
        for word in record["words"]:  # each to the left of the one before
            start = stop - len(word["text"])
            off += [word["start"] - CELL * start, word["stop"] - CELL * stop]
            stop = start - 1
    assert len(off) > 80
    assert np.median(np.abs(off)) <= CELL / 2


def test_decoders_read_right_to_left(reader):
    """Language model and lexicon know words as they are typed."""
    greedy = reader.predict(UNSEEN)
    changed = copy.deepcopy(reader)
    read = changed.set_params(decoder=CTCDecoder(beam_width=4)).predict(UNSEEN)
    assert np.mean(read == greedy) > 0.8
    model = NgramLanguageModel(3).fit(["אב אבא (בב)"] * 50)
    odd = NgramLanguageModel(3).fit([text[::-1] for text in ["אב אבא (בב)"] * 50])
    of_typed = reader.predict_log_proba(UNSEEN)
    assert len(of_typed) == len(UNSEEN)
    texts = [text for text in TRUTH if text.startswith("אב")]
    assert texts and model.perplexity(texts) < odd.perplexity(texts)
    decoder = CTCDecoder(beam_width=8, language_model=model, lm_weight=0.3)
    assert changed.set_params(decoder=decoder).score(UNSEEN, TRUTH) > 0.9
    words = sorted({word.strip("()") for text in Y for word in text.split()})
    changed.set_params(decoder=CTCDecoder(lexicon=[w for w in words if w[0] in "אב"]))
    rows = [i for i, text in enumerate(TRUTH) if not set(text) & set("12()")]
    assert len(rows) > 5
    assert changed.score([UNSEEN[i] for i in rows], [TRUTH[i] for i in rows]) > 0.9


def test_texts_in_the_order_of_the_image(reader):
    _, _, shown = draw_lines(120, 0)
    visual = small_recognizer(max_epochs=40, lr=0.01, text_direction="visual").fit(X, shown)
    assert visual.score(UNSEEN, SHOWN) > 0.95
    further = visual.set_params(warm_start=True, text_direction="auto", max_epochs=1, lr=1e-5)
    further.fit(X, Y)
    assert further.text_direction_ == "rtl"
    assert further.score(UNSEEN, TRUTH) > 0.95


def test_a_direction_that_changes_is_warned_of(reader):
    """A few Latin lines turn all lines of a Hebrew reader round, unless its direction is given."""
    latin = ["ab", "ba ab", "a", "bb"]
    with pytest.warns(UserWarning, match=r"read from the left, .* text_direction='rtl' keeps"):
        turned = fine_tune(reader, X[:4], latin, alpha=0.0, max_epochs=1, random_state=0)
    assert turned.text_direction_ == "ltr"
    assert turned.score(UNSEEN, TRUTH) < reader.score(UNSEEN, TRUTH) - 0.1
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="most letters in y")
        given = copy.deepcopy(reader).set_params(text_direction="rtl")
        kept = fine_tune(given, X[:4], latin, alpha=0.0, max_epochs=1, random_state=0)
        fine_tune(reader, X[:4], Y[:4], max_epochs=1, random_state=0)
        fine_tune(reader, X[:4], ["12", "1", "2", "21"], max_epochs=1, random_state=0)
    assert kept.score(UNSEEN, TRUTH) > reader.score(UNSEEN, TRUTH) - 0.05


def test_latin_letters_are_read_from_the_left_whatever_the_order_of_texts():
    """As the recognizers that ship: files from before `text_direction_` load as "visual"."""
    latin = small_recognizer(max_epochs=1, text_direction="visual").fit(
        X[:4], ["ab", "ba", "a", "b"]
    )
    latin.set_params(text_direction="auto")
    with pytest.warns(UserWarning, match=r"read from the right, .* text_direction='ltr' keeps"):
        turned = fine_tune(latin, X[:4], Y[:4], max_epochs=1, random_state=0)
    assert turned.text_direction_ == "rtl"


def test_partial_fit_keeps_the_direction(reader):
    further = copy.deepcopy(reader).partial_fit(X[:2], ["א ab", "ab"])
    assert further.text_direction_ == "rtl"
    first = small_recognizer().partial_fit(*draw_words(8))
    assert first.text_direction_ == "ltr"


def test_ambiguous_and_empty_texts_are_named(reader):
    y = [*Y[:6], "אב 1 AB", "בא"]
    with pytest.warns(UserWarning, match=r"1 of 8 texts .* rows 6; row 6: 'אב AB 1' for 'אב 1 AB'"):
        small_recognizer().fit(X[:6] + [X[0].repeat(4, axis=1)] * 2, y)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".* look in an image like")
        small_recognizer().fit(X[:6], Y[:6])
    with pytest.raises(
        ValueError, match=r"1 of 3 texts in y holds marks of direction alone, rows 1"
    ):
        small_recognizer().fit(X[:3], [Y[0], "\u200f", Y[2]])


def test_pages_keep_words_in_order(reader):
    """A record of a right-to-left line enters a page with its words as typed."""
    from hwsk.documents._elements import Line
    from hwsk.documents._reader import _enter_text

    record = next(r for r in predict_details(reader, UNSEEN) if len(r["words"]) > 1)
    line = Line(polygon=[10, 0, 210, 16])
    _enter_text(line, record)
    assert line.text == record["text"]
    assert [word.text for word in line.words] == record["text"].split()
    first, last = line.words[0].polygon, line.words[-1].polygon
    assert first[:, 0].min() >= last[:, 0].max() - 2 > 10
