"""Open-set identification on IAM: who of the known writers, or none of them.

    python -m benchmarks.writers.identify search
    python -m benchmarks.writers.identify final

Lines are encoded by VLAD, whose vocabulary and PCA are learnt without labels from the writers with
one form. `search` takes the writers with two forms or more: a comparer is calibrated on half of
them, and of the other half every second writer is known by one form. Each writer is asked for by
another form, or some lines of it. Halves change places, and all is drawn anew `--repeats` times.
`final` calibrates the comparer that is shipped on all of these writers, and judges the file on
writers of `iam_pages` whom nothing has seen: grey pages, enlarged to 300 dpi.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click
import cv2
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import make_pipeline
from sklearn.utils import Bunch

import hwsk
from benchmarks.writers.data import load_others, load_writers
from hwsk._data.decoding import read_image
from hwsk._data.images import object_array
from hwsk.datasets import load_iam_pages
from hwsk.identification import LocalDescriptors, VLADEncoder
from hwsk.metrics import (
    bootstrap_interval,
    detection_and_identification_rate,
    log_likelihood_ratio_cost,
    minimal_log_likelihood_ratio_cost,
)
from hwsk.preprocessing import Binarizer, Grayscale
from hwsk.verification import HandComparer
from hwsk.verification._representation import parts_of

SEED = 0
FORMS, LINES = 3, 9  # most forms of a writer, and lines of a form, that are taken
N_IMAGES = 8  # most lines a side to calibrate for
QUESTIONED = {"1 line": 1, "3 lines": 3, "a form": None}
RATES = (0.01, 0.05)
N_RESAMPLES = 200


def descriptors() -> LocalDescriptors:
    return LocalDescriptors(image_scale=0.5)


def load_lines(data: str) -> Bunch:
    """Some lines of some forms of each writer with two forms or more."""
    bunch = load_writers(data)
    table = pd.DataFrame({"writer": bunch.writer, "form": bunch.form})
    rng = np.random.default_rng(SEED)
    rows: list[int] = []
    for _, lines in table.groupby("writer"):
        for form in rng.permutation(lines["form"].unique())[:FORMS]:
            rows += list(rng.permutation(lines.index[lines["form"] == form])[:LINES])
    rows.sort()
    return Bunch(images=bunch.images[rows], writer=bunch.writer[rows], form=bunch.form[rows])


def encoder_in(out: Path, data: str) -> VLADEncoder:
    """The encoder that was learnt from the writers with one form; kept in `out`."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "encoder.hwsk"
    if not path.exists():
        found = list(descriptors().fit_transform(load_others(data, None).images))
        hwsk.save(VLADEncoder(n_components=128, random_state=SEED).fit(found), path)
    return hwsk.load(path)


