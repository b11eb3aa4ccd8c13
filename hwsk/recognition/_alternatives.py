"""Weigh the characters that a language model decided on against those that it decided against."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from hwsk.recognition._details import NEVER, Found
from hwsk.recognition._language import BLANK
from hwsk.recognition._ngrams import END
from hwsk.recognition._plain_beam import Factors

if TYPE_CHECKING:
    from hwsk.recognition._decoding import CTCDecoder

_MOST = 4  # alternatives of a character, itself among them
_FARTHEST = 9.0  # nats below the likeliest: less likely ones don't count


def make_weigher(decoder: CTCDecoder | None, alphabet: str) -> Callable[[Found], Found]:
    """Make a function that adds a decoder's language model to what the image shows.

    In place of each character, those that the image shows there next to it are tried, and none at
    all. What the language model makes of the text then, as the decoder weights it, is added to the
    log-probability in the image. The other characters of the text stay as they are.

    Without a language model of characters, or with a lexicon, nothing is changed: the probability
    is that of the image alone.
    """
    if (
        decoder is None
        or decoder.method == "greedy"
        or decoder.language_model is None
        or decoder.language_model.unit != "char"
        or decoder.lexicon is not None
    ):
        return lambda found: found
    language = decoder._language(alphabet)
    factors = Factors(language.ngrams, language.lm_weight)
    symbols = language.symbols.tolist()
    reach = decoder.language_model.order - 1  # symbols that know of the one before them

    def weigh(found: Found) -> Found:
        at_peak = np.full_like(found.at_peak, NEVER)
        text = [symbols[c] for c in found.classes]
        after = [*text, END]
        node = language.start
        for i, written in enumerate(found.classes.tolist()):
            seen = found.at_peak[i]
            likely = np.argsort(-seen)[:_MOST].tolist()
            others = [c for c in likely if c != written and seen[c] > seen.max() - _FARTHEST]
            for c in (written, *others):
                tried = after[i + 1 : i + 1 + reach]
                if c != BLANK:
                    tried = [symbols[c], *tried]
                at_peak[i, c] = seen[c]
                state = node
                for symbol in tried:
                    factor, state = factors(state, symbol)
                    at_peak[i, c] += math.log(factor)
            node = factors(node, text[i])[1]
        return Found(found.steps, at_peak, found.classes)

    return weigh
