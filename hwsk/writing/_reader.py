"""Load the reader that checks what was written."""

from __future__ import annotations

import os
from typing import Any

from sklearn.pipeline import Pipeline


def load_reader(reader: Any) -> Any:
    """Return a reader; one that is given by the name or the file of a model is loaded.

    It decodes without a language model, which would guess words that are not legible.
    """
    if not isinstance(reader, (str, os.PathLike)):
        return reader
    from hwsk.persistence import load

    loaded = load(reader)
    last = loaded[-1] if isinstance(loaded, Pipeline) else loaded
    if not hasattr(last, "predict_details"):
        kind = type(last).__name__
        raise ValueError(f"{os.fspath(reader)} holds a {kind}, which recognizes no lines")
    if getattr(getattr(last, "decoder", None), "language_model", None) is not None:
        last.set_params(decoder__language_model=None)
    return loaded
