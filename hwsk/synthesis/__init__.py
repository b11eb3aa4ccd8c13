"""Generate handwriting: predict pen strokes, from text too, and set them on pages."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_prediction": ["StrokePredictor"],
        "_synthesis": ["HandwritingSynthesizer"],
        "_writing": ["write"],
        "_page": ["Page", "draw"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.synthesis._page import Page as Page
    from hwsk.synthesis._page import draw as draw
    from hwsk.synthesis._prediction import StrokePredictor as StrokePredictor
    from hwsk.synthesis._synthesis import HandwritingSynthesizer as HandwritingSynthesizer
    from hwsk.synthesis._writing import write as write
