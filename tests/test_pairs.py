"""Pairs of samples: which inputs are pairs, in which forms they come, and what names a bad row."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from sklearn.base import is_classifier
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    GridSearchCV,
    StratifiedKFold,
    check_cv,
    cross_val_predict,
    cross_val_score,
)

from hwsk._data.images import object_array
from hwsk._data.pairs import all_pairs, check_pairs, check_same, holds_pairs, take_once
from hwsk.datasets import make_handwriting
from hwsk.model_selection import make_pairs
from hwsk.verification import HandComparer, LocalDescriptorMatching, SiameseVerifier

RNG = np.random.default_rng(0)
IMAGES = [RNG.integers(0, 256, (8, width), dtype=np.uint8) for width in (9, 12, 9, 10)]
PATHS = ["a.png", "b.png", "c.png", "d.png"]
INDEX = np.array([[0, 1], [2, 3], [1, 2], [0, 1]])


def in_forms(items):
    """The same pairs of items, as lists, tuples, an object array and a DataFrame."""
    objects = object_array(list(items))[INDEX]
    yield [[items[i], items[j]] for i, j in INDEX]
    yield [(items[i], items[j]) for i, j in INDEX]
    yield tuple((items[i], items[j]) for i, j in INDEX)
    yield objects
    yield object_array([(items[i], items[j]) for i, j in INDEX])
    yield pd.DataFrame(objects, columns=["reference", "questioned"], index=list("abcd"))


ITEMS = {
    "arrays": IMAGES,
    "strings": PATHS,
    "Paths": [Path(path) for path in PATHS],
    "PIL images": [Image.fromarray(image) for image in IMAGES],
    "nested lists": [image.tolist() for image in IMAGES],
    "lists of several samples": [[IMAGES[i], IMAGES[i][:, :5]] for i in range(4)],
    "lists of several paths": [[path, f"other {path}"] for path in PATHS],
    "stacks of several samples": [np.stack([image, image]) for image in IMAGES],
}


@pytest.mark.parametrize("items", ITEMS.values(), ids=list(ITEMS))
def test_pairs_of_images_in_all_forms(items):
    for X in in_forms(items):
        assert holds_pairs(X)
        pairs = check_pairs(X)
        assert pairs.rows.tolist() == INDEX.tolist()  # numbered by their first occurrence
        assert len(pairs.entries) == 4
        for entry, item in zip(pairs.entries, items, strict=True):
            assert entry is item or np.array_equal(entry, item)


def test_pairs_of_strings_in_an_array():
    for dtype in (str, object):
        entries, rows = check_pairs(np.array(PATHS, dtype)[INDEX])
        assert entries == PATHS and rows.tolist() == INDEX.tolist()
    entries, _ = check_pairs(np.array(PATHS, np.dtypes.StringDType())[INDEX])
    assert entries == PATHS


@pytest.mark.parametrize("shape", [(8, 9), (2, 9), (8, 2), (8, 9, 3)])
def test_pairs_of_images_in_one_array(shape):
    stack = RNG.integers(0, 256, (4, *shape), dtype=np.uint8)
    for X in (stack[INDEX], list(stack[INDEX])):
        entries, rows = check_pairs(X)
        np.testing.assert_array_equal(entries, stack)
        assert rows.tolist() == INDEX.tolist()


def test_entries_of_equal_content_are_one():
    entries, rows = check_pairs([[IMAGES[0], IMAGES[0].copy()], [IMAGES[1], IMAGES[0] + 1]])
    assert len(entries) == 3 and rows.tolist() == [[0, 0], [1, 2]]
    entries, rows = check_pairs([["a.png", Path("a.png")], ["./a.png", "b.png"]])
    assert len(entries) == 3 and rows.tolist() == [[0, 0], [1, 2]]
    opened = [Image.fromarray(IMAGES[i]) for i in (0, 0, 2)]
    assert check_pairs([opened[:2], opened[1:]]).rows.tolist() == [[0, 0], [0, 1]]
    square = np.arange(16, dtype=np.uint8).reshape(4, 4)
    others = [square.reshape(2, 8), square.astype(np.int8)]  # equal bytes, not equal images
    assert len(take_once([square, square.copy(), *others])[0]) == 3


@pytest.mark.parametrize(
    "X",
    [
        np.zeros((5, 2, 9), np.uint8),  # images 2 pixels high
        list(np.zeros((5, 2, 9), np.uint8)),
        np.zeros((5, 2, 9), np.uint8).tolist(),
        object_array([np.zeros((2, 9 + i), np.uint8) for i in range(5)]),
        np.zeros((5, 2, 9, 3), np.uint8),  # the same in colour
        np.zeros((5, 2, 9, 1), np.uint8),  # with a channel of grey
        np.zeros((5, 8, 9), np.uint8),
        np.zeros((5, 8, 9, 3), np.uint8),
        np.zeros((5, 2)),  # a table of two columns
        np.zeros((2, 64)),
        PATHS[:2],
        np.array(PATHS[:2]),
        pd.Series(PATHS[:2]),
        pd.DataFrame({"path": PATHS}),
        IMAGES[:2],
        [Image.fromarray(image) for image in IMAGES[:2]],
        "ab",
        [],
        None,
    ],
    ids=lambda X: f"{type(X).__name__} {np.shape(X) if hasattr(X, 'shape') else ''}",
)
def test_what_is_not_pairs(X):
    assert not holds_pairs(X)
    with pytest.raises(ValueError, match=r"pairs are needed, .*hwsk.model_selection.make_pairs"):
        check_pairs(X)


def test_pairs_of_vectors_and_of_ids():
    vectors = RNG.normal(size=(4, 6))
    for X in (vectors[INDEX], list(vectors[INDEX]), [(vectors[i], vectors[j]) for i, j in INDEX]):
        entries, rows = check_pairs(X, "vectors")
        np.testing.assert_array_equal(entries, vectors)
        assert rows.tolist() == INDEX.tolist()
    assert not holds_pairs(vectors, "vectors") and not holds_pairs(list(vectors), "vectors")
    for X in (INDEX, INDEX.tolist(), list(INDEX), pd.DataFrame(INDEX)):
        entries, rows = check_pairs(X, "ids")
        assert entries == [0, 1, 2, 3] and rows.tolist() == INDEX.tolist()
    assert not holds_pairs(np.arange(4), "ids") and not holds_pairs([0, 1, 2], "ids")


def test_wrong_lengths_are_named_by_row():
    message = r"2 of 4 rows of X hold no pair, rows 1, 3; row 1 holds 3 entries"
    with pytest.raises(ValueError, match=message):
        check_pairs([PATHS[:2], PATHS[:3], PATHS[2:], PATHS[:1]])
    with pytest.raises(ValueError, match=r"1 of 2 rows .* row 0 holds 3 entries"):
        check_pairs([PATHS[:3], PATHS[:2]])
    with pytest.raises(ValueError, match=r"1 of 1 rows .* row 0 holds 1 entries; a row is two im"):
        check_pairs([PATHS[:1]])
    with pytest.raises(ValueError, match=r"1 of 1 rows .* row 0 holds None"):
        check_pairs([["a.png", None]])
    with pytest.raises(ValueError, match=r"this is of shape \(4, 3\)"):
        check_pairs(np.array([PATHS[:3]] * 4))
    with pytest.raises(ValueError, match=r"this is of shape \(0, 2, 8, 9\)"):
        check_pairs(np.zeros((0, 2, 8, 9)))


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (IMAGES[2], r"is an array of shape \(8, 9\)"),
        ("a.png", "is 'a.png'"),
        (Path("a.png"), r"is PosixPath\('a.png'\)|is WindowsPath"),
        (None, "is None"),
        (["a.png", None], r"holds (None|nan) \((NoneType|float)\)"),
        ([np.nan, "a.png"], r"holds nan \(float\)"),
        ([IMAGES[0], 3], r"holds 3 \(int\)"),
    ],
)
def test_rows_that_are_not_pairs_are_named(odd, said):
    message = rf"1 of 3 rows of X holds no pair, rows 1; row 1 ({said}); a row is two images or"
    for X in ([PATHS[:2], odd, PATHS[2:]], object_array([PATHS[:2], odd, PATHS[2:]])):
        with pytest.raises(ValueError, match=message):
            check_pairs(X)
    with pytest.raises(ValueError, match=message.replace("rows 1; row 1", "rows 0; row 0")):
        check_pairs([odd, PATHS[:2], PATHS[2:]])
    if isinstance(odd, list):
        with pytest.raises(ValueError, match=message):
            check_pairs(pd.DataFrame([PATHS[:2], odd, PATHS[2:]]))


def test_labels_of_pairs():
    assert check_same([[1], [0], [-1]], 3).tolist() == [1, 0, -1]
    assert check_same(pd.Series([True, False]), 2).tolist() == [1, 0]
    with pytest.raises(ValueError, match=r"there are 3 pairs, and the shape of y is \(2,\)"):
        check_same([1, 0], 3)
    with pytest.raises(ValueError, match=r"2 of 4 are others, rows 1, 2; row 1: 2"):
        check_same([1, 2, 3, 0], 4)
    for wrong in (["same", "other"], [1, np.nan], [1, None]):
        with pytest.raises(ValueError, match="labels of pairs are 1"):
            check_same(wrong, 2)


def test_all_pairs_of_rows():
    index, same = all_pairs(np.array(["a", "b", "a"]))
    assert index.tolist() == [[0, 1], [0, 2], [1, 2]] and same.tolist() == [False, True, False]


# -- estimators take the same pairs

SMALL = {"image_size": (32, 64), "channels": (2, 2, 4, 4), "max_epochs": 1, "random_state": 0}


@pytest.fixture(scope="module")
def words():
    return make_handwriting(48, texts=["and"], n_writers=12, height=32, random_state=0)


@pytest.fixture(scope="module")
def verifier(words):
    return SiameseVerifier(**SMALL).fit(words.images, words.writer)


@pytest.mark.parametrize("kind", ["verifier", "comparer"])
def test_every_form_gives_the_same_scores(kind, words, verifier, tmp_path):
    estimator = verifier
    if kind == "comparer":
        estimator = HandComparer(FrozenEstimator(verifier), random_state=0)
        estimator.fit(words.images, words.writer)
    images = [words.images[i] for i in (0, 1, 20, 30)]
    paths = [str(tmp_path / name) for name in PATHS]
    for path, image in zip(paths, images, strict=True):
        cv2.imwrite(path, image)
    expected = estimator.pair_score([(images[i], images[j]) for i, j in INDEX])
    assert len(set(expected.round(6))) == 3  # one pair comes twice
    for items in (images, paths, list(map(Path, paths)), list(map(Image.fromarray, images))):
        for X in in_forms(items):
            np.testing.assert_allclose(estimator.pair_score(X), expected, rtol=1e-4)
    X = np.array(paths)[INDEX]
    np.testing.assert_allclose(estimator.pair_score(X), expected, rtol=1e-4)


def test_images_2_pixels_high_are_single_samples(verifier):
    images = RNG.integers(0, 200, (6, 2, 40), dtype=np.uint8)
    images[:, :, ::2] = 255
    assert verifier.transform(images).shape == (6, verifier.embedding_dim)
    with pytest.raises(ValueError, match="pairs are needed"):
        verifier.pair_distance(images)


@pytest.mark.parametrize("estimator", [SiameseVerifier(), HandComparer()], ids=["siamese", "hand"])
def test_a_search_stratifies_pairs_before_fit(estimator):
    assert is_classifier(estimator)
    cv = check_cv(3, [0, 1, 0, 1, 0, 1], classifier=is_classifier(estimator))
    assert isinstance(cv, StratifiedKFold)


def test_integer_cv_on_pairs(words):
    rows, same = make_pairs(words.writer, n_pairs=60, balanced=True, random_state=0)
    pairs = words.images[rows]
    verifier = SiameseVerifier("contrastive", **SMALL)
    for scoring in (None, "roc_auc"):
        scores = cross_val_score(verifier, pairs, same, cv=3, scoring=scoring, error_score="raise")
        assert scores.shape == (3,) and np.isfinite(scores).all()
    order = np.argsort(-same)  # as from a loop over writers: still each fold has both kinds
    scores = cross_val_score(verifier, pairs[order], same[order], cv=3, error_score="raise")
    assert np.isfinite(scores).all()
    predicted = cross_val_predict(verifier, pairs, same, cv=3, method="decision_function")
    assert predicted.shape == (60,) and np.isfinite(predicted).all()


def test_search_over_comparators(words):
    rows, same = make_pairs(words.writer, n_pairs=40, balanced=True, random_state=0)
    verifier = SiameseVerifier(comparator=LocalDescriptorMatching(), **SMALL)
    grid = {"comparator__registration": [False, True], "comparator__scale": [1.0, 1.5]}
    search = GridSearchCV(verifier, grid, cv=2, error_score="raise", refit=False)
    search.fit(words.images[rows], same)
    scores = search.cv_results_["mean_test_score"]
    assert scores.shape == (4,) and np.isfinite(scores).all() and len(set(scores)) > 1
    assert verifier.comparator.get_params() == LocalDescriptorMatching().get_params()
    whole = {"comparator": [None, LocalDescriptorMatching()]}
    search = GridSearchCV(verifier, whole, cv=2, error_score="raise").fit(words.images[rows], same)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    "X",
    [PATHS[:2], tuple(PATHS[:2]), np.array(PATHS[:2]), pd.Series(PATHS[:2]), IMAGES[:2]],
)
def test_two_images_are_not_pairs(X):
    with pytest.raises(ValueError, match=r"two images a and b are one pair in \[\[a, b\]\]"):
        check_pairs(X)
