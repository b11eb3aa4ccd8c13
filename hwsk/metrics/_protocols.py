"""Evaluate offline signature verification by its usual protocols.

A protocol makes trials: a questioned signature is scored against what is known of a user. They
are genuine, skilled forgeries, or random forgeries (genuine signatures of other users); the
figures of all protocols are made of such a table in `_summarize`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.metrics import pairwise_distances, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils import check_array, check_consistent_length, check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.metrics._retrieval import _codes
from hwsk.metrics._verification import _check_forged, equal_error_rate

__all__ = ["writer_dependent_report", "writer_independent_report"]

_FUSIONS: dict[str, Callable[..., Any]] = {
    "max": np.max,
    "mean": np.mean,
    "median": np.median,
    "min": np.min,
}
_CONSTRAINTS: dict[str, list[Any]] = {
    "X": ["array-like"],
    "writer": ["array-like"],
    "forged": ["array-like", None],
    "n_repeats": [Interval(Integral, 1, None, closed="left")],
    "n_random": [Interval(Integral, 1, None, closed="left"), None],
    "return_trials": ["boolean"],
    "random_state": ["random_state"],
}
_Score = Callable[[int, NDArray[np.intp]], NDArray[np.float64]]


@validate_params(
    {
        **_CONSTRAINTS,
        "metric": [str, callable],
        "n_references": [Interval(Integral, 1, None, closed="left"), None],
        "fusion": [StrOptions(set(_FUSIONS))],
        "threshold": [Interval(Real, None, None, closed="both"), None],
    },
    prefer_skip_nested_validation=True,
)
def writer_independent_report(
    X: ArrayLike,
    writer: ArrayLike,
    forged: ArrayLike | None = None,
    *,
    metric: str | Callable[..., float] = "euclidean",
    n_references: int | None = None,
    fusion: str = "mean",
    threshold: float | None = None,
    n_repeats: int = 10,
    n_random: int | None = None,
    return_trials: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Evaluate writer-independent verification: one verifier for all users, new to it.

    A questioned signature is compared with genuine signatures of the user it claims to be by, and
    its score is the negative distance. Without `n_references` every pair is a trial of its own:
    all pairs of genuine signatures of a user, each genuine one with each of its skilled
    forgeries, and each with the genuine signatures of other users (random forgeries). With
    `n_references`, as in use [1]_, references are drawn from each user's genuine signatures, the
    remaining ones and the forgeries are questioned, and the scores against the references are
    fused into one [2]_.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features) or (n_samples, n_samples)
        The embedding of each signature, or with `metric="precomputed"` all distances. The users
        should be others than those that the verifier was trained on.
    writer : array-like of shape (n_samples,)
        Whose signature it is; of a forgery, who is imitated.
    forged : array-like of bool of shape (n_samples,), default=None
        Which ones are skilled forgeries. None: there are none.
    metric : str or callable, default="euclidean"
        How embeddings are compared, as in :func:`sklearn.metrics.pairwise_distances`.
    n_references : int, default=None
        How many genuine signatures of a user are known. None scores single pairs.
    fusion : {"max", "mean", "median", "min"}, default="mean"
        What is made of the scores against the references: "max" is the score of the nearest.
    threshold : float, default=None
        The lowest score that is accepted, from other users, for `frr` and `far`. A threshold for
        distances has to be negated.
    n_repeats : int, default=10
        How often references (and random forgeries, if not all) are drawn.
    n_random : int, default=None
        How many random forgeries each user is questioned with. None takes all.
    return_trials : bool, default=False
        Whether to return the scores of all trials, too.
    random_state : int, RandomState instance or None, default=None
        Decides the draws.

    Returns
    -------
    report : DataFrame
        A row for "skilled" forgeries, if there are any, and one for "random" ones. Columns:

        - `eer`: equal error rate with one threshold for all users (global threshold);
        - `eer_user`: mean of the users' own equal error rates (user thresholds);
        - `auc`, `auc_user`: areas under the ROC curve, likewise;
        - `frr`, `far`: error rates at `threshold`, if it is given;
        - each once more as `..._std`, the standard deviation over repeats (NaN of a single one);
        - `n_users`, `n_genuine`, `n_forged`: users with trials of both kinds, and numbers of
          trials in a repeat.

    trials : DataFrame
        If asked for: the columns `repeat`, `user`, `writer` (whose genuine signature a random
        forgery is, else the user), `kind` ("genuine", "skilled" or "random") and `score`.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is missing, or fewer than two users are left.

    Warns
    -----
    UserWarning
        If users have too few genuine signatures; they are counted and left out.

    See Also
    --------
    writer_dependent_report : A classifier for each user.
    pair_bootstrap_interval : An interval over writers, of the trials.

    Notes
    -----
    `eer` is fair only as a comparison of scores: its threshold is the one that suits the questioned
    signatures themselves, and `eer_user` chooses one for each user. What a verifier would do is
    `frr` and `far` at a threshold from other users. In a random trial of single pairs each pair
    comes twice, as a trial of either user.

    References
    ----------
    .. [1] L. G. Hafemann, R. Sabourin, L. S. Oliveira, "Offline handwritten signature verification
       - Literature review", IPTA 2017.
    .. [2] V. L. F. Souza, A. L. I. Oliveira, R. Sabourin, "A writer-independent approach for
       offline signature verification using deep convolutional neural networks features", BRACIS
       2018.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import writer_independent_report
    >>> rng = np.random.default_rng(0)
    >>> writer, forged = np.repeat(np.arange(5), 16), np.tile(np.arange(16) >= 8, 5)
    >>> X = rng.normal(size=(5, 4))[writer] + rng.normal(scale=0.3, size=(80, 4))
    >>> X[forged] += 0.4
    >>> report = writer_independent_report(X, writer, forged)
    >>> report[["eer", "eer_user", "n_genuine", "n_forged"]].round(2)
             eer  eer_user  n_genuine  n_forged
    skilled  0.33      0.34        140       320
    random   0.11      0.09        140      1280
    >>> with_references = writer_independent_report(
    ...     X, writer, forged, n_references=4, random_state=0
    ... )
    >>> bool(with_references.loc["skilled", "eer"] < report.loc["skilled", "eer"])
    True
    """
    square = metric == "precomputed"
    table, user, is_forged, names = _check(X, writer, forged, square=square)

    def distances(rows: NDArray[np.intp], others: NDArray[np.intp]) -> NDArray[np.float64]:
        if square:
            return table[np.ix_(rows, others)]
        return pairwise_distances(table[rows], table[others], metric=metric)

    rng = check_random_state(random_state)
    parts: list[pd.DataFrame] = []
    if n_references is None:
        genuine = _references(user, is_forged, names, 2)
        once = n_random is None
        for repeat in range(1 if once else n_repeats):
            for u, rows in genuine.items():
                fakes = np.flatnonzero(is_forged & (user == u))
                others = _some(_of_others(genuine, u), n_random, rng)
                first, second = np.triu_indices(len(rows), 1)
                for kind, scores, writers in (
                    ("genuine", -distances(rows, rows)[first, second], u),
                    ("skilled", -distances(rows, fakes).ravel() if len(fakes) else [], u),
                    ("random", -distances(rows, others).ravel(), np.tile(user[others], len(rows))),
                ):
                    parts.append(_trials(repeat, u, writers, kind, scores))
    else:
        for repeat in range(n_repeats):
            known, asked = _draw(user, is_forged, names, n_references, rng, warn=repeat == 0)

            def score(u: int, rows: NDArray[np.intp], known: Any = known) -> NDArray[np.float64]:
                return _FUSIONS[fusion](-distances(known[u], rows), axis=0)

            parts += _question(repeat, score, asked, user, is_forged, n_random, rng)
    return _summarize(parts, names, threshold, return_trials)


