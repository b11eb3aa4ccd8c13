"""
=========================================
From ALTO ground truth to your own reader
=========================================

Page images with ALTO beside them become a reader of such pages: load, fine-tune the recognizer, put
it behind a segmenter, evaluate. See :ref:`documents` and :ref:`fine-tuning`.
"""

# %%
# Ground truth
# ------------
# What eScriptorium or kraken export; made here, so that this page runs anywhere: pages of an
# account book in one hand, ``00.png`` with ``00.alto.xml``.
import tempfile
from pathlib import Path

import cv2
import numpy as np

from hwsk.datasets import make_handwriting
from hwsk.documents import Line, Page, Region

folder = tempfile.TemporaryDirectory()
rng = np.random.default_rng(0)
clerks = ["Ada", "Eva", "Emil", "Ida", "Lena", "Otto", "Paul", "Tom"]
names, sums = rng.choice(clerks, 60), rng.integers(10, 400, 60)
texts = [f"{name} ${amount}" for name, amount in zip(names, sums, strict=True)]
made = make_handwriting(60, texts=texts, n_writers=1, height=48, random_state=1)
height, width = 460, 320
for number in range(10):
    image, lines = np.full((height, width), 240, np.uint8), []
    for i in range(6):
        ink, text = made.images[6 * number + i], texts[6 * number + i]
        top, left = 40 + 68 * i, int(rng.integers(30, 60))
        bottom, right = top + ink.shape[0], left + ink.shape[1]
        np.minimum(image[top:bottom, left:right], ink, out=image[top:bottom, left:right])
        baseline = [[left, bottom - 12], [right, bottom - 12]]
        lines.append(Line(text, baseline, [left, top, right, bottom]))
    cv2.imwrite(str(Path(folder.name, f"{number:02}.png")), image)
    page = Page(width, height, [Region(lines)], image_path=f"{number:02}.png")
    page.save(Path(folder.name, f"{number:02}.alto.xml"))

# %%
# Load
# ----
# :func:`~hwsk.datasets.load_pages` finds the images, cuts the lines out, and says what it left out.
# The split keeps the lines of a page on one side.
from sklearn.model_selection import GroupShuffleSplit

from hwsk.datasets import load_pages

found = load_pages(folder.name)
split = GroupShuffleSplit(1, test_size=0.2, random_state=0)
train, test = next(split.split(found.lines, groups=found.page))
test_pages = np.unique(found.page[test])
print(f"{len(train)} lines to learn from, {len(test_pages)} pages to evaluate on")

# %%
# Before
# ------
# The pretrained reader knows no dollar sign, and expects prose.
import warnings

import hwsk

warnings.filterwarnings("ignore", message=".*(mean confidence|upside down|in doubt)")
reader = hwsk.load("english-pages")
images, truth = found.images[test_pages], found.pages[test_pages]
before = reader.score(images, truth)

# %%
# Fine-tune
# ---------
# The recognizer goes on from its weights; the segmenter stays as it is, since it finds the lines.
# A language model of English prose is of no use in an account book, so decoding goes without.
from sklearn.frozen import FrozenEstimator

from hwsk.documents import PageReader

recognizer = reader.recognizer
recognizer[-1].set_params(
    warm_start=True, max_epochs=4, lr=1e-3, batch_size=8, augment=None, ema_decay=0.0, decoder=None
)
recognizer.fit(found.lines[train], found.text[train])
own = PageReader(FrozenEstimator(reader.segmenter), recognizer)
after = own.score(images, truth)
print(f"1 - character error rate of pages: {before:.2f} before, {after:.2f} after")

# %%
# A page that training has not seen, and the file for the tools of archives.
from hwsk.plotting import PageDisplay

(page,) = own.read(images[0])
_ = PageDisplay(cv2.imread(images[0], cv2.IMREAD_GRAYSCALE), page).plot()
page.save(Path(folder.name, "read.alto.xml"))

# %%
# Use it
# ------
# One file holds both parts; ``hwsk read --model ledger.hwsk scans/ -f alto -o out/`` reads with it.
path = Path(folder.name, "ledger.hwsk")
hwsk.save(own, path)
print(f"{path.stat().st_size / 1e6:.1f} MB")
folder.cleanup()
