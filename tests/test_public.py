"""What holds for everything public: how it is imported, documented, and keeps the contract.

Nothing is listed by name but the settings that make an estimator small: names come from `__all__`,
estimators from a walk through the packages, so that what comes later is tested too.
"""

import ast
import inspect
import pickle
import pkgutil
import re
import subprocess
import sys
import tomllib
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpydoc.validate import validate
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.utils import estimator_checks, get_tags
from torch import Tensor, nn

import hwsk
from hwsk._data.images import check_images
from hwsk._training.estimator import NetworkEstimator
from hwsk.datasets import make_handwriting
from hwsk.documents import LineSegmenter
from hwsk.recognition import CTCRecognizer
from hwsk.utils import estimator_checks as native_checks
from hwsk.verification import LocalDescriptorMatching

ROOT = Path(__file__).parents[1]


class TinyBackbone(nn.Module):
    n_features = 16

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(36, self.n_features)

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(x.flatten(1)).tanh()


class InkFeatures(TransformerMixin, BaseEstimator):
    """Width, height and share of ink of images."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        images = check_images(X, self)
        return np.array([[*image.shape, (image < 128).mean()] for image in images], float)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


# Settings under which an estimator fits in a fraction of a second.
SMALL = {
    # One step an epoch, without chance: then weights are the same as repeated samples.
    "CharacterClassifier": {
        "hidden_units": 16,
        "num_layers": 1,
        "dropout": 0.0,
        "max_epochs": 15,
        "batch_size": 1000,
        "lr": 0.05,
        "precision": "float64",
    },
    "MultiTaskClassifier": {
        "image_size": (16, 16),
        "channels": (4, 8, 8, 8),
        "dense_units": 32,
        "max_epochs": 12,
        "batch_size": 16,
        "lr": 0.03,
        "precision": "float64",
    },
    "SiameseVerifier": {
        "channels": (2, 2, 2, 2),
        "embedding_dim": 4,
        "max_epochs": 2,
        "dense_units": 8,
    },
    "VariationalAutoencoder": {
        "latent_dim": 2,
        "channels": (2, 2, 2, 2),
        "max_epochs": 2,
        "precision": "float64",
    },
    "WriterEmbedder": {"backbone": TinyBackbone, "patch_size": 6, "n_patches": 1, "max_epochs": 2},
    "WriterClassifier": {
        "backbone": TinyBackbone,
        "patch_size": 6,
        "n_patches": 1,
        "max_epochs": 8,
        "batch_size": 16,
        "lr": 0.05,
    },
}
FEWEST_CHECKS = 40  # where scikit-learn's suite gives up on an estimator, it is green with one
SKIPPED = {"check_array_api_input"}  # scikit-learn runs it only where SCIPY_ARRAY_API is set


def public_packages() -> list[ModuleType]:
    walked = pkgutil.walk_packages(hwsk.__path__, "hwsk.")
    names = ["hwsk", *(name for _, name, _ in walked if "._" not in name)]
    return [module for module in map(import_module, names) if hasattr(module, "__all__")]


PACKAGES = public_packages()
LAZY = [package for package in PACKAGES if hasattr(package, "__getattr__")]
API = {
    f"{value.__module__}.{name}": value
    for package in PACKAGES
    for name in package.__all__
    if callable(value := getattr(package, name))
}
METHODS = {
    f"{name}.{attribute}": value
    for name, cls in API.items()
    if inspect.isclass(cls)
    for attribute, value in inspect.getmembers(cls, inspect.isfunction)
    if not attribute.startswith("_") and value.__module__.startswith("hwsk")
}
ESTIMATORS = {
    name: value
    for name, value in API.items()
    if inspect.isclass(value) and issubclass(value, BaseEstimator) and hasattr(value, "fit")
}
CHECKS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["numpydoc_validation"][
    "checks"
]


def make(name: str) -> BaseEstimator:
    return ESTIMATORS[name](**SMALL.get(name.rpartition(".")[2], {}))


def loaded_by(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after `code`."""
    code += "; import sys; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_import_is_light():
    assert not loaded_by("import hwsk; dir(hwsk)") & {
        "torch", "skorch", "sklearn", "scipy", "numpy", "pandas", "cv2", "matplotlib"
    }  # fmt: skip


@pytest.mark.parametrize("package", ["datasets", "metrics", "preprocessing"])
def test_data_need_no_torch(package):
    code = f"from hwsk.{package} import *"
    assert not loaded_by(code) & {"torch", "skorch", "matplotlib"}