@validate_params(
    {
        **_CONSTRAINTS,
        "n_references": [Interval(Integral, 1, None, closed="left")],
        "classifier": [
            HasMethods(["fit", "decision_function"]),
            HasMethods(["fit", "predict_proba"]),
            None,
        ],
        "background": ["array-like", None],
        "threshold": [Interval(Real, None, None, closed="both"), None],
    },
    prefer_skip_nested_validation=True,
)
def writer_dependent_report(
    X: ArrayLike,
    writer: ArrayLike,
    forged: ArrayLike | None = None,
    *,
    n_references: int = 12,
    classifier: Any = None,
    background: ArrayLike | None = None,
    threshold: float | None = 0.0,
    n_repeats: int = 10,
    n_random: int | None = None,
    return_trials: bool = False,
    random_state: int | np.random.RandomState | None = None,
) -> Any:
    """Evaluate writer-dependent verification: a classifier for each user, from few references.

    This is the protocol of Hafemann et al. [1]_. For each user, references are drawn from the
    genuine signatures, and a classifier is trained to distinguish them from random forgeries: the
    references of all other users, or signatures of further writers (`background`). It then scores
    the user's remaining genuine signatures, the skilled forgeries, and the other users' genuine
    signatures that are nobody's references. No skilled forgery is trained on.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The embedding of each signature, learnt from other users.
    writer : array-like of shape (n_samples,)
        Whose signature it is; of a forgery, who is imitated.
    forged : array-like of bool of shape (n_samples,), default=None
        Which ones are skilled forgeries. None: there are none.
    n_references : int, default=12
        How many genuine signatures of a user are trained on.
    classifier : classifier, default=None
        What is cloned and trained for each user, with labels 1 (the user's) and -1. None is the
        support vector machine of [1]_: features divided by their standard deviation, an RBF
        kernel with `C=1` and a `gamma` of one over the number of features (2 to the power of -11
        for the 2,048 there), references weighed so that both classes weigh the same.
    background : array-like of shape (n_background, n_features), default=None
        Genuine signatures of writers that are not users (the field's development set), as random
        forgeries to train on. None takes the other users' references.
    threshold : float or None, default=0.0
        The lowest score that is accepted, for `frr` and `far`; 0 is the decision of a support
        vector machine.
    n_repeats : int, default=10
        How often references (and random forgeries, if not all) are drawn.
    n_random : int, default=None
        How many random forgeries each user is questioned with. None takes all.
    return_trials : bool, default=False
        Whether to return the scores of all trials, too.
    random_state : int, RandomState instance or None, default=None
        Decides the draws.

    Returns
    -------
    report : DataFrame
        Rows "skilled" and "random", columns as those of `writer_independent_report`.
    trials : DataFrame
        If asked for: the columns `repeat`, `user`, `writer`, `kind` and `score`.

    Raises
    ------
    ValueError
        If shapes don't fit, a value is missing, or fewer than two users are left.

    Warns
    -----
    UserWarning
        If users have no genuine signature beside the references; they are counted and left out.

    See Also
    --------
    writer_independent_report : One verifier for all users.
    pair_bootstrap_interval : An interval over writers, of the trials.

    Notes
    -----
    The skilled row's `eer` and `eer_user` are what the literature calls EER with a global
    threshold and with user thresholds. There, errors of all users at their own thresholds are
    summed, and here the users' interpolated rates are averaged; with as many trials a user the
    difference is that of rounding.

    References
    ----------
    .. [1] L. G. Hafemann, R. Sabourin, L. S. Oliveira, "Learning features for offline handwritten
       signature verification using deep convolutional neural networks", Pattern Recognition, 70,
       2017, pp. 163-176.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.metrics import writer_dependent_report
    >>> rng = np.random.default_rng(0)
    >>> writer, forged = np.repeat(np.arange(5), 16), np.tile(np.arange(16) >= 8, 5)
    >>> X = rng.normal(size=(5, 4))[writer] + rng.normal(scale=0.3, size=(80, 4))
    >>> X[forged] += 0.4
    >>> report = writer_dependent_report(
    ...     X, writer, forged, n_references=4, n_repeats=3, random_state=0
    ... )
    >>> report.loc["skilled", ["eer", "eer_std", "eer_user"]].round(2).tolist()
    [0.32, 0.05, 0.3]
    """
    table, user, is_forged, names = _check(X, writer, forged)
    negatives = None
    if background is not None:
        negatives = check_array(background, dtype=table.dtype, input_name="background")
        if negatives.shape[1] != table.shape[1]:
            raise ValueError(
                f"background has {negatives.shape[1]} features, and X has {table.shape[1]}"
            )
    rng = check_random_state(random_state)
    parts: list[pd.DataFrame] = []
    for repeat in range(n_repeats):
        known, asked = _draw(user, is_forged, names, n_references, rng, warn=repeat == 0)

        def score(u: int, rows: NDArray[np.intp], known: Any = known) -> NDArray[np.float64]:
            theirs = table[_of_others(known, u)] if negatives is None else negatives
            mine = table[known[u]]
            model = clone(_svm(len(theirs) / len(mine)) if classifier is None else classifier)
            model.fit(np.concatenate([mine, theirs]), np.repeat([1, -1], [len(mine), len(theirs)]))
            if hasattr(model, "decision_function"):
                return model.decision_function(table[rows])
            return model.predict_proba(table[rows])[:, 1]

        parts += _question(repeat, score, asked, user, is_forged, n_random, rng)
    return _summarize(parts, names, threshold, return_trials)


