"""`CharacterClassifier`: what it takes, what it learns, what it refuses."""

import pickle
import warnings

import cv2
import joblib
import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.ensemble import VotingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import hwsk
from hwsk.networks.characters import CharacterNetwork
from hwsk.networks.losses import WeightedCrossEntropy
from hwsk.preprocessing.augmentation import RandomAffine, character_augmentation
from hwsk.recognition import CharacterClassifier

DIGITS, NUMBERS = load_digits(return_X_y=True)
LETTERS = np.array(list("abcdefghij"), object)[NUMBERS]  # other names of the ten classes
IMAGES = (DIGITS.reshape(-1, 8, 8) * 15.9).astype(np.uint8)  # light ink


def small(**params):
    defaults = {
        "hidden_units": 24, "num_layers": 1, "channels": (4, 8, 16), "max_epochs": 8,
        "batch_size": 32, "lr": 0.02, "precision": "float32", "random_state": 0,
    }  # fmt: skip
    return CharacterClassifier(**{**defaults, **params})


@pytest.fixture(scope="module")
def reader():
    """A classifier that tells most digits; tests that change it take a copy."""
    return small().fit(IMAGES[:900], LETTERS[:900])


# --- learning


@pytest.mark.parametrize(
    "params",
    [
        {"architecture": "rows"},
        {"architecture": "rows", "bidirectional": True, "num_layers": 2},
        {"architecture": "rows", "cell": "gru"},
        {"architecture": "cnn"},
        {"architecture": "cnn_rows", "bidirectional": True},
    ],
    ids=str,
)
def test_every_architecture_learns(params):
    classifier = small(**params).fit(IMAGES[:900], LETTERS[:900])
    assert classifier.score(IMAGES[900:], LETTERS[900:]) > 0.75
    proba = classifier.predict_proba(IMAGES[900:910])
    assert proba.shape == (10, 10)
    assert_allclose(proba.sum(axis=1), 1)


def test_bidirectional_reads_both_ways():
    """The last state of one direction has seen all rows, of either."""
    for bidirectional, n_weights in ((False, 1), (True, 2)):
        module = CharacterNetwork((6, 5), 3, bidirectional=bidirectional, dropout=0.0).eval()
        assert module.head.in_features == 128 * n_weights
        images = torch.rand(1, 1, 6, 5)
        for row in range(6):  # each row counts
            changed = images.clone()
            changed[0, 0, row] += 1
            assert not torch.allclose(module(images), module(changed), atol=1e-6)


@pytest.mark.parametrize("shape", [(28, 28), (8, 8), (9, 15)])
@pytest.mark.parametrize("architecture", ["rows", "cnn", "cnn_rows"])
def test_network_takes_any_size(architecture, shape):
    module = CharacterNetwork(shape, 4, architecture)
    assert module(torch.rand(2, 1, *shape)).shape == (2, 4)


def test_the_published_network():
    """2 layers of 128 units over 28 rows of 28 pixels, 47 classes: its number of weights."""
    module = CharacterNetwork((28, 28), 47)
    layers = 4 * 128 * (28 + 128 + 2), 4 * 128 * (128 + 128 + 2)
    assert sum(w.numel() for w in module.parameters()) == sum(layers) + 128 * 47 + 47


# --- what goes in


@pytest.mark.parametrize(
    "change",
    [
        lambda images: images.astype(np.float32) / 255,
        lambda images: images / 255.0,
        lambda images: list(images),
        lambda images: images[..., None],
        lambda images: np.repeat(images[..., None], 3, axis=3),
    ],
    ids=["float32", "float64", "list", "one channel", "colour"],
)
def test_forms_of_the_same_images_are_predicted_alike(change, reader):
    expected = reader.predict_proba(IMAGES[900:950])
    assert_allclose(reader.predict_proba(change(IMAGES[900:950])), expected, atol=0.02)


def test_files(reader, tmp_path):
    paths = []
    for i, image in enumerate(IMAGES[:40]):
        cv2.imwrite(str(tmp_path / f"{i}.png"), image)
        paths.append(tmp_path / f"{i}.png")
    assert_array_equal(reader.predict(paths), reader.predict(IMAGES[:40]))
    from_files, from_arrays = (
        small().fit(paths, LETTERS[:40]),
        small().fit(IMAGES[:40], LETTERS[:40]),
    )
    assert_array_equal(from_files.predict_proba(paths), from_arrays.predict_proba(IMAGES[:40]))


