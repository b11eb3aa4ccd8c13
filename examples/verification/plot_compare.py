"""
========================================
Comparing two samples: likelihood ratios
========================================

A verifier scores whether two words are by the same writer. An examiner is also asked for reasons. A
:class:`~hwsk.verification.HandComparer` combines three networks, computes a likelihood ratio, and
gives reasons by named features.
"""

# %%
# Three sets of writers
# ---------------------
# Some train the networks, others calibrate the comparison, and the rest test it.
import numpy as np
import pandas as pd

from hwsk.datasets import make_handwriting

words = make_handwriting(1500, texts=["and"], n_writers=250, height=32, random_state=0)
number = np.unique(words.writer, return_inverse=True)[1]
train, valid, test = number < 160, (number >= 160) & (number < 210), number >= 210
style = words.style
features = pd.DataFrame(
    {
        "slant": pd.cut(style["slant"], [-9, 0, 0.25, 9], labels=["left", "right", "very right"]),
        "pen": pd.cut(style["pen_width"], [0, 1.5, 9], labels=["thin", "thick"]),
        "width": pd.cut(style["aspect"], [0, 0.75, 1, 9], labels=["narrow", "medium", "wide"]),
        "ascenders": pd.cut(style["ascender"], [0, 0.95, 9], labels=["short", "tall"]),
    }
)

# %%
# Three networks
# --------------
# The latents of an autoencoder are learnt without writers, the embedding of a verifier with
# writers, and the classifier predicts named features.
from hwsk.representation import VariationalAutoencoder
from hwsk.verification import MultiTaskClassifier, SiameseVerifier

settings = {
    "image_size": (32, 64),
    "channels": (16, 32, 64, 64),
    "max_epochs": 10,
    "lr": 2e-3,
    "random_state": 0,
}
X, y = words.images[train], words.writer[train]
vae = VariationalAutoencoder(16, **settings).fit(X)
verifier = SiameseVerifier(**settings).fit(X, y)
classifier = MultiTaskClassifier(dropout=0.3, transform_kind="probabilities", **settings)
classifier.fit(X, features[train])

# %%
# One comparison
# --------------
# A FeatureUnion puts them side by side. They are frozen, since they are fitted already: otherwise
# they would be fitted here, on a part of the writers. ``fit`` calibrates distances.
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion

from hwsk.verification import HandComparer

union = FeatureUnion(
    [
        ("latents", FrozenEstimator(vae)),
        ("embedding", FrozenEstimator(verifier)),
        ("features", FrozenEstimator(classifier)),
    ]
)
comparer = HandComparer(union, random_state=0)
comparer.fit(words.images[valid], words.writer[valid])

# %%
# Two words by the same writer, as text and as tables:
first, second = words.images[words.writer == "w212"][:2]
comparison = comparer.compare(first, second)
print(comparison)

# %%
comparison

# %%
# The same as a figure. A bar to the right is a feature that supports the same writer. Rare values
# that agree weigh more than common ones, as counted for the calibration writers. The bars do not
# add up to the ratio: features depend on each other, and the distances contain more than they.
from hwsk.plotting import ComparisonDisplay

_ = ComparisonDisplay.from_estimator(comparer, first, second)

# %%
# Two words by different writers:
third = words.images[words.writer == "w231"][0]
_ = ComparisonDisplay.from_estimator(comparer, first, third)

# %%
# More images of each writer
# --------------------------
# More images make larger ratios: each number of images has a calibration of its own.
known, questioned = (words.images[words.writer == writer] for writer in ("w212", "w231"))
_ = ComparisonDisplay.from_estimator(comparer, list(known[:3]), list(questioned[:3]))

# %%
# Evaluation
# ----------
# On writers that neither networks nor calibration have seen. The cost of the log-likelihood ratios
# (Cllr) is 1 for a comparison without information, and more for one that misleads.
from hwsk.metrics import equal_error_rate, log_likelihood_ratio_cost
from hwsk.model_selection import make_pairs

rows, same = make_pairs(words.writer[test], random_state=0)
pairs = words.images[test][rows]
distances = comparer.part_distances(pairs)
rates = {
    name: equal_error_rate(same, -of_part)
    for name, of_part in zip(comparer.part_names_, distances.T, strict=True)
}
rates["all"] = equal_error_rate(same, comparer.decision_function(pairs))
print(pd.Series(rates, name="equal error rate").round(3))

different, alike = comparer.predict_proba(pairs).T
ratios = np.log(alike / different)
print(f"cost of the log-likelihood ratios: {log_likelihood_ratio_cost(same, ratios):.2f}")

# %%
# Share of pairs of either kind with a ratio above a given one (a Tippett plot). The curves are far
# apart where the ratios are strong, and cross the dotted line where they mislead.
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(7, 4), layout="constrained")
for label, name in ((1, "same writer"), (0, "different writers")):
    of_kind = np.sort(ratios[same == label]) / np.log(10)
    ax.step(of_kind, 1 - np.arange(len(of_kind)) / len(of_kind), label=name, where="post")
ax.axvline(0, color="gray", linestyle=":")
ax.set(xlabel="log10 of the likelihood ratio", ylabel="share of pairs above it")
_ = ax.legend()
