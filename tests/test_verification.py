import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

import hwsk
from hwsk._data.images import object_array
from hwsk._training.canvas import CanvasDataset
from hwsk._training.writer_batches import ContextBatches
from hwsk.datasets import make_handwriting
from hwsk.preprocessing import Binarizer, InkCropper
from hwsk.preprocessing.augmentation import character_augmentation
from hwsk.verification import SiameseVerifier

pytestmark = pytest.mark.arithmetic

SIZE = (24, 48)
SMALL = {
    "image_size": SIZE,
    "channels": (4, 8, 8, 16),
    "embedding_dim": 16,
    "max_epochs": 3,
    "batch_size": 32,
    "random_state": 0,
}
LONGER = {**SMALL, "max_epochs": 12, "batch_size": 16, "lr": 1e-2}
N_TRAIN = 80


def assert_near(distances, expected):
    """Compare distances computed in batches of other sizes, whose float32 sums are rounded
    otherwise; matched distances are roots of small differences, which magnify that.
    """
    np.testing.assert_allclose(distances, expected, rtol=1e-3, atol=2e-5)


@pytest.fixture(scope="module")
def words():
    return make_handwriting(120, texts=["and"], n_writers=10, random_state=0)


@pytest.fixture(
    scope="module",
    params=[
        {},
        {"matching": True},
        {"matching": True, "registration": True},
        {"matching": True, "registration": True, "n_duplicates": 2, "test_scale": 1.5},
    ],
    ids=["vectors", "places", "registered", "all"],
)
def fitted(words, request):
    augment = character_augmentation(0.3) if "n_duplicates" in request.param else None
    verifier = SiameseVerifier(**SMALL, **request.param, augment=augment)
    return verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])


@pytest.fixture(scope="module")
def pairs(words):
    """Row numbers of pairs, half of them by one hand, and whether they are."""
    rng = np.random.default_rng(0)
    first, second = np.triu_indices(N_TRAIN, 1)
    same = words.writer[first] == words.writer[second]
    kept = np.r_[
        rng.choice(np.flatnonzero(same), 60, False), rng.choice(np.flatnonzero(~same), 60, False)
    ]
    rng.shuffle(kept)
    return np.column_stack([first, second])[kept], same[kept].astype(int)


@pytest.fixture(scope="module")
def calibrated(fitted, words, pairs):
    rows, same = pairs
    return pickle.loads(pickle.dumps(fitted)).calibrate_threshold(words.images[rows], same)


# Learning


@pytest.mark.parametrize(
    ("loss", "matching"),
    [
        ("contrastive", False),
        ("triplet", False),
        ("multi_similarity", False),
        ("cosface", False),
        ("multi_similarity", True),
    ],
)
def test_every_loss_learns_from_writers(words, loss, matching):
    verifier = SiameseVerifier(loss, **LONGER, matching=matching)
    verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])
    losses = [row["train_loss"] for row in verifier.history_]
    assert losses[-1] < losses[0]
    assert verifier.score(words.images[:N_TRAIN], words.writer[:N_TRAIN]) > 0.85
    assert verifier.score(words.images[N_TRAIN:], words.writer[N_TRAIN:]) > 0.6


@pytest.mark.parametrize(
    ("loss", "others"),
    [
        ("contrastive", {}),
        ("multi_similarity", {"texture": True}),
        ("multi_similarity", {"matching": True}),
    ],
)
def test_learns_from_pairs(words, pairs, loss, others):
    rows, same = pairs
    verifier = SiameseVerifier(loss, **LONGER, **others).fit(words.images[rows], same)
    assert verifier.history_[-1]["train_loss"] < verifier.history_[0]["train_loss"]
    assert verifier.score(words.images[rows], same) > 0.85


def test_same_seed_same_vectors(words, fitted):
    again = clone(fitted).fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])
    np.testing.assert_array_equal(again.transform(words.images), fitted.transform(words.images))


def test_names_of_writers_do_not_matter(words, fitted):
    renamed = np.array([f"w{writer}" for writer in words.writer[:N_TRAIN]])
    again = clone(fitted).fit(words.images[:N_TRAIN], renamed)
    np.testing.assert_array_equal(again.transform(words.images), fitted.transform(words.images))


