"""Each class of scikit-learn that files may hold is saved, loaded, checked and damaged."""

from __future__ import annotations

import json
import time
import warnings
from collections import Counter
from importlib import import_module

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.feature_extraction.text import CountVectorizer

import hwsk
from hwsk import persistence
from hwsk.persistence._declared import _parse
from hwsk.persistence._sklearn import SKLEARN

rng = np.random.default_rng(0)
X = rng.normal(size=(23, 5))
y = np.array(["a", "b", "c"])[np.arange(23) % 3]
TEXTS = ["the fox and", "a dog the"]
SCALER = import_module("sklearn.preprocessing").StandardScaler()
# Parameters, for classes that can't be made or saved without; several, where they decide what
# attributes there are.
PARAMETERS: dict[str, list[dict]] = {
    "ColumnTransformer": [
        {"transformers": [("a", SCALER, [0, 1]), ("b", "passthrough", slice(2, 3))]},
        {"transformers": [("a", SCALER, [0, 1])], "remainder": "passthrough"},
    ],
    "FeatureUnion": [{"transformer_list": [("a", SCALER)]}],
    "FrozenEstimator": [{"estimator": clone(SCALER).fit(X)}],
    "GaussianMixture": [
        {"n_components": 2, "covariance_type": kind}
        for kind in ("full", "tied", "diag", "spherical")
    ],
    "KMeans": [{"n_clusters": 2, "random_state": 0}],
    "KNeighborsClassifier": [{"algorithm": "brute"}],
    "NearestNeighbors": [{"algorithm": "brute"}],
    "LinearDiscriminantAnalysis": [{"solver": solver} for solver in ("svd", "eigen")],
    "OneHotEncoder": [{}, {"drop": "first"}, {"handle_unknown": "ignore", "dtype": np.float32}],
    "PCA": [{}, {"n_components": 2}, {"whiten": True}, {"svd_solver": "arpack", "n_components": 2}],
    "Pipeline": [{"steps": [("scale", SCALER)]}],
    "QuantileTransformer": [{"n_quantiles": 7}],
    "SVC": [{}, {"probability": True}, {"class_weight": "balanced", "kernel": "linear"}],
    "StandardScaler": [{}, {"with_mean": False, "with_std": False}],
    "RobustScaler": [{}, {"with_centering": False, "with_scaling": False}],
}
CASES = [
    (name, params) for name in SKLEARN for params in PARAMETERS.get(name.rpartition(".")[2], [{}])
]
METHODS = ("transform", "predict", "predict_proba", "decision_function", "kneighbors")


def data_for(name: str) -> tuple:
    if "Vectorizer" in name:
        return TEXTS, None
    if name.endswith(("LabelEncoder", "LabelBinarizer")):
        return y, None
    if name.endswith("TfidfTransformer"):
        return np.abs(X), None
    return X, X[:, 0] if name.endswith((".Ridge", ".LinearRegression")) else y


def make(name: str, params: dict) -> BaseEstimator:
    module, _, cls = name.rpartition(".")
    estimator = getattr(import_module(module), cls)(**params)
    inputs, target = data_for(name)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return estimator.fit(inputs) if target is None else estimator.fit(inputs, target)


def answers(estimator: BaseEstimator, name: str) -> dict:
    inputs, _ = data_for(name)
    found = {}
    for method in METHODS:
        if hasattr(estimator, method):
            answer = getattr(estimator, method)(inputs)
            found[method] = answer.toarray() if hasattr(answer, "toarray") else answer
    return found


@pytest.mark.parametrize(("name", "params"), CASES)
@pytest.mark.filterwarnings("ignore:.*probability.*:FutureWarning")
def test_what_is_saved_comes_back(name, params, tmp_path):
    estimator = make(name, params)
    path = tmp_path / "model.hwsk"
    hwsk.save(estimator, path)
    loaded = hwsk.load(path)
    assert type(loaded) is type(estimator)
    assert vars(loaded).keys() == vars(estimator).keys() - {"_stop_words_id"}
    expected = answers(estimator, name)
    assert expected
    for method, answer in answers(loaded, name).items():
        for one, other in zip(np.atleast_2d(answer), np.atleast_2d(expected[method]), strict=True):
            if one.dtype.kind == "f":
                assert_allclose(one, other, rtol=1e-12, atol=1e-15)
            else:
                assert_array_equal(one, other)
    hwsk.save(clone(estimator), path)  # not fitted
    assert repr(hwsk.load(path)) == repr(clone(estimator))


