"""
=========================================
Read lines on any paper, and in any light
=========================================

A photograph has shadows, a ledger has ruled lines, old ink is faint. The pretrained recognizer of
lines prepares its images by itself. Here the same lines are read after ten changes. See
:ref:`recognition`.
"""

# %%
# Four lines
# ----------
# Written by the pretrained synthesizer, each in a hand of its own: dark ink on white paper.
import numpy as np

import hwsk
from hwsk.preprocessing import StrokeRasterizer

texts = [
    "the weather was fine",
    "they went out to see",
    "nobody had warned us",
    "at the old bridge",
]
strokes = hwsk.load("synthesizer").sample(texts=texts, random_state=2)
lines = [
    np.pad(line, 8, constant_values=255)
    for line in StrokeRasterizer(height=96).fit_transform(strokes)
]

# %%
# Ten changes
# -----------
# Each takes a grey image and returns one, in colour in one case.
import cv2


def uneven_light(image):
    """Let the light fall off to 45% at the right."""
    return (image * np.linspace(1, 0.45, image.shape[1])).astype(np.uint8)


def shadow(image):
    """Throw a soft shadow over the left half."""
    half = np.where(np.arange(image.shape[1]) < image.shape[1] // 2, 0.4, 1.0)
    return (image * cv2.GaussianBlur(half[np.newaxis], (0, 0), 15)).astype(np.uint8)


def faint_ink(image):
    """Ink of tone 140 on paper of tone 180."""
    return (140 + image * (40 / 255)).astype(np.uint8)


def dark_edges(image):
    """The edges of a scan, 5 pixels wide."""
    return np.pad(image[5:-5, 5:-5], 5, constant_values=20)


def ruled_line(image):
    """Rule a line through the words."""
    changed, row = image.copy(), int(0.62 * len(image))
    changed[row : row + 2] = np.minimum(changed[row : row + 2], 90)
    return changed


def compressed(image):
    """JPEG of quality 20."""
    _, content = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 20])
    return cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)


def low_resolution(image):
    """A third of the pixels in each direction."""
    return cv2.resize(image, None, fx=1 / 3, fy=1 / 3, interpolation=cv2.INTER_AREA)


def skewed(image):
    """Rotate by 3 degrees."""
    height, width = image.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 3, 1)
    matrix[1, 2] += 20
    return cv2.warpAffine(image, matrix, (width, height + 40), borderValue=255)


def coloured(image):
    """Blue ink on yellow paper."""
    share = image[..., np.newaxis] / 255
    return (np.array([40, 60, 150]) * (1 - share) + np.array([240, 225, 160]) * share).astype("u1")


def negative(image):
    """Light ink on dark paper."""
    return 255 - image


changes = [
    uneven_light, shadow, faint_ink, dark_edges, ruled_line,
    compressed, low_resolution, skewed, coloured, negative,
]  # fmt: skip

# %%
# Read them
# ---------
# The rate of wrong characters of the four lines, unchanged and after each change.
import warnings

from hwsk.metrics import character_error_rate

warnings.filterwarnings("ignore", message=".*mean confidence")  # of single lines
reader = hwsk.load("iam-lines")
print(f"{'unchanged':15}  CER {character_error_rate(texts, reader.predict(lines)):5.1%}")
for change in changes:
    read = reader.predict([change(line) for line in lines])
    print(f"{change.__name__:15}  CER {character_error_rate(texts, read):5.1%}")

# %%
# The first line, as the reader was given it, and below what it read.
import matplotlib.pyplot as plt

fig, axes = plt.subplots(5, 2, figsize=(9, 7), layout="constrained")
for ax, change in zip(axes.flat, changes, strict=True):
    image = change(lines[0])
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set(title=change.__name__.replace("_", " "), xticks=[], yticks=[])
    ax.set_xlabel(reader.predict([image])[0])

# %%
# What the network is given
# -------------------------
# All steps before the last one prepare the image. Of so different images they make similar ones.
fig, axes = plt.subplots(5, 2, figsize=(9, 5), layout="constrained")
for ax, change in zip(axes.flat, changes, strict=True):
    ax.imshow(reader[:-1].transform([change(lines[0])])[0], cmap="gray", vmin=0, vmax=255)
    ax.set(title=change.__name__.replace("_", " "), xticks=[], yticks=[])
