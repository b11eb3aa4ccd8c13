"""One pass over images: what is wrong with them comes out alike everywhere, with its rows."""

import re
import warnings
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import scipy.signal
from PIL import Image
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from small_words import draw_words, small_recognizer

import hwsk
from hwsk._data.images import check_images
from hwsk._data.levels import is_inverted, is_negative
from hwsk._data.lines import count_lines, find_peaks, remark_line, remark_lines
from hwsk._data.scan import scan_images, walk
from hwsk.datasets import load_lines, make_handwriting
from hwsk.identification import LocalDescriptors, WriterClassifier
from hwsk.preprocessing import (
    CharacterNormalizer,
    Grayscale,
    HeightNormalizer,
    InkCropper,
    LineCleaner,
    LineNormalizer,
    SignatureNormalizer,
)
from hwsk.preprocessing.augmentation import RandomAffine
from hwsk.recognition._doubt import reading_confidence, warn_of_doubt, warn_of_long_words

X, Y = draw_words(40)
LINES = list(make_handwriting(12, level="line", random_state=0).images)
LETTERS = make_handwriting(6, texts=list("aBdegR"), height=80, random_state=0)


@pytest.fixture(scope="module")
def reader():
    return small_recognizer(max_epochs=15).fit(X, Y)


@pytest.fixture
def paths(tmp_path):
    names = [str(tmp_path / f"{i}.png") for i in range(8)]
    for name, image in zip(names, X, strict=False):
        Image.fromarray(image).save(name)
    return names


def on_one_sheet(lines, gap=12):
    width = max(line.shape[1] for line in lines)
    return np.vstack(
        [np.pad(i, ((gap, 0), (0, width - i.shape[1])), constant_values=255) for i in lines]
    )


# --- rows that can't be used


def spoil(paths):
    Path(paths[1]).write_bytes(b"")
    Path(paths[4]).write_bytes(Path(paths[4]).read_bytes()[:-20])
    Path(paths[6]).unlink()
    return (
        r"3 of 8 images can't be used, rows 1, 4, 6; .*1\.png is empty.*4\.png is damaged.*6\.png"
    )


def test_all_bad_rows_are_named_at_once(reader, paths):
    match = spoil(paths)
    for use in (
        lambda: small_recognizer().fit(paths, Y[:8]),
        lambda: hwsk.VariationalAutoencoder(image_size=(16, 16)).fit(paths),
        lambda: hwsk.CharacterClassifier().fit(paths, Y[:8]),
        lambda: WriterClassifier(max_epochs=1).fit(paths, ["a", "b"] * 4),
        lambda: reader.predict(paths),
        lambda: reader.predict_details(paths),
        lambda: make_pipeline(HeightNormalizer(16), reader).predict(paths),
        lambda: list(walk(check_images(paths))),
    ):
        with pytest.raises(ValueError, match=match):
            use()


def test_all_bad_arrays_are_named_at_once(reader):
    bad = [*X[:3], np.full((9, 9), np.nan), np.zeros((2, 2, 5)), None]
    for use in (reader.predict, Grayscale().transform, lambda X: small_recognizer().fit(X, Y[:6])):
        with pytest.raises(ValueError, match=r"3 of 6 images can't be used, rows 3, 4, 5; row 3"):
            use(bad)


def test_one_bad_row_keeps_its_error(reader, paths):
    Path(paths[6]).unlink()
    with pytest.raises(FileNotFoundError, match=r"6\.png"):
        reader.predict(paths)


def test_loaders_leave_out_and_count(tmp_path, paths):
    for path, text in zip(paths, Y, strict=False):
        Path(path).with_suffix(".gt.txt").write_text(text)
    Path(paths[1]).write_bytes(b"")
    Path(paths[4]).write_bytes(Path(paths[4]).read_bytes()[:-20])
    for as_arrays in (False, True):
        with pytest.warns(UserWarning, match="2 images that can't be used") as shown:
            lines = load_lines(tmp_path, as_arrays=as_arrays)
        assert shown[0].filename == __file__
        assert len(lines.images) == len(lines.text) == 6
    with pytest.raises(ValueError, match=r"2 of 8 images can't be used.*1\.png.*4\.png"):
        load_lines(tmp_path, as_arrays=True, on_error="raise")


