"""What is saved comes back; what is damaged, foreign or hostile is refused."""

from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
import time
import warnings
from copy import deepcopy
from pathlib import Path

import joblib
import numpy as np
import pytest
import safetensors.numpy
import torch
from disk import full_disk
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    LabelEncoder,
    OneHotEncoder,
    StandardScaler,
)
from sklearn.svm import SVC
from small_words import draw_words, small_recognizer

import hwsk
from hwsk import persistence
from hwsk.callbacks import Checkpoint
from hwsk.datasets import make_handwriting
from hwsk.persistence._encoding import Reader, Writer
from hwsk.persistence._estimators import decode_estimator, encode_estimator
from hwsk.preprocessing import InkCropper, LineNormalizer, SignatureNormalizer
from hwsk.preprocessing.augmentation import RandomAffine, default_augmentation
from hwsk.recognition import NgramLanguageModel
from hwsk.verification import SiameseVerifier

rng = np.random.default_rng(0)
X = rng.normal(size=(30, 4))
y = np.where(X[:, 0] > 0, "yes", "no")
TABLES = [
    StandardScaler(),
    PCA(2),
    make_pipeline(SimpleImputer(missing_values=np.nan), StandardScaler(), LogisticRegression()),
    ColumnTransformer([("a", StandardScaler(), [0, 1]), ("b", "passthrough", slice(2, 3))]),
    FeatureUnion([("pca", PCA(1)), ("scaler", StandardScaler())]),
    OneHotEncoder(handle_unknown="ignore", dtype=np.float32),
    OneHotEncoder(handle_unknown="ignore", dtype=float, sparse_output=False),
    KMeans(2, n_init=1, random_state=0),
    LogisticRegression(class_weight={"yes": 2, "no": np.float32(1)}),
    SVC(random_state=np.random.RandomState(3)),
    KNeighborsClassifier(algorithm="brute"),
]


def there_and_back(estimator, folder):
    path = folder / "model.hwsk"
    hwsk.save(estimator, path)
    return hwsk.load(path)


def dense(array):
    return array.toarray() if hasattr(array, "toarray") else array


@pytest.mark.parametrize("estimator", TABLES, ids=lambda estimator: repr(estimator)[:40])
def test_scikit_learn_round_trip(estimator, tmp_path):
    estimator.fit(X, y)
    loaded = there_and_back(estimator, tmp_path)
    assert type(loaded) is type(estimator)
    for method in ("transform", "predict", "decision_function"):
        if hasattr(estimator, method):
            result = dense(getattr(loaded, method)(X))
            assert_array_equal(result, dense(getattr(estimator, method)(X)))
    assert vars(loaded).keys() == vars(estimator).keys()
    assert repr(loaded) == repr(estimator) or "RandomState" in repr(estimator)
    loaded.fit(X, y)  # nothing in it is read-only


def test_text_round_trip(tmp_path):
    words = ["the quick fox", "the lazy dög"]
    vectorizer = CountVectorizer(ngram_range=(1, 2)).fit(words)
    loaded = there_and_back(vectorizer, tmp_path)
    assert loaded.ngram_range == (1, 2) and loaded.dtype is np.int64
    assert_array_equal(loaded.transform(words).toarray(), vectorizer.transform(words).toarray())
    assert list(there_and_back(LabelEncoder().fit(words), tmp_path).classes_) == sorted(words)


def test_partial_fit_goes_on(tmp_path):
    half = StandardScaler().partial_fit(X[:15])
    loaded = there_and_back(half, tmp_path).partial_fit(X[15:])
    assert_array_equal(loaded.mean_, half.partial_fit(X[15:]).mean_)


def test_unfitted_round_trip(tmp_path):
    pipe = Pipeline([("scale", StandardScaler()), ("read", hwsk.CTCRecognizer(max_epochs=3))])
    loaded = there_and_back(pipe, tmp_path)
    assert loaded["read"].max_epochs == 3
    assert not hasattr(loaded["read"], "net_")


