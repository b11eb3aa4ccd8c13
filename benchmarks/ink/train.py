"""Train the recognizer of pen strokes for as long as there is time, and go on another day.

    python -m benchmarks.ink.train run --data ink.npz --out RUN
    python -m benchmarks.ink.train run --data ink.npz --out END --branch RUN/last.pt --decay 2000
    python -m benchmarks.ink.train export END/last.pt --data ink.npz ink-lines.hwsk

`run` goes on from RUN/last.pt where it exists. The learning rate warms up and stays constant: a run
has no end. On another machine, where no checkpoint is left, --start MODEL begins with the weights
of a shipped file. A branch with --decay lets it fall to 0 in that many steps, from any checkpoint,
and leaves the run as it is. Words and characters first spare an hour: `ink-lines` began with 2,894
steps of `--shares word=0.7,character=0.15,words=0.15 --batch-size 32`.

SIGTERM saves and stops. The log has the character error rates of validation lines, words and single
characters under the average of the weights. With --device cuda it trains on a GPU; ink.npz (29 MB)
is all that such a machine needs beside the repository.
"""

from __future__ import annotations

import copy
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import hwsk
from benchmarks.ink.data import SHARES, Lines, Mixture, Sample, fixed_samples
from benchmarks.lines.train_english_lm import LEAST_GAIN, N_LEVELS, ORDER, brown_lines
from benchmarks.shared.long_run import (
    last_step,
    learning_rate,
    parse_shares,
    stop_on_signals,
    write_checkpoint,
)
from benchmarks.strokes.data import ALPHABET
from hwsk._data.images import object_array
from hwsk._data.ink import N_FEATURES, normalize_ink, trace_ink
from hwsk.networks.crnn import CTCLoss
from hwsk.networks.ink import InkNetwork
from hwsk.preprocessing.augmentation import RandomStrokeDistortion
from hwsk.recognition import CTCDecoder, InkRecognizer, NgramLanguageModel, detokenize
from hwsk.recognition._ctc_training import count_steps
from hwsk.recognition._decoding import greedy_decode
from hwsk.recognition._ink_prediction import collate_ink

CHUNK = 8  # batches that are drawn together and sorted by length
CLASSES = {character: i + 1 for i, character in enumerate(ALPHABET)}
Batch = tuple[dict[str, Tensor], tuple[Tensor, Tensor]]


