"""Encode images as latent vectors, and decode them (`VariationalAutoencoder`)."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin, _fit_context
from sklearn.utils import check_array, check_consistent_length, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils._tags import Tags
from sklearn.utils.validation import check_is_fitted
from skorch.callbacks import Callback
from torch import Tensor

from hwsk._data.images import check_images
from hwsk._limits import UNITS, whole
from hwsk._training.batches import Augmentation
from hwsk._training.canvas import CanvasDataset, EncoderEstimator, collate_canvases
from hwsk._training.devices import seeded
from hwsk._training.net import Net
from hwsk._training.parameters import TRAINING_CONSTRAINTS, document_training
from hwsk._training.rollback import restored_on_failure
from hwsk._warn import warn_caller
from hwsk.networks.vae import NegativeELBO, VAENetwork, divergence, log_likelihood

__all__ = ["VariationalAutoencoder"]

_ACTIVE = 0.01  # variance of a latent dimension's posterior mean, above which it tells something
_DRAWS = 8  # from each posterior, in `score_samples`


@document_training
class VariationalAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, EncoderEstimator):
    """Turn images into short vectors from which they can be drawn again.

    A convolutional encoder gives for each image a Gaussian over latent vectors, a decoder draws
    the image that a vector stands for. Both are trained to make the images likely while the
    Gaussians stay close to a standard normal distribution [1]_: near vectors are then like images,
    and a vector drawn at random is an image like those of `fit`.

    Parameters
    ----------
    latent_dim : int, default=32
        Length of the vectors.
    beta : float, default=1.0
        Weight of the divergence from the standard normal [2]_. Below 1 reconstructions are
        sharper, above 1 fewer dimensions are used, and samples are more like the data.
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        How far an image may be from what its vector stands for. "gaussian" is squared error, its
        variance that which makes the images likeliest [3]_, so that nothing has to be tuned;
        "bernoulli" takes grey as the probability of black.
    kl_warmup : int or float, default=0.1
        Epochs (int) or share of `max_epochs` (float below 1) in which the divergence's weight
        rises to `beta`. Without, dimensions may be given up before they are of use.
    channels : tuple of 4 int, default=(32, 64, 128, 128)
        Filters of each convolutional stage; each halves the image. The decoder has the same. Images
        less than 49 pixels high or wide have the first stages only, so that 4 x 4 places are left.
    image_size : tuple of (int, int), default=None
        Height and width of the canvas that the network sees. It draws on the same. An image of that
        size is taken as it is; any other is cut to its ink, scaled to fit with its proportions
        kept, and centred. None takes the size of the images in `fit`, which then is one.
    image_shape : tuple of (int, int), default=None
        Height and width of the images where X is a 2-D array, a row for each.
    {training}

    Attributes
    ----------
    image_size_ : tuple of (int, int)
        Height and width of the canvas.
    levels_ : tuple of (float, float)
        Values of paper and full ink in images of floats.
    history_ : list of dict
        `epoch`, `train_loss` (negative evidence lower bound, in nats a pixel), `active_units`,
        `dur` (seconds) and, with early stopping, `valid_loss` and `valid_score` (evidence lower
        bound in nats an image, at the posterior's mean) of each epoch. A latent dimension is
        active if the variance of its posterior mean over the epoch's images is above 0.01 [4]_.
    n_iter_ : int
        Epochs trained.
    net_ : skorch.NeuralNet
        The fitted net; `net_.module_` is the torch module.
    n_features_in_ : int
        Columns of X, where X was a 2-D array.

    See Also
    --------
    sklearn.decomposition.PCA : The same with a linear encoder and decoder.
    hwsk.plotting.ReconstructionDisplay : Images above what is made of them.
    hwsk.plotting.LatentTraversalDisplay : What each latent dimension changes.

    Notes
    -----
    Grey values have no Bernoulli distribution: "bernoulli" is cross-entropy, whose lower bounds
    can be compared with each other, but are not likelihoods of grey images. A Gaussian's density
    may be above 1, so that a lower bound above 0 is right.

    `fit` takes no `sample_weight`, since batch normalization counts all samples alike: repeat a
    sample, or leave it out.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained
       variational framework", ICLR 2017.
    .. [3] O. Rybkin, K. Daniilidis, S. Levine, "Simple and effective VAE training with calibrated
       decoders", ICML 2021.
    .. [4] Y. Burda, R. Grosse, R. Salakhutdinov, "Importance weighted autoencoders", ICLR 2016,
       section 5.2.

    Examples
    --------
    >>> from hwsk.datasets import make_handwriting
    >>> from hwsk.representation import VariationalAutoencoder
    >>> words = make_handwriting(80, n_writers=8, height=32, random_state=0)
    >>> vae = VariationalAutoencoder(
    ...     latent_dim=4, image_size=(32, 64), max_epochs=2, random_state=0
    ... )
    >>> Z = vae.fit_transform(words.images)
    >>> Z.shape
    (80, 4)
    >>> vae.inverse_transform(Z[:2]).shape
    (2, 32, 64)
    """

    _native_data = "characters"
    _parameter_constraints: dict[str, list[Any]] = {
        "latent_dim": [whole(1, UNITS)],
        "beta": [Interval(Real, 0, None, closed="left")],
        "likelihood": [StrOptions({"gaussian", "bernoulli"})],
        "kl_warmup": [
            Interval(Integral, 0, None, closed="left"),
            Interval(Real, 0, 1, closed="left"),
        ],
        "channels": [tuple, list],
        "image_size": [tuple, list, None],
        "image_shape": [tuple, list, None],
        **TRAINING_CONSTRAINTS,
    }

    def __init__(
        self,
        latent_dim: int = 32,
        *,
        beta: float = 1.0,
        likelihood: str = "gaussian",
        kl_warmup: float = 0.1,
        channels: tuple[int, ...] = (32, 64, 128, 128),
        image_size: tuple[int, int] | None = None,
        image_shape: tuple[int, int] | None = None,
        max_epochs: int = 50,
        batch_size: int = 64,
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
        self.latent_dim = latent_dim
        self.beta = beta
        self.likelihood = likelihood
        self.kl_warmup = kl_warmup
        self.channels = channels
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
        tags.transformer_tags.preserves_dtype = []
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.latent_dim

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any, y: Any = None, groups: Any = None) -> VariationalAutoencoder:
        """Learn what the images have in common, and in what they differ.

        Parameters
        ----------
        X : array-like of images
            Dark ink on light paper: `(n, h, w)` or `(n, h, w, c)` array, list of images or of file
            paths, uint8 or float from 0 to 1; or a 2-D array with an image a row (see
            `image_shape`), whose values are free.
        y : None
            Not used.
        groups : array-like of shape (n_samples,), default=None
            Writers: with `early_stopping`, none is on both sides of the split.

        Returns
        -------
        self : VariationalAutoencoder
            The fitted transformer.

        Raises
        ------
        ValueError
            If an image can't be used, or if images differ in size and `image_size` is None; the
            message names the row.

        Warns
        -----
        UserWarning
            If images have no ink or are all the same, or if `latent_dim` is more than an image has
            pixels.
        """
        self._check_channels()
        further = self.warm_start and hasattr(self, "net_")
        with restored_on_failure(self):
            stack = self._look(X, further=further)
            check_consistent_length(stack, groups)
            self._warn_useless(stack)

            def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> CanvasDataset:
                return _ImageDataset(stack[rows], self.augment if training else None, seed)

            make_module = self._module_to_train_further if further else None
            self._train(make_dataset, len(stack), groups, make_module)
        return self

    def _warn_useless(self, stack: NDArray[Any]) -> None:
        if len(stack) > 1 and (stack == stack[0]).all():
            warn_caller(f"all {len(stack)} images are the same: there are no differences to learn")
        if self.latent_dim > stack[0].size:
            warn_caller(
                f"latent_dim={self.latent_dim} is more than the {stack[0].size} pixels of an "
                "image: vectors should be shorter than what they stand for"
            )

    def _make_module(self) -> VAENetwork:
        return VAENetwork(self.image_size_, self.latent_dim, tuple(self.channels))

    def _make_criterion(self) -> NegativeELBO:
        return NegativeELBO(self.likelihood, self.beta)

    def _make_net(
        self, module: Any, callbacks: Sequence[Callback] = (), device: str | None = None
    ) -> Net:
        if callbacks:  # it will be trained
            own: list[Callback] = [_ActiveUnits()]
            if not (self.warm_start and hasattr(self, "net_")):  # else it is warm
                is_share = not isinstance(self.kl_warmup, Integral)
                own.append(_KLWarmup(self.kl_warmup * (self.max_epochs if is_share else 1)))
            callbacks = [*own, *callbacks]
        return super()._make_net(module, callbacks, device)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        logits, mean, log_variance, variance = output
        target = target.to(logits.device)
        elbo = log_likelihood(logits, target, self.likelihood, variance)
        elbo = elbo - divergence(mean, log_variance)
        return float((1 - elbo).sum()), float(len(elbo))  # the score is 1 - errors / count

    def transform(self, X: Any) -> NDArray[np.float32]:
        """Embed each image: the mean of its posterior.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        Z : ndarray of shape (n_samples, latent_dim)
            Float32.
        """
        check_is_fitted(self)
        Z = np.empty((len(check_images(X, self)), self.latent_dim), np.float32)
        for rows, (_, mean, _, _) in self._encode(X):
            Z[rows] = mean.cpu().numpy()
        return Z

    def inverse_transform(self, Z: Any) -> NDArray[np.float32]:
        """Draw the images that vectors stand for.

        Parameters
        ----------
        Z : array-like of shape (n_samples, latent_dim)
            Vectors, such as `transform` gives.

        Returns
        -------
        images : ndarray of shape (n_samples, height, width) or (n_samples, n_columns)
            Float32 from 0 (ink) to 1 (paper), of the canvas's size. Where X was a 2-D array, rows,
            with values on the scale of that array.
        """
        check_is_fitted(self)
        Z = check_array(Z, dtype=np.float32, input_name="Z")
        if Z.shape[1] != self.latent_dim:
            raise ValueError(
                f"Z has {Z.shape[1]} columns, and vectors of this VariationalAutoencoder are "
                f"{self.latent_dim} long"
            )
        parts = [Z[i : i + self.batch_size] for i in range(0, len(Z), self.batch_size)]
        return np.concatenate([self._draw(self._decode(torch.from_numpy(part))) for part in parts])

    def reconstruct(self, X: Any) -> NDArray[np.float32]:
        """Draw images again from their vectors.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        images : ndarray of shape (n_samples, height, width) or (n_samples, n_columns)
            `inverse_transform(transform(X))`.
        """
        check_is_fitted(self)
        order, parts = [], []
        for rows, (logits, *_) in self._encode(X):
            order += rows
            parts.append(self._draw(logits))
        return np.concatenate(parts)[np.argsort(order)]

    def sample(self, n_samples: int = 1, *, random_state: Any = None) -> NDArray[np.float32]:
        """Draw images of vectors from the standard normal distribution.

        Parameters
        ----------
        n_samples : int, default=1
            How many.
        random_state : int, RandomState instance or None, default=None
            Seed of the vectors.

        Returns
        -------
        images : ndarray of shape (n_samples, height, width) or (n_samples, n_columns)
            As `inverse_transform` gives them.
        """
        check_is_fitted(self)
        check_scalar(n_samples, "n_samples", Integral, min_val=1)
        with seeded(random_state, torch.device("cpu")):
            return self.inverse_transform(torch.randn(n_samples, self.latent_dim).numpy())

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Compute the evidence lower bound of each image's log-likelihood.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.

        Returns
        -------
        elbo : ndarray of shape (n_samples,)
            In nats, whatever `beta` is; higher is better. The expectation over the posterior is the
            mean over 8 draws, the same for each image, so that the same X has the same score.
        """
        check_is_fitted(self)
        return self._bounds(X)

    def _bounds(self, X: Any) -> NDArray[np.float64]:
        half = np.random.default_rng(0).standard_normal((_DRAWS // 2, self.latent_dim))
        draws = torch.from_numpy(np.concatenate([half, -half]))
        dataset = self._canvases(X)
        elbo = np.empty(len(dataset))
        for rows, (_, mean, log_variance, variance) in self._encode(X):
            images = collate_canvases([dataset[row] for row in rows])[0]["images"].to(mean.device)
            deviation = (log_variance / 2).exp()
            of_draws = [
                log_likelihood(
                    self._decode(mean + deviation * draw.to(mean)),
                    images,
                    self.likelihood,
                    variance,
                )
                for draw in draws
            ]
            expected = torch.stack(of_draws).double().mean(dim=0)
            elbo[rows] = (expected - divergence(mean, log_variance)).cpu().numpy()
        return elbo

    def score(self, X: Any, y: Any = None) -> float:
        """Compute the mean evidence lower bound of the images' log-likelihoods.

        Parameters
        ----------
        X : array-like of images
            As in `fit`.
        y : None
            Not used.

        Returns
        -------
        score : float
            In nats an image; higher is better. See `score_samples`.
        """
        check_is_fitted(self)
        return float(self._bounds(X).mean())

    @torch.inference_mode()
    def _decode(self, latents: Tensor) -> Tensor:
        """Logits of ink, `(n, 1, height, width)`."""
        net = self.net_
        net.module_.eval()
        latents = latents.to(net.device, next(net.module_.parameters()).dtype)
        enabled = net.dtype == torch.bfloat16
        with torch.autocast(torch.device(net.device).type, net.dtype, enabled=enabled):
            return net.module_.decode(latents)

    def _draw(self, logits: Tensor) -> NDArray[np.float32]:
        """Convert the decoder's output to images (or rows) like the caller's."""
        ink = logits.sigmoid()[:, 0].float().cpu().numpy()
        if not hasattr(self, "n_features_in_"):
            return 1 - ink
        paper, full = (np.float32(level) for level in self.levels_)
        return (paper + ink * (full - paper)).reshape(len(ink), -1)


class _ImageDataset(CanvasDataset):
    """Images of one size; what a network should make of them is the images themselves."""

    def __init__(self, images: NDArray[Any], augment: Augmentation | None, seed: int) -> None:
        super().__init__(list(images), None, augment, seed)
        self.collate = _collate_with_itself


def _collate_with_itself(
    batch: list[tuple[NDArray[np.float32], Any]],
) -> tuple[dict[str, Tensor], Any]:
    X, _ = collate_canvases(batch)
    return X, X["images"]


class _KLWarmup(Callback):
    """Let the divergence's weight rise linearly over the first epochs.

    Parameters
    ----------
    epochs : float
        How many.
    """

    def __init__(self, epochs: float) -> None:
        self.epochs = epochs

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        # Of the number of the epoch alone, so that a resumed fit goes on where it stopped.
        net.criterion_.warmth = min(1.0, len(net.history) / (self.epochs + 1))


class _ActiveUnits(Callback):
    """Count the latent dimensions whose posterior mean is not the same for all images."""

    def on_epoch_begin(self, net: Any, **kwargs: Any) -> None:
        self.means_: list[Tensor] = []

    def on_batch_end(
        self, net: Any, training: bool = False, y_pred: Any = None, **kwargs: Any
    ) -> None:
        if training:
            self.means_.append(y_pred[1].detach())

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        variance = torch.cat(self.means_).var(dim=0, correction=0)
        net.history.record("active_units", int((variance > _ACTIVE).sum()))
