"""
=====================================
Training history and labelled samples
=====================================

Look at the samples with their labels before training, at the course of training during it, and at
samples with predictions after it. See :ref:`training`.
"""

# %%
# Labelled samples
# ----------------
# Digits and some letters by generated writers. :class:`~hwsk.plotting.ReadingDisplay` shows images
# with their text; of labels that were given as predictions, each image shows its own.
import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.plotting import ReadingDisplay
from hwsk.preprocessing import CharacterNormalizer

texts = np.random.default_rng(0).permutation(np.resize(list("0123456789ABDE"), 980))
made = make_handwriting(980, texts=texts, n_writers=70, random_state=0)
X = CharacterNormalizer().fit_transform(made.images)
train = made.writer < "w050"

import matplotlib.pyplot as plt

_, axes = plt.subplots(1, 8, figsize=(8, 2.2), layout="constrained")
for row, ax in enumerate(axes):
    ReadingDisplay.from_predictions(X[2 * row : 2 * row + 2], texts[2 * row : 2 * row + 2], ax=ax)

# %%
# Train
# -----
# With ``early_stopping``, a part of the training writers is held out: their loss and score are in
# the history, and the best epoch's weights are kept.
from hwsk.recognition import CharacterClassifier

classifier = CharacterClassifier(
    architecture="cnn",
    channels=(8, 16, 32),
    max_epochs=10,
    batch_size=32,
    lr=5e-3,
    early_stopping=True,
    validation_fraction=0.2,
    random_state=0,
)
classifier.fit(X[train], made.text[train], groups=made.writer[train])

# %%
# History
# -------
# ``history_`` is a list with a dict for each epoch, and
# :class:`~hwsk.plotting.TrainingHistoryDisplay` plots it. Where the loss of held-out writers rises
# while that of the training set falls, training has gone on for too long. Here both level off, and
# the gap between them is what more writers would close.
from hwsk.plotting import TrainingHistoryDisplay

display = TrainingHistoryDisplay.from_estimator(classifier)
for ax in display.axes_:
    ax.set_ylim(bottom=0)

# %%
# Predictions
# -----------
# On writers whom neither training nor the choice of the epoch has seen. Below a wrong reading
# stands the truth, wrong characters in colour.
from hwsk.plotting import ConfusionDisplay

predicted = classifier.predict(X[~train])
print(f"accuracy {np.mean(predicted == made.text[~train]):.3f}")
wrong = np.flatnonzero(predicted != made.text[~train])[:8]
_, axes = plt.subplots(1, 8, figsize=(8, 1.8), layout="constrained")
for row, ax in zip(wrong, axes, strict=False):
    chosen = slice(row, row + 1)
    ReadingDisplay.from_predictions(
        X[~train][chosen], predicted[chosen], made.text[~train][chosen], ax=ax
    )

# %%
_ = ConfusionDisplay.from_predictions(made.text[~train], predicted)
