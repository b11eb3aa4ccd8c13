"""Decoding: time of a line against plain Python, and what it does for the readings of IAM.

    python -m benchmarks.lines.decoding                     time alone
    python -m benchmarks.lines.decoding --model models/iam-lines.hwsk --data ../shared/data
    python -m benchmarks.lines.decoding --model ... --data ... --shipped

The second recognizes IAM as well, the third with the shipped decoder alone, and grey lines, too.

Language models and lexicon are made of the training transcripts alone, without the prompts that any
validation line has. A weight is chosen on half of the validation writers for the other half.
"""

from __future__ import annotations

import hashlib
import math
import re
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date
from functools import cache
from pathlib import Path

import click
import joblib
import numba
import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.special import log_softmax
from sklearn.base import clone
from sklearn.model_selection import GroupKFold, ParameterGrid

import hwsk
from benchmarks.lines.data import load_sources
from benchmarks.lines.train_english_lm import brown_lines
from benchmarks.lines.train_iam import load_gray
from benchmarks.shared.iam import load_split, prompt
from hwsk._data.images import object_array
from hwsk.datasets import get_data_home
from hwsk.metrics import bootstrap_interval, character_error_rate, word_error_rate
from hwsk.recognition import CTCDecoder, NgramLanguageModel, detokenize

STEPS, CLASSES, BEAM, WEIGHT = 256, 80, 25, 0.6
WAYS = "shipped", "greedy"
METRICS = ("CER", character_error_rate), ("WER", word_error_rate)


def plain_search(line, alphabet, n_grams, order):
    """Prefix beam search with a language model of characters, in plain Python.

    `n_grams` holds log10 probability and back-off weight of each n-gram, a tuple of characters.
    """

    @cache
    def language(text):
        """What the model adds for the characters of a prefix."""
        if not text:
            return 0.0
        history, log10_prob = ("<s>", *text[:-1])[-order + 1 :], 0.0
        while (*history, text[-1]) not in n_grams:
            log10_prob += n_grams.get(history, (0.0, 0.0))[1]
            history = history[1:]
        log10_prob += n_grams[(*history, text[-1])][0]
        return language(text[:-1]) + WEIGHT * math.log(10) * log10_prob

    def add(a, b):
        a, b = max(a, b), min(a, b)
        return a if b == -math.inf else a + math.log1p(math.exp(b - a))

    beam = {"": (0.0, -math.inf)}
    for step in line.tolist():
        following = {}

        def put(text, blank, other, following=following):
            former = following.get(text, (-math.inf, -math.inf))
            following[text] = add(former[0], blank), add(former[1], other)

        for text, (blank, other) in beam.items():
            both = add(blank, other)
            put(text, both + step[0], -math.inf)
            for i, c in enumerate(alphabet, 1):
                if text.endswith(c):
                    put(text, -math.inf, other + step[i])
                put(text + c, -math.inf, (blank if text.endswith(c) else both) + step[i])
        ranked = sorted(following, key=lambda t: -(add(*following[t]) + language(t)))
        beam = {text: following[text] for text in ranked[:BEAM]}
    return beam


def table(model):
    """The numbers of a model by n-gram."""
    arrays = model.ngrams_
    names, n_grams = [()], {(): (0.0, 0.0)}
    parents = np.repeat(np.arange(len(arrays["symbol"])), np.diff(arrays["children"]))
    for node, parent in enumerate(parents, 1):
        names.append((*names[parent], model.symbols_[arrays["symbol"][node]]))
        n_grams[names[node]] = arrays["log10_prob"][node], arrays["log10_backoff"][node]
    return n_grams


def posterior(text, alphabet, sharpness, rng):
    """A line that reads a text: each character at one time step, then blanks; and noise."""
    logits = rng.normal(size=(STEPS, CLASSES))
    starts = np.linspace(0, STEPS, len(text), endpoint=False).astype(int)
    logits[:, 0] += sharpness
    for t, c in zip(starts, text, strict=True):
        logits[t, 0] -= sharpness
        logits[t, alphabet.index(c) + 1] += sharpness
    return log_softmax(logits, axis=1)


