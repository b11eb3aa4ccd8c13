"""Select samples by writer."""

from __future__ import annotations

from numbers import Integral

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import column_or_1d
from sklearn.utils._param_validation import Interval, validate_params

from hwsk._data.images import some_rows

_UNKNOWN = ""  # what readers give as the writer where none is known


@validate_params(
    {"writers": ["array-like"], "k": [Interval(Integral, 1, None, closed="left")]},
    prefer_skip_nested_validation=True,
)
def top_writers(writers: ArrayLike, k: int) -> NDArray[np.intp]:
    """Select the rows of the `k` writers with the most samples.

    Parameters
    ----------
    writers : array-like of shape (n_samples,)
        Who wrote each sample: strings or numbers. The empty string, which the readers give where
        the writer is not known, counts as no writer.
    k : int
        How many writers. Of writers with equally many samples, those whose id sorts first are
        taken.

    Returns
    -------
    rows : ndarray of shape (n_chosen,), dtype intp
        Numbers of the rows by these writers, ascending, so that samples stay in the given order.
        They index arrays, and by ``.iloc`` tables, and can be split themselves.

    Raises
    ------
    TypeError
        If the ids have types that can't be sorted together.
    ValueError
        If there are fewer than `k` writers, or an id is missing (None or NaN).

    See Also
    --------
    load_iam : Lines with their writers.
    sklearn.model_selection.GroupKFold : A split that keeps pages apart.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.datasets import top_writers
    >>> writers = np.array(["000", "001", "000", "002", "001", "003", "003"])
    >>> rows = top_writers(writers, 2)
    >>> rows
    array([0, 1, 2, 4])
    >>> writers[rows]
    array(['000', '001', '000', '001'], dtype='<U3')
    """
    ids = column_or_1d(writers)
    missing = np.flatnonzero(pd.isna(ids))
    if len(missing):
        raise ValueError(
            f"writers holds no id in {len(missing)} of its {len(ids)} rows (None or NaN): "
            f"{some_rows(missing)}; leave these rows out, or give them the id ''"
        )
    known = np.flatnonzero(ids != _UNKNOWN)
    try:
        names, member, counts = np.unique(ids[known], return_inverse=True, return_counts=True)
    except TypeError:
        kinds = sorted({type(name).__name__ for name in ids.tolist()})
        raise TypeError(
            f"writers holds ids of the types {', '.join(kinds)}, which can't be sorted together; "
            "make them all strings"
        ) from None
    if k > len(names):
        unknown = len(ids) - len(known)
        aside = f" (and {unknown} rows whose writer is not known)" if unknown else ""
        raise ValueError(
            f"k={k} writers were asked for, and there are {len(names)}{aside}; k may be at most "
            "that many"
        )
    chosen = np.argsort(-counts, kind="stable")[:k]  # stable: names are sorted, ties stay so
    return known[np.isin(member, chosen)]
