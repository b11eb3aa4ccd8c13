"""The image transformers: what they do to ink, to containers, and to what is hardly an image."""

import cv2
import joblib
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import config_context
from sklearn.base import clone
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
from sklearn.utils.estimator_checks import check_estimator

from hwsk._data.images import LazyImages
from hwsk.preprocessing import (
    Binarizer,
    CharacterNormalizer,
    Deskewer,
    Deslanter,
    Grayscale,
    HeightNormalizer,
    InkCropper,
)
from hwsk.preprocessing._image_transformer import paper_color, warp_affine

TRANSFORMERS = [
    Grayscale(),
    Grayscale("invert"),
    Binarizer(),
    Binarizer("sauvola", window=5),
    Deskewer(),
    Deslanter(),
    HeightNormalizer(8),
    HeightNormalizer(8, method="moments"),
    HeightNormalizer(8, stroke_spacing=13.0),
    InkCropper(),
    CharacterNormalizer(),
    CharacterNormalizer(12, margin=1, blur=0, ink="dark", stroke_width=None),
]
each_transformer = pytest.mark.parametrize("transformer", TRANSFORMERS, ids=repr)


def one(transformer, image):
    return transformer.fit_transform([image])[0]


def writing(height=60, width=300, shear=0.0, slope=0.0):
    """Upright strokes on a line, black on white, sheared and then tilted."""
    image = np.full((height, width), 255, np.uint8)
    for x in range(60, width - 60, 18):
        tall = 30 if x % 4 else 18
        cv2.line(image, (x, height - 15), (x, height - 15 - tall), 0, 2)
    cv2.line(image, (60, height - 15), (width - 60, height - 15), 0, 2)
    linear = np.array([[1, 0], [slope, 1]]) @ [[1, -shear], [0, 1]]
    centre = np.array([width / 2, height / 2])
    matrix = np.column_stack([linear, centre - linear @ centre + [0, 20]])
    return warp_affine(image, matrix, (width, height + 40))


def total_ink(image):
    return float(np.sum(255.0 - image))


def scanned(image, rng, paper=210, ink=60):
    """As a poor scanner gives `image`: blurred, grey, grainy."""
    soft = cv2.GaussianBlur(image, (0, 0), 0.8) / 255.0
    gray = ink + (paper - ink) * soft + rng.normal(0, 5, image.shape)
    return np.clip(np.rint(gray), 0, 255).astype(np.uint8)


@each_transformer
@pytest.mark.filterwarnings("ignore")
def test_sklearn_contract(transformer):
    check_estimator(transformer, on_skip=None, on_fail="raise")


# -- what they do


def test_grayscale_finds_the_polarity(rng):
    dark_on_light = scanned(writing(), rng)
    light_on_dark = 255 - dark_on_light
    for image in (dark_on_light, light_on_dark):
        np.testing.assert_array_equal(one(Grayscale(), image), dark_on_light)
    np.testing.assert_array_equal(one(Grayscale("keep"), light_on_dark), light_on_dark)
    np.testing.assert_array_equal(one(Grayscale("invert"), dark_on_light), light_on_dark)


def test_grayscale_on_floats_and_blanks():
    image = writing() / np.float32(255)
    np.testing.assert_allclose(one(Grayscale(), 1 - image), image, atol=1e-6)
    assert one(Grayscale(), np.full((9, 9), 30, np.uint8)).min() == 225
    assert one(Grayscale(), np.full((9, 9), 200, np.uint8)).min() == 200


def test_grayscale_colour_and_16_bits():
    blue = np.full((4, 6, 3), 255, np.uint8)
    blue[1, 2] = 0, 0, 200
    seen = np.dstack([np.zeros((4, 6, 3), np.uint8), np.full((4, 6), 255, np.uint8)])
    seen[0, :, 3] = 0  # transparent: paper, whatever colour lies there
    deep = np.full((4, 6), 65535, np.uint16)
    deep[0, 0] = 0
    gray, ink, shallow = Grayscale("keep").fit_transform([blue, seen, deep])
    assert gray[1, 2] == round(0.114 * 200) and gray[0, 0] == 255
    assert ink[0].min() == 255 and ink[1:].max() == 0
    assert shallow.dtype == np.uint8 and shallow[0, 0] == 0 and shallow[1, 1] == 255


@pytest.mark.parametrize("method", ["otsu", "sauvola"])
def test_binarizer_recovers_ink_from_a_scan(method, rng):
    image = np.where(writing() < 128, 0, 255)
    found = one(Binarizer(method), scanned(image.astype(np.uint8), rng))
    assert found.dtype == np.uint8 and set(np.unique(found)) == {0, 255}
    assert np.mean(found != image) < 0.02


