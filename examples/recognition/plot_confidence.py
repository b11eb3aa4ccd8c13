"""
=====================================
Confidence and position of characters
=====================================

``predict_details`` gives a probability for each character, and its place in the image. So the words
that need a second look are known, and a person can read the few lines of low confidence. See
:ref:`confidence`.
"""

# %%
# A pretrained recognizer on unfamiliar handwriting
# -------------------------------------------------
# "iam-lines" has learnt from scans of IAM. The lines here are generated, and unlike those: it makes
# mistakes enough to show what confidence is for. The lines of thirty writers serve to calibrate it,
# those of thirty others test it.
import warnings

import matplotlib.pyplot as plt
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.recognition import predict_details

warnings.filterwarnings("ignore", message=".*(mean confidence|upside down)")  # of single lines
rng = np.random.default_rng(0)
words = (
    *("a", "an", "at", "eat", "hat", "hen", "nest", "not", "on", "one", "rest"),
    *("she", "shoe", "stone", "tea", "ten", "the", "those", "toe", "tone"),
)


def make_lines(n, n_writers, seed):
    """Lines of two to four words."""
    texts = [" ".join(rng.choice(words, rng.integers(2, 5))) for _ in range(n)]
    return make_handwriting(n, texts=texts, n_writers=n_writers, random_state=seed)


held_out, test = make_lines(60, 30, 1), make_lines(60, 30, 2)
reader = hwsk.load("iam-lines")
recognizer = reader[-1]
print(f"character error rate: {1 - reader.score(test.images, test.text):.1%}")

# %%
# Calibrate
# ---------
# A network is as a rule too sure. ``calibrate_temperature`` finds on other lines by how much, and
# changes no reading. Of characters with a probability of 0.9, nine of ten should then be right.
from sklearn.calibration import calibration_curve

from hwsk.metrics import expected_calibration_error, read_right


def characters(data):
    """Whether each character that was read is right, and its probability."""
    records = predict_details(reader, data.images)
    right = read_right(data.text, [record["text"] for record in records])
    sure = [character["probability"] for record in records for character in record["characters"]]
    return np.concatenate(right), np.array(sure)


prepared = reader[:-1].transform(held_out.images)
fig, ax = plt.subplots(figsize=(4, 3.4), layout="constrained")
ax.plot([0, 1], [0, 1], color="0.7", linestyle="--")
for name in ("before", "after"):
    if name == "after":
        recognizer.calibrate_temperature(prepared, held_out.text)
    right, probability = characters(test)
    error = expected_calibration_error(right, probability)
    share, sure = calibration_curve(right, probability, n_bins=6, strategy="uniform")
    ax.plot(sure, share, marker="o", label=f"{name}: expected error {error:.3f}")
ax.set(xlabel="probability of a character", ylabel="share that is right")
ax.legend()
print(f"temperature: {recognizer.temperature_:.2f}")

# %%
# Plot positions
# --------------
# ``predict_details`` gives a record for each line: the text, its words and characters, each with
# its span in pixels of the image. Here each character stands above its span, yellow if it is sure,
# red if not. Of a Pipeline, :func:`hwsk.recognition.predict_details` gives the spans in the images
# that it was given, before they were cropped and scaled.
records = predict_details(reader, test.images)
wrong = [row for row, record in enumerate(records) if record["text"] != test.text[row]]
shown = sorted(wrong, key=lambda row: -len(test.text[row]))[:4]
colors = plt.get_cmap("autumn")

fig, axes = plt.subplots(len(shown), 1, figsize=(7, 1.5 * len(shown)), layout="constrained")
for ax, row in zip(axes, shown, strict=True):
    image = test.images[row]
    ax.imshow(image, cmap="gray", vmin=0, vmax=255)
    for character in records[row]["characters"]:
        start, stop = character["start"], character["stop"]
        if character["text"] != " ":
            color = colors(0.9 * character["probability"])
            ax.axvspan(start - 0.5, stop - 0.5, alpha=0.45, color=color, linewidth=0)
            ax.text((start + stop) / 2, -3, character["text"], ha="center", family="monospace")
    ax.set_title(f"written: {test.text[row]}", fontsize=8, loc="left", pad=20)
    ax.set_axis_off()

# %%
# Reject uncertain words
# ----------------------
# With ``min_confidence``, words that are less sure are left out and marked.
for row in shown:
    print(f"{test.text[row]:20} {reader.predict([test.images[row]], min_confidence=0.7)[0]}")

# %%
# Or whole lines are left out: the curve tells how many errors remain in those that are kept.
from hwsk.plotting import RiskCoverageDisplay

fig, ax = plt.subplots(figsize=(4.5, 3.2), layout="constrained")
display = RiskCoverageDisplay.from_estimator(reader, test.images, test.text, ax=ax)
for share in (1.0, 0.9, 0.8, 0.6):
    print(
        f"{share:.0%} of the lines: {np.interp(share, display.coverage, display.risk):.1%} errors"
    )