def speed(n_lines: int = 20) -> None:
    """Print milliseconds a line: sure posteriors, as a trained network's, and unsure ones."""
    rng = np.random.default_rng(0)
    alphabet = " " + "".join(chr(ord("0") + i) for i in range(CLASSES - 2))
    words = ["".join(rng.choice(list(alphabet[1:]), rng.integers(1, 9))) for _ in range(2000)]
    texts = [" ".join(rng.choice(words, 8)) for _ in range(3000)]
    model = NgramLanguageModel(order=6).fit(texts)
    n_grams = table(model)
    for name, sharpness in (("sure", 9.0), ("unsure", 4.0)):
        lines = [posterior(text[:80], alphabet, sharpness, rng) for text in texts[:n_lines]]
        decoder = CTCDecoder(alphabet, beam_width=BEAM, language_model=model, lm_weight=WEIGHT)
        read = decoder.fit(lines)._reader(alphabet)
        read_all = clone(decoder).set_params(min_probability=0)._reader(alphabet)
        read(lines[0], 1)
        ours, plain, same = [], [], 0
        for i, line in enumerate(lines):
            start = time.process_time()
            read(line, BEAM)
            ours.append(1000 * (time.process_time() - start))
            if i < 3:
                start = time.process_time()
                expected = plain_search(line, alphabet, n_grams, model.order)
                plain.append(1000 * (time.process_time() - start))
                same += {text for text, _ in read_all(line, BEAM)} == expected.keys()
        ratio = statistics.median(plain) / statistics.median(ours)
        print(
            f"{name} posteriors, {STEPS} steps, {CLASSES} classes, beam {BEAM}, {len(n_grams)} "
            f"n-grams: {statistics.median(ours):.1f} ms a line (slowest {max(ours):.1f}); plain "
            f"Python {statistics.median(plain):.0f} ms, {ratio:.0f} times as long, with all "
            f"classes the same {BEAM} texts in {same} of {len(plain)} lines",
            flush=True,
        )


def posteriors(
    model: Path, images: np.ndarray, folder: Path, name: str = "IAM"
) -> tuple[str, np.ndarray]:
    """Alphabet and log-probabilities of the lines; computed once for name, steps and weights."""
    reader = hwsk.load(model)
    digest = hashlib.sha256((name + repr(reader[:-1])).encode())
    for array in reader[-1]._get_network_state().values():
        digest.update(array.tobytes())
    file = folder / f"posteriors-{digest.hexdigest()[:16]}.joblib"
    if not file.exists():
        log_probs = reader[-1].predict_log_proba(reader[:-1].transform(images))
        folder.mkdir(parents=True, exist_ok=True)
        joblib.dump((reader[-1].alphabet_, log_probs), file)
    return joblib.load(file)


def shipped(model: Path, data: str, folder: Path) -> None:
    """Print what the decoder of a model gains over greedy decoding on lines of validation writers.

    The difference is paired: both read the same resampled writers. Tokens with a digit, and words
    that the Brown corpus lacks, are aligned in the readings, and counted apart.
    """
    decoder = hwsk.load(model)[-1].decoder
    brown = brown_lines(Path(data) / "text" / "brown_sentences.tsv.gz")
    known = {word.lower() for line in brown for word in line.split()}
    groups = {
        "tokens with a digit": lambda word: any(c.isdigit() for c in word),
        "words not in Brown": lambda word: word.isalpha() and word.lower() not in known,
    }
    for name, images, y, writers in line_sets(data):
        print(f"{name}: {len(y)} lines, {len(set(writers))} writers")
        alphabet, X = posteriors(model, images, folder, name)
        read = {}
        for label, chosen in (("greedy", CTCDecoder(method="greedy")), ("shipped", decoder)):
            chosen = clone(chosen).set_params(alphabet=alphabet).fit(X[:1])
            start = time.process_time()
            read[label] = chosen.predict(X)
            milliseconds = 1000 * (time.process_time() - start) / len(X)
            print(f"{label}: {rates(y, read[label], writers)}, {milliseconds:.1f} ms a line")
            in_print = (np.array([detokenize(t) for t in texts]) for texts in (y, read[label]))
            print(f"    spaced as in print: {rates(*in_print, writers)}", flush=True)
            for group, belongs in groups.items():
                print(f"    {group}: {count_right(y, read[label], belongs)}")
        for label, metric in METRICS:

            def difference(rows, _, metric=metric, y=y, read=read):
                rows = np.asarray(rows, int)
                shipped, greedy = (metric(y[rows], of[rows]) for of in map(read.get, WAYS))
                return shipped - greedy

            rows = np.arange(len(y))
            gain = difference(rows, rows)
            low, high = bootstrap_interval(difference, rows, rows, groups=writers, random_state=0)
            print(f"{label}, shipped - greedy: {gain:.4f} [{low:.4f}, {high:.4f}]")


