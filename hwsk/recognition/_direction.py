"""Order texts as they stand in an image, and back: Unicode's bidirectional algorithm [1]_.

A text is stored in logical order, as it is typed and read. In an image, runs of a right-to-left
script go from right to left, numbers and Latin words inside them from left to right. A network for
images needs characters in the order of the image; a language model needs words as they are typed.
So both use the *reading order*: from the side where the line begins, character by character. Of a
right-to-left line it is the logical order, but for numbers and Latin words, which are reversed.

Packages for the algorithm (python-bidi) return reordered strings, without the places of characters
and without mirrored brackets, both of which are needed here. The tests compare with python-bidi.

References
----------
.. [1] Unicode Standard Annex #9, "Unicode bidirectional algorithm". Embeddings and isolates are
   left out: lines of handwriting have none.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hwsk._data.images import some_rows
from hwsk._warn import warn_caller
from hwsk._wording import some_of

_CODES = {"L": "L", "R": "R", "AL": "A", "EN": "n", "AN": "a", "ES": "s", "CS": "c", "ET": "t"}
_CODES |= dict.fromkeys(("NSM", "BN"), "m")  # goes with the character before it
_NEUTRAL = "_"
_MARKS = frozenset("\u200e\u200f\u061c")  # strong, and not to be seen
_EMBEDDINGS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NUMBER_BEFORE_LATIN = re.compile(r"t*n(?:[nt]|[sc](?=n))*(?=[^LRA]*L)")
_SIDES = [("LEFT", "RIGHT"), ("LESS-THAN", "GREATER-THAN")]


def find_direction(texts: Iterable[str]) -> str | None:
    """Return "rtl" if most letters are of a right-to-left script, otherwise "ltr"; None: no letter.

    Letters are characters of a strong direction: digits and punctuation don't count.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    kinds: Counter[str] = Counter()
    for character, count in counts.items():
        kinds[unicodedata.bidirectional(character)] += count
    right, left = kinds["R"] + kinds["AL"], kinds["L"]
    if not right + left:
        return None
    return "rtl" if right > left else "ltr"


def drop_marks(text: str) -> str:
    """Return a text without the characters that only give a direction, which no image shows."""
    return "".join(c for c in text if c not in _MARKS and c not in _EMBEDDINGS)


def order_texts(texts: list[str], direction: str) -> list[str]:
    """Bring texts into reading order; refuse those with nothing to see, warn of ambiguous ones."""
    if _is_plain(set().union(*texts), direction):
        return texts
    sequences = [to_reading_order(text, direction) for text in texts]
    empty = [row for row, sequence in enumerate(sequences) if not sequence.strip()]
    if empty:
        raise ValueError(
            f"{some_of(len(empty), len(texts), 'texts in y', 'hold marks of direction alone')}"
            f", rows {some_rows(empty)}: leave those rows out"
        )
    back = [from_reading_order(sequence, direction)[0] for sequence in sequences]
    other = [row for row, text in enumerate(texts) if back[row] != drop_marks(text)]
    if other:
        row = other[0]
        warn_caller(
            f"{some_of(len(other), len(texts), 'texts in y', 'look')} in an image like a text in "
            f"another order, which will be returned, rows {some_rows(other)}; row {row}: "
            f"{back[row]!r} for {texts[row]!r} (text_direction_={direction!r})"
        )
    return sequences


def to_reading_order(text: str, direction: str) -> str:
    """Bring a text in logical order into the order in which a line is read, character by character.

    Parameters
    ----------
    text : str
        A line.
    direction : {"ltr", "rtl", "visual"}
        Of the line: "ltr" reads the image from left to right, "rtl" from right to left. "visual":
        the text is in the order of the image already.

    Returns
    -------
    sequence : str
        Without marks of direction. Brackets that face the other way than where they are typed are
        mirrored: in an rtl sequence, an opening bracket is the one that opens to the left.
    """
    if _is_plain(text, direction):
        return text
    text = "".join(c for c in text if c not in _EMBEDDINGS)
    base = int(direction == "rtl")
    codes = _encode(text)
    ordered, _ = _reorder(text, codes, _find_levels(text, codes, base), base)
    return drop_marks(ordered)


def from_reading_order(sequence: str, direction: str) -> tuple[str, NDArray[np.int64]]:
    """Bring what was read into logical order, the reverse of `to_reading_order`.

    Several texts may look the same: then it is that in which Latin words and a number next to them
    are one phrase.

    Returns
    -------
    text : str
        In logical order.
    places : ndarray of int64 of shape (n_characters,)
        Where each of its characters stands in the sequence.
    """
    if _is_plain(sequence, direction):
        return sequence, np.arange(len(sequence))
    base = int(direction == "rtl")
    codes = _encode(sequence)
    typed = codes
    if base:  # a number that follows Latin words when typed precedes them here
        typed = _NUMBER_BEFORE_LATIN.sub(lambda found: "L" * len(found[0]), codes)
    return _reorder(sequence, codes, _find_levels(sequence, typed, base), base)


