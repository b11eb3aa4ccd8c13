"""
========================
Confusions of characters
========================

Most errors of a character classifier are between similar characters: O and 0, 1 and I, q and 9. A
confusion matrix counts them, and images of both classes show whether a reader could distinguish
them. See :ref:`characters`.
"""

# %%
# A pretrained classifier
# -----------------------
# "emnist-characters" has learnt the 47 classes of EMNIST. The characters here are generated, in
# another style than those: 25 classes by 60 writers.
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting

alphabet = "0123456789ABGIOQSTZabfgqt"
texts = np.random.default_rng(0).permutation(np.resize(list(alphabet), 700))
made = make_handwriting(700, texts=texts, n_writers=60, random_state=0)
train = made.writer < "w030"

# %%
# Normalize like EMNIST
# ---------------------
# Crops have all sizes, and dark ink on light paper.
# :class:`~hwsk.preprocessing.CharacterNormalizer` makes of each what EMNIST has: 28 x 28 pixels,
# light on dark, centred, with strokes not thinner than its own. Photographs of your characters go
# the same way, after ``Binarizer("sauvola")``.
import matplotlib.pyplot as plt

from hwsk.preprocessing import CharacterNormalizer

X = CharacterNormalizer().fit_transform(made.images)

_, axes = plt.subplots(2, 10, figsize=(8, 2), layout="constrained")
for column, images in zip(axes.T, zip(made.images, X, strict=True), strict=False):
    for ax, image in zip(column, images, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])

# %%
# Fine-tune
# ---------
# A few hundred characters by half of the writers teach it the new style. Fitted anew, it knows the
# classes that it is given, with the weights that it had.
classifier = hwsk.load("emnist-characters")
before = classifier.score(X[~train], made.text[~train])
classifier.set_params(warm_start=True, max_epochs=2, batch_size=16)
classifier.fit(X[train], made.text[train])
after = classifier.score(X[~train], made.text[~train])
print(f"accuracy on the other writers: {before:.3f} before, {after:.3f} after")

# %%
# Confusion matrix
# ----------------
# Each row is a true class and adds up to 1. The colour follows the cube root, or the diagonal would
# outshine everything.
from hwsk.plotting import ConfusionDisplay

_ = ConfusionDisplay.from_estimator(classifier, X[~train], made.text[~train])

# %%
# Confused pairs
# --------------
# The most frequent ones. On the outside stand characters that were recognized, inside, in red,
# those that were taken for the other. In front, how many of both were.
from hwsk.plotting import ConfusedPairsDisplay

display = ConfusedPairsDisplay.from_estimator(classifier, X[~train], made.text[~train], n_pairs=6)

# %%
# Where the inner pictures could be of either class, no network helps, only the word around them
# does. EMNIST merges such classes. As a table, without pictures
# (:func:`hwsk.metrics.confused_pairs` makes it, too):
display.pairs_.head(6)
