"""How well text was read and writers were found: error rates, accuracies, retrieval, scorers."""

from typing import TYPE_CHECKING

from hwsk._lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "_text": [
            "character_error_rate",
            "word_error_rate",
            "character_accuracy",
            "character_precision",
            "character_recall",
            "character_f1",
            "bootstrap_interval",
        ],
        "_characters": ["confused_pairs"],
        "_retrieval": ["mean_average_precision", "soft_top_k_accuracy", "hard_top_k_accuracy"],
        "_scorers": ["get_scorer", "get_scorer_names"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.metrics._characters import confused_pairs as confused_pairs
    from hwsk.metrics._retrieval import hard_top_k_accuracy as hard_top_k_accuracy
    from hwsk.metrics._retrieval import mean_average_precision as mean_average_precision
    from hwsk.metrics._retrieval import soft_top_k_accuracy as soft_top_k_accuracy
    from hwsk.metrics._scorers import get_scorer as get_scorer
    from hwsk.metrics._scorers import get_scorer_names as get_scorer_names
    from hwsk.metrics._text import bootstrap_interval as bootstrap_interval
    from hwsk.metrics._text import character_accuracy as character_accuracy
    from hwsk.metrics._text import character_error_rate as character_error_rate
    from hwsk.metrics._text import character_f1 as character_f1
    from hwsk.metrics._text import character_precision as character_precision
    from hwsk.metrics._text import character_recall as character_recall
    from hwsk.metrics._text import word_error_rate as word_error_rate