def line_sets(data: str) -> Iterator[tuple[str, np.ndarray, np.ndarray, np.ndarray]]:
    """Images, texts and writers of lines by writers that training never saw."""
    bunch, _, valid = load_split(data)
    yield "IAM", bunch.images[valid], bunch.text[valid], bunch.writer[valid]
    (pages,) = load_sources(data, ["iam_pages"])
    rows = np.flatnonzero(pages.validation)
    images = [pages.read(row, None) for row in rows]
    of_rows = ([values[row] for row in rows] for values in (pages.texts, pages.writers))
    yield "grey lines of pages", *map(object_array, (images, *of_rows))
    yield "grey lines given", *load_gray(data)


def rates(y: np.ndarray, read: np.ndarray, writers: np.ndarray) -> str:
    """Error rates with intervals over writers."""
    figures = []
    for label, metric in METRICS:
        low, high = bootstrap_interval(metric, y, read, groups=writers, random_state=0)
        figures.append(f"{label} {metric(y, read):.4f} [{low:.4f}, {high:.4f}]")
    return ", ".join(figures)


def count_right(y: np.ndarray, read: np.ndarray, belongs: Callable[[str], bool]) -> str:
    """How many words of a kind there are, and how they are read."""
    pairs = [
        (word, token)
        for text, found in zip(y, read, strict=True)
        for word, token in aligned_words(text, found)
        if belongs(word)
    ]
    if not pairs:
        return "0"
    wrong = sum(Levenshtein.distance(word, token) for word, token in pairs)
    right = sum(word == token for word, token in pairs)
    return (
        f"{len(pairs)}, CER {wrong / sum(len(word) for word, _ in pairs):.3f}, "
        f"right {right / len(pairs):.3f}"
    )


def aligned_words(text: str, read: str) -> list[tuple[str, str]]:
    """Each word of a text with the characters of the reading that are aligned with it."""
    edits = Levenshtein.opcodes(text, read)
    pairs = []
    for match in re.finditer(r"\S+", text):
        found = ""
        for edit in edits:
            start, stop = max(edit.src_start, match.start()), min(edit.src_end, match.end())
            if edit.tag == "insert" and match.start() < edit.src_start < match.end():
                found += read[edit.dest_start : edit.dest_end]
            elif start < stop and edit.tag != "delete":
                shift = edit.dest_start - edit.src_start
                found += read[start + shift : stop + shift]
        pairs.append((match[0], found))
    return pairs


