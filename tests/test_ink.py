"""`InkRecognizer`: what it learns, what it is independent of, what it refuses."""

import json
import pickle

import numpy as np
import pytest
import torch
from small_ink import SMALL, WORDS, ink_recognizer, ink_words

import hwsk
from hwsk._data.ink import normalize_ink, trace_ink
from hwsk._data.text_line import _mode
from hwsk.datasets import make_handwriting
from hwsk.networks.ink import InkNetwork
from hwsk.preprocessing import StrokeResampler, shear_strokes
from hwsk.recognition import CTCDecoder, InkRecognizer, NgramLanguageModel


@pytest.fixture(scope="module")
def words():
    return ink_words()


@pytest.fixture(scope="module")
def recognizer():
    return ink_recognizer()


@pytest.fixture(scope="module")
def others():
    return ink_words(1, 24)


def test_reads_words_of_other_writers(recognizer, others):
    assert recognizer.alphabet_ == "enot"
    assert recognizer.score(others.strokes, others.text) > 0.6
    assert recognizer.confidence_ > 0.6


def test_size_place_slant_and_sampling_have_no_influence(recognizer, others):
    read = recognizer.predict(others.strokes).tolist()
    scaled = [sample * np.array([30, 30, 1], np.float32) for sample in others.strokes]
    assert recognizer.predict(scaled).tolist() == read
    moved = [sample.copy() for sample in others.strokes]
    for sample in moved:
        sample[0, :2] += 500
    assert recognizer.predict(moved).tolist() == read
    traces = [trace_ink(normalize_ink(sample), 0.2) for sample in others.strokes]
    slanted = shear_strokes(others.strokes, 0.3)
    denser = StrokeResampler(spacing=0.4).fit_transform(others.strokes)
    for changed in (slanted, denser):
        for trace, sample in zip(traces, changed, strict=True):
            other = trace_ink(normalize_ink(sample), 0.2)
            assert abs(len(other.rows) - len(trace.rows)) <= 0.1 * len(trace.rows)
            heights = [np.quantile(t.features[:, 3], [0.1, 0.5, 0.9]) for t in (trace, other)]
            np.testing.assert_allclose(*heights, atol=0.25)


def test_normalized_ink_stands_on_its_baseline():
    line = make_handwriting(1, texts=["onexenonemonomenon"], n_writers=1, random_state=3)
    heights = -np.cumsum(normalize_ink(line.strokes[0])[:, 1])
    assert abs(np.quantile(heights, 0.05)) < 0.2
    assert abs(np.quantile(heights, 0.95) - 1) < 0.25


