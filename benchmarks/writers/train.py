"""Train the networks of the table of writers, `models/iam-writers.hwsk` among them.

    python -m benchmarks.writers.train pretrain --source others --out runs/writers
    python -m benchmarks.writers.train fold small --k 50 --fold 0 --out runs/writers
    python -m benchmarks.writers.train final --out runs/writers

Each stops and goes on: run it again with the same --out and it continues from the last epoch.
"""

from __future__ import annotations

import time
import warnings
from datetime import date
from pathlib import Path

import click
import numpy as np
import torch
from sklearn.pipeline import make_pipeline

import hwsk
from benchmarks.writers.data import folds, load_others, load_writers, log_proba_of_patches, report
from hwsk._data.images import object_array
from hwsk.callbacks import Checkpoint
from hwsk.datasets import load_iam, load_iam_online
from hwsk.identification import LeakageWarning, WriterClassifier
from hwsk.preprocessing import Binarizer, Grayscale, StrokeRasterizer
from hwsk.preprocessing.augmentation import writer_augmentation

SCALED = {"patch_size": (64, 128), "patch_scale": 0.5}
# name: (parameters, epochs, learning rate, which pretraining)
NETWORKS = {
    "small": ({}, 15, 1e-3, "others"),
    "small, from scratch": ({}, 15, 2e-3, None),
    "resnet18, from scratch": ({"backbone": "resnet18"}, 10, 1e-3, None),
    # The published head.
    "resnet50, frozen at random": (
        {"backbone": "resnet50", "frozen": True, "dense_units": 1024, "dropout": 0.5},
        2,
        1e-3,
        None,
    ),
    "resnet50, from scratch": (
        {"backbone": "resnet50", "dense_units": 1024, "dropout": 0.5},
        2,
        1e-3,
        None,
    ),
}
ONLINE_LINES = 3  # of each IAM-OnDB form


def preprocessing() -> list:
    """What makes grey scans look as the bilevel lines that the networks learn from."""
    return [Grayscale(), Binarizer()]


def make(name: str, epochs: int, seed: int, out: Path, run: str) -> WriterClassifier:
    parameters, _, lr, _ = NETWORKS[name]
    return WriterClassifier(
        **SCALED,
        **parameters,
        class_weight="balanced",
        max_epochs=epochs,
        lr=lr,
        augment=writer_augmentation(),
        callbacks=[Checkpoint(out / f"{run}.ckpt")],
        random_state=seed,
        verbose=2,
    )


def run_name(network: str, k: int, fold: int, seed: int) -> str:
    return f"{network.replace(', ', '-').replace(' ', '-')}-top{k}-fold{fold}-{seed}"


def backbone_of(out: Path, source: str) -> Path:
    return out / f"backbone-{source}.pth"


@click.group()
def main() -> None:
    """Train and judge networks that tell writers apart."""


@main.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/writers", type=click.Path(path_type=Path))
@click.option("--source", type=click.Choice(["others", "single", "single+online"]))
@click.option("--lines", default=54_000, help="Lines seen, with repetition: the budget.")
@click.option("--seed", default=0)
def pretrain(data, out, source, lines, seed) -> None:
    """Pretrain on other writers than those that are classified later.

    "others" are IAM's writers that are none of the top 50; "single" those with one form, so that
    the retrieval of all other writers' forms is judged on hands never seen; "online" adds IAM-OnDB.
    """
    out.mkdir(parents=True, exist_ok=True)
    others = load_others(data, k=50 if source == "others" else None)
    images, writers = list(others.images), list(others.writer)
    if source == "single+online":
        more = load_online(data, seed)
        images += list(more[0])
        writers += more[1]
    epochs = max(1, round(lines / len(images)))
    print(
        f"{date.today()} torch {torch.__version__}; pretraining on {source}: {len(images)} lines, "
        f"{len(set(writers))} writers, {epochs} epochs, seed {seed}",
        flush=True,
    )
    classifier = make("small, from scratch", epochs, seed, out, f"pretrain-{source}")
    classifier.fit(object_array(images), writers)
    torch.save(classifier.net_.module_.backbone.state_dict(), backbone_of(out, source))
    classifier.set_params(callbacks=None)
    hwsk.save(classifier, out / f"pretrained-{source}.hwsk")


