"""Fine-tune a fitted recognizer on a few lines of a new hand (`fine_tune`)."""

from __future__ import annotations

import copy
import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from sklearn.pipeline import Pipeline
from sklearn.utils import check_consistent_length, check_scalar
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback
from torch import Tensor, nn

from hwsk._data.decoding import cut_value
from hwsk._data.images import LazyImages, check_images
from hwsk._data.scan import walk
from hwsk._data.seeds import own_generator
from hwsk._data.texts import base_letter, check_texts
from hwsk._warn import warn_caller
from hwsk._wording import count
from hwsk.recognition._lines import CTCRecognizer

Reader = TypeVar("Reader", CTCRecognizer, Pipeline)

_STEPS = 60  # at least, of the lines of X: 20 are then seen 24 times
_BATCH = 8
_NEW_LETTERS_LR = 16.0  # times lr
_MOST_NAMED = 10  # characters in a warning
LEAST_LINES = 4


def fine_tune(
    reader: Reader,
    X: Any,
    y: Any,
    *,
    alpha: float = 0.5,
    rehearsal: tuple[Any, Sequence[str]] | None = None,
    max_epochs: int | None = None,
    lr: float = 6e-4,
    callbacks: Sequence[Any] = (),
    random_state: Any = None,
    verbose: int = 0,
) -> Reader:
    """Teach a fitted recognizer a new hand, or new letters, from a few lines.

    Training goes on from the present weights, with the statistics of batch normalisation as they
    are; then the weights are set between the former and the new ones [1]_: what other people write
    is read nearly as well as before. Characters that are new come into the alphabet; one with an
    accent begins with the weights of its base letter. What only new characters have is learnt at 16
    times the learning rate.

    Parameters
    ----------
    reader : CTCRecognizer or Pipeline
        A fitted recognizer, or a Pipeline that ends in one. It stays as it is.
    X : array-like of images
        Lines, as `reader.predict` takes them: 4 or more, better 20.
    y : array-like of str of shape (n_samples,)
        What is written.
    alpha : float, default=0.5
        Where the weights end between the former ones, 0, and those of training, 1. A larger one
        reads the new writer better and other writers worse.
    rehearsal : tuple of (array-like of images, sequence of str), default=None
        Lines by others and their texts, of which as many as X has are learnt along [2]_. If
        X has new letters, lines that lack them make it rarer that others' e is read as é; a few
        é more of the new writer are missed.
    max_epochs : int, default=None
        Times that each line is seen. None: as many as make 60 steps of 8 lines of X, 3 at least;
        those of rehearsal come on top.
    lr : float, default=6e-4
        Largest learning rate, but for new characters. With 0.01 and more, a pretrained reader
        forgets what it knew.
    callbacks : sequence of skorch callbacks, default=()
        Called while training, such as to report progress or to end it by an exception.
    random_state : int, RandomState instance or None, default=None
        Seed of the order of the lines, of augmentation and dropout.
    verbose : int, default=0
        1: a progress bar, or a line an epoch in a log.

    Returns
    -------
    reader : CTCRecognizer or Pipeline
        A new one, with the parameters of the former; `confidence_` is that of the new lines.

    Raises
    ------
    ValueError
        If there are fewer than 4 lines, if a text is empty, holds a line break or is too long for
        its image, or if X and y differ in length.
    RuntimeError
        If training was interrupted, or its loss was not finite.

    Warns
    -----
    UserWarning
        If y has characters that the decoder's language model does not know: it hinders them.

    See Also
    --------
    CTCRecognizer : With ``warm_start=True`` `fit` goes on from the present weights, for hundreds of
        lines and more.

    Notes
    -----
    The temperature of `calibrate_temperature` does not survive: calibrate again, on lines that were
    not used here.

    References
    ----------
    .. [1] M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.
    .. [2] A. Robins, "Catastrophic forgetting, rehearsal and pseudorehearsal", Connection Science
       7(2), 1995.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.recognition import CTCRecognizer, fine_tune
    >>> words = make_handwriting(20, texts=["on", "no"], random_state=0)
    >>> recognizer = CTCRecognizer(
    ...     height=16, channels=(4, 8, 8), hidden_units=8, max_epochs=1, random_state=0
    ... ).fit(words.images, words.text)
    >>> new = make_handwriting(8, texts=["ne", "on"], random_state=1)
    >>> tuned = fine_tune(recognizer, new.images, new.text, max_epochs=1, random_state=0)
    >>> tuned.alphabet_, recognizer.alphabet_
    ('noe', 'no')
    """
    recognizer = reader[-1] if isinstance(reader, Pipeline) else reader
    if not isinstance(recognizer, CTCRecognizer):
        if isinstance(reader, str | Path):
            hint = "; hwsk.load gives that of a name or file"
        else:  # a PageReader, a SpellingCorrector
            held = [name for name in ("recognizer_", "recognizer") if hasattr(reader, name)]
            hint = f", such as its `{held[0]}`" if held else ""
        raise TypeError(
            f"{type(recognizer).__name__} is not fine-tuned here: pass a CTCRecognizer, or a "
            f"Pipeline that ends in one{hint}"
        )
    check_is_fitted(recognizer)
    check_scalar(lr, "lr", Real, min_val=0, include_boundaries="neither")
    check_scalar(alpha, "alpha", Real, min_val=0, max_val=1)
    if not math.isfinite(alpha) or not math.isfinite(lr):
        raise ValueError(f"alpha={alpha} and lr={lr}: both are finite numbers")
    if max_epochs is not None:
        check_scalar(max_epochs, "max_epochs", Integral, min_val=1)
    if isinstance(callbacks, str) or not isinstance(callbacks, Iterable):
        raise TypeError(f"callbacks={callbacks!r}: pass a list of skorch callbacks")
    texts = check_texts(y, "y", allow_empty=False, one_line=True)
    if len(texts) < LEAST_LINES:
        raise ValueError(
            f"y holds {count(len(texts), 'line')}; fine-tuning needs {LEAST_LINES} or more"
        )
    images = _prepare(reader, X)
    check_consistent_length(images, texts)
    _warn_of_unknown(recognizer, texts)
    lines, written = images, texts
    if rehearsal is not None:
        others, further = _draw_rehearsal(reader, rehearsal, len(texts), random_state)
        lines, written = _join(images, others), texts + further
    tuned = copy.deepcopy(reader)
    last = tuned[-1] if isinstance(tuned, Pipeline) else tuned
    former_params, former = last.get_params(deep=False), _weights(last)
    epochs = max_epochs or max(3, math.ceil(_STEPS * _BATCH / len(images)))
    last.set_params(
        warm_start=True,
        max_epochs=epochs,
        batch_size=_BATCH,
        lr=lr,
        lr_schedule="one_cycle",
        ema_decay=0.0,
        early_stopping=False,
        callbacks=[_FixedStatistics(), _NewLettersFaster(len(recognizer.alphabet_)), *callbacks],
        random_state=random_state,
        verbose=verbose,
    )
    last.fit(lines, written)
    if last.n_iter_ < epochs:
        raise RuntimeError(
            f"fine-tuning ended after {last.n_iter_} of {count(epochs, 'epoch')}; the reader is as "
            "it was"
        )
    last.set_params(**former_params)
    last.net_.module_.load_state_dict(_between(former, _weights(last), alpha))
    last._warn_if_blank(images)
    return tuned


