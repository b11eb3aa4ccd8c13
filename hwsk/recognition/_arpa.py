"""Read and write the ARPA format of n-gram models.

`\\data\\` and a line `ngram 2=COUNT` for each length; a section `\\2-grams:` for each length, a
line an n-gram: log10 probability, tab, the symbols with blanks between, tab, log10 back-off weight;
`\\end\\`.
"""

from __future__ import annotations

import io
import os
import re
import unicodedata
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from hwsk._files import open_file, replaced
from hwsk.recognition._ngrams import SPECIAL, Ids, Ngrams, assemble

# What separates symbols: a no-break space, or another blank of Unicode's, is part of one.
_BLANKS = " \t\r\n\f\v"
_SEPARATOR = re.compile(r"[ \t\r\n\f\v]+")
BLANK_NAME = "<space>"  # how the blank is written where the symbols are characters
_SHORTEST = 4  # bytes of a line: a digit, a tab, a symbol, the end
_NEVER = -100.0  # log10 probability of <unk> in a model that lacks it, as in KenLM


def split_words(text: str) -> list[str]:
    """Split a text at what separates symbols."""
    text = text.strip(_BLANKS)
    return _SEPARATOR.split(text) if text else []


def write(path: str | os.PathLike[str], ngrams: Ngrams, symbols: list[str]) -> None:
    """Write a model to a file."""
    parents = ngrams.parents()
    names = [BLANK_NAME if symbol == " " else symbol for symbol in symbols]
    texts, lengths = [""], np.zeros(len(parents), np.int64)
    for node, symbol in enumerate(ngrams.symbol.tolist()[1:], 1):
        parent = parents[node]
        texts.append(f"{texts[parent]} {names[symbol]}" if parent else names[symbol])
        lengths[node] = lengths[parent] + 1
    n_ngrams = np.bincount(lengths)
    with replaced(path) as binary, io.TextIOWrapper(binary, "utf-8", newline="\n") as file:
        file.write("\\data\\\n")
        file.writelines(f"ngram {k}={n}\n" for k, n in enumerate(n_ngrams) if k)
        for length in range(1, len(n_ngrams)):
            file.write(f"\n\\{length}-grams:\n")
            for node in np.flatnonzero(lengths == length).tolist():
                # the shortest decimals that stand for these float32 numbers: they come back as such
                file.write(f"{ngrams.log10_prob[node]!s}\t{texts[node]}")
                if length < len(n_ngrams) - 1:
                    file.write(f"\t{ngrams.log10_backoff[node]!s}")
                file.write("\n")
        file.write("\n\\end\\\n")


