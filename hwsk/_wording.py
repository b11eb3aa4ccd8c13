"""Word messages."""

from __future__ import annotations


def count(n: int, noun: str, plural: str = "") -> str:
    """Return a number with its noun; the plural of irregular nouns is given.

    Examples
    --------
    >>> count(1, "page"), count(2, "page"), count(1200, "reply", "replies")
    ('1 page', '2 pages', '1,200 replies')
    """
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"


_SINGULAR = {"are": "is", "have": "has", "were": "was", "could": "could"}
_PLURAL = {singular: plural for plural, singular in _SINGULAR.items()}


def some_of(n: int, total: int, nouns: str, predicate: str) -> str:
    """Return how many of all share a property; the predicate begins with a verb in the plural.

    Examples
    --------
    >>> some_of(1, 5, "images", "look inverted"), some_of(2, 5, "texts in y", "are empty")
    ('1 of 5 images looks inverted', '2 of 5 texts in y are empty')
    """
    if n == 1:
        verb, blank, rest = predicate.partition(" ")
        predicate = _SINGULAR.get(verb, f"{verb}s") + blank + rest
    return f"{n} of {total} {nouns} {predicate}"


def as_plural(predicate: str) -> str:
    """Return a predicate of `some_of` with its verb in the plural, to compare it with others."""
    verb, blank, rest = predicate.partition(" ")
    return _PLURAL.get(verb, verb.removesuffix("s")) + blank + rest
