"""Place strokes on sheets of paper, and save them (`Sheets`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from hwsk._data.strokes import check_sample
from hwsk._data.text_line import split_strokes
from hwsk._files import write_file
from hwsk._wording import count
from hwsk.writing import _formats
from hwsk.writing._curves import Sheet
from hwsk.writing._layout import check_size
from hwsk.writing._legibility import Legibility

PEN_WIDTH, INK, PAPER = 0.4, "#1d2b64", "white"  # a ballpoint pen
POSITIVE = [Interval(Real, 0, None, closed="neither")]

SUFFIXES = (".gif", ".inkml", ".pdf", ".png", ".svg")


@dataclass(frozen=True, eq=False, repr=False)  # both would go through all the points
class Sheets:
    """Hold handwriting in its place on one sheet of paper or more, to be saved.

    :func:`write` and :func:`draw` make them. In a notebook, they show themselves.

    Parameters
    ----------
    sheets : sequence of sequence of (str, sequence of ndarray of shape (n, 2))
        For each sheet its lines; for each line what it says and its strokes, in the order of
        writing. A stroke is what the pen draws between two lifts: positions x, y in millimetres
        from the upper left corner, y downwards. A single position is a dot.
    size : (float, float)
        Width and height of each sheet in millimetres.
    pen_width : float, default=0.4
        Width of the line in millimetres.
    ink : str, default="#1d2b64"
        Colour of the ink: a name or ``#rrggbb``, as in CSS.
    paper : str, default="white"
        Colour of the paper.
    legibility : Legibility, default=None
        How much of it was recognized by the reader that :func:`write` was given.
    pressure : float, default=0.0
        How much the width varies with the speed of the pen, from 0 to 1.
    rules : sequence of ndarray of shape (2, 2), default=()
        Thin straight lines printed on each sheet: their ends, in millimetres.

    Raises
    ------
    ImportError
        If what draws is not installed: ``pip install 'hwsk[write]'``.
    ValueError
        If a stroke is not an array of finite positions (sheet, line and stroke are named), or a
        colour or a size is invalid.

    See Also
    --------
    write : Write a text.
    draw : Draw bare strokes.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.writing import Sheets
    >>> cross = [np.array([[10.0, 10.0], [20.0, 20.0]]), np.array([[10.0, 20.0], [20.0, 10.0]])]
    >>> sheets = Sheets([[("x", cross)]], size=(30, 30))
    >>> sheets.save("cross.svg")  # doctest: +SKIP
    [PosixPath('cross.svg')]
    """

    sheets: Sequence[Sheet]
    size: tuple[float, float]
    pen_width: float = PEN_WIDTH
    ink: str = INK
    paper: str = PAPER
    legibility: Legibility | None = None
    pressure: float = 0.0
    rules: Sequence[NDArray[np.float64]] = ()

    def __post_init__(self) -> None:
        check_size(self.size)
        if not 0 < self.pen_width < np.inf:
            raise ValueError(f"pen_width is {self.pen_width}; it is a width in millimetres")
        if not 0 <= self.pressure <= 1:
            raise ValueError(f"pressure is {self.pressure}; it is a share from 0 to 1")
        for i, rule in enumerate(self.rules):
            if np.shape(rule) != (2, 2) or not np.isfinite(rule).all():
                raise ValueError(f"rule {i} is {rule!r}; it is two ends, [[x, y], [x, y]]")
        _formats.parse_colour(self.ink, "ink")
        _formats.parse_colour(self.paper, "paper")
        for i, sheet in enumerate(self.sheets):
            for j, (text, strokes) in enumerate(sheet):
                for k, stroke in enumerate(strokes):
                    if stroke.ndim != 2 or stroke.shape[1] != 2 or not len(stroke):
                        problem = f"has shape {stroke.shape}; it is (n, 2): x, y"
                    elif not np.isfinite(stroke).all():
                        problem = "holds NaN or infinity"
                    else:
                        continue
                    raise ValueError(f"sheet {i}, line {j} ({text!r}): stroke {k} {problem}")

    def __repr__(self) -> str:
        sheets, lines = len(self.sheets), sum(map(len, self.sheets))
        width, height = self.size
        return (
            f"<Sheets: {count(sheets, 'sheet')}, {width:g} x {height:g} mm: {count(lines, 'line')}>"
        )

    @validate_params(
        {
            "path": [str, os.PathLike],
            "style": [StrOptions({"ink", "plotter", "animated"})],
            "dpi": [Interval(Real, 0, 1200, closed="right")],
            "seconds": POSITIVE,
        },
        prefer_skip_nested_validation=True,
    )
    def save(
        self,
        path: str | os.PathLike[str],
        *,
        style: str = "ink",
        dpi: float = 150,
        seconds: float = 10,
    ) -> list[Path]:
        """Save the sheets; the suffix of the path says as what.

        ``.svg``
            Lines as smooth curves that keep their width and colour at any size; or what `style`
            says.
        ``.pdf``
            The same curves, a page for each sheet; needs matplotlib (``pip install 'hwsk[plot]'``).
        ``.png``
            An image.
        ``.gif``
            An image of the pen writing, without end.
        ``.inkml``
            The strokes as data, with the text: InkML [1]_, which
            :func:`hwsk.datasets.load_strokes` reads, too.

        Parameters
        ----------
        path : str or path
            The file. Of more than one sheet each gets its own, except in a ``.pdf``:
            ``letter.svg`` becomes ``letter-1.svg``, ``letter-2.svg`` and so on. A file that is
            there is replaced.
        style : {"ink", "plotter", "animated"}, default="ink"
            What kind of ``.svg``. "plotter" has one bare polyline in millimetres for each stroke,
            and neither paper, rules nor width: the machine's pen has its own. The strokes of a
            line are in an order, and drawn in a direction, that keeps the way of the lifted pen
            short. "animated" writes itself, once, when it is opened in a browser; elsewhere it
            shows the whole sheet. Its lines are of one width.
        dpi : float, default=150
            Pixels per inch of ``.png`` and ``.gif``.
        seconds : float, default=10
            How long the writing of a sheet takes in ``.gif`` and "animated".

        Returns
        -------
        list of pathlib.Path
            The files, one for each sheet.

        Raises
        ------
        ValueError
            If the suffix is another, or `style` is asked for of what is no ``.svg``.
        OSError
            If a file can't be written.

        References
        ----------
        .. [1] S. M. Watt, T. Underhill (eds.), "Ink Markup Language (InkML)", W3C Recommendation,
           2011. https://www.w3.org/TR/InkML/
        """
        target = Path(path)
        suffix = target.suffix.lower()
        if suffix not in SUFFIXES:
            raise ValueError(f"{target}: sheets are saved as {', '.join(SUFFIXES)}")
        if style != "ink" and suffix != ".svg":
            raise ValueError(f"{target}: style={style!r} is a kind of .svg")
        files, paper = [target], self._paper
        if suffix == ".pdf":
            write_file(target, _formats.as_pdf(paper, self.sheets))
            return files
        if len(self.sheets) != 1:
            numbers = range(1, len(self.sheets) + 1)
            files = [target.with_stem(f"{target.stem}-{number}") for number in numbers]
        for file, sheet in zip(files, self.sheets, strict=True):
            if suffix == ".svg":
                content = _formats.as_svg(paper, [sheet], style, seconds).encode()
            elif suffix == ".png":
                content = _formats.as_png(paper, sheet, dpi)
            elif suffix == ".gif":
                content = _formats.as_gif(paper, sheet, dpi, seconds)
            else:
                content = _formats.as_inkml(sheet)
            write_file(file, content)
        return files

    @property
    def _paper(self) -> _formats.Paper:
        return _formats.Paper(
            self.size, self.pen_width, self.ink, self.paper, self.pressure, self.rules
        )

    def _repr_html_(self) -> str:
        """Show all sheets below each other in a notebook."""
        return _formats.as_svg(self._paper, self.sheets, "ink", seconds=0)


@validate_params(
    {
        "strokes": ["array-like"],
        "height": POSITIVE,
        "margin": [Interval(Real, 0, None, closed="left")],
        "pen_width": POSITIVE,
        "ink": [str],
        "paper": [str],
    },
    prefer_skip_nested_validation=True,
)
def draw(
    strokes: Any,
    *,
    height: float = 15.0,
    margin: float = 3.0,
    pen_width: float = PEN_WIDTH,
    ink: str = INK,
    paper: str = PAPER,
) -> Sheets:
    """Draw strokes as they are, on paper of their own size.

    Parameters
    ----------
    strokes : ndarray of shape (T, 3)
        A line or a drawing: dx, dy (downwards), pen_up.
    height : float, default=15.0
        Height of the ink in millimetres; the width follows. Ink that is less than a tenth as high
        as it is wide (a dash) becomes ten times as wide as `height` instead.
    margin : float, default=3.0
        Millimetres of paper around the ink.
    pen_width : float, default=0.4
        Width of the line in millimetres.
    ink : str, default="#1d2b64"
        Colour of the ink: a name or ``#rrggbb``, as in CSS.
    paper : str, default="white"
        Colour of the paper.

    Returns
    -------
    Sheets
        One sheet, to be saved or shown.

    Raises
    ------
    ImportError
        If what draws is not installed: ``pip install 'hwsk[write]'``.
    ValueError
        If the strokes are not an array (T, 3), are empty, or hold NaN.

    See Also
    --------
    write : Write a text on sheets of paper.
    hwsk.preprocessing.StrokeRasterizer : Draw strokes as images for an estimator.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.writing import draw
    >>> made = make_handwriting(1, texts=["hand"], random_state=0)
    >>> draw(made.strokes[0]).save("hand.svg")  # doctest: +SKIP
    [PosixPath('hand.svg')]
    """
    lines = split_strokes(check_sample(strokes, "strokes"))
    points = np.concatenate(lines)
    low = points.min(axis=0)
    extent = points.max(axis=0) - low
    larger = max(extent[1], extent[0] / 10)
    scale = height / larger if larger > 0 else 1.0
    placed = [(line - low) * scale + margin + pen_width / 2 for line in lines]
    width, tall = extent * scale + 2 * margin + pen_width
    return Sheets(
        [[("", placed)]], (float(width), float(tall)), pen_width=pen_width, ink=ink, paper=paper
    )
