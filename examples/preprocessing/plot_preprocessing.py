"""
======================================
From a poor scan to a line to be read
======================================

Each image transformer, before and after. They take images and give images, learn nothing, and
chain in a :class:`~sklearn.pipeline.Pipeline`.

The writing is made by :func:`~hwsk.datasets.make_handwriting`, and spoilt as a bad scanner would:
the page lay askew, the lamp was uneven, the paper is stained.
"""

# %%
import cv2
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting

rng = np.random.default_rng(0)
clean = make_handwriting(6, level="line", random_state=3).images


def scan(image, slant=0.35, slope=0.05, paper=225.0, ink=70.0):
    """Shear and tilt a line, then print it on grainy grey paper under uneven light."""
    image = np.pad(image, 50, constant_values=255)
    middle = np.array(image.shape[::-1]) / 2
    linear = np.array([[1, 0], [slope, 1]]) @ [[1, -slant], [0, 1]]
    matrix = np.column_stack([linear, middle - linear @ middle])
    image = cv2.warpAffine(image, matrix, image.shape[::-1], borderValue=255)
    light = np.linspace(1.0, 0.55, image.shape[1])
    gray = (ink + (paper - ink) * image / 255) * light + rng.normal(0, 5, image.shape)
    return np.clip(gray, 0, 255).astype(np.uint8)


scans = [scan(image) for image in clean]


def compare(images, one_scale=False):
    """Draw images below each other, each under its name; at one scale, on grey, if asked."""
    widest = max(image.shape[1] for image in images.values())
    heights = [image.shape[0] if one_scale else 1 for image in images.values()]
    _, axes = plt.subplots(
        len(images),
        figsize=(8, 1.6 * len(images)),
        height_ratios=heights,
        layout="constrained",
    )
    for ax, (title, image) in zip(axes, images.items(), strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set_title(f"{title}, {image.shape[0]} x {image.shape[1]}", loc="left", fontsize=9)
        ax.set(xticks=[], yticks=[], anchor="W", facecolor="0.8")
        if one_scale:
            ax.set_xlim(-0.5, widest - 0.5)


# %%
# Polarity
# --------
# All of hwsk expects dark ink on light paper. :class:`~hwsk.preprocessing.Grayscale` turns
# negatives round: there is more paper than ink, so most pixels tell which side is paper.
from hwsk.preprocessing import Grayscale

negative = 255 - scans[0]
compare({"before": negative, "Grayscale()": Grayscale().fit_transform([negative])[0]})

# %%
# Ink and paper
# -------------
# :class:`~hwsk.preprocessing.Binarizer` finds the ink. Otsu's method has one threshold for the
# image, which is fast and right for an even scan. Under uneven light it loses a part or fills in
# the rest; Sauvola's has a threshold for each pixel.
from hwsk.preprocessing import Binarizer

compare(
    {
        "before": scans[0],
        'Binarizer("otsu")': Binarizer("otsu").fit_transform([scans[0]])[0],
        'Binarizer("sauvola")': Binarizer("sauvola").fit_transform([scans[0]])[0],
    }
)

# %%
# Level lines
# -----------
# :class:`~hwsk.preprocessing.Deskewer` tries angles, and keeps the one under which the ink is in
# the fewest rows.
from hwsk.preprocessing import Deskewer

ink = Binarizer("sauvola").fit_transform([scans[1]])
level = Deskewer().fit_transform(ink)
compare({"before": ink[0], "Deskewer()": level[0]}, one_scale=True)

# %%
# Only the writing
# ----------------
# :class:`~hwsk.preprocessing.InkCropper` cuts to the ink; specks of dirt don't count.
from hwsk.preprocessing import InkCropper

cropped = InkCropper(margin=0.1).fit_transform(level)
compare({"before": level[0], "InkCropper(margin=0.1)": cropped[0]})

# %%
# Upright strokes
# ---------------
# :class:`~hwsk.preprocessing.Deslanter` tries shears, and keeps the one under which the ink is in
# the fewest columns. For a recognizer that makes writers more alike; for telling writers apart,
# leave the slant in.
from hwsk.preprocessing import Deslanter

upright = Deslanter().fit_transform(cropped)
compare({"before": cropped[0], "Deslanter()": upright[0]})

# %%
# One height
# ----------
# :class:`~hwsk.preprocessing.HeightNormalizer` scales, and keeps the proportions. By default it
# scales the whole image, so that a stray mark makes all letters small, even after cropping;
# ``method="moments"`` goes by where most of the ink is. It may cut the end of
# a loop that reaches far above or below the line.
from hwsk.preprocessing import HeightNormalizer

stray = np.pad(upright[0], ((0, 60), (0, 0)), constant_values=255)
cv2.line(stray, (300, 118), (315, 125), 0, 3)
moments = HeightNormalizer(40, method="moments")
compare(
    {
        "before": stray,
        "HeightNormalizer(40)": HeightNormalizer(40).fit_transform([stray])[0],
        'HeightNormalizer(40, method="moments")': moments.fit_transform([stray])[0],
    }
)

# %%
# Dense writing can be widened, so that each letter has room: ``stroke_spacing`` is the least mean
# distance between strokes, in pixels of the outcome.
dense = cv2.resize(upright[0], None, fx=0.6, fy=1, interpolation=cv2.INTER_AREA)
spaced = HeightNormalizer(40, method="moments", stroke_spacing=13)
compare(
    {
        'HeightNormalizer(40, method="moments")': moments.fit_transform([dense])[0],
        'HeightNormalizer(40, method="moments", stroke_spacing=13)': spaced.fit_transform([dense])[
            0
        ],
    }
)

# %%
# All in one
# ----------
# A recognizer at the end of this pipeline is trained on, and reads, raw scans.
from sklearn.pipeline import make_pipeline

preprocessing = make_pipeline(
    Grayscale(),
    Binarizer("sauvola"),
    Deskewer(),
    InkCropper(margin=0.1),
    Deslanter(),
    HeightNormalizer(40, method="moments", stroke_spacing=13),
)
before, after = scans[2:5], preprocessing.fit_transform(scans[2:5])

_, axes = plt.subplots(3, 2, figsize=(9, 3), layout="constrained")
for row, pair in zip(axes, zip(before, after, strict=True), strict=True):
    for ax, image in zip(row, pair, strict=True):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xticks=[], yticks=[])
