"""Train Graves' networks for as long as there is time, and go on another day.

    python -m benchmarks.strokes.train run --data strokes.npz --out RUN
    python -m benchmarks.strokes.train run --data strokes.npz --out END --decay 2000 \
        --branch RUN/last.pt
    python -m benchmarks.strokes.train measure END/last.pt --data strokes.npz
    python -m benchmarks.strokes.train export END/last.pt synthesizer.hwsk

`run` starts from the shipped model's weights and goes on from RUN/last.pt where it exists. The
learning rate warms up and stays constant: a run has no end. A branch with --decay lets it fall to 0
in that many steps, from any checkpoint, and leaves the run as it is. The log has the likelihoods of
150 validation lines and of 150 training lines under the average of the weights, in the paper's
units (nats a line): their distance says whether the network learns by heart. Against that there are
weight decay and the paper's adaptive weight noise (--noise).
"""

from __future__ import annotations

import copy
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

import hwsk
from benchmarks.shared.long_run import (
    last_step,
    learning_rate,
    parse_shares,
    stop_on_signals,
    write_checkpoint,
)
from benchmarks.strokes.data import ALPHABET, LIKE, SHARES, SHIPPED, Lines, Mixture
from hwsk.networks.mixture import MixtureLoss, log_density, make_mixture, mask
from hwsk.networks.noise import WeightNoise
from hwsk.networks.strokes import StrokeNetwork

MODELS = {"synthesizer": "models/synthesizer.hwsk", "predictor": "models/stroke-predictor.hwsk"}
SAMPLE = 150  # lines that are measured during training
CHUNK = 8  # batches that are drawn together and sorted by length
Batch = tuple[Tensor, Tensor, Tensor, Tensor | None]


