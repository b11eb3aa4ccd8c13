"""Written means read: lines are sampled until a reader recognizes every word, or said not to be."""

import csv
import json
import os
import platform
import re
import warnings
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from disk import full_disk

import hwsk.writing._reader as reader
from hwsk import _files
from hwsk._data.images import object_array
from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk._warn import warn_caller
from hwsk.datasets import load_lines, make_handwriting
from hwsk.writing import (
    Legibility,
    UnreadWord,
    _course,
    _folder,
    _progress,
    write,
    write_folder,
    write_lines,
)
from hwsk.writing._comparison import count_misread
from hwsk.writing._line_writer import LineWriter, _Line
from hwsk.writing._pieces import _Piece, compose_words
from hwsk.writing._reader import load_readers
from hwsk.writing._text import prepare_text
from hwsk.writing._words import (
    Word,
    cut_words,
    join_legible,
    join_pieces,
    join_words,
    split_word,
)

LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,-' "
WORDS = [
    "it",
    "was",
    "a",
    "dark",
    "and",
    "stormy",
    "night,",
    "when",
    "Zoe",
    "paid",
    "1250",
    "for",
    "quite",
    "an",
    "old",
    "Xylophone",
]


class Bars:
    """A synthesizer that writes a bar for a letter; how many points it has says which letter.

    So a reader need not look at images. Each letter goes wrong by chance; some words always do.
    """

    alphabet_ = LETTERS

    def __init__(self, error_rate=0.0, cursed=(), bias=0.5):
        self.error_rate, self.cursed, self.bias = error_rate, cursed, bias
        self.calls = []

    def sample(self, texts, *, prime=None, style=None, bias=None, tries=4, random_state=None):
        self.calls.append((list(texts), prime, bias) if style is None else (list(texts), style))
        rng = np.random.default_rng(random_state)
        return object_array([self._line(text, rng) for text in texts])

    def _line(self, text, rng):
        bars, x = [], 0.0
        for word in text.split():
            for letter in word:
                wrong = rng.random() < self.error_rate or (
                    word in self.cursed and letter == word[-1]
                )
                letter = rng.choice(list("#$")) if wrong else letter
                y = np.linspace(0, -10, 2 + (LETTERS + "#$").index(letter))
                bars.append(np.column_stack([np.full(len(y), x), y]))
                x += rng.uniform(3, 5)
            x += rng.uniform(11, 15)
        points = np.concatenate(bars)
        lifted = np.zeros(len(points))
        lifted[np.cumsum([len(bar) for bar in bars]) - 1] = 1
        return np.column_stack([np.diff(points, axis=0, prepend=0), lifted]).astype(np.float32)


class CountPoints:
    """Recognizes the bars, and leaves out blanks: they are not compared."""

    def predict(self, images):
        return [read_bars(strokes) for strokes in images]


def read_bars(strokes):
    counts = np.diff(np.flatnonzero(strokes[:, 2] == 1), prepend=-1)
    known = LETTERS + "#$"
    return "".join(known[n - 2] if n - 2 < len(known) else "?" for n in counts)  # a made letter


class Spots(CountPoints):
    """Another reader."""


class Undrawn:
    """Instead of the StrokeRasterizer: hands on the strokes."""

    def __init__(self, **_):
        pass

    def fit_transform(self, strokes):
        return strokes


@pytest.fixture(autouse=True)
def undrawn(monkeypatch):
    monkeypatch.setattr(reader, "StrokeRasterizer", Undrawn)


def text_of(n_words, seed=0):
    return " ".join(np.random.default_rng(seed).choice(WORDS, n_words))


def test_a_line_read_right_is_taken_as_it_is():
    synthesizer = Bars()
    written = write_lines(["dark and stormy", "night"], synthesizer, CountPoints(), random_state=0)
    assert written.legibility.first == written.legibility.final == 1
    assert (written.legibility.n_words, written.legibility.n_samples) == (4, 2)
    assert written.texts == ["dark and stormy", "night"]
    assert written.readings == ["darkandstormy", "night"]
    assert len(synthesizer.calls) == 1


@pytest.mark.slow
def test_nothing_is_lost_of_a_long_text():
    texts = [text_of(8, seed) for seed in range(25)]
    synthesizer = Bars(error_rate=0.12)
    written = write_lines(texts, synthesizer, CountPoints(), random_state=0)
    assert [read_bars(s) for s in written.strokes] == [t.replace(" ", "") for t in texts]
    assert 0.3 < written.legibility.first < 0.8
    assert written.legibility.final == 1
    assert written.legibility.unread == ()
    assert {bias for *_, bias in synthesizer.calls} >= {None, 0.75, 1.0}  # more neatly each time


@pytest.mark.slow
def test_each_word_is_in_the_lines_or_in_the_error():
    texts = [text_of(8, seed) for seed in range(12)]
    cursed = ("quite", "old")
    arguments = (texts, Bars(0.1, cursed), CountPoints())
    with pytest.raises(ValueError, match="could not be written so that the reader") as error:
        write_lines(*arguments, random_state=0)
    with pytest.warns(UserWarning) as caught:
        written = write_lines(*arguments, on_failure="warn", random_state=0)
    (message,) = (str(w.message) for w in caught if "could not be written" in str(w.message))
    unread = {(word.line, word.word) for word in written.legibility.unread}
    assert {word for _, word in unread} == set(cursed)
    for number, text in enumerate(texts):
        words = text.split()
        misread = count_misread(words, read_bars(written.strokes[number]))
        for word, wrong in zip(words, misread, strict=True):
            assert not wrong or (number, word) in unread
            assert (number, word) in unread or word not in cursed
    for line, word in unread:
        for text in (str(error.value), message):
            assert f"{word!r} (line {line + 1}, read as " in text
    n_cursed = sum(word in cursed for text in texts for word in text.split())
    assert f"{n_cursed} of 96 words" in message
    assert written.legibility.final == pytest.approx(1 - n_cursed / 96)


def test_failures_can_be_ignored():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        written = write_lines(
            ["who was old"], Bars(0, ["who"]), CountPoints(), on_failure="ignore", random_state=0
        )
    assert [tuple(word)[:2] for word in written.legibility.unread] == [(0, "who")]
    assert read_bars(written.strokes[0])[2] in "#$"


def test_tolerance_is_a_share_of_a_words_letters():
    cursed = Bars(0, ["stormy"])
    with pytest.raises(ValueError, match=r"'stormy' .line 1, read as 'storm"):
        write_lines(["stormy"], cursed, CountPoints(), tolerance=0.16, random_state=0)
    written = write_lines(["stormy"], cursed, CountPoints(), tolerance=0.17, random_state=0)
    assert written.legibility.n_samples == 1


