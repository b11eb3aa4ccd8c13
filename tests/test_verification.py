import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, GroupKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from skorch.callbacks import Callback

import hwsk
from hwsk._data.images import object_array
from hwsk._training.canvas import CanvasDataset
from hwsk._training.writer_batches import ContextBatches
from hwsk.callbacks import Checkpoint
from hwsk.datasets import make_handwriting
from hwsk.model_selection import make_pairs
from hwsk.preprocessing import Binarizer, InkCropper
from hwsk.preprocessing.augmentation import character_augmentation
from hwsk.verification import (
    DescriptorHistogram,
    LocalDescriptorMatching,
    SiameseVerifier,
    _samples,
)
from hwsk.verification._typicality import find_ranges

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
        None,
        LocalDescriptorMatching(),
        LocalDescriptorMatching(registration=True),
        LocalDescriptorMatching(registration=True, n_duplicates=2, scale=1.5),
    ],
    ids=["embeddings", "matched", "registered", "all"],
)
def fitted(words, request):
    augmented = request.param is not None and request.param.n_duplicates
    augment = character_augmentation(0.3) if augmented else None
    verifier = SiameseVerifier(**SMALL, comparator=request.param, augment=augment)
    return verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])


@pytest.fixture(scope="module")
def pairs(words):
    """Row numbers of pairs, half of them by the same writer, and whether they are."""
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
    ("loss", "comparator"),
    [
        ("contrastive", None),
        ("triplet", None),
        ("multi_similarity", None),
        ("cosface", None),
        ("multi_similarity", LocalDescriptorMatching()),
    ],
)
def test_every_loss_learns_from_writers(words, loss, comparator):
    verifier = SiameseVerifier(loss, **LONGER, comparator=comparator)
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
        ("multi_similarity", {"comparator": LocalDescriptorMatching()}),
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
    canvases = np.stack([fitted._canvas_step(False)(image) for image in words.images])
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
    read = hwsk._data.decoding._decode_file
    monkeypatch.setattr(
        hwsk._data.decoding, "_decode_file", lambda path: decoded.append(path) or read(path)
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


class Interrupt(Callback):
    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2:
            raise KeyboardInterrupt


def test_checkpoint_of_a_loss_that_learns(words, tmp_path):
    def fit(name, *others):
        verifier = SiameseVerifier("cosface", **{**SMALL, "max_epochs": 4})
        verifier.set_params(callbacks=[Checkpoint(tmp_path / name), *others])
        return verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])

    whole = fit("whole")
    with pytest.warns(ConvergenceWarning, match="interrupted in epoch 2 of 4"):
        fit("parts", Interrupt())
    resumed = fit("parts")
    np.testing.assert_array_equal(
        resumed.transform(words.images[N_TRAIN:]), whole.transform(words.images[N_TRAIN:])
    )


@pytest.mark.parametrize("loss", ["contrastive", "triplet", "multi_similarity", "cosface"])
def test_batches_without_a_pair_are_no_harm(words, loss):
    verifier = SiameseVerifier(loss, **{**SMALL, "batch_size": 1, "max_epochs": 1})
    verifier.fit(words.images[:20], words.writer[:20])
    assert np.isfinite(verifier.transform(words.images[:5])).all()


# Vectors and scores


def test_embeddings_have_length_one(words, fitted):
    embedding = fitted.transform(words.images)
    assert embedding.shape == (120, 16) and embedding.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(embedding, axis=1), 1, rtol=1e-5)
    names = fitted.get_feature_names_out()
    assert names[0] == "siameseverifier0" and len(names) == 16