@pytest.fixture(scope="module")
def recognizer():
    data = make_handwriting(8, texts=["on", "né"], n_writers=2, height=24, random_state=0)
    model = hwsk.CTCRecognizer(
        height=16, channels=(4, 8, 8), dense_units=8, hidden_units=8, num_layers=1, max_epochs=2,
        augment=default_augmentation(0.5), early_stopping=True, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it reads nothing yet
        return make_pipeline(InkCropper(), model).fit(data.images, data.text), data


def test_recognizer_round_trip(recognizer, tmp_path):
    pipe, data = recognizer
    loaded = there_and_back(pipe, tmp_path)
    assert repr(loaded) == repr(pipe)
    one, other = pipe[-1], loaded[-1]
    assert one.alphabet_ == other.alphabet_ == "noé"
    assert one.history_ == other.history_
    inputs = pipe[:-1].transform(data.images)
    for a, b in zip(one.predict_log_proba(inputs), other.predict_log_proba(inputs), strict=True):
        assert_array_equal(a, b)
    assert_array_equal(loaded.predict(data.images), pipe.predict(data.images))
    there_and_back(loaded, tmp_path)  # what was loaded can be saved


def test_foreign_weights_are_refused(recognizer, tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(recognizer[0], path)
    model, arrays = persistence.read_model(path)
    name = max(arrays, key=lambda name: arrays[name].size)
    for wrong in (arrays[name][:1], np.frombuffer(b"text", np.uint8)):
        persistence._write(path, json.dumps(model), arrays | {name: wrong})
        with pytest.raises(ValueError, match=r"model\.hwsk can't be loaded"):
            hwsk.load(path)


class Holder(StandardScaler):
    """Stands for an estimator whose state is any value."""


numbers = st.one_of(st.integers(), st.floats(allow_nan=False), st.booleans(), st.text(), st.none())
arrays = st.sampled_from(
    [
        np.float32(0.1),
        np.bool_(True),
        np.int8(-3),
        np.str_("né"),
        np.str_("longer than eight letters"),
        np.float64("inf"),
        np.array(3.5),
        np.zeros((0, 4), np.float16),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(10)[::3],
        np.arange(3, dtype=">i4"),
        np.array(["a", "bcd"]),
        np.array([["a", None], [1, 2.5]], object),
        np.array([True, False]),
    ]
)
values = st.recursive(
    numbers | arrays,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3) | st.integers() | st.just("$x"), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a, b):
    if isinstance(a, np.ndarray):
        assert a.shape == b.shape and a.dtype.kind == b.dtype.kind
        assert_array_equal(a, b)
    elif isinstance(a, (list, tuple)):
        assert type(a) is type(b) and len(a) == len(b)
        for one, other in zip(a, b, strict=True):
            same(one, other)
    elif isinstance(a, dict):
        assert list(a) == list(b)
        for key in a:
            same(a[key], b[key])
    else:
        assert a == b and (type(a) is type(b) or isinstance(a, np.str_))


@given(values)
def test_any_plain_value_comes_back(value):
    writer = Writer(encode_estimator)
    node = json.loads(json.dumps(writer.write(value, "value"), allow_nan=False))
    stored = safetensors.numpy.load(safetensors.numpy.save(writer.arrays))
    same(value, Reader(stored, 10_000, decode_estimator).read(node))


def test_the_same_estimator_gives_the_same_bytes(tmp_path):
    model = LogisticRegression().fit(X, y)
    for name in "ab":
        hwsk.save(model, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_checksum_is_of_all_that_is_saved(recognizer, tmp_path):
    pipe = recognizer[0]
    found = persistence.checksum(pipe)
    assert persistence.checksum(there_and_back(pipe, tmp_path)) == found
    other = deepcopy(pipe).set_params(ctcrecognizer__batch_size=7)
    assert persistence.checksum(other) != found
    other = deepcopy(pipe)
    with torch.no_grad():
        next(other[-1].net_.module_.parameters()).view(-1)[0] += 1e-3
    assert persistence.checksum(other) != found
    with pytest.raises(TypeError, match="plain data"):
        persistence.checksum(FunctionTransformer(np.log1p))


def test_what_cannot_be_saved_is_named(tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(StandardScaler(), path)
    before = path.read_bytes()
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(2)).fit(X, y)
    log = make_pipeline(FunctionTransformer(np.log1p))
    mlp = MLPClassifier((2,), max_iter=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has not converged
        mlp.fit(X, y)
    masked = StandardScaler().fit(X)
    masked.mean_ = np.ma.masked_array(masked.mean_)
    cases = [
        (
            forest,
            r"Pipeline.steps\[1\]\[1\] can't be saved: .*ForestClassifier is none of",
        ),
        (log, r"Pipeline.steps\[0\]\[1\].func is <ufunc 'log1p'>"),
        (hwsk.CTCRecognizer(augment=print), "CTCRecognizer.augment is <built-in function print>"),
        (mlp, "MLPClassifier is none of the .* scikit-learn classes"),
        (masked, "StandardScaler.mean_ is masked_array"),
        (Holder(), "test_persistence.Holder is not an estimator of hwsk or scikit-learn"),
        (StandardScaler, "is not an estimator"),
        ({"a": 1}, "is not an estimator"),
        (OneHotEncoder(categories=[np.zeros(2, complex)]), "array of complex128"),
    ]
    for estimator, message in cases:
        with pytest.raises(TypeError, match=message):
            hwsk.save(estimator, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.hwsk"]


def test_of_a_search_the_best_estimator_is_saved(tmp_path):
    path = tmp_path / "model.hwsk"
    search = GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(X, y)
    with pytest.raises(TypeError, match=r"; save search\.best_estimator_ instead"):
        hwsk.save(search, path)
    hwsk.save(search.best_estimator_, path)
    assert_array_equal(hwsk.load(path).predict(X), search.predict(X))


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(StandardScaler(), path)
    before = path.read_bytes()
    with full_disk(), pytest.raises(OSError, match=r"File too large.*model\.hwsk'$"):
        hwsk.save(PCA().fit(np.eye(50)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.hwsk"]
    with pytest.raises(FileNotFoundError, match=r"the folder .*nowhere does not exist"):
        hwsk.save(PCA(), tmp_path / "nowhere" / "model.hwsk")
    with pytest.raises(IsADirectoryError, match="is a folder; name a file"):
        hwsk.save(PCA(), tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hwsk",
        bytes(100),
        b"\xff" * 100,
        np.random.default_rng(0).bytes(1000),
        pickle.dumps(StandardScaler()),
        b"PK\x03\x04" + bytes(50),
        b"\x89PNG\r\n\x1a\n" + bytes(50),
        safetensors.numpy.save({"weight": np.zeros(3)}),
        safetensors.numpy.save({}, {"hwsk": "one two three"}),
    ],
    ids=["empty", "short", "zeros", "ones", "random", "pickle", "zip", "png", "tensors", "format"],
)
def test_foreign_files_are_refused(content, tmp_path):
    path = tmp_path / "foreign.hwsk"
    path.write_bytes(content)
    refused = r"foreign\.hwsk \(\d+ bytes\) is not a file written by hwsk"
    with pytest.raises(ValueError, match=refused):
        hwsk.load(path)


def test_missing_files_folders_and_dumps(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing\.hwsk"):
        hwsk.load(tmp_path / "missing.hwsk")
    with pytest.raises(ValueError, match="is a folder, not a file"):
        hwsk.load(tmp_path)
    joblib.dump(StandardScaler().fit(X), tmp_path / "dump.joblib")
    with pytest.raises(ValueError, match=r"dump\.joblib.*load it with joblib\.load"):
        hwsk.load(tmp_path / "dump.joblib")
    (tmp_path / "cut.hwsk").write_bytes(b"hwsk")
    with pytest.raises(ValueError, match=r"or cut short$"):
        hwsk.load(tmp_path / "cut.hwsk")


def test_a_newer_format_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "model.hwsk"
    monkeypatch.setattr(persistence, "FORMAT", persistence.FORMAT + 1)
    hwsk.save(StandardScaler(), path)
    monkeypatch.undo()
    with pytest.raises(ValueError, match=r"model\.hwsk is in format 3.*pip install --upgrade"):
        hwsk.load(path)


def test_another_scikit_learn_warns(tmp_path, monkeypatch):
    path, images = tmp_path / "model.hwsk", tmp_path / "images.hwsk"
    versions = persistence._versions() | {"scikit-learn": "1.2.3"}
    monkeypatch.setattr(persistence, "_versions", lambda: versions)
    hwsk.save(make_pipeline(StandardScaler()), path)
    hwsk.save(make_pipeline(FrozenEstimator(hwsk.CTCRecognizer())), images)
    with pytest.warns(UserWarning, match=r"model.hwsk holds .* scikit-learn 1\.2\.3"):
        hwsk.load(path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hwsk.load(images)  # of scikit-learn it holds what learns nothing


def rewrite(path, change):
    """Change what a file holds, and repair its checksum."""
    model, arrays = persistence.read_model(path)
    arrays = change(model["estimator"], dict(arrays)) or arrays
    persistence._write(path, json.dumps(model), arrays)


def test_attributes_of_another_name_are_refused(recognizer, tmp_path):
    path = tmp_path / "model.hwsk"
    for name in ("_doc_link_template", "predict", "get_params", "_repr_html_", "__class__", "net_"):
        hwsk.save(recognizer[0][-1], path)
        rewrite(path, lambda node, arrays, name=name: node["state"].update({name: "<script>"}))
        with pytest.raises(ValueError, match=f"CTCRecognizer has no attribute '{name}'"):
            hwsk.load(path)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [("hidden_units", 20_000), ("num_layers", 99), ("dense_units", 9)],
)
def test_parameters_that_make_another_network_fail_at_once(recognizer, tmp_path, parameter, value):
    path = tmp_path / "model.hwsk"
    hwsk.save(recognizer[0][-1], path)
    rewrite(path, lambda node, arrays: node["params"].update({parameter: value}))
    start = time.process_time()
    with pytest.raises(ValueError, match=r"larger than its|parameters ask for|no weights|lacks"):
        hwsk.load(path)
    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    ("estimator", "parameter", "value"),
    [
        (LineNormalizer(), "height", 10**9),
        (hwsk.CTCRecognizer(), "num_layers", 10**9),
        (hwsk.CTCRecognizer(), "test_augmentations", 10**9),
        (hwsk.CTCRecognizer(), "batch_size", 10**12),
        (hwsk.CTCRecognizer(), "n_jobs", 10**6),
        (hwsk.CTCRecognizer(), "augment", "os.system"),
        (hwsk.CTCRecognizer(), "callbacks", ["os.system"]),
        (hwsk.SiameseVerifier(), "comparator", "x"),
        (hwsk.WriterClassifier(), "patch_size", {"$tuple": [10**6, 10**6]}),
        (hwsk.WriterClassifier(), "patch_scale", 1e-6),
        (SignatureNormalizer(), "size", {"$tuple": [10**6, 10**6]}),
        (RandomAffine(), "scale_x", {"$tuple": [1e6, 1e6]}),
        (KNeighborsClassifier(algorithm="brute"), "metric", "minkowski_x"),
        (KNeighborsClassifier(algorithm="brute"), "n_jobs", 10**6),
        (FeatureUnion([("scaler", StandardScaler())]), "n_jobs", 10**6),
    ],
)
def test_parameters_are_checked_as_fit_checks_them(estimator, parameter, value, tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(estimator, path)
    rewrite(path, lambda node, arrays: node["params"].update({parameter: value}))
    with pytest.raises(ValueError, match=rf"model\.hwsk can't be loaded: .*{parameter}"):
        hwsk.load(path)
    if not isinstance(value, dict):  # what can't be loaded is not written
        with pytest.raises(TypeError, match=rf"{type(estimator).__name__} can't be saved"):
            hwsk.save(estimator.set_params(**{parameter: value}), path)


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("classes_", {"$items": ["a", [1]], "shape": [2], "dtype": "O"}),
        ("ink_", "blue"),
        ("levels_", {"$tuple": [1.0, 1.0]}),
        ("image_shape_", {"$tuple": [10**6, 8]}),
        ("n_iter_", "x"),
    ],
)
def test_attributes_of_no_sense_are_refused(attribute, value, tmp_path):
    path = tmp_path / "model.hwsk"
    images = np.random.default_rng(0).integers(0, 255, (4, 8, 8), np.uint8)
    model = hwsk.CharacterClassifier(hidden_units=4, num_layers=1, max_epochs=1)
    hwsk.save(model.fit(images, ["a", "b", "a", "b"]), path)
    rewrite(path, lambda node, arrays: node["state"].update({attribute: value}))
    with pytest.raises(ValueError, match=f"CharacterClassifier.{attribute} is"):
        hwsk.load(path)


def test_what_a_fitted_estimator_lacks_is_named(recognizer, tmp_path):
    path = tmp_path / "model.hwsk"
    for name in ("levels_", "alphabet_"):
        hwsk.save(recognizer[0][-1], path)
        rewrite(path, lambda node, arrays, name=name: node["state"].pop(name) and None)
        message = f"the fitted CTCRecognizer lacks its attribute {name}"
        with pytest.raises(ValueError, match=message):
            hwsk.load(path)


def test_a_file_holds_no_more_steps_than_load_in_a_second(tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(Pipeline([("a", StandardScaler())]), path)

    def repeat(node, arrays):
        step = node["params"]["steps"][0]["$tuple"][1]
        node["params"]["steps"] = [{"$tuple": [f"s{i}", step]} for i in range(20_000)]

    rewrite(path, repeat)
    with pytest.raises(ValueError, match=r"holds more than 1000 estimators or steps"):
        hwsk.load(path)


def test_what_takes_more_memory_than_the_file_is_refused(tmp_path):
    path = tmp_path / "model.hwsk"
    scaler = StandardScaler().fit(np.zeros((3, 50_000)))
    hwsk.save(scaler, path)
    rewrite(path, lambda node, arrays: node["state"].update(scale_=node["state"]["mean_"]))
    with pytest.raises(ValueError, match=r"is not there, or is named more than once"):
        hwsk.load(path)
    hwsk.save(LabelEncoder().fit(["a", "b"]), path)
    words = {"$items": ["a"] * 50_000 + ["b" * 20_000], "shape": [50_001], "dtype": "U"}
    rewrite(path, lambda node, arrays: node["state"].update(classes_=words))
    with pytest.raises(ValueError, match=r"50001 strings, the longest of 20000 characters"):
        hwsk.load(path)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_attributes_that_are_not_finite_are_refused(value, tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(LogisticRegression().fit([[0.0], [1.0]], [0, 1]), path)

    def spoil(node, arrays):
        name = node["state"]["coef_"]["$array"]
        arrays[name] = np.full_like(arrays[name], value)
        return arrays

    rewrite(path, spoil)
    with pytest.raises(ValueError, match=r"LogisticRegression has coef_ with NaN or infinity"):
        hwsk.load(path)


def test_numbers_inside_attributes_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(NgramLanguageModel(2).fit(["one two", "two"]), path)

    def spoil(node, arrays):
        name = node["state"]["ngrams_"]["log10_prob_values"]["$array"]
        arrays[name] = np.full_like(arrays[name], np.nan)
        return arrays

    rewrite(path, spoil)
    with pytest.raises(ValueError, match=r"has n-grams with NaN or infinity"):
        hwsk.load(path)


def test_weights_that_are_not_finite_are_refused(recognizer, tmp_path):
    path = tmp_path / "model.hwsk"
    reader = pickle.loads(pickle.dumps(recognizer[0][-1]))
    hwsk.save(reader, path)
    before = path.read_bytes()

    def spoil(node, arrays):
        name = max(arrays, key=lambda name: arrays[name].size)
        arrays[name] = np.full_like(arrays[name], np.nan)
        return arrays

    rewrite(path, spoil)
    with pytest.raises(ValueError, match=r"the weight [\w.]+ of the network holds NaN"):
        hwsk.load(path)
    path.write_bytes(before)
    weight = next(reader.net_.module_.parameters())
    with torch.no_grad():
        weight[0] = 1e5
    with pytest.raises(ValueError, match=r"more than float16 can hold"):
        hwsk.save(reader, path, half_precision=True)
    with torch.no_grad():
        weight[0] = torch.inf
    with pytest.raises(ValueError, match=r"CTCRecognizer: the weight .* holds NaN or infinity"):
        hwsk.save(reader, path)
    assert path.read_bytes() == before


def test_what_only_training_needs_is_left_out_and_said(recognizer, tmp_path):
    path = tmp_path / "model.hwsk"
    reader = pickle.loads(pickle.dumps(recognizer[0][-1]))
    reader.set_params(augment=np.flip, callbacks=[Checkpoint("a.ckpt")])
    with pytest.warns(
        UserWarning, match=r"saved without CTCRecognizer.augment .*callbacks"
    ) as seen:
        hwsk.save(reader, path)
    assert seen[0].filename == __file__
    loaded = hwsk.load(path)
    assert loaded.augment is None and loaded.callbacks is None
    assert loaded.alphabet_ == reader.alphabet_
    reader.set_params(test_augmentations=2, callbacks=None)  # augmented copies count in predicting
    with pytest.raises(TypeError, match=r"CTCRecognizer\.augment is <function flip"):
        hwsk.save(reader, path)
    pipe = Pipeline([("scale", StandardScaler())], memory=str(tmp_path)).fit(X)
    with pytest.warns(UserWarning, match=r"saved without Pipeline\.memory .*a place on this"):
        hwsk.save(pipe, path)
    assert hwsk.load(path).memory is None


def test_a_state_of_a_random_generator_is_checked(tmp_path):
    path = tmp_path / "model.hwsk"
    for position in (-1, 625, 10**6):
        hwsk.save(PCA(random_state=np.random.RandomState(0)), path)

        def move(node, arrays, position=position):
            node["params"]["random_state"]["$random_state"][2] = position

        rewrite(path, move)
        with pytest.raises(ValueError, match="state of a random generator is damaged"):
            hwsk.load(path)


def test_devices_are_refused():
    with pytest.raises(ValueError, match=r"/dev/zero is not a regular file, but a device"):
        hwsk.load("/dev/zero")


def test_no_class_imports_a_compiler_when_it_is_loaded():
    files = [str(path) for path in sorted((Path(__file__).parent / "data").rglob("*.hwsk"))]
    assert any("HandwritingSynthesizer" in file for file in files)
    code = f"""
import sys, warnings, torch, hwsk
from hwsk.networks.resnet import resnet18
warnings.simplefilter("ignore")
for file in {files!r}:
    hwsk.load(file)
with torch.device("meta"):  # as `load` builds a WriterClassifier's
    resnet18()
print(*sys.modules)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch._dynamo", "pytorch_metric_learning"} & set(run.stdout.split())


def test_loading_draws_nothing_and_imports_no_compiler(recognizer, tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(recognizer[0], path)
    torch_state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    loaded = hwsk.load(path)
    assert torch.equal(torch.get_rng_state(), torch_state)
    assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert loaded[-1].net_.optimizer_ is None
    code = f"import hwsk, sys; hwsk.load({str(path)!r}); print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch._dynamo", "pytorch_metric_learning"} & set(run.stdout.split())
    data = recognizer[1]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it reads nothing yet
        loaded.set_params(ctcrecognizer__warm_start=True, ctcrecognizer__max_epochs=1)
        loaded.fit(data.images, data.text)  # training goes on with an optimizer of its own
    assert loaded[-1].net_.optimizer_ is not None


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "model.hwsk"
    hwsk.save(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y), path)
    return path


@settings(deadline=None)
@given(data=st.data())
def test_damage_is_found(saved, data):
    whole = saved.read_bytes()
    damaged = bytearray(whole)
    if data.draw(st.booleans(), label="cut"):
        damaged = damaged[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        place = data.draw(st.integers(0, len(whole) - 1))
        damaged[place] ^= data.draw(st.integers(1, 255))
    path = saved.with_name("damaged.hwsk")
    path.write_bytes(damaged)
    try:
        loaded = hwsk.load(path)
    except ValueError as error:
        assert "damaged.hwsk" in str(error)
    else:  # a blank in the header, say
        assert_array_equal(loaded.predict(X), hwsk.load(saved).predict(X))


EVIL = [
    "os.system",
    "builtins.eval",
    "sklearn.utils._testing.os",
    "sklearn.externals.array_api_compat",
    "sklearn.conftest.X",
    "hwsk.__main__.main",
    "hwsk.cli.main",
    "sklearn.base.clone",
    "sklearn.base.BaseEstimator()",
    "sklearn.no_such.Thing",
    "sklearn",
    "",
    ["os", "system"],
    None,
    7,
]


@pytest.mark.parametrize("name", EVIL, ids=repr)
def test_only_estimators_are_made(name, tmp_path):
    path = tmp_path / "evil.hwsk"
    node = {"$estimator": name, "params": {}, "state": {}}
    persistence._write(path, json.dumps({"versions": {}, "estimator": node}), {})
    with pytest.raises(ValueError, match=r"evil\.hwsk can't be loaded: .*(no estimator|is no)"):
        hwsk.load(path)


leaf = st.one_of(
    st.sampled_from([*EVIL, "sklearn.preprocessing.StandardScaler", "<f8", "V999999999", "O", "w"]),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
)
keys = st.sampled_from(
    [
        "$estimator", "$float", "$tuple", "$dict", "$slice", "$scalar", "$array", "$items",
        "$dtype", "$type", "$random_state", "$other", "params", "state", "weights", "shape",
        "dtype", "copy", "__class__",
    ]
)  # fmt: skip
nodes = st.recursive(
    leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None)
@given(node=nodes, state=nodes)
def test_hostile_content_gives_a_value_error(saved, node, state):
    path = saved.with_name("hostile.hwsk")
    versions = persistence._versions()
    known = {"$estimator": "sklearn.preprocessing.StandardScaler", "params": {}}
    for estimator in (node, known | {"state": {"mean_": state}}, known | {"params": state}):
        text = json.dumps({"versions": versions, "estimator": estimator})
        persistence._write(path, text, {"w": np.zeros(2)})
        try:
            loaded = hwsk.load(path)
        except ValueError as error:
            assert "hostile.hwsk" in str(error)
        else:
            assert isinstance(loaded, BaseEstimator)


def test_deep_nesting_is_refused(tmp_path):
    path = tmp_path / "deep.hwsk"
    for text in ("[" * 100_000, "[" * 20_000 + "]" * 20_000, "[]", "{}", '{"versions": 3}'):
        persistence._write(path, text, {})
        with pytest.raises(ValueError, match=r"deep\.hwsk"):
            hwsk.load(path)


def test_the_source_has_no_unpickling():
    folder = Path(persistence.__file__).parent
    source = "".join(file.read_text() for file in sorted(folder.glob("*.py")))
    source = re.sub(r'""".*?"""', "", source, flags=re.S)
    source = re.sub(r"^_(DUMPS|HINT) = .*$", "", source, count=2, flags=re.M)  # for a message
    assert not re.search(r"pickle|joblib|eval\(|exec\(|torch\.load", source)


def test_half_precision_halves_the_file_and_changes_little(tmp_path):
    images = make_handwriting(20, texts=["and"], n_writers=4, random_state=0)
    verifier = SiameseVerifier(image_size=(32, 64), max_epochs=1, random_state=0)
    verifier.fit(images.images, images.writer)
    for half in (False, True):
        hwsk.save(verifier, tmp_path / f"{half}.hwsk", half_precision=half)
    sizes = [(tmp_path / f"{half}.hwsk").stat().st_size for half in (False, True)]
    assert sizes[1] < 0.55 * sizes[0]
    loaded = hwsk.load(tmp_path / "True.hwsk")
    assert next(loaded.net_.module_.parameters()).dtype == torch.float32
    difference = loaded.transform(images.images) - verifier.transform(images.images)
    assert np.abs(difference).max() < 0.02


def test_an_attribute_that_is_a_parameter_is_stored_once(tmp_path):
    vectors = np.random.default_rng(0).normal(size=(80, 6))
    writers = np.repeat(np.arange(20), 4)
    union = FeatureUnion([("pca", FrozenEstimator(PCA(3).fit(vectors)))])
    comparer = hwsk.HandComparer(union, random_state=0).fit(vectors, writers)
    assert comparer.representation_ is comparer.representation
    hwsk.save(comparer, tmp_path / "comparer.hwsk")
    hwsk.save(union, tmp_path / "union.hwsk")
    whole, part = ((tmp_path / f"{name}.hwsk").read_bytes() for name in ("comparer", "union"))
    assert whole.count(b"components_") == part.count(b"components_") > 0
    loaded = hwsk.load(tmp_path / "comparer.hwsk")
    assert loaded.representation_ is loaded.representation
    sides = vectors[0], vectors[5]
    assert loaded.compare(*sides).score == comparer.compare(*sides).score
    for name in ("nothing", "random_state", ["representation"]):
        hwsk.save(comparer, tmp_path / "comparer.hwsk")
        wrong = {"representation_": {"$parameter": name}}
        rewrite(
            tmp_path / "comparer.hwsk", lambda node, _, wrong=wrong: node["state"].update(wrong)
        )
        with pytest.raises(ValueError, match=r"comparer\.hwsk can't be loaded"):
            hwsk.load(tmp_path / "comparer.hwsk")


def test_what_load_would_refuse_is_not_saved(tmp_path):
    """Parameters of a network that are changed after the fit, unseen until it is loaded."""
    recognizer = small_recognizer(max_epochs=1).fit(*draw_words(8))
    hwsk.save(recognizer, tmp_path / "good.hwsk")
    before = (tmp_path / "good.hwsk").read_bytes()
    for changed in ({"hidden_units": 5}, {"num_layers": 3}, {"channels": (4, 8, 24)}):
        with pytest.raises(ValueError, match="can't be saved: its parameters are not"):
            hwsk.save(deepcopy(recognizer).set_params(**changed), tmp_path / "good.hwsk")
        assert (tmp_path / "good.hwsk").read_bytes() == before
