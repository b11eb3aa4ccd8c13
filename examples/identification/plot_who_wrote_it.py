"""
=====================
Writer identification
=====================

A :class:`~hwsk.identification.WriterClassifier` predicts the writer from patches of handwriting.
One patch says little, a line more, and a page is rarely wrong. See :ref:`identification`.
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
made = make_handwriting(n, level="line", n_writers=n_writers, height=32, random_state=0)
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
# Without training: nearest neighbours
# ------------------------------------
# "iam-writers" distinguishes 50 writers of IAM, none of whom is here. Its embedding of a line
# serves other writers, too: the nearest line of the training pages names the writer.
from sklearn.neighbors import KNeighborsClassifier

embedder = hwsk.load("iam-writers")
nearest = KNeighborsClassifier(1, metric="cosine")
nearest.fit(embedder.transform(made.images[train]), made.writer[train])
print(f"nearest line: accuracy {nearest.score(embedder.transform(X), y):.2f}")

# %%
# Train a classifier
# ------------------
# A small network of these writers alone, which also says where in a line it sees the writer. It
# draws patches where there is ink, other ones in each epoch. ``pages`` names the pages that it
# learns from. The tone of the ink is not the writer's: a Binarizer removes it.
from sklearn.pipeline import Pipeline

from hwsk.identification import WriterClassifier
from hwsk.preprocessing import Binarizer

network = WriterClassifier(patch_size=(32, 64), max_epochs=8, batch_size=4, random_state=0)
identifier = Pipeline([("binarize", Binarizer()), ("identify", network)])
identifier.fit(made.images[train], made.writer[train], identify__pages=pages[train])

# %%
# From a patch to a page
# ----------------------
# The log-probabilities of patches are averaged over a line; with ``pages``, over all lines of a
# page, which then get one answer.
from sklearn.metrics import accuracy_score

classifier = identifier[-1]
patches = [classifier.predict_patches(image) for image in identifier[:-1].transform(X)]
right = [
    table[classifier.classes_].idxmax(axis=1) == writer
    for table, writer in zip(patches, y, strict=True)
]
print(f"patches {np.concatenate(right).mean():.2f}")
print(f"lines   {accuracy_score(y, identifier.predict(X)):.2f}")
of_page = identifier.predict(X, pages=pages[test])
_, first = np.unique(pages[test], return_index=True)
print(f"pages   {accuracy_score(y[first], of_page[first]):.2f}")

# %%
# Plot the evidence
# -----------------
# Each patch of a line says something. Blue patches support the predicted writer, orange ones the
# second; their mean decides.
from hwsk.plotting import PatchMapDisplay

line = identifier[:-1].transform(X[:1])[0]
display = PatchMapDisplay.from_predictions(line, patches[0])
print(f"by {y[0]}, predicted {display.writer_}")

# %%
# Warning of leakage
# ------------------
# Lines of a page share more than the hand: a pen, a paper, a scanner. A score on pages that were
# trained on is worth nothing, so the classifier remembers them and warns. To be sure that an
# experiment is clean, turn the warning into an error:
# ``warnings.simplefilter("error", LeakageWarning)``.
import warnings

from hwsk.identification import LeakageWarning

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", LeakageWarning)
    identifier.predict(made.images[train], pages=pages[train])
print(caught[0].message)
