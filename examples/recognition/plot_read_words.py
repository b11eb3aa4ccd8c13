"""
===================================
Recognize words by held-out writers
===================================

A whole experiment in scikit-learn's terms: a pipeline that ends in a
:class:`~hwsk.recognition.CTCRecognizer`, a split by writer, a baseline, a search, an inspection of
the errors, and two ways to save the recognizer.
"""

# %%
# Data
# ----
# Short words of nine letters keep this page quick. The writers are made up, and each has a style.
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

from hwsk.datasets import make_handwriting

words = make_handwriting(1000, alphabet="aehinorst", n_writers=100, random_state=0)

fig, axes = plt.subplots(3, 5, figsize=(8, 2.6), layout="constrained")
for ax, image, text, writer in zip(axes.flat, words.images, words.text, words.writer, strict=False):
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    ax.set_title(f"{text} ({writer})", fontsize=8)
    ax.set_axis_off()

# %%
# Split by writer
# ---------------
# The score that counts is the one on hands never seen, so no writer is on both sides.
from sklearn.model_selection import GroupShuffleSplit

split = GroupShuffleSplit(1, test_size=0.15, random_state=0)
train, test = next(split.split(words.images, groups=words.writer))
X_train, y_train, writers = words.images[train], words.text[train], words.writer[train]
X_test, y_test = words.images[test], words.text[test]
print(f"{len(train)} words to learn from, {len(test)} by {len(set(words.writer[test]))} others")

# %%
# Pipeline
# --------
# What the preprocessing makes alike, the network need not learn; what ``augment`` varies, it learns
# not to mind. Defaults suit real lines; for these words a small network does.
from sklearn.pipeline import Pipeline

from hwsk.preprocessing import Deslanter, Grayscale, HeightNormalizer, InkCropper
from hwsk.preprocessing.augmentation import RandomAffine
from hwsk.recognition import CTCRecognizer

reader = Pipeline(
    [
        ("gray", Grayscale()),
        ("crop", InkCropper()),
        ("deslant", Deslanter()),
        ("height", HeightNormalizer(24, method="moments")),
        (
            "recognize",
            CTCRecognizer(
                height=24,
                channels=(12, 24, 32),
                dense_units=48,
                hidden_units=48,
                num_layers=1,
                dropout=0.1,
                max_epochs=16,
                lr=6e-3,
                augment=RandomAffine(shear=0.2, scale_x=(0.85, 1.2), scale_y=(0.85, 1.05)),
                random_state=0,
            ),
        ),
    ]
)

# %%
# Search
# ------
# A pipeline is searched like any other, each fold with writers of its own. What is asked here is
# how much the second, simpler head should weigh that reads the CNN directly during training: with
# few steps to take, much. The search is kept small (two values, two folds, the shortest words, ten
# epochs), and shows how a search is made, not which value is better: for that,
# the difference is too small beside what two folds and one seed leave to chance.
import numpy as np
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, GroupKFold

short = np.flatnonzero([len(text) <= 3 for text in y_train])[:400]
search = GridSearchCV(
    clone(reader).set_params(recognize__batch_size=8, recognize__max_epochs=10),
    {"recognize__shortcut_weight": [0.1, 1.0]},
    cv=GroupKFold(2),
    refit=False,
).fit(X_train[short], y_train[short], groups=writers[short])
results = search.cv_results_
for params, score in zip(results["params"], results["mean_test_score"], strict=True):
    print(params, f"score {score:.2f}")

# %%
# Fit
# ---
# With ``early_stopping``, a tenth of the training writers is held out, and the best epoch's weights
# are kept. ``history_`` has the loss of each epoch, and the score on those writers. The training
# loss lies above the other as it includes the second head, and is that of augmented images.
reader.set_params(
    **search.best_params_, recognize__early_stopping=True, recognize__n_iter_no_change=16
)
reader.fit(X_train, y_train, recognize__groups=writers)

history = reader["recognize"].history_
epochs = [row["epoch"] for row in history]
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 2.8), layout="constrained")
left.plot(epochs, [row["train_loss"] for row in history], label="training")
left.plot(epochs, [row["valid_loss"] for row in history], label="writers held out")
left.set(xlabel="epoch", ylabel="CTC loss for a character", ylim=0)
left.legend()
right.plot(epochs, [row["valid_score"] for row in history], color="C1")
right.set(xlabel="epoch", ylabel="1 - character error rate", ylim=(0, 1))
for ax in (left, right):
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))

