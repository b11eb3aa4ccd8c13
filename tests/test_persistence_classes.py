"""Each class of hwsk: files of format 1 load as they did, and all that is declared comes back."""

from __future__ import annotations

import inspect
import json
import lzma
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from test_public import API, ESTIMATORS

import hwsk
from hwsk.persistence import _classes
from hwsk.persistence._classes import CLASSES, UPGRADES
from hwsk.persistence._declared import Declaration
from hwsk.persistence._estimators import declared, find_class, public_name

# A file of each class as version 0.1.0.dev0 wrote it, what it was given, and what it answered.
FOLDER = Path(__file__).parent / "data" / "format1"
CASES = sorted(file.stem for file in FOLDER.glob("*.npz"))


def load_case(name: str, folder: Path) -> BaseEstimator:
    path = FOLDER / f"{name}.hwsk"
    if not path.exists():
        packed = path.with_name(f"{name}.hwsk.xz").read_bytes()
        path = folder / f"{name}.hwsk"
        path.write_bytes(lzma.decompress(packed))
    return hwsk.load(path)


def check_answers(estimator: BaseEstimator, name: str) -> None:
    case = np.load(FOLDER / f"{name}.npz")
    X = case["X"]
    if X.dtype.kind == "U":
        X = X.tolist()
    elif name != "HandComparer-table":
        X = list(X)
    for method in set(case) - {"X"}:
        found = getattr(estimator, method)(X)
        if isinstance(found, list) or found.dtype.kind == "O":
            parts = [np.asarray(part) for part in found]
            flat = all(part.ndim == 0 for part in parts)
            found = np.array(found, str) if flat else np.concatenate([p.ravel() for p in parts])
        expected = case[method]
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        else:
            np.testing.assert_array_equal(found, expected)


def test_each_public_estimator_has_a_file():
    held = {name.partition("-")[0] for name in CASES}
    assert {name.rpartition(".")[2] for name in ESTIMATORS} <= held


@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore")
def test_format_1_loads_and_can_be_saved_anew(name, tmp_path):
    before = torch.get_rng_state()
    estimator = load_case(name, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    check_answers(estimator, name)
    hwsk.save(estimator, tmp_path / "again.hwsk")
    again = hwsk.load(tmp_path / "again.hwsk")
    assert type(again) is type(estimator) and repr(again) == repr(estimator)
    assert vars(again).keys() == vars(estimator).keys()
    check_answers(again, name)


@pytest.mark.parametrize("name", CLASSES)
def test_declarations_name_public_classes_and_no_methods(name):
    cls = find_class(name)
    assert public_name(cls) == name
    for attribute in CLASSES[name].names():
        there = inspect.getattr_static(cls, attribute, None)
        assert not callable(there) and not hasattr(there, "__get__"), attribute
    parameters = set(inspect.signature(cls).parameters)
    assert not CLASSES[name].names() & parameters
    assert CLASSES[name].file is None or CLASSES[name].file in parameters


@pytest.mark.parametrize("name", [n for n, cls in API.items() if inspect.isclass(cls)])
def test_documented_attributes_are_declared(name):
    cls = API[name]
    if not issubclass(cls, BaseEstimator):
        return
    doc = inspect.getdoc(cls) or ""
    section = re.search(r"^Attributes\n-+\n(.*?)(?=^\w[\w ]+\n-+\n|\Z)", doc, re.M | re.S)
    documented = re.findall(r"^(\w[\w, ]*) :", section[1], re.M) if section else []
    names = {name.strip() for entry in documented for name in entry.split(",")}
    assert names - {"net_"} <= declared(public_name(cls)).names()


def test_an_undeclared_attribute_is_named():
    scaler = hwsk.preprocessing.StrokeNormalizer()
    scaler.surprise_ = 3
    with pytest.raises(TypeError, match=r"has the attribute surprise_, which is not declared"):
        hwsk.save(scaler, "unused.hwsk")


def test_upgrades_lead_to_the_present_version(monkeypatch, tmp_path):
    for name, version in UPGRADES:
        assert version < CLASSES[name].version
    path = tmp_path / "model.hwsk"
    hwsk.save(hwsk.preprocessing.Deskewer(max_angle=3.0), path)

    def double(params, state):
        params["max_angle"] *= 2

    name = "hwsk.preprocessing.Deskewer"
    monkeypatch.setitem(_classes.CLASSES, name, Declaration(version=3))
    monkeypatch.setitem(_classes.UPGRADES, (name, 1), lambda params, state: None)
    monkeypatch.setitem(_classes.UPGRADES, (name, 2), double)
    assert hwsk.load(path).max_angle == 6.0
    hwsk.save(hwsk.load(path), path)
    assert hwsk.load(path).max_angle == 6.0  # it is of version 3 now
    monkeypatch.setitem(_classes.CLASSES, name, Declaration(version=2))
    with pytest.raises(ValueError, match=r"Deskewer is of version 3, written by a newer hwsk"):
        hwsk.load(path)


def test_a_renamed_class_is_found(monkeypatch, tmp_path):
    path = tmp_path / "model.hwsk"
    node = {"$estimator": "hwsk.Straightener", "params": {}, "state": {}}
    hwsk.persistence._write(path, json.dumps({"versions": {}, "estimator": node}), {})
    with pytest.raises(ValueError, match=r"there is no hwsk\.Straightener"):
        hwsk.load(path)
    monkeypatch.setitem(_classes.RENAMED, "hwsk.Straightener", "hwsk.preprocessing.Deskewer")
    assert isinstance(hwsk.load(path), hwsk.preprocessing.Deskewer)