@pytest.mark.parametrize(
    "sample",
    [
        [[0, 0, 1]],
        [[5, 5, 1], [0, 0, 1], [0, 0, 1]],
        [[0, 0, 0], [10, 0, 1]],
        [[0, 0, 0], [0, 10, 1]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
        [[0, 0, 0], [1e-20, 1e-20, 1]],
        [[0, 0, 0], [1e20, 1e20, 1]],
    ],
    ids=["dot", "dots", "dash", "bar", "rest", "tiny", "huge"],
)
def test_little_ink_is_read_too(recognizer, sample):
    sample = np.array(sample, np.float32)
    trace = trace_ink(normalize_ink(sample), 0.2)
    assert np.isfinite(trace.features).all() and len(trace.rows) >= 4
    assert isinstance(recognizer.predict([sample])[0], str)


def test_a_slash_alone_keeps_most_of_its_slant():
    slash = np.array([[0, 0, 0], [-6, 10, 1]], np.float32)
    dx, dy = normalize_ink(slash)[1, :2]
    assert 0.4 < -dx / dy <= 0.6


def test_every_row_of_ink_is_found_again(others):
    for sample in others.strokes:
        trace = trace_ink(normalize_ink(sample), 0.1)
        assert (np.diff(trace.rows) >= 0).all() and trace.rows[-1] == len(sample) - 1
        starts = np.r_[0, np.flatnonzero(sample[:-1, 2]) + 1]
        assert set(starts.tolist()) <= set(trace.rows.tolist())


def test_a_line_reads_the_same_alone_and_in_a_batch(recognizer, others):
    together = recognizer.predict_log_proba(others.strokes)
    for sample, log_proba in zip(others.strokes[:6], together, strict=False):
        alone = recognizer.predict_log_proba([sample])[0]
        np.testing.assert_allclose(np.exp(alone), np.exp(log_proba), atol=1e-4)
        assert alone.shape[1] == 1 + len(recognizer.alphabet_)


def test_network_does_not_look_beyond_a_line():
    torch.manual_seed(0)
    network = InkNetwork(6, 5, (4, 4, 4), 4, 1).eval()
    points, lengths = torch.randn(2, 40, 6), torch.tensor([40, 23])
    points[1, 23:] = 0
    before = network(points, lengths)[0][:6, 1]
    longer = torch.cat([points, torch.zeros(2, 17, 6)], dim=1)
    torch.testing.assert_close(network(longer, lengths)[0][:6, 1], before)
    assert network(points, lengths)[1].tolist() == [10, 6]


# Details


def test_details_name_strokes_and_rows(recognizer, others):
    details = recognizer.predict_details(others.strokes)
    json.dumps(details)
    for sample, record in zip(others.strokes, details, strict=True):
        n_strokes = 1 + int(sample[:-1, 2].sum())
        assert record["text"] == "".join(c["text"] for c in record["characters"])
        starts = [character["start"] for character in record["characters"]]
        assert starts == sorted(starts)
        for part in record["characters"] + record["words"]:
            assert 0 <= part["start"] < part["stop"] <= len(sample)
            assert set(part["strokes"]) <= set(range(n_strokes))
            assert 0 <= part.get("probability", part.get("mean")) <= 1


def test_all_ink_belongs_to_a_character(recognizer, others):
    records = recognizer.predict_details(others.strokes)
    for sample, record in zip(others.strokes, records, strict=True):
        for parts in (record["characters"], record["words"]):
            assert parts[0]["start"] == 0 and parts[-1]["stop"] == len(sample)
            assert parts[-1]["strokes"][-1] == sample[:-1, 2].sum()


def test_confidence_is_calibrated_and_words_left_out(recognizer, others):
    copy = pickle.loads(pickle.dumps(recognizer))
    copy.calibrate_temperature(others.strokes, others.text)
    assert copy.temperature_ > 0 and copy.temperature_ != 1
    assert copy.predict(others.strokes, min_confidence=1.0).tolist() != others.text.tolist()
    assert "[…]" in copy.predict(others.strokes, min_confidence=1.0)[0]


def test_low_confidence_is_warned_of(recognizer, others):
    copy = pickle.loads(pickle.dumps(recognizer))
    copy.temperature_ = 20.0
    with pytest.warns(UserWarning, match=r"2 of 2 samples are read with low mean conf.* rows 0, 1"):
        copy.predict(others.strokes[:2])


# Decoders


def test_decoders_are_those_of_images(recognizer, others):
    greedy = recognizer.predict(others.strokes)
    copy = pickle.loads(pickle.dumps(recognizer))
    copy.set_params(decoder=CTCDecoder(lexicon=WORDS))
    assert set(copy.predict(others.strokes)) <= set(WORDS)
    model = NgramLanguageModel(order=2).fit(["no"] * 20)
    copy.set_params(decoder=CTCDecoder(language_model=model, lm_weight=9.0))
    assert set(copy.predict(others.strokes)) <= {"no", ""}
    log_proba = recognizer.predict_log_proba(others.strokes)
    decoder = CTCDecoder(recognizer.alphabet_, method="greedy").fit(log_proba)
    assert decoder.predict(log_proba).tolist() == greedy.tolist()


def test_a_lone_character_needs_no_language_model(recognizer):
    copy = pickle.loads(pickle.dumps(recognizer))
    model = NgramLanguageModel(order=2).fit(["no"] * 20)
    classes = {c: i for i, c in enumerate(copy.alphabet_, 1)}

    def read(text):
        line = np.full((2 * len(text), 1 + len(classes)), 1e-6)
        line[1::2, 0] = 1.0
        for step, character in enumerate(text):  # "n" is nearly as likely as each character
            line[2 * step, classes["n"]] = 0.4
            line[2 * step, classes[character]] = 0.6
        return copy._reader()(np.log(line), 1)[0][0]

    copy.set_params(decoder=CTCDecoder(language_model=model))
    assert [read("o"), read("oo")] == ["o", "no"]
    copy.set_params(decoder=CTCDecoder(language_model=model, lexicon=["n"]))
    assert read("o") == "n"


def test_detokenize():
    data = make_handwriting(16, texts=["o ,", "n ,"], random_state=0)
    recognizer = InkRecognizer(**SMALL, max_epochs=1, detokenize=True)
    recognizer.partial_fit(data.strokes, data.text)
    assert recognizer._as_returned(["o ,"]) == ["o,"]
    assert recognizer._write("o ,")[0] == "o,"


# Training


def test_alphabet_grows(recognizer):
    more = make_handwriting(16, texts=["one", "one!"], random_state=2)
    copy = pickle.loads(pickle.dumps(recognizer)).set_params(lr=1e-3)
    former = copy.predict_log_proba(more.strokes)[0].shape[1]
    copy.partial_fit(more.strokes, more.text)
    assert copy.alphabet_ == "enot!"
    assert copy.predict_log_proba(more.strokes)[0].shape[1] == former + 1
    copy.set_params(warm_start=True, hidden_units=16)
    with pytest.raises(ValueError, match="network of another architecture"):
        copy.fit(more.strokes, more.text)


def test_early_stopping_keeps_writers_apart(words):
    recognizer = InkRecognizer(**SMALL, max_epochs=2, early_stopping=True)
    recognizer.fit(words.strokes[:60], words.text[:60], groups=words.writer[:60])
    assert {"valid_loss", "valid_score"} <= set(recognizer.history_[0])


def test_augment_is_given_normalized_strokes(words):
    seen = []

    def augment(strokes, rng):
        seen.append(strokes)
        return strokes[:1] if len(seen) % 2 else strokes

    recognizer = InkRecognizer(**SMALL, max_epochs=1, augment=augment)
    with pytest.warns(
        UserWarning, match=r"reads nothing at all.*; if it could read before, lower lr \(now "
    ):
        recognizer.fit(words.strokes[:12], words.text[:12])
    assert len(seen) == 12
    heights = np.concatenate([np.cumsum(strokes[:, 1]) for strokes in seen])
    assert heights.min() > -4 and heights.max() < 3


def test_augment_that_returns_no_strokes_is_refused(words):
    recognizer = InkRecognizer(**SMALL, max_epochs=1, augment=lambda strokes, rng: strokes[:, :2])
    with pytest.raises(ValueError, match=r"augment returned something that is not strokes.*row"):
        recognizer.fit(words.strokes[:12], words.text[:12])


def test_save_and_load(recognizer, others, tmp_path):
    hwsk.save(recognizer, tmp_path / "ink.hwsk")
    loaded = hwsk.load(tmp_path / "ink.hwsk")
    assert loaded.predict(others.strokes).tolist() == recognizer.predict(others.strokes).tolist()


# What is refused


def test_texts_longer_than_their_strokes_are_refused(words):
    texts = list(words.text[:12])
    texts[3] = "o" * 200
    with pytest.raises(
        ValueError, match=r"1 of 12 texts needs more time steps .* rows 3; row 3: 'ooo.* needs 399"
    ):
        InkRecognizer(**SMALL).fit(words.strokes[:12], texts)


def test_ink_too_long_for_a_line_is_refused(recognizer, words):
    page = np.zeros((4_000, 3))
    page[:, 0] = 100 * (-1.0) ** np.arange(4_000)
    page[:, 1] = (-1.0) ** (np.arange(4_000) // 2)
    strokes = [words.strokes[0], page]
    with pytest.raises(ValueError, match=r"strokes in row 1 make .* are they one line of text"):
        recognizer.predict(strokes)
    with pytest.raises(ValueError, match=r"strokes in row 1 make"):
        InkRecognizer(**SMALL).fit(strokes, ["on", "no"])


@pytest.mark.parametrize("channels", [(4, 4), (4, 4, 0), (4, 4, 4.5)])
def test_wrong_channels_are_refused(words, channels):
    with pytest.raises(ValueError, match="channels="):
        InkRecognizer(channels=channels).fit(words.strokes, words.text)


def test_the_densest_place_of_a_row_does_not_depend_on_other_rows():
    apart, together = np.linspace(0, 60, 8), np.full(8, 30.0)
    rows = np.array([apart, together, apart[::-1] - 50])
    places, counts = _mode(rows, np.ones(8), 0.8)
    for row, place, count in zip(rows, places, counts, strict=True):
        assert (place, count) == pytest.approx(
            tuple(x[0] for x in _mode(row[None], np.ones(8), 0.8))
        )
