"""
===============================================
Handwriting features: multi-task classification
===============================================

Document examiners describe a hand by named features: its slant, its pressure, its proportions. A
:class:`~hwsk.verification.MultiTaskClassifier` predicts all of them at once, by one network. See
:ref:`verification`.
"""

# %%
# Pretrained: the features of CEDAR's examiners
# ---------------------------------------------
# "and-features" predicts 15 features of the word "and".
import hwsk
from hwsk.datasets import make_handwriting

two = make_handwriting(2, texts=["and"], n_writers=2, random_state=4)
hwsk.load("and-features").predict(two.images).T

# %%
# Features of your own
# --------------------
# Writers of :func:`~hwsk.datasets.make_handwriting` have a style, whose values are cut into classes
# here, as an examiner would do by eye. Real sets, such as that of
# :func:`~hwsk.datasets.load_cedar_and`, have a table like this one.
import numpy as np
import pandas as pd

words = make_handwriting(800, texts=["and"], n_writers=160, height=32, random_state=0)
style = words.style
features = pd.DataFrame(
    {
        "slant": pd.cut(style["slant"], [-9, 0, 0.25, 9], labels=["left", "right", "very right"]),
        "pen": pd.cut(style["pen_width"], [0, 1.5, 9], labels=["thin", "thick"]),
        "width": pd.cut(style["aspect"], [0, 0.75, 1, 9], labels=["narrow", "medium", "wide"]),
        "ascenders": pd.cut(style["ascender"], [0, 0.95, 9], labels=["short", "tall"]),
    }
)
print(features.head(3))

# %%
# Missing labels
# --------------
# Nobody has labelled every feature of every word. A missing label is left out of the loss, and its
# word still serves the other features.
rng = np.random.default_rng(0)
known = features.mask(rng.random(features.shape) < 0.3)
print(known.notna().mean().round(2))

# %%
# Train
# -----
# Writers are split, not words: otherwise the network recognizes a writer, and with the writer the
# features.
from hwsk.verification import MultiTaskClassifier

number = np.unique(words.writer, return_inverse=True)[1]
train, test = np.flatnonzero(number < 120), np.flatnonzero(number >= 120)
classifier = MultiTaskClassifier(
    dropout=0.3,
    image_size=(32, 64),
    channels=(16, 32, 64, 64),
    max_epochs=12,
    lr=3e-3,
    random_state=0,
)
classifier.fit(words.images[train], known.iloc[train])
predicted = classifier.predict(words.images[test])
print(predicted.head(3))

# %%
# A table by feature
# ------------------
# ``score`` is the mean of the balanced accuracies. Accuracy alone is misleading where a class is
# frequent: the share of the commonest class stands beside it. With so few words slant and width are
# hardly learnt: "and-features" has learnt from 9,699.
from sklearn.metrics import accuracy_score, balanced_accuracy_score

asked = features.iloc[test].astype(object).reset_index(drop=True)
table = pd.DataFrame(
    {
        name: {
            "accuracy": accuracy_score(asked[name], predicted[name]),
            "balanced accuracy": balanced_accuracy_score(asked[name], predicted[name]),
            "commonest class": asked[name].value_counts(normalize=True).iloc[0],
            "chance, balanced": 1 / asked[name].nunique(),
        }
        for name in features
    }
).T
table.round(2)

# %%
# Predicted probabilities
# -----------------------
# For a few words:
import matplotlib.pyplot as plt

chosen = test[:4]
probabilities = classifier.predict_proba(words.images[chosen])
_, axes = plt.subplots(2, 4, figsize=(10, 4.4), layout="constrained", height_ratios=[1, 2])
for i, row in enumerate(chosen):
    axes[0, i].imshow(words.images[row], cmap="gray", vmin=0, vmax=255)
    axes[0, i].axis("off")
    bars = {
        f"{name}: {label}": of_feature[i, k]
        for name, classes, of_feature in zip(
            classifier.task_names_, classifier.classes_, probabilities, strict=True
        )
        for k, label in enumerate(classes)
    }
    right = [f"{name}: {features.loc[row, name]}" for name in features]
    colors = ["tab:green" if label in right else "lightgray" for label in bars]
    axes[1, i].barh(list(bars), list(bars.values()), color=colors)
    axes[1, i].invert_yaxis()
    axes[1, i].set(xlim=(0, 1), xlabel="probability")
    axes[1, i].tick_params(labelsize=7, labelleft=i == 0)
_ = axes[0, 0].set_title("green: true class", loc="left", fontsize=9)
