"""Verify signatures of SigComp2009 with several references: a threshold that adapts to them.

    python -m benchmarks.pairs.references score
    python -m benchmarks.pairs.references judge

    MODEL=runs/signature_sets/without-CEDAR.hwsk  # of `signature_sets.py`
    python -m benchmarks.pairs.references score --set CEDAR --model $MODEL --out runs/cedar
    python -m benchmarks.pairs.references judge --set CEDAR --out runs/cedar

`score` keeps the scores of the pairs of each forged writer's signatures (all genuine ones, some
forgeries), and of some with genuine signatures of others, by the shipped verifier, which never saw
these writers. `judge` draws references, learns what scores mean from the writers of four of five
folds, and judges those of the fifth. Pooled equal error rates: one threshold on what each method
gives. `ship` calibrates the shipped verifier on all these writers.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import click
import numpy as np
import pandas as pd

import hwsk
from benchmarks.pairs.signature_sets import SETS, load_sets
from hwsk._data.images import object_array
from hwsk.metrics import equal_error_rate, pair_bootstrap_interval
from hwsk.verification._references import draw_references, fit_references

SEED = 0
N_FORGED, N_OTHERS = 9, 4  # forgeries and signatures of others that each writer is compared with
REFERENCES = (1, 3, 5, 8)
MANY = 12  # references, which writers of CEDAR alone have
N_FOLDS, N_REPEATS, N_RESAMPLES = 5, 10, 300
FAMILIES = ("NFI", "NISDCC")


def load(data: str, families: Sequence[str] = FAMILIES) -> tuple[pd.DataFrame, np.ndarray]:
    """The signatures of the writers who were forged: a table, and the paths."""
    sets, _ = load_sets(data)
    table = pd.concat(
        [
            pd.DataFrame(
                {
                    "family": name,
                    "name": sets[name].writer,
                    "forged": sets[name].forged,
                    "image": sets[name].images,
                }
            )
            for name in families
        ]
    )
    table = table[table["name"].isin(table.loc[table["forged"], "name"])].reset_index(drop=True)
    return table, object_array(table["image"])


def score_pairs(table: pd.DataFrame, images: np.ndarray, out: Path, model: str) -> None:
    """Write the scores of all pairs, writer by writer."""
    verifier, rng = hwsk.load(model), np.random.default_rng(SEED)
    out.mkdir(parents=True, exist_ok=True)
    forged, name = table["forged"].to_numpy(), table["name"].to_numpy()
    scores: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for family in pd.unique(table["family"]):
        for writer in pd.unique(name[table["family"] == family]):
            own = np.flatnonzero((name == writer) & ~forged)
            fakes = rng.permutation(np.flatnonzero((name == writer) & forged))[:N_FORGED]
            of_family = (table["family"] == family).to_numpy()
            others = np.flatnonzero(of_family & (name != writer) & ~forged)
            others = rng.choice(others, N_OTHERS, replace=False)
            first, second = np.triu_indices(len(own), 1)
            asked = np.concatenate([fakes, others])
            pairs = np.concatenate(
                [
                    np.column_stack([own[first], own[second]]),
                    np.stack(np.meshgrid(own, asked, indexing="ij"), axis=-1).reshape(-1, 2),
                ]
            )
            rows, index = np.unique(pairs, return_inverse=True)
            found = verifier._score_samples(images[rows], index.reshape(-1, 2))
            scores[writer] = pairs, found
            print(f"{writer}: {len(pairs)} pairs", flush=True)
            pd.to_pickle(scores, out / "scores.pkl")


def scores_in(out: Path, n: int) -> np.ndarray:
    """Scores of all pairs of rows; NaN for those that were not compared."""
    table = np.full((n, n), np.nan)
    for pairs, found in pd.read_pickle(out / "scores.pkl").values():
        table[tuple(pairs.T)] = table[tuple(pairs.T[::-1])] = found
    return table


def judge_size(
    scores: np.ndarray, writers: np.ndarray, forged: np.ndarray, size: int
) -> pd.DataFrame:
    """A row for each trial with so many references: what each method gives."""
    rng = np.random.RandomState(SEED)
    fold_of = np.random.default_rng(SEED).permutation(writers.max() + 1) % N_FOLDS
    trials = []
    for fold in range(N_FOLDS):
        learnt = fold_of[writers] != fold
        slopes = (1.0, 0.0, 0.0)
        if size > 1:
            rows = np.flatnonzero(learnt)
            part = scores[np.ix_(rows, rows)]
            slopes = fit_references(part, writers[rows], forged[rows], size, N_REPEATS, rng)[-1]
        for _ in range(N_REPEATS):
            for writer, own, asked in draw_references(writers, forged, scores, size, rng):
                if fold_of[writer] != fold:
                    continue
                given = scores[np.ix_(asked, own)]
                among = scores[np.ix_(own, own)]
                mean = np.nanmean(among) if size > 1 else 0.0
                kind = np.where(writers[asked] != writer, "random", "skilled")
                kind[(writers[asked] == writer) & ~forged[asked]] = "genuine"
                trials.append(
                    pd.DataFrame(
                        {
                            "writer": writer,
                            "kind": kind,
                            "mean": given.mean(axis=1),
                            "max": given.max(axis=1),
                            "min": given.min(axis=1),
                            "adapted": slopes[0] * given.mean(axis=1)
                            + slopes[1] * mean
                            + slopes[2],
                        }
                    )
                )
    return pd.concat(trials, ignore_index=True)


def report(name: str, trials: pd.DataFrame) -> None:
    """Print equal error rates of each method, with intervals over writers."""
    methods = ("mean",) if name.endswith(" 1") else ("mean", "max", "min", "adapted")
    for kind in ("skilled", "random"):
        part = trials[trials["kind"].isin(["genuine", kind])]
        genuine = (part["kind"] == "genuine").to_numpy().astype(int)
        groups = np.column_stack([part["writer"]] * 2)
        for method in methods:
            low, high = pair_bootstrap_interval(
                equal_error_rate,
                genuine,
                part[method].to_numpy(),
                groups,
                n_resamples=N_RESAMPLES,
                random_state=SEED,
            )
            print(
                f"{name}, {method}: {kind} EER "
                f"{equal_error_rate(genuine, part[method]):.4f} [{low:.4f}, {high:.4f}]",
                flush=True,
            )


@click.command()
@click.argument("step", type=click.Choice(["score", "judge", "ship"]))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/references", type=click.Path(path_type=Path))
@click.option("--model", default="signature-verifier")
@click.option("--set", "families", multiple=True, default=FAMILIES, type=click.Choice(SETS))
def main(step: str, data: str, out: Path, model: str, families: tuple[str, ...]) -> None:
    """Score pairs, judge, or calibrate the verifier that is shipped."""
    table, images = load(data, families)
    if step == "score":
        score_pairs(table, images, out, model)
        return
    scores, forged = scores_in(out, len(table)), table["forged"].to_numpy()
    writers = pd.factorize(table["name"])[0]
    if step == "ship":
        verifier, rng = hwsk.load(model), np.random.RandomState(SEED)
        verifier.reference_calibration_ = fit_references(
            scores, writers, forged, max(REFERENCES), N_REPEATS, rng
        )
        verifier._learn_looks(images, writers.astype(np.intp), forged)
        hwsk.save(verifier, out / "signature-verifier.hwsk", half_precision=True)
        print(verifier.reference_calibration_)
        return
    for family in families:
        rows = np.flatnonzero((table["family"] == family) & np.isfinite(scores).any(axis=1))
        if not len(rows):
            continue
        of_family = pd.factorize(table.loc[rows, "name"])[0]
        print(
            f"{date.today()} {family}: {of_family.max() + 1} writers, "
            f"{(~forged[rows]).sum()} genuine signatures, up to {N_FORGED} skilled forgeries and "
            f"{N_OTHERS} of others each; {N_FOLDS} folds of writers, {N_REPEATS} draws of "
            f"references, seed {SEED}; 95% bootstrap over writers",
            flush=True,
        )
        for size in (*REFERENCES, MANY):
            if np.bincount(of_family[~forged[rows]]).max() > size:
                part = scores[np.ix_(rows, rows)]
                trials = judge_size(part, of_family, forged[rows], size)
                report(f"{family}, references {size}", trials)


if __name__ == "__main__":
    main()
