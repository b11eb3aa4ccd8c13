from ._characters import CharacterClassifier as CharacterClassifier
from ._correction import SpellingCorrector as SpellingCorrector
from ._decoding import CTCDecoder as CTCDecoder
from ._details import predict_details as predict_details
from ._language_model import NgramLanguageModel as NgramLanguageModel
from ._lines import CTCRecognizer as CTCRecognizer
from ._normalization import TextNormalizer as TextNormalizer
from ._spacing import detokenize as detokenize