def vectors_in(out: Path, data: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Vector, writer and form of each line; kept in `out`."""
    path = out / "lines.npz"
    if not path.exists():
        lines, encoder = load_lines(data), encoder_in(out, data)
        v = encoder.transform(descriptors().fit_transform(lines.images))
        np.savez(path, v=v, writer=lines.writer, form=lines.form)
    kept = np.load(path)
    return kept["v"].astype(float), kept["writer"], kept["form"]


def search(
    comparer: HandComparer,
    samples: np.ndarray,
    writer: np.ndarray,
    form: np.ndarray,
    n_lines: int | None,
    rng: np.random.Generator,
) -> list[dict]:
    """Ask for each writer among every second one; a record for each search."""
    names = rng.permutation(np.unique(writer))
    forms = {name: rng.permutation(np.unique(form[writer == name]))[:2] for name in names}
    known = {name: samples[form == forms[name][0]] for name in names[::2]}
    found = []
    for name in names:
        asked = rng.permutation(np.flatnonzero(form == forms[name][1]))[:n_lines]
        candidates = comparer.identify(samples[asked], known)
        distance = candidates.ranking[f"distance_{comparer.part_names_[0]}"]
        probability = candidates.ranking["score"]
        probability = probability - np.logaddexp.reduce(probability)
        found.append(
            {
                "writer": name,
                "known": name in known,
                "ratio": candidates.log_likelihood_ratio,
                "nearest distance": -distance,
                "ratio to the second": -distance / np.sort(distance)[1],
                "comparer": probability - np.logaddexp(-candidates.score, 0),
            }
        )
    return found


def report(name: str, found: list[dict]) -> None:
    """Print the rates at few false alarms of each score, and the cost of the ratios."""
    table = pd.DataFrame(found)
    searches, labels = np.arange(len(table)), sorted(set(table["writer"]))
    asked = table["writer"].where(table["known"], "").to_numpy()
    for method in ("nearest distance", "ratio to the second", "comparer"):
        columns = pd.DataFrame(list(table[method])).reindex(columns=labels)
        scores = columns.fillna(-np.inf).to_numpy()
        for rate in RATES:

            def judge(_: np.ndarray, rows: np.ndarray, scores=scores, rate=rate) -> float:
                return detection_and_identification_rate(
                    asked[rows], scores[rows], labels=labels, false_alarm_rate=rate
                )

            low, high = bootstrap_interval(
                judge,
                searches,
                searches,
                groups=table["writer"],
                n_resamples=N_RESAMPLES,
                random_state=SEED,
            )
            print(
                f"{name}, {method}: DIR ({rate:.0%} false alarms) "
                f"{judge(searches, searches):.3f} [{low:.3f}, {high:.3f}]",
                flush=True,
            )
    known, ratios = table["known"].to_numpy(), table["ratio"].to_numpy()
    right = np.array([best.idxmax() for best in table["comparer"]]) == table["writer"]
    low, high = bootstrap_interval(
        log_likelihood_ratio_cost,
        known,
        ratios,
        groups=table["writer"],
        n_resamples=N_RESAMPLES,
        random_state=SEED,
    )
    print(
        f"{name}, comparer: first of the ranking {right[known].mean():.3f}, "
        f"Cllr {log_likelihood_ratio_cost(known, ratios):.3f} [{low:.3f}, {high:.3f}], "
        f"Cllr-min {minimal_log_likelihood_ratio_cost(known, ratios):.3f}",
        flush=True,
    )
    none = expit(-ratios)
    for low, high in ((0, 0.1), (0.1, 0.5), (0.5, 0.9), (0.9, 1)):
        inside = (none >= low) & (none < high)
        if inside.any():
            print(
                f"{name}, none of these from {low} to {high}: predicted {none[inside].mean():.3f}, "
                f"found {(~known[inside]).mean():.3f} of {inside.sum()}",
                flush=True,
            )


@click.group()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/identify", type=click.Path(path_type=Path))
@click.pass_context
def main(context: click.Context, data: str, out: Path) -> None:
    """Evaluate open-set identification, and make the comparer that is shipped."""
    context.obj = data, out


@main.command("search")
@click.option("--repeats", default=4)
@click.pass_obj
def search_command(paths: tuple[str, Path], repeats: int) -> None:
    """Print the figures of writers who took no part in the calibration."""
    data, out = paths
    vectors, writer, form = vectors_in(out, data)
    names, rng = np.unique(writer), np.random.default_rng(SEED)
    found: dict[str, list[dict]] = {name: [] for name in QUESTIONED}
    for _ in range(repeats):
        half = rng.permutation(len(names)) % 2
        for side in (0, 1):
            asked = np.isin(writer, names[half == side])
            comparer = HandComparer(n_images=N_IMAGES, random_state=SEED)
            comparer.fit(vectors[~asked], writer[~asked], groups=form[~asked])
            for name, n_lines in QUESTIONED.items():
                of = vectors[asked], writer[asked], form[asked]
                found[name] += search(comparer, *of, n_lines, rng)
    print(
        f"{date.today()} open-set identification, IAM: {len(names)} writers with two forms or "
        f"more, half to calibrate; {len(names) // 4} known by one form each, as many others "
        f"questioned; {repeats} draws of two halves, seed {SEED}; 95% bootstrap over writers",
        flush=True,
    )
    for name, searches in found.items():
        report(name, searches)


@main.command()
@click.pass_obj
def final(paths: tuple[str, Path]) -> None:
    """Calibrate and save the comparer that is shipped."""
    data, out = paths
    encoder = encoder_in(out, data)
    vectors, writer, form = vectors_in(out, data)
    comparer = HandComparer(n_images=N_IMAGES, random_state=SEED)
    comparer.fit(vectors, writer, groups=form)
    # As fitted on the images with this representation, which are encoded already.
    representation = FrozenEstimator(
        make_pipeline(Grayscale(), Binarizer(), descriptors(), encoder)
    )
    comparer.representation = comparer.representation_ = representation
    comparer.part_names_ = [part.name for part in parts_of(representation)]
    comparer._of_table = False
    del comparer.n_features_in_
    images, codes = load_lines(data).images, np.unique(writer, return_inverse=True)[1]
    comparer._learn_looks(images, codes, np.zeros(len(codes), bool))
    hwsk.save(comparer, out / "iam-comparer.hwsk", half_precision=True)
    print(f"{len(comparer.calibration_writers_)} writers, {len(vectors)} lines")


@main.command()
@click.argument("model", default="iam-comparer")
@click.pass_obj
def judge(paths: tuple[str, Path], model: str) -> None:
    """Judge the MODEL that `final` wrote, on writers whom nothing has seen."""
    others = load_other_pages(paths[0])
    comparer, rng = hwsk.load(model), np.random.default_rng(SEED)
    vectors = comparer.representation_.transform(others.images)
    comparer.representation = comparer.representation_ = None  # the lines are encoded once
    comparer._of_table, comparer.n_features_in_ = True, vectors.shape[1]
    print(
        f"{date.today()} {model}: {len(others.images)} lines of {len(set(others.writer))} writers "
        f"whom it never saw, grey pages of 150 dpi enlarged twice; half known by a form; 10 draws, "
        f"seed {SEED}; 95% bootstrap over writers",
        flush=True,
    )
    for name, n_lines in QUESTIONED.items():
        found = []
        for _ in range(10):
            found += search(comparer, vectors, others.writer, others.form, n_lines, rng)
        report(name, found)


def load_other_pages(data: str) -> Bunch:
    """Lines of the writers of `iam_pages` who are not in `iam` and have two forms or more."""
    pages = load_iam_pages(f"{data}/iam_pages")
    seen = {*load_writers(data).writer, *load_others(data, None).writer}
    images, writers, forms = [], [], []
    counts = pd.Series(pages.writer).value_counts()
    for path, page, writer, form in zip(
        pages.images, pages.pages, pages.writer, pages.ids, strict=True
    ):
        if writer in seen or counts[writer] < 2:
            continue
        image = read_image(path)
        for line in page.lines[:LINES]:
            left, top = np.floor(line.polygon.min(axis=0)).astype(int)
            right, bottom = np.ceil(line.polygon.max(axis=0)).astype(int)
            cut = image[top:bottom, left:right]
            images.append(cv2.resize(cut, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC))
            writers.append(writer)
            forms.append(form)
    return Bunch(images=object_array(images), writer=np.array(writers), form=np.array(forms))


if __name__ == "__main__":
    main()
