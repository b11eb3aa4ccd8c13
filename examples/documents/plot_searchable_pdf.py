"""
================
A searchable PDF
================

A PDF of scans in which a viewer finds words, selects and copies them: the images of the pages, and
over them, invisible and in place, what a reader has read. See :ref:`documents`.
"""

# %%
# Scans
# -----
# Two pages of generated handwriting stand for them.
import tempfile
from pathlib import Path

import cv2
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting

folder = tempfile.TemporaryDirectory()
texts = [
    ["the old house stood", "on a hill by the sea", "and no one went there"],
    ["in the house was a table", "on the table a letter", "and in the letter nothing"],
]
for number, lines in enumerate(texts):
    made = make_handwriting(3, texts=lines, n_writers=1, height=48, random_state=3)
    page = np.full((300, 640), 240, np.uint8)
    for i, ink in enumerate(made.images):
        part = page[40 + 80 * i :, 40:][: ink.shape[0], : ink.shape[1]]
        np.minimum(part, ink, out=part)
    cv2.imwrite(str(Path(folder.name, f"scan{number}.png")), page)

# %%
# Read and save
# -------------
# :func:`~hwsk.documents.save_pdf` takes the image of each page from ``page.image_path``. On the
# command line: ``hwsk read scans/ -f pdf -o out/``.
import hwsk
from hwsk.documents import save_pdf

reader = hwsk.load("english-pages")
pages = list(reader.read(folder.name))
pdf = Path(folder.name, "letters.pdf")
save_pdf(pdf, pages, dpi=150)
for page in pages:
    print(page.to_text(), end="\n\n")

# %%
# Find a word
# -----------
# As a viewer does it, with pypdfium2: the boxes around what was found are those of the words on the
# image.
import pypdfium2

from hwsk.documents import read_pages

wanted = "house"
_, axes = plt.subplots(1, 2, figsize=(10, 2.6), layout="constrained")
with pypdfium2.PdfDocument(pdf) as document:
    for ax, sheet, image in zip(axes, document, read_pages(pdf, dpi=150), strict=True):
        ax.imshow(image.image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
        text = sheet.get_textpage()
        search = text.search(wanted)
        while (hit := search.get_next()) is not None:
            print(f"{image.name.rpartition('/')[2]}: {wanted!r} at character {hit[0]}")
            for box in range(text.count_rects(*hit)):
                left, bottom, right, top = (side * 150 / 72 for side in text.get_rect(box))
                rows = image.image.shape[0]  # a PDF counts from below
                x, y = [left, right, right, left], [rows - bottom] * 2 + [rows - top] * 2
                ax.fill(x, y, color="gold", alpha=0.5)
folder.cleanup()
