"""Check an unfitted copy on native data, for `hwsk.utils.estimator_checks`."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import random
import re
import tempfile
import tracemalloc
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
from numpy.testing import assert_allclose, assert_array_equal
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn import config_context
from sklearn.base import BaseEstimator, clone, is_classifier, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from hwsk._data.images import LazyImages
from hwsk.documents import Line
from hwsk.utils._native_data import NativeData, as_objects

# Of what an estimator gives: compared between fits, copies and forms of input.
_OUTPUTS = (
    "transform",
    "predict",
    "predict_proba",
    "decision_function",
    "score_samples",
    "log_prob",
)
_BATCH_TOLERANCE = {"rtol": 1e-3, "atol": 1e-3}  # float32 sums depend on the company in a batch

_FEW_BYTES = 20_000  # that an estimator may grow by: counts, records of the training
_CALLS = 3
_ROUNDS = 4  # of these calls

Check = Callable[[Any, NativeData], None]


class SkipCheck(Exception):
    """A check does not apply to an estimator; the message says why."""


CHECKS: dict[str, Check] = {}


def _check(function: Check) -> Check:
    CHECKS[function.__name__] = function
    return function


def _fit(estimator: Any, data: NativeData) -> Any:
    """Fit with a seed, and calibrate what needs that to predict."""
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    _fit_on(estimator, data.X, data.y)
    if hasattr(estimator, "calibrate_threshold"):
        estimator.calibrate_threshold(data.queries, data.query_y)
    return estimator


def _fit_on(estimator: Any, X: Any, y: Any) -> Any:
    return estimator.fit(X) if y is None else estimator.fit(X, y)


def _use(estimator: Any, X: Any, y: Any) -> Any:
    """Fit, and ask for all outputs: what needs no fit looks at its samples only then."""
    return _outputs(_fit_on(estimator, X, y), X)


def _outputs(estimator: Any, queries: Any) -> dict[str, Any]:
    """Call each method of the estimator on the queries, as far as it has it."""
    found = {}
    for name in _OUTPUTS:
        if not hasattr(estimator, name):
            continue
        try:
            output = getattr(estimator, name)(queries)
        except NotFittedError:
            if hasattr(estimator, "calibrate_threshold"):  # fitted, not calibrated
                continue
            raise
        found[name] = list(output) if isinstance(output, LazyImages) else output
    if not found:
        raise SkipCheck("it has no method that gives anything of samples")
    return found


def _holds_objects(output: Any) -> bool:
    return isinstance(output, np.ndarray) and output.dtype == object


def _assert_same(first: Any, second: Any, **tolerance: Any) -> None:
    """Compare outputs: arrays, lists of arrays, DataFrames, lists of texts."""
    if isinstance(first, dict):
        for name in first:
            _assert_same(first[name], second[name], **tolerance)
        return
    if isinstance(first, (list, tuple)) or _holds_objects(first):
        assert len(first) == len(second), f"{len(first)} results, and {len(second)}"
        for one, other in zip(first, second, strict=True):
            if isinstance(one, (np.ndarray, list, tuple)):
                _assert_same(one, other, **tolerance)
            elif isinstance(one, Line):
                for part in ("baseline", "polygon"):
                    assert_allclose(getattr(one, part), getattr(other, part), atol=1)  # pixels
            else:
                assert one == other, f"{one!r} is not {other!r}"
        return
    first, second = np.asarray(first), np.asarray(second)
    if tolerance and first.dtype.kind == "f":
        assert_allclose(first, second, **tolerance)
    else:
        assert_array_equal(first, second)


def _assert_refused(function: Callable[[], Any], *words: str) -> str:
    """Assert that a call raises ValueError or TypeError, whose message holds one of the words."""
    try:
        function()
    except (ValueError, TypeError) as error:
        message = str(error)
        assert len(message) < 2000, f"a message of {len(message)} characters"
        assert not words or any(word in message for word in words), message
        return message
    raise AssertionError("it was accepted")


def _needs_fit(estimator: Any) -> None:
    if not get_tags(estimator).requires_fit:
        raise SkipCheck("it needs no fit")


# Parameters


@_check
def check_parameters_are_documented(estimator: Any, data: NativeData) -> None:
    doc = inspect.getdoc(type(estimator)) or ""
    names = inspect.signature(type(estimator)).parameters
    missing = [name for name in names if not re.search(rf"^(\w+, )*{name}(, \w+)* : ", doc, re.M)]
    assert not missing, f"not in the docstring: {missing}"


@_check
def check_param_validation(estimator: Any, data: NativeData) -> None:
    constraints = getattr(estimator, "_parameter_constraints", {})
    if not constraints:
        raise SkipCheck("it declares no constraints")
    assert set(constraints) == set(estimator.get_params(deep=False)), "not the same parameters"
    for name, allowed in constraints.items():
        if allowed == "no_validation":
            continue
        bad = clone(estimator).set_params(**{name: type("Bad", (), {})()})
        _assert_refused(partial(_fit_on, bad, data.X, data.y), name)


@_check
def check_tags_do_not_depend_on_fit(estimator: Any, data: NativeData) -> None:
    before = get_tags(estimator), is_classifier(estimator), is_regressor(estimator)
    _fit(estimator, data)
    assert (get_tags(estimator), is_classifier(estimator), is_regressor(estimator)) == before


# Fitting


@_check
def check_estimators_unfitted(estimator: Any, data: NativeData) -> None:
    _needs_fit(estimator)
    for name in _OUTPUTS:
        if hasattr(estimator, name):
            try:
                getattr(estimator, name)(data.queries)
            except NotFittedError:
                continue
            raise AssertionError(f"{name} works before fit")


@_check
def check_estimators_fit_returns_self(estimator: Any, data: NativeData) -> None:
    assert _fit(estimator, data) is estimator


@_check
def check_parameters_are_untouched(estimator: Any, data: NativeData) -> None:
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    before = estimator.get_params()
    shown = repr(estimator)
    _fit_on(estimator, data.X, data.y)
    after = estimator.get_params()
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before), "fit replaced a parameter"
    assert repr(estimator) == shown, "fit changed a parameter"


@_check
def check_dont_overwrite_attributes(estimator: Any, data: NativeData) -> None:
    before = dict(vars(estimator))
    _fit(estimator, data)
    new = set(vars(estimator)) - set(before)
    wrong = [name for name in new if not (name.startswith("_") or name.endswith("_"))]
    assert not wrong, f"fit sets {wrong}: what fit learns ends with an underscore"


@_check
def check_dict_unchanged(estimator: Any, data: NativeData) -> None:
    _fit(estimator, data)
    before = dict(vars(estimator))
    _outputs(estimator, data.queries)
    changed = [name for name, value in vars(estimator).items() if before.get(name) is not value]
    assert not changed and len(vars(estimator)) == len(before), f"predicting changes {changed}"


@_check
def check_fit_idempotent(estimator: Any, data: NativeData) -> None:
    first = _outputs(_fit(estimator, data), data.queries)
    _assert_same(first, _outputs(_fit(estimator, data), data.queries))


@_check
def check_same_seed_same_results(estimator: Any, data: NativeData) -> None:
    first, second = (_outputs(_fit(clone(estimator), data), data.queries) for _ in range(2))
    _assert_same(first, second)


@_check
def check_global_generators_are_untouched(estimator: Any, data: NativeData) -> None:
    import torch

    def states() -> tuple[Any, ...]:
        numpy_state = np.random.get_state()  # noqa: NPY002  (that generator is what is meant)
        return random.getstate(), repr(numpy_state), torch.get_rng_state().tolist()

    before = states()
    for seed in (0, None):
        if "random_state" in estimator.get_params():
            estimator.set_params(random_state=seed)
        _outputs(_fit_on(estimator, data.X, data.y), data.queries)
        assert states() == before, f"random_state={seed} moves a global generator"


@_check
def check_samples_are_untouched(estimator: Any, data: NativeData) -> None:
    before = pickle.dumps((data.X, data.y, data.queries))
    _outputs(_fit(estimator, data), data.queries)
    assert pickle.dumps((data.X, data.y, data.queries)) == before, "it changes what it is given"


@_check
def check_readonly_memmap_input(estimator: Any, data: NativeData) -> None:
    frozen = copy.deepcopy(data)
    for item in [*frozen.X, *(frozen.y or []), *frozen.queries]:
        for part in item if isinstance(item, tuple) else (item,):
            if isinstance(part, np.ndarray):
                part.setflags(write=False)
    _outputs(_fit(estimator, frozen), frozen.queries)


@_check
def check_no_data_is_kept(estimator: Any, data: NativeData) -> None:
    _fit(estimator, data)
    arrays = [item for item in data.X if isinstance(item, np.ndarray)]

    def held(value: Any, depth: int = 0) -> bool:
        if isinstance(value, np.ndarray) and value.dtype != object:
            return any(np.shares_memory(value, item) for item in arrays)
        if depth > 3:
            return False
        if isinstance(value, Mapping):
            return any(held(part, depth + 1) for part in value.values())
        if isinstance(value, (list, tuple, np.ndarray)):
            return any(held(part, depth + 1) for part in value)
        return isinstance(value, BaseEstimator) and held(vars(value), depth + 1)

    params = estimator.get_params(deep=False)
    kept = [name for name, value in vars(estimator).items() if name not in params and held(value)]
    assert not kept, f"{kept} hold what fit was given"


@_check
def check_fitted_size_does_not_grow(estimator: Any, data: NativeData) -> None:
    """Twice the samples make no larger estimator: not even a copy of them is kept."""
    _needs_fit(estimator)
    sizes = []
    for times in (1, 2):
        X, y = data.rows([*range(len(data.X))] * times)
        fitted = clone(estimator)
        if "random_state" in fitted.get_params():
            fitted.set_params(random_state=0)
        sizes.append(len(pickle.dumps(_fit_on(fitted, X, y))))
    added = sum(len(pickle.dumps(item)) for item in data.X)
    grown = sizes[1] - sizes[0]
    assert grown < max(added / 2, _FEW_BYTES), f"{added} bytes more of X, {grown} more of itself"


@_check
def check_memory_is_flat(estimator: Any, data: NativeData) -> None:
    """Calls of the methods leave no memory behind, but for what the first ones keep."""
    _fit(estimator, data)

    def traced() -> int:
        for _ in range(_CALLS):
            _outputs(estimator, data.queries)
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    was_tracing = tracemalloc.is_tracing()
    tracemalloc.start()
    try:
        amounts = [traced() for _ in range(_ROUNDS)]
    finally:
        if not was_tracing:
            tracemalloc.stop()
    kept = int(np.diff(amounts).min())  # what leaks does so in every round; a cache is filled once
    added = _CALLS * sum(len(pickle.dumps(item)) for item in data.queries)
    assert kept < max(added / 2, _FEW_BYTES), f"{_CALLS} more calls leave {kept} bytes behind"


@_check
def check_refit_forgets(estimator: Any, data: NativeData) -> None:
    """A fit on other samples leaves nothing of the former."""
    half, rest = data.rows(range(0, len(data.X), 2)), data.rows(range(len(data.X)))
    if "warm_start" in estimator.get_params():
        estimator.set_params(warm_start=False)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    fresh = _outputs(_fit_on(clone(estimator), *rest), data.queries)
    again = _fit_on(_fit_on(estimator, *half), *rest)
    _assert_same(fresh, _outputs(again, data.queries))


@_check
def check_failed_fit_keeps_what_was(estimator: Any, data: NativeData) -> None:
    _needs_fit(estimator)
    before = _outputs(_fit(estimator, data), data.queries)
    try:
        _fit_on(estimator, [], None if data.y is None else [])
    except (ValueError, TypeError):
        _assert_same(before, _outputs(estimator, data.queries))
        return
    raise AssertionError("fit accepts no samples")


# Copies


@_check
def check_estimators_pickle(estimator: Any, data: NativeData) -> None:
    expected = _outputs(_fit(estimator, data), data.queries)
    _assert_same(expected, _outputs(pickle.loads(pickle.dumps(estimator)), data.queries))


@_check
def check_deepcopy(estimator: Any, data: NativeData) -> None:
    expected = _outputs(_fit(estimator, data), data.queries)
    _assert_same(expected, _outputs(copy.deepcopy(estimator), data.queries))


@_check
def check_save_and_load(estimator: Any, data: NativeData) -> None:
    import hwsk

    parts = [estimator, *(p for p in estimator.get_params().values() if hasattr(p, "get_params"))]
    if not all(type(part).__module__.startswith(("hwsk.", "sklearn.")) for part in parts):
        raise SkipCheck("hwsk.save stores estimators of hwsk and of scikit-learn alone")
    expected = _outputs(_fit(estimator, data), data.queries)
    with tempfile.TemporaryDirectory() as folder:
        hwsk.save(estimator, Path(folder) / "estimator.hwsk")
        loaded = hwsk.load(Path(folder) / "estimator.hwsk")
    _assert_same(expected, _outputs(loaded, data.queries))


@_check
def check_clone_is_unfitted(estimator: Any, data: NativeData) -> None:
    _needs_fit(estimator)
    if "__sklearn_clone__" in vars(type(estimator)):
        raise SkipCheck("its class says what a clone keeps")
    check_estimators_unfitted(clone(_fit(estimator, data)), data)


# Forms of input


@_check
def check_list_and_array_agree(estimator: Any, data: NativeData) -> None:
    _fit(estimator, data)
    expected = _outputs(estimator, data.queries)
    _assert_same(expected, _outputs(estimator, as_objects(data.queries)), **_BATCH_TOLERANCE)


@_check
def check_list_and_series_agree(estimator: Any, data: NativeData) -> None:
    if isinstance(data.queries[0], tuple):
        raise SkipCheck("pairs are two columns")
    _fit(estimator, data)
    expected = _outputs(estimator, data.queries)
    series = pd.Series(as_objects(data.queries), index=range(7, 7 + len(data.queries)))
    _assert_same(expected, _outputs(estimator, series), **_BATCH_TOLERANCE)


@_check
def check_file_paths_agree(estimator: Any, data: NativeData) -> None:
    if not data.images:
        raise SkipCheck("its samples are not images")
    _fit(estimator, data)
    expected = _outputs(estimator, data.queries)
    with tempfile.TemporaryDirectory() as folder:

        def write(name: str, image: Any) -> str:
            path = str(Path(folder) / f"{name}.png")
            cv2.imwrite(path, image)
            return path

        paths = [
            tuple(write(f"{i}-{j}", image) for j, image in enumerate(query))
            if isinstance(query, tuple)
            else write(str(i), query)
            for i, query in enumerate(data.queries)
        ]
        found = [_outputs(estimator, form) for form in (paths, np.array(paths))]
    for outputs in found:
        _assert_same(expected, outputs, **_BATCH_TOLERANCE)


@_check
def check_methods_sample_order_invariance(estimator: Any, data: NativeData) -> None:
    _fit(estimator, data)
    expected = _outputs(estimator, data.queries)
    found = _outputs(estimator, data.queries[::-1])
    for name, output in found.items():
        if isinstance(output, list) and len(output) != len(data.queries):
            continue  # a part for each task
        turned = output.iloc[::-1] if hasattr(output, "iloc") else output[::-1]
        _assert_same(expected[name], turned, **_BATCH_TOLERANCE)


@_check
def check_methods_subset_invariance(estimator: Any, data: NativeData) -> None:
    _fit(estimator, data)
    expected = _outputs(estimator, data.queries)
    for name, output in expected.items():
        if isinstance(output, list) and len(output) != len(data.queries):
            continue
        alone = [getattr(estimator, name)(data.queries[i : i + 1]) for i in range(3)]
        for i, one in enumerate(alone):
            _assert_same(one, output[i : i + 1], **_BATCH_TOLERANCE)


@_check
def check_number_of_results(estimator: Any, data: NativeData) -> None:
    _fit(estimator, data)
    for name, output in _outputs(estimator, data.queries).items():
        if isinstance(output, list) and len(output) != len(data.queries):
            output = output[0]
        assert len(output) == len(data.queries), f"{name} gives {len(output)} results"


@_check
def check_transformer_general(estimator: Any, data: NativeData) -> None:
    """`fit_transform` gives what `fit` and `transform` give."""
    if not hasattr(estimator, "fit_transform"):
        raise SkipCheck("it has no fit_transform")
    expected = _fit(clone(estimator), data).transform(data.X)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    together = estimator.fit_transform(*([data.X] if data.y is None else [data.X, data.y]))
    lazy = isinstance(expected, LazyImages)
    first, second = (list(expected), list(together)) if lazy else (expected, together)
    _assert_same(first, second, **_BATCH_TOLERANCE)


@_check
def check_stateless_needs_no_fit(estimator: Any, data: NativeData) -> None:
    if get_tags(estimator).requires_fit:
        raise SkipCheck("it needs a fit")
    before = _outputs(clone(estimator), data.queries)
    _assert_same(before, _outputs(_fit(estimator, data), data.queries))


@_check
def check_pipeline_consistency(estimator: Any, data: NativeData) -> None:
    expected = _outputs(_fit(clone(estimator), data), data.queries)
    pipeline = make_pipeline(estimator)
    _fit(pipeline[-1], data)
    _assert_same(expected, _outputs(pipeline, data.queries))


# Bad input


@_check
def check_fit_without_samples(estimator: Any, data: NativeData) -> None:
    _needs_fit(estimator)
    _assert_refused(lambda: _fit_on(estimator, [], None if data.y is None else []))


@_check
def check_predict_without_samples(estimator: Any, data: NativeData) -> None:
    _fit(estimator, data)
    for name in _OUTPUTS:
        if hasattr(estimator, name):
            _assert_refused(partial(getattr(estimator, name), []))


@_check
def check_fit_one_sample(estimator: Any, data: NativeData) -> None:
    """One sample is learnt from, or refused in words."""
    try:
        _fit_on(estimator, *data.rows([0]))
    except (ValueError, TypeError) as error:
        assert len(str(error)) > 10, repr(error)


@_check
def check_consistent_lengths(estimator: Any, data: NativeData) -> None:
    if data.y is None:
        raise SkipCheck("it learns from no targets")
    if not get_tags(estimator).target_tags.required:
        raise SkipCheck("it needs no targets")
    _assert_refused(lambda: estimator.fit(data.X, data.y[:-1]))


@_check
def check_requires_y_none(estimator: Any, data: NativeData) -> None:
    if not get_tags(estimator).target_tags.required:
        raise SkipCheck("it needs no targets")
    _assert_refused(lambda: estimator.fit(data.X, None))


@_check
def check_estimators_nan_inf(estimator: Any, data: NativeData) -> None:
    if not isinstance(data.X[0], np.ndarray):
        raise SkipCheck("its samples are not numbers")
    for value in (np.nan, np.inf):
        X = [item.astype(np.float32) / (255 if data.images else 1) for item in data.X]
        X[2] = X[2].copy()
        X[2][1, 0] = value
        message = _assert_refused(partial(_use, clone(estimator), X, data.y))
        assert re.search(r"\b2\b", message), f"the row is not named: {message}"


@_check
def check_wrong_kind_of_input(estimator: Any, data: NativeData) -> None:
    for wrong in (None, 3, {"a": 1}, [None, None], object()):
        _assert_refused(partial(_use, clone(estimator), wrong, data.y))


@_check
def check_tables_are_refused(estimator: Any, data: NativeData) -> None:
    """Rows of numbers are not images, strokes, texts or pairs, whatever holds them."""
    if get_tags(estimator).input_tags.two_d_array:
        raise SkipCheck("it takes tables")
    table = np.random.default_rng(0).random((len(data.X), 9))
    for form in (table, table.tolist(), pd.DataFrame(table), csr_array(table)):
        _assert_refused(partial(_use, clone(estimator), form, data.y))


@_check
def check_one_sample_instead_of_a_list(estimator: Any, data: NativeData) -> None:
    if isinstance(data.queries[0], tuple):
        raise SkipCheck("two images are a pair, and a list of two samples")
    _fit(estimator, data)
    for name in _OUTPUTS:
        if hasattr(estimator, name):
            _assert_refused(partial(getattr(estimator, name), data.queries[0]))


# Outputs


@_check
def check_classifiers_outputs(estimator: Any, data: NativeData) -> None:
    if not is_classifier(estimator):
        raise SkipCheck("it is not a classifier")
    _fit(estimator, data)
    outputs = _outputs(estimator, data.queries)
    if "predict" in outputs:
        assert set(np.asarray(outputs["predict"]).tolist()) <= set(estimator.classes_.tolist())
    if "predict_proba" in outputs:
        probabilities = outputs["predict_proba"]
        assert probabilities.shape == (len(data.queries), len(estimator.classes_))
        assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
        with np.errstate(divide="ignore"):
            expected = np.log(probabilities)
        assert_allclose(estimator.predict_log_proba(data.queries), expected, rtol=1e-4, atol=1e-4)


def _transforms_to_table(estimator: Any, data: NativeData) -> NDArray[Any] | None:
    """Return the output of a fitted transformer where it is a table, otherwise None."""
    if not hasattr(estimator, "transform"):
        raise SkipCheck("it is not a transformer")
    output = _fit(estimator, data).transform(data.X)
    is_table = isinstance(output, np.ndarray) and output.dtype != object and output.ndim == 2
    return output if is_table else None


@_check
def check_transformer_get_feature_names_out(estimator: Any, data: NativeData) -> None:
    """Columns have names; what has no columns says so."""
    output = _transforms_to_table(estimator, data)
    if output is None:
        _assert_refused(estimator.get_feature_names_out, "table")
        return
    names = estimator.get_feature_names_out()
    assert len(names) == output.shape[1] == len(set(names))
    assert all(isinstance(name, str) for name in names)


@_check
def check_set_output_transform_pandas(estimator: Any, data: NativeData) -> None:
    """A table comes as a DataFrame; what can't be one says so, and stays under a global setting."""
    output = _transforms_to_table(estimator, data)
    if output is None:
        _assert_refused(partial(estimator.set_output, transform="pandas"), "table")
        with config_context(transform_output="pandas"):
            assert not isinstance(estimator.transform(data.X), pd.DataFrame)
        return
    frame = estimator.set_output(transform="pandas").transform(data.X)
    assert list(frame.columns) == list(estimator.get_feature_names_out())
    assert_allclose(frame.to_numpy(), output, rtol=1e-6)


@_check
def check_fit_score_takes_y(estimator: Any, data: NativeData) -> None:
    if not hasattr(estimator, "score"):
        raise SkipCheck("it has no score")
    _fit(estimator, data)
    arguments = (data.queries,) if data.query_y is None else (data.queries, data.query_y)
    value = estimator.score(*arguments)
    assert isinstance(value, float) and np.isfinite(value), repr(value)


@_check
def check_cross_validation(estimator: Any, data: NativeData) -> None:
    if not hasattr(estimator, "score") or isinstance(data.queries[0], tuple):
        raise SkipCheck("it has no score of single samples")
    y = None if data.y is None else as_objects(data.y)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    scores = cross_val_score(estimator, as_objects(data.X), y, cv=2, error_score="raise")
    assert np.isfinite(scores).all(), scores


@_check
def check_n_jobs_changes_no_result(estimator: Any, data: NativeData) -> None:
    if "n_jobs" not in estimator.get_params():
        raise SkipCheck("it has no n_jobs")
    found = [
        _outputs(_fit(clone(estimator).set_params(n_jobs=n), data), data.queries) for n in (1, 2)
    ]
    _assert_same(*found)