def test_histograms_of_descriptors(words, matched):
    histogram = DescriptorHistogram(matched, n_codes=32, random_state=0)
    vectors = histogram.fit(words.images[:N_TRAIN]).transform(words.images)
    assert vectors.shape == (120, 32 * 2 * 3) == (120, len(histogram.get_feature_names_out()))
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    rows = np.flatnonzero(words.writer == words.writer[0])
    near = np.linalg.norm(vectors[rows[1:]] - vectors[rows[0]], axis=1).mean()
    assert near < np.linalg.norm(vectors - vectors[rows[0]], axis=1).mean()
    plain = SiameseVerifier(**SMALL).fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])
    with pytest.raises(ValueError, match=r"comparator=LocalDescriptorMatching\(\)"):
        DescriptorHistogram(plain).fit(words.images)


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

    scores = verifier.pair_score(images)  # once: a score at the threshold must not be rounded anew

    def rates(strategy, **options):
        verifier.calibrate_from_scores(scores, same, strategy, **options)
        found = scores >= verifier.threshold_
        return found[same == 1].mean(), 1 - found[same == 0].mean()

    tpr, tnr = rates("eer")
    assert abs(tpr - tnr) < 0.05
    tpr, tnr = rates("max_tpr", min_rate=0.9)
    assert tnr >= 0.9
    assert rates("max_tpr", min_rate=1.0)[1] == 1
    tpr, tnr = rates("max_tnr", min_rate=0.9)
    assert tpr >= 0.9
    best = sum(rates("accuracy")) / 2 + 1e-9  # equally good ones are rounded
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


