"""Write texts on sheets of paper, and save handwriting as SVG, PNG, GIF and InkML."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_write": ["write"],
        "_sheets": ["Sheets", "draw"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.writing._sheets import Sheets as Sheets
    from hwsk.writing._sheets import draw as draw
    from hwsk.writing._write import write as write
