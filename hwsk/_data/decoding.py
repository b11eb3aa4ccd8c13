"""Decode one image: files, Pillow images and arrays to 2-D grey arrays.

A remark is what a user has to know about an image that was taken in another way than it was
given, as a predicate for "2 of 5 images ...". `hwsk._data.scan` gathers those on many images.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as Pillow
from PIL import ImageOps, UnidentifiedImageError

from hwsk._files import read_file
from hwsk._warn import warn_caller
from hwsk._wording import some_of

Image = NDArray[Any]

_WHOLE_MODES = {"1": "L", "P": "RGBA", "PA": "RGBA", "La": "LA", "RGBa": "RGBA"} | dict.fromkeys(
    ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"), "RGB"
)
"""Pillow's modes whose pixels are not grey or colour as they stand, and what they convert to."""

_PLAIN_MODES = ("L", "LA", "RGB", "RGBA", "F", "I", "I;16", "I;16L", "I;16B", "I;16N")
_TURNS: dict[int, Callable[[Image], Image]] = {  # by EXIF's orientation tag
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: np.swapaxes(a, 0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(np.swapaxes(a, 0, 1), 2),
    8: np.rot90,
}


class Decoded(NamedTuple):
    """A grey image, and remarks on how it was taken."""

    image: Image
    remarks: list[str]


def is_path(source: Any) -> bool:
    """Indicate a file path."""
    return isinstance(source, (str, os.PathLike))


def decode(source: Any, where: str = "image") -> Decoded:
    """Decode a file path, a Pillow image or an array to a 2-D array of uint8 or float32.

    Parameters
    ----------
    source : str, path, PIL.Image.Image or array-like
        Of an array, colour becomes luminance, alpha is laid on white, bool becomes 0 and 255, and
        16 bits become 8, by the number of bits that its values need.
    where : str
        The image's name in messages; a path is named by itself.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the source is not an image, is damaged or has too many pixels; the message names it.
    """
    if is_path(source):
        return _decode_file(os.fspath(source))
    remarks: list[str] = []
    if isinstance(source, Pillow.Image):
        source = _from_pillow(source, where, remarks)
    return Decoded(_to_gray(source, where, remarks), remarks)


def read_image(path: str | os.PathLike[str]) -> Image:
    """Decode an image file to a 2-D uint8 array, transparent pixels laid on white paper.

    Orientation tags (EXIF) are honoured. A file whose header gives more pixels than twice
    `PIL.Image.MAX_IMAGE_PIXELS` (179 million by default) is refused before it is decoded; raise
    that to read larger images, or set it to None for no limit.

    Parameters
    ----------
    path : str or path
        A file in a format of OpenCV or Pillow: PNG, JPEG, TIFF, WebP, BMP, GIF and others.

    Returns
    -------
    image : ndarray of shape (height, width)
        Grey values as uint8; float32 for a TIFF of floats.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is empty, damaged, not a regular file, not an image, or has too many pixels.

    Warns
    -----
    UserWarning
        If the file holds several images, or 16-bit values that use fewer bits.
    """
    image, remarks = decode(path)
    for remark in remarks:
        warn_caller(f"{some_of(1, 1, 'images', remark)}: {os.fspath(path)}")
    return image


def decode_image(content: bytes, name: str) -> Image:
    """Decode the content of an image file as `read_image` does; messages begin with `name`."""
    return _decode_content(content, name).image


def gray_image(image: Any, where: str = "image") -> Image:
    """Convert an array or a Pillow image to a 2-D array of uint8 or float32; see `decode`."""
    return decode(image, where).image


def cut_value(value: Any, most: int = 60) -> str:
    """The repr of a value for a message, cut to `most` characters."""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return f"{type(value).__name__} of length {len(value)}, {bytes(value[:8])!r}..."
    return f"{value!r:.{most}}"


# --- files


def check_file(path: str | os.PathLike[str]) -> None:
    """Raise what `decode` raises of a file whose head or end is wrong; no pixel is decoded."""
    _check_content(read_file(path), os.fspath(path))


def _decode_file(name: str) -> Decoded:
    return _decode_content(read_file(name), name)


def _check_content(content: bytes, name: str) -> _Header:
    if not content:
        raise ValueError(f"{name} is empty (0 bytes), not an image")
    if (damage := _truncation(content)) is not None:
        raise ValueError(f"{name} is damaged: {damage}")
    return _read_header(content, name)


def _decode_content(content: bytes, name: str) -> Decoded:
    header = _check_content(content, name)
    remarks = [_FIRST_OF_MANY] if header.holds_more else []
    array = None
    is_misread = header.mode in ("LA", "PA") and header.is_tiff
    is_misread |= header.format == "PNG" and b"acTL" in content  # animated: frames get mixed
    if header.format in _BY_OPENCV and not is_misread:
        array = _by_opencv(content)
    if array is None:
        array = _by_pillow(content, name)
    elif not header.is_tiff:  # OpenCV turns TIFF by itself
        array = _TURNS.get(header.orientation, np.asarray)(array)
    return Decoded(_to_gray(array, name, remarks), remarks)


_BY_OPENCV = {"BMP", "DIB", "GIF", "JPEG", "JPEG2000", "MPO", "PNG", "PPM", "TIFF", "WEBP"}
"""Formats that are decoded by OpenCV, which is faster; of others a path and an image of Pillow's
must not differ, and each decoder follows orientation tags in its own way."""

_ORIENTED = (b"eXIf", b"Raw profile type exif", b"XML:com.adobe.xmp")
"""What a PNG with an orientation holds one of; to ask Pillow for it decodes the whole image."""

_FIRST_OF_MANY = "hold several pages or frames, of which the first is taken"


class _Header(NamedTuple):
    format: str
    mode: str
    holds_more: bool
    orientation: int

    @property
    def is_tiff(self) -> bool:
        return self.format == "TIFF"


def _read_header(content: bytes, name: str) -> _Header:
    """Read format and mode, and refuse what is too large; no pixel is decoded."""
    try:
        with Pillow.open(io.BytesIO(content)) as image:
            kind, mode, holds_more = str(image.format), image.mode, _holds_more(image)
            turns = kind != "PNG" or any(mark in content for mark in _ORIENTED)
            orientation = image.getexif().get(0x0112, 1) if turns else 1
    except Pillow.DecompressionBombError as error:
        raise _too_large(name, error) from None
    except MemoryError:
        raise
    except Exception as error:  # decoders raise many kinds on damaged files
        raise _undecodable(name, error) from None
    return _Header(kind, mode, holds_more, orientation)


def _holds_more(image: Pillow.Image) -> bool:
    """Indicate more than one page or frame; an MPO is a phone's JPEG with a preview behind it."""
    return bool(getattr(image, "is_animated", False)) and image.format != "MPO"


def _by_opencv(content: bytes) -> Image | None:
    """Decode by OpenCV, in the order red, green, blue; None where it can't."""
    flags = cv2.IMREAD_UNCHANGED  # which turns no image by EXIF
    if content[:2] == b"\xff\xd8":  # CMYK has to be converted
        flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flags)
    except cv2.error:
        return None
    if image is not None and image.ndim == 3:
        image = image[..., [2, 1, 0, 3][: image.shape[2]]]
    return image


