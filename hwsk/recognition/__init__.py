"""Recognize handwritten text in images."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_lines": ["CTCRecognizer"],
        "_characters": ["CharacterClassifier"],
        "_decoding": ["CTCDecoder"],
        "_details": ["predict_details"],
        "_correction": ["SpellingCorrector"],
        "_normalization": ["TextNormalizer"],
        "_spacing": ["detokenize"],
        "_language_model": ["NgramLanguageModel"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.recognition._characters import CharacterClassifier as CharacterClassifier
    from hwsk.recognition._correction import SpellingCorrector as SpellingCorrector
    from hwsk.recognition._decoding import CTCDecoder as CTCDecoder
    from hwsk.recognition._details import predict_details as predict_details
    from hwsk.recognition._language_model import NgramLanguageModel as NgramLanguageModel
    from hwsk.recognition._lines import CTCRecognizer as CTCRecognizer
    from hwsk.recognition._normalization import TextNormalizer as TextNormalizer
    from hwsk.recognition._spacing import detokenize as detokenize
