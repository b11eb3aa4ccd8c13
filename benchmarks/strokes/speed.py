"""Graves' synthesis network against the loop over cells that one would write first.

    OMP_NUM_THREADS=1 python -m benchmarks.strokes.speed

Training: forward and backward of one batch, against `nn.LSTMCell`s with the window between them and
autograd over all of it; same weights, both in float32, and ours in bfloat16 besides. Sampling: a
step at a time, against the same cells with torch.distributions. All run in turns in one process;
printed are the medians of the rounds' ratios, and how far the numbers lie apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.distributions import (
    Bernoulli,
    Categorical,
    MixtureSameFamily,
    MultivariateNormal,
)

from hwsk.networks.mixture import MixtureLoss, make_mixture
from hwsk.networks.strokes import StrokeNetwork
from hwsk.synthesis._sampling import sample


class CellByCell(nn.Module):
    """The same network, as its equations stand: everything is done at each step."""

    def __init__(self, network: StrokeNetwork) -> None:
        super().__init__()
        self.n_mixtures = network.n_mixtures
        self.cells = nn.ModuleList()
        for layer in network.layers:
            weight = layer.weight_hidden[:, : layer.n_hidden]
            inputs = torch.cat([layer.weight_input, layer.weight_hidden[:, layer.n_hidden :]], 1)
            cell = nn.LSTMCell(inputs.shape[1], layer.n_hidden)
            cell.weight_ih.data, cell.weight_hh.data = inputs.data.clone(), weight.data.clone()
            cell.bias_ih.data = layer.bias.data.clone()
            cell.bias_hh.data.zero_()
            self.cells.append(cell)
        self.to_window = network.layers[0].to_window
        self.head = network.head

    def start(self, n: int, context: Tensor) -> tuple:
        zeros = [context.new_zeros(n, cell.hidden_size) for cell in self.cells]
        window = context.new_zeros(n, context.shape[2])
        kappa = context.new_zeros(n, self.to_window.out_features // 3)
        return list(zip(zeros, zeros, strict=True)), window, kappa

    def step(self, point: Tensor, state: tuple, context: Tensor) -> tuple[Tensor, tuple]:
        hiddens, window, kappa = state
        places = torch.arange(1, context.shape[1] + 1)
        after, outputs = [], []
        for i, (cell, hidden) in enumerate(zip(self.cells, hiddens, strict=True)):
            below = [point, window] if i == 0 else [point, outputs[-1], window]
            h, c = cell(torch.cat(below, dim=1), hidden)
            if i == 0:
                alpha, beta, step = self.to_window(h).exp().chunk(3, dim=1)
                kappa = kappa + step
                away = (kappa[:, :, None] - places) ** 2
                phi = (alpha[:, :, None] * torch.exp(-beta[:, :, None] * away)).sum(dim=1)
                window = torch.bmm(phi[:, None], context)[:, 0]
            outputs.append(h)
            after.append((h, c))
        return self.head(torch.cat(outputs, dim=1)), (after, window, kappa)

    def forward(self, points: Tensor, context: Tensor) -> Tensor:
        state, outputs = self.start(len(points), context), []
        for point in points.unbind(1):
            output, state = self.step(point, state, context)
            outputs.append(output)
        return torch.stack(outputs, dim=1)

    @torch.no_grad()
    def sample(self, start: Tensor, context: Tensor, n_steps: int) -> Tensor:
        point, state, drawn = start, self.start(len(start), context), []
        for _ in range(n_steps):
            output, state = self.step(point, state, context)
            mixture = make_mixture(output, self.n_mixtures)
            scale = mixture.log_scales.exp()
            covariance = torch.diag_embed(scale**2)
            off = mixture.correlations * scale.prod(dim=-1)
            covariance[..., 0, 1] = covariance[..., 1, 0] = off
            components = MultivariateNormal(mixture.means, covariance)
            density = MixtureSameFamily(Categorical(logits=mixture.log_weights), components)
            lifted = Bernoulli(logits=mixture.lift_logits).sample()
            point = torch.cat([density.sample(), lifted[:, None]], dim=1)
            drawn.append(point)
        return torch.stack(drawn, dim=1)


def timed(call: Callable[[], object]) -> float:
    """Seconds of a call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


@click.command()
@click.option("--hidden", default=400)
@click.option("--batch", default=32)
@click.option("--steps", default=400)
@click.option("--rounds", default=5)
def main(hidden: int, batch: int, steps: int, rounds: int) -> None:
    """Print the ratios."""
    torch.manual_seed(0)
    network = StrokeNetwork(hidden_units=hidden, n_context=80)
    cells = CellByCell(network)
    points = torch.randn(batch, steps + 1, 3)
    points[:, :, 2] = (points[:, :, 2] > 1.5).float()
    context = torch.eye(80)[torch.randint(80, (batch, 30))]
    loss = MixtureLoss(20)
    target = points[:, 1:], torch.full((batch,), steps)

    def train(forward: Callable[[Tensor, Tensor], Tensor], exact: bool = True) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=not exact):
            output = forward(points[:, :-1], context)
        loss(output, target).backward()

    def ours(x: Tensor, text: Tensor) -> Tensor:
        return network(x, text)[0]

    with torch.no_grad():
        apart = (ours(points[:, :-1], context) - cells(points[:, :-1], context)).abs().max()
    rows = []
    for i in range(rounds + 1):
        row = [timed(lambda: train(cells)), timed(lambda: train(ours))]
        row.append(timed(lambda: train(ours, exact=False)))
        for n in (1, batch):
            starts, texts = points[:n, 0], context[:n]
            rngs = [np.random.default_rng(j) for j in range(n)]
            row.append(timed(lambda s=starts, t=texts: cells.sample(s, t, steps)))
            row.append(
                timed(
                    lambda s=starts, t=texts, n=n, r=rngs: sample(
                        network, list(s[:, None]), r, [steps] * n, 0.0, list(t), stop=False
                    )
                )
            )
        if i:  # the first round warms up
            rows.append(row)
    times = np.array(rows)
    ratios = np.median(times[:, [0, 0, 3, 5]] / times[:, [1, 2, 4, 6]], axis=0)
    print(
        f"{date.today()} torch {torch.__version__}, {torch.get_num_threads()} threads, "
        f"3 x {hidden} units, {steps} steps, {rounds} rounds; outputs at most "
        f"{apart:.1e} apart in float32\n"
        f"training, batch {batch}: cell by cell {np.median(times[:, 0]):.2f} s; "
        f"ours {ratios[0]:.2f} times as fast in float32, {ratios[1]:.2f} in bfloat16\n"
        f"sampling: cell by cell {np.median(times[:, 3]) / steps * 1e3:.2f} ms a step of one line, "
        f"ours {ratios[2]:.2f} times as fast; of {batch} lines "
        f"{np.median(times[:, 5]) / steps * 1e3:.2f} ms, ours {ratios[3]:.2f} times"
    )


if __name__ == "__main__":
    main()
