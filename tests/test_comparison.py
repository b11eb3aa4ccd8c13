"""Comparing hands: what distances and features mean, in which forms sides come, the figure."""

import pickle
import warnings

import cv2
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import get_scorer, roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.metrics import log_likelihood_ratio_cost
from hwsk.model_selection import make_pairs
from hwsk.plotting import ComparisonDisplay
from hwsk.preprocessing import StrokeRasterizer
from hwsk.preprocessing.augmentation import character_augmentation
from hwsk.representation import VariationalAutoencoder
from hwsk.verification import HandComparer, MultiTaskClassifier, SiameseVerifier, verbal_equivalent
from hwsk.verification._comparison import SUPPORT


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def make_vectors(n_writers=60, n_each=6, seed=0):
    """Vectors whose writers differ by 1 and whose samples by 0.5, and the writers."""
    rng = np.random.default_rng(seed)
    writers = np.repeat(np.arange(n_writers), n_each)
    hands = rng.normal(size=(n_writers, 6))
    return hands[writers] + rng.normal(0, 0.5, (len(writers), 6)), writers


def as_images(vectors):
    """Images of 3 x 2 pixels, of which a `Pixels` reads the vectors."""
    return np.asarray(vectors, np.float32).reshape(-1, 3, 2)


class Pixels(TransformerMixin, BaseEstimator):
    """Vectors of the pixels; remembers what it has seen."""

    def __init__(self, columns=slice(None)):
        self.columns = columns

    def fit(self, X, y=None):
        self.writers_ = np.unique(y)
        self.n_seen_ = 0
        return self

    def transform(self, X):
        self.n_seen_ += len(X)
        return np.stack([np.ravel(image)[self.columns] for image in X])


class KnownFeatures(MultiTaskClassifier):
    """Says of each image the classes that its first pixels are the numbers of."""

    def fit(self, X, y=None):
        self.task_names_ = ["slant", "staff of d"]
        self.classes_ = [np.array(["left", "right"]), np.array(["loopy", "retraced", "none"])]
        self.net_ = None
        return self

    def __sklearn_is_fitted__(self):
        return hasattr(self, "net_")

    def transform(self, X):
        codes = np.stack([np.ravel(image)[:2] for image in X]).astype(int)
        return np.hstack([np.eye(2)[codes[:, 0]], np.eye(3)[codes[:, 1]]])


def known_features():
    return KnownFeatures(transform_kind="probabilities").fit(None)


@pytest.fixture(scope="module")
def comparer():
    """Compare images by three parts: the halves of their pixels, and known features."""
    vectors, writers = make_vectors()
    rng = np.random.default_rng(0)
    kinds = np.column_stack([rng.integers(2, size=60), rng.integers(3, size=60)])
    vectors[:, :2] = kinds[writers]
    union = FeatureUnion(
        [
            ("left", FrozenEstimator(Pixels(slice(2, 4)).fit(None))),
            ("right", FrozenEstimator(Pixels(slice(4, 6)).fit(None))),
            ("known", FrozenEstimator(known_features())),
        ]
    )
    return HandComparer(union, random_state=0).fit(as_images(vectors), writers)


@pytest.fixture(scope="module")
def images():
    vectors, writers = make_vectors(n_writers=20, seed=1)
    vectors[:, :2] = np.column_stack([writers % 2, writers % 3])
    return as_images(vectors), writers


# -- likelihood ratios


def test_ratios_are_calibrated_on_writers_not_seen():
    comparer = HandComparer(random_state=0).fit(*make_vectors(n_writers=150))
    vectors, writers = make_vectors(n_writers=60, seed=1)
    rows, same = make_pairs(writers)
    scores = comparer.pair_score(vectors[rows])
    ratios = np.clip(scores, -comparer.limits_[0], comparer.limits_[0])
    assert log_likelihood_ratio_cost(same, ratios) < 0.5
    shifted = [log_likelihood_ratio_cost(same, ratios + shift) for shift in (-1, 1)]
    assert log_likelihood_ratio_cost(same, ratios) < min(shifted)
    assert comparer.score(vectors, writers) == pytest.approx(roc_auc_score(same, scores))


