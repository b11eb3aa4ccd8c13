"""Recognize text from pen strokes (`InkRecognizer`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array, some_rows
from hwsk._data.ink import N_FEATURES, Strokes, normalize_ink, trace_ink
from hwsk._data.texts import check_texts, warn_of_blanks
from hwsk._limits import LAYERS, UNITS, whole
from hwsk._training.batches import Augmentation
from hwsk._training.parameters import TRAINING_CONSTRAINTS, check_channels, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._wording import some_of
from hwsk.networks.crnn import CTCLoss
from hwsk.networks.ink import InkNetwork
from hwsk.recognition._ctc_training import CTCTraining, count_steps
from hwsk.recognition._decoding import CTCDecoder
from hwsk.recognition._details import Details
from hwsk.recognition._ink_prediction import InkDataset, InkPredictor, check_length
from hwsk.recognition._ink_stream import InkStream


@document_training
class InkRecognizer(CTCTraining, InkPredictor):
    """Recognize text from pen strokes: characters, words or lines of online handwriting.

    Strokes are brought to one size, level and upright, and resampled at even distances. Strided
    convolutions turn the points into time steps, a bidirectional LSTM reads them [1]_ [2]_, and
    connectionist temporal classification (CTC) finds which steps make which character [3]_.
    The alphabet is learnt from `y`.

    Parameters
    ----------
    point_spacing : float, default=0.2
        Distance of the points that strokes are resampled to, along the ink, in x-heights. Four
        points make a time step, and CTC needs a step for each character. A smaller distance takes
        longer.
    channels : tuple of 3 int, default=(48, 96, 128)
        Filters of each convolutional stage.
    hidden_units : int, default=128
        Units of each recurrent layer in each direction.
    num_layers : int, default=3
        Recurrent layers.
    dropout : float, default=0.2
        Share of the units left out at random in training: around the LSTM layers.
    decoder : CTCDecoder, default=None
        How the output of the network becomes a text: by a beam search, with a language model or a
        lexicon. None reads the best class of each time step (greedy). It may be changed after
        `fit`, as by ``set_params(decoder__lm_weight=1.0)``. Training always looks at greedy
        readings. A sample whose greedy reading is a single character keeps that reading where the
        decoder has a language model and no lexicon: such a model expects a line to begin with a
        capital.
    detokenize : bool, default=False
        Whether :func:`detokenize` is applied to what is read, so that a recognizer of transcripts
        like IAM's (`presto ! You 're`) gives `presto! You're`. For English alone. `score` then
        compares both sides without these blanks. It may be changed after `fit`.
    {training}

    Attributes
    ----------
    alphabet_ : str
        Characters that can be read. Class 0 of the network is CTC's blank, class i is
        `alphabet_[i - 1]`.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (1 - character error rate) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    temperature_ : float
        What log-probabilities are divided by before they count as confidence; 1 until
        `calibrate_temperature`.
    calibrated_with_ : dict of str to str
        What texts were decoded with in `calibrate_temperature`, if it was called.
    confidence_ : float
        Mean probability of the characters that are read in training samples at the end of `fit`,
        or in those of `calibrate_temperature`. `predict` warns of strokes read with much less. 0
        where it is not known: after `partial_fit` alone.

    See Also
    --------
    CTCRecognizer : The same for images.
    CTCDecoder : Reads the output of the network, whichever way.
    hwsk.preprocessing.augmentation.RandomStrokeDistortion : What `augment` may be.
    hwsk.datasets.load_strokes : Strokes of an InkML, SVG or JSON file.

    Notes
    -----
    Time stamps, pressure, the unit and the sampling rate of a device have no influence: baseline
    (a parabola), x-height and slant are estimated from the strokes of each sample and taken out.
    This belongs to the estimator, and is not a step of a Pipeline like those that clean images of
    lines: nothing in it depends on paper or scanner, and a stream of strokes needs it afresh with
    each new stroke. `augment` is given the strokes after it: an x-height is 1, the baseline is at
    0, the first row leads from it to the first point, and points are those that were recorded.

    The order of strokes is that of writing; a dot or bar that is set later counts there. So scripts
    from right to left need no `text_direction`: texts and strokes have the same order.

    Ink that is turned by more than some 10 degrees, or several lines at once, are not recognized:
    see :class:`hwsk.preprocessing.StrokeDeskewer`.

    `fit` takes no `sample_weight`: repeat a sample, or leave it out.

    References
    ----------
    .. [1] A. Graves, M. Liwicki, S. Fernandez, R. Bertolami, H. Bunke, J. Schmidhuber, "A novel
       connectionist system for unconstrained handwriting recognition", TPAMI 31(5), 2009.
    .. [2] V. Carbune, P. Gonnet, T. Deselaers, et al., "Fast multi-language LSTM-based online
       handwriting recognition", IJDAR 23, 2020.
    .. [3] A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, "Connectionist temporal
       classification: labelling unsegmented sequence data with recurrent neural networks",
       ICML 2006.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.recognition import InkRecognizer
    >>> words = make_handwriting(20, texts=["on", "no"], random_state=0)
    >>> recognizer = InkRecognizer(
    ...     channels=(4, 8, 8), hidden_units=8, num_layers=1, max_epochs=1, random_state=0
    ... )
    >>> recognizer.fit(words.strokes, words.text).alphabet_
    'no'
    """

    _native_data = "strokes_to_texts"
    _parameter_constraints: dict[str, list[Any]] = {
        "point_spacing": [Interval(Real, 0.01, 10, closed="both")],
        "channels": [tuple, list],
        "hidden_units": [whole(1, UNITS)],
        "num_layers": [whole(1, LAYERS)],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "decoder": [CTCDecoder, None],
        "detokenize": ["boolean"],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        *,
        point_spacing: float = 0.2,
        channels: tuple[int, int, int] = (48, 96, 128),
        hidden_units: int = 128,
        num_layers: int = 3,
        dropout: float = 0.2,
        decoder: CTCDecoder | None = None,
        detokenize: bool = False,
        max_epochs: int = 50,
        batch_size: int = 16,
        lr: float = 2e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 1e-2,
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
        self.point_spacing = point_spacing
        self.channels = channels
        self.hidden_units = hidden_units
        self.num_layers = num_layers
        self.dropout = dropout
        self.decoder = decoder
        self.detokenize = detokenize
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
        tags.target_tags.required = True
        tags.input_tags.two_d_array = False
        tags.input_tags.three_d_array = True
        tags.non_deterministic = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, groups: Any = None) -> InkRecognizer:
        """Learn to recognize text.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes of a character, a word or a line each: dx, dy (downwards), pen_up, as
            `load_iam_online` and `load_strokes` give them, in any unit, in the order of writing.
        y : array-like of str of shape (n_samples,)
            What is written.
        groups : array-like of shape (n_samples,), default=None
            Writers: with `early_stopping`, none is on both sides of the split.

        Returns
        -------
        self : InkRecognizer
            The fitted recognizer.

        Raises
        ------
        ValueError
            If strokes are not `(T, 3)`, hold NaN or are too long for a line, if y holds numbers or
            missing values, if a text is empty or needs more time steps than its strokes give, or if
            X and y differ in length; the message names the rows.
        """
        further = self.warm_start and hasattr(self, "net_")
        self._fit(X, y, groups, further=further, max_epochs=None)
        self._warn_if_blank(self._inputs(X))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any) -> InkRecognizer:
        """Go once over some data, at a constant learning rate, from the weights there are.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes, as in `fit`.
        y : array-like of str of shape (n_samples,)
            What is written; new characters are added to the alphabet.

        Returns
        -------
        self : InkRecognizer
            The recognizer, one epoch further.
        """
        return self._fit(X, y, None, further=hasattr(self, "net_"), max_epochs=1)

    def predict_details(self, X: Any) -> list[Details]:
        """Recognize text, with the place and the confidence of each character and word.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes, as in `fit`.

        Returns
        -------
        details : list of dict
            For each sample

            text
                What was read.
            characters
                A dict for each: `text`, `probability`, `start` and `stop`, between which rows of
                the sample it was written, and `strokes`, the numbers of those strokes, from 0. A
                blank is a character, too, and has no strokes where only the lifted pen writes it.
            words
                A dict for each of what stands between blanks: `text`, `mean`, `minimum` and
                `geometric_mean` of the probabilities of its characters, `start`, `stop` and
                `strokes`.
            mean, minimum, geometric_mean
                The same of all characters; 0 where nothing was read.
            relative, language_fit
                As for images, by the strokes alone.

            It is plain data, that `json.dumps` takes.

        See Also
        --------
        CTCRecognizer.predict_details : The same for images, and how probabilities are found.

        Notes
        -----
        CTC shows a character in a step or two of its length; it is taken to reach half way to its
        neighbours. So places hold to about a third of a character, and neighbours may share a
        stroke. A dot or bar that is set after the next letters belongs to what was written then.
        """
        return self._details(X)

    def predict_log_proba(self, X: Any) -> NDArray[np.object_]:
        """Predict the log-probability of each class at each time step.

        Parameters
        ----------
        X : list or object array of ndarray of shape (T, 3)
            Strokes, as in `fit`.

        Returns
        -------
        log_proba : ndarray of shape (n_samples,), dtype object
            Each a float32 array of shape `(time steps, 1 + len(alphabet_))`; column 0 is the blank,
            column i the character `alphabet_[i - 1]`. There is a step for each four points, in the
            order of writing. :class:`CTCDecoder` reads them.
        """
        return self._predict_log_proba(X)

    def stream(self) -> InkStream:
        """Recognize strokes as they are written.

        Returns
        -------
        stream : InkStream
            Takes strokes, and takes them back; its `text` is what `predict` gives of the strokes so
            far.
        """
        check_is_fitted(self)
        return InkStream(self)

    def _fit(
        self, X: Any, y: Any, groups: Any, *, further: bool, max_epochs: int | None
    ) -> InkRecognizer:
        check_channels(self.channels)
        strokes = self._inputs(X)
        texts = check_texts(y, "y", allow_empty=False, one_line=True)
        check_consistent_length(strokes, texts, groups)
        warn_of_blanks(texts, "y")
        normalized = [
            check_length(sample, row, self.point_spacing)
            for row, sample in enumerate(self._map_rows(partial(_normalize, strokes), len(strokes)))
        ]
        least_points = _check_steps(texts, normalized, self.point_spacing)
        with restored_on_failure(self):
            self._learn_alphabet(texts, further)
            targets = self._make_targets(texts)
            samples = object_array(normalized)

            def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> InkDataset:
                return InkDataset(
                    samples[rows],
                    self.point_spacing,
                    targets[rows],
                    least_points[rows],
                    self.augment if training else None,
                    seed,
                )

            make_module = self._make_module if not further else self._module_to_train_further
            self._reader()  # it complains now or after hours of training
            self._train(make_dataset, len(texts), groups, make_module, max_epochs)
        return self

    def _make_module(self) -> InkNetwork:
        return InkNetwork(
            N_FEATURES,
            len(self.alphabet_) + 1,
            tuple(self.channels),
            self.hidden_units,
            self.num_layers,
            self.dropout,
        )

    def _make_criterion(self) -> CTCLoss:
        return CTCLoss(0.0)


def _normalize(strokes: Sequence[Strokes], row: int) -> Strokes:
    return normalize_ink(strokes[row])


def _check_steps(
    texts: Sequence[str], normalized: Sequence[Strokes], spacing: float
) -> NDArray[np.int64]:
    """Give the least number of points for each text, and refuse strokes that have fewer."""
    needed = count_steps(texts)
    points = np.array([len(trace_ink(sample, spacing).rows) for sample in normalized])
    given = InkNetwork.output_lengths(torch.from_numpy(points)).numpy()
    short = np.flatnonzero(needed > given)
    if len(short):
        row = short[0]
        raise ValueError(
            f"{some_of(len(short), len(texts), 'texts', 'need more time steps')} than the strokes "
            f"give, rows {some_rows(short)}; row {row}: {texts[row]!r} needs {needed[row]}, and "
            f"the strokes, {points[row]} points at point_spacing={spacing:g}, give {given[row]}. "
            "Use a smaller point_spacing, or leave those samples out"
        )
    return InkNetwork.stride * (needed - 1) + 1