class _Lines:
    """The lines of a file that are not blank, stripped, and where we are in it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path, self.number = os.fspath(path), 0
        with open_file(path) as file:
            self.size = file.seek(0, os.SEEK_END)

    def __iter__(self) -> Iterator[str]:
        with open_file(self.path) as binary, io.TextIOWrapper(binary, "utf-8") as file:
            try:
                for self.number, line in enumerate(file, 1):
                    if line.strip(_BLANKS):
                        yield line.strip(_BLANKS)
            except UnicodeDecodeError:
                raise ValueError(
                    f"{self.path} is not text in UTF-8 after line {self.number}: is it an ARPA "
                    "file? (KenLM's binary files are not)"
                ) from None
        self.number += 1
        self.fail("the file ends before \\end\\: is it cut short?")

    def fail(self, trouble: str) -> NoReturn:
        raise ValueError(f"{self.path}, line {self.number}: {trouble}")


def read(path: str | os.PathLike[str], unit: str) -> tuple[Ngrams, list[str], list[int]]:
    """Read a model from a file.

    Returns
    -------
    ngrams : Ngrams
        The model; symbols without probability of their own, `<unk>` among them, are added.
    symbols : list of str
        What each number stands for: `SPECIAL`, then in order.
    n_ngrams : list of int
        Number of n-grams of each length.
    """
    lines = _Lines(path)
    numbered = iter(lines)
    declared = _read_counts(numbered, lines)
    symbols: dict[str, int] = {}
    sections = []
    for length, n in enumerate(declared, 1):
        ids, values = np.empty((n, length), np.int64), np.zeros((n, 2))
        seen: dict[tuple[int, ...], int] = {}
        for i in range(n):
            fields = split_words(next(numbered))
            if fields[0].startswith("\\"):
                lines.fail(f"{i} {length}-grams where the head of the file counts {n}")
            if len(fields) not in (length + 1, length + 2):
                lines.fail(
                    f"{len(fields)} fields; a {length}-gram has {length + 1}, or {length + 2} with "
                    "a back-off weight"
                )
            names = [_symbol(name, unit, lines) for name in fields[1 : length + 1]]
            if length == 1:
                symbols.setdefault(names[0], len(symbols))
            for name in names:
                if name not in symbols:
                    lines.fail(f"{name!r} is not among the 1-grams")
            ids[i] = key = tuple(symbols[name] for name in names)
            if key in seen:
                lines.fail(f"the {length}-gram stands in line {seen[key]}, too")
            seen[key] = lines.number
            values[i, : len(fields) - length] = _numbers(fields, length, lines)
        sections.append((ids, values, list(seen.values())))
        wanted = f"\\{length + 1}-grams:" if length < len(declared) else "\\end\\"
        if next(numbered) != wanted:
            lines.fail(
                f"expected is {wanted} after {n} {length}-grams, as the head of the file counts"
            )
    for name in SPECIAL[1:]:
        if name not in symbols:
            raise ValueError(
                f"{lines.path} has no 1-gram {name}, which every text begins or ends with"
            )
    if SPECIAL[0] not in symbols:
        symbols[SPECIAL[0]] = len(symbols)
        ids, values, where = sections[0]
        ids = np.vstack([ids, [[symbols[SPECIAL[0]]]]])
        sections[0] = ids, np.vstack([values, [[_NEVER, 0.0]]]), where
    symbols = _as_in_texts(symbols, unit)
    names = [*SPECIAL, *sorted(symbols.keys() - set(SPECIAL))]
    renumber = np.empty(len(names), np.int64)
    renumber[[symbols[name] for name in names]] = np.arange(len(names))
    return _join(sections, renumber, lines), names, [len(ids) for ids, _, _ in sections]


def _read_counts(numbered: Iterator[str], lines: _Lines) -> list[int]:
    """Read the number of n-grams of each length from the head of the file."""
    for line in numbered:
        if line == "\\data\\":
            break
        if lines.number > 100:
            lines.fail("no \\data\\ so far: is it an ARPA file?")
    counts: list[int] = []
    for line in numbered:
        if line == "\\1-grams:" and counts:
            return counts
        found = re.fullmatch(r"ngram\s+(\d{1,4})\s*=\s*(\d{1,18})", line)
        if found is None or int(found[1]) != len(counts) + 1:
            lines.fail(f"{line!r} where expected is 'ngram {len(counts) + 1}=' and a count")
        counts.append(int(found[2]))
        if sum(counts) * _SHORTEST > lines.size:
            lines.fail(
                f"{sum(counts)} n-grams are counted, and the file of {lines.size} bytes has no "
                "room for them"
            )
    raise AssertionError  # `numbered` does not end, but raises


def _symbol(name: str, unit: str, lines: _Lines) -> str:
    if name.lower() in SPECIAL and name not in SPECIAL:  # SRILM and others write <UNK>
        return name.lower()
    if unit == "word" or name in SPECIAL:
        return name
    if name == BLANK_NAME:
        return " "
    if len(unicodedata.normalize("NFC", name)) > 1:
        lines.fail(f"{name!r} is not a single character; models of words are read with unit='word'")
    return name


def _as_in_texts(symbols: dict[str, int], unit: str) -> dict[str, int]:
    """Bring symbols into the form that texts have, in NFC, but for those that stand there in it."""
    named = dict(symbols)
    for name, number in symbols.items():
        blank = unit == "char" and name.isspace()
        form = " " if blank else unicodedata.normalize("NFC", name)
        if form not in named:
            del named[name]
            named[form] = number
    return named


def _numbers(fields: list[str], length: int, lines: _Lines) -> list[float]:
    """Log-probability and, if there, back-off weight of a line."""
    numbers = []
    for field in (fields[0], *fields[length + 1 :]):
        try:
            numbers.append(float(field))
        except ValueError:
            lines.fail(f"{field!r} is not a number")
        if not np.isfinite(numbers[-1]):
            lines.fail(f"{field!r} is not a finite number")
    if numbers[0] > 0:
        lines.fail(f"the log-probability {fields[0]} is above 0")
    return numbers


def _join(
    sections: list[tuple[Ids, NDArray[Any], list[int]]], renumber: Ids, lines: _Lines
) -> Ngrams:
    """Sort n-grams, find what each begins and ends with, and make a trie of them."""
    n_symbols = len(renumber)
    keys: list[Ids] = []  # for each length, parent and symbol as one number, sorted

    def find(ids: Ids) -> Ids:
        """Numbers of some n-grams within their length; -1 where there is none."""
        found = np.zeros(len(ids), np.int64)
        for symbols, known in zip(ids.T, keys, strict=False):
            wanted = found * n_symbols + symbols
            place = np.searchsorted(known, wanted)
            there = (found >= 0) & (place < len(known))
            there[there] = known[place[there]] == wanted[there]
            found = np.where(there, place, -1)
        return found

    parents, last, suffixes, offsets = [], [], [], [0, 1]
    log10_prob, log10_backoff = [np.zeros(1)], [np.zeros(1)]
    for length, (numbers, values, where) in enumerate(sections, 1):
        ids = renumber[numbers]
        parent = find(ids[:, :-1])
        if (parent < 0).any():
            lines.number = where[int(np.argmax(parent < 0))]
            lines.fail(f"the first {length - 1} symbols of the {length}-gram are not an n-gram")
        order = np.lexsort((ids[:, -1], parent))
        ids, values, parent = ids[order], values[order], parent[order]
        suffix = np.zeros(len(ids), np.int64)
        for shorter in range(1, length):  # the longest is found last
            found = find(ids[:, length - shorter :])
            suffix = np.where(found >= 0, offsets[shorter] + found, suffix)
        keys.append(parent * n_symbols + ids[:, -1])
        offsets.append(offsets[-1] + len(ids))
        parents.append(parent)
        last.append(ids[:, -1])
        suffixes.append(suffix)
        log10_prob.append(values[:, 0])
        log10_backoff.append(values[:, 1])
    return assemble(parents, last, suffixes, log10_prob, log10_backoff)
