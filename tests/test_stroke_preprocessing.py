"""Strokes in, strokes out: slope, slant, noise, distances, jumps."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from hwsk.datasets import make_handwriting
from hwsk.preprocessing import (
    JumpCapper,
    StrokeDenoiser,
    StrokeDeskewer,
    StrokeDeslanter,
    StrokeNormalizer,
    StrokeRasterizer,
    StrokeResampler,
    rotate_strokes,
    shear_strokes,
)

TRANSFORMERS = [
    StrokeDeskewer(),
    StrokeDeslanter(),
    StrokeDenoiser(),
    StrokeDenoiser(smoothing=2.0),
    StrokeResampler(),
    JumpCapper(max_jump=0.5),
]
DOTS = [[[0, 0, 1]], [[7, -3, 0]], [[0, 0, 0], [0, 0, 0], [0, 0, 1]], [[5, 5, 1], [0, 0, 1]]]


@pytest.fixture(scope="module")
def lines():
    """Lines that are neither level nor upright."""
    return make_handwriting(
        6, n_writers=6, texts=["a stitch in time saves nine"], random_state=0
    ).strokes


def from_points(points, pen_up=None):
    """Offsets of absolute points, the pen lifted at the end or as given."""
    points = np.asarray(points, float)
    pen = np.zeros(len(points)) if pen_up is None else np.asarray(pen_up, float)
    pen[-1] = 1
    return np.column_stack([np.diff(points, axis=0, prepend=[[0, 0]]), pen]).astype(np.float32)


def to_points(sample):
    return np.cumsum(sample[:, :2], axis=0, dtype=float)


def stroke_ends(sample):
    """Where each stroke begins, and where it ends."""
    points = to_points(sample)
    lifted = np.flatnonzero(sample[:-1, 2])
    return points[np.r_[0, lifted + 1]], points[np.r_[lifted, len(points) - 1]]


def distance_to_path(points, path):
    """Of each point the distance to the nearest piece of a polyline, the greatest of all."""
    start, way = path[:-1], np.diff(path, axis=0)
    length = np.maximum((way**2).sum(axis=1), 1e-30)
    share = ((points[:, None] - start) * way).sum(axis=2) / length
    nearest = start + np.clip(share, 0, 1)[..., None] * way
    return np.linalg.norm(points[:, None] - nearest, axis=2).min(axis=1).max()


any_strokes = st.builds(
    lambda offsets, pen: np.column_stack([offsets, pen[: len(offsets)]]),
    arrays(
        np.float32,
        st.tuples(st.integers(1, 30), st.just(2)),
        elements=st.integers(-1000, 1000).map(float) | st.sampled_from([0.0, 0.5]),
    ),
    arrays(np.float32, 30, elements=st.sampled_from([0.0, 1.0])),
)


@pytest.mark.parametrize("estimator", TRANSFORMERS, ids=repr)
@settings(max_examples=40, deadline=None)
@given(sample=any_strokes)
def test_any_strokes_stay_strokes(estimator, sample):
    given_ = sample.copy()
    changed = clone(estimator).fit([sample]).transform([sample.tolist()])
    assert changed.dtype == object
    out = changed[0]
    assert out.dtype == np.float32
    assert out.ndim == 2
    assert len(out) >= 1
    assert np.isfinite(out).all()
    assert set(out[:, 2]) <= {0, 1}
    np.testing.assert_array_equal(sample, given_, "the input is not written to")
    if not isinstance(estimator, StrokeDenoiser):  # a far stroke is noise
        assert out[:-1, 2].sum() == sample[:-1, 2].sum()
        assert out[-1, 2] == sample[-1, 2]


@pytest.mark.parametrize("estimator", TRANSFORMERS, ids=repr)
@pytest.mark.parametrize("dots", DOTS)
def test_dots_stay_dots(estimator, dots):
    dots = np.array(dots, np.float32)
    out = clone(estimator).fit_transform([dots])[0]
    places = np.unique(to_points(dots), axis=0)
    np.testing.assert_array_equal(np.unique(to_points(out), axis=0), places)
    assert out[:-1, 2].sum() == dots[:-1, 2].sum()


@pytest.mark.parametrize("estimator", TRANSFORMERS, ids=repr)
def test_bad_strokes_are_named(estimator):
    good, bad = np.zeros((2, 3)), np.array([[0, 0, 0], [1, np.nan, 0]])
    with pytest.raises(ValueError, match="row 1 hold NaN or infinity, first at point 1"):
        estimator.fit([good, bad])


@pytest.mark.parametrize(
    "bad",
    [
        StrokeDeskewer(max_angle=45),
        StrokeDeslanter(max_shear=-1),
        StrokeDenoiser(max_step=0.5),
        StrokeDenoiser(smoothing=-1),
        StrokeResampler(spacing=0),
        JumpCapper(max_jump=0),
        JumpCapper(catch_up="yes"),
    ],
    ids=repr,
)
def test_bad_parameters_are_named(bad):
    with pytest.raises(ValueError, match=f"parameter of {type(bad).__name__} must be"):
        bad.fit([np.zeros((2, 3))])


# Slope and slant


@pytest.mark.parametrize("angle", [-7, -2, 0, 3, 8])
def test_a_rotated_line_is_levelled(lines, angle):
    level = StrokeDeskewer().fit_transform(lines)
    tilted = rotate_strokes(level, angle)
    np.testing.assert_allclose(StrokeDeskewer().measure(tilted), angle, atol=0.1)
    for a, b in zip(StrokeDeskewer().transform(tilted), level, strict=True):
        np.testing.assert_allclose(a, b, atol=0.05)
        np.testing.assert_array_equal(a[:, 2], b[:, 2])


def test_the_angle_is_that_of_the_baseline():
    """One descender and one high stroke at the ends draw the line to no side."""
    x = np.arange(40) * 10.0
    y = np.where(np.arange(40) % 2, 0.0, -20.0) - 0.1 * x
    y[-1] += 60
    y[:3] -= 40
    angle = StrokeDeskewer().measure([from_points(np.column_stack([x, y]))])
    np.testing.assert_allclose(angle, np.rad2deg(np.arctan(0.1)), atol=0.2)


def test_what_is_no_line_has_no_slope():
    upright = from_points([[0, 0], [10, 100], [20, 0]])
    steep = from_points([[0, 0], [90, -50], [100, -50], [200, -100]])
    deskewer = StrokeDeskewer()
    np.testing.assert_array_equal(deskewer.measure([upright, steep]), 0)
    np.testing.assert_array_equal(deskewer.transform([steep])[0], steep)
    assert StrokeDeskewer(max_angle=40).measure([steep])[0] > 20
    one_foot = from_points([[0, 0], [50, 20], [100, 0]])
    assert deskewer.measure([one_foot])[0] == pytest.approx(0)


@pytest.mark.filterwarnings("error")
def test_dots_on_one_place_have_a_slope_without_a_warning():
    dots = np.array([[0, 0, 1]] * 5 + [[10, 1, 1]])
    assert StrokeDeskewer().measure([dots])[0] == pytest.approx(-np.rad2deg(np.arctan(0.1)))


@pytest.mark.parametrize("shear", [-0.6, 0.0, 0.3, 0.9])
def test_a_slanted_line_is_made_upright(lines, shear):
    upright = StrokeDeslanter().fit_transform(lines)
    slanted = shear_strokes(upright, shear)
    np.testing.assert_allclose(StrokeDeslanter().measure(slanted), shear, atol=1e-4)
    for a, b in zip(StrokeDeslanter().transform(slanted), upright, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-3)
        np.testing.assert_array_equal(a[:, 1:], b[:, 1:])


def test_slant_is_that_of_the_pen_going_down():
    up_and_down = from_points([[0, 0], [0, 50], [30, 0], [30, 50], [60, 0], [60, 50], [60, 45]])
    assert StrokeDeslanter().measure([up_and_down])[0] == 0
    jumping = np.array([[0, 0, 0], [10, 0, 1], [50, 100, 0], [10, -1, 1]])
    assert StrokeDeslanter().measure([jumping])[0] == 0, "the lifted pen has no slant"
    assert StrokeDeslanter().measure([from_points([[0, 0], [-40, 10]])])[0] == 0
    assert StrokeDeslanter(max_shear=5).measure([from_points([[0, 0], [-40, 10]])])[0] == 4


def test_made_handwriting_is_found_as_slanted_as_it_is():
    made = make_handwriting(40, n_writers=10, texts=["little hill"], random_state=0)
    found = StrokeDeslanter().measure(made.strokes)
    assert np.corrcoef(found, made.style["slant"])[0, 1] > 0.9


def test_what_was_taken_out_can_be_put_back(lines):
    deskewer, deslanter = StrokeDeskewer(), StrokeDeslanter()
    angles, level = deskewer.measure(lines), deskewer.transform(lines)
    shears, upright = deslanter.measure(level), deslanter.transform(level)
    back = rotate_strokes(shear_strokes(upright, shears), angles)
    for a, b in zip(back, lines, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)


@pytest.mark.parametrize("change", [rotate_strokes, shear_strokes])
def test_amounts_that_fit_no_sample(change, lines):
    with pytest.raises(ValueError, match=r"shape \(2,\); give one number, or one .* 6 samples"):
        change(lines, [1, 2])
    with pytest.raises(ValueError, match="NaN or infinity"):
        change(lines, np.nan)
    with pytest.raises(ValueError, match=r"X has shape \(3, 4\); strokes are a list"):
        change(np.zeros((3, 4)), 1)


# Noise


def wave(n=60):
    t = np.arange(n, dtype=float)
    return np.column_stack([3 * t, 40 * np.sin(t / 12)])


def test_a_spike_is_removed_and_the_stroke_goes_on():
    points = wave()
    spoilt = points.copy()
    spoilt[30] += 10, -80
    clean = StrokeDenoiser().fit_transform([from_points(spoilt)])[0]
    expected = from_points(np.delete(points, 30, axis=0))
    np.testing.assert_allclose(clean, expected, atol=1e-4)
    kept = StrokeDenoiser(max_step=None).fit_transform([from_points(spoilt)])[0]
    assert len(kept) == 60


def test_a_far_stroke_goes_wholly():
    points = wave()
    far = np.insert(points, 30, [[9000.0, 50000.0]], axis=0)
    pen = np.zeros(61)
    pen[[29, 30]] = 1
    clean = StrokeDenoiser().fit_transform([from_points(far, pen)])[0]
    np.testing.assert_allclose(to_points(clean), points, atol=1e-2)
    np.testing.assert_array_equal(np.flatnonzero(clean[:, 2]), [29, 59])


def test_a_far_first_or_last_point():
    points = wave()
    for place, unlifted in ((0, 0), (59, 0), (59, 1)):
        far = points.copy()
        far[place] += 90000
        sample = from_points(far)
        sample[-1, 2] = unlifted
        clean = StrokeDenoiser().fit_transform([sample])[0]
        np.testing.assert_allclose(to_points(clean), np.delete(points, place, 0), atol=1e-2)
        assert clean[-1, 2] == unlifted
    pen = np.zeros(60)
    pen[58] = 1
    ended = StrokeDenoiser().fit_transform([from_points(far, pen)])[0]
    assert ended[-1, 2] == 1, "the stroke before the one that goes was ended"


def test_repeated_points_go_strokes_stay():
    rest = np.array([[1, 1, 0], [0, 0, 0], [5, 0, 0], [0, 0, 1], [0, 0, 1], [0, 0, 0], [0, 4, 1]])
    clean = StrokeDenoiser().fit_transform([rest])[0]
    np.testing.assert_array_equal(clean, [[1, 1, 0], [5, 0, 1], [0, 0, 1], [0, 0, 0], [0, 4, 1]])


def test_smoothing_keeps_ends_and_straight_lines():
    rng = np.random.default_rng(0)
    points = wave(80)
    pen = np.arange(80) == 39
    noisy = from_points(points + rng.normal(0, 0.5, points.shape), pen)
    smooth = StrokeDenoiser(smoothing=1.5).fit_transform([noisy])[0]
    for ours, theirs in zip(stroke_ends(smooth), stroke_ends(noisy), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-3)
    errors = [np.abs(to_points(sample) - points).mean() for sample in (noisy, smooth)]
    assert errors[1] < 0.7 * errors[0]
    straight = from_points(np.arange(20)[:, None] * [3.0, 2.0])
    for smoothing in (0.1, 1, 50):
        kept = StrokeDenoiser(smoothing=smoothing).fit_transform([straight])[0]
        np.testing.assert_allclose(kept, straight, atol=1e-4)


@settings(max_examples=40, deadline=None)
@given(sample=any_strokes)
def test_denoised_ink_has_no_repeats_left(sample):
    once = StrokeDenoiser(max_step=None).fit_transform([sample])[0]
    still = (once[1:, :2] == 0).all(axis=1) & (once[:-1, 2] == 0)
    assert not still.any()


# Distances


@settings(max_examples=60, deadline=None)
@given(sample=any_strokes, spacing=st.sampled_from([3.0, 50.0, 400.0]))
def test_resampling_keeps_shape_ends_and_strokes(sample, spacing):
    out = StrokeResampler(spacing=spacing).fit_transform([sample])[0]
    for ours, theirs in zip(stroke_ends(out), stroke_ends(sample), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=0.1)
    whole = [np.split(to_points(s), np.flatnonzero(s[:-1, 2]) + 1) for s in (sample, out)]
    for before, after in zip(*whole, strict=True):
        if len(before) == 1:
            assert len(after) == 1
            continue
        path = np.repeat(after, 2, axis=0)  # of a stroke that became one point: a path as well
        assert distance_to_path(before, path) < 0.76 * spacing + 0.1
        assert distance_to_path(after, before) < 0.1, "points lie on the path"


def test_steps_are_even_whatever_the_speed():
    t = np.linspace(0, 2 * np.pi, 300) ** 2 / (2 * np.pi)
    circle = 100 * np.column_stack([np.cos(t), np.sin(t)])
    out = StrokeResampler(spacing=10).fit_transform([from_points(circle)])[0]
    steps = np.hypot(*out[1:, :2].T)
    assert len(steps) == round(2 * np.pi * 10)
    np.testing.assert_allclose(steps, 10, rtol=0.01)
    again = StrokeResampler(spacing=10).fit_transform([out])[0]
    np.testing.assert_allclose(to_points(again), to_points(out), atol=0.1)


def test_sharp_corners_stay():
    zigzag = [[0, 0], [35, 55], [70, 0], [105, 55]]
    dense = np.concatenate([np.linspace(a, b, 30) for a, b in pairwise(zigzag)])
    out = to_points(StrokeResampler(spacing=20).fit_transform([from_points(dense)])[0])
    for corner in zigzag:
        assert np.linalg.norm(out - corner, axis=1).min() < 1e-3


def test_spacing_is_learnt_or_given():
    strokes = [np.array([[0, 0, 0], [3, 4, 0], [0, 0, 0], [6, 8, 1], [100, 0, 0], [0, 5, 1]])]
    assert StrokeResampler().fit(strokes).spacing_ == 5
    assert StrokeResampler(spacing=2).fit(strokes).spacing_ == 2
    assert StrokeResampler().fit([[[0, 0, 1]]]).spacing_ == 1
    resampler = StrokeResampler().fit(strokes)
    shape = len(resampler.transform([from_points([[0, 0], [50, 0]])])[0])
    assert shape == 11, "by the training set, not by the sample"
    with pytest.raises(NotFittedError):
        StrokeResampler().transform(strokes)


def test_a_path_without_end_is_refused():
    far = np.array([[0, 0, 0], [1e12, 0, 1]])
    with pytest.raises(ValueError, match=r"row 1 are 1e\+12 long, over 1000000 steps of 2"):
        StrokeResampler(spacing=2).fit_transform([np.zeros((2, 3)), far])


# Jumps


def test_a_jump_back_is_shortened_and_made_up_for():
    strokes = np.array([[0, 0, 0], [2, 0, 1], [-30, 40, 1], [4, -10, 0], [2, 0, 1], [4, 0, 1]])
    capper = JumpCapper().fit([strokes])
    capper.limit_ = 40.0
    points = to_points(capper.transform([strokes])[0])
    np.testing.assert_allclose(points[2], [2 - 24, 32], atol=1e-5)
    np.testing.assert_allclose(points[3:], to_points(strokes)[3:], atol=1e-5)
    moved = capper.set_params(catch_up=False).transform([strokes])[0]
    np.testing.assert_allclose(moved[2], [-24, 32, 1], atol=1e-5)
    np.testing.assert_array_equal(np.delete(moved, 2, axis=0), np.delete(strokes, 2, axis=0))


def test_jumps_are_capped_by_the_deviation_of_the_training_set():
    rng = np.random.default_rng(0)
    train = [
        np.column_stack([rng.normal(0, [3, 6], (50, 2)), rng.integers(0, 2, 50)]) for _ in range(9)
    ]
    capper = JumpCapper(max_jump=2).fit(train)
    deviation = StrokeNormalizer(per_axis=False).fit(train).scale_[0]
    assert capper.limit_ == pytest.approx(2 * deviation)
    for sample, capped in zip(train, capper.transform(train), strict=True):
        jumps = np.flatnonzero(sample[:-1, 2]) + 1
        assert np.hypot(*capped[jumps, :2].T).max() <= capper.limit_ * 1.0001
        rest = np.setdiff1d(np.arange(50), jumps)
        np.testing.assert_allclose(capped[rest], sample[rest], atol=1e-6)
    same = JumpCapper(max_jump=1e6).fit_transform(train)
    np.testing.assert_allclose(np.stack(same), np.stack(train), atol=1e-5)
    with pytest.raises(NotFittedError):
        JumpCapper().transform(train)


# Together


def test_all_in_a_pipeline(lines):
    pipeline = make_pipeline(
        StrokeDenoiser(smoothing=1.0),
        StrokeDeskewer(),
        StrokeDeslanter(),
        StrokeResampler(),
        JumpCapper(),
        StrokeRasterizer(height=32),
    )
    assert {image.shape[0] for image in pipeline.fit_transform(lines)} == {32}
