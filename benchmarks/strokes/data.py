"""The data of the networks of pen strokes: IAM-OnDB's lines, and lines composed of their words.

    python -m benchmarks.strokes.data ../shared/data/iamondb --out strokes.npz

Letters such as Q, X, Z and most digits and signs are rare in IAM-OnDB, and so are short lines. A
composed line has words of one writer, in another order and rare characters more often; and numbers,
dates, prices and words in capitals, set from single characters of that writer (where the writer
has none: of another one, in this one's size; where nobody has enough: from `make_handwriting`'s
letter forms). Words are found by the synthesizer's window over the text and checked by geometry;
characters are those of words whose strokes make as many groups side by side as there are letters.
The build reads the official lists trainset and testset_f to learn from, and testset_t to validate.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
import torch
from numpy.typing import NDArray

import hwsk
from hwsk._data.text_line import fit_text_line, split_strokes
from hwsk.datasets import load_iam_online
from hwsk.datasets._letter_forms import LetterForm, letter_forms

SHIPPED = " !\"#%&'()+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz"
LIKE = {"$": "S", "=": "-", "*": "+", "@": "a", "£": "L", "€": "C"}  # new: written like these
ALPHABET = SHIPPED + "".join(LIKE)
SHARES = {"line": 0.4, "pair": 0.2, "words": 0.2, "signs": 0.2}  # of the samples
MAX_POINTS = 1800  # of a sample, for memory
NO_HAND = 0.2  # of the samples: what is written without a hand is learnt from them
AGREEMENT = 0.9  # of the points of a line, about the word that they belong to
FEW = 12  # examples of a character; where there are fewer, letter forms help out
_POUND = np.array([[0.95, -1.7], [0.65, -2], [0.35, -1.7], [0.35, -0.2], [0, 0], [1, 0]])
_EURO = np.array([[1.1, -1.7], [0.7, -2], [0.25, -1.3], [0.25, -0.6], [0.7, 0], [1.1, -0.3]])
_FORMS = {
    "£": [_POUND, np.array([[0, -1], [0.8, -1]])],
    "€": [_EURO, np.array([[0, -1.2], [0.8, -1.2]]), np.array([[0, -0.8], [0.7, -0.8]])],
}
_CAPITALS = """
QUIZ XAVIER ZOE JAZZ KING QUEEN EXIT TAXI UK USA EU BBC MIXED JOKE VISA PIZZA ZERO
KEY JUNE JULY MAX QUICK BROWN FOX JUMPS OVER LAZY DOG NATO XVI VII AXE FIX HQ VOX YES NO RSVP PTO
ASAP TODO OK FAQ URGENT DEAR LOVE HAPPY BIRTHDAY GRAZ KYIV ZAGREB JERSEY MEXICO
"""


class Word(NamedTuple):
    """A word, or a single character, apart from its line."""

    text: str
    points: NDArray[np.float64]  # (T, 3): x from the left edge, y from the baseline, pen_up
    gap: float  # to the word or character before it

    @property
    def width(self) -> float:
        """Width of its ink."""
        return float(self.points[:, 0].max())


def to_strokes(word: Word) -> NDArray[np.float32]:
    """Offsets of a word that stands alone."""
    strokes = word.points.copy()
    strokes[:, :2] = np.diff(strokes[:, :2], axis=0, prepend=strokes[:1, :2])
    strokes[-1, 2] = 1
    return strokes.astype(np.float32)


class Sample(NamedTuple):
    """What is learnt from: strokes, their text, and a line or a piece of one in the same hand."""

    strokes: NDArray[np.float32]
    text: str
    reference: NDArray[np.float32] | None


class Lines:
    """Lines of one part of the data, as `build` wrote them."""

    def __init__(self, path: Path, part: str) -> None:
        with np.load(path) as arrays:
            data = {
                name[len(part) + 1 :]: arrays[name]
                for name in arrays.files
                if name.startswith(f"{part}_")
            }
        self.texts: list[str] = data["texts"].tolist()
        self.forms: list[str] = data["forms"].tolist()
        self.writers: list[str] = data["writers"].tolist()
        self.names = [w or f"form {f}" for w, f in zip(self.writers, self.forms, strict=True)]
        self._ends = np.cumsum(data["lengths"])[:-1]
        self._points = np.split(data["points"], self._ends)
        if "words" in data:
            self.word_numbers, self._levels = (
                np.split(data[name], self._ends) for name in ("words", "levels")
            )
            self.x_heights = data["x_heights"]
        self._separable = np.split(data["separable"], self._ends) if "separable" in data else None

    def __len__(self) -> int:
        return len(self.texts)

    def strokes(self, row: int) -> NDArray[np.float32]:
        """Return a line's dx, dy, pen_up."""
        points: NDArray[np.float32] = self._points[row].astype(np.float32)
        return points

    def words(self, row: int) -> list[Word]:
        """Cut a line into its words; none where they could not be found."""
        if self.word_numbers[row][0] < 0:
            return []
        ink = self._points[row].astype(np.float64)
        ink[:, :2] = ink[:, :2].cumsum(axis=0)
        ink[:, 1] -= self._levels[row]
        words, before = [], None
        for number, text in enumerate(self.texts[row].split()):
            points = ink[self.word_numbers[row] == number]
            left = points[:, 0].min()
            gap = np.nan if before is None else left - before
            before = points[:, 0].max()
            words.append(Word(text, points - [left, 0, 0], gap))
        return words

    def separable(self, row: int) -> list[bool]:
        """Say of each word whether it may be cut into its characters; all, if none was checked."""
        number = self.word_numbers[row]
        n_words = len(self.texts[row].split()) if number[0] >= 0 else 0
        if self._separable is None:
            return [True] * n_words
        return [bool(self._separable[row][number == word].all()) for word in range(n_words)]