def test_sauvola_bears_uneven_light(rng):
    image = np.where(writing() < 128, 0, 255).astype(np.uint8)
    light = np.linspace(0.3, 1, image.shape[1])
    uneven = (scanned(image, rng, paper=240) * light).astype(np.uint8)
    wrong = {name: np.mean(one(Binarizer(name), uneven) != image) for name in ("otsu", "sauvola")}
    assert wrong["sauvola"] < 0.03 < wrong["otsu"]


@pytest.mark.parametrize("method", ["otsu", "sauvola"])
@pytest.mark.parametrize("tone", [0, 12, 128, 250, 255])
def test_binarizer_leaves_blank_paper_blank(method, tone, rng):
    paper = np.clip(tone + rng.normal(0, 6, (40, 90)), 0, 255).astype(np.uint8)
    assert one(Binarizer(method), paper).min() == 255
    assert one(Binarizer(method), np.full((40, 90), tone, np.uint8)).min() == 255


@pytest.mark.parametrize("slope", [-0.12, -0.03, 0.0, 0.05, 0.15])
def test_deskewer_levels_the_line(slope):
    image = one(Deskewer(), writing(slope=slope))
    line = [np.flatnonzero(column < 128).max() for column in image.T if column.min() < 128]
    assert abs(np.polyfit(np.arange(len(line)), line, 1)[0]) < 0.006
    assert image.min() < 60  # nothing cut off or washed out
    assert total_ink(image) == pytest.approx(total_ink(writing(slope=slope)), rel=0.02)


@pytest.mark.parametrize("shear", [-0.6, -0.2, 0.0, 0.4, 0.9])
def test_deslanter_makes_strokes_upright(shear):
    image = writing(shear=shear)
    upright = one(Deslanter(), image)
    widths = np.diff(np.flatnonzero(np.diff((upright[:60] < 128).any(axis=0).astype(int))))[::2]
    assert widths.max() <= 5
    assert total_ink(upright) == pytest.approx(total_ink(image), rel=0.02)


def test_limits_are_kept():
    for still in (Deskewer(0), Deslanter(0)):
        image = writing(shear=0.3, slope=0.1)
        np.testing.assert_array_equal(one(still, image), image)
    slanted = writing(shear=0.8)
    grows = one(Deslanter(0.2), slanted).shape[1] - slanted.shape[1]
    assert grows <= 0.2 * slanted.shape[0] + 1


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((20, 50), (40, 100)),
        ((80, 50), (40, 25)),
        ((40, 7), (40, 7)),
        ((1000, 1), (40, 1)),
        ((1, 10_000), (40, 4000)),
        ((1, 1), (40, 40)),
    ],
)
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_height_normalizer_keeps_aspect(shape, expected, dtype):
    image = one(HeightNormalizer(40), np.ones(shape, dtype))
    assert image.shape == expected and image.dtype == dtype and (image == 1).all()


def test_height_normalizer_keeps_thin_strokes():
    image = np.full((160, 40), 255, np.uint8)
    image[:, 20] = 0
    assert 180 < one(HeightNormalizer(40), image).min(axis=1).max() < 200  # a quarter of black


def test_a_full_stop_does_not_become_a_letter():
    stop = np.full((8, 10), 250, np.uint8)
    stop[2:6, 3:7] = 0
    image = one(HeightNormalizer(40, min_height=64), stop)
    assert image.shape == (40, round(10 * 40 / 64))
    assert (image < 128).sum() <= 9 and image[0].min() == image[-1].min() == 250
    assert one(HeightNormalizer(40), stop).shape == (40, 50)
    tall = np.full((80, 100), 255, np.uint8)
    assert one(HeightNormalizer(40, min_height=64), tall).shape == (40, 50)


def test_moments_make_writing_one_size(rng):
    """Margins and paper don't change the size of letters, and an ascender changes it little."""
    letters = np.full((80, 400), 255, np.uint8)
    for x in range(50, 350, 12):
        cv2.line(letters, (x, 40), (x, 60), 0, 3)
    tall = letters.copy()
    cv2.line(tall, (80, 5), (80, 60), 0, 3)
    normalizer = HeightNormalizer(40, method="moments")
    variants = [letters, letters[25:75], np.pad(letters, ((9, 0), (0, 0)), "edge")]
    sizes = [one(normalizer, image).shape for image in [*variants, scanned(letters, rng)]]
    assert {height for height, _ in sizes} == {40}
    assert np.ptp([width for _, width in sizes]) <= 0.04 * sizes[0][1]
    assert one(normalizer, tall).shape[1] > 0.6 * sizes[0][1]
    blank = np.full((30, 60), 200, np.uint8)
    np.testing.assert_array_equal(one(normalizer, blank), np.full((40, 80), 200))


