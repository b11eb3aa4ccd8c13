"""
==================================================
Words, signatures and sketches in one encoder
==================================================

One :class:`~hwsk.representation.VariationalAutoencoder` learns all that is drawn by a pen. Images
of any size are fitted to one canvas. See :ref:`representation`.
"""

# %%
# Three kinds of drawings
# -----------------------
# Words and signatures are generated. So are the sketches here, of three simple things; real ones
# are read by :func:`~hwsk.datasets.load_sketches`. All come as pen strokes.
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting, make_signatures
from hwsk.preprocessing import StrokeRasterizer

rng = np.random.default_rng(0)
circle = np.column_stack([f(np.linspace(0, 2 * np.pi, 24)) for f in (np.cos, np.sin)])
shapes = {
    "house": [
        [(-1, 1), (-1, -0.4), (1, -0.4), (1, 1), (-1, 1)],
        [(-1.2, -0.3), (0, -1.4), (1.2, -0.3)],
    ],
    "face": [
        1.2 * circle,
        0.15 * circle + (-0.4, -0.3),
        0.15 * circle + (0.4, -0.3),
        0.5 * circle[:13],
    ],
    "sun": [0.7 * circle, *([0.9 * circle[i], 1.4 * circle[i]] for i in range(0, 24, 3))],
}


def draw_sketch(parts):
    """Draw the parts, bent and shaken a little, as offsets of the pen."""
    warp = np.eye(2) + rng.normal(0, 0.15, (2, 2))
    lines = [np.asarray(part) @ warp + rng.normal(0, 0.04, (len(part), 2)) for part in parts]
    offsets = np.diff(np.vstack(lines), axis=0, prepend=[[0, 0]])
    pen_up = np.concatenate([np.arange(len(line)) == len(line) - 1 for line in lines])
    return np.column_stack([offsets, pen_up]).astype(np.float32)


names = np.resize(list(shapes), 120)
strokes = {
    "word": make_handwriting(120, texts=["and"], n_writers=40, random_state=0).strokes,
    "signature": make_signatures(20, 6, 0, random_state=0).strokes,
    "sketch": [draw_sketch(shapes[name]) for name in names],
}
kind = np.repeat(list(strokes), 120)
X = StrokeRasterizer(height=48, pen_width=2).fit_transform(
    [sample for samples in strokes.values() for sample in samples]
)

# %%
# Train one encoder
# -----------------
# A sixth of each kind is held out.
from hwsk.representation import VariationalAutoencoder

train = np.arange(len(X)) % 6 > 0
images = np.empty(len(X), dtype=object)
images[:] = X
vae = VariationalAutoencoder(
    24, image_size=(32, 64), channels=(12, 24, 48, 48), max_epochs=12, lr=5e-3,
    batch_size=16, random_state=0,
)  # fmt: skip
vae.fit(images[train])

# %%
# Reconstruct
# -----------
# Held-out drawings above their reconstructions. Ink that is missing there is red, ink that is not
# in the image blue. After so short a training they are blurred. The error above each is a mean over
# pixels: little ink has a small one.
from hwsk.plotting import ReconstructionDisplay

shown = np.concatenate([np.flatnonzero(~train & (kind == name))[:3] for name in strokes])
_ = ReconstructionDisplay.from_estimator(vae, images[shown], rows=9)

# %%
# What latents know
# -----------------
# No label was given. A linear classifier on the latents of the training set says how well they
# separate the kinds, and the things that were sketched, on held-out drawings:
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Z = vae.transform(images)
classifier = make_pipeline(StandardScaler(), LogisticRegression())
classifier.fit(Z[train], kind[train])
print(f"word, signature or sketch: accuracy {classifier.score(Z[~train], kind[~train]):.2f}")
first, rest = Z[kind == "sketch"], train[kind == "sketch"]
classifier.fit(first[rest], names[rest])
print(f"house, face or sun: accuracy {classifier.score(first[~rest], names[~rest]):.2f}")

# %%
# Two principal components of the latents of all drawings:
from sklearn.decomposition import PCA

components = PCA(2).fit_transform(Z)
_, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for name, marker in zip(strokes, "os^", strict=True):
    ax.scatter(*components[kind == name].T, marker=marker, s=14, alpha=0.7, label=name)
ax.set(xlabel="first component", ylabel="second component")
_ = ax.legend()