def test_more_images_tell_more():
    comparer = HandComparer(random_state=0).fit(*make_vectors())
    assert comparer.coef_.shape == (3, 1) and comparer.intercept_.shape == (3,)
    vectors, writers = make_vectors(n_writers=40, seed=1)
    costs = []
    for n in (1, 3):
        sides = [vectors[writers == w][i : i + n] for w in range(40) for i in (0, 3)]
        rows, same = make_pairs(np.repeat(np.arange(40), 2))
        pairs = [(sides[i], sides[j]) for i, j in rows]
        costs.append(log_likelihood_ratio_cost(same, comparer.pair_score(pairs)))
    assert costs[1] < 0.7 * costs[0]


@pytest.mark.parametrize(
    ("n", "m", "size"), [(1, 1, 0), (1, 3, 1), (2, 2, 1), (3, 2, 1), (6, 6, 2)]
)
def test_the_calibration_is_that_of_the_number_of_images(n, m, size):
    vectors, writers = make_vectors(n_each=12)
    comparer = HandComparer(random_state=0).fit(vectors, writers)
    a, b = vectors[:n], vectors[12 : 12 + m]
    distance = np.linalg.norm(a.mean(axis=0) - b.mean(axis=0))
    comparison = comparer.compare(a, b)
    assert comparison.n_images == (n, m)
    assert comparison.distances.loc["vectors", "distance"] == pytest.approx(distance)
    expected = comparer.coef_[size, 0] * distance + comparer.intercept_[size]
    assert comparison.score == pytest.approx(expected)
    assert (
        comparison.distances.iloc[0, 1:].tolist() == comparer.typical_distances_[size, 0].tolist()
    )


def test_sizes_end_where_writers_have_no_more_images():
    vectors, writers = make_vectors(n_writers=30, n_each=3)
    assert len(HandComparer(n_images=5, random_state=0).fit(vectors, writers).coef_) == 1
    vectors, writers = make_vectors(n_writers=9, n_each=20)
    assert len(HandComparer(n_images=5, random_state=0).fit(vectors, writers).coef_) == 1
    vectors, writers = make_vectors(n_writers=10, n_each=4)
    assert len(HandComparer(n_images=5, random_state=0).fit(vectors, writers).coef_) == 2


def test_pages_are_compared_with_pages():
    """What all samples of a page share is not a sign of the hand."""
    vectors, writers = make_vectors(n_writers=80, n_each=8)
    pages = 2 * writers + np.tile([0, 0, 0, 0, 1, 1, 1, 1], 80)
    vectors[:, 0] = 10 * np.random.default_rng(1).normal(size=160)[pages]
    by_page, at_random = (
        HandComparer(n_images=4, random_state=0).fit(vectors, writers, groups=groups)
        for groups in (pages, None)
    )
    assert by_page.coef_.shape == at_random.coef_.shape == (4, 1)
    a, b = vectors[pages == 0], vectors[pages == 1]
    assert at_random.compare(a[0], a[1]).score > by_page.compare(a[0], a[1]).score
    assert np.abs(by_page.coef_[0, 0]) < np.abs(at_random.coef_[0, 0]) / 2
    assert by_page.compare(a, b).n_images == (4, 4)
    with pytest.raises(ValueError, match=r"each of the 80 writers .* has samples of one group"):
        HandComparer().fit(vectors, writers, groups=writers)


def test_ratios_end_at_the_number_of_writers():
    vectors, writers = make_vectors(n_writers=20)
    comparer = HandComparer(random_state=0).fit(vectors, writers)
    same, far = comparer.compare(vectors[0], vectors[0]), comparer.compare(vectors[0], [[9.0] * 6])
    assert same.log_likelihood_ratio == pytest.approx(np.log(20)) and same.score > np.log(20)
    assert far.log_likelihood_ratio == pytest.approx(-np.log(20)) and far.score < -np.log(20)
    assert same.probability == pytest.approx(20 / 21)