def mirror(text: str) -> str:
    """Exchange brackets and the like for those that face the other way."""
    return "".join(map(_mirror_one, text))


@cache
def _mirror_one(character: str) -> str:
    if not unicodedata.mirrored(character):
        return character
    name = unicodedata.name(character)
    for left, right in _SIDES:
        for one, other in ((left, right), (right, left)):
            if one in name:
                try:
                    return unicodedata.lookup(name.replace(one, other))
                except KeyError:
                    return character
    return character


def _is_plain(characters: Iterable[str], direction: str) -> bool:
    """Return whether the order of the characters is that of the image."""
    return direction == "visual" or (direction == "ltr" and not any(map(_moves, characters)))


@cache
def _moves(character: str) -> bool:
    kind = unicodedata.bidirectional(character)
    return kind in ("R", "AL", "AN") or character in _MARKS or character in _EMBEDDINGS


def _encode(text: str) -> str:
    """Return a letter for the class of each character."""
    return "".join(_CODES.get(unicodedata.bidirectional(c), _NEUTRAL) for c in text)


def _find_levels(text: str, codes: str, base: int) -> list[int]:
    """Find the embedding level of each character: even ones go from left to right.

    The rules are those of [1]_, in its order and with its names.
    """
    start = "LR"[base]
    kinds: list[str] = []
    strong = start
    for code in codes:
        if code == "m":  # W1
            code = kinds[-1] if kinds else start
        elif code == "n" and strong == "A":  # W2
            code = "a"
        elif code in "LRA":
            strong = code
        kinds.append(code)
    line = "".join(kinds).replace("A", "R")  # W3
    line = re.sub(r"(?<=n)[sc](?=n)", "n", line)  # W4
    line = re.sub(r"(?<=a)c(?=a)", "a", line)
    line = re.sub(r"t+(?=n)|(?<=n)t+", lambda found: "n" * len(found[0]), line)  # W5
    line = re.sub(r"[sct]", _NEUTRAL, line)  # W6

    def after_latin(found: re.Match[str]) -> str:
        strong = start + re.sub(r"[^LR]", "", found.string[: found.start()])
        return ("L" if strong[-1] == "L" else "n") * len(found[0])

    line = re.sub(r"n+", after_latin, line)  # W7
    line = _resolve_brackets(text, line, start)  # N0

    def between(found: re.Match[str]) -> str:
        around = start + found.string + start
        left, right = around[found.start()], around[found.end() + 1]
        left, right = ("L" if side == "L" else "R" for side in (left, right))
        return (left if left == right else start) * len(found[0])

    line = re.sub(f"{_NEUTRAL}+", between, line)  # N1, N2
    of_kind = {"L": 2, "R": 1} if base else {"L": 0, "R": 1}
    return [of_kind.get(kind, 2) for kind in line]  # I1, I2


def _resolve_brackets(text: str, line: str, start: str) -> str:
    """Give both brackets of a pair one direction: that of the line, if anything inside has it."""
    kinds = list(line)
    for opening, closing in _find_pairs(text):
        inside = {_direction_of(kind) for kind in kinds[opening + 1 : closing]} - {""}
        if not inside:
            continue
        direction = start
        if start not in inside:
            before = [_direction_of(kind) for kind in kinds[:opening]]
            direction = ([start] + [kind for kind in before if kind])[-1]
        kinds[opening] = kinds[closing] = direction
    return "".join(kinds)


def _direction_of(kind: str) -> str:
    return {"L": "L", "R": "R", "n": "R", "a": "R"}.get(kind, "")


def _find_pairs(text: str) -> list[tuple[int, int]]:
    """Find brackets that belong together, by the place of the opening one (BD16)."""
    pairs, open_ = [], []
    for i, character in enumerate(text):
        category = unicodedata.category(character)
        if category not in ("Ps", "Pe") or _mirror_one(character) == character:
            continue
        if category == "Ps":
            open_.append(i)
            continue
        for k in range(len(open_) - 1, -1, -1):
            if text[open_[k]] == _mirror_one(character):
                pairs.append((open_[k], i))
                del open_[k:]
                break
    return sorted(pairs)


def _reorder(text: str, codes: str, levels: list[int], base: int) -> tuple[str, NDArray[np.int64]]:
    """Reverse runs of characters above the level of the line, and mirror those that now face back.

    Combining marks stay behind the characters that they belong to.
    """
    units: list[list[int]] = []
    for i, code in enumerate(codes):
        if code == "m" and units:
            units[-1].append(i)
        else:
            units.append([i])
    for level in range(max(levels, default=base), base, -1):
        i = 0
        while i < len(units):
            stop = i
            while stop < len(units) and levels[units[stop][0]] >= level:
                stop += 1
            units[i:stop] = units[i:stop][::-1]
            i = max(stop, i + 1)
    order = np.array([i for unit in units for i in unit], np.int64)
    turned = [_mirror_one(text[i]) if (levels[i] - base) % 2 else text[i] for i in order]
    return "".join(turned), order