class Bank:
    """The words and the single characters of each writer."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines
        counts = Counter(c for text in lines.texts for c in text)
        self.words: dict[str, list[Word]] = defaultdict(list)
        self.characters: dict[str, dict[str, list[Word]]] = defaultdict(lambda: defaultdict(list))
        self.sizes: dict[str, float] = {}
        sizes = defaultdict(list)
        for row, name in enumerate(lines.names):
            sizes[name].append(lines.x_heights[row])
            for word, separable in zip(lines.words(row), lines.separable(row), strict=True):
                self.words[name].append(word)
                for character in split_characters(word) if separable else []:
                    if _is_plausible(character, lines.x_heights[row]):
                        self.characters[name][character.text].append(character)
        self.sizes = {name: float(np.median(values)) for name, values in sizes.items()}
        self.writers = sorted(name for name in self.words if self.sizes[name] > 0)
        amounts = np.array([len(self.words[name]) for name in self.writers]) ** 0.5
        self.shares = amounts / amounts.sum()
        self.rarity = {
            name: _shares([max(1 / counts[c] for c in word.text) for word in self.words[name]])
            for name in self.writers
        }
        self.gaps = {
            name: [w.gap for w in self.words[name] if 0 < w.gap < 6 * self.sizes[name]]
            for name in self.writers
        }
        self.owners = defaultdict(list)
        for name in self.writers:
            for character, found in self.characters[name].items():
                self.owners[character] += [name] * len(found)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Single characters of all writers."""
        return {character: len(owners) for character, owners in self.owners.items()}

    def character(self, text: str, name: str, rng: np.random.Generator) -> Word:
        """Choose a single character: of the writer, of another one, or a letter form."""
        known = self.counts.get(text, 0)
        if not known or rng.random() < 0.5 * (1 - known / FEW):
            return draw_form(text, self.sizes[name], rng)
        if own := self.characters[name].get(text):
            return own[rng.integers(len(own))]
        owner = self.owners[text][rng.integers(known)]
        others = self.characters[owner][text]
        other = others[rng.integers(len(others))]
        scale = self.sizes[name] / self.sizes[owner]
        if text.isdigit() or text.isupper():  # as high as the writer's others
            scale = 1.75 * self.sizes[name] * rng.uniform(0.9, 1.1) / np.ptp(other.points[:, 1])
        return Word(text, other.points * [scale, scale, 1], other.gap * scale)

    def set(self, text: str, name: str, rng: np.random.Generator) -> Word:
        """Set a word from single characters."""
        tight = 0.25 * self.sizes[name] * rng.uniform(0.6, 1.8)
        pieces = [self.character(c, name, rng) for c in text]
        gaps = [tight * rng.uniform(0.5, 1.5) for _ in pieces]
        return Word(text, _side_by_side(pieces, gaps), np.nan)

    def compose(
        self, signs: bool, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], str, str]:
        """Compose a line of one writer's words, with `signs` of set words too; and their name."""
        name = self.writers[rng.choice(len(self.writers), p=self.shares)]
        words, rarity = self.words[name], self.rarity[name]
        count = int(rng.choice([1, rng.integers(2, 4), rng.integers(4, 8)], p=[0.2, 0.3, 0.5]))
        chosen = []
        for _ in range(count):
            if signs and rng.random() < max(0.4, 1 / count):
                chosen += [self.set(text, name, rng) for text in draw_signs(rng)]
            else:
                rare = rng.random() < 0.5
                row = rng.choice(len(words), p=rarity) if rare else rng.integers(len(words))
                chosen.append(words[row])
        gaps, usual = self.gaps[name], 0.9 * self.sizes[name]
        between = [gaps[rng.integers(len(gaps))] if gaps else usual for _ in chosen]
        ink = _side_by_side(chosen, between)
        ink[:, 1] += rng.normal(0, 0.025) * ink[:, 0]
        ink[:, :2] = np.rint(ink[:, :2])  # offsets of IAM-OnDB are whole numbers
        ink[:, :2] = np.diff(ink[:, :2], axis=0, prepend=ink[:1, :2])
        return ink.astype(np.float32), " ".join(word.text for word in chosen), name


