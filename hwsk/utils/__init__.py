"""Help developers of estimators for handwriting."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(__name__, {}, ["estimator_checks"])

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.utils import estimator_checks as estimator_checks