def test_without_a_reader_each_line_is_written_once():
    synthesizer = Bars(0.5)
    written = write_lines(["was dark", "it"], synthesizer, None, random_state=0)
    assert written.readings is None and written.legibility is None
    assert [len(read_bars(s)) for s in written.strokes] == [7, 2]
    assert len(synthesizer.calls) == 1


def test_words_alone_are_in_the_hand_of_their_line_and_in_any_hand_at_last():
    def write(prime):
        synthesizer.calls.clear()
        write_lines(
            ["who was"],
            synthesizer,
            CountPoints(),
            prime=prime,
            on_failure="ignore",
            random_state=0,
        )
        whole = [primes for texts, primes, _ in synthesizer.calls if texts == ["who was"]]
        alone = [primes for texts, primes, _ in synthesizer.calls if texts == ["who"] * 4]
        assert len(whole) + len(alone) == len(synthesizer.calls) and len(alone) == 6
        assert alone[3:] == [None] * 3
        return whole, alone[:3]

    synthesizer = Bars(0, ["who"])
    hand = synthesizer._line("dark", np.random.default_rng(0)), "dark"
    whole, alone = write(hand)
    for primes in [*whole, *alone]:
        assert all(said == "dark" and strokes is hand[0] for strokes, said in primes)
    whole, alone = write(None)
    assert whole[0] is None
    assert {said for primes in [*whole[1:], *alone] for _, said in primes} == {"who was"}


def test_a_new_hand_is_shown_by_the_words_that_were_read_right():
    synthesizer = Bars(0, ["who"])
    write_lines(
        ["dark and who was"], synthesizer, CountPoints(), on_failure="ignore", random_state=0
    )
    primes = [prime for _, primes, _ in synthesizer.calls for prime in primes or []]
    assert {said for _, said in primes} == {"dark and"}
    assert {read_bars(strokes) for strokes, _ in primes} == {"darkand"}


@pytest.mark.parametrize(
    ("right", "most", "shown"),
    [
        ("1111", 24, "on cat was old"),
        ("1110", 24, "on cat was"),
        ("1011", 24, "was old"),
        ("1111", 6, "cat was"),  # as few words as have so many
        ("1000", 24, None),  # too few characters
        ("0000", 24, None),
    ],
)
def test_neighbouring_words_that_are_right_show_a_hand(right, most, shown):
    texts = ["on", "cat", "was", "old"]
    strokes = Bars()._line(" ".join(texts), np.random.default_rng(0))
    found = join_legible(cut_words(strokes, texts), texts, [c == "1" for c in right], most)
    assert (found and found[1]) == shown
    assert found is None or read_bars(found[0]) == shown.replace(" ", "")


def test_random_state_decides_lines():
    first, again, other = (
        write_lines(["dark and old"], Bars(0.2), CountPoints(), tries=9, random_state=s)
        for s in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.strokes[0], again.strokes[0])
    assert not np.array_equal(first.strokes[0], other.strokes[0])


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ("one line", {}, "texts is one string .'one line'.; put it in a list"),
        ([], {}, "texts is empty"),
        (["a", " "], {}, "text 1 is blank"),
        (["a", None], {}, "text 1 is NoneType"),
        (["a", "\u200b"], {}, "text 1 is blank"),
        (["a ü", "é", "ü"], {}, "'ü' .text 0, column 3 and 1 more., 'é' .text 1, column 1. of t"),
        (["a", "b"], {"prime": [(np.zeros((2, 3)), "a")]}, "prime has 1 hands, texts has 2 lines"),
        (["a"], {"tolerance": 1}, "tolerance"),
        (["a"], {"on_failure": "raise"}, "on_failure"),
    ],
)
def test_wrong_lines_are_refused(texts, options, message):
    synthesizer = Bars()
    with pytest.raises(ValueError, match=message):
        write_lines(texts, synthesizer, CountPoints(), **options)
    assert not synthesizer.calls


def test_sheets_say_what_was_read():
    text = f"{text_of(8)}\n\n{text_of(8, 1)}"
    sheets = write(text, Bars(0.1), CountPoints(), random_state=0)
    assert sheets.legibility.n_words == 16
    assert sheets.legibility.first < sheets.legibility.final == 1
    assert " ".join(line for line, _ in sheets.sheets[0]).split() == text.split()
    with pytest.raises(ValueError, match="'who'"):
        write("and who was", Bars(0, ["who"]), CountPoints(), random_state=0)
    assert write("it", Bars(), None).legibility is None


def test_a_new_hand_is_the_one_that_is_read_best():
    synthesizer = Bars(0.3)
    write("dark and stormy", synthesizer, CountPoints(), random_state=0)
    (trials, none, _), (_, primes, _) = synthesizer.calls[:2]
    assert trials == ["dark and stormy"] * 8 and none is None
    misread = [sum(count_misread(said.split(), read_bars(strokes))) for strokes, said in primes]
    assert misread == [min(misread)] * len(primes) and misread[0] <= 2  # of 13, at 0.3: 4


class StyledBars(Bars):
    """It knows four hands."""

    styles_ = np.arange(8, dtype=np.float32).reshape(4, 2)


class Stretches(Bars):
    """Its hands differ in how far the bars are apart; keeps what it drew."""

    def sample(self, texts, **options):
        samples = super().sample(texts, **options)
        rng = np.random.default_rng(options["random_state"])
        for strokes in samples:
            strokes[:, 0] *= rng.choice([0.25, 0.5, 1.0, 2.0, 4.0])
        self.drawn = samples
        return samples


class Spacing:
    """Describes a hand by how far its bars are apart."""

    def transform(self, lines):
        angles = [np.log2(spacing(strokes)) / 4 for strokes in lines]
        return np.column_stack([np.cos(angles), np.sin(angles)])


def spacing(strokes):
    return strokes[:, 0].sum() / strokes[:, 2].sum()


def test_the_candidate_that_is_most_like_the_prime_is_taken(monkeypatch):
    monkeypatch.setattr("hwsk.writing._likeness.StrokeRasterizer", Undrawn)
    synthesizer = Stretches()
    line = synthesizer._line("it was", np.random.default_rng(0))
    primes = [(line * np.float32([stretch, 1, 1]), "it was") for stretch in (1, 4)]
    texts = ["old men", "who was"]
    for checking in (None, CountPoints()):
        written = write_lines(
            texts, synthesizer, checking, prime=primes, candidates=12, embedder=Spacing(),
            random_state=0,
        )  # fmt: skip
        assert synthesizer.calls[-1][0] == ["old men"] * 12 + ["who was"] * 12
        for i, (shown, _) in enumerate(primes):
            far = [abs(np.log(spacing(s) / spacing(shown))) for s in synthesizer.drawn]
            taken = abs(np.log(spacing(written.strokes[i]) / spacing(shown)))
            assert taken == pytest.approx(min(far[12 * i : 12 * i + 12]))
            assert taken < np.median(far[12 * i : 12 * i + 12])