def test_forms_of_pairs_agree(words, fitted, pairs):
    rows, _ = pairs
    canvases = np.stack([fitted._on_canvas(image) for image in words.images])
    expected = fitted.pair_distance(canvases[rows])
    as_lists = [[words.images[i], words.images[j]] for i, j in rows]
    for form in (words.images[rows], as_lists):
        assert_near(fitted.pair_distance(form), expected)
    for preprocessor in (list(words.images), lambda ids: [words.images[i] for i in ids]):
        of_ids = fitted_with(fitted, preprocessor)
        for form in (rows, [tuple(pair) for pair in rows.tolist()]):
            assert_near(of_ids.pair_distance(form), expected)


def fitted_with(fitted, preprocessor):
    other = pickle.loads(pickle.dumps(fitted))
    other.preprocessor = preprocessor
    return other


def test_paths_are_decoded_once(words, fitted, pairs, tmp_path, monkeypatch):
    import cv2

    rows, _ = pairs
    paths = np.array([str(tmp_path / f"{i}.png") for i in range(len(words.images))])
    for path, image in zip(paths, words.images, strict=True):
        cv2.imwrite(path, image)
    decoded = []
    read = hwsk._data.images.read_image
    monkeypatch.setattr(
        hwsk._data.images, "read_image", lambda path: decoded.append(path) or read(path)
    )
    distances = fitted.pair_distance(paths[rows])
    assert len(decoded) == len(np.unique(rows))
    assert_near(distances, fitted.pair_distance(words.images[rows]))


def test_images_of_several_pairs_are_seen_once(words, fitted, pairs):
    rows, _ = pairs
    seen = []

    def look(images):
        seen.extend(images)
        return images

    expected = fitted.pair_distance(words.images[rows])
    copies = [[image.copy() for image in words.images[pair]] for pair in rows]
    distances = fitted_with(fitted, look).pair_distance(copies)
    assert_near(distances, expected)
    assert len(seen) == len(np.unique(rows))


def test_pairs_are_alike_either_way_round(words, fitted, pairs):
    rows, _ = pairs
    distances = fitted.pair_distance(words.images[rows])
    assert_near(fitted.pair_distance(words.images[rows[:, ::-1]]), distances)
    same = fitted.pair_distance(words.images[np.column_stack([rows[:, 0], rows[:, 0]])])
    np.testing.assert_allclose(same, 0, atol=2e-3)
    assert (distances > 0.005).all() and (distances <= 2).all()


def test_preprocessor_may_be_a_pipeline_of_images(words, pairs):
    cleaner = make_pipeline(Binarizer(), InkCropper())
    verifier = SiameseVerifier(**SMALL, preprocessor=cleaner)
    verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])
    assert verifier.preprocessor is cleaner and verifier.preprocessor_ is not cleaner
    cleaned = cleaner.fit_transform(words.images)
    plain = SiameseVerifier(**SMALL).fit(cleaned[:N_TRAIN], words.writer[:N_TRAIN])
    np.testing.assert_array_equal(verifier.transform(words.images), plain.transform(cleaned))


def test_features_are_learnt_along(words, tmp_path):
    features = pd.DataFrame({"pen": np.where(words.style["pen_width"] > 2, "thick", None)})
    features.loc[::3, "pen"] = "thin"
    verifier = SiameseVerifier("cosface", **SMALL)
    verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN], features=features[:N_TRAIN])
    assert verifier.feature_names_ == ["pen"]
    assert len(verifier.net_.module_.heads) == 1
    copy = pickle.loads(pickle.dumps(verifier))
    np.testing.assert_array_equal(copy.transform(words.images), verifier.transform(words.images))
    classifier = hwsk_round_trip(verifier.feature_classifier(), tmp_path)
    assert list(classifier.classes_[0]) == ["thick", "thin"]
    known = features["pen"].notna()
    assert classifier.predict(words.images[known]).shape == (known.sum(), 1)
    features_of = classifier.transform(words.images)
    weights = verifier.net_.module_.embedding.weight.detach().numpy()
    vectors = features_of @ weights.T + verifier.net_.module_.embedding.bias.detach().numpy()
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, verifier.transform(words.images), atol=2e-2)  # bfloat16


