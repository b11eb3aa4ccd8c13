"""Time of many lines written into a folder, and how many of them are read right.

    python -m benchmarks.strokes.folder models/synthesizer.hwsk --lines 1000 --n-jobs 2

The lines are beginnings of sentences of the Brown corpus, 15 to 45 characters, as they stand there
with their capitals, figures and signs, but for those with characters that the synthesizer doesn't
know. Each is written in another hand, and checked by `iam-lines` and `ink-lines`.
"""

from __future__ import annotations

import gzip
import re
import resource
import tempfile
import time
from datetime import date
from pathlib import Path

import click
import numpy as np

import hwsk
from hwsk.datasets import load_lines
from hwsk.writing import write_folder

_SHORTEST, _LONGEST = 15, 45


def brown_lines(path: Path, n: int, known: str, rng: np.random.Generator) -> list[str]:
    """Beginnings of sentences, with punctuation as it is written."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        sentences = [row.rstrip("\n").split("\t")[1] for row in file]
    lines: list[str] = []
    while len(lines) < n:
        text = re.sub(r" ([,.;:?!])", r"\1", sentences[rng.integers(len(sentences))])
        if len(text) > _LONGEST:
            text = text[: _LONGEST + 1].rsplit(" ", 1)[0]
        if len(text) >= _SHORTEST and set(text) <= set(known):
            lines.append(text)
    return lines


def processor_seconds() -> float:
    """Of this process, and of workers that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--brown", default="../shared/data/text/brown_sentences.tsv.gz", type=Path)
@click.option("--lines", default=1000)
@click.option("--n-jobs", default=2)
@click.option("--bias", default=1.0)
@click.option("--seed", default=0)
def main(model: Path, brown: Path, lines: int, n_jobs: int, bias: float, seed: int) -> None:
    """Print the figures."""
    synthesizer = hwsk.load(model)
    rng = np.random.default_rng(seed)
    texts = brown_lines(brown, lines, synthesizer.alphabet_, rng)
    with tempfile.TemporaryDirectory() as name:
        began = time.time()
        legibility = write_folder(
            texts,
            Path(name) / "lines",
            synthesizer,
            bias=bias,
            n_jobs=n_jobs,
            on_failure="ignore",
            random_state=seed,
            verbose=True,
        )
        seconds = time.time() - began
        kept = len(load_lines(Path(name) / "lines" / "lines.csv").text)
    if n_jobs != 1:
        from joblib.externals.loky import get_reusable_executor

        get_reusable_executor().shutdown(wait=True)  # so that the workers' seconds count
    took = f"{seconds:.0f} s ({processor_seconds():.0f} s of a processor with loading)"
    print(
        f"{date.today()} {model.name}, bias {bias:g}, seed {seed}: {lines} lines of the Brown "
        f"corpus, {sum(map(len, texts))} characters, {n_jobs} processes: {took}; {kept} lines "
        f"kept; {legibility}"
    )


if __name__ == "__main__":
    main()
