"""
================
Writer retrieval
================

Find the pages of an archive that the same person wrote, without labels and without a network:
local descriptors of the ink are aggregated to one vector a page (VLAD). Pages with near vectors
are likely by the same writer. See :ref:`identification`.
"""

# %%
# Data
# ----
# Forty writers, whose pages nobody has sorted, to learn from; fifteen others, each with four pages
# of two lines, to look among.
import numpy as np

from hwsk.datasets import make_handwriting

unsorted = make_handwriting(80, level="line", n_writers=40, height=40, random_state=1)
archive = make_handwriting(120, level="line", n_writers=15, height=40, random_state=2)
number = np.arange(120) // 15  # of the line; lines go round the writers
pages = np.array([f"{w}-{i // 2}" for w, i in zip(archive.writer, number, strict=True)])

# %%
# Encode lines
# ------------
# :class:`~hwsk.identification.LocalDescriptors` describes corners, bends and ends of strokes.
# :class:`~hwsk.identification.VLADEncoder` learns which of these there are, without asking for
# writers, and sums up how an image's own differ from them. The tone of the ink, which is the pen's,
# is taken away before.
from sklearn.pipeline import make_pipeline

from hwsk.identification import LocalDescriptors, VLADEncoder
from hwsk.preprocessing import Binarizer

encoder = make_pipeline(
    Binarizer(),
    LocalDescriptors(),
    VLADEncoder(n_clusters=24, n_components=96, random_state=0),
)
encoder.fit(unsorted.images)
vectors = encoder.transform(archive.images)
print(vectors.shape)

# %%
# Evaluate
# --------
# Each line asks for the others. Those of its own page are left out, or they would be found by what
# else a page has in common. :func:`~hwsk.metrics.mean_average_precision` is 1 where all lines
# by the writer come first.
from sklearn.metrics import pairwise_distances

from hwsk.metrics import hard_top_k_accuracy, mean_average_precision, soft_top_k_accuracy


def report(name, writers, distances, groups=None):
    print(
        f"{name}: mean average precision "
        f"{mean_average_precision(writers, distances, groups=groups):.2f}, "
        f"nearest right {soft_top_k_accuracy(writers, distances, groups=groups):.2f}, "
        f"nearest three right {hard_top_k_accuracy(writers, distances, k=3, groups=groups):.2f}"
    )


distances = pairwise_distances(vectors, metric="cosine")
report("lines", archive.writer, distances, pages)

# %%
# With a network
# --------------
# The embedding of the pretrained "iam-writers", which has seen none of these writers, needs no
# training on the archive:
import hwsk

embeddings = hwsk.load("iam-writers").transform(archive.images)
report("lines, iam-writers", archive.writer, pairwise_distances(embeddings, metric="cosine"), pages)

# %%
# Encode pages
# ------------
# With ``pages``, the encoder sums over all lines of a page.
descriptors = encoder[:-1].transform(archive.images)
_, first = np.unique(pages, return_index=True)
of_page = encoder[-1].transform(descriptors, pages=pages)[first]
report("pages", archive.writer[first], pairwise_distances(of_page, metric="cosine"))

# %%
# Plot nearest neighbours
# -----------------------
# Some lines, and what was found for them. Right ones have a green frame and a tick, wrong ones a
# red, dashed one and a cross.
from hwsk.plotting import RetrievalDisplay

_ = RetrievalDisplay.from_predictions(
    archive.images, archive.writer, distances, groups=pages, queries=[0, 40, 80]
)

# %%
# The lines with the lowest average precision:
precision = mean_average_precision(archive.writer, distances, groups=pages, average=None)
worst = np.argsort(precision)[:3]
_ = RetrievalDisplay.from_predictions(
    archive.images, archive.writer, distances, groups=pages, queries=worst
)

# %%
# Known writers
# -------------
# Where some pages are sorted, a nearest neighbour, or any other classifier of scikit-learn,
# predicts the writer of the others:
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

nearest = KNeighborsClassifier(1, metric="cosine")
scores = cross_val_score(nearest, vectors, archive.writer, groups=pages, cv=GroupKFold(4))
print(f"lines by known writers: accuracy {scores.mean():.2f}")
