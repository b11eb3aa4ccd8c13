"""
==============================================
Reconstruct words by a variational autoencoder
==============================================

The image of a word has thousands of pixels, but words differ in far fewer ways: in slant, size,
letter forms, and the width of the pen. A variational autoencoder learns to encode an image as a
short latent vector, and to reconstruct the image from it.
"""

# %%
# Data
# ----
# The word is always the same; what varies is the hand. The words by fifty of the hands are kept
# aside, to see what holds for others.
import numpy as np

from hwsk.datasets import make_handwriting

words = make_handwriting(1200, texts=["and"], n_writers=400, height=32, random_state=0)
known = np.array([int(writer[1:]) < 350 for writer in words.writer])
X, X_new = words.images[known], words.images[~known]
print(f"{len(X)} words to learn from, {len(X_new)} by other hands")

# %%
# Fit
# ---
# Words of all sizes are cut to their ink and fitted to a canvas of ``image_size``. What is learnt
# is a decoder that makes the images likely, and an encoder that says which vectors do.
from hwsk.representation import VariationalAutoencoder

vae = VariationalAutoencoder(
    latent_dim=16,
    image_size=(32, 64),
    channels=(16, 32, 64, 64),
    max_epochs=20,
    lr=5e-3,
    random_state=0,
)
Z = vae.fit_transform(X)
print(f"{X[0].shape} pixels -> {Z[0].shape} numbers")
print(f"lower bound of the log-likelihood, other hands: {vae.score(X_new):.0f} nats a word")

# %%
# Reconstruct
# -----------
# Words by hands that it never saw, above what the decoder makes of their sixteen numbers. Ink that
# is missing there is red, ink that is not in the image blue.
from hwsk.plotting import ReconstructionDisplay

_ = ReconstructionDisplay.from_estimator(vae, X_new)

# %%
# Traverse the latent dimensions
# ------------------------------
# A row for each of the six numbers that vary most: from left to right, one of them goes from low
# to high, all others stay what they are for the first of these words.
from hwsk.plotting import LatentTraversalDisplay

_ = LatentTraversalDisplay.from_estimator(vae, X_new, start=0)

# %%
# Interpolate
# -----------
# Between the vectors of two words lie those of words that nobody wrote.
share = np.linspace(0, 1, 8)[:, np.newaxis]
start, end = vae.transform(X_new[:2])
path = vae.inverse_transform((1 - share) * start + share * end)

import matplotlib.pyplot as plt

_, axes = plt.subplots(1, 8, figsize=(10, 1), layout="constrained")
for ax, image in zip(axes, path, strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()

# %%
# Sample
# ------
# Vectors of all words are spread about as a standard normal distribution is, so that a vector
# drawn from that is a word, too, if not always a clear one.
_, axes = plt.subplots(2, 8, figsize=(10, 1.6), layout="constrained")
for ax, image in zip(axes.flat, vae.sample(16, random_state=0), strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=1)
    ax.set_axis_off()

# %%
# Loss by epoch
# -------------
# ``history_`` counts the numbers that are in use: those that differ from image to image.
import pandas as pd

pd.DataFrame(vae.history_).set_index("epoch")[["train_loss", "active_units"]].iloc[::4]