def test_calibration_knows_how_its_images_look(words, tmp_path):
    """Of single samples, of pairs, and of several references; of few or negative ones not."""
    X, (rows, same) = words.images[:60], make_pairs(words.writer[:60], n_pairs=80, random_state=0)
    strip = np.hstack([X[0]] * 12)
    pair = [[X[0], strip], [X[0], X[1]]]
    verifier = SiameseVerifier(**SMALL).fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])
    for calibrate in (
        lambda: verifier.calibrate_threshold(X, words.writer[:60]),
        lambda: verifier.calibrate_threshold(X[rows], same),
        lambda: verifier.calibrate_references(X, words.writer[:60], max_references=2),
    ):
        verifier.__dict__.pop("sample_ranges_", None)
        calibrate()
        with pytest.warns(UserWarning, match="side 1 of pair 0: .* pen widths wide") as warned:
            verifier.predict(pair)
        assert sum("unlike those of the calibration" in str(w.message) for w in warned) == 1
    hwsk.save(verifier, tmp_path / "v.hwsk")
    with pytest.warns(UserWarning, match="side 1 of pair 0: .* pen widths wide"):
        hwsk.load(tmp_path / "v.hwsk").predict_proba(pair)
    with pytest.warns(UserWarning, match="^5 images of the pairs.*; and 2 more images$"):
        verifier.predict([[X[0], np.hstack([X[i]] * 12)] for i in range(5)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        verifier.predict(X[rows])
        verifier.calibrate_threshold(X[:40], words.writer[:40])
        assert verifier.sample_ranges_ is None and verifier.longest_shape_ is None
        verifier.predict(pair)
    assert find_ranges([255 - image for image in X]) is None


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
    canvases = np.stack([fitted._canvas_step(False)(image) for image in words.images])
    metric = pickle.loads(pickle.dumps(fitted.get_metric()))
    rows = canvases.reshape(len(canvases), -1)
    expected = fitted.pair_distance(canvases[None, :2])[0]
    assert expected > 0
    assert_near(metric(rows[0].astype(float), rows[1].astype(float)), expected)
    if fitted.comparator is None or not fitted.comparator.registration:  # otherwise it takes long
        neighbours = KNeighborsClassifier(1, metric=metric)
        neighbours.fit(rows[:N_TRAIN], words.writer[:N_TRAIN])
        assert neighbours.score(rows[N_TRAIN:], words.writer[N_TRAIN:]) > 0.3


def test_metric_keeps_what_it_knows_through_clone_and_pickle(words, fitted, monkeypatch):
    rows = np.stack([fitted._canvas_step(False)(image).ravel() for image in words.images[:6]])
    metric = fitted.get_metric()
    expected = metric(rows[0], rows[1])
    copies = pickle.loads(pickle.dumps(metric)), clone(KNeighborsClassifier(metric=metric)).metric
    monkeypatch.setattr(SiameseVerifier, "_describe_images", None)  # nothing goes through again
    assert [copy(rows[0], rows[1]) for copy in copies] == [expected, expected]


def test_metric_takes_embeddings(words, fitted):
    embedding = fitted.transform(words.images[:2])
    if fitted.comparator is not None:
        with pytest.raises(ValueError, match="rows of 16 numbers are embeddings, and images are"):
            fitted.get_metric()(*embedding)
        return
    expected = fitted.pair_distance(words.images[:2][None])[0]
    assert_near(fitted.get_metric()(*embedding), expected)
    with pytest.raises(ValueError, match=r"rows have 7 numbers; they are images of \(24, 48\)"):
        fitted.get_metric()(np.zeros(7), np.zeros(7))


def test_search_over_samples_and_over_pairs(words, pairs):
    base = SiameseVerifier(**{**SMALL, "max_epochs": 1})
    search = GridSearchCV(base, {"loss_margin": [0.5, 1.0]}, cv=GroupKFold(2), error_score="raise")
    search.fit(words.images, words.writer, groups=words.writer)
    assert search.cv_results_["mean_test_score"].min() > 0.5
    rows, same = pairs
    by_name = GridSearchCV(
        base, {"loss_margin": [0.5]}, cv=2, scoring="roc_auc", error_score="raise"
    )
    assert by_name.fit(words.images[rows], same).best_score_ > 0.5


def test_tables_are_refused(words, fitted):
    X = np.random.default_rng(0).random((20, 9))
    with pytest.raises(ValueError, match=r"takes images, and X is a table of shape \(20, 9\)"):
        SiameseVerifier(**SMALL).fit(X, np.arange(20) % 4)
    with pytest.raises(ValueError, match="takes images, and X is a table"):
        fitted.transform(X)


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
        (np.ones(120), "all 120 pairs are by the same writer"),
        (-np.ones(120), "all 120 pairs are by different writers"),
        (np.ones(7), "120 pairs, and the shape of y is \\(7,\\)"),
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

    monkeypatch.setattr(_samples, "ContextBatches", Recorded)
    verifier = SiameseVerifier(**SMALL)
    verifier.fit(words.images[:20], words.writer[:20])
    assert not used
    verifier.fit(words.images[:20], words.writer[:20], contexts=words.text[:20])
    assert used and np.isfinite(verifier.transform(words.images[:2])).all()


def test_metric_is_of_the_verifier_as_it_was(words, matched):
    verifier = pickle.loads(pickle.dumps(matched))
    pair = np.stack([verifier._canvas_step(False)(image) for image in words.images[:2]])
    before = verifier.get_metric()
    plain = verifier.pair_distance(pair[None])[0]
    verifier.set_params(comparator__registration=True)
    registered = verifier.pair_distance(pair[None])[0]
    assert registered != plain
    assert_near(before(pair[0].ravel(), pair[1].ravel()), plain)
    assert_near(verifier.get_metric()(pair[0].ravel(), pair[1].ravel()), registered)


def test_comparator_can_be_searched(words, pairs):
    rows, same = pairs
    verifier = SiameseVerifier(**SMALL, comparator=LocalDescriptorMatching())
    grid = {"comparator__registration": [False, True]}
    search = GridSearchCV(verifier, grid, cv=3, error_score="raise")  # an integer stratifies
    search.fit(words.images[rows], same)
    assert len(set(search.cv_results_["mean_test_score"])) == 2
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_network_without_descriptors_cannot_match(words):
    verifier = SiameseVerifier(**SMALL).fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])
    verifier.set_params(comparator=LocalDescriptorMatching())
    with pytest.raises(ValueError, match="needs local descriptors, and the network was fitted"):
        verifier.pair_distance(words.images[None, :2])
    with pytest.raises(ValueError, match="'scale' parameter of LocalDescriptorMatching"):
        verifier.set_params(comparator__scale=9).fit(words.images[:20], words.writer[:20])


def test_embeddings_compare_where_descriptors_were_learnt(words, matched, tmp_path):
    verifier = pickle.loads(pickle.dumps(matched)).set_params(comparator=None)
    first, second = verifier.transform(words.images[:2]).astype(float)
    hwsk.save(verifier, tmp_path / "verifier.hwsk")
    copies = pickle.loads(pickle.dumps(verifier)), hwsk.load(tmp_path / "verifier.hwsk")
    for one in (verifier, *copies):
        distance = one.pair_distance(words.images[None, :2])[0]
        assert_near(distance, np.linalg.norm(first - second))
    matching = copies[1].set_params(comparator=LocalDescriptorMatching())  # they are still there
    assert_near(*(x.pair_distance(words.images[None, :2])[0] for x in (matching, matched)))


