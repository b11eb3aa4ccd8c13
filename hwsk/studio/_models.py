"""Load each model once, whoever asks first, and hold those that were learnt from corrections."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

PAGES, LATIN = "english-pages", "latin-lines"
LINES = "iam-lines"
INK = "ink-lines"
_MOST_LEARNT = 4  # recognizers of some 10 MB; the oldest goes


class Models:
    """Hold the models of a server.

    Parameters
    ----------
    made : dict, default={}
        Models by name that need not be loaded any more.
    """

    def __init__(self, made: Mapping[str, Any] = MappingProxyType({})) -> None:
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._made: dict[str, Any] = dict(made)
        self._learnt: dict[str, Any] = {}
        self._n_learnt = 0

    def get(self, name: str) -> Any:
        """Return a pretrained model, or one that was learnt here."""
        if name in self._learnt:
            return self._learnt[name]

        return self.once(name, lambda: _load(name))

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what was made under a name; make it if it is asked for the first time."""
        with self._lock:
            lock = self._locks[name]
        with lock:  # two requests must not load the same model; others go on
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    def readers(self) -> list[str]:
        """Return the names of the readers of pages: the shipped ones, then those learnt here."""
        return [PAGES, LATIN, *self._learnt]

    def add(self, reader: Any) -> str:
        """Keep a reader that was learnt from corrections, and return its name."""
        with self._lock:
            self._n_learnt += 1
            name = f"learnt-{self._n_learnt}"
            self._learnt[name] = reader
            if len(self._learnt) > _MOST_LEARNT:
                del self._learnt[next(iter(self._learnt))]
            return name


def _load(name: str) -> Any:
    """Load a model; one that recognizes lines of pages, with what finds them."""
    import hwsk
    from hwsk.documents import PageReader

    model = hwsk.load(name)
    return PageReader(hwsk.load("page-lines"), model) if name == LATIN else model
