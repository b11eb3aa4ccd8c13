"""Recognize text lines (`CTCRecognizer`)."""

from __future__ import annotations

from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags

from hwsk._data.decoding import Image, cut_value
from hwsk._data.images import (
    LazyImages,
    check_images,
    name_rows,
    object_array,
    resize_to_height,
    scaled_width,
    some_rows,
)
from hwsk._data.scan import scan_images
from hwsk._data.texts import check_texts, warn_of_blanks
from hwsk._limits import COPIES, LAYERS, SIDE, UNITS, whole
from hwsk._training.batches import Augmentation, RasterDataset
from hwsk._training.parameters import TRAINING_CONSTRAINTS, check_channels, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.networks.crnn import CRNN, CTCLoss
from hwsk.recognition._ctc_training import CTCTraining, count_steps
from hwsk.recognition._decoding import CTCDecoder
from hwsk.recognition._direction import find_direction, mirror, order_texts
from hwsk.recognition._line_prediction import LinePredictor

_SIDES = {"ltr": "left", "rtl": "right"}
_WIDEST = 100_000  # pixels of a scaled image: two such fill a gigabyte in training
_TIGHT = 3  # least widths: images from there on are not made too narrow by any sound augmentation


@document_training
class CTCRecognizer(CTCTraining, LinePredictor):
    """Read words or lines of handwriting.

    A convolutional network turns the image into a sequence of columns, a bidirectional LSTM reads
    it, and connectionist temporal classification (CTC) finds which columns make which character.
    Strings in, strings out: the alphabet is learnt from `y`.

    Parameters
    ----------
    height : int, default=40
        Height of an image in pixels. Each is scaled to it, keeping its aspect. Four pixels of the
        scaled width make a time step, and CTC needs a step for each character.
    channels : tuple of 3 int, default=(32, 64, 128)
        Filters of each convolutional stage.
    dense_units : int, default=128
        Units of the dense layer. It lies between CNN and LSTM.
    hidden_units : int, default=192
        Units of each recurrent layer in each direction.
    num_layers : int, default=2
        Recurrent layers.
    dropout : float, default=0.2
        Share of the units left out at random in training: around the LSTM layers.
    shortcut_weight : float, default=0.1
        Weight of the loss of a second head that reads the CNN directly, in training only; 0
        leaves it out.
    decoder : CTCDecoder, default=None
        How the output of the network becomes a text: by a beam search, with a language model or a
        lexicon. None reads the best class of each time step (greedy). It may be changed after
        `fit`, as by ``set_params(decoder__lm_weight=1.0)``. Training always looks at greedy
        readings.
    test_augmentations : int, default=0
        Predictions are made from the mean log-probabilities of the image and of as many versions
        of it, which lean and lie a little otherwise, but are as wide. 4 of them take five times as
        long. Needs no new fit.
    detokenize : bool, default=False
        Whether :func:`detokenize` is applied to what is read, so that a recognizer of transcripts
        like IAM's (`presto ! You 're`) gives `presto! You're`. For English alone. `score` then
        compares both sides without these blanks. It may be changed after `fit`.
    text_direction : {"auto", "ltr", "rtl", "visual"}, default="auto"
        From which side lines are read: from the left, or from the right as Hebrew and Arabic. Texts
        are given and returned as they are typed (logical order); numbers and words of the other
        direction are put in their places by Unicode's bidirectional algorithm [3]_. "auto" takes
        the direction of most letters of `y`. "visual" leaves all texts as they are: they have the
        characters as the image shows them, from left to right.
    {training}

    Attributes
    ----------
    alphabet_ : str
        Characters that can be read. Class 0 of the network is CTC's blank, class i is
        `alphabet_[i - 1]`.
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats, learnt from X.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (1 - character error rate) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    text_direction_ : {"ltr", "rtl", "visual"}
        The direction of lines, from `text_direction` or learnt by `fit`. In an `alphabet_` of
        "rtl", "(" is the bracket that opens to the left.
    temperature_ : float
        What log-probabilities are divided by before they count as confidence; 1 until
        `calibrate_temperature`.
    calibrated_with_ : dict of str to str
        What texts were decoded with in `calibrate_temperature`, if it was called.
    confidence_ : float
        Mean probability of the characters that are read in training images at the end of `fit`, or
        in those of `calibrate_temperature`. `predict` warns of images read with much less. 0 where
        it is not known: after `partial_fit` alone.

    See Also
    --------
    CTCDecoder : Reads the output of the network, whichever way.
    predict_details : Confidence and positions, also of a Pipeline that ends in a recognizer.
    hwsk.preprocessing.HeightNormalizer : Scale once, before training, not in each epoch.
    hwsk.metrics.character_error_rate : What `score` is made of.

    Notes
    -----
    `fit` takes no `sample_weight`, since batch normalization counts all samples alike: repeat a
    sample, or leave it out.

    References
    ----------
    .. [1] A. Graves, S. Fernandez, F. Gomez, J. Schmidhuber, "Connectionist temporal
       classification: labelling unsegmented sequence data with recurrent neural networks",
       ICML 2006.
    .. [2] B. Shi, X. Bai, C. Yao, "An end-to-end trainable neural network for image-based
       sequence recognition and its application to scene text recognition", TPAMI 2017.
    .. [3] Unicode Standard Annex #9, "Unicode bidirectional algorithm".

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.recognition import CTCRecognizer
    >>> words = make_handwriting(20, texts=["on", "no"], random_state=0)
    >>> recognizer = CTCRecognizer(
    ...     height=16, channels=(4, 8, 8), hidden_units=8, max_epochs=1, random_state=0
    ... )
    >>> recognizer.fit(words.images, words.text).alphabet_
    'no'
    """

    _native_data = "lines"
    _parameter_constraints: dict[str, list[Any]] = {
        "height": [whole(8, SIDE)],
        "channels": [tuple, list],
        "dense_units": [whole(1, UNITS)],
        "hidden_units": [whole(1, UNITS)],
        "num_layers": [whole(1, LAYERS)],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "shortcut_weight": [Interval(Real, 0, None, closed="left")],
        "decoder": [CTCDecoder, None],
        "test_augmentations": [whole(0, COPIES)],
        "detokenize": ["boolean"],
        "text_direction": [StrOptions({"auto", "ltr", "rtl", "visual"})],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        height: int = 40,
        *,
        channels: tuple[int, int, int] = (32, 64, 128),
        dense_units: int = 128,
        hidden_units: int = 192,
        num_layers: int = 2,
        dropout: float = 0.2,
        shortcut_weight: float = 0.1,
        decoder: CTCDecoder | None = None,
        test_augmentations: int = 0,
        detokenize: bool = False,
        text_direction: str = "auto",
        max_epochs: int = 50,
        batch_size: int = 16,
        lr: float = 1e-3,
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
        self.height = height
        self.channels = channels
        self.dense_units = dense_units
        self.hidden_units = hidden_units
        self.num_layers = num_layers
        self.dropout = dropout
        self.shortcut_weight = shortcut_weight
        self.decoder = decoder
        self.test_augmentations = test_augmentations
        self.detokenize = detokenize
        self.text_direction = text_direction
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
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, groups: Any = None) -> CTCRecognizer:
        """Learn to read.

        Parameters
        ----------
        X : array-like of images
            `(n, h, w)` or `(n, h, w, c)` array, list or object array of images of any size, or
            list of file paths; dark ink on light paper, uint8 or float in [0, 1].
        y : array-like of str of shape (n_samples,)
            What is written, in logical order: as it is typed.
        groups : array-like of shape (n_samples,), default=None
            Writers: with `early_stopping`, none is on both sides of the split.

        Returns
        -------
        self : CTCRecognizer
            The fitted recognizer.

        Raises
        ------
        ValueError
            If y holds numbers or missing values, if a text is empty, holds a line break or needs
            more time steps than its image gives, if an image can't be used, or if X and y differ in
            length; the message names the rows.
        """
        further = self.warm_start and hasattr(self, "net_")
        self._fit(X, y, groups, further=further, max_epochs=None)
        self._warn_if_blank(check_images(X, self))
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X: Any, y: Any) -> CTCRecognizer:
        """Go once over some data, at a constant learning rate, from the weights there are.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        y : array-like of str of shape (n_samples,)
            What is written; new characters are added to the alphabet.

        Returns
        -------
        self : CTCRecognizer
            The recognizer, one epoch further.
        """
        return self._fit(X, y, None, further=hasattr(self, "net_"), max_epochs=1)

    def _fit(
        self, X: Any, y: Any, groups: Any, *, further: bool, max_epochs: int | None
    ) -> CTCRecognizer:
        check_channels(self.channels)
        images = check_images(X, self, reset=not further)
        texts = check_texts(y, "y", allow_empty=False, one_line=True)
        check_consistent_length(images, texts, groups)
        warn_of_blanks(texts, "y")
        keep = partial(_scale, height=self.height, keep=not images.decodes)
        scan = scan_images(self._watch(images), keep, self._map_rows)
        levels = scan.learn_levels()
        widths = np.array([scaled_width(shape, self.height) for shape in scan.shapes.tolist()])
        direction = self._choose_direction(texts, further, max_epochs)
        texts = order_texts(texts, direction)
        least_widths = _check_steps(texts, widths, images)
        self._warn_blank(scan.blank_rows(levels), len(scan))
        samples: Any = images if images.decodes else object_array(scan.kept)
        with restored_on_failure(self):
            if further and (direction == "rtl") != (self.text_direction_ == "rtl"):
                self.alphabet_ = mirror(self.alphabet_)  # a class stays a shape in the image
            self.text_direction_ = direction
            self._learn_alphabet(texts, further)
            if not further:
                self.levels_ = levels
            targets = self._make_targets(texts)

            def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> RasterDataset:
                augment = self.augment if training else None
                dataset = self._dataset(samples[rows], targets[rows], augment, seed)
                dataset.widths, dataset.least_widths = widths[rows], least_widths[rows]
                return dataset

            make_module = self._make_module if not further else self._module_to_train_further
            self._reader()  # it complains now or after hours of training
            if self.augment is not None:
                _warn_of_narrowed(make_dataset(np.arange(len(texts)), True, 0))
            self._train(make_dataset, len(texts), groups, make_module, max_epochs)
        return self

    def _choose_direction(self, texts: list[str], further: bool, max_epochs: int | None) -> str:
        if self.text_direction != "auto":
            return self.text_direction
        former = self.text_direction_ if further else None
        if former is not None and max_epochs is not None:  # partial_fit sees a few texts alone
            return former
        if former == "visual" and find_direction(self.alphabet_) == "ltr":
            former = "ltr"  # of these letters both orders are the same
        found = find_direction(texts) or former or "ltr"
        if former in _SIDES and found != former:
            warn_caller(
                f"most letters in y are read from the {_SIDES[found]}, and those that were learnt "
                f"before from the {_SIDES[former]}: from now on all lines are taken to begin at "
                f"the {_SIDES[found]}, so that lines of the former script are returned in another "
                f"order of words. text_direction={former!r} keeps the former direction"
            )
        return found

    def _make_module(self) -> CRNN:
        return CRNN(
            len(self.alphabet_) + 1,
            tuple(self.channels),
            self.dense_units,
            self.hidden_units,
            self.num_layers,
            self.dropout,
        )

    def _make_criterion(self) -> CTCLoss:
        return CTCLoss(self.shortcut_weight)


