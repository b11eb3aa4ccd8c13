"""The API reference, written from what each public package lists in `__all__`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

# A name that two packages have is listed under the first.
PACKAGES = {
    "hwsk.recognition": "Recognition",
    "hwsk.identification": "Writer identification",
    "hwsk.representation": "Representation",
    "hwsk.verification": "Verification",
    "hwsk.synthesis": "Synthesis",
    "hwsk.writing": "Writing",
    "hwsk.documents": "Pages",
    "hwsk.datasets": "Data sets",
    "hwsk.preprocessing": "Preprocessing",
    "hwsk.preprocessing.augmentation": "Augmentation",
    "hwsk.metrics": "Metrics",
    "hwsk.model_selection": "Model selection",
    "hwsk.callbacks": "Callbacks of training",
    "hwsk.plotting": "Plotting",
    "hwsk.models": "Pretrained models",
    "hwsk.utils.estimator_checks": "Checks of estimators",
    "hwsk": "Save and load",
}


def write(path: Path) -> None:
    """Write the page of all public names to `path`."""
    text = "API reference\n=============\n"
    listed: list[object] = []
    for package, title in PACKAGES.items():
        module = import_module(package)
        text += f"\n{title}\n{'-' * len(title)}\n\n.. automodule:: {package}\n\n"
        text += f".. currentmodule:: {package}\n\n"
        text += ".. autosummary::\n   :toctree: generated\n   :nosignatures:\n\n"
        for name in module.__all__:
            value = getattr(module, name)
            if callable(value) and value not in listed:
                listed.append(value)
                text += f"   {name}\n"
    # Untouched, Sphinx need not read it again.
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
