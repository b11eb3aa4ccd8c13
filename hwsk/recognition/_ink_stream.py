"""Recognize pen strokes as they are written (`InkStream`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hwsk._warn import collect_warnings
from hwsk.recognition._details import Details

if TYPE_CHECKING:
    from hwsk.recognition._ink import InkRecognizer

_FARTHEST = 1e30  # coordinates beyond have no differences in float32


class InkStream:
    """Recognize the strokes so far, while a pen writes; :meth:`InkRecognizer.stream` makes it.

    Parameters
    ----------
    recognizer : InkRecognizer
        A fitted recognizer. Changes of its parameters, such as another decoder, count from the next
        stroke on.

    See Also
    --------
    InkRecognizer : Recognizes whole lines.

    Notes
    -----
    A bidirectional network reads each character with all that follows it, so whatever is added may
    change the text before. Hence each text is made anew from all strokes, by the same steps as in
    `InkRecognizer.predict`: it equals what `predict` gives of `strokes`, and nothing is left over
    of strokes that were undone. Strokes are read only when `text` or `details` is asked for.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.recognition import InkRecognizer
    >>> words = make_handwriting(20, texts=["on", "no"], random_state=0)
    >>> recognizer = InkRecognizer(
    ...     channels=(4, 8, 8), hidden_units=8, num_layers=1, max_epochs=1, random_state=0
    ... ).fit(words.strokes, words.text)
    >>> stream = recognizer.stream()
    >>> stream.add([[10, 10], [10, 30], [20, 40]])
    >>> stream.add([[30, 40], [40, 40]])
    >>> stream.undo()
    >>> stream.strokes.tolist()
    [[0.0, 0.0, 0.0], [0.0, 20.0, 0.0], [10.0, 10.0, 1.0]]
    >>> stream.text == recognizer.predict([stream.strokes])[0]
    True
    """

    def __init__(self, recognizer: InkRecognizer) -> None:
        self.recognizer = recognizer
        self._points: list[NDArray[np.float64]] = []
        self._text: str | None = ""

    def __len__(self) -> int:
        """Count the strokes."""
        return len(self._points)

    def add(self, stroke: ArrayLike) -> None:
        """Add a stroke: what was written from pen-down to pen-up.

        Parameters
        ----------
        stroke : array-like of shape (n_points, 2)
            Positions x, y (downwards) of the pen, in any unit; one point is a dot. All strokes have
            the same origin.

        Raises
        ------
        ValueError
            If it is not a list of points, or a coordinate is not finite.
        """
        try:
            points = np.array(stroke, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(f"stroke {len(self)} is not a list of points x, y: {error}") from None
        if points.ndim != 2 or points.shape[1] != 2 or not len(points):
            raise ValueError(
                f"stroke {len(self)} has shape {points.shape}; it is (n_points, 2): x, y of 1 "
                "point or more"
            )
        wrong = ~(np.abs(points) < _FARTHEST).all(axis=1)
        if wrong.any():
            point = np.flatnonzero(wrong)[0]
            raise ValueError(
                f"stroke {len(self)} holds NaN, infinity or coordinates of {_FARTHEST:g} and more, "
                f"first at point {point}: {points[point].tolist()}"
            )
        self._points.append(points)
        self._text = None

    def undo(self, n_strokes: int = 1) -> None:
        """Take the last strokes back.

        Parameters
        ----------
        n_strokes : int, default=1
            How many of them.

        Raises
        ------
        ValueError
            If there are not as many strokes.
        """
        if not 1 <= n_strokes <= len(self):
            raise ValueError(f"n_strokes={n_strokes}: there are {len(self)} strokes to undo")
        del self._points[-n_strokes:]
        self._text = None

    def clear(self) -> None:
        """Take all strokes back, to begin the next line."""
        self._points.clear()
        self._text = None

    @property
    def strokes(self) -> NDArray[np.float32]:
        """The strokes so far as `(T, 3)` array, dx, dy, pen_up, as `predict` takes them."""
        if not self._points:
            return np.zeros((0, 3), np.float32)
        points = np.concatenate(self._points)
        strokes = np.zeros((len(points), 3), np.float32)
        strokes[1:, :2] = np.diff(points, axis=0)
        strokes[np.cumsum([len(stroke) for stroke in self._points]) - 1, 2] = 1
        return strokes

    @property
    def text(self) -> str:
        """The text so far; "" before the first stroke."""
        if self._text is None:
            self._text = self._ask("predict") if self._points else ""
        return self._text

    def details(self) -> Details:
        """Describe the text so far, as :meth:`InkRecognizer.predict_details` does.

        Returns
        -------
        details : dict
            Text, characters with their strokes, words and confidence.

        Raises
        ------
        ValueError
            If no stroke was added yet.
        """
        if not self._points:
            raise ValueError("no stroke was added yet: add one before you ask for details")
        details: Details = self._ask("predict_details")
        return details

    def _ask(self, method: str) -> Any:
        with collect_warnings():  # of doubt: half a word is not a line yet
            return getattr(self.recognizer, method)([self.strokes])[0]
