"""Define LSTM layers with Graves' soft window over a text, with an explicit loop over time.

PyTorch's own `nn.LSTM` can't look at a text between two steps, and a loop over `nn.LSTMCell` leaves
it to autograd to undo each small step. Here forward and backward are written by hand: what does
not depend on the step before (products with inputs, gradients of weights) is done for all steps
at once, and the loop is left with one product of matrices and a few operations in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from hwsk.networks._products import linear, multiply, pack, weight_gradient

_ORDER = 4  # gates: input, forget, cell, output, as in torch.nn.LSTM
# The cell gate's tanh(x) is 2 sigmoid(2x) - 1: one sigmoid serves all gates, and is faster, too.
_CELL = 2
_BLOCK = 16  # steps back whose factors are made at once: more than a few MB leave the cache


class LSTMState(NamedTuple):
    """Hold the state of a layer between steps; the last two are None without a window."""

    hidden: Tensor
    cell: Tensor
    window: Tensor | None = None
    position: Tensor | None = None

    def detach(self) -> LSTMState:
        """The same values, through which no gradient flows back."""
        window = None if self.window is None else self.window.detach()
        position = None if self.position is None else self.position.detach()
        return LSTMState(self.hidden.detach(), self.cell.detach(), window, position)

    def rows(self, chosen: Tensor) -> LSTMState:
        """The states of some of the sequences."""
        window = None if self.window is None else self.window[chosen]
        position = None if self.position is None else self.position[chosen]
        return LSTMState(self.hidden[chosen], self.cell[chosen], window, position)

    @staticmethod
    def join(states: Sequence[LSTMState]) -> LSTMState:
        """The states of several batches as those of one."""
        parts = zip(*states, strict=True)
        # of hidden and cell, which no state lacks, mypy can't know that they are not None
        return LSTMState(*(None if part[0] is None else torch.cat(part) for part in parts))  # type: ignore[arg-type]


class LSTMLayer(nn.Module):
    """One LSTM layer over whole sequences, time first; with `n_windows`, it reads a text along.

    The window [1]_ is a mixture of `n_windows` Gaussians over the places in the text, whose
    centres only move forward. Its weights, widths and steps come from the layer's output, and what
    it sees goes into the layer at the next step.

    Parameters
    ----------
    n_in : int
        Length of the input vectors.
    n_hidden : int
        Units.
    n_windows : int, default=0
        Gaussians of the window; 0 is a plain LSTM.
    n_context : int, default=0
        Length of the vectors of a text's characters.
    first_step : float, default=0.04
        Characters by which an untrained window moves at a step. Text is about 25 times shorter
        than ink; a window that runs ahead of the pen learns nothing.
    derivative_clip : float or None, default=None
        Limit of the derivatives of a sequence's loss by what goes into the gates [1]_ (2.1).

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, equations 46 to 51.
    """

    def __init__(
        self,
        n_in: int,
        n_hidden: int,
        n_windows: int = 0,
        n_context: int = 0,
        first_step: float = 0.04,
        derivative_clip: float | None = None,
    ) -> None:
        super().__init__()
        self.n_hidden = n_hidden
        self.n_windows = n_windows
        self.derivative_clip = derivative_clip
        seen = n_context if n_windows else 0
        self.weight_input = nn.Parameter(torch.empty(_ORDER * n_hidden, n_in))
        self.weight_hidden = nn.Parameter(torch.empty(_ORDER * n_hidden, n_hidden + seen))
        self.bias = nn.Parameter(torch.zeros(_ORDER * n_hidden))
        for weight in (self.weight_input, self.weight_hidden):
            nn.init.uniform_(weight, -(n_hidden**-0.5), n_hidden**-0.5)
        self.bias.data[n_hidden : 2 * n_hidden] = 1.0  # remember, to begin with
        # Not among the weights: it has its values even where a module is laid out without memory.
        factors = torch.ones(_ORDER * n_hidden, 1, device="cpu")
        self.register_buffer("factors", factors, persistent=False)
        self.factors[_CELL * n_hidden : (_CELL + 1) * n_hidden] = 2.0
        if n_windows:
            self.to_window = nn.Linear(n_hidden, 3 * n_windows)
            if not self.to_window.weight.is_meta:  # normal_ would import torch's compiler there
                nn.init.normal_(self.to_window.weight, std=0.1 * n_hidden**-0.5)
            weights, widths, steps = self.to_window.bias.data.chunk(3)
            weights.fill_(-float(torch.tensor(n_windows, device="cpu").log()))
            widths.copy_(torch.linspace(-2.0, 0.0, n_windows))
            steps.fill_(float(torch.tensor(first_step, device="cpu").log()))

    factors: Tensor

    def initial_state(self, n: int, context: Tensor | None = None) -> LSTMState:
        """State before the first step of `n` sequences."""
        zeros = self.bias.new_zeros(n, self.n_hidden)
        if not self.n_windows:
            return LSTMState(zeros, zeros)
        assert context is not None
        window = self.bias.new_zeros(n, context.shape[2])
        return LSTMState(zeros, zeros, window, self.bias.new_zeros(n, self.n_windows))

    def forward(
        self,
        inputs: Tensor,
        state: LSTMState,
        context: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None, LSTMState]:
        """Go through sequences.

        Parameters
        ----------
        inputs : Tensor of shape (n_steps, n, n_in)
        state : LSTMState
            Before the first step.
        context : Tensor of shape (n, n_characters, n_context), optional
            The texts, a vector each character; zeros after a text's end.

        Returns
        -------
        hidden : Tensor of shape (n_steps, n, n_hidden), float32 or float64
        window : Tensor of shape (n_steps, n, n_context) or None
            What the window sees after each step.
        state : LSTMState
            After the last step.
        """
        # autocast's dtype; the products are all that is computed in it
        dtype = self.bias.dtype
        if torch.is_autocast_enabled(inputs.device.type):
            dtype = torch.get_autocast_dtype(inputs.device.type)
        clips = self.derivative_clip is not None and torch.is_grad_enabled()
        if not (self.n_windows or clips) and dtype == self.bias.dtype and self.bias.is_cpu:
            return self._run_lstm(inputs, state)
        with torch.autocast(inputs.device.type, enabled=False):
            into_gates = linear(
                inputs.to(dtype),
                (self.weight_input * self.factors).to(dtype),
                (self.bias * self.factors[:, 0]).to(dtype),
            )
            limit = None
            if self.derivative_clip is not None:  # the loss is a mean over the sequences
                limit = self.derivative_clip / inputs.shape[1] / self.factors[:, 0]
            window = (self.to_window.weight, self.to_window.bias) if self.n_windows else (None,) * 2
            hidden, seen, *last = _Recurrence.apply(
                into_gates, self.weight_hidden * self.factors, *window, context, limit, *state
            )
        return hidden, seen, LSTMState(*last)

    def _run_lstm(self, inputs: Tensor, state: LSTMState) -> tuple[Tensor, None, LSTMState]:
        """Go through sequences by the LSTM of `torch.nn.LSTM`, with the weights of this layer."""
        weights = [self.weight_input, self.weight_hidden, self.bias, torch.zeros_like(self.bias)]
        before = (state.hidden[None], state.cell[None])
        hidden, last, cell = torch.lstm(
            inputs, before, weights, True, 1, 0.0, self.training, False, False
        )
        return hidden, None, LSTMState(last[0].detach(), cell[0].detach())

    def window_parameters(self, hidden: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Weights, precisions and steps of the window, each `(..., n_windows)` (eq. 48 to 51)."""
        weights, precisions, steps = self.to_window(hidden).exp().chunk(3, dim=-1)
        return weights, precisions, steps


