"""
====================
Is it a forgery?
====================

A signature that another person wrote in his or her own manner is easily told (a *random* forgery).
One that was practised from a model is not (a *skilled* forgery). Figures for the two are always
given apart.
"""

# %%
# Signatures
# ----------
# Made-up writers, so that nobody's signature has to be shown: the upper row is genuine, the lower
# one skilled forgeries of it.
import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_signatures

signatures = make_signatures(n_writers=90, n_genuine=6, n_forged=3, random_state=0)

_, axes = plt.subplots(2, 3, figsize=(10, 3), layout="constrained")
for i, writer in enumerate(["s060", "s062", "s064"]):
    for ax, forged in zip(axes[:, i], (False, True), strict=True):
        rows = (signatures.writer == writer) & (signatures.forged == forged)
        ax.imshow(signatures.images[rows][0], cmap="gray", vmin=0, vmax=255)
        ax.axis("off")

# %%
# Clean first
# -----------
# A network that sees the paper learns the paper. In real collections forgeries often lie on another
# sheet, and a background tells them without a look at the ink.
# :class:`~hwsk.preprocessing.SignatureNormalizer` keeps what the pen did, and redraws it with one
# pen. As ``preprocessor`` it is a part of the verifier.
from hwsk.preprocessing import SignatureNormalizer
from hwsk.preprocessing.augmentation import Compose, ElasticDistortion, RandomAffine
from hwsk.verification import SiameseVerifier

affine = RandomAffine(4, 0.12, (0.9, 1.06), (0.9, 1.06), 0.03, keep_size=True)
number = np.unique(signatures.writer, return_inverse=True)[1]
train, valid, test = number < 55, (number >= 55) & (number < 65), number >= 65
verifier = SiameseVerifier(
    preprocessor=SignatureNormalizer(size=(48, 96), pen_width=1.5, margin=2),
    image_size=(48, 96),
    channels=(16, 32, 64, 64),
    matching=True,
    augment=Compose([affine, ElasticDistortion(0.8, 14.0)], p=[0.8, 0.6]),
    max_epochs=30,
    lr=2e-3,
    random_state=0,
)

# %%
# Learn who held the pen
# ----------------------
# ``hand`` is the writer of a genuine signature, and an id of its own for each forgery, so that no
# pair with a forgery is by one hand. Hands with one sample are counted in a warning, which is as it
# should be here. ``contexts`` says whose name is written: a signature comes into a batch together
# with its forgeries. ``matching`` compares place by place: a forgery is right at most places.
import warnings

warnings.filterwarnings("ignore", message=".* writers have one sample")
verifier.fit(signatures.images[train], signatures.hand[train], contexts=signatures.writer[train])
verifier.calibrate_threshold(signatures.images[valid], signatures.hand[valid], strategy="eer")

# %%
# The protocols of the field
# --------------------------
# *Writer-independent*: one verifier for all, who are new to it. Single pairs first, then a
# questioned signature against four references, whose scores are averaged. ``frr`` and ``far`` are
# the errors at the threshold of the validation writers.
from itertools import combinations

from scipy.spatial.distance import squareform

from hwsk.metrics import writer_dependent_report, writer_independent_report

images, writer, forged = (signatures[key][test] for key in ("images", "writer", "forged"))
distances = squareform(verifier.pair_distance(images[list(combinations(range(len(images)), 2))]))
report, trials = writer_independent_report(
    distances,
    writer,
    forged,
    metric="precomputed",
    threshold=verifier.threshold_,
    return_trials=True,
)
report[["eer", "eer_user", "auc", "frr", "far", "n_users", "n_genuine", "n_forged"]].round(3)

# %%
report = writer_independent_report(
    distances, writer, forged, metric="precomputed", n_references=4, random_state=0
)
report[["eer", "eer_std", "eer_user", "auc"]].round(3)

# %%
# *Writer-dependent*: for each user a classifier of his or her references against others', over the
# vectors that the network gives, too.
vectors = verifier.transform(images)
report = writer_dependent_report(vectors, writer, forged, n_references=4, random_state=0)
report[["eer", "eer_std", "eer_user", "auc"]].round(3)

# %%
# In pictures
# -----------
# The errors at all thresholds, of the single pairs. Made forgeries are hard on purpose, and half a
# minute with 55 writers teaches little of them; the model in ``models/`` has seen real ones.
from sklearn.metrics import DetCurveDisplay

_, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
for kind in ("random", "skilled"):
    asked = trials[trials["kind"].isin(["genuine", kind])]
    DetCurveDisplay.from_predictions(
        asked["kind"] == "genuine", asked["score"], name=f"{kind} forgeries", ax=ax
    )

# %%
# Skilled forgeries that are taken for genuine, on the right, and genuine ones that are not, on the
# left:
from hwsk.model_selection import make_pairs
from hwsk.plotting import PairDisplay

pairs, same = make_pairs(writer, forged=forged, negatives="skilled")
X = images[pairs]
_ = PairDisplay.from_estimator(verifier, X, same, n_pairs=3)
