"""Leave out unusable image files with a counting warning, or raise an error."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from hwsk._data.decoding import check_file, decode
from hwsk._data.images import LazyImages
from hwsk._data.scan import Remarks
from hwsk.datasets._data_home import warn_left_out

_MOST_NAMED = 5

Row = TypeVar("Row")


class UnusableImagesWarning(UserWarning):
    """Image files are left out: they are empty, damaged or not images."""


def keep_usable(
    rows: Sequence[Row],
    paths: Sequence[str],
    as_arrays: bool,
    on_error: str,
    *,
    shape: tuple[int, int] | None = None,
) -> tuple[list[Row], list[Any]]:
    """Give the rows whose image can be used, and the images: arrays or paths.

    An array of another `shape` than the data set's can't be used.

    Raises
    ------
    ValueError
        With `on_error="raise"`, if images can't be used; or if none can.

    Warns
    -----
    UserWarning
        If images are left out, or taken in another way than they are stored.
    """
    kept, images, bad, errors = [], [], [], []
    remarks = Remarks()
    for i, (row, path) in enumerate(zip(rows, paths, strict=True)):
        try:
            image: Any = path
            said: list[str] = []
            if as_arrays:
                image, said = decode(path)
            else:
                check_file(path)
            if shape and image.shape != shape:
                found = "{} x {}".format(*image.shape)
                raise ValueError("{} has {} pixels; expected {} x {}".format(path, found, *shape))
        except (OSError, ValueError) as error:
            bad.append(path)
            errors.append(str(error))
        else:
            remarks.add(i, said)
            kept.append(row)
            images.append(image)
    if bad and (on_error == "raise" or not kept):
        raise ValueError(
            f"{len(bad)} of {len(paths)} images can't be used: {'; '.join(errors[:_MOST_NAMED])}"
            + ("; ..." if len(bad) > _MOST_NAMED else "")
        )
    what = "that can't be used (empty, damaged or not an image)"
    warn_left_out("image", what, bad, UnusableImagesWarning)
    remarks.warn(LazyImages(paths))
    return kept, images
