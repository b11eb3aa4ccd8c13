"""Train the recognizer of text lines for as long as there is time, and go on another day.

    python -m benchmarks.lines.train run --pools POOLS --out RUN --start models/iam-lines.hwsk
    python -m benchmarks.lines.train run --pools POOLS --out END --branch RUN/last.pt --decay 4000
    python -m benchmarks.lines.train average ONE/last.pt OTHER/last.pt both.pt
    python -m benchmarks.lines.train export END/last.pt model.hwsk
    python -m benchmarks.lines.train export END/last.pt model.hwsk --english

`run` goes on from RUN/last.pt where it exists. The learning rate warms up and stays constant: a
run has no end. A branch with --decay lets it fall to 0 in that many steps, from any checkpoint, and
leaves the run itself as it is. Two branches of one run that draw other batches (--seed) can be
averaged, and each go on from there: so two cores train one network. With --device cuda it trains in
bfloat16 on what `pack.py` packed.
"""

from __future__ import annotations

import copy
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import cv2
import numpy as np
import torch
from rapidfuzz.distance import Levenshtein
from sklearn.pipeline import Pipeline
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

import hwsk
from benchmarks.lines.data import (
    HEIGHT,
    LETTERS,
    WEIGHTS,
    Mixture,
    Pool,
    find_pools,
    is_feasible,
    preprocessing,
)
from benchmarks.lines.train_english_lm import DECODER
from benchmarks.shared.long_run import (
    last_step,
    learning_rate,
    parse_shares,
    stop_on_signals,
    use_bfloat16,
    write_checkpoint,
)
from hwsk._data.images import resize_to_height
from hwsk.networks.crnn import CRNN, CTCLoss
from hwsk.preprocessing.augmentation import (
    Compose,
    ElasticDistortion,
    RandomAffine,
    RandomBlur,
    RandomContrast,
    RandomMorphology,
    RandomNoise,
)
from hwsk.recognition import CTCDecoder, CTCRecognizer
from hwsk.recognition._decoding import greedy_decode

ASCII = "".join(map(chr, range(32, 127)))
IAM = " !\"#%&'()*+,-./0123456789:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[]abcdefghijklmnopqrstuvwxyz"
ALPHABET = IAM + "".join(sorted((set(ASCII + LETTERS) | set("ì¡")) - set(IAM)))
ENGLISH = IAM + "$=@"
WIDTH_STEP = 64  # pixels; for each new width the CPU kernels take more memory
SAMPLE = 150  # lines of each validation set that are read during training


def augmentation(strength: float = 1.0) -> Compose:
    """Random changes to preprocessed lines; those of the paper come before preprocessing."""
    return Compose(
        [
            RandomAffine(
                rotation=1.0 * strength,
                shear=0.35 * strength,
                scale_x=(0.75, 1.25),
                scale_y=(0.72, 1.08),
                shift=0.06 * strength,
            ),
            ElasticDistortion(alpha=0.9 * strength, sigma=14.0),
            RandomMorphology(thicker=1.0 * strength, thinner=0.6 * strength),
            RandomBlur(sigma=0.8 * strength),
            RandomContrast(fade=min(0.4 * strength, 0.9), gamma=0.5 * strength),
            RandomNoise(0.05 * strength),
        ],
        p=[0.8, 0.5, 0.5, 0.3, 0.4, 0.15],
    )


Batch = tuple[Tensor, Tensor, tuple[Tensor, Tensor]]


class Batches(Dataset[Batch]):
    """Augmented batches of a mixture, by their number."""

    def __init__(self, mixture: Mixture, augment: Compose) -> None:
        self.mixture, self.augment = mixture, augment
        self.classes = {character: i + 1 for i, character in enumerate(ALPHABET)}
        unknown = {c for pool in mixture.pools for text in pool.texts for c in text}
        unknown -= set(ALPHABET)
        if unknown:
            raise ValueError(f"the pools hold characters beyond ALPHABET: {sorted(unknown)}")

    def __getitem__(self, number: int) -> Batch:
        images, texts = [], []
        for place, (pool, row) in enumerate(self.mixture.batch(number)):
            rng = np.random.default_rng([self.mixture.seed, number, place])
            image, text = self.mixture.pools[pool][row], self.mixture.pools[pool].texts[row]
            changed = resize_to_height(self.augment(image, rng), image.shape[0])
            images.append(changed if is_feasible(text, changed.shape[1]) else image)
            texts.append(text)
        return collate(images, texts, self.classes)


