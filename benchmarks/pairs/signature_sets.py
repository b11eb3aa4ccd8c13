"""Verify signatures of a data set that training never saw, beside those of one that it did.

    python -m benchmarks.pairs.signature_sets fold 0  # and 1, 2, 3
    python -m benchmarks.pairs.signature_sets without CEDAR  # and NFI, NISDCC
    python -m benchmarks.pairs.signature_sets judge

The sets are CEDAR and both families of SigComp2009. `fold` learns, as `train_signatures` does, from
three quarters of the writers of every set; `without` from all writers of two sets. `judge` scores
each set alone, by the folds and by the verifier that has not seen the set: the same pairs of
skilled forgeries, with intervals over writers. Beside them stands HOG, which learns nothing.
Writers of NFI who were not forged are in training alone. A few forgers of NFI are also writers of
it, maybe of another fold.

Trainings can be interrupted: run them again with the same --out.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import numpy as np
from sklearn.preprocessing import normalize
from sklearn.utils import Bunch

import hwsk
from benchmarks.pairs.hog import hog
from benchmarks.pairs.signatures import (
    N_FOLDS,
    N_RESAMPLES,
    SPLIT_SEED,
    cleaner,
    load_folds,
    load_sigcomp,
    pooled,
)
from benchmarks.pairs.train_signatures import EPOCHS, distances_of, fitted
from hwsk._data.images import object_array
from hwsk.metrics import equal_error_rate, pair_bootstrap_interval

SETS = ("CEDAR", "NFI", "NISDCC")


def load_sets(data: str) -> tuple[dict[str, Bunch], dict[str, list[np.ndarray]]]:
    """The signatures of each set, and the rows of each fold: by writer."""
    cedar, folds = load_folds(data)
    sets, parts = {"CEDAR": cedar}, {"CEDAR": folds}
    table = load_sigcomp(data)
    for family, rows in table.groupby("family"):
        writer, forged = rows["name"].to_numpy(), rows["forged"].to_numpy()
        sets[str(family)] = Bunch(
            images=object_array(rows["image"]),
            writer=writer,
            forged=forged,
            # A forgery is by a hand of its own, as CEDAR's are, whose forgers are not known.
            hand=np.where(forged, rows["file"], writer).astype(object),
        )
        rng = np.random.default_rng(SPLIT_SEED)
        fold_of: dict[str, int] = {}
        was_forged = np.isin(writer, writer[forged])
        for kind in (was_forged, ~was_forged):  # as many of either in each fold
            for number, name in enumerate(rng.permutation(np.unique(writer[kind]))):
                fold_of[name] = number % N_FOLDS
        of_row = np.array([fold_of[name] for name in writer])
        parts[str(family)] = [np.flatnonzero(of_row == fold) for fold in range(N_FOLDS)]
    return sets, parts


def train(data: str, out: Path, name: str, rows: dict[str, np.ndarray], seed: int) -> None:
    """Train on these rows of each set, and save."""
    sets, _ = load_sets(data)
    print(f"{name}: " + ", ".join(f"{key} {len(part)}" for key, part in rows.items()), flush=True)
    verifier = fitted(
        [sets[key] for key in rows], list(rows.values()), data, out / f"{name}.ckpt", EPOCHS, seed
    )
    hwsk.save(verifier, out / f"{name}.hwsk", half_precision=True)


def report(name: str, signatures: Bunch, folds: list[np.ndarray], tables: list[np.ndarray]) -> None:
    """Print the equal error rate of pooled pairs, with its interval over writers."""
    same, scores, writers = pooled(signatures, folds, tables, "skilled")
    low, high = pair_bootstrap_interval(
        equal_error_rate, same, scores, writers, n_resamples=N_RESAMPLES, random_state=0
    )
    print(
        f"{name}: skilled forgeries, EER {equal_error_rate(same, scores):.4f} "
        f"[{low:.4f}, {high:.4f}] ({len(np.unique(writers))} writers, {same.sum()} genuine pairs, "
        f"{(same == 0).sum()} forged)",
        flush=True,
    )


@click.group()
def main() -> None:
    """Train and judge."""


@main.command()
@click.argument("number", type=click.IntRange(0, N_FOLDS - 1))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/signature_sets", type=click.Path(path_type=Path))
@click.option("--seed", default=0)
def fold(number: int, data: str, out: Path, seed: int) -> None:
    """Train on the writers of all folds but one, of every set."""
    _, parts = load_sets(data)
    rows = {
        name: np.sort(np.concatenate(folds[:number] + folds[number + 1 :]))
        for name, folds in parts.items()
    }
    train(data, out, f"fold{number}", rows, seed)


@main.command()
@click.argument("name", type=click.Choice(SETS))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/signature_sets", type=click.Path(path_type=Path))
@click.option("--seed", default=0)
def without(name: str, data: str, out: Path, seed: int) -> None:
    """Train on all writers of all sets but one."""
    _, parts = load_sets(data)
    rows = {key: np.sort(np.concatenate(folds)) for key, folds in parts.items() if key != name}
    train(data, out, f"without-{name}", rows, seed)


@main.command()
@click.argument("names", nargs=-1, type=click.Choice(SETS))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/signature_sets", type=click.Path(path_type=Path))
def judge(names: tuple[str, ...], data: str, out: Path) -> None:
    """Print the error rates of each set, learnt from and left out."""
    sets, parts = load_sets(data)
    print(
        f"{date.today()} signatures of {', '.join(sets)}: {N_FOLDS} folds of writers, split seed "
        f"{SPLIT_SEED}; 95% bootstrap intervals over writers, {N_RESAMPLES} resamples",
        flush=True,
    )
    for name in names or SETS:
        signatures = sets[name]
        forged = np.isin(signatures.writer, signatures.writer[signatures.forged])
        folds = [rows[forged[rows]] for rows in parts[name]]
        canvases = np.stack(list(cleaner().fit_transform(signatures.images)))
        vectors = normalize(hog(canvases))
        plain = [1 - vectors[rows] @ vectors[rows].T for rows in folds]
        report(f"{name}, HOG", signatures, folds, plain)
        for label, models in (
            ("learnt from", [f"fold{i}" for i in range(N_FOLDS)]),
            ("left out", [f"without-{name}"] * N_FOLDS),
        ):
            missing = sorted({model for model in models if not (out / f"{model}.hwsk").is_file()})
            if missing:
                print(f"{name}, {label}: not trained yet, {', '.join(missing)}", flush=True)
                continue
            tables = [
                distances_of(hwsk.load(out / f"{model}.hwsk"), signatures, rows, random=False)
                for model, rows in zip(models, folds, strict=True)
            ]
            report(f"{name}, {label}", signatures, folds, tables)


if __name__ == "__main__":
    main()