# --- containers


def test_one_column_of_paths(reader, paths):
    expected = reader.predict(X[:8])
    frame = pd.DataFrame({"path": paths})
    for same in (frame, frame["path"], frame.to_numpy(), np.array(paths)[:, None]):
        assert reader.predict(same).tolist() == expected.tolist()
        assert small_recognizer(max_epochs=1).fit(same, Y[:8]).n_iter_ == 1
    frame["writer"] = "a"
    with pytest.raises(ValueError, match=r"columns path, writer; pass the .* alone: X\['path'\]"):
        reader.predict(frame)


def test_column_transformer_of_paths(paths):
    frame = pd.DataFrame({"path": paths, "age": range(8)})
    vae = hwsk.VariationalAutoencoder(2, image_size=(16, 16), max_epochs=1, random_state=0)
    columns = ColumnTransformer([("image", vae, ["path"]), ("age", "passthrough", ["age"])])
    table = columns.fit_transform(frame)
    np.testing.assert_allclose(table[:, :2], vae.fit(paths).transform(paths), rtol=1e-5)
    assert table[:, 2].tolist() == list(range(8))


@pytest.mark.parametrize(
    "one", [LINES[0], Image.fromarray(LINES[0]), np.dstack([LINES[0]] * 3)], ids=type
)
def test_one_image_is_asked_for_in_a_list(reader, one):
    for use in (reader.predict, Grayscale().transform, SignatureNormalizer().transform):
        with pytest.raises(ValueError, match=r"one .*image.*in a list: \[X\]"):
            use(one)


def test_rasters_in_rows_are_no_image():
    table = np.random.default_rng(0).integers(0, 256, (12, 64)).astype(np.uint8)
    vae = hwsk.VariationalAutoencoder(2, image_shape=(8, 8), max_epochs=1).fit(table)
    assert vae.transform(table).shape == (12, 2)


# --- what is warned of


def test_negatives_are_turned_round_and_said():
    upright_ones = LETTERS.images
    upright = CharacterNormalizer().fit_transform(upright_ones)
    mixed = [255 - image if i in (1, 4) else image for i, image in enumerate(LETTERS.images)]
    with pytest.warns(UserWarning, match="2 of 6 images look inverted .* rows 1, 4") as shown:
        np.testing.assert_array_equal(CharacterNormalizer().fit_transform(mixed), upright)
    assert shown[0].filename == __file__
    with pytest.warns(UserWarning, match="2 of 6 images look inverted"):
        found = SignatureNormalizer((32, 64)).fit_transform(mixed)
    for got, wanted in zip(
        found, SignatureNormalizer((32, 64)).transform(upright_ones), strict=True
    ):
        np.testing.assert_array_equal(got, wanted)
    for kind in ("sift", "hog"):
        with pytest.warns(UserWarning, match="2 of 6 images look inverted"):
            found = LocalDescriptors(kind).fit_transform(mixed)
        for got, wanted in zip(
            found, LocalDescriptors(kind).transform(LETTERS.images), strict=True
        ):
            np.testing.assert_array_equal(got, wanted)


def test_a_bold_character_cut_out_closely_is_no_negative():
    dot = np.full((40, 40), 255, np.uint8)
    rows, columns = np.ogrid[:40, :40]
    dot[(rows - 19.5) ** 2 + (columns - 19.5) ** 2 < 18**2] = 0
    assert is_inverted(dot) and not is_negative(dot)
    with pytest.warns(UserWarning, match="1 of 1 images is mostly dark .* taken as dark ink"):
        assert CharacterNormalizer().fit_transform([dot])[0][14, 14] == 255


