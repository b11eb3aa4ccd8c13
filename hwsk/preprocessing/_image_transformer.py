"""Change images one by one: what the transformers of images share."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context, clone

from hwsk._data.images import (
    Image,
    check_images,
    is_one_column,
    object_array,
    pack_images,
    paper_level,
)
from hwsk._data.levels import MIN_CONTRAST, otsu_ink
from hwsk._data.outputs import ObjectOutputMixin
from hwsk._data.scan import walk

_MAX_SIDE = 32766  # OpenCV's warps count pixels in 16 bits


class _ImageTransformer(ObjectOutputMixin, TransformerMixin, BaseEstimator):
    """Transform images one by one, lazily for files; stateless base of the image transformers."""

    _gives = "images"
    _native_data = "writers"
    _parameter_constraints: dict[str, list[Any]] = {}

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None) -> _ImageTransformer:
        """Check the parameters and X; nothing is learnt and no file is opened.

        Parameters
        ----------
        X : array-like of images
            An array `(n, h, w)` or `(n, h, w, c)`, a list of 2-D arrays or of file paths, or a
            2-D array, whose rows are images one pixel high.
        y : None
            Ignored.

        Returns
        -------
        self : object
            The transformer itself.
        """
        check_images(X, self, reset=True)
        return self

    def transform(self, X: Any) -> Any:
        """Change every image.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        images : ndarray or LazyImages
            An object array of 2-D arrays; an array `(n, h, w)` or `(n, pixels)` if X was one and
            the sizes still agree. Of file paths, images that are decoded when asked for; of a table
            of one column of paths or images, as a `ColumnTransformer` gives it, the images in such
            a column.
        """
        self._validate_params()
        images = check_images(X, self)
        # A copy: what is decoded later must not follow a later set_params.
        copy = clone(self)
        changed = images.map(copy._transform_one, copy._remark)
        if is_one_column(X):
            return object_array([image for _, image in walk(changed)]).reshape(-1, 1)
        if images is X or images.decodes:
            return changed
        stack = hasattr(X, "ndim") and X.ndim > 1
        made = [image for _, image in walk(changed)]
        return pack_images(made, is_table=images.is_table, stack=stack)

    def _remark(self, image: Image, changed: Image) -> str | None:
        """Return a remark on an image for a warning; see `LazyImages`."""
        return None

    @abstractmethod
    def _transform_one(self, image: Image) -> Image:
        """Change one image, a 2-D array of uint8 or float32."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def paper_color(image: Image) -> float:
    """The tone of the paper: the median along the upper and lower edge."""
    return float(np.median(image[[0, -1]]))


def warp_affine(image: Image, matrix: NDArray[np.float64], size: tuple[int, int]) -> Image:
    """Move the pixels of `image` by a 2x3 `matrix` onto paper of `size` (width, height)."""
    check_warpable(image.shape, size[::-1])
    return cv2.warpAffine(
        image,
        matrix,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=paper_color(image),
    )


def check_warpable(*shapes: tuple[int, ...]) -> None:
    """Refuse images larger than OpenCV's warps can address."""
    for shape in shapes:
        if max(shape) > _MAX_SIDE:
            raise ValueError(
                f"an image of {shape[0]}x{shape[1]} pixels (height x width) is too large to be "
                f"warped: no side may be over {_MAX_SIDE} pixels; scale it down first"
            )


def _warp_whole(image: Image, linear: NDArray[np.float64]) -> Image:
    """Apply a 2x2 matrix, on paper large enough that nothing is cut off."""
    height, width = image.shape
    corners = linear @ np.array([[0, width, 0, width], [0, 0, height, height]])
    low = corners.min(axis=1)
    size = np.ceil(corners.max(axis=1) - low - 1e-6).astype(int)
    # Pixel (0, 0) has its centre at (0.5, 0.5) of that plane.
    shift = linear @ [0.5, 0.5] - low - 0.5
    return warp_affine(image, np.column_stack([linear, shift]), (int(size[0]), int(size[1])))


def _darkness(image: Image) -> NDArray[np.float32]:
    """Measure how much darker than paper each pixel is; paper's own texture counts nothing."""
    darkness = paper_color(image) - image.astype(np.float32)
    darkness[darkness < MIN_CONTRAST * paper_level(image)] = 0
    return darkness


def _ink_points(image: Image) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the ink, at most some 20,000 of them; none in an image one pixel high."""
    if image.shape[0] == 1:
        return np.zeros(0, np.intp), np.zeros(0, np.intp)
    rows, columns = np.nonzero(otsu_ink(image))
    step = 1 + len(rows) // 20_000
    return rows[::step], columns[::step]
