"""The models of the repository: they load, are small, have a card, and read."""

import copy
import importlib
import re
import warnings
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline

import hwsk
from hwsk.cli import main
from hwsk.datasets import (
    load_cedar_and,
    load_emnist,
    load_iam,
    load_iam_online,
    make_handwriting,
    make_signatures,
)
from hwsk.metrics import character_error_rate
from hwsk.model_selection import make_pairs
from hwsk.preprocessing import CharacterNormalizer, StrokeRasterizer

FOLDER = Path(__file__).parents[1] / "models"
DATA = Path(__file__).parents[2] / "shared" / "data"
MODELS = sorted(FOLDER.glob("*.hwsk"))


def test_the_models_are_there():
    assert {path.stem for path in MODELS} >= {
        "and-features",
        "and-vae",
        "and-verifier",
        "emnist-characters",
        "iam-lines",
        "iam-words",
        "iam-writers",
        "signature-verifier",
        "stroke-predictor",
        "synthesizer",
    }


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_model_is_small_and_has_a_card(path):
    more = {  # language model, other network, encoder of hands
        "iam-lines": 2_500_000,
        "english-pages": 7_500_000,
        "synthesizer": 300_000,
    }
    assert path.stat().st_size <= 8_000_000 + more.get(path.stem, 0)
    card = path.with_suffix(".md").read_text()
    assert "hwsk.load" in card
    assert "Research use" in card or "public" in card  # what the terms of the data are


def test_iam_lines_reads_handwriting_it_was_not_trained_on():
    lines = make_handwriting(20, level="line", n_writers=20, random_state=0)
    reader = hwsk.load(FOLDER / "iam-lines.hwsk")
    assert character_error_rate(lines.text, reader.predict(list(lines.images))) < 0.25


def test_ink_lines_reads_strokes_of_words_digits_and_lines():
    recognizer = hwsk.load(FOLDER / "ink-lines.hwsk")
    lines = make_handwriting(12, level="line", n_writers=12, random_state=0)
    assert character_error_rate(lines.text, recognizer.predict(lines.strokes)) < 0.25
    digits = make_handwriting(30, texts=list("0123456789"), n_writers=6, random_state=1)
    assert np.mean(recognizer.predict(digits.strokes) == digits.text) > 0.7


def test_iam_lines_reads_numbers_names_and_made_up_words_with_its_language_model(line_reader):
    """What no corpus holds is read no worse than without; at a weight of .8 by 3 points."""
    texts = ["snerb fimod aggle trood 4817", "Zwolinski paid 350,962 to Quarmby", "B7 K19 X42 wugo"]
    lines = make_handwriting(48, level="line", texts=texts, n_writers=48, random_state=1)
    images = line_reader[:-1].transform(list(lines.images))
    recognizer = clone_with(line_reader[-1], decoder=None)
    greedy, read = recognizer.predict(images), line_reader[-1].predict(images)
    assert character_error_rate(lines.text, read) <= character_error_rate(lines.text, greedy) + 0.02
    assert line_reader[-1].decoder.language_model.perplexity(["the end of the year ."]) < 5


def clone_with(estimator, **params):
    """A fitted estimator with other parameters, and the same network."""
    return copy.copy(estimator).set_params(**params)


@pytest.fixture(scope="module")
def line_reader():
    return hwsk.load(FOLDER / "iam-lines.hwsk")


def on_one_sheet(lines):
    width = max(line.shape[1] for line in lines)
    padded = [np.pad(i, ((8, 8), (0, width - i.shape[1])), constant_values=255) for i in lines]
    return np.vstack(padded)


