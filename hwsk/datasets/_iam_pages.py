"""Load whole pages of the IAM Handwriting Database, with the boxes of their text lines."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from hwsk._data.images import object_array
from hwsk.datasets._data_home import (
    StrPath,
    find_file,
    find_parts,
    open_folder,
    read_table,
    read_text_lines,
    warn_left_out,
)
from hwsk.datasets._iam import Row, find_table, index_images, parse_forms, parse_rows
from hwsk.documents._formats import clip_to_page
from hwsk.documents._images import image_size
from hwsk.documents._page import Line, Page, Region
from hwsk.documents._xml import Remarks

_LAYOUT = (
    "a folder with whole pages of the IAM database in pages.tgz or formsA-D.tgz, ... (or folders "
    "pages or forms) and ascii/forms.txt, ascii/lines.txt"
)
_FULL_SIZE = (2479, 3542)  # pixels of the official scans, in which all boxes are given
_DESCR = """\
IAM Handwriting Database, whole pages with line boxes
Offline English handwriting. {n} pages, {n_lines} lines, {n_writers} writers. The text to be copied
is printed above the handwriting, between the first and the second rule.
Free for non-commercial research after registration with the owners; not to be passed on.
U.-V. Marti and H. Bunke, The IAM-database: an English sentence database for offline handwriting
recognition, IJDAR 5 (2002) 39-46.
"""


@validate_params(
    {
        "path": [str, os.PathLike],
        "subset": [StrOptions({"all", "train", "validation", "test"})],
        "data_home": [str, os.PathLike, None],
    },
    prefer_skip_nested_validation=True,
)
def load_iam_pages(path: StrPath, *, subset: str = "all", data_home: StrPath | None = None) -> Any:
    """Load whole pages of the IAM Handwriting Database with the boxes of their lines.

    Parameters
    ----------
    path : str or path
        The folder (or one archive of it): pages in ``pages.tgz`` or as distributed in
        ``formsA-D.tgz``, ``formsE-H.tgz``, ``formsI-Z.tgz``, or folders ``pages`` or ``forms``;
        and ``ascii/forms.txt``, ``ascii/lines.txt``. Pages may be smaller than the official
        scans of 2479 x 3542 pixels: boxes are scaled to them.
    subset : {"all", "train", "validation", "test"}, default="all"
        A part of the Aachen partition, from a table ``splits.csv`` with the columns ``form`` and
        ``aachen`` beside ``ascii``. No writer is in two parts.
    data_home : str or path, default=None
        Where archives are unpacked, once; see :func:`get_data_home`.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes, all object arrays of the same length and order:

        images
            Paths of the pages.
        pages
            A :class:`hwsk.documents.Page` each: one region with the handwritten lines, as boxes
            in pixels of the image. The printed text has no lines.
        writer
            Writer ids as in ``forms.txt``: the groups of a split.
        ids
            Form ids, such as ``"a01-000u"``.
        DESCR
            A description of the set (str).

    Raises
    ------
    FileNotFoundError
        If the folder, a table or the images are not there.
    ValueError
        If a row can't be read, no page has lines, `subset` is asked for and no table says it, or
        an archive is damaged or unsafe.

    Warns
    -----
    UserWarning
        If rows have no image or images no row, or an image has not the proportions of a whole
        page (such as crops of the handwriting, on which the boxes don't lie): left out, counted.

    See Also
    --------
    load_iam : The same database as line, word and form images with transcripts.
    load_pages : Your own pages.

    References
    ----------
    .. [1] U.-V. Marti and H. Bunke, "The IAM-database: an English sentence database for offline
       handwriting recognition", IJDAR 5, 2002, 39-46.

    Examples
    --------
    >>> from hwsk.datasets import load_iam_pages
    >>> iam = load_iam_pages("iam_pages")  # doctest: +SKIP
    >>> iam.pages[0].lines[0].text  # doctest: +SKIP
    'Though they may gather some Left-wing support, a'
    """
    folder = open_folder(path, data_home, _LAYOUT)
    tables = [folder, *find_parts(folder, "ascii", data_home)]
    forms_file, lines_file = find_table(tables, "forms.txt"), find_table(tables, "lines.txt")
    writers = parse_forms(read_text_lines(forms_file), str(forms_file))
    rows = parse_rows(read_text_lines(lines_file), str(lines_file), "line", writers)
    parts = find_parts(folder, "pages", data_home) or find_parts(folder, "forms", data_home)
    images = index_images(folder, parts or [folder], "form")
    if subset != "all":
        chosen = _read_subset(tables, subset)
        rows = [row for row in rows if row.form in chosen]
        images = {form: image for form, image in images.items() if form in chosen}
    by_form: dict[str, list[Row]] = {}
    for row in rows:
        by_form.setdefault(row.form, []).append(row)
    warn_left_out(
        "form", f"of {lines_file} without an image", [f for f in by_form if f not in images]
    )
    warn_left_out("image", "of forms without lines", [f for f in images if f not in by_form])
    remarks = Remarks()
    pages, cropped = {}, []
    for form in (form for form in by_form if form in images):
        page = _make_page(images[form], by_form[form])
        if page is None:
            cropped.append(form)
        else:
            clip_to_page(page, remarks)
            pages[form] = page
    remarks.warn(
        str(lines_file),
    )
    if not pages:
        raise ValueError(
            f"{folder}: none of {len(images)} images is a whole page with lines in {lines_file} "
            f"({len(cropped)} have not its proportions, 2479 : 3542); expected {_LAYOUT}"
        )
    warn_left_out("image", f"of {folder} that is not a whole page", cropped)
    writer = object_array([writers[form][0] for form in pages])
    return Bunch(
        images=object_array([images[form] for form in pages]),
        pages=object_array(list(pages.values())),
        writer=writer,
        ids=object_array(list(pages)),
        DESCR=_DESCR.format(
            n=len(pages),
            n_lines=sum(len(page.lines) for page in pages.values()),
            n_writers=len(np.unique(writer)),
        ),
    )


def _read_subset(tables: Sequence[Any], subset: str) -> set[str]:
    table = find_file(tables, "splits.csv")
    if table is None:
        raise ValueError(
            f"subset={subset!r} needs splits.csv with the columns form and aachen in {tables[0]}"
        )
    rows = [row for _, row in read_table(table, ["form", "aachen"])]
    forms = {row["form"] for row in rows if row["aachen"] == subset}
    if not forms:
        there = sorted({row["aachen"] for row in rows} - {""})
        raise ValueError(f"{table} has no form of subset {subset!r}; it has {there}")
    return forms


def _make_page(path: str, rows: Sequence[Row]) -> Page | None:
    """The page with its lines; None if the image is not a whole page."""
    width, height = image_size(path)
    full_width, full_height = _FULL_SIZE
    if abs(width / height / (full_width / full_height) - 1) > 0.02:
        return None
    lines = []
    for row in rows:
        x, y, w, h = row.box
        lines.append(Line(row.text, polygon=[x, y, x + w, y + h], id=row.id))
    page = Page(full_width, full_height, [Region(lines, kind="handwriting")], path)
    return page.resized(width, height)