def _by_pillow(content: bytes, name: str) -> Image:
    """Decode what OpenCV does not: GIF in its older versions, rare kinds of TIFF."""
    try:
        with Pillow.open(io.BytesIO(content)) as image:
            return _from_pillow(image, name, [])  # the header was remarked on
    except MemoryError:
        raise
    except Exception as error:
        raise _undecodable(name, error) from None


def _too_large(name: str, error: Pillow.DecompressionBombError) -> ValueError:
    return ValueError(
        f"{name} is too large: {str(error).rstrip('.')}; raise PIL.Image.MAX_IMAGE_PIXELS if you "
        "trust the file"
    )


def _undecodable(name: str, error: Exception) -> ValueError:
    reason = "" if isinstance(error, UnidentifiedImageError) else f": {error!s:.200}"
    return ValueError(
        f"{name} is not an image that OpenCV or Pillow can decode (damaged, or another "
        f"format?){reason}"
    )


def _truncation(content: bytes) -> str | None:
    """Say what is missing at the end of a PNG or JPEG: OpenCV fills in lost rows without a word."""
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


# --- arrays and Pillow images


def _from_pillow(image: Pillow.Image, where: str, remarks: list[str]) -> Image:
    """Convert by mode, and turn by the orientation tag, as a file of the same image is taken."""
    try:
        if _holds_more(image):
            remarks.append(_FIRST_OF_MANY)
        image = ImageOps.exif_transpose(image)
        if image.mode == "P" and "transparency" not in image.info:
            image = image.convert("RGB")
        elif image.mode in _WHOLE_MODES:
            image = image.convert(_WHOLE_MODES[image.mode])
        if image.mode in _PLAIN_MODES:
            return np.asarray(image)
    except MemoryError:
        raise
    except Pillow.DecompressionBombError as error:  # of an opened file, decoded only now
        raise _too_large(where, error) from None
    except Exception as error:  # decoders raise many kinds on damaged files
        raise ValueError(
            f"{where} is a Pillow image of mode {image.mode} that can't be decoded: {error!s:.200}"
        ) from None
    raise ValueError(
        f"{where} is a Pillow image of mode {image.mode}; convert it first: image.convert('L')"
    )


def _to_gray(image: Any, where: str, remarks: list[str]) -> Image:
    if isinstance(image, (bytes, bytearray, memoryview)):
        raise ValueError(
            f"{where} is {cut_value(image)}; an image is a 2-D array, a Pillow image or a file "
            "path: open encoded bytes with PIL.Image.open(io.BytesIO(...))"
        )
    array = np.asarray(image)
    if array.ndim == 0:
        raise ValueError(f"{where} is {cut_value(image)}; an image is a 2-D array or a file path")
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
    elif array.dtype.kind == "u" and array.dtype.itemsize == 2:
        array = _scale_16_bits(array, remarks)
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


def _scale_16_bits(array: Image, remarks: list[str]) -> Image:
    """Scale to uint8 by the bits in use: cameras and scanners store 10, 12 or 14 bits in 16."""
    content = array[..., :-1] if array.ndim == 3 and array.shape[2] in (2, 4) else array
    bits = next(bits for bits in (8, 10, 12, 14, 16) if content.max() < 2**bits)
    if bits == 16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    remarks.append(f"hold 16-bit values below {2**bits}, scaled as {bits}-bit ones")
    full = 2**bits - 1
    scaled = (array.astype(np.uint32) * 255 + full // 2) // full
    return np.minimum(scaled, 255).astype(np.uint8)  # alpha may use all bits


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
