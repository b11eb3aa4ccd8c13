"""Classify images of single characters (`CharacterClassifier`)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import _fit_context
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from hwsk._data.images import Image, LazyImages, check_images, some_rows
from hwsk._data.levels import FAINTEST, Levels, as_float, inverted_message
from hwsk._data.scan import Scan, run_here, scan_images
from hwsk._limits import COPIES, LAYERS, UNITS, whole
from hwsk._training.batches import Augmentation, RasterDataset
from hwsk._training.canvas import collate_canvases
from hwsk._training.classifier import NetworkClassifier
from hwsk._training.parameters import TRAINING_CONSTRAINTS, check_channels, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.networks.characters import CharacterNetwork

_SMALLEST = 8  # pixels: what is left of a side after the CNN has halved it twice must be an image


@document_training
class CharacterClassifier(NetworkClassifier):
    """Classify images of single characters.

    All images have one size, as those of EMNIST, MNIST or scikit-learn's digits. Whether ink is
    light or dark is learnt from them.

    Parameters
    ----------
    architecture : {"rows", "cnn", "cnn_rows"}, default="rows"
        "rows" reads the image as a sequence of rows of pixels, from the top down, with a stacked
        recurrent network. "cnn" is a residual convolutional network. "cnn_rows" reads the rows of
        its features with the recurrent one.
    hidden_units : int, default=128
        Units of each recurrent layer in each direction.
    num_layers : int, default=2
        Recurrent layers.
    dropout : float, default=0.2
        Share of the units left out at random in training: between recurrent layers and before the
        last layer.
    bidirectional : bool, default=False
        Read the rows from the bottom up, too.
    cell : {"lstm", "gru"}, default="lstm"
        Recurrent cell.
    channels : tuple of 3 int, default=(32, 64, 128)
        Filters of each convolutional stage.
    image_shape : tuple of (int, int), default=None
        Height and width of the images where X is a 2-D array, a row for each. None takes them as
        square if the number of columns is a square number, else each as one row of pixels.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss; "balanced" makes rare classes count as much as common
        ones, as scikit-learn has it.
    label_smoothing : float, default=0.0
        Share of the target's probability that is spread over all classes. See [3]_.
    test_augmentations : int, default=0
        Copies changed by `augment`, of each image, that predictions are averaged over. The changes
        are drawn by row number, so that the same X gives the same. Needs no new fit.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        What `predict` may give, sorted.
    image_shape_ : tuple of (int, int)
        Height and width of the images of `fit`.
    ink_ : {"dark", "light"}
        What ink is in the images of `fit`.
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (accuracy) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    See Also
    --------
    CTCRecognizer : Read words and lines.
    hwsk.datasets.load_emnist : Characters to train on.
    hwsk.preprocessing.CharacterNormalizer : Bring your own crops to one size, as EMNIST's.

    References
    ----------
    .. [1] G. Cohen, S. Afshar, J. Tapson, A. van Schaik, "EMNIST: an extension of MNIST to
       handwritten letters", IJCNN 2017.
    .. [2] P. Simard, D. Steinkraus, J. Platt, "Best practices for convolutional neural networks
       applied to visual document analysis", ICDAR 2003.
    .. [3] C. Szegedy et al., "Rethinking the Inception architecture for computer vision",
       CVPR 2016, section 7.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from hwsk.recognition import CharacterClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = CharacterClassifier(
    ...     bidirectional=True, max_epochs=5, batch_size=16, lr=5e-3, random_state=0
    ... )
    >>> classifier.fit(X[:1000], y[:1000]).score(X[1000:], y[1000:]) > 0.8
    True
    """

    image_shape_: tuple[int, int]
    ink_: str

    _native_data = "characters"
    _parameter_constraints: dict[str, list[Any]] = {
        "architecture": [StrOptions({"rows", "cnn", "cnn_rows"})],
        "hidden_units": [whole(1, UNITS)],
        "num_layers": [whole(1, LAYERS)],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "bidirectional": ["boolean"],
        "cell": [StrOptions({"lstm", "gru"})],
        "channels": [tuple, list],
        "image_shape": [tuple, list, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "test_augmentations": [whole(0, COPIES)],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        architecture: str = "rows",
        *,
        hidden_units: int = 128,
        num_layers: int = 2,
        dropout: float = 0.2,
        bidirectional: bool = False,
        cell: str = "lstm",
        channels: tuple[int, int, int] = (32, 64, 128),
        image_shape: tuple[int, int] | None = None,
        class_weight: dict[Any, float] | str | None = None,
        label_smoothing: float = 0.0,
        test_augmentations: int = 0,
        max_epochs: int = 20,
        batch_size: int = 128,
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
        self.architecture = architecture
        self.hidden_units = hidden_units
        self.num_layers = num_layers
        self.dropout = dropout
        self.bidirectional = bidirectional
        self.cell = cell
        self.channels = channels
        self.image_shape = image_shape
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.test_augmentations = test_augmentations
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
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.non_deterministic = False
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, groups: Any = None
    ) -> CharacterClassifier:
        """Learn to classify characters.

        Parameters
        ----------
        X : array-like of images
            `(n, h, w)` or `(n, h, w, c)` array, list of images of one size or of file paths, or a
            2-D array with an image a row (see `image_shape`); uint8 or float, ink light or dark.
            The smallest and the largest float found are taken as the ends of the scale, which is
            at least 0 to 1.
        y : array-like of shape (n_samples,)
            The classes: strings, integers, or what else `numpy.unique` sorts.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the loss, from 0. For `architecture="rows"` only: batch
            normalization, which the others have, counts all images alike.
        groups : array-like of shape (n_samples,), default=None
            Writers: with `early_stopping`, none is on both sides of the split.

        Returns
        -------
        self : CharacterClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If images differ in size, if one can't be used, if there is only one class, or if X, y
            and the weights differ in length; the message names the row. If `architecture` takes no
            weights.
        """
        further = self.warm_start and hasattr(self, "net_")
        return self._fit(X, y, None, sample_weight, groups, further=further, max_epochs=None)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None
    ) -> CharacterClassifier:
        """Go once over some data, at a constant learning rate, from the weights there are.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        y : array-like of shape (n_samples,)
            The classes.
        classes : array-like of shape (n_classes,), default=None
            All classes that may ever come, for the first call; None takes those of `y`.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each sample in the loss, from 0. For `architecture="rows"` only: batch
            normalization, which the others have, counts all images alike.

        Returns
        -------
        self : CharacterClassifier
            The classifier, one epoch further.
        """
        self._check_balance_is_known()
        further = hasattr(self, "net_")
        return self._fit(X, y, classes, sample_weight, None, further=further, max_epochs=1)

    def _fit(
        self,
        X: Any,
        y: Any,
        classes: Any,
        sample_weight: Any,
        groups: Any,
        *,
        further: bool,
        max_epochs: int | None,
    ) -> CharacterClassifier:
        check_channels(self.channels)
        if sample_weight is not None and self.architecture != "rows":
            raise ValueError(
                f"architecture={self.architecture!r} takes no sample_weight: its batch "
                "normalization counts all images alike, those of weight 0 as well. Repeat images, "
                "or leave them out; or take architecture='rows', or class_weight"
            )
        images = check_images(X, self, reset=not further, image_shape=self.image_shape)
        if y is None:
            raise ValueError(
                "CharacterClassifier requires y to be passed, but the target y is None: pass the "
                "class of each image"
            )
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(images, y, groups)
        with restored_on_failure(self):
            self._learn_classes(y, classes, further)
            encoded = self._encode(y)
            weights = self._weights(y, encoded, sample_weight, may_be_one=max_epochs is not None)
            stack = self._scan(images, weights, further)
            targets = list(zip(encoded.tolist(), weights.tolist(), strict=True))

            def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> RasterDataset:
                augment = self.augment if training else None
                return _CharacterDataset(
                    stack[rows], [targets[row] for row in rows], augment, seed, ink=self.ink_
                )

            make_module = self._module_to_train_further if further else None
            self._train(make_dataset, len(y), groups, make_module, max_epochs)
        return self

    def _scan(
        self, images: LazyImages, weights: NDArray[np.float64], further: bool
    ) -> NDArray[Any]:
        """Go over all images before training; all as one array, dark ink on light paper."""
        scan = scan_images(images, run=self._map_rows if images.decodes else run_here)
        first = scan.kept[0].shape
        shape = None if images.is_table or self.image_shape is None else tuple(self.image_shape)
        if shape not in (None, first):
            raise ValueError(
                f"image 0 is {_size(first)}, and image_shape says {_size(shape)}; leave "
                "image_shape out, it is for 2-D arrays"
            )
        if not further:
            self.image_shape_ = first
        if self.architecture != "rows" and min(self.image_shape_) < _SMALLEST:
            raise ValueError(
                f"images are {_size(self.image_shape_)}, and architecture="
                f"{self.architecture!r} needs {_SMALLEST} pixels each way; take 'rows', or give "
                "image_shape if X is a table of images of another shape"
            )
        others = np.flatnonzero((scan.shapes != self.image_shape_).any(axis=1))
        if len(others):
            message = _size_message(
                scan.shapes[others[0]].tolist(),
                self.image_shape_,
                "those of the last fit" if further else "image 0",
            )
            raise ValueError(
                f"image {others[0]} {message} "
                f"({some_of(len(others), len(scan), 'images', 'differ')}, rows {some_rows(others)})"
            )
        if not further:
            self._learn_levels(scan, weights)
        dark = [_dark_on_light(image, self.ink_, self.levels_) for image in scan.kept]
        if len({image.dtype for image in dark}) > 1:
            dark = [as_float(image) for image in dark]
        stack = np.stack(dark)
        if not images.is_table:
            full = np.float32(255 if stack.dtype == np.uint8 else 1)
            inverted = np.flatnonzero(stack.mean(axis=(1, 2)) < 0.4 * full)
            if len(inverted):
                warn_caller(inverted_message(inverted, len(stack), self.ink_))
            self._warn_blank(
                np.flatnonzero(np.ptp(stack, axis=(1, 2)) <= FAINTEST * full), len(stack)
            )
        return stack

    def _learn_levels(self, scan: Scan, weights: NDArray[np.float64]) -> None:
        """Estimate the values of paper and ink: most of an image is paper."""
        counts = np.flatnonzero(weights)  # what has no weight is as if it were not there
        low, high = scan.span(counts)
        light = scan.ink((high, low))[counts] < 0.5
        light_paper = np.average(light, weights=weights[counts]) > 0.5
        self.ink_ = "dark" if light_paper else "light"
        self.levels_ = (high, low) if light_paper else (low, high)
        floats = counts[scan.is_float[counts]]
        tops = scan.highs[floats]
        if not scan.is_table and len(tops) and high > 8 * np.median(tops):
            warn_caller(
                f"image {floats[tops.argmax()]} holds floats up to {high:g}, and most images only "
                f"up to {np.median(tops):g}: all should share one scale, such as 0 to 1, or be "
                "uint8"
            )

    def _make_module(self) -> CharacterNetwork:
        return CharacterNetwork(
            self.image_shape_,
            len(self.classes_),
            self.architecture,
            self.cell,
            self.hidden_units,
            self.num_layers,
            self.bidirectional,
            tuple(self.channels),
            self.dropout,
        )

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of images
            As in `fit`, of the same size.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Columns in the order of `classes_`. With `test_augmentations`, the mean over the image
            and its changed versions.
        """
        check_is_fitted(self)
        if self.test_augmentations and self.augment is None:
            raise ValueError(
                f"test_augmentations={self.test_augmentations} and augment=None: there is nothing "
                "to change the images by"
            )
        images = check_images(X, self, image_shape=self.image_shape_)
        images = images.map(partial(_check_size, size=self.image_shape_))
        images = images.map(partial(_dark_on_light, ink=self.ink_, levels=self.levels_))
        proba = np.zeros((len(images), len(self.classes_)))
        for version in range(1 + self.test_augmentations):
            augment = self.augment if version else None
            dataset = _CharacterDataset(images, None, augment, seed=version, ink=self.ink_)
            for rows, logits in self._outputs(dataset, warn=not version):
                proba[rows] += logits.double().softmax(dim=1).cpu().numpy()
        return proba / (1 + self.test_augmentations)