def collate(images: list[Any], texts: list[str], classes: dict[str, int]) -> Batch:
    """Images padded to one width, their widths, and the classes of their texts."""
    widths = torch.tensor([image.shape[1] for image in images])
    width = -(-int(widths.max()) // WIDTH_STEP) * WIDTH_STEP
    padded = torch.zeros(len(images), 1, images[0].shape[0], width)
    for row, image in zip(padded, images, strict=True):
        row[0, :, : image.shape[1]] = torch.from_numpy((255 - image).astype(np.float32) / 255)
    characters = torch.tensor([classes[character] for text in texts for character in text])
    return padded, widths, (characters, torch.tensor([len(text) for text in texts]))


class Trainer:
    """The network, its average, the optimizer and the number of the next step."""

    def __init__(self, network: CRNN, device: str, lr: float, dropout: float) -> None:
        self.device = torch.device(device)
        for part in network.modules():
            if isinstance(part, nn.Dropout):
                part.p = dropout
        self.network = network.to(self.device, memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.network).eval()
        self.optimizer = torch.optim.AdamW(network.parameters(), lr, weight_decay=1e-2)
        self.criterion = CTCLoss(0.1)
        self.lr = lr
        self.step = 0
        self.warm_from = 0  # step from which the learning rate warms up
        self.decay: tuple[int, int] | None = None  # step from which it falls, and steps that takes

    def rate(self, warmup: int) -> float:
        """Compute the learning rate of the next step."""
        return learning_rate(self.lr, self.step, self.warm_from, warmup, self.decay)

    def train_batch(self, batch: Batch, warmup: int, ema: float) -> float:
        """Take one step, and return the loss."""
        images, widths, (characters, lengths) = batch
        images = images.to(self.device).contiguous(memory_format=torch.channels_last)
        self.network.train()
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate(warmup)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=use_bfloat16(self.device)):
            output = self.network(images, widths.to(self.device))
        loss = self.criterion(output, (characters.to(self.device), lengths.to(self.device)))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()
        self.step += 1
        memory = min(ema, self.step / (self.step + 10))
        trained = self.network.state_dict()
        with torch.no_grad():
            for name, value in self.average.state_dict().items():
                if value.is_floating_point():
                    value.lerp_(trained[name], 1 - memory)
                else:
                    value.copy_(trained[name])
        return float(loss.detach())

    def save(self, path: Path, *, slim: bool = False) -> None:
        """Write a checkpoint, whole or not at all; a slim one has float16 weights alone."""
        state: dict[str, Any] = {
            "step": self.step,
            "alphabet": ALPHABET,
            "decay": self.decay,
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
        }
        if slim:
            for name in ("network", "average"):
                state[name] = {
                    key: value.half() if value.is_floating_point() else value
                    for key, value in state[name].items()
                }
        else:
            state["optimizer"] = self.optimizer.state_dict()
            state["warm_from"] = self.warm_from
        write_checkpoint(state, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint; after a slim one the learning rate warms up again."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["alphabet"] != ALPHABET:
            raise ValueError(f"{path} was trained with another alphabet: {state['alphabet']!r}")
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self.step, self.decay = state["step"], state["decay"]
        self.warm_from = state.get("warm_from", self.step)
        if "optimizer" in state:
            self.optimizer.load_state_dict(state["optimizer"])


def make_network(start: Path | None, seed: int) -> CRNN:
    """Make the network, with the weights of a recognizer of some of our characters, if given."""
    torch.manual_seed(seed)
    network = CRNN(len(ALPHABET) + 1)
    if start is None:
        return network
    model = hwsk.load(start)
    recognizer = model[-1] if isinstance(model, Pipeline) else model
    if not set(recognizer.alphabet_) <= set(ALPHABET):
        raise ValueError(f"{start} reads another alphabet: {recognizer.alphabet_!r}")
    state = network.state_dict()
    known = [0, *(1 + ALPHABET.index(character) for character in recognizer.alphabet_)]
    for name, value in recognizer.net_.module_.state_dict().items():
        if name.startswith(("head.", "shortcut.")):
            if name.endswith("bias"):
                state[name] -= 4  # characters that the recognizer does not know yet are rare
            state[name][known] = value
        else:
            state[name].copy_(value)
    return network


@torch.inference_mode()
def measure(trainer: Trainer, pools: list[Pool]) -> dict[str, float]:
    """Character error rate of the average, greedy, on a fixed sample of each validation set."""
    rates = {}
    for pool in pools:
        rows = np.random.default_rng(0).permutation(len(pool))[:SAMPLE]
        rows = rows[np.argsort(pool.widths[rows], kind="stable")]
        edits = total = 0
        for start in range(0, len(rows), 16):
            part = rows[start : start + 16]
            images, widths, _ = collate([pool[row] for row in part], ["" for _ in part], {})
            images = images.to(trainer.device).contiguous(memory_format=torch.channels_last)
            log_probs, lengths, _ = trainer.average(images, widths.to(trainer.device))
            for row, read in zip(part, greedy_decode(log_probs, lengths), strict=True):
                text = "".join(ALPHABET[i - 1] for i in read)
                edits += Levenshtein.distance(pool.texts[row], text)
                total += len(pool.texts[row])
        rates[pool.name] = edits / total
    return rates


@click.group()
def main() -> None:
    """Train and export the recognizer of text lines."""


@main.command()
@click.option("--pools", required=True, type=click.Path(exists=True, path_type=Path))
@click.option("--out", required=True, type=click.Path(path_type=Path))
@click.option("--start", type=click.Path(exists=True, path_type=Path), help="A .hwsk model.")
@click.option("--branch", type=click.Path(exists=True, path_type=Path), help="A checkpoint.")
@click.option("--decay", type=int, help="Steps in which the learning rate falls to 0, and the end.")
@click.option("--device", default="cpu")
@click.option("--workers", default=0, help="Processes that augment; 0: this one does.")
@click.option("--seconds", type=float, help="Stop after this time, with a checkpoint.")
@click.option("--steps", type=int, help="Stop before this step, with a checkpoint.")
@click.option("--batch-size", default=16)
@click.option("--lr", default=7e-4)
@click.option("--warmup", default=300, help="Steps.")
@click.option("--ema", default=0.999, help="Decay of the average of the weights.")
@click.option("--dropout", default=0.2)
@click.option("--augment", default=1.0, help="Strength.")
@click.option("--weights", help="Of sources: iam=0.5,copiste=0.5")
@click.option("--seed", default=0)
@click.option("--log-every", default=50)
@click.option("--save-every", default=250)
@click.option("--measure-every", default=1000)
@click.option("--slim", is_flag=True, help="Leave a checkpoint of float16 weights alone.")
def run(
    pools, out, start, branch, decay, device, workers, seconds, steps, batch_size, lr, warmup,
    ema, dropout, augment, weights, seed, log_every, save_every, measure_every, slim,
) -> None:  # fmt: skip
    """Train until stopped (or --seconds, --steps, or the end of --decay)."""
    cv2.setNumThreads(1)
    out.mkdir(parents=True, exist_ok=True)
    began, last = time.time(), out / "last.pt"
    trainer = Trainer(make_network(start, seed), device, lr, dropout)
    if last.exists():
        trainer.load(last)
    elif branch is not None:
        trainer.load(branch)
    if decay is not None and trainer.decay is None:
        trainer.decay = (trainer.step, decay)
    end = last_step(steps, trainer.decay)
    mixture = Mixture(find_pools(pools), parse_shares(weights, WEIGHTS), batch_size, seed)
    validation = find_pools(pools / "validation")
    batches = Batches(mixture, augmentation(augment))
    loader = DataLoader(
        batches,
        batch_size=None,
        sampler=range(trainer.step, end),
        num_workers=workers,
        prefetch_factor=8 if workers else None,
    )
    names = ", ".join(
        f"{pool.name} {len(pool)} ({share:.2f})"
        for pool, share in zip(mixture.pools, mixture.shares, strict=True)
    )
    size = sum(p.numel() for p in trainer.network.parameters()) / 1e6
    print(
        f"{datetime.now():%F %T} torch {torch.__version__} on {device}, bfloat16 "
        f"{use_bfloat16(trainer.device)}; {size:.2f} million weights; from step {trainer.step}, "
        f"batches of {batch_size}; {names}",
        flush=True,
    )
    stopped = stop_on_signals()
    if trainer.step == 0 or branch is not None:
        print_rates(trainer, validation)
    losses, clock, first = [], time.time(), trainer.step
    for batch in loader:
        losses.append(trainer.train_batch(batch, warmup, ema))
        over = bool(stopped) or (seconds is not None and time.time() - began > seconds)
        if trainer.step % log_every == 0:
            speed = len(losses) * batch_size / (time.time() - clock)
            print(
                f"{datetime.now():%F %T} step {trainer.step} lines {trainer.step * batch_size} "
                f"loss {np.mean(losses):.4f} rate {trainer.rate(warmup):.2e} {speed:.1f} lines/s",
                flush=True,
            )
            losses, clock = [], time.time()
        if trainer.step % save_every == 0 or over:
            trainer.save(last, slim=slim)
        if trainer.step % measure_every == 0:
            print_rates(trainer, validation)
            clock = time.time()
        if over:
            break
    if trainer.step > first:
        trainer.save(last, slim=slim)
        print_rates(trainer, validation)


def print_rates(trainer: Trainer, validation: list[Pool]) -> None:
    """Print the error rates of the validation sets."""
    rates = measure(trainer, validation)
    print(
        f"{datetime.now():%F %T} step {trainer.step} validation CER "
        + " ".join(f"{name} {rate:.4f}" for name, rate in rates.items()),
        flush=True,
    )


@main.command("average")
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(exists=True))
@click.argument("out", type=click.Path(path_type=Path))
def average_branches(checkpoints: tuple[str, ...], out: Path) -> None:
    """Write the mean of the weights of branches, with the optimizer of the first."""
    states = [torch.load(file, map_location="cpu", weights_only=True) for file in checkpoints]
    for part in ("network", "average"):
        for name, value in states[0][part].items():
            if value.is_floating_point():
                value.copy_(torch.stack([state[part][name] for state in states]).mean(0))
    write_checkpoint(states[0], out)


