"""Normalize grey images of text lines: even light, level, upright, one height."""

from __future__ import annotations

from numbers import Real
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions

from hwsk._data.images import Image, resize_to_height
from hwsk._data.levels import MIN_CONTRAST, to_bytes
from hwsk._data.lines import remark_line
from hwsk._limits import SIDE, upto, whole
from hwsk.preprocessing._image_sizes import _MOST_WIDENING, _moments
from hwsk.preprocessing._image_transformer import _ImageTransformer, check_warpable
from hwsk.preprocessing._line_paper import (
    RULE,
    SMALL,
    estimate_background,
    find_dark_edges,
    has_light_ink,
    remove_rules,
    shrink,
)

_SPECK = 0.03  # of the height: side of the largest connected ink that is dirt
_POINTS = 1500  # pixels of ink that slope and slant are estimated from
_SPREAD = 0.15  # of the height: standard deviation of the ink, from row to row


class LineNormalizer(_ImageTransformer):
    """Normalize grey images of text lines: light, contrast, skew, slant, margins and height.

    The image stays grey. Each pixel is divided by the background around it, so that shadows and
    uneven light go, and the contrast is stretched until the median ink is black. Skew and slant
    are estimated from the ink [1]_, and the band around its vertical mean is cut out [2]_. All
    that is one affine map, so that the pixels are resampled once.

    Parameters
    ----------
    height : int, default=40
        Height of an image in pixels; the width follows.
    max_angle : float, default=10
        Largest skew that is corrected, in degrees. Below 45; 0 corrects none.
    max_shear : float, default=1.0
        Largest slant that is corrected, to the side for each unit of height. From 0 to 3; 0
        corrects none.
    stroke_spacing : float, default=None
        Least mean distance between strokes along a row, in pixels of the output. Denser writing
        is widened, at most 1.6 times, so that each character has room enough (CTC needs a time
        step for each). None keeps the proportions.
    margin : float, default=0.1
        Paper to leave around the ink. Left and right, as a fraction of the height.
    max_aspect : float, default=100
        Largest width of the output, in heights; a wider image is squeezed.
    polarity : {"auto", "keep", "invert"}, default="auto"
        Which of ink and paper is the lighter. "auto" inverts an image whose ink is lighter than its
        paper: most pixels are a little darker than the mean around them and few are much lighter.
        "keep" never inverts and "invert" always does.
    remove_rules : bool, default=True
        Remove ruled lines. False suits a network that was trained on lines that have them.

    See Also
    --------
    Binarizer : Make ink black and paper white.
    Deskewer, Deslanter, InkCropper, HeightNormalizer : Single steps of the same kind.

    Notes
    -----
    Dark edges of a scan are removed, and ruled lines unless `remove_rules` is False, as by
    :class:`LineCleaner`. The output of an image without ink is blank; an image less than 4 pixels
    high is only scaled.

    References
    ----------
    .. [1] A. Vinciarelli and J. Luettin, "A new normalization technique for cursive handwritten
       words", Pattern Recognition Letters, 22(9), 2001.
    .. [2] M. Kozielski, J. Forster, H. Ney, "Moment-based image normalization for handwritten
       text recognition", ICFHR 2012.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.preprocessing import LineNormalizer
    >>> lines = make_handwriting(2, level="line", random_state=0)
    >>> [image.shape[0] for image in LineNormalizer(40).fit_transform(lines.images)]
    [40, 40]
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "height": [whole(4, SIDE)],
        "max_angle": [Interval(Real, 0, 45, closed="left")],
        "max_shear": [Interval(Real, 0, 3, closed="both")],
        "stroke_spacing": [upto(SIDE), None],
        "margin": [Interval(Real, 0, 10, closed="both")],
        "max_aspect": [upto(SIDE)],
        "polarity": [StrOptions({"auto", "keep", "invert"})],
        "remove_rules": ["boolean"],
    }

    def __init__(
        self,
        height: int = 40,
        *,
        max_angle: float = 10.0,
        max_shear: float = 1.0,
        stroke_spacing: float | None = None,
        margin: float = 0.1,
        max_aspect: float = 100.0,
        polarity: str = "auto",
        remove_rules: bool = True,
    ) -> None:
        self.height = height
        self.max_angle = max_angle
        self.max_shear = max_shear
        self.stroke_spacing = stroke_spacing
        self.margin = margin
        self.max_aspect = max_aspect
        self.polarity = polarity
        self.remove_rules = remove_rules

    def _remark(self, image: Image, changed: Image) -> str | None:
        if changed.min() == changed.max():
            return "hold no ink: blank in the output"
        return remark_line(image)

    def _transform_one(self, image: Image) -> NDArray[np.uint8]:
        gray = to_bytes(image)
        if min(gray.shape) < 4:
            return np.asarray(resize_to_height(gray, int(self.height)), np.uint8)
        small = shrink(gray, SMALL / gray.shape[0])
        if self.polarity == "invert" or (self.polarity == "auto" and has_light_ink(small)):
            gray, small = 255 - gray, 255 - small
        background = estimate_background(small)
        darkness = np.clip(1 - small / background, 0, 1)
        top, bottom, left, right = find_dark_edges(darkness)
        darkness[:top], darkness[bottom:] = 0, 0
        darkness[:, :left], darkness[:, right:] = 0, 0
        ink, contrast = _find_ink(darkness)
        rows, columns = np.nonzero(ink)
        if not len(rows):
            width = min(gray.shape[1] / gray.shape[0], self.max_aspect) * self.height
            return np.full((int(self.height), max(1, round(width))), 255, np.uint8)
        matrix, size = self._find_map(ink, rows, columns)
        # Shrunk to 1.5 times the size of the output first: a warp alone would skip pixels.
        vertical = 1 / np.hypot(
            matrix[1, 0], matrix[1, 1]
        )  # pixels of `small` to one of the output
        fine = shrink(gray, 1.5 / vertical * small.shape[0] / gray.shape[0])
        factors = np.array(small.shape[::-1]) / fine.shape[::-1]
        # Beyond the dark edges there is background.
        column_range = np.rint(np.array([left, right]) / factors[0]).astype(int)
        row_range = np.rint(np.array([top, bottom]) / factors[1]).astype(int)
        level = _flatten(fine, background, contrast)
        if self.remove_rules:
            level = remove_rules(level)
        level[: row_range[0]], level[row_range[1] :] = 255, 255
        level[:, : column_range[0]], level[:, column_range[1] :] = 255, 255
        shift = matrix[:, :2] @ (factors / 2 - 0.5)  # pixel 0 has its centre at 0.5
        fine_matrix = np.column_stack([matrix[:, :2] * factors, matrix[:, 2] + shift])
        check_warpable(fine.shape, size[::-1])
        return np.asarray(
            cv2.warpAffine(
                level,
                fine_matrix,
                size,
                flags=cv2.INTER_LINEAR,
                borderMode=cv2.BORDER_CONSTANT,
                borderValue=255,
            ),
            np.uint8,
        )

    def _find_map(
        self, ink: NDArray[np.uint8], rows: NDArray[np.intp], columns: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], tuple[int, int]]:
        """Map from pixels of `ink` to the output, a 2x3 matrix, and the size of the output."""
        step = 1 + len(rows) // _POINTS
        few_rows, few_columns = rows[::step], columns[::step]
        slope = _find_shear(few_rows, few_columns, np.tan(np.deg2rad(self.max_angle)))
        level_rows = few_rows - slope * few_columns
        shear = _find_shear(few_columns, level_rows, self.max_shear)
        # y' = y - slope x; x' = x - shear y'
        linear = np.array([[1 + shear * slope, -shear], [-slope, 1.0]])
        x, y = linear @ np.stack([columns, rows])
        counts = np.bincount(np.rint(y - y.min()).astype(np.intp)).astype(np.float64)
        mean, deviation = _moments(counts)
        # A dash has hardly any height: it stays a dash.
        band = min(max(deviation / _SPREAD, len(counts) / 2), max(len(counts), SMALL / 8))
        scale = self.height / band
        left, right = x.min(), x.max() + 1
        centre = y.min() + mean + 0.5
        widening = 1.0
        if self.stroke_spacing is not None:
            near = np.abs(y + 0.5 - centre) < 0.7 * max(deviation, 1)
            spacing = _measure_spacing(x[near] - left, y[near] - y.min())
            if spacing is not None:
                widening = min(max(self.stroke_spacing / (spacing * scale), 1.0), _MOST_WIDENING)
        margin = self.margin * self.height
        width = (right - left) * scale * widening + 2 * margin
        squeeze = min(1.0, self.max_aspect * self.height / width)
        scale_x = scale * widening * squeeze
        offset = [margin * squeeze - 0.5 - (left - 0.5) * scale_x, 0.0]
        offset[1] = (self.height - 1) / 2 - (centre - 0.5) * scale
        matrix = np.column_stack([linear * [[scale_x], [scale]], offset])
        return matrix, (max(1, round(width * squeeze)), int(self.height))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def _find_ink(darkness: NDArray[np.float64]) -> tuple[NDArray[np.uint8], float]:
    """Ink (1) without specks and ruled lines, and its median darkness."""
    tones = np.rint(darkness * 255).astype(np.uint8)
    threshold, _ = cv2.threshold(tones, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    is_ink = tones > threshold
    if not is_ink.any() or is_ink.all():
        return np.zeros_like(tones), 1.0
    contrast = float(np.median(darkness[is_ink]))
    if contrast - float(darkness[~is_ink].mean()) < MIN_CONTRAST:
        return np.zeros_like(tones), 1.0
    ink = is_ink.astype(np.uint8)
    length = int(RULE * len(ink))
    if length < ink.shape[1]:
        ruled = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
        without = np.where(ruled == 0, ink, np.uint8(0))
        ink = without if without.any() else ink
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    kept = stats[:, cv2.CC_STAT_AREA] >= max(2, (_SPECK * len(ink)) ** 2)
    kept[0] = False  # the first is the background
    return kept.astype(np.uint8)[labels], contrast


def _find_shear(position: NDArray[Any], along: NDArray[Any], limit: float) -> float:
    """Find the t in [-limit, limit] that concentrates the counts of `position - t * along` most."""
    if not limit or np.ptp(along) == 0:
        return 0.0
    fine = 0.5 / np.ptp(along)  # half a pixel over the whole length
    best, reach = 0.0, float(limit)
    position, along = position.astype(np.float32), along.astype(np.float32)
    while reach > fine:
        # Nearest to `best` first: on a tie, the smaller change.
        grid = np.linspace(0, reach, 11)
        candidates = np.clip(best + np.concatenate([grid, -grid[1:]]), -limit, limit)
        moved = position - np.outer(candidates, along).astype(np.float32)
        moved -= moved.min()
        bins = np.rint(moved).astype(np.intp)
        n_bins = int(bins.max()) + 1
        bins += np.arange(len(candidates))[:, np.newaxis] * n_bins
        counts = np.bincount(bins.ravel(), minlength=n_bins * len(candidates))
        scores = (counts.reshape(len(candidates), n_bins).astype(np.float64) ** 2).sum(axis=1)
        best = float(candidates[int(np.argmax(scores))])
        reach /= 8
    return best


def _measure_spacing(x: NDArray[np.float64], y: NDArray[np.float64]) -> float | None:
    """Mean distance between strokes along a row, from the coordinates of their pixels."""
    if not len(x):
        return None
    columns, rows = np.rint(x).astype(np.intp), np.rint(y - y.min()).astype(np.intp)
    inked = np.zeros((rows.max() + 1, columns.max() + 3), bool)
    inked[rows, columns + 1] = True
    inked[:, 1:-1] |= inked[:, :-2] & inked[:, 2:]  # a shear leaves gaps of a pixel
    starts = np.count_nonzero(inked[:, 1:] & ~inked[:, :-1]) / len(inked)
    return (columns.max() + 1) / starts if starts else None


def _flatten(
    gray: NDArray[np.uint8], background: NDArray[np.float32], contrast: float
) -> NDArray[np.uint8]:
    """Grey levels with paper white and ink of the darkness `contrast` black."""
    paper = cv2.resize(background, gray.shape[::-1], interpolation=cv2.INTER_LINEAR)
    floor = 0.12 * contrast  # texture of the paper
    # 255 * (1 - (darkness - floor) / (contrast - floor)), with darkness = 1 - gray / paper
    slope = 255 / (contrast - floor)
    tones = cv2.divide(gray.astype(np.float32), paper, scale=slope)
    return np.asarray(cv2.convertScaleAbs(np.maximum(tones + 255 - slope * (1 - floor), 0)))
