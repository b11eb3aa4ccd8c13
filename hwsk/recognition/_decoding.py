"""From time steps to characters."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

BLANK = 0


def greedy_decode(log_probs: Tensor, lengths: Tensor) -> list[NDArray[np.int64]]:
    """Best class of each time step, repeats merged, blanks dropped (best path decoding).

    Parameters
    ----------
    log_probs : Tensor of shape (time, n, n_classes)
        Log-probabilities, or other scores that grow with them.
    lengths : Tensor of shape (n,)
        Time steps of each line.

    Returns
    -------
    classes : list of n ndarray of int64
        Classes read in each line, no blanks among them.
    """
    best = log_probs.detach().argmax(dim=2).cpu().numpy().T
    before = np.concatenate([np.full((len(best), 1), BLANK), best[:, :-1]], axis=1)
    keep = (best != BLANK) & (best != before)
    keep &= np.arange(best.shape[1]) < lengths.cpu().numpy()[:, None]
    return [row[kept] for row, kept in zip(best, keep, strict=True)]