def hwsk_round_trip(estimator, folder):
    hwsk.save(estimator, folder / "estimator.hwsk")
    return hwsk.load(folder / "estimator.hwsk")


def test_no_features_no_classifier(fitted):
    with pytest.raises(NotFittedError, match="features="):
        fitted.feature_classifier()


def test_warm_start_goes_on(words, fitted):
    further = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True, max_epochs=1, lr=1e-6)
    before = further.transform(words.images)
    further.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])
    assert np.abs(further.transform(words.images) - before).max() < 0.2
    with pytest.raises(ValueError, match="another architecture"):
        further.set_params(embedding_dim=8).fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])


def test_checkpoint_of_a_loss_that_learns(words, tmp_path):
    from hwsk.callbacks import Checkpoint

    def fit(epochs, name):
        callbacks = [Checkpoint(tmp_path / name)]
        params = {**SMALL, "lr_schedule": "constant", "max_epochs": epochs}
        verifier = SiameseVerifier("cosface", **params, callbacks=callbacks)
        return verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])

    whole = fit(4, "whole")
    fit(2, "parts")
    resumed = fit(4, "parts")
    np.testing.assert_array_equal(
        resumed.transform(words.images[N_TRAIN:]), whole.transform(words.images[N_TRAIN:])
    )


@pytest.mark.parametrize("loss", ["contrastive", "triplet", "multi_similarity", "cosface"])
def test_batches_without_a_pair_are_no_harm(words, loss):
    verifier = SiameseVerifier(loss, **{**SMALL, "batch_size": 1, "max_epochs": 1})
    verifier.fit(words.images[:20], words.writer[:20])
    assert np.isfinite(verifier.transform(words.images[:5])).all()


# Vectors and scores


def test_vectors_have_length_one(words, fitted):
    vectors = fitted.transform(words.images)
    n_cells = 2 * 3 if fitted.test_scale == 1 else 3 * 5
    n_columns = len(fitted.codebook_) * n_cells if fitted.matching else 16
    assert vectors.shape == (120, n_columns) and vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)


def test_transform_of_pairs(words, fitted, pairs):
    rows, _ = pairs
    vectors = fitted.transform(words.images[rows])
    np.testing.assert_allclose(vectors, fitted.transform(words.images)[rows], atol=1e-5)


def test_score_is_area_under_curve(words, fitted, pairs):
    rows, same = pairs
    images = words.images[rows]
    expected = roc_auc_score(same, -fitted.pair_distance(images))
    assert fitted.score(images, same) == expected
    np.testing.assert_array_equal(fitted.decision_function(images), fitted.pair_score(images))
    test, writers = words.images[N_TRAIN:], words.writer[N_TRAIN:]
    i, j = np.triu_indices(len(test), 1)
    by_hand = roc_auc_score(
        writers[i] == writers[j], fitted.pair_score(test[np.column_stack([i, j])])
    )
    assert fitted.score(test, writers) == pytest.approx(by_hand, abs=1e-9)


def test_no_threshold_before_calibration(words, fitted, pairs):
    with pytest.raises(NotFittedError, match="calibrate_threshold"):
        fitted.predict(words.images[pairs[0]])
    with pytest.raises(NotFittedError, match="calibrate_threshold"):
        fitted.predict_proba(words.images[pairs[0]])


def test_early_stopping_calibrates_on_writers_held_out(words):
    verifier = SiameseVerifier(**SMALL, early_stopping=True, validation_fraction=0.3)
    verifier.fit(words.images, words.writer)
    assert -2 <= verifier.threshold_ <= 0 and verifier.calibration_[0] > 0
    assert "valid_score" in verifier.history_[0]


def test_early_stopping_on_pairs(words, pairs):
    rows, same = pairs
    verifier = SiameseVerifier(**SMALL, early_stopping=True, validation_fraction=0.3)
    assert -2 <= verifier.fit(words.images[rows], same).threshold_ <= 0