@main.command()
@click.argument("checkpoint", type=click.Path(exists=True, path_type=Path))
@click.argument("model", type=click.Path(path_type=Path))
@click.option("--half/--full", default=True, help="float16 weights in the file.")
@click.option("--english", is_flag=True, help="Keep English alone, with its language model.")
def export(checkpoint: Path, model: Path, half: bool, english: bool) -> None:
    """Write the average of a checkpoint as a Pipeline in a .hwsk file."""
    pipeline = to_pipeline(checkpoint, ENGLISH if english else ALPHABET)
    if english:
        decoder = CTCDecoder(language_model=hwsk.load("english-lm"), **DECODER)
        pipeline[-1].set_params(decoder=decoder, detokenize=True)
    hwsk.save(pipeline, model, half_precision=half)
    print(f"{model}: {model.stat().st_size / 1e6:.1f} MB")


def to_pipeline(checkpoint: Path, alphabet: str = ALPHABET) -> Pipeline:
    """Make the Pipeline of preprocessing and recognizer from a checkpoint's average."""
    state = torch.load(checkpoint, map_location="cpu", weights_only=True)
    kept = [0, *(1 + state["alphabet"].index(character) for character in alphabet)]
    for name, value in state["average"].items():
        if name.startswith(("head.", "shortcut.")):
            state["average"][name] = value[kept]
    recognizer = CTCRecognizer(HEIGHT, augment=augmentation(), lr=7e-4, ema_decay=0.999)
    recognizer.alphabet_ = alphabet
    recognizer.levels_ = (1.0, 0.0)
    recognizer.temperature_ = 1.0
    recognizer.history_, recognizer.n_iter_ = [], 0
    recognizer._set_network_state(
        {
            name: (value.float() if value.is_floating_point() else value).numpy()
            for name, value in state["average"].items()
        }
    )
    return Pipeline([*preprocessing(), ("recognize", recognizer)])


if __name__ == "__main__":
    main()
