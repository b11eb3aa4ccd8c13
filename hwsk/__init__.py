"""Handwriting for scikit-learn.

Neural networks that read handwriting, as estimators with `fit`, `predict` and `score`.
Public names are imported when first used: `import hwsk` alone loads no torch.
"""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__version__ = "0.1.0.dev0"

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "identification": ["WriterClassifier"],
        "recognition": ["CharacterClassifier", "CTCRecognizer"],
        "representation": ["VariationalAutoencoder"],
        "synthesis": ["HandwritingSynthesizer", "StrokePredictor"],
        "verification": ["HandComparer", "MultiTaskClassifier", "SiameseVerifier"],
        "persistence": ["load", "save"],
    },
    [
        "callbacks",
        "datasets",
        "documents",
        "identification",
        "metrics",
        "model_selection",
        "models",
        "plotting",
        "preprocessing",
        "recognition",
        "representation",
        "synthesis",
        "utils",
        "verification",
        "writing",
    ],
)
__all__ += ["__version__"]

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk import callbacks as callbacks
    from hwsk import datasets as datasets
    from hwsk import documents as documents
    from hwsk import identification as identification
    from hwsk import metrics as metrics
    from hwsk import model_selection as model_selection
    from hwsk import models as models
    from hwsk import plotting as plotting
    from hwsk import preprocessing as preprocessing
    from hwsk import recognition as recognition
    from hwsk import representation as representation
    from hwsk import synthesis as synthesis
    from hwsk import utils as utils
    from hwsk import verification as verification
    from hwsk import writing as writing
    from hwsk.identification import WriterClassifier as WriterClassifier
    from hwsk.persistence import load as load
    from hwsk.persistence import save as save
    from hwsk.recognition import CharacterClassifier as CharacterClassifier
    from hwsk.recognition import CTCRecognizer as CTCRecognizer
    from hwsk.representation import VariationalAutoencoder as VariationalAutoencoder
    from hwsk.synthesis import HandwritingSynthesizer as HandwritingSynthesizer
    from hwsk.synthesis import StrokePredictor as StrokePredictor
    from hwsk.verification import HandComparer as HandComparer
    from hwsk.verification import MultiTaskClassifier as MultiTaskClassifier
    from hwsk.verification import SiameseVerifier as SiameseVerifier
