"""Evaluate text recognition, writer retrieval and verification; get scorers by name."""

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
        "_confidence": ["expected_calibration_error", "read_right", "risk_coverage_curve"],
        "_retrieval": ["mean_average_precision", "soft_top_k_accuracy", "hard_top_k_accuracy"],
        "_verification": [
            "equal_error_rate",
            "false_acceptance_rate",
            "false_rejection_rate",
            "false_rejection_rate_at",
            "log_likelihood_ratio_cost",
            "pair_bootstrap_interval",
        ],
        "_protocols": ["writer_dependent_report", "writer_independent_report"],
        "_scorers": ["get_scorer", "get_scorer_names"],
    },
)

if TYPE_CHECKING:  # the same names, for editors and type checkers
    from hwsk.metrics._characters import confused_pairs as confused_pairs
    from hwsk.metrics._confidence import expected_calibration_error as expected_calibration_error
    from hwsk.metrics._confidence import read_right as read_right
    from hwsk.metrics._confidence import risk_coverage_curve as risk_coverage_curve
    from hwsk.metrics._protocols import writer_dependent_report as writer_dependent_report
    from hwsk.metrics._protocols import writer_independent_report as writer_independent_report
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
    from hwsk.metrics._verification import equal_error_rate as equal_error_rate
    from hwsk.metrics._verification import false_acceptance_rate as false_acceptance_rate
    from hwsk.metrics._verification import false_rejection_rate as false_rejection_rate
    from hwsk.metrics._verification import false_rejection_rate_at as false_rejection_rate_at
    from hwsk.metrics._verification import log_likelihood_ratio_cost as log_likelihood_ratio_cost
    from hwsk.metrics._verification import pair_bootstrap_interval as pair_bootstrap_interval
