"""Load pen strokes from a user's own file: InkML, lines drawn as SVG, or JSON."""

from __future__ import annotations

import os
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, validate_params

from hwsk._data.text_line import fit_text_line
from hwsk.datasets._data_home import StrPath, find_written
from hwsk.datasets._hands import resample
from hwsk.datasets._inkml import read_inkml
from hwsk.datasets._sketches import _join_lines
from hwsk.datasets._stroke_json import read_json
from hwsk.datasets._svg import read_svg

_FARTHEST = 1e30  # coordinates beyond have no differences in float32


@validate_params(
    {
        "path": [str, os.PathLike],
        "x_height": [Interval(Real, 0, None, closed="neither"), None],
        "spacing": [Interval(Real, 0, None, closed="neither"), None],
        "max_points": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def load_strokes(
    path: StrPath,
    *,
    x_height: float | None = 115.0,
    spacing: float | None = 0.17,
    max_points: int = 200_000,
) -> NDArray[np.float32]:
    """Load pen strokes from an InkML, SVG or JSON file, such as a line in your own hand.

    With the defaults the strokes come in the size and density of those of IAM-OnDB, and so serve
    as the `prime` of :func:`hwsk.writing.write` if they are one line of writing.

    Parameters
    ----------
    path : str or path
        An ``.inkml`` file (W3C InkML [1]_), or an ``.svg`` file. Of an SVG, what is drawn as a
        line (what has a stroke colour) is ink, in the order of the file; filled shapes are not.
        For SVG, install ``hwsk[write]``. Or a ``.json`` file, as a canvas in a browser makes it: a
        list of strokes, or ``{"strokes": [...]}``; each stroke a list of points ``[x, y]`` (time
        and pressure may follow, and are left out) or ``{"x": 1, "y": 2}``, or lists of coordinates
        ``{"x": [...], "y": [...]}``; y is downwards.
    x_height : float, default=115.0
        What small letters are scaled to. 115 is the median of IAM-OnDB. None keeps the file's
        units: those of InkML; of an SVG millimetres, or pixels where it has no size in units.
    spacing : float, default=0.17
        Distance between points along the ink, in x-heights. 0.17 is the mean of IAM-OnDB. None
        keeps the points of an InkML or JSON file.
    max_points : int, default=200,000
        How many points the file may have, and may be resampled to; a page of writing has about
        40,000. A larger file is refused before it takes minutes or gigabytes.

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
        If the file is not such a file, is damaged, declares entities of its own (which can be made
        to fill the memory), holds no ink, has too many points, mixes units that can't be converted,
        or has nothing from which to tell the size of letters. File, line and element are named.

    See Also
    --------
    hwsk.writing.write : Write in that hand.
    hwsk.recognition.InkRecognizer : Recognize its text; with ``x_height=None`` a dot or dash, too.
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
    file = find_written(Path(path))
    suffix = file.suffix.lower()
    if suffix == ".inkml":
        lines = read_inkml(file, max_points)
    elif suffix == ".svg":
        if spacing is None:
            raise ValueError(f"{file}: an SVG has curves for points; give a spacing")
        lines = read_svg(file, max_points)
    elif suffix == ".json":
        lines = read_json(file, max_points)
    else:
        raise ValueError(f"{file}: strokes are read from .inkml, .svg and .json")
    if not all((np.abs(line) < _FARTHEST).all() for line in lines):
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
    step = 0.0 if spacing is None else spacing * (size or np.ptp(points, axis=0).max())
    if step:  # not of a dot alone
        with np.errstate(all="ignore"):
            wanted = sum(np.hypot(*np.diff(line, axis=0).T).sum() for line in lines) / step
        if not wanted <= max_points:
            raise ValueError(
                f"{file}: {wanted:.3g} points would be needed, more than max_points={max_points}: "
                "is a coordinate far from the others?"
            )
        lines = [resample(line, step) if np.ptp(line) else line[:1] for line in lines]
    return _join_lines([line.T * scale for line in lines], str(file))
