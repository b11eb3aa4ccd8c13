import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.networks.losses import TaskLoss
from hwsk.preprocessing import Binarizer
from hwsk.preprocessing.augmentation import character_augmentation
from hwsk.verification import MultiTaskClassifier

SMALL = {
    "image_size": (24, 48),
    "channels": (4, 8, 8, 16),
    "max_epochs": 12,
    "lr": 5e-3,
    "batch_size": 32,
    "random_state": 0,
}
N_TRAIN = 120


@pytest.fixture(scope="module")
def words():
    words = make_handwriting(180, texts=["and"], n_writers=30, random_state=0)
    style = words.style.reset_index(drop=True)
    slant = pd.cut(style["slant"], [-9, 0.0, 0.2, 9], labels=["upright", "some", "much"])
    pen = np.where(style["pen_width"] > style["pen_width"].median(), "thick", "thin")
    words.y = pd.DataFrame({"slant": slant, "pen": pd.Series(pen)})
    return words


@pytest.fixture(scope="module")
def fitted(words):
    return MultiTaskClassifier(**SMALL).fit(words.images[:N_TRAIN], words.y[:N_TRAIN])


def test_learns_and_says_it_in_the_form_it_was_given(words, fitted):
    images, y = words.images[N_TRAIN:], words.y[N_TRAIN:]
    predicted = fitted.predict(images)
    assert list(predicted) == ["slant", "pen"] and len(predicted) == 60
    assert [list(kinds) for kinds in fitted.classes_] == [
        ["upright", "some", "much"],  # in the categories' order
        ["thick", "thin"],
    ]
    assert (predicted["slant"].to_numpy() == y["slant"].to_numpy()).mean() > 0.6
    by_hand = np.mean([balanced_accuracy_score(y[name], predicted[name]) for name in y])
    assert fitted.score(images, y) == pytest.approx(by_hand)


def test_probabilities(words, fitted):
    tables = fitted.predict_proba(words.images)
    assert [table.shape for table in tables] == [(180, 3), (180, 2)]
    for table, kinds, column in zip(tables, fitted.classes_, ["slant", "pen"], strict=True):
        np.testing.assert_allclose(table.sum(axis=1), 1)
        predicted = fitted.predict(words.images)[column]
        np.testing.assert_array_equal(kinds[table.argmax(axis=1)], predicted)


def test_arrays_and_single_columns(words):
    y = words.y.astype(str).to_numpy()
    of_array = MultiTaskClassifier(**SMALL).fit(words.images, y)
    assert of_array.predict(words.images).shape == (180, 2)
    of_column = MultiTaskClassifier(**SMALL).fit(words.images, y[:, 1])
    assert of_column.predict_proba(words.images).shape == (180, 2)
    assert of_column.predict(words.images).shape == (180,)
    assert list(of_column.classes_) == ["thick", "thin"]
    assert of_column.score(words.images, y[:, 1]) > 0.6


def test_missing_labels_are_not_learnt_from(words, fitted):
    """What a missing label would have been changes nothing."""
    holes = words.y[:N_TRAIN].copy()
    holes.loc[::2, "slant"] = np.nan
    one = MultiTaskClassifier(**SMALL).fit(words.images[:N_TRAIN], holes)
    assert one.class_priors_[0].sum() == pytest.approx(1)
    numbers = holes["pen"].map({"thick": 1.0, "thin": 0.0})
    numbers[5] = np.nan
    assert set(MultiTaskClassifier(**SMALL).fit(words.images[:N_TRAIN], numbers).classes_) == {0, 1}
    y = words.y[N_TRAIN:].copy()
    full = one.score(words.images[N_TRAIN:], y)
    y.loc[y.index[:10], "pen"] = None
    assert one.score(words.images[N_TRAIN:], y) != full


