"""Each class of hwsk: files that older versions wrote load as they did, and all comes back.

For a new class, call `keep_case` once and commit the two files: from then on they have to load.
"""

from __future__ import annotations

import inspect
import json
import lzma
import re
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import InvalidParameterError, validate_parameter_constraints
from test_public import API, ESTIMATORS

import hwsk
from hwsk import persistence
from hwsk.persistence import FORMAT, _classes
from hwsk.persistence._classes import CLASSES, UPGRADES
from hwsk.persistence._declared import Declaration
from hwsk.persistence._estimators import declared, find_class, public_name

# A file of each class as the version wrote it that had the class first (format 1 is that of
# 0.1.0.dev0), what it was given, and what it answered.
DATA = Path(__file__).parent / "data"
FOLDER = {file.stem: file.parent for file in sorted(DATA.glob("format*/*.npz"))}


def keep_case(name: str, estimator: BaseEstimator, X: np.ndarray, *methods: str) -> None:
    """Write the files of a new case into the folder of the present format."""
    folder = DATA / f"format{FORMAT}"
    folder.mkdir(exist_ok=True)
    hwsk.save(estimator, folder / f"{name}.hwsk")
    answers = {method: flat(getattr(estimator, method)(given(name, X))) for method in methods}
    np.savez_compressed(folder / f"{name}.npz", X=X, **answers)


def load_case(name: str, folder: Path) -> BaseEstimator:
    path = FOLDER[name] / f"{name}.hwsk"
    if not path.exists():
        packed = path.with_name(f"{name}.hwsk.xz").read_bytes()
        path = folder / f"{name}.hwsk"
        path.write_bytes(lzma.decompress(packed))
    return hwsk.load(path)


def given(name: str, X: np.ndarray) -> Any:
    """What is stored as one array, as the estimator was given it."""
    if X.dtype.kind == "U":
        return X.tolist()
    return X if name == "HandComparer-table" else list(X)


def flat(answer: Any) -> np.ndarray:
    """An answer, whose parts may differ in shape, as one array."""
    if isinstance(answer, list) or answer.dtype.kind == "O":
        parts = [np.asarray(part) for part in answer]
        if all(part.ndim == 0 for part in parts):
            return np.array(parts, str)
        return np.concatenate([part.ravel() for part in parts])
    return np.asarray(answer)


def check_answers(estimator: BaseEstimator, name: str) -> None:
    case = np.load(FOLDER[name] / f"{name}.npz")
    for method in set(case) - {"X"}:
        found, expected = flat(getattr(estimator, method)(given(name, case["X"]))), case[method]
        if expected.dtype.kind == "f":
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
        elif expected.dtype == np.uint8:  # pixels: versions of OpenCV interpolate differently
            np.testing.assert_allclose(found.astype(int), expected.astype(int), atol=8)
        else:
            np.testing.assert_array_equal(found, expected)


def test_each_public_estimator_has_a_file():
    held = {name.partition("-")[0] for name in FOLDER}
    assert {name.rpartition(".")[2] for name in ESTIMATORS} <= held


@pytest.mark.parametrize("name", FOLDER)
@pytest.mark.filterwarnings("ignore")
def test_older_files_load_and_can_be_saved_anew(name, tmp_path, monkeypatch):
    # The answers are those of float32, which processors with bfloat16 don't take by themselves.
    monkeypatch.setattr(torch.cpu, "get_capabilities", dict, raising=False)
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


# What neither memory nor time of one call depends on.
UNLIMITED = {"max_epochs", "n_iter_no_change", "kl_warmup", "bptt_steps", "max_samples", "frozen"}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_whole_numbers_are_limited(name):
    for parameter, allowed in getattr(ESTIMATORS[name], "_parameter_constraints", {}).items():
        kinds = {getattr(one, "type", one) for one in allowed if allowed != "no_validation"}
        if parameter in UNLIMITED or Integral not in kinds:
            continue
        with pytest.raises(InvalidParameterError):
            validate_parameter_constraints({parameter: allowed}, {parameter: 10**9}, name)


@pytest.mark.parametrize("name", FOLDER)
@pytest.mark.filterwarnings("ignore")
def test_attributes_of_another_kind_are_refused(name, tmp_path):
    path = tmp_path / "model.hwsk"
    hwsk.save(load_case(name, tmp_path), path)
    model, arrays = persistence.read_model(path)
    node = model["estimator"]
    if not node["$estimator"].startswith("hwsk."):
        return
    for attribute, value in node["state"].items():
        for wrong in ({"$scalar": ["<c8", 1]}, [[["x"]]]):
            node["state"][attribute] = wrong
            persistence._write(path, json.dumps(model), arrays)
            with pytest.raises(ValueError, match=r"model\.hwsk can't be loaded"):
                hwsk.load(path)
        node["state"][attribute] = value


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

    def double(params, state, weights):
        params["max_angle"] *= 2

    name = "hwsk.preprocessing.Deskewer"
    monkeypatch.setitem(_classes.CLASSES, name, Declaration(version=3))
    monkeypatch.setitem(_classes.UPGRADES, (name, 1), lambda params, state, weights: None)
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


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"decoder": "greedy", "lexicon": None}, None),
        ({"decoder": "greedy", "lexicon": ["a"]}, ("greedy", ["a"])),
        ({"decoder": "beam", "lexicon": ["a"]}, ("beam", None)),
        ({"decoder": "lexicon", "lexicon": ["a"]}, ("beam", ["a"])),
    ],
)
def test_decoding_of_older_recognizers(given, expected):
    params = {"height": 16, "beam_width": 7, "language_model": None, "lm_weight": 0.1, **given}
    UPGRADES["hwsk.CTCRecognizer", 1](params, {"label_type_": "str"}, {})
    decoder = hwsk.CTCRecognizer(**params).decoder
    if expected is None:
        assert decoder is None
    else:
        assert (decoder.method, decoder.lexicon) == expected
        assert (decoder.beam_width, decoder.lm_weight) == (7, 0.1)


@pytest.mark.parametrize("state", [{"label_type_": "int"}, {"n_features_in_": 9}])
def test_estimators_of_numbers_are_refused(state):
    for name in ("hwsk.CTCRecognizer", "hwsk.recognition.CTCDecoder"):
        with pytest.raises(ValueError, match=r"fitted on numbers .* astype\(str\)"):
            UPGRADES[name, 1]({}, dict(state), {})
