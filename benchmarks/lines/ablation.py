"""What each part of the reader is worth: one change each, the same budget.

    python -m benchmarks.lines.ablation --out runs/ablation

On single words of IAM, where a run takes minutes, with the network of the lines. The base run goes
on from the reader of lines; each run has as many epochs and one seed, and is judged on the words of
the validation writers, greedy. Prints CER with a 95% interval over writers, and its difference to
the base run with the interval of that difference. A budget so small says what helps soon, not what
helps at the end of a long training.
"""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path
from typing import Any

import click
import torch

from benchmarks.lines.train_iam import feasible
from benchmarks.lines.train_words import load_words
from benchmarks.shared.iam import SPLIT_SEED, load_greedy
from hwsk.metrics import bootstrap_interval, character_error_rate
from hwsk.networks.crnn import CRNN
from hwsk.preprocessing.augmentation import Compose, RandomMask, default_augmentation
from hwsk.recognition import CTCRecognizer


class MeanPooledRecognizer(CTCRecognizer):
    """The mean of each column for its maximum."""

    def _make_module(self) -> CRNN:
        module = super()._make_module()
        module.stage3.register_forward_hook(lambda _, __, out: out.mean(dim=2, keepdim=True))
        return module


def with_masks(augment: Compose) -> Compose:
    """The augmentation, and a step that blots out spans."""
    return Compose([*augment.steps, RandomMask()], p=[*augment.p, 0.5])


AUGMENT = default_augmentation(0.7)
BASE: dict[str, Any] = {"batch_size": 32, "ema_decay": 0.998, "augment": AUGMENT}
CHANGES: dict[str, dict[str, Any]] = {
    "base": {},
    "no shortcut head": {"shortcut_weight": 0.0},
    "no averaged weights": {"ema_decay": 0.0},
    "constant rate": {"lr_schedule": "constant"},
    "no augmentation": {"augment": None},
    "span masking": {"augment": with_masks(AUGMENT)},
    "from scratch": {},
    "from scratch, mean-pooling of columns": {},
}
VERSIONS = 4  # at test, beside the base run as it is


def make(change: str, start: str, parameters: dict[str, Any]) -> CTCRecognizer:
    """The recognizer of the lines, or an untrained one, with one change."""
    if change == "from scratch":
        return CTCRecognizer(**parameters)
    if change.endswith("mean-pooling of columns"):
        return MeanPooledRecognizer(**parameters)
    return load_greedy(start)[-1].set_params(warm_start=True, **parameters)


@click.command()
@click.option("--epochs", default=2)
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/ablation", type=click.Path(path_type=Path))
@click.option("--start", default="models/iam-lines.hwsk", type=click.Path(exists=True))
@click.option("--seed", default=0)
def main(epochs: int, data: str, out: Path, start: str, seed: int) -> None:
    """Train and judge; what was judged before is read from OUT."""
    out.mkdir(parents=True, exist_ok=True)
    words, images, train, valid = load_words(data)
    train = train[feasible(images[train], words.text[train])]
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; "
        f"{len(train)} words, {epochs} epochs; {len(valid)} words of "
        f"{len(set(words.writer[valid]))} writers to judge; split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    truth, writers = words.text[valid], words.writer[valid]
    base: list[str] = []
    for change, parameters in CHANGES.items():
        file = out / f"{change}-{seed}.json"
        if not file.exists():
            began = time.time()
            parameters = BASE | parameters | {"max_epochs": epochs, "random_state": seed}
            recognizer = make(change, start, parameters)
            recognizer.fit(images[train], list(words.text[train]))
            results = {
                change: list(recognizer.predict(images[valid])),
                "seconds": time.time() - began,
            }
            if change == "base":
                recognizer.set_params(test_augmentations=VERSIONS)
                results[f"base, {VERSIONS} versions at test"] = list(
                    recognizer.predict(images[valid])
                )
            file.write_text(json.dumps(results))
        results = json.loads(file.read_text())
        seconds = results.pop("seconds")
        base = base or results["base"]
        for label, read in results.items():
            report(label, truth, base, read, writers)
        print(f"    {seconds:.0f} s", flush=True)


def report(label: str, truth: Any, base: list[str], read: list[str], writers: Any) -> None:
    """Print the error rate, and how it differs from the base's."""

    def difference(truth: Any, pairs: Any) -> float:
        before, after = zip(*pairs, strict=True)
        return character_error_rate(truth, after) - character_error_rate(truth, before)

    pairs = list(zip(base, read, strict=True))
    low, high = bootstrap_interval(
        character_error_rate, truth, read, groups=writers, random_state=0
    )
    text = f"{label}: CER {character_error_rate(truth, read):.4f} [{low:.4f}, {high:.4f}]"
    if label != "base":
        low, high = bootstrap_interval(difference, truth, pairs, groups=writers, random_state=0)
        text += f", {difference(truth, pairs):+.4f} [{low:+.4f}, {high:+.4f}] to the base"
    print(text, flush=True)


if __name__ == "__main__":
    main()
