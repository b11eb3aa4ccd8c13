"""Whether made handwriting can be read, and whether it keeps a hand.

    python -m benchmarks.strokes.legibility models/synthesizer.hwsk

Legibility: texts of IAM-OnDB's testset_t, which the synthesizer has never seen, are written at
several biases and read, drawn as images, by `models/iam-lines.hwsk`; beside it, what is read of the
real lines of the same texts. (The reader was pretrained on drawn lines of all of IAM-OnDB, these
real ones among them: their figure flatters, that of generated lines does not.) Stability: samples
that hold NaN or do not come to an end. The window: how far from the text's end it is when real
lines end. Style: 20 writers of testset_t; a classifier (SIFT, VLAD, linear SVM) learns their real
lines but one; texts are written with that one as prime, or in the hand of its vector. Beside it:
the classifier on real lines that it has not learnt, and on lines in no hand. The distances are
those of the published measure HWD (Pippi et al., BMVC 2023), with the vectors of
`models/iam-writers.hwsk`, trained on other data, in the place of its network: how far the mean of a
writer's generated lines is from that of the real ones, on average. The nearest of 8 samples is
chosen by that model: so its distance flatters, and the classifier does not.
"""

from __future__ import annotations

import warnings
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

import hwsk
from benchmarks.shared.iam import load_greedy, spaced_punctuation
from benchmarks.strokes.train_iam import load
from hwsk.identification import LocalDescriptors, VLADEncoder
from hwsk.metrics import bootstrap_interval, character_error_rate, word_error_rate
from hwsk.preprocessing import StrokeRasterizer
from hwsk.writing import write_lines

HEIGHT = 96  # as the reader's pretraining has it
SEED = 0


