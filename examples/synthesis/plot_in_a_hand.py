"""
====================================
Handwriting in the style of a writer
====================================

A synthesizer that is *primed* starts from the strokes of a given line, as if it had written them,
and continues in the same hand. Priming takes one line of strokes and its transcript.
"""

# %%
# Data
# ----
# Real lines belong to those who wrote them, so this page lets the synthesizer make up two hands: a
# seed, a line, and whoever wrote that is a hand. A line of your own comes from a file, by
# :func:`~hwsk.datasets.load_strokes` (:ref:`writing`).
import matplotlib.pyplot as plt
import numpy as np

import hwsk
from hwsk.preprocessing import StrokeRasterizer

synthesizer = hwsk.load("synthesizer")

said = "the first line"
hands = synthesizer.sample(texts=[said] * 2, random_state=4)

# %%
# Prime the synthesizer
# ---------------------
texts = ["and all that follows", "is in the same hand"]
written = [synthesizer.sample(texts=texts, prime=(hand, said), random_state=0) for hand in hands]


def draw(ax, strokes, color):
    """A line in its place on the axes."""
    image = StrokeRasterizer(height=64).fit_transform([strokes])[0]
    ink = 1 - image[..., np.newaxis] / 255
    ax.imshow(1 - ink * (1 - np.array(color)))
    ax.set(xlim=(0, 700), xticks=[], yticks=[], anchor="W")
    ax.spines[:].set_visible(False)


figure, axes = plt.subplots(3, 2, figsize=(9, 2.8), layout="constrained")
for column, (hand, lines) in enumerate(zip(hands, written, strict=True)):
    draw(axes[0, column], hand, (0.75, 0.1, 0.1))
    for ax, strokes in zip(axes[1:, column], lines, strict=True):
        draw(ax, strokes, (0.1, 0.1, 0.1))
    axes[0, column].set_title(f"hand {column + 1}; red: the line that is given", loc="left")

# %%
# Evaluate
# --------
# Slant is a property of hands. That of the lines written should be that of the line that was given.
from hwsk.preprocessing import StrokeDeslanter

slant = StrokeDeslanter()
many = synthesizer.sample(texts=[said] * 8, random_state=5)
again = synthesizer.sample(
    texts=["in this hand"] * 8,
    prime=[(hand, said) for hand in many],
    random_state=6,
)
free = synthesizer.sample(texts=["in this hand"] * 8, random_state=7)

figure, axes = plt.subplots(1, 2, figsize=(7, 3.4), sharey=True, layout="constrained")
for ax, lines, title in zip(axes, [again, free], ["primed", "not primed"], strict=True):
    x, y = slant.measure(many), slant.measure(lines)
    ax.scatter(x, y, color="tab:blue")
    ax.axline((0, 0), slope=1, color="grey", linewidth=0.8)
    ax.set(title=f"{title}: correlation {np.corrcoef(x, y)[0, 1]:.2f}")
    ax.set(xlabel="slant of the given line")
axes[0].set_ylabel("slant of the line written")
figure.suptitle("8 hands: few, and a correlation of few varies much")