def test_strategies_keep_what_they_promise(words, fitted, pairs):
    rows, same = pairs
    images = words.images[rows]
    verifier = pickle.loads(pickle.dumps(fitted))

    def rates(strategy, **options):
        found = verifier.calibrate_threshold(images, same, strategy, **options).predict(images)
        return found[same == 1].mean(), 1 - found[same == 0].mean()

    tpr, tnr = rates("eer")
    assert abs(tpr - tnr) < 0.05
    tpr, tnr = rates("max_tpr", min_rate=0.9)
    assert tnr >= 0.9
    assert rates("max_tpr", min_rate=1.0)[1] == 1
    tpr, tnr = rates("max_tnr", min_rate=0.9)
    assert tpr >= 0.9
    best = sum(rates("accuracy")) / 2
    assert all(best >= sum(rates("max_tpr", min_rate=r)) / 2 for r in (0.5, 0.7, 0.9))
    assert rates("f_beta", beta=5.0)[0] >= rates("f_beta", beta=0.2)[0]


def test_probabilities_follow_scores_and_are_calibrated(words, calibrated, pairs):
    rows, same = pairs
    images = words.images[rows]
    probabilities, scores = calibrated.predict_proba(images), calibrated.pair_score(images)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert (np.diff(probabilities[np.argsort(scores), 1]) >= 0).all()
    assert probabilities[:, 1].mean() == pytest.approx(same.mean(), abs=0.05)


def test_labels_of_minus_one_come_back(words, pairs):
    images, signs = words.images[pairs[0]], np.where(pairs[1] == 1, 1, -1)
    verifier = SiameseVerifier(**SMALL).fit(images, signs).calibrate_threshold(images, signs)
    assert set(verifier.predict(images)) == {1, -1}


def test_set_threshold(words, fitted, pairs):
    images = words.images[pairs[0]]
    verifier = pickle.loads(pickle.dumps(fitted))
    assert verifier.set_threshold(0).predict(images).sum() == 0
    assert verifier.set_threshold(-2).predict(images).all()
    with pytest.raises(ValueError, match="threshold"):
        verifier.set_threshold("high")


def test_saved_and_loaded(words, calibrated, pairs, tmp_path):
    images = words.images[pairs[0]]
    hwsk.save(calibrated, tmp_path / "verifier.hwsk")
    loaded = hwsk.load(tmp_path / "verifier.hwsk")
    np.testing.assert_array_equal(loaded.predict_proba(images), calibrated.predict_proba(images))
    np.testing.assert_array_equal(loaded.predict(images), calibrated.predict(images))


# Among scikit-learn's


def test_metric_for_neighbours(words, fitted):
    canvases = np.stack([fitted._on_canvas(image) for image in words.images])
    metric = pickle.loads(pickle.dumps(fitted.get_metric()))
    rows = canvases.reshape(len(canvases), -1)
    expected = fitted.pair_distance(canvases[None, :2])[0]
    assert expected > 0
    assert_near(metric(rows[0].astype(float), rows[1].astype(float)), expected)
    neighbours = KNeighborsClassifier(1, metric=metric).fit(rows[:N_TRAIN], words.writer[:N_TRAIN])
    assert neighbours.score(rows[N_TRAIN:], words.writer[N_TRAIN:]) > 0.3


def test_search_over_samples_and_over_pairs(words, pairs):
    base = SiameseVerifier(**{**SMALL, "max_epochs": 1})
    search = GridSearchCV(base, {"margin": [0.5, 1.0]}, cv=GroupKFold(2), error_score="raise")
    search.fit(words.images, words.writer, groups=words.writer)
    assert search.cv_results_["mean_test_score"].min() > 0.5
    rows, same = pairs
    by_name = GridSearchCV(base, {"margin": [0.5]}, cv=2, scoring="roc_auc", error_score="raise")
    assert by_name.fit(words.images[rows], same).best_score_ > 0.5


