"""Losses that several networks are trained by."""

from __future__ import annotations

import torch.nn.functional as F
from pytorch_metric_learning.losses import ContrastiveLoss
from torch import Tensor, nn


class WeightedCrossEntropy(nn.Module):
    """Cross-entropy with smoothed labels and a weight for each sample, averaged over a batch.

    Parameters
    ----------
    label_smoothing : float, default=0.0
        Share of the probability that is spread over all classes.

    References
    ----------
    .. [1] C. Szegedy et al., "Rethinking the Inception architecture for computer vision",
       CVPR 2016, section 7.
    """

    def __init__(self, label_smoothing: float = 0.0) -> None:
        super().__init__()
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of a batch; target is (classes, weights)."""
        classes, weights = target
        losses = F.cross_entropy(
            logits, classes, reduction="none", label_smoothing=self.label_smoothing
        )
        return (losses * weights.to(losses.dtype)).mean()


class PairLoss(nn.Module):
    """The contrastive loss over all pairs in a batch; vectors are scaled to length 1.

    Parameters
    ----------
    margin : float, default=1.0
        Distance up to which vectors of different classes are pushed apart.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality reduction by learning an invariant
       mapping", CVPR 2006, equation 4 (here linear in the distance).
    """

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        self.loss = ContrastiveLoss(pos_margin=0.0, neg_margin=margin)

    def forward(self, output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of a batch; output starts with the vectors, target with the classes."""
        return self.loss(output[0], target[0])
