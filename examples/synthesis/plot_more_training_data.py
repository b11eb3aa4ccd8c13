"""
================================
Synthetic lines as training data
================================

Synthetic lines may help a recognizer that has few real lines to learn from. Whether they do has to
be evaluated on real lines.
"""

# %%
# Data
# ----
# A dozen words by three hands (:func:`~hwsk.datasets.make_handwriting` draws them), and the same
# words by forty others, to judge.
from pathlib import Path

import pandas as pd

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.metrics import character_error_rate
from hwsk.preprocessing import Deslanter, HeightNormalizer, StrokeRasterizer
from hwsk.recognition import CTCRecognizer

synthesizer = hwsk.load(Path(hwsk.__file__).parents[1] / "models" / "synthesizer.hwsk")

words = ["rat", "one", "soon", "tear", "nor", "east", "rose", "at", "stone", "ear", "no", "rest"]
train = make_handwriting(36, texts=words, n_writers=3, random_state=0)
test = make_handwriting(240, texts=words, n_writers=40, random_state=1)

# %%
# Generate lines
# --------------
# The synthesizer writes the same words, four times as many, each by chance in a hand of its own.
more_text = words * 12
# A low bias writes less neatly: more hands.
more_strokes = synthesizer.sample(texts=more_text, bias=0.5, random_state=0)


def draw(strokes):
    """Strokes as images of one height, upright."""
    images = Deslanter().fit_transform(StrokeRasterizer(height=64).fit_transform(strokes))
    return list(HeightNormalizer(20).fit_transform(images))


# %%
# Evaluate
# --------
# All recognizers see as many words in all, so that those with more data have no more steps.
rows = []
images, more_images, unseen = draw(train.strokes), draw(more_strokes), draw(test.strokes)
for times in (0, 1, 4):
    n = times * len(images)
    recognizer = CTCRecognizer(
        height=20,
        channels=(8, 16, 32),
        dense_units=32,
        hidden_units=32,
        num_layers=1,
        shortcut_weight=1.0,
        max_epochs=round(3600 / (len(images) + n)),
        batch_size=4,
        lr=5e-3,
        random_state=0,
    )
    recognizer.fit(images + more_images[:n], [*train.text, *more_text[:n]])
    error = character_error_rate(test.text, recognizer.predict(unseen))
    rows.append({"made by the synthesizer": f"{times}x", "character error rate": error})
pd.DataFrame(rows).set_index("made by the synthesizer").round(3)