def read(reader: Any, strokes: Any) -> np.ndarray:
    """What is read of strokes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return reader.predict(StrokeRasterizer(height=HEIGHT).fit_transform(strokes))


def report_legibility(name: str, truth: list[str], recognized: Any, writers: Any = None) -> None:
    """Print error rates with intervals, over the writers of real lines, else over lines."""
    interval = partial(bootstrap_interval, groups=writers, random_state=SEED)
    parts = []
    for label, metric in (("CER", character_error_rate), ("WER", word_error_rate)):
        low, high = interval(metric, truth, recognized)
        parts.append(f"{label} {metric(truth, recognized):.4f} [{low:.4f}, {high:.4f}]")
    print(f"{name}: {', '.join(parts)}", flush=True)


@click.command()
@click.argument("model", type=click.Path(exists=True, path_type=Path))
@click.option("--reader", default="models/iam-lines.hwsk", type=click.Path(exists=True))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--data-home", default="runs/data", type=click.Path())
@click.option("--lines", "n_lines", default=200)
@click.option("--hands-alone", is_flag=True, help="Whether a hand is kept, and nothing else.")
@click.option("--stability", default=1000, help="Samples that are looked at for NaN.")
def main(
    model: Path,
    reader: str,
    data: str,
    data_home: str,
    n_lines: int,
    hands_alone: bool,
    stability: int,
) -> None:
    """Print the figures."""
    synthesizer, reading = hwsk.load(model), load_greedy(reader)
    lines = load(data, data_home, "test_t")
    known = [set(text) <= set(synthesizer.alphabet_) for text in lines.text]
    if hands_alone:
        report_style(synthesizer, lines, known)
        return
    rng = np.random.default_rng(SEED)
    rows = np.sort(rng.choice(np.flatnonzero(known), n_lines, replace=False))
    texts = list(lines.text[rows])
    truth = [spaced_punctuation(text) for text in texts]
    print(f"{date.today()} {model.name}; {n_lines} lines of IAM-OnDB testset_t, seed {SEED}")
    real = read(reading, lines.strokes[rows])
    report_legibility("real lines", truth, real, writers=lines.writer[rows])
    for bias in (0.0, 0.5, 1.0):
        made = synthesizer.sample(texts=texts, bias=bias, random_state=SEED)
        report_legibility(f"made, bias {bias:g}", truth, read(reading, made))
    primes = [(lines.strokes[i], lines.text[i]) for i in rng.choice(np.flatnonzero(known), n_lines)]
    made = synthesizer.sample(texts=texts, prime=primes, bias=0.5, random_state=SEED)
    report_legibility("made in the hands of real lines, bias 0.5", truth, read(reading, made))

    phis = synthesizer.attention(lines.text[rows], lines.strokes[rows])
    off = np.array([phi[-1].argmax() - (len(t) - 1) for phi, t in zip(phis, texts, strict=True)])
    print(f"window within 2 characters of the text's end: {np.mean(np.abs(off) <= 2):.3f}")

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        many = synthesizer.sample(
            texts=list(np.resize(texts, stability)), bias=0.0, random_state=SEED + 1
        )
    messages = [str(w.message) for w in caught]
    cut = [said.split(" of ")[0] for said in messages if "the window did not come" in said]
    bad = sum(not np.isfinite(strokes).all() for strokes in many)
    print(f"{stability} samples at bias 0: {bad} with NaN, {cut[0] if cut else 0} cut", flush=True)
    report_style(synthesizer, lines, known)


def report_style(synthesizer: Any, lines: Any, known: list[bool], n_writers: int = 20) -> None:
    """Print how often the writer of a prime is identified from lines generated in their hand."""
    usable = np.array(known) & (lines.writer != "") & [20 <= len(t) <= 40 for t in lines.text]
    writers, counts = np.unique(lines.writer[usable].astype(str), return_counts=True)
    writers = writers[np.argsort(-counts, kind="stable")[:n_writers]]
    train, held, primes = [], [], []
    for writer in writers:
        rows = np.flatnonzero(usable & (lines.writer == writer))
        n_held = min(8, len(rows) // 3)
        held += rows[:n_held].tolist()
        primes += [int(rows[n_held])] * n_held
        train += rows[n_held + 1 :].tolist()
    draw = make_pipeline(StrokeRasterizer(height=HEIGHT), LocalDescriptors("sift"))
    classifier = make_pipeline(draw, VLADEncoder(random_state=SEED), LinearSVC(random_state=SEED))
    classifier.fit(lines.strokes[train], lines.writer[train].astype(str))
    texts, truth = list(lines.text[held]), lines.writer[held].astype(str)
    hands = [(lines.strokes[i], lines.text[i]) for i in primes]
    kinds = {"real lines": lines.strokes[held]}
    ways: dict[str, dict[str, Any]] = {"one line as prime": {"prime": hands}}
    if synthesizer.style_units:
        of_lines = synthesizer.encode_style(lines.strokes[primes])
        of_writers = {
            writer: synthesizer.encode_style(
                lines.strokes[[i for i in train if lines.writer[i] == writer]]
            ).mean(axis=0)
            for writer in writers
        }
        ways["the vector of one line"] = {"style": of_lines}
        ways["the mean vector of many lines"] = {"style": [of_writers[w] for w in truth]}
    for name, way in ways.items():
        for bias in (0.0, 0.5, 1.0):
            made = synthesizer.sample(texts=texts, bias=bias, random_state=SEED, **way)
            kinds[f"by {name}, bias {bias:g}"] = made
    kinds["by one line as prime, the nearest of 8, bias 0.5"] = np.array(
        write_lines(
            texts, synthesizer, None, prime=hands, bias=0.5, candidates=8, random_state=SEED
        ).strokes,
        dtype=object,
    )
    kinds["in no hand, bias 0.5"] = synthesizer.sample(texts=texts, bias=0.5, random_state=SEED)
    describe = partial(embed, hwsk.load("iam-writers"))
    real = mean_of_each(describe(lines.strokes[train]), lines.writer[train].astype(str))
    between = [np.linalg.norm(real[a] - real[b]) for a in writers for b in writers if a != b]
    print(f"{len(writers)} writers, {len(train)} lines to learn, {len(held)} to tell:")
    print(f"distance of a writer from the others: {np.mean(between):.3f}")
    for name, strokes in kinds.items():
        right = classifier.predict(strokes) == truth
        low, high = bootstrap_interval(
            lambda _, drawn: float(np.mean(drawn)), right, right, groups=truth, random_state=SEED
        )
        made = mean_of_each(describe(strokes), truth)
        away = np.mean([np.linalg.norm(made[w] - real[w]) for w in writers])
        print(f"{name}: top-1 {right.mean():.3f} [{low:.3f}, {high:.3f}], distance {away:.3f}")


def embed(writers: Any, strokes: Any) -> np.ndarray:
    """Vectors of lines by which a network tells the writers of other images."""
    return writers.transform(StrokeRasterizer(height=HEIGHT).fit_transform(strokes))


def mean_of_each(vectors: np.ndarray, writers: np.ndarray) -> dict[str, np.ndarray]:
    """Mean vector of each writer's lines."""
    return {writer: vectors[writers == writer].mean(axis=0) for writer in np.unique(writers)}


if __name__ == "__main__":
    main()
