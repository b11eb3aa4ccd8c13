"""Predict the next pen position from all points so far (`StrokePredictor`)."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import Bunch, check_consistent_length, check_scalar
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array
from hwsk._data.strokes import check_strokes
from hwsk._training.batches import Augmentation
from hwsk._training.parameters import document_training
from hwsk._training.rollback import restored_on_failure
from hwsk.synthesis._density import (
    DENSITY_CONSTRAINTS,
    StrokeDensity,
    check_lengths,
    document_density,
    generators,
)


@document_training
@document_density
class StrokePredictor(StrokeDensity):
    """Learn to write, not what to write: a density of each point of the pen given all before it.

    Graves' prediction network [1]_: stacked LSTM layers that each see the point, and on top a
    mixture of bivariate Gaussians for the next offset, with the probability that the pen lifts.

    Parameters
    ----------
    hidden_units : int, default=400
        Units of each recurrent layer in each direction. There is one.
    num_layers : int, default=3
        Recurrent layers.
    n_mixtures : int, default=20
        Gaussians of the mixture.
    bias : float, default=0.0
        How regularly to write: 0 draws from the density as it is, more writes more regularly. May
        be changed after `fit`.
    {density}
    {training}

    Attributes
    ----------
    mean_, scale_ : ndarray of shape (2,)
        Mean and standard deviation of the offsets in `fit`.
    history_ : list of dict
        `epoch`, `train_loss` (nats a line, negative log-likelihood), `dur` (seconds) and, with
        early stopping, `valid_loss` and `valid_score` of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.

    See Also
    --------
    HandwritingSynthesizer : The same density, given the text to write.

    Notes
    -----
    Likelihoods are in the units of the paper: offsets divided by their standard deviations in
    `fit`, each axis by its own, nothing clipped, the sum over all points of a line but the first,
    which is where the line starts. It is a density, so that it may be above 1.

    The recording's offsets are whole numbers: a density may put spikes on them. Deviations of the
    Gaussians have a floor (e\\ :sup:`-7`), far below the distance of two whole numbers.

    `fit` takes no `sample_weight`: repeat a sample, or leave it out.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, section 4. Without peephole connections.
    .. [2] A. Graves, "Practical variational inference for neural networks", NeurIPS 2011.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.synthesis import StrokePredictor
    >>> words = make_handwriting(60, n_writers=6, random_state=0)
    >>> predictor = StrokePredictor(hidden_units=32, num_layers=1, max_epochs=4, random_state=0)
    >>> predictor = predictor.fit(words.strokes)
    >>> bool(
    ...     predictor.score(words.strokes)
    ...     > StrokePredictor(hidden_units=32, num_layers=1, max_epochs=1, random_state=0)
    ...     .fit(words.strokes)
    ...     .score(words.strokes)
    ... )
    True
    """

    _native_data = "strokes"
    _parameter_constraints: dict[str, list[Any]] = DENSITY_CONSTRAINTS

    def __init__(
        self,
        hidden_units: int = 400,
        *,
        num_layers: int = 3,
        n_mixtures: int = 20,
        bias: float = 0.0,
        weight_noise: float | str = 0.0,
        optimizer: str = "adamw",
        output_clip: float | None = 100.0,
        lstm_clip: float | None = 10.0,
        bptt_steps: int | None = None,
        max_epochs: int = 20,
        batch_size: int = 32,
        lr: float = 2e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 0.0,
        ema_decay: float = 0.0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 10,
        augment: Augmentation | None = None,
        device: str | torch.device = "auto",
        precision: str = "auto",
        n_jobs: int | None = None,
        warm_start: bool = False,
        callbacks: list[Any] | None = None,
        random_state: Any = None,
        verbose: int = 0,
    ) -> None:
        self.hidden_units = hidden_units
        self.num_layers = num_layers
        self.n_mixtures = n_mixtures
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
        self.n_jobs = n_jobs
        self.warm_start = warm_start
        self.callbacks = callbacks
        self.random_state = random_state
        self.verbose = verbose

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, groups: Any = None) -> StrokePredictor:
        """Learn the density of strokes.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes: dx, dy, pen_up, as `load_iam_online` gives them.
        y : None
            Not used.
        groups : array-like of shape (n_samples,), default=None
            Writers: with `early_stopping`, none is on both sides of the split.

        Returns
        -------
        self : StrokePredictor
            The fitted density.

        Raises
        ------
        ValueError
            If strokes are not `(T, 3)`, have one point or more than 20,000, or hold NaN; the
            message names the row.
        """
        further = self.warm_start and hasattr(self, "net_")
        with restored_on_failure(self):
            sequences = check_strokes(X)
            check_consistent_length(sequences, groups)
            check_lengths(sequences)
            if not further:
                self._learn_scale(sequences)
            self._fit_sequences(sequences, None, groups, further, None)
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Compute the log-likelihood of each line.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes, as in `fit`.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, of the whole line in units of `scale_`; higher is better.
        """
        check_is_fitted(self)
        return self._score_sequences(check_strokes(X), None)

    def score(self, X: Any, y: Any = None) -> float:
        """Compute the mean log-likelihood of the lines.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes, as in `fit`.
        y : None
            Not used.

        Returns
        -------
        score : float
            In nats a line; higher is better. See `score_samples`.
        """
        return float(self.score_samples(X).mean())

    def predict_mixture(self, X: Any) -> list[Bunch]:
        """Compute the density of each point given those before it: a mixture of K Gaussians.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes, as in `fit`.

        Returns
        -------
        mixtures : list of sklearn.utils.Bunch
            One for each line, of all its points but the first, in float64 and the units of `fit`:

            weights : ndarray of shape (T - 1, K)
                Probability of each component.
            means, scales : ndarray of shape (T - 1, K, 2)
                Of dx and dy, scales being standard deviations.
            correlations : ndarray of shape (T - 1, K)
                Of dx with dy.
            lift : ndarray of shape (T - 1,)
                Probability that the pen is lifted after the point.

        See Also
        --------
        hwsk.plotting.MixtureDisplay : A picture of it.
        """
        check_is_fitted(self)
        return self._mixtures(check_strokes(X), None)

    def sample(
        self,
        n_samples: int = 1,
        *,
        n_points: int = 600,
        bias: float | None = None,
        random_state: Any = None,
    ) -> NDArray[Any]:
        """Write something that looks like writing.

        Parameters
        ----------
        n_samples : int, default=1
            How many lines.
        n_points : int, default=600
            Points of each.
        bias : float, default=None
            Instead of the parameter of that name.
        random_state : int, RandomState instance or None, default=None
            Seed. A line is the same whatever `n_samples` is, up to rounding.

        Returns
        -------
        strokes : object array of ndarray of shape (n_points + 1, 3)
            Float32, in the units of `fit`, of which the first point is where the line starts.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        check_scalar(n_points, "n_points", Integral, min_val=1)
        rngs = generators(random_state, n_samples)
        starts, most = [self._start()] * n_samples, [n_points] * n_samples
        drawn = self._sample(starts, rngs, most, self._bias(bias))
        return object_array([self._restore_strokes(line.points) for line in drawn])
