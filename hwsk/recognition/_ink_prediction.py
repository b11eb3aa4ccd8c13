"""Predict the text of pen strokes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from hwsk._data.images import some_rows
from hwsk._data.ink import Strokes, Trace, count_points, normalize_ink, trace_ink
from hwsk._data.strokes import check_augmented, check_strokes
from hwsk._training.batches import WidthBatches
from hwsk._training.prediction import CHUNK
from hwsk._warn import warn_caller
from hwsk._wording import some_of
from hwsk.networks.ink import InkNetwork
from hwsk.recognition._ctc_prediction import GREEDY, CTCPredictor, Describe
from hwsk.recognition._decoding import Reading
from hwsk.recognition._details import Details, Found, describe
from hwsk.recognition._doubt import is_doubtful

MOST_POINTS = 50_000  # of resampled strokes: 100 times as many as a line has


class InkPredictor(CTCPredictor):
    """Recognize pen strokes; `InkRecognizer` adds the training."""

    point_spacing: float

    def _inputs(self, X: Any) -> list[Strokes]:
        return check_strokes(X)

    def _reader(self) -> Callable[[NDArray[np.float64], int], list[Reading]]:
        """Read samples with the decoder, but a lone character without a language model.

        A model of lines expects a capital where one begins, which alone looks like a small letter.
        """
        read, decoder = super()._reader(), self.decoder
        if decoder is None or decoder.language_model is None or decoder.lexicon is not None:
            return read
        read_greedily = GREEDY._reader(self.alphabet_)

        def read_sample(line: NDArray[np.float64], n_best: int) -> list[Reading]:
            greedy = read_greedily(line, 1)
            return greedy if len(greedy[0][0]) == 1 else read(line, n_best)

        return read_sample

    def _log_probs(
        self, inputs: Sequence[Strokes], *, warn: bool = True
    ) -> Iterator[tuple[int, NDArray[np.float64]]]:
        """Row and log-probabilities of each sample, similar lengths together."""
        prepare = partial(prepare_ink, inputs, spacing=self.point_spacing)
        traces = iter(enumerate(self._map_rows(prepare, len(inputs))))
        while chunk := list(islice(traces, CHUNK * self.batch_size)):
            chunk.sort(key=lambda item: len(item[1].features))
            for start in range(0, len(chunk), self.batch_size):
                batch = chunk[start : start + self.batch_size]
                samples = [(trace.features, None) for _, trace in batch]
                log_probs, lengths, _ = self.net_.evaluation_step(collate_ink(samples))
                for i, (row, _) in enumerate(batch):
                    yield row, log_probs[: lengths[i], i].double().cpu().numpy()

    def _warn_of_doubt(
        self, inputs: Sequence[Strokes], found: NDArray[np.float64], texts: Sequence[str]
    ) -> None:
        rows = np.flatnonzero(is_doubtful(found, self._typical_confidence))
        if len(rows):
            warn_caller(
                f"{some_of(len(rows), len(inputs), 'samples', 'are read with low mean confidence')}"
                f", rows {some_rows(rows)}: not one line of text, another script, turned, or its "
                "strokes not in the order of writing?"
            )

    def _describe(self, inputs: Sequence[Strokes]) -> Describe:
        def record(
            row: int, text: str, found: Found, n_steps: int, places: NDArray[np.int64]
        ) -> Details:
            details = describe(
                text, found, n_steps, None, self.temperature_, places, (0.0, float(n_steps))
            )
            for parts in (details["words"], details["characters"]):
                if parts:  # all ink belongs to some character
                    parts[0]["start"], parts[-1]["stop"] = 0, n_steps
            trace = prepare_ink(inputs, row, spacing=self.point_spacing)
            stroke = np.cumsum(inputs[row][:, 2]) - inputs[row][:, 2]
            for part in (*details["words"], *details["characters"]):
                _locate(part, trace, stroke)
            return details

        return record


def _locate(part: dict[str, Any], trace: Trace, stroke: NDArray[Any]) -> None:
    """Replace time steps by rows of the sample, and add the numbers of the strokes."""
    first, stop = (round(part[end] * InkNetwork.stride) for end in ("start", "stop"))
    first = min(first, len(trace.rows) - 1)
    inked = first + np.flatnonzero(trace.features[first : max(stop, first + 1), 5] == 0)
    rows = trace.rows[inked if len(inked) else [first]]
    part["start"], part["stop"] = int(rows.min()), int(rows.max()) + 1
    part["strokes"] = np.unique(stroke[rows]).astype(int).tolist() if len(inked) else []


def prepare_ink(samples: Sequence[Strokes], row: int, *, spacing: float) -> Trace:
    """Normalize and resample one sample."""
    return trace_ink(check_length(normalize_ink(samples[row]), row, spacing), spacing)


def check_length(normalized: Strokes, row: int, spacing: float) -> Strokes:
    """Refuse what is too long for a line of text."""
    n = count_points(normalized, spacing)
    if n > MOST_POINTS:
        raise ValueError(
            f"strokes in row {row} make {n:,} points at point_spacing={spacing:g}, more than "
            f"{MOST_POINTS:,}: are they one line of text? hwsk.preprocessing.StrokeDenoiser "
            "removes far points and spikes"
        )
    return normalized


Sample = tuple[NDArray[np.float32], Any]


def collate_ink(batch: list[Sample]) -> tuple[dict[str, Tensor], Any]:
    """Points padded with zeros to one length; targets joined end to end."""
    lengths = torch.tensor([len(features) for features, _ in batch])
    padded = torch.zeros(len(batch), int(lengths.max()), batch[0][0].shape[1])
    for row, (features, _) in zip(padded, batch, strict=True):
        row[: len(features)] = torch.from_numpy(features)
    X = {"points": padded, "lengths": lengths}
    targets = [target for _, target in batch]
    if targets[0] is None:
        return X, torch.zeros(0)
    counts = torch.tensor([len(target) for target in targets])
    return X, (torch.from_numpy(np.concatenate(targets)), counts)


class InkDataset(Dataset[Sample]):
    """Points of normalized strokes, with their targets.

    Parameters
    ----------
    samples : sequence of ndarray of shape (T, 3)
        As `normalize_ink` gives them.
    spacing : float
        Of points, in x-heights.
    targets : sequence of ndarray
        Class numbers of each sample's characters.
    least_points : ndarray of int
        Samples that `augment` leaves fewer points than these are used unchanged.
    augment : callable or None
        Changes a sample, afresh in each epoch.
    seed : int
        Decides, with the epoch, the order and the augmentation.
    """

    def __init__(
        self,
        samples: Sequence[Strokes] | NDArray[Any],
        spacing: float,
        targets: Sequence[Any] | NDArray[Any],
        least_points: NDArray[np.int64],
        augment: Callable[[Strokes, np.random.Generator], Strokes] | None = None,
        seed: int = 0,
    ) -> None:
        self.samples = samples
        self.spacing = spacing
        self.targets = targets
        self.least_points = least_points
        self.augment = augment
        self.seed = seed
        self.epoch = 0
        counts = [count_points(sample, spacing) for sample in samples]
        self.widths: NDArray[np.int64] | None = np.array(counts)

    collate = staticmethod(collate_ink)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, i: int) -> Sample:
        features = None
        if self.augment is not None:
            rng = np.random.default_rng([self.seed, self.epoch, i])
            changed = check_augmented(self.augment(self.samples[i].copy(), rng), i)
            if count_points(changed, self.spacing) <= MOST_POINTS:
                features = trace_ink(changed, self.spacing).features
        if features is None or len(features) < self.least_points[i]:
            features = trace_ink(self.samples[i], self.spacing).features
        return features, self.targets[i]

    def n_batches(self, batch_size: int) -> int:
        return -(-len(self) // batch_size)

    def batches(self, batch_size: int, shuffle: bool) -> Sampler[list[int]]:
        return WidthBatches(self, batch_size, shuffle)
