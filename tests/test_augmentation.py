"""Augmentations: what they change, what they keep, and that the generator decides it wholly."""

import pickle

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone

from hwsk.preprocessing import augmentation
from hwsk.preprocessing.augmentation import (
    Compose,
    ElasticDistortion,
    RandomAffine,
    RandomBlur,
    RandomContrast,
    RandomMask,
    RandomMorphology,
    RandomNoise,
    character_augmentation,
    default_augmentation,
    writer_augmentation,
)

AUGMENTATIONS = [
    RandomAffine(),
    ElasticDistortion(),
    RandomMorphology(),
    RandomBlur(),
    RandomContrast(),
    RandomNoise(),
    RandomMask(),
    Compose([RandomBlur(), RandomNoise()], p=[0.5, 1]),
    RandomAffine(keep_size=True),
    character_augmentation(),
    default_augmentation(),
    writer_augmentation(),
]
IDENTITIES = [
    RandomAffine(0, 0, scale_x=(1, 1), scale_y=(1, 1), shift=0),
    ElasticDistortion(0),
    RandomMorphology(0, 0),
    RandomBlur(0),
    RandomContrast(0, 0),
    RandomNoise(0),
    RandomMask(0),
    RandomMask(width=0),
    Compose([]),
    Compose([RandomNoise(), RandomMask()], p=0),
    character_augmentation(0),
    default_augmentation(0),
    writer_augmentation(0),
]


def name(augment):
    return type(augment).__name__


each = pytest.mark.parametrize("augment", AUGMENTATIONS, ids=name)


@pytest.fixture
def line():
    image = np.full((40, 300), 255, np.uint8)
    cv2.putText(image, "hand writing", (15, 28), cv2.FONT_HERSHEY_SIMPLEX, 0.9, 0, 2, cv2.LINE_AA)
    return image


def many(augment, image, n=40):
    rng = np.random.default_rng(0)
    return [augment(image, rng) for _ in range(n)]


def test_all_public_classes_are_tested_here():
    tested = {name(augment) for augment in AUGMENTATIONS} | {
        "character_augmentation", "default_augmentation", "writer_augmentation",
        "RandomStrokeDistortion",  # in test_stroke_augmentation.py
    }  # fmt: skip
    assert tested == set(augmentation.__all__)


@each
def test_generator_decides_wholly(augment, line):
    np.random.seed(0)  # noqa: NPY002 - the global generator, which must not be touched
    before = line.copy()
    first, second = many(augment, line), many(clone(augment), line)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    assert len({image.tobytes() for image in first}) > 10  # afresh each time
    np.testing.assert_array_equal(line, before)
    assert np.random.rand() == 0.5488135039273248  # noqa: NPY002


@each
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32, np.float64])
def test_dtype_height_and_range_are_kept(augment, dtype, line):
    image = line if dtype == np.uint8 else (line / 255).astype(dtype)
    for changed in many(augment, image):
        assert changed.dtype == dtype
        assert changed.shape[0] == 40 and 150 <= changed.shape[1] <= 450
        assert changed.min() >= 0 and changed.max() <= (255 if dtype == np.uint8 else 1.001)


@pytest.mark.parametrize("augment", IDENTITIES, ids=name)
def test_nothing_asked_nothing_changed(augment, line):
    for image in (line, line / 255):
        for changed in many(augment, image, 5):
            np.testing.assert_array_equal(changed, image)


@each
def test_blank_paper_of_any_tone_stays_paper(augment):
    for tone in (255, 200):
        for changed in many(augment, np.full((30, 80), tone, np.uint8)):
            assert changed.min() >= tone - 60
            if not isinstance(augment, (RandomNoise, RandomContrast, Compose)):
                assert set(np.unique(changed)) == {tone}


