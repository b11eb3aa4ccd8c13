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
