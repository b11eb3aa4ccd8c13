"""
========================================
Comparing two samples: likelihood ratios
========================================

A verifier scores whether two words are by the same writer. An examiner is also asked for reasons. A
:class:`~hwsk.verification.HandComparer` combines three pretrained models, computes a likelihood
ratio, and gives reasons by named features. See :ref:`verification`.
"""

# %%
# Three pretrained models
# -----------------------
# The latents of the autoencoder were learnt without writers, the embedding of the verifier with
# writers; the classifier predicts 15 features that examiners use. All three take the word "and". A
# FeatureUnion puts them side by side, frozen: they are used as they are.
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion

import hwsk

names = {"latents": "and-vae", "embedding": "and-verifier", "features": "and-features"}
models = {part: hwsk.load(name) for part, name in names.items()}
models["embedding"].set_params(test_augmentations=0)  # a ninth of the time
models["features"].set_params(transform_kind="probabilities")
union = FeatureUnion([(part, FrozenEstimator(model)) for part, model in models.items()])

# %%
# Calibrate
# ---------
# Generated words by 80 writers. Forty calibrate the comparison: ``fit`` learns how far apart words
# by the same writer and by different writers are. The other forty test it.
import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.verification import HandComparer

words = make_handwriting(480, texts=["and"], n_writers=80, random_state=0)
test = words.writer >= "w040"
comparer = HandComparer(union, random_state=0)
comparer.fit(words.images[~test], words.writer[~test])

# %%
# Two words by the same writer
# ----------------------------
# The verdict as text and as a table:
from hwsk.plotting import ComparisonDisplay

known = words.images[words.writer == "w060"]
comparison = comparer.compare(known[0], known[1])
print(comparison)

# %%
comparison

# %%
# The same as a figure. A bar to the right is a feature that supports the same writer. Rare values
# that agree weigh more than common ones, as counted for the calibration writers. The bars do not
# add up to the ratio: features depend on each other, and the distances contain more than they.
_ = ComparisonDisplay.from_estimator(comparer, known[0], known[1])

# %%
# Two words by different writers
# ------------------------------
other = words.images[words.writer == "w061"]
_ = ComparisonDisplay.from_estimator(comparer, known[0], other[0])

# %%
# More images of each writer
# --------------------------
# The mean of three words varies less than one word, and ``fit`` has calibrated each number of
# images by itself. A ratio is never larger than the number of calibration writers, here 40: so
# few writers cannot show that something happens to one in a million.
_ = ComparisonDisplay.from_estimator(comparer, list(known[:3]), list(known[3:6]))

# %%
# Evaluation
# ----------
# One pair proves nothing. All pairs of the test writers: error rates of each part and of the whole,
# and the cost of the log-likelihood ratios (Cllr), which is 1 for a comparison without information
# and above 1 for one that misleads.
import pandas as pd

from hwsk.metrics import equal_error_rate, log_likelihood_ratio_cost
from hwsk.model_selection import make_pairs

X = words.images[test]
rows, same = make_pairs(words.writer[test], balanced=True, random_state=0)
distances = comparer.part_distances(X[rows])
different, alike = comparer.predict_proba(X[rows]).T
ratios = np.log(alike / different)
rates = {
    part: equal_error_rate(same, -of_part)
    for part, of_part in zip(comparer.part_names_, distances.T, strict=True)
}
rates["all"] = equal_error_rate(same, ratios)
pd.Series(rates, name="equal error rate").to_frame().round(3)

# %%
print(f"Cllr: {log_likelihood_ratio_cost(same, ratios):.2f}")

# %%
# Share of pairs of either kind with a ratio above a given one (a Tippett plot). A pair misleads
# where its curve lies on the wrong side of the line at 1. Beside it, what the ratios cost at each
# prior (ECE): where the curve lies below that of no ratios, they help; what is above the best
# calibration is lost by calibration.
import matplotlib.pyplot as plt

from hwsk.plotting import ECEDisplay, TippettDisplay

_, axes = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
TippettDisplay.from_predictions(same, ratios, ax=axes[0])
_ = ECEDisplay.from_predictions(same, ratios, ax=axes[1])

# %%
# A report
# --------
# One HTML file (or PDF, with ``to_pdf``) with the images, their checksums, the features and how
# common they are, the scale and the limits. On the command line:
# ``hwsk compare A B -o report.html``.
import tempfile
from pathlib import Path

with tempfile.TemporaryDirectory() as folder:
    report = Path(folder, "report.html")
    comparison.to_html(report)
    print(f"{report.stat().st_size / 1000:.0f} kB")
