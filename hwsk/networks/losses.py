"""Define losses that several networks are trained by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks.matching import MatchingLoss

EMBEDDING_MARGINS = {"contrastive": 1.0, "triplet": 0.2, "multi_similarity": 0.5, "cosface": 0.35}
"""Embedding losses with their default margins."""


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
        from pytorch_metric_learning.losses import ContrastiveLoss  # half a second, to train only

        self.loss = ContrastiveLoss(pos_margin=0.0, neg_margin=margin)

    def forward(self, output: tuple[Tensor, Tensor], target: tuple[Tensor, Tensor]) -> Tensor:
        """Loss of a batch; output starts with the vectors, target with the classes."""
        return self.loss(output[0], target[0])


class EmbeddingLoss(nn.Module):
    """A loss over vectors that draws those of one writer together; they are scaled to length 1.

    Parameters
    ----------
    loss : {"contrastive", "triplet", "multi_similarity", "cosface"}
        "contrastive" [1]_ over all pairs in a batch; "triplet" [2]_ over the batch's semi-hard
        triplets; "multi_similarity" [3]_ over its hard pairs; "cosface" [4]_, which learns a
        direction for each writer along.
    margin : float or None, default=None
        Distance up to which vectors of two writers are pushed apart ("contrastive"), by which they
        are to be farther than those of one ("triplet"), the similarity about which pairs count
        ("multi_similarity"), or what is taken from the cosine with the own writer's direction
        ("cosface"). None takes 1, 0.2, 0.5 or 0.35.
    scale : float, default=30.0
        Factor of the cosines in "cosface".
    n_writers, embedding_dim : int
        What "cosface" needs to know.

    References
    ----------
    .. [1] R. Hadsell, S. Chopra, Y. LeCun, "Dimensionality reduction by learning an invariant
       mapping", CVPR 2006.
    .. [2] F. Schroff, D. Kalenichenko, J. Philbin, "FaceNet", CVPR 2015.
    .. [3] X. Wang et al., "Multi-similarity loss with general pair weighting for deep metric
       learning", CVPR 2019.
    .. [4] H. Wang et al., "CosFace: large margin cosine loss for deep face recognition", CVPR 2018.
    """

    def __init__(
        self,
        loss: str,
        margin: float | None = None,
        scale: float = 30.0,
        n_writers: int = 0,
        embedding_dim: int = 0,
    ) -> None:
        super().__init__()
        from pytorch_metric_learning.losses import (  # half a second, to train only
            ContrastiveLoss,
            CosFaceLoss,
            MultiSimilarityLoss,
            TripletMarginLoss,
        )
        from pytorch_metric_learning.miners import MultiSimilarityMiner, TripletMarginMiner

        margin = EMBEDDING_MARGINS[loss] if margin is None else margin
        self.miner = None
        if loss == "contrastive":
            self.loss = ContrastiveLoss(pos_margin=0.0, neg_margin=margin)
        elif loss == "triplet":
            self.loss = TripletMarginLoss(margin=margin)
            self.miner = TripletMarginMiner(margin=margin, type_of_triplets="semihard")
        elif loss == "multi_similarity":
            self.loss = MultiSimilarityLoss(alpha=2, beta=50, base=margin)
            self.miner = MultiSimilarityMiner()
        else:
            self.loss = CosFaceLoss(n_writers, embedding_dim, margin=margin, scale=scale)

    def forward(self, vectors: Tensor, writers: Tensor) -> Tensor:
        """Loss of a batch of samples."""
        pairs = None if self.miner is None else self.miner(vectors, writers)
        return self.loss(vectors, writers, pairs)


class PairsLoss(nn.Module):
    """An `EmbeddingLoss` over given pairs: rows 2i and 2i + 1 of the vectors are pair i.

    Parameters
    ----------
    loss : {"contrastive", "multi_similarity"}
    margin : float or None, default=None
    matching : MatchingLoss or None, default=None
        Added, if the network gives local descriptors.
    embedding_weight : float, default=1.0
        Factor of the first.
    """

    def __init__(
        self,
        loss: str,
        margin: float | None = None,
        matching: MatchingLoss | None = None,
        embedding_weight: float = 1.0,
    ) -> None:
        super().__init__()
        self.loss = EmbeddingLoss(loss, margin).loss
        self.matching = matching
        self.embedding_weight = embedding_weight

    def forward(self, output: tuple[Any, ...], target: tuple[Tensor, ...]) -> Tensor:
        """Loss of a batch; target starts with whether each pair is by one writer."""
        is_same = target[0] > 0
        first = 2 * torch.arange(len(is_same), device=is_same.device)
        same, different = first[is_same], first[~is_same]
        pairs = (same, same + 1, different, different + 1)
        loss = self.embedding_weight * self.loss(output[0], indices_tuple=pairs)
        if self.matching is None:
            return loss
        near = torch.ones_like(is_same)
        return loss + self.matching.of_pairs(output[-1], first, first + 1, is_same, near)


class TaskLoss(nn.Module):
    """Cross-entropy of several classifications at once, some of whose labels may be missing.

    Parameters
    ----------
    class_weights : sequence of array of shape (n_classes,)
        Of each task.
    label_smoothing : float, default=0.0
        Share of the probability that is spread over all classes.
    weights : {"uniform", "uncertainty"} or sequence of float, default="uniform"
        Of the tasks. "uncertainty" learns them along: a task's loss is multiplied by exp(-s), and
        s / 2 added, s the logarithm of the variance of its noise [1]_.

    References
    ----------
    .. [1] A. Kendall, Y. Gal, R. Cipolla, "Multi-task learning using uncertainty to weigh losses
       for scene geometry and semantics", CVPR 2018, equation 10.
    """

    log_variances: Tensor | None
    fixed: Tensor

    def __init__(
        self,
        class_weights: Sequence[Any],
        label_smoothing: float = 0.0,
        weights: str | Sequence[float] = "uniform",
    ) -> None:
        super().__init__()
        for i, of_classes in enumerate(class_weights):
            self.register_buffer(f"class_weights_{i}", torch.as_tensor(of_classes))
        self.label_smoothing = label_smoothing
        ones = [1.0] * len(class_weights)
        self.register_buffer("fixed", torch.tensor(ones if isinstance(weights, str) else weights))
        learnt = weights == "uncertainty"
        self.log_variances = nn.Parameter(torch.zeros(len(ones))) if learnt else None

    def weights(self) -> Tensor:
        """Return the current weight of each task."""
        return self.fixed if self.log_variances is None else torch.exp(-self.log_variances)

    def forward(self, logits: tuple[Tensor, ...], classes: Tensor) -> Tensor:
        """Loss of a batch; `classes` is (n, n_tasks), -1 where a label is missing."""
        losses = []
        for i, (of_task, numbers) in enumerate(zip(logits, classes.T, strict=True)):
            known = numbers >= 0
            if known.any():
                weights = getattr(self, f"class_weights_{i}").to(of_task.dtype)
                of_task, numbers = of_task[known], numbers[known]
                smoothing = self.label_smoothing
                losses.append(F.cross_entropy(of_task, numbers, weights, label_smoothing=smoothing))
            else:
                losses.append(of_task.sum() * 0)
        stacked = torch.stack(losses) * self.weights().to(losses[0].dtype)
        if self.log_variances is not None:
            stacked = stacked + self.log_variances / 2
        return stacked.mean()
