"""Clean images of text lines: even paper, no dark scan edges, no ruled lines."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.images import Image
from hwsk._data.levels import to_bytes
from hwsk._data.lines import remark_crop
from hwsk.preprocessing._image_transformer import _ImageTransformer
from hwsk.preprocessing._line_paper import (
    SMALL,
    estimate_background,
    find_dark_edges,
    has_light_ink,
    remove_rules,
    shrink,
)


class LineCleaner(_ImageTransformer):
    """Clean images of text lines: even white paper, no dark scan edges, no ruled lines.

    Each pixel is divided by the tone of the paper around it, estimated by a closing [1]_ that no
    stroke survives: shadows and light that falls off to one side go. An image whose ink is lighter
    than its paper is inverted. The size of the image stays, and so does grey ink.

    See Also
    --------
    LineNormalizer : Does the same, and corrects skew, slant and height.
    IlluminationNormalizer, ScanEdgeRemover, RuledLineRemover : The same for pages.

    Notes
    -----
    A dark edge is a row or column at the border that is dark for 70% of its length. A ruled line is
    a level run of ink of 1.5 heights of the image or more, and of 5% of the height at most; where a
    stroke crosses it, the ink is higher and stays. Rows of long dashes count as ruled lines. A full
    stop, a dash or an "I" that was cut out without paper around it looks like an edge or a ruled
    line, too: leave 4 pixels or more of paper on each side.
    An image less than 4 pixels high is returned as it is.

    References
    ----------
    .. [1] J. Serra, "Image Analysis and Mathematical Morphology", Academic Press, 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import LineCleaner
    >>> line = np.tile(np.linspace(240, 120, 400), (60, 1)).astype(np.uint8)
    >>> line[:4] = 20  # an edge of the scan
    >>> line[40:42] = 60  # a ruled line
    >>> line[10:50, 200:204] = 30  # a stroke
    >>> clean = LineCleaner().fit_transform([line])[0]
    >>> int(clean[:, :200].min()) > 240, int(clean[41, 202]) < 60
    (True, True)
    """

    def _remark(self, image: Image, changed: Image) -> str | None:
        return remark_crop(image)

    def _transform_one(self, image: Image) -> NDArray[np.uint8]:
        gray = to_bytes(image)
        if min(gray.shape) < 4:
            return gray
        small = shrink(gray, SMALL / gray.shape[0])
        if has_light_ink(small):
            gray, small = 255 - gray, 255 - small
        background = estimate_background(small)
        darkness = np.clip(1 - small / background, 0, 1)
        edges = np.array(find_dark_edges(darkness))
        paper = cv2.resize(background, gray.shape[::-1], interpolation=cv2.INTER_LINEAR)
        level = cv2.convertScaleAbs(cv2.divide(gray.astype(np.float32), paper, scale=255))
        rows, columns = np.array(gray.shape) / small.shape
        top, bottom, left, right = np.rint(edges * [rows, rows, columns, columns]).astype(int)
        level[:top], level[bottom:] = 255, 255
        level[:, :left], level[:, right:] = 255, 255
        return remove_rules(np.asarray(level, np.uint8))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags
