"""
====================================
Train a segmenter on your PAGE files
====================================

A :class:`~hwsk.documents.LineSegmenter` learns what a text line is from page images with PAGE XML
or ALTO beside them, as Transkribus, eScriptorium and kraken export them. See :ref:`documents`.
"""

# %%
# A folder of ground truth
# ------------------------
# So that this page runs anywhere, it first makes what you would have: ``00.png`` with ``00.xml``,
# the baselines and polygons of its lines. The pages are skewed by up to four degrees.
import tempfile
from pathlib import Path

import cv2
import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.documents import Line, Page, Region

folder = tempfile.TemporaryDirectory()
rng = np.random.default_rng(0)
height, width = 420, 560
for number in range(16):
    made = make_handwriting(6, level="line", height=44, n_writers=1, random_state=number)
    image = np.full((height, width), 238, np.uint8)
    center = width / 2, height / 2
    matrix = cv2.getRotationMatrix2D(center, rng.uniform(-4, 4), 1)
    lines, left = [], int(rng.integers(20, 60))
    for i, (ink, text) in enumerate(zip(made.images, made.text, strict=True)):
        top, ink = 36 + 60 * i, ink[:, : width - 20 - left]
        bottom, right = top + ink.shape[0], left + ink.shape[1]
        part = image[top:bottom, left:right]
        np.minimum(part, ink, out=part)
        baseline = np.array([[left, bottom - 11], [right, bottom - 11]])
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
        baseline, corners = (
            points @ matrix[:, :2].T + matrix[:, 2] for points in (baseline, corners)
        )
        lines.append(Line(str(text), baseline, corners))
    image = cv2.warpAffine(image, matrix, (width, height), borderValue=238)
    cv2.imwrite(str(Path(folder.name, f"{number:02}.png")), image)
    Page(width, height, [Region(lines)], f"{number:02}.png").save(
        Path(folder.name, f"{number:02}.xml")
    )

# %%
# Load it
# -------
# :func:`~hwsk.datasets.load_pages` pairs images and files. Blue lines have no confidence: they are
# the ground truth.
import matplotlib.pyplot as plt

from hwsk.datasets import load_pages
from hwsk.plotting import PageDisplay

pages = load_pages(folder.name)
print(f"{len(pages.images)} pages, {sum(len(page.lines) for page in pages.pages)} lines")
_, axes = plt.subplots(1, 2, figsize=(9, 3.5), layout="constrained")
for ax, path, page in zip(axes, pages.images, pages.pages, strict=False):
    PageDisplay(cv2.imread(path, cv2.IMREAD_GRAYSCALE), page).plot(ax=ax, show_text=False)

# %%
# Train
# -----
# A small network at a low resolution, so that it takes seconds. Of real pages, some hundred and the
# defaults give a segmenter like the pretrained one; ``warm_start=True`` starts from its weights.
# Each epoch sees a random part of each page, at random scales and angles.
from hwsk.documents import LineSegmenter

train, test = np.arange(12), np.arange(12, 16)
segmenter = LineSegmenter(
    resolution=400,
    channels=(8, 16, 16),
    crop_size=256,
    batch_size=4,
    max_epochs=20,
    lr=0.01,
    random_state=0,
)
segmenter.fit(pages.images[train], pages.pages[train])

# %%
# Evaluate
# --------
# The score is the F1 of lines: a line is found if its box overlaps the true one by half of their
# union. The pages are those of writers that training has not seen. The pretrained segmenter has
# learnt from 405 pages at a higher resolution.
import hwsk
from hwsk.documents import find_lines_by_profile

pretrained = hwsk.load("page-lines")
for name, model in {"small, twelve pages": segmenter, "page-lines": pretrained}.items():
    print(f"{name}: F1 {model.score(pages.images[test], pages.pages[test]):.2f}")

# %%
# The map of baselines from which lines are traced, and the lines that are found in it. Projection
# profiles, which need no training, fail on a page as skewed as this.
path = pages.images[test[0]]
image = cv2.imread(path, cv2.IMREAD_GRAYSCALE)
(maps,) = segmenter.predict_maps([path])
by_profile = Page(width, height, [Region(find_lines_by_profile(image))])
_, axes = plt.subplots(1, 3, figsize=(10, 2.9), layout="constrained")
axes[0].imshow(maps[0], cmap="magma", vmin=0, vmax=1)
axes[0].set(xticks=[], yticks=[], title="probability of a baseline")
PageDisplay.from_estimator(segmenter, path, ax=axes[1])
axes[1].set_title("LineSegmenter")
PageDisplay(image, by_profile).plot(ax=axes[2])
_ = axes[2].set_title("projection profiles")

# %%
# Save
# ----
# The model file holds the network and its parameters. ``PageReader(segmenter, recognizer)`` reads
# whole pages with it.
hwsk.save(segmenter, Path(folder.name, "my-lines.hwsk"))
print(len(hwsk.load(Path(folder.name, "my-lines.hwsk")).predict([path])[0]), "lines")
folder.cleanup()