def test_a_ratio_of_classes_is_one_of_counts():
    # 30 writers with two images each, who are "right" in both; the others' images are "left".
    writers = np.repeat(np.arange(120), 2)
    pixels = np.zeros((240, 3, 2), np.float32)
    pixels[writers < 30, 0, 0] = 1
    comparer = HandComparer(FrozenEstimator(known_features()), n_images=1, random_state=0)
    slant, staff = comparer.fit(pixels, writers).feature_ratios_
    explanation = str(comparer.compare(pixels[0], pixels[1] + 0.01))  # no copy
    assert "same writer:\n  slant: both right (3.8 times)\nFeatures that support n" in explanation
    assert explanation.endswith("support neither:\n  staff of d: both loopy (1.0 times)")
    assert slant[0, 1, 1] == pytest.approx(np.log(30.5 / (120 / 16 + 0.5)))
    assert slant[0, 0, 1] == slant[0, 1, 0] == pytest.approx(np.log(0.5 / (120 * 6 / 16 + 0.5)))
    assert slant[0, 1, 1] > slant[0, 0, 0] > 0  # the rarer class weighs more
    assert slant.shape == (1, 2, 2) and staff.shape == (1, 3, 3)
    assert (staff == 0).all()  # all have it, or no one: it supports neither


def test_distances_of_probabilities_are_hellinger(images):
    X, writers = images
    comparer = HandComparer(FrozenEstimator(known_features()), random_state=0).fit(X, writers)
    a, b = X[[0, 6, 12]], X[[0, 1, 18]]
    p, q = (comparer.representation_.transform(side).mean(axis=0) for side in (a, b))
    expected = np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum() / 2)
    assert comparer.part_distances([(a, b)])[0, 0] == pytest.approx(expected)


def test_compare(comparer, images):
    X, _ = images
    comparison = comparer.compare(X[0], X[1])
    assert comparison.log_likelihood_ratio > 0
    assert comparison.distances.index.tolist() == ["left", "right", "known"] == comparer.part_names_
    features = comparison.features
    assert sorted(features.index) == comparer.feature_names_ == ["slant", "staff of d"]
    assert features["agree"].all() and (features["first_probability"] == 1).all()
    assert features["log_likelihood_ratio"].abs().is_monotonic_decreasing
    other = comparer.compare(X[0], X[6])  # slant left and right, staff of d loopy and retraced
    assert other.features.loc["slant", ["first", "second"]].tolist() == ["left", "right"]
    assert other.log_likelihood_ratio < 0
    assert str(other).splitlines()[0].endswith(f"than if the same writer did: {other.verbal}.")
    assert "staff of d: loopy vs retraced (" in str(other)
    assert "slant: both left (" in str(comparison)
    assert "<table" in other._repr_html_() and "retraced" in other._repr_html_()
    swapped = comparer.compare(X[6], X[0])
    assert swapped.score == pytest.approx(other.score)
    assert comparer.decision_function([(X[0], X[6])]) == pytest.approx(other.score)


@given(st.floats(-50, 50))
def test_verbal_scale_is_symmetrical(ratio):
    one, two = verbal_equivalent(ratio), verbal_equivalent(-ratio)
    assert one == two or one.split(" for ")[0] == two.split(" for ")[0]
    assert (ratio >= np.log(2)) == one.endswith("for the same writer") or abs(ratio) < np.log(2)


@pytest.mark.parametrize(("word", "least"), SUPPORT.items())
def test_verbal_scale(word, least):
    assert verbal_equivalent(np.log(least)) == f"{word} support for the same writer"
    assert verbal_equivalent(-np.log(least)) == f"{word} support for different writers"
    assert not verbal_equivalent(np.log(least * 0.99)).startswith(f"{word} ")
    with pytest.raises(ValueError, match="NaN"):
        verbal_equivalent(np.nan)


# -- pairs