def _svm(skew: float) -> Any:
    # Not centred, as in [1]: there, features that are mostly 0 stay so.
    return make_pipeline(
        StandardScaler(with_mean=False), SVC(C=1.0, gamma="auto", class_weight={1: skew})
    )


def _check(
    X: Any, writer: Any, forged: Any, *, square: bool = False
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.bool_], NDArray[Any]]:
    """The table, users as integers, which rows are forged, and the names of the users."""
    table = check_array(X, dtype=[np.float64, np.float32], input_name="X")
    if square and table.shape[0] != table.shape[1]:
        raise ValueError(
            f"X has shape {table.shape}; with metric='precomputed' it should be square, the "
            "distances between all signatures"
        )
    user = _codes(writer, "writer")
    check_consistent_length(table, user)
    return table, user, _check_forged(forged, len(user)), pd.unique(np.ravel(writer))


def _references(
    user: NDArray[np.int64],
    is_forged: NDArray[np.bool_],
    names: NDArray[Any],
    least: int,
    *,
    warn: bool = True,
) -> dict[int, NDArray[np.intp]]:
    """The genuine signatures of each user who has enough."""
    genuine = {u: np.flatnonzero(~is_forged & (user == u)) for u in range(len(names))}
    enough = {u: rows for u, rows in genuine.items() if len(rows) >= least}
    if len(enough) < 2:
        raise ValueError(
            f"{some_of(len(enough), len(names), 'users', f'have {least} genuine signatures')} or "
            "more: at least two users are needed"
        )
    if warn and len(enough) < len(names):
        left_out = names[[u for u in genuine if u not in enough]]
        warn_caller(
            f"{some_of(len(left_out), len(names), 'users', f'have fewer than {least}')} genuine "
            f"signatures, left out: {', '.join(map(str, left_out[:10]))}"
            + (", ..." if len(left_out) > 10 else ""),
        )
    return enough


