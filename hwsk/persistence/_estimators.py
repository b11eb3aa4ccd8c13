"""Encode estimators as JSON: class, version, parameters, attributes, weights."""

from __future__ import annotations

import re
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import validate_parameter_constraints

from hwsk._limits import N_JOBS
from hwsk.persistence._classes import CLASSES, RENAMED, upgrade
from hwsk.persistence._declared import Declaration, check_state
from hwsk.persistence._encoding import Reader, Writer
from hwsk.persistence._sklearn import SKLEARN

OF_NETWORK = ".net_"  # what the names of weights have in them
_NAME = re.compile(r"(hwsk|sklearn)(\.[A-Za-z_]\w*)+")
_NO_HOME = {"__main__", "conftest", "tests", "externals"}  # modules that are not to be imported
_SAME = "$parameter"  # an attribute that is a parameter: its weights are stored once
# What only `fit` looks at: a fitted estimator that can't be stored with it is stored without it.
_OF_TRAINING = ("augment", "callbacks", "cv")


def encode_estimator(estimator: BaseEstimator, where: str, writer: Writer) -> dict[str, Any]:
    """An estimator as a node.

    Raises
    ------
    TypeError
        If it is of a class that is not stored, or holds what is not stored; the message says where.
    ValueError
        If a weight is not finite.
    """
    cls = type(estimator)
    name = public_name(cls)
    try:
        find_class(name)
    except ValueError as error:
        raise TypeError(f"{where} can't be saved: {error}") from None
    declaration = declared(name)
    params = estimator.get_params(deep=False)
    state = {key: value for key, value in vars(estimator).items() if key not in params}
    node: dict[str, Any] = {"$estimator": name, "version": declaration.version}
    if hasattr(estimator, "_get_network_state") and state.pop("net_", None) is not None:
        weights = estimator._get_network_state()
        check_finite(weights, where)
        check_layout(estimator, weights, where)
        node["weights"] = writer.write(weights, f"{where}{OF_NETWORK}")
    state.pop("_stop_words_id", None)  # an address in memory
    if unknown := sorted(state.keys() - declaration.names()):
        raise TypeError(
            f"{where} has the attribute {unknown[0]}, which is not declared as part of {name}: it "
            "would be lost"
        )
    is_fitted = any(key.endswith("_") for key in state) or "weights" in node
    node["params"] = _encode_params(params, where, writer, declaration, is_fitted)
    packed = estimator._pack_state(state) if hasattr(estimator, "_pack_state") else state
    node["state"] = {
        key: shared if (shared := _shared(value, params)) else writer.write(value, f"{where}.{key}")
        for key, value in packed.items()
    }
    try:
        check_params(estimator, name)
        check_state(cls, declaration, dict(state), params, has_weights="weights" in node)
    except (ValueError, TypeError) as error:
        raise TypeError(f"{where} can't be saved: {error}") from None
    return node


def _shared(value: Any, params: dict[str, Any]) -> dict[str, str] | None:
    """A node that names the parameter which an attribute is, such as what is frozen."""
    if not isinstance(value, BaseEstimator):
        return None
    return next(({_SAME: key} for key, param in params.items() if param is value), None)


def _encode_params(
    params: dict[str, Any], where: str, writer: Writer, declaration: Declaration, is_fitted: bool
) -> dict[str, Any]:
    nodes = {}
    for key, value in params.items():
        if declaration.names_file(key, value):
            writer.lost.append(f"{where}.{key} ({str(value)[:80]!r}, a place on this machine)")
            value = None
        if key == "device":  # a torch.device is stored by its name
            value = str(value)
        try:
            nodes[key] = writer.write(value, f"{where}.{key}")
        except TypeError as error:
            if key not in _OF_TRAINING or not is_fitted or _predicts_with(key, params):
                raise
            writer.lost.append(f"{where}.{key} ({error})")
            nodes[key] = None
    return nodes


def _predicts_with(key: str, params: dict[str, Any]) -> bool:
    """Return whether a training parameter also affects prediction, like augmented copies."""
    copies = params.get("test_augmentations"), getattr(params.get("comparator"), "n_duplicates", 0)
    return key == "augment" and any(copies)


def check_finite(weights: dict[str, NDArray[Any]], where: str) -> None:
    """Raise ValueError that names the first weight with NaN or infinity."""
    for name, weight in weights.items():
        if weight.dtype.kind == "f" and not np.isfinite(weight).all():
            raise ValueError(
                f"{where}: the weight {name} of the network holds NaN or infinity: it predicts "
                "nothing"
            )


