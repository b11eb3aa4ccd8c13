"""What tells forgeries from genuine signatures without a look at the writing.

    python -m benchmarks.pairs.signatures_audit
    python -m benchmarks.pairs.signatures_audit --set NFI  # or NISDCC: families of SigComp2009

A logistic regression learns "forged" from the tones of the paper, before and after cleaning, and
from other measures that are none of shape; each writer is judged once, by a model of other
writers. And each measure alone as a verifier: the nearer two signatures are in it, the more they
are by the same writer. 95% intervals are bootstrapped over writers.
"""

from __future__ import annotations

from datetime import date
from functools import partial

import click
import cv2
import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.pairs.signature_sets import SETS, load_sets
from benchmarks.pairs.signatures import SIZE, cleaner
from hwsk._data.decoding import read_image
from hwsk.metrics import bootstrap_interval, equal_error_rate, pair_bootstrap_interval
from hwsk.model_selection import make_pairs
from hwsk.preprocessing._signatures import thin

N_FOLDS = 9
N_RESAMPLES = 500
PEN_WIDTH = 2.0  # pixels of the canvas
EDGES = np.linspace(0, 256, 33)  # of the histogram of paper tones
NOT_PAPER = 11  # pixels: the square around ink that is left out, for its blur
MEASURES = {
    "width of the pen": ["stroke", "stroke_spread"],
    "roughness of the edges": ["edge"],
    "number of pieces": ["pieces"],
    "amount of ink": ["density"],
    "proportions": ["ratio"],
}
interval = partial(bootstrap_interval, n_resamples=N_RESAMPLES, random_state=0)


def paper_tones(image: np.ndarray) -> np.ndarray:
    """Histogram of what is left when the ink is taken out, with a margin around it."""
    _, ink = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    paper = image[cv2.dilate(ink, np.ones((NOT_PAPER, NOT_PAPER), np.uint8)) == 0]
    return np.histogram(paper, EDGES)[0] / max(1, paper.size)


def measure(image: np.ndarray) -> dict[str, float]:
    """What is not a shape of the writing, of a cleaned image."""
    ink = (image < 128).astype(np.uint8)
    _, _, width, height = cv2.boundingRect(ink)
    depth = cv2.distanceTransform(np.pad(ink, 1), cv2.DIST_L2, 5)
    middle = depth[np.pad(thin(ink), 1) > 0]
    contours, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    return {
        "stroke": middle.mean(),
        "stroke_spread": middle.std(),
        # A smooth stroke's outline is as long as twice its middle line.
        "edge": sum(cv2.arcLength(contour, True) for contour in contours) / len(middle),
        "pieces": cv2.connectedComponents(ink)[0] - 1,
        "density": ink.mean(),
        "ratio": width / height,
    }


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--set", "name", default="CEDAR", type=click.Choice(SETS))
def main(data: str, name: str) -> None:
    """Print the audit."""
    signatures = load_sets(data)[0][name]
    writer = signatures.writer.astype(str)
    kept = np.isin(writer, writer[signatures.forged])  # writers of NFI who were not forged
    writer, forged = writer[kept], signatures.forged[kept]
    print(
        f"{date.today()} {name} signatures: {len(forged)} of {len(set(writer))} writers, "
        f"{forged.mean():.0%} forged; {N_FOLDS} folds over writers (no seed); canvas {SIZE}",
        flush=True,
    )
    images = [read_image(path) for path in signatures.images[kept]]
    report("paper of the scan", np.array([paper_tones(image) for image in images]), writer, forged)
    sizes = np.log([image.shape for image in images])
    report("size of the scan", sizes, writer, forged)
    for pen, pen_width in (("own pen", None), ("one pen", PEN_WIDTH)):
        cleaned = list(cleaner().set_params(pen_width=pen_width).fit_transform(images))
        tones = np.array([paper_tones(image) for image in cleaned])
        report(f"cleaned, {pen}: paper", tones, writer, forged)
        table = pd.DataFrame([measure(image) for image in cleaned])
        for name, columns in (MEASURES | {"all of these": list(table)}).items():
            report(f"cleaned, {pen}: {name}", table[columns].to_numpy(float), writer, forged)


def report(name: str, X: np.ndarray, writer: np.ndarray, forged: np.ndarray) -> None:
    """Print how well X tells forged from genuine, and how well its distances verify."""
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    scores = cross_val_predict(
        model, X, forged, groups=writer, cv=GroupKFold(N_FOLDS), method="decision_function"
    )
    auc, accuracy = roc_auc_score(forged, scores), right(forged, scores)
    auc_ends = interval(roc_auc_score, forged, scores, groups=writer)
    ends = interval(right, forged, scores, groups=writer)
    pairs, same = make_pairs(writer, forged=forged, negatives="skilled")
    scaled = StandardScaler().fit_transform(X)
    near = -np.linalg.norm(scaled[pairs[:, 0]] - scaled[pairs[:, 1]], axis=1)
    eer = equal_error_rate(same, near)
    eer_ends = pair_bootstrap_interval(
        equal_error_rate, same, near, writer[pairs], n_resamples=N_RESAMPLES, random_state=0
    )
    print(
        f"{name}: forged or not, AUC {auc:.3f} {text(auc_ends)}, accuracy {accuracy:.3f} "
        f"{text(ends)}; as a verifier, skilled EER {eer:.3f} {text(eer_ends)}",
        flush=True,
    )


def right(forged: np.ndarray, scores: np.ndarray) -> float:
    return float(np.mean((np.asarray(scores) > 0) == forged))


def text(ends: tuple[float, float]) -> str:
    return f"[{ends[0]:.3f}, {ends[1]:.3f}]"


if __name__ == "__main__":
    main()