def _side_by_side(pieces: Sequence[Word], gaps: Sequence[float]) -> NDArray[np.float64]:
    placed, x = [], 0.0
    for number, (piece, gap) in enumerate(zip(pieces, gaps, strict=True)):
        x += gap if number else 0
        placed.append(piece.points + [x, 0, 0])
        x += piece.width
    return np.concatenate(placed)


def _shares(weights: Sequence[float]) -> NDArray[np.float64]:
    array = np.array(weights)
    return array / array.sum()


def split_characters(word: Word) -> list[Word]:
    """Cut a word whose letters stand apart; none where groups and letters differ in number."""
    strokes = np.split(word.points, np.flatnonzero(word.points[:-1, 2] == 1) + 1)
    spans = sorted((s[:, 0].min(), s[:, 0].max(), i) for i, s in enumerate(strokes))
    groups: list[list[int]] = []
    right = -np.inf
    edges = []
    for low, high, i in spans:
        if low > right:
            groups.append([])
            edges.append((low, right))
        groups[-1].append(i)
        right = max(right, high)
    if len(groups) != len(word.text):
        return []
    result = []
    for text, group, (low, before) in zip(word.text, groups, edges, strict=True):
        points = np.concatenate([strokes[i] for i in sorted(group)])
        gap = low - before if np.isfinite(before) else np.nan
        result.append(Word(text, points - [low, 0, 0], gap))
    return result


