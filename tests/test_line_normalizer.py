import cv2
import numpy as np
import pytest
from sklearn.base import clone

from hwsk.datasets import make_handwriting
from hwsk.preprocessing import LineCleaner, LineNormalizer

HEIGHT = 40


@pytest.fixture(scope="module")
def lines():
    texts = ["the quick brown fox jumps over", "a lazy dog and runs away"]
    return make_handwriting(2, level="line", texts=texts, height=120, random_state=0).images


def normalize(image, **params):
    return LineNormalizer(HEIGHT, **params).fit_transform([image])[0]


def assert_alike(one, other, most=0.05):
    """Assert that two images show the same line, within a pixel or two of shift."""
    assert abs(one.shape[1] - other.shape[1]) <= 0.04 * one.shape[1]
    other = cv2.resize(other, one.shape[::-1])
    one, other = (cv2.GaussianBlur(image, (0, 0), 2).astype(float) for image in (one, other))
    assert np.abs(one - other).mean() / 255 < most


def test_height_tones_and_type(lines):
    for image in LineNormalizer(HEIGHT).fit_transform(list(lines)):
        assert image.shape[0] == HEIGHT and image.dtype == np.uint8
        assert np.median(image) == 255 and image.min() < 60


def uneven_light(image):
    return (image * np.linspace(1, 0.45, image.shape[1])).astype(np.uint8)


def shadow(image):
    light = np.where(np.arange(image.shape[1]) < 0.7 * image.shape[1], 0.4, 1.0)
    return (image * cv2.GaussianBlur(light[np.newaxis], (0, 0), 20)).astype(np.uint8)


def faint_ink(image):
    return (140 + image * (40 / 255)).astype(np.uint8)


def dark_edges(image):
    changed = image.copy()
    changed[:5], changed[-5:], changed[:, :5] = 20, 20, 20
    return changed


def inverted(image):
    return 255 - image


def halved(image):
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)


def with_margins(image):
    return cv2.copyMakeBorder(image, 30, 20, 60, 90, cv2.BORDER_CONSTANT, value=255)


def ruled(image):
    changed = image.copy()
    row = int(0.7 * len(image))
    changed[row : row + 2] = np.minimum(changed[row : row + 2], 150)
    return changed


def as_floats(image):
    return image.astype(np.float32) / 255


@pytest.mark.parametrize(
    "change",
    [
        uneven_light,
        shadow,
        faint_ink,
        dark_edges,
        inverted,
        halved,
        with_margins,
        ruled,
        as_floats,
    ],
)
def test_paper_light_and_resolution_do_not_matter(lines, change):
    for image in lines:
        assert_alike(normalize(image), normalize(change(image)))


@pytest.mark.parametrize(
    "change", [uneven_light, shadow, faint_ink, dark_edges, inverted, ruled, as_floats]
)
def test_cleaner_gives_ink_on_white_paper(lines, change):
    for image in lines:
        known = LineCleaner().fit_transform([image])[0]
        clean = LineCleaner().fit_transform([change(image)])[0]
        assert clean.shape == image.shape and clean.dtype == np.uint8
        assert (clean[known == 255] > 200).mean() > 0.985
        ink = known < 100
        assert np.median(clean[ink]) < (220 if change is faint_ink else 100)


def test_ruled_lines_can_be_kept(lines):
    removed, kept = (normalize(ruled(lines[0]), remove_rules=value) for value in (True, False))
    rows = [(image < 220).mean(axis=1) for image in (removed, kept)]
    assert rows[0].max() < 0.7 and rows[1].max() > 0.9


def test_cleaner_keeps_strokes_on_ruled_lines(lines):
    image = lines[0].copy()
    row = int((image < 128).sum(axis=1).argmax())  # through the words
    band = lines[0][row - 4 : row + 6]
    strokes, paper = (band < 100).all(axis=0), (band > 240).all(axis=0)
    assert strokes.sum() > 20 and paper.sum() > 200
    image[row : row + 2] = np.minimum(image[row : row + 2], 120)
    clean = LineCleaner().fit_transform([image])[0]
    assert (clean[row, strokes] < 150).all()
    assert (clean[row, paper] > 240).mean() > 0.95


