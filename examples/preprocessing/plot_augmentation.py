"""
==========================
Augmentation of text lines
==========================

Augmented copies of lines, slanted, stretched or written with another pen, help a recognizer with
new writers. An augmentation is a callable ``(image, rng) -> image``; an estimator applies the one
given as ``augment=`` to each image afresh in every epoch, in training only.
"""

# %%
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.preprocessing import HeightNormalizer

lines = make_handwriting(1, level="line", texts=["Her garden is full of roses"], random_state=1)
image = HeightNormalizer(40).fit_transform(lines.images)[0]


def show(augment, n=3):
    """Draw the line as it is, then `n` times changed."""
    rng = np.random.default_rng(1)
    images = [image, *(augment(image, rng) for _ in range(n))]
    width = max(changed.shape[1] for changed in images)
    size = (6, (n + 1) * 6 * 46 / width + 0.5)
    _, axes = plt.subplots(n + 1, figsize=size, layout="constrained")
    for ax, changed in zip(axes, images, strict=True):
        ax.imshow(changed, cmap="gray", vmin=0, vmax=255)
        ax.set_xlim(0, width)
        ax.set_xticks([])
        ax.set_yticks([])
    axes[0].set_title("before", loc="left", fontsize=8)
    axes[1].set_title("after", loc="left", fontsize=8)


# %%
# Slant, stretch, rotate, shift
# -----------------------------
# The height of the image stays; its width follows.
from hwsk.preprocessing.augmentation import RandomAffine

show(RandomAffine(rotation=1, shear=0.5, scale_x=(0.7, 1.4), scale_y=(0.7, 1), shift=0.1))

# %%
# Elastic distortion
# ------------------
# Every part moves a little, neighbours alike. A small ``sigma`` makes the pen tremble, a large
# one changes the shapes of letters.
from hwsk.preprocessing.augmentation import ElasticDistortion

show(ElasticDistortion(alpha=1.5, sigma=12))

# %%
# Thicker and thinner pens
# ------------------------
from hwsk.preprocessing.augmentation import RandomMorphology

show(RandomMorphology(thicker=2, thinner=1))

# %%
# Paler ink
# ---------
from hwsk.preprocessing.augmentation import RandomContrast

show(RandomContrast(fade=0.7, gamma=0.5))

# %%
# Out of focus
# ------------
from hwsk.preprocessing.augmentation import RandomBlur

show(RandomBlur(sigma=2))

# %%
# Grainy paper
# ------------
from hwsk.preprocessing.augmentation import RandomNoise

show(RandomNoise(std=0.15))

# %%
# Gaps
# ----
# What is wiped out must be guessed from the letters around it.
from hwsk.preprocessing.augmentation import RandomMask

show(RandomMask(n_strips=4, width=0.3))

# %%
# Several, each with a probability
# --------------------------------
# Any callable of that form can be a step, also your own.
from hwsk.preprocessing.augmentation import Compose

show(Compose([RandomAffine(shear=0.5), RandomMorphology(), RandomNoise(0.1)], p=[1, 0.5, 0.5]))

# %%
# What suits lines
# ----------------
# :func:`~hwsk.preprocessing.augmentation.default_augmentation` is made for lines about 40 pixels
# high. ``CTCRecognizer(augment=default_augmentation())`` uses it.
from hwsk.preprocessing.augmentation import default_augmentation

show(default_augmentation(), n=6)

# %%
# Twice as strong, it begins to cost legibility.
show(default_augmentation(strength=2), n=4)