# %%
# Evaluate
# --------
# The baseline looks up the training image most like the word and gives its text. The third row asks
# for words that were never trained on, by writers never seen. There are only three dozen words to
# learn from here, and the LSTM learns to expect them: it spells new ones worse. Many texts matter
# as much as many hands.
import cv2
from sklearn.neighbors import NearestNeighbors

from hwsk.metrics import character_error_rate, word_error_rate


def thumbnails(images):
    """The prepared images as rows of pixels, all of one size."""
    prepared = reader[:-1].transform(images)
    return np.array([cv2.resize(image, (48, 16)).ravel() for image in prepared])


nearest = NearestNeighbors(n_neighbors=1).fit(thumbnails(X_train))
looked_up = y_train[nearest.kneighbors(thumbnails(X_test))[1].ravel()]
new_words = ["hers", "rain", "heart", "stone", "nose", "ants", "hair", "shirt", "tin"]
new = make_handwriting(150, texts=new_words, n_writers=15, random_state=1)

for name, true, read in (
    ("nearest image", y_test, looked_up),
    ("CTCRecognizer", y_test, reader.predict(X_test)),
    ("CTCRecognizer, new words", new.text, reader.predict(new.images)),
):
    cer, wer = character_error_rate(true, read), word_error_rate(true, read)
    print(f"{name:25}  CER {cer:5.1%}  WER {wer:5.1%}")

# %%
# Plot predictions
# ----------------
# Under each word its reading; where that is wrong, the truth stands below it.
from hwsk.plotting import ReadingDisplay

_, axes = plt.subplots(1, 4, figsize=(8, 4.6), layout="constrained")
for column, ax in enumerate(axes):
    rows = slice(4 * column, 4 * column + 4)
    ReadingDisplay.from_estimator(reader, X_test[rows], y_test[rows], ax=ax)

# %%
# Plot probabilities of characters
# --------------------------------
# ``predict_log_proba`` gives, for each step of four pixels, the log-probability of every character
# and of the blank, "nothing new here". Each character shows as a short peak, a few steps wide
# at most; the blank fills the rest. The reading is the brightest row of each column, with repeats
# merged and blanks dropped.
example = max(range(len(X_test)), key=lambda i: len(y_test[i]))
prepared = reader[:-1].transform([X_test[example]])[0]
log_proba = reader["recognize"].predict_log_proba([prepared])[0]
rows = ["blank", *reader["recognize"].alphabet_]

fig, (top, bottom) = plt.subplots(
    2, figsize=(6, 4.5), height_ratios=[1, 2], sharex=True, layout="constrained"
)
steps = len(log_proba)
top.imshow(prepared, cmap="gray", aspect="auto", extent=(-0.5, prepared.shape[1] / 4 - 0.5, 1, 0))
top.set(title=f"{y_test[example]!r} read as {reader.predict([X_test[example]])[0]!r}", yticks=[])
mesh = bottom.imshow(log_proba.T, cmap="magma", aspect="auto", vmin=-8, vmax=0)
bottom.set_yticks(range(len(rows)), rows)
bottom.set(xlabel="time step", xlim=(-0.5, steps - 0.5))
_ = fig.colorbar(mesh, ax=bottom, label="log-probability")

# %%
# Save
# ----
# joblib stores any Python object, and loading runs what the file says: for yourself.
# :func:`hwsk.save` stores plain data only: for others, and for later. Both read the same.
import tempfile
from pathlib import Path

import joblib

import hwsk

with tempfile.TemporaryDirectory() as folder:
    joblib.dump(reader, Path(folder, "reader.joblib"))
    hwsk.save(reader, Path(folder, "reader.hwsk"))
    for file in sorted(Path(folder).iterdir()):
        load = hwsk.load if file.suffix == ".hwsk" else joblib.load
        same = np.array_equal(load(file).predict(X_test), reader.predict(X_test))
        print(f"{file.name:14} {file.stat().st_size / 1000:4.0f} kB, reads the same: {same}")

plt.show()
