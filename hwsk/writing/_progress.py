"""Show how far writing has come: a bar where it can move, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType

from tqdm.auto import tqdm

from hwsk._training.progress import can_move_bars
from hwsk._wording import count

OnProgress = Callable[[int, int, str], object]
_SECONDS = 10.0  # between two lines of a log


class Progress:
    """Count what is done of a total, as a context manager.

    Parameters
    ----------
    total : int
        All that is to be done.
    unit : str
        What is counted: "word" or "line".
    verbose : bool
        Whether to show anything.
    on_progress : callable, default=None
        Called with what is done, the total, and what is done next.
    """

    def __init__(
        self, total: int, unit: str, verbose: bool, on_progress: OnProgress | None = None
    ) -> None:
        self.total, self.unit, self.on_progress = total, unit, on_progress
        self.done = 0
        self._start = time.monotonic()
        self._last: float | None = None
        self._shown: tuple[int, str] | None = None  # by the last line of a log
        self._in_log = verbose and not can_move_bars()
        self._bar = tqdm(
            total=total, desc="writing", unit=unit, disable=not verbose or self._in_log
        )

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._bar.close()
        if self._shown not in (None, (self.done, "")):  # what began to report says when it ends
            self._print()

    def reach(self, done: int, note: str = "") -> None:
        """Say how much is done, and what is done next.

        It never falls, though a word that was right alone may be misread in its line.
        """
        self.done = self._bar.n = max(done, self.done)
        if self.on_progress is not None:
            self.on_progress(self.done, self.total, note)
        self._bar.set_postfix_str(note)
        now = time.monotonic()
        is_first = bool(note) and self._last is None  # tries may take minutes
        if self._in_log and (is_first or now - (self._last or self._start) >= _SECONDS):
            self._last = now
            self._print(note)

    def _print(self, note: str = "") -> None:
        self._shown = self.done, note
        seconds = time.monotonic() - self._start
        print(
            f"writing: {self.done:,} of {count(self.total, self.unit)} in {seconds:.0f} s"
            + f", {note}" * bool(note),
            file=sys.stderr,
            flush=True,
        )
