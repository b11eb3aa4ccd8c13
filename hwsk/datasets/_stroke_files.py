"""Pen strokes from a file of one's own: InkML, or lines drawn as SVG."""

from __future__ import annotations

import io
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from numbers import Real
from pathlib import Path
from typing import Any
from xml.parsers import expat

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, validate_params

from hwsk.datasets._data_home import StrPath
from hwsk.datasets._handwriting import _resample
from hwsk.datasets._sketches import _join_lines
from hwsk.preprocessing._text_line import fit_text_line

Points = NDArray[np.float64]

_LINE = "data-line"  # where an element starts in the file, as an attribute of it
_CURVE = np.linspace(0, 1, 17)[1:]  # where the curve between two points of an SVG is sampled
_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_NUMBERS = re.compile(rf"\s*(?:{_NUMBER}[\s,]*)*")
_VALUE = re.compile(rf"[!'\"]?\s*{_NUMBER}|[*?TF]")


@validate_params(
    {
        "path": [str, os.PathLike],
        "x_height": [Interval(Real, 0, None, closed="neither"), None],
        "spacing": [Interval(Real, 0, None, closed="neither"), None],
    },
    prefer_skip_nested_validation=True,
)
def load_strokes(
    path: StrPath, *, x_height: float | None = 115.0, spacing: float | None = 0.17
) -> NDArray[np.float32]:
    """Load pen strokes from an InkML or an SVG file, such as a line in your own hand.

    With the defaults the strokes come in the size and density of those of IAM-OnDB, and so serve
    as the `prime` of :func:`hwsk.synthesis.write` if they are one line of writing.

    Parameters
    ----------
    path : str or path
        An ``.inkml`` file (W3C InkML [1]_), or an ``.svg`` file. Of an SVG, what is drawn as a
        line (what has a stroke colour) is ink, in the order of the file; filled shapes are not.
        For SVG, install ``hwsk[write]``.
    x_height : float, default=115.0
        What small letters are scaled to. 115 is the median of IAM-OnDB. None keeps the file's
        units: those of InkML; of an SVG millimetres, or pixels where it has no size in units.
    spacing : float, default=0.17
        Distance between points along the ink, in x-heights. 0.17 is the mean of IAM-OnDB. None
        keeps the points of an InkML file.

    Returns
    -------
    ndarray of shape (T, 3)
        Float32: dx, dy, pen_up; y downwards. The first row's offset is zero; the pen is lifted
        after a row whose third column is 1.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ImportError
        If what reads SVG is not installed: ``pip install 'hwsk[write]'``.
    ValueError
        If the file is no such file, is damaged, declares entities of its own (which can be made
        to fill the memory), holds no ink, or has nothing from which to tell the size of letters.
        File, line and element are named.

    See Also
    --------
    hwsk.synthesis.write : Write in that hand.
    load_iam_online : Strokes of many writers.

    References
    ----------
    .. [1] S. M. Watt, T. Underhill (eds.), "Ink Markup Language (InkML)", W3C Recommendation,
       2011. https://www.w3.org/TR/InkML/

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from hwsk.datasets import load_strokes
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder, "v.inkml")
    ...     _ = file.write_text("<ink><trace>0 0, 3 6, 6 0</trace></ink>")
    ...     load_strokes(file, x_height=None, spacing=None).tolist()
    [[0.0, 0.0, 0.0], [3.0, 6.0, 0.0], [3.0, -6.0, 1.0]]
    """
    file = Path(path)
    suffix = file.suffix.lower()
    if suffix == ".inkml":
        lines = _read_inkml(file)
    elif suffix == ".svg":
        if spacing is None:
            raise ValueError(f"{file}: an SVG has curves for points; give a spacing")
        lines = _read_svg(file)
    else:
        raise ValueError(f"{file}: strokes are read from .inkml and .svg")
    if not all(np.isfinite(line).all() for line in lines):
        raise ValueError(f"{file}: coordinates are too large, or no numbers")
    points = np.concatenate(lines)
    lines = [line - points[0] for line in lines]  # far from the origin, float32 would be coarse
    size = fit_text_line(lines).x_height
    if not size and x_height is not None:
        raise ValueError(
            f"{file}: no letters to tell the size from, only dots or dashes; x_height=None keeps "
            "the size as it is"
        )
    scale = 1.0 if x_height is None else x_height / size
    if spacing is not None:
        step = spacing * (size or np.ptp(points, axis=0).max())
        lines = [_resample(line, step) if np.ptp(line) else line[:1] for line in lines]
    return _join_lines([line.T * scale for line in lines], str(file))