def on_iam(model: Path, data: str, folder: Path) -> None:
    """Print error rates on the validation writers, with intervals."""
    bunch, train, valid = load_split(data)
    alphabet, X = posteriors(model, bunch.images[valid], folder)
    y, writers = bunch.text[valid], bunch.writer[valid]
    held_out = {prompt(form) for form in bunch.form[valid]}
    texts = [
        t
        for t, f in zip(bunch.text[train], bunch.form[train], strict=True)
        if prompt(f) not in held_out
    ]
    assert not set(texts) & set(y)
    characters = NgramLanguageModel(order=6).fit(texts)
    words = NgramLanguageModel(order=3, unit="word").fit(texts)
    lexicon = sorted({word for text in texts for word in text.split()})
    tokens = [word for text in y for word in text.split()]
    unknown = sum(word not in set(lexicon) for word in tokens) / len(tokens)
    print(
        f"{len(y)} validation lines of {len(set(writers))} writers; {len(texts)} of {len(train)} "
        f"training transcripts have other prompts: {len(lexicon)} words, which lack {unknown:.1%} "
        f"of those in the validation lines; perplexity there {characters.perplexity(y):.2f} a "
        f"character (order {characters.order}), {words.perplexity(y):.0f} a word (order "
        f"{words.order})"
    )
    weights = [0.2, 0.4, 0.6, 0.8, 1.0]
    bonuses = [0.0, 1.0]
    systems = {
        "greedy": ({"method": "greedy"}, {}),
        "beam": ({}, {}),
        "beam, characters": (
            {"language_model": characters},
            {"lm_weight": weights},
        ),
        "beam, words": (
            {"language_model": words},
            {"lm_weight": weights, "word_bonus": bonuses},
        ),
        "lexicon": ({"lexicon": lexicon}, {}),
        "lexicon, characters": (
            {"lexicon": lexicon, "language_model": characters},
            {"lm_weight": weights},
        ),
    }
    for name, (params, grid) in systems.items():
        decoder = CTCDecoder(alphabet, **params).fit(X)
        start = time.process_time()
        readings = {}
        for chosen in ParameterGrid(grid):
            readings[tuple(chosen.items())] = decoder.set_params(**chosen).predict(X)
        milliseconds = 1000 * (time.process_time() - start) / len(X) / len(readings)
        read, best = np.empty(len(X), object), []
        for rows, others in GroupKFold(2).split(X, groups=writers):
            best.append(
                min(readings, key=lambda k: character_error_rate(y[rows], readings[k][rows]))
            )
            read[others] = readings[best[-1]][others]
        figures = []
        for metric in (character_error_rate, word_error_rate):
            low, high = bootstrap_interval(metric, y, read, groups=writers, random_state=0)
            figures.append(f"{metric(y, read):.4f} [{low:.4f}, {high:.4f}]")
        print(
            f"{name}: CER {figures[0]}, WER {figures[1]}, {milliseconds:.1f} ms a line"
            + "".join(f"; {dict(choice)}" for choice in best if choice),
            flush=True,
        )
        for choice, texts_read in readings.items():
            if choice:
                print(f"    {dict(choice)}: CER {character_error_rate(y, texts_read):.4f}")
    decoder = CTCDecoder(alphabet, language_model=characters, lm_weight=WEIGHT).fit(X)
    for width in (5, 10, 25, 100):
        start = time.process_time()
        cer = character_error_rate(y, decoder.set_params(beam_width=width).predict(X))
        milliseconds = 1000 * (time.process_time() - start) / len(X)
        print(f"characters, beam {width}: CER {cer:.4f}, {milliseconds:.1f} ms a line", flush=True)


@click.command()
@click.option("--model", type=click.Path(exists=True, path_type=Path))
@click.option("--data", type=click.Path(exists=True))
@click.option("--shipped", "alone", is_flag=True, help="Evaluate the model's own decoder alone.")
@click.option(
    "--cache", "folder", type=click.Path(path_type=Path), help="Where posteriors are kept."
)
def main(model: Path | None, data: str | None, alone: bool, folder: Path | None) -> None:
    """Print times and, given a model and data, error rates."""
    print(f"{date.today()} numba {numba.__version__}, one thread, processor time")
    if not alone:
        speed()
    if model is not None and data is not None:
        evaluate = shipped if alone else on_iam
        evaluate(model, data, folder or get_data_home() / "cache")


if __name__ == "__main__":
    main()
