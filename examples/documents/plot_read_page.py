"""
===========
Read a page
===========

From the image of a page to its text: the pretrained :class:`~hwsk.documents.PageReader` finds the
lines, reads them, and gives a page that the tools of archives understand. See :ref:`documents`.
"""

# %%
# A page
# ------
# Nobody's letter: :func:`~hwsk.writing.write` makes it, and it is saved as a scan would be.
import tempfile
from pathlib import Path

import hwsk

text = """\
Dear Ada,
the machine came today,
and it has read your letter.
Charles"""

folder = tempfile.TemporaryDirectory()
synthesizer = hwsk.load("synthesizer")
sheets = hwsk.writing.write(
    text, synthesizer, None, size=(180, 250), margin=18, line_height=13, random_state=3
)
(scan,) = sheets.save(Path(folder.name, "letter.png"), dpi=150)

# %%
# Read it
# -------
# ``read`` yields a :class:`~hwsk.documents.Page` for each image. Lines and words are coloured by
# their confidence, from red to green; the numbers give the reading order.
from hwsk.plotting import PageDisplay

reader = hwsk.load("english-pages")
(page,) = reader.read([scan])
print(page.to_text())

# %%
import cv2

image = cv2.imread(str(scan), cv2.IMREAD_GRAYSCALE)
image = image[: len(image) // 2]  # the rest is blank
_ = PageDisplay(image, page).plot()

# %%
# Compared with what was written:
from hwsk.metrics import character_error_rate

error = character_error_rate([" ".join(text.split())], [" ".join(page.to_text().split())])
print(f"character error rate {error:.1%}")

# %%
# Find the lines alone
# --------------------
# The first part of the reader is a :class:`~hwsk.documents.LineSegmenter`. It needs no upright
# page; projection profiles, the baseline without a network, do.
import matplotlib.pyplot as plt

from hwsk.documents import Page, Region, find_lines_by_profile

height, width = image.shape
matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 8, 0.9)
turned = cv2.warpAffine(image, matrix, (width, height), borderValue=255)
found = {
    "LineSegmenter": Page(width, height, reader.segmenter.segment(turned)),
    "projection profiles": Page(width, height, [Region(find_lines_by_profile(turned))]),
}
_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
for ax, (name, lines) in zip(axes, found.items(), strict=True):
    PageDisplay(turned, lines).plot(ax=ax)
    ax.set_title(f"{name}: {len(lines.lines)} lines", fontsize=9)

# %%
# PAGE XML, ALTO, and others
# --------------------------
# ``save`` takes the format from the name; :meth:`~hwsk.documents.Page.load` finds it out.
for name in ("letter.page.xml", "letter.alto.xml", "letter.hocr", "letter.json", "letter.txt"):
    page.save(Path(folder.name, name))
    print(f"{name:16} {Path(folder.name, name).stat().st_size / 1000:5.1f} kB")
again = Page.load(Path(folder.name, "letter.page.xml"))
print(again.to_text() == page.to_text())

# %%
# A line in PAGE XML, with its outline, baseline and the first word:
xml = page.to_page_xml().split("<TextLine")[1]
print("<TextLine" + xml[:700])

# %%
# Lines for other recognizers
# ---------------------------
# :func:`~hwsk.documents.cut_lines` straightens each line along its baseline and fills what lies
# outside its outline with the tone of the paper.
from hwsk.documents import cut_lines

lines = cut_lines(image, page.lines)
_, axes = plt.subplots(len(lines), figsize=(6, 4), layout="constrained")
for ax, line in zip(axes, lines, strict=True):
    ax.imshow(line, cmap="gray", vmin=0, vmax=255)
    ax.axis("off")
folder.cleanup()
