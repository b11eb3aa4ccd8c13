"""A reader of English learns accents: what it learns, and what it forgets.

    python -m benchmarks.lines.accents --model models/iam-lines.hwsk

A few generated lines of French and German are learnt by `fit` with `warm_start=True`: the alphabet
grows. Printed is the CER of such lines by other writers, and of IAM's validation lines, before and
after; "with English" mixes as many lines of IAM's training part in.
"""

from __future__ import annotations

import warnings
from datetime import date

import click
import numpy as np
from sklearn.pipeline import Pipeline

from benchmarks.shared.iam import SPLIT_SEED, load_greedy, load_split
from hwsk._data.images import object_array
from hwsk.datasets import make_handwriting
from hwsk.metrics import bootstrap_interval, character_error_rate

WORDS = (
    "à été où déjà élève forêt garçon français naïf Noël hôtel août maïs très même être "
    "côté fenêtre école père mère frère über für schön Mädchen Tür können müssen "
    "Fräulein hören fünf zwölf grün später Löwe Österreich Übung Äpfel le la les une dans avec "
    "pour der die das und ist nicht mit von"
)


def texts(n: int, rng: np.random.Generator) -> list[str]:
    """Lines of six words."""
    return [" ".join(rng.choice(WORDS.split(), 6)) for _ in range(n)]


@click.command()
@click.option("--model", default="models/iam-lines.hwsk", type=click.Path(exists=True))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--lines", "n_lines", default=300)
@click.option("--epochs", default=10)
@click.option("--lr", default=2e-4)
@click.option("--seed", default=0)
def main(model: str, data: str, n_lines: int, epochs: int, lr: float, seed: int) -> None:
    """Print the figures."""
    warnings.simplefilter("ignore", UserWarning)
    rng = np.random.default_rng(seed)
    bunch, train, valid = load_split(data)
    learnt, held_out = (
        make_handwriting(n, texts=texts(n, rng), n_writers=n // 2, random_state=state)
        for n, state in ((n_lines, seed), (100, seed + 1))
    )
    english = rng.choice(train, n_lines, replace=False)
    print(
        f"{date.today()} {model}; {n_lines} made lines with accents, {epochs} epochs at {lr:g}; "
        f"{len(valid)} validation lines of IAM, split seed {SPLIT_SEED}, seed {seed}",
        flush=True,
    )
    for kind in ("before", "accents alone", "with English"):
        reader = load_greedy(model)
        prepare, recognizer = Pipeline(reader.steps[:-1]), reader[-1]
        if kind != "before":
            images = list(prepare.transform(learnt.images))
            written = list(learnt.text)
            if kind == "with English":
                images += list(prepare.transform(bunch.images[english]))
                written += list(bunch.text[english])
            recognizer.set_params(warm_start=True, max_epochs=epochs, lr=lr, random_state=seed)
            recognizer.fit(object_array(images), written)
        parts = []
        for name, lines, truth, writers in (
            ("accents", held_out.images, held_out.text, held_out.writer),
            ("IAM", bunch.images[valid], bunch.text[valid], bunch.writer[valid]),
        ):
            read = reader.predict(lines)
            low, high = bootstrap_interval(
                character_error_rate, truth, read, groups=writers, random_state=0
            )
            parts.append(
                f"{name} CER {character_error_rate(truth, read):.4f} [{low:.4f}, {high:.4f}]"
            )
        print(f"{kind}: {', '.join(parts)}; {len(recognizer.alphabet_)} characters", flush=True)


if __name__ == "__main__":
    main()
