"""Warn at the line of the user's that called hwsk, however deep the warning is raised."""

from __future__ import annotations

import os
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec

_FOLDERS = [
    folder
    for package in ("hwsk", "sklearn", "skorch")
    if (spec := find_spec(package)) is not None
    for folder in spec.submodule_search_locations or []
]
_OURS = tuple(os.path.join(folder, "") for folder in _FOLDERS)
_collecting = threading.local()  # `warnings`: the list of the innermost `collect_warnings`


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that names the first caller outside hwsk and scikit-learn."""
    collected: list[Warning] | None = getattr(_collecting, "warnings", None)
    if collected is not None:
        collected.append(category(message))
        return
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


@contextmanager
def collect_warnings() -> Iterator[list[Warning]]:
    """Collect the warnings of hwsk in this thread; none of them is issued.

    `warnings.catch_warnings` takes those of all threads, and two threads that use it at once leave
    its state in disorder: the studio has several.
    """
    outer = getattr(_collecting, "warnings", None)
    collected: list[Warning] = []
    _collecting.warnings = collected
    try:
        yield collected
    finally:
        _collecting.warnings = outer
