"""
===========================
Pen strokes, two ways to go
===========================

A tablet records the path of the pen: rows of ``dx, dy, pen_up``. A network that reads images wants
it drawn (:class:`~hwsk.preprocessing.StrokeRasterizer`); one that reads movements wants numbers of
a common size (:class:`~hwsk.preprocessing.StrokeNormalizer`).
"""

# %%
# Drawing
# -------
# The ink is scaled to the height of the image and keeps its aspect; the width follows. The pen has
# a width in pixels, whatever the units of the recording.

import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.preprocessing import StrokeNormalizer, StrokeRasterizer

strokes = make_handwriting(
    4, n_writers=4, texts=["a stitch in time saves nine"], random_state=6
).strokes

_, axes = plt.subplots(3, 1, figsize=(9, 4), layout="constrained")
for axis, pen_width in zip(axes, (1.5, 3, 6), strict=True):
    image = StrokeRasterizer(height=64, pen_width=pen_width).fit_transform(strokes)[0]
    axis.imshow(image, cmap="gray", vmin=0, vmax=255)
    axis.set_title(f"pen_width={pen_width}", loc="left", fontsize=9)
    axis.axis("off")

# %%
# A slip of the pen
# -----------------
# Recordings have points far off where the signal was lost. Scaled with them, the line would shrink
# to a few pixels; they are left out.

spoilt = strokes[0].copy()
spoilt[60, :2] += 4000, 9000
spoilt[61, :2] -= 4000, 9000

plt.figure(figsize=(9, 1.4), layout="constrained")
plt.imshow(StrokeRasterizer().fit_transform([spoilt])[0], cmap="gray")
plt.axis("off")

# %%
# Standardising
# -------------
# Offsets differ in size from writer to writer and device to device. The normalizer learns mean and
# deviation of dx and dy from the training set; the pen column stays as it is, and
# ``inverse_transform`` leads back. The leaps of the lifted pen from one stroke to the next count in
# the mean and the deviation, but are not drawn below: so what is drawn spreads less than 1.

normalizer = StrokeNormalizer().fit(strokes)
standardised = normalizer.transform(strokes)

_, axes = plt.subplots(1, 2, figsize=(9, 3), layout="constrained")
for axis, sample, title in (
    (axes[0], np.concatenate(strokes), "as recorded"),
    (axes[1], np.concatenate(standardised), "standardised"),
):
    written = sample[1:][sample[:-1, 2] == 0]  # without the leaps of the lifted pen
    axis.plot(written[:, 0], written[:, 1], ".", markersize=2, alpha=0.3)
    axis.set(title=title, xlabel="dx", ylabel="dy")
    axis.set_aspect("equal")

back = np.concatenate(normalizer.inverse_transform(standardised))
print(f"greatest difference after the way back: {np.abs(back - np.concatenate(strokes)).max():.1e}")
plt.show()
