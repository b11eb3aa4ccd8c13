"""Generate pen strokes from text (`HandwritingSynthesizer`)."""

from __future__ import annotations

from numbers import Integral
from typing import Any
from zlib import crc32

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import Bunch, check_consistent_length, check_scalar
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import object_array, some_rows
from hwsk._data.strokes import check_strokes
from hwsk._data.texts import check_texts
from hwsk._limits import LAYERS, UNITS, whole
from hwsk._training.batches import Augmentation
from hwsk._training.devices import draw_seed
from hwsk._training.parameters import document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import warn_caller
from hwsk._wording import count, some_of
from hwsk.networks.strokes import StrokeNetwork
from hwsk.synthesis._density import (
    DENSITY_CONSTRAINTS,
    Strokes,
    check_lengths,
    document_density,
    generators,
)
from hwsk.synthesis._hands import HandsMixin
from hwsk.synthesis._sampling import Sample

_POINTS_A_CHARACTER = 60  # at most: text is about 25 times shorter than ink
_BEYOND = 0.2  # characters beyond the middle of the last one


@document_training
@document_density
class HandwritingSynthesizer(HandsMixin):
    """Write a text by hand: a density of each point of the pen given all before it, and the text.

    Graves' synthesis network [1]_: the first of the stacked LSTM layers moves a soft window over
    the characters of the text, all layers see what is in it, and on top is a mixture of bivariate
    Gaussians for the next offset, with the probability that the pen lifts.

    Parameters
    ----------
    hidden_units : int, default=400
        Units of each recurrent layer in each direction. There is one.
    num_layers : int, default=3
        Recurrent layers.
    n_mixtures : int, default=20
        Gaussians of the mixture.
    n_windows : int, default=10
        Gaussians of the window.
    bias : float, default=0.5
        How regularly to write: 0 draws from the density as it is, more writes more regularly and
        more legibly. May be changed after `fit`.
    style_units : int, default=0
        Length of the vector that describes a hand: an encoder learns along to make it from another
        line of the writer (`groups` of `fit`), and all layers see it at each step. 0: the hand is
        what a prime leaves in the network's state, as in the paper.
    {density}
    {training}

    Attributes
    ----------
    alphabet_ : str
        The characters that can be written: those of the texts in `fit`, sorted.
    mean_, scale_ : ndarray of shape (2,)
        Mean and standard deviation of the offsets in `fit`.
    styles_ : ndarray of shape (n_writers, style_units)
        Float32: the hands of the writers in `fit`, in the order of their names in `groups`, each
        the mean of its lines' vectors; without `style_units`, empty.
    history_ : list of dict
        `epoch`, `train_loss` (nats a line, negative log-likelihood), `dur` (seconds) and, with
        early stopping, `valid_loss` and `valid_score` of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.

    See Also
    --------
    StrokePredictor : The same without a text.
    hwsk.writing.write : Write whole sheets.
    hwsk.plotting.AttentionDisplay : Where the window is while the pen moves.

    Notes
    -----
    Likelihoods are in the units of the paper: see :class:`StrokePredictor`.

    A line ends where the window sees more of the place after the text than of any character. A
    text longer than those of `fit` is written to its end, but the hand may lose its way in it:
    :func:`hwsk.writing.write` breaks it into lines.

    `fit` takes no `sample_weight`: repeat a sample, or leave it out.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, section 5. Without peephole connections.
    .. [2] A. Graves, "Practical variational inference for neural networks", NeurIPS 2011.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.synthesis import HandwritingSynthesizer
    >>> words = make_handwriting(60, n_writers=6, random_state=0)
    >>> synthesizer = HandwritingSynthesizer(hidden_units=16, num_layers=1, max_epochs=2)
    >>> synthesizer = synthesizer.fit(words.text, words.strokes)
    >>> synthesizer.score(words.text, words.strokes) < 0  # it takes hours to learn to write
    True

    One that has learnt it:

    >>> import hwsk
    >>> synthesizer = hwsk.load("synthesizer")  # doctest: +SKIP
    >>> synthesizer.predict(["Hello"])[0].shape  # doctest: +SKIP
    (146, 3)
    """

    _native_data = "texts_to_strokes"
    _parameter_constraints: dict[str, list[Any]] = {
        "n_windows": [whole(1, LAYERS)],
        "style_units": [whole(0, UNITS)],
        **DENSITY_CONSTRAINTS,
    }

    def __init__(
        self,
        hidden_units: int = 400,
        *,
        num_layers: int = 3,
        n_mixtures: int = 20,
        n_windows: int = 10,
        bias: float = 0.5,
        style_units: int = 0,
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
        self.n_windows = n_windows
        self.bias = bias
        self.style_units = style_units
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
        tags.input_tags.one_d_array = True
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
            Writers, whose hands are learnt with `style_units`; with `early_stopping`, none is on
            both sides of the split.

        Returns
        -------
        self : HandwritingSynthesizer
            The fitted synthesizer.

        Raises
        ------
        ValueError
            If a text is empty, or strokes are not `(T, 3)`, have one point or more than 20,000, or
            hold NaN; the message names the row. With `style_units`, if `groups` is None.
        """
        if self.style_units and groups is None:
            raise ValueError(
                f"style_units={self.style_units} learns hands, and groups is None: pass the writer "
                "of each line"
            )
        further = self.warm_start and hasattr(self, "net_")
        with restored_on_failure(self):
            contexts = self._contexts(X, reset=not further)
            sequences = self._sequences(y)
            check_consistent_length(contexts, sequences, groups)
            check_lengths(sequences)
            if not further:
                self._learn_scale(sequences)
                self.first_step_ = sum(map(len, contexts)) / sum(map(len, sequences))
                self.seed_ = draw_seed(self.random_state)
            writers = list(groups) if self.style_units else None
            self._fit_sequences(sequences, contexts, groups, further, None, writers)
            self.styles_ = self._mean_styles(sequences, writers)
        return self

    def _make_module(self) -> StrokeNetwork:
        return StrokeNetwork(
            self.hidden_units,
            self.num_layers,
            self.n_mixtures,
            n_context=len(self.alphabet_),
            n_windows=self.n_windows,
            first_step=self.first_step_,
            derivative_clip=self.lstm_clip,
            n_style=self.style_units,
        )

    def _contexts(self, X: Any, reset: bool = False) -> list[NDArray[Any]]:
        """Each text as one-hot vectors, one a character."""
        texts = check_texts(X, allow_empty=False)
        if reset:
            self.alphabet_ = "".join(sorted(set("".join(texts))))
        return [self._one_hot(text) for text in texts]

    def _one_hot(self, text: str) -> NDArray[np.uint8]:
        if unknown := "".join(sorted(set(text) - set(self.alphabet_))):
            raise ValueError(
                f"{text!r} has {', '.join(map(repr, unknown))}, which no text of `fit` had; known "
                f"are {self.alphabet_!r}"
            )
        return np.array([[c == known for known in self.alphabet_] for c in text], np.uint8)

    def _sequences(self, y: Any) -> list[Strokes]:
        if y is None:
            raise ValueError("y is None; pass the strokes of the texts")
        return check_strokes(y, "y")

    def score_samples(self, X: Any, y: Any = None) -> NDArray[np.float64]:
        """Compute the log-likelihood of each line of strokes, given its text.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts.
        y : list or object array of ndarray of shape (T, 3), default=None
            Their strokes; None takes what `predict` writes.

        Returns
        -------
        log_likelihood : ndarray of shape (n_samples,)
            In nats, of the whole line in units of `scale_`; higher is better.
        """
        check_is_fitted(self)
        contexts = self._contexts(X)
        sequences = self._sequences(self.predict(X) if y is None else y)
        check_consistent_length(contexts, sequences)
        return self._score_sequences(sequences, contexts)

    def score(self, X: Any, y: Any) -> float:
        """Compute the mean log-likelihood of lines of strokes, given their texts.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts.
        y : list or object array of ndarray of shape (T, 3)
            Their strokes.

        Returns
        -------
        score : float
            In nats a line; higher is better. See `score_samples`.
        """
        return float(self.score_samples(X, self._sequences(y)).mean())

    def predict(self, X: Any) -> NDArray[Any]:
        """Write texts; the same text is always written the same way.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts.

        Returns
        -------
        strokes : object array of ndarray of shape (T, 3)
            Float32, in the units of `fit`, of which the first point is where the line starts.

        Raises
        ------
        ValueError
            If a text is empty or has a character that is not in `alphabet_`.

        See Also
        --------
        sample : Other ways to write the same text, and other hands.
        """
        check_is_fitted(self)
        contexts = self._contexts(X)
        rngs = [np.random.default_rng([self.seed_, crc32(text.tobytes())]) for text in contexts]
        return self._write(
            contexts,
            rngs,
            self._bias(None),
            None,
        )

    def sample(
        self,
        n_samples: int = 1,
        *,
        texts: Any,
        prime: Any = None,
        style: Any = None,
        bias: float | None = None,
        tries: int = 4,
        random_state: Any = None,
    ) -> NDArray[Any]:
        """Write texts, by chance or in a given hand.

        Parameters
        ----------
        n_samples : int, default=1
            Times that each text is written.
        texts : array-like of str of shape (n_texts,)
            What to write.
        prime : (strokes, text), or a list of such pairs, one for each text, default=None
            Strokes `(T, 3)` in the units of `fit` and what they say: the network has "written"
            them before, and goes on in that hand [1]_ (section 5.5). They are not in the result.
        style : int or array-like of shape (style_units,) or (n_texts, style_units), default=None
            The hand, for a synthesizer with `style_units`: a row of `styles_`, or a vector or one
            for each text, as `encode_style` gives them. None: that of the prime, or without a
            prime a new one each time.
        bias : float, default=None
            Instead of the parameter of that name.
        tries : int, default=4
            How often a line is drawn at most, as long as its text does not come to its end.
        random_state : int, RandomState instance or None, default=None
            Seed. A text is written the same way whatever comes after it, up to rounding.

        Returns
        -------
        strokes : object array of shape (n_texts * n_samples,) of ndarray of shape (T, 3)
            The samples of the first text, then those of the next. Float32, in the units of `fit`,
            of which the first point is where the line starts.

        Raises
        ------
        ValueError
            If a text is empty or has a character that is not in `alphabet_`, if a prime has no
            text, or if `bias` is below 0.

        Warns
        -----
        UserWarning
            If a line was cut: each time, the window had stopped before the text's end, or had not
            come there after 60 points a character.

        References
        ----------
        .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
           2013.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        check_scalar(tries, "tries", Integral, min_val=1)
        contexts = [context for context in self._contexts(texts) for _ in range(n_samples)]
        if isinstance(prime, list):
            prime = [one for one in prime for _ in range(n_samples)]
        rngs = generators(random_state, len(contexts))
        styles = self._styles(style, len(contexts), n_samples)
        return self._write(contexts, rngs, self._bias(bias), prime, styles, tries)

    def _write(
        self,
        contexts: list[NDArray[Any]],
        rngs: list[np.random.Generator],
        bias: float,
        prime: Any,
        styles: NDArray[np.float32] | None = None,
        tries: int = 4,
    ) -> NDArray[Any]:
        n = len(contexts)
        primes = self._primes(prime, n)
        if styles is None and prime is not None and self.style_units:
            pairs = prime if isinstance(prime, list) else [prime]
            styles = np.resize(
                self.encode_style([strokes for strokes, _ in pairs]), (n, self.style_units)
            )
        starts = [self._start() if start is None else start for start, _ in primes]
        most = [_POINTS_A_CHARACTER * (1 + len(text)) for text in contexts]
        blank = " " if " " in self.alphabet_ else ""
        before = ["" if start is None else text + blank for start, text in primes]
        whole = [
            np.concatenate([self._one_hot(prefix).reshape(-1, text.shape[1]), text])
            for prefix, text in zip(before, contexts, strict=True)
        ]
        lines: dict[int, Sample] = {}
        cut = list(range(n))
        for _ in range(tries):
            drawn = self._sample(
                [starts[row] for row in cut],
                [rngs[row] for row in cut],
                [most[row] for row in cut],
                bias,
                [whole[row] for row in cut],
                None if styles is None else styles[cut],
            )
            lines.update(zip(cut, drawn, strict=True))
            cut = [row for row in cut if not lines[row].finished]
            if not cut:
                break
        else:
            warn_caller(
                f"{some_of(len(cut), n, 'lines', 'were cut')}, rows {some_rows(cut)}: in "
                f"{count(tries, 'try', 'tries')} the window did not come to the text's end",
            )
        return object_array(
            [
                self._restore_strokes(lines[row].points[_own(lines[row], len(prefix), len(text))])
                for row, (prefix, text) in enumerate(zip(before, whole, strict=True))
            ]
        )

    def predict_mixture(self, X: Any, y: Any) -> list[Bunch]:
        """Compute the density of each point given those before it and the text.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts.
        y : list or object array of ndarray of shape (T, 3)
            Their strokes.

        Returns
        -------
        mixtures : list of sklearn.utils.Bunch
            One for each line, as `StrokePredictor.predict_mixture` gives them.

        See Also
        --------
        hwsk.plotting.MixtureDisplay : A picture of it.
        """
        check_is_fitted(self)
        contexts, sequences = self._contexts(X), self._sequences(y)
        check_consistent_length(contexts, sequences)
        return self._mixtures(sequences, contexts)

    def attention(self, X: Any, y: Any) -> NDArray[Any]:
        """Compute the window's weights while strokes are written: phi of equation 46.

        Parameters
        ----------
        X : array-like of str of shape (n_samples,)
            Texts.
        y : list or object array of ndarray of shape (T, 3)
            Their strokes.

        Returns
        -------
        phi : object array of ndarray of shape (T - 1, n_characters + 1)
            Float32: after each point but the last, how much the window sees of each character, and
            of the place after the text.

        See Also
        --------
        hwsk.plotting.AttentionDisplay : A picture of it.
        """
        check_is_fitted(self)
        contexts, sequences = self._contexts(X), self._sequences(y)
        check_consistent_length(contexts, sequences)
        check_lengths(sequences)
        module, device = self.net_.module_.eval(), self.net_.device
        phis = []
        for context, points in zip(contexts, sequences, strict=True):
            points_of_one = torch.from_numpy(self._standardize(points[:-1]))[None].to(device)
            places = torch.from_numpy(np.pad(context, ((0, 1), (0, 0)))).to(points_of_one)
            with torch.inference_mode():
                phis.append(module.attention_over(points_of_one, places[None])[0].cpu().numpy())
        return object_array(phis)


def _own(line: Sample, n_before: int, n_characters: int) -> slice:
    """Mask the points of a line that are its own text: no prime, no resting pen.

    Up to where the window sees the text's first character, the widest jump of the lifted pen is
    the blank between the prime and the text. Between the last character and the end of the line
    the pen has nothing more to write, and may leave a dot or two.
    """
    after_lifts = np.flatnonzero(line.points[:-1, 2] == 1) + 1
    start = 0
    if n_before and (own := np.flatnonzero(line.places >= n_before - 0.5)).size:
        strokes = np.append(0, after_lifts[after_lifts <= own[0]])  # the prime's last point lifts
        start = int(strokes[line.points[strokes, 0].argmax()])
        while line.points[start, 2] == 1 and start < own[0]:
            start += 1  # a single point
        start += 1  # where the jump ends is where the text begins
    end = len(line.points)
    for stroke in after_lifts[after_lifts > start][::-1]:
        travel = np.abs(line.points[stroke + 1 : end, :2]).sum()
        if travel > 1 or line.places[stroke] < n_characters - 1 + _BEYOND:
            break  # more than a dot, or the last character's own
        end = int(stroke)
    return slice(start, end)