def test_tables_with_a_shape(words, fitted):
    canvases = np.stack([fitted._on_canvas(image) for image in words.images]).astype(float)
    table = canvases.reshape(len(canvases), -1)
    verifier = SiameseVerifier(**{**SMALL, "image_size": None}, image_shape=SIZE)
    verifier.fit(table[:N_TRAIN], words.writer[:N_TRAIN])
    pairs = table[np.array([[80, 81], [82, 83]])]
    assert verifier.pair_distance(pairs).shape == (2,)


def test_tables_without_a_shape_only_transform(words):
    X = np.random.default_rng(0).random((20, 9))
    verifier = SiameseVerifier(**SMALL).fit(X, np.arange(20) % 4)
    assert verifier.transform(X).shape == (20, 16)
    with pytest.raises(AttributeError, match="predict"):
        verifier.predict  # noqa: B018


# Bad input


def test_writers_with_one_sample_are_counted(words):
    writers = words.writer[:N_TRAIN].astype(object)
    writers[:3] = ["x", "y", "z"]
    with pytest.warns(UserWarning, match="3 of 13 writers have one sample"):
        SiameseVerifier(**SMALL).fit(words.images[:N_TRAIN], writers)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.arange(N_TRAIN), "each of the 80 writers in y has one sample"),
        (np.zeros(N_TRAIN), "by one writer"),
        (None, "requires y"),
        (np.zeros(3), "inconsistent numbers"),
    ],
)
def test_useless_writers(words, y, message):
    with pytest.raises(ValueError, match=message):
        SiameseVerifier(**SMALL).fit(words.images[:N_TRAIN], y)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.full(120, 2), "labels of pairs are 1 .* 120 of 120 are others, rows 0, 1"),
        (np.ones(120), "all 120 pairs are by one hand"),
        (-np.ones(120), "all 120 pairs are by different hands"),
        (np.ones(7), "120 pairs, and y has 7 labels"),
    ],
)
def test_useless_labels_of_pairs(words, pairs, y, message):
    with pytest.raises(ValueError, match=message):
        SiameseVerifier(**SMALL).fit(words.images[pairs[0]], y)


@pytest.mark.parametrize("loss", ["triplet", "cosface"])
def test_losses_that_need_writers(words, pairs, loss):
    rows, same = pairs
    with pytest.raises(ValueError, match="single samples and their writers"):
        SiameseVerifier(loss, **SMALL).fit(words.images[rows], same)


def test_batches_hold_what_different_hands_wrote_alike(words):
    contexts = np.arange(400) // 100
    writers = np.arange(400) // 10
    targets = [
        (writer, row, [], context)
        for row, (writer, context) in enumerate(zip(writers, contexts, strict=True))
    ]
    dataset = CanvasDataset(np.zeros((400, 4, 4), np.uint8), targets)
    batches = list(ContextBatches(dataset, 32))
    assert sorted(row for batch in batches for row in batch) == list(range(400))
    for batch in batches[:-1]:
        assert len(set(contexts[batch])) <= 4
        counts = np.unique(writers[batch], return_counts=True)[1]
        assert (counts > 1).any() and len(counts) > 4


def test_contexts_decide_on_batches(words, monkeypatch):
    used = []

    class Recorded(ContextBatches):
        def __iter__(self):
            used.append(True)
            return super().__iter__()

    monkeypatch.setattr(hwsk.verification, "ContextBatches", Recorded)
    verifier = SiameseVerifier(**SMALL)
    verifier.fit(words.images[:20], words.writer[:20])
    assert not used
    verifier.fit(words.images[:20], words.writer[:20], contexts=words.text[:20])
    assert used and np.isfinite(verifier.transform(words.images[:2])).all()


def test_registration_can_be_set_on_what_is_fitted(words, by_places):
    verifier = pickle.loads(pickle.dumps(by_places))
    pair = np.stack([verifier._on_canvas(image) for image in words.images[:2]])
    metric = verifier.get_metric()
    apart = metric(pair[0].ravel(), pair[1].ravel())
    for registration in (True, False):
        verifier.set_params(registration=registration)
        distance = metric(pair[0].ravel(), pair[1].ravel())
        assert_near(distance, verifier.pair_distance(pair[None])[0])
        assert (distance != apart) == registration


