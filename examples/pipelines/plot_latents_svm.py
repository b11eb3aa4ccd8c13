"""
===============================
Latents of a VAE into an SVM
===============================

A :class:`~hwsk.representation.VariationalAutoencoder` learns without labels. What it finds serves
a support vector machine that has few of them. See :ref:`representation`.
"""

# %%
# Pretrained latents
# ------------------
# Generated words by 60 writers; the question is how far a word is slanted, in three classes. A cut
# by writer decides which words train and which test.
import numpy as np
import pandas as pd

import hwsk
from hwsk.datasets import make_handwriting

words = make_handwriting(180, texts=["and"], n_writers=60, random_state=0)
slant = pd.qcut(words.style["slant"], 3, labels=["left", "middle", "right"]).astype(str)

# %%
# The pretrained autoencoder comes first in the pipeline, frozen. Baselines: the pixels of the same
# words, and their principal components.
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GroupKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from hwsk.preprocessing import CharacterNormalizer

latents = FrozenEstimator(hwsk.load("and-vae")).transform(words.images)
pixels = np.reshape(CharacterNormalizer().fit_transform(words.images), (len(slant), -1)) / 255
models = {
    "latents, SVM": (latents, make_pipeline(StandardScaler(), SVC())),
    "pixels, SVM": (pixels, SVC()),
    "32 principal components, SVM": (pixels, make_pipeline(PCA(32, random_state=0), SVC())),
}
folds = GroupKFold(5)
scores = {
    name: cross_val_score(model, X, slant, groups=words.writer, cv=folds)
    for name, (X, model) in models.items()
}
pd.DataFrame(scores).agg(["mean", "std"]).T.round(2)

# %%
# The latents are ahead on average; the folds differ by as much. Two latent dimensions that depend
# most on the slant, in which the classes overlap; the SVM has all 32:
import matplotlib.pyplot as plt
from sklearn.feature_selection import f_classif

best = np.argsort(f_classif(latents, slant)[0])[::-1][:2]
_, ax = plt.subplots(figsize=(5, 4), layout="constrained")
for label, marker in zip(("left", "middle", "right"), "<o>", strict=True):
    ax.scatter(*latents[slant == label][:, best].T, marker=marker, label=label)
ax.set(xlabel=f"latent dimension {best[0]}", ylabel=f"latent dimension {best[1]}")
_ = ax.legend(title="slant")

# %%
# Train both on digits
# --------------------
# scikit-learn's digits are small enough to train the autoencoder here. The number of latent
# dimensions is a parameter of the pipeline; each candidate trains a network on each fold.
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline

from hwsk.representation import VariationalAutoencoder

X, y = load_digits(return_X_y=True)
X = 1 - X / 16  # dark ink on light paper, as hwsk has it
X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=300, random_state=0)
pipeline = Pipeline(
    [
        ("vae", VariationalAutoencoder(max_epochs=8, batch_size=16, lr=5e-3, random_state=0)),
        ("scale", StandardScaler()),
        ("svm", SVC()),
    ]
)
search = GridSearchCV(pipeline, {"vae__latent_dim": [2, 16]}, cv=2)
search.fit(X_train, y_train)
table = pd.DataFrame(search.cv_results_).set_index("param_vae__latent_dim")
table[["mean_test_score", "std_test_score"]].round(3)

# %%
# On the other digits, the pixels themselves do better: 64 pixels need no compression. Latents are
# of use where images are large or labels few.
print(f"latents, SVM: {search.score(X_test, y_test):.3f}")
print(f"pixels, SVM:  {SVC().fit(X_train, y_train).score(X_test, y_test):.3f}")
