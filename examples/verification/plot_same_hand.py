"""
===================
Writer verification
===================

Were these two words written by the same writer? A pretrained
:class:`~hwsk.verification.SiameseVerifier` answers for writers that it never saw. See
:ref:`verification`.
"""

# %%
# One word, many writers
# ----------------------
# Generated words by 60 writers. The pretrained verifier has learnt from the word "and" of CEDAR's
# writers; so everybody writes "and" here.
import matplotlib.pyplot as plt
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting

words = make_handwriting(300, texts=["and"], n_writers=60, random_state=0)
verifier = hwsk.load("and-verifier")

_, axes = plt.subplots(3, 5, figsize=(10, 3.6), layout="constrained")
for row, writer in zip(axes, ["w040", "w041", "w042"], strict=True):
    for ax, image in zip(row, words.images[words.writer == writer], strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.axis("off")
    row[0].set_title(writer, loc="left", fontsize=9)

# %%
# Calibrate the threshold
# -----------------------
# The threshold and the probabilities of the model hold for scans like CEDAR's. For these words they
# come from twenty of the writers; the other forty test it.
valid = words.writer < "w020"
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
from hwsk.preprocessing import Binarizer, InkCropper

X, y = words.images[~valid], words.writer[~valid]
rows, same = make_pairs(y, balanced=True, random_state=0)
pairs = X[rows]
cropped = InkCropper().fit_transform(Binarizer().fit_transform(X))
pixels = np.stack([cv2.resize(image, (64, 32)).ravel() for image in cropped])
of_pixels = -pairwise_distances(pixels.astype(float))[tuple(rows.T)]
scores = {"verifier": verifier.pair_score(pairs), "pixels": of_pixels}

_, (left, right) = plt.subplots(1, 2, figsize=(10, 4.5), layout="constrained")
for name, score in scores.items():
    RocCurveDisplay.from_predictions(same, score, name=name, ax=left)
    rate = equal_error_rate(same, score)
    DetCurveDisplay.from_predictions(same, score, name=f"{name} (EER {rate:.3f})", ax=right)
left.plot([0, 1], [1, 0], color="gray", linewidth=0.8, linestyle=":")
left.set_title("ROC: on the dotted line errors are equal")
right.set_title("DET: lower left is better")
predicted = verifier.predict(pairs)
print(f"balanced accuracy at the threshold: {balanced_accuracy_score(same, predicted):.3f}")

# %%
# The interval of the error rate. The pairs of a writer depend on each other, so whole writers are
# drawn:
from hwsk.metrics import pair_bootstrap_interval

low, high = pair_bootstrap_interval(
    equal_error_rate, same, scores["verifier"], y[rows], n_resamples=100, random_state=0
)
print(f"equal error rate {low:.3f} to {high:.3f}")

# %%
# The hardest pairs
# -----------------
# On the left the same writer, on the right different writers. A tick marks a right decision, a
# cross an error.
from hwsk.plotting import PairDisplay

_ = PairDisplay.from_estimator(verifier, pairs, same, n_pairs=3)
