"""Define networks over patches of handwriting: backbones and heads."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import at_least_float32
from hwsk.networks.losses import WeightedCrossEntropy
from hwsk.networks.resnet import load_backbone

IMAGENET_GREY = (0.449, 0.226)
"""Mean and standard deviation of ImageNet's pixels, in [0, 1], over all channels."""


class PatchNetwork(nn.Module):
    """A backbone over patches, and what is made of its features.

    Parameters
    ----------
    backbone : Module
        Patches `(n, 1, height, width)` to features `(n, n_features)`.
    n_outputs : int
        Classes, or dimensions of the embedding.
    head_units : int or None
        Units of a dense layer with ReLU between features and output.
    dropout : float
        Before the last layer.
    frozen : int
        How many of the backbone's stages, from the input on, don't learn.

    Notes
    -----
    A frozen stage's batch normalisation keeps its statistics.
    """

    input_mean: Tensor
    input_std: Tensor

    def __init__(
        self,
        backbone: nn.Module,
        n_outputs: int,
        head_units: int | None = None,
        dropout: float = 0.0,
        frozen: int = 0,
    ) -> None:
        super().__init__()
        self.backbone = backbone
        n_features = count_features(backbone)
        self.dense = None if head_units is None else nn.Linear(n_features, head_units)
        self.dropout = nn.Dropout(dropout)
        self.n_features = head_units or n_features
        self.output = nn.Linear(self.n_features, n_outputs)
        self.frozen = [part for stage in stages(backbone)[:frozen] for part in stage]
        for part in self.frozen:
            part.requires_grad_(False)
        # Of the state dict, so that a loaded network needs no checkpoint to know its scale.
        self.register_buffer("input_mean", torch.tensor(0.0))
        self.register_buffer("input_std", torch.tensor(1.0))

    def train(self, mode: bool = True) -> PatchNetwork:
        """Set the mode of all that is not frozen."""
        super().train(mode)
        for part in self.frozen:
            part.eval()
        return self

    def load_backbone(self, state: Mapping[str, Tensor]) -> None:
        """Take over a backbone's weights; one of colour photographs gets them standardised."""
        if load_backbone(self.backbone, state):
            mean, std = IMAGENET_GREY
            self.input_mean.fill_(1 - mean)  # ink is 1 here, and 0 in a photograph
            self.input_std.fill_(-std)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Outputs and features of patches.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width), float
            Ink is 1, paper 0.

        Returns
        -------
        outputs : Tensor of shape (n, n_outputs), float32 or float64
        features : Tensor of shape (n, head_units or n_features), float32 or float64
            What the last layer sees.
        """
        # A convolution of stride 2 over a map of one pixel has wrong gradients in bfloat16 (seen
        # with PyTorch 2.13 on the CPU: the memory that holds them is not set).
        least = getattr(self.backbone, "least_side", 1)
        height, width = (max(0, least - side) for side in images.shape[2:])
        if height or width:
            images = F.pad(images, (0, width, 0, height))
        x = self.backbone((images - self.input_mean) / self.input_std)
        if self.dense is not None:
            x = F.relu_(self.dense(x))
        outputs = self.output(self.dropout(x))
        return at_least_float32(outputs), at_least_float32(x)


def stages(backbone: nn.Module) -> list[list[nn.Module]]:
    """The parts of a backbone that are frozen one by one, from the input on."""
    own = getattr(backbone, "stages", None)
    return own() if own is not None else [[child] for child in backbone.children()]


def count_features(backbone: nn.Module) -> int:
    """Length of a backbone's output.

    Raises
    ------
    TypeError
        If it does not give one vector a patch.
    """
    known = getattr(backbone, "n_features", None)
    if known is not None:
        return known
    training = backbone.training
    with torch.no_grad():
        out = backbone.eval()(torch.zeros(1, 1, 64, 64))
    backbone.train(training)
    if not isinstance(out, Tensor) or out.ndim != 2:
        what = f"shape {tuple(out.shape)}" if isinstance(out, Tensor) else type(out).__name__
        raise TypeError(
            f"the backbone {type(backbone).__name__} gives {what} for a batch of one patch; it "
            "should give a Tensor of shape (1, number of features)"
        )
    return out.shape[1]


class PatchCrossEntropy(nn.Module):
    """Cross-entropy of the outputs of a `PatchNetwork`.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the probability that is spread over all classes.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.loss = WeightedCrossEntropy(label_smoothing)

    def forward(self, output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of a batch; target is (classes, weights)."""
        return self.loss(output[0], target)
