"""Define a page with its lines and text, read from and written to several formats."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# The formats import `Page` from here, so its methods import them when they are called.
from hwsk._files import write_file
from hwsk.documents._elements import Character as Character
from hwsk.documents._elements import Line as Line
from hwsk.documents._elements import Points
from hwsk.documents._elements import Region as Region
from hwsk.documents._elements import Word as Word

_SUFFIXES = {  # the longest first: "letter.alto.xml" is ALTO
    ".alto.xml": "alto",
    ".page.xml": "page",
    ".alto": "alto",
    ".xml": "page",
    ".hocr": "hocr",
    ".html": "hocr",
    ".json": "json",
    ".txt": "text",
    ".pdf": "pdf",
}


@dataclass(eq=False)
class Page:
    """Describe a page: its regions and text lines in reading order.

    Parameters
    ----------
    width, height : int
        Size of the page image in pixels. All coordinates are pixels of this image, x to the right
        and y down.
    regions : list of Region, default=[]
        In reading order.
    image_path : str, default=""
        Path or name of the page image.

    Attributes
    ----------
    lines : list of Line
        The text lines of all regions, in reading order.

    See Also
    --------
    hwsk.datasets.load_pages : Images of pages with PAGE or ALTO beside them.
    save_pdf : Pages as a searchable PDF.

    Examples
    --------
    >>> from hwsk.documents import Line, Page, Region
    >>> first = Line("Dear Sir,", polygon=[20, 30, 400, 80])
    >>> second = Line("I beg", polygon=[20, 90, 300, 140])
    >>> page = Page(600, 800, [Region([first, second])], image_path="letter.png")
    >>> print(page.to_text())
    Dear Sir,
    I beg
    >>> again = Page.from_page_xml(page.to_page_xml().encode())
    >>> again.lines[1].box
    (20.0, 90.0, 300.0, 140.0)
    """

    width: int
    height: int
    regions: list[Region] = field(default_factory=list)
    image_path: str = ""

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise ValueError(
                f"a page of {self.width} x {self.height} pixels; width and height are at least 1"
            )

    @property
    def lines(self) -> list[Line]:
        """The text lines of all regions, in reading order."""
        return [line for region in self.regions for line in region.lines]

    def elements(self) -> Iterator[Region | Line | Word | Character]:
        """Iterate over all regions, lines, words and characters.

        Yields
        ------
        Region, Line, Word or Character
            Each before what it holds.
        """
        for region in self.regions:
            yield region
            for line in region.lines:
                yield line
                for word in line.words:
                    yield word
                    yield from word.characters

    def resized(self, width: int, height: int) -> Page:
        """Return a copy for the same image at another size.

        Parameters
        ----------
        width, height : int
            The new size in pixels.

        Returns
        -------
        Page
            With all coordinates scaled.
        """
        page = copy.deepcopy(self)
        scale = np.array([width / self.width, height / self.height])
        change_points(page, lambda points: points * scale)
        page.width, page.height = width, height
        return page

    def to_text(self) -> str:
        """Return the transcript.

        Returns
        -------
        str
            The text of the lines in reading order, separated by line breaks. A line without text
            is an empty line.
        """
        return "\n".join(line.text for line in self.lines)

    def to_page_xml(self) -> str:
        """Return the page as PAGE XML, version 2019-07-15.

        Returns
        -------
        str
            The XML file. Coordinates are rounded to whole pixels. A region, line, word or
            character without polygon gets the box around its baseline or its parts, otherwise
            that of the element around it, since PAGE asks for one.

        Raises
        ------
        ValueError
            If a text holds a control character, which XML can't.

        Warns
        -----
        UserWarning
            If points outside the page are clipped: PAGE has no negative coordinates.
        """
        from hwsk.documents._page_xml import write_page_xml

        return write_page_xml(self)

    def to_alto(self) -> str:
        """Return the page as ALTO XML, version 4.4, in pixels.

        ALTO has no confidence of a line: it is written where the line has no words.

        Returns
        -------
        str
            The XML file. Coordinates are rounded to whole pixels.

        Raises
        ------
        ValueError
            If a text holds a control character, which XML can't.

        Warns
        -----
        UserWarning
            If the words of a line don't spell its text: it is written without words, counted.
        """
        from hwsk.documents._alto import write_alto

        return write_alto(self)

    def to_hocr(self) -> str:
        """Return the page as hOCR 1.2, an HTML file.

        hOCR has boxes where others have polygons, and a baseline is one straight line.

        Returns
        -------
        str
            The HTML file.
        """
        from hwsk.documents._hocr import write_hocr

        return write_hocr(self)

    def to_json(self, *, indent: int | None = 1) -> str:
        """Return the page as JSON, which loses nothing.

        Parameters
        ----------
        indent : int, default=1
            Blanks by which a level is indented. None writes the page in one line, so that several
            pages can follow each other as JSON Lines.

        Returns
        -------
        str
            The parameters of `Page` and all it holds, by their names; points are lists of pairs,
            and what is empty is left out.
        """
        from hwsk.documents._json import write_json

        return write_json(self, indent)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page to a file whose format follows from its name.

        Parameters
        ----------
        path : str or path
            ``.page.xml`` or ``.xml``: PAGE; ``.alto.xml`` or ``.alto``: ALTO; ``.hocr`` or
            ``.html``: hOCR; ``.json``; ``.txt``; ``.pdf``: a searchable PDF with the image at
            `image_path` (see :func:`save_pdf`).

        Raises
        ------
        ValueError
            If the name ends in something else.
        """
        name = os.fspath(path)
        kind = next((kind for end, kind in _SUFFIXES.items() if name.lower().endswith(end)), None)
        if kind is None:
            raise ValueError(f"{name} ends in none of {', '.join(_SUFFIXES)}: no format follows")
        if kind == "pdf":
            from hwsk.documents._pdf import save_pdf

            save_pdf(path, [self])
            return
        write: dict[str, Callable[[], str]] = {
            "page": self.to_page_xml,
            "alto": self.to_alto,
            "hocr": self.to_hocr,
            "json": self.to_json,
            "text": lambda: self.to_text() + "\n",
        }
        write_file(name, write[kind]())

    @classmethod
    def from_page_xml(cls, source: Any) -> Page:
        """Read PAGE XML of any version.

        Read are text regions and table cells, in the reading order of the file (nested groups are
        flattened; indices, also those that Transkribus keeps in ``custom``, are heeded), their
        lines, words and glyphs. Of several texts the one with the lowest index counts. A line
        without text takes that of its words.

        Parameters
        ----------
        source : str, path, file object or bytes
            A path, an open file, or the content.

        Returns
        -------
        Page
            The page; `image_path` is as in the file.

        Raises
        ------
        ValueError
            If the file is not PAGE XML, is too large, declares a document type, or an element
            can't be read; file, line and element are named.

        Warns
        -----
        UserWarning
            If points lie outside the page (they are clipped), or polygons, confidences or
            references are no use (they are left out): counted, once a file.
        """
        from hwsk.documents._page_xml import read_page_xml
        from hwsk.documents._xml import Remarks

        remarks = Remarks()
        page, name = read_page_xml(source, remarks)
        remarks.warn(name)
        return page

    @classmethod
    def from_alto(
        cls,
        source: Any,
        *,
        dpi: float | None = None,
        image_size: tuple[int, int] | None = None,
    ) -> Page:
        """Read ALTO XML, version 1 to 4.

        Strings are separated by blanks, or, in a line that has ``SP`` elements, exactly there;
        the content of ``HYP`` is appended. A line with one String that has no place of its own
        has no words. The order of blocks is that of the ``ReadingOrder``, otherwise of the file.

        Parameters
        ----------
        source : str, path, file object or bytes
            A path, an open file, or the content.
        dpi : float, default=None
            Pixels per inch of the image. Needed where the unit of the file is mm10 or inch1200
            and neither `image_size` is given nor the file names a resolution.
        image_size : tuple of int, default=None
            Width and height of the image in pixels, for a file in mm10 or inch1200 or one that
            gives no size.

        Returns
        -------
        Page
            The page, in pixels; `image_path` is as in the file.

        Raises
        ------
        ValueError
            If the file is not ALTO, holds several pages, is too large, declares a document type,
            the unit can't be converted, or an element can't be read; file, line and element are
            named.

        Warns
        -----
        UserWarning
            If points lie outside the page (they are clipped), or polygons, confidences or
            references are no use (they are left out): counted, once a file.
        """
        from hwsk.documents._alto import read_alto
        from hwsk.documents._xml import Remarks

        remarks = Remarks()
        page, name = read_alto(source, remarks, dpi, image_size)
        remarks.warn(name)
        return page

    @classmethod
    def from_json(cls, source: Any) -> Page:
        """Read what `to_json` wrote.

        Parameters
        ----------
        source : str, path, file object or bytes
            A path, an open file, or the content.

        Returns
        -------
        Page
            The page.

        Raises
        ------
        ValueError
            If it is not JSON, or not that of a page; the place in it is named.
        """
        from hwsk.documents._json import read_json

        return read_json(source)

    @classmethod
    def load(cls, path: Any) -> Page:
        """Read a page from PAGE XML, ALTO or JSON, whatever the file is called.

        Parameters
        ----------
        path : str, path, file object or bytes
            A path, an open file, or the content.

        Returns
        -------
        Page
            The page.

        Raises
        ------
        ValueError
            If the content is none of these, or can't be read.
        """
        from hwsk.documents._formats import find_format
        from hwsk.documents._xml import read_source

        data, name = read_source(path)
        kind = find_format(data, name)
        # A path is passed on as it is, so that messages name the file.
        source = data if hasattr(path, "read") else path
        return {"page": cls.from_page_xml, "alto": cls.from_alto, "json": cls.from_json}[kind](
            source
        )


def change_points(page: Page, change: Callable[[Points], Points]) -> None:
    """Replace all polygons and baselines of a page."""
    for element in page.elements():
        for name in ("polygon", "baseline"):
            if getattr(element, name, None) is not None:
                setattr(element, name, change(getattr(element, name)))
