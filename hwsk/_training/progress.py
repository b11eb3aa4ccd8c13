"""Show how far a fit is: a bar, or a line an epoch."""

from __future__ import annotations

import sys
from typing import Any

from skorch.callbacks import (
    Callback,
)
from tqdm.auto import tqdm


class Progress(Callback):
    """Show a progress bar over the batches of the whole fit, or print a line each epoch.

    verbose=1 shows the bar where it can move: in a terminal or a notebook. In a log, where each
    move would be one more line, and with verbose=2, it prints a line each epoch.
    """

    def __init__(self, max_epochs: int, verbose: int = 1) -> None:
        self.max_epochs = max_epochs
        self.verbose = verbose

    def on_epoch_begin(self, net: Any, dataset_train: Any = None, **kwargs: Any) -> None:
        if getattr(self, "bar_", None) is None:
            batches = dataset_train.n_batches(net.batch_size)
            self.bar_ = tqdm(
                total=self.max_epochs * batches,
                initial=(len(net.history) - 1) * batches,  # not 0 where a fit was resumed
                unit="batch",
                disable=self.verbose != 1 or not can_move_bars(),
            )

    def on_batch_end(self, net: Any, training: bool = False, **kwargs: Any) -> None:
        if training:
            self.bar_.update()

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        row = net.history[-1]
        text = " ".join(
            f"{name} {row[name]:.4g}"
            for name in ("train_loss", "valid_loss", "valid_score")
            if name in row
        )
        self.bar_.set_postfix_str(f"epoch {len(net.history)} {text}")
        if self.verbose and self.bar_.disable:
            print(f"epoch {len(net.history)}: {text} {row['dur']:.1f} s", flush=True)

    def on_train_end(self, net: Any, **kwargs: Any) -> None:
        if getattr(self, "bar_", None) is not None:
            self.bar_.close()
        self.bar_ = None


def can_move_bars() -> bool:
    """Whether standard error is a terminal, or a notebook draws the bars."""
    notebook = any(base.__name__ == "tqdm_notebook" for base in tqdm.__mro__)
    return notebook or sys.stderr.isatty()
