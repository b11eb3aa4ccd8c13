"""
=====================================
Recognize numbers by held-out writers
=====================================

A small :class:`~hwsk.recognition.CTCRecognizer` learns to recognize numbers from strings alone:
the training data don't say where in the image a digit stands.
"""

# %%
# Thirty writers to learn from, ten others to be tested on. The images have different sizes.
import numpy as np

from hwsk.datasets import make_handwriting

rng = np.random.default_rng(0)
train, test = (
    make_handwriting(
        n_samples,
        level="word",
        texts=[str(number) for number in rng.integers(100, 100_000, n_samples)],
        n_writers=n_writers,
        random_state=seed,
    )
    for seed, (n_samples, n_writers) in enumerate([(600, 30), (100, 10)])
)
print(train.text[:5], [image.shape for image in train.images[:5]])

# %%
# The network is made small here, to be trained in half a minute on one core.
from hwsk.recognition import CTCRecognizer

recognizer = CTCRecognizer(
    height=24,
    channels=(8, 16, 32),
    dense_units=48,
    hidden_units=48,
    num_layers=1,
    max_epochs=20,
    batch_size=8,
    lr=3e-3,
    random_state=0,
)
recognizer.fit(train.images, train.text)
print(f"alphabet {recognizer.alphabet_}, score {recognizer.score(test.images, test.text):.2f}")

# %%
# The score is 1 - character error rate. What was misread, in red:
from hwsk.plotting import ReadingDisplay

ReadingDisplay.from_estimator(recognizer, test.images, test.text, max_lines=6)

# %%
# How the loss fell:
import matplotlib.pyplot as plt
from matplotlib.ticker import MaxNLocator

fig, ax = plt.subplots(figsize=(5, 3), layout="constrained")
history = recognizer.history_
ax.plot([epoch["epoch"] for epoch in history], [epoch["train_loss"] for epoch in history])
ax.set(xlabel="epoch", ylabel="CTC loss")
ax.xaxis.set_major_locator(MaxNLocator(integer=True))

# %%
# For each step along the line, the network gives a probability to each character and to "nothing
# new here" (the blank, row 0). CTC learns peaks: a character is predicted once, with
# blanks before and after it.
image = test.images[0]
proba = np.exp(recognizer.predict_log_proba([image])[0])

fig, (top, bottom) = plt.subplots(2, figsize=(5, 4), layout="constrained")
top.imshow(image, cmap="gray", aspect="auto")
top.set_axis_off()
bottom.imshow(proba.T, cmap="Blues", aspect="auto", vmin=0, vmax=1)
bottom.set_yticks(range(proba.shape[1]), ["blank", *recognizer.alphabet_])
bottom.set(xlabel="time step")
plt.show()
