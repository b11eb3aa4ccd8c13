"""Cut line images from a page, along the baseline, without ink of neighbouring lines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.spatial import KDTree

from hwsk._data.decoding import Image, read_image
from hwsk.documents._elements import Line, Points, bounding_box
from hwsk.documents._images import to_gray
from hwsk.preprocessing._line_paper import SMALL, estimate_background, shrink

Map = NDArray[np.float32]

_BEYOND = 1000  # pixels by which a line may lie outside its page, or as many as this has


def cut_lines(page_image: Any, lines: Sequence[Line]) -> list[NDArray[np.uint8]]:
    """Cut the images of text lines out of a page.

    A line is cut along its baseline, which becomes straight and level; what lies outside its
    polygon, such as the ink of neighbouring lines, is filled with the tone of the paper around.
    A line without baseline is cut by the box of its polygon and not turned.

    Parameters
    ----------
    page_image : str, path or array of shape (height, width) or (height, width, channels)
        The page, dark ink on light paper, or its path.
    lines : sequence of Line
        Each with a polygon, in pixels of this image.

    Returns
    -------
    list of ndarray of shape (height, width), dtype uint8
        An image for each line, at the resolution of the page. A line is as high as its polygon is
        above and below the baseline.

    Raises
    ------
    ValueError
        If a line has no polygon, or its polygon covers no pixel of the page; the line is named.

    See Also
    --------
    hwsk.datasets.load_pages : Pages with PAGE or ALTO, and their lines so cut.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.documents import Line, cut_lines
    >>> page = np.full((100, 200), 230, np.uint8)
    >>> page[40:60, 20:180] = 30
    >>> line = Line("ink", baseline=[[10, 60], [190, 60]], polygon=[10, 30, 190, 70])
    >>> [image.shape for image in cut_lines(page, [line])]
    [(41, 181)]
    """
    is_array = hasattr(page_image, "__array__")
    image = to_gray(page_image, "page_image") if is_array else read_image(page_image)
    return [_cut(image, line, f"line {i}") for i, line in enumerate(lines)]


def _cut(image: Image, line: Line, name: str) -> NDArray[np.uint8]:
    name = f"{name} ({line.id or line.text!r:.40})"
    if line.polygon is None:
        raise ValueError(f"{name} has no polygon, which says where it ends above and below")
    size = np.array(image.shape[::-1])
    beyond = np.maximum(size, _BEYOND)
    for points in (line.polygon, line.baseline):
        # Lines may end a little outside; far outside, their image would fill the memory.
        if points is not None and ((points < -beyond) | (points > size + beyond)).any():
            raise ValueError(
                f"{name} lies far outside the page of {size[0]} x {size[1]} pixels: its box is "
                f"{bounding_box(points)}"
            )
    x, y = map_line(line)
    # Work on the part of the page that the line lies in.
    left, top = max(0, int(x.min())), max(0, int(y.min()))
    part = image[top : max(0, int(y.max()) + 2), left : max(0, int(x.max()) + 2)]
    if not part.size:
        raise ValueError(
            f"{name} lies outside the page of {image.shape[1]} x {image.shape[0]} pixels: its box "
            f"is {bounding_box(line.polygon)}"
        )
    mask = np.zeros(part.shape, np.uint8)
    cv2.fillPoly(mask, [np.rint(line.polygon - [left, top]).astype(np.int32)], (255,))
    x, y = x - left, y - top
    cut = cv2.remap(part, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = cv2.remap(mask, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT) > 127
    if not inside.any():
        raise ValueError(f"{name}: its polygon covers no pixel ({line.polygon.tolist()!s:.80})")
    return _fill_with_paper(cut, inside)


def map_line(line: Line) -> tuple[Map, Map]:
    """Map each pixel of the image of a line to its place on the page: x and y."""
    return _box_map(line.polygon) if line.baseline is None else _baseline_map(line)


def _box_map(polygon: Points) -> tuple[Map, Map]:
    left, top, right, bottom = np.rint(bounding_box(polygon)).astype(int)
    columns = np.arange(left, right + 1, dtype=np.float32)
    rows = np.arange(top, bottom + 1, dtype=np.float32)
    x, y = np.meshgrid(columns, rows)
    return x, y


def _baseline_map(line: Line) -> tuple[Map, Map]:
    """Map each pixel of the straightened line to its place on the page."""
    path = _resample(line.baseline)
    along, below = _project(line.polygon, path)
    if path[-1, 0] < path[0, 0] and _center(line.polygon, path) > 0:
        path = path[::-1]  # drawn from right to left, and not upside down: letters stand above
        along, below = _project(line.polygon, path)
    height = max(2.0, float(below.max() - below.min()))
    # Past its ends the baseline goes on straight, in the direction that it has there.
    reach = min(len(path) - 1, int(2 * height))
    margin = int(height) + 1  # four sigma: smoothing pulls in the ends
    before = max(0, int(np.ceil(-along.min()))) + margin
    after = max(0, int(np.ceil(along.max())) - len(path) + 1) + margin
    first, last = path[reach] - path[0], path[-1] - path[-1 - reach]
    first, last = first / np.linalg.norm(first), last / np.linalg.norm(last)
    path = np.concatenate(
        [
            path[0] - first * np.arange(before, 0, -1)[:, np.newaxis],
            path,
            path[-1] + last * np.arange(1, after + 1)[:, np.newaxis],
        ]
    )
    # A corner of the baseline would fold the letters above it.
    path = gaussian_filter1d(path, height / 4, axis=0, mode="nearest")
    return _normal_map(path, along, below, before)


def _center(polygon: Points, path: Points) -> float:
    """Measure the distance of the polygon's centre of area below a baseline."""
    moments = cv2.moments(polygon.astype(np.float32))
    if not moments["m00"]:
        return 0.0
    center = np.array([[moments["m10"], moments["m01"]]]) / moments["m00"]
    return float(_project(center, path)[1][0])


