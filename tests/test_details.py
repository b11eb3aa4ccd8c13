"""Confidence and positions of what a recognizer reads: alignment, records, calibration, gaps."""

import copy
import itertools
import json
import warnings
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from small_words import draw_words, small_recognizer

import hwsk
from hwsk._training import prediction
from hwsk._training.workers import map_rows
from hwsk.metrics import expected_calibration_error, read_right
from hwsk.preprocessing import HeightNormalizer
from hwsk.recognition import CTCDecoder, NgramLanguageModel, predict_details
from hwsk.recognition._alternatives import make_weigher
from hwsk.recognition._details import Found, describe, find_characters
from hwsk.recognition._line_prediction import _tilt

pytestmark = pytest.mark.filterwarnings("ignore:after .* epochs the recognizer reads nothing")
CELL = 8  # pixels of a letter of `draw_words`
X, Y = draw_words(40)
UNSEEN, TRUTH = draw_words(60, seed=5)


@pytest.fixture(scope="module")
def reader():
    return small_recognizer(max_epochs=15).fit(X, Y)


# --- alignment


def best_path(line, classes):
    """The most probable path that reads `classes`, of all there are."""
    best, score = None, -np.inf
    for path in itertools.product(range(line.shape[1]), repeat=len(line)):
        read = [c for c, before in zip(path, (0, *path), strict=False) if c not in (0, before)]
        total = sum(line[t, c] for t, c in enumerate(path))
        if read == classes and total > score:
            best, score = path, total
    return best, score


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sampled_from([1, 2]), max_size=3), st.integers(0, 2**32 - 1))
def test_the_alignment_is_the_most_probable_of_all(classes, seed):
    line = log_softmax(3 * np.random.default_rng(seed).normal(size=(6, 3)), axis=1)
    found = find_characters(line, "".join("ab"[c - 1] for c in classes), "ab")
    path = np.zeros(len(line), int)
    for c, (start, stop) in zip(classes, found.steps, strict=True):
        assert start < stop
        path[start:stop] = c
    expected, _ = best_path(line, classes)
    assert_array_equal(path, expected)


def test_an_impossible_text_is_aligned_all_the_same():
    """A lexicon may leave no text that the network holds possible."""
    line = np.full((4, 3), -np.inf)
    line[:, 0] = 0.0
    found = find_characters(line, "ab", "ab")
    assert (np.diff(found.steps, axis=1) > 0).all()
    assert found.probabilities().max() < 1e-9


def test_no_text_and_no_time_step():
    for line in (np.zeros((3, 3)), np.zeros((0, 3))):
        found = find_characters(line, "", "ab")
        assert found.steps.shape == (0, 2)
        assert found.probabilities().shape == (0,)


def test_probabilities_are_those_of_the_peak_and_flatter_when_hotter():
    line = np.log([[0.1, 0.6, 0.3], [0.05, 0.9, 0.05], [0.8, 0.1, 0.1]])
    found = find_characters(line, "a", "ab")
    assert found.steps.tolist() == [[0, 2]]
    assert found.probabilities() == pytest.approx([0.9])
    assert found.probabilities(1e6) == pytest.approx([1 / 3], abs=1e-3)


# --- records


def test_records(reader):
    records = reader.predict_details(UNSEEN)
    assert [record["text"] for record in records] == reader.predict(UNSEEN).tolist()
    assert json.loads(json.dumps(records)) == records
    for image, record in zip(UNSEEN, records, strict=True):
        p = np.array([c["probability"] for c in record["characters"]])
        assert "".join(c["text"] for c in record["characters"]) == record["text"]
        assert ((p > 0) & (p <= 1)).all()
        if record["text"]:
            (word,) = record["words"]
            assert word["text"] == record["text"]
            assert word["minimum"] == pytest.approx(p.min())
            assert word["mean"] == record["mean"] == pytest.approx(p.mean())
            assert word["geometric_mean"] == pytest.approx(np.exp(np.log(p).mean()))
            edges = [e for c in record["characters"] for e in (c["start"], c["stop"])]
            assert edges == sorted(edges)
            assert edges[0] >= 0 and edges[-1] <= image.shape[1]
            assert edges[0] <= word["start"] < word["stop"] <= edges[-1]


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=6),
    st.integers(0, 29),
    st.integers(1, 30),
)
def test_characters_keep_their_order_wherever_the_ink_is(gaps, left, width):
    starts = np.cumsum(gaps)
    steps = np.column_stack([starts, starts + 1])
    at_peak = np.zeros((len(gaps), 2))
    found = Found(steps, at_peak, np.ones(len(gaps), np.int64))
    image = np.full((8, 60), 255, np.uint8)
    image[2:4, 2 * left : 2 * left + width] = 0
    record = describe("a" * len(gaps), found, 32, image)
    edges = [e for c in record["characters"] for e in (c["start"], c["stop"])]
    assert edges == sorted(edges)
    assert all(c["start"] < c["stop"] for c in (*record["characters"], *record["words"]))
    assert edges[0] >= 0 and edges[-1] <= 60


