"""Check collections of images, and read them lazily.

Everything that takes images comes through `check_images`, so that one set of rules (and of error
messages) holds for transformers and networks alike.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isqrt
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, validate_data

from hwsk._data.decoding import Decoded, Image, cut_value, decode, is_path

_LONGEST = 2000  # characters of a message of scikit-learn's: some repeat a value of any length


def paper_level(image: Image) -> float:
    """The value of blank paper: 255 (uint8), 1 (floats up to 1) or the image's own maximum."""
    return 255.0 if image.dtype == np.uint8 else max(1.0, float(image.max()))


class LazyImages(Sequence[Image]):
    """Images decoded, and changed by `steps`, when they are asked for.

    Indexing by an integer gives an image; by a slice, a mask or an integer array another
    `LazyImages`, so that scikit-learn's splitters can cut it without decoding anything.

    Parameters
    ----------
    sources : sequence of str, path, PIL.Image.Image or ndarray
        Files to decode, and images that are there already.
    steps : tuple of (callable, callable or None)
        Each takes an image and returns one; applied in order. The second of a pair takes the image
        before and after the step and returns a remark (see `hwsk._data.decoding`) or None.
    is_table : bool
        Whether they are rows of a 2-D array, whose values are free.
    files : sequence of (str or None), default=None
        Where images that are there already came from, for messages. None: `sources` say it.
    """

    def __init__(
        self,
        sources: Any,
        steps: tuple[Step, ...] = (),
        *,
        is_table: bool = False,
        files: Any = None,
    ) -> None:
        self.sources = object_array(sources)
        self.steps = steps
        self.is_table = is_table
        self.files = None if files is None else object_array(files)

    @property
    def decodes(self) -> bool:
        """Return whether getting an image is expensive: it is a file, or has steps to take."""
        return bool(self.steps) or any(is_path(source) for source in self.sources)

    @property
    def shape(self) -> tuple[int]:
        return (len(self.sources),)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):  # scikit-learn indexes array-likes as X[rows, ...]
            key = key[0]
        if isinstance(key, (int, np.integer)):
            return self.decode(int(key)).image
        files = None if self.files is None else self.files[key]
        return LazyImages(self.sources[key], self.steps, is_table=self.is_table, files=files)

    def decode(self, row: int) -> Decoded:
        """An image, and what is to be remarked on it."""
        name = self.name(row)
        image, remarks = decode(self.sources[row], name)
        try:
            for step, remark in self.steps:
                changed = step(image)
                if remark is not None and (said := remark(image, changed)) is not None:
                    remarks.append(said)
                image = changed
        except (ValueError, cv2.error) as error:  # a step doesn't know which image it was given
            raise ValueError(f"{name}: {error}") from error
        return Decoded(image, remarks)

    def name(self, row: int) -> str:
        """Name an image in messages: by its path, or by its row."""
        return self.file(row) or f"image {row}"

    def file(self, row: int) -> str | None:
        """Return the path of an image, if it is known."""
        if self.files is not None:
            return self.files[row]
        source = self.sources[row]
        return os.fspath(source) if is_path(source) else None

    def loaded(self, images: Sequence[Image]) -> LazyImages:
        """Return images that were made of these, from the same files."""
        return LazyImages(images, files=[self.file(row) for row in range(len(self))])

    def __iter__(self) -> Iterator[Image]:
        return (self[i] for i in range(len(self)))

    def map(
        self,
        step: Callable[[Image], Image],
        remark: Callable[[Image, Image], str | None] | None = None,
    ) -> LazyImages:
        """The same images with one step more."""
        steps = *self.steps, (step, remark)
        return LazyImages(self.sources, steps, is_table=self.is_table, files=self.files)


Step = tuple[Callable[[Image], Image], Callable[[Image, Image], str | None] | None]


