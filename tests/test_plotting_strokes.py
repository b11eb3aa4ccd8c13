"""What networks of strokes see and expect: where it is drawn, in which colour, by which name."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.decomposition import PCA
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from hwsk.datasets import make_handwriting
from hwsk.plotting import AttentionDisplay, MixtureDisplay
from hwsk.plotting._matplotlib import NOTHING
from hwsk.plotting._stroke_lines import TURNS
from hwsk.preprocessing import StrokeNormalizer
from hwsk.synthesis import HandwritingSynthesizer, StrokePredictor

# Two strokes and a dot: to the right, a jump, down and to the right, a jump.
LINE = np.array(
    [[0, 0, 0], [10, 0, 1], [10, -5, 0], [0, 10, 0], [10, 0, 1], [5, -5, 1]], np.float32
)
POINTS = np.array([[0, 0], [10, 0], [20, -5], [20, 5], [30, 5], [35, 0]])
PHI = np.array([[3, 1, 0], [1, 2, 0], [0, 2, 1], [0, 0, 1], [0, 0, 0]], np.float32)
SMALL = {"hidden_units": 8, "num_layers": 1, "n_mixtures": 3, "max_epochs": 1, "random_state": 0}


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def words():
    return make_handwriting(12, n_writers=2, random_state=0)


@pytest.fixture(scope="module")
def synthesizer(words):
    return HandwritingSynthesizer(**SMALL).fit(words.text, words.strokes)


@pytest.fixture(scope="module")
def predictor(words):
    return StrokePredictor(**SMALL).fit(words.strokes)


def mixture_of(means, scale=1.0, correlation=0.0, lift=0.0):
    """One component a point."""
    means = np.asarray(means, float).reshape(-1, 1, 2)
    n = len(means)
    return {
        "weights": np.ones((n, 1)),
        "means": means,
        "scales": np.full((n, 1, 2), scale),
        "correlations": np.full((n, 1), correlation),
        "lift": np.full(n, lift),
    }


def cells(display):
    """Side of a cell, and x and y of the middles of the map's columns and rows."""
    left, right, bottom, top = display.im_.get_extent()
    n_rows, n_columns = display.density_.shape
    side = (right - left) / n_columns
    assert side == pytest.approx((bottom - top) / n_rows)
    return side, left + side * (np.arange(n_columns) + 0.5), top + side * (np.arange(n_rows) + 0.5)


def segments(ax):
    (ink,) = ax.collections
    return np.array(ink.get_segments())


# Numbers behind the pictures


def test_mixtures_are_the_density_that_is_scored(synthesizer, predictor, words):
    text, strokes = words.text[:5], words.strokes[:5]
    for estimator, X in ((predictor, (strokes,)), (synthesizer, (text, strokes))):
        mixtures = estimator.predict_mixture(*X)
        for line, mixture, score in zip(
            strokes, mixtures, estimator.score_samples(*X), strict=True
        ):
            assert mixture.weights.shape == (len(line) - 1, 3)
            total = 0.0
            for t, (dx, dy, pen_up) in enumerate(line[1:].astype(float)):
                log_p = np.log(mixture.weights[t])
                for k, (scale, rho) in enumerate(
                    zip(mixture.scales[t], mixture.correlations[t], strict=True)
                ):
                    covariance = np.outer(scale, scale) * [[1, rho], [rho, 1]]
                    log_p[k] += multivariate_normal(mixture.means[t, k], covariance).logpdf(
                        [dx, dy]
                    )
                lift = mixture.lift[t]
                total += logsumexp(log_p) + np.log(lift if pen_up else 1 - lift)
            total += (len(line) - 1) * np.log(estimator.scale_).sum()  # scored in these units
            assert total == pytest.approx(score, rel=1e-4)


def test_mixtures_of_unfitted_and_of_bad_strokes(predictor, synthesizer, words):
    with pytest.raises(NotFittedError):
        StrokePredictor().predict_mixture([LINE])
    with pytest.raises(NotFittedError):
        HandwritingSynthesizer().predict_mixture(["a"], [LINE])
    with pytest.raises(ValueError, match="single point, rows 1"):
        predictor.predict_mixture([LINE, LINE[:1]])
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        synthesizer.predict_mixture(words.text[:2], words.strokes[:3])


# The window


