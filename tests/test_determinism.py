"""A seed decides a fit, with one thread as with two, and with workers as without.

How many threads there are may change the last digits, since sums are cut otherwise; with a given
number the weights must be the same each time. Every estimator with a network is found and fitted on
its native input, at its default settings but for sizes.
"""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from sklearn.base import clone
from small_words import draw_words
from test_public import ESTIMATORS

from hwsk._training.estimator import NetworkEstimator
from hwsk.datasets import make_handwriting
from hwsk.utils._native_data import KINDS
from hwsk.verification import LocalDescriptorMatching

pytestmark = [
    pytest.mark.filterwarnings("ignore"),
    pytest.mark.arithmetic,
]

WORDS = make_handwriting(48, texts=["and"], n_writers=8, random_state=0)
CANVAS = {"image_size": (32, 64), "max_epochs": 2}
ENCODER = {**CANVAS, "channels": (8, 16, 16, 16)}
STROKES = list(WORDS.strokes[:16])
SMALL = {
    "CTCRecognizer": {"height": 16, "channels": (8, 16, 16), "max_epochs": 2},
    "CharacterClassifier": {"hidden_units": 32, "max_epochs": 2},
    "SiameseVerifier": {**ENCODER, "comparator": LocalDescriptorMatching()},
    "MultiTaskClassifier": ENCODER,
    "LineSegmenter": {"resolution": 96, "channels": (8, 16), "crop_size": 64, "max_epochs": 2},
    "VariationalAutoencoder": {**ENCODER, "latent_dim": 4},
    "WriterClassifier": {"patch_size": 32, "n_patches": 2, "max_epochs": 1},
    "WriterEmbedder": {"patch_size": 32, "n_patches": 2, "max_epochs": 1},
    "InkRecognizer": {"channels": (8, 16, 16), "hidden_units": 32, "max_epochs": 2},
    "StrokePredictor": {"hidden_units": 64, "num_layers": 1, "max_epochs": 2},
    "HandwritingSynthesizer": {"hidden_units": 64, "num_layers": 1, "max_epochs": 2},
}


def native_data(name):
    """What an estimator learns from."""
    if name == "CTCRecognizer":
        return draw_words(48)
    if name == "LineSegmenter":
        data = KINDS["pages"]()
        return data.X, data.y
    if name == "CharacterClassifier":
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (200, 28, 28), np.uint8), np.arange(200) % 5
    if name == "StrokePredictor":
        return STROKES, None
    if name == "InkRecognizer":
        return STROKES, list(WORDS.text[:16])
    if name == "HandwritingSynthesizer":
        return list(WORDS.text[:16]), STROKES
    if name == "VariationalAutoencoder":
        return WORDS.images, None
    return WORDS.images, WORDS.writer


@pytest.fixture
def set_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    yield torch.set_num_threads
    torch.set_num_threads(before)


NETWORKS = {
    name.rpartition(".")[2]: cls
    for name, cls in ESTIMATORS.items()
    if issubclass(cls, NetworkEstimator)
}


def weights(estimator):
    return np.concatenate([w.ravel() for w in estimator._get_network_state().values()])


@pytest.mark.parametrize("name", NETWORKS)
def test_seed_decides_the_weights(name, set_threads):
    X, y = native_data(name)
    estimator = NETWORKS[name](**SMALL[name], random_state=0)
    for n_threads in (1, 2):
        set_threads(n_threads)
        first, second = (weights(clone(estimator).fit(X, y)) for _ in range(2))
        np.testing.assert_array_equal(first, second, err_msg=f"{n_threads} threads")


def shift_or_stretch(sample, rng):
    """Change an image or strokes, as `augment` may."""
    if sample.dtype == np.uint8:
        return np.roll(sample, rng.integers(3), axis=1)
    return sample * np.array([rng.uniform(0.8, 1.2), 1, 1], sample.dtype)


@pytest.mark.parametrize("name", NETWORKS)
def test_n_jobs_changes_no_weight_and_no_output(name):
    X, y = native_data(name)
    estimator = NETWORKS[name](**SMALL[name], augment=shift_or_stretch, random_state=0)
    if "test_augmentations" in estimator.get_params():
        estimator.set_params(test_augmentations=1)
    fits = [clone(estimator).set_params(n_jobs=n).fit(X, y) for n in (None, 1, 2)]
    for other in fits[1:]:
        np.testing.assert_array_equal(weights(fits[0]), weights(other))
    methods = ("transform", "predict_proba", "score")
    method = next(method for method in methods if hasattr(fits[0], method))
    arguments = (X,) if y is None or method != "score" else (X, y)
    outputs = [getattr(fit, method)(*arguments) for fit in fits]
    for output in outputs[1:]:
        np.testing.assert_equal(output, outputs[0])