def test_stroke_spacing_widens_dense_writing_alone():
    def strokes(spacing):
        image = np.full((40, 400), 255, np.uint8)
        image[10:30, 20:380:spacing] = image[10:30, 21:380:spacing] = 0
        return image

    normalizer = HeightNormalizer(40, stroke_spacing=15.0)
    widths = {gap: one(normalizer, strokes(gap)).shape[1] for gap in (6, 12, 20)}
    assert widths[20] == 400  # room enough
    assert abs(widths[12] / 400 - 15 / 12) < 0.15  # the margins count as room, too
    assert widths[6] == 640  # not more than 1.6 times
    assert one(normalizer, strokes(400)).shape == (40, 400)
    blank = np.full((20, 60), 255, np.uint8)
    assert one(normalizer, blank).shape == (40, 120)


def test_ink_cropper_ignores_specks():
    image = np.full((100, 300), 255, np.uint8)
    image[40:60, 100:200] = 0
    image[3:5, 3:5] = image[90, 290] = 0
    assert one(InkCropper(margin=0), image).shape == (20, 100)
    assert one(InkCropper(margin=7), image).shape == (34, 114)
    assert one(InkCropper(margin=7, speck=0), image).shape == (98, 298)
    assert one(InkCropper(margin=0.2), image).shape == (28, 108)
    assert one(InkCropper(margin=1000), image).shape == image.shape


def letter(scale=1, pen=6, width=60):
    """A T with a short foot, dark on light, off the centre."""
    image = np.full((140 * scale, 150 * scale), 255, np.uint8)
    for start, end in [((20, 30), (20 + width, 30)), ((50, 30), (50, 110)), ((50, 110), (60, 110))]:
        cv2.line(image, [scale * x for x in start], [scale * x for x in end], 0, pen * scale)
    return image


def extent(image, level=0):
    rows, columns = (np.flatnonzero((image > level).any(axis=axis)) for axis in (1, 0))
    return rows[0], rows[-1], columns[0], columns[-1]


def test_character_fills_the_square_and_is_centred():
    image = one(CharacterNormalizer(), letter())
    assert image.shape == (28, 28) and image.dtype == np.uint8
    assert image.min() == 0 and image.max() == 255
    top, bottom, left, right = extent(image, 10)
    assert (top, bottom) == (2, 25) and abs(left + right - 27) <= 1
    assert 0.6 < (right - left) / (bottom - top) < 0.9  # 66 to 86, and the soft edges
    image = one(CharacterNormalizer(margin=5), letter(width=120))
    top, bottom, left, right = extent(image, 10)
    assert (left, right) == (5, 22) and abs(top + bottom - 27) <= 1


def test_character_is_the_same_at_any_resolution(rng):
    small = one(CharacterNormalizer(), letter())
    for image in (
        letter(4),
        cv2.resize(letter(), None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA),
        np.pad(letter(), ((0, 70), (90, 0)), constant_values=255),
        scanned(letter(), rng),
        letter() / np.float32(255),
    ):
        same = one(CharacterNormalizer(), image)
        assert np.abs(same.astype(float) - small).mean() < 6


def test_character_of_a_photograph(rng):
    light = np.linspace(0.3, 1, 150) * np.linspace(0.7, 1, 140)[:, np.newaxis]
    photo = (scanned(letter(), rng, paper=240) * light).astype(np.uint8)
    read = one(make_pipeline(Binarizer("sauvola"), CharacterNormalizer()), photo)
    assert np.abs(read - one(CharacterNormalizer(), letter()).astype(float)).mean() < 3


def test_fine_pens_are_widened():
    def width(image):  # of the upright stroke, by its ink
        return np.median(image[10:20].sum(axis=1)) / 255

    plain = CharacterNormalizer(stroke_width=None)
    fine, broad = letter(pen=2), letter(pen=16)
    assert width(one(plain, fine)) < 1.6
    assert width(one(CharacterNormalizer(), fine)) == pytest.approx(3, abs=0.6)
    assert extent(one(CharacterNormalizer(), fine), 10)[:2] == (2, 25)
    np.testing.assert_array_equal(one(plain, broad), one(CharacterNormalizer(), broad))


