"""
===================================
Read lines and words out of the box
===================================

The pretrained recognizers are pipelines of preprocessing and a
:class:`~hwsk.recognition.CTCRecognizer`. They take images of lines, or of words, and return text.
See :ref:`recognition`.
"""

# %%
# Lines
# -----
# Written by the pretrained synthesizer, which has learnt from people other than the recognizer's
# test, so that no real sample is shown. Each line is in a hand of its own.
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
lines = StrokeRasterizer(height=96).fit_transform(strokes)

# %%
# One call reads them. Characters that are wrong stand in colour, above the truth.
from hwsk.metrics import character_error_rate, word_error_rate
from hwsk.plotting import ReadingDisplay

reader = hwsk.load("iam-lines")
_ = ReadingDisplay.from_estimator(reader, lines, texts)

# %%
# Words
# -----
# Now words that the synthesizer has nothing to do with: generated from fonts of single strokes, a
# kind of handwriting that the recognizer has never seen. It reads them less well. The baseline
# takes the text of the most similar image of 120 others.
import warnings

import cv2
from sklearn.neighbors import NearestNeighbors

from hwsk.datasets import make_handwriting

warnings.filterwarnings("ignore", message=".*low mean confidence")  # of one word
words = make_handwriting(60, n_writers=20, random_state=2)
others = make_handwriting(120, n_writers=40, random_state=3)
reader = hwsk.load("iam-words")
predicted = reader.predict(words.images)


def thumbnails(images):
    """The prepared images as rows of pixels, all of one size."""
    return np.array(
        [cv2.resize(image, (48, 16)).ravel() for image in reader[:-1].transform(images)]
    )


nearest = NearestNeighbors(n_neighbors=1).fit(thumbnails(others.images))
looked_up = others.text[nearest.kneighbors(thumbnails(words.images))[1].ravel()]


def report(name, read):
    """Print error rates."""
    errors = character_error_rate(words.text, read), word_error_rate(words.text, read)
    print("{:14}  CER {:5.1%}  WER {:5.1%}".format(name, *errors))


report("nearest image", looked_up)
report("iam-words", predicted)

# %%
# With a lexicon
# --------------
# Where the words are known beforehand, as on a form, a decoder keeps to them. Here the lexicon is
# all words that occur. A word that is missing in a lexicon cannot be read any more.
from hwsk.recognition import CTCDecoder

lexicon = sorted({*words.text, *others.text})
reader.set_params(recognize__decoder=CTCDecoder(lexicon=lexicon))
with_lexicon = reader.predict(words.images)
report("with a lexicon", with_lexicon)

# %%
# The first words that are wrong without the lexicon: on the left without, on the right with it.
import matplotlib.pyplot as plt

wrong = np.flatnonzero(predicted != words.text)[:6]
_, axes = plt.subplots(1, 2, figsize=(7, 7), layout="constrained")
for ax, read in zip(axes, (predicted, with_lexicon), strict=True):
    ReadingDisplay.from_predictions(words.images[wrong], read[wrong], words.text[wrong], ax=ax)

# %%
# Probabilities of characters
# ---------------------------
# ``predict_log_proba`` gives, for each step of four pixels, the log-probability of every character
# and of the blank, "nothing new here". Each character shows as a short peak; the blank fills the
# rest. Shown are the characters that reach a probability of one percent anywhere.
prepared = reader[:-1].transform([words.images[wrong[0]]])[0]
log_proba = reader[-1].predict_log_proba([prepared])[0]
shown = np.flatnonzero(log_proba.max(axis=0) > np.log(0.01))
names = np.array(["blank", *reader[-1].alphabet_])

fig, (top, bottom) = plt.subplots(
    2, figsize=(6, 4.5), height_ratios=[1, 2], sharex=True, layout="constrained"
)
top.imshow(prepared, cmap="gray", aspect="auto", extent=(-0.5, prepared.shape[1] / 4 - 0.5, 1, 0))
top.set(title=f"{words.text[wrong[0]]!r} read as {predicted[wrong[0]]!r}", yticks=[])
mesh = bottom.imshow(log_proba.T[shown], cmap="magma", aspect="auto", vmin=-8, vmax=0)
bottom.set_yticks(range(len(shown)), names[shown])
bottom.set(xlabel="time step", xlim=(-0.5, len(log_proba) - 0.5))
_ = fig.colorbar(mesh, ax=bottom, label="log-probability")