def _draw(
    user: NDArray[np.int64],
    is_forged: NDArray[np.bool_],
    names: NDArray[Any],
    n_references: int,
    rng: np.random.RandomState,
    *,
    warn: bool,
) -> tuple[dict[int, NDArray[np.intp]], dict[int, NDArray[np.intp]]]:
    """Draw references of each user; the genuine signatures that are left are questioned."""
    genuine = _references(user, is_forged, names, n_references + 1, warn=warn)
    mixed = {u: rng.permutation(rows) for u, rows in genuine.items()}
    known = {u: rows[:n_references] for u, rows in mixed.items()}
    return known, {u: rows[n_references:] for u, rows in mixed.items()}


def _of_others(rows: dict[int, NDArray[np.intp]], user: int) -> NDArray[np.intp]:
    return np.concatenate([theirs for u, theirs in rows.items() if u != user])


def _some(
    rows: NDArray[np.intp], count: int | None, rng: np.random.RandomState
) -> NDArray[np.intp]:
    return rows if count is None or count >= len(rows) else rng.choice(rows, count, replace=False)


def _question(
    repeat: int,
    score: _Score,
    asked: dict[int, NDArray[np.intp]],
    user: NDArray[np.int64],
    is_forged: NDArray[np.bool_],
    n_random: int | None,
    rng: np.random.RandomState,
) -> Iterator[pd.DataFrame]:
    """Question what is left of each user's genuine signatures, and forgeries of both kinds."""
    for u, genuine in asked.items():
        fakes = np.flatnonzero(is_forged & (user == u))
        others = _some(_of_others(asked, u), n_random, rng)
        rows = np.concatenate([genuine, fakes, others])
        kind = np.repeat(["genuine", "skilled", "random"], [len(genuine), len(fakes), len(others)])
        yield _trials(repeat, u, user[rows], kind, score(u, rows))