def test_iam_lines_warns_of_what_is_not_one_upright_line(line_reader, tmp_path):
    lines = list(make_handwriting(8, level="line", n_writers=8, random_state=1).images)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        expected = line_reader.predict(lines).tolist()
    given = [
        lines[0],
        np.ascontiguousarray(lines[1][::-1, ::-1]),
        on_one_sheet(lines[:2]),
        on_one_sheet(lines),
        (140 + (lines[2].astype(float) / 255) * 20).astype(np.uint8),  # faint
        255 - lines[3],
    ]
    paths = [str(tmp_path / f"{i}.png") for i in range(len(given))]
    for path, image in zip(paths, given, strict=True):
        cv2.imwrite(path, image)
    for X in (given, paths):
        with pytest.warns(UserWarning) as caught:
            read = line_reader.predict(X)
        messages = [str(warning.message) for warning in caught]
        for words, rows in [
            ("looks upside down", "rows 1"),
            ("looks like 2 lines of text", "rows 2"),
            ("looks like a page of text", "rows 3"),
            ("has no ink", "rows 4"),
        ]:
            (message,) = [m for m in messages if words in m]
            assert rows in message and "1 of 6" in message
        assert read[0] == expected[0] and read[5] == expected[3]  # negatives are turned round
    result = CliRunner().invoke(main, ["recognize", str(FOLDER / "iam-lines.hwsk"), *paths])
    assert result.exit_code == 0
    assert re.search(r"Warning: 1 of 6 images looks like 2 lines of text.*2\.png", result.stderr)
    assert re.search(r"Warning: 1 of 6 images looks upside down.*1\.png", result.stderr)


def test_iam_lines_warns_of_mirrored_lines(line_reader):
    lines = list(make_handwriting(8, level="line", n_writers=8, random_state=1).images)
    mirrored = [np.ascontiguousarray(image[:, ::-1]) for image in lines]
    with pytest.warns(UserWarning) as caught:
        line_reader.predict(lines[:4] + mirrored)
    (message,) = [str(w.message) for w in caught if "look mirrored" in str(w.message)]
    assert not re.search(r"rows [0-3],", message) and int(message.split()[0]) >= 6


def test_iam_words_warns_of_lines(tmp_path):
    text = ["the old house stood on the hill above"]
    lines = list(make_handwriting(4, level="line", texts=text, n_writers=4, random_state=1).images)
    words = list(make_handwriting(4, n_writers=4, random_state=1).images)
    paths = [str(tmp_path / f"{i}.png") for i in range(8)]
    for path, image in zip(paths, [*words, *lines], strict=True):
        cv2.imwrite(path, image)
    result = CliRunner().invoke(main, ["recognize", str(FOLDER / "iam-words.hwsk"), *paths])
    assert result.exit_code == 0
    (said,) = re.findall(r"Warning: (\d) of 8 images look like a line of several.*", result.stderr)
    assert int(said) >= 3
    assert not re.search(r"several words, .* rows [0-3],", result.stderr)


@pytest.fixture(scope="module")
def plain_lines():
    return make_handwriting(12, level="line", n_writers=4, random_state=3, height=100)


@pytest.mark.parametrize("change", ["edges", "rule", "light", "faint", "negative"])
def test_iam_lines_reads_any_paper(line_reader, plain_lines, change):
    def changed(image):
        image = image.copy()
        if change == "edges":
            image[:6], image[-6:], image[:, :6], image[:, -6:] = 20, 20, 20, 20
        elif change == "rule":
            image[60:63] = np.minimum(image[60:63], 90)
        elif change == "light":
            image = (image * np.linspace(1, 0.45, image.shape[1])).astype(np.uint8)
        elif change == "faint":
            image = (140 + image * (40 / 255)).astype(np.uint8)
        return 255 - image if change == "negative" else image

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        known = line_reader.predict(list(plain_lines.images))
        found = line_reader.predict([changed(image) for image in plain_lines.images])
    clean = character_error_rate(plain_lines.text, known)
    assert character_error_rate(plain_lines.text, found) < clean + 0.1


@pytest.mark.parametrize("mode", ["1", "P", "PA", "LA", "RGB", "CMYK", "YCbCr", "LAB", "I", "F"])
def test_iam_lines_reads_pillow_images_of_every_mode(line_reader, mode):
    lines = make_handwriting(1, level="line", random_state=4)
    array = lines.images[0]
    if mode == "1":
        array = np.where(array > 127, 255, 0).astype(np.uint8)
    image = Image.fromarray(array)
    image = (image.convert("LA") if mode == "PA" else image).convert(mode)
    assert line_reader.predict([image]).tolist() == line_reader.predict([array]).tolist()


