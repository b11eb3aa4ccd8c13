"""Identify the writer of images of handwriting (`WriterClassifier`)."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted
from torch import nn

from hwsk._data.decoding import is_path
from hwsk._data.images import LazyImages, check_images, some_rows
from hwsk._limits import COPIES, SIDE, UNITS, whole
from hwsk._training.batches import Augmentation
from hwsk._training.classifier import NetworkClassifier
from hwsk._training.parameters import TRAINING_CONSTRAINTS, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.identification._patches import BACKBONES, PatchEstimator
from hwsk.networks.patches import PatchCrossEntropy, PatchNetwork

_NAME_OF_IAM = re.compile(r"([a-z]\d\d-\d{3}[a-z]?)(-s\d\d)?(-\d\d){0,2}\.\w+$")


class LeakageWarning(UserWarning):
    """Warn that images come from pages which training has seen.

    Pages differ in pen, paper and scan, too: lines of a page that was trained on are recognised by
    those, and a score over them says little of the writer's other pages.

    Examples
    --------
    >>> import warnings
    >>> from hwsk.identification import LeakageWarning
    >>> warnings.simplefilter("error", LeakageWarning)  # in an experiment that must not leak
    >>> warnings.simplefilter("default", LeakageWarning)
    """


@document_training
class WriterClassifier(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetworkClassifier, PatchEstimator
):
    """Classify words, lines or pages by their writer.

    A network judges patches of an image: some where ink is, drawn at random in training; all of
    them, each overlapping the next by half, in prediction, where the log-probabilities of an
    image's patches are averaged. Images may have any size; the sizes of their letters should agree,
    as those of scans of one resolution do.

    Parameters
    ----------
    backbone : {"small", "resnet18", "resnet50"} or Module class, default="small"
        What turns a patch into features: "small" has 1.9 million weights and suits a processor; the
        residual networks [1]_ have 11 and 24 million. A class of torch modules is called without
        arguments, and takes `(n, 1, height, width)`, ink 1 and paper 0, to `(n, n_features)`.
    backbone_weights : {"imagenet"}, str, path or None, default=None
        Where the backbone's first weights come from. "imagenet" takes torchvision's for the
        residual networks, downloaded once into the data home. A path names a state dict as
        `torch.save` or safetensors writes it; of `fitted.net_.module_.backbone`, say.
    frozen : bool or int, default=False
        Whether the backbone keeps its first weights; or how many of its stages do, from the input
        on (residual networks have 5, "small" 4), so that the others are fine-tuned.
    dense_units : int or None, default=None
        Units of the dense layer. It lies between features and classes, with ReLU; None leaves it
        out.
    dropout : float, default=0.3
        Share of the units left out at random in training: before the last layer.
    patch_size : int or tuple of (int, int), default=(64, 128)
        Height and width of a patch, as the network sees it. Smaller images get paper around them.
    patch_scale : float, default=1.0
        Patches are scaled by this before the network sees them. It comes after `augment`: 0.5 suits
        lines at 300 dpi. What has been warped is less sharp, and a network that sees each pixel
        learns to classify that; shrinking leaves little of it.
    n_patches : int or None, default=8
        Patches drawn from each image an epoch. None takes the whole image instead, resized to
        `patch_size` whatever its proportions: lines or pages of 224 x 224 pixels are what most
        published notebooks give their networks.
    image_shape : tuple of (int, int), default=None
        Height and width of the images where X is a 2-D array, a row for each. None takes them as
        square if the number of columns is a square number, else each as one row of pixels.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss; "balanced" makes writers with few samples count as much
        as others.
    label_smoothing : float, default=0.1
        Share of the target's probability that is spread over all classes.
    {training}

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The writers, sorted.
    pages_ : ndarray of str
        The pages that `fit` has seen: those of `pages`, or what file names of IAM say, in its own
        layout and Kaggle's (``a01-000u-00.png``, ``a01-000u-s00-01.png``).
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (accuracy over patches) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    Warns
    -----
    LeakageWarning
        By what predicts or scores, if images come from `pages_`.

    See Also
    --------
    WriterEmbedder : Compare writers that training never saw.
    VLADEncoder : Without a network.
    hwsk.datasets.load_iam : Lines and pages with their writers.

    Notes
    -----
    `fit` takes no `sample_weight`, since batch normalization counts all samples alike: repeat a
    sample, or leave it out.

    References
    ----------
    .. [1] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition",
       CVPR 2016.
    .. [2] S. Fiel, R. Sablatnig, "Writer identification and retrieval using a convolutional neural
       network", CAIP 2015.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.identification import WriterClassifier
    >>> lines = make_handwriting(60, n_writers=3, height=32, random_state=0)
    >>> classifier = WriterClassifier(
    ...     patch_size=(32, 64), n_patches=2, max_epochs=12, random_state=0
    ... )
    >>> classifier = classifier.fit(lines.images[:40], lines.writer[:40])
    >>> classifier.score(lines.images[40:], lines.writer[40:]) > 0.6
    True
    """

    pages_: NDArray[np.str_]

    _parameter_constraints: dict[str, list[Any]] = {
        "backbone": [StrOptions(set(BACKBONES)), callable],
        "backbone_weights": [str, os.PathLike, None],
        "frozen": ["boolean", Interval(Integral, 0, None, closed="left")],
        "dense_units": [whole(1, UNITS), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "patch_size": [whole(1, SIDE), tuple, list],
        "patch_scale": [Interval(Real, 0, None, closed="neither")],
        "n_patches": [whole(1, COPIES), None],
        "image_shape": [tuple, list, None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        backbone: str | Callable[[], nn.Module] = "small",
        *,
        backbone_weights: str | os.PathLike[str] | None = None,
        frozen: bool | int = False,
        dense_units: int | None = None,
        dropout: float = 0.3,
        patch_size: int | tuple[int, int] = (64, 128),
        patch_scale: float = 1.0,
        n_patches: int | None = 8,
        image_shape: tuple[int, int] | None = None,
        class_weight: dict[Any, float] | str | None = None,
        label_smoothing: float = 0.1,
        max_epochs: int = 30,
        batch_size: int = 8,
        lr: float = 2e-3,
        lr_schedule: str = "auto",
        weight_decay: float = 5e-2,
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
        self.backbone = backbone
        self.backbone_weights = backbone_weights
        self.frozen = frozen
        self.dense_units = dense_units
        self.dropout = dropout
        self.patch_size = patch_size
        self.patch_scale = patch_scale
        self.n_patches = n_patches
        self.image_shape = image_shape
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
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
        tags.transformer_tags.preserves_dtype = []
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, groups: Any = None, *, pages: Any = None) -> WriterClassifier:
        """Learn to classify the writers.

        Parameters
        ----------
        X : array-like of images
            `(n, h, w)` or `(n, h, w, c)` array, list of images of any size or of file paths, or a
            2-D array with an image a row (see `image_shape`); uint8, or float in [0, 1]; dark ink
            on light paper.
        y : array-like of shape (n_samples,)
            The writers: strings, integers, or what else `numpy.unique` sorts.
        groups : array-like of shape (n_samples,), default=None
            What the split of `early_stopping` does not divide: it holds whole groups out, of
            writers who have another. None takes `pages`.
        pages : array-like of shape (n_samples,), default=None
            The page that each image is from, such as `form` of `load_iam`. `pages_` remembers
            them, for the warning of leakage.

        Returns
        -------
        self : WriterClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If an image has no ink or can't be used, if there is only one writer, if a checkpoint is
            of another architecture, or if X, y and groups differ in length.
        """
        further = self.warm_start and hasattr(self, "net_")
        groups = pages if groups is None else groups
        return self._fit(X, y, None, groups, pages, further=further, max_epochs=None)

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(
        self, X: Any, y: Any, classes: Any = None, *, pages: Any = None
    ) -> WriterClassifier:
        """Go once over some data, at a constant learning rate, from the weights there are.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        y : array-like of shape (n_samples,)
            The writers.
        classes : array-like of shape (n_classes,), default=None
            All writers that may ever come, for the first call; None takes those of `y`.
        pages : array-like of shape (n_samples,), default=None
            As in `fit`.

        Returns
        -------
        self : WriterClassifier
            The classifier, one epoch further.
        """
        self._check_balance_is_known()
        further = hasattr(self, "net_")
        return self._fit(X, y, classes, None, pages, further=further, max_epochs=1)

    def _fit(
        self,
        X: Any,
        y: Any,
        classes: Any,
        groups: Any,
        pages: Any,
        *,
        further: bool,
        max_epochs: int | None,
    ) -> WriterClassifier:
        images = check_images(X, self, reset=not further, image_shape=self.image_shape)
        if y is None:
            raise ValueError(
                "WriterClassifier requires y to be passed, but the target y is None: pass the "
                "writer of each image"
            )
        y = column_or_1d(y, warn=True)
        check_classification_targets(y)
        check_consistent_length(images, y, groups, pages)
        with restored_on_failure(self):
            self._learn_classes(y, classes, further)
            encoded = self._encode(y)
            weights = self._weights(y, encoded, None, may_be_one=max_epochs is not None)
            self._scan(images, further)
            targets = list(zip(encoded.tolist(), weights.tolist(), strict=True))
            seen = np.unique(_known(_pages_by_name(images) if pages is None else _names(pages)))
            self.pages_ = np.union1d(self.pages_, seen) if further else seen
            self._train_on_patches(
                images,
                targets,
                groups,
                further=further,
                max_epochs=max_epochs,
                split=partial(self._split_pages, encoded),
            )
        return self

    def _split_pages(
        self, writers: NDArray[np.int64], n: int, groups: Any, seed: int
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Hold whole groups out, of writers who keep another in training."""
        train, valid = self._split(n, groups, seed)
        if groups is None:
            return train, valid
        table = pd.DataFrame({"writer": writers, "group": list(map(str, groups))})
        whole = table.drop_duplicates().sample(frac=1, random_state=seed)
        spare = whole[whole["writer"].duplicated()]["group"]
        n_held = max(1, round(self.validation_fraction * len(whole)))
        if not len(spare):
            raise ValueError(
                "early_stopping holds pages out (or groups, where they are given), and no writer "
                "has two; set early_stopping=False"
            )
        held = table["group"].isin(spare[:n_held]).to_numpy()
        return np.flatnonzero(~held), np.flatnonzero(held)

    def _make_module(self) -> PatchNetwork:
        return self._make_network(len(self.classes_))

    def _make_criterion(self) -> PatchCrossEntropy:
        return PatchCrossEntropy(self.label_smoothing)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        return super()._score_batch(output[0], target)

    def predict_log_proba(self, X: Any, *, pages: Any = None) -> NDArray[np.float64]:
        """Predict the log-probability of each writer.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        pages : array-like of shape (n_samples,), default=None
            The page that each image is from: images of one page are judged together.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            The mean over the patches of the image, or of its page, scaled so that the
            probabilities sum to 1. Where there is no ink, all writers are as likely.

        Warns
        -----
        UserWarning
            If images have no ink.
        LeakageWarning
            If `fit` has seen some of the pages, by `pages` or by file names of IAM.
        """
        check_is_fitted(self)
        return self._judge(X, pages)

    def _judge(self, X: Any, pages: Any) -> NDArray[np.float64]:
        images = check_images(X, self)
        check_consistent_length(images, pages)
        if pages is None:
            self._warn_of_leakage(_pages_by_name(images))
        else:
            pages = _names(pages)
            self._warn_of_leakage(pages)
        sums = np.zeros((len(images), len(self.classes_)))
        counts = np.zeros(len(images))
        for row, windows, logits, _ in self._walk(X):
            if windows:
                sums[row] = logits.log_softmax(dim=1).sum(dim=0).numpy()
                counts[row] = len(windows)
        if pages is not None:
            _, page = np.unique(pages, return_inverse=True)
            sums = pd.DataFrame(sums).groupby(page).transform("sum").to_numpy()
            counts = pd.Series(counts).groupby(page).transform("sum").to_numpy()
        blank = np.flatnonzero(counts == 0)
        if len(blank):
            warn_caller(
                f"{some_of(len(blank), len(images), 'images', 'have no ink')}"
                f", rows {some_rows(blank)}: all writers are as likely",
            )
        means = torch.from_numpy(sums / np.maximum(counts, 1)[:, None])
        return means.log_softmax(dim=1).numpy()

    def _warn_of_leakage(self, pages: NDArray[np.str_]) -> None:
        seen = np.isin(pages, _known(self.pages_))
        if seen.any():
            warn_caller(
                f"{some_of(seen.sum(), len(seen), 'images', 'come from pages that `fit` has seen')}"
                f", such as {str(pages[seen.argmax()])!r}: the result says little of other pages. "
                "Split by page: cross_val_score(..., groups=pages, cv=GroupKFold())",
                LeakageWarning,
            )

    def predict_proba(self, X: Any, *, pages: Any = None) -> NDArray[np.float64]:
        """Predict the probability of each writer.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        pages : array-like of shape (n_samples,), default=None
            The page that each image is from: images of one page are judged together.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            The geometric mean over the patches of the image, or of its page, scaled to sum to 1.
        """
        check_is_fitted(self)
        return np.exp(self._judge(X, pages))

    def predict(self, X: Any, *, pages: Any = None) -> NDArray[Any]:
        """Predict the writer of each image.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        pages : array-like of shape (n_samples,), default=None
            The page that each image is from: images of one page are judged together, and get the
            same answer.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            The likeliest of `classes_` for each image.
        """
        check_is_fitted(self)
        return self.classes_[self._judge(X, pages).argmax(axis=1)]

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, pages: Any = None) -> float:
        """Compute the accuracy over the images.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        y : array-like of shape (n_samples,)
            Who wrote them.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights in the mean.
        pages : array-like of shape (n_samples,), default=None
            As in `predict`.

        Returns
        -------
        score : float
            The share of images whose writer is predicted rightly.

        Warns
        -----
        UserWarning
            If some are by writers that `fit` has not seen, who can't be predicted.
        """
        check_is_fitted(self)
        unseen = np.flatnonzero(~np.isin(y, self.classes_))
        if len(unseen):
            first = np.asarray(y).tolist()[unseen[0]]
            warn_caller(
                f"{some_of(len(unseen), len(y), 'images', 'are by writers')} that `fit` has not "
                f"seen, such as {first!r}, rows {some_rows(unseen)}: counted as wrong. "
                "A writer with one page can't be tested by another",
            )
        answers = self.classes_[self._judge(X, pages).argmax(axis=1)]
        return accuracy_score(y, answers, sample_weight=sample_weight)

    @property
    def _n_features_out(self) -> int:
        return int(self.net_.module_.n_features)

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Embed each image: the input of the last layer, averaged over patches.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        embedding : ndarray of shape (n_samples, dense_units or features of the backbone)
            Float32; zeros where there is no ink.
        """
        check_is_fitted(self)
        return self._embed(X)

    def predict_patches(self, image: Any) -> pd.DataFrame:
        """Predict the log-probabilities of each patch of one image.

        Parameters
        ----------
        image : 2-D array or path
            The image.

        Returns
        -------
        patches : DataFrame
            A row for each patch: `top`, `left`, `height`, `width` and `ink` (pixels), and a column
            for each writer, named as in `classes_`, with the log-probability. With
            `n_patches=None`, the whole image is the only row.
        """
        check_is_fitted(self)
        (result,) = self._walk([image])
        _, windows, logits, _ = result
        size = self._size().cut
        if self.n_patches is None:
            size = check_images([image], self)[0].shape
        places = [(w.top, w.left, *size, w.ink) for w in windows]
        table = pd.DataFrame(places, columns=["top", "left", "height", "width", "ink"])
        log_proba = logits.reshape(len(windows), len(self.classes_)).log_softmax(dim=1).numpy()
        return pd.concat([table, pd.DataFrame(log_proba, columns=self.classes_)], axis=1)


def _pages_by_name(images: LazyImages) -> NDArray[np.str_]:
    """The page of each image by its file name, as IAM and its subset on Kaggle name images.

    It is empty for other images: what the parts of other names mean is not known.
    """
    sources = [source if is_path(source) else "" for source in images.sources]
    found = [_NAME_OF_IAM.match(Path(source).name) for source in sources]
    return np.array([match[1] if match else "" for match in found], dtype=str)


def _known(pages: NDArray[np.str_]) -> NDArray[np.str_]:
    return pages[pages != ""]


def _names(pages: Any) -> NDArray[np.str_]:
    """The pages as strings, whatever names them."""
    return np.array(list(map(str, pages)), str)