def _check_size(image: Image, size: tuple[int, int]) -> Image:
    if image.shape != size:
        raise ValueError(_size_message(image.shape, size, "those of `fit`"))
    return image


def _dark_on_light(image: Image, ink: str, levels: Levels) -> Image:
    """An image as the rest of hwsk has it: uint8, or floats from 0 (ink) to 1 (paper)."""
    if image.dtype == np.uint8:
        return image if ink == "dark" else 255 - image
    paper, full = levels
    return (image - np.float32(full)) / np.float32(paper - full)


class _CharacterDataset(RasterDataset):
    """Images of one size, dark ink on light paper, with (class, weight) of each."""

    def __init__(
        self,
        images: Any,
        targets: Sequence[tuple[int, float]] | None,
        augment: Augmentation | None,
        seed: int,
        ink: str,
    ) -> None:
        super().__init__(images, (1.0, 0.0), None, targets, augment, seed)
        self.ink = ink
        self.collate = collate_canvases


def _size(shape: Sequence[int]) -> str:
    return f"{shape[0]} pixels high and {shape[1]} wide"


def _size_message(found: Sequence[int], wanted: Sequence[int], others: str) -> str:
    return (
        f"is {_size(found)}, and {others} {_size(wanted)}: a CharacterClassifier takes images of "
        "one size. hwsk.preprocessing.CharacterNormalizer brings them to one"
    )