def test_character_sharpness_polarity_and_specks():
    image = letter()
    light, dark = (one(CharacterNormalizer(ink=ink), image) for ink in ("light", "dark"))
    np.testing.assert_array_equal(255 - dark, light)
    step = [
        np.abs(np.diff(one(CharacterNormalizer(blur=blur), image).astype(int))).max()
        for blur in (0, 1, 3)
    ]
    assert step[0] > step[1] > step[2]
    image[5, 5] = image[130, 140] = 0
    np.testing.assert_array_equal(one(CharacterNormalizer(), image), light)


def test_blank_characters_are_counted():
    blank = np.full((40, 30), 250, np.uint8)
    for ink, paper in [("light", 0), ("dark", 255)]:
        said = "2 of 3 images hold no ink: blank in the output, rows 0, 2$"
        with pytest.warns(UserWarning, match=said) as found:
            images = CharacterNormalizer(ink=ink).transform([blank, letter(), blank / 255])
        assert found[0].filename == __file__
        assert (images[[0, 2]] == paper).all() and (images[1] != paper).any()


@pytest.mark.parametrize("params", [{"margin": 14}, {"size": 6}, {"margin": 9, "blur": 12}])
def test_no_room_for_a_character(params):
    normalizer = CharacterNormalizer(**params)
    for method in (normalizer.fit, normalizer.transform):
        with pytest.raises(ValueError, match=r"size=\d+ leaves no room for a character: "):
            method([letter()])


def test_scan_and_bilevel_crop_come_out_alike(rng):
    bilevel = np.where(writing() < 128, 0, 255).astype(np.uint8)
    larger = cv2.resize(bilevel, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    pipeline = make_pipeline(Grayscale(), Binarizer(), InkCropper(0.05), HeightNormalizer(40))
    a, b = pipeline.fit_transform([bilevel, np.pad(scanned(larger, rng), 9, mode="edge")])
    width = min(a.shape[1], b.shape[1])
    assert abs(a.shape[1] - b.shape[1]) < 0.05 * width
    assert a.mean() == pytest.approx(b.mean(), rel=0.05)


# -- containers


@each_transformer
def test_containers(transformer):
    stack = np.stack([writing(), writing(shear=0.3)])
    from_stack = transformer.fit_transform(stack)
    from_list = transformer.fit_transform(list(stack))
    if isinstance(transformer, CharacterNormalizer):
        assert from_list.shape == (2, transformer.size, transformer.size)
    else:
        assert from_list.dtype == object and from_list.shape == (2,)
    for a, b in zip(from_stack, from_list, strict=True):
        np.testing.assert_array_equal(a, b)
    if not isinstance(transformer, (Deskewer, Deslanter, InkCropper)):
        assert from_stack.ndim == 3
    np.testing.assert_array_equal(
        transformer.fit_transform(stack[..., np.newaxis])[0], from_list[0]
    )


@each_transformer
def test_paths_stay_lazy(transformer, tmp_path):
    paths = [str(tmp_path / f"{i}.png") for i in range(3)]
    images = [writing(shear=0.1 * i) for i in range(3)]
    for path, image in zip(paths[:2], images, strict=False):
        cv2.imwrite(path, image)
    lazy = transformer.fit(paths).transform(paths)  # the last does not exist, and isn't missed yet
    assert isinstance(lazy, LazyImages) and len(lazy) == 3
    np.testing.assert_array_equal(lazy[1], one(transformer, images[1]))
    with pytest.raises(FileNotFoundError, match=r"2\.png"):
        lazy[2]
    again = transformer.transform(lazy[:2])
    assert isinstance(again, LazyImages)
    np.testing.assert_array_equal(again[0], one(transformer, one(transformer, images[0])))


def test_lazy_images_keep_the_parameters_of_their_transform(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), writing())
    transformer = HeightNormalizer(20)
    lazy = transformer.fit_transform([tmp_path / "a.png"])
    transformer.set_params(height=30)
    assert lazy[0].shape[0] == 20
    joblib.dump(lazy, tmp_path / "lazy.joblib")
    assert joblib.load(tmp_path / "lazy.joblib")[0].shape[0] == 20


def test_table_gives_table():
    table = np.random.default_rng(0).random((5, 12))
    assert Binarizer().fit_transform(table).shape == (5, 12)
    assert InkCropper().fit_transform(table).shape == (5, 12)
    assert HeightNormalizer(4).fit_transform(table).shape == (5, 4 * 48)
    assert CharacterNormalizer(10).fit_transform(table).shape == (5, 100)


# -- what is hardly an image


