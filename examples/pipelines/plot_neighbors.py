"""
==================================
Neighbours and clusters of writers
==================================

The verifier's embedding and its distance are all that scikit-learn's neighbours and clustering
need: to identify writers of whom a few samples are known, and to sort samples of unknown writers.
See :ref:`verification`.
"""

# %%
# Embeddings
# ----------
# Six words by each of 24 generated writers; the pretrained verifier has seen none of them.
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting

words = make_handwriting(144, texts=["and"], n_writers=24, random_state=3)
verifier = hwsk.load("and-verifier").set_params(comparator=None)  # by embeddings alone
embeddings = verifier.transform(words.images)
print(embeddings.shape)

# %%
# Nearest neighbours
# ------------------
# Two words of each writer are known. The network was trained for pairs, and learns no new weights
# for these writers. Pixels of the centred words are the baseline, and a strong one: generated
# writers differ much.
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from hwsk.preprocessing import CharacterNormalizer

split = StratifiedShuffleSplit(10, train_size=48, random_state=0)
pixels = np.reshape(CharacterNormalizer().fit_transform(words.images), (144, -1)) / 255.0
nearest = KNeighborsClassifier(n_neighbors=1)
for name, X in {"embedding": embeddings, "pixels": pixels}.items():
    scores = cross_val_score(nearest, X, words.writer, cv=split)
    print(f"{name:10} accuracy {scores.mean():.2f}, standard deviation {scores.std():.2f}")

# %%
# The metric itself
# -----------------
# ``get_metric`` gives the distance of two flattened images as a function. It is slower than
# embeddings, for they are computed in one batch; but it goes wherever a metric goes, and serves a
# verifier that compares images by their local descriptors, as "and-verifier" does unless it is set
# otherwise.
from hwsk.preprocessing import Binarizer

height, width = verifier.image_size_
canvas = np.full((144, height, width), 255, np.uint8)
for place, image in zip(canvas, Binarizer().fit_transform(words.images), strict=True):
    part = image[:height, :width]
    place[: part.shape[0], : part.shape[1]] = part
rows = canvas.reshape(144, -1)
known, asked = np.arange(48), np.arange(48, 96)
by_metric = KNeighborsClassifier(1, metric=verifier.get_metric(), algorithm="brute")
by_metric.fit(rows[known], words.writer[known])
by_embedding = nearest.fit(verifier.transform(canvas[known]), words.writer[known])
same = by_metric.predict(rows[asked]) == by_embedding.predict(verifier.transform(canvas[asked]))
print(f"same answers as by embeddings: {same.mean():.0%}")

# %%
# Clusters
# --------
# Without any label. The number of writers is unknown, too: clusters are joined until they are
# farther apart than the threshold at which the verifier decides for two writers, which is
# calibrated on other writers.
from sklearn.cluster import AgglomerativeClustering
from sklearn.metrics import adjusted_rand_score

others = make_handwriting(80, texts=["and"], n_writers=20, random_state=4)
verifier.calibrate_threshold(others.images, others.writer, strategy="eer")
clustering = AgglomerativeClustering(
    n_clusters=None, distance_threshold=-verifier.threshold_, linkage="average"
)
found = clustering.fit_predict(embeddings)
print(f"{clustering.n_clusters_} clusters, {len(set(words.writer))} writers")
print(f"adjusted Rand index {adjusted_rand_score(words.writer, found):.2f}")

# %%
# Which writer is in which cluster. A row with several cells is a writer whom the clustering has
# divided, a column with several cells joins writers.
import matplotlib.pyplot as plt
import pandas as pd

table = pd.crosstab(words.writer, found)
_, ax = plt.subplots(figsize=(6, 5), layout="constrained")
ax.imshow(table, cmap="Blues", vmin=0)
for (i, j), count in np.ndenumerate(table):
    if count:
        ax.text(j, i, count, ha="center", va="center", color="white" if count > 3 else "black")
ax.set_yticks(range(len(table)), table.index)
ax.set(xlabel="cluster", xticks=[])
