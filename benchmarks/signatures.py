"""The signatures that the benchmarks share: cleaning, split by writer, other hands."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.utils import Bunch

from hwsk._images import read_image
from hwsk.datasets import load_cedar_and, load_cedar_signatures, load_iam, make_signatures
from hwsk.metrics import (
    equal_error_rate,
    pair_bootstrap_interval,
    writer_dependent_report,
    writer_independent_report,
)
from hwsk.model_selection import make_pairs
from hwsk.preprocessing import SignatureNormalizer

SIZE = (96, 192)
SPLIT_SEED = 0
VALID, TEST = 5, 12  # writers of 45
N_RESAMPLES = 500
N_REFERENCES = 12


def cleaner() -> SignatureNormalizer:
    """What leaves nothing of the scan but the shape of the ink."""
    return SignatureNormalizer(size=SIZE, pen_width=None, margin=3)


def load_split(path: str) -> tuple[Bunch, np.ndarray, np.ndarray, np.ndarray]:
    """The CEDAR signatures, and the rows for training, validation and test: by writer."""
    signatures = load_cedar_signatures(f"{path}/cedar_signatures")
    writers = np.random.default_rng(SPLIT_SEED).permutation(np.unique(signatures.writer))
    valid = np.isin(signatures.writer, writers[:VALID])
    test = np.isin(signatures.writer, writers[VALID : VALID + TEST])
    train = ~valid & ~test
    return signatures, np.flatnonzero(train), np.flatnonzero(valid), np.flatnonzero(test)


def turned(paths: Any, hands: Any, contexts: Any) -> tuple[list[Any], list[str], list[str]]:
    """Images, and their mirror images as those of other hands: left-right, upside down, both."""
    images = [read_image(path) for path in paths]
    out: tuple[list[Any], list[str], list[str]] = ([], [], [])
    for name, step in (
        ("", np.s_[:, :]),
        ("turned 1 ", np.s_[:, ::-1]),
        ("turned 2 ", np.s_[::-1]),
        ("turned 3 ", np.s_[::-1, ::-1]),
    ):
        out[0].extend(np.ascontiguousarray(image[step]) for image in images)
        out[1].extend(f"{name}{hand}" for hand in hands)
        out[2].extend(f"{name}{context}" for context in contexts)
    return out


def other_hands(path: str, seed: int) -> tuple[list[Any], list[str], list[str]]:
    """Images, hands and contexts where many hands wrote the same."""
    made = make_signatures(300, 8, 8, random_state=seed)
    images = list(made.images)
    hands = [f"made {hand}" for hand in made.hand]
    contexts = [f"made {writer}" for writer in made.writer]
    words = load_cedar_and(f"{path}/and")
    chosen = np.random.default_rng(seed).permutation(np.unique(words.writer))[:450]
    rows = np.flatnonzero(np.isin(words.writer, chosen))
    images += list(words.images[rows])
    hands += [f"and {writer}" for writer in words.writer[rows]]
    contexts += ["and"] * len(rows)
    iam = load_iam(f"{path}/iam", level="word", segmentation="all")
    frame = pd.DataFrame({"text": [text.lower() for text in iam.text], "writer": iam.writer})
    frame = frame[frame["text"].str.fullmatch(r"[a-z]{2,}")]
    frame = frame[frame.groupby(["text", "writer"])["text"].transform("size") >= 2]
    frame = frame[frame.groupby("text")["writer"].transform("nunique") >= 4]
    images += list(iam.images[frame.index])
    hands += [f"iam {row.text} {row.writer}" for row in frame.itertuples()]
    contexts += [f"iam {text}" for text in frame["text"]]
    return images, hands, contexts


def print_report(
    name: str,
    signatures: Bunch,
    rows: np.ndarray,
    vectors: np.ndarray | None = None,
    distances: np.ndarray | None = None,
) -> None:
    """Print what vectors, or a matrix of distances, are worth by the literature's protocols."""
    writer, forged = signatures.writer[rows], signatures.forged[rows]
    if distances is None:
        distances = cdist(vectors, vectors)
    for negatives in ("skilled", "random"):
        pairs, same = make_pairs(writer, forged=forged, negatives=negatives)
        scores = -distances[pairs[:, 0], pairs[:, 1]]
        # A forgery is drawn with the writer whom it imitates.
        low, high = pair_bootstrap_interval(
            equal_error_rate,
            same,
            scores,
            writer[pairs],
            n_resamples=N_RESAMPLES,
            random_state=0,
        )
        print(
            f"{name}: {negatives} forgeries, pairs: EER {equal_error_rate(same, scores):.4f} "
            f"[{low:.4f}, {high:.4f}] ({same.sum()} genuine, {(same == 0).sum()} forged)",
            flush=True,
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reports = {
            "writer-independent": writer_independent_report(
                distances,
                writer,
                forged,
                metric="precomputed",
                n_references=N_REFERENCES,
                random_state=0,
            ),
        }
        if vectors is not None:
            reports["writer-dependent"] = writer_dependent_report(
                vectors, writer, forged, n_references=N_REFERENCES, random_state=0
            )
    for protocol, report in reports.items():
        for kind in report.index:
            row = report.loc[kind]
            print(
                f"{name}: {kind} forgeries, {protocol}, {N_REFERENCES} references: EER "
                f"{row['eer']:.4f} (std {row['eer_std']:.4f}), with user thresholds "
                f"{row['eer_user']:.4f} (std {row['eer_user_std']:.4f})",
                flush=True,
            )
