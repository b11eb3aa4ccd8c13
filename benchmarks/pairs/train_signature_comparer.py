"""Calibrate `models/signature-comparer.hwsk` on forged writers of SigComp2009, and judge it.

    python -m benchmarks.pairs.references score
    python -m benchmarks.pairs.train_signature_comparer

The only part is `signature-verifier.hwsk` as it is, which never saw these writers; its scores of
pairs are those that `references score` has kept. Judged are comparers calibrated on the writers of
four of five folds, each on those of the fifth: what the ratios of a questioned signature against 1,
3, 5 and 8 references are worth, with 95% bootstrap intervals over writers; how often references of
one writer, and of two, are taken for those of two; and how many of CEDAR's signatures are named as
unlike those of the calibration. The file is calibrated on all 24 writers.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import numpy as np
import pandas as pd
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion

import hwsk
from benchmarks.pairs.references import (
    FAMILIES,
    N_FOLDS,
    N_FORGED,
    N_OTHERS,
    N_REPEATS,
    N_RESAMPLES,
    REFERENCES,
    SEED,
    load,
    scores_in,
)
from hwsk.datasets import load_cedar_signatures
from hwsk.metrics import (
    equal_error_rate,
    log_likelihood_ratio_cost,
    minimal_log_likelihood_ratio_cost,
    pair_bootstrap_interval,
)
from hwsk.verification import HandComparer
from hwsk.verification._inked import take_ink
from hwsk.verification._parts import MatchedImages
from hwsk.verification._references import draw_references
from hwsk.verification._typicality import name_unusual

MOST = max(REFERENCES)
N_MIXED = 4  # references that are checked for being of two writers
N_CHECKED = 20  # pairs that the saved file compares itself


class KeptScores(MatchedImages):
    """Images whose pairs were compared before."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def image_distances(self, index: np.ndarray) -> np.ndarray:
        """Take the distances of pairs of rows."""
        return -self.scores[tuple(index.T)]


def calibrate(table: pd.DataFrame, images: np.ndarray, scores: np.ndarray) -> HandComparer:
    """Calibrate a comparer on these signatures."""
    part = FrozenEstimator(hwsk.load("signature-verifier"))
    comparer = HandComparer(FeatureUnion([("signature", part)]), n_images=MOST, random_state=SEED)
    comparer._describe = lambda X: [KeptScores(scores)]  # instead of comparing them again
    comparer.fit(images, table["name"], forged=table["forged"])
    del comparer._describe
    return comparer