def test_decoding_needs_no_torch():
    code = "from hwsk.recognition import CTCDecoder, NgramLanguageModel"
    assert not loaded_by(code) & {"torch", "skorch", "numba"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_names_resolve(package):
    assert len(set(package.__all__)) == len(package.__all__)
    assert set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="no_such_name"):
        package.no_such_name  # noqa: B018


@pytest.mark.parametrize("package", LAZY, ids=lambda package: package.__name__)
def test_type_checkers_see_the_same_names(package):
    tree = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text(encoding="utf-8"))
    imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.asname for node in imports for alias in node.names}  # "as" exports a name
    assert seen == set(package.__all__) - {"__version__"}


# What docstrings began with before they had to begin with a verb, and verbs that are avoided.
AVOIDED_BEGINNING = r"""\W*((Learn to )?(tell|find out|see|what|where|whether|how)
|a|an|the|all|accuracy|area|character|confusion|cost|cross-validation|density|detection|distance
|embedding|embeddings|equal|error|evidence|false|features|handwriting|harmonic|images|lines|logarithm
|log-likelihood|log-probability|loss|mean|names|number|pairs|percentile|perplexity|probabilities
|probability|rows|scorer|scores|share|two|vector|vectors|word|writer-dependent|writer-independent
)\b""".replace("\n", "")


@pytest.mark.parametrize("name", [*API, *METHODS])
def test_docstring(name):
    report = validate(name)
    doc = report["docstring"]
    skipped = {check for check in CHECKS if check != "all"}
    errors = [f"{code}: {text}" for code, text in report["errors"] if code not in skipped]
    if name in API and ">>>" not in report["docstring"]:
        errors.append("no example")
    if re.match(AVOIDED_BEGINNING, doc, re.IGNORECASE):
        errors.append("it does not begin with a verb of the glossary")
    assert not errors, "\n".join([f"{report['file']}:{report['file_line']}", *errors])


def test_estimators_are_found():
    assert {name.rpartition(".")[2] for name in ESTIMATORS} >= {"CTCRecognizer", "Binarizer"}


@pytest.mark.parametrize(
    "name", [n for n in ESTIMATORS if issubclass(ESTIMATORS[n], NetworkEstimator)]
)
def test_networks_take_sample_weight_or_say_why_not(name):
    cls = ESTIMATORS[name]
    takes = "sample_weight" in inspect.signature(cls.fit).parameters
    assert takes or "`fit` takes no `sample_weight`" in cls.__doc__


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if hasattr(ESTIMATORS[n], "transform")])
def test_transformers_name_their_output(name):
    cls = ESTIMATORS[name]
    if cls.__name__ == "SkipUnusable":  # as what it wraps
        return
    assert hasattr(cls, "get_feature_names_out") and hasattr(make_native(name), "set_output")


@pytest.mark.parametrize("name", [n for n in ESTIMATORS if hasattr(ESTIMATORS[n], "sample")])
def test_sample_has_one_signature(name):
    parameters = [*inspect.signature(ESTIMATORS[name].sample).parameters.values()][1:]
    assert (parameters[0].name, parameters[0].default) == ("n_samples", 1)
    assert {parameter.kind for parameter in parameters[1:]} == {inspect.Parameter.KEYWORD_ONLY}
    assert (parameters[-1].name, parameters[-1].default) == ("random_state", None)