def test_iam_words_reads_words_and_stops():
    words = make_handwriting(60, n_writers=30, random_state=0)
    reader = hwsk.load(FOLDER / "iam-words.hwsk")
    assert character_error_rate(words.text, reader.predict(words.images)) < 0.3
    stop = np.full((12, 12), 255, np.uint8)
    stop[3:9, 3:9] = 0
    assert list(reader.predict([stop])) == ["."]


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_iam_lines_learns_accents_and_forgets_little(tmp_path, monkeypatch):
    """As docs/recognition.rst advises: old lines beside the new ones."""
    rng = np.random.default_rng(0)
    words = "été déjà forêt garçon Noël über für schön Mädchen Tür le la und der"
    texts = [" ".join(rng.choice(words.split(), 5)) for _ in range(120)]
    new, held_out = (
        make_handwriting(len(part), texts=part, n_writers=30, random_state=seed)
        for seed, part in enumerate((texts[:90], texts[90:]))
    )
    lines = load_iam(DATA / "iam", data_home=tmp_path)
    old = rng.choice(len(lines.text), 180, replace=False)
    monkeypatch.syspath_prepend(FOLDER.parent)
    monkeypatch.setenv("HWSK_DATA", str(tmp_path))
    gray, truth, _ = importlib.import_module("benchmarks.lines.train_iam").load_gray(DATA)
    reader = hwsk.load(FOLDER / "iam-lines.hwsk")
    prepare, recognizer = reader[:-1], reader[-1]
    recognizer.set_params(decoder=None, detokenize=False)  # they are for English
    before = [character_error_rate(y, reader.predict(X))
              for X, y in ((held_out.images, held_out.text), (gray, truth))]  # fmt: skip
    recognizer.set_params(warm_start=True, max_epochs=6, batch_size=8, lr=4e-4, random_state=0)
    images = [*prepare.transform(new.images), *prepare.transform(lines.images[old])]
    recognizer.fit(images, [*new.text, *lines.text[old]])
    assert set("éàêçëüöä") <= set(recognizer.alphabet_)
    assert character_error_rate(held_out.text, reader.predict(held_out.images)) < before[0] / 2
    assert character_error_rate(truth, reader.predict(gray)) < before[1] + 0.02


def test_emnist_characters_reads_characters_it_was_not_trained_on():
    letters = make_handwriting(200, texts=list("ABCDEFGHKMNPRSTXYZ"), n_writers=40, random_state=0)
    reader = make_pipeline(CharacterNormalizer(), hwsk.load(FOLDER / "emnist-characters.hwsk"))
    assert reader.score(letters.images, letters.text) > 0.6


def test_latin_lines_reads_accents():
    texts = ["été déjà forêt", "garçon à la fenêtre", "Noël où êtes-vous", "la rivière gelée"]
    lines = make_handwriting(12, texts=texts, n_writers=6, height=64, random_state=0)
    reader = hwsk.load(FOLDER / "latin-lines.hwsk")
    read = reader.predict(lines.images)
    assert character_error_rate(lines.text, read) < 0.3  # iam-lines: 0.36
    assert set("éèêà") <= set("".join(read))


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_emnist_characters_is_as_good_as_its_card_says():
    test = load_emnist(DATA / "emnist", split="balanced", subset="train")
    reader = hwsk.load(FOLDER / "emnist-characters.hwsk")
    assert reader.score(test.images[::4], test.text[::4]) > 0.88


def test_iam_writers_takes_any_line():
    model = hwsk.load(FOLDER / "iam-writers.hwsk")
    assert len(model.classes_) == 50 and "000" in model.classes_
    lines = make_handwriting(2, level="line", n_writers=2, height=110, random_state=0)
    proba = model.predict_proba(list(lines.images))
    assert proba.shape == (2, 50)


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_iam_writers_knows_them_by_forms_it_was_not_trained_on(tmp_path):
    model = hwsk.load(FOLDER / "iam-writers.hwsk")
    lines = load_iam(DATA / "iam", data_home=tmp_path)
    known = np.isin(lines.writer.astype(str), model.classes_)
    rows = np.flatnonzero(known & ~np.isin(lines.form.astype(str), model[-1].pages_))
    assert len(set(lines.form[rows])) == 8
    predicted = model.predict(lines.images[rows])
    assert np.mean(predicted == lines.writer[rows]) > 0.9


