"""
==============================================
Classify digits: pipeline, grid search, saving
==============================================

scikit-learn's own handwritten digits, 8 x 8 pixels, go through a
:class:`~hwsk.recognition.CharacterClassifier` as through any classifier of scikit-learn.
"""

# %%
# The network reads the eight rows of an image one after the other, as a sequence. A row of the
# table is an image; that it is square, and that its ink is light, the classifier finds out.
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

digits = load_digits()
X_train, X_test, y_train, y_test = train_test_split(
    digits.data, digits.target, test_size=0.3, stratify=digits.target, random_state=0
)

fig, axes = plt.subplots(1, 8, figsize=(8, 1.2), layout="constrained")
for ax, image, label in zip(axes, digits.images, digits.target, strict=False):
    ax.imshow(image, cmap="gray")
    ax.set(title=label, xticks=[], yticks=[])

# %%
# In a pipeline, after a scaler, it is tuned as everything else is: over the number of hidden units,
# and over how much each image is distorted afresh in each epoch. Batches are small, since a
# thousand images make few steps.
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import MinMaxScaler

from hwsk.preprocessing.augmentation import character_augmentation
from hwsk.recognition import CharacterClassifier

pipeline = Pipeline(
    [
        ("scale", MinMaxScaler(clip=True)),
        (
            "classify",
            CharacterClassifier(
                bidirectional=True, max_epochs=12, batch_size=16, lr=5e-3, random_state=0
            ),
        ),
    ]
)
search = GridSearchCV(
    pipeline,
    {
        "classify__hidden_units": [16, 64],
        "classify__augment": [None, character_augmentation(0.3)],
    },
    cv=2,
)
search.fit(X_train, y_train)
for params, mean, std in zip(
    search.cv_results_["params"],
    search.cv_results_["mean_test_score"],
    search.cv_results_["std_test_score"],
    strict=True,
):
    augment = "distorted" if params["classify__augment"] else "as they are"
    print(f"{params['classify__hidden_units']} units, {augment}: {mean:.3f} +- {std:.3f}")

# %%
# The best of them, on digits that it has not seen:
from sklearn.metrics import classification_report

y_pred = search.predict(X_test)
print(classification_report(y_test, y_pred, digits=3))

# %%
# What a linear model and a nearest neighbour reach on the same digits. Eight by eight pixels are so
# few that they leave a network little to find, and neighbours are strong:
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

print(f"CharacterClassifier  {search.score(X_test, y_test):.3f}")
for baseline in (LogisticRegression(max_iter=5000), KNeighborsClassifier(1)):
    score = baseline.fit(X_train, y_train).score(X_test, y_test)
    print(f"{type(baseline).__name__:20} {score:.3f}")

# %%
# Which digit is read as which:
from hwsk.plotting import ConfusionDisplay

ConfusionDisplay.from_predictions(y_test, y_pred)

# %%
# A fitted search is kept by joblib; or by :func:`hwsk.save`, which writes no pickle, the pipeline
# alone.
import tempfile
from pathlib import Path

import joblib

import hwsk

with tempfile.TemporaryDirectory() as folder:
    joblib.dump(search, Path(folder, "search.joblib"))
    hwsk.save(search.best_estimator_, Path(folder, "digits.hwsk"))
    from_joblib = joblib.load(Path(folder, "search.joblib"))
    from_hwsk = hwsk.load(Path(folder, "digits.hwsk"))
print((from_joblib.predict(X_test) == y_pred).all(), (from_hwsk.predict(X_test) == y_pred).all())