def errors_of_edges(records, texts, left, cell):
    """Distances from where each letter is known to stand; of lines that are read right."""
    return [
        abs(found - true)
        for record, text in zip(records, texts, strict=True)
        if record["text"] == text
        for i, c in enumerate(record["characters"])
        for found, true in ((c["start"], left + cell * i), (c["stop"], left + cell * (i + 1)))
    ]


def test_positions_are_those_of_the_image(reader):
    errors = errors_of_edges(reader.predict_details(UNSEEN), TRUTH, 0, CELL)
    assert len(errors) > 100
    assert np.median(errors) <= CELL / 2
    large = [image.repeat(3, axis=0).repeat(3, axis=1) for image in UNSEEN]
    errors = errors_of_edges(reader.predict_details(large), TRUTH, 0, 3 * CELL)
    assert np.median(errors) <= 3 * CELL / 2


def test_positions_through_a_pipeline_are_those_of_its_own_images(reader):
    """Cropped and scaled, light and dark exchanged."""
    images = [
        255 - np.pad(image.repeat(2, axis=0).repeat(2, axis=1), ((0, 0), (40, 10)), "edge")
        for image in UNSEEN
    ]
    for image in images:
        image[:, :40] = image[:, -10:] = 0
    pipeline = make_pipeline(FunctionTransformer(_dark_and_cut), HeightNormalizer(16), reader)
    records = predict_details(pipeline, images)
    assert [record["text"] for record in records] == pipeline.predict(images).tolist()
    errors = errors_of_edges(records, TRUTH, 40, 2 * CELL)
    assert len(errors) > 60
    assert np.median(errors) <= CELL


def _dark_and_cut(images):
    return [255 - image[:, 39:-9] for image in images]


def test_an_image_without_ink_has_places_too(reader):
    pipeline = make_pipeline(HeightNormalizer(16), reader)
    for record in predict_details(pipeline, [np.full((32, 60), 255, np.uint8)] * 2):
        assert all(0 <= c["start"] <= c["stop"] <= 60 for c in record["characters"])


def test_a_reader_without_details():
    with pytest.raises(TypeError, match="DummyClassifier has no predict_details; a CTCRecognizer"):
        predict_details(make_pipeline(DummyClassifier()), X)


def test_before_fit():
    for method in ("predict_details", "calibrate_temperature"):
        with pytest.raises(NotFittedError):
            getattr(small_recognizer(), method)(X, *[Y] * (method != "predict_details"))


def test_details_of_other_decoders(reader):
    model = NgramLanguageModel(order=2).fit(["cb", "bc"])
    for decoder in (
        CTCDecoder(language_model=model, lm_weight=3.0),
        CTCDecoder(lexicon=["ab", "bca"]),
    ):
        decoding = copy.copy(reader).set_params(decoder=decoder)
        records = decoding.predict_details(UNSEEN)
        assert [record["text"] for record in records] == decoding.predict(UNSEEN).tolist()
    # what the lexicon has made of a word is not what the network saw
    changed = [i for i, r in enumerate(records) if r["text"] != reader.predict(UNSEEN[i : i + 1])]
    assert np.mean([records[i]["minimum"] for i in changed]) < 0.5


# --- calibration


def confidences(recognizer, images, truth):
    records = recognizer.predict_details(images)
    right = np.concatenate(read_right(truth, [record["text"] for record in records]))
    return right, np.array([c["probability"] for r in records for c in r["characters"]])


def test_calibration_mends_confidence_and_changes_no_reading():
    """Trained on few words until it is too sure of them."""
    recognizer = small_recognizer(max_epochs=8).fit(X[:12], Y[:12])
    assert recognizer.temperature_ == 1.0
    before = recognizer.predict(UNSEEN)
    right, confidence = confidences(recognizer, UNSEEN, TRUTH)
    recognizer.calibrate_temperature(*draw_words(150, seed=9))
    assert recognizer.temperature_ != 1.0
    _, calibrated = confidences(recognizer, UNSEEN, TRUTH)
    assert expected_calibration_error(right, calibrated) < expected_calibration_error(
        right, confidence
    )
    assert_array_equal(recognizer.predict(UNSEEN), before)


