"""
========================
Confusions of characters
========================

Most errors of a character classifier are between similar characters: O and 0, 1 and I, 5 and S. A
confusion matrix counts them, and images of both classes show whether a reader could distinguish
them.
"""

# %%
# Synthetic characters
# --------------------
# Digits, and letters that resemble them, by 150 writers to learn from and 50 others.
import numpy as np

from hwsk.datasets import make_handwriting

alphabet = "0123456789ABGIOQSTZabglqz"


def write_characters(n_samples, n_writers, seed):
    texts = np.random.default_rng(seed).permutation(np.resize(list(alphabet), n_samples))
    return make_handwriting(n_samples, texts=texts, n_writers=n_writers, random_state=seed)


train = write_characters(3000, 150, seed=0)
test = write_characters(1500, 50, seed=1)

# %%
# Normalize like EMNIST
# ---------------------
# Crops have all sizes, and dark ink on light paper.
# :class:`~hwsk.preprocessing.CharacterNormalizer` makes of each what EMNIST has: 28 x 28 pixels,
# light on dark, centred, with strokes not thinner than its own. Photographs of your characters go
# the same way, after ``Binarizer("sauvola")``.
import matplotlib.pyplot as plt

from hwsk.preprocessing import CharacterNormalizer

normalizer = CharacterNormalizer()
X_train = normalizer.fit_transform(train.images)
X_test = normalizer.transform(test.images)

_, axes = plt.subplots(2, 10, figsize=(8, 2), layout="constrained")
for column, images in zip(axes.T, zip(test.images, X_test, strict=True), strict=False):
    for ax, image in zip(column, images, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])

# %%
# Train
# -----
# A small network, for a quarter of a minute on one core.
from hwsk.recognition import CharacterClassifier

classifier = CharacterClassifier(
    architecture="cnn", channels=(8, 16, 32), max_epochs=6, batch_size=64, lr=5e-3, random_state=0
)
classifier.fit(X_train, train.text)
print(f"accuracy on writers never met: {classifier.score(X_test, test.text):.3f}")

# %%
# Confusion matrix
# ----------------
# Each row is a true class and adds up to 1. The colour follows the cube root, or the diagonal would
# outshine everything.
from hwsk.plotting import ConfusionDisplay

_ = ConfusionDisplay.from_estimator(classifier, X_test, test.text)

# %%
# Confused pairs
# --------------
# The worst pairs. On the outside stand characters that were read rightly, inside, in red, those
# that were taken for the other. In front, how many of both were.
from hwsk.plotting import ConfusedPairsDisplay

display = ConfusedPairsDisplay.from_estimator(classifier, X_test, test.text, n_pairs=8)

# %%
# Where the inner pictures could be of either class, no network helps, only the word around them
# does: z is a small Z, and once the sizes are made equal, nothing is left to tell them by. EMNIST
# merges such classes. Where you could tell, more writers to learn from will help.
#
# As a table, without pictures (:func:`hwsk.metrics.confused_pairs` makes it, too):
display.pairs_.head(8)
