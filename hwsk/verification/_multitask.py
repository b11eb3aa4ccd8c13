"""Classify several features of an image at once (`MultiTaskClassifier`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.base import (
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    _fit_context,
)
from sklearn.metrics import balanced_accuracy_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.validation import check_is_fitted
from torch import nn

from hwsk._data.tasks import MISSING, Tasks, count_classes, encode_tasks, learn_tasks
from hwsk._limits import COPIES, UNITS, whole
from hwsk._training.batches import Augmentation
from hwsk._training.canvas import CanvasDataset, EncoderEstimator, document_canvas, in_order
from hwsk._training.parameters import TRAINING_CONSTRAINTS, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk.networks.losses import EmbeddingLoss, TaskLoss
from hwsk.networks.siamese import SiameseLoss, SiameseNetwork

__all__ = ["MultiTaskClassifier"]


@document_canvas
@document_training
class MultiTaskClassifier(
    ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin, EncoderEstimator
):
    """Classify several features of a handwriting image at once, by one network.

    One encoder, and a linear head for each column of y, such as the 15 features that document
    examiners name [1]_. Labels may be missing. As a transformer it gives what its heads see, or
    what they say.

    Parameters
    ----------
    loss_weights : {"uniform", "uncertainty"} or mapping, default="uniform"
        How much each column of y counts: all the same, or as learnt along by the columns'
        uncertainty [2]_, or a mapping from columns to numbers (1 for those that it leaves out).
    class_weight : {"balanced"}, dict, list of dict or None, default=None
        Weights of the classes in the loss: "balanced" lets each class of a column count the same. A
        list has a dict for each column, from classes to weights.
    logit_adjustment : float, default=0.0
        How far classes that are rare in `fit` are favoured in prediction: the logarithms of
        probabilities are lowered by so many times those of the frequencies [3]_, and 1 is as if
        classes were equally frequent. May be changed after `fit`.
    label_smoothing : float, default=0.0
        Share of the target's probability that is spread over all classes.
    writer_weight : float, default=1.0
        Weight of the loss of the embedding, where `fit` is given writers.
    embedding_dim : int, default=128
        Length of an embedding.
    dropout : float, default=0.0
        Share of the units left out at random in training: before the heads.
    test_augmentations : int, default=0
        Copies changed by `augment`, of each image, that predictions are averaged over. These are
        probabilities and features; all images are changed in the same ways. Needs no new fit.
    transform_kind : {"features", "probabilities"}, default="features"
        What `transform` gives: the features that its heads see, or the probabilities of all columns
        side by side. May be changed after `fit`.
    {canvas}
    dense_units : int, default=256
        Units of the dense layer. It lies over the encoder's maps, and gives the features.
    texture : bool, default=False
        Whether that layer also sees mean and maximum over the image of each feature of the last two
        stages, which do not depend on position.
    {training}

    Attributes
    ----------
    classes_ : list of ndarray, or ndarray
        The classes of each column; of y of shape (n_samples,), its classes.
    task_names_ : list
        The columns' names, or numbers.
    loss_weights_ : ndarray of shape (n_tasks,)
        How much each column counted in the end.
    class_priors_ : list of ndarray
        Frequencies of the classes in `fit`.
    image_size_ : tuple of (int, int)
        Height and width of the canvas.
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats.
    history_ : list of dict
        `epoch`, `train_loss`, `dur` (seconds) and, with early stopping, `valid_loss` and
        `valid_score` (accuracy over all labels) of each epoch.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    See Also
    --------
    hwsk.datasets.load_cedar_and : Words with 15 features.
    hwsk.verification.SiameseVerifier : Compare handwriting; it can be trained with features along.

    Notes
    -----
    `fit` takes no `sample_weight`, since batch normalization counts all samples alike: repeat a
    sample, or leave it out.

    References
    ----------
    .. [1] M. Chauhan, M. A. Shaikh, S. N. Srihari, "Explanation based handwriting verification",
       arXiv 1909.02548, 2019.
    .. [2] A. Kendall, Y. Gal, R. Cipolla, "Multi-task learning using uncertainty to weigh losses
       for scene geometry and semantics", CVPR 2018.
    .. [3] A. K. Menon et al., "Long-tail learning via logit adjustment", ICLR 2021, section 4.

    Examples
    --------
    >>> import pandas as pd
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.verification import MultiTaskClassifier
    >>> words = make_handwriting(60, texts=["and"], n_writers=12, random_state=0)
    >>> y = pd.DataFrame(
    ...     {
    ...         "slant": pd.cut(words.style["slant"], [-9, 0, 9], labels=["left", "right"]),
    ...         "pen": pd.cut(words.style["pen_width"], 2, labels=["thin", "thick"]),
    ...     }
    ... )
    >>> classifier = MultiTaskClassifier(image_size=(32, 64), max_epochs=2, random_state=0)
    >>> classifier.fit(words.images[:40], y[:40]).predict(words.images[40:]).shape
    (20, 2)
    """

    classes_: Any
    tasks_: Tasks
    class_priors_: list[NDArray[np.float64]]

    _native_data = "characters"
    _parameter_constraints: dict[str, list[Any]] = {
        "loss_weights": [StrOptions({"uniform", "uncertainty"}), Mapping],
        "class_weight": [StrOptions({"balanced"}), dict, list, None],
        "logit_adjustment": [Interval(Real, 0, None, closed="left")],
        "label_smoothing": [Interval(Real, 0, 1, closed="left")],
        "writer_weight": [Interval(Real, 0, None, closed="left")],
        "embedding_dim": [whole(1, UNITS)],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "test_augmentations": [whole(0, COPIES)],
        "transform_kind": [StrOptions({"features", "probabilities"})],
        "channels": [tuple, list],
        "dense_units": [whole(1, UNITS)],
        "texture": ["boolean"],
        "image_size": [tuple, list, None],
        "image_shape": [tuple, list, None],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        loss_weights: str | Mapping[Any, float] = "uniform",
        *,
        class_weight: str | dict[Any, float] | list[dict[Any, float]] | None = None,
        logit_adjustment: float = 0.0,
        label_smoothing: float = 0.0,
        writer_weight: float = 1.0,
        embedding_dim: int = 128,
        dropout: float = 0.0,
        test_augmentations: int = 0,
        transform_kind: str = "features",
        channels: tuple[int, ...] = (32, 64, 128, 128),
        image_size: tuple[int, int] | None = None,
        image_shape: tuple[int, int] | None = None,
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
        self.loss_weights = loss_weights
        self.class_weight = class_weight
        self.logit_adjustment = logit_adjustment
        self.label_smoothing = label_smoothing
        self.writer_weight = writer_weight
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.test_augmentations = test_augmentations
        self.transform_kind = transform_kind
        self.channels = channels
        self.dense_units = dense_units
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
        tags.target_tags.multi_output = True
        tags.transformer_tags.preserves_dtype = []
        return tags

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any, groups: Any = None, writers: Any = None) -> MultiTaskClassifier:
        """Learn to classify the features.

        Parameters
        ----------
        X : array-like of images
            `(n, h, w)` array, list or object array of images, or file paths; dark ink on light
            paper, uint8 or float in [0, 1]. Or a 2-D array with a row for each.
        y : DataFrame or array-like of shape (n_samples, n_tasks) or (n_samples,)
            A column for each feature, classes of any type; None and NaN are missing.
        groups : array-like of shape (n_samples,), default=None
            With `early_stopping`, no group is on both sides of the split: give the writers.
        writers : array-like of shape (n_samples,), default=None
            Who wrote each image. If given, the encoder also learns to distinguish these (by the
            CosFace loss over an embedding), which helps it with the features.

        Returns
        -------
        self : MultiTaskClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a column of y has one class or no label, if images can't be used, or if lengths
            differ.
        """
        if y is None:
            raise ValueError(
                "MultiTaskClassifier requires y to be passed, but the target y is None: pass a "
                "column of classes for each feature"
            )
        further = self.warm_start and hasattr(self, "net_")
        with restored_on_failure(self):
            self._check_channels()
            self._fit(X, y, groups, writers, further)
        return self

    def _fit(self, X: Any, y: Any, groups: Any, writers: Any, further: bool) -> None:
        stack = self._look(X, further=further)
        check_consistent_length(stack, y, groups, writers)
        tasks = self.tasks_ if further else learn_tasks(y)
        codes = encode_tasks(y, tasks)
        counts = count_classes(codes, tasks)
        if not further:
            self._set_tasks(tasks, counts)
        self._check_loss_weights()
        self._class_weights = self._weigh_classes(counts)
        numbers = np.zeros(len(stack), np.int64)
        self._n_writers = 0
        if writers is not None:
            names, numbers = np.unique(column_or_1d(writers), return_inverse=True)
            self._n_writers = len(names)
        targets = list(zip(numbers, np.arange(len(stack)), codes, strict=True))

        def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> CanvasDataset:
            chosen = [targets[row] for row in rows]
            return CanvasDataset(stack[rows], chosen, self.augment if training else None, seed)

        make_module = self._module_to_train_further if further else None
        self._train(make_dataset, len(stack), groups, make_module)

    def _set_tasks(self, tasks: Tasks, counts: list[NDArray[np.int64]]) -> None:
        self.tasks_ = tasks
        self.task_names_ = list(tasks["names"])
        self.classes_ = tasks["classes"][0] if tasks["kind"] == "column" else tasks["classes"]
        self.class_priors_ = [count / count.sum() for count in counts]

    def _weigh_classes(self, counts: list[NDArray[np.int64]]) -> list[NDArray[np.float64]]:
        """Weight of each class of each task."""
        if isinstance(self.class_weight, dict) and len(counts) > 1:
            raise ValueError(
                f"y has {len(counts)} columns, and class_weight is one dict: give a list, with a "
                "dict for each column"
            )
        of_one = not isinstance(self.class_weight, list)
        given: Any = [self.class_weight] * len(counts) if of_one else self.class_weight
        if len(given) != len(counts):
            raise ValueError(
                f"class_weight has {len(given)} dicts, and y has {len(counts)} columns"
            )
        weights = []
        for of_column, count, classes in zip(given, counts, self.tasks_["classes"], strict=True):
            seen = np.flatnonzero(count)  # training that goes on may see a part of the classes
            of_classes = np.ones(len(classes))
            of_classes[seen] = compute_class_weight(
                of_column, classes=classes[seen], y=np.repeat(classes, count)
            )
            weights.append(of_classes)
        return weights

    def _check_loss_weights(self) -> None:
        if not isinstance(self.loss_weights, Mapping):
            return
        names = self.tasks_["names"]
        unknown = [name for name in self.loss_weights if name not in names]
        if unknown:
            raise ValueError(f"loss_weights names {unknown[0]!r}, and y has the columns {names}")
        wrong = {name: weight for name, weight in self.loss_weights.items() if not weight >= 0}
        if wrong:
            raise ValueError(f"loss_weights={wrong!r}: a weight is a number from 0")

    @classmethod
    def _of_network(
        cls, verifier: EncoderEstimator, tasks: Tasks, counts: list[NDArray[np.int64]]
    ) -> MultiTaskClassifier:
        """A fitted classifier with the network of a verifier that was trained with features."""
        params = verifier.get_params(deep=False)
        own = cls().get_params(deep=False)
        classifier = cls(**{name: value for name, value in params.items() if name in own})
        learnt = ("image_size_", "levels_", "n_features_in_", "history_", "n_iter_", "_n_writers")
        classifier.__dict__.update({k: v for k, v in vars(verifier).items() if k in learnt})
        classifier._set_tasks(tasks, counts)
        classifier._class_weights = [np.ones(len(classes)) for classes in tasks["classes"]]
        classifier.loss_weights_ = np.ones(len(counts))
        weights = verifier._get_network_state()
        classifier._set_network_state(
            {name: w for name, w in weights.items() if not name.startswith("descriptors.")}
        )
        return classifier

    def _make_module(self) -> SiameseNetwork:
        sizes = tuple(len(classes) for classes in self.tasks_["classes"])
        embedding_dim = self.embedding_dim if self._n_writers else None
        return SiameseNetwork(
            self.image_size_,
            tuple(self.channels),
            self.dense_units,
            embedding_dim,
            sizes,
            self.dropout,
            self.texture,
        )

    def _make_criterion(self) -> nn.Module:
        loss_weights: Any = self.loss_weights
        if isinstance(loss_weights, Mapping):
            loss_weights = [loss_weights.get(name, 1.0) for name in self.tasks_["names"]]
        tasks = TaskLoss(self._class_weights, self.label_smoothing, loss_weights)
        embedding = None
        if self._n_writers:
            embedding = EmbeddingLoss(
                "cosface", n_writers=self._n_writers, embedding_dim=self.embedding_dim
            )
        return SiameseLoss(embedding, tasks, embedding_weight=self.writer_weight)

    def _keep(self, net: Any) -> None:
        self.loss_weights_ = net.criterion_.tasks.weights().detach().cpu().double().numpy()
        super()._keep(net)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        codes = target[2].cpu().numpy()
        best = np.column_stack([logits.argmax(dim=1).cpu().numpy() for logits in output[1]])
        known = codes != MISSING
        return float((known & (best != codes)).sum()), float(known.sum())

    def _predict_all(self, X: Any) -> list[NDArray[np.float64]]:
        """Probabilities of each task."""
        check_is_fitted(self)
        views = self._encode_views(X, self.test_augmentations)
        tables: list[NDArray[np.float64]] = [
            np.mean(of_task, axis=0)
            for of_task in zip(*(self._probabilities(outputs) for outputs in views), strict=True)
        ]
        if not self.logit_adjustment:
            return tables
        odds = [
            table / np.maximum(priors, 1e-12) ** self.logit_adjustment
            for table, priors in zip(tables, self.class_priors_, strict=True)
        ]
        return [odd / odd.sum(axis=1, keepdims=True) for odd in odds]

    def _probabilities(self, outputs: Iterable[tuple[list[int], Any]]) -> list[NDArray[np.float64]]:
        done: list[int] = []
        parts: list[list[NDArray[np.float64]]] = []
        for rows, (_, of_tasks, _) in outputs:
            done += rows
            parts.append([softmax(logits.cpu().double().numpy(), axis=1) for logits in of_tasks])
        return [in_order(done, list(of_task)) for of_task in zip(*parts, strict=True)]

    def predict_proba(self, X: Any) -> Any:
        """Predict the probability of each class.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        probabilities : list of ndarray of shape (n_samples, n_classes)
            One for each column of y, columns as in `classes_`. Where y was of shape (n_samples,),
            that one alone.
        """
        tables = self._predict_all(X)
        return tables[0] if self.tasks_["kind"] == "column" else tables

    def predict(self, X: Any) -> Any:
        """Predict the features of each image.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        y : DataFrame or ndarray of shape (n_samples, n_tasks) or (n_samples,)
            The likeliest classes, in the form in which `fit` was given them.
        """
        best = [table.argmax(axis=1) for table in self._predict_all(X)]
        columns = [kinds[code] for kinds, code in zip(self.tasks_["classes"], best, strict=True)]
        if self.tasks_["kind"] == "column":
            return columns[0]
        if self.tasks_["kind"] == "array":
            return np.column_stack(columns)
        return pd.DataFrame(dict(zip(self.tasks_["names"], columns, strict=True)))

    def predict_log_proba(self, X: Any) -> Any:
        """Predict the logarithm of the probability of each class.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        log_probabilities : list of ndarray of shape (n_samples, n_classes)
            As `predict_proba` gives the probabilities.
        """
        probabilities = self.predict_proba(X)
        with np.errstate(divide="ignore"):  # of a probability of 0
            if isinstance(probabilities, list):
                return [np.log(table) for table in probabilities]
            return np.log(probabilities)

    @property
    def _n_features_out(self) -> int:
        if self.transform_kind == "probabilities":
            return sum(len(classes) for classes in self.tasks_["classes"])
        return self.dense_units

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Extract features of each image for other estimators.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        features : ndarray of shape (n_samples, n_features)
            Float32; what `transform_kind` says.
        """
        if self.transform_kind == "probabilities":
            return np.hstack(self._predict_all(X)).astype(np.float32)
        check_is_fitted(self)
        views = []
        for outputs in self._encode_views(X, self.test_augmentations):
            done: list[int] = []
            parts = []
            for rows, (_, _, features) in outputs:
                done += rows
                parts.append(features.cpu().numpy())
            views.append(in_order(done, parts))
        return np.mean(views, axis=0).astype(np.float32)

    def score(self, X: Any, y: Any) -> float:
        """Average the balanced accuracy over the columns.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        y : DataFrame or array-like of shape (n_samples, n_tasks) or (n_samples,)
            The classes. Missing labels don't count, nor does a column without any.

        Returns
        -------
        score : float
            From 0 to 1.
        """
        check_is_fitted(self)
        codes = encode_tasks(y, self.tasks_)
        tables = self._predict_all(X)
        check_consistent_length(tables[0], codes)
        scores = [
            balanced_accuracy_score(column[known], table[known].argmax(axis=1))
            for table, column in zip(tables, codes.T, strict=True)
            if (known := column != MISSING).any()
        ]
        if not scores:
            raise ValueError("y has no label: there is nothing to compare with")
        return float(np.mean(scores))
