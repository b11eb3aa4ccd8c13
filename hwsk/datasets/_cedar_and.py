"""Load CEDAR's images of the word "and" with 15 handwriting features."""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._data_home import (
    IMAGE_SUFFIXES,
    StrPath,
    find_file,
    find_parts,
    open_folder,
    read_table,
    read_text_lines,
    walk_files,
)
from hwsk.datasets._usable import keep_usable

_SIDE = 64  # of every image, in pixels
_IMAGE = "imagename"  # the column of 15features.csv that names the image
_TABLE, _MEANINGS = "15features.csv", "15FeatureClassValueInformation.csv"
_NAME = re.compile(r"((?P<writer>\d{4})(?P<letter>[a-z]))(?P=letter)?_num\d+")
# Features whose values are steps of one scale; those of the others are kinds.
_ORDERED = frozenset({"pen_pressure", "letter_spacing", "size", "dimension"})
_LAYOUT = (
    f"the folder of the AND images with images.tgz (or a folder images), {_TABLE}, {_MEANINGS} and "
    "splits/seen_train.txt and so on"
)
_DESCR = """\
CEDAR AND images with 15 features, {part}
{n} images of the handwritten word "and", 64 x 64 pixels, dark ink on white, by {n_writers} writers;
{n_described} of them with {n_features} features of the handwriting that people have named.
CEDAR, University at Buffalo; for research, to be cited:
M. Chauhan, M. A. Shaikh and S. N. Srihari, Explanation based handwriting verification,
arXiv:1909.02548, 2019.
"""


