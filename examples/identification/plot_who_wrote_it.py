"""
=====================
Writer identification
=====================

Who of several known writers wrote a line? The embedding of the pretrained "iam-writers", a
:class:`~hwsk.identification.WriterClassifier`, and a nearest neighbour answer without any training
of a network. See :ref:`identification`.
"""

# %%
# Data
# ----
# Ten generated writers, each with four pages of two lines. Pages matter: a classifier has to be
# tested on pages that it has seen nothing of.
import matplotlib.pyplot as plt
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting

n_writers, n_pages, n_lines = 10, 4, 2
n = n_writers * n_pages * n_lines
made = make_handwriting(n, level="line", n_writers=n_writers, random_state=0)
number = np.arange(n) // n_writers  # of the line; lines go round the writers
pages = np.array(
    [f"{writer}-{i // n_lines}" for writer, i in zip(made.writer, number, strict=True)]
)

_, axes = plt.subplots(5, 2, figsize=(10, 3.4), layout="constrained")
for ax, image, writer in zip(axes.flat, made.images, made.writer, strict=False):
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_title(writer, loc="left", fontsize=8)
    ax.set_anchor("W")
    ax.axis("off")

# %%
# Split by page
# -------------
# ``StratifiedGroupKFold`` keeps the lines of a page together and gives each writer pages on both
# sides. One fold of four is held out.
from sklearn.model_selection import StratifiedGroupKFold

split = StratifiedGroupKFold(n_pages, shuffle=True, random_state=0)
train, test = next(split.split(made.images, made.writer, groups=pages))
print(f"{len(set(pages[train]))} pages to train on, {len(set(pages[test]))} to test")
X, y = made.images[test], made.writer[test]

# %%
# Nearest neighbours
# ------------------
# "iam-writers" distinguishes 50 writers of IAM, none of whom is here. Its embedding of a line
# serves other writers, too: the nearest line of the training pages names the writer. Classical
# local descriptors (VLAD), without a network, are the baseline.
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from hwsk.identification import LocalDescriptors, VLADEncoder
from hwsk.preprocessing import Binarizer

encoders = {
    "iam-writers": hwsk.load("iam-writers"),
    "VLAD": make_pipeline(
        Binarizer(), LocalDescriptors(), VLADEncoder(16, n_components=48, random_state=0)
    ).fit(made.images[train]),
}
nearest = {}
for name, encoder in encoders.items():
    nearest[name] = KNeighborsClassifier(1, metric="cosine")
    nearest[name].fit(encoder.transform(made.images[train]), made.writer[train])
    print(f"{name}: accuracy on lines {nearest[name].score(encoder.transform(X), y):.2f}")

# %%
# How much handwriting it takes
# -----------------------------
# A few letters say little, a line more. Each test line is cut to a part of its width. On parts of
# lines both encoders are equally good: the network is ahead on whole ones only.
widths = [50, 100, 200, 400]
_, ax = plt.subplots(figsize=(6, 3), layout="constrained")
for name, encoder in encoders.items():
    accuracies = [
        nearest[name].score(encoder.transform([image[:, :width] for image in X]), y)
        for width in widths
    ]
    ax.plot(widths, accuracies, marker="o", label=name)
ax.set(xlabel="pixels of a line", ylabel="accuracy", ylim=(0, 1.02), xticks=widths)
_ = ax.legend()

# %%
# Who is confused with whom
# -------------------------
# From the first 100 pixels of a line:
from hwsk.plotting import ConfusionDisplay

parts = [image[:, :100] for image in X]
predicted = nearest["iam-writers"].predict(encoders["iam-writers"].transform(parts))
_ = ConfusionDisplay.from_predictions(y, predicted)

# %%
# A split that misleads
# ---------------------
# Lines of a page share more than the writer: a pen, a paper, a scanner. Where lines are split at
# random, the same page is on both sides, and the score is too good. A WriterClassifier remembers
# the pages that it was fitted on (``fit(..., pages=pages)``), and warns of such a test by a
# :class:`~hwsk.identification.LeakageWarning`.
