"""Compare what a reader has recognized with what was to be written, word by word."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from itertools import accumulate

from rapidfuzz.distance import Levenshtein

# Characters that are the same mark of the pen, whatever the font has. Capitals that differ from
# their small letter in size alone are ambiguous in a word, and so are 0 and O, 1 and l: a person
# goes by the context, of which the reader may know less.
_SAME = {
    **{capital: capital.lower() for capital in "CKOPSUVWXZ"},
    **dict.fromkeys("0", "o"),
    **dict.fromkeys("1I|", "l"),
    **dict.fromkeys("‘’‚′´`", "'"),
    **dict.fromkeys("“”„″«»", '"'),
    **dict.fromkeys("‐‑–—−", "-"),
    "…": "...",
}
_TABLE = str.maketrans(_SAME)


def marks(text: str) -> str:
    """Reduce a text to the marks that a pen makes, without blanks.

    Blanks are left out since readers trained on IAM set punctuation off with blanks.
    """
    return "".join(unicodedata.normalize("NFC", text).translate(_TABLE).split())


def count_misread(words: Sequence[str], reading: str) -> list[int]:
    """Count the characters of each word that a reading of the whole line has wrong.

    Parameters
    ----------
    words : sequence of str
        What the line says.
    reading : str
        What was recognized.

    Returns
    -------
    misread : list of int
        For each word the characters left out, replaced or put in by the reader. A character put in
        between two words counts for both: it may be ink of either.
    """
    wanted = [marks(word) for word in words]
    ends = list(accumulate(map(len, wanted)))
    of = [number for number, word in enumerate(wanted) for _ in word]
    misread = [0] * len(words)
    for edit in Levenshtein.editops("".join(wanted), marks(reading)):
        at = edit.src_pos
        concerned = {of[min(at, len(of) - 1)]}
        if edit.tag == "insert" and at in ends:
            concerned.add(of[at - 1])
        for number in concerned:
            misread[number] += 1
    return misread
