"""
==================================
Made lines as more training data
==================================

A recognizer that has few lines to learn from may learn more from lines that were made. Whether it
does has to be measured, on lines that were not.
"""

# %%
# Few lines
# ---------
# Words in hands that the synthesizer has never seen (:func:`~hwsk.datasets.make_handwriting` draws
# them), 60 of them; and other words, by 20 others, to judge.
from pathlib import Path

import pandas as pd

import hwsk
from hwsk.datasets import make_handwriting
from hwsk.metrics import character_error_rate
from hwsk.preprocessing import Deslanter, HeightNormalizer, StrokeRasterizer
from hwsk.recognition import CTCRecognizer

synthesizer = hwsk.load(Path(hwsk.__file__).parents[1] / "models" / "synthesizer.hwsk")

known = set(synthesizer.alphabet_)


def words(n, n_writers, seed):
    """Made words of lower-case letters, as strokes and text."""
    made = make_handwriting(3 * n, n_writers=n_writers, random_state=seed)
    rows = [i for i, word in enumerate(made.text) if word.isalpha() and word.islower()][:n]
    return made.strokes[rows], made.text[rows]


strokes, text = words(60, 60, seed=0)
test_strokes, test_text = words(200, 20, seed=1)
print(f"{len(text)} words to learn, {len(test_text)} to judge")

# %%
# More lines
# ----------
# The synthesizer writes four times as many words, each by chance in a hand of its own.
_, more_text = words(240, 10, seed=2)
more_strokes = synthesizer.sample(list(more_text), bias=0.5, random_state=0)


def draw(strokes):
    """Strokes as images of one height, upright."""
    images = Deslanter().fit_transform(StrokeRasterizer(height=64).fit_transform(strokes))
    return list(HeightNormalizer(24).fit_transform(images))


# %%
# Does it help?
# -------------
# All recognizers see as many words in all, so that those with more data have no more steps.
rows = []
for times in (0, 1, 4):
    n = times * len(text)
    recognizer = CTCRecognizer(
        height=24,
        channels=(12, 24, 48),
        dense_units=48,
        hidden_units=48,
        num_layers=1,
        max_epochs=round(3000 / (len(text) + n)),
        batch_size=4,
        lr=4e-3,
        random_state=0,
    )
    recognizer.fit(draw(strokes) + draw(more_strokes)[:n], [*text, *more_text[:n]])
    read = recognizer.predict(draw(test_strokes))
    rows.append({"made": f"{times}x", "CER": character_error_rate(test_text, read)})
pd.DataFrame(rows).set_index("made").round(3)
