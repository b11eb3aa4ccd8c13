"""Train, evaluate and sample the two densities over pen strokes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import Bunch, check_scalar
from sklearn.utils._param_validation import Interval, StrOptions
from skorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from hwsk._data.images import some_rows
from hwsk._data.strokes import check_augmented
from hwsk._limits import LAYERS, UNITS, whole
from hwsk._training.batches import WidthBatches
from hwsk._training.devices import draw_seed
from hwsk._training.estimator import NetworkEstimator
from hwsk._training.net import Net
from hwsk._training.parameters import TRAINING_CONSTRAINTS, fill_docstring
from hwsk._training.schedules import NoisyWeights
from hwsk._wording import some_of
from hwsk.networks.mixture import MixtureLoss, log_density, make_mixture, mask
from hwsk.networks.noise import WeightNoise
from hwsk.networks.optim import CentredRMSprop
from hwsk.networks.strokes import StrokeNetwork
from hwsk.synthesis._sampling import Sample, sample

Strokes = NDArray[np.float32]

MAX_POINTS = 20_000  # of a line of text: more are a page, or a recording that never ended
_SAMPLED_AT_ONCE = 64  # lines
_NO_HAND = 0.2  # of the sequences are learnt without that of a writer

DENSITY_CONSTRAINTS: dict[str, list[Any]] = {
    "hidden_units": [whole(1, UNITS)],
    "num_layers": [whole(1, LAYERS)],
    "n_mixtures": [whole(1, UNITS)],
    "bias": [Interval(Real, 0, 100, closed="both")],  # of an exponent
    "weight_noise": [Interval(Real, 0, None, closed="left"), StrOptions({"adaptive"})],
    "optimizer": [StrOptions({"adamw", "rmsprop"})],
    "output_clip": [Interval(Real, 0, None, closed="neither"), None],
    "lstm_clip": [Interval(Real, 0, None, closed="neither"), None],
    "bptt_steps": [Interval(Integral, 1, None, closed="left"), None],
    **TRAINING_CONSTRAINTS,
}

DENSITY_DOC = """\
    weight_noise : float or "adaptive", default=0.0
        Deviation of Gaussian noise on the weights in each step of training; "adaptive" learns one
        for each weight [2]_, from 0.075 on. Meant for going on (`warm_start`) with a network that
        was trained without.
    optimizer : {"adamw", "rmsprop"}, default="adamw"
        "rmsprop" is the paper's: centred, with momentum 0.9 and its floor of 1e-4 inside the root;
        its rate is 1e-4.
    output_clip, lstm_clip : float or None, default=100.0 and 10.0
        Limits of the derivatives of a line's loss by what the network gives, and by what goes into
        the LSTM's gates.
    bptt_steps : int, default=None
        Truncated backpropagation through time: lines are learnt in pieces of so many points, the
        state is carried from piece to piece, the gradient is not, and what is kept for the way
        back is that of a piece. None goes back to the start of each line."""


def document_density(cls: type) -> type:
    """Put the docstring of the parameters that both densities have at `{density}`."""
    fill_docstring(cls, "density", DENSITY_DOC)
    return cls


class StrokeNet(Net):
    """A net over sequences; long ones can be learnt piece by piece."""

    bptt_steps: int | None = None

    def train_step_single(self, batch: Any, **fit_params: Any) -> dict[str, Any]:
        if self.bptt_steps is None:
            return super().train_step_single(batch, **fit_params)
        self._set_training(True)
        x, (points, lengths) = batch
        states, total = None, 0.0
        outputs = []
        for start in range(0, points.shape[1], self.bptt_steps):
            piece = np.s_[:, start : start + self.bptt_steps]
            known: dict[str, Any] = (
                {} if states is None else {"states": [state.detach() for state in states]}
            )
            y_pred, states = self.infer({**x, "points": x["points"][piece]}, **known)
            left = (lengths - start).clamp(0, self.bptt_steps)
            loss = self.get_loss(y_pred, (points[piece], left), X=x, training=True)
            loss.backward()
            total += loss.detach()
            outputs.append(y_pred.detach())
        return {"loss": total, "y_pred": (torch.cat(outputs, dim=1), states)}


class SequenceDataset(Dataset[tuple[Any, Any]]):
    """Standardised sequences, and vectors of the texts that they write.

    Parameters
    ----------
    sequences : sequence of ndarray of shape (T, 3)
        Of two points or more.
    standardize : callable
        Puts a sequence on the network's scale.
    contexts : sequence of ndarray of shape (n_characters, n_context) or None
    augment : callable or None
        Changes a sequence, afresh in each epoch.
    seed : int
        Decides, with the epoch, the order, the augmentation and the references.
    writers : sequence or None
        Of the sequences: each comes with another one by its writer, its reference.
    """

    def __init__(
        self,
        sequences: Sequence[Strokes],
        standardize: Callable[[Strokes], NDArray[np.float32]],
        contexts: Sequence[NDArray[Any]] | None = None,
        augment: Callable[..., Any] | None = None,
        seed: int = 0,
        writers: Sequence[Any] | None = None,
    ) -> None:
        self.sequences = sequences
        self.standardize = standardize
        self.contexts = contexts
        self.augment = augment
        self.seed = seed
        self.epoch = 0
        self.widths: NDArray[np.int64] | None = np.array([len(points) for points in sequences])
        self.writers = writers
        self._of_writer: dict[Any, list[int]] = defaultdict(list)
        for row, writer in enumerate(() if writers is None else writers):
            self._of_writer[writer].append(row)

    def __len__(self) -> int:
        return len(self.sequences)

    def __getitem__(self, i: int) -> tuple[Any, ...]:
        points = self.sequences[i]
        if self.augment is not None:
            rng = np.random.default_rng([self.seed, self.epoch, i])
            points = check_augmented(self.augment(points, rng), i)
            if len(points) < 2:
                raise ValueError(f"augment left one point of the strokes in row {i}; it takes two")
        sample = self.standardize(points), None if self.contexts is None else self.contexts[i]
        return sample if self.writers is None else (*sample, self._reference(i))

    def _reference(self, i: int) -> NDArray[np.float32]:
        """Another sequence by the writer of one; of some none, so that this is learnt, too."""
        assert self.writers is not None
        rng = np.random.default_rng([self.seed, self.epoch, i, 1])
        others = [row for row in self._of_writer[self.writers[i]] if row != i]
        if not others or rng.random() < _NO_HAND:
            return np.zeros((0, 3), np.float32)
        return self.standardize(self.sequences[others[rng.integers(len(others))]])

    def n_batches(self, batch_size: int) -> int:
        return -(-len(self) // batch_size)

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]:
        return WidthBatches(self, batch_size, shuffle)

    @staticmethod
    def collate(batch: list[tuple[Any, ...]]) -> tuple[dict[str, Any], Any]:
        """Points `(n, T - 1, 3)` and those that follow them, padded with zeros."""
        sequences, contexts, *references = zip(*batch, strict=True)
        points = pad(sequences)
        lengths = torch.tensor([len(points) - 1 for points in sequences])
        x: dict[str, Any] = {"points": points[:, :-1]}
        if contexts[0] is not None:
            x["context"] = pad(contexts).to(points.dtype)
        if references:
            x |= pad_references(references[0], points)
        return x, (points[:, 1:], lengths)


def pad(arrays: Sequence[NDArray[Any]], n: int = 0) -> Tensor:
    """Arrays `(length, width)`, one after another, with zeros at their ends up to `n` at least."""
    padded = np.zeros((len(arrays), max(n, *map(len, arrays)), arrays[0].shape[1]), arrays[0].dtype)
    for row, array in zip(padded, arrays, strict=True):
        row[: len(array)] = array
    return torch.from_numpy(padded)


def pad_references(references: Sequence[NDArray[Any]], like: Tensor) -> dict[str, Tensor]:
    """Sequences as `StrokeNetwork` takes them to see hands; an empty one stands for no hand."""
    lengths = torch.tensor([len(points) for points in references], device=like.device)
    return {"reference": pad(references, 1).to(like), "reference_lengths": lengths}


def check_lengths(sequences: Sequence[Strokes]) -> None:
    """Refuse sequences in which nothing follows, or which can't be lines of text."""
    lengths = np.array([len(points) for points in sequences])
    if (short := np.flatnonzero(lengths < 2)).size:
        raise ValueError(
            f"{some_of(short.size, len(lengths), 'strokes', 'have a single point')}"
            f", rows {some_rows(short)}: no next point to learn from or to score; leave these rows "
            "out"
        )
    if (long := np.flatnonzero(lengths > MAX_POINTS)).size:
        raise ValueError(
            f"strokes in row {long[0]} have {lengths[long[0]]:,} points, more than {MAX_POINTS:,}: "
            "is it a line of text? Cut pages into lines"
        )


