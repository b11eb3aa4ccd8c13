"""Draw the pictures of README and of the landing page by the pretrained models.

    python docs/pictures.py

All images are generated: no sample of a data set is shown. Writes docs/_static/*.png.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import cv2
import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np

import hwsk
from hwsk._demo.pretrained import LETTER, find_nearest_lines, verdict
from hwsk.datasets import make_handwriting, make_signatures

STATIC = Path(__file__).parent / "_static"
TOP = 0.36  # of the page, which is all that is written on
CARD = (4.0, 2.2)  # inches
BLUE, ORANGE, GREY = "#1f5fa8", "#c96a1b", "#5b6168"
SENTENCES = ["there is some more time", "people would like another day", "the first letter came"]


def show(ax: Any, image: Any) -> None:
    """Show a grey image without axes."""
    ax.imshow(image, cmap="gray", vmin=0, vmax=255, aspect="equal")
    ax.set_axis_off()


def letter() -> Any:
    """Write the letter and give its image."""
    page = hwsk.writing.write(LETTER, hwsk.load("synthesizer"), random_state=3, line_height=13.0)
    with tempfile.TemporaryDirectory() as folder:
        page.save(Path(folder) / "letter.png", dpi=150)
        return cv2.imread(str(Path(folder) / "letter.png"), cv2.IMREAD_GRAYSCALE)


def draw_reading(ax: Any, image: Any, page: Any, size: float) -> None:
    """Draw the baselines found, and under each line what was read."""
    show(ax, image[: int(TOP * len(image))])
    for line in page.lines:
        baseline = np.asarray(line.baseline)
        ax.plot(*baseline.T, color=BLUE, linewidth=1)
        ax.text(
            *baseline[0] + (0, 0.008 * image.shape[0]), line.text, color=BLUE, fontsize=size,
            va="top",
        )  # fmt: skip


def draw_signatures(axes: Any, size: float) -> None:
    """Draw one reference beside two signatures, with the verdicts."""
    made = make_signatures(2, n_genuine=2, n_forged=0, random_state=4)
    verifier = hwsk.load("signature-verifier")
    pairs = [[made.images[0], made.images[1]], [made.images[0], made.images[2]]]
    for (left, right), pair, p in zip(
        axes, pairs, verifier.predict_proba(pairs)[:, 1], strict=True
    ):
        show(left, pair[0])
        show(right, pair[1])
        right.set_title(verdict(p), fontsize=size, color=BLUE if p > 0.5 else ORANGE)


def draw_writers(axes: Any, size: float) -> None:
    """Draw questioned lines beside the nearest lines of known writers."""
    made, questioned, found = find_nearest_lines(SENTENCES)
    for (left, right), i, j in zip(axes, questioned, found, strict=False):
        show(left, made.images[i])
        show(right, made.images[j])
        same = made.writer[i] == made.writer[j]
        left.set_title("questioned", fontsize=size, color=GREY)
        right.set_title(
            f"nearest: {'the same' if same else 'another'} writer",
            fontsize=size,
            color=BLUE if same else ORANGE,
        )


def draw_latents(ax: Any) -> None:
    """Draw the way from one word to another in latent space."""
    vae = hwsk.load("and-vae")
    ends = np.random.default_rng(3).normal(size=(3, 2, vae.latent_dim))
    steps = np.linspace(0, 1, 7)[:, None]
    rows = [
        np.hstack(list(vae.inverse_transform((1 - steps) * a + steps * b).reshape(7, 64, 64)))
        for a, b in ends
    ]
    show(ax, np.vstack(rows) * 255)


def draw_lines(axes: Any, size: float) -> None:
    """Draw lines with their transcripts, as one's own folder holds them."""
    made = make_handwriting(3, n_writers=3, texts=SENTENCES, random_state=2)
    for ax, image, text in zip(axes, made.images, made.text, strict=True):
        show(ax, image)
        ax.set_title(text, fontsize=size, color=BLUE, loc="left")


def save(figure: Any, name: str) -> None:
    figure.savefig(STATIC / name, dpi=150, facecolor="white", bbox_inches="tight", pad_inches=0.06)
    plt.close(figure)
    print(STATIC / name, f"{(STATIC / name).stat().st_size / 1e3:.0f} kB")


def main() -> None:
    """Draw all pictures."""
    mpl.rcParams["font.family"] = "DejaVu Sans"
    STATIC.mkdir(exist_ok=True)
    image = letter()
    (page,) = hwsk.load("english-pages").read([image])

    figure = plt.figure(figsize=(12, 4.4))
    grid = figure.add_gridspec(4, 4, width_ratios=(2.1, 2.1, 1, 1), hspace=0.55, wspace=0.08)
    draw_reading(figure.add_subplot(grid[:, :2]), image, page, 9)
    cells = [[figure.add_subplot(grid[row, column]) for column in (2, 3)] for row in range(4)]
    draw_signatures(cells[:2], 9)
    draw_writers(cells[2:], 9)
    save(figure, "hero.png")

    figure, ax = plt.subplots(figsize=CARD)
    draw_reading(ax, image, page, 6)
    save(figure, "read.png")
    figure, ax = plt.subplots(figsize=CARD)
    show(ax, image[: int(TOP * len(image))])
    save(figure, "write.png")
    figure, axes = plt.subplots(2, 2, figsize=CARD)
    draw_signatures(axes, 8)
    save(figure, "verify.png")
    figure, axes = plt.subplots(2, 2, figsize=CARD)
    draw_writers(axes, 8)
    save(figure, "identify.png")
    figure, ax = plt.subplots(figsize=CARD)
    draw_latents(ax)
    save(figure, "features.png")
    figure, axes = plt.subplots(3, 1, figsize=CARD)
    draw_lines(axes, 8)
    save(figure, "own.png")


if __name__ == "__main__":
    main()
