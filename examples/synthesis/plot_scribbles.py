"""
==============================
Predict and sample pen strokes
==============================

:class:`~hwsk.synthesis.StrokePredictor` learns the density of the next pen position, given all
points so far. It knows no text: sampled point by point, it scribbles.
"""

# %%
# Sample
# ------
# Letters come out right here and there, and so do the gaps between words; sense does not.
import matplotlib.pyplot as plt

import hwsk
from hwsk.preprocessing import StrokeRasterizer

predictor = hwsk.load("stroke-predictor")

biases = [0, 0.5, 0.5, 1]
lines = [
    predictor.sample(1, n_points=350, bias=bias, random_state=seed)[0]
    for seed, bias in enumerate(biases)
]
images = StrokeRasterizer(height=64).fit_transform(lines)

figure, axes = plt.subplots(len(images), figsize=(8, 3.4), layout="constrained")
for ax, image, bias in zip(axes, images, biases, strict=True):
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set(xlim=(0, max(image.shape[1] for image in images)), xticks=[], yticks=[], anchor="W")
    ax.set_ylabel(f"bias {bias:g}", rotation=0, ha="right", va="center")
    ax.spines[:].set_visible(False)

# %%
# Log-likelihood of a line
# ------------------------
# As other densities of scikit-learn, it has ``score_samples``: nats a line, in the units of the
# training set's deviations. Lines that are turned about, or whose points come in any order, are
# less likely than those that it has drawn itself:
import numpy as np

rng = np.random.default_rng(0)
turned = [line * np.float32([-1, -1, 1]) for line in lines]
shuffled = [np.vstack([line[:1], rng.permutation(line[1:])]) for line in lines]
for name, strokes in {"as drawn": lines, "turned": turned, "shuffled": shuffled}.items():
    print(f"{name:9} {predictor.score(strokes):7.0f} nats a line")

# %%
# Plot the predicted density
# --------------------------
# The density itself, point for point. While the pen is within a stroke, the network is sure of what
# comes next; where it is lifted, the next stroke may begin in many places. Below are the
# probability of each component of the mixture, and of lifting the pen.
from hwsk.plotting import MixtureDisplay

display = MixtureDisplay.from_estimator(predictor, lines[3][:180])