@validate_params(
    {
        "path": [str, os.PathLike],
        "partition": [StrOptions({"seen", "unseen", "shuffled"}), None],
        "subset": [StrOptions({"train", "val", "all"})],
        "on_error": [StrOptions({"warn", "raise"})],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_cedar_and(
    path: StrPath,
    *,
    partition: str | None = "unseen",
    subset: str = "train",
    on_error: str = "warn",
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load CEDAR's images of the word "and" and their 15 features from a folder you have.

    Parameters
    ----------
    path : str or path
        The folder (or one archive of it) with ``images.tgz`` (or a folder ``images``),
        ``15features.csv``, ``15FeatureClassValueInformation.csv`` and, for a partition,
        ``splits/PARTITION_SUBSET.txt`` with an image name in each line.
    partition : {"unseen", "seen", "shuffled"} or None, default="unseen"
        The authors' division into training and validation:

        - "unseen": no writer is in both;
        - "seen": the same writers are in both;
        - "shuffled": images were drawn at random;
        - None: no division, all images.
    subset : {"train", "val", "all"}, default="train"
        The part of it. With "all", both parts, an image that is in both once.
    on_error : {"warn", "raise"}, default="warn"
        What to do about images that are damaged or of another size. With "warn" they are left out
        and counted in one warning; with "raise", one error names them.
    data_home : str or path, default=None
        Where archives are unpacked, once; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(images, features)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, where n is the number of images:

        images
            Uint8 array ``(n, 64, 64)``, dark ink on white.
        features
            DataFrame of n rows, its columns called as in ``15features.csv``. Each is categorical,
            its categories the names of the values in the order of the table (so the codes are the
            values less 1); those of pen_pressure, letter_spacing, size and dimension are ordered.
            An image that no one has described is a row of missing values.
        writer
            The first four digits of the name, such as ``"0001"``: the groups of a split (object
            array).
        page
            Writer and page, such as ``"0001a"`` (object array). ``0004aa`` is the second sheet of
            page ``0004a`` and called like it.
        ids
            Names of the images, without suffix (object array).
        feature_values
            DataFrame of what the values 1, 2 and so on mean (rows), by feature (columns); missing
            where the feature has no such value.
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder, a table, a list or the images are not there.
    ValueError
        If a list is empty or names an image that is not there; if an image has a name without a
        writer; with ``on_error="raise"``, if images can't be used; if a row of the features names
        an unknown image, repeats one or has a value that the table of values lacks. The message
        names the file, and the row.

    Warns
    -----
    UserWarning
        If images are damaged or of another size: they are left out, counted.

    See Also
    --------
    load_cedar_signatures : Signatures from the same laboratory.
    load_iam : Whole lines, and words of all kinds.

    Notes
    -----
    Six images are in both lists of "seen" and stay in both. Features are unbalanced, some of them
    very: compare with the share of the most frequent value.

    References
    ----------
    .. [1] M. Chauhan, M. A. Shaikh and S. N. Srihari, "Explanation based handwriting verification",
       arXiv:1909.02548, 2019.

    Examples
    --------
    >>> from hwsk.datasets import load_cedar_and
    >>> words = load_cedar_and("and", partition="unseen")  # doctest: +SKIP
    >>> words.images.shape, words.features["slantness"].iloc[0]  # doctest: +SKIP
    ((12906, 64, 64), 'slight right')
    """
    folder = open_folder(path, data_home, _LAYOUT)
    parts = find_parts(folder, "images", data_home) or [folder]
    files = {p.stem: p for part in parts for p in walk_files(part, IMAGE_SUFFIXES)}
    if not files:
        raise FileNotFoundError(
            f"no images in {folder}; looked for images.tgz, a folder images and images below "
            f"it; expected {_LAYOUT}"
        )
    ids = sorted(files) if partition is None else _read_lists(folder, partition, subset, files)
    names = [_parse_name(files[name]) for name in ids]
    meanings = _read_meanings(_find_table(folder, _MEANINGS))
    features = _read_features(_find_table(folder, _TABLE), meanings, files, ids)
    kept, found = keep_usable(
        range(len(ids)), [str(files[name]) for name in ids], True, on_error, shape=(_SIDE, _SIDE)
    )
    images = np.stack(found)
    ids, names, features = [ids[i] for i in kept], [names[i] for i in kept], features.iloc[kept]
    if return_X_y:
        return images, features
    writer = object_array([name["writer"] for name in names])
    return Bunch(
        images=images,
        features=features,
        writer=writer,
        page=object_array([name[1] for name in names]),
        ids=object_array(ids),
        feature_values=pd.DataFrame(meanings).sort_index().rename_axis(index="value"),
        DESCR=_DESCR.format(
            part=f"partition: {partition}, subset: {subset}" if partition else "all images",
            n=len(ids),
            n_writers=len(set(writer)),
            n_described=int(features.notna().any(axis=1).sum()),
            n_features=features.shape[1],
        ),
    )


def _find_table(folder: Path, name: str) -> Path:
    if (file := find_file([folder], name)) is None:
        raise FileNotFoundError(f"no {name} in {folder} or below it; expected {_LAYOUT}")
    return file


def _parse_name(file: Path) -> re.Match[str]:
    match = _NAME.fullmatch(file.stem)
    if match is None:
        raise ValueError(
            f"{file}: the name does not tell writer and page; expected four digits and a letter, "
            "such as 0001a_num3.png"
        )
    return match


def _read_lists(
    folder: Path, partition: str, subset: str, files: Mapping[str, Path]
) -> Sequence[str]:
    """The images of a subset in the order of its list, each once."""
    ids: dict[str, None] = {}
    for part in ("train", "val") if subset == "all" else (subset,):
        name = f"{partition}_{part}.txt"
        file = find_file([folder / "splits", folder], name)
        if file is None:
            raise FileNotFoundError(
                f"no {name} in {folder / 'splits'} or below {folder}; expected {_LAYOUT}; or pass "
                "partition=None for all images"
            )
        for number, line in enumerate(read_text_lines(file), 1):
            if not line.strip():
                continue
            stem = PureWindowsPath(line.strip()).stem  # of either separator
            if stem not in files:
                raise ValueError(
                    f"{file}, line {number}: there is no image {line.strip()!r} among the "
                    f"{len(files)} under {folder}"
                )
            ids[stem] = None
    if not ids:
        raise ValueError(
            f"{file} names no image: the {subset} subset of the partition {partition!r} is empty "
            "(are its writers kept aside?); take another partition or subset"
        )
    return list(ids)


def _read_meanings(file: Path) -> dict[str, dict[int, str]]:
    """Read the meaning of each value of each feature."""
    rows = list(csv.reader(f"{line}\n" for line in read_text_lines(file)))
    if len(rows) < 3 or rows[0][:1] != ["Value"] or not any(rows[1][1:]):
        raise ValueError(
            f"{file} is not a table of values; expected a line 'Value,Features', a line with the "
            "names of the features, then a line for each value"
        )
    # 'Entry stroke "A"' here is entry_stroke_a in the other file.
    features = [re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") for name in rows[1][1:]]
    meanings: dict[str, dict[int, str]] = {feature: {} for feature in features}
    if len(meanings) < len(features):
        raise ValueError(f"{file}, line 2: a feature stands there twice: {features}")
    for number, row in enumerate(rows[2:], 3):
        value = row[0].strip() if row else ""
        if not value:
            continue
        if not value.isdecimal() or len(row) != 1 + len(features):
            raise ValueError(
                f"{file}, line {number}: expected a value, a whole number, and {len(features)} "
                f"meanings; found: {row}"
            )
        for feature, cell in zip(features, row[1:], strict=True):
            meaning = " ".join(cell.split())
            if meaning in meanings[feature].values() or int(value) in meanings[feature]:
                raise ValueError(
                    f"{file}, line {number}: {feature} has the value {value} or the meaning "
                    f"{meaning!r} already"
                )
            if meaning:
                meanings[feature][int(value)] = meaning
    return meanings


def _read_features(
    file: Path,
    meanings: Mapping[str, Mapping[int, str]],
    files: Mapping[str, Path],
    ids: Sequence[str],
) -> pd.DataFrame:
    """The named features of the images `ids`, missing where the file has no row for one."""
    rows = read_table(file, [_IMAGE, *meanings])
    described: dict[str, dict[str, str | None]] = {}
    for line, row in rows:
        stem = PureWindowsPath(row[_IMAGE].strip()).stem  # of either separator
        if stem not in files:
            raise ValueError(
                f"{file}, line {line}: there is no image {row[_IMAGE]!r} among the {len(files)}"
            )
        if stem in described:
            raise ValueError(f"{file}, line {line}: {row[_IMAGE]} has a row already")
        described[stem] = {
            feature: _name_value(row[feature].strip(), names, f"{file}, line {line}, {feature}")
            for feature, names in meanings.items()
        }
    return pd.DataFrame(
        {
            feature: pd.Categorical(
                [described[name][feature] if name in described else None for name in ids],
                categories=[names[value] for value in sorted(names)],
                ordered=feature in _ORDERED,
            )
            for feature, names in meanings.items()
        }
    )


def _name_value(value: str, names: Mapping[int, str], where: str) -> str | None:
    if not value:
        return None
    if not value.isdecimal() or int(value) not in names:
        known = ", ".join(f"{number} ({name})" for number, name in names.items())
        raise ValueError(f"{where} is {value!r}; {_MEANINGS} knows {known}")
    return names[int(value)]
