"""Load EMNIST, single letters and digits, from a folder or from its official address."""

from __future__ import annotations

import os
import re
import string
from numbers import Integral, Real
from pathlib import Path
from typing import Any

from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from hwsk._download import download
from hwsk.datasets._data_home import (
    StrPath,
    find_file,
    get_data_home,
    open_folder,
    read_text_lines,
)
from hwsk.datasets._idx import (
    find_together,
    name_classes,
    not_found,
    read_idx_pair,
    read_pixel_csv,
)

# The address and checksum of the official archive (562 MB), looked up when it is fetched.
URL = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
MD5 = "58c8d27c78d21e728a6bc7b3cc06412e"

_UPPER, _LOWER = string.ascii_uppercase, string.ascii_lowercase
_MERGED = string.digits + _UPPER + "abdefghnqrt"  # the other small letters look like their capitals
# The characters of the published mappings, by class; `letters` counts from 1.
_CHARACTERS = {
    "balanced": dict(enumerate(_MERGED)),
    "bymerge": dict(enumerate(_MERGED)),
    "byclass": dict(enumerate(string.digits + _UPPER + _LOWER)),
    "letters": dict(enumerate(_UPPER, 1)),
    "digits": dict(enumerate(string.digits)),
    "mnist": dict(enumerate(string.digits)),
}
_LAYOUT = (
    "the folder or archive (gzip.zip) of EMNIST with emnist-balanced-train-images-idx3-ubyte.gz, "
    "emnist-balanced-train-labels-idx1-ubyte.gz (or emnist-balanced-train.csv), and so on; not "
    "its Matlab form"
)
_DESCR = """\
EMNIST, split: {split}, subset: {subset}
{n} handwritten characters of {n_classes} classes, 28 x 28 pixels, light ink (255) on dark (0), from
NIST Special Database 19, a work of the US government. No writers.
G. Cohen, S. Afshar, J. Tapson and A. van Schaik, EMNIST: extending MNIST to handwritten letters,
IJCNN 2017, 2921-2926.
"""


