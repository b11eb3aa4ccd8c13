"""Sample strokes from a network, many lines at once, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from hwsk._training.devices import one_thread
from hwsk.networks.mixture import CORRELATION, LOG_SCALES
from hwsk.networks.recurrent import LSTMState
from hwsk.networks.stepper import Stepper
from hwsk.networks.strokes import StrokeNetwork

_RANDOM_STEPS = 256  # for which random numbers are drawn at once
_PATIENCE = 300  # points in which the window should move by two characters, some 50 points' way; it
# doesn't where the network has lost its own


class Sample(NamedTuple):
    """A line as it was drawn, on the network's scale."""

    points: NDArray[np.float32]  # (T, 3)
    places: NDArray[np.float32]  # (T,), the middle of what the window saw; empty without text
    finished: bool  # whether the window passed the text's end


@one_thread()
@torch.inference_mode()
def sample(
    network: StrokeNetwork,
    starts: Sequence[Tensor],
    rngs: Sequence[np.random.Generator],
    most: Sequence[int],
    bias: float,
    contexts: Sequence[Tensor] | None = None,
    stop: bool = True,
    style: Tensor | None = None,
) -> list[Sample]:
    """Draw lines from a network.

    Parameters
    ----------
    network : StrokeNetwork
    starts : sequence of Tensor of shape (T, 3)
        What each line starts with, on the network's scale: its first point, or more, to prime it.
    rngs : sequence of Generator
        One for each line: what is drawn for a line depends on no other.
    most : sequence of int
        Points at most of each line.
    bias : float
        See `make_mixture`.
    contexts : sequence of Tensor of shape (n_characters, n_context), optional
        The texts.
    stop : bool, default=True
        Whether a line ends where the window sees more of the place after the text than of any
        character [1]_; or, unfinished, where it comes no further.
    style : Tensor of shape (n, n_style), optional
        The hands, for a network that sees them; by default zeros, no hand.

    References
    ----------
    .. [1] A. Graves, "Generating sequences with recurrent neural networks", arXiv:1308.0850,
       2013, section 5.3.
    """
    n = len(starts)
    stop = stop and contexts is not None
    sizes = np.array([0 if contexts is None else len(contexts[i]) for i in range(n)])
    context = None if contexts is None else _pad(contexts)
    states = _prime(network, starts, context, style)
    stepper = Stepper(network, states, context, style)
    points = np.stack([start[-1].cpu().numpy() for start in starts])
    rows: NDArray[np.int64] = np.arange(n)  # of the lines that are still being drawn
    limit = np.array(most)
    drawn = np.zeros((n, max(most), points.shape[1]), points.dtype)
    places = np.zeros((n, max(most) if context is not None else 0), np.float32)
    peaks = np.zeros((n, _PATIENCE), np.int64)  # of the window, in the last steps
    lengths, finished = np.zeros(n, np.int64), np.zeros(n, bool)
    step = 0
    while len(rows):
        if step % _RANDOM_STEPS == 0:
            chances = np.stack([_chances(rngs[row]) for row in rows])
        outputs, phi = stepper.step(points)
        points = draw(outputs, network.n_mixtures, bias, chances[:, step % _RANDOM_STEPS])
        drawn[rows, step] = points
        step += 1
        lengths[rows] = step
        ended = limit <= step
        if phi is not None:
            places[rows, step - 1] = phi @ np.arange(phi.shape[1]) / phi.sum(axis=1).clip(1e-9)
            peak, before = phi.argmax(axis=1), peaks[rows, step % _PATIENCE]
            peaks[rows, step % _PATIENCE] = peak
            if stop:
                finished[rows] = passed = peak >= sizes
                ended |= passed
                if step > _PATIENCE:
                    ended |= peak < before + 2
        if ended.any():
            kept = ~ended
            rows, limit, sizes, chances = rows[kept], limit[kept], sizes[kept], chances[kept]
            points = points[kept]
            stepper.keep(kept)
    return [
        Sample(drawn[i, :length], places[i, :length], bool(finished[i]))
        for i, length in enumerate(lengths)
    ]


