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
    text, synthesizer, None, size=(148, 105), margin=14, line_height=14, random_state=3
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

from hwsk.documents import Page, find_lines_by_profile

turned = cv2.warpAffine(
    image,
    cv2.getRotationMatrix2D((image.shape[1] / 2, image.shape[0] / 2), 8, 0.9),
    image.shape[::-1],
    borderValue=255,
)
_, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
by_profile = Page(*turned.shape[::-1], find_regions(turned))