def check_layout(estimator: Any, weights: dict[str, NDArray[Any]], where: str) -> None:
    """Raise ValueError where parameters were changed after `fit`, so that `load` would refuse."""
    try:
        estimator._lay_out(weights)
    except Exception as error:  # of the network's own making, too
        raise ValueError(
            f"{where} can't be saved: its parameters are not those of the network that was "
            f"fitted ({error}); set them back, or fit again"
        ) from None


def decode_estimator(node: dict[str, Any], reader: Reader) -> BaseEstimator:
    """The estimator of a node; raises any exception for a node that was not made from one."""
    name = RENAMED.get(str(node["$estimator"]), node["$estimator"])
    cls = find_class(name)
    name = public_name(cls)
    params, content = reader.read(node["params"]), node["state"]
    shared = {key: value[_SAME] for key, value in content.items() if _is_shared(value)}
    state = reader.read({key: value for key, value in content.items() if key not in shared})
    weights = reader.read(node["weights"]) if "weights" in node else None
    if not isinstance(params, dict) or not isinstance(state, dict):
        raise ValueError(f"the parameters or attributes of {name} are none")
    state |= {key: params[param] for key, param in shared.items()}
    if name.startswith("hwsk."):
        upgrade(name, node.get("version", 1), params, state, weights or {})
    if hasattr(cls, "_unpack_state"):
        state = cls._unpack_state(state)
    declaration = declared(name)
    for key, value in params.items():
        if declaration.names_file(key, value):
            raise ValueError(f"{name} has {key}={str(value)[:80]!r}: it would open files")
    check_state(cls, declaration, state, params, has_weights=weights is not None)
    for key, value in state.items():
        if key != "history_" and not _is_finite(value):
            raise ValueError(f"{name} has {key} with NaN or infinity: it predicts nothing")
    estimator = cls(**params)
    check_params(estimator, name)
    vars(estimator).update(state)
    if weights is not None:
        if not hasattr(estimator, "_set_network_state"):
            raise ValueError(f"{name} has no network, and there are weights")
        check_finite(weights, name)
        estimator._set_network_state(weights)
    return estimator


def _is_shared(value: Any) -> bool:
    return isinstance(value, dict) and _SAME in value


def check_params(estimator: BaseEstimator, name: str) -> None:
    """Raise an exception, most often ValueError, that names a parameter of no sense or measure."""
    if hasattr(estimator, "_parameter_constraints"):  # not a FeatureUnion: see _check_steps
        estimator._validate_params()
    params = estimator.get_params(deep=False)
    if "n_jobs" in params:  # scikit-learn has no limit
        validate_parameter_constraints({"n_jobs": N_JOBS}, {"n_jobs": params["n_jobs"]}, name)


def _is_finite(value: Any) -> bool:
    """Indicate a value without NaN and infinity, in lists and dicts too."""
    if isinstance(value, dict):
        return all(map(_is_finite, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(_is_finite, value))
    if isinstance(value, float) or (isinstance(value, np.ndarray) and value.dtype.kind == "f"):
        return bool(np.isfinite(value).all())
    return True


def declared(name: str) -> Declaration:
    """Return the declaration of a class."""
    return SKLEARN[name] if name.startswith("sklearn.") else CLASSES.get(name, Declaration())


def public_name(cls: type) -> str:
    """The shortest dotted name a class is found by: private modules move between versions."""
    parts = cls.__module__.split(".")
    for i in range(1, len(parts)):
        package = ".".join(parts[:i])
        if getattr(import_module(package), cls.__name__, None) is cls:
            return f"{package}.{cls.__name__}"
    return f"{cls.__module__}.{cls.__name__}"


def find_class(name: Any) -> type[BaseEstimator]:
    """The estimator class of a name: of hwsk, or one of scikit-learn's that are declared."""
    module, _, qualname = str(name).rpartition(".")
    if (
        not isinstance(name, str)
        or not _NAME.fullmatch(name)
        or not _NO_HOME.isdisjoint(module.split("."))
    ):
        raise ValueError(f"{str(name)[:80]} is not an estimator of hwsk or scikit-learn")
    if name.startswith("sklearn.") and name not in SKLEARN:
        raise ValueError(
            f"{name[:80]} is none of the {len(SKLEARN)} scikit-learn classes that a file may hold: "
            "those whose content can be checked (chapter 'Saving and loading' lists them)"
        )
    try:
        cls = getattr(import_module(module), qualname)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"there is no {name} in the versions installed here") from error
    if not (isinstance(cls, type) and issubclass(cls, BaseEstimator)):
        raise ValueError(f"{name} is not an estimator")
    if cls.__module__.partition(".")[0] not in ("hwsk", "sklearn"):
        raise ValueError(f"{name} is not an estimator of hwsk or scikit-learn")
    return cls