@each
def test_like_an_estimator(augment, line):
    copy = pickle.loads(pickle.dumps(clone(augment)))
    assert repr(copy) == repr(augment)
    assert copy.set_params(**augment.get_params(deep=False)).get_params().keys()
    for a, b in zip(many(augment, line, 3), many(copy, line, 3), strict=True):
        np.testing.assert_array_equal(a, b)


@each
@settings(max_examples=40, deadline=None)
@given(
    image=hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30))
    | hnp.arrays(
        st.sampled_from([np.float16, np.float32, np.float64]),
        hnp.array_shapes(min_dims=2, max_dims=2, max_side=30),
        elements=st.floats(0, 1, width=16),
    ),
    seed=st.integers(0, 1000),
)
def test_any_image(augment, image, seed):
    changed = augment(image, np.random.default_rng(seed))
    assert changed.dtype == image.dtype and changed.shape[0] == image.shape[0] and changed.size
    assert np.isfinite(changed).all()


@each
@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 5, 3), np.uint8), "shape \\(4, 5, 3\\)"),
        (np.zeros((0, 5), np.uint8), "shape \\(0, 5\\)"),
        (np.zeros((4, 5), np.int64), "dtype int64"),
        (np.full((4, 5), np.nan), "NaN"),
    ],
)
def test_bad_images_are_named(augment, image, message):
    with pytest.raises(ValueError, match=message):
        augment(image, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("augment", "message"),
    [
        (RandomAffine(rotation=-1), "'rotation' parameter of RandomAffine"),
        (RandomAffine(scale_x=(2, 1)), "scale_x=\\(2, 1\\): should be"),
        (RandomAffine(scale_y=(0, 1)), "scale_y"),
        (RandomAffine(scale_y=(1, 1, 1)), "scale_y"),
        (ElasticDistortion(sigma=0), "'sigma' parameter"),
        (RandomContrast(fade=2), "'fade' parameter"),
        (RandomMask(1.5), "'n_strips' parameter"),
        (Compose([RandomBlur()], p=2), "'p' parameter"),
        (Compose([RandomBlur()], p=[1, 1]), "one for each of the 1 steps"),
        (Compose([RandomBlur()], p=[-1]), "one for each of the 1 steps"),
        (Compose(RandomBlur()), "'steps' parameter"),
    ],
)
def test_bad_parameters_are_named(augment, message, line):
    with pytest.raises(ValueError, match=message):
        augment(line, np.random.default_rng(0))


def test_steps_that_are_no_callables(line):
    with pytest.raises(TypeError, match="steps holds 'blur'"):
        Compose(["blur"])(line, np.random.default_rng(0))


@pytest.mark.parametrize("strength", [-1, np.nan, np.inf])
def test_bad_strength(strength):
    with pytest.raises(ValueError, match="strength="):
        default_augmentation(strength)


def test_too_wide_to_warp():
    image = np.full((2, 40_000), 255, np.uint8)
    for augment in (ElasticDistortion(), RandomAffine()):
        with pytest.raises(ValueError, match="too large to be warped"):
            augment(image, np.random.default_rng(0))


# -- what each does


def test_affine_scales_the_width(line):
    widths = [
        im.shape[1]
        for im in many(RandomAffine(0, 0, scale_x=(0.5, 2), scale_y=(1, 1), shift=0), line)
    ]
    assert 150 <= min(widths) < 200 and 450 < max(widths) <= 600
    assert abs(np.mean(np.log(widths)) - np.log(300)) < 0.2  # as often narrower as wider


def test_affine_moves_ink_and_keeps_it(line):
    ink = np.sum(255 - line.astype(int))
    for changed in many(RandomAffine(2, 0.5, scale_x=(1, 1), scale_y=(0.8, 0.8), shift=0.05), line):
        assert np.sum(255 - changed.astype(int)) == pytest.approx(0.8 * ink, rel=0.06)


def test_rotation_is_limited_in_wide_images():
    image = np.full((40, 1200), 255, np.uint8)
    image[19:21] = 0
    for changed in many(RandomAffine(5, 0, scale_x=(1, 1), scale_y=(1, 1), shift=0), image):
        rows = np.flatnonzero((changed < 128).any(axis=1))
        assert rows.min() >= 13 and rows.max() <= 26


