"""
==============================================
Reconstruct words by a variational autoencoder
==============================================

The image of a word has thousands of pixels, but words differ in far fewer ways: in slant, size,
letter forms, and the width of the pen. A variational autoencoder encodes an image as a short latent
vector, and reconstructs the image from it. See :ref:`representation`.
"""

# %%
# Encode
# ------
# The pretrained "and-vae" has learnt from the word "and" of CEDAR's writers. The words here are
# generated: it has seen neither their writers nor their style.
import matplotlib.pyplot as plt
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting

words = make_handwriting(40, texts=["and"], n_writers=20, random_state=0)
vae = hwsk.load("and-vae")
Z = vae.transform(words.images)
print(f"{words.images[0].shape} pixels -> {Z[0].shape} numbers")

# %%
# Reconstruct
# -----------
# Words above what the decoder makes of their 32 numbers. Ink that is missing there is red, ink that
# is not in the image blue.
from hwsk.plotting import ReconstructionDisplay

_ = ReconstructionDisplay.from_estimator(vae, words.images)

# %%
# Traverse the latent dimensions
# ------------------------------
# A row for each of the six numbers that vary most: from left to right, one of them goes from low
# to high, all others stay what they are for the first of these words.
from hwsk.plotting import LatentTraversalDisplay

_ = LatentTraversalDisplay.from_estimator(vae, words.images, start=0)

# %%
# Interpolate
# -----------
# Between the vectors of two words lie those of words that nobody wrote.
share = np.linspace(0, 1, 8)[:, np.newaxis]
path = vae.inverse_transform((1 - share) * Z[0] + share * Z[1])
_, axes = plt.subplots(1, 8, figsize=(10, 1.4), layout="constrained")
for ax, image in zip(axes, path, strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()

# %%
# Sample
# ------
# Latent vectors of all words together follow nearly a standard normal distribution, so that a
# vector drawn from that should be a word, too. Some of these are; many are not clear.
_, axes = plt.subplots(2, 8, figsize=(10, 2.8), layout="constrained")
for ax, image in zip(axes.flat, vae.sample(16, random_state=0), strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()

# %%
# Likelihood
# ----------
# ``score_samples`` gives a lower bound of the log-likelihood, in nats. Another word is less likely
# than an "and":
others = make_handwriting(40, texts=["the"], n_writers=20, random_state=0)
for text, images in {"and": words.images, "the": others.images}.items():
    print(f"{text!r}: {np.median(vae.score_samples(images)):.0f} nats, median")
