"""`HandwritingSynthesizer`: text to pen strokes."""

from __future__ import annotations

import unicodedata
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_array, check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils._tags import Tags
from sklearn.utils.validation import validate_data

from hwsk._images import some_rows
from hwsk._strokes import check_sample
from hwsk.base import Augmentation, document_training
from hwsk.networks.strokes import StrokeNetwork
from hwsk.synthesis._density import (
    DENSITY_CONSTRAINTS,
    Sequence2D,
    StrokeDensity,
    check_lengths,
    document_density,
)


@document_training
@document_density
class HandwritingSynthesizer(StrokeDensity):
    """Write a text by hand: a density of each point of the pen given all before it, and the text.

    Graves' synthesis network [1]_: the first of the stacked LSTM layers moves a soft window over
    the characters of the text, all layers see what is in it, and on top is a mixture of bivariate
    Gaussians for the next offset, with the probability that the pen lifts.

    Parameters
    ----------
    hidden_units : int, default=400
        Units of each LSTM layer.
    num_layers : int, default=3
        LSTM layers.
    n_mixtures : int, default=20
        Gaussians of the mixture.
    n_windows : int, default=10
        Gaussians of the window.
    bias : float, default=0.5
        In `predict` and `sample`: 0 draws from the density as it is, more writes more regularly
        and more legibly. May be changed after `fit`.
    {density}
    {training}

    Attributes
    ----------
    alphabet_ : str
        The characters that can be written: those of the texts in `fit`, sorted.
    mean_, scale_ : ndarray of shape (2,)
        Mean and standard deviation of the offsets in `fit`.
    history_ : list of dict
        `epoch`, `train_loss` (nats a line, negative log-likelihood), `dur` (seconds) and, with
        early stopping, `valid_loss` and `valid_score` of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    See Also
    --------
    StrokePredictor : The same without a text.
    write : Whole pages.
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "n_windows": [Interval(Integral, 1, None, closed="left")],
        **DENSITY_CONSTRAINTS,
    }

    def __init__(
        self,
        hidden_units: int = 400,
        num_layers: int = 3,
        n_mixtures: int = 20,
        n_windows: int = 10,
        bias: float = 0.5,
        *,
        weight_noise: float | str = 0.0,
        optimizer: str = "adamw",
        output_clip: float | None = 100.0,
        lstm_clip: float | None = 10.0,
        bptt_steps: int | None = None,
        max_epochs: int = 20,
        batch_size: int = 32,
        lr: float = 2e-3,
        lr_schedule: str = "one_cycle",
        weight_decay: float = 0.0,
        ema_decay: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        augment: Augmentation | None = None,
        device: str = "auto",
        precision: str = "auto",
        warm_start: bool = False,
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_units = hidden_units
        self.num_layers = num_layers
        self.n_mixtures = n_mixtures
        self.n_windows = n_windows
        self.bias = bias
        self.weight_noise = weight_noise
        self.optimizer = optimizer
        self.output_clip = output_clip
        self.lstm_clip = lstm_clip
        self.bptt_steps = bptt_steps
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.lr = lr
        self.lr_schedule = lr_schedule
        self.weight_decay = weight_decay
        self.ema_decay = ema_decay
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.augment = augment
        self.device = device
        self.precision = precision
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.target_tags.required = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, groups: Any = None) -> HandwritingSynthesizer:
        """Learn to write.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts.
        y : list or object array of ndarray of shape (T, 3)
            Their strokes: dx, dy, pen_up, as `load_iam_online` gives them.
        groups : array-like of shape (n_samples,), default=None
            Writers: with `early_stopping`, none is on both sides of the split.

        Returns
        -------
        self : HandwritingSynthesizer
            The fitted synthesizer.

        Raises
        ------
        ValueError
            If a text is empty, or strokes are not `(T, 3)`, have one point or more than 20,000, or
            hold NaN; the message names the row.
        """
        former = dict(vars(self))
        further = self.warm_start and hasattr(self, "net_")
        try:
            contexts = self._contexts(X, reset=not further)
            sequences = self._sequences(y)
            check_consistent_length(contexts, sequences, groups)
            check_lengths(sequences)
            if not further:
                self._learn_scale(sequences)
                self.first_step_ = sum(map(len, contexts)) / sum(map(len, sequences))
            self._fit_sequences(sequences, contexts, groups, further, None)
        except BaseException:  # a former network and another alphabet would write nonsense
            self.__dict__ = former
            raise
        return self

    def _make_module(self) -> StrokeNetwork:
        return StrokeNetwork(
            self.n_channels_,
            self.hidden_units,
            self.num_layers,
            self.n_mixtures,
            n_context=len(self.alphabet_) if hasattr(self, "alphabet_") else 1,
            n_windows=self.n_windows,
            first_step=self.first_step_,
            derivative_clip=self.lstm_clip,
        )

    def _contexts(self, X: Any, reset: bool = False) -> list[NDArray[Any]]:
        """Each text as vectors, one a character: one-hot; or the row of a table, standardised."""
        if _is_table(X):
            table = validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
            if reset:
                self.context_mean_, self.context_scale_ = table.mean(axis=0), table.std(axis=0)
                self.context_scale_[self.context_scale_ == 0] = 1
            scaled = (table - self.context_mean_) / self.context_scale_
            return list(scaled[:, :, None])
        if not reset and not hasattr(self, "alphabet_"):
            raise ValueError(
                f"HandwritingSynthesizer was fitted on a 2-D array of {self.n_features_in_} "
                "columns, and X holds texts"
            )
        texts = check_writable(X)
        if reset:
            self.alphabet_ = "".join(sorted(set("".join(texts))))
        return [self._one_hot(text) for text in texts]

    def _one_hot(self, text: str) -> NDArray[np.uint8]:
        return np.array([[c == known for known in self.alphabet_] for c in text], np.uint8)

    def _sequences(self, y: Any) -> list[Sequence2D]:
        """Strokes; or, of a table, the numbers of each row after a zero."""
        if y is None:
            raise ValueError("requires y to be passed, but the target y is None: pass the strokes")
        if hasattr(self, "alphabet_"):
            if isinstance(y, np.ndarray) and y.dtype != object and y.ndim != 3:
                raise ValueError(
                    f"y is an array of shape {y.shape} and dtype {y.dtype}; texts are written by "
                    "strokes: a list or object array of (T, 3) arrays"
                )
            return [check_sample(sample, row) for row, sample in enumerate(y)]
        table = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
        self.target_ndim_ = table.ndim
        zeros = np.zeros(len(table))
        return list(np.column_stack([zeros, table])[:, :, None])


def check_writable(texts: Any) -> list[str]:
    """Texts, in Unicode's composed form, none of them empty."""
    if isinstance(texts, (str, bytes)):
        raise ValueError(f"X is one string ({texts!r}); pass a list of texts")
    texts = list(texts)
    if not texts:
        raise ValueError("Found array with 0 sample(s) while a minimum of 1 is required: no texts")
    for row, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"X holds {text!r} ({type(text).__name__}) in row {row}, no text")
    if empty := [row for row, text in enumerate(texts) if not text.strip()]:
        raise ValueError(
            f"{len(empty)} of {len(texts)} texts are empty, rows {some_rows(empty)}: there is "
            "nothing to write"
        )
    return [unicodedata.normalize("NFC", text) for text in texts]


def _is_table(X: Any) -> bool:
    """Whether X is numbers, a row a sample, and no texts."""
    if hasattr(X, "columns") or hasattr(X, "toarray"):  # data frame, sparse matrix
        return True
    if isinstance(X, str):
        return False
    array = np.asarray(X) if hasattr(X, "__array__") else np.asarray(X, dtype=object)
    return array.ndim != 1 or array.dtype.kind in "biufc"
