"""Images as hwsk takes them: what counts as an image, decoding, lazy sequences.

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
from sklearn.utils import get_tags
from sklearn.utils.validation import check_array, validate_data

Image = NDArray[Any]

FAINTEST = 0.1  # ink below this, of the full scale, is paper


def read_image(path: str | os.PathLike[str]) -> Image:
    """Decode an image file to a 2-D uint8 array, transparent pixels laid on white paper.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty or can't be decoded; the message names it.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            return decode_image(file.read(), name)
    except IsADirectoryError:
        raise ValueError(f"{name} is a folder, not an image file") from None


def decode_image(content: bytes, name: str) -> Image:
    """Decode the content of an image file; like `read_image`, which see. Errors begin with name."""
    data = np.frombuffer(content, np.uint8)
    if not data.size:
        raise ValueError(f"{name} is empty (0 bytes), not an image")
    if (damage := _truncation(data)) is not None:
        raise ValueError(f"{name} is damaged: {damage}")
    # A phone's JPEG says in EXIF which side is up, which OpenCV heeds unless told "unchanged".
    is_jpeg = data[:2].tobytes() == b"\xff\xd8"
    image = cv2.imdecode(data, cv2.IMREAD_COLOR if is_jpeg else cv2.IMREAD_UNCHANGED)
    if image is None:
        raise ValueError(f"{name} is no image that OpenCV can decode (damaged, or another format?)")
    if image.ndim == 3:  # OpenCV's order is blue, green, red
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    return gray_image(image, where=name)


def _truncation(data: NDArray[np.uint8]) -> str | None:
    """Say what is missing at the end of a PNG or JPEG: OpenCV fills in lost rows without a word."""
    content = data.tobytes()
    if content.startswith(b"\x89PNG\r\n\x1a\n") and b"IEND" not in content:
        return "the PNG ends before its last chunk (cut short?)"
    if content.startswith(b"\xff\xd8"):
        start = 2  # step over the headers: a thumbnail in one has an end marker too
        while content[start : start + 1] == b"\xff" and content[start + 1 : start + 2] != b"\xda":
            padding = content[start + 1 : start + 2] == b"\xff"
            start += 1 if padding else 2 + int.from_bytes(content[start + 2 : start + 4], "big")
        if b"\xff\xd9" not in content[start:]:  # phones put more behind the end marker
            return "the JPEG ends before its end marker (cut short?)"
    return None


def gray_image(image: Any, where: str = "image") -> Image:
    """One image as a 2-D array: uint8, or float32 where the values are floats.

    Colour becomes luminance, alpha is laid on white, 16 bits become 8, bool becomes 0 and 255.
    """
    array = np.asarray(image)
    if array.ndim == 0:
        raise ValueError(f"{where} is {image!r:.60}; an image is a 2-D array or a file path")
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (2, 3, 4)):
        raise ValueError(
            f"{where} has shape {array.shape}; an image is (height, width) or "
            "(height, width, channels) with 1 to 4 channels"
        )
    if not array.size:
        raise ValueError(f"{where} has no pixels: shape {array.shape}")
    if array.dtype.kind == "b":
        array = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype == np.uint16:
        array = ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    elif array.dtype.kind in "iu" and array.dtype != np.uint8:
        if array.min() < 0 or array.max() > 255:
            raise ValueError(
                f"{where} holds integers from {array.min()} to {array.max()}; "
                "integer pixels are 0 to 255 (or uint16)"
            )
        array = array.astype(np.uint8)
    elif array.dtype.kind == "f":
        array = array.astype(np.float32, copy=False)
        if not np.isfinite(array).all():
            row, column = np.argwhere(~np.isfinite(array))[0][:2]
            raise ValueError(f"{where} holds NaN or infinity, first at row {row}, column {column}")
    elif array.dtype != np.uint8:
        raise ValueError(
            f"{where} has dtype {array.dtype}; pixels are uint8, uint16, bool or float"
        )
    if array.ndim == 3:
        array = _flatten_channels(array)
    return array


def _flatten_channels(array: Image) -> Image:
    level = np.float32(255 if array.dtype == np.uint8 else max(1.0, float(array.max())))
    channels = array.astype(np.float32)
    if array.shape[2] in (2, 4):
        alpha = channels[..., -1:] / level
        channels = channels[..., :-1] * alpha + level * (1 - alpha)
    if channels.shape[2] == 3:  # ITU-R BT.601, as OpenCV and Pillow
        channels = channels @ np.array([[0.299], [0.587], [0.114]], np.float32)
    gray = channels[..., 0]
    return np.rint(gray).astype(np.uint8) if array.dtype == np.uint8 else gray


def paper_level(image: Image) -> float:
    """The value of blank paper: 255 (uint8), 1 (floats up to 1) or the image's own maximum."""
    return 255.0 if image.dtype == np.uint8 else max(1.0, float(image.max()))