def test_pairs_in_all_forms(comparer, images, tmp_path):
    X, writers = images
    rows, same = make_pairs(writers, n_pairs=40, random_state=0)
    expected = comparer.pair_score(X[rows])
    objects = np.empty(len(X), object)
    objects[:] = list(X)
    for pairs in (
        objects[rows],
        [(X[i], X[j]) for i, j in rows],
        [[[X[i]], X[j][None]] for i, j in rows],
    ):
        np.testing.assert_allclose(comparer.pair_score(pairs), expected)
    proba = comparer.predict_proba(X[rows])
    assert proba.shape == (40, 2) and np.allclose(proba.sum(axis=1), 1)
    assert (comparer.predict(X[rows]) == (proba[:, 1] > 0.5)).all()
    assert comparer.score(X[rows], same) == pytest.approx(roc_auc_score(same, expected))
    assert comparer.score(X[rows], 2 * same - 1) == comparer.score(X[rows], same)
    assert get_scorer("roc_auc")(comparer, X[rows], same) == comparer.score(X[rows], same)


def test_an_image_in_several_pairs_is_looked_at_once(images):
    X, writers = images
    part = Pixels().fit(None)
    comparer = HandComparer(FrozenEstimator(part), random_state=0).fit(X, writers)
    objects = np.empty(len(X), object)
    objects[:] = list(X)
    part.n_seen_ = 0
    comparer.pair_score(objects[make_pairs(writers)[0]])
    assert part.n_seen_ == len(X)


def test_paths(tmp_path):
    words = make_handwriting(24, texts=["and"], n_writers=6, height=32, random_state=0)
    paths = [str(tmp_path / f"{i}.png") for i in range(24)]
    for path, image in zip(paths, words.images, strict=True):
        cv2.imwrite(path, image)
    vae = VariationalAutoencoder(2, image_size=(16, 32), max_epochs=1, random_state=0)
    vae.fit(words.images)
    comparer = HandComparer(FrozenEstimator(vae), random_state=0).fit(paths, words.writer)
    assert comparer.part_names_ == ["variationalautoencoder"]
    assert comparer.compare(paths[0], paths[1:3]).score == pytest.approx(
        comparer.compare(words.images[0], list(words.images[1:3])).score
    )
    rows, _ = make_pairs(words.writer)
    np.testing.assert_allclose(
        comparer.pair_score(np.array(paths)[rows]), comparer.pair_score(words.images[rows])
    )


# -- parts


@pytest.mark.parametrize("kind", ["bmp", "webp", "array", "colour"])
def test_one_image_in_two_formats_is_a_copy(comparer, tmp_path, kind):
    image = np.random.default_rng(5).normal(120, 5, (12, 30)).astype(np.uint8)
    one, other = str(tmp_path / "one.png"), str(tmp_path / f"other.{kind}")
    cv2.imwrite(one, image)
    if kind == "array":
        other = image.copy()
    elif kind == "colour":
        other = np.repeat(image[..., np.newaxis], 3, axis=2)
    else:
        quality = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == "webp" else []
        cv2.imwrite(other, image, quality)
    with pytest.raises(ValueError, match="are identical: a copy, not a comparison"):
        comparer.compare(one, other)


def test_sides_of_pandas_are_taken_by_position(comparer, images):
    one, other = list(images[0][:2]), list(images[0][2:4])
    expected = comparer.compare(one, other).score
    index = [7, 1]
    series = pd.Series(one, index=index), pd.Series(other, index=index)
    assert comparer.compare(*series).score == expected
    tables = (pd.DataFrame({"image": side}) for side in series)
    assert comparer.compare(*tables).score == expected


def test_parts_are_fitted_on_other_writers(images):
    X, writers = images
    comparer = HandComparer(Pixels(), calibration_fraction=0.4, random_state=0).fit(X, writers)
    assert len(comparer.calibration_writers_) == 8
    seen = set(comparer.representation_.writers_)
    assert seen == set(range(20)) - set(comparer.calibration_writers_)
    assert not hasattr(comparer.representation, "writers_")
    union = FeatureUnion([("a", Pixels()), ("b", make_pipeline(Pixels(), StandardScaler()))])
    comparer = HandComparer(make_pipeline(FunctionTransformer(), union), random_state=0)
    comparer.fit(X, writers)
    first, second = (part for _, part in comparer.representation_[-1].transformer_list)
    assert set(first.writers_) == set(second[0].writers_) and len(first.writers_) == 14
    assert not hasattr(union.transformer_list[0][1], "writers_")
    assert comparer.part_names_ == ["a", "b"]