def test_calibration_belongs_to_its_comparator(words, matched, pairs, tmp_path):
    rows, same = pairs
    images = words.images[rows]
    verifier = pickle.loads(pickle.dumps(matched)).calibrate_threshold(images, same)
    before = verifier.predict(images)
    verifier.set_params(comparator__registration=True, comparator__scale=2.0)
    for verb in (verifier.predict, verifier.predict_proba, verifier.predict_log_proba):
        with pytest.raises(ValueError, match=r"comparator__registration=False.*True.*calibrate"):
            verb(images)
    hwsk.save(verifier, tmp_path / "verifier.hwsk")  # the refusal goes with the file
    with pytest.raises(ValueError, match=r"comparator__scale=1\.0"):
        hwsk.load(tmp_path / "verifier.hwsk").predict(images)
    assert verifier.set_threshold(-0.5).predict(images).shape == same.shape
    with pytest.raises(NotFittedError, match="no calibration_ yet"):  # it was of other distances
        verifier.predict_proba(images)
    verifier.calibrate_threshold(images, same)
    verifier.set_params(comparator__registration=False, comparator__scale=1.0)
    verifier.calibrate_threshold(images, same)
    np.testing.assert_array_equal(verifier.predict(images), before)
    verifier.set_params(comparator__scale=1)  # the same number
    np.testing.assert_array_equal(verifier.predict(images), before)


def inverted(images):
    return [255 - image for image in images]


class Lighter:
    """An augmentation without a repr of its own."""

    def __call__(self, image, rng):
        return image


def test_calibration_belongs_to_what_prepares_images(words, fitted, pairs):
    rows, same = pairs
    images = words.images[rows]
    verifier = pickle.loads(pickle.dumps(fitted)).set_params(preprocessor=list)
    verifier.calibrate_threshold(images, same)
    verifier.set_params(preprocessor=inverted)
    with pytest.raises(ValueError, match=r"with preprocessor=list, .* preprocessor=inverted now"):
        verifier.predict(images)
    cleaning = SiameseVerifier(**SMALL, preprocessor=Binarizer())
    cleaning.fit(words.images[:40], words.writer[:40]).calibrate_threshold(images, same)
    with pytest.raises(ValueError, match=r"preprocessor=absent, .* preprocessor=None now"):
        cleaning.set_params(preprocessor=None).predict(images)


def test_calibration_goes_with_a_copy_of_what_augments(words, fitted, pairs):
    rows, same = pairs
    images = words.images[rows]
    verifier = pickle.loads(pickle.dumps(fitted))
    verifier.set_params(test_augmentations=1, augment=Lighter()).calibrate_threshold(images, same)
    copy = pickle.loads(pickle.dumps(verifier))
    assert repr(copy.augment) != repr(verifier.augment)  # they hold an address
    np.testing.assert_array_equal(copy.predict(images), verifier.predict(images))


def test_calibrate_from_scores(words, fitted, pairs):
    rows, same = pairs
    images = words.images[rows]
    one, other = (pickle.loads(pickle.dumps(fitted)) for _ in range(2))
    one.calibrate_threshold(images, same, "accuracy")
    other.calibrate_from_scores(other.pair_score(images), np.where(same, 1, -1), "accuracy")
    assert one.threshold_ == other.threshold_ and one.calibration_ == other.calibration_
    with pytest.raises(ValueError, match=r"the shape of y is \(120,\), not \(3,\)"):
        other.calibrate_from_scores([-1.0, -0.5, 0.0], same)


