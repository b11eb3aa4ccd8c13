"""Handwriting for scikit-learn.

Neural networks that read handwriting, as estimators with `fit`, `predict` and `score`.
Public names are imported when first used: `import hwsk` alone loads no torch.
"""

import lazy_loader

__version__ = "0.1.0.dev0"

__getattr__, _, __all__ = lazy_loader.attach_stub(__name__, __file__)
__all__ += ["__version__"]


def __dir__() -> list[str]:
    return __all__.copy()
