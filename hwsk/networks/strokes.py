"""Define Graves' networks for pen strokes: prediction, and synthesis from a text in a hand."""

from __future__ import annotations

import itertools
from typing import cast

import torch
from torch import Tensor, nn

from hwsk.networks._products import linear
from hwsk.networks.mixture import mask, n_outputs
from hwsk.networks.recurrent import LSTMLayer, LSTMState, window_weights


class StyleEncoder(nn.Module):
    """Describe the hand of strokes by a vector: convolutions over the points, and their statistics.

    Each convolution halves the number of time steps. Means and deviations over a line, of what they
    give and of the points themselves, make its vector, so that a long line and a short one of a
    hand give similar vectors. What follows a line's own points never influences it.

    Each number of the vectors is normalized over the batch: hands differ in it from the first step
    of training, and no hand, zeros, is amid them.

    Parameters
    ----------
    n_style : int
        Length of the vectors.
    channels : tuple of int, default=(64, 128, 128)
        Filters of the convolutions.
    """

    def __init__(self, n_style: int, channels: tuple[int, ...] = (64, 128, 128)) -> None:
        super().__init__()
        sizes = [3, *channels]
        self.convolutions = nn.ModuleList(
            nn.Conv1d(n_in, n_out, kernel_size=5, stride=2, padding=2)
            for n_in, n_out in itertools.pairwise(sizes)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(n_out) for n_out in channels)
        self.head = nn.Linear(2 * (channels[-1] + 3), n_style)
        self.norm = nn.BatchNorm1d(n_style, affine=False)

    def forward(self, points: Tensor, lengths: Tensor) -> Tensor:
        """Vectors of lines.

        Parameters
        ----------
        points : Tensor of shape (n, n_steps, 3)
            Padded with zeros at their ends.
        lengths : Tensor of shape (n,), int
            Points of each line; where it is 0, the vector is zeros: no hand.

        Returns
        -------
        style : Tensor of shape (n, n_style), float32 or float64
        """
        given = torch.nonzero(lengths > 0)[:, 0]
        style = points.new_zeros(len(points), self.head.out_features)
        if not len(given):
            return style
        points, lengths = points[given], lengths[given]
        points = points * mask(lengths, points.shape[1])[:, :, None].to(points.dtype)
        statistics = _statistics(points, lengths)
        x = points
        for convolve, norm in zip(self.convolutions, self.norms, strict=True):
            x = norm(convolve(x.transpose(1, 2)).transpose(1, 2)).relu()
            lengths = (lengths + 1) // 2
            x = x * mask(lengths, x.shape[1])[:, :, None].to(x.dtype)
        with torch.autocast(points.device.type, enabled=False):
            inputs = torch.cat([*_statistics(x.to(points.dtype), lengths), *statistics], dim=1)
            vectors = self.head(inputs)
            norm = self.norm
            learns = self.training and len(given) > 1  # a single line has no deviation
            vectors = nn.functional.batch_norm(
                vectors, norm.running_mean, norm.running_var, training=learns
            )
        return style.index_copy(0, given, vectors)