SHOWN = {"candidates": 2, "prime": (Bars()._line("it", np.random.default_rng(0)), "it")}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"candidates": 2}, "candidates=2 takes what is most like the strokes of a prime"),
        ({"candidates": 2, "style": 0}, "candidates=2 takes what is most like the strokes"),
        ({**SHOWN, "embedder": "iam-lines"}, "iam-lines holds a CTCRecognizer, which"),
        ({"candidates": 0}, "'candidates' parameter"),
        ({"candidates": 2, "embedder": CountPoints()}, "'embedder' parameter"),
    ],
)
def test_candidates_that_can_not_be_compared_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        write_lines(["it"], StyledBars(), None, **options)


def styles_of(synthesizer):
    assert all(len(call) == 2 for call in synthesizer.calls)  # no prime
    return [[tuple(vector) for vector in styles] for _, styles in synthesizer.calls]


def test_lines_are_written_in_the_hand_of_a_vector():
    for style, first, second in (
        (2, (4, 5), (4, 5)),
        ([7.0, 8.0], (7, 8), (7, 8)),
        ([0, 3], (0, 1), (6, 7)),
        ([[1.0, 1.0], [2.0, 2.0]], (1, 1), (2, 2)),
    ):
        synthesizer = StyledBars()
        write_lines(["dark and", "stormy"], synthesizer, CountPoints(), style=style, random_state=0)
        assert styles_of(synthesizer) == [[first, second]]


def test_words_that_are_written_alone_have_the_hand_of_their_line():
    synthesizer = StyledBars(0.2)
    texts = [text_of(6, seed) for seed in range(12)]
    write_lines(texts, synthesizer, CountPoints(), style=1, on_failure="ignore", random_state=0)
    in_hand = [call for call in synthesizer.calls if len(call) == 2]
    assert {tuple(vector) for _, styles in in_hand for vector in styles} == {(2, 3)}
    assert len(in_hand) > 1


def test_sheets_have_the_hand_of_a_vector():
    synthesizer = StyledBars()
    write("dark\n\nand\n\nstormy", synthesizer, CountPoints(), style=[1, 3], random_state=0)
    assert styles_of(synthesizer)[-1] == [(2, 3), (6, 7), (2, 3)]


def test_wrong_hands_are_refused():
    prime = np.zeros((3, 3), np.float32), "it"
    for synthesizer, options, message in (
        (Bars(), {"style": 0}, "was not; a prime shows it a hand"),
        (StyledBars(), {"style": 0, "prime": prime}, "prime and style both say"),
        (StyledBars(), {"style": 4}, "style is 4; the synthesizer's hands are 0 to 3"),
        (StyledBars(), {"style": -1}, "style is -1"),
        (StyledBars(), {"style": [1.0]}, r"style has shape \(1,\); it is a number, a vector of 2"),
        (StyledBars(), {"style": [np.nan, 1.0]}, "style has NaN"),
        (StyledBars(), {"style": [0, 1, 2]}, "style has 3 hands, texts has 2 lines"),
    ):
        with pytest.raises(ValueError, match=message):
            write_lines(["it", "was"], synthesizer, None, **options)


def test_folder_has_the_lines_that_are_read_and_the_error_the_others(tmp_path):
    texts = [f"{word} it" for word in WORDS * 10]  # two chunks
    cursed = [row for row, text in enumerate(texts) if text == "quite it"]
    with pytest.raises(ValueError, match="their lines are left out") as error:
        write_folder(texts, tmp_path / "made", Bars(0.05, ["quite"]), CountPoints(), random_state=0)
    for row in cursed:
        assert f"'quite' (line {row + 1}, read as" in str(error.value)
    made = load_lines(tmp_path / "made" / "lines.csv", as_arrays=True)
    assert made.text.tolist() == [text for text in texts if text != "quite it"]
    assert made.ids[-1] == f"{len(texts):06d}.png"
    legibility = write_folder(
        texts, tmp_path / "again", Bars(0.05, ["quite"]), CountPoints(),
        on_failure="ignore", random_state=0,
    )  # fmt: skip
    assert [word.line for word in legibility.unread] == cursed
    assert legibility.n_words == 2 * len(texts)
    with pytest.raises(FileExistsError, match="again is not empty"):
        write_folder(texts, tmp_path / "again", Bars(), None)
    with pytest.raises(ValueError, match="n_jobs"):
        write_folder(texts, tmp_path / "wrong", Bars(), None, n_jobs=0)
    assert not (tmp_path / "wrong").exists()


