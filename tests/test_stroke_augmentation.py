"""`RandomStrokeDistortion`: within its limits, from its generator alone."""

import numpy as np
import pytest

from hwsk.datasets import make_handwriting
from hwsk.preprocessing import StrokeDeslanter
from hwsk.preprocessing.augmentation import RandomStrokeDistortion

NOTHING = {
    "rotation": 0, "shear": 0, "scale_x": (1, 1), "scale_y": (1, 1), "jitter": 0, "drop": 0,
    "move": 0,
}  # fmt: skip


@pytest.fixture(scope="module")
def line():
    return make_handwriting(1, level="line", random_state=0).strokes[0]


def rngs(n=30):
    return [np.random.default_rng(seed) for seed in range(n)]


def ends(strokes):
    return np.cumsum(strokes[:, :2], axis=0)[strokes[:, 2] == 1]


def test_nothing_changes_nothing(line):
    before = line.copy()
    changed = RandomStrokeDistortion(**NOTHING)(line, np.random.default_rng(0))
    np.testing.assert_allclose(changed, line, atol=1e-3)
    np.testing.assert_array_equal(line, before)


def test_the_generator_decides(line):
    augment = RandomStrokeDistortion()
    for first, second in zip(rngs(5), rngs(5), strict=True):
        np.testing.assert_array_equal(augment(line, first), augment(line, second))
    assert not np.array_equal(augment(line, rngs(2)[0])[:9], augment(line, rngs(2)[1])[:9])


def test_slant_is_within_its_limits(line):
    augment = RandomStrokeDistortion(**NOTHING | {"shear": 0.3})
    measure = StrokeDeslanter().measure
    slants = measure([augment(line, rng) for rng in rngs()]) - measure([line])
    assert -0.31 < slants.min() < -0.2 and 0.2 < slants.max() < 0.31


def test_size_is_within_its_limits(line):
    augment = RandomStrokeDistortion(**NOTHING | {"scale_x": (0.5, 2), "scale_y": (0.8, 1)})
    sizes = [np.ptp(np.cumsum(augment(line, rng)[:, :2], axis=0), axis=0) for rng in rngs()]
    ratio = np.array(sizes) / np.ptp(np.cumsum(line[:, :2], axis=0), axis=0)
    assert 0.49 < ratio[:, 0].min() < 0.7 and 1.5 < ratio[:, 0].max() < 2.01
    assert ratio[:, 1].min() > 0.79 and ratio[:, 1].max() < 1.01


def test_rotation_keeps_lengths(line):
    augment = RandomStrokeDistortion(**NOTHING | {"rotation": 10})
    for rng in rngs(5):
        changed = augment(line, rng)
        lengths = [np.hypot(*strokes[1:, :2].T) for strokes in (line, changed)]
        np.testing.assert_allclose(*lengths, rtol=1e-2, atol=1e-3)
        assert not np.allclose(changed, line, atol=0.01)


def test_points_are_dropped_and_strokes_stay(line):
    augment = RandomStrokeDistortion(**NOTHING | {"drop": 0.5})
    changed = [augment(line, rng) for rng in rngs()]
    shares = [len(strokes) / len(line) for strokes in changed]
    assert 0.45 < min(shares) < 0.7 and 0.9 < max(shares) <= 1
    for strokes in changed:
        np.testing.assert_allclose(ends(strokes), ends(line), atol=0.01)


def test_a_dot_stays_a_dot():
    dot = np.array([[0, -1, 1], [2, 0, 1]], np.float32)
    assert RandomStrokeDistortion()(dot, np.random.default_rng(0)).shape == (2, 3)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"rotation": 50}, "rotation"),
        ({"drop": 1.0}, "drop"),
        ({"scale_x": (2, 1)}, r"scale_x=\(2, 1\): should be the least and the largest factor"),
        ({"scale_y": (1,)}, r"scale_y=\(1,\)"),
    ],
)
def test_wrong_parameters_are_refused(line, params, message):
    with pytest.raises(ValueError, match=message):
        RandomStrokeDistortion(**params)(line, np.random.default_rng(0))


def test_what_is_no_strokes_is_refused():
    with pytest.raises(ValueError, match="the strokes have shape"):
        RandomStrokeDistortion()(np.zeros((3, 2)), np.random.default_rng(0))