def _statistics(x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation over time of padded sequences, each `(n, n_features)`."""
    count = lengths[:, None].to(x.dtype)
    mean = x.sum(dim=1) / count
    own = mask(lengths, x.shape[1])[:, :, None].to(x.dtype)
    variance = ((x - mean[:, None]) * own).square().sum(dim=1) / count
    return mean, (variance + 1e-5).sqrt()


class StrokeNetwork(nn.Module):
    """Stacked LSTM layers that each see the input, and a mixture density on top [1]_.

    With `n_context`, the first layer moves a window over a text, and all layers see what is in it:
    the synthesis network. Without, it is the prediction network.

    Parameters
    ----------
    hidden_units : int, default=400
        Units of each layer.
    num_layers : int, default=3
    n_mixtures : int, default=20
        Components of the mixture.
    n_context : int, default=0
        Length of the vectors that stand for a text's characters; 0 for no text.
    n_windows : int, default=10
        Gaussians of the window.
    first_step : float, default=0.04
        Characters by which the window moves at a step, untrained.
    derivative_clip : float or None, default=None
        See `LSTMLayer`.
    n_style : int, default=0
        Length of the vector that stands for a hand, which all layers see at all steps, and an
        encoder of lines as such vectors; 0 for neither.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, figures 1 and 12. Peephole connections are left out.
    """

    def __init__(
        self,
        hidden_units: int = 400,
        num_layers: int = 3,
        n_mixtures: int = 20,
        n_context: int = 0,
        n_windows: int = 10,
        first_step: float = 0.04,
        derivative_clip: float | None = None,
        n_style: int = 0,
    ) -> None:
        super().__init__()
        self.n_mixtures = n_mixtures
        self.n_style = n_style
        windows = n_windows if n_context else 0
        self.layers = nn.ModuleList(
            LSTMLayer(
                3 + n_style + (hidden_units + n_context if i else 0),
                hidden_units,
                0 if i else windows,
                n_context,
                first_step,
                derivative_clip,
            )
            for i in range(num_layers)
        )
        self.head = nn.Linear(num_layers * hidden_units, n_outputs(n_mixtures))
        if n_style:
            self.encoder = StyleEncoder(n_style)

    def initial_states(self, n: int, context: Tensor | None = None) -> list[LSTMState]:
        """State of each layer before the first point of `n` sequences."""
        return [layer.initial_state(n, context) for layer in self.lstms]

    def forward(
        self,
        points: Tensor,
        context: Tensor | None = None,
        states: list[LSTMState] | None = None,
        style: Tensor | None = None,
        reference: Tensor | None = None,
        reference_lengths: Tensor | None = None,
    ) -> tuple[Tensor, list[LSTMState]]:
        """Densities of the points that follow those given.

        Parameters
        ----------
        points : Tensor of shape (n, n_steps, 3)
            Padded with zeros at their ends.
        context : Tensor of shape (n, n_characters, n_context), optional
            Texts, padded with zero vectors.
        states : list of LSTMState, optional
            Where the sequences before have ended.
        style : Tensor of shape (n, n_style), optional
            The hands; by default zeros, no hand.
        reference : Tensor of shape (n, n_points, 3), optional
            Instead of `style`, lines in these hands, padded with zeros.
        reference_lengths : Tensor of shape (n,), optional
            Points of each; 0 for no hand.

        Returns
        -------
        outputs : Tensor of shape (n, n_steps, n_outputs), float32 or float64
            For `make_mixture`.
        states : list of LSTMState
            After the last step.
        """
        states = states or self.initial_states(len(points), context)
        if reference is not None:
            style = self.encoder(reference, reference_lengths)
        points = self._with_style(points, style)
        window: Tensor | None = None
        hiddens: list[Tensor] = []
        last = []
        for i, (layer, state) in enumerate(zip(self.lstms, states, strict=True)):
            below = [] if not i else [hiddens[-1]] if window is None else [hiddens[-1], window]
            text = None if i else context
            hidden, seen, after = layer(torch.cat([points, *below], 2), state, text)
            window = window if i else seen
            hiddens.append(hidden)
            last.append(after)
        # Not in bfloat16: pen offsets need more than three digits.
        with torch.autocast(points.device.type, enabled=False):
            hidden = torch.cat(hiddens, dim=2)
            return linear(hidden, self.head.weight, self.head.bias).transpose(0, 1), last

    def _with_style(self, points: Tensor, style: Tensor | None) -> Tensor:
        """The inputs of all layers, time first: points, and the hand beside each."""
        points = points.transpose(0, 1)
        if not self.n_style:
            return points
        if style is None:
            style = points.new_zeros(points.shape[1], self.n_style)
        return torch.cat([points, style.to(points.dtype).expand(len(points), -1, -1)], dim=2)

    def attention_over(
        self, points: Tensor, context: Tensor, style: Tensor | None = None
    ) -> Tensor:
        """Compute the window after each point of sequences, `(n, n_steps, n_characters)`."""
        reader = self.lstms[0]
        start = reader.initial_state(len(context), context)
        hidden, _, _ = reader(self._with_style(points, None), start, context)
        weights, precisions, steps = reader.window_parameters(hidden)
        phi = window_weights(weights, precisions, steps.cumsum(dim=0), context.shape[1])
        return phi.transpose(0, 1)

    @property
    def lstms(self) -> list[LSTMLayer]:
        """`layers`, as what they are."""
        return cast("list[LSTMLayer]", list(self.layers))
