"""
======================================
Choose the number of latent dimensions
======================================

The best length of an autoencoder's latent vectors depends on their use. Here they are features to
classify digits, and :class:`~sklearn.model_selection.GridSearchCV` finds the length.
"""

# %%
# Data
# ----
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

X, y = load_digits(return_X_y=True)
X = 1 - X / 16  # dark ink on light paper, as hwsk has it
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=500, random_state=0)

# %%
# Pipeline
# --------
# The autoencoder is a step like any other. Rows of 64 pixels are taken as images of 8 x 8.
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from hwsk.representation import VariationalAutoencoder

model = Pipeline(
    [
        ("vae", VariationalAutoencoder(max_epochs=12, batch_size=32, lr=5e-3, random_state=0)),
        ("scale", StandardScaler()),
        ("classify", LogisticRegression()),
    ]
)

# %%
# Search
# ------
# ``vae__latent_dim`` is a parameter of the Pipeline; each candidate trains a network on each fold.
# Beside the accuracy of the classifier we ask for the autoencoder's own score, the lower bound of
# the log-likelihood.
import pandas as pd
from sklearn.model_selection import GridSearchCV


def bound(model, X, y):
    return model["vae"].score(X)


search = GridSearchCV(
    model,
    {"vae__latent_dim": [2, 4, 8, 16, 32]},
    scoring={"accuracy": "accuracy", "bound": bound},
    refit="accuracy",
    cv=2,
)
search.fit(X_train, y_train)
results = pd.DataFrame(search.cv_results_).set_index("param_vae__latent_dim")
results[["mean_test_accuracy", "std_test_accuracy", "mean_test_bound"]]

# %%
# Latent dimensions for classification and for reconstruction
# -----------------------------------------------------------
# The classifier gains by each doubling. Not so the likelihood: with so few digits and epochs, some
# of the many numbers cost more, in divergence from the prior, than they tell.
import matplotlib.pyplot as plt

_, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained")
titles = {"accuracy": "accuracy of the classifier", "bound": "lower bound, nats a digit"}
for ax, (name, title) in zip(axes, titles.items(), strict=True):
    ax.errorbar(
        np.arange(len(results)),
        results[f"mean_test_{name}"],
        results[f"std_test_{name}"],
        marker="o",
    )
    ax.set_xticks(np.arange(len(results)), results.index)
    ax.set(xlabel="latent_dim", title=title)

# %%
# Evaluate the best
# -----------------
best = search.best_estimator_
active = best["vae"].history_[-1]["active_units"]
print(f"latent_dim={best['vae'].latent_dim}, {active} active")
print(f"accuracy on digits kept aside: {best.score(X_test, y_test):.3f}")

# %%
# What the classifier has to go by:
from hwsk.plotting import ReconstructionDisplay

_ = ReconstructionDisplay.from_estimator(best["vae"], X_test)
