from . import estimator_checks as estimator_checks