@pytest.mark.parametrize("scale", [1, 16, 255])
def test_tables_and_floats_of_any_scale(scale):
    table = DIGITS / 16 * scale
    as_table = small(max_epochs=1).fit(table[:200], NUMBERS[:200])
    assert as_table.image_shape_ == (8, 8)
    assert as_table.n_features_in_ == 64
    assert as_table.levels_ == (0, scale)
    as_images = small(max_epochs=1).fit(table[:200].reshape(-1, 8, 8), NUMBERS[:200])
    assert_array_equal(
        as_table.predict_proba(table[200:220]),
        as_images.predict_proba(table[200:220].reshape(-1, 8, 8)),
    )


def test_bytes_and_floats_mixed_share_a_scale():
    mixed = [image / 255 if i % 2 else image for i, image in enumerate(IMAGES[:60])]
    some = small(max_epochs=1).fit(mixed, LETTERS[:60])
    same = small(max_epochs=1).fit(IMAGES[:60] / 255, LETTERS[:60])
    assert some.levels_ == same.levels_ == (0, 1)
    assert_allclose(some.predict_proba(mixed), same.predict_proba(mixed), atol=1e-4)


def test_a_table_of_one_value():
    classifier = small(max_epochs=1).fit(np.full((4, 9), 7.0), [0, 1, 0, 1])
    assert classifier.predict_proba(np.full((1, 9), 7.0)).shape == (1, 2)


def test_ink_is_found_light_or_dark():
    light, dark = small(), small()
    light.fit(IMAGES[:100], LETTERS[:100])
    dark.fit(255 - IMAGES[:100], LETTERS[:100])
    assert (light.ink_, dark.ink_) == ("light", "dark")
    assert_array_equal(
        light.predict_proba(IMAGES[100:150]), dark.predict_proba(255 - IMAGES[100:150])
    )


def test_augmentation_is_given_dark_ink_on_light_paper():
    means = []

    def note(image, rng):
        means.append(image.mean() / (255 if image.dtype == np.uint8 else 1))
        return image

    for images in (IMAGES, 255 - IMAGES, DIGITS, 16 - DIGITS, DIGITS.reshape(-1, 8, 8)):
        small(augment=note, max_epochs=1).fit(images[:50], NUMBERS[:50])
    assert len(means) == 250
    assert min(means) > 0.5


@pytest.mark.parametrize("n_columns, shape", [(9, (3, 3)), (10, (1, 10)), (12, (1, 12))])
def test_shape_of_tables(n_columns, shape):
    X = np.random.default_rng(0).random((6, n_columns))
    assert small(max_epochs=1).fit(X, [0, 1] * 3).image_shape_ == shape
    assert small(max_epochs=1, image_shape=(n_columns, 1)).fit(X, [0, 1] * 3).image_shape_ == (
        n_columns, 1,
    )  # fmt: skip


@pytest.mark.parametrize(
    "names", [list(range(10)), list("abcdefghij"), [f"{i}.5" for i in range(10)], [True, False] * 5]
)
def test_classes_of_any_type(names):
    y = np.array(names)[NUMBERS[:100]]
    classifier = small(max_epochs=1).fit(IMAGES[:100], y)
    assert_array_equal(classifier.classes_, np.unique(y))
    assert classifier.predict(IMAGES[:5]).dtype == y.dtype
    assert small(max_epochs=1).fit(IMAGES[:100], list(y)).predict(IMAGES[:5]).shape == (5,)


# --- weights


def in_float64(**params):
    return small(
        precision="float64", dropout=0.0, batch_size=10_000, max_epochs=15, **params
    )  # one step an epoch: no chance but the initial weights


def test_weights_count_as_repetition():
    weights = np.random.default_rng(0).integers(0, 4, 60)
    repeated = np.repeat(np.arange(60), weights)
    a = in_float64().fit(IMAGES[:60], LETTERS[:60], sample_weight=weights)
    b = in_float64().fit(IMAGES[repeated], LETTERS[repeated])
    assert_allclose(a.predict_proba(IMAGES), b.predict_proba(IMAGES), rtol=1e-7)
    c = in_float64().fit(IMAGES[:60], LETTERS[:60])
    assert not np.allclose(a.predict_proba(IMAGES), c.predict_proba(IMAGES), rtol=1e-2)


