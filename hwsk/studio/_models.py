"""Load each model once, whoever asks first, and hold those that were learnt from corrections."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable
from typing import Any

PAGES = "english-pages"
LINES = "iam-lines"
_MOST_LEARNT = 4  # recognizers of some 10 MB; the oldest goes


class Models:
    """Hold the models of a server."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
        self._made: dict[str, Any] = {}
        self._learnt: dict[str, Any] = {}
        self._n_learnt = 0

    def get(self, name: str) -> Any:
        """Return a pretrained model, or one that was learnt here."""
        if name in self._learnt:
            return self._learnt[name]

        def load() -> Any:
            import hwsk

            return hwsk.load(name)

        return self.once(name, load)

    def once(self, name: str, make: Callable[[], Any]) -> Any:
        """Return what was made under a name; make it if it is asked for the first time."""
        with self._lock:
            lock = self._locks[name]
        with lock:  # two requests must not load the same model; others go on
            if name not in self._made:
                self._made[name] = make()
            return self._made[name]

    def readers(self) -> list[str]:
        """Return the names of the readers of pages: the shipped one, then those learnt here."""
        return [PAGES, *self._learnt]

    def add(self, reader: Any) -> str:
        """Keep a reader that was learnt from corrections, and return its name."""
        with self._lock:
            self._n_learnt += 1
            name = f"learnt-{self._n_learnt}"
            self._learnt[name] = reader
            if len(self._learnt) > _MOST_LEARNT:
                del self._learnt[next(iter(self._learnt))]
            return name
