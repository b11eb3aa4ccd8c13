"""A checkpoint belongs to one fit, is never spoilt, and says what is wrong with it."""

from __future__ import annotations

import functools
import os

import numpy as np
import pytest
import torch
from disk import full_disk
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, KFold
from skorch.callbacks import Callback
from small_words import draw_words, small_recognizer

from hwsk._data.digest import digest
from hwsk._data.images import LazyImages
from hwsk.callbacks import Checkpoint
from hwsk.preprocessing.augmentation import Compose, RandomContrast

pytestmark = [
    pytest.mark.filterwarnings("ignore:after .* epochs the recognizer reads nothing"),
    pytest.mark.filterwarnings("ignore:the training loss became"),
]
X, Y = draw_words(12)


class Interrupt(Callback):
    def __init__(self, epoch: int) -> None:
        self.epoch = epoch

    def on_epoch_begin(self, net, **kwargs):
        if len(net.history) == self.epoch:
            raise KeyboardInterrupt


def darker(image, rng):
    return np.minimum(image, 200).astype(np.uint8)


def lighter(image, rng):
    return np.maximum(image, 100).astype(np.uint8)


OTHERS = {
    "data": [{"X": X[::-1]}, {"Y": Y[::-1]}],
    "network": [{"dropout": 0.4}, {"hidden_units": 6}],
    "training parameters": [
        {"lr": 0.1},
        {"batch_size": 5},
        {"max_epochs": 3},
        {"weight_decay": 0.5},
        {"augment": darker},
        {"augment": Compose([RandomContrast(0.1)])},
        {"ema_decay": 0.9},
        {"lr_schedule": "plateau"},
        {"early_stopping": True},
    ],
    "random_state": [{"random_state": 8}],
}


@pytest.mark.parametrize(
    ("part", "change"), [(part, change) for part, changes in OTHERS.items() for change in changes]
)
def test_another_fit_is_refused(part, change, tmp_path):
    path = tmp_path / "fit.ckpt"
    settings = {"max_epochs": 2, "batch_size": 6, "lr": 0.01, "dropout": 0.1}
    small_recognizer(**settings, callbacks=[Checkpoint(path)]).fit(X, Y)
    before = path.read_bytes()
    inputs, texts = change.get("X", X), change.get("Y", Y)
    changed = {key: value for key, value in change.items() if key not in ("X", "Y")}
    other = small_recognizer(**settings | changed, callbacks=[Checkpoint(path)])
    with pytest.raises(ValueError, match=rf"left by another fit, .*{part}.*\{{fit\}} in the path"):
        other.fit(inputs, texts)
    assert path.read_bytes() == before


def test_folds_and_candidates_do_not_share_a_network(tmp_path):
    def search(callbacks):
        estimator = small_recognizer(max_epochs=2, callbacks=callbacks)
        grid = {"lr": [0.001, 0.03], "augment": [darker, lighter]}
        return GridSearchCV(estimator, grid, cv=KFold(2), error_score="raise").fit(X, Y)

    plain = search(None).cv_results_
    first = search([Checkpoint(tmp_path / "{fit}.ckpt")]).cv_results_
    again = search([Checkpoint(tmp_path / "{fit}.ckpt")]).cv_results_  # resumes each from its end
    assert len(list(tmp_path.iterdir())) == 4 * 2 + 1  # and the best on all
    for results in (first, again):
        for name in ("split0_test_score", "split1_test_score"):
            assert_array_equal(results[name], plain[name])