@pytest.mark.parametrize(
    "parameters",
    [{"test_augmentations": 2}, {"comparator": LocalDescriptorMatching(n_duplicates=3)}],
)
def test_augmented_copies_need_what_augments(words, parameters, monkeypatch):
    monkeypatch.setattr(SiameseVerifier, "_train", None)  # refused before the training
    with pytest.raises(ValueError, match=r"augment=None: there is nothing to make [23] changed"):
        SiameseVerifier(**SMALL, **parameters).fit(words.images[:20], words.writer[:20])


@pytest.fixture(scope="module")
def matched(words):
    verifier = SiameseVerifier(**SMALL, comparator=LocalDescriptorMatching())
    return verifier.fit(words.images[:N_TRAIN], words.writer[:N_TRAIN])


def test_spread_of_duplicates_is_taken_off(words, matched):
    verifier = pickle.loads(pickle.dumps(matched))
    rows = np.array([[0, 1], [1, 0], [0, 2], [1, 2], [3, 3]])
    pairs = words.images[rows]
    apart = verifier.pair_distance(pairs)
    verifier.set_params(comparator__n_duplicates=3)
    with pytest.raises(ValueError, match="augment=None: there is nothing to make 3 changed"):
        verifier.pair_distance(pairs)
    verifier.set_params(augment=character_augmentation(0.3))
    canvases = [verifier._canvas_step(False)(image) for image in words.images[:4]]
    spreads = []
    for canvas in canvases:
        changed = [verifier.augment(canvas, np.random.default_rng(version)) for version in range(3)]
        verifier.set_params(comparator__n_duplicates=0)
        spreads.append(verifier.pair_distance([(canvas, version) for version in changed]).mean())
        verifier.set_params(comparator__n_duplicates=3)
    expected = apart - np.array(spreads)[rows].mean(axis=1) / 2
    assert expected[-1] < 0 < expected[:-1].min()
    got = verifier.pair_distance(pairs)
    np.testing.assert_allclose(got, expected.clip(0), atol=1e-4)
    assert got[-1] == 0
    # `test_augmentations` asks for the same versions: no spread but of what was asked for
    verifier.set_params(test_augmentations=4)
    several = verifier.pair_distance(pairs)
    plain = verifier.set_params(comparator__n_duplicates=0).pair_distance(pairs)
    np.testing.assert_allclose(
        several[:-1], (plain - np.array(spreads)[rows].mean(axis=1) / 2)[:-1], atol=1e-4
    )


def test_thresholds_of_training_are_of_distances_so_compared(words):
    arguments = {
        **SMALL,
        "early_stopping": True,
        "validation_fraction": 0.3,
        "augment": character_augmentation(0.3),
    }
    thresholds = [
        SiameseVerifier(**arguments, comparator=LocalDescriptorMatching(n_duplicates=n))
        .fit(words.images, words.writer)
        .threshold_
        for n in (0, 2)
    ]
    assert thresholds[1] > thresholds[0]  # distances are less


def test_features_of_pairs_are_refused(words, pairs):
    rows, same = pairs
    with pytest.raises(ValueError, match="contexts are of single samples"):
        SiameseVerifier(**SMALL).fit(words.images[rows], same, contexts=same)
    with pytest.raises(ValueError, match="features are of single samples"):
        SiameseVerifier(**SMALL).fit(words.images[rows], same, features=same)


def test_nothing_to_calibrate_by(words, fitted, pairs):
    rows, same = pairs
    images = words.images[rows]
    for kept, message in (
        (same == 1, "the same writer only"),
        (same == 0, "different writers only"),
    ):
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
    with pytest.raises(ValueError, match=r"1 of 2 rows of X holds no pair, rows 1; row 1 holds 3"):
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
    with pytest.warns(UserWarning, match=r"1 of 21 images has no ink, rows 20"):
        SiameseVerifier(**SMALL).fit([*words.images[:20], blank], writers)


def test_a_failed_fit_leaves_what_was(words, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError):
        copy.fit(words.images[:N_TRAIN], np.arange(N_TRAIN))
    np.testing.assert_array_equal(copy.transform(words.images), fitted.transform(words.images))


def test_image_of_the_canvas_is_taken_as_it_is(fitted):
    image = np.full(SIZE, 255, np.uint8)
    image[5:9, 5:20] = 0
    assert fitted._canvas_step(False)(image) is image
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
