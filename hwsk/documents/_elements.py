"""Define the parts of a page: regions, text lines, words, characters."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Points = NDArray[np.float64]
Box = tuple[float, float, float, float]


def as_points(value: ArrayLike, what: str, least: int) -> Points:
    """Points as a float array (n, 2); four numbers are a box, which becomes its corners."""
    points = np.array(value, np.float64)
    if points.shape == (4,):
        left, top, right, bottom = points
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < least:
        raise ValueError(
            f"{what} has shape {points.shape}; expected ({least} or more, 2): x and y in pixels"
        )
    if not np.isfinite(points).all():
        raise ValueError(f"{what} holds NaN or infinity: {points.tolist()}")
    return points


class _Element:
    """Check and convert the points and the confidence of a part of the page."""

    def __post_init__(self) -> None:
        for name, least in (("polygon", 3), ("baseline", 2)):
            if (value := getattr(self, name, None)) is not None:
                setattr(self, name, as_points(value, f"{name} of {self!r:.60}", least))
        confidence = getattr(self, "confidence", None)
        if confidence is not None and not 0 <= confidence <= 1:
            raise ValueError(f"confidence of {self!r:.60} is {confidence}; expected 0 to 1")

    @property
    def box(self) -> Box | None:
        """Left, top, right and bottom of the polygon; None without a polygon."""
        polygon: Points | None = getattr(self, "polygon", None)
        return None if polygon is None else bounding_box(polygon)


def bounding_box(points: Points) -> Box:
    """Left, top, right and bottom."""
    (left, top), (right, bottom) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
    return left, top, right, bottom


@dataclass(eq=False)
class Character(_Element):
    """Describe one character of a word.

    Parameters
    ----------
    text : str
        The character: one letter with its accents.
    polygon : array-like of shape (m, 2) or (4,), default=None
        Outline in pixels of the page, x before y; or a box: left, top, right, bottom.
    confidence : float, default=None
        Between 0 and 1.

    Examples
    --------
    >>> from hwsk.documents import Character
    >>> Character("é", [10, 20, 18, 40], confidence=0.5).polygon.shape
    (4, 2)
    """

    text: str
    polygon: Any = field(default=None, repr=False)
    confidence: float | None = None


@dataclass(eq=False)
class Word(_Element):
    """Describe one word of a text line.

    Parameters
    ----------
    text : str
        The transcript.
    polygon : array-like of shape (m, 2) or (4,), default=None
        Outline in pixels of the page, x before y; or a box: left, top, right, bottom.
    confidence : float, default=None
        Between 0 and 1.
    characters : list of Character, default=[]
        In the order of the text.
    id : str, default=""
        The name in the file; made up where it is empty when a file is written.

    Examples
    --------
    >>> from hwsk.documents import Word
    >>> Word("café", [10, 20, 58, 40]).box
    (10.0, 20.0, 58.0, 40.0)
    """

    text: str
    polygon: Any = field(default=None, repr=False)
    confidence: float | None = None
    characters: list[Character] = field(default_factory=list, repr=False)
    id: str = ""


@dataclass(eq=False)
class Line(_Element):
    """Describe one text line of a page.

    Parameters
    ----------
    text : str, default=""
        The transcript. It holds even where the words spell something else.
    baseline : array-like of shape (k, 2), default=None
        The line on which the letters stand, in the direction of reading, in pixels of the page.
    polygon : array-like of shape (m, 2) or (4,), default=None
        Outline in pixels of the page, x before y; or a box: left, top, right, bottom.
    confidence : float, default=None
        Between 0 and 1.
    words : list of Word, default=[]
        In the order of the text.
    id : str, default=""
        The name in the file; made up where it is empty when a file is written.

    See Also
    --------
    cut_lines : The images of lines.

    Examples
    --------
    >>> from hwsk.documents import Line
    >>> line = Line("Dear Sir,", baseline=[[10, 40], [200, 42]], polygon=[8, 15, 205, 55])
    >>> line.baseline.shape, line.polygon.shape
    ((2, 2), (4, 2))
    """

    text: str = ""
    baseline: Any = field(default=None, repr=False)
    polygon: Any = field(default=None, repr=False)
    confidence: float | None = None
    words: list[Word] = field(default_factory=list, repr=False)
    id: str = ""


@dataclass(eq=False)
class Region(_Element):
    """Describe one region of a page: text lines that belong together.

    Parameters
    ----------
    lines : list of Line, default=[]
        In reading order.
    polygon : array-like of shape (m, 2) or (4,), default=None
        Outline in pixels of the page, x before y; or a box: left, top, right, bottom.
    kind : str, default=""
        Type of region, such as ``"paragraph"`` or ``"marginalia"``.
    id : str, default=""
        The name in the file; made up where it is empty when a file is written.

    Examples
    --------
    >>> from hwsk.documents import Line, Region
    >>> Region([Line("Dear Sir,")], kind="paragraph").kind
    'paragraph'
    """

    lines: list[Line] = field(default_factory=list, repr=False)
    polygon: Any = field(default=None, repr=False)
    kind: str = ""
    id: str = ""
