"""`SiameseVerifier`: did one hand write both?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from itertools import islice
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.base import TransformerMixin, _fit_context, clone
from sklearn.cluster import MiniBatchKMeans
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import precision_recall_curve, roc_auc_score, roc_curve
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions, validate_params
from sklearn.utils._tags import ClassifierTags, Tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from hwsk._data.images import Image, object_array, some_rows
from hwsk._data.tasks import Tasks, count_classes, encode_tasks, learn_tasks
from hwsk._training.batches import Augmentation
from hwsk._training.canvas import (
    CanvasDataset,
    EncoderEstimator,
    collate_canvases,
    document_canvas,
    in_order,
)
from hwsk._training.devices import draw_seed
from hwsk._training.parameters import TRAINING_CONSTRAINTS, document_training
from hwsk._training.writer_batches import ContextBatches, FellowBatches, nearest_errors, unit
from hwsk.multitask import MultiTaskClassifier
from hwsk.networks.hands import HandLoss, HandNetwork, enlarged, out_of_reach_on, place_map_size
from hwsk.networks.losses import EMBEDDING_MARGINS, EmbeddingLoss, PairsLoss, TaskLoss
from hwsk.networks.matching import MatchingLoss, Places, matched_distance, place_histograms
from hwsk.networks.registration import REGISTERED_REACH, find_maps, registered

__all__ = ["SiameseVerifier"]

_OF_PAIRS = ("contrastive", "multi_similarity")  # losses that need no writers
_DESCRIPTOR_DIM = 64
_EMBEDDING_WEIGHT = 0.3  # of the vectors' loss, where pairs are matched
_REMEMBERED, _PLACES_REMEMBERED = 10_000, 200  # images whose vectors, or places, a metric keeps
_N_CODES = 256  # kinds of places, learnt from so many images and descriptors
_N_CODED, _N_DESCRIPTORS = 2000, 30_000
_SPREAD_SHARE = 0.5  # of how far images are from changed versions of themselves
_AT_ONCE, _PLACES_AT_ONCE, _REGISTERED_AT_ONCE = 65_536, 256, 64  # pairs compared at once


def _compares_pairs(self: SiameseVerifier) -> bool:
    if hasattr(self, "n_features_in_") and self.image_shape is None:
        raise AttributeError(
            "this SiameseVerifier was fitted on a 2-D array, whose rows are samples: it only "
            "transforms. Give image_shape, and pairs as (n, 2, columns), to compare"
        )
    return True


@document_canvas
@document_training
class SiameseVerifier(TransformerMixin, EncoderEstimator):
    """Tell whether one hand wrote both images of a pair.

    The Siamese network [1]_: both images go through one network, and the distance of the two
    vectors tells. It learns from pairs, or from single images and their writers, of which all
    pairs in a batch are taken. The verbs are those of metric-learn [2]_: pairs are the samples.

    Parameters
    ----------
    loss : {"multi_similarity", "contrastive", "triplet", "cosface"}, default="multi_similarity"
        What is asked of the vectors. "triplet" and "cosface" learn from writers, not from pairs.
        The verifiers in `models/` were trained with "multi_similarity".
    margin : float, default=None
        How far apart the loss wants two writers; None takes the loss's own: 1 for
        "contrastive", 0.2 for "triplet", 0.5 for "multi_similarity" and 0.35 for "cosface".
    scale : float, default=30.0
        Factor of the cosines in "cosface".
    embedding_dim : int, default=128
        Length of the vectors; with `matching`, of those that are learnt along with the places.
    dropout : float, default=0.0
        Before the last layer.
    feature_weight : float, default=1.0
        Weight of the loss of the features, where `fit` is given some.
    matching : bool, default=False
        Whether the images of a pair are compared place by place: each place of one with the likest
        of those near it in the other. Better where both say the same, as a signature and its
        forgery do, and slower. `transform` then gives histograms of kinds of places.
    registration : bool, default=False
        With `matching`, whether the images of a pair are laid over each other by the places that
        match (moved, scaled, turned and slanted), and looked at again: one over the other, and the
        other way round. Better where a hand writes now larger, now wider, and slower: each pair
        goes through the network twice. Training takes no part in it: needs no new fit.
    n_duplicates : int, default=0
        With `matching`, how many versions of each image, changed by `augment`, the image is
        compared with, as with the duplicates of signatures in [4]_. Half of how far it is from them
        is taken off the distance of a pair: some names vary more from one time to the next,
        whoever writes them, and one threshold has to do for all. Needs no new fit.
    test_scale : float, default=1.0
        With `matching`, how much images are enlarged, after training, before their places are
        described: a network may tell more of images larger than those it learnt from [5]_. Sides
        are rounded to 8 pixels. Needs no new fit, but changes the length of the vectors of
        `transform`.
    test_augmentations : int, default=0
        A vector is the mean of those of the image and of as many versions of it changed by
        `augment`, all images in the same ways; with `matching`, so is how alike two images are.
        Needs no new fit.
    preprocessor : transformer, callable or array-like, default=None
        What makes images of the entries of X. A transformer of images, such as a Pipeline that
        cleans scans, is cloned and fitted. A callable takes a list of entries, and gives images.
        With an array of images, entries are its row numbers.
    {canvas}
    hidden_units : int, default=256
        Features that a dense layer makes of the encoder's maps.
    texture : bool, default=False
        Whether that layer also sees mean and maximum over the image of each feature of the last two
        stages: what there is, wherever it is.
    {training}

    Attributes
    ----------
    threshold_ : float
        From which `decision_function` on a pair is taken to be by one hand. Of `set_threshold`,
        `calibrate_threshold`, or, with `early_stopping`, the writers that `fit` held out.
    codebook_ : ndarray of shape (n_codes, 64)
        With `matching`, the kinds of places that vectors are histograms of.
    calibration_ : tuple of (float, float)
        Slope and intercept of the logistic function that makes a probability of a pair's score.
    classes_ : ndarray of shape (2,)
        What `predict` says of different hands, 0 or -1, and of one hand, 1.
    preprocessor_ : transformer
        The fitted preprocessor, if it is a transformer.
    image_size_ : tuple of (int, int)
        Height and width of the canvas.
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats.
    feature_names_ : list
        Names of the features that were trained along.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (share of images whose nearest other one in the batch is by the same writer;
        of pairs, of those in order) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    See Also
    --------
    hwsk.model_selection.make_pairs : Pairs of given samples.
    hwsk.metrics.equal_error_rate : What pairs' scores are worth.
    hwsk.identification.WriterEmbedder : The same over patches of lines and pages.

    Notes
    -----
    Thresholds and probabilities mean something only if they come from writers that training did not
    see: training brings the vectors of its own writers closer than others' will be. So there is
    none after `fit` alone. They hold for pairs compared as those were: calibrate again after
    setting `registration`, `n_duplicates`, `test_scale` or `test_augmentations`.

    After `fit` on a 2-D array of samples without `image_shape`, only `transform` and `score` are
    there.

    References
    ----------
    .. [1] J. Bromley et al., "Signature verification using a 'Siamese' time delay neural network",
       NIPS 1993.
    .. [2] W. de Vazelhes et al., "metric-learn: metric learning algorithms in Python", JMLR 21,
       2020.
    .. [3] K. Musgrave, S. Belongie, S.-N. Lim, "PyTorch Metric Learning", arXiv 2008.09164.
    .. [4] M. Diaz et al., "Generation of duplicated off-line signature images for verification
       systems", IEEE TPAMI 39, 2017.
    .. [5] H. Touvron et al., "Fixing the train-test resolution discrepancy", NeurIPS 2019.

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

    classes_: NDArray[np.int64]
    tasks_: Tasks | None

    _parameter_constraints: dict[str, Any] = {
        "loss": [StrOptions(set(EMBEDDING_MARGINS))],
        "margin": [Interval(Real, 0, None, closed="neither"), None],
        "scale": [Interval(Real, 0, None, closed="neither")],
        "embedding_dim": [Interval(Integral, 1, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "feature_weight": [Interval(Real, 0, None, closed="left")],
        "matching": ["boolean"],
        "registration": ["boolean"],
        "n_duplicates": [Interval(Integral, 0, None, closed="left")],
        "test_scale": [Interval(Real, 0.5, 4, closed="both")],
        "test_augmentations": [Interval(Integral, 0, None, closed="left")],
        "preprocessor": "no_validation",
        "channels": [tuple, list],
        "hidden_units": [Interval(Integral, 1, None, closed="left")],
        "texture": ["boolean"],
        "image_size": [tuple, list, None],
        "image_shape": [tuple, list, None],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        loss: str = "multi_similarity",
        margin: float | None = None,
        scale: float = 30.0,
        embedding_dim: int = 128,
        dropout: float = 0.0,
        feature_weight: float = 1.0,
        matching: bool = False,
        registration: bool = False,
        n_duplicates: int = 0,
        test_scale: float = 1.0,
        test_augmentations: int = 0,
        preprocessor: Any = None,
        channels: tuple[int, ...] = (32, 64, 128, 128),
        image_size: tuple[int, int] | None = None,
        image_shape: tuple[int, int] | None = None,
        hidden_units: int = 256,
        texture: bool = False,
        *,
        max_epochs: int = 30,
        batch_size: int = 64,
        lr: float = 1e-3,
        lr_schedule: str = "one_cycle",
        weight_decay: float = 5e-2,
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
        self.loss = loss
        self.margin = margin
        self.scale = scale
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.feature_weight = feature_weight
        self.matching = matching
        self.registration = registration
        self.n_duplicates = n_duplicates
        self.test_scale = test_scale
        self.test_augmentations = test_augmentations
        self.preprocessor = preprocessor
        self.channels = channels
        self.hidden_units = hidden_units
        self.texture = texture
        self.image_size = image_size
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
        if hasattr(self, "classes_") and hasattr(self, "predict"):  # scorers ask for a classifier
            tags.estimator_type = "classifier"
            tags.classifier_tags = ClassifierTags(multi_class=False)
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(
        self, X: Any, y: Any, groups: Any = None, features: Any = None, contexts: Any = None
    ) -> SiameseVerifier:
        """Learn which differences tell hands apart.

        Parameters
        ----------
        X : array-like
            Pairs: `(n, 2, h, w)`, an object array or list `(n, 2)` of images or file paths, `(n, 2,
            columns)`, or `(n, 2)` of what `preprocessor` makes images of. Or single samples: images
            as elsewhere, dark ink on light paper, or what `preprocessor` makes images of.
        y : array-like of shape (n,)
            Of pairs: 1 for one hand, 0 or -1 for two. Of single samples: their writers. Give a
            forged signature a writer of its own: it is no fellow of any other.
        groups : array-like of shape (n,), default=None
            With `early_stopping`, no group is on both sides of the split. Of single samples, None
            takes the writers.
        features : DataFrame or array-like of shape (n, n_features), default=None
            Classes of single samples, such as the 15 features of `load_cedar_and`, that the network
            learns to tell along, since that helps it. None and NaN are missing.
        contexts : array-like of shape (n,), default=None
            What is written in single samples, such as the word, or whose name a signature says.
            Samples of one context come into batches together, so that the network has to tell hands
            and not words: give it where writers have written different things, or where there are
            forgeries.

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
                "each pair is by one hand, or the writer of each sample"
            )
        former = dict(vars(self))
        further = self.warm_start and hasattr(self, "net_")
        try:
            self._check_channels()
            self._check_needs_matching()
            self._check_can_change(self._n_changed())
            for name in ("threshold_", "calibration_"):  # of other vectors
                self.__dict__.pop(name, None)
            if self._holds_pairs(X):
                self._fit_pairs(X, y, groups, features, contexts, further)
            else:
                self._fit_samples(X, y, groups, features, contexts, further)
        except BaseException:  # a former network and another canvas would tell nonsense
            self.__dict__ = former
            raise
        return self

    def _check_needs_matching(self) -> None:
        for name, off in (("registration", False), ("n_duplicates", 0), ("test_scale", 1)):
            value = getattr(self, name)
            if value != off and not self.matching:
                raise ValueError(f"{name}={value} goes by matched places: set matching=True, too")

    def _fit_samples(
        self, X: Any, y: Any, groups: Any, features: Any, contexts: Any, further: bool
    ) -> None:
        stack = self._look(self._images(X, reset=True), further=further, stacklevel=4)
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
                f"each of the {alone} writers in y has one sample: there is no pair by one hand to "
                "learn from. y holds the writer of each sample, or, for pairs (n, 2, ...), 1 or 0"
            )
        if alone and not hasattr(self, "n_features_in_"):
            warnings.warn(
                f"{alone} of {len(names)} writers have one sample: of these there are only pairs "
                "by different hands",
                stacklevel=4,
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
            return _SampleDataset(stack[rows], chosen, self.augment if training else None, seed)

        def judge(rows: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
            pairs, same = _all_pairs(writers[rows])
            return -self._distances(self._looks_of(stack[rows]), pairs), same

        self._learn(make_dataset, len(stack), writers if groups is None else groups, further, judge)
        self._learn_codebook(stack)

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
        entries, rows = _split_pairs(X)
        same = self._check_same(y, len(rows))
        check_consistent_length(rows, groups)
        if same.all() or not same.any():
            raise ValueError(
                f"all {len(same)} pairs are by {'one hand' if same.all() else 'different hands'}: "
                "both kinds are needed"
            )
        stack = self._look(self._images(entries, reset=True), further=further, stacklevel=4)
        self.tasks_ = None
        self._n_writers = 0

        def make_dataset(chosen: NDArray[np.int64], training: bool, seed: int) -> CanvasDataset:
            augment = self.augment if training else None
            return _PairDataset(stack, rows[chosen], same[chosen], augment, seed)

        def judge(chosen: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
            looks = self._looks_of(stack[rows[chosen].ravel()])
            pairs = np.arange(2 * len(chosen)).reshape(-1, 2)
            return -self._distances(looks, pairs), same[chosen]

        self._learn(make_dataset, len(rows), groups, further, judge)
        self._learn_codebook(stack)

    def _learn(
        self,
        make_dataset: Callable[[NDArray[np.int64], bool, int], CanvasDataset],
        n_samples: int,
        groups: Any,
        further: bool,
        judge: Callable[[NDArray[np.int64]], tuple[NDArray[np.float64], NDArray[np.bool_]]],
    ) -> None:
        """Train, and calibrate by what was held out, if anything was; `judge` scores rows of it."""
        held_out: list[NDArray[Any]] = []

        def split(n: int, groups: Any, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
            train, valid = self._split(n, groups, seed)
            held_out.append(valid)
            return train, valid

        make_module = self._module_to_train_further if further else None
        self._train(make_dataset, n_samples, groups, make_module, split=split)
        for rows in held_out:
            scores, same = judge(rows)
            if 0 < same.sum() < len(same):
                self._calibrate(scores, same, "eer", None, 1.0)

    def _make_module(self) -> HandNetwork:
        sizes = () if self.tasks_ is None else tuple(len(c) for c in self.tasks_["classes"])
        return HandNetwork(
            self.image_size_,
            tuple(self.channels),
            self.hidden_units,
            self.embedding_dim,
            sizes,
            self.dropout,
            self.texture,
            _DESCRIPTOR_DIM if self.matching else None,
        )

    def _make_criterion(self) -> nn.Module:
        matching = MatchingLoss(out_of_reach_on(self.image_size_)) if self.matching else None
        weight = _EMBEDDING_WEIGHT if self.matching else 1.0
        if not self._n_writers:
            return PairsLoss(self.loss, self.margin, matching, weight)
        tasks = None
        if self.tasks_ is not None:
            tasks = TaskLoss([np.ones(len(c)) for c in self.tasks_["classes"]])
        embedding = EmbeddingLoss(
            self.loss, self.margin, self.scale, self._n_writers, self.embedding_dim
        )
        return HandLoss(embedding, tasks, matching, weight, self.feature_weight)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        vectors = output[0].detach().cpu().numpy()
        first = target[0].cpu().numpy()
        if self._n_writers:
            return nearest_errors(vectors, first, target[1].cpu().numpy())
        distances = np.linalg.norm(unit(vectors[::2]) - unit(vectors[1::2]), axis=1)
        wrong = distances[first == 1][:, None] >= distances[first == 0]
        return float(wrong.sum()), float(wrong.size)

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Vector of each image.

        Parameters
        ----------
        X : array-like
            Single samples or pairs, as in `fit`.

        Returns
        -------
        embedding : ndarray of shape (n, embedding_dim), or (n, 2, embedding_dim) of pairs
            Float32, of length 1. With `matching` there are `n_codes` columns, 256 as a rule, for
            each cell of 16 x 16 pixels: how much of each kind of place is about there, as a root.
        """
        check_is_fitted(self)
        if self._holds_pairs(X):
            entries, rows = _split_pairs(X)
            return self._embed(entries)[rows]
        return self._embed(X)

    def _embed(self, X: Any) -> NDArray[np.float32]:
        images = self._images(X, reset=False)
        return self._mean_vectors(self._encode_views(images, self.test_augmentations, 5))

    def _canvases(self, X: Any) -> CanvasDataset:
        return self._for_places(super()._canvases(X))

    def _for_places(self, dataset: CanvasDataset) -> CanvasDataset:
        """Have the network enlarge the images, and give places alone, if it has any."""
        if self._has_places():
            size = torch.tensor(enlarged(self.image_size_, self.test_scale))
            dataset.collate = partial(_collate_for_places, size=size)
        return dataset

    def _mean_vectors(self, views: Iterable[Iterator[tuple[list[int], Any]]]) -> Any:
        """Vector of each image, over its versions."""
        of_view = self._histograms if self._has_places() else _vectors
        return unit(np.sum([of_view(outputs) for outputs in views], axis=0))

    def _histograms(self, outputs: Iterable[tuple[list[int], Any]]) -> NDArray[np.float32]:
        """`place_histograms` of all images, batch by batch."""
        codebook = torch.from_numpy(self.codebook_)
        size = place_map_size(self.image_size_, self.test_scale)

        def of_batch(output: Any) -> NDArray[np.float32]:
            places = Places(*(part.cpu().float() for part in output[-1][:2]))
            return place_histograms(places, codebook, size).numpy()

        return _of_all(outputs, of_batch)

    def _learn_codebook(self, stack: NDArray[Any]) -> None:
        """Find the kinds of places that there are in images of the training."""
        if not self._has_places():
            return
        rng = np.random.default_rng(draw_seed(self.random_state))
        chosen = rng.permutation(len(stack))[:_N_CODED]
        dataset = self._for_places(CanvasDataset(stack[np.sort(chosen)], None))
        descriptors, weights, *_ = _places(self._outputs(dataset, warn=False), False)
        seen = descriptors[weights > weights.mean() / 2].float().numpy()
        seen = seen[rng.permutation(len(seen))[:_N_DESCRIPTORS]]
        means = MiniBatchKMeans(
            min(_N_CODES, len(seen)),
            batch_size=4096,
            n_init=1,
            random_state=int(rng.integers(2**31)),
        ).fit(seen)
        self.codebook_ = unit(means.cluster_centers_).astype(np.float32)

    def _n_changed(self) -> int:
        """How many changed versions of each image are looked at, too."""
        return max(self.test_augmentations, self.n_duplicates)

    def _looks(self, X: Any, stacklevel: int) -> list[Any]:
        """What images are compared by: their mean vectors, or the places of each version."""
        images, keep = self._images(X, reset=False), self._has_places()
        return self._looks_in(
            self._encode_views(images, self._n_changed(), stacklevel + 1, keep=keep)
        )

    def _looks_of(self, canvases: NDArray[Any]) -> list[Any]:
        """The same of images in training."""

        def outputs_of(version: int | None) -> Iterator[tuple[list[int], Any]]:
            dataset = self._for_places(CanvasDataset(canvases, None))
            if version is not None:
                dataset.augment, dataset.view = self.augment, version
            return self._outputs(dataset, warn=False)

        return self._looks_in(map(outputs_of, [None, *range(self._n_changed())]))

    def _looks_in(self, views: Iterable[Iterator[tuple[list[int], Any]]]) -> list[Any]:
        if not self._has_places():
            vectors = self._mean_vectors(islice(views, 1 + self.test_augmentations))
            return [torch.from_numpy(vectors).double()]
        looks: list[Places] = []
        spreads = []
        for version, outputs in enumerate(views):
            places = _places(outputs, self.registration)
            if 0 < version <= self.n_duplicates:
                spreads.append(self._apart(looks[0], places))
            if version <= self.test_augmentations:
                looks.append(places)
        if not spreads:
            return looks
        return [look._replace(spreads=torch.stack(spreads).mean(dim=0)) for look in looks]

    @torch.inference_mode()
    def _apart(self, one: Places, other: Places) -> Tensor:
        """How far images are from their other versions."""
        far = out_of_reach_on(self.image_size_, scale=self.test_scale)
        parts = torch.arange(len(one.weights)).split(_PLACES_AT_ONCE)
        return torch.cat([matched_distance(one.of(rows), other.of(rows), far) for rows in parts])

    def _distances(self, looks: Iterable[Any], pairs: NDArray[Any]) -> NDArray[np.float64]:
        """Distance of each pair of rows, the mean over what is compared."""
        at_once = _PLACES_AT_ONCE if self._has_places() else _AT_ONCE
        if self._has_places() and self.registration:
            at_once = _REGISTERED_AT_ONCE
        chunks = np.array_split(pairs, max(1, -(-len(pairs) // at_once)))
        of_looks = [
            np.concatenate([self._distances_in(look, rows) for rows in chunks]) for look in looks
        ]
        return np.mean(of_looks, axis=0)

    def _has_places(self) -> bool:
        """Whether pairs are matched: as the network was made, whatever `matching` is by now."""
        return self.net_.module_.places is not None

    @torch.inference_mode()
    def _distances_in(self, look: Any, pairs: NDArray[Any]) -> NDArray[np.float64]:
        first, second = torch.from_numpy(np.ascontiguousarray(pairs.T))
        if not isinstance(look, Places):
            return (look[first] - look[second]).norm(dim=1).numpy()
        one, other = look.of(first), look.of(second)
        if self.registration:
            far = out_of_reach_on(self.image_size_, REGISTERED_REACH, self.test_scale)
            distances = matched_distance(one, self._laid_over(one, other), far) / 2
            distances = distances + matched_distance(self._laid_over(other, one), other, far) / 2
        else:
            far = out_of_reach_on(self.image_size_, scale=self.test_scale)
            distances = matched_distance(one, other, far)
        if one.spreads is not None and other.spreads is not None:
            distances = distances - _SPREAD_SHARE * (one.spreads + other.spreads) / 2
        return distances.double().clamp_min(0).numpy()

    def _laid_over(self, one: Places, other: Places) -> Places:
        """The places of the second images of pairs, each image laid over the first."""
        assert other.images is not None
        size = place_map_size(self.image_size_, self.test_scale)
        images = registered(other.images, find_maps(one, other, size, self.test_scale))
        X = {"images": images, "resized": torch.tensor(images.shape[2:])}
        descriptors, weights, *_ = self.net_.evaluation_step((X, None))[0]
        return Places(descriptors.cpu(), weights.cpu())

    def feature_classifier(self) -> MultiTaskClassifier:
        """The features that were trained along, as an estimator of their own with this network.

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

    @available_if(_compares_pairs)
    def pair_distance(self, pairs: Any) -> NDArray[np.float64]:
        """Euclidean distance of the vectors of each pair.

        With `matching` it is the mean distance of matched places, less what `n_duplicates` takes
        off.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`. An image, path or id that comes in several pairs is looked at once.

        Returns
        -------
        distances : ndarray of shape (n_pairs,)
            From 0 to 2.
        """
        check_is_fitted(self)
        if not self._holds_pairs(pairs):
            raise ValueError(
                f"pairs are needed, (n, 2, ...), and this is {_shape_of(pairs)}; "
                "hwsk.model_selection.make_pairs makes pairs of samples"
            )
        entries, rows = _split_pairs(pairs)
        return self._distances(self._looks(entries, stacklevel=4), rows)

    @available_if(_compares_pairs)
    def pair_score(self, pairs: Any) -> NDArray[np.float64]:
        """The negative of `pair_distance`: higher where one hand is likelier.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            From -2 to 0.
        """
        return -self.pair_distance(pairs)

    @available_if(_compares_pairs)
    def decision_function(self, pairs: Any) -> NDArray[np.float64]:
        """The same as `pair_score`, by the name that scikit-learn's scorers look for.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        scores : ndarray of shape (n_pairs,)
            From -2 to 0; not compared with `threshold_`.
        """
        return self.pair_score(pairs)

    @available_if(_compares_pairs)
    def predict(self, pairs: Any) -> NDArray[np.int64]:
        """Tell whether each pair is by one hand.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        y : ndarray of shape (n_pairs,)
            1 where the score is at least `threshold_`, else 0 (or -1, if `fit` was given that).

        Raises
        ------
        NotFittedError
            If there is no threshold.
        """
        self._check_has("threshold_")
        return self.classes_[(self.pair_score(pairs) >= self.threshold_).astype(int)]

    @available_if(_compares_pairs)
    def predict_proba(self, pairs: Any) -> NDArray[np.float64]:
        """Probability that each pair is by different hands, and by one, at even odds.

        Parameters
        ----------
        pairs : array-like of shape (n_pairs, 2, ...)
            As in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_pairs, 2)
            Columns as in `classes_`. The logarithm of their ratio is the log-likelihood ratio: at
            other odds than even, add the logarithm of those.

        Raises
        ------
        NotFittedError
            If the scores were never calibrated.
        """
        self._check_has("calibration_")
        slope, intercept = self.calibration_
        one = 1 / (1 + np.exp(-(slope * self.pair_score(pairs) + intercept)))
        return np.column_stack([1 - one, one])

    def _check_has(self, name: str) -> None:
        check_is_fitted(self)
        if not hasattr(self, name):
            raise NotFittedError(
                f"this SiameseVerifier has no {name} yet: call calibrate_threshold(pairs, y) with "
                "pairs of writers that `fit` did not see"
                + (", or set_threshold" if name == "threshold_" else "")
            )

    @validate_params(
        {"self": "no_validation", "threshold": [Interval(Real, None, None, closed="both")]},
        prefer_skip_nested_validation=True,
    )
    def set_threshold(self, threshold: float) -> SiameseVerifier:
        """Set the score from which `predict` takes a pair to be by one hand.

        Parameters
        ----------
        threshold : float
            Compared with `decision_function`, whose values are from -2 to 0.

        Returns
        -------
        self : SiameseVerifier
            The verifier, with another `threshold_`.
        """
        check_is_fitted(self)
        self.threshold_ = float(threshold)
        return self

    @validate_params(
        {
            "self": "no_validation",
            "X": "no_validation",
            "y": "no_validation",
            "strategy": [StrOptions({"eer", "accuracy", "f_beta", "max_tpr", "max_tnr"})],
            "min_rate": [Interval(Real, 0, 1, closed="both"), None],
            "beta": [Interval(Real, 0, None, closed="neither")],
        },
        prefer_skip_nested_validation=True,
    )
    def calibrate_threshold(
        self,
        X: Any,
        y: Any,
        strategy: str = "eer",
        *,
        min_rate: float | None = None,
        beta: float = 1.0,
    ) -> SiameseVerifier:
        """Find the threshold, and what makes probabilities of scores, by pairs held out.

        Parameters
        ----------
        X : array-like
            Pairs, or single samples of which all pairs are taken, as in `fit`, but by other
            writers.
        y : array-like of shape (n,)
            As in `fit`.
        strategy : {"eer", "accuracy", "f_beta", "max_tpr", "max_tnr"}, default="eer"
            "eer" makes as large a share of errors among pairs by one hand as among those by two;
            "accuracy" makes the fewest errors, and "f_beta" the best F-score; "max_tpr" finds most
            pairs by one hand, while of those by two at least `min_rate` are told; "max_tnr" the
            other way round.
        min_rate : float, default=None
            The rate that "max_tpr" and "max_tnr" keep to.
        beta : float, default=1.0
            Weight of recall in "f_beta".

        Returns
        -------
        self : SiameseVerifier
            The verifier with another `threshold_` and `calibration_`.

        Raises
        ------
        ValueError
            If there are no pairs, or all are of one kind.

        References
        ----------
        .. [1] J. Platt, "Probabilistic outputs for support vector machines", 1999.
        """
        check_is_fitted(self)
        if (min_rate is None) == (strategy in ("max_tpr", "max_tnr")):
            needs = "needs min_rate" if min_rate is None else "takes no min_rate"
            raise ValueError(f"strategy={strategy!r} {needs}")
        scores, same = self._scores(X, y)
        if same.all() or not same.any():
            kind = "no pairs" if not len(same) else "pairs by one hand only"
            if len(same) and not same.any():
                kind = "pairs by different hands only"
            raise ValueError(f"there are {kind}: both kinds are needed to find a threshold")
        self._calibrate(scores, same, strategy, min_rate, beta)
        return self

    def _calibrate(
        self,
        scores: NDArray[np.float64],
        same: NDArray[np.bool_],
        strategy: str,
        min_rate: float | None,
        beta: float,
    ) -> None:
        self.threshold_ = _find_threshold(scores, same, strategy, min_rate, beta)
        spread = max(float(scores.std()), 1e-12)  # so that the penalty is the same for any scale
        logistic = LogisticRegression(class_weight="balanced").fit(scores[:, None] / spread, same)
        self.calibration_ = float(logistic.coef_[0, 0]) / spread, float(logistic.intercept_[0])

    def get_metric(self) -> Callable[[Any, Any], float]:
        """The distance as a function of two images, each flattened to a row.

        Returns
        -------
        metric : callable
            `metric(row, other) -> float`, for `KNeighborsClassifier(metric=...)` and others that
            take one. It can be pickled. Rows whose values exceed 1 are taken as those of uint8.

        Raises
        ------
        NotFittedError
            If there is no network yet.
        """
        check_is_fitted(self)
        return _Metric(self)

    def score(self, X: Any, y: Any) -> float:
        """Area under the ROC curve over pairs.

        Parameters
        ----------
        X : array-like
            Pairs, or single samples of which all pairs are taken, as in `fit`.
        y : array-like of shape (n,)
            As in `fit`.

        Returns
        -------
        score : float
            From 0 to 1; 0.5 is chance.
        """
        scores, same = self._scores(X, y)
        return float(roc_auc_score(same, scores))

    def _scores(self, X: Any, y: Any) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Score of each pair, and whether it is by one hand."""
        check_is_fitted(self)
        if self._holds_pairs(X):
            same = self._check_same(y, len(X), reset=False)
            return self.pair_score(X), same
        check_consistent_length(X, y)
        pairs, same = _all_pairs(column_or_1d(y))
        return -self._distances(self._looks(X, stacklevel=5), pairs), same

    def _check_same(self, y: Any, n: int, *, reset: bool = True) -> NDArray[np.bool_]:
        labels = column_or_1d(y)
        if len(labels) != n:
            raise ValueError(f"there are {n} pairs, and y has {len(labels)} labels")
        wrong = np.flatnonzero(~np.isin(labels, [1, 0, -1]))
        if len(wrong):
            raise ValueError(
                f"labels of pairs are 1 (one hand), 0 or -1 (two); {len(wrong)} of {n} are others, "
                f"rows {some_rows(wrong)}; row {wrong[0]}: {labels.tolist()[wrong[0]]!r}"
            )
        if reset:
            self.classes_ = np.array([-1 if (labels == -1).any() else 0, 1])
        return labels == 1

    def _holds_pairs(self, X: Any) -> bool:
        """Whether X is pairs: two images, or two of what the preprocessor makes images of."""
        of_ids = self.preprocessor is not None and not hasattr(self.preprocessor, "transform")
        if isinstance(X, pd.DataFrame):
            X = X.to_numpy()
        if hasattr(X, "__array__") and not hasattr(X, "toarray"):
            array = np.asarray(X)
            if array.ndim < 2 or array.shape[1] != 2:
                return False
            return array.ndim > 2 or of_ids or array.dtype.kind in "OUS"
        if not isinstance(X, (list, tuple)) or not X:
            return False
        first = X[0]
        if isinstance(first, (list, tuple)):  # two images or paths, or a row of numbers
            return len(first) == 2 and (
                of_ids or isinstance(first[0], str) or np.ndim(first[0]) > 0
            )
        return np.ndim(first) > 1 and self._holds_pairs(np.asarray(first)[np.newaxis])

    def _images(self, X: Any, *, reset: bool) -> Any:
        """Images of the entries of X, by the preprocessor."""
        if self.preprocessor is None:
            return X
        if hasattr(self.preprocessor, "transform"):
            if reset:
                self.preprocessor_ = clone(self.preprocessor).fit(X)
            return self.preprocessor_.transform(X)
        if callable(self.preprocessor):
            return self.preprocessor(list(X))
        ids, n = np.asarray(X), len(self.preprocessor)
        if ids.ndim != 1 or ids.dtype.kind not in "iu":
            raise ValueError(
                f"X holds row numbers of preprocessor, an array of {n} images, and is "
                f"{_shape_of(X)}; give integers"
            )
        unknown = np.flatnonzero((ids < 0) | (ids >= n))
        if len(unknown):
            raise ValueError(
                f"{len(unknown)} ids in X are none of the {n} rows of preprocessor, such as "
                f"{ids[unknown[0]]}"
            )
        return [self.preprocessor[i] for i in ids]


def _vectors(outputs: Iterable[tuple[list[int], Any]]) -> NDArray[np.float32]:
    """Vectors of length 1 of what the network gives, batch by batch."""
    return _of_all(
        outputs, lambda output: unit(output[0].cpu().double().numpy()).astype(np.float32)
    )


def _of_all(
    outputs: Iterable[tuple[list[int], Any]], of_batch: Callable[[Any], NDArray[Any]]
) -> NDArray[Any]:
    """What is made of each batch that the network gives, of all images in their order."""
    done: list[int] = []
    parts = []
    for rows, output in outputs:
        done += rows
        parts.append(of_batch(output))
    return in_order(done, parts)


def _places(outputs: Iterable[tuple[list[int], Any]], with_images: bool) -> Places:
    """The places of all images, from what the network gives batch by batch."""
    done: list[int] = []
    parts = []
    for rows, (*_, places) in outputs:
        done += rows
        parts.append([part.cpu() for part in places[: 3 if with_images else 2]])
    order = torch.from_numpy(np.argsort(done))
    return Places(*(torch.cat(part)[order] for part in zip(*parts, strict=True)))


def _split_pairs(X: Any) -> tuple[Any, NDArray[np.int64]]:
    """Entries, each once, and for each pair the numbers of its two."""
    if isinstance(X, pd.DataFrame):
        X = X.to_numpy()
    if hasattr(X, "__array__"):
        array = np.asarray(X)
    else:
        odd = [row for row, pair in enumerate(X) if len(pair) != 2]
        if odd:
            raise ValueError(f"row {odd[0]} of X holds {len(X[odd[0]])} entries; a pair has two")
        array = object_array([entry for pair in X for entry in pair]).reshape(-1, 2)
    entries = array.reshape(-1, *array.shape[2:])
    numbers: dict[Any, int] = {}
    rows = [numbers.setdefault(_key(entry), len(numbers)) for entry in entries]
    _, firsts = np.unique(rows, return_index=True)
    entries = entries[firsts]
    if entries.dtype == object and {type(entry) for entry in entries} <= {str, int}:
        entries = np.array(entries.tolist())  # paths or ids
    return entries, np.array(rows, np.int64).reshape(-1, 2)


def _key(entry: Any) -> Any:
    """What tells an entry of pairs from others."""
    if isinstance(entry, np.ndarray):
        return entry.shape, entry.dtype, sha256(entry.tobytes()).digest()
    try:
        hash(entry)
    except TypeError:
        return id(entry)
    return type(entry), entry


def _all_pairs(writers: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """All pairs of rows, and whether each is by one writer."""
    first, second = np.triu_indices(len(writers), 1)
    return np.column_stack([first, second]), writers[first] == writers[second]


def _find_threshold(
    scores: NDArray[np.float64],
    same: NDArray[np.bool_],
    strategy: str,
    min_rate: float | None,
    beta: float,
) -> float:
    """The score from which pairs are taken to be by one hand."""
    if strategy == "f_beta":
        precision, recall, thresholds = precision_recall_curve(same, scores)
        weighted = beta**2 * precision + recall
        f = (1 + beta**2) * precision * recall / np.where(weighted > 0, weighted, 1)
        return float(thresholds[f[:-1].argmax()])
    fpr, tpr, thresholds = roc_curve(same, scores, drop_intermediate=False)
    thresholds[0] = np.nextafter(thresholds[1], np.inf)  # instead of infinity: nothing is accepted
    if strategy == "eer":
        return float(thresholds[np.abs(fpr - (1 - tpr)).argmin()])
    if strategy == "accuracy":
        return float(thresholds[(tpr * same.sum() - fpr * (~same).sum()).argmax()])
    if strategy == "max_tpr":
        return float(thresholds[np.where(1 - fpr >= min_rate, tpr, -1).argmax()])
    return float(thresholds[np.where(tpr >= min_rate, 1 - fpr, -1).argmax()])


def _shape_of(X: Any) -> str:
    return f"of shape {np.shape(X)}" if hasattr(X, "shape") else f"a {type(X).__name__}"


class _SampleDataset(CanvasDataset):
    """Images with (writer, sample, features, whether it is the writer's only one[, context])."""

    def batches(self, batch_size: int, shuffle: bool) -> FellowBatches:
        assert self.targets is not None
        kind = ContextBatches if len(self.targets[0]) > 4 else FellowBatches
        return kind(self, batch_size)


class _PairDataset(CanvasDataset):
    """Pairs of images, each with whether they are by one hand."""

    def __init__(
        self,
        stack: NDArray[Any],
        pairs: NDArray[np.int64],
        same: NDArray[np.bool_],
        augment: Augmentation | None,
        seed: int,
    ) -> None:
        targets = [(label,) for label in np.repeat(same, 2)]
        super().__init__(_Chosen(stack, pairs.ravel()), targets, augment, seed)
        self.collate = _collate_pairs

    def __len__(self) -> int:
        return len(self.images) // 2

    def __getitem__(self, i: int) -> tuple[NDArray[np.float32], Any]:
        one, target = super().__getitem__(2 * i)
        other, _ = super().__getitem__(2 * i + 1)
        return np.stack([one, other]), target


class _Chosen(Sequence[Image]):
    """Rows of an array, taken when asked for."""

    def __init__(self, stack: NDArray[Any], rows: NDArray[np.int64]) -> None:
        self.stack = stack
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, i: Any) -> Any:
        return self.stack[self.rows[i]]


def _collate_for_places(
    batch: list[tuple[NDArray[np.float32], Any]], size: Tensor
) -> tuple[dict[str, Tensor], Any]:
    X, targets = collate_canvases(batch)
    return {**X, "resized": size}, targets


def _collate_pairs(batch: list[tuple[NDArray[np.float32], Any]]) -> Any:
    X, targets = collate_canvases(batch)
    images = X["images"]
    return {"images": images.reshape(-1, 1, *images.shape[3:])}, targets


class _Metric:
    """Distance of two flattened images; each image goes through the network once."""

    def __init__(self, verifier: SiameseVerifier) -> None:
        self.verifier = verifier
        self.known: dict[tuple[Any, ...], list[Any]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return {"verifier": self.verifier, "known": {}}

    def __call__(self, row: Any, other: Any) -> float:
        looks = zip(self._looks(row), self._looks(other), strict=True)
        return float(self.verifier._distances(map(_join, looks), np.array([[0, 1]]))[0])

    def _looks(self, row: Any) -> list[Any]:
        row = np.ascontiguousarray(row)
        of_verifier = ("registration", "n_duplicates", "test_scale", "test_augmentations")
        key = tuple(getattr(self.verifier, name) for name in of_verifier) + (row.tobytes(),)
        if key not in self.known:
            most = _PLACES_REMEMBERED if self.verifier._has_places() else _REMEMBERED
            if len(self.known) >= most:
                self.known.clear()
            if hasattr(self.verifier, "n_features_in_"):
                X = row[None]
            else:
                X = row.reshape(1, *self.verifier.image_size_)
                X = X.astype(np.uint8) if X.max() > 1 else X
            self.known[key] = self.verifier._looks(X, stacklevel=5)
        return self.known[key]


def _join(looks: Iterable[Any]) -> Any:
    """What is compared of one image, and of another, as that of two."""
    one, other = looks
    if isinstance(one, Places):
        descriptors, weights = map(torch.cat, zip(one[:2], other[:2], strict=True))
        extra = (
            None if a is None or b is None else torch.cat([a, b])
            for a, b in zip(one[2:], other[2:], strict=True)
        )
        return Places(descriptors, weights, *extra)
    return torch.cat([one, other])
