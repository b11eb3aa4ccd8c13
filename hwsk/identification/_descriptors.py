"""Describe the ink of images by local descriptors: SIFT or HOG."""

from __future__ import annotations

from numbers import Real
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.base import (
    BaseEstimator,
    TransformerMixin,
    _fit_context,
    clone,
)
from sklearn.utils._param_validation import Interval, StrOptions

from hwsk._data.images import Image, check_images, object_array
from hwsk._data.levels import invert, is_negative, otsu_ink, remark_polarity, to_bytes
from hwsk._data.outputs import ObjectOutputMixin
from hwsk._data.scan import walk
from hwsk._limits import BATCH, SIDE, whole

Floats = NDArray[np.float32]
_STRIP = 2**21  # pixels that SIFT looks at together; it takes 100 bytes of memory for each
_OVERLAP = 128  # rows that strips share: the reach of the largest descriptors of handwriting
_BORDER = 16  # pixels of paper around an image, so that ink at its edges is described too
_SIFT_SIZE = 128
_CELLS = 4  # a patch of HOG has so many cells each way, as in SIFT
_BINS = 8
_EDGE_THRESHOLD = 20  # OpenCV's default, 10, leaves out most points along strokes


class LocalDescriptors(ObjectOutputMixin, TransformerMixin, BaseEstimator):
    """Describe the ink of images piece by piece: SIFT at keypoints, or HOG on a grid.

    Neither is turned to the direction of the ink: slant and direction are the writer's own [1]_.
    Descriptors are Hellinger-normalised, so that their Euclidean distances compare histograms as
    such (RootSIFT, [2]_).

    Parameters
    ----------
    kind : {"sift", "hog"}, default="sift"
        "sift": at the corners, bends, ends and enclosed spaces that SIFT finds [3]_, each at its
        own scale. "hog": histograms of oriented gradients [4]_ of 4 x 4 cells with 8 directions,
        on a grid wherever there is ink.
    max_descriptors : int, default=None
        Most descriptors of an image; of more, these many are kept, evenly spread over the image
        from left to right. None keeps all.
    cell_size : int, default=8
        Side of the cells of "hog" in pixels; a patch is 4 cells wide and high. "sift" finds sizes
        itself.
    step : int, default=8
        Distance of the patches of "hog" from each other, in pixels.
    image_scale : float, default=1.0
        Images are scaled by this first, above 0 and up to 4. At 0.5, lines of 300 dpi take a
        quarter of the time.

    See Also
    --------
    VLADEncoder : Make one vector of an image's descriptors.

    Notes
    -----
    Bring all images to one resolution: descriptors depend on pen width and size of writing, which
    are the writer's, and which a scan at another resolution changes.

    References
    ----------
    .. [1] S. Fiel, R. Sablatnig, "Writer identification and writer retrieval using the Fisher
       vector on visual vocabularies", ICDAR 2013.
    .. [2] R. Arandjelović, A. Zisserman, "Three things everyone should know to improve object
       retrieval", CVPR 2012.
    .. [3] D. G. Lowe, "Distinctive image features from scale-invariant keypoints", IJCV 60(2),
       2004.
    .. [4] N. Dalal, B. Triggs, "Histograms of oriented gradients for human detection", CVPR 2005.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.identification import LocalDescriptors
    >>> images = make_handwriting(2, level="line", random_state=0).images
    >>> descriptors = LocalDescriptors(max_descriptors=100).fit_transform(images)
    >>> [array.shape for array in descriptors]
    [(100, 128), (100, 128)]
    """

    _gives = "descriptors of each image"
    _native_data = "writers"
    _parameter_constraints: dict[str, list[Any]] = {
        "kind": [StrOptions({"sift", "hog"})],
        "max_descriptors": [whole(1, BATCH), None],
        "cell_size": [whole(1, SIDE)],
        "step": [whole(1, SIDE)],
        "image_scale": [Interval(Real, 0, 4, closed="right")],
    }

    def __init__(
        self,
        kind: str = "sift",
        *,
        max_descriptors: int | None = None,
        cell_size: int = 8,
        step: int = 8,
        image_scale: float = 1.0,
    ) -> None:
        self.kind = kind
        self.max_descriptors = max_descriptors
        self.cell_size = cell_size
        self.step = step
        self.image_scale = image_scale

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> LocalDescriptors:
        """Check the parameters and X; nothing is learnt and no file is opened.

        Parameters
        ----------
        X : array-like of images
            An array `(n, h, w)` or `(n, h, w, c)`, a list of 2-D arrays of any size or of file
            paths, dark ink on light paper.
        y : None
            Ignored.

        Returns
        -------
        self : LocalDescriptors
            The transformer itself.
        """
        check_images(X, self, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Describe every image.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        descriptors : ndarray of shape (n_samples,) or LazyImages
            An object array of float32 arrays `(n_i, d)`; of an image without ink, `(0, d)`. Of
            file paths, a sequence whose items are computed when asked for, as nothing larger than X
            may fit the memory: `list` keeps them.
        """
        self._validate_params()
        images = check_images(X, self)
        # A copy: what is computed later must not follow a later set_params.
        described = images.map(clone(self)._describe, _remark)
        if images.decodes:
            return described
        return object_array([found for _, found in walk(described)])

    def _describe(self, image: Image) -> Floats:
        gray = to_bytes(invert(image) if is_negative(image) else image)
        if self.image_scale != 1:
            size = [max(1, round(self.image_scale * side)) for side in gray.shape[::-1]]
            how = cv2.INTER_AREA if self.image_scale < 1 else cv2.INTER_CUBIC
            gray = np.asarray(cv2.resize(gray, size, interpolation=how), np.uint8)
        points, found = self._sift(gray) if self.kind == "sift" else self._hog(gray)
        if self.max_descriptors is not None and len(found) > self.max_descriptors:
            along = np.lexsort(points.T)
            kept = np.linspace(0, len(found) - 1, self.max_descriptors).astype(int)
            found = found[np.sort(along[kept])]
        return _hellinger(found)

    def _sift(self, gray: NDArray[np.uint8]) -> tuple[NDArray[Any], Floats]:
        """Places (y, x) and descriptors of upright keypoints."""
        sift = cv2.SIFT.create(edgeThreshold=_EDGE_THRESHOLD)
        page = _on_paper(gray, _BORDER)
        points: list[NDArray[Any]] = [np.zeros((0, 2))]
        found: list[Floats] = [np.zeros((0, _SIFT_SIZE), np.float32)]
        rows = max(_OVERLAP, _STRIP // page.shape[1])
        for start in range(0, len(page), rows):
            top = max(0, start - _OVERLAP)
            strip = page[top : start + rows + _OVERLAP]
            keypoints = {  # one a place: OpenCV has one for each direction there
                (x, y, key.size): cv2.KeyPoint(x, y, key.size, 0, key.response, key.octave)
                for key in sift.detect(strip)
                for x, y in [key.pt]
                if start <= top + y < start + rows
            }
            if keypoints:
                kept, described = sift.compute(strip, list(keypoints.values()))
                points.append(np.array([(top + key.pt[1], key.pt[0]) for key in kept]))
                found.append(np.asarray(described, np.float32))
        return np.concatenate(points), np.concatenate(found)

    def _hog(self, gray: NDArray[np.uint8]) -> tuple[NDArray[Any], Floats]:
        """Places (y, x) and descriptors of patches on a grid where there is ink."""
        near_ink = cv2.dilate(otsu_ink(gray), np.ones((self.step, self.step), np.uint8))
        offset = self.step // 2
        points = offset + self.step * np.argwhere(
            near_ink[offset :: self.step, offset :: self.step]
        )
        # Cells start at their patch's upper left corner, half a patch above and left of its place:
        # with so much paper around, that is the place itself.
        half = _CELLS * self.cell_size // 2
        page = _on_paper(gray, half).astype(np.float32)
        strength, angle = cv2.cartToPolar(
            cv2.Sobel(page, -1, 1, 0, ksize=1), cv2.Sobel(page, -1, 0, 1, ksize=1)
        )
        direction = angle * (_BINS / (2 * np.pi))
        cells = self.cell_size * np.arange(_CELLS)
        rows = points[:, 0, np.newaxis, np.newaxis] + cells[:, np.newaxis]
        columns = points[:, 1, np.newaxis, np.newaxis] + cells
        found = np.empty((len(points), _CELLS, _CELLS, _BINS), np.float32)
        for i in range(_BINS):
            away = np.abs((direction - i + _BINS / 2) % _BINS - _BINS / 2)
            size = (self.cell_size, self.cell_size)
            votes = cv2.boxFilter(
                strength * np.maximum(1 - away, 0),
                -1,
                size,
                anchor=(0, 0),
                normalize=False,
                borderType=cv2.BORDER_CONSTANT,
            )
            found[..., i] = votes[rows, columns]
        return points, found.reshape(len(points), _CELLS * _CELLS * _BINS)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def _remark(image: Image, described: Floats) -> str | None:
    return remark_polarity(image)


def _on_paper(gray: NDArray[np.uint8], border: int) -> NDArray[np.uint8]:
    """An image with so many pixels of paper more on each side."""
    return np.pad(gray, border, constant_values=round(float(np.median(gray))))


def _hellinger(histograms: Floats) -> Floats:
    """Square roots of histograms of sum 1: vectors of length 1. Signs are kept, as of zeros."""
    total = np.abs(histograms).sum(axis=1, keepdims=True)
    share = np.divide(histograms, total, out=np.zeros_like(histograms), where=total > 0)
    return np.sign(share) * np.sqrt(np.abs(share))