def draw(
    outputs: NDArray[np.floating[Any]],
    n_mixtures: int,
    bias: float,
    chances: NDArray[np.float64],
) -> NDArray[np.floating[Any]]:
    """A point of each density; in numpy, whose many small steps take a quarter of torch's time.

    Parameters
    ----------
    outputs : ndarray of shape (n, n_outputs)
        As `hwsk.networks.mixture.make_mixture` has them.
    n_mixtures : int
    bias : float
    chances : ndarray of shape (n, 4)
        Two uniform random numbers in [0, 1), for the component and the pen, and two normal ones.

    Returns
    -------
    points : ndarray of shape (n, 3)
        Of the dtype of `outputs`.
    """
    K, n = n_mixtures, len(outputs)
    logits = outputs[:, :K] * (1 + bias)
    weights = np.exp(logits - logits.max(axis=1, keepdims=True)).cumsum(axis=1)
    chosen = (weights <= chances[:, :1] * weights[:, -1:]).sum(axis=1).clip(max=K - 1)
    rows = np.arange(n)
    means = outputs[:, K : 3 * K].reshape(n, K, 2)[rows, chosen]
    scales = outputs[:, 3 * K : 5 * K].reshape(n, K, 2)[rows, chosen]
    scales = np.exp(scales.clip(*LOG_SCALES) - bias)
    z = chances[:, 2:4].astype(outputs.dtype)
    rho = CORRELATION * np.tanh(outputs[rows, 5 * K + chosen])
    z[:, 1] = rho * z[:, 0] + np.sqrt(1 - rho**2) * z[:, 1]
    lifted = chances[:, 1] < expit(outputs[:, 6 * K])
    return np.column_stack([means + scales * z, lifted]).astype(outputs.dtype, copy=False)


def _pad(contexts: Sequence[Tensor]) -> Tensor:
    """Texts as one tensor, with one place more than the longest has: where the window ends."""
    n_places = max(map(len, contexts)) + 1
    padded = contexts[0].new_zeros(len(contexts), n_places, contexts[0].shape[1])
    for row, context in zip(padded, contexts, strict=True):
        row[: len(context)] = context
    return padded


def _prime(
    network: StrokeNetwork,
    starts: Sequence[Tensor],
    context: Tensor | None,
    style: Tensor | None = None,
) -> list[LSTMState]:
    """The states before the last points that are given."""
    states = network.initial_states(len(starts), context)
    if all(len(start) == 1 for start in starts):
        return states
    keys = [
        tuple(_numpy(given).tobytes() for given in of_line)
        for of_line in zip(starts, *(x for x in (context, style) if x is not None), strict=True)
    ]
    firsts = {key: row for row, key in reversed(list(enumerate(keys)))}  # equal ones are run once
    lengths = torch.tensor([len(start) - 1 for start in starts])
    points = pad_sequence([start[:-1] for start in starts], batch_first=True)
    done: dict[int, list[LSTMState]] = {}
    rows, begin = torch.tensor(sorted(firsts.values())), 0
    states = [state.rows(rows) for state in states]
    for end in lengths.unique().tolist():  # all together up to the shortest one's end, and so on
        if end > begin:
            text = None if context is None else context[rows]
            hand = None if style is None else style[rows]
            states = network(points[rows, begin:end], text, states, hand)[1]
        for place in torch.nonzero(lengths[rows] == end)[:, 0]:
            done[int(rows[place])] = [state.rows(place[None]) for state in states]
        going_on = lengths[rows] > end
        rows, begin = rows[going_on], end
        states = [state.rows(going_on) for state in states]
    of_rows = [done[firsts[key]] for key in keys]
    return [LSTMState.join(of_layer) for of_layer in zip(*of_rows, strict=True)]


def _numpy(tensor: Tensor) -> NDArray[Any]:
    return tensor.cpu().numpy()


def _chances(rng: np.random.Generator) -> NDArray[np.float64]:
    """Random numbers of the steps to come, `(_RANDOM_STEPS, 4)`, as `draw` wants them."""
    return np.hstack([rng.random((_RANDOM_STEPS, 2)), rng.standard_normal((_RANDOM_STEPS, 2))])