def _scale(row: int, image: Image, height: int, keep: bool) -> Image | None:
    if image.shape[1] * height > _WIDEST * image.shape[0]:
        raise ValueError(
            f"image {row} is {image.shape[1]} pixels wide and {image.shape[0]} high, more than "
            f"{_WIDEST} wide at height {height}: is it a line of text? "
            "hwsk.preprocessing.HeightNormalizer squeezes such images"
        )
    return resize_to_height(image, height) if keep else None


def _check_steps(
    texts: list[str], widths: NDArray[np.int64], images: LazyImages
) -> NDArray[np.int64]:
    """Give the least width of the image of each text, and refuse those that are narrower."""
    needed = count_steps(texts)
    given = CRNN.output_lengths(torch.from_numpy(widths)).numpy()
    short = np.flatnonzero(needed > given)
    if len(short):
        row = short[0]
        raise ValueError(
            f"{some_of(len(short), len(texts), 'texts', 'need more time steps')} than the images "
            f"give, rows {name_rows(images, short)}; row {row}: {cut_value(texts[row])} needs "
            f"{needed[row]}, and the image, {widths[row]} pixels wide at the network's height, "
            f"gives {given[row]}. Use a larger height, or leave those lines out"
        )
    return CRNN.stride * (needed - 1) + 1


def _warn_of_narrowed(dataset: RasterDataset) -> None:
    """Name texts that don't fit their augmented images: there, images are used unchanged."""
    assert dataset.widths is not None and dataset.least_widths is not None
    tight = np.flatnonzero(dataset.widths < _TIGHT * dataset.least_widths)
    least = dataset.least_widths[tight]
    narrowed = [
        row
        for row, width in zip(tight.tolist(), least, strict=True)
        if dataset.augmented(row, dataset.images[row]).shape[1] < width
    ]
    if narrowed:
        warn_caller(
            f"augment makes {len(narrowed)} of {len(dataset)} images too narrow for their texts in "
            f"the first epoch, rows {some_rows(narrowed)}; wherever it does, the image is used "
            "unchanged. Narrow less, or use a larger height"
        )