def object_array(items: Any) -> NDArray[np.object_]:
    """A 1-D object array of `items`, whatever their shapes (numpy would stack equal ones)."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def check_images(
    X: Any,
    estimator: Any = None,
    *,
    reset: bool = False,
    image_shape: Sequence[Any] | str | None = "row",
) -> LazyImages:
    """Validate a collection of images; nothing is decoded.

    Parameters
    ----------
    X : array-like
        `(n, h, w)` or `(n, h, w, c)` array; list or object array of images of any size or of
        Pillow images; list, array, Series or one column of a DataFrame of file paths;
        `LazyImages`; or a 2-D array with an image in each row.
    estimator : estimator, optional
        What the messages name, and for a 2-D array what remembers `n_features_in_`.
    reset : bool
        True in `fit`: the number of columns is learnt, else compared.
    image_shape : "row", None or (int, int)
        What the rows of a 2-D array are: images one pixel high, square ones, or of this height and
        width; see `unfold_table`.

    Returns
    -------
    images : LazyImages
        Each item, when asked for, a 2-D uint8 or float32 array.
    """
    X = _without_columns(X)
    images = X if isinstance(X, LazyImages) else None
    if images is None and looks_like_table(X):
        _refuse_one_image(X, estimator, reset, image_shape)
        table = _check_table(X, estimator, reset)
        shape = (1, table.shape[1]) if image_shape == "row" else image_shape
        return LazyImages(unfold_table(table, shape), is_table=True)
    if images is None:
        images = _collect(X)
    if not len(images):
        raise ValueError(
            "Found array with 0 sample(s) while a minimum of 1 is required: no image given"
        )
    if reset and estimator is not None:  # a table before, images now
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(estimator, name):
                delattr(estimator, name)
    elif getattr(estimator, "n_features_in_", None) is not None:
        raise ValueError(
            f"{type(estimator).__name__} was fitted on a 2-D array of {estimator.n_features_in_} "
            "columns, and X holds images"
        )
    return images


def _check_table(X: Any, estimator: Any, reset: bool) -> Image:
    try:
        if estimator is None:
            return check_array(X, dtype=np.float32)
        return validate_data(estimator, X, reset=reset, dtype=np.float32)
    except ValueError as error:
        if len(str(error)) < _LONGEST:
            raise
        raise ValueError(f"X can't be taken as a table: {error!s:.200}...") from None


def is_one_column(X: Any) -> bool:
    """Indicate a 2-D table of one column of paths or images: a DataFrame or an `(n, 1)` array."""
    return getattr(X, "ndim", 0) == 2 and _without_columns(X) is not X


def _without_columns(X: Any) -> Any:
    """One column of paths or images, as a DataFrame or an `(n, 1)` array has it, as a list."""
    if isinstance(X, Mapping) and not hasattr(X, "toarray"):  # some sparse matrices are dicts
        raise TypeError(
            f"X is a {type(X).__name__} of {', '.join(map(str, X))}; pass the images alone"
        )
    if hasattr(X, "columns") and hasattr(X, "iloc"):
        if X.shape[1] == 1 and len(X) and not _is_row(X.iloc[0, 0]):
            return list(X.iloc[:, 0])
        texts = [name for name in X.columns if len(X) and is_path(X[name].iloc[0])]
        if X.shape[1] > 1 and texts:
            raise ValueError(
                f"X is a DataFrame with the columns {', '.join(map(str, X.columns))}; pass the "
                f"column of paths alone: X[{texts[0]!r}]"
            )
    is_column = isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1 and len(X)
    if is_column and X.dtype.kind in "OUT" and not _is_row(X[0, 0]):
        return list(X[:, 0])
    return X


def _refuse_one_image(X: Any, estimator: Any, reset: bool, image_shape: Any) -> None:
    """Refuse a 2-D array that is one image rather than a table with an image in each row."""
    if estimator is not None and not get_tags(estimator).input_tags.two_d_array:
        raise ValueError(
            f"{type(estimator).__name__} takes images, and X is a table of shape {np.shape(X)}; "
            "pass images (n, height, width); if X is one image, put it in a list: [X]"
        )
    if hasattr(X, "toarray") or hasattr(X, "columns"):
        return
    needs_fit = estimator is not None and get_tags(estimator).requires_fit
    if needs_fit and not reset and not hasattr(estimator, "n_features_in_"):
        raise ValueError(
            f"{type(estimator).__name__} was fitted on images, and X is a table of shape "
            f"{np.shape(X)}; if X is one image, put it in a list: [X]"
        )
    is_raster = getattr(X, "dtype", None) in (np.uint8, np.uint16, np.bool_) and np.ndim(X) == 2
    if is_raster and not needs_fit and image_shape == "row" and min(np.shape(X)) > 1:
        raise ValueError(f"X of shape {np.shape(X)} looks like one image; put it in a list: [X]")


def _collect(X: Any) -> LazyImages:
    if is_path(X):
        raise ValueError(
            f"X is one path ({os.fspath(X)!r}); pass a list of paths, or read a folder with "
            "hwsk.datasets.load_lines"
        )
    if isinstance(X, Pillow.Image):
        raise ValueError(f"X is one Pillow image of mode {X.mode}; put it in a list: [X]")
    if isinstance(X, (bytes, bytearray, memoryview)):
        raise TypeError(f"X is {cut_value(X)}; images come as an array, a list or file paths")
    array = np.asarray(X) if hasattr(X, "__array__") else None
    if array is not None and array.ndim in (3, 4) and array.dtype != object:
        if array.ndim == 3 and array.shape[2] in (3, 4) and min(array.shape[:2]) > 8:
            raise ValueError(
                f"X of shape {array.shape} looks like one colour image, and would be "
                f"{len(array)} images {array.shape[2]} pixels wide; pass it in a list: [X]"
            )
        return LazyImages(list(array))
    if array is not None and array.ndim == 0:
        raise ValueError("X is a single value; images come as an array, a list or file paths")
    if hasattr(X, "__len__"):
        return LazyImages(list(X))
    raise TypeError(f"X is {type(X).__name__}; images come as an array, a list or file paths")


def unfold_table(table: Any, image_shape: Sequence[Any] | None) -> Image:
    """The rows `(n, pixels)` of a table as images `(n, height, width)`.

    Without a shape, images are square if the number of pixels is a square number, else one row.
    """
    n_columns = table.shape[1]
    if image_shape is None:
        side = isqrt(n_columns)
        image_shape = (side, side) if side * side == n_columns else (1, n_columns)
    whole = all(isinstance(side, (int, np.integer)) and side > 0 for side in image_shape)
    if len(image_shape) != 2 or not whole or image_shape[0] * image_shape[1] != n_columns:
        raise ValueError(
            f"image_shape={tuple(image_shape)} should be a height and a width whose product is "
            f"the number of columns of X, {n_columns}"
        )
    return table.reshape(-1, *image_shape)


def looks_like_table(X: Any) -> bool:
    """Check whether X is rows of numbers (also a 1-D array, which validate_data refuses)."""
    if hasattr(X, "columns") or hasattr(X, "toarray"):
        return True
    if isinstance(X, (list, tuple)):
        return bool(X) and _is_row(X[0])
    if not hasattr(X, "__array__") or isinstance(X, Pillow.Image):
        return False
    array = np.asarray(X)
    if array.dtype == object and array.ndim == 1:
        return not len(array) or _is_row(array[0])
    return array.ndim in (1, 2) and array.dtype.kind not in "UST"


def _is_row(item: Any) -> bool:
    """Indicate a row of numbers or a number, as opposed to an image or what can't be one."""
    is_other = isinstance(item, (bytes, bytearray, memoryview, Pillow.Image)) or is_path(item)
    if item is None or is_other:
        return False
    array = np.asarray(item)
    return array.ndim == 1 or (array.ndim == 0 and array.dtype.kind != "O")