def test_the_window_and_the_ink_it_colours():
    display = AttentionDisplay.from_predictions("a ", LINE, PHI)
    assert display.seen_.tolist() == [0, 1, 1, 2, 2]  # the last sees nothing
    ink, window = display.axes_
    np.testing.assert_array_equal(window.images[0].get_array(), PHI.T)
    assert window.images[0] is display.im_
    assert display.im_.get_extent() == [0.5, 5.5, 2.5, -0.5]  # point 1 is the first predicted
    assert [label.get_text() for label in window.get_yticklabels()] == ["a", "␣", "end"]
    assert window.get_yticks().tolist() == [0, 1, 2]
    assert window.get_ylim() == (2.5, -0.5), "the text runs from top to bottom"
    colors = [label.get_color() for label in window.get_yticklabels()]
    assert colors == [*TURNS[:2], NOTHING]
    starts = POINTS[[0, 0, 2, 2, 3, 5]]  # where the pen comes down it starts anew
    np.testing.assert_allclose(segments(ink), np.stack([starts, POINTS], axis=1))
    drawn = [to_hex(color) for color in ink.collections[0].get_colors()]
    assert drawn == [colors[i] for i in (0, 0, 1, 1, 2, 2)]
    assert ink.yaxis.get_inverted() and ink.get_aspect() == 1
    display.figure_.canvas.draw()
    assert ink.get_position().y0 > window.get_position().y1
    assert ink.get_position().width == pytest.approx(window.get_position().width, rel=0.02)


def test_one_great_value_leaves_the_others_visible():
    phi = np.tile(PHI[:1], (200, 1))
    phi[0, 0] = 1000
    line = np.zeros((201, 3), np.float32)
    line[:, 0] = 1
    assert AttentionDisplay.from_predictions("a ", line, phi).im_.get_clim() == (0, 3)
    nothing = AttentionDisplay.from_predictions("a ", line, 0 * phi)
    assert nothing.seen_.tolist() == [2] * 200


def test_a_synthesizer_is_asked(synthesizer, words):
    text, line = words.text[0], words.strokes[0]
    display = AttentionDisplay.from_estimator(synthesizer, text, line)
    np.testing.assert_array_equal(display.phi, synthesizer.attention([text], [line])[0])
    assert display.text == text and display.strokes is line
    small = make_pipeline(
        FunctionTransformer(lambda texts: [text.lower() for text in texts]), synthesizer
    ).fit(words.text, words.strokes)
    display = AttentionDisplay.from_estimator(small, text.upper(), line)
    assert display.text == text.lower()


@pytest.mark.filterwarnings("ignore:1 of 1 lines was cut")
def test_without_strokes_it_writes_itself(synthesizer, words):
    display = AttentionDisplay.from_estimator(synthesizer, words.text[0])
    (written,) = synthesizer.predict(words.text[:1])
    np.testing.assert_array_equal(display.strokes, written)
    assert display.phi.shape == (len(written) - 1, len(words.text[0]) + 1)