class _FixedStatistics(Callback):
    """Let batch normalisation use the statistics that it has: a few lines have no better ones."""

    def on_train_begin(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Have each layer set to evaluation whenever it is run."""
        self.hooks_ = [
            layer.register_forward_pre_hook(lambda layer, _: layer.eval() and None)
            for layer in net.module_.modules()
            if isinstance(layer, nn.BatchNorm2d)
        ]

    def on_train_end(self, net: Any, X: Any = None, y: Any = None, **kwargs: Any) -> None:
        """Take the hooks away."""
        for hook in self.hooks_:
            hook.remove()


class _NewLettersFaster(Callback):
    """Lengthen the steps of the weights that only new characters have: they have farthest to go.

    A tensor of weights has one learning rate in an optimizer; these are some of its rows.

    Parameters
    ----------
    n_known : int
        Characters that the network knew before.
    """

    def __init__(self, n_known: int) -> None:
        self.first = n_known + 1  # class 0 is the blank

    def on_batch_begin(self, net: Any, batch: Any = None, training: bool = False, **_: Any) -> None:
        """Keep the weights from before the step."""
        self.before_ = [rows.clone() for rows in self._rows(net)]

    def on_batch_end(self, net: Any, batch: Any = None, training: bool = False, **_: Any) -> None:
        """Go on in the step's direction."""
        for rows, before in zip(self._rows(net), self.before_, strict=True):
            rows.copy_(torch.lerp(before, rows, _NEW_LETTERS_LR))

    def _rows(self, net: Any) -> list[Tensor]:
        module = net.module_
        parameters = [*module.head.parameters(), *module.shortcut.parameters()]
        return [parameter.detach()[self.first :] for parameter in parameters]


def _prepare(reader: Any, X: Any) -> LazyImages:
    """The images that the recognizer is given."""
    images = changed = check_images(X)
    if isinstance(reader, Pipeline) and len(reader) > 1:
        changed = check_images(reader[:-1].transform(X))
    return images.loaded([image for _, image in walk(changed)])


def _join(some: LazyImages, others: LazyImages) -> LazyImages:
    files = [images.file(row) for images in (some, others) for row in range(len(images))]
    return LazyImages([*some.sources, *others.sources], files=files)


def _draw_rehearsal(
    reader: Any, rehearsal: tuple[Any, Any], n: int, random_state: Any
) -> tuple[LazyImages, list[str]]:
    """Lines by others, as many as there are new ones."""
    if not isinstance(rehearsal, tuple | list) or len(rehearsal) != 2:
        raise TypeError(
            f"rehearsal is {cut_value(rehearsal)} ({type(rehearsal).__name__}); pass a tuple of "
            "two: images, and a list of their texts"
        )
    texts = check_texts(rehearsal[1], "rehearsal[1]", allow_empty=False, one_line=True)
    images = check_images(rehearsal[0])
    if len(images) != len(texts):
        raise ValueError(
            f"rehearsal holds {count(len(images), 'image')} and {count(len(texts), 'text')}; give "
            "a text for each image"
        )
    rows = own_generator(random_state).permutation(len(texts))[:n].tolist()
    chosen = images[np.array(rows)]  # by position, whatever the index of a Series is
    return _prepare(reader, chosen), [texts[row] for row in rows]


def _warn_of_unknown(recognizer: CTCRecognizer, texts: Sequence[str]) -> None:
    model = getattr(recognizer.decoder, "language_model", None)
    if model is None:
        return
    known = {character for symbol in model.symbols_ for character in symbol} | {" "}
    unknown = sorted(set().union(*texts) - known)
    if model.unit == "char":  # it takes an accented letter for the one without
        unknown = [c for c in unknown if base_letter(c) not in known]
    if unknown:
        warn_caller(
            f"y has characters that the decoder's language model does not know, such as "
            f"{', '.join(map(repr, unknown[:_MOST_NAMED]))}; it hinders them. For another language "
            "set decoder=None, or a CTCDecoder with a language model of it"
        )


def _weights(recognizer: CTCRecognizer) -> dict[str, Tensor]:
    state = recognizer.net_.module_.state_dict()
    return {name: value.detach().cpu().clone() for name, value in state.items()}


def _between(
    former: dict[str, Tensor], tuned: dict[str, Tensor], alpha: float
) -> dict[str, Tensor]:
    """Weights between the two; those of new characters are all new."""
    for name, before in former.items():
        now = tuned[name]
        if now.is_floating_point():
            known = now[: len(before)] if before.dim() else now
            known.copy_(torch.lerp(before, known, alpha))
    return tuned
