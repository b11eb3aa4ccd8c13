"""Split a representation into its parts, and fit those that have to be."""

from __future__ import annotations

import copy
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from hwsk.verification._multitask import MultiTaskClassifier
from hwsk.verification._siamese import SiameseVerifier


class Part(NamedTuple):
    """One transformer of the representation, and how its vectors are compared."""

    name: str
    transformer: Any
    classes: list[NDArray[Any]] | None
    """Of each feature, where the vectors are probabilities of these; else None."""
    features: list[Any]
    verifier: Any = None
    """The SiameseVerifier that compares by its comparator, if the part is one."""
    front: Any = None
    """The steps before the verifier, if there are any."""


def innermost(transformer: Any) -> Any:
    """Return the estimator inside of frozen ones."""
    while isinstance(transformer, FrozenEstimator):
        transformer = transformer.estimator
    return transformer


def shared_steps(representation: Any) -> tuple[Any, Any]:
    """The steps that all parts share, or None, and the union of the parts, or the only one."""
    representation = innermost(representation)
    if isinstance(representation, Pipeline):
        last = innermost(representation[-1])
        if isinstance(last, FeatureUnion):
            front = representation[:-1] if len(representation) > 1 else None
            return front, last
    return None, representation


def _last_step(transformer: Any) -> tuple[Any, Any]:
    """The steps of a Pipeline before its last estimator, or None, and that estimator."""
    last = innermost(transformer)
    if not isinstance(last, Pipeline):
        return None, last
    steps = last.steps[:-1]
    front, last = _last_step(last[-1])
    if front is not None:
        steps = [*steps, ("last", front)]
    return Pipeline(steps) if steps else None, last


def parts_of(representation: Any) -> list[Part]:
    """The parts of a fitted representation."""
    _, union = shared_steps(representation)
    if union is None:
        return [Part("vectors", None, None, [])]
    if isinstance(union, FeatureUnion):
        named = [(name, part) for name, part in union.transformer_list if part != "drop"]
    else:
        named = [(type(innermost(union)).__name__.lower(), union)]
    parts = []
    for name, transformer in named:
        front, last = _last_step(transformer)
        if isinstance(last, SiameseVerifier) and last.comparator is not None:
            parts.append(Part(name, transformer, None, [], last, front))
        elif isinstance(last, MultiTaskClassifier) and last.transform_kind == "probabilities":
            check_is_fitted(last)
            of_one = isinstance(last.classes_, np.ndarray)
            classes = [last.classes_] if of_one else last.classes_
            parts.append(Part(name, transformer, classes, list(last.task_names_)))
        else:
            parts.append(Part(name, None if last == "passthrough" else transformer, None, []))
    return parts


def description_parameters(part: Part) -> dict[str, str]:
    """Return the parameters that samples are described and compared by, and that can change later.

    Those of a plain embedding are left out.
    """
    if part.verifier is not None:
        return dict(part.verifier._comparison_parameters())
    _, last = _last_step(part.transformer)
    if isinstance(last, SiameseVerifier):
        plain = {"comparator": "None", "test_augmentations": "0"}
        found = last._comparison_parameters()
        return {name: value for name, value in found.items() if plain.get(name) != value}
    n_copies = getattr(last, "test_augmentations", 0)
    return {"test_augmentations": str(n_copies)} if n_copies else {}


def needs_fit(transformer: Any) -> bool:
    """Return whether any part has to be fitted."""
    if transformer in (None, "passthrough", "drop") or isinstance(transformer, FrozenEstimator):
        return False
    if isinstance(transformer, FeatureUnion):
        return any(needs_fit(part) for _, part in transformer.transformer_list)
    if isinstance(transformer, Pipeline):
        return any(needs_fit(step) for _, step in transformer.steps)
    return bool(get_tags(transformer).requires_fit)


def fit_parts(transformer: Any, X: Any, writers: NDArray[Any], features: Any) -> Any:
    """Fit a transformer on writers, and classifiers of features on these."""
    if not needs_fit(transformer):
        return transformer
    if isinstance(transformer, FeatureUnion):
        union = copy.copy(transformer)
        union.transformer_list = [
            (name, fit_parts(part, X, writers, features))
            for name, part in transformer.transformer_list
        ]
        return union
    if isinstance(transformer, Pipeline):
        pipeline = copy.copy(transformer)
        pipeline.steps = []
        for name, step in transformer.steps:
            fitted = fit_parts(step, X, writers, features)
            pipeline.steps.append((name, fitted))
            if fitted not in (None, "passthrough") and len(pipeline.steps) < len(transformer.steps):
                X = fitted.transform(X)
        return pipeline
    if isinstance(transformer, MultiTaskClassifier):
        if features is None:
            raise ValueError(
                "the MultiTaskClassifier in the representation learns features, and there are "
                "none: pass fit(X, y, features=...), or fit it before and wrap it in a "
                "FrozenEstimator"
            )
        return clone(transformer).fit(X, features)
    return clone(transformer).fit(X, writers)