def test_and_verifier_takes_raw_images_of_any_size():
    words = make_handwriting(60, texts=["and"], n_writers=15, random_state=0)
    verifier = hwsk.load(FOLDER / "and-verifier.hwsk")
    assert verifier.score(words.images, words.writer) > 0.7
    assert set(verifier.predict([[words.images[0], words.images[15]]])) <= {0, 1}


@pytest.mark.slow
def test_signature_verifier_takes_raw_images_of_any_size():
    verifier = hwsk.load(FOLDER / "signature-verifier.hwsk")
    made = make_signatures(8, 4, 4, random_state=0)
    pairs, same = make_pairs(made.writer, forged=made.forged, negatives="random", random_state=0)
    scores = verifier.decision_function(made.images[pairs])
    assert roc_auc_score(same, scores) > 0.8
    probabilities = verifier.predict_proba(made.images[pairs[:4]])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert set(verifier.predict(made.images[pairs])) <= {0, 1}


def test_signature_verifier_turns_negatives_round():
    signatures = make_signatures(2, n_genuine=2, n_forged=0, random_state=0).images
    verifier = hwsk.load(FOLDER / "signature-verifier.hwsk")
    pairs = [[signatures[0], signatures[1]], [signatures[0], signatures[2]]]
    expected = verifier.predict_proba(pairs)
    with pytest.warns(UserWarning, match=r"1 of \d images looks inverted .*: turned round"):
        found = verifier.predict_proba([[a, 255 - b] if i == 0 else [a, b]
                                        for i, (a, b) in enumerate(pairs)])  # fmt: skip
    np.testing.assert_array_equal(found, expected)


def test_signature_verifier_tells_forgeries_of_made_signatures():
    made = make_signatures(8, 4, 4, random_state=1)
    pairs, same = make_pairs(made.writer, forged=made.forged, negatives="skilled", random_state=0)
    verifier = hwsk.load(FOLDER / "signature-verifier.hwsk")
    assert verifier.score(made.images[pairs], same) > 0.6


