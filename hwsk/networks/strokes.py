"""Define Graves' networks for pen strokes: prediction, and synthesis from a text."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from hwsk.networks._products import linear
from hwsk.networks.mixture import n_outputs
from hwsk.networks.recurrent import LSTMLayer, LSTMState, window_weights


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
    ) -> None:
        super().__init__()
        self.n_mixtures = n_mixtures
        windows = n_windows if n_context else 0
        self.layers = nn.ModuleList(
            LSTMLayer(
                3 + (hidden_units + n_context if i else 0),
                hidden_units,
                0 if i else windows,
                n_context,
                first_step,
                derivative_clip,
            )
            for i in range(num_layers)
        )
        self.head = nn.Linear(num_layers * hidden_units, n_outputs(n_mixtures))

    def initial_states(self, n: int, context: Tensor | None = None) -> list[LSTMState]:
        """State of each layer before the first point of `n` sequences."""
        return [layer.initial_state(n, context) for layer in self.lstms]

    def forward(
        self,
        points: Tensor,
        context: Tensor | None = None,
        states: list[LSTMState] | None = None,
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

        Returns
        -------
        outputs : Tensor of shape (n, n_steps, n_outputs), float32 or float64
            For `make_mixture`.
        states : list of LSTMState
            After the last step.
        """
        states = states or self.initial_states(len(points), context)
        points = points.transpose(0, 1)
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

    def attention_over(self, points: Tensor, context: Tensor) -> Tensor:
        """Compute the window after each point of sequences, `(n, n_steps, n_characters)`."""
        reader = self.lstms[0]
        start = reader.initial_state(len(context), context)
        hidden, _, _ = reader(points.transpose(0, 1), start, context)
        weights, precisions, steps = reader.window_parameters(hidden)
        phi = window_weights(weights, precisions, steps.cumsum(dim=0), context.shape[1])
        return phi.transpose(0, 1)

    @property
    def lstms(self) -> list[LSTMLayer]:
        """`layers`, as what they are."""
        return cast("list[LSTMLayer]", list(self.layers))
