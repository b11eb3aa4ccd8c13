"""Train Graves' networks for as long as there is time, and go on another day.

    python -m benchmarks.strokes.train run --data strokes.npz --out RUN
    python -m benchmarks.strokes.train run --data strokes.npz --out END --decay 2000 \
        --branch RUN/last.pt
    python -m benchmarks.strokes.train measure END/last.pt --data strokes.npz
    python -m benchmarks.strokes.train export END/last.pt synthesizer.hwsk --data strokes.npz

`run` starts from the shipped model's weights and goes on from RUN/last.pt where it exists. The
learning rate warms up and stays constant: a run has no end. A branch with --decay lets it fall to 0
in that many steps, from any checkpoint, and leaves the run as it is. The log has the likelihoods of
150 validation lines and of 150 training lines under the average of the weights, in the paper's
units (nats a line): their distance says whether the network learns by heart. Against that there are
weight decay and the paper's adaptive weight noise (--noise). With --encoder (see `hands`), the
synthesizer learns to write in a hand that a vector describes; the log has the likelihoods without
one, and with that of another line of the writer.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Sequence
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
    use_bfloat16,
    write_checkpoint,
)
from benchmarks.strokes.data import ALPHABET, LIKE, SHARES, SHIPPED, Lines, Mixture, Sample
from hwsk.networks.mixture import MixtureLoss, log_density, make_mixture, mask
from hwsk.networks.noise import WeightNoise
from hwsk.networks.strokes import StrokeNetwork
from hwsk.synthesis._density import pad, pad_references

MODELS = {"synthesizer": "models/synthesizer.hwsk", "predictor": "models/stroke-predictor.hwsk"}
SAMPLE = 150  # lines that are measured during training
N_STYLE = 32  # numbers that describe a hand
CHUNK = 8  # batches that are drawn together and sorted by length
Batch = tuple[Tensor, Tensor, Tensor, dict[str, Any]]


class Trainer:
    """The network, its average, the optimizer and the number of the next step."""

    def __init__(
        self,
        kind: str,
        start: Path,
        device: str,
        lr: float,
        decay: float,
        encoder: dict[str, Tensor] | None = None,
    ) -> None:
        self.kind, self.device, self.lr = kind, torch.device(device), lr
        self.bfloat16 = use_bfloat16(self.device)
        self.model = hwsk.load(start)
        if kind == "synthesizer":
            if self.model.alphabet_ not in (SHIPPED, ALPHABET):
                raise ValueError(f"{start} has another alphabet: {self.model.alphabet_!r}")
            extend(self.model)
            if encoder is not None:
                add_style(self.model, encoder)
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

    def batch(self, samples: Sequence[Sample]) -> Batch:
        """Points, those that follow, how many, and what the network takes beside points."""
        arrays = [self.model._standardize(sample.strokes) for sample in samples]
        lengths = torch.tensor([len(points) - 1 for points in arrays])
        points = pad(arrays).to(self.device)
        given: dict[str, Any] = {}
        if self.kind == "synthesizer":
            texts = pad([self.model._one_hot(sample.text) for sample in samples])
            given["context"] = texts.to(points)
        if self.network.n_style:
            nothing = np.zeros((0, 3), np.float32)
            references = [
                nothing if sample.reference is None else self.model._standardize(sample.reference)
                for sample in samples
            ]
            given |= pad_references(references, points)
        return points[:, :-1], points[:, 1:], lengths.to(self.device), given

    def train_batch(self, batch: Batch, warmup: int, ema: float) -> float:
        """Take one step, and return the loss in nats a line."""
        points, target, lengths, given = batch
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(warmup)
        if self.noise is not None:
            means, noise = self.noise.add(self.weights)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bfloat16):
            outputs, _ = self.network(points, **given)
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
            for kept, buffer in zip(self.average.buffers(), self.network.buffers(), strict=True):
                kept.copy_(buffer)
        return float(loss.detach())

    @torch.inference_mode()
    def score(self, samples: Sequence[Sample]) -> NDArray[np.float64]:
        """Log-likelihood of each line under the average, in nats."""
        order = np.argsort([len(sample.strokes) for sample in samples], kind="stable")
        scores = np.empty(len(order))
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            points, target, lengths, given = self.batch([samples[i] for i in rows])
            outputs, _ = self.average(points, **given)
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


def encoder_of(path: Path) -> dict[str, Tensor] | None:
    """The weights of the encoder in a file of `hands`, or in a checkpoint that has one."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    if "network" in state:
        start = "encoder."
        network = state["network"].items()
        state = {name.removeprefix(start): w for name, w in network if name.startswith(start)}
    return state or None