@pytest.mark.parametrize(("n_characters", "n_points"), [(2, 30), (32, 600), (90, 2500)])
def test_names_of_characters_do_not_touch(n_characters, n_points):
    line = np.zeros((n_points, 3), np.float32)
    line[:, 0], line[1::2, 1], line[2::2, 1] = 10, 30, -30
    phi = np.ones((n_points - 1, n_characters + 1))
    _, (_, below) = plt.subplots(2, figsize=(6, 8), layout="constrained")
    for ax in (None, below):
        display = AttentionDisplay.from_predictions("Ág" * (n_characters // 2), line, phi, ax=ax)
        display.figure_.canvas.draw()
        labels = display.axes_[1].get_yticklabels()
        heights = np.array([label.get_window_extent().y0 for label in labels])
        size = labels[0].get_fontsize() * display.figure_.dpi / 72
        assert (-np.diff(heights) > 0.8 * size).all()  # small letters do not fill the line
        assert ax is not None or labels[0].get_fontsize() > 5, "readable"


def test_accents_are_one_character():
    assert (
        AttentionDisplay.from_predictions("ae\N{COMBINING ACUTE ACCENT}", LINE, PHI)
        .axes_[1]
        .get_yticklabels()[1]
        .get_text()
        == "é"
    )


def test_bad_input_of_the_window(synthesizer, predictor, words):
    text, line = words.text[0], words.strokes[0]
    draw = AttentionDisplay.from_estimator
    with pytest.raises(TypeError, match="StrokePredictor has no attention: it looks at no text"):
        draw(predictor, text, line)
    with pytest.raises(NotFittedError):
        draw(HandwritingSynthesizer(), text, line)
    for empty in ("", "  "):
        with pytest.raises(ValueError, match="text is empty"):
            draw(synthesizer, empty, line)
    with pytest.raises(ValueError, match=r"text is \['a', 'b'\]; one line is drawn"):
        draw(synthesizer, ["a", "b"], line)
    with pytest.raises(ValueError, match="has '€', which no text of `fit` had"):
        draw(synthesizer, "€", line)
    for several in (words.strokes[:2], list(words.strokes[:2]), np.stack([line, line])):
        with pytest.raises(ValueError, match="strokes is a collection of 2 lines; one line"):
            draw(synthesizer, text, several)
    broken = line.copy()
    broken[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"^strokes hold NaN or infinity, first at point 3"):
        draw(synthesizer, text, broken)
    with pytest.raises(ValueError, match="single point"):
        draw(synthesizer, text, line[:1])
    of = AttentionDisplay.from_predictions
    with pytest.raises(ValueError, match=r"phi has shape \(5, 3\); for 6 points and 3 .* \(5, 4\)"):
        of("abc", LINE, PHI)
    with pytest.raises(ValueError, match="phi holds NaN or infinity, first at point 2"):
        of("ab", LINE, np.where(np.arange(5)[:, None] == 2, np.nan, PHI))


# The mixture


def test_density_lies_where_the_pen_is_expected():
    right = LINE[1:, :2]  # it knows all
    display = MixtureDisplay.from_predictions(LINE, mixture_of(right, scale=0.5))
    side, x, y = cells(display)
    assert x[0] < 0 and x[-1] > 35 and y[0] < -5 and y[-1] > 5  # y downwards
    assert display.density_.sum() * side**2 == pytest.approx(5, rel=0.01)  # a point each
    for point in POINTS[1:]:
        row, column = np.abs(y - point[1]).argmin(), np.abs(x - point[0]).argmin()
        assert display.density_[row, column] == pytest.approx(1 / (2 * np.pi * 0.25), rel=0.05)
        around = display.density_[row - 3 : row + 4, column - 3 : column + 4]
        assert around.max() == pytest.approx(display.density_.max(), rel=0.05)
    aside = np.abs(x - POINTS[1:, 0, None, None]) > 3
    away = aside | (np.abs(y[:, None] - POINTS[1:, 1, None, None]) > 3)
    assert not display.density_[away.all(axis=0)].any()
    assert display.density_.max() <= 1.1 * display.im_.norm.vmax
    np.testing.assert_array_equal(display.im_.get_array(), display.density_)
    np.testing.assert_allclose(segments(display.axes_[0])[:, 1], POINTS)


def test_density_leans_with_the_correlation():
    line = np.array([[0, 0, 0], [20, 0, 0], [0, 20, 1]])
    mixture = mixture_of([[-99, 0], [-10, 10]], scale=2, correlation=0.8)
    display = MixtureDisplay.from_predictions(line, mixture)
    side, x, y = cells(display)
    near = (np.abs(x - 10) < 8) & (np.abs(y - 10)[:, None] < 8)
    weights = np.where(near, display.density_, 0) * side**2
    dx, dy = x - 10, y[:, None] - 10
    assert (weights * dx**2).sum() == pytest.approx(4, rel=0.02)
    assert (weights * dx * dy).sum() == pytest.approx(0.8 * 4, rel=0.02)


def test_narrow_densities_do_not_fall_between_cells():
    display = MixtureDisplay.from_predictions(LINE, mixture_of(LINE[1:, :2] + 0.123, scale=1e-4))
    side = cells(display)[0]
    assert display.density_.sum() * side**2 == pytest.approx(5, rel=0.03)


def test_components_and_lifts():
    n = len(LINE) - 1
    one = mixture_of(LINE[1:, :2], lift=np.linspace(0, 0.8, n))
    mixture = {name: np.concatenate([one[name]] * 2, axis=1) for name in one if name != "lift"} | {
        "lift": one["lift"]
    }
    mixture["weights"] = np.column_stack([np.linspace(0, 1, n), np.linspace(1, 0, n)])
    display = MixtureDisplay.from_predictions(LINE, mixture)
    _, components, lifts = display.axes_
    (image,) = components.images
    np.testing.assert_array_equal(image.get_array(), mixture["weights"].T)
    assert image.get_extent() == [0.5, 5.5, 2.5, 0.5] and image.get_clim() == (0, 1)
    probability, marks = lifts.lines
    assert probability.get_xdata().tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(probability.get_ydata(), mixture["lift"])
    assert marks.get_xdata().tolist() == [1, 4, 5]  # the pen was lifted after these
    assert components.get_xlim() == lifts.get_xlim() == (0.5, 5.5)


def test_both_networks_are_asked(synthesizer, predictor, words):
    text, line = words.text[0], words.strokes[0]
    display = MixtureDisplay.from_estimator(predictor, line)
    (expected,) = predictor.predict_mixture([line])
    np.testing.assert_array_equal(display.mixture["means"], expected.means)
    display = MixtureDisplay.from_estimator(synthesizer, line, text)
    (expected,) = synthesizer.predict_mixture([text], [line])
    np.testing.assert_array_equal(display.mixture["means"], expected.means)
    scaled = make_pipeline(StrokeNormalizer(), StrokePredictor(**SMALL)).fit(words.strokes)
    display = MixtureDisplay.from_estimator(scaled, line)
    np.testing.assert_array_equal(display.strokes, scaled[0].transform([line])[0])
    alone = make_pipeline(predictor)
    np.testing.assert_array_equal(MixtureDisplay.from_estimator(alone, line).strokes, line)


def test_bad_input_of_the_mixture(synthesizer, predictor, words):
    text, line = words.text[0], words.strokes[0]
    draw = MixtureDisplay.from_estimator
    with pytest.raises(ValueError, match=f"StrokePredictor reads no text, and text is '{text}'"):
        draw(predictor, line, text)
    with pytest.raises(ValueError, match="HandwritingSynthesizer expects strokes by their text"):
        draw(synthesizer, line)
    with pytest.raises(ValueError, match="text is empty"):
        draw(synthesizer, line, "")
    with pytest.raises(ValueError, match="one line is drawn: pass one string"):
        draw(synthesizer, line, [text])
    with pytest.raises(NotFittedError):
        draw(StrokePredictor(), line)
    with pytest.raises(TypeError, match="PCA has no predict_mixture; StrokePredictor and"):
        draw(PCA(1).fit(np.eye(3)), line)
    with pytest.raises(ValueError, match="strokes is a collection of 3 lines"):
        draw(predictor, words.strokes[:3])
    broken = line.copy()
    broken[3, 0] = np.nan
    with pytest.raises(ValueError, match=r"^strokes hold NaN or infinity, first at point 3"):
        draw(predictor, broken)
    with pytest.raises(ValueError, match="single point"):
        draw(predictor, line[:1])


def test_mixtures_that_are_none():
    of = MixtureDisplay.from_predictions
    mixture = mixture_of(LINE[1:, :2])
    with pytest.raises(ValueError, match=r"weights of shape \(4, 1\); for 6 points .* \(5, 1\)"):
        of(LINE, mixture_of(LINE[2:, :2]))
    with pytest.raises(ValueError, match=r"lift of shape \(5, 1\); for 6 points they have \(5,\)"):
        of(LINE, {**mixture, "lift": mixture["weights"]})
    with pytest.raises(ValueError, match="NaN or infinity in means, first of point 1"):
        of(LINE, {**mixture, "means": mixture["means"] * np.nan})


def test_a_pen_that_is_expected_elsewhere_or_does_not_move():
    far = MixtureDisplay.from_predictions(LINE, mixture_of(LINE[1:, :2] + 1e4))
    assert not far.density_.any()
    still = np.array([[0, 0, 0], [0, 0, 1]])
    display = MixtureDisplay.from_predictions(still, mixture_of([[0, 0]], scale=0.1))
    assert display.density_.sum() * cells(display)[0] ** 2 == pytest.approx(1, rel=0.01)
    for drawn in (far, display, AttentionDisplay.from_predictions("ab", still, PHI[:1])):
        drawn.figure_.canvas.draw()


# Both


def test_on_axes_of_ones_own():
    figure, (left, right) = plt.subplots(1, 2)
    for display in (
        AttentionDisplay.from_predictions("ab", LINE, PHI, ax=left),
        MixtureDisplay.from_predictions(LINE, mixture_of(LINE[1:, :2]), ax=right),
    ):
        assert display.figure_ is figure
        assert display.plot() is display and display.figure_ is not figure
        with pytest.raises(ValueError, match="ax stands free in its figure"):
            display.plot(ax=plt.figure().add_axes((0, 0, 1, 1)))
    assert not left.axison and not right.axison and len(figure.axes) == 2 + 2 + 3
    figure.canvas.draw()
    middle = [axes.get_position().x0 + axes.get_position().width / 2 for axes in figure.axes[2:]]
    assert [place < 0.5 for place in middle] == [True] * 2 + [False] * 3