def test_temperature_is_kept_by_save_and_forgotten_by_fit(reader, tmp_path):
    recognizer = copy.deepcopy(reader).calibrate_temperature(UNSEEN, TRUTH)
    hwsk.save(recognizer, tmp_path / "reader.hwsk")
    assert hwsk.load(tmp_path / "reader.hwsk").temperature_ == recognizer.temperature_
    recognizer.partial_fit(X[:8], Y[:8])
    assert recognizer.temperature_ == 1.0
    del recognizer.__dict__["temperature_"]  # as in a model that was saved by an older version
    assert recognizer.predict_details(X[:1])[0]["words"]


def test_calibration_that_can_not_be(reader):
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        reader.calibrate_temperature(X, Y[:3])
    blank = copy.deepcopy(reader)
    blank.net_.module_.head.bias.data[0] = 100
    with pytest.raises(ValueError, match="nothing was read in any of 40 samples"):
        blank.calibrate_temperature(X, Y)
    (record, *_) = blank.predict_details(X)
    assert record == {
        "text": "", "mean": 0.0, "minimum": 0.0, "geometric_mean": 0.0, "words": [],
        "characters": [], "relative": 0.0, "language_fit": None,
    }  # fmt: skip


def test_calibration_on_too_few_samples_is_warned_of(reader):
    few = copy.deepcopy(reader)
    read = few.predict(X[:4])
    assert "".join(read)
    with pytest.warns(UserWarning, match=r"of \d+ characters that were read, all are right: no"):
        few.calibrate_temperature(X[:4], read)
    with pytest.warns(UserWarning, match="all are wrong"):
        few.calibrate_temperature(X[:4], ["xyz" for _ in read])
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*that were read, all are")
        few.calibrate_temperature(X[:4], ["xyz", *read[1:]])


# --- gaps


def test_unsure_words_are_left_out(reader):
    read = reader.predict(UNSEEN)
    minimum = np.array([record["minimum"] for record in reader.predict_details(UNSEEN)])
    limit = float(np.median(minimum))
    assert 0 < limit < 1
    with_gaps = make_pipeline(FunctionTransformer(), reader).predict(UNSEEN, min_confidence=limit)
    nothing = read == ""
    assert_array_equal(with_gaps[(minimum >= limit) | nothing], read[(minimum >= limit) | nothing])
    assert set(with_gaps[(minimum < limit) & ~nothing]) == {"[…]"}
    assert_array_equal(reader.predict(UNSEEN, min_confidence=0), read)
    with pytest.raises(ValueError, match=r"min_confidence == 1\.5, must be <= 1"):
        reader.predict(UNSEEN, min_confidence=1.5)


# --- test-time augmentation


def test_test_augmentations_average_over_versions(reader):
    augmented = copy.copy(reader).set_params(test_augmentations=4)
    one, several = reader.predict_log_proba(UNSEEN), augmented.predict_log_proba(UNSEEN)
    for a, b in zip(one, several, strict=True):
        assert a.shape == b.shape and b.dtype == np.float32
        assert_allclose(np.exp(b).sum(axis=1), 1, rtol=1e-5)
    assert max(np.abs(a - b).max() for a, b in zip(one, several, strict=True)) > 1e-3
    alone = augmented.predict_log_proba(UNSEEN[7:8])[0]  # whatever else is read
    assert_allclose(alone, several[7], atol=1e-4)
    assert augmented.score(UNSEEN, TRUTH) > 0.6


def test_versions_share_one_walk_over_the_images(reader, monkeypatch):
    counts = []

    def count(function, n, n_jobs):
        counts.append(n)
        return map_rows(function, n, n_jobs)

    monkeypatch.setattr(prediction, "map_rows", count)
    copy.copy(reader).set_params(test_augmentations=4).predict_log_proba(UNSEEN)
    assert counts == [len(UNSEEN)]


def test_the_versions_lean_and_lie_otherwise():
    image = np.full((40, 60), 255, np.uint8)
    image[:, 30] = 0
    leaning = _tilt(image, None, 0.1, 0.0)
    assert leaning.shape == image.shape
    ink = [np.flatnonzero(row < 200) for row in leaning]
    assert ink[0].mean() - ink[-1].mean() == pytest.approx(3.9, abs=0.6)
    image = np.full((40, 60), 255, np.uint8)
    image[20] = 0
    assert (_tilt(image, None, 0.0, 1 / 40)[21] == 0).all()