class Trainer:
    """The network, its average, the optimizer and the number of the next step."""

    def __init__(self, kind: str, start: Path, device: str, lr: float, decay: float) -> None:
        self.kind, self.device, self.lr = kind, torch.device(device), lr
        self.model = hwsk.load(start)
        if kind == "synthesizer":
            if self.model.alphabet_ not in (SHIPPED, ALPHABET):
                raise ValueError(f"{start} has another alphabet: {self.model.alphabet_!r}")
            extend(self.model)
        self.network: StrokeNetwork = self.model.net_.module_.to(self.device)
        self.weights = list(self.network.parameters())
        for weight in self.weights:
            weight.requires_grad_(True)
        self.average = copy.deepcopy(self.network).eval()
        self.noise: WeightNoise | None = None
        self.optimizer = torch.optim.AdamW(self.weights, lr, weight_decay=decay)
        self.criterion = MixtureLoss(self.network.n_mixtures, derivative_clip=100.0)
        self.step, self.warm_from = 0, 0
        self.decay: tuple[int, int] | None = None  # step from which the rate falls, and steps

    def start_noise(self, n_samples: int) -> None:
        """Learn a deviation for each weight from now on, the divergence shared by `n_samples`."""
        self.noise = WeightNoise(self.weights, adaptive=True).to(self.device)
        self.n_samples = n_samples
        self.optimizer.add_param_group({"params": list(self.noise.parameters()), "weight_decay": 0})

    def rate(self, warmup: int) -> float:
        """Compute the learning rate of the next step."""
        return learning_rate(self.lr, self.step, self.warm_from, warmup, self.decay)

    def batch(self, samples: list[tuple[NDArray[np.float32], str]]) -> Batch:
        """Points, those that follow, how many, and the texts."""
        arrays = [self.model._standardize(strokes) for strokes, _ in samples]
        lengths = torch.tensor([len(points) - 1 for points in arrays])
        points = torch.zeros(len(arrays), int(lengths.max()) + 1, 3)
        for row, array in zip(points, arrays, strict=True):
            row[: len(array)] = torch.from_numpy(array)
        context = None
        if self.kind == "synthesizer":
            texts = [text for _, text in samples]
            context = torch.zeros(len(texts), max(map(len, texts)), len(ALPHABET))
            for row, text in zip(context, texts, strict=True):
                row[: len(text)] = torch.from_numpy(self.model._one_hot(text))
            context = context.to(self.device)
        points = points.to(self.device)
        return points[:, :-1], points[:, 1:], lengths.to(self.device), context

    def train_batch(self, batch: Batch, warmup: int, ema: float) -> float:
        """Take one step, and return the loss in nats a line."""
        points, target, lengths, context = batch
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(warmup)
        if self.noise is not None:
            means, noise = self.noise.add(self.weights)
        outputs, _ = self.network(points, context)
        loss = self.criterion(outputs, (target, lengths))
        self.optimizer.zero_grad()
        loss.backward()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {self.step} is {float(loss)}")
        if self.noise is not None:
            self.noise.take_away(self.weights, means, noise, self.n_samples)
        nn.utils.clip_grad_norm_(self.weights, 5000.0)  # of a sum over hundreds of points
        self.optimizer.step()
        self.step += 1
        memory = min(ema, (self.step - self.warm_from) / (self.step - self.warm_from + 10))
        with torch.no_grad():
            for mean, weight in zip(self.average.parameters(), self.weights, strict=True):
                mean.lerp_(weight, 1 - memory)
        return float(loss.detach())

    @torch.inference_mode()
    def score(self, samples: list[tuple[NDArray[np.float32], str]]) -> NDArray[np.float64]:
        """Log-likelihood of each line under the average, in nats."""
        order = np.argsort([len(strokes) for strokes, _ in samples], kind="stable")
        scores = np.empty(len(order))
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            points, target, lengths, context = self.batch([samples[i] for i in rows])
            outputs, _ = self.average(points, context)
            log_p = log_density(make_mixture(outputs, self.average.n_mixtures), target).double()
            scores[rows] = (log_p * mask(lengths, target.shape[1])).sum(dim=1).cpu().numpy()
        return scores

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {
            "kind": self.kind,
            "step": self.step,
            "warm_from": self.warm_from,
            "decay": self.decay,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "noise": None if self.noise is None else self.noise.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_checkpoint(state, path)

    def load(self, path: Path, n_samples: int) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["kind"] != self.kind:
            raise ValueError(f"{path} is a {state['kind']}, no {self.kind}")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.step, self.decay = state["step"], state["decay"]
        self.warm_from = state["warm_from"]
        if state["noise"] is not None:
            self.start_noise(n_samples)
            assert self.noise is not None
            self.noise.load_state_dict(state["noise"])
        self.optimizer.load_state_dict(state["optimizer"])


def extend(model: Any) -> None:
    """Give a synthesizer our alphabet; new characters begin like those that `LIKE` names."""
    if model.alphabet_ == ALPHABET:
        return
    columns = torch.tensor([SHIPPED.index(LIKE[c]) for c in ALPHABET[len(SHIPPED) :]])
    state = model.net_.module_.state_dict()
    for name, weight in state.items():
        sees_text = name == "layers.0.weight_hidden" or (
            name.endswith("weight_input") and not name.startswith("layers.0.")
        )
        if sees_text:  # what the window sees comes last
            new = weight[:, -len(SHIPPED) :][:, columns]
            state[name] = torch.cat([weight, new], dim=1)
    model.alphabet_ = ALPHABET
    model._set_network_state({name: weight.numpy() for name, weight in state.items()})


@click.group()
def main() -> None:
    """Train, measure and export the networks of pen strokes."""


@main.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(list(MODELS)), default="synthesizer")
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="A .hwsk model.")
@click.option("--branch", type=click.Path(exists=True, path_type=Path), help="A checkpoint.")
@click.option("--decay", type=int, help="Steps in which the learning rate falls to 0, and the end.")
@click.option("--device", default="cpu")
@click.option("--seconds", type=float, help="Stop after this time, with a checkpoint.")
@click.option("--steps", type=int, help="Stop before this step, with a checkpoint.")
@click.option("--batch-size", default=32)
@click.option("--lr", default=7e-4)
@click.option("--warmup", default=200, help="Steps.")
@click.option("--ema", default=0.998, help="Decay of the average of the weights.")
@click.option("--weight-decay", default=1e-2)
@click.option("--noise", is_flag=True, help="The paper's adaptive weight noise, from now on.")
@click.option("--shares", help="Of the samples: line=0.5,pair=0.5")
@click.option("--seed", default=0)
@click.option("--log-every", default=25)
@click.option("--save-every", default=100)
@click.option("--measure-every", default=400)
def run(
    data, out, kind, start, branch, decay, device, seconds, steps, batch_size, lr, warmup, ema,
    weight_decay, noise, shares, seed, log_every, save_every, measure_every,
) -> None:  # fmt: skip
    """Train until stopped (or --seconds, --steps, or the end of --decay)."""
    out.mkdir(parents=True, exist_ok=True)
    began, last = time.time(), out / "last.pt"
    trainer = Trainer(kind, start or MODELS[kind], device, lr, weight_decay)
    lines = Lines(data, "train")
    if last.exists() or branch is not None:
        trainer.load(last if last.exists() else branch, len(lines))
    if noise and trainer.noise is None:
        trainer.start_noise(len(lines))
    if decay is not None and trainer.decay is None:
        trainer.decay = (trainer.step, decay)
    end = last_step(steps, trainer.decay)
    mixture = Mixture(lines, parse_shares(shares, SHARES), seed)
    measured = {name: fixed_sample(data, name) for name in ("validation", "train")}
    print(
        f"{datetime.now():%F %T} torch {torch.__version__} on {device}; {kind}, "
        f"{sum(w.numel() for w in trainer.weights):,} weights; from step {trainer.step}, batches "
        f"of {batch_size}, rate {lr:g}, noise {trainer.noise is not None}; {len(lines)} lines; "
        f"{dict(zip(mixture.kinds, mixture.shares.round(2).tolist(), strict=True))}",
        flush=True,
    )
    stopped = stop_on_signals()
    if trainer.step == 0 or (branch is not None and not last.exists()):
        print_scores(trainer, measured)
    losses, points, clock, first = [], 0, time.time(), trainer.step
    chunk: tuple[int, list[Any]] = (-1, [])
    while trainer.step < end:
        number, place = divmod(trainer.step, CHUNK)
        if chunk[0] != number:
            chunk = number, draw_chunk(mixture, number, batch_size)
        batch = trainer.batch(chunk[1][place])
        losses.append(trainer.train_batch(batch, warmup, ema))
        points += int(batch[2].sum())
        over = bool(stopped) or (seconds is not None and time.time() - began > seconds)
        if trainer.step % log_every == 0:
            print(
                f"{datetime.now():%F %T} step {trainer.step} samples {trainer.step * batch_size} "
                f"nats {-np.mean(losses):.1f} a sample, "
                f"{-np.sum(losses) * batch_size / points:.4f} a point, rate "
                f"{trainer.rate(warmup):.2e}, {points / (time.time() - clock):.0f} points/s",
                flush=True,
            )
            losses, points, clock = [], 0, time.time()
        if trainer.step % save_every == 0 or over:
            trainer.save(last)
        if trainer.step % measure_every == 0:
            print_scores(trainer, measured)
            clock = time.time()
        if over:
            break
    if trainer.step > first:
        trainer.save(last)
        if not stopped:
            print_scores(trainer, measured)


