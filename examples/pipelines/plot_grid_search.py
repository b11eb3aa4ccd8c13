"""
=============================================
Search over preprocessing and network at once
=============================================

Preprocessing and network are steps of one :class:`~sklearn.pipeline.Pipeline`, and
:class:`~sklearn.model_selection.GridSearchCV` varies both. See :ref:`training`.
"""

# %%
# Data
# ----
# Digits by 30 generated writers. Ten writers are held out for the end.
import numpy as np

from hwsk.datasets import make_handwriting

texts = np.random.default_rng(0).permutation(np.resize(list("0123456789"), 300))
digits = make_handwriting(300, texts=texts, n_writers=30, random_state=0)
train, test = digits.writer < "w020", digits.writer >= "w020"
X, y, writers = digits.images[train], digits.text[train], digits.writer[train]

# %%
# Pipeline
# --------
# The images have all sizes. The last step before the network brings them to EMNIST's form.
from sklearn.pipeline import Pipeline

from hwsk.preprocessing import CharacterNormalizer, Deslanter
from hwsk.recognition import CharacterClassifier

classifier = CharacterClassifier(
    architecture="cnn", channels=(8, 16, 32), max_epochs=8, batch_size=8, lr=5e-3, random_state=0
)
pipeline = Pipeline(
    [
        ("deslant", Deslanter()),
        ("normalize", CharacterNormalizer()),
        ("classify", classifier),
    ]
)

# %%
# Search
# ------
# A whole step is a parameter, too: ``"passthrough"`` leaves it out. Folds are made of whole
# writers, or the score would be one on writers that training has seen. ``n_jobs`` runs fits in
# parallel, with the same result.
import pandas as pd
from sklearn.model_selection import GridSearchCV, GroupKFold

from hwsk.preprocessing.augmentation import character_augmentation

search = GridSearchCV(
    pipeline,
    {
        "deslant": ["passthrough", Deslanter()],
        "classify__augment": [None, character_augmentation(0.5)],
    },
    cv=GroupKFold(2),
)
search.fit(X, y, groups=writers)
results = pd.DataFrame(search.cv_results_)
results["deslant"] = results["param_deslant"].astype(str)
results["augment"] = results["param_classify__augment"].notna()
results[["deslant", "augment", "mean_test_score", "std_test_score", "mean_fit_time"]].round(3)

# %%
# Upright digits are recognized better by far: what preprocessing makes alike, few images need not
# teach. The distortions of ``augment`` matter less than the choice of the fold does, which is not a
# reason to choose. Each fold trains on a hundred digits; the refitted pipeline,
# on twice as many, is better than all of them.
import matplotlib.pyplot as plt

_, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
names = [
    f"{'deslanted' if step != 'passthrough' else 'as it is'}, {'' if augment else 'not '}augmented"
    for step, augment in zip(results["deslant"], results["augment"], strict=True)
]
ax.errorbar(results["mean_test_score"], names, xerr=results["std_test_score"], fmt="o", capsize=3)
ax.set(xlabel="accuracy, mean and deviation of 2 folds")

# %%
# The best pipeline
# -----------------
# ``refit`` has trained it on all 20 writers. On the others, beside scikit-learn's own
# classifiers on the same normalized pixels:
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

scores = {"best pipeline": search.score(digits.images[test], digits.text[test])}
for baseline in (LogisticRegression(max_iter=1000), KNeighborsClassifier(1)):
    rows = FunctionTransformer(lambda images: np.reshape(images, (len(images), -1)) / 255)
    model = make_pipeline(CharacterNormalizer(), rows, baseline).fit(X, y)
    scores[type(baseline).__name__] = model.score(digits.images[test], digits.text[test])
pd.Series(scores, name="accuracy").to_frame().round(3)
