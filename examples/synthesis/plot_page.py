"""
===========================
Write a page of handwriting
===========================

:func:`~hwsk.writing.write` breaks a text into lines, writes them in one hand, and sets them on
paper: level baselines, even letters, margins. The page is saved as SVG, PNG, GIF or InkML.
"""

# %%
# A letter
# --------
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import matplotlib.pyplot as plt

import hwsk
from hwsk.writing import write

synthesizer = hwsk.load("synthesizer")

text = """\
Dear reader,

this page has not been written by anybody. A network drew it, a point of the pen at a time, \
and looked along the text while it did.

It wrote each line in the hand of the first one, and all that was done afterwards was to make \
the baselines level, and the letters of one size.

Yours, the machine"""

page = write(text, synthesizer, size=(148, 210), margin=14, random_state=1)
page

# %%
# Two hands
# ---------
# Hands given as ``prime`` take turns at each blank line. Here they are made up as well; ``size`` is
# in millimetres, ``align`` centres.
said = "a line to know them by"
hands = [(synthesizer.sample(texts=[said], random_state=seed)[0], said) for seed in (11, 12)]
dialogue = "Who wrote this, you or me?\n\nI did, but you may sign it.\n\nThen let us both."
both = write(
    dialogue, synthesizer, prime=hands, size=(120, 70), margin=10,
    align="center", ink="black", paper="#fdf6e3", random_state=0,
)  # fmt: skip
both

# %%
# Files
# -----
# The suffix says what a page becomes. For a machine that holds a pen, ``style="plotter"`` leaves
# out paper and widths, and keeps the order of writing.
folder = TemporaryDirectory()
for name, options in {
    "letter.svg": {}, "moving.svg": {"style": "animated"}, "pen.svg": {"style": "plotter"},
    "letter.png": {"dpi": 100}, "letter.gif": {"dpi": 60}, "letter.inkml": {},
}.items():  # fmt: skip
    files = page.save(Path(folder.name, name), **options)  # one for each sheet
    print(f"{name:13} {files[0].stat().st_size / 1000:5.0f} kB")
    if files[0].suffix == ".png":
        image = cv2.imread(str(files[0]))

plt.figure(figsize=(6, 8.5), layout="constrained")
plt.imshow(image[..., ::-1])
_ = plt.axis("off")
folder.cleanup()
