"""Plot loss and score by epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from hwsk.plotting._matplotlib import import_pyplot

__all__ = ["TrainingHistoryDisplay"]

_NAMES = {"train": "training", "valid": "validation"}


class TrainingHistoryDisplay:
    """Draw the loss, and the score where there is one, by epoch of a training.

    A validation loss that rises while the training loss falls shows overfitting: stop earlier, or
    train on more writers. Both losses still falling at the end ask for more epochs.

    Parameters
    ----------
    history : sequence of mapping
        `history_` of an estimator: for each epoch its number, `epoch`, and numbers whose names
        begin with "train" or "valid" and end in "loss" or "score".

    Attributes
    ----------
    lines_ : list of matplotlib.lines.Line2D
        The curves, those of the losses first.
    axes_ : list of matplotlib.axes.Axes
        Axes of the losses, and of the scores where there are any.
    figure_ : matplotlib.figure.Figure
        The figure.

    See Also
    --------
    ReadingDisplay : Labelled samples, and what was read of them.

    Examples
    --------
    >>> from hwsk.plotting import TrainingHistoryDisplay
    >>> history = [
    ...     {"epoch": 1, "train_loss": 2.0, "valid_loss": 2.1, "valid_score": 0.2},
    ...     {"epoch": 2, "train_loss": 1.0, "valid_loss": 1.5, "valid_score": 0.5},
    ... ]
    >>> display = TrainingHistoryDisplay(history).plot()
    >>> [ax.get_ylabel() for ax in display.axes_]
    ['loss', 'score']
    """

    def __init__(self, history: Sequence[Mapping[str, Any]]) -> None:
        self.history = history

    @classmethod
    def from_estimator(cls, estimator: Any, *, axes: Any = None) -> TrainingHistoryDisplay:
        """Plot the last training of an estimator.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted estimator with `history_`, or a Pipeline that ends in one.
        axes : sequence of 2 matplotlib.axes.Axes, default=None
            Axes of the losses and of the scores; None makes a figure.

        Returns
        -------
        TrainingHistoryDisplay
            The display, plotted.

        Raises
        ------
        ValueError
            If the estimator keeps no history, as one that has been loaded from a file.
        """
        check_is_fitted(estimator)
        last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
        if not getattr(last, "history_", None):
            raise ValueError(
                f"{type(last).__name__} has no history_: pass an estimator of hwsk whose network "
                "was trained in this session"
            )
        return cls(last.history_).plot(axes)

    def plot(self, axes: Any = None) -> TrainingHistoryDisplay:
        """Draw the curves.

        Parameters
        ----------
        axes : sequence of 2 matplotlib.axes.Axes, default=None
            Axes of the losses and of the scores; None makes a figure, with one of them where the
            history has no score.

        Returns
        -------
        self : TrainingHistoryDisplay
            With `figure_`, `axes_` and `lines_`.
        """
        kinds = {kind: self._keys(kind) for kind in ("loss", "score")}
        kinds = {kind: keys for kind, keys in kinds.items() if keys}
        if not kinds:
            raise ValueError(
                "history holds no number named like train_loss, valid_loss or valid_score"
            )
        if axes is None:
            size = (4.5 * len(kinds), 3)
            _, axes = import_pyplot().subplots(
                1, len(kinds), figsize=size, layout="constrained", squeeze=False
            )
            axes = axes[0]
        self.axes_ = list(axes)[: len(kinds)]
        self.figure_ = self.axes_[0].figure
        self.lines_ = []
        epochs = [record["epoch"] for record in self.history]
        for ax, (kind, keys) in zip(self.axes_, kinds.items(), strict=True):
            for key in keys:
                values = [record.get(key, float("nan")) for record in self.history]
                label = _NAMES[key.partition("_")[0]]
                self.lines_ += ax.plot(epochs, values, ".-", label=label)
            ax.set(xlabel="epoch", ylabel=kind)
            ax.legend()
        return self

    def _keys(self, kind: str) -> list[str]:
        """Names of the losses or scores in the history, those of training first."""
        keys = {key for record in self.history for key in record if key.endswith(f"_{kind}")}
        return sorted(key for key in keys if key.partition("_")[0] in _NAMES)
