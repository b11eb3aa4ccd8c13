"""Pages are read: lines found, recognized, placed; sources stream, parts freeze."""

import numpy as np
import pytest
from lines_of_pages import draw_page
from PIL import Image
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline

import hwsk
from hwsk.documents import Line, LineSegmenter, Page, PageReader, Region, cut_lines
from hwsk.metrics import character_error_rate
from hwsk.preprocessing import HeightNormalizer
from hwsk.recognition import CTCRecognizer

TEXTS = ["no one", "on one", "none on", "noon", "one on", "on no"]


def pages(n, first=0):
    drawn = [
        draw_page(list(np.random.default_rng(seed).permutation(TEXTS)), seed=seed)
        for seed in range(first, first + n)
    ]
    images, truth = zip(*drawn, strict=True)
    return list(images), list(truth)


pytestmark = pytest.mark.filterwarnings("ignore:.* pages. lines:UserWarning")


@pytest.fixture(scope="module")
def reader():
    images, truth = pages(6)
    segmenter = LineSegmenter(
        resolution=400, channels=(8, 16, 16), crop_size=256, batch_size=4, max_epochs=30, lr=0.01,
        orient=False, random_state=0,  # such words have no ascenders
    )  # fmt: skip
    recognizer = CTCRecognizer(
        height=16, channels=(8, 16, 16), dense_units=32, hidden_units=32, num_layers=1,
        max_epochs=25, batch_size=8, lr=0.01, random_state=0,
    )  # fmt: skip
    reader = PageReader(segmenter, make_pipeline(HeightNormalizer(16), recognizer))
    with pytest.warns(UserWarning) as said:
        unread = Page(500, 420, [Region([Line(polygon=[40, 30, 200, 66])])])
        reader.fit([*images, images[0]], [*truth, unread])
    assert any("1 of 37 lines has no text" in str(each.message) for each in said)
    return reader


class KnownLines(BaseEstimator):
    """A segmenter that knows the lines: reading is tested without what a network has learnt."""

    def __init__(self, truth=()):
        self.truth = truth

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def segment(self, image):
        lines = [Line("", line.baseline, line.polygon) for line in self.truth[0].lines]
        return [Region(lines)]


def test_text_and_places(reader):
    images, truth = pages(1, first=20)
    cut = cut_lines(images[0], truth[0].lines)
    known = [" ".join(text.split()) for text in reader.recognizer_.predict(cut)]
    reader = PageReader(KnownLines(truth), reader.recognizer_)
    assert list(reader.predict(images)) == ["\n".join(known)]
    right = 1 - character_error_rate([truth[0].to_text()], ["\n".join(known)])
    assert reader.score(images, truth) == reader.score(images, [truth[0].to_text()]) == right
    [page] = reader.read(images[0])
    assert (page.width, page.height) == (500, 420)
    line = next(line for line in page.lines if len(line.words) > 1)
    assert line.text == " ".join(word.text for word in line.words)
    assert 0 < line.confidence <= 1
    first, second = line.words[:2]
    assert first.box[2] <= second.box[0] + 3
    assert "".join(c.text for c in first.characters) == first.text
    top, bottom = line.box[1], line.box[3]
    assert top - 8 <= first.box[1] < first.box[3] <= bottom + 8


def test_predict_joins_lines(reader):
    images, _ = pages(1, first=20)
    [text] = reader.predict(images)
    [page] = reader.read(images)
    assert text == page.to_text()


def test_files_stream_and_bad_ones_are_counted(reader, tmp_path):
    images, _ = pages(2, first=30)
    for i, image in enumerate(images):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    (tmp_path / "2.png").write_bytes(b"no image")
    blank = np.full((300, 300), 255, np.uint8)
    Image.fromarray(blank).save(tmp_path / "3.png")
    with pytest.warns(UserWarning) as said:
        names = [page.image_path for page in reader.read(tmp_path)]
    assert names == [str(tmp_path / f"{i}.png") for i in (0, 1, 3)]
    messages = [str(each.message) for each in said]
    assert any("1 page could not be read and 3 could" in each for each in messages), messages
    assert any("1 of 3 pages: no handwritten line was found" in each for each in messages)


def test_a_bad_page_is_named_by_predict(reader, tmp_path):
    (tmp_path / "bad.png").write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"bad\.png"):
        reader.predict([tmp_path / "bad.png"])


def test_a_file_of_several_pages_is_named_by_predict(reader, tmp_path):
    first, second = (Image.fromarray(image) for image in pages(2)[0])
    first.save(tmp_path / "two.tif", save_all=True, append_images=[second])
    with pytest.warns(UserWarning, match="1 of 1 images holds several pages"):
        reader.predict([tmp_path / "two.tif"])


def test_pages_are_asked_for_one_at_a_time(reader):
    asked = []

    def source():
        for image in pages(3)[0]:
            asked.append(1)
            yield image

    found = reader.read(source())
    next(found)
    assert len(asked) <= 2


def test_n_jobs_changes_no_result(reader):
    images, _ = pages(2, first=40)
    one = reader.predict(images)
    reader.set_params(n_jobs=2)
    two = reader.predict(images)
    reader.set_params(n_jobs=None)
    assert list(one) == list(two)


def test_fitted_parts_read_without_a_fit_and_frozen_ones_stay(reader, tmp_path):
    images, truth = pages(2, first=50)
    parts = PageReader(reader.segmenter_, reader.recognizer_)
    assert list(parts.predict(images)) == list(reader.predict(images))
    hwsk.save(parts, tmp_path / "reader.hwsk")
    assert list(hwsk.load(tmp_path / "reader.hwsk").predict(images)) == list(parts.predict(images))
    frozen = PageReader(FrozenEstimator(reader.segmenter_), FrozenEstimator(reader.recognizer_))
    frozen.fit(images, truth)
    assert list(frozen.predict(images)) == list(parts.predict(images))


def test_a_fitted_reader_is_saved(reader, tmp_path):
    images, _ = pages(1, first=60)
    hwsk.save(reader, tmp_path / "reader.hwsk")
    assert list(hwsk.load(tmp_path / "reader.hwsk").predict(images)) == list(reader.predict(images))


def test_what_cannot_be_read_or_learnt_is_refused(reader):
    images, truth = pages(1)
    with pytest.raises(NotFittedError):
        PageReader(LineSegmenter(), CTCRecognizer()).predict(images)
    with pytest.raises(TypeError, match=r"y\[0\] is 'text'; expected a Page"):
        PageReader(LineSegmenter(), CTCRecognizer()).fit(images, ["text"])
    frozen = PageReader(FrozenEstimator(reader.segmenter_), CTCRecognizer())
    unread = Page(500, 420, [Region([Line(polygon=[40, 30, 200, 66])])])
    with pytest.raises(ValueError, match="none of 1 lines of 1 pages has a text"):
        frozen.fit(images, [unread])
    with pytest.raises(ValueError, match=r"a\.png"):
        list(reader.read(["a.png"]))
    assert truth
