"""Run stroke networks one point at a time, for sampling."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hwsk.networks._products import ColumnProduct
from hwsk.networks.recurrent import LSTMLayer, LSTMState
from hwsk.networks.strokes import StrokeNetwork


class Stepper:
    """A `StrokeNetwork` that goes through `n` sequences a point at a time; there are no gradients.

    In numpy, and on the CPU wherever the network is: besides its products a step is some sixty
    small operations, one after another, and torch takes two to three times as long to start one.
    All vectors stand in columns, `(length, n)`: so each gate is in one piece of memory, and weights
    can be multiplied by some dozens of columns as they are.

    Parameters
    ----------
    network : StrokeNetwork
        Whose weights are copied.
    states : list of LSTMState
        Where the sequences begin, as `StrokeNetwork.initial_states` or `forward` give it.
    context : Tensor of shape (n, n_characters, n_context), optional
        Texts, padded with zero vectors.
    style : Tensor of shape (n, n_style), optional
        The hands; by default zeros, no hand.
    """

    def __init__(
        self,
        network: StrokeNetwork,
        states: list[LSTMState],
        context: Tensor | None = None,
        style: Tensor | None = None,
    ) -> None:
        self._layers = [ColumnProduct(_gate_weights(layer)) for layer in network.lstms]
        self._head = ColumnProduct(_joint(network.head.weight, network.head.bias[:, None]))
        self._hiddens = np.stack([_columns(state.hidden) for state in states])
        self._cells = np.stack([_columns(state.cell) for state in states])
        self._ones = np.ones_like(self._hiddens[0, :1])
        self._window = self._position = self._ones[:0]
        if style is None:
            style = states[0].hidden.new_zeros(self._ones.shape[1], network.n_style)
        self._style = _columns(style)
        self._context = None
        first = states[0]
        if context is not None and first.window is not None and first.position is not None:
            to_window = network.lstms[0].to_window
            self._to_window = ColumnProduct(_joint(to_window.weight, to_window.bias[:, None]))
            self._window, self._position = _columns(first.window), _columns(first.position)
            self._context = context.cpu().numpy()
            self._places = np.arange(1, context.shape[1] + 1, dtype=self._ones.dtype)[:, None]

    def step(self, points: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Densities of the next points after one of each sequence.

        Parameters
        ----------
        points : ndarray of shape (n, 3)

        Returns
        -------
        outputs : ndarray of shape (n, n_outputs)
            For `make_mixture`.
        phi : ndarray of shape (n, n_characters) or None
            What the window sees of each character now (equation 46).
        """
        points, phi = np.ascontiguousarray(points.T), None
        layers = zip(self._layers, self._hiddens, self._cells, strict=True)
        for i, (product, hidden, cell) in enumerate(layers):
            below = [self._hiddens[i - 1], self._window, hidden] if i else [hidden, self._window]
            gates = product(np.concatenate([points, self._style, *below, self._ones]))
            enter, keep, new, show = np.tanh(gates, out=gates).reshape(4, *hidden.shape)
            for gate in (enter, keep, show):
                gate *= 0.5
                gate += 0.5
            cell *= keep
            cell += np.multiply(new, enter, out=new)
            np.multiply(np.tanh(cell, out=new), show, out=hidden)
            if not i and self._context is not None:
                phi = self._move_window(hidden, self._context)
        return self._head(np.concatenate([*self._hiddens, self._ones])).T, phi

    def _move_window(self, hidden: NDArray[Any], context: NDArray[Any]) -> NDArray[Any]:
        """See on in the texts (equations 47 to 51)."""
        shape = self._to_window(np.concatenate([hidden, self._ones]))
        weights, precisions, moves = np.exp(shape, out=shape).reshape(3, -1, 1, hidden.shape[1])
        self._position += moves[:, 0]
        parts = self._places - self._position[:, None]
        parts *= parts
        parts *= -precisions
        parts = np.exp(parts, out=parts)
        parts *= weights
        phi: NDArray[Any] = parts.sum(axis=0).T
        self._window[...] = np.matmul(phi[:, None], context)[:, 0].T
        return phi

    def keep(self, rows: NDArray[Any]) -> None:
        """Go on with these sequences alone."""
        self._hiddens, self._cells, self._ones, self._style, self._window, self._position = (
            np.ascontiguousarray(vectors[..., rows])
            for vectors in (
                self._hiddens, self._cells, self._ones, self._style, self._window, self._position
            )
        )  # fmt: skip
        if self._context is not None:
            self._context = self._context[rows]


def _gate_weights(layer: LSTMLayer) -> NDArray[Any]:
    """Of inputs, state and bias; halved but for the cell gate: sigmoid(x) is tanh(x/2)/2 + 1/2."""
    weight = _joint(layer.weight_input, layer.weight_hidden, layer.bias[:, None])
    weight *= layer.factors.cpu().numpy() / 2
    return weight


def _joint(*weights: Tensor) -> NDArray[Any]:
    joint: NDArray[Any] = torch.cat(weights, dim=1).detach().cpu().numpy()
    return joint


def _columns(vectors: Tensor) -> NDArray[Any]:
    return vectors.detach().t().cpu().numpy().copy()