@pytest.mark.parametrize(("name", "params"), CASES)
@pytest.mark.filterwarnings("ignore")
def test_arrays_that_do_not_fit_are_refused(name, params, tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(make(name, params), path)
    model, arrays = persistence.read_model(path)
    kinds = _parse(SKLEARN[name].attributes)
    shapes = {a: kind.shapes[0].split() for a, kind in kinds.items() if kind.shapes}
    state = model["estimator"]["state"]
    held = {attribute for attribute in shapes if isinstance(state.get(attribute), dict)}
    letters = Counter(letter for a in held for letter in set(shapes[a]))
    letters["f"] += 1  # of n_features_in_
    for attribute in held:
        key = state[attribute].get("$array")
        if key is None or len(shapes[attribute]) != arrays[key].ndim:
            continue
        for axis, letter in enumerate(shapes[attribute]):
            if letters[letter] < 2 or not arrays[key].shape[axis]:
                continue  # nothing that could disagree
            turned = state[attribute].get("order") == "F"
            stored = arrays[key].ndim - 1 - axis if turned else axis
            less = np.delete(arrays[key], 0, axis=stored)
            persistence._write(path, json.dumps(model), arrays | {key: less})
            with pytest.raises(ValueError, match=r"model\.hwsk can't be loaded"):
                hwsk.load(path)


def _change(name: str, params: dict, tmp_path, change) -> None:
    path = tmp_path / "model.hwsk"
    hwsk.save(make(name, params), path)
    model, arrays = persistence.read_model(path)
    change(model["estimator"], arrays)
    persistence._write(path, json.dumps(model), arrays)
    with pytest.raises(ValueError, match=r"model\.hwsk can't be loaded"):
        hwsk.load(path)


def _fill(arrays, attribute, value):
    key = next(key for key in arrays if key.endswith(f".{attribute}"))
    arrays[key] = np.full_like(arrays[key], value)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("svm.SVC", lambda node, arrays: _fill(arrays, "_n_support", 20)),
        ("svm.SVC", lambda node, arrays: node["state"].update(_sparse=True)),
        ("svm.SVC", lambda node, arrays: node["params"].update(kernel="precomputed")),
        ("neighbors.KNeighborsClassifier", lambda node, arrays: _fill(arrays, "_y", 99)),
        ("neighbors.KNeighborsClassifier", lambda node, arrays: _fill(arrays, "_y", -1)),
        (
            "neighbors.KNeighborsClassifier",
            lambda node, arrays: node["state"].update(n_features_in_=7),
        ),
        (
            "feature_extraction.text.CountVectorizer",
            lambda node, arrays: node["state"]["vocabulary_"].update(fox=10**6),
        ),
        (
            "feature_extraction.text.CountVectorizer",
            lambda node, arrays: node["params"].update(input="filename"),
        ),
        (
            "feature_extraction.text.CountVectorizer",
            lambda node, arrays: node["params"].update(token_pattern="(a+)+$"),
        ),
        (
            "feature_extraction.text.TfidfVectorizer",
            lambda node, arrays: node["params"]["ngram_range"]["$tuple"].__setitem__(1, 10**9),
        ),
        (
            "preprocessing.OneHotEncoder",
            lambda node, arrays: node["state"].update(_n_features_outs=[1] * 5),
        ),
        ("pipeline.Pipeline", lambda node, arrays: node["params"].update(memory="cache")),
        ("pipeline.Pipeline", lambda node, arrays: node["params"].update(steps=[])),
        ("pipeline.Pipeline", lambda node, arrays: node["params"].update(steps=[["a", 0.5]])),
        ("pipeline.Pipeline", lambda node, arrays: node["params"].update(steps=[[3, None]])),
        ("preprocessing.StandardScaler", lambda node, arrays: node["state"].update(transform=3)),
        (
            "preprocessing.StandardScaler",
            lambda node, arrays: node["state"].update(_doc_link_template="<script>"),
        ),
    ],
)
def test_values_that_would_harm_are_refused(name, change, tmp_path):
    name = f"sklearn.{name}"
    _change(name, PARAMETERS.get(name.rpartition(".")[2], [{}])[0], tmp_path, change)


@pytest.mark.parametrize(
    ("pattern", "is_kept"),
    [
        (r"(?u)\b\w\w+\b", True),
        (r"(?u)\b\w+\b", True),
        (r"\S+", True),
        (r"[^\s,;]+", True),
        (r"[A-Za-z'-]+", True),
        (r"\w", True),
        (r"(a+)+$", False),
        (r"(a|a)*$", False),
        (r"\w+\w+\w+$", False),
        (r"[a-z]+\b", False),  # tries each shorter run before the next start
        (r"(?=(\w+))\1", False),
    ],
)
def test_only_patterns_that_take_little_time_are_kept(pattern, is_kept, tmp_path):
    vectorizer = CountVectorizer(token_pattern=pattern, vocabulary=["aa", "b"])
    if not is_kept:
        with pytest.raises(TypeError, match=r"token_pattern=.* may take time without end"):
            hwsk.save(vectorizer, tmp_path / "model.hwsk")
        return
    hwsk.save(vectorizer, tmp_path / "model.hwsk")
    loaded = hwsk.load(tmp_path / "model.hwsk")
    start = time.perf_counter()
    loaded.transform(["a" * 100_000 + "!" + "ab," * 30_000])
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize("sizes", [(1, 33), (1, 10**9)])
def test_ngrams_have_a_limit(sizes, tmp_path):
    vectorizer = CountVectorizer(ngram_range=sizes, vocabulary=["aa", "b"])
    with pytest.raises(TypeError, match=r"ngram_range=.* from 1 to 32"):
        hwsk.save(vectorizer, tmp_path / "model.hwsk")


def test_threads_are_as_many_as_processors(tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(make("sklearn.cluster.KMeans", {"n_clusters": 2}), path)
    model, arrays = persistence.read_model(path)
    model["estimator"]["state"]["_n_threads"] = 10**6
    persistence._write(path, json.dumps(model), arrays)
    hwsk.load(path).predict(X)


def test_trees_are_named(tmp_path):
    trees = make("sklearn.neighbors.KNeighborsClassifier", {"algorithm": "kd_tree"})
    with pytest.raises(TypeError, match="KDTree"):
        hwsk.save(trees, tmp_path / "model.hwsk")