class LazyImages(Sequence[Image]):
    """Images decoded, and changed by `steps`, when they are asked for.

    Indexing by an integer gives an image; by a slice, a mask or an integer array another
    `LazyImages`, so that scikit-learn's splitters can cut it without decoding anything.

    Parameters
    ----------
    sources : sequence of str, path or ndarray
        Files to decode, and images that are there already.
    steps : tuple of callable
        Each takes an image and returns one; applied in order.
    """

    def __init__(self, sources: Any, steps: tuple[Callable[[Image], Image], ...] = ()) -> None:
        self.sources = object_array(sources)
        self.steps = steps

    @property
    def decodes(self) -> bool:
        """Whether asking for an image costs more than a look: files, or steps to take."""
        return bool(self.steps) or any(is_path(source) for source in self.sources)

    @property
    def shape(self) -> tuple[int]:
        return (len(self.sources),)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):  # scikit-learn indexes array-likes as X[rows, ...]
            key = key[0]
        if not isinstance(key, (int, np.integer)):
            return LazyImages(self.sources[key], self.steps)
        source = self.sources[key]
        name = os.fspath(source) if is_path(source) else f"image {key}"
        image = read_image(name) if is_path(source) else gray_image(source, name)
        try:
            for step in self.steps:
                image = step(image)
        except (ValueError, cv2.error) as error:  # a step doesn't know which image it was given
            raise ValueError(f"{name}: {error}") from error
        return image

    def __iter__(self) -> Iterator[Image]:
        return (self[i] for i in range(len(self)))

    def map(self, step: Callable[[Image], Image]) -> LazyImages:
        """The same images with one step more."""
        return LazyImages(self.sources, (*self.steps, step))


def is_path(source: Any) -> bool:
    return isinstance(source, (str, os.PathLike))


def object_array(items: Any) -> NDArray[np.object_]:
    """A 1-D object array of `items`, whatever their shapes (numpy would stack equal ones)."""
    array = np.empty(len(items), dtype=object)
    for i, item in enumerate(items):
        array[i] = item
    return array


def check_images(
    X: Any, estimator: Any = None, *, reset: bool = False
) -> tuple[Sequence[Image], bool]:
    """Validate a collection of images; nothing is decoded.

    Parameters
    ----------
    X : array-like
        `(n, h, w)` or `(n, h, w, c)` array; list or object array of images of any size; list or
        array of file paths; `LazyImages`; or a 2-D array, whose rows are sequences: images one
        pixel high.
    estimator : estimator, optional
        What the messages name, and for a 2-D array what remembers `n_features_in_`.
    reset : bool
        True in `fit`: the number of columns is learnt, else compared.

    Returns
    -------
    images : sequence of ndarray
        Each item, when asked for, a 2-D uint8 or float32 array.
    is_table : bool
        Whether X was a 2-D array.
    """
    if isinstance(X, Mapping) and not hasattr(X, "toarray"):  # some sparse matrices are dicts
        raise TypeError(
            f"X is a {type(X).__name__} of {', '.join(map(str, X))}; pass the images alone"
        )
    if isinstance(X, LazyImages):
        images, is_table = X, False
    elif hasattr(X, "toarray") or looks_like_table(X):
        if estimator is not None and not get_tags(estimator).input_tags.two_d_array:
            raise ValueError(
                f"{type(estimator).__name__} takes images, and X is a table of shape "
                f"{np.shape(X)}; pass images (n, height, width), and one image in a list: [X]"
            )
        if estimator is None:
            table = check_array(X, dtype=np.float32)
        else:
            if (
                not reset
                and get_tags(estimator).requires_fit
                and not hasattr(estimator, "n_features_in_")
            ):
                raise ValueError(
                    f"{type(estimator).__name__} was fitted on images, and X is a table of shape "
                    f"{np.shape(X)}; pass images (n, height, width), and one image in a list: [X]"
                )
            table = validate_data(estimator, X, reset=reset, dtype=np.float32)
        return table[:, np.newaxis, :], True
    else:
        if is_path(X):
            raise ValueError(
                f"X is one path ({os.fspath(X)!r}); pass a list of paths, or read a folder with "
                "hwsk.datasets.load_lines"
            )
        array = np.asarray(X) if hasattr(X, "__array__") else None
        if array is not None and array.ndim in (3, 4) and array.dtype != object:
            if array.ndim == 3 and array.shape[2] in (3, 4) and min(array.shape[:2]) > 8:
                raise ValueError(
                    f"X of shape {array.shape} looks like one colour image, and would be "
                    f"{len(array)} images {array.shape[2]} pixels wide; pass it in a list: [X]"
                )
            images = LazyImages(list(array))
        elif array is not None and array.ndim == 0:
            raise ValueError("X is a single value; images come as an array, a list or file paths")
        elif hasattr(X, "__len__"):
            images = LazyImages(list(X))
        else:
            raise TypeError(
                f"X is {type(X).__name__}; images come as an array, a list or file paths"
            )
        is_table = False
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
    return images, is_table


def unfold_table(table: Any, image_shape: Sequence[Any] | None) -> Image:
    """The rows `(n, 1, pixels)` of a table as images `(n, height, width)`.

    Without a shape, images are square if the number of pixels is a square number, else one row.
    """
    n_columns = table.shape[2]
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
    """Whether X is rows of numbers (also a 1-D array of numbers, which validate_data refuses)."""
    if hasattr(X, "columns"):
        return True
    if isinstance(X, (list, tuple)):
        return bool(X) and _is_row(X[0])
    if not hasattr(X, "__array__"):
        return False
    array = np.asarray(X)
    if array.dtype == object and array.ndim == 1:
        return not len(array) or _is_row(array[0])
    return array.ndim in (1, 2) and array.dtype.kind not in "US"


def _is_row(item: Any) -> bool:
    return item is not None and not is_path(item) and np.ndim(item) < 2


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


def resize_to_height(image: Image, height: int) -> Image:
    """Scale an image to `height` pixels, keeping its aspect; at least one pixel wide."""
    if image.shape[0] == height:
        return image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    shrink = height < image.shape[0]
    return cv2.resize(
        np.ascontiguousarray(image),
        (width, height),
        interpolation=cv2.INTER_AREA if shrink else cv2.INTER_LINEAR,
    )


def find_ink(ink: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Which pixels are ink (1 is full ink): at least half as dark as the darkest."""
    return ink > max(FAINTEST, float(ink.max()) / 2)


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
