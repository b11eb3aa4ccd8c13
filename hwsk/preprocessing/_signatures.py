"""Normalize scans of signatures: redraw the strokes without paper, pen and scanner."""

from __future__ import annotations

from numbers import Real
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval

from hwsk._data.images import Image
from hwsk._data.levels import invert, is_negative, otsu_ink, remark_polarity, to_bytes
from hwsk._limits import SIDE, check_sides, upto, whole
from hwsk.preprocessing._character_normalizer import _stroke_width
from hwsk.preprocessing._image_transformer import _ImageTransformer

_SMOOTHING = 0.3  # deviation of the blur that evens out edges, in widths of the pen
_SUPERSAMPLING = 2  # the pen is redrawn so many times as large, then scaled down
_EDGE_DEPTH = 0.025  # of the longer side: how far into the image the edge of a scan may reach
_EDGE_SHARE = 0.95  # of a row or column: from which on it is an edge, whatever it is joined to
_STEEPEST = 60.0  # degrees: what is steeper stands upright
_LONG = (3.0, 8.0)  # variance along over that across: from where on it is turned, and wholly
_NEIGHBOURS = np.array([[1, 2, 4], [128, 0, 8], [64, 32, 16]], np.float32)


class SignatureNormalizer(_ImageTransformer):
    """Redraw a signature on a canvas of one size, with one pen, and leave the scan out.

    Ink is separated from paper. Faint strokes are kept if they belong to dark ones; specks and the
    dark edges of a scan are dropped. The ink is cut out, scaled to fit with its proportions
    kept, and centred; of each stroke only its middle line [1]_ counts, which is drawn anew. So a
    network that compares signatures sees neither paper nor tone nor pen nor resolution.

    Parameters
    ----------
    size : tuple of (int, int), default=(96, 192)
        Height and width of the images that come out.
    pen_width : float, default=2.5
        Width of the strokes in pixels. None keeps the pen that was used.
    deskew : bool, default=False
        Whether the signature is turned until its long axis lies level, so that how steeply it was
        written counts no more. The less long it is, the less it is turned; one that stands upright
        is left as it is.
    margin : int, default=4
        Paper to leave around the ink. In pixels, on the two sides that the signature reaches.
    speck_widths : float, default=1.0
        Connected ink whose area is below that of a square with sides of this many pen widths is
        dirt.

    See Also
    --------
    CharacterNormalizer : The one for single characters.
    Grayscale : Turn light ink on dark round, where there is any; do that first.

    Notes
    -----
    In the CEDAR signatures, genuine and forged ones lie on different paper, and a classifier of
    the background distinguishes them: learn from nothing that was not cleaned.

    Negatives (light ink on dark paper up to the edges) are turned round. `transform` warns of
    them, and of images without ink, which come out blank; of file paths, whoever decodes them
    warns.

    References
    ----------
    .. [1] T. Y. Zhang and C. Y. Suen, "A fast parallel algorithm for thinning digital patterns",
       Communications of the ACM, 27(3), 1984.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import SignatureNormalizer
    >>> scan = np.full((200, 500), 240, np.uint8)
    >>> scan[80:90, 60:400] = 40  # a stroke
    >>> scan[:, :3] = 0  # the edge of the scan
    >>> clean = SignatureNormalizer(size=(48, 96), pen_width=2.0, margin=2).fit_transform([scan])[0]
    >>> clean.shape, int(clean[:, 0].min()), int(clean[:, 48].min())
    ((48, 96), 255, 0)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "size": [tuple, list],
        "pen_width": [upto(SIDE), None],
        "deskew": ["boolean"],
        "margin": [whole(0, SIDE)],
        "speck_widths": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        size: tuple[int, int] = (96, 192),
        *,
        pen_width: float | None = 2.5,
        deskew: bool = False,
        margin: int = 4,
        speck_widths: float = 1.0,
    ) -> None:
        self.size = size
        self.pen_width = pen_width
        self.deskew = deskew
        self.margin = margin
        self.speck_widths = speck_widths

    def _validate_params(self) -> None:
        super()._validate_params()
        check_sides("size", self.size)
        if self._room(1)[0] < 1 or self._room(1)[1] < 1:
            raise ValueError(f"size={self.size!r} leaves no room within margin={self.margin}")

    def _transform_one(self, image: Image) -> Image:
        ink = separate_ink(
            to_bytes(invert(image) if is_negative(image) else image), self.speck_widths
        )
        if not ink.any():
            return np.full(self.size, 255, np.uint8)
        ink = _level(_cut_out(ink)) if self.deskew else _cut_out(ink)
        drawn = self._scale(ink) if self.pen_width is None else self._redraw(ink, self.pen_width)
        return 255 - drawn

    def _remark(self, image: Image, changed: Image) -> str | None:
        if changed.min() == changed.max():
            return "hold no ink: blank in the output"
        return remark_polarity(image)

    def _room(self, times: int) -> tuple[int, int]:
        height, width = self.size
        return times * (height - 2 * self.margin), times * (width - 2 * self.margin)

    def _scale(self, ink: NDArray[np.uint8]) -> Image:
        """Ink fitted to the canvas."""
        scale = min(room / side for room, side in zip(self._room(1), ink.shape, strict=True))
        height, width = (max(1, round(scale * side)) for side in ink.shape)
        method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        canvas: Image = np.zeros(self.size, np.uint8)
        top, left = (self.size[0] - height) // 2, (self.size[1] - width) // 2
        canvas[top : top + height, left : left + width] = cv2.resize(
            ink, (width, height), interpolation=method
        )
        return canvas

    def _redraw(self, ink: NDArray[np.uint8], pen_width: float) -> Image:
        """The middles of the strokes, fitted to the canvas and drawn by a pen of one width."""
        pen = _SUPERSAMPLING * pen_width
        rooms = [max(1.0, room - pen) for room in self._room(_SUPERSAMPLING)]
        scale = min(room / side for room, side in zip(rooms, ink.shape, strict=True))
        sigma = _SMOOTHING * _stroke_width(ink)
        if scale > 1:  # thinned first, the line would fall into dots
            height, width = (round(scale * side) for side in ink.shape)
            larger = cv2.resize(ink, (width, height), interpolation=cv2.INTER_LINEAR)
            ink = larger.astype(np.uint8, copy=False)
            sigma, scale = sigma * scale, 1.0
        border = int(np.ceil(3 * sigma))
        ink = np.pad(ink, border)
        smooth = cv2.GaussianBlur(ink, (0, 0), sigma) if sigma > 0.1 else ink
        rows, columns = np.nonzero(thin(smooth > 127))
        if not len(rows):  # a dot
            rows, columns = (np.array([side // 2]) for side in ink.shape)
        height, width = (_SUPERSAMPLING * side for side in self.size)
        # The middle of the ink comes to the middle of the canvas.
        y = height / 2 + scale * (rows - (rows.min() + rows.max()) / 2)
        x = width / 2 + scale * (columns - (columns.min() + columns.max()) / 2)
        canvas: Image = np.zeros((height, width), np.uint8)
        canvas[
            np.clip(np.floor(y).astype(int), 0, height - 1),
            np.clip(np.floor(x).astype(int), 0, width - 1),
        ] = 255
        reach = np.arange(-int(pen / 2), int(pen / 2) + 1)
        disc = np.hypot(reach, reach[:, np.newaxis]) <= pen / 2
        canvas = cv2.dilate(canvas, disc.astype(np.uint8))
        return cv2.resize(canvas, self.size[::-1], interpolation=cv2.INTER_AREA)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


def separate_ink(gray: NDArray[np.uint8], speck_widths: float = 1.0) -> NDArray[np.uint8]:
    """Separate ink (255) from paper (0), without the edges of the scan, and without specks."""
    strong = otsu_ink(gray)
    if not strong.any():
        return strong
    strong = _without_edges(strong)
    paper, dark = np.median(gray), int(gray[strong > 0].max(initial=0))
    weak = (gray <= max(dark, (paper + dark) / 2)).astype(np.uint8)
    weak[_without_edges(255 * weak) == 0] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(weak, connectivity=8)
    kept = np.zeros(len(stats), bool)
    kept[labels[strong > 0]] = True
    kept[0] = False
    if not kept.any():
        return np.zeros_like(strong)
    ink = np.where(kept[labels], np.uint8(255), np.uint8(0))
    kept &= stats[:, cv2.CC_STAT_AREA] >= (speck_widths * _stroke_width(ink)) ** 2
    return np.where(kept[labels], np.uint8(255), np.uint8(0))


def _cut_out(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    left, top, width, height = cv2.boundingRect(ink)
    return ink[top : top + height, left : left + width]


def _level(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink turned until its long axis lies level, and cut out."""
    rows, columns = np.nonzero(ink)
    if len(rows) < 2:
        return ink
    (short, long), axes = np.linalg.eigh(np.cov(columns, rows))
    angle = float(np.degrees(np.arctan2(axes[1, 1], axes[0, 1])))
    angle = (angle + 90) % 180 - 90
    if abs(angle) > _STEEPEST:
        return ink
    # The axis of what is about as high as wide is no more than chance.
    least, most = _LONG
    angle *= float(np.clip((long / max(short, 1e-6) - least) / (most - least), 0, 1))
    side = int(np.ceil(np.hypot(*ink.shape))) + 2
    turn = cv2.getRotationMatrix2D(((ink.shape[1] - 1) / 2, (ink.shape[0] - 1) / 2), angle, 1)
    turn[:, 2] += (side - ink.shape[1]) / 2, (side - ink.shape[0]) / 2
    turned = cv2.warpAffine(ink, turn, (side, side), flags=cv2.INTER_LINEAR)
    level = np.where(turned > 127, np.uint8(255), np.uint8(0))
    return _cut_out(level) if level.any() else ink  # hairlines may not bear it


