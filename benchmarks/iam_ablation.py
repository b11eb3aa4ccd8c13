"""What each part of the reader of lines is worth: one change each, the same budget, from scratch.

    python benchmarks/iam_ablation.py all --lines 24000 --out runs/ablation
    python benchmarks/iam_ablation.py "no shortcut head"

Each run learns from as many lines (IAM and IAM-OnDB mixed, repeats counted), with one seed, and is
judged on IAM's validation writers, greedy. Prints CER with a 95% interval over writers, and its
difference to the base run with the interval of the difference. A budget so small says what helps
to begin with; what averaging, masks and augmentation give at the end of a long training is more.
"""

from __future__ import annotations

import json
import time
from datetime import date
from pathlib import Path

import click
import joblib
import numpy as np
import torch
from iam import SPLIT_SEED, load_online, load_split, prepare, preprocessing, prompt
from train_iam_lines import feasible

from hwsk._images import object_array, read_image
from hwsk.datasets import get_data_home
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


def with_masks() -> Compose:
    """The augmentation, and a step that blots out spans."""
    whole = default_augmentation()
    return Compose([*whole.steps, RandomMask(n_strips=8)], p=[*whole.p, 0.5])


BASE = {"ema_decay": 0.995, "augment": default_augmentation()}
CHANGES = {
    "base": {},
    "no shortcut head": {"shortcut_weight": 0.0},
    "mean-pooling": {},
    "no averaged weights": {"ema_decay": 0.0},
    "constant rate": {"lr_schedule": "constant"},
    "span masking": {"augment": with_masks()},
    "no augmentation": {"augment": None},
    "IAM alone": {},
}


@click.command()
@click.argument("name", type=click.Choice([*CHANGES, "all"]))
@click.option("--lines", "n_lines", default=24_000, help="Lines of training, repeats counted.")
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--out", default="runs/ablation", type=click.Path(path_type=Path))
@click.option("--seed", default=0)
def main(name: str, n_lines: int, data: str, out: Path, seed: int) -> None:
    """Train and judge; what was judged before is read from OUT."""
    out.mkdir(parents=True, exist_ok=True)
    prepare_once = joblib.Memory(get_data_home() / "cache", verbose=0).cache(prepare)
    bunch, train, valid = load_split(data)
    images = prepare_once([read_image(path) for path in bunch.images], preprocessing())
    more, more_texts = load_online(data, {prompt(bunch.form[i]) for i in valid})
    texts = [*bunch.text[train], *more_texts]
    mixed = object_array([*images[train], *prepare_once(more, preprocessing())])
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; {n_lines} "
        f"lines of training; {len(valid)} lines of {len(set(bunch.writer[valid]))} writers to "
        f"judge; split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    read = {}
    for change in CHANGES if name == "all" else dict.fromkeys(["base", name]):
        file = out / f"{change}-{seed}.json"
        if not file.exists():
            n_first = len(train) if change == "IAM alone" else len(texts)
            rows = feasible(mixed[:n_first], texts[:n_first])
            start = time.time()
            recognizer = fitted(change, mixed[rows], [texts[i] for i in rows], n_lines, seed)
            told = {"0": list(recognizer.predict(images[valid])), "seconds": time.time() - start}
            if change == "base":
                recognizer.set_params(test_augmentations=4)
                told["4"] = list(recognizer.predict(images[valid]))
            file.write_text(json.dumps(told))
        told = json.loads(file.read_text())
        read |= {change: told["0"]} | (
            {"base, 4 versions at test": told["4"]} if "4" in told else {}
        )
        for label in list(read)[-2 if change == "base" else -1 :]:
            report(label, bunch.text[valid], read["base"], read[label], bunch.writer[valid])
        print(f"    {told['seconds']:.0f} s", flush=True)


def fitted(change: str, images: np.ndarray, texts: list[str], n_lines: int, seed: int):
    """A recognizer, trained with one change."""
    kind = MeanPooledRecognizer if change == "mean-pooling" else CTCRecognizer
    epochs = max(1, round(n_lines / len(texts)))
    order = np.random.default_rng(seed).permutation(len(texts))
    rows = np.resize(order, n_lines)  # one pass over them: the budget is the same to a line
    print(f"{change}: {n_lines} lines, {epochs} of each", flush=True)
    recognizer = kind(max_epochs=1, random_state=seed, **BASE | CHANGES[change])
    return recognizer.fit(images[rows], [texts[i] for i in rows])


def report(label: str, truth: np.ndarray, base: list[str], told: list[str], writers) -> None:
    """Print the error rate, and how it differs from the base's."""

    def difference(truth, pairs):
        before, after = zip(*pairs, strict=True)
        return character_error_rate(truth, after) - character_error_rate(truth, before)

    pairs = list(zip(base, told, strict=True))
    cer = character_error_rate(truth, told)
    low, high = bootstrap_interval(
        character_error_rate, truth, told, groups=writers, random_state=0
    )
    text = f"{label}: CER {cer:.4f} [{low:.4f}, {high:.4f}]"
    if label != "base":
        low, high = bootstrap_interval(difference, truth, pairs, groups=writers, random_state=0)
        text += f", {difference(truth, pairs):+.4f} [{low:+.4f}, {high:+.4f}] to the base"
    print(text, flush=True)


if __name__ == "__main__":
    main()