def pack_images(images: Sequence[Image], *, is_table: bool = False, stack: bool = False) -> Any:
    """Images as one array where they are to be (`stack`, all of one size), else an object array.

    Of a table, rows again: the images flattened, `(n, pixels)`.
    """
    if (stack or is_table) and len({image.shape for image in images}) == 1:
        array = np.stack(list(images))
        return array.reshape(len(array), -1) if is_table else array
    return object_array(images)


def some_rows(rows: Any, most: int = 10) -> str:
    """The first of some row numbers, for a message."""
    shown = ", ".join(str(row) for row in rows[:most])
    return shown + (", ..." if len(rows) > most else "")


def scaled_width(shape: Sequence[int], height: int) -> int:
    """The width of an image that is scaled to `height`."""
    return max(1, round(shape[1] * height / shape[0]))


def name_rows(images: Any, rows: Any, most: int = 10) -> str:
    """Row numbers for a message, with the names of those images that are files."""
    rows = [int(row) for row in rows]
    files = []
    if isinstance(images, LazyImages):
        files = [file for row in rows[:most] if (file := images.file(row)) is not None]
    return some_rows(rows, most) + (f" ({', '.join(files)})" if files else "")


def resize_to_height(image: Image, height: int) -> Image:
    """Scale an image to `height` pixels, keeping its aspect; at least one pixel wide."""
    if image.shape[0] == height:
        return image
    width = scaled_width(image.shape, height)
    shrink = height < image.shape[0]
    return cv2.resize(
        np.ascontiguousarray(image),
        (width, height),
        interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR,
    )


def fit_to_canvas(image: Image, is_ink: NDArray[np.bool_], size: tuple[int, int]) -> Image:
    """The ink of an image scaled to fit a size, its proportions kept, and centred on paper.

    An image of that size is taken as it is. The paper has the tone that most of the image has.
    """
    if image.shape == size:
        return image
    canvas = np.full(size, np.median(image), image.dtype)
    if not is_ink.any():
        return canvas
    left, top, width, height = cv2.boundingRect(is_ink.astype(np.uint8))
    scale = min(size[0] / height, size[1] / width)
    height_now, width_now = max(1, round(scale * height)), max(1, round(scale * width))
    scaled = cv2.resize(
        np.ascontiguousarray(image[top : top + height, left : left + width]),
        (width_now, height_now),
        interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR,
    )
    top, left = (size[0] - height_now) // 2, (size[1] - width_now) // 2
    canvas[top : top + height_now, left : left + width_now] = scaled
    return canvas