@each_transformer
@pytest.mark.filterwarnings("ignore:.*holds? no ink")
def test_tiny_and_blank(transformer):
    shapes = [(1, 1), (1, 9), (9, 1), (2, 2)]
    blanks = [np.full(shape, tone, np.uint8) for shape in shapes for tone in (0, 255)]
    for image in transformer.fit_transform(blanks):
        assert image.ndim == 2 and image.size


@each_transformer
def test_bad_images_are_named(transformer):
    bad = np.ones((3, 4))
    bad[1, 2] = np.nan
    with pytest.raises(ValueError, match="image 1 holds NaN or infinity, first at row 1, column 2"):
        transformer.fit_transform([np.ones((3, 4)), bad])
    with pytest.raises(ValueError, match="image 0 has no pixels"):
        transformer.fit_transform([np.ones((0, 4))])
    with pytest.raises(ValueError, match="no image given"):
        transformer.fit_transform([])


def test_an_image_that_a_step_refuses_is_named():
    slanted = np.full((20, 40_000), 255, np.uint8)
    slanted[np.arange(400) % 20, np.arange(400)] = 0
    with pytest.raises(ValueError, match=r"image 1: an image of .* too large to be warped"):
        Deslanter().fit_transform([writing(), slanted])


@pytest.mark.parametrize(
    "transformer",
    [
        Grayscale("dark"),
        Binarizer("niblack"),
        Binarizer(window=0),
        Deskewer(90),
        Deslanter(-1),
        HeightNormalizer(0),
        HeightNormalizer(max_aspect=0),
        InkCropper(-1),
        CharacterNormalizer(0),
        CharacterNormalizer(blur=14.0),
        CharacterNormalizer(ink="white"),
    ],
    ids=repr,
)
def test_bad_parameters_are_named(transformer):
    for method in (transformer.fit, transformer.transform):
        with pytest.raises(ValueError, match=f"parameter of {type(transformer).__name__} must be"):
            method([writing()])


def test_too_wide_to_turn():
    image = np.full((3, 40_000), 255, np.uint8)
    image[1, 100:] = 0
    image[0, :100] = 0
    with pytest.raises(ValueError, match=r"3x40000 pixels .* too large to be warped"):
        warp_affine(image, np.eye(2, 3), (40_000, 3))


def test_strided_and_read_only_images():
    image = writing()[::-1, ::-2]
    image.setflags(write=False)
    for transformer in TRANSFORMERS:
        expected = one(transformer, np.array(image, order="C"))
        np.testing.assert_array_equal(one(transformer, image), expected)


def test_paper_color_is_the_tone_of_the_paper(rng):
    assert paper_color(scanned(writing(), rng)) == pytest.approx(210, abs=2)


IMAGES = hnp.arrays(
    st.sampled_from([np.uint8, np.bool_, np.uint16]), hnp.array_shapes(min_dims=2, max_dims=2)
) | hnp.arrays(
    st.sampled_from([np.float16, np.float32, np.float64]),
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.floats(0, 1, width=16),
)


@each_transformer
@pytest.mark.filterwarnings("ignore:.*holds? no ink")
@settings(max_examples=60, deadline=None)
@given(image=IMAGES)
def test_any_image(transformer, image):
    before = image.copy()
    result = one(clone(transformer), image)
    np.testing.assert_array_equal(image, before)
    assert result.ndim == 2 and result.size and np.isfinite(result).all()
    to_bytes = isinstance(transformer, (Binarizer, CharacterNormalizer))
    keeps_floats = image.dtype.kind == "f" and not to_bytes
    assert result.dtype == (np.float32 if keeps_floats else np.uint8)
    highest = 1 + 1e-6 if result.dtype == np.float32 else 255  # resizing rounds
    assert result.min() >= 0 and result.max() <= highest


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_images_are_no_columns_of_a_table():
    count = FunctionTransformer(lambda X: np.ones((len(X), 2)))
    steps = make_pipeline(Grayscale(), count, MinMaxScaler())
    with pytest.raises(ValueError, match=r"Grayscale gives images, which can't be a table; set"):
        steps.set_output(transform="pandas")
    assert (
        Grayscale().set_output(transform="default").transform([writing()])[0].shape
        == writing().shape
    )
    with pytest.raises(ValueError, match="Grayscale gives images, which are not columns"):
        Grayscale().get_feature_names_out()
    count.set_output(transform="default")
    with config_context(transform_output="pandas"):
        assert isinstance(steps.fit_transform([writing()]), pd.DataFrame)
        assert isinstance(Binarizer().fit_transform([writing()])[0], np.ndarray)