def test_processes_write_the_same_folder(tmp_path):
    texts = [f"{word} it" for word in WORDS * 10]
    for n_jobs in (None, 2):
        write_folder(texts, tmp_path / str(n_jobs), Bars(0.1), None, n_jobs=n_jobs, random_state=0)
    files = sorted(path.name for path in (tmp_path / "None").iterdir())
    assert len(files) == len(texts) + 1
    assert files == sorted(path.name for path in (tmp_path / "2").iterdir())
    for name in files:
        assert (tmp_path / "None" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()


BEGUN = [f"{word} it" for word in WORDS[6:]]  # three parts of four lines; one can't be written


def fill(folder, texts=BEGUN, error_rate=0.05, checked=CountPoints, **options):
    """Write a small folder, with the usual options but for those that are given."""
    options = {"random_state": 0, "on_failure": "ignore", **options}
    synthesizer = Bars(error_rate, ["quite"])
    return write_folder(texts, folder, synthesizer, checked and checked(), **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def listed(folder):
    table = folder / "lines.csv"
    text = table.read_text(encoding="utf-8") if table.exists() else ""
    return list(csv.reader(text.splitlines()))[1:]


@pytest.fixture
def small_parts(monkeypatch):
    monkeypatch.setattr(_course, "PART", 4)


def break_off(folder, after, **options):
    """Write a small folder up to so many files; say whether it was broken off."""
    n_files = 0

    def write_file(path, content, **options):
        nonlocal n_files
        n_files += 1
        if n_files > after:
            (folder / ".0123456789abcdef.part").write_bytes(b"begun")  # as if it was killed
            raise KeyboardInterrupt
        _files.write_file(path, content, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_course, "write_file", write_file)
        try:
            fill(folder, **options)
        except KeyboardInterrupt:
            return True
    return False


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.usefixtures("small_parts")
def test_an_interrupted_folder_ends_as_if_nothing_had_happened(tmp_path, n_jobs):
    legibility = fill(tmp_path / "whole")
    whole = contents(tmp_path / "whole")
    assert len(BEGUN) == len(whole) == 10 and "lines.ckpt" not in whole  # "quite" is left out
    n_interrupted = 0
    for after in (0, 2, 5, 6, 7, 8, 14, 16) if n_jobs else range(100):
        folder = tmp_path / str(after)
        if not break_off(folder, after, n_jobs=n_jobs):
            break
        n_interrupted += 1
        for name, text in listed(folder):
            assert whole[name] == (folder / name).read_bytes()
            assert text == BEGUN[int(name[:6]) - 1]
        assert fill(folder, resume=True, n_jobs=n_jobs) == legibility
        assert contents(folder) == whole
        assert len(listed(folder)) == len(BEGUN) - 1
    assert n_interrupted == (8 if n_jobs else 17)


@pytest.mark.usefixtures("small_parts")
def test_lines_that_are_saved_are_not_written_again(tmp_path):
    assert break_off(tmp_path, 9)
    before = (tmp_path / "000001.png").stat().st_ino
    synthesizer = Bars(0.05, ["quite"])
    write_folder(
        BEGUN, tmp_path, synthesizer, CountPoints(), random_state=0, on_failure="ignore",
        resume=True,
    )  # fmt: skip
    assert (tmp_path / "000001.png").stat().st_ino == before
    asked = {text for texts, *_ in synthesizer.calls for text in texts}
    assert not asked & set(BEGUN[:4]) and asked >= set(BEGUN[4:])


@pytest.mark.usefixtures("small_parts")
def test_a_folder_without_a_seed_goes_on_with_its_own(tmp_path, monkeypatch):
    for seed, folder in ((3, "whole"), (3, "part"), (4, "part")):
        rng = np.random.RandomState(seed)
        monkeypatch.setattr(_folder, "check_random_state", lambda given, rng=rng: rng)
        options = {"random_state": None, "resume": seed == 4}
        if folder == "part" and seed == 3:
            assert break_off(tmp_path / folder, 9, **options)
        else:
            fill(tmp_path / folder, **options)
    assert contents(tmp_path / "part") == contents(tmp_path / "whole")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"texts": [*BEGUN[:-1], "another"]}, "texts"),
        ({"texts": BEGUN[:4]}, "texts"),
        ({"error_rate": 0.1}, "synthesizer"),
        ({"checked": None}, "reader"),
        ({"checked": Spots}, "reader"),
        ({"bias": 0.5}, r"bias (None there, 0.5 here)"),
        ({"height": 64, "tries": 2}, "height (96 there, 64 here), tries (4 there, 2 here)"),
        ({"tolerance": 0.1}, "tolerance (0.0 there, 0.1 here)"),
        ({"random_state": 1}, "random_state"),
        ({"random_state": None}, "random_state"),
        ({"prime": (np.ones((9, 3), np.float32), "it")}, "prime"),
    ],
)
def test_a_folder_of_other_lines_is_refused_and_stays(tmp_path, other, named):
    assert break_off(tmp_path, 9)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=re.escape(f"differs in {named}; resume=True")):
        fill(tmp_path, resume=True, **other)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("small_parts")
def test_other_hands_and_embedders_are_other_lines(tmp_path):
    given = (np.ones((9, 3), np.float32), "it")
    assert break_off(tmp_path, 9, prime=given)
    with pytest.raises(ValueError, match="differs in prime; resume"):
        fill(tmp_path, resume=True, prime=(given[0][1:], "it"))
    with pytest.raises(ValueError, match=r"in candidates .1 there, 2 here., embedder; resume"):
        fill(tmp_path, resume=True, prime=given, candidates=2, embedder=Spacing())
    fill(tmp_path, resume=True, prime=given)


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize("damage", ["removed", "cut", "changed"])
def test_images_that_are_not_whole_are_written_again(tmp_path, damage):
    fill(tmp_path / "whole")
    folder = tmp_path / "part"
    assert break_off(folder, 14)
    image = folder / "000002.png"
    if damage == "removed":
        image.unlink()
    else:
        image.write_bytes(image.read_bytes()[:-1] + b"x" * (damage == "changed"))
    with pytest.warns(UserWarning, match="^texts 0 to 3 are written again: images of them in"):
        fill(folder, resume=True)
    assert contents(folder) == contents(tmp_path / "whole")


@pytest.mark.usefixtures("small_parts")
@pytest.mark.parametrize(
    "spoil",
    [
        lambda state: "",
        lambda state: "PK a checkpoint of a training",
        lambda state: json.dumps(state)[:-9],
        lambda state: json.dumps([state]),
        lambda state: json.dumps({**state, "format": 2}),
        lambda state: json.dumps({**state, "parts": state["parts"][:-1]}),
        lambda state: json.dumps({**state, "parts": [["x", 3], None, None]}),
    ],
)
def test_a_damaged_state_is_named_and_stays(tmp_path, spoil):
    assert break_off(tmp_path, 9)
    path = tmp_path / "lines.ckpt"
    path.write_text(spoil(json.loads(path.read_text(encoding="utf-8"))), encoding="utf-8")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"lines.ckpt is damaged"):
        fill(tmp_path, resume=True)
    assert contents(tmp_path) == before


@pytest.mark.usefixtures("small_parts")
def test_only_a_folder_that_was_interrupted_is_gone_on_with(tmp_path):
    fill(tmp_path / "new", resume=True)
    with pytest.raises(FileExistsError, match=r"is not empty, and has no lines.ckpt of an in"):
        fill(tmp_path / "new", resume=True)
    assert break_off(tmp_path / "part", 9)
    with pytest.raises(FileExistsError, match=r"part has the lines.ckpt .* resume=True goes on"):
        fill(tmp_path / "part")
    (tmp_path / "part" / "notes.txt").write_text("mine", encoding="utf-8")
    with _files.locked(tmp_path / "part"), pytest.raises(ValueError, match="another process is wr"):
        fill(tmp_path / "part", resume=True)
    fill(tmp_path / "part", resume=True)
    assert set(contents(tmp_path / "part")) == {*contents(tmp_path / "new"), "notes.txt"}


@pytest.mark.usefixtures("small_parts")
def test_a_folder_goes_on_after_a_full_disk(tmp_path):
    fill(tmp_path / "whole", height=256)
    with full_disk(room=1500), pytest.raises(OSError, match=r"File too large.*\.png"):
        fill(tmp_path / "part", height=256)
    assert set(contents(tmp_path / "part")) >= {"lines.csv", "lines.ckpt"}
    fill(tmp_path / "part", height=256, resume=True)
    assert contents(tmp_path / "part") == contents(tmp_path / "whole")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="another C library")
