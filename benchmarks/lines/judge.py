"""Read the validation lines of all sources: IAM, grey lines of IAM's pages, French lines.

    python -m benchmarks.lines.judge --model latin-lines --model iam-lines

Lines as they lie in the data, by writers that no training saw (`benchmarks/lines/data.py`), read
greedily. Blanks count as the transcripts have them; `in print` has both sides spaced as in print.
`digits` are those of the transcripts that are left out or replaced.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import date

import click
import numpy as np
import torch
from rapidfuzz.distance import Levenshtein

import hwsk
from benchmarks.lines.data import load_sources
from hwsk.metrics import bootstrap_interval, character_error_rate, word_error_rate
from hwsk.recognition import detokenize

SOURCES = "iam", "iam_pages", "copiste"


@click.command()
@click.option("--data", default="../shared/data", show_default=True)
@click.option("--model", "models", multiple=True, required=True, help="A name or a file.")
@click.option("--every", default=1, show_default=True, help="Take every nth line.")
def main(data: str, models: tuple[str, ...], every: int) -> None:
    """Print error rates with intervals over writers."""
    torch.set_num_threads(1)
    click.echo(
        f"{date.today()} torch {torch.__version__}, 1 thread; every {every} of the validation "
        "lines, split seed 0, greedy"
    )
    for source in load_sources(data, SOURCES):
        rows = np.flatnonzero(source.validation)[::every]
        images = [source.read(row, None) for row in rows]
        texts = [source.texts[row] for row in rows]
        writers = [source.writers[row] for row in rows]
        for model in models:
            reader = hwsk.load(model)
            reader[-1].set_params(decoder=None, detokenize=False)
            start = time.process_time()
            read = list(map(str, reader.predict(images)))
            seconds = (time.process_time() - start) / len(images)
            case = f"{source.name}, {model}"
            report(case, texts, read, writers)
            report(f"{case}, in print", *(map_lines(side) for side in (texts, read)), writers)
            low, high = bootstrap_interval(
                digit_error_rate, texts, read, groups=writers, random_state=0
            )
            click.echo(
                f"{case}: digits {digit_error_rate(texts, read):.2%} [{low:.2%}, {high:.2%}]"
            )
            click.echo(
                f"{case}: lines {len(rows)}, writers {len(set(writers))}, "
                f"processor time {1000 * seconds:.0f} ms a line"
            )


def map_lines(lines: list[str]) -> list[str]:
    """Space lines as in print."""
    return [detokenize(line) for line in lines]


def digit_error_rate(true: Iterable[str], read: Iterable[str]) -> float:
    """Share of the digits that are left out or replaced."""
    wrong = total = 0
    for text, reading in zip(true, read, strict=True):
        total += sum(map(str.isdigit, text))
        wrong += sum(
            edit.tag != "insert" and text[edit.src_pos].isdigit()
            for edit in Levenshtein.editops(text, reading)
        )
    return wrong / total if total else 0.0


def report(case: str, true: list[str], read: list[str], writers: list[str]) -> None:
    """Print CER and WER with intervals."""
    for name, metric in (("CER", character_error_rate), ("WER", word_error_rate)):
        low, high = bootstrap_interval(metric, true, read, groups=writers, random_state=0)
        click.echo(f"{case}: {name} {metric(true, read):.2%} [{low:.2%}, {high:.2%}]")


if __name__ == "__main__":
    main()
