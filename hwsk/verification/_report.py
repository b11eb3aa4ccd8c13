"""Write a comparison of two samples as a report, in HTML or PDF."""

from __future__ import annotations

import base64
import io
import os
import platform
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date as Date
from datetime import datetime
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import is_path
from hwsk._data.images import check_images
from hwsk._data.levels import to_bytes
from hwsk._files import replaced, write_file
from hwsk._wording import count
from hwsk.verification._comparison import SUPPORT, describe_feature, name_times, name_writers
from hwsk.verification._parts import OWN_SHARE
from hwsk.verification._places import draw_places
from hwsk.verification._sides import checksum

if TYPE_CHECKING:
    from hwsk.verification._comparison import HandComparison

_PACKAGES = ("hwsk", "torch", "scikit-learn", "numpy", "opencv-python-headless")
_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1e21; background: #fff; overflow-wrap: anywhere; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
img { max-width: 100%; max-height: 14rem; border: 1px solid #d5d8dc; }
img.large { max-height: none; width: 28rem; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 1rem; } figure { margin: 0; }
figcaption { color: #444; } table { border-collapse: collapse; }
td, th { padding: .25rem 1rem .25rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid #e3e5e8; overflow-wrap: normal; }
td:last-child { overflow-wrap: anywhere; }
.found { font-weight: 600; } .found td { background: #e6f0f8; }
@media print { body { margin: 0; max-width: none; font-size: 11pt; }
  figure, tr { break-inside: avoid; } }
"""
_OF_SEVERAL = (
    " Where places are matched, the distance is the mean over the pairs of images, less "
    f"{OWN_SHARE:.0%} of the mean distance among the images of a side."
)
_SHEET, _EDGE = (8.27, 11.69), 0.8  # inches: A4
_LINE, _COLUMNS = 0.19, 92  # inches between the lines of text, and characters in one
_IMAGE, _LARGE_IMAGE = (2.2, 1.3), (3.3, 3.3)  # inches that an image may take


class Table(NamedTuple):
    """Rows of words under a header; one may be marked as what was found."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    found: int | None = None


class Images(NamedTuple):
    """Images side by side, each with what stands below it."""

    images: Sequence[NDArray[np.uint8]]
    """Grey, or RGB."""
    captions: Sequence[str]
    large: bool = False


Block = str | Table | Images


def write_html(
    comparison: HandComparison,
    path: str | os.PathLike[str],
    date: Date | None,
    details: Mapping[str, Any] | None,
) -> None:
    """Write the report as one HTML file."""
    _check_suffix(path, (".html", ".htm"))
    write_file(path, _to_html(list(_sections(comparison, date or Date.today(), details or {}))))


def write_pdf(
    comparison: HandComparison,
    path: str | os.PathLike[str],
    date: Date | None,
    details: Mapping[str, Any] | None,
) -> None:
    """Write the report as PDF."""
    _check_suffix(path, (".pdf",))
    date = date or Date.today()
    _draw_pdf(list(_sections(comparison, date, details or {})), path, date)


def _check_suffix(path: str | os.PathLike[str], suffixes: tuple[str, ...]) -> None:
    if not os.fspath(path).lower().endswith(suffixes):
        raise ValueError(f"{os.fspath(path)!r} does not end in {suffixes[0]}")


def _sections(
    comparison: HandComparison, date: Date, details: Mapping[str, Any]
) -> Iterator[tuple[str, list[Block]]]:
    """The report: headings, and what stands below each."""
    yield f"Comparison of two samples of handwriting, {date.isoformat()}", []
    yield "Finding", list(_finding(comparison))
    if not comparison.doubts:
        yield "The scale", [_scale(comparison.log_likelihood_ratio)]
    yield "What was compared", [block for side in "AB" for block in _side(comparison, side)]
    if comparison.places:
        yield "Matched places", list(_places(comparison))
    if len(comparison.features):
        yield (
            "Features",
            [
                "Each ratio is that of one feature alone. Features depend on each other: their "
                "ratios must not be multiplied, and do not add up to the finding.",
                _features(comparison),
            ],
        )
    columns = ("distance", "same_writer", "different_writers")
    yield (
        "Distances",
        [
            "The finding rests on these: the distance of both sides in each part, beside the "
            "medians of the pairs of the calibration."
            + _OF_SEVERAL
            * bool(comparison.places and max(comparison.n_images) > 1),
            Table(
                ("part", "distance", "median, same writer", "median, different writers"),
                [
                    (
                        str(name),
                        *(f"{row[column]:.3f}" for column in columns),
                    )
                    for name, row in comparison.distances.iterrows()
                ],
            ),
        ],
    )
    yield "Limits", list(_limits(comparison))
    yield "Made with", [Table((), [*_made_with(comparison, details)])]


def _finding(comparison: HandComparison) -> Iterator[str]:
    yield comparison.finding
    if comparison.doubts:
        return
    decimal = comparison.log_likelihood_ratio / np.log(10)
    yield f"Decimal logarithm of the likelihood ratio: {decimal:+.2f}."
    bound = comparison.basis.get("bound")
    if bound is not None:
        yield (
            f"The ratio is kept between 1/{bound:.0f} and {bound:.0f}: the calibration had "
            f"{bound:.0f} writers with so many samples, and no more can be learnt from them."
        )
    yield (
        "A likelihood ratio is not the probability that the same writer wrote both: that depends "
        "on the other evidence, too."
    )


def _places(comparison: HandComparison) -> Iterator[Block]:
    yield (
        "Each image as it was compared: ink alone, fitted to one size. A line joins two places "
        "whose surroundings are most alike among all within reach, each in the other's image; the "
        "weightiest matches are drawn. Signatures of two writers match in places, too: the finding "
        "rests on the distances, and the lines show where to look."
    )
    drawn = [draw_places(pair.places) for pair in comparison.places]
    names = [
        f"{pair.part}: A{pair.images[0] + 1} above, B{pair.images[1] + 1} below"
        for pair in comparison.places
    ]
    yield Images(drawn, names, large=True)


def _scale(log_ratio: float) -> Table:
    """The verbal scale, with the place of the finding."""
    starts = [1.0, *SUPPORT.values()]
    strength = np.exp(abs(log_ratio)) * (1 + 1e-9)
    found = max(i for i, start in enumerate(starts) if strength >= start)
    writers = name_writers(log_ratio)
    rows = []
    for i, (start, words) in enumerate(zip(starts, ("no", *SUPPORT), strict=True)):
        end = f" to {starts[i + 1]:,.0f}" if i + 1 < len(starts) else " and more"
        here = f"found, for {writers}" if i == found and i else "found" if i == found else ""
        rows.append((f"{start:,.0f}{end}", f"{words} support", here))
    return Table(("ratio, or its reciprocal", "in words (ENFSI 2015)", ""), rows, found)


def _side(comparison: HandComparison, side: str) -> Iterator[Block]:
    """Images of one side with their names, sizes and checksums."""
    samples = comparison.samples["AB".index(side)]
    if not len(samples):
        n = comparison.n_images["AB".index(side)]
        yield f"Side {side}: {count(n, 'sample')}, not kept."
        return
    images = [to_bytes(image) for image in check_images(samples)]
    compared = comparison.digests["AB".index(side)]
    rows = []
    for i, (sample, image) in enumerate(zip(samples, images, strict=True), 1):
        name = _printable(Path(os.fspath(sample)).name) if is_path(sample) else f"array {i}"
        found = checksum(sample)
        if len(compared) and found != compared[i - 1]:
            raise ValueError(
                f"{name} on side {side} is not the image that was compared: its SHA-256 was "
                f"{compared[i - 1]} and is {found}. Compare again"
            )
        rows.append((f"{side}{i}", name, f"{image.shape[1]} x {image.shape[0]}", found))
    yield Images(images, [f"{row[0]}: {row[1]}" for row in rows])
    yield Table((side, "name", "pixels", "SHA-256"), rows)


def _printable(name: str) -> str:
    """Return a file name with bytes that are not UTF-8, and control characters, escaped."""
    return "".join(
        repr(c)[1:-1] if "\ud800" <= c <= "\udfff" or (c.isascii() and not c.isprintable()) else c
        for c in name
    )


def _features(comparison: HandComparison) -> Table:
    rows = []
    for name, row in comparison.features.iterrows():
        shares = [
            f"{value} in {share:.0%} of writers"
            for value, share in dict.fromkeys(
                (row[side], row.get(f"{side}_share", np.nan)) for side in ("first", "second")
            )
            if np.isfinite(share)
        ]
        ratio = row["log_likelihood_ratio"]
        rows.append(
            (
                describe_feature(name, row),
                ", ".join(shares),
                f"{name_times(ratio)} likelier for {name_writers(ratio)}",
            )
        )
    return Table(("feature", "in the background", "ratio"), rows)


def _limits(comparison: HandComparison) -> Iterator[str]:
    basis = comparison.basis
    if "writers" in basis:
        pages = "; pairs by the same writer are of two groups (such as pages)"
        most = count(basis["images"], "sample")
        yield (
            f"Calibrated on {basis['writers']} writers whom the parts were not trained on, with up "
            f"to {most} a side{pages if basis.get('across_groups') else ''}."
        )
    if basis.get("forgeries"):
        yield (
            "The pairs by different writers are of genuine samples and skilled forgeries of them, "
            "by practised writers who had seen genuine ones. The ratio says nothing of a disguised "
            "hand, and by how much another's own signature is unlike is understated."
        )
    else:
        yield (
            "The pairs by different writers are of people who did not try to write alike: the "
            "ratio says nothing of a forgery or a disguised hand."
        )
    yield (
        "The ratio holds for samples like those of the calibration: the same kind of text, pen, "
        "paper and scan. Of other samples it is an extrapolation."
    )


def _made_with(comparison: HandComparison, details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in {**details, **comparison.basis.get("parts", {})}.items():
        yield str(name), _printable(" ".join(str(value).split()))
    for package in _PACKAGES:
        try:
            yield package, version(package)
        except ImportError:
            continue
    yield "Python", platform.python_version()


def _to_html(sections: Sequence[tuple[str, list[Block]]]) -> str:
    title = escape(sections[0][0])
    body = []
    for i, (heading, blocks) in enumerate(sections):
        level = 2 if i else 1
        body.append(f"<h{level}>{escape(heading)}</h{level}>")
        body += [_block_to_html(block) for block in blocks]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + "\n</body></html>\n"
    )


def _block_to_html(block: Block) -> str:
    if isinstance(block, str):
        return f"<p>{escape(block)}</p>"
    if isinstance(block, Images):
        figures = []
        for image, caption in zip(block.images, block.captions, strict=True):
            pixels = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
            data = base64.b64encode(cv2.imencode(".png", pixels)[1].tobytes()).decode("ascii")
            kind = ' class="large"' if block.large else ""
            figures.append(
                f'<figure><img{kind} alt="{escape(caption, quote=True)}" '
                f'src="data:image/png;base64,{data}"><figcaption>{escape(caption)}</figcaption>'
                "</figure>"
            )
        return f'<div class="row">{"".join(figures)}</div>'
    head = "".join(f"<th>{escape(name)}</th>" for name in block.header)
    rows = [f"<tr>{head}</tr>"] if head else []
    for i, row in enumerate(block.rows):
        kind = ' class="found"' if i == block.found else ""
        rows.append(f"<tr{kind}>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>")
    return f"<table>{''.join(rows)}</table>"


def _draw_pdf(
    sections: Sequence[tuple[str, list[Block]]], path: str | os.PathLike[str], date: Date
) -> None:
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_pdf import PdfPages
    except ImportError as error:
        raise ImportError(
            "to write PDF, hwsk needs matplotlib: pip install 'hwsk[plot]'", name=error.name
        ) from error
    content = io.BytesIO()
    made = {"CreationDate": datetime(date.year, date.month, date.day), "Producer": None}
    with (
        rc_context({"pdf.fonttype": 42, "font.family": "DejaVu Sans"}),
        PdfPages(content, metadata={**made, "Title": sections[0][0]}) as pdf,
    ):
        sheets = _Sheets(pdf)
        for i, (heading, blocks) in enumerate(sections):
            sheets.heading(heading, 12 if i else 15)
            for block in blocks:
                sheets.add(block)
        sheets.finish()
    with replaced(path) as file:
        file.write(content.getvalue())


class _Sheets:
    """Sheets of paper that fill up from the top."""

    def __init__(self, pdf: Any) -> None:
        self._pdf = pdf
        self._figure: Any = None
        self._y = 0.0

    def heading(self, text: str, size: int) -> None:
        self._need(4 * _LINE)
        self._y -= 0.5 * _LINE
        for line in textwrap.wrap(text, 70):
            self._text(_EDGE, line, fontsize=size, fontweight="bold")
            self._y -= 1.5 * _LINE

    def add(self, block: Block) -> None:
        if isinstance(block, str):
            for line in textwrap.wrap(block, _COLUMNS):
                self._need(_LINE)
                self._text(_EDGE, line)
                self._y -= _LINE
            self._y -= 0.4 * _LINE
        elif isinstance(block, Images):
            self._add_images(block)
        else:
            self._add_table(block)

    def finish(self) -> None:
        if self._figure is not None:
            self._pdf.savefig(self._figure)
            self._figure = None

    def _need(self, height: float) -> None:
        """Begin another sheet where so much does not fit on this one."""
        from matplotlib.figure import Figure

        if self._figure is None or self._y - height < _EDGE:
            self.finish()
            self._figure = Figure(figsize=_SHEET)
            self._y = _SHEET[1] - _EDGE

    def _text(self, x: float, text: str, **options: Any) -> None:
        options = {"fontsize": 9, "va": "top", "parse_math": False, **options}
        self._figure.text(x / _SHEET[0], self._y / _SHEET[1], text, **options)

    def _add_images(self, block: Images) -> None:
        width, height = _LARGE_IMAGE if block.large else _IMAGE
        columns = int((_SHEET[0] - 2 * _EDGE) // width)
        for start in range(0, len(block.images), columns):
            self._need(height + 2.5 * _LINE)
            for i, image in enumerate(block.images[start : start + columns]):
                x, y = _EDGE + i * width, self._y - height
                place = (x / _SHEET[0], y / _SHEET[1])
                size = (0.95 * width / _SHEET[0], height / _SHEET[1])
                ax = self._figure.add_axes((*place, *size))
                ax.imshow(image, cmap="gray", vmin=0, vmax=255)
                ax.set(xticks=[], yticks=[], anchor="NW")
            self._y -= height + 0.3 * _LINE
            for i, caption in enumerate(block.captions[start : start + columns]):
                self._text(
                    _EDGE + i * width, textwrap.shorten(caption, round(15.5 * width)), fontsize=7
                )
            self._y -= 1.5 * _LINE

    def _add_table(self, table: Table) -> None:
        rows = [*([table.header] if table.header else []), *table.rows]
        longest = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        room = _COLUMNS - 2 * (len(longest) - 1)
        while sum(longest) > room:
            longest[longest.index(max(longest))] -= 1
        starts = np.cumsum([0, *(n + 2 for n in longest[:-1])]) / _COLUMNS
        for i, row in enumerate(rows):
            cells = [textwrap.wrap(text, max(n, 4)) for text, n in zip(row, longest, strict=True)]
            lines = max(map(len, cells))
            self._need(max(lines, 1) * _LINE)
            bold = (table.header and i == 0) or i - bool(table.header) == table.found
            top = self._y
            for start, cell in zip(starts, cells, strict=True):
                self._y = top
                for line in cell:
                    x = _EDGE + start * (_SHEET[0] - 2 * _EDGE)
                    self._text(x, line, fontsize=8, fontweight="bold" if bold else "normal")
                    self._y -= _LINE
            self._y = top - max(lines, 1) * _LINE
        self._y -= 0.5 * _LINE