def _is_plausible(character: Word, x_height: float) -> bool:
    """Check the height: a dot is not a letter, and a letter is not a dot; and that an i has one."""
    if character.text == "#":  # IAM's transcripts write it where something is crossed out
        return False
    if character.text in "ij" and character.points[:, 2].sum() < 2:  # its dot is with a neighbour
        return False
    height = np.ptp(character.points[:, 1]) / max(x_height, 1e-9)
    if character.text in ".,:;'\"-":
        return bool(height < 1.2)
    least = 1.1 if character.text.isdigit() or character.text.isupper() else 0.6
    return bool(least < height < 4)


def draw_form(text: str, size: float, rng: np.random.Generator) -> Word:
    """Draw a character from a letter form, somewhat turned, slanted and stretched."""
    if text in _FORMS:
        strokes = _FORMS[text]
    else:
        form: LetterForm = letter_forms(text)[0]
        strokes = [*form.body, *form.marks]
    slant, stretch = rng.normal(0.15, 0.2), rng.uniform(0.75, 1.2)
    height = rng.uniform(0.85, 1.15)
    parts = []
    for stroke in strokes:
        way = np.r_[0, np.hypot(*np.diff(stroke, axis=0).T).cumsum()]
        at = np.linspace(0, way[-1], max(3, round(way[-1] * rng.uniform(5, 8))))
        x, y = (np.interp(at, way, axis) for axis in stroke.T)
        up = np.zeros(len(at))
        up[-1] = 1
        parts.append(np.column_stack([x * stretch - y * height * slant, y * height, up]))
    points = np.concatenate(parts) * [size, size, 1]
    points[:, :2] += rng.normal(0, 0.02 * size, (len(points), 2))
    return Word(text, points - [points[:, 0].min(), 0, 0], np.nan)


def draw_signs(rng: np.random.Generator) -> list[str]:
    """Draw a date, a time, a price, a number, a word in capitals and the like, as words."""

    def digits(low: int, high: int) -> str:
        return "".join(map(str, rng.integers(0, 10, rng.integers(low, high + 1))))

    def number() -> str:
        return str(rng.integers(1, 10)) + digits(0, 3)

    day, month, year = rng.integers(1, 32), rng.integers(1, 13), rng.integers(1700, 2030)
    capitals = str(rng.choice(_CAPITALS.split()))
    letters = [chr(rng.integers(65, 91)) for _ in range(2)]
    kinds = [
        lambda: [str(year)],
        lambda: [f"({year})"],
        lambda: [f"{day}.{month}.{year}"],
        lambda: [f"{day}/{month}/{year % 100:02d}"],
        lambda: [f"{year}-{month:02d}-{day:02d}"],
        lambda: [f"{rng.integers(0, 24)}:{rng.integers(0, 60):02d}"],
        lambda: [f"{'$£€'[rng.integers(3)]}{number()}.{digits(2, 2)}"],
        lambda: [f"{number()},{digits(3, 3)}"],
        lambda: [f"{number()}%"],
        lambda: [f"#{number()}"],
        lambda: [digits(3, 5), digits(5, 6)],
        lambda: [f"({digits(3, 4)})", f"{digits(3, 4)}-{digits(4, 4)}"],
        lambda: [f"+{digits(2, 2)}", digits(3, 4), digits(4, 7)],
        lambda: [capitals],
        lambda: [capitals + "!?.,:;"[rng.integers(6)]],
        lambda: [letters[0], "&", letters[1]],
        lambda: [f"{letters[0]}{number()}"],
        lambda: [f"{number()}+{number()}={number()}"],
        lambda: [number(), "+=*@"[rng.integers(4)], number()],
        lambda: [f"[{number()}]"],
        lambda: ["".join(rng.permutation(list("0123456789")))],
    ]
    return kinds[rng.integers(len(kinds))]()


