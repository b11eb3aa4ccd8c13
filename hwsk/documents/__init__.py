"""Read and write pages of handwriting: lines and text, page images, archives' file formats."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_page": ["Page", "Region", "Line", "Word", "Character"],
        "_cutting": ["cut_lines"],
        "_images": ["PageImage", "read_pages"],
        "_pdf": ["save_pdf"],
        "_profiles": ["find_lines_by_profile"],
        "_reader": ["PageReader"],
        "_segmenter": ["LineSegmenter"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.documents._cutting import cut_lines as cut_lines
    from hwsk.documents._images import PageImage as PageImage
    from hwsk.documents._images import read_pages as read_pages
    from hwsk.documents._page import Character as Character
    from hwsk.documents._page import Line as Line
    from hwsk.documents._page import Page as Page
    from hwsk.documents._page import Region as Region
    from hwsk.documents._page import Word as Word
    from hwsk.documents._pdf import save_pdf as save_pdf
    from hwsk.documents._profiles import find_lines_by_profile as find_lines_by_profile
    from hwsk.documents._reader import PageReader as PageReader
    from hwsk.documents._segmenter import LineSegmenter as LineSegmenter