def test_task_loss_masks_and_weighs():
    logits = (torch.randn(4, 3, requires_grad=True), torch.randn(4, 2, requires_grad=True))
    classes = torch.tensor([[0, 1], [-1, 0], [2, -1], [1, 1]])
    loss = TaskLoss([np.ones(3), np.ones(2)])(logits, classes)
    by_hand = sum(
        torch.nn.functional.cross_entropy(task[known], column[known])
        for task, column in zip(logits, classes.T, strict=True)
        if (known := column >= 0).any()
    )
    torch.testing.assert_close(loss, by_hand / 2)
    loss.backward()
    assert (logits[0].grad[1] == 0).all() and (logits[0].grad[0] != 0).all()
    none = torch.full((4, 2), -1)
    assert TaskLoss([np.ones(3), np.ones(2)])(logits, none).item() == 0
    double = TaskLoss([np.ones(3), np.ones(2)], weights=[2.0, 0.0])(logits, classes)
    first = torch.nn.functional.cross_entropy(logits[0][[0, 2, 3]], classes[[0, 2, 3], 0])
    torch.testing.assert_close(double, first)


def test_learnt_weights_favour_what_can_be_learnt(words):
    y = words.y.assign(noise=np.random.default_rng(0).integers(5, size=180))
    classifier = MultiTaskClassifier("uncertainty", **{**SMALL, "lr": 0.02}).fit(words.images, y)
    slant, pen, noise = classifier.loss_weights_
    assert noise < min(slant, pen)
    assert MultiTaskClassifier({"pen": 3.0}, **SMALL).fit(
        words.images, words.y
    ).loss_weights_.tolist() == [1, 3]


def test_logit_adjustment_favours_rare_classes(words, fitted):
    y = pd.DataFrame({"rare": np.where(np.arange(180) % 9 == 0, "yes", "no")})
    plain = MultiTaskClassifier(**{**SMALL, "max_epochs": 3}).fit(words.images, y)
    adjusted = pickle.loads(pickle.dumps(plain)).set_params(logit_adjustment=1.0)
    said = [(m.predict(words.images)["rare"] == "yes").mean() for m in (plain, adjusted)]
    assert said[1] >= said[0]
    odds = [m.predict_proba(words.images)[0] for m in (plain, adjusted)]
    factor = (odds[1][:, 1] / odds[1][:, 0]) / (odds[0][:, 1] / odds[0][:, 0])
    np.testing.assert_allclose(factor, 8, rtol=1e-6)


def test_class_weights(words):
    images, y = words.images, words.y
    balanced = MultiTaskClassifier(class_weight="balanced", **SMALL).fit(images, y)
    by_name = [
        {kind: 1 / (len(kinds) * share) for kind, share in zip(kinds, priors, strict=True)}
        for kinds, priors in zip(balanced.classes_, balanced.class_priors_, strict=True)
    ]
    same = MultiTaskClassifier(class_weight=by_name, **SMALL).fit(images, y)
    np.testing.assert_allclose(same.transform(images), balanced.transform(images), rtol=1e-4)
    for wrong, message in (({"thin": 1}, "one dict"), ([None], "has 1 dicts")):
        with pytest.raises(ValueError, match=message):
            MultiTaskClassifier(class_weight=wrong, **SMALL).fit(images, y)


def test_transform(words, fitted):
    features = fitted.transform(words.images)
    assert features.shape == (180, 256) and features.dtype == np.float32
    side_by_side = pickle.loads(pickle.dumps(fitted)).set_params(transform_kind="probabilities")
    np.testing.assert_allclose(
        side_by_side.transform(words.images),
        np.hstack(fitted.predict_proba(words.images)),
        rtol=1e-6,
    )


def test_trained_with_writers(words):
    classifier = MultiTaskClassifier(**SMALL, embedding_dim=6)
    classifier.fit(words.images, words.y, writers=words.writer)
    assert classifier.net_.module_.embedding.out_features == 6
    copy = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(copy.transform(words.images), classifier.transform(words.images))
    assert classifier.transform(words.images).shape == (180, 256)  # features all the same