def test_memory_that_was_freed_is_given_back():
    """As networks do that read lines of many widths: free blocks between some that are in use."""

    def resident():
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])

    blocks = [np.ones(1000) for _ in range(20_000)]
    kept = blocks[::100]
    del blocks
    before = resident()
    _folder._release_memory()
    assert (before - resident()) * os.sysconf("SC_PAGESIZE") > 1e8
    assert len(kept) == 200


def test_memory_is_given_back_after_each_part_of_a_folder(tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(_folder, "_release_memory", lambda: calls.append(1))
    write_folder(["it was"] * 129, tmp_path, Bars(), None, random_state=0)
    assert len(calls) == 2


class Warns(Bars):
    """Warns of each text that is long."""

    def sample(self, texts, **options):
        if any(len(text) > 9 for text in texts):
            warn_caller("a line is long")
        return super().sample(texts, **options)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_warnings_of_processes_are_issued_with_the_places_of_the_texts(tmp_path, n_jobs):
    texts = ["it was"] * 128 + ["stormy night"] * 2
    with pytest.warns(UserWarning, match="^texts 128 to 129: a line is long$") as said:
        write_folder(texts, tmp_path, Warns(), None, n_jobs=n_jobs, random_state=0)
    assert len(said) == 1


def test_a_log_has_the_words_of_the_lines_that_are_being_written(tmp_path, capsys):
    write_folder(["dark it"], tmp_path / "made", Bars(), CountPoints(), verbose=True)
    first, last = capsys.readouterr().err.splitlines()
    assert (
        first == "writing: 0 of 1 line in 0 s, 0 of 2 words of the next, try 1 of 4 of whole lines"
    )
    assert last.startswith("writing: 1 of 1 line in ")


def test_legibility_is_said_in_a_line():
    legibility = Legibility(8, 6, 11, (UnreadWord(0, "Zoe", "Goe"),))
    assert str(legibility) == (
        "8 words, 75.0% recognized at the first try, 87.5% in the end; 11 samples"
    )


@pytest.mark.parametrize(
    ("words", "reading", "misread"),
    [
        (["Zoe", "ran"], "Zoe ran", [0, 0]),
        (["ran,"], "ran ,", [0]),  # blanks are not compared
        (["Zoe"], "zoe", [0]),  # the same mark
        (["Anna"], "anna", [1]),  # another one
        (["10", "O'Hara"], "lo 0’Hara", [0, 0]),
        (["cat", "ran"], "cot ran", [1, 0]),
        (["cat", "ran"], "ran", [3, 0]),
        (["cat", "ran"], "catx ran", [1, 1]),  # the x is ink of either
        (["cat", "ran"], "catran", [0, 0]),
        (["cat", "ran."], "cat ran", [0, 1]),
        (["cat"], "", [3]),
    ],
)
def test_misread_characters_are_counted_by_word(words, reading, misread):
    assert count_misread(words, reading) == misread


def test_typographic_characters_are_written_as_plain_ones():
    text = "“It’s 5–6 …” he said\u00a0so"
    assert prepare_text(text, LETTERS + '".', "text", "error").split() == [
        '"It\'s', "5-6", '..."', "he", "said", "so",
    ]  # fmt: skip
    known = "“” " + LETTERS
    assert prepare_text("“so”", known, "text", "error") == "“so”"


def test_letters_are_replaced_on_demand_and_named():
    with pytest.warns(UserWarning, match="replaced 'É' by 'E', 'ß' by 'ss', 'é' by 'e'"):
        assert prepare_text("Éß é", LETTERS, "text", "replace") == "Ess e"
    with pytest.raises(ValueError, match=r"'é' .line 1, column 1. of text"):
        prepare_text("é", LETTERS, "text", "error")
    with pytest.raises(ValueError, match="'中'"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepare_text("é中", LETTERS, "text", "replace")


def test_a_fraction_is_spelled_apart_from_the_number_before_it():
    with pytest.warns(UserWarning, match="replaced '½' by '1/2'"):
        assert prepare_text("1½ or ½", LETTERS + "/12", "text", "replace") == "1 1/2 or 1/2"
    assert prepare_text("1½", LETTERS + "½1", "text", "replace") == "1½"


def test_characters_without_ink_are_left_out():
    unseen = "\u200e\u200f\u200c\u200d\u2060\u2066\u2069\ufe0f"
    assert prepare_text(f"a{unseen}b", LETTERS, "text", "error") == "ab"
    with pytest.raises(ValueError, match="202e"):  # it turns round what follows
        prepare_text("a\u202eb", LETTERS, "text", "error")


def test_pounds_are_spelled_where_the_sign_is_not_known():
    with pytest.raises(ValueError, match=r"'£' .line 1, column 3. .*unsupported='replace'"):
        prepare_text("a £5", LETTERS, "text", "error")
    with pytest.warns(UserWarning, match="replaced '£' by 'GBP'"):
        assert prepare_text("a £5", LETTERS, "text", "replace") == "a GBP5"


def test_a_replacement_is_offered_where_there_is_one():
    for text, is_offered in (("中é", True), ("中", False)):
        with pytest.raises(ValueError, match="'中'") as error:
            prepare_text(text, LETTERS, "text", "error")
        assert ("unsupported='replace'" in str(error.value)) == is_offered


def test_replacements_of_many_lines_are_one_warning():
    with pytest.warns(UserWarning, match="replaced 'é' by 'e', 'ï' by 'i'") as said:
        written = write_lines(
            ["né", "naïf", "né"], Bars(), None, unsupported="replace", random_state=0
        )
    assert written.texts == ["ne", "naif", "ne"] and len(said) == 1


def test_letters_of_one_kind_of_text_come_from_composed_and_decomposed_forms_alike():
    with pytest.warns(UserWarning, match="'é' by 'e'"):
        assert prepare_text("e\u0301", LETTERS, "text", "replace") == "e"
    with pytest.warns(UserWarning, match="replaced '\u0302' by ''"):  # no letter has both
        assert prepare_text("x\u0302y", LETTERS, "text", "replace") == "xy"


def test_cut_words_are_joined_to_the_same_line():
    made = make_handwriting(20, level="line", n_writers=5, random_state=0)
    n_cut = 0
    for strokes, text in zip(made.strokes, made.text, strict=True):
        texts = text.split()
        words = cut_words(strokes, texts)
        if words is None:
            continue
        n_cut += 1
        assert len(words) == len(texts)
        joined = join_words(words)
        assert joined[-1, 2] == 1
        assert joined[:, 2].sum() == strokes[:, 2].sum()
        assert len(joined) == len(strokes)
        again = cut_words(joined, texts)
        assert again is not None
        np.testing.assert_allclose(
            [word.width for word in again], [word.width for word in words], rtol=0.02
        )
    assert n_cut >= 15


def test_a_line_with_too_few_gaps_is_not_cut():
    strokes = Bars()._line("dark", np.random.default_rng(0))
    assert cut_words(strokes[:30], ["a"] * 9) is None
    assert cut_words(np.array([[0, 0, 0], [5, -5, 0], [5, 5, 1]], np.float32), ["a", "b"]) is None


def test_tries_are_limited_and_said_line_by_line(capsys, monkeypatch):
    monkeypatch.setattr(_progress, "_SECONDS", 0.0)
    synthesizer = Bars(cursed=("very", "quick"))
    with pytest.raises(ValueError, match="2 of 3 words could not be written"):
        write_lines(["a very quick"], synthesizer, CountPoints(), tries=3, verbose=True)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].endswith("0 of 3 words in 0 s, try 1 of 3 of whole lines")
    assert lines[-2].startswith("writing: 1 of 3 words in ")
    assert lines[-2].endswith("s, try 24 of 24 of words alone")
    assert lines[-1].startswith("writing: 1 of 3 words in ") and lines[-1].endswith(" s")
    assert len(lines) == 3 + 6 + 1  # the end is said once


def test_progress_is_reported_round_by_round_and_may_end_the_writing():
    seen = []
    write_lines(["a dark"], Bars(), CountPoints(), on_progress=lambda *news: seen.append(news))
    assert seen[0] == (0, 2, "try 1 of 4 of whole lines")
    assert seen[-1] == (2, 2, "")
    seen.clear()
    write_lines(["a", "dark"], Bars(), None, on_progress=lambda *news: seen.append(news))
    assert seen == [(2, 2, "")]

    def stop(done, total, note):
        raise KeyboardInterrupt

    synthesizer = Bars()
    with pytest.raises(KeyboardInterrupt):
        write_lines(["a dark"], synthesizer, CountPoints(), on_progress=stop)


def test_the_first_try_is_said_at_once(capsys):
    write_lines(["a dark"], Bars(), CountPoints(), verbose=True)
    first, last = capsys.readouterr().err.splitlines()
    assert first == "writing: 0 of 2 words in 0 s, try 1 of 4 of whole lines"
    assert last.startswith("writing: 2 of 2 words in ")


def test_a_line_with_no_word_right_is_not_tried_again_as_a_whole():
    synthesizer = Bars(cursed=("very", "quick"))
    with pytest.raises(ValueError, match="2 of 4 words could not be written"):
        write_lines(["very quick", "a dark"], synthesizer, CountPoints(), tries=9)
    asked = [text for texts, _, _ in synthesizer.calls for text in texts]
    assert asked.count("very quick") == asked.count("a dark") == 1
    assert asked.count("quick") == 24


def test_figures_and_capitals_that_resist_are_put_together_from_pieces():
    synthesizer = Bars(0, ["1250,", "Zoe"])
    written = write_lines(["was 1250, Zoe"], synthesizer, CountPoints(), random_state=0)
    assert read_bars(written.strokes[0]) == "was1250,Zoe"
    assert written.legibility.unread == ()
    asked = {text for texts, *_ in synthesizer.calls for text in texts}
    assert asked >= {"1", "2", "5", "0,", "Z", "oe"}


class NeedsLines(CountPoints):
    def predict(self, images):
        assert len(images), "a reader takes no empty list"
        return super().predict(images)


def test_pieces_that_are_all_right_need_no_drawing():
    writer = LineWriter(Bars(), load_readers(NeedsLines()), None, 0.0, 4, np.random.RandomState(0))
    (word,) = compose_words(["Zoe"], [None], writer)
    assert len(word.strokes) == 3


def test_a_character_that_the_synthesizer_has_not_learnt_is_drawn():
    synthesizer = Bars(0, ["Q", "7,"])
    written = write_lines(["Q 7,"], synthesizer, CountPoints(), on_failure="ignore", random_state=0)
    bars = read_bars(written.strokes[0])
    assert bars.count("7") == 1 and bars.count(",") == 1  # "7," goes wrong, "7" and "," alone don't
    assert {word.word for word in written.legibility.unread} == {"Q"}  # its form is no bar


def test_signs_and_capitals_are_drawn_and_joined_letters_are_not():
    drawn = {text: _Piece(0, text).is_drawable for text in ("£", "€", "É", "7.", "ж", "ab", "é")}
    assert [text for text, is_drawable in drawn.items() if is_drawable] == ["£", "€", "É", "7."]


def test_a_drawn_pound_is_recognized():
    made = make_handwriting(12, texts=["£300"], n_writers=12, random_state=0)
    readings = load_readers("ink-lines").models[0].predict(made.strokes)
    assert sum("£" in reading for reading in readings) >= 6  # 10; one of six drawings is enough


def test_of_several_drawings_of_a_character_the_one_that_is_read_is_taken(monkeypatch):
    drawn = []

    def make(n, *, texts, random_state, **_):
        made = make_handwriting(n, n_writers=1, texts=texts, random_state=random_state)
        drawn.append(texts[0])
        wanted = texts[0] if len(drawn) == 3 else "x"
        made.strokes[0] = Bars()._line(wanted, np.random.default_rng(0))
        return made

    monkeypatch.setattr("hwsk.writing._pieces.make_handwriting", make)
    written = write_lines(["Q was"], Bars(0, ["Q"]), CountPoints(), random_state=0)
    assert read_bars(written.strokes[0]) == "Qwas" and not written.legibility.unread
    assert set(drawn) == {"Q"} and len(drawn) > 3


def test_of_several_samples_the_one_that_all_readers_read_is_taken():
    class Doubts:
        """Reads a word wrong in every sample but one of each four."""

        def predict(self, images):
            texts = [read_bars(strokes) for strokes in images]
            return [text if i % 4 == 2 else "?" * len(text) for i, text in enumerate(texts)]

    writer = LineWriter(
        Bars(), load_readers([CountPoints(), Doubts()]), None, 0.0, 1, np.random.RandomState(0)
    )
    samples = writer.sample(["was"] * 4 + ["dark"] * 4, [None] * 8, 0)
    found = writer.choose(["was", "dark"], samples)
    assert [number for _, number in found] == [2, 2]
    assert [(alone.misread, alone.doubted) for alone, _ in found] == [(0, 0), (0, 0)]


def test_one_of_several_readers_is_enough_for_words_and_not_for_figures():
    class Blind:
        """Reads a word wrong, wherever it stands."""

        def __init__(self, word, wrong):
            self.word, self.wrong = word, wrong

        def predict(self, images):
            return [read_bars(strokes).replace(self.word, self.wrong) for strokes in images]

    readers = [Blind("dark", "bark"), CountPoints()]
    written = write_lines(["a dark night"], Bars(), readers, random_state=0)
    assert written.legibility.n_samples == 1 and written.readings == ["adarknight"]
    synthesizer = Bars()
    readers = [Blind("1250", "1Z50"), CountPoints()]
    written = write_lines(["paid 1250"], synthesizer, readers, random_state=0)
    assert written.legibility.unread == ()
    assert "5" in {text for texts, *_ in synthesizer.calls for text in texts}
    readers[0].alphabet_ = LETTERS.replace("2", "")  # a Z is all that it can make of a 2
    written = write_lines(["paid 1250"], Bars(), readers, random_state=0)
    assert written.legibility.n_samples == 1 and written.legibility.unread == ()
    readers[0].wrong = "1Z5O1"
    synthesizer = Bars()
    write_lines(["paid 1250"], synthesizer, readers, random_state=0)
    assert "5" in {text for texts, *_ in synthesizer.calls for text in texts}


def test_an_unread_figure_is_quoted_as_the_reader_that_doubts_it_has_it():
    class Blind(CountPoints):
        def predict(self, images):
            return [text.replace("5", "S") for text in super().predict(images)]

    readers = load_readers([Blind(), CountPoints()])
    writer = LineWriter(Bars(), readers, None, 0.0, 1, np.random.RandomState(0))
    samples = writer.sample(["1250", "was", "5th"], [None] * 3, 0)
    found = [alone for alone, _ in writer.choose(["1250", "was", "5th"], samples)]
    assert [alone.reading for alone in found] == ["12S0", "was", "5th"]
    assert [(alone.misread, alone.doubted) for alone in found] == [(1, 1), (0, 0), (0, 1)]


def test_a_word_that_is_read_alone_and_left_out_in_its_line_is_unread():
    class Skips(CountPoints):
        def predict(self, images):
            texts = super().predict(images)
            return [text if text == "was" else text.replace("was", "") for text in texts]

    with pytest.raises(ValueError, match=r"1 of 3 words .* 'was' \(line 1, read as ''\)"):
        write_lines(["it was dark"], Bars(), Skips(), random_state=0)


def test_a_word_that_is_read_alone_and_misread_in_its_line_is_written_again():
    class Stumbles(CountPoints):
        """Reads "was" wrong in a line, thrice."""

        left = 3

        def predict(self, images):
            texts = super().predict(images)
            if texts == ["itwasdark"] and self.left:
                self.left -= 1
                return ["itwosdark"]
            return texts

    synthesizer = Bars()
    written = write_lines(["it was dark"], synthesizer, Stumbles(), random_state=0)
    assert written.readings == ["itwasdark"] and not written.legibility.unread
    assert [texts for texts, *_ in synthesizer.calls] == [["it was dark"], *[["was"] * 4] * 3]


def test_a_sign_set_apart_is_written_with_the_word_beside_it():
    synthesizer = Bars(0, ["was"])
    written = write_lines(
        ["it was , dark ,"], synthesizer, CountPoints(), on_failure="ignore", random_state=0
    )
    assert written.legibility.n_words == 3
    assert [word.word for word in written.legibility.unread] == ["was ,"]
    assert {text for texts, *_ in synthesizer.calls for text in texts} >= {"was ,"}
    assert "," not in {text for texts, *_ in synthesizer.calls for text in texts}


def test_what_is_read_alone_is_enough_at_last():
    class Stumbles(CountPoints):
        def predict(self, images):
            return [text.replace("twasd", "twosd") for text in super().predict(images)]

    synthesizer = Bars()
    written = write_lines(["it was dark"], synthesizer, Stumbles(), random_state=0)
    assert written.readings == ["itwosdark"] and not written.legibility.unread
    # The same of a word that was read right in its line, and that no round is left for.
    writer = LineWriter(synthesizer, load_readers(Stumbles()), None, 0.0, 1, None)
    line = _Line("it was dark", None)
    line.right = cut_words(synthesizer._line(line.text, np.random.default_rng(0)), line.words)
    writer._join([line], final=False)
    assert line.missing() == [1] and line.strokes is None
    writer._join([line], final=True)
    assert line.missing() == [] and line.reading == "itwosdark"


def test_a_word_that_was_cut_in_a_wrong_place_is_unread():
    synthesizer = Bars()
    writer = LineWriter(synthesizer, load_readers(CountPoints()), None, 0.0, 1, None)
    line = _Line("it was dark", None)
    line.right = cut_words(synthesizer._line("it wa dark", np.random.default_rng(0)), line.words)
    writer._join([line], final=False)
    assert line.missing() == [1] and line.best[1][:2] == (1, "wa")
    writer._join([line], final=True)
    assert line.missing() == [1] and line.reading == "itwadark"


def test_a_recognizer_of_ink_is_given_strokes(monkeypatch):
    class Ink(CountPoints):
        def predict(self, strokes):
            assert all(sample.shape[1] == 3 for sample in strokes)
            return super().predict(strokes)

    class Refuses(Undrawn):
        def fit_transform(self, strokes):
            raise AssertionError("an image is drawn")

    monkeypatch.setattr("hwsk.recognition.InkRecognizer", Ink)
    monkeypatch.setattr(reader, "StrokeRasterizer", Refuses)
    with pytest.raises(AssertionError, match="an image is drawn"):
        write_lines(["it"], Bars(), CountPoints())
    assert write_lines(["it"], Bars(), [Ink()]).readings == ["it"]


@pytest.mark.parametrize(
    ("readers", "error", "message"),
    [
        ([], ValueError, "reader is an empty list"),
        ([CountPoints(), 3], TypeError, "a reader must be a recognizer, .* this is int"),
        (["synthesizer"], ValueError, "synthesizer holds a HandwritingSynthesizer, which recog"),
    ],
)
def test_wrong_readers_are_refused(readers, error, message):
    with pytest.raises(error, match=message):
        write_lines(["it"], Bars(), readers)


def test_small_letters_have_their_size_in_a_line_of_figures():
    texts = ["seven men", "gate BA2490 QX19 0605"]
    made = make_handwriting(12, texts=texts * 6, n_writers=3, level="line", random_state=1)
    sizes = {}
    for strokes, text, writer in zip(made.strokes, made.text, made.writer, strict=True):
        for word in cut_words(strokes, text.split())[:1]:
            sizes.setdefault(writer, {})[text] = word.x_height
    for usual, in_figures in (size.values() for size in sizes.values()):
        assert 0.7 < in_figures / usual < 1.4


def test_words_that_are_joined_stand_apart():
    made = make_handwriting(1, texts=["THE FOX JUMPS"], level="line", random_state=1)
    words = cut_words(made.strokes[0], ["THE", "FOX", "JUMPS"])
    near = [word._replace(gap=0.01 if i else np.nan) for i, word in enumerate(words)]
    edges = [
        (np.concatenate(part)[:, 0].min(), np.concatenate(part)[:, 0].max())
        for part in np.split(
            np.array(split_strokes(join_words(near)), dtype=object),
            np.cumsum([len(word.strokes) for word in near])[:-1],
        )
    ]
    for (_, right), (left, _) in pairwise(edges):
        assert left - right > 1.5 * words[0].x_height


def bars(*places, height=10.0):
    """Strokes of a made-up word: upright bars at these places."""
    y = np.linspace(0, -height, 5)
    return [np.column_stack([np.full(5, float(x)), y]) for x in places]


def edges(strokes):
    """Where the strokes of a line begin, from the left."""
    ends = np.flatnonzero(strokes[:, 2] == 1)[:-1] + 1
    return np.cumsum(strokes[:, 0])[np.concatenate([[0], ends])]


def test_letters_come_together_where_a_gap_looks_like_one_between_words():
    """The usual gap between words is 16 here, so that between letters is 7.2 at most."""
    wide = Word(bars(0, 11, 14, 30), np.nan, 10.0)
    other = Word(bars(0, 5), np.nan, 10.0)
    alone = edges(join_words([wide]))
    np.testing.assert_allclose(np.diff(alone), [7.2, 3, 7.2], atol=1e-4)
    line = edges(join_words([other, wide, other]))
    np.testing.assert_allclose(np.diff(line), [5, 16, 7.2, 3, 7.2, 16, 5], atol=1e-4)


def test_letters_stay_where_gaps_between_words_are_wide_and_before_signs_set_apart():
    words = [Word(bars(0, 5), np.nan, 10.0), *[Word(bars(0, 11), 30.0, 10.0)] * 2]
    line = edges(join_words(words))
    np.testing.assert_allclose(np.diff(line), [5, 30, 11, 30, 11], atol=1e-4)
    apart = Word(bars(0, 5, 16), np.nan, 10.0, has_blank=True)
    np.testing.assert_allclose(np.diff(edges(join_words([apart]))), [5, 11], atol=1e-4)


def test_letters_of_a_larger_word_come_as_close_as_those_of_the_others():
    large = Word(bars(0, 22, height=20), np.nan, 20.0)
    line = edges(join_words([Word(bars(0, 5), np.nan, 10.0)] * 2 + [large]))
    np.testing.assert_allclose(np.diff(line), [5, 16, 5, 16, 7.2], atol=1e-4)


def test_figures_written_alone_come_as_large_as_their_line():
    made = make_handwriting(
        12, texts=["seven men", "1970"] * 6, n_writers=2, level="line", random_state=1
    )
    for number in range(0, 12, 2):
        words = cut_words(made.strokes[number], ["seven", "men"])
        small = made.strokes[number + 1] * np.float32([0.5, 0.5, 1])
        (figures,) = cut_words(small, ["1970"])
        count = len(figures.strokes)
        strokes = split_strokes(join_words([*words, figures]))
        tops = [-np.concatenate(part)[:, 1].min() for part in (strokes[:-count], strokes[-count:])]
        lows = [np.concatenate(part)[:, 1].max() for part in (strokes[:-count], strokes[-count:])]
        assert 1.2 < (tops[1] + lows[1]) / (tops[0] + lows[0]) < 2.5


@pytest.mark.parametrize(
    ("word", "pieces"),
    [
        ("Zurich,", ["Z", "urich,"]),
        ("McDonald", ["M", "c", "D", "onald"]),
        ("O'Neill", ["O'", "N", "eill"]),
        ("Čech", ["Č", "ech"]),
        ("Łódź,", ["Ł", "ódź,"]),
        ("ΑΒγδ", ["Α", "Β", "γδ"]),
        ("cafe\u0301", ["cafe\u0301"]),
        ("don't", ["don'", "t"]),
        ("U.S.,", ["U.", "S.", ","]),
        ("$1_2½", ["$", "1", "_", "2", "½"]),
    ],
)
def test_words_are_split_where_letters_are_not_joined(word, pieces):
    assert split_word(word) == pieces


def test_a_sign_alone_keeps_its_place_in_the_line():
    made = make_handwriting(2, texts=["seven men", "-"], n_writers=1, level="line", random_state=1)
    words = cut_words(made.strokes[0], ["seven", "men"])
    x_height = fit_text_line(split_strokes(made.strokes[0])).x_height
    (dash,) = cut_words(made.strokes[1], ["-"])
    placed, flat = (
        split_strokes(join_words([*words, sign]))[-1][:, 1].mean()
        for sign in (join_pieces([dash]), dash._replace(middle=0.0))
    )
    assert flat - placed == pytest.approx(0.6 * x_height, rel=0.2)


def test_signs_alone_stand_apart():
    made = make_handwriting(1, texts=["*"], n_writers=1, level="line", random_state=1)
    (star,) = cut_words(made.strokes[0], ["*"])
    for strokes in (join_words([star] * 3), join_words([join_pieces([star] * 3)])):
        lows = np.array([line[:, 0].min() for line in split_strokes(strokes)])
        n_strokes = len(star.strokes)
        steps = np.diff(lows.reshape(3, n_strokes).min(axis=1))
        assert (steps > 1.2 * star.width).all()


def test_a_drawn_sign_is_as_large_as_the_other_pieces():
    class Large(Bars):
        def _line(self, text, rng):
            return super()._line(text, rng) * np.float32([20, 20, 1])

    writer = LineWriter(
        Large(0, ["="]), load_readers(CountPoints()), None, 0, 1, np.random.RandomState(0)
    )
    (word,) = compose_words(["7="], [None], writer)
    (seven, *sign) = word.strokes
    assert 0.2 < np.ptp(np.concatenate(sign)[:, 0]) / np.ptp(seven[:, 1]) < 1.5


def test_progress_never_falls():
    seen = []
    with _progress.Progress(3, "word", False, lambda done, *_: seen.append(done)) as progress:
        for done in (0, 2, 1, 3):
            progress.reach(done)
    assert seen == [0, 2, 2, 3]


def test_an_unread_word_says_what_was_read_of_its_best_sample():
    class Skips(CountPoints):
        def predict(self, images):
            texts = [text.replace("was", "mas") for text in super().predict(images)]
            return [text if text == "mas" else text.replace("mas", "") for text in texts]

    with pytest.raises(ValueError, match=r"'was' \(line 1, read as 'mas'\)"):
        write_lines(["it was dark"], Bars(), Skips(), random_state=0)
