"""Remove the blanks that transcripts set between words and punctuation."""

from __future__ import annotations

import re
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from hwsk._data.decoding import cut_value

_CLOSING = frozenset(",.;:!?)]}%”")  # attached to what stands before; ’ is an apostrophe, too
_OPENING = frozenset("([{£$€“‘")  # attached to what follows
_STRAIGHT = ('"', "'")  # quotation marks that open and close
_CONTRACTION = re.compile(r"['’](?:s|re|ll|ve|d|m)|n['’]t", re.IGNORECASE)


def detokenize(text: str) -> str:
    """Remove the blanks around punctuation of English text that was set apart from its words.

    The transcripts of IAM [1]_ follow the LOB corpus [2]_, in which punctuation marks and clitics
    are words of their own: `presto ! You 're`. Printed English has `presto! You're`.

    Parameters
    ----------
    text : str
        A line of English text, in either form.

    Returns
    -------
    text : str
        The same characters without the blanks before `, . ; : ! ? ) ] } %`, closing quotation
        marks and the clitics `'s 're 'll 've 'd 'm n't`, and without those after `( [ { £ $ €` and
        opening quotation marks. Nothing else changes: dashes between blanks, decimals (`.5`) and
        commas between numbers (`6 , 000` becomes `6, 000`) are not interpreted.

    Raises
    ------
    TypeError
        If `text` is not a string, such as an array of them.

    See Also
    --------
    CTCRecognizer : Its parameter `detokenize` does this to what is read.
    TextNormalizer : Both ways, for arrays of texts.

    Notes
    -----
    A mark that is part of a word stays as it is, so printed text does not change. Straight
    quotation marks open and close in turn. Whether a line begins within a quotation is decided by
    what stands beside its marks: one that begins the line or follows a colon opens, one that ends
    the line or precedes a comma closes, and so on.

    References
    ----------
    .. [1] U.-V. Marti, H. Bunke, "The IAM-database: an English sentence database for offline
       handwriting recognition", IJDAR 5, 2002.
    .. [2] S. Johansson, G. N. Leech, H. Goodluck, "Manual of information to accompany the
       Lancaster-Oslo/Bergen corpus of British English", University of Oslo, 1978.

    Examples
    --------
    >>> from hwsk.recognition import detokenize
    >>> detokenize('He said , " presto ! You \\'re ( almost ) there . "')
    'He said, "presto! You\\'re (almost) there."'
    """
    if not isinstance(text, str):
        raise TypeError(
            f"text is {cut_value(text)} ({type(text).__name__}); detokenize takes one str; of a "
            "list: [detokenize(text) for text in texts]"
        )
    return "".join(c for c, keep in zip(text, kept_characters(text), strict=True) if keep)


def kept_characters(text: str) -> NDArray[np.bool_]:
    """Return for each character of a text whether `detokenize` leaves it."""
    kept = np.ones(len(text), bool)
    places = np.arange(len(text))
    while len(dropped := _blanks_to_drop("".join(text[i] for i in places[kept]))):
        kept[places[kept][dropped]] = False
    return kept


def _blanks_to_drop(text: str) -> list[int]:
    words = list(re.finditer(r"[^ ]+", text))
    tokens = [word[0] for word in words]
    opens = [_OPENING.issuperset(token) for token in tokens]
    closes = [_CLOSING.issuperset(token) for token in tokens]
    for mark in _STRAIGHT:
        for i, is_opening in quote_directions(tokens, mark).items():
            opens[i], closes[i] = is_opening, not is_opening
    return [
        place
        for i, (before, after) in enumerate(pairwise(words))
        if opens[i] or closes[i + 1] or _joins(tokens[i], tokens[i + 1])
        for place in range(before.end(), after.start())
    ]


def _joins(token: str, following: str) -> bool:
    return token[-1].isalnum() and _CONTRACTION.fullmatch(following) is not None


def quote_directions(tokens: list[str], mark: str) -> dict[int, bool]:
    """Decide which of the marks that stand alone open a quotation; they take turns."""
    places = [i for i, token in enumerate(tokens) if token == mark]
    signs = [(-1) ** k for k in range(len(places))]
    favour = sum(s * _evidence(tokens, i) for s, i in zip(signs, places, strict=True))
    return {i: (s > 0) == (favour >= 0) for s, i in zip(signs, places, strict=True)}


def _evidence(tokens: list[str], i: int) -> float:
    """Weigh the evidence for a quotation mark that opens; below 0, for one that closes.

    About the logarithms of the odds in the transcripts of IAM and IAM-OnDB.
    """
    before = tokens[i - 1][-1] if i else ""
    after = tokens[i + 1][0] if i + 1 < len(tokens) else ""
    if not after or after in _CLOSING:
        return -4
    if not before or before in _OPENING or before == ":":
        return 4
    if after in _OPENING or after == "-":
        return -2
    if before in "!?":
        return -1
    if before in ".,;":
        return 0.4 if after.isupper() else -0.6
    return 2.5 if after.isupper() else 0.3