@pytest.mark.parametrize("architecture", ["cnn", "cnn_rows"])
def test_batch_normalization_takes_no_sample_weight(architecture):
    classifier = small(architecture=architecture)
    for fit in (classifier.fit, classifier.partial_fit):
        with pytest.raises(ValueError, match=f"architecture='{architecture}' takes no sample_weig"):
            fit(IMAGES[:4], LETTERS[:4], sample_weight=np.ones(4))
    assert not hasattr(classifier, "net_")


def test_class_weight_is_a_sample_weight():
    y = np.where(NUMBERS[:100] == 3, "three", "other")
    count = np.array([(y == label).sum() for label in y])
    X = IMAGES[:100]
    balanced = in_float64(class_weight="balanced").fit(X, y).predict_proba(IMAGES)
    by_sample = in_float64().fit(X, y, sample_weight=1 / count).predict_proba(IMAGES)
    assert_allclose(balanced, by_sample, rtol=1e-7)
    heavy = in_float64(class_weight={"three": 50}).fit(X, y).predict_proba(IMAGES)
    assert heavy[:, 1].mean() > in_float64().fit(X, y).predict_proba(IMAGES)[:, 1].mean()


def test_label_smoothing_makes_less_sure():
    sure = small().fit(IMAGES[:600], LETTERS[:600]).predict_proba(IMAGES[:600])
    smooth = small(label_smoothing=0.3).fit(IMAGES[:600], LETTERS[:600])
    assert smooth.predict_proba(IMAGES[:600]).max(axis=1).mean() < sure.max(axis=1).mean()


def test_loss_is_weighted_cross_entropy():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 1.0, 0.0]], dtype=torch.float64)
    target = torch.tensor([0, 2]), torch.tensor([0.5, 1.5], dtype=torch.float64)
    log_proba = logits.log_softmax(1)
    smooth = 0.9 * log_proba[[0, 1], [0, 2]] + 0.1 * log_proba.mean(dim=1)
    loss = WeightedCrossEntropy(0.1)(logits, target)
    assert_allclose(float(loss), -float(0.5 * smooth[0] + 1.5 * smooth[1]) / 2)


# --- in scikit-learn's company


def test_pipeline_grid_search_and_joblib(tmp_path):
    pipeline = make_pipeline(StandardScaler(), small(max_epochs=4))
    grid = {
        "characterclassifier__hidden_units": [4, 32],
        "characterclassifier__augment": [None, character_augmentation(0.1)],
    }
    search = GridSearchCV(pipeline, grid, cv=2).fit(DIGITS[:300], NUMBERS[:300])
    assert search.best_params_["characterclassifier__hidden_units"] == 32
    joblib.dump(search, tmp_path / "search.joblib")
    loaded = joblib.load(tmp_path / "search.joblib")
    assert_array_equal(loaded.predict_proba(DIGITS[300:]), search.predict_proba(DIGITS[300:]))


def test_cross_val_score():
    assert cross_val_score(small(), IMAGES[:600], LETTERS[:600], cv=2).min() > 0.6


def test_voting(reader):
    other = small(random_state=1).fit(IMAGES[:900], LETTERS[:900])
    voting = VotingClassifier(
        [("a", FrozenEstimator(reader)), ("b", FrozenEstimator(other))], voting="soft"
    ).fit(IMAGES[:900], LETTERS[:900])
    mean = (reader.predict_proba(IMAGES[900:]) + other.predict_proba(IMAGES[900:])) / 2
    assert_allclose(voting.predict_proba(IMAGES[900:]), mean)
    assert_array_equal(voting.predict(IMAGES[900:]), reader.classes_[mean.argmax(axis=1)])


@pytest.mark.parametrize("way", ["pickle", "hwsk"])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_saved_and_loaded(way, precision, tmp_path):
    classifier = small(max_epochs=1, precision=precision, augment=character_augmentation())
    classifier.fit(IMAGES[:100], LETTERS[:100])
    if way == "pickle":
        loaded = pickle.loads(pickle.dumps(classifier))
    else:
        hwsk.save(classifier, tmp_path / "c.hwsk")
        loaded = hwsk.load(tmp_path / "c.hwsk")
    assert_array_equal(loaded.predict_proba(IMAGES[:9]), classifier.predict_proba(IMAGES[:9]))
    assert_array_equal(loaded.classes_, classifier.classes_)


