"""Restore an estimator after a fit that failed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sklearn.base import BaseEstimator


@contextmanager
def restored_on_failure(estimator: BaseEstimator) -> Iterator[None]:
    """Give an estimator its former attributes back if its fit fails.

    A former network with another alphabet, canvas or scale would predict nonsense. What was learnt
    before a callback failed is kept, and the exception says so.
    """
    former = dict(vars(estimator))
    try:
        yield
    except BaseException as error:
        if not getattr(error, "keeps_fit", False):
            estimator.__dict__ = former
        raise
