"""Count confusions of characters."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import unique_labels

__all__ = ["confused_pairs"]


def confused_pairs(y_true: ArrayLike, y_pred: ArrayLike) -> pd.DataFrame:
    """List the pairs of classes that are taken for each other, the worst first.

    Parameters
    ----------
    y_true : array-like of shape (n_samples,)
        The true classes.
    y_pred : array-like of shape (n_samples,)
        The predicted classes.

    Returns
    -------
    pairs : DataFrame
        A row for each pair of which one was read as the other at least once, with the columns

        class_a, class_b
            The two classes, in sorted order.
        a_as_b, b_as_a
            How many samples of the one were read as the other.
        rate
            Their sum, divided by the number of samples of both classes.

    See Also
    --------
    hwsk.plotting.ConfusedPairsDisplay : The same with pictures.
    sklearn.metrics.confusion_matrix : All counts.

    Examples
    --------
    >>> from hwsk.metrics import confused_pairs
    >>> confused_pairs(list("OOOO00005S"), list("OO000O005S"))
      class_a class_b  a_as_b  b_as_a   rate
    0       0       O       1       2  0.375
    """
    check_consistent_length(y_true, y_pred)
    classes = unique_labels(y_true, y_pred)
    counts = np.zeros((len(classes), len(classes)), np.int64)
    rows, columns = (np.searchsorted(classes, column_or_1d(y)) for y in (y_true, y_pred))
    np.add.at(counts, (rows, columns), 1)
    a, b = np.nonzero(np.triu(counts + counts.T, 1))
    n_samples = counts.sum(axis=1)
    pairs = pd.DataFrame(
        {
            "class_a": classes[a],
            "class_b": classes[b],
            "a_as_b": counts[a, b],
            "b_as_a": counts[b, a],
            "rate": (counts[a, b] + counts[b, a]) / (n_samples[a] + n_samples[b]),
        }
    )
    return pairs.sort_values("rate", ascending=False, kind="stable", ignore_index=True)