@pytest.mark.parametrize(
    "parameter", [{"registration": True}, {"n_duplicates": 2}, {"test_scale": 1.5}]
)
def test_what_goes_by_places_needs_them(words, parameter):
    with pytest.raises(ValueError, match=f"{next(iter(parameter))}=.* set matching=True"):
        SiameseVerifier(**SMALL, **parameter).fit(words.images[:20], words.writer[:20])


@pytest.mark.parametrize(
    "parameters", [{"test_augmentations": 2}, {"matching": True, "n_duplicates": 3}]
)
def test_changed_versions_need_what_changes_images(words, parameters, monkeypatch):
    monkeypatch.setattr(SiameseVerifier, "_train", None)  # it is told before the training
    with pytest.raises(ValueError, match=r"augment=None: there is nothing to make [23] changed"):
        SiameseVerifier(**SMALL, **parameters).fit(words.images[:20], words.writer[:20])


@pytest.fixture(scope="module")
def by_places(words):
    verifier = SiameseVerifier(**SMALL, matching=True)
    return verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])


def test_spread_of_duplicates_is_taken_off(words, by_places):
    verifier = pickle.loads(pickle.dumps(by_places))
    rows = np.array([[0, 1], [1, 0], [0, 2], [1, 2], [3, 3]])
    pairs = words.images[rows]
    apart = verifier.pair_distance(pairs)
    verifier.set_params(n_duplicates=3)
    with pytest.raises(ValueError, match="augment=None: there is nothing to make 3 changed"):
        verifier.pair_distance(pairs)
    verifier.set_params(augment=character_augmentation(0.3))
    canvases = [verifier._on_canvas(image) for image in words.images[:4]]
    spreads = []
    for canvas in canvases:
        changed = [verifier.augment(canvas, np.random.default_rng(version)) for version in range(3)]
        verifier.set_params(n_duplicates=0)
        spreads.append(verifier.pair_distance([(canvas, version) for version in changed]).mean())
        verifier.set_params(n_duplicates=3)
    expected = apart - np.array(spreads)[rows].mean(axis=1) / 2
    assert expected[-1] < 0 < expected[:-1].min()
    got = verifier.pair_distance(pairs)
    np.testing.assert_allclose(got, expected.clip(0), atol=1e-4)
    assert got[-1] == 0
    # `test_augmentations` asks for the same versions: no spread but of what was asked for
    verifier.set_params(test_augmentations=4)
    several = verifier.pair_distance(pairs)
    plain = verifier.set_params(n_duplicates=0).pair_distance(pairs)
    np.testing.assert_allclose(
        several[:-1], (plain - np.array(spreads)[rows].mean(axis=1) / 2)[:-1], atol=1e-4
    )


def test_thresholds_of_training_are_of_distances_so_compared(words):
    arguments = {
        **SMALL,
        "matching": True,
        "early_stopping": True,
        "validation_fraction": 0.3,
        "augment": character_augmentation(0.3),
    }
    thresholds = [
        SiameseVerifier(**arguments, n_duplicates=n).fit(words.images, words.writer).threshold_
        for n in (0, 2)
    ]
    assert thresholds[1] > thresholds[0]  # distances are less


def test_test_scale_can_be_set_on_what_is_fitted(words, by_places):
    verifier = pickle.loads(pickle.dumps(by_places))
    pairs, metric = words.images[:2][None], verifier.get_metric()
    canvases = [verifier._on_canvas(image).ravel() for image in words.images[:2]]
    distances, sizes = [], []
    for scale in (1.0, 2.0):
        verifier.set_params(test_scale=scale)
        distances.append(verifier.pair_distance(pairs)[0])
        sizes.append(verifier.transform(words.images[:1]).shape[1])
        assert_near(metric(*canvases), distances[-1])
    assert distances[0] != distances[1]
    assert sizes[1] > 2 * sizes[0]


def test_features_of_pairs_are_refused(words, pairs):
    rows, same = pairs
    with pytest.raises(ValueError, match="contexts are of single samples"):
        SiameseVerifier(**SMALL).fit(words.images[rows], same, contexts=same)
    with pytest.raises(ValueError, match="features are of single samples"):
        SiameseVerifier(**SMALL).fit(words.images[rows], same, features=same)


