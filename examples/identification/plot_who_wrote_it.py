"""
=====================
Writer identification
=====================

A :class:`~hwsk.identification.WriterClassifier` predicts the writer from patches of handwriting.
One patch says little, a line more, and a page is rarely wrong.
"""

# %%
# Data
# ----
# Each writes five pages of three lines. Pages matter: a classifier has to be tested on pages that
# it has seen nothing of.
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting

n_writers, n_pages, n_lines = 10, 5, 3
made = make_handwriting(
    n_writers * n_pages * n_lines, level="line", n_writers=n_writers, height=32, random_state=0
)
number = np.arange(len(made.writer)) // n_writers  # of the line; lines go round the writers
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
# sides. One fold of five is held out.
from sklearn.model_selection import StratifiedGroupKFold

split = StratifiedGroupKFold(n_pages, shuffle=True, random_state=0)
train, test = next(split.split(made.images, made.writer, groups=pages))
print(f"{len(set(pages[train]))} pages to learn from, {len(set(pages[test]))} to tell")

# %%
# Train
# -----
# Made writers have inks of their own, some black, some grey. That is nobody's hand: a
# :class:`~hwsk.preprocessing.Binarizer` takes it away. The classifier draws patches where there is
# ink, other ones in each epoch. ``pages`` names the pages that it learns from.
from sklearn.pipeline import Pipeline

from hwsk.identification import WriterClassifier
from hwsk.preprocessing import Binarizer

identifier = Pipeline(
    [
        ("binarize", Binarizer()),
        (
            "identify",
            WriterClassifier(patch_size=(32, 64), max_epochs=12, batch_size=4, random_state=0),
        ),
    ]
)
identifier.fit(made.images[train], made.writer[train], identify__pages=pages[train])

# %%
# From a patch to a page
# ----------------------
# The log-probabilities of patches are averaged over a line; with ``pages``, over all lines of a
# page, which then get one answer.
from sklearn.metrics import accuracy_score

X, y = made.images[test], made.writer[test]
classifier = identifier["identify"]
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
# Who is taken for whom, line by line:
from hwsk.plotting import ConfusionDisplay

_ = ConfusionDisplay.from_estimator(identifier, X, y)

# %%
# Plot the evidence
# -----------------
# Each patch of a page's lines says something. Blue patches speak for the writer, red ones for the
# other of the two that are likeliest; what decides is their mean. The map is put together of lines,
# since lines are what was learnt: patches of the whole page would lie across two of them.
import pandas as pd

from hwsk.plotting import PatchMapDisplay

page, distance = pages[test][0], 36
lines = made.images[pages == page]
paper = np.full((distance * len(lines), max(line.shape[1] for line in lines)), 255, np.uint8)
tables = []
for top, line in zip(range(0, len(paper), distance), lines, strict=True):
    paper[top : top + line.shape[0], : line.shape[1]] = line
    table = classifier.predict_patches(identifier[:-1].transform([line])[0])
    tables.append(table.assign(top=table["top"] + top))
display = PatchMapDisplay.from_predictions(paper, pd.concat(tables))
print(f"by {made.writer[pages == page][0]}, taken for {display.writer_}")

# %%
# Warning of leakage
# ------------------
# Lines of a page share more than the hand: a pen, a paper, a scanner. A score on pages that were
# learnt from is worth nothing, so the classifier remembers them and warns. To be sure that an
# experiment is clean, turn the warning into an error:
# ``warnings.simplefilter("error", LeakageWarning)``.
import warnings

from hwsk.identification import LeakageWarning

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always", LeakageWarning)
    identifier.predict(made.images[train], pages=pages[train])
print(caught[0].message)