def test_frozen_parts_leave_all_writers_to_calibrate_on(images):
    X, writers = images
    for part in (FrozenEstimator(Pixels().fit(None)), FunctionTransformer(lambda X: X[:, 0])):
        comparer = HandComparer(part, random_state=0).fit(X, writers)
        assert comparer.calibration_writers_.tolist() == list(range(20))
        assert comparer.representation_ is part


def test_calibration_belongs_to_the_copies_of_a_frozen_part():
    words = make_handwriting(24, texts=["and"], n_writers=6, height=32, random_state=0)
    small = {"image_size": (16, 32), "channels": (2, 2, 2, 2), "max_epochs": 1, "random_state": 0}
    verifier = SiameseVerifier(**small).fit(words.images, words.writer)
    comparer = HandComparer(FrozenEstimator(verifier), n_images=1, random_state=0)
    comparer.fit(words.images, words.writer)
    pairs = [words.images[:2], words.images[5:7]]
    before = comparer.predict_proba(pairs)
    verifier.set_params(test_augmentations=1, augment=character_augmentation())
    for verb in (comparer.predict, comparer.predict_proba, comparer.pair_score):
        with pytest.raises(ValueError, match=r"siameseverifier__test_augmentations=1.* call fit"):
            verb(pairs)
    verifier.set_params(test_augmentations=0)
    np.testing.assert_array_equal(comparer.predict_proba(pairs), before)


def test_networks_and_features(tmp_path):
    words = make_handwriting(96, texts=["and"], n_writers=24, height=32, random_state=0)
    features = pd.DataFrame({"slant": np.where(words.style["slant"] > 0, "right", "left")})
    small = {
        "image_size": (16, 32),
        "channels": (2, 2, 2, 2),
        "max_epochs": 1,
        "random_state": 0,
    }
    union = FeatureUnion(
        [
            ("latents", VariationalAutoencoder(2, **small)),
            ("hand", SiameseVerifier(**small)),
            ("known", MultiTaskClassifier(transform_kind="probabilities", **small)),
        ]
    )
    comparer = HandComparer(union, random_state=0)
    with pytest.raises(ValueError, match=r"pass fit\(X, y, features=...\)"):
        comparer.fit(words.images, words.writer)
    comparer.fit(words.images, words.writer, features=features)
    comparison = comparer.compare(words.images[0], words.images[1])
    assert comparison.features.index.tolist() == ["slant"] == comparer.feature_names_
    rows, _ = make_pairs(words.writer, n_pairs=20, random_state=0)
    expected = comparer.decision_function(words.images[rows])
    hwsk.save(comparer, tmp_path / "comparer.hwsk")
    for other in (
        hwsk.load(tmp_path / "comparer.hwsk"),
        pickle.loads(pickle.dumps(comparer)),
        clone(comparer).fit(words.images, words.writer, features=features),
    ):
        np.testing.assert_array_equal(other.decision_function(words.images[rows]), expected)
        pd.testing.assert_frame_equal(
            other.compare(words.images[0], words.images[1]).features, comparison.features
        )