@pytest.mark.parametrize("spoilt", ["loss", "weights"])
def test_what_is_not_finite_is_not_written(spoilt, tmp_path):
    path = tmp_path / "fit.ckpt"

    class Spoilt(Checkpoint):
        def on_epoch_end(self, net, **kwargs):
            if len(net.history) == 2 and spoilt == "loss":
                net.history.record("train_loss", float("nan"))
            elif len(net.history) == 2:
                with torch.no_grad():
                    next(net.module_.parameters()).fill_(torch.inf)
            super().on_epoch_end(net, **kwargs)

    with pytest.warns(UserWarning, match=r"fit\.ckpt: after epoch 2 the loss or the weights"):
        small_recognizer(max_epochs=2, callbacks=[Spoilt(path)]).fit(X, Y)
    assert len(torch.load(path, weights_only=True)["history"]) == 1
    state = torch.load(path, weights_only=True)
    name = next(name for name, value in state["module"].items() if value.is_floating_point())
    state["module"][name].fill_(float("nan"))
    torch.save(state, path)
    with pytest.raises(ValueError, match=r"fit\.ckpt is damaged .* not finite"):
        small_recognizer(max_epochs=2, callbacks=[Checkpoint(path)]).fit(X, Y)


def test_a_full_disk_costs_neither_the_fit_nor_the_file(tmp_path):
    path = tmp_path / "fit.ckpt"
    recognizer = small_recognizer(max_epochs=3, callbacks=[Checkpoint(path)])
    clone(recognizer).set_params(callbacks=[Checkpoint(path), Interrupt(2)]).fit(X, Y)
    before = path.read_bytes()

    with (
        full_disk(),
        pytest.warns(UserWarning, match=r"ckpt can't be written after epoch 2 .*too large.*ckpt"),
    ):
        recognizer.fit(X, Y)
    assert recognizer.n_iter_ == 3
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["fit.ckpt"]


def test_damage_is_named(tmp_path):
    path = tmp_path / "fit.ckpt"
    recognizer = small_recognizer(max_epochs=1, callbacks=[Checkpoint(path)]).fit(X, Y)
    whole = path.read_bytes()
    state = torch.load(path, weights_only=True)
    rng = np.random.default_rng(0)
    contents = [whole[: rng.integers(len(whole))] for _ in range(10)]
    for _ in range(20):
        content = bytearray(whole)
        for place in rng.integers(0, len(whole), 30):
            content[place] ^= 0xFF
        contents.append(bytes(content))
    for content in contents:
        path.write_bytes(content)
        try:
            clone(recognizer).fit(X, Y)
        except ValueError as error:
            assert "fit.ckpt" in str(error)
    for name in set(state) - {"early_stopping"}:
        for value in (None, 3, {"a": 3}):
            torch.save({**state, name: value}, path)
            with pytest.raises(ValueError, match=r"fit\.ckpt (is damaged|was left by another fit)"):
                clone(recognizer).fit(X, Y)
    path.unlink()
    path.mkdir()
    with pytest.raises(ValueError, match=r"fit\.ckpt is a folder, not a file"):
        clone(recognizer).fit(X, Y)


def test_digests():
    class Thing:
        def __init__(self, value):
            self.value = value
            self.fitted_ = object()

    def enclosing(value):
        return lambda: value

    knot: list = []
    knot.append(knot)
    values = [
        None, True, 1, 1.0, "1", b"1", [1], (1,), {1: 2}, {1, 2}, np.array([1]), np.array([1.0]),
        np.array(["a"]), np.array(["a", 3], object), np.float32(1), np.int64(1), torch.ones(2),
        torch.ones(3), torch.nn.Linear(1, 1, dtype=torch.float64), Thing(1), Thing(2), darker,
        lighter, enclosing(1), enclosing(2), functools.partial(darker, 1), np.exp, np.log, max,
        Thing, knot, np.dtype("f4"), np.zeros((0, 3)), np.zeros((3, 0)), Thing(1).__init__,
    ]  # fmt: skip
    digests = [digest(value) for value in values]
    assert len(set(digests)) == len(values)
    assert [digest(value) for value in values] == digests


def test_digests_of_files_change_with_the_files(tmp_path):
    path = tmp_path / "a.png"
    path.write_bytes(b"one")
    images = LazyImages([str(path)])
    before = digest(images)
    assert digest(LazyImages([str(path)])) == before
    path.write_bytes(b"other")
    assert digest(images) != before