def test_warnings_of_files_come_from_who_decodes_them(tmp_path):
    for i, image in enumerate(LETTERS.images):
        Image.fromarray(255 - image if i == 2 else image).save(tmp_path / f"{i}.png")
    files = sorted(tmp_path.glob("*.png"))
    vae = hwsk.VariationalAutoencoder(2, max_epochs=1, random_state=0)
    pipeline = make_pipeline(CharacterNormalizer(ink="dark"), vae)
    for use in (pipeline.fit, pipeline.transform):
        with pytest.warns(UserWarning, match=r"1 of 6 .* inverted .* rows 2 \(.*2\.png\)") as shown:
            use(files)
        assert len(shown) == 1 and shown[0].filename == __file__


def test_ink_too_faint_is_said(reader):
    """Ink less than a tenth of the scale darker than paper counts as paper texture."""
    faint = (180 + 0.09 * (X[1].astype(float) - 255)).astype(np.uint8)
    images = [X[0], faint + 75, np.full((16, 40), 255, np.uint8)]
    with pytest.warns(UserWarning, match="2 of 3 images have no ink, rows 1, 2: blank, or"):
        reader.predict(images)
    with pytest.warns(UserWarning, match="2 of 3 images have no ink, rows 1, 2"):
        small_recognizer(max_epochs=1).fit(images, Y[:3])


@pytest.mark.parametrize("seed", range(20))
def test_peaks_are_those_of_scipy(seed):
    profile = np.random.default_rng(seed).integers(0, 4, 60).astype(float)  # with plateaus
    expected = scipy.signal.find_peaks(np.r_[0, profile, 0])[0] - 1
    np.testing.assert_array_equal(find_peaks(profile), expected)


def test_lines_turned_by_a_quarter_are_said():
    """A line that stands was read as "I", with much confidence."""
    lines = make_handwriting(6, level="line", random_state=1).images
    for line in lines:
        for turns in (1, 3):
            assert str(remark_lines(np.rot90(line, turns))).startswith("look turned by a quarter")
    for text in ("I", "l", "(", "!", ":", "f", "it"):
        word = make_handwriting(1, texts=[text], random_state=2).images[0]
        assert remark_lines(word) is None, text
    assert remark_lines(np.full((200, 20), 255, np.uint8)) is None


def _resize(image, factor):
    size = round(image.shape[1] * factor), image.shape[0]
    return cv2.resize(image, size, interpolation=cv2.INTER_LINEAR)


def _invert_left(image):
    middle = image.shape[1] // 2
    return np.hstack([255 - image[:, :middle], image[:, middle:]])


