"""`CTCRecognizer`: what it takes, what it refuses, what it learns."""

import copy
import pickle
import re
import warnings

import cv2
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback
from small_words import draw_words, small_recognizer, weights

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.preprocessing import Grayscale, HeightNormalizer
from hwsk.recognition import CTCDecoder, NgramLanguageModel

pytestmark = pytest.mark.filterwarnings("ignore:after .* epochs the recognizer reads nothing")
X, Y = draw_words(40)


@pytest.fixture(scope="module")
def reader():
    return small_recognizer(max_epochs=15).fit(X, Y)


class NoTraining(Callback):
    def on_train_begin(self, net, **kwargs):
        raise AssertionError("training has begun")


# --- learning


def test_learns_generated_words():
    words = make_handwriting(60, texts=["cat", "dog", "sun", "egg"], n_writers=1, random_state=0)
    recognizer = small_recognizer(
        channels=(8, 16, 16), dense_units=32, hidden_units=32, batch_size=4, lr=0.01, max_epochs=20
    )
    recognizer.fit(words.images, words.text)
    assert 1 - recognizer.score(words.images, words.text) < 0.2


def test_learns_and_reads_what_it_has_not_seen(reader):
    assert reader.alphabet_ == "abc"
    assert reader.score(*draw_words(30, seed=5)) > 0.6
    assert reader.history_[-1]["train_loss"] < reader.history_[0]["train_loss"] / 2


