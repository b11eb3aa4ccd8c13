"""
======================
Signature verification
======================

A signature that somebody wrote in his or her own manner (a *random* forgery) is easily recognized.
One that was practised from a genuine signature (a *skilled* forgery) is not. Results for the two
are always given separately.
"""

# %%
# Signatures
# ----------
# They are generated, so that nobody's signature has to be shown. The upper row is genuine, the
# lower row skilled forgeries of it.
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
# A network that sees the paper learns the paper. In real data sets, forgeries are often on other
# paper, and the background distinguishes them without the ink.
# :class:`~hwsk.preprocessing.SignatureNormalizer` keeps the strokes, and redraws them with one pen.
# As ``preprocessor`` it is a part of the verifier. The comparator matches local descriptors of both
# images: a forgery is right in most details.
from hwsk.preprocessing import SignatureNormalizer
from hwsk.preprocessing.augmentation import Compose, ElasticDistortion, RandomAffine
from hwsk.verification import DescriptorHistogram, LocalDescriptorMatching, SiameseVerifier

affine = RandomAffine(4, 0.12, scale_x=(0.9, 1.06), scale_y=(0.9, 1.06), shift=0.03, keep_size=True)
number = np.unique(signatures.writer, return_inverse=True)[1]
train, valid, test = number < 55, (number >= 55) & (number < 65), number >= 65
verifier = SiameseVerifier(
    preprocessor=SignatureNormalizer(size=(48, 96), pen_width=1.5, margin=2),
    image_size=(48, 96),
    channels=(16, 32, 64, 64),
    comparator=LocalDescriptorMatching(),
    augment=Compose([affine, ElasticDistortion(0.8, 14.0)], p=[0.8, 0.6]),
    max_epochs=30,
    lr=2e-3,
    random_state=0,
)

# %%
# Train, and calibrate
# --------------------
# ``hand`` is the writer of a genuine signature, and an id of its own for each forgery, so that no
# pair with a forgery is positive. Writers with one sample are counted in a warning, which is right
# here. ``contexts`` is the name that is written: a signature comes into a batch together with its
# forgeries.
import warnings

warnings.filterwarnings("ignore", message=".* writers have one sample")
verifier.fit(signatures.images[train], signatures.hand[train], contexts=signatures.writer[train])
verifier.calibrate_threshold(signatures.images[valid], signatures.hand[valid], strategy="eer")

# %%
# Writer-independent and writer-dependent protocols
# -------------------------------------------------
# *Writer-independent*: one verifier for users who are new to it. First for single pairs, then for a
# questioned signature against four references, whose scores are averaged. ``frr`` and ``far`` are
# the error rates at the threshold of the validation writers.
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
# *Writer-dependent*: for each user a classifier of his or her references against those of others.
# It takes vectors: histograms of the local descriptors.
histogram = DescriptorHistogram(verifier, random_state=0).fit(signatures.images[train])
vectors = histogram.transform(images)
report = writer_dependent_report(vectors, writer, forged, n_references=4, random_state=0)
report[["eer", "eer_std", "eer_user", "auc"]].round(3)

# %%
# Errors at all thresholds
# ------------------------
# Of single pairs. Generated forgeries are hard on purpose, and half a minute of training on 55
# writers is short; the pretrained model in ``models/`` was trained on real ones.
from sklearn.metrics import DetCurveDisplay

_, ax = plt.subplots(figsize=(5.5, 5), layout="constrained")
for kind in ("random", "skilled"):
    asked = trials[trials["kind"].isin(["genuine", kind])]
    DetCurveDisplay.from_predictions(
        asked["kind"] == "genuine", asked["score"], name=f"{kind} forgeries", ax=ax
    )

# %%
# On the left, genuine signatures with the lowest scores; on the right, skilled forgeries with the
# highest:
from hwsk.model_selection import make_pairs
from hwsk.plotting import PairDisplay

pairs, same = make_pairs(writer, forged=forged, negatives="skilled", random_state=0)
X = images[pairs]
_ = PairDisplay.from_estimator(verifier, X, same, n_pairs=3)
