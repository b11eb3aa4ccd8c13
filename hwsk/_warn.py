"""Warn at the line of the user's that called hwsk, however deep the warning is raised."""

from __future__ import annotations

import os
import sys
import warnings
from importlib.util import find_spec

_FOLDERS = [
    folder
    for package in ("hwsk", "sklearn", "skorch")
    if (spec := find_spec(package)) is not None
    for folder in spec.submodule_search_locations or []
]
_OURS = tuple(os.path.join(folder, "") for folder in _FOLDERS)


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Issue a warning that names the first caller outside hwsk and scikit-learn."""
    level, frame = 1, sys._getframe(0)
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_OURS):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
