"""Generate pen strokes, freely or from a text."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_prediction": ["StrokePredictor"],
        "_synthesis": ["HandwritingSynthesizer"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.synthesis._prediction import StrokePredictor as StrokePredictor
    from hwsk.synthesis._synthesis import HandwritingSynthesizer as HandwritingSynthesizer