@validate_params(
    {
        "path": [str, os.PathLike],
        "split": [StrOptions(set(_CHARACTERS))],
        "subset": [StrOptions({"train", "test"})],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_emnist(
    path: StrPath,
    *,
    split: str = "balanced",
    subset: str = "train",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load the letters and digits of EMNIST from a folder you have.

    Parameters
    ----------
    path : str or path
        The official archive ``gzip.zip``, or a folder that has, itself or below it,
        ``emnist-SPLIT-SUBSET-images-idx3-ubyte`` and ``emnist-SPLIT-SUBSET-labels-idx1-ubyte``, or
        else ``emnist-SPLIT-SUBSET.csv``; gzipped (``.gz``) or not. The characters are read from
        ``emnist-SPLIT-mapping.txt``; where that is missing, the published ones hold.
    split : {"balanced", "bymerge", "byclass", "letters", "digits", "mnist"}, default="balanced"
        How the characters are divided into classes and chosen:

        - "byclass": all of them, 62 classes: digits, capitals, small letters;
        - "bymerge": all of them, 47 classes: a small letter that looks like its capital
          (c i j k l m o p s u v w x y z) is called by the capital;
        - "balanced": these 47 classes, equally many images of each;
        - "letters": 26 classes, each a letter in both cases, called by the capital;
        - "digits" and "mnist": 10 classes, equally many images of each.
    subset : {"train", "test"}, default="train"
        The official division.
    data_home : str or path, default=None
        Where the archive is unpacked; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, text)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, where n is the number of images:

        images
            Uint8 array ``(n, 28, 28)``, light ink (255) on dark (0), upright: the files have them
            transposed.
        text
            The characters (object array).
        target
            Class numbers, int64, from 0: ``target_names[target]`` is ``text``. For "letters", whose
            files count from 1, one less than there.
        target_names
            The character of each class (object array).
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder or the files of this split and subset are not there.
    ValueError
        If a file is damaged or is not what its name says; the message names it, and the row.

    See Also
    --------
    fetch_emnist : Download it first.
    load_mnist : Digits with their writers.

    Notes
    -----
    The splits draw on the same images: what is in the test of one may be in the training of
    another. Compare bytes before you train on one and test on the other.

    References
    ----------
    .. [1] G. Cohen, S. Afshar, J. Tapson and A. van Schaik, "EMNIST: extending MNIST to handwritten
       letters", IJCNN 2017, 2921-2926.

    Examples
    --------
    >>> from hwsk.datasets import load_emnist
    >>> characters = load_emnist("emnist", split="bymerge", subset="test")  # doctest: +SKIP
    >>> characters.images.shape, characters.text[0]  # doctest: +SKIP
    ((116323, 28, 28), 'O')
    """
    folder = open_folder(path, data_home, _LAYOUT)
    stem = f"emnist-{split}-{subset}"
    idx_names = f"{stem}-images-idx3-ubyte", f"{stem}-labels-idx1-ubyte"
    if (files := find_together(folder, *idx_names)) is not None:
        images, labels = read_idx_pair(*files)
    elif (files := find_together(folder, f"{stem}.csv")) is not None:
        images, labels = read_pixel_csv(*files)
    else:
        looked_for = [" and ".join(idx_names), f"{stem}.csv"]
        raise not_found(folder, f"{subset} subset of EMNIST {split}", looked_for, "emnist-")
    mapping = find_file([files[0].parent, folder], f"emnist-{split}-mapping.txt")
    characters = _read_mapping(mapping) if mapping else _CHARACTERS[split]
    target, target_names = name_classes(labels, characters, files[-1])
    upright = images.swapaxes(1, 2).copy()
    text = target_names[target]
    if return_X_y:
        return upright, text
    return Bunch(
        images=upright,
        text=text,
        target=target,
        target_names=target_names,
        DESCR=_DESCR.format(split=split, subset=subset, n=len(text), n_classes=len(target_names)),
    )


@validate_params(
    {
        "split": [StrOptions(set(_CHARACTERS))],
        "subset": [StrOptions({"train", "test"})],
        "data_home": [str, os.PathLike, None],
        "download_if_missing": ["boolean"],
        "return_X_y": ["boolean"],
        "url": [str, None],
        "n_retries": [Interval(Integral, 0, None, closed="left")],
        "delay": [Interval(Real, 0, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def fetch_emnist(
    *,
    split: str = "balanced",
    subset: str = "train",
    data_home: StrPath | None = None,
    download_if_missing: bool = True,
    return_X_y: bool = False,
    url: str | None = None,
    n_retries: int = 3,
    delay: float = 1.0,
) -> Any:
    """Load the letters and digits of EMNIST, downloading them if they are not there yet.

    The official archive has all splits and 562 MB; unpacked it takes as much again. It is
    downloaded once, its checksum compared.

    Parameters
    ----------
    split : {"balanced", "bymerge", "byclass", "letters", "digits", "mnist"}, default="balanced"
        As for :func:`load_emnist`.
    subset : {"train", "test"}, default="train"
        The official division.
    data_home : str or path, default=None
        Where the archive is kept and unpacked; see :func:`get_data_home`.
    download_if_missing : bool, default=True
        If False, raise an error where the archive is not there, and use no network.
    return_X_y : bool, default=False
        Return ``(images, text)`` only.
    url : str, default=None
        Another address of the same archive, such as a mirror. If None, the official one.
    n_retries : int, default=3
        How often to try again where the network or the server fails.
    delay : float, default=1.0
        Seconds before each of these tries.

    Returns
    -------
    sklearn.utils.Bunch
        As from :func:`load_emnist`; ``(images, text)`` if `return_X_y`.

    Raises
    ------
    OSError
        If the archive is not there and can't be downloaded, or has the wrong checksum.

    Warns
    -----
    UserWarning
        If the transfer is cut or the server fails, and it is tried again.

    See Also
    --------
    load_emnist : From a folder or an archive that you have.

    References
    ----------
    .. [1] G. Cohen, S. Afshar, J. Tapson and A. van Schaik, "EMNIST: extending MNIST to handwritten
       letters", IJCNN 2017, 2921-2926.

    Examples
    --------
    >>> from hwsk.datasets import fetch_emnist
    >>> X, y = fetch_emnist(split="letters", return_X_y=True)  # doctest: +SKIP
    >>> X.shape  # doctest: +SKIP
    (124800, 28, 28)
    """
    archive = get_data_home(data_home) / "downloaded" / "emnist-gzip.zip"
    otherwise = f"You can download {URL} by hand, anywhere, and pass the archive to load_emnist."
    if download_if_missing:
        download(
            url or URL,
            archive,
            f"md5:{MD5}",
            n_retries=n_retries,
            delay=delay,
            otherwise=otherwise,
        )
    elif not archive.exists():
        raise FileNotFoundError(f"{archive} is not there, and downloading is off. {otherwise}")
    return load_emnist(
        archive, split=split, subset=subset, data_home=data_home, return_X_y=return_X_y
    )


def _read_mapping(file: Path) -> dict[int, str]:
    """The character of each class; of two (`letters`: capital, small) the first."""
    characters: dict[int, str] = {}
    for number, line in enumerate(read_text_lines(file), 1):
        if not line.strip():
            continue
        if not re.fullmatch(r"\s*[0-9]{1,3}(\s+[0-9]{1,3})+\s*", line, re.ASCII):
            raise ValueError(
                f"{file}, line {number}: expected a class and its ASCII code, or codes; found: "
                f"{line[:60]!r}"
            )
        label, code, *_ = map(int, line.split())
        if label > 255 or not 32 <= code < 127:
            raise ValueError(
                f"{file}, line {number}: class {label}, code {code}; expected a class of at most "
                "255 and the code of a character, 32 to 126"
            )
        if label in characters:
            raise ValueError(f"{file}, line {number}: class {label} stands there already")
        characters[label] = chr(code)
    if not characters:
        raise ValueError(f"{file} is empty; expected a class and its ASCII code in each line")
    return characters