def add_style(model: Any, encoder: dict[str, Tensor]) -> None:
    """Let a synthesizer see a hand, which at first changes nothing that it writes."""
    if model.style_units:
        return
    state = model.net_.module_.state_dict()
    for name, weight in state.items():
        if name.endswith("weight_input"):
            blind = weight.new_zeros(len(weight), N_STYLE)
            state[name] = torch.cat([weight[:, :3], blind, weight[:, 3:]], dim=1)
    state |= {f"encoder.{name}": weight for name, weight in encoder.items()}
    model.style_units = N_STYLE
    model._set_network_state({name: weight.numpy() for name, weight in state.items()})


@click.group()
def main() -> None:
    """Train, measure and export the networks of pen strokes."""


@main.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(list(MODELS)), default="synthesizer")
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="A .hwsk model.")
@click.option("--encoder", type=click.Path(exists=True, path_type=Path), help="Of hands.")
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
    data, out, kind, start, encoder, branch, decay, device, seconds, steps, batch_size, lr, warmup,
    ema, weight_decay, noise, shares, seed, log_every, save_every, measure_every,
) -> None:  # fmt: skip
    """Train until stopped (or --seconds, --steps, or the end of --decay)."""
    out.mkdir(parents=True, exist_ok=True)
    began, last = time.time(), out / "last.pt"
    before = last if last.exists() else branch or encoder
    trainer = Trainer(
        kind, start or MODELS[kind], device, lr, weight_decay, before and encoder_of(before)
    )
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
        f"of {batch_size}, rate {lr:g}, noise {trainer.noise is not None}, "
        f"bfloat16 {trainer.bfloat16}; {len(lines)} lines; "
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
    samples.sort(key=lambda sample: len(sample.strokes))
    batches = [samples[i : i + batch_size] for i in range(0, count, batch_size)]
    order = np.random.default_rng([mixture.seed, number]).permutation(CHUNK)
    return [batches[i] for i in order]


def with_references(lines: Lines, rows: Iterable[int]) -> list[Sample]:
    """Lines, each with another one of its writer, of another form where there is one."""
    samples = []
    for row in rows:
        same = [i for i, name in enumerate(lines.names) if name == lines.names[row] and i != row]
        apart = [i for i in same if lines.forms[i] != lines.forms[row]]
        other = np.random.default_rng(row).choice(apart or same or [-1])
        reference = None if other < 0 else lines.strokes(int(other))
        samples.append(Sample(lines.strokes(row), lines.texts[row], reference))
    return samples


def fixed_sample(data: Path, part: str) -> list[Sample]:
    """The lines of a part that are measured during training."""
    lines = Lines(data, part)
    rows = np.random.default_rng(0).permutation(len(lines))[:SAMPLE]
    return with_references(lines, rows.tolist())


def means(trainer: Trainer, samples: list[Sample]) -> str:
    """Return the mean likelihood of samples; if the network sees hands, without and with."""
    scores = [trainer.score([sample._replace(reference=None) for sample in samples])]
    if trainer.network.n_style:
        scores.append(trainer.score(samples))
    return ", in a given hand ".join(f"{score.mean():.1f}" for score in scores)


def print_scores(trainer: Trainer, measured: dict[str, Any]) -> None:
    """Print the likelihoods of the fixed samples."""
    parts = [f"{name} {means(trainer, samples)}" for name, samples in measured.items()]
    print(f"{datetime.now():%F %T} step {trainer.step} nats a line: {', '.join(parts)}", flush=True)


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--kind", type=click.Choice(list(MODELS)), default="synthesizer")
def measure(checkpoint: Path, data: Path, kind: str) -> None:
    """Print the likelihood of all validation lines."""
    trainer = restore(checkpoint, kind)
    lines = Lines(data, "validation")
    scores = means(trainer, with_references(lines, range(len(lines))))
    print(f"{checkpoint} step {trainer.step}: {scores} nats a line, {len(lines)} lines")


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(exists=True, path_type=Path), help="Of its writers.")
@click.option("--kind", type=click.Choice(list(MODELS)), default="synthesizer")
def export(checkpoint: Path, model: Path, data: Path | None, kind: str) -> None:
    """Write the average of a checkpoint as a .hwsk file of float16 weights."""
    trainer = restore(checkpoint, kind)
    weights = {name: value.cpu().numpy() for name, value in trainer.average.state_dict().items()}
    trainer.model._set_network_state(weights)
    if trainer.network.n_style:
        if data is None:
            raise click.UsageError("a synthesizer that sees hands keeps those of --data")
        lines = Lines(data, "train")
        strokes = [lines.strokes(row) for row in range(len(lines))]
        trainer.model.styles_ = trainer.model._mean_styles(strokes, lines.names)
        print(f"{len(trainer.model.styles_)} hands")
    hwsk.save(trainer.model, model, half_precision=True)
    print(f"{model}: {model.stat().st_size / 1e6:.1f} MB")


def restore(checkpoint: Path, kind: str) -> Trainer:
    """A trainer as it was at a checkpoint."""
    trainer = Trainer(kind, Path(MODELS[kind]), "cpu", 0.0, 0.0, encoder_of(checkpoint))
    trainer.load(checkpoint, 1)
    return trainer


if __name__ == "__main__":
    main()
