"""Fine-tune the shipped reader of lines on 20 lines of one writer: its gain, and its cost.

    python -m benchmarks.lines.fine_tuning

For each validation writer of IAM's grey pages and of Copiste with enough lines, 20 of them, drawn
by chance, go to `fine_tune`; the others are read before and after, greedily, as are lines of other
validation writers of IAM, whom training never saw either. Copiste is French: letters that the
reader doesn't know and that stand at least five times in the 20 lines are counted apart. Training
of the network has seen French accents; letters of which it saw none are written by generated hands,
in place of plain ones in English words: with and without lines of training as rehearsal.
"""

from __future__ import annotations

import gzip
import warnings
from collections import Counter, defaultdict
from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from sklearn.utils import check_random_state

from benchmarks.lines.data import Source, load_sources
from benchmarks.shared.iam import load_greedy
from hwsk.datasets import make_handwriting
from hwsk.metrics import character_error_rate
from hwsk.recognition import fine_tune

LEAST_TESTED = 7
LEAST_SEEN = 5  # times in the lines to learn from, of a new letter
UNSEEN = dict(zip("csraz", "čšřåž", strict=True))  # letters in no line of training
SHARE_UNSEEN = 0.3  # of the letters that one of them may replace


def prepared(reader: object, source: Source, rows: np.ndarray) -> tuple[list, list[str]]:
    """Images as the recognizer takes them, and their texts."""
    images = [source.read(int(row), None) for row in rows]
    return list(reader[:-1].transform(images)), [source.texts[row] for row in rows]


def recall(letters: set[str], truth: list[str], read: list[str]) -> tuple[int, int]:
    """How many of some letters were read, and how many stand there."""
    found = written = 0
    for true, said in zip(truth, read, strict=True):
        written += sum(true.count(letter) for letter in letters)
        for block in Levenshtein.opcodes(true, said):
            if block.tag == "equal":
                part = true[block.src_start : block.src_end]
                found += sum(part.count(letter) for letter in letters)
    return found, written


def often_new(texts: list[str], alphabet: str) -> set[str]:
    """Letters that a reader doesn't know and that stand often enough in the lines to learn from."""
    seen = Counter("".join(texts))
    return {c for c, n in seen.items() if n >= LEAST_SEEN and c not in alphabet}


def made_lines(data: str, n: int, seed: int) -> tuple[list, list[str]]:
    """Four words of Brown by one generated hand, with letters that training never saw."""
    rng = np.random.default_rng(seed)
    with gzip.open(Path(data) / "text" / "brown_sentences.tsv.gz", "rt", encoding="utf-8") as file:
        words = [word for row in file for word in row.rstrip("\n").split("\t")[1].split()]
    starts = rng.integers(len(words) - 4, size=n)
    plain = [" ".join(words[start : start + 4])[:40].strip() for start in starts]
    texts = [
        "".join(UNSEEN[c] if c in UNSEEN and rng.random() < SHARE_UNSEEN else c for c in text)
        for text in plain
    ]
    made = make_handwriting(n, level="line", texts=texts, n_writers=1, random_state=seed)
    return list(made.images), [str(text) for text in made.text]


def tune_to_made(
    recognizer: Any,
    lines: tuple[list, list[str]],
    n_lines: int,
    others: tuple[list, list[str]],
    rehearsal: tuple[list, list[str]] | None,
    **options: Any,
) -> tuple[int, int]:
    """Fine-tune on the first lines of a generated hand, and return the recall on the rest."""
    images, texts = lines
    new = often_new(texts[:n_lines], recognizer.alphabet_)
    tuned = fine_tune(recognizer, images[:n_lines], texts[:n_lines], rehearsal=rehearsal, **options)
    test, truth = images[n_lines:], texts[n_lines:]
    read, of_others = tuned.predict(test), tuned.predict(others[0])
    cost = character_error_rate(others[1], of_others)
    cost -= character_error_rate(others[1], recognizer.predict(others[0]))
    false = sum(character in new for text in of_others for character in text)
    print(
        f"a generated hand{', rehearsal' if rehearsal else ''}: "
        f"CER {character_error_rate(truth, recognizer.predict(test)):.4f} before, "
        f"CER {character_error_rate(truth, read):.4f} after, of others {cost:+.4f}, "
        f"{false} new letters there, {len(truth)} lines",
        flush=True,
    )
    return recall(new, truth, read)


