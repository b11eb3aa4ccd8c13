"""Load MNIST: single digits, with writers if their table is there."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._data_home import StrPath, find_file, open_folder
from hwsk.datasets._idx import (
    find_together,
    name_classes,
    not_found,
    read_bytes,
    read_idx_pair,
)

_PREFIX = {"train": "train", "test": "t10k"}
_COLUMNS = ["split", "index", "writer"]
_LAYOUT = "the folder of MNIST with train-images-idx3-ubyte.gz, train-labels-idx1-ubyte.gz, ..."
_DESCR = """\
MNIST, subset: {subset}
{n} handwritten digits, 28 x 28 pixels, light ink (255) on dark (0); {writers}.
Commonly stated to be under the licence CC BY-SA 3.0.
Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, Gradient-based learning applied to document
recognition, Proceedings of the IEEE 86 (1998) 2278-2324.
"""


@validate_params(
    {
        "path": [str, os.PathLike],
        "subset": [StrOptions(set(_PREFIX))],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_mnist(
    path: StrPath,
    *,
    subset: str = "train",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load the digits of MNIST from a folder you have.

    Parameters
    ----------
    path : str or path
        A folder (or an archive of one) that has, itself or below it, the official files:
        ``train-images-idx3-ubyte``, ``train-labels-idx1-ubyte``, and for the test ``t10k-...``;
        gzipped or not; also with a dot, as ``train-images.idx3-ubyte``. And, if there is one,
        ``writers.csv`` (or ``.csv.gz``) with the columns split (``train`` or ``test``), index
        (from 0) and writer, such as the labels of QMNIST [2]_ tell.
    subset : {"train", "test"}, default="train"
        The 60,000 or the 10,000 digits; no one wrote in both.
    data_home : str or path, default=None
        Where an archive is unpacked; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, text)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, where n is the number of images:

        images
            Uint8 array ``(n, 28, 28)``, upright, light ink (255) on dark (0).
        text
            The digits as characters, ``"0"`` to ``"9"`` (object array).
        target
            The digits as int64.
        target_names
            The character of each class (object array).
        writer
            Writer ids as in the table; ``""`` where it does not tell (object array).
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder or its files are not there.
    ValueError
        If a file is damaged or is not what its name says; the message names it.

    See Also
    --------
    load_emnist : The same for letters and digits.
    sklearn.datasets.load_digits : Smaller digits, which come with scikit-learn.

    References
    ----------
    .. [1] Y. LeCun, L. Bottou, Y. Bengio and P. Haffner, "Gradient-based learning applied to
       document recognition", Proceedings of the IEEE 86, 1998, 2278-2324.
    .. [2] C. Yadav and L. Bottou, "Cold case: the lost MNIST digits", NeurIPS 2019.

    Examples
    --------
    >>> from hwsk.datasets import load_mnist
    >>> digits = load_mnist("mnist", subset="train")  # doctest: +SKIP
    >>> digits.images.shape, digits.text[0]  # doctest: +SKIP
    ((60000, 28, 28), '5')
    """
    folder = open_folder(path, data_home, _LAYOUT)
    prefix = _PREFIX[subset]
    names = [
        (f"{prefix}-images{mark}idx3-ubyte", f"{prefix}-labels{mark}idx1-ubyte") for mark in "-."
    ]
    files = find_together(folder, *names[0]) or find_together(folder, *names[1])
    if files is None:
        looked_for = [" and ".join(pair) for pair in names]
        raise not_found(folder, f"{subset} subset of MNIST", looked_for, "ubyte")
    images, labels = read_idx_pair(*files)
    target, target_names = name_classes(labels, dict(enumerate("0123456789")), files[1])
    images = images.copy()  # what was read is a read-only view
    text = target_names[target]
    if return_X_y:
        return images, text
    table = find_file([files[0].parent, folder], "writers.csv.gz", "writers.csv")
    writer = object_array([""] * len(images))
    if table is not None:
        writer[:] = _read_writers(table, subset, len(images))
    n_writers = len(set(writer) - {""})
    return Bunch(
        images=images,
        text=text,
        target=target,
        target_names=target_names,
        writer=writer,
        DESCR=_DESCR.format(
            subset=subset,
            n=len(images),
            writers=f"{n_writers} known writers" if n_writers else "writers not known",
        ),
    )


def _read_writers(file: Path, subset: str, n_images: int) -> NDArray[np.object_]:
    """The writer of each image, `""` where the table does not tell."""
    try:
        table = pd.read_csv(io.BytesIO(read_bytes(file)), dtype=str, skip_blank_lines=False)
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is not a csv with the columns {_COLUMNS}: {error}") from None
    if missing := [name for name in _COLUMNS if name not in table]:
        raise ValueError(
            f"{file}, line 1: no column {', '.join(missing)}; the header is "
            f"{list(table.columns)}, expected {_COLUMNS}"
        )
    table = table[_COLUMNS].dropna(how="all")
    index = pd.to_numeric(table["index"], errors="coerce")
    own = table["split"] == subset
    wrong = {
        "has no value in one of its columns": table.isna().any(axis=1),
        "has a split other than train or test": ~table["split"].isin(list(_PREFIX)),
        "has an index that is not a whole number from 0": ~(index >= 0) | (index % 1 != 0),
        f"has an index beyond the {n_images} images": own & (index >= n_images),
        "repeats an index": own & table.duplicated(["split", "index"]),
    }
    for problem, rows in wrong.items():
        if rows.any():
            row = int(np.flatnonzero(rows)[0])
            raise ValueError(
                f"{file}, line {table.index[row] + 2} {problem}; found: "
                f"{table.iloc[row].tolist()}, expected {_COLUMNS}"
            )
    writer = object_array([""] * n_images)
    writer[index[own].astype(np.int64)] = table.loc[own, "writer"].to_numpy(object)
    return writer
