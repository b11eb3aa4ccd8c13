"""
====================================
Handwriting in the style of a writer
====================================

A synthesizer fitted with ``style_units`` describes a hand by a vector. It writes in the hands of
the writers that it has learnt from, in that of a line which you give, and in hands between two.
"""

# %%
# Hands by number
# ---------------
# `styles_` has a vector for each writer in `fit`; its rows are chosen by number.
import matplotlib.pyplot as plt
import numpy as np

import hwsk
from hwsk.preprocessing import StrokeRasterizer

synthesizer = hwsk.load("synthesizer")
print(f"{len(synthesizer.styles_)} hands, each of {synthesizer.style_units} numbers")

numbers = [16, 56, 112, 136, 144, 192]
text = "no two hands are alike"
written = synthesizer.sample(
    texts=[text] * len(numbers), style=synthesizer.styles_[numbers], random_state=0
)


def draw(ax, strokes, title):
    """A line in its place on the axes."""
    ax.imshow(StrokeRasterizer(height=64).fit_transform([strokes])[0], cmap="gray")
    ax.set(xlim=(0, 760), xticks=[], yticks=[], anchor="W")
    ax.spines[:].set_visible(False)
    ax.set_title(title, loc="left", fontsize="small")


figure, axes = plt.subplots(3, 2, figsize=(9, 3.6), layout="constrained")
for ax, number, strokes in zip(axes.flat, numbers, written, strict=True):
    draw(ax, strokes, f"hand {number}")

# %%
# Between two hands
# -----------------
# What lies between two vectors is a hand, too.
one, other = synthesizer.styles_[[56, 192]]
steps = np.linspace(0, 1, 4)
between = synthesizer.sample(
    texts=["from one to the other"] * 4,
    style=[(1 - t) * one + t * other for t in steps],
    random_state=1,
)
figure, axes = plt.subplots(4, figsize=(5, 3.6), layout="constrained")
for ax, t, strokes in zip(axes, steps, between, strict=True):
    draw(ax, strokes, f"{t:.0%} of the other")

# %%
# The hand of a line
# ------------------
# Real lines belong to those who wrote them, so here the synthesizer makes up the lines that are
# given. One of your own comes from a file, by :func:`~hwsk.datasets.load_strokes`
# (:ref:`writing`). `encode_style` needs the strokes alone; a `prime` takes what they say as well,
# and the network goes on from there as if it had written them.
#
# Slant is a property of hands: that of a line written should be that of the line given.
from hwsk.preprocessing import StrokeDeslanter

said = "the line that is given"
given = synthesizer.sample(
    texts=[said] * 12, style=synthesizer.styles_[:216:18], bias=0.5, random_state=5
)
texts = ["in this hand"] * len(given)
ways = {
    "by its vector": {"style": synthesizer.encode_style(given)},
    "as prime": {"prime": [(strokes, said) for strokes in given]},
    "not given": {},
}
slant = StrokeDeslanter()
figure, axes = plt.subplots(1, 3, figsize=(9, 3.4), sharey=True, layout="constrained")
for ax, (title, way) in zip(axes, ways.items(), strict=True):
    lines = synthesizer.sample(texts=texts, random_state=6, **way)
    x, y = slant.measure(given), slant.measure(lines)
    ax.scatter(x, y, color="tab:blue")
    ax.axline((0, 0), slope=1, color="grey", linewidth=0.8)
    ax.set(title=f"{title}: correlation {np.corrcoef(x, y)[0, 1]:.2f}")
    ax.set(xlabel="slant of the given line")
axes[0].set_ylabel("slant of the line written")
figure.suptitle("12 hands: few, and a correlation of few varies much")