def interval(values: list[float], seed: int = 0) -> str:
    """A mean, and its 95% bootstrap interval over writers."""
    draws = check_random_state(seed).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return f"{np.mean(values):.4f} [{low:.4f}, {high:.4f}]"


@click.command()
@click.option("--model", default="models/iam-lines.hwsk", type=click.Path(exists=True))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--lines", "n_lines", default=20)
@click.option("--others", "n_others", default=120, help="Lines of others that are read, too.")
@click.option("--alpha", "alphas", multiple=True, type=float, default=(0.5,))
@click.option("--lr", default=6e-4)
@click.option("--made", "n_made", default=3, help="Generated hands with letters never seen.")
@click.option("--seed", default=0)
def main(
    model: str,
    data: str,
    n_lines: int,
    n_others: int,
    alphas: tuple[float, ...],
    lr: float,
    n_made: int,
    seed: int,
) -> None:
    """Print the figures of each writer, and their means."""
    warnings.simplefilter("ignore", UserWarning)
    rng = np.random.default_rng(seed)
    reader = load_greedy(model)
    recognizer = reader[-1].set_params(detokenize=False)
    sources = load_sources(data, ["iam", "iam_pages", "copiste"])
    valid = np.flatnonzero(sources[0].validation)
    other_writers = np.array(sources[0].writers)
    rows = rng.permutation(valid)[:n_others]
    others, other_texts = prepared(reader, sources[0], rows)
    others_read = recognizer.predict(others)
    kept = character_error_rate(other_texts, others_read)
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads; {model}, "
        f"greedy; {n_lines} lines of a writer, lr {lr:g}, seed {seed}; {len(rows)} lines of others",
        flush=True,
    )
    gains: dict[tuple[str, float], list[float]] = {}
    costs: dict[tuple[str, float], list[float]] = {}
    letters_read: dict[str, Any] = defaultdict(lambda: np.zeros(2, int))
    for source in sources[1:]:
        writers = np.array(source.writers)
        counts = Counter(writers[source.validation].tolist())
        for writer in sorted(w for w, n in counts.items() if n >= n_lines + LEAST_TESTED):
            own = rng.permutation(np.flatnonzero(source.validation & (writers == writer)))
            X, y = prepared(reader, source, own[:n_lines])
            test, truth = prepared(reader, source, own[n_lines:])
            before = character_error_rate(truth, recognizer.predict(test))
            new = often_new(y, recognizer.alphabet_)
            foreign = np.flatnonzero(other_writers[rows] != writer)
            for alpha in alphas:
                tuned = fine_tune(recognizer, X, y, alpha=alpha, lr=lr, random_state=seed)
                read = tuned.predict(test)
                after = character_error_rate(truth, read)
                of_others = tuned.predict([others[i] for i in foreign])
                texts = [other_texts[i] for i in foreign]
                cost = character_error_rate(texts, of_others)
                cost -= character_error_rate(texts, [others_read[i] for i in foreign])
                letters_read[f"French, alpha {alpha:g}"] += recall(new, truth, read)
                gains.setdefault((source.name, alpha), []).append(1 - after / before)
                costs.setdefault((source.name, alpha), []).append(cost)
                print(
                    f"{source.name}, {writer}, alpha {alpha:g}: CER {before:.4f} before, "
                    f"CER {after:.4f} after, of others {cost:+.4f}, {len(truth)} lines",
                    flush=True,
                )
    learnt = rng.permutation(np.flatnonzero(~sources[0].validation))[:n_lines]
    rehearsal = prepared(reader, sources[0], learnt)
    for hand in range(n_made):
        images, texts = made_lines(data, 3 * n_lines, seed + hand)
        made = list(reader[:-1].transform(images)), texts
        for kind, along in (("generated", None), ("generated, rehearsal", rehearsal)):
            letters_read[kind] += tune_to_made(
                recognizer, made, n_lines, (others, other_texts), along, lr=lr, random_state=seed
            )
    for (name, alpha), values in gains.items():
        cost = interval(costs[name, alpha])
        print(f"{name}, alpha {alpha:g}, {len(values)} writers: gain {interval(values)}")
        print(f"{name}, alpha {alpha:g}, {len(values)} writers: CER of others, more by {cost}")
    for kind, (found, written) in letters_read.items():
        share = found / max(written, 1)
        print(f"new letters, {kind}: recall {share:.4f} of {written} letters")
    print(f"others before: CER {kept:.4f}")


if __name__ == "__main__":
    main()
