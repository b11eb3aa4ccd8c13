"""Draw random parts of pages and their lines as targets for a segmenter to learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from hwsk._training.batches import Augmentation, WidthBatches
from hwsk.documents._elements import Line, Points, bounding_box
from hwsk.networks.segmentation import (
    ABOVE,
    BASELINE,
    BELOW,
    BODY,
    ENDS,
    VALID,
    LineNetwork,
)
from hwsk.preprocessing._paper import Ink, page_scale, scale_ink

UNKNOWN = -10.0  # in the maps of heights, where there is no line
HEIGHT_UNIT = 16.0  # pixels; heights are learnt as the logarithm of their multiple of this
_RIDGE = 1.0  # deviation of a baseline in the map, in its pixels
_KEPT = 1e9  # pixels of pages that a fit keeps decoded
_TURNED = 0.12  # share of crops that are turned, for the orientation alone
UPRIGHT_LEANING = float(np.log((1 - _TURNED) / (_TURNED / 3)))  # logit of one against upside down
_COLUMNS = 0.15  # share of crops that are made of two columns


class LineShape(NamedTuple):
    """A line as the network learns it: baseline, outline, and heights, in pixels."""

    baseline: Points
    polygon: Points | None
    above: float
    below: float

    def moved(self, matrix: NDArray[np.float64]) -> LineShape:
        """Apply an affine map (2, 3) that keeps proportions."""
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        polygon = None if self.polygon is None else _apply(matrix, self.polygon)
        return LineShape(
            _apply(matrix, self.baseline), polygon, self.above * scale, self.below * scale
        )


def _apply(matrix: NDArray[np.float64], points: Points) -> Points:
    return points @ matrix[:, :2].T + matrix[:, 2]


def shape_line(line: Line, name: str) -> LineShape:
    """Measure how far a line reaches above and below its baseline.

    A box around a line that is not level reaches further at one end, so its least distance
    counts; of a polygon, which follows the ink, nearly the largest. A line without baseline gets
    one a quarter of its height above its lower edge.
    """
    if line.polygon is None and line.baseline is None:
        raise ValueError(f"{name} has neither baseline nor polygon: there is nothing to learn")
    if line.baseline is None:
        assert line.polygon is not None  # or the line was refused above
        left, top, right, bottom = bounding_box(line.polygon)
        y = bottom - (bottom - top) / 4
        return LineShape(
            np.array([[left, y], [right, y]]), line.polygon, 0.75 * (bottom - top), bottom - y
        )
    baseline = line.baseline
    if baseline[0, 0] > baseline[-1, 0]:
        baseline = baseline[::-1]
    if line.polygon is None:
        return LineShape(baseline, None, np.nan, np.nan)
    along = baseline[-1] - baseline[0]
    along = along / max(float(np.linalg.norm(along)), 1e-9)
    turn = np.array([along, [-along[1], along[0]]])  # the baseline becomes level
    path, outline = baseline @ turn.T, line.polygon @ turn.T
    x = np.linspace(path[0, 0], path[-1, 0], 34)[1:-1]
    level = np.interp(x, path[:, 0], path[:, 1])
    top, bottom = _extent(outline, x)
    inside = np.isfinite(top)
    if not inside.any():
        return LineShape(baseline, line.polygon, np.nan, np.nan)
    share = 0 if len(line.polygon) <= 5 else 90
    above = float(np.percentile((level - top)[inside], share))
    below = float(np.percentile((bottom - level)[inside], share))
    return LineShape(baseline, line.polygon, max(above, 1.0), max(below, 1.0))


def _extent(polygon: Points, x: NDArray[np.float64]) -> tuple[Any, Any]:
    """Least and largest y of a polygon at each x; NaN beside it."""
    start, stop = polygon, np.roll(polygon, -1, axis=0)
    dx = stop[:, :1] - start[:, :1]
    share = (x - start[:, :1]) / np.where(dx == 0, np.inf, dx)
    crosses = (share >= 0) & (share <= 1) & (dx != 0)
    y = start[:, 1:] + share * (stop[:, 1:] - start[:, 1:])
    top = np.where(crosses, y, np.inf).min(axis=0)
    bottom = np.where(crosses, y, -np.inf).max(axis=0)
    return np.where(np.isfinite(top), top, np.nan), np.where(np.isfinite(bottom), bottom, np.nan)


def draw_maps(
    shapes: Sequence[LineShape], size: tuple[int, int], limits: tuple[float, float]
) -> NDArray[np.float32]:
    """Draw the target of a crop (6, height, width) at the resolution of the output.

    Parameters
    ----------
    shapes : sequence of LineShape
        In pixels of the crop.
    size : tuple of int
        Height and width of the maps.
    limits : tuple of float
        Left and right edge in pixels of the crop; lines end there.
    """
    stride = LineNetwork.stride
    height, width = size
    maps = np.zeros((VALID + 1, height, width), np.float32)
    maps[ABOVE : BELOW + 1] = UNKNOWN
    maps[VALID] = 1
    rows = np.arange(height, dtype=np.float32)[:, np.newaxis]
    for shape in shapes:
        if shape.polygon is not None:
            points = np.rint(shape.polygon / stride * 16 - 8).astype(np.int32)
            cv2.fillPoly(maps[BODY], [points], (1.0,), shift=4)
        path = shape.baseline
        left, right = max(path[0, 0], limits[0]), min(path[-1, 0], limits[1])
        first, last = int(np.ceil(left / stride - 0.5)), int(np.floor(right / stride - 0.5))
        columns = np.arange(max(first, 0), min(last, width - 1) + 1)
        if not len(columns):
            continue
        y = np.interp((columns + 0.5) * stride, path[:, 0], path[:, 1]) / stride - 0.5
        part = slice(columns[0], columns[-1] + 1)
        distance = rows - y
        ridge = np.exp(-(distance**2) / (2 * _RIDGE**2))
        near = (ridge > maps[BASELINE, :, part]) & (np.abs(distance) < 2.5)
        if np.isfinite(shape.above):
            for channel, value in ((ABOVE, shape.above), (BELOW, shape.below)):
                logarithm = np.log(max(value, 1.0) / HEIGHT_UNIT)
                maps[channel, :, part][near] = logarithm
        np.maximum(maps[BASELINE, :, part], ridge, out=maps[BASELINE, :, part])
        reach = shape.above if np.isfinite(shape.above) else 2 * HEIGHT_UNIT
        for x in (left, right):
            column = int(x / stride)
            if 0 <= column < width and 0 < x < width * stride:
                level = float(np.interp(x, path[:, 0], path[:, 1])) / stride
                top, bottom = max(0, int(level - 0.7 * reach / stride)), max(0, int(level) + 2)
                maps[ENDS, top:bottom, max(0, column - 1) : column + 2] = 1
    outside = np.ones(width, bool)
    outside[max(0, int(limits[0] / stride)) : int(np.ceil(limits[1] / stride))] = False
    maps[BODY][:, outside] = 0
    return maps


class PageInks:
    """Hold the ink of pages, each decoded once as long as all take little enough memory.

    Parameters
    ----------
    images : sequence of ndarray
        The pages, decoded when they are asked for.
    resolution : int
        That of the network.
    """

    def __init__(self, images: Any, resolution: int) -> None:
        self.images = images
        self.resolution = resolution
        self.kept: dict[int, Ink] = {}

    def __call__(self, row: int) -> Ink:
        """Return the ink of a page at the resolution of the network, 0 to 255."""
        if row in self.kept:
            return self.kept[row]
        image = self.images[row]
        ink = scale_ink(image, page_scale(image.shape, self.resolution))
        if len(self.kept) * self.resolution**2 < _KEPT:
            self.kept[row] = ink
        return ink


class PageCrops(Dataset[tuple[Ink, Any]]):
    """Hold pages and lines; each sample is a random part of a page at a random scale and skew.

    Parameters
    ----------
    rows : ndarray of int64
        The pages to take.
    load : callable
        `load(row)` returns the ink of a page at the resolution of the network, 0 to 255.
    shapes : sequence of list of LineShape
        The lines of each of all pages, in pixels of that.
    size : int
        Side of a crop in pixels, a multiple of that of the network.
    augment : callable or None
        Changes a crop further.
    vary : bool
        Whether crops vary; False takes the middle of each page, for validation.
    seed : int
        Decides, with the epoch, order and crops.
    """

    widths: NDArray[np.int64] | None = None

    def __init__(
        self,
        rows: NDArray[np.int64],
        load: Callable[[int], Ink],
        shapes: Sequence[list[LineShape]],
        size: int,
        augment: Augmentation | None,
        vary: bool,
        seed: int,
    ) -> None:
        self.rows = rows
        self.load = load
        self.shapes = shapes
        self.size = size
        self.augment = augment
        self.vary = vary
        self.seed = seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.rows)

    def n_batches(self, batch_size: int) -> int:
        return -(-len(self) // batch_size)

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]:
        return WidthBatches(self, batch_size, shuffle)

    def __getitem__(self, i: int) -> tuple[Ink, Any]:
        rng = np.random.default_rng([self.seed, self.epoch if self.vary else 0, i])
        size = float(self.size)
        image, shapes = self._crop(i, rng)
        if self.vary and rng.random() < _COLUMNS:
            middle, gutter = size * rng.uniform(0.3, 0.7), rng.uniform(6, 24)
            limits = (0.0, middle - gutter), (middle + gutter, size)
            other, others = self._crop(int(rng.integers(len(self))), rng)
            image[:, int(limits[0][1]) :] = 0
            image[:, int(limits[1][0]) :] = other[:, int(limits[1][0]) :]
        else:
            limits, others = ((0.0, size), (size, size)), []
        side = self.size // LineNetwork.stride
        maps = draw_maps(shapes, (side, side), limits[0])
        if others:
            right = draw_maps(others, (side, side), limits[1])
            column = int(limits[1][0] / LineNetwork.stride)
            maps[:, :, column:] = right[:, :, column:]
        turned = 0
        if self.vary:
            image = _degrade(image, rng)
            if rng.random() < _TURNED:
                turned = int(rng.integers(1, 4))
                image = np.ascontiguousarray(np.rot90(image, turned))
                maps[VALID] = 0
        if self.augment is not None:
            image = 255 - self.augment(255 - image, rng)
        return image, (maps, turned)

    def _crop(self, i: int, rng: np.random.Generator) -> tuple[Ink, list[LineShape]]:
        row = int(self.rows[i])
        page = self.load(row)
        height, width = page.shape
        scale, angle = 1.0, 0.0
        center = np.array([width / 2, height / 2])
        if self.vary:
            scale = float(np.exp(rng.uniform(np.log(0.65), np.log(1.5))))
            angle = float(
                np.deg2rad(rng.uniform(-7, 7) if rng.random() < 0.4 else rng.normal(0, 1))
            )
            shapes = self.shapes[row]
            if shapes and rng.random() < 0.8:
                path = shapes[rng.integers(len(shapes))].baseline
                center = path[0] + rng.random() * (path[-1] - path[0])
            else:
                center = rng.random(2) * [width, height]
        turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        matrix = np.column_stack([turn, self.size / 2 - turn @ center])
        flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        image = cv2.warpAffine(page, matrix, (self.size, self.size), flags=flags)
        return np.asarray(image, np.uint8), [shape.moved(matrix) for shape in self.shapes[row]]

    @staticmethod
    def collate(batch: list[tuple[Ink, Any]]) -> tuple[dict[str, Tensor], Any]:
        """Crops as float tensors, and their targets."""
        images = np.stack([image for image, _ in batch])[:, np.newaxis]
        maps = np.stack([maps for _, (maps, _) in batch])
        turned = torch.tensor([turned for _, (_, turned) in batch])
        X = {"images": torch.from_numpy(images.astype(np.float32) / 255)}
        return X, (torch.from_numpy(maps), turned)


def _degrade(image: Ink, rng: np.random.Generator) -> Ink:
    """Vary strength and sharpness of the ink; add ruling, dark edges and noise."""
    chances = rng.random(6)
    ink: NDArray[Any] = image.astype(np.float32) * float(rng.uniform(0.45, 1.2))
    if chances[0] < 0.2:
        ink = np.maximum(ink, _ruling(image.shape[0], rng) * float(rng.uniform(30, 200)))
    if chances[1] < 0.3:
        ink = cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.4, 1.3)))
    if chances[2] < 0.1:
        ink = cv2.dilate(ink, np.ones((2, 2), np.uint8))
    if chances[3] < 0.12:
        edge = np.rot90(ink, int(rng.integers(4)))[: int(rng.integers(4, 30))]  # a view of one side
        edge[:] = float(rng.uniform(120, 255))
    if chances[4] < 0.5:
        ink += rng.normal(0, float(rng.uniform(2, 25)), ink.shape).astype(np.float32)
    if chances[5] < 0.1:
        spots = rng.random(ink.shape) < 0.002
        ink[spots] = float(rng.uniform(80, 255))
    return np.asarray(np.clip(ink, 0, 255), np.uint8)


def _ruling(size: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """Draw ruled or squared paper, 1 on 0."""
    canvas = np.zeros((size, size), np.float32)
    spacing, slope = float(rng.uniform(14, 60)), float(rng.normal(0, 0.02))
    for y in np.arange(rng.uniform(0, spacing), size, spacing):
        cv2.line(canvas, (0, round(y)), (size, round(y + slope * size)), 1.0, 1, cv2.LINE_AA)
    return np.maximum(canvas, canvas.T) if rng.random() < 0.3 else canvas
