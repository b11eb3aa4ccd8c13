"""Draw the random numbers of an estimator without touching any global generator."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.utils import check_random_state


def own_generator(random_state: Any) -> np.random.RandomState:
    """Make the generator that `random_state` stands for.

    None draws a seed from the system's entropy. scikit-learn would give numpy's global generator,
    which whoever runs beside it would move, and be moved by.
    """
    if random_state is None:
        return np.random.RandomState(np.random.SeedSequence().generate_state(4))
    return check_random_state(random_state)