def window_weights(weights: Tensor, precisions: Tensor, position: Tensor, n: int) -> Tensor:
    """Compute the window's weight of each of `n` characters, `(..., n)` (equation 46; u from 1)."""
    places = torch.arange(1, n + 1, device=position.device, dtype=position.dtype)
    away = (position[..., None] - places) ** 2
    return (weights[..., None] * torch.exp(-precisions[..., None] * away)).sum(dim=-2)


class _Recurrence(torch.autograd.Function):
    """The loop over time of `LSTMLayer`, and its derivative.

    Inputs and weights of the cell gate come doubled (see `_CELL`). Activations are kept in the
    weights' precision, products are computed in that of `into_gates`.
    """

    @staticmethod
    def forward(
        ctx: Any,
        into_gates: Tensor,
        weight: Tensor,
        window_weight: Tensor | None,
        window_bias: Tensor | None,
        context: Tensor | None,
        limit: Tensor | None,
        hidden: Tensor,
        cell: Tensor,
        window: Tensor | None,
        position: Tensor | None,
    ) -> tuple[Tensor | None, ...]:
        n_steps, n, _ = into_gates.shape
        n_hidden = hidden.shape[1]
        dtype, exact = into_gates.dtype, weight.dtype
        across = pack(weight.to(dtype), n)
        gates = weight.new_empty(n_steps, n, _ORDER, n_hidden)
        cells = torch.cat([cell[None], weight.new_empty(n_steps, n, n_hidden)])
        hiddens = torch.cat([hidden[None], weight.new_empty(n_steps, n, n_hidden)])
        tanh = torch.empty_like(cell)
        carried = torch.empty(n, weight.shape[1], dtype=dtype, device=weight.device)
        carried[:, :n_hidden] = hidden
        windows = positions = shapes = None
        if context is not None:
            assert window_weight is not None and window_bias is not None
            assert window is not None and position is not None
            carried[:, n_hidden:] = window
            windows = torch.cat([window[None], weight.new_empty(n_steps, n, window.shape[1])])
            positions = torch.cat([position[None], weight.new_empty(n_steps, *position.shape)])
            shapes = weight.new_empty(n_steps, n, 3 * position.shape[1])
            to_window = window_weight.t()
        steps = zip(into_gates, gates, cells, cells[1:], hiddens[1:], strict=False)
        for t, (into, gate, before, after, out) in enumerate(steps):
            torch.add(into, multiply(carried, across), out=gate.view(n, -1)).sigmoid_()
            enter, keep, new, show = gate.unbind(1)
            new.mul_(2).sub_(1)
            torch.mul(keep, before, out=after).addcmul_(enter, new)
            torch.mul(after, 2, out=tanh).sigmoid_().mul_(2).sub_(1)
            torch.mul(show, tanh, out=out)
            carried[:, :n_hidden] = out
            if context is not None:
                assert windows is not None and positions is not None and shapes is not None
                assert window_bias is not None
                shape = torch.addmm(window_bias, out, to_window, out=shapes[t]).exp_()
                weights, precisions, moves = shape.chunk(3, dim=1)
                now = torch.add(positions[t], moves, out=positions[t + 1])
                phi = window_weights(weights, precisions, now, context.shape[1])
                seen = torch.bmm(phi[:, None], context)[:, 0]
                windows[t + 1] = seen
                carried[:, n_hidden:] = seen
        ctx.dtype, ctx.exact = dtype, exact
        ctx.save_for_backward(
            weight, window_weight, context, limit, gates, cells, hiddens, windows, positions, shapes
        )
        outputs = hiddens[1:], None if windows is None else windows[1:]
        last = (kept if kept is None else kept[-1] for kept in (hiddens, cells, windows, positions))
        return *outputs, *last

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Gradients; those by the last state are not passed on (truncation in time)."""
        weight, window_weight, context, limit, gates, cells, hiddens, windows, positions, shapes = (
            ctx.saved_tensors
        )
        n_steps, n, _, n_hidden = gates.shape
        by_hidden, by_window = gradients[:2]
        back = pack(weight.to(ctx.dtype).t().contiguous(), n)
        by_gates = torch.empty(n_steps, n, _ORDER * n_hidden, dtype=ctx.dtype, device=weight.device)
        by_carried = weight.new_zeros(n, weight.shape[1])
        by_cell = weight.new_zeros(n, n_hidden)
        exact = weight.new_empty(n, _ORDER, n_hidden)
        if context is not None:
            by_shapes = torch.empty_like(shapes)
            by_position = torch.zeros_like(positions[0])
            places = torch.arange(1, context.shape[1] + 1, device=weight.device, dtype=weight.dtype)
        for start in reversed(range(0, n_steps, _BLOCK)):
            block = slice(start, min(n_steps, start + _BLOCK))
            factors, into_cell = _factors(gates[block], cells[block], cells[1:][block])
            for t in reversed(range(block.start, block.stop)):
                by_out = by_carried[:, :n_hidden]
                if by_hidden is not None:
                    by_out = by_out + by_hidden[t]
                if context is not None:
                    by_seen = by_carried[:, n_hidden:]
                    if by_window is not None:
                        by_seen = by_seen + by_window[t]
                    by_phi = torch.bmm(context, by_seen[:, :, None])[:, None, :, 0]
                    weights, precisions, moves = shapes[t].chunk(3, dim=1)
                    away = positions[t + 1][:, :, None] - places
                    squares = away * away
                    parts = torch.exp(-precisions[:, :, None] * squares).mul_(weights[:, :, None])
                    parts *= by_phi
                    by_weights, by_precisions, by_moves = by_shapes[t].chunk(3, dim=1)
                    torch.sum(parts, dim=2, out=by_weights)
                    torch.sum(squares.mul_(parts), dim=2, out=by_precisions).mul_(precisions).neg_()
                    by_position -= (away.mul_(parts).sum(dim=2)) * precisions * 2
                    torch.mul(by_position, moves, out=by_moves)
                    by_out = torch.addmm(by_out, by_shapes[t], window_weight)
                by_cell.addcmul_(by_out, into_cell[t - start])
                factor = factors[t - start]
                torch.mul(by_cell[:, None], factor[:, :3], out=exact[:, :3])
                torch.mul(by_out, factor[:, 3], out=exact[:, 3])
                flat = exact.view(n, -1)
                if limit is not None:
                    flat.clamp_(-limit, limit)
                by_gate = by_gates[t].copy_(flat)
                by_cell.mul_(gates[t, :, 1])
                by_carried = multiply(by_gate, back).to(ctx.exact)
        flat = by_gates.view(n_steps * n, -1)
        carried = hiddens[:-1] if windows is None else torch.cat([hiddens[:-1], windows[:-1]], 2)
        carried = carried.reshape(n_steps * n, -1).to(ctx.dtype)
        by_weight = weight_gradient(flat, carried)
        by_window_weight = by_window_bias = None
        if context is not None:
            flat_shapes = by_shapes.view(n_steps * n, -1)
            by_window_weight = flat_shapes.t() @ hiddens[1:].reshape(n_steps * n, -1)
            by_window_bias = flat_shapes.sum(dim=0)
        return (
            by_gates, by_weight.to(ctx.exact), by_window_weight, by_window_bias, *(None,) * 6
        )  # fmt: skip


def _factors(gates: Tensor, before: Tensor, after: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the factors of derivatives in the backward pass, for a block of steps at once.

    Into each gate comes the cell's derivative (of the output gate: that of the hidden vector) times
    the first, `(n_steps, n, 4, n_hidden)`; into the cell the hidden vector's times the second.
    """
    enter, keep, new, show = gates.unbind(2)
    tanh = torch.mul(after, 2).sigmoid_().mul_(2).sub_(1)
    factors = torch.empty_like(gates)
    torch.mul(enter, 1 - enter, out=factors[:, :, 0]).mul_(new)
    torch.mul(keep, 1 - keep, out=factors[:, :, 1]).mul_(before)
    torch.mul(new, new, out=factors[:, :, 2]).neg_().add_(1).mul_(enter).mul_(0.5)
    torch.mul(show, 1 - show, out=factors[:, :, 3]).mul_(tanh)
    return factors, (1 - tanh * tanh).mul_(show)
