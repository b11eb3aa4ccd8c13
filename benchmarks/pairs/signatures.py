"""The signatures that the benchmarks share: cleaning, split by writer, other writers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial.distance import cdist
from sklearn.utils import Bunch

from hwsk._data.decoding import read_image
from hwsk.datasets import load_cedar_and, load_cedar_signatures, load_iam, make_signatures
from hwsk.datasets._data_home import unpack
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
N_FOLDS = 4
N_RESAMPLES = 500
N_REFERENCES = 12
N_MADE, N_AND = 150, 200  # other writers
N_JOINED = 2  # names that each is the left part of
CUT = (0.35, 0.65)  # of the width: where they are joined


class Hands(NamedTuple):
    """Images, by whose hand each is, and what is written in it."""

    images: list[np.ndarray]
    hands: list[str]
    contexts: list[str]

    def __add__(self, other: Hands) -> Hands:
        return Hands(*(one + two for one, two in zip(self, other, strict=True)))


def cleaner() -> SignatureNormalizer:
    """What leaves nothing of the scan but the shape of the ink, lying level."""
    return SignatureNormalizer(size=SIZE, pen_width=None, deskew=True, margin=3)


def load_folds(path: str) -> tuple[Bunch, list[np.ndarray]]:
    """The CEDAR signatures, and the rows of each fold: by writer."""
    signatures = load_cedar_signatures(f"{path}/cedar_signatures")
    writers = np.random.default_rng(SPLIT_SEED).permutation(np.unique(signatures.writer))
    parts = [np.isin(signatures.writer, writers[fold::N_FOLDS]) for fold in range(N_FOLDS)]
    return signatures, [np.flatnonzero(part) for part in parts]


def load_sigcomp(path: str) -> pd.DataFrame:
    """The signatures of SigComp2009, a row each, with the path of the `image`.

    `name` is the signature's owner, in one name space for both families.
    """
    table = pd.read_csv(f"{path}/sigcomp2009/signatures.csv", dtype=str)
    folder = unpack(Path(path) / "sigcomp2009" / "signatures.tgz")
    table["image"] = [str(folder / file) for file in table["file"]]
    table["name"] = table["family"] + table["writer"]
    table["forged"] = table["kind"] != "genuine"
    return table


def own_hands(signatures: Bunch, rows: np.ndarray, seed: int) -> Hands:
    """Signatures, those of names joined of two, and the mirror images of all.

    A name joined of two is another name with its genuine signatures and forgeries, so that there
    are more names to learn from than writers; and a mirror image is by another writer.
    """
    images = [read_image(path) for path in signatures.images[rows]]
    own = Hands(images, list(signatures.hand[rows]), list(signatures.writer[rows]))
    fitted = cleaner().set_params(size=(2 * SIZE[0], 2 * SIZE[1])).fit_transform(images)
    return turned(own + joined(own._replace(images=fitted), signatures.forged[rows], seed))


def joined(own: Hands, forged: np.ndarray, seed: int) -> Hands:
    """Left parts of the signatures of one writer with right parts of those of another.

    Genuine parts come to genuine ones, and forged ones to forged.
    """
    rng = np.random.default_rng(seed)
    writers, out = np.array(own.contexts), Hands([], [], [])
    names = np.unique(writers)
    for shift in rng.choice(np.arange(1, len(names)), N_JOINED, replace=False):
        for name, other in zip(names, np.roll(names, shift), strict=True):
            cut = round(own.images[0].shape[1] * rng.uniform(*CUT))
            for kind in (False, True):
                left, right = (
                    rng.permutation(np.flatnonzero((writers == writer) & (forged == kind)))
                    for writer in (name, other)
                )
                for one, two in zip(left, right, strict=False):
                    sides = own.images[one][:, :cut], own.images[two][:, cut:]
                    out.images.append(np.hstack(sides))
                    out.hands.append(f"{own.hands[one]} + {own.hands[two] if kind else other}")
                    out.contexts.append(f"{name} + {other}")
    return out


def turned(own: Hands) -> Hands:
    """Images, and their mirror images as those of other writers: left-right, upside down, both."""
    out = Hands([], [], [])
    for name, step in (
        ("", np.s_[:, :]),
        ("turned 1 ", np.s_[:, ::-1]),
        ("turned 2 ", np.s_[::-1]),
        ("turned 3 ", np.s_[::-1, ::-1]),
    ):
        out.images.extend(np.ascontiguousarray(image[step]) for image in own.images)
        out.hands.extend(f"{name}{hand}" for hand in own.hands)
        out.contexts.extend(f"{name}{context}" for context in own.contexts)
    return out


def other_hands(path: str, seed: int) -> Hands:
    """Words and made signatures: many hands have written the same."""
    made = make_signatures(N_MADE, 8, 8, random_state=seed)
    images = list(made.images)
    hands = [f"made {hand}" for hand in made.hand]
    contexts = [f"made {writer}" for writer in made.writer]
    words = load_cedar_and(f"{path}/and")
    chosen = np.random.default_rng(seed).permutation(np.unique(words.writer))[:N_AND]
    rows = np.flatnonzero(np.isin(words.writer, chosen))
    images += list(words.images[rows])
    hands += [f"and {writer}" for writer in words.writer[rows]]
    contexts += ["and"] * len(rows)
    iam = load_iam(f"{path}/iam", level="word", segmentation="all")
    frame = pd.DataFrame({"text": [text.lower() for text in iam.text], "writer": iam.writer})
    frame = frame[frame["text"].str.fullmatch(r"[a-z]{3,}")]
    frame = frame[frame.groupby(["text", "writer"])["text"].transform("size") >= 2]
    frame = frame[frame.groupby("text")["writer"].transform("nunique") >= 4]
    images += list(iam.images[frame.index])
    hands += [f"iam {row.text} {row.writer}" for row in frame.itertuples()]
    contexts += [f"iam {text}" for text in frame["text"]]
    return Hands(images, hands, contexts)


def print_report(
    name: str,
    signatures: Bunch,
    folds: list[np.ndarray],
    inputs: list[np.ndarray],
    *,
    precomputed: bool = False,
) -> None:
    """Print error rates of vectors, or of matrices of distances, by the literature's protocols.

    `inputs` are those of each fold, by a model of the others; with `precomputed` they are
    distances.
    """
    tables = inputs if precomputed else [cdist(vectors, vectors) for vectors in inputs]
    for negatives in ("skilled", "random"):
        same, scores, writers = pooled(signatures, folds, tables, negatives)
        # A forgery is drawn with the writer whom it imitates.
        low, high = pair_bootstrap_interval(
            equal_error_rate, same, scores, writers, n_resamples=N_RESAMPLES, random_state=0
        )
        by_fold = [
            equal_error_rate(*pooled(signatures, [rows], [table], negatives)[:2])
            for rows, table in zip(folds, tables, strict=True)
        ]
        print(
            f"{name}: {negatives} forgeries, pairs: EER {equal_error_rate(same, scores):.4f} "
            f"[{low:.4f}, {high:.4f}] ({same.sum()} genuine, {(same == 0).sum()} forged); by fold "
            + ", ".join(f"{eer:.4f}" for eer in by_fold),
            flush=True,
        )
    protocols = {"writer-independent": (writer_independent_report, {"metric": "precomputed"})}
    if not precomputed:
        protocols["writer-dependent"] = (writer_dependent_report, {})
    for protocol, (report_of, arguments) in protocols.items():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            reports = [
                report_of(
                    X,
                    signatures.writer[rows],
                    signatures.forged[rows],
                    n_references=N_REFERENCES,
                    random_state=0,
                    **arguments,
                )
                for rows, X in zip(folds, tables if arguments else inputs, strict=True)
            ]
        for kind in reports[0].index:
            columns = [[report.loc[kind, eer] for report in reports] for eer in ("eer", "eer_user")]
            print(
                f"{name}: {kind} forgeries, {protocol}, {N_REFERENCES} references: EER "
                f"{np.mean(columns[0]):.4f} (std of folds {np.std(columns[0], ddof=1):.4f}), with "
                f"user thresholds {np.mean(columns[1]):.4f} ({np.std(columns[1], ddof=1):.4f})",
                flush=True,
            )


def pooled(
    signatures: Bunch, folds: list[np.ndarray], distances: list[np.ndarray], negatives: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Whether each pair of each fold is by the same writer, its score, and its writers."""
    parts = []
    for rows, table in zip(folds, distances, strict=True):
        writer = signatures.writer[rows]
        forged = signatures.forged[rows]
        pairs, same = make_pairs(writer, forged=forged, negatives=negatives, random_state=0)
        parts.append((same, -table[pairs[:, 0], pairs[:, 1]], writer[pairs]))
    same, scores, writers = map(np.concatenate, zip(*parts, strict=True))
    return same, scores, writers
