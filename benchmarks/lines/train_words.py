"""Train a reader of single words of IAM, from the reader of lines; writers apart as there.

    python -m benchmarks.lines.train_words --start models/iam-lines.hwsk --out runs/one
    python -m benchmarks.lines.train_words --start runs/one/iam-words.hwsk --seed 1 --out runs/two
    python -m benchmarks.lines.train_words --start runs/one/iam-words.hwsk \\
        --average runs/two/iam-words.hwsk --out runs/words

Stops and goes on as `train_iam.py` does. Prints CER and word accuracy on the words of the
validation writers, with 95% intervals, without lexicon or language model.
"""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path

import click
import joblib
import numpy as np
import torch
from sklearn.metrics import accuracy_score
from sklearn.pipeline import Pipeline
from sklearn.utils import Bunch

import hwsk
from benchmarks.lines.train_iam import fit
from benchmarks.shared.iam import (
    HEIGHT,
    SPLIT_SEED,
    load_greedy,
    load_spaced,
    load_split,
    prepare,
    preprocessing,
)
from hwsk._data.decoding import read_image
from hwsk._data.images import object_array
from hwsk.datasets import get_data_home, load_iam
from hwsk.metrics import bootstrap_interval, character_error_rate
from hwsk.preprocessing import HeightNormalizer
from hwsk.preprocessing.augmentation import default_augmentation
from hwsk.recognition import CTCRecognizer

LOWEST = 112  # pixels of IAM's scans (300 dpi), about a line: training words are read best so


def word_preprocessing() -> list[tuple[str, object]]:
    """As lines have it, but for the height: a word's own box, and no comma as large as a letter."""
    height = HeightNormalizer(HEIGHT, min_height=LOWEST, stroke_spacing=13.0)
    return [*preprocessing()[:-1], ("height", height)]


def load_words(data: str) -> tuple[Bunch, np.ndarray, np.ndarray, np.ndarray]:
    """The words, their prepared images, and the rows of training and validation."""
    lines, _, line_rows = load_split(data)
    words = load_iam(f"{data}/iam", level="word", segmentation="all")
    held = np.isin(words.writer.astype(str), lines.writer[line_rows].astype(str))
    prepare_once = joblib.Memory(get_data_home() / "cache", verbose=0).cache(prepare)
    images = prepare_once([read_image(path) for path in words.images], word_preprocessing())
    return words, images, np.flatnonzero(~held), np.flatnonzero(held)


def train_further(recognizer, images, texts, train, valid, out) -> None:
    """Fit the recognizer on the words of the training writers."""
    recognizer.set_params(warm_start=True, batch_size=64, ema_decay=0.999, verbose=2)
    sample = np.random.default_rng(0).permutation(valid)[:600]
    watch = (images[sample], list(texts[sample]))
    fit(recognizer, images[train], list(texts[train]), watch, out, "train")


def average_weights(recognizer, other) -> None:
    """Give the recognizer the mean of its weights and of another's."""
    module, state = recognizer.net_.module_, other.net_.module_.state_dict()
    for name, value in module.state_dict().items():
        if value.is_floating_point():
            value.lerp_(state[name], 0.5)


@click.command()
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/iam-words", type=click.Path(path_type=Path))
@click.option("--start", type=click.Path(exists=True), help="Go on with this model's weights.")
@click.option("--average", type=click.Path(exists=True), help="Average with this, train no more.")
@click.option("--epochs", default=10)
@click.option("--lr", default=1e-3)
@click.option("--augment", default=0.7, help="Strength of augmentation.")
@click.option("--seed", default=0)
def main(data, out, start, average, epochs, lr, augment, seed) -> None:
    """Train or average, save, judge."""
    out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    words, images, train, valid = load_words(data)
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; IAM words: "
        f"{len(train)} of {len(set(words.writer[train]))} writers to train, {len(valid)} of "
        f"{len(set(words.writer[valid]))} to validate; split seed {SPLIT_SEED}, seed {seed}; "
        f"from {start}" + (f" and {average}" if average else ""),
        flush=True,
    )
    recognizer = CTCRecognizer() if start is None else load_greedy(start)[-1]
    if average is None:
        recognizer.set_params(
            lr=lr, max_epochs=epochs, augment=default_augmentation(augment), random_state=seed
        )
        train_further(recognizer, images, words.text, train, valid, out)
    else:
        average_weights(recognizer, load_greedy(average)[-1])
    recognizer.set_params(warm_start=False, verbose=0, detokenize=True)
    model = Pipeline([*word_preprocessing(), ("recognize", recognizer)])
    hwsk.save(model, out / "iam-words.hwsk", half_precision=True)
    model = load_spaced(out / "iam-words.hwsk")
    read = model.predict(words.images[valid])
    sound = words.segmentation[valid] == "ok"
    for name, rows in (("all", np.arange(len(valid))), ("segmented well", np.flatnonzero(sound))):
        truth, recognized = words.text[valid][rows], object_array(read[rows])
        figures = []
        for label, metric in (("CER", character_error_rate), ("word accuracy", accuracy_score)):
            low, high = bootstrap_interval(
                metric, truth, recognized, groups=words.writer[valid][rows], random_state=0
            )
            figures.append(f"{label} {metric(truth, recognized):.4f} [{low:.4f}, {high:.4f}]")
        print(f"{len(rows)} words ({name}): {', '.join(figures)}", flush=True)
    print(f"{time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
