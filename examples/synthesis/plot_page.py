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
# By default each line is read by "iam-lines", and written again until no word is misread. ``None``
# in its place writes each line once, in a fraction of the time, and mistakes stay.
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import matplotlib.pyplot as plt

import hwsk
from hwsk.writing import write

synthesizer = hwsk.load("synthesizer")

text = """\
Dear reader,

nobody has written this page. A network drew it,
a point of the pen at a time.

Yours, the machine"""

page = write(text, synthesizer, None, size=(148, 105), margin=14, random_state=1)
page

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

plt.figure(figsize=(7, 5), layout="constrained")
plt.imshow(image[..., ::-1])
_ = plt.axis("off")
folder.cleanup()
