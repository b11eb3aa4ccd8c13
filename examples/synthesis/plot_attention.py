"""
============================
Attention of the synthesizer
============================

The synthesizer attends to the text through a window that moves on as it writes. It learns how far
the window moves at each point: the training data don't say which strokes make which letter.
"""

# %%
# The window over the text
# ------------------------
# Time runs to the right: one column for each point of the pen. The darker, the more the window sees
# of that character.
import numpy as np

import hwsk
from hwsk.plotting import AttentionDisplay

synthesizer = hwsk.load("synthesizer")

text = "it writes and reads"
(strokes,) = synthesizer.sample(texts=[text], random_state=0)
display = AttentionDisplay.from_estimator(synthesizer, text, strokes)

# %%
# Points of each character
# ------------------------
# ``attention`` gives the same as arrays, with a column for the place behind the text: where the
# window sees most of that, a line is finished. So ink can be cut into letters, by no other teacher
# than the text:
(phi,) = synthesizer.attention([text], [strokes])
where = phi.argmax(axis=1)
for place in range(8):
    points = np.flatnonzero(where == place)
    span = f"points {points[0]:3} to {points[-1]:3}" if points.size else "no point of its own"
    print(f"{text[place]!r}: {span}")

# %%
# Likelihood of the right text
# ----------------------------
# A line is more likely given its own text than given another one.
texts = [text, "he writes and reads", "it reads and writes", "nothing of that kind"]
for other in texts:
    print(f"{synthesizer.score([other], [strokes]):7.1f} nats given {other!r}")
