"""Plot results by display classes like scikit-learn's (`pip install hwsk[plot]`)."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_history": ["TrainingHistoryDisplay"],
        "_page": ["PageDisplay"],
        "_reading": ["ReadingDisplay"],
        "_risk": ["RiskCoverageDisplay"],
        "_confusion": ["ConfusionDisplay", "ConfusedPairsDisplay"],
        "_writers": ["PatchMapDisplay"],
        "_retrieval": ["RetrievalDisplay"],
        "_pairs": ["PairDisplay"],
        "_comparison": ["ComparisonDisplay"],
        "_reconstruction": ["LatentTraversalDisplay", "ReconstructionDisplay"],
        "_strokes": ["AttentionDisplay", "MixtureDisplay"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.plotting._comparison import ComparisonDisplay as ComparisonDisplay
    from hwsk.plotting._confusion import ConfusedPairsDisplay as ConfusedPairsDisplay
    from hwsk.plotting._confusion import ConfusionDisplay as ConfusionDisplay
    from hwsk.plotting._history import TrainingHistoryDisplay as TrainingHistoryDisplay
    from hwsk.plotting._page import PageDisplay as PageDisplay
    from hwsk.plotting._pairs import PairDisplay as PairDisplay
    from hwsk.plotting._reading import ReadingDisplay as ReadingDisplay
    from hwsk.plotting._reconstruction import LatentTraversalDisplay as LatentTraversalDisplay
    from hwsk.plotting._reconstruction import ReconstructionDisplay as ReconstructionDisplay
    from hwsk.plotting._retrieval import RetrievalDisplay as RetrievalDisplay
    from hwsk.plotting._risk import RiskCoverageDisplay as RiskCoverageDisplay
    from hwsk.plotting._strokes import AttentionDisplay as AttentionDisplay
    from hwsk.plotting._strokes import MixtureDisplay as MixtureDisplay
    from hwsk.plotting._writers import PatchMapDisplay as PatchMapDisplay
