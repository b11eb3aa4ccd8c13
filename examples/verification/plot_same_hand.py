"""
===================
Writer verification
===================

Were these two words written by the same writer? A :class:`~hwsk.verification.SiameseVerifier`
learns from some writers how handwriting differs, and then compares that of others.
"""

# %%
# One word, many writers
# ----------------------
# Everybody writes "and". A verifier is for writers that it never saw. So writers are split, not
# images: a training set, a validation set for the threshold, and a test set.
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting

words = make_handwriting(1500, texts=["and"], n_writers=300, height=32, random_state=0)
number = np.unique(words.writer, return_inverse=True)[1]
train, valid, test = number < 200, (number >= 200) & (number < 240), number >= 240

_, axes = plt.subplots(3, 5, figsize=(10, 3.6), layout="constrained")
for row, writer in zip(axes, ["w240", "w241", "w242"], strict=True):
    for ax, image in zip(row, words.images[words.writer == writer], strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.axis("off")
    row[0].set_title(writer, loc="left", fontsize=9)

# %%
# Train
# -----
# ``fit`` is given single words and their writers, and takes pairs within a batch. The tone of the
# ink depends on the pen, not on the writer: a :class:`~hwsk.preprocessing.Binarizer` removes it.
from hwsk.preprocessing import Binarizer
from hwsk.verification import SiameseVerifier

verifier = SiameseVerifier(
    preprocessor=Binarizer(),
    image_size=(32, 64),
    channels=(16, 32, 64, 64),
    max_epochs=15,
    lr=2e-3,
    random_state=0,
)
verifier.fit(words.images[train], words.writer[train])

# %%
# Calibrate the threshold on held-out writers
# -------------------------------------------
# Embeddings of the writers of ``fit`` are closer together than those of other writers. So the
# threshold and the probabilities come from other writers.
verifier.calibrate_threshold(words.images[valid], words.writer[valid], strategy="eer")
print(f"same writer from a score of {verifier.threshold_:.2f}")

# %%
# Test
# ----
# :func:`~hwsk.model_selection.make_pairs` makes pairs of the test writers' words, here as many
# positive as negative ones. scikit-learn's displays draw the scores of
# :meth:`~hwsk.verification.SiameseVerifier.pair_score`. The distance of the pixels is the baseline.
import cv2
from sklearn.metrics import (
    DetCurveDisplay,
    RocCurveDisplay,
    balanced_accuracy_score,
    pairwise_distances,
)

from hwsk.metrics import equal_error_rate
from hwsk.model_selection import make_pairs

X, y = words.images[test], words.writer[test]
rows, same = make_pairs(y, balanced=True, random_state=0)
pairs = X[rows]
pixels = np.stack([cv2.resize(image, (64, 32)).ravel() for image in Binarizer().transform(X)])
of_pixels = -pairwise_distances(pixels)[tuple(rows.T)]
scores = {"verifier": verifier.pair_score(pairs), "pixels": of_pixels}

_, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for name, score in scores.items():
    RocCurveDisplay.from_predictions(same, score, name=name, ax=left)
    rate = equal_error_rate(same, score)
    DetCurveDisplay.from_predictions(same, score, name=f"{name} (EER {rate:.2f})", ax=right)
left.plot([0, 1], [1, 0], color="gray", linewidth=0.8, linestyle=":")
left.set_title("ROC: on the dotted line errors are equal")
right.set_title("DET: lower left is better")

predicted = verifier.predict(pairs)
print(f"balanced accuracy at the threshold: {balanced_accuracy_score(same, predicted):.2f}")

# %%
# The interval of the error rate. The pairs of a writer depend on each other, so whole writers are
# drawn:
from hwsk.metrics import pair_bootstrap_interval

low, high = pair_bootstrap_interval(
    equal_error_rate, same, scores["verifier"], y[rows], n_resamples=200, random_state=0
)
print(f"equal error rate {low:.2f} to {high:.2f}")

# %%
# The hardest pairs
# -----------------
# On the left the same writer, on the right different writers. A cross marks an error.
from hwsk.plotting import PairDisplay

_ = PairDisplay.from_estimator(verifier, pairs, same, n_pairs=3)

# %%
# A map of writers
# ----------------
# As a transformer, the verifier gives an embedding of each word. Two principal components of the
# embeddings of eight test writers, whom it never saw:
from sklearn.decomposition import PCA

eight = np.isin(y, np.unique(y)[:8])
components = PCA(2).fit_transform(verifier.transform(X[eight]))

_, ax = plt.subplots(figsize=(7, 5), layout="constrained")
for writer, marker in zip(np.unique(y[eight]), "os^vD<>P", strict=True):
    ax.scatter(*components[y[eight] == writer].T, marker=marker, label=writer)
ax.set(xlabel="first component", ylabel="second component")
_ = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
