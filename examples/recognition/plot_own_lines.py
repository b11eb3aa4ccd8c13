"""
===================================
Fine-tune on a folder of your lines
===================================

The training data are images in a folder, each with a transcript. A pretrained recognizer learns
from eighty of them what is special in them, new characters too. See :ref:`fine-tuning`.
"""

# %%
# Make a folder of lines
# ----------------------
# So that this page runs anywhere, it first makes what you would have: entries of a ledger, by many
# clerks, as ``0000.png`` with the transcript in ``0000.gt.txt``, and a table.
import tempfile
from pathlib import Path

import cv2
import numpy as np

from hwsk.datasets import make_handwriting

rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory()
names = rng.choice(["Ada", "Eva", "Emil", "Ida", "Lena", "Otto", "Paul", "Tom"], 120)
texts = [
    f"{name} €{amount}" for name, amount in zip(names, rng.integers(10, 400, 120), strict=True)
]
made = make_handwriting(120, texts=texts, n_writers=30, random_state=0)
table = ["path,text,writer"]
for i, text in enumerate(made.text):
    cv2.imwrite(str(Path(folder.name, f"{i:04}.png")), made.images[i])
    Path(folder.name, f"{i:04}.gt.txt").write_text(text, encoding="utf-8")
    table.append(f"{i:04}.png,{text},{made.writer[i]}")
Path(folder.name, "lines.csv").write_text("\n".join(table), encoding="utf-8")

# %%
# Load it
# -------
# ``load_lines`` takes the folder, or a table whose paths count from its own folder. The images are
# paths: nothing is decoded yet. The table says who wrote what, so a split keeps writers apart, and
# the score is one on writers that training has not seen.
from sklearn.model_selection import GroupShuffleSplit

from hwsk.datasets import load_lines

lines = load_lines(Path(folder.name, "lines.csv"))
print(Path(lines.images[0]).name, "->", lines.text[0])
split = GroupShuffleSplit(1, test_size=0.35, random_state=0)
train, test = next(split.split(lines.images, groups=lines.writer))
X_train, y_train, X_test, y_test = (
    data[rows] for rows in (train, test) for data in (lines.images, lines.text)
)

# %%
# Before
# ------
# The pretrained reader has learnt from English prose. It knows no euro sign, and has met few
# figures.
import warnings

import hwsk
from hwsk.plotting import ReadingDisplay

warnings.filterwarnings("ignore", message=".*(mean confidence|upside down|2 lines)")  # of one image
reader = hwsk.load("iam-lines")
reader.set_params(recognize__decoder=None)  # its language model knows no "€"
before = reader.score(X_test, y_test)
print(f"{len(reader[-1].alphabet_)} characters, '€' among them: {'€' in reader[-1].alphabet_}")
_ = ReadingDisplay.from_estimator(reader, X_test, y_test, max_lines=5)

# %%
# Fine-tune
# ---------
# ``fine_tune`` goes on from the pretrained weights, and the alphabet grows. The weights end half of
# the way from the former ones (``alpha``), which keeps what was learnt before; those of the new
# character alone go the whole way. The reader given stays as it is.
from hwsk.recognition import fine_tune

tuned = fine_tune(reader, X_train, y_train, random_state=0)
after = tuned.score(X_test, y_test)
print(f"'€' in the alphabet: {'€' in tuned[-1].alphabet_}")
print(f"score (1 - character error rate): {before:.2f} before, {after:.2f} after")
_ = ReadingDisplay.from_estimator(tuned, X_test, y_test, max_lines=5)

# %%
# What it forgets
# ---------------
# Fine-tuning can forget old material that it does not see again, such as English words. With a
# smaller ``alpha`` it forgets less, and learns less; ``rehearsal`` takes old lines to be learnt
# along.
prose = make_handwriting(15, level="line", n_writers=10, random_state=3)
for name, model in {"pretrained": reader, "fine-tuned": tuned}.items():
    print(f"{name}: score on English prose {model.score(prose.images, prose.text):.2f}")

# %%
# Save
# ----
# One file holds preprocessing, network and alphabet; whoever loads it passes paths or arrays. On
# the command line: ``hwsk recognize ledger.hwsk *.png``.
path = Path(folder.name, "ledger.hwsk")
hwsk.save(tuned, path)
print(hwsk.load(path).predict(X_test[:3]))
folder.cleanup()
