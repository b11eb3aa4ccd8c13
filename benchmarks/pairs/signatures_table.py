"""Verify the CEDAR signatures without a network: baselines of `train_signatures.py`.

    python -m benchmarks.pairs.signatures_table --data ../shared/data

Judges each writer once, like `train_signatures.py judge`; PCA and LDA learn from the other folds.
"""

from __future__ import annotations

from datetime import date

import click
import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import normalize

from benchmarks.pairs.hog import hog
from benchmarks.pairs.signatures import N_FOLDS, SIZE, SPLIT_SEED, cleaner, load_folds, print_report
from hwsk.networks.matching import LocalDescriptors, match, reach_mask

N_COMPONENTS = 150
SHRINKAGE = 0.1
CELL = 8  # pixels, those of `hog`
N_AT_ONCE = 256  # pairs
PEN_WIDTH = 2.0  # pixels of the canvas


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--one-pen", is_flag=True, help="Redraw all strokes in one width.")
def main(data: str, one_pen: bool) -> None:
    """Print the baselines."""
    signatures, folds = load_folds(data)
    print(
        f"{date.today()} CEDAR signatures, canvas {SIZE}: {len(signatures.writer)} of "
        f"{len(set(signatures.writer))} writers in {N_FOLDS} folds; split seed {SPLIT_SEED}",
        flush=True,
    )
    # The forgers are not known: those of one writer are taken as one writer more.
    hand = np.char.add(signatures.writer.astype(str), np.where(signatures.forged, " forged", ""))
    pen = "one pen" if one_pen else "own pen"
    clean = cleaner().set_params(pen_width=PEN_WIDTH if one_pen else None)
    images = np.stack(list(clean.fit_transform(signatures.images)))
    gradients = hog(images)
    # Of vectors of length 1 the distance ranks as the cosine does.
    for name, X in (
        ("pixels", 1 - images.reshape(len(images), -1) / np.float32(255)),
        ("HOG", gradients),
    ):
        vectors = [normalize(X[rows]) for rows in folds]
        print_report(f"{name}, {pen}", signatures, folds, vectors)
    vectors = [normalize(discriminants(gradients, hand, rows)) for rows in folds]
    print_report(f"HOG, PCA, LDA, {pen}", signatures, folds, vectors)
    distances = [matched_distances(gradients[rows]) for rows in folds]
    print_report(f"HOG, matched, {pen}", signatures, folds, distances, precomputed=True)


def discriminants(gradients: np.ndarray, hand: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Project the gradients of these rows to what distinguishes the other writers."""
    lda = make_pipeline(
        PCA(N_COMPONENTS, random_state=0),
        LinearDiscriminantAnalysis(solver="eigen", shrinkage=SHRINKAGE),
    )
    others = np.setdiff1d(np.arange(len(hand)), rows)
    return lda.fit(gradients[others], hand[others]).transform(gradients[rows])


def matched_distances(gradients: np.ndarray) -> np.ndarray:
    """Compute the distance of each two images, with matched blocks as local descriptors."""
    height, width = (side // CELL - 1 for side in SIZE)
    blocks = torch.from_numpy(gradients).view(len(gradients), height * width, -1)
    ink = blocks.norm(dim=2)
    weights = ink / ink.sum(dim=1, keepdim=True)
    described = LocalDescriptors(F.normalize(blocks, dim=2), weights)
    mask = reach_mask(height, width)
    alike = np.ones((len(gradients), len(gradients)))
    pairs = torch.triu_indices(len(gradients), len(gradients), 1)
    for first, second in zip(pairs[0].split(N_AT_ONCE), pairs[1].split(N_AT_ONCE), strict=True):
        sides = (described.of(rows) for rows in (first, second))
        alike[first, second] = alike[second, first] = match(*sides, mask)
    return np.sqrt(np.maximum(2 - 2 * alike, 0))


if __name__ == "__main__":
    main()
