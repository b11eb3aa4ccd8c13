"""The page that the demo leaves: one file, with its pictures inside."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path
from typing import NamedTuple

import cv2

import hwsk
from hwsk._data.images import Image

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  color: #1c1e21; background: #fff; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.2rem; margin-top: 2.5rem; }
img { max-width: 100%; border: 1px solid #d5d8dc; border-radius: 4px; background: #fff; }
figure { margin: 1rem 0; } figcaption { color: #444; }
table { border-collapse: collapse; } td, th { padding: .3rem .8rem .3rem 0; text-align: left; }
td img { max-height: 4.5rem; display: block; }
pre { background: #f4f5f7; padding: .8rem; overflow-x: auto; border-radius: 4px; }
.row { display: flex; flex-wrap: wrap; gap: 1rem; } .row figure { flex: 1 1 12rem; }
mark { background: #ffe2b8; }
"""


class Section(NamedTuple):
    """What one part of the demo found.

    Parameters
    ----------
    title : str
        What was done.
    text : str
        The result for a terminal.
    html : str
        The result for the page.
    """

    title: str
    text: str
    html: str


def render(sections: Iterable[Section]) -> str:
    """Write the page."""
    body = "\n".join(
        f"<section><h2>{escape(section.title)}</h2>\n{section.html}</section>"
        for section in sections
    )
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>hwsk demo</title><style>{STYLE}</style></head>\n<body>"
        f"<h1>What hwsk {escape(hwsk.__version__)} does</h1>\n{body}\n</body></html>\n"
    )


def picture(image: Image | Path, alt: str) -> str:
    """Put an image, or the file of one, into the page itself."""
    if isinstance(image, Path):
        data = image.read_bytes()
    else:
        data = cv2.imencode(".png", image)[1].tobytes()
    coded = base64.b64encode(data).decode("ascii")
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/png;base64,{coded}">'


def figure(image: Image | Path, alt: str, caption: str) -> str:
    """Put an image with a caption into the page."""
    return f"<figure>{picture(image, alt)}<figcaption>{escape(caption)}</figcaption></figure>"


def code(source: str) -> str:
    """Show how to do it."""
    return f"<pre>{escape(source.strip())}</pre>"


def table(rows: Sequence[Sequence[str]], header: Sequence[str] = ()) -> str:
    """Lay out cells that are HTML already."""
    head = (
        "<tr>" + "".join(f"<th>{escape(name)}</th>" for name in header) + "</tr>" if header else ""
    )
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table>{head}{body}</table>"