def _read_xml(file: Path, root: str) -> ET.Element:
    """The elements of a file, as they are named there; each tells its line."""
    content = file.read_bytes()
    if not content.strip():
        raise ValueError(f"{file} is empty")
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()
    parser.buffer_text = True

    def start(tag: str, attributes: dict[str, str]) -> None:
        builder.start(tag, attributes | {_LINE: str(parser.CurrentLineNumber)})

    def refuse(name: str, *_: Any) -> None:
        raise ValueError(
            f"{file}, line {parser.CurrentLineNumber}: declares the entity {name!r}, which is not "
            "read; save it without (as plain SVG)"
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(content, True)
    except expat.ExpatError as error:
        reason = expat.errors.messages[error.code]
        raise ValueError(f"{file}, line {error.lineno}: no well-formed XML: {reason}") from None
    tree = builder.close()
    if _name(tree) != root:
        raise ValueError(f"{file}: the root element is <{tree.tag}>, expected <{root}>")
    return tree


def _name(element: ET.Element) -> str:
    """The tag, without the prefix of a namespace."""
    return element.tag.rpartition(":")[2]


def _find(tree: ET.Element, name: str) -> Iterator[ET.Element]:
    return (element for element in tree.iter() if _name(element) == name)


def _read_inkml(file: Path) -> list[Points]:
    tree = _read_xml(file, "ink")
    columns, signs = _channels(tree, file)
    templates = {trace for part in _find(tree, "definitions") for trace in _find(part, "trace")}
    lines: list[Points] = []
    for trace in _find(tree, "trace"):
        if trace in templates or trace.get("type", "penDown") != "penDown":
            continue
        text = "".join(trace.itertext())
        if not text.strip():
            continue
        line = signs * _read_trace(text, columns, f"{file}, line {trace.get(_LINE)}")
        if lines and trace.get("continuation") in ("middle", "end"):
            lines[-1] = np.concatenate([lines[-1], line])
        else:
            lines.append(line)
    if not lines:
        raise ValueError(f"{file} holds no ink: no trace with points")
    return lines


def _channels(tree: ET.Element, file: Path) -> tuple[list[int], Points]:
    """Which values of a point are X and Y, and their signs, rightwards and downwards being 1."""
    formats = []
    for layout in _find(tree, "traceFormat"):
        channels = [channel for channel in layout if _name(channel) == "channel"]
        names = [channel.get("name") for channel in channels]
        if not {"X", "Y"} <= set(names):
            raise ValueError(
                f"{file}, line {layout.get(_LINE)}: a traceFormat of the channels {names} has no "
                "X and Y"
            )
        places = [names.index("X"), names.index("Y")]
        signs = [-1 if channels[i].get("orientation") == "-ve" else 1 for i in places]
        formats.append((places, signs))
    if any(layout != formats[0] for layout in formats):
        raise ValueError(f"{file}: has more than one traceFormat, with X and Y in different places")
    places, signs = formats[0] if formats else ([0, 1], [1, 1])
    return places, np.array(signs, float)


def _read_trace(text: str, columns: list[int], where: str) -> Points:
    """The positions of a trace, whose values may be differences, or differences of those."""
    kind, value, change = ["!", "!"], [0.0, 0.0], [0.0, 0.0]
    points = []
    for number, point in enumerate(text.split(","), 1):
        tokens = _VALUE.findall(point)
        if (rest := _VALUE.sub("", point).strip()) or len(tokens) <= max(columns):
            problem = f"holds {rest[:20]!r}, no number" if rest else "lacks X or Y"
            raise ValueError(
                f"{where}: point {number} of a trace, {point.strip()[:60]!r}, {problem}"
            )
        for axis, token in enumerate([tokens[column] for column in columns]):
            if token in "*?TF":
                raise ValueError(f"{where}: point {number} of a trace has {token!r} for X or Y")
            if token[0] in "!'\"":  # it holds for the points after this one, too
                kind[axis], token = token[0], token[1:]
            given = float(token)
            if kind[axis] == "!":
                change[axis] = given - value[axis]
            elif kind[axis] == "'":
                change[axis] = given
            else:
                change[axis] += given
            value[axis] += change[axis]
        points.append(tuple(value))
    return np.array(points)


def _read_svg(file: Path) -> list[Points]:
    tree = _read_xml(file, "svg")
    try:
        import svgelements
    except ImportError as error:
        raise ImportError(
            f"to read SVG takes svgelements ({error}): pip install 'hwsk[write]'"
        ) from error
    for element in tree.iter():
        _check_shape(element, file, svgelements)
    try:
        stream = io.BytesIO(ET.tostring(tree))
        drawing = svgelements.SVG.parse(stream, ppi=25.4)  # so that its pixel is a millimetre
        shapes = [shape for shape in drawing.elements() if isinstance(shape, svgelements.Shape)]
    except Exception as error:  # whatever a transform or a style makes the parser raise
        raise ValueError(f"{file}: can't be read as SVG ({error!r})") from error
    parts: list[list[Points]] = []  # of each line
    n_filled = 0
    for shape in shapes:
        if shape.values.get("visibility") in ("hidden", "collapse"):
            continue
        if not shape.stroke.alpha:  # no colour, or a transparent one
            n_filled += 1
            continue
        for segment in svgelements.Path(shape):
            if isinstance(segment, svgelements.Move):
                parts.append([np.array([segment.end], np.float64)])
            else:
                parts[-1].append(_sample(segment, svgelements))
    lines = [np.concatenate(of_line) for of_line in parts]
    lines = [line[np.r_[True, (np.diff(line, axis=0) != 0).any(axis=1)]] for line in lines]
    if not lines:
        raise ValueError(
            f"{file} holds no ink: nothing in it is drawn as a line"
            + f", there are {n_filled} filled shapes; a pen can't follow outlines" * bool(n_filled)
        )
    return lines


def _check_shape(element: ET.Element, file: Path, svgelements: Any) -> None:
    """Raise ValueError where svgelements would leave out, or misread, what it can't read."""
    name, data = _name(element), ""
    if name == "path":
        data = element.get("d", "")
        try:
            wrong = bool(data.strip()) and not len(svgelements.Path(data))
        except Exception:
            wrong = True
    elif name in ("polyline", "polygon"):
        data = element.get("points", "")
        wrong = not _NUMBERS.fullmatch(data)
    else:
        return
    if wrong:
        told = f"<{element.tag}> {element.get('id', '')}".strip()
        raise ValueError(f"{file}, line {element.get(_LINE)}: {told}: can't be read: {data[:60]!r}")


def _sample(segment: Any, svgelements: Any) -> Points:
    """Points along a part of a path, without its start."""
    if isinstance(segment, svgelements.Curve):
        return np.asarray(segment.npoint(_CURVE), np.float64).reshape(-1, 2)
    return np.array([segment.end], np.float64)
