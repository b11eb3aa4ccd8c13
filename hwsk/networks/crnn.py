"""Define the convolutional recurrent network for text lines, and its CTC loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from hwsk.networks._blocks import ConvNorm, Residual


class CRNN(nn.Module):
    """Lines of text to characters: CNN, column max-pooling, dense, bidirectional LSTM.

    A residual CNN quarters the width, the maximum over each column makes a sequence, a dense
    layer and a stacked bidirectional LSTM read it. During training a second, convolutional head
    (the "CTC shortcut") reads the CNN's features directly [2]_.

    What lies to the right of an image's own width never influences its output, so that a line
    reads the same alone and in a batch.

    Parameters
    ----------
    n_classes : int
        Characters and the blank, which is class 0.
    channels : tuple of int, default=(32, 64, 128)
        Filters of the three stages.
    dense_units : int, default=128
        Units of the layer between CNN and LSTM.
    hidden_units : int, default=192
        LSTM units in each direction.
    num_layers : int, default=2
        LSTM layers.
    dropout : float, default=0.2
        Dropout before, between and after the LSTM layers.

    References
    ----------
    .. [1] B. Shi, X. Bai, C. Yao, "An end-to-end trainable neural network for image-based
       sequence recognition", TPAMI 2017.
    .. [2] G. Retsinas, G. Sfikas, B. Gatos, C. Nikou, "Best practices for a handwritten text
       recognition system", DAS 2022, section 3.
    """

    stride = 4
    """Pixels of width to a time step."""

    def __init__(
        self,
        n_classes: int,
        channels: tuple[int, ...] = (32, 64, 128),
        dense_units: int = 128,
        hidden_units: int = 192,
        num_layers: int = 2,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        first, second, third = channels
        self.stem = ConvNorm(1, first, kernel_size=5, stride=2)
        self.stage1 = Residual(first)
        self.widen1 = ConvNorm(first, second)
        self.stage2 = Residual(second)
        self.widen2 = ConvNorm(second, third)
        self.stage3 = Residual(third)
        self.dense = nn.Linear(third, dense_units)
        self.dropout = nn.Dropout(dropout)
        self.lstm = BidirectionalLSTM(dense_units, hidden_units, num_layers, dropout)
        self.head = nn.Linear(2 * hidden_units, n_classes)
        self.shortcut = nn.Conv1d(third, n_classes, kernel_size=3, padding=1)

    @classmethod
    def output_lengths(cls, widths: Tensor) -> Tensor:
        """Time steps of images of these widths in pixels."""
        return (widths + cls.stride - 1) // cls.stride

    def forward(self, images: Tensor, widths: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Read a batch.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width), float
            Ink is 1, paper 0; 0 beyond each image's own width.
        widths : Tensor of shape (n,), int
            Own width of each image in pixels.

        Returns
        -------
        log_probs : Tensor of shape (time, n, n_classes), float32
        lengths : Tensor of shape (n,), int
            Time steps that belong to each image.
        shortcut : Tensor of shape (time, n, n_classes) or None
            Log-probabilities of the shortcut head; None outside training.
        """
        half = (widths + 1) // 2
        lengths = self.output_lengths(widths)
        x = self.stem(images)
        mask = _mask(half, x.shape[3])[:, None, None, :].to(x.dtype)
        x = self.stage1(x * mask, mask)
        x = F.max_pool2d(x, 2, ceil_mode=True)
        mask = _mask(lengths, x.shape[3])[:, None, None, :].to(x.dtype)
        x = self.stage2(self.widen1(x) * mask, mask)
        x = F.max_pool2d(x, (2, 1), ceil_mode=True)
        x = self.stage3(self.widen2(x) * mask, mask)
        columns = x.amax(dim=2)  # (n, channels, time)
        x = self.dropout(torch.relu(self.dense(columns.permute(2, 0, 1))))
        x = self.head(self.dropout(self.lstm(x, lengths)))
        shortcut = None
        if self.training:
            shortcut = self.shortcut(columns).permute(2, 0, 1).float().log_softmax(2)
        return x.float().log_softmax(2), lengths, shortcut


class BidirectionalLSTM(nn.Module):
    """Stacked bidirectional LSTM over padded sequences, each read from its own end backwards.

    The backward direction turns each sequence round within its own length, so both directions are
    plain LSTMs over padded tensors: the same result as packed sequences, and faster on a CPU.
    """

    def __init__(self, n_in: int, hidden_units: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.forwards, self.backwards = (
            nn.ModuleList(
                nn.LSTM(2 * hidden_units if i else n_in, hidden_units) for i in range(num_layers)
            )
            for _ in range(2)
        )
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Read `x` (time, n, features); what comes out beyond a length is meaningless."""
        time = torch.arange(x.shape[0], device=x.device)[:, None]
        reverse = torch.where(time < lengths, lengths - 1 - time, time)[:, :, None]
        for i, (forwards, backwards) in enumerate(zip(self.forwards, self.backwards, strict=True)):
            x = self.dropout(x) if i else x
            ahead, _ = forwards(x)
            back, _ = backwards(x.gather(0, reverse.expand_as(x)))
            x = torch.cat([ahead, back.gather(0, reverse.expand_as(back))], dim=2)
        return x


def _mask(lengths: Tensor, size: int) -> Tensor:
    return torch.arange(size, device=lengths.device) < lengths[:, None]


class CTCLoss(nn.Module):
    """Connectionist temporal classification, the shortcut head's weighted in.

    The loss of a line is its negative log-likelihood divided by its number of characters.

    Parameters
    ----------
    shortcut_weight : float, default=0.1
        Weight of the shortcut head's loss; 0 leaves it out.

    References
    ----------
    .. [1] A. Graves et al., "Connectionist temporal classification", ICML 2006.
    """

    def __init__(self, shortcut_weight: float = 0.1) -> None:
        super().__init__()
        self.shortcut_weight = shortcut_weight

    def forward(
        self, output: tuple[Tensor, Tensor, Tensor | None], target: tuple[Tensor, Tensor]
    ) -> Tensor:
        """Loss of a `CRNN`'s output; target is (characters of all lines joined, their numbers)."""
        log_probs, lengths, shortcut = output
        # An augmentation may shrink a line below what its label needs: such a line counts nothing.
        loss = F.ctc_loss(log_probs, target[0], lengths, target[1], zero_infinity=True)
        if shortcut is not None and self.shortcut_weight:
            loss = loss + self.shortcut_weight * F.ctc_loss(
                shortcut, target[0], lengths, target[1], zero_infinity=True
            )
        return loss
