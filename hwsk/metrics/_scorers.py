"""Get scorers by name, for `scoring=` of scikit-learn's searches and cross-validation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.metrics import get_scorer as get_sklearn_scorer
from sklearn.metrics import make_scorer

from hwsk.metrics._text import (
    character_accuracy,
    character_error_rate,
    character_f1,
    character_precision,
    character_recall,
    word_error_rate,
)
from hwsk.metrics._verification import equal_error_rate

__all__ = ["get_scorer", "get_scorer_names"]

_SCORERS = {
    "neg_character_error_rate": make_scorer(character_error_rate, greater_is_better=False),
    "neg_word_error_rate": make_scorer(word_error_rate, greater_is_better=False),
    "neg_equal_error_rate": make_scorer(
        equal_error_rate,
        greater_is_better=False,
        response_method=("decision_function", "predict_proba"),
    ),
    "character_accuracy": make_scorer(character_accuracy),
    "character_precision": make_scorer(character_precision),
    "character_recall": make_scorer(character_recall),
    "character_f1": make_scorer(character_f1),
}


def get_scorer_names() -> list[str]:
    """List the names that `get_scorer` knows beside scikit-learn's own.

    Returns
    -------
    list of str
        The names, sorted.

    Examples
    --------
    >>> from hwsk.metrics import get_scorer_names
    >>> get_scorer_names()[-3:]
    ['neg_character_error_rate', 'neg_equal_error_rate', 'neg_word_error_rate']
    """
    return sorted(_SCORERS)


def get_scorer(name: str) -> Callable[..., Any]:
    """Get a scorer by name: `scorer(estimator, X, y) -> float`, higher is better.

    Parameters
    ----------
    name : str
        One of `get_scorer_names()`, or of scikit-learn's own.

    Returns
    -------
    callable
        What `scoring=` takes in `GridSearchCV` and `cross_val_score`.

    Examples
    --------
    >>> from sklearn.dummy import DummyClassifier
    >>> from hwsk.metrics import get_scorer
    >>> constant = DummyClassifier().fit([[0], [0]], ["the", "the"])
    >>> get_scorer("neg_character_error_rate")(constant, [[0], [0]], ["the", "thy"])
    -0.16666666666666666
    """
    if name in _SCORERS:
        return _SCORERS[name]
    try:
        return get_sklearn_scorer(name)
    except ValueError:
        raise ValueError(
            f"there is no scorer {name!r}; hwsk has {get_scorer_names()}, "
            "and scikit-learn's sklearn.metrics.get_scorer_names()"
        ) from None
