"""Read pages: find the lines, recognize them (`PageReader`)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import HasMethods
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import check_images, object_array
from hwsk._data.levels import NEGATIVE, invert, is_negative, to_bytes
from hwsk._data.scan import walk
from hwsk._limits import N_JOBS
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import collect_warnings, warn_caller
from hwsk._wording import as_plural, some_of
from hwsk.documents._cutting import cut_lines, map_line
from hwsk.documents._elements import Character, Line, Points, Word
from hwsk.documents._images import PageImage, read_pages
from hwsk.documents._page import Page
from hwsk.metrics import character_error_rate
from hwsk.recognition import predict_details
from hwsk.recognition._details import as_returned

_PARTS = ("segmenter", "recognizer")
_FEW = 5  # characters: a line of fewer says nothing of whether a page is one of handwriting
# Parts of the usual confidence, below which a page is in doubt (benchmarks/pages/doubt.py prints
# how many are): of the mean over its characters, and of that over a few.
_LOW, _LOW_OF_FEW = 0.84, 0.65
_MANY = 100  # characters
_LOW_FIT = 0.45  # the least `language_fit` of a page in the language of the model
_SHARE = 0.2  # of the lines of a page, from where on a remark on one of them is one on the page
_COUNTED = re.compile(r"(\d+) of (\d+) lines ")  # how a remark on lines of a page begins
_NO_INK = "images have no ink"  # what recognizers remark on blank images
NO_LINE = "no handwritten line was found"
UNREADABLE = (
    "most lines are in doubt, so that the text may be nonsense: not a page of handwriting, another "
    "script, turned, or too faint or damaged?"
)
FOREIGN = (
    "the text is unlike the language of the model, so that it may be nonsense: another language or "
    "script? A model of that language is needed"
)
DOUBTS = (UNREADABLE, FOREIGN)


class PageReader(BaseEstimator):
    """Read whole pages: find the text lines, recognize each, keep their places.

    Parameters
    ----------
    segmenter : LineSegmenter
        Finds the lines. Wrapped in :class:`sklearn.frozen.FrozenEstimator`, a fitted one is not
        trained by `fit`.
    recognizer : CTCRecognizer or Pipeline
        Recognizes the images of lines; a Pipeline that ends in a CTCRecognizer may normalize them
        before. It may be frozen, too.
    n_jobs : int, default=None
        Pages that are read at the same time, each in a process; None is one, -1 as many as there
        are processors. The result is the same.

    Attributes
    ----------
    segmenter_ : LineSegmenter
        The fitted segmenter. There is none before `fit`: a reader of two fitted parts reads
        without a fit of its own.
    recognizer_ : estimator
        The fitted recognizer, as above.

    See Also
    --------
    read_pages : What can be read: images, TIFF, PDF, folders.
    cut_lines : How the images of lines are cut.

    References
    ----------
    .. [1] C. Wigington et al., "Start, follow, read: end-to-end full-page handwriting
       recognition", ECCV 2018.

    Examples
    --------
    >>> import hwsk
    >>> reader = hwsk.load("english-pages")  # doctest: +SKIP
    >>> for page in reader.read("letters.pdf"):  # doctest: +SKIP
    ...     page.save(f"{page.image_path}.page.xml")
    """

    _native_data = "pages"
    _parameter_constraints: dict[str, list[Any]] = {
        "segmenter": [HasMethods(["fit", "segment", "get_params"])],
        "recognizer": [HasMethods(["fit", "predict", "get_params"])],
        "n_jobs": N_JOBS,
    }

    def __init__(self, segmenter: Any, recognizer: Any, *, n_jobs: int | None = None) -> None:
        self.segmenter = segmenter
        self.recognizer = recognizer
        self.n_jobs = n_jobs

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        return tags

    def __sklearn_is_fitted__(self) -> bool:
        return all(_is_fitted(part) for part in self._parts())

    def _parts(self) -> tuple[Any, Any]:
        """The fitted parts; those that were given, if there was no fit."""
        parts = (getattr(self, f"{name}_", getattr(self, name)) for name in _PARTS)
        segmenter, recognizer = (
            part.estimator if isinstance(part, FrozenEstimator) else part for part in parts
        )
        return segmenter, recognizer

    def fit(self, X: Any, y: Any) -> PageReader:
        """Train copies of the segmenter and the recognizer; those that are frozen stay.

        Parts with ``warm_start=True`` go on from the weights that they have: that is fine-tuning.

        Parameters
        ----------
        X : array-like of pages
            List of file paths or of arrays, one page each.
        y : array-like of Page of shape (n_samples,)
            The lines of each page with polygons and texts. Lines without text are for the segmenter
            alone.

        Returns
        -------
        self : PageReader
            The fitted reader.

        Raises
        ------
        ValueError
            If a line has no polygon, no line has a text, or X and y differ in length.

        Warns
        -----
        UserWarning
            If lines have no text, counted.
        """
        self._validate_params()
        images = check_images(X)
        pages = object_array(list(y))
        check_consistent_length(images, pages)
        for row, page in enumerate(pages):
            if not isinstance(page, Page):
                raise TypeError(f"y[{row}] is {page!r:.60}; expected a Page")
        with restored_on_failure(self):
            segmenter = deepcopy(self.segmenter).fit(X, pages)
            parts, texts, n_lines = [], [], 0
            for image, page in zip(images, pages, strict=True):
                lines = [line for line in page.lines if line.text.strip()]
                n_lines += len(page.lines)
                parts += cut_lines(to_bytes(image), lines)
                texts += [line.text for line in lines]
            if not texts:
                raise ValueError(f"none of {n_lines} lines of {len(pages)} pages has a text")
            if len(texts) < n_lines:
                warn_caller(
                    f"{some_of(n_lines - len(texts), n_lines, 'lines', 'have no text')}: the "
                    "recognizer learns from the others"
                )
            recognizer = deepcopy(self.recognizer).fit(parts, texts)
            self.segmenter_, self.recognizer_ = segmenter, recognizer
        return self

    def read(self, source: Any, *, dpi: float = 300) -> Iterator[Page]:
        """Read pages one at a time, so that a book needs the memory of one page.

        Parameters
        ----------
        source : str, path, file object, bytes, array, or iterable of these
            Images, TIFF with all pages, PDF, folders of those; as :func:`read_pages` has it.
        dpi : float, default=300
            Resolution at which the pages of a PDF are drawn.

        Yields
        ------
        Page
            With regions, lines, words and characters, their polygons and confidences, and the name
            of the file as `image_path`, in the order of the source.

        Raises
        ------
        ValueError
            If no page can be read.

        Warns
        -----
        UserWarning
            At the end, counted, with the names of the first ones: of files that could not be read,
            which are left out; of pages without a line, on which most lines are in doubt, or
            whose text is unlike the language of the decoder's language model; of what the
            recognizer remarks.
        """
        check_is_fitted(self)
        self._validate_params()
        yield from self._read(read_pages(source, dpi=dpi))

    def _read(self, images: Iterator[PageImage]) -> Iterator[Page]:
        remarks = PageRemarks()
        for page, said in self._read_each(images):
            remarks.add(page.image_path, said)
            yield page
        for message in remarks.messages(3):
            warn_caller(message)

    def _read_each(self, images: Iterator[PageImage]) -> Iterator[tuple[Page, list[str]]]:
        """Read pages one at a time, each with what is to be warned of."""
        parts = self._parts()
        jobs = Parallel(self.n_jobs, return_as="generator")
        yield from jobs(delayed(_read_page)(*parts, image) for image in images)

    def predict(self, X: Any) -> NDArray[np.object_]:
        """Return the text of each page.

        Parameters
        ----------
        X : array-like of pages
            List of file paths or of arrays, one page each.

        Returns
        -------
        texts : ndarray of shape (n_samples,), dtype object
            The lines of each page in reading order, separated by line breaks.

        Raises
        ------
        ValueError, FileNotFoundError
            If a page can't be read; its path is named.
        """
        check_is_fitted(self)
        self._validate_params()
        images = check_images(X)
        if images.is_table:
            raise ValueError(
                "X is a 2-D array; expected a list of pages, each a path or an array of pixels: "
                "[page] for a single one"
            )
        pages = (PageImage(to_bytes(image), images.name(row)) for row, image in walk(images))
        return object_array([page.to_text() for page in self._read(pages)])

    def score(self, X: Any, y: Any) -> float:
        """Compute the character accuracy: 1 - character error rate of the texts of pages.

        Parameters
        ----------
        X : array-like of pages
            As in `predict`.
        y : array-like of shape (n_samples,)
            A `Page` or the text of each page. If the recognizer detokenizes, either spacing.

        Returns
        -------
        score : float
            1 - character error rate (micro average) over all pages: 1 is best, and it may be
            negative. A line break counts as a character.
        """
        texts = [page.to_text() if isinstance(page, Page) else str(page) for page in y]
        read = self.predict(X)
        check_consistent_length(read, texts)
        recognizer = self._parts()[1]
        texts = ["\n".join(as_returned(recognizer, text.split("\n"))) for text in texts]
        return 1 - character_error_rate(texts, list(read))


class PageRemarks:
    """Count what is to be warned of, and name the pages."""

    def __init__(self) -> None:
        self.count = 0
        self.names: dict[str, list[str]] = {}

    def add(self, name: str, remarks: list[str]) -> None:
        """Enter the remarks on one page."""
        self.count += 1
        for remark in remarks:
            lines = _COUNTED.match(remark)
            if lines is not None:  # those of one page; what is remarked of them is one of many
                remark = f"lines {as_plural(remark[lines.end() :])}"
            shown = name if lines is None else f"{name}: {lines[0].rstrip()}"
            self.names.setdefault(remark, []).append(shown)

    def messages(self, most: int | None = None) -> Iterator[str]:
        """Yield a message for each remark; it names `most` pages, or all."""
        for remark, names in self.names.items():
            shown = _join_numbers(names)
            named = "; ".join(shown[:most]) + "; ..." * (len(shown[:most]) < len(shown))
            yield f"{len(names)} of {self.count} pages: {remark} ({named})"


def _join_numbers(names: list[str]) -> list[str]:
    """Name pages of a file that follow each other together: a book may have 1,000."""
    joined: list[str] = []
    file, first, last = "", 0, 0
    for name in names:
        found = re.fullmatch(r"(.*), page (\d+)", name, flags=re.DOTALL)
        if found and joined and found[1] == file and int(found[2]) == last + 1:
            last += 1
            joined[-1] = f"{file}, pages {first} to {last}"
            continue
        joined.append(name)
        file, first = (found[1], int(found[2])) if found else ("", 0)
        last = first
    return joined


def _is_fitted(part: Any) -> bool:
    try:
        check_is_fitted(part)
    except Exception:  # also of an object that is not an estimator: fit or predict will say so
        return False
    return True


def _read_page(segmenter: Any, recognizer: Any, image: PageImage) -> tuple[Page, list[str]]:
    """Read one page; also what was warned of, for one count over all pages."""
    gray, noticed = image.image, []
    if is_negative(gray):
        gray, noticed = invert(gray), [NEGATIVE]
    with collect_warnings() as collected:
        height, width = gray.shape
        regions = segmenter.segment(gray)
        page = Page(width, height, regions, image.name)
        lines = page.lines
        if not lines:
            return page, [*noticed, NO_LINE]
        cuts = cut_lines(gray, lines)
        records = predict_details(recognizer, cuts)
        for line, record in zip(lines, records, strict=True):
            _enter_text(line, record)
    messages = [str(warning) for warning in collected]
    if 2 * sum(_count_rows(m) for m in messages if _NO_INK in m) > len(lines):
        page.regions = []  # the grain of paper looks like lines, of which cleaning leaves nothing
        return page, [*noticed, NO_LINE]
    remarks = {_without_rows(message) for message in messages}
    remarks = {remark for remark in remarks if not _is_of_one_line(remark)}
    doubted = sum(map(_count_rows, messages))
    if 2 * doubted > sum(len(line.text) >= _FEW for line in lines) or _is_doubtful(records):
        remarks.add(UNREADABLE)
    elif _is_foreign(records):
        remarks.add(FOREIGN)
    return page, noticed + sorted(remarks)


def _is_doubtful(records: Sequence[dict[str, Any]]) -> bool:
    """Judge a page by all its characters: their mean is surer than that of one line."""
    counts = np.array([len(record["characters"]) for record in records])
    relative = np.array([record["relative"] for record in records])
    low = _LOW if counts.sum() >= _MANY else _LOW_OF_FEW
    return bool(counts @ relative < low * counts.sum())


def _is_foreign(records: Sequence[dict[str, Any]]) -> bool:
    """Judge a page by its language: in another one, single lines may be read with confidence."""
    known = [record for record in records if record["language_fit"] is not None]
    counts = np.array([len(record["characters"]) for record in known])
    fits = np.array([record["language_fit"] for record in known])
    return bool(counts.sum() >= _MANY and counts @ fits < _LOW_FIT * counts.sum())


def _count_rows(message: str) -> int:
    """Count the images that a warning is of."""
    found = re.match(r"(\d+) of \d+ images ", message)
    return int(found[1]) if found else 0


def _without_rows(message: str) -> str:
    """A warning on images of lines, without which ones: these are images of one of many pages."""
    what = re.sub(r"^(\d+ of \d+) images ", r"\1 lines ", message)
    return re.sub(r"(; mean confidence [\d., ]+)?,? rows .*$", "", what, flags=re.DOTALL)


def _is_of_one_line(remark: str) -> bool:
    """Indicate a remark on one of many lines, such as a number: its confidence is in the page."""
    found = _COUNTED.match(remark)
    return found is not None and found[1] == "1" and int(found[2]) * _SHARE > 1


def _enter_text(line: Line, record: dict[str, Any]) -> None:
    """Enter a reading into its line, with the places of words and characters on the page."""
    x, y = map_line(line)
    line.text = " ".join(record["text"].split())
    line.confidence = record["mean"]
    line.words = []
    characters = iter(record["characters"])
    for word in record["words"]:
        letters: list[Character] = []
        while len(letters) < len(word["text"]):
            found = next(characters)
            if not found["text"].isspace():
                letters.append(Character(found["text"], _place(x, y, found), found["probability"]))
        line.words.append(Word(word["text"], _place(x, y, word), word["mean"], letters))


def _place(x: NDArray[np.float32], y: NDArray[np.float32], part: dict[str, Any]) -> Points:
    """Return the polygon on the page of a part of the image of a line, from its columns."""
    last = x.shape[1] - 1
    first = min(max(int(part["start"]), 0), last)
    stop = min(max(int(np.ceil(part["stop"])), first + 1), last)
    corners = [(0, first), (0, stop), (-1, stop), (-1, first)]
    return np.array([[x[corner], y[corner]] for corner in corners], np.float64)