def test_predict_log_proba(reader):
    probabilities = reader.predict_log_proba(X)
    assert probabilities.dtype == object
    for image, line in zip(X, probabilities, strict=True):
        assert line.dtype == np.float32
        assert line.shape == (-(-image.shape[1] // 4), 4)
        np.testing.assert_allclose(np.exp(line).sum(1), 1, rtol=1e-5)
    best = probabilities[0].argmax(1)
    read = [i for i, before in zip(best, [0, *best], strict=False) if i != before and i]
    assert reader.predict(X[:1]) == ["".join("abc"[i - 1] for i in read)]


def test_a_line_reads_the_same_alone_and_among_others(reader):
    together = reader.predict_log_proba(X)
    for i in (0, 1, 39):
        np.testing.assert_allclose(
            together[i], reader.predict_log_proba(X[i : i + 1])[0], atol=1e-4
        )


def test_predictions_are_strings(reader):
    read = reader.predict(X)
    assert read.dtype == object
    assert all(type(text) is str for text in read)


def test_before_fit():
    for method in ("predict", "predict_log_proba"):
        with pytest.raises(NotFittedError):
            getattr(small_recognizer(), method)(X)
    with pytest.raises(NotFittedError):
        small_recognizer().score(X, Y)


@pytest.mark.parametrize(
    ("name", "value"),
    [("height", 4), ("lr", 0), ("dropout", 1), ("max_epochs", 0), ("augment", 3), ("device", 0)],
)
def test_parameters_are_checked(name, value):
    with pytest.raises(ValueError, match=f"The '{name}' parameter"):
        small_recognizer(**{name: value}).fit(X, Y)


@pytest.mark.parametrize("channels", [(4, 8), (4, 8, 0), (4, 8, "8"), (4, 8, 8.0)])
def test_channels_are_checked(channels):
    with pytest.raises(ValueError, match="channels"):
        small_recognizer(channels=channels).fit(X, Y)


# --- decoding


def test_decoding_needs_no_new_fit(reader, tmp_path):
    """The same as `CTCDecoder` on the network's output; nothing of the fit is changed."""
    model = NgramLanguageModel(order=2).fit(["cb", "bc"])
    before = weights(reader)
    probabilities = reader.predict_log_proba(X)
    for params in (
        {"method": "greedy"},
        {"beam_width": 5},
        {"language_model": model, "lm_weight": 2.0, "word_bonus": 0.1},
        {"lexicon": ["ab", "bca"]},
    ):
        decoding = copy.copy(reader).set_params(decoder=CTCDecoder(**params))
        read = decoding.predict(X)
        expected = CTCDecoder(reader.alphabet_, **params).fit(probabilities).predict(probabilities)
        assert_array_equal(read, expected)
        assert decoding.score(X, read) == 1.0
        hwsk.save(decoding, tmp_path / "reader.hwsk")
        assert_array_equal(hwsk.load(tmp_path / "reader.hwsk").predict(X), read)
    assert set(read) <= {"", "ab", "bca"}
    assert_array_equal(weights(reader), before)


@pytest.mark.parametrize(
    ("decoder", "message"),
    [
        ("best", "The 'decoder' parameter"),
        (CTCDecoder(method="best"), "The 'method' parameter"),
        (CTCDecoder(lexicon=[]), "lexicon holds no word"),
        (CTCDecoder("ab"), "the decoder's alphabet is 'ab', and that of the classes is 'abc'"),
        (
            CTCDecoder(language_model=NgramLanguageModel().fit(["xyz"])),
            "knows none of the alphabet's characters 'abc'",
        ),
    ],
)
def test_decoding_that_can_not_be(reader, decoder, message):
    with pytest.raises(ValueError, match=message):
        copy.copy(reader).set_params(decoder=decoder).predict(X)
    with pytest.raises(ValueError, match=message):
        small_recognizer(callbacks=[NoTraining()], decoder=decoder).fit(X, Y)


def test_the_decoder_can_be_changed_and_cloned(reader):
    model = NgramLanguageModel(order=2).fit(["cb", "bc"])
    decoding = copy.copy(reader).set_params(decoder=CTCDecoder(language_model=model, lm_weight=9.0))
    assert (decoding.predict(X) != reader.predict(X)).any()
    decoding.set_params(decoder__language_model=None)
    alone = copy.copy(reader).set_params(decoder=CTCDecoder())
    assert_array_equal(decoding.predict(X), alone.predict(X))
    copied = clone(decoding.set_params(decoder__language_model=model)).decoder
    assert copied is not decoding.decoder
    assert copied.language_model.log_prob(["cb"]) == model.log_prob(["cb"])
    assert_array_equal(decoding.set_params(decoder=None).predict(X), reader.predict(X))


# --- digits


def test_digits():
    digits = load_digits()
    recognizer = small_recognizer()
    with pytest.warns(UserWarning) as noted:
        recognizer.fit(digits.images[:60], digits.target[:60].astype(str))
    messages = " ".join(str(warning.message) for warning in noted)
    assert "look inverted" in messages
    assert "0 to 16" in messages
    assert recognizer.alphabet_ == "0123456789"
    with pytest.warns(UserWarning, match="60 of 60 images look inverted"):
        read = recognizer.predict(digits.images[:60])
    assert set("".join(read)) <= set("0123456789")


@pytest.mark.parametrize(
    "y",
    [
        np.array([12, 3]),
        [12, 3],
        [np.int64(12), np.uint8(3)],
        np.array([12.0, 3.0]),
        np.array([12, 3], dtype=object),
        pd.Series([12, 3]),
        [True, False],
    ],
)
def test_numbers_are_no_texts(reader, y):
    expected = r"in row 0; texts are str: numbers become texts by np\.asarray\(y\)\.astype\(str\)"
    for refuse in (reader.score, reader.calibrate_temperature):
        with pytest.raises(ValueError, match=expected):
            refuse(X[:2], y)
    with pytest.raises(ValueError, match=expected):
        small_recognizer(callbacks=[NoTraining()]).fit(X[:2], y)


# --- what is refused before training begins


@pytest.mark.parametrize(
    ("row", "value", "match"),
    [
        (2, "", "1 of 8 texts in y is empty, rows 2:"),
        (2, " ", "1 of 8 texts in y is empty, rows 2:"),
        (2, "ab\n", r"holds line breaks or other control .* \('\\n'\), rows 2; row 2: 'ab\\n'\."),
        (2, "a\tb", r"\('\\t'\), rows 2"),
        (2, "a\u2028", r"\('\\u2028'\), rows 2"),
        (2, "a\ud800", r"\('\\ud800'\), rows 2"),
        (3, None, r"None \(NoneType\) in row 3"),
        (3, float("nan"), r"nan \(float\) in row 3"),
        (1, 1.5, r"1\.5 \(float\) in row 1"),
        (4, b"ab", r"b'ab'.* \(bytes\) in row 4"),
        (5, 7, r"7 \(int\) in row 5"),
        (5, True, r"True \(bool\) in row 5"),
        (6, "ab" * 4, r"row 6: 'abababab' needs 8, and the image, .* gives"),
        (6, "a" * 5, r"row 6: 'aaaaa' needs 9"),
    ],
)
@pytest.mark.parametrize("make", [list, lambda y: pd.Series(y, dtype=object)])
def test_bad_text_is_named(row, value, match, make):
    y = list(Y[:8])
    y[row] = value
    with pytest.raises(ValueError, match=match):
        small_recognizer(callbacks=[NoTraining()]).fit(X[:8], make(y))


@pytest.mark.parametrize(
    ("character", "name"),
    [("\xa0", "no-break space"), ("\u2009", "thin space"), ("\ufeff", "zero width no-break space")],
)
def test_characters_that_look_like_a_blank_are_named(character, name):
    y = ["ab", f"a{character}", *Y[2:4]]
    said = re.escape(f"1 of 4 texts in y holds {character!r} ({name}), which")
    with pytest.warns(UserWarning, match=rf"{said} .* rows 1: it becomes a character of its own"):
        small_recognizer(max_epochs=1).fit(X[:4], y)


def test_blanks_and_joiners_that_are_written_are_not_remarked():
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=".*an image shows as a blank")
        small_recognizer(max_epochs=1).fit(X[:3], ["a b", "a\u3000", "\u0645\u200c"])


def test_a_text_with_a_line_break_is_refused_by_score_and_calibration(reader):
    y = [Y[0], f"{Y[1]}\n"]
    for refuse in (reader.score, reader.calibrate_temperature):
        with pytest.raises(ValueError, match=r"control characters \('\\n'\), rows 1"):
            refuse(X[:2], y)


def test_a_text_too_long_for_its_file_is_named(tmp_path):
    path = str(tmp_path / "short.png")
    cv2.imwrite(path, X[0])
    match = rf"rows 1 \({re.escape(path)}\); row 1: '(ab){{20,}}a? needs 400,"
    with pytest.raises(ValueError, match=match):
        small_recognizer(callbacks=[NoTraining()]).fit([X[1], path], ["a", "ab" * 200])


@pytest.mark.parametrize(
    ("y", "match"),
    [
        (None, "y is None"),
        (["3", -1, "2"], r"-1 \(int\) in row 1"),
        (["a", "b"], "inconsistent numbers of samples"),
        ([["a"], ["b"], ["c"]], "row 0"),
        (np.array([["a", "b"]] * 3), r"y has shape \(3, 2\)"),
        ("abc", "one string"),
    ],
)
def test_bad_y(y, match):
    with pytest.raises(ValueError, match=match):
        small_recognizer(callbacks=[NoTraining()]).fit(X[:3], y)


def test_groups_of_another_length():
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        small_recognizer().fit(X[:3], Y[:3], groups=[1, 2])


def test_many_bad_rows_are_not_all_listed():
    with pytest.raises(ValueError, match=r"30 of 30 .* rows 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, \.\.\.:"):
        small_recognizer().fit(X[:30], [""] * 30)


def test_bad_pixels_are_named():
    images = [image / 255 for image in X[:4]]
    images[2][3, 5] = np.nan
    with pytest.raises(ValueError, match="image 2 holds NaN or infinity, first at row 3, column 5"):
        small_recognizer(callbacks=[NoTraining()]).fit(images, Y[:4])


def test_no_samples_and_one():
    with pytest.raises(ValueError, match="0 sample"):
        small_recognizer().fit([], [])
    assert small_recognizer().fit(X[:1], Y[:1]).predict(X[:1]).shape == (1,)


def test_odd_images_are_taken():
    image = X[0]
    odd = [
        np.zeros((1, 1), np.uint8),
        image.astype(np.uint16) * 257,
        np.dstack([image] * 3 + [np.full_like(image, 255)]),
        image > 128,
        image[..., None],
        np.full((200, 3), 255, np.uint8),
    ]
    with pytest.warns(UserWarning, match="1 of 6 images looks inverted .*rows 0;"):
        recognizer = small_recognizer().fit(odd, [Y[0]] * 5 + ["a"])
    with pytest.warns(UserWarning, match="1 of 6 images looks inverted .*rows 0;"):
        assert recognizer.predict(odd).shape == (6,)
    plain = recognizer.predict_log_proba([image])[0]
    for same in (odd[1], odd[2], odd[4], image / 255):
        np.testing.assert_allclose(recognizer.predict_log_proba([same])[0], plain, atol=1e-4)


def test_one_image_without_a_list_is_refused(reader):
    """Its rows would be read as images one pixel high."""
    for read in (
        reader.predict,
        reader.predict_log_proba,
        make_pipeline(Grayscale(), reader).predict,
    ):
        with pytest.raises(ValueError, match=r"one image.* put it in a list: \[X\]"):
            read(X[0])


def test_score_compares_lengths_before_it_reads(reader, monkeypatch):
    monkeypatch.setattr(reader, "_read", None)
    with pytest.raises(ValueError, match=r"inconsistent numbers of samples: \[40, 2\]"):
        reader.score(X, Y[:2])


def test_rows_of_numbers_are_no_images(reader):
    table = np.random.default_rng(0).random((6, 20))
    for use in (lambda: small_recognizer().fit(table, Y[:6]), lambda: reader.predict(table)):
        with pytest.raises(ValueError, match=r"takes images, and X is a table of shape \(6, 20\)"):
            use()


# --- what is warned of


def test_inverted_images():
    images = [255 - image for image in X[:4]]
    with pytest.warns(
        UserWarning, match=r"4 of 4 images look inverted .*rows 0, 1, 2, 3;"
    ) as noted:
        small_recognizer().fit(images, Y[:4])
    assert noted[0].filename == __file__


def test_a_few_inverted_images():
    images = [*X[:5], 255 - X[5]]
    with pytest.warns(UserWarning, match=r"1 of 6 images looks inverted .*rows 5;"):
        small_recognizer().fit(images, Y[:6])


def test_floats_beyond_one():
    images = [image.astype(float) for image in X[:4]]
    with pytest.warns(UserWarning, match="from 0 to 255, not 0 to 1: 255 is taken as paper"):
        recognizer = small_recognizer().fit(images, Y[:4])
    assert recognizer.levels_ == (255, 0)
    np.testing.assert_allclose(
        recognizer.predict_log_proba(images[:1])[0],
        recognizer.predict_log_proba(X[:1])[0],
        atol=1e-5,
    )


def test_rounded_floats_give_no_warning():
    images = [np.full((13, 9), 1 + 2**-23, np.float32) for _ in range(4)]
    for image in images:
        image[5, 2:7] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        recognizer = small_recognizer(callbacks=[NoTraining()])
        with pytest.raises(AssertionError):
            recognizer.fit(images, list("abab"))


def test_good_images_give_no_warning(reader):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        copy.deepcopy(reader).set_params(warm_start=True, lr=1e-4).fit(X, Y)


class OnlyBlanks(Callback):
    def on_train_end(self, net, **kwargs):
        net.module_.head.bias.data[0] = 100


def test_reading_nothing_at_all():
    with pytest.warns(
        ConvergenceWarning, match="after 1 epoch the recognizer reads nothing"
    ) as noted:
        small_recognizer(callbacks=[OnlyBlanks()]).fit(X[:8], Y[:8])
    assert noted[0].filename == __file__


# --- going on


def test_warm_start_goes_on():
    recognizer = small_recognizer(max_epochs=6, warm_start=True).fit(X, Y)
    fresh = recognizer.history_
    recognizer.fit(X, Y)
    assert recognizer.n_iter_ == 6
    assert recognizer.history_[0]["train_loss"] < fresh[0]["train_loss"]
    assert recognizer.history_[-1]["train_loss"] < fresh[-1]["train_loss"]


def test_without_warm_start_fit_begins_anew(reader):
    recognizer = copy.deepcopy(reader).set_params(max_epochs=1).fit(X, Y)
    assert_array_equal(weights(recognizer), weights(small_recognizer().fit(X, Y)))


def test_warm_start_keeps_the_characters_it_knows(reader):
    recognizer = copy.deepcopy(reader).set_params(warm_start=True, max_epochs=1, lr=1e-9)
    recognizer.fit(*draw_words(8, "ad"))
    assert recognizer.alphabet_ == "abcd"
    old, new = reader.net_.module_.state_dict(), recognizer.net_.module_.state_dict()
    assert new["head.weight"].shape[0] == 5
    np.testing.assert_allclose(new["head.weight"][:4], old["head.weight"], atol=1e-6)
    again = pickle.loads(pickle.dumps(recognizer))
    assert_array_equal(again.predict(X), recognizer.predict(X))


def test_warm_start_with_another_architecture(reader):
    recognizer = copy.deepcopy(reader).set_params(warm_start=True, hidden_units=8)
    with pytest.raises(
        ValueError, match=r"another architecture: lstm.* \(64, 16\), now \(32, 16\)"
    ):
        recognizer.fit(*draw_words(8, "ad"))
    assert recognizer.alphabet_ == "abc"  # as it was
    recognizer.set_params(num_layers=2, hidden_units=16)
    with pytest.raises(ValueError, match=r"another architecture: lstm.* \(0,\), now \(64, 32\)"):
        recognizer.fit(X, Y)
    assert_array_equal(recognizer.predict(X), reader.predict(X))
    deeper = small_recognizer(num_layers=2, warm_start=True).fit(X, Y).set_params(num_layers=1)
    with pytest.raises(ValueError, match=r"another architecture: lstm.*, now \(0,\)"):
        deeper.fit(X, Y)


def test_partial_fit():
    recognizer = small_recognizer(lr=0.01)
    losses = []
    for _ in range(10):
        recognizer.partial_fit(X, Y)
        assert recognizer.n_iter_ == 1
        losses.append(recognizer.history_[-1]["train_loss"])
    assert losses[-1] < losses[0] * 0.7
    recognizer.partial_fit(*draw_words(8, "cd"))
    assert recognizer.alphabet_ == "abcd"


def test_partial_fit_goes_on_with_the_optimizer_but_its_own_rates():
    recognizer = small_recognizer().partial_fit(X, Y)
    recognizer.set_params(lr=0.005, weight_decay=0.5).partial_fit(X, Y)
    optimizer = recognizer.net_.optimizer_
    assert {int(state["step"]) for state in optimizer.state.values()} == {10}
    assert optimizer.param_groups[0]["lr"] == 0.005
    assert optimizer.param_groups[0]["weight_decay"] == 0.5


# --- files


def write(folder, images):
    folder.mkdir(exist_ok=True)
    paths = [str(folder / f"{i:03}.png") for i in range(len(images))]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    return paths


def test_paths_give_what_arrays_give(tmp_path):
    images = [np.pad(image, ((3, 4), (2, 1)), constant_values=255) for image in X[:16]]
    paths = np.array(write(tmp_path / "words", images))
    steps = make_pipeline(HeightNormalizer(height=20), small_recognizer(max_epochs=2))
    from_arrays = copy.deepcopy(steps).fit(images, Y[:16])
    from_paths = steps.fit(paths, Y[:16])
    assert_array_equal(weights(from_paths[-1]), weights(from_arrays[-1]))
    for a, b in zip(
        from_paths.predict_log_proba(paths), from_arrays.predict_log_proba(images), strict=True
    ):
        assert_array_equal(a, b)
    plain = small_recognizer().fit(paths, Y[:16])
    assert_array_equal(weights(plain), weights(small_recognizer().fit(images, Y[:16])))
    assert_array_equal(plain.predict(paths), plain.predict(images))


@pytest.mark.parametrize(
    ("damage", "error", "match"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-30]), ValueError, "cut short"),
        (lambda path: path.write_bytes(b""), ValueError, "0 bytes"),
        (lambda path: path.unlink(), FileNotFoundError, "No such file"),
    ],
)
def test_damaged_file_is_named_before_training(tmp_path, damage, error, match):
    paths = write(tmp_path / "words", X[:6])
    damage(tmp_path / "words" / "004.png")
    with pytest.raises(error, match=r"004\.png") as caught:
        small_recognizer(callbacks=[NoTraining()]).fit(paths, Y[:6])
    assert match in str(caught.value)