def _normal_map(path: Points, along: Any, below: Any, before: int) -> tuple[Map, Map]:
    direction = np.gradient(path, axis=0)
    direction /= np.maximum(np.linalg.norm(direction, axis=1, keepdims=True), 1e-9)
    start, stop = int(np.floor(along.min())) + before, int(np.ceil(along.max())) + before + 1
    path, direction = path[start:stop], direction[start:stop]
    down = np.arange(np.floor(below.min()), np.ceil(below.max()) + 1)[:, np.newaxis]
    x = path[:, 0] - down * direction[:, 1]
    y = path[:, 1] + down * direction[:, 0]
    return x.astype(np.float32), y.astype(np.float32)


def _resample(points: Points) -> Points:
    """Points one pixel apart along a line; at least two."""
    steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
    position = np.concatenate([[0], np.cumsum(steps)])
    if position[-1] < 1:  # a point: a level line of one pixel
        return np.array([points[0], points[0] + [1, 0]])
    places = np.arange(0, position[-1] + 1e-6)
    return np.stack([np.interp(places, position, points[:, i]) for i in (0, 1)], axis=1)


def _project(points: Points, path: Points) -> tuple[Any, Any]:
    """Project points to the path: distance along it, beyond its ends too, and below, in pixels."""
    reach = min(len(path) - 1, 20)
    _, nearest = KDTree(path).query(points)
    ahead = path[np.minimum(nearest + reach, len(path) - 1)]
    direction = ahead - path[np.maximum(nearest - reach, 0)]
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    offset = points - path[nearest]
    along = nearest + (offset * direction).sum(axis=1)
    below = offset[:, 1] * direction[:, 0] - offset[:, 0] * direction[:, 1]
    return along, below


def _fill_with_paper(image: Image, inside: NDArray[np.bool_]) -> NDArray[np.uint8]:
    """Replace what lies outside by the tone of the nearest paper inside."""
    if inside.all():
        return image
    # In a shadow, paper may be darker than ink is beside it.
    estimate = estimate_background(shrink(image, SMALL / len(image)))
    paper = cv2.resize(estimate, image.shape[::-1], interpolation=cv2.INTER_LINEAR)
    even = cv2.convertScaleAbs(cv2.divide(image.astype(np.float32), paper, scale=255))
    level, _ = cv2.threshold(even[inside], 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    is_paper = (inside & (even > level)).astype(np.float32)
    if not is_paper.any():
        is_paper = inside.astype(np.float32)
    # The tone changes slowly, so a quarter of the size is enough.
    height, width = image.shape
    small = (max(1, width // 4), max(1, height // 4))
    sigma = max(1.0, height / 16)
    weight, near = (
        cv2.GaussianBlur(cv2.resize(part, small, interpolation=cv2.INTER_AREA), (0, 0), sigma)
        for part in (is_paper, is_paper * image)
    )
    median = float(np.median(image[is_paper > 0]))
    tone = np.where(weight > 1e-3, near / np.maximum(weight, 1e-3), median).astype(np.float32)
    full = cv2.resize(tone, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(inside, image, np.rint(full)).astype(np.uint8)
