"""StrokeRasterizer and StrokeNormalizer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from hwsk.preprocessing import StrokeNormalizer, StrokeRasterizer

CROSS = np.array([[0, 0, 0], [30, 30, 1], [-30, 0, 0], [30, -30, 1]], np.float32)


def from_points(points, pen_up=None):
    """Offsets of absolute points, the pen lifted at the end or as given."""
    points = np.asarray(points, float)
    pen = np.zeros(len(points)) if pen_up is None else np.asarray(pen_up)
    pen[-1] = 1
    return np.column_stack([np.diff(points, axis=0, prepend=points[:1]), pen]).astype(np.float32)


def draw(strokes, **parameters):
    return StrokeRasterizer(**parameters).fit_transform([strokes])[0]


def ink_box(image):
    rows, columns = np.nonzero(image < 128)
    return rows.min(), rows.max() + 1, columns.min(), columns.max() + 1


@pytest.mark.parametrize("height", [16, 40, 64, 100])
@pytest.mark.parametrize("margin", [0, 2, 5])
def test_ink_fills_the_height_between_the_margins(height, margin):
    image = draw(CROSS, height=height, margin=margin, pen_width=2)
    assert image.dtype == np.uint8
    assert image.shape == (height, height)  # the cross is as wide as high
    top, bottom, left, right = ink_box(image)
    assert abs(top - margin) <= 1
    assert abs(bottom - (height - margin)) <= 1
    assert abs(left - margin) <= 1
    assert abs(right - (height - margin)) <= 1


def test_aspect_is_kept():
    wide = from_points([[0, 0], [300, 100], [600, 0]])
    image = draw(wide, height=60, margin=5, pen_width=2)
    assert abs((image.shape[1] - 12) - 6 * (60 - 12)) <= 2


def test_y_points_down_and_the_pen_is_lifted():
    image = draw(from_points([[0, 0], [0, 50], [50, 50]]), height=64)  # an L
    assert image[:, :12].min(axis=1)[8:56].max() < 128, "the upright stands on the left"
    assert image[56:].min() == 0
    assert image[10:40, 20:].min() == 255
    two = from_points([[0, 0], [0, 50], [50, 0], [50, 50]], [0, 1, 0, 1])
    assert draw(two, height=64)[:, 20:44].min() == 255, "nothing between the two uprights"


def test_pen_width_ink_and_antialiasing():
    upright = from_points([[0, 0], [0, 50]])
    widths = []
    for width in (1, 2, 3.5, 6):
        row = draw(upright, height=64, pen_width=width, ink_level=40)[32].astype(float)
        widths.append(((255 - row) / 215).sum())
    np.testing.assert_allclose(widths, [1, 2, 3.5, 6], atol=0.3)
    assert draw(upright, ink_level=40).min() == 40
    assert len(np.unique(draw(CROSS))) > 8


@pytest.mark.parametrize(
    "strokes",
    [
        [[0, 0, 1]],
        [[0, 0, 0]],
        [[7, -3, 1]],
        [[0, 0, 0], [0, 0, 0], [0, 0, 1]],
        [[1e30, -1e30, 1]],
    ],
)
def test_a_dot_is_drawn_as_a_dot(strokes):
    image = draw(np.array(strokes), height=40, pen_width=4, margin=3)
    assert image.shape == (40, 10)
    top, bottom, left, right = ink_box(image)
    assert 3 <= bottom - top <= 5
    assert 3 <= right - left <= 5
    assert abs((top + bottom) / 2 - 20) <= 1


def test_dots_among_other_strokes_are_kept():
    i = from_points([[0, 20], [0, 60], [0, 0]], [0, 1, 1])
    image = draw(i, height=64, margin=4)
    top, bottom, _, _ = ink_box(image)
    assert top <= 5
    assert bottom >= 59
    assert image[12:18].min() == 255


def test_ink_without_height_is_not_blown_up():
    image = draw(from_points([[0, 0], [1000, 0]]), height=32, margin=2, pen_width=2)
    assert image.shape[0] == 32
    assert image.shape[1] <= 100 * 32
    top, bottom, _, _ = ink_box(image)
    assert bottom - top <= 3


def test_far_points_are_left_out():
    t = np.linspace(0, 30, 400)
    line = np.column_stack([t * 20, 40 * np.sin(t * 3)])
    clean = draw(from_points(line))
    line[200] += 5000, -90000
    spoilt = draw(from_points(line))
    assert clean.shape == spoilt.shape
    assert np.mean(clean != spoilt) < 0.02


def test_a_hundred_thousand_points():
    t = np.linspace(0, 500, 100_000)
    image = draw(from_points(np.column_stack([t * 20, 40 * np.sin(t * 3)])))
    assert image.shape[0] == 64
    assert image.min() == 0


def test_hardly_any_height():
    assert draw(CROSS, height=1).shape[0] == 1
    assert draw(CROSS, height=8, margin=10, pen_width=20).shape[0] == 8


@settings(max_examples=60, deadline=None)
@given(
    arrays(np.float32, st.tuples(st.integers(1, 30), st.just(2)),
           elements=st.floats(-1e6, 1e6, width=32)),
    st.integers(1, 80),
    st.integers(0, 2**30),
)  # fmt: skip
def test_any_finite_strokes_make_an_image_of_the_height(offsets, height, seed):
    pen = np.random.default_rng(seed).integers(0, 2, len(offsets))
    image = draw(np.column_stack([offsets, pen]), height=height)
    assert image.shape[0] == height
    assert image.shape[1] <= 101 * height + 16
    assert image.min() < 255


@pytest.mark.parametrize("estimator", [StrokeRasterizer(), StrokeNormalizer()])
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (np.zeros((4, 2)), r"row 1 have shape \(4, 2\)"),
        (np.zeros(3), r"row 1 have shape \(3,\)"),
        (np.zeros((0, 3)), "row 1 are empty"),
        ([[0, 0, 0], [1, np.nan, 0]], "row 1 hold NaN or infinity, first at point 1"),
        ([[np.inf, 0, 0]], "row 1 hold NaN or infinity, first at point 0"),
        ([[0, 0, 0], [0, 0, 0.5]], "row 1 have pen_up = 0.5 at point 1"),
        ([["a", "b", "c"]], "row 1 are not an array of numbers"),
    ],
)
def test_bad_strokes_are_named(estimator, bad, message):
    with pytest.raises(ValueError, match=message):
        estimator.fit([CROSS, bad])


@pytest.mark.parametrize("estimator", [StrokeRasterizer(), StrokeNormalizer()])
def test_no_strokes(estimator):
    with pytest.raises(ValueError, match="holds no strokes"):
        estimator.fit([])
    with pytest.raises(ValueError, match="holds no strokes"):
        estimator.fit(np.empty((0, 5, 3)))


@pytest.mark.parametrize("X", [None, "strokes.xml", {"strokes": [CROSS]}, iter([CROSS])])
def test_what_is_no_collection_of_strokes(X):
    with pytest.raises(TypeError, match="strokes are a list of arrays"):
        StrokeRasterizer().fit(X)
    with pytest.raises(ValueError, match=r"row 0 have shape \(\)"):
        StrokeRasterizer().fit([None])


def test_one_array_of_equal_strokes_is_taken():
    stacked = np.stack([CROSS, CROSS])
    images = StrokeRasterizer().fit_transform(stacked)
    assert images.dtype == object
    np.testing.assert_array_equal(images[0], draw(CROSS))


def random_strokes(n=20, seed=0):
    rng = np.random.default_rng(seed)
    return [
        np.column_stack([rng.normal([3, -1], [8, 2], (t, 2)), rng.integers(0, 2, t)]).astype("f4")
        for t in rng.integers(1, 60, n)
    ]


@pytest.mark.parametrize("with_mean", [True, False])
@pytest.mark.parametrize("per_axis", [True, False])
def test_normalizer_round_trip(with_mean, per_axis):
    strokes = random_strokes()
    normalizer = StrokeNormalizer(with_mean=with_mean, per_axis=per_axis)
    normal = normalizer.fit_transform(strokes)
    back = normalizer.inverse_transform(normal)
    for a, b, c in zip(strokes, normal, back, strict=True):
        assert b.dtype == c.dtype == np.float32
        np.testing.assert_array_equal(a[:, 2], b[:, 2])
        np.testing.assert_allclose(a, c, atol=1e-5)
    offsets = np.concatenate([sample[:, :2] for sample in normal])
    if with_mean:
        np.testing.assert_allclose(offsets.mean(axis=0), 0, atol=1e-5)
    else:
        np.testing.assert_array_equal(normalizer.mean_, 0)
    if per_axis:
        np.testing.assert_allclose(offsets.std(axis=0), 1, rtol=1e-5)
    else:
        assert normalizer.scale_[0] == normalizer.scale_[1]
        np.testing.assert_allclose(offsets.var(axis=0).mean(), 1, rtol=1e-5)


def test_normalizer_learns_from_the_training_set_only():
    train, test = random_strokes(seed=1), random_strokes(n=2, seed=2)
    normalizer = StrokeNormalizer().fit(train)
    expected = (test[0][:, :2] - normalizer.mean_) / normalizer.scale_
    np.testing.assert_allclose(normalizer.transform(test)[0][:, :2], expected, rtol=1e-5)
    with pytest.raises(NotFittedError):
        StrokeNormalizer().transform(test)


def test_normalizer_of_ink_that_never_moves():
    dot = [np.array([[0, 0, 1]])]
    np.testing.assert_array_equal(StrokeNormalizer().fit_transform(dot)[0], dot[0])


def test_normalizer_then_rasterizer_in_a_pipeline():
    strokes = random_strokes(n=4)
    joint = make_pipeline(StrokeNormalizer(with_mean=False, per_axis=False), StrokeRasterizer())
    plain = StrokeRasterizer().fit_transform(strokes)
    for a, b in zip(joint.fit_transform(strokes), plain, strict=True):
        assert abs(a.shape[1] - b.shape[1]) <= 1, "one scale for both axes changes no picture"