def thin(ink: NDArray[Any]) -> NDArray[np.uint8]:
    """The middle lines of strokes, one pixel wide: 1 on 0, by the algorithm of Zhang and Suen."""
    line = np.pad(ink.astype(bool).astype(np.uint8), 1)
    while True:
        found = 0
        for goes in _THINNED:
            codes = cv2.filter2D(line, cv2.CV_32F, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT)
            gone = goes[codes.astype(np.uint8)] & line
            found += int(np.count_nonzero(gone))
            line ^= gone
        if not found:
            return line[1:-1, 1:-1]


def _thinning_tables() -> list[NDArray[np.uint8]]:
    """Decide by the code of its neighbours whether a pixel goes, in the two steps of a round."""
    tables = [np.zeros(256, np.uint8) for _ in range(2)]
    for code in range(256):
        ring = [code >> bit & 1 for bit in (1, 2, 3, 4, 5, 6, 7, 0)]  # clockwise from the north
        north, east, south, west = ring[::2]
        starts = sum(a < b for a, b in zip(ring, ring[1:] + ring[:1], strict=True))
        if starts != 1 or not 2 <= sum(ring) <= 6:
            continue
        tables[0][code] = not (north * east * south or east * south * west)
        tables[1][code] = not (north * east * west or north * south * west)
    return tables


_THINNED = _thinning_tables()


def _without_edges(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink (255) without the dark edges of a scan: whole rows and columns, or lines beside them."""
    ink = ink.copy()
    for side in (ink, ink[::-1], ink.T, ink.T[::-1]):
        depth = min(max(1, round(_EDGE_DEPTH * max(ink.shape))), len(side) // 3)
        full = np.flatnonzero((side[:depth] > 0).mean(axis=1) > _EDGE_SHARE)
        if len(full):
            side[: full[-1] + 1] = 0
    _, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    left, top, width, height, _ = stats.T
    depth = _EDGE_DEPTH * max(ink.shape)
    beside = (left + width <= depth) | (ink.shape[1] - left <= depth)
    above = (top + height <= depth) | (ink.shape[0] - top <= depth)
    edge = beside & (height > 2 * width) | above & (width > 2 * height)
    edge[0] = False
    ink[edge[labels]] = 0
    return ink
