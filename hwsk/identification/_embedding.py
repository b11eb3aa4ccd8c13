"""Embed images of handwriting: near embeddings are by the same writer (`WriterEmbedder`)."""

from __future__ import annotations

import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn
from torch.utils.data import Sampler

from hwsk._data.images import check_images
from hwsk._limits import COPIES, SIDE, UNITS, whole
from hwsk._training.batches import Augmentation
from hwsk._training.parameters import TRAINING_CONSTRAINTS, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._training.writer_batches import PositivePairBatches, nearest_errors, unit
from hwsk.identification._patches import BACKBONES, PatchDataset, PatchEstimator
from hwsk.metrics import mean_average_precision
from hwsk.networks.losses import PairLoss
from hwsk.networks.patches import PatchNetwork


@document_training
class WriterEmbedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, PatchEstimator):
    """Embed images so that those of one writer are close.

    The Siamese network [1]_: patches go through one network, and the contrastive loss draws those
    of one writer together and keeps those of two apart, over all pairs in a batch. Writers that
    training never saw can be compared by the distance of their vectors.

    Parameters
    ----------
    backbone : {"small", "resnet18", "resnet50"} or Module class, default="small"
        What turns a patch into features; see `WriterClassifier`.
    backbone_weights : {"imagenet"}, str, path or None, default=None
        Where the backbone's first weights come from; see `WriterClassifier`.
    frozen : bool or int, default=False
        Whether the backbone keeps its first weights; or how many of its stages do.
    dense_units : int or None, default=None
        Units of the dense layer. It lies between features and embedding, with ReLU; None leaves it
        out.
    dropout : float, default=0.0
        Share of the units left out at random in training: before the last layer.
    embedding_dim : int, default=128
        Length of an embedding.
    loss_margin : float, default=1.0
        Distance that the loss asks for between writers. Patches of two are pushed apart up to it;
        vectors have length 1, so that no two are more than 2 apart.
    patch_size : int or tuple of (int, int), default=(64, 128)
        Height and width of a patch, as the network sees it.
    patch_scale : float, default=1.0
        Patches are scaled by this before the network sees them.
    n_patches : int or None, default=8
        Patches drawn from each image an epoch. None takes the whole image instead, resized to
        `patch_size` whatever its proportions: lines or pages of 224 x 224 pixels are what most
        published notebooks give their networks.
    image_shape : tuple of (int, int), default=None
        Height and width of the images where X is a 2-D array, a row for each.
    {training}

    Attributes
    ----------
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (share of patches whose nearest one from another image of the batch is by the
        same writer) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    See Also
    --------
    WriterClassifier : Classify known writers.
    VLADEncoder : Vectors without a network.
    hwsk.metrics.mean_average_precision : What retrieval by such vectors is worth.

    Notes
    -----
    The loss of a pair is its distance (of one writer), or what the distance lacks to the margin (of
    two), each averaged over the pairs where it is not 0.

    `fit` takes no `sample_weight`, since batch normalization counts all samples alike: repeat a
    sample, or leave it out.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality reduction by learning an invariant
       mapping", CVPR 2006.
    .. [2] K. Musgrave, S. Belongie, S.-N. Lim, "PyTorch Metric Learning", arXiv 2008.09164.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.identification import WriterEmbedder
    >>> lines = make_handwriting(60, n_writers=6, height=32, random_state=0)
    >>> embedder = WriterEmbedder(
    ...     patch_size=(32, 64), embedding_dim=16, max_epochs=2, random_state=0
    ... )
    >>> embedder.fit(lines.images[:40], lines.writer[:40]).transform(lines.images[40:]).shape
    (20, 16)
    """

    _parameter_constraints: dict[str, list[Any]] = {
        "backbone": [StrOptions(set(BACKBONES)), callable],
        "backbone_weights": [str, os.PathLike, None],
        "frozen": ["boolean", Interval(Integral, 0, None, closed="left")],
        "dense_units": [whole(1, UNITS), None],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "embedding_dim": [whole(1, UNITS)],
        "loss_margin": [Interval(Real, 0, 2, closed="right")],
        "patch_size": [whole(1, SIDE), tuple, list],
        "patch_scale": [Interval(Real, 0, None, closed="neither")],
        "n_patches": [whole(1, COPIES), None],
        "image_shape": [tuple, list, None],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        backbone: str | Callable[[], nn.Module] = "small",
        *,
        backbone_weights: str | os.PathLike[str] | None = None,
        frozen: bool | int = False,
        dense_units: int | None = None,
        dropout: float = 0.0,
        embedding_dim: int = 128,
        loss_margin: float = 1.0,
        patch_size: int | tuple[int, int] = (64, 128),
        patch_scale: float = 1.0,
        n_patches: int | None = 8,
        image_shape: tuple[int, int] | None = None,
        max_epochs: int = 30,
        batch_size: int = 16,
        lr: float = 1e-3,
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
        self.embedding_dim = embedding_dim
        self.loss_margin = loss_margin
        self.patch_size = patch_size
        self.patch_scale = patch_scale
        self.n_patches = n_patches
        self.image_shape = image_shape
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
        tags.target_tags.required = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, groups: Any = None) -> WriterEmbedder:
        """Learn which differences distinguish writers.

        Parameters
        ----------
        X : array-like of images
            As `WriterClassifier` takes them.
        y : array-like of shape (n_samples,)
            The writers. A writer with one image has pairs within that image only.
        groups : array-like of shape (n_samples,), default=None
            With `early_stopping`, no group is on both sides of the split: give the writers, to
            stop by writers that training doesn't see.

        Returns
        -------
        self : WriterEmbedder
            The fitted transformer.

        Raises
        ------
        ValueError
            If an image has no ink or can't be used, if there is only one writer, or if X, y and
            groups differ in length.
        """
        further = self.warm_start and hasattr(self, "net_")
        images = check_images(X, self, reset=not further, image_shape=self.image_shape)
        if y is None:
            raise ValueError(
                "WriterEmbedder requires y to be passed, but the target y is None: pass the writer "
                "of each image"
            )
        check_consistent_length(images, y, groups)
        names, writers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        if len(names) < 2:
            raise ValueError(
                f"all n_samples={len(writers)} are by one writer, {names.tolist()[0]!r}: pairs "
                "need two at least"
            )
        with restored_on_failure(self):
            self._scan(images, further)
            targets = list(zip(writers.tolist(), range(len(writers)), strict=True))
            self._train_on_patches(images, targets, groups, further=further, kind=_PairDataset)
        return self

    def _make_module(self) -> PatchNetwork:
        return self._make_network(self.embedding_dim)

    def _make_criterion(self) -> PairLoss:
        return PairLoss(self.loss_margin)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        writers, images = (part.numpy() for part in target)
        return nearest_errors(output[0].detach().cpu().numpy(), writers, images)

    @property
    def _n_features_out(self) -> int:
        return self.embedding_dim

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Embed each image.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        embedding : ndarray of shape (n_samples, embedding_dim)
            Float32, of length 1: the mean over the image's patches. Zeros where there is no ink.
        """
        check_is_fitted(self)
        embedding = np.zeros((len(check_images(X, self)), self.embedding_dim), np.float32)
        for row, windows, outputs, _ in self._walk(X):
            if windows:
                embedding[row] = unit(unit(outputs.numpy()).mean(axis=0))
        return embedding

    def score(self, X: Any, y: Any, groups: Any = None) -> float:
        """Compute the mean average precision of retrieval: each image asks for its writer's others.

        Parameters
        ----------
        X : array-like of images
            As in `fit`; of other writers than those, to see what holds for them.
        y : array-like of shape (n_samples,)
            The writers.
        groups : array-like of shape (n_samples,), default=None
            The page that each image is from: images of the query's own page are left out.

        Returns
        -------
        score : float
            From 0 to 1; see `hwsk.metrics.mean_average_precision`.
        """
        vectors = self.transform(X)
        return mean_average_precision(y, cdist(vectors, vectors), groups=groups)


class _PairDataset(PatchDataset):
    """Patches with (writer, image) of each, in batches that hold pairs of images by one writer."""

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]:
        return PositivePairBatches(self, batch_size)