def test_cleaner_keeps_what_is_short(lines):
    """A dash, and the bar of a t, are shorter than 1.5 heights."""
    image = np.full((60, 300), 255, np.uint8)
    image[30:33, 100:180] = 0
    assert np.array_equal(LineCleaner().fit_transform([image])[0] < 128, image < 128)
    tight = lines[0][:, :90]
    tight = tight[np.ix_((tight < 128).any(axis=1), (tight < 128).any(axis=0))]
    clean = LineCleaner().fit_transform([tight])[0]
    assert ((clean < 128) == (tight < 128)).mean() > 0.98


def test_cleaner_bounds():
    assert (LineCleaner().fit_transform([np.full((60, 200), 128, np.uint8)])[0] == 255).all()
    for shape in [(1, 50), (3, 3), (50, 1), (4, 4)]:
        image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
        assert LineCleaner().fit_transform([image])[0].shape == shape


@pytest.mark.parametrize("angle", [-5, 4])
def test_skew_is_corrected(lines, angle):
    image = cv2.copyMakeBorder(lines[0], 80, 80, 20, 20, cv2.BORDER_CONSTANT, value=255)
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), angle, 1)
    rotated = cv2.warpAffine(image, matrix, (width, height), borderValue=255)
    assert_alike(normalize(image), normalize(rotated), 0.07)


def test_slant_is_corrected(lines):
    image = lines[0]
    height, width = image.shape
    matrix = np.array([[1, -0.5, 0.5 * height], [0, 1, 0]])
    slanted = cv2.warpAffine(image, matrix, (width + height // 2, height), borderValue=255)
    assert_alike(normalize(image), normalize(slanted), 0.07)
    unchanged = normalize(slanted, max_shear=0)
    assert unchanged.shape[1] > normalize(slanted).shape[1]


def test_dense_writing_is_widened(lines):
    narrow = normalize(lines[0])
    spacing = normalize(lines[0], stroke_spacing=100.0)
    assert 1.5 < spacing.shape[1] / narrow.shape[1] < 1.65
    assert normalize(lines[0], stroke_spacing=1.0).shape == narrow.shape


def test_width_is_bounded(lines):
    assert normalize(lines[0], max_aspect=2.0).shape == (HEIGHT, 2 * HEIGHT)


@pytest.mark.parametrize("tone", [0, 128, 255])
def test_blank_image_stays_blank(tone):
    assert (normalize(np.full((60, 200), tone, np.uint8)) == 255).all()


@pytest.mark.parametrize("shape", [(1, 50), (3, 3), (50, 1), (4, 4)])
def test_tiny_images(shape):
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert normalize(image).shape[0] == HEIGHT


def test_paper_texture_is_no_ink():
    rng = np.random.default_rng(0)
    noise = np.clip(200 + rng.normal(0, 4, (80, 500)), 0, 255).astype(np.uint8)
    assert (normalize(noise) == 255).mean() > 0.99


def test_polarity(lines):
    kept = normalize(255 - lines[0], polarity="keep")
    assert not np.array_equal(kept, normalize(lines[0]))
    assert np.array_equal(normalize(255 - lines[0], polarity="invert"), normalize(lines[0]))


def test_repeats_exactly(lines):
    transformer = LineNormalizer(HEIGHT, stroke_spacing=13.0)
    first = transformer.fit_transform(list(lines))
    again = clone(transformer).fit_transform(list(lines))
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize("params", [{"height": 2}, {"max_angle": 45.0}, {"polarity": "dark"}])
def test_bad_parameters(params):
    with pytest.raises(ValueError, match=next(iter(params))):
        LineNormalizer(**params).fit([np.zeros((40, 40), np.uint8)])