def join(one: NDArray[Any], other: NDArray[Any], text: str) -> NDArray[Any]:
    """Two lines side by side, a blank of the first apart, the ends level."""
    jumps = np.sort(one[1:, 0][one[:-1, 2] == 1])
    blanks = jumps[-max(1, text.count(" ")) :]
    blank = blanks.mean() if len(jumps) else 10 * np.abs(one[:, 0]).mean()
    ink, after = (np.cumsum(points[:, :2], axis=0, dtype=np.float64) for points in (one, other))
    start = (
        ink[:, 0].max() + blank + after[0, 0] - after[:, 0].min(),
        np.median(ink[-100:, 1]) + after[0, 1] - np.median(after[:100, 1]),
    )
    joined = np.concatenate([one, other])
    joined[len(one) - 1, 2] = 1
    joined[len(one), :2] = np.rint(start - ink[-1])
    return joined


class Mixture:
    """Samples of all kinds, each decided by the seed and its number."""

    def __init__(self, lines: Lines, shares: dict[str, float], seed: int = 0) -> None:
        self.lines, self.seed = lines, seed
        self.kinds, self.shares = list(shares), _shares(list(shares.values()))
        self.bank = Bank(lines)
        self.of_writer = defaultdict(list)
        for row, name in enumerate(lines.names):
            self.of_writer[name].append(row)

    def sample(self, number: int) -> Sample:
        """Return the sample of a number."""
        rng = np.random.default_rng([self.seed, number])
        while True:
            kind = self.kinds[rng.choice(len(self.kinds), p=self.shares)]
            used: set[int] = set()
            if kind in ("words", "signs"):
                strokes, text, name = self.bank.compose(kind == "signs", rng)
            else:
                row = int(rng.integers(len(self.lines)))
                strokes, text = self.lines.strokes(row), self.lines.texts[row]
                name, used = self.lines.names[row], {row}
                if kind == "pair":
                    rows = self.of_writer[name]
                    other = int(rows[rng.integers(len(rows))])
                    strokes = join(strokes, self.lines.strokes(other), text)
                    text, used = f"{text} {self.lines.texts[other]}", {row, other}
            if len(strokes) <= MAX_POINTS:
                return Sample(strokes, text, self._reference(name, used, rng))

    def _reference(
        self, name: str, used: set[int], rng: np.random.Generator
    ) -> NDArray[np.float32] | None:
        """A piece of another line of a writer; of some samples none, to learn that as well."""
        rows = [row for row in self.of_writer[name] if row not in used]
        if not rows or rng.random() < NO_HAND:
            return None
        strokes = self.lines.strokes(rows[rng.integers(len(rows))])
        length = min(len(strokes), int(rng.integers(150, 1000)))
        start = rng.integers(len(strokes) - length + 1)
        return strokes[start : start + length]


def find_words(synthesizer: Any, texts: Sequence[str], strokes: Sequence[Any]) -> list[Any]:
    """The number of the word of each point; -1 throughout where order and geometry disagree."""
    module = synthesizer.net_.module_.eval()
    order = np.argsort([len(points) for points in strokes], kind="stable")
    found: list[Any] = [None] * len(order)
    for start in range(0, len(order), 64):
        rows = order[start : start + 64]
        n_steps, n_places = max(len(strokes[i]) for i in rows), max(len(texts[i]) for i in rows)
        points = torch.zeros(len(rows), n_steps, 3)
        context = torch.zeros(len(rows), n_places + 1, len(synthesizer.alphabet_))
        for k, i in enumerate(rows):
            points[k, : len(strokes[i])] = torch.from_numpy(synthesizer._standardize(strokes[i]))
            context[k, : len(texts[i])] = torch.from_numpy(synthesizer._one_hot(texts[i]))
        with torch.inference_mode():
            places = module.attention_over(points, context).argmax(dim=2).numpy()
        for k, i in enumerate(rows):
            found[i] = _assign(texts[i], strokes[i], places[k, : len(strokes[i])])
    return found


def _assign(text: str, strokes: Any, places: NDArray[np.int64]) -> NDArray[np.int8]:
    number = np.cumsum([c == " " for c in text])
    of_point = number[np.minimum(np.r_[0, places[:-1]], len(text) - 1)]
    return _check_words(text, strokes, of_point)


