"""Train a reader on lines of IAM and IAM-OnDB, writers of training and validation apart.

    python -m benchmarks.lines.train_iam --data ../shared/data --out runs/iam-lines

Stops and goes on: run it again with the same --out and it continues from the last epoch.
Prints a line an epoch, and at the end CER and WER on the validation writers with 95% intervals.
"""

from __future__ import annotations

import copy
import json
import time
from datetime import date
from itertools import pairwise
from pathlib import Path

import click
import joblib
import numpy as np
import torch
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

import hwsk
from benchmarks.shared.iam import (
    SPLIT_SEED,
    load_online,
    load_spaced,
    load_split,
    prepare,
    preprocessing,
    prompt,
)
from hwsk._data.decoding import read_image
from hwsk._data.images import object_array
from hwsk.callbacks import Checkpoint
from hwsk.datasets import get_data_home, make_handwriting
from hwsk.metrics import bootstrap_interval, character_error_rate, word_error_rate
from hwsk.preprocessing.augmentation import default_augmentation
from hwsk.recognition import CTCRecognizer


class Watch(Callback):
    """Print the character error rate of some validation lines every few epochs."""

    def __init__(self, estimator, images, texts, every):
        self.estimator, self.images, self.texts, self.every = estimator, images, texts, every

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) % self.every == 0:
            reader = copy.copy(self.estimator)
            reader.net_ = net
            cer = 1 - reader.score(self.images, self.texts)
            print(f"    validation CER {cer:.4f} (a sample, greedy)", flush=True)


def feasible(images, texts):
    """Rows whose image gives CTC enough time steps."""
    steps = np.array([-(-image.shape[1] // 4) for image in images])
    needed = np.array([len(t) + sum(a == b for a, b in pairwise(t)) for t in texts])
    return np.flatnonzero(steps >= needed)


def fit(recognizer, images, texts, watch, out, stage):
    """Fit with checkpoints; what was done before is not done again."""
    rows = feasible(images, texts)
    print(
        f"{stage}: {len(rows)} lines ({len(texts) - len(rows)} too narrow for their text left out)"
    )
    checkpoint = Checkpoint(out / f"{stage}.ckpt")
    recognizer.set_params(callbacks=[checkpoint, Watch(recognizer, *watch, every=1)])
    recognizer.fit(images[rows], [texts[i] for i in rows])
    recognizer.set_params(callbacks=None)


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/iam-lines", type=click.Path(path_type=Path))
@click.option("--pretrain", type=click.Choice(["none", "online", "generated"]), default="online")
@click.option("--start", type=click.Path(exists=True), help="Go on with this model's weights.")
@click.option("--pretrain-lines", default=84_000, help="Lines of pretraining, repeats counted.")
@click.option("--lines", default=80_000, help="IAM lines after it, repeats counted.")
@click.option("--pretrain-lr", default=1e-3)
@click.option("--lr", default=7e-4)
@click.option("--augment", default=0.7, help="Strength of augmentation after pretraining (1).")
@click.option("--ema", default=0.999, help="Decay of the average of the weights.")
@click.option("--seed", default=0)
def main(
    data, out, pretrain, start, pretrain_lines, lines, pretrain_lr, lr, augment, ema, seed
) -> None:
    """Pretrain on IAM and other lines together, then train on IAM alone."""
    out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    prepare_once = joblib.Memory(get_data_home() / "cache", verbose=0).cache(prepare)
    bunch, train, valid = load_split(data)
    images = prepare_once([read_image(path) for path in bunch.images], preprocessing())
    texts = list(bunch.text)
    train_writers = set(bunch.writer[train])
    assert not train_writers & set(bunch.writer[valid])
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; IAM lines: "
        f"{len(train)} of {len(train_writers)} writers to train, {len(valid)} of "
        f"{len(set(bunch.writer[valid]))} to validate; split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    sample = np.random.default_rng(0).permutation(valid)[:150]
    watch = (images[sample], [texts[i] for i in sample])
    iam_images, iam_texts = images[train], [texts[i] for i in train]
    recognizer = CTCRecognizer()
    if start is not None:
        recognizer = hwsk.load(start)
        recognizer = recognizer[-1] if isinstance(recognizer, Pipeline) else recognizer
        recognizer.set_params(decoder=None)
    recognizer.set_params(warm_start=True, ema_decay=ema, random_state=seed, verbose=2)
    if pretrain != "none":
        if pretrain == "online":
            more, more_texts = load_online(data, {prompt(bunch.form[i]) for i in valid})
        else:
            made = make_handwriting(10_000, level="line", n_writers=500, random_state=seed)
            more, more_texts = made.images, list(made.text)
        more_images = object_array([*iam_images, *prepare_once(more, preprocessing())])
        recognizer.set_params(
            lr=pretrain_lr,
            augment=default_augmentation(),
            max_epochs=max(1, round(pretrain_lines / len(more_images))),
        )
        fit(recognizer, more_images, iam_texts + more_texts, watch, out, "pretrain")
        hwsk.save(recognizer, out / "pretrained.hwsk")
    recognizer.set_params(
        lr=lr,
        augment=default_augmentation(augment),
        max_epochs=max(1, round(lines / len(train))),
    )
    fit(recognizer, iam_images, iam_texts, watch, out, "train")
    recognizer.set_params(warm_start=False, verbose=0, detokenize=True)
    model = Pipeline([*preprocessing(), ("recognize", recognizer)])
    hwsk.save(model, out / "iam-lines.hwsk")
    report(load_spaced(out / "iam-lines.hwsk"), data, bunch, valid, out, time.time() - began)


def report(model, data, bunch, valid, out, seconds):
    """Print figures on validation writers and on the grey lines, and keep the readings."""
    figures = {"seconds": round(seconds)}
    gray = load_gray(data)
    for name, paths, texts, writers in (
        ("validation", bunch.images[valid], bunch.text[valid], bunch.writer[valid]),
        ("gray", *gray),
    ):
        read = model.predict(paths)
        for metric in (character_error_rate, word_error_rate):
            low, high = bootstrap_interval(metric, texts, read, groups=writers, random_state=0)
            value = metric(texts, read)
            figures[f"{name} {metric.__name__}"] = [value, low, high]
            print(
                f"{name}: {len(texts)} lines, {len(set(writers))} writers: "
                f"{metric.__name__} {value:.4f} [{low:.4f}, {high:.4f}]"
            )
        rows = [
            {"id": str(p), "text": t, "read": r} for p, t, r in zip(paths, texts, read, strict=True)
        ]
        (out / f"{name}.json").write_text(json.dumps(rows, indent=1))
    (out / "figures.json").write_text(json.dumps(figures, indent=1))


def load_gray(data):
    """Paths, texts and writers of the grey lines, unpacked into the data home."""
    import csv

    from hwsk.datasets._data_home import unpack

    folder = unpack(Path(data) / "iam" / "gray_lines.tgz")
    with open(Path(data) / "iam" / "gray_lines.tsv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    paths = [next(folder.rglob(f"{row['id']}.*")) for row in rows]
    return (
        object_array([str(path) for path in paths]),
        object_array([row["text"] for row in rows]),
        object_array([row["writer"] for row in rows]),
    )


if __name__ == "__main__":
    main()