def test_strokes_are_drawn_by_the_first_step(tmp_path):
    words = make_handwriting(48, texts=["and"], n_writers=12, height=32, random_state=0)
    vae = VariationalAutoencoder(2, image_size=(16, 32), max_epochs=1, random_state=0)
    rasterizer = StrokeRasterizer(height=32)
    vae.fit(rasterizer.fit_transform(words.strokes))
    union = FeatureUnion([("latents", FrozenEstimator(vae))])
    comparer = HandComparer(Pipeline([("draw", rasterizer), ("parts", union)]), random_state=0)
    comparer.fit(words.strokes, words.writer)
    assert comparer.part_names_ == ["latents"] and len(comparer.calibration_writers_) == 12
    comparison = comparer.compare(words.strokes[0], [words.strokes[1], words.strokes[2]])
    assert comparison.n_images == (1, 2) and comparison.features.empty
    assert len(str(comparison).splitlines()) == 1
    display = ComparisonDisplay.from_estimator(comparer, words.strokes[0], words.strokes[1])
    assert display.first[0].shape[0] == 32
    hwsk.save(comparer, tmp_path / "comparer.hwsk")
    again = hwsk.load(tmp_path / "comparer.hwsk").compare(words.strokes[0], words.strokes[1])
    assert again.score == comparer.compare(words.strokes[0], words.strokes[1]).score


def test_classifiers_features_are_a_part_that_explains_nothing(images):
    X, writers = images
    part = KnownFeatures().fit(None)
    comparer = HandComparer(FrozenEstimator(part), random_state=0).fit(X, writers)
    assert comparer.feature_names_ == [] and comparer.compare(X[0], X[1]).features.empty


def test_grid_search():
    vectors, writers = make_vectors(n_writers=24, n_each=4)
    search = GridSearchCV(
        HandComparer(Pixels(), n_images=1, random_state=0),
        {"representation__columns": [slice(0, 1), slice(0, 6)]},
        cv=GroupKFold(2),
    )
    search.fit(as_images(vectors), writers, groups=writers)
    assert search.best_params_["representation__columns"] == slice(0, 6)


def test_a_fit_is_decided_by_its_random_state(images):
    X, writers = images
    first, second, other = (
        HandComparer(Pixels(), random_state=seed).fit(X, writers) for seed in (0, 0, 1)
    )
    assert (first.coef_ == second.coef_).all() and (first.coef_ != other.coef_).any()


# -- what can't be compared


def test_writers_that_calibrate_nothing(images):
    X, writers = images
    with pytest.raises(ValueError, match="requires y to be passed"):
        HandComparer(Pixels()).fit(X, None)
    with pytest.raises(ValueError, match="all n_samples=120 are by one writer"):
        HandComparer(Pixels()).fit(X, np.zeros(120))
    with pytest.raises(ValueError, match=r"each of the 120 writers .* one sample"):
        HandComparer(FrozenEstimator(Pixels().fit(None))).fit(X, np.arange(120))
    with pytest.raises(ValueError, match=r"there are 3 writers: two .* FrozenEstimator"):
        HandComparer(Pixels()).fit(X, writers % 3)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        HandComparer(Pixels()).fit(X, writers[:-1])
    alone = writers.copy()
    alone[:2] = [98, 99]
    with pytest.warns(UserWarning, match="2 of 22 writers to calibrate on have one sample, such"):
        HandComparer(FrozenEstimator(Pixels().fit(None)), random_state=0).fit(X, alone)
    with pytest.raises(NotFittedError):
        HandComparer(Pixels()).compare(X[0], X[1])
    with pytest.raises(NotFittedError):
        HandComparer(FrozenEstimator(KnownFeatures(transform_kind="probabilities"))).fit(X, writers)


def test_a_fit_that_fails_leaves_the_former(images):
    X, writers = images
    comparer = HandComparer(Pixels(), random_state=0).fit(X, writers)
    expected = comparer.compare(X[0], X[1]).score
    with pytest.raises(ValueError, match="one sample"):
        comparer.fit(X, np.arange(120))
    assert comparer.compare(X[0], X[1]).score == expected


