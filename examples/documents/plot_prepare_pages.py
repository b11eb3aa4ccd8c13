"""
================================
Prepare photographs and scans
================================

A page as a phone gives it: turned, in uneven light, on ruled paper, with a dark edge. Each
transformer undoes one of these. See :ref:`documents` and :ref:`preprocessing`.
"""

# %%
# A poor photograph
# -----------------
# A page of generated lines is spoilt step by step. The reader of hwsk does most of this by itself;
# the transformers are for people, and for other programs.
import cv2
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting

rng = np.random.default_rng(0)
lines = make_handwriting(9, level="line", n_writers=1, height=64, random_state=1).images
height, width = 1050, 840
clean = np.full((height, width), 255, np.uint8)
for i, line in enumerate(lines):
    scale = min(1.0, 700 / line.shape[1])
    part = cv2.resize(line, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    top = 140 + 96 * i - part.shape[0]
    clean[top : top + part.shape[0], 80 : 80 + part.shape[1]] = part

ruled = clean.copy()
for i in range(-1, 10):
    cv2.line(ruled, (0, 124 + 96 * i), (width, 124 + 96 * i), 140, 2)
matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 3, 1)
askew = cv2.warpAffine(ruled, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
light = np.add.outer(np.linspace(1, 0.65, height), np.linspace(0.05, -0.05, width))
shaded = askew * 0.9 * light + rng.normal(0, 3, askew.shape)
shaded[:, :30] = 25  # the table on which the page lies
photograph = np.ascontiguousarray(np.rot90(np.clip(shaded, 0, 255).astype(np.uint8)))


def show(images):
    """Draw images side by side, each under its name."""
    _, axes = plt.subplots(1, len(images), figsize=(10, 4.6), layout="constrained")
    for ax, (name, image) in zip(axes, images.items(), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set_title(name, fontsize=9)
        ax.set(xticks=[], yticks=[])


show({"clean": clean, "photograph": photograph})

# %%
# Orient
# ------
# :class:`~hwsk.preprocessing.PageOrienter` decides between 0, 90, 180 and 270 degrees by the
# profiles of the ink.
from hwsk.preprocessing import PageOrienter, ScanEdgeRemover

(upright,) = PageOrienter().fit_transform([photograph])
(without_edge,) = ScanEdgeRemover().fit_transform([upright])
show({"PageOrienter": upright, "ScanEdgeRemover": without_edge})

# %%
# Even out the light
# ------------------
# :class:`~hwsk.preprocessing.IlluminationNormalizer` estimates the tone of the paper everywhere. A
# threshold for the whole image, Otsu's, takes the shadow for ink; after it, it does not.
from hwsk.preprocessing import Binarizer, IlluminationNormalizer

(even,) = IlluminationNormalizer().fit_transform([without_edge])
otsu = Binarizer("otsu").fit_transform([without_edge, even])
show(
    {
        "before, binarized": otsu[0],
        "IlluminationNormalizer": even,
        "after, binarized": otsu[1],
    }
)

# %%
# Deskew, remove ruled lines
# --------------------------
# Ruled lines have to be nearly level, so :class:`~hwsk.preprocessing.Deskewer` comes first.
# :class:`~hwsk.preprocessing.RuledLineRemover` keeps the strokes that cross a line.
from hwsk.preprocessing import Deskewer, RuledLineRemover

(level,) = Deskewer().fit_transform([even])
(unruled,) = RuledLineRemover().fit_transform([level])
show({"Deskewer": level, "RuledLineRemover": unruled})

# %%
# All of it
# ---------
# As a pipeline, for any number of pages. Finding lines shows what it is worth: without a network,
# by projection profiles, and by the pretrained segmenter.
from sklearn.pipeline import make_pipeline

import hwsk
from hwsk.documents import find_lines_by_profile

prepare = make_pipeline(
    PageOrienter(),
    ScanEdgeRemover(),
    IlluminationNormalizer(),
    Deskewer(),
    RuledLineRemover(),
)
(prepared,) = prepare.fit_transform([photograph])
segmenter = hwsk.load("page-lines")
for name, page in {"photograph": photograph, "prepared": prepared}.items():
    by_profile, by_network = len(find_lines_by_profile(page)), len(segmenter.predict([page])[0])
    print(f"{name}: 9 lines, found by profiles {by_profile}, by page-lines {by_network}")