def test_signature_verifier_registers_what_was_written_wider():
    images = make_signatures(6, 1, 0, random_state=0).images
    verifier = hwsk.load(FOLDER / "signature-verifier.hwsk")
    assert verifier.comparator.registration
    wider = [
        cv2.resize(image, (image.shape[1] * 4 // 3, image.shape[0]), interpolation=cv2.INTER_AREA)
        for image in images
    ]
    pairs = list(zip(images, wider, strict=True))
    registered = verifier.pair_distance(pairs)
    swapped = verifier.pair_distance([pair[::-1] for pair in pairs])
    np.testing.assert_allclose(registered, swapped, rtol=1e-3)
    apart = verifier.set_params(comparator__registration=False).pair_distance(pairs)
    assert registered.mean() < 0.9 * apart.mean()


@pytest.mark.parametrize("changed", [{"comparator__registration": False}, {"comparator": None}])
def test_signature_verifier_refuses_its_threshold_for_other_comparisons(changed):
    verifier = hwsk.load(FOLDER / "signature-verifier.hwsk")
    images = make_signatures(2, 1, 0, random_state=0).images
    verifier.set_params(**changed)
    with pytest.raises(ValueError, match=f"threshold_ was made with {next(iter(changed))}="):
        verifier.predict([images])
    with pytest.raises(ValueError, match="calibration_ was made with"):
        verifier.predict_proba([images])
    assert verifier.pair_score([images]).shape == (1,)


def test_signature_verifier_is_compared_as_its_threshold_was_found():
    verifier = hwsk.load(FOLDER / "signature-verifier.hwsk")
    comparator = verifier.comparator
    assert (comparator.n_duplicates, comparator.scale) == (4, 7 / 6)
    images = make_signatures(4, 2, 0, random_state=0).images
    pairs = [(images[i], images[i + 1]) for i in (0, 1, 2, 3)]
    distances = verifier.pair_distance(pairs)
    nearer = distances - verifier.set_params(comparator__n_duplicates=0).pair_distance(pairs)
    assert (nearer < -0.05).all() and np.ptp(nearer) > 1e-3  # of each image its own


def test_and_features_name_what_is_seen():
    classifier = hwsk.load(FOLDER / "and-features.hwsk")
    words = make_handwriting(60, texts=["and"], n_writers=60, random_state=0)
    said = classifier.predict(words.images)
    assert said.shape == (60, 15) and "slantness" in said
    number = list(said).index("slantness")
    to_the_right = np.isin(classifier.classes_[number], ["slight right", "very right"])
    likely = classifier.predict_proba(words.images)[number][:, to_the_right].sum(axis=1)
    assert np.corrcoef(words.style["slant"], likely)[0, 1] > 0.4


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_and_models_are_as_good_as_their_cards_say(tmp_path):
    words = load_cedar_and(DATA / "and", data_home=tmp_path)
    order = np.random.default_rng(0).permutation(
        np.unique(words.writer)
    )  # benchmarks/shared/words.py
    rows = np.flatnonzero(np.isin(words.writer, order[113:163]))
    images, writers, features = words.images[rows], words.writer[rows], words.features.iloc[rows]
    assert hwsk.load(FOLDER / "and-verifier.hwsk").score(images, writers) > 0.955
    assert hwsk.load(FOLDER / "and-features.hwsk").score(images, features) > 0.68
    vae = hwsk.load(FOLDER / "and-vae.hwsk")
    assert np.mean((vae.reconstruct(images) - images / 255) ** 2) < 0.02
    Z = vae.transform(images)
    assert Z.shape == (len(rows), 32)
    drawn = vae.inverse_transform(Z)
    assert drawn.shape == images.shape and drawn.min() >= 0 and drawn.max() <= 1


TEXTS = ["the weather was fine that day", "and they went down to the sea", "where it rained again"]


def test_synthesizer_writes_what_the_reader_reads():
    synthesizer = hwsk.load(FOLDER / "synthesizer.hwsk")
    lines = synthesizer.sample(texts=TEXTS * 2, random_state=0)
    assert all(np.isfinite(strokes).all() for strokes in lines)
    reader = hwsk.load(FOLDER / "iam-lines.hwsk")
    read = reader.predict(StrokeRasterizer(height=96).fit_transform(lines))
    assert character_error_rate(TEXTS * 2, read) < 0.25
    phi = synthesizer.attention(TEXTS, lines[:3])
    assert all(abs(p[-1].argmax() - len(t)) <= 2 for p, t in zip(phi, TEXTS, strict=True))
    right, wrong = (synthesizer.score(texts, lines[:3]) for texts in (TEXTS, TEXTS[::-1]))
    assert right > wrong


def test_predictor_knows_writing():
    predictor = hwsk.load(FOLDER / "stroke-predictor.hwsk")
    lines = predictor.sample(3, n_points=300, random_state=0)
    turned = [line * np.float32([-1, -1, 1]) for line in lines]
    assert predictor.score(lines) > predictor.score(turned) + 100


@pytest.mark.slow
@pytest.mark.skipif(not DATA.is_dir(), reason="needs ../shared/data")
def test_stroke_models_are_as_good_as_their_cards_say(tmp_path):
    lines = load_iam_online(DATA / "iamondb", subset="test_t", data_home=tmp_path)
    text, strokes = lines.text[::40], lines.strokes[::40]
    predictor = hwsk.load(FOLDER / "stroke-predictor.hwsk")
    synthesizer = hwsk.load(FOLDER / "synthesizer.hwsk")
    free, given_text = predictor.score(strokes), synthesizer.score(text, strokes)
    assert free > 900
    assert given_text > free + 30
