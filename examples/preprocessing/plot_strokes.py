"""
======================
Preprocess pen strokes
======================

A tablet records the path of the pen: rows of ``dx, dy, pen_up``. For a network that takes images,
draw the strokes by :class:`~hwsk.preprocessing.StrokeRasterizer`. For one that takes points, bring
them to a common size by :class:`~hwsk.preprocessing.StrokeNormalizer`. Level, upright lines
without outliers help both.
"""

# %%
# Rasterize
# ---------
# The ink is scaled to the height of the image and keeps its aspect; the width follows. The pen has
# a width in pixels, whatever the units of the recording.

import matplotlib.pyplot as plt
import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.preprocessing import (
    StrokeDenoiser,
    StrokeDeskewer,
    StrokeDeslanter,
    StrokeNormalizer,
    StrokeRasterizer,
    StrokeResampler,
    rotate_strokes,
    shear_strokes,
)

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
# Remove outliers
# ---------------
# Recordings have points far off where the signal was lost. Scaled with them, the line would shrink
# to a few pixels; they are left out.

spoilt = strokes[0].copy()
spoilt[60, :2] += 4000, 9000
spoilt[61, :2] -= 4000, 9000

plt.figure(figsize=(9, 1.4), layout="constrained")
plt.imshow(StrokeRasterizer().fit_transform([spoilt])[0], cmap="gray")
plt.axis("off")

# %%
# Deskew and deslant
# ------------------
# :class:`~hwsk.preprocessing.StrokeDeskewer` fits the baseline by the lowest points of the strokes,
# :class:`~hwsk.preprocessing.StrokeDeslanter` goes by the downstrokes. What each line's angle was,
# ``measure`` tells; :func:`~hwsk.preprocessing.rotate_strokes` and
# :func:`~hwsk.preprocessing.shear_strokes` lead back.

askew = rotate_strokes(shear_strokes(strokes, [0.6, -0.4, 0.3, 0.0]), [4, -3, 6, -5])
deskewer, deslanter = StrokeDeskewer(), StrokeDeslanter()
level = deskewer.fit_transform(askew)
upright = deslanter.fit_transform(level)
angles, shears = deskewer.measure(askew), deslanter.measure(level)


def draw(axis, sample, style="-"):
    """Plot the strokes of one line, y pointing down."""
    points = np.cumsum(sample[:, :2], axis=0)
    for stroke in np.split(points, np.flatnonzero(sample[:-1, 2]) + 1):
        axis.plot(*stroke.T, style, color="black", linewidth=0.8, markersize=2.5)
    axis.set_aspect("equal")
    axis.invert_yaxis()
    axis.axis("off")


_, axes = plt.subplots(4, 2, figsize=(9, 4.5), layout="constrained")
for row, before, after, angle, shear in zip(axes, askew, upright, angles, shears, strict=True):
    draw(row[0], before)
    draw(row[1], after)
    row[0].set_title(f"climbs by {angle:.1f}°, leans by {shear:.2f}", loc="left", fontsize=9)

# %%
# Resample
# --------
# A tablet records at an even pace: points lie close where the pen was slow. A spike, reached and
# left in one leap, is removed; then :class:`~hwsk.preprocessing.StrokeResampler` divides the path
# into equal steps, here of a tenth of the line's height. Ends and sharp corners stay.

word = strokes[0][:200].copy()
word[60, :2] += 5, 40
word[61, :2] -= 5, 40
clean = StrokeDenoiser().fit_transform([word])
height = np.ptp(np.cumsum(clean[0][:, 1]))
even = StrokeResampler(spacing=height / 10).fit_transform(clean)[0]

_, axes = plt.subplots(1, 3, figsize=(9, 2), layout="constrained")
samples = {"recorded": word, "denoised": clean[0], "resampled": even}
for axis, (title, sample) in zip(axes, samples.items(), strict=True):
    draw(axis, sample, ".-")
    axis.set_title(f"{title}: {len(sample)} points", loc="left", fontsize=9)

# %%
# Normalize
# ---------
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
