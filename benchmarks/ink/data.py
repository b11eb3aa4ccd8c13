"""The data of `train.py`: lines of IAM-OnDB by official list, their words and single characters.

    python -m benchmarks.ink.data ../shared/data/iamondb --out ink.npz

As in the literature, testset_f is for one test at the end, and trainset and testset_t are to train
and to choose: every third known writer of testset_t validates, the others train. Lines of
testset_t whose writer is not known are left out.

Words are those of lines whose gaps between words are clearly wider than all others, and whose
widths suit their numbers of letters; single characters are those of words whose strokes make as
many groups side by side as there are letters, in training where `ink-lines` contradicts none of
them (`cut.py`). No model that has seen testset_f has a part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import hwsk
from benchmarks.ink.cut import mark_separable
from benchmarks.strokes.data import (
    ALPHABET,
    Bank,
    Lines,
    Word,
    draw_signs,
    split_at_gaps,
    to_strokes,
)
from hwsk._data.ink import normalize_ink
from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk.datasets import load_iam_online
from hwsk.datasets._hands import Hand
from hwsk.datasets._made_texts import TextMaker

SHARES = {
    "line": 0.56, "words": 0.12, "signs": 0.10, "word": 0.08, "character": 0.09, "generated": 0.05
}  # fmt: skip
CLEAR = 1.25  # by which a gap between words is wider than any within one
SUITABLE = 2.2  # times the mean width of a letter, or a part of it, that a word's may have
MOST_POINTS = 2500  # of a sample, as it was recorded
# Of single characters: a digit is drawn half again as often as a small letter, and that twice as
# often as its capital, which alone often looks the same.
DIGITS, LETTERS = 0.25, 0.63
FORMS = 0.15  # of single letters and digits, set from letter forms
STYLES = 500  # writers of generated samples
# Numbers of the validation characters that show another character than their label, or several:
# looked at by eye, so that no recognizer has chosen what it is judged by.
CUT_WRONG = frozenset(
    [0, 8, 25, 27, 33, 35, 42, 58, 61, 64, 65, 84, 92, 98, 102, 114, 115, 118, 129, 131, 133, 146]
)
Sample = tuple[NDArray[np.float32], str]


def find_words(text: str, strokes: NDArray[np.float32]) -> NDArray[np.int8]:
    """Find the number of the word of each point; -1 throughout where it is doubtful."""
    words = text.split()
    nowhere = np.full(len(strokes), -1, np.int8)
    of_point = split_at_gaps(strokes, len(words), CLEAR)
    if of_point is None:
        return nowhere
    x = np.cumsum(strokes[:, 0], dtype=np.float64)
    widths = np.array([np.ptp(x[of_point == number]) for number in range(len(words))])
    letters = np.array([len(word) for word in words])
    ratio = (widths / (letters + 0.5)) / (widths.sum() / (letters + 0.5).sum() + 1e-9)
    long = letters > 2  # a dot or an "I" may have any width
    if ((ratio[long] < 1 / SUITABLE) | (ratio[long] > SUITABLE)).any():
        return nowhere
    return of_point.astype(np.int8)


class Mixture:
    """Normalized samples of all kinds, each decided by the seed and its number."""

    def __init__(self, lines: Lines, shares: dict[str, float], seed: int = 0) -> None:
        self.lines, self.seed = lines, seed
        self.kinds = list(shares)
        self.shares = np.array(list(shares.values())) / sum(shares.values())
        self.bank = Bank(lines)
        self.rare = "".join(sorted(set(ALPHABET) - {" "}))
        self.hands: dict[int, Hand] = {}
        self.normalized: dict[int, NDArray[np.float32]] = {}  # lines are normalized once
        self.makers = [TextMaker(level, ALPHABET) for level in ("word", "line")]

    def sample(self, number: int) -> Sample:
        """Return the normalized strokes and the text of a sample."""
        rng = np.random.default_rng([self.seed, number])
        while True:
            kind = self.kinds[rng.choice(len(self.kinds), p=self.shares)]
            if kind == "line":
                row = int(rng.integers(len(self.lines)))
                if row not in self.normalized:
                    self.normalized[row] = normalize_ink(self.lines.strokes(row))
                return self.normalized[row], self.lines.texts[row]
            strokes, text = getattr(self, f"_draw_{kind}")(rng)
            if len(strokes) <= MOST_POINTS and text:
                return normalize_ink(strokes), text

    def _draw_words(self, rng: np.random.Generator) -> Sample:
        return self.bank.compose(False, rng)[:2]

    def _draw_signs(self, rng: np.random.Generator) -> Sample:
        return self.bank.compose(True, rng)[:2]

    def _draw_writer(self, rng: np.random.Generator) -> str:
        return self.bank.writers[rng.choice(len(self.bank.writers), p=self.bank.shares)]

    def _draw_word(self, rng: np.random.Generator) -> Sample:
        name = self._draw_writer(rng)
        if rng.random() < 0.3:
            signs = draw_signs(rng)
            word = self.bank.set(signs[rng.integers(len(signs))], name, rng)
        else:
            words = self.bank.words[name]
            word = words[rng.integers(len(words))]
        return to_strokes(word), word.text

    def _draw_character(self, rng: np.random.Generator) -> Sample:
        kind = rng.random()
        if kind < DIGITS:
            text = str(rng.integers(10))
        elif kind < DIGITS + LETTERS:
            text = chr(int(rng.choice([65, 97], p=[1 / 3, 2 / 3])) + int(rng.integers(26)))
        else:
            text = self.rare[rng.integers(len(self.rare))]
        if text.isalnum() and rng.random() < FORMS:
            return self._draw_hand(rng).write(text, rng), text
        return to_strokes(self.bank.character(text, self._draw_writer(rng), rng)), text

    def _draw_generated(self, rng: np.random.Generator) -> Sample:
        hand = self._draw_hand(rng)
        text = self.makers[int(rng.random() < 0.5)](rng)
        return hand.write(text, rng), text

    def _draw_hand(self, rng: np.random.Generator) -> Hand:
        writer = int(rng.integers(STYLES))
        if writer not in self.hands:
            self.hands[writer] = Hand(self.seed + 1, writer, 64)
        return self.hands[writer]


def fixed_samples(path: Path, n: int = 150) -> dict[str, list[Sample]]:
    """Validation lines, words and single characters: the same in each call.

    Characters are those of `n` that are cut right.
    """
    lines, rng = Lines(path, "validation"), np.random.default_rng(0)
    rows = rng.permutation(len(lines))[:n]
    bank = Bank(lines)
    words = [word for name in bank.writers for word in bank.words[name]]
    characters = [
        one for name in bank.writers for found in bank.characters[name].values() for one in found
    ]
    some_words, chosen = _choose(words, n, rng), _choose(characters, n, rng)
    return {
        "lines": [(lines.strokes(row), lines.texts[row]) for row in rows],
        "words": some_words,
        "characters": [one for i, one in enumerate(chosen) if i not in CUT_WRONG],
    }


def drawn_samples(n_hands: int = 8) -> dict[str, list[Sample]]:
    """Letters, digits and numbers of generated hands that training has not seen."""
    letters = [chr(first + i) for first in (65, 97) for i in range(26)]
    digits = [str(i) for i in range(10)]
    rng = np.random.default_rng(0)
    numbers = [str(rng.integers(10 ** (k - 1), 10**k)) for k in (2, 3, 4, 5) for _ in range(5)]
    return {
        name: _write(texts, n_hands)
        for name, texts in {"letters": letters, "digits": digits, "numbers": numbers}.items()
    }


def _write(texts: Sequence[str], n_hands: int) -> list[Sample]:
    samples: list[Sample] = []
    for seed in range(n_hands):
        hand, rng = Hand(1000 + seed, 0, 64), np.random.default_rng(seed)
        samples += [(hand.write(text, rng), text) for text in texts]
    return samples


def _choose(words: Sequence[Word], n: int, rng: np.random.Generator) -> list[Sample]:
    rows = rng.permutation(len(words))[:n]
    return [(to_strokes(words[row]), words[row].text) for row in rows]


def _select(data: Any, chosen: NDArray[np.bool_]) -> dict[str, list[Any]]:
    names = {"strokes": "strokes", "texts": "text", "forms": "form", "writers": "writer"}
    return {name: list(data[source][chosen]) for name, source in names.items()}


@click.command()
@click.argument("data", type=click.Path(exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--data-home", default="runs/data", type=click.Path())
@click.option("--model", default="models/ink-lines.hwsk", help="It checks cut characters.")
def main(data: str, out: Path, data_home: str, model: str) -> None:
    """Write all that training needs into one file."""
    train, choose, test = (
        load_iam_online(data, subset=subset, data_home=data_home)
        for subset in ("train", "test_t", "test_f")
    )
    known = sorted(set(choose.writer) - {""})
    held_out = np.isin(choose.writer.astype(str), known[::3])
    further = (choose.writer != "") & ~held_out
    parts = {
        "train": _select(train, np.ones(len(train.text), bool)),
        "validation": _select(choose, held_out),
        "test": _select(test, np.ones(len(test.text), bool)),
    }
    for name, values in _select(choose, further).items():
        parts["train"][name] += values
    arrays: dict[str, Any] = {}
    for part, columns in parts.items():
        strokes, texts = columns.pop("strokes"), columns["texts"]
        arrays |= {f"{part}_{name}": np.array(values) for name, values in columns.items()}
        arrays[f"{part}_lengths"] = np.array([len(points) for points in strokes])
        arrays[f"{part}_points"] = np.concatenate(strokes).astype(np.int16)
        if part == "test":
            continue
        words = [find_words(text, points) for text, points in zip(texts, strokes, strict=True)]
        fits = [fit_text_line(split_strokes(points)) for points in strokes]
        arrays[f"{part}_words"] = np.concatenate(words)
        arrays[f"{part}_levels"] = np.concatenate([f.baseline for f in fits]).astype(np.float32)
        arrays[f"{part}_x_heights"] = np.array([f.x_height for f in fits])
        found = sum(of_point[0] >= 0 for of_point in words)
        print(f"{part}: {len(texts)} lines, the words of {found} found", flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **arrays)
    arrays["train_separable"] = mark_separable(hwsk.load(model), Lines(out, "train"))
    np.savez_compressed(out, **arrays)
    bank = Bank(Lines(out, "train"))
    counts = sorted(bank.counts.items(), key=lambda item: item[1])
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB; {len(bank.writers)} writers")
    print(f"{sum(map(len, bank.words.values()))} words; single characters: {counts}")


if __name__ == "__main__":
    main()
