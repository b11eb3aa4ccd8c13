"""Write texts on sheets of paper, and save handwriting as SVG, PNG, GIF and InkML."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_write": ["write"],
        "_lines": ["write_lines"],
        "_line_writer": ["WrittenLines"],
        "_folder": ["write_folder"],
        "_sheets": ["Sheets", "draw"],
        "_legibility": ["Legibility", "UnreadWord"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.writing._folder import write_folder as write_folder
    from hwsk.writing._legibility import Legibility as Legibility
    from hwsk.writing._legibility import UnreadWord as UnreadWord
    from hwsk.writing._line_writer import WrittenLines as WrittenLines
    from hwsk.writing._lines import write_lines as write_lines
    from hwsk.writing._sheets import Sheets as Sheets
    from hwsk.writing._sheets import draw as draw
    from hwsk.writing._write import write as write
