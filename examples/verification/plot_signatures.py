"""
======================
Signature verification
======================

A signature that somebody wrote in his or her own manner (a *random* forgery) is easily recognized.
One that was practised from a genuine signature (a *skilled* forgery) is not. Results for the two
are always given separately. See :ref:`verification`.
"""

# %%
# Signatures
# ----------
# They are generated, so that nobody's signature is shown. The upper row is genuine, the lower row
# skilled forgeries of it.
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_signatures

signatures = make_signatures(n_writers=10, n_genuine=5, n_forged=2, random_state=0)

_, axes = plt.subplots(2, 3, figsize=(10, 3), layout="constrained")
for i, writer in enumerate(["s001", "s004", "s006"]):
    for ax, forged in zip(axes[:, i], (False, True), strict=True):
        rows = (signatures.writer == writer) & (signatures.forged == forged)
        ax.imshow(signatures.images[rows][0], cmap="gray", vmin=0, vmax=255)
        ax.axis("off")

# %%
# The pretrained verifier
# -----------------------
# It was trained on signatures of CEDAR. It redraws each image without paper and tone, so that it
# can't learn the scanner, and matches local descriptors of both.
import hwsk

verifier = hwsk.load("signature-verifier")
genuine = signatures.images[signatures.writer == "s001"]
stranger = signatures.images[signatures.writer == "s006"][0]
pairs = [[genuine[0], genuine[1]], [genuine[0], stranger]]
print(verifier.predict_proba(pairs)[:, 1].round(3))

# %%
# Questioned signatures against references
# ----------------------------------------
# Of each writer two signatures are questioned, and two skilled forgeries and the signature of
# another writer beside them. Three genuine signatures are the references. The score of a questioned
# signature is the mean of three: one reference does not show how much its writer varies.
import pandas as pd

trials = []
writers = np.unique(signatures.writer)
for writer, other in zip(writers, np.roll(writers, 1), strict=True):
    of_writer = np.flatnonzero(signatures.writer == writer)
    rows = of_writer[~signatures.forged[of_writer]]
    asked = {
        "genuine": rows[3:],
        "skilled": of_writer[signatures.forged[of_writer]],
        "random": np.flatnonzero(signatures.writer == other)[:1],
    }
    trials += [(writer, kind, row, rows[:3]) for kind, found in asked.items() for row in found]
trials = pd.DataFrame(trials, columns=["writer", "kind", "questioned", "references"])
pairs = trials.explode("references")
scores = verifier.pair_score(signatures.images[pairs[["references", "questioned"]].astype(int)])
trials["single"] = scores[::3]
trials["mean of 3"] = scores.reshape(-1, 3).mean(axis=1)

# %%
# Error rates
# -----------
# Random forgeries are no difficulty. Skilled ones are, for generated signatures more than for
# CEDAR's (11.6%, :ref:`pretrained_models`): the forgeries of ``make_signatures`` are made to be
# hard.
from hwsk.metrics import equal_error_rate


def error_rate(kind, score):
    """The equal error rate of genuine signatures and one kind of forgeries."""
    chosen = trials[trials["kind"].isin(["genuine", kind])]
    return equal_error_rate(chosen["kind"] == "genuine", chosen[score])


pd.DataFrame(
    {
        name: {kind: error_rate(kind, name) for kind in ("random", "skilled")}
        for name in ("single", "mean of 3")
    }
).rename_axis("equal error rate, forgeries").round(3)

# %%
# A threshold of one's own
# ------------------------
# ``threshold_`` and probabilities that come with the model hold for CEDAR's signatures. On others
# the threshold has to be set anew, on users who are not tested on: here half of the writers.
half = trials["writer"] < writers[5]
genuine_or_skilled = trials["kind"] != "random"
tuning, testing = trials[half & genuine_or_skilled], trials[~half & genuine_or_skilled]
verifier.calibrate_from_scores(
    tuning["mean of 3"], (tuning["kind"] == "genuine").astype(int), strategy="eer"
)
accepted = testing["mean of 3"] >= verifier.threshold_
print(pd.crosstab(testing["kind"], accepted.map({True: "accepted", False: "refused"})))

# %%
# One threshold for all is what makes errors: the signatures of one writer vary more than those of
# another. Within the signatures of one writer, genuine ones mostly rank before their forgeries:
from sklearn.metrics import roc_auc_score

ranks = [
    roc_auc_score(of_user["kind"] == "genuine", of_user["mean of 3"])
    for _, of_user in trials[genuine_or_skilled].groupby("writer")
]
print(f"area under the ROC curve of each user, mean {np.mean(ranks):.2f}")
print(f"users whose genuine signatures all rank first: {np.mean(np.equal(ranks, 1)):.0%}")

# %%
# Scores of all trials. The dotted line is the threshold. Genuine signatures and skilled forgeries
# overlap, random forgeries are far away.
_, ax = plt.subplots(figsize=(7, 2.8), layout="constrained")
rng = np.random.default_rng(0)
for height, kind in enumerate(("genuine", "skilled", "random")):
    score = trials.loc[trials["kind"] == kind, "mean of 3"]
    ax.scatter(score, height + rng.uniform(-0.2, 0.2, len(score)), alpha=0.7)
ax.axvline(verifier.threshold_, color="gray", linestyle=":")
ax.set(yticks=range(3), yticklabels=["genuine", "skilled", "random"], xlabel="mean score")
ax.invert_yaxis()