def _trials(repeat: int, user: int, writer: Any, kind: Any, score: Any) -> pd.DataFrame:
    score = np.asarray(score, np.float64)
    columns = {"repeat": repeat, "user": user, "writer": writer, "kind": kind, "score": score}
    return pd.DataFrame(columns, index=range(len(score)))


def _summarize(
    parts: list[pd.DataFrame], names: NDArray[Any], threshold: float | None, return_trials: bool
) -> Any:
    """Figures of each kind of forgery: means over repeats, and standard deviations."""
    trials = pd.concat([part for part in parts if len(part)], ignore_index=True)
    rows = {}
    for kind in ("skilled", "random"):
        if not (trials["kind"] == kind).any():
            continue
        figures = pd.DataFrame(
            [
                _figures(table[table["kind"].isin(["genuine", kind])], threshold)
                for _, table in trials.groupby("repeat")
            ]
        )
        counts = figures.filter(regex="^n_")
        rates = figures.drop(columns=counts.columns)
        rows[kind] = pd.concat([rates.mean(), rates.std().add_suffix("_std"), counts.mean()])
    report = pd.DataFrame(rows).T
    report = report.astype(dict.fromkeys(report.filter(regex="^n_"), int))
    if not return_trials:
        return report
    for column in ("user", "writer"):
        trials[column] = names[trials[column].to_numpy()]
    return report, trials


def _figures(table: pd.DataFrame, threshold: float | None) -> dict[str, float]:
    """Figures of the genuine trials and one kind of forgeries."""
    genuine, score = (table["kind"] == "genuine").to_numpy(), table["score"].to_numpy()
    own = [
        (genuine[rows], score[rows])
        for rows in table.groupby("user").indices.values()
        if 0 < genuine[rows].sum() < len(rows)
    ]
    figures = {
        "eer": equal_error_rate(genuine, score),
        "eer_user": float(np.mean([equal_error_rate(*pairs) for pairs in own])),
        "auc": roc_auc_score(genuine, score),
        "auc_user": float(np.mean([roc_auc_score(*pairs) for pairs in own])),
    }
    if threshold is not None:
        figures["frr"] = float((score[genuine] < threshold).mean())
        figures["far"] = float((score[~genuine] >= threshold).mean())
    counts = {"n_users": len(own), "n_genuine": genuine.sum(), "n_forged": (~genuine).sum()}
    return figures | counts