def judge_fold(
    comparer: HandComparer, table: pd.DataFrame, rows: np.ndarray, scores: np.ndarray
) -> pd.DataFrame:
    """Score what was compared with references of these rows' writers."""
    names, forged = table["name"].to_numpy(), table["forged"].to_numpy()
    codes = pd.factorize(names)[0]
    rng, kept = np.random.RandomState(SEED), KeptScores(scores)
    parts = []
    for size in REFERENCES:
        row = min(size, len(comparer.coef_)) - 1
        for _ in range(N_REPEATS):
            for writer, own, asked in draw_references(codes, forged, scores, size, rng):
                if own[0] not in rows:
                    continue
                sides = [own, *asked[:, np.newaxis]]
                pairs = np.column_stack([1 + np.arange(len(asked)), np.zeros(len(asked), int)])
                distances = kept.distances(sides, pairs)
                kind = np.where(codes[asked] != writer, "random", "skilled")
                kind[(codes[asked] == writer) & ~forged[asked]] = "genuine"
                score = comparer.coef_[row, 0] * distances + comparer.intercept_[row]
                limit = comparer.limits_[row]
                parts.append(
                    pd.DataFrame(
                        {
                            "family": table["family"][own[0]],
                            "name": names[own[0]],
                            "size": size,
                            "kind": kind,
                            "score": score,
                            "ratio": np.clip(score, -limit, limit),
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def judge_references(
    comparer: HandComparer, table: pd.DataFrame, rows: np.ndarray, scores: np.ndarray
) -> list[tuple[str, bool]]:
    """List whether references of one writer, and with one forged in, are taken for those of two."""
    rng, kept = np.random.default_rng(SEED), [KeptScores(scores)]
    forged, found = table["forged"].to_numpy(), []
    for name in pd.unique(table["name"][rows]):
        of_name = (table["name"] == name).to_numpy()
        own = np.flatnonzero(of_name & ~forged)
        # Of other writers' signatures those that were compared with all of these.
        others = np.flatnonzero(~of_name & np.isfinite(scores[own]).all(axis=0))
        for _ in range(N_REPEATS):
            side = rng.permutation(own)[:N_MIXED]
            mixed = np.append(side[1:], rng.choice(others))
            for kind, of_side in (("one writer", side), ("two writers", mixed)):
                score = comparer._split_side(kept, of_side)[1]
                found.append((kind, bool(score < comparer.least_alike_[N_MIXED - 1])))
    return found


def report(title: str, trials: pd.DataFrame) -> None:
    """Print error rates and costs, with intervals over writers."""
    for kind in ("skilled", "random"):
        part = trials[trials["kind"].isin(["genuine", kind])]
        genuine = (part["kind"] == "genuine").to_numpy().astype(int)
        groups = np.column_stack([part["name"]] * 2)
        figures = []
        for label, metric, column in (
            ("EER", equal_error_rate, "score"),
            ("Cllr", log_likelihood_ratio_cost, "ratio"),
            ("Cllr-min", minimal_log_likelihood_ratio_cost, "ratio"),
        ):
            values = part[column].to_numpy()
            low, high = pair_bootstrap_interval(
                metric, genuine, values, groups, n_resamples=N_RESAMPLES, random_state=SEED
            )
            value = metric(genuine, values)
            figures.append(f"{kind} {label} {value:.4f} [{low:.4f}, {high:.4f}]")
        print(f"{title}: {', '.join(figures)}", flush=True)


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs", type=click.Path(path_type=Path))
@click.option("--scores", default="runs/references", type=click.Path(exists=True, path_type=Path))
def main(data: str, out: Path, scores: Path) -> None:
    """Judge by folds of writers; calibrate on all, and save."""
    table, images = load(data)
    kept = scores_in(scores, len(table))
    rows = np.flatnonzero(np.isfinite(kept).any(axis=1))
    table, images, kept = table.iloc[rows].reset_index(), images[rows], kept[np.ix_(rows, rows)]
    comparer = calibrate(table, images, kept)
    out.mkdir(parents=True, exist_ok=True)
    hwsk.save(comparer, out / "signature-comparer.hwsk", half_precision=True)
    print(
        f"{date.today()} SigComp2009: {table['name'].nunique()} writers, "
        f"{(~table['forged']).sum()} genuine signatures, up to {N_FORGED} skilled forgeries and "
        f"{N_OTHERS} signatures of others each; {N_FOLDS} folds of writers, {N_REPEATS} draws of "
        f"references, seed {SEED}; calibrations for 1 to {len(comparer.coef_)} references, bounds "
        + ", ".join(f"{bound:.0f}" for bound in np.exp(comparer.limits_)),
        flush=True,
    )
    found, references = [], []
    names = np.random.default_rng(SEED).permutation(pd.unique(table["name"]))
    for fold in range(N_FOLDS):
        held_out = table["name"].isin(names[fold::N_FOLDS]).to_numpy()
        learnt = np.flatnonzero(~held_out)
        part = table.iloc[learnt].reset_index()
        of_fold = calibrate(part, images[learnt], kept[np.ix_(learnt, learnt)])
        found.append(judge_fold(of_fold, table, np.flatnonzero(held_out), kept))
        references += judge_references(of_fold, table, np.flatnonzero(held_out), kept)
    trials = pd.concat(found, ignore_index=True)
    for family in FAMILIES:
        for size in REFERENCES:
            part = trials[(trials["family"] == family) & (trials["size"] == size)]
            if len(part):
                report(f"{family}, references {size}", part)
    for kind in ("one writer", "two writers"):
        named = [odd for of_kind, odd in references if of_kind == kind]
        print(f"{N_MIXED} references of {kind}: named {np.mean(named):.4f} of {len(named)}")
    cedar = load_cedar_signatures(f"{data}/cedar_signatures")
    (signatures,) = take_ink([("CEDAR", cedar.images)])
    doubts = name_unusual(signatures, comparer.sample_ranges_)
    print(f"CEDAR, signatures: named {len(doubts) / len(cedar.images):.4f} of {len(cedar.images)}")
    pairs = np.argwhere(np.triu(np.isfinite(kept)))[:: len(kept)][:N_CHECKED]
    scored = hwsk.load(out / "signature-comparer.hwsk").part_distances(images[pairs])[:, 0]
    print(f"the saved file: distances differ by {np.abs(scored + kept[tuple(pairs.T)]).max():.4f}")


if __name__ == "__main__":
    main()
