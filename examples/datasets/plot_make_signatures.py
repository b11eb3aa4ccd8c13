"""
====================
Synthetic signatures
====================

Real signatures are personal data, and the data sets for research come with terms.
:func:`~hwsk.datasets.make_signatures` generates genuine signatures and skilled forgeries, to try a
verifier, to teach, or to test a program.
"""

# %%
# Genuine and forged
# ------------------
# Each row is a writer. The first four are genuine: they vary, as one's own do. The others, on a
# red ground, are skilled forgeries, each by another forger, who knows the signature well. The shape
# is right; but slant and proportions lean to the forger's habits, and the pen moves slowly: lines
# tremble, and here and there the pen is lifted where the writer would not.

import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_signatures

signatures = make_signatures(n_writers=6, n_genuine=4, n_forged=3, random_state=5)

_, axes = plt.subplots(6, 7, figsize=(10, 6), layout="constrained")
for axis, image, forged in zip(axes.ravel(), signatures.images, signatures.forged, strict=True):
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set(xticks=[], yticks=[])
    for spine in axis.spines.values():
        spine.set(edgecolor="tab:red" if forged else "tab:gray", linewidth=2 if forged else 0.5)

# %%
# Writer and forger
# -----------------
# A forgery pretends to be of its ``writer``, but another writer made it. ``hand`` says so: the
# writer for genuine signatures, a name of its own for each forgery. A verifier that learns from
# single images is given the hands; a split that keeps people apart is given the writers.

for row in range(3, 6):
    print(signatures.ids[row], signatures.writer[row], signatures.forged[row], signatures.hand[row])

# %%
# Evidence of a forgery
# ---------------------
# Pen, ink and paper are drawn for each sample from one distribution, forged or not. In a scanned
# collection that is often otherwise, and a verifier learns the scanner. Here only the line is left:
# above as its owner writes it, below as a forger does.

_, axes = plt.subplots(2, 3, figsize=(10, 4), layout="constrained")
for column, writer in zip(axes.T, ["s000", "s002", "s004"], strict=True):
    for axis, forged in zip(column, [False, True], strict=True):
        (row, *_) = np.flatnonzero((signatures.writer == writer) & (signatures.forged == forged))
        strokes = signatures.strokes[row]
        points = np.cumsum(strokes[:, :2], axis=0)
        for line in np.split(points, np.flatnonzero(strokes[:-1, 2]) + 1):
            axis.plot(*line.T, color="tab:red" if forged else "black", linewidth=1)
        axis.set_title(signatures.ids[row], loc="left", fontsize=8)
        axis.invert_yaxis()
        axis.set_aspect("equal")
        axis.axis("off")
plt.show()
