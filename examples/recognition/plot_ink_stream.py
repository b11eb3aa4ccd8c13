"""
Recognize words while they are written
======================================

:class:`~hwsk.recognition.InkRecognizer` recognizes pen strokes instead of images. The pretrained
``ink-lines`` has learnt from 6,080 lines of English. Here a word by a writer whom it has not seen
is written stroke by stroke, and the text so far is read after each.
"""

# %%
# Strokes are arrays of offsets and pen-ups. They come in the order of writing, in any unit:
# baseline, size and slant are taken out inside the recognizer.
import hwsk
from hwsk.datasets import make_handwriting

texts = ["next", "tent", "invite", "hidden", "window", "winter"]
unseen = make_handwriting(60, texts=texts, n_writers=10, random_state=1)
unseen.strokes[0][:3]

# %%
recognizer = hwsk.load("ink-lines")
print(f"character accuracy on generated words: {recognizer.score(unseen.strokes, unseen.text):.2f}")

# %%
# A stream takes positions of the pen, as a canvas or a tablet gives them. What follows a letter may
# change how it is read: the network reads each with its neighbours on both sides, and the language
# model weighs what is likely in English. After the last stroke the text is that of `predict`.
import matplotlib.pyplot as plt
import numpy as np

# Of the words that are read right, that of the most strokes.
n_strokes = np.array([sample[:, 2].sum() for sample in unseen.strokes])
is_right = recognizer.predict(unseen.strokes) == unseen.text
row = int(np.argmax(n_strokes * is_right))
sample = unseen.strokes[row]
points = np.cumsum(sample[:, :2], axis=0)
strokes = np.split(points, np.flatnonzero(sample[:-1, 2]) + 1)

stream = recognizer.stream()
steps = []
for stroke in strokes:
    stream.add(stroke)
    steps.append(stream.text)
assert stream.text == recognizer.predict([sample])[0]

columns = min(len(strokes), 4)
rows = -(-len(strokes) // columns)
_, axes = plt.subplots(rows, columns, figsize=(2.2 * columns, 1.5 * rows), squeeze=False)
for axis in axes.flat:
    axis.axis("off")
for number, (axis, text) in enumerate(zip(axes.flat, steps, strict=False), 1):
    for stroke in strokes[:number]:
        axis.plot(*stroke.T, color="black")
    axis.plot(*strokes[number - 1].T, color="tab:blue")
    axis.set(title=repr(text), xlim=(points[:, 0].min(), points[:, 0].max()))
    axis.set_ylim(points[:, 1].max() + 1, points[:, 1].min() - 1)
    axis.set_aspect("equal")
plt.tight_layout()
print(f"written: {unseen.text[row]!r}, read: {stream.text!r}")

# %%
# Strokes can be taken back, and each character names the strokes that it was written with.
details = stream.details()
for character in details["characters"]:
    print(character["text"], f"{character['probability']:.2f}", "strokes", character["strokes"])
stream.undo()
print(f"without the last stroke: {stream.text!r}")