def test_elastic_displaces_by_alpha():
    image = np.tile(np.arange(200, dtype=np.float32) / 200, (200, 1))  # the tone tells the column
    moved = np.stack(many(ElasticDistortion(2.0, 10), image, 8))[:, 20:-20, 20:-20]
    displacement = (moved - image[20:-20, 20:-20]) * 200
    assert 1.2 < displacement.std() < 2.5
    assert abs(displacement.mean()) < 0.3
    assert np.abs(np.diff(displacement, axis=1)).max() < 2  # neighbours move alike


def test_morphology_changes_the_width_of_the_pen():
    image = np.full((30, 60), 1.0)
    image[:, 20:24] = 0

    def pen(augment):
        return [np.sum(1 - changed[15]) for changed in many(augment, image)]

    thicker, thinner = pen(RandomMorphology(2, 0)), pen(RandomMorphology(0, 2))
    assert min(thicker) >= 4 and 5.5 < max(thicker) <= 6.001
    assert 1.999 <= min(thinner) < 2.5 and max(thinner) <= 4


def test_mask_wipes_strips():
    image = np.full((20, 100), 230, np.uint8)
    image[10] = 0
    wiped = [np.flatnonzero(changed[10] == 230) for changed in many(RandomMask(1, 0.5), image)]
    assert {len(columns) for columns in wiped} <= set(range(11))
    assert all(np.ptp(columns) < 10 for columns in wiped if len(columns))


def test_compose_takes_any_callable(line):
    calls = []

    def note(image, rng):
        calls.append(image.dtype)
        return image

    many(Compose([note, note], p=[1, 0.25]), line, 200)
    assert 230 <= len(calls) <= 270


def test_default_keeps_ink_on_the_paper(line):
    changed = many(default_augmentation(), line, 200)
    kept = [np.sum(255.0 - image) / np.sum(255.0 - line) for image in changed]
    assert min(kept) > 0.25 and max(kept) < 2.2 and 0.7 < np.median(kept) < 1.2


def test_stronger_is_further(line):
    def distance(strength):
        augment = Compose(default_augmentation(strength).steps[1:], p=1)  # the width stays
        return np.mean([np.abs(changed - line.astype(int)) for changed in many(augment, line)])

    assert 0 < distance(0.3) < distance(1) < distance(3)


@pytest.mark.parametrize("augment", [RandomAffine(keep_size=True), character_augmentation(2)])
def test_characters_keep_their_size_and_move_both_ways(augment):
    image = np.full((28, 20), 255, np.uint8)
    image[12:16, 8:12] = 0
    rows, columns = set(), set()
    for changed in many(augment, image):
        assert changed.shape == (28, 20)
        y, x = np.nonzero(changed < 128)
        rows.add(round(y.mean()))
        columns.add(round(x.mean()))
    assert len(rows) > 1 and len(columns) > 1


def test_parameters_changed_after_a_first_call_are_checked_again(line):
    augment = RandomBlur()
    augment(line, np.random.default_rng(0))
    with pytest.raises(ValueError, match="sigma"):
        augment.set_params(sigma=-1)(line, np.random.default_rng(0))


def test_some_patches_of_a_writer_stay_sharp(line):
    changed = many(writer_augmentation(), line, 200)
    same = np.mean([np.array_equal(image, line) for image in changed])
    assert 0.1 < same < 0.25  # 0.4 * 0.6 are not warped, and 0.7 of these keep their strokes
    assert {image.shape for image in changed} == {line.shape}


@pytest.mark.parametrize(
    "make", [character_augmentation, default_augmentation, writer_augmentation]
)
def test_strength_below_nought(make):
    with pytest.raises(ValueError, match="strength=-1: should be a number of at least 0"):
        make(-1)
