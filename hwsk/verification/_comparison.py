"""Hold the result of a comparison of two samples, with its reasons (`HandComparison`)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as Date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.special import expit

if TYPE_CHECKING:
    from hwsk.verification._places import PlacesOfPair

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

_LEAST_SUPPORT = 0.05  # log-likelihood ratio below which a feature supports neither


def verbal_equivalent(log_likelihood_ratio: float) -> str:
    """Say in words how strongly a ratio supports the same writer, or different writers.

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
        Such as "moderate support for the same writer".

    References
    ----------
    .. [1] European Network of Forensic Science Institutes, "ENFSI guideline for evaluative
       reporting in forensic science", 2015.

    Examples
    --------
    >>> import numpy as np
    >>> from hwsk.verification import verbal_equivalent
    >>> verbal_equivalent(np.log(30))
    'moderate support for the same writer'
    >>> verbal_equivalent(np.log(1 / 3))
    'weak support for different writers'
    """
    if np.isnan(log_likelihood_ratio):
        raise ValueError("log_likelihood_ratio is NaN")
    strength = abs(log_likelihood_ratio) + 1e-9  # the logarithm of 10 counts as 10
    words = [word for word, least in SUPPORT.items() if strength >= np.log(least)]
    if not words:
        return "no support for either"
    return f"{words[-1]} support for {name_writers(log_likelihood_ratio)}"


@dataclass(frozen=True)
class HandComparison:
    """Hold the result of `HandComparer.compare`: a likelihood ratio, with its reasons.

    Parameters
    ----------
    score : float
        What `decision_function` gives: the log-likelihood ratio as the logistic function has it.
    log_likelihood_ratio : float
        Natural logarithm of how many times likelier these images are if the same writer wrote both
        sides than if different writers did; no farther from 0 than the number of writers of the
        calibration allows.
    distances : DataFrame
        For each part of the representation the `distance` of both sides, and the medians in the
        calibration of pairs by the `same_writer` and by `different_writers`.
    features : DataFrame
        For each feature its class in both sides (`first`, `second`) and the probabilities of
        these (`first_probability`, `second_probability`), the shares of the writers of the
        calibration that have them (`first_share`, `second_share`), whether they `agree`, and the
        `log_likelihood_ratio` of finding these two. The most telling come first. Without a
        :class:`~hwsk.verification.MultiTaskClassifier` it has no row.
    n_images : tuple of (int, int)
        How many images there were on both sides.
    samples : tuple of (sequence, sequence), default=((), ())
        Both sides, images or paths, for the report. Without them it shows none.
    digests : tuple of (sequence of str, sequence of str), default=((), ())
        SHA-256 of each of these as they were compared: of the file, or of the array.
    basis : dict, default={}
        What the calibration rests on: its `writers`, the most `images` a side, the `bound` of
        ratios, whether pairs were taken `across_groups`, whether pairs by different writers are
        skilled `forgeries`, and the `parts` as they print.
    doubts : tuple of str, default=()
        Samples that the calibration does not hold for, such as a stamp, a whole page or references
        of two writers. If there are any, `log_likelihood_ratio` is 0.
    places : tuple, default=()
        For parts that match local descriptors, where pairs of images match: the `part`, the numbers
        of both `images`, and the `places`.

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
    20 times likelier if the same writer wrote both than if different writers did: moderate support
    for the same writer.
    """

    score: float
    log_likelihood_ratio: float
    distances: pd.DataFrame
    features: pd.DataFrame
    n_images: tuple[int, int]
    samples: tuple[Sequence[Any], Sequence[Any]] = field(default=((), ()), repr=False)
    digests: tuple[Sequence[str], Sequence[str]] = field(default=((), ()), repr=False)
    basis: Mapping[str, Any] = field(default_factory=dict, repr=False)
    doubts: tuple[str, ...] = ()
    places: tuple[PlacesOfPair, ...] = field(default=(), repr=False)

    @property
    def probability(self) -> float:
        """The probability that the same writer wrote both sides, at even prior odds."""
        return float(expit(self.log_likelihood_ratio))

    @property
    def verbal(self) -> str:
        """The log-likelihood ratio in words; see `verbal_equivalent`."""
        return verbal_equivalent(self.log_likelihood_ratio)

    @property
    def finding(self) -> str:
        """The ratio in words, or the reasons why none is given."""
        if self.doubts:
            return f"No ratio is given, the calibration does not hold: {'; '.join(self.doubts)}."
        writers = "the same writer wrote both than if different writers did"
        if self.log_likelihood_ratio < 0:
            writers = "different writers wrote them than if the same writer did"
        return f"{name_times(self.log_likelihood_ratio)} likelier if {writers}: {self.verbal}."

    @property
    def explanation(self) -> str:
        """The ratio in words, then the features by what they support, the strongest first."""
        lines = [self.finding]
        ratios = self.features["log_likelihood_ratio"]
        for title, chosen in (
            ("the same writer", ratios > _LEAST_SUPPORT),
            ("different writers", ratios < -_LEAST_SUPPORT),
            ("neither", ratios.abs() <= _LEAST_SUPPORT),
        ):
            if chosen.any():
                lines.append(f"Features that support {title}:")
            lines += [
                f"  {describe_feature(name, row)} ({name_times(row.log_likelihood_ratio)})"
                for name, row in self.features[chosen].iterrows()
            ]
        return "\n".join(lines)

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        date: Date | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a report as one HTML file, with its images inside.

        It states the ratio in numbers and in words with its limits, both sides with the checksums
        of their files, each feature with its frequency in the background, the distances, what the
        calibration rests on, and the versions of what made it. The same comparison gives the same
        file, byte for byte, on the same date.

        Parameters
        ----------
        path : str or path-like
            A file name that ends in .html.
        date : datetime.date, default=None
            The date of the report; None is today.
        details : dict of str, default=None
            More to be stated, such as the name of a model and its checksum.

        Raises
        ------
        ValueError
            If the file name ends otherwise.
        OSError
            If the file can't be written.
        """
        from hwsk.verification._report import write_html

        write_html(self, path, date, details)

    def to_pdf(
        self,
        path: str | os.PathLike[str],
        *,
        date: Date | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        """Write a report as PDF, on sheets of A4.

        Parameters
        ----------
        path : str or path-like
            A file name that ends in .pdf.
        date : datetime.date, default=None
            The date of the report; None is today.
        details : dict of str, default=None
            More to be stated, such as the name of a model and its checksum.

        Raises
        ------
        ValueError
            If the file name ends otherwise.
        ImportError
            If matplotlib is missing.
        OSError
            If the file can't be written.

        See Also
        --------
        to_html : Says what is in it.
        """
        from hwsk.verification._report import write_pdf

        write_pdf(self, path, date, details)

    def __str__(self) -> str:
        return self.explanation

    def _repr_html_(self) -> str:
        from html import escape

        text = f"<p>{escape(self.explanation.splitlines()[0])}</p>"
        tables = [
            table.rename(columns=lambda name: name.replace("_", " "))  # long names can wrap
            for table in (self.features.round(2), self.distances.round(3))
        ]
        return text + "".join(table.to_html() for table in tables if len(table))


def describe_feature(name: Any, row: Any) -> str:
    """One row of `HandComparison.features` in words: 'slant: both very right'."""
    values = f"both {row['first']}" if row["agree"] else f"{row['first']} vs {row['second']}"
    return f"{name}: {values}".replace("_", " ")


def name_writers(log_ratio: float) -> str:
    """Name what a likelihood ratio supports."""
    return "the same writer" if log_ratio > 0 else "different writers"


def name_times(log_ratio: float) -> str:
    """A ratio, or its reciprocal where it is below 1, rounded as its size suggests."""
    ratio = np.exp(abs(log_ratio))
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"