def _rule(image):
    ruled = image.copy()
    ruled[len(image) // 2 :][:3] = 90
    return ruled


def _cast_shadow(image):
    return (image * np.linspace(0.35, 1, image.shape[1])).astype(np.uint8)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda image: image[: len(image) // 2], "look cut off: .* the lower border"),
        (lambda image: image[len(image) // 2 :], "look cut off: .* the upper border"),
        (lambda image: _resize(image, 4), r"look stretched in width: .* at least 2 times"),
        (lambda image: _resize(image, 0.25), r"look squeezed in width: .* at most 0\.35 times"),
        (_invert_left, "look inverted in a part"),
        (lambda image: 255 - _invert_left(image), "look inverted in a part"),
    ],
)
def test_lines_that_are_cut_or_changed_are_said(change, said):
    """They were read as fluent nonsense, many with much confidence."""
    lines = make_handwriting(12, level="line", n_writers=12, random_state=1).images
    for as_it_comes in (lambda image: image, lambda image: image.astype(np.float32) / 255):
        remarks = [remark_line(as_it_comes(change(line))) or "" for line in lines]
        assert sum(bool(re.match(said, remark)) for remark in remarks) >= 10
    users = [LineNormalizer(), HeightNormalizer(40) if "width" in said else LineCleaner()]
    for user in users:
        with pytest.warns(
            UserWarning, match=f"1 of 2 images {said.replace('look', 'looks', 1)}.*rows 1"
        ):
            user.transform([lines[0], change(lines[0])])


@pytest.mark.parametrize("change", [np.asarray, lambda x: 255 - x, _rule, _cast_shadow])
def test_whole_lines_are_not_called_cut_or_changed(change):
    lines = make_handwriting(12, level="line", n_writers=12, random_state=1).images
    words = make_handwriting(12, n_writers=12, random_state=1).images
    texts = ["-", "M", "I", "...", "MINIMUM", "nun"]
    marks = make_handwriting(6, texts=texts, random_state=0).images
    for image in [*lines, *words, *marks]:
        assert remark_line(change(image)) is None


def test_words_and_lines_are_no_characters():
    lines = make_handwriting(2, level="line", random_state=1).images
    letters = make_handwriting(12, texts=[*"mMwWHE8aitlI"], random_state=0).images
    for image in [*letters, *(255 - letter for letter in letters)]:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*turned round")
            warnings.filterwarnings("error", ".*word or a line")
            CharacterNormalizer().transform([image])
    wanted = "2 of 3 images look like a word or a line: .* where one character is expected, rows 1"
    with pytest.warns(UserWarning, match=wanted):
        short = lines[1][:, : lines[1].shape[1] // 2]
        CharacterNormalizer().transform([letters[0], lines[0], short])


def test_count_lines():
    for line in LINES:
        assert count_lines(line) == count_lines(255 - (255 - line)) == 1
        assert count_lines(line.astype(np.float32) / 255) == 1
    for word in X:
        assert count_lines(word) == 1
    for text in (":", "=", "i", "ij", '"', "%", ";", "!", "."):
        (image,) = make_handwriting(1, texts=[text], height=80, random_state=0).images
        assert count_lines(image) == 1, text
    alike = make_handwriting(8, texts=["a line of some words"] * 8, random_state=0).images
    for n in (2, 3, 5, 8):
        assert count_lines(on_one_sheet(alike[:n])) == n
    assert count_lines(np.full((50, 90), 255, np.uint8)) == 0


def test_several_lines_are_said(reader, tmp_path):
    images = [LINES[0], on_one_sheet(LINES[:2]), on_one_sheet(LINES), on_one_sheet(LINES[2:4])]
    for use in (HeightNormalizer(40).transform, reader.predict):
        with pytest.warns(UserWarning) as shown:
            use(images)
        messages = [str(warning.message) for warning in shown]
        assert any("2 of 4 images look like 2 lines of text" in m and "rows 1, 3" in m
                   for m in messages)  # fmt: skip
        assert any("1 of 4 images looks like a page of text" in m and "rows 2" in m
                   for m in messages)  # fmt: skip
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    pipeline = make_pipeline(HeightNormalizer(16), reader)
    with pytest.warns(UserWarning, match=r"2 of 4 images .* rows 1, 3 \(.*1\.png, .*3\.png\)"):
        pipeline.predict(sorted(tmp_path.glob("*.png")))


def test_ink_that_a_cropper_loses_is_said():
    page = np.full((1500, 900), 255, np.uint8)
    page[40:1460, 450:456] = 0  # a rule
    for top in range(60, 1400, 40):
        for left in range(20, 840, 20):
            page[top : top + 12, left : left + 12] = 0
    with pytest.warns(UserWarning, match=r"1 of 2 images loses over half of the ink.* rows 1"):
        InkCropper().transform([LINES[0], page])


def test_good_images_are_not_warned_of(reader):
    assert 0.8 < reader.confidence_ <= 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.predict(X)
        reader.predict_details([image / 255 for image in X])
        HeightNormalizer(40).transform(LINES)
        InkCropper().transform(LINES)


def test_readings_in_doubt_are_said():
    """Confidence and number of characters: good, upside down, turned in vain, nothing, few."""
    found = np.array(
        [[0.9, 20], [0.7, 20], [0.6, 20], [0, 0], [0.6, 2], [0.2, 2], [0, 0], [0.6, 9]]
    )
    turned = (
        [[0.95, 20], [0.6, 20], [0.7, 9]],  # by half a turn
        [[0.8, 20], [0.5, 20], [0.95, 9]],  # from right to left
        [[0.8, 20], [0.9, 20], [0.7, 9]],  # from bottom to top
    )
    blank = np.full((16, 30), 255, np.uint8)
    asked = []

    def read(images):
        asked.append(list(images))
        return np.array(turned[len(asked) - 1])

    with pytest.warns(UserWarning) as shown:
        warn_of_doubt(check_images([*X[:6], blank, X[6]]), found, 0.95, read)
    upside_down, mirrored, flipped, low = (str(warning.message) for warning in shown)
    assert "1 of 8 images looks mirrored: from right to left" in mirrored and "rows 7" in mirrored
    assert "1 of 8 images looks mirrored: from bottom to top" in flipped and "rows 2" in flipped
    assert "1 of 8 images looks upside down" in upside_down and "rows 1" in upside_down
    assert "mean confidence 0.70" in upside_down
    assert "2 of 8 images are read with low mean confidence" in low and "rows 3, 5" in low
    assert [len(images) for images in asked] == [3, 3, 3]  # those in doubt alone
    np.testing.assert_array_equal(asked[0][0], X[1][::-1, ::-1])
    np.testing.assert_array_equal(asked[1][0], X[1][:, ::-1])


def test_a_line_read_as_one_word_is_said():
    texts = ["word", "alineofseveralwordsreadasone", "a line of several words read as one"]
    texts += ["1234567890" * 4, "こんにちは" * 8]
    with pytest.warns(UserWarning, match=r"^1 of 5 images looks like a line .* rows 1:"):
        warn_of_long_words(check_images(X[:5]), texts)


def test_reading_confidence():
    log_probs = np.log([[0.1, 0.8, 0.1], [0.2, 0.7, 0.1], [0.9, 0.05, 0.05], [0.3, 0.1, 0.6]])
    assert reading_confidence(log_probs, 1.0) == (pytest.approx(0.7), 2)  # of peaks .8 and .6
    assert reading_confidence(log_probs[2:3], 1.0) == (0.0, 0)
    assert reading_confidence(log_probs, 2.0)[0] < 0.7


# --- augmentation that narrows


def narrow(image, rng):
    return image[:, : max(1, image.shape[1] // 6)]


def test_texts_that_augmented_images_have_no_room_for():
    recognizer = small_recognizer(max_epochs=3, augment=narrow)
    with pytest.warns(UserWarning, match=r"augment makes \d+ of 40 images too narrow.*rows 0, "):
        recognizer.fit(X, Y)
    assert min(row["train_loss"] for row in recognizer.history_) > 0.1
    plain = small_recognizer(max_epochs=3).fit(X, Y)
    for name, weight in plain.net_.module_.state_dict().items():  # all were used unchanged
        np.testing.assert_array_equal(weight, recognizer.net_.module_.state_dict()[name])


def test_mild_augmentation_is_not_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.filterwarnings("ignore", "after 1 epoch ")
        small_recognizer(max_epochs=1, augment=RandomAffine(scale_x=(0.9, 1.1))).fit(X, Y)


# --- the pass itself


def test_scan():
    images = check_images([np.uint8([[0, 255, 255]]), np.float32([[0.5], [1.0]])])
    scan = scan_images(images)
    assert scan.shapes.tolist() == [[1, 3], [2, 1]]
    assert scan.is_float.tolist() == [False, True]
    assert scan.lows.tolist() == [0, 0.5] and scan.highs.tolist() == [255, 1]
    assert scan.means.tolist() == [170, 0.75]
    assert scan.span() == (0, 1) and len(scan) == 2
    np.testing.assert_allclose(scan.ink((1.0, 0.0)), [1 / 3, 0.25])
    assert scan.blank_rows((1.0, 0.0)).tolist() == []
    assert scan.blank_rows((0.5, 0.0)).tolist() == [1]


def test_images_are_decoded_once_in_prediction(reader, paths, monkeypatch):
    decoded = []
    read = hwsk._data.decoding._decode_file
    monkeypatch.setattr(
        "hwsk._data.decoding._decode_file", lambda path: decoded.append(path) or read(path)
    )
    reader.predict(paths)
    assert decoded == paths
