"""
==============================
Generate handwriting from text
==============================

:class:`~hwsk.synthesis.HandwritingSynthesizer` predicts pen strokes from text. The pretrained
model that ships with hwsk was trained on IAM-OnDB: English lines that some two hundred people
wrote on a whiteboard.
"""

# %%
# Predict
# -------
# A line is an array ``(T, 3)``: how far the pen goes to the right and down, and whether it is
# lifted then. ``predict`` writes a text always in the same way.
import hwsk

synthesizer = hwsk.load("synthesizer")

texts = [
    "Written by a network,",
    "a point at a time.",
]
lines = synthesizer.predict(texts)
for text, strokes in zip(texts, lines, strict=True):
    print(f"{len(strokes):4} points: {text}")

# %%
# Any transformer of strokes takes them; drawn as images they are what
# :class:`~hwsk.recognition.CTCRecognizer` reads.
import matplotlib.pyplot as plt

from hwsk.preprocessing import StrokeRasterizer


def show(lines, titles=None):
    """Lines below each other, all at one scale."""
    images = StrokeRasterizer(height=64).fit_transform(lines)
    widest = max(image.shape[1] for image in images)
    figure, axes = plt.subplots(
        len(images), figsize=(8, 0.85 * len(images)), squeeze=False, layout="constrained"
    )
    for i, (ax, image) in enumerate(zip(axes[:, 0], images, strict=True)):
        ax.imshow(image, cmap="gray", vmin=0, vmax=255)
        ax.set(xlim=(0, widest), xticks=[], yticks=[], anchor="W")
        ax.spines[:].set_visible(False)
        if titles is not None:
            ax.set_ylabel(titles[i], rotation=0, ha="right", va="center")
    return figure


figure = show(lines)

# %%
# Random sampling
# ---------------
# ``sample`` draws anew each time, and in another hand: who is writing is decided by the first
# strokes.
text = "This is one text."
figure = show(synthesizer.sample(texts=[text] * 4, random_state=1))

# %%
# Bias
# ----
# ``bias`` narrows the density of the next point. At 0 the network samples with all the variation of
# its training data, slips of the pen included. This model is set to 1, where its lines are
# recognized best.
biases = [0, 1, 2]
figure = show(
    [synthesizer.sample(texts=[text], bias=bias, random_state=2)[0] for bias in biases],
    [f"bias {bias:g}" for bias in biases],
)

# %%
# How neat it has to be is a matter of who reads. Here it is the model that reads lines
# (:ref:`recognition`), over four short lines:
from hwsk.metrics import character_error_rate

reader = hwsk.load("iam-lines")
written = [
    "the weather was fine", "and they went out", "to see the river", "nobody had warned",
]  # fmt: skip
for bias in (0, 1):
    made = synthesizer.sample(texts=written, bias=bias, random_state=3)
    read = reader.predict(StrokeRasterizer(height=96).fit_transform(made))
    print(f"bias {bias:3}: character error rate {character_error_rate(written, read):.1%}")

# %%
# Characters that it can't write
# ------------------------------
# The synthesizer knows the characters of the texts that it has learnt from, and names any other.
print(synthesizer.alphabet_)
try:
    synthesizer.predict(["50 € for a letter"])
except ValueError as error:
    print(error)
