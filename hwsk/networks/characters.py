"""Define networks that classify one character."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hwsk.networks._blocks import ConvNorm, Residual


class CharacterNetwork(nn.Module):
    """An image of one character to its class.

    "rows" reads the image as a sequence of rows of pixels, from the top down, by a stacked
    recurrent network, whose last state decides. "cnn" is a residual convolutional network that
    halves the image twice; the maximum of each feature over the image decides. "cnn_rows" reads
    the rows of that network's features, instead of pixels, by the recurrent one.

    Parameters
    ----------
    image_shape : tuple of (int, int)
        Height and width.
    n_classes : int
        Classes.
    architecture : {"rows", "cnn", "cnn_rows"}, default="rows"
        Kind of network.
    cell : {"lstm", "gru"}, default="lstm"
        Recurrent cell of "rows" and "cnn_rows".
    hidden_units : int, default=128
        Units of each recurrent layer (in each direction).
    num_layers : int, default=2
        Recurrent layers.
    bidirectional : bool, default=False
        Read from the bottom up, too.
    channels : tuple of 3 int, default=(32, 64, 128)
        Filters of the convolutional stages.
    dropout : float, default=0.2
        Dropout between recurrent layers and before the last layer.

    References
    ----------
    .. [1] S. Hochreiter, J. Schmidhuber, "Long short-term memory", Neural Computation 9(8), 1997.
    .. [2] K. He, X. Zhang, S. Ren, J. Sun, "Deep residual learning for image recognition",
       CVPR 2016.
    """

    def __init__(
        self,
        image_shape: tuple[int, int],
        n_classes: int,
        architecture: str = "rows",
        cell: str = "lstm",
        hidden_units: int = 128,
        num_layers: int = 2,
        bidirectional: bool = False,
        channels: tuple[int, ...] = (32, 64, 128),
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        width = image_shape[1]
        self.cnn = None if architecture == "rows" else _cnn(*channels)
        self.rows = None
        n_features = channels[2]
        if architecture != "cnn":
            if self.cnn is not None:  # halved twice, uneven sizes upwards
                width = channels[2] * -(-width // 4)
            self.rows = _RowReader(width, cell, hidden_units, num_layers, bidirectional, dropout)
            n_features = hidden_units * (1 + bidirectional)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_features, n_classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of a batch.

        Parameters
        ----------
        images : Tensor of shape (n, 1, height, width), float
            Ink is 1, paper 0.

        Returns
        -------
        logits : Tensor of shape (n, n_classes), float32 or float64
        """
        x = images if self.cnn is None else self.cnn(images)
        x = x.amax(dim=(2, 3)) if self.rows is None else self.rows(x)
        logits = self.head(self.dropout(x))
        return logits if logits.dtype == torch.float64 else logits.float()


def _cnn(first: int, second: int, third: int) -> nn.Sequential:
    return nn.Sequential(
        ConvNorm(1, first, kernel_size=5),
        nn.MaxPool2d(2, ceil_mode=True),
        ConvNorm(first, second),
        Residual(second),
        nn.MaxPool2d(2, ceil_mode=True),
        ConvNorm(second, third),
        Residual(third),
    )


class _RowReader(nn.Module):
    """The rows of images or feature maps as time steps; gives the last state of each direction."""

    def __init__(
        self,
        n_features: int,
        cell: str,
        hidden_units: int,
        num_layers: int,
        bidirectional: bool,
        dropout: float,
    ) -> None:
        super().__init__()
        self.rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[cell](
            n_features,
            hidden_units,
            num_layers,
            dropout=dropout if num_layers > 1 else 0.0,
            bidirectional=bidirectional,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Read (n, channels, rows, columns)."""
        _, state = self.rnn(x.permute(2, 0, 1, 3).flatten(2))
        last = state[0] if isinstance(state, tuple) else state  # of an LSTM, not its memory
        return torch.cat(list(last[-2:] if self.rnn.bidirectional else last[-1:]), dim=1)
