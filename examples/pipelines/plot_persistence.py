"""
=================================
Save and load: joblib, hwsk.save
=================================

joblib stores any Python object, and whoever loads it runs what the file says: for yourself.
:func:`hwsk.save` stores plain data only: for others, and for later. See :ref:`persistence`.
"""

# %%
# A pipeline to keep
# ------------------
# A pretrained embedding of lines, and a nearest neighbour that knows eight writers by two lines
# each.
import tempfile
import time
from pathlib import Path

import joblib
import numpy as np
from sklearn.neighbors import KNeighborsClassifier

import hwsk
from hwsk.datasets import make_handwriting

sentences = ["there is some more time to write", "their first letter came with many others"]
lines = make_handwriting(24, texts=np.resize(sentences, 24), n_writers=8, random_state=5)
known, asked = np.arange(16), np.arange(16, 24)
embedder = hwsk.load("iam-writers")
nearest = KNeighborsClassifier(1, metric="cosine")
nearest.fit(embedder.transform(lines.images[known]), lines.writer[known])


def identify(embedder, nearest):
    """Name the writer of each questioned line."""
    return nearest.predict(embedder.transform(lines.images[asked]))


expected = identify(embedder, nearest)
print(f"{np.mean(expected == lines.writer[asked]):.0%} of the lines are given to their writer")

# %%
# joblib
# ------
# One file may hold both, in a dict or a fitted search as well. ``compress`` costs time and saves
# little: weights are noise to a compressor.
folder = tempfile.TemporaryDirectory()
for compress in (0, 3):
    path = Path(folder.name, f"writers-{compress}.joblib")
    joblib.dump({"embedder": embedder, "nearest": nearest}, path, compress=compress)
    loaded = joblib.load(path)
    same = (identify(**loaded) == expected).all()
    print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, same answers: {same}")

# %%
# hwsk.save
# ---------
# The file is read without running any code of it. Networks and pipelines of hwsk's estimators can
# be saved, and those of scikit-learn that may stand beside them.
path = Path(folder.name, "writers.hwsk")
hwsk.save(embedder, path)
again = hwsk.load(path)
print(f"{path.name}: {path.stat().st_size / 1e6:.1f} MB, same answers: ", end="")
print((identify(again, nearest) == expected).all())

# %%
# An object that is not plain data is refused when it is saved, not when it is loaded:
embedder.steps.append(("function", np.square))
try:
    hwsk.save(embedder, path)
except (TypeError, ValueError) as error:
    print(f"{type(error).__name__}: {error}")
embedder.steps.pop()

# %%
# A cache
# -------
# A :class:`joblib.Memory` keeps what was computed once. ``Pipeline(memory=...)`` does the same with
# its transformers.
transform = joblib.Memory(Path(folder.name, "cache"), verbose=0).cache(again.transform)
for attempt in ("computed", "from the cache"):
    start = time.perf_counter()
    transform(list(lines.images))
    print(f"{attempt}: {time.perf_counter() - start:.2f} s")
folder.cleanup()