def generators(random_state: Any, n: int) -> list[np.random.Generator]:
    """A generator for each of `n` lines, so that a line does not depend on how many there are."""
    seed = draw_seed(random_state)
    return [np.random.default_rng([seed, row]) for row in range(n)]


class StrokeDensity(NetworkEstimator):
    """The estimators' common part: a density of each point given those before it."""

    _net_class = StrokeNet
    _gradient_norm = 5000.0  # of a line's loss, a sum over hundreds of points
    mean_: NDArray[np.float64]
    scale_: NDArray[np.float64]

    def _optimizer(self) -> type[torch.optim.Optimizer]:
        return CentredRMSprop if self.optimizer == "rmsprop" else torch.optim.AdamW

    def _n_context(self) -> int:
        return 0

    def _make_module(self) -> StrokeNetwork:
        return StrokeNetwork(
            self.hidden_units,
            self.num_layers,
            self.n_mixtures,
            derivative_clip=self.lstm_clip,
        )

    def _make_criterion(self) -> MixtureLoss:
        noise = None
        if self.weight_noise:
            with torch.device("meta"):
                weights = list(self._make_module().parameters())
            adaptive = self.weight_noise == "adaptive"
            noise = WeightNoise(weights, 0.075 if adaptive else self.weight_noise, adaptive)
        return MixtureLoss(self.n_mixtures, self.output_clip, noise)

    def _make_net(
        self, module: Any, callbacks: Sequence[Callback] = (), device: str | None = None
    ) -> Net:
        if callbacks and self.weight_noise:  # it will be trained
            callbacks = [NoisyWeights(), *callbacks]
        net = super()._make_net(module, callbacks, device)
        net.bptt_steps = self.bptt_steps
        return net

    def _learn_scale(self, sequences: Sequence[Strokes]) -> None:
        """Mean and deviation of what is to be predicted: the first point of a line is given."""
        offsets = np.concatenate([points[1:, :2] for points in sequences]).astype(np.float64)
        self.mean_, self.scale_ = offsets.mean(axis=0), offsets.std(axis=0)
        self.scale_[self.scale_ == 0] = 1

    def _standardize(self, points: Strokes) -> NDArray[Any]:
        dtype = np.float64 if self.precision == "float64" else np.float32
        scaled: NDArray[Any] = points.astype(dtype)
        scaled[:, :2] = (scaled[:, :2] - self.mean_) / self.scale_
        return scaled

    def _restore(self, points: NDArray[Any]) -> NDArray[Any]:
        """Convert samples to the units of `fit`."""
        restored: NDArray[Any] = points.astype(np.float64)
        restored[:, :2] = restored[:, :2] * self.scale_ + self.mean_
        return restored

    def _restore_strokes(self, points: NDArray[Any]) -> Strokes:
        """Strokes in the units of `fit`: they start where they start, and end with a lift."""
        strokes = np.concatenate([np.zeros((1, 3)), self._restore(points)])
        strokes[-1, 2] = 1
        return strokes.astype(np.float32)

    def _start(self) -> Tensor:
        """The first point of a sequence, on the network's scale, `(1, 3)`."""
        return torch.from_numpy(self._standardize(np.zeros((1, 3), np.float32)))

    def _sample(
        self,
        starts: Sequence[Tensor],
        rngs: Sequence[np.random.Generator],
        most: Sequence[int],
        bias: float,
        contexts: Sequence[NDArray[Any]] | None = None,
        styles: NDArray[np.float32] | None = None,
    ) -> list[Sample]:
        """Draw lines in batches, texts of similar length together."""
        module, device = self.net_.module_.eval(), self.net_.device
        starts = [start.to(device) for start in starts]
        texts = None
        if contexts is not None:
            texts = [torch.from_numpy(context).to(starts[0]) for context in contexts]
        order = np.argsort(most, kind="stable")
        samples: list[Any] = [None] * len(order)
        for first in range(0, len(order), _SAMPLED_AT_ONCE):
            rows = order[first : first + _SAMPLED_AT_ONCE].tolist()
            batch = sample(
                module,
                [starts[row] for row in rows],
                [rngs[row] for row in rows],
                [most[row] for row in rows],
                bias,
                None if texts is None else [texts[row] for row in rows],
                style=None if styles is None else torch.from_numpy(styles[rows]).to(starts[0]),
            )
            for row, drawn in zip(rows, batch, strict=True):
                samples[row] = drawn
        return samples

    def _bias(self, bias: float | None) -> float:
        """The bias to draw with: the argument, or the parameter."""
        bias = self.bias if bias is None else bias
        check_scalar(bias, "bias", Real, min_val=0, max_val=100)
        return float(bias)

    def _fit_sequences(
        self,
        sequences: list[Strokes],
        contexts: list[NDArray[Any]] | None,
        groups: Any,
        further: bool,
        max_epochs: int | None,
        writers: Sequence[Any] | None = None,
    ) -> None:
        def make_dataset(rows: NDArray[np.int64], training: bool, seed: int) -> SequenceDataset:
            return SequenceDataset(
                [sequences[row] for row in rows],
                self._standardize,
                None if contexts is None else [contexts[row] for row in rows],
                self.augment if training else None,
                seed,
                None if writers is None else [writers[row] for row in rows],
            )

        make_module = self._module_to_train_further if further else None
        self._train(make_dataset, len(sequences), groups, make_module, max_epochs)

    def _score_batch(self, output: Any, target: Any) -> tuple[float, float]:
        log_p = self._log_likelihoods(output[0], *target)
        return float((1 - log_p).sum()), float(len(log_p))  # the score is 1 - errors / count

    def _log_likelihoods(self, outputs: Tensor, points: Tensor, lengths: Tensor) -> Tensor:
        """Of each sequence of a batch, in nats."""
        points = points.to(outputs)
        given = mask(lengths.to(outputs.device), points.shape[1])
        log_p = outputs.new_zeros(given.shape, dtype=torch.float64)
        mixture = make_mixture(outputs[given], self.n_mixtures)
        log_p[given] = log_density(mixture, points[given]).double()
        return log_p.sum(dim=1)

    def _score_sequences(
        self, sequences: list[Strokes], contexts: list[NDArray[Any]] | None
    ) -> NDArray[np.float64]:
        check_lengths(sequences)
        scores = np.empty(len(sequences))
        for rows, outputs, target in self._densities(sequences, contexts):
            scores[rows] = self._log_likelihoods(outputs, *target).cpu().numpy()
        return scores

    def _mixtures(
        self, sequences: list[Strokes], contexts: list[NDArray[Any]] | None
    ) -> list[Bunch]:
        """The densities themselves, in the units of `fit`, as `predict_mixture` gives them."""
        check_lengths(sequences)
        mixtures = [Bunch()] * len(sequences)
        for rows, outputs, (_, lengths) in self._densities(sequences, contexts):
            for row, output, length in zip(rows, outputs, lengths.tolist(), strict=True):
                mixture = make_mixture(output[:length].cpu().double(), self.n_mixtures)
                mixtures[row] = Bunch(
                    weights=mixture.log_weights.exp().numpy(),
                    means=mixture.means.numpy() * self.scale_ + self.mean_,
                    scales=mixture.log_scales.exp().numpy() * self.scale_,
                    correlations=mixture.correlations.numpy(),
                    lift=mixture.lift_logits.sigmoid().numpy(),
                )
        return mixtures

    @torch.inference_mode()
    def _densities(
        self, sequences: list[Strokes], contexts: list[NDArray[Any]] | None
    ) -> Iterator[tuple[list[int], Tensor, tuple[Tensor, Tensor]]]:
        """Yield (rows, outputs, target) of batches of similar length, in full precision."""
        dataset = SequenceDataset(sequences, self._standardize, contexts)
        module, device = self.net_.module_.eval(), self.net_.device
        order = np.argsort([len(points) for points in sequences], kind="stable")
        for start in range(0, len(order), self.batch_size):
            rows = order[start : start + self.batch_size].tolist()
            x, target = dataset.collate([dataset[row] for row in rows])
            outputs, _ = module(**{name: value.to(device) for name, value in x.items()})
            yield rows, outputs, target
