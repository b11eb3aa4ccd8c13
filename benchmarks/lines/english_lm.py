"""What `english-lm` does: its perplexity, on texts that it can't know, and to the confidence.

    python -m benchmarks.lines.english_lm --model models/iam-lines.hwsk --data ../shared/data

prints the perplexity of the transcripts of IAM for several ways to prune; character error rates of
generated lines of made-up words, names, numbers and codes by weight, with paired differences to
greedy decoding (intervals over lines); and, on the validation lines of IAM, error rates by weight
and the calibration. Intervals for these lines: `decoding.py --shipped`.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

import hwsk
from benchmarks.lines.decoding import posteriors
from benchmarks.lines.train_english_lm import LEAST_GAIN, N_LEVELS, ORDER, brown_lines
from benchmarks.shared.iam import load_split
from hwsk.datasets import get_data_home, make_handwriting
from hwsk.metrics import (
    bootstrap_interval,
    character_error_rate,
    expected_calibration_error,
    read_right,
    word_error_rate,
)
from hwsk.recognition import CTCDecoder, NgramLanguageModel
from hwsk.recognition._alternatives import make_weigher
from hwsk.recognition._details import find_characters, fit_temperature

WEIGHTS = (0.4, 0.5, 0.6, 0.8)
TUNED = ["grelp 7305 vanto mirk", "Szymanek owes 8,614 to Thwaite", "K7 R20 Q93 zelpo"]
OTHER = ["snerb fimod aggle trood 4817", "Zwolinski paid 350,962 to Quarmby", "B7 K19 X42 wugo"]
UNSURE = 0.5  # probability of a character


def print_pruning(data: str) -> None:
    """Print size and perplexity by order and least gain, on training transcripts of IAM."""
    lines = brown_lines(Path(data) / "text" / "brown_sentences.tsv.gz")
    bunch, train, valid = load_split(data)
    for order, least_gain in ((6, 0.0), (7, 0.0), (7, 2.0), (7, 4.0), (7, 8.0)):
        levels = N_LEVELS if least_gain else None
        model = NgramLanguageModel(order, least_gain=least_gain, n_levels=levels).fit(lines)
        print(
            f"order {order}, least gain {least_gain:g}: {sum(model.n_ngrams_):,} n-grams, "
            f"perplexity of IAM's training texts {model.perplexity(list(bunch.text[train])):.2f}",
            flush=True,
        )
        if (order, least_gain) == (ORDER, LEAST_GAIN):

            def perplexity(texts: Any, _: Any, model: Any = model) -> float:
                return float(model.perplexity(list(texts)))

            y = bunch.text[valid]
            low, high = bootstrap_interval(
                perplexity, y, y, groups=bunch.writer[valid], random_state=0
            )
            print(f"    validation transcripts {perplexity(y, y):.2f} [{low:.2f}, {high:.2f}]")


def print_generated(reader: Any) -> None:
    """Print error rates of generated lines by weight, and differences to greedy decoding."""
    recognizer = reader[-1]
    for name, texts, n, seed in (("tuned on", TUNED, 60, 7), ("others", OTHER, 150, 11)):
        made = make_handwriting(n, level="line", texts=texts, n_writers=n, random_state=seed)
        y = np.array(made.text, object)
        X = recognizer.predict_log_proba(reader[:-1].transform(list(made.images)))
        greedy = _decode(CTCDecoder(method="greedy"), recognizer.alphabet_, X)
        print(f"generated, {name}: {n} lines, greedy {character_error_rate(y, greedy):.2%}")
        for weight in WEIGHTS:
            decoder = clone(recognizer.decoder).set_params(lm_weight=weight)
            read = _decode(decoder, recognizer.alphabet_, X)

            def difference(
                rows: Any, _: Any, y: Any = y, read: Any = read, g: Any = greedy
            ) -> float:
                rows = np.asarray(rows, int)
                return float(
                    character_error_rate(y[rows], read[rows])
                    - character_error_rate(y[rows], g[rows])
                )

            rows = np.arange(n)
            low, high = bootstrap_interval(difference, rows, rows, groups=rows, random_state=0)
            print(
                f"    weight {weight}: {character_error_rate(y, read):.2%}, difference "
                f"{difference(rows, rows):.2%} [{low:.2%}, {high:.2%}]",
                flush=True,
            )


def print_validation(model: Path, data: str, folder: Path) -> None:
    """Print error rates by weight, and how well probabilities of characters agree with truth."""
    bunch, _, valid = load_split(data)
    alphabet, X = posteriors(model, bunch.images[valid], folder)
    recognizer = hwsk.load(model)[-1]
    y = bunch.text[valid]
    for weight in WEIGHTS:
        read = _decode(clone(recognizer.decoder).set_params(lm_weight=weight), alphabet, X)
        print(
            f"IAM, weight {weight}: CER {character_error_rate(y, read):.2%}, "
            f"WER {word_error_rate(y, read):.2%}"
        )
    for name, decoder in (("greedy", CTCDecoder(method="greedy")), ("shipped", recognizer.decoder)):
        read = list(_decode(decoder, alphabet, X))
        right = read_right(list(y), read)
        found = [
            find_characters(np.asarray(x, float), text, alphabet)
            for x, text in zip(X, read, strict=True)
        ]
        weigh = make_weigher(decoder, alphabet)
        print_calibration(f"{name}, image alone", found, right, bunch.writer[valid])
        if name != "greedy":
            print_calibration(name, [weigh(one) for one in found], right, bunch.writer[valid])


def print_calibration(name: str, found: list[Any], right: list[Any], writers: Any) -> None:
    """Print how well probabilities agree with truth: as they are, and calibrated.

    A temperature is fitted to half of the writers for the other half.
    """
    temperatures = np.empty(len(found))
    for rows, others in GroupKFold(2).split(found, groups=writers):
        half = [found[i] for i in rows], [right[i] for i in rows]
        temperatures[others] = fit_temperature(*half)
    truth = np.concatenate(right)
    for label, of_lines in (("", np.ones(len(found))), (", calibrated", temperatures)):
        sure = np.concatenate(
            [one.probabilities(t) for one, t in zip(found, of_lines, strict=True)]
        )
        doubtful = sure < UNSURE
        print(
            f"{name}{label}: expected calibration error "
            f"{expected_calibration_error(truth, np.minimum(sure, 1)):.4f}, ROC AUC "
            f"{roc_auc_score(truth, sure):.3f}; {doubtful.mean():.1%} of the characters below "
            f"{UNSURE}, {truth[doubtful].mean():.1%} of them right; temperatures "
            f"{sorted({round(float(t), 2) for t in of_lines})}",
            flush=True,
        )


def _decode(decoder: CTCDecoder, alphabet: str, X: Any) -> NDArray[np.object_]:
    return clone(decoder).set_params(alphabet=alphabet).fit(X[:1]).predict(X)


@click.command()
@click.option("--model", default="models/iam-lines.hwsk", type=click.Path(path_type=Path))
@click.option("--data", default="../shared/data", type=click.Path(exists=True))
@click.option("--cache", "folder", type=click.Path(path_type=Path), help="For posteriors.")
def main(model: Path, data: str, folder: Path | None) -> None:
    """Print all that."""
    print(f"{date.today()} {model}")
    print_validation(model, data, folder or get_data_home() / "cache")
    print_generated(hwsk.load(model))
    print_pruning(data)


if __name__ == "__main__":
    main()