def test_early_stopping_and_search(words):
    stopped = MultiTaskClassifier(**SMALL, early_stopping=True, validation_fraction=0.3)
    stopped.fit(words.images, words.y, groups=words.writer)
    assert max(row["valid_score"] for row in stopped.history_) > 0.5
    search = GridSearchCV(
        make_pipeline(Binarizer(), MultiTaskClassifier(**{**SMALL, "max_epochs": 2})),
        {"multitaskclassifier__lr": [1e-3, 1e-2]},
        cv=2,
        error_score="raise",
    )
    assert search.fit(words.images, words.y).best_score_ > 0.3


def test_saved_and_loaded(words, fitted, tmp_path):
    hwsk.save(fitted, tmp_path / "features.hwsk")
    loaded = hwsk.load(tmp_path / "features.hwsk")
    pd.testing.assert_frame_equal(loaded.predict(words.images), fitted.predict(words.images))


def test_warm_start(words, fitted):
    further = pickle.loads(pickle.dumps(fitted)).set_params(warm_start=True, max_epochs=1)
    further.fit(words.images[:20], words.y[:20])
    assert [list(kinds) for kinds in further.classes_] == [list(k) for k in fitted.classes_]
    unknown = words.y[:20].astype(str).replace({"thin": "broad"})
    with pytest.raises(ValueError, match=r"'pen' are none of its classes .* 'broad'"):
        further.fit(words.images[:20], unknown)


def test_columns_are_known_by_name(words, fitted):
    turned = words.y[["pen", "slant"]]
    assert fitted.score(words.images, turned) == fitted.score(words.images, words.y)
    with pytest.raises(ValueError, match="the tasks are"):
        fitted.score(words.images, turned.rename(columns={"pen": "ink"}))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (lambda y: y.assign(pen="thin"), "column 'pen' of y has one class only, 'thin'"),
        (lambda y: y.assign(pen=None), "column 'pen' of y has no label"),
        (lambda y: y[[]], "no column"),
        (lambda y: None, "requires y"),
        (lambda y: y[:5], "inconsistent numbers"),
        (lambda y: np.random.default_rng(0).random((180, 2)), "continuous"),
        (lambda y: np.zeros((180, 2, 2)), "shape"),
    ],
)
def test_useless_labels(words, y, message):
    with pytest.raises(ValueError, match=message):
        MultiTaskClassifier(**SMALL).fit(words.images, y(words.y))


def test_useless_loss_weights(words):
    for wrong, message in (({"ink": 1.0}, "'ink'"), ({"pen": -1.0}, "from 0")):
        with pytest.raises(ValueError, match=message):
            MultiTaskClassifier(wrong, **SMALL).fit(words.images, words.y)


def test_score_of_nothing(words, fitted):
    nothing = pd.DataFrame({"slant": [None] * 3, "pen": [None] * 3})
    with pytest.raises(ValueError, match="no label"):
        fitted.score(words.images[:3], nothing)


def test_a_failed_fit_leaves_what_was(words, fitted):
    copy = pickle.loads(pickle.dumps(fitted))
    with pytest.raises(ValueError):
        copy.fit(words.images, words.y.assign(pen="thin"))
    pd.testing.assert_frame_equal(copy.predict(words.images), fitted.predict(words.images))
    assert clone(copy).get_params() == fitted.get_params()


def test_changed_versions_are_averaged(words, fitted):
    several = pickle.loads(pickle.dumps(fitted)).set_params(test_augmentations=2)
    with pytest.raises(ValueError, match="augment=None"):
        several.predict(words.images)
    several.set_params(augment=character_augmentation(0.3))
    tables = several.predict_proba(words.images[[0, 1, 0]])
    for table, plain in zip(tables, fitted.predict_proba(words.images[[0, 1, 0]]), strict=True):
        np.testing.assert_allclose(table.sum(axis=1), 1)
        np.testing.assert_array_equal(table[0], table[2])
        assert not np.allclose(table, plain)
    assert several.transform(words.images).shape == (180, 256)
