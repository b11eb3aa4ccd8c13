"""Transform images of whole pages: light, orientation, ruled lines, dark edges."""

from __future__ import annotations

from numbers import Real
from typing import Any

import cv2
import numpy as np
from sklearn.utils._param_validation import Interval

from hwsk._data.images import Image
from hwsk._data.levels import to_bytes
from hwsk.preprocessing._image_transformer import _ImageTransformer
from hwsk.preprocessing._paper import (
    estimate_paper,
    find_orientation,
    find_rules,
    page_scale,
    scale_ink,
)

_RESOLUTION = 1000  # at which the orientation is found
_RULE = 1 / 10  # of the width of the page: runs from this length on are parts of ruled lines
_DARK = 0.35  # share by which a scan edge is darker than the paper of most of the page
_BROAD = 1 / 120  # of the longer side: what is dark and narrower is ink, not an edge


class IlluminationNormalizer(_ImageTransformer):
    """Make paper evenly white: shadows, uneven light, yellow paper and bleed-through.

    The tone of the paper is estimated everywhere by a closing [1]_ that no stroke survives, and
    each pixel is divided by it. Ink keeps its darkness relative to the paper around.

    Parameters
    ----------
    bleed_through : float, default=0.2
        What is less dark than this share of the ink of the page becomes paper, between 0 and 1.
        Larger values remove more of the reverse side, and faint strokes with it.

    See Also
    --------
    Binarizer : Black and white only.
    hwsk.documents.LineSegmenter : Does the same before it looks for lines.

    References
    ----------
    .. [1] J. Serra, "Image Analysis and Mathematical Morphology", Academic Press, 1982.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import IlluminationNormalizer
    >>> page = np.tile(np.linspace(120, 240, 400), (300, 1)).astype(np.uint8)
    >>> page[100:103, 50:350] = page[100:103, 50:350] // 4
    >>> even = IlluminationNormalizer().fit_transform([page])[0]
    >>> bool(even[50].min() > 245), bool(even[101, 60:340].max() < 100)
    (True, True)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "bleed_through": [Interval(Real, 0, 1, closed="left")],
    }

    def __init__(self, bleed_through: float = 0.2) -> None:
        self.bleed_through = bleed_through

    def _transform_one(self, image: Image) -> Image:
        gray = to_bytes(image)
        darkness = np.clip(1 - gray / estimate_paper(gray), 0, 1)
        strong = darkness[darkness > 0.1]
        ink = float(np.percentile(strong, 80)) if strong.size else 1.0
        floor = self.bleed_through * ink
        # From the floor on darkness rises linearly, and full black stays full black.
        level = np.clip((darkness - floor) / (1 - floor), 0, 1)
        return np.asarray(np.rint(255 * (1 - level)), np.uint8)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = []
        return tags


class PageOrienter(_ImageTransformer):
    """Turn pages upright that are turned by 90, 180 or 270 degrees.

    Two measures of the profiles of the ink decide: it changes more across lines than along them,
    and it ends more abruptly below a line of Latin script than it begins above [1]_. A page without
    ink stays as it is.

    See Also
    --------
    Deskewer : Turns a page by a few degrees.
    hwsk.documents.LineSegmenter : Finds lines of turned pages where they are.

    Notes
    -----
    A single line or a page in capitals has hardly any ascenders: upside down can't be recognized.

    References
    ----------
    .. [1] D. S. Bloomberg, G. E. Kopec, L. Dasari, "Measuring document image skew and
       orientation", SPIE 2422, 1995.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.preprocessing import PageOrienter
    >>> lines = make_handwriting(12, texts=["the old hill"], height=40, random_state=0).images
    >>> page = np.full((600, 500), 255, np.uint8)
    >>> for i, line in enumerate(lines):
    ...     part = line[:, :400]
    ...     page[20 + 45 * i : 60 + 45 * i, 40 : 40 + part.shape[1]] = part
    >>> turned = np.rot90(page)
    >>> bool((PageOrienter().fit_transform([turned])[0] == page).all())
    True
    """

    def _transform_one(self, image: Image) -> Image:
        ink = scale_ink(image, min(1.0, page_scale(image.shape, _RESOLUTION)))
        quarters = int(find_orientation(ink).argmax())
        return np.ascontiguousarray(np.rot90(image, -quarters))


class RuledLineRemover(_ImageTransformer):
    """Remove ruled lines from pages; strokes that cross them stay.

    A ruled line is ink in a long run, level or upright. Where a stroke crosses it, the ink reaches
    further above or below than the line is thick, and is kept.

    Parameters
    ----------
    max_thickness : float, default=0.003
        Thickest ruled line, as a share of the width of the page.

    See Also
    --------
    hwsk.preprocessing.LineNormalizer : Removes ruled lines from images of single lines.

    Notes
    -----
    Lines have to be nearly level: apply :class:`Deskewer` before. Long dashes go with them.

    References
    ----------
    .. [1] W. Abd-Almageed, J. Kumar, D. Doermann, "Page rule-line removal using linear subspaces
       in monochromatic handwritten Arabic documents", ICDAR 2009.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import RuledLineRemover
    >>> page = np.full((400, 600), 250, np.uint8)
    >>> page[200:202] = 90
    >>> page[180:220, 300:304] = 20
    >>> clean = RuledLineRemover().fit_transform([page])[0]
    >>> bool(clean[200, 100] > 240), int(clean[200, 302])
    (True, 20)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "max_thickness": [Interval(Real, 0, 0.05, closed="neither")],
    }

    def __init__(self, max_thickness: float = 0.003) -> None:
        self.max_thickness = max_thickness

    def _transform_one(self, image: Image) -> Image:
        gray = to_bytes(image)
        paper = estimate_paper(gray)
        is_ink = (gray < 0.88 * paper).astype(np.uint8)
        thickness = max(2, round(self.max_thickness * gray.shape[1]))
        length = max(20, round(_RULE * gray.shape[1]))
        rules = find_rules(is_ink, length, thickness) | find_rules(is_ink.T, length, thickness).T
        if not rules.any():
            return image
        # The soft rim of a rule is lighter than what counts as ink.
        soft = cv2.dilate(rules.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
        soft &= (is_ink == 0) | rules
        filled = image.copy()
        scale = float(image.max()) / gray.max(initial=1)
        filled[soft] = (paper[soft] * scale).astype(image.dtype)
        return filled


class ScanEdgeRemover(_ImageTransformer):
    """Fill the dark edges of scans and photographs with the tone of the paper.

    An edge is a dark area that touches the border of the image and is broader than strokes.

    See Also
    --------
    InkCropper : Cuts an image to its ink.

    References
    ----------
    .. [1] F. Shafait, J. van Beusekom, D. Keysers, T. Breuel, "Document cleanup using page frame
       detection", IJDAR 11, 2008.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.preprocessing import ScanEdgeRemover
    >>> page = np.full((400, 300), 240, np.uint8)
    >>> page[:, :12] = 20
    >>> page[100:104, 50:250] = 30
    >>> clean = ScanEdgeRemover().fit_transform([page])[0]
    >>> int(clean[:, :12].min()), int(clean[102, 100])
    (240, 30)
    """

    def _transform_one(self, image: Image) -> Image:
        gray = to_bytes(image)
        tone = float(np.median(gray[gray >= np.median(gray)]))
        dark = (gray < (1 - _DARK) * tone).astype(np.uint8)
        side = max(3, round(_BROAD * max(gray.shape)))
        # Beyond the border it is dark: a narrow edge is broad enough with that.
        framed = cv2.copyMakeBorder(dark, side, side, side, side, cv2.BORDER_CONSTANT, value=1)
        broad = cv2.morphologyEx(framed, cv2.MORPH_OPEN, np.ones((side, side), np.uint8))
        _, labels = cv2.connectedComponents(broad, connectivity=4)
        edge = (labels == labels[0, 0])[side:-side, side:-side] & (broad > 0)[
            side:-side, side:-side
        ]
        if not edge.any() or edge.all():
            return image
        soft = cv2.dilate(edge.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
        filled = image.copy()
        filled[soft] = np.median(image[gray >= tone])
        return filled
