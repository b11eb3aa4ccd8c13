"""Define the variational autoencoder: images to a Gaussian over latent vectors, and back."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import ConvNorm, Residual, at_least_float32
from hwsk.networks.encoder import ConvEncoder

_LEAST_PLACES = 4  # of the last feature map, each way, where there are stages to choose from
_MEMORY = 0.9  # of the running mean of the residual variance, at each step
_LEAST_VARIANCE = 1e-5  # about a grey level of 8 bits; images say nothing of a finer one
_FIRST_LOG_VARIANCE = -4.0  # of the posterior, before training
_LOG_VARIANCES = (-12.0, 12.0)  # of the posterior: beyond, exp() is of no use


class VAENetwork(nn.Module):
    """A convolutional encoder and its mirror image [1]_.

    The encoder's last feature map is flattened, not pooled: where ink lies is half of what an
    image is. The decoder doubles such a map as often as the encoder has halved the image, the last
    time by a sub-pixel convolution [2]_: layers at full size would cost as much as all others.
    Images are padded with paper to whole places of the map, and the decoder's are cut to their
    size. Stages that would leave less than 4 x 4 places are left out.

    Parameters
    ----------
    image_shape : tuple of (int, int)
        Height and width of the images.
    latent_dim : int
        Dimensions of the latent vectors.
    channels : tuple of 4 int, default=(32, 64, 128, 128)
        Filters of the encoder's stages, from the image on; the decoder has the same. Images
        less than 49 pixels high or wide have the first of them only.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014.
    .. [2] W. Shi et al., "Real-time single image and video super-resolution using an efficient
       sub-pixel convolutional neural network", CVPR 2016.
    """

    residual_variance: Tensor
    steps: Tensor

    def __init__(
        self,
        image_shape: tuple[int, int],
        latent_dim: int,
        channels: tuple[int, ...] = (32, 64, 128, 128),
    ) -> None:
        super().__init__()
        self.image_shape = image_shape
        halvings = range(1, len(channels) + 1)
        n_stages = max(1, sum(-(-min(image_shape) // 2**i) >= _LEAST_PLACES for i in halvings))
        channels, stride = channels[:n_stages], 2**n_stages
        # At least two places: a map of one has no statistics in a batch of one image.
        places = [max(2, -(-side // stride)) for side in image_shape]
        below, right = (n * stride - side for n, side in zip(places, image_shape, strict=True))
        self.padding = (0, right, 0, below)
        self.map_shape = (channels[-1], *places)
        n_features = math.prod(self.map_shape)
        self.encoder = ConvEncoder(channels)
        self.posterior = nn.Linear(n_features, 2 * latent_dim)
        with torch.no_grad():  # at first, noise would drown what the encoder has to say
            self.posterior.bias[latent_dim:] += _FIRST_LOG_VARIANCE
        self.expand = nn.Linear(latent_dim, n_features)
        self.decoder = nn.Sequential(
            ConvNorm(channels[-1], channels[-1]),
            *(
                nn.Sequential(ConvNorm(n_in, n_out), nn.Upsample(scale_factor=2), Residual(n_out))
                for n_in, n_out in zip(channels[::-1], channels[-2::-1], strict=False)
            ),
            nn.Conv2d(channels[0], 4, 3, padding=1),
            nn.PixelShuffle(2),  # the four values of a place become four pixels
        )
        # Of the state dict: the likelihood of a loaded network is that of the fitted one.
        self.register_buffer("residual_variance", torch.tensor(1.0))
        self.register_buffer("steps", torch.tensor(0))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The posterior of each image's latent vector.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width), float
            Ink is 1, paper 0.

        Returns
        -------
        mean, log_variance : Tensor of shape (n, latent_dim), float32 or float64
        """
        features = self.encoder.maps(F.pad(images, self.padding))
        mean, log_variance = self.posterior(features.flatten(1)).chunk(2, dim=1)
        return at_least_float32(mean), at_least_float32(log_variance).clamp(*_LOG_VARIANCES)

    def decode(self, latents: Tensor) -> Tensor:
        """The images that latent vectors stand for.

        Parameters
        ----------
        latents : Tensor of shape (n, latent_dim), float

        Returns
        -------
        logits : Tensor of shape (n, 1, height, width), float32 or float64
            Their logistic function is the ink to be expected.
        """
        height, width = self.image_shape
        x = F.relu_(self.expand(latents)).unflatten(1, self.map_shape)
        return at_least_float32(self.decoder(x)[..., :height, :width])

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode images and decode a sample of the posterior; without training, its mean.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width), float
            Ink is 1, paper 0.

        Returns
        -------
        logits : Tensor of shape (n, 1, height, width)
        mean, log_variance : Tensor of shape (n, latent_dim)
        variance : Tensor of shape ()
            Mean squared error of the reconstructed ink: of this batch in training, else the
            running mean.
        """
        mean, log_variance = self.encode(images)
        if not self.training:
            return self.decode(mean), mean, log_variance, self.residual_variance
        logits = self.decode(mean + torch.randn_like(mean) * (log_variance / 2).exp())
        return logits, mean, log_variance, self._residual_variance(logits, images)

    @torch.no_grad()
    def _residual_variance(self, logits: Tensor, images: Tensor) -> Tensor:
        """That of a batch, which goes into the running mean; of the first batches all count."""
        self.steps += 1
        batch = F.mse_loss(logits.sigmoid(), images.to(logits.dtype)).clamp(min=_LEAST_VARIANCE)
        share = max(1 - _MEMORY, 1 / float(self.steps))
        self.residual_variance.lerp_(batch.to(self.residual_variance.dtype), share)
        return batch


class NegativeELBO(nn.Module):
    """The negative evidence lower bound [1]_ of a batch, in nats a pixel.

    Parameters
    ----------
    likelihood : {"gaussian", "bernoulli"}, default="gaussian"
        Of pixels given the latent vector; see `log_likelihood`.
    beta : float, default=1.0
        Weight of the divergence from the prior [2]_.

    References
    ----------
    .. [1] D. P. Kingma, M. Welling, "Auto-encoding variational Bayes", ICLR 2014, equation 10.
    .. [2] I. Higgins et al., "beta-VAE: learning basic visual concepts with a constrained
       variational framework", ICLR 2017, equation 4.
    """

    def __init__(self, likelihood: str = "gaussian", beta: float = 1.0) -> None:
        super().__init__()
        self.likelihood = likelihood
        self.beta = beta
        self.warmth = 1.0  # a factor of beta, below 1 while it is warmed up

    def forward(self, output: tuple[Tensor, Tensor, Tensor, Tensor], images: Tensor) -> Tensor:
        """Loss of a batch of a `VAENetwork`; the target is the images themselves."""
        logits, mean, log_variance, variance = output
        elbo = log_likelihood(logits, images, self.likelihood, variance)
        elbo = elbo - self.beta * self.warmth * divergence(mean, log_variance)
        # A pixel, not an image: the gradient's length, which is limited, does not grow with size.
        return -elbo.mean() / images[0].numel()


def log_likelihood(logits: Tensor, images: Tensor, likelihood: str, variance: Tensor) -> Tensor:
    """Logarithm of the likelihood of images, summed over their pixels.

    Parameters
    ----------
    logits, images : Tensor of shape (n, 1, height, width)
        The decoder's output; the ink that is there.
    likelihood : {"gaussian", "bernoulli"}
        "gaussian" has one variance for all pixels: given the batch's own mean squared error,
        which is the likeliest, the gradient is that of the logarithm of that error [1]_.
        "bernoulli" takes grey ink as the probability of black.
    variance : Tensor of shape ()
        Of the Gaussian.

    Returns
    -------
    log_likelihood : Tensor of shape (n,)
        In nats.

    References
    ----------
    .. [1] O. Rybkin, K. Daniilidis, S. Levine, "Simple and effective VAE training with calibrated
       decoders", ICML 2021, section 3.2.
    """
    images = images.to(logits.dtype)
    if likelihood == "bernoulli":
        pixels = -F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    else:
        squares = (images - logits.sigmoid()) ** 2
        pixels = -(squares / variance + (2 * math.pi * variance).log()) / 2
    return pixels.flatten(1).sum(dim=1)


def divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Kullback-Leibler divergence of posteriors from the standard normal, `(n,)`, in nats."""
    return (mean**2 + log_variance.exp() - 1 - log_variance).sum(dim=1) / 2