def draw_chunk(mixture: Mixture, number: int, batch_size: int) -> list[Any]:
    """Some batches of samples of similar length, in random order."""
    count = CHUNK * batch_size
    samples = [mixture.sample(number * count + i) for i in range(count)]
    samples.sort(key=lambda sample: len(sample[0]))
    batches = [samples[i : i + batch_size] for i in range(0, count, batch_size)]
    order = np.random.default_rng([mixture.seed, number]).permutation(CHUNK)
    return [batches[i] for i in order]


def fixed_sample(data: Path, part: str) -> list[tuple[NDArray[np.float32], str]]:
    """The lines of a part that are measured during training."""
    lines = Lines(data, part)
    rows = np.random.default_rng(0).permutation(len(lines))[:SAMPLE]
    return [(lines.strokes(row), lines.texts[row]) for row in rows]


def print_scores(trainer: Trainer, measured: dict[str, Any]) -> None:
    """Print the likelihoods of the fixed samples."""
    parts = [f"{name} {trainer.score(samples).mean():.1f}" for name, samples in measured.items()]
    print(f"{datetime.now():%F %T} step {trainer.step} nats a line: {', '.join(parts)}", flush=True)


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--kind", type=click.Choice(list(MODELS)), default="synthesizer")
def measure(checkpoint: Path, data: Path, kind: str) -> None:
    """Print the likelihood of all validation lines."""
    trainer = restore(checkpoint, kind)
    lines = Lines(data, "validation")
    scores = trainer.score([(lines.strokes(i), lines.texts[i]) for i in range(len(lines))])
    print(f"{checkpoint} step {trainer.step}: {scores.mean():.1f} nats a line, {len(lines)} lines")


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(list(MODELS)), default="synthesizer")
def export(checkpoint: Path, model: Path, kind: str) -> None:
    """Write the average of a checkpoint as a .hwsk file of float16 weights."""
    trainer = restore(checkpoint, kind)
    weights = {name: value.cpu().numpy() for name, value in trainer.average.state_dict().items()}
    trainer.model._set_network_state(weights)
    hwsk.save(trainer.model, model, half_precision=True)
    print(f"{model}: {model.stat().st_size / 1e6:.1f} MB")


def restore(checkpoint: Path, kind: str) -> Trainer:
    """A trainer as it was at a checkpoint."""
    trainer = Trainer(kind, Path(MODELS[kind]), "cpu", 0.0, 0.0)
    trainer.load(checkpoint, 1)
    return trainer


if __name__ == "__main__":
    main()
