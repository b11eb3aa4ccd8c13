"""Hold the result of a comparison of two samples, with its reasons (`HandComparison`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

__all__ = ["HandComparison", "verbal_equivalent"]

SUPPORT = {
    "weak": 2,
    "moderate": 10,
    "moderately strong": 100,
    "strong": 1000,
    "very strong": 10_000,
    "extremely strong": 1_000_000,
}
"""Likelihood ratios from which support has a name (ENFSI guideline, 2015)."""

_TELLING = 0.05  # log-likelihood ratio below which a feature is uninformative


def verbal_equivalent(log_likelihood_ratio: float) -> str:
    """Say in words how strongly a likelihood ratio supports one hand, or two.

    The words are those that the European forensic institutes give as an example [1]_: weak from 2,
    moderate from 10, moderately strong from 100, strong from 1000, very strong from 10,000 and
    extremely strong from a million; of a ratio below 1, its reciprocal counts.

    Parameters
    ----------
    log_likelihood_ratio : float
        Natural logarithm of the ratio.

    Returns
    -------
    str
        Such as "moderate support for one hand".

    References
    ----------
    .. [1] European Network of Forensic Science Institutes, "ENFSI guideline for evaluative
       reporting in forensic science", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.verification import verbal_equivalent
    >>> verbal_equivalent(np.log(30))
    'moderate support for one hand'
    >>> verbal_equivalent(np.log(1 / 3))
    'weak support for two hands'
    """
    if np.isnan(log_likelihood_ratio):
        raise ValueError("log_likelihood_ratio is NaN")
    strength = abs(log_likelihood_ratio) + 1e-9  # the logarithm of 10 counts as 10
    words = [word for word, least in SUPPORT.items() if strength >= np.log(least)]
    hands = "one hand" if log_likelihood_ratio > 0 else "two hands"
    return f"{words[-1]} support for {hands}" if words else "no support for either"


@dataclass(frozen=True)
class HandComparison:
    """Hold the result of `HandComparer.compare`: how likely one hand is, and why.

    Parameters
    ----------
    score : float
        What `decision_function` gives: the log-likelihood ratio as the logistic function has it.
    log_likelihood_ratio : float
        Natural logarithm of how many times likelier these images are if one hand wrote them than if
        two did; no farther from 0 than the writers of the calibration allow.
    distances : DataFrame
        For each part of the representation the `distance` of both sides, and the medians in the
        calibration of pairs by `one_hand` and by `two_hands`.
    features : DataFrame
        For each feature its class in both sides (`first`, `second`) and the probabilities of
        these (`first_probability`, `second_probability`), whether they `agree`, and the
        `log_likelihood_ratio` of finding these two. The most telling come first. Without a
        :class:`~hwsk.verification.MultiTaskClassifier` it has no row.
    n_images : tuple of (int, int)
        How many images there were on both sides.

    See Also
    --------
    hwsk.plotting.ComparisonDisplay : The same as a figure.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.verification import HandComparer
    >>> rng = np.random.default_rng(0)
    >>> writers = np.repeat(np.arange(30), 4)
    >>> vectors = rng.normal(size=(30, 5))[writers] + rng.normal(0, 0.3, size=(120, 5))
    >>> comparer = HandComparer(random_state=0).fit(vectors, writers)
    >>> comparison = comparer.compare(vectors[0], vectors[1])
    >>> comparison.probability > 0.9
    True
    >>> print(comparison)
    20 times likelier if one hand wrote both than if two did: moderate support for one hand.
    """

    score: float
    log_likelihood_ratio: float
    distances: pd.DataFrame
    features: pd.DataFrame
    n_images: tuple[int, int]

    @property
    def probability(self) -> float:
        """That one hand wrote both sides, if one and two were as likely beforehand."""
        return float(expit(self.log_likelihood_ratio))

    @property
    def verbal(self) -> str:
        """The log-likelihood ratio in words; see `verbal_equivalent`."""
        return verbal_equivalent(self.log_likelihood_ratio)

    @property
    def explanation(self) -> str:
        """The ratio in words, then what the features say, the most telling first."""
        hands = "one hand wrote both than if two did"
        if self.log_likelihood_ratio < 0:
            hands = "two hands wrote them than if one did"
        lines = [f"{_times(self.log_likelihood_ratio)} likelier if {hands}: {self.verbal}."]
        ratios = self.features["log_likelihood_ratio"]
        for title, chosen in (
            ("speak for one hand", ratios > _TELLING),
            ("speak for two hands", ratios < -_TELLING),
            ("tell nothing", ratios.abs() <= _TELLING),
        ):
            if chosen.any():
                lines.append(f"Features that {title}:")
            lines += [
                f"  {describe_feature(name, row)} ({_times(row.log_likelihood_ratio)})"
                for name, row in self.features[chosen].iterrows()
            ]
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.explanation

    def _repr_html_(self) -> str:
        from html import escape

        text = f"<p>{escape(self.explanation.splitlines()[0])}</p>"
        tables = [self.features.round(2), self.distances.round(3)]
        return text + "".join(table.to_html() for table in tables if len(table))


def describe_feature(name: Any, row: Any) -> str:
    """One row of `HandComparison.features` in words: 'slant: both very right'."""
    values = f"both {row['first']}" if row["agree"] else f"{row['first']} vs {row['second']}"
    return f"{name}: {values}".replace("_", " ")


def _times(log_ratio: float) -> str:
    """A ratio, or its reciprocal where it is below 1, rounded as its size suggests."""
    ratio = np.exp(abs(log_ratio))
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
