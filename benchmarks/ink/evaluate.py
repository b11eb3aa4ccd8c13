"""Measure a recognizer of pen strokes on IAM-OnDB: error rates with intervals, and time.

    python -m benchmarks.ink.evaluate models/ink-lines.hwsk --data ink.npz
    python -m benchmarks.ink.evaluate models/ink-lines.hwsk --data ink.npz --part test

`--part test` is testset_f, for one run at the end; otherwise the validation lines. The language
model that the recognizer has is of the Brown corpus alone, as transcripts of IAM share prompts with
IAM-OnDB. For the validation lines, error rates are printed by its weight. Intervals are over
writers, unknown ones counted by form. Times are processor time of one thread: of `predict`, and of
the text of a stream after each stroke of a line of 60 characters.
"""

from __future__ import annotations

import time
from copy import copy
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

import hwsk
from benchmarks.ink.data import Lines, drawn_samples, fixed_samples
from benchmarks.strokes.data import join
from hwsk._data.images import object_array
from hwsk._data.text_line import split_strokes
from hwsk.metrics import bootstrap_interval, character_error_rate, word_error_rate
from hwsk.recognition import CTCDecoder

WEIGHTS = (0.0, 0.3, 0.5, 0.7, 0.9, 1.1)
_SHAPES = str.maketrans("CKOPSUVWXYZ0Il", "ckopsuvwxyzo11")
CHARACTERS = 60  # of the line that is timed


def load_part(path: Path, part: str) -> tuple[Any, list[str], list[str]]:
    """Strokes, texts and writers of a part of the data."""
    lines = Lines(path, part)
    strokes = object_array([lines.strokes(row) for row in range(len(lines))])
    writers = [
        writer or f"form {form}" for writer, form in zip(lines.writers, lines.forms, strict=True)
    ]
    return strokes, lines.texts, writers


def print_rates(name: str, texts: list[str], read: Any, writers: list[str]) -> None:
    """Print CER and WER with intervals."""
    for what, metric in (("CER", character_error_rate), ("WER", word_error_rate)):
        low, high = bootstrap_interval(metric, texts, list(read), groups=writers, random_state=0)
        print(f"{name}: {what} {metric(texts, read):.4f} [{low:.4f}, {high:.4f}]", flush=True)


def print_parts(recognizer: Any, path: Path, decoding: str) -> None:
    """Print the share of words and single characters that are recognized."""
    cut = {
        f"{kind} cut from validation lines": samples
        for kind, samples in fixed_samples(path).items()
        if kind != "lines"
    }
    generated = {f"generated {kind}": samples for kind, samples in drawn_samples().items()}
    for kind, samples in (cut | generated).items():
        texts = [text for _, text in samples]
        read = recognizer.predict(object_array([strokes for strokes, _ in samples]))
        pairs = list(zip(read, texts, strict=True))
        right = np.mean([r == t for r, t in pairs])
        alike = np.mean([as_drawn(r) == as_drawn(t) for r, t in pairs])
        print(
            f"{len(samples)} {kind}, {decoding}: accuracy {right:.4f}, where characters of one "
            f"shape count as one {alike:.4f}",
            flush=True,
        )


def as_drawn(text: str) -> str:
    """Replace characters that differ in size alone, or not at all, by one of them."""
    return text.translate(_SHAPES)


def print_by_weight(recognizer: Any, decoder: CTCDecoder, path: Path) -> None:
    """Print what is read of validation samples by weight of the language model; 0: greedy."""
    outputs, texts = {}, {}
    for kind, samples in fixed_samples(path).items():
        outputs[kind] = recognizer.predict_log_proba(object_array([ink for ink, _ in samples]))
        texts[kind] = [text for _, text in samples]
    for weight in WEIGHTS:
        reader = copy(decoder) if weight else CTCDecoder()
        reader.set_params(alphabet=recognizer.alphabet_, lm_weight=weight)
        read = {kind: reader.fit(found).predict(found) for kind, found in outputs.items()}
        rates = {kind: character_error_rate(texts[kind], read[kind]) for kind in read}
        print(
            f"validation, weight {weight:g}: CER "
            + ", ".join(f"{kind} {rate:.4f}" for kind, rate in rates.items()),
            flush=True,
        )


def print_times(recognizer: Any, path: Path) -> None:
    """Print the time of a line, whole and as a stream."""
    strokes, texts, _ = load_part(path, "validation")
    rows = [i for i, text in enumerate(texts) if 28 <= len(text) <= CHARACTERS - 28]
    pairs = list(zip(rows[::2], rows[1::2], strict=False))[:20]
    whole, longest, lengths = [], [], []
    for one, other in pairs:
        line = join(strokes[one], strokes[other], texts[one])
        lengths.append(len(texts[one]) + 1 + len(texts[other]))
        start = time.process_time()
        recognizer.predict([line])
        whole.append(time.process_time() - start)
        stream, times = recognizer.stream(), []
        for stroke in split_strokes(line):
            start = time.process_time()
            stream.add(stroke)
            _ = stream.text
            times.append(time.process_time() - start)
        longest.append(max(times))
    print(
        f"lines of {np.mean(lengths):.0f} characters, processor time: predict "
        f"{1e3 * np.median(whole):.0f} ms; stream, the slowest stroke of a line: median "
        f"{1e3 * np.median(longest):.0f} ms, longest {1e3 * max(longest):.0f} ms"
    )


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--part", type=click.Choice(["validation", "test"]), default="validation")
@click.option("--times-only", is_flag=True)
def main(model: Path, data: Path, part: str, times_only: bool) -> None:
    """Print what the module says."""
    torch.set_num_threads(1)
    recognizer = hwsk.load(model)
    decoder = recognizer.decoder
    recognizer.set_params(decoder=None)
    print(f"{date.today()} {model.name}, {model.stat().st_size / 1e6:.1f} MB; {part}", flush=True)
    print_times(recognizer, data)
    if times_only:
        return
    for chosen in (None, decoder):
        recognizer.set_params(decoder=chosen)
        print_parts(recognizer, data, "greedy" if chosen is None else "as shipped")
    recognizer.set_params(decoder=None)
    if part == "validation":
        print_by_weight(recognizer, decoder, data)
    strokes, texts, writers = load_part(data, part)
    print(f"{len(texts)} lines of {len(set(writers))} writers (unknown ones by form)")
    print_rates("greedy", texts, recognizer.predict(strokes), writers)
    recognizer.set_params(decoder=decoder)
    print_rates(f"Brown, weight {decoder.lm_weight:g}", texts, recognizer.predict(strokes), writers)


if __name__ == "__main__":
    main()
