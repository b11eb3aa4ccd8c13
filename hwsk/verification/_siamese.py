"""Verify whether both samples of a pair are by the same writer (`SiameseVerifier`)."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted
from torch import nn

from hwsk._data.pairs import all_pairs, check_pairs, check_same, holds_pairs
from hwsk._data.tasks import Tasks, count_classes, encode_tasks, learn_tasks
from hwsk._limits import COPIES, UNITS, whole
from hwsk._training.batches import Augmentation
from hwsk._training.canvas import CanvasDataset, document_canvas
from hwsk._training.parameters import TRAINING_CONSTRAINTS, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._training.writer_batches import nearest_errors, unit
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.networks.losses import EMBEDDING_MARGINS, EmbeddingLoss, PairsLoss, TaskLoss
from hwsk.networks.matching import MatchingLoss
from hwsk.networks.siamese import SiameseLoss, SiameseNetwork, reach_mask_on
from hwsk.verification._comparators import LocalDescriptorMatching
from hwsk.verification._comparing import ComparingEncoder
from hwsk.verification._metric import PairMetric
from hwsk.verification._multitask import MultiTaskClassifier
from hwsk.verification._references import ReferenceVerifierMixin
from hwsk.verification._samples import PairDataset, SampleDataset

__all__ = ["SiameseVerifier"]

_OF_PAIRS = ("contrastive", "multi_similarity")  # losses that need no writers
_DESCRIPTOR_DIM = 64
_CALIBRATIONS = (
    *("threshold_", "calibration_", "reference_calibration_", "calibrated_with_"),
    *("sample_ranges_", "longest_shape_"),
)
_EMBEDDING_WEIGHT = 0.3  # of the embedding's loss, where local descriptors are matched

Scores = tuple[NDArray[np.float64], NDArray[np.bool_]]


@document_canvas
@document_training
class SiameseVerifier(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, ReferenceVerifierMixin, ComparingEncoder
):
    """Verify whether both samples of a pair are by the same writer.

    The Siamese network [1]_: both images go through one network, and the distance of their
    embeddings decides. It learns from pairs, or from single images and their writers, of which all
    pairs in a batch are taken. The verbs are those of metric-learn [2]_: pairs are the samples.

    Parameters
    ----------
    loss : {"multi_similarity", "contrastive", "triplet", "cosface"}, default="multi_similarity"
        Loss of the embeddings [3]_. "triplet" and "cosface" learn from writers, not from pairs. The
        pretrained verifiers were trained with "multi_similarity".
    loss_margin : float, default=None
        Distance that the loss asks for between writers; None takes the loss's own: 1 for
        "contrastive", 0.2 for "triplet", 0.5 for "multi_similarity" and 0.35 for "cosface".
    cosine_scale : float, default=30.0
        Factor of the cosines in "cosface".
    embedding_dim : int, default=128
        Length of an embedding.
    dropout : float, default=0.0
        Share of the units left out at random in training: before the last layer.
    feature_weight : float, default=1.0
        Weight of the loss of the features, where `fit` is given some.
    comparator : LocalDescriptorMatching, default=None
        What compares the images of a pair. None takes the Euclidean distance of embeddings. With
        :class:`LocalDescriptorMatching`, the network also learns local descriptors, and pairs are
        compared by these.
    test_augmentations : int, default=0
        Copies changed by `augment`, of each image, that predictions are averaged over. These are
        embeddings, or distances of local descriptors; all images are changed in the same ways.
        Needs no new fit.
    preprocessor : transformer, callable or array-like, default=None
        What makes images of the entries of X. A transformer of images, such as a Pipeline that
        cleans scans, is cloned and fitted. A callable takes a list of entries, and gives images.
        With an array of images, entries are its row numbers.
    {canvas}
    dense_units : int, default=256
        Units of the dense layer. It lies over the encoder's maps.
    texture : bool, default=False
        Whether that layer also sees mean and maximum over the image of each feature of the last two
        stages, which do not depend on position.
    {training}

    Attributes
    ----------
    threshold_ : float
        Score from which a pair is accepted as by the same writer. Of `set_threshold`,
        `calibrate_threshold`, or, with `early_stopping`, the writers that `fit` held out.
    calibration_ : tuple of (float, float)
        Slope and intercept of the logistic function from a pair's score to its probability.
    reference_calibration_ : ndarray of shape (n_sizes, 4)
        For 2, 3, ... references, of `calibrate_references`: slopes of the mean score and of that of
        the references among each other, intercept, and a score between two groups of references
        that those of one writer are rarely below.
    sample_ranges_ : ndarray of shape (n_measures, 2) or None
        The least and the largest measure of the ink of the images of the calibration. Images far
        outside of them, such as whole pages, are named in a warning. None of strokes, tiny images,
        and fewer than 50.
    longest_shape_ : float or None
        How many times as long as usual of its writer an image of the calibration was at most that
        falls into two parts like a whole one. Longer ones are taken for two samples by `verify`.
        None where `sample_ranges_` is, or writers are not known, or texts differ in length, so that
        it says nothing.
    calibrated_with_ : dict of str to str
        What pairs were compared with when these were found. With other parameters they are refused.
    classes_ : ndarray of shape (2,)
        What `predict` gives for different writers, 0 or -1, and for the same writer, 1.
    preprocessor_ : transformer
        The fitted preprocessor, if it is a transformer.
    image_size_ : tuple of (int, int)
        Height and width of the canvas.
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats.
    feature_names_ : list
        Names of the features that were learnt along.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (share of images whose nearest other one in the batch is by the same writer;
        of pairs, of those in order) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.

    See Also
    --------
    LocalDescriptorMatching : Compare by local descriptors.
    hwsk.model_selection.make_pairs : Pairs of given samples.
    hwsk.metrics.equal_error_rate : Evaluate the scores of pairs.
    hwsk.identification.WriterEmbedder : The same over patches of lines and pages.

    Notes
    -----
    Thresholds and probabilities hold only if they come from writers that training did not see:
    training brings the embeddings of its own writers closer than those of others. So there is none
    after `fit` alone. They hold for pairs compared in the same way: after setting `comparator` or
    `test_augmentations`, `predict` raises until it is calibrated again.

    `fit` takes no `sample_weight`, since batch normalization counts all samples alike: repeat a
    sample, or leave it out.

    References
    ----------
    .. [1] J. Bromley et al., "Signature verification using a 'Siamese' time delay neural network",
       NIPS 1993.
    .. [2] W. de Vazelhes et al., "metric-learn: metric learning algorithms in Python", JMLR 21,
       2020.
    .. [3] K. Musgrave, S. Belongie, S.-N. Lim, "PyTorch Metric Learning", arXiv 2008.09164.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.model_selection import make_pairs
    >>> from hwsk.verification import SiameseVerifier
    >>> words = make_handwriting(120, texts=["and"], n_writers=12, random_state=0)
    >>> verifier = SiameseVerifier(image_size=(32, 64), max_epochs=2, random_state=0)
    >>> verifier.fit(words.images[:60], words.writer[:60]).transform(words.images[60:]).shape
    (60, 128)
    >>> rows, same = make_pairs(words.writer[60:], n_pairs=50, random_state=0)
    >>> pairs = words.images[60:][rows]
    >>> verifier.calibrate_threshold(pairs, same).predict_proba(pairs[:3]).shape
    (3, 2)
    """

    tasks_: Tasks | None

    _parameter_constraints: dict[str, Any] = {
        "loss": [StrOptions(set(EMBEDDING_MARGINS))],
        "loss_margin": [Interval(Real, 0, None, closed="neither"), None],
        "cosine_scale": [Interval(Real, 0, None, closed="neither")],
        "embedding_dim": [whole(1, UNITS)],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "feature_weight": [Interval(Real, 0, None, closed="left")],
        "comparator": [LocalDescriptorMatching, None],
        "test_augmentations": [whole(0, COPIES)],
        "preprocessor": "no_validation",
        "channels": [tuple, list],
        "dense_units": [whole(1, UNITS)],
        "texture": ["boolean"],
        "image_size": [tuple, list, None],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        loss: str = "multi_similarity",
        *,
        loss_margin: float | None = None,
        cosine_scale: float = 30.0,
        embedding_dim: int = 128,
        dropout: float = 0.0,
        feature_weight: float = 1.0,
        comparator: LocalDescriptorMatching | None = None,
        test_augmentations: int = 0,
        preprocessor: Any = None,
        channels: tuple[int, ...] = (32, 64, 128, 128),
        image_size: tuple[int, int] | None = None,
        dense_units: int = 256,
        texture: bool = False,
        max_epochs: int = 30,
        batch_size: int = 64,
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
        self.loss = loss
        self.loss_margin = loss_margin
        self.cosine_scale = cosine_scale
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.feature_weight = feature_weight
        self.comparator = comparator
        self.test_augmentations = test_augmentations
        self.preprocessor = preprocessor
        self.channels = channels
        self.image_size = image_size
        self.dense_units = dense_units
        self.texture = texture
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
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.embedding_dim

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, groups: Any = None, features: Any = None, contexts: Any = None
    ) -> SiameseVerifier:
        """Learn an embedding in which samples of a writer are close.

        Parameters
        ----------
        X : array-like
            Pairs: `(n, 2, h, w)`, or an object array, list or DataFrame `(n, 2)` of images, file
            paths, or what `preprocessor` makes images of. Or single samples: images as elsewhere,
            dark ink on light paper, or what `preprocessor` makes images of.
        y : array-like of shape (n,)
            Of pairs: 1 for the same writer, 0 or -1 for different writers. Of single samples: their
            writers. Give a forged signature a writer of its own: it makes no positive pair.
        groups : array-like of shape (n,), default=None
            With `early_stopping`, no group is on both sides of the split. Of single samples, None
            takes the writers.
        features : DataFrame or array-like of shape (n, n_features), default=None
            Classes of single samples, such as the 15 features of `load_cedar_and`, that the network
            learns along, since that helps it. None and NaN are missing.
        contexts : array-like of shape (n,), default=None
            The text of single samples: a word, or the name that a signature or forgery is of.
            Samples of one context come into batches together, so that the network has to
            distinguish writers, not texts: give it where writers have written different texts, or
            where there are forgeries.

        Returns
        -------
        self : SiameseVerifier
            The fitted verifier.

        Raises
        ------
        ValueError
            If images can't be used, labels of pairs are others than 1, 0 and -1, pairs or samples
            are all of one kind, or lengths differ.
        """
        if y is None:
            raise ValueError(
                "SiameseVerifier requires y to be passed, but the target y is None: pass whether "
                "each pair is by the same writer, or the writer of each sample"
            )
        further = self.warm_start and hasattr(self, "net_")
        with restored_on_failure(self):
            self._check_channels()
            if self.comparator is not None:
                self.comparator._validate_params()
            self._check_can_change(self._n_views())
            for name in _CALIBRATIONS:  # of another network
                self.__dict__.pop(name, None)
            if holds_pairs(X, self._pair_kind()):
                self._fit_pairs(X, y, groups, features, contexts, further)
            else:
                self._fit_samples(X, y, groups, features, contexts, further)
        return self

    def _fit_samples(
        self, X: Any, y: Any, groups: Any, features: Any, contexts: Any, further: bool
    ) -> None:
        stack = self._look(
            self._images(X, reset=True),
            further=further,
        )
        names, writers = np.unique(column_or_1d(y, warn=True), return_inverse=True)
        check_consistent_length(stack, writers, groups, features, contexts)
        counts = np.bincount(writers)
        if len(names) < 2:
            raise ValueError(
                f"all n_samples={len(writers)} are by one writer, {names.tolist()[0]!r}: pairs "
                "need two at least"
            )
        alone = int((counts == 1).sum())
        if alone == len(names):
            raise ValueError(
                f"each of the {alone} writers in y has one sample: there is no positive pair to "
                "learn from. y holds the writer of each sample, or, for pairs (n, 2, ...), 1 or 0"
            )
        if alone:
            warn_caller(
                f"{some_of(alone, len(names), 'writers', 'have one sample')}"
                ", which is in negative pairs only",
            )
        self.classes_ = np.array([0, 1])
        self._n_writers = len(names)
        self.tasks_ = None if features is None else learn_tasks(features)
        codes = np.zeros((len(stack), 0), np.int64)
        if self.tasks_ is not None:
            self.feature_names_ = list(self.tasks_["names"])
            codes = encode_tasks(features, self.tasks_)
            self._feature_counts = count_classes(codes, self.tasks_)
        parts: list[Any] = [writers, np.arange(len(writers)), codes, counts[writers] == 1]
        if contexts is not None:
            parts.append(np.unique(column_or_1d(contexts), return_inverse=True)[1])
        targets = list(zip(*parts, strict=True))

        def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> CanvasDataset:
            chosen = [targets[row] for row in rows]
            return SampleDataset(stack[rows], chosen, self.augment if training else None, seed)

        def score_rows(rows: NDArray[np.int64]) -> Scores:
            index, same = all_pairs(writers[rows])
            return self._score_canvases(stack[rows], index), same

        groups = writers if groups is None else groups
        self._learn(make_dataset, len(stack), groups, further, score_rows)

    def _fit_pairs(
        self, X: Any, y: Any, groups: Any, features: Any, contexts: Any, further: bool
    ) -> None:
        if self.loss not in _OF_PAIRS:
            raise ValueError(
                f"loss={self.loss!r} learns from single samples and their writers, and X holds "
                f"pairs; take one of {', '.join(_OF_PAIRS)}"
            )
        for name, given in (("features", features), ("contexts", contexts)):
            if given is not None:
                raise ValueError(f"{name} are of single samples, and X holds pairs; leave them out")
        entries, index = check_pairs(X, self._pair_kind())
        labels = check_same(y, len(index))
        check_consistent_length(index, groups)
        same = labels == 1
        if same.all() or not same.any():
            kind = "the same writer" if same.all() else "different writers"
            raise ValueError(f"all {len(same)} pairs are by {kind}: both kinds are needed")
        self.classes_ = np.array([-1 if (labels == -1).any() else 0, 1])
        stack = self._look(
            self._images(entries, reset=True),
            further=further,
        )
        self.tasks_ = None
        self._n_writers = 0

        def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> CanvasDataset:
            augment = self.augment if training else None
            return PairDataset(stack, index[rows], same[rows], augment, seed)

        def score_rows(rows: NDArray[np.int64]) -> Scores:
            pairs = np.arange(2 * len(rows)).reshape(-1, 2)
            return self._score_canvases(stack[index[rows].ravel()], pairs), same[rows]

        self._learn(make_dataset, len(index), groups, further, score_rows)

    def _learn(
        self,
        make_dataset: Callable[[NDArray[np.int64], bool, int], CanvasDataset],
        n_samples: int,
        groups: Any,
        further: bool,
        score_rows: Callable[[NDArray[np.int64]], Scores],
    ) -> None:
        """Train, and calibrate on the rows that early stopping held out, if any."""
        held_out: list[NDArray[Any]] = []

        def split(n: int, groups: Any, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
            train, valid = self._split(n, groups, seed)
            held_out.append(valid)
            return train, valid

        make_module = self._module_to_train_further if further else None
        self._train(make_dataset, n_samples, groups, make_module, split=split)
        for rows in held_out:
            scores, same = score_rows(rows)
            if 0 < same.sum() < len(same):
                self.calibrate_from_scores(scores, same)

    def _make_module(self) -> SiameseNetwork:
        return self._make_network(self.comparator is not None)

    def _make_module_of(self, weights: dict[str, NDArray[Any]]) -> SiameseNetwork:
        return self._make_network(any(name.startswith("descriptors.") for name in weights))

    def _make_network(self, has_descriptors: bool) -> SiameseNetwork:
        sizes = () if self.tasks_ is None else tuple(len(c) for c in self.tasks_["classes"])
        return SiameseNetwork(
            self.image_size_,
            tuple(self.channels),
            self.dense_units,
            self.embedding_dim,
            sizes,
            self.dropout,
            self.texture,
            _DESCRIPTOR_DIM if has_descriptors else None,
        )

    def _make_criterion(self) -> nn.Module:
        matched = self.comparator is not None
        matching = MatchingLoss(reach_mask_on(self.image_size_)) if matched else None
        weight = _EMBEDDING_WEIGHT if matched else 1.0
        if not self._n_writers:
            return PairsLoss(self.loss, self.loss_margin, matching, weight)
        tasks = None
        if self.tasks_ is not None:
            tasks = TaskLoss([np.ones(len(c)) for c in self.tasks_["classes"]])
        embedding = EmbeddingLoss(
            self.loss, self.loss_margin, self.cosine_scale, self._n_writers, self.embedding_dim
        )
        return SiameseLoss(embedding, tasks, matching, weight, self.feature_weight)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        embeddings = output[0].detach().cpu().numpy()
        first = target[0].cpu().numpy()
        if self._n_writers:
            return nearest_errors(embeddings, first, target[1].cpu().numpy())
        distances = np.linalg.norm(unit(embeddings[::2]) - unit(embeddings[1::2]), axis=1)
        wrong = distances[first == 1][:, None] >= distances[first == 0]
        return float(wrong.sum()), float(wrong.size)

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Embed each image.

        Parameters
        ----------
        X : array-like
            Single samples or pairs, as in `fit`.

        Returns
        -------
        embedding : ndarray of shape (n, embedding_dim), or (n, 2, embedding_dim) of pairs
            Float32, of length 1.
        """
        check_is_fitted(self)
        if holds_pairs(X, self._pair_kind()):
            entries, index = check_pairs(X, self._pair_kind())
            return self._embed(entries)[index]
        return self._embed(X)

    def feature_classifier(self) -> MultiTaskClassifier:
        """Make an estimator of the features that were learnt along, with this network.

        Returns
        -------
        classifier : MultiTaskClassifier
            Fitted; it takes images as this verifier does after its `preprocessor`.

        Raises
        ------
        NotFittedError
            If `fit` was given no features.
        """
        check_is_fitted(self)
        if self.tasks_ is None:
            raise NotFittedError("no features were learnt: give `fit` some, as features=")
        return MultiTaskClassifier._of_network(self, self.tasks_, self._feature_counts)

    def pair_distance(self, pairs: Any) -> NDArray[np.float64]:
        """Compute the distance of the images of each pair.

        The Euclidean distance of their embeddings, or what `comparator` computes. Float32 sums
        depend on the size of a batch: a pair alone, or in other company, has the same distance to
        4 digits or so.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`. An image, path or id that comes in several pairs is looked at once.

        Returns
        -------
        distances : ndarray of shape (n_pairs,)
            From 0 to 2.
        """
        return -self.pair_score(pairs)

    def get_metric(self) -> PairMetric:
        """Make a metric of two images, each flattened to a row, or of two embeddings.

        Returns
        -------
        metric : callable
            `metric(row, other) -> float`, for `KNeighborsClassifier(metric=...)` and others that
            take one. It is that of the verifier as it is now. What the network gives of an image
            is kept, also in clones and pickles. Rows whose values exceed 1 are taken as uint8. It
            equals `pair_distance` to float32's rounding.

        Raises
        ------
        NotFittedError
            If there is no network yet.
        """
        check_is_fitted(self)
        return PairMetric(self)