def test_early_stopping_scores_accuracy_by_writer():
    writers = np.arange(300) % 7
    classifier = small(early_stopping=True, n_iter_no_change=2, validation_fraction=0.3)
    classifier.fit(IMAGES[:300], LETTERS[:300], groups=writers)
    scores = [row["valid_score"] for row in classifier.history_]
    assert all(0 <= score <= 1 for score in scores)
    assert max(scores) > 0.3


# --- going on


def test_partial_fit_learns_from_parts():
    classifier = small()
    for epoch in range(4):
        for start in range(0, 900, 300):
            rows = slice(start, start + 300)
            classes = LETTERS if not epoch and not start else None
            classifier.partial_fit(IMAGES[rows], LETTERS[rows], classes=classes)
    assert classifier.score(IMAGES[900:], LETTERS[900:]) > 0.75
    assert_array_equal(classifier.classes_, list("abcdefghij"))


def test_partial_fit_with_classes_to_come():
    some = NUMBERS < 5
    classifier = small().partial_fit(DIGITS[some], NUMBERS[some], classes=range(10))
    assert classifier.predict_proba(DIGITS[:3]).shape == (3, 10)
    classifier.partial_fit(DIGITS[~some][:20], NUMBERS[~some][:20])
    classifier.partial_fit(DIGITS[:1], NUMBERS[:1])  # one class alone
    with pytest.raises(ValueError, match=r"not what it was on the first call to partial_fit"):
        classifier.partial_fit(DIGITS[:5], NUMBERS[:5], classes=range(11))
    weighted = small(class_weight={0: 2, 9: 3})
    weighted.partial_fit(DIGITS[some], NUMBERS[some], classes=range(10))  # there is no 9
    with pytest.raises(ValueError, match="class_weight='balanced' is of all data"):
        small(class_weight="balanced").partial_fit(DIGITS[:5], NUMBERS[:5])


def test_warm_start_goes_on():
    classifier = small(warm_start=True, max_epochs=2).fit(IMAGES[:600], LETTERS[:600])
    first = classifier.history_[-1]["train_loss"]
    assert classifier.fit(IMAGES[:600], LETTERS[:600]).history_[0]["train_loss"] < first
    before = classifier.predict_proba(IMAGES[:5])
    with pytest.raises(ValueError, match=r"2 of 3 labels are none of .* row 1: 'x'.*fit anew"):
        classifier.fit(IMAGES[:3], ["a", "x", "y"])
    with pytest.raises(ValueError, match="another architecture; set warm_start=False"):
        classifier.set_params(hidden_units=7).fit(IMAGES[:100], LETTERS[:100])
    with pytest.raises(ValueError, match="image 0 is 9 pixels high and 8 wide"):
        classifier.set_params(hidden_units=24).fit(np.zeros((2, 9, 8), np.uint8), ["a", "b"])
    assert_array_equal(classifier.predict_proba(IMAGES[:5]), before)
    assert clone(classifier).fit(IMAGES[:3], ["a", "x", "y"]).classes_.tolist() == ["a", "x", "y"]


# --- test-time augmentation


def test_test_augmentations_average(reader):
    augment = RandomAffine(
        5, 0.1, scale_x=(0.9, 1.1), scale_y=(0.9, 1.1), shift=0.05, keep_size=True
    )
    several = pickle.loads(pickle.dumps(reader)).set_params(augment=augment, test_augmentations=3)
    proba = several.predict_proba(IMAGES[900:])
    assert_allclose(proba.sum(axis=1), 1)
    assert_array_equal(proba, several.predict_proba(IMAGES[900:]))  # no chance in it
    assert not np.allclose(proba, reader.predict_proba(IMAGES[900:]))
    assert_array_equal(several.predict(IMAGES[900:]), several.classes_[proba.argmax(axis=1)])
    still = several.set_params(augment=lambda image, rng: image)
    assert_allclose(still.predict_proba(IMAGES[:50]), reader.predict_proba(IMAGES[:50]), rtol=1e-6)
    with pytest.raises(ValueError, match="test_augmentations=3 and augment=None"):
        several.set_params(augment=None).predict(IMAGES[:2])


# --- what is refused