def test_nothing_to_calibrate_by(words, fitted, pairs):
    rows, same = pairs
    images = words.images[rows]
    for kept, message in ((same == 1, "one hand only"), (same == 0, "different hands only")):
        with pytest.raises(ValueError, match=message):
            fitted.calibrate_threshold(images[kept], same[kept])
    with pytest.raises(ValueError, match="needs min_rate"):
        fitted.calibrate_threshold(images, same, "max_tpr")
    with pytest.raises(ValueError, match="takes no min_rate"):
        fitted.calibrate_threshold(images, same, "eer", min_rate=0.5)
    assert not hasattr(fitted, "threshold_")


def test_unknown_ids(words, fitted):
    verifier = fitted_with(fitted, list(words.images))
    with pytest.raises(ValueError, match=r"1 ids in X are none of the 120 rows .* 500"):
        verifier.pair_distance(np.array([[0, 500]]))
    with pytest.raises(ValueError, match="row numbers"):
        verifier.pair_distance(np.array([["a", "b"]]))


def test_samples_where_pairs_are_needed(words, fitted):
    with pytest.raises(ValueError, match="make_pairs"):
        fitted.pair_distance(words.images)
    with pytest.raises(ValueError, match="row 1 of X holds 3 entries"):
        fitted.pair_distance([list(words.images[:2]), list(words.images[:3])])


def test_images_of_several_sizes_need_a_canvas(words):
    with pytest.raises(ValueError, match=r"image 0 is .* give image_size"):
        SiameseVerifier(**{**SMALL, "image_size": None}).fit(words.images, words.writer)
    with pytest.raises(ValueError, match="image_size="):
        SiameseVerifier(**{**SMALL, "image_size": (0, 4)}).fit(words.images, words.writer)
    with pytest.raises(ValueError, match="channels="):
        SiameseVerifier(**{**SMALL, "channels": (4, 4)}).fit(words.images, words.writer)


def test_pairs_of_different_sizes_are_fitted(fitted, words):
    pair = object_array([words.images[0], np.pad(words.images[0], 30, constant_values=255)])
    assert fitted.pair_distance(pair[None])[0] < 0.02


def test_blank_images_are_counted(words, fitted):
    blank = np.full((40, 90), 255, np.uint8)
    with pytest.warns(UserWarning, match=r"2 of 3 images have no ink, rows 0, 2"):
        vectors = fitted.transform([blank, words.images[0], blank])
    assert np.isfinite(vectors).all()
    writers = np.r_[words.writer[:20], words.writer[:1]]
    with pytest.warns(UserWarning, match=r"1 of 21 images have no ink, rows 20"):
        SiameseVerifier(**SMALL).fit([*words.images[:20], blank], writers)


def test_a_failed_fit_leaves_what_was(words, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError):
        copy.fit(words.images[:N_TRAIN], np.arange(N_TRAIN))
    np.testing.assert_array_equal(copy.transform(words.images), fitted.transform(words.images))


def test_image_of_the_canvas_is_taken_as_it_is(fitted):
    image = np.full(SIZE, 255, np.uint8)
    image[5:9, 5:20] = 0
    assert fitted._on_canvas(image) is image
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        shifted = np.roll(image, 8, axis=1)
        assert fitted.pair_distance(np.stack([image, shifted])[None])[0] > 0


def test_changed_versions_are_the_same_for_equal_images(words, fitted):
    several = pickle.loads(pickle.dumps(fitted)).set_params(test_augmentations=3, augment=None)
    with pytest.raises(ValueError, match="augment=None"):
        several.transform(words.images)
    several.set_params(augment=character_augmentation(0.3))
    vectors = several.transform(words.images[[0, 1, 0]])
    np.testing.assert_array_equal(vectors[0], vectors[2])
    assert not np.allclose(vectors, fitted.transform(words.images[[0, 1, 0]]))
    distances = [
        verifier.pair_distance(words.images[[[0, 1], [1, 0]]]) for verifier in (several, fitted)
    ]
    assert_near(distances[0][0], distances[0][1])
    assert not np.allclose(*distances)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
