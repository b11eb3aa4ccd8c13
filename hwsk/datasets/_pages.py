"""Load a user's own pages: images with PAGE XML or ALTO beside them."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PureWindowsPath
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.utils import Bunch
from sklearn.utils._param_validation import validate_params

from hwsk._data.decoding import read_image
from hwsk._data.images import object_array
from hwsk._files import write_file
from hwsk._wording import count
from hwsk.datasets._data_home import (
    IMAGE_SUFFIXES,
    StrPath,
    open_folder,
    walk_files,
    warn_left_out,
)
from hwsk.documents._alto import read_alto
from hwsk.documents._cutting import cut_lines
from hwsk.documents._elements import Line
from hwsk.documents._formats import find_format
from hwsk.documents._images import image_size
from hwsk.documents._page import Page
from hwsk.documents._page_xml import read_page_xml
from hwsk.documents._xml import Remarks

_LAYOUT = (
    "a folder of page images with PAGE XML or ALTO files of the same names beside them, or in a "
    "folder page, alto or xml there or one level up"
)
_FOLDERS = ("page", "alto", "xml")  # Transkribus, eScriptorium, kraken


class _Pair(NamedTuple):
    image: Path
    xml: Path


class _Files(NamedTuple):
    """Images with their files; names of images and files alone; errors of files in question."""

    pairs: list[_Pair]
    no_xml: list[str]
    no_image: list[str]
    unclear: list[str]


class _Found:
    """Pages, and the lines cut out of them."""

    def __init__(self) -> None:
        self.pages: list[Page] = []
        self.ids: list[str] = []
        self.lines: list[Any] = []
        self.text: list[str] = []
        self.line_ids: list[str] = []
        self.rows: list[int] = []
        self.no_text: list[str] = []
        self.no_place: list[str] = []

    def add_lines(self, page: Page, name: str, folder: Path | None) -> None:
        """Cut the lines out of a page that is to be added next; one page is in memory."""
        image = read_image(page.image_path)
        for number, line in enumerate(page.lines):
            line_id = f"{name}#{line.id or number}"
            text = " ".join(unicodedata.normalize("NFC", line.text).split())
            if not text:
                self.no_text.append(line_id)
            elif not _has_area(line):
                self.no_place.append(line_id)
            else:
                (cut,) = cut_lines(image, [line])
                row = cut if folder is None else _write_line(cut, folder / name / f"{number}.png")
                self.lines.append(row)
                self.text.append(text)
                self.line_ids.append(line_id)
                self.rows.append(len(self.pages))


@validate_params(
    {
        "path": [str, os.PathLike],
        "cut": ["boolean"],
        "line_folder": [str, os.PathLike, None],
        "data_home": [str, os.PathLike, None],
        "return_X_y": ["boolean"],
    },
    prefer_skip_nested_validation=True,
)
def load_pages(
    path: StrPath,
    *,
    cut: bool = True,
    line_folder: StrPath | None = None,
    data_home: StrPath | None = None,
    return_X_y: bool = False,
) -> Any:
    """Load your own page images with PAGE XML or ALTO beside them, and their text lines.

    Parameters
    ----------
    path : str or path
        A folder (or an archive of one), read with all folders in it, as kraken, eScriptorium and
        Transkribus export: ``a1.jpg`` with ``a1.xml`` beside it, or in a folder ``page``,
        ``alto`` or ``xml``, either beside the image or beside the image's folder. Where there are
        several, the first of these is taken. Of images that differ in the suffix alone (``a1.jpg``
        and ``a1.tif``) the one that ``a1.xml`` names is taken; the other may have ``a1.tif.xml``.
    cut : bool, default=True
        Whether to cut the lines out of the pages (see :func:`hwsk.documents.cut_lines`). False
        leaves `lines`, `text`, `line_ids` and `page` out, and no image is decoded.
    line_folder : str or path, default=None
        Where the line images are written as PNG, for sets that the memory does not hold: `lines`
        are then paths. None keeps them in memory.
    data_home : str or path, default=None
        Where an archive is unpacked; see :func:`get_data_home`.
    return_X_y : bool, default=False
        Return ``(lines, text)`` only.

    Returns
    -------
    sklearn.utils.Bunch
        With the attributes:

        images : object array of shape (n_pages,)
            Paths of the page images.
        pages : object array of shape (n_pages,)
            A :class:`hwsk.documents.Page` each, in pixels of its image.
        ids : object array of shape (n_pages,)
            Paths of the images from the folder, with ``/``; without suffix, unless two images
            differ in nothing else.
        lines : object array of shape (n_lines,)
            Line images, 2-D uint8 arrays or paths, which every estimator takes: the lines that
            have text and polygon, in reading order.
        text : object array of shape (n_lines,)
            Transcripts in Unicode's form NFC; runs of white space are one blank.
        line_ids : object array of shape (n_lines,)
            Id of the page, ``#`` and that of the line.
        page : int array of shape (n_lines,)
            Row of the page in `pages`: the groups of a split, unless writers are known.
        DESCR : str
            A description of the set.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If no image has its file beside it, or nothing can be read.

    Warns
    -----
    UserWarning
        If images lack their file or the reverse, a file is damaged or has the name of several
        images and names none of them, or lines have no text or no place: left out, counted. If
        points lie outside the page (clipped), a file names another image, or its page has another
        size than the image in the same proportions (scaled): counted.

    See Also
    --------
    load_lines : Line images with transcripts.
    hwsk.documents.Page.load : One file.

    Examples
    --------
    >>> import tempfile
    >>> import cv2
    >>> import numpy as np
    >>> from hwsk.datasets import load_pages
    >>> from hwsk.documents import Line, Page, Region
    >>> page = Page(300, 100, [Region([Line("Dear Sir,", polygon=[20, 30, 280, 70])])], "a.png")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = cv2.imwrite(f"{folder}/a.png", np.full((100, 300), 255, np.uint8))
    ...     page.save(f"{folder}/a.xml")
    ...     found = load_pages(folder)
    >>> found.text.tolist(), found.lines[0].shape
    (['Dear Sir,'], (41, 261))
    """
    source = Path(path).expanduser().absolute()
    folder = open_folder(source, data_home, _LAYOUT)
    pairs, no_xml, no_image, unclear = _find_files(folder)
    if not pairs and not unclear:
        raise ValueError(
            f"{source}: no image has its PAGE or ALTO file; found {count(len(no_xml), 'image')} "
            f"and {count(len(no_image), 'such file')}; expected {_LAYOUT}"
        )
    warn_left_out(
        "file",
        f"of {source} that is an image without PAGE or ALTO ({len(no_xml)}) or the reverse "
        f"({len(no_image)})",
        no_xml + no_image,
    )
    remarks, found, damaged = Remarks(), _Found(), unclear
    for pair, name in zip(pairs, _name_images(pairs, folder), strict=True):
        try:
            page = _read_page(pair, name, remarks)
            if cut or return_X_y:
                found.add_lines(page, name, None if line_folder is None else Path(line_folder))
        except (ValueError, OSError) as error:
            damaged.append(str(error))
        else:
            found.pages.append(page)
            found.ids.append(name)
    if not found.pages:
        raise ValueError(f"{source}: no page can be read; the first: {damaged[0]}")
    warn_left_out("page", f"of {source} that can't be read", damaged)
    warn_left_out("line", f"of {source} without text", found.no_text)
    warn_left_out("line", f"of {source} without polygon or box", found.no_place)
    remarks.warn(
        str(source),
    )
    if return_X_y:
        return object_array(found.lines), object_array(found.text)
    n_lines = sum(len(page.lines) for page in found.pages)
    bunch = Bunch(
        images=object_array([page.image_path for page in found.pages]),
        pages=object_array(found.pages),
        ids=object_array(found.ids),
        DESCR=f"{count(len(found.pages), 'page')} with {count(n_lines, 'line')} from {source}",
    )
    if cut:
        bunch.lines = object_array(found.lines)
        bunch.text = object_array(found.text)
        bunch.line_ids = object_array(found.line_ids)
        bunch.page = np.array(found.rows, dtype=np.intp)
    return bunch


def _find_files(folder: Path) -> _Files:
    files = dict.fromkeys(walk_files(folder, {".xml"}), False)
    images = list(walk_files(folder, IMAGE_SUFFIXES))
    by_name = {image.name.lower(): image for image in images}
    of_file: dict[Path, list[Path]] = {}
    no_xml = []
    for image in images:
        candidates = [xml for xml in _candidates(image) if xml in files]
        if candidates:
            of_file.setdefault(candidates[0], []).append(image)
            files.update(dict.fromkeys(candidates, True))
        else:
            no_xml.append(image)

    def name(path: Path) -> str:
        return path.relative_to(folder).as_posix()

    pairs, unclear = [], []
    for xml, claimed in of_file.items():
        chosen = _choose_image(xml, claimed)
        if chosen is None:
            unclear.append(
                f"{xml} has the name of several images ({', '.join(map(name, claimed))}) and "
                "names none of them, or several: keep one image, or name it in the file"
            )
            continue
        pairs.append(_Pair(chosen, xml))
        no_xml += [image for image in claimed if image != chosen]
    # What is left may name its image.
    no_image = []
    for xml in (file for file, is_used in files.items() if not is_used):
        named = _named_image(xml)
        if named is None:
            continue  # neither PAGE nor ALTO, such as the METS file of an export
        named_image = by_name.get(PureWindowsPath(named).name.lower())
        if named_image is not None and named_image in no_xml:
            pairs.append(_Pair(named_image, xml))
            no_xml.remove(named_image)
        else:
            no_image.append(name(xml))
    return _Files(sorted(pairs), sorted(map(name, no_xml)), no_image, unclear)


def _choose_image(xml: Path, images: list[Path]) -> Path | None:
    """Of several images with the name of a file, such as a.jpg and a.png: that which it names."""
    if len(images) > 1:
        named = PureWindowsPath(_named_image(xml) or "").name.lower()
        images = [image for image in images if image.name.lower() == named]
    return images[0] if len(images) == 1 else None


def _name_images(pairs: list[_Pair], folder: Path) -> list[str]:
    """Name images by their paths, with the suffix only where two differ in nothing else."""
    paths = [pair.image.relative_to(folder) for pair in pairs]
    counts = Counter(path.with_suffix("") for path in paths)
    short = (path if counts[path.with_suffix("")] > 1 else path.with_suffix("") for path in paths)
    return [path.as_posix() for path in short]


def _candidates(image: Path) -> Iterator[Path]:
    """List candidate files of an image, named like it with its suffix, or without."""
    for place in (
        image.parent,
        *(image.parent / name for name in _FOLDERS),
        *(image.parent.parent / name for name in _FOLDERS),
    ):
        yield place / f"{image.name}.xml"
        yield place / f"{image.stem}.xml"


def _named_image(xml: Path) -> str | None:
    """The image that a PAGE or ALTO file names; None if it is something else."""
    try:
        with open(xml, "rb") as file:
            find_format(file.read(4096), str(xml))
    except ValueError:
        return None
    try:
        return _parse(xml, Remarks(), None).image_path
    except (ValueError, OSError):
        return ""  # damaged


def _parse(xml: Path, remarks: Remarks, size: tuple[int, int] | None) -> Page:
    with open(xml, "rb") as file:
        kind = find_format(file.read(4096), str(xml))
    if kind == "page":
        return read_page_xml(xml, remarks)[0]
    return read_alto(xml, remarks, None, size)[0]


def _read_page(pair: _Pair, name: str, remarks: Remarks) -> Page:
    size = image_size(pair.image)
    own = Remarks()
    page = _parse(pair.xml, own, size)
    for what, places in own.places.items():
        for place in places:
            remarks.add(what, f"{name}: {place}")
    named = PureWindowsPath(page.image_path).name
    if named and PureWindowsPath(named).stem != pair.image.stem and named != pair.image.name:
        remarks.add("another image named than the one beside the file", f"{pair.xml}: {named}")
    page.image_path = str(pair.image)
    width, height = size
    if (page.width, page.height) != size:
        # The same page at another resolution, up to rounding to whole pixels.
        if abs(page.width * height - page.height * width) > max(*size, page.width, page.height):
            raise ValueError(
                f"{pair.xml} describes a page of {page.width} x {page.height} pixels, and "
                f"{pair.image.name} has {width} x {height}: another image?"
            )
        where = f"{name}: {page.width} x {page.height} to {width} x {height}"
        remarks.add("page of another size than its image, scaled", where)
        page = page.resized(width, height)
    return page


def _has_area(line: Line) -> bool:
    """Return whether the polygon covers at least a pixel or so."""
    if line.polygon is None:
        return False
    return bool(cv2.contourArea(line.polygon.astype(np.float32)) >= 1)


def _write_line(image: NDArray[np.uint8], path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    _, encoded = cv2.imencode(".png", image)
    write_file(path, encoded.tobytes())
    return str(path)