def _check_words(text: str, strokes: Any, of_point: NDArray[Any]) -> NDArray[np.int8]:
    """The words between the widest gaps, where the window agrees about most points."""
    by_gaps = split_at_gaps(strokes, len(text.split()))
    if by_gaps is None or (by_gaps == of_point).mean() < AGREEMENT:
        return np.full(len(strokes), -1, np.int8)
    return by_gaps.astype(np.int8)


def split_at_gaps(strokes: Any, n_words: int, clear: float = 1.0) -> NDArray[np.int64] | None:
    """The word of each point, if a line's widest gaps are those between words.

    A gap between words has to be `clear` times as wide as any within one.
    """
    x = np.cumsum(strokes[:, 0], dtype=np.float64)
    parts = np.split(x, np.flatnonzero(strokes[:-1, 2] == 1) + 1)
    lows, highs = (np.array([f(part) for part in parts]) for f in (np.min, np.max))
    order = np.argsort(lows, kind="stable")
    gaps = lows[order][1:] - np.maximum.accumulate(highs[order])[:-1]
    ordered = np.sort(gaps)[::-1]
    widest, within = ordered[: n_words - 1], ordered[n_words - 1 : n_words]
    if len(widest) < n_words - 1 or (n_words > 1 and widest[-1] <= 0):
        return None
    if n_words > 1 and len(within) and widest[-1] < clear * within[0]:
        return None
    before = np.zeros(len(gaps), bool)
    before[np.argsort(-gaps, kind="stable")[: n_words - 1]] = True  # of equal gaps not all
    words = np.empty(len(parts), np.int64)
    words[order] = np.cumsum(np.r_[0, before])
    return np.repeat(words, [len(part) for part in parts])


@click.command()
@click.argument("data", type=click.Path(exists=True))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--data-home", default="runs/data", type=click.Path())
@click.option("--model", default="models/synthesizer.hwsk", help="Its window finds the words.")
def main(data: str, out: Path, data_home: str, model: str) -> None:
    """Write all that training needs into one file."""
    arrays: dict[str, Any] = {}
    for part, subsets in (("train", ("train", "test_f")), ("validation", ("test_t",))):
        loaded = [load_iam_online(data, subset=s, data_home=data_home) for s in subsets]
        strokes = [points for bunch in loaded for points in bunch.strokes]
        for name, source in (("texts", "text"), ("forms", "form"), ("writers", "writer")):
            arrays[f"{part}_{name}"] = np.concatenate([b[source] for b in loaded]).astype(str)
        arrays[f"{part}_lengths"] = np.array([len(points) for points in strokes])
        points = np.concatenate(strokes)
        arrays[f"{part}_points"] = points.astype(np.int16)
        if not np.array_equal(arrays[f"{part}_points"], points):
            raise ValueError(f"offsets of {data} are no whole numbers")
        if part == "train":
            words = find_words(hwsk.load(model), arrays["train_texts"].tolist(), strokes)
            fits = [fit_text_line(split_strokes(points)) for points in strokes]
            arrays["train_words"] = np.concatenate(words)
            arrays["train_levels"] = np.concatenate([f.baseline for f in fits]).astype(np.float32)
            arrays["train_x_heights"] = np.array([f.x_height for f in fits])
            usable = sum(w[0] >= 0 for w in words)
            print(f"{len(strokes)} lines to learn from, the words of {usable} found", flush=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out, **arrays)
    print(f"{out}: {out.stat().st_size / 1e6:.1f} MB")
    bank = Bank(Lines(out, "train"))
    counts = sorted(bank.counts.items(), key=lambda item: item[1])
    print(f"{sum(map(len, bank.words.values()))} words; single characters: {counts}")


if __name__ == "__main__":
    main()
