"""What the shipped models score in float32, beside their cards, whose figures are of bfloat16.

    python -m benchmarks.models.precision --data ../shared/data

`precision="auto"` takes bfloat16 only where the processor computes in it; everywhere else, and on
older processors, it is float32. Both must agree within the interval that the card prints.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from sklearn.metrics import accuracy_score, roc_auc_score
from sklearn.utils import Bunch

import hwsk
from benchmarks.characters import data as emnist
from benchmarks.shared import iam
from benchmarks.shared import words as and_words
from benchmarks.strokes.train_iam import arguments, load
from benchmarks.writers.data import load_writers
from benchmarks.writers.train import final_split
from hwsk._data.images import object_array
from hwsk.datasets import load_cedar_signatures, load_iam
from hwsk.metrics import bootstrap_interval, character_error_rate, equal_error_rate
from hwsk.model_selection import make_pairs

MODELS = Path(__file__).parents[2] / "models"


def load_in(precision: str, name: str) -> Any:
    """A shipped model that computes in this precision."""
    model = hwsk.load(MODELS / f"{name}.hwsk")
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    last.set_params(precision=precision)
    if hasattr(last, "detokenize"):
        last.set_params(detokenize=False)  # errors count as IAM's transcripts are spaced
    last._set_network_state(last._get_network_state())  # the net is made for its precision
    return model


def error_of_lines(data: str) -> tuple[Any, ...]:
    lines, _, rows = iam.load_split(data)
    return character_error_rate, lines.text[rows], lines.images[rows], lines.writer[rows]


def error_of_words(data: str) -> tuple[Any, ...]:
    lines, _, line_rows = iam.load_split(data)
    words = load_iam(f"{data}/iam", level="word", segmentation="all")
    rows = np.isin(words.writer.astype(str), lines.writer[line_rows].astype(str))
    return character_error_rate, words.text[rows], words.images[rows], words.writer[rows]


def accuracy_of_characters(data: str) -> tuple[Any, ...]:
    *_, test = emnist.load_split(data)
    return accuracy_score, test.text, test.images, None


def accuracy_of_writers(data: str) -> tuple[Any, ...]:
    lines = load_writers(data, 50)
    _, rows = final_split(lines)
    return accuracy_score, lines.writer[rows], lines.images[rows], lines.writer[rows]


# What has no network of its own to compare, or was trained and evaluated in float32.
OTHERS = {
    "and-comparer",
    "english-lm",
    "english-pages",
    "iam-comparer",
    "ink-lines",
    "page-lines",
    "signature-comparer",
}
NAMES = sorted({path.stem for path in MODELS.glob("*.hwsk")} - OTHERS)
CLASSIFIERS = {
    "iam-lines": error_of_lines,
    "iam-words": error_of_words,
    "emnist-characters": accuracy_of_characters,
    "iam-writers": accuracy_of_writers,
    "latin-lines": error_of_lines,
}


def error_of_signatures(data: str) -> Iterator[str]:
    """Yield the errors of the verifier of signatures on writers that it learnt from.

    The networks of the folds, whose figures the card prints, are not shipped; so this says what the
    precision changes, not how good the verifier is.
    """
    signatures = load_cedar_signatures(f"{data}/cedar_signatures")
    pairs, same = make_pairs(signatures.hand, n_pairs=600, random_state=0)
    scores = {}
    for precision in ("float32", "bfloat16"):
        model = load_in(precision, "signature-verifier")
        scores[precision] = model.pair_score(signatures.images[pairs])
        yield f"{precision}: EER {equal_error_rate(same, scores[precision]):.4f} of {len(pairs)}"
    apart = np.abs(scores["float32"] - scores["bfloat16"]).max()
    yield f"scores at most {apart:.4f} apart, deviation {scores['float32'].std():.4f}"


def figures(name: str, data: str, data_home: str) -> Iterator[str]:
    """Yield the figures of a model's card."""
    if name == "signature-verifier":
        yield from error_of_signatures(data)
        return
    model = load_in("float32", name)
    if name in CLASSIFIERS:
        metric, truth, images, groups = CLASSIFIERS[name](data)
        predicted = model.predict(images)
        low, high = bootstrap_interval(metric, truth, predicted, groups=groups, random_state=0)
        value = metric(truth, predicted)
        yield f"{metric.__name__} {value:.4f} [{low:.4f}, {high:.4f}] of {len(truth)}"
    elif name == "and-vae":
        words, _, _, test = and_words.load_split(data)
        pixels = (words.images[test] / np.float32(255)).reshape(len(test), -1)
        again = model.inverse_transform(model.transform(words.images[test]))
        yield f"MSE {np.mean((again.reshape(pixels.shape) - pixels) ** 2):.4f} of {len(test)}"
    elif name in ("and-verifier", "and-features"):
        words, _, _, test = and_words.load_split(data)
        images, writers = words.images[test], words.writer[test]
        if name == "and-features":
            known = words.features.iloc[test].notna().all(axis=1).to_numpy()
            truth = words.features.iloc[test[known]].to_numpy()
            yield f"accuracy {np.mean(model.predict(images[known]).to_numpy() == truth):.4f}"
            return
        index = np.column_stack(np.triu_indices(len(test), 1))
        scores = model.pair_score(object_array(list(images))[index])
        same = np.equal(*writers[index].T)
        yield f"EER {equal_error_rate(same, scores):.4f}, AUC {roc_auc_score(same, scores):.4f}"
    else:
        lines: Bunch = load(data, data_home, "test_t")
        scores = model.score_samples(*arguments(model, lines))
        yield f"log-likelihood {scores.mean():.1f} nats a line of {len(scores)}"


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(NAMES))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--data-home", default="runs/data", type=click.Path())
def main(names: tuple[str, ...], data: str, data_home: str) -> None:
    """Print the figures of the models of these names, or of all."""
    warnings.simplefilter("ignore")
    print(f"{date.today()} torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}")
    for name in names or NAMES:
        for line in figures(name, data, data_home):
            print(f"{name} in float32: {line}", flush=True)


if __name__ == "__main__":
    main()
