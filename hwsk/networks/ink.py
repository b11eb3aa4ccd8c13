"""Define the network that recognizes text from points along pen strokes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hwsk.networks.crnn import BidirectionalLSTM

_STRIDES = (2, 2, 1)


class InkNetwork(nn.Module):
    """Points of strokes to characters: convolutions over time, bidirectional LSTM, linear layer.

    Two strided convolutions make a time step of four points, so that the LSTM has a quarter of the
    steps; a third looks at the neighbours of a step.

    What follows a line's own points never influences its output, so that a line reads the same
    alone and in a batch.

    Parameters
    ----------
    n_features : int
        Features of a point.
    n_classes : int
        Characters and the blank, which is class 0.
    channels : tuple of int, default=(48, 96, 128)
        Filters of the three convolutions.
    hidden_units : int, default=128
        LSTM units in each direction.
    num_layers : int, default=3
        LSTM layers.
    dropout : float, default=0.2
        Dropout before, between and after the LSTM layers.

    References
    ----------
    .. [1] V. Carbune, P. Gonnet, T. Deselaers, et al., "Fast multi-language LSTM-based online
       handwriting recognition", IJDAR 23, 2020: its bidirectional LSTM with CTC. Its input is
       Bézier curves fitted to the strokes; here, convolutions learn what stands for a few points.
    """

    stride = 4
    """Points to a time step."""

    def __init__(
        self,
        n_features: int,
        n_classes: int,
        channels: tuple[int, ...] = (48, 96, 128),
        hidden_units: int = 128,
        num_layers: int = 3,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        sizes = [n_features, *channels]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_in, n_out, kernel_size=5, stride=stride, padding=2)
            for n_in, n_out, stride in zip(sizes[:-1], channels, _STRIDES, strict=True)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(n_out) for n_out in channels)
        self.dropout = nn.Dropout(dropout)
        self.lstm = BidirectionalLSTM(sizes[-1], hidden_units, num_layers, dropout)
        self.head = nn.Linear(2 * hidden_units, n_classes)

    @classmethod
    def output_lengths(cls, lengths: Tensor) -> Tensor:
        """Time steps of lines of so many points."""
        return (lengths + cls.stride - 1) // cls.stride

    def forward(self, points: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, None]:
        """Read a batch.

        Parameters
        ----------
        points : Tensor of shape (n, n_points, n_features), float
            0 beyond each line's own points.
        lengths : Tensor of shape (n,), int
            Points of each line.

        Returns
        -------
        log_probs : Tensor of shape (time, n, n_classes), float32
        lengths : Tensor of shape (n,), int
            Time steps that belong to each line.
        shortcut : None
            `CTCLoss` takes the output of a network with a second head; this one has none.
        """
        x = points
        for convolve, norm, stride in zip(self.convolutions, self.norms, _STRIDES, strict=True):
            x = norm(convolve(x.transpose(1, 2)).transpose(1, 2)).relu()
            lengths = (lengths + stride - 1) // stride
            steps = torch.arange(x.shape[1], device=x.device)
            x = x * (steps < lengths[:, None])[:, :, None].to(x.dtype)
        x = self.lstm(self.dropout(x.transpose(0, 1)), lengths)
        x = self.head(self.dropout(x))
        return x.float().log_softmax(2), lengths, None
