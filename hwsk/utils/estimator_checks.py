"""Check scikit-learn's contract on native inputs: images, strokes, texts, pairs.

scikit-learn's own suite passes tables of numbers to every estimator. That fits rasters of one size;
for images of different sizes, strokes, texts and pairs it can't even begin. Here are the same
checks, by the same names where they have one, on inputs of that kind.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import SkipTestWarning
from sklearn.utils import estimator_checks as sklearn_checks

from hwsk._warn import warn_caller
from hwsk.utils._native_checks import CHECKS, SkipCheck
from hwsk.utils._native_data import KINDS, NativeData

__all__ = ["NativeData", "check_estimator", "estimator_checks_generator"]

# scikit-learn's checks that need no data.
_WITHOUT_DATA = (
    "check_estimator_cloneable",
    "check_no_attributes_set_in_init",
    "check_parameters_default_constructible",
    "check_get_params_invariance",
    "check_set_params",
    "check_estimator_repr",
    "check_mixin_order",
    "check_do_not_raise_errors_in_init_or_set_params",
    "check_valid_tag_types",
    "check_estimator_tags_renamed",
)


def check_estimator(
    estimator: BaseEstimator,
    *,
    data: str | NativeData | None = None,
    expected_failed_checks: Mapping[str, str] | None = None,
    on_skip: str | None = None,
    on_fail: str | None = "raise",
    callback: Callable[..., Any] | None = None,
) -> list[dict[str, Any]]:
    """Check an estimator of handwriting against the contract of scikit-learn, on native inputs.

    Parameters
    ----------
    estimator : estimator
        An instance, with parameters under which a fit on some 40 small samples takes a second or
        so. It is not changed.
    data : str or NativeData, default=None
        The kind of input: "lines" (images and transcripts), "characters", "writers" (images and
        writers), "pairs" (the same, and pairs to predict), "pages" (images and `Page` objects),
        "strokes", "strokes_to_texts", "texts_to_strokes", "texts", "posteriors", "descriptors" or
        "readings". None takes the attribute `_native_data` of the estimator's class, which all of
        hwsk's have.
    expected_failed_checks : mapping of str to str, default=None
        Names of checks that are known to fail, each with the reason.
    on_skip : {"warn"} or None, default=None
        Whether to warn of a check that does not apply. None only records it.
    on_fail : {"raise", "warn"} or None, default="raise"
        Whether to raise or to warn if a check fails. None only records it.
    callback : callable, default=None
        Called after each check, with the entries of its record as keyword arguments.

    Returns
    -------
    records : list of dict
        As scikit-learn's `check_estimator` gives them: `estimator`, `check_name`, `exception`,
        `status` ("passed", "failed", "skipped" or "xfail"), `expected_to_fail`,
        `expected_to_fail_reason`.

    Raises
    ------
    ValueError
        If the kind of input is not known, or another `on_skip` or `on_fail` is given.

    See Also
    --------
    sklearn.utils.estimator_checks.check_estimator : The same for tables.

    Examples
    --------
    >>> from hwsk.preprocessing import Binarizer
    >>> from hwsk.utils.estimator_checks import check_estimator
    >>> records = check_estimator(Binarizer())
    >>> {record["status"] for record in records} <= {"passed", "skipped"}
    True
    """
    for name, given, choices in (
        ("on_skip", on_skip, ("warn", None)),
        ("on_fail", on_fail, ("raise", "warn", None)),
    ):
        if given not in choices:
            raise ValueError(f"{name}={given!r}; choose one of {', '.join(map(repr, choices))}")
    expected = expected_failed_checks or {}
    records = []
    for name, check in estimator_checks_generator(estimator, data=data):
        record: dict[str, Any] = {
            "estimator": estimator,
            "check_name": name,
            "exception": None,
            "status": "passed",
            "expected_to_fail": name in expected,
            "expected_to_fail_reason": expected.get(name, ""),
        }
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                check()
        except SkipCheck as skipped:
            record |= {"exception": skipped, "status": "skipped"}
            if on_skip == "warn":
                warn_caller(f"{name} of {estimator} is skipped: {skipped}", SkipTestWarning)
        except Exception as error:
            record |= {"exception": error, "status": "xfail" if name in expected else "failed"}
            if name not in expected and on_fail == "raise":
                error.add_note(f"{name} of {estimator}")
                raise
            if name not in expected and on_fail == "warn":
                warn_caller(f"{name} fails: {error!r}")
        records.append(record)
        if callback is not None:
            callback(**record)
    return records


def estimator_checks_generator(
    estimator: BaseEstimator, *, data: str | NativeData | None = None
) -> Iterator[tuple[str, Callable[[], None]]]:
    """Yield the checks of an estimator, each with its name, to be called without arguments.

    Parameters
    ----------
    estimator : estimator
        As in `check_estimator`.
    data : str or NativeData, default=None
        As in `check_estimator`.

    Yields
    ------
    name : str
        Name of the check.
    check : callable
        The check; it raises if it fails.

    Examples
    --------
    >>> from hwsk.preprocessing import Binarizer
    >>> from hwsk.utils.estimator_checks import estimator_checks_generator
    >>> name, check = next(estimator_checks_generator(Binarizer()))
    >>> name
    'check_estimator_cloneable'
    """
    kind = data if data is not None else getattr(estimator, "_native_data", None)
    if isinstance(kind, str) and kind in KINDS:
        native = KINDS[kind]()
    elif isinstance(kind, NativeData):
        native = kind
    else:
        raise ValueError(
            f"the kind of input of {type(estimator).__name__} is {kind!r}; pass data=, one of "
            f"{', '.join(KINDS)}, or set _native_data on its class"
        )
    for name in _WITHOUT_DATA:
        check = getattr(sklearn_checks, name)
        yield name, partial(check, type(estimator).__name__, clone(estimator))
    for name, own in CHECKS.items():  # each on its own copy: a faulty estimator may write on it
        yield name, partial(own, clone(estimator), copy.deepcopy(native))