def load_online(data, seed) -> tuple[np.ndarray, list[str]]:
    """Some lines of each IAM-OnDB form whose writer is known, drawn as IAM's lines look."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lines without ink or transcript: counted in the docs
        lines = load_iam_online(f"{data}/iamondb")
    rng = np.random.default_rng(seed)
    rows = rng.permutation([i for i, writer in enumerate(lines.writer) if writer])
    taken: dict[str, int] = {}
    chosen = []
    for row in rows:
        form = lines.form[row]
        taken[form] = taken.get(form, 0) + 1
        if taken[form] <= ONLINE_LINES:
            chosen.append(row)
    images = StrokeRasterizer(height=110, pen_width=5.0).fit_transform(lines.strokes[chosen])
    return images, [f"online-{lines.writer[row]}" for row in chosen]


@main.command()
@click.argument("network", type=click.Choice(list(NETWORKS)))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/writers", type=click.Path(path_type=Path))
@click.option("--k", default=50, help="Writers, those with the most lines.")
@click.option("--fold", default=0)
@click.option("--epochs", type=int, help="Other than the network's own number.")
@click.option("--seed", default=0)
def fold(network, data, out, k, fold, epochs, seed) -> None:
    """Train one NETWORK on one fold, and judge it on the forms held out."""
    out.mkdir(parents=True, exist_ok=True)
    bunch = load_writers(data, k)
    train, test = folds(bunch)[fold]
    run = run_name(network, k, fold, seed)
    source = NETWORKS[network][3]
    classifier = make(network, epochs or NETWORKS[network][1], seed, out, run)
    if source is not None:
        classifier.set_params(backbone_weights=str(backbone_of(out, source)))
    print(
        f"{date.today()} torch {torch.__version__}; {run}: {len(train)} lines to train, "
        f"{len(test)} to test, of {k} writers; fold seed 0, seed {seed}",
        flush=True,
    )
    start = time.time()
    classifier.fit(bunch.images[train], bunch.writer[train], pages=bunch.form[train])
    seconds = np.median([epoch["dur"] for epoch in classifier.history_])
    n_weights = sum(weight.numel() for weight in classifier.net_.module_.parameters())
    sums, counts, right = log_proba_of_patches(classifier, bunch.images[test], bunch.writer[test])
    np.savez(
        out / f"{run}.npz",
        rows=test,
        sums=sums,
        counts=counts,
        right=right,
        classes=classifier.classes_.astype(str),
        seconds=seconds,
        weights=n_weights,
        epochs=classifier.n_iter_,
    )
    print(f"{run}: {n_weights} weights, {seconds:.0f} s an epoch, {time.time() - start:.0f} s")
    report(run, bunch, test, sums, counts, right, classifier.classes_)


@main.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/writers", type=click.Path(path_type=Path))
@click.option("--network", default="small")
@click.option("--k", default=50)
@click.option("--seed", default=0)
def final(data, out, network, k, seed) -> None:
    """Train the model that is shipped: on all forms but one of each writer with five or more."""
    bunch = load_writers(data, k)
    train, valid = final_split(bunch)
    _, epochs, _, source = NETWORKS[network]
    classifier = make(network, epochs, seed, out, "final")
    if source is not None:
        classifier.set_params(backbone_weights=str(backbone_of(out, source)))
    print(f"{date.today()} final: {len(train)} lines to train, {len(valid)} held out", flush=True)
    classifier.fit(bunch.images[train], bunch.writer[train], pages=bunch.form[train])
    classifier.set_params(callbacks=None, verbose=0, backbone_weights=None)
    model = make_pipeline(*preprocessing(), classifier)
    hwsk.save(model, out / "iam-writers.hwsk")
    report_model(out / "iam-writers.hwsk", data, k)


@main.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--k", default=50)
def judge(model, data, k) -> None:
    """Judge the MODEL that `final` wrote, on the forms that it was not trained on."""
    report_model(model, data, k)


def report_model(path, data, k) -> None:
    """Print the figures on lines of the forms held out, and on these forms as whole images."""
    model, bunch = hwsk.load(path), load_writers(data, k)
    _, valid = final_split(bunch)
    judged = log_proba_of_patches(
        model[-1], model[:-1].transform(bunch.images[valid]), bunch.writer[valid]
    )
    report("final", bunch, valid, *judged, model.classes_)
    forms = load_iam(f"{data}/iam", level="form")
    whole = np.isin(forms.form.astype(str), bunch.form[valid])
    with warnings.catch_warnings():
        warnings.simplefilter("error", LeakageWarning)
        right = model.predict(forms.images[whole]) == forms.writer[whole].astype(str)
    print(f"final: whole forms as images, top-1 {right.sum()} of {len(right)}", flush=True)


def final_split(bunch) -> tuple[np.ndarray, np.ndarray]:
    """Rows to train on, and those of one form of each writer who has five or more."""
    held = []
    for writer in np.unique(bunch.writer):
        forms = np.unique(bunch.form[bunch.writer == writer])
        if len(forms) >= 5:
            held.append(np.random.default_rng(0).choice(forms))
    out = np.isin(bunch.form, held)
    return np.flatnonzero(~out), np.flatnonzero(out)


if __name__ == "__main__":
    main()
