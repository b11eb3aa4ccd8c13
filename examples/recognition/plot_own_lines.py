"""
===================================
Train on a folder of your own lines
===================================

The training data are images in a folder, each with a transcript. Files are decoded when they are
needed. A saved recognizer can be fine-tuned later, on new characters too.
"""

# %%
# Make a folder of lines
# ----------------------
# So that this page runs anywhere, it first makes what you would have: entries of a register, by
# many clerks, as ``0000.png`` with the transcript in ``0000.gt.txt``.
import tempfile
from pathlib import Path

import cv2
import numpy as np

from hwsk.datasets import make_handwriting

rng = np.random.default_rng(0)
folder = tempfile.TemporaryDirectory()


def write_register(name, n_lines, n_writers, seed, mark=""):
    """Make a folder of images with transcripts, and a table that also has the writers."""
    names = rng.choice(["Ada", "Eva", "Emil", "Ida", "Lena", "Otto", "Paul", "Tom"], n_lines)
    texts = [f"{name} {rng.integers(1840, 1880)}{mark}" for name in names]
    made = make_handwriting(
        n_lines, level="line", texts=texts, n_writers=n_writers, height=48, random_state=seed
    )
    path = Path(folder.name, name)
    path.mkdir()
    table = ["path,text,writer"]
    for i, text in enumerate(made.text):
        cv2.imwrite(str(path / f"{i:04}.png"), made.images[i])
        (path / f"{i:04}.gt.txt").write_text(text, encoding="utf-8")
        table.append(f"{i:04}.png,{text},{made.writer[i]}")
    (path / "lines.csv").write_text("\n".join(table), encoding="utf-8")
    return path


register = write_register("register", 600, 60, seed=0)
print(*sorted(file.name for file in register.iterdir())[:4], "...")

# %%
# Load the folder
# ---------------
# The images are paths. Nothing is decoded yet.
from hwsk.datasets import load_lines

lines = load_lines(register)
print(Path(lines.images[0]).name, "->", lines.text[0])

# %%
# A table, ``.csv`` or ``.tsv``, does as well. Its paths count from its own folder, and it can say
# who wrote what: then a split keeps writers apart, and the score is one on hands not seen.
from sklearn.model_selection import GroupShuffleSplit

lines = load_lines(register / "lines.csv")
split = GroupShuffleSplit(1, test_size=0.1, random_state=0)
train, test = next(split.split(lines.images, groups=lines.writer))

# %%
# Fit on paths
# ------------
# Each epoch reads the files anew, batch by batch, so memory stays flat however many there are. For
# real lines leave the network's sizes at their defaults, add a
# :class:`~hwsk.preprocessing.Binarizer` and a :class:`~hwsk.preprocessing.Deslanter`, and pass
# ``augment=default_augmentation()``; here all is small, for a minute on one core.
from sklearn.pipeline import Pipeline

from hwsk.preprocessing import Grayscale, HeightNormalizer, InkCropper
from hwsk.recognition import CTCRecognizer

recognizer = CTCRecognizer(
    height=24,
    channels=(12, 24, 32),
    dense_units=48,
    hidden_units=48,
    num_layers=1,
    dropout=0.1,
    shortcut_weight=1.0,
    max_epochs=14,
    batch_size=8,
    lr=6e-3,
    random_state=0,
)
reader = Pipeline(
    [
        ("gray", Grayscale()),
        ("crop", InkCropper()),
        ("height", HeightNormalizer(24)),
        ("recognize", recognizer),
    ]
)
reader.fit(lines.images[train], lines.text[train])
score = reader.score(lines.images[test], lines.text[test])
print(f"alphabet {recognizer.alphabet_!r}, score on unseen writers {score:.2f}")

# %%
from hwsk.plotting import ReadingDisplay

_ = ReadingDisplay.from_estimator(reader, lines.images[test], lines.text[test], max_lines=6)

# %%
# Save
# ----
# One file holds preprocessing, network and alphabet; whoever loads it passes paths or arrays. On
# the command line: ``hwsk recognize register.hwsk *.png``.
import hwsk

model = Path(folder.name, "register.hwsk")
hwsk.save(reader, model)
print(hwsk.load(model).predict(lines.images[test][:3]))

# %%
# Fine-tune
# ---------
# Later there are more lines, and in these doubtful years have a question mark: a character that the
# reader doesn't know.
doubtful = load_lines(write_register("doubtful", 160, 40, seed=1, mark="?") / "lines.csv")
first, rest = next(split.split(doubtful.images, groups=doubtful.writer))

reader = hwsk.load(model)
before = reader.score(doubtful.images[rest], doubtful.text[rest])

# %%
# With ``warm_start``, ``fit`` goes on from the weights there are, and the alphabet grows. Some of
# the old lines among the new keep it from forgetting them.
reader.set_params(recognize__warm_start=True, recognize__max_epochs=4, recognize__lr=3e-3)
reader.fit(
    np.concatenate([doubtful.images[first], lines.images[train][:150]]),
    np.concatenate([doubtful.text[first], lines.text[train][:150]]),
)
after = reader.score(doubtful.images[rest], doubtful.text[rest])
print(f"alphabet {reader['recognize'].alphabet_!r}")
print(f"doubtful years: score {before:.2f} before, {after:.2f} after")
print(f"first register: score {reader.score(lines.images[test], lines.text[test]):.2f} after")

# %%
_ = ReadingDisplay.from_estimator(reader, doubtful.images[rest], doubtful.text[rest], max_lines=4)
folder.cleanup()
