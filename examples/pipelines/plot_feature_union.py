"""
==========================================
Features of handwriting for any estimator
==========================================

Each pretrained model for words is a transformer. A :class:`~sklearn.pipeline.FeatureUnion` puts
their features side by side, for a classifier of scikit-learn. See :ref:`representation` and
:ref:`verification`.
"""

# %%
# Data
# ----
# Words by 30 generated writers. The question is who wrote a word, from two known words of each.
import numpy as np

import hwsk
from hwsk.datasets import make_handwriting

words = make_handwriting(240, texts=["and"], n_writers=30, random_state=7)

# %%
# Features
# --------
# Latents of an autoencoder, the embedding of a verifier, and probabilities of named features.
# FrozenEstimator keeps ``fit`` from training them. Beside them local descriptors of the ink are
# counted (VLAD), which are fitted here, without labels and without a network.
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import StandardScaler

from hwsk.identification import LocalDescriptors, VLADEncoder

parts = {
    "latents": hwsk.load("and-vae"),
    "embedding": hwsk.load("and-verifier"),
    "features": hwsk.load("and-features").set_params(transform_kind="probabilities"),
}
union = FeatureUnion(
    [
        (name, make_pipeline(FrozenEstimator(model), StandardScaler()))
        for name, model in parts.items()
    ]
    + [
        (
            "VLAD",
            make_pipeline(LocalDescriptors(), VLADEncoder(8, n_components=32, random_state=0)),
        )
    ]
)
features = union.fit_transform(words.images)
print(features.shape)

# %%
# Compare
# -------
# ``set_params(name="drop")`` takes a part out of a union. As features are computed once here, their
# columns are picked instead.
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedShuffleSplit, cross_val_score

widths = [part.transform(words.images[:1]).shape[1] for _, part in union.transformer_list]
ends = np.cumsum(widths)
columns = {
    name: np.arange(end - width, end)
    for (name, _), width, end in zip(union.transformer_list, widths, ends, strict=True)
}
columns["all"] = np.arange(ends[-1])
columns["latents and features"] = np.r_[columns["latents"], columns["features"]]

split = StratifiedShuffleSplit(10, train_size=60, random_state=0)
scores = {
    name: cross_val_score(
        LogisticRegression(max_iter=2000), features[:, chosen], words.writer, cv=split
    )
    for name, chosen in columns.items()
}
table = pd.DataFrame(
    {name: {"columns": len(columns[name]), "accuracy": s.mean()} for name, s in scores.items()}
).T.round(3)
table

# %%
# A union is worth it if it beats its best part. Here it does not: the embedding was trained for
# this question, and alone it is as good as all. Two parts that were not trained for it, latents and
# features, are hardly better together than latents alone.
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6, 2.8), layout="constrained")
ax.boxplot(list(scores.values()), orientation="horizontal", tick_labels=list(scores))
ax.invert_yaxis()
_ = ax.set(xlabel="accuracy, ten splits, two known words of each of 30 writers")