def test_warnings_name_the_caller(reader):
    inverted = [255 - image for image in X[:3]]
    for read in (
        lambda: reader.predict(inverted),
        lambda: reader.predict_log_proba(inverted),
        lambda: reader.score(inverted, Y[:3]),
        lambda: reader.predict_details(inverted),
        lambda: reader.predict(inverted, min_confidence=0.5),
    ):
        with warnings.catch_warnings(record=True) as noted:
            warnings.simplefilter("always")
            read()
        assert [warning.filename for warning in noted] == [__file__]


# --- the language model in the probability


def test_a_language_model_takes_part_in_the_probability(reader):
    """A character that it has put right is surer than the image alone has it, and conversely."""
    line = np.log(np.array([[0.02, 0.94, 0.02, 0.02], [0.02, 0.01, 0.37, 0.6]]))
    model = NgramLanguageModel(2).fit(["ab"] * 20 + ["ac"])
    decoder = CTCDecoder(language_model=model, lm_weight=1.0)
    image = find_characters(line, "ab", "abc")
    found = make_weigher(decoder, "abc")(image)
    assert image.probabilities()[1] == pytest.approx(0.37)
    assert found.probabilities()[1] > 0.8
    wrong = make_weigher(decoder, "abc")(find_characters(line, "ac", "abc"))
    assert wrong.probabilities()[1] == pytest.approx(1 - found.probabilities()[1], abs=0.02)
    assert_array_equal(found.steps, image.steps)
    for plain in (None, CTCDecoder(), CTCDecoder(method="greedy", language_model=model),
                  CTCDecoder(language_model=model, lexicon=["ab"])):  # fmt: skip
        assert make_weigher(plain, "abc")(image) is image
    without = make_weigher(CTCDecoder(language_model=model, lm_weight=0.0), "abc")(image)
    assert_allclose(without.probabilities(), image.probabilities(), rtol=1e-6)


def test_weighed_records_and_calibration(reader):
    model = NgramLanguageModel(3).fit(Y * 3)
    weighed = copy.deepcopy(reader).set_params(decoder=CTCDecoder(language_model=model))
    records = weighed.predict_details(UNSEEN)
    assert [record["text"] for record in records] == weighed.predict(UNSEEN).tolist()
    sure = np.array([c["probability"] for r in records for c in r["characters"]])
    assert ((sure > 0) & (sure <= 1)).all()
    line = reader.predict_log_proba(UNSEEN)[0]
    text = records[0]["text"]
    alone = find_characters(line.astype(float), text, weighed.alphabet_).probabilities()
    assert text and not np.allclose(alone, [c["probability"] for c in records[0]["characters"]])
    before = weighed.predict(UNSEEN).tolist()
    weighed.calibrate_temperature(UNSEEN, TRUTH)
    assert weighed.predict(UNSEEN).tolist() == before and weighed.temperature_ != 1


def test_temperature_belongs_to_its_decoder(reader, tmp_path):
    recognizer = copy.deepcopy(reader).calibrate_temperature(UNSEEN, TRUTH)
    before = recognizer.predict_details(UNSEEN[:3])
    lexicon = ["".join(letters) for letters in itertools.product("abc", repeat=4)]
    message = r"decoder=NoneType, .* decoder=CTCDecoder, .*sha256.* call calibrate_temperature"
    recognizer.set_params(decoder=CTCDecoder(lexicon=lexicon))
    hwsk.save(recognizer, tmp_path / "reader.hwsk")  # the refusal goes with the file
    for one in (recognizer, hwsk.load(tmp_path / "reader.hwsk")):
        assert one.predict(UNSEEN[:3]).shape == (3,)
        for ask in (one.predict_details, partial(one.predict, min_confidence=0.5)):
            with pytest.raises(ValueError, match=message):
                ask(UNSEEN[:3])
    assert recognizer.set_params(decoder=None).predict_details(UNSEEN[:3]) == before
    recognizer.set_params(test_augmentations=2)
    with pytest.raises(ValueError, match=r"test_augmentations=2 now: call calibrate_temperature"):
        recognizer.predict_details(UNSEEN[:3])
    assert recognizer.calibrate_temperature(UNSEEN, TRUTH).predict_details(UNSEEN[:3])
    recognizer.partial_fit(X[:8], Y[:8])  # forgets it
    assert recognizer.set_params(test_augmentations=0).predict_details(UNSEEN[:3])
