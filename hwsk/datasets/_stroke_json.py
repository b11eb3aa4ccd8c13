"""Read strokes from JSON: lists of points, as canvases in a browser and drawing data have them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hwsk._files import read_file

Points = NDArray[np.float64]

_BYTES = 200  # of a point, at most: x, y, a time stamp, pressure and tilt take less
_LAYOUTS = (
    'a list of strokes, or {"strokes": [...]}; a stroke is a list of points [x, y] or '
    '{"x": 1, "y": 2}, or {"x": [...], "y": [...]}'
)


def read_json(file: Path, max_points: int) -> list[Points]:
    """The strokes of a file; y is downwards, and what else a point has is left out."""
    content = read_file(file)
    if len(content) > _BYTES * (max_points + 100):
        raise ValueError(
            f"{file} has {len(content):,} bytes, too many for {max_points} points; max_points "
            "allows more"
        )
    try:
        found = json.loads(content)
    except RecursionError:
        raise ValueError(f"{file}: lists in lists are too deep; expected {_LAYOUTS}") from None
    except ValueError as error:  # also of bytes that are not UTF-8
        raise ValueError(f"{file} is not JSON: {error}") from None
    strokes = found.get("strokes") if isinstance(found, dict) else found
    if not isinstance(strokes, list):
        raise ValueError(f"{file} holds no strokes: expected {_LAYOUTS}")
    lines: list[Points] = []
    left = max_points
    for number, stroke in enumerate(strokes):
        line = _read_stroke(stroke, f"{file}, stroke {number}")
        left -= len(line)
        if left < 0:
            raise ValueError(
                f"{file}, stroke {number}: the file has more than {max_points} points; "
                "max_points allows more"
            )
        if len(line):
            lines.append(line)
    if not lines:
        raise ValueError(f"{file} holds no ink: no stroke with points")
    return lines


def _read_stroke(stroke: Any, where: str) -> Points:
    if isinstance(stroke, dict):
        x, y = stroke.get("x"), stroke.get("y")
        if not isinstance(x, list) or not isinstance(y, list):
            raise ValueError(f'{where} has no lists "x" and "y"; expected {_LAYOUTS}')
        if len(x) != len(y):
            raise ValueError(f"{where} has {len(x)} values x, and {len(y)} values y")
        pairs: list[Any] = list(zip(x, y, strict=True))
    elif isinstance(stroke, list):
        pairs = [_read_point(point, f"{where}, point {i}") for i, point in enumerate(stroke)]
    else:
        raise ValueError(f"{where} is {_show(stroke)}; expected {_LAYOUTS}")
    for i, pair in enumerate(pairs):
        for value in pair:
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                raise ValueError(f"{where}, point {i}: {_show(value)} is not a number")
    try:
        return np.array(pairs, dtype=np.float64).reshape(-1, 2)
    except OverflowError:
        raise ValueError(f"{where}: coordinates are too large") from None


def _read_point(point: Any, where: str) -> tuple[Any, Any]:
    if isinstance(point, dict) and "x" in point and "y" in point:
        return point["x"], point["y"]
    if isinstance(point, list) and len(point) >= 2:
        return point[0], point[1]
    raise ValueError(f"{where} is {_show(point)}; expected {_LAYOUTS}")


def _show(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