def test_image_that_is_no_line_is_refused():
    images = [*X[:3], np.full((1, 9000), 255, np.uint8)]
    with pytest.raises(ValueError, match="image 3 is 9000 pixels wide and 1 high"):
        small_recognizer().fit(images, [*Y[:3], "a"])


def test_predict_warns_of_images_unlike_those_of_fit(reader):
    inverted = [X[0], *(255 - image for image in X[1:4])]
    with pytest.warns(UserWarning, match="3 of 4 images look inverted .* rows 1, 2, 3;"):
        reader.predict(inverted)
    with pytest.warns(UserWarning, match="1 of 1 images holds values far .* paper was 1 and ink 0"):
        reader.predict_log_proba([X[0].astype(float)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.score(X, Y)


def test_one_colour_photo_is_no_stack_of_images(reader):
    photo = np.full((20, 40, 3), 255, np.uint8)
    with pytest.raises(ValueError, match=r"looks like one colour image.* pass it in a list"):
        reader.predict(photo)
    assert len(reader.predict([photo])) == 1


def test_score_counts_characters_outside_the_alphabet_as_errors(reader):
    right = reader.predict(X[:4])
    foreign = [text + "ü" for text in right]
    lengths = sum(map(len, foreign))
    assert reader.score(X[:4], foreign) == pytest.approx(1 - 4 / lengths)


def test_an_image_without_pixels_is_named(reader):
    for shape in ((0, 5), (5, 0), (0, 0)):
        with pytest.raises(ValueError, match=r"image 1 has no pixels: shape \(\d, \d\)"):
            reader.predict([X[0], np.zeros(shape, np.uint8)])


def test_new_characters_are_learnt_and_the_others_hardly_forgotten(reader):
    """Fine-tuned on words with a new letter, among them some of the old."""
    old, new = draw_words(60, seed=5), draw_words(40, "abcd", seed=7)
    recognizer = copy.deepcopy(reader).set_params(warm_start=True, max_epochs=10, lr=5e-3)
    recognizer.fit(*new)
    assert recognizer.alphabet_ == "abcd"
    assert recognizer.score(*draw_words(40, "abcd", seed=8)) > reader.score(
        *draw_words(40, "abcd", seed=8)
    )
    assert recognizer.score(*old) > reader.score(*old) - 0.02