SLOW = {"PageReader"}  # it fits two networks for each check
SLOW_TABLES = {"MultiTaskClassifier", "WriterClassifier"}  # their networks learn tables slowly
SMALL_LINES = {"resolution": 64, "channels": (4, 8), "crop_size": 64, "max_epochs": 1}
SMALL_PATCHES = {
    "patch_size": 16,
    "patch_scale": 0.5,
    "n_patches": 1,
    "max_epochs": 1,
    "batch_size": 16,
}
# Rasters of one size are also tables, for which there is scikit-learn's own suite.
TABLES = [
    name
    for name, cls in ESTIMATORS.items()
    if getattr(cls, "_native_data", None) in ("characters", "writers")
    and cls.__name__ not in ("DescriptorHistogram", "LocalDescriptors")
]
SMALL_NATIVE = {
    "LineSegmenter": SMALL_LINES,
    "CharacterClassifier": {"hidden_units": 16, "num_layers": 1, "max_epochs": 2},
    "CTCDecoder": {"alphabet": "no"},
    "CTCRecognizer": {"height": 8, "max_epochs": 1},
    "HandwritingSynthesizer": {"hidden_units": 8, "num_layers": 1, "max_epochs": 1},
    "InkRecognizer": {"channels": (8, 8, 8), "hidden_units": 8, "num_layers": 1, "max_epochs": 1},
    "MultiTaskClassifier": {"channels": (4, 8, 8, 8), "dense_units": 16, "max_epochs": 2},
    "SiameseVerifier": {**SMALL["SiameseVerifier"], "image_size": (32, 64)},
    "StrokePredictor": {"hidden_units": 8, "num_layers": 1, "max_epochs": 1},
    "VariationalAutoencoder": {"latent_dim": 2, "channels": (4, 8, 8, 8), "max_epochs": 2},
    "VLADEncoder": {"n_clusters": 2, "n_components": 3},
    "WriterClassifier": SMALL_PATCHES,
    "WriterEmbedder": SMALL_PATCHES,
}


def with_marks(name, slow):
    """An estimator's name; marked where its checks take long."""
    return pytest.param(name, marks=[pytest.mark.slow] if name.rpartition(".")[2] in slow else [])


def make_native(name: str) -> BaseEstimator:
    kind = name.rpartition(".")[2]
    parameters = SMALL_NATIVE.get(kind, SMALL.get(kind, {}))
    if kind == "HandComparer":
        parameters = {"representation": InkFeatures(), "n_images": 1}
    if kind == "DescriptorHistogram":
        words = make_handwriting(24, texts=["and"], n_writers=6, random_state=0)
        verifier = ESTIMATORS["hwsk.verification._siamese.SiameseVerifier"](
            **SMALL_NATIVE["SiameseVerifier"], comparator=LocalDescriptorMatching(), random_state=0
        )
        verifier.fit(words.images, words.writer)
        return ESTIMATORS[name](FrozenEstimator(verifier), n_codes=8)
    if kind == "SkipUnusable":
        return ESTIMATORS[name](CTCRecognizer(**SMALL_NATIVE["CTCRecognizer"], random_state=0))
    if kind == "PageReader":
        recognizer = CTCRecognizer(
            height=8,
            channels=(4, 8, 8),
            dense_units=8,
            hidden_units=8,
            max_epochs=1,
            random_state=0,
        )
        parameters = {
            "segmenter": LineSegmenter(**SMALL_LINES, random_state=0),
            "recognizer": recognizer,
        }
    return ESTIMATORS[name](**parameters)


@pytest.mark.parametrize("name", [with_marks(name, SLOW) for name in ESTIMATORS])
@pytest.mark.filterwarnings("ignore")
def test_contract_on_native_inputs(name):
    estimator = make_native(name)
    assert get_tags(estimator).input_tags.two_d_array == (name in TABLES)
    records = native_checks.check_estimator(estimator)
    by_status = Counter(record["status"] for record in records)
    assert by_status["passed"] >= FEWEST_CHECKS, by_status
    assert set(by_status) <= {"passed", "skipped"}


@pytest.mark.parametrize("name", [with_marks(name, SLOW_TABLES) for name in TABLES])
@pytest.mark.filterwarnings("ignore")
def test_contract(name):
    checks = estimator_checks.check_estimator(make(name), on_skip=None, on_fail="raise")
    by_status: dict[str, list[str]] = {"passed": [], "skipped": []}
    for check in checks:
        by_status[check["status"]].append(check["check_name"])
    assert len(by_status["passed"]) >= FEWEST_CHECKS, by_status
    assert set(by_status["skipped"]) <= SKIPPED


@pytest.mark.parametrize("name", TABLES)
def test_clone_and_pickle_keep_parameters(name):
    estimator = make(name)
    for copy in (clone(estimator), pickle.loads(pickle.dumps(estimator))):
        assert type(copy) is type(estimator)
        assert repr(copy) == repr(estimator)


@pytest.mark.parametrize("name", [n for n in TABLES if hasattr(ESTIMATORS[n], "transform")])
def test_fitted_transformer_pickles(name):
    estimator, X = make(name), np.random.default_rng(0).random((5, 9))
    estimator.fit(X, np.arange(5) % 2 if get_tags(estimator).target_tags.required else None)
    copy = pickle.loads(pickle.dumps(estimator))
    np.testing.assert_array_equal(estimator.transform(X), copy.transform(X))
