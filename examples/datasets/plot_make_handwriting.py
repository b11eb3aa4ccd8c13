"""
=====================
Synthetic handwriting
=====================

Real handwriting comes with a registration form and a licence.
:func:`~hwsk.datasets.make_handwriting` generates as much as you like, to try an idea, to teach, or
to test a program. Its letters are movements of a pen, so it gives strokes as well as images.
"""

# %%
# Writers
# -------
# One sentence, written by twelve writers. A writer leans, spaces and joins letters in a way of his
# or her own, prefers some letter forms, and bends each of them a little.

import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting

people = make_handwriting(
    12, n_writers=12, texts=["The quick brown fox, aged 7, jumped!"], random_state=3
)


def show(axis, image, title):
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set_title(title, loc="left", fontsize=8)
    axis.axis("off")


_, axes = plt.subplots(6, 2, figsize=(10, 6), layout="constrained")
for axis, image, writer in zip(axes.ravel(), people.images, people.writer, strict=True):
    show(axis, image, writer)

# %%
# Samples of one writer
# ---------------------
# Nobody writes a word twice in the same way. The letters of one writer vary, but less than from one
# writer to another. So writers can be distinguished.

again = make_handwriting(15, n_writers=3, texts=["morning"], random_state=3)

_, axes = plt.subplots(3, 5, figsize=(10, 3.2), layout="constrained")
for axis, image, writer in zip(axes.T.ravel(), again.images, again.writer, strict=True):
    show(axis, image, writer)

# %%
# Parameters of a style
# ---------------------
# Beside each sample, a column here, stand the values that made it: lengths in x-heights, the slant
# as a tangent, the width of the pen in pixels. With them you can check whether a program measures
# what it says.

again.style.head(3).round(2).T

# %%
# Strokes
# -------
# Each row of the strokes is a movement ``dx, dy`` (y points down), and whether the pen is lifted
# after it. Here every stroke has its own colour; dots and bars are set when a joined word is done.

strokes = people.strokes[4]
points = np.cumsum(strokes[:, :2], axis=0)
figure, axis = plt.subplots(figsize=(10, 1.8), layout="constrained")
for stroke in np.split(points, np.flatnonzero(strokes[:-1, 2]) + 1):
    axis.plot(*stroke.T)
axis.invert_yaxis()
axis.set_aspect("equal")
axis.axis("off")

# %%
# Your own texts and alphabet
# ---------------------------
# ``level="line"`` makes lines of built-in English, ``texts`` takes your own, and ``alphabet``
# restricts the characters. A character that can't be written is an error that names it.

numbers = make_handwriting(6, n_writers=6, alphabet="0123456789", random_state=0)
french = make_handwriting(6, n_writers=6, texts=["Noël à la fenêtre"], random_state=0)

_, axes = plt.subplots(6, 2, figsize=(8, 6), layout="constrained")
for row, left, right, text in zip(axes, numbers.images, french.images, numbers.text, strict=True):
    show(row[0], left, text)
    show(row[1], right, "Noël à la fenêtre")
plt.show()
