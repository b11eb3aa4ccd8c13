from ._characters import confused_pairs as confused_pairs
from ._confidence import expected_calibration_error as expected_calibration_error
from ._confidence import read_right as read_right
from ._confidence import risk_coverage_curve as risk_coverage_curve
from ._identification import (
    detection_and_identification_rate as detection_and_identification_rate,
)
from ._likelihood_ratios import empirical_cross_entropy as empirical_cross_entropy
from ._likelihood_ratios import log_likelihood_ratio_cost as log_likelihood_ratio_cost
from ._likelihood_ratios import (
    minimal_log_likelihood_ratio_cost as minimal_log_likelihood_ratio_cost,
)
from ._protocols import writer_dependent_report as writer_dependent_report
from ._protocols import writer_independent_report as writer_independent_report
from ._retrieval import hard_top_k_accuracy as hard_top_k_accuracy
from ._retrieval import mean_average_precision as mean_average_precision
from ._retrieval import soft_top_k_accuracy as soft_top_k_accuracy
from ._scorers import get_scorer as get_scorer
from ._scorers import get_scorer_names as get_scorer_names
from ._text import bootstrap_interval as bootstrap_interval
from ._text import character_accuracy as character_accuracy
from ._text import character_error_rate as character_error_rate
from ._text import character_f1 as character_f1
from ._text import character_precision as character_precision
from ._text import character_recall as character_recall
from ._text import word_error_rate as word_error_rate
from ._verification import equal_error_rate as equal_error_rate
from ._verification import false_acceptance_rate as false_acceptance_rate
from ._verification import false_rejection_rate as false_rejection_rate
from ._verification import false_rejection_rate_at as false_rejection_rate_at
from ._verification import pair_bootstrap_interval as pair_bootstrap_interval