def test_pairs_that_are_none(comparer, images):
    X, _ = images
    with pytest.raises(ValueError, match=r"pairs are needed, \(n, 2, ...\), and this is of shape"):
        comparer.pair_score(X[:, :1])
    with pytest.raises(ValueError, match="and this is a list"):
        comparer.pair_score([X[0], X[1], X[2]])
    with pytest.raises(ValueError, match="1 of 2 rows of X holds no pair, rows 1; row 1 holds 3"):
        comparer.pair_score([(X[0], X[1]), (X[0], X[1], X[2])])
    with pytest.raises(ValueError, match="side 1 of 2 has no sample"):
        comparer.compare(X[0], [])
    with pytest.raises(ValueError, match="1 of 2 are others, rows 1; row 1: 2"):
        comparer.score([(X[0], X[1]), (X[2], X[3])], [1, 2])


def test_rows_of_a_table_are_no_pairs():
    vectors, writers = make_vectors()
    comparer = HandComparer(random_state=0).fit(vectors, writers)
    pairs = vectors[:4].reshape(2, 2, 6)
    for verb in (comparer.pair_score, comparer.predict, comparer.predict_proba):
        assert len(verb(pairs)) == 2
        with pytest.raises(ValueError, match=r"pairs are needed, .* this is of shape \(360, 6\)"):
            verb(vectors)
    with pytest.raises(ValueError, match="5 features"):
        comparer.compare(vectors[0, :5], vectors[1, :5])


# -- the figure


def test_display(comparer, images):
    X, _ = images
    comparison = comparer.compare(X[0], X[6])
    table = comparison.distances  # one is too far out, and has an arrow
    table.loc[table.index[0], "distance"] = 3 * table["different_writers"].iloc[0]
    with pytest.warns(UserWarning, match="6, 7, 8 of b look like those of two writers"):
        display = ComparisonDisplay.from_estimator(comparer, X[0], X[6:15])
    assert list(display.axes_) == ["first", "second", "features", "parts", "scale"]
    assert len(display.axes_["first"].images) == 1 and len(display.axes_["second"].images) == 6
    assert display.axes_["second"].get_title(loc="left") == "second, 6 of 9 images"
    display = ComparisonDisplay.from_predictions(comparison, X[:1], X[6:7])
    axes = display.axes_
    assert axes["second"].get_title(loc="left") == "second"
    widths = [bar.get_width() for bar in axes["features"].patches]
    expected = comparison.features["log_likelihood_ratio"] / np.log(10)
    np.testing.assert_allclose(widths, expected)
    labels = [label.get_text() for label in axes["features"].get_yticklabels()]
    assert sorted(labels) == ["slant: left vs right", "staff of d: loopy vs retraced"]
    different = table["different_writers"]
    place = (different - table["distance"]) / (different - table["same_writer"])
    inside = place.between(-1.5, 2.5).to_numpy()
    assert not inside[0]
    marks = {line.get_marker(): line for line in axes["parts"].lines[2:]}
    np.testing.assert_allclose(marks.pop("D").get_xdata(), place[inside])
    assert {mark: line.get_ydata().tolist() for mark, line in marks.items()} == {
        mark: np.flatnonzero(outside).tolist()
        for mark, outside in (("<", place < -1.5), (">", place > 2.5))
        if outside.any()
    }
    marker = axes["scale"].lines[0].get_xdata()[0]
    assert marker == pytest.approx(comparison.log_likelihood_ratio / np.log(10))
    assert axes["scale"].get_title() == str(comparison).splitlines()[0]
    words = {text.get_text().replace("\n", " ") for text in axes["scale"].texts}
    assert words == {"weak", "moderate", "moderately strong", "strong"}
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # of a layout that has no room
        display.figure_.canvas.draw()


def test_display_in_given_axes(comparer, images):
    X, _ = images
    figure, (left, right) = plt.subplots(1, 2)
    display = ComparisonDisplay.from_estimator(comparer, X[0], X[1], ax=right)
    assert display.figure_ is figure and not right.axison and left.axison
    inside = [ax.get_position().x0 for ax in display.axes_.values()]
    assert min(inside) > 0.5


def test_no_picture_of_rows():
    vectors, writers = make_vectors()
    comparer = HandComparer(random_state=0).fit(vectors, writers)
    with pytest.raises(TypeError, match="rows can't be shown"):
        ComparisonDisplay.from_estimator(comparer, vectors[0], vectors[1])
