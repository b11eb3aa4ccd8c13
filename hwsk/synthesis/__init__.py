"""Handwriting made: text written on pages, and strokes drawn."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_writing": ["write"],
        "_page": ["Page", "draw"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.synthesis._page import Page as Page
    from hwsk.synthesis._page import draw as draw
    from hwsk.synthesis._writing import write as write