class Chunks(Dataset[list[Batch]]):
    """Batches of augmented samples of similar length, by the number of their chunk."""

    def __init__(self, mixture: Mixture, batch_size: int, spacing: float, strength: float) -> None:
        self.mixture, self.batch_size, self.spacing = mixture, batch_size, spacing
        self.augment = make_augmentation(strength) if strength else None

    def __getitem__(self, number: int) -> list[Batch]:
        count = CHUNK * self.batch_size
        samples = [self._prepare(number * count + i) for i in range(count)]
        samples.sort(key=lambda sample: len(sample[0]))
        starts = range(0, count, self.batch_size)
        batches = [collate_ink(samples[i : i + self.batch_size]) for i in starts]
        order = np.random.default_rng(number).permutation(CHUNK)
        return [batches[i] for i in order]

    def _prepare(self, number: int) -> tuple[Any, Any]:
        normalized, text = self.mixture.sample(number)
        features = trace_ink(normalized, self.spacing).features
        if self.augment is not None:
            rng = np.random.default_rng([self.mixture.seed, number, 1])
            changed = trace_ink(self.augment(normalized, rng), self.spacing).features
            if -(-len(changed) // InkNetwork.stride) >= count_steps([text])[0]:
                features = changed
        return features, np.array([CLASSES[character] for character in text])


def make_augmentation(strength: float) -> RandomStrokeDistortion:
    """Make the distortion of normalized strokes; 1 is the class's default."""
    return RandomStrokeDistortion(
        rotation=3.0 * strength,
        shear=0.3 * strength,
        scale_x=(0.75**strength, 1.3**strength),
        scale_y=(0.8**strength, 1.25**strength),
        jitter=0.03 * strength,
        drop=min(0.3 * strength, 0.9),
        move=0.08 * strength,
    )


class Trainer:
    """The network, its average, the optimizer and the number of the next step."""

    def __init__(self, params: dict[str, Any], device: str, lr: float, seed: int) -> None:
        torch.manual_seed(seed)
        self.params, self.device, self.lr = params, torch.device(device), lr
        spacing = {"point_spacing": params["point_spacing"]}
        sizes = {name: value for name, value in params.items() if name not in spacing}
        self.network = InkNetwork(N_FEATURES, len(ALPHABET) + 1, **sizes).to(self.device)
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(self.network.parameters(), lr, weight_decay=1e-2)
        self.criterion = CTCLoss(0.0)
        self.step, self.warm_from = 0, 0
        self.decay: tuple[int, int] | None = None  # step from which the rate falls, and steps

    def rate(self, warmup: int) -> float:
        """Compute the learning rate of the next step."""
        return learning_rate(self.lr, self.step, self.warm_from, warmup, self.decay)

    def train_batch(self, batch: Batch, warmup: int, ema: float) -> float:
        """Take one step, and return the loss."""
        inputs, target = batch
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(warmup)
        output = self.network(*(value.to(self.device) for value in inputs.values()))
        loss = self.criterion(output, tuple(value.to(self.device) for value in target))
        self.optimizer.zero_grad()
        loss.backward()
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {self.step} is {float(loss)}")
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        memory = min(ema, (self.step - self.warm_from) / (self.step - self.warm_from + 10))
        weights = zip(self.average.parameters(), self.network.parameters(), strict=True)
        with torch.no_grad():
            for mean, weight in weights:
                mean.lerp_(weight, 1 - memory)
        return float(loss.detach())

    @torch.inference_mode()
    def measure(self, samples: list[Sample]) -> float:
        """Character error rate of the average, greedy."""
        order = np.argsort([len(strokes) for strokes, _ in samples], kind="stable")
        edits = total = 0
        for start in range(0, len(order), 16):
            part = [samples[i] for i in order[start : start + 16]]
            spacing = self.params["point_spacing"]
            traces = [trace_ink(normalize_ink(strokes), spacing).features for strokes, _ in part]
            inputs, _ = collate_ink([(features, None) for features in traces])
            log_probs, lengths, _ = self.average(*(v.to(self.device) for v in inputs.values()))
            for (_, text), read in zip(part, greedy_decode(log_probs, lengths), strict=True):
                edits += Levenshtein.distance(text, "".join(ALPHABET[i - 1] for i in read))
                total += len(text)
        return edits / total

    def save(self, path: Path) -> None:
        """Write a checkpoint, whole or not at all."""
        state = {
            "step": self.step,
            "warm_from": self.warm_from,
            "decay": self.decay,
            "alphabet": ALPHABET,
            "params": self.params,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
        write_checkpoint(state, path)

    def take_weights(self, model: InkRecognizer) -> None:
        """Begin with the weights of a fitted recognizer."""
        if model.alphabet_ != ALPHABET:
            raise ValueError(f"the model was trained with another alphabet: {model.alphabet_!r}")
        for network in (self.network, self.average):
            network.load_state_dict(model.net_.module_.state_dict())

    def load(self, path: Path) -> None:
        """Go on from a checkpoint."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["alphabet"] != ALPHABET:
            raise ValueError(f"{path} was trained with another alphabet: {state['alphabet']!r}")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.decay = state["step"], state["decay"]
        self.warm_from = state["warm_from"]


@click.group()
def main() -> None:
    """Train and export the recognizer of pen strokes."""


@main.command()
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="A .hwsk model.")
@click.option("--branch", type=click.Path(exists=True, path_type=Path), help="A checkpoint.")
@click.option("--decay", type=int, help="Steps in which the learning rate falls to 0, and the end.")
@click.option("--device", default="cpu")
@click.option("--workers", default=0, help="Processes that prepare samples; 0: this one does.")
@click.option("--seconds", type=float, help="Stop after this time, with a checkpoint.")
@click.option("--steps", type=int, help="Stop before this step, with a checkpoint.")
@click.option("--hidden-units", default=128)
@click.option("--num-layers", default=3)
@click.option("--point-spacing", default=0.2)
@click.option("--batch-size", default=16)
@click.option("--lr", default=1.5e-3)
@click.option("--warmup", default=200, help="Steps.")
@click.option("--ema", default=0.998, help="Decay of the average of the weights.")
@click.option("--dropout", default=0.2)
@click.option("--augment", default=1.0, help="Strength; 0: none.")
@click.option("--shares", help="Of the samples: line=0.6,character=0.4")
@click.option("--seed", default=0)
@click.option("--log-every", default=50)
@click.option("--save-every", default=200)
@click.option("--measure-every", default=1000)
def run(
    data, out, start, branch, decay, device, workers, seconds, steps, hidden_units, num_layers,
    point_spacing, batch_size, lr, warmup, ema, dropout, augment, shares, seed, log_every,
    save_every, measure_every,
) -> None:  # fmt: skip
    """Train until stopped (or --seconds, --steps, or the end of --decay)."""
    out.mkdir(parents=True, exist_ok=True)
    began, last = time.time(), out / "last.pt"
    checkpoint = last if last.exists() else branch
    params = {
        "point_spacing": point_spacing,
        "channels": (48, 96, 128),
        "hidden_units": hidden_units,
        "num_layers": num_layers,
        "dropout": dropout,
    }
    if checkpoint is not None:
        params = torch.load(checkpoint, map_location="cpu", weights_only=True)["params"]
    elif start is not None:
        model = hwsk.load(start)
        params = {name: getattr(model, name) for name in params}
    trainer = Trainer(params, device, lr, seed)
    if checkpoint is not None:
        trainer.load(checkpoint)
    elif start is not None:
        trainer.take_weights(model)
    if decay is not None and trainer.decay is None:
        trainer.decay = (trainer.step, decay)
    end = last_step(steps, trainer.decay)
    mixture = Mixture(Lines(data, "train"), parse_shares(shares, SHARES), seed)
    chunks = Chunks(mixture, batch_size, params["point_spacing"], augment)
    number = -(-trainer.step // CHUNK)  # what is left of a chunk that was begun is not seen
    loader = DataLoader(
        chunks,
        batch_size=None,
        sampler=range(number, number + 10**7),
        num_workers=workers,
        collate_fn=partial(list),
    )
    measured = fixed_samples(data)
    size = sum(p.numel() for p in trainer.network.parameters()) / 1e6
    print(
        f"{datetime.now():%F %T} torch {torch.__version__} on {device}; {size:.2f} million "
        f"weights; {params}; from step {trainer.step}, batches of {batch_size}, rate {lr:g}; "
        f"{len(mixture.lines)} lines; {parse_shares(shares, SHARES)}",
        flush=True,
    )
    stopped = stop_on_signals()
    losses, clock, first, over = [], time.time(), trainer.step, False
    for batches in loader:
        for batch in batches:
            losses.append(trainer.train_batch(batch, warmup, ema))
            over = bool(stopped) or (seconds is not None and time.time() - began > seconds)
            over = over or trainer.step >= end
            if trainer.step % log_every == 0:
                speed = len(losses) * batch_size / (time.time() - clock)
                print(
                    f"{datetime.now():%F %T} step {trainer.step} samples "
                    f"{trainer.step * batch_size} loss {np.mean(losses):.4f} rate "
                    f"{trainer.rate(warmup):.2e} {speed:.1f} samples/s",
                    flush=True,
                )
                losses, clock = [], time.time()
            if trainer.step % save_every == 0 or over:
                trainer.save(last)
            if trainer.step % measure_every == 0 and not over:
                print_rates(trainer, measured)
                clock = time.time()
            if over:
                break
        if over:
            break
    if trainer.step > first and not stopped:
        print_rates(trainer, measured)


def print_rates(trainer: Trainer, measured: dict[str, list[Sample]]) -> None:
    """Print the error rates of the validation samples."""
    rates = {name: trainer.measure(samples) for name, samples in measured.items()}
    print(
        f"{datetime.now():%F %T} step {trainer.step} validation CER "
        + " ".join(f"{name} {rate:.4f}" for name, rate in rates.items()),
        flush=True,
    )


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--data", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--text", default="../shared/data/text/brown_sentences.tsv.gz", type=Path)
@click.option("--lm-weight", default=0.5)
def export(checkpoint: Path, model: Path, data: Path, text: Path, lm_weight: float) -> None:
    """Write the average of a checkpoint as an InkRecognizer, calibrated on validation lines.

    With a language model of the Brown corpus alone, as printed.
    """
    recognizer = to_recognizer(checkpoint)
    lines = Lines(data, "validation")
    strokes = object_array([lines.strokes(row) for row in range(len(lines))])
    greedy = recognizer.score(strokes, lines.texts)
    language_model = NgramLanguageModel(ORDER, least_gain=LEAST_GAIN, n_levels=N_LEVELS)
    language_model.fit([detokenize(line) for line in brown_lines(text)])
    recognizer.set_params(
        decoder=CTCDecoder(beam_width=16, language_model=language_model, lm_weight=lm_weight)
    )
    recognizer.calibrate_temperature(strokes, lines.texts)  # as texts will be decoded
    hwsk.save(recognizer, model, half_precision=True)
    print(
        f"{model}: {model.stat().st_size / 1e6:.1f} MB; temperature {recognizer.temperature_:.3f}, "
        f"confidence {recognizer.confidence_:.3f}; CER of the {len(lines)} validation lines, "
        f"greedy, {1 - greedy:.4f}"
    )


def to_recognizer(checkpoint: Path) -> InkRecognizer:
    """Make the recognizer of a checkpoint's average."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    recognizer = InkRecognizer(**state["params"])
    recognizer.alphabet_ = state["alphabet"]
    recognizer.history_, recognizer.n_iter_ = [], 0
    recognizer._set_network_state(
        {name: value.float().numpy() for name, value in state["average"].items()}
    )
    return recognizer


if __name__ == "__main__":
    main()