def bad(images=IMAGES, y=LETTERS, n=20, **params):
    return small(max_epochs=1, **params).fit(images[:n], y[:n])


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: bad(y=["a"] * 20), "one class only, 'a': a classifier needs two"),
        (lambda: bad([*IMAGES[:19], np.zeros((9, 8), np.uint8)]),
         r"image 19 is 9 pixels high and 8 wide, and image 0 8 pixels high and 8 wide"),
        (lambda: bad(IMAGES[:, :7], architecture="cnn"), "needs 8 pixels each way; take 'rows'"),
        (lambda: bad(DIGITS, image_shape=(8, 9)), "number of columns of X, 64"),
        (lambda: bad(image_shape=(9, 8)), "and image_shape says 9 pixels"),
        (lambda: bad(DIGITS, image_shape=(-8, -8)), "should be a height and a width"),
        (lambda: bad(DIGITS, image_shape=(8.0, 8.0)), "should be a height and a width"),
        (lambda: bad(channels=(1, 2)), "need three whole numbers"),
        (lambda: bad(y=LETTERS[:19]), "inconsistent numbers of samples"),
        (lambda: bad(y=np.linspace(0, 1, 20)), "Unknown label type"),
        (lambda: small().fit(IMAGES[:20], None), "the target y is None"),
        (lambda: bad(augment=lambda image, rng: image[1:]), "of the same dtype and shape"),
        (lambda: small().fit(IMAGES[:3], [0, 1, 2], sample_weight=[0, 0, 0]),
             "one non-zero|less than two"),  # before scikit-learn 1.9 the check of weights is ours
        (lambda: small().fit(IMAGES[:3], [0, 1, 2], sample_weight=[0, 1, 0]), "less than two"),
        (lambda: small().fit(IMAGES[:3], [0, 1, 2], sample_weight=[0, 1, -1]), "[Nn]egative"),
        (lambda: small().fit(IMAGES[:3], [0, 1, 2], sample_weight=[0, 1]), "shape"),
        (lambda: bad(class_weight={"q": 1}), "class"),
        (lambda: bad(class_weight=dict.fromkeys("abcdefghij", 0)), "all weights are 0"),
    ],
)  # fmt: skip
def test_refused_by_fit(call, match):
    with pytest.raises(ValueError, match=match):
        call()


@pytest.mark.parametrize(
    ("X", "match"),
    [
        ([IMAGES[0], np.zeros((28, 28), np.uint8)],
         "image 1: is 28 pixels high and 28 wide, and those of `fit` 8 pixels high and 8 wide"),
        (DIGITS, "fitted on images, and X is a table"),
        ([IMAGES[0], np.full((8, 8), np.nan)], "image 1 holds NaN"),
    ],
)  # fmt: skip
def test_refused_by_predict(X, match, reader):
    with pytest.raises(ValueError, match=match):
        reader.predict(X)


def test_failed_fit_leaves_what_was_fitted(reader):
    classifier = pickle.loads(pickle.dumps(reader))
    with pytest.raises(ValueError, match="one class only"):
        classifier.fit(IMAGES[:20], ["z"] * 20)
    assert_array_equal(classifier.predict(IMAGES[:20]), reader.predict(IMAGES[:20]))


# --- warnings


def test_inverted_images_are_reported(reader):
    mixed = IMAGES[:30].copy()
    mixed[7] = 255 - mixed[7]
    with pytest.warns(UserWarning, match=r"1 of 30 images looks inverted \(dark ink .* rows 7; "):
        small(max_epochs=1).fit(mixed, LETTERS[:30])
    with pytest.warns(UserWarning, match=r"30 of 30 .* inverted .*as most in `fit`") as caught:
        reader.predict(255 - IMAGES[:30])
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.predict(IMAGES[:30])
        small(max_epochs=1).fit(IMAGES[:30], LETTERS[:30])


def test_other_scales_are_reported(reader):
    floats = IMAGES[:30] / 255.0
    with pytest.warns(UserWarning, match=r"30 of 30 images hold values far from those of `fit`"):
        reader.predict(IMAGES[:30].astype(float))
    mixed = floats.copy()
    mixed[7] *= 255
    with pytest.warns(UserWarning, match=r"image 7 holds floats up to .*, and most images only"):
        small(max_epochs=1).fit(mixed, LETTERS[:30])
